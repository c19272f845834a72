//! Where a commit comes from: what it changes, the commits that it follows, and whether a merge holds anything but its parents.
//!
//! A shallow clone has commits whose parents it lacks, and a partial clone lacks files. Both are told apart from a commit that was changed.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::ffi::OsStringExt as _;
use std::path::PathBuf;

use git2::{MergeOptions, Oid, Signature, Tree};

use super::trees::Side;
use super::{CommitId, ContentId, Repository};
use crate::io::files::MAX_FILE;
use crate::io::git::GitError;
use crate::io::git::change::Staged;
use crate::io::git::change::{self, Change, Made};

/// The most bytes that files of a commit of ours have together.
const MOST_CHANGED: usize = 1 << 30;

/// The most bytes of all files that a merge has to read: those that both sides change, or that may have been moved. Git needs 250 times as
/// much memory where all lines are empty.
const MOST_MERGED: usize = 3 << 20;

/// What has to be here before it can be told whose a commit is.
#[derive(Debug, PartialEq, Eq)]
pub enum Lacking {
    /// Commits that it follows.
    Parents,
    /// Contents of files.
    Contents(BTreeSet<ContentId>),
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

    /// What [`Repository::is_as_made`] or [`Repository::is_automatic_merge`] needs and this clone lacks.
    pub fn lacking(&self, commit: CommitId) -> Result<Option<Lacking>, GitError> {
        if !self.is_shallow() && self.promisor()?.is_none() {
            return Ok(None);
        }
        let mut trees = Vec::new();
        for parent in self.parents(commit)? {
            match self.inner.find_commit(parent.0) {
                Ok(parent) => trees.push(parent.tree()?),
                Err(_) => return Ok(Some(Lacking::Parents)),
            }
        }
        let contents = match &trees[..] {
            [parent] => self
                .changed_files(parent, &self.inner.find_commit(commit.0)?.tree()?)?
                .unwrap_or_default()
                .iter()
                .flat_map(|file| file.old.map(|(old, _)| old).into_iter().chain([file.blob]))
                .collect(),
            [ours, theirs] => {
                let ancestors = self.merge_ancestors(commit)?;
                if ancestors.is_empty() {
                    return Ok(Some(Lacking::Parents));
                }
                let mut contents = BTreeSet::new();
                for ancestor in ancestors {
                    contents.extend(self.merged_contents(&ancestor, ours, theirs)?);
                }
                contents
            }
            _ => return Ok(None),
        };
        let odb = self.inner.odb()?;
        let absent: BTreeSet<ContentId> = contents
            .into_iter()
            .filter(|content| !odb.exists_ext(*content, git2::OdbLookupFlags::NO_REFRESH))
            .map(ContentId)
            .collect();
        Ok((!absent.is_empty()).then_some(Lacking::Contents(absent)))
    }

    /// The contents that one commit has, another has not, and this clone lacks.
    pub fn absent_between(
        &self,
        from: CommitId,
        to: CommitId,
    ) -> Result<BTreeSet<ContentId>, GitError> {
        let tree = |commit: CommitId| self.inner.find_commit(commit.0)?.tree();
        let changed = self.changed_contents(&tree(from)?, &tree(to)?)?;
        let odb = self.inner.odb()?;
        let is_absent = |content: &Oid| {
            !content.is_zero() && !odb.exists_ext(*content, git2::OdbLookupFlags::NO_REFRESH)
        };
        let contents = changed.into_values().map(|[_, new]| new);
        Ok(contents.filter(is_absent).map(ContentId).collect())
    }

    /// The contents that a merge of two trees reads: those of files that both sides change. Where one side removes what the other changes,
    /// Git looks for a new name of it among all that is new.
    fn merged_contents(
        &self,
        ancestor: &Tree<'_>,
        ours: &Tree<'_>,
        theirs: &Tree<'_>,
    ) -> Result<BTreeSet<Oid>, GitError> {
        let [ours, theirs] = [
            self.changed_contents(ancestor, ours)?,
            self.changed_contents(ancestor, theirs)?,
        ];
        let mut contents = BTreeSet::new();
        let mut may_be_renamed = false;
        for (path, [old, new]) in &ours {
            if let Some([_, other]) = theirs.get(path) {
                contents.extend([old, new, other]);
                may_be_renamed |= new.is_zero() || other.is_zero();
            }
        }
        if may_be_renamed {
            let moved = |sides: &&[Oid; 2]| sides.iter().any(Oid::is_zero);
            contents.extend(ours.values().chain(theirs.values()).filter(moved).flatten());
        }
        contents.remove(&Oid::ZERO_SHA1);
        Ok(contents)
    }

    /// The files that differ between two trees, with their contents; zero where there is none.
    fn changed_contents(
        &self,
        old: &Tree<'_>,
        new: &Tree<'_>,
    ) -> Result<BTreeMap<Vec<u8>, [Oid; 2]>, GitError> {
        let content = |side: Option<Side>| match side {
            // A submodule's commit is no content.
            Some((id, mode)) if mode & 0o170_000 != 0o160_000 => id,
            _ => Oid::ZERO_SHA1,
        };
        let differences = self.differences(old, new)?.into_iter();
        Ok(differences
            .map(|(path, sides)| (path, sides.map(content)))
            .collect())
    }

