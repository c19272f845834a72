//! Credential plugins: the program that a kubeconfig names for signing in (`client.authentication.k8s.io`).
//!
//! A plugin may print anything or never end, so it has a time limit and a size limit. Its stdout contains a token, so it is never
//! passed on or repeated. Its stderr goes to the user, because it may say where to sign in. Its environment is that of the
//! settings without our secrets, plus the variables from the kubeconfig.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::io::child::{Child, ChildError, without_secrets};
use crate::io::credentials::{Secret, program_on_path};

/// The most that a plugin may print, in bytes.
const MAX_OUTPUT: usize = 1024 * 1024;
/// The time limit of a plugin that may ask the user.
const INTERACTIVE: Duration = Duration::from_secs(300);
/// The supported versions of the protocol. They do not differ in what is used here.
const VERSIONS: [&str; 2] = [
    "client.authentication.k8s.io/v1",
    "client.authentication.k8s.io/v1beta1",
];

/// A plugin as the kubeconfig describes it. A relative path to its command has been made absolute; a bare name is searched in
/// `PATH`.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Plugin {
    #[serde(default)]
    command: String,
    #[serde(default)]
    args: Option<Vec<String>>,
    #[serde(default)]
    env: Option<Vec<BTreeMap<String, String>>>,
    #[serde(default)]
    api_version: Option<String>,
    #[serde(default)]
    install_hint: Option<String>,
    #[serde(default)]
    interactive_mode: Option<String>,
    #[serde(default)]
    provide_cluster_info: bool,
}

/// The credentials from a plugin.
#[derive(Clone, Default)]
pub(super) struct Ticket {
    pub(super) token: Option<Secret>,
    /// Certificate and key, as PEM.
    pub(super) certificate: Option<(String, Secret)>,
}

/// Why a plugin gave no credentials.
#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum PluginError {
    #[error("the credential plugin `{program}` is not there")]
    Missing {
        program: String,
        install: Option<String>,
    },
    #[error("the credential plugin `{program}` speaks `{version}`, which imago does not support")]
    Version { program: String, version: String },
    #[error("the credential plugin `{program}` needs a terminal")]
    NoTerminal { program: String },
    #[error("the credential plugin `{program}` cannot be started: {reason}")]
    Start { program: String, reason: String },
    #[error("the credential plugin `{program}` gave no answer within {seconds} s")]
    Slow { program: String, seconds: f64 },
    #[error("the credential plugin `{program}` failed ({status})")]
    Failed { program: String, status: String },
    #[error("the credential plugin `{program}` did not answer with the expected JSON")]
    Garbage { program: String },
}

impl PluginError {
    pub(super) fn hint(&self) -> String {
        match self {
            Self::Missing { program, install } => {
                let line = install
                    .iter()
                    .flat_map(|text| text.lines())
                    .map(str::trim)
                    .find(|line| !line.is_empty());
                line.map_or_else(
                    || format!("install `{program}`, or put its folder on the PATH"),
                    str::to_owned,
                )
            }
            Self::Version { .. } => {
                "update the kubeconfig with the plugin's own command".to_owned()
            }
            Self::NoTerminal { .. } => "run it in a terminal, or sign in with a token".to_owned(),
            Self::Start { .. } | Self::Slow { .. } | Self::Failed { .. } | Self::Garbage { .. } => {
                "see what `kubectl get pods` says, which asks the same plugin".to_owned()
            }
        }
    }
}

impl Plugin {
    /// Whether the plugin needs to know the cluster that it signs in to (`provideClusterInfo`).
    pub(super) fn wants_cluster(&self) -> bool {
        self.provide_cluster_info
    }

