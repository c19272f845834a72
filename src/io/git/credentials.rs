//! With what a remote is signed in to: a token from the environment, for the remote's own host alone, or the account of its address.
//!
//! `git` gets a credential helper that reads them from a file which goes with this process. The helper is scoped to the remote's scheme and
//! host, so that they go to no other host, not by a redirect either. A token goes over https, or to this machine. Neither the environment
//! nor an argument of a child has a secret: hooks, helpers and other users of the machine would see it.

mod handed;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;

use percent_encoding::percent_decode_str;

use super::address::is_this_machine;
use crate::io::credentials::Secret;
use handed::Handed;

/// The user that hosts take a token with, where none is named.
const ANY_USER: &str = "x-access-token";

/// A name of an account that is as long as this may be a token.
const SHORTEST_TOKEN: usize = 16;

/// What is added to the environment of `git`.
#[derive(Debug, Default)]
pub(super) struct Credentials {
    pub(super) environment: BTreeMap<OsString, OsString>,
    /// What must not be printed.
    pub(super) secrets: Vec<Secret>,
    /// What the helpers read.
    pub(super) handed: Vec<Handed>,
}

impl Credentials {
    /// `IMAGO_GIT_TOKEN` goes before everything that is configured; GitHub's own token is the last resort, on its own runners. `settings` is
    /// configuration that has to be added beside.
    pub(super) fn of(
        urls: &[String],
        mut settings: Vec<(String, String)>,
        environment: &BTreeMap<OsString, OsString>,
    ) -> io::Result<Self> {
        let text = |name: &str| {
            environment
                .get(OsStr::new(name))
                .and_then(|value| value.to_str())
                .filter(|text| !text.is_empty())
        };
        let mut credentials = Self::default();
        let ours = text("IMAGO_GIT_TOKEN");
        let github = text("GITHUB_TOKEN").filter(|_| text("GITHUB_ACTIONS") == Some("true"));
        let server = text("GITHUB_SERVER_URL").and_then(Url::parse);
        for token in [text("IMAGO_GIT_TOKEN"), text("GITHUB_TOKEN")]
            .into_iter()
            .flatten()
        {
            credentials.secrets.push(Secret::new(token));
        }
        for (address, url) in urls.iter().filter_map(|url| Some((url, Url::parse(url)?))) {
            if let Some((user, password)) = &url.account {
                credentials
                    .secrets
                    .extend([user, password].map(|text| Secret::new(&**text)));
            }
            let key = format!("credential.{}.helper", url.origin);
            if let Some(user) = &url.user {
                // As Git itself does with a name in an address: the helpers are asked for its password.
                let user = decoded(user);
                if user.len() >= SHORTEST_TOKEN {
                    credentials.secrets.push(Secret::new(&*user));
                }
                if ours.is_none() {
                    let handed = Handed::new(named(&url.origin, &user).as_bytes())?;
                    settings.push((
                        "include.path".to_owned(),
                        handed.path().display().to_string(),
                    ));
                    credentials.handed.push(handed);
                }
            }
            let mut sign_in = |user: &str, password: &str| -> io::Result<(String, String)> {
                let handed =
                    Handed::new(format!("username={user}\npassword={password}\n").as_bytes())?;
                let helper = helper(&handed);
                credentials.handed.push(handed);
                // As the header has it.
                let header = STANDARD.encode(format!("{user}:{password}"));
                credentials.secrets.push(Secret::new(header));
                Ok((key.clone(), helper))
            };
            let none = (key.clone(), String::new());
            if url.is_private() && url.origin.starts_with("http://") {
                // A proxy would read what is meant for this machine.
                settings.push((format!("http.{}.proxy", url.origin), String::new()));
            }
            match (
                ours.filter(|_| url.is_private()),
                &url.account,
                github.filter(|_| url.is_private()),
            ) {
                (Some(token), ..) => {
                    // Two headers of one kind are refused by GitHub, so what was configured for the address is put aside for this call.
                    settings.push((
                        format!("http.{}.extraheader", without_user(address)),
                        String::new(),
                    ));
                    let helper = sign_in(text("IMAGO_GIT_USERNAME").unwrap_or(ANY_USER), token)?;
                    settings.extend([none, helper]);
                }
                (None, Some((user, password)), _) => {
                    let helper = sign_in(&decoded(user), &decoded(password))?;
                    settings.extend([none, helper]);
                }
                (None, None, Some(token))
                    if server
                        .as_ref()
                        .is_some_and(|server| server.origin == url.origin) =>
                {
                    settings.push(sign_in(ANY_USER, token)?);
                }
                _ => {}
            }
        }
        if settings.is_empty() {
            return Ok(credentials);
        }
        let first: usize = text("GIT_CONFIG_COUNT")
            .and_then(|count| count.parse().ok())
            .unwrap_or(0);
        let mut set =
            |name: String, value: &str| credentials.environment.insert(name.into(), value.into());
        set(
            "GIT_CONFIG_COUNT".to_owned(),
            &(first + settings.len()).to_string(),
        );
        for (index, (key, value)) in settings.iter().enumerate() {
            set(format!("GIT_CONFIG_KEY_{}", first + index), key);
            set(format!("GIT_CONFIG_VALUE_{}", first + index), value);
        }
        Ok(credentials)
    }
}

