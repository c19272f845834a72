//! Writing the files of a run: all new contents first, then one flush, then each gets its file's place.
//!
//! The two steps are apart, so that a commit holds no file that a full disk would keep out of the working tree.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::path::Path;

use super::files::Pass;
use super::report::{Place, Problem};
use super::survey::Manifest;
use super::threads;
use crate::engine::code::Code;
use crate::io::files::{self, FileError, Prepared};
use crate::io::interrupt::{self, Held, Interrupt};

/// What a signal that comes meanwhile does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signals {
    /// The rest is not written.
    Obeyed,
    /// Nothing: a commit that has these files is on its way.
    Deferred,
}

/// The new contents of files, each beside its file and on the disk. Dropped, they are gone.
pub(super) struct Drafts<'r> {
    signals: Signals,
    due: usize,
    ready: Vec<(usize, &'r Manifest, Prepared)>,
    failures: BTreeMap<usize, Problem>,
    _held: Held,
}

impl Pass {
    /// The first step: all that needs room on the disk, of the files that change and are taken.
    pub(super) fn draft_files(
        &self,
        takes: impl Fn(usize) -> bool,
        signals: Signals,
    ) -> Drafts<'_> {
        let held = interrupt::hold();
        let due: Vec<_> = self.due().filter(|(index, _, _)| takes(*index)).collect();
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
        // A draft that stands where its file was found can be put nowhere else: a folder that takes that place from here on has no draft.
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
        for (((index, manifest), prepared), flushed) in
            manifests.into_iter().zip(prepared).zip(flushed)
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
}

/// The folders of files that a link has taken the place of since they were found. Each is looked at once.
fn displaced<'m>(manifests: impl Iterator<Item = &'m Manifest>) -> BTreeSet<Option<&'m Path>> {
    let folders: BTreeSet<_> = manifests.map(|manifest| manifest.path.parent()).collect();
    folders
        .into_iter()
        .filter(|folder| folder.is_some_and(files::is_displaced))
        .collect()
}

impl Drafts<'_> {
    /// The files that keep what they have, by their places.
    pub(super) fn failures(&self) -> &BTreeMap<usize, Problem> {
        &self.failures
    }

    /// The last step: gives each draft its file's place, and the failures of both steps by the file's place. `Err`: a signal ended it
    /// before the end, and what was not written by then is as it was.
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

/// What a file's failure to be written is to the report.
pub(super) fn unwritten(manifest: &Manifest, error: &FileError) -> Problem {
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
