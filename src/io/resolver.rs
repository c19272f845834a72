//! The one port made for a fake: who knows which tags there are, and which digest each points to.
//!
//! A registry answers it over the network, and a table in tests. It refuses to decide anything: whether a digest is used is the
//! engine's business.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::Arc;

use crate::engine::answer::{Details, Manifest, Refusal};
use crate::engine::image::{Digest, Lookup};
use crate::engine::version::{Built, TagList};

/// Answers lookups. Implementations retry and limit by themselves: one call gives one final answer.
pub trait Resolver: Send + Sync + 'static {
    /// The digest of the manifest or index that the tag has now.
    fn resolve(&self, lookup: &Lookup) -> impl Future<Output = Result<Digest, Refusal>> + Send;

    /// What a digest of the lookup's repository stands for; the lookup's tag plays no part. `None`: the repository has it no more.
    fn manifest(
        &self,
        lookup: &Lookup,
        digest: &Digest,
    ) -> impl Future<Output = Result<Option<Manifest>, Refusal>> + Send;

    /// All tags of the lookup's repository; the lookup's own tag plays no part. They come whole or not at all.
    fn tags(&self, lookup: &Lookup) -> impl Future<Output = Result<Arc<TagList>, Refusal>> + Send;

    /// When these tags were pushed, by the registry's own word, where it says so in another place than the list. `None`: it does not, of all
    /// of them.
    fn pushed(
        &self,
        lookup: &Lookup,
        tags: &[&str],
    ) -> impl Future<Output = Result<Option<BTreeMap<String, Built>>, Refusal>> + Send {
        let _ = (lookup, tags);
        async { Ok(None) }
    }

    /// What the image of a digest says of itself, read until `is_enough`. Of an index, it is what the index says, and then the image for
    /// linux/amd64, or the first one. `None`: the repository has it no more, or it is no image.
    fn details(
        &self,
        lookup: &Lookup,
        digest: &Digest,
        is_enough: fn(&Details) -> bool,
    ) -> impl Future<Output = Result<Option<Details>, Refusal>> + Send;

    /// Whether the repository has the bytes of a digest that is not recorded yet, where that is to be looked at: `false` is an answer, bytes
    /// of another digest are a refusal.
    fn verify(
        &self,
        lookup: &Lookup,
        digest: &Digest,
    ) -> impl Future<Output = Result<bool, Refusal>> + Send {
        let _ = (lookup, digest);
        async { Ok(true) }
    }
}
