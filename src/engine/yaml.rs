//! A file's text as documents of nodes, each with the bytes it stands on. The only file that names the YAML parser.
//!
//! JSON is read the same way: it is YAML 1.2. What can be read in two ways is refused here, before anybody looks at it: duplicate keys,
//! line breaks of YAML 1.1 that YAML 1.2 does not know, templates that happen to parse. So is what could exhaust memory or stack.
//! It changes nothing; `splice` does.

use std::borrow::Cow;
use std::ops::Range;

use granit_parser::{Event, Options, Parser, ScalarStyle, ScanError, Span, StructureStyle};
use memchr::memmem;

use super::tree::{Scalar, Tree};

/// Levels of nesting, aliases expanded: more than any Kubernetes object has, and less than any reader's own limit.
const MAX_DEPTH: u32 = 120;
/// How many nodes a document's aliases may make of one that is written, beyond a number that no object reaches.
const MAX_EXPANSION: u64 = 10;
const MAX_EXPANDED: u64 = 100_000;
const NONE: u32 = u32::MAX;

/// A parsed file. Nodes are kept in document order in one vector and named by their place in it.
#[derive(Debug)]
pub struct File<'t> {
    text: &'t str,
    nodes: Vec<Node<'t>>,
    documents: Vec<Document>,
    comments: Vec<Comment>,
}

/// A document of a file.
#[derive(Clone, Copy, Debug)]
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

#[derive(Debug)]
struct Node<'t> {
    kind: Kind<'t>,
    start: u32,
    end: u32,
    line: u32,
    column: u32,
    next: u32,
    tag: Tag,
}

#[derive(Debug)]
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
    #[error("the file looks like a Helm or Go template (`{{{{ … }}}}` outside quotes)")]
    Template,
    /// A key stands twice in one mapping.
    #[error("the key `{key}` is already there on line {first}; readers disagree on which one counts")]
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
    /// Aliases of aliases that stand for more than any object holds.
    #[error("its aliases stand for far more than the file holds")]
    AliasBomb,
    /// A line break to one version of YAML and none to the other.
    #[error("{0} outside a quoted scalar is a line break for some YAML readers and not for others")]
    AmbiguousLineBreak(&'static str),
}

impl Fault {
    /// The stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Syntax(_) => "yaml-syntax",
            Self::Template => "template",
            Self::DuplicateKey { .. } => "duplicate-key",
            Self::ComplexKey => "complex-key",
            Self::RecursiveAlias => "recursive-alias",
            Self::TooDeep => "too-deep",
            Self::AliasBomb => "alias-bomb",
            Self::AmbiguousLineBreak(_) => "ambiguous-line-break",
        }
    }
}

impl<'t> File<'t> {
    /// Reads all documents of a text. Comments are kept only where one may be meant for this program.
    pub fn parse(text: &'t str) -> Result<Self, Unreadable> {
        Self::read(text, memmem::find(text.as_bytes(), b"imago:").is_some())
    }

    /// Reads all documents of a text, and all its comments.
    pub fn parse_with_comments(text: &'t str) -> Result<Self, Unreadable> {
        Self::read(text, true)
    }

    fn read(text: &'t str, comments: bool) -> Result<Self, Unreadable> {
        let breaks = ambiguous_breaks(text);
        let file = Builder::new(text).build(comments)?;
        match breaks.into_iter().find(|(offset, _)| !file.quotes(*offset)) {
            Some((offset, name)) => Err(unreadable_at(text, offset, Fault::AmbiguousLineBreak(name))),
            None => Ok(file),
        }
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

/// What a plain scalar is to the readers of manifests: YAML 1.2's core schema, and YAML 1.1's words for booleans, which kubectl knows.
pub(super) fn resolve_plain(text: &str) -> Scalar<'_> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "true" | "True" | "TRUE" | "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => return Scalar::Bool(true),
        "false" | "False" | "FALSE" | "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => return Scalar::Bool(false),
        _ => {}
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = unsigned.replace('_', "");
    let radix =
        [("0x", 16), ("0o", 8), ("0b", 2)].into_iter().find_map(|(prefix, radix)| Some((digits.strip_prefix(prefix)?, radix)));
    let number = match radix {
        Some((digits, radix)) => !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix)),
        None => {
            matches!(unsigned, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN")
                || digits.starts_with(|first: char| first.is_ascii_digit() || first == '.') && digits.parse::<f64>().is_ok()
        }
    };
    if number { Scalar::Other("a number") } else { Scalar::Text(text) }
}

