//! Images that the patches of a kustomization put into the objects below it.
//!
//! ```yaml
//! patches:
//! - patch: |-
//!     apiVersion: apps/v1
//!     kind: Deployment
//!     metadata: {name: web}
//!     spec: {template: {spec: {containers: [{name: web, image: registry.example.com/shop/web:1.4}]}}}
//! - target: {kind: Deployment, name: web}
//!   patch: '[{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "registry.example.com/shop/web:1.4"}]'
//! ```
//!
//! A patch is followed where it says what it is for: by the kind and the name of its object, or by a target that has no pattern.

use std::collections::{BTreeMap, BTreeSet};

use super::moved::Moved;
use super::place::any_item;
use super::shift::{Position, contained};
use super::target::Target;
use crate::engine::object::Object;
use crate::engine::path::{Step, pointer};
use crate::engine::shape::JSON_PATCH;
use crate::engine::site::{Site, Slots};
use crate::engine::tree::Tree;

/// In a patch with more nodes, no image is known to be put in.
const MOST_NODES: usize = 100_000;
/// Nor in one with more directives.
const MOST_DIRECTIVES: usize = 1_000;

/// All that the patches of a kustomization put in, in their order.
#[derive(Clone, Debug, Default)]
pub(super) struct Puts {
    all: Vec<Put>,
    /// By the name of the objects, which may be empty, and by the name of the container or the path, as it is and with any items:
    /// their numbers.
    numbers: BTreeMap<String, BTreeMap<String, Vec<usize>>>,
    /// Whether one finds an image by its place in a list.
    pub(super) depend_on_places: bool,
}

impl Puts {
    pub(super) fn get(&self, number: usize) -> Option<&Put> {
        self.all.get(number)
    }

    /// Takes what an object of a patch puts in. `target` is that of the patch, `directives` are those of its file.
    pub(super) fn take(
        &mut self,
        file: &str,
        target: &Target,
        object: &Object,
        directives: &Directives,
    ) {
        for put in Put::of(file, target, object, directives) {
            let keys = match &put.place {
                Place::Container { name, .. } => BTreeSet::from([name.clone()]),
                Place::Pointer(path) => BTreeSet::from([path.clone(), any_item(path)]),
            };
            self.depend_on_places |= keys.len() > 1;
            let of_objects = self
                .numbers
                .entry(put.objects.name().to_owned())
                .or_default();
            for key in keys {
                of_objects.entry(key).or_default().push(self.all.len());
            }
            self.all.push(put);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Those that by their names may take the place of the image of a site, whose object may have got other names. `position` says where
    /// the image is by now.
    pub(super) fn named_for<'p>(
        &'p self,
        object: &'p Object,
        moved: Option<&'p Moved>,
        (site, position): (&'p Site, Position),
    ) -> NamedPuts<'p> {
        let mut named = NamedPuts {
            puts: self,
            numbers: Vec::new(),
            object,
            moved,
            site,
            position,
            path: String::new(),
        };
        let written = site.written_at();
        let below = written.steps().get(object.at.steps().len()..);
        named.path = pointer(below.unwrap_or_default());
        if position != Position::Exact {
            named.path = any_item(&named.path);
        }
        let names = Moved::all(moved).map(|moved| &*moved.name);
        let names: BTreeSet<&str> = names.chain(["", &*object.name]).collect();
        let of_objects = (names.into_iter()).filter_map(|name| self.numbers.get(name));
        let lists = of_objects.flat_map(|of| [of.get(&site.name), of.get(&named.path)]);
        let lists = lists.flatten().map(Vec::as_slice);
        named.numbers = lists.collect();
        named
    }
}

/// Images that patches may put into the place of the image of a site.
pub(super) struct NamedPuts<'p> {
    puts: &'p Puts,
    numbers: Vec<&'p [usize]>,
    object: &'p Object,
    moved: Option<&'p Moved>,
    site: &'p Site,
    position: Position,
    /// The path to the image, with any items where these are not known.
    path: String,
}

impl NamedPuts<'_> {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.numbers.iter().map(|numbers| numbers.len()).sum()
    }

    /// The last one that takes the place.
    pub(super) fn last(&self) -> Option<usize> {
        let last = self.numbers.iter();
        let last = last.filter_map(|numbers| {
            let mut numbers = numbers.iter().rev().copied();
            numbers.find(|number| self.is_taken_by(*number) == Some(true))
        });
        last.max()
    }

    /// Whether one may take the place, or may take another one.
    pub(super) fn are_unclear(&self) -> bool {
        let mut numbers = self.numbers.iter().copied().flatten();
        self.position != Position::Exact
            && numbers.any(|number| self.is_taken_by(*number).is_none())
    }

    /// Whether one takes the place. `None`: nobody knows.
    fn is_taken_by(&self, number: usize) -> Option<bool> {
        let put = &self.puts.all[number];
        let is_sure = match &put.place {
            Place::Container { list, name } => {
                let own = contained(self.object, self.site);
                let is_here = own == Some((list.as_slice(), name.as_str()));
                is_here.then_some(self.position < Position::Unknown)
            }
            Place::Pointer(path) => match self.position {
                Position::Exact => (*path == self.path).then_some(true),
                _ => (any_item(path) == self.path).then_some(false),
            },
        };
        match is_sure.filter(|_| put.is_for(self.object, self.moved)) {
            None => Some(false),
            Some(is_sure) => is_sure.then_some(true),
        }
    }
}

