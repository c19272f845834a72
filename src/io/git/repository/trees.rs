//! The trees of commits, walked and compared within limits.
//!
//! A few small trees can name each other so often that no memory holds the paths, and a chain of folders can be deeper than a stack.

use std::collections::BTreeMap;

use git2::{Oid, Tree, TreeEntry};

use super::Repository;
use super::content::kind;
use crate::io::git::GitError;

/// The most entries of a tree that are looked at.
const MOST_ENTRIES: usize = 1_000_000;
/// The most bytes that their paths may have together.
const MOST_BYTES: usize = 128 * 1024 * 1024;
/// The most folders that may stand in each other: Git's own limit (`core.maxTreeDepth`).
const DEEPEST: usize = 2048;
/// The most entries of folders that differ between two trees.
const MOST_COMPARED: usize = 500_000;

/// What may still be looked at.
struct Left {
    entries: usize,
    bytes: usize,
}

impl Left {
    fn new(entries: usize) -> Self {
        let bytes = MOST_BYTES;
        Self { entries, bytes }
    }

    fn take(&mut self, entries: usize, path: usize, depth: usize) -> Result<(), GitError> {
        let entries = self.entries.checked_sub(entries);
        let bytes = self.bytes.checked_sub(path);
        let too_large = match (entries, bytes) {
            (None, _) => "it has more than 1000000 files and folders",
            (_, None) => "the paths of its files have more than 128 MiB together",
            _ if depth > DEEPEST => "its folders stand in each other more than 2048 levels deep",
            (Some(entries), Some(bytes)) => {
                *self = Self { entries, bytes };
                return Ok(());
            }
        };
        Err(GitError::TooMuch(too_large))
    }
}

fn is_folder(entry: &TreeEntry<'_>) -> bool {
    kind(entry) == 0o040_000
}

impl Repository {
    /// Calls `visit` for all that is in a tree, with its path: a folder before what is in it.
    pub(super) fn walk(
        &self,
        tree: Tree<'_>,
        mut visit: impl FnMut(&[u8], &TreeEntry<'_>),
    ) -> Result<(), GitError> {
        let mut left = Left::new(MOST_ENTRIES);
        let mut path = Vec::new();
        // Each open folder, its next entry, and the length of its path.
        let mut open = vec![(tree, 0, 0)];
        while let Some((tree, next, length)) = open.last_mut() {
            path.truncate(*length);
            let Some(entry) = tree.get(*next) else {
                open.pop();
                continue;
            };
            let before = next.checked_sub(1).and_then(|before| tree.get(before));
            *next += 1;
            let name = entry.name_bytes();
            path.extend(name);
            let shown = || String::from_utf8_lossy(&path);
            // Such a path would lead to another place than the one where the entry stands.
            if matches!(name, b"." | b"..") {
                return Err(GitError::Malformed(format!("an entry `{}`", shown())));
            }
            if before.is_some_and(|before| before.name_bytes() == name) {
                let what = format!("the entry `{}` twice", shown());
                return Err(GitError::Malformed(what));
            }
            visit(&path, &entry);
            let folder = is_folder(&entry).then(|| entry.id());
            drop(entry);
            left.take(1, path.len(), open.len())?;
            if let Some(folder) = folder {
                path.push(b'/');
                open.push((self.inner.find_tree(folder)?, 0, path.len()));
            }
        }
        Ok(())
    }

    /// Whether all of these trees can be read within the limits.
    pub(super) fn are_readable(&self, trees: &[&Tree<'_>]) -> bool {
        let mut trees = trees.iter();
        trees.all(|tree| self.walk((*tree).clone(), |_, _| ()).is_ok())
    }

    /// Refuses to compare two trees that differ in more than any commit of a person or of ours does.
    pub(super) fn refuse_vast(&self, old: &Tree<'_>, new: &Tree<'_>) -> Result<(), GitError> {
        let mut left = Left::new(MOST_COMPARED);
        // Folders that differ, their depth, and the length of their paths.
        let mut folders = vec![([Some(old.id()), Some(new.id())], 1, 0)];
        while let Some((sides, depth, length)) = folders.pop() {
            let mut entries: BTreeMap<Vec<u8>, [Option<(Oid, bool)>; 2]> = BTreeMap::new();
            for (side, tree) in sides.into_iter().enumerate() {
                let Some(tree) = tree else { continue };
                let tree = self.inner.find_tree(tree)?;
                left.take(tree.len(), 0, depth)?;
                for entry in &tree {
                    let there = (entry.id(), is_folder(&entry));
                    let sides = entries.entry(entry.name_bytes().to_vec()).or_default();
                    sides[side] = Some(there);
                }
            }
            for (name, sides) in entries {
                if sides[0] == sides[1] {
                    continue;
                }
                let length = length + name.len() + 1;
                left.take(0, length, depth)?;
                let folder = |side: Option<(Oid, bool)>| side.filter(|it| it.1).map(|it| it.0);
                let sides = sides.map(folder);
                if sides != [None, None] {
                    folders.push((sides, depth + 1, length));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree with one entry, as its object has it.
    fn tree(repository: &git2::Repository, entries: &[(&str, &str, Oid)]) -> Oid {
        let mut content = Vec::new();
        for (mode, name, id) in entries {
            content.extend(format!("{mode} {name}\0").as_bytes());
            content.extend(id.as_bytes());
        }
        let odb = repository.odb().unwrap();
        odb.write(git2::ObjectType::Tree, &content).unwrap()
    }

    #[test]
    fn trees_that_git_refuses_are_not_walked() {
        let folder = tempfile::tempdir().unwrap();
        let inner = git2::Repository::init(folder.path()).unwrap();
        let blob = inner.blob(b"x").unwrap();
        let file = |name| ("100644", name, blob);
        let mut deep = tree(&inner, &[file("a")]);
        for _ in 0..DEEPEST {
            deep = tree(&inner, &[("40000", "d", deep)]);
        }
        let less = inner.find_tree(deep).unwrap();
        let less = less.get_name("d").unwrap().id();
        let long = "n".repeat(4096);
        let mut wide = tree(&inner, &[file(&long)]);
        for _ in 0..5 {
            let folders = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];
            wide = tree(&inner, &folders.map(|name| ("40000", name, wide)));
        }
        let empty = tree(&inner, &[]);
        let trees = [
            (less, ""),
            (
                deep,
                "its folders stand in each other more than 2048 levels deep",
            ),
            (
                wide,
                "the paths of its files have more than 128 MiB together",
            ),
            (tree(&inner, &[file("a"), file("a")]), "the entry `a` twice"),
            (tree(&inner, &[file("..")]), "an entry `..`"),
        ];
        let repository = Repository::open(folder.path()).unwrap();
        for (tree, refused) in trees {
            let tree = repository.inner.find_tree(tree).unwrap();
            let walked = repository.walk(tree.clone(), |_, _| ());
            let said = walked
                .as_ref()
                .map_or_else(ToString::to_string, |()| String::new());
            assert!(
                said.contains(refused) && said.is_empty() == refused.is_empty(),
                "{said}"
            );
            let empty = repository.inner.find_tree(empty).unwrap();
            let is_large = matches!(walked, Err(GitError::TooMuch(_)));
            for (old, new) in [(&empty, &tree), (&tree, &empty)] {
                assert_eq!(
                    repository.refuse_vast(old, new).is_err(),
                    is_large,
                    "{said}"
                );
            }
            assert!(repository.refuse_vast(&tree, &tree).is_ok());
        }
    }
}
