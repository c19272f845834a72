//! Claims, where the containers are no longer in the record's order: each rule takes what the rules before it have left.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::{Ambiguous, Entry, kin, same_image, work, written};
use crate::engine::image::{Digest, ImageRef, Lookup};
use crate::engine::policy;
use crate::engine::site::{Image, Role, Site};

/// The claims so far. Entries and containers are identified by index.
pub(super) struct Claims<'c> {
    containers: &'c [Site],
    /// The images with a digest.
    pinned: Vec<Option<ImageRef<'c>>>,
    /// The recorded images.
    recorded: Vec<Option<ImageRef<'c>>>,
    /// Whether the entry is claimed.
    taken: Vec<bool>,
    claims: Vec<Option<usize>>,
}

impl<'c> Claims<'c> {
    /// The number of each container's entry.
    pub(super) fn settle<'t: 'c>(
        entries: &'c [Entry<'_, 't>],
        containers: &'c [Site],
    ) -> Result<Vec<Option<usize>>, Ambiguous> {
        let pinned = |container| {
            written(container)
                .and_then(|image| ImageRef::parse(image).ok())
                .filter(ImageRef::has_digest)
        };
        let mut claims = Self {
            containers,
            pinned: containers.iter().map(pinned).collect(),
            recorded: entries
                .iter()
                .map(|entry| ImageRef::parse(entry.original.image()).ok())
                .collect(),
            taken: vec![false; entries.len()],
            claims: vec![None; containers.len()],
        };
        let mut by_key: BTreeMap<(Role, &str), Vec<usize>> = BTreeMap::new();
        for (at, entry) in entries.iter().enumerate() {
            by_key
                .entry((entry.role, entry.original.name()))
                .or_default()
                .push(at);
        }
        let keys = claims.keys(&by_key);
        claims.by_key_and_image(&keys);
        // An image on the digest of a recorded pin may be a copy of that pin, so the other images claim first.
        claims.by_image(Tag::Written, Digests::OfNoPin)?;
        claims.by_image(Tag::Absent, Digests::OfNoPin)?;
        claims.by_image(Tag::Written, Digests::OfPins)?;
        claims.by_image(Tag::Absent, Digests::OfPins)?;
        claims.by_key(&keys);
        claims.as_copies();
        claims.by_name_before_an_image(&by_key);
        Ok(claims.claims)
    }

