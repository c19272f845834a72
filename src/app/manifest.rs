//! A file of manifests: its text, and the objects in it that have images.

use std::ops::{Deref, DerefMut};
use std::path::PathBuf;

use crate::engine::code::Code;
use crate::engine::object::Object;
use crate::engine::plan::Question;

/// A file with objects.
///
/// What it holds is boxed: files go from list to list, and a tree has many.
#[derive(Debug)]
pub struct ManifestFile {
    /// Where it is.
    pub path: PathBuf,
    /// As named to the user.
    pub name: String,
    /// What it holds.
    pub content: Box<Manifest>,
}

/// What a file with objects holds.
#[derive(Debug)]
pub struct Manifest {
    /// The whole text, as it was read; empty where [`Texts`] did not ask for it.
    pub text: String,
    /// Whether every update of its images can be made ([`crate::engine::splice::is_certain`]), where that was asked.
    pub(super) is_certain: bool,
    /// The objects, each with the number of its document, in order.
    pub objects: Vec<(usize, Object)>,
    /// What has to be asked for them.
    pub questions: Vec<Question>,
    pub(super) unhandled: Vec<&'static str>,
    /// The lines of comments for this program that no image takes.
    pub(super) misplaced: Vec<u32>,
    pub(super) refused: Vec<Unread>,
}

/// Which texts of files are kept after a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Texts {
    /// All: files may be edited.
    All,
    /// Where an edit may be refused, for a run that only tells what would change.
    Doubtful,
}

/// Why a file, or a document of it, is not read.
#[derive(Debug)]
pub(super) struct Unread {
    pub(super) code: Code,
    pub(super) line: Option<u32>,
    pub(super) cause: String,
    pub(super) hint: Option<String>,
}

impl Deref for ManifestFile {
    type Target = Manifest;

    fn deref(&self) -> &Manifest {
        &self.content
    }
}

impl DerefMut for ManifestFile {
    fn deref_mut(&mut self) -> &mut Manifest {
        &mut self.content
    }
}
