//! A document as the second reader has it, in one row of small nodes: no styles, comments or places.
//!
//! It keeps what the comparison needs and no more, because a file may be one document of many megabytes:
//!
//! ```text
//! a: {b: 1, c: [x]}   ->   Mapping(to 7)  Plain(a)  Mapping(to 7)  Plain(b)  Plain(1)  Plain(c)  Sequence(to 8)  Plain(x)
//! ```
//!
//! The letters of all scalars stand in one text. An alias is the place of the node that it names. The entries of a mapping stay in their
//! order, because an edit reorders nothing, and a key that stands twice in one is refused.

use std::collections::HashMap;

use crate::engine::splice::difference::{Leaf, Reading, Shape};
use crate::engine::tree::with_merged;

use super::resolve::{fraction, resolved, whole};

/// Levels of nesting, aliases expanded: more than our own reading lets through, and few enough to recurse over.
const MAX_DEPTH: u32 = 128;
/// How many nodes aliases may make of one that is written, beyond a number that no object reaches: again more than our own reading allows,
/// which refuses a bomb first.
const MAX_EXPANSION: u64 = 100;
const MAX_EXPANDED: u64 = 100_000;

/// What a mapping with a merge key has in `from`.
const HAS_MERGE_KEY: u32 = 1;

/// A document, aliases as they are written, merge keys too.
#[derive(Debug, Default)]
pub(super) struct Document {
    letters: String,
    nodes: Vec<Node>,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    kind: Kind,
    /// Where the letters of a scalar or a tag begin; of an alias, the node that it names; of a mapping, whether it has a merge key.
    from: u32,
    /// Where the letters end; of a collection, the first node behind it.
    to: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Letters without quotes.
    Plain,
    /// A string, however it is written.
    Text,
    Sequence,
    Mapping,
    Alias,
    /// A tag that the reader does not know; the node behind it has it.
    Tag,
}

/// A node of a document.
#[derive(Clone, Copy, Debug)]
pub(super) struct DocumentNode<'d> {
    document: &'d Document,
    at: usize,
}

impl Document {
    /// Its root. An empty document is null.
    pub(super) fn root(&self) -> DocumentNode<'_> {
        DocumentNode {
            document: self,
            at: 0,
        }
    }

    fn letters(&self, node: Node) -> &str {
        &self.letters[node.from as usize..node.to as usize]
    }

    /// The first node behind a node and all that is in it.
    fn behind(&self, mut at: usize) -> usize {
        while self.nodes[at].kind == Kind::Tag {
            at += 1;
        }
        match self.nodes[at] {
            Node {
                kind: Kind::Sequence | Kind::Mapping,
                to,
                ..
            } => to as usize,
            _ => at + 1,
        }
    }
}

impl<'d> DocumentNode<'d> {
    /// The node, or the one that an alias names.
    fn target(self) -> (usize, Node) {
        let node = self.document.nodes[self.at];
        match node.kind {
            Kind::Alias => (node.from as usize, self.document.nodes[node.from as usize]),
            _ => (self.at, node),
        }
    }

    fn at(self, at: usize) -> Self {
        Self { at, ..self }
    }

    /// The nodes in a collection, one after the other.
    fn children(self) -> impl Iterator<Item = Self> {
        let (at, node) = self.target();
        let end = match node.kind {
            Kind::Sequence | Kind::Mapping => node.to as usize,
            _ => 0,
        };
        let mut next = at + 1;
        std::iter::from_fn(move || {
            let child = (next < end).then(|| self.at(next))?;
            next = self.document.behind(next);
            Some(child)
        })
    }

    fn pairs(self) -> impl Iterator<Item = (Self, Self)> {
        let mut children = self.children();
        std::iter::from_fn(move || children.next().zip(children.next()))
    }

