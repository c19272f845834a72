//! What the tests stand on: the built binary in a scrubbed environment, the cases of `fixtures/`, servers in the process, and programs
//! that may be missing.

pub(crate) mod binary;
pub(crate) mod cases;
pub(crate) mod engine;
pub(crate) mod programs;
pub mod registry;