    /// The entry at the key of each container.
    fn keys(&self, by_key: &BTreeMap<(Role, &str), Vec<usize>>) -> Vec<Option<usize>> {
        let mut namesakes: BTreeMap<(Role, &str), usize> = BTreeMap::new();
        let key = |container: &'c Site| {
            work::step();
            written(container)?;
            let key = (container.role, container.name.as_str());
            let nth = namesakes.entry(key).or_default();
            *nth += 1;
            by_key.get(&key)?.get(*nth - 1).copied()
        };
        self.containers.iter().map(key).collect()
    }

    fn take(&mut self, container: usize, entry: usize) {
        self.taken[entry] = true;
        self.claims[container] = Some(entry);
    }

    fn by_key_and_image(&mut self, keys: &[Option<usize>]) {
        let at_key = |claims: &Self, container: usize| {
            work::step();
            let (entry, written) = (keys[container]?, claims.pinned[container]?);
            let recorded = claims.recorded[entry].filter(|recorded| {
                claims.claims[container].is_none() && same_image(written, *recorded)
            })?;
            Some((entry, written, recorded))
        };
        for container in 0..keys.len() {
            if let Some((entry, _, recorded)) = at_key(self, container)
                && recorded.has_digest()
            {
                self.take(container, entry);
            }
        }
        let recorded = self.recorded.iter().flatten();
        let fixed: BTreeSet<(Lookup, Digest)> = recorded
            .filter_map(|recorded| Some((recorded.lookup(), recorded.digest()?)))
            .collect();
        let mut doubtful = BTreeSet::new();
        for container in 0..keys.len() {
            let Some((entry, written, _)) = at_key(self, container) else {
                continue;
            };
            // The record has a pin of this image and digest elsewhere. The names of the two containers may have been swapped.
            if !fixed.is_empty()
                && written
                    .digest()
                    .is_some_and(|digest| fixed.contains(&(written.lookup(), digest)))
            {
                doubtful.insert(container);
            } else {
                self.take(container, entry);
            }
        }
        if doubtful.is_empty() {
            return;
        }
        let waiting =
            (0..keys.len()).filter(|at| self.claims[*at].is_none() && !doubtful.contains(at));
        let rivals: BTreeSet<String> = waiting
            .filter_map(|container| Some(self.pinned[container]?.lookup().name().to_owned()))
            .collect();
        for container in doubtful {
            if let Some((entry, written, _)) = at_key(self, container)
                && !rivals.contains(written.lookup().name())
            {
                self.take(container, entry);
            }
        }
    }

    fn by_image(&mut self, tag: Tag, digests: Digests) -> Result<(), Ambiguous> {
        let waits = |container: &usize| {
            let image = self.pinned[*container].filter(|_| self.claims[*container].is_none());
            image.is_some_and(|image| image.tag().is_some() == (tag == Tag::Written))
        };
        let waiting: Vec<usize> = (0..self.containers.len()).filter(waits).collect();
        if waiting.is_empty() {
            return Ok(());
        }
        let pool_of = |image: ImageRef<'_>| {
            work::step();
            let lookup = image.lookup();
            if tag == Tag::Written {
                lookup.to_string()
            } else {
                lookup.name().to_owned()
            }
        };
        let mut pools: BTreeMap<String, Pool> = BTreeMap::new();
        for (entry, recorded) in self.recorded.iter().enumerate() {
            if let Some(recorded) = *recorded {
                pools.entry(pool_of(recorded)).or_default().put(
                    entry,
                    recorded.digest(),
                    self.taken[entry],
                );
            }
        }
        let asks = |container: usize| {
            let image = self.pinned[container]?;
            let (pool, digest) = (pool_of(image), image.digest()?);
            let of_pin = pools.get(&pool)?.fixed.contains_key(&digest);
            (of_pin == (digests == Digests::OfPins)).then_some((container, pool, digest))
        };
        let waiting: Vec<(usize, String, Digest)> = waiting.into_iter().filter_map(asks).collect();
        for (_, pool, digest) in &waiting {
            pools.entry(pool.clone()).or_default().wait(digest);
        }
        // Each pool is looked at once, however many wait for it.
        let is_doubtful =
            |(name, pool): (_, &Pool)| pool.is_doubtful(&self.recorded).then_some(name);
        let doubtful: BTreeSet<&String> = pools.iter().filter_map(is_doubtful).collect();
        let doubtful = waiting.iter().find(|(_, pool, _)| doubtful.contains(pool));
        if let Some((container, ..)) = doubtful {
            return Err(Ambiguous {
                container: self.containers[*container].name.clone(),
            });
        }
        for (container, pool, digest) in waiting {
            if let Some(entry) = pools.get_mut(&pool).and_then(|pool| pool.give(&digest)) {
                self.take(container, entry);
            }
        }
        Ok(())
    }

    fn by_key(&mut self, keys: &[Option<usize>]) {
        for (container, key) in keys.iter().enumerate() {
            work::step();
            if let (None, Some(entry)) = (self.claims[container], *key)
                && !self.taken[entry]
                && !self.may_have_moved(container, entry)
            {
                self.take(container, entry);
            }
        }
    }

    /// Whether a person seems to have brought the image of an entry to another host, and no tag says which one it follows there.
    fn may_have_moved(&self, container: usize, entry: usize) -> bool {
        let Some((written, recorded)) = self.pinned[container].zip(self.recorded[entry]) else {
            return false;
        };
        written.tag().is_none()
            && !recorded.has_digest()
            && !written.same_name(&recorded)
            && kin::are_kin(written.last_part(), recorded.last_part())
    }

    fn as_copies(&mut self) {
        let mut claimed: BTreeMap<(Lookup, bool, Digest), usize> = BTreeMap::new();
        if (0..self.containers.len())
            .all(|container| self.claims[container].is_some() || self.pinned[container].is_none())
        {
            return;
        }
        let whole =
            |image: ImageRef<'_>| Some((image.lookup(), image.tag().is_some(), image.digest()?));
        for (image, claim) in self.pinned.iter().zip(&self.claims) {
            work::step();
            if let (Some(image), Some(entry)) = (image.and_then(whole), *claim) {
                claimed.entry(image).or_insert(entry);
            }
        }
        for (image, claim) in self
            .pinned
            .iter()
            .zip(&mut self.claims)
            .filter(|(_, claim)| claim.is_none())
        {
            *claim = image
                .and_then(whole)
                .and_then(|image| claimed.get(&image).copied());
        }
    }

    /// A placeholder keeps the entry of its name until it becomes an image again.
    fn by_name_before_an_image(&mut self, by_key: &BTreeMap<(Role, &str), Vec<usize>>) {
        let mut left: BTreeMap<(Role, &str), VecDeque<usize>> = BTreeMap::new();
        for (container, found) in self.containers.iter().enumerate() {
            work::step();
            if !matches!(&found.image, Image::Text(image) if policy::is_variable(image)) {
                continue;
            }
            let key = (found.role, found.name.as_str());
            let Some(entries) = by_key.get(&key) else {
                continue;
            };
            let taken = &self.taken;
            let left = left.entry(key).or_insert_with(|| {
                entries
                    .iter()
                    .copied()
                    .filter(|entry| !taken[*entry])
                    .collect()
            });
            if let Some(entry) = left.pop_front() {
                self.take(container, entry);
            }
        }
    }
}

