//! What a person may choose about an image.

/// Where a digest's tag is known from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Track {
    /// The annotation `imago-config-spec` of the workload.
    #[default]
    Annotation,
    /// The tag beside the digest.
    Tag,
}

/// Whether the tag stays beside the digest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TagForm {
    /// `name:tag@digest`.
    #[default]
    Keep,
    /// `name@digest`.
    Drop,
}
