//! Resolves the links in a path that the user named.
//!
//! Links are followed only inside the repository, because the author of a link need not be the user who named it. A path without
//! links may lead anywhere, because the user meant that place. No path may lead below `.git`.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::files::{self, FileError};
use super::git_folder;

/// Resolves many paths against one root. Folders that they share are resolved once.
#[derive(Debug)]
pub struct Links<'a> {
    root: &'a Path,
    real_root: PathBuf,
    folders: BTreeMap<PathBuf, PathBuf>,
}

impl<'a> Links<'a> {
    /// Links may not lead out of `root`.
    pub fn new(root: &'a Path) -> Result<Self, FileError> {
        Ok(Self {
            root,
            real_root: root.canonicalize()?,
            folders: BTreeMap::new(),
        })
    }

    /// The path without links, and its metadata. Fails with `Vanished` if nothing is there.
    pub fn resolve(&mut self, path: &Path) -> Result<(PathBuf, Metadata), FileError> {
        let metadata = path.symlink_metadata()?;
        if metadata.file_type().is_symlink() {
            let real = real(path)?;
            if !real.starts_with(&self.real_root) {
                return Err(outside(&real));
            }
            return if git_folder::is_inside(&real) {
                Err(FileError::InsideGit)
            } else {
                Ok((real, path.metadata()?))
            };
        }
        let real = match (path.parent(), path.components().next_back()) {
            (Some(folder), Some(Component::Normal(name))) if !metadata.is_dir() => {
                self.real_folder(folder)?.join(name)
            }
            _ => real(path)?,
        };
        // A parent folder may be a link, too. A path that is spelled inside the root must also be inside it without links.
        if !real.starts_with(&self.real_root)
            && without_dots(path)?.starts_with(without_dots(self.root)?)
        {
            return Err(outside(&real));
        }
        if git_folder::is_inside(&real) {
            return Err(FileError::InsideGit);
        }
        Ok((real, metadata))
    }

    fn real_folder(&mut self, folder: &Path) -> io::Result<&Path> {
        if !self.folders.contains_key(folder) {
            self.folders
                .insert(folder.to_owned(), folder.canonicalize()?);
        }
        Ok(&self.folders[folder])
    }
}

/// The path without links, as [`Path::canonicalize`] has it. A link that leads to nothing is told from a path where nothing is.
pub fn real(path: &Path) -> Result<PathBuf, FileError> {
    path.canonicalize()
        .map_err(|error| match path.is_symlink() {
            true if error.kind() == io::ErrorKind::NotFound => FileError::NotRegular(NOTHING),
            _ => error.into(),
        })
}

/// What a link is that leads to nothing.
pub(in crate::io) const NOTHING: &str = "a link to something that is not there";

/// The most links to follow for one path. It is the kernel's limit.
const MAX_LINKS: usize = 40;

