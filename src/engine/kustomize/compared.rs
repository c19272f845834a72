//! What JSON Patches of a kustomization compare: where a comparison fails, kustomize builds nothing.
//!
//! ```yaml
//! - op: test
//!   path: /spec/template/spec/containers/0/image
//!   value: registry.example.com/shop/web:1.4      # fails once the image has a digest
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use super::PATCHES;
use super::target::{Target, Targeted};
use crate::engine::path::{Step, pointer};
use crate::engine::site::{Site, Slots};
use crate::engine::tree::Tree;
use crate::engine::yaml::File;

/// The places that the operations of one JSON Patch compare, each with the number of the last operation that does so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Places(Arc<BTreeMap<String, usize>>);

impl Places {
    /// Reads the documents of a patch.
    pub(super) fn read<'a, T: Tree<'a>>(documents: impl Iterator<Item = T>) -> Self {
        let mut places = BTreeMap::new();
        for (number, operation) in documents.flat_map(T::items).enumerate() {
            let text = |key| operation.get(key).and_then(|value| value.scalar().text());
            if let (Some("test"), Some(path)) = (text("op"), text("path")) {
                places.insert(any_item(path), number);
            }
        }
        Self(Arc::new(places))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a place, or what is around it, is compared by an operation behind the one of this number, if there is one.
    fn have(&self, place: &str, behind: Option<usize>) -> bool {
        let is_compared = |place: &str| {
            let last = self.0.get(place);
            last.is_some_and(|last| behind.is_none_or(|number| *last > number))
        };
        let around = place.match_indices('/').map(|(end, _)| &place[..end]);
        around.chain([place]).any(is_compared)
    }
}

/// A patch of a kustomization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Patch {
    /// In this file.
    File(String),
    /// In the item at these steps.
    Text(Vec<Step>),
}

/// All that the patches of a kustomization compare.
#[derive(Clone, Debug, Default)]
pub(super) struct Comparisons(Targeted<(Patch, Places)>);

impl Comparisons {
    /// What the JSON Patches compare that stand as texts in a mapping with the keys of a kustomization.
    pub(super) fn read<'a, T: Tree<'a>>(document: T) -> Self {
        let mut found = Self::default();
        let may_compare =
            |text: &str| text.contains("test") && text.trim_start().starts_with(['-', '[', '#']);
        for (steps, item, text) in texts(document).filter(|(.., text)| may_compare(text)) {
            if let Ok(parsed) = File::parse(text) {
                let documents = (0..parsed.len()).filter(|index| !parsed.is_refused(*index));
                let places = Places::read(documents.map(|index| parsed.document(index)));
                found.take(Patch::Text(steps), &Target::read(item), &places);
            }
        }
        found
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes what a patch compares in the objects that a target means.
    pub(super) fn take(&mut self, patch: Patch, target: &Target, places: &Places) {
        if places.is_empty() {
            return;
        }
        self.0.take(target, (patch, places.clone()));
    }

    /// How many are looked at for one of these objects.
    pub(super) fn steps(&self, objects: &[Target], is_moved: bool) -> usize {
        self.0.named_for(objects, is_moved).count()
    }

    /// Whether the image at `steps` of one of these objects, which a kustomization may have moved, is compared. What a patch puts in is
    /// compared by those of its operations that come later, and by all of other patches.
    pub(super) fn meet(
        &self,
        (objects, is_moved): (&[Target], bool),
        own: Option<&Patch>,
        steps: &[Step],
        site: &Site,
    ) -> bool {
        let places = places(steps, site);
        let operation = match steps.first() {
            Some(Step::Index(number)) => Some(*number),
            _ => None,
        };
        let mut named = self.0.named_for(objects, is_moved);
        named.any(|(target, (patch, compared))| {
            let behind = operation.filter(|_| own == Some(patch));
            let meets = |object: &Target| target.may_meet(object, is_moved);
            let is_meant = behind.is_some() || objects.iter().any(meets);
            is_meant && places.iter().any(|place| compared.have(place, behind))
        })
    }
}

/// The patches that stand as texts in a mapping with the keys of a kustomization, each with the steps to it and its item.
pub(super) fn texts<'a, T: Tree<'a>>(document: T) -> impl Iterator<Item = (Vec<Step>, T, &'a str)> {
    let lists = PATCHES.into_iter();
    let items = lists.flat_map(move |list| {
        let items = document.get(list).map(T::items).unwrap_or_default();
        let items = items.into_iter().enumerate();
        items.map(move |(index, item)| (vec![Step::from(list), index.into()], item))
    });
    items.filter_map(|(mut steps, item)| {
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

/// A pointer in which an item of a list is any one: operations before may have moved it.
pub(super) fn any_item(pointer: &str) -> String {
    let is_item =
        |key: &str| key == "-" || !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit());
    let keys = pointer
        .split('/')
        .map(|key| if is_item(key) { "#" } else { key });
    keys.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests;
