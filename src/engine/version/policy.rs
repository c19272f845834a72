//! A policy as a person writes it: `minor`, `semver ~1.4; allow=/^v/`.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use globset::{Glob, GlobMatcher};
use regex::bytes::{Regex, RegexBuilder};

use super::filter::FluxFilter;
use super::range::Range;

/// Which tag an image shall be on. Two are equal when they are written alike, blanks aside.
#[derive(Clone, Debug)]
pub struct Policy {
    /// What decides among the tags.
    pub strategy: Strategy,
    pub(super) allow: Option<Allow>,
    pub(super) ignore: Vec<(String, GlobMatcher)>,
    pub(super) allow_downgrade: bool,
    filter: Option<Arc<FluxFilter>>,
    text: String,
}

/// What decides among the tags.
#[derive(Clone, Debug)]
pub enum Strategy {
    /// The image stays on its tag.
    Digest,
    /// The newest with the same x.y.
    Patch,
    /// The newest with the same x.
    Minor,
    /// The newest.
    Major,
    /// The newest in a range.
    Semver(SemverRange),
    /// The highest text, or the lowest.
    Alphabetical(Order),
    /// The highest number, or the lowest.
    Numerical(Order),
    /// The one that was built last.
    Newest,
    /// The image is left out.
    Ignore,
}

/// The range of [`Strategy::Semver`].
#[derive(Clone, Debug)]
pub struct SemverRange(pub(super) Range);

/// Which end of an order is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The highest: Flux calls it `asc`.
    Ascending,
    /// The lowest.
    Descending,
}

/// The parts of a policy in the settings.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terms<'t> {
    /// `semver ~1.4`
    pub words: &'t str,
    /// A regular expression for the whole tag.
    pub allow: Option<&'t str>,
    /// Globs of tags that are left out.
    pub ignore: &'t [String],
    /// Whether a lower tag, or one instead of a tag that cannot be read, is taken too.
    pub allow_downgrade: bool,
}

/// What is wrong with a policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct PolicyError {
    /// Where.
    pub part: Part,
    /// What: ``the policy `minro` is unknown``.
    pub reason: String,
    /// One thing to do.
    pub hint: String,
}

/// A part of a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Its words.
    Words,
    /// `allow`
    Allow,
    /// `ignore`, by the place in the list.
    Ignore(usize),
    /// `allow-downgrade`
    AllowDowngrade,
}

/// The regular expression that tags must match. It is compiled for as long as tags are held against it: a file may have thousands.
#[derive(Clone, Debug)]
pub(super) struct Allow {
    text: String,
}

/// The same, compiled, with what its groups say.
pub(super) struct Matcher {
    regex: Regex,
    has_group: [bool; 3],
}

/// The groups of `allow` that say what in a tag is compared.
#[derive(Clone, Copy, Debug)]
pub(super) enum Group {
    Version,
    Text,
    Number,
}

const GROUPS: [&str; 3] = ["version", "text", "number"];
/// The longest `allow` or `ignore`. Anybody may have written them.
pub(crate) const LONGEST: usize = 512;
/// How much memory a compiled `allow` may take.
const LARGEST: usize = 64 * 1024;
/// How many globs `ignore` may have.
const MOST_GLOBS: usize = 64;

/// What a regular expression begins with on a line.
const ALLOW: &str = "allow=/";

/// The words, as a person writes them.
pub(crate) const WORDS: [&str; 9] = [
    "digest",
    "patch",
    "minor",
    "major",
    "semver",
    "alphabetical",
    "numerical",
    "newest",
    "ignore",
];
/// What other tools call them.
const SYNONYMS: [(&str, &str); 9] = [
    ("all", "major"),
    ("auto", "major"),
    ("force", "digest"),
    ("never", "ignore"),
    ("none", "ignore"),
    ("name", "alphabetical"),
    ("lexical", "alphabetical"),
    ("newest-build", "newest"),
    ("newestbuild", "newest"),
];

