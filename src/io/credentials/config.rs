//! One docker config (or containers' `auth.json`): which of its entries may be used for a repository.
//!
//! Keys come with and without scheme and path. A path of a key without a scheme is a namespace (containers' form); that of a key with
//! one is not (Docker's form). Nothing of a file is ever quoted in an error, only the place.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde::Deserialize;

use super::{CredentialError, Credentials, Kind, Secret, Source};

/// The names under which Docker Hub's credentials stand.
const DOCKER_HUB: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];
/// What Docker asks a helper for, where it means Docker Hub.
const DOCKER_HUB_SERVER: &str = "https://index.docker.io/v1/";

/// One parsed file.
pub(super) struct Config {
    path: PathBuf,
    /// The pull secret that it is: `namespace/name`.
    secret: Option<String>,
    file: File,
}

/// What a pull secret's text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A docker config.
    DockerConfig,
    /// What a docker config has as `auths`: the older form.
    Dockercfg,
}

/// A place where the credentials for a repository may be, in the order in which they are tried.
pub(super) enum Candidate {
    /// Ask this helper for this server.
    Helper { name: String, server: String },
    /// They stand in the file.
    Inline(Credentials),
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct File {
    auths: Option<BTreeMap<String, Option<Entry>>>,
    #[serde(rename = "credHelpers")]
    helpers: Option<BTreeMap<String, String>>,
    #[serde(rename = "credsStore")]
    store: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

impl Config {
    /// Parses a pull secret's text. Helpers that it names are not run: it comes from a cluster, and not from this machine.
    pub(super) fn of_secret(name: &str, text: &Secret, form: Form) -> Result<Self, CredentialError> {
        let path = PathBuf::from(format!("secret {name}"));
        let syntax =
            |error: serde_json::Error| CredentialError::Syntax { path: path.clone(), line: error.line(), column: error.column() };
        let auths = match form {
            Form::DockerConfig => serde_json::from_str::<File>(text.expose()).map_err(syntax)?.auths,
            Form::Dockercfg => serde_json::from_str(text.expose()).map_err(syntax)?,
        };
        Ok(Self { path, secret: Some(name.to_owned()), file: File { auths, ..File::default() } })
    }

    /// The file's path, or the secret's name.
    pub(super) fn place(&self) -> &Path {
        &self.path
    }

    /// Parses a file's bytes. An empty file is an empty config, as Docker has it.
    pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Self, CredentialError> {
        let file = if bytes.trim_ascii().is_empty() {
            File::default()
        } else {
            serde_json::from_slice(bytes).map_err(|error| CredentialError::Syntax {
                path: path.to_owned(),
                line: error.line(),
                column: error.column(),
            })?
        };
        Ok(Self { path: path.to_owned(), secret: None, file })
    }

    /// Where this file says that credentials for a repository are: Docker's order, with namespaces before the whole host.
    pub(super) fn candidates(&self, registry: &str, repository: &str) -> Result<Vec<Candidate>, CredentialError> {
        let mut candidates = Vec::new();
        let helper = self.file.helpers.iter().flatten().find(|(key, _)| Key::parse(key).is_host(registry));
        if let Some((_, name)) = helper {
            candidates.extend(self.servers(registry).map(|server| Candidate::Helper { name: name.clone(), server }));
        }
        let mut entries: Vec<(usize, &str, &Entry)> = self
            .file
            .auths
            .iter()
            .flatten()
            .filter_map(|(key, entry)| Some((Key::parse(key).depth(registry, repository)?, key.as_str(), entry.as_ref()?)))
            .collect();
        entries.sort_by_key(|(depth, ..)| std::cmp::Reverse(*depth));
        let (namespaces, hosts): (Vec<_>, Vec<_>) = entries.into_iter().partition(|(depth, ..)| *depth > 0);
        for (_, key, entry) in namespaces {
            candidates.extend(self.inline(key, entry)?.map(Candidate::Inline));
        }
        if let (None, Some(name)) = (helper, self.file.store.as_ref().filter(|name| !name.is_empty())) {
            candidates.extend(self.servers(registry).map(|server| Candidate::Helper { name: name.clone(), server }));
        }
        for (_, key, entry) in hosts {
            candidates.extend(self.inline(key, entry)?.map(Candidate::Inline));
        }
        Ok(candidates)
    }

    /// The names to ask a helper for: the usual one, then those that `docker login` left in `auths` as markers.
    fn servers(&self, registry: &str) -> impl Iterator<Item = String> {
        let usual = if is_docker_hub(registry) { DOCKER_HUB_SERVER } else { registry };
        let markers = self.file.auths.iter().flatten().map(|(key, _)| key.as_str());
        let markers = markers.filter(move |key| *key != usual && Key::parse(key).is_host(registry));
        std::iter::once(usual).chain(markers).map(str::to_owned).collect::<Vec<_>>().into_iter()
    }

    /// An entry's credentials; `None` for the empty marker beside a helper.
    fn inline(&self, key: &str, entry: &Entry) -> Result<Option<Credentials>, CredentialError> {
        let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let (mut username, mut password) = (filled(&entry.username), filled(&entry.password));
        if let Some(auth) = filled(&entry.auth) {
            let malformed = || CredentialError::Entry { path: self.path.clone(), key: key.to_owned() };
            let decoded =
                STANDARD.decode(auth.trim()).or_else(|_| STANDARD_NO_PAD.decode(auth.trim())).map_err(|_| malformed())?;
            let text = String::from_utf8(decoded).map_err(|_| malformed())?;
            let (name, secret) = text.split_once(':').ok_or_else(malformed)?;
            username = Some(name.to_owned());
            password = Some(secret.trim_end_matches('\0').to_owned()).filter(|secret| !secret.is_empty());
        }
        let (kind, secret) = match (filled(&entry.registrytoken), filled(&entry.identitytoken), password) {
            (Some(token), _, _) => (Kind::RegistryToken, token),
            (None, Some(token), _) => (Kind::IdentityToken, token),
            (None, None, Some(password)) => (Kind::Password, password),
            (None, None, None) => return Ok(None),
        };
        let source = match &self.secret {
            Some(name) => Source::PullSecret(name.clone()),
            None => Source::File(self.path.clone()),
        };
        Ok(Some(Credentials { kind, username: username.unwrap_or_default(), secret: Secret::new(secret), source }))
    }
}

/// A key of `auths` or `credHelpers`, taken apart.
struct Key<'a> {
    host: &'a str,
    namespace: &'a str,
}

impl<'a> Key<'a> {
    fn parse(text: &'a str) -> Self {
        let (rest, docker_form) = match text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let path = path.trim_matches('/');
        let namespace = if docker_form || matches!(path, "v1" | "v2") { "" } else { path };
        Self { host, namespace }
    }

