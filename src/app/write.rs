//! Writes the files of a run: first all new contents, then one flush, then each is renamed over its file.
//!
//! These are two steps, so that a commit contains no file that a full disk would keep out of the working tree.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::Path;

use super::manifest::ManifestFile;
use super::report::{Place, Problem};
use super::threads;
use crate::engine::code::Code;
use crate::io::files::{self, FileError, Prepared};
use crate::io::interrupt::{self, Held, Interrupt};

/// What a signal does between the steps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signals {
    /// The remaining files are not written.
    Obeyed,
    /// Nothing: the commit with these files is already on its way.
    Deferred,
}

/// New contents on the disk, each in a temporary file beside its file. Dropping them removes the temporary files.
pub(super) struct Drafts<'r> {
    signals: Signals,
    due: usize,
    ready: Vec<(usize, &'r ManifestFile, Prepared)>,
    failures: BTreeMap<usize, Problem>,
    _held: Held,
}

/// The first step: everything that needs room on the disk, for files that change: each with its number and its new text.
pub(super) fn draft<'r>(
    due: impl Iterator<Item = (usize, &'r ManifestFile, &'r str)>,
    signals: Signals,
) -> Drafts<'r> {
    let held = interrupt::hold();
    let due: Vec<_> = due.collect();
    let displaced = displaced(due.iter().map(|(_, manifest, _)| *manifest));
    let made = threads::map(&due, |(_, manifest, new_text)| {
        signals.asked_to_end().is_none().then(|| {
            match displaced.contains(&manifest.path.parent()) {
                true => Err(FileError::Displaced),
                false => files::prepare(&manifest.path, new_text.as_bytes()),
            }
        })
    });
    let mut failures = BTreeMap::new();
    let (mut manifests, mut prepared) =
        (Vec::with_capacity(due.len()), Vec::with_capacity(due.len()));
    for ((index, manifest, _), made) in due.iter().zip(made) {
        match made {
            Some(Ok(made)) => {
                manifests.push((*index, *manifest));
                prepared.push(made);
            }
            Some(Err(error)) => drop(failures.insert(*index, unwritten(manifest, &error))),
            None => {}
        }
    }
    let flushed = if signals.asked_to_end().is_none() {
        files::flush(&prepared)
    } else {
        Vec::new()
    };
    // If the folder is swapped for a link from now on, our temporary file is not in it, so the rename fails.
    let displaced = self::displaced(manifests.iter().map(|(_, manifest)| *manifest));
    let mut folders: BTreeSet<&OsStr> = displaced
        .iter()
        .flatten()
        .map(|folder| folder.as_os_str())
        .collect();
    let firsts: Vec<_> = prepared
        .iter()
        .filter(|one| folders.insert(one.folder().as_os_str()))
        .collect();
    threads::map(&firsts, |one| one.remove_leftovers());
    let mut ready = Vec::with_capacity(prepared.len());
    for (((index, manifest), prepared), flushed) in manifests.into_iter().zip(prepared).zip(flushed)
    {
        match flushed {
            Ok(()) if displaced.contains(&manifest.path.parent()) => {
                drop(failures.insert(index, unwritten(manifest, &FileError::Displaced)));
            }
            Ok(()) => ready.push((index, manifest, prepared)),
            Err(error) => drop(failures.insert(index, unwritten(manifest, &error))),
        }
    }
    Drafts {
        signals,
        due: due.len(),
        ready,
        failures,
        _held: held,
    }
}

/// The folders of files that a link has replaced since the files were found. Each folder is checked once.
fn displaced<'m>(manifests: impl Iterator<Item = &'m ManifestFile>) -> BTreeSet<Option<&'m Path>> {
    let folders: BTreeSet<_> = manifests.map(|manifest| manifest.path.parent()).collect();
    folders
        .into_iter()
        .filter(|folder| folder.is_some_and(files::is_displaced))
        .collect()
}

impl Drafts<'_> {
    /// The files that could not be prepared, by index. They keep their content.
    pub(super) fn failures(&self) -> &BTreeMap<usize, Problem> {
        &self.failures
    }

    /// The last step: renames each draft over its file. Returns the failures of both steps, by the file's index. An `Err` means
    /// that a signal ended it: the remaining files are unchanged.
    pub(super) fn put(self) -> Result<BTreeMap<usize, Problem>, Box<Problem>> {
        let Self {
            signals,
            due,
            ready,
            mut failures,
            _held,
        } = self;
        let put = threads::consume(ready, |(index, manifest, prepared)| {
            signals
                .asked_to_end()
                .is_none()
                .then(|| (index, manifest, prepared.put(manifest.text.as_bytes())))
        });
        let mut written = 0;
        for (index, manifest, put) in put.into_iter().flatten() {
            match put {
                Ok(()) => written += 1,
                Err(error) => drop(failures.insert(index, unwritten(manifest, &error))),
            }
        }
        match signals.asked_to_end() {
            Some(signal) if written + failures.len() < due => {
                Err(Box::new(interrupted(signal, written, due)))
            }
            _ => Ok(failures),
        }
    }
}

impl Signals {
    fn asked_to_end(self) -> Option<Interrupt> {
        interrupt::noted().filter(|_| self == Self::Obeyed)
    }
}

/// The report's problem for a file that could not be written.
pub(super) fn unwritten(manifest: &ManifestFile, error: &FileError) -> Problem {
    Problem {
        code: error.code(),
        what: format!("cannot write `{}`", manifest.name),
        place: Place {
            file: Some(manifest.name.clone()),
            ..Place::default()
        },
        cause: error.to_string(),
        hint: error.hint().map(str::to_owned),
    }
}

fn interrupted(signal: Interrupt, written: usize, due: usize) -> Problem {
    Problem {
        code: Code::Interrupted,
        what: format!("ended by {signal} while the files were written"),
        place: Place::default(),
        cause: format!("{written} of {due} files were written, and the others are as they were"),
        hint: Some("run again for the rest".to_owned()),
    }
}
