//! Writing the files of a run: all new contents first, then one flush, then each gets its file's place.

use std::collections::{BTreeMap, BTreeSet};

use super::files::Round;
use super::report::{Place, Problem};
use super::survey::Manifest;
use super::threads;
use crate::io::files::{self, FileError};
use crate::io::interrupt::{self, Interrupt};

/// What a signal that comes meanwhile does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Signals {
    /// The rest is not written.
    Obeyed,
    /// Nothing: a commit that has these files is on its way.
    Deferred,
}

impl Round {
    /// Writes the files that change and are taken; the failures by the file's place. `Err`: a signal ended it before the end, and what
    /// was not written by then is as it was.
    pub(super) fn write_files(
        &self,
        takes: impl Fn(usize) -> bool,
        signals: Signals,
    ) -> Result<BTreeMap<usize, Problem>, Box<Problem>> {
        let _held = interrupt::hold();
        let asked_to_end = || interrupt::noted().filter(|_| signals == Signals::Obeyed);
        let due: Vec<_> = self.due().filter(|(index, _, _)| takes(*index)).collect();
        let made = threads::map(&due, |(_, manifest, new_text)| {
            asked_to_end().is_none().then(|| files::prepare(&manifest.path, new_text.as_bytes()))
        });
        let mut failures = BTreeMap::new();
        let (mut manifests, mut prepared) = (Vec::with_capacity(due.len()), Vec::with_capacity(due.len()));
        let mut fail = |index, manifest: &Manifest, error: FileError| failures.insert(index, unwritten(manifest, &error));
        for ((index, manifest, _), made) in due.iter().zip(made) {
            match made {
                Some(Ok(made)) => {
                    manifests.push((*index, *manifest));
                    prepared.push(made);
                }
                Some(Err(error)) => drop(fail(*index, manifest, error)),
                None => {}
            }
        }
        let flushed = if asked_to_end().is_none() { files::flush(&prepared) } else { Vec::new() };
        let mut folders = BTreeSet::new();
        prepared.iter().filter(|one| folders.insert(one.folder())).for_each(files::Prepared::remove_leftovers);
        let ready: Vec<_> = manifests.into_iter().zip(prepared).zip(flushed).collect();
        let put = threads::consume(ready, |(((index, manifest), prepared), flushed)| {
            let put = || flushed.and_then(|()| prepared.put(manifest.text.as_bytes()));
            asked_to_end().is_none().then(|| (index, manifest, put()))
        });
        let mut written = 0;
        for (index, manifest, put) in put.into_iter().flatten() {
            match put {
                Ok(()) => written += 1,
                Err(error) => drop(fail(index, manifest, error)),
            }
        }
        match asked_to_end() {
            Some(signal) if written + failures.len() < due.len() => Err(Box::new(interrupted(signal, written, due.len()))),
            _ => Ok(failures),
        }
    }
}

/// What a file's failure to be written is to the report.
pub(super) fn unwritten(manifest: &Manifest, error: &FileError) -> Problem {
    Problem {
        code: error.code(),
        what: format!("cannot write `{}`", manifest.name),
        place: Place { file: Some(manifest.name.clone()), ..Place::default() },
        cause: error.to_string(),
        hint: error.hint().map(str::to_owned),
    }
}

fn interrupted(signal: Interrupt, written: usize, due: usize) -> Problem {
    Problem {
        code: "interrupted",
        what: format!("ended by {signal} while the files were written"),
        place: Place::default(),
        cause: format!("{written} of {due} files were written, and the others are as they were"),
        hint: Some("run again for the rest".to_owned()),
    }
}
