//! What becomes of an image in the builds that it reaches.

use std::collections::{BTreeMap, BTreeSet};

use super::entry;
use crate::engine::hold::Hold;
use crate::engine::image::{ImageRef, Lookup};
use crate::engine::site::Decider;

/// What becomes of an image in the builds that it reaches, each the build of a kustomization that no other one builds on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fate {
    /// Whether a build has it as it is written.
    pub kept: bool,
    /// The other names under which builds have its tag and digest, each with a file that renames it.
    pub renamed: BTreeMap<String, String>,
    /// The files that set its tag and digest anew in a build.
    pub replaced: BTreeSet<String>,
    /// Those of them after which it has no digest in a build.
    pub(super) unpinned: BTreeSet<String>,
    /// A file by which another image is built and put in the place of its name.
    pub built_by: Option<String>,
    /// A file that puts a suffix on its tag in a build.
    pub suffixed: Option<String>,
    /// A file with a replacement that takes it apart.
    pub taken_apart: Option<String>,
    /// Why it is not known what builds make of it.
    pub unfollowed: Option<String>,
    /// The entries that decide it in a build.
    pub(super) deciding: BTreeSet<EntryId>,
    /// What holds entries whose image reaches this one: it is taken apart there, or compared.
    pub(super) held: BTreeMap<EntryId, Hold>,
}

/// Why an image is not followed that meets more.
pub(super) const TOO_FAR: &str = "the kustomizations above it have more entries than imago follows";

/// A kustomization, and an entry of it.
pub(super) type EntryId = (usize, usize);

impl Fate {
    /// That of an image which every build has as it is written.
    pub fn kept() -> Self {
        Self {
            kept: true,
            ..Self::default()
        }
    }

    /// Adds what else may become of the image.
    pub(super) fn add(&mut self, other: Self) {
        self.kept |= other.kept;
        self.renamed.extend(other.renamed);
        self.replaced.extend(other.replaced);
        self.unpinned.extend(other.unpinned);
        self.built_by = self.built_by.take().or(other.built_by);
        self.suffixed = self.suffixed.take().or(other.suffixed);
        self.taken_apart = self.taken_apart.take().or(other.taken_apart);
        self.unfollowed = self.unfollowed.take().or(other.unfollowed);
        self.deciding.extend(other.deciding);
        self.held.extend(other.held);
    }

    /// Whether it meets more than is followed, so that nobody knows which entries it meets.
    pub fn is_lost(&self) -> bool {
        self.unfollowed.as_deref() == Some(TOO_FAR)
    }

    /// What holds the image. `image` is as it is written.
    pub fn hold(&self, image: &str) -> Option<Hold> {
        if let Some(by) = &self.taken_apart {
            return Some(Hold::taken_apart(by));
        }
        if let Some(why) = &self.unfollowed {
            return Some(Hold::unfollowed(why));
        }
        if let Some((to, by)) = self.renamed.first_key_value() {
            let mut hold = Hold::renamed_by(by, entry::split(to).0);
            // A name without a registry that no build keeps is a placeholder: a stranger may have it on Docker Hub.
            let is_placeholder = !self.kept && !has_registry(image);
            let others = self
                .renamed
                .keys()
                .map(|to| Some(ImageRef::parse(to).ok()?.lookup()));
            let others: Option<Vec<Lookup>> = others.collect();
            hold.unless = others.filter(|_| !is_placeholder).unwrap_or_default();
            return Some(hold);
        }
        let suffixed = self.suffixed.as_ref();
        suffixed.map(|by| Hold::suffixed_by(by))
    }

    /// The file that decides the image, where no build has its tag or its digest. One that gives it no digest comes first.
    pub fn decided_by(&self) -> Option<Decider> {
        if let Some(file) = self.built_by.clone() {
            return Some(Decider {
                file,
                has_digest: true,
            });
        }
        let stands = self.kept
            || !self.renamed.is_empty()
            || self.suffixed.is_some()
            || self.unfollowed.is_some();
        let unpinned = self.unpinned.first();
        let by = unpinned.or(self.replaced.first()).filter(|_| !stands)?;
        Some(Decider {
            file: by.clone(),
            has_digest: unpinned.is_none(),
        })
    }
}

/// Whether an image names its registry: the first part of its name is a host.
pub(super) fn has_registry(image: &str) -> bool {
    let host = image.split_once('/').map(|(host, _)| host);
    host.is_some_and(|host| host.contains(['.', ':']) || host == "localhost")
}
