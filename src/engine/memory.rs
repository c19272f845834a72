//! Decides which entry of a workload's record belongs to which of its containers.
//!
//! The record names containers, but people rename, move, reorder and copy them. An entry belongs to an image, so a container
//! claims:
//!
//! 1. the entry at its own key (list, name, place among containers of that name), if that entry has its image;
//! 2. otherwise, if the image has a digest, an entry that no container claimed at its own key: same repository, and same tag or
//!    no tag in the image, or for a pin the same digest;
//! 3. otherwise, if the image has a digest, the entry of a container with the same image, as that is now or as it was: it is a copy;
//! 4. otherwise the entry at its own key, whatever it says: somebody changed the image in place. But not where it has a digest and no tag
//!    and may be the image of an entry at another host ([`kin`]): nobody knows which tag it follows there, and a person is told.
//!
//! Two images are the same if their normalised names are. An image without a digest needs no claim, so it never takes an entry
//! from one with a digest.
//!
//! A claim is never a guess. `web@sha256:…` fits both entries `web:1` and `web:2`, and one entry may belong to either of two
//! images: one of them may be a person's pin. Then the record is [`Ambiguous`], and the workload stays as it is. An edit alone (a rename, a
//! move, another order, a copy, another tag or host, a digest taken off, a pin under a new name) does not lead there, unless a tag is on
//! the digest of a pin, or names of two lists are swapped where tags are dropped. Three at once may.
//!
//! What cannot be seen: an image that was removed, and a pin of the same image that was added under another name, are a rename.

mod claims;
pub mod kin;
mod sides;
#[cfg(test)]
mod tests;

use super::annotation::{NotARecord, Original, Originals};
use super::image::ImageRef;
use super::policy;
use super::site::{Image, Memory, Role, Site};

/// The entries of a record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger<'t> {
    originals: Originals<'t>,
}

impl<'t> Ledger<'t> {
    /// Reads the text of the annotation.
    pub fn parse(text: &'t str) -> Result<Self, NotARecord> {
        Ok(Self {
            originals: Originals::parse(text)?,
        })
    }

    /// All entries, each with its list.
    pub fn entries(&self) -> impl Iterator<Item = (Role, &Original<'t>)> {
        self.originals.entries()
    }

    /// The entry of each container, in the order of the containers. The cost grows with the sum of both lists, not with their
    /// product.
    pub fn claim(&self, containers: &[Site]) -> Result<Vec<Option<&Original<'t>>>, Ambiguous> {
        let entries: Vec<Entry<'_, 't>> = self
            .originals
            .entries()
            .map(|(role, original)| Entry { role, original })
            .collect();
        if let Some(claims) = as_recorded(&entries, containers) {
            return Ok(claims);
        }
        let claims = claims::settle(&entries, containers)?;
        Ok(claims
            .into_iter()
            .map(|claim| claim.map(|at| entries[at].original))
            .collect())
    }
}

/// The record does not tell which entry an image has: containers of one repository were renamed, removed or added at the same
/// time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the image of `{container}` fits several entries of the record, or an entry that another image fits too"
)]
pub struct Ambiguous {
    /// A container whose entry is unclear.
    pub container: String,
}

/// An entry, and the list of containers that it is for.
struct Entry<'r, 't> {
    role: Role,
    original: &'r Original<'t>,
}

/// A fast path for containers that are still in the record's order. Most workloads are.
fn as_recorded<'r, 't>(
    entries: &[Entry<'r, 't>],
    containers: &[Site],
) -> Option<Vec<Option<&'r Original<'t>>>> {
    let mut left = entries.iter();
    let mut claims = Vec::with_capacity(containers.len());
    for container in containers {
        work::step();
        let has_key = |entry: &Entry<'_, '_>| {
            entry.role == container.role && entry.original.name() == container.name
        };
        // An update wrote the recorded image with a digest after it. That needs no parsing.
        let pinned = |entry: &Entry<'_, '_>| {
            let digest = container
                .image
                .text()
                .and_then(|image| image.strip_prefix(entry.original.image()));
            digest.is_some_and(|digest| digest.starts_with("@sha"))
        };
        if let Some(entry) = left
            .as_slice()
            .first()
            .filter(|entry| has_key(entry) && pinned(entry))
        {
            claims.push(Some(entry.original));
            left.next();
            continue;
        }
        let Some(image) = written(container) else {
            claims.push(None);
            continue;
        };
        let entry = left.next()?;
        let same_key = has_key(entry);
        if !same_key
            || (image.contains('@') || entry.original.image().contains('@'))
                && !same_image(
                    ImageRef::parse(image).ok()?,
                    ImageRef::parse(entry.original.image()).ok()?,
                )
        {
            return None;
        }
        claims.push(Some(entry.original));
    }
    left.next().is_none().then_some(claims)
}

/// The image that the record may have an entry for. `None` for a placeholder.
fn written(container: &Site) -> Option<&str> {
    if container.memory == Memory::InPlace {
        return None;
    }
    match &container.image {
        Image::Text(image) if !policy::is_variable(image) => Some(image),
        Image::Text(_) | Image::Absent | Image::Other(_) => None,
    }
}

/// Whether a written image is the recorded one. The repository must be the same. The tag must be the same, or missing beside a
/// digest. The digest must be the same, if one is recorded.
fn same_image(written: ImageRef<'_>, recorded: ImageRef<'_>) -> bool {
    let same_tag = written.tag().is_none() || written.asked_tag() == recorded.asked_tag();
    same_tag
        && (!recorded.has_digest() || written.digest() == recorded.digest())
        && written.same_name(&recorded)
}

/// Counts the steps of the claims, for the test of their cost.
mod work {
    #[cfg(test)]
    thread_local! {
        pub(super) static STEPS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
    }

    #[inline]
    pub(super) fn step() {
        #[cfg(test)]
        STEPS.set(STEPS.get() + 1);
    }
}
