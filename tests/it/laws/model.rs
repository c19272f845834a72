//! Generates manifests: their content, what an update has to make of it, and their text.
//!
//! The expected result follows from the documented rules, and not from the program.

use std::collections::BTreeMap;
use std::ops::Range;

use super::json::JsonWriter;
use super::random::Random;
use super::tree::{Kind, Mark, Node, Text};
use super::writer::Writer;

/// A text, and the expected result of an update.
pub(super) struct Manifest {
    pub(super) text: String,
    pub(super) json: bool,
    /// The tokens that change, in the order of the text.
    pub(super) edits: Vec<(Range<usize>, String)>,
    pub(super) workloads: Vec<Expected>,
    /// The digest of each tag.
    pub(super) digests: BTreeMap<String, String>,
    /// Whether a restore gives the original bytes back.
    pub(super) restorable: bool,
    /// Whether it has a record already, so that a restore leads to another state than this.
    pub(super) has_record: bool,
    /// The code, if the file has to be left alone.
    pub(super) refused: Option<&'static str>,
    /// Whether a comment leaves an image out. Other forms of the object do not have it.
    pub(super) has_ignore_comment: bool,
}

/// A workload as an update leaves it.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    /// The index of its document.
    pub(super) document: usize,
    /// The indexes of its item in the surrounding lists, outermost first.
    pub(super) items: Vec<usize>,
    pub(super) pod: &'static [&'static str],
    /// Its images: list, index in it, and the expected image.
    pub(super) images: Vec<(&'static str, usize, String)>,
    /// The expected record, if one is written.
    pub(super) record: Option<String>,
}

const NOTES: [&str; 16] = [
    "shop",
    "true",
    "",
    "a: b # c",
    "{{ $labels.pod }}",
    "it's \"so\"",
    "one\ntwo",
    "one\n\n  two\n",
    "kept\n\n\n",
    "käse 日本 🚀",
    "apiVersion: apps/v1\nkind: Deployment\nimage: registry.example.test/web:1.4\n",
    "registry.example.test/web:1.4",
    "  led by spaces",
    "*star",
    "[list",
    "tab\there",
];

/// The manifest for a seed.
pub(super) fn generate(seed: u64) -> Manifest {
    let mut random = Random::new(seed);
    let json = random.percent(15);
    let mut inventor = Inventor {
        random: &mut random,
        json,
        digests: BTreeMap::new(),
        workloads: Vec::new(),
        state: State::default(),
    };
    let count = if json {
        1
    } else {
        1 + inventor.random.below(3)
    };
    let documents: Vec<Option<Node>> = (0..count).map(|index| inventor.document(index)).collect();
    let Inventor {
        digests,
        workloads,
        state,
        ..
    } = inventor;
    let (mut text, mut edits, restorable) = if json {
        let mut writer = JsonWriter::new(&mut random);
        writer.document(documents[0].as_ref().expect("a JSON file has a document"));
        (writer.out, writer.edits, writer.restorable)
    } else {
        stream(&mut random, &documents)
    };
    if random.percent(5) {
        text.insert(0, '\u{feff}');
        edits
            .iter_mut()
            .for_each(|(range, _)| *range = range.start + 3..range.end + 3);
    }
    Manifest {
        text,
        json,
        edits,
        workloads,
        digests,
        restorable: restorable && state.restorable && !state.has_record,
        has_record: state.has_record,
        refused: state.refused,
        has_ignore_comment: state.has_ignore_comment,
    }
}

/// Documents with their markers. `None` is an empty document.
fn stream(
    random: &mut Random,
    documents: &[Option<Node>],
) -> (String, Vec<(Range<usize>, String)>, bool) {
    let mut writer = Writer::new(random);
    for (index, document) in documents.iter().enumerate() {
        if index > 0 && writer.random.percent(10) {
            writer.line("...");
        }
        if index > 0 || document.is_none() || writer.random.percent(40) {
            let marker = *writer.random.pick(&["---", "---", "--- # next", "---  "]);
            writer.line(marker);
        }
        match document {
            Some(root) => writer.document(root),
            None if writer.random.percent(50) => writer.line("# kind: Deployment"),
            None => {}
        }
    }
    if writer.random.percent(5) {
        writer.line("...");
    }
    let (mut text, edits, restorable) = (writer.out, writer.edits, writer.restorable);
    let bare = text.trim_end_matches(['\r', '\n']).len();
    if random.percent(10) && edits.iter().all(|(range, _)| range.end <= bare) {
        text.truncate(bare);
    }
    (text, edits, restorable)
}

#[derive(Default)]
pub(super) struct State {
    pub(super) restorable: bool,
    pub(super) has_record: bool,
    pub(super) refused: Option<&'static str>,
    pub(super) has_ignore_comment: bool,
}

