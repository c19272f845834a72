//! The tags of a repository, a line each, and what a policy comes to.

use std::fmt::Write;

use super::TAKES_ALL;
use crate::app::report::{Place, Problem};
use crate::app::tags::{Listed, Standing, Tags, TagsRequest};
use crate::cli::render::{Printable, Styles, counted};
use crate::engine::answer::Refusal;
use crate::engine::hold::Hold;

/// How wide the column of tags is made, in characters. A longer tag moves its own line alone.
const WIDEST: usize = 48;

/// The tags. Without a policy they are all that a line has, for programs.
pub fn tags(tags: &Tags, request: &TagsRequest, styles: &Styles) -> String {
    let Ok(listed) = &tags.listed else {
        return String::new();
    };
    if request.policy.is_none() {
        return listed
            .iter()
            .map(|listed| format!("{}\n", listed.tag))
            .collect();
    }
    let widths = listed.iter().map(|listed| listed.tag.len());
    let width = widths.filter(|width| *width <= WIDEST).max().unwrap_or(0);
    let mut text = String::new();
    for Listed { tag, standing } in listed {
        write!(text, "{tag:width$}  ").expect(TAKES_ALL);
        let is_now = tag == request.lookup.tag();
        let now = if is_now { ", the tag now" } else { "" };
        let Styles {
            change,
            good,
            faint,
            ..
        } = styles;
        match standing {
            Standing::Winner if is_now => writeln!(text, "{good}stays{good:#}{now}"),
            Standing::Winner => writeln!(text, "{change}wins{change:#}"),
            Standing::Candidate | Standing::Unjudged => writeln!(text, "candidate{now}"),
            Standing::Gone => writeln!(text, "candidate, but the registry has no such image{now}"),
            Standing::Other(reason) => {
                let reason = reason.to_string();
                writeln!(text, "{faint}no: {}{now}{faint:#}", Printable(&reason))
            }
        }
        .expect(TAKES_ALL);
    }
    text
}

/// `1204 tags, 900 allowed, 850 understood; `minor` goes from 1.4.2 to 1.5.0 (sha256:…)`.
pub fn tags_summary(tags: &Tags, request: &TagsRequest, styles: &Styles) -> String {
    let Ok(listed) = &tags.listed else {
        return String::new();
    };
    let mut said = match listed.len() {
        0 => "no tag".to_owned(),
        count => counted(count, "tag"),
    };
    let (Some(policy), Some(Ok((chosen, digest)))) = (&request.policy, &tags.taken) else {
        return said + "\n";
    };
    let Styles { strong, .. } = styles;
    if let Some(counts) = chosen.counts {
        let (allowed, understood) = (counts.allowed, counts.understood);
        write!(said, ", {allowed} allowed, {understood} understood").expect(TAKES_ALL);
    }
    let (now, policy) = (request.lookup.tag(), Printable(policy.text()).to_string());
    let outcome = match &chosen.obstacle {
        Some(obstacle) => Printable(&Hold::by_policy(obstacle, now, &policy).reason).to_string(),
        None if chosen.tag == now => {
            format!("`{policy}` {strong}stays{strong:#} on {now} ({digest})")
        }
        None => format!(
            "`{policy}` goes from {now} to {strong}{}{strong:#} ({digest})",
            chosen.tag
        ),
    };
    let by = if request.is_of_settings {
        "by the settings, "
    } else {
        ""
    };
    format!("{said}; {by}{outcome}\n")
}

/// Why there is no list, or why it cannot be said what the policy takes.
pub fn tags_problems(tags: &Tags, request: &TagsRequest) -> Vec<Problem> {
    let problem = |what: &str, refusal: &Refusal| Problem {
        code: refusal.code,
        what: format!("cannot {what} `{}`", request.image),
        place: Place::default(),
        cause: refusal.cause.clone(),
        hint: refusal.hint.clone(),
    };
    match (&tags.listed, &tags.taken) {
        (Err(refusal), _) => vec![problem("list the tags of", refusal)],
        (_, Some(Err(refusal))) => vec![problem("resolve what the policy takes for", refusal)],
        _ => Vec::new(),
    }
}
