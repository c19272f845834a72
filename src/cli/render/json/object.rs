//! An object and its images, in version 1.

use serde::Serialize;

use crate::app::report::{Choice, ImageReport, ObjectReport, Outcome};
use crate::engine::code::Code;
use crate::engine::image::{Digest, ImageRef};

/// One object.
#[derive(Debug, Serialize)]
pub(super) struct ObjectV1<'a> {
    /// Its file.
    file: Option<&'a str>,
    /// The line at which it begins, from 1.
    line: Option<u32>,
    /// The name of the shape that found its images: `Deployment`, …
    shape: &'a str,
    /// Its `kind`.
    kind: &'a str,
    /// Its `metadata.namespace`; null where it has none.
    namespace: Option<&'a str>,
    /// Its `metadata.name`.
    name: &'a str,
    /// Whether it was (where nothing was written: would be) changed.
    changed: bool,
    /// Its images, list by list as its shape names them.
    images: Vec<ImageV1<'a>>,
}

/// One image.
#[derive(Debug, Serialize)]
struct ImageV1<'a> {
    /// Where it is written, from the root of its object: `spec.template.spec.containers[0].image`.
    path: &'a str,
    /// The name of its site: a container's, or the path of its mapping.
    name: &'a str,
    /// The line of the image in its file, from 1.
    line: Option<u32>,
    /// The image as it was written before this run.
    image: &'a str,
    /// The image that was (where nothing was written: would be) put in its place, with the outcomes `outdated` and `restored`,
    /// and for some with `stale`; else null.
    new_image: Option<&'a str>,
    /// The tag in `image`; null where it has none.
    tag: Option<&'a str>,
    /// The tag in `new_image`; null where that is null or has none.
    new_tag: Option<&'a str>,
    /// `ok`: on its tag's digest. `fixed`: a digest that a person chose. `outdated`: to be updated to `new_image`. `unpinned`: it has no digest, and
    /// the check asked for one. `restored`: goes back to `new_image`. `kept`: not restored, for `reason`. `ignored`: left out by the user, as `reason` says. `variable`: not an image yet.
    /// `held`: its tag is on `tag_digest`, which is not taken for `reason`. `stale`: a pod runs `running_digest` and its tag is on
    /// `tag_digest`, so it is restarted, and goes back to `new_image` where that is not null. `unchecked`: left as it is, because its
    /// pods do not say that it has to change, for `reason`. `failed`: see `problems`.
    outcome: &'static str,
    /// The code of the outcome, where it has one.
    code: Option<&'static str>,
    /// Why, with the outcomes `kept`, `ignored`, `held` and `unchecked`; else null.
    reason: Option<&'a str>,
    /// Until when it is held; null where nobody knows.
    until: Option<&'a str>,
    /// The digest that the tag has now, with the outcomes `held` and `stale`; else null.
    tag_digest: Option<&'a str>,
    /// The digest that a pod runs, with the outcome `stale`; else null.
    running_digest: Option<&'a str>,
    /// What a policy has chosen; null where none does.
    policy: Option<PolicyV1<'a>>,
    /// Where the source of `new_image` is, by that image's own word; null where it is not known.
    source: Option<SourceV1<'a>>,
}

/// Where the source of an image is.
#[derive(Debug, Serialize)]
struct SourceV1<'a> {
    /// An https address.
    url: &'a str,
    /// The commit or the tag that the image was built from; null where the image does not say it.
    revision: Option<&'a str>,
}

/// The choice of a policy.
#[derive(Debug, Serialize)]
struct PolicyV1<'a> {
    /// The policy on one line, with all that decides.
    policy: &'a str,
    /// The tag now.
    from: &'a str,
    /// The tag that is taken; the same, where the image stays on it.
    to: &'a str,
    /// How many tags the repository has; null where the lock answered.
    seen: Option<usize>,
    /// How many of them `allow` and `ignore` leave.
    allowed: Option<usize>,
    /// How many of these the policy can compare.
    understood: Option<usize>,
}

impl<'a> PolicyV1<'a> {
    fn of(choice: &'a Choice) -> Self {
        let counts = choice.counts;
        Self {
            policy: &choice.policy,
            from: &choice.from,
            to: &choice.to,
            seen: counts.map(|counts| counts.seen),
            allowed: counts.map(|counts| counts.allowed),
            understood: counts.map(|counts| counts.understood),
        }
    }
}

impl<'a> ObjectV1<'a> {
    pub(super) fn of(object: &'a ObjectReport) -> Self {
        Self {
            file: object.place.file.as_deref(),
            line: object.place.line,
            shape: &object.shape,
            kind: &object.kind,
            namespace: object.namespace.as_deref(),
            name: &object.name,
            changed: object.changed,
            images: object.images.iter().map(ImageV1::of).collect(),
        }
    }
}

impl<'a> ImageV1<'a> {
    fn of(image: &'a ImageReport) -> Self {
        let (outcome, reason) = match &image.outcome {
            Outcome::Ok => ("ok", None),
            Outcome::Fixed => ("fixed", None),
            Outcome::Outdated(_) => ("outdated", None),
            Outcome::Unpinned { .. } => ("unpinned", None),
            Outcome::Restored(_) => ("restored", None),
            Outcome::Kept(reason) => ("kept", Some(reason)),
            Outcome::Ignored(left_out) => ("ignored", Some(&left_out.by)),
            Outcome::Variable => ("variable", None),
            Outcome::Held(hold) => ("held", Some(&hold.reason)),
            Outcome::Stale { .. } => ("stale", None),
            Outcome::Unchecked(reason) => ("unchecked", Some(reason)),
            Outcome::Failed(_) => ("failed", None),
        };
        let (tag_digest, running_digest) = match &image.outcome {
            Outcome::Held(hold) => (hold.digest.as_ref().map(Digest::as_str), None),
            Outcome::Stale {
                running, digest, ..
            } => (Some(digest.as_str()), Some(running.as_str())),
            _ => (None, None),
        };
        let new_image = image.outcome.new_image();
        Self {
            path: &image.site.path,
            name: &image.site.name,
            line: image.line,
            image: &image.image,
            new_image,
            tag: tag(&image.image),
            new_tag: new_image.and_then(tag),
            outcome,
            code: image.code().map(Code::as_str),
            reason: reason.map(String::as_str),
            until: None,
            tag_digest,
            running_digest,
            policy: image.choice.as_deref().map(PolicyV1::of),
            source: image.source.as_ref().map(|source| SourceV1 {
                url: &source.url,
                revision: source.revision.as_deref(),
            }),
        }
    }
}

/// The tag that is written in an image.
fn tag(image: &str) -> Option<&str> {
    ImageRef::parse(image).ok()?.tag()
}
