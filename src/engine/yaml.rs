//! A file's text as documents of nodes, each with the bytes it stands on.
//!
//! JSON is read the same way: it is YAML 1.2. What can be read in two ways is refused here, before anybody looks at it: duplicate keys,
//! line breaks of YAML 1.1 that YAML 1.2 does not know, templates that happen to parse. So is what could exhaust memory or stack.
//! It changes nothing; `splice` does.

mod build;
mod events;
mod fault;
mod lines;
mod newlines;
mod node;
mod plain;
mod refuse;
#[cfg(test)]
pub(in crate::engine) mod steps;
mod template;
#[cfg(test)]
mod tests;
pub(in crate::engine) mod verbatim;

use std::ops::{Deref, Range, RangeInclusive};

use super::marks::{self, Mark};
use super::renovate;
use super::tree::Tree as _;
use events::Comments;
pub use fault::{Fault, Unreadable};
use newlines::Newlines;
pub use node::YamlNode;
pub(super) use plain::resolve_plain;
pub use refuse::RefusedDocument;
pub use template::Engine;

const NONE: u32 = u32::MAX;

/// A parsed file. Nodes are kept in document order in one vector and named by their place in it.
#[derive(Debug, PartialEq, Eq)]
pub struct File<'t> {
    text: &'t str,
    nodes: Vec<Node>,
    /// The texts of scalars that do not stand in the file as they are.
    texts: Vec<Box<str>>,
    documents: Vec<Document>,
    comments: Vec<Comment>,
    plain: bool,
    newlines: Newlines,
    refused: Vec<RefusedDocument>,
    /// Where each document starts, where one is refused.
    starts: Vec<u32>,
}

/// A file that was read with all its comments: what an edit begins with, so that it can go around them.
#[derive(Debug)]
pub struct CommentedFile<'t>(File<'t>);

/// A document of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Document {
    root: NodeId,
    aliases: bool,
    refused: bool,
}

/// A comment, `#` included.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Comment {
    span: Range<usize>,
    line: u32,
}

/// A node's place in its file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u32);

/// Small, because a large file has millions of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Node {
    kind: Kind,
    tag: Tag,
    start: u32,
    end: u32,
    line: u32,
    column: u32,
    /// The next node of the same collection.
    next: u32,
    /// Of a collection, its first node; of an alias, the node that it names; of a scalar, its text among the file's, where it has one.
    first: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Scalar(Style),
    Sequence(Layout),
    Mapping(Layout),
    Alias,
}

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Without quotes.
    Plain,
    /// In `'…'`.
    Single,
    /// In `"…"`.
    Double,
    /// After `|` or `>`.
    Block,
}

/// How a collection is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// By indentation.
    Block,
    /// In brackets.
    Flow,
}

/// What an explicit tag makes of a scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tag {
    None,
    Text,
    Other,
}

impl<'t> File<'t> {
    /// Reads all documents of a text. Comments are kept only where one may be meant for this program.
    ///
    /// A document that can be read in two ways is refused alone ([`File::refused`]), where the others can be read.
    pub fn parse(text: &'t str) -> Result<Self, Unreadable> {
        let comments = || {
            let bytes = text.as_bytes();
            if marks::may_be_in(bytes) || renovate::may_be_in(bytes) {
                Comments::Keep
            } else {
                Comments::Drop
            }
        };
        // Most manifests are so plain that no two readers differ on them, and need no parser for all of YAML.
        Self::read_plain(text).map_or_else(|| Self::read(text, comments()), Ok)
    }

    fn read_plain(text: &'t str) -> Option<Self> {
        lines::read(text).map(|file| Self {
            plain: true,
            ..file
        })
    }

    fn read(text: &'t str, comments: Comments) -> Result<Self, Unreadable> {
        events::read(text, comments).map_err(|unreadable| fault::or_conflict(text, unreadable))
    }

    /// Whether the text was so plain that it was read line by line: no two readers of YAML differ on it.
    pub fn is_plain(&self) -> bool {
        self.plain
    }

    /// How many documents it has.
    pub fn len(&self) -> usize {
        self.documents.len()
    }

    /// Whether it has no document at all.
    pub fn is_empty(&self) -> bool {
        self.documents.is_empty()
    }

    /// The root node of a document, counted from 0.
    pub fn document(&self, index: usize) -> YamlNode<'_, 't> {
        self.at(self.documents[index].root)
    }

    /// Whether a document uses aliases, so that one node can stand in several places.
    pub fn has_aliases(&self, index: usize) -> bool {
        self.documents[index].aliases
    }

    /// How many scalars are this word.
    pub fn count(&self, word: &str) -> usize {
        let ids = (0..fault::narrow(self.nodes.len())).map(NodeId);
        ids.filter(|id| self.at(*id).scalar().text() == Some(word))
            .count()
    }

