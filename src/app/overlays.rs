//! Which images of a run kustomizations rename or replace, wherever in the work tree those stand.
//!
//! Kustomizations are evidence: they are read from the whole work tree, whatever paths and globs a run names, so that a file gets the
//! same decision alone as with its folder. Without a work tree they are read from the named folders.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use super::manifest::ManifestFile;
use super::replaced::Replaced;
use super::tree_links;
use crate::engine::code::Code;
use crate::engine::hold::Hold;
use crate::engine::kustomize::{
    self, BoxedKustomization, FILE_NAMES, Fate, Kustomization, NamedFile, Overlays,
};
use crate::engine::object::Object;
use crate::engine::shape::{self, JSON_PATCH, Kinds};
use crate::engine::site::{Memory, Site, Slots};
use crate::engine::yaml::{File, Unreadable};
use crate::io::files;
use crate::io::scan::{self, Found, ScanError, What};

/// How many objects that get the same values are followed for each image there.
const MOST_TAKERS: usize = 256;

/// Where paths of a tree begin.
#[derive(Clone, Debug, Default)]
pub(super) struct Base {
    /// Absolute and without links.
    pub(super) root: PathBuf,
    current: PathBuf,
    /// The current folder by its path from the root. `None`: it is outside, or its path is not UTF-8.
    current_within: Option<String>,
    is_work_tree: bool,
}

impl Base {
    pub(super) fn of(request: &scan::Scope<'_>) -> Self {
        let root = (request.root.canonicalize()).unwrap_or_else(|_| request.root.to_owned());
        let current_within = match request.current.strip_prefix(&root) {
            Ok(path) if path.as_os_str().is_empty() => Some(""),
            Ok(path) => plain(path),
            Err(_) => None,
        };
        Self {
            current_within: current_within.map(str::to_owned),
            root,
            current: request.current.to_owned(),
            is_work_tree: request.root.join(".git").exists(),
        }
    }

    /// A path from the root, with `/` and without `.` and `..`; `None` outside.
    pub(super) fn within(&self, path: &Path) -> Option<String> {
        // Most paths are plain ones from the current folder.
        if let Some(current) = &self.current_within
            && let Some(below) = plain(path)
        {
            return Some(match current.as_str() {
                "" => below.to_owned(),
                current => [current, "/", below].concat(),
            });
        }
        let mut plain = PathBuf::new();
        for component in self.current.join(path).components() {
            match component {
                Component::ParentDir => drop(plain.pop()),
                other => plain.push(other),
            }
        }
        Some(plain.strip_prefix(&self.root).ok()?.to_str()?.to_owned())
    }

    /// The kustomization that a parsed file is. `None`: it says nothing.
    pub(super) fn kustomization(
        &self,
        path: &Path,
        parsed: &Result<File<'_>, Unreadable>,
    ) -> Option<BoxedKustomization> {
        match parsed {
            Err(error) => Some(self.unread(path, &format!("line {}: {error}", error.line))),
            Ok(file) if file.is_empty() => None,
            Ok(file) if file.is_refused(0) => Some(self.unread(path, "it can be read in two ways")),
            Ok(file) => Some(Kustomization::read(file.document(0), &self.name(path))),
        }
    }

    /// A kustomization that cannot be read.
    pub(super) fn unread(&self, path: &Path, why: &str) -> BoxedKustomization {
        Kustomization::unread(&self.name(path), why)
    }

    fn name(&self, path: &Path) -> String {
        self.within(path).unwrap_or_default()
    }

    /// The kustomization in the bytes of a file that is read for nothing else, or what of Flux and Argo CD goes on top of one.
    pub(super) fn kustomizations(&self, path: &Path, bytes: &[u8]) -> Vec<BoxedKustomization> {
        if !is_kustomization(path) {
            return self.deliveries(path, bytes);
        }
        let one = match std::str::from_utf8(bytes) {
            Ok(text) => self.kustomization(path, &File::parse(text)),
            Err(_) => Some(self.unread(path, "it is not UTF-8")),
        };
        one.into_iter().collect()
    }

    /// What of Flux and Argo CD goes on top of kustomizations, in the bytes of a file.
    pub(super) fn deliveries(&self, path: &Path, bytes: &[u8]) -> Vec<BoxedKustomization> {
        let may_deliver = kustomize::may_deliver(file_name(path), bytes);
        let text = may_deliver
            .then(|| std::str::from_utf8(bytes).ok())
            .flatten();
        let file = text.and_then(|text| File::parse(text).ok());
        file.map(|file| self.deliveries_of(path, &file))
            .unwrap_or_default()
    }

