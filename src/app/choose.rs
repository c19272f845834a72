//! Finds the tag that a policy takes, and its digest: one list of a repository's tags, then one question for the best of them.
//!
//! A list may name tags that are gone. So the candidates are tried best first, and one that does not exist moves on to the next. Any other
//! refusal ends it: an older tag must not be taken because the newest could not be read.

use crate::engine::answer::{Answer, Chosen, Refusal};
use crate::engine::code::Code;
use crate::engine::image::{Digest, Lookup};
use crate::engine::version::{Policy, rank};
use crate::io::resolver::Resolver;

/// How many candidates are tried. A proxy may list thousands that it does not have.
pub(super) const MOST_TRIES: usize = 10;

/// The digest of a lookup's tag, or of the tag that its policy takes instead. No recorded digest is compared with it yet.
pub(super) async fn answer<R: Resolver>(resolver: &R, lookup: &Lookup) -> Result<Answer, Refusal> {
    let Some(policy) = lookup.policy() else {
        return Ok(Answer::new(resolver.resolve(lookup).await?));
    };
    let tags = resolver.tags(lookup).await?;
    let chosen = choose(resolver, lookup, policy, &tags).await;
    chosen.map(|(digest, chosen)| Answer {
        chosen: Some(Box::new(chosen)),
        ..Answer::new(digest)
    })
}

async fn choose<R: Resolver>(
    resolver: &R,
    lookup: &Lookup,
    policy: &Policy,
    tags: &[String],
) -> Result<(Digest, Chosen), Refusal> {
    let now = lookup.tag();
    // A list may be long, and so may be what is made of it: only what is tried is kept while questions are under way.
    let (mut chosen, candidates) = {
        let ranking = rank(tags.iter().map(String::as_str), now, policy);
        let candidates = ranking.candidates.iter().take(MOST_TRIES);
        let candidates: Vec<String> = candidates.map(|tag| (*tag).to_owned()).collect();
        let chosen = Chosen {
            tag: now.to_owned(),
            best: ranking.best.map(str::to_owned),
            counts: Some(ranking.counts),
            obstacle: ranking.obstacle,
        };
        (chosen, candidates)
    };
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
    if chosen.obstacle.is_none() {
        chosen.best = Some(now.to_owned());
    }
    match resolver.resolve(&lookup.at(now)).await {
        Err(refusal) if refusal.code == Code::NotFound => Err(gone.unwrap_or(refusal)),
        digest => Ok((digest?, chosen)),
    }
}
