//! How long 200 images take that are 50 ms away, over plain http and over TLS, on their tags and with policies: the round trips, and not much
//! more.
//!
//! The yardstick is what nobody can do without: a connection's handshakes, and `ceil(images / requests at once)` round trips, with policies
//! one for the lists of 100 repositories before them. It fails when a run takes more than one and a half times as long. What else there is: the first question, which goes alone to learn how the registry
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
use imago::engine::image::{ImageRef, Lookup};
use imago::engine::version::Policy;
use imago::io::registry::{Registry, Settings};
use registry::{Access, TestRegistry};
use tokio::runtime::Builder;

const IMAGES: u32 = 200;
const REPOSITORIES: u32 = 100;
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
            let repository = format!("shop/moving-{}", number % REPOSITORIES);
            let major = number / REPOSITORIES;
            for tag in [format!("{major}.4.2"), format!("{major}.5.0")] {
                registry.push_image(&repository, &tag, "linux/amd64", &tag);
            }
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
        let heads = IMAGES.div_ceil(at_once);
        let lists = REPOSITORIES.div_ceil(at_once);
        for (what, wanted, trips) in [
            ("tags", on_their_tags(&host), heads),
            ("policies", with_policies(&host), heads + lists),
        ] {
            let yardstick = ROUND_TRIP * (trips + handshakes);
            let mut times: Vec<Duration> = (0..RUNS).map(|_| run(&settings, &wanted)).collect();
            times.sort();
            let ratio = times[RUNS / 2].as_secs_f64() / yardstick.as_secs_f64();
            println!(
                "{IMAGES} images, {what}, {} ms away, {kind}: {:.0} ms, {ratio:.2} of {:.0} ms (at most {ALLOWED}); {} requests, {} connections so far",
                ROUND_TRIP.as_millis(),
                times[RUNS / 2].as_secs_f64() * 1e3,
                yardstick.as_secs_f64() * 1e3,
                registry.requests().len(),
                registry.connections(),
            );
            failed |= ratio > ALLOWED;
        }
    }
    assert!(
        !failed,
        "a run takes more than {ALLOWED} times as long as its round trips"
    );
}

fn on_their_tags(host: &str) -> Wanted {
    let image = |number| format!("{host}/shop/web-{}:1.{number}", number % 50);
    (0..IMAGES)
        .map(|number| (lookup(&image(number)), [].into()))
        .collect()
}

/// Two images of each repository, which go to another tag each.
fn with_policies(host: &str) -> Wanted {
    let policy = Arc::new(Policy::parse("minor").unwrap());
    let image = |number| {
        let (repository, major) = (number % REPOSITORIES, number / REPOSITORIES);
        format!("{host}/shop/moving-{repository}:{major}.4.2")
    };
    (0..IMAGES)
        .map(|number| {
            let lookup = lookup(&image(number)).by(Arc::clone(&policy));
            (lookup, [].into())
        })
        .collect()
}

fn lookup(image: &str) -> Lookup {
    ImageRef::parse(image).unwrap().lookup()
}

/// One run from nothing: a new resolver, new connections.
fn run(settings: &Settings, wanted: &Wanted) -> Duration {
    let started = Instant::now();
    let registry = Arc::new(Registry::new(settings.clone()).unwrap());
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let answers = runtime.block_on(resolve(&registry, wanted, PlatformLoss::HoldBack, |_| {}));
    runtime.shutdown_background();
    let taken = started.elapsed();
    for (lookup, answer) in answers {
        let answer = answer.unwrap_or_else(|refusal| panic!("{lookup}: {refusal:?}"));
        let moved = answer
            .chosen
            .is_none_or(|chosen| chosen.tag.ends_with(".5.0"));
        assert!(moved, "{lookup}");
    }
    taken
}
