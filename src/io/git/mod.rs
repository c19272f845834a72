//! Git: what stands in a repository, and new commits in it.
//!
//! Objects, references and the index are read and written by libgit2, without a working tree where none is needed. It decides nothing: what
//! may be committed, and in which order, is the business of `app::commit`. It never forces a reference, and it never touches an entry of
//! the index, or a reference, that it was not told to.

pub mod address;
mod attributes;
pub mod change;
pub mod clone;
mod credentials;
pub mod identity;
mod last_folders;
pub mod limits;
pub(in crate::io) mod names;
pub mod repository;
mod signing;
pub mod staging;
pub(in crate::io) mod tracked;
pub mod transport;

use std::path::Path;

use crate::engine::code::Code;
use crate::io::files::{MAX_FILE, MORE_OPEN_FILES};

/// Whether a branch may have this name (git-check-ref-format), and no command takes it for a flag or for another reference.
pub fn is_branch_name(name: &str) -> bool {
    let is_reference = ["refs/", "heads/", "remotes/", "tags/"]
        .iter()
        .any(|begin| name.starts_with(begin));
    git2::Branch::name_is_valid(name).unwrap_or(false)
        && !["HEAD", "@"].contains(&name)
        && !is_reference
}

/// Whether Git's configuration says that the repository at this folder has no work tree.
pub(in crate::io) fn is_bare(root: &Path) -> bool {
    git2::Repository::open(root).is_ok_and(|repository| repository.is_bare())
}

/// A file of the commit that HEAD of a bare repository names, by its path from the root. `None`: HEAD or the commit has none. A clone of
/// our own is `own`.
pub fn file_of_head(root: &Path, own: bool, path: &Path) -> Result<Option<Vec<u8>>, GitError> {
    let repository = match own {
        true => repository::Repository::open_own(root)?,
        false => repository::Repository::open_bare(root)?,
    };
    let Ok(head) = repository.head() else {
        return Ok(None);
    };
    let file = repository.file(head.commit, path)?;
    file.map(|file| repository.read(&file)).transpose()
}

/// The host of the remote `origin`, in lower case, where a repository has one.
pub fn remote_host(root: &Path) -> Option<String> {
    let repository = git2::Repository::open(root).ok()?;
    let origin = repository.find_remote("origin").ok()?;
    let url = origin.url().ok()?.to_owned();
    // `https://user@host:port/path`, or `user@host:path` as ssh has it.
    let rest = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    let authority = rest.split('/').next()?;
    let host = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    Some(host.split(':').next()?.to_ascii_lowercase())
}

/// The hint where one branch has a name that goes on where another's ends.
const BRANCH_IN_THE_WAY: &str =
    "delete that branch if nobody needs it, or name another one with `--branch NAME`";

