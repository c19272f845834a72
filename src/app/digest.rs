//! The resolver on its own: the digest of each image that is named.

use std::collections::BTreeSet;

use super::observer::Observer;
use super::resolve::{PlatformLoss, Wanted};
use super::source::{LockUse, Source};
use super::workspace::Workspace;
use crate::engine::answer::Refusal;
use crate::engine::image::{Digest, Lookup};
use crate::io::registry;

/// What `imago digest` is asked, checked.
#[derive(Clone, Debug)]
pub struct Request {
    /// The images as written, each with what it asks, in the order of the answer; equal questions are asked once.
    pub images: Vec<(String, Lookup)>,
    /// The lock file, read with `offline` only and never written.
    pub lock: LockUse,
    /// How registries are asked.
    pub registries: registry::Settings,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Digests {
    /// One for each image, in order.
    pub found: Vec<Found>,
    /// What a person should know although there is an answer.
    pub warnings: Vec<String>,
}

/// One image's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The image as written.
    pub image: String,
    /// The digest that its tag has now, or why there is none.
    pub digest: Result<Digest, Refusal>,
    /// How the answer was found: who was asked, with whose credentials, and what came back. No step holds a secret.
    pub way: Vec<String>,
}

/// Looks every image up; `Err` only where nothing can be asked at all.
pub async fn run(
    request: &Request,
    at: &Workspace,
    observer: &dyn Observer,
) -> anyhow::Result<Digests> {
    let registries = request.registries.reached(|path| at.reach(path));
    let source = Source::open(&request.lock.reached(at), &registries)?;
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
        Found {
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
