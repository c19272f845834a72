//! What the patches of a kustomization compare and change.
//!
//! ```yaml
//! - op: test
//!   path: /spec/template/spec/containers/0/image
//!   value: registry.example.com/shop/web:1.4      # fails once the image has a digest: kustomize builds nothing
//! - op: replace
//!   path: /spec/values/image/tag
//!   value: "1.5"                                  # a digest in `/spec/values/image/digest` stays, and is another tag's
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use super::place::{any_item, keys};
use super::shift::depends_on_places;
use super::target::{Target, Targeted};
use super::{PATCHES, join, touched};
use crate::engine::path::{Step, pointer};
use crate::engine::site::{Site, Slots};
use crate::engine::tree::Tree;
use crate::engine::yaml::{File, YamlNode};

/// The places that one patch compares and changes in an object, each with the number of the last operation that does so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Places {
    compared: Arc<BTreeMap<String, usize>>,
    changed: Arc<BTreeMap<String, usize>>,
}

impl Places {
    /// Reads the documents of a patch, each with the object that it names. A JSON Patch names none.
    pub(super) fn read<'a, T: Tree<'a>>(documents: impl Iterator<Item = T>) -> Vec<(Target, Self)> {
        let mut found = Vec::new();
        let mut operations = Vec::new();
        for document in documents {
            let items = document.items();
            if items.is_empty() {
                let merges = touched::objects(document).into_iter();
                found.extend(
                    merges.map(|object| (Target::of_document(object), Self::merge(object))),
                );
            }
            operations.extend(items);
        }
        found.push((Target::default(), Self::operations(operations)));
        found.retain(|(_, places)| !places.is_empty());
        found
    }

    /// A patch that cannot be read: it may change anything.
    pub(super) fn unread() -> Vec<(Target, Self)> {
        let changed = Arc::new(BTreeMap::from([(String::new(), usize::MAX)]));
        let places = Self {
            changed,
            ..Self::default()
        };
        vec![(Target::default(), places)]
    }

    fn operations<'a, T: Tree<'a>>(operations: Vec<T>) -> Self {
        let (mut compared, mut changed) = (BTreeMap::new(), BTreeMap::new());
        for (number, operation) in operations.into_iter().enumerate() {
            let text = |key| operation.get(key).and_then(|value| value.scalar().text());
            let place = |key| text(key).map(any_item);
            match text("op") {
                Some("test") => compared.extend(place("path").map(|place| (place, number))),
                Some("move") => changed.extend(place("from").map(|place| (place, number))),
                _ => {}
            }
            if text("op") != Some("test") {
                changed.extend(place("path").map(|place| (place, number)));
            }
        }
        Self {
            compared: Arc::new(compared),
            changed: Arc::new(changed),
        }
    }

    fn merge<'a, T: Tree<'a>>(object: T) -> Self {
        let changed = touched::merged(object).into_iter().map(|place| (place, 0));
        Self {
            changed: Arc::new(changed.collect()),
            ..Self::default()
        }
    }

    fn is_empty(&self) -> bool {
        self.compared.is_empty() && self.changed.is_empty()
    }

    /// Whether a place, or what is around it, is compared by an operation behind the one of this number, if there is one.
    fn have(&self, place: &str, behind: Option<usize>) -> bool {
        let is_compared = |place: &str| {
            let last = self.compared.get(place);
            last.is_some_and(|last| behind.is_none_or(|number| *last > number))
        };
        let around = place.match_indices('/').map(|(end, _)| &place[..end]);
        around.chain([place]).any(is_compared)
    }

    /// Whether a part of an image in parts, or what is around it, is changed by an operation behind the one of this number.
    fn touch(&self, steps: &[Step], site: &Site, behind: Option<usize>) -> bool {
        let mut changed = self.changed.iter();
        changed.any(|(place, last)| {
            behind.is_none_or(|number| *last > number)
                && touched::touches(&keys(place), steps, site)
        })
    }
}

/// A patch of a kustomization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Patch {
    /// In this file.
    File(String),
    /// In the item at these steps of a file.
    Text(String, Vec<Step>),
}

/// All that the patches of a kustomization compare and change.
#[derive(Clone, Debug, Default)]
pub(super) struct Comparisons(Targeted<(Patch, Places)>);

