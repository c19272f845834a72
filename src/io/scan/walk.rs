//! The walk through the named folders, by several threads.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use ignore::{DirEntry, WalkBuilder, WalkState};

use super::{FileError, Found, Named, Plan, Results, What, repository_root, template};

impl Plan<'_> {
    /// Walks all named folders, and reads what is wanted of them.
    pub(super) fn walk_folders<T: Send, V>(&self, results: &Results<T, V>)
    where
        V: Fn(Found<'_>) -> Option<T> + Sync,
    {
        // Outside a repository there is no one to say where the rules of `.gitignore` begin, so they hold from wherever they stand.
        let (inside, outside): (Vec<_>, Vec<_>) = self.folders.iter().partition(|folder| repository_root(&folder.real).is_some());
        self.walk(&inside, Rules::OfRepository, results);
        self.walk(&outside, Rules::Everywhere, results);
    }

    fn walk<T: Send, V>(&self, folders: &[&Named], rules: Rules, results: &Results<T, V>)
    where
        V: Fn(Found<'_>) -> Option<T> + Sync,
    {
        let Some((first, others)) = folders.split_first() else {
            return;
        };
        let mut walk = WalkBuilder::new(&first.path);
        for folder in others {
            walk.add(&folder.path);
        }
        // Only what the folders themselves say is ignored: neither `.ignore` files nor a person's own Git settings.
        walk.hidden(false).ignore(false).git_global(false).require_git(matches!(rules, Rules::OfRepository));
        walk.filter_entry(|entry| entry.file_name() != ".git");
        let folders = Folders::new(folders);
        walk.build_parallel().run(|| {
            let mut buffer = Vec::new();
            let folders = &folders;
            Box::new(move |entry| match entry {
                Ok(entry) => self.meet(&entry, folders, results, &mut buffer),
                Err(error) => {
                    self.report(error, results);
                    WalkState::Continue
                }
            })
        });
    }

    fn meet<T, V>(&self, entry: &DirEntry, folders: &Folders<'_>, results: &Results<T, V>, buffer: &mut Vec<u8>) -> WalkState
    where
        V: Fn(Found<'_>) -> Option<T>,
    {
        let is_folder = entry.file_type().is_some_and(|kind| kind.is_dir());
        let is_file = entry.file_type().is_some_and(|kind| kind.is_file());
        if entry.depth() == 0 || !(is_folder || is_file && is_manifest(entry.path())) {
            return WalkState::Continue;
        }
        let Some((folder, inner)) = folders.place(entry) else {
            return WalkState::Continue;
        };
        // A part of the walk that was named too is left to that name.
        if self.real.len() > 1 && self.real.contains(&folder.real.join(inner)) {
            return WalkState::Skip;
        }
        let shown = folder.shown.join(inner);
        if self.filter.narrows() {
            let outer: Vec<_> = folder.within.iter().map(|path| path.join(inner)).collect();
            let places: Vec<_> =
                self.in_current(&shown).into_iter().chain([inner]).chain(outer.iter().map(PathBuf::as_path)).collect();
            let real = folder.real.join(inner);
            if is_folder && self.filter.leaves_out_folder(&places, &real) {
                return WalkState::Skip;
            }
            if !is_folder && !self.filter.takes(&places, &real) {
                return WalkState::Continue;
            }
        }
        if is_folder {
            return WalkState::Continue;
        }
        if (folder.has_templates || template::may_be(inner)) && self.charts.have(&folder.real.join(inner)) {
            results.add(entry.path(), &shown, What::Template);
        } else {
            results.read(entry.path(), &shown, buffer);
        }
        WalkState::Continue
    }

    /// A folder that cannot be read, as a result beside the others.
    fn report<T, V: Fn(Found<'_>) -> Option<T>>(&self, error: ignore::Error, results: &Results<T, V>) {
        let path = path_of(&error).unwrap_or(self.current).to_owned();
        let error = match error.into_io_error() {
            Some(error) => FileError::from(error),
            None => return,
        };
        let shown = self.folders.iter().find_map(|folder| Some(folder.shown.join(path.strip_prefix(&folder.path).ok()?)));
        let shown = match shown {
            // The current folder itself.
            Some(shown) if shown.as_os_str().is_empty() => PathBuf::from("."),
            Some(shown) => shown,
            None => path.clone(),
        };
        results.add(&path, &shown, What::Folder(error));
    }
}

/// Which `.gitignore` files hold.
enum Rules {
    /// Those of the repository that a file stands in.
    OfRepository,
    /// All that stand above a file.
    Everywhere,
}

/// The named folders of a walk, by the paths that it begins at.
enum Folders<'n> {
    One(&'n Named),
    Many(BTreeMap<&'n Path, &'n Named>),
}

impl<'n> Folders<'n> {
    fn new(folders: &[&'n Named]) -> Self {
        match folders {
            [only] => Self::One(only),
            folders => Self::Many(folders.iter().map(|folder| (folder.path.as_path(), *folder)).collect()),
        }
    }

    /// The folder that an entry was met in, and its path from there.
    fn place<'e>(&self, entry: &'e DirEntry) -> Option<(&'n Named, &'e Path)> {
        let folder = match self {
            Self::One(only) => only,
            Self::Many(folders) => folders.get(entry.path().ancestors().nth(entry.depth())?)?,
        };
        // The walk puts names after the folder's own path as it stands, so bytes are as good as components, and faster.
        let inner = entry.path().as_os_str().as_bytes().strip_prefix(folder.path.as_os_str().as_bytes())?;
        Some((folder, Path::new(OsStr::from_bytes(inner.strip_prefix(b"/").unwrap_or(inner)))))
    }
}

pub(super) fn is_manifest(path: &Path) -> bool {
    let path = path.as_os_str().as_bytes();
    path.ends_with(b".yaml") || path.ends_with(b".yml") || path.ends_with(b".json")
}

fn path_of(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => path_of(err),
        ignore::Error::Partial(errors) => errors.iter().find_map(path_of),
        _ => None,
    }
}