    /// As [`Self::deliveries`], of a file that is parsed.
    pub(super) fn deliveries_of(&self, path: &Path, file: &File<'_>) -> Vec<BoxedKustomization> {
        let name = self.name(path);
        let documents = (0..file.len()).filter(|index| !file.is_refused(*index));
        documents
            .flat_map(|index| kustomize::deliveries(file.document(index), index, &name))
            .collect()
    }

    /// Reads files of the tree by their paths from its root. Those that are not there are left out.
    pub(super) fn read(&self, names: &[String]) -> Evidence {
        let read = |name: &String| {
            let mut bytes = Vec::new();
            let content = match files::read_into(&self.root.join(name), &mut bytes) {
                Ok(()) => Ok(bytes),
                Err(error) if matches!(error.code(), Code::Vanished | Code::NotAFile) => {
                    return None;
                }
                Err(error) => Err(error.to_string()),
            };
            Some((name.clone(), content))
        };
        names.iter().filter_map(read).collect()
    }

    /// As [`Self::read`]. A name that ends in `/` stands for all files below the folder.
    pub(super) fn read_below(
        &self,
        request: &scan::Scope<'_>,
        names: &[String],
    ) -> Result<Evidence, ScanError> {
        let (folders, files): (Vec<String>, Vec<String>) =
            names.iter().cloned().partition(|name| name.ends_with('/'));
        let mut evidence = self.read(&files);
        let folders = folders.iter().map(|folder| self.root.join(folder));
        let folders: Vec<PathBuf> = folders.filter(|folder| folder.is_dir()).collect();
        if !folders.is_empty() {
            let content = |found: Found<'_>| match found.what {
                What::File(bytes) => Some((self.within(&found.path)?, Ok(std::mem::take(bytes)))),
                _ => None,
            };
            evidence.extend(self.scan(request, &folders, content)?);
        }
        Ok(evidence)
    }

    /// Where the link at a path from the root leads. `None`: there is none.
    pub(super) fn link(&self, place: &str) -> Option<String> {
        let target = self.root.join(place).read_link().ok()?;
        target.to_str().map(str::to_owned)
    }

    /// Whether a scan for manifests sees every kustomization of the tree.
    pub(super) fn is_scanned_by(&self, request: &scan::Scope<'_>) -> bool {
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

    /// Reads the kustomizations of the whole tree, or without Git of the named folders, and what else `read` finds in its files.
    pub(super) fn evidence<T: Send>(
        &self,
        request: &scan::Scope<'_>,
        read: impl Fn(&Path, &[u8]) -> Vec<T> + Sync,
    ) -> Result<(Vec<BoxedKustomization>, Vec<T>), ScanError> {
        let whole = [self.root.clone()];
        let paths = match self.is_work_tree {
            true => &whole,
            false => request.paths,
        };
        let found = self.scan(request, paths, |found| match &found.what {
            What::File(bytes) => {
                let kustomizations = self.kustomizations(&found.path, bytes);
                Some((kustomizations, read(&found.path, bytes)))
            }
            What::Problem(error) if is_kustomization(&found.path) => {
                let unread = self.unread(&found.path, &error.to_string());
                Some((vec![unread], Vec::new()))
            }
            _ => None,
        })?;
        let (kustomizations, others): (Vec<_>, Vec<_>) = found.into_iter().unzip();
        Ok((
            kustomizations.into_iter().flatten().collect(),
            others.into_iter().flatten().collect(),
        ))
    }

    /// Reads files of folders, whatever globs a run has.
    fn scan<T: Send>(
        &self,
        request: &scan::Scope<'_>,
        paths: &[PathBuf],
        visit: impl Fn(Found<'_>) -> Option<T> + Sync,
    ) -> Result<Vec<T>, ScanError> {
        let request = scan::Scope {
            paths,
            include: &[],
            exclude: &[],
            other: None,
            ..*request
        };
        Ok(scan::scan(request, visit)?.0)
    }
}

/// A relative path of names alone, perhaps behind `./`. `None` for any other.
fn plain(path: &Path) -> Option<&str> {
    let text = path.to_str()?;
    let text = text.strip_prefix("./").unwrap_or(text);
    let is_plain = |name: &str| !matches!(name, "" | "." | "..");
    text.split('/').all(is_plain).then_some(text)
}

/// The name of a file, if it is UTF-8.
pub(super) fn file_name(path: &Path) -> &str {
    path.file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
}

pub(super) fn is_kustomization(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| FILE_NAMES.iter().any(|known| name == *known))
}

