//! Which objects a run takes, by their kind.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use super::pods::PodKind;
use super::policy_rules::PolicyRules;
use super::{EntryDigest, HELM_VALUES, Shape, group_of};
use crate::engine::argocd;
use crate::engine::flux_policies::FluxPolicies;
use crate::engine::helm;
use crate::engine::object::Object;

/// The name of a kustomization, by its kind or by its file.
const KUSTOMIZATION_FILE: &str = "kustomization-file";
/// The name of the values of a chart in a file of their own.
const VALUES_FILE: &str = "helm-values";
/// The group of kustomizations.
const KUSTOMIZATIONS: &str = "kustomize.config.k8s.io";

/// The kinds of a run. The default takes everything that is on by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kinds {
    /// `--kind`: the only kinds that are taken. Empty: all.
    pub only: Vec<KindName>,
    /// `--exclude-kind`: kinds that are not taken.
    pub excluded: Vec<KindName>,
    /// Kinds that settings ignore: not taken either.
    pub ignored: Vec<KindName>,
    /// `--add-kind`: kinds that are off by default, or held.
    pub added: Vec<KindName>,
    /// Where settings say that the objects of a kind have images.
    pub declared: Vec<Shape>,
    /// Where the digest of an entry of a kustomization's `images` goes that has none.
    pub entry_digests: EntryDigest,
    /// What settings say of charts.
    pub helm: helm::Settings,
    /// What settings say of tags.
    pub policies: PolicyRules,
    /// Flux's image policies, where they are carried out.
    pub flux: Option<Arc<FluxPolicies>>,
}

/// A kind as a flag or a setting names it: `Rollout`, `Task.tekton.dev`, `Pod.` (of the core group), or `kustomization-file`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KindName {
    kind: String,
    /// `None`: any.
    group: Option<String>,
}

/// The text is no name of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a kind is letters and digits, and a group is a domain")]
pub struct NoKind;

impl Kinds {
    /// Whether an object of this kind is taken.
    pub fn take(&self, object: &Object) -> bool {
        let fits = |names: &[KindName]| names.iter().any(|name| name.fits(object));
        (self.only.is_empty() || fits(&self.only)) && !fits(&self.excluded) && !fits(&self.ignored)
    }

    /// The kinds that are added or declared: one stands in every file with such an object.
    pub(super) fn named(&self) -> impl Iterator<Item = &str> {
        let added = self.added.iter().map(|name| name.kind.as_str());
        added.chain(self.declared.iter().map(|shape| &*shape.kind))
    }

    /// Whether the objects of a cluster's kind are taken.
    pub fn take_kind(&self, kind: &PodKind) -> bool {
        let fits = |names: &[KindName]| {
            let mut names = names.iter();
            names.any(|name| name.fits_kind(kind.group(), &kind.kind))
        };
        (self.only.is_empty() || fits(&self.only)) && !fits(&self.excluded) && !fits(&self.ignored)
    }

    /// Whether a kind is added by name.
    pub(super) fn add(&self, api_version: &str, kind: &str) -> bool {
        self.added
            .iter()
            .any(|name| name.fits_kind(group_of(api_version), kind))
    }
}

impl KindName {
    /// Whether an object is of this kind.
    pub fn fits(&self, object: &Object) -> bool {
        self.fits_kind(group_of(&object.api_version), &object.kind)
    }

    /// Its group, if it names one.
    pub fn group(&self) -> Option<&str> {
        self.group.as_deref()
    }

    /// Whether a kind of a group is this one.
    pub fn fits_kind(&self, group: &str, kind: &str) -> bool {
        let same_group = self.group.as_deref().is_none_or(|own| own == group);
        same_group && self.kind == kind
            || self.kind == KUSTOMIZATION_FILE && group == KUSTOMIZATIONS
            || self.kind == VALUES_FILE && kind == HELM_VALUES
            || self.kind == argocd::SOURCE_FILE && kind == argocd::SOURCE
    }

