//! Proxies of the environment: which hosts are asked through them, and which are not.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use imago::io::registry::Settings;

use super::{ask, ask_all, digest_of, settings};
use crate::support::registry::http::{Response, Server};
use crate::support::registry::{Access, TestRegistry, Tokens};
use crate::support::tls::{Authority, Valid};

const NAME: &str = "registry.example.test";

/// Settings with these variables, for a registry on this machine with a public name.
fn behind(variables: &[(&str, String)], registry: &str) -> Settings {
    Settings {
        environment: variables
            .iter()
            .map(|(name, value)| ((*name).into(), value.into()))
            .collect(),
        addresses: [(NAME.to_owned(), vec!["127.0.0.1".parse().unwrap()])].into(),
        insecure: vec![registry.to_owned()],
        ..settings()
    }
}

#[test]
fn a_host_that_no_proxy_names_with_its_port_is_asked_without_one() {
    let registry = TestRegistry::start();
    let digest = registry.push_index("shop/web", "1", &["linux/amd64"], "first");
    let proxy = Server::start(None, |_| Response::new(502));
    let host = format!("{NAME}:{}", registry.address.port());
    let of = |not_for: String| {
        let variables = [
            ("HTTP_PROXY", format!("HTTP://{}", proxy.address)),
            ("NO_PROXY", not_for),
        ];
        ask(behind(&variables, &host), &format!("{host}/shop/web:1"))
    };
    assert_eq!(digest_of(of(host.clone())), digest);
    assert_eq!(proxy.connections(), 0);
    assert_eq!(
        of(format!("{NAME}:1")).unwrap_err().code.as_str(),
        "server-error"
    );
    assert!(proxy.connections() > 0);
}

#[test]
fn a_proxy_that_cannot_be_used_fails_what_would_go_through_it_alone() {
    let registry = TestRegistry::start();
    let digest = registry.push_index("shop/web", "1", &["linux/amd64"], "first");
    let host = format!("{NAME}:{}", registry.address.port());
    let variables = [
        ("ALL_PROXY", "gopher://user:hunter2@127.0.0.1:1".to_owned()),
        ("no_proxy", String::new()),
    ];
    let refusal = ask(behind(&variables, &host), &format!("{host}/shop/web:1")).unwrap_err();
    assert_eq!(refusal.code.as_str(), "settings");
    assert_eq!(
        refusal.cause,
        "cannot use the proxy in `ALL_PROXY`: it is not an http, https or socks URL"
    );
    assert_eq!(
        digest_of(ask(
            behind(&variables, &host),
            &format!("{}/shop/web:1", registry.host())
        )),
        digest
    );
}

