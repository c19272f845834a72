//! The two sides that claims bring together: the entries of a record, and the containers of its object.

use std::collections::{BTreeMap, BTreeSet};

use super::{Ambiguous, Entry, kin, same_image, work, written};
use crate::engine::image::{Digest, ImageRef};
use crate::engine::site::{Role, Site};

/// Entries and containers are identified by index.
pub(super) struct Sides<'c> {
    pub(super) containers: &'c [Site],
    pub(super) images: Vec<Option<Known<'c>>>,
    pub(super) recorded: Vec<Option<Known<'c>>>,
    /// The entry at the key of each container.
    entry_at: Vec<Option<usize>>,
    /// The container at the key of each entry.
    pub(super) container_at: Vec<Option<usize>>,
}

/// An image with what it is compared by.
pub(super) struct Known<'c> {
    pub(super) image: ImageRef<'c>,
    /// In an entry, that of a pin. An entry without one follows a tag.
    pub(super) digest: Option<Digest>,
    /// The repository.
    pub(super) name: String,
    /// The repository and the tag, which is `latest` where none is written.
    pub(super) lookup: String,
}

/// The entries, or the containers, of each list and name.
pub(super) type Names<'e> = BTreeMap<(Role, &'e str), Vec<usize>>;

/// The entries of pins, by what an image on their digest may be written as.
pub(super) type Pins<'s> = BTreeMap<(&'s str, &'s Digest), Vec<usize>>;

impl<'c> Known<'c> {
    fn parse(text: &'c str) -> Option<Self> {
        work::step();
        let image = ImageRef::parse(text).ok()?;
        let lookup = image.lookup();
        Some(Self {
            image,
            digest: image.digest(),
            name: lookup.name().to_owned(),
            lookup: lookup.to_string(),
        })
    }

    /// Whether it has a digest and no tag.
    pub(super) fn is_loose(&self) -> bool {
        self.image.tag().is_none() && self.digest.is_some()
    }

    /// Which entries it may have: those of its tag, or where no tag is beside its digest, those of its repository.
    pub(super) fn pool(&self) -> &str {
        match self.is_loose() {
            true => &self.name,
            false => &self.lookup,
        }
    }

    /// Its pool and its digest. Copies have the same.
    pub(super) fn on_digest(&self) -> Option<(&str, &Digest)> {
        Some((self.pool(), self.digest.as_ref()?))
    }

    /// The last word of its name, which one image has at every host.
    pub(super) fn family(&self) -> &'c str {
        kin::last_word(self.image.last_part())
    }
}

impl<'c> Sides<'c> {
    pub(super) fn new(
        entries: &'c [Entry<'_, '_>],
        containers: &'c [Site],
        names: &Names<'_>,
    ) -> Self {
        let known = |container| written(container).and_then(Known::parse);
        let recorded = |entry: &'c Entry<'_, '_>| Known::parse(entry.original.image());
        let mut sides = Self {
            containers,
            images: containers.iter().map(known).collect(),
            recorded: entries.iter().map(recorded).collect(),
            entry_at: vec![None; containers.len()],
            container_at: vec![None; entries.len()],
        };
        let mut namesakes = Names::new();
        for (at, container) in containers.iter().enumerate() {
            if written(container).is_some() {
                let key = (container.role, container.name.as_str());
                namesakes.entry(key).or_default().push(at);
            }
        }
        for (key, containers) in namesakes {
            // Where there are more of one name on one side, their places say nothing.
            let entries = names.get(&key);
            let entries = entries.filter(|entries| entries.len() == containers.len());
            for (entry, container) in entries.into_iter().flatten().zip(containers) {
                sides.entry_at[container] = Some(*entry);
                sides.container_at[*entry] = Some(container);
            }
        }
        sides
    }

    pub(super) fn pins(&self) -> Pins<'_> {
        let mut pins = Pins::new();
        for (entry, recorded) in self.recorded.iter().enumerate() {
            if let Some(recorded) = recorded
                && let Some(digest) = &recorded.digest
            {
                for pool in [&*recorded.lookup, &recorded.name, recorded.family()] {
                    pins.entry((pool, digest)).or_default().push(entry);
                }
            }
        }
        pins
    }

    /// The entry if it follows a tag.
    pub(super) fn follows(&self, entry: usize) -> Option<&Known<'c>> {
        let recorded = self.recorded[entry].as_ref();
        recorded.filter(|recorded| recorded.digest.is_none())
    }

    /// The entry at the key of a container, and the images of both.
    pub(super) fn pair(&self, container: usize) -> Option<(usize, &Known<'c>, &Known<'c>)> {
        work::step();
        let entry = self.entry_at[container]?;
        let (image, recorded) = (&self.images[container], &self.recorded[entry]);
        Some((entry, image.as_ref()?, recorded.as_ref()?))
    }

    /// Refuses to take the entry at the key of an image without a tag where it may have another one. `web@sha256:…` is written for the entry
    /// `web`, and for `web:1` where tags are dropped.
    pub(super) fn refuse_unsure_keys(&self) -> Result<(), Ambiguous> {
        // An entry without a tag may be meant where its own image is gone, or where an image with the tag of the other entry has its name.
        let mut meant = BTreeSet::new();
        for (entry, container) in self.container_at.iter().enumerate() {
            work::step();
            let recorded = self.follows(entry).filter(|it| it.image.tag().is_none());
            if let Some(recorded) = recorded {
                let there = container.and_then(|at| self.images[at].as_ref());
                match there.filter(|there| there.name == recorded.name) {
                    None => _ = meant.insert(&*recorded.name),
                    Some(there) if there.digest.is_some() && !there.is_loose() => {
                        meant.insert(&there.lookup);
                    }
                    Some(_) => {}
                }
            }
        }
        let is_unsure = |container: &usize| {
            self.pair(*container).is_some_and(|(_, image, recorded)| {
                let is_loose = image.is_loose() && recorded.image.tag().is_some();
                let is_meant = meant.contains(&*recorded.name) || meant.contains(&*recorded.lookup);
                is_loose && is_meant && same_image(image.image, recorded.image)
            })
        };
        match (0..self.containers.len()).find(is_unsure) {
            Some(container) => Err(self.ambiguous(container)),
            None => Ok(()),
        }
    }

    pub(super) fn ambiguous(&self, container: usize) -> Ambiguous {
        Ambiguous {
            container: self.containers[container].name.clone(),
        }
    }
}
