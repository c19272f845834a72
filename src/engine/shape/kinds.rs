//! Which objects a run takes: the kinds that run pods from one template, and what the user adds by name.

use super::pods::PodKind;
use crate::engine::object::Object;
use crate::engine::site::Role;

/// The name that stands for every kind.
const ALL: &str = "all";
/// The name of a kustomization, by its kind or by its file.
const KUSTOMIZATION_FILE: &str = "kustomization-file";
/// The name of volumes that are images, in objects that are taken.
const IMAGE_VOLUME: &str = "image-volume";

/// The kinds of a run. By default [`super::pods::KINDS`] alone.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kinds {
    added: Vec<Name>,
}

/// `KIND` or `KIND.GROUP`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Name {
    kind: String,
    group: Option<String>,
}

impl Kinds {
    /// The default kinds and these: `Rollout`, `Task.tekton.dev`, `kustomization-file`, `image-volume`, or `all`.
    pub fn adding<S: AsRef<str>>(names: &[S]) -> Self {
        let name = |name: &S| match name.as_ref().split_once('.') {
            Some((kind, group)) => Name {
                kind: kind.to_owned(),
                group: Some(group.to_owned()),
            },
            None => Name {
                kind: name.as_ref().to_owned(),
                group: None,
            },
        };
        Self {
            added: names.iter().map(name).collect(),
        }
    }

    /// Whether these are more than the default ones.
    pub fn are_added(&self) -> bool {
        !self.added.is_empty()
    }

    /// Whether what kustomizations decide is pinned there.
    pub fn take_kustomizations(&self) -> bool {
        self.names(KUSTOMIZATION_FILE) || self.names(ALL)
    }

    /// Leaves out of an object what is not taken. `None`: nothing of it is.
    pub(super) fn take(&self, mut object: Object) -> Option<Object> {
        let by_name = self.names_kind_of(&object);
        if PodKind::of(&object.api_version, &object.kind).is_none() && !by_name && !self.names(ALL)
        {
            return None;
        }
        if by_name {
            // Who names a kind knows what becomes of its objects.
            object.hold = None;
        }
        if !self.names(IMAGE_VOLUME) && !self.names(ALL) && !by_name {
            object.sites.retain(|site| site.role != Role::Volume);
        }
        Some(object)
    }

    fn names(&self, name: &str) -> bool {
        self.added
            .iter()
            .any(|added| added.kind == name && added.group.is_none())
    }

    fn names_kind_of(&self, object: &Object) -> bool {
        let group = object
            .api_version
            .split_once('/')
            .map_or("", |(group, _)| group);
        let is_kustomization = group == "kustomize.config.k8s.io";
        self.added.iter().any(|name| {
            let same_group = name.group.as_deref().is_none_or(|own| own == group);
            same_group && name.kind == object.kind
                || is_kustomization && name.kind == KUSTOMIZATION_FILE
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::shape::find_taken;
    use serde_json::json;

    fn taken(names: &[&str], api_version: &str, kind: &str) -> (usize, bool) {
        let pod = json!({"containers": [{"name": "a", "image": "web:1"}]});
        let object =
            json!({"apiVersion": api_version, "kind": kind, "spec": {"template": {"spec": pod}}});
        let found = find_taken("", &object, &Kinds::adding(names));
        let held = found.objects.iter().any(|object| object.hold.is_some());
        (found.objects.len(), held)
    }

    #[test]
    fn what_is_not_named_is_left_alone() {
        for (names, api_version, kind, expected) in [
            (&[][..], "apps/v1", "Deployment", (1, false)),
            (&[], "apps/v1", "ReplicaSet", (0, false)),
            (&[], "extensions/v1beta1", "Deployment", (0, false)),
            (
                &["Deployment"],
                "extensions/v1beta1",
                "Deployment",
                (1, false),
            ),
            (&["Rollout"], "argoproj.io/v1alpha1", "Rollout", (1, false)),
            (
                &["Rollout.argoproj.io"],
                "argoproj.io/v1alpha1",
                "Rollout",
                (1, false),
            ),
            (
                &["Rollout.example.com"],
                "argoproj.io/v1alpha1",
                "Rollout",
                (0, false),
            ),
            (&["all"], "batch/v1", "Job", (1, true)),
            (&["Job"], "batch/v1", "Job", (1, false)),
            (&["all", "Job"], "batch/v1", "Job", (1, false)),
        ] {
            assert_eq!(
                taken(names, api_version, kind),
                expected,
                "{names:?} {kind}"
            );
        }
    }

    #[test]
    fn a_kustomization_is_taken_by_its_kind_or_as_a_file() {
        let object = json!({"images": [{"name": "web", "newTag": "1"}]});
        for (names, count) in [
            (&[][..], 0),
            (&["kustomization-file"], 1),
            (&["Kustomization"], 1),
            (&["all"], 1),
        ] {
            let found = find_taken("kustomization.yaml", &object, &Kinds::adding(names));
            assert_eq!(found.objects.len(), count, "{names:?}");
            assert_eq!(found.unhandled.len(), 1 - count, "{names:?}");
        }
    }
}
