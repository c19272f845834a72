//! The question that an image asks a registry.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use super::grammar::Name;
use crate::engine::version::Policy;

/// A question to a registry: which digest does this tag of this repository have now? With a policy: which tag does the policy take
/// instead of this one, and which digest has that? Equal questions are equal values.
///
/// The order is by registry, then repository, then tag, then policy.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lookup {
    /// `registry/repository:tag`
    text: String,
    registry_end: usize,
    name_end: usize,
    policy: Option<Arc<Policy>>,
}

impl Lookup {
    pub(super) fn new(name: &Name<'_>, tag: &str) -> Self {
        let [omitted, path] = name.repository();
        let text = [name.registry(), "/", omitted, path, ":", tag].concat();
        let registry_end = name.registry().len();
        Self {
            text,
            registry_end,
            name_end: registry_end + 1 + omitted.len() + path.len(),
            policy: None,
        }
    }

    /// The registry in normalised form: `docker.io`, `registry.example.test:5000`.
    pub fn registry(&self) -> &str {
        &self.text[..self.registry_end]
    }

    /// The full path of the repository: `library/nginx`.
    pub fn repository(&self) -> &str {
        &self.text[self.registry_end + 1..self.name_end]
    }

    /// The tag: `1.25`.
    pub fn tag(&self) -> &str {
        &self.text[self.name_end + 1..]
    }

    /// The normalised name without the tag.
    pub fn name(&self) -> &str {
        &self.text[..self.name_end]
    }

    /// The policy that chooses the tag. `None`: the tag stays.
    pub fn policy(&self) -> Option<&Policy> {
        self.policy.as_deref()
    }

    /// Whether the policy is one of Flux, which takes no account of a tag now.
    pub fn is_of_flux(&self) -> bool {
        self.policy()
            .is_some_and(|policy| policy.filter().is_some())
    }

    /// The same question, with a policy that chooses the tag.
    pub fn by(self, policy: Arc<Policy>) -> Self {
        Self {
            policy: Some(policy),
            ..self
        }
    }

    /// The question for another tag of the repository, without a policy.
    pub fn at(&self, tag: &str) -> Self {
        Self {
            text: [self.name(), ":", tag].concat(),
            policy: None,
            ..*self
        }
    }

    fn parts(&self) -> [&str; 3] {
        [self.registry(), self.repository(), self.tag()]
    }
}

impl Ord for Lookup {
    fn cmp(&self, other: &Self) -> Ordering {
        // Most are of one registry, and where the parts end at the same places the texts compare as these do.
        let by_text =
            match (self.registry_end, self.name_end) == (other.registry_end, other.name_end) {
                true => self.text.cmp(&other.text),
                false => self.parts().cmp(&other.parts()),
            };
        by_text.then_with(|| self.policy.cmp(&other.policy))
    }
}

impl PartialOrd for Lookup {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Lookup {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}
