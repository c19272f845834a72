//! What `.gitignore` leaves out, and what Git tracks all the same.
//!
//! A file of rules is read as a manifest is: no link, no pipe, up to a limit. One that is not read has no rules, so nothing is left out by
//! it, and it is a problem. (Git does not follow a link there either.)

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use ignore::Match;
use ignore::gitignore::{Gitignore, GitignoreBuilder};

use crate::io::files::{self, FileError, MAX_RULES};
use crate::io::git::GitError;
use crate::io::git::tracked::Tracked;
use crate::io::git_folder;

/// The file of rules that a folder may have.
pub(super) const FILE: &str = ".gitignore";

/// The rules that hold in a folder, its own before those from above.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules(Option<Arc<Level>>);

#[derive(Debug)]
struct Level {
    own: Gitignore,
    above: Rules,
    /// How many bytes all of them have: a matcher takes many times as much memory.
    bytes: usize,
}

impl Rules {
    /// Those of a repository that hold in all its folders: `info/exclude`.
    pub(super) fn of_repository(root: &Path) -> Result<Self, (PathBuf, FileError)> {
        let Some(file) = git_folder::exclude_file(root) else {
            return Ok(Self::default());
        };
        match Self::default().with(&file, root) {
            Err(FileError::Vanished) => Ok(Self::default()),
            outcome => outcome.map_err(|error| (file, error)),
        }
    }

    /// The rules in a folder below that has a file of its own.
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
            // Git passes over a line that is no pattern, too.
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

    /// Whether they leave out a path: the nearest rule decides.
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

/// Whether Git tracks what a rule leaves out.
pub(super) enum Answer {
    Yes,
    /// It is a submodule: a repository with rules of its own.
    Submodule,
    No,
    /// The index cannot be read. It comes once.
    Unknown(GitError),
}

impl WorkTree {
    /// The one with its root, without links, at this folder.
    pub(super) fn new(root: PathBuf) -> Self {
        Self {
            root,
            tracked: Mutex::new(None),
        }
    }

    /// Whether Git tracks a file, or below a folder one whose path `takes` takes; it is the same in each call.
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
            // A folder with the name alone has no index.
            Ok(_) | Err(GitError::NoRepository) => Answer::No,
            Err(error) if is_first => Answer::Unknown(error.clone()),
            Err(_) => Answer::No,
        }
    }
}
