//! Ranges of versions, read as Flux, Argo CD Image Updater and Kargo read them, all three with Masterminds' library.
//!
//! This is code of our own, because no crate reads them so. `nodejs-semver` and `node-semver` take `!=1.2.3` for `1.2.3` without a word,
//! refuse `~1.4-0`, and take pre-releases only of the version in the range, so that `>=1.2.3-0` has no `2.0.0-rc.1`. `semver` needs commas,
//! has neither `||` nor `1.2 - 1.4`, and reads `1.2` as `^1.2`.

use std::cmp::Ordering;

use super::shape::PRE_RELEASES;

/// An exact version: `1.4.2`, `v1.4.2-rc.1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version<'t> {
    numbers: [u64; 3],
    pre: Pre<'t>,
}

/// A pre-release; the greatest is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pre<'t>(&'t str);

/// Comparisons, all of which must hold, in groups, one of which must.
#[derive(Clone, Debug)]
pub(super) struct Range(Vec<Group>);

#[derive(Clone, Debug)]
struct Group {
    comparisons: Vec<Comparison>,
    /// A pre-release in one of them admits pre-releases in all.
    has_pre: bool,
}

#[derive(Clone, Debug)]
struct Comparison {
    operator: Operator,
    numbers: [u64; 3],
    pre: String,
    /// How many of the three numbers are written: `1.x` has one.
    written: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Tilde,
    Caret,
}

/// Longer ones first, so that `>=` is not read as `>`.
const OPERATORS: [(&str, Operator); 11] = [
    ("!=", Operator::NotEqual),
    (">=", Operator::GreaterOrEqual),
    ("=>", Operator::GreaterOrEqual),
    ("<=", Operator::LessOrEqual),
    ("=<", Operator::LessOrEqual),
    ("~>", Operator::Tilde),
    ("~", Operator::Tilde),
    ("^", Operator::Caret),
    (">", Operator::Greater),
    ("<", Operator::Less),
    ("=", Operator::Equal),
];

/// The longest range that is read.
const LONGEST: usize = 256;

impl<'t> Version<'t> {
    /// Reads `x.y.z`, with a `v` or without, and with a pre-release or without. Numbers have no leading zeros.
    pub(super) fn parse(text: &'t str) -> Option<Self> {
        let text = text.strip_prefix('v').unwrap_or(text);
        let (numbers, pre) = text
            .split_once('-')
            .map_or((text, ""), |(numbers, pre)| (numbers, pre));
        if pre.is_empty() != (numbers.len() == text.len()) || !is_pre(pre) {
            return None;
        }
        let mut parts = numbers.split('.');
        let mut next = || number(parts.next()?);
        let numbers = [next()?, next()?, next()?];
        parts.next().is_none().then_some(Self {
            numbers,
            pre: Pre(pre),
        })
    }

    /// Whether it is a pre-release.
    pub(super) fn is_pre_release(&self) -> bool {
        !self.pre.0.is_empty()
    }

    /// The three numbers.
    pub(super) fn numbers(&self) -> [u64; 3] {
        self.numbers
    }

    /// What pre-releases have in common that may follow each other: `beta.1` and `rc.2`, `dev.7` and `dev.8`, but not `alpine` and `perl`.
    pub(super) fn kin(&self) -> (&'t str, &'t str) {
        let pre = self.pre.0;
        let is_digit = |sign: char| sign.is_ascii_digit();
        let start = pre.find(is_digit).unwrap_or(pre.len());
        let end = pre.rfind(is_digit).map_or(pre.len(), |last| last + 1);
        let word = pre[..start].trim_end_matches(['.', '-']);
        let is_known = PRE_RELEASES
            .iter()
            .any(|known| known.eq_ignore_ascii_case(word));
        (if is_known { PRE_RELEASES[0] } else { word }, &pre[end..])
    }
}

impl Ord for Pre<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let (ours, theirs) = (self.0, other.0);
        match (ours.is_empty(), theirs.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => {
                (ours.split('.').map(identifier)).cmp(theirs.split('.').map(identifier))
            }
        }
    }
}

impl PartialOrd for Pre<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Numbers come before words. A longer number is a greater one, because none has leading zeros.
fn identifier(text: &str) -> (bool, usize, &str) {
    match text.bytes().all(|byte| byte.is_ascii_digit()) {
        true => (false, text.len(), text),
        false => (true, 0, text),
    }
}

