//! The proxy on the way to a host: `HTTPS_PROXY`, `HTTP_PROXY` and `ALL_PROXY`, and `NO_PROXY` against them.
//!
//! A proxy that cannot be used fails what would go through it, and nothing else. No value is ever shown: it may hold a password.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use reqwest::Url;

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
            let value = environment.get(OsStr::new(name)).and_then(|value| value.to_str());
            value.map(str::trim).filter(|value| !value.is_empty())
        };
        let named = |names: [&'static str; 4]| {
            let (name, value) = names.into_iter().find_map(|name| Some((name, variable(name)?)))?;
            Some(parse(value).ok_or(name))
        };
        let not_for = variable("NO_PROXY").or_else(|| variable("no_proxy")).unwrap_or_default();
        Self {
            https: named(["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]),
            http: named(["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]),
            // What ends in `.localhost` is this machine, too.
            not_for: format!("localhost,{not_for}"),
        }
    }

    /// The proxy for a URL; `None` where its host is asked without one.
    pub(super) fn on_the_way_to(&self, url: &Url) -> Result<Option<&Url>, Fault> {
        let named = if url.scheme() == "https" { &self.https } else { &self.http };
        let (host, port) = (url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or_default());
        match named {
            Some(_) if is_excluded(host, port, &self.not_for) => Ok(None),
            Some(Ok(proxy)) => Ok(Some(proxy)),
            Some(Err(name)) => {
                Err(Fault::Settings(format!("cannot use the proxy in `{name}`: it is no http, https or socks URL")))
            }
            None => Ok(None),
        }
    }
}

/// A proxy's URL; without a scheme it is plain http.
fn parse(text: &str) -> Option<Url> {
    let url = if text.contains("://") { Url::parse(text) } else { Url::parse(&format!("http://{text}")) }.ok()?;
    let usable = matches!(url.scheme(), "http" | "https" | "socks4" | "socks4a" | "socks5" | "socks5h");
    (usable && url.has_host()).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn way(environment: &[(&str, &str)], url: &str) -> Result<Option<String>, String> {
        let environment = environment.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let proxies = Proxies::of_environment(&environment);
        let found = proxies.on_the_way_to(&Url::parse(url).unwrap());
        found.map(|proxy| proxy.map(ToString::to_string)).map_err(|fault| fault.refusal("reg.test").cause)
    }

    #[test]
    fn a_scheme_has_its_own_proxy_or_that_for_all() {
        let both = [("HTTPS_PROXY", "http://a.test:1"), ("http_proxy", "b.test:2"), ("ALL_PROXY", "socks5://c.test:3")];
        assert_eq!(way(&both, "https://reg.test/"), Ok(Some("http://a.test:1/".to_owned())));
        assert_eq!(way(&both, "http://reg.test/"), Ok(Some("http://b.test:2/".to_owned())));
        assert_eq!(way(&both[2..], "https://reg.test/"), Ok(Some("socks5://c.test:3".to_owned())));
        assert_eq!(way(&[("https_proxy", "HTTP://A.test:1")], "https://reg.test/"), Ok(Some("http://a.test:1/".to_owned())));
        assert_eq!(way(&[("HTTPS_PROXY", " ")], "https://reg.test/"), Ok(None));
    }

    #[test]
    fn no_proxy_exempts_a_host_and_one_port_of_it() {
        let environment = [("HTTPS_PROXY", "http://a.test:1"), ("no_proxy", "reg.test:5000,10.0.0.0/8,other.test")];
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
        let environment =
            [("ALL_PROXY", "ftp://user:hunter2@a.test"), ("HTTPS_PROXY", "http://b.test:1"), ("NO_PROXY", "own.test")];
        let refused = Err("cannot use the proxy in `ALL_PROXY`: it is no http, https or socks URL".to_owned());
        assert_eq!(way(&environment, "http://reg.test/"), refused);
        assert_eq!(way(&environment, "http://own.test/"), Ok(None));
        assert_eq!(way(&environment, "https://reg.test/"), Ok(Some("http://b.test:1/".to_owned())));
    }
}
