//! Secrets of every kind, and hosts that echo what they get. A secret may appear only at its own host.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use imago::app::gate::PlatformLoss;
use imago::app::resolve::Wanted;
use imago::engine::image::Digest;
use imago::io::registry::{Registry, Settings};

use super::{lookup, settings};
use crate::support::binary::Workplace;
use crate::support::registry::http::{Request, Response, Server};

/// Everything that a server received.
type Heard = Arc<Mutex<Vec<Request>>>;

fn server(answer: impl Fn(&Request) -> Response + Send + Sync + 'static) -> (Server, Heard) {
    let heard = Heard::default();
    let noted = Arc::clone(&heard);
    let server = Server::start(None, move |request| {
        noted.lock().unwrap().push(request.clone());
        answer(request)
    });
    (server, heard)
}

/// Everything in a request that a host could echo.
fn echo(request: &Request) -> String {
    let sent = request.header("authorization").unwrap_or_default();
    let sent = sent.split(' ').next_back().unwrap_or_default();
    let decoded = STANDARD
        .decode(sent)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .unwrap_or_default();
    let password = decoded.split(':').next_back().unwrap_or_default();
    format!("{password}{}", if password.is_empty() { sent } else { "" })
}

/// A registry with Basic authentication that echoes what it got, in a way that the tag chooses.
fn echoing(elsewhere: String) -> impl Fn(&Request) -> Response {
    move |request| {
        let secret = echo(request);
        if secret.is_empty() {
            let challenge = if request.path.contains("bearer") {
                format!(r#"Bearer realm="http://{elsewhere}/token",service="x""#)
            } else {
                r#"Basic realm="x""#.to_owned()
            };
            return Response::new(401).header("www-authenticate", challenge);
        }
        let error = |status| {
            let body = serde_json::json!({"errors": [{"code": secret, "message": secret, "detail": secret}]});
            Response::new(status)
                .header("x-echo", secret.as_str())
                .body(body.to_string())
        };
        match request.path.rsplit('/').next().unwrap_or_default() {
            "again" => Response::new(401).header(
                "www-authenticate",
                format!(
                    r#"Bearer realm="http://{secret}.example.test/{secret}",service="{secret}""#
                ),
            ),
            "forbidden" => error(403),
            "missing" => error(404),
            "broken" => error(500),
            "busy" => error(429).header("retry-after", secret.as_str()),
            "teapot" => error(418),
            "redirect" => Response::new(307).header(
                "location",
                format!("http://{secret}.example.test/{secret}?{secret}"),
            ),
            "scheme" => {
                Response::new(307).header("location", format!("ftp://{secret}.example.test/"))
            }
            "circle" => Response::new(307).header("location", format!("{}?{secret}", request.path)),
            "elsewhere" => {
                Response::new(307).header("location", format!("http://{elsewhere}{}", request.path))
            }
            "digest" => error(200).header("docker-content-digest", format!("sha256:{secret}")),
            "page" => Response::new(200)
                .header("content-type", format!("text/{secret}"))
                .body(secret),
            "moved" => {
                let body = serde_json::json!({"schemaVersion": 2, "artifactType": format!("application/{secret}")}).to_string();
                Response::new(200).body(body)
            }
            digest if digest.starts_with("sha256:") => {
                let body = serde_json::json!({"schemaVersion": 2, "artifactType": format!("application/{secret}")}).to_string();
                Response::new(200).body(body)
            }
            _ => error(400),
        }
    }
}

const TAGS: [&str; 13] = [
    "again",
    "forbidden",
    "missing",
    "broken",
    "busy",
    "teapot",
    "redirect",
    "scheme",
    "circle",
    "elsewhere",
    "digest",
    "page",
    "moved",
];

/// A secret, and its form in the docker config for a host.
struct Planted {
    secret: &'static str,
    entry: String,
    helper: Option<String>,
    repository: &'static str,
}

fn planted() -> Vec<Planted> {
    let planted = |secret, entry: String, repository| Planted {
        secret,
        entry,
        helper: None,
        repository,
    };
    let helper = r#"echo '{"Username":"user","Secret":"planted-helper-5"}'"#.to_owned();
    vec![
        planted(
            "planted-password-1",
            r#"{"username":"user","password":"planted-password-1"}"#.to_owned(),
            "shop/basic",
        ),
        planted(
            "planted-auth-2",
            format!(r#"{{"auth":"{}"}}"#, STANDARD.encode("user:planted-auth-2")),
            "shop/basic",
        ),
        planted(
            "planted-identity-3",
            r#"{"username":"user","identitytoken":"planted-identity-3"}"#.to_owned(),
            "shop/bearer",
        ),
        planted(
            "planted-registry-4",
            r#"{"registrytoken":"planted-registry-4"}"#.to_owned(),
            "shop/bearer",
        ),
        Planted {
            secret: "planted-helper-5",
            entry: "{}".to_owned(),
            helper: Some(helper),
            repository: "shop/basic",
        },
        planted(
            "planted-bearer-6",
            r#"{"username":"user","password":"planted-bearer-6"}"#.to_owned(),
            "shop/bearer",
        ),
    ]
}

fn environment(folder: &Path) -> BTreeMap<OsString, OsString> {
    BTreeMap::from([
        (
            "PATH".into(),
            format!("{}:/usr/bin:/bin", folder.display()).into(),
        ),
        ("DOCKER_CONFIG".into(), folder.into()),
        // Loopback never goes through a proxy.
        (
            "HTTPS_PROXY".into(),
            "http://user:planted-proxy-7@proxy.example.test:3128".into(),
        ),
        ("IMAGO_GIT_TOKEN".into(), "planted-environment-8".into()),
    ])
}

/// Everything that a run returns at its most verbose, as text, as `Debug` and as JSON.
fn everything_said(settings: Settings, host: &str, repository: &str, tags: &[&str]) -> String {
    let mut said = format!("{settings:?}");
    let recorded = Digest::parse(&format!("sha256:{}", "1".repeat(64))).unwrap();
    let wanted: Wanted = tags
        .iter()
        .map(|tag| {
            (
                lookup(&format!("{host}/{repository}:{tag}")),
                [recorded.clone()].into(),
            )
        })
        .collect();
    let resolver = Arc::new(Registry::new(settings).unwrap());
    let answers = crate::support::resolve(&resolver, &wanted, PlatformLoss::HoldBack, |event| {
        write!(said, "{event:?}").unwrap()
    });
    assert_eq!(answers.len(), tags.len());
    for (lookup, answer) in answers {
        write!(said, "{lookup} {answer:?}").unwrap();
        if let Err(refusal) = answer {
            said.push_str(
                &serde_json::json!([refusal.code.as_str(), refusal.cause, refusal.hint])
                    .to_string(),
            );
        }
    }
    for (lookup, steps) in resolver.trace() {
        for step in steps {
            write!(said, "{lookup} {step} {step:?}").unwrap();
        }
    }
    write!(said, "{:?}", resolver.warnings()).unwrap();
    said
}

#[test]
fn no_secret_is_said_or_sent_anywhere_but_to_its_own_host() {
    for Planted {
        secret,
        entry,
        helper,
        repository,
    } in planted()
    {
        let (elsewhere, heard_elsewhere) = server(|request| match request.path.as_str() {
            "/token" => Response::new(200).body(r#"{"token":"planted-token-9"}"#),
            _ => Response::new(500).body(echo(request)),
        });
        let (registry, heard) = server(echoing(elsewhere.address.to_string()));
        let host = registry.address.to_string();
        let folder = tempfile::tempdir().unwrap();
        let helpers = helper
            .iter()
            .map(|script| with_helper(folder.path(), script, &host))
            .collect::<String>();
        std::fs::write(
            folder.path().join("config.json"),
            format!(r#"{{"auths":{{"{host}":{entry}}}{helpers}}}"#),
        )
        .unwrap();
        // Host names made of echoes are not looked up outside.
        let echoed = [secret, "planted-token-9"]
            .map(|secret| (format!("{secret}.example.test"), Vec::new()));
        let settings = Settings {
            environment: environment(folder.path()),
            addresses: echoed.into(),
            ..settings()
        };
        let said: String = TAGS
            .iter()
            .map(|tag| everything_said(settings.clone(), &host, repository, &[tag]))
            .collect();
        let said = said + &everything_said(settings, &host, repository, &TAGS);
        let encoded = STANDARD.encode(format!("user:{secret}"));
        for hidden in [secret, &encoded, "planted-"] {
            assert!(
                !said.to_lowercase().contains(&hidden.to_lowercase()),
                "{secret}: {hidden} in {said}"
            );
        }
        // The test must be able to fail: the secret, or a token for it, reached its own host.
        let sent = heard
            .lock()
            .unwrap()
            .iter()
            .filter_map(|request| request.header("authorization").map(str::to_owned))
            .collect::<String>();
        assert!(
            sent.contains(secret) || sent.contains(&encoded) || sent.contains("planted-token-9"),
            "{secret}: {sent}"
        );
        // As a token server it gets credentials, as the registry asks. As the target of a redirect it gets nothing.
        for request in heard_elsewhere
            .lock()
            .unwrap()
            .iter()
            .filter(|request| request.path != "/token")
        {
            assert!(!format!("{request:?}").contains("planted-"), "{request:?}");
            assert_eq!(request.header("authorization"), None);
        }
    }
}

#[test]
fn no_secret_of_any_kind_goes_over_plain_http_by_the_repositorys_wish() {
    for Planted {
        secret,
        entry,
        helper,
        repository,
    } in planted()
    {
        for (nobody, is_sent) in [(true, false), (false, true)] {
            let (tokens, heard_by_tokens) =
                server(|_| Response::new(200).body(r#"{"token":"for-anybody"}"#));
            let realm = tokens.address;
            let (registry, heard) = server(move |request| match request.header("authorization") {
                None if request.path.contains("bearer") => {
                    let challenge = format!(r#"Bearer realm="http://{realm}/token",service="x""#);
                    Response::new(401).header("www-authenticate", challenge)
                }
                None => Response::new(401).header("www-authenticate", r#"Basic realm="x""#),
                Some(_) => Response::new(404),
            });
            let host = registry.address.to_string();
            let folder = tempfile::tempdir().unwrap();
            let helpers = helper
                .iter()
                .map(|script| with_helper(folder.path(), script, &host))
                .collect::<String>();
            let json = format!(r#"{{"auths":{{"{host}":{entry}}}{helpers}}}"#);
            std::fs::write(folder.path().join("config.json"), json).unwrap();
            let insecure_as_nobody = if nobody {
                vec![host.clone()]
            } else {
                Vec::new()
            };
            let settings = Settings {
                environment: environment(folder.path()),
                insecure_as_nobody,
                ..settings()
            };
            let said = everything_said(settings, &host, repository, &["1"]);
            let encoded = STANDARD.encode(format!("user:{secret}"));
            let requests: Vec<Request> = heard
                .lock()
                .unwrap()
                .iter()
                .chain(heard_by_tokens.lock().unwrap().iter())
                .cloned()
                .collect();
            let told = format!("{requests:?}");
            assert_eq!(
                told.contains(secret) || told.contains(&encoded),
                is_sent,
                "{secret}: {told}"
            );
            assert_eq!(
                said.contains("plain http, which is not the user's wish"),
                nobody,
                "{said}"
            );
            assert_eq!(
                said.contains("with the credentials from"),
                is_sent,
                "{said}"
            );
        }
    }
}

/// Adds a helper to the folder, and returns the docker config's entry for it.
fn with_helper(folder: &Path, script: &str, host: &str) -> String {
    let program = folder.join("docker-credential-shop");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    format!(r#","credHelpers":{{"{host}":"shop"}}"#)
}

#[test]
fn a_docker_config_that_cannot_be_read_does_not_show_what_is_in_it() {
    let (registry, _) = server(|_| Response::new(401).header("www-authenticate", "Basic realm=x"));
    let host = registry.address.to_string();
    for json in [
        format!(r#"{{"auths":{{"{host}":"planted-1"}}}}"#),
        format!(r#"{{"auths":{{"{host}":{{"auth":"planted-2"}}}}}}"#),
        format!(r#"{{"auths":{{"{host}":{{"auth":["planted-3"]}}}}}}"#),
        r#"{"auths": planted-4"#.to_owned(),
        format!(
            r#"{{"auths":{{"{host}":{{"auth":"{}"}}}}}}"#,
            STANDARD.encode("planted-5")
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), json).unwrap();
        let said = everything_said(
            Settings {
                environment: environment(folder.path()),
                ..settings()
            },
            &host,
            "shop/web",
            &["1"],
        );
        assert!(
            said.contains("docker-config") && !said.contains("planted-"),
            "{said}"
        );
    }
}

#[test]
fn the_program_at_its_most_talkative_says_no_secret() {
    // Those with immediate answers and without name lookups.
    let tags = [
        "forbidden",
        "missing",
        "teapot",
        "scheme",
        "circle",
        "digest",
        "page",
        "moved",
    ];
    let (elsewhere, _) = server(|_| Response::new(200).body(r#"{"token":"planted-token-9"}"#));
    for Planted {
        secret,
        entry,
        repository,
        ..
    } in planted()
        .into_iter()
        .filter(|planted| planted.helper.is_none())
    {
        let (registry, heard) = server(echoing(elsewhere.address.to_string()));
        let host = registry.address.to_string();
        let place = Workplace::new();
        std::fs::create_dir(place.beside("home/.docker")).unwrap();
        std::fs::write(
            place.beside("home/.docker/config.json"),
            format!(r#"{{"auths":{{"{host}":{entry}}}}}"#),
        )
        .unwrap();
        let images: Vec<String> = tags
            .iter()
            .map(|tag| format!("{host}/{repository}:{tag}"))
            .collect();
        let containers: String = images
            .iter()
            .zip(tags)
            .map(|(image, tag)| {
                format!(
                    "        - name: {tag}\n          image: {image}@sha256:{}\n",
                    "1".repeat(64)
                )
            })
            .collect();
        let head = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  template:\n    spec:\n      containers:\n";
        place.write("web.yaml", format!("{head}{containers}"));
        let mut said = String::new();
        let digest: Vec<&str> = ["digest", "-vv"]
            .into_iter()
            .chain(images.iter().map(String::as_str))
            .collect();
        for arguments in [
            digest,
            vec!["files", "--update", "--track", "tag", "-vv"],
            vec![
                "files", "--check", "--track", "tag", "-vv", "--output", "json",
            ],
        ] {
            let finished = place
                .imago(arguments)
                .env(
                    "HTTPS_PROXY",
                    "http://user:planted-proxy-7@proxy.example.test:3128",
                )
                .env("IMAGO_GIT_TOKEN", "planted-environment-8")
                .finish_with(3);
            said += &finished.stdout;
            said += &finished.stderr;
        }
        said += &String::from_utf8_lossy(&place.files()["web.yaml"]);
        assert!(
            said.contains("418") && !said.contains("planted-"),
            "{secret}: {said}"
        );
        assert!(
            !said.contains(&STANDARD.encode(format!("user:{secret}"))),
            "{secret}: {said}"
        );
        assert!(
            heard
                .lock()
                .unwrap()
                .iter()
                .any(|request| request.header("authorization").is_some())
        );
    }
}
