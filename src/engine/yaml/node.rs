//! A node as others see it: as it is written, and as a [`Tree`] in which aliases and merge keys stand for what they name.

use std::ops::{Range, RangeInclusive};

use super::newlines::NEAR;
use super::{
    File, Kind, Layout, NONE, Node, NodeId, Style, Tag, is_absent, resolve_plain, verbatim,
};
use crate::engine::marks::Mark;
use crate::engine::tree::{Scalar, Tree, with_merged};

/// A node of a file, with the key under which it was reached.
#[derive(Clone, Copy, Debug)]
pub struct YamlNode<'f, 't> {
    file: &'f File<'t>,
    id: NodeId,
    key: Option<NodeId>,
}

impl<'f, 't> YamlNode<'f, 't> {
    pub(super) fn new(file: &'f File<'t>, id: NodeId) -> Self {
        Self {
            file,
            id,
            key: None,
        }
    }

    /// The node as it is written: an alias is itself.
    pub fn id(self) -> NodeId {
        self.id
    }

    /// The node that the alias names; any other node is itself.
    pub fn target(self) -> Self {
        match self.node().kind {
            Kind::Alias => Self {
                id: NodeId(self.node().first),
                ..self
            },
            _ => self,
        }
    }

    /// Whether it is written as an alias.
    pub fn is_alias(self) -> bool {
        self.node().kind == Kind::Alias
    }

    /// The bytes of the node without its tag and anchor. A block collection has an empty span where its first entry begins; a flow
    /// collection has its brackets, a quoted scalar its quotes, a block scalar its body without the header.
    pub fn span(self) -> Range<usize> {
        self.node().start as usize..self.node().end as usize
    }

    /// The bytes of [`YamlNode::span`].
    pub fn written(self) -> &'t str {
        &self.file.text[self.span()]
    }

    /// The column where it begins, in characters from 0: the indentation of a block mapping's keys.
    pub fn column(self) -> usize {
        self.node().column as usize
    }

    /// The text of a scalar, and how it is written.
    pub fn styled(self) -> Option<(&'f str, Style)> {
        match self.node().kind {
            Kind::Scalar(style) => Some((self.file.scalar_text(self.node(), style), style)),
            _ => None,
        }
    }

    /// The keys and values of a mapping as they are written: aliases as themselves, merge keys as keys. `None`: it is no mapping.
    pub fn written_entries(self) -> Option<(Layout, Vec<(Self, Self)>)> {
        let Kind::Mapping(layout) = self.node().kind else {
            return None;
        };
        Some((layout, self.pairs(self.node().first).collect()))
    }

    /// The same, without a list of them.
    pub fn each_pair(self) -> Option<impl Iterator<Item = (Self, Self)>> {
        let is_mapping = matches!(self.node().kind, Kind::Mapping(_));
        is_mapping.then(|| self.pairs(self.node().first))
    }

    /// The entries of a mapping as [`Tree::entries`] has them, listed only where a merge key brings in more.
    pub fn each_entry(self) -> Box<dyn Iterator<Item = (&'f str, Self)> + 'f> {
        let target = self.target();
        let pairs = || target.pairs(target.node().first);
        if !target.is_mapping() || pairs().any(|(name, _)| name.is_merge_key()) {
            return Box::new(self.entries().into_iter());
        }
        let named = |(name, value): (Self, Self)| Some((name.target().styled()?.0, value));
        Box::new(pairs().filter_map(named))
    }

    /// The items of a sequence as they are written. `None`: it is no sequence.
    pub fn written_items(self) -> Option<(Layout, Vec<Self>)> {
        let Kind::Sequence(layout) = self.node().kind else {
            return None;
        };
        Some((layout, self.each_item().collect()))
    }

    /// The items of a sequence as they are written, without a list of them.
    pub fn each_item(self) -> impl Iterator<Item = Self> {
        std::iter::successors(self.named(self.node().first), move |item| {
            self.named(item.node().next)
        })
    }

    /// Whether it is an empty node: nothing is written where a value could be.
    pub fn is_absent(self) -> bool {
        self.node().kind == Kind::Scalar(Style::Plain) && is_absent(self.node(), Style::Plain)
    }

    /// Where its key ends, if it was reached by one.
    pub fn key_end(self) -> Option<usize> {
        Some(self.file.node(self.key?).end as usize)
    }

    /// The line of its key, if it was reached by one.
    pub fn key_line(self) -> Option<u32> {
        Some(self.file.node(self.key?).line)
    }

    /// Whether an anchor stands before it, alone or beside its tag.
    fn has_anchor(self) -> bool {
        let mut before = &self.file.text[..self.node().start as usize];
        for _ in 0..2 {
            let word_end = before.trim_ascii_end().len();
            // Blanks stand between a property and its node. JSON on one line has none, and must not be searched for each of its nodes.
            if word_end == before.len() {
                return false;
            }
            let word = before[..word_end].bytes().rev();
            let word = word.take_while(|byte| !byte.is_ascii_whitespace()).count();
            #[cfg(test)]
            super::steps::add(word as u64);
            before = &before[..word_end - word];
            match self.file.text.as_bytes().get(before.len()) {
                Some(b'&') => return true,
                Some(b'!') => {}
                _ => return false,
            }
        }
        false
    }

    /// Whether it has a tag that makes it something else than a string.
    pub fn has_own_tag(self) -> bool {
        self.target().node().tag == Tag::Other
    }

    /// Whether it is a mapping, or names one.
    pub fn is_mapping(self) -> bool {
        matches!(self.target().node().kind, Kind::Mapping(_))
    }

    pub(super) fn node(self) -> &'f Node {
        self.file.node(self.id)
    }

    fn named(self, id: u32) -> Option<Self> {
        (id != NONE).then_some(Self {
            file: self.file,
            id: NodeId(id),
            key: None,
        })
    }

    pub(super) fn pairs(self, first: u32) -> impl Iterator<Item = (Self, Self)> {
        let mut next = self.named(first);
        std::iter::from_fn(move || {
            let key = next?;
            let value = self.named(key.node().next)?;
            next = self.named(value.node().next);
            Some((
                key,
                Self {
                    key: Some(key.id),
                    ..value
                },
            ))
        })
    }

    /// The lines from that of its key, or of the header of a block scalar, to the last one of a scalar.
    fn lines(self) -> RangeInclusive<u32> {
        let node = self.node();
        let (text, start) = (self.file.text, node.start as usize);
        let breaks = |range| self.file.newlines.count(text, range);
        let (above, below) = match node.kind {
            Kind::Scalar(Style::Block) => {
                let near = start.saturating_sub(NEAR);
                let header = near + text.as_bytes()[near..start].trim_ascii_end().len();
                (breaks(header..start), 0)
            }
            Kind::Scalar(_) => (0, breaks(self.span())),
            Kind::Sequence(_) | Kind::Mapping(_) | Kind::Alias => (0, 0),
        };
        self.key_line().unwrap_or(node.line - above)..=node.line + below
    }

    /// The mappings that a merge key brings in, the strongest first.
    fn merged(self) -> Vec<Self> {
        match self.target().written_items() {
            Some((_, items)) => items.into_iter().map(Self::target).collect(),
            None => vec![self.target()],
        }
    }

    /// Whether a merge key may have it as its value: readers refuse the rest, or silently pass it over.
    pub(super) fn can_be_merged(self) -> bool {
        self.merged()
            .into_iter()
            .all(|mapping| mapping.written_entries().is_some())
    }

    pub(super) fn is_merge_key(self) -> bool {
        self.styled() == Some(("<<", Style::Plain))
    }
}

