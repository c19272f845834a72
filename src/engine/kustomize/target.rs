//! The target of a patch: which objects it is for.

use std::collections::BTreeMap;

use super::moved::Moved;
use super::pattern::{Limits, Pattern, is_pattern};
use crate::engine::object::{Object, group_of, kept_name};
use crate::engine::tree::Tree;

/// What a target says of objects, each a regular expression, or empty for any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    group: String,
    version: String,
    kind: String,
    name: String,
    namespace: String,
    /// Whether more selects than these.
    has_more: bool,
}

impl Target {
    /// Reads the target of an item of a list of patches. What is not said fits everything.
    pub fn read<'a, T: Tree<'a>>(item: T) -> Self {
        let target = item.get("target");
        let text = |key| {
            let text = target.and_then(|target| target.get(key)?.scalar().text());
            text.unwrap_or_default().to_owned()
        };
        Self {
            group: text("group"),
            version: text("version"),
            kind: text("kind"),
            name: text("name"),
            namespace: text("namespace"),
            has_more: ["labelSelector", "annotationSelector"]
                .into_iter()
                .any(|key| !text(key).is_empty()),
        }
    }

    /// The HelmRelease of a name.
    pub(super) fn release(name: &str) -> Self {
        Self {
            group: "helm.toolkit.fluxcd.io".to_owned(),
            kind: "HelmRelease".to_owned(),
            name: name.to_owned(),
            ..Self::default()
        }
    }

    /// All objects of Argo CD that get values.
    pub(super) fn sources_of_argocd() -> Vec<Self> {
        let of_kind = |kind: &str| Self {
            group: "argoproj.io".to_owned(),
            kind: kind.to_owned(),
            ..Self::default()
        };
        ["Application", "ApplicationSet"].map(of_kind).into()
    }

    /// What a patch without a target is for: the object that it names itself.
    pub(super) fn of(object: &Object) -> Self {
        Self {
            group: object.group().to_owned(),
            version: String::new(),
            kind: object.kind.clone(),
            name: object.name.clone(),
            namespace: object.namespace.clone().unwrap_or_default(),
            has_more: false,
        }
    }

    /// The same of an object that may have no images.
    pub(super) fn of_document<'a, T: Tree<'a>>(object: T) -> Self {
        let text = |of: T, key| {
            kept_name(
                of.get(key)
                    .and_then(|of| of.scalar().text())
                    .unwrap_or_default(),
            )
        };
        let metadata = |key| {
            object
                .get("metadata")
                .map(|metadata| text(metadata, key))
                .unwrap_or_default()
        };
        Self {
            group: group_of(&text(object, "apiVersion")).to_owned(),
            version: String::new(),
            kind: text(object, "kind"),
            name: metadata("name"),
            namespace: metadata("namespace"),
            has_more: false,
        }
    }

    /// The name, where one is named; empty where any may be meant.
    pub(super) fn plain_name(&self) -> &str {
        match is_pattern(&self.name) {
            true => "",
            false => &self.name,
        }
    }

    /// Whether both may mean the same object, which a kustomization may have moved: its name is longer then, and its namespace any.
    pub(super) fn may_meet(&self, other: &Self, is_moved: bool) -> bool {
        let is_open = |text: &str| text.is_empty() || is_pattern(text);
        let meet = |own: &str, other: &str| own == other || is_open(own) || is_open(other);
        meet(&self.group, &other.group)
            && meet(&self.version, &other.version)
            && meet(&self.kind, &other.kind)
            && (meet(&self.name, &other.name) || is_moved && self.name.contains(&other.name))
            && (meet(&self.namespace, &other.namespace) || is_moved)
    }

