//! A file that the user asks for by name, such as a report: whatever regular file stands there is replaced, at once.
//!
//! Unlike manifests these are written wherever the user says, and links are followed: whether one may lead there is for the caller to ask
//! (`io::links::stays`). A pipe or a device is written to as it is.

use std::fs::{OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::FileError;
use super::write::{may_write, write_beside};
use crate::io::interrupt;

/// Puts `new` there: a file that is there keeps its mode, and is never seen half written.
pub fn put(path: &Path, new: &[u8]) -> Result<(), FileError> {
    match place(path)? {
        Place::Special(path) => Ok(OpenOptions::new().write(true).open(path)?.write_all(new)?),
        Place::Regular(path, permissions) => {
            let _held = interrupt::hold();
            let temporary = write_beside(&path, new, permissions)?;
            temporary.as_file().sync_data()?;
            temporary.persist(&path).map_err(|error| error.error)?;
            Ok(())
        }
    }
}

/// Whether [`put`] may be expected to succeed, without writing anything.
pub fn puttable(path: &Path) -> Result<(), FileError> {
    let Place::Regular(path, _) = place(path)? else { return Ok(()) };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    match folder.metadata() {
        Ok(metadata) if metadata.is_dir() && may_write(folder) => Ok(()),
        Ok(metadata) if metadata.is_dir() => Err(FileError::FolderPermission),
        Ok(_) => Err(FileError::FolderMissing),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(FileError::FolderMissing),
        Err(error) => Err(error.into()),
    }
}

enum Place {
    /// To be made, or replaced by one with these permissions.
    Regular(PathBuf, Permissions),
    Special(PathBuf),
}

fn place(path: &Path) -> Result<Place, FileError> {
    let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    match real.metadata() {
        Ok(metadata) if metadata.is_dir() => Err(FileError::NotRegular("a folder")),
        Ok(metadata) if !may_write(&real) => Err(FileError::ReadOnly(metadata.mode() & 0o7777)),
        Ok(metadata) if metadata.is_file() => Ok(Place::Regular(real, metadata.permissions())),
        Ok(_) => Ok(Place::Special(real)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Place::Regular(real, Permissions::from_mode(0o666))),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_file_is_made_or_replaced_and_a_link_keeps_leading_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("a.json"), folder.path().join("link"));
        put(&file, b"1").unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        symlink(&file, &link).unwrap();
        put(&link, b"22").unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"22");
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        put(Path::new("/dev/null"), b"3").unwrap();
    }

    #[test]
    fn what_cannot_be_written_is_known_before_it_is_tried() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        for (name, code) in [("", "not-a-file"), ("none/a", "folder-missing"), ("file/a", "vanished")] {
            let path = folder.path().join(name);
            assert_eq!(puttable(&path).unwrap_err().code(), code, "{name}");
            assert_eq!(put(&path, b"").unwrap_err().code(), code, "{name}");
        }
        puttable(&folder.path().join("a")).unwrap();
        puttable(&folder.path().join("file")).unwrap();
        puttable(Path::new("/dev/null")).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
