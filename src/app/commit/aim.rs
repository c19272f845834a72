//! Where a commit goes, looked up before anything is planned: what it builds on, and what may be replaced.

use std::path::Path;

use super::{Request, TRAILER, fault, not_pushed, refused};
use crate::app::report::Problem;
use crate::io::git::GitError;
use crate::io::git::identity::Identity;
use crate::io::git::repository::{CommitId, Head, Repository};
use crate::io::git::transport::{Depth, Heads, Side, Transport};

/// Where a commit goes.
#[derive(Clone, Debug)]
pub(super) struct Aim {
    /// The branch; `None` on a detached HEAD.
    pub(super) branch: Option<String>,
    /// The commit to build on.
    pub(super) base: CommitId,
    /// What the base's files are read from.
    pub(super) content: Content,
    /// How the branch gets there.
    pub(super) way: Way,
}

/// What is planned on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// The base is checked out, and its files are the working tree's.
    WorkingTree,
    /// The base's own files.
    Commit,
}

/// How a branch gets a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// It is what is checked out, and it stays on this machine.
    Here,
    /// The remote's branch goes on, and is never forced.
    Onward {
        /// Whether the branch is the checked-out one, which then follows.
        checked_out: bool,
        /// Whether commits of ours wait to be pushed.
        waiting: bool,
    },
    /// A branch of our own is replaced, where it is still on this commit.
    Replace(Option<CommitId>),
}

/// Looks at the repository and the remote. `Err`: it must not, or cannot, go there.
pub(super) fn aim(
    request: &Request,
    repository: &mut Repository,
    head: &Head,
    identity: &Identity,
    transport: Option<&Transport>,
) -> Result<Aim, Box<Problem>> {
    let named = request.branch.as_ref();
    let Some(transport) = transport else {
        return match named {
            Some(name) if head.branch.as_ref() != Some(name) => branch_of_ours_here(repository, head, name),
            _ => Ok(Aim { branch: head.branch.clone(), base: head.commit, content: Content::WorkingTree, way: Way::Here }),
        };
    };
    let Some(name) = named.or(head.branch.as_ref()) else {
        return Err(fault(
            "git-detached",
            "cannot push".to_owned(),
            "HEAD is detached: no branch is checked out".to_owned(),
            "name a branch of its own with `--branch NAME`, or check a branch out",
        ));
    };
    let look = |side| transport.look(name, side).map_err(|error| not_pushed(transport, &error));
    let heads = look(Side::Fetched)?;
    let checked_out = head.branch.as_ref() == Some(name);
    if checked_out || heads.default.as_ref() == Some(name) {
        return onward(repository, head, identity, transport, name, &heads, checked_out);
    }
    let heads = if transport.has_two_sides() { look(Side::Pushed)? } else { heads };
    if heads.default.as_ref() == Some(name) {
        return Err(fault(
            "git-foreign-branch",
            format!("cannot replace the branch `{name}` at `{}`", transport.remote()),
            "it is the default branch of the place that is pushed to".to_owned(),
            "name another branch",
        ));
    }
    branch_of_ours(repository, head, transport, name, heads.tip)
}

/// The checked-out branch, or the remote's default branch: built on what the remote has, and never forced.
fn onward(
    repository: &mut Repository,
    head: &Head,
    identity: &Identity,
    transport: &Transport,
    name: &str,
    heads: &Heads,
    checked_out: bool,
) -> Result<Aim, Box<Problem>> {
    let failed = |error: GitError| Box::new(refused(&error));
    if let Some(tip) = heads.tip {
        bring(repository, transport, name, tip, (Depth::Whole, Side::Fetched))?;
    }
    let aim = |base, content, waiting| {
        let way = Way::Onward { checked_out, waiting };
        Aim { branch: Some(name.to_owned()), base, content, way }
    };
    let ahead = match heads.tip {
        Some(tip) if !checked_out => return Ok(aim(tip, Content::Commit, false)),
        Some(tip) => repository.beyond(tip, head.commit),
        None => repository.beyond_remote(transport.remote(), name, head.commit),
    };
    let ahead = ahead.map_err(failed)?;
    if let Some(commit) = first_foreign(repository, &ahead, name).map_err(failed)? {
        return Err(fault(
            "git-unpushed",
            format!("cannot push `{name}`"),
            format!("its commit {commit} is not at `{}`, and is not imago's", transport.remote()),
            "push your own commits first, or take them off this branch",
        ));
    }
    match heads.tip {
        Some(tip) if !repository.follows(head.commit, tip).map_err(failed)? => {
            // What waited goes on the new tip: this run may be about other files than those that made it.
            let base = repository.replay(&ahead, tip, identity).map_err(failed)?;
            Ok(aim(base, Content::Commit, base != tip))
        }
        Some(_) | None => Ok(aim(head.commit, Content::WorkingTree, !ahead.is_empty())),
    }
}

