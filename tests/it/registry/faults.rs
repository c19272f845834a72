//! Registries that misbehave. Each fault ends in the right digest or the right problem, and does not affect the other images.

use std::time::{Duration, Instant};

use imago::io::registry::{Limits, Settings};

use super::{ask, ask_all, digest_of, lookup, settings};
use crate::support::registry::http::{Body, Request, Response};
use crate::support::registry::{INDEX, TestRegistry};

/// How a lookup in the misbehaving repository must end.
#[derive(Clone, Copy, Debug)]
enum Ends {
    Digest,
    Refused(&'static str),
}
use Ends::{Digest as Right, Refused};

type Fault = fn(&Request, u32, Response) -> Response;

/// Limits with which each timeout is reached soon.
pub(super) fn impatient() -> Settings {
    let limits = Limits {
        answer: Duration::from_millis(400),
        body: 64 * 1024,
        ..settings().limits
    };
    Settings {
        limits,
        ..settings()
    }
}

/// The fault, how it ends, and how many requests it may cost.
const FAULTS: &[(&str, Ends, usize, Fault)] = &[
    (
        "401 to HEAD alone, without a challenge",
        Right,
        2,
        |request, _, fine| {
            if request.method == "HEAD" {
                Response::new(401)
            } else {
                fine
            }
        },
    ),
    (
        "401 for ever, with a challenge that is no help",
        Refused("challenge"),
        2,
        |_, _, _| Response::new(401).header("www-authenticate", r#"Bearer realm="Registry Realm""#),
    ),
    (
        "401 for ever, Basic",
        Refused("unauthorized"),
        1,
        |_, _, _| Response::new(401).header("www-authenticate", "Basic realm=x"),
    ),
    ("403", Refused("forbidden"), 2, |_, _, _| Response::new(403)),
    ("404", Refused("not-found"), 2, |_, _, _| Response::new(404)),
    ("404 to HEAD alone", Right, 2, |request, _, fine| {
        if request.method == "HEAD" {
            Response::new(404)
        } else {
            fine
        }
    }),
    ("405 to HEAD", Right, 2, |request, _, fine| {
        if request.method == "HEAD" {
            Response::new(405)
        } else {
            fine
        }
    }),
    ("501 to HEAD", Right, 2, |request, _, fine| {
        if request.method == "HEAD" {
            Response::new(501)
        } else {
            fine
        }
    }),
    ("500 to HEAD", Right, 3, |request, _, fine| {
        if request.method == "HEAD" {
            Response::new(500)
        } else {
            fine
        }
    }),
    (
        "429 at first, without Retry-After",
        Right,
        2,
        |_, before, fine| {
            if before == 0 {
                Response::new(429)
            } else {
                fine
            }
        },
    ),
    (
        "429 at first, with Retry-After",
        Right,
        2,
        |_, before, fine| {
            if before == 0 {
                Response::new(429).header("retry-after", "0")
            } else {
                fine
            }
        },
    ),
    ("429 at first, with a date", Right, 2, |_, before, fine| {
        let date = "Wed, 21 Oct 2015 07:28:00 GMT";
        if before == 0 {
            Response::new(429)
                .header("retry-after", date)
                .header("date", date)
        } else {
            fine
        }
    }),
    (
        "429 until long before its own clock",
        Right,
        2,
        |_, before, fine| {
            let (until, now) = (
                "Thu, 01 Jan 1970 00:00:00 GMT",
                "Fri, 31 Dec 9999 23:59:59 GMT",
            );
            if before == 0 {
                Response::new(429)
                    .header("retry-after", until)
                    .header("date", now)
            } else {
                fine
            }
        },
    ),
    (
        "429 until long after its own clock",
        Refused("rate-limited"),
        1,
        |_, _, _| {
            let (until, now) = (
                "Fri, 31 Dec 9999 23:59:59 GMT",
                "Thu, 01 Jan 1970 00:00:00 GMT",
            );
            Response::new(429)
                .header("retry-after", until)
                .header("date", now)
        },
    ),
    (
        "429 until a date, without a clock",
        Right,
        2,
        |_, before, fine| {
            if before == 0 {
                Response::new(429).header("retry-after", "Fri, 31 Dec 9999 23:59:59 GMT")
            } else {
                fine
            }
        },
    ),
    (
        "429 with a long Retry-After",
        Refused("rate-limited"),
        1,
        |_, _, _| Response::new(429).header("retry-after", "3600"),
    ),
    (
        "503 with a long Retry-After",
        Refused("server-error"),
        1,
        |_, _, _| Response::new(503).header("retry-after", "3600"),
    ),
    ("429 for ever", Refused("rate-limited"), 4, |_, _, _| {
        Response::new(429)
    }),
    ("500 at first", Right, 2, |_, before, fine| {
        if before == 0 {
            Response::new(500)
        } else {
            fine
        }
    }),
    ("408 for ever", Refused("timeout"), 4, |_, _, _| {
        Response::new(408)
    }),
    (
        "429 three times, then 503",
        Refused("server-error"),
        4,
        |_, before, _| Response::new(if before < 3 { 429 } else { 503 }),
    ),
    (
        "429 three times, then 404 to HEAD alone",
        Right,
        5,
        |request, before, fine| match request.method.as_str() {
            _ if before < 3 => Response::new(429),
            "HEAD" => Response::new(404),
            _ => fine,
        },
    ),
    ("503 three times", Right, 4, |_, before, fine| {
        if before < 3 { Response::new(503) } else { fine }
    }),
    ("500 for ever", Refused("server-error"), 4, |_, _, _| {
        Response::new(500)
    }),
    ("cut off at first", Right, 2, |_, before, fine| {
        if before == 0 {
            fine.sent(|_| Body::Nothing)
        } else {
            fine
        }
    }),
    (
        "cut off for ever",
        Refused("connection-lost"),
        4,
        |_, _, fine| fine.sent(|_| Body::Nothing),
    ),
    (
        "cut off in the bytes at first",
        Right,
        3,
        |request, before, fine| {
            let fine = fine.without("docker-content-digest");
            if request.method == "GET" && before < 2 {
                fine.sent(Body::Cut)
            } else {
                fine
            }
        },
    ),
    (
        "cut off in the bytes for ever",
        Refused("connection-lost"),
        4,
        |_, _, fine| fine.without("docker-content-digest").sent(Body::Cut),
    ),
    ("silent", Refused("timeout"), 2, |_, _, fine| {
        fine.sent(|_| Body::Silence)
    }),
    ("slow by the byte", Refused("timeout"), 3, |_, _, fine| {
        fine.without("docker-content-digest")
            .sent(|bytes| Body::Drip(bytes, Duration::from_millis(50)))
    }),
    ("without end", Refused("too-large"), 2, |_, _, fine| {
        fine.without("docker-content-digest")
            .sent(|_| Body::Endless)
    }),
    (
        "an error without end",
        Refused("server-error"),
        4,
        |_, _, _| Response::new(500).sent(|_| Body::Endless),
    ),
    ("digest missing", Right, 2, |_, _, fine| {
        fine.without("docker-content-digest")
    }),
    ("digest empty", Right, 2, |_, _, fine| {
        fine.header("docker-content-digest", "")
    }),
    ("digest malformed", Right, 2, |_, _, fine| {
        fine.header("docker-content-digest", "sha256:12")
    }),
    ("digest in capitals", Right, 2, |_, _, fine| {
        fine.header(
            "docker-content-digest",
            format!("sha256:{}", "A".repeat(64)),
        )
    }),
    ("digest lying to GET", Right, 2, |request, _, fine| {
        let lie = format!("sha256:{}", "a".repeat(64));
        if request.method == "HEAD" {
            fine.without("docker-content-digest")
        } else {
            fine.header("docker-content-digest", lie)
        }
    }),
    ("no media type", Right, 2, |_, _, fine| {
        fine.without("content-type")
    }),
    (
        "schema 1 by its media type",
        Refused("schema-1"),
        1,
        |_, _, fine| {
            fine.header(
                "content-type",
                "application/vnd.docker.distribution.manifest.v1+prettyjws",
            )
        },
    ),
    (
        "schema 1 by its bytes",
        Refused("schema-1"),
        2,
        |_, _, _| Response::new(200).body(r#"{"schemaVersion":1,"name":"shop/a-bad"}"#),
    ),
    ("a sign-in page", Refused("not-a-registry"), 2, |_, _, _| {
        Response::new(200)
            .header("content-type", "text/html")
            .body("<html>Sign in</html>")
    }),
    ("a teapot", Refused("not-a-registry"), 2, |_, _, _| {
        Response::new(418)
    }),
    (
        "redirected in a circle",
        Refused("redirect"),
        6,
        |request, _, _| Response::new(307).header("location", request.path.clone()),
    ),
    (
        "redirected to another scheme",
        Refused("redirect"),
        1,
        |_, _, _| Response::new(307).header("location", "ftp://example.test/"),
    ),
];

#[test]
fn each_fault_ends_in_the_right_digest_or_the_right_problem_and_costs_nobody_else_anything() {
    for (name, ends, requests, fault) in FAULTS {
        let registry = TestRegistry::start();
        let digest = registry.push_index("shop/a-bad", "1", &["linux/amd64"], "first");
        let other = registry.push_index("shop/good", "1", &["linux/amd64"], "second");
        registry.fault("shop/a-bad", fault);
        let (bad, good) = (
            format!("{}/shop/a-bad:1", registry.host()),
            format!("{}/shop/good:1", registry.host()),
        );
        let started = Instant::now();
        let (mut answers, _) = ask_all(impatient(), &[&bad, &good]);
        assert!(started.elapsed() < Duration::from_secs(10), "{name}");
        let answer = answers.remove(&lookup(&bad)).unwrap();
        match ends {
            Right => assert_eq!(digest_of(answer), digest, "{name}"),
            Refused(code) => assert_eq!(answer.unwrap_err().code.as_str(), *code, "{name}"),
        }
        assert_eq!(
            digest_of(answers.remove(&lookup(&good)).unwrap()),
            other,
            "{name}"
        );
        let asked: Vec<String> = registry
            .asked()
            .into_iter()
            .filter(|asked| asked.contains("/a-bad/"))
            .collect();
        assert_eq!(asked.len(), *requests, "{name}: {asked:?}");
    }
}

#[test]
fn a_passing_failure_has_the_same_words_for_head_and_get() {
    for status in [429, 500, 503] {
        let registry = TestRegistry::start();
        registry.push_index("a-bad/web", "1", &["linux/amd64"], "first");
        let body = r#"{"errors":[{"code":"TOOMANYREQUESTS"},{"code":"UNKNOWN"}]}"#;
        registry.fault("a-bad/web", move |request, _, _| {
            let answer = Response::new(status);
            match request.method.as_str() {
                "HEAD" => answer,
                _ => answer.body(body),
            }
        });
        let image = format!("{}/a-bad/web:1", registry.host());
        let refusal = ask(impatient(), &image).unwrap_err();
        assert!(!refusal.cause.contains('('), "{refusal:?}");
    }
}

#[test]
fn a_header_that_lies_is_said_and_the_bytes_are_believed() {
    let registry = TestRegistry::start();
    let digest = registry.push_index("shop/web", "1", &["linux/amd64"], "first");
    registry.fault("shop/web", |request, _, fine| {
        match request.method.as_str() {
            "HEAD" => fine.without("docker-content-digest"),
            _ => fine.header(
                "docker-content-digest",
                format!("sha256:{}", "b".repeat(64)),
            ),
        }
    });
    let image = format!("{}/shop/web:1", registry.host());
    let (answers, resolver) = ask_all(settings(), &[&image]);
    assert_eq!(digest_of(answers[&lookup(&image)].clone()), digest);
    let warnings = resolver.warnings();
    let host = registry.host();
    let warning = format!(
        "`{host}` names a digest that is not that of the bytes it sends; the bytes are believed: {digest}"
    );
    assert_eq!(warnings[&lookup(&image)], [warning]);
}

#[test]
fn a_server_that_is_not_a_web_server_is_reported_as_such() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::io::Write::write_all(&mut stream.unwrap(), b"220 mail.example.test ESMTP\r\n")
                .unwrap();
        }
    });
    let refusal = ask(settings(), &format!("{address}/shop/web:1")).unwrap_err();
    assert!(
        matches!(refusal.code.as_str(), "not-a-registry" | "connection-lost"),
        "{refusal:?}"
    );
    let addresses = [("nowhere.example.test".to_owned(), Vec::new())].into();
    let refusal = ask(
        Settings {
            addresses,
            ..settings()
        },
        "nowhere.example.test/shop/web:1",
    )
    .unwrap_err();
    assert_eq!(refusal.code.as_str(), "name-not-resolved");
}

