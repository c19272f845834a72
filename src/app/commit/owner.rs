//! Whose a commit is. A commit of ours names its branch and its change in trailers: one that a person has amended changes something else.

use std::fmt;

use super::{CHANGE_TRAILER, TRAILER};
use crate::io::git::GitError;
use crate::io::git::repository::{CommitId, Repository};

/// What a commit is to a branch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Owner {
    /// An earlier run made it for this branch, and it is as it was made.
    Ours,
    /// It merges its parents as Git does by itself, so nobody's work is in it but theirs.
    Nobody,
    /// A person's.
    Person(Evidence),
}

/// By what a commit is known as a person's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Evidence {
    /// It does not name the branch.
    NoTrailer,
    /// It names the branch, and changes something else than an earlier run did.
    Amended,
    /// It is a merge that holds more than its parents.
    Merge,
}

impl fmt::Display for Evidence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NoTrailer => "",
            Self::Amended => ": it was changed after imago had made it",
            Self::Merge => ": it is a merge with changes of its own",
        })
    }
}

/// Tells whose a commit is. What is not here counts as a person's.
pub(super) fn owner(
    repository: &Repository,
    commit: CommitId,
    branch: &str,
) -> Result<Owner, GitError> {
    if repository.parents(commit)?.len() > 1 {
        let is_automatic = repository.is_automatic_merge(commit)?;
        return Ok(if is_automatic {
            Owner::Nobody
        } else {
            Owner::Person(Evidence::Merge)
        });
    }
    if !repository.has_trailer(commit, TRAILER, branch)? {
        return Ok(Owner::Person(Evidence::NoTrailer));
    }
    let as_made = repository.is_as_made(commit, CHANGE_TRAILER)?;
    Ok(if as_made {
        Owner::Ours
    } else {
        Owner::Person(Evidence::Amended)
    })
}

/// The first of these commits that holds a person's work, and how that is known.
pub(super) fn first_of_a_person(
    repository: &Repository,
    commits: &[CommitId],
    branch: &str,
) -> Result<Option<(CommitId, Evidence)>, GitError> {
    for commit in commits {
        if let Owner::Person(evidence) = owner(repository, *commit, branch)? {
            return Ok(Some((*commit, evidence)));
        }
    }
    Ok(None)
}

/// The first of these commits that is not ours. A merge is not, whatever it holds: it stands in a history that is pushed or rebased.
pub(super) fn first_foreign(
    repository: &Repository,
    commits: &[CommitId],
    branch: &str,
) -> Result<Option<(CommitId, Evidence)>, GitError> {
    for commit in commits {
        match owner(repository, *commit, branch)? {
            Owner::Ours => {}
            Owner::Nobody => return Ok(Some((*commit, Evidence::NoTrailer))),
            Owner::Person(evidence) => return Ok(Some((*commit, evidence))),
        }
    }
    Ok(None)
}
