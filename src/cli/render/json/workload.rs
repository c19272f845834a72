//! A workload and its containers, in version 1.

use serde::Serialize;

use crate::app::report::{ContainerReport, Outcome, WorkloadReport};
use crate::engine::image::Digest;

/// One workload.
#[derive(Debug, Serialize)]
pub(super) struct WorkloadV1<'a> {
    /// Its file.
    file: Option<&'a str>,
    /// The line at which it begins, from 1.
    line: Option<u32>,
    /// `Deployment`, `DaemonSet`, `StatefulSet` or `CronJob`.
    kind: &'a str,
    /// Its `metadata.namespace`; null where it has none.
    namespace: Option<&'a str>,
    /// Its `metadata.name`.
    name: &'a str,
    /// Whether it was (where nothing was written: would be) changed.
    changed: bool,
    /// Its containers that have an image: those of `containers`, then those of `initContainers`.
    containers: Vec<ContainerV1<'a>>,
}

/// One container.
#[derive(Debug, Serialize)]
struct ContainerV1<'a> {
    /// Its name.
    name: &'a str,
    /// Whether it is one of `initContainers`.
    init: bool,
    /// The image as it was written before this run.
    image: &'a str,
    /// The image that was (where nothing was written: would be) put in its place, with the outcomes `outdated` and `restored`,
    /// and for some with `stale`; else null.
    new_image: Option<&'a str>,
    /// `ok`: on its tag's digest. `fixed`: a digest that a person chose. `outdated`: to be updated to `new_image`. `restored`: goes back to
    /// `new_image`. `kept`: not restored, for `reason`. `ignored`: left out by the user, as `reason` says. `variable`: not an image yet.
    /// `held`: its tag is on `tag_digest`, which is not taken for `reason`. `stale`: a pod runs `running_digest` and its tag is on
    /// `tag_digest`, so it is restarted, and goes back to `new_image` where that is not null. `unchecked`: left as it is, because its
    /// pods do not say that it has to change, for `reason`. `failed`: see `problems`.
    outcome: &'static str,
    /// Why, with the outcomes `kept`, `ignored`, `held` and `unchecked`; else null.
    reason: Option<&'a str>,
    /// The digest that the tag has now, with the outcomes `held` and `stale`; else null.
    tag_digest: Option<&'a str>,
    /// The digest that a pod runs, with the outcome `stale`; else null.
    running_digest: Option<&'a str>,
    /// The line of the image in its file, from 1.
    line: Option<u32>,
}

impl<'a> WorkloadV1<'a> {
    pub(super) fn of(workload: &'a WorkloadReport) -> Self {
        Self {
            file: workload.place.file.as_deref(),
            line: workload.place.line,
            kind: &workload.kind,
            namespace: workload.namespace.as_deref(),
            name: &workload.name,
            changed: workload.changed,
            containers: workload.containers.iter().map(ContainerV1::of).collect(),
        }
    }
}

impl<'a> ContainerV1<'a> {
    fn of(container: &'a ContainerReport) -> Self {
        let (outcome, reason) = match &container.outcome {
            Outcome::Ok => ("ok", None),
            Outcome::Fixed => ("fixed", None),
            Outcome::Outdated(_) => ("outdated", None),
            Outcome::Restored(_) => ("restored", None),
            Outcome::Kept(reason) => ("kept", Some(reason)),
            Outcome::Ignored(way) => ("ignored", Some(way)),
            Outcome::Variable => ("variable", None),
            Outcome::Held(hold) => ("held", Some(&hold.reason)),
            Outcome::Stale { .. } => ("stale", None),
            Outcome::Unchecked(reason) => ("unchecked", Some(reason)),
            Outcome::Failed(_) => ("failed", None),
        };
        let (tag_digest, running_digest) = match &container.outcome {
            Outcome::Held(hold) => (hold.digest.as_ref().map(Digest::as_str), None),
            Outcome::Stale {
                running, digest, ..
            } => (Some(digest.as_str()), Some(running.as_str())),
            _ => (None, None),
        };
        Self {
            name: &container.name,
            init: container.init,
            image: &container.image,
            new_image: container.outcome.new_image(),
            outcome,
            reason: reason.map(String::as_str),
            tag_digest,
            running_digest,
            line: container.line,
        }
    }
}
