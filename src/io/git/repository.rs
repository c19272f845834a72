//! A repository on this machine: what is committed, and what is checked out.

mod checked_out;
mod commit;
mod content;
mod origin;
mod proposed;
mod pushed;
mod trees;
mod undo;
mod untracked;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use git2::{ErrorCode, Oid, RepositoryState};

use super::GitError;
use super::change::{Change, Made, Staged};
use super::identity::{Identity, Person};

pub use checked_out::CheckedOut;
pub use content::Listed;
pub(super) use content::index_entry;
pub use origin::Lacking;

/// The name of a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct CommitId(pub(super) Oid);

impl CommitId {
    /// What is made on it for a branch of imago's own, where the remote has it.
    pub fn made_apart(self) -> Made {
        Made::ApartOn(self.0)
    }
}

impl std::fmt::Display for CommitId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(formatter)
    }
}

/// The name of a file's content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ContentId(pub(super) Oid);

/// What is checked out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The commit.
    pub commit: CommitId,
    /// The branch without `refs/heads/`; `None` where HEAD is detached.
    pub branch: Option<String>,
}

/// What becomes of new objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Objects {
    /// They are written to the repository.
    Written,
    /// They are kept in memory, and are gone with the handle.
    Rehearsed,
}

/// Where a repository is.
#[derive(Clone, Debug)]
pub struct Opener {
    root: PathBuf,
    /// `.git`, or what stands for it.
    folder: PathBuf,
    kind: Kind,
    objects: Objects,
}

/// How a repository is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    WorkTree,
    Bare,
    /// A bare clone of our own, which needs nobody's trust.
    Own,
}

impl Opener {
    /// A handle of its own.
    pub fn open(&self) -> Result<Repository, GitError> {
        self.handle(Repository::open_any(&self.root)?)
    }

    /// A handle of its own that looks at no file of the working tree.
    pub(super) fn open_without_files(&self) -> Result<Repository, GitError> {
        self.handle(git2::Repository::open_bare(&self.folder)?)
    }

    fn handle(&self, inner: git2::Repository) -> Result<Repository, GitError> {
        const BEFORE_ALL_OTHERS: i32 = 1000;
        if self.objects == Objects::Rehearsed {
            inner.odb()?.add_new_mempack_backend(BEFORE_ALL_OTHERS)?;
        }
        Ok(Repository {
            inner,
            root: self.root.clone(),
            kind: self.kind,
        })
    }
}

/// What it means that a repository, or its index, cannot be opened.
fn unsupported(error: git2::Error) -> GitError {
    match GitError::from(error) {
        GitError::Other(said) => GitError::Unsupported(said),
        error => error,
    }
}

/// A repository on this machine.
pub struct Repository {
    pub(super) inner: git2::Repository,
    /// The working tree's root, or the folder of a bare repository, without links.
    root: PathBuf,
    kind: Kind,
}

impl Repository {
    /// Opens the repository whose working tree has its root at this folder.
    pub fn open(root: &Path) -> Result<Self, GitError> {
        let inner = Self::open_any(root)?;
        let root = inner.workdir().ok_or(GitError::Bare)?.canonicalize();
        Self::checked(inner, root, Kind::WorkTree)
    }

    /// Opens the bare repository at this folder.
    pub fn open_bare(root: &Path) -> Result<Self, GitError> {
        let inner = Self::open_any(root)?;
        if !inner.is_bare() {
            return Err(GitError::GitFolder);
        }
        if forbids_bare(&inner.config()?) {
            return Err(GitError::ExplicitBare);
        }
        Self::checked(inner, root.canonicalize(), Kind::Bare)
    }

    /// Opens a bare clone that imago has made at this folder.
    pub fn open_own(root: &Path) -> Result<Self, GitError> {
        Self::checked(Self::open_any(root)?, root.canonicalize(), Kind::Own)
    }

