//! The tags of a repository in the order of a policy, whatever the tag now is: they are read and sorted once, and each tag now finds its
//! candidates by bisection.

use std::cmp::Ordering;

use super::policy::{Policy, Strategy};
use super::rank::{Counts, Judge, Key, Ranking};
use super::shape::Shape;

/// How many tags that compare equal are looked at behind the last one that is wanted. Their own order decides among more.
const MOST_TIES: usize = 1000;

/// The places of the tags that a policy can compare. They are sorted by their reach, then by their family, the best of a family first.
#[derive(Clone, Debug, Default)]
pub(super) struct Order {
    counts: Counts,
    places: Vec<u32>,
    /// How many of them, at the start, are in the range whatever the tag now is.
    in_range: usize,
    /// How many, behind those, are in it from a pre-release of the same version.
    from_pre_release: usize,
}

/// From which tags now a tag is in the range.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    All,
    PreRelease,
    None,
}

/// Tags among which a tag now has its candidates side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Family<'t> {
    /// Versions of one shape, then whether they are pre-releases.
    Shape((bool, usize, u8, &'t str, bool), bool),
    /// Pre-releases that may follow each other.
    Kin(&'t str, &'t str),
    All,
}

/// Sorts tags by a policy. Their order changes nothing, and `now` need not be among them.
pub fn rank<'t>(
    tags: impl IntoIterator<Item = &'t str>,
    now: &str,
    policy: &Policy,
) -> Ranking<'t> {
    let tags: Vec<&str> = tags.into_iter().collect();
    let judge = Judge::new(now, policy);
    Order::new(&tags, &judge).rank(|place| tags[place], &judge, usize::MAX)
}

impl Order {
    /// Reads and sorts the tags. The tag now of the judge plays no part.
    pub(super) fn new<T: AsRef<str>>(tags: &[T], judge: &Judge<'_>) -> Self {
        let mut counts = Counts::default();
        let mut found: Vec<(Reach, Key<'_>, u32)> = Vec::new();
        let places = 0..u32::try_from(tags.len()).unwrap_or(u32::MAX);
        for (place, tag) in places.zip(tags) {
            counts.seen += 1;
            let read = judge.key(tag.as_ref());
            counts.allowed += usize::from(!matches!(&read, Err(reason) if reason.is_filter()));
            let Ok(key) = read else { continue };
            counts.understood += 1;
            found.push((reach(judge, &key), key, place));
        }
        let tag = |place: u32| tags[place as usize].as_ref();
        found.sort_unstable_by(|(reach, key, place), (other_reach, other_key, other)| {
            (reach, family(key, *reach))
                .cmp(&(other_reach, family(other_key, *other_reach)))
                .then_with(|| judge.compare(other_key, key))
                .then_with(|| tag(*other).cmp(tag(*place)))
        });
        found.dedup_by(|(_, _, place), (_, _, before)| tag(*place) == tag(*before));
        let reached = |most| found.partition_point(|(reach, _, _)| *reach <= most);
        let in_range = reached(Reach::All);
        Self {
            counts,
            in_range,
            from_pre_release: reached(Reach::PreRelease) - in_range,
            places: found.into_iter().map(|(_, _, place)| place).collect(),
        }
    }

    /// The best tags for the tag now of the judge, `most` of them at the most.
    pub(super) fn rank<'t>(
        &self,
        tag_at: impl Fn(usize) -> &'t str,
        judge: &Judge<'_>,
        most: usize,
    ) -> Ranking<'t> {
        let sorted = Sorted { tag_at, judge };
        let (mut found, mut lower) = (Vec::new(), Vec::new());
        for part in self.parts(&sorted) {
            let (part, rest) = split(part, |place| !judge.is_lower(&sorted.key(place)));
            sorted.take(part, most, &mut found);
            sorted.take(rest, 1, &mut lower);
        }
        sorted.sort(&mut found);
        sorted.sort(&mut lower);
        let best = found.first().or(lower.first()).map(|(_, tag)| *tag);
        let obstacle = judge.obstacle(best, found.len());
        let candidates = found.into_iter().map(|(_, tag)| tag).take(most);
        Ranking {
            candidates: match obstacle {
                None => candidates.collect(),
                Some(_) => Vec::new(),
            },
            best,
            counts: self.counts,
            obstacle,
        }
    }

    /// The parts that can have candidates, each of them sorted, the best first.
    fn parts<'t, F: Fn(usize) -> &'t str>(&self, sorted: &Sorted<'_, '_, F>) -> Vec<&[u32]> {
        let (in_range, others) = self.places.split_at(self.in_range);
        match (&sorted.judge.policy.strategy, &sorted.judge.now) {
            (Strategy::Patch | Strategy::Minor | Strategy::Major, Some(Key::Shape(now))) => {
                let (releases, pre) = (sorted.releases(in_range, now), now.is_pre_release());
                let pre = pre.then(|| sorted.pre_releases(in_range, now));
                std::iter::once(releases).chain(pre).collect()
            }
            (Strategy::Patch | Strategy::Minor | Strategy::Major, _) => Vec::new(),
            (Strategy::Semver(_), Some(Key::Version(now))) if now.is_pre_release() => {
                let numbers = |place| match sorted.key(place) {
                    Key::Version(version) => version.numbers(),
                    _ => [0; 3],
                };
                let (others, _) = others.split_at(self.from_pre_release);
                let kin = family(&Key::Version(*now), Reach::PreRelease);
                let kin = sorted.family(others, kin, Reach::PreRelease);
                let (_, rest) = split(kin, |place| numbers(place) > now.numbers());
                let (same, _) = split(rest, |place| numbers(place) == now.numbers());
                vec![in_range, same]
            }
            _ => vec![in_range],
        }
    }
}

