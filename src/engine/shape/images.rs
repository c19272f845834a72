//! Where an object has its images: at the fixed place of its kind, or wherever the keys around them are found.

use std::borrow::Cow;

use super::families::{self, Family, NEVER_BELOW};
use super::pods::{LISTS, PodKind, REFERENCE};
use super::scalar::scalar_site;
use super::unhandled::{MISSPELT_CONTAINERS, MISSPELT_INIT_CONTAINERS};
use super::{
    Found, Kinds, entries, fields, group_of, jobs, policies, releases, triggers, unhandled,
};
use crate::engine::object::{IGNORE, Ignore, POLICY, kept_name};
use crate::engine::path::{Path, Step, dotted};
use crate::engine::site::{IgnoreMark, Image, Memory, Role, Site, Slots};
use crate::engine::tree::{Scalar, Tree};

/// The images of an object of this kind, but for those in the patches that stand in it as texts. `found` takes what is not handled.
pub(super) fn images<'a, T: Tree<'a>>(
    (api_version, kind): (&str, &str),
    object: T,
    at: &Path,
    kinds: &Kinds,
    found: &mut Found,
) -> Vec<Site> {
    if let Some(pods) = PodKind::of(api_version, kind) {
        let pod = pods
            .template
            .at
            .iter()
            .chain(&["spec"])
            .try_fold(object, |object, key| object.get(key));
        found
            .unhandled
            .extend(pod.into_iter().flat_map(misspelt_lists));
        let pod_at = pods.template.path(at).join("spec");
        let mut sites = pod.map(|pod| fixed(pod, &pod_at)).unwrap_or_default();
        fields::sites(api_version, kind, object, at, kinds, &mut sites);
        return sites;
    }
    found
        .unhandled
        .extend(unhandled(kind, || Some(api_version)));
    found
        .unhandled
        .extend(fields::off(api_version, kind, object, kinds));
    let mut sites = match entries::mappings(api_version, kind, object, at) {
        Some(mappings) => entries::sites(&mappings, kinds.entry_digests),
        None if is_generated(object) => Vec::new(),
        None => {
            let mut sites = searched(api_version, kind, object, at);
            fields::sites(api_version, kind, object, at, kinds, &mut sites);
            sites
        }
    };
    releases::sites(
        (api_version, kind),
        object,
        at,
        kinds,
        (&mut sites, &mut *found),
    );
    sites
}

/// The images of an object that is searched through.
fn searched<'a, T: Tree<'a>>(api_version: &str, kind: &str, object: T, at: &Path) -> Vec<Site> {
    let mut search = Search {
        family: families::of(api_version, kind),
        outside: at.steps().len(),
        steps: at.steps().to_vec(),
        sites: Vec::new(),
    };
    let mut sites = match is_referred(api_version, kind, object) {
        true => Vec::new(),
        false => {
            search.entries_below(object, &object.entries());
            search.in_order()
        }
    };
    triggers::hold(api_version, kind, object, &mut sites);
    sites
}

/// Whether the object names another one that has its pod template (<https://argo-rollouts.readthedocs.io/en/stable/migrating/>).
fn is_referred<'a, T: Tree<'a>>(api_version: &str, kind: &str, object: T) -> bool {
    (group_of(api_version), kind) == ("argoproj.io", "Rollout")
        && object
            .get("spec")
            .and_then(|spec| spec.get("workloadRef"))
            .is_some_and(|other| !other.entries().is_empty())
}

/// Whether a controller made the object from another one, where its images come from.
fn is_generated<'a, T: Tree<'a>>(object: T) -> bool {
    object
        .get("metadata")
        .and_then(|metadata| metadata.get("ownerReferences"))
        .is_some_and(|owners| !owners.items().is_empty())
}

/// The images of a pod's specification, list by list.
fn fixed<'a, T: Tree<'a>>(pod: T, at: &Path) -> Vec<Site> {
    let mut sites = Vec::new();
    for role in LISTS {
        let Some(list) = pod.get(role.list()) else {
            continue;
        };
        let (at, items) = (at.join(role.list()), list.items());
        // Most objects have one container, and a large file has many objects.
        sites.reserve_exact(items.len());
        let found = items.into_iter().enumerate();
        sites.extend(found.map(|(index, item)| container(item, role, at.join(index))));
    }
    sites.extend(volumes(pod, at));
    sites
}

