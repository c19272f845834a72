//! `imago.lock`: the digests of earlier runs, and the tags that policies took, so that a run without network gets the same answers.
//!
//! The file is JSON with one image or tag a line, sorted, so that Git merges it line by line. Reading is strict, because anything not
//! understood would be lost on the next write. The file is written only when one of its images changes. Concurrent runs lose
//! nothing: a merge locks the file, reads it again, and replaces it atomically.

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
use crate::engine::version::Policy;

/// How often a merge starts again because other programs replace the file.
const ATTEMPTS: usize = 100;

/// The content of a lock file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lock {
    /// The digest of each tag.
    pub images: BTreeMap<Lookup, Digest>,
    /// The best tag of a repository by a policy, by [`choice_key`]; empty where no tag fits. One of `newest` may be
    /// followed by [`OLDER`](crate::engine::version::OLDER).
    pub tags: BTreeMap<String, String>,
    /// What this version does not know.
    other: BTreeMap<String, serde_json::Value>,
}

/// What the lock calls the choice that a policy makes: `NAME | POLICY | TAG NOW`.
pub fn choice_key(name: &str, policy: &Policy, now: &str) -> String {
    format!("{name} | {policy} | {now}")
}

/// What a merge does with images that this run did not use.
#[derive(Clone, Copy, Debug)]
pub enum Prune<'a> {
    /// Keep them: another folder may need them.
    Keep,
    /// Remove them, except those in this set, which the run used, and the choices of policies for its questions.
    Unused(&'a BTreeSet<Lookup>),
}

/// What a merge did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Merged {
    /// Whether the file was written.
    pub changed: bool,
}

/// Why a lock file could not be read or written. The text is the cause alone.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Reading or writing the file failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is not a lock file, or it is broken.
    #[error("line {line}: {reason}")]
    Malformed {
        /// The line, from 1.
        line: usize,
        /// What is wrong there.
        reason: String,
    },
    /// Its version is unknown to this program.
    #[error("it has version {0}, and this program knows version {VERSION}")]
    Version(String),
    /// Other programs kept replacing it during the merge.
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
            // The hints of `FileError` are about manifests.
            Self::File(
                FileError::TooLarge(_) | FileError::NotRegular(_) | FileError::InsideGit,
            ) => Some("name another file with `--lock`"),
            Self::File(error) => error.hint(),
            Self::Malformed { .. } => Some(
                "restore it from Git without merge conflicts, or delete it and create it again with `--update --lock FILE`",
            ),
            Self::Version(_) => Some("use the version of imago that wrote it"),
            Self::Busy => Some("run again when they are done"),
        }
    }
}

impl Lock {
    /// Reads a lock file. Returns `None` if there is none.
    pub fn read(path: &Path) -> Result<Option<Self>, LockError> {
        Ok(if is_there(path)? {
            Some(Self::parse(&files::read(path)?)?)
        } else {
            None
        })
    }

    /// Checks, without writing, whether [`merge`] can write the file.
    pub fn writable(path: &Path) -> Result<(), LockError> {
        Ok(files::puttable(path)?)
    }

    /// The digest recorded for a tag.
    pub fn get(&self, lookup: &Lookup) -> Option<&Digest> {
        self.images.get(lookup)
    }

    /// The best tag that is recorded for a question with a policy; empty where no tag fits.
    pub fn best(&self, lookup: &Lookup) -> Option<&str> {
        let key = choice_key(lookup.name(), lookup.policy()?, lookup.tag());
        self.tags.get(&key).map(String::as_str)
    }

    fn is_empty(&self) -> bool {
        self.images.is_empty() && self.tags.is_empty()
    }
}

/// Adds what a run has found to the lock file, and creates the file if there is none. Writes only if an image changes.
///
/// Concurrent runs wait for each other. If another program changes the file meanwhile, the merge starts again.
pub fn merge(path: &Path, run: &Lock, prune: Prune<'_>) -> Result<Merged, LockError> {
    tried_again(|| match is_there(path)? {
        true => merge_existing(path, run, prune),
        false if run.is_empty() => Ok(Merged { changed: false }),
        false => make(path, run),
    })
}

/// As [`merge`], for a lock that other runs read: it is created even if there is nothing to note.
pub fn fill(path: &Path, run: &Lock) -> Result<(), LockError> {
    let filled = tried_again(|| match is_there(path)? {
        true => merge_existing(path, run, Prune::Keep),
        false => make(path, run),
    });
    filled.map(drop)
}

