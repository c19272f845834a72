//! Which images of a run kustomizations rename or replace, wherever in the work tree those stand.
//!
//! Kustomizations are evidence: they are read from the whole work tree, whatever paths and globs a run names, so that a file gets the
//! same decision alone as with its folder. Without a work tree they are read from the named folders.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use super::manifest::ManifestFile;
use crate::engine::hold::Hold;
use crate::engine::image::ImageRef;
use crate::engine::kustomize::{FILE_NAMES, Fate, Kustomization, Overlays};
use crate::engine::site::Memory;
use crate::engine::yaml::File;
use crate::io::scan::{self, Found, ScanError, What};

/// How many examples a warning names.
const EXAMPLES: usize = 3;

/// Where paths of a tree begin.
#[derive(Clone, Debug, Default)]
pub(super) struct Base {
    /// Absolute and without links.
    root: PathBuf,
    current: PathBuf,
    is_work_tree: bool,
}

impl Base {
    pub(super) fn of(request: &scan::Request<'_>) -> Self {
        Self {
            root: request
                .root
                .canonicalize()
                .unwrap_or_else(|_| request.root.to_owned()),
            current: request.current.to_owned(),
            is_work_tree: request.root.join(".git").exists(),
        }
    }

    /// A path from the root, with `/` and without `.` and `..`; `None` outside.
    fn within(&self, path: &Path) -> Option<String> {
        let mut plain = PathBuf::new();
        for component in self.current.join(path).components() {
            match component {
                Component::ParentDir => drop(plain.pop()),
                other => plain.push(other),
            }
        }
        Some(plain.strip_prefix(&self.root).ok()?.to_str()?.to_owned())
    }

    /// The kustomization that a file is, by its name.
    pub(super) fn kustomization(&self, path: &Path, bytes: &[u8]) -> Option<Kustomization> {
        if !is_kustomization(path) {
            return None;
        }
        let name = self.within(path).unwrap_or_default();
        let unread = |why: &str| Some(Kustomization::unread(&name, why));
        let file = match std::str::from_utf8(bytes).map(File::parse) {
            Ok(Ok(file)) => file,
            Ok(Err(error)) => return unread(&format!("line {}: {error}", error.line)),
            Err(_) => return unread("it is not UTF-8"),
        };
        match file.is_empty() {
            true => None,
            false if file.is_refused(0) => unread("it can be read in two ways"),
            false => Some(Kustomization::read(file.document(0), &name)),
        }
    }

    /// As [`Base::kustomization`], of what a scan has found.
    pub(super) fn kustomization_of(&self, found: &Found<'_>) -> Option<Kustomization> {
        match &found.what {
            What::File(bytes) => self.kustomization(found.path, bytes),
            What::Problem(error) if is_kustomization(found.path) => {
                let name = self.within(found.path).unwrap_or_default();
                Some(Kustomization::unread(&name, &error.to_string()))
            }
            What::Template
            | What::Problem(_)
            | What::Folder(_)
            | What::Rules(_)
            | What::Unknown(_) => None,
        }
    }

    /// Whether a scan for manifests sees every kustomization of the tree.
    pub(super) fn is_scanned_by(&self, request: &scan::Request<'_>) -> bool {
        let narrows = |globs: &scan::Globs| !globs.include.is_empty() || !globs.exclude.is_empty();
        let narrowed = !request.include.is_empty()
            || !request.exclude.is_empty()
            || request.other.is_some_and(narrows);
        let has_root = || {
            let named = request
                .paths
                .iter()
                .filter_map(|path| self.current.join(path).canonicalize().ok());
            request.paths.is_empty() && self.current == self.root
                || named.into_iter().any(|path| path == self.root)
        };
        !narrowed && (!self.is_work_tree || has_root())
    }

    /// Reads the kustomizations of the tree.
    pub(super) fn kustomizations(
        &self,
        request: &scan::Request<'_>,
    ) -> Result<Vec<Kustomization>, ScanError> {
        let whole = [self.root.clone()];
        let paths = if self.is_work_tree {
            &whole
        } else {
            request.paths
        };
        let request = scan::Request {
            paths,
            include: &[],
            exclude: &[],
            other: None,
            ..*request
        };
        let (found, _) = scan::scan_for(request, is_kustomization, |found: Found<'_>| {
            self.kustomization_of(&found)
        })?;
        Ok(found)
    }
}

