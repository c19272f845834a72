//! What the outside answers to a lookup, as plain values that plans are made from.

use std::collections::{BTreeMap, BTreeSet};

use super::image::{Digest, Lookup};

/// The answers of a run, by question.
pub type Answers = BTreeMap<Lookup, Result<Answer, Refusal>>;

/// What a registry or the lock says of a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The digest of the manifest or index that the tag has now.
    pub digest: Digest,
    /// The recorded digests that must not be replaced by the new one, each with the reason (`it lacks linux/arm64, which …`).
    pub held: BTreeMap<Digest, String>,
}

impl Answer {
    /// An answer that holds nothing back.
    pub fn new(digest: Digest) -> Self {
        Self { digest, held: BTreeMap::new() }
    }
}

/// Why a lookup has no answer, for a person: what went wrong, and one thing to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// A stable word for programs: `unauthorized`, `not-found`, `timeout`, …
    pub code: &'static str,
    /// What happened, in lower case and without the image's name: ``the registry answered 401 Unauthorized``.
    pub cause: String,
    /// One thing to do, where there is one.
    pub hint: Option<String>,
}

/// What a digest stands for in its repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manifest {
    /// An index (or Docker manifest list): its manifests, each with its platform. Attestations (`unknown/unknown`) are left out.
    Index(BTreeMap<Digest, Platform>),
    /// One image, with the platform that its configuration names.
    Image(Platform),
    /// Something that no container runs: the media type that it declares.
    Other(String),
}

impl Manifest {
    /// The platforms that can run it.
    pub fn platforms(&self) -> BTreeSet<&Platform> {
        match self {
            Self::Index(manifests) => manifests.values().collect(),
            Self::Image(platform) => BTreeSet::from([platform]),
            Self::Other(_) => BTreeSet::new(),
        }
    }
}

/// `os/architecture[/variant]`, as indexes and configurations name it: `linux/amd64`, `linux/arm/v7`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform(pub String);