/// Does it again while other programs change the file.
fn tried_again(mut act: impl FnMut() -> Result<Merged, LockError>) -> Result<Merged, LockError> {
    for _ in 0..ATTEMPTS {
        match act() {
            Err(LockError::File(FileError::Changed | FileError::Vanished)) => {}
            outcome => return outcome,
        }
    }
    Err(LockError::Busy)
}

/// What a merge would write, for callers that need to know it before anything is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// The path of the lock.
    pub path: PathBuf,
    /// Its current content; `None` if it does not exist yet.
    pub old: Option<Vec<u8>>,
    /// Its content after the merge.
    pub new: String,
}

impl Draft {
    /// What [`merge`] would write. `None` if no image of the lock would change.
    pub fn new(path: &Path, run: &Lock, prune: Prune<'_>) -> Result<Option<Self>, LockError> {
        let old = is_there(path)?.then(|| files::read(path)).transpose()?;
        let new = merged(old.as_deref(), run, prune)?;
        Ok(new.map(|new| Self {
            path: path.to_owned(),
            old,
            new,
        }))
    }

    /// Writes the draft to a temporary file beside the lock, so that a full disk is noticed now and not in [`Ready::put`].
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

/// A draft that is on the disk beside its file. Dropping it removes it.
#[derive(Debug)]
pub struct Ready {
    path: PathBuf,
    old: Option<Vec<u8>>,
    prepared: Prepared,
}

impl Ready {
    /// The path of the lock.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Renames the draft over the lock, if the lock still has its old content.
    pub fn put(self) -> Result<(), LockError> {
        let Some(old) = &self.old else {
            return Ok(self.prepared.put_new()?);
        };
        let _held = hold(&self.path)?;
        Ok(self.prepared.put(old)?)
    }
}

/// The text of a lock after a run's digests are added. `None` if no image of it changes.
pub fn merged(
    old: Option<&[u8]>,
    run: &Lock,
    prune: Prune<'_>,
) -> Result<Option<String>, LockError> {
    let before = old.map(Lock::parse).transpose()?.unwrap_or_default();
    let mut after = before.clone();
    if let Prune::Unused(used) = prune {
        let choices: BTreeSet<String> = (used.iter())
            .filter_map(|lookup| Some(choice_key(lookup.name(), lookup.policy()?, lookup.tag())))
            .collect();
        after.images.retain(|lookup, _| used.contains(lookup));
        after.tags.retain(|key, _| choices.contains(key));
    }
    let images = run.images.iter();
    after
        .images
        .extend(images.map(|(lookup, digest)| (lookup.clone(), digest.clone())));
    let tags = run.tags.iter();
    after
        .tags
        .extend(tags.map(|(key, tag)| (key.clone(), tag.clone())));
    Ok((after != before).then(|| after.to_string()))
}

fn make(path: &Path, run: &Lock) -> Result<Merged, LockError> {
    files::create(path, run.to_string().as_bytes())?;
    Ok(Merged { changed: true })
}

fn merge_existing(path: &Path, run: &Lock, prune: Prune<'_>) -> Result<Merged, LockError> {
    let _held = hold(path)?;
    let old = files::read(path)?;
    let new = merged(Some(&old), run, prune)?;
    if let Some(new) = &new {
        files::replace(path, &old, new.as_bytes())?;
    }
    Ok(Merged {
        changed: new.is_some(),
    })
}

/// Waits for a lock on the file that is at `path`; dropping the returned file unlocks it. Fails with `Vanished` if the file was
/// replaced meanwhile; then start again.
///
/// There is no separate lock file. So nothing is left behind, and a lock that another program holds on the folder blocks nobody.
fn hold(path: &Path) -> Result<File, FileError> {
    // Some network file systems lock only files that are open for writing.
    let flags = (OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY).bits();
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(flags.cast_signed())
        .open(path)?;
    match file.lock() {
        // A file system without locks is left with the comparison right before the file is replaced.
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

/// Whether a file exists. Anything but a regular file, such as a link, is an error.
fn is_there(path: &Path) -> Result<bool, FileError> {
    match path.symlink_metadata() {
        Ok(metadata) if metadata.is_file() => Ok(true),
        Ok(metadata) if metadata.file_type().is_symlink() => {
            Err(FileError::Link(path.display().to_string()))
        }
        // The error of the read says what it is instead.
        Ok(_) => files::read(path).map(|_| true),
        // The error of the write says that there is no such folder.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}
