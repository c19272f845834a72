//! Finds the nodes on the paths of changes, in one walk for all changes of a document.

use std::collections::HashMap;

use crate::engine::path::{Path, Step};
use crate::engine::tree::Tree as _;
use crate::engine::yaml::{File, YamlNode};

/// The nodes from a document's root down a path, as far as they exist, each as it is written.
pub(in crate::engine) struct Located<'p, 'f, 't> {
    pub(in crate::engine) nodes: Vec<YamlNode<'f, 't>>,
    /// The steps that lead to nothing.
    pub(in crate::engine) missing: &'p [Step],
}

/// Locates one path after another. A path continues where it leaves the one before it, so that a long sequence is listed once and
/// not for every change below it.
pub(in crate::engine) struct Locator<'f, 't> {
    steps: Vec<Step>,
    nodes: Vec<Reached<'f, 't>>,
}

struct Reached<'f, 't> {
    node: YamlNode<'f, 't>,
    /// Its items, once one of them was asked for.
    items: Option<Vec<YamlNode<'f, 't>>>,
    /// How many of its keys were asked for.
    asked: usize,
    /// Its entries, once many of them were asked for.
    entries: Option<HashMap<&'f str, YamlNode<'f, 't>>>,
}

/// After how many keys a mapping is read as a whole. Each look for one reads half of it.
const MANY: usize = 16;

impl<'f, 't> Reached<'f, 't> {
    fn new(node: YamlNode<'f, 't>) -> Self {
        Self {
            node,
            items: None,
            asked: 0,
            entries: None,
        }
    }

    fn get(&mut self, key: &str) -> Option<YamlNode<'f, 't>> {
        self.asked += 1;
        if self.asked <= MANY {
            return self.node.get(key);
        }
        let node = self.node;
        let entries = self.entries.get_or_insert_with(|| {
            // The first of equal keys counts.
            node.entries().into_iter().rev().collect()
        });
        entries.get(key).copied()
    }
}

impl<'f, 't> Locator<'f, 't> {
    pub(in crate::engine) fn new(file: &'f File<'t>, document: usize) -> Self {
        Self {
            steps: Vec::new(),
            nodes: vec![Reached::new(file.document(document))],
        }
    }

    pub(in crate::engine) fn locate<'p>(&mut self, path: &'p Path) -> Located<'p, 'f, 't> {
        let shared = self
            .steps
            .iter()
            .zip(path.steps())
            .take_while(|(left, right)| left == right)
            .count();
        self.steps.truncate(shared);
        self.nodes.truncate(shared + 1);
        let mut missing: &[Step] = &[];
        for (position, step) in path.steps().iter().enumerate().skip(shared) {
            let Some(last) = self.nodes.last_mut() else {
                break;
            };
            let next = match step {
                Step::Key(key) => last.get(key),
                // Changes in a text are made of the text itself.
                Step::Inside(_) => None,
                Step::Index(index) => last
                    .items
                    .get_or_insert_with(|| last.node.items())
                    .get(*index)
                    .copied(),
            };
            let Some(node) = next else {
                missing = &path.steps()[position..];
                break;
            };
            self.nodes.push(Reached::new(node));
            self.steps.push(step.clone());
        }
        Located {
            nodes: self.nodes.iter().map(|reached| reached.node).collect(),
            missing,
        }
    }
}
