//! Where a path that was typed really leads, every link in it followed.
//!
//! A link is followed inside one folder only, the repository: whoever made the link need not be who typed its name. A path without
//! links may lead anywhere, because whoever typed it meant that very place.

use std::collections::BTreeMap;
use std::fs::Metadata;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::files::FileError;

/// Resolves many paths against one root; folders that they share are looked at once.
#[derive(Debug)]
pub struct Links<'a> {
    root: &'a Path,
    real_root: PathBuf,
    folders: BTreeMap<PathBuf, PathBuf>,
}

impl<'a> Links<'a> {
    /// Links may not lead out of `root`.
    pub fn new(root: &'a Path) -> Result<Self, FileError> {
        Ok(Self { root, real_root: root.canonicalize()?, folders: BTreeMap::new() })
    }

    /// The real path of a file or folder, without links, and what is there. `Vanished` when nothing is.
    pub fn resolve(&mut self, path: &Path) -> Result<(PathBuf, Metadata), FileError> {
        let metadata = path.symlink_metadata()?;
        if metadata.file_type().is_symlink() {
            let real = path.canonicalize()?;
            return if real.starts_with(&self.real_root) { Ok((real, path.metadata()?)) } else { Err(outside(&real)) };
        }
        let real = match (path.parent(), path.components().next_back()) {
            (Some(folder), Some(Component::Normal(name))) if !metadata.is_dir() => self.real_folder(folder)?.join(name),
            _ => path.canonicalize()?,
        };
        // A folder above may be a link too: what is spelled inside the root must be inside it.
        if !real.starts_with(&self.real_root) && without_dots(path)?.starts_with(without_dots(self.root)?) {
            return Err(outside(&real));
        }
        Ok((real, metadata))
    }

    fn real_folder(&mut self, folder: &Path) -> io::Result<&Path> {
        if !self.folders.contains_key(folder) {
            self.folders.insert(folder.to_owned(), folder.canonicalize()?);
        }
        Ok(&self.folders[folder])
    }
}

/// Refuses a path of a file to be written that is spelled inside the root and leads out of it over a link. What is not there yet would
/// stand in its folder.
pub fn stays(root: &Path, path: &Path) -> Result<(), FileError> {
    if !without_dots(path)?.starts_with(without_dots(root)?) {
        return Ok(());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let real = path.canonicalize().or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => folder.canonicalize(),
        _ => Err(error),
    });
    match real {
        Ok(real) if real.starts_with(root.canonicalize()?) => Ok(()),
        Ok(real) => Err(outside(&real)),
        // Who writes says what is wrong with the folder.
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn outside(real: &Path) -> FileError {
    FileError::Outside(real.display().to_string())
}

/// Absolute, with `.` and `..` taken out by their spelling, no link followed.
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
        assert_eq!(resolve(&outside.path().join("back/web.yaml")).unwrap(), target);
        assert_eq!(resolve(&at("other.yaml")).unwrap_err().code(), "link-outside");
        assert_eq!(resolve(&at("folder/other.yaml")).unwrap_err().code(), "link-outside");
        assert_eq!(resolve(&at("folder")).unwrap_err().code(), "link-outside");
        assert_eq!(resolve(&at("dangling")).unwrap_err().code(), "vanished");
        assert_eq!(resolve(&at("loop")).unwrap_err().code(), "not-a-file");
        let named = outside.path().join("other.yaml");
        assert_eq!(resolve(&named).unwrap(), named.canonicalize().unwrap());
    }

    #[test]
    fn what_is_written_stays_where_it_is_spelled() {
        let (root, outside) = (folder(), folder());
        let at = |name: &str| root.path().join(name);
        std::fs::create_dir(at("base")).unwrap();
        std::fs::write(outside.path().join("other.json"), "").unwrap();
        symlink("base/report.json", at("inside.json")).unwrap();
        symlink(outside.path().join("other.json"), at("other.json")).unwrap();
        symlink(outside.path(), at("folder")).unwrap();
        for name in ["new.json", "base/new.json", "inside.json", "none/new.json", "base/../new.json"] {
            stays(root.path(), &at(name)).unwrap();
        }
        for name in ["other.json", "folder/new.json", "folder/other.json", "base/../folder/new.json"] {
            assert_eq!(stays(root.path(), &at(name)).unwrap_err().code(), "link-outside", "{name}");
        }
        // Whoever names a place outside means it.
        stays(root.path(), &outside.path().join("other.json")).unwrap();
        stays(root.path(), Path::new("/dev/stdout")).unwrap();
    }
}
