//! A file's text as documents of nodes, each with the bytes it stands on.
//!
//! JSON is read the same way: it is YAML 1.2. What can be read in two ways is refused here, before anybody looks at it: duplicate keys,
//! line breaks of YAML 1.1 that YAML 1.2 does not know, templates that happen to parse. So is what could exhaust memory or stack.
//! It changes nothing; `splice` does.

mod build;
mod events;
mod fault;
mod lines;
mod plain;

use std::borrow::Cow;
use std::ops::Range;

use memchr::memmem;

use super::tree::{Scalar, Tree};
use events::Comments;
pub use fault::{Fault, Unreadable};
pub(super) use plain::resolve_plain;

const NONE: u32 = u32::MAX;

/// A parsed file. Nodes are kept in document order in one vector and named by their place in it.
#[derive(Debug, PartialEq, Eq)]
pub struct File<'t> {
    text: &'t str,
    nodes: Vec<Node<'t>>,
    documents: Vec<Document>,
    comments: Vec<Comment>,
    plain: bool,
}

/// A document of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Document {
    root: NodeId,
    aliases: bool,
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

#[derive(Debug, PartialEq, Eq)]
struct Node<'t> {
    kind: Kind<'t>,
    start: u32,
    end: u32,
    line: u32,
    column: u32,
    next: u32,
    tag: Tag,
}

#[derive(Debug, PartialEq, Eq)]
enum Kind<'t> {
    Scalar { text: Cow<'t, str>, style: Style },
    Sequence { first: u32, layout: Layout },
    Mapping { first: u32, layout: Layout },
    Alias { target: NodeId },
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
    pub fn parse(text: &'t str) -> Result<Self, Unreadable> {
        let comments = if memmem::find(text.as_bytes(), b"imago:").is_some() { Comments::Keep } else { Comments::Drop };
        // Most manifests are so plain that no two readers differ on them, and need no parser for all of YAML.
        Self::read_plain(text).map_or_else(|| Self::read(text, comments), Ok)
    }

    /// Reads all documents of a text, and all its comments.
    pub fn parse_with_comments(text: &'t str) -> Result<Self, Unreadable> {
        Self::read_plain(text).map_or_else(|| Self::read(text, Comments::Keep), Ok)
    }

    fn read_plain(text: &'t str) -> Option<Self> {
        lines::read(text).map(|file| Self { plain: true, ..file })
    }

    fn read(text: &'t str, comments: Comments) -> Result<Self, Unreadable> {
        let breaks = plain::ambiguous_breaks(text);
        let file = events::read(text, comments)?;
        match breaks.into_iter().find(|(offset, _)| !file.quotes(*offset)) {
            Some((offset, name)) => Err(fault::unreadable_at(text, offset, Fault::AmbiguousLineBreak(name))),
            None => Ok(file),
        }
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

    /// The whole text.
    pub fn text(&self) -> &'t str {
        self.text
    }

    /// The comments' texts, in order. Complete only after [`File::parse_with_comments`].
    pub fn comments(&self) -> impl Iterator<Item = &'t str> + '_ {
        self.comments.iter().map(|comment| &self.text[comment.span.clone()])
    }

    /// Where the first comment begins that begins within the range.
    pub fn comment_in(&self, range: Range<usize>) -> Option<usize> {
        let from = self.comments.partition_point(|comment| comment.span.start < range.start);
        self.comments.get(from).map(|comment| comment.span.start).filter(|start| *start < range.end)
    }

    /// Whether a comment begins within the range.
    pub fn has_comment_in(&self, range: Range<usize>) -> bool {
        self.comment_in(range).is_some()
    }

    /// A node by its name.
    pub fn at(&self, id: NodeId) -> YamlNode<'_, 't> {
        YamlNode { file: self, id, key: None }
    }

    fn node(&self, id: NodeId) -> &Node<'t> {
        &self.nodes[id.0 as usize]
    }

    /// Whether a byte stands inside a quoted scalar.
    fn quotes(&self, offset: usize) -> bool {
        self.nodes.iter().any(|node| {
            matches!(node.kind, Kind::Scalar { style: Style::Single | Style::Double, .. })
                && (node.start as usize..node.end as usize).contains(&offset)
        })
    }

    fn asks_to_ignore(&self, line: u32) -> bool {
        let from = self.comments.partition_point(|comment| comment.line < line);
        self.comments[from..]
            .iter()
            .take_while(|comment| comment.line == line)
            .any(|comment| is_ignore(&self.text[comment.span.clone()]))
    }
}

/// `# imago: ignore`, alone or with words after it.
fn is_ignore(comment: &str) -> bool {
    comment.match_indices("imago:").any(|(at, word)| {
        let before = comment[..at].chars().next_back();
        comment[at + word.len()..].trim_start().strip_prefix("ignore").is_some_and(|rest| {
            !rest.starts_with(|next: char| next.is_alphanumeric() || next == '-' || next == '_')
                && before.is_some_and(|before| before == '#' || before.is_whitespace())
        })
    })
}

