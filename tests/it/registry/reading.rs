//! A digest that only a header has named: trusted, or read first.

use imago::io::registry::{NewDigests, Settings};

use super::{ask, digest_of, settings};
use crate::support::registry::http::{Body, Response};
use crate::support::registry::{TestRegistry, digest};

fn reading() -> Settings {
    Settings {
        new_digests: NewDigests::Read,
        ..settings()
    }
}

/// A registry whose HEAD answers `lie` for the tag. The test decides what a GET of the lie returns.
fn lying(
    lie: String,
    sends: impl Fn(Response) -> Response + Send + Sync + 'static,
) -> (TestRegistry, String) {
    let registry = TestRegistry::start();
    registry.push_index("shop/web", "1", &["linux/amd64"], "first");
    registry.fault("shop/web", move |request, _, fine| {
        match (request.method.as_str(), request.path.contains(&lie)) {
            ("HEAD", _) => fine.header("docker-content-digest", lie.clone()),
            (_, true) => sends(fine),
            _ => fine,
        }
    });
    let image = format!("{}/shop/web:1", registry.host());
    (registry, image)
}

#[test]
fn by_default_a_digest_costs_one_head_and_is_believed() {
    let lie = digest(b"nobody has these bytes");
    let (registry, image) = lying(lie.clone(), |fine| fine);
    assert_eq!(digest_of(ask(settings(), &image)), lie);
    assert_eq!(registry.asked(), ["HEAD /v2/shop/web/manifests/1"]);
}

#[test]
fn the_digest_of_empty_content_is_not_used_and_get_has_the_right_one() {
    let long = "sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce\
                47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e";
    for lie in [digest(b""), long.to_owned()] {
        let (registry, image) = lying(lie.clone(), |fine| fine);
        let answered = digest_of(ask(settings(), &image));
        assert_eq!(
            registry.asked(),
            [
                "HEAD /v2/shop/web/manifests/1",
                "GET /v2/shop/web/manifests/1"
            ]
        );
        assert_ne!(answered, lie);
    }
}

#[test]
fn a_digest_that_is_read_costs_one_get_by_digest() {
    let registry = TestRegistry::start();
    let digest = registry.push_index("shop/web", "1", &["linux/amd64"], "first");
    assert_eq!(
        digest_of(ask(reading(), &format!("{}/shop/web:1", registry.host()))),
        digest
    );
    let get = format!("GET /v2/shop/web/manifests/{digest}");
    assert_eq!(
        registry.asked(),
        ["HEAD /v2/shop/web/manifests/1", get.as_str()]
    );
}

#[test]
fn a_digest_whose_bytes_are_missing_or_different_is_a_problem() {
    const INDEX: &str = r#"{"schemaVersion":2,"manifests":[]}"#;
    const SCHEMA_1: &str = r#"{"schemaVersion":1,"name":"shop/web","tag":"1"}"#;
    type Sends = fn(Response) -> Response;
    let nobody_has = digest(b"nobody has these bytes");
    let long = format!("sha512:{}", "1".repeat(128));
    let no_manifest = digest(b"{}");
    let rows: [(&str, String, Sends, &str); 9] = [
        (
            "it has no such digest",
            nobody_has.clone(),
            |fine| fine,
            "digest-unknown",
        ),
        (
            "other bytes",
            nobody_has.clone(),
            |_| index().body(INDEX),
            "digest-mismatch",
        ),
        (
            "other bytes, sha512",
            long,
            |_| index().body(INDEX),
            "digest-mismatch",
        ),
        (
            "another media type",
            nobody_has.clone(),
            |_| index().header("content-type", "text/html").body("<p>"),
            "digest-mismatch",
        ),
        (
            "schema 1, which nobody can hash",
            nobody_has.clone(),
            |_| index().body(SCHEMA_1),
            "schema-1",
        ),
        (
            "the right bytes, of no manifest",
            no_manifest,
            |_| index().body("{}"),
            "not-a-registry",
        ),
        (
            "a body that breaks off",
            digest(INDEX.as_bytes()),
            |_| index().body(INDEX).sent(Body::Cut),
            "connection-lost",
        ),
        (
            "a body without an end",
            nobody_has.clone(),
            |_| index().sent(|_| Body::Endless),
            "too-large",
        ),
        (
            "a failure",
            nobody_has,
            |_| Response::new(500),
            "server-error",
        ),
    ];
    for (what, lie, sends, code) in rows {
        let (_registry, image) = lying(lie, sends);
        let refusal = ask(reading(), &image).unwrap_err();
        assert_eq!(refusal.code.as_str(), code, "{what}: {refusal:?}");
    }
}

fn index() -> Response {
    Response::new(200).header("content-type", "application/vnd.oci.image.index.v1+json")
}
