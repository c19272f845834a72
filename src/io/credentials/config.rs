//! One docker config (or containers' `auth.json`): which of its entries may be used for a repository.
//!
//! Errors give the place in the file, never its content.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use serde::Deserialize;

use super::key::{Key, Match, is_docker_hub};
use super::{CredentialError, Credentials, Secret, SecretKind, Source};

/// The server name under which Docker asks a helper for Docker Hub.
const DOCKER_HUB_SERVER: &str = "https://index.docker.io/v1/";

/// One parsed file.
pub(super) struct Config {
    path: PathBuf,
    /// `namespace/name`, if it is a pull secret.
    secret: Option<String>,
    file: File,
}

/// The format of a pull secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A docker config.
    DockerConfig,
    /// The older format: only the value that a docker config has under `auths`.
    Dockercfg,
}

/// A place that may have the credentials for a repository.
pub(super) enum Candidate {
    /// Ask this helper for this server.
    Helper { name: String, server: String },
    /// The file itself has them.
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
    /// Parses a pull secret. Its credential helpers are ignored, because it comes from the cluster and not from this machine.
    pub(super) fn of_secret(
        name: &str,
        text: &Secret,
        form: Form,
    ) -> Result<Self, CredentialError> {
        let path = PathBuf::from(format!("secret {name}"));
        let syntax = |error: serde_json::Error| CredentialError::Syntax {
            path: path.clone(),
            line: error.line(),
            column: error.column(),
        };
        let auths = match form {
            Form::DockerConfig => {
                serde_json::from_str::<File>(text.expose())
                    .map_err(syntax)?
                    .auths
            }
            Form::Dockercfg => serde_json::from_str(text.expose()).map_err(syntax)?,
        };
        Ok(Self {
            path,
            secret: Some(name.to_owned()),
            file: File {
                auths,
                ..File::default()
            },
        })
    }

    /// The file's path, or the secret's name. For messages.
    pub(super) fn place(&self) -> &Path {
        &self.path
    }

