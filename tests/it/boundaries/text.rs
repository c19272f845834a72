//! Reads the paths that a Rust file names from its text.
//!
//! It knows enough of the language to see every `a::b::{c, d::e}` outside comments and literals, and the module that contains it.
//! It resolves `crate`, `self` and `super`. It does not follow renames (`use a as b`), because the renaming line names the path
//! itself.

/// A path that a line of a file names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    /// The line, from 1.
    pub(crate) line: usize,
    /// Its segments; the first is `crate` for a path in the package itself.
    pub(crate) path: Vec<String>,
    /// Whether it is in a module that only tests have.
    pub(crate) in_tests: bool,
}

/// Every path of two segments or more, every path of a `use`, and every macro call (its last segment ends in `!`), in the order
/// of the text. `module` is the module of the file: `["app", "files"]`.
pub(crate) fn paths(text: &str, module: &[&str]) -> Vec<Named> {
    Reader {
        tokens: tokens(text),
        at: 0,
        depth: 0,
        module: module.iter().map(|&name| name.to_owned()).collect(),
        inner: Vec::new(),
    }
    .read()
}

struct Reader {
    tokens: Vec<(usize, String)>,
    at: usize,
    depth: usize,
    module: Vec<String>,
    /// The open inline modules: the depth outside each, and whether it is for tests.
    inner: Vec<(usize, bool)>,
}

impl Reader {
    fn read(mut self) -> Vec<Named> {
        let mut found = Vec::new();
        let mut test_only = false;
        while let Some(token) = self.peek(0) {
            match token {
                "{" => self.depth += 1,
                "}" => {
                    self.depth = self.depth.saturating_sub(1);
                    if self
                        .inner
                        .last()
                        .is_some_and(|(depth, _)| *depth == self.depth)
                    {
                        self.inner.pop();
                        self.module.pop();
                    }
                }
                "cfg"
                    if self.peek(1) == Some("(")
                        && self.peek(2) == Some("test")
                        && self.peek(3) == Some(")") =>
                {
                    test_only = true
                }
                ";" => test_only = false,
                "mod" if self.peek(2) == Some("{") => {
                    self.module.push(self.tokens[self.at + 1].1.clone());
                    self.inner.push((self.depth, test_only));
                    self.depth += 1;
                    self.at += 3;
                    test_only = false;
                    continue;
                }
                "use" => {
                    self.at += 1;
                    self.tree(&[], &mut found);
                    continue;
                }
                word if is_word(word) || word == "::" => {
                    let before = found.len();
                    self.tree(&[], &mut found);
                    // One word alone is a variable, a keyword or a local name.
                    if found.len() == before + 1
                        && found[before].path.len() < 2
                        && !found[before].path[0].ends_with('!')
                    {
                        found.pop();
                    }
                    continue;
                }
                _ => {}
            }
            self.at += 1;
        }
        found
    }

    /// Reads one path from here, with the braces at its end: `a::{b, c::{d, e}}`.
    fn tree(&mut self, prefix: &[String], found: &mut Vec<Named>) {
        let mut path = prefix.to_vec();
        let mut any = false;
        let start = self.at;
        loop {
            match self.peek(0) {
                Some("::") => self.at += 1,
                Some("{") if any || self.at == start => return self.braces(&path, found),
                Some(word) if is_word(word) || word == "*" && any => {
                    match word {
                        "self" if path.is_empty() => path = self.here(),
                        "super" if path.is_empty() => {
                            path = self.here();
                            path.pop();
                        }
                        "self" => {}
                        "super" => {
                            path.pop();
                        }
                        word => path.push(word.to_owned()),
                    }
                    any = true;
                    self.at += 1;
                    if self.peek(0) != Some("::") {
                        break;
                    }
                }
                _ => break,
            }
        }
        if any {
            if self.peek(0) == Some("!") && self.peek(1) != Some("=") {
                let name = path.pop();
                path.extend(name.map(|name| format!("{name}!")));
            }
            let in_tests = self.inner.iter().any(|(_, tests)| *tests);
            found.push(Named {
                line: self.tokens[start].0,
                path,
                in_tests,
            });
        }
        self.at = self.at.max(start + 1);
    }

    /// Reads the inside of braces, each path below `prefix`.
    fn braces(&mut self, prefix: &[String], found: &mut Vec<Named>) {
        self.at += 1;
        while let Some(token) = self.peek(0) {
            match token {
                "}" => {
                    self.at += 1;
                    return;
                }
                "," => self.at += 1,
                "as" => self.at += 2,
                _ => self.tree(prefix, found),
            }
        }
    }

    /// The module that is being read, from the package's root.
    fn here(&self) -> Vec<String> {
        std::iter::once("crate".to_owned())
            .chain(self.module.iter().cloned())
            .collect()
    }

    fn peek(&self, ahead: usize) -> Option<&str> {
        self.tokens
            .get(self.at + ahead)
            .map(|(_, token)| token.as_str())
    }
}

fn is_word(token: &str) -> bool {
    token.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

/// Words, `::` and single signs, each with its line. Comments, strings, characters and lifetimes are left out.
fn tokens(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let line = 1 + text[..text.len() - rest.len()].matches('\n').count();
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some(length) = raw_string(rest).or_else(|| quoted(rest)) {
            length
        } else if first.is_alphanumeric() || first == '_' {
            let length = rest
                .find(|letter: char| !(letter.is_alphanumeric() || letter == '_'))
                .unwrap_or(rest.len());
            found.push((line, rest[..length].to_owned()));
            length
        } else if rest.starts_with("::") {
            found.push((line, "::".to_owned()));
            2
        } else {
            if !first.is_whitespace() {
                found.push((line, first.to_string()));
            }
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    found
}

fn block_comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// `r"…"`, `br#"…"#`: its length.
fn raw_string(text: &str) -> Option<usize> {
    let body = text.strip_prefix("br").or_else(|| text.strip_prefix('r'))?;
    let hashes = body.len() - body.trim_start_matches('#').len();
    let inner = body[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let close = inner
        .find(&end)
        .map_or(inner.len(), |close| close + end.len());
    Some(text.len() - inner.len() + close)
}

/// `"…"`, `b"…"`, `'x'`: its length; for the `'` of a lifetime, that sign alone.
fn quoted(text: &str) -> Option<usize> {
    let body = text
        .strip_prefix('b')
        .filter(|rest| rest.starts_with(['"', '\'']))
        .unwrap_or(text);
    let start = text.len() - body.len();
    let quote = body
        .chars()
        .next()
        .filter(|first| matches!(first, '"' | '\''))?;
    let mut letters = body.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        if letter == '\\' {
            letters.next();
        } else if letter == quote {
            return Some(start + at + 1);
        }
        // A character literal is one character or one escape; anything else after `'` is a lifetime.
        if quote == '\'' && letter != '\\' && !body[at + letter.len_utf8()..].starts_with('\'') {
            return Some(1);
        }
        if quote == '\'' && letter == '\\' {
            return body[at + 2..]
                .find('\'')
                .map(|close| start + at + 2 + close + 1);
        }
    }
    Some(text.len())
}
