//! The outside worlds, one in each file, thin and without opinions.

pub mod files;
pub mod links;
pub mod lock;
pub mod resolver;
pub mod scan;