fn number(text: &str) -> Option<u64> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let has_zeros = text.len() > 1 && text.starts_with('0');
    (is_number && !has_zeros)
        .then(|| text.parse().ok())
        .flatten()
}

/// A pre-release by the standard: identifiers between dots, numbers without leading zeros. Nothing is one, too.
fn is_pre(text: &str) -> bool {
    let is_identifier = |part: &str| {
        let is_number = part.bytes().all(|byte| byte.is_ascii_digit());
        let is_word = (part.bytes()).all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        !part.is_empty() && is_word && !(is_number && part.len() > 1 && part.starts_with('0'))
    };
    text.is_empty() || text.split('.').all(is_identifier)
}

impl Range {
    /// Reads a range. `Err` has the byte where it stops being one.
    pub(super) fn parse(text: &str) -> Result<Self, usize> {
        if text.len() > LONGEST {
            return Err(LONGEST);
        }
        let mut groups = Vec::new();
        let mut at = 0;
        for group in text.split("||") {
            let comparisons = comparisons(group).map_err(|error| at + error)?;
            groups.push(Group {
                has_pre: comparisons
                    .iter()
                    .any(|comparison| !comparison.pre.is_empty()),
                comparisons,
            });
            at += group.len() + 2;
        }
        Ok(Self(groups))
    }

    /// Whether a version is in it. Pre-releases are where the range names one, or where the caller takes them.
    pub(super) fn has(&self, version: &Version<'_>, with_pre_releases: bool) -> bool {
        let is_pre = version.is_pre_release();
        (self.0.iter())
            .filter(|group| !is_pre || group.has_pre || with_pre_releases)
            .any(|group| {
                group
                    .comparisons
                    .iter()
                    .all(|comparison| comparison.takes(version))
            })
    }
}

impl Comparison {
    fn takes(&self, version: &Version<'_>) -> bool {
        let limit = Version {
            numbers: self.numbers,
            pre: Pre(&self.pre),
        };
        let ([major, minor, _], written) = (self.numbers, self.written);
        let same_major = version.numbers[0] == major;
        let same_minor = same_major && version.numbers[1] == minor;
        match self.operator {
            Operator::Less => *version < limit,
            Operator::GreaterOrEqual => *version >= limit,
            Operator::Greater => match written {
                1 => version.numbers[0] > major,
                2 => version.numbers[..2] > self.numbers[..2],
                _ => *version > limit,
            },
            Operator::LessOrEqual => match written {
                3 => *version <= limit,
                1 => version.numbers[0] <= major,
                _ => version.numbers[..2] <= self.numbers[..2],
            },
            Operator::NotEqual => match written {
                3 => *version != limit,
                2 => !same_minor || version.pre != limit.pre,
                1 => !same_major,
                _ => version.numbers != self.numbers || version.pre != limit.pre,
            },
            Operator::Equal if written == 3 => *version == limit,
            Operator::Equal | Operator::Tilde => {
                // Masterminds reads `~0.0.0` as any version, too.
                let is_any = self.numbers == [0; 3] && matches!(written, 0 | 3);
                let is_near = match written {
                    1 => same_major,
                    _ => same_minor,
                };
                *version >= limit && (is_any || is_near)
            }
            Operator::Caret => {
                let is_near = match (written, major, minor) {
                    (0, ..) => true,
                    (1, ..) => same_major,
                    (_, 1.., _) => same_major,
                    (2, ..) | (_, 0, 1..) => same_minor,
                    (_, 0, 0) => version.numbers == self.numbers,
                };
                *version >= limit && is_near
            }
        }
    }
}

/// The comparisons of a group, divided by blanks or commas. `Err` has the byte where one is expected.
fn comparisons(text: &str) -> Result<Vec<Comparison>, usize> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    loop {
        let at = || text.len() - rest.len();
        let (operator, behind) = operator(rest);
        let (mut first, mut left) =
            comparison(operator.unwrap_or(Operator::Equal), behind).ok_or_else(at)?;
        let upper = (operator.is_none())
            .then(|| hyphen(left).and_then(|behind| comparison(Operator::LessOrEqual, behind)))
            .flatten();
        if let Some((last, behind)) = upper {
            first.operator = Operator::GreaterOrEqual;
            found.push(first);
            found.push(last);
            left = behind;
        } else {
            found.push(first);
        }
        let next = left.trim_start();
        let after_comma = next.strip_prefix(',').map(str::trim_start);
        if after_comma.is_none() && next.is_empty() {
            return Ok(found);
        }
        if after_comma.is_none() && next.len() == left.len() {
            return Err(text.len() - left.len());
        }
        rest = after_comma.unwrap_or(next);
    }
}

