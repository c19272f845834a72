//! Reads whole files within limits. `write` replaces whole files or leaves them alone.
//!
//! Reading never waits for a special file, and never follows a link that took the place of a file.

mod put;
mod write;

use crate::engine::code::Code;

use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::os::unix::net::UnixStream;
use std::path::Path;

use rustix::buffer::spare_capacity;
use rustix::fs::OFlags;
use rustix::io::Errno;

pub use self::put::{put, puttable};
pub use self::write::{
    Prepared, create, create_with_folders, flush, is_displaced, prepare, prepare_new, replace,
    writable,
};

/// The largest file that is read, in bytes. Kubernetes accepts objects up to 1.5 MiB, so a larger file is not a manifest.
pub const MAX_FILE: u64 = 16 * 1024 * 1024;

/// The largest file of `.gitignore` rules that is read, in bytes. A matcher for them takes many times as much memory.
pub const MAX_RULES: u64 = 64 * 1024;

/// The hint for too many open files.
pub(in crate::io) const MORE_OPEN_FILES: &str =
    "raise the limit of open files, as with `ulimit -n 1024`";

/// Why a file could not be read or written. The text is the cause alone; the caller knows the act and the name that the user
/// gave.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// It disappeared after it was found.
    #[error("it is no longer there")]
    Vanished,
    /// The user has no permission.
    #[error("permission denied")]
    Permission,
    /// The temporary file, with which a safe write begins, may not be created in the folder.
    #[error("permission denied to make a file in its folder")]
    FolderPermission,
    /// The folder for it does not exist.
    #[error("its folder is not there")]
    FolderMissing,
    /// The disk or the user's quota is full.
    #[error("no space is left on the disk")]
    Full,
    /// The limit of open files, of this process or of the system, is reached.
    #[error("too many files are open")]
    OpenFiles,
    /// Its mode does not let this user write it.
    #[error("it is read-only (mode {0:03o})")]
    ReadOnly(u32),
    /// Nothing can be written on its file system.
    #[error("its file system is read-only")]
    ReadOnlySystem,
    /// It is not a regular file but, for example, `a folder`.
    #[error("it is {0}, not a regular file")]
    NotRegular(&'static str),
    /// It has this many bytes, more than [`MAX_FILE`].
    #[error("it has {0} bytes, more than the {MAX_FILE} that are read")]
    TooLarge(u64),
    /// It is a stream that goes on beyond [`MAX_FILE`].
    #[error("it has more than the {MAX_FILE} bytes that are read")]
    TooLong,
    /// It has this many bytes of rules, alone or with the files above it. See [`MAX_RULES`].
    #[error("it has too many rules: {0} bytes of them")]
    TooManyRules(u64),
    /// Its patterns are too many, together with those of the files that were read before it.
    #[error("with it, the patterns that are read would have more than {0} bytes")]
    TooManyPatterns(u64),
    /// Another program wrote it since it was read.
    #[error("it changed on disk since it was read")]
    Changed,
    /// Its folder, or one above that, was replaced by a link since the file was found.
    #[error("a link took the place of a folder that it is in")]
    Displaced,
    /// A link leads out of the repository, to this place.
    #[error("a link in it leads to `{0}`, outside the repository")]
    Outside(String),
    /// This link, in a work tree, is the file or a folder above it.
    #[error("`{0}` is a link, and a link in a work tree may lead anywhere")]
    Link(String),
    /// It is one of Git's own files.
    #[error("it is inside Git's own folder, where only Git writes")]
    InsideGit,
    /// Any other error of the system.
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
            Self::ReadOnly(_) | Self::ReadOnlySystem => Code::ReadOnly,
            Self::NotRegular(_) => Code::NotAFile,
            Self::TooLarge(_)
            | Self::TooLong
            | Self::TooManyRules(_)
            | Self::TooManyPatterns(_) => Code::TooLarge,
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
            Self::ReadOnlySystem => Some("mount it for writing, or work on a copy"),
            Self::NotRegular(_) => Some("name a file or a folder of manifests"),
            Self::TooLarge(_) => Some("leave it out with `--exclude`"),
            Self::TooLong => Some("write it to several files, and name their folder"),
            Self::TooManyRules(_) => Some("shorten it: 64 KiB are read"),
            Self::TooManyPatterns(_) => Some(
                "write plain names instead of patterns, or name the folders that have manifests",
            ),
            Self::Outside(_) => {
                Some("name the file that it leads to, in that file's own repository")
            }
            Self::Link(_) => Some("name the file that it leads to, or remove the link"),
            Self::InsideGit => {
                Some("name a file of the work tree, or leave it out with `--exclude`")
            }
            Self::Other(_) => None,
        }
    }
}

