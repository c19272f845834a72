//! Folders that a run needs and that go with it, and folders that several runs share.
//!
//! A scratch folder is removed when its value is dropped, and also when SIGINT or SIGTERM ends the process. After SIGKILL it stays.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::interrupt::{self, Removed};

/// A new folder that only this user can read.
#[derive(Debug)]
pub struct Scratch {
    // The order matters: a signal that comes in between finds nothing left to remove.
    folder: TempDir,
    _removed: Removed,
}

impl Scratch {
    /// Makes it where the system keeps such folders (`TMPDIR`).
    pub fn new() -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        let folder = builder.prefix("imago-").tempdir()?;
        let removed = interrupt::remove_on_signal(folder.path());
        Ok(Self {
            folder,
            _removed: removed,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

/// A folder that one process at a time works in.
#[derive(Debug)]
pub struct Kept {
    path: PathBuf,
    _lock: File,
}

impl Kept {
    /// Waits until nobody else works in the folder `name` of `parent`, which is made if it is absent. The folder itself may be absent.
    pub fn wait(parent: &Path, name: &str) -> io::Result<Self> {
        fs::create_dir_all(parent)?;
        let parent = parent.canonicalize()?;
        let mut options = File::options();
        let lock = options.create(true).append(true);
        let lock = lock.open(parent.join(format!("{name}.lock")))?;
        match lock.lock() {
            // A file system without locks has one user, or none.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
            outcome => outcome?,
        }
        Ok(Self {
            path: parent.join(name),
            _lock: lock,
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A place beside it for what shall come there, without what an earlier run has left.
    pub fn draft(&self) -> io::Result<PathBuf> {
        let mut draft = self.path.clone().into_os_string();
        draft.push(".new");
        remove(Path::new(&draft))?;
        Ok(draft.into())
    }

    /// Puts the draft there, in place of what is there.
    pub fn put(&self, draft: &Path) -> io::Result<()> {
        remove(&self.path)?;
        fs::rename(draft, &self.path)
    }
}

fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scratch_folder_goes_with_its_value() {
        let scratch = Scratch::new().unwrap();
        let path = scratch.path().to_owned();
        fs::create_dir(path.join("objects")).unwrap();
        drop(scratch);
        assert!(!path.exists());
    }

    #[test]
    fn who_comes_second_waits() {
        let parent = tempfile::tempdir().unwrap();
        let first = Kept::wait(parent.path(), "a").unwrap();
        // Another name is free.
        drop(Kept::wait(parent.path(), "b").unwrap());
        let lock = File::open(parent.path().join("a.lock")).unwrap();
        let taken = lock.try_lock();
        assert!(
            matches!(taken, Err(fs::TryLockError::WouldBlock)),
            "{taken:?}"
        );
        drop(first);
        lock.try_lock().unwrap();
    }
}
