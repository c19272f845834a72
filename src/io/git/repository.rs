//! A repository on this machine: what is committed, what is staged, and new commits built from objects.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use git2::build::TreeUpdateBuilder;
use git2::{AttrCheckFlags, ErrorCode, FileMode, Index, IndexEntry, IndexTime, ObjectType, Oid, RepositoryState, Tree};

use super::GitError;
use super::identity::Identity;
use super::signing::Signer;

/// The attributes that let another program decide what is committed: git-crypt, LFS, UTF-16 in the working tree.
const CONVERTED_BY: [&str; 2] = ["filter", "working-tree-encoding"];

/// The name of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CommitId(pub(super) Oid);

impl std::fmt::Display for CommitId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

/// What is checked out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The commit.
    pub commit: CommitId,
    /// The branch without `refs/heads/`; `None` where HEAD is detached.
    pub branch: Option<String>,
}

/// A file of a commit.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its path from the root.
    pub path: PathBuf,
    blob: Oid,
}

/// A file's new content for a commit.
#[derive(Clone, Debug)]
pub struct Staged {
    path: PathBuf,
    blob: Oid,
    mode: u32,
}

/// Why a file is not committed, and for that reason not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It is not one of the repository's own files.
    #[error("it is not in the repository that is committed to")]
    Elsewhere,
    /// Git does not track it.
    #[error("Git does not track it")]
    Untracked,
    /// It differs from what is committed, staged or not.
    #[error("it has changes that are not committed")]
    Uncommitted,
    /// Another program decides what of it is committed, as this attribute says.
    #[error("its attribute `{0}` lets another program convert it")]
    Converted(&'static str),
}

impl Unfit {
    /// A stable word for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Elsewhere => "git-elsewhere",
            Self::Untracked => "git-untracked",
            Self::Uncommitted => "git-uncommitted",
            Self::Converted(_) => "git-filter",
        }
    }

    /// One thing to do about it.
    pub fn hint(self) -> &'static str {
        match self {
            Self::Elsewhere => "run in that file's own repository, or leave it out with `--exclude`",
            Self::Untracked => "add it with `git add` and commit it first, or leave it out with `--exclude`",
            Self::Uncommitted => "commit it or stash it first",
            Self::Converted(_) => "leave it out with `--exclude`, or run without `--commit`",
        }
    }
}

/// A repository with a working tree.
pub struct Repository {
    pub(super) inner: git2::Repository,
    /// The working tree's root, without links.
    root: PathBuf,
}

impl Repository {
    /// Opens the repository that has its root at this folder.
    pub fn open(root: &Path) -> Result<Self, GitError> {
        let inner = git2::Repository::open(root).map_err(|error| match error.code() {
            ErrorCode::NotFound => GitError::NoRepository,
            ErrorCode::Owner => GitError::Owner(root.display().to_string()),
            _ => GitError::Unsupported(error.message().to_owned()),
        })?;
        let root = inner.workdir().ok_or(GitError::Bare)?.canonicalize();
        let root = root.map_err(|error| GitError::Other(error.to_string()))?;
        let repository = Self { inner, root };
        // An index of an unknown form is found here, before anything is written.
        repository.inner.index().map_err(|error| GitError::Unsupported(error.message().to_owned()))?;
        Ok(repository)
    }

    /// From now on, new objects are kept in memory and are gone with this value.
    pub fn rehearse(&self) -> Result<(), GitError> {
        const BEFORE_ALL_OTHERS: i32 = 1000;
        self.inner.odb()?.add_new_mempack_backend(BEFORE_ALL_OTHERS)?;
        Ok(())
    }

    /// The working tree's root, absolute and without links.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What is checked out. Refuses where a merge or the like is under way, because a commit would end it.
    pub fn head(&self) -> Result<Head, GitError> {
        let under_way = match self.inner.state() {
            RepositoryState::Clean => None,
            RepositoryState::Merge => Some("a merge"),
            RepositoryState::Revert | RepositoryState::RevertSequence => Some("a revert"),
            RepositoryState::CherryPick | RepositoryState::CherryPickSequence => Some("a cherry-pick"),
            RepositoryState::Bisect => Some("a bisection"),
            RepositoryState::Rebase | RepositoryState::RebaseInteractive | RepositoryState::RebaseMerge => Some("a rebase"),
            RepositoryState::ApplyMailbox | RepositoryState::ApplyMailboxOrRebase => Some("`git am`"),
        };
        if let Some(what) = under_way {
            return Err(GitError::UnderWay(what));
        }
        let head = self.inner.head().map_err(|error| match error.code() {
            ErrorCode::UnbornBranch => GitError::Unborn,
            _ => error.into(),
        })?;
        let branch = match self.inner.head_detached()? {
            true => None,
            false => Some(head.shorthand()?.to_owned()),
        };
        Ok(Head { commit: CommitId(head.peel_to_commit()?.id()), branch })
    }