impl<'f, 't> Tree<'f> for YamlNode<'f, 't> {
    fn get(self, key: &str) -> Option<Self> {
        let target = self.target();
        if !target.is_mapping() {
            return None;
        }
        let mut merge = None;
        for (name, value) in target.pairs(target.node().first) {
            match name.styled() {
                Some(("<<", Style::Plain)) => merge = Some(value),
                Some((text, _)) if text == key => return Some(value),
                Some(_) => {}
                None if name.target().styled().is_some_and(|(text, _)| text == key) => {
                    return Some(value);
                }
                None => {}
            }
        }
        merge?
            .merged()
            .into_iter()
            .find_map(|mapping| mapping.get(key))
    }

    fn items(self) -> Vec<Self> {
        self.target()
            .written_items()
            .map(|(_, items)| items)
            .unwrap_or_default()
    }

    fn entries(self) -> Vec<(&'f str, Self)> {
        with_merged(self, |mapping| {
            let target = mapping.target();
            let (mut own, mut merge) = (Vec::new(), None);
            if !target.is_mapping() {
                return (own, Vec::new());
            }
            for (name, value) in target.pairs(target.node().first) {
                match name.target().styled() {
                    _ if name.is_merge_key() => merge = Some(value),
                    Some((text, _)) => own.push((text, value)),
                    None => {}
                }
            }
            (own, merge.map(Self::merged).unwrap_or_default())
        })
    }

    fn scalar(self) -> Scalar<'f> {
        let target = self.target();
        let Some((text, style)) = target.styled() else {
            return Scalar::Other(match target.node().kind {
                Kind::Sequence(_) => "a sequence",
                Kind::Mapping(_) => "a mapping",
                Kind::Scalar(_) | Kind::Alias => "an alias of an alias",
            });
        };
        match (target.node().tag, style) {
            (Tag::Text, _) => Scalar::Text(text),
            (Tag::Other, _) => Scalar::Other("a value with a tag of its own"),
            (Tag::None, Style::Plain) => resolve_plain(text),
            (Tag::None, _) => Scalar::Text(text),
        }
    }

    fn line(self) -> Option<u32> {
        Some(self.node().line)
    }

    fn is_verbatim(self) -> bool {
        verbatim::is_verbatim(self)
    }

    fn is_block(self) -> bool {
        self.node().kind == Kind::Scalar(Style::Block)
    }

    fn marks(self) -> Vec<(u32, Mark)> {
        match self.file.comments.is_empty() {
            true => Vec::new(),
            false => self.file.marks_on(self.lines()),
        }
    }

    fn key_marks(self) -> Vec<(u32, Mark)> {
        let key = self.key_line().filter(|_| self.is_mapping());
        key.map(|key| self.file.marks_on(key..=key))
            .unwrap_or_default()
    }

    fn has_own(self, key: &str) -> bool {
        let target = self.target();
        let own =
            |(name, _): (Self, Self)| name.target().styled().is_some_and(|(text, _)| text == key);
        target.is_mapping() && target.pairs(target.node().first).any(own)
    }

    fn anchor(self) -> Option<(usize, usize)> {
        let is_shared = self.is_alias() || self.has_anchor();
        is_shared.then(|| (self.target().id.0 as usize, self.id.0 as usize))
    }

    fn is_alias(self) -> bool {
        YamlNode::is_alias(self)
    }

    fn places(self) -> usize {
        let target = self.target().id.0;
        let is_one = |node: &&Node| node.kind == Kind::Alias && node.first == target;
        1 + self.file.nodes.iter().filter(is_one).count()
    }
}
