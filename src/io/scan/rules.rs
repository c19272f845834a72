//! What `.gitignore` leaves out, and what Git tracks all the same.
//!
//! A `.gitignore` is read like a manifest: no link, no pipe, up to a size limit. If it cannot be read, none of its rules apply,
//! and it is reported as a problem. (Git does not follow a link there either.)

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::engine::selector::globs::TOGETHER;
use crate::io::files::{self, FileError, MAX_RULES};
use crate::io::git::GitError;
use crate::io::git::tracked::Tracked;
use crate::io::git_folder;

/// So many bytes may the patterns have that one walk reads: some seconds, for each becomes a part of a regular expression.
const MOST_PATTERNS: u64 = MAX_RULES * 32;

/// How many bytes the patterns have that a walk has read, and of which files. Those above several named folders count once.
#[derive(Debug, Default)]
pub(super) struct Patterns {
    bytes: u64,
    files: BTreeSet<PathBuf>,
}

impl Patterns {
    fn add(&mut self, file: &Path, lines: &[Cow<'_, str>]) -> Result<(), FileError> {
        let patterns = lines.iter().filter(|line| is_pattern(line));
        let bytes = self.bytes + patterns.map(|line| line.len() as u64 + 1).sum::<u64>();
        if bytes == self.bytes || self.files.contains(file) {
            return Ok(());
        }
        if bytes > MOST_PATTERNS {
            return Err(FileError::TooManyPatterns(MOST_PATTERNS));
        }
        self.bytes = bytes;
        self.files.insert(file.to_owned());
        Ok(())
    }
}

/// The name of a file of rules.
pub(super) const FILE: &str = ".gitignore";

/// The rules that apply in a folder: its own come before those from above.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules(Option<Arc<Level>>);

#[derive(Debug)]
struct Level {
    /// The last lines come first.
    own: Vec<Gitignore>,
    above: Rules,
    /// The bytes of all rules up to here. They are limited because a matcher takes many times as much memory.
    bytes: usize,
}

impl Rules {
    /// The rules that apply in the whole repository: `info/exclude`.
    pub(super) fn of_repository(
        root: &Path,
        read: &mut Patterns,
    ) -> Result<Self, (PathBuf, FileError)> {
        let Some(file) = git_folder::exclude_file(root) else {
            return Ok(Self::default());
        };
        match Self::default().with(&file, root, read) {
            Err(FileError::Vanished) => Ok(Self::default()),
            outcome => outcome.map_err(|error| (file, error)),
        }
    }

    /// Adds the rules of `file` in `folder`, which is below the folders of the rules so far.
    pub(super) fn with(
        &self,
        file: &Path,
        folder: &Path,
        read: &mut Patterns,
    ) -> Result<Self, FileError> {
        let content = files::read_rules(file)?;
        let bytes = content.len() + self.0.as_ref().map_or(0, |level| level.bytes);
        if bytes as u64 > MAX_RULES * 4 {
            return Err(FileError::TooManyRules(bytes as u64));
        }
        let text =
            String::from_utf8_lossy(content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&content));
        let lines: Vec<_> = text.lines().filter_map(for_the_matcher).collect();
        read.add(file, &lines)?;
        let matcher = |lines: &[Cow<'_, str>]| {
            let mut builder = GitignoreBuilder::new(folder);
            for line in lines {
                // Git skips a line that is not a valid pattern, too.
                drop(builder.add_line(None, line));
            }
            builder.build().unwrap_or_else(|_| Gitignore::empty())
        };
        Ok(Self(Some(Arc::new(Level {
            own: lines.rchunks(TOGETHER).map(matcher).collect(),
            above: self.clone(),
            bytes,
        }))))
    }

    pub(super) fn are_none(&self) -> bool {
        self.0.is_none()
    }

    /// Whether the rules leave out a path. The nearest rule decides.
    pub(super) fn leave_out(&self, real: &Path, is_folder: bool) -> bool {
        let mut rules = self;
        while let Some(level) = &rules.0 {
            for own in &level.own {
                match own.matched(real, is_folder) {
                    Match::Ignore(_) => return true,
                    Match::Whitelist(_) => return false,
                    Match::None => {}
                }
            }
            rules = &level.above;
        }
        false
    }
}

