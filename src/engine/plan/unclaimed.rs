//! What a record and the images of its object have apart from each other.

use std::collections::BTreeSet;

use super::eligibility::{Considered, Eligibility};
use crate::engine::annotation::Original;
use crate::engine::image::ImageRef;
use crate::engine::memory::Ledger;
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
    pub(super) fn of(left: &[(Role, &Original<'_>)], considered: &[Considered<'_, '_>]) -> Self {
        let pins = considered.iter().filter(|_| !left.is_empty());
        Self {
            entries: left.iter().map(|(_, it)| it.image().to_owned()).collect(),
            pins: pins
                .filter(is_new_pin)
                .map(|it| it.site.name.clone())
                .collect(),
        }
    }

    /// Whether there are none, or only some of one side: an image that is gone, or a new pin.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty() || self.pins.is_empty()
    }
}

/// The images that both an entry without a site and a pin without an entry may be, by the last part of their names. The record keeps such
/// entries and takes no such pin, so that every run tells of them until a person has said what is meant. All others are what they look like:
/// an image that is gone, and a pin.
pub(super) struct Open(BTreeSet<String>);

impl Open {
    pub(super) fn of(left: &[(Role, &Original<'_>)], considered: &[Considered<'_, '_>]) -> Self {
        let left: BTreeSet<String> = left.iter().filter_map(|(_, it)| base(it.image())).collect();
        let pins = considered.iter().filter(|_| !left.is_empty());
        let pins = pins.filter(is_new_pin);
        let pins = pins.filter_map(|it| base(it.site.image.text()?));
        Self(pins.filter(|pin| left.contains(pin)).collect())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an image is one of them.
    pub(super) fn has(&self, image: &str) -> bool {
        !self.is_empty() && base(image).is_some_and(|base| self.0.contains(&base))
    }
}

/// The last part of an image's name. A person who moves an image to another host keeps it.
fn base(image: &str) -> Option<String> {
    let lookup = ImageRef::parse(image).ok()?.lookup();
    lookup.repository().rsplit('/').next().map(str::to_owned)
}

fn is_new_pin(it: &&Considered<'_, '_>) -> bool {
    it.entry.is_none() && matches!(it.eligibility, Eligibility::Taken(Intent::Fixed))
}

/// The entries without a digest that no site claims.
pub(super) fn left<'r>(
    ledger: Option<&'r Ledger<'_>>,
    considered: &[Considered<'_, 'r>],
) -> Vec<(Role, &'r Original<'r>)> {
    let Some(ledger) = ledger else {
        return Vec::new();
    };
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
