//! The cases of `fixtures/rewrite`. Each is a folder; none needs Rust code.
//!
//! ```text
//! CASE/in/         the files before
//! CASE/out/        the files after; missing if nothing changes
//! CASE/case.toml   why       the reason, in a sentence or two
//!                  action    "update" (the default) or "restore"
//!                  flags     further flags of the command
//!                  restore   what a restore after the update gives back: the original "bytes" (the default), the same "object", or "off":
//!                            the files already have a record, so there is no original state
//!                  [digests] the lock's digest of each image
//!                  [tags]    the lock's choices of policies
//!                  [[problems]], [[skipped]]   the codes that the run reports, each with its line if that is certain
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::binary::files;

/// One case.
#[derive(Debug)]
pub(crate) struct Case {
    /// The name of its folder.
    pub(crate) name: String,
    /// Its `case.toml`.
    pub(crate) terms: Terms,
    folder: PathBuf,
}

/// The content of `case.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Terms {
    /// The reason.
    pub(crate) why: String,
    /// What the run does.
    #[serde(default)]
    pub(crate) action: Action,
    /// Further flags.
    #[serde(default)]
    pub(crate) flags: Vec<String>,
    /// What a restore gives back.
    #[serde(default)]
    pub(crate) restore: Restore,
    /// The lock's digests.
    #[serde(default)]
    pub(crate) digests: BTreeMap<String, String>,
    /// The lock's choices of policies.
    #[serde(default)]
    pub(crate) tags: BTreeMap<String, String>,
    /// The problems of the run.
    #[serde(default)]
    pub(crate) problems: Vec<Mark>,
    /// What the run skips.
    #[serde(default)]
    pub(crate) skipped: Vec<Mark>,
}

/// What the run does with the files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Action {
    /// `--update`
    #[default]
    Update,
    /// `--restore`
    Restore,
}

/// What a restore after the update gives back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Restore {
    /// The original bytes.
    #[default]
    Bytes,
    /// The same objects, written in another way.
    Object,
    /// There is no original state.
    Off,
}

/// A code that a run reports.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Mark {
    /// The code.
    pub(crate) code: String,
    /// The line in the file before the run, from 1.
    pub(crate) line: Option<u64>,
}

impl Case {
    /// Every case, by name.
    pub(crate) fn all() -> Vec<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/rewrite");
        let mut folders: Vec<PathBuf> = fs::read_dir(&root)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        folders.sort();
        folders.into_iter().map(Self::read).collect()
    }

    fn read(folder: PathBuf) -> Self {
        let terms = fs::read_to_string(folder.join("case.toml"))
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        let terms =
            toml::from_str(&terms).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        Self {
            name: folder.file_name().unwrap().to_str().unwrap().to_owned(),
            terms,
            folder,
        }
    }

    /// The folder of the files before.
    pub(crate) fn before(&self) -> PathBuf {
        self.folder.join("in")
    }

    /// The files after.
    pub(crate) fn after(&self) -> BTreeMap<String, Vec<u8>> {
        let out = self.folder.join("out");
        files(&if out.is_dir() { out } else { self.before() })
    }

    /// The lock's text.
    pub(crate) fn lock(&self) -> String {
        let (images, tags) = (&self.terms.digests, &self.terms.tags);
        serde_json::json!({"version": 1, "images": images, "tags": tags}).to_string()
    }
}

#[test]
fn every_case_says_why_and_is_whole() {
    let cases = Case::all();
    assert!(cases.len() >= 200, "{} cases were found", cases.len());
    for case in cases {
        assert!(case.terms.why.len() > 20, "{}: say why", case.name);
        assert!(
            case.after().keys().eq(files(&case.before()).keys()),
            "{}: in/ and out/ have other files",
            case.name
        );
        let out = case.folder.join("out");
        assert!(
            !out.is_dir() || files(&out) != files(&case.before()),
            "{}: out/ is no different, so leave it out",
            case.name
        );
    }
}
