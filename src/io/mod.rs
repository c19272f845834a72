//! The outside worlds, one in each file, thin and without opinions.

pub mod credentials;
mod once;
pub mod registry;
pub mod resolver;