#[test]
fn a_proxy_that_wants_to_be_signed_in_to_is_named_and_not_the_registry() {
    let proxy = Server::start(None, |_| {
        Response::new(407).header("proxy-authenticate", r#"Basic realm="x""#)
    });
    let variables = [("HTTP_PROXY", format!("http://{}", proxy.address))];
    let refusal = ask(behind(&variables, NAME), &format!("{NAME}/shop/web:1")).unwrap_err();
    assert_eq!(refusal.code.as_str(), "proxy");
    let shown = format!(
        "the proxy `{}` on the way to `{NAME}` answered 407 Proxy Authentication Required",
        proxy.address
    );
    assert_eq!(refusal.cause, shown);
}

#[test]
fn a_proxy_that_wants_to_be_signed_in_to_is_given_what_it_lacks() {
    let proxy = Server::start(None, |_| Response::new(407));
    for (user, hint) in [
        (
            "",
            "give its variable a user and a password, as in `http://USER:PASSWORD@HOST:PORT`",
        ),
        ("ada@", "correct the user and the password in its variable"),
        (
            "ada:hunter2@",
            "correct the user and the password in its variable",
        ),
    ] {
        let variables = [("HTTP_PROXY", format!("http://{user}{}", proxy.address))];
        let refusal = ask(behind(&variables, NAME), &format!("{NAME}/shop/web:1")).unwrap_err();
        assert!(
            refusal.code.as_str() == "proxy" && refusal.hint.as_ref().unwrap().starts_with(hint),
            "{refusal:?}"
        );
    }
}

#[test]
fn what_a_proxy_without_a_tunnel_may_have_said_itself_names_it() {
    let portal = Server::start(None, |_| Response::new(200).body("<html>Sign in</html>"));
    let to_the_portal = format!("http://{}/", portal.address);
    for (status, code) in [
        (302, "redirect"),
        (403, "forbidden"),
        (404, "not-found"),
        (503, "server-error"),
        (200, "not-a-registry"),
    ] {
        let location = to_the_portal.clone();
        let proxy = Server::start(None, move |_| {
            Response::new(status).header("location", location.clone())
        });
        let variables = [(
            "HTTP_PROXY",
            format!("http://ada:hunter2@{}", proxy.address),
        )];
        let refusal = ask(behind(&variables, NAME), &format!("{NAME}/shop/web:1")).unwrap_err();
        assert_eq!(refusal.code.as_str(), code, "{refusal:?}");
        let named = format!(
            " (asked through the proxy `{}`, which may have said so itself)",
            proxy.address
        );
        assert!(refusal.cause.ends_with(&named), "{refusal:?}");
        // Nobody changes credentials because of it.
        let hint = refusal.hint.unwrap_or_default();
        assert!(!hint.contains("docker login"), "{status}: {hint}");
    }
}

#[test]
fn a_proxy_that_speaks_no_http_once_is_asked_again() {
    let registry = TestRegistry::start();
    let digest = registry.push_index("shop/web", "1", &["linux/amd64"], "first");
    for first in [
        &[Does::Babble][..],
        &[Does::Babble, Does::End, Does::Babble],
    ] {
        let (proxy, _) = tunnels(first, Does::PassOn, registry.address);
        let variables = [("HTTP_PROXY", format!("http://{proxy}"))];
        let answer = ask(behind(&variables, NAME), &format!("{NAME}/shop/web:1"));
        assert_eq!(digest_of(answer), digest, "{first:?}");
    }
    let (proxy, count) = tunnels(&[], Does::Babble, registry.address);
    let variables = [("HTTP_PROXY", format!("http://{proxy}"))];
    let refusal = ask(behind(&variables, NAME), &format!("{NAME}/shop/web:1")).unwrap_err();
    assert_eq!(
        (refusal.code.as_str(), refusal.cause),
        (
            "proxy",
            format!(
                "the proxy `{proxy}` on the way to `{NAME}` answered with something that is not HTTP"
            )
        )
    );
    assert!(count.load(Ordering::SeqCst) >= 4, "{count:?}");
}

/// What a proxy does with a connection.
#[derive(Clone, Copy, Debug)]
enum Does {
    /// Answers with this status.
    Answer(u16),
    /// Answers with something that is not HTTP.
    Babble,
    /// Closes the connection without an answer.
    End,
    /// Connects to the server.
    Connect,
    /// Says that it connects, and then says something itself.
    Intrude,
    /// Sends the request to the server itself, once.
    PassOn,
}

/// A proxy for CONNECT: its behaviour on the first connections and on all others. It counts connections.
fn tunnels(
    first: &'static [Does],
    others: Does,
    to: std::net::SocketAddr,
) -> (std::net::SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, count) = (
        listener.local_addr().unwrap(),
        Arc::new(AtomicUsize::new(0)),
    );
    let counted = Arc::clone(&count);
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let at = counted.fetch_add(1, Ordering::SeqCst);
            let does = first.get(at).copied().unwrap_or(others);
            std::thread::spawn(move || serve(client.unwrap(), does, to));
        }
    });
    (address, count)
}

