//! `imago.lock`: the digests of earlier runs, so that a run without network says the same.
//!
//! The file is JSON with one image a line, sorted, so that Git merges it line by line. It is read strictly, because what is not
//! understood would be lost when it is written, and it is written only when an image in it changed. Runs beside each other lose
//! nothing: a merge locks the file, reads it again, and replaces it at once.

mod format;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use self::format::VERSION;
use super::files::{self, FileError, Prepared};
use crate::engine::code::Code;
use crate::engine::image::{Digest, Lookup};

/// How often a merge begins again when other programs keep replacing the file.
const ATTEMPTS: usize = 100;

/// The content of a lock file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    images: BTreeMap<Lookup, Digest>,
}

/// What a merge does with images that the run did not meet.
#[derive(Clone, Copy, Debug)]
pub enum Prune<'a> {
    /// They stay: another folder may need them.
    Keep,
    /// They go, except those in this set, which the run used.
    Unused(&'a BTreeSet<Lookup>),
}

/// What a merge did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Merged {
    /// Whether the file was written.
    pub changed: bool,
}

/// Why a lock file was not read or written. The text is the cause alone.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The file itself refuses.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is no lock file, or a broken one.
    #[error("line {line}: {reason}")]
    Malformed {
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        reason: String,
    },
    /// It has a version that this program does not know.
    #[error("it has version {0}, and this program knows version {VERSION}")]
    Version(String),
    /// Other programs replaced it again and again while it was merged.
    #[error("other programs keep changing it")]
    Busy,
}

impl LockError {
    /// A stable word for programs.
    pub fn code(&self) -> Code {
        match self {
            Self::File(error) => error.code(),
            Self::Malformed { .. } => Code::LockSyntax,
            Self::Version(_) => Code::LockVersion,
            Self::Busy => Code::ChangedMeanwhile,
        }
    }

    /// One thing to do about it, where there is one.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            // The hints of `FileError` speak of manifests.
            Self::File(
                FileError::TooLarge(_) | FileError::NotRegular(_) | FileError::InsideGit,
            ) => Some("name another file with `--lock`"),
            Self::File(error) => error.hint(),
            Self::Malformed { .. } => Some(
                "take it from Git again, with any merge conflict solved, or delete it and make it anew with `--update --lock FILE`",
            ),
            Self::Version(_) => Some("use the version of imago that wrote it"),
            Self::Busy => Some("run again when they are done"),
        }
    }
}

impl Lock {
    /// Reads a lock file; `None` when there is none.
    pub fn read(path: &Path) -> Result<Option<Self>, LockError> {
        Ok(if is_there(path)? {
            Some(Self::parse(&files::read(path)?)?)
        } else {
            None
        })
    }

    /// Whether [`merge`] may be expected to succeed, without writing anything.
    pub fn writable(path: &Path) -> Result<(), LockError> {
        Ok(files::puttable(path)?)
    }

    /// The digest that is recorded for a tag.
    pub fn get(&self, lookup: &Lookup) -> Option<&Digest> {
        self.images.get(lookup)
    }
}

/// Adds a run's digests to the lock file, making it where there is none, and writes it when that changes an image of it.
///
/// Runs beside this one wait for each other; foreign programs that write the file meanwhile are noticed.
pub fn merge(
    path: &Path,
    digests: &BTreeMap<Lookup, Digest>,
    prune: Prune<'_>,
) -> Result<Merged, LockError> {
    for _ in 0..ATTEMPTS {
        let outcome = match is_there(path)? {
            true => merge_existing(path, digests, prune),
            false if digests.is_empty() => Ok(Merged { changed: false }),
            false => make(path, digests),
        };
        match outcome {
            Err(LockError::File(FileError::Changed | FileError::Vanished)) => {}
            outcome => return outcome,
        }
    }
    Err(LockError::Busy)
}

/// What a merge would write, for who has to know before it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The file.
    pub path: PathBuf,
    /// What it holds now; `None` where there is none yet.
    pub old: Option<Vec<u8>>,
    /// What it shall hold.
    pub new: String,
}

