//! Finds the nodes on the paths of changes, in one walk for all changes of a document.

use crate::engine::path::{Path, Step};
use crate::engine::tree::Tree as _;
use crate::engine::yaml::{File, YamlNode};

/// The nodes from a document's root down a path, as far as they exist, each as it is written.
pub(super) struct Located<'p, 'f, 't> {
    pub(super) nodes: Vec<YamlNode<'f, 't>>,
    /// The steps that lead to nothing.
    pub(super) missing: &'p [Step],
}

/// Locates one path after another. A path continues where it leaves the one before it, so that a long sequence is listed once and
/// not for every change below it.
pub(super) struct Locator<'f, 't> {
    steps: Vec<Step>,
    nodes: Vec<Reached<'f, 't>>,
}

struct Reached<'f, 't> {
    node: YamlNode<'f, 't>,
    /// Its items, once one of them was asked for.
    items: Option<Vec<YamlNode<'f, 't>>>,
}

impl<'f, 't> Locator<'f, 't> {
    pub(super) fn new(file: &'f File<'t>, document: usize) -> Self {
        Self {
            steps: Vec::new(),
            nodes: vec![Reached {
                node: file.document(document),
                items: None,
            }],
        }
    }

    pub(super) fn locate<'p>(&mut self, path: &'p Path) -> Located<'p, 'f, 't> {
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
                Step::Key(key) => last.node.get(key),
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
            self.nodes.push(Reached { node, items: None });
            self.steps.push(step.clone());
        }
        Located {
            nodes: self.nodes.iter().map(|reached| reached.node).collect(),
            missing,
        }
    }
}
