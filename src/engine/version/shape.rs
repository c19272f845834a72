//! The shape of a tag: `v`, numbers between dots, a pre-release, a suffix, a revision.
//!
//! ```text
//! v1.4.2-rc.1-alpine        v, [1, 4, 2], rc 1, `-alpine`
//! 2.0.0-debian-12-r3           [2, 0, 0],       `-debian-12`, revision 3
//! ```

use std::cmp::Ordering;

/// A tag that begins with a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shape<'t> {
    has_v: bool,
    /// Whether a number has a zero before it: `2026.01.02`.
    is_padded: bool,
    pub(super) numbers: Vec<u64>,
    pre: Option<PreRelease>,
    suffix: &'t str,
    revision: Option<u64>,
}

/// `rc.1` of `1.5.0-rc.1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct PreRelease {
    word: &'static str,
    number: u64,
}

/// How many numbers a version may have.
const MOST_NUMBERS: usize = 8;
/// A number with as many digits is a date.
const DATE: u32 = 8;
/// The first of several numbers is a year from here on: `2026.1.2`.
const YEARS: std::ops::Range<u64> = 1900..2200;
/// How long the short form of a commit's hash is, and the long one.
const HASH: std::ops::RangeInclusive<usize> = 7..=40;

/// What comes before a release, in any case. `dev` and `nightly` are not among them: images exist that are called so beside each release.
pub(super) const PRE_RELEASES: [&str; 7] = ["alpha", "beta", "preview", "pre", "rc", "cr", "ea"];
/// The same in short, right behind a number and before one: `3.14.0b2`.
const SHORT: [&str; 3] = ["a", "b", "c"];
/// A milestone, before a number: `4.0.0-M1`.
const MILESTONE: &str = "M";

impl<'t> Shape<'t> {
    /// Reads a tag. `None`: it does not begin with a version.
    pub(super) fn parse(tag: &'t str) -> Option<Self> {
        let text = tag.strip_prefix('v').unwrap_or(tag);
        if is_hash(text) {
            return None;
        }
        let (numbers, suffix) = numbers(text)?;
        let mut written = text[..text.len() - suffix.len()].split('.');
        let is_padded = written.any(|number| number.len() > 1 && number.starts_with('0'));
        let (pre, suffix) = pre_release(suffix);
        let (suffix, revision) = revision(suffix);
        Some(Self {
            has_v: text.len() < tag.len(),
            is_padded,
            numbers,
            pre,
            suffix,
            revision,
        })
    }

    /// Compares two versions. A release comes after its pre-releases, and the suffix does not count.
    pub(super) fn compare(&self, other: &Self) -> Ordering {
        let key = |shape: &Self| (shape.pre.is_none(), shape.pre, shape.revision);
        (self.numbers.cmp(&other.numbers)).then_with(|| key(self).cmp(&key(other)))
    }

    /// What versions have in common that may follow each other: the `v`, how many numbers, which of them are dates, the suffix, a revision.
    pub(super) fn family(&self) -> (bool, usize, u8, &'t str, bool) {
        let has_revision = self.revision.is_some();
        (
            self.has_v,
            self.numbers.len(),
            self.dates(),
            self.suffix,
            has_revision,
        )
    }

    /// Which of several numbers are dates, a bit for each: `1.2.3` has none, and `2026.1.2` and `1.20260102` have one.
    fn dates(&self) -> u8 {
        let is_date = |(at, number): (usize, &u64)| {
            let is_long = number.checked_ilog10() >= Some(DATE - 1);
            is_long || (at == 0 && self.numbers.len() > 1 && YEARS.contains(number))
        };
        let numbers = self.numbers.iter().enumerate().map(is_date);
        numbers.fold(0, |dates, is_date| dates << 1 | u8::from(is_date))
    }

    pub(super) fn is_pre_release(&self) -> bool {
        self.pre.is_some()
    }

    /// What keeps it from having the shape of `now`.
    pub(super) fn differs(&self, now: &Self) -> Option<&'static str> {
        if self.numbers.len() != now.numbers.len() {
            Some("it has another number of parts")
        } else if self.has_v != now.has_v {
            Some("only one of the two begins with `v`")
        } else if self.dates() != now.dates() {
            Some("only one of the two has a date in it")
        } else if self.suffix != now.suffix || self.revision.is_some() != now.revision.is_some() {
            Some("it has another suffix")
        } else if let ([ours], [theirs]) = (&*self.numbers, &*now.numbers)
            && digits(*ours) > digits(*theirs) + 1
        {
            Some("the number is too long to come next")
        } else {
            None
        }
    }

    /// How much of the shape of `now` it has: the greater, the more.
    pub(super) fn nearness(&self, now: &Self) -> [bool; 5] {
        [
            self.numbers.len() == now.numbers.len(),
            self.has_v == now.has_v,
            self.suffix == now.suffix,
            self.revision.is_some() == now.revision.is_some(),
            self.is_padded == now.is_padded,
        ]
    }
}