/// The state of the generator, and what is known of the documents so far.
pub(super) struct Inventor<'r> {
    pub(super) random: &'r mut Random,
    pub(super) json: bool,
    pub(super) digests: BTreeMap<String, String>,
    pub(super) workloads: Vec<Expected>,
    pub(super) state: State,
}

impl Inventor<'_> {
    fn document(&mut self, index: usize) -> Option<Node> {
        if index == 0 {
            self.state.restorable = true;
        }
        let first_workload = self.workloads.len();
        let mut root = match self.random.below(20) {
            0 if !self.json => return None,
            1 | 2 => self.foreign(),
            3..=5 => self.list(index, &mut Vec::new(), 0),
            6 => self.typed_list(index),
            _ => self.workload(index, &[], true),
        };
        if !self.json && self.random.percent(12) {
            self.share(&mut root, first_workload);
        }
        Some(root)
    }

    fn list(&mut self, document: usize, items: &mut Vec<usize>, depth: usize) -> Node {
        let count = self.random.below(4);
        let nodes = (0..count)
            .map(|index| {
                items.push(index);
                let node = match self.random.below(6) {
                    0 => self.foreign(),
                    1 if depth == 0 => self.list(document, items, 1),
                    _ => self.workload(document, items, true),
                };
                items.pop();
                node
            })
            .collect();
        Node::map([
            ("apiVersion", Node::text("v1")),
            ("kind", Node::text("List")),
            ("items", Node::list(nodes)),
        ])
    }

    fn typed_list(&mut self, document: usize) -> Node {
        let count = 1 + self.random.below(2);
        let nodes = (0..count)
            .map(|index| self.workload(document, &[index], false))
            .collect();
        Node::map([
            ("apiVersion", Node::text("apps/v1")),
            ("kind", Node::text("DeploymentList")),
            ("items", Node::list(nodes)),
        ])
    }

    /// An object whose images are never edited.
    fn foreign(&mut self) -> Node {
        let image = || Node::text("registry.example.test/web:1.4");
        let containers = || {
            Node::map([(
                "containers",
                Node::list(vec![Node::map([
                    ("name", Node::text("web")),
                    ("image", image()),
                ])]),
            )])
        };
        match self.random.below(3) {
            0 => Node::map([
                ("apiVersion", Node::text("v1")),
                ("kind", Node::text("ConfigMap")),
                ("metadata", Node::map([("name", Node::text("seed"))])),
                (
                    "data",
                    Node::map([("web.yaml", self.note()), ("other", self.note())]),
                ),
            ]),
            1 => Node::map([
                ("apiVersion", Node::text("kyverno.io/v1")),
                ("kind", Node::text("ClusterPolicy")),
                ("spec", containers()),
            ]),
            _ => Node::map([
                ("apiVersion", Node::text("apiextensions.k8s.io/v1")),
                ("kind", Node::text("CustomResourceDefinition")),
                (
                    "spec",
                    Node::map([("template", Node::map([("spec", containers())]))]),
                ),
            ]),
        }
    }

    pub(super) fn note(&mut self) -> Node {
        Node::text(*self.random.pick(&NOTES))
    }

    /// Lets two equal images of a document share one text, or a variable share it with an image.
    fn share(&mut self, root: &mut Node, first_workload: usize) {
        let mut found: Vec<(String, Mark)> = Vec::new();
        root.images(&mut |node| {
            if let Kind::Text(Text {
                value,
                mark: Some(mark),
            }) = &node.kind
            {
                found.push((value.clone(), mark.clone()));
            }
        });
        let pair = (0..found.len()).find_map(|second| {
            let first = (0..second)
                .find(|first| found[*first] == found[second] && !found[second].1.ignored)?;
            Some((first, second))
        });
        let mut at = 0;
        if let Some((first, second)) = pair {
            root.images(&mut |node| {
                if at == first {
                    node.anchor = Some("image".to_owned());
                } else if at == second {
                    node.kind = Kind::Alias("image".to_owned(), None);
                }
                at += 1;
            });
        } else if let (Some((_, mark)), Kind::Map(entries)) = (found.first(), &mut root.kind)
            && self.workloads.len() > first_workload
        {
            if mark.new.is_some() {
                self.state.refused = Some("shared-anchor");
            }
            root_alias(entries);
            root.images(&mut |node| {
                if at == 0 {
                    node.anchor = Some("image".to_owned());
                }
                at += 1;
            });
        }
    }
}

/// An unused field, at the end of the document, that contains the anchored image.
fn root_alias(entries: &mut Vec<(String, Node)>) {
    entries.push((
        "x-image".to_owned(),
        Kind::Alias("image".to_owned(), None).into(),
    ));
}