/// The path to which a report or a lock is written: as typed, or resolved if it has a link or `..` in it.
///
/// A link in a work tree is refused, because the author of the tree made it. `root` is the repository, or the current folder if
/// there is none. Links outside of `root` are followed: they belong to the machine. A path below `.git` is always refused.
pub fn destination(root: &Path, path: &Path) -> Result<PathBuf, FileError> {
    let root = root.canonicalize()?;
    let mut rest: Vec<PathBuf> = pieces(&std::path::absolute(path)?);
    let (mut real, mut links) = (PathBuf::new(), 0);
    let mut as_typed = !path.components().any(|part| part == Component::ParentDir);
    while let Some(piece) = rest.pop() {
        match piece.components().next() {
            Some(Component::Normal(name)) => real.push(name),
            Some(Component::ParentDir) => drop(real.pop()),
            Some(Component::RootDir) => real = PathBuf::from("/"),
            _ => {}
        }
        let is_link = match real.symlink_metadata() {
            Ok(metadata) => metadata.file_type().is_symlink(),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                false
            }
            Err(error) => return Err(error.into()),
        };
        if !is_link {
            continue;
        }
        let folder = real.parent().unwrap_or(Path::new("/")).to_owned();
        if is_of_a_tree(&folder, &root) {
            return Err(FileError::Link(
                real.strip_prefix(&root)
                    .unwrap_or(&real)
                    .display()
                    .to_string(),
            ));
        }
        links += 1;
        if links > MAX_LINKS {
            return Err(FileError::NotRegular("a link that leads to itself"));
        }
        as_typed = false;
        let target = real.read_link()?;
        // `/proc/self/fd/1 -> pipe:[123]` is no path, but can be opened. Which pipes the shell opens is up to the user.
        let is_open = folder.starts_with("/proc") && folder.ends_with("fd");
        let leads = folder.join(&target).symlink_metadata();
        if real
            .metadata()
            .is_ok_and(|found| leads.is_err() || is_open && !found.is_file())
        {
            continue;
        }
        real = folder;
        rest.extend(pieces(&target));
    }
    if git_folder::is_inside(&real) {
        return Err(FileError::InsideGit);
    }
    Ok(if as_typed { path.to_owned() } else { real })
}

/// The components, last one first.
fn pieces(path: &Path) -> Vec<PathBuf> {
    path.components()
        .rev()
        .map(|part| PathBuf::from(part.as_os_str()))
        .collect()
}

/// Whether this folder is in a work tree, so that a link in it may be a stranger's.
fn is_of_a_tree(folder: &Path, root: &Path) -> bool {
    let is_below_root = root.parent().is_some() && folder.starts_with(root);
    !files::is_of_the_system(folder)
        && (is_below_root
            || folder
                .ancestors()
                .any(|above| above.join(".git").symlink_metadata().is_ok()))
}

fn outside(real: &Path) -> FileError {
    FileError::Outside(real.display().to_string())
}