/// A helper in Git's own form: it answers `get`, and forgets everything else.
fn helper(handed: &Handed) -> String {
    let path = handed.path().display().to_string().replace('\'', r"'\''");
    format!(
        "!f() {{ test \"$1\" = get && while IFS= read -r line; do printf '%s\\n' \"$line\"; done <'{path}'; }}; f"
    )
}

/// An address without its account, where it has one: `git` hands the address to other programs as an argument, and a token may stand for
/// a name there.
pub(super) fn without_account(address: &str) -> Option<String> {
    let url = Url::parse(address)?;
    (url.account.is_some() || url.user.is_some()).then(|| without_user(address))
}

/// Configuration that says the name of an account.
fn named(origin: &str, user: &str) -> String {
    let quoted = user.replace('\\', r"\\").replace('"', "\\\"");
    format!("[credential \"{origin}\"]\n\tusername = \"{quoted}\"\n")
}

/// A part of an address with its escapes (`%40`) replaced.
fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// What matters of a remote's address over http or https.
#[derive(Debug, PartialEq, Eq)]
struct Url {
    /// `https://git.example.test:8443`, in lower case.
    origin: String,
    /// The name and the password, where there is a password.
    account: Option<(String, String)>,
    /// The name, where it stands alone.
    user: Option<String>,
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
        let (account, host) = authority
            .rsplit_once('@')
            .map_or(("", authority), |(account, host)| (account, host));
        let user = (!account.is_empty() && !account.contains(':')).then(|| account.to_owned());
        let account = account
            .split_once(':')
            .map(|(name, password)| (name.to_owned(), password.to_owned()));
        Some(Self {
            user,
            origin: format!("{scheme}://{}", host.to_ascii_lowercase()),
            account,
        })
    }

    /// Whether nobody on the way can read what is sent.
    fn is_private(&self) -> bool {
        match self.origin.strip_prefix("http://") {
            Some(host) => is_this_machine(host),
            None => true,
        }
    }
}

