//! The index as it was before it was written, for where the branch cannot follow it: on a full disk there is no room to write it again.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// Another name of the index file, which stays while Git's own is given to a new one. A run that is killed leaves it; the next one that
/// commits takes it away.
pub(super) struct Kept {
    index: PathBuf,
    link: PathBuf,
}

impl Kept {
    /// `None`: there is no index, it is a link, or this file system has no hard links.
    pub(super) fn keep(index: &Path) -> Option<Self> {
        fs::symlink_metadata(index)
            .ok()
            .filter(fs::Metadata::is_file)?;
        let kept = Self {
            index: index.to_owned(),
            link: index.with_extension("imago"),
        };
        kept.drop_link();
        fs::hard_link(&kept.index, &kept.link).ok()?;
        Some(kept)
    }

    /// Which file has the index's name now.
    pub(super) fn now(&self) -> io::Result<u64> {
        Ok(fs::metadata(&self.index)?.ino())
    }

    /// Gives the name back, where the file that was written still has it. Taken under Git's own lock, so that nobody's work is lost.
    pub(super) fn put_back(self, written: u64) -> io::Result<()> {
        let lock = self.index.with_extension("lock");
        fs::hard_link(&self.link, &lock)?;
        let done = match self.now() {
            Ok(now) if now == written => fs::rename(&lock, &self.index),
            Ok(_) => Ok(()),
            Err(error) => Err(error),
        };
        // After a rename it is gone.
        fs::remove_file(&lock)
            .or_else(|error| {
                if error.kind() == io::ErrorKind::NotFound {
                    Ok(())
                } else {
                    Err(error)
                }
            })
            .and(done)
    }

    fn drop_link(&self) {
        // Nobody reads it; where it cannot be removed, nothing is lost.
        fs::remove_file(&self.link).unwrap_or(());
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.drop_link();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let index = folder.path().join("index");
        fs::write(&index, "old").unwrap();
        (folder, index)
    }

    fn replace(index: &Path, text: &str) {
        let other = index.with_extension("other");
        fs::write(&other, text).unwrap();
        fs::rename(other, index).unwrap();
    }

    fn names(folder: &Path) -> Vec<String> {
        fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    }

    #[test]
    fn what_was_written_gives_way_to_what_was_there() {
        let (folder, index) = folder();
        let kept = Kept::keep(&index).unwrap();
        replace(&index, "new");
        let written = kept.now().unwrap();
        kept.put_back(written).unwrap();
        assert_eq!(
            (
                fs::read_to_string(&index).unwrap().as_str(),
                names(folder.path())
            ),
            ("old", vec!["index".to_owned()])
        );
    }

    #[test]
    fn what_somebody_else_wrote_or_is_about_to_write_stays() {
        let (folder, index) = folder();
        let kept = Kept::keep(&index).unwrap();
        replace(&index, "new");
        let written = kept.now().unwrap();
        replace(&index, "another's");
        kept.put_back(written).unwrap();
        assert_eq!(
            (
                fs::read_to_string(&index).unwrap().as_str(),
                names(folder.path())
            ),
            ("another's", vec!["index".to_owned()])
        );
        let kept = Kept::keep(&index).unwrap();
        fs::write(index.with_extension("lock"), "theirs").unwrap();
        assert!(kept.put_back(written).is_err());
        assert_eq!(
            fs::read_to_string(index.with_extension("lock")).unwrap(),
            "theirs"
        );
        assert_eq!(fs::read_to_string(&index).unwrap(), "another's");
    }

    #[test]
    fn what_a_killed_run_left_is_taken_away() {
        let (folder, index) = folder();
        std::mem::forget(Kept::keep(&index).unwrap());
        drop(Kept::keep(&index).unwrap());
        assert_eq!(names(folder.path()), ["index"]);
    }
}
