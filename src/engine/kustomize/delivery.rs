//! What Flux and Argo CD put on top of the kustomization in a folder, before they apply what it builds.
//!
//! ```yaml
//! kind: Kustomization                     # kind: Application
//! spec:                                   # spec:
//!   path: ./apps/prod                     #   source:
//!   images:                               #     path: apps/prod
//!   - name: web                           #     kustomize:
//!     newTag: "1.4"                       #       images: ['web:1.4']
//! ```
//!
//! Both name their repository by its address, which says nothing of where a clone of it is. So nothing is known but this: if the folder is
//! one of this repository, its images pass through these entries. Others may apply the folder without them, so they are never all that
//! becomes of an image. The root is in every repository, so it says nothing of this one.

use memchr::memmem;

use super::compared::{Comparisons, Text};
use super::entries::Entries;
use super::entry::Entry;
use super::pattern::Limits;
use super::target::by_file;
use super::{BoxedKustomization, ENTRIES, Kustomization, Target, join, parent, skaffold};
use crate::engine::argocd::{self, GROUP as ARGO};
use crate::engine::object::group_of;
use crate::engine::path::{Path, Step};
use crate::engine::tree::Tree;

/// Where the folder stands in an object, and the mapping with `images` beside it or below: the group and the kinds, the keys of the source
/// with `*` for the items of a list, and those of the mapping from there.
const SOURCES: [(&str, &str, &[&str], &[&str]); 5] = [
    (FLUX, "Kustomization", &["spec"], &[]),
    (ARGO, "Application", &["spec", "source"], KUSTOMIZE),
    (ARGO, "Application", &["spec", "sources", "*"], KUSTOMIZE),
    (
        ARGO,
        "ApplicationSet",
        &["spec", "template", "spec", "source"],
        KUSTOMIZE,
    ),
    (
        ARGO,
        "ApplicationSet",
        &["spec", "template", "spec", "sources", "*"],
        KUSTOMIZE,
    ),
];

const KUSTOMIZE: &[&str] = &["kustomize"];

/// Flux makes a kustomization of a folder without one.
const FLUX: &str = "kustomize.toolkit.fluxcd.io";

/// Where a delivery stands in its file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// The number of its document.
    document: usize,
    /// The mapping that has its entries.
    mapping: Path,
}

impl Place {
    /// That of a mapping in the document of this number.
    pub(super) fn new(document: usize, mapping: &[Step]) -> Self {
        let mapping = mapping.iter().cloned().collect();
        Self { document, mapping }
    }
}

/// Whether a delivery with entries, patches or components, or what Skaffold builds, may be in the bytes of a file.
pub fn may_deliver(file: &str, bytes: &[u8]) -> bool {
    let has = |text: &[u8]| memmem::find(bytes, text).is_some();
    if skaffold::is_config(file) {
        return has(b"artifacts");
    }
    (has(b"images") || has(b"patches") || has(b"components"))
        && (argocd::is_source_file(file)
            || has(FLUX.as_bytes())
            || has(b"argoproj.io") && has(b"kustomize"))
}

/// The deliveries with entries, patches or components in a document of a file, and what Skaffold builds by it.
pub fn deliveries<'a, T: Tree<'a>>(
    document: T,
    number: usize,
    file: &str,
) -> Vec<BoxedKustomization> {
    let mut found = Vec::new();
    if argocd::is_source_file(file) {
        for (mapping, at) in reached(document, &Path::root(), KUSTOMIZE) {
            let place = Place {
                document: number,
                mapping: at,
            };
            let folder = parent(file).to_owned();
            found.extend(delivery(folder, mapping, place, file).map(Box::new));
        }
        return found;
    }
    let builds = match skaffold::is_config(file.rsplit('/').next().unwrap_or(file)) {
        true => skaffold::names(document),
        false => Vec::new(),
    };
    if !builds.is_empty() {
        let place = Place::new(number, &[]);
        found.push(Box::new(Kustomization {
            builds,
            delivery: Some(place),
            ..Kustomization::blank(file)
        }));
    }
    let is_list = text(document, "kind").is_some_and(|kind| kind.ends_with("List"));
    let items = document.get("items").filter(|_| is_list);
    let items = items.map(T::items).unwrap_or_default().into_iter();
    let items = items.enumerate();
    let objects = items.map(|(index, item)| (item, Path::root().join("items").join(index)));
    for (object, at) in objects.chain([(document, Path::root())]) {
        let group = group_of(text(object, "apiVersion").unwrap_or_default());
        let kind = text(object, "kind").unwrap_or_default();
        let rows = SOURCES.iter();
        for (.., source, below) in rows.filter(|(own, name, ..)| (*own, *name) == (group, kind)) {
            for (source, at) in reached(object, &at, source) {
                for (mapping, mapping_at) in reached(source, &at, below) {
                    let place = Place {
                        document: number,
                        mapping: mapping_at,
                    };
                    let one = read(source, mapping, place, file);
                    let one = one.map(|one| Kustomization {
                        generates: group == FLUX,
                        ..one
                    });
                    found.extend(one.map(Box::new));
                }
            }
        }
    }
    found
}

