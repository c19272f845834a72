//! The distribution project's own registry, in each configuration that people run.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;

use imago::app::gate::PlatformLoss;
use imago::app::resolve::Wanted;
use imago::engine::image::Digest;
use imago::io::registry::{Map, Registry, Settings};

use super::{ask, digest_of, docker_config, lookup, settings};
use crate::support::distribution::{Distribution, is_installed};
use crate::support::registry::http::{Response, Server};
use crate::support::tls::{Authority, Valid};

/// bcrypt of `hunter2`.
const HTPASSWD: &str = "user:$2b$05$abcdefghijklmnopqrstuuoXuKqgZXLiJqzfmMXDDhSFPIvxV7t8.\n";

fn htpasswd(folder: &Path) -> String {
    let file = folder.join("htpasswd");
    std::fs::write(&file, HTPASSWD).unwrap();
    format!(
        "auth:\n  htpasswd:\n    realm: test\n    path: {}\n",
        file.display()
    )
}

#[test]
fn an_open_registry_follows_its_tags() {
    if !is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let registry = Distribution::start(&folder.path().join("storage"), "", "");
    let old = registry.push("shop/web", "1.4", &["linux/amd64", "linux/arm64"], "first");
    let image = format!("{}/shop/web:1.4", registry.address);
    assert_eq!(digest_of(ask(settings(), &image)), old);
    let new = registry.push("shop/web", "1.4", &["linux/amd64", "linux/arm64"], "second");
    let lost = registry.push("shop/web", "1.5", &["linux/amd64"], "third");
    let resolver = Arc::new(Registry::new(settings()).unwrap());
    let host = registry.address;
    let recorded = BTreeSet::from([Digest::parse(&old).unwrap()]);
    let wanted: Wanted = ["shop/web:1.4", "shop/web:1.5", "shop/web:9", "shop/gone:1"]
        .iter()
        .map(|image| (lookup(&format!("{host}/{image}")), recorded.clone()))
        .collect();
    let answers = crate::support::resolve(&resolver, &wanted, PlatformLoss::HoldBack, |_| {});
    let answer = |image: &str| answers[&lookup(&format!("{host}/{image}"))].clone();
    assert_eq!(
        (
            answer("shop/web:1.4").unwrap().digest.as_str(),
            answer("shop/web:1.4").unwrap().held.len()
        ),
        (new.as_str(), 0)
    );
    let held = answer("shop/web:1.5").unwrap();
    assert_eq!((held.digest.as_str(), held.held.len()), (lost.as_str(), 1));
    assert_eq!(answer("shop/web:9").unwrap_err().code.as_str(), "not-found");
    // It answers MANIFEST_UNKNOWN for a repository that it does not have, too.
    assert_eq!(
        answer("shop/gone:1").unwrap_err().code.as_str(),
        "not-found"
    );
}

