//! Which places of a document show one node: where an anchor is shared, an edit shows in all of them.

use std::collections::BTreeMap;

use crate::engine::path::{Path, Step};
use crate::engine::tree::Tree;
use crate::engine::workload;
use crate::engine::yaml::{File, NodeId, YamlNode};

use super::{DocumentChanges, Refused, refused};

/// The places of each node of a document, as a reader sees them: aliases followed, merge keys applied.
pub(super) struct Uses {
    /// `None`: the document has no alias, so each node stands where it is written.
    places: Option<Places>,
    images: Vec<Path>,
}

/// Where nodes show.
#[derive(Default)]
struct Places {
    /// Where each token is: an alias is a token of its own.
    tokens: BTreeMap<NodeId, Vec<Place>>,
    /// Where each node shows, in its own place and through aliases.
    nodes: BTreeMap<NodeId, Vec<Place>>,
}

/// A place, and the line of the token that stands there.
#[derive(Clone)]
struct Place {
    path: Path,
    line: Option<u32>,
}

impl Uses {
    pub(super) fn of(file: &File<'_>, document: usize) -> Self {
        if !file.has_aliases(document) {
            return Self { places: None, images: Vec::new() };
        }
        let root = file.document(document);
        let mut places = Places::default();
        places.note(root, &mut Vec::new());
        let workloads = workload::find(root).workloads;
        let images =
            workloads.iter().flat_map(|workload| workload.containers.iter().map(|container| workload.image_path(container)));
        Self { places: Some(places), images: images.collect() }
    }

    /// The token to edit so that the scalar at `path` becomes `to`, and no place changes that shall not.
    pub(super) fn token_to_edit<'f, 't>(
        &self,
        written: YamlNode<'f, 't>,
        document: &DocumentChanges,
        to: &str,
        path: &Path,
    ) -> Result<YamlNode<'f, 't>, Refused> {
        let Some(places) = &self.places else { return Ok(written.target()) };
        let wanted = |places: &[Place]| {
            let wants =
                |place: &Place| document.changes.iter().any(|change| change.at == place.path && change.to.as_deref() == Some(to));
            places.iter().all(wants)
        };
        let target = written.target();
        if wanted(places.of_node(target)) {
            return Ok(target);
        }
        let names_an_image = places.of_token(target).iter().any(|place| self.images.contains(&place.path));
        if written.is_alias() && !names_an_image && wanted(places.of_token(written)) {
            return Ok(written);
        }
        Err(self.shared(written, path))
    }

    /// A mapping that gets or loses an entry must show in no other place.
    pub(super) fn stands_once(&self, written: YamlNode<'_, '_>, path: &Path) -> Result<(), Refused> {
        let Some(places) = &self.places else { return Ok(()) };
        if places.of_node(written.target()).iter().all(|place| place.path == *path) {
            return Ok(());
        }
        Err(self.shared(written, path))
    }

    /// Why the node at `path` cannot be edited: it shows elsewhere.
    pub(super) fn shared(&self, written: YamlNode<'_, '_>, path: &Path) -> Refused {
        let target = written.target();
        let elsewhere = self.places.iter().flat_map(|places| places.of_node(target)).find(|place| place.path != *path);
        let anchor = target.line().map_or_else(String::new, |line| format!(" (line {line})"));
        match elsewhere {
            Some(Place { path: other, line }) => Refused {
                code: "shared-anchor",
                line: *line,
                message: format!("the anchor at {path}{anchor} is used at {other} too, which would change with it"),
            },
            None => refused("shared-anchor", written, format!("the anchor at {path}{anchor} is wanted to have two values")),
        }
    }
}

impl Places {
    fn of_token(&self, node: YamlNode<'_, '_>) -> &[Place] {
        self.tokens.get(&node.id()).map_or(&[], Vec::as_slice)
    }

    fn of_node(&self, node: YamlNode<'_, '_>) -> &[Place] {
        self.nodes.get(&node.id()).map_or(&[], Vec::as_slice)
    }

    /// Notes a token and the node that it shows. The parser has limited what all aliases together stand for.
    fn note(&mut self, token: YamlNode<'_, '_>, steps: &mut Vec<Step>) {
        let path = steps.iter().fold(Path::root(), |path, step| path.join(step.clone()));
        let place = Place { path, line: token.line() };
        self.tokens.entry(token.id()).or_default().push(place.clone());
        self.nodes.entry(token.target().id()).or_default().push(place);
        for (key, value) in token.entries() {
            steps.push(Step::Key(key.to_owned().into()));
            self.note(value, steps);
            steps.pop();
        }
        for (index, item) in token.items().into_iter().enumerate() {
            steps.push(Step::Index(index));
            self.note(item, steps);
            steps.pop();
        }
    }
}
