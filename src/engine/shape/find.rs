//! From a tree to the objects with images in it: a document, an item of a `List` or of a `DeploymentList`, an object of the API server.

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use super::families::{self, Family, NEVER_BELOW};
use super::patches::{self, JSON_PATCH, Text};
use super::pods::{LISTS, PodKind, REFERENCE};
use super::scalar::{line_in_text, lines_in_text, scalar_site};
use super::unhandled::{MISSPELT_CONTAINERS, MISSPELT_INIT_CONTAINERS};
use super::{
    Found, Kinds, entries, fields, group_of, is_kustomization_file, jobs, policies, releases,
    triggers, unhandled, values,
};
use crate::engine::argocd;
use crate::engine::helm::Chart;
use crate::engine::hold::Hold;
use crate::engine::misplaced;
use crate::engine::object::{
    IGNORE, Ignore, Object, POLICY, PREFIX, RECORD, RESTARTED_AT, Record, cut_names, kept_name,
};
use crate::engine::path::{Path, Step, dotted};
use crate::engine::site::{IgnoreMark, Image, Memory, Role, Site, Slots};
use crate::engine::tree::{Scalar, Tree};
use crate::engine::yaml::File;

/// Finds the objects with images of a document, in its order.
pub fn find<'a, T: Tree<'a>>(document: T) -> Found {
    find_in("", document, &Kinds::default())
}

/// As [`find`], in a file of this name, which may be all that says that a document is a kustomization; with the kinds that are added.
pub fn find_in<'a, T: Tree<'a>>(file_name: &str, document: T, kinds: &Kinds) -> Found {
    let mut found = Found::default();
    let inherited = if argocd::is_source_file(file_name) {
        Some((argocd::SOURCE_VERSION, argocd::SOURCE))
    } else {
        is_kustomization_file(file_name).then_some((UNNAMED, "Kustomization"))
    };
    look(
        document,
        Path::root(),
        inherited,
        (Texts::Read, kinds),
        &mut found,
    );
    found
}

/// Finds the images in a document that is the values of a chart.
pub fn find_values<'a, T: Tree<'a>>(document: T, chart: Option<&Chart>, kinds: &Kinds) -> Found {
    let mut sites = Vec::new();
    let defaults = chart.map(|chart| &chart.defaults);
    values::sites(document, &Path::root(), defaults, &mut sites);
    values::settle(&Path::root(), chart, &kinds.helm, &mut sites);
    cut_names(&mut sites);
    let object = Object {
        api_version: String::new(),
        kind: HELM_VALUES.to_owned(),
        at: Path::root(),
        namespace: None,
        name: chart.map(|chart| chart.name.clone()).unwrap_or_default(),
        labels: Vec::new(),
        record: Record::Absent,
        record_line: None,
        ignore: Ignore::Nothing,
        unknown_annotations: Vec::new(),
        idle_policies: Vec::new(),
        hold: None,
        sites,
        line: document.line(),
    };
    Found {
        objects: if object.sites.is_empty() {
            Vec::new()
        } else {
            vec![object]
        },
        ..Found::default()
    }
}

/// The object that a document is, with no sites; of this kind, if it says none.
pub(super) fn object_of<'a, T: Tree<'a>>(document: T, kind: &str) -> Object {
    let text = |key| document.get(key).and_then(|value| value.scalar().text());
    let api_version = text("apiVersion").unwrap_or_default();
    let kind = text("kind").unwrap_or(kind);
    read(document, api_version, kind, Path::root(), Vec::new())
}

/// What a file of values is called, as it has no kind.
pub const HELM_VALUES: &str = "Helm values";

/// Whether the documents in texts are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Texts {
    Read,
    Skip,
}

/// The version that kustomize takes for a kustomization that names none.
const UNNAMED: &str = "kustomize.config.k8s.io/v1beta1";

/// What a value begins with that SOPS has encrypted.
pub const CIPHERTEXT: &str = "ENC[";