/// A branch that is ours alone: one commit on what is checked out, replaced as a whole.
fn branch_of_ours(
    repository: &mut Repository,
    head: &Head,
    transport: &Transport,
    name: &str,
    tip: Option<CommitId>,
) -> Result<Aim, Box<Problem>> {
    if let Some(tip) = tip {
        let depth = if repository.is_shallow() { Depth::Tip } else { Depth::Whole };
        bring(repository, transport, name, tip, (depth, Side::Pushed))?;
        let foreign = if tip == head.commit {
            Ok(None)
        } else if repository.is_shallow() {
            first_foreign(repository, &[tip], name)
        } else {
            repository.beyond(head.commit, tip).and_then(|beyond| first_foreign(repository, &beyond, name))
        };
        if let Some(commit) = foreign.map_err(|error| Box::new(refused(&error)))? {
            return Err(somebodys(name, &format!(" at `{}`", transport.remote()), commit));
        }
    }
    Ok(Aim { branch: Some(name.to_owned()), base: head.commit, content: Content::Commit, way: Way::Replace(tip) })
}

/// The same on this machine alone. Here a branch without a commit of ours at its tip is somebody's, wherever it stands; and one that is a
/// remote's default goes on from its tip, because it is everybody's.
fn branch_of_ours_here(repository: &Repository, head: &Head, name: &str) -> Result<Aim, Box<Problem>> {
    let failed = |error: GitError| Box::new(refused(&error));
    let tip = repository.branch(name).map_err(failed)?;
    let aim = |base| Aim { branch: Some(name.to_owned()), base, content: Content::Commit, way: Way::Replace(tip) };
    let Some(commit) = tip else { return Ok(aim(head.commit)) };
    if repository.is_default(name).map_err(failed)? {
        return Ok(aim(commit));
    }
    let mut commits = vec![commit];
    commits.extend(repository.beyond(head.commit, commit).map_err(failed)?);
    match first_foreign(repository, &commits, name).map_err(failed)? {
        Some(commit) => Err(somebodys(name, "", commit)),
        None => Ok(aim(head.commit)),
    }
}

fn somebodys(name: &str, place: &str, commit: CommitId) -> Box<Problem> {
    fault(
        "git-foreign-branch",
        format!("cannot replace the branch `{name}`{place}"),
        format!("its commit {commit} does not bear `{TRAILER}: {name}`, so it is not imago's"),
        "name another branch, or delete this one",
    )
}

/// Fetches a branch where its commit is not here yet.
fn bring(
    repository: &mut Repository,
    transport: &Transport,
    name: &str,
    tip: CommitId,
    (depth, side): (Depth, Side),
) -> Result<(), Box<Problem>> {
    if repository.has(tip) {
        return Ok(());
    }
    transport.fetch(name, depth, side).map_err(|error| not_pushed(transport, &error))?;
    *repository = repository.again().map_err(|error| Box::new(refused(&error)))?;
    match repository.has(tip) {
        true => Ok(()),
        false => Err(Box::new(refused(&GitError::Moved))),
    }
}

/// The first of these commits that is not ours.
pub(super) fn first_foreign(repository: &Repository, commits: &[CommitId], name: &str) -> Result<Option<CommitId>, GitError> {
    for commit in commits {
        if !repository.has_trailer(*commit, TRAILER, name)? {
            return Ok(Some(*commit));
        }
    }
    Ok(None)
}

/// Opens the remote that is pushed to, where anything is.
pub(super) fn transport(request: &Request, root: &Path) -> Result<Option<Transport>, Box<Problem>> {
    let Some(push) = &request.push else { return Ok(None) };
    Transport::open(root, &push.remote, &request.environment).map(Some).map_err(|error| {
        let what = format!("cannot push to `{}`", push.remote);
        Box::new(Problem {
            code: error.code(),
            what,
            place: crate::app::report::Place::default(),
            cause: error.to_string(),
            hint: error.hint().map(str::to_owned),
        })
    })
}
