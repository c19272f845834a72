//! A branch that goes on: the checked-out one, or the remote's default branch. It is built on what the remote has, and never forced.

use super::published::{Sent, refuse_unpublished};
use super::{Aim, Content, Follower, Strategy, bring, content_of_head};
use crate::app::commit::owner::{below_ours, first_foreign};
use crate::app::commit::{CHANGE_TRAILER, fault, not_pushed, refused};
use crate::app::report::Problem;
use crate::engine::code::Code;
use crate::io::git::GitError;
use crate::io::git::identity::Identity;
use crate::io::git::repository::{CommitId, Head, Repository};
use crate::io::git::transport::{Depth, Heads, Side, Transport};

/// The branch that HEAD names, or the remote's default branch: built on what the remote has, and never forced.
pub(super) fn onward(
    repository: &mut Repository,
    head: &Head,
    identity: &Identity,
    transport: &Transport,
    name: &str,
    heads: &Heads,
    follower: Follower,
) -> Result<Aim, Box<Problem>> {
    let failed = |error: GitError| Box::new(refused(&error));
    let remote = transport.remote();
    let before = repository.remote_branch(remote, name);
    if let Some(tip) = heads.tip {
        bring(
            repository,
            transport,
            name,
            tip,
            (Depth::Whole, Side::Fetched),
        )?;
    }
    let mut places = vec![heads.clone()];
    if transport.has_two_sides() {
        places = (0..transport.places())
            .map(|place| transport.look(name, Side::Pushed(place)))
            .collect::<Result<_, _>>()
            .map_err(|error| not_pushed(transport, &error))?;
    }
    let tips: Vec<Option<CommitId>> = places.iter().map(|at| at.tip).collect();
    let mut tip = heads.tip;
    if tips.len() > 1 {
        tip = furthest(repository, transport, name, tip, &tips)?;
    }
    let built_on = tip.unwrap_or(head.commit);
    let (mut lacking, mut warning) = (Vec::new(), None);
    for (side, at) in transport.targets().into_iter().zip(&places) {
        if let Some(at) = at.tip {
            bring(repository, transport, name, at, (Depth::Whole, side))?;
            let beyond = repository.beyond(&[at], built_on).map_err(failed)?;
            let foreign = first_foreign(repository, &beyond, name).map_err(failed)?;
            if foreign.is_none() {
                lacking.extend(beyond);
                continue;
            }
        }
        // Commits of ours may wait on it, here as at another place.
        let commit = below_ours(repository, built_on, name).map_err(failed)?;
        let sent = Sent {
            tip: built_on,
            commit,
            side,
            at,
        };
        let published = refuse_unpublished(repository, head, transport, name, &sent)?;
        let known = [&published.tips[..], &[commit]].concat();
        lacking.extend(repository.beyond(&known, built_on).map_err(failed)?);
        warning = warning.or(published.warning);
    }
    // A push to one of several places may have failed, and no new commit need ever come.
    let lags = tips.len() > 1 && tips.iter().any(|at| *at != tip);
    let aim = |base, content, waiting| {
        let strategy = Strategy::Onward {
            follower,
            waiting: waiting || lags,
            tips: tips.clone(),
        };
        Aim {
            branch: Some(name.to_owned()),
            base,
            content,
            strategy,
            warning: warning.clone(),
            into: None,
            foreign: None,
        }
    };
    let ahead = match tip {
        Some(tip) if follower == Follower::Nothing => return Ok(aim(tip, Content::Commit, false)),
        Some(tip) => repository.beyond(&[tip], head.commit).map_err(failed)?,
        None => lacking,
    };
    let of_head = content_of_head(repository, head)?;
    if let Some((commit, evidence)) = first_foreign(repository, &ahead, name).map_err(failed)? {
        return Err(fault(
            Code::GitUnpushed,
            format!("cannot push `{name}`"),
            format!("its commit {commit} is not at `{remote}`, and is not imago's{evidence}"),
            "push your own commits first, or take them off this branch",
        ));
    }
    let (base, content) = match tip {
        Some(tip) if !repository.follows(head.commit, tip).map_err(failed)? => {
            // What waited goes on the new tip: this run may be about other files than those that made it.
            let base = repository
                .replay(&ahead, tip, CHANGE_TRAILER, identity)
                .map_err(failed)?;
            (base, Content::Commit)
        }
        _ => (head.commit, of_head),
    };
    let waits = !ahead.is_empty() && Some(base) != tip;
    if waits {
        refuse_taken_back(repository, transport, name, &ahead, tip, (before, &tips))?;
    }
    Ok(aim(base, content, waits))
}

/// Where a branch is at that one of several places which has the most of our commits beyond this tip.
fn furthest(
    repository: &mut Repository,
    transport: &Transport,
    name: &str,
    tip: Option<CommitId>,
    tips: &[Option<CommitId>],
) -> Result<Option<CommitId>, Box<Problem>> {
    let failed = |error: GitError| Box::new(refused(&error));
    let Some(mut furthest) = tip else {
        return Ok(None);
    };
    for (place, at) in tips.iter().enumerate() {
        let Some(at) = at.filter(|at| *at != furthest) else {
            continue;
        };
        let side = Side::Pushed(place);
        bring(repository, transport, name, at, (Depth::Whole, side))?;
        if repository.follows(at, furthest).map_err(failed)? {
            let beyond = repository.beyond(&[furthest], at).map_err(failed)?;
            if first_foreign(repository, &beyond, name)
                .map_err(failed)?
                .is_none()
            {
                furthest = at;
            }
        }
    }
    for at in tips.iter().flatten() {
        if !repository.follows(furthest, *at).map_err(failed)? {
            let remote = transport.remote();
            return Err(fault(
                Code::GitDiverged,
                format!("cannot push `{name}` to all places of `{remote}`"),
                format!("one of its `pushurl`s has the commit {at} there, which another lacks"),
                "bring them to the same commit, or take that `pushurl` away (`git remote get-url --push --all` lists them)",
            ));
        }
    }
    Ok(Some(furthest))
}

/// Refuses to push again what the remote had and somebody has taken off it: this clone is behind, and does not know why.
fn refuse_taken_back(
    repository: &Repository,
    transport: &Transport,
    name: &str,
    ahead: &[CommitId],
    tip: Option<CommitId>,
    (before, tips): (Option<CommitId>, &[Option<CommitId>]),
) -> Result<(), Box<Problem>> {
    let failed = |error: GitError| Box::new(refused(&error));
    let remote = transport.remote();
    let mut was_on = repository
        .remote_branch_was_on(remote, name)
        .map_err(failed)?;
    was_on.extend(before);
    was_on.extend(repository.noted_pushed(remote));
    let now: Vec<CommitId> = tips.iter().flatten().copied().collect();
    for commit in ahead {
        if !repository.is_reachable(*commit, &was_on).map_err(failed)?
            || repository.is_reachable(*commit, &now).map_err(failed)?
        {
            continue;
        }
        let way_out = tip.map_or_else(
            || "push the branch yourself, or check out another one".to_owned(),
            |tip| {
                let take_off = match repository.is_bare() {
                    true => format!("`git update-ref refs/heads/{name} {tip}`"),
                    false => format!("`git status`, then `git reset --keep {tip}`"),
                };
                format!(
                    "run {take_off} to take it off here too; or push it yourself, if it shall come back"
                )
            },
        );
        return Err(fault(
            Code::GitTakenBack,
            format!("cannot push `{name}`"),
            format!("`{remote}` had its commit {commit}, and somebody has taken it off"),
            &way_out,
        ));
    }
    Ok(())
}
