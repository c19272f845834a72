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
    /// The container that claimed the entry first.
    taken: Vec<Option<usize>>,
    claims: Vec<Option<usize>>,
}

/// The entries and the containers that have the same key.
struct Keys {
    /// The entry at the key of each container.
    entries: Vec<Option<usize>>,
    /// The container at the key of each entry.
    containers: Vec<Option<usize>>,
    /// The entries and the containers of one list and name, where there are more of one than of the other: their places say nothing.
    uneven: Vec<(Vec<usize>, Vec<usize>)>,
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
            taken: vec![None; entries.len()],
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
        claims.refuse_unsure_keys(&keys)?;
        claims.by_key_and_image(&keys)?;
        // An image on the digest of a recorded pin may be a copy of that pin, so the other images claim first.
        claims.by_image(&keys, Tag::Written, Digests::OfNoPin)?;
        claims.by_image(&keys, Tag::Absent, Digests::OfNoPin)?;
        // One on the digest of a pin may have its own entry all the same.
        claims.by_key_where(&keys, same_image);
        claims.by_image(&keys, Tag::Written, Digests::OfPins)?;
        claims.by_image(&keys, Tag::Absent, Digests::OfPins)?;
        // What has a digest at the key of a pin stays a pin, whatever else it may be a copy of.
        claims.by_key_where(&keys, |_, recorded| recorded.has_digest());
        claims.as_copies();
        claims.by_key(&keys)?;
        // Of what was changed in place there may be copies, too.
        claims.as_copies();
        claims.by_name_before_an_image(&by_key);
        Ok(claims.claims)
    }

    fn keys(&self, by_key: &BTreeMap<(Role, &str), Vec<usize>>) -> Keys {
        let mut namesakes: BTreeMap<(Role, &str), Vec<usize>> = BTreeMap::new();
        let mut keys = Keys {
            entries: vec![None; self.containers.len()],
            containers: vec![None; self.recorded.len()],
            uneven: Vec::new(),
        };
        for (at, container) in self.containers.iter().enumerate() {
            work::step();
            if written(container).is_some() {
                let key = (container.role, container.name.as_str());
                namesakes.entry(key).or_default().push(at);
            }
        }
        for (key, containers) in namesakes {
            let Some(entries) = by_key.get(&key) else {
                continue;
            };
            for (entry, container) in entries.iter().zip(&containers) {
                keys.entries[*container] = Some(*entry);
                keys.containers[*entry] = Some(*container);
            }
            if entries.len() != containers.len() {
                keys.uneven.push((entries.clone(), containers));
            }
        }
        keys
    }

    fn take(&mut self, container: usize, entry: usize) {
        self.taken[entry].get_or_insert(container);
        self.claims[container] = Some(entry);
    }

    fn ambiguous(&self, container: usize) -> Ambiguous {
        Ambiguous {
            container: self.containers[container].name.clone(),
        }
    }

    fn by_key_and_image(&mut self, keys: &Keys) -> Result<(), Ambiguous> {
        let at_key = |claims: &Self, container: usize| {
            work::step();
            let (entry, written) = (keys.entries[container]?, claims.pinned[container]?);
            let recorded = claims.recorded[entry].filter(|recorded| {
                claims.claims[container].is_none() && same_image(written, *recorded)
            })?;
            Some((entry, written, recorded))
        };
        for container in 0..self.containers.len() {
            if let Some((entry, _, recorded)) = at_key(self, container)
                && recorded.has_digest()
            {
                self.take(container, entry);
            }
        }
        // Pins whose own containers are gone, or are no longer on their digests.
        let free: BTreeSet<(Lookup, Digest)> = (self.recorded.iter().zip(&self.taken))
            .filter(|(_, taken)| taken.is_none())
            .filter_map(|(recorded, _)| Some(((*recorded)?.lookup(), (*recorded)?.digest()?)))
            .collect();
        let mut doubtful = BTreeSet::new();
        for container in 0..self.containers.len() {
            let Some((entry, written, _)) = at_key(self, container) else {
                continue;
            };
            // The record has such a pin of this image and digest. The names of the two containers may have been swapped.
            if !free.is_empty()
                && written
                    .digest()
                    .is_some_and(|digest| free.contains(&(written.lookup(), digest)))
            {
                doubtful.insert(container);
            } else {
                self.take(container, entry);
            }
        }
        if doubtful.is_empty() {
            return Ok(());
        }
        let waiting = (0..self.containers.len())
            .filter(|at| self.claims[*at].is_none() && !doubtful.contains(at));
        let rivals: BTreeSet<String> = waiting
            .filter_map(|container| Some(self.pinned[container]?.lookup().name().to_owned()))
            .collect();
        // The pin may be this container, under another name.
        let is_alone = |container: &usize| {
            let image = self.pinned[*container].map(|image| image.lookup());
            image.is_some_and(|image| !rivals.contains(image.name()))
        };
        match doubtful.into_iter().find(is_alone) {
            Some(container) => Err(self.ambiguous(container)),
            None => Ok(()),
        }
    }

    /// Takes the entry at the key of each image with a digest, where nobody has it by now and this holds.
    fn by_key_where(&mut self, keys: &Keys, is_meant: impl Fn(ImageRef<'_>, ImageRef<'_>) -> bool) {
        for container in 0..self.containers.len() {
            work::step();
            let entry = keys.entries[container].filter(|entry| self.taken[*entry].is_none());
            if let (None, Some(entry)) = (self.claims[container], entry)
                && let (Some(image), Some(recorded)) =
                    (self.pinned[container], self.recorded[entry])
                && is_meant(image, recorded)
            {
                self.take(container, entry);
            }
        }
    }

    /// Refuses to take the entry at the key of an image without a tag where it may have another one. `web@sha256:…` is written for the entry
    /// `web`, and for `web:1` where tags are dropped.
    fn refuse_unsure_keys(&self, keys: &Keys) -> Result<(), Ambiguous> {
        // An entry without a tag may be meant where its own image is gone, or where an image with the tag of the other entry has its name.
        let mut gone = BTreeSet::new();
        let mut swapped = BTreeSet::new();
        for (recorded, container) in self.recorded.iter().zip(&keys.containers) {
            work::step();
            let follows = recorded.filter(|it| it.tag().is_none() && !it.has_digest());
            let Some(recorded) = follows else {
                continue;
            };
            let there =
                container.and_then(|at| ImageRef::parse(written(&self.containers[at])?).ok());
            match there.filter(|there| there.same_name(&recorded)) {
                None => {
                    gone.insert(recorded.lookup().name().to_owned());
                }
                Some(there) if there.has_digest() && there.tag().is_some() => {
                    swapped.insert(there.lookup());
                }
                Some(_) => {}
            }
        }
        let loose = |container: usize| self.pinned[container].filter(|it| it.tag().is_none());
        for (container, entry) in keys.entries.iter().enumerate() {
            let recorded = entry.and_then(|entry| self.recorded[entry]);
            if let (Some(image), Some(recorded)) = (loose(container), recorded)
                && recorded.tag().is_some()
                && same_image(image, recorded)
                && (gone.contains(recorded.lookup().name()) || swapped.contains(&recorded.lookup()))
            {
                return Err(self.ambiguous(container));
            }
        }
        for (entries, containers) in &keys.uneven {
            // Of each repository, the tags that are recorded and the digests that are written.
            let mut sides: BTreeMap<String, (BTreeSet<&str>, BTreeSet<Digest>)> = BTreeMap::new();
            for recorded in entries.iter().filter_map(|entry| self.recorded[*entry]) {
                let (tags, _) = sides
                    .entry(recorded.lookup().name().to_owned())
                    .or_default();
                tags.extend((!recorded.has_digest()).then(|| recorded.asked_tag()));
            }
            for container in containers {
                work::step();
                let Some(image) = loose(*container) else {
                    continue;
                };
                if let Some((tags, digests)) = sides.get_mut(image.lookup().name()) {
                    digests.extend(image.digest());
                    let has_new_pin = containers.len() > entries.len() && digests.len() > 1;
                    if tags.len() > 1 || !tags.is_empty() && has_new_pin {
                        return Err(self.ambiguous(*container));
                    }
                }
            }
        }
        Ok(())
    }

    fn by_image(&mut self, keys: &Keys, tag: Tag, digests: Digests) -> Result<(), Ambiguous> {
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
        // Entries whose own containers are gone come first.
        for has_container in [false, true] {
            for (entry, recorded) in self.recorded.iter().enumerate() {
                if let Some(recorded) = *recorded
                    && keys.containers[entry].is_some() == has_container
                {
                    pools.entry(pool_of(recorded)).or_default().put(
                        entry,
                        recorded.digest(),
                        self.taken[entry].is_some(),
                    );
                }
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
            return Err(self.ambiguous(*container));
        }
        // It may be a copy of a pin that has its entry, or the image of an entry whose tag is on the pin's digest.
        let is_open = |(_, pool, digest): &&(usize, String, Digest)| {
            let pool = &pools[pool];
            let has_pin = pool.fixed.get(digest).is_some_and(VecDeque::is_empty);
            has_pin && !pool.following.is_empty()
        };
        if let Some((container, ..)) = waiting.iter().find(is_open) {
            return Err(self.ambiguous(*container));
        }
        for (container, pool, digest) in waiting {
            if let Some(entry) = pools.get_mut(&pool).and_then(|pool| pool.give(&digest)) {
                self.take(container, entry);
            }
        }
        Ok(())
    }

    fn by_key(&mut self, keys: &Keys) -> Result<(), Ambiguous> {
        for container in 0..self.containers.len() {
            work::step();
            let (None, Some(entry)) = (self.claims[container], keys.entries[container]) else {
                continue;
            };
            match self.taken[entry] {
                None if !self.may_have_moved(container, entry) => self.take(container, entry),
                Some(other) if self.may_still_be(container, entry) => {
                    let digest = |at: usize| self.pinned[at].and_then(|image| image.digest());
                    match (digest(container), digest(other)) {
                        // The other is a copy of this one as it was before somebody wrote another tag here.
                        (Some(here), Some(there)) if here == there => self.take(container, entry),
                        // One of both is a person's pin, and nothing shows which.
                        _ => return Err(self.ambiguous(other)),
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether the container at the key of an entry that another one has claimed by its image may be the entry's own: it has another tag on
    /// a digest, or the very image without one.
    fn may_still_be(&self, container: usize, entry: usize) -> bool {
        let Some(recorded) = self.recorded[entry].filter(|it| !it.has_digest()) else {
            return false;
        };
        let image = written(&self.containers[container]).map(ImageRef::parse);
        let Some(Ok(image)) = image else {
            return false;
        };
        match image.has_digest() {
            true => image.tag().is_some() && image.same_name(&recorded),
            false => image.same_lookup(&recorded),
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
                    .filter(|entry| taken[*entry].is_none())
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