fn serve(mut client: TcpStream, does: Does, to: std::net::SocketAddr) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && client.read_exact(&mut byte).is_ok() {
        head.push(byte[0]);
    }
    match does {
        Does::End => {}
        Does::Babble => drop(client.write_all(b"SSH-2.0-x\r\n\r\n")),
        Does::Intrude => {
            client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").unwrap();
            let _ = client.read(&mut [0; 4096]);
            let _ = client.write_all(b"HTTP/1.1 403 Blocked\r\n\r\n");
        }
        Does::Answer(status) => drop(
            client
                .write_all(format!("HTTP/1.1 {status} No\r\nContent-Length: 0\r\n\r\n").as_bytes()),
        ),
        Does::PassOn => {
            let mut server = TcpStream::connect(to).unwrap();
            let head = String::from_utf8(head).unwrap();
            let head = head.replacen(&format!("http://{NAME}"), "", 1);
            let head = head.replacen("\r\n", "\r\nConnection: close\r\n", 1);
            server.write_all(head.as_bytes()).unwrap();
            let _ = std::io::copy(&mut server, &mut client);
        }
        Does::Connect => {
            let mut server = TcpStream::connect(to).unwrap();
            client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").unwrap();
            let (mut from_client, mut to_server) =
                (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || {
                let _ = std::io::copy(&mut from_client, &mut to_server);
                let _ = to_server.shutdown(std::net::Shutdown::Write);
            });
            let _ = std::io::copy(&mut server, &mut client);
        }
    }
}

/// A registry over TLS, the digest of its three images, and settings that trust it and use this proxy.
fn over_tls(
    folder: &Path,
    proxy: impl FnOnce(std::net::SocketAddr) -> String,
) -> (TestRegistry, String, Settings, Vec<String>) {
    let authority = Authority::new(folder);
    let registry = TestRegistry::with(
        Access::Open,
        Some(authority.identity(&[NAME], Valid::Now).config),
    );
    let digest = registry.push_index("shop/web", "1", &["linux/amd64"], "first");
    let host = format!("{NAME}:{}", registry.address.port());
    let variables = [("HTTPS_PROXY", proxy(registry.address))];
    let settings = Settings {
        certificate_authorities: vec![authority.file.clone()],
        insecure: Vec::new(),
        ..behind(&variables, &host)
    };
    for tag in ["2", "3"] {
        registry.push_index("shop/web", tag, &["linux/amd64"], "first");
    }
    let images = ["1", "2", "3"]
        .map(|tag| format!("{host}/shop/web:{tag}"))
        .to_vec();
    (registry, digest, settings, images)
}

#[test]
fn a_proxy_that_fails_once_is_asked_again() {
    for first in [
        &[Does::Answer(503)][..],
        &[Does::Answer(502), Does::Answer(502), Does::Answer(504)],
        &[Does::End],
        &[Does::End, Does::End, Does::Answer(500)],
        &[Does::Babble],
    ] {
        let folder = tempfile::tempdir().unwrap();
        let (_registry, digest, settings, images) = over_tls(folder.path(), |to| {
            format!("http://{}", tunnels(first, Does::Connect, to).0)
        });
        let images: Vec<&str> = images.iter().map(String::as_str).collect();
        for (lookup, answer) in ask_all(settings, &images).0 {
            assert_eq!(digest_of(answer), digest, "{lookup} after {first:?}");
        }
    }
}