impl Draft {
    /// What [`merge`] would write; `None` where no image of the lock would change.
    pub fn new(
        path: &Path,
        digests: &BTreeMap<Lookup, Digest>,
        prune: Prune<'_>,
    ) -> Result<Option<Self>, LockError> {
        let old = is_there(path)?.then(|| files::read(path)).transpose()?;
        let new = merged(old.as_deref(), digests, prune)?;
        Ok(new.map(|new| Self {
            path: path.to_owned(),
            old,
            new,
        }))
    }

    /// Writes it beside the file, which needs all the room that it ever needs.
    pub fn prepare(self) -> Result<Ready, LockError> {
        let prepare = if self.old.is_some() {
            files::prepare
        } else {
            files::prepare_new
        };
        let prepared = [prepare(&self.path, self.new.as_bytes())?];
        files::flush(&prepared)
            .into_iter()
            .collect::<Result<(), _>>()?;
        let [prepared] = prepared;
        let prepared = prepared.in_place()?;
        prepared.remove_leftovers();
        Ok(Ready {
            path: self.path,
            old: self.old,
            prepared,
        })
    }
}

/// A draft beside its file and on the disk. Dropped, it is gone.
#[derive(Debug)]
pub struct Ready {
    path: PathBuf,
    old: Option<Vec<u8>>,
    prepared: Prepared,
}

impl Ready {
    /// The file that it is for.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives it the file's place, where the file is still as it was.
    pub fn put(self) -> Result<(), LockError> {
        let Some(old) = &self.old else {
            return Ok(self.prepared.put_new()?);
        };
        let _held = hold(&self.path)?;
        Ok(self.prepared.put(old)?)
    }
}

/// The text of a lock with a run's digests in it; `None` where no image of it changes.
pub fn merged(
    old: Option<&[u8]>,
    digests: &BTreeMap<Lookup, Digest>,
    prune: Prune<'_>,
) -> Result<Option<String>, LockError> {
    let before = old.map(Lock::parse).transpose()?.unwrap_or_default();
    let mut after = before.clone();
    if let Prune::Unused(used) = prune {
        after.images.retain(|lookup, _| used.contains(lookup));
    }
    after.images.extend(
        digests
            .iter()
            .map(|(lookup, digest)| (lookup.clone(), digest.clone())),
    );
    Ok((after != before).then(|| after.to_string()))
}

fn make(path: &Path, digests: &BTreeMap<Lookup, Digest>) -> Result<Merged, LockError> {
    let lock = Lock {
        images: digests.clone(),
    };
    files::create(path, lock.to_string().as_bytes())?;
    Ok(Merged { changed: true })
}

fn merge_existing(
    path: &Path,
    digests: &BTreeMap<Lookup, Digest>,
    prune: Prune<'_>,
) -> Result<Merged, LockError> {
    let _held = hold(path)?;
    let old = files::read(path)?;
    let new = merged(Some(&old), digests, prune)?;
    if let Some(new) = &new {
        files::replace(path, &old, new.as_bytes())?;
    }
    Ok(Merged {
        changed: new.is_some(),
    })
}

/// Waits for the lock on the very file that the path names now; it lasts as long as the value. `Vanished` asks to begin again.
///
/// The lock is on the file itself and no other, so nothing stays behind, and a folder that somebody holds blocks nobody.
fn hold(path: &Path) -> Result<File, FileError> {
    // Some network file systems lock only what is open for writing.
    let flags = (OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY).bits();
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(flags.cast_signed())
        .open(path)?;
    match file.lock() {
        // Where locks do not exist, what is left is the comparison right before the file is replaced.
        Err(error) if error.kind() == ErrorKind::Unsupported => {}
        outcome => outcome?,
    }
    let (ours, now) = (file.metadata()?, path.metadata()?);
    if (ours.dev(), ours.ino()) == (now.dev(), now.ino()) {
        Ok(file)
    } else {
        Err(FileError::Vanished)
    }
}

/// Whether a file is there. What is no regular file, such as a link, is refused.
fn is_there(path: &Path) -> Result<bool, FileError> {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_file() => Ok(true),
        Ok(metadata) if metadata.file_type().is_symlink() => {
            Err(FileError::Link(path.display().to_string()))
        }
        // Reading says what it is instead.
        Ok(_) => files::read(path).map(|_| true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error.into()),
    }
}