/// The image volumes of a pod's specification (KEP-4639).
fn volumes<'a, T: Tree<'a>>(pod: T, at: &Path) -> Vec<Site> {
    let items = pod.get("volumes").map(T::items).unwrap_or_default();
    let with_image = items.into_iter().enumerate().filter_map(|(index, item)| {
        let source = item.get("image")?;
        let reference = source.get("reference")?;
        let at = at.join("volumes").join(index);
        let name = item.get("name").and_then(|name| name.scalar().text());
        Some(Site {
            name: name.unwrap_or_default().to_owned(),
            slots: Slots::Whole(Cow::Borrowed(&REFERENCE)),
            ..scalar_site(source, reference, Role::Volume, at, Memory::Annotation)
        })
    });
    with_image.collect()
}

/// A search for the images of a family, through the whole object.
struct Search {
    family: Option<&'static Family>,
    /// How many of the steps lead to the object.
    outside: usize,
    steps: Vec<Step>,
    sites: Vec<Site>,
}

impl Search {
    fn below<'a, T: Tree<'a>>(&mut self, node: T) {
        // Items may be lists themselves: Argo's `steps` are.
        for (index, item) in node.items().into_iter().enumerate() {
            self.steps.push(index.into());
            self.below(item);
            self.steps.pop();
        }
        let entries = node.entries();
        let text = |key| {
            let (_, value) = entries.iter().find(|(found, _)| *found == key)?;
            value.scalar().text()
        };
        match (text("apiVersion"), text("kind")) {
            (Some(api_version), Some(kind)) => {
                self.object_below(node, &entries, api_version, kind);
            }
            _ => self.entries_below(node, &entries),
        }
    }

