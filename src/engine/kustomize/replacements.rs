//! All replacements of a list, found by the objects that they name: an image is held against few, however many there are.

use std::collections::BTreeMap;

use super::pattern::Limits;
use super::replacement::{Image, Meaning, Part, Replacement};
use super::shift::Position;
use crate::engine::object::Object;
use crate::engine::path::Step;
use crate::engine::site::Site;
use crate::engine::tree::Tree;

/// Replacements, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Replacements {
    all: Vec<Replacement>,
    /// Their parts by the name of the objects that they mean, each with the number of its replacement. `None`: any may be meant.
    parts: BTreeMap<Option<String>, Vec<(usize, Part)>>,
    /// Whether one takes the image of some object apart.
    pub(super) take_images_apart: bool,
    /// Whether one finds an image by its place in a list.
    pub(super) depend_on_places: bool,
}

impl Replacements {
    pub(super) fn read<'a, T: Tree<'a>>(
        items: impl Iterator<Item = T>,
        limits: &mut Limits,
    ) -> Self {
        let all: Vec<Replacement> = items.map(|item| Replacement::read(item, limits)).collect();
        let mut parts: BTreeMap<Option<String>, Vec<(usize, Part)>> = BTreeMap::new();
        for (number, one) in all.iter().enumerate() {
            for (part, name) in one.parts() {
                let of_name = parts.entry(name.map(str::to_owned)).or_default();
                of_name.push((number, part));
            }
        }
        let take_images_apart = all.iter().any(Replacement::takes_images_apart);
        Self {
            depend_on_places: all.iter().any(Replacement::depends_on_places),
            all,
            parts,
            take_images_apart,
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The parts that by their names may mean an object, which a kustomization may have moved, in order.
    pub(super) fn parts_for(&self, (object, is_moved): (&Object, bool)) -> Vec<(usize, Part)> {
        let named = self.parts.get(&Some(object.name.clone()));
        let named = named.filter(|_| !is_moved).into_iter();
        let named = named.chain(self.parts.get(&None).filter(|_| !is_moved));
        let all = self.parts.values().filter(|_| is_moved);
        let mut parts: Vec<(usize, Part)> = named.chain(all).flatten().copied().collect();
        parts.sort_unstable();
        parts
    }

    /// How much is compared for one image.
    pub(super) fn steps(&self, parts: &[(usize, Part)], image: &Image<'_>) -> usize {
        let steps = |(number, part): &(usize, Part)| self.all[*number].steps(*part, image);
        parts.iter().map(steps).sum()
    }

    /// How much [`Self::touch`] compares.
    pub(super) fn all_steps(&self) -> usize {
        self.all.iter().map(Replacement::all_steps).sum()
    }

    /// Whether one may change a part of an image in parts, whatever objects it selects.
    pub(super) fn touch(&self, steps: &[Step], site: &Site) -> bool {
        self.all.iter().any(|one| one.touches(steps, site))
    }

    /// Where an image is after all of them.
    pub(super) fn after(&self, image: &Image<'_>, parts: &[(usize, Part)]) -> Position {
        let after = |(number, part): &(usize, Part)| self.all[*number].after(*part, image);
        let before = Position::Exact;
        parts.iter().map(after).fold(before, Position::max)
    }

    /// What each replacement means to an image, where it means something: the first thing that its parts mean.
    pub(super) fn meanings(&self, image: &Image<'_>, parts: &[(usize, Part)]) -> Vec<Meaning> {
        let of_each = parts.chunk_by(|(one, _), (other, _)| one == other);
        let meanings = of_each.filter_map(|parts| {
            let meaning = |(number, part): &(usize, Part)| self.all[*number].meaning(*part, image);
            parts.iter().filter_map(meaning).min()
        });
        meanings.collect()
    }
}