#[test]
fn credentials_are_found_in_every_form_of_the_docker_config() {
    if !is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let storage = folder.path().join("storage");
    let open = Distribution::start(&storage, "", "");
    let digest = open.push("shop/web", "1.4", &["linux/amd64"], "first");
    let registry = Distribution::start(&storage, "", &htpasswd(folder.path()));
    let host = registry.address.to_string();
    let image = format!("{host}/shop/web:1.4");
    let auth = "dXNlcjpodW50ZXIy";
    let helper = folder.path().join("docker-credential-shop");
    std::fs::write(
        &helper,
        "#!/bin/sh\necho '{\"Username\":\"user\",\"Secret\":\"hunter2\"}'\n",
    )
    .unwrap();
    std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).unwrap();
    for json in [
        format!(r#"{{"auths":{{"{host}":{{"auth":"{auth}"}}}}}}"#),
        format!(r#"{{"auths":{{"http://{host}":{{"auth":"{auth}"}}}}}}"#),
        format!(r#"{{"auths":{{"https://{host}/v1/":{{"auth":"{auth}"}}}}}}"#),
        format!(r#"{{"auths":{{"{host}/v2":{{"auth":"{auth}"}}}}}}"#),
        format!(r#"{{"auths":{{"{host}/shop":{{"auth":"{auth}"}},"{host}":{{"auth":"eDp5"}}}}}}"#),
        format!(
            r#"{{"auths":{{"{host}":{{"username":"user","password":"hunter2"}}}},"HttpHeaders":{{"User-Agent":"x"}}}}"#
        ),
        format!(r#"{{"auths":{{"{host}":{{}}}},"credHelpers":{{"{host}":"shop"}}}}"#),
        r#"{"credsStore":"shop"}"#.to_owned(),
    ] {
        let path = |name: &str| folder.path().join(name);
        for (file, variable) in [
            ("named.json", None),
            (
                "config.json",
                Some(("DOCKER_CONFIG", folder.path().to_owned())),
            ),
            (
                "auth-file.json",
                Some(("REGISTRY_AUTH_FILE", path("auth-file.json"))),
            ),
            (
                ".docker/config.json",
                Some(("HOME", folder.path().to_owned())),
            ),
            (
                ".config/containers/auth.json",
                Some(("HOME", folder.path().to_owned())),
            ),
            (
                "containers/auth.json",
                Some(("XDG_RUNTIME_DIR", folder.path().to_owned())),
            ),
        ] {
            std::fs::create_dir_all(path(file).parent().unwrap()).unwrap();
            std::fs::write(path(file), &json).unwrap();
            let mut environment: BTreeMap<OsString, OsString> = BTreeMap::from([(
                "PATH".into(),
                format!("{}:/usr/bin:/bin", folder.path().display()).into(),
            )]);
            let docker_config = variable.is_none().then(|| path(file));
            environment.extend(variable.map(|(name, value)| (name.into(), value.into())));
            let answer = ask(
                Settings {
                    docker_config,
                    environment,
                    ..settings()
                },
                &image,
            );
            assert_eq!(digest_of(answer), digest, "{file} {json}");
            std::fs::remove_file(path(file)).unwrap();
        }
    }
    assert_eq!(
        ask(settings(), &image).unwrap_err().code.as_str(),
        "unauthorized"
    );
    let (_folder, wrong) = docker_config(&format!(
        r#"{{"auths":{{"{host}":{{"username":"user","password":"wrong"}}}}}}"#
    ));
    assert_eq!(
        ask(
            Settings {
                docker_config: Some(wrong),
                ..settings()
            },
            &image
        )
        .unwrap_err()
        .code
        .as_str(),
        "credentials-refused"
    );
}

#[test]
fn tls_with_an_authority_of_ones_own() {
    if !is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let storage = folder.path().join("storage");
    let digest =
        Distribution::start(&storage, "", "").push("shop/web", "1.4", &["linux/amd64"], "first");
    let authority = Authority::new(folder.path());
    let identity = authority.identity(&["registry.example.test", "127.0.0.1"], Valid::Now);
    let tls = format!(
        "  tls:\n    certificate: {}\n    key: {}\n",
        identity.certificate.display(),
        identity.key.display()
    );
    let registry = Distribution::start(&storage, &tls, &htpasswd(folder.path()));
    let port = registry.address.port();
    let json = format!(
        r#"{{"auths":{{"127.0.0.1:{port}":{{"auth":"dXNlcjpodW50ZXIy"}},"registry.example.test:{port}":{{"auth":"dXNlcjpodW50ZXIy"}}}}}}"#
    );
    let (_folder, path) = docker_config(&json);
    let trusting = || Settings {
        certificate_authorities: vec![authority.file.clone()],
        docker_config: Some(path.clone()),
        addresses: [(
            "registry.example.test".to_owned(),
            vec!["127.0.0.1".parse().unwrap()],
        )]
        .into(),
        ..settings()
    };
    for host in ["127.0.0.1", "registry.example.test"] {
        assert_eq!(
            digest_of(ask(trusting(), &format!("{host}:{port}/shop/web:1.4"))),
            digest,
            "{host}"
        );
    }
    let suspicious = Settings {
        certificate_authorities: Vec::new(),
        ..trusting()
    };
    assert_eq!(
        ask(suspicious, &format!("127.0.0.1:{port}/shop/web:1.4"))
            .unwrap_err()
            .code
            .as_str(),
        "certificate"
    );
}

#[test]
fn behind_a_redirecting_proxy_the_public_is_reached_and_the_private_is_not() {
    if !is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let storage = folder.path().join("storage");
    let open = Distribution::start(&storage, "", "");
    let digest = open.push("shop/web", "1.4", &["linux/amd64"], "first");
    let private = Distribution::start(&storage, "", &htpasswd(folder.path()));
    for (registry, outcome) in [(&open, Ok(())), (&private, Err("redirect"))] {
        let target = registry.address;
        let proxy = Server::start(None, move |request| {
            Response::new(307).header("location", format!("http://{target}{}", request.path))
        });
        // There are credentials for both hosts, and none follows the redirect.
        let json = format!(
            r#"{{"auths":{{"{}":{{"auth":"dXNlcjpodW50ZXIy"}},"{target}":{{"auth":"dXNlcjpodW50ZXIy"}}}}}}"#,
            proxy.address
        );
        let (_folder, path) = docker_config(&json);
        let settings = Settings {
            docker_config: Some(path),
            ..settings()
        };
        match (
            ask(settings, &format!("{}/shop/web:1.4", proxy.address)),
            outcome,
        ) {
            (Ok(answer), Ok(())) => assert_eq!(answer.digest.as_str(), digest),
            (Err(refusal), Err(code)) => assert_eq!(refusal.code.as_str(), code),
            (answer, _) => panic!("{answer:?}"),
        }
    }
}

#[test]
fn a_pull_through_proxy_is_asked_by_a_map() {
    if !is_installed() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let upstream = Distribution::start(&folder.path().join("upstream"), "", "");
    let digest = upstream.push(
        "library/nginx",
        "1.25",
        &["linux/amd64", "linux/arm64"],
        "first",
    );
    let proxy = format!(
        "{}proxy:\n  remoteurl: http://{}\n",
        htpasswd(folder.path()),
        upstream.address
    );
    let cache = Distribution::start(&folder.path().join("cache"), "", &proxy);
    let (_folder, path) = docker_config(&format!(
        r#"{{"auths":{{"{}":{{"auth":"dXNlcjpodW50ZXIy"}}}}}}"#,
        cache.address
    ));
    let maps = vec![Map::parse(&format!("docker.io={}", cache.address)).unwrap()];
    assert_eq!(
        digest_of(ask(
            Settings {
                docker_config: Some(path),
                maps,
                ..settings()
            },
            "nginx:1.25"
        )),
        digest
    );
}