/// The places of line breaks that only some readers know: a lone CR, U+0085, U+2028, U+2029.
fn ambiguous_breaks(text: &str) -> Vec<(usize, &'static str)> {
    let bytes = text.as_bytes();
    let lone =
        memchr::memchr_iter(b'\r', bytes).filter(|at| bytes.get(at + 1) != Some(&b'\n')).map(|at| (at, "a lone carriage return"));
    let next_line = memmem::find_iter(bytes, "\u{85}").map(|at| (at, "U+0085"));
    let separators = memmem::find_iter(bytes, b"\xE2\x80").filter_map(|at| match bytes.get(at + 2) {
        Some(0xA8) => Some((at, "U+2028")),
        Some(0xA9) => Some((at, "U+2029")),
        _ => None,
    });
    let mut breaks: Vec<_> = lone.chain(next_line).chain(separators).collect();
    breaks.sort_unstable();
    breaks
}

fn unreadable_at(text: &str, offset: usize, fault: Fault) -> Unreadable {
    let before = &text[..offset];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    Unreadable {
        fault,
        line: narrow(before.bytes().filter(|byte| *byte == b'\n').count() + 1),
        column: narrow(before[line_start..].trim_start_matches('\u{feff}').chars().count() + 1),
    }
}

/// Files are limited to far less than 4 GiB before they are parsed.
fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

struct Builder<'t> {
    file: File<'t>,
    open: Vec<Frame>,
    anchors: Vec<Option<Anchor>>,
    aliases: bool,
}

/// A collection whose end has not come yet.
struct Frame {
    id: NodeId,
    last: u32,
    children: u32,
    anchor: usize,
    size: u64,
    height: u32,
    mapping: bool,
}

#[derive(Clone, Copy)]
struct Anchor {
    id: NodeId,
    /// Nodes and levels below, aliases expanded. `None`: its node has not ended.
    extent: Option<(u64, u32)>,
}

impl<'t> Builder<'t> {
    fn new(text: &'t str) -> Self {
        let file = File { text, nodes: Vec::with_capacity(text.len() / 16), documents: Vec::new(), comments: Vec::new() };
        Self { file, open: Vec::new(), anchors: Vec::new(), aliases: false }
    }

