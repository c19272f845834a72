//! Jobs: their pod template cannot change, so a new image in one that is there fails when it is applied.

use super::{Kinds, group_of};
use crate::engine::hold::Hold;
use crate::engine::kustomize::Target;
use crate::engine::tree::{Scalar, Tree};

/// Annotations by which something replaces an object instead of changing it, and what has to be in them.
const REPLACED: [(&str, &str); 5] = [
    ("argocd.argoproj.io/hook", ""),
    ("argocd.argoproj.io/sync-options", "Replace=true"),
    ("helm.sh/hook", ""),
    ("kustomize.toolkit.fluxcd.io/force", "enabled"),
    ("kustomize.toolkit.fluxcd.io/force", "true"),
];

/// The kind of Jobs that a patch with this target may be for, unless the run adds it by name.
pub(super) fn targeted<'t>(target: &'t Target, kinds: &Kinds) -> Option<&'t str> {
    let is_held = |group: &str, kind: &str| !kinds.add(&format!("{group}/"), kind);
    match target.named() {
        Some((group, kind)) => (may_be(group, kind) && is_held(group, kind)).then_some(kind),
        None => target.first_of(
            KINDS
                .into_iter()
                .filter(|(group, kind)| is_held(group, kind)),
        ),
    }
}

/// The kinds among which a pattern may choose.
const KINDS: [(&str, &str); 11] = [
    ("batch", "Job"),
    ("extensions", "Job"),
    ("jobset.x-k8s.io", "JobSet"),
    ("kubeflow.org", "JAXJob"),
    ("kubeflow.org", "MPIJob"),
    ("kubeflow.org", "PaddleJob"),
    ("kubeflow.org", "PyTorchJob"),
    ("kubeflow.org", "TFJob"),
    ("kubeflow.org", "XGBoostJob"),
    ("ray.io", "RayJob"),
    ("trainer.kubeflow.org", "TrainJob"),
];

/// The groups that are known to have a kind of this name.
pub(super) fn groups(kind: &str) -> impl Iterator<Item = &str> {
    let rows = KINDS.into_iter().filter(move |(_, own)| *own == kind);
    rows.map(|(group, _)| group)
}

/// Whether a patch of objects of this kind may be one of Jobs; without a group any may be meant.
fn may_be(group: &str, kind: &str) -> bool {
    let of_group = |group| is_job(group, kind);
    match group {
        "" => GROUPS.into_iter().any(of_group),
        group => is_job(group, kind),
    }
}

/// The groups with kinds whose template cannot change.
const GROUPS: [&str; 6] = [
    "batch",
    "extensions",
    "jobset.x-k8s.io",
    "kubeflow.org",
    "ray.io",
    "trainer.kubeflow.org",
];

/// Whether the objects of a kind have a pod template that cannot change.
pub(super) fn is_job(group: &str, kind: &str) -> bool {
    match group {
        // `extensions` is the group of the first Jobs.
        "batch" | "extensions" => kind == "Job",
        "jobset.x-k8s.io" => kind == "JobSet",
        "kubeflow.org" | "trainer.kubeflow.org" => kind.ends_with("Job") && kind != "CronJob",
        "ray.io" => kind == "RayJob",
        _ => false,
    }
}

/// Why the images of an object are held, where its template cannot change and nothing replaces it.
pub(super) fn hold<'a, T: Tree<'a>>(api_version: &str, kind: &str, object: T) -> Option<Hold> {
    if !is_job(group_of(api_version), kind) {
        return None;
    }
    let metadata = object.get("metadata");
    let is_generated = metadata
        .and_then(|metadata| metadata.get("generateName"))
        .is_some();
    let annotations = metadata.and_then(|metadata| metadata.get("annotations"));
    let is_replaced = REPLACED.iter().any(|(name, word)| {
        let value = annotations.and_then(|annotations| annotations.get(name));
        value.is_some_and(|value| match value.scalar() {
            Scalar::Text(text) => {
                word.is_empty() || text.split([',', ' ']).any(|part| part == *word)
            }
            Scalar::Bool(value) => value && *word == "true",
            Scalar::Null | Scalar::Other(_) => false,
        })
    });
    (!is_generated && !is_replaced).then(|| Hold::job_immutable(kind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_job_is_held_unless_something_replaces_it() {
        let held = |metadata| hold("batch/v1", "Job", &json!({"metadata": metadata})).is_some();
        let with = |name: &str, value: &str| json!({"name": "a", "annotations": {name: value}});
        assert!(held(json!({"name": "a"})));
        assert!(held(with("argocd.argoproj.io/sync-options", "Prune=false")));
        assert!(held(with("kustomize.toolkit.fluxcd.io/force", "disabled")));
        for metadata in [
            json!({"generateName": "a-"}),
            with("helm.sh/hook", "pre-install"),
            with("argocd.argoproj.io/hook", "PreSync"),
            with(
                "argocd.argoproj.io/sync-options",
                "Prune=false,Replace=true",
            ),
            with("kustomize.toolkit.fluxcd.io/force", "enabled"),
        ] {
            assert!(!held(metadata.clone()), "{metadata}");
        }
        assert!(KINDS.iter().all(|(group, kind)| is_job(group, kind)));
        let none = json!({});
        assert!(hold("jobset.x-k8s.io/v1alpha2", "JobSet", &none).is_some());
        assert!(hold("kubeflow.org/v1", "PyTorchJob", &none).is_some());
        assert!(hold("extensions/v1beta1", "Job", &none).is_some());
        assert!(hold("example.com/v1", "Job", &none).is_none());
        assert!(hold("v1", "Pod", &none).is_none());
    }
}
