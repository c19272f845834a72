//! The policy `newest`: the tag whose image was built last, where nothing in the tag says so.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::order::rank;
use super::policy::{Policy, Strategy};
use super::rank::{Counts, Obstacle, Ranking};

/// How many candidates are compared by when they were built. Each of them costs questions.
pub const MOST_CANDIDATES: usize = 20;
/// How much a clock may be behind that of a build, in seconds.
const CLOCKS: i64 = 24 * 60 * 60;
/// Builds that leave the time out write the start of an epoch: that of Unix, of DOS, or none at all.
const NO_EARLIER: &str = "1990-01-01T00:00:00Z";
/// What stands behind a tag in the lock that is older than the tag now.
pub const OLDER: &str = ", older";

/// When an image was built, or pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Built(Timestamp);

impl Built {
    /// Reads a time (RFC 3339) on a machine whose clock shows `clock` in seconds. `Err`: why it cannot be believed.
    pub fn parse(text: &str, clock: i64) -> Result<Self, String> {
        let shown = || text.chars().take(40).filter(|sign| !sign.is_control());
        match text.parse() {
            Ok(time) => Self::believed(time, clock),
            Err(_) => Err(format!("`{}` is not a time", shown().collect::<String>())),
        }
    }

    /// The same for milliseconds since 1970. `None`: it is no time, or cannot be believed.
    pub fn from_milliseconds(milliseconds: i64, clock: i64) -> Option<Self> {
        let time = Timestamp::from_millisecond(milliseconds).ok()?;
        Self::believed(time, clock).ok()
    }

    /// The one way to a time that is compared.
    fn believed(time: Timestamp, clock: i64) -> Result<Self, String> {
        let earliest: Timestamp = NO_EARLIER.parse().expect("it is a time");
        if time < earliest {
            return Err(format!("{time} is what a build without a clock writes"));
        }
        match time.as_second() > clock.saturating_add(CLOCKS) {
            true => Err(format!("{time} is in the future")),
            false => Ok(Self(time)),
        }
    }
}

/// Sorts candidates by when they were built, the last one first; the tag now wins a tie, so that nothing moves between two names of one
/// image. `built` may have the tag now beside them; a tag that it lacks is gone.
pub fn newest<'t>(
    candidates: &[&'t str],
    built: &BTreeMap<String, Built>,
    now: &str,
    counts: Counts,
) -> Ranking<'t> {
    let mut sorted: Vec<(Built, bool, &str)> = candidates
        .iter()
        .filter_map(|tag| Some((*built.get(*tag)?, *tag == now, *tag)))
        .collect();
    sorted.sort_unstable_by(|one, other| other.cmp(one));
    let counts = Counts {
        understood: sorted.len(),
        ..counts
    };
    let best = sorted.first().map(|(_, _, tag)| *tag);
    if let Some(now) = built.get(now) {
        sorted.retain(|(time, _, _)| time >= now);
    }
    Ranking {
        obstacle: match best {
            None => Some(Obstacle::NothingFits),
            Some(best) => (sorted.is_empty()).then(|| Obstacle::NewerThanPolicy(best.to_owned())),
        },
        candidates: sorted.into_iter().map(|(_, _, tag)| tag).collect(),
        best,
        counts,
    }
}

/// What the lock notes of a choice: the best tag, and with `newest` whether it is older than the tag now, which no tag shows.
pub fn recorded(policy: &Policy, best: Option<&str>, obstacle: Option<&Obstacle>) -> String {
    let is_older = matches!(obstacle, Some(Obstacle::NewerThanPolicy(_)));
    match (&policy.strategy, is_older) {
        (Strategy::Newest, true) => best.unwrap_or_default().to_owned() + OLDER,
        _ => best.unwrap_or_default().to_owned(),
    }
}