    /// The kinds that it fits among objects, each with its group: what a bare name may leave open.
    pub fn fitting<'o>(
        &self,
        objects: impl IntoIterator<Item = &'o Object>,
    ) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for object in objects.into_iter().filter(|object| self.fits(object)) {
            let name = match group_of(&object.api_version) {
                "" => object.kind.clone(),
                group => format!("{}.{group}", object.kind),
            };
            *counts.entry(name).or_default() += 1;
        }
        counts
    }

    /// Whether an object's kind is this one in other letters, or its plural.
    pub fn is_near(&self, object: &Object) -> bool {
        let singular = |name: &str| {
            let name = name.to_ascii_lowercase();
            name.strip_suffix('s').map(str::to_owned).unwrap_or(name)
        };
        singular(&self.kind) == singular(&object.kind)
    }
}

impl FromStr for KindName {
    type Err = NoKind;

    fn from_str(text: &str) -> Result<Self, NoKind> {
        let (kind, group) = match text.split_once('.') {
            Some((kind, group)) => (kind, Some(group)),
            None => (text, None),
        };
        let is_word = |text: &str| {
            text.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        };
        let is_group = |group: &str| {
            group.is_empty()
                || group
                    .split('.')
                    .all(|part| !part.is_empty() && is_word(part))
        };
        match !kind.is_empty() && is_word(kind) && group.is_none_or(is_group) {
            true => Ok(Self {
                kind: kind.to_owned(),
                group: group.map(str::to_owned),
            }),
            false => Err(NoKind),
        }
    }
}

impl fmt::Display for KindName {
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

    fn names(names: &[&str]) -> Vec<KindName> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    fn object(api_version: &str, kind: &str, kinds: &Kinds) -> Object {
        let pod = json!({"containers": [{"name": "a", "image": "web:1"}]});
        let object =
            json!({"apiVersion": api_version, "kind": kind, "spec": {"template": {"spec": pod}}});
        find_in("", &object, kinds).objects.remove(0)
    }

    #[test]
    fn objects_with_pods_are_found_whatever_their_kind_and_added_ones_are_not_held() {
        for (added, api_version, kind, held) in [
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
            let kinds = Kinds {
                added: names(added),
                ..Kinds::default()
            };
            let object = object(api_version, kind, &kinds);
            assert_eq!(object.hold.is_some(), held, "{added:?} {kind}");
            assert!(kinds.take(&object));
        }
    }

    #[test]
    fn kinds_are_narrowed_and_nothing_is_freed() {
        for (only, excluded, api_version, kind, taken) in [
            (&["Deployment"][..], &[][..], "apps/v1", "Deployment", true),
            (&["Deployment"], &[], "apps/v1", "DaemonSet", false),
            (&["Deployment.apps", "Pod."], &[], "v1", "Pod", true),
            (&["Pod."], &[], "example.com/v1", "Pod", false),
            (&[], &["Pod"], "example.com/v1", "Pod", false),
            (&["Pod"], &["Pod.example.com"], "v1", "Pod", true),
            (&["Job"], &[], "batch/v1", "Job", true),
        ] {
            let kinds = Kinds {
                only: names(only),
                excluded: names(excluded),
                ..Kinds::default()
            };
            let object = object(api_version, kind, &kinds);
            assert_eq!(kinds.take(&object), taken, "{only:?} {excluded:?} {kind}");
            assert_eq!(object.hold.is_some(), kind == "Job");
        }
    }

    #[test]
    fn a_name_says_what_it_fits() {
        let objects = [
            object("example.com/v1", "Pod", &Kinds::default()),
            object("v1", "Pod", &Kinds::default()),
            object("v1", "Pod", &Kinds::default()),
        ];
        let fitting = |name: &str| names(&[name])[0].fitting(&objects);
        let counts = [("Pod".to_owned(), 2), ("Pod.example.com".to_owned(), 1)];
        assert_eq!(fitting("Pod"), counts.into());
        assert!(fitting("pods").is_empty() && names(&["pods"])[0].is_near(&objects[0]));
        assert!(!names(&["Prod"])[0].is_near(&objects[0]));
    }

    #[test]
    fn what_is_no_name_of_a_kind_is_refused() {
        for text in ["Pod", "Pod.", "Task.tekton.dev", "kustomization-file"] {
            assert_eq!(text.parse::<KindName>().unwrap().to_string(), text);
        }
        for text in ["", ".apps", "apps/v1", "Pod..a", "Pod.a.", "a b", "*"] {
            assert_eq!(text.parse::<KindName>(), Err(NoKind), "{text}");
        }
    }
}
