//! The one integration binary: a list of modules.

#![allow(clippy::unwrap_used, reason = "a test that meets what it does not expect fails")]

mod registry;
mod support;
