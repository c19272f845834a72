//! Answers to lookups, as plain values that plans are made from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::hold::Hold;
use super::image::{Digest, Lookup};
use super::source_link::SourceLink;
use super::version::{Counts, Obstacle};
use crate::engine::code::Code;

/// The answers of a run, by question.
pub type Answers = BTreeMap<Lookup, Result<Answer, Refusal>>;

/// What a registry or the lock answers for a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The digest of the manifest or index that the tag points to now.
    pub digest: Digest,
    /// The recorded digests that the new one must not replace, each with what holds it.
    pub held: BTreeMap<Digest, Hold>,
    /// What a policy has chosen, where the question has one. The digest is that of the chosen tag.
    pub chosen: Option<Box<Chosen>>,
    /// Where the source of a new digest's image is, where that was read and the image says it.
    pub source: Option<Arc<SourceLink>>,
}

/// The choice of a policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// The tag: that of the question, if the image stays on it.
    pub tag: String,
    /// The best tag of the list, which is lower than that of the question where it is the obstacle; nothing, if no tag fits.
    pub best: Option<String>,
    /// How many tags took part. The lock does not know.
    pub counts: Option<Counts>,
    /// What keeps the image on its tag.
    pub obstacle: Option<Obstacle>,
}

impl Answer {
    /// An answer that holds nothing back.
    pub fn new(digest: Digest) -> Self {
        Self {
            digest,
            held: BTreeMap::new(),
            chosen: None,
            source: None,
        }
    }
}

/// What an image says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// When it was built, by its configuration.
    pub created: Option<String>,
    /// Where its source is: `org.opencontainers.image.source`, as it is written there.
    pub source: Option<String>,
    /// Which commit of the source it was built from: `org.opencontainers.image.revision`.
    pub revision: Option<String>,
}

impl Details {
    /// Takes what is missing from another.
    pub fn or(&mut self, other: Self) {
        self.created = self.created.take().or(other.created);
        self.source = self.source.take().or(other.source);
        self.revision = self.revision.take().or(other.revision);
    }
}

/// Why a lookup has no answer: what went wrong, and one thing to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// A stable code for programs: `unauthorized`, `not-found`, `timeout`, …
    pub code: Code,
    /// What happened, in lower case and without the image's name: ``the registry answered 401 Unauthorized``.
    pub cause: String,
    /// One thing to do, if there is one.
    pub hint: Option<String>,
}

/// What a digest refers to in its repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Manifest {
    /// An index (or Docker manifest list).
    Index(Index),
    /// One image, with the platform from its configuration.
    Image(Platform),
    /// Something that no container runs, by its media type.
    Other(String),
}

/// The content of an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Index {
    /// Its manifests, each with its platform. Attestations (`unknown/unknown`) are left out.
    pub manifests: BTreeMap<Digest, Platform>,
    /// Whether these are all manifests. If very many name no platform, some are not read.
    pub whole: bool,
}

impl Index {
    /// The image that stands for the others: that for linux/amd64, or the first one by its platform.
    pub fn usual(&self) -> Option<&Digest> {
        let order = |(_, platform): &(&Digest, &Platform)| {
            let name = platform.0.as_str();
            (name != "linux/amd64", name.to_owned())
        };
        let usual = self.manifests.iter().min_by_key(order);
        usual.map(|(digest, _)| digest)
    }
}

impl Manifest {
    /// The platforms that can run it.
    pub fn platforms(&self) -> BTreeSet<&Platform> {
        match self {
            Self::Index(index) => index.manifests.values().collect(),
            Self::Image(platform) => BTreeSet::from([platform]),
            Self::Other(_) => BTreeSet::new(),
        }
    }
}

/// `os/architecture[/variant]`, as in indexes and configurations: `linux/amd64`, `linux/arm/v7`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform(pub String);

/// Why the new manifest must not replace the old one: it is not an image, or it lacks a platform of the old one. The latter
/// happens while a tag is being published. `None` if nothing is lost.
pub fn lost(old: &Manifest, new: &Manifest) -> Option<String> {
    if let (Manifest::Other(_), Manifest::Other(_)) = (old, new) {
        return None;
    }
    if let Manifest::Other(media_type) = new {
        return Some(format!("it is not an image but `{media_type}`"));
    }
    let (had, has) = (old.platforms(), new.platforms());
    if has.is_empty() {
        return Some("it is an index without an image".to_owned());
    }
    let missing: Vec<&str> = had
        .difference(&has)
        .map(|platform| platform.0.as_str())
        .filter(|name| *name != UNKNOWN)
        .collect();
    (!missing.is_empty()).then(|| {
        format!(
            "it lacks {}, which the recorded digest has",
            missing.join(", ")
        )
    })
}

/// The platform of an image whose configuration names none.
const UNKNOWN: &str = "unknown/unknown";

#[cfg(test)]
mod tests {
    use super::*;

    fn index(platforms: &[&str]) -> Manifest {
        let digest = |at: usize| Digest::parse(&format!("sha256:{at:064x}")).unwrap();
        let manifests = platforms
            .iter()
            .enumerate()
            .map(|(at, name)| (digest(at), Platform((*name).to_owned())))
            .collect();
        Manifest::Index(Index {
            manifests,
            whole: true,
        })
    }

    fn image(platform: &str) -> Manifest {
        Manifest::Image(Platform(platform.to_owned()))
    }

    #[test]
    fn a_new_index_that_lacks_a_platform_is_lost() {
        let both = index(&["linux/amd64", "linux/arm64"]);
        assert_eq!(
            lost(&both, &index(&["linux/amd64"])).unwrap(),
            "it lacks linux/arm64, which the recorded digest has"
        );
        assert_eq!(
            lost(&both, &image("linux/s390x")).unwrap(),
            "it lacks linux/amd64, linux/arm64, which the recorded digest has"
        );
        assert_eq!(lost(&image("linux/amd64"), &both), None);
        assert_eq!(lost(&both, &both), None);
    }

    #[test]
    fn what_is_no_image_is_lost_and_what_was_none_loses_nothing() {
        let other = Manifest::Other("application/vnd.cncf.helm.config.v1+json".to_owned());
        assert_eq!(
            lost(&image("linux/amd64"), &other).unwrap(),
            "it is not an image but `application/vnd.cncf.helm.config.v1+json`"
        );
        assert_eq!(
            lost(&image("linux/amd64"), &index(&[])).unwrap(),
            "it is an index without an image"
        );
        assert_eq!(lost(&other, &image("linux/amd64")), None);
        assert_eq!(lost(&image(UNKNOWN), &image("linux/amd64")), None);
    }
}