fn reach(judge: &Judge<'_>, key: &Key<'_>) -> Reach {
    match (&judge.policy.strategy, key) {
        (Strategy::Semver(range), Key::Version(version)) => match version {
            _ if range.0.has(version, false) => Reach::All,
            _ if version.is_pre_release() && range.0.has(version, true) => Reach::PreRelease,
            _ => Reach::None,
        },
        _ => Reach::All,
    }
}

fn family<'t>(key: &Key<'t>, reach: Reach) -> Family<'t> {
    match key {
        Key::Shape(shape) => Family::Shape(shape.family(), shape.is_pre_release()),
        Key::Version(version) if reach == Reach::PreRelease => {
            let (word, suffix) = version.kin();
            Family::Kin(word, suffix)
        }
        _ => Family::All,
    }
}

/// What comes before the first place that is not so, and the rest.
fn split(places: &[u32], is_so: impl Fn(u32) -> bool) -> (&[u32], &[u32]) {
    places.split_at(places.partition_point(|place| is_so(*place)))
}

/// Places, read as the tags that they stand for.
struct Sorted<'j, 'p, F> {
    tag_at: F,
    judge: &'j Judge<'p>,
}

impl<'t, F: Fn(usize) -> &'t str> Sorted<'_, '_, F> {
    fn tag(&self, place: u32) -> &'t str {
        (self.tag_at)(place as usize)
    }

    fn key(&self, place: u32) -> Key<'t> {
        (self.judge.read(self.tag(place))).expect("the tag was read when it was sorted")
    }

    /// The releases with the shape of the tag now that the policy goes to.
    fn releases<'o>(&self, places: &'o [u32], now: &Shape<'_>) -> &'o [u32] {
        let of_policy = match self.judge.policy.strategy {
            Strategy::Patch => 2,
            Strategy::Minor => 1,
            _ => 0,
        };
        let order = |place| match self.key(place) {
            Key::Shape(shape) => (now.numbers.iter().take(of_policy))
                .cmp(shape.numbers.iter().take(of_policy))
                .then(match shape.differs(now) {
                    Some(_) => Ordering::Less,
                    None => Ordering::Equal,
                }),
            _ => Ordering::Greater,
        };
        let places = self.family(places, Family::Shape(now.family(), false), Reach::All);
        let (_, rest) = split(places, |place| order(place) == Ordering::Less);
        split(rest, |place| order(place) == Ordering::Equal).0
    }

    /// The pre-releases of the version now, with its shape.
    fn pre_releases<'o>(&self, places: &'o [u32], now: &Shape<'_>) -> &'o [u32] {
        let order = |place| match self.key(place) {
            Key::Shape(shape) => now.numbers.cmp(&shape.numbers),
            _ => Ordering::Greater,
        };
        let places = self.family(places, Family::Shape(now.family(), true), Reach::All);
        let (_, rest) = split(places, |place| order(place) == Ordering::Less);
        split(rest, |place| order(place) == Ordering::Equal).0
    }

    fn family<'o>(&self, places: &'o [u32], wanted: Family<'_>, reach: Reach) -> &'o [u32] {
        let of = |place| family(&self.key(place), reach);
        let (_, rest) = split(places, |place| of(place) < wanted);
        split(rest, |place| of(place) == wanted).0
    }

    /// The first tags that fit, and all that compare equal to the last of them.
    fn take(&self, places: &[u32], most: usize, into: &mut Vec<(Key<'t>, &'t str)>) {
        let mut last: Option<Key<'t>> = None;
        for (count, place) in places
            .iter()
            .filter(|place| self.judge.fits(&self.key(**place)).is_ok())
            .take(most.saturating_add(MOST_TIES))
            .enumerate()
        {
            let key = self.key(*place);
            let is_tie = |last| self.judge.compare(&key, last) == Ordering::Equal;
            if count >= most && !last.as_ref().is_some_and(is_tie) {
                break;
            }
            last = (count + 1 >= most).then(|| key.clone());
            into.push((key, self.tag(*place)));
        }
    }

    /// The best first; among equal ones, that with the shape of the tag now.
    fn sort(&self, found: &mut [(Key<'t>, &'t str)]) {
        let near = |tag: &str| Some(Shape::parse(tag)?.nearness(self.judge.shape.as_ref()?));
        found.sort_unstable_by(|(key, tag), (other_key, other)| {
            self.judge
                .compare(other_key, key)
                .then_with(|| near(other).cmp(&near(tag)))
                .then_with(|| other.cmp(tag))
        });
    }
}
