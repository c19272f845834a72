//! How long 200 images take that are 50 ms away, over plain http and over TLS: the round trips, and not much more.
//!
//! The yardstick is what nobody can do without: a connection's handshakes, and `ceil(images / requests at once)` round trips. It fails when
//! a run takes more than one and a half times as long. What else there is: the first question, which goes alone to learn how the registry
//! wants us to sign in, and this machine's work.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "it is for a person, and what it meets unexpectedly ends it"
)]

#[path = "../tests/it/support/delay.rs"]
mod delay;
#[path = "../tests/it/support/registry.rs"]
mod registry;
#[path = "../tests/it/support/tls.rs"]
mod tls;

use std::sync::Arc;
use std::time::{Duration, Instant};

use imago::app::gate::PlatformLoss;
use imago::app::resolve::{Wanted, resolve};
use imago::engine::image::ImageRef;
use imago::io::registry::{Registry, Settings};
use registry::{Access, TestRegistry};
use tokio::runtime::Builder;

const IMAGES: u32 = 200;
const ROUND_TRIP: Duration = Duration::from_millis(50);
const NAME: &str = "registry.example.test";
const ALLOWED: f64 = 1.5;
/// Runs of each kind; the middle one counts.
const RUNS: usize = 5;

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let authority = tls::Authority::new(folder.path());
    let identity = authority.identity(&[NAME], tls::Valid::Now);
    let mut failed = false;
    // Handshakes: TCP takes one round trip, TLS 1.3 one more.
    for (kind, tls, handshakes) in [("plain http", None, 1), ("TLS", Some(identity.config), 2)] {
        let insecure = tls.is_none();
        let registry = TestRegistry::with(Access::Open, tls);
        for number in 0..IMAGES {
            registry.push_image(
                &format!("shop/web-{}", number % 50),
                &format!("1.{number}"),
                "linux/amd64",
                "content",
            );
        }
        let port = delay::start(registry.address, ROUND_TRIP).unwrap().port();
        let host = format!("{NAME}:{port}");
        let settings = Settings {
            insecure: insecure.then(|| host.clone()).into_iter().collect(),
            certificate_authorities: vec![authority.file.clone()],
            addresses: [(NAME.to_owned(), vec!["127.0.0.1".parse().unwrap()])].into(),
            ..Settings::default()
        };
        let at_once = u32::try_from(settings.concurrency.min(settings.per_host)).unwrap();
        let yardstick = ROUND_TRIP * (IMAGES.div_ceil(at_once) + handshakes);
        let mut times: Vec<Duration> = (0..RUNS).map(|_| run(&settings, &host)).collect();
        times.sort();
        let ratio = times[RUNS / 2].as_secs_f64() / yardstick.as_secs_f64();
        println!(
            "{IMAGES} images, {} ms away, {kind}: {:.0} ms, {ratio:.2} of {:.0} ms (at most {ALLOWED}); {} requests, {} connections in {RUNS} runs",
            ROUND_TRIP.as_millis(),
            times[RUNS / 2].as_secs_f64() * 1e3,
            yardstick.as_secs_f64() * 1e3,
            registry.requests().len(),
            registry.connections(),
        );
        failed |= ratio > ALLOWED;
    }
    assert!(
        !failed,
        "a run takes more than {ALLOWED} times as long as its round trips"
    );
}

/// One run from nothing: a new resolver, new connections.
fn run(settings: &Settings, host: &str) -> Duration {
    let wanted: Wanted = (0..IMAGES)
        .map(|number| {
            (
                ImageRef::parse(&format!("{host}/shop/web-{}:1.{number}", number % 50))
                    .unwrap()
                    .lookup(),
                [].into(),
            )
        })
        .collect();
    let started = Instant::now();
    let registry = Arc::new(Registry::new(settings.clone()).unwrap());
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let answers = runtime.block_on(resolve(&registry, &wanted, PlatformLoss::HoldBack, |_| {}));
    runtime.shutdown_background();
    let taken = started.elapsed();
    for (lookup, answer) in answers {
        assert!(answer.is_ok(), "{lookup}: {answer:?}");
    }
    taken
}