/// Why Git did not do what was asked. The text is the cause alone: the caller knows the act.
#[derive(Clone, Debug, thiserror::Error)]
pub enum GitError {
    /// Neither the folder nor one above it has a `.git`.
    #[error("there is no Git repository")]
    NoRepository,
    /// This variable, with this value, has `git` work elsewhere.
    #[error("`{0}={1}` names another repository or work tree than that of this folder")]
    NamedElsewhere(&'static str, String),
    /// Git trusts a repository of another user only where its configuration says so.
    #[error("the repository `{0}` belongs to another user")]
    Owner(String),
    /// It has no files to edit.
    #[error("the repository is bare: it has no files to edit")]
    Bare,
    /// A bare repository was looked for, and this is the Git folder of a work tree.
    #[error("it is the Git folder of a work tree")]
    GitFolder,
    /// Git's configuration forbids to work in a bare repository that is not named.
    #[error("Git's configuration has `safe.bareRepository = explicit`")]
    ExplicitBare,
    /// Its configuration says that it is a partial clone in the way of Git before 2.24, which libgit2 does not open.
    #[error("`extensions.partialClone` in its configuration is not supported")]
    OldPartialClone,
    /// It is broken, or its format is one that libgit2 does not know: SHA-256, reftable, a sparse or split index. Of a broken index
    /// libgit2 says that it no longer exists.
    #[error(
        "the repository, or its index, is broken or in a format that is not supported (libgit2: {0})"
    )]
    Unsupported(String),
    /// A merge, a rebase or the like has begun and has not ended.
    #[error("{0} is under way in the repository")]
    UnderWay(&'static str),
    /// There is no commit to build on.
    #[error("the checked-out branch has no commit yet")]
    Unborn,
    /// HEAD of a bare repository names a branch that is not there.
    #[error("HEAD names the branch `{0}`, which has no commit")]
    NoBranch(String),
    /// A branch has a name that no message of a commit keeps.
    #[error("the name of the branch `{0}` has a character that is not seen, or is not UTF-8")]
    BranchName(String),
    /// A branch of the remote is on an object of this kind.
    #[error("the remote's branch `{0}` is on a {1}, and on no commit")]
    NoCommitThere(String, &'static str),
    /// Neither the configuration nor the environment says who commits.
    #[error("Git knows no name and mail address for a commit")]
    NoIdentity,
    /// A name or a mail address cannot be written into a commit.
    #[error("a name or mail address for a commit cannot be used: {0}")]
    UnusableIdentity(String),
    /// Git's configuration asks for a signature, and there is none.
    #[error("the commit cannot be signed: {0}")]
    Unsigned(String),
    /// Another process has the lock of the index or of a branch.
    #[error("another Git process is at work in the repository: {0}")]
    Locked(String),
    /// Somebody else moved the branch since it was looked at.
    #[error("the branch moved meanwhile: somebody else has committed")]
    Moved,
    /// This branch makes the name of the new one impossible.
    #[error("the branch `{0}` is in the way: no branch's name goes on where another's ends")]
    InTheWay(String),
    /// The branch is checked out in another working tree.
    #[error("the branch `{0}` is checked out in another working tree of the repository")]
    CheckedOut(String),
    /// This process may open no further file.
    #[error("{0}")]
    OpenFiles(String),
    /// An object that should be here is not.
    #[error("{0}")]
    Absent(String),
    /// A file of a commit has this many bytes, more than are read.
    #[error("it has {0} bytes, more than the {MAX_FILE} that are read")]
    TooLarge(u64),
    /// A commit has more than is looked at.
    #[error("the commit {0}")]
    TooMuch(&'static str),
    /// A commit has an entry that Git refuses.
    #[error("the commit has {0}, which Git refuses")]
    Malformed(String),
    /// Anything else that Git says.
    #[error("{0}")]
    Other(String),
}

impl GitError {
    /// A stable word for programs.
    pub fn code(&self) -> Code {
        match self {
            Self::NoRepository | Self::NamedElsewhere(..) => Code::NoRepository,
            Self::Owner(_) => Code::GitOwner,
            Self::Bare | Self::GitFolder | Self::ExplicitBare => Code::GitBare,
            Self::Unsupported(_) | Self::OldPartialClone => Code::GitUnsupported,
            Self::UnderWay(_) => Code::GitUnderWay,
            Self::Unborn | Self::NoBranch(_) => Code::GitNoCommit,
            Self::NoIdentity | Self::UnusableIdentity(_) => Code::GitIdentity,
            Self::Unsigned(_) => Code::GitSigning,
            Self::Locked(_) => Code::GitLocked,
            Self::Moved => Code::GitMoved,
            Self::CheckedOut(_) => Code::GitCheckedOut,
            Self::OpenFiles(_) => Code::OpenFiles,
            Self::Absent(_) => Code::GitAbsent,
            Self::TooLarge(_) => Code::TooLarge,
            Self::BranchName(_)
            | Self::NoCommitThere(..)
            | Self::InTheWay(_)
            | Self::TooMuch(_)
            | Self::Malformed(_)
            | Self::Other(_) => Code::Git,
        }
    }

    /// One thing to do about it, where there is one.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::NoRepository => "run it inside a repository, or leave out `--commit`",
            Self::Owner(path) => {
                return Some(format!(
                    "run `git config --global --add safe.directory {path}`"
                ));
            }
            Self::NamedElsewhere(name, _) => {
                return Some(format!(
                    "unset `{name}`, and run in the work tree of the repository: its `.git` says where the rest is"
                ));
            }
            Self::Bare => "run in a work tree of it, or in a clone",
            Self::GitFolder => "run in the work tree",
            Self::ExplicitBare => "run in a clone, or set it to `all` if you trust this repository",
            Self::Unsupported(_) => {
                "clone it as Git does by default (SHA-1, a plain index), or run without `--commit` and commit by yourself"
            }
            Self::OldPartialClone => {
                "say the same in today's way: `git config remote.$(git config extensions.partialClone).promisor true`, then \
                 `git config --unset extensions.partialClone`"
            }
            Self::UnderWay(_) => "finish it or abort it first (`git status` says how)",
            Self::Unborn => "make the first commit",
            Self::NoBranch(_) => {
                "push to it, or name another branch with `git symbolic-ref HEAD refs/heads/NAME`"
            }
            Self::NoIdentity => {
                "set `user.name` and `user.email` with `git config`, or give `--author \"NAME <MAIL>\"`"
            }
            Self::BranchName(_) => {
                "rename it with `git branch --move`, or name another one with `--branch`: only a visible name is found again in messages"
            }
            Self::NoCommitThere(..) => "delete that branch there, or put it on a commit",
            Self::UnusableIdentity(_) => {
                "write `user.name` and `user.email` in UTF-8, without `<` and `>`: `git var GIT_COMMITTER_IDENT` shows them"
            }
            Self::Unsigned(_) => {
                "correct `user.signingKey` and `gpg.format`, or set `commit.gpgSign` to false"
            }
            Self::Locked(_) => {
                "run again when it is done; remove the lock only when no Git process is left"
            }
            Self::Moved => "run again",
            Self::InTheWay(_) => BRANCH_IN_THE_WAY,
            Self::CheckedOut(_) => "run in that working tree, or name another branch",
            Self::OpenFiles(_) => MORE_OPEN_FILES,
            Self::Absent(_) => {
                "clone it without a filter, or with `--filter=blob:none`: a clone without trees is not supported; `git fsck` says what is missing"
            }
            Self::TooLarge(_) => "leave it out with `--exclude`",
            Self::TooMuch(_) => "split the repository, or check out a part of it and run there",
            Self::Malformed(_) => {
                "take it off the branch, or build on another commit; `git fsck` lists what is wrong"
            }
            Self::Other(_) => return None,
        };
        Some(hint.to_owned())
    }
}

