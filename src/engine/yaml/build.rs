//! Puts nodes together, as a reader of the text meets them, and refuses what is ambiguous or without end.

use std::borrow::Cow;

use super::fault::{MAX_DEPTH, MAX_KEYS, narrow};
use super::template::{Engine, is_expression};
use super::{
    ABSENT, Document, Fault, File, Kind, Layout, NONE, Newlines, Node, NodeId, Style, Tag,
    Unreadable, inner,
};
use crate::engine::splice::{Leaf, resolved};

/// How many nodes a file's aliases may make of one that is written, beyond a number that no object reaches. Of that number a short text has
/// only its share, for there may be many: files, and texts inside of files.
const MAX_EXPANSION: u64 = 2;
const MAX_EXPANDED: u64 = 100_000;
const EXPANDED_A_BYTE: u64 = 16;

/// How many keys a small mapping has, at most.
const SMALL: usize = 8;

/// Where something stands: bytes, the line from 1, and the column in characters from 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) line: u32,
    pub(super) column: u32,
}

/// Takes scalars, collections and aliases in the order of the text.
pub(super) struct Builder<'t> {
    pub(super) file: File<'t>,
    open: Vec<Frame>,
    anchors: Vec<Option<Anchor>>,
    aliases: bool,
    /// The number of the current document.
    document: usize,
    /// How many nodes the finished documents with aliases stand for: all documents of a file share one allowance.
    expanded: u64,
}

/// A collection whose end has not come yet.
struct Frame {
    id: NodeId,
    last: u32,
    children: u32,
    anchor: usize,
    extent: Extent,
    /// The bytes of the keys above it, and those of its last key.
    above: u32,
    key: u32,
    mapping: bool,
}

/// What a node stands for, aliases expanded.
#[derive(Clone, Copy)]
struct Extent {
    size: u64,
    height: u32,
    /// The bytes of the keys on the way to a node below, at most.
    keys: u32,
}

impl Extent {
    const LEAF: Self = Self {
        size: 1,
        height: 1,
        keys: 0,
    };
}

#[derive(Clone, Copy)]
struct Anchor {
    id: NodeId,
    /// `None`: its node has not ended.
    extent: Option<Extent>,
}