    fn is_host(&self, registry: &str) -> bool {
        self.namespace.is_empty() && same_host(self.host, registry)
    }

    /// How many components of the repository's path the key names; `None` where it is for something else.
    fn depth(&self, registry: &str, repository: &str) -> Option<usize> {
        if !same_host(self.host, registry) {
            return None;
        }
        if self.namespace.is_empty() {
            return Some(0);
        }
        let rest = repository.strip_prefix(self.namespace)?;
        (rest.is_empty() || rest.starts_with('/')).then(|| self.namespace.split('/').count())
    }
}

fn same_host(key: &str, registry: &str) -> bool {
    key.eq_ignore_ascii_case(registry) || (is_docker_hub(key) && is_docker_hub(registry)) || is_pattern_of(key, registry)
}

/// Whether a key such as `*.example.test` stands for a host: the kubelet's form, part by part, with one `*` in a part.
fn is_pattern_of(key: &str, registry: &str) -> bool {
    let (parts, of): (Vec<&str>, Vec<&str>) = (key.split('.').collect(), registry.split('.').collect());
    key.contains('*')
        && parts.len() == of.len()
        && parts.iter().zip(of).all(|(part, of)| match part.split_once('*') {
            Some((start, end)) => of.len() >= start.len() + end.len() && of.starts_with(start) && of.ends_with(end),
            None => part.eq_ignore_ascii_case(of),
        })
}

fn is_docker_hub(host: &str) -> bool {
    DOCKER_HUB.iter().any(|name| name.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(json: &str, registry: &str, repository: &str) -> Vec<String> {
        let config = Config::parse(Path::new("config.json"), json.as_bytes()).unwrap();
        let candidates = config.candidates(registry, repository).unwrap();
        candidates
            .iter()
            .map(|candidate| match candidate {
                Candidate::Helper { name, server } => format!("{name} {server}"),
                Candidate::Inline(found) => format!("{:?} {} {}", found.kind, found.username, found.secret.expose()),
            })
            .collect()
    }

    #[test]
    fn keys_match_with_and_without_scheme_and_path() {
        for key in [
            "reg.example.test",
            "https://reg.example.test",
            "https://reg.example.test/v1/",
            "http://reg.example.test/v2/",
            "REG.example.test/v2",
        ] {
            // "user:pass"
            let json = format!(r#"{{"auths":{{"{key}":{{"auth":"dXNlcjpwYXNz"}}}}}}"#);
            assert_eq!(found(&json, "reg.example.test", "shop/web"), ["Password user pass"], "{key}");
            assert!(found(&json, "reg.example.test:5000", "shop/web").is_empty(), "{key}");
            assert!(found(&json, "example.test", "shop/web").is_empty(), "{key}");
        }
    }

    #[test]
    fn a_star_stands_for_a_part_of_a_host() {
        let json = r#"{"auths":{"*.ecr.*.example.test:5000":{"username":"user","password":"pass"}}}"#;
        assert_eq!(found(json, "1.ecr.north.example.test:5000", "web"), ["Password user pass"]);
        for other in ["ecr.north.example.test:5000", "1.ecr.north.example.test", "0.1.ecr.north.example.test:5000"] {
            assert!(found(json, other, "web").is_empty(), "{other}");
        }
        let json = r#"{"auths":{"eu-*.example.test/shop":{"username":"user","password":"pass"}}}"#;
        assert_eq!(found(json, "eu-1.example.test", "shop/web"), ["Password user pass"]);
        assert!(found(json, "us-1.example.test", "shop/web").is_empty() && found(json, "eu-1.example.test", "web").is_empty());
    }

    #[test]
    fn docker_hub_is_found_under_each_of_its_names() {
        for key in ["https://index.docker.io/v1/", "docker.io", "registry-1.docker.io", "index.docker.io"] {
            let json = format!(r#"{{"auths":{{"{key}":{{"username":"user","password":"pass"}}}}}}"#);
            assert_eq!(found(&json, "docker.io", "library/nginx"), ["Password user pass"], "{key}");
        }
    }

    #[test]
    fn the_longest_namespace_is_tried_first() {
        let json = r#"{"auths":{"reg.example.test":{"username":"a","password":"all"},
            "reg.example.test/shop":{"username":"b","password":"shop"},"reg.example.test/shop/web":{"username":"c","password":"web"}}}"#;
        assert_eq!(found(json, "reg.example.test", "shop/web"), ["Password c web", "Password b shop", "Password a all"]);
        assert_eq!(found(json, "reg.example.test", "shopping/web"), ["Password a all"]);
    }

    #[test]
    fn helpers_come_first_and_an_empty_entry_is_a_marker() {
        let json = r#"{"credsStore":"desktop","credHelpers":{"reg.example.test":"ecr"},
            "auths":{"reg.example.test":{},"https://other.example.test":{},"https://index.docker.io/v1/":{}}}"#;
        assert_eq!(found(json, "reg.example.test", "web"), ["ecr reg.example.test"]);
        assert_eq!(
            found(json, "other.example.test", "web"),
            ["desktop other.example.test", "desktop https://other.example.test"]
        );
        assert_eq!(found(json, "docker.io", "library/nginx"), ["desktop https://index.docker.io/v1/"]);
    }

    #[test]
    fn tokens_win_over_passwords() {
        let json = r#"{"auths":{"a.test":{"auth":"dXNlcjo=","identitytoken":"id"},"b.test":{"auth":"dXNlcjpwYXNz","registrytoken":"reg"}}}"#;
        assert_eq!(found(json, "a.test", "web"), ["IdentityToken user id"]);
        assert_eq!(found(json, "b.test", "web"), ["RegistryToken user reg"]);
    }

    #[test]
    fn a_broken_file_or_entry_is_named_without_its_content() {
        let Err(error) = Config::parse(Path::new("c.json"), br#"{"auths":{"a.test":"hunter2"}}"#) else { panic!("it parsed") };
        assert_eq!(error.to_string(), "cannot read `c.json`, line 1, column 28: it is no docker config");
        let config = Config::parse(Path::new("c.json"), br#"{"auths":{"a.test":{"auth":"hunter2!"}}}"#).unwrap();
        let Err(error) = config.candidates("a.test", "web") else { panic!("it was taken") };
        assert_eq!(error.to_string(), "cannot read `auths` of `a.test` in `c.json`: `auth` is not base64 of `user:password`");
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}
