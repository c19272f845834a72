//! Runs `imago tags`: lists the tags of a repository, and says what a policy makes of each.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::choose::{self, MOST_TRIES};
use super::observer::{Event, Observer};
use super::source;
use super::workspace::Workspace;
use crate::engine::answer::{Chosen, Refusal};
use crate::engine::image::{Digest, Lookup};
use crate::engine::version::{Obstacle, Policy, Reason, Strategy, TagList, judge};
use crate::io::registry;
use crate::io::resolver::Resolver;

/// The checked options of `imago tags`.
#[derive(Clone, Debug)]
pub struct TagsRequest {
    /// The image as written.
    pub image: String,
    /// Its repository, and the tag that it is on now.
    pub lookup: Lookup,
    /// What chooses among the tags. `None`: they are listed, and nothing else.
    pub policy: Option<Arc<Policy>>,
    /// Whether the settings have chosen the policy.
    pub is_of_settings: bool,
    /// How to ask registries.
    pub registries: registry::Settings,
}

/// The result of `imago tags`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tags {
    /// All tags of the repository, or why they are unknown. With a policy, the candidates come first, the best before all; the others
    /// follow by their bytes.
    pub listed: Result<Vec<Listed>, Refusal>,
    /// The tag that the policy takes and its digest, or why it cannot be said. `None` without a policy, and where there is no list.
    pub taken: Option<Result<(Chosen, Digest), Refusal>>,
    /// Warnings that come with answers.
    pub warnings: Vec<String>,
    /// The steps that led to the answer, by what was asked for. No step contains a secret.
    pub ways: Vec<(String, Vec<String>)>,
}

/// A tag of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The tag.
    pub tag: String,
    /// What the policy makes of it.
    pub standing: Standing,
}

/// What a policy makes of a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing was asked.
    Unjudged,
    /// The policy takes it.
    Winner,
    /// It fits, and another is better, or something keeps the image on its tag.
    Candidate,
    /// It fits, and the registry has no such image, though its list has the tag.
    Gone,
    /// It does not fit, for this reason.
    Other(Reason),
}

/// Asks for the list, and for the best of it. Fails only if nothing can be asked at all.
pub async fn run(
    request: &TagsRequest,
    at: &Workspace,
    observer: &dyn Observer,
) -> anyhow::Result<Tags> {
    let settings = request.registries.reached(|path| at.reach(path));
    let registry = source::registries(&settings)?;
    observer.note(Event::Started { total: 1 });
    let lookup = &request.lookup;
    let listed = registry.tags(lookup).await;
    let idle = match (&listed, &request.policy) {
        (Ok(tags), Some(policy)) => policy.idle(tags),
        _ => Vec::new(),
    };
    let (listed, taken) = match (listed, &request.policy) {
        (Err(refusal), _) => (Err(refusal), None),
        (Ok(tags), None) => {
            let unjudged = |tag: &String| Listed {
                tag: tag.clone(),
                standing: Standing::Unjudged,
            };
            (Ok(tags.iter().map(unjudged).collect()), None)
        }
        (Ok(tags), Some(policy)) => {
            let question = lookup.clone().by(Arc::clone(policy));
            let taken = choose::answer(&*registry, &question).await;
            let taken = taken.map(|answer| {
                let chosen = answer.chosen.expect("the question has a policy");
                (*chosen, answer.digest)
            });
            let winner = taken.as_ref().ok().map(|(chosen, _)| chosen);
            (Ok(judged(&tags, lookup, policy, winner)), Some(taken))
        }
    };
    let steps = |(asked, steps): (Lookup, Vec<registry::Step>)| {
        let steps = steps.iter().map(ToString::to_string).collect();
        (asked.to_string(), steps)
    };
    let warned = |(asked, texts): (Lookup, Vec<String>)| {
        let texts = texts.into_iter();
        texts.map(move |text| format!("`{asked}`: {text}"))
    };
    Ok(Tags {
        listed,
        taken,
        warnings: (registry.warnings().into_iter().flat_map(warned))
            .chain(idle)
            .collect(),
        ways: registry.trace().into_iter().map(steps).collect(),
    })
}

/// The tags with what the policy makes of each. A candidate before the one that was taken was tried, and is gone.
fn judged(tags: &TagList, now: &Lookup, policy: &Policy, taken: Option<&Chosen>) -> Vec<Listed> {
    let names = || tags.iter().map(String::as_str);
    let mut ranking = tags.rank(now.tag(), policy, usize::MAX);
    let place_of = |chosen: &Chosen| ranking.candidates.iter().position(|tag| *tag == chosen.tag);
    // Where all candidates are older than the tag now, none was tried.
    let is_tried =
        |chosen: &&Chosen| !matches!(chosen.obstacle, Some(Obstacle::NewerThanPolicy(_)));
    let taken = taken.filter(is_tried);
    let mut winner = taken.map(|chosen| place_of(chosen).unwrap_or(usize::MAX));
    // With `newest`, nothing in a tag says which of the others is better.
    if let (Strategy::Newest, Some(place)) = (&policy.strategy, winner)
        && let Some(first) = ranking.candidates.get_mut(..=place)
    {
        first.rotate_right(1);
        winner = Some(0);
    }
    let candidates = ranking.candidates.iter().enumerate().map(|(place, tag)| {
        let standing = match winner {
            Some(winner) if place == winner => Standing::Winner,
            Some(winner) if place < winner.min(MOST_TRIES) => Standing::Gone,
            _ => Standing::Candidate,
        };
        ((*tag).to_owned(), standing)
    });
    let is_candidate: BTreeSet<&str> = ranking.candidates.iter().copied().collect();
    let others = judge(names(), now.tag(), policy)
        .into_iter()
        .filter(|(tag, _)| !is_candidate.contains(tag))
        .map(|(tag, fits)| {
            let standing = fits.map_or_else(Standing::Other, |()| Standing::Candidate);
            (tag.to_owned(), standing)
        });
    let listed = |(tag, standing)| Listed { tag, standing };
    candidates.chain(others).map(listed).collect()
}
