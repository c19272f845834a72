//! The ways in which real registries authenticate, and how they must not mislead us.

use std::collections::BTreeMap;

use imago::app::gate::PlatformLoss;
use imago::app::resolve::Wanted;
use imago::io::registry::{Registry, Settings};

use super::{ask, ask_all, digest_of, docker_config, lookup, settings};
use crate::support::registry::http::{Request, Response};
use crate::support::registry::{Access, INDEX, TestRegistry, Tokens};

/// How a registry gives out tokens, the docker config's entry for it, and the requests for one image.
struct Case {
    name: &'static str,
    tokens: Tokens,
    /// The entry of `auths`.
    entry: &'static str,
    /// Changes the registry's answers for the repository.
    fault: Option<fn(&Request, u32, Response) -> Response>,
    asked: &'static [&'static str],
}

fn challenge(text: &str) -> Vec<String> {
    vec![text.to_owned()]
}

fn account(user: &str, password: &str) -> Option<(String, String)> {
    Some((user.to_owned(), password.to_owned()))
}

fn cases() -> Vec<Case> {
    const HEAD: &str = "HEAD";
    const GET: &str = "GET";
    let plain = Tokens::default;
    vec![
        Case {
            name: "Docker Hub, as nobody: both fields",
            tokens: Tokens {
                challenges: challenge(
                    r#"Bearer realm="{realm}",service="registry.docker.io",scope="repository:shop/web:pull",error="invalid_token""#,
                ),
                answer: r#"{"token":"{token}","access_token":"{token}","expires_in":300,"issued_at":"2026-01-01T00:00:00Z"}"#
                    .to_owned(),
                ..plain()
            },
            entry: "{}",
            fault: None,
            asked: &[HEAD, "GET /token", HEAD],
        },
        Case {
            name: "Docker Hub, signed in",
            tokens: Tokens { account: account("user", "hunter2"), ..plain() },
            entry: r#"{"username":"user","password":"hunter2"}"#,
            fault: None,
            asked: &[HEAD, "GET /token", HEAD],
        },
        Case {
            name: "GHCR: a placeholder as scope, a token for everybody",
            tokens: Tokens {
                challenges: challenge(r#"Bearer realm="{realm}",service="ghcr.io",scope="repository:user/image:pull""#),
                answer: r#"{"token":"{token}"}"#.to_owned(),
                ..plain()
            },
            entry: "{}",
            fault: None,
            asked: &[HEAD, "GET /token", HEAD],
        },
        Case {
            name: "GitLab: no scope, the realm on another host",
            tokens: Tokens {
                challenges: challenge(r#"Bearer realm="{realm}",service="container_registry""#),
                account: account("deploy", "glpat-hunter2"),
                ..plain()
            },
            entry: r#"{"auth":"ZGVwbG95OmdscGF0LWh1bnRlcjI="}"#,
            fault: None,
            asked: &[HEAD, "GET /token", HEAD],
        },
        Case {
            name: "Harbor: a token that does not suffice is answered with Basic",
            tokens: Tokens {
                challenges: challenge(r#"Bearer realm="{realm}",service="harbor-registry""#),
                insufficient: Some(r#"Basic realm="harbor""#.to_owned()),
                account: account("robot$shop", "hunter2"),
                once: false,
                ..plain()
            },
            entry: r#"{"username":"robot$shop","password":"hunter2"}"#,
            fault: None,
            asked: &[HEAD, "GET /token", HEAD],
        },
        Case {
            name: "Artifactory: Basic and Bearer in one header, no scope, `access_token`, an empty digest",
            tokens: Tokens {
                challenges: challenge(r#"Basic realm="Artifactory Realm", Bearer realm="{realm}",service="test""#),
                answer: r#"{"access_token":"{token}","token_type":"Bearer","expires_in":3600}"#.to_owned(),
                ..plain()
            },
            entry: "{}",
            fault: Some(|_, _, fine| fine.header("docker-content-digest", "")),
            asked: &[HEAD, "GET /token", HEAD, GET],
        },
        Case {
            name: "two headers, an unknown way first",
            tokens: Tokens {
                challenges: vec![
                    "Negotiate".to_owned(),
                    r#"Basic realm="x""#.to_owned(),
                    r#"Bearer realm="{realm}",service="a, b""#.to_owned(),
                ],
                ..plain()
            },
            entry: "{}",
            fault: None,
            asked: &[HEAD, "GET /token", HEAD],
        },
        Case {
            name: "ACR: the all-zero user with an identity token",
            tokens: Tokens {
                identity: Some("refresh-hunter2".to_owned()),
                answer: r#"{"access_token":"{token}"}"#.to_owned(),
                ..plain()
            },
            entry: r#"{"auth":"MDAwMDAwMDAtMDAwMC0wMDAwLTAwMDAtMDAwMDAwMDAwMDAwOg==","identitytoken":"refresh-hunter2"}"#,
            fault: None,
            asked: &[HEAD, "POST /token", HEAD],
        },
        Case {
            name: "an identity token where POST is not known",
            tokens: Tokens { account: account("user", "refresh-hunter2"), ..plain() },
            entry: r#"{"auth":"dXNlcjo=","identitytoken":"refresh-hunter2"}"#,
            fault: None,
            asked: &[HEAD, "POST /token", "GET /token", HEAD],
        },
        Case {
            name: "a token that was revoked in between is renewed once",
            tokens: plain(),
            entry: "{}",
            fault: Some(|_, before, fine| if before == 1 { fine_but(fine, 401) } else { fine }),
            asked: &[HEAD, "GET /token", HEAD, "GET /token", HEAD],
        },
        Case {
            name: "403 to a token is asked once more, too",
            tokens: plain(),
            entry: "{}",
            fault: Some(|_, before, fine| if before == 1 { fine_but(fine, 403) } else { fine }),
            asked: &[HEAD, "GET /token", HEAD, "GET /token", HEAD],
        },
        Case {
            name: "401 to HEAD without a word, and the way to sign in for GET",
            tokens: plain(),
            entry: "{}",
            fault: Some(|request, _, fine| if request.method == "HEAD" { Response::new(401) } else { fine }),
            asked: &[HEAD, GET, "GET /token", GET],
        },
        Case {
            name: "403 without a word, and the way to sign in at /v2/",
            tokens: plain(),
            entry: "{}",
            fault: Some(|_, before, fine| if before == 0 { Response::new(403) } else { fine }),
            asked: &[HEAD, "GET /v2/", "GET /token", HEAD],
        },
    ]
}

fn fine_but(fine: Response, status: u16) -> Response {
    Response { status, ..fine }
}

#[test]
fn each_registrys_way_to_give_tokens_is_followed() {
    for case in cases() {
        let registry = TestRegistry::with(Access::Token(case.tokens.clone()), None);
        let digest = registry.push_index("shop/web", "1", &["linux/amd64"], "first");
        if let Some(fault) = case.fault {
            registry.fault("shop/web", fault);
        }
        let json = format!(r#"{{"auths":{{"{}":{}}}}}"#, registry.host(), case.entry);
        let (_folder, path) = docker_config(&json);
        let answer = ask(
            Settings {
                docker_config: Some(path),
                ..settings()
            },
            &format!("{}/shop/web:1", registry.host()),
        );
        assert_eq!(digest_of(answer), digest, "{}", case.name);
        let asked: Vec<String> = registry
            .asked()
            .iter()
            .map(|asked| asked.replace(" /v2/shop/web/manifests/1", ""))
            .collect();
        assert_eq!(asked, case.asked, "{}", case.name);
    }
}

#[test]
fn two_hundred_images_cost_one_challenge_one_token_a_repository_and_one_head_each() {
    let registry = TestRegistry::with(Access::Token(Tokens::default()), None);
    let mut wanted = Wanted::new();
    let mut expected = BTreeMap::new();
    for number in 0..200 {
        let (repository, tag) = (format!("shop/web-{}", number % 50), format!("1.{number}"));
        let digest = registry.push_image(&repository, &tag, "linux/amd64", &tag);
        let lookup = lookup(&format!("{}/{repository}:{tag}", registry.host()));
        // Every second image is already on this digest.
        let recorded =
            (number % 2 == 0).then(|| imago::engine::image::Digest::parse(&digest).unwrap());
        wanted.insert(lookup.clone(), recorded.into_iter().collect());
        expected.insert(lookup, digest);
    }
    let resolver = std::sync::Arc::new(Registry::new(settings()).unwrap());
    let answers = crate::support::resolve(&resolver, &wanted, PlatformLoss::HoldBack, |_| {});
    for (lookup, digest) in expected {
        assert_eq!(digest_of(answers[&lookup].clone()), digest);
    }
    let requests = registry.requests();
    let count = |wanted: &dyn Fn(&Request) -> bool| {
        requests.iter().filter(|request| wanted(request)).count()
    };
    assert_eq!(
        count(&|request| request.header("authorization").is_none() && request.path != "/token"),
        1,
        "challenges"
    );
    assert_eq!(count(&|request| request.path == "/token"), 50, "tokens");
    assert_eq!(
        count(&|request| request.method == "HEAD" && request.header("authorization").is_some()),
        200,
        "heads"
    );
    assert_eq!(requests.len(), 251, "everything");
    assert!(
        registry.connections() <= 32,
        "{} connections",
        registry.connections()
    );
}

#[test]
fn an_index_that_names_no_platforms_is_read_to_the_end() {
    let registry = TestRegistry::start();
    let old = registry.push_index("shop/web", "1", &["linux/amd64", "linux/arm64"], "first");
    let image = registry.push_image("shop/web", "one", "linux/amd64", "second");
    let inner = registry.push_index("shop/web", "two", &["linux/arm64"], "second");
    let index = |digests: &[&str]| {
        let entries: Vec<_> = digests
            .iter()
            .map(|digest| serde_json::json!({"digest": digest, "size": 1}))
            .collect();
        serde_json::json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})
            .to_string()
    };
    for (digests, held) in [
        (&[image.as_str(), inner.as_str()][..], 0),
        (&[image.as_str()], 1),
    ] {
        registry.push("shop/web", "1", INDEX, index(digests).as_bytes());
        let lookup = lookup(&format!("{}/shop/web:1", registry.host()));
        let wanted = Wanted::from([(
            lookup.clone(),
            [imago::engine::image::Digest::parse(&old).unwrap()].into(),
        )]);
        let resolver = std::sync::Arc::new(Registry::new(settings()).unwrap());
        let answers = crate::support::resolve(&resolver, &wanted, PlatformLoss::HoldBack, |_| {});
        assert_eq!(
            answers[&lookup].as_ref().unwrap().held.len(),
            held,
            "{digests:?}"
        );
    }
}

#[test]
fn a_repository_that_is_forbidden_costs_two_tokens_and_no_more() {
    let registry = TestRegistry::with(Access::Token(Tokens::default()), None);
    registry.fault("shop/web", |_, _, fine| {
        if fine.status == 401 {
            fine
        } else {
            Response::new(403)
        }
    });
    let images: Vec<String> = (0..20)
        .map(|number| format!("{}/shop/web:{number}", registry.host()))
        .collect();
    let images: Vec<&str> = images.iter().map(String::as_str).collect();
    let (answers, _) = ask_all(settings(), &images);
    assert!(
        answers
            .values()
            .all(|answer| answer.as_ref().unwrap_err().code.as_str() == "forbidden")
    );
    assert_eq!(
        registry
            .requests()
            .iter()
            .filter(|request| request.path == "/token")
            .count(),
        2
    );
}