/// Whether a JSON Patch is among the objects: those that no kustomization applies are none.
pub(super) fn has_json_patch(objects: &[(usize, Object)]) -> bool {
    objects.iter().any(|(_, object)| object.kind == JSON_PATCH)
}

/// What stands in a file that kustomizations name.
fn named(content: Result<Vec<u8>, String>) -> NamedFile {
    let bytes = match content {
        Ok(bytes) => bytes,
        Err(why) => return NamedFile::unread(why),
    };
    let Ok(text) = std::str::from_utf8(&bytes) else {
        return NamedFile::unread("it is not UTF-8".to_owned());
    };
    match File::parse(text) {
        Ok(file) => {
            let documents = (0..file.len()).filter(|index| !file.is_refused(*index));
            let refused = file.refused().first();
            let doubt = refused.map(|one| format!("line {}: {}", one.why.line, one.why));
            NamedFile::read(documents.map(|index| file.document(index)), doubt)
        }
        Err(error) => NamedFile::unread(format!("line {}: {error}", error.line)),
    }
}

/// What is known of the kustomizations of a tree.
#[derive(Debug, Default)]
pub(super) struct KnownOverlays {
    base: Base,
    overlays: Overlays,
}

/// Files of a tree by their paths from its root, each with what it holds or why it cannot be read.
pub(super) type Evidence = Vec<(String, Result<Vec<u8>, String>)>;

/// Reads files of the tree by their paths from its root; those that are not there are left out. `Err`: none can be read.
pub(super) trait ReadEvidence<E>: Fn(&[String]) -> Result<Evidence, E> {}

impl<E, F: Fn(&[String]) -> Result<Evidence, E>> ReadEvidence<E> for F {}

/// What becomes of the images of a file. `None`: every build has the image as it is written, as most have.
pub(super) type Fates = Vec<Option<Box<Fate>>>;

impl KnownOverlays {
    /// Links the kustomizations of a tree, with what stands in files of their own. `link` reads the link at a path from its root.
    pub(super) fn new<E>(
        base: Base,
        mut kustomizations: Vec<BoxedKustomization>,
        read: impl ReadEvidence<E>,
        link: impl FnMut(&str) -> Result<Option<String>, E>,
    ) -> Result<Self, E> {
        tree_links::follow(&mut kustomizations, link)?;
        let names = kustomizations.iter().flat_map(|one| one.named_files());
        let names: BTreeSet<String> = names.map(str::to_owned).collect();
        let contents = match names.is_empty() {
            true => Vec::new(),
            false => read(&Vec::from_iter(names))?,
        };
        let contents = contents.into_iter();
        let contents: BTreeMap<String, NamedFile> = contents
            .map(|(name, content)| (name, named(content)))
            .collect();
        let missing = NamedFile::unread("it is not there".to_owned());
        for kustomization in &mut kustomizations {
            let names: BTreeSet<String> = kustomization.named_files().map(str::to_owned).collect();
            for file in names {
                kustomization.take(&file, contents.get(&file).unwrap_or(&missing));
            }
        }
        let mut overlays = Overlays::new(kustomizations);
        let shifting = overlays.shifting_files();
        if !shifting.is_empty() {
            for (name, content) in read(&Vec::from_iter(shifting))? {
                let text = content
                    .as_ref()
                    .ok()
                    .and_then(|content| std::str::from_utf8(content).ok());
                let file = text.and_then(|text| File::parse(text).ok());
                overlays.take_shifts(&name, file.as_ref());
            }
        }
        Ok(Self { base, overlays })
    }

    /// The files whose images the entries among these manifests may meet, and the patches of these manifests, but for themselves. A name
    /// that ends in `/` stands for all files below the folder.
    pub(super) fn unread_evidence(&self, manifests: &[ManifestFile]) -> BTreeSet<String> {
        if self.overlays.is_empty() {
            return BTreeSet::new();
        }
        let names = self.names(manifests);
        let mut unread = self.overlays.files_met(names.iter().map(String::as_str));
        unread.extend(
            self.overlays
                .patches_above(names.iter().map(String::as_str)),
        );
        unread.retain(|file| !names.contains(*file));
        let name = |path: &str| match self.overlays.generates(path) {
            true => [path, "/"].concat(),
            false => path.to_owned(),
        };
        unread.into_iter().map(name).collect()
    }