#[test]
fn a_proxy_that_refuses_is_asked_no_more_and_is_named_without_its_password() {
    // The client reports only 407, so any other status costs a second request.
    for (status, connections, phrase, hint) in [
        (
            403,
            2,
            "403 Forbidden",
            "ask whoever runs the proxy, or name the host in NO_PROXY",
        ),
        (
            407,
            1,
            "407 Proxy Authentication Required",
            "correct the user and the password in its variable",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut counted = None;
        let (registry, _, settings, images) = over_tls(folder.path(), |to| {
            let (address, count) = tunnels(&[], Does::Answer(status), to);
            counted = Some((address, count));
            format!("http://user:hunter2@{address}")
        });
        let (address, count) = counted.unwrap();
        let images: Vec<&str> = images.iter().map(String::as_str).collect();
        for refusal in ask_all(settings, &images)
            .0
            .into_values()
            .map(Result::unwrap_err)
        {
            assert_eq!(refusal.code.as_str(), "proxy");
            let host = format!("{NAME}:{}", registry.address.port());
            assert_eq!(
                refusal.cause,
                format!("the proxy `{address}` on the way to `{host}` answered {phrase}")
            );
            assert!(
                refusal.hint.as_ref().unwrap().starts_with(hint),
                "{refusal:?}"
            );
            assert!(
                !format!("{refusal:?}").contains("hunter2")
                    && !format!("{refusal:?}").contains("docker login")
            );
        }
        assert_eq!(count.load(Ordering::SeqCst), connections, "{status}");
        assert_eq!(registry.connections(), 0);
    }
}

#[test]
fn a_proxy_that_always_fails_is_named_after_some_tries() {
    for (does, said) in [
        (Does::Answer(503), "answered 503 Service Unavailable"),
        (Does::End, "the proxy `"),
        // It accepts, and ends the tunnel.
        (Does::Answer(200), "broke the connection off"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut at = None;
        let (_registry, _, settings, images) = over_tls(folder.path(), |to| {
            let (address, count) = tunnels(&[], does, to);
            at = Some((address, count));
            format!("http://{address}")
        });
        let refusal = ask(settings, &images[0]).unwrap_err();
        let (address, count) = at.unwrap();
        assert_eq!(refusal.code.as_str(), "proxy");
        assert!(
            refusal.cause.contains(&format!("the proxy `{address}`"))
                && refusal.cause.contains(said),
            "{refusal:?}"
        );
        assert!(
            (4..=8).contains(&count.load(Ordering::SeqCst)),
            "{does:?}: {count:?}"
        );
    }
}

#[test]
fn a_proxy_that_speaks_within_its_tunnel_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut at = None;
    let (_registry, _, settings, images) = over_tls(folder.path(), |to| {
        let (address, _) = tunnels(&[], Does::Intrude, to);
        at = Some(address);
        format!("http://{address}")
    });
    let refusal = ask(settings, &images[0]).unwrap_err();
    let named = format!(
        "does not speak TLS (asked through the proxy `{}`, which may have said so itself)",
        at.unwrap()
    );
    assert!(
        refusal.code.as_str() == "plain-http" && refusal.cause.ends_with(&named),
        "{refusal:?}"
    );
}

#[test]
fn a_proxy_that_is_not_there_or_has_no_address_is_named() {
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    for (url, cause) in [
        (
            format!("http://user:hunter2@{closed}"),
            format!("no connection to the proxy `{closed}` on the way to `{NAME}`: "),
        ),
        (
            "http://none.example.test:3128".to_owned(),
            "the name of the proxy `none.example.test:3128` on the way to ".to_owned(),
        ),
    ] {
        for variable in ["HTTP_PROXY", "HTTPS_PROXY"] {
            let insecure = if variable == "HTTP_PROXY" {
                vec![NAME.to_owned()]
            } else {
                Vec::new()
            };
            let mut settings = Settings {
                insecure,
                ..behind(&[(variable, url.clone())], NAME)
            };
            settings
                .addresses
                .insert("none.example.test".to_owned(), Vec::new());
            if variable == "HTTPS_PROXY" {
                settings.insecure.clear();
            }
            let refusal = ask(settings, &format!("{NAME}/shop/web:1")).unwrap_err();
            assert_eq!(refusal.code.as_str(), "proxy", "{refusal:?}");
            assert!(refusal.cause.starts_with(&cause), "{variable}: {refusal:?}");
            let hint = refusal.hint.unwrap();
            assert!(
                hint.contains("HTTPS_PROXY") && !hint.contains("docker login"),
                "{hint}"
            );
        }
    }
    let socks = behind(
        &[("ALL_PROXY", format!("socks5h://user:hunter2@{closed}"))],
        NAME,
    );
    let refusal = ask(socks, &format!("{NAME}/shop/web:1")).unwrap_err();
    assert!(
        refusal.code.as_str() == "proxy"
            && refusal.cause.contains(&format!("the proxy `{closed}`")),
        "{refusal:?}"
    );
}

#[test]
fn a_proxy_whose_certificate_is_not_trusted_is_named_and_nobody_is_told_to_trust_it() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let stranger = Authority::new(other.path()).identity(&["localhost"], Valid::Now);
    let proxy = Server::start(Some(stranger.config), |_| Response::new(200));
    let port = proxy.address.port();
    let (_registry, _, over_tls, images) =
        over_tls(folder.path(), |_| format!("https://localhost:{port}"));
    let plain = behind(&[("HTTP_PROXY", format!("https://localhost:{port}"))], NAME);
    for (settings, image) in [
        (over_tls, images[0].clone()),
        (plain, format!("{NAME}/shop/web:1")),
    ] {
        let refusal = ask(settings, &image).unwrap_err();
        let start =
            format!("the certificate of the proxy `localhost:{port}` on the way to `{NAME}");
        assert!(
            refusal.code.as_str() == "proxy" && refusal.cause.starts_with(&start),
            "{refusal:?}"
        );
        assert_eq!(
            refusal.hint.as_deref(),
            Some("ask whoever runs the proxy, or name the host in NO_PROXY")
        );
    }
}

