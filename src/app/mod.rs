//! The order of steps, concurrency, and what is fatal.

pub mod digest;
pub mod edits;
pub mod files;
pub mod report;
pub mod resolve;
pub mod source;
pub mod survey;
mod threads;