impl Policy {
    /// Reads a policy on one line: `minor`, `semver ~1.4; allow=/^v/`.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let (words, rest) = next_segment(text);
        let mut allow = None;
        for more in rest
            .into_iter()
            .flat_map(segments)
            .filter(|more| !more.is_empty())
        {
            let regex = slashed(more)
                .filter(|_| allow.is_none())
                .ok_or_else(|| PolicyError {
                    part: Part::Allow,
                    reason: format!("`{more}` is not understood"),
                    hint: match more
                        .strip_prefix("allow=")
                        .filter(|regex| !regex.contains('/'))
                    {
                        Some(regex) if !regex.is_empty() => {
                            format!("put slashes around the expression: `allow=/{regex}/`")
                        }
                        _ => "write `POLICY; allow=/REGEX/`".to_owned(),
                    },
                })?;
            allow = Some(regex);
        }
        Self::new(Terms {
            words,
            allow,
            ..Terms::default()
        })
    }

    /// Reads the parts of a policy.
    pub fn new(terms: Terms<'_>) -> Result<Self, PolicyError> {
        let words: Vec<&str> = terms.words.split_whitespace().collect();
        let strategy = strategy(&words)?;
        let mut text = words.join(" ");
        if terms.allow_downgrade
            && !matches!(
                strategy,
                Strategy::Semver(_) | Strategy::Alphabetical(_) | Strategy::Numerical(_)
            )
        {
            return Err(PolicyError {
                part: Part::AllowDowngrade,
                reason: format!("`allow-downgrade` has no meaning with `{text}`"),
                hint: "leave it out, or use `semver`, `alphabetical` or `numerical`".to_owned(),
            });
        }
        let allow = terms.allow.map(Allow::read).transpose()?;
        if let Some(allow) = terms.allow {
            text.push_str(&format!("; allow=/{allow}/"));
        }
        let ignore = globs(terms.ignore)?;
        if !ignore.is_empty() {
            text.push_str(&format!("; ignore={}", terms.ignore.join(",")));
        }
        if terms.allow_downgrade {
            text.push_str("; allow-downgrade");
        }
        Ok(Self {
            strategy,
            allow,
            ignore,
            allow_downgrade: terms.allow_downgrade,
            filter: None,
            text,
        })
    }

    /// The same for tags that this filter leaves, by Flux's rules.
    pub(super) fn with_filter(self, filter: FluxFilter, text: String) -> Self {
        Self {
            filter: Some(Arc::new(filter)),
            text,
            ..self
        }
    }

    /// What filters the tags, where the policy is carried out as Flux does.
    pub fn filter(&self) -> Option<&FluxFilter> {
        self.filter.as_deref()
    }

    /// The policy on one line, with all that decides: `semver ~1.4; allow=/^v/; ignore=*-rc*,nightly`.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether an image stays on its tag, so that no list is needed.
    pub fn keeps_tag(&self) -> bool {
        matches!(self.strategy, Strategy::Digest | Strategy::Ignore)
    }
}

/// The parts between the `;` of a text. A `;` in `allow=/…/` is none of them.
pub(crate) fn segments(text: &str) -> impl Iterator<Item = &str> {
    let mut left = Some(text);
    std::iter::from_fn(move || {
        let (segment, rest) = next_segment(left?);
        left = rest;
        Some(segment)
    })
}

/// The first part of a text, and what stands behind its `;`.
pub(crate) fn next_segment(text: &str) -> (&str, Option<&str>) {
    let text = text.trim_start();
    let start = text
        .strip_prefix(ALLOW)
        .and_then(closing)
        .map_or(0, |end| ALLOW.len() + end);
    match text[start..].find(';') {
        Some(at) => (text[..start + at].trim_end(), Some(&text[start + at + 1..])),
        None => (text.trim_end(), None),
    }
}

/// Where the slash stands that ends a regular expression.
fn closing(text: &str) -> Option<usize> {
    let ends = |at: usize| {
        text[at + 1..]
            .chars()
            .next()
            .is_none_or(|next| next == ';' || next.is_whitespace())
    };
    text.match_indices('/')
        .map(|(at, _)| at)
        .find(|at| ends(*at))
}

/// `REGEX` of `allow=/REGEX/`.
fn slashed(text: &str) -> Option<&str> {
    let inner = text.strip_prefix(ALLOW)?.strip_suffix('/')?;
    (!inner.is_empty()).then_some(inner)
}

