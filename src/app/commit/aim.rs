//! Where a commit goes, looked up before anything is planned: what it builds on, and what may be replaced.

mod onward;
mod published;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;

use super::owner::{self, Evidence, FOR_IMAGO, Ownership, Unknown};
use super::{TRAILER, fault, fetch_contents, not_pushed, refused};
use crate::app::message;
use crate::app::report::Problem;
use crate::app::request::CommitRequest;
use crate::engine::code::Code;
use crate::io::git::GitError;
use crate::io::git::identity::Identity;
use crate::io::git::repository::{CommitId, Head, Repository};
use crate::io::git::transport::{Depth, Heads, Side, Transport};
use onward::onward;
use published::{Sent, is_public, refuse_unpublished};

/// By how many commits a shallow clone is made to reach further back, until it is known whose a branch is.
const DEEPENED_BY: [usize; 5] = [1, 10, 100, 1_000, 10_000];

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
    pub(super) strategy: Strategy,
    /// What a person should know of it.
    pub(super) warning: Option<String>,
    /// For a request: the branch that it goes into.
    pub(super) into: Option<String>,
    /// For a request: why the branch is not replaced, where it has a person's commits.
    pub(super) foreign: Option<Box<Problem>>,
}

/// What is planned on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// The base is checked out, and its files are the working tree's.
    WorkingTree,
    /// The base's own files.
    Commit,
}

/// How a branch gets a commit. Tips are those of the places that the remote is pushed to, where they were looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Strategy {
    /// It is what is checked out, and it stays on this machine.
    Here,
    /// The remote's branch goes on, and is never forced.
    Onward {
        /// What follows here.
        follower: Follower,
        /// Whether commits of ours wait to be pushed, or one of several places lacks what another has.
        waiting: bool,
        /// Where the branch is at each place.
        tips: Vec<Option<CommitId>>,
    },
    /// A branch of our own is replaced, where it is still on this commit at each place.
    Replace(Vec<Option<CommitId>>),
}

/// What of this repository follows a branch of the remote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Follower {
    /// Nothing: HEAD names another branch.
    Nothing,
    /// The branch of a bare repository that HEAD names.
    Branch,
    /// The checked-out branch, the index and the files.
    WorkingTree,
}

/// Looks at the repository and the remote. `Err`: it must not, or cannot, go there.
pub(super) fn aim(
    request: &CommitRequest,
    repository: &mut Repository,
    head: &Head,
    identity: &Identity,
    transport: Option<&Transport>,
) -> Result<Aim, Box<Problem>> {
    let named = request.branch.as_ref();
    // A commit of imago's is known by the branch that its message names.
    if let Some(name) = named.or(head.branch.as_ref())
        && !message::is_kept_by_trailer(name)
    {
        return Err(Box::new(refused(&GitError::BranchName(name.clone()))));
    }
    let Some(transport) = transport else {
        return match named {
            Some(name) if head.branch.as_ref() != Some(name) => {
                branch_of_ours_here(request, repository, head, name)
            }
            _ => {
                let content = content_of_head(repository, head)?;
                Ok(Aim {
                    branch: head.branch.clone(),
                    base: head.commit,
                    content,
                    strategy: Strategy::Here,
                    warning: None,
                    into: None,
                    foreign: None,
                })
            }
        };
    };
    let Some(name) = named.or(head.branch.as_ref()) else {
        return Err(fault(
            Code::GitDetached,
            "cannot push".to_owned(),
            match repository.is_bare() {
                true => "HEAD is detached: it names no branch",
                false => "HEAD is detached: no branch is checked out",
            }
            .to_owned(),
            match repository.is_bare() {
                true => "name a branch of its own with `--branch NAME`",
                false => "name a branch of its own with `--branch NAME`, or check a branch out",
            },
        ));
    };
    let look = |side| {
        transport
            .look(name, side)
            .map_err(|error| not_pushed(transport, &error))
    };
    let heads = look(Side::Fetched)?;
    let follower = match head.branch.as_ref() == Some(name) {
        true if repository.is_bare() => Follower::Branch,
        true => Follower::WorkingTree,
        false => Follower::Nothing,
    };
    if follower != Follower::Nothing || heads.default.as_ref() == Some(name) {
        if request.propose.is_some() {
            return Err(no_branch_of_its_own(name, follower));
        }
        return onward(
            repository, head, identity, transport, name, &heads, follower,
        );
    }
    let mut places = vec![heads.clone()];
    if transport.has_two_sides() {
        places = (0..transport.places())
            .map(|place| look(Side::Pushed(place)))
            .collect::<Result<_, _>>()?;
    }
    if places.iter().any(|at| at.default.as_ref() == Some(name)) {
        return Err(fault(
            Code::GitForeignBranch,
            format!(
                "cannot replace the branch `{name}` at `{}`",
                transport.remote()
            ),
            "it is the default branch of the place that is pushed to".to_owned(),
            "name another branch",
        ));
    }
    let mut warning = None;
    for (side, at) in transport.targets().into_iter().zip(&places) {
        // A clone of ours was fetched a moment ago.
        if !(repository.is_own() && side == Side::Fetched) {
            let sent = Sent {
                tip: head.commit,
                commit: head.commit,
                side,
                at,
            };
            let published = refuse_unpublished(repository, head, transport, name, &sent)?;
            warning = warning.or(published.warning);
        }
    }
    let into = match &request.propose {
        Some(_) => Some(base_of_request(
            request, repository, head, transport, name, &heads,
        )?),
        None => None,
    };
    let is_split = request
        .propose
        .as_ref()
        .is_some_and(|it| it.group_by.is_some());
    if is_split {
        // Each group has a branch of its own, and this is not one of them.
        places.iter_mut().for_each(|heads| heads.tip = None);
    }
    let aim = branch_of_ours(request, repository, head, transport, name, &places)?;
    Ok(Aim {
        warning,
        into,
        ..aim
    })
}

