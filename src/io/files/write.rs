//! Replaces whole files, or leaves them alone.
//!
//! It never leaves half a file behind, even after a crash of the system: the content is on the disk before it gets its name. It
//! never overwrites what another program wrote after the file was read. It does not wait until the new name is on the disk: after
//! a crash there is either the old file or the new one. A replacement loses other hard links to the old file, and access lists
//! beyond owner, group and mode.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fs::{DirEntry, File, Metadata, OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{Access, AtFlags};
use rustix::io::Errno;
use tempfile::{NamedTempFile, TempPath};

use super::{FileError, open, read};
use crate::io::interrupt::{self, Held};

/// The prefix and suffix of a temporary file's name. Letters and digits are between them.
const TEMPORARY: (&str, &str) = (".imago-", ".part");
/// The number of these letters and digits.
const RANDOM: usize = 12;
/// No run takes so long that a temporary file of this age is still in use.
const LEFT_BEHIND: Duration = Duration::from_secs(60 * 60);

/// If there are more files than these on a file system, syncing the whole file system is faster than syncing each file.
const FEW: usize = 8;

/// A file's new content, in a temporary file beside it. Dropping it removes the temporary file.
#[derive(Debug)]
pub struct Prepared {
    path: PathBuf,
    temporary: TempPath,
    /// The file system of the temporary file.
    device: u64,
    _held: Held,
}

/// Atomically replaces the content `old` of a file by `new`. Keeps its mode, and its owner and group if the system allows it.
///
/// Right before that, the file is compared with `old`. After an error the file is unchanged, and no temporary file is left.
pub fn replace(path: &Path, old: &[u8], new: &[u8]) -> Result<(), FileError> {
    let prepared = [prepare(path, new)?];
    flush(&prepared).into_iter().collect::<Result<(), _>>()?;
    prepared
        .into_iter()
        .try_for_each(|prepared| prepared.in_place().and_then(|prepared| prepared.put(old)))
}

/// The first of three steps for many files: writes the new content to a temporary file, with the mode and owner of the original.
pub fn prepare(path: &Path, new: &[u8]) -> Result<Prepared, FileError> {
    let (_, metadata) = open(path)?;
    may_write(path, &metadata)?;
    let held = interrupt::hold();
    let temporary = write_beside(path, new, Permissions::from_mode(0o600))?;
    let ours = temporary.as_file().metadata()?;
    keep_owner(temporary.as_file(), &ours, &metadata)?;
    temporary
        .as_file()
        .set_permissions(metadata.permissions())?;
    // Keeps the path and not the open file, because there may be more files than a process may open.
    Ok(Prepared {
        path: path.to_owned(),
        temporary: temporary.into_temp_path(),
        device: ours.dev(),
        _held: held,
    })
}

/// Like [`prepare`], for a file that does not exist yet.
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

/// The second step: waits until the new contents are on the disk. Returns one result for each.
pub fn flush(prepared: &[Prepared]) -> Vec<Result<(), FileError>> {
    let mut devices: BTreeMap<u64, (usize, &Path)> = BTreeMap::new();
    for one in prepared {
        devices.entry(one.device).or_insert((0, &one.temporary)).0 += 1;
    }
    devices.retain(|_, (count, path)| *count > FEW && flush_all_beside(path).is_ok());
    // Where syncing the file system failed, sync each file, so that the error belongs to a file.
    let flushed = |one: &Prepared| match devices.contains_key(&one.device) {
        true => Ok(()),
        false => Ok(File::open(&one.temporary).and_then(|file| file.sync_data())?),
    };
    prepared.iter().map(flushed).collect()
}

impl Prepared {
    /// The last step: renames the temporary file over the file, if that still has the content `old`.
    pub fn put(self, old: &[u8]) -> Result<(), FileError> {
        if read(&self.path)? != old {
            return Err(FileError::Changed);
        }
        Ok(self
            .temporary
            .persist(&self.path)
            .map_err(|error| error.error)?)
    }