/// Decides by what the lock notes as the whole list did.
pub fn from_record<'t>(record: &'t str, now: &str, policy: &Policy) -> Ranking<'t> {
    if policy.filter().is_some() {
        return Ranking {
            candidates: vec![record],
            best: Some(record),
            counts: Counts::default(),
            obstacle: None,
        };
    }
    let ranking = rank((!record.is_empty()).then_some(record), now, policy);
    if !matches!(policy.strategy, Strategy::Newest) || ranking.obstacle.is_some() {
        return ranking;
    }
    match record.strip_suffix(OLDER) {
        Some(best) => Ranking {
            candidates: Vec::new(),
            best: Some(best),
            obstacle: Some(Obstacle::NewerThanPolicy(best.to_owned())),
            ..ranking
        },
        None if record.is_empty() => Ranking {
            obstacle: Some(Obstacle::NothingFits),
            ..ranking
        },
        None => ranking,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half past 2026.
    const CLOCK: i64 = 1_782_864_000;

    fn built(text: &str) -> Built {
        Built::parse(text, CLOCK).unwrap()
    }

    #[test]
    fn times_that_cannot_be_believed_say_why() {
        let times = [
            "2026-01-02T03:04:05Z",
            "2026-01-02T03:04:05.123456789Z",
            "2026-01-02T05:04:06+01:00",
            "2026-07-01T12:00:00Z",
        ];
        assert!(times.map(built).is_sorted());
        for (text, why) in [
            ("", "is not a time"),
            ("yesterday\u{1b}[2J", "`yesterday[2J` is not a time"),
            ("0001-01-01T00:00:00Z", "without a clock"),
            ("1970-01-01T00:00:00Z", "without a clock"),
            ("1980-01-01T00:00:01Z", "without a clock"),
            ("2026-07-03T00:00:01Z", "in the future"),
            ("9999-01-01T00:00:00Z", "in the future"),
        ] {
            let told = Built::parse(text, CLOCK).unwrap_err();
            assert!(told.contains(why), "{text}: {told}");
        }
    }

    #[test]
    fn times_in_milliseconds_are_believed_as_texts_are() {
        let milliseconds = |time: i64| Built::from_milliseconds(time, CLOCK);
        assert_eq!(
            milliseconds(1_767_323_045_123),
            Some(built("2026-01-02T03:04:05.123Z"))
        );
        let late = (CLOCK + CLOCKS) * 1000;
        assert!(milliseconds(late).is_some());
        for time in [
            0,
            -1,
            1,
            315_532_800_000,
            631_151_999_999,
            late + 1000,
            253_402_300_000_000,
            i64::MAX,
            i64::MIN,
        ] {
            assert_eq!(milliseconds(time), None, "{time}");
        }
    }

    fn told(candidates: &[&str], now: &str) -> String {
        let times = BTreeMap::from(
            [
                ("old", "2026-01-01T00:00:00Z"),
                ("mid", "2026-02-01T00:00:00Z"),
                ("twin", "2026-03-01T00:00:00Z"),
                ("new", "2026-03-01T00:00:00Z"),
                ("pr-7", "2026-02-15T00:00:00Z"),
                ("pr-9", "2026-04-01T00:00:00Z"),
            ]
            .map(|(tag, time)| (tag.to_owned(), built(time))),
        );
        let ranking = newest(candidates, &times, now, Counts::default());
        match ranking.obstacle {
            None => ranking.candidates.join(" "),
            Some(Obstacle::NewerThanPolicy(best)) => format!("newer than {best}"),
            Some(_) => "nothing".to_owned(),
        }
    }

    #[test]
    fn the_last_build_wins_and_the_tag_now_wins_a_tie() {
        for (candidates, now, expected) in [
            (&["old", "mid", "new"][..], "old", "new mid old"),
            (&["mid", "new", "old"], "mid", "new mid"),
            (&["old", "new", "twin"], "new", "new twin"),
            (&["old", "new", "twin"], "twin", "twin new"),
            (&["old", "new", "twin"], "old", "twin new old"),
            (&["old", "mid"], "pr-7", "newer than mid"),
            (&["old", "new"], "pr-9", "newer than new"),
            (&["old", "new"], "gone", "new old"),
            (&["lost"], "old", "nothing"),
            (&[], "old", "nothing"),
        ] {
            assert_eq!(told(candidates, now), expected, "{candidates:?} {now}");
        }
    }

    #[test]
    fn a_record_decides_as_the_times_did() {
        let policy = Policy::parse("newest").unwrap();
        let older = Obstacle::NewerThanPolicy("mid".to_owned());
        let note = recorded(&policy, Some("mid"), Some(&older));
        assert_eq!(note, "mid, older");
        let ranking = from_record(&note, "pr-7", &policy);
        assert_eq!((ranking.best, ranking.obstacle), (Some("mid"), Some(older)));
        assert_eq!(from_record("new", "old", &policy).candidates, ["new"]);
        let nothing = from_record("", "old", &policy);
        assert_eq!(nothing.obstacle, Some(Obstacle::NothingFits));
        let moving = from_record("", "latest", &policy);
        assert_eq!(moving.obstacle, Some(Obstacle::NoVersion));
    }
}
