//! Label selectors: the whole grammar that Kubernetes reads after `-l`.
//!
//! Follows `labels.Parse` of apimachinery to the letter, its odd corners included (`a in (,b)` has an empty value, `a in (b,,)` is an
//! error), so that a selector means the same here, in `kubectl` and in the API server. Keys and values are held against the rules for
//! labels: a selector that could never match is an error, not an empty result.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The longest name part of a key, and the longest value, in bytes.
const MAX_NAME: usize = 63;
/// The longest prefix of a key (`example.test/`), in bytes without the slash.
const MAX_PREFIX: usize = 253;

/// Requirements on labels, all of which must hold. The default has none and matches everything.
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
    /// Reads a selector such as `app=web,tier in (front, back),!legacy,age>3`. An empty text has no requirements.
    pub fn parse(text: &str) -> Result<Self, LabelError> {
        Parser { text, tokens: tokens(text)?, next: 0 }.selector().map(Self)
    }

    /// Whether the labels fulfil every requirement.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        self.0.iter().all(|requirement| requirement.test.holds(labels.get(&requirement.key).map(String::as_str)))
    }
}

impl Test {
    fn holds(&self, value: Option<&str>) -> bool {
        match self {
            Self::Exists => value.is_some(),
            Self::Missing => value.is_none(),
            Self::In(values) => value.is_some_and(|value| values.contains(value)),
            Self::NotIn(values) => value.is_none_or(|value| !values.contains(value)),
            Self::Above(limit) => value.and_then(integer).is_some_and(|number| number > *limit),
            Self::Below(limit) => value.and_then(integer).is_some_and(|number| number < *limit),
        }
    }
}

/// In the form that an API server takes as `labelSelector`; reading it again gives an equal selector.
impl fmt::Display for LabelSelector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Requirement { key, test }) in self.0.iter().enumerate() {
            if index > 0 {
                formatter.write_str(",")?;
            }
            let list = |values: &BTreeSet<String>| values.iter().map(String::as_str).collect::<Vec<_>>().join(",");
            match test {
                Test::Exists => write!(formatter, "{key}")?,
                Test::Missing => write!(formatter, "!{key}")?,
                Test::In(values) if values.len() == 1 => write!(formatter, "{key}={}", list(values))?,
                Test::NotIn(values) if values.len() == 1 => write!(formatter, "{key}!={}", list(values))?,
                Test::In(values) => write!(formatter, "{key} in ({})", list(values))?,
                Test::NotIn(values) => write!(formatter, "{key} notin ({})", list(values))?,
                Test::Above(limit) => write!(formatter, "{key}>{limit}")?,
                Test::Below(limit) => write!(formatter, "{key}<{limit}")?,
            }
        }
        Ok(())
    }
}

