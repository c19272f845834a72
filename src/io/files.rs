//! Files of the disk: read whole within limits here, replaced whole or not at all in `write`.
//!
//! It never waits for a special file, and never follows a link that took a file's place.

mod put;
mod write;

use crate::engine::code::Code;

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::fs::OFlags;
use rustix::io::Errno;

pub use self::put::{put, puttable};
pub use self::write::{
    Prepared, create, flush, is_displaced, prepare, prepare_new, replace, writable,
};

/// The largest file that is read, in bytes. Kubernetes takes objects of 1.5 MiB: what is larger is no manifest.
pub const MAX_FILE: u64 = 16 * 1024 * 1024;

/// The largest file of `.gitignore` rules that is read, in bytes. Making a matcher of them takes many times as much memory.
pub const MAX_RULES: u64 = 64 * 1024;

/// What helps where too many files are open.
pub(in crate::io) const MORE_OPEN_FILES: &str =
    "raise the limit of open files, as with `ulimit -n 1024`";

/// Why a file was not read or written. The text is the cause alone: the caller knows the act and the name that the user gave.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It is gone since it was found.
    #[error("it is no longer there")]
    Vanished,
    /// The system refuses this user.
    #[error("permission denied")]
    Permission,
    /// The folder refuses the temporary file that a safe write begins with.
    #[error("permission denied to make a file in its folder")]
    FolderPermission,
    /// The folder that it shall stand in is not there.
    #[error("its folder is not there")]
    FolderMissing,
    /// The disk is full, or this user's share of it.
    #[error("no space is left on the disk")]
    Full,
    /// This process, or the system, may open no further file.
    #[error("too many files are open")]
    OpenFiles,
    /// Its mode does not let this user write it.
    #[error("it is read-only (mode {0:03o})")]
    ReadOnly(u32),
    /// It is no regular file, but this.
    #[error("it is {0}, not a regular file")]
    NotRegular(&'static str),
    /// It has more than [`MAX_FILE`] bytes: this many.
    #[error("it has {0} bytes, more than the {MAX_FILE} that are read")]
    TooLarge(u64),
    /// It, or all that hold together with it, have more than [`MAX_RULES`] bytes: this many.
    #[error("it has too many rules: {0} bytes of them")]
    TooManyRules(u64),
    /// Somebody else wrote it since it was read.
    #[error("it changed on disk since it was read")]
    Changed,
    /// Its folder, or one above that, was replaced by a link since the file was found.
    #[error("a link took the place of a folder that it is in")]
    Displaced,
    /// A link leads out of the folder that may be edited, to this place.
    #[error("a link in it leads to `{0}`, outside the repository")]
    Outside(String),
    /// It is, or stands behind, this link of a work tree.
    #[error("`{0}` is a link, and a link in a work tree may lead anywhere")]
    Link(String),
    /// It is one of Git's own files.
    #[error("it is inside Git's own folder, where only Git writes")]
    InsideGit,
    /// Anything else that the system says.
    #[error("{0}")]
    Other(io::Error),
}

impl FileError {
    /// A stable word for programs.
    pub fn code(&self) -> Code {
        match self {
            Self::Vanished => Code::Vanished,
            Self::Permission | Self::FolderPermission => Code::Permission,
            Self::FolderMissing => Code::FolderMissing,
            Self::Full => Code::DiskFull,
            Self::OpenFiles => Code::OpenFiles,
            Self::ReadOnly(_) => Code::ReadOnly,
            Self::NotRegular(_) => Code::NotAFile,
            Self::TooLarge(_) | Self::TooManyRules(_) => Code::TooLarge,
            Self::Changed | Self::Displaced => Code::ChangedMeanwhile,
            Self::Outside(_) => Code::LinkOutside,
            Self::Link(_) => Code::Link,
            Self::InsideGit => Code::InsideGit,
            Self::Other(_) => Code::Io,
        }
    }