/// An absolute path with `.` and `..` removed by spelling. Follows no link.
fn without_dots(path: &Path) -> io::Result<PathBuf> {
    let mut plain = PathBuf::new();
    for component in std::path::absolute(path)?.components() {
        match component {
            Component::ParentDir => {
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn a_named_link_is_followed_inside_the_root_alone() {
        let (root, outside) = (folder(), folder());
        let at = |name: &str| root.path().join(name);
        std::fs::create_dir(at("base")).unwrap();
        std::fs::write(at("base/web.yaml"), "").unwrap();
        std::fs::write(outside.path().join("other.yaml"), "").unwrap();
        symlink("base/web.yaml", at("web.yaml")).unwrap();
        symlink(outside.path().join("other.yaml"), at("other.yaml")).unwrap();
        symlink(outside.path(), at("folder")).unwrap();
        symlink("loop", at("loop")).unwrap();
        symlink("nowhere", at("dangling")).unwrap();
        symlink(at("base"), outside.path().join("back")).unwrap();

        let mut links = Links::new(root.path()).unwrap();
        let mut resolve = |path: &Path| links.resolve(path).map(|(real, _)| real);
        let target = at("base/web.yaml").canonicalize().unwrap();
        assert_eq!(resolve(&at("web.yaml")).unwrap(), target);
        assert_eq!(resolve(&at("base/../base/./web.yaml")).unwrap(), target);
        assert_eq!(
            resolve(&outside.path().join("back/web.yaml")).unwrap(),
            target
        );
        assert_eq!(
            resolve(&at("other.yaml")).unwrap_err().code().as_str(),
            "link-outside"
        );
        assert_eq!(
            resolve(&at("folder/other.yaml"))
                .unwrap_err()
                .code()
                .as_str(),
            "link-outside"
        );
        assert_eq!(
            resolve(&at("folder")).unwrap_err().code().as_str(),
            "link-outside"
        );
        assert_eq!(
            resolve(&at("dangling")).unwrap_err().to_string(),
            "it is a link to something that is not there, not a regular file"
        );
        assert_eq!(
            resolve(&at("none")).unwrap_err().code().as_str(),
            "vanished"
        );
        assert_eq!(
            resolve(&at("loop")).unwrap_err().code().as_str(),
            "not-a-file"
        );
        let named = outside.path().join("other.yaml");
        assert_eq!(resolve(&named).unwrap(), named.canonicalize().unwrap());
    }

    #[test]
    fn a_report_goes_through_no_link_of_a_tree() {
        let (root, outside) = (folder(), folder());
        let (root, outside) = (
            root.path().canonicalize().unwrap(),
            outside.path().canonicalize().unwrap(),
        );
        let at = |name: &str| root.join(name);
        for folder in ["base", ".git/hooks"] {
            std::fs::create_dir_all(at(folder)).unwrap();
        }
        std::fs::write(outside.join("other.json"), "").unwrap();
        for (target, link) in [
            ("base/report.json", "inside.json"),
            ("inside.json", "chain.json"),
            ("nowhere.json", "dangling.json"),
            (".git/hooks/post-commit", "hook.json"),
            (".git", "folder"),
            ("base", "plain"),
            ("loop", "loop"),
        ] {
            symlink(target, at(link)).unwrap();
        }
        symlink(outside.join("other.json"), at("other.json")).unwrap();
        let destination = |path: &Path| super::destination(&root, path);
        for name in ["new.json", "base/new.json", "none/new.json"] {
            assert_eq!(destination(&at(name)).unwrap(), at(name));
        }
        assert_eq!(
            destination(&at("base/../new.json")).unwrap(),
            at("new.json")
        );
        for name in [
            "inside.json",
            "chain.json",
            "dangling.json",
            "hook.json",
            "other.json",
            "folder/config",
            "plain/new.json",
            "base/../plain/new.json",
            "loop",
            "loop/x",
        ] {
            assert_eq!(
                destination(&at(name)).unwrap_err().code().as_str(),
                "link",
                "{name}"
            );
        }
        for name in [
            ".git/hooks/post-commit",
            "base/../.git/config",
            ".GIT/new",
            "base/.Git/x",
            ".git",
        ] {
            assert_eq!(
                destination(&at(name)).unwrap_err().code().as_str(),
                "inside-git",
                "{name}"
            );
        }
        // A link outside of the work tree is followed, but not on through one in the tree, and never below `.git`.
        for (target, link) in [
            ("", "to-root"),
            (".git", "to-git"),
            ("plain", "to-plain"),
            ("base", "to-base"),
        ] {
            symlink(at(target), outside.join(link)).unwrap();
        }
        let there = |name: &str| outside.join(name);
        assert_eq!(
            destination(&there("other.json")).unwrap(),
            there("other.json")
        );
        assert_eq!(
            destination(&there("to-base/new.json")).unwrap(),
            at("base/new.json")
        );
        assert_eq!(
            destination(&there("to-root/inside.json"))
                .unwrap_err()
                .code()
                .as_str(),
            "link"
        );
        assert_eq!(
            destination(&there("to-plain/new.json"))
                .unwrap_err()
                .code()
                .as_str(),
            "link"
        );
        assert_eq!(
            destination(&there("to-git/config"))
                .unwrap_err()
                .code()
                .as_str(),
            "inside-git"
        );
        destination(Path::new("/dev/stdout")).unwrap();
        super::destination(Path::new("/"), Path::new("/dev/stdout")).unwrap();
    }

    #[test]
    fn another_repository_is_as_strange_as_ours() {
        let (root, other) = (folder(), folder());
        std::fs::create_dir(other.path().join(".git")).unwrap();
        symlink("x", other.path().join("link.json")).unwrap();
        assert_eq!(
            destination(root.path(), &other.path().join("link.json"))
                .unwrap_err()
                .code()
                .as_str(),
            "link"
        );
    }
}