    /// Parses a file. An empty file is an empty config, as in Docker.
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
        Ok(Self {
            path: path.to_owned(),
            secret: None,
            file,
        })
    }

    /// The places to try for a repository, in Docker's order: namespaces before the whole host, and an exact host before a
    /// pattern.
    pub(super) fn candidates(
        &self,
        registry: &str,
        repository: &str,
    ) -> Result<Vec<Candidate>, CredentialError> {
        let mut candidates = Vec::new();
        let hosts = self
            .file
            .helpers
            .iter()
            .flatten()
            .filter_map(|(key, name)| Some((Key::parse(key).of_host(registry)?, name)));
        let own = hosts.max_by_key(|(how, _)| *how).map(|(_, name)| name);
        // An empty helper name exempts a host from `credsStore`, as in Docker.
        let helper = own
            .or(self.file.store.as_ref())
            .filter(|name| !name.is_empty());
        let ask = |name: &String| {
            self.servers(registry)
                .map(|server| Candidate::Helper {
                    name: name.clone(),
                    server,
                })
                .collect()
        };
        let mut asked: Vec<Candidate> = helper.map(ask).unwrap_or_default();
        if own.is_some() {
            candidates.append(&mut asked);
        }
        let mut entries: Vec<(Match, &str, &Entry)> = self
            .file
            .auths
            .iter()
            .flatten()
            .filter_map(|(key, entry)| {
                Some((
                    Key::parse(key).of(registry, repository)?,
                    key.as_str(),
                    entry.as_ref()?,
                ))
            })
            .collect();
        entries.sort_by_key(|(how, ..)| std::cmp::Reverse(*how));
        for (how, key, entry) in entries {
            if how.depth == 0 {
                // The store has the credentials that `docker login` got for the whole host.
                candidates.append(&mut asked);
            }
            candidates.extend(self.inline(key, entry)?.map(Candidate::Inline));
        }
        candidates.append(&mut asked);
        Ok(candidates)
    }

    /// The server names to ask a helper for: the usual one, then those that `docker login` left as empty entries in `auths`.
    fn servers(&self, registry: &str) -> impl Iterator<Item = String> {
        let usual = if is_docker_hub(registry) {
            DOCKER_HUB_SERVER
        } else {
            registry
        };
        let markers = self
            .file
            .auths
            .iter()
            .flatten()
            .map(|(key, _)| key.as_str());
        let markers =
            markers.filter(move |key| *key != usual && Key::parse(key).of_host(registry).is_some());
        std::iter::once(usual)
            .chain(markers)
            .map(str::to_owned)
            .collect::<Vec<_>>()
            .into_iter()
    }

    /// The credentials of an entry. `None` for the empty entry that `docker login` leaves when a helper has them.
    fn inline(&self, key: &str, entry: &Entry) -> Result<Option<Credentials>, CredentialError> {
        let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let (mut username, mut password) = (filled(&entry.username), filled(&entry.password));
        if let Some(auth) = filled(&entry.auth) {
            let malformed = || CredentialError::Entry {
                path: self.path.clone(),
                key: key.to_owned(),
            };
            let decoded = STANDARD
                .decode(auth.trim())
                .or_else(|_| STANDARD_NO_PAD.decode(auth.trim()))
                .map_err(|_| malformed())?;
            let text = String::from_utf8(decoded).map_err(|_| malformed())?;
            let (name, secret) = text.split_once(':').ok_or_else(malformed)?;
            username = Some(name.to_owned());
            password =
                Some(secret.trim_end_matches('\0').to_owned()).filter(|secret| !secret.is_empty());
        }
        let (kind, secret) = match (
            filled(&entry.registrytoken),
            filled(&entry.identitytoken),
            password,
        ) {
            (Some(token), _, _) => (SecretKind::RegistryToken, token),
            (None, Some(token), _) => (SecretKind::IdentityToken, token),
            (None, None, Some(password)) => (SecretKind::Password, password),
            (None, None, None) => return Ok(None),
        };
        let source = match &self.secret {
            Some(name) => Source::PullSecret(name.clone()),
            None => Source::File(self.path.clone()),
        };
        Ok(Some(Credentials {
            kind,
            username: username.unwrap_or_default(),
            secret: Secret::new(secret),
            source,
        }))
    }
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
                Candidate::Inline(found) => format!(
                    "{:?} {} {}",
                    found.kind,
                    found.username,
                    found.secret.expose()
                ),
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
            assert_eq!(
                found(&json, "reg.example.test", "shop/web"),
                ["Password user pass"],
                "{key}"
            );
            assert!(
                found(&json, "reg.example.test:5000", "shop/web").is_empty(),
                "{key}"
            );
            assert!(found(&json, "example.test", "shop/web").is_empty(), "{key}");
        }
    }

    #[test]
    fn a_star_stands_for_a_part_of_a_host() {
        let json =
            r#"{"auths":{"*.ecr.*.example.test:5000":{"username":"user","password":"pass"}}}"#;
        assert_eq!(
            found(json, "1.ecr.north.example.test:5000", "web"),
            ["Password user pass"]
        );
        for other in [
            "ecr.north.example.test:5000",
            "1.ecr.north.example.test",
            "0.1.ecr.north.example.test:5000",
        ] {
            assert!(found(json, other, "web").is_empty(), "{other}");
        }
        let json = r#"{"auths":{"eu-*.example.test/shop":{"username":"user","password":"pass"}}}"#;
        assert_eq!(
            found(json, "eu-1.example.test", "shop/web"),
            ["Password user pass"]
        );
        assert!(
            found(json, "us-1.example.test", "shop/web").is_empty()
                && found(json, "eu-1.example.test", "web").is_empty()
        );
    }

    #[test]
    fn docker_hub_is_found_under_each_of_its_names() {
        for key in [
            "https://index.docker.io/v1/",
            "docker.io",
            "registry-1.docker.io",
            "index.docker.io",
        ] {
            let json =
                format!(r#"{{"auths":{{"{key}":{{"username":"user","password":"pass"}}}}}}"#);
            assert_eq!(
                found(&json, "docker.io", "library/nginx"),
                ["Password user pass"],
                "{key}"
            );
        }
    }

    #[test]
    fn the_longest_namespace_is_tried_first() {
        let json = r#"{"auths":{"reg.example.test":{"username":"a","password":"all"},
            "reg.example.test/shop":{"username":"b","password":"shop"},"reg.example.test/shop/web":{"username":"c","password":"web"}}}"#;
        assert_eq!(
            found(json, "reg.example.test", "shop/web"),
            ["Password c web", "Password b shop", "Password a all"]
        );
        assert_eq!(
            found(json, "reg.example.test", "shopping/web"),
            ["Password a all"]
        );
    }

    #[test]
    fn helpers_come_first_and_an_empty_entry_is_a_marker() {
        let json = r#"{"credsStore":"desktop","credHelpers":{"reg.example.test":"ecr"},
            "auths":{"reg.example.test":{},"https://other.example.test":{},"https://index.docker.io/v1/":{}}}"#;
        assert_eq!(
            found(json, "reg.example.test", "web"),
            ["ecr reg.example.test"]
        );
        assert_eq!(
            found(json, "other.example.test", "web"),
            [
                "desktop other.example.test",
                "desktop https://other.example.test"
            ]
        );
        assert_eq!(
            found(json, "docker.io", "library/nginx"),
            ["desktop https://index.docker.io/v1/"]
        );
    }

    #[test]
    fn a_host_that_is_named_wins_over_a_pattern_of_it() {
        let json = r#"{"auths":{"*.example.test":{"username":"a","password":"any"},
            "*.example.test/shop":{"username":"b","password":"shop"},
            "reg.example.test":{"username":"c","password":"named"},"reg.example.test/shop":{"username":"d","password":"both"}},
            "credHelpers":{"*.example.test":"any"}}"#;
        let found_all = [
            "any reg.example.test",
            "any *.example.test",
            "Password d both",
        ];
        assert_eq!(found(json, "reg.example.test", "shop/web")[..3], found_all);
        assert_eq!(
            found(json, "reg.example.test", "shop/web")[3..],
            ["Password c named", "Password b shop", "Password a any"]
        );
        let json = r#"{"credsStore":"store","credHelpers":{"*.example.test":"any","reg.example.test":"named"},
            "auths":{"*.other.test":{"username":"a","password":"any"},"*.other.test/shop":{"username":"b","password":"shop"}}}"#;
        assert_eq!(
            found(json, "reg.example.test", "web"),
            ["named reg.example.test"]
        );
        let expected = [
            "Password b shop",
            "store reg.other.test",
            "store *.other.test",
            "Password a any",
        ];
        assert_eq!(found(json, "reg.other.test", "shop/web"), expected);
    }

    #[test]
    fn a_helper_without_a_name_exempts_its_host_from_the_store() {
        let json = r#"{"credsStore":"store","credHelpers":{"reg.example.test":""},
            "auths":{"reg.example.test":{"username":"user","password":"pass"}}}"#;
        assert_eq!(
            found(json, "reg.example.test", "web"),
            ["Password user pass"]
        );
        assert_eq!(
            found(json, "other.example.test", "web"),
            ["store other.example.test"]
        );
    }

    #[test]
    fn tokens_win_over_passwords() {
        let json = r#"{"auths":{"a.test":{"auth":"dXNlcjo=","identitytoken":"id"},"b.test":{"auth":"dXNlcjpwYXNz","registrytoken":"reg"}}}"#;
        assert_eq!(found(json, "a.test", "web"), ["IdentityToken user id"]);
        assert_eq!(found(json, "b.test", "web"), ["RegistryToken user reg"]);
    }

    #[test]
    fn a_broken_file_or_entry_is_named_without_its_content() {
        let Err(error) = Config::parse(Path::new("c.json"), br#"{"auths":{"a.test":"hunter2"}}"#)
        else {
            panic!("it parsed")
        };
        assert_eq!(
            error.to_string(),
            "cannot read `c.json`, line 1, column 28: it is not a docker config"
        );
        let config = Config::parse(
            Path::new("c.json"),
            br#"{"auths":{"a.test":{"auth":"hunter2!"}}}"#,
        )
        .unwrap();
        let Err(error) = config.candidates("a.test", "web") else {
            panic!("it was taken")
        };
        assert_eq!(
            error.to_string(),
            "cannot read `auths` of `a.test` in `c.json`: `auth` is not base64 of `user:password`"
        );
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}
