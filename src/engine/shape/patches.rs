//! Images in patches of a kustomization: the operations of a JSON Patch (RFC 6902), and the texts in which a kustomization has patches.
//!
//! ```yaml
//! patches:
//! - target: {kind: Deployment}
//!   patch: |-
//!     - op: replace
//!       path: /spec/template/spec/containers/0/image
//!       value: registry.example.com/shop/web:1.4
//! ```

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::families::{self, NEVER_BELOW};
use super::images::images;
use super::placed::{Placed, is_item};
use super::pods::KINDS;
use super::scalar::scalar_site;
use super::{Found, Kinds, entries, fields, jobs, may_be_values, releases};
use crate::engine::hold::Hold;
use crate::engine::kustomize::{PATCHES, Target};
use crate::engine::path::{Path, Step, pointer};
use crate::engine::site::{Image, Memory, Parts, Role, Site, Slot, Slots};
use crate::engine::tree::Tree;

/// What a file with a JSON Patch is called, as it has no kind.
pub const JSON_PATCH: &str = "JSON6902 patch";

/// Where an operation has what it puts in.
static VALUE: [Step; 1] = [Step::Key(Cow::Borrowed("value"))];

/// How many keys and items a path has at most that is read.
const DEEPEST: usize = 64;

/// Kinds that have images in all places that are known, but for fields of their own; the first stands for those that are not known.
const ANY: [(&str, &str); 9] = [
    ("", ""),
    ("argoproj.io/", "Application"),
    ("argoproj.io/", "ApplicationSet"),
    ("argoproj.io/", "Workflow"),
    ("helm.cattle.io/", "HelmChart"),
    ("helm.toolkit.fluxcd.io/", "HelmRelease"),
    ("kustomize.toolkit.fluxcd.io/", "Kustomization"),
    ("serving.knative.dev/", "Service"),
    ("tekton.dev/", "Task"),
];

/// The images that the operations of a JSON Patch may put in; [`patch_takes`] says which of them are images of the objects that it is for.
/// The name of each is where it stands in these, as a JSON pointer. `None`: the document is no JSON Patch.
pub(super) fn operations<'a, T: Tree<'a>>(
    document: T,
    at: &Path,
    kinds: &Kinds,
) -> Option<Vec<Site>> {
    let items = document.items();
    let text = |item: T, key| item.get(key).and_then(|value| value.scalar().text());
    let is_operation = |item: &T| text(*item, "op").is_some() && text(*item, "path").is_some();
    if items.is_empty() || !items.iter().all(is_operation) {
        return None;
    }
    let mut sites = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        let puts_in = matches!(text(item, "op"), Some("add" | "replace"));
        let (Some(path), Some(value), true) = (text(item, "path"), item.get("value"), puts_in)
        else {
            continue;
        };
        let is_path = path.is_empty() || path.starts_with('/');
        if is_path && path.matches('/').count() <= DEEPEST {
            put_in(path, value, &at.join(index), kinds, &mut sites);
        }
    }
    Some(sites)
}

/// Adds the images that an operation may put in.
fn put_in<'a, T: Tree<'a>>(
    path: &'a str,
    value: T,
    operation: &Path,
    kinds: &Kinds,
    sites: &mut Vec<Site>,
) {
    let placed = Placed { path, value };
    let mut found = Vec::new();
    for kind in ANY {
        found.extend(images_of(kind, placed, kinds));
    }
    fields::of_any_kind(placed, &Path::root(), kinds, &mut found);
    let (first, mut known) = (sites.len(), BTreeSet::new());
    let texts = found.into_iter().filter(|site| site.image.text().is_some());
    let new = texts.filter_map(|site| {
        let site = moved(site, path, operation)?;
        known.insert(site.written_at()).then_some(site)
    });
    sites.extend(new);
    let is_below = |key| NEVER_BELOW.contains(&key);
    if sites.len() == first && path.ends_with("/image") && !path.split('/').any(is_below) {
        let site = scalar_site(value, value, Role::Other, Path::root(), Memory::InPlace);
        if let Image::Text(_) = site.image {
            sites.push(Site {
                name: path.to_owned(),
                at: operation.clone(),
                slots: Slots::Whole(Cow::Borrowed(&VALUE)),
                ..site
            });
        }
    }
}

/// The images that what an operation puts in has in an object of this kind.
fn images_of<'a, T: Tree<'a>>(
    kind: (&str, &str),
    placed: Placed<'a, T>,
    kinds: &Kinds,
) -> Vec<Site> {
    let found = &mut Found::default();
    images(kind, placed, &Path::root(), kinds, found)
}

