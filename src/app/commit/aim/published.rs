//! Whether the remote has what a push would carry along: a person's commits go there when that person says so.

use super::DEEPENED_BY;
use crate::app::commit::{fault, not_pushed, refused};
use crate::app::report::Problem;
use crate::engine::code::Code;
use crate::io::git::GitError;
use crate::io::git::repository::{CommitId, Head, Repository};
use crate::io::git::transport::{Depth, Heads, Side, Transport};

/// Whether a reference is of a branch or a tag. Forges keep more in others: requests, changes under review, what was removed.
pub(super) fn is_public(reference: &str) -> bool {
    ["refs/heads/", "refs/tags/"]
        .iter()
        .any(|begin| reference.starts_with(begin))
}

/// Whether a reference has the merge that a forge made of a request by itself.
fn is_merge_of_request(reference: &str) -> bool {
    let of_requests = ["refs/pull/", "refs/merge-requests/", "refs/pull-requests/"];
    reference.ends_with("/merge") && of_requests.iter().any(|begin| reference.starts_with(begin))
}

/// What a push would send to a place.
pub(super) struct Sent<'a> {
    /// The commit that is built on.
    pub(super) tip: CommitId,
    /// The first below it, or itself, that the place must have: what is above is imago's.
    pub(super) commit: CommitId,
    pub(super) side: Side,
    /// What the place has.
    pub(super) at: &'a Heads,
}

/// What a place has of it.
pub(super) struct Published {
    /// Where its branches and tags are, as far as they were asked for.
    pub(super) tips: Vec<CommitId>,
    /// Where the commit is the merge that a forge made for a request, what is to be said of it.
    pub(super) warning: Option<String>,
}

/// Refuses where no branch or tag of a place has a commit that is built on.
pub(super) fn refuse_unpublished(
    repository: &mut Repository,
    head: &Head,
    transport: &Transport,
    name: &str,
    sent: &Sent<'_>,
) -> Result<Published, Box<Problem>> {
    let Sent {
        tip,
        commit,
        side,
        at,
    } = *sent;
    let failed = |error: GitError| Box::new(refused(&error));
    let not_asked = |error| not_pushed(transport, &error);
    let remote = transport.remote();
    let default = at.default.as_deref();
    // Most runs are on the newest commit of the default branch, or on one that it follows: the remote is not asked twice.
    let of_default: Vec<CommitId> = at.default_tip.into_iter().collect();
    if of_default.contains(&tip) || repository.is_reachable(tip, &of_default).map_err(failed)? {
        return Ok(Published {
            tips: of_default,
            warning: None,
        });
    }
    let unpublished = |repository: &Repository| {
        let branch = head
            .branch
            .as_deref()
            .filter(|branch| repository.knows_branch(remote, branch))
            .or(default)
            .unwrap_or("main");
        let place = match side {
            Side::Fetched => format!("`{remote}`"),
            Side::Pushed(_) => format!("one of the places that `{remote}` is pushed to"),
        };
        let hint = match (side, repository.is_bare()) {
            (Side::Pushed(_), _) => format!(
                "push that there first: `git remote get-url --push --all {remote}` lists the places"
            ),
            _ if head.branch.as_deref() == Some(name) => {
                "push that yourself first, or take it off this branch".to_owned()
            }
            (_, true) => format!("push that first, or fetch what `{remote}` has"),
            (_, false) => format!(
                "push that first, or check out what `{remote}` has: `git checkout --detach {remote}/{branch}`"
            ),
        };
        fault(
            Code::GitUnpushed,
            format!("cannot push `{name}`"),
            format!("no branch or tag of {place} has the commit {commit} that it would build on"),
            &hint,
        )
    };
    // The remote itself is asked: what it had when it was last fetched, somebody may have taken off it since.
    // It keeps for a while what nobody sees any more, and forges keep one store for a repository and its forks. What is public follows from
    // a branch or a tag.
    let references = transport.references_of(side).map_err(not_asked)?;
    let public = references.iter().filter(|one| is_public(&one.name));
    let tips: Vec<CommitId> = public.clone().map(|one| one.commit).collect();
    // The merge that a forge makes for a request is on no branch. What it merges has to be.
    let merge = references
        .iter()
        .filter(|one| one.commit == commit && !tips.contains(&commit))
        .filter(|one| is_merge_of_request(&one.name))
        .find_map(|one| {
            let parents = repository.parents(commit).ok()?;
            (parents.len() > 1).then_some((one, parents))
        });
    let (warning, wanted) = match merge {
        None => (None, vec![commit]),
        Some((request, parents)) => {
            let warning = format!(
                "HEAD is `{}` of `{remote}`: the branch `{name}` contains the commits of that request",
                request.name
            );
            (Some(warning), parents)
        }
    };
    let are_public = |repository: &Repository| {
        let is_public = |commit: &CommitId| match tips.contains(commit) {
            true => Ok(true),
            false if !repository.has(*commit) => Ok(false),
            false => repository.is_reachable(*commit, &tips),
        };
        let mut wanted = wanted.iter().map(is_public);
        wanted.try_fold(true, |all, one| Ok::<_, GitError>(all && one?))
    };
    if are_public(repository).map_err(failed)? {
        return Ok(Published { tips, warning });
    }
    if !transport.may_have(commit, side).map_err(not_asked)? {
        return Err(unpublished(repository));
    }
    let mut branches: Vec<&str> = Vec::new();
    for one in public {
        let Some(branch) = one.name.strip_prefix("refs/heads/") else {
            continue;
        };
        let had_it = || {
            let had = repository.remote_branch(remote, branch);
            had.is_some_and(|had| {
                let mut wanted = wanted.iter();
                wanted.any(|commit| repository.follows(had, *commit).unwrap_or(false))
            })
        };
        if (repository.is_shallow() || !repository.has(one.commit))
            && ([head.branch.as_deref(), default].contains(&Some(branch)) || had_it())
        {
            branches.push(branch);
        }
    }
    let is_shallow = repository.is_shallow();
    for by in DEEPENED_BY {
        for branch in &branches {
            let brought = match is_shallow {
                true => transport.deepen(&format!("refs/heads/{branch}"), by, side),
                false => transport.fetch(branch, Depth::Whole, side),
            };
            brought.map_err(not_asked)?;
        }
        *repository = repository.again().map_err(failed)?;
        if are_public(repository).map_err(failed)? {
            return Ok(Published { tips, warning });
        }
        if !repository.is_shallow() || branches.is_empty() {
            break;
        }
    }
    Err(unpublished(repository))
}