/// Whether an image has its tag beside the digest.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tag {
    Written,
    Absent,
}

/// Which images claim: those on the digest of a recorded pin, or the others.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Digests {
    OfPins,
    OfNoPin,
}

/// The unclaimed entries of one image, in order, and the containers that wait for them.
#[derive(Default)]
struct Pool {
    /// Entries that follow a tag.
    following: VecDeque<usize>,
    /// Entries with a digest, which a person chose. An empty list means that all with this digest are claimed.
    fixed: BTreeMap<Digest, VecDeque<usize>>,
    waiting: BTreeMap<Digest, usize>,
}

impl Pool {
    fn put(&mut self, entry: usize, digest: Option<Digest>, taken: bool) {
        let entries = match digest {
            None => &mut self.following,
            Some(digest) => self.fixed.entry(digest).or_default(),
        };
        entries.extend((!taken).then_some(entry));
    }

    /// Whether it is unclear which waiting image gets which entry that follows a tag. That is so if the entries name different
    /// tags (the waiting images have none), or if there are more digests than entries.
    fn is_doubtful(&self, recorded: &[Option<ImageRef<'_>>]) -> bool {
        let mut tags = self.following.iter().filter_map(|entry| {
            work::step();
            Some(recorded[*entry]?.asked_tag())
        });
        let first = tags.next();
        let digests = self
            .waiting
            .keys()
            .filter(|digest| self.fixed.get(*digest).is_none_or(VecDeque::is_empty))
            .count();
        tags.any(|tag| Some(tag) != first) || first.is_some() && digests > self.following.len()
    }

    fn wait(&mut self, digest: &Digest) {
        *self.waiting.entry(digest.clone()).or_default() += 1;
    }

    /// The entry for the next container on this digest. A fixed entry goes first while there are enough of them for all
    /// containers that wait on the digest.
    fn give(&mut self, digest: &Digest) -> Option<usize> {
        let waiting = self.waiting.get_mut(digest)?;
        let fixed = self.fixed.get_mut(digest).filter(|fixed| !fixed.is_empty());
        let enough = fixed.as_ref().is_some_and(|fixed| fixed.len() >= *waiting);
        *waiting -= 1;
        match (self.following.front(), fixed) {
            (following, Some(fixed))
                if following.is_none() || enough || fixed.front() < following =>
            {
                fixed.pop_front()
            }
            _ => self.following.pop_front(),
        }
    }
}