/// The site in an operation of one that stands in the object which the operation is for. `None`: one of its slots is not in the value.
fn moved(site: Site, path: &str, operation: &Path) -> Option<Site> {
    let above = path.matches('/').count();
    let at = site.at.steps();
    let name = |steps: &[Step]| {
        let said: Vec<&str> = path.split_inclusive('/').collect();
        match steps.get(above..) {
            Some(below) => [path, &pointer(below)].concat(),
            None => said[..=steps.len()]
                .concat()
                .trim_end_matches('/')
                .to_owned(),
        }
    };
    let name = match &site.slots {
        Slots::Whole(steps) => name(site.at.below(steps).steps()),
        Slots::Behind(_) | Slots::Parts(_) => name(at),
    };
    let (at, slots) = match at.get(above..) {
        Some(below) => (operation.join("value").below(below), site.slots),
        // The value is the image itself, or a part of it.
        None => {
            let own = &path.split('/').skip(1 + at.len()).collect::<Vec<_>>();
            let steps = |steps: &[Step]| {
                let (above, below) = steps.split_at_checked(own.len())?;
                let is_own = |(step, own): (&Step, &&str)| match step {
                    Step::Key(key) => key == own,
                    Step::Index(_) | Step::Inside(_) => is_item(own),
                };
                let is_in_value = above.iter().zip(own).all(is_own);
                let value = [Step::from("value")].into_iter();
                is_in_value.then(|| value.chain(below.iter().cloned()).collect::<Vec<_>>())
            };
            let slot = |slot: Slot| {
                let steps = steps(&slot.steps)?;
                Some(Slot { steps, ..slot })
            };
            let slots = match site.slots {
                Slots::Whole(whole) => Slots::Whole(Cow::Owned(steps(&whole)?)),
                Slots::Behind(_) => return None,
                Slots::Parts(parts) => {
                    let Parts { tag, digest } = *parts;
                    let (had_tag, had_digest) = (tag.is_some(), digest.is_some());
                    let (tag, digest) = (tag.and_then(slot), digest.and_then(slot));
                    if (tag.is_some(), digest.is_some()) != (had_tag, had_digest) {
                        return None;
                    }
                    Slots::Parts(Box::new(Parts { tag, digest }))
                }
            };
            (operation.clone(), slots)
        }
    };
    Some(Site {
        role: Role::Other,
        name,
        at,
        slots,
        memory: Memory::InPlace,
        pull_policy: None,
        ..site
    })
}

/// What holds the images of a patch with this target, as it may be one of Jobs.
pub fn patch_hold(target: &Target, kinds: &Kinds) -> Option<Hold> {
    jobs::targeted(target, kinds).map(Hold::job_immutable)
}

/// Why the image of an operation is left as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The name that it is counted under among what is not handled. `None`: images there do not run.
    pub counted_as: Option<&'static str>,
}

/// Whether what an operation of a patch with this target puts in is an image of the objects that the patch is for, and is taken there.
/// A kind without a group may be any that is known by its name, so it has to be an image in each.
pub fn patch_takes(target: &Target, operation: &Site, kinds: &Kinds) -> Result<(), Refused> {
    let mut meant: Vec<(String, &str)> = Vec::new();
    for (group, kind) in target.each_named() {
        let mut groups = match group {
            "" => groups(kind, kinds),
            group => BTreeSet::from([group]),
        };
        if groups.is_empty() {
            groups.insert("");
        }
        meant.extend(groups.into_iter().map(|group| (format!("{group}/"), kind)));
    }
    if meant.is_empty() {
        meant.push((String::new(), ""));
    }
    let refused = |(api_version, kind): (String, &str)| {
        let is_never = families::of(&api_version, kind).is_none();
        if !is_never && has_image((&api_version, kind), operation, kinds) {
            return None;
        }
        let counted_as = fields::off_kind(&api_version, kind).unwrap_or(JSON_PATCH);
        Some(Refused {
            counted_as: (!is_never).then_some(counted_as),
        })
    };
    meant.into_iter().find_map(refused).map_or(Ok(()), Err)
}

/// The groups that are known to have a kind of this name.
fn groups<'k>(kind: &'k str, kinds: &'k Kinds) -> BTreeSet<&'k str> {
    let pods = KINDS.iter().filter(|pods| pods.kind == kind);
    let mut groups: BTreeSet<&str> = pods.map(|pods| pods.group()).collect();
    groups.extend(families::groups(kind).chain(entries::groups(kind)));
    groups.extend(releases::groups(kind).chain(jobs::groups(kind)));
    groups.extend(fields::groups(kind, kinds));
    groups
}

/// Whether an object of this kind has an image where an operation puts one in, written in the same way.
fn has_image(kind: (&str, &str), operation: &Site, kinds: &Kinds) -> bool {
    let text = operation.image.text().unwrap_or_default();
    let value = match &operation.slots {
        Slots::Whole(_) => Value::from(text),
        Slots::Behind(before) => Value::from([before, text].concat()),
        // What the parts of an image are called in all places.
        Slots::Parts(_) => json!({
            "name": "a", "newTag": "1", "repository": "a", "tag": "1", "url": "a", "ref": {"tag": "1"},
        }),
    };
    let placed = Placed {
        path: &operation.name,
        value: &value,
    };
    let is_alike = |site: &Site| {
        std::mem::discriminant(&site.slots) == std::mem::discriminant(&operation.slots)
    };
    images_of(kind, placed, kinds).iter().any(is_alike)
}

/// A patch that stands as a text in a kustomization.
pub(super) struct Text<'a, T> {
    /// The scalar with the text.
    pub(super) node: T,
    /// What stands in it.
    pub(super) text: &'a str,
    /// Where it stands.
    pub(super) at: Path,
    pub(super) target: Target,
}

/// The patches that stand as texts in a mapping with the keys of a kustomization, if an image may be in them.
pub(super) fn texts<'a, T: Tree<'a>>(mapping: T, at: &Path) -> Vec<Text<'a, T>> {
    let mut texts = Vec::new();
    for list in PATCHES {
        let items = mapping.get(list).map(T::items).unwrap_or_default();
        for (index, item) in items.into_iter().enumerate() {
            let patch = item.get("patch");
            let node = patch.unwrap_or(item);
            let text = node.scalar().text();
            let Some(text) = text.filter(|text| may_be_values(text.as_bytes())) else {
                continue;
            };
            let at = at.join(list).join(index);
            let at = patch.map_or_else(|| at.clone(), |_| at.join("patch"));
            let target = Target::read(item);
            texts.push(Text {
                node,
                text,
                at,
                target,
            });
        }
    }
    texts
}