    /// An object in the object, as a template or a trigger has it: it is of its own family, and what it says of itself holds for it.
    fn object_below<'a, T: Tree<'a>>(
        &mut self,
        node: T,
        entries: &[(&'a str, T)],
        api_version: &str,
        kind: &str,
    ) {
        let outer = std::mem::replace(&mut self.family, families::of(api_version, kind));
        let first = self.sites.len();
        self.entries_below(node, entries);
        self.family = outer;
        let sites = &mut self.sites[first..];
        if sites.is_empty() {
            return;
        }
        triggers::hold(api_version, kind, node, sites);
        let hold = jobs::hold(api_version, kind, node);
        let annotations = node
            .get("metadata")
            .and_then(|metadata| metadata.get("annotations"));
        let annotation = |key| annotations.and_then(|annotations| annotations.get(key));
        let left_out = annotation(IGNORE).map_or(Ignore::Nothing, |value| ignore(value.scalar()));
        if let Some(policy) = annotation(POLICY) {
            policies::apply_nested(policy, sites);
        }
        for site in sites {
            site.hold = site.hold.take().or_else(|| hold.clone());
            let is_left_out = match &left_out {
                Ignore::All => true,
                Ignore::Containers(names) => names.contains(&site.name),
                Ignore::Nothing | Ignore::NoText => false,
            };
            let nested = is_left_out.then_some(IgnoreMark::NestedAnnotation);
            site.ignored = site.ignored.or(nested);
        }
    }

    fn entries_below<'a, T: Tree<'a>>(&mut self, node: T, entries: &[(&'a str, T)]) {
        let Some(family) = self.family else { return };
        let mut is_pod = false;
        for (key, value) in entries {
            if NEVER_BELOW.contains(key) {
                continue;
            }
            self.steps.push(Step::Key(Cow::Owned((*key).to_owned())));
            let items = value.items();
            let list = family.lists.iter().find(|(list, _)| list == key);
            let named = family.named && !node.is_of_patch();
            match list.filter(|_| are_containers(&items, named)) {
                Some((_, role)) => {
                    is_pod = true;
                    for (index, item) in items.into_iter().enumerate() {
                        self.steps.push(index.into());
                        self.take(item, *role);
                        self.steps.pop();
                    }
                }
                None if family.maps.contains(key) && has_text(*value, "image") => {
                    self.take(*value, Role::Other);
                }
                None => self.below(*value),
            }
            self.steps.pop();
        }
        if (is_pod || node.is_of_patch()) && family.memory == Memory::Annotation {
            let at = self.steps.iter().cloned().collect();
            self.sites.extend(volumes(node, &at));
        }
    }

    fn take<'a, T: Tree<'a>>(&mut self, item: T, role: Role) {
        // A chart's values may have a list of this name whose images are taken apart.
        let is_apart = |image: T| !image.entries().is_empty() || !image.items().is_empty();
        if item.get("image").is_some_and(is_apart) {
            return;
        }
        let at: Path = self.steps.iter().cloned().collect();
        let memory = self.family.map_or(Memory::InPlace, |family| family.memory);
        let mut site = Site {
            memory,
            ..container(item, role, at)
        };
        if site.name.is_empty() {
            site.name = dotted(&site.at.steps()[self.outside..]);
        }
        self.sites.push(site);
    }

    /// List by list, as records have them.
    fn in_order(mut self) -> Vec<Site> {
        self.sites.sort_by_key(|site| site.role);
        self.sites
    }
}

/// Whether items are containers: mappings, one with a name, as a merge may have an item that is `$patch: replace`; where they need no name,
/// one with an image is enough, as a step of Tekton may be a reference.
fn are_containers<'a, T: Tree<'a>>(items: &[T], named: bool) -> bool {
    if named {
        // What a name is made of is for the API server to say: none hides the other containers of its list.
        let is_named = |item: &T| item.get("name").is_some();
        let is_mapping = |item: &T| is_named(item) || !item.entries().is_empty();
        items.iter().any(is_named) && items.iter().all(is_mapping)
    } else {
        items.iter().any(|item| has_text(*item, "image"))
    }
}

fn has_text<'a, T: Tree<'a>>(node: T, key: &str) -> bool {
    node.get(key)
        .is_some_and(|value| value.scalar().text().is_some())
}

/// The lists of containers that a pod has under another name. Most pods have no `initContainers`, so few names are tried there.
fn misspelt_lists<'a, T: Tree<'a>>(pod: T) -> impl Iterator<Item = &'static str> {
    let is_meant =
        |key: &str| key.eq_ignore_ascii_case("containers") || key.eq_ignore_ascii_case("container");
    let containers =
        pod.get("containers").is_none() && pod.entries().iter().any(|(key, _)| is_meant(key));
    let has_other = || {
        ["initContainer", "initcontainers"]
            .iter()
            .any(|key| pod.get(key).is_some())
    };
    let init_containers = pod.get("initContainers").is_none() && has_other();
    let lists = [
        (containers, MISSPELT_CONTAINERS),
        (init_containers, MISSPELT_INIT_CONTAINERS),
    ];
    lists
        .into_iter()
        .filter(|(misspelt, _)| *misspelt)
        .map(|(_, name)| name)
}

fn container<'a, T: Tree<'a>>(item: T, role: Role, at: Path) -> Site {
    match item.get("image") {
        Some(image) => scalar_site(item, image, role, at, Memory::Annotation),
        None => Site {
            image: Image::Absent,
            line: None,
            ..scalar_site(item, item, role, at, Memory::Annotation)
        },
    }
}

/// `"true"` leaves all out (so does the boolean that people write by mistake), a list of names those containers.
pub(super) fn ignore(value: Scalar<'_>) -> Ignore {
    match value {
        Scalar::Text("true") | Scalar::Bool(true) => Ignore::All,
        Scalar::Text("false" | "") | Scalar::Bool(false) | Scalar::Null => Ignore::Nothing,
        Scalar::Other(_) => Ignore::NoText,
        Scalar::Text(names) => Ignore::Containers(
            names
                .split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty())
                .map(kept_name)
                .collect(),
        ),
    }
}
