//! Claims, where the containers are no longer in the record's order.
//!
//! What stands at its key with its image is settled first. The rest is counted: where more images are away from home than entries have lost
//! theirs, one of them is new. It may be a person's pin, so the record is ambiguous.
//!
//! ```text
//! record        containers                      entries lost   away from home
//! app web:1     front web:1@sha256:0…           1 (app)        1: `front` is `app` under a new name
//! app web:1     front web:1@…0, new web:1@…1    1 (app)        2: which one was `app`? ambiguous
//! app web:1     app web:2, new web:1@…1         0              1: was `app` renamed, or is `new` a pin? ambiguous
//! ```

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::sides::{Known, Names, Pins, Sides};
use super::{Ambiguous, Entry, same_image, work};
use crate::engine::image::Digest;
use crate::engine::policy;
use crate::engine::site::{Image, Role, Site};

/// The claims so far.
struct Claims<'s> {
    sides: &'s Sides<'s>,
    pins: Pins<'s>,
    /// The container that claimed the entry first.
    taken: Vec<Option<usize>>,
    claims: Vec<Option<usize>>,
}

/// The containers away from home that wait for the same entries.
struct Waiting<'s> {
    family: &'s str,
    containers: Vec<usize>,
    digests: BTreeSet<Option<&'s Digest>>,
    /// One of them may be a person's pin, because nothing that follows a tag is on its digest.
    may_be_pin: bool,
}

/// The entries and the images whose names end in one word.
#[derive(Default)]
struct Family {
    /// How many entries have no container at home.
    lost: usize,
    /// How many images are away from home.
    away: usize,
    /// How many of these no entry is open for.
    strangers: usize,
    /// How many containers without a tag there are beside these, which may be their copies.
    copies: usize,
}

/// The number of each container's entry.
pub(super) fn settle(
    entries: &[Entry<'_, '_>],
    containers: &[Site],
) -> Result<Vec<Option<usize>>, Ambiguous> {
    let mut names = Names::new();
    for (at, entry) in entries.iter().enumerate() {
        let key = (entry.role, entry.original.name());
        names.entry(key).or_default().push(at);
    }
    let sides = Sides::new(entries, containers, &names);
    sides.refuse_unsure_keys()?;
    let mut claims = Claims {
        sides: &sides,
        pins: sides.pins(),
        taken: vec![None; entries.len()],
        claims: vec![None; containers.len()],
    };
    let doubtful = claims.at_key();
    claims.by_count()?;
    claims.at_key_of_two(&doubtful)?;
    claims.on_pins()?;
    claims.as_copies();
    claims.changed_in_place();
    // Of what was changed in place there may be copies, too.
    claims.as_copies();
    claims.by_name_before_an_image(&names);
    Ok(claims.claims)
}

impl<'s> Claims<'s> {
    fn take(&mut self, container: usize, entry: usize) {
        self.taken[entry].get_or_insert(container);
        self.claims[container] = Some(entry);
    }

    fn is_free(&self, entry: usize) -> bool {
        work::step();
        self.taken[entry].is_none()
    }

    /// The containers without an entry, with their images.
    fn left(&self) -> impl Iterator<Item = (usize, &'s Known<'s>)> + use<'_, 's> {
        let images = self.sides.images.iter().zip(&self.claims).enumerate();
        images.filter_map(|(container, (image, claim))| {
            work::step();
            Some((container, image.as_ref().filter(|_| claim.is_none())?))
        })
    }

    /// The entries that follow a tag and are free.
    fn open(&self) -> impl Iterator<Item = (usize, &'s Known<'s>)> + use<'_, 's> {
        let entries = (0..self.taken.len()).filter(|entry| self.is_free(*entry));
        entries.filter_map(|entry| Some((entry, self.sides.follows(entry)?)))
    }

    /// Whether an image is on the digest of a pin and written as that may be.
    fn is_on_pin(&self, image: &'s Known<'_>) -> bool {
        let on_digest = image.on_digest();
        on_digest.is_some_and(|on_digest| self.pins.contains_key(&on_digest))
    }