    /// Fails where the environment names another repository or work tree than this one, or where there is none here: `git` would work in
    /// that one, and a run that commits does not look for it there.
    pub fn named(
        opened: Result<Self, GitError>,
        environment: &BTreeMap<OsString, OsString>,
        current: &Path,
    ) -> Result<Self, GitError> {
        let inner = match &opened {
            Ok(repository) => Some(&repository.inner),
            Err(GitError::NoRepository) => None,
            Err(_) => return opened,
        };
        let real = |path: &Path| path.canonicalize().ok();
        let own = [
            ("GIT_DIR", inner.map(git2::Repository::path)),
            ("GIT_WORK_TREE", inner.and_then(git2::Repository::workdir)),
        ];
        for (name, own) in own {
            if let Some(named) = environment.get(OsStr::new(name))
                && (own.is_none() || own.and_then(real) != real(&current.join(named)))
            {
                let named = named.to_string_lossy().into_owned();
                return Err(GitError::NamedElsewhere(name, named));
            }
        }
        opened
    }

    fn checked(
        inner: git2::Repository,
        root: std::io::Result<PathBuf>,
        kind: Kind,
    ) -> Result<Self, GitError> {
        let root = root.map_err(|error| GitError::Other(error.to_string()))?;
        let repository = Self { inner, root, kind };
        // An index of an unknown form is found here, before anything is written.
        repository.inner.index().map_err(unsupported)?;
        Ok(repository)
    }

    fn open_any(root: &Path) -> Result<git2::Repository, GitError> {
        git2::Repository::open(root).map_err(|error| match error.code() {
            ErrorCode::NotFound => GitError::NoRepository,
            ErrorCode::Owner => GitError::Owner(root.display().to_string()),
            // libgit2 has no code for an extension that it does not know, and names it in its message.
            _ if error
                .message()
                .to_lowercase()
                .contains("extensions.partialclone") =>
            {
                GitError::OldPartialClone
            }
            _ => unsupported(error),
        })
    }

    fn open_as(root: &Path, kind: Kind) -> Result<Self, GitError> {
        match kind {
            Kind::WorkTree => Self::open(root),
            Kind::Bare => Self::open_bare(root),
            Kind::Own => Self::open_own(root),
        }
    }

    /// Whether it has no working tree.
    pub fn is_bare(&self) -> bool {
        self.kind != Kind::WorkTree
    }

    /// Whether it is a clone of our own.
    pub fn is_own(&self) -> bool {
        self.kind == Kind::Own
    }

    /// From here threads get handles of their own on it.
    pub fn place(&self, objects: Objects) -> Opener {
        Opener {
            root: self.root.clone(),
            folder: self.inner.path().to_owned(),
            kind: self.kind,
            objects,
        }
    }

    /// The working tree's root, or the folder of a bare repository: absolute and without links.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What is checked out. Refuses where a merge or the like is under way, because a commit would end it.
    pub fn head(&self) -> Result<Head, GitError> {
        let under_way = match self.inner.state() {
            RepositoryState::Clean => None,
            RepositoryState::Merge => Some("a merge"),
            RepositoryState::Revert | RepositoryState::RevertSequence => Some("a revert"),
            RepositoryState::CherryPick | RepositoryState::CherryPickSequence => {
                Some("a cherry-pick")
            }
            RepositoryState::Bisect => Some("a bisection"),
            RepositoryState::Rebase
            | RepositoryState::RebaseInteractive
            | RepositoryState::RebaseMerge => Some("a rebase"),
            RepositoryState::ApplyMailbox | RepositoryState::ApplyMailboxOrRebase => {
                Some("`git am`")
            }
        };
        if let Some(what) = under_way {
            return Err(GitError::UnderWay(what));
        }
        let head = self.inner.head().map_err(|error| match error.code() {
            ErrorCode::UnbornBranch => self.unborn(),
            _ => error.into(),
        })?;
        let branch = match self.inner.head_detached()? {
            true => None,
            false => Some(match head.shorthand() {
                Ok(name) => name.to_owned(),
                Err(_) => {
                    let name = String::from_utf8_lossy(head.shorthand_bytes());
                    return Err(GitError::BranchName(name.into_owned()));
                }
            }),
        };
        Ok(Head {
            commit: CommitId(head.peel_to_commit()?.id()),
            branch,
        })
    }

