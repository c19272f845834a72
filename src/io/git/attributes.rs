//! Which `.gitattributes` libgit2 may read.
//!
//! libgit2 waits for a pipe and follows a link, and its time grows with the square of a line's attributes. Git follows no link there, and
//! ignores long lines. A file that the two read differently is refused.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use git2::{Oid, Repository};

use crate::io::files::{self, FileError, MAX_RULES};

/// The name of a file of attributes.
pub(super) const FILE: &str = ".gitattributes";
/// Where a repository has attributes of its own, in Git's folder.
pub(super) const OWN_FILE: &str = "info/attributes";

/// Git ignores a line of so many bytes (`ATTR_MAX_LINE_LENGTH` in `attr.h`). Macros may have so many together: each use of one costs all
/// that it stands for.
const MAX_LINE: usize = 2048;

const TOO_LARGE: &str = "it has more than 64 KiB";

/// The folders that were checked, each with what is wrong with its attributes.
#[derive(Default)]
pub(super) struct Checked(RefCell<BTreeMap<PathBuf, Option<&'static str>>>);

impl Checked {
    /// The first `.gitattributes` that applies to a path and has a fault, with that fault.
    pub(super) fn refused(
        &self,
        path: &Path,
        fault: impl Fn(&Path) -> Option<&'static str>,
    ) -> Option<(String, &'static str)> {
        let mut checked = self.0.borrow_mut();
        path.ancestors().skip(1).find_map(|folder| {
            let file = folder.join(FILE);
            let known = checked.get(folder).copied();
            let why = known.unwrap_or_else(|| {
                let why = fault(&file);
                checked.insert(folder.to_owned(), why);
                why
            })?;
            Some((file.display().to_string(), why))
        })
    }
}

/// What is wrong with a file on the disk.
pub(super) fn fault_of_file(path: &Path) -> Option<&'static str> {
    match files::read_rules(path) {
        Ok(content) => fault(&content),
        Err(FileError::TooManyRules(_)) => Some(TOO_LARGE),
        // Git and libgit2 both ignore a folder.
        Err(FileError::NotRegular(_)) if !path.is_dir() || path.is_symlink() => {
            Some("it is not a regular file")
        }
        Err(_) => None,
    }
}

/// What is wrong with a content of the repository. One that is not here is not read by libgit2 either.
pub(super) fn fault_of_blob(repository: &Repository, blob: Oid) -> Option<&'static str> {
    let (size, _) = repository.odb().ok()?.read_header(blob).ok()?;
    if size as u64 > MAX_RULES {
        return Some(TOO_LARGE);
    }
    fault(repository.find_blob(blob).ok()?.content())
}

fn fault(content: &[u8]) -> Option<&'static str> {
    let lines = || content.split(|byte| *byte == b'\n');
    let macros = lines().filter(|line| line.trim_ascii_start().starts_with(b"[attr]"));
    if lines().any(|line| line.len() >= MAX_LINE) {
        Some("it has a line of 2048 bytes or more, which Git ignores")
    } else if macros.map(<[u8]>::len).sum::<usize>() >= MAX_LINE {
        Some("its macros have 2048 bytes or more")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_and_long_macros_are_refused() {
        let many = |line: &str| line.repeat(100);
        assert_eq!(fault(b""), None);
        assert_eq!(fault(&[b'a'; MAX_LINE - 1]), None);
        assert!(fault(&[b'a'; MAX_LINE]).is_some());
        assert_eq!(
            fault(many("deploy/web.yaml text eol=lf\n").as_bytes()),
            None
        );
        assert!(fault(many(" [attr]shop text eol=lf\n").as_bytes()).is_some());
    }
}