/// ` - `, with what stands behind it.
fn hyphen(text: &str) -> Option<&str> {
    let (before, behind) = text.split_once('-')?;
    let is_alone = !before.is_empty() && before.trim().is_empty();
    let blanks = behind.trim_start();
    (is_alone && blanks.len() < behind.len()).then_some(blanks)
}

fn operator(text: &str) -> (Option<Operator>, &str) {
    let found = OPERATORS
        .iter()
        .find_map(|(sign, operator)| Some((Some(*operator), text.strip_prefix(sign)?)));
    found.map_or((None, text), |(operator, rest)| {
        (operator, rest.trim_start())
    })
}

/// A version that may have less than three numbers, with what stands behind it.
fn comparison(operator: Operator, text: &str) -> Option<(Comparison, &str)> {
    let text = text.strip_prefix('v').unwrap_or(text);
    let end = text.find(|end: char| end.is_whitespace() || end == ',');
    let (own, behind) = text.split_at(end.unwrap_or(text.len()));
    let own = own.split_once('+').map_or(own, |(own, _)| own);
    let (numbers, pre) = match own.split_once('-') {
        Some((_, "")) => return None,
        Some((numbers, pre)) if is_pre(pre) => (numbers, pre),
        Some(_) => return None,
        None => (own, ""),
    };
    let (mut read, mut written, mut count) = ([0; 3], 3, 0);
    for (at, part) in numbers.split('.').enumerate() {
        let place = read.get_mut(at)?;
        count += 1;
        match part {
            "x" | "X" | "*" => written = written.min(at),
            _ => {
                let part = number(part).filter(|_| !part.is_empty())?;
                if at < written {
                    *place = part;
                }
            }
        }
    }
    let comparison = Comparison {
        operator,
        numbers: read,
        pre: pre.to_owned(),
        written: written.min(count),
    };
    Some((comparison, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_in(range: &str, version: &str) -> bool {
        let range = Range::parse(range).unwrap();
        range.has(&Version::parse(version).unwrap(), false)
    }

    /// What Masterminds' own tests expect.
    #[test]
    fn ranges_are_read_as_masterminds_reads_them() {
        for (range, inside, outside) in [
            ("=2.0.0", "2.0.0", "1.2.3"),
            ("=2.0", "2.0.0 2.0.1", "1.2.3"),
            ("4.1", "4.1.0", ""),
            ("!=4.1.0", "4.1.1", "4.1.0 5.1.0-alpha.1"),
            ("!=4.1", "5.1.0", "4.1.0 4.1.1 5.1.0-alpha.1"),
            ("!=4.1-alpha", "4.1.0", "4.1.0-alpha 4.1.1-alpha"),
            ("<11", "0.1.0", "11.1.0"),
            ("<1.1", "0.1.0", "1.1.0 1.1.1"),
            ("<=11", "1.2.3 11.2.3", "12.2.3"),
            ("<=1.1", "0.1.0 1.1.0 1.1.1", "1.2.3 0.1.0-alpha"),
            (">1.1", "4.1.0", "1.1.0"),
            (">0", "", "0.0.1-alpha 0.0.0-alpha"),
            (">0.0", "", "0.0.1-alpha"),
            (">0-0", "", "0.0.1-alpha 0.0.0-alpha"),
            (">0.0-0", "", "0.0.1-alpha"),
            (">0.0.0-0", "0.0.0-alpha", ""),
            (">1.2.3-alpha.1", "1.2.3-alpha.2 1.3.3-alpha.2", ""),
            (">11", "", "11.1.0"),
            (">11.1", "11.2.1", "11.1.0 11.1.1"),
            (">=11", "11.1.2", ""),
            (">=11.1", "11.1.2", "11.0.2"),
            (">=1.1", "4.1.0 1.1.0", "0.0.9 4.1.0-beta"),
            (">=0", "", "0.0.1-alpha 0.0.0-alpha"),
            (">=0.0", "", "0.0.1-alpha"),
            (">=0-0", "0.0.1-alpha 0.0.0-alpha", ""),
            (">=0.0-0", "0.0.1-alpha", ""),
            (">=0.0.0-0", "0.0.0-alpha 1.2.3 3.4.5-beta.1", ""),
            ("<0", "", "0.0.0-alpha"),
            ("<0-z", "0.0.0-alpha", ""),
            ("*", "4.5.6 1.2.3", "1.2.3-alpha.1"),
            ("*-0", "1.2.3-alpha.1", ""),
            ("2.*", "2.1.1", "3.4.5"),
            ("2.1.*", "2.1.1", "2.2.1"),
            ("2", "2.1.1", "3.4.5"),
            ("2.1", "2.1.1", "2.2.1"),
            ("~1.2.3", "1.2.4 1.2.5", "1.3.4 1.2.2 1.3.2"),
            ("~1.2", "1.2.4", "1.3.4"),
            ("~1", "1.2.4 1.3.5", "2.3.4 2.1.1"),
            ("~0.2.3", "0.2.5", "0.3.5"),
            ("~1.2.3-beta.2", "1.2.3-beta.4 1.2.4-beta.2", "1.3.4-beta.2"),
            ("^1.2.3", "1.8.9", "2.8.9 1.2.1"),
            ("^1.1.0", "", "2.1.0"),
            ("^1.2.0", "", "2.2.1 1.2.1-alpha.1"),
            ("^1.2.0-alpha.0", "1.2.1-alpha.1 1.2.1-alpha.0", ""),
            ("^1.2.0-alpha.2", "", "1.2.0-alpha.1"),
            ("^1.2", "1.8.9", "2.8.9"),
            ("^1", "1.8.9", "2.8.9"),
            ("^0.2.3", "0.2.5", "0.5.6"),
            ("^0.2", "0.2.5", "0.5.6"),
            ("^0.0.3", "0.0.3", "0.0.4"),
            ("^0.0", "0.0.3", "0.1.4 1.0.4"),
            ("^0", "0.2.3", "1.1.4"),
            (
                "^0.2.3-beta.2",
                "0.2.3-beta.4 0.2.4-beta.2 0.2.3-beta.2",
                "0.3.4-beta.2",
            ),
            ("~0.0.0", "1.2.3", ""),
            ("0.x.x", "", "1.2.3"),
            ("0.0.x", "", "1.2.3"),
            ("0.0.0", "", "1.2.3"),
            ("^0.0.0", "", "1.2.3"),
            ("= 2.0", "2.0.0", "1.2.3"),
            ("4.1.x", "4.1.3", ""),
            ("!=4.x", "5.1.0", "4.1.0"),
            ("!=4.1.x", "4.2.0", ""),
            ("!=4.2.x", "", "4.2.3"),
            ("<1.x", "0.1.1", "1.1.1 2.0.0"),
            ("<1.1.x", "1.0.500", "1.2.1 1.1.500"),
            ("<1.2.x", "1.1.1", ""),
            ("<=1.1-a", "0.1.0-alpha", ""),
            ("<=1.x", "1.1.0", ""),
            ("<=2.x", "", "3.0.0"),
            ("<=1.1.x", "", "1.2.500"),
            ("<=4.5", "3.4.0 3.7.0", "4.6.3"),
            (">1.1, <2", "1.2.1", "1.1.1"),
            (">1.1, <3", "", "4.3.2"),
            (">=1.1, <2, !=1.2.3", "", "1.2.3"),
            (">1.1 <2", "1.2.1", "1.1.1"),
            (">1.1    <3", "", "4.3.2"),
            (">=1.1    <2    !=1.2.3", "", "1.2.3"),
            (">=1.1, <2, !=1.2.3 || > 3", "4.1.2", "3.1.2 3.0.0 1.2.3"),
            (">=1.1, <2, !=1.2.3 || >= 3", "3.0.0", ""),
            (">=1.1 <2 !=1.2.3", "", "1.2.3"),
            (">=1.1 <2 !=1.2.3 || > 3", "4.1.2", "3.1.2 3.0.0 1.2.3"),
            (">=1.1 <2 !=1.2.3 || >= 3", "3.0.0", ""),
            ("> 1.1, <     2", "", "1.1.1"),
            (">   1.1, <2", "1.2.1", ""),
            (">1.1, <  3", "", "4.3.2"),
            (">= 1.1, <     2, !=1.2.3", "", "1.2.3"),
            ("> 1.1 < 2", "", "1.1.1"),
            (">1.1 < 2", "1.2.1", ""),
            ("> 1.1    <3", "", "4.3.2"),
            (">=1.1    < 2    != 1.2.3", "", "1.2.3"),
            (">= 1.1, <2, !=1.2.3 || > 3", "4.1.2", "3.0.0 1.2.3"),
            (">= 1.1, <2, != 1.2.3 || > 3", "", "3.1.2"),
            (">= 1.1, <2, != 1.2.3 || >= 3", "3.0.0", ""),
            (">= 1.1 <2 != 1.2.3", "", "1.2.3"),
            (">= 1.1 <2 != 1.2.3 || > 3", "4.1.2", "3.1.2"),
            (">= 1.1 <2 != 1.2.3 || >= 3", "3.0.0", ""),
            (">= 1.1 < 2 !=1.2.3 || > 3", "", "3.0.0"),
            (">=1.1 < 2 !=1.2.3 || > 3", "", "1.2.3"),
            (">= 1.0.0  <= 2.0.0-beta", "1.0.1-beta 1.0.1", "3.0.0"),
            (">= 1.0.0  <= 2.0.0-beta || > 3", "1.0.1-beta", "3.0.1-beta"),
            (">= 1.0.0  <= 2.0.0-beta != 1.0.1 || > 3", "1.0.1-beta", ""),
            (
                ">= 1.0.0  <= 2.0.0-beta != 1.0.1-beta || > 3",
                "",
                "1.0.1-beta",
            ),
            (">= 1.0.0-0  <= 2.0.0", "1.0.1-beta", ""),
            ("1.1 - 2", "1.1.1", ""),
            ("1.5.0 - 4.5", "3.7.0", ""),
            ("1.1-3", "", "4.3.2"),
            ("^1.1", "1.1.1", "4.3.2"),
            ("^1.x", "1.1.1", "2.1.1 1.1.1-beta1"),
            ("^2.x", "", "1.1.1"),
            ("^1.1.2-alpha", "1.2.1-beta1", ""),
            ("^1.2.x-alpha", "", "1.1.1-beta1"),
            ("^0.0.1", "0.0.1", "0.3.1"),
            ("~*", "2.1.1", ""),
            ("~1.x", "1.3.5", "2.1.1"),
            ("~1.1", "1.1.1", "1.1.1-alpha 1.2.3"),
            ("~1.1-alpha", "1.1.1-beta", ""),
            ("~1.1.1-beta", "1.1.1", "1.1.1-alpha"),
            ("~1.3", "", "2.4.5"),
            ("1.0.0 - 2.0.0 <=2.0.0", "1.5.0", ""),
            ("1.0.0 - 2.0.0, <=2.0.0", "1.5.0", ""),
        ] {
            for version in inside.split_whitespace() {
                assert!(is_in(range, version), "{version} is in {range}");
            }
            for version in outside.split_whitespace() {
                assert!(!is_in(range, version), "{version} is not in {range}");
            }
        }
    }

    #[test]
    fn the_table_of_the_readme_of_masterminds() {
        for (range, same) in [
            ("1.2 - 1.4.5", ">= 1.2 <= 1.4.5"),
            ("2.3.4 - 4.5", ">= 2.3.4 <= 4.5"),
            ("1.2.x", ">= 1.2.0, < 1.3.0"),
            (">= 1.2.x", ">= 1.2.0"),
            ("<= 2.x", "< 3"),
            ("*", ">= 0.0.0"),
            ("~1.2.3", ">= 1.2.3, < 1.3.0"),
            ("~1", ">= 1, < 2"),
            ("~2.3", ">= 2.3, < 2.4"),
            ("~1.2.x", ">= 1.2.0, < 1.3.0"),
            ("~1.x", ">= 1, < 2"),
            ("^1.2.3", ">= 1.2.3, < 2.0.0"),
            ("^1.2.x", ">= 1.2.0, < 2.0.0"),
            ("^2.3", ">= 2.3, < 3"),
            ("^2.x", ">= 2.0.0, < 3"),
            ("^0.2.3", ">=0.2.3 <0.3.0"),
            ("^0.2", ">=0.2.0 <0.3.0"),
            ("^0.0.3", ">=0.0.3 <0.0.4"),
            ("^0.0", ">=0.0.0 <0.1.0"),
            ("^0", ">=0.0.0 <1.0.0"),
        ] {
            for major in 0..5 {
                for minor in 0..6 {
                    for patch in 0..7 {
                        let version = format!("{major}.{minor}.{patch}");
                        assert_eq!(
                            is_in(range, &version),
                            is_in(same, &version),
                            "{range} {version}"
                        );
                    }
                }
            }
        }
    }

    /// npm's `semver` is another implementation. It reads `~0.0.0` otherwise: Masterminds takes any version for it.
    #[test]
    fn ranges_without_pre_releases_are_read_as_npm_reads_them() {
        let table = include_str!("../../../fixtures/ranges/npm.tsv");
        for (range, bits) in table.lines().filter_map(|line| line.split_once('\t')) {
            if range.contains("~0.0.0") {
                continue;
            }
            let read = Range::parse(range).unwrap();
            let bits = u64::from_str_radix(bits, 16).unwrap();
            for at in 0..64 {
                let text = format!("{}.{}.{}", at / 16, at / 4 % 4, at % 4);
                let is_in = read.has(&Version::parse(&text).unwrap(), false);
                assert_eq!(is_in, bits >> (63 - at) & 1 == 1, "{range} {text}");
            }
        }
    }

    #[test]
    fn a_pre_release_in_a_range_admits_all_of_its_group() {
        for (range, version, expected) in [
            (">=1.2.3-0", "2.0.0-rc.1", true),
            ("~1.4-0", "1.4.5-rc.1", true),
            ("^1.4.0-0", "1.9.0-rc.1", true),
            (">=1.0.0-0 <2", "1.5.0-rc.1", true),
            (">=1.0.0 <2", "1.5.0-rc.1", false),
            (">=3-0 || ~1.4", "1.4.5-rc.1", false),
        ] {
            assert_eq!(is_in(range, version), expected, "{range} {version}");
        }
        let range = Range::parse("^1.4").unwrap();
        assert!(range.has(&Version::parse("1.5.0-rc.1").unwrap(), true));
    }

    #[test]
    fn what_is_no_range_is_refused_where_it_stops_being_one() {
        for (range, at) in [
            ("", 0),
            ("foo", 0),
            (">= bar", 0),
            ("BAR >= 1.2.3", 0),
            ("12.3.4.1234", 0),
            ("12.3.34~ 1.2.3", 0),
            ("1.2 || ", 7),
            ("1.2 | 1.3", 4),
            ("1.2, , 1.3", 5),
            ("v1.2.3-beta.01", 0),
            ("1.02", 0),
            ("1..2", 0),
            ("^", 0),
            ("~1.4 minor", 5),
        ] {
            assert_eq!(Range::parse(range).err(), Some(at), "{range}");
        }
        assert!(Range::parse(&"1".repeat(300)).is_err());
    }

    #[test]
    fn a_version_has_three_numbers_without_leading_zeros() {
        for text in [
            "1.2.3",
            "v1.2.3",
            "0.0.0",
            "1.2.3-rc.1",
            "1.2.3-alpine",
            "1.2.3-rc-1.x",
        ] {
            assert!(Version::parse(text).is_some(), "{text}");
        }
        for text in [
            "1.2",
            "1",
            "1.2.3.4",
            "01.2.3",
            "1.2.03",
            "1.2.3-",
            "1.2.3-01",
            "1.2.3-a..b",
            "1.2.3+a",
            "latest",
            "V1.2.3",
            "1.2.x",
            "99999999999999999999.0.0",
            "",
            "v",
            "1.2.3_1",
        ] {
            assert!(Version::parse(text).is_none(), "{text}");
        }
    }

    #[test]
    fn versions_are_ordered_as_the_standard_has_it() {
        let ordered = [
            "1.0.0-1",
            "1.0.0-2",
            "1.0.0-10",
            "1.0.0-alpha",
            "1.0.0-alpha.1",
            "1.0.0-alpha.beta",
            "1.0.0-beta",
            "1.0.0-beta.2",
            "1.0.0-beta.11",
            "1.0.0-rc.1",
            "1.0.0",
            "1.0.1-0",
            "1.0.1",
            "1.2.0",
            "1.10.0",
            "2.0.0",
        ];
        let read = ordered.map(|text| Version::parse(text).unwrap());
        assert!(read.is_sorted());
    }
}
