//! Contents of a commit that are checked out: a file of the working tree is read in place of the object, which costs less.
//!
//! A file counts only if hashing what was read gives the content's own name. So nothing depends on times, the index or filters, or on
//! what somebody does to the file meanwhile. Anything else that stands there, and any other content, is as good as no file.

use std::path::{Path, PathBuf};

use git2::{ObjectType, Oid};

use super::{Kind, Listed, Opener};
use crate::io::files;

/// The most files that are passed over, after one that is different, before the next one is tried.
const MOST_PASSED_OVER: u32 = 64;

/// Reads files of the working tree that hold what a commit has.
pub struct CheckedOut {
    root: PathBuf,
    /// The folder of the last file, from the root, and whether it is one without links.
    folder: Option<(PathBuf, bool)>,
    buffer: Vec<u8>,
    /// How many files are passed over after the next one that is different. Where another branch is checked out, all may be.
    patience: u32,
    passed_over: u32,
}

impl CheckedOut {
    /// `None`: the repository has no working tree.
    pub fn of(place: &Opener) -> Option<Self> {
        (place.kind == Kind::WorkTree).then(|| Self {
            root: place.root.clone(),
            folder: None,
            buffer: Vec::new(),
            patience: 1,
            passed_over: 0,
        })
    }

    /// The file's content, where it was found here.
    pub fn read(&mut self, file: &Listed) -> Option<&[u8]> {
        if self.passed_over > 0 {
            self.passed_over -= 1;
            return None;
        }
        match self.holds(file) {
            true => {
                self.patience = 1;
                Some(&self.buffer)
            }
            false => {
                self.passed_over = self.patience - 1;
                self.patience = (2 * self.patience).min(MOST_PASSED_OVER);
                None
            }
        }
    }

    fn holds(&mut self, file: &Listed) -> bool {
        self.has_folder_of(&file.path)
            && files::read_into(&self.root.join(&file.path), &mut self.buffer).is_ok()
            && Oid::hash_object(ObjectType::Blob, &self.buffer).is_ok_and(|id| id == file.blob)
    }

    /// Whether no link stands for a folder on the way to a file: it might lead to what nobody meant to be read.
    fn has_folder_of(&mut self, path: &Path) -> bool {
        let folder = path.parent().unwrap_or(Path::new(""));
        match &self.folder {
            Some((known, is_here)) if known == folder => *is_here,
            _ => {
                let place = self.root.join(folder);
                let is_here = place.canonicalize().is_ok_and(|real| real == place);
                self.folder = Some((folder.to_owned(), is_here));
                is_here
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    /// A working tree, and one file of a commit there.
    fn tree() -> (tempfile::TempDir, CheckedOut) {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        git2::Repository::init(&root).unwrap();
        let place = Opener {
            folder: root.join(".git"),
            root,
            kind: Kind::WorkTree,
            objects: super::super::Objects::Written,
        };
        let checked_out = CheckedOut::of(&place).unwrap();
        (folder, checked_out)
    }

    fn listed(path: &str, content: &str) -> Listed {
        Listed {
            path: path.into(),
            blob: Oid::hash_object(ObjectType::Blob, content.as_bytes()).unwrap(),
        }
    }

    #[test]
    fn a_file_that_changes_meanwhile_is_read_as_the_commit_has_it_or_not_at_all() {
        let (folder, mut checked_out) = tree();
        let path = folder.path().join("web.yaml");
        let texts = [b'a', b'b'].map(|letter| String::from_utf8(vec![letter; 100_000]).unwrap());
        let file = listed("web.yaml", &texts[0]);
        std::fs::write(&path, &texts[0]).unwrap();
        assert_eq!(checked_out.read(&file), Some(texts[0].as_bytes()));
        let ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for text in texts
                    .iter()
                    .cycle()
                    .take_while(|_| !ended.load(Ordering::Relaxed))
                {
                    std::fs::write(&path, text).unwrap();
                }
            });
            for _ in 0..500 {
                if let Some(content) = checked_out.read(&file) {
                    assert!(content == texts[0].as_bytes());
                }
            }
            ended.store(true, Ordering::Relaxed);
        });
    }

    #[test]
    fn where_all_files_are_different_few_are_tried() {
        let (folder, mut checked_out) = tree();
        let path = folder.path().join("web.yaml");
        let file = listed("web.yaml", "theirs\n");
        std::fs::write(&path, "ours\n").unwrap();
        let mut tried = 0;
        for _ in 0..10_000 {
            // What was tried is in the buffer.
            checked_out.buffer.clear();
            assert_eq!(checked_out.read(&file), None);
            tried += usize::from(!checked_out.buffer.is_empty());
        }
        assert!((10..200).contains(&tried), "{tried}");
        std::fs::write(&path, "theirs\n").unwrap();
        let found = (0..MOST_PASSED_OVER).any(|_| checked_out.read(&file).is_some());
        assert!(found && checked_out.read(&file).is_some());
    }

    #[test]
    fn a_file_behind_a_link_is_none_of_the_commit() {
        let (folder, mut checked_out) = tree();
        let root = folder.path();
        std::fs::create_dir(root.join("deploy")).unwrap();
        std::fs::write(root.join("deploy/web.yaml"), "x\n").unwrap();
        std::os::unix::fs::symlink("deploy", root.join("linked")).unwrap();
        std::os::unix::fs::symlink("web.yaml", root.join("deploy/link.yaml")).unwrap();
        assert!(
            checked_out
                .read(&listed("deploy/web.yaml", "x\n"))
                .is_some()
        );
        assert!(
            checked_out
                .read(&listed("linked/web.yaml", "x\n"))
                .is_none()
        );
        assert!(
            checked_out
                .read(&listed("deploy/web.yaml", "x\n"))
                .is_some()
        );
        assert!(
            checked_out
                .read(&listed("deploy/link.yaml", "x\n"))
                .is_none()
        );
    }
}