fn strategy(words: &[&str]) -> Result<Strategy, PolicyError> {
    let wrong = |reason: String, hint: String| PolicyError {
        part: Part::Words,
        reason,
        hint,
    };
    let Some((word, rest)) = words.split_first() else {
        return Err(wrong("the policy is empty".to_owned(), choice()));
    };
    let (name, order) = word
        .split_once(':')
        .map_or((*word, None), |(name, order)| (name, Some(order)));
    let order = match order {
        None | Some("asc") => Order::Ascending,
        Some("desc") => Order::Descending,
        Some(_) => {
            let hint = "write `alphabetical:asc` or `alphabetical:desc`, and `numerical` likewise";
            return Err(wrong(
                format!("the policy `{word}` is unknown"),
                hint.to_owned(),
            ));
        }
    };
    let strategy = match name {
        "semver" if name == *word => {
            let range = rest.join(" ");
            let hint = || "write a range, as in `semver ~1.4` or `semver >=1.2 <2`".to_owned();
            if range.is_empty() {
                return Err(wrong("`semver` has no range".to_owned(), hint()));
            }
            let read = Range::parse(&range).map_err(|at| {
                let left = range.get(at..).unwrap_or_default();
                let left = left
                    .split(|end: char| end.is_whitespace() || end == ',')
                    .next()
                    .unwrap_or_default();
                let reason = match left {
                    "" => format!("the range `{range}` is not complete"),
                    _ => format!("the range `{range}` is not understood at `{left}`"),
                };
                wrong(reason, hint())
            })?;
            return Ok(Strategy::Semver(SemverRange(read)));
        }
        "alphabetical" => Strategy::Alphabetical(order),
        "numerical" => Strategy::Numerical(order),
        "digest" if name == *word => Strategy::Digest,
        "patch" if name == *word => Strategy::Patch,
        "minor" if name == *word => Strategy::Minor,
        "major" if name == *word => Strategy::Major,
        "newest" if name == *word => Strategy::Newest,
        "ignore" if name == *word => Strategy::Ignore,
        _ => {
            let hint = near(name).map_or_else(choice, |near| format!("write `{near}`"));
            return Err(wrong(format!("the policy `{word}` is unknown"), hint));
        }
    };
    match rest {
        [] => Ok(strategy),
        [more, ..] => Err(wrong(
            format!("`{more}` behind the policy `{word}` is not understood"),
            format!("write `{word}` alone"),
        )),
    }
}

fn choice() -> String {
    let words = WORDS.map(|word| match word {
        "semver" => "`semver RANGE`".to_owned(),
        _ => format!("`{word}`"),
    });
    format!("write one of {}", words.join(", "))
}

/// The word that is meant.
fn near(word: &str) -> Option<&'static str> {
    let word = word.to_lowercase();
    let synonym = SYNONYMS.into_iter().find(|(other, _)| *other == word);
    let near = || {
        WORDS
            .into_iter()
            .find(|known| strsim::osa_distance(&word, known) <= 2)
    };
    synonym.map(|(_, known)| known).or_else(near)
}

impl Allow {
    fn read(text: &str) -> Result<Self, PolicyError> {
        let wrong = |reason: String| {
            PolicyError {
            part: Part::Allow,
            reason,
            hint: "write a regular expression for the whole tag, as in `v?(?<version>\\d+\\.\\d+\\.\\d+)`".to_owned(),
        }
        };
        if text.is_empty() || text.len() > LONGEST {
            return Err(wrong(format!(
                "`allow` has {} bytes, and may have 1 to {LONGEST}",
                text.len()
            )));
        }
        // Alone first: `a)|(b` must not become one with what is put around it.
        let read = parse(text).and_then(|()| compiled(&whole(text), LARGEST));
        read.map_err(|error| {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            wrong(format!(
                "`allow` is not a regular expression: {}",
                last.trim_start_matches("error: ")
            ))
        })?;
        Ok(Self {
            text: text.to_owned(),
        })
    }

    /// The expression without what holds it to the whole tag.
    pub(super) fn anywhere(&self) -> Option<Regex> {
        compiled(&self.text, LARGEST).ok()
    }

