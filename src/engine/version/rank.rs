//! Says of each tag of a repository whether a policy goes to it, or why not, and which of two is better.

use std::cmp::Ordering;
use std::fmt;

use super::policy::{self, Allow, Group, Matcher, Policy, Strategy};
use super::range::Version;
use super::shape::{Decimal, Shape, is_hash};

/// What a repository's list offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ranking<'t> {
    /// The tags to move to, best first, none of them lower than the tag now. Where there are none and nothing stands in the way, the image
    /// stays on its tag.
    pub candidates: Vec<&'t str>,
    /// The best tag that fits, which may be lower than the tag now.
    pub best: Option<&'t str>,
    /// How many tags took part.
    pub counts: Counts,
    /// What keeps the image on its tag.
    pub obstacle: Option<Obstacle>,
}

/// How many tags took part.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All in the list.
    pub seen: usize,
    /// Those that `allow` and `ignore` leave.
    pub allowed: usize,
    /// Those among them that the policy can compare.
    pub understood: usize,
}

/// What keeps an image on its tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The policy cannot read the tag now.
    NoVersion,
    /// No tag fits, and the tag now does not either.
    NothingFits,
    /// The best tag, which is this one, is lower than the tag now.
    NewerThanPolicy(String),
}

/// Why a tag is none to move to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It stands for a digest, as signatures do: `sha256-….sig`.
    Digest,
    /// `allow` does not match it.
    NotAllowed,
    /// This glob of `ignore` matches it.
    Ignored(String),
    /// It is a name that moves, as `latest`.
    Moving,
    /// It is not a version, or without a number where one is compared.
    NotUnderstood,
    /// It does not have the shape of the tag now, in this.
    OtherShape(&'static str),
    /// It is a pre-release.
    PreRelease,
    /// It is not in the policy's range, or changes more than `minor` or `patch` allow.
    OutOfRange,
    /// It is lower than the tag now; with `desc`, higher.
    Lower,
}

/// Names that move from version to version.
const MOVING: [&str; 14] = [
    "latest", "stable", "edge", "main", "master", "trunk", "head", "nightly", "canary", "dev",
    "develop", "next", "current", "mainline",
];

/// Whether a tag moves from version to version, as `latest`, `stable-alpine` and `latest-arm64` do, and `main-9f3c` does not. Without
/// `allow` such tags are not compared as texts.
fn is_moving(tag: &str) -> bool {
    const LATEST: &str = MOVING[0];
    let is_build = |part: &str| is_hash(part) || part.bytes().any(|byte| byte.is_ascii_digit());
    let parts = || tag.split(['-', '_', '.']);
    let first = parts().next().unwrap_or_default();
    first == LATEST
        || parts().next_back() == Some(LATEST)
        || (MOVING.contains(&first) && !parts().any(is_build))
}

/// Says of each tag whether it is one to move to, or why not.
pub fn judge<'t>(
    tags: impl IntoIterator<Item = &'t str>,
    now: &str,
    policy: &Policy,
) -> Vec<(&'t str, Result<(), Reason>)> {
    let judge = Judge::new(now, policy);
    let verdict = |tag| {
        let key = judge.key(tag)?;
        judge.fits(&key)?;
        match judge.is_lower(&key) {
            true => Err(Reason::Lower),
            false => Ok(()),
        }
    };
    tags.into_iter().map(|tag| (tag, verdict(tag))).collect()
}