/// Whether the matcher needs a regular expression for a line: it has tables for names and for what ends as `*.log` does.
fn is_pattern(line: &str) -> bool {
    let rule = line.trim_start_matches('!').trim_end_matches('/');
    let rest = match rule.strip_prefix("*.") {
        Some(end) if !end.contains(['.', '/']) => end,
        _ => rule,
    };
    !line.starts_with('#') && rest.contains(['*', '?', '[', '{', '\\'])
}

/// A line of rules as the matcher has to read it to mean what it means to Git (`wildmatch.c`). `None`: it matches nothing.
///
/// Git knows no alternatives in braces, has classes such as `[:space:]`, takes two stars that are no whole name for one, and trims spaces alone.
fn for_the_matcher(line: &str) -> Option<Cow<'_, str>> {
    let ends_in_space = line.ends_with(|last: char| last.is_whitespace() && last != ' ');
    if !ends_in_space && !line.contains(['{', '}', '[']) && !line.contains("**") {
        return Some(Cow::Borrowed(line));
    }
    if line.starts_with('#') {
        return None;
    }
    let has_slash = line.trim_end_matches([' ', '/']).contains('/');
    let (mut text, mut rest) = (String::new(), line);
    while let Some(sign) = rest.chars().next() {
        let (own, after) = rest.split_at(sign.len_utf8());
        rest = after;
        match sign {
            '\\' => {
                let escaped = rest.chars().next()?;
                text.push(sign);
                text.push(escaped);
                rest = &rest[escaped.len_utf8()..];
            }
            '{' | '}' => {
                text.push('\\');
                text.push(sign);
            }
            '[' => rest = add_class(rest, has_slash, &mut text)?,
            '*' => {
                let after = rest.trim_start_matches('*');
                let is_many = after.len() < rest.len();
                let is_end = after.is_empty() || after.starts_with('/');
                let is_first = text.is_empty() || text.ends_with('/') || text == "!";
                rest = after;
                match (is_many && is_end, is_first) {
                    (true, true) => text.push_str("**"),
                    // Git compares what is written out before the first sign of a pattern on its own: what is left begins with the stars.
                    (true, false) if has_slash && !text.contains(['*', '?', '[', '\\', '{']) => {
                        let below = rest.strip_prefix('/');
                        text.push_str(if below.is_some() {
                            "{*/**/,}"
                        } else {
                            "{*/**,*}"
                        });
                        rest = below.unwrap_or(rest);
                    }
                    _ => text.push('*'),
                }
            }
            _ => text.push_str(own),
        }
    }
    if let Some(last) = text.pop() {
        match last.is_whitespace() && last != ' ' {
            true => text.push_str(&format!("[{last}]")),
            false => text.push(last),
        }
    }
    Some(Cow::Owned(text))
}

