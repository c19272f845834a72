//! Finds workloads and their containers in any tree: a document, an item of a `List` or of a `DeploymentList`, an object of the API server.
//!
//! It holds the table of kinds. It has no opinion on images.

mod find;
mod unhandled;

use std::collections::{BTreeMap, BTreeSet};

use super::hold::Hold;
use super::path::Path;

pub use find::{find, is_encrypted, is_unnamed_kustomization};
pub use unhandled::{KUSTOMIZATION, asks_for_group, is_kustomization_file, slip, unhandled};

/// The annotation of a workload that records its images as they were written.
pub const RECORD: &str = "imago-config-spec";
/// The annotation of a pod template that makes its pods be replaced, by a new time in it.
pub const RESTARTED_AT: &str = "imago/restartedAt";
/// The annotation by which a user leaves a workload, or some of its containers, out.
pub const IGNORE: &str = "imago/ignore";

/// What the names of our annotations for people begin with.
const PREFIX: &str = "imago/";

/// The kinds whose images are kept on their digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// `apps/v1`
    Deployment,
    /// `apps/v1`
    DaemonSet,
    /// `apps/v1`
    StatefulSet,
    /// `batch/v1`; `batch/v1beta1` in files
    CronJob,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::Deployment,
        Self::DaemonSet,
        Self::StatefulSet,
        Self::CronJob,
    ];

    /// The name in a manifest's `kind`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Deployment => "Deployment",
            Self::DaemonSet => "DaemonSet",
            Self::StatefulSet => "StatefulSet",
            Self::CronJob => "CronJob",
        }
    }

    fn of(api_version: &str, kind: &str) -> Option<Self> {
        let found = Self::ALL.into_iter().find(|known| known.name() == kind)?;
        match found {
            Self::CronJob => matches!(api_version, "batch/v1" | "batch/v1beta1"),
            Self::Deployment | Self::DaemonSet | Self::StatefulSet => api_version == "apps/v1",
        }
        .then_some(found)
    }

    /// The keys from a workload down to its pod template.
    pub fn pod_template(self) -> &'static [&'static str] {
        match self {
            Self::CronJob => &["spec", "jobTemplate", "spec", "template"],
            Self::Deployment | Self::DaemonSet | Self::StatefulSet => &["spec", "template"],
        }
    }
}

/// A workload, the same for a file and for a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workload {
    /// Its kind.
    pub kind: Kind,
    /// Where it stands in its document; the root, unless it is an item of a list.
    pub at: Path,
    /// `metadata.namespace`.
    pub namespace: Option<String>,
    /// `metadata.name`, or `metadata.generateName`, or nothing.
    pub name: String,
    /// `metadata.labels`.
    pub labels: BTreeMap<String, String>,
    /// The record, as its annotation has it.
    pub record: Record,
    /// The line of that annotation, from 1.
    pub record_line: Option<u32>,
    /// What the user left out.
    pub ignore: Ignore,
    /// Its annotations that look like ours and are not: `imago/ingore`.
    pub unknown_annotations: Vec<String>,
    /// The containers of `containers`, then those of `initContainers`, each in their order.
    pub containers: Vec<Container>,
    /// The line where it begins, from 1.
    pub line: Option<u32>,
}

/// The text of the annotation [`RECORD`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// There is none.
    Absent,
    /// Its text.
    Text(String),
    /// It is there, and no string.
    NoText,
}

/// What the annotation [`IGNORE`] leaves out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ignore {
    /// Nothing.
    Nothing,
    /// The whole workload.
    All,
    /// These containers.
    Containers(BTreeSet<String>),
    /// Nothing, though something may be meant: it is there, and no string.
    NoText,
}

/// The two lists of containers that a pod's specification has. (Ephemeral containers are in no manifest.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// `containers`
    Containers,
    /// `initContainers`
    InitContainers,
}

impl Group {
    /// The key of the list.
    pub fn key(self) -> &'static str {
        match self {
            Self::Containers => "containers",
            Self::InitContainers => "initContainers",
        }
    }
}

/// A container of a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// The list it stands in.
    pub group: Group,
    /// Its place in the list, from 0.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// Its image.
    pub image: Image,
    /// Its `imagePullPolicy`; `None` where it says none, or none that there is.
    pub pull_policy: Option<PullPolicy>,
    /// The line of its image, from 1.
    pub line: Option<u32>,
    /// Whether a comment on the image's line asks to leave it alone.
    pub ignored: bool,
    /// What keeps it as it is written, whatever its tag points to.
    pub hold: Option<Hold>,
}

/// When a node pulls a container's image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullPolicy {
    /// `Always`
    Always,
    /// `IfNotPresent`
    IfNotPresent,
    /// `Never`
    Never,
}

impl PullPolicy {
    /// The name in a manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::IfNotPresent => "IfNotPresent",
            Self::Never => "Never",
        }
    }

    fn of(name: &str) -> Option<Self> {
        [Self::Always, Self::IfNotPresent, Self::Never]
            .into_iter()
            .find(|policy| policy.name() == name)
    }
}

/// What stands in a container's `image`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Image {
    /// Nothing, null or an empty string: something else puts an image in.
    Absent,
    /// A string.
    Text(String),
    /// Something else: what, with its article.
    Other(&'static str),
}

impl Image {
    /// The string, where it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Absent | Self::Other(_) => None,
        }
    }
}

impl Workload {
    /// Where the image of a container stands.
    pub fn image_path(&self, container: &Container) -> Path {
        self.container_path(container).join("image")
    }

    /// Where a container stands.
    pub fn container_path(&self, container: &Container) -> Path {
        self.at
            .keys(self.kind.pod_template())
            .join("spec")
            .join(container.group.key())
            .join(container.index)
    }

    /// Where the annotation [`RECORD`] stands, or would.
    pub fn record_path(&self) -> Path {
        self.at.keys(&["metadata", "annotations", RECORD])
    }

    /// Where the annotation [`RESTARTED_AT`] stands, or would.
    pub fn restarted_path(&self) -> Path {
        self.at
            .keys(self.kind.pod_template())
            .keys(&["metadata", "annotations", RESTARTED_AT])
    }
}

/// What is in a document.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The workloads, in order.
    pub workloads: Vec<Workload>,
    /// What is not handled ([`unhandled`]) or is miswritten ([`slip`]), each as often as it was seen.
    pub unhandled: Vec<&'static str>,
}
