//! Requests at the forge, around a push: looked up before it, and made, changed or closed after it.
//!
//! [`decide`](crate::engine::propose::decide) says what is done. Here is the order: what the forge has, the push (`app/commit/requests.rs`),
//! and then the request (`app/proposer.rs`). A forge that fails is a problem of the run, and what was pushed stays.

use std::sync::Arc;

use super::commit::Session;
use super::pass::Pass;
use super::proposer::{Proposal, failed};
use super::report::{ProposedState, Report};
use super::threads::aside;
use crate::engine::propose::Act;

/// Looks up the requests of a run's branches, before anything is pushed. A forge that cannot be asked is a problem of the run.
pub(super) async fn look_up(
    session: Session,
    pass: Arc<Pass>,
    report: &mut Report,
) -> anyhow::Result<Session> {
    let Some(proposer) = session.proposer() else {
        return Ok(session);
    };
    let name = session.branch().to_owned();
    let open = match proposer.open_from(&name).await {
        Ok(open) => Some(open),
        Err(error) => {
            report.problems.push(failed(&error));
            None
        }
    };
    let is_known = open.is_some();
    let (mut session, mut targets) = aside(move || session.targets(&pass, open)).await?;
    if is_known && let Err(error) = proposer.look_up_closed(&mut targets).await {
        report.problems.push(failed(&error));
        targets
            .iter_mut()
            .for_each(|target| target.is_known = false);
    }
    session.take_targets(targets);
    Ok(session)
}

/// Makes, changes and closes requests, after the push.
pub(super) async fn settle(
    session: Box<Session>,
    proposals: Vec<Proposal>,
    report: &mut Report,
) -> anyhow::Result<()> {
    let Some(proposer) = session.proposer() else {
        return Ok(());
    };
    let mut stale = Vec::new();
    let mut proposals = proposals;
    // What is not proposed needs none, and there may be many of these.
    for proposal in proposals.iter_mut().filter(|it| !it.is_over_limit) {
        proposal.take_notes(report);
    }
    for proposal in proposals {
        let target = &proposal.target;
        let mut proposed = proposer.reported(&proposal);
        let settled = match report.dry_run || proposal.is_over_limit {
            true => None,
            false => Some(proposer.settle(&proposal, report).await),
        };
        let deletes = matches!(
            proposal.act,
            Act::DeleteBranch | Act::Close { delete: true }
        );
        let mut request = target.open.clone().or(target.elsewhere.clone());
        match settled {
            Some(Ok(settled)) => {
                proposed.state = settled.done;
                request = settled.request.or(request);
                report.warnings.extend(settled.warnings);
                report.problems.extend(settled.problem);
            }
            Some(Err(error)) => {
                proposed.state = ProposedState::Failed;
                report.problems.push(failed(&error));
            }
            None => {}
        }
        if let Act::StaysClosed(number) = proposal.act {
            request = target.closed.iter().find(|it| it.number == number).cloned();
        }
        if let Some(request) = request {
            proposed.reference = Some(proposer.reference(request.number));
            proposed.number = Some(request.number);
            proposed.url = Some(request.url).filter(|url| !url.is_empty());
        }
        if deletes && !report.dry_run && proposed.state != ProposedState::Failed {
            stale.push(proposal.target);
        }
        report.problems.extend(proposal.refused);
        report.proposed.push(proposed);
    }
    if !stale.is_empty() {
        let problems = aside(move || session.delete(&stale)).await;
        report.problems.extend(problems);
    }
    Ok(())
}