pub(super) fn is_kustomization(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| FILE_NAMES.iter().any(|known| name == *known))
}

/// What is known of the kustomizations of a tree.
#[derive(Debug, Default)]
pub(super) struct KnownOverlays {
    base: Base,
    overlays: Overlays,
}

impl KnownOverlays {
    pub(super) fn new(base: Base, kustomizations: Vec<Kustomization>) -> Self {
        Self {
            base,
            overlays: Overlays::new(kustomizations),
        }
    }

    /// What kustomizations above these manifests do that is not followed, one sentence for each.
    pub(super) fn doubts(&self, manifests: &[ManifestFile]) -> Vec<String> {
        if manifests.is_empty() || !self.overlays.has_doubts() {
            return Vec::new();
        }
        let mut found = BTreeSet::new();
        for path in (manifests.iter()).filter_map(|one| self.base.within(&one.path)) {
            self.overlays.doubted_above(&path, &mut found);
        }
        self.overlays.doubts(&found)
    }

    /// Holds the images of a manifest that a kustomization renames, passes over those that all builds set anew, and counts those that some
    /// do. Says whether a kustomization builds on the manifest, so that other questions may be due.
    pub(super) fn mark(&self, manifest: &mut ManifestFile, replaced: &mut Replaced) -> bool {
        if self.overlays.is_empty() {
            return false;
        }
        let Some(path) = self.base.within(&manifest.path) else {
            return false;
        };
        let is_patch = self.overlays.is_patch(&path);
        // What a kustomization sets passes through those above its folder.
        let path = match is_kustomization(&manifest.path) {
            true => path.rsplit_once('/').map_or("", |(folder, _)| folder),
            false => path.as_str(),
        };
        if !self.overlays.reach(path) {
            return false;
        }
        for container in manifest
            .objects
            .iter_mut()
            .flat_map(|(_, object)| &mut object.sites)
        {
            if is_patch {
                // A record in a patch would take the place of the base's.
                container.memory = Memory::InPlace;
            }
            let Some(image) = container
                .image
                .text()
                .filter(|image| ImageRef::parse(image).is_ok())
            else {
                continue;
            };
            match self.overlays.fate(path, image) {
                Fate::Kept => {}
                Fate::Renamed { by, to } => {
                    container.hold = container
                        .hold
                        .take()
                        .or_else(|| Some(Hold::renamed_by(&by, &to)))
                }
                Fate::Replaced {
                    by,
                    everywhere: true,
                } => container.decided_by = by.into_iter().next(),
                Fate::Replaced { by, .. } => {
                    replaced.images += 1;
                    if let Some(by) = by.into_iter().next() {
                        replaced.files.entry(manifest.name.clone()).or_insert(by);
                    }
                }
            }
        }
        true
    }
}

/// Images of manifests whose digest a kustomization drops.
#[derive(Debug, Default)]
pub(super) struct Replaced {
    images: usize,
    /// Each manifest with a kustomization that does so.
    files: BTreeMap<String, String>,
}

impl Replaced {
    /// What a person should know.
    pub(super) fn warning(&self) -> Option<String> {
        let examples: Vec<String> = self
            .files
            .iter()
            .take(EXAMPLES)
            .map(|(file, by)| format!("`{file}` by `{by}`"))
            .collect();
        let more = self.files.len().saturating_sub(EXAMPLES);
        let more = if more > 0 {
            format!(", and {more} more files")
        } else {
            String::new()
        };
        let (images, their) = match self.images {
            0 => return None,
            1 => ("1 image".to_owned(), "its digest"),
            images => (format!("{images} images"), "their digests"),
        };
        Some(format!(
            "kustomizations set the tag or digest of {images} anew, so {their} in the manifest does not reach what they build: {}{more}",
            examples.join(", ")
        ))
    }
}
