//! Kinds that run pods from one template, in files and in a cluster.

use std::borrow::Cow;

use super::group_of;
use crate::engine::path::{Path, Step};
use crate::engine::site::Role;

/// A kind that runs pods.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PodKind {
    /// The `kind` of a manifest.
    pub kind: Cow<'static, str>,
    /// The `apiVersion` that an API server is asked for.
    pub version: Cow<'static, str>,
    /// Other ones, in which its pod template stands at the same place.
    pub older: &'static [&'static str],
    /// Its name in the API's addresses.
    pub plural: Cow<'static, str>,
    /// Its pod template.
    pub template: Template,
}

/// The template that a kind makes its pods from, and how it replaces them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
    /// ReplicaSets or Jobs, if those that are there say so. Otherwise nobody knows which pods are its own.
    Unknown,
}

const TEMPLATE: &[&str] = &["spec", "template"];
const REPLICAS: Option<[&str; 2]> = Some(["updatedReplicas", "replicas"]);

/// The kinds, in the order of reports.
pub static KINDS: [PodKind; 4] = [
    PodKind {
        kind: Cow::Borrowed("Deployment"),
        version: Cow::Borrowed("apps/v1"),
        older: &[],
        plural: Cow::Borrowed("deployments"),
        template: Template {
            at: TEMPLATE,
            owner: PodOwner::ReplicaSets,
            rolled_out: REPLICAS,
        },
    },
    PodKind {
        kind: Cow::Borrowed("DaemonSet"),
        version: Cow::Borrowed("apps/v1"),
        older: &[],
        plural: Cow::Borrowed("daemonsets"),
        template: Template {
            at: TEMPLATE,
            owner: PodOwner::Itself,
            rolled_out: Some(["updatedNumberScheduled", "desiredNumberScheduled"]),
        },
    },
    PodKind {
        kind: Cow::Borrowed("StatefulSet"),
        version: Cow::Borrowed("apps/v1"),
        older: &[],
        plural: Cow::Borrowed("statefulsets"),
        template: Template {
            at: TEMPLATE,
            owner: PodOwner::Itself,
            rolled_out: REPLICAS,
        },
    },
    PodKind {
        kind: Cow::Borrowed("CronJob"),
        version: Cow::Borrowed("batch/v1"),
        older: &["batch/v1beta1"],
        plural: Cow::Borrowed("cronjobs"),
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
        KINDS.iter().find(|known| {
            known.kind == kind
                && (known.version == api_version || known.older.contains(&api_version))
        })
    }

    /// The row of a kind, whatever its version is.
    pub fn named(kind: &str) -> Option<&'static Self> {
        KINDS.iter().find(|known| known.kind == kind)
    }

    /// A kind that an API server has, with one pod template at `spec.template`.
    pub fn served(kind: &str, version: &str, plural: &str) -> Self {
        Self {
            kind: kind.to_owned().into(),
            version: version.to_owned().into(),
            older: &[],
            plural: plural.to_owned().into(),
            template: Template {
                at: TEMPLATE,
                owner: PodOwner::Unknown,
                // Each controller counts in its own way, and some in text.
                rolled_out: None,
            },
        }
    }

    /// Its API group.
    pub fn group(&self) -> &str {
        group_of(&self.version)
    }

    /// Its place in the order of reports: kinds that are added come last.
    pub fn rank(&self) -> (usize, &str) {
        let row = KINDS.iter().position(|known| known == self);
        (row.unwrap_or(KINDS.len()), &self.kind)
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
