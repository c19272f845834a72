//! The resolver against registries that behave and registries that do not.

mod faults;
mod helpers;
mod hosts;
mod patience;
mod proxies;
mod reading;
mod real;
mod secrets;
mod sign_in;
mod tags;
mod tls;
mod trials;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use imago::app::gate::PlatformLoss;
use imago::app::resolve::Wanted;
use imago::engine::answer::{Answer, Answers, Refusal};
use imago::engine::image::{Digest, ImageRef, Lookup};
use imago::io::registry::{Limits, Registry, Settings};

use crate::support::registry::{Access, TestRegistry, Tokens};

/// Settings with limits that suit a test.
fn settings() -> Settings {
    let limits = Limits {
        connect: Duration::from_secs(5),
        answer: Duration::from_secs(10),
        first_pause: Duration::from_millis(1),
        longest_pause: Duration::from_secs(1),
        ..Limits::default()
    };
    Settings {
        limits,
        ..Settings::default()
    }
}

fn lookup(image: &str) -> Lookup {
    ImageRef::parse(image).unwrap().lookup()
}

fn ask_all(settings: Settings, images: &[&str]) -> (Answers, Arc<Registry>) {
    let registry = Arc::new(Registry::new(settings).unwrap());
    let wanted: Wanted = images
        .iter()
        .map(|image| (lookup(image), BTreeSet::new()))
        .collect();
    (
        crate::support::resolve(&registry, &wanted, PlatformLoss::HoldBack, |_| {}),
        registry,
    )
}

fn ask(settings: Settings, image: &str) -> Result<Answer, Refusal> {
    ask_all(settings, &[image])
        .0
        .remove(&lookup(image))
        .unwrap()
}

fn digest_of(answer: Result<Answer, Refusal>) -> String {
    answer.unwrap().digest.to_string()
}

/// A docker config with one entry, and its temporary folder.
fn docker_config(json: &str) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("config.json");
    std::fs::write(&path, json).unwrap();
    (folder, path)
}

#[test]
fn a_tag_is_answered_by_one_head() {
    let registry = TestRegistry::start();
    let digest = registry.push_index("shop/web", "1.4", &["linux/amd64", "linux/arm64"], "first");
    let image = format!("{}/shop/web:1.4", registry.host());
    assert_eq!(digest_of(ask(settings(), &image)), digest);
    assert_eq!(registry.asked(), ["HEAD /v2/shop/web/manifests/1.4"]);
}

#[test]
fn a_tag_that_is_not_there_is_refused_with_the_reason_that_get_gives() {
    let registry = TestRegistry::start();
    registry.push_image("shop/web", "1.4", "linux/amd64", "first");
    let host = registry.host();
    let refusal = ask(settings(), &format!("{host}/shop/web:9")).unwrap_err();
    assert_eq!(
        (refusal.code.as_str(), registry.asked().len()),
        ("not-found", 2)
    );
    assert_eq!(
        ask(settings(), &format!("{host}/shop/gone:1"))
            .unwrap_err()
            .code
            .as_str(),
        "name-unknown"
    );
}

#[test]
fn a_token_is_got_with_our_own_scope() {
    let registry = TestRegistry::with(Access::Token(Tokens::default()), None);
    let digest = registry.push_image("shop/web", "1.4", "linux/amd64", "first");
    assert_eq!(
        digest_of(ask(
            settings(),
            &format!("{}/shop/web:1.4", registry.host())
        )),
        digest
    );
    assert_eq!(
        registry.asked(),
        [
            "HEAD /v2/shop/web/manifests/1.4",
            "GET /token",
            "HEAD /v2/shop/web/manifests/1.4"
        ]
    );
    assert_eq!(
        registry.requests()[1].query,
        "service=test&scope=repository%3Ashop%2Fweb%3Apull"
    );
}

#[test]
fn basic_credentials_come_from_the_docker_config() {
    let access = Access::Basic {
        user: "user".to_owned(),
        password: "hunter2".to_owned(),
    };
    let registry = TestRegistry::with(access, None);
    let digest = registry.push_image("shop/web", "1.4", "linux/amd64", "first");
    let image = format!("{}/shop/web:1.4", registry.host());
    let json = format!(
        r#"{{"auths":{{"{}":{{"username":"user","password":"hunter2"}}}}}}"#,
        registry.host()
    );
    let (_folder, path) = docker_config(&json);
    assert_eq!(
        digest_of(ask(
            Settings {
                docker_config: Some(path),
                ..settings()
            },
            &image
        )),
        digest
    );
    assert_eq!(
        ask(settings(), &image).unwrap_err().code.as_str(),
        "unauthorized"
    );
}

#[test]
fn a_new_digest_that_loses_a_platform_is_held_back() {
    let registry = TestRegistry::start();
    let old = registry.push_index("shop/web", "1.4", &["linux/amd64", "linux/arm64"], "first");
    let new = registry.push_image("shop/web", "1.4", "linux/amd64", "second");
    let image = format!("{}/shop/web:1.4", registry.host());
    let wanted = Wanted::from([(
        lookup(&image),
        BTreeSet::from([Digest::parse(&old).unwrap()]),
    )]);
    let resolver = Arc::new(Registry::new(settings()).unwrap());
    let answers = crate::support::resolve(&resolver, &wanted, PlatformLoss::HoldBack, |_| {});
    let answer = answers[&lookup(&image)].clone().unwrap();
    assert_eq!(answer.digest.as_str(), new);
    let held: BTreeMap<String, String> = answer
        .held
        .into_iter()
        .map(|(digest, hold)| (digest.to_string(), hold.reason.clone()))
        .collect();
    assert_eq!(
        held,
        BTreeMap::from([(
            old,
            "it lacks linux/arm64, which the recorded digest has".to_owned()
        )])
    );
}

#[test]
fn an_old_schema_1_manifest_loses_nothing() {
    let registry = TestRegistry::start();
    let new = registry.push_index("shop/web", "1.4", &["linux/amd64"], "second");
    let old = registry.push(
        "shop/web",
        "old",
        "text/plain",
        br#"{"schemaVersion":1,"name":"shop/web","signatures":[]}"#,
    );
    // Its digest leaves out the signatures, so its bytes have another digest.
    registry.fault("shop/web", |request, _, fine| {
        match request.path.contains("sha256:") && !fine.headers[0].1.contains("index") {
            true => fine.body(r#"{"schemaVersion":1,"name":"shop/web","signatures":["x"]}"#),
            false => fine,
        }
    });
    let image = format!("{}/shop/web:1.4", registry.host());
    let wanted = Wanted::from([(
        lookup(&image),
        BTreeSet::from([Digest::parse(&old).unwrap()]),
    )]);
    let resolver = Arc::new(Registry::new(settings()).unwrap());
    let answers = crate::support::resolve(&resolver, &wanted, PlatformLoss::HoldBack, |_| {});
    assert_eq!(
        answers[&lookup(&image)],
        Ok(Answer::new(Digest::parse(&new).unwrap()))
    );
}