impl From<io::Error> for FileError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => Self::Vanished,
            ErrorKind::PermissionDenied => Self::Permission,
            ErrorKind::ReadOnlyFilesystem => Self::ReadOnlySystem,
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

/// Whether the system keeps devices and open files there, which must not be replaced, and whose links it makes itself. `/dev/shm` has users'
/// files.
pub(in crate::io) fn is_of_the_system(path: &Path) -> bool {
    path.starts_with("/dev") && !path.starts_with("/dev/shm") || path.starts_with("/proc")
}

/// Whether the error means that this process or the system has reached its limit of open files, sockets and pipes.
pub(in crate::io) fn is_of_open_files(error: &io::Error) -> bool {
    let limits = [Errno::MFILE, Errno::NFILE].map(Errno::raw_os_error);
    error
        .raw_os_error()
        .is_some_and(|code| limits.contains(&code))
}

/// Checks that this process can open `count` more files now. Its error names the cause, where other errors hide it.
pub fn probe_open(count: usize) -> io::Result<()> {
    let opened = (0..count.div_ceil(2))
        .map(|_| UnixStream::pair())
        .collect::<io::Result<Vec<_>>>()?;
    drop(opened);
    Ok(())
}

/// Reads a regular file of at most [`MAX_FILE`] bytes. Does not follow a link at `path`.
pub fn read(path: &Path) -> Result<Vec<u8>, FileError> {
    let mut content = Vec::new();
    read_into(path, &mut content)?;
    Ok(content)
}

/// Reads a file of rules, such as `.gitignore`: at most [`MAX_RULES`] bytes.
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

/// Like [`read`], into a buffer that is reused. Its old content is gone, even after an error.
pub fn read_into(path: &Path, content: &mut Vec<u8>) -> Result<(), FileError> {
    content.clear();
    let (file, metadata) = open(path)?;
    if metadata.len() > MAX_FILE {
        return Err(FileError::TooLarge(metadata.len()));
    }
    // One byte more than the size: if the first read does not fill it, the file has ended.
    let size = usize::try_from(metadata.len()).map_err(|_| FileError::TooLarge(metadata.len()))?;
    content.reserve(size + 1);
    loop {
        match rustix::io::read(&file, spare_capacity(content)) {
            Ok(0) => break,
            Ok(_) if content.len() == size => break,
            Ok(_) => {}
            Err(Errno::INTR) => continue,
            Err(error) => {
                content.clear();
                return Err(std::io::Error::from(error).into());
            }
        }
        // The file grew since its size was read.
        if content.len() as u64 > MAX_FILE {
            let length = content.len() as u64;
            content.clear();
            return Err(FileError::TooLarge(length));
        }
        if content.len() == content.capacity() {
            content.reserve(content.len());
        }
    }
    Ok(())
}

/// Opens a regular file for reading. Does not wait for a writer, and does not follow a link. Anything but a regular file is an
/// error.
fn open(path: &Path) -> Result<(File, Metadata), FileError> {
    let flags = (OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::NOCTTY).bits();
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(flags.cast_signed())
        .open(path);
    let file = opened.map_err(|error| {
        // Links and sockets cannot be opened this way, and the system's error does not say what they are.
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
        // Root may write everywhere.
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