/// `None`: it says nothing, or its folder is none that is known.
fn read<'a, T: Tree<'a>>(source: T, mapping: T, place: Place, file: &str) -> Option<Kustomization> {
    let kind = source.get("sourceRef").and_then(|of| text(of, "kind"));
    let is_in_git = kind.is_none_or(|kind| kind == "GitRepository");
    let path = text(source, "path").filter(|path| !path.contains(['$', '{']))?;
    let folder = join("", path.strip_prefix('/').unwrap_or(path))?;
    let is_known = is_in_git && !folder.is_empty();
    is_known.then(|| delivery(folder, mapping, place, file))?
}

/// The entries of a mapping for the kustomization in a folder, its patches and its components. `None`: it has none.
fn delivery<'a, T: Tree<'a>>(
    folder: String,
    mapping: T,
    place: Place,
    file: &str,
) -> Option<Kustomization> {
    let mut limits = Limits::default();
    let mut entries = Vec::new();
    let items = mapping.get(ENTRIES[0]).map(T::items).unwrap_or_default();
    for (index, item) in items.into_iter().enumerate() {
        let at = (0, index);
        entries.extend(match item.scalar().text() {
            Some(argument) => Entry::of_argument(argument, at, &mut limits),
            None => Entry::read(item, at, &mut limits),
        });
    }
    let compared = Comparisons::read(mapping, &Text::all(mapping), file, &folder);
    let items = |key| {
        mapping
            .get(key)
            .map(T::items)
            .unwrap_or_default()
            .into_iter()
    };
    let path = |item: T| join(&folder, item.scalar().text()?);
    let components = Vec::from_iter(items("components").filter_map(path));
    let of_item = |item: T| Some((item.get("path").and_then(path)?, Target::read(item)));
    let patches = Vec::from_iter(items("patches").filter_map(of_item));
    let says = !entries.is_empty() || !compared.is_empty();
    (says || !components.is_empty() || !patches.is_empty()).then(|| {
        let mut one = Kustomization::blank(file);
        one.components = components;
        one.patch_files = by_file(&patches);
        one.patches = patches;
        one.resources.push(folder);
        one.entries = Entries::new(entries);
        one.compared = compared;
        one.doubts.extend(limits.doubt);
        one.delivery = Some(place);
        one
    })
}

/// The nodes below these keys, with `*` for the items of a list.
fn reached<'a, T: Tree<'a>>(node: T, at: &Path, keys: &[&'static str]) -> Vec<(T, Path)> {
    let mut reached = vec![(node, at.clone())];
    for key in keys {
        let nodes = std::mem::take(&mut reached).into_iter();
        reached = match *key {
            "*" => nodes
                .flat_map(|(node, at)| {
                    let items = node.items().into_iter().enumerate();
                    items.map(move |(index, item)| (item, at.join(index)))
                })
                .collect(),
            key => nodes
                .filter_map(|(node, at)| Some((node.get(key)?, at.join(key))))
                .collect(),
        };
    }
    reached
}

fn text<'a, T: Tree<'a>>(of: T, key: &str) -> Option<&'a str> {
    of.get(key)?.scalar().text()
}
