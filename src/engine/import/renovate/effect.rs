//! What a rule of Renovate does to the updates of its images.

use super::{is, texts};
use crate::engine::import::text_at;
use crate::engine::tree::{Scalar, Tree};

/// What a rule does to the updates of its images.
#[derive(Debug, Default)]
pub(super) struct Effect {
    /// Whether these kinds of updates are made, a later entry over an earlier one.
    pub(super) enabled: Vec<(Kinds, bool)>,
    pub(super) allowed: Option<String>,
    /// Whether it is for some updates of its images alone, and nobody knows which.
    pub(super) is_partial: bool,
}

/// Kinds of updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kinds {
    pub(super) major: bool,
    pub(super) minor: bool,
    pub(super) patch: bool,
    pub(super) digest: bool,
}

pub(super) const EVERY: Kinds = Kinds {
    major: true,
    minor: true,
    patch: true,
    digest: true,
};
pub(super) const MAJOR: Kinds = Kinds {
    major: true,
    ..NONE
};
pub(super) const TAGS: Kinds = Kinds {
    digest: false,
    ..EVERY
};
const NONE: Kinds = Kinds {
    major: false,
    minor: false,
    patch: false,
    digest: false,
};

impl Effect {
    /// These kinds are not made.
    pub(super) fn off(kinds: Kinds) -> Self {
        Self {
            enabled: vec![(kinds, false)],
            ..Self::default()
        }
    }

    /// What is said of these kinds of updates, beside whether they are made at all: `dependencyDashboardApproval`, and
    /// `major: {enabled: false}` and its like.
    pub(super) fn of<'a, T: Tree<'a>>(node: T, types: &[&str]) -> Self {
        let mut effect = Self::default();
        let sections = ["major", "minor", "patch"].map(|kind| (Some(kind), node.get(kind)));
        for (kind, section) in [(None, Some(node))].into_iter().chain(sections) {
            let Some(section) = section else {
                continue;
            };
            let kinds = kind.map_or_else(|| Kinds::of(types), |kind| Kinds::of(&[kind]));
            if let (Some(_), Some(is_on)) = (kind, is_enabled(section)) {
                effect.enabled.push((kinds, is_on));
            }
            // Nobody is asked here.
            if waits(section) && kinds.moves_tags() {
                let digest = false;
                effect.enabled.push((Kinds { digest, ..kinds }, false));
            }
        }
        effect
    }

    pub(super) fn of_rule<'a, T: Tree<'a>>(rule: T) -> Self {
        let types = texts(rule, "matchUpdateTypes");
        let mut effect = Self::of(rule, &types);
        if let Some(is_on) = is_enabled(rule).filter(|_| Kinds::of(&types).moves_tags()) {
            effect.enabled.insert(0, (Kinds::of(&types), is_on));
        }
        effect.allowed = text_at(rule, &["allowedVersions"]).map(str::to_owned);
        effect
    }

    pub(super) fn holds_back(&self) -> bool {
        self.allowed.is_some() || self.enabled.iter().any(|(_, is_on)| !is_on)
    }

    pub(super) fn is_nothing(&self) -> bool {
        self.enabled.is_empty() && self.allowed.is_none()
    }
}

impl Kinds {
    /// The kinds of a list; all of them where it is empty.
    pub(super) fn of(types: &[&str]) -> Self {
        let has = |kind: &str| types.is_empty() || types.contains(&kind);
        Self {
            major: has("major"),
            minor: has("minor"),
            patch: has("patch"),
            digest: has("digest"),
        }
    }

    pub(super) fn moves_tags(self) -> bool {
        self.major || self.minor || self.patch
    }
}

/// Whether updates wait until a person approves of them.
pub(super) fn waits<'a, T: Tree<'a>>(node: T) -> bool {
    let creation = text_at(node, &["prCreation"]);
    is(node, "dependencyDashboardApproval", true) || creation == Some("approval")
}

fn is_enabled<'a, T: Tree<'a>>(node: T) -> Option<bool> {
    match node.get("enabled").map(T::scalar) {
        Some(Scalar::Bool(is_on)) => Some(is_on),
        _ => None,
    }
}