    /// The same for a pin under another tag, or at another host.
    fn is_like_pin(&self, image: &'s Known<'_>) -> bool {
        let digest = image.digest.as_ref();
        digest.is_some_and(|digest| self.pins.contains_key(&(image.family(), digest)))
    }

    /// Settles what stands at its key with its image. Returns what may be a pin all the same: one is gone, and it is on its digest.
    fn at_key(&mut self) -> BTreeSet<usize> {
        let sides = self.sides;
        let settled = (0..sides.images.len()).filter_map(|container| {
            let (entry, image, recorded) = sides.pair(container)?;
            let is_same = image.digest.is_some() && same_image(image.image, recorded.image);
            is_same.then_some((container, entry, image))
        });
        let (others, pins): (Vec<_>, Vec<_>) =
            settled.partition(|(_, entry, _)| sides.follows(*entry).is_some());
        for (container, entry, _) in pins {
            self.take(container, entry);
        }
        let is_gone = |entries: &[usize]| entries.iter().any(|entry| self.is_free(*entry));
        let gone = self.pins.iter().filter(|(_, entries)| is_gone(entries));
        let gone: BTreeSet<_> = gone.map(|(on_digest, _)| *on_digest).collect();
        let mut doubtful = BTreeSet::new();
        for (container, entry, image) in others {
            match image.on_digest().is_some_and(|it| gone.contains(&it)) {
                true => _ = doubtful.insert(container),
                false => self.take(container, entry),
            }
        }
        doubtful
    }

    /// Images that may be copied from what follows a tag, as it is or as it was.
    fn sources(&self, entries: &[Option<usize>]) -> BTreeSet<(&'s str, &'s Digest)> {
        let mut sources = BTreeSet::new();
        for (entry, image) in entries.iter().zip(&self.sides.images) {
            if let Some(recorded) = entry.and_then(|entry| self.sides.follows(entry))
                && let Some((pool, digest)) = image.as_ref().and_then(Known::on_digest)
            {
                sources.extend([(pool, digest), (&*recorded.lookup, digest)]);
            }
        }
        sources
    }

    /// The entries of the containers at home: the entry at the key is free, and the image seems to have been changed in place.
    fn at_home(&self, sources: &BTreeSet<(&str, &Digest)>) -> Vec<Option<usize>> {
        let on_pins = self.left().filter(|(_, image)| self.is_on_pin(image));
        let moved_pins: BTreeSet<_> = on_pins
            .map(|(_, image)| (&image.name, &image.digest))
            .collect();
        let mut home = vec![None; self.claims.len()];
        for (container, image) in self.left() {
            if let Some((entry, _, recorded)) = self.sides.pair(container) {
                let is_copy = || image.on_digest().is_some_and(|it| sources.contains(&it));
                let stays = match recorded.digest {
                    Some(_) => !moved_pins.contains(&(&recorded.name, &recorded.digest)),
                    None => {
                        recorded.family() == image.family()
                            && !self.is_like_pin(image)
                            && !is_copy()
                    }
                };
                home[container] = stays.then_some(entry);
            }
        }
        home
    }

