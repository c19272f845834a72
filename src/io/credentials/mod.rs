//! The credentials for registries: pull secrets, docker config files, containers' `auth.json`, and credential helpers.
//!
//! Files are read when a registry first asks for credentials, not before. Credentials are looked up for a registry and
//! repository, and belong to that registry's host alone; `registry` decides where they may be sent. No error repeats what a file
//! or a helper said.

mod config;
mod helper;
mod key;
mod secret;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use config::{Candidate, Config, Form};
pub(in crate::io) use helper::find as program_on_path;
pub(in crate::io) use secret::Known;
pub use secret::Secret;

use super::once::Once;

/// The largest config file that is read, in bytes.
const MAX_FILE: u64 = 4 * 1024 * 1024;

/// Credentials for one registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::io) struct Credentials {
    /// The kind of secret, which decides how it is sent.
    pub(in crate::io) kind: SecretKind,
    /// The user; may be empty if the secret is a token.
    pub(in crate::io) username: String,
    /// Password or token.
    pub(in crate::io) secret: Secret,
    pub(in crate::io) source: Source,
}

impl Credentials {
    /// Whether both would look the same to a host, wherever they were found.
    pub(in crate::io) fn are_the_same_as(&self, other: &Self) -> bool {
        (self.kind, &self.username, &self.secret) == (other.kind, &other.username, &other.secret)
    }
}

/// Where credentials were found. Printed without their content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::io) enum Source {
    /// A docker config file.
    File(PathBuf),
    /// The program of a credential helper.
    Helper(String),
    /// A pull secret of the cluster: `namespace/name`.
    PullSecret(String),
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(formatter, "`{}`", path.display()),
            Self::Helper(program) => write!(formatter, "credential helper `{program}`"),
            Self::PullSecret(name) => write!(formatter, "the pull secret `{name}`"),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::io) enum SecretKind {
    /// Sent with Basic authentication, to the registry or to its token server.
    Password,
    /// An OAuth2 refresh token: exchanged for an access token at the token server.
    IdentityToken,
    /// Sent to the registry as a bearer token.
    RegistryToken,
}

/// Why credentials could not be read. It is `Clone`, because everyone who waits for the same read gets it.
#[derive(Clone, Debug, thiserror::Error)]
pub(in crate::io) enum CredentialError {
    #[error("cannot read `{}`: {reason}", path.display())]
    File { path: PathBuf, reason: String },
    #[error("`DOCKER_CONFIG` is the file `{}`, but it must be a folder with a `config.json`", path.display())]
    NotAFolder { path: PathBuf },
    #[error("cannot read `{}`, line {line}, column {column}: it is not a docker config", path.display())]
    Syntax {
        path: PathBuf,
        line: usize,
        column: usize,
    },
    #[error("cannot read `auths` of `{key}` in `{}`: `auth` is not base64 of `user:password`", path.display())]
    Entry { path: PathBuf, key: String },
    #[error("the credential helper `{program}` is not in a folder of PATH")]
    HelperMissing { program: String },
    #[error("the credential helper `{program}` cannot be started: {source}")]
    HelperStart {
        program: String,
        source: Arc<std::io::Error>,
    },
    #[error("the credential helper `{program}` gave no answer within {seconds} s")]
    HelperSlow { program: String, seconds: f64 },
    #[error("the credential helper `{program}` failed")]
    HelperFailed { program: String },
    #[error("the credential helper `{program}` did not answer with the expected JSON")]
    HelperGarbage { program: String },
}

/// A pull secret of a cluster: a docker config that is not a file. `Debug` prints only its name.
#[derive(Clone)]
pub struct PullSecret(Arc<Config>);

impl PullSecret {
    /// Parses a secret of the type `kubernetes.io/dockerconfigjson`. `name` is for messages.
    pub(in crate::io) fn docker_config(name: &str, text: &Secret) -> Result<Self, CredentialError> {
        Config::of_secret(name, text, Form::DockerConfig).map(|config| Self(Arc::new(config)))
    }

    /// Parses a secret of the type `kubernetes.io/dockercfg`. `name` is for messages.
    pub(in crate::io) fn dockercfg(name: &str, text: &Secret) -> Result<Self, CredentialError> {
        Config::of_secret(name, text, Form::Dockercfg).map(|config| Self(Arc::new(config)))
    }
}

impl fmt::Debug for PullSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PullSecret({})", self.0.place().display())
    }
}

/// Whether cached credentials may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::io) enum Freshness {
    /// Use what was read before.
    Kept,
    /// A registry refused what was read before: read it again, once per registry and run.
    Fresh,
}

/// The parsed configs, in the order in which they are searched.
type Configs = Arc<Vec<Arc<Config>>>;

/// Everywhere that credentials may be.
pub(in crate::io) struct Store {
    secrets: Vec<PullSecret>,
    files: Vec<PathBuf>,
    /// The file that the user named. It must exist.
    named: Option<PathBuf>,
    environment: BTreeMap<OsString, OsString>,
    limit: Duration,
    read: Once<(), Result<Configs, CredentialError>>,
    helped: Once<(String, String), Result<Option<Credentials>, CredentialError>>,
    renewed: Mutex<BTreeSet<String>>,
}

impl Store {
    /// Notes where to look, pull secrets first. Reads nothing yet. `limit` is the time limit of a helper.
    pub(in crate::io) fn new(
        secrets: Vec<PullSecret>,
        named: Option<PathBuf>,
        environment: BTreeMap<OsString, OsString>,
        limit: Duration,
    ) -> Self {
        let files = match &named {
            Some(file) => vec![file.clone()],
            None => places(&environment),
        };
        let (read, helped, renewed) = (Once::default(), Once::default(), Mutex::default());
        Self {
            secrets,
            files,
            named,
            environment,
            limit,
            read,
            helped,
            renewed,
        }
    }

