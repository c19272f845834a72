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