fn digits(number: u64) -> u32 {
    number.checked_ilog10().unwrap_or(0)
}

/// The numbers at the start, and what follows them.
fn numbers(text: &str) -> Option<(Vec<u64>, &str)> {
    let mut numbers = Vec::new();
    let mut rest = text;
    loop {
        let end = rest
            .find(|next: char| !next.is_ascii_digit())
            .unwrap_or(rest.len());
        let (digits, behind) = rest.split_at(end);
        numbers.push(
            digits
                .parse()
                .ok()
                .filter(|_| numbers.len() < MOST_NUMBERS)?,
        );
        let next = behind
            .strip_prefix('.')
            .filter(|next| next.starts_with(|first: char| first.is_ascii_digit()));
        match next {
            Some(next) => rest = next,
            None if numbers.len() == 1 && (digits.len() >= *HASH.start() || goes_on(behind)) => {
                return None;
            }
            None => return Some((numbers, behind)),
        }
    }
}

/// Whether more numbers follow the first one, but not behind a dot: `2026-01-02`, `1_2_3`.
fn goes_on(behind: &str) -> bool {
    let next = behind.strip_prefix(is_sign);
    next.is_some_and(|next| next.starts_with(|first: char| first.is_ascii_digit()))
}

/// Whether it may be the hash of a commit, which is not of digits alone.
pub(super) fn is_hash(text: &str) -> bool {
    let is_hex = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    HASH.contains(&text.len())
        && text.bytes().all(is_hex)
        && text.bytes().any(|byte| byte.is_ascii_lowercase())
}

/// The pre-release at the start of a suffix, and the suffix without it.
fn pre_release(suffix: &str) -> (Option<PreRelease>, &str) {
    let behind_sign = suffix.trim_start_matches(is_sign);
    let signs = suffix.len() - behind_sign.len();
    let end = behind_sign
        .find(|next: char| !next.is_ascii_alphabetic())
        .unwrap_or(behind_sign.len());
    let (word, behind) = behind_sign.split_at(end);
    let is_before_number = behind.starts_with(|next: char| next.is_ascii_digit());
    let known = PRE_RELEASES
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(word));
    let short = || {
        let of_here = SHORT.into_iter().filter(|_| signs == 0);
        let mut short = of_here.chain([MILESTONE]).filter(|_| is_before_number);
        short.find(|short| *short == word)
    };
    let Some(word) = known.or_else(short).filter(|_| signs <= 1) else {
        return (None, suffix);
    };
    let dotted = behind.strip_prefix(is_sign).unwrap_or(behind);
    let end = dotted
        .find(|next: char| !next.is_ascii_digit())
        .unwrap_or(dotted.len());
    let (number, left) = match dotted[..end].parse() {
        Ok(number) => (number, &dotted[end..]),
        Err(_) => (0, behind),
    };
    match left.is_empty() || left.starts_with(is_sign) {
        true => (Some(PreRelease { word, number }), left),
        false => (None, suffix),
    }
}

/// The suffix without its last part, if that is `rN`, and N.
fn revision(suffix: &str) -> (&str, Option<u64>) {
    let read = || {
        let (rest, number) = suffix.rsplit_once('r')?;
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
        let rest = rest.strip_suffix(is_sign)?;
        Some((rest, Some(number.parse().ok().filter(|_| is_number)?)))
    };
    read().unwrap_or((suffix, None))
}

fn is_sign(sign: char) -> bool {
    matches!(sign, '-' | '_' | '.')
}

/// Two numbers in decimal digits, however long, with a fraction or without.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Decimal<'t> {
    whole: &'t str,
    fraction: &'t str,
}

impl<'t> Decimal<'t> {
    pub(super) fn parse(text: &'t str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let is_number =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        (is_number(whole) && is_number(fraction)).then(|| Self {
            whole: whole.trim_start_matches('0'),
            fraction: fraction.trim_end_matches('0'),
        })
    }
}

