//! Label selectors: the whole grammar of Kubernetes' `-l`.
//!
//! Follows `labels.Parse` of apimachinery exactly, including its odd corners: `a in (,b)` has an empty value, `a in (b,,)` is an
//! error. So a selector means the same here, in `kubectl` and in the API server. Keys and values must follow the rules for
//! labels, because a selector that could never match should be an error and not an empty result.

mod parser;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::fmt;

/// Requirements on labels, all of which must hold. The default has none, and matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector(Vec<Requirement>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    test: Test,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Test {
    Exists,
    Missing,
    In(BTreeSet<String>),
    NotIn(BTreeSet<String>),
    Above(i64),
    Below(i64),
}

impl LabelSelector {
    /// Parses a selector such as `app=web,tier in (front, back),!legacy,age>3`. An empty text has no requirements.
    pub fn parse(text: &str) -> Result<Self, LabelError> {
        parser::requirements(text).map(Self)
    }

    /// Whether the labels meet every requirement.
    pub fn matches(&self, labels: &[(String, String)]) -> bool {
        self.0.iter().all(|requirement| {
            let mut own = labels.iter().filter(|(key, _)| *key == requirement.key);
            requirement
                .test
                .holds(own.next().map(|(_, value)| &**value))
        })
    }
}

impl Test {
    fn holds(&self, value: Option<&str>) -> bool {
        match self {
            Self::Exists => value.is_some(),
            Self::Missing => value.is_none(),
            Self::In(values) => value.is_some_and(|value| values.contains(value)),
            Self::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
            Self::Above(limit) => value
                .and_then(integer)
                .is_some_and(|number| number > *limit),
            Self::Below(limit) => value
                .and_then(integer)
                .is_some_and(|number| number < *limit),
        }
    }
}

/// The form that the API server takes as `labelSelector`. Parsing it gives an equal selector.
impl fmt::Display for LabelSelector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Requirement { key, test }) in self.0.iter().enumerate() {
            if index > 0 {
                formatter.write_str(",")?;
            }
            let list = |values: &BTreeSet<String>| {
                values
                    .iter()
                    .map(String::as_str)
                    .collect::<Vec<_>>()
                    .join(",")
            };
            match test {
                Test::Exists => write!(formatter, "{key}")?,
                Test::Missing => write!(formatter, "!{key}")?,
                Test::In(values) if values.len() == 1 => {
                    write!(formatter, "{key}={}", list(values))?
                }
                Test::NotIn(values) if values.len() == 1 => {
                    write!(formatter, "{key}!={}", list(values))?
                }
                Test::In(values) => write!(formatter, "{key} in ({})", list(values))?,
                Test::NotIn(values) => write!(formatter, "{key} notin ({})", list(values))?,
                Test::Above(limit) => write!(formatter, "{key}>{limit}")?,
                Test::Below(limit) => write!(formatter, "{key}<{limit}")?,
            }
        }
        Ok(())
    }
}

/// What is wrong with a label selector, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// The text does not follow the grammar here.
    #[error("found {found} at character {at}, expected {expected}")]
    Unexpected {
        /// The character, from 1.
        at: usize,
        /// What is there, in backquotes, or `the end`.
        found: String,
        /// What the grammar expects.
        expected: &'static str,
    },
    /// A key breaks the rules for labels.
    #[error("`{key}` at character {at} is not a label's key: {reason}")]
    Key {
        /// The character, from 1.
        at: usize,
        /// The key as written.
        key: String,
        /// The rule that it breaks.
        reason: &'static str,
    },
    /// A value breaks the rules for labels.
    #[error(
        "`{value}` at character {at} is not a label's value: at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends"
    )]
    Value {
        /// The character, from 1.
        at: usize,
        /// The value as written.
        value: String,
    },
    /// `>` and `<` compare integers.
    #[error("`{value}` at character {at} is not an integer, but `>` and `<` compare integers")]
    Integer {
        /// The character, from 1.
        at: usize,
        /// The value as written.
        value: String,
    },
}

/// Parses like Go's `ParseInt` in base 10.
fn integer(text: &str) -> Option<i64> {
    text.parse().ok()
}
