//! What `.gitignore` leaves out, and what Git tracks all the same.
//!
//! A `.gitignore` is read like a manifest: no link, no pipe, up to a size limit. If it cannot be read, none of its rules apply,
//! and it is reported as a problem. (Git does not follow a link there either.)

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::io::files::{self, FileError, MAX_RULES};
use crate::io::git::GitError;
use crate::io::git::tracked::Tracked;
use crate::io::git_folder;

/// The name of a file of rules.
pub(super) const FILE: &str = ".gitignore";

/// The rules that apply in a folder: its own come before those from above.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules(Option<Arc<Level>>);

#[derive(Debug)]
struct Level {
    own: Gitignore,
    above: Rules,
    /// The bytes of all rules up to here. They are limited because a matcher takes many times as much memory.
    bytes: usize,
}

impl Rules {
    /// The rules that apply in the whole repository: `info/exclude`.
    pub(super) fn of_repository(root: &Path) -> Result<Self, (PathBuf, FileError)> {
        let Some(file) = git_folder::exclude_file(root) else {
            return Ok(Self::default());
        };
        match Self::default().with(&file, root) {
            Err(FileError::Vanished) => Ok(Self::default()),
            outcome => outcome.map_err(|error| (file, error)),
        }
    }

    /// Adds the rules of `file` in `folder`, which is below the folders of the rules so far.
    pub(super) fn with(&self, file: &Path, folder: &Path) -> Result<Self, FileError> {
        let content = files::read_rules(file)?;
        let bytes = content.len() + self.0.as_ref().map_or(0, |level| level.bytes);
        if bytes as u64 > MAX_RULES * 4 {
            return Err(FileError::TooManyRules(bytes as u64));
        }
        let mut builder = GitignoreBuilder::new(folder);
        let text =
            String::from_utf8_lossy(content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&content));
        for line in text.lines() {
            // Git skips a line that is not a valid pattern, too.
            drop(builder.add_line(None, line));
        }
        let own = builder.build().unwrap_or_else(|_| Gitignore::empty());
        Ok(Self(Some(Arc::new(Level {
            own,
            above: self.clone(),
            bytes,
        }))))
    }

    pub(super) fn are_none(&self) -> bool {
        self.0.is_none()
    }

    /// Whether the rules leave out a path. The nearest rule decides.
    pub(super) fn leave_out(&self, real: &Path, is_folder: bool) -> bool {
        let mut rules = self;
        while let Some(level) = &rules.0 {
            match level.own.matched(real, is_folder) {
                Match::Ignore(_) => return true,
                Match::Whitelist(_) => return false,
                Match::None => rules = &level.above,
            }
        }
        false
    }
}

/// The work tree of a repository. Its index is read when a rule first leaves something out.
pub(super) struct WorkTree {
    root: PathBuf,
    tracked: Mutex<Option<Result<Tracked, GitError>>>,
}

/// Whether Git tracks a path that a rule leaves out.
pub(super) enum Answer {
    Yes,
    /// A submodule: a repository with its own rules.
    Submodule,
    No,
    /// The index cannot be read. Returned once; later answers are `No`.
    Unknown(GitError),
}

impl WorkTree {
    /// The work tree at `root`, which is without links.
    pub(super) fn new(root: PathBuf) -> Self {
        Self {
            root,
            tracked: Mutex::new(None),
        }
    }

    /// The folder that it begins at.
    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Whether Git tracks a file, or a file below a folder that `takes` accepts. Every call must pass the same `takes`.
    pub(super) fn tracks(&self, real: &Path, is_folder: bool, takes: fn(&Path) -> bool) -> Answer {
        let Ok(path) = real.strip_prefix(&self.root) else {
            return Answer::No;
        };
        let mut tracked = self.tracked.lock().unwrap_or_else(PoisonError::into_inner);
        let is_first = tracked.is_none();
        match tracked.get_or_insert_with(|| Tracked::open(&self.root, takes)) {
            Ok(tracked) if is_folder && tracked.has_submodule(path) => Answer::Submodule,
            Ok(tracked) if is_folder && tracked.has_below(path) => Answer::Yes,
            Ok(tracked) if !is_folder && tracked.has(path) => Answer::Yes,
            // A folder that only has a `.git`, without a repository behind it, has no index.
            Ok(_) | Err(GitError::NoRepository) => Answer::No,
            Err(error) if is_first => Answer::Unknown(error.clone()),
            Err(_) => Answer::No,
        }
    }
}
