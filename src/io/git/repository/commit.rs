//! New commits, and the branches and entries of the index that move to them.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use git2::build::TreeUpdateBuilder;
use git2::{Commit, FileMode, ObjectType, Oid, Signature, Tree};

use super::undo::Kept;
use super::{CommitId, Head, Repository};
use crate::io::git::GitError;
use crate::io::git::change::Staged;
use crate::io::git::identity::{self, Identity};
use crate::io::git::signing::Signer;

/// The bits of an entry's flags that say of which side of a conflict it is.
const STAGE: u16 = 0x3000;

impl Repository {
    /// Makes a commit with these files in place of the base's; no reference is moved. `None` where the tree stays the same.
    pub fn commit(
        &self,
        base: CommitId,
        files: &[Staged],
        message: &str,
        identity: &Identity,
    ) -> Result<Option<CommitId>, GitError> {
        let parent = self.inner.find_commit(base.0)?;
        let new = self.tree(base, files)?;
        if new == parent.tree_id() {
            return Ok(None);
        }
        let new = self.inner.find_tree(new)?;
        let Identity {
            author, committer, ..
        } = identity;
        self.write_commit(
            (author, committer),
            message,
            &new,
            &parent,
            &identity.environment,
        )
        .map(Some)
    }

    /// Makes commits, the newest first, anew on another one, with their authors and messages; no reference is moved. Where their lines were
    /// changed there too, a file is left as it is there. What changes nothing there is left out. `trailer` then says what is still changed.
    pub fn replay(
        &self,
        commits: &[CommitId],
        onto: CommitId,
        trailer: &str,
        identity: &Identity,
    ) -> Result<CommitId, GitError> {
        let mut onto = self.inner.find_commit(onto.0)?;
        // A merge reads all of it, and the remote's tree may be one that no memory holds.
        self.walk(onto.tree()?, |_, _| ())?;
        for commit in commits.iter().rev() {
            let commit = self.inner.find_commit(commit.0)?;
            let mut index = self.inner.cherrypick_commit(&commit, &onto, 0, None)?;
            let conflicts = index.conflicts()?.collect::<Result<Vec<_>, _>>()?;
            for conflict in conflicts {
                let sides = [&conflict.ancestor, &conflict.our, &conflict.their];
                let Some(path) = sides
                    .into_iter()
                    .flatten()
                    .next()
                    .map(|entry| entry.path.clone())
                else {
                    continue;
                };
                index.conflict_remove(Path::new(OsStr::from_bytes(&path)))?;
                if let Some(mut there) = conflict.our {
                    there.flags &= !STAGE;
                    index.add(&there)?;
                }
            }
            let tree = index.write_tree_to(&self.inner)?;
            if tree == onto.tree_id() {
                continue;
            }
            let message =
                std::str::from_utf8(commit.message_raw_bytes()).map_err(|_| not_utf8())?;
            let tree = self.inner.find_tree(tree)?;
            let change = self.change_between(&commit.author(), &onto.tree()?, &tree)?;
            let message = change.map_or_else(
                || message.to_owned(),
                |change| with_trailer(message, trailer, &change.to_string()),
            );
            let people = (&commit.author(), &identity.committer);
            let made = self.write_commit(people, &message, &tree, &onto, &identity.environment)?;
            onto = self.inner.find_commit(made.0)?;
        }
        Ok(CommitId(onto.id()))
    }

    /// Writes a commit's object, signed where the configuration says so.
    fn write_commit(
        &self,
        (author, committer): (&Signature<'_>, &Signature<'_>),
        message: &str,
        tree: &Tree<'_>,
        parent: &Commit<'_>,
        environment: &BTreeMap<OsString, OsString>,
    ) -> Result<CommitId, GitError> {
        let content =
            self.inner
                .commit_create_buffer(author, committer, message, tree, &[parent])?;
        let content = std::str::from_utf8(&content).map_err(|_| not_utf8())?;
        let made = match Signer::of(
            &self.inner.config()?.snapshot()?,
            &identity::shown(committer),
        )? {
            None => self
                .inner
                .odb()?
                .write(ObjectType::Commit, content.as_bytes())?,
            Some(signer) => self.inner.commit_signed(
                content,
                &signer.sign(content, self.root(), environment)?,
                None,
            )?,
        };
        Ok(CommitId(made))
    }

    /// The base's tree with these files in it.
    pub(super) fn tree(&self, base: CommitId, files: &[Staged]) -> Result<Oid, GitError> {
        let tree = self.inner.find_commit(base.0)?.tree()?;
        let mut update = TreeUpdateBuilder::new();
        for file in files {
            let mode = if file.mode & 0o100 == 0 {
                FileMode::Blob
            } else {
                FileMode::BlobExecutable
            };
            update.upsert(file.path.as_os_str().as_bytes(), file.blob, mode);
        }
        Ok(update.create_updated(&self.inner, &tree)?)
    }

