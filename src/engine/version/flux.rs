//! The rules of Flux's image reflector, for policies that are carried out as Flux does: the list alone decides, whatever the tag now is.
//!
//! 1. A tag that one of the exclusions matches is left out, and one that the pattern does not match anywhere.
//! 2. `extract` makes a text of each match. Of several tags with one text, Flux takes any; here it is the last by its bytes.
//! 3. The texts are compared: exact versions in the range, all as texts, or all as numbers. One that is no number leaves no answer.
//!
//! Sources: `internal/policy` and `internal/controller/imagepolicy_controller.go` of image-reflector-controller, 1.0.

use std::collections::BTreeMap;

use regex::bytes::Regex;

use super::filter::FluxFilter;
use super::policy::{Order, Policy, PolicyError, Strategy, Terms, compile};
use super::range::Version;
use super::rank::{Counts, Ranking};
use super::template::{Piece, pieces};

/// How many exclusions an ImageRepository may have.
const MOST_EXCLUSIONS: usize = 64;
/// What an ImageRepository leaves out that says nothing of it.
const EXCLUDED: &str = r"^.*\.sig$";

impl Policy {
    /// A policy that is carried out as Flux does.
    pub fn of_flux(words: &str, filter: FluxFilter) -> Result<Self, PolicyError> {
        let policy = Self::new(Terms {
            words,
            ..Terms::default()
        })?;
        filter.compiled()?;
        let mut text = format!("flux {}", policy.text());
        let parts = [("pattern", &filter.pattern), ("extract", &filter.extract)];
        for (name, part) in parts {
            if let Some(part) = part {
                text.push_str(&format!("; {name}=/{part}/"));
            }
        }
        if let Some(exclusions) = &filter.exclusions {
            text.push_str(&format!("; exclude={exclusions:?}"));
        }
        Ok(policy.with_filter(filter, text))
    }
}

struct Compiled<'f> {
    exclusions: Vec<Regex>,
    pattern: Option<Regex>,
    /// Nothing where all of a tag is compared.
    extract: Vec<Piece<'f>>,
}

impl FluxFilter {
    fn compiled(&self) -> Result<Compiled<'_>, PolicyError> {
        let default = [EXCLUDED.to_owned()];
        let exclusions = self.exclusions.as_deref().unwrap_or(&default);
        if exclusions.len() > MOST_EXCLUSIONS {
            return Err(PolicyError::expression(format!(
                "`exclusionList` has more than {MOST_EXCLUSIONS} entries"
            )));
        }
        let read = |text: &String| compile(text);
        Ok(Compiled {
            exclusions: exclusions.iter().map(read).collect::<Result<_, _>>()?,
            pattern: self.pattern.as_ref().map(read).transpose()?,
            extract: pieces(self.extract.as_deref().unwrap_or_default()),
        })
    }
}

impl Compiled<'_> {
    /// The text of a tag that is compared. `None`: the tag does not take part.
    fn text(&self, tag: &str) -> Option<String> {
        let bytes = tag.as_bytes();
        if self.exclusions.iter().any(|regex| regex.is_match(bytes)) {
            return None;
        }
        let Some(pattern) = &self.pattern else {
            return Some(tag.to_owned());
        };
        let captures = pattern.captures(bytes)?;
        if self.extract.is_empty() {
            return Some(tag.to_owned());
        }
        let mut text = Vec::new();
        for piece in &self.extract {
            let found = match piece {
                Piece::Text(piece) => Some(piece.as_bytes()),
                Piece::Number(number) => captures.get(*number).map(|found| found.as_bytes()),
                Piece::Name(name) => captures.name(name).map(|found| found.as_bytes()),
            };
            text.extend(found.unwrap_or_default());
        }
        String::from_utf8(text).ok()
    }
}