    /// Gives the images that are on no pin's digest the entries that are open, where they are not more than these.
    fn by_count(&mut self) -> Result<(), Ambiguous> {
        let sides = self.sides;
        let mut sources = self.sources(&self.claims);
        let home = self.at_home(&sources);
        sources.extend(self.sources(&home));
        let mut is_home = vec![false; self.taken.len()];
        home.iter()
            .flatten()
            .for_each(|entry| is_home[*entry] = true);
        // The open entries of each repository and of each tag. Those without a container at home come first.
        let mut open: BTreeMap<&str, VecDeque<usize>> = BTreeMap::new();
        let mut families: BTreeMap<&str, Family> = BTreeMap::new();
        for at_home in [false, true] {
            for (entry, recorded) in self.open().filter(|it| is_home[it.0] == at_home) {
                for pool in [&*recorded.lookup, &recorded.name] {
                    open.entry(pool).or_default().push_back(entry);
                }
                families.entry(recorded.family()).or_default().lost += usize::from(!at_home);
            }
        }
        let mut waiting: BTreeMap<(bool, &str), Waiting<'_>> = BTreeMap::new();
        for (container, image) in self.left().collect::<Vec<_>>() {
            let has_open = open.contains_key(image.pool());
            if let (Some((pin, _, recorded)), Some(_), Some(_)) =
                (sides.pair(container), home[container], &image.digest)
                && recorded.digest.is_some()
            {
                // A person moved the pin, or an image that follows has its name, maybe at another host.
                let has_lost = families.get(image.family()).is_some_and(|it| it.lost > 0);
                let is_other = image.name != recorded.name;
                if open.contains_key(&*image.name) || is_other && has_lost {
                    return Err(sides.ambiguous(container));
                }
                self.take(container, pin);
            }
            if home[container].is_some() || self.is_on_pin(image) {
                continue;
            }
            let is_new = image.on_digest().is_some_and(|it| !sources.contains(&it));
            let pair = sides.pair(container);
            let has_key = pair.is_some_and(|(_, _, it)| it.family() == image.family());
            if has_open || is_new || has_key {
                let key = (image.is_loose(), image.pool());
                let pool = waiting.entry(key).or_insert_with(|| Waiting {
                    family: image.family(),
                    containers: Vec::new(),
                    digests: BTreeSet::new(),
                    may_be_pin: false,
                });
                pool.containers.push(container);
                pool.digests.insert(image.digest.as_ref());
                pool.may_be_pin |= is_new;
            }
        }
        for ((is_loose, pool), waiting) in &waiting {
            let family = families.entry(waiting.family).or_default();
            family.away += waiting.images();
            family.strangers += usize::from(!open.contains_key(pool));
            if *is_loose {
                family.copies += waiting.containers.len() - waiting.images();
            }
        }
        for ((is_loose, pool), waiting) in waiting {
            let Some(open) = open.get_mut(pool) else {
                continue;
            };
            open.retain(|entry| self.is_free(*entry));
            let tags = open.iter().filter_map(|entry| sides.follows(*entry));
            let tags: BTreeSet<&str> = tags.map(|it| it.image.asked_tag()).collect();
            let family = &families[waiting.family];
            let away = family.away + if is_loose { 0 } else { family.copies };
            let are_more = away > family.lost || waiting.images() > open.len();
            if tags.len() > 1 || waiting.may_be_pin && are_more {
                return Err(sides.ambiguous(waiting.containers[0]));
            }
            let is_one = waiting.digests.len() == 1;
            for (number, container) in waiting.containers.into_iter().enumerate() {
                let on_digest = sides.images[container].as_ref().and_then(Known::on_digest);
                let is_copy = on_digest.is_some_and(|it| sources.contains(&it));
                // What may be a copy takes no entry that may be somebody's else.
                let is_spare = |entry: &usize| family.strangers == 0 && !is_home[*entry];
                let may_be_copy = is_copy || is_one && number > 0;
                let entry = open.front().copied();
                let entry = entry.filter(|entry| !may_be_copy || is_spare(entry));
                if let (Some(_), Some(entry)) = (on_digest, entry) {
                    open.pop_front();
                    self.take(container, entry);
                }
            }
        }
        // Two names may have been swapped.
        for (container, image) in self.left().collect::<Vec<_>>() {
            if home[container].is_none() || image.digest.is_none() {
                continue;
            }
            while let Some(entry) = open.get_mut(image.pool()).and_then(VecDeque::pop_front) {
                let there = sides.container_at[entry].filter(|_| is_home[entry]);
                let there = there.and_then(|there| sides.images[there].as_ref());
                if self.is_free(entry) && there.is_none_or(|there| there.digest.is_some()) {
                    self.take(container, entry);
                    break;
                }
            }
        }
        Ok(())
    }