    /// One thing to do about it, where there is one.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Vanished | Self::Changed | Self::Displaced => {
                Some("run again; something else writes to this folder")
            }
            Self::Permission => Some("run as a user who may read and write it"),
            Self::FolderPermission => Some("run as a user who may write to its folder"),
            Self::FolderMissing => Some("make the folder first"),
            Self::Full => Some("make room on the disk, then run again"),
            Self::OpenFiles => Some(MORE_OPEN_FILES),
            Self::ReadOnly(_) => Some("run `chmod u+w` on it, or leave it out with `--exclude`"),
            Self::NotRegular(_) => Some("name a file or a folder of manifests"),
            Self::TooLarge(_) => Some("leave it out with `--exclude`"),
            Self::TooManyRules(_) => Some("shorten it: 64 KiB are read"),
            Self::Outside(_) => {
                Some("name the file that it leads to, in that file's own repository")
            }
            Self::Link(_) => Some("name the file that it leads to, or remove the link"),
            Self::InsideGit => Some("name a file of the work tree"),
            Self::Other(_) => None,
        }
    }
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => Self::Vanished,
            ErrorKind::PermissionDenied => Self::Permission,
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::Full,
            ErrorKind::IsADirectory => Self::NotRegular("a folder"),
            _ if is_of_open_files(&error) => Self::OpenFiles,
            _ if error.raw_os_error() == Some(Errno::LOOP.raw_os_error()) => {
                Self::NotRegular("a link that leads to itself")
            }
            _ => Self::Other(error),
        }
    }
}

/// Whether the system says that this process, or all of them, may open no further file, socket or pipe.
pub(in crate::io) fn is_of_open_files(error: &io::Error) -> bool {
    let limits = [Errno::MFILE, Errno::NFILE].map(Errno::raw_os_error);
    error
        .raw_os_error()
        .is_some_and(|code| limits.contains(&code))
}

/// Whether this process may open so many more files just now: what is refused one on its way often says something else.
pub fn probe_open(count: usize) -> io::Result<()> {
    let opened = (0..count.div_ceil(2))
        .map(|_| UnixStream::pair())
        .collect::<io::Result<Vec<_>>>()?;
    drop(opened);
    Ok(())
}

/// The whole content of a regular file of at most [`MAX_FILE`] bytes. A link at its end is not followed.
pub fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    let mut content = Vec::new();
    read_into(path, &mut content)?;
    Ok(content)
}

/// A file of rules, such as `.gitignore`: at most [`MAX_RULES`] bytes.
pub fn read_rules(path: &Path) -> Result<Vec<u8>, FileError> {
    let (file, metadata) = open(path)?;
    let mut content = Vec::new();
    file.take(MAX_RULES + 1).read_to_end(&mut content)?;
    let size = metadata.len().max(content.len() as u64);
    if size > MAX_RULES {
        Err(FileError::TooManyRules(size))
    } else {
        Ok(content)
    }
}

/// As [`read`], into a buffer whose room is used again. What was in it is gone, also after an error.
pub fn read_into(path: &Path, content: &mut Vec<u8>) -> Result<(), FileError> {
    content.clear();
    let (mut file, metadata) = open(path)?;
    if metadata.len() > MAX_FILE {
        return Err(FileError::TooLarge(metadata.len()));
    }
    // Room for one byte more than the size: a first read that does not fill it has met the end.
    let size = usize::try_from(metadata.len()).map_err(|_| FileError::TooLarge(metadata.len()))?;
    content.resize(size + 1, 0);
    let mut filled = 0;
    loop {
        match file.read(&mut content[filled..]) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => {
                content.clear();
                return Err(error.into());
            }
        }
        if filled == size {
            break;
        }
        if filled == content.len() {
            // It grew since its size was asked for.
            if filled as u64 > MAX_FILE {
                content.clear();
                return Err(FileError::TooLarge(filled as u64));
            }
            content.resize((filled * 2).min(MAX_FILE as usize + 1), 0);
        }
    }
    content.truncate(filled);
    Ok(())
}

