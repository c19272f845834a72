//! Which objects a run takes: the kinds that run pods from one template, and what the user adds by name.

use std::fmt;

use crate::engine::annotation::Originals;
use crate::engine::object::{Object, Record};
use crate::engine::site::{Role, Site};

/// The name that stands for every kind.
const ALL: &str = "all";
/// The name of a kustomization, by its kind or by its file.
const KUSTOMIZATION_FILE: &str = "kustomization-file";
/// What the versions of kustomizations begin with.
const KUSTOMIZATIONS: &str = "kustomize.config.k8s.io/";
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
        self.take(KUSTOMIZATIONS, "Kustomization")
    }

    /// Whether objects of a kind that is none of the default ones are taken.
    pub(super) fn take(&self, api_version: &str, kind: &str) -> bool {
        self.name(ALL) || self.name_kind(api_version, kind)
    }

    /// Leaves out of an object that is taken what is not asked for.
    pub(super) fn narrow(&self, mut object: Object) -> Object {
        let by_name = self.name_kind(&object.api_version, &object.kind);
        if by_name {
            // Who names a kind knows what becomes of its objects.
            object.hold = None;
        }
        let has_volumes = object.sites.iter().any(is_volume);
        let all = by_name || self.name(ALL) || self.name(IMAGE_VOLUME);
        // A volume that a run has pinned is followed by each later one.
        if has_volumes && !all && !records_volumes(&object.record) {
            object.sites.retain(|site| !is_volume(site));
        }
        object
    }

    /// The names that fit none of the objects.
    pub fn idle<'o>(&self, objects: impl IntoIterator<Item = &'o Object>) -> Vec<String> {
        let mut left: Vec<&Name> = self.added.iter().filter(|name| name.kind != ALL).collect();
        for object in objects {
            if left.is_empty() {
                break;
            }
            let has_volume = object.sites.iter().any(is_volume);
            left.retain(|name| {
                !(name.fits(&object.api_version, &object.kind)
                    || name.kind == IMAGE_VOLUME && has_volume)
            });
        }
        left.into_iter().map(Name::to_string).collect()
    }

    fn name(&self, name: &str) -> bool {
        self.added
            .iter()
            .any(|added| added.kind == name && added.group.is_none())
    }

    fn name_kind(&self, api_version: &str, kind: &str) -> bool {
        self.added.iter().any(|name| name.fits(api_version, kind))
    }
}

impl Name {
    fn fits(&self, api_version: &str, kind: &str) -> bool {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let same_group = self.group.as_deref().is_none_or(|own| own == group);
        same_group && self.kind == kind
            || self.kind == KUSTOMIZATION_FILE && api_version.starts_with(KUSTOMIZATIONS)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let group = self.group.as_deref();
        write!(
            formatter,
            "{}{}{}",
            self.kind,
            group.map_or("", |_| "."),
            group.unwrap_or_default()
        )
    }
}

fn is_volume(site: &Site) -> bool {
    site.role == Role::Volume
}

fn records_volumes(record: &Record) -> bool {
    let Record::Text(text) = record else {
        return false;
    };
    Originals::parse(text)
        .is_ok_and(|originals| originals.entries().any(|(role, _)| role == Role::Volume))
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

    #[test]
    fn a_volume_is_followed_once_it_was_pinned() {
        let object = |annotations| {
            json!({"apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"annotations": annotations},
            "spec": {"template": {"spec": {"containers": [], "volumes": [{"name": "v", "image": {"reference": "web:1"}}]}}}})
        };
        let seen = |names: &[&str], object| {
            let found = find_taken("", &object, &Kinds::adding(names));
            found.objects[0].sites.len()
        };
        let record =
            r#"{"containers":[],"initContainers":[],"volumes":[{"name":"v","image":"web:1"}]}"#;
        assert_eq!(seen(&[], object(json!({}))), 0);
        assert_eq!(seen(&["image-volume"], object(json!({}))), 1);
        assert_eq!(seen(&[], object(json!({"imago-config-spec": record}))), 1);
    }

    #[test]
    fn a_name_that_fits_nothing_is_idle() {
        let kinds = Kinds::adding(&["Rolout", "Rollout.argoproj.io", "all", "image-volume"]);
        let pod = json!({"containers": [{"name": "a", "image": "web:1"}]});
        let object = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "spec": pod});
        let found = find_taken("", &object, &kinds);
        assert_eq!(kinds.idle(&found.objects), ["Rolout", "image-volume"]);
    }
}
