//! What the tests stand on: the built binary in a scrubbed environment, the cases of `fixtures/`, servers in the process and beside it,
//! and programs that may be missing.

#![allow(
    unreachable_pub,
    reason = "the parts are for every module of this one binary"
)]

pub mod apiserver;
pub(crate) mod binary;
pub(crate) mod cases;
pub mod distribution;
pub(crate) mod edit_anything;
pub(crate) mod engine;
pub(crate) mod large;
pub(crate) mod programs;
pub mod registry;
pub(crate) mod remote;
pub(crate) mod schema;
pub(crate) mod seeds;
pub mod tls;
