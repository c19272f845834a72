//! The files of a commit, looked up one after the other in the order of their paths.
//!
//! libgit2 keeps no large folder: it would read it anew for each of its files.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use git2::{ErrorCode, ObjectType, Oid, Repository, TreeEntry};

use super::GitError;

/// The last folder that was looked at in each tree.
#[derive(Default)]
pub(super) struct LastFolders(BTreeMap<Oid, Folder>);

/// The regular files of a folder, each with its content and mode.
struct Folder {
    /// From the root.
    path: PathBuf,
    files: BTreeMap<Vec<u8>, (Oid, u32)>,
}

impl LastFolders {
    /// A regular file of a tree by its path from the root, with its content and mode.
    pub(super) fn file(
        &mut self,
        repository: &Repository,
        tree: Oid,
        path: &Path,
    ) -> Result<Option<(Oid, u32)>, GitError> {
        let (Some(name), Some(folder)) = (path.file_name(), path.parent()) else {
            return Ok(None);
        };
        let last = match self.0.entry(tree) {
            Entry::Occupied(last) if last.get().path == folder => last.into_mut(),
            Entry::Occupied(mut last) => {
                last.insert(Folder::read(repository, tree, folder)?);
                last.into_mut()
            }
            Entry::Vacant(free) => free.insert(Folder::read(repository, tree, folder)?),
        };
        Ok(last.files.get(name.as_bytes()).copied())
    }
}

impl Folder {
    fn read(repository: &Repository, tree: Oid, path: &Path) -> Result<Self, GitError> {
        let root = repository.find_tree(tree)?;
        let folder = match path.as_os_str().is_empty() {
            true => Some(root),
            false => match root.get_path(path) {
                Ok(entry) if entry.kind() == Some(ObjectType::Tree) => {
                    Some(repository.find_tree(entry.id())?)
                }
                Ok(_) => None,
                Err(error) if error.code() == ErrorCode::NotFound => None,
                Err(error) => return Err(error.into()),
            },
        };
        let file = |entry: TreeEntry<'_>| {
            let mode = entry.filemode().cast_unsigned();
            let is_regular = mode & 0o170_000 == 0o100_000;
            is_regular.then(|| (entry.name_bytes().to_vec(), (entry.id(), mode)))
        };
        let files = folder.iter().flat_map(|folder| folder.iter());
        Ok(Self {
            path: path.to_owned(),
            files: files.filter_map(file).collect(),
        })
    }
}
