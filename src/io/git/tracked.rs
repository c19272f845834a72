//! What Git tracks: the files of the index, and the submodules.
//!
//! libgit2 reads the index. Where it knows the repository's form not (a split or sparse index, reftable, SHA-256), `git ls-files` does.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use git2::{Config, Index};

use super::GitError;
use super::limits::{Act, Limits};
use super::names::Names;
use super::repository::Repository;
use crate::io::child::{Child, without_secrets};
use crate::io::git_folder;

/// The kind of an entry, in its mode.
const KIND: u32 = 0o170_000;
const FILE: u32 = 0o100_000;
const SUBMODULE: u32 = 0o160_000;

/// Some files of an index, read once, and all submodules.
pub(in crate::io) struct Tracked {
    /// The files' paths from the root as they are compared, sorted.
    files: Vec<Vec<u8>>,
    /// The same of the submodules.
    submodules: Vec<Vec<u8>>,
    names: Names,
}

impl Tracked {
    /// Reads the index of the repository whose work tree has this root, and keeps the files that are `wanted`.
    pub(in crate::io) fn open(root: &Path, wanted: fn(&Path) -> bool) -> Result<Self, GitError> {
        match Repository::open(root) {
            // `core.worktree` may say that its files are elsewhere.
            Ok(repository) if repository.root() != root => Err(GitError::NoRepository),
            Ok(repository) => {
                let names = Names::of(&repository.inner.config()?);
                Ok(Self::of_index(&repository.inner.index()?, names, wanted))
            }
            Err(GitError::NoRepository) => Err(GitError::NoRepository),
            // An index says no more than that files are there: nothing of another user's is run or obeyed. `core.bare` may be set beside files.
            Err(GitError::Owner(_) | GitError::Bare) => {
                let file = git_folder::index_file(root).ok_or(GitError::NoRepository)?;
                let config = git_folder::config_file(root).ok_or(GitError::NoRepository)?;
                Ok(Self::of_index(
                    &Index::open(&file)?,
                    Names::of(&Config::open(&config)?),
                    wanted,
                ))
            }
            Err(error) => Self::of_program(root, wanted).ok_or(error),
        }
    }

    fn of_index(index: &Index, names: Names, wanted: fn(&Path) -> bool) -> Self {
        let entries = index.iter();
        Self::of_entries(entries.map(|entry| (entry.mode, entry.path)), names, wanted)
    }

    /// What the `git` program lists. `None`: it does not.
    fn of_program(root: &Path, wanted: fn(&Path) -> bool) -> Option<Self> {
        let environment: BTreeMap<OsString, OsString> = std::env::vars_os()
            .filter(|(name, _)| !name.as_bytes().starts_with(b"GIT_"))
            .collect();
        let run = |arguments: &[&str]| {
            Child::new(
                "git",
                without_secrets(&environment),
                Limits::of_environment(&environment).of(Act::Ask),
            )
            .args([OsString::from("-C"), root.into()])
            // A program that tells what has changed: nobody asks.
            .args(["-c", "core.fsmonitor=false"])
            .args(arguments)
            // Not the repository above.
            .envs(
                root.parent()
                    .map(|above| ("GIT_CEILING_DIRECTORIES", above)),
            )
            .run()
            .ok()
            .filter(|output| output.status.success())
        };
        let is_set = |name| {
            run(&["config", "--type=bool", name])
                .is_some_and(|output| output.stdout.trim_ascii() == b"true")
        };
        let listed = run(&["ls-files", "-z", "--stage", "--full-name"])?;
        let names = Names::new(is_set("core.ignorecase"), is_set("core.precomposeunicode"));
        // `100644 <object> 0<tab>deploy/web.yaml`
        let entries = listed.stdout.split(|byte| *byte == 0).filter_map(|line| {
            let tab = line.iter().position(|byte| *byte == b'\t')?;
            let mode = std::str::from_utf8(line.get(..6)?).ok()?;
            let mode = u32::from_str_radix(mode, 8).ok()?;
            Some((mode, line[tab + 1..].to_vec()))
        });
        Some(Self::of_entries(entries, names, wanted))
    }

    fn of_entries(
        entries: impl Iterator<Item = (u32, Vec<u8>)>,
        names: Names,
        wanted: fn(&Path) -> bool,
    ) -> Self {
        let (mut files, mut submodules) = (Vec::new(), Vec::new());
        for (mode, path) in entries {
            match mode & KIND {
                FILE if wanted(Path::new(OsStr::from_bytes(&path))) => {
                    files.push(names.compared(&path).into_owned());
                }
                SUBMODULE => submodules.push(names.compared(&path).into_owned()),
                _ => {}
            }
        }
        files.sort_unstable();
        submodules.sort_unstable();
        Self {
            files,
            submodules,
            names,
        }
    }

    /// Whether a file is tracked, by its path from the root; one with a merge conflict is.
    pub(in crate::io) fn has(&self, path: &Path) -> bool {
        let path = self.names.compared(path.as_os_str().as_bytes());
        has(&self.files, &path)
    }

    /// Whether this folder is a submodule.
    pub(in crate::io) fn has_submodule(&self, path: &Path) -> bool {
        let path = self.names.compared(path.as_os_str().as_bytes());
        has(&self.submodules, &path)
    }

    /// Whether a file is tracked below a folder, or a submodule.
    pub(in crate::io) fn has_below(&self, folder: &Path) -> bool {
        let mut prefix = self
            .names
            .compared(folder.as_os_str().as_bytes())
            .into_owned();
        prefix.push(b'/');
        [&self.files, &self.submodules].into_iter().any(|paths| {
            let first = paths.partition_point(|path| *path < prefix);
            paths
                .get(first)
                .is_some_and(|path| path.starts_with(&prefix))
        })
    }
}

fn has(sorted: &[Vec<u8>], path: &[u8]) -> bool {
    sorted
        .binary_search_by(|known| known.as_slice().cmp(path))
        .is_ok()
}
