//! From the parser's events to nodes. The only file that names the YAML parser.

use granit_parser::{Event, Parser, ScalarStyle, ScanError, Span, StructureStyle, TryLoadError, TrySpannedEventReceiver};
use memchr::memmem;

use super::fault::{narrow, unreadable_at};
use super::{Comment, Document, Fault, File, Kind, Layout, NONE, Node, NodeId, Style, Tag, Unreadable};

/// Levels of nesting, aliases expanded: more than any Kubernetes object has, and less than any reader's own limit.
pub(super) const MAX_DEPTH: u32 = 120;
/// How many nodes a document's aliases may make of one that is written, beyond a number that no object reaches.
const MAX_EXPANSION: u64 = 10;
const MAX_EXPANDED: u64 = 100_000;

pub(super) struct Builder<'t> {
    file: File<'t>,
    open: Vec<Frame>,
    anchors: Vec<Option<Anchor>>,
    aliases: bool,
}

impl<'t> TrySpannedEventReceiver<'t> for Builder<'t> {
    type Error = Unreadable;

    fn on_event(&mut self, event: Event<'t>, span: Span) -> Result<(), Unreadable> {
        match event {
            Event::DocumentStart(..) => self.aliases = false,
            Event::Scalar(text, style, anchor, tag) => {
                let tag = tag.map_or(Tag::None, |tag| if tag.is_yaml_core_schema_tag("str") { Tag::Text } else { Tag::Other });
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
        Ok(())
    }
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
    pub(super) fn new(text: &'t str) -> Self {
        let file = File { text, nodes: Vec::with_capacity(text.len() / 10), documents: Vec::new(), comments: Vec::new() };
        Self { file, open: Vec::new(), anchors: Vec::new(), aliases: false }
    }

    pub(super) fn build(mut self, comments: bool) -> Result<File<'t>, Unreadable> {
        let options = granit_parser::options! {
            emit_comments: comments,
            max_buffered_comment_events: usize::MAX,
            // libyaml's reading, which kubectl shares.
            block_scalar_eof_without_line_feed: true,
            flow_nesting_limit: MAX_DEPTH as usize,
            block_nesting_limit: MAX_DEPTH as usize,
        };
        // Pushed events are an eighth quicker than pulled ones.
        match Parser::new_from_str_with_options(self.file.text, options).try_load(&mut self, true) {
            Ok(()) => Ok(self.file),
            Err(TryLoadError::Receiver(unreadable)) => Err(unreadable),
            Err(TryLoadError::Scan(error)) => Err(self.syntax(&error)),
        }
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
                if let Kind::Mapping { layout: Layout::Flow, .. } = kind {
                    // `{{ … }}`: the outer brace is where a template begins.
                    let outer = self.file.node(frame.id);
                    return Err(Unreadable { fault: Fault::Template, line: outer.line, column: outer.column + 1 });
                }
                return Err(self.fault(span, Fault::ComplexKey));
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
        if let Some((key, _)) = mapping.pairs(first).find(|(key, value)| key.is_merge_key() && !value.can_be_merged()) {
            let key = self.file.node(key.id());
            let fault = Fault::Syntax("a merge key `<<` takes a mapping or a sequence of mappings".to_owned());
            return Err(Unreadable { fault, line: key.line, column: key.column + 1 });
        }
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
