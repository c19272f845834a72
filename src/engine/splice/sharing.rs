//! Which places of a document show one node: where an anchor is shared, an edit shows in all of them.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use crate::engine::code::Code;
use crate::engine::path::{Path, Step};
use crate::engine::shape;
use crate::engine::site::Site;
use crate::engine::tree::Tree;
use crate::engine::yaml::{File, NodeId, YamlNode};

use super::locate::Locator;
use super::{DocumentChanges, Refused, refused};

/// Where the nodes that changes touch show in a document, as a reader sees it: aliases followed, merge keys applied.
pub(super) struct Uses<'d> {
    /// `None`: the document has no alias, so each node stands where it is written.
    shown: Option<Shown<'d>>,
}

/// Where nodes show.
struct Shown<'d> {
    /// Where each token is: an alias is a token of its own.
    tokens: HashMap<NodeId, Shows<'d>>,
    /// Where each node shows, in its own place and through aliases.
    nodes: HashMap<NodeId, Shows<'d>>,
}

/// All places of one node. A node may have as many as the document has lines, so only two are kept.
struct Shows<'d> {
    first: Place,
    second: Option<Place>,
    /// What all of these places shall become; `None`, where one shall stay or two differ.
    to: Option<&'d str>,
    /// Whether one of them is the image of a container.
    image: bool,
}

/// A place, and the line of the token that stands there.
struct Place {
    path: Path,
    line: Option<u32>,
}

impl<'d> Uses<'d> {
    pub(super) fn of(file: &File<'_>, document: &'d DocumentChanges) -> Self {
        if !file.has_aliases(document.document) {
            return Self { shown: None };
        }
        let root = file.document(document.document);
        let workloads = shape::find(root).objects;
        let images = workloads
            .iter()
            .flat_map(|workload| workload.sites.iter().map(Site::written_at));
        let mut walk = Walk {
            touched: touched(file, document),
            wanted: document
                .changes
                .iter()
                .filter_map(|change| Some((&change.at, change.to.as_deref()?)))
                .collect(),
            images: images.collect(),
            steps: Vec::new(),
            shown: Shown {
                tokens: HashMap::new(),
                nodes: HashMap::new(),
            },
        };
        walk.note(root);
        Self {
            shown: Some(walk.shown),
        }
    }

    /// The token to edit so that the scalar at `path` becomes `to`, and no place changes that shall not.
    pub(super) fn token_to_edit<'f, 't>(
        &self,
        written: YamlNode<'f, 't>,
        to: &str,
        path: &Path,
    ) -> Result<YamlNode<'f, 't>, Refused> {
        let Some(shown) = &self.shown else {
            return Ok(written.target());
        };
        let wanted = |shows: Option<&Shows<'_>>| shows.is_some_and(|shows| shows.to == Some(to));
        let target = written.target();
        if wanted(shown.nodes.get(&target.id())) {
            return Ok(target);
        }
        let names_an_image = shown
            .tokens
            .get(&target.id())
            .is_some_and(|shows| shows.image);
        if written.is_alias() && !names_an_image && wanted(shown.tokens.get(&written.id())) {
            return Ok(written);
        }
        Err(self.shared(written, path))
    }

    /// A mapping that gets or loses an entry must show in no other place.
    pub(super) fn stands_once(
        &self,
        written: YamlNode<'_, '_>,
        path: &Path,
    ) -> Result<(), Refused> {
        let Some(shown) = &self.shown else {
            return Ok(());
        };
        match shown.nodes.get(&written.target().id()) {
            Some(Shows {
                first,
                second: None,
                ..
            }) if first.path == *path => Ok(()),
            _ => Err(self.shared(written, path)),
        }
    }

    /// Why the node at `path` cannot be edited: it shows elsewhere.
    fn shared(&self, written: YamlNode<'_, '_>, path: &Path) -> Refused {
        let target = written.target();
        let shows = self
            .shown
            .as_ref()
            .and_then(|shown| shown.nodes.get(&target.id()));
        let mut places = shows
            .into_iter()
            .flat_map(|shows| std::iter::once(&shows.first).chain(&shows.second));
        let anchor = target
            .line()
            .map_or_else(String::new, |line| format!(" (line {line})"));
        match places.find(|place| place.path != *path) {
            Some(Place { path: other, line }) => Refused {
                code: Code::SharedAnchor,
                line: *line,
                message: format!(
                    "the anchor at {path}{anchor} is used at {other} too, which would change with it"
                ),
            },
            None => refused(
                Code::SharedAnchor,
                written,
                format!("the anchor at {path}{anchor} is wanted to have two values"),
            ),
        }
    }
}

/// The nodes that the changes of a document may edit: the scalars, and the mappings that get or lose an entry.
fn touched(file: &File<'_>, document: &DocumentChanges) -> HashSet<NodeId> {
    let mut locator = Locator::new(file, document.document);
    let mut touched = HashSet::new();
    for change in &document.changes {
        let nodes = locator.locate(&change.at).nodes;
        // Mappings may go with the entry that they hold.
        let touches = if change.to.is_some() { 1 } else { nodes.len() };
        for node in nodes.iter().rev().take(touches) {
            touched.extend([node.id(), node.target().id()]);
        }
    }
    touched
}

/// Walks a document as a reader sees it.
struct Walk<'f, 'd> {
    touched: HashSet<NodeId>,
    wanted: HashMap<&'d Path, &'d str>,
    images: HashSet<Path>,
    steps: Vec<Below<'f>>,
    shown: Shown<'d>,
}

/// One step down.
#[derive(Clone, Copy)]
enum Below<'f> {
    Key(&'f str),
    Index(usize),
}

impl<'f> Walk<'f, '_> {
    /// Notes a token and the node that it shows. The parser has limited what all aliases together stand for.
    fn note(&mut self, token: YamlNode<'f, '_>) {
        let (written, target) = (token.id(), token.target().id());
        if self.touched.contains(&written) || self.touched.contains(&target) {
            let place = || Place {
                path: self.path(),
                line: token.line(),
            };
            let (here, there) = (place(), place());
            let (to, image) = (
                self.wanted.get(&here.path).copied(),
                self.images.contains(&here.path),
            );
            Shows::add(self.shown.tokens.entry(written), here, to, image);
            Shows::add(self.shown.nodes.entry(target), there, to, image);
        }
        for (key, value) in token.entries() {
            self.steps.push(Below::Key(key));
            self.note(value);
            self.steps.pop();
        }
        for (index, item) in token.items().into_iter().enumerate() {
            self.steps.push(Below::Index(index));
            self.note(item);
            self.steps.pop();
        }
    }

    fn path(&self) -> Path {
        self.steps
            .iter()
            .map(|step| match *step {
                Below::Key(key) => Step::Key(key.to_owned().into()),
                Below::Index(index) => Step::Index(index),
            })
            .collect()
    }
}

impl<'d> Shows<'d> {
    fn add(shows: Entry<'_, NodeId, Self>, place: Place, to: Option<&'d str>, image: bool) {
        match shows {
            Entry::Vacant(vacant) => drop(vacant.insert_entry(Self {
                first: place,
                second: None,
                to,
                image,
            })),
            Entry::Occupied(mut known) => {
                let known = known.get_mut();
                known.second.get_or_insert(place);
                known.to = known.to.filter(|known| Some(*known) == to);
                known.image |= image;
            }
        }
    }
}