/// Sorts tags as Flux does, the best first. `Err`: why Flux takes none.
pub fn rank_as_flux<'t>(
    tags: impl IntoIterator<Item = &'t str>,
    policy: &Policy,
) -> Result<Ranking<'t>, String> {
    let default = FluxFilter::default();
    let filter = policy.filter().unwrap_or(&default);
    let filter = filter.compiled().map_err(|error| error.reason)?;
    let mut counts = Counts::default();
    let mut texts: BTreeMap<String, &str> = BTreeMap::new();
    for tag in tags {
        counts.seen += 1;
        if let Some(text) = filter.text(tag) {
            counts.allowed += 1;
            let last = texts.entry(text).or_insert(tag);
            *last = (*last).max(tag);
        }
    }
    let mut sorted: Vec<(&str, &str)> = Vec::new();
    match &policy.strategy {
        Strategy::Semver(range) => {
            let versions = texts.iter().filter_map(|(text, tag)| {
                // Tags have no build metadata, but what is made of them may.
                let version = text.split_once('+').map_or(&**text, |(version, _)| version);
                let version = Version::parse(version)?;
                range.0.has(&version, false).then_some((version, *tag))
            });
            let mut versions: Vec<(Version<'_>, &str)> = versions.collect();
            versions.sort_unstable();
            sorted.extend(versions.into_iter().map(|(_, tag)| ("", tag)));
        }
        Strategy::Alphabetical(_) => sorted.extend(texts.iter().map(|(text, tag)| (&**text, *tag))),
        _ => {
            let numbers = texts.iter().map(|(text, tag)| {
                let number = number(text).ok_or_else(|| {
                    format!("`{text}` of the tag `{tag}` is not a decimal number, or too large")
                })?;
                Ok::<_, String>((number, *tag))
            });
            let mut numbers: Vec<(f64, &str)> = numbers.collect::<Result<_, _>>()?;
            numbers
                .sort_unstable_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(other.1)));
            sorted.extend(numbers.into_iter().map(|(_, tag)| ("", tag)));
        }
    }
    counts.understood = sorted.len();
    if !matches!(
        policy.strategy,
        Strategy::Alphabetical(Order::Descending) | Strategy::Numerical(Order::Descending)
    ) {
        sorted.reverse();
    }
    match sorted.first() {
        None => Err("no tag of the repository fits the image policy".to_owned()),
        Some((_, best)) => Ok(Ranking {
            best: Some(best),
            counts,
            obstacle: None,
            candidates: sorted.into_iter().map(|(_, tag)| tag).collect(),
        }),
    }
}

