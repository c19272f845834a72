//! Hosts that are slow, silent, gone or busy. Each is given up soon, and none delays the others.

use std::time::{Duration, Instant};

use imago::io::registry::{Limits, Settings};

use super::faults::impatient;
use super::{ask, ask_all, digest_of, lookup, settings};
use crate::support::registry::TestRegistry;
use crate::support::registry::http::{Body, Response, Server};

#[test]
fn a_registry_that_asks_for_a_long_pause_is_left_alone() {
    let registry = TestRegistry::start();
    registry.push_index("shop/web", "1", &["linux/amd64"], "first");
    registry.fault("shop/web", |_, _, _| {
        Response::new(429).header("retry-after", "3600")
    });
    let images: Vec<String> = (0..30)
        .map(|number| format!("{}/shop/web:{number}", registry.host()))
        .collect();
    let images: Vec<&str> = images.iter().map(String::as_str).collect();
    let (answers, _) = ask_all(impatient(), &images);
    for answer in answers.values() {
        let refusal = answer.as_ref().unwrap_err();
        assert_eq!(
            (refusal.code.as_str(), refusal.hint.as_deref()),
            ("rate-limited", Some("try again in 3600 s"))
        );
    }
    assert_eq!(registry.asked().len(), 3);
}

#[test]
fn a_host_that_refuses_connections_is_not_tried_for_each_of_its_images() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let registry = TestRegistry::start();
    let digest = registry.push_index("shop/web", "1", &["linux/amd64"], "first");
    let good = format!("{}/shop/web:1", registry.host());
    let images: Vec<String> = (0..200)
        .map(|number| format!("{closed}/shop/web:{number}"))
        .chain([good.clone()])
        .collect();
    let images: Vec<&str> = images.iter().map(String::as_str).collect();
    let (mut answers, registry) = ask_all(settings(), &images);
    assert_eq!(digest_of(answers.remove(&lookup(&good)).unwrap()), digest);
    assert_eq!(answers.len(), 200);
    assert!(
        answers
            .values()
            .all(|answer| answer.as_ref().unwrap_err().code.as_str() == "connection-refused")
    );
    let tries: usize = registry
        .trace()
        .values()
        .flatten()
        .filter(|step| step.to_string().contains("connection-refused"))
        .count();
    assert_eq!(tries, 4);
}

#[test]
fn hosts_that_never_answer_do_not_hold_up_the_others() {
    let silent: Vec<Server> = (0..4)
        .map(|_| Server::start(None, |_| Response::new(200).sent(|_| Body::Silence)))
        .collect();
    let registry = TestRegistry::start();
    let digest = registry.push_index("shop/web", "1", &["linux/amd64"], "first");
    let images: Vec<String> = silent
        .iter()
        .flat_map(|server| (0..20).map(move |n| format!("{}/shop/web:{n}", server.address)))
        .collect();
    // There is one slot, and the silent hosts are asked first.
    let limits = Limits {
        tries: 1,
        answer: Duration::from_secs(2),
        patience: Duration::from_millis(20),
        ..settings().limits
    };
    let good = format!("localhost:{}/shop/web:1", registry.address.port());
    let images: Vec<&str> = images
        .iter()
        .map(String::as_str)
        .chain([good.as_str()])
        .collect();
    let resolver = std::sync::Arc::new(
        imago::io::registry::Registry::new(Settings {
            concurrency: 1,
            limits,
            ..settings()
        })
        .unwrap(),
    );
    let wanted = images
        .iter()
        .map(|image| (lookup(image), Default::default()))
        .collect();
    let mut order = Vec::new();
    let mut answers = crate::support::resolve(
        &resolver,
        &wanted,
        imago::app::gate::PlatformLoss::HoldBack,
        |event| {
            if let imago::app::observer::Event::Answered { lookup, .. } = event {
                order.push(lookup);
            }
        },
    );
    assert_eq!(order[0], lookup(&good));
    assert_eq!(digest_of(answers.remove(&lookup(&good)).unwrap()), digest);
}

#[test]
fn a_run_ends_when_its_time_is_over() {
    let silent = Server::start(None, |_| Response::new(200).sent(|_| Body::Silence));
    let limits = Limits {
        run: Duration::from_millis(100),
        ..settings().limits
    };
    let refusal = ask(
        Settings {
            limits,
            ..settings()
        },
        &format!("{}/shop/web:1", silent.address),
    )
    .unwrap_err();
    assert_eq!(
        (refusal.code.as_str(), refusal.cause.as_str()),
        ("timeout", "all registries together took more than 0.1 s")
    );
}

#[test]
fn a_silent_host_is_given_up_after_a_few_questions() {
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&asked);
    let silent = Server::start(None, move |_| {
        counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Response::new(200).sent(|_| Body::Silence)
    });
    let images: Vec<String> = (0..100)
        .map(|number| format!("{}/shop/web:{number}", silent.address))
        .collect();
    let images: Vec<&str> = images.iter().map(String::as_str).collect();
    let limits = Limits {
        answer: Duration::from_millis(100),
        ..settings().limits
    };
    let (answers, _) = ask_all(
        Settings {
            limits,
            per_host: 4,
            ..settings()
        },
        &images,
    );
    assert!(
        answers
            .values()
            .all(|answer| answer.as_ref().unwrap_err().code.as_str() == "timeout")
    );
    // Each lookup is tried twice. A few are under way when the third host is given up.
    let asked = asked.load(std::sync::atomic::Ordering::SeqCst);
    assert!(asked <= 24, "{asked}");
}

#[test]
fn a_host_that_asks_for_a_pause_gets_it_from_all_its_questions() {
    let registry = TestRegistry::start();
    let times = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    for (repository, limited) in [("shop/a", true), ("shop/b", false)] {
        registry.push_index(repository, "1", &["linux/amd64"], "first");
        let times = std::sync::Arc::clone(&times);
        registry.fault(repository, move |_, before, fine| {
            times.lock().unwrap().push(Instant::now());
            if limited && before == 0 {
                Response::new(429).header("retry-after", "1")
            } else {
                fine
            }
        });
    }
    let images = ["a", "b"].map(|name| format!("{}/shop/{name}:1", registry.host()));
    let (answers, _) = ask_all(settings(), &images.each_ref().map(String::as_str));
    assert!(answers.values().all(Result::is_ok));
    let times = times.lock().unwrap();
    assert_eq!(times.len(), 3);
    assert!(
        times[1] - times[0] >= Duration::from_millis(900),
        "{:?}",
        times[1] - times[0]
    );
}
