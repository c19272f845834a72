//! How long images take that are 50 ms away: 200 and 2 000 of them, of one host and of ten, over plain http and over TLS, with tokens, and with
//! policies. It is the round trips, and not much more.
//!
//! The yardstick is what nobody can do without: a connection's handshakes, and `ceil(images / requests at once)` round trips; with policies
//! one for the lists of 100 repositories before them; with tokens one for the challenge. It fails when a run takes more than one and a half
//! times as long. What else there is: the first question of a host, which goes alone to learn how it wants us to sign in, and this machine's
//! work.

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
use registry::{Access, TestRegistry, Tokens};
use tokio::runtime::Builder;

/// Images have one of so many repositories, those with policies one of twice as many.
const REPOSITORIES: u32 = 50;
const ROUND_TRIP: Duration = Duration::from_millis(50);
const ALLOWED: f64 = 1.5;
/// Runs of each kind; the middle one counts.
const RUNS: usize = 5;

/// What is measured.
#[derive(Clone, Copy)]
struct Row {
    what: &'static str,
    images: u32,
    hosts: u32,
    tls: bool,
    tokens: bool,
    policies: bool,
}

const ROWS: [Row; 7] = {
    let row = Row {
        what: "",
        images: 200,
        hosts: 1,
        tls: false,
        tokens: false,
        policies: false,
    };
    #[rustfmt::skip]
    let rows = [
        Row { what: "200 images", ..row },
        Row { what: "2 000 images", images: 2000, ..row },
        Row { what: "200 images, 10 hosts", hosts: 10, ..row },
        Row { what: "2 000 images, 10 hosts", images: 2000, hosts: 10, ..row },
        Row { what: "200 images, TLS", tls: true, ..row },
        Row { what: "200 images, 50 repositories with a token each", tokens: true, ..row },
        Row { what: "200 images, policies", policies: true, ..row },
    ];
    rows
};

fn main() {
    let mut failed = false;
    for row in ROWS {
        failed |= measure(row) > ALLOWED;
    }
    let tls = |row: &Row| Row { tls: true, ..*row };
    for (row, what) in [
        (tls(&ROWS[1]), "2 000 images, TLS"),
        (tls(&ROWS[3]), "2 000 images, 10 hosts, TLS"),
        (
            tls(&ROWS[5]),
            "200 images, 50 repositories with a token each, TLS",
        ),
        (tls(&ROWS[6]), "200 images, policies, TLS"),
    ] {
        failed |= measure(Row { what, ..row }) > ALLOWED;
    }
    assert!(
        !failed,
        "a run takes more than {ALLOWED} times as long as its round trips"
    );
}

/// Prints how long it takes, and returns it as a part of what nobody can do without.
fn measure(row: Row) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let authority = tls::Authority::new(folder.path());
    let names: Vec<String> = (0..row.hosts)
        .map(|host| format!("registry-{host}.example.test"))
        .collect();
    // The token server is `localhost`.
    let certified = names.iter().map(String::as_str).chain(["localhost"]);
    let identity = authority.identity(&Vec::from_iter(certified), tls::Valid::Now);
    let access = || match row.tokens {
        true => Access::Token(Tokens {
            challenges: vec![r#"Bearer realm="{realm}",service="test""#.to_owned()],
            ..Tokens::default()
        }),
        false => Access::Open,
    };
    let tls = row.tls.then(|| Arc::clone(&identity.config));
    let registries: Vec<TestRegistry> = (names.iter())
        .map(|_| TestRegistry::with(access(), tls.clone()))
        .collect();
    let mut hosts = Vec::new();
    for (name, registry) in names.iter().zip(&registries) {
        let port = delay::start(registry.address, ROUND_TRIP).unwrap().port();
        hosts.push(format!("{name}:{port}"));
    }
    let settings = Settings {
        insecure: if row.tls { Vec::new() } else { hosts.clone() },
        certificate_authorities: vec![authority.file.clone()],
        addresses: (names.iter())
            .map(|name| (name.clone(), vec!["127.0.0.1".parse().unwrap()]))
            .collect(),
        ..Settings::default()
    };
    let mut wanted = Wanted::new();
    for number in 0..row.images {
        let host = (number % row.hosts) as usize;
        let (lookup, tags) = asked(row, number, &hosts[host]);
        for tag in tags {
            registries[host].push_image(lookup.repository(), &tag, "linux/amd64", &tag);
        }
        wanted.insert(lookup, [].into());
    }
    let at_once = settings.concurrency.min(settings.per_host * hosts.len());
    let trips = |requests: u32| requests.div_ceil(u32::try_from(at_once).unwrap());
    // TCP takes one round trip, TLS 1.3 one more.
    let handshakes = if row.tls { 2 } else { 1 };
    let lists = if row.policies { 2 * REPOSITORIES } else { 0 };
    let yardstick =
        ROUND_TRIP * (handshakes + u32::from(row.tokens) + trips(lists) + trips(row.images));
    let mut times: Vec<Duration> = (0..RUNS).map(|_| run(&settings, &wanted)).collect();
    times.sort();
    let ratio = |time: Duration| time.as_secs_f64() / yardstick.as_secs_f64();
    println!(
        "{}, {} ms away: {:.0} ms, {:.2} ({:.2} to {:.2}) of {:.0} ms (at most {ALLOWED}); {} requests, {} connections a run",
        row.what,
        ROUND_TRIP.as_millis(),
        times[RUNS / 2].as_secs_f64() * 1e3,
        ratio(times[RUNS / 2]),
        ratio(times[0]),
        ratio(times[RUNS - 1]),
        yardstick.as_secs_f64() * 1e3,
        registries
            .iter()
            .map(|one| one.requests().len())
            .sum::<usize>()
            / RUNS,
        registries
            .iter()
            .map(TestRegistry::connections)
            .sum::<usize>()
            / RUNS,
    );
    ratio(times[RUNS / 2])
}

/// An image that is asked for, and the tags of its repository that it needs. Two images of a repository with policies go to another tag each.
fn asked(row: Row, number: u32, host: &str) -> (Lookup, Vec<String>) {
    if !row.policies {
        let tag = format!("1.{number}");
        let image = format!("{host}/shop/web-{}:{tag}", number % REPOSITORIES);
        return (lookup(&image), vec![tag]);
    }
    let (repository, major) = (number % (2 * REPOSITORIES), number / (2 * REPOSITORIES));
    let image = format!("{host}/shop/moving-{repository}:{major}.4.2");
    let policy = Arc::new(Policy::parse("minor").unwrap());
    (
        lookup(&image).by(policy),
        vec![format!("{major}.4.2"), format!("{major}.5.0")],
    )
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
