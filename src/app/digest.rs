//! Runs `imago digest`: resolves the images that are named.

use std::collections::BTreeSet;

use super::commit::BareHead;
use super::gate::PlatformLoss;
use super::observer::Observer;
use super::resolve::Wanted;
use super::source::{LockPlace, LockUse, Registries, Source};
use super::workspace::Workspace;
use crate::engine::answer::Refusal;
use crate::engine::image::{Digest, Lookup};
use crate::io::registry;

/// The checked options of `imago digest`.
#[derive(Clone, Debug)]
pub struct DigestRequest {
    /// The images as written, each with its lookup, in the order of the output. Equal lookups are resolved once.
    pub images: Vec<(String, Lookup)>,
    /// The lock file. It is read only with `offline`, and never written.
    pub lock: LockUse,
    /// How to ask registries.
    pub registries: registry::Settings,
}

/// The result of `imago digest`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digests {
    /// One for each image, in order.
    pub found: Vec<ImageDigest>,
    /// Warnings that come with answers.
    pub warnings: Vec<String>,
}

/// The answer for one image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageDigest {
    /// The image as written.
    pub image: String,
    /// The digest that its tag has now, or why it is unknown.
    pub digest: Result<Digest, Refusal>,
    /// The steps that led to the answer: which hosts were asked, with whose credentials, and what they answered. No step contains
    /// a secret.
    pub way: Vec<String>,
}

/// Resolves every image. Fails only if nothing can be asked at all.
pub async fn run(
    request: &DigestRequest,
    at: &Workspace,
    observer: &dyn Observer,
) -> anyhow::Result<Digests> {
    let registries = request.registries.reached(|path| at.reach(path));
    let (lock, place) = match at.in_commit(&request.lock.path) {
        Some(path) if request.lock.offline => {
            let head = BareHead::open(at)?;
            let bytes = head.committed().file(&path).map_err(|problem| *problem)?;
            (request.lock.at(path), LockPlace::Commit(bytes))
        }
        _ => {
            let lock = request.lock.reached(at);
            let place = LockPlace::File(lock.path.clone());
            (lock, place)
        }
    };
    let source = Source::open(&lock, &place, &registries, &Registries::default())?;
    let wanted: Wanted = request
        .images
        .iter()
        .map(|(_, lookup)| (lookup.clone(), BTreeSet::new()))
        .collect();
    let note = |event| observer.note(event);
    let sourced = source.ask(&wanted, PlatformLoss::Allow, note).await;
    let found = |(image, lookup): &(String, Lookup)| {
        let answer = sourced
            .answers
            .get(lookup)
            .expect("every lookup that is asked is answered");
        ImageDigest {
            image: image.clone(),
            digest: answer
                .as_ref()
                .map(|answer| answer.digest.clone())
                .map_err(Clone::clone),
            way: sourced
                .ways
                .get(&lookup.to_string())
                .cloned()
                .unwrap_or_default(),
        }
    };
    Ok(Digests {
        found: request.images.iter().map(found).collect(),
        warnings: sourced.warnings.clone(),
    })
}