/// Opens for reading, without waiting for a writer and without following a link, and refuses what is no regular file.
fn open(path: &Path) -> Result<(File, Metadata), FileError> {
    let flags = (OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY).bits();
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(flags.cast_signed())
        .open(path);
    let file = opened.map_err(|error| {
        // Links and sockets cannot be opened so, and the system's words for that do not say what is there.
        let there = path.symlink_metadata().ok().as_ref().and_then(special);
        there
            .filter(|_| error.kind() != ErrorKind::PermissionDenied)
            .map_or_else(|| error.into(), FileError::NotRegular)
    })?;
    let metadata = file.metadata()?;
    match special(&metadata) {
        Some(what) => Err(FileError::NotRegular(what)),
        None => Ok((file, metadata)),
    }
}

fn special(metadata: &Metadata) -> Option<&'static str> {
    let kind = metadata.file_type();
    match () {
        () if kind.is_file() => None,
        () if kind.is_symlink() => Some("a link"),
        () if kind.is_dir() => Some("a folder"),
        () if kind.is_fifo() => Some("a named pipe"),
        () if kind.is_socket() => Some("a socket"),
        () => Some("a device"),
    }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;

    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn files_of_every_size_are_read_whole() {
        let folder = folder();
        let file = folder.path().join("x");
        let mut buffer = b"rest of another file".to_vec();
        for size in [0, 1, 4095, 4096, 300_000] {
            let content: Vec<u8> = (0..size).map(|index| (index % 251) as u8).collect();
            std::fs::write(&file, &content).unwrap();
            read_into(&file, &mut buffer).unwrap();
            assert!(buffer == content, "{size}");
        }
    }

    #[test]
    fn a_file_whose_size_the_system_does_not_tell_is_read_whole() {
        let file = Path::new("/proc/self/status");
        if file.exists() {
            let text = String::from_utf8(read(file).unwrap()).unwrap();
            assert!(
                text.starts_with("Name:") && text.ends_with('\n') && text.len() > 500,
                "{text}"
            );
        }
    }

    #[test]
    fn a_file_over_the_limit_is_not_read() {
        let folder = folder();
        let path = folder.path().join("large.yaml");
        let file = File::create(&path).unwrap();
        file.set_len(MAX_FILE).unwrap();
        assert_eq!(read(&path).unwrap().len() as u64, MAX_FILE);
        file.set_len(MAX_FILE + 1).unwrap();
        let error = read(&path).unwrap_err();
        assert_eq!(error.code().as_str(), "too-large");
        assert_eq!(
            error.to_string(),
            "it has 16777217 bytes, more than the 16777216 that are read"
        );
    }

    #[test]
    fn what_is_no_regular_file_is_refused_without_waiting() {
        let folder = folder();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("folder.yaml")).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            at("pipe.yaml"),
            rustix::fs::FileType::Fifo,
            0o600.into(),
            0,
        )
        .unwrap();
        let _socket = UnixListener::bind(at("socket.yaml")).unwrap();
        std::fs::write(at("web.yaml"), "").unwrap();
        symlink(at("web.yaml"), at("link.yaml")).unwrap();
        for (name, what) in [
            ("folder.yaml", "a folder"),
            ("pipe.yaml", "a named pipe"),
            ("socket.yaml", "a socket"),
            ("link.yaml", "a link"),
        ] {
            for error in [
                read(&at(name)).unwrap_err(),
                replace(&at(name), b"", b"new").unwrap_err(),
            ] {
                assert_eq!(
                    (error.code().as_str(), error.to_string()),
                    ("not-a-file", format!("it is {what}, not a regular file"))
                );
            }
        }
        assert_eq!(
            read(Path::new("/dev/null")).unwrap_err().to_string(),
            "it is a device, not a regular file"
        );
        assert_eq!(
            read(&at("missing.yaml")).unwrap_err().code().as_str(),
            "vanished"
        );
    }

    #[test]
    fn what_the_system_denies_is_told_apart_by_file_and_folder() {
        let folder = folder();
        let file = folder.path().join("web.yaml");
        std::fs::write(&file, "old").unwrap();
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o555)).unwrap();
        // Root is denied nothing.
        if File::create(folder.path().join("probe")).is_err() {
            assert!(matches!(
                replace(&file, b"old", b"new"),
                Err(FileError::FolderPermission)
            ));
            std::fs::set_permissions(&file, Permissions::from_mode(0o200)).unwrap();
            assert!(matches!(read(&file), Err(FileError::Permission)));
        }
        std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
    }
}