    /// The last step for a new file. If a file was created meanwhile, it is not overwritten.
    pub fn put_new(self) -> Result<(), FileError> {
        self.temporary
            .persist_noclobber(&self.path)
            .map_err(|error| match error.error.kind() {
                ErrorKind::AlreadyExists => FileError::Changed,
                _ => error.error.into(),
            })
    }

    /// Fails if a link took the place of the folder. Such a swap later on does no harm: the temporary file is not in the new
    /// folder.
    pub fn in_place(self) -> Result<Self, FileError> {
        if is_displaced(self.folder()) {
            Err(FileError::Displaced)
        } else {
            Ok(self)
        }
    }

    /// The folder of the file.
    pub fn folder(&self) -> &Path {
        folder(&self.path)
    }

    /// As `remove_leftovers`, in the folder of the file.
    pub fn remove_leftovers(&self) {
        remove_leftovers(&self.temporary);
    }
}

/// Removes temporary files that killed runs left beside this one. Newer ones stay, because a concurrent run may use them. Ages are
/// measured by the file system's own clock. Ignores errors; the next run tries again.
pub(super) fn remove_leftovers(temporary: &Path) {
    let Ok(now) = temporary
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
    let Ok(entries) = folder(temporary).read_dir() else {
        return;
    };
    for entry in entries.flatten() {
        if entry.file_name().to_str().is_some_and(is_temporary) && is_left(&entry) {
            // Another run may have removed it, and a leftover does no harm.
            drop(std::fs::remove_file(entry.path()));
        }
    }
}

/// Checks, without writing, whether [`replace`] can replace the file.
pub fn writable(path: &Path) -> Result<(), FileError> {
    let (_, metadata) = open(path)?;
    may_write(path, &metadata)?;
    rustix::fs::access(folder(path), Access::WRITE_OK).map_err(|_| FileError::FolderPermission)
}

/// Creates a file atomically. If a file is created meanwhile, it is not overwritten.
pub fn create(path: &Path, new: &[u8]) -> Result<(), FileError> {
    let prepared = [prepare_new(path, new)?];
    flush(&prepared).into_iter().collect::<Result<(), _>>()?;
    prepared.into_iter().try_for_each(|prepared| {
        let prepared = prepared.in_place()?;
        prepared.remove_leftovers();
        prepared.put_new()
    })
}

/// As [`create`], with the folders that are missing.
pub fn create_with_folders(path: &Path, new: &[u8]) -> Result<(), FileError> {
    std::fs::create_dir_all(folder(path))?;
    create(path, new)
}

/// Whether a link has taken the place of `folder` or of one above it. `folder` was found without links. A missing folder is not
/// displaced; one that cannot be inspected may be.
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

/// Whether this user may write the file itself. A rename over it would not check that.
/// `Err`: its mode, or its file system, lets this user not write there.
pub(super) fn may_write(path: &Path, metadata: &Metadata) -> Result<(), FileError> {
    let access = rustix::fs::accessat(rustix::fs::CWD, path, Access::WRITE_OK, AtFlags::EACCESS);
    access.map_err(|error| match error {
        Errno::ROFS => FileError::ReadOnlySystem,
        _ => FileError::ReadOnly(metadata.mode() & 0o7777),
    })
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
    // Open the file here: tempfile's own errors lose the system's error number, and contain a random name.
    let mut temporary = builder
        .make_in(folder(path), |path| options.open(path))
        .map_err(|error| match error.kind() {
            ErrorKind::PermissionDenied => FileError::FolderPermission,
            ErrorKind::NotFound => FileError::FolderMissing,
            _ => error.into(),
        })?;
    // Write to the inner file: the errors of tempfile's wrapper contain the random name.
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

/// Syncs the whole file system of a file.
#[cfg(target_os = "linux")]
fn flush_all_beside(path: &Path) -> std::io::Result<()> {
    Ok(rustix::fs::syncfs(File::open(path)?)?)
}

#[cfg(not(target_os = "linux"))]
fn flush_all_beside(_path: &Path) -> std::io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}

/// Gives the file the owner and group of `other`. Only root may change owners, so refusals are ignored.
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