    /// Opens it anew: what another program has fetched is seen.
    pub fn again(&self) -> Result<Self, GitError> {
        Self::open(&self.root)
    }

    /// Whether a commit is here.
    pub fn has(&self, commit: CommitId) -> bool {
        self.inner.find_commit(commit.0).is_ok()
    }

    /// Whether the history ends somewhere because the rest was not fetched.
    pub fn is_shallow(&self) -> bool {
        self.inner.is_shallow()
    }

    /// Whether `ancestor` is `commit` or one of those that it follows.
    pub fn follows(&self, commit: CommitId, ancestor: CommitId) -> Result<bool, GitError> {
        Ok(commit == ancestor || self.inner.graph_descendant_of(commit.0, ancestor.0)?)
    }

    /// The commits of `tip` that are not among those of `base`, the newest first.
    pub fn beyond(&self, base: CommitId, tip: CommitId) -> Result<Vec<CommitId>, GitError> {
        let mut walk = self.inner.revwalk()?;
        walk.push(tip.0)?;
        walk.hide(base.0)?;
        Ok(walk.map(|id| id.map(CommitId)).collect::<Result<_, _>>()?)
    }

    /// The commits of `tip` that no branch of this remote had when it was last looked at.
    pub fn beyond_remote(&self, remote: &str, tip: CommitId) -> Result<Vec<CommitId>, GitError> {
        let mut walk = self.inner.revwalk()?;
        walk.push(tip.0)?;
        walk.hide_glob(&format!("refs/remotes/{remote}/*"))?;
        Ok(walk.map(|id| id.map(CommitId)).collect::<Result<_, _>>()?)
    }

    /// Whether a commit's last paragraph has this trailer.
    pub fn has_trailer(&self, commit: CommitId, name: &str, value: &str) -> Result<bool, GitError> {
        let commit = self.inner.find_commit(commit.0)?;
        let message = String::from_utf8_lossy(commit.message_bytes()).into_owned();
        let trailers = git2::message_trailers_strs(&message)?;
        Ok(trailers.iter().any(|(found, content)| found == name && content == value))
    }

    /// Whether a commit holds the tree of these files on this base, and nothing in between.
    pub fn is_same(&self, commit: CommitId, base: CommitId, files: &[Staged]) -> Result<bool, GitError> {
        // The header itself is read: where the history was cut off, the parsed commit has no parent.
        let odb = self.inner.odb()?;
        let object = odb.read(commit.0)?;
        let header = String::from_utf8_lossy(object.data()).into_owned();
        let parents: Vec<&str> =
            header.lines().take_while(|line| !line.is_empty()).filter_map(|line| line.strip_prefix("parent ")).collect();
        Ok(parents == [base.to_string()] && self.inner.find_commit(commit.0)?.tree_id() == self.tree(base, files)?)
    }

    /// The regular files of a commit, by their paths from the root.
    pub fn files(&self, commit: CommitId) -> Result<Vec<Listed>, GitError> {
        let mut files = Vec::new();
        self.inner.find_commit(commit.0)?.tree()?.walk(git2::TreeWalkMode::PreOrder, |folder, entry| {
            if entry.filemode().cast_unsigned() & 0o170_000 == 0o100_000 {
                let mut path = folder.as_bytes().to_vec();
                path.extend(entry.name_bytes());
                files.push(Listed { path: PathBuf::from(std::ffi::OsStr::from_bytes(&path)), blob: entry.id() });
            }
            git2::TreeWalkResult::Ok
        })?;
        Ok(files)
    }

    /// A file's content in a commit.
    pub fn read(&self, file: &Listed) -> Result<Vec<u8>, GitError> {
        Ok(self.inner.find_blob(file.blob)?.content().to_vec())
    }

    /// Whether `.gitignore` leaves a path out.
    pub fn is_ignored(&self, path: &Path) -> Result<bool, GitError> {
        Ok(self.inner.is_path_ignored(path)?)
    }

