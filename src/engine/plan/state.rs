//! What an image is as it is written, before anybody is asked.

use super::{
    Considered, Decided, LeftOut, Outcome, Plan, Rules, consider, decided, not_text, recorded,
};
use crate::engine::answer::Refusal;
use crate::engine::code::Code;
use crate::engine::image::ImageRef;
use crate::engine::object::Object;
use crate::engine::site::Image;

/// What an image is as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It follows a tag, and has no digest yet.
    Unpinned,
    /// It follows a tag, and has a digest. Whether it is the tag's, nobody has asked.
    Pinned,
    /// It follows no tag, and this is the reason: [`Outcome::Fixed`], `Ignored`, `Variable`, `Held` or `Failed`.
    Decided(Outcome),
}

impl State {
    /// Every word of [`State::as_str`].
    pub const WORDS: [&'static str; 8] = [
        "unpinned",
        "pinned",
        "fixed",
        "held",
        "ignored",
        "decided-by",
        "variable",
        "failed",
    ];

    /// The word for it.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Unpinned => "unpinned",
            Self::Pinned => "pinned",
            Self::Decided(Outcome::Fixed) => "fixed",
            Self::Decided(Outcome::Held(_)) => "held",
            Self::Decided(Outcome::Ignored(why)) if why.code == Code::DecidedBy => "decided-by",
            Self::Decided(Outcome::Ignored(_)) => "ignored",
            Self::Decided(Outcome::Variable) => "variable",
            Self::Decided(_) => "failed",
        }
    }
}

/// The state of each of the object's sites, in their order. `None`: it has no image. `Err`: the record of the object cannot be relied on.
pub fn states(object: &Object, rules: &Rules) -> Result<Vec<Option<State>>, Refusal> {
    let ledger = recorded(object, rules)?;
    let considered = consider(object, ledger.as_ref(), rules)?;
    let state = |Considered {
                     site, eligibility, ..
                 }| {
        if !matches!(site.image, Image::Text(_)) {
            return not_text(&site.image, eligibility).map(State::Decided);
        }
        Some(match decided(object, site, eligibility) {
            Decided::Now(outcome) => State::Decided(outcome),
            // What waits for other tags alone gets its digest in the run that asks for them.
            Decided::ByTag {
                hold: Some(hold), ..
            } if hold.after.is_empty() => State::Decided(Outcome::Held(hold.clone())),
            Decided::ByTag { follow, .. } if follow.digest.is_some() => State::Pinned,
            Decided::ByTag { .. } => State::Unpinned,
        })
    };
    Ok(considered.into_iter().map(state).collect())
}

/// Checks that each image of the object has a digest: where it is written, or in the kustomization that decides it. Nothing changes.
///
/// A hold does not matter to an image with a digest, unless another digest than this one may run, or a comment may mean the image.
pub fn pins(object: &Object, rules: &Rules) -> Result<Plan, Refusal> {
    let ledger = recorded(object, rules)?;
    let considered = consider(object, ledger.as_ref(), rules)?;
    let outcome = |considered: Considered<'_, '_>| {
        let site = considered.site;
        let Image::Text(image) = &site.image else {
            return not_text(&site.image, considered.eligibility);
        };
        let has_digest = ImageRef::parse(image).is_ok_and(|image| image.has_digest());
        Some(match decided(object, site, considered.eligibility) {
            Decided::Now(Outcome::Ignored(LeftOut {
                code: Code::DecidedBy,
                ..
            })) if site.decided_by.as_ref().is_some_and(|by| !by.has_digest) => Outcome::Unpinned {
                decided_by: site.decided_by.as_ref().map(|by| by.file.clone()),
            },
            Decided::Now(Outcome::Fixed) => Outcome::Ok,
            Decided::Now(Outcome::Held(hold)) if has_digest && hold.code != Code::BadComment => {
                Outcome::Ok
            }
            Decided::Now(outcome) => outcome,
            Decided::ByTag { .. } if site.marker.as_ref().is_some_and(|it| it.is_pinned) => {
                Outcome::Ok
            }
            Decided::ByTag {
                hold: Some(hold), ..
            } if !has_digest || !hold.concerns_pins() || hold.code == Code::BadComment => {
                Outcome::Held(hold.clone())
            }
            Decided::ByTag { .. } if has_digest => Outcome::Ok,
            Decided::ByTag { .. } => Outcome::Unpinned { decided_by: None },
        })
    };
    Ok(Plan {
        outcomes: considered.into_iter().map(outcome).collect(),
        ..Plan::default()
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::engine::plan::TagChoice;
    use crate::engine::policy::{TagForm, Track};
    use crate::engine::selector::ImageFilter;
    use crate::engine::shape;

    /// The states of a deployment's images, as words.
    fn words(record: Option<&str>, images: &[&str], track: Track) -> Vec<&'static str> {
        let containers: Vec<_> = images
            .iter()
            .enumerate()
            .map(|(index, image)| json!({"name": format!("c{index}"), "image": image}))
            .collect();
        let object = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "annotations": {"imago-config-spec": record, "imago/ignore": "c9"}},
            "spec": {"template": {"spec": {"containers": containers}}},
        });
        let mut object = shape::find(&object).objects.remove(0);
        if record.is_none() {
            object.record = crate::engine::object::Record::Absent;
        }
        let rules = Rules {
            tags: TagChoice::ByPolicy,
            track,
            form: TagForm::Keep,
            images: ImageFilter::default(),
        };
        let states = states(&object, &rules).unwrap();
        states
            .into_iter()
            .map(|state| state.as_ref().map_or("none", State::as_str))
            .collect()
    }

    #[test]
    fn a_state_is_what_an_update_would_begin_with() {
        let digest = format!("sha256:{}", "1".repeat(64));
        let (pin, other) = (format!("web:1@{digest}"), format!("db@{digest}"));
        let images = ["web:1", &pin, &other, "${IMAGE}", "web:1:2", ""];
        let record = r#"{"containers":[{"name":"c1","image":"web:1"}],"initContainers":[]}"#;
        for (record, track, expected) in [
            (
                None,
                Track::Annotation,
                ["unpinned", "fixed", "fixed", "variable", "failed", "none"],
            ),
            (
                Some(record),
                Track::Annotation,
                ["unpinned", "pinned", "fixed", "variable", "failed", "none"],
            ),
            (
                None,
                Track::Tag,
                ["unpinned", "pinned", "fixed", "variable", "failed", "none"],
            ),
        ] {
            assert_eq!(words(record, &images, track), expected);
        }
    }
}
