//! What Git tracks: the files of the index.
//!
//! Where `core.ignoreCase` is set, names are compared without their case, as Git compares them there.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use super::GitError;
use super::repository::Repository;

/// Some files of an index, read once.
pub(in crate::io) struct Tracked {
    /// Their paths from the root as they are compared, sorted.
    paths: Vec<Vec<u8>>,
    ignores_case: bool,
}

impl Tracked {
    /// Reads the index of the repository whose work tree has this root, and keeps the files that are `wanted`. A submodule is no file.
    pub(in crate::io) fn open(root: &Path, wanted: fn(&Path) -> bool) -> Result<Self, GitError> {
        let repository = Repository::open(root)?;
        // `core.worktree` may say that its files are elsewhere.
        if repository.root() != root {
            return Err(GitError::NoRepository);
        }
        let ignores_case = repository
            .inner
            .config()?
            .get_bool("core.ignorecase")
            .unwrap_or(false);
        let index = repository.inner.index()?;
        let files = index.iter().filter(|entry| {
            entry.mode & 0o170_000 == 0o100_000 && wanted(Path::new(OsStr::from_bytes(&entry.path)))
        });
        let mut paths: Vec<Vec<u8>> = files
            .map(|entry| compared(entry.path, ignores_case))
            .collect();
        paths.sort_unstable();
        Ok(Self {
            paths,
            ignores_case,
        })
    }

    /// Whether a file is tracked, by its path from the root; one with a merge conflict is.
    pub(in crate::io) fn has(&self, path: &Path) -> bool {
        self.paths
            .binary_search(&compared(
                path.as_os_str().as_bytes().to_vec(),
                self.ignores_case,
            ))
            .is_ok()
    }

    /// Whether a file is tracked below a folder.
    pub(in crate::io) fn has_below(&self, folder: &Path) -> bool {
        let mut prefix = compared(folder.as_os_str().as_bytes().to_vec(), self.ignores_case);
        prefix.push(b'/');
        let first = self.paths.partition_point(|path| *path < prefix);
        self.paths
            .get(first)
            .is_some_and(|path| path.starts_with(&prefix))
    }
}

fn compared(mut path: Vec<u8>, ignores_case: bool) -> Vec<u8> {
    if ignores_case {
        path.make_ascii_lowercase();
    }
    path
}