#[test]
fn a_digest_that_a_registry_names_and_does_not_have_is_a_problem() {
    let registry = TestRegistry::start();
    let digest = registry.push_index("shop/web", "1", &["linux/amd64"], "first");
    let old = registry.push(
        "shop/web",
        "old",
        INDEX,
        br#"{"schemaVersion":2,"manifests":[]}"#,
    );
    registry.remove("shop/web", &digest);
    let image = format!("{}/shop/web:1", registry.host());
    let wanted = [(
        lookup(&image),
        [imago::engine::image::Digest::parse(&old).unwrap()].into(),
    )]
    .into();
    let resolver = std::sync::Arc::new(imago::io::registry::Registry::new(settings()).unwrap());
    let loss = imago::app::gate::PlatformLoss::HoldBack;
    let answers = crate::support::resolve(&resolver, &wanted, loss, |_| {});
    assert_eq!(
        answers[&lookup(&image)].as_ref().unwrap_err().code.as_str(),
        "digest-unknown"
    );
}

#[test]
fn bytes_of_another_digest_are_not_believed() {
    let registry = TestRegistry::start();
    let old = registry.push_index("shop/web", "1", &["linux/amd64"], "first");
    registry.push_index("shop/web", "1", &["linux/amd64"], "second");
    registry.fault("shop/web", |request, _, fine| {
        match request.path.contains("sha256:") {
            true => fine.body(r#"{"schemaVersion":2,"manifests":[]}"#),
            false => fine,
        }
    });
    let image = format!("{}/shop/web:1", registry.host());
    let wanted = [(
        lookup(&image),
        [imago::engine::image::Digest::parse(&old).unwrap()].into(),
    )]
    .into();
    let resolver = std::sync::Arc::new(imago::io::registry::Registry::new(settings()).unwrap());
    let loss = imago::app::gate::PlatformLoss::HoldBack;
    let answers = crate::support::resolve(&resolver, &wanted, loss, |_| {});
    assert_eq!(
        answers[&lookup(&image)].as_ref().unwrap_err().code.as_str(),
        "digest-mismatch"
    );
}