/// A node of a file, with the key under which it was reached.
#[derive(Clone, Copy, Debug)]
pub struct YamlNode<'f, 't> {
    file: &'f File<'t>,
    id: NodeId,
    key: Option<NodeId>,
}

impl<'f, 't> YamlNode<'f, 't> {
    /// The node as it is written: an alias is itself.
    pub fn id(self) -> NodeId {
        self.id
    }

    /// The node that the alias names; any other node is itself.
    pub fn target(self) -> Self {
        match self.node().kind {
            Kind::Alias { target } => Self { id: target, ..self },
            _ => self,
        }
    }

    /// Whether it is written as an alias.
    pub fn is_alias(self) -> bool {
        matches!(self.node().kind, Kind::Alias { .. })
    }

    /// The bytes of the node without its tag and anchor. A block collection has an empty span where its first entry begins; a flow
    /// collection has its brackets, a quoted scalar its quotes, a block scalar its body without the header.
    pub fn span(self) -> Range<usize> {
        self.node().start as usize..self.node().end as usize
    }

    /// The column where it begins, in characters from 0: the indentation of a block mapping's keys.
    pub fn column(self) -> usize {
        self.node().column as usize
    }

    /// The text of a scalar, and how it is written.
    pub fn styled(self) -> Option<(&'f str, Style)> {
        match &self.node().kind {
            Kind::Scalar { text, style } => Some((text, *style)),
            _ => None,
        }
    }

    /// The keys and values of a mapping as they are written: aliases as themselves, merge keys as keys. `None`: it is no mapping.
    pub fn written_entries(self) -> Option<(Layout, Vec<(Self, Self)>)> {
        let Kind::Mapping { first, layout } = self.node().kind else { return None };
        Some((layout, self.pairs(first).collect()))
    }

    /// The items of a sequence as they are written. `None`: it is no sequence.
    pub fn written_items(self) -> Option<(Layout, Vec<Self>)> {
        let Kind::Sequence { first, layout } = self.node().kind else { return None };
        let items = std::iter::successors(self.named(first), |item| self.named(item.node().next)).collect();
        Some((layout, items))
    }

    /// Whether it is an empty node: nothing is written where a value could be.
    pub fn is_absent(self) -> bool {
        self.node().start == self.node().end && matches!(&self.node().kind, Kind::Scalar { style: Style::Plain, .. })
    }

    /// Whether both have the same kind of tag.
    pub fn has_tag_of(self, other: YamlNode<'_, '_>) -> bool {
        self.node().tag == other.node().tag
    }

    fn node(self) -> &'f Node<'t> {
        self.file.node(self.id)
    }

    fn named(self, id: u32) -> Option<Self> {
        (id != NONE).then_some(Self { file: self.file, id: NodeId(id), key: None })
    }

    fn pairs(self, first: u32) -> impl Iterator<Item = (Self, Self)> {
        let mut next = self.named(first);
        std::iter::from_fn(move || {
            let key = next?;
            let value = self.named(key.node().next)?;
            next = self.named(value.node().next);
            Some((key, Self { key: Some(key.id), ..value }))
        })
    }

    /// The mappings that a merge key brings in, the strongest first.
    fn merged(self) -> Vec<Self> {
        match self.target().written_items() {
            Some((_, items)) => items.into_iter().map(Self::target).collect(),
            None => vec![self.target()],
        }
    }

    /// Whether a merge key may have it as its value: readers refuse the rest, or silently pass it over.
    fn can_be_merged(self) -> bool {
        self.merged().into_iter().all(|mapping| mapping.written_entries().is_some())
    }

    fn is_merge_key(self) -> bool {
        matches!(&self.node().kind, Kind::Scalar { text, style: Style::Plain } if text == "<<")
    }
}