/// Whether SOPS has signed all values of the document, so that any edit breaks it (its `mac`, unless `mac_only_encrypted`).
pub fn is_encrypted<'a, T: Tree<'a>>(document: T) -> bool {
    document.get("sops").is_some_and(|sops| {
        let only_encrypted =
            sops.get("mac_only_encrypted").map(T::scalar) == Some(Scalar::Bool(true));
        !only_encrypted
            && sops
                .get("mac")
                .is_some_and(|mac| mac.scalar().text().is_some())
    })
}

/// `inherited` is what a typed list says of items that do not say it themselves.
fn look<'a, T: Tree<'a>>(
    object: T,
    at: Path,
    inherited: Option<(&'a str, &'a str)>,
    texts: (Texts, &Kinds),
    found: &mut Found,
) {
    let kinds = texts.1;
    if let Some(sites) = patches::operations(object, &at) {
        if !sites.is_empty() {
            found.objects.push(read(object, "", JSON_PATCH, at, sites));
        }
        return;
    }
    let text = |key| object.get(key).and_then(|value| value.scalar().text());
    let (Some(api_version), Some(kind)) = (
        text("apiVersion").or(inherited.map(|(version, _)| version)),
        text("kind").or(inherited.map(|(_, kind)| kind)),
    ) else {
        return;
    };
    if let Some(item_kind) = kind.strip_suffix("List") {
        let inherited = (!item_kind.is_empty()).then_some((api_version, item_kind));
        for (index, item) in object
            .get("items")
            .map(T::items)
            .unwrap_or_default()
            .into_iter()
            .enumerate()
        {
            look(item, at.join("items").join(index), inherited, texts, found);
        }
        return;
    }
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
        let pod_at = pods.template.path(&at).join("spec");
        let mut sites = pod.map(|pod| fixed(pod, &pod_at)).unwrap_or_default();
        fields::sites(api_version, kind, object, &at, kinds, &mut sites);
        found
            .objects
            .push(read(object, api_version, kind, at, sites));
        return;
    }
    found
        .unhandled
        .extend(unhandled(kind, || Some(api_version)));
    found
        .unhandled
        .extend(fields::off(api_version, kind, object, kinds));
    let mut is_written_elsewhere = None;
    let mut sites = match entries::mappings(api_version, kind, object, &at) {
        Some(mappings) => {
            let mut sites = entries::sites(&mappings, kinds.entry_digests);
            if texts.0 == Texts::Read {
                let patches = mappings.iter();
                let patches = patches.flat_map(|(mapping, at)| patches::texts(*mapping, at));
                patches.for_each(|patch| in_text(patch, kinds, (&mut sites, &mut found.misplaced)));
            }
            is_written_elsewhere = entries::other_writer((api_version, kind), object, kinds);
            sites
        }
        None if is_generated(object) => Vec::new(),
        None => {
            let mut sites = searched(api_version, kind, object, &at);
            fields::sites(api_version, kind, object, &at, kinds, &mut sites);
            sites
        }
    };
    releases::sites(
        (api_version, kind),
        object,
        &at,
        kinds,
        (&mut sites, &mut *found),
    );
    if let Some(hold) = is_written_elsewhere {
        for site in &mut sites {
            site.hold = Some(hold.clone());
        }
    }
    if !sites.is_empty() {
        // Who adds a kind by name knows what becomes of its objects.
        let hold = match kinds.add(api_version, kind) {
            true => None,
            false => jobs::hold(api_version, kind, object),
        };
        found.objects.push(Object {
            hold,
            ..read(object, api_version, kind, at, sites)
        });
    }
}

