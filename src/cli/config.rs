//! `.imago.yaml`: the flags that a repository always needs, kept in the repository.
//!
//! Whoever can open a pull request can write this file, and it is read by a run that has other people's credentials. So it holds values
//! and no acts: nothing in it starts a program, reads or writes outside the repository, trusts anybody, or says where a push goes.
//! A host that it allows plain http for gets no credentials. A flag that is given wins over it.

mod explain;
mod fleet;
mod merge;
mod policies;
#[cfg(test)]
mod tests;
mod values;
mod written;

use std::path::{Component, Path, PathBuf};

use serde_saphyr::Location;

use super::refused::{Mistake, Spot};
use super::render::masked;
use crate::io::files::{self, FileError};
use crate::io::git::{self, GitError};
use crate::io::links::{self, Links};
use crate::io::scan;
pub(super) use explain::nearest;
pub use fleet::{EXAMPLE, Entry, LIKE_THIS, read_fleet};
use values::Values;

/// The file's name at the repository's root.
const NAME: &str = ".imago.yaml";
/// The same with the other extension of YAML.
const MISSPELT: &str = ".imago.yml";

/// What a file says, checked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// The file, as shown to the user.
    pub name: String,
    /// The folder that paths and globs in it begin at, absolute. It may be a bare repository, whose commit has the files.
    folder: PathBuf,
    /// Whether it comes from a commit of a bare repository.
    is_of_commit: bool,
    /// The current folder, absolute.
    current: PathBuf,
    values: Values,
}

/// The most bytes of settings that are read.
const LARGEST: usize = 64 * 1024;

/// Reads the file of the commit that HEAD of a bare repository names. `None`: it has none. A clone of our own is `own`.
pub fn read_of_head(root: &Path, own: bool) -> Result<Option<Config>, Mistake> {
    let of_head = |name: &str| match own {
        true => name.to_owned(),
        false => format!("HEAD:{name}"),
    };
    let file = |name: &str| match git::file_of_head(root, own, Path::new(name)) {
        Ok(bytes) => Ok(bytes),
        Err(error @ (GitError::Other(_) | GitError::Absent(_) | GitError::TooLarge(_))) => {
            Err(Mistake {
                what: format!("cannot read the settings: {error}"),
                file: of_head(name),
                spot: None,
                hint: "run with `--no-config`, or name a file with `--config FILE`".to_owned(),
            })
        }
        // The run itself says why it cannot work there.
        Err(_) => Ok(None),
    };
    match file(NAME)? {
        Some(bytes) => Ok(Some(Config {
            is_of_commit: true,
            ..parse(bytes, of_head(NAME), root.to_owned(), root)?
        })),
        None => match file(MISSPELT)? {
            Some(_) => Err(misspelt(of_head(MISSPELT))),
            None => Ok(None),
        },
    }
}

/// Reads a file of this machine for a repository whose commit is at `root`: its paths and globs begin at the commit's root.
pub fn read_for_clone(
    named: &Path,
    current: &Path,
    root: &Path,
) -> Result<Option<Config>, Mistake> {
    let read = read(Some(named), current)?;
    Ok(read.map(|config| Config {
        folder: root.to_owned(),
        is_of_commit: true,
        current: root.to_owned(),
        ..config
    }))
}

/// Reads the file that was named, or the one at the root of the current folder's repository. `None`: nothing was named or is there.
pub fn read(named: Option<&Path>, current: &Path) -> Result<Option<Config>, Mistake> {
    let root = scan::repository_root(current).unwrap_or_else(|| current.to_owned());
    let path = named.map_or_else(|| root.join(NAME), |named| current.join(named));
    let name = named
        .unwrap_or_else(|| path.strip_prefix(current).unwrap_or(&path))
        .display()
        .to_string();
    let unreadable = |error: FileError| Mistake {
        what: format!("cannot read the settings: {error}"),
        file: name.clone(),
        spot: None,
        hint: "name another file with `--config FILE`, or none with `--no-config`".to_owned(),
    };
    // A line with a mistake is shown, so a link in a repository must not lead to a file of the machine's.
    // One that a person names elsewhere, such as what a pod mounts of a ConfigMap, may be a link.
    let resolve = || match is_elsewhere(&path, &root) {
        true => links::real(&path),
        false => Ok(Links::new(&root)?.resolve(&path)?.0),
    };
    let bytes = match resolve().and_then(|real| files::read(&real)) {
        Ok(bytes) => bytes,
        Err(FileError::Vanished) if named.is_none() && path.symlink_metadata().is_err() => {
            return misnamed(&root, current).map_or(Ok(None), Err);
        }
        Err(FileError::Vanished) if path.symlink_metadata().is_err() => {
            let mistake = unreadable(FileError::Vanished);
            return Err(Mistake {
                what: "cannot read the settings: there is no such file".to_owned(),
                ..mistake
            });
        }
        Err(error) => return Err(unreadable(error)),
    };
    let folder = path.parent().map(Path::to_owned).unwrap_or_default();
    let folder = folder.canonicalize().unwrap_or(folder);
    parse(bytes, name, folder, current).map(Some)
}