    /// Where manifests are, by their paths from the tree's root.
    pub(super) fn names(&self, manifests: &[ManifestFile]) -> BTreeSet<String> {
        let manifests = manifests.iter();
        let names = manifests.filter_map(|manifest| self.base.within(&manifest.path));
        names.collect()
    }

    /// Takes note of the images that a file puts in which is a patch.
    pub(super) fn take_patch(&mut self, manifest: &ManifestFile) {
        if self.overlays.has_patches()
            && let Some(path) = self.base.within(&manifest.path)
            && self.overlays.is_patch(&path)
        {
            let objects = manifest.objects.iter().map(|(_, object)| object);
            self.overlays.take_patch(&path, objects);
        }
    }

    /// Where a file is, by its path from the tree's root.
    pub(super) fn place(&self, name: &str) -> PathBuf {
        self.base.root.join(name)
    }

    /// Takes out of a file the operations of a JSON Patch that no kustomization applies to what is taken, and holds patches of Jobs. Says
    /// whether it took out any; what is not handled of them is in the manifest then.
    pub(super) fn settle_patches(&self, manifest: &mut ManifestFile, kinds: &Kinds) -> bool {
        if self.overlays.is_empty() && !has_json_patch(&manifest.objects) {
            return false;
        }
        let path = self.base.within(&manifest.path).unwrap_or_default();
        let targets = self.overlays.targets(&path);
        let hold = (targets.clone()).find_map(|target| shape::patch_hold(target, kinds));
        let is_applied = targets.clone().next().is_some();
        let (mut removed, mut counted) = (0, Vec::new());
        let mut is_taken = |operation: &Site| {
            let mut targets = targets.clone();
            let refused =
                targets.find_map(|target| shape::patch_takes(target, operation, kinds).err());
            let is_refused = refused.is_some();
            counted.extend(refused.and_then(|refused| refused.counted_as));
            is_applied && !is_refused
        };
        manifest.objects.retain_mut(|(_, object)| {
            object.hold = object.hold.take().or_else(|| hold.clone());
            if object.kind != JSON_PATCH {
                return true;
            }
            let before = object.sites.len();
            object.sites.retain(&mut is_taken);
            removed += before - object.sites.len();
            !object.sites.is_empty()
        });
        manifest.unhandled.append(&mut counted);
        removed > 0
    }

    /// As [`KnownOverlays::bind`], of all manifests. What becomes of their images is returned, manifest by manifest.
    pub(super) fn bind_manifests(&mut self, manifests: &[ManifestFile]) -> Vec<Fates> {
        let manifests = manifests.iter();
        let bound = manifests.map(|manifest| match self.base.within(&manifest.path) {
            Some(path) => self.bind(&path, &manifest.objects),
            None => Vec::new(),
        });
        bound.collect()
    }

    /// Takes note that a file cannot be read which kustomizations build on.
    pub(super) fn doubt(&mut self, path: &str, why: &str) {
        self.overlays.doubt(path, why);
    }

    /// Takes note of which entries of kustomizations the images of a file meet, where these may not change. Returns what becomes of each
    /// image, if the file is no kustomization.
    pub(super) fn bind(&mut self, path: &str, objects: &[(usize, Object)]) -> Fates {
        let own = self.overlays.kustomization(path);
        let (mut fates, mut is_lost) = (Vec::new(), false);
        if own.is_none() && !self.overlays.reach(path) {
            return fates;
        }
        for object in objects.iter().map(|(_, object)| object) {
            for site in object
                .sites
                .iter()
                .filter(|site| site.image.text().is_some())
            {
                let hold = site.hold.as_ref().or(object.hold.as_ref());
                let hold = hold.filter(|hold| hold.code == Code::JobImmutable);
                let hold = hold.map(|_| Hold::reaches_job(&object.label(), path));
                let Some(own) = own else {
                    let fate = self.overlays.fate(path, object, site);
                    is_lost |= fate.is_lost();
                    self.overlays.bind(&fate, hold.as_ref());
                    fates.push((fate != Fate::kept()).then(|| Box::new(fate)));
                    continue;
                };
                if hold.is_some() {
                    let fate = self.overlays.fate_in_kustomization(own, site);
                    let fate = fate.map(|(fate, _)| fate).unwrap_or_default();
                    is_lost |= fate.is_lost();
                    self.overlays.bind(&fate, hold.as_ref());
                }
            }
        }
        if is_lost {
            self.overlays.lose(path);
        }
        fates
    }