/// The address as a key of the configuration: without an account.
fn without_user(address: &str) -> String {
    let (scheme, rest) = address.split_once("://").unwrap_or(("https", address));
    let end = rest.find('/').unwrap_or(rest.len());
    let host = rest[..end]
        .rsplit_once('@')
        .map_or(&rest[..end], |(_, host)| host);
    format!("{scheme}://{host}{}", &rest[end..])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(url: &str, environment: &[(&str, &str)]) -> Vec<String> {
        let environment = environment
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        let made = Credentials::of(&[url.to_owned()], Vec::new(), &environment)
            .unwrap()
            .environment;
        let keys = made
            .iter()
            .filter(|(name, _)| name.to_string_lossy().starts_with("GIT_CONFIG_KEY_"));
        keys.map(|(_, value)| value.to_string_lossy().into_owned())
            .collect()
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
        let plain = keys("http://127.0.0.1:80/x", &token);
        assert_eq!(plain.len(), 4);
        assert_eq!(plain[0], "http.http://127.0.0.1:80.proxy");
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
        let runner = [
            ("GITHUB_ACTIONS", "true"),
            ("GITHUB_SERVER_URL", "https://github.example.test"),
            ("GITHUB_TOKEN", "secret"),
        ];
        assert_eq!(
            keys("https://github.example.test/a/b", &runner),
            ["credential.https://github.example.test.helper"]
        );
        assert_eq!(keys("https://other.example.test/a/b", &runner), [""; 0]);
        assert_eq!(
            keys("https://github.example.test/a/b", &runner[1..]),
            [""; 0]
        );
    }

    #[test]
    fn an_account_of_an_address_goes_to_its_host_and_into_no_variable() {
        let url = "https://ada:p%40ss%zz@h.example.test/x.git";
        let made = Credentials::of(&[url.to_owned()], Vec::new(), &BTreeMap::new()).unwrap();
        assert_eq!(
            keys(url, &[]),
            ["credential.https://h.example.test.helper"; 2]
        );
        let read = std::fs::read_to_string(made.handed[0].path()).unwrap();
        assert_eq!(read, "username=ada\npassword=p@ss%zz\n");
        // A host that repeats the header repeats it so.
        let header = Secret::new(STANDARD.encode("ada:p@ss%zz"));
        assert!(made.secrets.contains(&header));
        assert!(
            made.environment
                .values()
                .all(|value| !value.to_string_lossy().contains("ss"))
        );
        assert_eq!(
            without_account(url).unwrap(),
            "https://h.example.test/x.git"
        );
        for url in [
            "https://h.example.test/x",
            "ssh://ada:pass@h/x",
            "/srv/a:b@c",
        ] {
            assert_eq!(without_account(url), None, "{url}");
        }
    }

    #[test]
    fn a_name_of_an_address_goes_into_no_variable_either() {
        let url = "http://a%22token@h.example.test/x.git";
        let made = Credentials::of(&[url.to_owned()], Vec::new(), &BTreeMap::new()).unwrap();
        assert_eq!(keys(url, &[]), ["include.path"]);
        let read = std::fs::read_to_string(made.handed[0].path()).unwrap();
        assert_eq!(
            read,
            "[credential \"http://h.example.test\"]\n\tusername = \"a\\\"token\"\n"
        );
        assert!(
            made.environment
                .values()
                .all(|value| !value.to_string_lossy().contains("token"))
        );
        assert_eq!(without_account(url).unwrap(), "http://h.example.test/x.git");
    }

    #[test]
    fn settings_that_are_there_stay() {
        let environment = [("GIT_CONFIG_COUNT", "2"), ("IMAGO_GIT_TOKEN", "secret")];
        let environment = environment
            .iter()
            .map(|(name, value)| (name.into(), value.into()))
            .collect();
        let made = Credentials::of(
            &["https://h.example.test/x".to_owned()],
            Vec::new(),
            &environment,
        )
        .unwrap()
        .environment;
        assert_eq!(made[OsStr::new("GIT_CONFIG_COUNT")], "5");
        assert!(
            made.contains_key(OsStr::new("GIT_CONFIG_KEY_2"))
                && made.contains_key(OsStr::new("GIT_CONFIG_VALUE_4"))
        );
        assert!(
            made.values()
                .all(|value| !value.to_string_lossy().contains("secret"))
        );
    }
}