/// Whether a file is in no folder of the repository, neither by its name nor where the folder really is.
fn is_elsewhere(path: &Path, root: &Path) -> bool {
    let is_plain = |part: Component<'_>| part != Component::ParentDir;
    let (Some(folder), true) = (path.parent(), path.components().all(is_plain)) else {
        return false;
    };
    match (folder.canonicalize(), root.canonicalize()) {
        (Ok(folder), Ok(real)) => !path.starts_with(root) && !folder.starts_with(real),
        _ => false,
    }
}

fn parse(bytes: Vec<u8>, name: String, folder: PathBuf, current: &Path) -> Result<Config, Mistake> {
    // Every glob is compiled before anything is read, and whoever opens a pull request can write the file.
    if bytes.len() > LARGEST {
        return Err(Mistake {
            what: format!(
                "the settings have {} bytes, and at most {LARGEST} are read",
                bytes.len()
            ),
            file: name,
            spot: None,
            hint: "name folders instead of files, or use `*` and `**`".to_owned(),
        });
    }
    let text = String::from_utf8(bytes).map_err(|_| Mistake {
        what: "the settings are not UTF-8".to_owned(),
        file: name.clone(),
        spot: None,
        hint: "save the file as UTF-8".to_owned(),
    })?;
    let values = values::read(&text).map_err(|(usage, location)| Mistake {
        what: usage.what,
        file: name.clone(),
        spot: location.map(|location| spot(&text, location)),
        hint: usage.hint,
    })?;
    Ok(Config {
        name,
        folder,
        is_of_commit: false,
        current: current.to_owned(),
        values,
    })
}

/// Settings under a name that nobody reads: who wrote them counts on them.
fn misnamed(root: &Path, current: &Path) -> Option<Mistake> {
    let path = root.join(MISSPELT);
    let shown = path.strip_prefix(current).unwrap_or(&path);
    let is_there = path.symlink_metadata().is_ok();
    is_there.then(|| misspelt(shown.display().to_string()))
}

fn misspelt(file: String) -> Mistake {
    Mistake {
        what: format!("the settings are not read under this name, but as `{NAME}`"),
        file,
        spot: None,
        hint: format!("rename it to `{NAME}`, or run with `--no-config`"),
    }
}

fn spot(text: &str, location: Location) -> Spot {
    let (line, column) = (location.line().max(1), location.column().max(1));
    let shown = text.lines().nth(line as usize - 1).unwrap_or_default();
    let shown = match is_below_secret(text, line as usize - 1, shown) {
        true => masked::stars(shown),
        false => shown.to_owned(),
    };
    Spot {
        line: line as u32,
        column: column as usize,
        width: location.span().len().max(1) as usize,
        text: shown.trim_start_matches('\u{feff}').to_owned(),
    }
}

/// Whether a line is part of the value of a key above it that is a secret.
fn is_below_secret(text: &str, at: usize, line: &str) -> bool {
    // A list may stand at the indentation of its key.
    let depth = |line: &str| {
        let shown = line.trim_start();
        2 * (line.len() - shown.len()) + usize::from(shown.starts_with('-'))
    };
    let is_text = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
    let before: Vec<&str> = text.lines().take(at).filter(is_text).collect();
    let mut least = depth(line);
    before.into_iter().rev().any(|line| {
        let is_above = depth(line) < least;
        least = least.min(depth(line));
        is_above && masked::secret(line).is_some()
    })
}
