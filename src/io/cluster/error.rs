//! What went wrong with the cluster: the act, the cause, and one thing to do.
//!
//! The codes, each with one cause:
//!
//! | code | when |
//! |---|---|
//! | `no-cluster` | there is no kubeconfig, and the program does not run in a pod |
//! | `kubeconfig` | a kubeconfig cannot be read, or lacks what its context names |
//! | `credential-plugin` | the credential plugin of the kubeconfig is missing, fails, hangs or prints something else |
//! | `unauthorized` | 401 |
//! | `forbidden` | 403 because a role is missing |
//! | `not-found` | 404: the object is gone, or the server does not serve the kind |
//! | `conflict` | the object has changed meanwhile |
//! | `invalid` | the server refuses the request, or the object that a patch would make, and says why |
//! | `denied` | an admission webhook or policy refuses it |
//! | `pull-secret` | a secret has no type for registries, or its content cannot be read |
//! | `list-expired` | several times, a list took longer than the server keeps its state |
//! | `rate-limited`, `server-error` | 429 and 5xx, after retries |
//! | `not-an-api-server` | the answer is not one of an API server |
//! | `too-large` | one object is larger than the limit, or a list has more pages |
//! | `name-not-resolved`, `connection-refused`, `connection-lost`, `timeout`, `certificate`, `plain-http`, `tls`, `proxy` | no answer |
//!
//! Messages of the server are repeated where that helps. They are shortened, and hidden if they contain a secret that was sent.

mod connection;

use std::path::PathBuf;

use super::plugin::PluginError;
use crate::engine::code::Code;
use crate::io::registry::fault::Fault;

/// Why a request to the cluster failed. `Display` gives the act; `source` and [`ClusterError::cause`] give the cause.
#[derive(Clone, Debug, thiserror::Error)]
#[error("cannot {act}")]
pub struct ClusterError {
    act: String,
    #[source]
    why: Why,
}

#[derive(Clone, Debug, thiserror::Error)]
pub(super) enum Why {
    #[error("there is no kubeconfig at {places}")]
    NoKubeconfig { places: String },
    #[error("cannot read `{}`: {reason}", path.display())]
    Unreadable { path: PathBuf, reason: String },
    #[error("`{}` is not a kubeconfig, from line {line}, column {column}", path.display())]
    Syntax {
        path: PathBuf,
        line: u64,
        column: u64,
    },
    #[error("`{}` is not a kubeconfig: {reason}", path.display())]
    NotAKubeconfig { path: PathBuf, reason: &'static str },
    #[error("the kubeconfig has no context `{name}`")]
    UnknownContext { name: String, known: Vec<String> },
    #[error("the kubeconfig has no current context")]
    NoContext { known: Vec<String> },
    #[error("the context `{context}` names the {part} `{name}`, which the kubeconfig lacks")]
    Missing {
        context: String,
        part: &'static str,
        name: String,
    },
    #[error("{part} cannot be used: {reason}")]
    Unusable {
        part: String,
        reason: String,
        hint: &'static str,
    },
    #[error(transparent)]
    Plugin(PluginError),
    #[error("{}", connection::text(fault, server))]
    Fault {
        fault: Fault,
        server: String,
        purpose: Purpose,
    },
    #[error("the API server answered 401 Unauthorized{}", sent(*credentials))]
    Unauthorized { credentials: Sent },
    #[error("{}", forbidden_text(user, permission))]
    Forbidden {
        user: Option<String>,
        permission: Permission,
    },
    #[error("the API server answered 404 Not Found: {text}")]
    NotFound { text: String },
    #[error("it was changed by somebody else meanwhile")]
    Conflict,
    #[error("the API server refuses it: {text}")]
    Invalid { text: String },
    #[error("the cluster's admission control refuses it: {text}")]
    Denied { text: String },
    #[error("the list expired {times} times before its end was read")]
    ListExpired { times: u32 },
    #[error("the list has more than {pages} pages, or more objects than these may have")]
    ListTooLong { pages: usize },
    #[error("the API server answered 429 Too Many Requests")]
    RateLimited,
    #[error("the API server answered {status}{}", colon(text))]
    Server { status: u16, text: String },
    #[error("{reason}")]
    PullSecret { reason: String },
    #[error("the answer is not one of an API server: {reason}")]
    NotAnApiServer { reason: String },
}

/// Whether a request reads or changes something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Read,
    /// Without an answer, whether the change was made is unknown.
    Change,
}

