//! Which objects have images, and where: shapes as data, and the one finder that reads them.
//!
//! A new kind of object is a row of [`pods::KINDS`], or of `families`. This file has no opinion on images.

#[cfg(test)]
mod comments;
mod entries;
mod families;
mod fields;
mod find;
mod flux_markers;
mod images;
mod jobs;
mod kinds;
mod patches;
mod pattern;
mod placed;
pub mod pods;
mod policies;
mod policy_rules;
mod releases;
mod scalar;
mod triggers;
mod unhandled;
mod values;

use memchr::memmem;

use super::argocd;
use super::object::{Object, group_of};

pub use entries::EntryDigest;
pub use fields::{Shape, Split};
pub use find::{CIPHERTEXT, HELM_VALUES, find, find_in, find_values, is_encrypted};
pub use flux_markers::{FLUX_MARKERS, apply as apply_markers};
pub use kinds::{KindName, Kinds};
pub use patches::{JSON_PATCH, Refused, patch_hold, patch_takes};
pub use pattern::{NoPattern, Pattern};
pub use pods::{PodKind, PodOwner, Template};
pub use policies::hold_shared;
pub use policy_rules::{PolicyRule, PolicyRules};
pub use releases::release_values;
pub use unhandled::{is_kustomization_file, is_miswritten, slip, unhandled};
pub use values::{defaults as default_images, hold_refused, settle as settle_values};

/// Whether an object with images may be in the bytes: the name of one of the kinds that run pods, an escape (`\\x`, `\\u`, `\\U`) that
/// could spell it, an image's key and a text that stands in every other object with one, or a kind that the run adds.
pub fn may_hold(bytes: &[u8], kinds: &Kinds) -> bool {
    let has = |kind: &str| memmem::find(bytes, kind.as_bytes()).is_some();
    let has_marker = || kinds.flux.is_some() && has("$imagepolicy");
    has_marker()
        || names_a_kind(bytes)
        || has_escape(bytes)
        || families::may_hold(bytes)
        || kinds.named().any(has)
}

/// Whether bytes that are no YAML are meant for an object: the keys of every object stand in them, or the file is a kustomization.
pub fn is_meant(file_name: &str, bytes: &[u8]) -> bool {
    let has = |key: &str| memmem::find(bytes, key.as_bytes()).is_some();
    has("apiVersion") && has("kind") || is_known_by_name(file_name)
}

/// Whether a file says by its name alone what it is.
pub fn is_known_by_name(file_name: &str) -> bool {
    is_kustomization_file(file_name) || argocd::is_source_file(file_name)
}

/// Whether an image may be in the bytes, if they are the values of a chart.
pub fn may_be_values(bytes: &[u8]) -> bool {
    ["mage", "tag"]
        .iter()
        .any(|key| memmem::find(bytes, key.as_bytes()).is_some())
}

/// Whether the name of one of the four kinds stands anywhere in the bytes.
fn names_a_kind(bytes: &[u8]) -> bool {
    // These letters begin the names (`J` is the rarest of `CronJob`), and all are rare in manifests: one pass finds every name.
    memchr::memchr3_iter(b'D', b'J', b'S', bytes).any(|at| {
        let (before, rest) = bytes.split_at(at);
        match rest[0] {
            b'D' => rest.starts_with(b"Deployment") || rest.starts_with(b"DaemonSet"),
            b'S' => rest.starts_with(b"StatefulSet"),
            _ => rest.starts_with(b"Job") && before.ends_with(b"Cron"),
        }
    })
}

fn has_escape(bytes: &[u8]) -> bool {
    memchr::memchr_iter(b'\\', bytes)
        .any(|at| matches!(bytes.get(at + 1), Some(b'x' | b'u' | b'U')))
}

/// Whether the objects of a kind have a pod template that cannot change.
pub fn is_job(group: &str, kind: &str) -> bool {
    jobs::is_job(group, kind)
}

/// The name of a kind whose images are off, if its file may hold one: `holds` says whether a key stands in it. `api_version` is asked only
/// where it decides.
pub fn may_be_off<'a>(
    kind: &str,
    api_version: impl FnOnce() -> Option<&'a str>,
    holds: impl FnOnce(&'static str) -> bool,
) -> Option<&'static str> {
    let key = match kind {
        "OCIRepository" => "tag",
        // `dockerImage`
        "postgresql" => "mage",
        _ => "image",
    };
    let may = fields::is_row(kind) && holds(key);
    may.then(|| fields::off_kind(api_version()?, kind))
        .flatten()
}

/// What is in a document.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// The objects with images, in order.
    pub objects: Vec<Object>,
    /// What is not handled ([`unhandled`]) or is miswritten ([`slip`]), each as often as it was seen.
    pub unhandled: Vec<&'static str>,
    /// The lines of comments in texts of the document that no image there takes ([`super::misplaced`]).
    pub misplaced: Vec<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_hold_an_image_is_seen_in_the_bytes() {
        for text in [
            "containers: [image]",
            "x: [DaemonSet]",
            "- kind: StatefulSet",
            "CronJob",
            "kind: DeploymentList",
            "{\"initContainers\": [], \"image\": 1}",
            "apiVersion: tekton.dev/v1\nimage:",
            "images: [{name: a, newTag: b}]",
            "images: [{name: a, digest: b}]",
            "imageTags: [{tagSuffix: a}]",
            "- {op: add, path: /spec/image, value: a}",
            "a: \"\\x44\"",
            "\\u0044",
        ] {
            assert!(may_hold(text.as_bytes(), &Kinds::default()), "{text}");
        }
        for text in [
            "",
            "kind: Service",
            "\\",
            "\\n\\\"",
            "ontaine image",
            "image: web",
            "containers: []",
            "digest: b",
            "deployment",
            "Deploymen",
            "Cron Job",
            "Stateful",
            "D",
            "J",
            "S",
        ] {
            assert!(!may_hold(text.as_bytes(), &Kinds::default()), "{text}");
        }
    }

    #[test]
    fn what_is_meant_for_an_object_shows_both_keys_or_is_named_so() {
        assert!(is_meant("", b"apiVersion: v1\nkind: Pod\n: {"));
        assert!(is_meant("", br#"{"kind": "Pod", "apiVersion""#));
        assert!(is_meant("kustomization.yaml", b"images: {"));
        assert!(!is_meant("", b"kind: [Pod"));
        assert!(!is_meant("", b"# Deployment: {"));
    }

    proptest::proptest! {
        #[test]
        fn the_look_agrees_with_a_plain_search(text in "(Deploy|ment|Daemon|Set|State|fulSet|Cron|Job|cont|ainers|image|[DSJ\\\\xuU \n])*") {
            let hints = ["Deployment", "DaemonSet", "StatefulSet", "CronJob", "\\x", "\\u", "\\U"];
            let expected = hints.iter().any(|hint| text.contains(hint)) || text.contains("image") && text.contains("container");
            proptest::prop_assert_eq!(may_hold(text.as_bytes(), &Kinds::default()), expected, "{}", text);
        }
    }
}