impl<'t> Builder<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let file = File {
            text,
            nodes: Vec::with_capacity(text.len() / 10),
            texts: Vec::new(),
            documents: Vec::new(),
            comments: Vec::new(),
            plain: false,
            newlines: Newlines::default(),
            refused: Vec::new(),
            starts: Vec::new(),
        };
        Self {
            file,
            open: Vec::new(),
            anchors: Vec::new(),
            aliases: false,
            document: 0,
            expanded: 0,
        }
    }

    /// Begins a document: anchors are its own.
    pub(super) fn start_document(&mut self) {
        self.aliases = false;
        self.document = self.file.documents.len();
    }

    pub(super) fn scalar(
        &mut self,
        text: Cow<'t, str>,
        style: Style,
        tag: Tag,
        anchor: usize,
        at: At,
    ) -> Result<(), Unreadable> {
        let own = self.own_text(text, style, at);
        let id = self.add(Kind::Scalar(style), own, tag, at)?;
        self.remember(
            anchor,
            Anchor {
                id,
                extent: Some(Extent::LEAF),
            },
        );
        self.count(Extent::LEAF, at)
    }

    /// A scalar without a tag or an anchor, whose text stands in the file as it is.
    pub(super) fn written_scalar(&mut self, style: Style, at: At) -> Result<(), Unreadable> {
        self.add(Kind::Scalar(style), NONE, Tag::None, at)?;
        self.count(Extent::LEAF, at)
    }

    pub(super) fn start_sequence(
        &mut self,
        layout: Layout,
        anchor: usize,
        at: At,
    ) -> Result<(), Unreadable> {
        self.start(Kind::Sequence(layout), anchor, at)
    }

    pub(super) fn start_mapping(
        &mut self,
        layout: Layout,
        anchor: usize,
        at: At,
    ) -> Result<(), Unreadable> {
        self.start(Kind::Mapping(layout), anchor, at)
    }

    fn fault(&self, at: At, fault: Fault) -> Unreadable {
        Unreadable {
            fault,
            line: at.line,
            column: at.column + 1,
        }
    }

    /// Adds a node behind its elder sibling, under its parent, or as a document's root.
    fn add(&mut self, kind: Kind, first: u32, tag: Tag, at: At) -> Result<NodeId, Unreadable> {
        let index = narrow(self.file.nodes.len());
        if let Some(frame) = self.open.last_mut() {
            let is_key = frame.mapping && frame.children % 2 == 0;
            if is_key && !matches!(kind, Kind::Scalar(_) | Kind::Alias) {
                let outer = self.file.node(frame.id);
                // Both braces are of mappings, or the key's own two are.
                let places = [
                    (outer.start, outer.line, outer.column),
                    (at.start, at.line, at.column),
                ];
                let is_template =
                    |place: &(u32, _, _)| is_expression(self.file.text, place.0 as usize);
                if let Some((_, line, column)) = places.into_iter().find(is_template) {
                    return Err(Unreadable {
                        fault: Fault::Template(Engine::Go),
                        line,
                        column: column + 1,
                    });
                }
                return Err(self.fault(at, Fault::ComplexKey));
            }
            match frame.last {
                NONE => self.file.nodes[frame.id.0 as usize].first = index,
                last => self.file.nodes[last as usize].next = index,
            }
            frame.last = index;
            frame.children += 1;
        } else {
            self.file.documents.push(Document {
                root: NodeId(index),
                aliases: false,
                refused: false,
            });
        }
        self.file.nodes.push(Node {
            kind,
            start: at.start,
            end: at.end,
            line: at.line,
            column: at.column,
            next: NONE,
            first,
            tag,
        });
        Ok(NodeId(index))
    }

    /// The place of a scalar's text among the file's. `NONE`: it stands in the file as it is.
    fn own_text(&mut self, text: Cow<'t, str>, style: Style, at: At) -> u32 {
        let is_there = if at.start == at.end && style == Style::Plain {
            text == ABSENT
        } else {
            let range = inner(at.start, at.end, style);
            // Most texts are borrowed from where they stand.
            let place = self.file.text.as_ptr().wrapping_add(range.start);
            text.len() == range.len() && std::ptr::eq(text.as_ptr(), place)
                || self.file.text.get(range) == Some(&*text)
        };
        if is_there {
            return NONE;
        }
        self.file.texts.push(text.into());
        narrow(self.file.texts.len() - 1)
    }

    fn start(&mut self, kind: Kind, anchor: usize, at: At) -> Result<(), Unreadable> {
        let mapping = matches!(kind, Kind::Mapping(_));
        let id = self.add(kind, NONE, Tag::None, at)?;
        self.remember(anchor, Anchor { id, extent: None });
        let above = (self.open.last()).map_or(0, |around| around.above + around.key);
        self.open.push(Frame {
            id,
            last: NONE,
            children: 0,
            anchor,
            extent: Extent {
                height: 0,
                ..Extent::LEAF
            },
            above,
            key: 0,
            mapping,
        });
        if self.open.len() > MAX_DEPTH as usize {
            return Err(self.fault(at, Fault::TooDeep));
        }
        Ok(())
    }

    pub(super) fn end(&mut self, at: At) -> Result<(), Unreadable> {
        let Some(frame) = self.open.pop() else {
            return Ok(());
        };
        let node = &mut self.file.nodes[frame.id.0 as usize];
        if matches!(
            node.kind,
            Kind::Sequence(Layout::Flow) | Kind::Mapping(Layout::Flow)
        ) {
            node.end = at.end;
        }
        if frame.mapping {
            self.check_keys(frame.id, frame.children / 2)?;
        }
        let extent = Extent {
            height: frame.extent.height + 1,
            ..frame.extent
        };
        if frame.anchor != 0 {
            self.remember(
                frame.anchor,
                Anchor {
                    id: frame.id,
                    extent: Some(extent),
                },
            );
        }
        self.count(extent, at)
    }

    pub(super) fn alias(&mut self, anchor: usize, at: At) -> Result<(), Unreadable> {
        let known = self.anchors.get(anchor).copied().flatten();
        let Some(Anchor { id, extent }) = known else {
            return Err(self.fault(at, Fault::Syntax("the alias names no anchor".to_owned())));
        };
        let Some(extent) = extent else {
            return Err(self.fault(at, Fault::RecursiveAlias));
        };
        let collection = !matches!(self.file.node(id).kind, Kind::Scalar(_));
        if collection
            && self
                .open
                .last()
                .is_some_and(|frame| frame.mapping && frame.children % 2 == 0)
        {
            return Err(self.fault(at, Fault::ComplexKey));
        }
        self.add(Kind::Alias, id.0, Tag::None, at)?;
        self.aliases = true;
        if let Some(document) = self.file.documents.last_mut() {
            document.aliases = true;
        }
        self.count(extent, at)
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
    fn count(&mut self, child: Extent, at: At) -> Result<(), Unreadable> {
        let level = narrow(self.open.len());
        let Some(frame) = self.open.last_mut() else {
            if self.aliases {
                self.expanded = self.expanded.saturating_add(child.size);
            }
            return Ok(());
        };
        if frame.mapping && frame.children % 2 == 1 {
            let key = match self.file.nodes[frame.last as usize] {
                Node {
                    kind: Kind::Alias,
                    first,
                    ..
                } => self.file.nodes[first as usize],
                key => key,
            };
            frame.key = key.end - key.start;
        }
        frame.extent.size = frame.extent.size.saturating_add(child.size);
        frame.extent.height = frame.extent.height.max(child.height);
        frame.extent.keys = frame.extent.keys.max(frame.key + child.keys);
        let (size, keys) = (frame.extent.size, frame.above + frame.key + child.keys);
        if self.aliases && self.expanded.saturating_add(size) > self.most_expanded() {
            return Err(self.fault(at, Fault::AliasBomb));
        }
        if level + child.height > MAX_DEPTH + 1 {
            return Err(self.fault(at, Fault::TooDeep));
        }
        match keys > MAX_KEYS {
            true => Err(self.fault(at, Fault::LongKeys)),
            false => Ok(()),
        }
    }

    /// How many nodes the documents with aliases may stand for, by what was read until now.
    fn most_expanded(&self) -> u64 {
        MAX_EXPANDED.min(EXPANDED_A_BYTE * self.file.text.len() as u64)
            + MAX_EXPANSION * self.file.nodes.len() as u64
    }

    /// Forgets what was read of the current document, and puts an empty node in its place. `Err`: nothing was read of it yet.
    pub(super) fn refuse_document(&mut self, why: Unreadable) -> Result<(), Unreadable> {
        let Some(Document { root, .. }) = self.file.documents.get(self.document).copied() else {
            return Err(why);
        };
        let node = self.file.node(root);
        let at = At {
            start: node.start,
            end: node.start,
            line: node.line,
            column: node.column,
        };
        self.file.nodes.truncate(root.0 as usize);
        self.open.clear();
        self.anchors.clear();
        self.aliases = false;
        self.file.refuse(self.document, at, why);
        Ok(())
    }

    /// Refuses a key that stands twice, and a merge key with a value that cannot be merged.
    fn check_keys(&self, id: NodeId, pairs: u32) -> Result<(), Unreadable> {
        let mapping = self.file.at(id);
        // Small mappings are the rule, and comparing each pair is quicker than sorting them.
        let is_small = pairs as usize <= SMALL;
        let listed = if is_small { 0 } else { pairs as usize };
        let (mut few, mut many) = ([("", id); SMALL], Vec::with_capacity(listed));
        let (mut twice, mut values) = (None, Vec::new());
        for (at, (key, value)) in mapping.pairs(mapping.node().first).enumerate() {
            let Some((text, style)) = key.target().styled() else {
                continue;
            };
            if text == "<<" && style == Style::Plain && !key.is_alias() && !value.can_be_merged() {
                let key = self.file.node(key.id());
                let fault = Fault::Syntax(
                    "a merge key `<<` takes a mapping or a sequence of mappings".to_owned(),
                );
                return Err(Unreadable {
                    fault,
                    line: key.line,
                    column: key.column + 1,
                });
            }
            // `1` and `0x1` are two texts, and one value.
            if style == Style::Plain && key.target().node().tag == Tag::None {
                let value = resolved(text);
                if !matches!(value, Leaf::Text(_)) {
                    values.push((value, key.id(), text));
                }
            }
            if is_small {
                few[at] = (text, key.id());
                let elder = few[..at].iter().find(|(elder, _)| *elder == text);
                twice = twice.or(elder.map(|elder| (*elder, few[at])));
            } else {
                many.push((text, key.id()));
            }
        }
        many.sort_unstable();
        let many = many.windows(2).find(|pair| pair[0].0 == pair[1].0);
        values.sort_unstable();
        let values = values.windows(2).find(|pair| pair[0].0 == pair[1].0);
        let values = values.map(|pair| ((pair[1].2, pair[0].1), (pair[1].2, pair[1].1)));
        match twice.or(many.map(|pair| (pair[0], pair[1]))).or(values) {
            None => Ok(()),
            Some(((key, first), (_, second))) => {
                let (first, second) = (self.file.node(first), self.file.node(second));
                Err(Unreadable {
                    fault: Fault::DuplicateKey {
                        key: key.to_owned(),
                        first: first.line,
                    },
                    line: second.line,
                    column: second.column + 1,
                })
            }
        }
    }
}
