//! The order of steps, concurrency, and what is fatal.

pub mod report;
pub mod resolve;