    /// The commit of a branch of this repository.
    pub fn branch(&self, name: &str) -> Result<Option<CommitId>, GitError> {
        match self.inner.find_reference(&format!("refs/heads/{name}")) {
            Ok(reference) => Ok(Some(CommitId(reference.peel_to_commit()?.id()))),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Moves a branch that is checked out nowhere, or makes it, where it is still what it was.
    pub fn put_branch(&self, name: &str, from: Option<CommitId>, to: CommitId, identity: &Identity) -> Result<(), GitError> {
        let reference = format!("refs/heads/{name}");
        self.refuse_checked_out(name)?;
        let mut transaction = self.inner.transaction()?;
        transaction.lock_ref(&reference)?;
        if self.branch(name)? != from {
            return Err(GitError::Moved);
        }
        transaction.set_target(&reference, to.0, Some(&identity.committer), "commit: imago")?;
        Ok(transaction.commit()?)
    }

    /// Another working tree of this repository would show every file as changed.
    fn refuse_checked_out(&self, name: &str) -> Result<(), GitError> {
        let main = git2::Repository::open(self.inner.commondir()).ok();
        let others = self.inner.worktrees()?;
        let others = others.iter().filter_map(|other| self.inner.find_worktree(other.ok()??).ok());
        let others = others.filter_map(|other| git2::Repository::open_from_worktree(&other).ok());
        for repository in main.into_iter().chain(others) {
            if repository.head().is_ok_and(|head| head.is_branch() && head.shorthand().is_ok_and(|branch| branch == name)) {
                return Err(GitError::CheckedOut(name.to_owned()));
            }
        }
        Ok(())
    }

    /// What commits start from, to hold many files against it.
    pub fn staging(&self, base: CommitId) -> Result<Staging<'_>, GitError> {
        let tree = self.inner.find_commit(base.0)?.tree()?;
        let mut index = self.inner.index()?;
        index.read(true)?;
        let modes = self.inner.config()?.get_bool("core.filemode").unwrap_or(true);
        Ok(Staging { repository: self, tree, index, modes })
    }

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
        let Identity { author, committer } = identity;
        let content = self.inner.commit_create_buffer(author, committer, message, &new, &[&parent])?;
        let content =
            std::str::from_utf8(&content).map_err(|_| GitError::Other("a name or a message is not UTF-8".to_owned()))?;
        let made = match Signer::of(&self.inner.config()?.snapshot()?, &identity.committer())? {
            None => self.inner.odb()?.write(ObjectType::Commit, content.as_bytes())?,
            Some(signer) => self.inner.commit_signed(content, &signer.sign(content)?, None)?,
        };
        Ok(Some(CommitId(made)))
    }

    /// The base's tree with these files in it.
    fn tree(&self, base: CommitId, files: &[Staged]) -> Result<Oid, GitError> {
        let tree = self.inner.find_commit(base.0)?.tree()?;
        let mut update = TreeUpdateBuilder::new();
        for file in files {
            let mode = if file.mode & 0o100 == 0 { FileMode::Blob } else { FileMode::BlobExecutable };
            update.upsert(file.path.as_os_str().as_bytes(), file.blob, mode);
        }
        Ok(update.create_updated(&self.inner, &tree)?)
    }

    /// Moves what is checked out from one commit to the next, and the index's entries of these files with it. Nothing moves where
    /// somebody else was faster. The working tree is not touched.
    pub fn advance(&self, head: &Head, to: CommitId, files: &[Staged], identity: &Identity) -> Result<(), GitError> {
        let reference = head.branch.as_ref().map_or_else(|| "HEAD".to_owned(), |branch| format!("refs/heads/{branch}"));
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
        if !files.is_empty() {
            index.write()?;
        }
        transaction.commit()?;
        Ok(())
    }
}

impl Staged {
    /// The index's entry for it. Without times and size, Git compares the content once, and then notes them itself.
    fn entry(&self, old: Option<IndexEntry>) -> IndexEntry {
        let never = IndexTime::new(0, 0);
        let (flags, flags_extended) = old.map_or((0, 0), |old| (old.flags, old.flags_extended));
        IndexEntry {
            ctime: never,
            mtime: never,
            dev: 0,
            ino: 0,
            mode: self.mode,
            uid: 0,
            gid: 0,
            file_size: 0,
            id: self.blob,
            flags,
            flags_extended,
            path: self.path.as_os_str().as_bytes().to_vec(),
        }
    }
}

/// A commit's tree and the index, which files are held against before they are written.
pub struct Staging<'r> {
    repository: &'r Repository,
    tree: Tree<'r>,
    index: Index,
    /// Whether the executable bit of the working tree means something.
    modes: bool,
}

