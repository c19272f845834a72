//! The proxy on the way to a host: `HTTPS_PROXY`, `HTTP_PROXY` and `ALL_PROXY`, and `NO_PROXY` against them.
//!
//! A proxy that cannot be used fails what would go through it, and nothing else. No value is ever shown: it may hold a password.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use reqwest::Url;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::fault::Fault;
use crate::io::no_proxy::is_excluded;

/// What the environment says of proxies.
#[derive(Clone)]
pub(super) struct Proxies {
    https: Named,
    http: Named,
    not_for: String,
}

/// A proxy, or the variable whose value is none. `None`: there is no variable.
type Named = Option<Result<Url, &'static str>>;

impl Proxies {
    /// Reads the variables. One in capitals goes before the same in small letters, and one for a scheme before that for all.
    pub(super) fn of_environment(environment: &BTreeMap<OsString, OsString>) -> Self {
        let variable = |name: &str| {
            let value = environment
                .get(OsStr::new(name))
                .and_then(|value| value.to_str());
            value.map(str::trim).filter(|value| !value.is_empty())
        };
        let named = |names: [&'static str; 4]| {
            let (name, value) = names
                .into_iter()
                .find_map(|name| Some((name, variable(name)?)))?;
            Some(parse(value).ok_or(name))
        };
        let not_for = variable("NO_PROXY")
            .or_else(|| variable("no_proxy"))
            .unwrap_or_default();
        Self {
            https: named(["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]),
            http: named(["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]),
            // What ends in `.localhost` is this machine, too.
            not_for: format!("localhost,{not_for}"),
        }
    }

    /// The proxy for a URL; `None` where its host is asked without one.
    pub(super) fn on_the_way_to(&self, url: &Url) -> Result<Option<&Url>, Fault> {
        let named = if url.scheme() == "https" {
            &self.https
        } else {
            &self.http
        };
        let (host, port) = (
            url.host_str().unwrap_or_default(),
            url.port_or_known_default().unwrap_or_default(),
        );
        match named {
            Some(_) if is_excluded(host, port, &self.not_for) => Ok(None),
            Some(Ok(proxy)) => Ok(Some(proxy)),
            Some(Err(name)) => Err(Fault::Settings(format!(
                "cannot use the proxy in `{name}`: it is not an http, https or socks URL"
            ))),
            None => Ok(None),
        }
    }
}

/// A proxy between us and a host.
pub(super) struct Between<'a> {
    pub(super) proxy: &'a Url,
    pub(super) target: &'a Url,
}

impl Between<'_> {
    /// The proxy as shown to people: host and port, never its user and password.
    pub(super) fn shown(&self) -> String {
        format!(
            "{}:{}",
            self.proxy.host_str().unwrap_or_default(),
            self.port()
        )
    }

    fn port(&self) -> u16 {
        let usual = if self.proxy.scheme().starts_with("socks") {
            1080
        } else {
            80
        };
        self.proxy.port_or_known_default().unwrap_or(usual)
    }

    /// What the proxy's own refusal with this status means.
    pub(super) fn refused(&self, status: u16) -> Fault {
        let signs_in = !self.proxy.username().is_empty() || self.proxy.password().is_some();
        let fault = match status {
            407 if signs_in => Fault::ProxyCredentials,
            status => Fault::ProxyStatus(status),
        };
        Fault::OfProxy(Box::new(fault), self.shown())
    }

    /// Whether this is the proxy's name.
    pub(super) fn is_named(&self, name: &str) -> bool {
        self.proxy
            .host_str()
            .is_some_and(|host| host.eq_ignore_ascii_case(name))
    }

    /// Whether what is said goes through the proxy to the host behind it: not where the proxy itself asks a host of plain http.
    pub(super) fn has_tunnel(&self) -> bool {
        self.target.scheme() == "https" || self.proxy.scheme().starts_with("socks")
    }

    /// The status of a proxy that has just refused to connect us, where it says it again: the HTTP client does not tell. `None` where the
    /// proxy is not asked in plain text, connects us after all, or is silent.
    pub(super) async fn status(&self, limit: Duration) -> Option<u16> {
        if self.proxy.scheme() != "http" || self.target.scheme() != "https" {
            return None;
        }
        let ask = async {
            let host = self.proxy.host_str()?.trim_matches(['[', ']']);
            let mut stream = TcpStream::connect((host, self.port())).await.ok()?;
            let target = format!(
                "{}:{}",
                self.target.host_str()?,
                self.target.port_or_known_default()?
            );
            let mut request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n");
            if let Some(authorization) = self.authorization() {
                request += &format!("Proxy-Authorization: {authorization}\r\n");
            }
            stream.write_all((request + "\r\n").as_bytes()).await.ok()?;
            // `HTTP/1.1 503`
            let mut line = [0; 12];
            stream.read_exact(&mut line).await.ok()?;
            let status = std::str::from_utf8(&line)
                .ok()?
                .strip_prefix("HTTP/1.")?
                .split_once(' ')?
                .1
                .parse()
                .ok()?;
            (status != 200).then_some(status)
        };
        timeout(limit, ask).await.ok().flatten()
    }

    /// User and password of the proxy's address, as the HTTP client sends them.
    fn authorization(&self) -> Option<String> {
        let decoded = |text| percent_decode_str(text).decode_utf8_lossy();
        let (user, password) = (
            self.proxy.username(),
            self.proxy.password().unwrap_or_default(),
        );
        if user.is_empty() && password.is_empty() {
            return None;
        }
        Some(format!(
            "Basic {}",
            STANDARD.encode(format!("{}:{}", decoded(user), decoded(password)))
        ))
    }
}

/// A proxy's URL; without a scheme it is plain http.
fn parse(text: &str) -> Option<Url> {
    let url = if text.contains("://") {
        Url::parse(text)
    } else {
        Url::parse(&format!("http://{text}"))
    }
    .ok()?;
    let usable = matches!(
        url.scheme(),
        "http" | "https" | "socks4" | "socks4a" | "socks5" | "socks5h"
    );
    (usable && url.has_host()).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(environment: &[(&str, &str)], url: &str) -> Result<Option<String>, String> {
        let environment = environment
            .iter()
            .map(|(name, value)| ((*name).into(), (*value).into()))
            .collect();
        let proxies = Proxies::of_environment(&environment);
        let found = proxies.on_the_way_to(&Url::parse(url).unwrap());
        found
            .map(|proxy| proxy.map(ToString::to_string))
            .map_err(|fault| fault.refusal("reg.test").cause)
    }

    #[test]
    fn a_scheme_has_its_own_proxy_or_that_for_all() {
        let both = [
            ("HTTPS_PROXY", "http://a.test:1"),
            ("http_proxy", "b.test:2"),
            ("ALL_PROXY", "socks5://c.test:3"),
        ];
        assert_eq!(
            way(&both, "https://reg.test/"),
            Ok(Some("http://a.test:1/".to_owned()))
        );
        assert_eq!(
            way(&both, "http://reg.test/"),
            Ok(Some("http://b.test:2/".to_owned()))
        );
        assert_eq!(
            way(&both[2..], "https://reg.test/"),
            Ok(Some("socks5://c.test:3".to_owned()))
        );
        assert_eq!(
            way(&[("https_proxy", "HTTP://A.test:1")], "https://reg.test/"),
            Ok(Some("http://a.test:1/".to_owned()))
        );
        assert_eq!(way(&[("HTTPS_PROXY", " ")], "https://reg.test/"), Ok(None));
    }

    #[test]
    fn no_proxy_exempts_a_host_and_one_port_of_it() {
        let environment = [
            ("HTTPS_PROXY", "http://a.test:1"),
            ("no_proxy", "reg.test:5000,10.0.0.0/8,other.test"),
        ];
        for (url, exempt) in [
            ("https://reg.test:5000/", true),
            ("https://reg.test/", false),
            ("https://10.1.2.3/", true),
            ("https://a.other.test/", true),
            ("https://127.0.0.1:5000/", true),
            ("https://reg.localhost/", true),
        ] {
            assert_eq!(way(&environment, url).unwrap().is_none(), exempt, "{url}");
        }
    }

    #[test]
    fn a_proxy_that_cannot_be_used_fails_what_would_go_through_it_and_shows_no_password() {
        let environment = [
            ("ALL_PROXY", "ftp://user:hunter2@a.test"),
            ("HTTPS_PROXY", "http://b.test:1"),
            ("NO_PROXY", "own.test"),
        ];
        let refused = Err(
            "cannot use the proxy in `ALL_PROXY`: it is not an http, https or socks URL".to_owned(),
        );
        assert_eq!(way(&environment, "http://reg.test/"), refused);
        assert_eq!(way(&environment, "http://own.test/"), Ok(None));
        assert_eq!(
            way(&environment, "https://reg.test/"),
            Ok(Some("http://b.test:1/".to_owned()))
        );
    }
}