    fn leaf(self) -> Leaf<'d> {
        let (_, node) = self.target();
        match node.kind {
            Kind::Plain => resolved(self.document.letters(node)),
            Kind::Text => Leaf::Text(self.document.letters(node)),
            Kind::Sequence => Leaf::Sequence,
            Kind::Mapping => Leaf::Mapping,
            // The letters behind a tag's are those of the scalar that has it: `!a b` and `!a c` are two keys.
            Kind::Tag => {
                let to = match self.document.nodes[self.target().0 + 1] {
                    Node {
                        kind: Kind::Plain | Kind::Text,
                        to,
                        ..
                    } => to,
                    _ => node.to,
                };
                Leaf::Tagged(self.document.letters(Node { to, ..node }))
            }
            // No alias names an alias.
            Kind::Alias => Leaf::Absent,
        }
    }

    /// The mapping that it is, whatever tags stand before it.
    fn mapping(self) -> Option<Self> {
        let (at, node) = self.target();
        match node.kind {
            Kind::Mapping => Some(self.at(at)),
            Kind::Tag => self.at(at + 1).mapping(),
            _ => None,
        }
    }

    fn is_collection(self) -> bool {
        let (at, node) = self.target();
        match node.kind {
            Kind::Sequence | Kind::Mapping => true,
            Kind::Tag => self.at(at + 1).is_collection(),
            _ => false,
        }
    }

    fn is_merge_key(self) -> bool {
        self.leaf() == Leaf::Text("<<")
    }

    /// What a merge key brings in, the strongest first. `None`: there is none, or it names something else than mappings.
    fn merged(self) -> Option<Vec<Self>> {
        if self.target().1.from != HAS_MERGE_KEY {
            return None;
        }
        let (_, value) = self.pairs().find(|(key, _)| key.is_merge_key())?;
        match value.target().1.kind {
            Kind::Sequence => value.children().map(Self::mapping).collect(),
            _ => Some(vec![value.mapping()?]),
        }
    }

    /// The entries of a mapping as a reader of the object sees them.
    fn entries(self) -> Vec<(Leaf<'d>, Self)> {
        let named = |(key, value): (Self, Self)| (key.leaf(), value);
        match self.merged() {
            None => self.pairs().map(named).collect(),
            Some(merged) => {
                let own = self.pairs().filter(|(key, _)| !key.is_merge_key());
                with_merged(
                    own.map(named).collect(),
                    merged.into_iter().map(Self::entries),
                )
            }
        }
    }
}

impl<'d> Reading<'d> for DocumentNode<'d> {
    fn shape(self) -> Shape<'d, Self> {
        let (at, node) = self.target();
        match node.kind {
            Kind::Mapping => Shape::Mapping(self.entries()),
            Kind::Sequence => Shape::Sequence(self.children().collect()),
            Kind::Tag => Shape::Tagged(self.document.letters(node), self.at(at + 1)),
            Kind::Plain | Kind::Text | Kind::Alias => Shape::Leaf(self.leaf()),
        }
    }

    fn is_plain(leaf: Leaf<'d>, letters: &str) -> bool {
        resolved(letters) == leaf
    }
}

/// Puts a document together from what a parser meets, in its order.
#[derive(Debug, Default)]
pub(super) struct Builder {
    document: Document,
    open: Vec<Frame>,
    anchors: HashMap<String, Anchor>,
    aliases: bool,
}

/// A collection whose end has not come yet.
#[derive(Debug)]
struct Frame {
    at: usize,
    anchor: Option<String>,
    children: u32,
    /// Nodes and levels below, aliases expanded.
    size: u64,
    height: u32,
}

#[derive(Clone, Copy, Debug)]
struct Anchor {
    at: usize,
    /// Nodes and levels that it stands for. `None`: its node has not ended.
    extent: Option<(u64, u32)>,
}

impl Builder {
    /// A scalar, under its tag; `is_plain`: without quotes.
    pub(super) fn scalar(
        &mut self,
        anchor: Option<String>,
        tag: Option<&str>,
        letters: &str,
        is_plain: bool,
    ) -> Result<(), String> {
        let at = self.document.nodes.len();
        let kind = if is_plain { Kind::Plain } else { Kind::Text };
        match tag {
            None => self.push(kind, letters),
            Some(tag) if tag.starts_with('!') => {
                self.tag(tag);
                self.push(kind, letters);
            }
            Some(tag) => self.typed(tag, letters)?,
        }
        self.remember(anchor, at, Some((1, 1)));
        self.count(1, 1)
    }

