//! The binary: hands over to the library and returns its exit code.

use std::hash::{BuildHasher, RandomState};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use imago::cli::{self, printer::Printer, settings::Outside};
use imago::io::interrupt;

fn main() -> ExitCode {
    interrupt::listen().expect("the system lets every process handle SIGINT and SIGTERM");
    let provider = rustls::crypto::ring::default_provider().install_default();
    provider.expect("nothing can have installed another provider before the first line of main");
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_secs().cast_signed());
    let outside = Outside {
        environment: std::env::vars_os().collect(),
        seed: RandomState::new().hash_one(0),
        now,
    };
    ExitCode::from(cli::run(
        std::env::args_os(),
        &outside,
        &mut Printer::of_the_process(),
    ))
}
