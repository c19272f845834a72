//! Where a commit goes, looked up before anything is planned: what it builds on, and what may be replaced.

use std::path::Path;

use super::owner::{Evidence, Owner, first_foreign, first_of_a_person, owner};
use super::{CHANGE_TRAILER, Request, TRAILER, fault, fetch_contents, not_pushed, refused};
use crate::app::report::Problem;
use crate::io::git::GitError;
use crate::io::git::identity::Identity;
use crate::io::git::repository::{CommitId, Head, Repository};
use crate::io::git::transport::{Depth, Heads, Side, Transport};

/// How far back a shallow clone is made to reach where a person has merged the base into a branch of ours.
const MERGED_WITHIN: usize = 100;

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
            Some(name) if head.branch.as_ref() != Some(name) => {
                branch_of_ours_here(repository, head, name)
            }
            _ => Ok(Aim {
                branch: head.branch.clone(),
                base: head.commit,
                content: Content::WorkingTree,
                way: Way::Here,
            }),
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
    let look = |side| {
        transport
            .look(name, side)
            .map_err(|error| not_pushed(transport, &error))
    };
    let heads = look(Side::Fetched)?;
    let checked_out = head.branch.as_ref() == Some(name);
    if checked_out || heads.default.as_ref() == Some(name) {
        return onward(
            repository,
            head,
            identity,
            transport,
            name,
            &heads,
            checked_out,
        );
    }
    let heads = if transport.has_two_sides() {
        look(Side::Pushed)?
    } else {
        heads
    };
    if heads.default.as_ref() == Some(name) {
        return Err(fault(
            "git-foreign-branch",
            format!(
                "cannot replace the branch `{name}` at `{}`",
                transport.remote()
            ),
            "it is the default branch of the place that is pushed to".to_owned(),
            "name another branch",
        ));
    }
    refuse_unpublished(repository, head, transport, name, heads.default.as_deref())?;
    branch_of_ours(request, repository, head, transport, name, &heads)
}

/// A branch of ours carries what it builds on to the remote, and a person's commits go there when that person says so.
fn refuse_unpublished(
    repository: &Repository,
    head: &Head,
    transport: &Transport,
    name: &str,
    default: Option<&str>,
) -> Result<(), Box<Problem>> {
    let remote = transport.remote();
    // The remote itself is asked: what it had when it was last fetched, somebody may have taken off it since.
    if transport
        .has(head.commit)
        .map_err(|error| not_pushed(transport, &error))?
    {
        return Ok(());
    }
    let branch = head
        .branch
        .as_deref()
        .filter(|branch| repository.knows_branch(remote, branch))
        .or(default)
        .unwrap_or("main");
    Err(fault(
        "git-unpushed",
        format!("cannot push `{name}`"),
        format!(
            "`{remote}` does not have the commit {} that it would build on",
            head.commit
        ),
        &format!(
            "push that first, or check out what `{remote}` has: `git checkout --detach {remote}/{branch}`"
        ),
    ))
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
        bring(
            repository,
            transport,
            name,
            tip,
            (Depth::Whole, Side::Fetched),
        )?;
    }
    let aim = |base, content, waiting| {
        let way = Way::Onward {
            checked_out,
            waiting,
        };
        Aim {
            branch: Some(name.to_owned()),
            base,
            content,
            way,
        }
    };
    let ahead = match heads.tip {
        Some(tip) if !checked_out => return Ok(aim(tip, Content::Commit, false)),
        Some(tip) => repository.beyond(tip, head.commit),
        None => repository.beyond_remote(transport.remote(), name, head.commit),
    };
    let ahead = ahead.map_err(failed)?;
    if let Some((commit, evidence)) = first_foreign(repository, &ahead, name).map_err(failed)? {
        return Err(fault(
            "git-unpushed",
            format!("cannot push `{name}`"),
            format!(
                "its commit {commit} is not at `{}`, and is not imago's{evidence}",
                transport.remote()
            ),
            "push your own commits first, or take them off this branch",
        ));
    }
    match heads.tip {
        Some(tip) if !repository.follows(head.commit, tip).map_err(failed)? => {
            // What waited goes on the new tip: this run may be about other files than those that made it.
            let base = repository
                .replay(&ahead, tip, CHANGE_TRAILER, identity)
                .map_err(failed)?;
            Ok(aim(base, Content::Commit, base != tip))
        }
        Some(_) | None => Ok(aim(head.commit, Content::WorkingTree, !ahead.is_empty())),
    }
}

