//! What a record and the images of its object have apart from each other.

use std::collections::BTreeSet;

use super::eligibility::{Considered, Eligibility, last_part};
use crate::engine::annotation::Original;
use crate::engine::memory::{Ledger, kin};
use crate::engine::policy::Intent;
use crate::engine::site::Role;

/// Entries of a record that no image has any more, and pins that it does not know: an image that was renamed and changed at once, or moved to
/// another object, would stay on its digest without a word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unclaimed {
    /// The recorded images without a digest that no site follows any more.
    pub entries: Vec<String>,
    /// The names of the sites with a digest that have no entry.
    pub pins: Vec<String>,
}

impl Unclaimed {
    /// Whether there is something to tell: both an entry and a pin, which may be one image. One side alone is an image that is gone, or a
    /// new pin.
    pub fn is_told(&self) -> bool {
        !self.entries.is_empty() && !self.pins.is_empty()
    }
}

/// The entries without a digest that no site claims, and what may have become of their images.
pub(super) struct Left<'r> {
    entries: Vec<(Role, &'r Original<'r>)>,
    /// The last parts of the names of entries and new pins that may be one image. The record keeps such entries and takes no such pin, so
    /// that every run tells of them until a person has said what is meant. All others are what they look like: an image that is gone, and
    /// a pin.
    open: BTreeSet<String>,
    told: Unclaimed,
}

impl<'r> Left<'r> {
    pub(super) fn of(ledger: Option<&'r Ledger<'_>>, considered: &[Considered<'_, 'r>]) -> Self {
        let entries = ledger.map_or_else(Vec::new, |ledger| unclaimed(ledger, considered));
        let images = || entries.iter().map(|(_, entry)| entry.image());
        let is_new_pin = |it: &&Considered<'_, '_>| {
            it.entry.is_none() && matches!(it.eligibility, Eligibility::Taken(Intent::Fixed))
        };
        let pins = || {
            let considered = considered.iter().filter(|_| !entries.is_empty());
            considered.filter(is_new_pin).map(|it| it.site)
        };
        let gone: BTreeSet<&str> = images().filter_map(last_part).collect();
        let new: BTreeSet<&str> = pins()
            .filter_map(|site| last_part(site.image.text()?))
            .collect();
        let open = kin::shared(&gone, &new).into_iter();
        Self {
            open: open.map(str::to_owned).collect(),
            told: Unclaimed {
                entries: images().map(str::to_owned).collect(),
                pins: pins().map(|site| site.name.clone()).collect(),
            },
            entries,
        }
    }

    /// What a person is told.
    pub(super) fn told(&self) -> Unclaimed {
        self.told.clone()
    }

    /// Whether the record keeps an entry.
    pub(super) fn is_kept(&self) -> bool {
        !self.open.is_empty()
    }

    /// The entries that the record keeps.
    pub(super) fn kept(&self) -> impl Iterator<Item = &(Role, &'r Original<'r>)> {
        self.entries
            .iter()
            .filter(|(_, entry)| self.may_be(entry.image()))
    }

    /// Whether an image may be that of an entry which is kept.
    pub(super) fn may_be(&self, image: &str) -> bool {
        self.is_kept() && last_part(image).is_some_and(|part| self.open.contains(part))
    }
}

fn unclaimed<'r>(
    ledger: &'r Ledger<'_>,
    considered: &[Considered<'_, 'r>],
) -> Vec<(Role, &'r Original<'r>)> {
    let claimed = || considered.iter().filter_map(|it| it.entry);
    let mut in_order = claimed();
    let mut is_next = |entry| (in_order.next()).is_some_and(|it| std::ptr::eq(it, entry));
    // Nearly every record is that of its object.
    if ledger.entries().all(|(_, entry)| is_next(entry)) {
        return Vec::new();
    }
    let claimed: BTreeSet<*const Original<'_>> = claimed().map(std::ptr::from_ref).collect();
    let left = ledger.entries().filter(|(_, entry)| {
        !entry.image().contains('@') && !claimed.contains(&std::ptr::from_ref(*entry))
    });
    left.collect()
}
