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
    places: Option<BTreeMap<NodeId, Vec<Path>>>,
    images: Vec<Path>,
}

impl Uses {
    pub(super) fn of(file: &File<'_>, document: usize) -> Self {
        if !file.has_aliases(document) {
            return Self { places: None, images: Vec::new() };
        }
        let root = file.document(document);
        let mut places = BTreeMap::new();
        note(root, &mut Vec::new(), &mut places);
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
        let wanted = |places: &[Path]| {
            places
                .iter()
                .all(|place| document.changes.iter().any(|change| change.at == *place && change.to.as_deref() == Some(to)))
        };
        let target = written.target();
        if self.places.is_none() || wanted(self.at(target)) {
            return Ok(target);
        }
        let names_an_image = self.at(target).iter().any(|place| self.images.contains(place) && !self.at(written).contains(place));
        if written.is_alias() && !names_an_image && wanted(self.at(written)) {
            return Ok(written);
        }
        Err(self.shared(written, path))
    }

    /// A mapping that gets or loses an entry must show in no other place.
    pub(super) fn stands_once(&self, written: YamlNode<'_, '_>, path: &Path) -> Result<(), Refused> {
        if self.places.is_none() || self.at(written.target()).iter().all(|place| place == path) {
            return Ok(());
        }
        Err(self.shared(written, path))
    }

    pub(super) fn shared(&self, written: YamlNode<'_, '_>, path: &Path) -> Refused {
        let target = written.target();
        let other = self.at(target).iter().find(|place| *place != path);
        let elsewhere = other.map_or_else(String::new, |other| format!(" and would change {other} too"));
        let anchor = target.line().map_or_else(String::new, |line| format!(" (anchored on line {line})"));
        refused("shared-anchor", written, format!("{path}{anchor} is shared{elsewhere}"))
    }

    fn at(&self, node: YamlNode<'_, '_>) -> &[Path] {
        self.places.as_ref().and_then(|places| places.get(&node.id())).map_or(&[], Vec::as_slice)
    }
}

/// Notes a node and, where it is an alias, what it names. The parser has limited what all aliases together stand for.
fn note(node: YamlNode<'_, '_>, path: &mut Vec<Step>, places: &mut BTreeMap<NodeId, Vec<Path>>) {
    let here = || path.iter().fold(Path::root(), |path, step| path.join(step.clone()));
    places.entry(node.id()).or_default().push(here());
    if node.is_alias() {
        places.entry(node.target().id()).or_default().push(here());
    }
    for (key, value) in node.entries() {
        path.push(Step::Key(key.to_owned().into()));
        note(value, path, places);
        path.pop();
    }
    for (index, item) in node.items().into_iter().enumerate() {
        path.push(Step::Index(index));
        note(item, path, places);
        path.pop();
    }
}
