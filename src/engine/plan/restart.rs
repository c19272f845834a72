//! Plans to have a workload's pods replaced, so that they pull what their tags point to now.
//!
//! It changes no image but those that were put on a digest before, which go back to their tags. Where a pull would not happen, nothing is
//! changed: pods would be replaced for nothing, or would go back to an image that a node still has.

use super::{Change, Outcome, Plan, Rules, Standing, change_image, consider, followed, invalid, not_text, recorded, text};
use crate::engine::answer::{Answers, Refusal};
use crate::engine::image::{DEFAULT_TAG, ImageRef};
use crate::engine::policy::{self, Follow, Return, Wish};
use crate::engine::running::{Pods, Purpose, Word};
use crate::engine::workload::{Container, Image, Kind, PullPolicy};

/// Plans the restart of a workload with pods that are not on their tag's digest. `now` is in RFC 3339. `Err`: its record cannot be
/// relied on, and all of it is left as it is.
pub fn restart(pods: &Pods<'_>, rules: &Rules, answers: &Answers, now: &str) -> Result<Plan, Refusal> {
    let workload = &pods.live.workload;
    let recorded = recorded(workload, rules)?;
    let mut plan = Plan::default();
    let mut still_needed = false;
    let mut back = Vec::new();
    for (container, standing) in consider(workload, &recorded, rules) {
        let Image::Text(image) = &container.image else {
            plan.outcomes.push(not_text(&container.image));
            back.push(None);
            continue;
        };
        let outcome = match standing {
            Standing::LeftOut(how) => Outcome::Ignored(how),
            Standing::Taken(Wish::Variable) => Outcome::Variable,
            Standing::Taken(Wish::Fixed) => Outcome::Fixed,
            Standing::Taken(Wish::Invalid(error)) => Outcome::Failed(invalid(error)),
            Standing::Taken(Wish::Follow(follow)) => seen(image, container, &follow, answers, pods),
        };
        let original = match policy::restore(image, recorded.image(container)) {
            Return::To(original) => Some(original),
            Return::There | Return::Stays(_) => None,
        };
        let taken = matches!(outcome, Outcome::Ok | Outcome::Stale { .. } | Outcome::Unchecked(_));
        still_needed |= original.is_some() && !taken;
        back.push(original.filter(|_| taken));
        plan.outcomes.push(Some(outcome));
    }
    let is_stale = |outcome: &Option<Outcome>| matches!(outcome, Some(Outcome::Stale { .. }));
    if !plan.outcomes.iter().any(is_stale) {
        return Ok(plan);
    }
    let touched = workload
        .containers
        .iter()
        .zip(&plan.outcomes)
        .zip(&back)
        .filter(|((_, outcome), back)| is_stale(outcome) || back.is_some());
    let mut pulls = touched.map(|((container, _), back)| (container, pull_policy(container, back.as_deref())));
    if let Some((container, policy)) = pulls.find(|(_, policy)| *policy != PullPolicy::Always) {
        let why = format!("the pull policy of `{}` is {}", container.name, policy.name());
        return Ok(left_alone(
            plan,
            &match workload.kind {
                Kind::CronJob => format!("a CronJob is not restarted, and its next run may not pull: {why}"),
                Kind::Deployment | Kind::DaemonSet | Kind::StatefulSet => format!("a restart would not pull: {why}"),
            },
        ));
    }
    if workload.kind == Kind::CronJob && back.iter().all(Option::is_none) {
        return Ok(left_alone(plan, "a CronJob is not restarted: its next run pulls by itself"));
    }
    for ((container, outcome), original) in workload.containers.iter().zip(&mut plan.outcomes).zip(back) {
        let (Some(outcome), Some(original)) = (outcome, original) else { continue };
        plan.changes.push(change_image(workload, container, &original));
        match outcome {
            Outcome::Stale { back, .. } => *back = Some(original),
            _ => *outcome = Outcome::Restored(original),
        }
    }
    if recorded.originals.is_some() && !still_needed {
        plan.changes.push(Change { at: workload.record_path(), from: text(&workload.record), to: None });
    }
    if workload.kind != Kind::CronJob {
        let from = pods.live.restarted_at().map(str::to_owned);
        plan.changes.push(Change { at: workload.restarted_path(), from, to: Some(now.to_owned()) });
    }
    Ok(plan)
}

/// What the pods say of a container that follows a tag.
fn seen(image: &str, container: &Container, follow: &Follow, answers: &Answers, pods: &Pods<'_>) -> Outcome {
    match (followed(image, follow, answers), answers.get(&follow.lookup)) {
        (Outcome::Ok | Outcome::Outdated(_), Some(Ok(answer))) => match pods.say(container, &answer.digest, Purpose::Restart) {
            Word::Agrees => Outcome::Ok,
            Word::Differs(running) => Outcome::Stale { running, digest: answer.digest.clone(), back: None },
            Word::Nothing(reason) => Outcome::Unchecked(reason.to_owned()),
        },
        (outcome, _) => outcome,
    }
}

/// When a node pulls the image that the container will have. Without a word, the API server's default: `Always` for `latest` alone.
fn pull_policy(container: &Container, back: Option<&str>) -> PullPolicy {
    container.pull_policy.unwrap_or_else(|| {
        let image = back.or(container.image.text()).and_then(|image| ImageRef::parse(image).ok());
        match image {
            Some(image) if image.digest().is_none() && image.lookup().tag == DEFAULT_TAG => PullPolicy::Always,
            _ => PullPolicy::IfNotPresent,
        }
    })
}

fn left_alone(mut plan: Plan, why: &str) -> Plan {
    for outcome in plan.outcomes.iter_mut().flatten() {
        if let Outcome::Stale { running, digest, .. } = outcome {
            *outcome = Outcome::Kept(format!("a pod runs {running}, and its tag is on {digest}, but {why}"));
        }
    }
    plan
}
