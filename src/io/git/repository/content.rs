//! The files of a commit, and their contents.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use git2::{Blob, ErrorCode, IndexEntry, IndexTime, OdbLookupFlags, Oid, TreeEntry};

use super::{CommitId, ContentId, Repository};
use crate::io::files::{FileError, MAX_FILE};
use crate::io::git::GitError;

/// A file of a commit.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its path from the root.
    pub path: PathBuf,
    pub(super) blob: Oid,
}

impl AsRef<Path> for Listed {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

/// An entry of an index. Without times and size, Git compares the content once, and then notes them itself.
pub(in crate::io::git) fn index_entry(path: Vec<u8>, mode: u32, id: Oid) -> IndexEntry {
    let never = IndexTime::new(0, 0);
    IndexEntry {
        ctime: never,
        mtime: never,
        dev: 0,
        ino: 0,
        mode,
        uid: 0,
        gid: 0,
        file_size: 0,
        id,
        flags: 0,
        flags_extended: 0,
        path,
    }
}

/// The kind of an entry, as its mode says it.
pub(super) fn kind(entry: &TreeEntry<'_>) -> u32 {
    entry.filemode().cast_unsigned() & 0o170_000
}

impl Repository {
    /// The regular files of a commit and its links, by their paths from the root.
    pub fn files(&self, commit: CommitId) -> Result<(Vec<Listed>, Vec<Listed>), GitError> {
        let (mut files, mut links) = (Vec::new(), Vec::new());
        let tree = self.inner.find_commit(commit.0)?.tree()?;
        self.walk(tree, |path, entry| {
            let found = match kind(entry) {
                0o100_000 => &mut files,
                0o120_000 => &mut links,
                _ => return,
            };
            found.push(Listed {
                path: PathBuf::from(OsStr::from_bytes(path)),
                blob: entry.id(),
            });
        })?;
        Ok((files, links))
    }

    /// The `.gitattributes` of a commit, as an index has them.
    pub(in crate::io::git) fn attributes(
        &self,
        commit: CommitId,
    ) -> Result<Vec<IndexEntry>, GitError> {
        let mut found = Vec::new();
        let tree = self.inner.find_commit(commit.0)?.tree()?;
        self.walk(tree, |path, entry| {
            // An index may ignore case. Git follows no link there.
            let is_named = entry.name_bytes().eq_ignore_ascii_case(b".gitattributes");
            if is_named && kind(entry) == 0o100_000 {
                let mode = entry.filemode().cast_unsigned();
                found.push(index_entry(path.to_vec(), mode, entry.id()));
            }
        })?;
        Ok(found)
    }

    /// A regular file of a commit, by its path from the root.
    pub fn file(&self, commit: CommitId, path: &Path) -> Result<Option<Listed>, GitError> {
        match self.inner.find_commit(commit.0)?.tree()?.get_path(path) {
            Ok(entry) if kind(&entry) == 0o100_000 => Ok(Some(Listed {
                path: path.to_owned(),
                blob: entry.id(),
            })),
            Ok(_) => Err(GitError::Other(format!(
                "`{}` is not a regular file",
                path.display()
            ))),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// A file's content in a commit, or where a link leads. A file that is larger than one on disk may be is not read.
    pub fn read(&self, file: &Listed) -> Result<Vec<u8>, GitError> {
        Ok(self.blob(file)?.content().to_vec())
    }

    /// Calls `visit` with a file's content. What is too large is the file's own fault.
    pub fn visit<R>(
        &self,
        file: &Listed,
        visit: impl FnOnce(Result<&[u8], FileError>) -> R,
    ) -> Result<R, GitError> {
        match self.blob(file) {
            Ok(blob) => Ok(visit(Ok(blob.content()))),
            Err(GitError::TooLarge(size)) => Ok(visit(Err(FileError::TooLarge(size)))),
            Err(error) => Err(error),
        }
    }

    fn blob(&self, file: &Listed) -> Result<Blob<'_>, GitError> {
        let (size, _) = self.inner.odb()?.read_header(file.blob)?;
        if size as u64 > MAX_FILE {
            return Err(GitError::TooLarge(size as u64));
        }
        Ok(self.inner.find_blob(file.blob)?)
    }

    /// The contents of these files that are not here.
    pub fn absent<'f>(
        &self,
        files: impl Iterator<Item = &'f Listed>,
    ) -> Result<BTreeSet<ContentId>, GitError> {
        let odb = self.inner.odb()?;
        let absent = files.filter(|file| !odb.exists_ext(file.blob, OdbLookupFlags::NO_REFRESH));
        Ok(absent.map(|file| ContentId(file.blob)).collect())
    }
}
