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
    pub(super) numbers: Vec<u64>,
    pre: Option<PreRelease<'t>>,
    suffix: &'t str,
    revision: Option<u64>,
}

/// `rc.1` of `1.5.0-rc.1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct PreRelease<'t> {
    word: &'t str,
    number: u64,
}

/// How many numbers a version may have.
const MOST_NUMBERS: usize = 8;
/// A number with as many digits, and without a dot, is a date or a hash.
const DATE: usize = 8;

/// What comes before a release. `dev` and `nightly` are not among them: images exist that are called so beside each release.
const PRE_RELEASES: [&str; 6] = ["alpha", "beta", "preview", "pre", "rc", "cr"];
/// The same in short, right behind a number and before one: `3.14.0b2`.
const SHORT: [&str; 3] = ["a", "b", "c"];

impl<'t> Shape<'t> {
    /// Reads a tag. `None`: it does not begin with a version.
    pub(super) fn parse(tag: &'t str) -> Option<Self> {
        let text = tag.strip_prefix('v').unwrap_or(tag);
        let (numbers, suffix) = numbers(text)?;
        let (pre, suffix) = pre_release(suffix);
        let (suffix, revision) = revision(suffix);
        Some(Self {
            has_v: text.len() < tag.len(),
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

    /// What versions have in common that may follow each other: the `v`, how many numbers, the suffix, a revision.
    pub(super) fn family(&self) -> (bool, usize, &'t str, bool) {
        let has_revision = self.revision.is_some();
        (self.has_v, self.numbers.len(), self.suffix, has_revision)
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
    pub(super) fn nearness(&self, now: &Self) -> [bool; 4] {
        [
            self.numbers.len() == now.numbers.len(),
            self.has_v == now.has_v,
            self.suffix == now.suffix,
            self.revision.is_some() == now.revision.is_some(),
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
            None if numbers.len() == 1 && digits.len() >= DATE => return None,
            None => return Some((numbers, behind)),
        }
    }
}

/// The pre-release at the start of a suffix, and the suffix without it.
fn pre_release(suffix: &str) -> (Option<PreRelease<'_>>, &str) {
    let behind_sign = suffix.trim_start_matches(is_sign);
    let signs = suffix.len() - behind_sign.len();
    let end = behind_sign
        .find(|next: char| !next.is_ascii_lowercase())
        .unwrap_or(behind_sign.len());
    let (word, behind) = behind_sign.split_at(end);
    let is_short = signs == 0
        && SHORT.contains(&word)
        && behind.starts_with(|next: char| next.is_ascii_digit());
    if signs > 1 || !(PRE_RELEASES.contains(&word) || is_short) {
        return (None, suffix);
    }
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
            ("1234567", "1234567 []"),
            ("20240102", "none"),
            ("v20240102", "none"),
            ("20240102-1", "none"),
            ("latest", "none"),
            ("v", "none"),
            ("", "none"),
            ("V1", "none"),
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
