//! Why an image that follows a tag stays as it is written.

use std::ops::{Deref, DerefMut};

use super::image::{Digest, Lookup};
use super::version::Obstacle;
use crate::engine::code::Code;

/// What keeps an image as it is written. A person has to look, so `--check --strict` fails on it.
///
/// It is no larger than a pointer, because few images are held, and a tree has many.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold(Box<Held>);

/// What a [`Hold`] says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    /// A stable code for programs: `platform-lost`, `renamed-by`, …
    pub code: Code,
    /// The digest that the tag has now, if a registry was asked.
    pub digest: Option<Digest>,
    /// The reason, in lower case and without the image's name: `it lacks linux/arm64, which the recorded digest has`.
    pub reason: String,
    /// The tags that free the image if all of them point to its own tag's digest.
    pub unless: Vec<Lookup>,
    /// The tags that free the image once each of them has a digest: those of other places, which get theirs in the same run.
    pub after: Vec<Lookup>,
}

impl Deref for Hold {
    type Target = Held;

    fn deref(&self) -> &Held {
        &self.0
    }
}

impl DerefMut for Hold {
    fn deref_mut(&mut self) -> &mut Held {
        &mut self.0
    }
}

impl Hold {
    /// Whether the hold also matters to an image that would not change anyway. A comment may have been meant to free a person's
    /// pin. A kustomization that takes the pin is that person's own decision.
    pub fn concerns_pins(&self) -> bool {
        !matches!(
            self.code,
            Code::RenamedBy | Code::TagSuffix | Code::TakenApart | Code::Unfollowed
        )
    }

    /// The tag's new digest lacks a platform.
    pub fn platform_lost(digest: &Digest, reason: &str) -> Self {
        let mut hold = Self::of(Code::PlatformLost, reason);
        hold.digest = Some(digest.clone());
        hold
    }

    /// A policy finds no tag for the image, whose tag is `now`.
    pub fn by_policy(obstacle: &Obstacle, now: &str, policy: &str) -> Self {
        let (code, reason) = match obstacle {
            Obstacle::NoVersion => (
                Code::NoVersion,
                format!(
                    "the policy `{policy}` cannot compare the tag `{now}`; write a version as its tag"
                ),
            ),
            Obstacle::NothingFits => (
                Code::NoVersion,
                format!(
                    "no tag of the repository fits the policy `{policy}`, and `{now}` does not either"
                ),
            ),
            Obstacle::NewerThanPolicy(best) => (
                Code::NewerThanPolicy,
                format!("the policy `{policy}` takes `{best}`, which is lower than `{now}`"),
            ),
        };
        Self::of(code, &reason)
    }

    /// Flux writes the image, and its policy is not carried out, for a reason where that was to be done.
    pub fn flux_marker(policy: &str, why: Option<&str>) -> Self {
        let why = why.map(|why| format!("; {why}")).unwrap_or_default();
        let reason = format!("Flux writes it, by the image policy `{policy}`{why}");
        Self::of(Code::FluxMarker, &reason)
    }

    /// Two entries have the same name, so their order decides which one counts.
    pub fn duplicate_name() -> Self {
        Self::of(Code::DuplicateName, "another entry has the same name")
    }

    /// kustomize refuses this entry, or applies it in another way than it reads.
    pub fn invalid_entry(why: &str) -> Self {
        Self::of(Code::InvalidEntry, why)
    }

    /// The name of an entry is a pattern, so it names no repository.
    pub fn name_is_pattern(name: &str) -> Self {
        let reason = format!(
            "`{name}` is a pattern for names; write `newName` to say which repository is meant"
        );
        Self::of(Code::NameIsPattern, &reason)
    }

    /// kustomize puts the tag together when it builds the kustomization.
    pub fn tag_suffix() -> Self {
        Self::of(Code::TagSuffix, "its tag is put together by `tagSuffix`")
    }

    pub(super) fn of(code: Code, reason: &str) -> Self {
        Self(Box::new(Held {
            code,
            digest: None,
            reason: reason.to_owned(),
            unless: Vec::new(),
            after: Vec::new(),
        }))
    }

    /// The object's pod template cannot change.
    pub fn job_immutable(kind: &str) -> Self {
        let reason = format!(
            "the template of a {kind} cannot change, so applying a new image fails; delete the {kind} first, or let it be replaced"
        );
        Self::of(Code::JobImmutable, &reason)
    }

    /// It is not known what a chart makes of a key that may be a registry.
    pub fn registry_unknown(key: &str) -> Self {
        let reason = format!(
            "it is not known what the chart puts before the repository with `{key}`; write `# imago: image=NAME` on the tag's line"
        );
        Self::of(Code::NameMissing, &reason)
    }

    /// A comment names a repository, and the values name another one.
    pub fn name_known() -> Self {
        let reason = "the comment `image=NAME` names another repository than the values; remove it";
        Self::of(Code::BadComment, reason)
    }

    /// A comment says something that only values of a chart leave open.
    pub fn for_values_alone(word: &str) -> Self {
        let reason = format!("the comment `{word}` is for the tag in values of a chart; remove it");
        Self::of(Code::BadComment, &reason)
    }

