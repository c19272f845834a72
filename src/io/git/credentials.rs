//! With what a remote is signed in to: a token from the environment, for the remote's own host alone.
//!
//! The token stays in the environment: `git` gets a credential helper that reads it there, scoped to the remote's scheme and host, so that
//! it goes to no other host, not by a redirect either. It goes over https, or to this machine.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};

use crate::io::credentials::Secret;

/// The user that hosts take a token with, where none is named.
const ANY_USER: &str = "x-access-token";
/// Where our helpers find user and token.
const USER: &str = "IMAGO_HELPER_USERNAME";
const TOKEN: &str = "IMAGO_HELPER_TOKEN";
/// A helper in Git's own form: it answers `get`, and forgets everything else.
const HELPER: &str =
    r#"!f() { test "$1" = get && printf 'username=%s\npassword=%s\n' "$IMAGO_HELPER_USERNAME" "$IMAGO_HELPER_TOKEN"; }; f"#;

/// What is added to the environment of `git`.
#[derive(Debug, Default)]
pub(super) struct Credentials {
    pub(super) environment: BTreeMap<OsString, OsString>,
    /// What must not be printed.
    pub(super) secrets: Vec<Secret>,
}

impl Credentials {
    /// `IMAGO_GIT_TOKEN` goes before everything that is configured; GitHub's own token is the last resort, on its own runners.
    pub(super) fn of(urls: &[String], environment: &BTreeMap<OsString, OsString>) -> Self {
        let text =
            |name: &str| environment.get(OsStr::new(name)).and_then(|value| value.to_str()).filter(|text| !text.is_empty());
        let mut credentials = Self::default();
        credentials.secrets.extend(urls.iter().filter_map(|url| Url::parse(url)?.password).map(Secret::new));
        let ours = text("IMAGO_GIT_TOKEN");
        let github = text("GITHUB_TOKEN").filter(|_| text("GITHUB_ACTIONS") == Some("true"));
        let server = text("GITHUB_SERVER_URL").and_then(Url::parse);
        for token in [text("IMAGO_GIT_TOKEN"), text("GITHUB_TOKEN")].into_iter().flatten() {
            credentials.secrets.push(Secret::new(token));
        }
        let mut settings: Vec<(String, &str)> = Vec::new();
        let mut signs_in = None;
        for (address, url) in urls.iter().filter_map(|url| Some((url, Url::parse(url)?))) {
            if !url.is_private() {
                continue;
            }
            match (ours, github) {
                (Some(token), _) => {
                    // Two headers of one kind are refused by GitHub, so what was configured for the address is put aside for this call.
                    settings.push((format!("http.{}.extraheader", without_user(address)), ""));
                    settings.push((format!("credential.{}.helper", url.origin), ""));
                    settings.push((format!("credential.{}.helper", url.origin), HELPER));
                    signs_in = Some((text("IMAGO_GIT_USERNAME").unwrap_or(ANY_USER), token));
                }
                (None, Some(token)) if server.as_ref().is_some_and(|server| server.origin == url.origin) => {
                    settings.push((format!("credential.{}.helper", url.origin), HELPER));
                    signs_in = Some((ANY_USER, token));
                }
                _ => {}
            }
        }
        let Some((user, token)) = signs_in else { return credentials };
        let first: usize = text("GIT_CONFIG_COUNT").and_then(|count| count.parse().ok()).unwrap_or(0);
        let mut set = |name: String, value: &str| credentials.environment.insert(name.into(), value.into());
        set("GIT_CONFIG_COUNT".to_owned(), &(first + settings.len()).to_string());
        for (index, (key, value)) in settings.iter().enumerate() {
            set(format!("GIT_CONFIG_KEY_{}", first + index), key);
            set(format!("GIT_CONFIG_VALUE_{}", first + index), value);
        }
        set(USER.to_owned(), user);
        set(TOKEN.to_owned(), token);
        credentials
    }
}