    /// How many entries for a repository the pull secrets have.
    pub(in crate::io) fn count_pull_secrets(
        &self,
        registry: &str,
        repository: &str,
    ) -> Result<usize, CredentialError> {
        let counts = self
            .secrets
            .iter()
            .map(|secret| Ok(secret.0.candidates(registry, repository)?.len()));
        counts.sum()
    }

    /// The credentials for a repository: those after the first `left_out` that are found. `None` means to ask without
    /// credentials.
    pub(in crate::io) async fn find(
        &self,
        registry: &str,
        repository: &str,
        mut left_out: usize,
        freshness: Freshness,
    ) -> Result<Option<Credentials>, CredentialError> {
        if freshness == Freshness::Fresh
            && self
                .renewed
                .lock()
                .expect("no holder of this lock panics")
                .insert(registry.to_owned())
        {
            self.read.forget(|()| true);
            self.helped
                .forget(|(_, server)| server.contains(registry) || registry == "docker.io");
        }
        let configs = self.read.ask((), || async { self.read_all() }).await?;
        for config in configs.iter() {
            for candidate in config.candidates(registry, repository)? {
                let found = match candidate {
                    Candidate::Inline(found) => Some(found),
                    Candidate::Helper { name, server } => {
                        let ask = || helper::get(&name, &server, &self.environment, self.limit);
                        self.helped.ask((name.clone(), server.clone()), ask).await?
                    }
                };
                match found {
                    Some(_) if left_out > 0 => left_out -= 1,
                    Some(found) => return Ok(Some(found)),
                    None => {}
                }
            }
        }
        Ok(None)
    }

    fn read_all(&self) -> Result<Configs, CredentialError> {
        let mut configs: Vec<_> = self
            .secrets
            .iter()
            .map(|secret| Arc::clone(&secret.0))
            .collect();
        let folder = self
            .environment
            .get(OsStr::new("DOCKER_CONFIG"))
            .map(PathBuf::from);
        if let Some(path) = folder.filter(|path| self.named.is_none() && path.is_file()) {
            return Err(CredentialError::NotAFolder { path });
        }
        for path in &self.files {
            if let Some(bytes) = read_file(path, self.named.as_ref() == Some(path))? {
                configs.push(Arc::new(Config::parse(path, &bytes)?));
            }
        }
        Ok(Arc::new(configs))
    }
}

/// The usual files, in order. `DOCKER_CONFIG` replaces `~/.docker`; `REGISTRY_AUTH_FILE` replaces containers' own places.
fn places(environment: &BTreeMap<OsString, OsString>) -> Vec<PathBuf> {
    let variable = |name: &str| {
        environment
            .get(OsStr::new(name))
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    let home = variable("HOME");
    let mut files = Vec::new();
    files.extend(variable("DOCKER_CONFIG").map(|folder| folder.join("config.json")));
    files.extend(variable("REGISTRY_AUTH_FILE"));
    if variable("DOCKER_CONFIG").is_none() {
        files.extend(home.as_ref().map(|home| home.join(".docker/config.json")));
    }
    if variable("REGISTRY_AUTH_FILE").is_none() {
        files.extend(variable("XDG_RUNTIME_DIR").map(|folder| folder.join("containers/auth.json")));
        let config = variable("XDG_CONFIG_HOME").or_else(|| home.map(|home| home.join(".config")));
        files.extend(config.map(|folder| folder.join("containers/auth.json")));
    }
    files
}

/// The content of a file. `None` if it does not exist and need not.
fn read_file(path: &Path, must_be_there: bool) -> Result<Option<Vec<u8>>, CredentialError> {
    let failed = |reason: String| CredentialError::File {
        path: path.to_owned(),
        reason,
    };
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if absent(&error) && !must_be_there => return Ok(None),
        Err(error) => return Err(failed(error.to_string())),
    };
    if !metadata.is_file() {
        return Err(failed("it is not a file".to_owned()));
    }
    if metadata.len() > MAX_FILE {
        return Err(failed(format!("it is larger than {MAX_FILE} bytes")));
    }
    std::fs::read(path)
        .map(Some)
        .map_err(|error| failed(error.to_string()))
}

fn absent(error: &std::io::Error) -> bool {
    matches!(
        error.kind(),
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_says_where_to_look() {
        let environment = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(name, value)| (name.into(), value.into()))
                .collect()
        };
        let look = |pairs: &[(&str, &str)]| {
            places(&environment(pairs))
                .into_iter()
                .map(|path| path.display().to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(
            look(&[("HOME", "/h")]),
            ["/h/.docker/config.json", "/h/.config/containers/auth.json"]
        );
        assert_eq!(
            look(&[("HOME", "/h"), ("DOCKER_CONFIG", "/d")]),
            ["/d/config.json", "/h/.config/containers/auth.json"]
        );
        assert_eq!(
            look(&[("HOME", "/h"), ("REGISTRY_AUTH_FILE", "/r.json")]),
            ["/r.json", "/h/.docker/config.json"]
        );
        assert_eq!(
            look(&[
                ("HOME", "/h"),
                ("XDG_RUNTIME_DIR", "/run"),
                ("XDG_CONFIG_HOME", "/x")
            ]),
            [
                "/h/.docker/config.json",
                "/run/containers/auth.json",
                "/x/containers/auth.json"
            ]
        );
        assert!(look(&[]).is_empty());
    }
}
