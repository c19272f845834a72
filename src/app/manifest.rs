//! A file of manifests: its text, and the objects in it that have images.

use std::path::PathBuf;

use crate::engine::object::Object;
use crate::engine::plan::Question;

/// A file with objects.
#[derive(Debug)]
pub struct ManifestFile {
    /// Where it is.
    pub path: PathBuf,
    /// As named to the user.
    pub name: String,
    /// Its whole text, as it was read.
    pub text: String,
    /// Its objects, each with the number of its document, in order.
    pub objects: Vec<(usize, Object)>,
    /// What has to be asked for it.
    pub questions: Vec<Question>,
}
