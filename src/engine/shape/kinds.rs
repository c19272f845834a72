//! Which objects a run takes, by their kind.

use std::fmt;

use crate::engine::object::Object;

/// The name of a kustomization, by its kind or by its file.
const KUSTOMIZATION_FILE: &str = "kustomization-file";
/// What the versions of kustomizations begin with.
const KUSTOMIZATIONS: &str = "kustomize.config.k8s.io/";

/// The kinds of a run. By default everything that [`super::find`] finds.
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
    /// The default kinds, and these without what holds them: `Job`, `JobSet.jobset.x-k8s.io`.
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

    /// Whether a kind is added by name.
    pub(super) fn add(&self, api_version: &str, kind: &str) -> bool {
        self.added.iter().any(|name| name.fits(api_version, kind))
    }

    /// The names that fit none of the objects.
    pub fn idle<'o>(&self, objects: impl IntoIterator<Item = &'o Object>) -> Vec<String> {
        let mut left: Vec<&Name> = self.added.iter().collect();
        for object in objects {
            if left.is_empty() {
                break;
            }
            left.retain(|name| !name.fits(&object.api_version, &object.kind));
        }
        left.into_iter().map(Name::to_string).collect()
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
        formatter.write_str(&self.kind)?;
        match &self.group {
            Some(group) => write!(formatter, ".{group}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::shape::find_in;
    use serde_json::json;

    #[test]
    fn objects_with_pods_are_taken_whatever_their_kind_and_added_ones_are_not_held() {
        let held = |names: &[&str], api_version: &str, kind: &str| {
            let pod = json!({"containers": [{"name": "a", "image": "web:1"}]});
            let object = json!({"apiVersion": api_version, "kind": kind, "spec": {"template": {"spec": pod}}});
            let found = find_in("", &object, &Kinds::adding(names));
            found.objects[0].hold.is_some()
        };
        for (names, api_version, kind, expected) in [
            (&[][..], "apps/v1", "Deployment", false),
            (&[], "apps/v1", "ReplicaSet", false),
            (&[], "extensions/v1beta1", "Deployment", false),
            (&[], "argoproj.io/v1alpha1", "Rollout", false),
            (&[], "batch/v1", "Job", true),
            (&["Rollout"], "batch/v1", "Job", true),
            (&["Job.example.com"], "batch/v1", "Job", true),
            (&["Job"], "batch/v1", "Job", false),
            (&["Job.batch"], "batch/v1", "Job", false),
        ] {
            assert_eq!(held(names, api_version, kind), expected, "{names:?} {kind}");
        }
    }

    #[test]
    fn a_name_that_fits_nothing_is_idle() {
        let kinds = Kinds::adding(&["Rolout", "Rollout.argoproj.io", "kustomization-file"]);
        let pod = json!({"containers": [{"name": "a", "image": "web:1"}]});
        let object = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "spec": pod});
        let found = find_in("", &object, &kinds);
        assert_eq!(kinds.idle(&found.objects), ["Rolout", "kustomization-file"]);
    }
}
