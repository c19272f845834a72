//! The address of a repository, as a person types it.
//!
//! Git starts other programs for some addresses (`ext::`, `transport::address`), and takes some for flags. Such an address is refused
//! here, before anything runs. So is plain http to another machine: anyone on the way could read what is sent and change what is
//! committed. `ALLOWED` says the same to `git` about what its configuration and redirects make of an address.

use std::fmt;
use std::net::IpAddr;
use std::path::Path;

/// The ways on which `git` may reach a repository, for `GIT_ALLOW_PROTOCOL`.
pub(super) const ALLOWED: &[&str] = &["file", "https", "ssh"];
/// The same for a repository that this machine serves over http.
pub(super) const ALLOWED_HERE: &[&str] = &["file", "http", "https", "ssh"];

/// The name of an account that is as long as this may be a token.
const SHORTEST_TOKEN: usize = 16;

/// The address of a repository. It holds no password, so it may be printed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(String);

/// Why a text is not taken for an address. The text itself is not repeated, because it may hold a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// There is nothing to go to.
    #[error("it names no repository")]
    Empty,
    /// It has a character that no address has.
    #[error("it has a line break or another control character")]
    Control,
    /// Git would take a part of it for a flag.
    #[error("a part of it begins with `-`, which programs take for a flag")]
    Flag,
    /// Git would start another program for it.
    #[error("`{0}::` has Git start another program")]
    Helper(String),
    /// Git has no such way, or it proves nothing.
    #[error("`{0}://` is not supported")]
    Scheme(String),
    /// Anyone on the way could read and change what is sent.
    #[error(
        "plain `http://` leads to another machine, where anyone on the way can read it and change it"
    )]
    Plain,
    /// It has a password, or what may be one.
    #[error("it holds a password or a token")]
    Password,
}

impl AddressError {
    /// One thing to do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Empty | Self::Control | Self::Scheme(_) => {
                "write it like https://git.example.com/shop/deploy.git, git@git.example.com:shop/deploy.git or a path"
            }
            Self::Flag => "write a path that begins with `-` like `./-x`",
            Self::Helper(_) => "name the repository itself, by https, by ssh or by its path",
            Self::Plain => "write `https://`, or reach it by ssh",
            Self::Password => {
                "leave it out of the address, and give it by IMAGO_GIT_TOKEN (the user by IMAGO_GIT_USERNAME)"
            }
        }
    }
}

impl Address {
    /// Reads an address. A path begins at `current`.
    pub fn parse(text: &str, current: &Path) -> Result<Self, AddressError> {
        if text.chars().any(char::is_control) {
            return Err(AddressError::Control);
        }
        if text.trim().is_empty() {
            return Err(AddressError::Empty);
        }
        if text.starts_with('-') {
            return Err(AddressError::Flag);
        }
        let is_name = |name: &str| {
            let is_part = |byte: u8| byte.is_ascii_alphanumeric() || b"+-._".contains(&byte);
            name.bytes().all(is_part)
        };
        if let Some((helper, _)) = text.split_once("::").filter(|(name, _)| is_name(name)) {
            return Err(AddressError::Helper(helper.to_owned()));
        }
        if let Some((scheme, rest)) = text.split_once("://").filter(|(name, _)| is_name(name)) {
            return match scheme {
                "https" | "http" | "ssh" => {
                    let host = of_host(scheme, rest)?;
                    match scheme == "http" && !is_this_machine(host) {
                        true => Err(AddressError::Plain),
                        false => Ok(Self(text.to_owned())),
                    }
                }
                // With a host in it, Git looks for a folder of the host's name.
                "file" if rest.starts_with('/') => Ok(Self(text.to_owned())),
                "file" => Err(AddressError::Empty),
                _ => Err(AddressError::Scheme(scheme.to_owned())),
            };
        }
        match text.split_once(':') {
            Some((place, path)) if !place.contains('/') => {
                let host = place.rsplit_once('@').map_or(place, |(_, host)| host);
                // `ada:password@host`, with the scheme forgotten.
                let first = path.split('/').next().unwrap_or_default();
                if !place.contains('@') && first.contains('@') {
                    return Err(AddressError::Password);
                }
                if place.starts_with('-') || host.starts_with('-') || path.starts_with('-') {
                    return Err(AddressError::Flag);
                }
                match host.is_empty() || path.is_empty() {
                    true => Err(AddressError::Empty),
                    false => Ok(Self(text.to_owned())),
                }
            }
            _ => Ok(Self(current.join(text).display().to_string())),
        }
    }

    /// The address, for `git` and for people.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is reached over plain http, and so on this machine.
    pub fn is_http(&self) -> bool {
        self.0.starts_with("http://")
    }

