//! Kinds that run pods from one template, in files and in a cluster.

use std::borrow::Cow;

use crate::engine::path::{Path, Step};
use crate::engine::site::Role;

/// A kind that runs pods.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PodKind {
    /// The `kind` of a manifest.
    pub kind: &'static str,
    /// Its `apiVersion`s; the first is what an API server is asked for.
    pub versions: &'static [&'static str],
    /// Its name in the API's addresses.
    pub plural: &'static str,
    /// Its pod template.
    pub template: Template,
}

/// The template that a kind makes its pods from, and how it replaces them.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Template {
    /// The keys that lead to it.
    pub at: &'static [&'static str],
    /// What stands between the object and its pods.
    pub owner: PodOwner,
    /// The two numbers of its status that are equal once a rollout is done: pods of the present template, and pods.
    pub rolled_out: Option<[&'static str; 2]>,
}

/// Who owns the pods of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PodOwner {
    /// The object itself.
    Itself,
    /// Its ReplicaSets.
    ReplicaSets,
    /// Its Jobs: pods come with the next run, and are not replaced.
    Jobs,
}

const TEMPLATE: &[&str] = &["spec", "template"];
const REPLICAS: Option<[&str; 2]> = Some(["updatedReplicas", "replicas"]);

/// The kinds, in the order of reports.
pub static KINDS: [PodKind; 4] = [
    PodKind {
        kind: "Deployment",
        versions: &["apps/v1"],
        plural: "deployments",
        template: Template {
            at: TEMPLATE,
            owner: PodOwner::ReplicaSets,
            rolled_out: REPLICAS,
        },
    },
    PodKind {
        kind: "DaemonSet",
        versions: &["apps/v1"],
        plural: "daemonsets",
        template: Template {
            at: TEMPLATE,
            owner: PodOwner::Itself,
            rolled_out: Some(["updatedNumberScheduled", "desiredNumberScheduled"]),
        },
    },
    PodKind {
        kind: "StatefulSet",
        versions: &["apps/v1"],
        plural: "statefulsets",
        template: Template {
            at: TEMPLATE,
            owner: PodOwner::Itself,
            rolled_out: REPLICAS,
        },
    },
    PodKind {
        kind: "CronJob",
        versions: &["batch/v1", "batch/v1beta1"],
        plural: "cronjobs",
        template: Template {
            at: &["spec", "jobTemplate", "spec", "template"],
            owner: PodOwner::Jobs,
            rolled_out: None,
        },
    },
];

/// The lists of a pod's specification that images stand in. (Ephemeral containers are in no manifest.)
pub(super) const LISTS: [Role; 2] = [Role::Container, Role::InitContainer];

/// Where the image stands in a container.
pub(super) static IMAGE: [Step; 1] = [Step::Key(Cow::Borrowed("image"))];

/// Where the image stands in an image volume.
pub(super) static REFERENCE: [Step; 2] = [
    Step::Key(Cow::Borrowed("image")),
    Step::Key(Cow::Borrowed("reference")),
];

impl PodKind {
    /// The row of a kind in a version that it is handled in.
    pub fn of(api_version: &str, kind: &str) -> Option<&'static Self> {
        KINDS
            .iter()
            .find(|known| known.kind == kind && known.versions.contains(&api_version))
    }

    /// The row of a kind, whatever its version is.
    pub fn named(kind: &str) -> Option<&'static Self> {
        KINDS.iter().find(|known| known.kind == kind)
    }

    /// Its place in the order of reports.
    pub fn rank(&self) -> Option<usize> {
        KINDS.iter().position(|known| known == self)
    }
}

impl Template {
    /// Where it stands in an object.
    pub fn path(&self, object: &Path) -> Path {
        object.keys(self.at)
    }

    /// Whether new pods take the place of the old ones as soon as it changes.
    pub fn replaces_pods(&self) -> bool {
        self.owner != PodOwner::Jobs
    }
}
