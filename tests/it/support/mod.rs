//! What the tests stand on: servers in the process and beside it.

#![allow(unreachable_pub, reason = "the parts are for every module of this one binary")]

pub mod distribution;
pub mod registry;
pub mod tls;