impl Ord for Decimal<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let key = |number: &Self| (number.whole.len(), number.whole, number.fraction);
        let ((ours, our_whole, our_fraction), (theirs, their_whole, their_fraction)) =
            (key(self), key(other));
        (ours, our_whole, our_fraction).cmp(&(theirs, their_whole, their_fraction))
    }
}

impl PartialOrd for Decimal<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(tag: &str) -> String {
        let Some(shape) = Shape::parse(tag) else {
            return "none".to_owned();
        };
        let numbers: Vec<_> = shape.numbers.iter().map(u64::to_string).collect();
        let pre = shape
            .pre
            .map_or(String::new(), |pre| format!(" {}:{}", pre.word, pre.number));
        let revision = shape
            .revision
            .map_or(String::new(), |revision| format!(" #{revision}"));
        let v = if shape.has_v { "v " } else { "" };
        format!("{v}{}{pre} [{}]{revision}", numbers.join(","), shape.suffix)
    }

    #[test]
    fn a_tag_is_taken_apart() {
        for (tag, expected) in [
            ("1.4.2", "1,4,2 []"),
            ("v1.4.2", "v 1,4,2 []"),
            ("1.25-alpine", "1,25 [-alpine]"),
            ("7", "7 []"),
            ("2.0.0-debian-12-r3", "2,0,0 [-debian-12] #3"),
            ("1.2.3-r10", "1,2,3 [] #10"),
            ("3.13-slim-bookworm", "3,13 [-slim-bookworm]"),
            ("1.5.0-rc.1", "1,5,0 rc:1 []"),
            ("1.5.0-rc1-alpine", "1,5,0 rc:1 [-alpine]"),
            ("1.5.0-rc", "1,5,0 rc:0 []"),
            ("1.5.0-beta-alpine", "1,5,0 beta:0 [-alpine]"),
            ("3.14.0b2-slim", "3,14,0 b:2 [-slim]"),
            ("3.14.0rc2", "3,14,0 rc:2 []"),
            ("1.5.0-dev", "1,5,0 [-dev]"),
            ("1.5.0-alphabet", "1,5,0 [-alphabet]"),
            ("1.5.0-b2", "1,5,0 [-b2]"),
            ("1.25.alpine", "1,25 [.alpine]"),
            ("2024.01.02", "2024,1,2 []"),
            ("1.20240102", "1,20240102 []"),
            ("123456", "123456 []"),
            ("1234567", "none"),
            ("20240102", "none"),
            ("v20240102", "none"),
            ("20240102-1", "none"),
            ("latest", "none"),
            ("v", "none"),
            ("", "none"),
            ("V1", "none"),
            // Hashes, dates, and numbers that no dot divides.
            ("1a2b3c4", "none"),
            ("123456a", "none"),
            ("0123456789abcdef0123456789abcdef01234567", "none"),
            ("12345a", "12345 [a]"),
            ("12345ag", "12345 [ag]"),
            ("2026-01-02", "none"),
            ("2026-01", "none"),
            ("v2026_01_02", "none"),
            ("1-2-3", "none"),
            ("17-3.5-alpine", "none"),
            ("1.2-3", "1,2 [-3]"),
            // Pre-releases in any case.
            ("3.0.0-RC1", "3,0,0 rc:1 []"),
            ("3.0.0.Beta2", "3,0,0 beta:2 []"),
            ("3.0.0-M1", "3,0,0 M:1 []"),
            ("3.0.0-M", "3,0,0 [-M]"),
            ("3.0.0-m1", "3,0,0 [-m1]"),
            ("25-ea-jdk", "25 ea:0 [-jdk]"),
            ("3.0.0-SNAPSHOT", "3,0,0 [-SNAPSHOT]"),
            ("99999999999999999999.1", "none"),
            ("1.2.3.4.5.6.7.8.9", "none"),
            ("1.2.3-server", "1,2,3 [-server]"),
            ("1.2.3-r", "1,2,3 [-r]"),
        ] {
            assert_eq!(told(tag), expected, "{tag}");
        }
    }

    #[test]
    fn decimals_of_any_length_are_compared_by_value() {
        let ordered = [
            "0",
            "1",
            "1.05",
            "1.5",
            "2",
            "10",
            "20240102",
            "99999999999999999999999",
            "100000000000000000000000",
        ];
        let read = ordered.map(|text| Decimal::parse(text).unwrap());
        assert!(read.is_sorted());
        assert_eq!(Decimal::parse("007"), Decimal::parse("7.0"));
        for text in ["", "a", "1a", "-1", "1.", ".5", "1e5", "0x1"] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }
}