    /// The host that a token goes to, with its port where that is not the usual one. `None`: by ssh and by a path there is no token.
    pub fn token_host(&self) -> Option<String> {
        let is_web = self.is_http() || self.0.starts_with("https://");
        let identity = is_web.then(|| self.identity())?;
        identity.split_once('/').map(|(host, _)| host.to_owned())
    }

    /// The repository, without what may differ in the spelling of its address: the way, the account, the usual port, the case of the
    /// host, `.git` and slashes. Hosts serve one repository at one path, by https and by ssh.
    pub fn identity(&self) -> String {
        let (host, path) = match self.0.split_once("://") {
            Some(("file", path)) => ("", path),
            Some((scheme, rest)) => {
                let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
                let usual = match scheme {
                    "http" => ":80",
                    "https" => ":443",
                    _ => ":22",
                };
                (authority.strip_suffix(usual).unwrap_or(authority), path)
            }
            None if self.0.starts_with('/') => ("", &*self.0),
            None => self.0.split_once(':').unwrap_or(("", &self.0)),
        };
        let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
        let path = path.trim_end_matches('/');
        let path = path.strip_suffix(".git").unwrap_or(path);
        let mut parts: Vec<&str> = Vec::new();
        for part in path.split('/') {
            match part {
                "" | "." => {}
                ".." => drop(parts.pop()),
                part => parts.push(part),
            }
        }
        format!("{}/{}", host.to_ascii_lowercase(), parts.join("/"))
    }

