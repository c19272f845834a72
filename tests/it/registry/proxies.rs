//! Proxies of the environment: who is asked through them, and who is not.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use imago::io::registry::Settings;

use super::{ask, digest_of, settings};
use crate::support::registry::http::{Response, Server};
use crate::support::registry::{Access, TestRegistry, Tokens};

const NAME: &str = "registry.example.test";

/// Settings with these variables, for a registry on this machine that has a name of the outside.
fn behind(variables: &[(&str, String)], registry: &str) -> Settings {
    Settings {
        environment: variables.iter().map(|(name, value)| ((*name).into(), value.into())).collect(),
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
        let variables = [("HTTP_PROXY", format!("HTTP://{}", proxy.address)), ("NO_PROXY", not_for)];
        ask(behind(&variables, &host), &format!("{host}/shop/web:1"))
    };
    assert_eq!(digest_of(of(host.clone())), digest);
    assert_eq!(proxy.connections(), 0);
    assert_eq!(of(format!("{NAME}:1")).unwrap_err().code, "server-error");
    assert!(proxy.connections() > 0);
}

#[test]
fn a_proxy_that_cannot_be_used_fails_what_would_go_through_it_alone() {
    let registry = TestRegistry::start();
    let digest = registry.push_index("shop/web", "1", &["linux/amd64"], "first");
    let host = format!("{NAME}:{}", registry.address.port());
    let variables = [("ALL_PROXY", "gopher://user:hunter2@127.0.0.1:1".to_owned()), ("no_proxy", String::new())];
    let refusal = ask(behind(&variables, &host), &format!("{host}/shop/web:1")).unwrap_err();
    assert_eq!(refusal.code, "settings");
    assert_eq!(refusal.cause, "cannot use the proxy in `ALL_PROXY`: it is no http, https or socks URL");
    assert_eq!(digest_of(ask(behind(&variables, &host), &format!("{}/shop/web:1", registry.host()))), digest);
}

#[test]
fn a_proxy_that_wants_to_be_signed_in_to_is_named_and_not_the_registry() {
    let proxy = Server::start(None, |_| Response::new(407).header("proxy-authenticate", r#"Basic realm="x""#));
    let variables = [("HTTP_PROXY", format!("http://{}", proxy.address))];
    let refusal = ask(behind(&variables, NAME), &format!("{NAME}/shop/web:1")).unwrap_err();
    assert_eq!(refusal.code, "proxy");
    assert_eq!(refusal.cause, format!("the proxy on the way to `{NAME}` answered 407 Proxy Authentication Required"));
}

#[test]
fn a_proxy_may_speak_socks() {
    let registry = TestRegistry::start();
    let digest = registry.push_index("shop/web", "1", &["linux/amd64"], "first");
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let variables = [("ALL_PROXY", format!("socks5h://{}", proxy.local_addr().unwrap()))];
    let address = registry.address;
    let asked = std::thread::spawn(move || {
        // RFC 1928: no authentication; a name and a port; a way there.
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
    assert_eq!(digest_of(ask(behind(&variables, &host), &format!("{host}/shop/web:1"))), digest);
    assert_eq!(asked.join().unwrap(), NAME);
}

#[test]
fn a_proxy_for_others_hides_no_address_of_a_host_that_is_asked_without_one() {
    // The registry is on this machine and may name a token server there; one of the outside may not.
    let registry = TestRegistry::with(Access::Token(Tokens::default()), None);
    let digest = registry.push_index("shop/web", "1", &["linux/amd64"], "first");
    let realm = format!(r#"Bearer realm="http://{}/token",service="x""#, registry.token_host().unwrap());
    registry.fault("shop/web", move |_, _, fine| match fine.status {
        401 => Response::new(401).header("www-authenticate", realm.clone()),
        _ => fine,
    });
    let image = format!("localhost:{}/shop/web:1", registry.address.port());
    let variables = [("HTTP_PROXY", "http://127.0.0.1:1".to_owned())];
    assert_eq!(digest_of(ask(behind(&variables, "none.example.test"), &image)), digest);
}
