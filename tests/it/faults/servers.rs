//! A registry and an API server that fail at random. Every refusal is reported, and every reported change was made.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::{codes, deployment, is_whole, rounds, said_to_be_changed, seed};
use crate::laws::random::Random;
use crate::support::apiserver::{ApiServer, workload};
use crate::support::binary::Workplace;
use crate::support::registry::TestRegistry;
use crate::support::registry::http::{Body, Request, Response};

/// The percentage of requests that fail.
const CHANCES: [usize; 3] = [5, 20, 50];
const IMAGES: usize = 12;

/// A random fault. Each request of each seed gets its own.
fn by_chance(chance: usize, seed: u64) -> impl Fn(&Request, u32, Response) -> Response {
    move |request, before, fine| {
        let path = request.path.bytes().fold(seed, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(byte.into())
        });
        let mut random = Random::new(path.wrapping_add(u64::from(before)));
        if !random.percent(chance) {
            return fine;
        }
        match random.below(6) {
            0 => Response::new(500),
            1 => Response::new(503).header("retry-after", "0"),
            2 => Response::new(429).header("retry-after", "0"),
            3 => fine.sent(|_| Body::Nothing),
            4 => fine.sent(Body::Cut),
            _ => fine.sent(|bytes| Body::Drip(bytes, Duration::from_micros(50))),
        }
    }
}

#[test]
fn a_registry_that_fails_at_random_changes_no_image_wrongly() {
    let registry = TestRegistry::start();
    let name = |number: usize| format!("shop/web-{number}");
    let digests: Vec<String> = (0..IMAGES)
        .map(|number| registry.push_index(&name(number), "1.4", &["linux/amd64"], &name(number)))
        .collect();
    for round in 0..rounds(3) {
        let chance = CHANCES[round as usize % CHANCES.len()];
        let place = Workplace::new();
        for number in 0..IMAGES {
            let image = format!("{}/{}:1.4", registry.host(), name(number));
            place.write(&format!("{number:02}.yaml"), deployment("web", &image));
            registry.fault(&name(number), by_chance(chance, seed() + u64::from(round)));
        }
        let ended = place
            .imago([
                "files",
                "--update",
                "--lock",
                "imago.lock",
                "--output",
                "json",
            ])
            .finish();
        let place_of_fault = format!("round {round} of seed {}, {chance} %: {ended:?}", seed());
        let report = ended.json();
        let said = said_to_be_changed(&report);
        let problems: BTreeSet<&str> = report["problems"]
            .as_array()
            .unwrap()
            .iter()
            .map(|problem| problem["file"].as_str().unwrap())
            .collect();
        let lock = place
            .files()
            .get("imago.lock")
            .map(|bytes| String::from_utf8(bytes.clone()).unwrap())
            .unwrap_or_default();
        for (number, digest) in digests.iter().enumerate() {
            let file = format!("{number:02}.yaml");
            let text = String::from_utf8(place.files()[&file].clone()).unwrap();
            assert!(is_whole(&text), "{place_of_fault}: {text}");
            let right = text.contains(digest.as_str());
            assert!(
                right || !text.contains("sha256"),
                "another image's digest: {place_of_fault}: {text}"
            );
            assert_eq!(right, said.contains(&file), "{file}: {place_of_fault}");
            assert_eq!(
                right,
                !problems.contains(file.as_str()),
                "{file}: {place_of_fault}"
            );
            assert_eq!(
                right,
                lock.contains(digest.as_str()),
                "{file}: {place_of_fault}"
            );
        }
        assert_eq!(
            ended.code,
            if problems.is_empty() { 0 } else { 3 },
            "{place_of_fault}"
        );
        for number in 0..IMAGES {
            registry.fault(&name(number), |_, _, fine| fine);
        }
        let next = place
            .imago(["files", "--update", "--output", "json"])
            .finish_with(0)
            .json();
        assert_eq!(
            said_to_be_changed(&next).len(),
            IMAGES - said.len(),
            "{place_of_fault}"
        );
    }
}

#[test]
fn the_report_is_true_when_an_api_server_fails_at_random() {
    for round in 0..rounds(3) {
        let chance = CHANCES[round as usize % CHANCES.len()];
        let (registry, server, place) =
            (TestRegistry::start(), ApiServer::start(), Workplace::new());
        let digest = registry.push_index("shop/web", "1.4", &["linux/amd64"], "web");
        let image = format!("{}/shop/web:1.4", registry.host());
        let name = |number: usize| format!("web-{number:02}");
        for number in 0..IMAGES {
            server.add(&workload(
                "Deployment",
                "shop",
                &name(number),
                &[("app", &image)],
            ));
        }
        server.fault("/apis/", by_chance(chance, seed() + u64::from(round)));
        let config = server.kubeconfig_file();
        let line = [
            "--update",
            "--output",
            "json",
            "--kubeconfig",
            config.to_str().unwrap(),
        ];
        let ended = place.imago(line).finish();
        let place_of_fault = format!("round {round} of seed {}, {chance} %: {ended:?}", seed());
        assert!(!ended.stderr.contains("panicked"), "{place_of_fault}");
        let deployed = |number: usize| {
            let object = server.object("deployments", "shop", &name(number));
            object
                .pointer("/spec/template/spec/containers/0/image")
                .and_then(Value::as_str)
                .unwrap()
                .to_owned()
        };
        if ended.code == 2 {
            // Nothing could be listed.
            assert!(
                (0..IMAGES).all(|number| deployed(number) == image),
                "{place_of_fault}"
            );
        } else {
            let report = ended.json();
            assert_eq!(
                ended.code,
                if codes(&report).is_empty() { 0 } else { 3 },
                "{place_of_fault}"
            );
            let of = |list: &Value, number: usize| {
                let list = list.as_array().unwrap().clone();
                list.into_iter().find(|entry| {
                    entry["name"] == name(number).as_str()
                        || entry["object"] == name(number).as_str()
                })
            };
            for number in 0..IMAGES {
                let (is_new, said) = (
                    deployed(number).ends_with(&digest),
                    of(&report["objects"], number),
                );
                let said = said.is_some_and(|workload| workload["changed"] == true);
                assert!(is_new || !said, "{}: {place_of_fault}", name(number));
                // If the answer to a change was lost, whether it was made is unknown; that is a problem. If the server made a
                // change but refused it, there is a warning.
                let warned = report["warnings"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|text| text.as_str().unwrap().contains(&name(number)));
                assert!(
                    !is_new || said || warned || !codes(&report).is_empty(),
                    "{}: {place_of_fault}",
                    name(number)
                );
            }
        }
    }
}