/// What tags are compared by.
#[derive(Clone, Debug)]
pub(super) enum Key<'t> {
    Shape(Shape<'t>),
    Version(Version<'t>),
    Text(&'t str),
    Number(Decimal<'t>),
    /// The tag says nothing: what decides is not in its text.
    Unread,
}

pub(super) struct Judge<'p> {
    pub(super) policy: &'p Policy,
    allow: Option<Matcher>,
    /// The shape of the tag now, by which ties are broken.
    pub(super) shape: Option<Shape<'p>>,
    pub(super) now: Option<Key<'p>>,
}

#[cfg(test)]
thread_local! {
    /// How many tags were read on this thread.
    pub(super) static READS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

impl<'p> Judge<'p> {
    pub(super) fn new(now: &'p str, policy: &'p Policy) -> Self {
        let mut judge = Self {
            policy,
            allow: policy.allow.as_ref().map(Allow::matcher),
            shape: Shape::parse(now),
            now: None,
        };
        judge.now = judge.read(now).ok();
        judge
    }

    /// The key of a tag that `allow` and `ignore` leave.
    pub(super) fn key<'t>(&self, tag: &'t str) -> Result<Key<'t>, Reason> {
        if is_digest(tag) {
            return Err(Reason::Digest);
        }
        let allow = self.allow.as_ref();
        if allow.is_some_and(|allow| !allow.is_match(tag)) {
            return Err(Reason::NotAllowed);
        }
        if let Some((glob, _)) = self
            .policy
            .ignore
            .iter()
            .find(|(_, glob)| glob.is_match(tag))
        {
            return Err(Reason::Ignored(glob.clone()));
        }
        self.read(tag)
    }

    /// The key of a tag, whether `allow` and `ignore` leave it or not.
    pub(super) fn read<'t>(&self, tag: &'t str) -> Result<Key<'t>, Reason> {
        #[cfg(test)]
        READS.set(READS.get() + 1);
        let moves = || self.policy.allow.is_none() && is_moving(tag);
        let key = match &self.policy.strategy {
            Strategy::Patch | Strategy::Minor | Strategy::Major => {
                let shape = self.compared(Group::Version, tag).and_then(Shape::parse);
                shape.map(Key::Shape)
            }
            Strategy::Semver(_) => {
                let version = self.compared(Group::Version, tag).and_then(Version::parse);
                version.map(Key::Version)
            }
            Strategy::Alphabetical(_) | Strategy::Newest if moves() => return Err(Reason::Moving),
            Strategy::Newest => Some(Key::Unread),
            Strategy::Alphabetical(_) => self.compared(Group::Text, tag).map(Key::Text),
            Strategy::Numerical(_) => {
                let number = self.compared(Group::Number, tag).and_then(Decimal::parse);
                number.map(Key::Number)
            }
            Strategy::Digest | Strategy::Ignore => None,
        };
        key.ok_or(Reason::NotUnderstood)
    }

    /// What of a tag is compared: a group of `allow`, or all of it.
    fn compared<'t>(&self, group: Group, tag: &'t str) -> Option<&'t str> {
        match &self.allow {
            Some(allow) if allow.has(group) => allow.group(group, tag),
            // A tag that `allow` does not match is still one that its own shape can be read from.
            Some(allow) if !matches!(group, Group::Version) => allow.is_match(tag).then_some(tag),
            _ => Some(tag),
        }
    }

    /// Whether a tag with this key is in the policy's range.
    pub(super) fn fits(&self, key: &Key<'_>) -> Result<(), Reason> {
        match (&self.policy.strategy, key, &self.now) {
            (Strategy::Semver(range), Key::Version(version), now) => {
                let is_from_here = matches!(now, Some(Key::Version(now))
                    if now.is_pre_release() && now.numbers() == version.numbers() && now.kin() == version.kin());
                if range.0.has(version, is_from_here) {
                    Ok(())
                } else if version.is_pre_release() && range.0.has(version, true) {
                    Err(Reason::PreRelease)
                } else {
                    Err(Reason::OutOfRange)
                }
            }
            (strategy, Key::Shape(shape), Some(Key::Shape(now))) => {
                if let Some(difference) = shape.differs(now) {
                    return Err(Reason::OtherShape(difference));
                }
                let is_from_here = now.is_pre_release() && shape.numbers == now.numbers;
                let same = match strategy {
                    Strategy::Patch => 2,
                    Strategy::Minor => 1,
                    _ => 0,
                };
                let same_start = shape
                    .numbers
                    .iter()
                    .take(same)
                    .eq(now.numbers.iter().take(same));
                if !same_start {
                    Err(Reason::OutOfRange)
                } else if shape.is_pre_release() && !is_from_here {
                    Err(Reason::PreRelease)
                } else {
                    Ok(())
                }
            }
            (_, Key::Shape(..), _) => Err(Reason::OtherShape("the tag now is not a version")),
            _ => Ok(()),
        }
    }

    fn is_descending(&self) -> bool {
        matches!(
            self.policy.strategy,
            Strategy::Alphabetical(policy::Order::Descending)
                | Strategy::Numerical(policy::Order::Descending)
        )
    }

    /// The better of two is the greater.
    pub(super) fn compare(&self, left: &Key<'_>, right: &Key<'_>) -> Ordering {
        let order = match (left, right) {
            (Key::Shape(left), Key::Shape(right)) => left.compare(right),
            (Key::Version(left), Key::Version(right)) => left.cmp(right),
            (Key::Text(left), Key::Text(right)) => left.cmp(right),
            (Key::Number(left), Key::Number(right)) => left.cmp(right),
            // A policy has one kind of key, and keys that say nothing are equal.
            _ => Ordering::Equal,
        };
        match self.is_descending() {
            true => order.reverse(),
            false => order,
        }
    }

    pub(super) fn is_lower(&self, key: &Key<'_>) -> bool {
        let is_lower = |now| self.compare(key, now) == Ordering::Less;
        !self.policy.allow_downgrade && self.now.as_ref().is_some_and(is_lower)
    }

    /// `best` is the best tag that fits, lower ones included, and `left` are not lower.
    pub(super) fn obstacle(&self, best: Option<&str>, left: usize) -> Option<Obstacle> {
        match (&self.policy.strategy, best) {
            (Strategy::Digest | Strategy::Ignore, _) => None,
            _ if self.now.is_none() && !self.policy.allow_downgrade => Some(Obstacle::NoVersion),
            (_, Some(best)) => (left == 0).then(|| Obstacle::NewerThanPolicy(best.to_owned())),
            (_, None) => {
                let stays = self.now.as_ref().is_some_and(|now| self.fits(now).is_ok());
                (!stays).then_some(Obstacle::NothingFits)
            }
        }
    }
}