impl Purpose {
    /// The purpose of requests with an HTTP method.
    pub(super) fn of(method: &http::Method) -> Self {
        if *method == http::Method::GET {
            Self::Read
        } else {
            Self::Change
        }
    }
}

/// Which credentials were sent, for the message about a 401.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sent {
    /// None: there are no credentials.
    Nothing,
    /// None: credentials are not sent over plain HTTP.
    NothingOverHttp,
    /// The credentials of the kubeconfig's user.
    User,
    /// The credentials from a credential plugin.
    Plugin,
    /// The token of the pod's service account.
    ServiceAccount,
}

/// What a role has to allow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Permission {
    pub(super) verb: &'static str,
    pub(super) group: Box<str>,
    pub(super) resource: Box<str>,
    /// `None` means all namespaces.
    pub(super) namespace: Option<String>,
}

impl ClusterError {
    pub(super) fn new(act: impl Into<String>, why: Why) -> Self {
        Self {
            act: act.into(),
            why,
        }
    }

    /// The cause as a sentence. The error's own text is only the act.
    pub fn cause(&self) -> String {
        self.why.to_string()
    }

    /// A stable code for programs.
    pub fn code(&self) -> Code {
        match &self.why {
            Why::NoKubeconfig { .. } => Code::NoCluster,
            Why::Unreadable { .. }
            | Why::Syntax { .. }
            | Why::NotAKubeconfig { .. }
            | Why::UnknownContext { .. }
            | Why::NoContext { .. }
            | Why::Missing { .. }
            | Why::Unusable { .. } => Code::Kubeconfig,
            Why::Plugin(_) => Code::CredentialPlugin,
            Why::Fault { fault, .. } => connection::code(fault),
            Why::Unauthorized { .. } => Code::Unauthorized,
            Why::Forbidden { .. } => Code::Forbidden,
            Why::NotFound { .. } => Code::NotFound,
            Why::Conflict => Code::Conflict,
            Why::Invalid { .. } => Code::Invalid,
            Why::Denied { .. } => Code::Denied,
            Why::ListExpired { .. } => Code::ListExpired,
            Why::ListTooLong { .. } => Code::TooLarge,
            Why::RateLimited => Code::RateLimited,
            Why::Server { .. } => Code::ServerError,
            Why::PullSecret { .. } => Code::PullSecret,
            Why::NotAnApiServer { .. } => Code::NotAnApiServer,
        }
    }