    fn unborn(&self) -> GitError {
        let head = self.inner.find_reference("HEAD").ok();
        let target = head.as_ref().and_then(|head| head.symbolic_target().ok());
        match target.flatten().filter(|_| self.is_bare()) {
            Some(name) => GitError::NoBranch(name.trim_start_matches("refs/heads/").to_owned()),
            None => GitError::Unborn,
        }
    }

    /// Author and committer of a commit that is made now, the author replaced where one is named. A machine without any identity commits as
    /// the named author.
    pub fn identity(
        &self,
        author: Option<&Person>,
        environment: &BTreeMap<OsString, OsString>,
    ) -> Result<Identity, GitError> {
        Identity::of(&self.inner, author, environment)
    }

    /// Opens it anew: what another program has fetched is seen.
    pub fn again(&self) -> Result<Self, GitError> {
        Self::open_as(&self.root, self.kind)
    }

    /// Whether a commit is here.
    pub fn has(&self, commit: CommitId) -> bool {
        self.inner.find_commit(commit.0).is_ok()
    }

    /// What kind of object is here by the name of a commit: a remote may have anything on a branch.
    pub fn kind_of(&self, commit: CommitId) -> Option<&'static str> {
        let (_, kind) = self.inner.odb().ok()?.read_header(commit.0).ok()?;
        Some(kind.str())
    }

    /// Whether the history ends somewhere because the rest was not fetched.
    pub fn is_shallow(&self) -> bool {
        self.inner.is_shallow()
    }

    /// Whether `ancestor` is `commit` or one of those that it follows.
    pub fn follows(&self, commit: CommitId, ancestor: CommitId) -> Result<bool, GitError> {
        Ok(commit == ancestor || self.inner.graph_descendant_of(commit.0, ancestor.0)?)
    }

    /// Whether `commit` is `base` or one of those that it follows. `None`: the history is cut off before that can be told.
    pub fn is_part_of(&self, base: CommitId, commit: CommitId) -> Result<Option<bool>, GitError> {
        if self.follows(base, commit)? {
            return Ok(Some(true));
        }
        let ends = self.ends_of_history();
        if ends.is_empty() {
            return Ok(Some(false));
        }
        // An end that `commit` itself follows has nothing but older commits behind it.
        let is_open = self
            .beyond(&[commit], base)?
            .iter()
            .any(|commit| ends.contains(commit));
        Ok((!is_open).then_some(false))
    }

    /// The commits of a shallow clone whose parents were not fetched.
    fn ends_of_history(&self) -> BTreeSet<CommitId> {
        let list = std::fs::read_to_string(self.inner.commondir().join("shallow"));
        list.unwrap_or_default()
            .lines()
            .filter_map(|line| Oid::from_str(line.trim()).ok().map(CommitId))
            .collect()
    }

    /// The commits of `tip` that are not among those of others, as far as these are here; the newest first.
    pub fn beyond(&self, others: &[CommitId], tip: CommitId) -> Result<Vec<CommitId>, GitError> {
        let walk = self.walk_beyond(others, tip)?;
        Ok(walk.map(|id| id.map(CommitId)).collect::<Result<_, _>>()?)
    }

    /// Whether a commit is among those of these tips, as far as they are here.
    pub fn is_reachable(&self, commit: CommitId, tips: &[CommitId]) -> Result<bool, GitError> {
        Ok(self
            .walk_beyond(tips, commit)?
            .next()
            .transpose()?
            .is_none())
    }

    fn walk_beyond(
        &self,
        others: &[CommitId],
        tip: CommitId,
    ) -> Result<git2::Revwalk<'_>, GitError> {
        let mut walk = self.inner.revwalk()?;
        walk.push(tip.0)?;
        for other in others.iter().filter(|other| self.has(**other)) {
            walk.hide(other.0)?;
        }
        Ok(walk)
    }

    /// The commit that a branch of a remote had when it was last looked at.
    pub fn remote_branch(&self, remote: &str, name: &str) -> Option<CommitId> {
        let reference = format!("refs/remotes/{remote}/{name}");
        self.inner.refname_to_id(&reference).ok().map(CommitId)
    }

    /// The commits that a branch of a remote has been on, by the record that Git keeps here.
    pub fn remote_branch_was_on(
        &self,
        remote: &str,
        name: &str,
    ) -> Result<Vec<CommitId>, GitError> {
        let log = self
            .inner
            .reflog(&format!("refs/remotes/{remote}/{name}"))?;
        let mut commits: Vec<CommitId> = log
            .iter()
            .flat_map(|entry| [entry.id_old(), entry.id_new()])
            .filter(|id| !id.is_zero())
            .map(CommitId)
            .collect();
        commits.sort_unstable();
        commits.dedup();
        Ok(commits)
    }

    /// Whether a commit's last paragraph has this trailer.
    pub fn has_trailer(&self, commit: CommitId, name: &str, value: &str) -> Result<bool, GitError> {
        Ok(trailer(&self.inner.find_commit(commit.0)?, name).is_some_and(|found| found == value))
    }

    /// The value of a trailer in a commit's last paragraph.
    pub fn trailer(&self, commit: CommitId, name: &str) -> Result<Option<String>, GitError> {
        Ok(trailer(&self.inner.find_commit(commit.0)?, name))
    }

    /// Whether a branch is the default of a remote, as far as this repository knows.
    pub fn is_default(&self, name: &str) -> Result<bool, GitError> {
        for remote in self
            .inner
            .remotes()?
            .iter()
            .filter_map(|name| name.ok().flatten())
        {
            let head = self
                .inner
                .find_reference(&format!("refs/remotes/{remote}/HEAD"))
                .ok();
            let target = head
                .as_ref()
                .and_then(|head| head.symbolic_target().ok().flatten());
            if target == Some(&format!("refs/remotes/{remote}/{name}")) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What a commit of these files changes, for its trailer, with the branch that it is made for.
    pub fn change(&self, made: Made, files: &[Staged], identity: &Identity) -> Change {
        Change::of(&identity.author, files).made_for(made)
    }

    /// Whether this repository has seen a branch of a remote.
    pub fn knows_branch(&self, remote: &str, name: &str) -> bool {
        self.remote_branch(remote, name).is_some()
    }

    /// The remote that keeps what a partial clone (`git clone --filter`) left out; `None` in other clones.
    pub fn promisor(&self) -> Result<Option<String>, GitError> {
        let config = self.inner.config()?.snapshot()?;
        let mut entries = config.entries(Some("^remote\\..*\\.promisor$"))?;
        while let Some(entry) = entries.next() {
            let name = entry?.name()?.to_owned();
            if config.get_bool(&name)? {
                return Ok(name
                    .strip_prefix("remote.")
                    .and_then(|rest| rest.strip_suffix(".promisor"))
                    .map(str::to_owned));
            }
        }
        Ok(None)
    }

    /// Lets HEAD name a branch.
    pub(super) fn point_head_at(&self, branch: &str) -> Result<(), GitError> {
        Ok(self.inner.set_head(&format!("refs/heads/{branch}"))?)
    }

    /// The commit of a branch of this repository.
    pub fn branch(&self, name: &str) -> Result<Option<CommitId>, GitError> {
        match self.inner.find_reference(&format!("refs/heads/{name}")) {
            Ok(reference) => Ok(Some(CommitId(reference.peel_to_commit()?.id()))),
            Err(error) if error.code() == ErrorCode::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether a person's or the machine's configuration forbids bare repositories that are not named. The repository's own says nothing: it is
/// not protected (`safe.bareRepository` in git-config).
fn forbids_bare(config: &git2::Config) -> bool {
    let levels = [
        git2::ConfigLevel::Global,
        git2::ConfigLevel::XDG,
        git2::ConfigLevel::System,
    ];
    let said = levels.iter().find_map(|level| {
        let config = config.open_level(*level).ok()?.snapshot().ok()?;
        config.get_string("safe.barerepository").ok()
    });
    said.is_some_and(|said| said == "explicit")
}

/// The value that a trailer has in a commit's last paragraph. A line `---` in a message ends nothing: that is for mails.
pub(super) fn trailer(commit: &git2::Commit<'_>, name: &str) -> Option<String> {
    let message = String::from_utf8_lossy(commit.message_bytes());
    let (_, last) = message.trim_end().rsplit_once("\n\n")?;
    // Ours stand behind those of a template.
    let mut values = last
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    values.next_back().map(|value| value.trim_end().to_owned())
}
