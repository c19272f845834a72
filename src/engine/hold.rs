//! Why an image stays as it is written although it follows a tag.

use super::image::Digest;
use crate::engine::code::Code;

/// What keeps an image as it is written. Somebody has to look: `--check --strict` fails on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// A stable word for programs: `platform-lost`, `renamed-by`, …
    pub code: Code,
    /// The digest that the tag has now, where a registry was asked.
    pub digest: Option<Digest>,
    /// Why, in lower case and without the image's name: `it lacks linux/arm64, which the recorded digest has`.
    pub reason: String,
}

impl Hold {
    /// Whether it matters to an image that nothing would be written to anyway. A comment may have been meant to free a person's pin; where a
    /// kustomization takes the pin is that person's own decision.
    pub fn concerns_pins(&self) -> bool {
        self.code != Code::RenamedBy
    }

    /// The tag's new digest lacks a platform.
    pub fn platform_lost(digest: &Digest, reason: &str) -> Self {
        Self {
            code: Code::PlatformLost,
            digest: Some(digest.clone()),
            reason: reason.to_owned(),
        }
    }

    /// Two entries of one name: which of them counts hangs on their order.
    pub fn duplicate_name() -> Self {
        Self::of(Code::DuplicateName, "another entry has the same name")
    }

    /// An entry of a kustomization that kustomize does not take, or takes in another way than it reads.
    pub fn invalid_entry(why: &str) -> Self {
        Self::of(Code::InvalidEntry, why)
    }

    /// The name of an entry is a pattern, and names no repository.
    pub fn name_is_pattern(name: &str) -> Self {
        let reason = format!(
            "`{name}` is a pattern for names; write `newName` to say which repository is meant"
        );
        Self::of(Code::NameIsPattern, &reason)
    }

    /// The tag is put together when the kustomization is built.
    pub fn tag_suffix() -> Self {
        Self::of(Code::TagSuffix, "its tag is put together by `tagSuffix`")
    }

    fn of(code: Code, reason: &str) -> Self {
        Self {
            code,
            digest: None,
            reason: reason.to_owned(),
        }
    }

    /// The object's pod template cannot change.
    pub fn job_immutable(kind: &str) -> Self {
        let reason = format!(
            "the template of a {kind} cannot change, so applying a new image fails; delete the {kind} first, or let it be replaced"
        );
        Self {
            code: Code::JobImmutable,
            digest: None,
            reason,
        }
    }

    /// A kustomization gives the image another name, and with it the digest of another repository.
    pub fn renamed_by(file: &str, name: &str) -> Self {
        let reason = format!("`{file}` renames it to `{name}`, which need not have its digest");
        Self {
            code: Code::RenamedBy,
            digest: None,
            reason,
        }
    }
}
