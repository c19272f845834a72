//! How to find and ask the cluster: everything that a user, the environment or a test may set, as values.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Where Kubernetes mounts the service account in a pod.
const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// How to find and ask the cluster.
#[derive(Clone)]
pub struct Settings {
    /// `--kubeconfig`: a file, or a list of files as in `KUBECONFIG`.
    pub kubeconfig: Option<OsString>,
    /// `--context`: replaces the kubeconfig's current context.
    pub context: Option<String>,
    /// The process's environment: home folder, `KUBECONFIG`, proxies, the pod's variables, and what credential plugins need.
    pub environment: BTreeMap<OsString, OsString>,
    /// Limits on what a bad server can cost.
    pub limits: Limits,
    /// The folder of the pod's service account: `token`, `ca.crt`, `namespace`.
    pub service_account: PathBuf,
}

/// Limits of time, size and number.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// The number of objects in a page of a list.
    pub page: u32,
    /// The number of pages of a list.
    pub pages: usize,
    /// The largest answer, in bytes. A page that is larger is requested again in smaller pages.
    pub body: usize,
    /// The time to connect, including DNS and TLS.
    pub connect: Duration,
    /// The time for one request, up to the last byte of its answer.
    pub answer: Duration,
    /// The time for one call of a credential plugin that asks nothing. One that may ask the user has five minutes.
    pub plugin: Duration,
    /// How often one request is sent in all.
    pub tries: u32,
    /// The pause before the first retry. It doubles for each further one.
    pub first_pause: Duration,
    /// The longest pause. A longer `Retry-After` is not waited for.
    pub longest_pause: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            page: 500,
            pages: 2000,
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
    /// The same settings, with every file's path passed through `reach`.
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

    /// A variable, if it is set and not empty.
    pub(super) fn variable(&self, name: &str) -> Option<&OsStr> {
        self.environment
            .get(OsStr::new(name))
            .map(OsString::as_os_str)
            .filter(|value| !value.is_empty())
    }

    /// A variable, if it is set, not empty and UTF-8.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.variable(name).and_then(OsStr::to_str)
    }
}

impl fmt::Debug for Settings {
    /// Omits the environment, which contains secrets.
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
