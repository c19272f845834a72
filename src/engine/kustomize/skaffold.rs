//! The images that Skaffold builds. It puts what it has built in the place of their names, and no registry has these:
//!
//! ```yaml
//! # skaffold.yaml                         # k8s/web.yaml, as it is written
//! build:                                  containers:
//!   artifacts:                            - name: web
//!   - image: web                            image: web
//! ```

use std::collections::BTreeMap;

use super::{BoxedKustomization, SKAFFOLD, parent};
use crate::engine::tree::Tree;

/// The names that the file builds, with all its profiles. Those with a registry are left out: they are images that can be asked for.
///
/// <https://skaffold.dev/docs/references/yaml/>
pub(super) fn names<'a, T: Tree<'a>>(document: T) -> Vec<String> {
    let text = |of: T, key| of.get(key).and_then(|node| node.scalar().text());
    let version = text(document, "apiVersion").unwrap_or_default();
    if !version.starts_with("skaffold/") || text(document, "kind") != Some("Config") {
        return Vec::new();
    }
    let profiles = document.get("profiles").map(T::items).unwrap_or_default();
    let artifacts = |of: T| of.get("build")?.get("artifacts").map(T::items);
    let artifacts = profiles.into_iter().chain([document]).filter_map(artifacts);
    let names = artifacts.flatten().filter_map(|item| text(item, "image"));
    let names = names.filter(|name| !name.is_empty() && !super::fate::has_registry(name));
    names.map(str::to_owned).collect()
}

/// The images that are built in a tree, by the folder of the file that says so.
#[derive(Clone, Debug, Default)]
pub(super) struct Built(BTreeMap<String, BTreeMap<String, String>>);

impl Built {
    /// Those of what stands in the files of a tree.
    pub(super) fn of(all: &[BoxedKustomization]) -> Self {
        let mut built = Self::default();
        for one in all.iter().filter(|one| !one.builds.is_empty()) {
            let folder = built.0.entry(parent(&one.file).to_owned()).or_default();
            let names = one.builds.iter().cloned();
            folder.extend(names.map(|name| (name, one.file.clone())));
        }
        built
    }

    /// Whether an image of a manifest may be built.
    pub(super) fn reach(&self, manifest: &str) -> bool {
        self.around(manifest).next().is_some()
    }

    /// The file by which an image of a manifest is built.
    pub(super) fn by(&self, manifest: &str, name: &str) -> Option<&str> {
        let mut around = self.around(manifest);
        around.find_map(|names| names.get(name)).map(String::as_str)
    }

    /// The images that are built by files in the folder of a manifest or in those above, nearest first.
    fn around(&self, manifest: &str) -> impl Iterator<Item = &BTreeMap<String, String>> {
        let folder = (!self.0.is_empty()).then(|| parent(manifest));
        let folders = std::iter::successors(folder, |folder| {
            (!folder.is_empty()).then(|| parent(folder))
        });
        folders.filter_map(|folder| self.0.get(folder))
    }
}

/// Whether a file of this name may say what is built.
pub(super) fn is_config(file_name: &str) -> bool {
    file_name == SKAFFOLD
}