    /// Runs the plugin, and passes it `cluster` if it is given.
    pub(super) async fn run(
        &self,
        cluster: Option<&Value>,
        environment: &BTreeMap<OsString, OsString>,
        limit: Duration,
    ) -> Result<Ticket, PluginError> {
        let program = self.command.clone();
        let version = self.api_version.clone().unwrap_or_default();
        if !VERSIONS.contains(&version.as_str()) {
            return Err(PluginError::Version { program, version });
        }
        let mode = self.interactive_mode.as_deref().unwrap_or("IfAvailable");
        let interactive = mode != "Never" && std::io::stdin().is_terminal();
        if mode == "Always" && !interactive {
            return Err(PluginError::NoTerminal { program });
        }
        let Some(path) = self.find(environment) else {
            return Err(PluginError::Missing {
                program,
                install: self.install_hint.clone(),
            });
        };
        let mut asked = json!({"apiVersion": version, "kind": "ExecCredential", "spec": {"interactive": interactive}});
        if let Some(cluster) = cluster.filter(|_| self.provide_cluster_info) {
            asked["spec"]["cluster"] = cluster.clone();
        }
        let limit = if interactive { INTERACTIVE } else { limit };
        let set = self
            .env
            .iter()
            .flatten()
            .filter_map(|pair| Some((pair.get("name")?, pair.get("value")?)));
        let child = Child::new(path, without_secrets(environment), limit)
            .args(self.args.iter().flatten())
            .envs(set)
            .envs([("KUBERNETES_EXEC_INFO", asked.to_string())])
            .most(MAX_OUTPUT)
            .shows_errors();
        match (if interactive { child.may_ask() } else { child })
            .finish()
            .await
        {
            Ok(finished) if !finished.status.success() => Err(PluginError::Failed {
                program,
                status: finished.status.to_string(),
            }),
            Ok(finished) => read(&finished.stdout).ok_or(PluginError::Garbage { program }),
            Err(ChildError::Slow(limit)) => Err(PluginError::Slow {
                program,
                seconds: limit.as_secs_f64(),
            }),
            Err(ChildError::TooMuch(_)) => Err(PluginError::Garbage { program }),
            Err(ChildError::Start(error)) => Err(PluginError::Start {
                program,
                reason: error.to_string(),
            }),
            Err(error @ ChildError::Interrupted) => Err(PluginError::Failed {
                program,
                status: error.to_string(),
            }),
        }
    }

    fn find(&self, environment: &BTreeMap<OsString, OsString>) -> Option<PathBuf> {
        if self.command.contains('/') {
            return Some(PathBuf::from(&self.command)).filter(|path| path.is_file());
        }
        program_on_path(&self.command, environment)
    }
}

fn read(output: &[u8]) -> Option<Ticket> {
    #[derive(Deserialize)]
    struct Answer {
        kind: String,
        status: Status,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Status {
        token: Option<String>,
        client_certificate_data: Option<String>,
        client_key_data: Option<String>,
    }
    let answer: Answer = serde_json::from_slice(output).ok()?;
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    let Status {
        token,
        client_certificate_data,
        client_key_data,
    } = answer.status;
    let ticket = Ticket {
        token: filled(token).map(Secret::new),
        certificate: filled(client_certificate_data).zip(filled(client_key_data).map(Secret::new)),
    };
    let gave_something = ticket.token.is_some() || ticket.certificate.is_some();
    (answer.kind == "ExecCredential" && gave_something).then_some(ticket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_a_token_or_a_certificate_with_its_key() {
        let answer = |status: &str| {
            read(format!(r#"{{"kind":"ExecCredential","status":{status}}}"#).as_bytes())
        };
        assert_eq!(
            answer(r#"{"token":"t"}"#).unwrap().token,
            Some(Secret::new("t"))
        );
        let certificate = answer(r#"{"clientCertificateData":"c","clientKeyData":"k"}"#)
            .unwrap()
            .certificate;
        assert_eq!(certificate, Some(("c".to_owned(), Secret::new("k"))));
        for status in ["{}", r#"{"token":""}"#, r#"{"clientCertificateData":"c"}"#] {
            assert!(answer(status).is_none(), "{status}");
        }
        assert!(read(b"token").is_none());
    }
}