    /// Moves what is checked out from one commit to the next, and the index's entries of these files with it. Nothing moves where
    /// somebody else was faster. The working tree is not touched.
    pub fn advance(
        &self,
        head: &Head,
        to: CommitId,
        files: &[Staged],
        identity: &Identity,
    ) -> Result<(), GitError> {
        let reference = head.branch.as_ref().map_or_else(
            || "HEAD".to_owned(),
            |branch| format!("refs/heads/{branch}"),
        );
        let mut transaction = self.inner.transaction()?;
        transaction.lock_ref(&reference)?;
        if self.head()? != *head {
            return Err(GitError::Moved);
        }
        transaction.set_target(&reference, to.0, Some(&identity.committer), "commit: imago")?;
        let mut index = self.inner.index()?;
        index.read(true)?;
        for file in files {
            index.add(&file.entry(index.get_path(&file.path, 0)))?;
        }
        // The index goes first: staged and not committed is what a next run can finish, committed and not staged would be undone by the
        // next commit of a person.
        let mut written = None;
        if !files.is_empty() {
            let kept = index.path().and_then(Kept::keep);
            index.write()?;
            written = kept.and_then(|kept| Some((kept.now().ok()?, kept)));
        }
        match transaction.commit() {
            Ok(()) => Ok(()),
            // A branch that moved moved, whatever failed after it.
            Err(_) if self.head().is_ok_and(|now| now.commit == to) => Ok(()),
            Err(error) => {
                if let Some((file, kept)) = written {
                    // What cannot be undone the next run finishes.
                    kept.put_back(file).unwrap_or(());
                }
                Err(error.into())
            }
        }
    }

    /// Moves a branch that is checked out nowhere, or makes it, where it is still what it was.
    pub fn put_branch(
        &self,
        name: &str,
        from: Option<CommitId>,
        to: CommitId,
        identity: &Identity,
    ) -> Result<(), GitError> {
        let reference = format!("refs/heads/{name}");
        self.refuse_checked_out(name)?;
        self.refuse_in_the_way(name)?;
        let mut transaction = self.inner.transaction()?;
        transaction.lock_ref(&reference)?;
        match self.branch(name)? {
            // A push notes where the remote's branches are, and in a mirror that is here.
            now if now == Some(to) => return Ok(()),
            now if now != from => return Err(GitError::Moved),
            _ => {}
        }
        transaction.set_target(&reference, to.0, Some(&identity.committer), "commit: imago")?;
        Ok(transaction.commit()?)
    }

    /// Refuses where `imago` is there and `imago/update` is wanted, or the other way around.
    fn refuse_in_the_way(&self, name: &str) -> Result<(), GitError> {
        for (end, _) in name.match_indices('/') {
            if self.branch(&name[..end])?.is_some() {
                return Err(GitError::InTheWay(name[..end].to_owned()));
            }
        }
        let mut below = self
            .inner
            .references_glob(&format!("refs/heads/{name}/*"))?;
        match below.next() {
            Some(other) => Err(GitError::InTheWay(other?.shorthand()?.to_owned())),
            None => Ok(()),
        }
    }

    /// Another working tree of this repository would show every file as changed.
    pub fn refuse_checked_out(&self, name: &str) -> Result<(), GitError> {
        // HEAD of a bare repository checks nothing out.
        let main = git2::Repository::open(self.inner.commondir()).ok();
        let main = main.filter(|main| !main.is_bare());
        let others = self.inner.worktrees()?;
        let others = others
            .iter()
            .filter_map(|other| self.inner.find_worktree(other.ok()??).ok());
        let others = others.filter_map(|other| git2::Repository::open_from_worktree(&other).ok());
        for repository in main.into_iter().chain(others) {
            if repository.head().is_ok_and(|head| {
                head.is_branch() && head.shorthand().is_ok_and(|branch| branch == name)
            }) {
                return Err(GitError::CheckedOut(name.to_owned()));
            }
        }
        Ok(())
    }

    /// Refuses where another Git process is about to write the index.
    pub fn refuse_locked_index(&self) -> Result<(), GitError> {
        let lock = self.inner.path().join("index.lock");
        if lock.exists() {
            Err(GitError::Locked(format!("there is a `{}`", lock.display())))
        } else {
            Ok(())
        }
    }
}

/// A message whose last trailer of this name has another value.
fn with_trailer(message: &str, name: &str, value: &str) -> String {
    let begin = format!("\n{name}: ");
    let Some(at) = message.rfind(&begin).map(|at| at + begin.len()) else {
        return message.to_owned();
    };
    let end = message[at..]
        .find('\n')
        .map_or(message.len(), |length| at + length);
    format!("{}{value}{}", &message[..at], &message[end..])
}

fn not_utf8() -> GitError {
    GitError::Other("a name or a message is not UTF-8".to_owned())
}