fn no_branch_of_its_own(name: &str, follower: Follower) -> Box<Problem> {
    let cause = match follower {
        Follower::Nothing => format!("`{name}` is the remote's default branch"),
        _ => format!("`{name}` is the checked-out branch"),
    };
    fault(
        Code::Usage,
        format!("cannot open a pull request from `{name}`"),
        cause,
        "name a branch of its own with `--branch`, as in `--branch imago/update`",
    )
}

/// The branches that a CI system says its job is for, each with what has to be so.
const OF_JOBS: [(&str, Option<(&str, &str)>); 2] = [
    ("CI_COMMIT_BRANCH", None),
    ("GITHUB_REF_NAME", Some(("GITHUB_REF_TYPE", "branch"))),
];

/// The branch that a request goes into: the one that is checked out, or the one that the CI system says, or the one of the remote that HEAD
/// is the tip of, or the remote's default branch where HEAD is a part of it.
fn base_of_request(
    request: &CommitRequest,
    repository: &mut Repository,
    head: &Head,
    transport: &Transport,
    name: &str,
    heads: &Heads,
) -> Result<String, Box<Problem>> {
    let failed = |error: GitError| Box::new(refused(&error));
    let not_asked = |error| not_pushed(transport, &error);
    let is_there = |branch: &&String| {
        heads.default.as_ref() == Some(branch)
            || repository.knows_branch(transport.remote(), branch)
            // A clone of ours has no other branch.
            || repository.is_own()
    };
    if let Some(branch) = head.branch.as_ref().filter(is_there) {
        return Ok(branch.clone());
    }
    let variable = |name: &str| request.environment.get(OsStr::new(name))?.to_str();
    let of_job = OF_JOBS.iter().find_map(|(name, condition)| {
        let holds = condition.is_none_or(|(name, value)| variable(name) == Some(value));
        variable(name).filter(|value| holds && !value.is_empty())
    });
    if let Some(default) = &heads.default
        && heads.default_tip == Some(head.commit)
        && of_job.is_none_or(|branch| branch == default)
    {
        return Ok(default.clone());
    }
    let references = transport.references().map_err(not_asked)?;
    let branches: Vec<(&str, CommitId)> = references
        .iter()
        .filter_map(|one| Some((one.name.strip_prefix("refs/heads/")?, one.commit)))
        .filter(|(branch, _)| *branch != name)
        .collect();
    let named = [head.branch.as_deref(), of_job].into_iter().flatten();
    let mut named = named.filter(|it| branches.iter().any(|(branch, _)| branch == it));
    let at_head: BTreeSet<&str> = branches
        .iter()
        .filter(|(_, commit)| *commit == head.commit)
        .map(|(branch, _)| *branch)
        .collect();
    let only = at_head.first().filter(|_| at_head.len() == 1).copied();
    if let Some(branch) = named.next().or(only) {
        return Ok(branch.to_owned());
    }
    if let (Some(default), Some(tip)) = (&heads.default, heads.default_tip) {
        if !repository.has(tip) && !repository.is_shallow() {
            let fetched = transport.fetch(default, Depth::Whole, Side::Fetched);
            fetched.map_err(not_asked)?;
            *repository = repository.again().map_err(failed)?;
        }
        if repository.has(tip)
            && repository
                .is_reachable(head.commit, &[tip])
                .unwrap_or(false)
        {
            return Ok(default.clone());
        }
    }
    Err(fault(
        Code::GitDetached,
        format!("cannot open a pull request from `{name}`"),
        match &head.branch {
            Some(branch) => format!(
                "the remote has no branch `{branch}`, and nothing says into which one the request shall go"
            ),
            None => {
                "HEAD is detached, and nothing says which branch of the remote it is on".to_owned()
            }
        },
        "check out the branch that the request shall go into",
    ))
}

