//! Writes a file that the user named, such as a report. An existing regular file is replaced atomically.
//!
//! Unlike manifests, these files are written wherever the user says. `io::links::destination` resolves the path, so no link is
//! followed here. What the shell has opened (`/dev/stdout`, `/dev/fd/3`) and the system's devices are written to directly. A pipe
//! or device elsewhere is refused, because writing to it may block forever. No file stays executable, because a report may
//! contain a stranger's text.

use std::fs::{OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use rustix::fs::OFlags;

use super::write::{folder, is_displaced, may_write, remove_leftovers, write_beside};
use super::{FileError, is_of_the_system};
use crate::io::interrupt;

/// The permissions that a file may keep: reading and writing.
const NOT_EXECUTABLE: u32 = 0o666;

/// Writes `new` to `path`. An existing file keeps its read and write permissions, and is never seen half written.
pub fn put(path: &Path, new: &[u8]) -> Result<(), FileError> {
    match place(path)? {
        Destination::Special => {
            let _closing = interrupt::closing();
            // If the other end of a pipe is closed, opening fails with this flag. Without it, it would wait.
            let flags = OFlags::NOCTTY | OFlags::NONBLOCK;
            let mut opened = OpenOptions::new()
                .write(true)
                .custom_flags(flags.bits().cast_signed())
                .open(path)?;
            rustix::fs::fcntl_setfl(&opened, OFlags::empty()).map_err(std::io::Error::from)?;
            Ok(opened.write_all(new)?)
        }
        Destination::Regular(permissions) => {
            let _held = interrupt::hold();
            let temporary = write_beside(path, new, Permissions::from_mode(0o666))?;
            if let Some(permissions) = permissions {
                temporary.as_file().set_permissions(permissions)?;
            }
            temporary.as_file().sync_data()?;
            // If the folder is swapped for a link from now on, our temporary file is not in it, so the rename fails.
            if is_displaced(folder(path)) {
                return Err(FileError::Displaced);
            }
            remove_leftovers(temporary.path());
            temporary.persist(path).map_err(|error| error.error)?;
            Ok(())
        }
    }
}

/// Checks, without writing, whether [`put`] can write the file.
pub fn puttable(path: &Path) -> Result<(), FileError> {
    let Destination::Regular(_) = place(path)? else {
        return Ok(());
    };
    let folder = folder(path);
    match folder.metadata() {
        Ok(metadata) if metadata.is_dir() && may_write(folder, &metadata).is_ok() => Ok(()),
        Ok(metadata) if metadata.is_dir() => Err(FileError::FolderPermission),
        Ok(_) => Err(FileError::FolderMissing),
        Err(error) if error.kind() == ErrorKind::NotFound => Err(FileError::FolderMissing),
        Err(error) => Err(error.into()),
    }
}

enum Destination {
    /// A regular file: new, or an existing one with these permissions.
    Regular(Option<Permissions>),
    /// A device or pipe of the system: written to directly.
    Special,
}

fn place(path: &Path) -> Result<Destination, FileError> {
    // `/dev/stdout` and the like are links that the system itself makes.
    let looked = if is_of_the_system(path) {
        path.metadata()
    } else {
        path.symlink_metadata()
    };
    match looked {
        Ok(metadata) if metadata.is_dir() => Err(FileError::NotRegular("a folder")),
        Ok(metadata) if metadata.file_type().is_symlink() => {
            Err(FileError::Link(path.display().to_string()))
        }
        Ok(metadata) if metadata.is_file() && !is_of_the_system(path) => {
            may_write(path, &metadata)?;
            let mode = Permissions::from_mode(metadata.mode() & NOT_EXECUTABLE);
            Ok(Destination::Regular(Some(mode)))
        }
        Ok(metadata) if may_write(path, &metadata).is_err() => {
            may_write(path, &metadata).map(|()| Destination::Special)
        }
        Ok(_) if is_of_the_system(path) => Ok(Destination::Special),
        Ok(metadata) if metadata.file_type().is_fifo() => Err(FileError::NotRegular("a pipe")),
        Ok(_) => Err(FileError::NotRegular("a device or a socket")),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Destination::Regular(None)),
        Err(error) if error.kind() == ErrorKind::NotADirectory => Err(FileError::FolderMissing),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_file_is_made_or_replaced_and_keeps_who_may_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.json");
        put(&file, b"1").unwrap();
        for (before, after) in [
            (0o640, 0o640),
            (0o755, 0o644),
            (0o4711, 0o600),
            (0o666, 0o666),
        ] {
            fs::set_permissions(&file, Permissions::from_mode(before)).unwrap();
            put(&file, b"22").unwrap();
            assert_eq!(fs::read(&file).unwrap(), b"22");
            assert_eq!(
                file.metadata().unwrap().mode() & 0o7777,
                after,
                "{before:o}"
            );
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        put(Path::new("/dev/null"), b"3").unwrap();
    }

    #[test]
    fn no_link_is_followed_and_another_name_of_the_file_keeps_its_content() {
        let folder = tempfile::tempdir().unwrap();
        let [file, link, name] = ["a.json", "link", "name"].map(|name| folder.path().join(name));
        fs::write(&file, "old").unwrap();
        symlink(&file, &link).unwrap();
        fs::hard_link(&file, &name).unwrap();
        assert_eq!(puttable(&link).unwrap_err().code().as_str(), "link");
        assert_eq!(put(&link, b"new").unwrap_err().code().as_str(), "link");
        put(&name, b"new").unwrap();
        assert_eq!(
            (fs::read(&file).unwrap(), fs::read(&name).unwrap()),
            (b"old".to_vec(), b"new".to_vec())
        );
        // The folder was replaced by a link after its path was checked.
        fs::create_dir(folder.path().join("hooks")).unwrap();
        symlink("hooks", folder.path().join("out")).unwrap();
        assert_eq!(
            put(&folder.path().join("out/a"), b"new")
                .unwrap_err()
                .code()
                .as_str(),
            "changed-meanwhile"
        );
        assert_eq!(
            fs::read_dir(folder.path().join("hooks")).unwrap().count(),
            0
        );
    }

    #[test]
    fn what_cannot_be_written_is_known_before_it_is_tried() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        for (name, code) in [
            ("", "not-a-file"),
            ("none/a", "folder-missing"),
            ("file/a", "folder-missing"),
        ] {
            let path = folder.path().join(name);
            assert_eq!(puttable(&path).unwrap_err().code().as_str(), code, "{name}");
            assert_eq!(put(&path, b"").unwrap_err().code().as_str(), code, "{name}");
        }
        puttable(&folder.path().join("a")).unwrap();
        puttable(&folder.path().join("file")).unwrap();
        puttable(Path::new("/dev/null")).unwrap();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
