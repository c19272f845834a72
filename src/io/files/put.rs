//! A file that the user asks for by name, such as a report: whatever regular file stands there is replaced, at once.
//!
//! It is written wherever the user says. A link in the repository is followed inside it alone: whoever made it need not be who named the
//! file. A pipe or a device is written to as it is.

use std::fs::{OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::FileError;
use super::write::{may_write, write_beside};
use crate::io::{interrupt, links};

/// Puts `new` there: a file that is there keeps its mode, and is never seen half written.
pub fn put(path: &Path, new: &[u8], repository: &Path) -> Result<(), FileError> {
    match place(path, repository)? {
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
pub fn puttable(path: &Path, repository: &Path) -> Result<(), FileError> {
    let Place::Regular(path, _) = place(path, repository)? else { return Ok(()) };
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

fn place(path: &Path, repository: &Path) -> Result<Place, FileError> {
    let Some(real) = real(path) else { return Ok(Place::Regular(path.to_owned(), Permissions::from_mode(0o666))) };
    let found = real.metadata();
    if found.as_ref().map_or(true, std::fs::Metadata::is_file) {
        links::check(path, &real, repository)?;
    }
    match found {
        Ok(metadata) if metadata.is_dir() => Err(FileError::NotRegular("a folder")),
        Ok(metadata) if !may_write(&real) => Err(FileError::ReadOnly(metadata.mode() & 0o7777)),
        Ok(metadata) if metadata.is_file() => Ok(Place::Regular(real, metadata.permissions())),
        Ok(_) => Ok(Place::Special(real)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Place::Regular(real, Permissions::from_mode(0o666))),
        Err(error) => Err(error.into()),
    }
}

/// Without links; of a file that is not there, those of its folder are followed. `None`: its folder is not there either.
fn real(path: &Path) -> Option<PathBuf> {
    let in_folder = || {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Some(folder.canonicalize().ok()?.join(path.file_name()?))
    };
    path.canonicalize().ok().or_else(in_folder)
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
        put(&file, b"1", folder.path()).unwrap();
        fs::set_permissions(&file, Permissions::from_mode(0o640)).unwrap();
        symlink(&file, &link).unwrap();
        put(&link, b"22", folder.path()).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"22");
        assert!(link.symlink_metadata().unwrap().is_symlink());
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o640);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        put(Path::new("/dev/null"), b"3", folder.path()).unwrap();
    }

    #[test]
    fn a_link_in_the_repository_does_not_lead_out_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let (repository, precious) = (folder.path().join("repository"), folder.path().join("precious"));
        fs::create_dir(&repository).unwrap();
        fs::write(&precious, "kept").unwrap();
        symlink(&precious, repository.join("a.sarif")).unwrap();
        symlink(folder.path(), repository.join("out")).unwrap();
        symlink(folder.path().join("new"), repository.join("b.sarif")).unwrap();
        for name in ["a.sarif", "out/a.sarif", "out/precious"] {
            let path = repository.join(name);
            assert_eq!(puttable(&path, &repository).unwrap_err().code(), put(&path, b"", &repository).unwrap_err().code());
            assert!(matches!(put(&path, b"", &repository), Err(FileError::Outside(_))), "{name}");
        }
        // A link to nothing is itself replaced.
        put(&repository.join("b.sarif"), b"1", &repository).unwrap();
        assert_eq!(fs::read(&precious).unwrap(), b"kept");
        let mut names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        assert_eq!(names, ["precious", "repository"]);
        put(&precious, b"meant", &repository).unwrap();
    }

    #[test]
    fn what_cannot_be_written_is_known_before_it_is_tried() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        for (name, code) in [("", "not-a-file"), ("none/a", "folder-missing"), ("file/a", "vanished")] {
            let path = folder.path().join(name);
            assert_eq!(puttable(&path, folder.path()).unwrap_err().code(), code, "{name}");
            assert_eq!(put(&path, b"", folder.path()).unwrap_err().code(), code, "{name}");
        }
        puttable(&folder.path().join("a"), folder.path()).unwrap();
        puttable(&folder.path().join("file"), folder.path()).unwrap();
        puttable(Path::new("/dev/null"), folder.path()).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
