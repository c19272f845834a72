//! Where a run works: what is relative begins here, and never at the process's own current folder.

use std::path::{Path, PathBuf};

use crate::io::git_folder;
use crate::io::scan;

/// Where a run works.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    /// The root of the repository, or `current` if there is none.
    pub root: PathBuf,
    /// The folder that relative paths and globs begin at, absolute.
    pub current: PathBuf,
    /// What it has for files.
    pub kind: WorkspaceKind,
    /// Whether the process stands in `current`. The system opens a relative path faster, and a report names it as it was typed.
    is_of_the_process: bool,
}

/// What a workspace has for files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkspaceKind {
    /// Those of a folder.
    WorkingTree,
    /// Those of commits alone.
    Bare,
}

impl Workspace {
    /// A folder, by its absolute path, whatever folder the process stands in.
    pub fn at(current: PathBuf) -> Self {
        let (kind, root) = match git_folder::bare_repository(&current) {
            Some(root) => (WorkspaceKind::Bare, root),
            None => {
                let root = scan::repository_root(&current);
                (
                    WorkspaceKind::WorkingTree,
                    root.unwrap_or_else(|| current.clone()),
                )
            }
        };
        Self {
            root,
            kind,
            current,
            is_of_the_process: false,
        }
    }

    /// The folder that the process stands in, and stays in as long as the run takes.
    pub fn of_the_process(current: PathBuf) -> Self {
        Self {
            is_of_the_process: true,
            ..Self::at(current)
        }
    }

    /// A path as it was typed, so that it can be opened.
    pub fn reach(&self, typed: &Path) -> PathBuf {
        match self.is_of_the_process {
            true => typed.to_owned(),
            false => self.current.join(typed),
        }
    }

    /// Whether a relative path may be opened as it is.
    pub(super) fn is_of_the_process(&self) -> bool {
        self.is_of_the_process
    }
}