    /// The name, or the pattern for names.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether it says nothing.
    pub(super) fn is_any(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it says by texts alone what it is for.
    pub(super) fn is_plain(&self) -> bool {
        let of_kind = [&self.group, &self.version, &self.kind];
        let of_object = [&self.name, &self.namespace];
        let mut texts = of_kind.into_iter().chain(of_object);
        !self.has_more && !texts.any(|text| is_pattern(text))
    }

    /// Whether a patch that names its object itself is for this one: by the name and namespace that it is written with, or by any that it
    /// has got. A kustomization may put an object that has no namespace into any.
    pub(super) fn names(&self, object: &Object, moved: Option<&Moved>) -> bool {
        let is_meant = |name: &str, namespace: Option<&str>| {
            fits(&self.name, name)
                && namespace.is_none_or(|namespace| fits(&self.namespace, namespace))
        };
        self.is_of_kind(object)
            && (is_meant(&object.name, object.namespace.as_deref())
                || Moved::all(moved).any(|at| is_meant(&at.name, at.namespace.as_deref())))
    }

    /// Whether the target of a patch is for an object: its name and its namespace are each what the object is written with, or what it has
    /// last got (`Select` of kustomize's `reswrangler.go`). No namespace is `default`.
    pub(super) fn selects(&self, object: &Object, moved: Option<&Moved>) -> bool {
        let namespace = |namespace: &Option<String>| {
            fits(&self.namespace, namespace.as_deref().unwrap_or("default"))
        };
        self.is_of_kind(object)
            && (fits(&self.name, &object.name)
                || moved.is_some_and(|at| fits(&self.name, &at.name)))
            && (namespace(&object.namespace) || moved.is_some_and(|at| namespace(&at.namespace)))
    }

    fn is_of_kind(&self, object: &Object) -> bool {
        fits(&self.group, object.group())
            && fits(&self.version, object.version())
            && fits(&self.kind, &object.kind)
    }

    /// The group and the kind, where one kind is named. The group is empty where any may be meant.
    pub fn named(&self) -> Option<(&str, &str)> {
        let is_named = !self.kind.is_empty() && !is_pattern(&self.kind) && !is_pattern(&self.group);
        is_named.then_some((&self.group, &self.kind))
    }

    /// The group and each kind, where kinds are named, as in `Deployment|StatefulSet`. The group is empty where any may be meant.
    pub fn each_named(&self) -> impl Iterator<Item = (&str, &str)> {
        let group = Some(&*self.group).filter(|group| !is_pattern(group));
        let kinds = || self.kind.split('|');
        let is_named = kinds().all(|kind| !kind.is_empty() && !is_pattern(kind));
        let named = kinds().filter(move |_| is_named);
        named.map(move |kind| (group.unwrap_or_default(), kind))
    }

    /// Which of these kinds the target may mean, where it says a kind at all. A pattern that is not read may mean any.
    pub fn first_of<'k>(
        &self,
        mut kinds: impl Iterator<Item = (&'k str, &'k str)>,
    ) -> Option<&'k str> {
        let mut limits = Limits::default();
        let kind_pattern = Pattern::whole(&self.kind, &mut limits);
        let group_pattern = Pattern::whole(&self.group, &mut limits);
        let fits = |pattern: &Pattern, text| pattern.matches(text).unwrap_or(true);
        let found = kinds.find(|(group, kind)| {
            fits(&kind_pattern, kind) && (self.group.is_empty() || fits(&group_pattern, group))
        });
        found.map(|(_, kind)| kind)
    }
}

/// The files of patches, each with its targets.
pub(super) fn by_file(patches: &[(String, Target)]) -> BTreeMap<String, Vec<Target>> {
    let mut files: BTreeMap<String, Vec<Target>> = BTreeMap::new();
    for (path, target) in patches {
        files.entry(path.clone()).or_default().push(target.clone());
    }
    files
}

/// What patches do, each with its target, by the name of the objects. It is empty where any may be meant.
#[derive(Clone, Debug)]
pub(super) struct Targeted<P>(BTreeMap<String, Vec<(Target, P)>>);

impl<P> Default for Targeted<P> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<P> Targeted<P> {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn take(&mut self, target: &Target, patch: P) {
        let of_name = self.0.entry(target.plain_name().to_owned()).or_default();
        of_name.push((target.clone(), patch));
    }

    /// Those that by their names may be for one of these objects, which a kustomization may have moved.
    pub(super) fn named_for<'t>(
        &'t self,
        objects: &'t [Target],
        is_moved: bool,
    ) -> impl Iterator<Item = &'t (Target, P)> {
        let is_any = |object: &Target| object.plain_name().is_empty();
        let is_open = is_moved || objects.iter().any(is_any);
        let all = self.0.values().filter(move |_| is_open);
        let named = objects.iter().map(Target::plain_name).chain([""]);
        let named = named
            .filter(move |_| !is_open)
            .filter_map(|name| self.0.get(name));
        all.chain(named).flatten()
    }
}

/// Whether a text is what a target says. What it does not say fits everything.
fn fits(own: &str, text: &str) -> bool {
    own.is_empty() || own == text
}
