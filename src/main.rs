//! The binary: hands over to the library and returns its exit code.

use std::process::ExitCode;

use imago::cli::{self, printer::Printer};

fn main() -> ExitCode {
    let provider = rustls::crypto::ring::default_provider().install_default();
    provider.expect("nothing can have installed another provider before the first line of main");
    let environment = std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    ExitCode::from(cli::run(std::env::args_os(), environment.collect(), &mut Printer::of_the_process()))
}
