//! Certificates, plain hosts and proxies.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use imago::io::registry::Settings;
use rcgen::{BasicConstraints, IsCa};

use super::{ask, digest_of, settings};
use crate::support::registry::{Access, TestRegistry, Tokens};
use crate::support::tls::{Authority, Valid, self_signed};

const NAME: &str = "registry.example.test";

/// Settings in which the name resolves to this machine, and the authority is trusted.
fn trusting(authority: &Authority) -> Settings {
    Settings {
        certificate_authorities: vec![authority.file.clone()],
        addresses: [(NAME.to_owned(), vec!["127.0.0.1".parse().unwrap()])].into(),
        ..settings()
    }
}

#[test]
fn a_certificate_is_taken_only_when_it_is_right() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, other) = (Authority::new(folder.path()), tempfile::tempdir().unwrap());
    let other = Authority::new(other.path());
    for (identity, code, reason) in [
        (authority.identity(&[NAME], Valid::Now), None, ""),
        (
            authority.identity(&[NAME], Valid::LongAgo),
            Some("certificate"),
            "it has expired",
        ),
        (
            authority.identity(&["other.example.test"], Valid::Now),
            Some("certificate"),
            "it is for another name",
        ),
        (
            other.identity(&[NAME], Valid::Now),
            Some("certificate"),
            "it is signed by an unknown authority",
        ),
    ] {
        let registry = TestRegistry::with(Access::Open, Some(identity.config));
        let digest = registry.push_image("shop/web", "1", "linux/amd64", "first");
        let host = format!("{NAME}:{}", registry.address.port());
        match (
            ask(trusting(&authority), &format!("{host}/shop/web:1")),
            code,
        ) {
            (Ok(answer), None) => assert_eq!(answer.digest.as_str(), digest),
            (Err(refusal), Some(code)) => {
                assert_eq!(
                    (refusal.code.as_str(), refusal.cause),
                    (
                        code,
                        format!("the certificate of `{host}` is not trusted: {reason}")
                    )
                );
            }
            (answer, _) => panic!("{answer:?}"),
        }
    }
}

#[test]
fn a_certificate_of_an_authority_that_a_server_uses_as_its_own_is_said_to_be_that() {
    for (is_ca, is_taken) in [
        (IsCa::Ca(BasicConstraints::Unconstrained), false),
        (IsCa::ExplicitNoCa, true),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let identity = self_signed(folder.path(), NAME, is_ca);
        let settings = Settings {
            certificate_authorities: vec![identity.certificate],
            addresses: [(NAME.to_owned(), vec!["127.0.0.1".parse().unwrap()])].into(),
            ..settings()
        };
        let registry = TestRegistry::with(Access::Open, Some(identity.config));
        registry.push_image("shop/web", "1", "linux/amd64", "first");
        let host = format!("{NAME}:{}", registry.address.port());
        match ask(settings, &format!("{host}/shop/web:1")) {
            Ok(_) => assert!(is_taken),
            Err(refusal) => {
                assert!(!is_taken, "{refusal:?}");
                let reason =
                    "is a certificate authority's (CA:TRUE), which is used as the server's own";
                assert_eq!(
                    (refusal.code.as_str(), refusal.cause),
                    (
                        "certificate",
                        format!("the certificate of `{host}` {reason}")
                    )
                );
                // The hint must not suggest what was already done.
                assert!(!refusal.hint.unwrap().contains("--registry-ca"));
            }
        }
    }
}

#[test]
fn a_host_without_tls_is_asked_only_when_the_user_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let registry = TestRegistry::start();
    let digest = registry.push_image("shop/web", "1", "linux/amd64", "first");
    let host = format!("{NAME}:{}", registry.address.port());
    let refusal = ask(trusting(&authority), &format!("{host}/shop/web:1")).unwrap_err();
    assert_eq!(refusal.code.as_str(), "plain-http");
    let hint =
        format!("if it is meant to be asked over plain http, add `--insecure-registry {host}`");
    assert_eq!(refusal.hint, Some(hint));
    assert!(registry.requests().is_empty());
    let settings = Settings {
        insecure: vec![host.clone()],
        ..trusting(&authority)
    };
    assert_eq!(
        digest_of(ask(settings, &format!("{host}/shop/web:1"))),
        digest
    );
}