/// A branch that is ours alone: one commit on what is checked out, replaced as a whole.
fn branch_of_ours(
    request: &Request,
    repository: &mut Repository,
    head: &Head,
    transport: &Transport,
    name: &str,
    heads: &Heads,
) -> Result<Aim, Box<Problem>> {
    let failed = |error: GitError| Box::new(refused(&error));
    if let Some(tip) = heads.tip {
        let depth = if repository.is_shallow() {
            Depth::Tip
        } else {
            Depth::Whole
        };
        bring(repository, transport, name, tip, (depth, Side::Pushed))?;
        let mut beyond = beyond(
            repository,
            head,
            transport,
            name,
            (tip, heads.default.as_deref()),
        )?;
        if beyond.is_empty() {
            // It holds no work of its own, and may still be somebody's: a branch that others deploy from.
            beyond.push(tip);
        }
        for commit in &beyond {
            let lacking = repository.lacking(*commit).map_err(failed)?;
            if lacking.parent {
                deepen(repository, transport, &[name], 1)?;
            }
            let lacking = if lacking.parent {
                repository.lacking(*commit).map_err(failed)?
            } else {
                lacking
            };
            fetch_contents(request, repository, Some(transport), &lacking.contents)?;
        }
        if let Some((commit, evidence)) =
            first_of_a_person(repository, &beyond, name).map_err(failed)?
        {
            return Err(somebodys(
                name,
                &format!(" at `{}`", transport.remote()),
                commit,
                evidence,
            ));
        }
    }
    Ok(Aim {
        branch: Some(name.to_owned()),
        base: head.commit,
        content: Content::Commit,
        way: Way::Replace(heads.tip),
    })
}

/// The commits of a branch of ours that what is checked out does not have. A shallow clone does not know all of them: there it is the tip,
/// unless that is a merge, which is told from its parents.
fn beyond(
    repository: &mut Repository,
    head: &Head,
    transport: &Transport,
    name: &str,
    (tip, default): (CommitId, Option<&str>),
) -> Result<Vec<CommitId>, Box<Problem>> {
    let failed = |error: GitError| Box::new(refused(&error));
    if tip == head.commit {
        return Ok(Vec::new());
    }
    if repository.is_shallow() {
        if repository.parents(tip).map_err(failed)?.len() < 2 {
            return Ok(vec![tip]);
        }
        let here = head
            .branch
            .as_deref()
            .filter(|branch| repository.knows_branch(transport.remote(), branch));
        let branches: Vec<&str> = [name].into_iter().chain(here.or(default)).collect();
        deepen(repository, transport, &branches, MERGED_WITHIN)?;
    }
    repository.beyond(head.commit, tip).map_err(failed)
}

fn deepen(
    repository: &mut Repository,
    transport: &Transport,
    branches: &[&str],
    by: usize,
) -> Result<(), Box<Problem>> {
    transport
        .deepen(branches, by, Side::Pushed)
        .map_err(|error| not_pushed(transport, &error))?;
    *repository = repository
        .again()
        .map_err(|error| Box::new(refused(&error)))?;
    Ok(())
}

/// The same on this machine alone. Here a branch without a commit of ours at its tip is somebody's, wherever it stands; and one that is a
/// remote's default goes on from its tip, because it is everybody's.
fn branch_of_ours_here(
    repository: &Repository,
    head: &Head,
    name: &str,
) -> Result<Aim, Box<Problem>> {
    let failed = |error: GitError| Box::new(refused(&error));
    let tip = repository.branch(name).map_err(failed)?;
    let aim = |base| Aim {
        branch: Some(name.to_owned()),
        base,
        content: Content::Commit,
        way: Way::Replace(tip),
    };
    let Some(commit) = tip else {
        return Ok(aim(head.commit));
    };
    if repository.is_default(name).map_err(failed)? {
        return Ok(aim(commit));
    }
    let mut commits = repository.beyond(head.commit, commit).map_err(failed)?;
    if commits.is_empty() {
        commits.push(commit);
    }
    if let Some((commit, evidence)) =
        first_of_a_person(repository, &commits, name).map_err(failed)?
    {
        return Err(somebodys(name, "", commit, evidence));
    }
    for commit in &commits {
        if owner(repository, *commit, name).map_err(failed)? == Owner::Ours {
            return Ok(aim(head.commit));
        }
    }
    Err(somebodys(name, "", commit, Evidence::NoTrailer))
}

fn somebodys(name: &str, place: &str, commit: CommitId, evidence: Evidence) -> Box<Problem> {
    let why = match evidence {
        Evidence::NoTrailer => format!(": it does not bear `{TRAILER}: {name}`"),
        Evidence::Amended | Evidence::Merge => evidence.to_string(),
    };
    fault(
        "git-foreign-branch",
        format!("cannot replace the branch `{name}`{place}"),
        format!("its commit {commit} is not imago's{why}"),
        "merge its request, delete the branch, or name another one",
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
    transport
        .fetch(name, depth, side)
        .map_err(|error| not_pushed(transport, &error))?;
    *repository = repository
        .again()
        .map_err(|error| Box::new(refused(&error)))?;
    match repository.has(tip) {
        true => Ok(()),
        false => Err(Box::new(refused(&GitError::Moved))),
    }
}

/// Opens the remote that is pushed to, where anything is.
pub(super) fn transport(request: &Request, root: &Path) -> Result<Option<Transport>, Box<Problem>> {
    let Some(push) = &request.push else {
        return Ok(None);
    };
    Transport::open(root, &push.remote, &request.environment)
        .map(Some)
        .map_err(|error| {
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
