//! Replacing files whole or not at all.
//!
//! It never leaves half a file behind, not after a crash of the system either, because a content is on the disk before it gets its name;
//! and it never overwrites what somebody wrote after it was read. What it cannot keep over a replacement: other hard links to the old
//! file, and access lists beyond owner, group and mode. It does not wait for the new name to be on the disk: after a crash there is the
//! old file, or the new one.

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
    prepared.into_iter().try_for_each(|prepared| prepared.put(old))
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
    temporary.as_file().set_permissions(metadata.permissions())?;
    // Not the open file: there may be more of them than a process may have open.
    Ok(Prepared { path: path.to_owned(), temporary: temporary.into_temp_path(), device: ours.dev(), _held: held })
}

/// As [`prepare`], for a file that is not there yet.
pub fn prepare_new(path: &Path, new: &[u8]) -> Result<Prepared, FileError> {
    let held = interrupt::hold();
    let temporary = write_beside(path, new, Permissions::from_mode(0o666))?;
    let device = temporary.as_file().metadata()?.dev();
    Ok(Prepared { path: path.to_owned(), temporary: temporary.into_temp_path(), device, _held: held })
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
        Ok(self.temporary.persist(&self.path).map_err(|error| error.error)?)
    }

    /// The same, where there is no file yet. One that came meanwhile is not overwritten.
    pub fn put_new(self) -> Result<(), FileError> {
        self.temporary.persist_noclobber(&self.path).map_err(|error| match error.error.kind() {
            ErrorKind::AlreadyExists => FileError::Changed,
            _ => error.error.into(),
        })
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        folder(&self.path)
    }

    /// Removes the temporary files that killed runs left in its folder. What is too new for that, by the clock that the file system gives
    /// its times by, may be that of a run beside this one. A failure leaves them for the next run.
    pub fn remove_leftovers(&self) {
        let Ok(now) = self.temporary.metadata().and_then(|metadata| metadata.modified()) else { return };
        let is_left = |entry: &DirEntry| {
            let modified = entry.metadata().ok().filter(Metadata::is_file).and_then(|metadata| metadata.modified().ok());
            modified.is_some_and(|then| now.duration_since(then).is_ok_and(|age| age > LEFT_BEHIND))
        };
        let Ok(entries) = self.folder().read_dir() else { return };
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
    prepared.into_iter().try_for_each(Prepared::put_new)
}

/// Whether a link has taken the place of a folder, or of one above it, whose path was found without links. What is not there is not
/// displaced; what cannot be looked at may be.
pub fn is_displaced(folder: &Path) -> bool {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
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

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

pub(super) fn write_beside(path: &Path, new: &[u8], permissions: Permissions) -> Result<NamedTempFile, FileError> {
    let (prefix, suffix) = TEMPORARY;
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix).suffix(suffix).rand_bytes(RANDOM);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create_new(true).mode(permissions.mode());
    // Opened here: tempfile's own errors keep neither the system's number nor a name that is the same in every run.
    let mut temporary = builder.make_in(folder(path), |path| options.open(path)).map_err(|error| match error.kind() {
        ErrorKind::PermissionDenied => FileError::FolderPermission,
        ErrorKind::NotFound => FileError::FolderMissing,
        _ => error.into(),
    })?;
    // To the file within: the temporary one's own errors name it, with letters that are others in every run.
    temporary.as_file_mut().write_all(new)?;
    Ok(temporary)
}

