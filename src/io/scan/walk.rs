//! The walk through the named folders.

use std::borrow::Cow;
use std::ffi::{OsStr, OsString};
use std::fs::FileType;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::plan::{Named, Plan};
use super::rules::{self, Answer, Patterns, Rules, WorkTree};
use super::{DECIDING, Entry, EntryKind, FileError, have_kustomization, repository_root, template};
use crate::io::git_folder::{DOT_GIT, is_dot_git, is_git_folder_with};

/// The settings file of a repository. It is not a manifest.
pub(super) const SETTINGS: &str = ".imago.yaml";

impl Plan {
    /// Everything found in the named folders.
    pub(super) fn walked(self: Arc<Self>) -> impl Iterator<Item = Entry> + Send {
        Walk {
            plan: self,
            next: 0,
            open: Vec::new(),
            told: Vec::new(),
            patterns: Patterns::default(),
        }
    }

    /// The paths of an entry, as seen from each folder where globs start.
    fn places<'p>(
        &self,
        folder: &'p Named,
        inner: &'p Path,
        shown: &'p Path,
    ) -> Vec<Cow<'p, Path>> {
        let outer = folder
            .within
            .iter()
            .map(|path| Cow::Owned(path.join(inner)));
        self.in_current(shown)
            .into_iter()
            .chain([inner])
            .map(Cow::Borrowed)
            .chain(outer)
            .collect()
    }
}

/// A walk in the order of names, a folder before its entries.
struct Walk {
    plan: Arc<Plan>,
    /// The index of the next named folder.
    next: usize,
    /// The folder being read, and the folders above it.
    open: Vec<Folder>,
    /// Problems to return before the walk goes on, in reverse.
    told: Vec<Entry>,
    /// What was read of rules.
    patterns: Patterns,
}

/// A folder that is being read.
struct Folder {
    /// The index of the named folder that it is in.
    named: usize,
    /// Its path relative to that folder.
    inner: PathBuf,
    rules: Rules,
    tree: Option<Arc<WorkTree>>,
    /// Whether a rule leaves it out. Then only what Git tracks is read.
    left_out: bool,
    /// Whether one of [`DECIDING`] stands in it, or above.
    kustomized: bool,
    /// Whether it is a repository's own folder, or in one: only Git writes there.
    of_git: bool,
    /// The entries that are left, in reverse.
    entries: Vec<(OsString, FileType)>,
}

/// What a folder has from the one above it.
#[derive(Clone, Copy)]
struct Above {
    left_out: bool,
    kustomized: bool,
    of_git: bool,
}

impl Iterator for Walk {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        loop {
            if let Some(told) = self.told.pop() {
                return Some(told);
            }
            let Some(folder) = self.open.last_mut() else {
                let named = self.next;
                self.plan.folders.get(named)?;
                self.next += 1;
                let (rules, tree) = self.above(named);
                let real = &self.plan.folders[named].real;
                let above = real.ancestors().skip(1).filter(|folder| {
                    tree.as_ref()
                        .is_some_and(|tree| folder.starts_with(tree.root()))
                });
                let kustomized = have_kustomization(above);
                self.enter(
                    named,
                    PathBuf::new(),
                    rules,
                    tree,
                    Above {
                        left_out: false,
                        kustomized,
                        // A named path in one is refused.
                        of_git: false,
                    },
                );
                continue;
            };
            let Some((name, kind)) = folder.entries.pop() else {
                self.open.pop();
                continue;
            };
            if let Some(entry) = self.meet(&name, kind) {
                return Some(entry);
            }
        }
    }
}

impl Walk {
    /// The rules that apply above a named folder, and its work tree. Outside a repository nothing says where rules start, so
    /// those of all folders above apply.
    fn above(&mut self, named: usize) -> (Rules, Option<Arc<WorkTree>>) {
        let real = self.plan.folders[named].real.clone();
        let root = repository_root(&real);
        let mut rules = Rules::default();
        if let Some(root) = &root {
            rules = self.of_repository(root);
        }
        let mut above: Vec<&Path> = real.ancestors().skip(1).collect();
        above.reverse();
        for folder in above
            .into_iter()
            .filter(|folder| root.as_ref().is_none_or(|root| folder.starts_with(root)))
        {
            let file = folder.join(rules::FILE);
            match rules.with(&file, folder, &mut self.patterns) {
                Ok(with) => rules = with,
                Err(FileError::Vanished) => {}
                Err(error) => {
                    self.told
                        .push(Entry::told(file.clone(), file, EntryKind::Rules(error)))
                }
            }
        }
        (rules, root.map(|root| Arc::new(WorkTree::new(root))))
    }

    fn of_repository(&mut self, root: &Path) -> Rules {
        Rules::of_repository(root, &mut self.patterns).unwrap_or_else(|(file, error)| {
            self.told
                .push(Entry::told(file.clone(), file, EntryKind::Rules(error)));
            Rules::default()
        })
    }

