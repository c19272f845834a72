//! Whose a commit is. A commit of ours names its branch and its change in trailers: one that a person has amended changes something else.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;

use super::{CHANGE_TRAILER, TRAILER};
use crate::io::git::GitError;
use crate::io::git::change::Made;
use crate::io::git::repository::{CommitId, ContentId, Lacking, Repository};

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
    /// It is a merge that holds more than its parents, or may.
    Merge,
    /// An earlier run made it, for a branch that others may write.
    Onward,
    /// Too many merges stand above what may be imago's.
    Merges,
}

impl fmt::Display for Evidence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::NoTrailer => "",
            Self::Amended => ": it was changed after imago had made it",
            Self::Merge => {
                ": it is a merge with changes of its own, or one that is too large to compare"
            }
            Self::Onward => ": a run without `--branch` made it, and others may write that branch",
            Self::Merges => return write!(formatter, ": more than {MOST_MERGES} merges follow it"),
        })
    }
}

/// Tells whose a commit is, or what has to be fetched before. `left` is how many entries of trees may be read for merges.
pub(super) fn owner(
    repository: &Repository,
    commit: CommitId,
    branch: &str,
    left: &Cell<usize>,
) -> Result<Result<Owner, Lacking>, GitError> {
    let is_merge = repository.parents(commit)?.len() > 1;
    if !is_merge && !repository.has_trailer(commit, TRAILER, branch)? {
        return Ok(Ok(Owner::Person(Evidence::NoTrailer)));
    }
    if let Some(lacking) = repository.lacking(commit)? {
        return Ok(Err(lacking));
    }
    Ok(Ok(if is_merge {
        if repository.is_automatic_merge(commit, left)? {
            Owner::Nobody
        } else {
            Owner::Person(Evidence::Merge)
        }
    } else if repository.is_as_made(commit, CHANGE_TRAILER)? {
        Owner::Ours
    } else {
        Owner::Person(Evidence::Amended)
    }))
}

/// Whose a branch is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ownership {
    /// No commit of it holds a person's work.
    Ours,
    /// This commit is a person's.
    Person(CommitId, Evidence),
    /// It cannot be told before this was fetched.
    Lacks(Unknown),
}

/// What of a branch is not here.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unknown {
    /// Commits that this one follows.
    Branch(CommitId),
    /// Contents of files.
    Contents(BTreeSet<ContentId>),
    /// The history of the base, which may have this commit.
    Base(CommitId),
}

/// What the names of branches begin with that are for imago alone.
pub(super) const FOR_IMAGO: &str = "imago/";

/// So many merges may stand above imago's commit.
const MOST_MERGES: usize = 100;

/// So many entries may the trees of these merges have together.
const MOST_ENTRIES: usize = 10_000_000;

