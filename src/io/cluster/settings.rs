//! How the cluster is found and asked: everything that a person, the environment or a test may set, as values.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where a pod finds its service account.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// How the cluster is found and asked.
#[derive(Clone)]
pub struct Settings {
    /// `--kubeconfig`: a file, or a list of files as `KUBECONFIG` has it.
    pub kubeconfig: Option<OsString>,
    /// `--context`: another context than the kubeconfig's current one.
    pub context: Option<String>,
    /// The process's environment: home folder, `KUBECONFIG`, proxies, the pod's variables, and what credential plugins need.
    pub environment: BTreeMap<OsString, OsString>,
    /// Times, sizes and counts that keep a bad server from costing much.
    pub limits: Limits,
    /// The folder of the pod's service account: `token`, `ca.crt`, `namespace`.
    pub service_account: PathBuf,
}

/// Times, sizes and counts.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many objects a page of a list has at most.
    pub page: u32,
    /// The largest answer, in bytes. A page that is larger is asked for again in smaller ones.
    pub body: usize,
    /// For making a connection, name look-up and TLS included.
    pub connect: Duration,
    /// For one request, to the last byte of its answer.
    pub answer: Duration,
    /// For one call of a credential plugin that asks nobody; one that may ask a person has five minutes.
    pub plugin: Duration,
    /// How often one request is sent in all.
    pub tries: u32,
    /// The first pause before another try; each further one is twice as long.
    pub first_pause: Duration,
    /// The longest pause, and the longest `Retry-After` that is waited for.
    pub longest_pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            page: 500,
            body: 16 * 1024 * 1024,
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(60),
            plugin: Duration::from_secs(60),
            tries: 4,
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(30),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            kubeconfig: None,
            context: None,
            environment: BTreeMap::new(),
            limits: Limits::default(),
            service_account: PathBuf::from(SERVICE_ACCOUNT),
        }
    }
}

impl Settings {
    /// The same, each file by the path that `reach` makes of its own.
    #[must_use]
    pub fn reached(&self, reach: impl Fn(&Path) -> PathBuf) -> Self {
        let list = |files: &OsString| {
            let files =
                std::env::split_paths(files).map(|path| match path.as_os_str().is_empty() {
                    true => path,
                    false => reach(&path),
                });
            std::env::join_paths(files)
                .unwrap_or_else(|_| self.kubeconfig.clone().unwrap_or_default())
        };
        Self {
            kubeconfig: self.kubeconfig.as_ref().map(list),
            ..self.clone()
        }
    }

    /// A variable that is set and not empty.
    pub(super) fn variable(&self, name: &str) -> Option<&OsStr> {
        self.environment
            .get(OsStr::new(name))
            .map(OsString::as_os_str)
            .filter(|value| !value.is_empty())
    }

    /// A variable that is set, not empty, and text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.variable(name).and_then(OsStr::to_str)
    }
}

impl fmt::Debug for Settings {
    /// Without the environment, which holds secrets of all sorts.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Settings")
            .field("kubeconfig", &self.kubeconfig)
            .field("context", &self.context)
            .field("limits", &self.limits)
            .field("service_account", &self.service_account)
            .finish_non_exhaustive()
    }
}
