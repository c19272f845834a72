//! The binary: hands over to the library and returns its exit code.

use std::hash::{BuildHasher, RandomState};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use imago::cli::{self, printer::Printer, settings::Outside};
use imago::io::interrupt;

/// What is shipped for Linux is static. The allocator of musl would let threads wait for each other.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    hide_panics_of_the_parser();
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

/// The second YAML parser panics on some broken texts. `engine::splice::proof::libyaml` makes a refusal of that, so nobody needs the line
/// that Rust prints about it.
fn hide_panics_of_the_parser() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        let is_parser = |place: &std::panic::Location<'_>| place.file().contains("/libyaml-safer-");
        if !info.location().is_some_and(is_parser) {
            print(info);
        }
    }));
}
