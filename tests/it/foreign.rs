//! Damaged text for every other parser of foreign input: no panic, no hang, and what is accepted comes out as it went in.
//!
//! It works like `mutations` does for manifests. `IMAGO_MUTATIONS=1000000` tries more of each, `IMAGO_FUZZ_SECONDS=600` tries
//! each for that long, and `IMAGO_MUTATIONS_SEED=17` only tries that seed.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use imago::app::gate::PlatformLoss;
use imago::app::message::Template;
use imago::cli::config;
use imago::engine::annotation::Originals;
use imago::engine::image::{Digest, ImageRef};
use imago::engine::live::Live;
use imago::engine::running::Pod;
use imago::engine::selector::field::FieldSelector;
use imago::engine::selector::image::ImageFilter;
use imago::engine::selector::label::LabelSelector;
use imago::io::cluster::{Cluster, Settings as ClusterSettings};
use imago::io::git::identity::Person;
use imago::io::lock::{self, Lock, Prune};
use imago::io::registry::{Limits, Map, Registry, Settings};

use crate::laws::random::Random;

/// How many inputs an ordinary run tries of each.
const COUNT: u64 = 5_000;
/// No text of these sizes takes this long, unless some cost grows faster than the input.
const PATIENCE: Duration = Duration::from_secs(20);

/// Texts with a meaning to one of the parsers.
const PIECES: [&str; 38] = [
    "\"",
    "'",
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    ",",
    ":",
    "@",
    "/",
    "=",
    "==",
    "!=",
    "!",
    "*",
    "**",
    "?",
    "\\",
    "-",
    ".",
    " in ",
    " notin ",
    "sha256:",
    "\n",
    "\r",
    "\0",
    "\u{1b}",
    "\u{202e}",
    "ü",
    " ",
    "\t",
    "null",
    "1e999",
    "{{",
    "99999999999999999999",
    "&a *a",
];

/// Tries a parser on damaged samples. Its input is UTF-8, as it is after the edge has read it.
fn damage(name: &str, samples: &[&str], parse: impl Fn(&str)) {
    let attempt = |seed: u64| {
        let text = damaged(seed, samples);
        let start = Instant::now();
        let whole = catch_unwind(AssertUnwindSafe(|| parse(&text)));
        assert!(
            whole.is_ok(),
            "{name}: IMAGO_MUTATIONS_SEED={seed}: {text:?}"
        );
        assert!(
            start.elapsed() < PATIENCE,
            "{name}: IMAGO_MUTATIONS_SEED={seed} took {:?}: {text:?}",
            start.elapsed()
        );
    };
    let number = |name: &str| {
        std::env::var(name)
            .ok()
            .map(|text| text.parse::<u64>().unwrap())
    };
    for sample in samples {
        parse(sample);
    }
    if let Some(seed) = number("IMAGO_MUTATIONS_SEED") {
        return attempt(seed);
    }
    let start = Instant::now();
    let tried = match number("IMAGO_FUZZ_SECONDS") {
        Some(seconds) => (0..)
            .take_while(|_| start.elapsed() < Duration::from_secs(seconds))
            .map(attempt)
            .count() as u64,
        None => (0..number("IMAGO_MUTATIONS").unwrap_or(COUNT))
            .map(attempt)
            .count() as u64,
    };
    eprintln!("{name}: {tried} in {:?}", start.elapsed());
}

fn damaged(seed: u64, samples: &[&str]) -> String {
    let mut random = Random::new(seed);
    let mut text: Vec<char> = random.pick(samples).chars().collect();
    for _ in 0..1 + random.below(4) {
        let at = random.below(text.len() + 1);
        let end = (at + 1 + random.below(12)).min(text.len());
        match random.below(7) {
            0 => text.truncate(at),
            1 => drop(text.drain(at..end)),
            2 => {
                let doubled = text[at..end].repeat(1 + random.below(40));
                drop(text.splice(at..at, doubled));
            }
            3 => {
                let other: Vec<char> = random.pick(samples).chars().collect();
                let from = random.below(other.len() + 1);
                drop(text.splice(at..at, other[from..].iter().copied()));
            }
            4 => {
                let nested = random.pick(&PIECES).repeat(1 + random.below(3000));
                drop(text.splice(at..at, nested.chars()));
            }
            _ => drop(text.splice(at..at, random.pick(&PIECES).chars())),
        }
    }
    text.into_iter().collect()
}