/// Tags that tools write beside an image, for its signature, its attestation, its bill of materials: `sha256-….sig`.
fn is_digest(tag: &str) -> bool {
    [("sha256-", 64), ("sha512-", 128)]
        .iter()
        .any(|(algorithm, length)| {
            let hex = tag
                .strip_prefix(algorithm)
                .and_then(|rest| rest.split('.').next());
            hex.is_some_and(|hex| {
                hex.len() == *length && hex.bytes().all(|byte| byte.is_ascii_hexdigit())
            })
        })
}

impl Reason {
    pub(super) fn is_filter(&self) -> bool {
        matches!(self, Self::Digest | Self::NotAllowed | Self::Ignored(_))
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Digest => "it stands for a digest, not for a version",
            Self::NotAllowed => "`allow` does not match it",
            Self::Ignored(glob) => return write!(formatter, "`ignore` leaves it out, by `{glob}`"),
            Self::Moving => "it is not a version, and moves from version to version",
            Self::NotUnderstood => "the policy cannot read it",
            Self::OtherShape(difference) => difference,
            Self::PreRelease => "it is a pre-release",
            Self::OutOfRange => "it is out of the policy's range",
            Self::Lower => "it is lower than the tag now",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::version::policy::Terms;
    use crate::engine::version::rank;

    fn policy(words: &str) -> Policy {
        Policy::parse(words).unwrap()
    }

    /// The best tag; `=`: the image stays; a word for what stands in the way.
    fn best(words: &str, now: &str, tags: &[&str]) -> String {
        told(&policy(words), now, tags)
    }

    fn told(policy: &Policy, now: &str, tags: &[&str]) -> String {
        let ranking = rank(tags.iter().copied(), now, policy);
        match (ranking.obstacle, ranking.candidates.first()) {
            (Some(Obstacle::NoVersion), _) => "no-version".to_owned(),
            (Some(Obstacle::NothingFits), _) => "nothing-fits".to_owned(),
            (Some(Obstacle::NewerThanPolicy(best)), _) => format!("newer than {best}"),
            (None, Some(best)) => (*best).to_owned(),
            (None, None) => "=".to_owned(),
        }
    }

    #[test]
    fn the_table_of_words() {
        let tags = [
            "1.4.2",
            "1.4.3",
            "1.4.10",
            "1.5.0",
            "1.5.1-rc.1",
            "2.0.0",
            "2.1.0-beta",
            "1.4",
            "1.5",
            "2",
            "latest",
            "1.4.11-alpine",
            "v1.4.12",
            "20240102",
            "1234567",
        ];
        for (words, now, expected) in [
            ("digest", "1.4.2", "="),
            ("ignore", "1.4.2", "="),
            ("patch", "1.4.2", "1.4.10"),
            ("minor", "1.4.2", "1.5.0"),
            ("major", "1.4.2", "2.0.0"),
            ("major", "1.4", "1.5"),
            ("patch", "1.4", "1.4"),
            ("minor", "1", "="),
            ("major", "1", "2"),
            ("patch", "v1.4.2", "v1.4.12"),
            ("minor", "latest", "no-version"),
            ("minor", "20240102", "no-version"),
            ("minor", "3.0.0", "="),
            ("semver ~1.4", "1.4.2", "v1.4.12"),
            ("semver ^1", "1.4.2", "1.5.0"),
            ("semver *", "1.4.2", "2.0.0"),
            ("semver *-0", "1.4.2", "2.1.0-beta"),
            ("semver ~1.4", "1.5.0", "newer than v1.4.12"),
            ("semver ~3", "1.5.0", "nothing-fits"),
            ("semver ~3", "3.0.0", "="),
            ("semver *", "1.4", "no-version"),
            ("semver *", "latest", "no-version"),
            ("alphabetical", "1.4.2", "v1.4.12"),
            ("alphabetical", "latest", "no-version"),
            ("alphabetical:desc", "1.4.2", "1.4"),
            ("alphabetical:desc", "0", "newer than 1.4"),
            ("numerical", "2", "20240102"),
            ("numerical:desc", "1234567", "1.4"),
            ("numerical", "latest", "no-version"),
        ] {
            assert_eq!(best(words, now, &tags), expected, "{words} {now}");
        }
    }

    #[test]
    fn the_shape_of_the_tag_now_is_kept() {
        for (now, tags, expected) in [
            (
                "1.25-alpine",
                &["1.27-alpine", "1.28", "1.28.0", "1.29-alpine-slim"][..],
                "1.27-alpine",
            ),
            (
                "2.0.0-debian-12-r3",
                &[
                    "2.0.1-debian-12-r2",
                    "2.0.1-debian-12-r10",
                    "2.0.2",
                    "2.0.2-debian-13-r0",
                ],
                "2.0.1-debian-12-r10",
            ),
            (
                "2.0.0-debian-12-r3",
                &["2.0.0-debian-12-r4", "2.0.0-debian-12-r10"],
                "2.0.0-debian-12-r10",
            ),
            (
                "3.12-slim-bookworm",
                &["3.13-slim-bookworm", "3.14-slim", "3.14-slim-trixie"],
                "3.13-slim-bookworm",
            ),
            ("v1.2.3", &["1.3.0", "v1.2.4"], "v1.2.4"),
            ("1.2.3", &["v1.3.0", "1.2.4"], "1.2.4"),
            (
                "2024.01.02",
                &["2024.01.10", "2024.1.9", "2024.02", "20250101"],
                "2024.01.10",
            ),
            ("1.11", &["1.11.0", "1.12.0"], "="),
            ("7", &["8", "9", "10", "1234567", "20240102"], "10"),
            ("99", &["100", "7654321"], "100"),
            ("1.26.0-dev", &["1.27.0-dev", "1.28.0"], "1.27.0-dev"),
            ("1.2.3-g1a2b3c", &["1.2.4-g9f8e7d", "1.2.5"], "="),
            ("1.2.3.4", &["1.2.3.10", "1.2.4"], "1.2.3.10"),
            ("3.13-slim", &["3.14-rc-slim", "3.14.0rc2-slim"], "="),
            (
                "3.14.0rc1-slim",
                &["3.14.0rc2-slim", "3.15.0a1-slim", "3.14.0rc3"],
                "3.14.0rc2-slim",
            ),
            ("1.5.0-rc.1", &["1.5.0-rc.2", "1.6.0-rc.1"], "1.5.0-rc.2"),
            (
                "1.5.0-rc.1",
                &["1.5.0-rc.2", "1.5.0", "1.6.0-rc.1"],
                "1.5.0",
            ),
            (
                "1.5.0-rc.9",
                &["1.5.0-rc.10", "1.5.0-rc10-alpine"],
                "1.5.0-rc.10",
            ),
            ("1.0.0", &["1.0.0-alpine", "1.0.1_1"], "="),
            // A year does not follow a version, and a date no other number.
            ("1.2.3", &["2021.1.5", "1.3.0"], "1.3.0"),
            ("2021.1.5", &["9.3.0", "2021.2.0"], "2021.2.0"),
            ("1.25", &["1.27", "1.20240102"], "1.27"),
            ("1.20240102", &["2.7", "1.20240301"], "1.20240301"),
            ("20240102.1", &["20240103.4", "3.1"], "20240103.4"),
            ("1899", &["1900"], "1900"),
            // Of two spellings of one version, that of the tag now is taken.
            ("2024.01.02", &["2024.02.01", "2024.2.1"], "2024.02.01"),
            ("2024.1.2", &["2024.02.01", "2024.2.1"], "2024.2.1"),
            // Hashes and dates are no versions.
            ("123456a", &["993456a"], "no-version"),
            ("1234567", &["7654321", "1a2b3c4"], "no-version"),
            ("999", &["1000", "1234567"], "1000"),
            ("2026-01-02", &["2027-01-02", "2026-03-01"], "no-version"),
            ("7a", &["9a", "993456a"], "9a"),
            // Platforms and systems.
            (
                "1.2.3-amd64",
                &["1.2.4-amd64", "1.2.5-arm64", "1.2.5", "1.3.0-arm64"],
                "1.2.4-amd64",
            ),
            (
                "8.0.1-nanoserver-ltsc2022",
                &[
                    "8.0.2-nanoserver-ltsc2022",
                    "8.0.3-nanoserver-ltsc2025",
                    "8.0.3-windowsservercore-ltsc2022",
                ],
                "8.0.2-nanoserver-ltsc2022",
            ),
            (
                "1.30.2-k3s1",
                &["1.30.4-k3s1", "1.30.5-k3s2"],
                "1.30.4-k3s1",
            ),
            // Pre-releases in capitals.
            (
                "3.0.0-RC1",
                &["3.0.0-RC2", "3.1.0-RC1", "4.0.0-M1", "3.0.0-M9"],
                "3.0.0-RC2",
            ),
            ("3.0.0-M2", &["3.0.0-RC1", "3.1.0-M3"], "3.0.0-RC1"),
            ("3.0.0-RC1", &["3.0.0", "3.0.0-RC2"], "3.0.0"),
            ("2.0.0", &["3.0.0-RC1", "3.0.0-M1", "3.0.0-EA"], "="),
            ("24-ea-jdk", &["25-ea-jdk", "24-jdk"], "24-jdk"),
        ] {
            assert_eq!(best("major", now, tags), expected, "{now}");
        }
    }

    #[test]
    fn faults_of_other_tools_are_not_made() {
        let versions = "(?<version>\\d+\\.\\d+\\.\\d+)(-[a-z]+)?";
        let with_version = |words: &str| policy(&format!("{words}; allow=/{versions}/"));
        // Two spellings of one version: no flip from run to run.
        assert_eq!(best("semver *", "1.11.0", &["1.11", "1.11.0"]), "1.11.0");
        assert_eq!(best("semver *", "1.11.0", &["1.11.0", "v1.11.0"]), "1.11.0");
        assert_eq!(
            best("semver *", "v1.10.0", &["1.11.0", "v1.11.0"]),
            "v1.11.0"
        );
        // Tags with the same group: the suffix of the tag now decides, then the bytes.
        let tags = ["1.2.3-alpine", "1.2.3-slim", "1.2.3", "1.1.0-slim"];
        for (now, expected) in [
            ("1.2.3-slim", "1.2.3-slim"),
            ("1.1.0-alpine", "1.2.3-alpine"),
            ("1.1.0-x", "1.2.3-slim"),
        ] {
            assert_eq!(told(&with_version("semver *"), now, &tags), expected);
            assert_eq!(told(&with_version("minor"), now, &tags), expected);
        }
        // From a pre-release, another variant of the same version is none to go to.
        let variants = ["1.25.0-alpine", "1.25.0-alpine-slim", "1.25.0-perl"];
        assert_eq!(
            best("semver ^1", "1.25.0-alpine", &variants),
            "1.25.0-alpine"
        );
        assert_eq!(
            best("semver ^1", "1.5.0-1", &["1.5.0-2", "1.5.0-rc.1"]),
            "1.5.0-2"
        );
        let pre = ["1.5.0-rc.1", "1.5.0-rc.1-alpine", "1.5.0-beta.3"];
        assert_eq!(best("semver ^1", "1.5.0-beta.2", &pre), "1.5.0-rc.1");
        // Names that move are not compared as texts.
        let names = [
            "b-1",
            "latest-arm64",
            "stable-alpine",
            "x-latest",
            "nightly",
            "main-debug",
        ];
        assert_eq!(best("alphabetical", "a-1", &names), "b-1");
        assert_eq!(
            best("alphabetical", "main-9f3c", &["main-abcdefa", "main-debug"]),
            "main-abcdefa"
        );
        // Hashes of digits are no versions.
        assert_eq!(
            best("semver *", "1.0.0", &["1234567", "7654321", "1.0.1"]),
            "1.0.1"
        );
        // Signatures are no candidates, and neither is `latest`.
        let signature = format!("sha256-{}.sig", "a".repeat(64));
        assert_eq!(
            best("alphabetical", "a", &["b", &signature, "latest", "stable"]),
            "b"
        );
        assert_eq!(
            rank([&*signature], "a", &policy("alphabetical"))
                .counts
                .allowed,
            0
        );
        // Two parts are no version of a range, and calendar versions with zeros are none.
        assert_eq!(
            best("semver *", "1.25.0", &["1.27", "2024.01.02", "1.26.0"]),
            "1.26.0"
        );
        // Numbers are compared by value, dates too.
        assert_eq!(
            best("numerical", "9", &["10", "20240102", "010"]),
            "20240102"
        );
        let dated = "numerical; allow=/main-[a-f0-9]+-(?<number>\\d+)/";
        assert_eq!(
            best(
                dated,
                "main-abc-99",
                &["main-fff-100", "main-fff-9", "dev-1-200"]
            ),
            "main-fff-100"
        );
        let text = "alphabetical; allow=/main-(?<text>[0-9TZ]+)/";
        assert_eq!(
            best(text, "main-20240101T", &["main-20240301T", "zzz"]),
            "main-20240301T"
        );
    }

    #[test]
    fn a_lower_tag_is_taken_only_where_the_policy_says_so() {
        let down = |words, now: &str, tags: &[&str]| {
            let policy = Policy::new(Terms {
                words,
                allow_downgrade: true,
                ..Terms::default()
            });
            told(&policy.unwrap(), now, tags)
        };
        assert_eq!(down("semver ~1.4", "1.5.0", &["1.4.1", "1.4.2"]), "1.4.2");
        assert_eq!(down("semver ~1.4", "latest", &["1.4.1", "1.4.2"]), "1.4.2");
        assert_eq!(down("semver ~1.4", "latest", &["1.5.0"]), "nothing-fits");
        assert_eq!(down("numerical", "latest", &["1", "12"]), "12");
        let ignore = ["1.9*".to_owned()];
        let policy = Policy::new(Terms {
            words: "minor",
            ignore: &ignore,
            ..Terms::default()
        })
        .unwrap();
        assert_eq!(
            told(&policy, "1.9.0", &["1.8.0", "1.9.0", "1.9.1"]),
            "newer than 1.8.0"
        );
        assert_eq!(
            told(&policy, "1.8.0", &["1.8.0", "1.9.0", "1.10.0"]),
            "1.10.0"
        );
    }

    #[test]
    fn tags_are_counted_and_each_has_its_reason() {
        let signature = format!("sha256-{}.att", "0".repeat(64));
        let tags = [
            "1.4.1",
            "1.4.2",
            "1.5.0",
            "2.0.0",
            "1.5.0-rc.1",
            "1.6.0-alpine",
            "latest",
            "nightly-1",
            &signature,
        ];
        let ignore = ["nightly*".to_owned()];
        let policy = Policy::new(Terms {
            words: "minor",
            ignore: &ignore,
            ..Terms::default()
        })
        .unwrap();
        let ranking = rank(tags, "1.4.2", &policy);
        assert_eq!(ranking.candidates, ["1.5.0", "1.4.2"]);
        assert_eq!(
            ranking.counts,
            Counts {
                seen: 9,
                allowed: 7,
                understood: 6
            }
        );
        let reasons: Vec<_> = judge(tags, "1.4.2", &policy)
            .into_iter()
            .map(|(_, reason)| reason)
            .collect();
        assert_eq!(
            reasons,
            [
                Err(Reason::Lower),
                Ok(()),
                Ok(()),
                Err(Reason::OutOfRange),
                Err(Reason::PreRelease),
                Err(Reason::OtherShape("it has another suffix")),
                Err(Reason::NotUnderstood),
                Err(Reason::Ignored("nightly*".to_owned())),
                Err(Reason::Digest),
            ]
        );
    }

    mod laws {
        use proptest::prelude::{Strategy, prop_assert, prop_assert_eq, proptest};
        use proptest::sample::select;

        use super::{judge, policy, rank};

        const POLICIES: [&str; 14] = [
            "patch",
            "minor",
            "major",
            "semver *",
            "semver ^1",
            "semver ~1.2-0",
            "semver >=1 <3",
            "alphabetical",
            "alphabetical:desc",
            "numerical",
            "numerical:desc",
            "minor; allow=/v?(?<version>\\d+\\.\\d+)(\\..*)?/",
            "semver *; allow=/v?(?<version>\\d+\\.\\d+\\.\\d+).*/",
            "numerical; allow=/(?<number>\\d+).*/",
        ];

        fn tag() -> impl Strategy<Value = String> {
            let number = || select(&["0", "1", "2", "3", "10", "01", "20240102"][..]);
            let numbers = proptest::collection::vec(number(), 1..4);
            let suffix = select(
                &[
                    "",
                    "",
                    "",
                    "-alpine",
                    "-rc.1",
                    "-rc2",
                    "-debian-12-r1",
                    "-debian-12-r2",
                    "-slim",
                ][..],
            );
            (select(&["", "", "v"][..]), numbers, suffix)
                .prop_map(|(v, numbers, suffix)| format!("{v}{}{suffix}", numbers.join(".")))
        }

        proptest! {
            #[test]
            fn the_choice_is_one_of_the_list_whatever_its_order_and_stays_when_taken(
                tags in proptest::collection::vec(tag(), 1..20),
                now in tag(),
                words in select(&POLICIES[..]),
                turn in 0usize..20,
            ) {
                let policy = policy(words);
                let list: Vec<&str> = tags.iter().map(String::as_str).collect();
                let ranking = rank(list.iter().copied(), &now, &policy);
                let mut turned = list.clone();
                turned.rotate_left(turn % list.len());
                turned.reverse();
                prop_assert_eq!(&rank(turned, &now, &policy), &ranking);
                let Some(best) = ranking.candidates.first() else { return Ok(()) };
                prop_assert!(list.contains(best));
                let again = rank(list.iter().copied(), best, &policy);
                prop_assert_eq!(again.candidates.first(), Some(best), "{} {}", words, now);
                // From the choice there is no way back.
                let back = judge([now.as_str()], best, &policy);
                let is_tie = ranking.candidates.contains(&now.as_str()) && back[0].1.is_ok();
                prop_assert!(now == *best || is_tie || back[0].1.is_err() || !list.contains(&now.as_str()), "{} {}", words, now);
            }
        }
    }
}
