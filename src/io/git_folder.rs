//! Git's own folder: `.git`, and any other place where a repository keeps its objects, hooks and settings.
//!
//! Only Git may write there: a hook would run with the next commit, and a setting may name a program.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::files;
use super::git;

/// The name at the root of a work tree: a folder, or a file that points to one.
pub(in crate::io) const DOT_GIT: &str = ".git";

/// Characters that HFS+ ignores when it compares names (`next_hfs_char` in Git's utf8.c).
const PASSED_OVER: [char; 17] = [
    '\u{200c}', '\u{200d}', '\u{200e}', '\u{200f}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}',
    '\u{202e}', '\u{206a}', '\u{206b}', '\u{206c}', '\u{206d}', '\u{206e}', '\u{206f}', '\u{feff}',
    '\u{200b}',
];

/// Whether a path is Git's folder or below one. `real` must be without links.
pub(in crate::io) fn is_inside(real: &Path) -> bool {
    if real.components().any(|part| is_dot_git(part.as_os_str())) {
        return true;
    }
    // A linked work tree may stand inside its bare repository.
    let nearest = (real.ancestors()).find(|above| is_git_folder(above) || is_work_tree(above));
    nearest.is_some_and(is_git_folder)
}

/// The root of the bare repository that contains `folder`, where no work tree is nearer. It may be a `.git` file that names the repository.
///
/// One inside a work tree is none: what it holds may be files of that tree, and its settings a stranger's, which name programs. (Git's own
/// `safe.bareRepository` has the same reason.)
pub fn bare_repository(folder: &Path) -> Option<PathBuf> {
    let root = (folder.ancestors()).find(|above| is_work_tree(above) || is_git_folder(above))?;
    let is_bare = match root.join(DOT_GIT) {
        // That of a linked work tree names the folder of its own.
        file if file.is_file() => {
            let named = named_in(&file, b"gitdir: ", root)?;
            !named.join("commondir").exists() && is_git_folder(&named) && git::is_bare(root)
        }
        folder => {
            let is_own = || {
                // No tree has files below `.git`.
                root.components().any(|part| is_dot_git(part.as_os_str()))
                    || (root.ancestors().skip(1).find(|above| is_work_tree(above)))
                        .is_none_or(|outer| names(outer, root))
            };
            let is_named_so = root.file_name().is_some_and(is_dot_git);
            !folder.exists() && is_git_folder(root) && !is_named_so && is_own()
        }
    };
    is_bare.then(|| root.to_owned())
}

/// Whether the `.git` file of a folder names this repository.
fn names(folder: &Path, repository: &Path) -> bool {
    let named = named_in(&folder.join(DOT_GIT), b"gitdir: ", folder);
    let real = |path: &Path| path.canonicalize().ok();
    named.is_some_and(|named| real(&named).is_some() && real(&named) == real(repository))
}

fn is_work_tree(folder: &Path) -> bool {
    folder.join(DOT_GIT).exists()
}

/// Whether some file system treats this name as `.git`.
pub(in crate::io) fn is_dot_git(name: &OsStr) -> bool {
    if name.as_bytes().eq_ignore_ascii_case(DOT_GIT.as_bytes()) {
        return true;
    }
    // A longer name can only match if its extra characters are ignored ones, which are not ASCII.
    let starts = name.as_bytes().iter().any(|byte| !byte.is_ascii());
    starts
        && name.to_str().is_some_and(|name| {
            let plain: String = name
                .chars()
                .filter(|character| !PASSED_OVER.contains(character))
                .collect();
            plain.eq_ignore_ascii_case(DOT_GIT)
        })
}

/// Whether Git treats this as the folder of a repository, of a linked work tree or of a submodule (`is_git_directory` in its
/// setup.c).
fn is_git_folder(folder: &Path) -> bool {
    is_git_folder_with(|name| folder.join(name).symlink_metadata().is_ok())
}

/// As [`is_git_folder`], of a folder that has these names.
pub(in crate::io) fn is_git_folder_with(has: impl Fn(&str) -> bool) -> bool {
    has("HEAD") && (has("commondir") || has("objects") && has("refs"))
}

/// The file `info/exclude` of the repository with this work tree. `None` if its `.git` points to no folder.
pub(in crate::io) fn exclude_file(root: &Path) -> Option<PathBuf> {
    Some(common_folder(&folder_of(root)?)?.join("info/exclude"))
}

