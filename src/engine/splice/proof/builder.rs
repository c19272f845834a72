//! Puts documents together, notes a key that stands twice, and refuses what has no end.

use std::collections::HashMap;

use super::document::{Document, DocumentNode, HAS_MERGE_KEY, Kind, Node, narrow};
use super::resolve::{fraction, resolved, whole};
use crate::engine::splice::difference::Leaf;

/// Levels of nesting, aliases expanded: more than our own reading lets through, and few enough to recurse over.
const MAX_DEPTH: u32 = 128;
/// How many nodes aliases may make of one that is written, beyond a number that no object reaches: again more than our own reading allows,
/// which refuses a bomb first.
const MAX_EXPANSION: u64 = 100;
const MAX_EXPANDED: u64 = 100_000;

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
            Some(tag) => self.typed(tag, letters),
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

    /// The innermost collection ends, around this line.
    pub(super) fn end(&mut self, line: u32) -> Result<(), String> {
        let Some(frame) = self.open.pop() else {
            return Ok(());
        };
        let end = narrow(self.document.nodes.len());
        self.document.nodes[frame.at].to = end;
        if self.document.nodes[frame.at].kind == Kind::Mapping {
            let mapping = self.document.node(frame.at);
            let keys = Keys::of(mapping, frame.children / 2)?;
            if keys.merge {
                self.document.nodes[frame.at].from = HAS_MERGE_KEY;
            }
            if keys.twice {
                self.document.twice.get_or_insert(line);
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
            twice: None,
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

    /// A scalar under a tag that is written out. One of YAML's own types that it does not fit, as `!!bool yes`, stays a tag; all others make
    /// a string.
    fn typed(&mut self, tag: &str, letters: &str) {
        let is = match tag.strip_prefix("tag:yaml.org,2002:") {
            Some("null") => !letters.is_empty() && resolved(letters) == Leaf::Null,
            Some("bool") => matches!(resolved(letters), Leaf::Bool(_)),
            Some("int") => whole(letters).is_some(),
            Some("float") => match fraction(letters) {
                // `!!float 1` is no whole number, and `!!float 007` no text. The letters of infinity stay.
                Some(number) if number.is_finite() => {
                    return self.push(Kind::Plain, &format!("{number:?}"));
                }
                Some(_) => true,
                None => false,
            },
            _ => return self.push(Kind::Text, letters),
        };
        if !is {
            self.tag(tag);
        }
        self.push(Kind::Plain, letters);
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
    /// Whether one stands twice.
    twice: bool,
}

impl Keys {
    /// `Err`: one is a collection. Small mappings are the rule, and comparing each pair is quicker than sorting them.
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
        match collection {
            true => Err("a mapping's key is itself a collection".to_owned()),
            false => Ok(Self { merge, twice }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::document::tests::read;
    use super::*;

    #[test]
    fn a_key_that_stands_twice_is_noted_in_every_spelling() {
        let many: String = (0..20)
            .map(|number| format!("k{number}: {number}\n"))
            .collect();
        let twice = |text: &str| read(text).unwrap().twice;
        assert_eq!(twice(&many), None);
        for more in ["k7: a\n", "\"k7\": a\n", "'k7': a\n"] {
            assert_eq!(twice(&format!("{many}{more}")), Some(21), "{more}");
        }
        assert_eq!(twice("1: a\n0x1: b\n"), Some(2));
        assert_eq!(twice("&a b: c\n*a : d\n"), Some(2));
        assert_eq!(twice("!a 1: a\n!a 1: b\n"), Some(2));
        assert_eq!(
            twice("1: a\n'1': b\n~: c\ntrue: d\n!a 1: e\n!a 2: f\n"),
            None
        );
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
