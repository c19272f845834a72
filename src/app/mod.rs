//! The order of steps, concurrency, and what is fatal.

pub mod digest;
pub mod files;
pub mod report;
pub mod resolve;
