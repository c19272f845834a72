//! Whether the remote has what a push would carry along: a person's commits go there when that person says so.

use crate::app::commit::{fault, not_pushed, refused};
use crate::app::report::Problem;
use crate::engine::code::Code;
use crate::io::git::GitError;
use crate::io::git::repository::{CommitId, Head, Repository};
use crate::io::git::transport::{Depth, Side, Transport};

/// The references in which a forge keeps requests: what is merged or built of them, and is on no branch yet.
const OF_REQUESTS: [&str; 3] = ["refs/pull/", "refs/merge-requests/", "refs/pull-requests/"];

/// Refuses where no branch or tag of a place has a commit that is built on. Where it is there as a request alone, that is what is returned to
/// be said.
pub(super) fn refuse_unpublished(
    repository: &mut Repository,
    head: &Head,
    transport: &Transport,
    name: &str,
    (commit, side, default): (CommitId, Side, Option<&str>),
) -> Result<Option<String>, Box<Problem>> {
    let failed = |error: GitError| Box::new(refused(&error));
    let not_asked = |error| not_pushed(transport, &error);
    let remote = transport.remote();
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
    if !transport.may_have(commit, side).map_err(not_asked)? {
        return Err(unpublished(repository));
    }
    // It keeps for a while what nobody sees any more, and forges keep one store for a repository and its forks. What is public follows from
    // a reference.
    let references = transport.references_of(side).map_err(not_asked)?;
    let mut here = references.iter().filter(|one| one.commit == commit);
    if let Some(request) = here
        .clone()
        .find(|one| OF_REQUESTS.iter().any(|begin| one.name.starts_with(begin)))
        && !here.clone().any(|one| one.name.starts_with("refs/heads/"))
    {
        return Ok(Some(format!(
            "HEAD is `{}` of `{remote}`: the branch `{name}` contains the commits of that request, which are on no branch yet",
            request.name
        )));
    }
    let commits: Vec<CommitId> = references.iter().map(|one| one.commit).collect();
    if here.next().is_some() || repository.is_reachable(commit, &commits).map_err(failed)? {
        return Ok(None);
    }
    let mut branches: Vec<&str> = Vec::new();
    for one in &references {
        let Some(branch) = one.name.strip_prefix("refs/heads/") else {
            continue;
        };
        let had_it = || {
            let had = repository.remote_branch(remote, branch);
            had.is_some_and(|had| repository.follows(had, commit).unwrap_or(false))
        };
        if !repository.has(one.commit)
            && ([head.branch.as_deref(), default].contains(&Some(branch)) || had_it())
        {
            branches.push(branch);
        }
    }
    for branch in branches {
        transport
            .fetch(branch, Depth::Whole, side)
            .map_err(not_asked)?;
    }
    *repository = repository.again().map_err(failed)?;
    match repository.is_reachable(commit, &commits).map_err(failed)? {
        true => Ok(None),
        false => Err(unpublished(repository)),
    }
}
