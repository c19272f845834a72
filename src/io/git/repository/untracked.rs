//! What stands in the working tree where another commit has a file, and Git does not track.

use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use git2::Index;

use super::{CommitId, Repository};
use crate::io::git::GitError;

/// The kind of an entry that is a submodule's commit.
const SUBMODULE: u32 = 0o160_000;

impl Repository {
    /// The first file here, by its path from the root, that is not tracked and stands where `to` has what `from` has not.
    ///
    /// `git read-tree -u` refuses to overwrite such a file only if it is not ignored.
    pub fn untracked_in_the_way(
        &self,
        from: CommitId,
        to: CommitId,
    ) -> Result<Option<PathBuf>, GitError> {
        let tree = |commit: CommitId| self.inner.find_commit(commit.0)?.tree();
        let here = WorkingTree {
            root: self.root(),
            index: self.inner.index()?,
        };
        for (path, sides) in self.differences(&tree(from)?, &tree(to)?)? {
            if let [None, Some((_, mode))] = sides {
                let path = Path::new(OsStr::from_bytes(&path));
                let found = here.untracked_at(path, mode & 0o170_000 == SUBMODULE);
                if found.is_some() {
                    return Ok(found);
                }
            }
        }
        Ok(None)
    }
}

struct WorkingTree<'r> {
    root: &'r Path,
    index: Index,
}

impl WorkingTree<'_> {
    /// What stands at a path or on the way to it. A submodule may have its folder.
    fn untracked_at(&self, path: &Path, may_be_folder: bool) -> Option<PathBuf> {
        let mut places: Vec<&Path> = path.ancestors().collect();
        // The root itself.
        places.pop();
        for place in places.into_iter().rev() {
            let there = self.at(place)?;
            if !there.is_dir() {
                return (!self.tracks(place)).then(|| place.to_owned());
            }
        }
        match may_be_folder {
            true => None,
            false => self.untracked_below(path),
        }
    }

    fn untracked_below(&self, folder: &Path) -> Option<PathBuf> {
        let mut waiting = vec![folder.to_owned()];
        while let Some(folder) = waiting.pop() {
            let Ok(entries) = fs::read_dir(self.root.join(&folder)) else {
                return Some(folder);
            };
            for entry in entries.flatten() {
                let place = folder.join(entry.file_name());
                match self.at(&place) {
                    Some(there) if there.is_dir() => waiting.push(place),
                    Some(_) if !self.tracks(&place) => return Some(place),
                    _ => {}
                }
            }
        }
        None
    }

    fn at(&self, place: &Path) -> Option<Metadata> {
        fs::symlink_metadata(self.root.join(place)).ok()
    }

    /// Whether the index has a file, in whatever stage of a merge.
    fn tracks(&self, place: &Path) -> bool {
        (0..4).any(|stage| self.index.get_path(place, stage).is_some())
    }
}
