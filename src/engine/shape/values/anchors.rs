//! Scalars that are written once for several places, by an anchor or a merge key: what one of them gets, the others get too.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::code::Code;
use crate::engine::hold::Hold;
use crate::engine::site::Site;
use crate::engine::tree::Tree;

/// How many anchors are followed in values: each is a walk through the file.
const MOST: usize = 64;

/// What is known of the anchors in values.
#[derive(Default)]
pub(super) struct Anchors {
    /// The images of which the edited scalar has an anchor, by that anchor.
    shared: BTreeMap<usize, Shared>,
    /// How many mappings around have an anchor.
    around: usize,
    /// The images in such mappings.
    below: Vec<usize>,
    /// Whether a merge key brings in what an image would be edited at.
    pub(super) has_merged: bool,
}

/// The images that share a scalar by its anchor.
struct Shared {
    /// In how many places it is written.
    places: usize,
    /// The places of which each is that of an image.
    met: BTreeSet<usize>,
    /// Each among the sites, with what would hold it without the anchor.
    sites: Vec<(usize, Option<Hold>)>,
}

impl Anchors {
    /// Goes into a node. Returns what [`Anchors::leave`] takes.
    pub(super) fn enter<'a, T: Tree<'a>>(&mut self, node: T, is_mapping: bool) -> usize {
        let anchors = usize::from(is_mapping && node.anchor().is_some());
        self.around += anchors;
        anchors
    }

    pub(super) fn leave(&mut self, anchors: usize) {
        self.around -= anchors;
    }

    /// What holds the image that comes next among the sites, whose edited scalar may have an anchor.
    pub(super) fn hold<'a, T: Tree<'a>>(
        &mut self,
        next: usize,
        edited: T,
        hold: Option<Hold>,
    ) -> Option<Hold> {
        let Some((anchor, place)) = edited.anchor() else {
            return hold;
        };
        if self.shared.len() < MOST || self.shared.contains_key(&anchor) {
            let shared = self.shared.entry(anchor).or_insert_with(|| Shared {
                places: edited.places(),
                met: BTreeSet::new(),
                sites: Vec::new(),
            });
            shared.met.insert(place);
            shared.sites.push((next, hold));
        }
        Some(Hold::anchored_tag())
    }

    /// Takes note of the image that comes next among the sites.
    pub(super) fn note(&mut self, next: usize) {
        if self.around > 0 {
            self.below.push(next);
        }
    }

    /// Frees the images that share a scalar which nothing else has, if these are one and the same image. Holds what stands in a mapping with
    /// an anchor where a merge key may bring it elsewhere.
    pub(super) fn settle(self, sites: &mut [Site]) {
        if self.has_merged {
            for at in self.below {
                sites[at].hold.get_or_insert_with(Hold::anchored_tag);
            }
        }
        for shared in self.shared.into_values() {
            let first = shared.sites.first().map(|(at, _)| sites[*at].image.clone());
            let mut all = shared.sites.iter();
            let are_one = all.all(|(at, _)| Some(&sites[*at].image) == first.as_ref());
            if !are_one || shared.met.len() < shared.places {
                continue;
            }
            for (at, hold) in shared.sites {
                let own = &mut sites[at].hold;
                // What a comment says stays.
                if own
                    .as_ref()
                    .is_some_and(|own| own.code == Code::AnchoredTag)
                {
                    *own = hold;
                }
            }
        }
    }
}
