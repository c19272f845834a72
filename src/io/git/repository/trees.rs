//! The trees of commits, walked and compared within limits.
//!
//! A few small trees can name each other so often that no memory holds the paths, and a chain of folders can be deeper than a stack.

use std::cell::Cell;
use std::cmp::Ordering;
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
/// The most entries that may differ between two trees.
const MOST_DIFFERENT: usize = 500_000;

/// The kind of a folder.
const FOLDER: u32 = 0o040_000;

/// The content of an entry, and its mode.
pub(super) type Side = (Oid, u32);

/// What may still be looked at.
struct Left {
    entries: usize,
    different: usize,
    bytes: usize,
}

impl Left {
    /// For one tree, or two that are compared.
    fn new(trees: usize) -> Self {
        Self {
            entries: trees * MOST_ENTRIES,
            different: MOST_DIFFERENT,
            bytes: MOST_BYTES,
        }
    }

    /// A folder is counted with all that is in it before it is looked at: many may be open at once.
    fn open(&mut self, tree: &Tree<'_>, depth: usize) -> Result<(), GitError> {
        if depth > DEEPEST {
            let what = "has folders that are more than 2048 levels deep";
            return Err(GitError::TooMuch(what));
        }
        let what = "has more than 1000000 files and folders";
        take(&mut self.entries, tree.len(), what)
    }

    fn path(&mut self, length: usize) -> Result<(), GitError> {
        let what = "has paths of more than 128 MiB together";
        take(&mut self.bytes, length, what)
    }

    fn differ(&mut self, length: usize) -> Result<(), GitError> {
        take(
            &mut self.different,
            1,
            "changes more than 500000 files and folders",
        )?;
        self.path(length)
    }
}

fn take(left: &mut usize, amount: usize, what: &'static str) -> Result<(), GitError> {
    *left = left.checked_sub(amount).ok_or(GitError::TooMuch(what))?;
    Ok(())
}

fn is_folder((_, mode): &Side) -> bool {
    mode & 0o170_000 == FOLDER
}

/// Whether a name would lead to another place than the one where its entry stands, or into a repository.
fn is_refused(name: &[u8]) -> bool {
    matches!(name, b"" | b"." | b"..") || name.contains(&b'/') || name.eq_ignore_ascii_case(b".git")
}

fn malformed(path: &[u8], what: &str) -> GitError {
    let path = String::from_utf8_lossy(path);
    GitError::Malformed(format!("the entry `{path}` {what}"))
}

const TWICE: &str = "twice";

/// How Git sorts two entries: as if a folder's name ended with `/`.
fn order(one: &TreeEntry<'_>, other: &TreeEntry<'_>) -> Ordering {
    let (name, other_name) = (one.name_bytes(), other.name_bytes());
    let shared = name.len().min(other_name.len());
    let next = |entry: &TreeEntry<'_>| {
        let end = if kind(entry) == FOLDER { b'/' } else { 0 };
        entry.name_bytes().get(shared).copied().unwrap_or(end)
    };
    let begin = name[..shared].cmp(&other_name[..shared]);
    begin.then_with(|| next(one).cmp(&next(other)))
}

/// Refuses an entry that does not stand behind the one before it.
fn refuse_disorder(
    before: Option<&TreeEntry<'_>>,
    entry: &TreeEntry<'_>,
    path: &[u8],
) -> Result<(), GitError> {
    match before.map_or(Ordering::Less, |before| order(before, entry)) {
        Ordering::Less => Ok(()),
        Ordering::Equal => Err(malformed(path, TWICE)),
        Ordering::Greater => Err(malformed(path, "out of order")),
    }
}

/// Refuses the entry at this place if it has the name of a file before it. `files` are those whose names that of the last entry begins with:
/// a folder of the same name may come behind others.
fn refuse_second(
    tree: &Tree<'_>,
    (at, entry): (usize, &TreeEntry<'_>),
    files: &mut Vec<usize>,
    path: &[u8],
) -> Result<(), GitError> {
    let name = entry.name_bytes();
    while let Some(file) = files.last().and_then(|file| tree.get(*file)) {
        if file.name_bytes() == name {
            return Err(malformed(path, TWICE));
        }
        if name.starts_with(file.name_bytes()) {
            break;
        }
        files.pop();
    }
    if kind(entry) != FOLDER {
        files.push(at);
    }
    Ok(())
}

/// A folder whose entries are visited one after the other.
struct Open<'r> {
    tree: Tree<'r>,
    next: usize,
    /// The length of its path.
    length: usize,
    files: Vec<usize>,
}

impl<'r> Open<'r> {
    fn new(tree: Tree<'r>, length: usize) -> Self {
        Self {
            tree,
            next: 0,
            length,
            files: Vec::new(),
        }
    }
}