    /// Whether a kustomization builds on a file.
    pub(super) fn reach(&self, file: &str) -> bool {
        self.overlays.reach(file)
    }

    /// What holds an image in a file of values, because a patch of what gets these values may put others over it.
    pub(super) fn hold_of_values(
        &self,
        takers: &[(&str, Option<&str>)],
        site: &Site,
    ) -> Option<Hold> {
        if matches!(site.slots, Slots::Whole(_)) {
            return None;
        }
        if takers.len() > MOST_TAKERS {
            let hold = || Hold::unfollowed("more objects get it than imago follows");
            return self.overlays.have_patches().then(hold);
        }
        let mut fates = takers.iter();
        let why = fates.find_map(|taker| self.overlays.fate_of_values(*taker, site).unfollowed);
        why.map(|why| Hold::unfollowed(&why))
    }

    /// What kustomizations above these manifests do that is not followed, one sentence for each.
    pub(super) fn doubts(&self, manifests: &[ManifestFile]) -> Vec<String> {
        if manifests.is_empty() || !self.overlays.has_doubts() {
            return Vec::new();
        }
        let mut met = BTreeSet::new();
        for path in (manifests.iter()).filter_map(|one| self.base.within(&one.path)) {
            self.overlays.add_met(&path, &mut met);
        }
        self.overlays.doubts(&met)
    }

    /// Holds the images of a manifest that a kustomization renames or takes apart, passes over those that all builds set anew, and counts
    /// those that some do. `fates` are what [`KnownOverlays::bind`] returned, or nothing. Says whether a kustomization has to do with the
    /// manifest, so that other questions may be due.
    pub(super) fn mark(
        &self,
        manifest: &mut ManifestFile,
        fates: Fates,
        replaced: &mut Replaced,
    ) -> bool {
        if self.overlays.is_empty() {
            return false;
        }
        let Some(path) = self.base.within(&manifest.path) else {
            return false;
        };
        let own = self.overlays.kustomization(&path);
        let delivers = self.overlays.delivers(&path);
        if own.is_none() && !delivers && !self.overlays.reach(&path) {
            return false;
        }
        let mut fates = fates
            .into_iter()
            .map(|fate| fate.map_or_else(Fate::kept, |fate| *fate));
        let is_patch = self.overlays.is_patch(&path);
        for (document, object) in &mut manifest.content.objects {
            let mut sites = std::mem::take(&mut object.sites);
            for site in &mut sites {
                if is_patch {
                    // A record in a patch would take the place of the base's.
                    site.memory = Memory::InPlace;
                }
                let Some(image) = site.image.text() else {
                    continue;
                };
                let in_own = own.and_then(|own| self.overlays.fate_in_kustomization(own, site));
                let delivered = || match delivers {
                    true => self.overlays.hold_in_delivery(&path, *document, site),
                    false => None,
                };
                let followed = || self.overlays.fate(&path, object, site);
                let (fate, bound) =
                    in_own.unwrap_or_else(|| (fates.next().unwrap_or_else(followed), delivered()));
                site.hold = site.hold.take().or(bound).or_else(|| fate.hold(image));
                site.decided_by = fate.decided_by().map(Box::new);
                if fate.kept
                    && let Some(by) = fate.replaced.first()
                {
                    replaced.note(&manifest.name, by);
                }
            }
            object.sites = sites;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_the_same_from_the_root_however_it_is_written() {
        let base = |current: &str, current_within: Option<&str>| Base {
            root: "/repo/shop".into(),
            current: current.into(),
            current_within: current_within.map(str::to_owned),
            is_work_tree: true,
        };
        for base in [base("/repo/shop/a", Some("a")), base("/repo/shop/a", None)] {
            for path in [
                "b/c.yaml",
                "./b/c.yaml",
                "b//./c.yaml",
                "../a/b/c.yaml",
                "/repo/shop/a/b/c.yaml",
            ] {
                let within = base.within(Path::new(path));
                assert_eq!(within.as_deref(), Some("a/b/c.yaml"), "{path}");
            }
            assert_eq!(base.within(Path::new("../../c.yaml")), None);
        }
        let root = base("/repo/shop", Some(""));
        assert_eq!(
            root.within(Path::new("./c.yaml")).as_deref(),
            Some("c.yaml")
        );
    }
}