/// libgit2 keeps the system's words, and not its number.
fn is_of_open_files(error: &git2::Error) -> bool {
    error
        .message()
        .to_lowercase()
        .contains("too many open files")
}

impl From<git2::Error> for GitError {
    fn from(error: git2::Error) -> Self {
        use git2::ErrorCode;
        match error.code() {
            // libgit2 leaves a cause open that it does not know.
            ErrorCode::Locked => {
                Self::Locked(error.message().trim_end_matches([':', ' ']).to_owned())
            }
            ErrorCode::Modified => Self::Moved,
            ErrorCode::NotFound if error.class() == git2::ErrorClass::Odb => {
                Self::Absent(error.message().to_owned())
            }
            _ if is_of_open_files(&error) => Self::OpenFiles(error.message().to_owned()),
            _ => Self::Other(error.message().to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_is_named_as_git_branch_takes_it() {
        for name in ["imago/update", "x", "HEAD-2", "a@b", "origin/x", "é"] {
            assert!(is_branch_name(name), "{name}");
        }
        for name in [
            "",
            "HEAD",
            "@",
            "-x",
            "--force",
            "a..b",
            "x.lock",
            "x.lock/y",
            "a b",
            "a:b",
            "a^",
            "a~1",
            "a?",
            "a*",
            "a[",
            "a\\b",
            "/x",
            "x/",
            "x//y",
            ".x",
            "x/.y",
            "x.",
            "a@{b",
            "a\tb",
            "refs/heads/x",
            "heads/x",
            "tags/x",
            "remotes/origin/x",
        ] {
            assert!(!is_branch_name(name), "{name}");
        }
    }
}