    /// Something else chooses the image.
    pub fn managed_image(what: &str) -> Self {
        Self::of(Code::ManagedImage, what)
    }

    /// A kustomization gives the image another name, so the digest would apply to another repository.
    pub fn renamed_by(file: &str, name: &str) -> Self {
        let reason = format!("`{file}` renames it to `{name}`, which need not have its digest");
        Self::of(Code::RenamedBy, &reason)
    }

    /// An entry of a kustomization decides an image of an object whose pod template cannot change.
    pub fn reaches_job(object: &str, file: &str) -> Self {
        let reason = format!("it reaches `{object}` of `{file}`, whose template cannot change");
        Self::of(Code::JobImmutable, &reason)
    }

    /// Another program writes the image.
    pub fn other_writer() -> Self {
        let reason = "Argo CD Image Updater writes it, as the annotations say";
        Self::of(Code::OtherWriter, reason)
    }

    /// Argo CD Image Updater writes it, as an object in a file says.
    pub fn updated_by(file: &str) -> Self {
        let reason =
            format!("Argo CD Image Updater writes it, as the ImageUpdater in `{file}` says");
        Self::of(Code::OtherWriter, &reason)
    }

    /// It stands in a file that Argo CD Image Updater writes.
    pub fn source_file() -> Self {
        let reason = "Argo CD Image Updater writes such files; if you write this one, say `--add-kind argocd-source`";
        Self::of(Code::OtherWriter, reason)
    }

    /// The image stands in a text of which no part can be edited.
    pub fn not_literal() -> Self {
        let reason = "it stands in a folded text; write the text as a literal block, with `|`";
        Self::of(Code::NotLiteral, reason)
    }

    /// Nothing shows that a chart takes a digest behind the tag.
    pub fn chart_unproven() -> Self {
        let reason = "nothing shows that the chart takes a digest behind the tag";
        Self::of(Code::ChartUnproven, reason)
    }

    /// It is known that a chart takes no digest.
    pub fn takes_no_digest() -> Self {
        let reason = "the chart takes no digest there, or not that of this tag";
        Self::of(Code::ChartUnproven, reason)
    }

    /// A value beside the tag has the chart run another image.
    pub fn variant_switch(key: &str) -> Self {
        let reason = format!("with `{key}` the chart runs another image than the tag says");
        Self::of(Code::VariantSwitch, &reason)
    }

    /// It is not known how a chart takes the digest in this key.
    pub fn sha_form_unknown(key: &str) -> Self {
        let reason = format!("it is not known in which form the chart takes `{key}`");
        Self::of(Code::ShaForm, &reason)
    }

    /// What stands in the key of a digest is none.
    pub fn no_digest(key: &str) -> Self {
        let reason = format!("what stands in `{key}` is not a digest");
        Self::of(Code::ShaForm, &reason)
    }

    /// Two places beside each other have a digest.
    pub fn two_digests(places: &str) -> Self {
        let reason = format!("{places} have a digest each");
        Self::of(Code::TwoDigests, &reason)
    }

    /// The schema of the chart refuses the digest.
    pub fn schema_refuses() -> Self {
        let reason = "the `values.schema.json` of the chart refuses the digest";
        Self::of(Code::SchemaRefuses, reason)
    }

    /// The tag is no string.
    pub fn tag_not_string(what: &str) -> Self {
        let reason = format!("its tag is {what}; put it in quotes");
        Self::of(Code::TagNotString, &reason)
    }

    /// A digest behind the tag would go to other places too.
    pub fn anchored_tag() -> Self {
        let reason = "it is written with an anchor, an alias or a merge key, so a digest would go to other places too";
        Self::of(Code::AnchoredTag, reason)
    }

    /// The values name no repository.
    pub fn name_missing() -> Self {
        let reason = "no repository stands beside the tag; write `# imago: image=NAME` on its line";
        Self::of(Code::NameMissing, reason)
    }

    /// Another layer of values chooses another image.
    pub fn chosen_by(by: &str) -> Self {
        let reason = format!(
            "{by} chooses another image over it, so a digest here would stay with that one's tag"
        );
        Self::of(Code::VariantSwitch, &reason)
    }

    /// Two registries are named for the image.
    pub fn two_registries() -> Self {
        let reason = "`registry` and `global.imageRegistry` differ, and charts choose between them in different ways";
        Self::of(Code::NameMissing, reason)
    }

    /// A kustomization puts a suffix on the image's tag, and drops its digest.
    pub fn suffixed_by(file: &str) -> Self {
        let reason = format!("`{file}` puts a suffix on its tag, and drops its digest");
        Self::of(Code::TagSuffix, &reason)
    }

    /// A replacement takes the image apart, so that its digest would be in the pieces.
    pub fn taken_apart(file: &str) -> Self {
        let reason = format!("a replacement of `{file}` takes it apart at a delimiter");
        Self::of(Code::TakenApart, &reason)
    }

    /// It is not known what the kustomizations above make of the image.
    pub fn unfollowed(why: &str) -> Self {
        Self::of(Code::Unfollowed, why)
    }
}