    /// The trees that a merge's sides may have come from: the commits that its first parent follows, and the one that both follow as far as
    /// is known here.
    fn merge_ancestors(&self, merge: CommitId) -> Result<Vec<Tree<'_>>, GitError> {
        let [ours, theirs] = self.parents(merge)?[..] else {
            return Ok(Vec::new());
        };
        let mut ancestors: Vec<Oid> = self
            .inner
            .merge_base(ours.0, theirs.0)
            .into_iter()
            .collect();
        ancestors.extend(self.parents(ours)?.iter().map(|parent| parent.0));
        ancestors.dedup();
        let trees = ancestors.into_iter().filter_map(|ancestor| {
            self.inner
                .find_commit(ancestor)
                .and_then(|it| it.tree())
                .ok()
        });
        Ok(trees.collect())
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

    /// Which branch a commit was made for, by its trailer of this name.
    pub fn made(&self, commit: CommitId, trailer: &str) -> Result<Made, GitError> {
        let noted = super::trailer(&self.inner.find_commit(commit.0)?, trailer);
        let change = noted.and_then(|noted| Change::parse(&noted));
        Ok(change.map_or(Made::Onward, |change| change.made()))
    }

    /// Whether a commit stands on the very one that its trailer of this name says it was made on.
    pub fn stands_as_made(&self, commit: CommitId, trailer: &str) -> Result<bool, GitError> {
        Ok(match self.made(commit, trailer)? {
            Made::ApartOn(on) => self
                .parents(commit)
                .is_ok_and(|parents| parents == [CommitId(on)]),
            Made::Apart | Made::Onward => false,
        })
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
        let contents = files.iter().flat_map(|file| {
            let old = file.old.map(|(old, _)| old);
            old.into_iter().chain([file.blob])
        });
        if self.size_of(contents)? > MOST_CHANGED {
            return Ok(None);
        }
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
    ///
    /// `left` is how many entries of trees may be read for all merges of a branch.
    pub fn is_automatic_merge(
        &self,
        commit: CommitId,
        left: &Cell<usize>,
    ) -> Result<bool, GitError> {
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
        let (ours_tree, theirs_tree) = (ours_here.tree()?, theirs_here.tree()?);
        let ancestors = self.merge_ancestors(commit)?;
        let trees = ancestors.iter().chain([&ours_tree, &theirs_tree]);
        if !self.are_readable(&trees.collect::<Vec<_>>(), left) {
            return Ok(false);
        }
        for ancestor in &ancestors {
            let contents = match self.merged_contents(ancestor, &ours_tree, &theirs_tree) {
                Err(GitError::TooMuch(_) | GitError::Malformed(_)) => return Ok(false),
                contents => contents?,
            };
            if self.size_of(contents.into_iter())? > MOST_MERGED {
                return Ok(false);
            }
        }
        // Of several ancestors it would make one, and those of that one were not looked at.
        let mut of_one = MergeOptions::new();
        of_one.no_recursive(true);
        let merged = self
            .inner
            .merge_commits(&ours_here, &theirs_here, Some(&of_one));
        if merged.is_ok_and(|index| self.is_tree(index, tree)) {
            return Ok(true);
        }
        // Where the history was cut off, Git finds no ancestor. The one side's own changes, put on the other side, are no more than both.
        // A partial clone has no contents to look for new names in.
        let mut as_named = MergeOptions::new();
        as_named.find_renames(false);
        let merge = |ancestor: &Tree<'_>, options: Option<&MergeOptions>| {
            self.inner
                .merge_trees(ancestor, &ours_tree, &theirs_tree, options)
                .is_ok_and(|index| self.is_tree(index, tree))
        };
        Ok(ancestors
            .iter()
            .any(|ancestor| merge(ancestor, Some(&as_named)) || merge(ancestor, None)))
    }

    /// Whether a merge's outcome has no conflict, and is this tree.
    fn is_tree(&self, mut index: git2::Index, tree: Oid) -> bool {
        !index.has_conflicts()
            && index
                .write_tree_to(&self.inner)
                .is_ok_and(|made| made == tree)
    }

    /// The regular files that are new or other in the second tree. `None`: that is not all that differs.
    pub(super) fn changed_files(
        &self,
        old: &Tree<'_>,
        new: &Tree<'_>,
    ) -> Result<Option<Vec<Staged>>, GitError> {
        let differences = match self.differences(old, new) {
            Err(GitError::TooMuch(_) | GitError::Malformed(_)) => return Ok(None),
            differences => differences?,
        };
        let is_regular = |(_, mode): &Side| mode & 0o170_000 == 0o100_000;
        let file = |(path, [old, new]): (Vec<u8>, [Option<Side>; 2])| {
            let (blob, mode) = new.filter(is_regular)?;
            Some(Staged {
                path: PathBuf::from(std::ffi::OsString::from_vec(path)),
                blob,
                mode,
                old: match old {
                    Some(old) => Some(Some(old).filter(is_regular)?),
                    None => None,
                },
                lines: Default::default(),
            })
        };
        Ok(differences.into_iter().map(file).collect())
    }

    /// The bytes of contents together. A long one may be stored as next to nothing, and be that of many files.
    fn size_of(&self, contents: impl Iterator<Item = Oid>) -> Result<usize, GitError> {
        let odb = self.inner.odb()?;
        let size = |id: Oid| odb.read_header(id).map_or(0, |(size, _)| size);
        Ok(contents.map(size).fold(0, usize::saturating_add))
    }

    /// A content that a manifest may have; `None` where it is longer, or not here.
    pub(super) fn small_file(&self, content: Oid) -> Result<Option<Vec<u8>>, GitError> {
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
