//! What the tests stand on: servers in the process.

pub mod registry;