const DIGEST: &str = "sha256:6a92af8a9db2ca243e0eba8d401cec11b124822e15b558b35ab45825ed4d1f54";

#[test]
fn any_image_reference_is_taken_as_written_or_refused() {
    let pinned = format!("registry.example.test:5000/shop/web:1.4@{DIGEST}");
    damage(
        "image references",
        &[
            "nginx",
            "localhost/a",
            "[::1]:5000/a:b",
            "ghcr.io/a/b_c__d-e.f:V1.4",
            &pinned,
            DIGEST,
        ],
        |text| {
            if let Ok(digest) = Digest::parse(text) {
                assert_eq!(digest.to_string(), text);
            }
            let Ok(image) = ImageRef::parse(text) else {
                return;
            };
            let with = |text: &str, mark, part: Option<&str>| {
                part.map_or(text.to_owned(), |part| format!("{text}{mark}{part}"))
            };
            assert_eq!(with(image.name(), ':', image.tag()), image.without_digest());
            assert_eq!(
                with(
                    image.without_digest(),
                    '@',
                    image.digest().as_ref().map(Digest::as_str)
                ),
                text
            );
            let lookup = image.lookup().to_string();
            let again =
                ImageRef::parse(&lookup).unwrap_or_else(|error| panic!("{lookup}: {error}"));
            assert_eq!(again.lookup(), image.lookup(), "{lookup}");
        },
    );
}

#[test]
fn any_record_is_taken_or_refused() {
    let whole = format!(
        r#"{{"containers":[{{"name":"c","image":"nginx@{DIGEST}"}}],"initContainers":[]}}"#
    );
    damage(
        "records",
        &[&whole, r#"{"containers":null,"x":{"y":[1,2]}}"#],
        |text| {
            let Ok(originals) = Originals::parse(text) else {
                return;
            };
            let written = serde_json::to_string(&originals).unwrap();
            assert_eq!(Originals::parse(&written).unwrap(), originals, "{written}");
        },
    );
}

#[test]
fn any_selector_is_taken_as_meant_or_refused() {
    let samples = [
        "app=web,tier in (a, b),!x",
        "a.example.test/b notin (c),d==e,f!=g",
        "x > 1, y<2",
        "",
    ];
    damage("label selectors", &samples, |text| {
        let Ok(selector) = LabelSelector::parse(text) else {
            return;
        };
        let written = selector.to_string();
        assert_eq!(
            LabelSelector::parse(&written).unwrap(),
            selector,
            "{written}"
        );
    });
    damage(
        "field selectors",
        &[
            "metadata.name=web,metadata.namespace!=shop",
            "metadata.name==a\\,b",
        ],
        |text| {
            let Ok(selector) = FieldSelector::parse(text) else {
                return;
            };
            let written = selector.to_string();
            assert_eq!(
                FieldSelector::parse(&written).unwrap(),
                selector,
                "{written}"
            );
        },
    );
    damage(
        "globs",
        &["registry.example.test/**/web*", "{a,b}/[!c-d]?", "**"],
        |text| {
            let Ok(filter) = ImageFilter::new(&[text.to_owned()], &[]) else {
                return;
            };
            filter.takes("registry.example.test/shop/web");
        },
    );
}

#[test]
fn any_template_map_or_author_is_taken_or_refused() {
    damage(
        "templates",
        &["Update {summary}\n\n{changes}\n", "{{x}} {files}", "a"],
        |text| drop(Template::parse(text)),
    );
    damage(
        "registry maps",
        &[
            "docker.io/library=mirror.example.test:5000/hub",
            "a.test=b.test",
        ],
        |text| drop(Map::parse(text)),
    );
    damage("authors", &["Ada <ada@example.test>", "<>"], |text| {
        drop(Person::parse(text))
    });
}

#[test]
fn any_lock_is_merged_without_a_loss_or_refused() {
    let whole = format!(
        "{{\"version\":1,\"images\":{{\n  \"docker.io/library/nginx:1.25\":\"{DIGEST}\",\n  \"b.test/c:d\":\"{DIGEST}\"\n}}}}\n"
    );
    let mut run = Lock::default();
    run.images.insert(
        ImageRef::parse("a.test/b:c").unwrap().lookup(),
        Digest::parse(DIGEST).unwrap(),
    );
    damage(
        "locks",
        &[&whole, "{\"version\":1,\"images\":{}}"],
        |text| {
            assert!(
                !matches!(
                    lock::merged(Some(text.as_bytes()), &Lock::default(), Prune::Keep),
                    Ok(Some(_))
                ),
                "{text}"
            );
            if let Ok(Some(new)) = lock::merged(Some(text.as_bytes()), &run, Prune::Keep) {
                assert_eq!(
                    lock::merged(Some(new.as_bytes()), &run, Prune::Keep).unwrap(),
                    None,
                    "{new}"
                );
            }
        },
    );
}

#[test]
fn any_object_of_an_api_server_is_read() {
    let deployment = r#"{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","uid":"u","annotations":{"imago/restartedAt":"2026-01-01T00:00:00Z"}},"spec":{"replicas":2,"template":{"spec":{"containers":[{"name":"app","image":"nginx","imagePullPolicy":"Always"}]}}},"status":{"observedGeneration":1}}"#;
    let pod = format!(
        r#"{{"kind":"Pod","metadata":{{"name":"p","ownerReferences":[{{"uid":"u","controller":true}}]}},"spec":{{"containers":[{{"name":"app","image":"nginx"}}]}},"status":{{"phase":"Running","containerStatuses":[{{"name":"app","imageID":"docker.io/library/nginx@{DIGEST}","state":{{"running":{{}}}}}}]}}}}"#
    );
    damage("objects", &[deployment, &pod], |text| {
        let Ok(object) = serde_json::from_str(text) else {
            return;
        };
        drop(Live::read(&object));
        drop(Pod::read(&object));
    });
}

#[test]
fn any_settings_are_taken_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join(".git")).unwrap();
    let sample = "# of this repository\nexclude: [apps/old, 'base/**']\nlock: locks/a.lock\ntrack: tag\nmax-changes: 20\nregistry-map:\n- docker.io=mirror.example.test\nmessage: |\n  Update {summary}\n";
    damage(
        "settings",
        &[
            sample,
            "include: &a [x]\nexclude: *a\n",
            "{\"check\": true}",
        ],
        |text| {
            fs::write(folder.path().join(".imago.yaml"), text).unwrap();
            if let Err(mistake) = config::read(None, folder.path()) {
                assert!(
                    mistake
                        .spot
                        .is_none_or(|spot| spot.line > 0 && spot.column > 0 && spot.width > 0),
                    "{text}"
                );
            }
        },
    );
}

