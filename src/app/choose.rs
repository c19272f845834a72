//! Finds the tag that a policy takes, and its digest: one list of a repository's tags, then one question for the best of them.
//!
//! A list may name tags that are gone. So the candidates are tried best first, and one that does not exist moves on to the next. Any other
//! refusal ends it: an older tag must not be taken because the newest could not be read.

use std::collections::BTreeMap;

use futures_util::future::try_join_all;

use crate::engine::answer::{Answer, Chosen, Refusal};
use crate::engine::code::Code;
use crate::engine::image::{Digest, Lookup};
use crate::engine::version::{
    Built, MOST_CANDIDATES, Policy, Ranking, Strategy, TagList, newest, rank_as_flux,
};
use crate::io::clock;
use crate::io::resolver::Resolver;

/// How many candidates are tried. A proxy may list thousands that it does not have.
pub(super) const MOST_TRIES: usize = 10;

/// The digest of a lookup's tag, or of the tag that its policy takes instead. No recorded digest is compared with it yet.
pub(super) async fn answer<R: Resolver>(resolver: &R, lookup: &Lookup) -> Result<Answer, Refusal> {
    let Some(policy) = lookup.policy() else {
        return Ok(Answer::new(resolver.resolve(lookup).await?));
    };
    let tags = resolver.tags(lookup).await?;
    let ranked = match policy.strategy {
        _ if policy.filter().is_some() => as_flux(lookup, policy, &tags)?,
        Strategy::Newest => by_time(resolver, lookup, policy, &tags).await?,
        _ => Ranked::of(tags.rank(lookup.tag(), policy, MOST_TRIES), lookup),
    };
    drop(tags);
    let chosen = choose(resolver, lookup, ranked).await;
    chosen.map(|(digest, chosen)| Answer {
        chosen: Some(Box::new(chosen)),
        ..Answer::new(digest)
    })
}

/// What is left of a list: it may be long, and only what is tried is kept while questions are under way.
struct Ranked {
    chosen: Chosen,
    candidates: Vec<String>,
}

impl Ranked {
    fn of(ranking: Ranking<'_>, lookup: &Lookup) -> Self {
        let candidates = ranking.candidates.iter().take(MOST_TRIES);
        Self {
            candidates: candidates.map(|tag| (*tag).to_owned()).collect(),
            chosen: Chosen {
                tag: lookup.tag().to_owned(),
                best: ranking.best.map(str::to_owned),
                counts: Some(ranking.counts),
                obstacle: ranking.obstacle,
            },
        }
    }
}

async fn choose<R: Resolver>(
    resolver: &R,
    lookup: &Lookup,
    ranked: Ranked,
) -> Result<(Digest, Chosen), Refusal> {
    let now = lookup.tag();
    let Ranked {
        mut chosen,
        candidates,
    } = ranked;
    let mut gone = None;
    for tag in candidates {
        match resolver.resolve(&lookup.at(&tag)).await {
            Ok(digest) => {
                chosen.tag.clone_from(&tag);
                chosen.best = Some(tag);
                return Ok((digest, chosen));
            }
            Err(refusal) if refusal.code == Code::NotFound => gone = gone.or(Some(refusal)),
            Err(refusal) => return Err(refusal),
        }
    }
    // A question of Flux has no tag of its own to stay on.
    if let Some(gone) = gone.take_if(|_| lookup.is_of_flux()) {
        return Err(gone);
    }
    if chosen.obstacle.is_none() {
        chosen.best = Some(now.to_owned());
    }
    match resolver.resolve(&lookup.at(now)).await {
        Err(refusal) if refusal.code == Code::NotFound => Err(gone.unwrap_or(refusal)),
        digest => Ok((digest?, chosen)),
    }
}

/// The tags that Flux takes, the best first. The tag now plays no part.
fn as_flux(lookup: &Lookup, policy: &Policy, tags: &TagList) -> Result<Ranked, Refusal> {
    match rank_as_flux(tags.iter().map(String::as_str), policy) {
        Ok(ranking) => Ok(Ranked::of(ranking, lookup)),
        Err(cause) => Err(Refusal {
            code: Code::FluxPolicy,
            cause,
            hint: Some(
                "correct the ImagePolicy; `flux get images policy` says the same".to_owned(),
            ),
        }),
    }
}

/// The candidates of `newest` by when they were built, the last one first. Where the registry says of all of them when they were pushed,
/// that decides, and no image is read.
async fn by_time<R: Resolver>(
    resolver: &R,
    lookup: &Lookup,
    policy: &Policy,
    tags: &TagList,
) -> Result<Ranked, Refusal> {
    let now = lookup.tag();
    let ranking = tags.rank(now, policy, MOST_CANDIDATES + 1);
    if ranking.obstacle.is_some() || ranking.candidates == [now] {
        return Ok(Ranked::of(ranking, lookup));
    }
    if ranking.candidates.len() > MOST_CANDIDATES {
        return Err(Refusal {
            code: Code::TooManyCandidates,
            cause: format!(
                "`{policy}` leaves {} of {} tags, and `newest` compares {MOST_CANDIDATES} at the most",
                ranking.counts.understood, ranking.counts.seen
            ),
            hint: Some("name fewer tags with `allow` and `ignore`".to_owned()),
        });
    }
    let is_candidate = ranking.candidates.contains(&now);
    let asked = ranking.candidates.iter().copied();
    let asked: Vec<&str> = asked.chain((!is_candidate).then_some(now)).collect();
    let pushed = |tag: &&str| Some(((*tag).to_owned(), tags.pushed(tag)?));
    let listed: Option<BTreeMap<_, _>> = asked.iter().map(pushed).collect();
    let pushed = match listed {
        None => resolver.pushed(lookup, &asked).await?,
        listed => listed,
    };
    let built = match pushed {
        Some(pushed) => pushed,
        None => {
            let questions = asked.iter().map(|tag| built(resolver, lookup, tag));
            let built = try_join_all(questions).await?;
            built.into_iter().flatten().collect()
        }
    };
    let ranking = newest(&ranking.candidates, &built, now, ranking.counts);
    Ok(Ranked::of(ranking, lookup))
}

/// When the image of a tag was built. `None`: it is gone, or no image.
async fn built<R: Resolver>(
    resolver: &R,
    lookup: &Lookup,
    tag: &str,
) -> Result<Option<(String, Built)>, Refusal> {
    let digest = match resolver.resolve(&lookup.at(tag)).await {
        Ok(digest) => digest,
        Err(refusal) if refusal.code == Code::NotFound => return Ok(None),
        Err(refusal) => return Err(refusal),
    };
    let details = resolver
        .details(lookup, &digest, |details| details.created.is_some())
        .await?;
    let Some(details) = details else {
        return Ok(None);
    };
    let time = match details.created {
        Some(created) => Built::parse(&created, clock::seconds()),
        None => Err("its configuration has none".to_owned()),
    };
    let time = time.map_err(|why| Refusal {
        code: Code::NoBuildTime,
        cause: format!("the build time of the tag `{tag}` is not known: {why}"),
        hint: Some(match tag == lookup.tag() {
            true => "write another tag there, or use another policy".to_owned(),
            false => "leave the tag out with `ignore`, or use another policy".to_owned(),
        }),
    })?;
    Ok(Some((tag.to_owned(), time)))
}