    fn build(mut self, comments: bool) -> Result<File<'t>, Unreadable> {
        let options = granit_parser::options! {
            emit_comments: comments,
            max_buffered_comment_events: usize::MAX,
            // libyaml's reading, which kubectl shares.
            block_scalar_eof_without_line_feed: true,
            flow_nesting_limit: MAX_DEPTH as usize,
            block_nesting_limit: MAX_DEPTH as usize,
        };
        self.events(options)?;
        Ok(self.file)
    }

    fn events(&mut self, options: Options) -> Result<(), Unreadable> {
        for next in Parser::new_from_str_with_options(self.file.text, options) {
            let (event, span) = next.map_err(|error| self.syntax(&error))?;
            match event {
                Event::DocumentStart(..) => self.aliases = false,
                Event::Scalar(text, style, anchor, tag) => {
                    let tag =
                        tag.map_or(Tag::None, |tag| if tag.is_yaml_core_schema_tag("str") { Tag::Text } else { Tag::Other });
                    let style = match style {
                        ScalarStyle::Plain => Style::Plain,
                        ScalarStyle::SingleQuoted => Style::Single,
                        ScalarStyle::DoubleQuoted => Style::Double,
                        ScalarStyle::Literal | ScalarStyle::Folded => Style::Block,
                    };
                    let id = self.add(Kind::Scalar { text, style }, tag, span)?;
                    self.remember(anchor, Anchor { id, extent: Some((1, 1)) });
                    self.count(1, 1, span)?;
                }
                Event::SequenceStart(style, anchor, _) => {
                    self.start(Kind::Sequence { first: NONE, layout: layout(style) }, anchor, span)?;
                }
                Event::MappingStart(style, anchor, _) => {
                    self.start(Kind::Mapping { first: NONE, layout: layout(style) }, anchor, span)?;
                }
                Event::SequenceEnd | Event::MappingEnd => self.end(span)?,
                Event::Alias(anchor) => self.alias(anchor, span)?,
                Event::Comment(..) => {
                    let range = span.byte_range().unwrap_or_default();
                    self.file.comments.push(Comment { span: range, line: narrow(span.start.line()) });
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn syntax(&self, error: &ScanError) -> Unreadable {
        let text = self.file.text;
        if matches!(error.kind(), granit_parser::ErrorKind::RecursionLimitExceeded) {
            return Unreadable {
                fault: Fault::TooDeep,
                line: narrow(error.marker().line()),
                column: narrow(error.marker().col() + 1),
            };
        }
        match memmem::find(text.as_bytes(), b"{{") {
            Some(offset) => unreadable_at(text, offset, Fault::Template),
            None => Unreadable {
                fault: Fault::Syntax(error.info()),
                line: narrow(error.marker().line()),
                column: narrow(error.marker().col() + 1),
            },
        }
    }

    fn fault(&self, span: Span, fault: Fault) -> Unreadable {
        Unreadable { fault, line: narrow(span.start.line()), column: narrow(span.start.col() + 1) }
    }

    /// Adds a node behind its elder sibling, under its parent, or as a document's root.
    fn add(&mut self, kind: Kind<'t>, tag: Tag, span: Span) -> Result<NodeId, Unreadable> {
        let range = span.byte_range().unwrap_or_default();
        let index = narrow(self.file.nodes.len());
        if let Some(frame) = self.open.last_mut() {
            let is_key = frame.mapping && frame.children % 2 == 0;
            if is_key && !matches!(kind, Kind::Scalar { .. } | Kind::Alias { .. }) {
                let template = matches!(kind, Kind::Mapping { layout: Layout::Flow, .. });
                return Err(self.fault(span, if template { Fault::Template } else { Fault::ComplexKey }));
            }
            match frame.last {
                NONE => match &mut self.file.nodes[frame.id.0 as usize].kind {
                    Kind::Sequence { first, .. } | Kind::Mapping { first, .. } => *first = index,
                    Kind::Scalar { .. } | Kind::Alias { .. } => {}
                },
                last => self.file.nodes[last as usize].next = index,
            }
            frame.last = index;
            frame.children += 1;
        } else {
            self.file.documents.push(Document { root: NodeId(index), aliases: false });
        }
        self.file.nodes.push(Node {
            kind,
            start: narrow(range.start),
            end: narrow(range.end),
            line: narrow(span.start.line()),
            column: narrow(span.start.col()),
            next: NONE,
            tag,
        });
        Ok(NodeId(index))
    }

    fn start(&mut self, kind: Kind<'t>, anchor: usize, span: Span) -> Result<(), Unreadable> {
        let mapping = matches!(kind, Kind::Mapping { .. });
        let id = self.add(kind, Tag::None, span)?;
        self.remember(anchor, Anchor { id, extent: None });
        self.open.push(Frame { id, last: NONE, children: 0, anchor, size: 1, height: 0, mapping });
        if self.open.len() > MAX_DEPTH as usize {
            return Err(self.fault(span, Fault::TooDeep));
        }
        Ok(())
    }

    fn end(&mut self, span: Span) -> Result<(), Unreadable> {
        let Some(frame) = self.open.pop() else { return Ok(()) };
        let node = &mut self.file.nodes[frame.id.0 as usize];
        if matches!(node.kind, Kind::Sequence { layout: Layout::Flow, .. } | Kind::Mapping { layout: Layout::Flow, .. }) {
            node.end = narrow(span.byte_range().unwrap_or_default().end);
        }
        if frame.mapping {
            self.check_keys(frame.id)?;
        }
        let (size, height) = (frame.size, frame.height + 1);
        if frame.anchor != 0 {
            self.remember(frame.anchor, Anchor { id: frame.id, extent: Some((size, height)) });
        }
        self.count(size, height, span)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Unreadable> {
        let known = self.anchors.get(anchor).copied().flatten();
        let Some(Anchor { id, extent }) = known else {
            return Err(self.fault(span, Fault::Syntax("the alias names no anchor".to_owned())));
        };
        let Some((size, height)) = extent else {
            return Err(self.fault(span, Fault::RecursiveAlias));
        };
        let collection = !matches!(self.file.node(id).kind, Kind::Scalar { .. });
        if collection && self.open.last().is_some_and(|frame| frame.mapping && frame.children % 2 == 0) {
            return Err(self.fault(span, Fault::ComplexKey));
        }
        self.add(Kind::Alias { target: id }, Tag::None, span)?;
        self.aliases = true;
        if let Some(document) = self.file.documents.last_mut() {
            document.aliases = true;
        }
        self.count(size, height, span)
    }

    fn remember(&mut self, anchor: usize, value: Anchor) {
        if anchor != 0 {
            if self.anchors.len() <= anchor {
                self.anchors.resize(anchor + 1, None);
            }
            self.anchors[anchor] = Some(value);
        }
    }

    /// Adds what a finished child stands for to its parent.
    fn count(&mut self, size: u64, height: u32, span: Span) -> Result<(), Unreadable> {
        let level = narrow(self.open.len());
        let Some(frame) = self.open.last_mut() else { return Ok(()) };
        frame.size = frame.size.saturating_add(size);
        frame.height = frame.height.max(height);
        if self.aliases && frame.size > MAX_EXPANDED + MAX_EXPANSION * self.file.nodes.len() as u64 {
            return Err(self.fault(span, Fault::AliasBomb));
        }
        if level + height > MAX_DEPTH + 1 {
            return Err(self.fault(span, Fault::TooDeep));
        }
        Ok(())
    }

    fn check_keys(&self, id: NodeId) -> Result<(), Unreadable> {
        let mapping = self.file.at(id);
        let Kind::Mapping { first, .. } = mapping.node().kind else { return Ok(()) };
        let mut keys: Vec<(&str, NodeId)> =
            mapping.pairs(first).filter_map(|(key, _)| Some((key.target().styled()?.0, key.id()))).collect();
        // Small mappings are the rule, and comparing each pair is quicker than sorting them.
        let twice = if keys.len() <= 8 {
            keys.iter().enumerate().find_map(|(at, key)| Some((*keys[..at].iter().find(|elder| elder.0 == key.0)?, *key)))
        } else {
            keys.sort_unstable();
            keys.windows(2).find(|pair| pair[0].0 == pair[1].0).map(|pair| (pair[0], pair[1]))
        };
        match twice {
            None => Ok(()),
            Some(((key, first), (_, second))) => {
                let (first, second) = (self.file.node(first), self.file.node(second));
                Err(Unreadable {
                    fault: Fault::DuplicateKey { key: key.to_owned(), first: first.line },
                    line: second.line,
                    column: second.column + 1,
                })
            }
        }
    }
}

fn layout(style: StructureStyle) -> Layout {
    match style {
        StructureStyle::Block => Layout::Block,
        StructureStyle::Flow => Layout::Flow,
    }
}
