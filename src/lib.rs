//! `imago` keeps every container image in Kubernetes manifests on the digest that its tag points to today.
//!
//! Four rings; a ring imports itself and the rings to its left, never to its right:
//!
//! ```text
//! engine  <-  io  <-  app  <-  cli
//! ```
//!
//! - [`engine`] is pure: no files, network, environment, clock, async, logging or printing. It asks and decides.
//! - [`io`] is one outside world in each file, thin, without opinions.
//! - [`app`] is the order of steps, concurrency, and what is fatal.
//! - [`cli`] is flags in, text out.
//!
//! `tests/it/boundaries.rs` fails on an import against the rings, and on a crate named outside its file.

pub mod app;
pub mod cli;
pub mod engine;
pub mod io;