impl Repository {
    /// Calls `visit` for all that is in a tree, with its path: a folder before what is in it.
    pub(super) fn walk(
        &self,
        tree: Tree<'_>,
        mut visit: impl FnMut(&[u8], &TreeEntry<'_>),
    ) -> Result<(), GitError> {
        let mut left = Left::new(1);
        left.open(&tree, 1)?;
        let mut path = Vec::new();
        let mut open = vec![Open::new(tree, 0)];
        while let Some(Open {
            tree,
            next,
            length,
            files,
        }) = open.last_mut()
        {
            path.truncate(*length);
            let at = *next;
            let Some(entry) = tree.get(at) else {
                open.pop();
                continue;
            };
            *next += 1;
            path.extend(entry.name_bytes());
            if is_refused(entry.name_bytes()) {
                let path = String::from_utf8_lossy(&path);
                return Err(GitError::Malformed(format!("an entry `{path}`")));
            }
            let before = at.checked_sub(1).and_then(|before| tree.get(before));
            refuse_disorder(before.as_ref(), &entry, &path)?;
            refuse_second(tree, (at, &entry), files, &path)?;
            left.path(path.len())?;
            visit(&path, &entry);
            if kind(&entry) == FOLDER {
                let folder = self.inner.find_tree(entry.id())?;
                drop((before, entry));
                left.open(&folder, open.len() + 1)?;
                path.push(b'/');
                open.push(Open::new(folder, path.len()));
            }
        }
        Ok(())
    }

    /// Whether all of these trees can be read within the limits. Takes their entries off what is left for several such questions.
    pub(super) fn are_readable(&self, trees: &[&Tree<'_>], left: &Cell<usize>) -> bool {
        trees.iter().all(|tree| {
            let mut entries = 0;
            let walked = self.walk((*tree).clone(), |_, _| entries += 1);
            let enough = left.get().checked_sub(entries);
            left.set(enough.unwrap_or(0));
            walked.is_ok() && enough.is_some()
        })
    }

    /// The entries that two trees do not share, by their paths. Folders that are the same are not looked into;
    /// libgit2 would read them too.
    pub(super) fn differences(
        &self,
        old: &Tree<'_>,
        new: &Tree<'_>,
    ) -> Result<BTreeMap<Vec<u8>, [Option<Side>; 2]>, GitError> {
        let (mut differences, mut left) = (BTreeMap::new(), Left::new(2));
        // Folders that differ, their depth, and their paths.
        let mut folders = vec![([Some(old.id()), Some(new.id())], 1, Vec::new())];
        while let Some((sides, depth, path)) = folders.pop() {
            let mut entries: BTreeMap<Vec<u8>, [Option<Side>; 2]> = BTreeMap::new();
            for (side, tree) in sides.into_iter().enumerate() {
                let Some(tree) = tree else { continue };
                let tree = self.inner.find_tree(tree)?;
                left.open(&tree, depth)?;
                let mut before = None;
                for entry in &tree {
                    refuse_disorder(before.as_ref(), &entry, entry.name_bytes())?;
                    let there = (entry.id(), entry.filemode_raw().cast_unsigned());
                    let sides = entries.entry(entry.name_bytes().to_vec()).or_default();
                    if sides[side].replace(there).is_some() {
                        return Err(malformed(entry.name_bytes(), TWICE));
                    }
                    if is_refused(entry.name_bytes()) {
                        let name = String::from_utf8_lossy(entry.name_bytes());
                        return Err(GitError::Malformed(format!("an entry `{name}`")));
                    }
                    before = Some(entry);
                }
            }
            for (name, sides) in entries {
                if sides[0] == sides[1] {
                    continue;
                }
                let path = [&*path, &name].concat();
                left.differ(path.len())?;
                let folder = |side: Option<Side>| side.filter(is_folder).map(|it| it.0);
                let below = sides.map(folder);
                if below != [None, None] {
                    folders.push((below, depth + 1, [&*path, b"/"].concat()));
                }
                let files = sides.map(|side| side.filter(|it| !is_folder(it)));
                if files != [None, None] {
                    differences.insert(path, files);
                }
            }
        }
        Ok(differences)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tree with these entries, as its object has them.
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
            (deep, "has folders that are more than 2048 levels deep"),
            (wide, "has paths of more than 128 MiB together"),
            (tree(&inner, &[file("a"), file("a")]), "the entry `a` twice"),
            // Sorted and twice: a folder stands behind `a.yaml`.
            (
                tree(&inner, &[file("a"), file("a.yaml"), ("40000", "a", empty)]),
                "the entry `a` twice",
            ),
            (
                tree(&inner, &[file("d"), file("D"), file("d")]),
                "the entry `D` out of order",
            ),
            (
                tree(&inner, &[("40000", "a", empty), file("a.yaml")]),
                "the entry `a.yaml` out of order",
            ),
            (
                tree(
                    &inner,
                    &[file("a-b"), file("a.b"), ("40000", "a", empty), file("a0")],
                ),
                "",
            ),
            (tree(&inner, &[file("..")]), "an entry `..`"),
            (tree(&inner, &[file("a/b")]), "an entry `a/b`"),
            (tree(&inner, &[file(".Git")]), "an entry `.Git`"),
        ];
        let repository = Repository::open(folder.path()).unwrap();
        // Two entries are left for two trees with one each, and none for the next.
        let (one, left) = (tree(&inner, &[file("a")]), Cell::new(2));
        let one = repository.inner.find_tree(one).unwrap();
        assert!(repository.are_readable(&[&one, &one], &left));
        assert!(!repository.are_readable(&[&one], &left));
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
            for (old, new) in [(&empty, &tree), (&tree, &empty)] {
                let compared = repository.differences(old, new);
                assert_eq!(compared.is_err(), walked.is_err(), "{said}");
            }
        }
    }
}