#[test]
fn a_certificate_behind_a_proxy_is_the_registrys() {
    let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (_registry, _, settings, images) = over_tls(folder.path(), |to| {
        format!("http://{}", tunnels(&[], Does::Connect, to).0)
    });
    let stranger = Authority::new(other.path()).file;
    let refusal = ask(
        Settings {
            certificate_authorities: vec![stranger],
            ..settings
        },
        &images[0],
    )
    .unwrap_err();
    assert!(
        refusal.code.as_str() == "certificate" && refusal.hint.unwrap().contains("--registry-ca"),
        "{}",
        refusal.cause
    );
}

#[test]
fn a_proxy_may_speak_socks() {
    let registry = TestRegistry::start();
    let digest = registry.push_index("shop/web", "1", &["linux/amd64"], "first");
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let variables = [(
        "ALL_PROXY",
        format!("socks5h://{}", proxy.local_addr().unwrap()),
    )];
    let address = registry.address;
    let asked = std::thread::spawn(move || {
        // RFC 1928: no authentication; a host name and a port; success.
        let (mut client, _) = proxy.accept().unwrap();
        let mut head = [0; 2];
        client.read_exact(&mut head).unwrap();
        client.read_exact(&mut vec![0; head[1].into()]).unwrap();
        client.write_all(&[5, 0]).unwrap();
        let mut request = [0; 5];
        client.read_exact(&mut request).unwrap();
        let mut name = vec![0; usize::from(request[4]) + 2];
        client.read_exact(&mut name).unwrap();
        client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).unwrap();
        let server = TcpStream::connect(address).unwrap();
        let (mut up, mut down) = (client.try_clone().unwrap(), server.try_clone().unwrap());
        std::thread::spawn(move || std::io::copy(&mut up, &mut &server));
        std::thread::spawn(move || std::io::copy(&mut down, &mut client));
        String::from_utf8_lossy(&name[..name.len() - 2]).into_owned()
    });
    let host = format!("{NAME}:{}", registry.address.port());
    assert_eq!(
        digest_of(ask(
            behind(&variables, &host),
            &format!("{host}/shop/web:1")
        )),
        digest
    );
    assert_eq!(asked.join().unwrap(), NAME);
}

#[test]
fn the_address_of_a_host_without_a_proxy_is_judged_although_others_have_one() {
    // The registry is on this machine, and so may name a token server there. A public registry may not.
    let registry = TestRegistry::with(Access::Token(Tokens::default()), None);
    let digest = registry.push_index("shop/web", "1", &["linux/amd64"], "first");
    let realm = format!(
        r#"Bearer realm="http://{}/token",service="x""#,
        registry.token_host().unwrap()
    );
    registry.fault("shop/web", move |_, _, fine| match fine.status {
        401 => Response::new(401).header("www-authenticate", realm.clone()),
        _ => fine,
    });
    let image = format!("localhost:{}/shop/web:1", registry.address.port());
    let variables = [("HTTP_PROXY", "http://127.0.0.1:1".to_owned())];
    assert_eq!(
        digest_of(ask(behind(&variables, "none.example.test"), &image)),
        digest
    );
}