    /// Its last part, as a short name for a person: `deploy` of `https://git.example.com/shop/deploy.git`.
    pub fn name(&self) -> String {
        let path = self.0.trim_end_matches('/');
        let last = path.rsplit(['/', ':']).next().unwrap_or_default();
        let last = last.strip_suffix(".git").unwrap_or(last);
        let plain = |byte: char| byte.is_ascii_alphanumeric() || "-_.".contains(byte);
        let name: String = last.chars().filter(|byte| plain(*byte)).take(40).collect();
        match name.trim_start_matches(['.', '-']) {
            "" => "repository".to_owned(),
            name => name.to_owned(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Checks what stands behind `https://`, `http://` or `ssh://`, and returns the host with its port.
fn of_host<'t>(scheme: &str, rest: &'t str) -> Result<&'t str, AddressError> {
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (account, host) = authority
        .rsplit_once('@')
        .map_or(("", authority), |(account, host)| (account, host));
    if host.starts_with('-') || account.starts_with('-') {
        return Err(AddressError::Flag);
    }
    let is_token = scheme != "ssh" && account.len() >= SHORTEST_TOKEN;
    // Git has no use for a query, and people put tokens there.
    let has_query = scheme != "ssh" && rest.contains(['?', '#']);
    if account.contains(':') || is_token || has_query {
        return Err(AddressError::Password);
    }
    match host.is_empty() || host.starts_with(':') {
        true => Err(AddressError::Empty),
        false => Ok(host),
    }
}

/// Whether a host, with or without its port, is this machine, so that nobody on the way can read what is sent.
pub(super) fn is_this_machine(host: &str) -> bool {
    let name = host
        .strip_prefix('[')
        .and_then(|rest| rest.split(']').next())
        .or_else(|| host.split(':').next())
        .unwrap_or_default();
    name.eq_ignore_ascii_case("localhost")
        || (name.parse::<IpAddr>()).is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, AddressError> {
        Address::parse(text, Path::new("/srv/here")).map(|address| address.0)
    }

    #[test]
    fn hosts_and_paths_are_taken() {
        for text in [
            "https://git.example.com/shop/deploy.git",
            "https://ada@git.example.com:8443/shop/deploy",
            "http://127.0.0.1:3000/deploy.git",
            "http://[::1]:3000/deploy.git",
            "http://localhost/deploy.git",
            "ssh://git@git.example.com:22/shop/deploy.git",
            "git@git.example.com:shop/deploy.git",
            "git.example.com:deploy.git",
            "file:///srv/git/deploy.git",
            "/srv/git/deploy.git",
        ] {
            assert_eq!(read(text).as_deref(), Ok(text));
        }
        for (text, path) in [
            ("deploy.git", "/srv/here/deploy.git"),
            ("../deploy", "/srv/here/../deploy"),
            ("./-x", "/srv/here/./-x"),
            ("./a:b", "/srv/here/./a:b"),
        ] {
            assert_eq!(read(text).as_deref(), Ok(path));
        }
    }

    #[test]
    fn what_starts_a_program_or_is_a_flag_is_refused_without_being_repeated() {
        use AddressError as E;
        let helper = |name: &str| E::Helper(name.to_owned());
        let scheme = |name: &str| E::Scheme(name.to_owned());
        for (text, wanted) in [
            ("", E::Empty),
            ("  ", E::Empty),
            ("ext::sh -c touch% /tmp/x", helper("ext")),
            ("fd::17/foo", helper("fd")),
            ("a-b::x", helper("a-b")),
            ("::x", helper("")),
            ("https::https://git.example.com/x", helper("https")),
            ("--upload-pack=touch /tmp/x", E::Flag),
            ("-x", E::Flag),
            ("ssh://-oProxyCommand=touch/x", E::Flag),
            ("ssh://-oProxyCommand=touch@h/x", E::Flag),
            ("ssh://git@-oProxyCommand=touch/x", E::Flag),
            ("git@-oProxyCommand=touch:x", E::Flag),
            ("git.example.com:-x", E::Flag),
            ("ftp://git.example.com/x", scheme("ftp")),
            ("git://git.example.com/x", scheme("git")),
            ("HTTPS://git.example.com/x", scheme("HTTPS")),
            ("git+ssh://git.example.com/x", scheme("git+ssh")),
            ("http://git.example.com/x", E::Plain),
            ("http://ada@git.example.com/x", E::Plain),
            ("http://127.0.0.1.example.com/x", E::Plain),
            ("http://localhost.example.com:80/x", E::Plain),
            ("http://127.0.0.1@git.example.com/x", E::Plain),
            ("http://[::2]/x", E::Plain),
            ("http://10.0.0.1/x", E::Plain),
            ("http://git/x", E::Plain),
            ("https:///x", E::Empty),
            ("https://:443/x", E::Empty),
            ("file://host/x", E::Empty),
            ("git@git.example.com:", E::Empty),
            ("https://git.example.com/x\n", E::Control),
            ("https://git.example.com/\u{0}x", E::Control),
            ("https://ada:hunter2@git.example.com/x", E::Password),
            ("http://:hunter2@git.example.com/x", E::Password),
            ("ada:hunter2@git.example.com/x", E::Password),
            ("ada:hunter2@git.example.com", E::Password),
            ("ssh://git:hunter2@git.example.com/x", E::Password),
            (
                "https://glpat-0123456789abcdef@git.example.com/x",
                E::Password,
            ),
            (
                "https://git.example.com/x?private_token=hunter2",
                E::Password,
            ),
        ] {
            let error = read(text).unwrap_err();
            assert_eq!(error, wanted, "{text}");
            let said = format!("{error} {}", error.hint());
            assert!(
                !said.contains("hunter2") && !said.contains("touch"),
                "{said}"
            );
        }
    }

    #[test]
    fn one_repository_has_one_identity_however_its_address_is_written() {
        let identity = |text: &str| {
            let address = Address::parse(text, Path::new("/srv/here")).unwrap();
            address.identity()
        };
        for text in [
            "https://git.example.com/shop/deploy",
            "https://git.example.com/shop/deploy.git",
            "https://git.example.com/shop/deploy.git/",
            "https://ada@Git.Example.com:443/shop//deploy/",
            "ssh://git@git.example.com/shop/deploy.git",
            "ssh://git.example.com:22/shop/deploy",
            "git@git.example.com:shop/deploy.git",
            "git.example.com:/shop/deploy",
        ] {
            assert_eq!(identity(text), "git.example.com/shop/deploy", "{text}");
        }
        for text in [
            "deploy.git",
            "./deploy",
            "../here/deploy/",
            "/srv/here/deploy",
            "file:///srv/here/deploy.git",
        ] {
            assert_eq!(identity(text), "/srv/here/deploy", "{text}");
        }
        let others = [
            "https://git.example.com:8443/shop/deploy",
            "https://git.example.com/shop/deploy.git.git",
            "https://git.example.com/shop",
            "https://git.example.com/Shop/deploy",
            "https://git.example.org/shop/deploy",
        ];
        for text in others {
            assert_ne!(identity(text), "git.example.com/shop/deploy", "{text}");
        }
    }

    #[test]
    fn the_name_is_short_and_plain() {
        for (text, name) in [
            ("https://git.example.com/shop/deploy.git", "deploy"),
            ("https://git.example.com/shop/deploy/", "deploy"),
            ("git@git.example.com:deploy.git", "deploy"),
            ("/srv/..", "repository"),
            ("https://git.example.com/shop/a%20b.git", "a20b"),
        ] {
            let address = Address::parse(text, Path::new("/srv/here")).unwrap();
            assert_eq!(address.name(), name, "{text}");
        }
    }
}
