//! Parses label selectors, and checks the keys and values in them.

use std::collections::BTreeSet;

use super::{LabelError, Requirement, Test, integer};

/// The longest name part of a key, and the longest value, in bytes.
const MAX_NAME: usize = 63;
/// The longest prefix of a key (`example.test/`), in bytes without the slash.
const MAX_PREFIX: usize = 253;

/// Parses the requirements of a selector. An empty text has none.
pub(super) fn requirements(text: &str) -> Result<Vec<Requirement>, LabelError> {
    Parser {
        text,
        tokens: tokens(text),
        next: 0,
    }
    .requirements()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    Symbol(&'static str),
    End,
}

const SYMBOLS: [&str; 9] = ["==", "!=", "=", "!", "(", ")", ",", ">", "<"];

/// The tokens, each with its byte offset. The last one is always `End`.
fn tokens(text: &str) -> Vec<(usize, Token<'_>)> {
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
            return tokens;
        }
        let token = match SYMBOLS.into_iter().find(|symbol| rest.starts_with(symbol)) {
            Some(symbol) => Token::Symbol(symbol),
            None => Token::Word(
                &rest[..rest
                    .find(|character| is_symbol(character) || is_space(character))
                    .unwrap_or(rest.len())],
            ),
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
    fn requirements(mut self) -> Result<Vec<Requirement>, LabelError> {
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
            return Ok(Requirement {
                key: self.key()?,
                test: Test::Missing,
            });
        }
        let key = self.key()?;
        let test = match self.peek() {
            Token::End | Token::Symbol(",") => {
                return Ok(Requirement {
                    key,
                    test: Test::Exists,
                });
            }
            Token::Symbol("=" | "==") => self
                .operand()
                .map(|value| Test::In(BTreeSet::from([value])))?,
            Token::Symbol("!=") => self
                .operand()
                .map(|value| Test::NotIn(BTreeSet::from([value])))?,
            Token::Symbol(">") => self.limit().map(Test::Above)?,
            Token::Symbol("<") => self.limit().map(Test::Below)?,
            Token::Word("in") => self.set().map(Test::In)?,
            Token::Word("notin") => self.set().map(Test::NotIn)?,
            _ => {
                return Err(
                    self.unexpected("`=`, `==`, `!=`, `in`, `notin`, `>`, `<`, `,` or the end")
                );
            }
        };
        Ok(Requirement { key, test })
    }

    fn key(&mut self) -> Result<String, LabelError> {
        let Token::Word(key) = self.peek() else {
            return Err(self.unexpected("a label's key"));
        };
        if let Some(reason) = key_fault(key) {
            return Err(LabelError::Key {
                at: self.position(),
                key: key.to_owned(),
                reason,
            });
        }
        self.step();
        Ok(key.to_owned())
    }

    /// Parses an operator, which is the next token, and its value, which may be empty.
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

    /// Parses `in` or `notin`, which is the next token, and its values. Nothing between commas is the empty value.
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
            return Err(LabelError::Value {
                at: self.position(),
                value: value.to_owned(),
            });
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
        LabelError::Unexpected {
            at: self.position(),
            found,
            expected,
        }
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
    if prefix
        .is_some_and(|prefix| prefix.len() > MAX_PREFIX || !prefix.split('.').all(is_host_label))
    {
        return Some(
            "the part before `/` must be a lower-case host name of at most 253 characters",
        );
    }
    if !is_name(name) {
        return Some(
            "its name has at most 63 letters, digits, `-`, `_` and `.`, with a letter or digit at both ends",
        );
    }
    None
}

fn is_name(text: &str) -> bool {
    let ends = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    bytes.len() <= MAX_NAME
        && ends(bytes.first())
        && ends(bytes.last())
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'))
}

fn is_host_label(text: &str) -> bool {
    !text.is_empty()
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}
