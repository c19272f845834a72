//! The rules of Flux's image reflector, for policies that are carried out as Flux does: the list alone decides, whatever the tag now is.
//!
//! 1. A tag that one of the exclusions matches is left out, and one that the pattern does not match anywhere.
//! 2. `extract` makes a text of each match. Of several tags with one text, Flux takes any; here it is the last by its bytes.
//! 3. The texts are compared: exact versions in the range, all as texts, or all as numbers.
//!
//! Sources: `internal/policy` and `internal/controller/imagepolicy_controller.go` of image-reflector-controller, 1.0.

use std::collections::BTreeMap;

use regex::bytes::Regex;

use super::filter::FluxFilter;
use super::policy::{Order, Policy, PolicyError, Strategy, Terms, compile};
use super::range::Version;
use super::rank::{Counts, Ranking};

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
    extract: Option<&'f str>,
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
            extract: self
                .extract
                .as_deref()
                .filter(|extract| !extract.is_empty()),
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
        let Some(extract) = self.extract else {
            return Some(tag.to_owned());
        };
        let mut text = Vec::new();
        captures.expand(extract.as_bytes(), &mut text);
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
            let numbers = texts.iter().map(|(text, tag)| match text.parse::<f64>() {
                Ok(number) if !number.is_nan() => Ok((number, *tag)),
                _ => Err(format!("`{text}` of the tag `{tag}` is no number")),
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

#[cfg(test)]
mod tests {
    use super::*;

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
                "`two` of the tag `two` is no number",
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
