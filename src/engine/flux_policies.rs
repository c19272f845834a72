//! Flux's ImagePolicies with their ImageRepositories, as what a marker on a line stands for: `# {"$imagepolicy": "shop:web:tag"}`.

use std::sync::Arc;

use super::answer::Answer;
use super::image::{ImageRef, Lookup};
pub use super::import::flux::GROUP;
use super::import::flux::{self, Found, Reflection};
use super::tree::Tree;
use super::version::{FluxFilter, Policy};

/// The ImagePolicies and ImageRepositories of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FluxPolicies(Found);

/// What Flux writes at a marker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// The question for the repository. Its tag plays no part.
    pub lookup: Lookup,
    /// The image policy: `shop:web`.
    pub policy: String,
    /// What of the image stands there.
    pub part: Part,
    /// The tag that stands there, or beside it by a marker of the same policy.
    pub tag_now: Option<String>,
    /// Whether a digest stands in it, or beside it.
    pub is_pinned: bool,
    /// The name, as the ImageRepository has it.
    name: String,
    reflection: Reflection,
}

/// What of an image stands at a marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// `name:tag`, or `name:tag@digest`
    Whole,
    /// `:name`
    Name,
    /// `:tag`
    Tag,
    /// `:digest`
    Digest,
}

/// The tag of a question that is put together from nothing.
const NO_TAG: &str = "latest";

impl FluxPolicies {
    /// Reads a document, whatever it is, and the items of a list.
    pub fn read<'a, T: Tree<'a>>(&mut self, document: T, file: &str) {
        for item in document.get("items").map(T::items).unwrap_or_default() {
            self.read(item, file);
        }
        flux::read(document, file, &mut self.0);
    }

    /// What a marker stands for. `Err`: why it cannot be carried out.
    pub fn find(&self, setter: &str) -> Result<Marker, String> {
        #[cfg(test)]
        super::yaml::steps::add(1);
        let parts: Vec<&str> = setter.split(':').collect();
        let (namespace, name, part) = match parts[..] {
            [namespace, name] => (namespace, name, Part::Whole),
            [namespace, name, "name"] => (namespace, name, Part::Name),
            [namespace, name, "tag"] => (namespace, name, Part::Tag),
            [namespace, name, "digest"] => (namespace, name, Part::Digest),
            _ => return Err(format!("`{setter}` names no image policy")),
        };
        let policy = self.0.policy(namespace, name)?;
        if policy.is_suspended {
            return Err("the ImagePolicy is suspended".to_owned());
        }
        let repository = (self.0.repository(policy))
            .ok_or("the ImageRepository of the ImagePolicy is not in this repository")?;
        if repository.is_doubtful {
            return Err("several ImageRepositories of this repository have this name".to_owned());
        }
        if repository.is_suspended {
            return Err("the ImageRepository is suspended".to_owned());
        }
        let is_elsewhere = !policy.own.0.is_empty() && policy.own.0 != policy.repository.0;
        if is_elsewhere && !repository.has_access {
            return Err("the ImageRepository of another namespace has no `accessFrom`".to_owned());
        }
        let image = ImageRef::parse(&repository.image)
            .ok()
            .filter(|image| image.tag().is_none() && !image.has_digest())
            .ok_or_else(|| {
                format!(
                    "`{}` of the ImageRepository is not an image",
                    repository.image
                )
            })?;
        let (words, _) = (policy.policy.as_ref())
            .ok_or("the ImagePolicy has no `semver`, `alphabetical` or `numerical`")?;
        let filter = FluxFilter {
            exclusions: repository
                .has_exclusions
                .then(|| repository.exclusions.clone()),
            pattern: policy.pattern.clone(),
            extract: policy.extract.clone(),
        };
        let read = Policy::of_flux(words, filter).map_err(|error| error.reason)?;
        let reflection = policy.reflection;
        if part == Part::Digest && reflection == Reflection::Never {
            return Err(
                "`digestReflectionPolicy` of the ImagePolicy reflects no digest".to_owned(),
            );
        }
        let lookup = image.lookup().at(NO_TAG).by(Arc::new(read));
        Ok(Marker {
            lookup,
            policy: format!("{namespace}:{name}"),
            part,
            tag_now: None,
            is_pinned: false,
            name: repository.image.clone(),
            reflection,
        })
    }
}

impl Marker {
    /// What Flux writes where `now` stands.
    pub fn text(&self, now: &str, answer: &Answer) -> String {
        let tag = answer.chosen.as_ref().map_or(NO_TAG, |chosen| &*chosen.tag);
        let new = &answer.digest;
        // A digest of another repository is none of this one.
        let named = format!("{}:{tag}@", self.name);
        let kept = match self.part {
            Part::Whole => now.strip_prefix(&*named),
            Part::Digest => Some(now).filter(|_| self.tag_now.as_deref() == Some(tag)),
            Part::Tag | Part::Name => None,
        };
        let kept = kept.filter(|digest| digest.starts_with("sha"));
        let digest = match (self.reflection, kept) {
            (Reflection::Never, _) => None,
            (Reflection::IfNotPresent, Some(kept)) => Some(kept),
            (Reflection::IfNotPresent | Reflection::Always, _) => Some(new.as_str()),
        };
        match self.part {
            Part::Name => self.name.clone(),
            Part::Tag => tag.to_owned(),
            Part::Digest => digest.unwrap_or_default().to_owned(),
            Part::Whole => match digest {
                Some(digest) => format!("{}:{tag}@{digest}", self.name),
                None => format!("{}:{tag}", self.name),
            },
        }
    }

    /// The name, as the ImageRepository has it.
    pub fn name(&self) -> &str {
        &self.name
    }
}
