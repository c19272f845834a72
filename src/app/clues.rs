//! What the files of a tree say of Helm charts.

use std::path::Path;

use super::overlays::{Base, file_name};
use crate::engine::helm::{self, Clue};
use crate::engine::shape;
use crate::engine::yaml::File;

/// What a file of a tree says of charts, by its name and by its content.
pub(super) fn clues(base: &Base, path: &Path, bytes: &[u8]) -> Vec<Clue> {
    let name = file_name(path);
    let may_tell = shape::is_known_by_name(name) || helm::may_tell(name, bytes);
    let text = may_tell.then(|| std::str::from_utf8(bytes).ok()).flatten();
    let file = text.and_then(|text| File::parse(text).ok());
    clues_of(base, path, file.as_ref())
}

/// As [`clues`], of a file that is parsed. `None`: its content says nothing.
pub(super) fn clues_of(base: &Base, path: &Path, file: Option<&File<'_>>) -> Vec<Clue> {
    // Whatever it holds, a file may be values by its name.
    let is_values = path.to_str().is_some_and(helm::is_named_values);
    if file.is_none() && !is_values {
        return Vec::new();
    }
    let Some(name) = base.within(path) else {
        return Vec::new();
    };
    let mut clues = Vec::new();
    if let Some(file) = file {
        let documents = (0..file.len()).filter(|index| !file.is_refused(*index));
        clues.extend(documents.flat_map(|index| helm::read(file.document(index), &name)));
    }
    if is_values {
        clues.push(Clue::Beside(name));
    }
    clues
}
