//! Where a commit comes from: what it changes, the commits that it follows, and whether a merge holds anything but its parents.
//!
//! A shallow clone has commits whose parents it lacks, and a partial clone lacks files. Both are told apart from a commit that was changed.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt as _;
use std::path::PathBuf;

use git2::{Delta, Oid, Signature, Tree};

use super::{CommitId, ContentId, Repository};
use crate::io::files::MAX_FILE;
use crate::io::git::GitError;
use crate::io::git::change::{self, Change};
use crate::io::git::staging::Staged;

/// What has to be here before a commit's change can be told.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Lacking {
    /// Whether its parent is not here.
    pub parent: bool,
    /// The files' contents that are not here.
    pub contents: BTreeSet<ContentId>,
}

impl Repository {
    /// The commits that a commit follows, also where the history was cut off between them.
    pub fn parents(&self, commit: CommitId) -> Result<Vec<CommitId>, GitError> {
        // The header itself is read: where the history was cut off, the parsed commit has no parent.
        let odb = self.inner.odb()?;
        let object = odb.read(commit.0)?;
        let header = String::from_utf8_lossy(object.data());
        let lines = header.lines().take_while(|line| !line.is_empty());
        let parents = lines.filter_map(|line| Oid::from_str(line.strip_prefix("parent ")?).ok());
        Ok(parents.map(CommitId).collect())
    }

    /// What [`Repository::is_as_made`] needs and this clone lacks.
    pub fn lacking(&self, commit: CommitId) -> Result<Lacking, GitError> {
        let [parent] = self.parents(commit)?[..] else {
            return Ok(Lacking::default());
        };
        let Ok(parent) = self.inner.find_commit(parent.0) else {
            return Ok(Lacking {
                parent: true,
                ..Lacking::default()
            });
        };
        let odb = self.inner.odb()?;
        let files = self
            .changed_files(&parent.tree()?, &self.inner.find_commit(commit.0)?.tree()?)?
            .unwrap_or_default();
        let contents = files
            .iter()
            .flat_map(|file| file.old.map(|(old, _)| old).into_iter().chain([file.blob]));
        let absent =
            contents.filter(|content| !odb.exists_ext(*content, git2::OdbLookupFlags::NO_REFRESH));
        Ok(Lacking {
            parent: false,
            contents: absent.map(ContentId).collect(),
        })
    }

    /// Whether a commit still changes what its trailer of this name says. What this clone lacks counts as changed.
    pub fn is_as_made(&self, commit: CommitId, trailer: &str) -> Result<bool, GitError> {
        let made = self.inner.find_commit(commit.0)?;
        let Some(noted) = super::trailer(&made, trailer).and_then(|noted| Change::parse(&noted))
        else {
            return Ok(false);
        };
        let [parent] = self.parents(commit)?[..] else {
            return Ok(false);
        };
        let Ok(parent) = self.inner.find_commit(parent.0) else {
            return Ok(false);
        };
        let change = self.change_between(&made.author(), &parent.tree()?, &made.tree()?)?;
        Ok(change.is_some_and(|change| change.is_still(&noted)))
    }

    /// What leads from one tree to another. `None`: no commit of ours could.
    pub(super) fn change_between(
        &self,
        author: &Signature<'_>,
        old: &Tree<'_>,
        new: &Tree<'_>,
    ) -> Result<Option<Change>, GitError> {
        let Some(mut files) = self.changed_files(old, new)? else {
            return Ok(None);
        };
        for file in &mut files {
            let old = file
                .old
                .map_or(Ok(Some(Vec::new())), |(old, _)| self.small_file(old))?;
            let (Some(old), Some(new)) = (old, self.small_file(file.blob)?) else {
                return Ok(None);
            };
            file.lines = change::lines(&old, &new)?;
        }
        Ok(Some(Change::of(author, &files)))
    }

    /// Whether a commit is a merge, and its tree is the one that Git makes of its parents by itself.
    pub fn is_automatic_merge(&self, commit: CommitId) -> Result<bool, GitError> {
        let [ours, theirs] = self.parents(commit)?[..] else {
            return Ok(false);
        };
        let tree = self.inner.find_commit(commit.0)?.tree_id();
        let (Ok(ours_here), Ok(theirs_here)) = (
            self.inner.find_commit(ours.0),
            self.inner.find_commit(theirs.0),
        ) else {
            return Ok(false);
        };
        let merged = self.inner.merge_commits(&ours_here, &theirs_here, None);
        if merged.is_ok_and(|index| self.is_tree(index, tree)) {
            return Ok(true);
        }
        // Where the history was cut off, Git finds no ancestor. The one side's own changes, put on the other side, are no more than both.
        let (ours_tree, theirs_tree) = (ours_here.tree()?, theirs_here.tree()?);
        let merge = |ancestor: &Tree<'_>| {
            self.inner
                .merge_trees(ancestor, &ours_tree, &theirs_tree, None)
        };
        let ancestors = self.parents(ours)?;
        let ancestors = ancestors.iter().filter_map(|ancestor| {
            self.inner
                .find_commit(ancestor.0)
                .and_then(|it| it.tree())
                .ok()
        });
        Ok(ancestors
            .into_iter()
            .any(|ancestor| merge(&ancestor).is_ok_and(|index| self.is_tree(index, tree))))
    }

    /// Whether a merge's outcome has no conflict, and is this tree.
    fn is_tree(&self, mut index: git2::Index, tree: Oid) -> bool {
        !index.has_conflicts()
            && index
                .write_tree_to(&self.inner)
                .is_ok_and(|made| made == tree)
    }

    /// The regular files that are new or other in the second tree. `None`: that is not all that differs.
    fn changed_files(
        &self,
        old: &Tree<'_>,
        new: &Tree<'_>,
    ) -> Result<Option<Vec<Staged>>, GitError> {
        let diff = self.inner.diff_tree_to_tree(Some(old), Some(new), None)?;
        let file = |delta: git2::DiffDelta<'_>| {
            let side = |file: git2::DiffFile<'_>| {
                let mode: u32 = file.mode().into();
                (mode & 0o170_000 == 0o100_000).then_some((file.id(), mode))
            };
            let (blob, mode) = side(delta.new_file())?;
            let old = match delta.status() {
                Delta::Added => None,
                Delta::Modified => Some(side(delta.old_file())?),
                _ => return None,
            };
            let path = PathBuf::from(std::ffi::OsStr::from_bytes(delta.new_file().path_bytes()?));
            Some(Staged {
                path,
                blob,
                mode,
                old,
                lines: Default::default(),
            })
        };
        Ok(diff.deltas().map(file).collect())
    }

    /// A content that a manifest may have; `None` where it is longer, or not here.
    fn small_file(&self, content: Oid) -> Result<Option<Vec<u8>>, GitError> {
        let odb = self.inner.odb()?;
        match odb.read_header(content) {
            Ok((size, _)) if size as u64 <= MAX_FILE => {
                Ok(Some(odb.read(content)?.data().to_vec()))
            }
            Ok(_) => Ok(None),
            Err(error) if error.code() == git2::ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