/// Where merges say `$patch` or the like: what kustomize makes of the mapping there depends on more than is followed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Directives(BTreeSet<Vec<Step>>);

impl Directives {
    /// Reads the documents of a patch.
    pub(super) fn read<'a, T: Tree<'a>>(documents: impl Iterator<Item = T>) -> Self {
        let mut found = BTreeSet::new();
        // Each node with its level and its last step; `steps` lead to the one that was visited last.
        let mut due: Vec<(T, usize, Option<Step>)> =
            documents.map(|document| (document, 0, None)).collect();
        let (mut left, mut steps) = (MOST_NODES, Vec::new());
        while let Some((node, level, step)) = due.pop() {
            let (entries, items) = (node.entries(), node.items());
            let rest = usize::checked_sub(left, entries.len() + items.len());
            let Some(rest) = rest.filter(|_| found.len() < MOST_DIRECTIVES) else {
                return Self(BTreeSet::from([Vec::new()]));
            };
            left = rest;
            steps.truncate(level.saturating_sub(1));
            steps.extend(step);
            if entries.iter().any(|(key, _)| key.starts_with('$')) {
                found.insert(steps.clone());
            }
            let entries = entries.into_iter();
            let entries = entries.map(|(key, value)| (Step::Key(key.to_owned().into()), value));
            let items = items.into_iter().enumerate();
            let items = items.map(|(index, item)| (Step::Index(index), item));
            due.extend(entries.chain(items).filter_map(|(step, value)| {
                let is_leaf = value.entries().is_empty() && value.items().is_empty();
                (!is_leaf).then_some((value, level + 1, Some(step)))
            }));
        }
        Self(found)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether one stands at these steps, or around.
    fn are_around(&self, steps: &[Step]) -> bool {
        (0..=steps.len()).any(|length| self.0.contains(&steps[..length]))
    }
}

/// An image that a patch puts in.
#[derive(Clone, Debug)]
pub(super) struct Put {
    /// The file that the patch stands in.
    pub(super) file: String,
    pub(super) image: String,
    /// Which objects it is for.
    objects: Target,
    /// Whether the patch has no target, and names its object itself.
    names_itself: bool,
    place: Place,
}

/// Which image of an object is meant.
#[derive(Clone, Debug)]
enum Place {
    /// That of the container of this name in a list.
    Container { list: Vec<Step>, name: String },
    /// That at a path, as an operation of a JSON Patch has it.
    Pointer(String),
}

impl Put {
    fn of<'p>(
        file: &'p str,
        target: &'p Target,
        object: &'p Object,
        directives: &'p Directives,
    ) -> impl Iterator<Item = Self> + 'p {
        let is_operations = object.kind == JSON_PATCH;
        let objects = match target.is_any() {
            true if is_operations => None,
            true => Some(Target::of(object)),
            false => Some(target.clone()).filter(Target::is_plain),
        };
        let put = objects.map(|objects| {
            let sites = object.sites.iter();
            let sites = sites.filter(|site| !directives.are_around(site.at.steps()));
            sites.filter_map(move |site| {
                let place = match is_operations {
                    true => Place::Pointer(pointed(site)?),
                    false => {
                        let (list, name) = contained(object, site)?;
                        let (list, name) = (list.to_vec(), name.to_owned());
                        Place::Container { list, name }
                    }
                };
                Some(Self {
                    file: file.to_owned(),
                    image: site.image.text()?.to_owned(),
                    objects: objects.clone(),
                    names_itself: target.is_any(),
                    place,
                })
            })
        });
        put.into_iter().flatten()
    }

    /// Whether it is for an object.
    fn is_for(&self, object: &Object, moved: Option<&Moved>) -> bool {
        match self.names_itself {
            true => self.objects.names(object, moved),
            false => self.objects.selects(object, moved),
        }
    }
}

/// The path of an operation that puts in an image alone.
fn pointed(site: &Site) -> Option<String> {
    let is_value = matches!(&site.slots, Slots::Whole(steps) if **steps == [Step::from("value")]);
    is_value.then(|| site.name.clone())
}