    pub(super) fn matcher(&self) -> Matcher {
        let regex =
            compiled(&whole(&self.text), LARGEST).expect("it was compiled when it was read");
        let has_group =
            GROUPS.map(|group| regex.capture_names().flatten().any(|name| name == group));
        Matcher { regex, has_group }
    }
}

impl Matcher {
    pub(super) fn is_match(&self, tag: &str) -> bool {
        self.regex.is_match(tag.as_bytes())
    }

    /// Whether the expression has the group, so that it alone is compared.
    pub(super) fn has(&self, group: Group) -> bool {
        self.has_group[group as usize]
    }

    /// What the group matches in a tag.
    pub(super) fn group<'t>(&self, group: Group, tag: &'t str) -> Option<&'t str> {
        let captures = self.regex.captures(tag.as_bytes())?;
        let found = captures.name(GROUPS[group as usize])?;
        tag.get(found.range())
    }
}

/// The expression that matches the whole tag.
fn whole(text: &str) -> String {
    format!("^(?:{text})$")
}

/// Tags are ASCII. Without Unicode, `\d` is ten characters and the expression is small.
fn compiled(text: &str, size: usize) -> Result<Regex, regex::Error> {
    #[cfg(test)]
    COMPILED.set(COMPILED.get() + size);
    RegexBuilder::new(text)
        .unicode(false)
        .size_limit(size)
        .dfa_size_limit(size)
        .build()
}

