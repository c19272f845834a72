//! Replacing files whole or not at all.
//!
//! It never leaves half a file behind, not after a crash of the system either, because a content is on the disk before it gets its name;
//! and it never overwrites what somebody wrote after it was read. What it cannot keep over a replacement: other hard links to the old
//! file, and access lists beyond owner, group and mode. It does not wait for the new name to be on the disk: after a crash there is the
//! old file, or the new one.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{DirEntry, File, Metadata, OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Access, AtFlags};
use tempfile::{NamedTempFile, TempPath};

use super::{FileError, open, read};
use crate::io::interrupt::{self, Held};

/// A temporary file's name: these two, and letters and digits between them.
const TEMPORARY: (&str, &str) = (".imago-", ".part");
/// How many letters and digits.
const RANDOM: usize = 12;
/// A run does not take so long that a temporary file this old is still its own.
const LEFT_BEHIND: Duration = Duration::from_secs(60 * 60);

/// More files than these are flushed with everything else that waits to be written to their file system, which then is quicker.
const FEW: usize = 8;

/// A file's new content, beside the file and not in its place yet. Dropped, it is gone.
#[derive(Debug)]
pub struct Prepared {
    path: PathBuf,
    temporary: TempPath,
    /// The file system that it is on.
    device: u64,
    _held: Held,
}

/// Puts `new` in the place of a file that holds `old`: at once, with its mode, and with its owner and group where the system lets us.
///
/// The file is compared with `old` as the last thing before it is replaced. Whatever fails, the file is as it was, and nothing is
/// left beside it.
pub fn replace(path: &Path, old: &[u8], new: &[u8]) -> Result<(), FileError> {
    let prepared = [prepare(path, new)?];
    flush(&prepared).into_iter().collect::<Result<(), _>>()?;
    prepared
        .into_iter()
        .try_for_each(|prepared| prepared.in_place().and_then(|prepared| prepared.put(old)))
}

/// The first of three steps, for many files at once: writes the new content beside the file, with its mode and owner.
pub fn prepare(path: &Path, new: &[u8]) -> Result<Prepared, FileError> {
    let (_, metadata) = open(path)?;
    if !may_write(path) {
        return Err(FileError::ReadOnly(metadata.mode() & 0o7777));
    }
    let held = interrupt::hold();
    let temporary = write_beside(path, new, Permissions::from_mode(0o600))?;
    let ours = temporary.as_file().metadata()?;
    keep_owner(temporary.as_file(), &ours, &metadata)?;
    temporary
        .as_file()
        .set_permissions(metadata.permissions())?;
    // Not the open file: there may be more of them than a process may have open.
    Ok(Prepared {
        path: path.to_owned(),
        temporary: temporary.into_temp_path(),
        device: ours.dev(),
        _held: held,
    })
}

/// As [`prepare`], for a file that is not there yet.
pub fn prepare_new(path: &Path, new: &[u8]) -> Result<Prepared, FileError> {
    let held = interrupt::hold();
    let temporary = write_beside(path, new, Permissions::from_mode(0o666))?;
    let device = temporary.as_file().metadata()?.dev();
    Ok(Prepared {
        path: path.to_owned(),
        temporary: temporary.into_temp_path(),
        device,
        _held: held,
    })
}

/// The second step: returns when the new contents are on the disk, one result for each.
pub fn flush(prepared: &[Prepared]) -> Vec<Result<(), FileError>> {
    let mut devices: BTreeMap<u64, (usize, &Path)> = BTreeMap::new();
    for one in prepared {
        devices.entry(one.device).or_insert((0, &one.temporary)).0 += 1;
    }
    devices.retain(|_, (count, path)| *count > FEW && flush_all_beside(path).is_ok());
    // What failed for all is done one by one, which tells whose failure it is.
    let flushed = |one: &Prepared| match devices.contains_key(&one.device) {
        true => Ok(()),
        false => Ok(File::open(&one.temporary).and_then(|file| file.sync_data())?),
    };
    prepared.iter().map(flushed).collect()
}

impl Prepared {
    /// The last step: gives it the place of a file that still holds `old`.
    pub fn put(self, old: &[u8]) -> Result<(), FileError> {
        if read(&self.path)? != old {
            return Err(FileError::Changed);
        }
        Ok(self
            .temporary
            .persist(&self.path)
            .map_err(|error| error.error)?)
    }

    /// The same, where there is no file yet. One that came meanwhile is not overwritten.
    pub fn put_new(self) -> Result<(), FileError> {
        self.temporary
            .persist_noclobber(&self.path)
            .map_err(|error| match error.error.kind() {
                ErrorKind::AlreadyExists => FileError::Changed,
                _ => error.error.into(),
            })
    }

    /// Itself, unless a link took the place of its folder. From here on such a link changes nothing: the temporary file is not there.
    pub fn in_place(self) -> Result<Self, FileError> {
        if is_displaced(self.folder()) {
            Err(FileError::Displaced)
        } else {
            Ok(self)
        }
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        folder(&self.path)
    }