/// The images of the objects and operations in a text, and the lines of the comments that none of them takes. What stands in a text of that
/// text is not looked at.
fn in_text<'a, T: Tree<'a>>(
    patch: Text<'a, T>,
    kinds: &Kinds,
    (sites, misplaced): (&mut Vec<Site>, &mut Vec<u32>),
) {
    // What kustomize cannot read either is its own business.
    let Ok(file) = File::parse(patch.text) else {
        return;
    };
    let of_jobs = patches::patch_hold(&patch.target, kinds);
    let is_literal = patch.node.is_verbatim();
    let (mut objects, mut inner) = (Vec::new(), Vec::new());
    for document in (0..file.len()).filter(|index| !file.is_refused(*index)) {
        let mut found = Found::default();
        let texts = (Texts::Skip, kinds);
        look(
            file.document(document),
            Path::root(),
            None,
            texts,
            &mut found,
        );
        inner.append(&mut found.misplaced);
        objects.extend(found.objects.into_iter().map(|object| (document, object)));
    }
    inner.append(&mut misplaced::lines(&file, &objects));
    misplaced.extend(lines_in_text(patch.node, patch.text, inner));
    for (document, object) in objects {
        let before = patch.at.join(Step::Inside(document));
        let hold = of_jobs.as_ref().or(object.hold.as_ref());
        let is_operation = object.kind == JSON_PATCH;
        for mut site in object.sites {
            if is_operation
                && !patches::patch_takes(&patch.target, patches::is_of_pod(&site), kinds)
            {
                continue;
            }
            let folded = || (!is_literal).then(Hold::not_literal);
            site.hold = site.hold.or_else(|| hold.cloned()).or_else(folded);
            site.at = before.below(site.at.steps());
            site.memory = Memory::InPlace;
            site.role = Role::Other;
            site.line = line_in_text(patch.node, patch.text, site.line);
            site.commented = None;
            sites.push(site);
        }
    }
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
            match list.filter(|_| are_containers(&items, family.named)) {
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
        if is_pod && family.memory == Memory::Annotation {
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

fn read<'a, T: Tree<'a>>(
    object: T,
    api_version: &str,
    kind: &str,
    at: Path,
    mut sites: Vec<Site>,
) -> Object {
    let metadata = object.get("metadata");
    let text = |key| {
        metadata
            .and_then(|metadata| metadata.get(key))
            .and_then(|value| value.scalar().text())
    };
    let annotation = |key| {
        metadata
            .and_then(|metadata| metadata.get("annotations"))
            .and_then(|annotations| annotations.get(key))
    };
    let labels = metadata
        .and_then(|metadata| metadata.get("labels"))
        .map(T::entries)
        .unwrap_or_default();
    let mut texts = Vec::with_capacity(labels.len());
    let is_text =
        |(key, value): (&str, T)| Some((key.to_owned(), value.scalar().text()?.to_owned()));
    texts.extend(labels.into_iter().filter_map(is_text));
    cut_names(&mut sites);
    let policy = annotation(POLICY).filter(|_| !sites.is_empty());
    let idle_policies = policy
        .map(|policy| policies::apply(policy, &mut sites))
        .unwrap_or_default();
    Object {
        api_version: kept_name(api_version),
        kind: kept_name(kind),
        hold: None,
        namespace: text("namespace").map(kept_name),
        name: (text("name").or_else(|| text("generateName"))).map_or_else(String::new, kept_name),
        labels: texts,
        record: match annotation(RECORD).map(T::scalar) {
            None => Record::Absent,
            Some(Scalar::Text(text)) => Record::Text(text.to_owned()),
            Some(Scalar::Null | Scalar::Bool(_) | Scalar::Other(_)) => Record::NoText,
        },
        record_line: annotation(RECORD).and_then(T::line),
        unknown_annotations: metadata
            .and_then(|metadata| metadata.get("annotations"))
            .map(unknown)
            .unwrap_or_default(),
        ignore: annotation(IGNORE).map_or(Ignore::Nothing, |value| ignore(value.scalar())),
        idle_policies,
        sites,
        line: object.line(),
        at,
    }
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

/// The annotations that look like ours and are not.
fn unknown<'a, T: Tree<'a>>(annotations: T) -> Vec<String> {
    let ours = |name: &&str| {
        name.get(..PREFIX.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
    };
    let names = annotations
        .entries()
        .into_iter()
        .map(|(name, _)| name)
        .filter(ours);
    names
        .filter(|name| ![IGNORE, POLICY, RESTARTED_AT].contains(name))
        .map(kept_name)
        .collect()
}

/// `"true"` leaves all out (so does the boolean that people write by mistake), a list of names those containers.
fn ignore(value: Scalar<'_>) -> Ignore {
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