#[test]
fn a_token_server_over_plain_http_gets_nothing_from_a_registry_over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let plain = TestRegistry::start();
    let challenge = format!(
        r#"Bearer realm="http://{}/token",service="x""#,
        plain.host()
    );
    let tokens = Tokens {
        challenges: vec![challenge],
        ..Tokens::default()
    };
    let identity = authority.identity(&[NAME], Valid::Now);
    let registry = TestRegistry::with(Access::Token(tokens), Some(identity.config));
    let host = format!("{NAME}:{}", registry.address.port());
    let config = folder.path().join("config.json");
    std::fs::write(
        &config,
        format!(r#"{{"auths":{{"{host}":{{"username":"user","password":"hunter2"}}}}}}"#),
    )
    .unwrap();
    let refusal = ask(
        Settings {
            docker_config: Some(config),
            ..trusting(&authority)
        },
        &format!("{host}/shop/web:1"),
    )
    .unwrap_err();
    assert_eq!(refusal.code.as_str(), "challenge");
    let cause = format!(
        "`{host}` names the token server `{}`, which is asked over plain http",
        plain.host()
    );
    assert_eq!(refusal.cause, cause);
    assert!(plain.requests().is_empty());
}

#[test]
fn what_is_no_certificate_file_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    for content in [
        "",
        "no certificate",
        "-----BEGIN CERTIFICATE-----\n!!!\n-----END CERTIFICATE-----\n",
    ] {
        let file = folder.path().join("broken.pem");
        std::fs::write(&file, content).unwrap();
        let settings = Settings {
            certificate_authorities: vec![file],
            ..trusting(&authority)
        };
        let refusal = ask(settings, &format!("{NAME}:1/shop/web:1")).unwrap_err();
        assert_eq!(refusal.code.as_str(), "settings", "{content}: {refusal:?}");
    }
}

/// A proxy that connects everybody to one port, or nobody. It records what it was asked.
fn proxy(port: Option<u16>) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&asked);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = client.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                client.read_exact(&mut byte).unwrap();
                head.push(byte[0]);
            }
            noted.lock().unwrap().push(String::from_utf8(head).unwrap());
            let Some(port) = port else {
                client
                    .write_all(
                        b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n",
                    )
                    .unwrap();
                continue;
            };
            let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
            client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").unwrap();
            let (mut from_client, mut to_server) =
                (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut from_client, &mut to_server));
            std::thread::spawn(move || std::io::copy(&mut { server }, &mut client));
        }
    });
    (address, asked)
}

#[test]
fn a_proxy_of_the_environment_is_used_but_for_those_whom_no_proxy_names() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new(folder.path());
    let registry = TestRegistry::with(
        Access::Open,
        Some(authority.identity(&[NAME], Valid::Now).config),
    );
    let digest = registry.push_image("shop/web", "1", "linux/amd64", "first");
    let (address, asked) = proxy(Some(registry.address.port()));
    let through = |no_proxy: &str, proxy: &str| Settings {
        environment: [
            (
                "HTTPS_PROXY".into(),
                format!("http://user:hunter2@{proxy}").into(),
            ),
            ("NO_PROXY".into(), no_proxy.to_owned().into()),
        ]
        .into(),
        ..trusting(&authority)
    };
    // The name is not resolved here: the proxy does that.
    let settings = Settings {
        addresses: [(NAME.to_owned(), Vec::new())].into(),
        ..through("", &address)
    };
    assert_eq!(
        digest_of(ask(settings, &format!("{NAME}/shop/web:1"))),
        digest
    );
    let head = asked.lock().unwrap()[0].clone();
    assert!(
        head.starts_with(&format!("CONNECT {NAME}:443 HTTP/1.1\r\n")),
        "{head}"
    );
    assert!(
        head.to_lowercase()
            .contains("proxy-authorization: basic dxnlcjpodw50zxiy"),
        "{head}"
    );
    let host = format!("{NAME}:{}", registry.address.port());
    assert_eq!(
        digest_of(ask(
            through("example.test", &address),
            &format!("{host}/shop/web:1")
        )),
        digest
    );
    assert_eq!(asked.lock().unwrap().len(), 1);
    let (closed, _) = proxy(None);
    let refusal = ask(through("", &closed), &format!("{host}/shop/web:1")).unwrap_err();
    assert_eq!(refusal.code.as_str(), "proxy", "{refusal:?}");
    // A proxy that cannot be reached does not count as a dead registry, either.
    let gone = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let refusal = ask(through("", &gone), &format!("{host}/shop/web:1")).unwrap_err();
    assert_eq!(refusal.code.as_str(), "proxy", "{refusal:?}");
    assert!(!format!("{refusal:?}").contains("hunter2"));
}
