//! Where a run works: what is relative begins here, and never at the process's own current folder.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::report::{Place, Problem};
use crate::engine::code::Code;
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
    /// Where its clone comes from, if imago has made it.
    origin: Option<Origin>,
}

/// Where a clone of ours comes from.
#[derive(Clone, PartialEq, Eq)]
pub struct Origin {
    /// The environment of the `git` program that fetches. It may hold secrets, and is never printed.
    pub environment: Arc<BTreeMap<OsString, OsString>>,
}

impl std::fmt::Debug for Origin {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Origin").finish_non_exhaustive()
    }
}

/// What a workspace has for files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WorkspaceKind {
    /// Those of a folder.
    WorkingTree,
    /// Those of the commit that a bare repository's HEAD names.
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
            origin: None,
        }
    }

    /// A bare clone that imago has made at `root`. Paths in it begin at the root of its commit, all others at `current`.
    pub fn of_clone(root: PathBuf, current: PathBuf, origin: Origin) -> Self {
        Self {
            root,
            current,
            kind: WorkspaceKind::Bare,
            is_of_the_process: false,
            origin: Some(origin),
        }
    }

    /// Where its clone comes from, if imago has made it.
    pub fn origin(&self) -> Option<&Origin> {
        self.origin.as_ref()
    }

    /// The folder that the process stands in, and stays in as long as the run takes.
    pub fn of_the_process(current: PathBuf) -> Self {
        Self {
            is_of_the_process: true,
            ..Self::at(current)
        }
    }

    /// Where these paths are read: from a bare repository, paths of its commit begin at the commit's root, and files outside of the
    /// repository may be named too, as a hook does. `Err`: there are some of both.
    pub fn of_paths(&self, paths: &[PathBuf]) -> Result<Self, Box<Problem>> {
        if self.kind == WorkspaceKind::WorkingTree {
            return Ok(self.clone());
        }
        if self.origin.is_some() {
            return Ok(Self {
                current: self.root.clone(),
                ..self.clone()
            });
        }
        let is_outside = |path: &PathBuf| {
            let named = self.current.join(path);
            let real = named.canonicalize().unwrap_or(named);
            git_folder::bare_repository(&real).and_then(|root| root.canonicalize().ok())
                != self.root.canonicalize().ok()
        };
        match paths.iter().filter(|path| is_outside(path)).count() {
            outside if outside == paths.len() => Ok(Self {
                kind: WorkspaceKind::WorkingTree,
                ..self.clone()
            }),
            0 => {
                let root = self.root.canonicalize();
                let root = root.unwrap_or_else(|_| self.root.clone());
                Ok(Self {
                    kind: WorkspaceKind::Bare,
                    current: root.clone(),
                    root,
                    is_of_the_process: false,
                    origin: None,
                })
            }
            _ => Err(Box::new(Problem {
                code: Code::Usage,
                what: "cannot read files of a commit and of a folder in one run".to_owned(),
                place: Place::default(),
                cause: format!(
                    "`{}` is a bare repository, and some of the paths are outside of it",
                    self.root.display()
                ),
                hint: Some("run once for each".to_owned()),
            })),
        }
    }

    /// The path from the root, if this is a file of a bare repository's commit.
    pub fn in_commit(&self, typed: &Path) -> Option<PathBuf> {
        if self.kind == WorkspaceKind::WorkingTree {
            return None;
        }
        let mut plain = PathBuf::new();
        for component in self.root.join(typed).components() {
            match component {
                Component::ParentDir => drop(plain.pop()),
                other => plain.push(other),
            }
        }
        let below = plain.strip_prefix(&self.root).ok()?;
        (git_folder::bare_repository(&plain).as_ref() == Some(&self.root)).then(|| below.to_owned())
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