    /// Gives the doubtful ones the entries at their keys, unless other images have these by now.
    fn at_key_of_two(&mut self, doubtful: &BTreeSet<usize>) -> Result<(), Ambiguous> {
        let sides = self.sides;
        // How many other containers are on the digest of a pin, less the pins that are gone.
        let mut others: BTreeMap<_, isize> = BTreeMap::new();
        for (container, image) in self.left() {
            let of = (&image.name, &image.digest);
            *others.entry(of).or_default() += isize::from(!doubtful.contains(&container));
        }
        for (entry, recorded) in sides.recorded.iter().enumerate() {
            if let Some(recorded) = recorded.as_ref().filter(|_| self.is_free(entry)) {
                let of = (&recorded.name, &recorded.digest);
                *others.entry(of).or_default() -= 1;
            }
        }
        for container in doubtful {
            if let Some((entry, image, _)) = sides.pair(*container)
                && self.is_free(entry)
            {
                // The pin may be this container, under another name.
                if others[&(&image.name, &image.digest)] < 0 {
                    return Err(sides.ambiguous(*container));
                }
                self.take(*container, entry);
            }
        }
        Ok(())
    }

    /// Gives the images on the digests of pins the entries of these.
    fn on_pins(&mut self) -> Result<(), Ambiguous> {
        let open = self.open().flat_map(|(_, it)| [&*it.lookup, &it.name]);
        let open: BTreeSet<&str> = open.collect();
        let mut waiting: BTreeMap<_, Vec<usize>> = BTreeMap::new();
        for (container, image) in self.left().filter(|(_, image)| self.is_on_pin(image)) {
            let key = (image.is_loose(), image.on_digest());
            waiting.entry(key).or_default().push(container);
        }
        for ((_, on_digest), containers) in waiting {
            let pins = on_digest.and_then(|it| self.pins.get(&it));
            let pins = pins.into_iter().flatten().copied();
            let pins: Vec<usize> = pins.filter(|entry| self.is_free(*entry)).collect();
            // It may be a copy of the pin, or the image of an entry whose tag is on the pin's digest.
            let has_open = on_digest.is_some_and(|(pool, _)| open.contains(pool));
            if has_open && containers.len() > pins.len() {
                return Err(self.sides.ambiguous(containers[0]));
            }
            for (container, entry) in containers.into_iter().zip(pins) {
                self.take(container, entry);
            }
        }
        Ok(())
    }

    fn changed_in_place(&mut self) {
        for (container, image) in self.left().collect::<Vec<_>>() {
            let Some((entry, _, recorded)) = self.sides.pair(container) else {
                continue;
            };
            let is_free = self.is_free(entry);
            let takes = match recorded.digest {
                Some(_) => is_free,
                None if self.is_like_pin(image) => false,
                // A person may have brought it from another host, and no tag says which one it follows here.
                None if image.is_loose() && image.name != recorded.name => {
                    is_free && image.family() != recorded.family()
                }
                // Who has the entry is a copy of this one as it was.
                None => is_free || image.digest.is_some() && image.family() == recorded.family(),
            };
            if takes {
                self.take(container, entry);
            }
        }
    }

    fn as_copies(&mut self) {
        let mut copied: BTreeMap<_, usize> = BTreeMap::new();
        let claimed = || {
            let claims = self.sides.images.iter().zip(&self.claims);
            claims.filter_map(|(image, claim)| Some((image.as_ref()?.on_digest()?, (*claim)?)))
        };
        for (image, entry) in claimed() {
            copied.entry(image).or_insert(entry);
        }
        // Of what was changed in place there may be copies from before.
        for ((_, digest), entry) in claimed() {
            if let Some(recorded) = self.sides.follows(entry) {
                copied.entry((&recorded.lookup, digest)).or_insert(entry);
            }
        }
        for (container, image) in self.left().collect::<Vec<_>>() {
            let entry = image.on_digest().and_then(|image| copied.get(&image));
            self.claims[container] = entry.copied();
        }
    }

    /// A placeholder keeps the entry of its name until it becomes an image again.
    fn by_name_before_an_image(&mut self, names: &Names<'_>) {
        let mut left: BTreeMap<(Role, &str), VecDeque<usize>> = BTreeMap::new();
        for (container, found) in self.sides.containers.iter().enumerate() {
            work::step();
            if !matches!(&found.image, Image::Text(image) if policy::is_variable(image)) {
                continue;
            }
            let key = (found.role, found.name.as_str());
            let Some(entries) = names.get(&key) else {
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

impl Waiting<'_> {
    /// How many images they are. On one digest, all but one may be copies.
    fn images(&self) -> usize {
        match self.digests.len() {
            1 => 1,
            _ => self.containers.len(),
        }
    }
}
