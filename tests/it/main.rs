//! The only integration test binary: a list of modules.
//!
//! Each module tests one side of the program that users rely on. No test connects beyond loopback, reads a real home folder or
//! depends on the wall clock. Each may run alone or in any order.

#![allow(
    clippy::unwrap_used,
    reason = "in a test, what is not there is a failure, and the line is what one needs"
)]
#![allow(
    clippy::print_stderr,
    reason = "a test that leaves something out says so"
)]

mod action;
mod boundaries;
mod cli;
mod cluster;
mod cluster_mode;
mod codes;
mod deploy;
mod faults;
mod files;
mod fleet;
mod flux_policies;
mod foreign;
mod forge;
mod git;
mod images;
mod import;
mod init;
mod laws;
mod library;
mod mutations;
mod newest;
mod pages;
mod pictures;
mod pinned;
mod policies;
mod pre_commit;
mod pushes;
mod registry;
mod release;
mod reports;
mod rewrite;
mod runner_log;
mod settings;
mod sources;
mod spelling;
mod stdin;
mod support;
mod tags;
