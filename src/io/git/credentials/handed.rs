//! A secret that a child reads from a file: neither its environment, which every program that it starts inherits, nor an argument has it.
//!
//! On Linux the file is in memory and goes with this process, however that ends. Elsewhere it is one that only this user may read.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// A text in a file that is there as long as this value.
#[derive(Debug)]
pub(in crate::io::git) struct Handed {
    path: PathBuf,
    _file: Storage,
}

#[derive(Debug)]
#[expect(dead_code, reason = "a file is held for as long as it has to be there")]
enum Storage {
    Memory(File),
    Disk(NamedTempFile),
}

impl Handed {
    pub(super) fn new(text: &[u8]) -> io::Result<Self> {
        if let Some((mut file, path)) = in_memory() {
            file.write_all(text)?;
            return Ok(Self {
                path,
                _file: Storage::Memory(file),
            });
        }
        let mut file = NamedTempFile::new()?;
        file.write_all(text)?;
        Ok(Self {
            path: file.path().to_owned(),
            _file: Storage::Disk(file),
        })
    }

    /// Where it is read.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// `None` where the system has no such files, or shows them to nobody.
#[cfg(target_os = "linux")]
fn in_memory() -> Option<(File, PathBuf)> {
    use std::os::fd::AsRawFd as _;
    let file = File::from(rustix::fs::memfd_create("imago", rustix::fs::MemfdFlags::CLOEXEC).ok()?);
    let path = PathBuf::from(format!(
        "/proc/{}/fd/{}",
        std::process::id(),
        file.as_raw_fd()
    ));
    File::open(&path).is_ok().then_some((file, path))
}

#[cfg(not(target_os = "linux"))]
fn in_memory() -> Option<(File, PathBuf)> {
    None
}