    /// The whole text.
    pub fn text(&self) -> &'t str {
        self.text
    }

    /// Where the line of a byte begins.
    pub fn line_start(&self, offset: usize) -> usize {
        self.newlines.line_start(self.text, offset)
    }

    /// Where the line behind the line of a byte begins; `None` on a last line that has no end.
    pub fn next_line(&self, offset: usize) -> Option<usize> {
        self.newlines.next_line(self.text, offset)
    }

    /// A node by its name.
    pub fn at(&self, id: NodeId) -> YamlNode<'_, 't> {
        YamlNode::new(self, id)
    }

    fn node(&self, id: NodeId) -> &Node {
        #[cfg(test)]
        steps::add(1);
        &self.nodes[id.0 as usize]
    }

    /// The text of a scalar.
    fn scalar_text(&self, node: &Node, style: Style) -> &str {
        match node.first {
            NONE if is_absent(node, style) => ABSENT,
            NONE => &self.text[inner(node.start, node.end, style)],
            own => &self.texts[own as usize],
        }
    }

    /// The line breaks outside quoted scalars that only some readers know. Breaks and scalars are walked in step.
    fn ambiguous_breaks(&self) -> impl Iterator<Item = (usize, &'static str)> {
        let quoted = |node: &&Node| {
            #[cfg(test)]
            steps::add(1);
            matches!(node.kind, Kind::Scalar(Style::Single | Style::Double))
        };
        let mut quoted = self.nodes.iter().filter(quoted).peekable();
        plain::ambiguous_breaks(self.text).filter(move |(offset, _)| {
            while quoted
                .next_if(|node| node.end as usize <= *offset)
                .is_some()
            {}
            quoted
                .peek()
                .is_none_or(|node| *offset < node.start as usize)
        })
    }

    /// The lines of comments that are addressed to this program, and where each begins.
    pub(super) fn addressed_comments(&self) -> impl Iterator<Item = (u32, usize)> + '_ {
        let addressed = |comment: &&Comment| marks::is_addressed(&self.text[comment.span.clone()]);
        (self.comments.iter().filter(addressed)).map(|comment| (comment.line, comment.span.start))
    }

    /// What comments say of these lines, the last line first; Renovate's stand alone on the line above. Of many comments only the last
    /// ones are read, as one scalar can stand in many places.
    fn marks_on(&self, lines: RangeInclusive<u32>) -> Vec<(u32, Mark)> {
        let (first, last) = lines.into_inner();
        let to = self
            .comments
            .partition_point(|comment| comment.line <= last);
        let near = self.comments[..to].iter().rev().take(MAX_COMMENTS);
        near.take_while(|comment| comment.line + 1 >= first)
            .flat_map(|comment| {
                #[cfg(test)]
                steps::add(1);
                let below = Some(comment.line + 1).filter(|below| *below <= last);
                let above = below.and_then(|line| Some((line, self.renovate(comment)?)));
                let text = (comment.line >= first).then(|| self.looked_at(comment));
                let own = text.into_iter().flat_map(marks::read);
                above
                    .into_iter()
                    .chain(own.map(|mark| (comment.line, mark)))
            })
            .collect()
    }

    /// What a comment of Renovate says that is alone on its line.
    fn renovate(&self, comment: &Comment) -> Option<Mark> {
        let before = self.line_start(comment.span.start)..comment.span.start;
        let is_alone = self.text[before].trim_ascii().is_empty();
        let repository = renovate::repository(self.looked_at(comment))?;
        is_alone.then_some(Mark::Repository(repository))
    }

    /// The beginning of a comment at an image: where many inherit the image, it is read for each.
    fn looked_at(&self, comment: &Comment) -> &'t str {
        let whole = &self.text[comment.span.clone()];
        let end = (0..=whole.len().min(LONGEST_COMMENT)).rev();
        let mut ends = end.filter(|end| whole.is_char_boundary(*end));
        let text = &whole[..ends.next().unwrap_or(0)];
        #[cfg(test)]
        steps::add(text.len() as u64);
        text
    }
}

/// How many comments an image can have at one of its scalars.
const MAX_COMMENTS: usize = 8;

/// How many bytes of a comment at an image are looked at.
const LONGEST_COMMENT: usize = 4096;

/// The text of an empty node, as of a null that is written.
const ABSENT: &str = "~";

fn is_absent(node: &Node, style: Style) -> bool {
    node.start == node.end && style == Style::Plain
}

/// The bytes in a scalar's quotes, where it has some.
fn inner(start: u32, end: u32, style: Style) -> Range<usize> {
    let quote = match style {
        Style::Single | Style::Double => 1,
        Style::Plain | Style::Block => 0,
    };
    let (start, end) = (start as usize + quote, end as usize);
    start..end.saturating_sub(quote).max(start)
}

impl<'t> CommentedFile<'t> {
    /// Reads all documents of a text, and all its comments.
    pub fn parse(text: &'t str) -> Result<Self, Unreadable> {
        File::read_plain(text)
            .map_or_else(|| File::read(text, Comments::Keep), Ok)
            .map(Self)
    }

    /// The comments' texts, in order.
    pub fn comments(&self) -> impl Iterator<Item = &'t str> + '_ {
        let file = &self.0;
        (file.comments.iter()).map(|comment| &file.text[comment.span.clone()])
    }

    /// Where the first comment begins that begins within the range.
    pub fn comment_in(&self, range: Range<usize>) -> Option<usize> {
        let comments = &self.0.comments;
        let from = comments.partition_point(|comment| comment.span.start < range.start);
        comments
            .get(from)
            .map(|comment| comment.span.start)
            .filter(|start| *start < range.end)
    }

    /// Whether a comment begins within the range.
    pub fn has_comment_in(&self, range: Range<usize>) -> bool {
        self.comment_in(range).is_some()
    }
}

impl<'t> Deref for CommentedFile<'t> {
    type Target = File<'t>;

    fn deref(&self) -> &File<'t> {
        &self.0
    }
}

impl<'t> From<CommentedFile<'t>> for File<'t> {
    fn from(file: CommentedFile<'t>) -> Self {
        file.0
    }
}