    /// One thing to do.
    pub fn hint(&self) -> Option<String> {
        Some(match &self.why {
            Why::NoKubeconfig { .. } => {
                "name one with `--kubeconfig FILE` or KUBECONFIG; manifests in files need `imago files`".to_owned()
            }
            Why::Unreadable { .. } => "check the path and its permissions".to_owned(),
            Why::Syntax { .. } | Why::NotAKubeconfig { .. } => {
                "correct the file, or name another with `--kubeconfig FILE`; `kubectl config view` reads it too".to_owned()
            }
            Why::UnknownContext { known, .. } if known.is_empty() => {
                "the kubeconfig has no contexts: name another with `--kubeconfig FILE`".to_owned()
            }
            Why::NoContext { known } if known.is_empty() => {
                "the kubeconfig has no contexts: name another with `--kubeconfig FILE`".to_owned()
            }
            Why::UnknownContext { known, .. } => format!("its contexts are {}", names(known)),
            Why::NoContext { known } => format!("name one with `--context`: {}", names(known)),
            Why::Missing { .. } => "correct the kubeconfig, or name another context with `--context`".to_owned(),
            Why::Unusable { hint, .. } => (*hint).to_owned(),
            Why::Plugin(error) => error.hint(),
            Why::Fault { fault, server, purpose } => connection::hint(fault, server, *purpose),
            Why::Unauthorized { credentials } => unauthorized_hint(*credentials).to_owned(),
            Why::Forbidden { permission, .. } => permission.hint(),
            Why::NotFound { .. } => "check that it is there, and that the cluster serves this kind".to_owned(),
            Why::Conflict => "run it again".to_owned(),
            Why::Invalid { .. } => "correct the workload; `kubectl apply --dry-run=server` says the same".to_owned(),
            Why::Denied { .. } => "ask the owner of the cluster's admission policies".to_owned(),
            Why::ListExpired { .. } => {
                "the API server is slow, or its history very short: narrow the run with `-n` or `-l`".to_owned()
            }
            Why::ListTooLong { .. } => "narrow the run with `-n` or `-l`; no API server has a list without an end".to_owned(),
            Why::RateLimited | Why::Server { .. } => "try again later".to_owned(),
            Why::PullSecret { .. } => "create it again with `kubectl create secret docker-registry`".to_owned(),
            Why::NotAnApiServer { .. } => {
                "check the server's address in the kubeconfig; the sign-in page of a proxy answers like this".to_owned()
            }
        })
    }

    /// Whether the object has changed since it was read. If so, read it and plan again.
    pub fn is_conflict(&self) -> bool {
        matches!(self.why, Why::Conflict)
    }
}

impl Permission {
    fn hint(&self) -> String {
        let file = match (&*self.resource, &self.namespace) {
            ("secrets" | "serviceaccounts", _) => "deploy/secrets.yaml",
            (_, Some(_)) => "deploy/one-namespace/role.yaml",
            (_, None) => "deploy/clusterrole.yaml",
        };
        let group = if self.group.is_empty() {
            "the core API group".to_owned()
        } else {
            format!("the API group `{}`", self.group)
        };
        let place = match &self.namespace {
            Some(namespace) => format!("in the namespace `{namespace}`"),
            None => "in all namespaces".to_owned(),
        };
        format!(
            "grant the verb `{}` on `{}` of {group} {place}, as `{file}` does",
            self.verb, self.resource
        )
    }
}

fn forbidden_text(user: &Option<String>, permission: &Permission) -> String {
    let user = user
        .as_ref()
        .map_or("this user".to_owned(), |user| format!("`{user}`"));
    let group = if permission.group.is_empty() {
        String::new()
    } else {
        format!(".{}", permission.group)
    };
    let place = match &permission.namespace {
        Some(namespace) => format!("in the namespace `{namespace}`"),
        None => "in all namespaces".to_owned(),
    };
    format!(
        "the API server answered 403 Forbidden: {user} may not {} `{}{group}` {place}",
        permission.verb, permission.resource
    )
}

fn sent(credentials: Sent) -> &'static str {
    match credentials {
        Sent::Nothing => ": the kubeconfig has no credentials",
        Sent::NothingOverHttp => ": no credentials are sent over plain http",
        Sent::User => " to the kubeconfig's credentials",
        Sent::Plugin => " to what the credential plugin gave",
        Sent::ServiceAccount => " to the pod's service account",
    }
}

fn unauthorized_hint(credentials: Sent) -> &'static str {
    match credentials {
        Sent::Nothing => "give the context a user with credentials",
        Sent::NothingOverHttp => "ask the server over https",
        Sent::User => "sign in to the cluster again, as for `kubectl get pods`",
        Sent::Plugin => "sign in again with the plugin's own command, as for `kubectl get pods`",
        Sent::ServiceAccount => "check that the pod's service account still exists",
    }
}

fn names(known: &[String]) -> String {
    known
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

fn colon(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!(": {text}")
    }
}