/// What matters of a remote's address over http or https.
#[derive(Debug, PartialEq, Eq)]
struct Url {
    /// `https://git.example.test:8443`, in lower case.
    origin: String,
    password: Option<String>,
}

impl Url {
    /// `None` for paths, ssh and everything else.
    fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        if scheme != "https" && scheme != "http" {
            return None;
        }
        let authority = rest.split(['/', '?', '#']).next()?;
        let (account, host) = authority.rsplit_once('@').map_or(("", authority), |(account, host)| (account, host));
        let password = account.split_once(':').map(|(_, password)| password.to_owned());
        Some(Self { origin: format!("{scheme}://{}", host.to_ascii_lowercase()), password })
    }

    /// Whether nobody on the way can read what is sent.
    fn is_private(&self) -> bool {
        let Some(host) = self.origin.strip_prefix("http://") else { return true };
        let name = host.strip_prefix('[').and_then(|rest| rest.split(']').next()).or_else(|| host.split(':').next());
        name.is_some_and(|name| {
            name == "localhost" || name.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        })
    }
}

/// The address as a key of the configuration: without an account.
fn without_user(address: &str) -> String {
    let (scheme, rest) = address.split_once("://").unwrap_or(("https", address));
    let end = rest.find('/').unwrap_or(rest.len());
    let host = rest[..end].rsplit_once('@').map_or(&rest[..end], |(_, host)| host);
    format!("{scheme}://{host}{}", &rest[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(url: &str, environment: &[(&str, &str)]) -> Vec<String> {
        let environment = environment.iter().map(|(name, value)| (name.into(), value.into())).collect();
        let made = Credentials::of(&[url.to_owned()], &environment).environment;
        let keys = made.iter().filter(|(name, _)| name.to_string_lossy().starts_with("GIT_CONFIG_KEY_"));
        keys.map(|(_, value)| value.to_string_lossy().into_owned()).collect()
    }

    #[test]
    fn a_token_goes_to_the_remotes_own_host_over_what_nobody_can_read() {
        let token = [("IMAGO_GIT_TOKEN", "secret")];
        let url = "https://ada:pass@Git.example.test/shop/deploy.git";
        let expected = [
            "http.https://Git.example.test/shop/deploy.git.extraheader",
            "credential.https://git.example.test.helper",
            "credential.https://git.example.test.helper",
        ];
        assert_eq!(keys(url, &token), expected);
        assert_eq!(keys("http://127.0.0.1:80/x", &token).len(), 3);
        for url in [
            "http://git.example.test/x",
            "http://127.0.0.1.example.test/x",
            "git@git.example.test:x",
            "ssh://git@h/x",
            "/srv/x.git",
        ] {
            assert_eq!(keys(url, &token), [""; 0], "{url}");
        }
    }

    #[test]
    fn githubs_token_is_for_its_own_runners_and_host() {
        let runner =
            [("GITHUB_ACTIONS", "true"), ("GITHUB_SERVER_URL", "https://github.example.test"), ("GITHUB_TOKEN", "secret")];
        assert_eq!(keys("https://github.example.test/a/b", &runner), ["credential.https://github.example.test.helper"]);
        assert_eq!(keys("https://other.example.test/a/b", &runner), [""; 0]);
        assert_eq!(keys("https://github.example.test/a/b", &runner[1..]), [""; 0]);
    }

    #[test]
    fn settings_that_are_there_stay() {
        let environment = [("GIT_CONFIG_COUNT", "2"), ("IMAGO_GIT_TOKEN", "secret")];
        let environment = environment.iter().map(|(name, value)| (name.into(), value.into())).collect();
        let made = Credentials::of(&["https://h.example.test/x".to_owned()], &environment).environment;
        assert_eq!(made[OsStr::new("GIT_CONFIG_COUNT")], "5");
        assert!(made.contains_key(OsStr::new("GIT_CONFIG_KEY_2")) && made.contains_key(OsStr::new("GIT_CONFIG_VALUE_4")));
        assert!(made.iter().all(|(name, value)| name == TOKEN || !value.to_string_lossy().contains("secret")));
    }
}
