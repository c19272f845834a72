//! The order of steps, concurrency, and what is fatal.

mod ahead;
pub mod cluster;
pub mod commit;
mod copies;
pub mod digest;
pub mod edits;
pub mod files;
mod globs;
pub mod images;
pub mod kind_names;
mod lock_check;
pub mod manifest;
pub mod message;
mod nothing;
pub mod observer;
mod overlays;
mod pass;
mod ready;
pub mod report;
pub mod request;
pub mod resolve;
pub mod short;
pub mod source;
pub mod survey;
mod threads;
pub mod workspace;
mod write;