/// A number as `strconv.ParseFloat` reads it, which is what Flux does: `1e3`, `2026_01_02`, `-Inf`. `None`: Flux refuses it (`12e45678`), it is
/// hexadecimal, or it is `NaN`, with which Flux takes any tag.
fn number(text: &str) -> Option<f64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_infinite = ["inf", "infinity"].map(|word| digits.eq_ignore_ascii_case(word));
    let is_digit = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_digit());
    let parts: Vec<&str> = text.split('_').collect();
    let are_separated = (parts.windows(2))
        .all(|two| is_digit(two[0].chars().next_back()) && is_digit(two[1].chars().next()));
    let number: f64 = parts.concat().parse().ok()?;
    (are_separated && (number.is_finite() || is_infinite.contains(&true))).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cases of Go's own table of `ParseFloat`. Tags cannot have a `+`, but what `extract` makes of them can.
    #[test]
    fn numbers_are_read_as_go_reads_them() {
        for (text, expected) in [
            ("1", 1.0),
            ("+1", 1.0),
            ("-0.1", -0.1),
            ("1e23", 1e23),
            ("1E23", 1e23),
            ("625e-3", 0.625),
            ("1.", 1.0),
            (".5", 0.5),
            ("007", 7.0),
            ("100000000000000016777216", 1.000_000_000_000_000_3e23),
            ("1.7976931348623158e308", f64::MAX),
            ("1e-400000", 0.0),
            ("0e+01234567890123456789", 0.0),
            ("1_23.50_0_0e+1_2", 1.235e14),
            ("2026_01_02", 20_260_102.0),
            ("inf", f64::INFINITY),
            ("-Inf", f64::NEG_INFINITY),
            ("+INFINITY", f64::INFINITY),
        ] {
            assert_eq!(number(text), Some(expected), "{text}");
        }
        let refused = "1x 1.1. . + - 1e 1e- .e-1 e5 0x1 0x1e2 1p2 infi infinite -nan \
            12e45678 -1e310 1.797693134862315808e308 1e+18446744073709551616 \
            _123 -_123 1__23 123_.5 123._5 123.5_e+12 123.5e_12 123.5e+_12 123.5e+12_ 0x_1 i_nf";
        // The last two are numbers for Go.
        for text in refused.split_whitespace().chain(["", " 1", "nan", "0x1p4"]) {
            assert_eq!(number(text), None, "{text}");
        }
    }

    fn told(words: &str, pattern: &str, extract: &str, tags: &[&str]) -> String {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let filter = FluxFilter {
            exclusions: None,
            pattern: some(pattern),
            extract: some(extract),
        };
        let policy = Policy::of_flux(words, filter).unwrap();
        match rank_as_flux(tags.iter().copied(), &policy) {
            Ok(ranking) => ranking.candidates[0].to_owned(),
            Err(why) => why,
        }
    }

    /// The cases that Flux's documentation of ImagePolicies describes, with tags of our own.
    #[test]
    fn the_examples_of_the_documentation() {
        const NONE: &str = "no tag of the repository fits the image policy";
        let main = [
            "main-af5b1c2-1700000003",
            "main-0c1d2e3-1700000010",
            "main-ffffff0-1700000009",
            "dev-ffffff0-1800000000",
        ];
        for (words, pattern, extract, tags, expected) in [
            // Patch releases of 1.0; exact versions alone.
            (
                "semver >=1.0.0 <1.1.0",
                "",
                "",
                &["1.0.1", "1.0.10", "1.1.0", "1.0", "v1.0.9", "1.0.11-rc.1"][..],
                "1.0.10",
            ),
            (
                "semver 5.0.x",
                "",
                "",
                &["5.0.0", "5.0.1-rc.1", "5.1.0"],
                "5.0.0",
            ),
            // Pre-releases where the range says so.
            (
                "semver >=1.0.0-0",
                "",
                "",
                &["1.0.0-rc.1", "1.0.0-rc.3", "0.9.0"],
                "1.0.0-rc.3",
            ),
            (
                "semver >=1.0.0-0",
                ".*-rc.*",
                "",
                &["1.0.0-rc.1", "1.0.0", "1.0.0-rc.3"],
                "1.0.0-rc.3",
            ),
            (
                "semver ^1.x-0",
                ".*-rc.*",
                "",
                &["1.1.0-rc.1", "1.2.0-rc.2", "1.3.0", "2.0.0-rc.1"],
                "1.2.0-rc.2",
            ),
            // What is no exact version: four numbers, a letter behind them, another prefix.
            (
                "semver 1.0.x",
                "",
                "",
                &["1.0.0", "1.0.0.1", "1.0.2p", "b1.0.3", "1.0.1", "1.2.0"],
                "1.0.1",
            ),
            // Build metadata counts for nothing.
            (
                "semver *",
                r"^(.*)_(\d+)$",
                "$1+$2",
                &["1.2.3_9", "1.2.4_1", "1.2.4_0"],
                "1.2.4_1",
            ),
            // The version in a tag with more behind it.
            (
                "semver 1.0.x",
                r"^(?P<semver>[0-9]*\.[0-9]*\.[0-9]*)-ubuntu$",
                "$semver",
                &["1.0.3-ubuntu", "1.0.9", "1.0.12-ubuntu"],
                "1.0.12-ubuntu",
            ),
            // The time in the name of a build.
            (
                "numerical:asc",
                "^main-[a-f0-9]+-(?P<ts>[0-9]+)",
                "$ts",
                &main,
                "main-0c1d2e3-1700000010",
            ),
            (
                "numerical:desc",
                "^main-[a-f0-9]+-(?P<ts>[0-9]+)",
                "$ts",
                &main,
                "main-af5b1c2-1700000003",
            ),
            (
                "alphabetical",
                "^RELEASE\\.(?P<timestamp>.*)Z$",
                "$timestamp",
                &[
                    "RELEASE.2026-01-01T00-00-00Z",
                    "RELEASE.2026-02-01T00-00-00Z",
                    "edge",
                ],
                "RELEASE.2026-02-01T00-00-00Z",
            ),
            (
                "alphabetical",
                "",
                "",
                &["xenial", "yakkety", "zesty", "artful", "latest"],
                "zesty",
            ),
            (
                "alphabetical:desc",
                "",
                "",
                &["xenial", "yakkety", "artful"],
                "artful",
            ),
            // A pattern is looked for anywhere; texts are put together.
            (
                "semver *",
                "1\\.2",
                "",
                &["1.2.0", "31.2.0", "1.3.0"],
                "31.2.0",
            ),
            (
                "semver *",
                r"^(\d+)-(\d+)$",
                "$1.${2}.0",
                &["1-4", "1-12", "2"],
                "1-12",
            ),
            // Numbers as Flux reads them, all or none.
            ("numerical", "", "", &["1e3", "999", "-5"], "1e3"),
            ("numerical:desc", "", "", &["5", "-8", "-78", "25"], "-78"),
            (
                "numerical",
                "",
                "",
                &["47.4", "-27.85", "53.47", "3"],
                "53.47",
            ),
            (
                "numerical",
                "",
                "",
                &["1", "two"],
                "`two` of the tag `two` is not a decimal number, or too large",
            ),
            (
                "numerical",
                "",
                "",
                &["1", "12e45678"],
                "`12e45678` of the tag `12e45678` is not a decimal number, or too large",
            ),
            (
                "numerical",
                "",
                "",
                &["2026_01_02", "20260101"],
                "2026_01_02",
            ),
            ("numerical", "", "", &["1", "inf", "1e300"], "inf"),
            // What `extract` may be.
            (
                "semver *",
                r"[0-9.]+",
                "$0",
                &["web-1.2.0", "api-1.10.0"],
                "api-1.10.0",
            ),
            (
                "semver *",
                r"^x(.*)",
                "v${1}",
                &["x1.2.0", "x1.10.0", "xv2.0.0"],
                "x1.10.0",
            ),
            // `01` and `1x` are names that no group has, and braces have to hold a name.
            ("alphabetical:desc", "(.).*", "$01", &["a-2", "b-1"], "b-1"),
            (
                "numerical",
                "(.)-(.)",
                "${1-}$2",
                &["b-1"],
                "`${1-}1` of the tag `b-1` is not a decimal number, or too large",
            ),
            // Signatures are excluded, attestations are not.
            ("alphabetical", "", "", &["a", "sha256-0.sig"], "a"),
            (
                "alphabetical",
                "",
                "",
                &["a", "sha256-0.att"],
                "sha256-0.att",
            ),
            // One text of two tags.
            (
                "numerical",
                r"^[a-z]+-(\d+)$",
                "$1",
                &["b-7", "a-7", "c-6"],
                "b-7",
            ),
            ("semver ^9", "", "", &["1.0.0"], NONE),
            ("semver *", "nothing", "", &["1.0.0"], NONE),
        ] {
            assert_eq!(
                told(words, pattern, extract, tags),
                expected,
                "{words} {pattern} {extract}"
            );
            let turned: Vec<&str> = tags.iter().rev().copied().collect();
            assert_eq!(told(words, pattern, extract, &turned), expected);
        }
    }

    #[test]
    fn what_no_expression_is_says_so() {
        let of = |pattern: &str| {
            let filter = FluxFilter {
                pattern: Some(pattern.to_owned()),
                ..FluxFilter::default()
            };
            Policy::of_flux("semver *", filter)
        };
        assert!(of("(").is_err() && of("^v").is_ok() && of("a{9999}{9999}").is_err());
        assert_eq!(of("^v").unwrap().text(), "flux semver *; pattern=/^v/");
    }
}
