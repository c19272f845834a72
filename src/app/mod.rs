//! The order of steps, concurrency, and what is fatal.

pub mod report;