    /// A sequence begins.
    pub(super) fn start_sequence(&mut self, anchor: Option<String>, tag: Option<&str>) {
        self.start(Kind::Sequence, anchor, tag);
    }

    /// A mapping begins.
    pub(super) fn start_mapping(&mut self, anchor: Option<String>, tag: Option<&str>) {
        self.start(Kind::Mapping, anchor, tag);
    }

    /// The innermost collection ends.
    pub(super) fn end(&mut self) -> Result<(), String> {
        let Some(frame) = self.open.pop() else {
            return Ok(());
        };
        let end = narrow(self.document.nodes.len());
        self.document.nodes[frame.at].to = end;
        if self.document.nodes[frame.at].kind == Kind::Mapping {
            let mapping = DocumentNode {
                document: &self.document,
                at: frame.at,
            };
            let keys = Keys::of(mapping, frame.children / 2)?;
            if keys.merge {
                self.document.nodes[frame.at].from = HAS_MERGE_KEY;
            }
        }
        let (size, height) = (frame.size + 1, frame.height + 1);
        if let Some(anchor) = frame.anchor
            && let Some(known) = self.anchors.get_mut(&anchor)
        {
            known.extent = Some((size, height));
        }
        self.count(size, height)
    }

    /// An alias, by the name of its anchor.
    pub(super) fn alias(&mut self, anchor: &str) -> Result<(), String> {
        let Some(Anchor { at, extent }) = self.anchors.get(anchor).copied() else {
            return Err("an alias names no anchor".to_owned());
        };
        let Some((size, height)) = extent else {
            return Err("an alias refers to a node that contains it".to_owned());
        };
        self.aliases = true;
        self.document.nodes.push(Node {
            kind: Kind::Alias,
            from: narrow(at),
            to: 0,
        });
        self.count(size, height)
    }

    /// The document, once it has ended. The next one begins.
    pub(super) fn finish(&mut self) -> Document {
        self.open.clear();
        self.anchors.clear();
        self.aliases = false;
        if self.document.nodes.is_empty() {
            self.push(Kind::Plain, "");
        }
        // The documents of a file are much alike.
        let next = Document {
            letters: String::with_capacity(self.document.letters.len()),
            nodes: Vec::with_capacity(self.document.nodes.len()),
        };
        std::mem::replace(&mut self.document, next)
    }

    fn push(&mut self, kind: Kind, letters: &str) {
        let from = narrow(self.document.letters.len());
        self.document.letters.push_str(letters);
        self.document.nodes.push(Node {
            kind,
            from,
            to: narrow(self.document.letters.len()),
        });
    }

    fn tag(&mut self, tag: &str) {
        let name = tag.strip_prefix('!').filter(|name| !name.is_empty());
        self.push(Kind::Tag, name.unwrap_or(tag));
    }

    /// A scalar under a tag that is written out. Those of YAML's own types must fit it, all others make a string.
    fn typed(&mut self, tag: &str, letters: &str) -> Result<(), String> {
        let is = match tag.strip_prefix("tag:yaml.org,2002:") {
            Some("null") => !letters.is_empty() && resolved(letters) == Leaf::Null,
            Some("bool") => matches!(resolved(letters), Leaf::Bool(_)),
            Some("int") => whole(letters).is_some(),
            Some("float") => match fraction(letters) {
                // `!!float 1` is no whole number, and `!!float 007` no text. The letters of infinity stay.
                Some(number) if number.is_finite() => {
                    self.push(Kind::Plain, &format!("{number:?}"));
                    return Ok(());
                }
                Some(_) => true,
                None => false,
            },
            _ => {
                self.push(Kind::Text, letters);
                return Ok(());
            }
        };
        if !is {
            return Err(format!("`{letters}` does not fit its tag"));
        }
        self.push(Kind::Plain, letters);
        Ok(())
    }

    fn start(&mut self, kind: Kind, anchor: Option<String>, tag: Option<&str>) {
        let at = self.document.nodes.len();
        if let Some(tag) = tag.filter(|tag| tag.starts_with('!')) {
            self.tag(tag);
        }
        self.remember(anchor.clone(), at, None);
        self.open.push(Frame {
            at: self.document.nodes.len(),
            anchor,
            children: 0,
            size: 0,
            height: 0,
        });
        self.document.nodes.push(Node {
            kind,
            from: 0,
            to: 0,
        });
    }

