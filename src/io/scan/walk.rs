//! The walk through the named folders.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ignore::{DirEntry, Walk, WalkBuilder};

use super::plan::{Named, Plan};
use super::{Entry, FileError, Kind, repository_root, template};

impl Plan {
    /// What is found in the named folders.
    pub(super) fn walked(self: Arc<Self>) -> impl Iterator<Item = Entry> + Send {
        let walks = [Rules::OfRepository, Rules::Everywhere].into_iter();
        walks.flat_map(move |rules| {
            let plan = Arc::clone(&self);
            Self::walk(&self, &rules).into_iter().flatten().filter_map(move |met| match met {
                Ok(entry) => plan.meet(&entry),
                Err(error) => plan.unread(error),
            })
        })
    }

    /// The walk through those folders for which such rules hold, where there are any.
    fn walk(plan: &Arc<Self>, rules: &Rules) -> Option<Walk> {
        let mut folders = plan.folders.iter().filter(|folder| rules.hold(folder));
        let mut walk = WalkBuilder::new(&folders.next()?.path);
        for folder in folders {
            walk.add(&folder.path);
        }
        // Only what the folders themselves say is ignored: neither `.ignore` files nor a person's own Git settings.
        walk.hidden(false).ignore(false).git_global(false).require_git(matches!(rules, Rules::OfRepository));
        walk.sort_by_file_name(OsStr::cmp);
        let plan = Arc::clone(plan);
        walk.filter_entry(move |entry| entry.file_name() != ".git" && !(is_folder(entry) && plan.leaves_out(entry)));
        Some(walk.build())
    }

    /// Whether a folder that the walk came to is not walked.
    fn leaves_out(&self, entry: &DirEntry) -> bool {
        let Some((folder, inner)) = self.place(entry) else { return false };
        let real = folder.real.join(inner);
        // A part of the walk that was named too is left to that name.
        self.real.contains(&real)
            || self.filter.narrows()
                && self.filter.leaves_out_folder(&self.places(folder, inner, &folder.shown.join(inner)), &real)
    }

    /// A file that is taken.
    fn meet(&self, entry: &DirEntry) -> Option<Entry> {
        let is_file = entry.file_type().is_some_and(|kind| kind.is_file());
        if entry.depth() == 0 || !is_file || !(self.takes)(entry.path()) {
            return None;
        }
        let (folder, inner) = self.place(entry)?;
        let real = || folder.real.join(inner);
        if self.real.len() > 1 && self.real.contains(&real()) {
            return None;
        }
        let shown = folder.shown.join(inner);
        if self.filter.narrows() && !self.filter.takes(&self.places(folder, inner, &shown), &real()) {
            return None;
        }
        let maybe_template = (folder.has_templates || template::may_be(inner)).then(real);
        Some(Entry { path: entry.path().to_owned(), shown, kind: Kind::File { maybe_template } })
    }

    /// A folder that cannot be read.
    fn unread(&self, error: ignore::Error) -> Option<Entry> {
        let path = path_of(&error).unwrap_or(&self.current).to_owned();
        let error = FileError::from(error.into_io_error()?);
        let shown = self.folders.iter().find_map(|folder| Some(folder.shown.join(path.strip_prefix(&folder.path).ok()?)));
        let shown = match shown {
            // The current folder itself.
            Some(shown) if shown.as_os_str().is_empty() => PathBuf::from("."),
            Some(shown) => shown,
            None => path.clone(),
        };
        Some(Entry { path, shown, kind: Kind::Folder(error) })
    }

    /// The folder that an entry was met in, and its path from there.
    fn place<'e>(&self, entry: &'e DirEntry) -> Option<(&Named, &'e Path)> {
        let folder = match self.folders.as_slice() {
            [only] => only,
            folders => {
                let begin = entry.path().ancestors().nth(entry.depth())?;
                &folders[folders.binary_search_by(|folder| folder.path.as_path().cmp(begin)).ok()?]
            }
        };
        // The walk puts names after the folder's own path as it stands, so bytes are as good as components, and faster.
        let inner = entry.path().as_os_str().as_bytes().strip_prefix(folder.path.as_os_str().as_bytes())?;
        Some((folder, Path::new(OsStr::from_bytes(inner.strip_prefix(b"/").unwrap_or(inner)))))
    }

    /// What was met in a folder as seen from everywhere that globs begin.
    fn places<'p>(&self, folder: &'p Named, inner: &'p Path, shown: &'p Path) -> Vec<Cow<'p, Path>> {
        let outer = folder.within.iter().map(|path| Cow::Owned(path.join(inner)));
        self.in_current(shown).into_iter().chain([inner]).map(Cow::Borrowed).chain(outer).collect()
    }
}

/// Which `.gitignore` files hold.
enum Rules {
    /// Those of the repository that a file stands in.
    OfRepository,
    /// All that stand above a file: outside a repository there is no one to say where they begin.
    Everywhere,
}

impl Rules {
    fn hold(&self, folder: &Named) -> bool {
        match self {
            Self::OfRepository => repository_root(&folder.real).is_some(),
            Self::Everywhere => repository_root(&folder.real).is_none(),
        }
    }
}

fn is_folder(entry: &DirEntry) -> bool {
    entry.file_type().is_some_and(|kind| kind.is_dir())
}

pub(super) fn is_manifest(path: &Path) -> bool {
    let bytes = path.as_os_str().as_bytes();
    [".yaml", ".yml", ".json"].iter().any(|end| bytes.ends_with(end.as_bytes()))
        || path.file_name() == Some("Kustomization".as_ref())
}

fn path_of(error: &ignore::Error) -> Option<&Path> {
    match error {
        ignore::Error::WithPath { path, .. } => Some(path),
        ignore::Error::WithDepth { err, .. } | ignore::Error::WithLineNumber { err, .. } => path_of(err),
        ignore::Error::Partial(errors) => errors.iter().find_map(path_of),
        _ => None,
    }
}
