//! Refuses single documents of a file, and tells which bytes are theirs.
//!
//! A document is refused alone only where every reader of YAML agrees on where it begins and ends: at a line that begins with `---` or
//! `...`. Otherwise the whole file is refused.

use std::ops::Range;

use super::build::At;
use super::fault::narrow;
use super::{Document, Fault, File, Kind, NONE, Node, NodeId, Style, Tag, Unreadable};

/// A document that is refused while the others of its file are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedDocument {
    /// Its number, from 0.
    pub document: usize,
    /// What is wrong with it, and where.
    pub why: Unreadable,
}

impl File<'_> {
    /// The refused documents, in order. They count as documents, and hold nothing but an empty node.
    pub fn refused(&self) -> &[RefusedDocument] {
        &self.refused
    }

    /// Whether a document is refused.
    pub fn is_refused(&self, document: usize) -> bool {
        self.documents[document].refused
    }

    /// The bytes of a document: from its marker, or from the start of the file, to the next document. All bytes of the file where no
    /// document is refused.
    pub fn region(&self, document: usize) -> Range<usize> {
        let start = |document: usize| self.starts.get(document).map(|start| *start as usize);
        start(document).unwrap_or(0)..start(document + 1).unwrap_or(self.text.len())
    }

    /// Puts an empty node in the place of a document.
    pub(super) fn refuse(&mut self, document: usize, at: At, why: Unreadable) {
        let root = NodeId(narrow(self.nodes.len()));
        self.nodes.push(Node {
            kind: Kind::Scalar(Style::Plain),
            start: at.start,
            end: at.start,
            line: at.line,
            column: at.column,
            next: NONE,
            first: NONE,
            tag: Tag::None,
        });
        self.documents[document] = Document {
            root,
            aliases: false,
            refused: true,
        };
        self.refused.push(RefusedDocument { document, why });
    }
}

/// Where the documents of a text start, noted while it is read.
pub(super) struct Starts<'t> {
    text: &'t str,
    starts: Vec<u32>,
    /// The end of the marker `...` that ended the document before.
    after_marker: Option<u32>,
    /// Whether each document but the first starts at a marker that begins a line.
    certain: bool,
}

impl<'t> Starts<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            text,
            starts: Vec::new(),
            after_marker: None,
            certain: true,
        }
    }

    /// A document starts; `explicit`: with a marker `---`.
    pub(super) fn start(&mut self, explicit: bool, at: At) {
        let (before, from) = self.text.split_at(at.start as usize);
        let is_marker = explicit && from.starts_with("---") && before.ends_with('\n');
        let start = match self.after_marker.take() {
            _ if self.starts.is_empty() => 0,
            Some(after_marker) => after_marker,
            None => {
                self.certain &= is_marker;
                at.start
            }
        };
        self.starts.push(start);
    }

    /// A document ends, with a marker `...` where the place is not empty.
    pub(super) fn end(&mut self, at: At) {
        self.after_marker = (at.end > at.start).then_some(at.end);
    }

    fn document_of(&self, offset: usize) -> usize {
        let starts_before = |start: &u32| *start as usize <= offset;
        self.starts.partition_point(starts_before).saturating_sub(1)
    }
}

/// Refuses the documents with ambiguous line breaks. `Err`: no document is left, or it is not certain where they begin.
pub(super) fn settle<'t>(mut file: File<'t>, starts: Starts<'t>) -> Result<File<'t>, Unreadable> {
    for (document, why) in ambiguous(&file, &starts)? {
        let root = file.node(file.documents[document].root);
        let at = At {
            start: root.start,
            end: root.start,
            line: root.line,
            column: root.column,
        };
        file.refuse(document, at, why);
    }
    file.refused.sort_by_key(|refused| refused.document);
    match file.refused.first() {
        None => Ok(file),
        Some(first) if !starts.certain || file.refused.len() == file.documents.len() => {
            Err(first.why.clone())
        }
        Some(_) => Ok(File {
            starts: starts.starts,
            ..file
        }),
    }
}

/// The documents with an ambiguous line break, but those that are refused already. `Err`: readers that take it for a line break may see
/// another document begin behind it.
fn ambiguous(file: &File<'_>, starts: &Starts<'_>) -> Result<Vec<(usize, Unreadable)>, Unreadable> {
    let mut found: Vec<(usize, Unreadable)> = Vec::new();
    let (mut line, mut counted) = (1, 0);
    for (offset, name) in file.ambiguous_breaks() {
        let document = starts.document_of(offset);
        let is_known = found.last().is_some_and(|(last, _)| *last == document)
            || file
                .documents
                .get(document)
                .is_none_or(|document| document.refused);
        let hides_a_marker = hides_a_marker(&file.text[offset..]);
        if is_known && !hides_a_marker {
            continue;
        }
        let newlines = memchr::memchr_iter(b'\n', &file.text.as_bytes()[counted..offset]);
        line += narrow(newlines.count());
        counted = offset;
        let before = &file.text[file.line_start(offset)..offset];
        let column = before.trim_start_matches('\u{feff}').chars().count() + 1;
        let why = Unreadable {
            fault: Fault::AmbiguousLineBreak(name),
            line,
            column: narrow(column),
        };
        if hides_a_marker {
            return Err(why);
        }
        found.push((document, why));
    }
    Ok(found)
}

/// Whether a marker or a directive stands behind line breaks that only some readers know.
fn hides_a_marker(text: &str) -> bool {
    let behind = text.trim_start_matches(['\r', '\u{85}', '\u{2028}', '\u{2029}']);
    ["---", "...", "%"]
        .iter()
        .any(|marker| behind.starts_with(marker))
}