    fn remember(&mut self, anchor: Option<String>, at: usize, extent: Option<(u64, u32)>) {
        if let Some(anchor) = anchor {
            self.anchors.insert(anchor, Anchor { at, extent });
        }
    }

    /// Adds what a finished child stands for to its parent.
    fn count(&mut self, size: u64, height: u32) -> Result<(), String> {
        let level = narrow(self.open.len());
        if level.saturating_add(height) > MAX_DEPTH {
            return Err(format!("it is nested deeper than {MAX_DEPTH} levels"));
        }
        let Some(frame) = self.open.last_mut() else {
            return Ok(());
        };
        frame.children += 1;
        frame.size = frame.size.saturating_add(size);
        frame.height = frame.height.max(height);
        let allowed = MAX_EXPANDED + MAX_EXPANSION * self.document.nodes.len() as u64;
        if self.aliases && frame.size > allowed {
            return Err("its aliases stand for far more than it holds".to_owned());
        }
        Ok(())
    }
}

/// What the keys of a mapping are together.
struct Keys {
    /// Whether one of them is a merge key.
    merge: bool,
}

impl Keys {
    /// `Err`: one stands twice, or is a collection. Small mappings are the rule, and comparing each pair is quicker than sorting them.
    fn of(mapping: DocumentNode<'_>, count: u32) -> Result<Self, String> {
        let (mut merge, mut collection) = (false, false);
        let leaves = mapping.pairs().map(|(key, _)| {
            collection |= key.is_collection();
            key.leaf()
        });
        let leaves = leaves.inspect(|leaf| merge |= *leaf == Leaf::Text("<<"));
        let twice = if count <= 8 {
            let mut known = [Leaf::Absent; 8];
            leaves.zip(0..).any(|(leaf, at)| {
                let twice = known[..at].contains(&leaf);
                known[at] = leaf;
                twice
            })
        } else {
            let mut known: Vec<_> = leaves.collect();
            known.sort_unstable();
            known.windows(2).any(|pair| pair[0] == pair[1])
        };
        match (collection, twice) {
            (true, _) => Err("a mapping's key is itself a collection".to_owned()),
            (_, true) => Err("a key stands twice in one mapping".to_owned()),
            (false, false) => Ok(Self { merge }),
        }
    }
}