/// What the commit that HEAD names is planned on. A branch of a bare repository that another working tree has is that one's to move.
fn content_of_head(repository: &Repository, head: &Head) -> Result<Content, Box<Problem>> {
    if !repository.is_bare() {
        return Ok(Content::WorkingTree);
    }
    if let Some(branch) = &head.branch {
        let allowed = repository.refuse_checked_out(branch);
        allowed.map_err(|error| Box::new(refused(&error)))?;
    }
    Ok(Content::Commit)
}

/// A branch that is ours alone: one commit on what is checked out, replaced as a whole.
pub(super) fn branch_of_ours(
    request: &CommitRequest,
    repository: &mut Repository,
    head: &Head,
    transport: &Transport,
    name: &str,
    places: &[Heads],
) -> Result<Aim, Box<Problem>> {
    let mut foreign = None;
    for (place, heads) in places.iter().enumerate() {
        let Some(tip) = heads.tip else { continue };
        let depth = if repository.is_shallow() {
            Depth::Tip
        } else {
            Depth::Whole
        };
        let side = Side::Pushed(place);
        bring(repository, transport, name, tip, (depth, side))?;
        let remote = Some((transport, side, heads.default.as_deref()));
        match refuse_foreign(request, repository, head, remote, name, tip) {
            // A request is where that is said.
            Err(problem) if is_persons(request, &problem) => foreign = Some(problem),
            refused => refused?,
        }
    }
    Ok(Aim {
        branch: Some(name.to_owned()),
        base: head.commit,
        content: Content::Commit,
        strategy: Strategy::Replace(places.iter().map(|heads| heads.tip).collect()),
        warning: None,
        into: None,
        foreign,
    })
}

fn is_persons(request: &CommitRequest, problem: &Problem) -> bool {
    request.propose.is_some() && problem.code == Code::GitForeignBranch
}

/// Refuses where a commit of a branch is a person's; without a transport, of a branch here. A clone that lacks what tells so gets it first.
fn refuse_foreign(
    request: &CommitRequest,
    repository: &mut Repository,
    head: &Head,
    transport: Option<(&Transport, Side, Option<&str>)>,
    name: &str,
    tip: CommitId,
) -> Result<(), Box<Problem>> {
    let failed = |error: GitError| Box::new(refused(&error));
    let place = transport.map_or_else(String::new, |(transport, ..)| {
        format!(" at `{}`", transport.remote())
    });
    let (mut of_branch, mut of_base) = (DEEPENED_BY.iter(), DEEPENED_BY.iter());
    let mut fetched = BTreeSet::new();
    let mut may_be_empty = false;
    loop {
        let owner =
            owner::of_branch(repository, head.commit, tip, name, may_be_empty).map_err(failed)?;
        let unknown = match (owner, transport) {
            (Ownership::Ours, _) => return Ok(()),
            (Ownership::Person(..), Some((transport, side, _)))
                if !may_be_empty && is_beside_ours(repository, head, transport, name, side)? =>
            {
                may_be_empty = true;
                continue;
            }
            (Ownership::Person(commit, evidence), _) => {
                return Err(somebodys(name, &place, commit, evidence));
            }
            (Ownership::Lacks(unknown), _) => unknown,
        };
        let (commit, by) = match &unknown {
            Unknown::Contents(contents) if contents.is_subset(&fetched) => {
                return Err(failed(GitError::Other(format!(
                    "the remote did not send all that the commits of `{name}` change"
                ))));
            }
            Unknown::Contents(contents) => {
                let remote = transport.map(|(remote, ..)| remote);
                fetch_contents(&request.environment, repository, remote, contents)?;
                *repository = repository.again().map_err(failed)?;
                fetched.extend(contents);
                continue;
            }
            Unknown::Branch(commit) => (*commit, of_branch.next()),
            Unknown::Base(commit) => (*commit, of_base.next()),
        };
        let (Some((transport, side, default)), Some(by), true) =
            (transport, by, repository.is_shallow())
        else {
            return Err(fault(
                Code::GitShallow,
                format!("cannot replace the branch `{name}`{place}"),
                format!("this clone does not show whether its commit {commit} is a person's"),
                "fetch the whole history (`git fetch --unshallow`; `fetch-depth: 0` for actions/checkout), or delete the branch",
            ));
        };
        let deepen = |wanted: &str, side| transport.deepen(wanted, *by, side);
        let deepened = match unknown {
            Unknown::Base(_) => deepen(&head.commit.to_string(), Side::Fetched).or_else(|error| {
                // An old server sends what a reference names, and nothing else.
                let branch = head.branch.as_deref().or(default).ok_or(error)?;
                deepen(&format!("refs/heads/{branch}"), Side::Fetched)
            }),
            _ => deepen(&format!("refs/heads/{name}"), side),
        };
        deepened.map_err(|error| not_pushed(transport, &error))?;
        *repository = repository.again().map_err(failed)?;
    }
}