/// Why a text is no label selector, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// Something stands where the grammar has something else.
    #[error("found {found} at character {at}, expected {expected}")]
    Unexpected {
        /// The character, from 1.
        at: usize,
        /// What stands there, in backquotes, or `the end`.
        found: String,
        /// What the grammar has there.
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
    #[error("`{value}` at character {at} is not an integer, which `>` and `<` compare with")]
    Integer {
        /// The character, from 1.
        at: usize,
        /// The value as written.
        value: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Symbol(&'static str),
    End,
}

const SYMBOLS: [&str; 9] = ["==", "!=", "=", "!", "(", ")", ",", ">", "<"];

/// The tokens with the byte where each stands; the last is always `End`.
fn tokens(text: &str) -> Result<Vec<(usize, Token<'_>)>, LabelError> {
    let is_symbol = |character: char| "=!(),><".contains(character);
    let is_space = |character: char| matches!(character, ' ' | '\t' | '\r' | '\n');
    let mut tokens = Vec::new();
    let mut at = 0;
    loop {
        let rest = &text[at..];
        at += rest.len() - rest.trim_start_matches(is_space).len();
        let rest = &text[at..];
        if rest.is_empty() {
            tokens.push((at, Token::End));
            return Ok(tokens);
        }
        let token = match SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) {
            Some(symbol) => Token::Symbol(symbol),
            None => {
                Token::Word(&rest[..rest.find(|character| is_symbol(character) || is_space(character)).unwrap_or(rest.len())])
            }
        };
        tokens.push((at, token));
        at += token.as_str().len();
    }
}

impl<'a> Token<'a> {
    fn as_str(self) -> &'a str {
        match self {
            Self::Word(text) | Self::Symbol(text) => text,
            Self::End => "",
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    tokens: Vec<(usize, Token<'a>)>,
    next: usize,
}

impl<'a> Parser<'a> {
    fn selector(mut self) -> Result<Vec<Requirement>, LabelError> {
        let mut requirements = Vec::new();
        if self.peek() == Token::End {
            return Ok(requirements);
        }
        loop {
            requirements.push(self.requirement()?);
            match self.peek() {
                Token::End => return Ok(requirements),
                Token::Symbol(",") => self.step(),
                _ => return Err(self.unexpected("`,` or the end")),
            };
        }
    }

    fn requirement(&mut self) -> Result<Requirement, LabelError> {
        if self.peek() == Token::Symbol("!") {
            self.step();
            return Ok(Requirement { key: self.key()?, test: Test::Missing });
        }
        let key = self.key()?;
        let test = match self.peek() {
            Token::End | Token::Symbol(",") => return Ok(Requirement { key, test: Test::Exists }),
            Token::Symbol("=" | "==") => self.operand().map(|value| Test::In(BTreeSet::from([value])))?,
            Token::Symbol("!=") => self.operand().map(|value| Test::NotIn(BTreeSet::from([value])))?,
            Token::Symbol(">") => self.limit().map(Test::Above)?,
            Token::Symbol("<") => self.limit().map(Test::Below)?,
            Token::Word("in") => self.set().map(Test::In)?,
            Token::Word("notin") => self.set().map(Test::NotIn)?,
            _ => return Err(self.unexpected("`=`, `==`, `!=`, `in`, `notin`, `>`, `<`, `,` or the end")),
        };
        Ok(Requirement { key, test })
    }

    fn key(&mut self) -> Result<String, LabelError> {
        let Token::Word(key) = self.peek() else {
            return Err(self.unexpected("a label's key"));
        };
        if let Some(reason) = key_fault(key) {
            return Err(LabelError::Key { at: self.position(), key: key.to_owned(), reason });
        }
        self.step();
        Ok(key.to_owned())
    }

    /// The operator, which stands next, and its value, which may be empty.
    fn operand(&mut self) -> Result<String, LabelError> {
        self.step();
        match self.peek() {
            Token::End | Token::Symbol(",") => Ok(String::new()),
            _ => self.value("a value"),
        }
    }

    fn limit(&mut self) -> Result<i64, LabelError> {
        self.step();
        let at = self.position();
        let value = match self.peek() {
            Token::End | Token::Symbol(",") => String::new(),
            _ => self.value("an integer")?,
        };
        integer(&value).ok_or(LabelError::Integer { at, value })
    }

    /// `in` or `notin`, which stands next, and its values. Between commas nothing is the empty value.
    fn set(&mut self) -> Result<BTreeSet<String>, LabelError> {
        self.step();
        if self.peek() != Token::Symbol("(") {
            return Err(self.unexpected("`(`"));
        }
        self.step();
        let mut values = BTreeSet::new();
        if self.peek() == Token::Symbol(")") {
            values.insert(String::new());
        }
        while self.peek() != Token::Symbol(")") {
            if self.peek() != Token::Symbol(",") {
                values.insert(self.value("a value, `,` or `)`")?);
                if !matches!(self.peek(), Token::Symbol("," | ")")) {
                    return Err(self.unexpected("`,` or `)`"));
                }
                continue;
            }
            self.step();
            if values.is_empty() {
                values.insert(String::new());
            }
            match self.peek() {
                Token::Symbol(")") => {
                    values.insert(String::new());
                }
                Token::Symbol(",") => {
                    self.step();
                    values.insert(String::new());
                    if !matches!(self.peek(), Token::Symbol(",") | Token::Word(_)) {
                        return Err(self.unexpected("a value or `,`"));
                    }
                }
                _ => {}
            }
        }
        self.step();
        Ok(values)
    }

    fn value(&mut self, expected: &'static str) -> Result<String, LabelError> {
        let Token::Word(value) = self.peek() else {
            return Err(self.unexpected(expected));
        };
        if !is_name(value) {
            return Err(LabelError::Value { at: self.position(), value: value.to_owned() });
        }
        self.step();
        Ok(value.to_owned())
    }

    fn peek(&self) -> Token<'a> {
        self.tokens[self.next].1
    }

    fn step(&mut self) {
        self.next = (self.next + 1).min(self.tokens.len() - 1);
    }

    fn position(&self) -> usize {
        self.text[..self.tokens[self.next].0].chars().count() + 1
    }

    fn unexpected(&self, expected: &'static str) -> LabelError {
        let found = match self.peek() {
            Token::End => "the end".to_owned(),
            token => format!("`{}`", token.as_str()),
        };
        LabelError::Unexpected { at: self.position(), found, expected }
    }
}

fn key_fault(key: &str) -> Option<&'static str> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    if name.contains('/') {
        return Some("it has more than one `/`");
    }
    if prefix.is_some_and(|prefix| prefix.len() > MAX_PREFIX || !prefix.split('.').all(is_host_label)) {
        return Some("before the `/` stands a host name in lower case, of at most 253 characters");
    }
    if !is_name(name) {
        return Some("its name has at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends");
    }
    None
}