/// Tells whether a branch is imago's: below the merges of a forge's button stands a commit of imago's, and beside it the branch has nothing
/// but what the base has.
///
/// A forge's button that rebases leaves a branch with nothing of its own where the base has its change by now. `may_be_empty` says that such a
/// branch is imago's, too, because no work is lost with it.
///
/// A run without `--branch` commits to a branch that others write: its commits alone make a branch imago's only where the name is for imago.
///
/// What is below a commit that stands where imago made it is what imago built on, whatever has become of the base since.
pub(super) fn of_branch(
    repository: &Repository,
    base: CommitId,
    tip: CommitId,
    branch: &str,
    may_be_empty: bool,
) -> Result<Ownership, GitError> {
    let left = Cell::new(MOST_ENTRIES);
    let mut merges = BTreeSet::new();
    let mut lowest = tip;
    loop {
        if !repository.has(lowest) {
            return Ok(Ownership::Lacks(Unknown::Branch(lowest)));
        }
        match repository.parents(lowest)?[..] {
            [first, _, ..] if merges.len() < MOST_MERGES => {
                merges.insert(lowest);
                lowest = first;
            }
            _ => break,
        }
    }
    let unless_empty = |commit, evidence| {
        let is_part = match may_be_empty {
            true => repository.is_part_of(base, tip)?,
            false => Some(false),
        };
        Ok(match is_part {
            Some(true) => Ownership::Ours,
            Some(false) => Ownership::Person(commit, evidence),
            None => Ownership::Lacks(Unknown::Base(tip)),
        })
    };
    match owner(repository, lowest, branch, &left)? {
        Ok(Owner::Ours) => {}
        Ok(Owner::Nobody) => return unless_empty(lowest, Evidence::Merges),
        Ok(Owner::Person(evidence)) => return unless_empty(lowest, evidence),
        Err(lacking) => return Ok(Ownership::Lacks(Unknown::of(lowest, lacking))),
    }
    let mut first = lowest;
    while !branch.starts_with(FOR_IMAGO) && repository.made(first, CHANGE_TRAILER)? == Made::Onward
    {
        first = repository.parents(first)?[0];
        if !repository.has(first) {
            return Ok(Ownership::Lacks(Unknown::Branch(first)));
        }
        match owner(repository, first, branch, &left)? {
            Ok(Owner::Ours) => {}
            Ok(_) => return Ok(Ownership::Person(lowest, Evidence::Onward)),
            Err(lacking) => return Ok(Ownership::Lacks(Unknown::of(first, lacking))),
        }
    }
    let (mut met, mut waiting) = (BTreeSet::new(), vec![tip]);
    while let Some(commit) = waiting.pop() {
        if !met.insert(commit) {
            continue;
        }
        if !repository.has(commit) {
            return Ok(Ownership::Lacks(Unknown::Branch(commit)));
        }
        let is_part = repository.is_part_of(base, commit)?;
        if is_part == Some(true) {
            continue;
        }
        let parents = repository.parents(commit)?;
        if parents.len() > 1 && is_part.is_none() && !merges.contains(&commit) {
            return Ok(Ownership::Lacks(Unknown::Base(commit)));
        }
        match owner(repository, commit, branch, &left)? {
            Ok(Owner::Ours) if repository.stands_as_made(commit, CHANGE_TRAILER)? => {}
            Ok(Owner::Ours | Owner::Nobody) => waiting.extend(parents),
            Ok(Owner::Person(_)) if is_part.is_none() => {
                return Ok(Ownership::Lacks(Unknown::Base(commit)));
            }
            Ok(Owner::Person(evidence)) => return Ok(Ownership::Person(commit, evidence)),
            Err(lacking) => return Ok(Ownership::Lacks(Unknown::of(commit, lacking))),
        }
    }
    Ok(Ownership::Ours)
}

impl Unknown {
    fn of(commit: CommitId, lacking: Lacking) -> Self {
        match lacking {
            Lacking::Parents => Self::Branch(commit),
            Lacking::Contents(contents) => Self::Contents(contents),
        }
    }
}

/// The first of these commits that is not ours; one that cannot be told is not. A merge is not, whatever it holds: it stands in a history that is pushed or rebased.
pub(super) fn first_foreign(
    repository: &Repository,
    commits: &[CommitId],
    branch: &str,
) -> Result<Option<(CommitId, Evidence)>, GitError> {
    let left = Cell::new(MOST_ENTRIES);
    for commit in commits {
        match owner(repository, *commit, branch, &left)? {
            Ok(Owner::Ours) => {}
            Ok(Owner::Nobody) => return Ok(Some((*commit, Evidence::NoTrailer))),
            Ok(Owner::Person(evidence)) => return Ok(Some((*commit, evidence))),
            Err(_) => return Ok(Some((*commit, Evidence::Amended))),
        }
    }
    Ok(None)
}

/// The commit itself, or the first below it that is not ours.
pub(super) fn below_ours(
    repository: &Repository,
    commit: CommitId,
    branch: &str,
) -> Result<CommitId, GitError> {
    let (mut commit, left) = (commit, Cell::new(MOST_ENTRIES));
    while let Ok(Owner::Ours) = owner(repository, commit, branch, &left)?
        && let [parent] = repository.parents(commit)?[..]
    {
        commit = parent;
    }
    Ok(commit)
}
