//! The paths named on the command line: checked before anything is read, and put in the order in which they are read.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::filter::PathFilter;
use super::{Entry, EntryKind, ScanError, Scope, have_kustomization, near, template};
use crate::io::files::FileError;
use crate::io::git_folder::DOT_GIT;
use crate::io::links::{Links, NOTHING};

/// With more threads than these, they would wait for the one walk that feeds them.
const MAX_THREADS: usize = 8;

/// The named paths, as files and folders, each once.
pub(super) struct Plan {
    pub(super) current: PathBuf,
    pub(super) filter: PathFilter,
    /// Decides by path whether a file in a folder is taken.
    pub(super) takes: fn(&Path) -> bool,
    files: Vec<Named>,
    /// Sorted by the path that the walk opens.
    pub(super) folders: Vec<Named>,
    /// The real paths of everything named. When the walk meets one, it skips it, because it is visited under its own name.
    pub(super) real: BTreeSet<PathBuf>,
}

/// A file or folder that was named.
pub(super) struct Named {
    /// As typed, without `./` and doubled slashes.
    pub(super) shown: PathBuf,
    /// The path to open.
    pub(super) path: PathBuf,
    /// Absolute and without links.
    pub(super) real: PathBuf,
    /// Whether its own path has a `templates` component, so that files below it may be Helm templates.
    pub(super) has_templates: bool,
    /// Its path relative to each other named folder that contains it.
    pub(super) within: Vec<PathBuf>,
}

impl Plan {
    /// Checks every named path. Returns an entry for each path that exists but cannot be used.
    ///
    /// Fails if a path does not exist.
    pub(super) fn new(
        request: &Scope<'_>,
        filter: PathFilter,
        takes: fn(&Path) -> bool,
    ) -> Result<(Self, Vec<Entry>), ScanError> {
        let Scope {
            current,
            root,
            opens_relative,
            ..
        } = *request;
        let mut links = Links::new(root).map_err(|_| ScanError::Missing {
            path: root.display().to_string(),
            near: None,
        })?;
        let here = [PathBuf::from(".")];
        let mut useless = Vec::new();
        let mut plan = Self {
            current: current.to_owned(),
            filter,
            takes,
            files: Vec::new(),
            folders: Vec::new(),
            real: BTreeSet::new(),
        };
        for typed in if request.paths.is_empty() {
            &here
        } else {
            request.paths
        } {
            let missing = || {
                link_to_nothing(typed, current).unwrap_or_else(|| ScanError::Missing {
                    path: typed.display().to_string(),
                    near: near::near(typed, current),
                })
            };
            if typed.as_os_str().is_empty() {
                return Err(missing());
            }
            let shown: PathBuf = typed
                .components()
                .filter(|component| *component != Component::CurDir)
                .collect();
            let absolute = current.join(&shown);
            let (real, metadata) = match links.resolve(&absolute) {
                Ok(found) => found,
                Err(FileError::Vanished | FileError::NotRegular(NOTHING)) => {
                    return Err(missing());
                }
                Err(error) => {
                    useless.push(Entry::told(absolute, shown, EntryKind::Useless(error)));
                    continue;
                }
            };
            if !plan.real.insert(real.clone()) {
                continue;
            }
            let path = match () {
                () if real != absolute => real.clone(),
                () if opens_relative && shown.as_os_str().is_empty() => PathBuf::from("."),
                () if opens_relative => shown.clone(),
                () => absolute,
            };
            let has_templates = template::may_be(&real);
            let named = Named {
                shown,
                path,
                real,
                has_templates,
                within: Vec::new(),
            };
            if metadata.is_dir() {
                plan.folders.push(named)
            } else {
                plan.files.push(named)
            }
        }
        plan.folders
            .sort_unstable_by(|left, right| left.path.cmp(&right.path));
        plan.nest();
        Ok((plan, useless))
    }

    /// For each named path, records the named folders that contain it, so that globs from there apply too.
    fn nest(&mut self) {
        let folders = self.folders.iter().map(|folder| folder.real.clone());
        let folders: HashSet<PathBuf> = folders.collect();
        for named in self.files.iter_mut().chain(&mut self.folders) {
            let above = named.real.ancestors().skip(1);
            let above = above.filter(|folder| folders.contains(*folder));
            let within = above.filter_map(|folder| named.real.strip_prefix(folder).ok());
            named.within = within.map(Path::to_owned).collect();
        }
    }

    /// How many files and folders are named.
    pub(super) fn named(&self) -> usize {
        self.files.len() + self.folders.len()
    }

    /// How many threads to use. Starting a thread takes longer than reading a few files.
    pub(super) fn threads(&self) -> usize {
        let cores = std::thread::available_parallelism()
            .map_or(1, usize::from)
            .min(MAX_THREADS);
        if self.folders.is_empty() {
            cores.min(self.files.len() / 16 + 1)
        } else {
            cores
        }
    }

    /// The named files that pass the filter, in the order in which they were named.
    pub(super) fn named_files(self: Arc<Self>) -> impl Iterator<Item = Entry> + Send {
        let mut kustomized = BTreeMap::new();
        (0..self.files.len()).filter_map(move |index| {
            let file = &self.files[index];
            let takes =
                !self.filter.narrows() || self.filter.takes(&self.places_of_file(file), &file.real);
            let maybe_template = template::may_be(&file.real).then(|| file.real.clone());
            takes.then(|| Entry {
                path: file.path.clone(),
                shown: file.shown.clone(),
                kustomized: is_kustomized(file.real.parent(), &mut kustomized),
                kind: EntryKind::File { maybe_template },
            })
        })
    }

    /// The paths of a named file, as seen from each folder where globs start.
    fn places_of_file<'n>(&self, file: &'n Named) -> Vec<&'n Path> {
        let name = file.shown.file_name().map(Path::new);
        self.in_current(&file.shown)
            .into_iter()
            .chain(name)
            .chain(file.within.iter().map(PathBuf::as_path))
            .collect()
    }

    /// The path relative to the current folder; `None` for an absolute path outside of it.
    pub(super) fn in_current<'p>(&self, shown: &'p Path) -> Option<&'p Path> {
        if shown.is_absolute() {
            shown.strip_prefix(&self.current).ok()
        } else {
            Some(shown)
        }
    }
}

/// The first link on the way of a typed path that leads to a place where nothing is.
fn link_to_nothing(typed: &Path, current: &Path) -> Option<ScanError> {
    let above = typed.ancestors().collect::<Vec<_>>().into_iter().rev();
    let mut links = above.map(|path| (path, current.join(path)));
    let (link, at) = links.find(|(_, at)| at.is_symlink() && !at.exists())?;
    Some(ScanError::LinkToNothing {
        link: link.display().to_string(),
        target: at.read_link().ok()?.display().to_string(),
    })
}

/// Whether a kustomization stands in a folder or above it, in its repository. Folders are looked at once.
fn is_kustomized(folder: Option<&Path>, known: &mut BTreeMap<PathBuf, bool>) -> bool {
    let Some(folder) = folder else {
        return false;
    };
    if let Some(known) = known.get(folder) {
        return *known;
    }
    let found = have_kustomization([folder])
        || !folder.join(DOT_GIT).exists() && is_kustomized(folder.parent(), known);
    known.insert(folder.to_owned(), found);
    found
}