fn is_name(text: &str) -> bool {
    let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.len() <= MAX_NAME
        && ends(bytes.first())
        && ends(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

fn is_host_label(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// As Go's `ParseInt` in base 10 reads it.
fn integer(text: &str) -> Option<i64> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(selector: &str, labels: &[(&str, &str)]) -> bool {
        let labels = labels.iter().map(|&(key, value)| (key.to_owned(), value.to_owned())).collect();
        LabelSelector::parse(selector).unwrap().matches(&labels)
    }

    #[test]
    fn every_operator_means_what_kubernetes_means() {
        let labels = [("app", "web"), ("tier", ""), ("age", "7"), ("example.test/team", "shop")];
        for selector in [
            "",
            " ",
            "app",
            "app=web",
            "app==web",
            "app = web , tier",
            "app!=api",
            "missing!=api",
            "app in (api,web)",
            "app in(api, web)",
            "app notin (api)",
            "missing notin (api)",
            "!missing",
            "! missing",
            "tier=",
            "tier in ()",
            "tier in (,x)",
            "tier in (x,)",
            "age>6",
            "age<8",
            "example.test/team=shop",
            "\tapp=web\n",
        ] {
            assert!(matches(selector, &labels), "{selector}");
        }
        for selector in [
            "missing",
            "app=we",
            "missing=",
            "app!=web",
            "app in (api)",
            "app notin (web,api)",
            "missing in (web)",
            "!app",
            "app=",
            "age>7",
            "age<7",
            "app>1",
            "missing<1",
            "app=web,tier=x",
        ] {
            assert!(!matches(selector, &labels), "{selector}");
        }
    }

    #[test]
    fn the_words_of_the_grammar_are_keys_and_values_too() {
        assert!(matches("in", &[("in", "x")]));
        assert!(matches("in in (in,notin)", &[("in", "notin")]));
        assert!(matches("notin=in", &[("notin", "in")]));
    }

    #[test]
    fn what_breaks_the_grammar_is_refused_where_it_stands() {
        for (text, at, found, expected) in [
            ("a=b,", 5, "the end", "a label's key"),
            (",", 1, "`,`", "a label's key"),
            ("=a", 1, "`=`", "a label's key"),
            ("!", 2, "the end", "a label's key"),
            ("!a=b", 3, "`=`", "`,` or the end"),
            ("a===b", 4, "`=`", "a value"),
            ("a=!b", 3, "`!`", "a value"),
            ("x y", 3, "`y`", "`=`, `==`, `!=`, `in`, `notin`, `>`, `<`, `,` or the end"),
            ("a in b", 6, "`b`", "`(`"),
            ("a in (b c)", 9, "`c`", "`,` or `)`"),
            ("a in (b", 8, "the end", "`,` or `)`"),
            ("a in (", 7, "the end", "a value, `,` or `)`"),
            ("a in (b,,)", 10, "`)`", "a value or `,`"),
            ("a=b c", 5, "`c`", "`,` or the end"),
        ] {
            let found = found.to_owned();
            assert_eq!(LabelSelector::parse(text), Err(LabelError::Unexpected { at, found, expected }), "{text}");
        }
    }

    #[test]
    fn keys_and_values_that_no_label_has_are_refused() {
        let long = "a".repeat(64);
        for key in ["-a", "a-", "a/b/c", "A.b/c", "/a", "a/", "a..b/c", "ä", &long, &format!("{}/a", "a.".repeat(127))] {
            let error = LabelSelector::parse(&format!("x,{key}")).unwrap_err();
            assert!(matches!(error, LabelError::Key { at: 3, .. }), "{key}: {error}");
        }
        for value in ["-b", "b.", "b/c", "ä", &long] {
            let error = LabelSelector::parse(&format!("x in (y,{value})")).unwrap_err();
            assert_eq!(error, LabelError::Value { at: 9, value: value.to_owned() });
        }
        assert_eq!(LabelSelector::parse("a>b"), Err(LabelError::Integer { at: 3, value: "b".to_owned() }));
        assert_eq!(LabelSelector::parse("a<"), Err(LabelError::Integer { at: 3, value: String::new() }));
        assert!(LabelSelector::parse(&"a".repeat(63)).is_ok());
    }

    #[test]
    fn positions_count_characters() {
        let error = LabelSelector::parse("a in (ä)").unwrap_err();
        assert_eq!(error, LabelError::Value { at: 7, value: "ä".to_owned() });
        assert_eq!(error.to_string().split(':').next(), Some("`ä` at character 7 is not a label's value"));
    }

    fn requirement() -> impl Strategy<Value = Requirement> {
        let key = "([a-z0-9]([-a-z0-9]{0,5}[a-z0-9])?/)?[A-Za-z0-9]([-_.A-Za-z0-9]{0,5}[A-Za-z0-9])?|in|notin";
        let values = prop::collection::btree_set("([A-Za-z0-9]([-_.A-Za-z0-9]{0,5}[A-Za-z0-9])?)?|in", 1..4);
        let test = prop_oneof![
            Just(Test::Exists),
            Just(Test::Missing),
            values.clone().prop_map(Test::In),
            values.prop_map(Test::NotIn),
            (0..i64::MAX).prop_map(Test::Above),
            (0..i64::MAX).prop_map(Test::Below),
        ];
        (key, test).prop_map(|(key, test)| Requirement { key, test })
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_as_the_same_selector(requirements in prop::collection::vec(requirement(), 0..4)) {
            let selector = LabelSelector(requirements);
            prop_assert_eq!(LabelSelector::parse(&selector.to_string()), Ok(selector));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "(in|notin|[ab/=!(),>< \t1ä-])*") {
            if let Ok(selector) = LabelSelector::parse(&text) {
                prop_assert_eq!(LabelSelector::parse(&selector.to_string()), Ok(selector));
            }
        }
    }
}