    /// Reads the entries and the rules of a folder.
    fn enter(
        &mut self,
        named: usize,
        inner: PathBuf,
        mut rules: Rules,
        mut tree: Option<Arc<WorkTree>>,
        above: Above,
    ) {
        let top = &self.plan.folders[named];
        let (path, real, shown) = (
            joined(&top.path, &inner),
            joined(&top.real, &inner),
            joined(&top.shown, &inner),
        );
        let entries = path.read_dir().and_then(|entries| {
            entries
                .map(|entry| entry.and_then(|entry| Ok((entry.file_name(), entry.file_type()?))))
                .collect::<io::Result<Vec<_>>>()
        });
        let mut entries = match entries {
            Ok(entries) => entries,
            Err(error) => {
                let shown = if shown.as_os_str().is_empty() {
                    PathBuf::from(".")
                } else {
                    shown
                };
                self.told
                    .push(Entry::told(path, shown, EntryKind::Folder(error.into())));
                return;
            }
        };
        let has = |name: &str| entries.iter().any(|(entry, _)| entry == name);
        // As `git_folder::is_inside` has it.
        let of_git = !has(DOT_GIT) && (above.of_git || is_git_folder_with(has));
        if !inner.as_os_str().is_empty() && has(DOT_GIT) {
            rules = self.of_repository(&real);
            tree = Some(Arc::new(WorkTree::new(real.clone())));
        }
        if has(rules::FILE) {
            let file = path.join(rules::FILE);
            match rules.with(&file, &real, &mut self.patterns) {
                Ok(with) => rules = with,
                Err(FileError::Vanished) => {}
                Err(error) => {
                    self.told.push(Entry::told(
                        file,
                        shown.join(rules::FILE),
                        EntryKind::Rules(error),
                    ));
                }
            }
        }
        entries.sort_unstable_by(|(left, _), (right, _)| right.cmp(left));
        let is_one = |(name, _): &(OsString, FileType)| DECIDING.iter().any(|one| name == one);
        let Above {
            left_out,
            kustomized,
            ..
        } = above;
        self.open.push(Folder {
            kustomized: kustomized || entries.iter().any(is_one),
            named,
            inner,
            rules,
            tree,
            left_out,
            of_git,
            entries,
        });
    }

    /// Handles an entry of the current folder: returns a file that is taken, enters a folder.
    fn meet(&mut self, name: &OsStr, kind: FileType) -> Option<Entry> {
        let is_folder = kind.is_dir();
        let is_taken = is_folder && !is_dot_git(name)
            || kind.is_file() && (self.plan.takes)(Path::new(name)) && name != SETTINGS;
        if !is_taken {
            return None;
        }
        let folder = self.open.last()?;
        let top = &self.plan.folders[folder.named];
        let inner = joined(&folder.inner, Path::new(name));
        let real = || top.real.join(&inner);
        let shown = top.shown.join(&inner);
        // A path that is also named is visited under its own name.
        if self.plan.real.len() > 1 && self.plan.real.contains(&real()) {
            return None;
        }
        if self.plan.filter.narrows() {
            let places = self.plan.places(top, &inner, &shown);
            let is_out = match is_folder {
                true => self.plan.filter.leaves_out_folder(&places, &real()),
                false => !self.plan.filter.takes(&places, &real()),
            };
            if is_out {
                return None;
            }
        }
        let mut left_out = folder.left_out;
        if left_out || !folder.rules.are_none() && folder.rules.leave_out(&real(), is_folder) {
            left_out = true;
            let answer = folder.tree.as_ref().map_or(Answer::No, |tree| {
                tree.tracks(&real(), is_folder, self.plan.takes)
            });
            match answer {
                Answer::Yes => {}
                // A submodule that is not checked out is an empty folder.
                Answer::Submodule => left_out = !real().join(DOT_GIT).exists(),
                Answer::No => return None,
                Answer::Unknown(error) => {
                    return Some(Entry::told(real(), shown, EntryKind::Unknown(error)));
                }
            }
        }
        let (kustomized, of_git) = (folder.kustomized, folder.of_git);
        if is_folder {
            let (named, rules, tree) = (folder.named, folder.rules.clone(), folder.tree.clone());
            self.enter(
                named,
                inner,
                rules,
                tree,
                Above {
                    left_out,
                    kustomized,
                    of_git,
                },
            );
            return None;
        }
        if of_git {
            let kind = EntryKind::Useless(FileError::InsideGit);
            return Some(Entry::told(real(), shown, kind));
        }
        let maybe_template = (top.has_templates || template::may_be(&inner)).then(real);
        Some(Entry {
            path: joined(&top.path, &inner),
            shown,
            kustomized,
            kind: EntryKind::File { maybe_template },
        })
    }
}

/// Joins two paths, without a trailing slash if `inner` is empty.
fn joined(folder: &Path, inner: &Path) -> PathBuf {
    if inner.as_os_str().is_empty() {
        folder.to_owned()
    } else {
        folder.join(inner)
    }
}

/// Whether a file found in a folder is read, by its name.
pub fn is_manifest(path: &Path) -> bool {
    let bytes = path.as_os_str().as_bytes();
    [".yaml", ".yml", ".json"]
        .iter()
        .any(|end| bytes.ends_with(end.as_bytes()))
        || path.file_name() == Some("Kustomization".as_ref())
}