/// The index of the work tree at `root`.
pub(in crate::io) fn index_file(root: &Path) -> Option<PathBuf> {
    Some(folder_of(root)?.join("index"))
}

/// The repository's own configuration file.
pub(in crate::io) fn config_file(root: &Path) -> Option<PathBuf> {
    Some(common_folder(&folder_of(root)?)?.join("config"))
}

/// The Git folder of a work tree.
fn folder_of(root: &Path) -> Option<PathBuf> {
    let dot_git = root.join(DOT_GIT);
    if dot_git.is_dir() {
        Some(dot_git)
    } else {
        named_in(&dot_git, b"gitdir: ", root)
    }
}

/// The folder that all work trees of the repository share.
fn common_folder(folder: &Path) -> Option<PathBuf> {
    let common = folder.join("commondir");
    if common.exists() {
        named_in(&common, b"", folder)
    } else {
        Some(folder.to_owned())
    }
}

/// The path after `prefix` in one of Git's short files, relative to `base`.
fn named_in(file: &Path, prefix: &[u8], base: &Path) -> Option<PathBuf> {
    let content = files::read(file).ok()?;
    Some(base.join(OsStr::from_bytes(
        content.trim_ascii_end().strip_prefix(prefix)?,
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_the_name_is_gits() {
        for name in [".git", ".GIT", ".giT", ".g\u{200c}it", "\u{feff}.git"] {
            assert!(is_dot_git(OsStr::new(name)), "{name:?}");
        }
        for name in [
            "git",
            ".gitignore",
            ".github",
            ".git.yaml",
            "..git",
            ".g\u{e9}it",
        ] {
            assert!(!is_dot_git(OsStr::new(name)), "{name:?}");
        }
    }

    #[test]
    fn a_work_tree_inside_a_bare_repository_is_not_gits() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        for folder in ["objects", "refs", "main/deploy", "hooks"] {
            std::fs::create_dir_all(at(folder)).unwrap();
        }
        std::fs::write(at("HEAD"), "").unwrap();
        std::fs::write(at("main/.git"), "gitdir: ../worktrees/main\n").unwrap();
        for (path, inside) in [
            ("main/deploy/web.yaml", false),
            ("main", false),
            ("main/.git", true),
            ("hooks/update", true),
            ("", true),
        ] {
            assert_eq!(is_inside(&at(path)), inside, "{path}");
        }
    }

    #[test]
    fn a_bare_repository_inside_a_work_tree_counts_where_the_tree_names_it() {
        let root = tempfile::tempdir().unwrap();
        let at = |path: &str| root.path().join(path);
        for folder in [
            "tree/.git",
            "tree/deploy/objects",
            "tree/deploy/refs/x",
            "linked/.bare/objects",
            "linked/.bare/refs",
        ] {
            std::fs::create_dir_all(at(folder)).unwrap();
        }
        for file in ["tree/deploy/HEAD", "linked/.bare/HEAD"] {
            std::fs::write(at(file), "ref: refs/heads/main\n").unwrap();
        }
        std::fs::write(at("linked/.git"), "gitdir: ./.bare\n").unwrap();
        assert_eq!(bare_repository(&at("tree/deploy")), None);
        assert_eq!(bare_repository(&at("tree/deploy/refs/x")), None);
        assert_eq!(
            bare_repository(&at("linked/.bare")),
            Some(at("linked/.bare"))
        );
        std::fs::write(at("linked/.git"), "gitdir: ./other\n").unwrap();
        assert_eq!(bare_repository(&at("linked/.bare")), None);
    }

    #[test]
    fn a_repository_without_the_name_is_known_by_what_is_in_it() {
        let root = tempfile::tempdir().unwrap();
        for folder in [
            "meta/objects",
            "meta/refs",
            "linked",
            "plain/objects",
            "plain/refs",
        ] {
            std::fs::create_dir_all(root.path().join(folder)).unwrap();
        }
        for file in ["meta/HEAD", "linked/HEAD", "linked/commondir"] {
            std::fs::write(root.path().join(file), "").unwrap();
        }
        for path in ["meta", "meta/hooks/post-commit", "linked/x"] {
            assert!(is_inside(&root.path().join(path)), "{path}");
        }
        assert!(!is_inside(&root.path().join("plain/objects/x")));
    }
}
