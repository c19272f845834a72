//! Decides which entry of a workload's record belongs to which of its containers.
//!
//! The record names containers, but people rename, move, reorder and copy them. An entry belongs to an image, so a container
//! claims:
//!
//! 1. the entry at its own key (list, name, place among containers of that name), if that entry has its image;
//! 2. otherwise, if the image has a digest, an entry that no container claimed at its own key: same repository, and same tag or
//!    no tag in the image;
//! 3. otherwise the entry at its own key, whatever it says: somebody changed the image in place;
//! 4. otherwise, if the image has a digest, the entry of a container with exactly the same image: it is a copy.
//!
//! Two images are the same if their normalised names are. An image without a digest needs no claim, so it never takes an entry
//! from one with a digest.
//!
//! A claim is never a guess. `web@sha256:…` fits both entries `web:1` and `web:2`, and one entry may belong to either of two
//! images on different digests. Then the record is [`Ambiguous`], and the workload stays as it is.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::annotation::{NotARecord, Original, Originals};
use super::image::{Digest, ImageRef, Lookup};
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

    /// The recorded images.
    pub fn images(&self) -> impl Iterator<Item = &str> {
        self.originals
            .entries()
            .map(|(_, original)| original.image())
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
        let claims = Claims::settle(&entries, containers)?;
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
            || image.contains('@')
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

/// The claims so far. Entries and containers are identified by index.
struct Claims<'c> {
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
    fn settle<'t: 'c>(
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
        let doubtful = waiting.iter().find(|(_, pool, _)| {
            pools
                .get(pool)
                .is_some_and(|pool| pool.is_doubtful(&self.recorded))
        });
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
            {
                self.take(container, entry);
            }
        }
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
        let mut tags = self
            .following
            .iter()
            .filter_map(|entry| Some(recorded[*entry]?.asked_tag()));
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

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::engine::path::Path;
    use crate::engine::site::Slots;

    const OLD: char = '0';
    const NEW: char = '1';

    fn on(image: &str, digit: char) -> String {
        format!("{image}@sha256:{}", digit.to_string().repeat(64))
    }

    /// Containers as `name image`. A name of `initContainers` starts with `init:`.
    fn containers(written: &[(&str, String)]) -> Vec<Site> {
        let container = |(index, (name, image)): (usize, &(&str, String))| {
            let (role, name) = match name.strip_prefix("init:") {
                Some(name) => (Role::InitContainer, name),
                None => (Role::Container, *name),
            };
            let (name, image) = (name.to_owned(), Image::Text(image.clone()));
            Site {
                role,
                at: Path::root().join(role.list()).join(index),
                slots: Slots::Whole(Cow::Borrowed(&[])),
                memory: Memory::Annotation,
                name,
                image,
                pull_policy: None,
                line: None,
                ignored: None,
                decided_by: None,
                hold: None,
            }
        };
        written.iter().enumerate().map(container).collect()
    }

    fn record(entries: &[(&str, String)]) -> String {
        let mut originals = Originals::default();
        for (name, image) in entries {
            match name.strip_prefix("init:") {
                Some(name) => originals.push(Role::InitContainer, name, image.into()),
                None => originals.push(Role::Container, name, image.into()),
            }
        }
        originals.to_text()
    }

    /// What each container claims; `-` means nothing.
    fn claimed(entries: &[(&str, String)], written: &[(&str, String)]) -> Vec<String> {
        let text = record(entries);
        let ledger = Ledger::parse(&text).unwrap();
        let claims = ledger.claim(&containers(written)).unwrap();
        claims
            .into_iter()
            .map(|claim| claim.map_or("-".to_owned(), |original| original.image().to_owned()))
            .collect()
    }

    fn app() -> (&'static str, String) {
        ("app", "web:1".to_owned())
    }

    fn side() -> (&'static str, String) {
        ("side", "proxy:2".to_owned())
    }

    #[test]
    fn a_container_that_was_renamed_or_moved_keeps_its_entry() {
        for (written, expected) in [
            (
                vec![("app", on("web:1", OLD)), ("side", on("proxy:2", OLD))],
                ["web:1", "proxy:2"],
            ),
            (
                vec![("front", on("web:1", OLD)), ("side", on("proxy:2", OLD))],
                ["web:1", "proxy:2"],
            ),
            (
                vec![
                    ("front", on("docker.io/library/web:1", OLD)),
                    ("other", on("proxy", OLD)),
                ],
                ["web:1", "proxy:2"],
            ),
            (
                vec![("app", on("web:1", OLD)), ("init:side", on("proxy:2", OLD))],
                ["web:1", "proxy:2"],
            ),
            (
                vec![("side", on("proxy:2", OLD)), ("app", on("web:1", OLD))],
                ["proxy:2", "web:1"],
            ),
            // The names were swapped.
            (
                vec![("side", on("web:1", OLD)), ("app", on("proxy:2", OLD))],
                ["web:1", "proxy:2"],
            ),
            // A new container took the name of one that was renamed.
            (
                vec![("front", on("web:1", OLD)), ("app", on("cache:3", OLD))],
                ["web:1", "-"],
            ),
            (
                vec![("front", on("web:1", OLD)), ("app", "web:1".to_owned())],
                ["web:1", "-"],
            ),
        ] {
            assert_eq!(claimed(&[app(), side()], &written), expected, "{written:?}");
        }
    }

    #[test]
    fn an_image_that_was_changed_in_place_still_meets_the_entry_of_its_key() {
        let entries = [app(), side()];
        for image in [
            on("web:2", OLD),
            on("other:1", OLD),
            "web:2".to_owned(),
            "${IMAGE}".to_owned(),
        ] {
            assert_eq!(
                claimed(
                    &entries,
                    &[("app", image.clone()), ("side", on("proxy:2", OLD))]
                ),
                ["web:1", "proxy:2"],
                "{image}"
            );
        }
        // Another container claims this entry by its image.
        assert_eq!(
            claimed(
                &entries,
                &[("app", "${IMAGE}".into()), ("front", on("web:1", OLD))]
            ),
            ["-", "web:1"]
        );
    }

    #[test]
    fn a_copy_in_the_same_object_follows_what_it_was_copied_from() {
        let written = |digit| {
            [
                ("app", on("web:1", OLD)),
                ("copy", on("web:1", digit)),
                ("init:copy", on("web:1", OLD)),
            ]
        };
        assert_eq!(
            claimed(&[app()], &written(OLD)),
            ["web:1", "web:1", "web:1"]
        );
        assert_eq!(
            claimed(&[app()], &written(NEW)),
            ["web:1", "-", "web:1"],
            "another digest is a person's"
        );
    }

    #[test]
    fn containers_of_one_name_are_told_apart_by_their_images() {
        let entries = [("app", "web:1".to_owned()), ("app", "proxy:2".to_owned())];
        assert_eq!(
            claimed(
                &entries,
                &[("app", on("proxy:2", OLD)), ("app", on("web:1", OLD))]
            ),
            ["proxy:2", "web:1"]
        );
        assert_eq!(
            claimed(
                &entries,
                &[("app", "${IMAGE}".into()), ("app", on("proxy:2", OLD))]
            ),
            ["web:1", "proxy:2"]
        );
    }

    #[test]
    fn a_pin_and_an_image_that_follows_stay_what_they_are_under_new_names() {
        let (pin, follows) = (("pin", on("web:1", OLD)), app());
        for digit in [OLD, NEW] {
            for entries in [
                [pin.clone(), follows.clone()],
                [follows.clone(), pin.clone()],
            ] {
                let written = |entry: &(&str, String), name| match entry.0 {
                    "pin" => (name, on("web:1", OLD)),
                    _ => (name, on("web:1", digit)),
                };
                let recorded = entries.each_ref().map(|(_, image)| image.clone());
                assert_eq!(
                    claimed(
                        &entries,
                        &[written(&entries[0], "a"), written(&entries[1], "b")]
                    ),
                    recorded
                );
                if digit != OLD {
                    let turned = [written(&entries[1], "a"), written(&entries[0], "b")];
                    assert_eq!(
                        claimed(&entries, &turned),
                        [recorded[1].clone(), recorded[0].clone()]
                    );
                }
            }
        }
    }

    #[test]
    fn a_pin_that_swaps_names_with_an_image_that_follows_stays_a_pin() {
        let entries = [("app", "web:1".to_owned()), ("pin", on("web:1", OLD))];
        let swapped = [("app", on("web:1", OLD)), ("pin", on("web:1", NEW))];
        assert_eq!(
            claimed(&entries, &swapped),
            [on("web:1", OLD), "web:1".to_owned()]
        );
        // The pin is gone, and the tag moved to its digest.
        assert_eq!(claimed(&entries, &[("app", on("web:1", OLD))]), ["web:1"]);
    }

    #[test]
    fn an_image_with_its_tag_claims_before_one_without() {
        let entries = [("a", "web:1".to_owned()), ("b", "web:2".to_owned())];
        assert_eq!(
            claimed(&entries, &[("x", on("web", OLD)), ("y", on("web:1", OLD))]),
            ["web:2", "web:1"]
        );
    }

    #[test]
    fn what_fits_in_more_than_one_way_is_not_guessed() {
        let entries = [("a", "web:1".to_owned()), ("b", "web:2".to_owned())];
        let refused = |entries: &[(&str, String)], written: &[(&str, String)]| {
            let text = record(entries);
            Ledger::parse(&text)
                .unwrap()
                .claim(&containers(written))
                .is_err()
        };
        // Either one of two was removed and the other renamed, or both were renamed. Without its tag, an image does not show
        // which.
        assert!(refused(&entries, &[("x", on("web", OLD))]));
        assert!(refused(
            &entries,
            &[("x", on("web", NEW)), ("y", on("web", OLD))]
        ));
        assert!(!refused(
            &entries,
            &[("a", on("web", NEW)), ("y", on("web", OLD))]
        ));
        assert!(!refused(
            &[app(), side()],
            &[("x", on("proxy", OLD)), ("y", on("web", OLD))]
        ));
        // A pin beside a renamed container, on another digest of the tag, before or after it.
        let (renamed, pin) = (("x", on("web:1", OLD)), ("new", on("web:1", NEW)));
        assert!(refused(&[app()], &[pin.clone(), renamed.clone()]));
        assert!(refused(&[app()], &[renamed.clone(), pin.clone()]));
        assert!(!refused(&[app()], &[("app", on("web:1", OLD)), pin]));
        assert!(!refused(&[app()], &[renamed.clone(), ("copy", renamed.1)]));
    }

    #[test]
    fn twice_the_containers_are_at_most_two_and_a_half_times_the_steps() {
        let steps = |count: usize, name: &dyn Fn(usize) -> String, moved: bool| {
            let names: Vec<String> = (0..count).map(name).collect();
            let images: Vec<String> = (0..count)
                .map(|number| format!("web:{}", number % 7))
                .collect();
            let entries: Vec<(&str, String)> = names
                .iter()
                .map(String::as_str)
                .zip(images.iter().cloned())
                .collect();
            let mut written: Vec<(&str, String)> = names
                .iter()
                .map(String::as_str)
                .zip(images.iter().map(|image| on(image, OLD)))
                .collect();
            if moved {
                written.rotate_left(1);
                written[0].0 = "new";
            }
            let text = record(&entries);
            let ledger = Ledger::parse(&text).unwrap();
            let containers = containers(&written);
            work::STEPS.set(0);
            assert!(
                ledger
                    .claim(&containers)
                    .unwrap()
                    .iter()
                    .all(Option::is_some)
            );
            work::STEPS.get()
        };
        for moved in [false, true] {
            let distinct = |number: usize| format!("c{number}");
            let equal = |_: usize| "c".to_owned();
            for name in [&distinct as &dyn Fn(usize) -> String, &equal] {
                let (one, two) = (steps(2_000, name, moved), steps(4_000, name, moved));
                assert!(one >= 2_000 && 2 * two <= 5 * one, "{one} {two}");
            }
        }
    }
}