/// Files are limited to far less than 4 GiB.
pub(super) fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::libyaml::Documents;
    use super::*;
    use crate::engine::splice::difference::Number;

    fn read(text: &str) -> Result<Document, String> {
        let mut documents = Documents::of(text);
        let document = documents.next().ok_or("no document")?;
        document.map_err(|refused| refused.message)
    }

    /// All that a document holds, as the comparison sees it.
    pub(in super::super) fn told(node: DocumentNode<'_>) -> String {
        match node.shape() {
            Shape::Leaf(leaf) => leaf_told(leaf),
            Shape::Tagged(tag, inner) => format!("{tag} of {}", told(inner)),
            Shape::Sequence(items) => {
                let items: Vec<_> = items.into_iter().map(told).collect();
                format!("[{}]", items.join(", "))
            }
            Shape::Mapping(entries) => {
                let key = |leaf| match leaf {
                    Leaf::Tagged(_) => "a tag".to_owned(),
                    leaf => leaf_told(leaf),
                };
                let entry = |(name, value)| format!("{}: {}", key(name), told(value));
                let entries: Vec<_> = entries.into_iter().map(entry).collect();
                format!("{{{}}}", entries.join(", "))
            }
        }
    }

    fn leaf_told(leaf: Leaf<'_>) -> String {
        match leaf {
            Leaf::Number(Number::Whole(number)) => format!("Number({number})"),
            Leaf::Number(Number::Negative(number)) => format!("Number({number})"),
            Leaf::Number(Number::Fraction(bits)) => format!("Number({:?})", f64::from_bits(bits)),
            leaf => format!("{leaf:?}"),
        }
    }

    fn tells(text: &str) -> String {
        told(read(text).unwrap().root())
    }

    #[test]
    fn a_key_that_stands_twice_is_refused_in_every_spelling() {
        let many: String = (0..20)
            .map(|number| format!("k{number}: {number}\n"))
            .collect();
        assert!(read(&many).is_ok());
        for twice in ["k7: a\n", "\"k7\": a\n", "'k7': a\n"] {
            let refused = read(&format!("{many}{twice}")).unwrap_err();
            assert!(refused.contains("stands twice"), "{twice}");
        }
        assert!(read("1: a\n0x1: b\n").is_err());
        assert!(read("&a b: c\n*a : d\n").is_err());
        assert!(read("!a 1: a\n!a 1: b\n").is_err());
        assert!(read("1: a\n'1': b\n~: c\ntrue: d\n!a 1: e\n!a 2: f\n").is_ok());
    }

    #[test]
    fn what_differs_in_value_differs_here() {
        let different = [
            "~",
            "true",
            "'true'",
            "1",
            "'1'",
            "-1",
            "1.0",
            ".nan",
            "[1]",
            "{a: 1}",
            "!a 1",
            "!b 1",
            "''",
            "[]",
            "{}",
            "!!str 2",
            "2",
            "!!float 1.5",
            "!!float 2",
            "! 1",
        ];
        for (at, left) in different.iter().enumerate() {
            for (other, right) in different.iter().enumerate() {
                assert_eq!(tells(left) == tells(right), at == other, "{left} {right}");
            }
        }
        assert_eq!(tells("!!str 1"), tells("'1'"));
        for (letters, tag) in [
            ("x", "int"),
            ("1.5", "int"),
            ("x", "float"),
            ("yes", "bool"),
            ("''", "null"),
        ] {
            assert!(
                read(&format!("!!{tag} {letters}")).is_err(),
                "{tag} {letters}"
            );
        }
    }

    #[test]
    fn merge_keys_bring_in_what_is_not_there() {
        assert_eq!(
            tells("base: &b {x: 1, y: b}\nall: {<<: [*b, {y: m, z: m}], x: own}\n"),
            tells("base: {x: 1, y: b}\nall: {x: own, y: b, z: m}\n")
        );
        assert_eq!(
            tells("base: &b !t {x: 1}\nall: {z: 2, <<: *b}\n"),
            tells("base: !t {x: 1}\nall: {z: 2, x: 1}\n")
        );
    }

    #[test]
    fn what_cannot_be_merged_is_an_entry_as_any_other() {
        assert_eq!(tells("<<: a"), "{Text(\"<<\"): Text(\"a\")}");
        assert_eq!(tells("'<<': [{}, b]"), "{Text(\"<<\"): [{}, Text(\"b\")]}");
    }

    #[test]
    fn an_alias_is_the_node_that_its_anchor_named_last() {
        assert_eq!(
            tells("[&a x, *a, &a [y, {z: w}], *a, &b !t v, *b, *a]"),
            tells("[x, x, [y, {z: w}], [y, {z: w}], !t v, !t v, [y, {z: w}]]")
        );
        for (text, why) in [
            ("[*a, &a b]", "names no anchor"),
            ("&a [*a]", "contains it"),
            ("[a]: b", "a collection"),
            ("a: &a !t {}\n*a : b", "a collection"),
        ] {
            assert!(read(text).unwrap_err().contains(why), "{text}");
        }
    }

    #[test]
    fn what_has_no_end_is_refused_before_it_is_walked() {
        let mut bomb = "a0: &a0 [x]\n".to_owned();
        for level in 1..30 {
            let alias = format!("*a{}", level - 1);
            bomb += &format!(
                "a{level}: &a{level} [{}]\n",
                [alias.as_str(); 10].join(", ")
            );
        }
        assert!(read(&bomb).unwrap_err().contains("far more"));
        let nested = |depth| format!("{}x{}", "[".repeat(depth), "]".repeat(depth));
        assert!(read(&nested(MAX_DEPTH as usize - 1)).is_ok());
        assert!(
            read(&nested(MAX_DEPTH as usize))
                .unwrap_err()
                .contains("deeper")
        );
        let twice = format!(
            "a: &a {}\nb: {}\n",
            nested(70),
            nested(70).replace('x', "*a")
        );
        assert!(read(&twice).unwrap_err().contains("deeper"));
    }
}
