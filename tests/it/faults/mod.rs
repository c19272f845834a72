//! What goes wrong around a run: disks, permissions, other runs, servers. After each fault no file is half written, the report is
//! true, the exit code is right, and the next run works. `git/killed.rs` tests killed runs.
//!
//! `IMAGO_FAULTS=200` tries that many points or rounds of each instead of a few; `IMAGO_FAULTS_SEED=17` tries others.

mod beside;
mod disk;
mod few;
mod hostile;
mod servers;

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::binary::Workplace;
use crate::support::registry::TestRegistry;

/// How many points or rounds a test tries.
pub(crate) fn rounds(few: u32) -> u32 {
    std::env::var("IMAGO_FAULTS").map_or(few, |count| {
        count.parse().expect("IMAGO_FAULTS is a number")
    })
}

/// The seed of a test's choices.
pub(crate) fn seed() -> u64 {
    std::env::var("IMAGO_FAULTS_SEED").map_or(0, |seed| {
        seed.parse().expect("IMAGO_FAULTS_SEED is a number")
    })
}

/// One Deployment as text, with one image.
fn deployment(name: &str, image: &str) -> String {
    format!(
        "# the front door\napiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\nspec:\n  template:\n    spec:\n      \
         containers:\n      - name: app\n        image: {image}   # keep me\n"
    )
}

/// Whether a text is a complete [`deployment`], whatever the digest of its image.
fn is_whole(text: &str) -> bool {
    text.starts_with("# the front door\n") && text.ends_with("   # keep me\n")
}

/// The tag that all manifests of a test name, on a registry in the process.
struct Tag {
    registry: TestRegistry,
    moves: std::cell::Cell<u32>,
}

impl Tag {
    fn new() -> Self {
        let tag = Self {
            registry: TestRegistry::start(),
            moves: 0.into(),
        };
        tag.move_on();
        tag
    }

    fn image(&self) -> String {
        format!("{}/shop/web:1.4", self.registry.host())
    }

    /// Moves the tag to another digest, which is returned.
    fn move_on(&self) -> String {
        self.moves.set(self.moves.get() + 1);
        self.registry.push_index(
            "shop/web",
            "1.4",
            &["linux/amd64"],
            &self.moves.get().to_string(),
        )
    }
}

/// The names in the report's `files_changed`.
fn said_to_be_changed(report: &Value) -> BTreeSet<String> {
    report["files_changed"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap().to_owned())
        .collect()
}

/// The codes of the report's problems.
fn codes(report: &Value) -> BTreeSet<&str> {
    report["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| problem["code"].as_str().unwrap())
        .collect()
}

/// Checks that the files, given as name and text, are complete, and that the report names exactly those with the digest as
/// changed.
fn assert_true(report: &Value, files: &[(String, String)], digest: &str, place: &str) {
    let said = said_to_be_changed(report);
    for (name, text) in files {
        assert!(is_whole(text), "{place}: {name}: {text}");
        assert_eq!(
            text.contains(digest),
            said.contains(name),
            "{place}: {name}: {report:#}"
        );
    }
}

/// The manifests of a workplace, by name and text.
fn manifests(place: &Workplace) -> Vec<(String, String)> {
    let files = place
        .files()
        .into_iter()
        .filter(|(name, _)| name.ends_with(".yaml"));
    files
        .map(|(name, bytes)| (name, String::from_utf8(bytes).unwrap()))
        .collect()
}

/// The temporary files that are left.
fn left_behind(place: &Workplace) -> Vec<String> {
    place
        .files()
        .into_keys()
        .filter(|name| name.contains(".imago-"))
        .collect()
}
