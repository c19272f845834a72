//! Why a file is not read: the fault, its place, and a word for programs.

use super::template::Engine;
use crate::engine::code::Code;

/// Levels of nesting, aliases expanded: more than any Kubernetes object has, and less than any reader's own limit.
pub(super) const MAX_DEPTH: u32 = 120;

/// The bytes of the keys above a value together, aliases expanded: more than any Kubernetes object has. Each image costs its path.
pub(super) const MAX_KEYS: u32 = 2048;

/// Why a file is not read, with the place, both from 1.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{fault}")]
pub struct Unreadable {
    /// What is wrong.
    pub fault: Fault,
    /// The line.
    pub line: u32,
    /// The column, in characters.
    pub column: u32,
}

/// What is wrong with a file's text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It is no YAML.
    #[error("{0}")]
    Syntax(String),
    /// It is text for a template engine, YAML only once that has run.
    #[error("the file looks like {0}")]
    Template(Engine),
    /// Git left both sides of a conflict in it.
    #[error("Git's markers of an unresolved merge conflict stand in it")]
    MergeConflict,
    /// A key stands twice in one mapping.
    #[error(
        "the key `{key}` is already there on line {first}; readers disagree on which one counts"
    )]
    DuplicateKey {
        /// The key.
        key: String,
        /// The line of the first.
        first: u32,
    },
    /// A key is a mapping or a sequence, which no Kubernetes object can have.
    #[error("a mapping's key is itself a collection")]
    ComplexKey,
    /// An alias stands inside the node that it names.
    #[error("the alias refers to a node that contains it")]
    RecursiveAlias,
    /// Nesting beyond the limit.
    #[error("it is nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// Keys beyond the limit.
    #[error("the keys on the way to a value have more than {MAX_KEYS} bytes")]
    LongKeys,
    /// Aliases of aliases that stand for more than any object holds.
    #[error("its aliases stand for far more than the file holds")]
    AliasBomb,
    /// A line break to one version of YAML and none to the other.
    #[error("{0} outside a quoted scalar is a line break for some YAML readers and not for others")]
    AmbiguousLineBreak(&'static str),
}

impl Fault {
    /// Whether a fault of the nodes leaves the other documents of the file readable. A template is one as a whole.
    pub(super) fn is_of_one_document(&self) -> bool {
        !matches!(self, Self::Template(_))
    }

    /// The stable word for programs.
    pub fn code(&self) -> Code {
        match self {
            Self::Syntax(_) => Code::YamlSyntax,
            Self::Template(_) => Code::Template,
            Self::MergeConflict => Code::MergeConflict,
            Self::DuplicateKey { .. } => Code::DuplicateKey,
            Self::ComplexKey => Code::ComplexKey,
            Self::RecursiveAlias => Code::RecursiveAlias,
            Self::TooDeep | Self::LongKeys => Code::TooDeep,
            Self::AliasBomb => Code::AliasBomb,
            Self::AmbiguousLineBreak(_) => Code::AmbiguousLineBreak,
        }
    }
}

/// The fault as a person is told it: markers of a merge conflict are to blame for whatever else is wrong.
pub(super) fn or_conflict(text: &str, other: Unreadable) -> Unreadable {
    match conflict(text) {
        Some(line) => Unreadable {
            fault: Fault::MergeConflict,
            line,
            column: 1,
        },
        None => other,
    }
}

/// The line of the first conflict that Git left in a text: `<<<<<<<`, `=======` and `>>>>>>>`, each at the start of a line.
fn conflict(text: &str) -> Option<u32> {
    const MARKERS: [&str; 3] = ["<<<<<<<", "=======", ">>>>>>>"];
    let mut begin = None;
    let mut seen = 0;
    for (index, line) in text.lines().enumerate() {
        let is_marker = |marker: &str| {
            line.strip_prefix(marker)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        };
        if is_marker(MARKERS[0]) {
            (begin, seen) = (Some(narrow(index + 1)), 1);
        } else if seen > 0 && is_marker(MARKERS[seen]) {
            seen += 1;
            if seen == MARKERS.len() {
                return begin;
            }
        }
    }
    None
}

/// A fault at a byte of the text.
pub(super) fn unreadable_at(text: &str, offset: usize, fault: Fault) -> Unreadable {
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Unreadable {
        fault,
        line: narrow(before.bytes().filter(|byte| *byte == b'\n').count() + 1),
        column: narrow(
            before[line_start..]
                .trim_start_matches('\u{feff}')
                .chars()
                .count()
                + 1,
        ),
    }
}

/// Files are limited to far less than 4 GiB before they are parsed.
pub(super) fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
