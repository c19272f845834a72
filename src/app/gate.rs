//! The gates between the digest that a registry answers and the digest that is written.
//!
//! A gate compares the new digest of a tag with a recorded one. It says why the new one must not replace it, or nothing. The loss of a
//! platform is the only gate so far. Another one is a function like `platform_lost`, called beside it in `judge`.

use std::collections::{BTreeMap, BTreeSet};

use crate::engine::answer::{Manifest, Refusal, lost};
use crate::engine::code::Code;
use crate::engine::hold::Hold;
use crate::engine::image::{Digest, Lookup};
use crate::io::resolver::Resolver;

/// What to do with a new digest that lacks a platform of the recorded one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlatformLoss {
    /// Read both manifests, and hold the new digest back.
    HoldBack,
    /// Take it without reading any manifest.
    Allow,
}

/// What is read of images beside their digests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// What happens to a new digest that lacks a platform.
    pub platform_loss: PlatformLoss,
    /// Whether the report names the sources of what is updated.
    pub sources: bool,
}

impl From<PlatformLoss> for Reading {
    fn from(platform_loss: PlatformLoss) -> Self {
        Self {
            platform_loss,
            sources: false,
        }
    }
}

/// The recorded digests that a tag's new digest must not replace, each with its hold. `Err`: the registry cannot vouch for the new digest.
///
/// Where nothing has moved, no manifest is read.
pub(super) async fn judge<R: Resolver>(
    resolver: &R,
    lookup: &Lookup,
    new: &Digest,
    recorded: &BTreeSet<Digest>,
    platform_loss: PlatformLoss,
) -> Result<BTreeMap<Digest, Hold>, Refusal> {
    let mut held = BTreeMap::new();
    let moved: Vec<&Digest> = recorded
        .iter()
        .filter(|recorded| *recorded != new)
        .collect();
    if platform_loss == PlatformLoss::Allow || moved.is_empty() {
        return match recorded.contains(new) || resolver.verify(lookup, new).await? {
            true => Ok(held),
            false => Err(unknown(new)),
        };
    }
    // Reading the new manifest hashes it, so it needs no other check.
    let Some(manifest) = resolver.manifest(lookup, new).await? else {
        return Err(unknown(new));
    };
    for recorded in moved {
        if let Some(old) = resolver.manifest(lookup, recorded).await?
            && let Some(hold) = platform_lost(&old, &manifest, new)
        {
            held.insert(recorded.clone(), hold);
        }
    }
    Ok(held)
}

fn platform_lost(old: &Manifest, new: &Manifest, digest: &Digest) -> Option<Hold> {
    lost(old, new).map(|reason| Hold::platform_lost(digest, &reason))
}

/// The registry lacks what its own tag points to.
pub(super) fn unknown(digest: &Digest) -> Refusal {
    Refusal {
        code: Code::DigestUnknown,
        cause: format!(
            "the registry names {digest} for this tag, but lacks its manifest or its configuration"
        ),
        hint: Some("try again later; the tag may be changing just now".to_owned()),
    }
}
