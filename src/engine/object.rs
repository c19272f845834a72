//! An object that has images, the same for a file and for a cluster, and what its annotations say to this program.
//!
//! Where its images stand is the business of [`super::shape`].

use std::collections::BTreeSet;

use super::hold::Hold;
use super::path::Path;
use super::site::Site;

/// The annotation of an object that records its images as they were written.
pub const RECORD: &str = "imago-config-spec";
/// The annotation of a pod template that makes its pods be replaced, by a new time in it.
pub const RESTARTED_AT: &str = "imago/restartedAt";
/// The annotation by which a user leaves an object, or some of its containers, out.
pub const IGNORE: &str = "imago/ignore";

/// The annotation by which a user says which tags the images of an object go to.
pub const POLICY: &str = "imago/policy";

/// What the names of our annotations for people begin with.
pub(super) const PREFIX: &str = "imago/";

/// The longest name that Kubernetes takes.
const LONGEST_NAME: usize = 253;

/// A name as it is kept. One that no API server takes is cut: what is said of each image has it.
pub(super) fn kept_name(name: &str) -> String {
    match name.char_indices().nth(LONGEST_NAME) {
        None => name.to_owned(),
        Some((end, _)) => format!("{}…", &name[..end]),
    }
}

/// Cuts the names of sites as [`kept_name`] does.
pub(super) fn cut_names(sites: &mut [Site]) {
    for site in sites
        .iter_mut()
        .filter(|site| site.name.len() > LONGEST_NAME)
    {
        site.name = kept_name(&site.name);
    }
}

/// An object with images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Object {
    /// Its `apiVersion`, as `kept_name` has it.
    pub api_version: String,
    /// Its `kind`, as `kept_name` has it.
    pub kind: String,
    /// Where it stands in its document; the root, unless it is an item of a list.
    pub at: Path,
    /// `metadata.namespace`, as `kept_name` has it.
    pub namespace: Option<String>,
    /// `metadata.name`, or `metadata.generateName`, or nothing; as `kept_name` has it.
    pub name: String,
    /// `metadata.labels`.
    pub labels: Vec<(String, String)>,
    /// The record, as its annotation has it.
    pub record: Record,
    /// The line of that annotation, from 1.
    pub record_line: Option<u32>,
    /// What the user left out.
    pub ignore: Ignore,
    /// Its annotations that look like ours and are not: `imago/ingore`.
    pub unknown_annotations: Vec<String>,
    /// The names in the annotation [`POLICY`] that no image has.
    pub idle_policies: Vec<String>,
    /// What holds all of its images, unless its kind is taken by name.
    pub hold: Option<Hold>,
    /// Its images, list by list as its shape names them.
    pub sites: Vec<Site>,
    /// The line where it begins, from 1.
    pub line: Option<u32>,
}

/// The text of the annotation [`RECORD`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Record {
    /// There is none.
    Absent,
    /// Its text.
    Text(String),
    /// It is there, and no string.
    NoText,
}

/// What the annotation [`IGNORE`] leaves out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ignore {
    /// Nothing.
    Nothing,
    /// The whole object.
    All,
    /// These containers.
    Containers(BTreeSet<String>),
    /// Nothing, though something may be meant: it is there, and no string.
    NoText,
}

impl Object {
    /// Where the annotation [`RECORD`] stands, or would.
    pub fn record_path(&self) -> Path {
        self.at.keys(&["metadata", "annotations", RECORD])
    }

    /// Its API group: `apps` of `apps/v1`, and nothing of `v1`.
    pub fn group(&self) -> &str {
        group_of(&self.api_version)
    }

    /// Its API version without the group: `v1` of `apps/v1`, and of `v1`.
    pub fn version(&self) -> &str {
        let version = self.api_version.rsplit_once('/');
        version.map_or(&self.api_version, |(_, version)| version)
    }

    /// `Deployment/web`
    pub fn label(&self) -> String {
        match self.name.as_str() {
            "" => self.kind.clone(),
            name => format!("{}/{name}", self.kind),
        }
    }
}

/// The API group of a version: `apps` of `apps/v1`, and nothing of `v1`.
pub(super) fn group_of(api_version: &str) -> &str {
    api_version.split_once('/').map_or("", |(group, _)| group)
}
