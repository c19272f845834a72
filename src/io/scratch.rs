//! Folders that a run needs and that go with it, and folders that several runs share.
//!
//! A scratch folder is removed when its value is dropped, and also when SIGINT or SIGTERM ends the process. After SIGKILL it stays.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use super::interrupt::{self, Removed};
use super::removal::remove_folder;

/// A new folder that only this user can read.
#[derive(Debug)]
pub struct Scratch(Removed);

impl Scratch {
    /// Makes it where the system keeps such folders (`TMPDIR`).
    pub fn new() -> io::Result<Self> {
        let make = || Ok(tempfile::Builder::new().prefix("imago-").tempdir()?.keep());
        interrupt::removed_at_end(make).map(Self)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }
}

/// A folder that one process at a time works in, and that nobody else may write to.
///
/// Whoever can write to a clone can have Git start a program. So each is in a folder of its own, which belongs to this user: its parent
/// may be a volume that is open to all. What is in a folder that was open to others, if only for a time, is not used.
#[derive(Debug)]
pub struct Kept {
    folder: PathBuf,
    path: PathBuf,
    _lock: File,
}

/// The mode of a folder that nobody else may use.
const PRIVATE: u32 = 0o700;
/// The right of others to write.
const OTHERS_WRITE: u32 = 0o022;

impl Kept {
    /// Waits until nobody else works in the folder `name` of `parent`, which is made if it is absent. What is kept in it may be absent.
    pub fn wait(parent: &Path, name: &str) -> io::Result<Self> {
        fs::create_dir_all(parent)?;
        let folder = parent.canonicalize()?.join(name);
        match DirBuilder::new().mode(PRIVATE).create(&folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let about = folder.symlink_metadata()?;
        if !about.is_dir() || about.uid() != rustix::process::geteuid().as_raw() {
            let cause = format!("`{}` is not a folder of this user", folder.display());
            return Err(io::Error::other(cause));
        }
        let flags = (OFlags::NONBLOCK | OFlags::NOFOLLOW).bits().cast_signed();
        let mut options = File::options();
        let lock = options.create(true).append(true).custom_flags(flags);
        let lock = lock.open(folder.join("lock"))?;
        match lock.lock() {
            // A file system without locks has one user, or none.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
            outcome => outcome?,
        }
        let kept = Self {
            path: folder.join("clone.git"),
            folder,
            _lock: lock,
        };
        // Who waited for the lock finds this done.
        if kept.folder.symlink_metadata()?.mode() & OTHERS_WRITE != 0 {
            remove(&kept.path)?;
            fs::set_permissions(&kept.folder, Permissions::from_mode(PRIVATE))?;
        }
        Ok(kept)
    }

    /// Where what is kept is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A place beside it for what shall come there, without what an earlier run has left.
    pub fn draft(&self) -> io::Result<PathBuf> {
        let draft = self.folder.join("new.git");
        remove(&draft)?;
        Ok(draft)
    }

    /// Puts the draft there, in place of what is there.
    pub fn put(&self, draft: &Path) -> io::Result<()> {
        remove(&self.path)?;
        fs::rename(draft, &self.path)
    }
}

/// Removes what is there, if anything is. A link goes, and not what it leads to.
fn remove(path: &Path) -> io::Result<()> {
    let removed = path.symlink_metadata().and_then(|at| match at.is_dir() {
        true => remove_folder(path),
        false => fs::remove_file(path),
    });
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::thread;
    use std::time::Duration;

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
    fn a_scratch_folder_goes_though_somebody_writes_to_it() {
        for _ in 0..20 {
            let scratch = Scratch::new().unwrap();
            let path = scratch.path().to_owned();
            let ended = AtomicBool::new(false);
            thread::scope(|scope| {
                scope.spawn(|| {
                    let mut number = 0;
                    while !ended.load(Ordering::Relaxed) {
                        drop(fs::create_dir(path.join("objects")));
                        drop(fs::write(path.join(format!("objects/{number}")), ""));
                        number += 1;
                    }
                });
                thread::sleep(Duration::from_millis(2));
                drop(scratch);
                ended.store(true, Ordering::Relaxed);
            });
            assert!(!path.exists() && !path.with_extension("gone").exists());
        }
    }

    #[test]
    fn who_comes_second_waits() {
        let parent = tempfile::tempdir().unwrap();
        let first = Kept::wait(parent.path(), "a").unwrap();
        // Another name is free.
        drop(Kept::wait(parent.path(), "b").unwrap());
        let lock = File::open(parent.path().join("a/lock")).unwrap();
        let taken = lock.try_lock();
        assert!(
            matches!(taken, Err(fs::TryLockError::WouldBlock)),
            "{taken:?}"
        );
        drop(first);
        lock.try_lock().unwrap();
    }

    #[test]
    fn what_others_could_write_to_is_not_used() {
        let parent = tempfile::tempdir().unwrap();
        let kept = || Kept::wait(parent.path(), "a");
        let first = kept().unwrap();
        let (folder, path) = (first.folder.clone(), first.path().to_owned());
        fs::create_dir(&path).unwrap();
        drop(first);
        let mode = || folder.symlink_metadata().unwrap().mode() & 0o777;
        assert!(kept().is_ok() && path.exists());
        assert_eq!(mode(), PRIVATE);
        for open in [0o770, 0o702] {
            fs::create_dir_all(&path).unwrap();
            fs::set_permissions(&folder, Permissions::from_mode(open)).unwrap();
            assert!(kept().is_ok() && !path.exists(), "{open:o}");
            assert_eq!(mode(), PRIVATE);
        }
        // Links lead to what is somebody else's.
        fs::rename(&folder, parent.path().join("b")).unwrap();
        std::os::unix::fs::symlink(parent.path().join("b"), &folder).unwrap();
        let error = kept().unwrap_err();
        assert!(
            error.to_string().contains("not a folder of this user"),
            "{error}"
        );
    }
}