#[cfg(test)]
thread_local! {
    /// How much memory the compiled expressions of this thread were given.
    static COMPILED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// A regular expression that another tool looks for anywhere in a tag.
pub(super) fn compile(text: &str) -> Result<Regex, PolicyError> {
    if text.len() > LONGEST {
        let reason = format!("a regular expression has more than {LONGEST} bytes");
        return Err(PolicyError::expression(reason));
    }
    compiled(text, LARGEST)
        .map_err(|_| PolicyError::expression(format!("`{text}` is not a regular expression")))
}

impl PolicyError {
    /// What is wrong with a regular expression of another tool.
    pub(super) fn expression(reason: String) -> Self {
        Self {
            part: Part::Allow,
            reason,
            hint: "correct it".to_owned(),
        }
    }
}

/// Whether it is a regular expression, which is known before the first byte of it is compiled.
fn parse(text: &str) -> Result<(), regex::Error> {
    match compiled(text, 0) {
        Ok(_) | Err(regex::Error::CompiledTooBig(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

fn globs(texts: &[String]) -> Result<Vec<(String, GlobMatcher)>, PolicyError> {
    let wrong = |at: usize, reason: String| PolicyError {
        part: Part::Ignore(at),
        reason,
        hint: "write globs of tags, as in `ignore: [\"*-rc*\", nightly]`".to_owned(),
    };
    if texts.len() > MOST_GLOBS {
        return Err(wrong(
            MOST_GLOBS,
            format!("`ignore` has more than {MOST_GLOBS} globs"),
        ));
    }
    let read = |(at, text): (usize, &String)| {
        let glob = Glob::new(text)
            .map_err(|error| wrong(at, format!("`{text}` is not a glob: {}", error.kind())))?;
        match text.is_empty() || text.len() > LONGEST {
            true => Err(wrong(
                at,
                format!(
                    "a glob has {} bytes, and may have 1 to {LONGEST}",
                    text.len()
                ),
            )),
            false => Ok((text.clone(), glob.compile_matcher())),
        }
    };
    texts.iter().enumerate().map(read).collect()
}

impl fmt::Display for Policy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl PartialEq for Policy {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Policy {}

impl PartialOrd for Policy {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Policy {
    fn cmp(&self, other: &Self) -> Ordering {
        self.text.cmp(&other.text)
    }
}

impl Hash for Policy {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_is_compiled_once_to_be_read() {
        COMPILED.set(0);
        Policy::parse("minor; allow=/[0-9]{1,20}(-[a-z]{1,20}){1,20}/").unwrap();
        assert_eq!(COMPILED.get(), LARGEST);
        for broken in ["a)|(b", "(", "a{9999}{9999}"] {
            assert!(Policy::parse(&format!("minor; allow=/{broken}/")).is_err());
        }
    }

    #[test]
    fn every_word_is_read_and_told_again() {
        for text in [
            "digest",
            "patch",
            "minor",
            "major",
            "semver ~1.4",
            "semver >=1.2 <2 || >3",
            "alphabetical",
            "alphabetical:asc",
            "alphabetical:desc",
            "numerical",
            "numerical:desc",
            "ignore",
            "semver ^1; allow=/v?(?<version>[0-9.]+)/",
            "numerical; allow=/build-(?P<number>\\d+)|x/",
        ] {
            assert_eq!(Policy::parse(text).unwrap().text(), text);
        }
        let same =
            |left, right| assert_eq!(Policy::parse(left).unwrap(), Policy::parse(right).unwrap());
        same(" semver   ~1.4 ", "semver ~1.4");
        same("minor;allow=/a/", "minor ; allow=/a/");
        let ignore = ["*-rc*".to_owned(), "nightly".to_owned()];
        let terms = Terms {
            words: "semver *",
            allow: Some("v.*"),
            ignore: &ignore,
            allow_downgrade: true,
        };
        let policy = Policy::new(terms).unwrap();
        assert_eq!(
            policy.text(),
            "semver *; allow=/v.*/; ignore=*-rc*,nightly; allow-downgrade"
        );
    }

    #[test]
    fn a_mistake_says_where_it_is_and_what_to_write() {
        for (text, expected) in [
            (
                "",
                "the policy is empty; write one of `digest`, `patch`, `minor`, `major`, `semver RANGE`, `alphabetical`, `numerical`, `newest`, `ignore`",
            ),
            ("minro", "the policy `minro` is unknown; write `minor`"),
            ("Minor", "the policy `Minor` is unknown; write `minor`"),
            ("all", "the policy `all` is unknown; write `major`"),
            (
                "minor:desc",
                "the policy `minor:desc` is unknown; write `minor`",
            ),
            (
                "numerical:up",
                "the policy `numerical:up` is unknown; write `alphabetical:asc` or `alphabetical:desc`, and `numerical` likewise",
            ),
            (
                "minor please",
                "`please` behind the policy `minor` is not understood; write `minor` alone",
            ),
            (
                "semver",
                "`semver` has no range; write a range, as in `semver ~1.4` or `semver >=1.2 <2`",
            ),
            (
                "semver ~1.4 minor",
                "the range `~1.4 minor` is not understood at `minor`; write a range, as in `semver ~1.4` or `semver >=1.2 <2`",
            ),
            (
                "semver >=1.2 ||",
                "the range `>=1.2 ||` is not complete; write a range, as in `semver ~1.4` or `semver >=1.2 <2`",
            ),
            (
                "minor; ignored",
                "`ignored` is not understood; write `POLICY; allow=/REGEX/`",
            ),
            (
                "minor; allow=v.*",
                "`allow=v.*` is not understood; put slashes around the expression: `allow=/v.*/`",
            ),
            (
                "minor; allow=//",
                "`allow=//` is not understood; write `POLICY; allow=/REGEX/`",
            ),
        ] {
            let error = Policy::parse(text).unwrap_err();
            assert_eq!(format!("{}; {}", error.reason, error.hint), expected);
        }
        for allow in [
            "(",
            "a)|(b",
            "(?x) a # b",
            "",
            &"a".repeat(600),
            "(a{100}){100}{100}",
        ] {
            let error = Policy::new(Terms {
                words: "major",
                allow: Some(allow),
                ..Terms::default()
            })
            .unwrap_err();
            assert_eq!(error.part, Part::Allow, "{allow}");
            assert!(error.reason.starts_with("`allow` "), "{error}");
        }
        let ignore = ["ok".to_owned(), "[".to_owned()];
        let terms = Terms {
            words: "major",
            ignore: &ignore,
            ..Terms::default()
        };
        assert_eq!(Policy::new(terms).unwrap_err().part, Part::Ignore(1));
        let terms = Terms {
            words: "major",
            allow_downgrade: true,
            ..Terms::default()
        };
        assert_eq!(Policy::new(terms).unwrap_err().part, Part::AllowDowngrade);
    }
}
