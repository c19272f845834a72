//! What becomes of a scalar that Flux writes, where its image policies are carried out.

use super::{Choice, Outcome};
use crate::engine::answer::{Answers, Refusal};
use crate::engine::code::Code;
use crate::engine::flux_policies::Marker;

/// What stands at a marker from now on, and by which choice.
pub(super) fn outcome(marker: &Marker, now: &str, answers: &Answers) -> (Outcome, Option<Choice>) {
    let answer = match answers.get(&marker.lookup) {
        Some(Ok(answer)) => answer,
        Some(Err(refusal)) => return (Outcome::Failed(refusal.clone()), None),
        None => {
            let refusal = Refusal {
                code: Code::Unresolved,
                cause: "nothing answered for its image policy".to_owned(),
                hint: None,
            };
            return (Outcome::Failed(refusal), None);
        }
    };
    let new = marker.text(now, answer);
    let choice = answer.chosen.as_ref().map(|chosen| Choice {
        policy: marker.policy.clone(),
        from: marker.tag_now.clone().unwrap_or_else(|| chosen.tag.clone()),
        to: chosen.tag.clone(),
        counts: chosen.counts,
        no_digest: None,
    });
    let outcome = match new == now {
        true => Outcome::Ok,
        false => Outcome::Outdated(new),
    };
    (outcome, choice)
}