#[test]
fn any_docker_config_is_taken_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config.json");
    let sample = r#"{"auths":{"127.0.0.1:1":{"auth":"dXNlcjpzZWNyZXQ=","identitytoken":"t"},"https://index.docker.io/v1/":{"username":"a","password":"b"},"http://127.0.0.1:1/v2/":{}}}"#;
    let wanted = BTreeMap::from([(
        ImageRef::parse("127.0.0.1:1/a:b").unwrap().lookup(),
        BTreeSet::new(),
    )]);
    damage("docker configs", &[sample], |text| {
        fs::write(&file, text).unwrap();
        let limits = Limits {
            tries: 1,
            ..Limits::default()
        };
        let settings = Settings {
            docker_config: Some(file.clone()),
            limits,
            ..Settings::default()
        };
        let Ok(registry) = Registry::new(settings) else {
            return;
        };
        let answers =
            crate::support::resolve(&Arc::new(registry), &wanted, PlatformLoss::HoldBack, |_| {});
        // Nothing listens there. The error must contain no secret.
        let said = format!("{answers:?}");
        assert!(
            answers.values().all(Result::is_err)
                && !said.contains("secret")
                && !said.contains("dXNlcjpzZWNyZXQ"),
            "{said}"
        );
    });
}

#[test]
fn any_kubeconfig_is_taken_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("config");
    let sample = "apiVersion: v1\nkind: Config\ncurrent-context: test\nclusters:\n- name: test\n  cluster:\n    server: https://127.0.0.1:1\n    insecure-skip-tls-verify: true\ncontexts:\n- name: test\n  context: {cluster: test, user: test, namespace: shop}\nusers:\n- name: test\n  user:\n    token: secret-of-the-test\n    client-certificate-data: bm90aGluZw==\n    client-key-data: bm90aGluZw==\n";
    let plain = sample.split("    client-certificate").next().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    damage("kubeconfigs", &[plain, sample], |text| {
        fs::write(&file, text).unwrap();
        let settings = ClusterSettings {
            kubeconfig: Some(file.clone().into()),
            ..ClusterSettings::default()
        };
        if let Err(error) = runtime.block_on(Cluster::connect(&settings)) {
            assert!(!error.to_string().contains("secret-of-the-test"), "{error}");
        }
    });
}
