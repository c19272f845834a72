//! The outside worlds, one in each file, thin and without opinions.

mod child;
pub mod clock;
pub mod cluster;
pub mod credentials;
pub mod files;
pub mod forge;
pub mod git;
pub mod git_folder;
pub mod interrupt;
pub mod links;
pub mod lock;
mod no_proxy;
mod once;
pub mod registry;
mod removal;
pub mod resolver;
pub mod scan;
pub mod scratch;
pub mod stdin;
