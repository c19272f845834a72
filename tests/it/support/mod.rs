<<<<<<< HEAD
//! What the tests stand on: the built binary in a scrubbed environment, the cases of `fixtures/`, servers in the process, and programs
//! that may be missing.

pub(crate) mod binary;
pub(crate) mod cases;
pub(crate) mod engine;
pub(crate) mod programs;
=======
//! What the tests stand on: servers in the process and beside it.

#![allow(unreachable_pub, reason = "the parts are for every module of this one binary")]

pub mod distribution;
>>>>>>> registry
pub mod registry;
pub mod tls;