impl<'f, 't> Tree<'f> for YamlNode<'f, 't> {
    fn get(self, key: &str) -> Option<Self> {
        let target = self.target();
        let Kind::Mapping { first, .. } = target.node().kind else { return None };
        let mut merge = None;
        for (name, value) in target.pairs(first) {
            if name.is_merge_key() {
                merge = Some(value);
            } else if matches!(&name.target().node().kind, Kind::Scalar { text, .. } if text == key) {
                return Some(value);
            }
        }
        merge?.merged().into_iter().find_map(|mapping| mapping.get(key))
    }

    fn items(self) -> Vec<Self> {
        self.target().written_items().map(|(_, items)| items).unwrap_or_default()
    }

    fn entries(self) -> Vec<(&'f str, Self)> {
        let target = self.target();
        let Kind::Mapping { first, .. } = target.node().kind else { return Vec::new() };
        let mut entries: Vec<(&'f str, Self)> = Vec::new();
        let mut merge = None;
        for (name, value) in target.pairs(first) {
            match &name.target().node().kind {
                _ if name.is_merge_key() => merge = Some(value),
                Kind::Scalar { text, .. } => entries.push((text, value)),
                _ => {}
            }
        }
        for mapping in merge.map(Self::merged).unwrap_or_default() {
            for (name, value) in mapping.entries() {
                if !entries.iter().any(|(own, _)| *own == name) {
                    entries.push((name, value));
                }
            }
        }
        entries
    }

    fn scalar(self) -> Scalar<'f> {
        let node = self.target().node();
        match &node.kind {
            Kind::Scalar { text, style } => match (node.tag, style) {
                (Tag::Text, _) => Scalar::Text(text),
                (Tag::Other, _) => Scalar::Other("a value with a tag of its own"),
                (Tag::None, Style::Plain) => resolve_plain(text),
                (Tag::None, _) => Scalar::Text(text),
            },
            Kind::Sequence { .. } => Scalar::Other("a sequence"),
            Kind::Mapping { .. } => Scalar::Other("a mapping"),
            Kind::Alias { .. } => Scalar::Other("an alias of an alias"),
        }
    }

    fn line(self) -> Option<u32> {
        Some(self.node().line)
    }

    fn ignored(self) -> bool {
        !self.file.comments.is_empty()
            && (self.file.asks_to_ignore(self.node().line)
                || self.key.is_some_and(|key| self.file.asks_to_ignore(self.file.node(key).line)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(text: &str) -> (&'static str, u32, u32) {
        let error = File::parse(text).unwrap_err();
        (error.fault.code(), error.line, error.column)
    }

    #[test]
    fn what_can_be_read_in_two_ways_is_refused_where_it_stands() {
        for (text, place) in [
            ("a: [", ("yaml-syntax", 1, 4)),
            ("a: {{ .x }}\n", ("template", 1, 4)),
            ("a: 'x {{ y'\nb: [", ("template", 1, 7)),
            ("a: 1\nb: 2\n\"a\": 3\n", ("duplicate-key", 3, 1)),
            ("? [a]\n: b\n", ("complex-key", 1, 3)),
            ("a: 1\n<<: ~\n", ("yaml-syntax", 2, 1)),
            ("<<: [{a: 1}, 2]\n", ("yaml-syntax", 1, 1)),
            ("a: &a [*a]\n", ("recursive-alias", 1, 8)),
            ("a: b\rc: d\n", ("ambiguous-line-break", 1, 5)),
            ("a: b # \u{2028}\n", ("ambiguous-line-break", 1, 8)),
            ("a: \u{85}\n", ("ambiguous-line-break", 1, 4)),
        ] {
            assert_eq!(fault(text), place, "{text:?}");
        }
        assert!(File::parse("a: 'b\u{2028}c'\r\nd: \"\u{85}\"\r\n").is_ok());
    }

    #[test]
    fn depth_counts_what_aliases_stand_for() {
        assert_eq!(fault(&format!("a: {}\n", "[".repeat(2000))).0, "too-deep");
        assert_eq!(fault(&(0..200).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect::<String>()).0, "too-deep");
        let deep = |name: &str, inner: &str| format!("{name}: &{name} {}{inner}{}\n", "[".repeat(70), "]".repeat(70));
        assert_eq!(fault(&(deep("a", "x") + &deep("b", "*a"))).0, "too-deep");
    }

    #[test]
    fn an_alias_bomb_is_refused_before_anything_is_expanded() {
        let mut text = "a0: &a0 [x]\n".to_owned();
        for level in 1..30 {
            let alias = format!("*a{}", level - 1);
            text += &format!("a{level}: &a{level} [{}]\n", [alias.as_str(); 10].join(", "));
        }
        assert_eq!(fault(&text).0, "alias-bomb");
    }

    #[test]
    fn merge_keys_bring_in_what_is_not_there() {
        let text = "base: &b {x: 1, y: b}\nmore: &m {y: m, z: m}\nall: {<<: [*b, *m], x: own}\n";
        let file = File::parse(text).unwrap();
        let all = file.document(0).get("all").unwrap();
        let entries: Vec<_> = all.entries().into_iter().map(|(key, value)| (key, value.styled().unwrap().0)).collect();
        assert_eq!(entries, [("x", "own"), ("y", "b"), ("z", "m")]);
        assert_eq!(all.get("z").unwrap().styled().unwrap().0, "m");
    }

    #[test]
    fn plain_text_is_a_string_only_where_all_readers_say_so() {
        for text in ["1", "-1.5", "1e3", "0x1f", "0o17", "1_000", ".inf", "+.5"] {
            assert_eq!(resolve_plain(text), Scalar::Other("a number"), "{text}");
        }
        for text in ["1.25.4", "nginx", "1-2", "0x", "x1", ".", "1.2e", "nan", "inf", "1:2"] {
            assert_eq!(resolve_plain(text), Scalar::Text(text));
        }
        assert_eq!((resolve_plain("~"), resolve_plain("Yes")), (Scalar::Null, Scalar::Bool(true)));
    }

    #[test]
    fn a_comment_asks_to_ignore_its_line_and_no_other() {
        let text = "a: x # imago: ignore\nb: y # imago: ignored\nc: # imago: ignore, for now\n  z\nd: w # see imago: ignore\n";
        let file = File::parse(text).unwrap();
        let ignored: Vec<_> =
            file.document(0).entries().into_iter().filter(|(_, value)| value.ignored()).map(|(key, _)| key).collect();
        assert_eq!(ignored, ["a", "c", "d"]);
    }
}