    /// Removes the temporary files that killed runs left in its folder. What is too new for that, by the clock that the file system gives
    /// its times by, may be that of a run beside this one. A failure leaves them for the next run.
    pub fn remove_leftovers(&self) {
        let Ok(now) = self
            .temporary
            .metadata()
            .and_then(|metadata| metadata.modified())
        else {
            return;
        };
        let is_left = |entry: &DirEntry| {
            let modified = entry
                .metadata()
                .ok()
                .filter(Metadata::is_file)
                .and_then(|metadata| metadata.modified().ok());
            modified.is_some_and(|then| now.duration_since(then).is_ok_and(|age| age > LEFT_BEHIND))
        };
        let Ok(entries) = self.folder().read_dir() else {
            return;
        };
        for entry in entries.flatten() {
            if entry.file_name().to_str().is_some_and(is_temporary) && is_left(&entry) {
                // Another run may have removed it, and one that stays is in nobody's way.
                drop(std::fs::remove_file(entry.path()));
            }
        }
    }
}

/// Whether [`replace`] may be expected to succeed, without writing anything.
pub fn writable(path: &Path) -> Result<(), FileError> {
    let (_, metadata) = open(path)?;
    if !may_write(path) {
        return Err(FileError::ReadOnly(metadata.mode() & 0o7777));
    }
    rustix::fs::access(folder(path), Access::WRITE_OK).map_err(|_| FileError::FolderPermission)
}

/// Makes a file that is not there yet, at once. One that came meanwhile is not overwritten.
pub fn create(path: &Path, new: &[u8]) -> Result<(), FileError> {
    let prepared = [prepare_new(path, new)?];
    flush(&prepared).into_iter().collect::<Result<(), _>>()?;
    prepared
        .into_iter()
        .try_for_each(|prepared| prepared.in_place().and_then(Prepared::put_new))
}

/// Whether a link has taken the place of a folder, or of one above it, whose path was found without links. What is not there is not
/// displaced; what cannot be looked at may be.
pub fn is_displaced(folder: &Path) -> bool {
    let folder = if folder.as_os_str().is_empty() {
        Path::new(".")
    } else {
        folder
    };
    match (folder.canonicalize(), std::path::absolute(folder)) {
        (Ok(real), Ok(spelled)) => real != spelled,
        (Err(error), _) => !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory),
        (_, Err(_)) => true,
    }
}

/// Whether the system would let this user write the file itself; a rename over it would not ask.
pub(super) fn may_write(path: &Path) -> bool {
    rustix::fs::accessat(rustix::fs::CWD, path, Access::WRITE_OK, AtFlags::EACCESS).is_ok()
}

pub(super) fn folder(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

pub(super) fn write_beside(
    path: &Path,
    new: &[u8],
    permissions: Permissions,
) -> Result<NamedTempFile, FileError> {
    let (prefix, suffix) = TEMPORARY;
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix).suffix(suffix).rand_bytes(RANDOM);
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .create_new(true)
        .mode(permissions.mode());
    // Opened here: tempfile's own errors keep neither the system's number nor a name that is the same in every run.
    let mut temporary = builder
        .make_in(folder(path), |path| options.open(path))
        .map_err(|error| match error.kind() {
            ErrorKind::PermissionDenied => FileError::FolderPermission,
            ErrorKind::NotFound => FileError::FolderMissing,
            _ => error.into(),
        })?;
    // To the file within: the temporary one's own errors name it, with letters that are others in every run.
    temporary.as_file_mut().write_all(new)?;
    Ok(temporary)
}

fn is_temporary(name: &str) -> bool {
    let random = name
        .strip_prefix(TEMPORARY.0)
        .and_then(|rest| rest.strip_suffix(TEMPORARY.1));
    random.is_some_and(|random| {
        random.len() == RANDOM && random.bytes().all(|byte| byte.is_ascii_alphanumeric())
    })
}

/// Flushes a file with all else that waits to be written to its file system.
#[cfg(target_os = "linux")]
fn flush_all_beside(path: &Path) -> std::io::Result<()> {
    Ok(rustix::fs::syncfs(File::open(path)?)?)
}

#[cfg(not(target_os = "linux"))]
fn flush_all_beside(_path: &Path) -> std::io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}

/// Gives the file the other one's owner and group. Only root may give a file away, so what is refused stays ours.
fn keep_owner(file: &File, ours: &Metadata, other: &Metadata) -> Result<(), FileError> {
    let owner = (ours.uid() != other.uid()).then_some(other.uid());
    let group = (ours.gid() != other.gid()).then_some(other.gid());
    for (owner, group) in [(owner, None), (None, group)] {
        if owner.is_none() && group.is_none() {
            continue;
        }
        match std::os::unix::fs::fchown(file, owner, group) {
            Err(error) if error.kind() != ErrorKind::PermissionDenied => return Err(error.into()),
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}
