//! A document as the second reader has it, in one row of small nodes: no styles, comments or places.
//!
//! It keeps what the comparison needs and no more, because a file may be one document of many megabytes:
//!
//! ```text
//! a: {b: 1, c: [x]}   ->   Mapping(to 7)  Plain(a)  Mapping(to 7)  Plain(b)  Plain(1)  Plain(c)  Sequence(to 8)  Plain(x)
//! ```
//!
//! The letters of all scalars stand in one text. An alias is the place of the node that it names. The entries of a mapping stay in their
//! order, because an edit reorders nothing, and a document with a key that stands twice may only stay as it is.

use crate::engine::splice::difference::{Leaf, Reading, Shape};
use crate::engine::tree::with_merged;

use super::resolve::resolved;

/// What a mapping with a merge key has in `from`.
pub(super) const HAS_MERGE_KEY: u32 = 1;

/// A document, aliases as they are written, merge keys too.
#[derive(Debug, Default)]
pub(super) struct Document {
    pub(super) letters: String,
    pub(super) nodes: Vec<Node>,
    /// The line of a mapping in which a key stands twice: nothing can be told of the document but that it stays as it is.
    pub(super) twice: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) kind: Kind,
    /// Where the letters of a scalar or a tag begin; of an alias, the node that it names; of a mapping, whether it has a merge key.
    pub(super) from: u32,
    /// Where the letters end; of a collection, the first node behind it.
    pub(super) to: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
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
    /// The node at this place of the row.
    pub(super) fn node(&self, at: usize) -> DocumentNode<'_> {
        DocumentNode { document: self, at }
    }

    /// Whether another document has the same nodes.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.nodes == other.nodes && self.letters == other.letters
    }

    /// Its root. An empty document is null.
    pub(super) fn root(&self) -> DocumentNode<'_> {
        self.node(0)
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
            #[cfg(test)]
            crate::engine::yaml::steps::add(1);
            let child = (next < end).then(|| self.at(next))?;
            next = self.document.behind(next);
            Some(child)
        })
    }

    pub(super) fn pairs(self) -> impl Iterator<Item = (Self, Self)> {
        let mut children = self.children();
        std::iter::from_fn(move || children.next().zip(children.next()))
    }

    pub(super) fn leaf(self) -> Leaf<'d> {
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

    pub(super) fn is_collection(self) -> bool {
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
    fn entries(self) -> Box<dyn Iterator<Item = (Leaf<'d>, Self)> + 'd> {
        let named = |(key, value): (Self, Self)| (key.leaf(), value);
        if self.merged().is_none() {
            return Box::new(self.pairs().map(named));
        }
        let read = |mapping: Self| match mapping.merged() {
            None => (mapping.pairs().map(named).collect(), Vec::new()),
            Some(weaker) => {
                let own = mapping.pairs().filter(|(key, _)| !key.is_merge_key());
                (own.map(named).collect(), weaker)
            }
        };
        Box::new(with_merged(self, read).into_iter())
    }
}

impl<'d> Reading<'d> for DocumentNode<'d> {
    fn shape(self) -> Shape<'d, Self> {
        let (at, node) = self.target();
        match node.kind {
            Kind::Mapping => Shape::Mapping(self.entries()),
            Kind::Sequence => Shape::Sequence(Box::new(self.children())),
            Kind::Tag => Shape::Tagged(self.document.letters(node), self.at(at + 1)),
            Kind::Plain | Kind::Text | Kind::Alias => Shape::Leaf(self.leaf()),
        }
    }

    fn is_plain(leaf: Leaf<'d>, letters: &str) -> bool {
        resolved(letters) == leaf
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

    pub(in super::super) fn read(text: &str) -> Result<Document, String> {
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
                let items: Vec<_> = items.map(told).collect();
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
            "!!int x",
            "!!int y",
            "!!int 1.5",
            "!!float x",
            "!!bool yes",
            "!!null ''",
        ];
        for (at, left) in different.iter().enumerate() {
            for (other, right) in different.iter().enumerate() {
                assert_eq!(tells(left) == tells(right), at == other, "{left} {right}");
            }
        }
        assert_eq!(tells("!!str 1"), tells("'1'"));
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
}