impl Staging<'_> {
    /// Takes a file's new content, where its old content is what is committed and staged.
    ///
    /// `again` makes the new content out of another old one: where a file differs from the commit only in what this very change makes
    /// good, as a run leaves it that was killed, it is taken too.
    pub fn stage(
        &self,
        path: &Path,
        old: &[u8],
        new: &[u8],
        again: impl Fn(&[u8]) -> Option<Vec<u8>>,
    ) -> Result<Result<Staged, Unfit>, GitError> {
        let Some(path) = self.within(path) else { return Ok(Err(Unfit::Elsewhere)) };
        if let Some(attribute) = self.converted(&path)? {
            return Ok(Err(Unfit::Converted(attribute)));
        }
        let staged = self.index.get_path(&path, 0);
        let Some((committed, mode)) = self.committed(&path)? else {
            return Ok(Err(if staged.is_some() { Unfit::Uncommitted } else { Unfit::Untracked }));
        };
        let Some(staged) = staged.filter(|staged| staged.mode == mode && self.has_mode(&path, mode)) else {
            return Ok(Err(Unfit::Uncommitted));
        };
        let raw = Oid::hash_object(ObjectType::Blob, old)? == committed;
        let write =
            |content: &[u8]| if raw { self.repository.inner.blob(content) } else { self.write_as_git_adds(&path, content) };
        let blob = write(new)?;
        let settles = |id: Oid| -> Result<bool, GitError> {
            let content = self.repository.inner.find_blob(id)?;
            let made = again(content.content()).map(|made| Oid::hash_object(ObjectType::Blob, &made)).transpose()?;
            Ok(id == blob || made == Some(blob))
        };
        let as_committed = raw || write(old)? == committed;
        let fit = (as_committed || settles(committed)?) && (staged.id == committed || settles(staged.id)?);
        Ok(if fit { Ok(Staged { path, blob, mode }) } else { Err(Unfit::Uncommitted) })
    }

    /// Takes a new content for a file of the commit itself, by its path from the root; or a new file.
    pub fn stage_in_commit(&self, path: &Path, new: &[u8]) -> Result<Result<Staged, Unfit>, GitError> {
        if let Some(attribute) = self.converted(path)? {
            return Ok(Err(Unfit::Converted(attribute)));
        }
        let mode = self.committed(path)?.map_or(FileMode::Blob.into(), |(_, mode)| mode);
        Ok(Ok(Staged { path: path.to_owned(), blob: self.repository.inner.blob(new)?, mode }))
    }

    /// Takes a file that is not there yet.
    pub fn stage_new(&self, path: &Path, new: &[u8]) -> Result<Result<Staged, Unfit>, GitError> {
        let Some(path) = self.within(path) else { return Ok(Err(Unfit::Elsewhere)) };
        if let Some(attribute) = self.converted(&path)? {
            return Ok(Err(Unfit::Converted(attribute)));
        }
        if self.index.get_path(&path, 0).is_some() || self.committed(&path)?.is_some() {
            return Ok(Err(Unfit::Uncommitted));
        }
        let blob = self.write_as_git_adds(&path, new)?;
        Ok(Ok(Staged { path, blob, mode: FileMode::Blob.into() }))
    }

    /// The content of a file of the commit, by its path from the root.
    pub fn content(&self, path: &Path) -> Result<Option<Vec<u8>>, GitError> {
        let Some((id, _)) = self.committed(path)? else { return Ok(None) };
        Ok(Some(self.repository.inner.find_blob(id)?.content().to_vec()))
    }

    /// The path from the root, where the file is below it. Links on the way lead where they lead.
    pub fn within(&self, path: &Path) -> Option<PathBuf> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let real = folder.canonicalize().ok()?.join(path.file_name()?);
        Some(real.strip_prefix(&self.repository.root).ok()?.to_owned())
    }

    fn converted(&self, path: &Path) -> Result<Option<&'static str>, GitError> {
        for name in CONVERTED_BY {
            let value = self.repository.inner.get_attr_bytes(path, name, AttrCheckFlags::FILE_THEN_INDEX)?;
            if matches!(git2::AttrValue::from_bytes(value), git2::AttrValue::String(_) | git2::AttrValue::Bytes(_)) {
                return Ok(Some(name));
            }
        }
        Ok(None)
    }

    /// A regular file of the base, with its mode.
    fn committed(&self, path: &Path) -> Result<Option<(Oid, u32)>, GitError> {
        match self.tree.get_path(path) {
            Ok(entry) => {
                let mode = entry.filemode().cast_unsigned();
                Ok((mode & 0o170_000 == 0o100_000).then_some((entry.id(), mode)))
            }
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn has_mode(&self, path: &Path, mode: u32) -> bool {
        let metadata = self.repository.root.join(path).symlink_metadata();
        !self.modes || metadata.is_ok_and(|found| (found.permissions().mode() ^ mode) & 0o100 == 0)
    }

    /// Writes a blob as `git add` would: line ends by `core.autocrlf` and the attributes.
    fn write_as_git_adds(&self, path: &Path, content: &[u8]) -> Result<Oid, git2::Error> {
        let mut writer = self.repository.inner.blob_writer(Some(path))?;
        std::io::Write::write_all(&mut writer, content).map_err(|error| git2::Error::from_str(&error.to_string()))?;
        writer.commit()
    }
}