impl Comparisons {
    /// What the patches do that stand in a mapping of a file, which has the keys of a kustomization in a folder, or that cannot be there.
    pub(super) fn read<'a, T: Tree<'a>>(
        document: T,
        texts: &[Text<'_>],
        file: &str,
        folder: &str,
    ) -> Self {
        let mut found = Self::default();
        for text in texts {
            let mut places = Places::read(text.documents());
            if text.is_unread() {
                places.extend(Places::unread());
            }
            let patch = Patch::Text(file.to_owned(), text.steps.clone());
            found.take(patch, &text.target, &places);
        }
        for (steps, item) in items(document) {
            let (patch, path) = (item.get("patch"), item.get("path").unwrap_or(item));
            let is_elsewhere = |path: &str| !path.contains('\n') && join(folder, path).is_none();
            let places = match patch.unwrap_or(item) {
                // Flux had patches as they are, not as texts.
                node if !node.items().is_empty() => Places::read([node].into_iter()),
                node if patch.is_none() && item.get("kind").is_some() => {
                    Places::read([node].into_iter())
                }
                _ if patch.is_none() && path.scalar().text().is_some_and(is_elsewhere) => {
                    Places::unread()
                }
                _ => continue,
            };
            found.take(
                Patch::Text(file.to_owned(), steps),
                &Target::read(item),
                &places,
            );
        }
        found
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes what a patch does to the objects that its target means, or else to those that it names.
    pub(super) fn take(&mut self, patch: Patch, target: &Target, places: &[(Target, Places)]) {
        for (named, places) in places {
            let target = if target.is_any() { named } else { target };
            self.0.take(target, (patch.clone(), places.clone()));
        }
    }

    /// How many are looked at for the image of a site of one of these objects.
    pub(super) fn steps(&self, objects: &[Target], is_moved: bool, site: &Site) -> usize {
        let named = self.0.named_for(objects, is_moved);
        let steps = named.map(|(_, (_, places))| match touched::is_split(site) {
            true => 1 + places.changed.len(),
            false => 1,
        });
        steps.sum()
    }

    /// Whether the image at `steps` of one of these objects, which a kustomization may have moved, is compared. What a patch puts in is
    /// compared by those of its operations that come later, and by all of other patches.
    pub(super) fn meet(
        &self,
        objects: (&[Target], bool),
        own: Option<&Patch>,
        steps: &[Step],
        site: &Site,
    ) -> bool {
        let places = places(steps, site);
        let mut meant = self.meant(objects, own, steps);
        meant.any(|(compared, behind)| places.iter().any(|place| compared.have(place, behind)))
    }

    /// As [`Self::meet`]: whether a part of an image in parts is changed.
    pub(super) fn touch(
        &self,
        objects: (&[Target], bool),
        own: Option<&Patch>,
        steps: &[Step],
        site: &Site,
    ) -> bool {
        let mut meant = self.meant(objects, own, steps);
        meant.any(|(changed, behind)| changed.touch(steps, site, behind))
    }

    /// The patches that may mean one of these objects, each with the number of the operation, if it is the one that has the image.
    fn meant<'c>(
        &'c self,
        (objects, is_moved): (&'c [Target], bool),
        own: Option<&'c Patch>,
        steps: &[Step],
    ) -> impl Iterator<Item = (&'c Places, Option<usize>)> {
        let number = match steps.first() {
            Some(Step::Index(number)) => *number,
            _ => 0,
        };
        let named = self.0.named_for(objects, is_moved);
        named.filter_map(move |(target, (patch, places))| {
            let behind = (own == Some(patch)).then_some(number);
            let meets = |object: &Target| target.may_meet(object, is_moved);
            let is_meant = behind.is_some() || objects.iter().any(meets);
            is_meant.then_some((places, behind))
        })
    }
}

/// A patch that stands as a text.
pub(super) struct Text<'t> {
    /// Where, in a mapping with the keys of a kustomization.
    pub(super) steps: Vec<Step>,
    pub(super) target: Target,
    read: Option<File<'t>>,
}

impl<'t> Text<'t> {
    /// Those in a mapping with the keys of a kustomization.
    pub(super) fn all<T: Tree<'t>>(document: T) -> Vec<Self> {
        let all = texts(document).map(|(steps, item, text)| Self {
            steps,
            target: Target::read(item),
            read: File::parse(text).ok(),
        });
        all.collect()
    }

    /// Whether not all of it can be read.
    fn is_unread(&self) -> bool {
        let read = self.read.as_ref();
        read.is_none_or(|read| !read.refused().is_empty())
    }

    /// What can be read of it.
    pub(super) fn documents(&self) -> impl Iterator<Item = YamlNode<'_, 't>> {
        self.read.iter().flat_map(|read| {
            let documents = (0..read.len()).filter(|index| !read.is_refused(*index));
            documents.map(|index| read.document(index))
        })
    }

    /// Whether it finds images by their places in lists, or moves or renames what others find.
    pub(super) fn depends_on_places(&self) -> bool {
        self.documents().any(depends_on_places)
    }
}

/// The items of the lists of patches in a mapping with the keys of a kustomization, each with the steps to it.
fn items<'a, T: Tree<'a>>(document: T) -> impl Iterator<Item = (Vec<Step>, T)> {
    let lists = PATCHES.into_iter();
    lists.flat_map(move |list| {
        let items = document.get(list).map(T::items).unwrap_or_default();
        let items = items.into_iter().enumerate();
        items.map(move |(index, item)| (vec![Step::from(list), index.into()], item))
    })
}

/// The patches that stand as texts in a mapping with the keys of a kustomization, each with the steps to it and its item.
pub(super) fn texts<'a, T: Tree<'a>>(document: T) -> impl Iterator<Item = (Vec<Step>, T, &'a str)> {
    items(document).filter_map(|(mut steps, item)| {
        let text = match item.get("patch") {
            Some(patch) => {
                steps.push("patch".into());
                patch.scalar().text()
            }
            None => item.scalar().text().filter(|text| text.contains('\n')),
        };
        Some((steps, item, text?))
    })
}

/// Where the image of a site stands in the object that is built. An operation says it by its path.
fn places(steps: &[Step], site: &Site) -> Vec<String> {
    let below = |slot: &[Step]| any_item(&pointer(&[steps, slot].concat()));
    match (&site.slots, steps) {
        (Slots::Whole(slot), [Step::Index(_), value @ ..]) => {
            let container = match value.last() {
                Some(Step::Index(_)) => "/#",
                _ => "",
            };
            let image = match **slot == [Step::from("value")] {
                true => "",
                false => "/image",
            };
            vec![[&*any_item(&site.name), container, image].concat()]
        }
        (Slots::Whole(slot), _) => vec![below(slot)],
        (Slots::Behind(_), _) => vec![below(&[])],
        (Slots::Parts(parts), _) => parts.iter().map(|slot| below(&slot.steps)).collect(),
    }
}

#[cfg(test)]
mod tests;