/// Adds a class whose `[` has been read, and returns what comes behind it. `None`: it has no end, or no sign is in it.
fn add_class<'a>(mut rest: &'a str, has_slash: bool, text: &mut String) -> Option<&'a str> {
    let is_negated = rest.starts_with(['!', '^']);
    rest = &rest[usize::from(is_negated)..];
    // Each sign, and whether it may be an end of a range.
    let (mut signs, mut ranges) = (String::new(), String::new());
    let mut is_first = true;
    loop {
        let sign = rest.chars().next()?;
        rest = &rest[sign.len_utf8()..];
        if sign == ']' && !is_first {
            break;
        }
        is_first = false;
        if let Some((name, after)) = (sign == '[')
            .then(|| rest.strip_prefix(':')?.split_once(":]"))
            .flatten()
        {
            ranges.push_str(named_class(name)?);
            rest = after;
            continue;
        }
        let one = |sign: char, rest: &mut &'a str| match sign {
            '\\' => {
                let escaped = rest.chars().next()?;
                *rest = &rest[escaped.len_utf8()..];
                Some(escaped)
            }
            _ => Some(sign),
        };
        let first = one(sign, &mut rest)?;
        match rest
            .strip_prefix('-')
            .filter(|after| !after.starts_with(']'))
        {
            Some(after) => {
                let last = after.chars().next()?;
                rest = &after[last.len_utf8()..];
                let last = one(last, &mut rest)?;
                // Git compares the first sign before it knows of a range.
                match first <= last {
                    true => ranges.push_str(&format!("{first}-{last}")),
                    false => signs.push(first),
                }
            }
            // A name has no slash in it.
            None if first == '/' => {}
            None => signs.push(first),
        }
    }
    // A slash is none of the other signs, either. Where the line has none, the matcher would take this one for a path's.
    if is_negated && has_slash {
        signs.push('/');
    }
    // The matcher takes `]` as a sign where it is first, and `-` where it is last.
    let has = |sign: char| signs.contains(sign);
    let (end, dash) = (has(']'), has('-'));
    let rest_of_them: String = signs.chars().filter(|sign| !"]-".contains(*sign)).collect();
    let inner = format!(
        "{}{rest_of_them}{ranges}{}",
        if end { "]" } else { "" },
        if dash { "-" } else { "" }
    );
    if inner.is_empty() && !is_negated {
        return None;
    }
    // `!` and `^` at the beginning would negate it.
    let begins_so = inner.starts_with(['!', '^']);
    let before = match (is_negated, inner.chars().next_back()) {
        (true, _) => "!".to_owned(),
        (false, Some(last)) if begins_so && inner.len() == 1 => {
            text.push_str(&format!("\\{last}"));
            return Some(rest);
        }
        (false, Some(last)) if begins_so => last.to_string(),
        (false, _) => String::new(),
    };
    text.push_str(&format!("[{before}{inner}]"));
    Some(rest)
}

/// The signs of a class of POSIX, which are ASCII in Git. `None`: there is no such class, and the pattern matches nothing.
fn named_class(name: &str) -> Option<&'static str> {
    Some(match name {
        "alnum" => "0-9A-Za-z",
        "alpha" => "A-Za-z",
        "blank" => " \t",
        "cntrl" => "\u{1}-\u{1f}\u{7f}",
        "digit" => "0-9",
        "graph" => "0-~!-.",
        "lower" => "a-z",
        "print" => " -.0-~",
        "punct" => ":-@[-`{-~!-.",
        "space" => " \t-\r",
        "upper" => "A-Z",
        "xdigit" => "0-9A-Fa-f",
        _ => return None,
    })
}

/// The work tree of a repository. Its index is read when a rule first leaves something out.
pub(super) struct WorkTree {
    root: PathBuf,
    tracked: Mutex<Option<Result<Tracked, GitError>>>,
}

/// Whether Git tracks a path that a rule leaves out.
pub(super) enum Answer {
    Yes,
    /// A submodule: a repository with its own rules.
    Submodule,
    No,
    /// The index cannot be read. Returned once; later answers are `No`.
    Unknown(GitError),
}

impl WorkTree {
    /// The work tree at `root`, which is without links.
    pub(super) fn new(root: PathBuf) -> Self {
        Self {
            root,
            tracked: Mutex::new(None),
        }
    }

    /// The folder that it begins at.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Whether Git tracks a file, or a file below a folder that `takes` accepts. Every call must pass the same `takes`.
    pub(super) fn tracks(&self, real: &Path, is_folder: bool, takes: fn(&Path) -> bool) -> Answer {
        let Ok(path) = real.strip_prefix(&self.root) else {
            return Answer::No;
        };
        let mut tracked = self.tracked.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = tracked.is_none();
        match tracked.get_or_insert_with(|| Tracked::open(&self.root, takes)) {
            Ok(tracked) if is_folder && tracked.has_submodule(path) => Answer::Submodule,
            Ok(tracked) if is_folder && tracked.has_below(path) => Answer::Yes,
            Ok(tracked) if !is_folder && tracked.has(path) => Answer::Yes,
            // A folder that only has a `.git`, without a repository behind it, has no index.
            Ok(_) | Err(GitError::NoRepository) => Answer::No,
            Err(error) if is_first => Answer::Unknown(error.clone()),
            Err(_) => Answer::No,
        }
    }
}
