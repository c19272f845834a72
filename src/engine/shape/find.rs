//! From a tree to the objects with images in it: a document, an item of a `List` or of a `DeploymentList`, an object of the API server.

#[cfg(test)]
mod tests;

use super::images::{ignore, images};
use super::patches::{self, JSON_PATCH, Text};
use super::pods::PodKind;
use super::scalar::{InText, lines_in_text};
use super::{Found, Kinds, entries, is_kustomization_file, jobs, policies, values};
use crate::engine::argocd;
use crate::engine::helm::Chart;
use crate::engine::hold::Hold;
use crate::engine::misplaced;
use crate::engine::object::{
    IGNORE, Ignore, Object, POLICY, PREFIX, RECORD, RESTARTED_AT, Record, cut_names, kept_name,
};
use crate::engine::path::{Path, Step};
use crate::engine::site::{Comments, Memory, Role, Site};
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
    if let Some(sites) = patches::operations(object, &at, kinds) {
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
    let id = (api_version, kind);
    let mut sites = images(id, object, &at, kinds, found);
    if let Some(mappings) = entries::mappings(api_version, kind, object, &at) {
        if texts.0 == Texts::Read {
            let patches = mappings.iter();
            let patches = patches.flat_map(|(mapping, at)| patches::texts(*mapping, at));
            patches.for_each(|patch| in_text(patch, kinds, (&mut sites, &mut *found)));
        }
        if let Some(hold) = entries::other_writer(id, object, kinds) {
            for site in &mut sites {
                site.hold = Some(hold.clone());
            }
        }
    }
    if !sites.is_empty() || PodKind::of(api_version, kind).is_some() {
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
    (sites, outer): (&mut Vec<Site>, &mut Found),
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
    let misplaced = lines_in_text(patch.node, patch.text, inner);
    outer.misplaced.extend(misplaced);
    let outside = InText::of(patch.node, patch.text, Comments::read);
    for (document, object) in objects {
        let before = patch.at.join(Step::Inside(document));
        let hold = of_jobs.as_ref().or(object.hold.as_ref());
        let is_operation = object.kind == JSON_PATCH;
        for mut site in object.sites {
            if is_operation && let Err(refused) = patches::patch_takes(&patch.target, &site, kinds)
            {
                outer.unhandled.extend(refused.counted_as);
                continue;
            }
            outside.tell(&mut site);
            let folded = || (!is_literal).then(Hold::not_literal);
            site.hold = site.hold.or_else(|| hold.cloned()).or_else(folded);
            site.at = before.below(site.at.steps());
            site.memory = Memory::InPlace;
            site.role = Role::Other;
            sites.push(site);
        }
    }
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
