//! Regular expressions of a kustomization. Anybody may have written them, so each is small and a kustomization has few.

use regex::bytes::{Regex, RegexBuilder};

/// The longest text of a name, a tag or a pattern that is read.
pub(super) const LONGEST: usize = 512;
/// The longest pattern that is compiled.
const LONGEST_PATTERN: usize = 256;
/// How much memory a compiled pattern may take, and as much again for its cache.
const LARGEST: usize = 32 * 1024;
/// How many patterns of a kustomization are compiled.
const MOST: usize = 64;

/// A text that a whole other text has to match.
#[derive(Clone, Debug)]
pub(super) enum Pattern {
    /// Dots, which nearly every name has, mean any character.
    Plain(String),
    Regex(Regex),
    /// It is no regular expression, or too large a one.
    Unread,
}

/// What of one kustomization is read within the limits.
#[derive(Debug)]
pub(super) struct Limits {
    left: usize,
    /// What was not read, as a reason to doubt.
    pub(super) doubt: Option<String>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            left: MOST,
            doubt: None,
        }
    }
}

impl Limits {
    /// Takes note of a text that is not read. The first one is told.
    pub(super) fn refuse(&mut self, what: &str, text: &str) {
        self.doubt.get_or_insert_with(|| {
            let shown: String = text.chars().take(40).collect();
            format!("its {what} `{shown}` cannot be read")
        });
    }
}

impl Pattern {
    /// Reads a pattern for a whole text, as kustomize does it for selectors.
    pub(super) fn whole(text: &str, limits: &mut Limits) -> Self {
        Self::read(text, |text| format!("^(?:{text})$"), limits)
    }

    /// Reads a pattern that becomes part of a longer one.
    pub(super) fn read(text: &str, around: impl Fn(&str) -> String, limits: &mut Limits) -> Self {
        if !is_pattern(text) && text.len() <= LONGEST {
            return Self::Plain(text.to_owned());
        }
        let is_due = limits.left > 0 && text.len() <= LONGEST_PATTERN;
        match is_due.then(|| compile(&around(text))).flatten() {
            Some(regex) => {
                limits.left -= 1;
                Self::Regex(regex)
            }
            None => {
                limits.refuse("pattern", text);
                Self::Unread
            }
        }
    }

    /// Whether the pattern matches a whole text. `None`: nobody knows.
    pub(super) fn matches(&self, text: &str) -> Option<bool> {
        match self {
            Self::Plain(plain) => Some(behind(plain, text) == Some("")),
            Self::Regex(regex) => Some(regex.is_match(text.as_bytes())),
            Self::Unread => None,
        }
    }
}

/// What stands in a text behind a name, whose dots mean any character. `None`: it does not begin with the name.
pub(super) fn behind<'t>(name: &str, text: &'t str) -> Option<&'t str> {
    let mut rest = text.chars();
    let begins = (name.chars()).all(|wanted| {
        rest.next()
            .is_some_and(|found| wanted == '.' || wanted == found)
    });
    begins.then_some(rest.as_str())
}

/// Whether a name means more than itself. Dots are in nearly every one.
pub(in crate::engine) fn is_pattern(name: &str) -> bool {
    name.contains([
        '\\', '^', '$', '|', '?', '*', '+', '(', ')', '[', ']', '{', '}',
    ])
}

/// Names are ASCII. Without the tables of Unicode, `\w` is small and means what it means to kustomize.
fn compile(whole: &str) -> Option<Regex> {
    let mut builder = RegexBuilder::new(whole);
    builder.unicode(false);
    builder.size_limit(LARGEST).dfa_size_limit(LARGEST);
    builder.build().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Pattern, Limits) {
        let mut limits = Limits::default();
        (Pattern::whole(text, &mut limits), limits)
    }

    #[test]
    fn a_pattern_matches_whole_texts() {
        for (text, matched, other) in [
            ("Job", &["Job"][..], &["CronJob", "Jobs"][..]),
            ("Job|CronJob", &["Job", "CronJob"], &["Jobs", "XCronJob"]),
            ("J.b", &["Job"], &["Jb"]),
            (r"\w+-web", &["shop-web"], &["shop_web", "é-web"]),
        ] {
            let (pattern, limits) = read(text);
            assert!(limits.doubt.is_none(), "{text}");
            for one in matched {
                assert_eq!(pattern.matches(one), Some(true), "{text} {one}");
            }
            for one in other {
                assert_eq!(pattern.matches(one), Some(false), "{text} {one}");
            }
        }
    }

    #[test]
    fn what_is_broken_or_too_large_is_told_and_not_compiled() {
        let long = format!("({})", "a".repeat(LONGEST_PATTERN));
        for text in ["web(", "(a{1000}){1000}", &long, &"a".repeat(LONGEST + 1)] {
            let (pattern, limits) = read(text);
            assert_eq!(pattern.matches("web"), None, "{text}");
            let told = limits.doubt.unwrap();
            assert!(
                told.starts_with("its pattern `") && told.len() < 80,
                "{told}"
            );
        }
    }

    #[test]
    fn a_kustomization_has_few_patterns() {
        let mut limits = Limits::default();
        for _ in 0..MOST {
            let pattern = Pattern::whole("a|b", &mut limits);
            assert_eq!(pattern.matches("a"), Some(true));
        }
        assert!(limits.doubt.is_none());
        assert_eq!(Pattern::whole("a|b", &mut limits).matches("a"), None);
        assert!(limits.doubt.is_some());
        assert_eq!(Pattern::whole("a", &mut limits).matches("a"), Some(true));
    }
}