/// Whether the name of a branch is for imago alone, and what is built on is public beside such branches: then nothing is lost with a branch that
/// has no more than that. Of another name somebody may keep a branch behind on purpose.
fn is_beside_ours(
    repository: &Repository,
    head: &Head,
    transport: &Transport,
    name: &str,
    side: Side,
) -> Result<bool, Box<Problem>> {
    if !name.starts_with(FOR_IMAGO) {
        return Ok(false);
    }
    let references = transport.references_of(side);
    let references = references.map_err(|error| not_pushed(transport, &error))?;
    let is_of_imago = |name: &str| {
        let branch = name.strip_prefix("refs/heads/");
        branch.is_some_and(|branch| branch.starts_with(FOR_IMAGO))
    };
    let others = references
        .iter()
        .filter(|one| is_public(&one.name) && !is_of_imago(&one.name));
    let others: Vec<CommitId> = others.map(|one| one.commit).collect();
    let is_here = others.contains(&head.commit);
    let is_reachable = repository.is_reachable(head.commit, &others);
    Ok(is_here || is_reachable.map_err(|error| Box::new(refused(&error)))?)
}

/// The same on this machine alone. Here a branch without a commit of ours at its tip is somebody's, wherever it stands; and one that is a
/// remote's default goes on from its tip, because it is everybody's.
fn branch_of_ours_here(
    request: &CommitRequest,
    repository: &mut Repository,
    head: &Head,
    name: &str,
) -> Result<Aim, Box<Problem>> {
    let failed = |error: GitError| Box::new(refused(&error));
    let tip = repository.branch(name).map_err(failed)?;
    let aim = |base| Aim {
        branch: Some(name.to_owned()),
        base,
        content: Content::Commit,
        strategy: Strategy::Replace(vec![tip]),
        warning: None,
        into: None,
        foreign: None,
    };
    let Some(commit) = tip else {
        return Ok(aim(head.commit));
    };
    if repository.is_default(name).map_err(failed)? {
        return Ok(aim(commit));
    }
    refuse_foreign(request, repository, head, None, name, commit)?;
    Ok(aim(head.commit))
}

fn somebodys(name: &str, place: &str, commit: CommitId, evidence: Evidence) -> Box<Problem> {
    let why = match evidence {
        Evidence::NoTrailer => format!(": it does not bear `{TRAILER}: {name}`"),
        _ => evidence.to_string(),
    };
    fault(
        Code::GitForeignBranch,
        format!("cannot replace the branch `{name}`{place}"),
        match evidence {
            Evidence::Onward => format!("its commit {commit} does not make it imago's own{why}"),
            Evidence::Merges => format!("its commit {commit} is not known as imago's{why}"),
            _ => format!("its commit {commit} is not imago's{why}"),
        },
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
    let error = match repository.kind_of(tip) {
        Some("commit") => return Ok(()),
        Some(kind) => GitError::NoCommitThere(name.to_owned(), kind),
        None => GitError::Moved,
    };
    Err(Box::new(refused(&error)))
}

/// Opens the remote that is pushed to, where anything is.
pub(super) fn transport(
    request: &CommitRequest,
    root: &Path,
) -> Result<Option<Transport>, Box<Problem>> {
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