fn is_temporary(name: &str) -> bool {
    let random = name.strip_prefix(TEMPORARY.0).and_then(|rest| rest.strip_suffix(TEMPORARY.1));
    random.is_some_and(|random| random.len() == RANDOM && random.bytes().all(|byte| byte.is_ascii_alphanumeric()))
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

#[cfg(test)]
mod tests {
    use std::fs::FileTimes;

    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_is_replaced_whole_with_its_mode() {
        let folder = folder();
        let file = folder.path().join("web.yaml");
        for mode in [0o600, 0o644, 0o664, 0o755, 0o200] {
            std::fs::write(&file, "old").unwrap();
            std::fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            if File::open(&file).is_err() {
                continue;
            }
            replace(&file, b"old", b"new and longer").unwrap();
            assert_eq!(std::fs::read(&file).unwrap(), b"new and longer");
            assert_eq!(file.metadata().unwrap().mode() & 0o7777, mode);
            std::fs::remove_file(&file).unwrap();
        }
    }

    #[test]
    fn a_file_that_changed_meanwhile_is_left_as_it_is() {
        let folder = folder();
        let file = folder.path().join("web.yaml");
        std::fs::write(&file, "somebody else's").unwrap();
        let error = replace(&file, b"old", b"new").unwrap_err();
        assert_eq!(error.code(), "changed-meanwhile");
        assert_eq!(std::fs::read(&file).unwrap(), b"somebody else's");
        assert_eq!(names(folder.path()), ["web.yaml"]);
    }

    #[test]
    fn a_file_that_is_gone_is_not_made_again() {
        let folder = folder();
        assert_eq!(replace(&folder.path().join("web.yaml"), b"old", b"new").unwrap_err().code(), "vanished");
        assert_eq!(names(folder.path()), [""; 0]);
    }

    #[test]
    fn a_file_is_written_only_by_who_may_write_it_and_keeps_its_mode() {
        let folder = folder();
        let file = folder.path().join("web.yaml");
        std::fs::write(&file, "old").unwrap();
        std::fs::set_permissions(&file, Permissions::from_mode(0o444)).unwrap();
        // The superuser may write every file, also a read-only one.
        if file.metadata().unwrap().uid() == 0 {
            replace(&file, b"old", b"new").unwrap();
            assert_eq!(std::fs::read(&file).unwrap(), b"new");
        } else {
            let error = replace(&file, b"old", b"new").unwrap_err();
            assert_eq!((error.code(), error.to_string().as_str()), ("read-only", "it is read-only (mode 444)"));
            assert_eq!(std::fs::read(&file).unwrap(), b"old");
        }
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o444);
    }

    #[test]
    fn a_new_file_does_not_overwrite_one_that_came_meanwhile() {
        let folder = folder();
        let file = folder.path().join("imago.lock");
        create(&file, b"first").unwrap();
        assert_eq!(create(&file, b"second").unwrap_err().code(), "changed-meanwhile");
        assert_eq!(std::fs::read(&file).unwrap(), b"first");
        assert_eq!(names(folder.path()), ["imago.lock"]);
        let plain = folder.path().join("plain");
        std::fs::write(&plain, "").unwrap();
        assert_eq!(file.metadata().unwrap().mode(), plain.metadata().unwrap().mode());
    }

    #[test]
    fn many_files_are_replaced_and_a_failure_is_its_files_own() {
        let folder = folder();
        let at = |index: usize| folder.path().join(format!("{index}.yaml"));
        (0..3 * FEW).for_each(|index| std::fs::write(at(index), format!("old {index}")).unwrap());
        let prepared: Vec<_> = (0..3 * FEW).map(|index| prepare(&at(index), b"new").unwrap()).collect();
        std::fs::write(at(1), "somebody else's").unwrap();
        std::fs::remove_file(at(2)).unwrap();
        assert!(flush(&prepared).into_iter().all(|flushed| flushed.is_ok()));
        let put = prepared.into_iter().enumerate();
        let codes: Vec<_> =
            put.map(|(index, one)| one.put(format!("old {index}").as_bytes()).map_err(|error| error.code())).collect();
        let expected = |index| match index {
            1 => Err("changed-meanwhile"),
            2 => Err("vanished"),
            _ => Ok(()),
        };
        assert_eq!(codes, (0..3 * FEW).map(expected).collect::<Vec<_>>());
        assert_eq!(std::fs::read(at(1)).unwrap(), b"somebody else's");
        assert_eq!(names(folder.path()).len(), 3 * FEW - 1);
        assert!((3..3 * FEW).all(|index| std::fs::read(at(index)).unwrap() == b"new"));
    }

    #[test]
    fn what_is_prepared_and_not_put_leaves_nothing() {
        let folder = folder();
        let file = folder.path().join("web.yaml");
        std::fs::write(&file, "old").unwrap();
        let prepared = prepare(&file, b"new").unwrap();
        assert_eq!(names(folder.path()).len(), 2);
        drop(prepared);
        assert_eq!(names(folder.path()), ["web.yaml"]);
    }

    #[test]
    fn only_what_a_run_left_long_ago_is_removed() {
        let folder = folder();
        let file = folder.path().join("web.yaml");
        std::fs::write(&file, "old").unwrap();
        let make = |name: &str, age: Duration| {
            let made = File::create(folder.path().join(name)).unwrap();
            let now = made.metadata().unwrap().modified().unwrap();
            made.set_times(FileTimes::new().set_modified(now - age)).unwrap();
        };
        let (old, new) = (LEFT_BEHIND * 2, LEFT_BEHIND / 2);
        make(".imago-abcdefghij12.part", old);
        make(".imago-abcdefghij13.part", new);
        for name in [".imago-backup", ".imago-abcdefghij1.part", ".imago-abcdefghij_2.part", "imago-abcdefghij12.part"] {
            make(name, old);
        }
        std::fs::create_dir(folder.path().join(".imago-abcdefghij14.part")).unwrap();
        let prepared = prepare(&file, b"new").unwrap();
        prepared.remove_leftovers();
        prepared.put(b"old").unwrap();
        let expected = [
            ".imago-abcdefghij1.part",
            ".imago-abcdefghij13.part",
            ".imago-abcdefghij14.part",
            ".imago-abcdefghij_2.part",
            ".imago-backup",
            "imago-abcdefghij12.part",
            "web.yaml",
        ];
        assert_eq!(names(folder.path()), expected);
    }
}
