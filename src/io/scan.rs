//! The walk: which files a run reads, and their bytes.
//!
//! One walk finds the files, in the order of their names, and several threads take the next of them in turn: what is made of a file is
//! made in the thread that read it, while its bytes are still in the cache. Each comes with its number in that order, and the results are
//! in it, whatever the threads did. The walk never follows a link that it meets, never waits for a named pipe, and never reads a Helm
//! template.

mod filter;
pub mod listed;
mod near;
mod plan;
mod rules;
mod template;
#[cfg(test)]
mod tests;
mod walk;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use self::filter::PathFilter;
use self::plan::Plan;
use self::template::Charts;
use self::walk::is_manifest;
use super::files::{self, FileError};
use super::git::GitError;

/// So many files a thread takes from the walk in its turn: one by one, the threads would often wait for each other.
const TURN: usize = 8;

/// What shall be scanned.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Files and folders as they were typed; none means the current folder.
    pub paths: &'a [PathBuf],
    /// Globs of which a file must match one, when there are any.
    pub include: &'a [String],
    /// Globs of which a file must match none. They win.
    pub exclude: &'a [String],
    /// The same from another folder than the current one; both hold.
    pub other: Option<&'a Globs>,
    /// The current folder, absolute: what relative paths and globs are relative to.
    pub current: &'a Path,
    /// Whether the process stands in `current`: the system opens a relative path faster.
    pub opens_relative: bool,
    /// The folder that named links may not lead out of: the repository, or the current folder where there is none.
    pub root: &'a Path,
}

/// Globs that begin at a folder of their own, as those of `.gitignore` do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Globs {
    /// Globs of which a file must match one, when there are any.
    pub include: Vec<String>,
    /// Globs of which a file must match none.
    pub exclude: Vec<String>,
    /// The folder, absolute and without links.
    pub base: PathBuf,
}

/// A glob that matched nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdleGlob {
    /// `include` or `exclude`.
    pub list: &'static str,
    /// The glob as it was written.
    pub glob: String,
    /// Whether it is one of [`Request::other`].
    pub of_other: bool,
}

/// Something that the walk came to.
#[derive(Debug)]
pub struct Found<'a> {
    /// How many were found before it. This order hangs on what was named and on what is there alone.
    pub number: usize,
    /// The path to open it by. For a named link this is the file that it leads to.
    pub path: &'a Path,
    /// The path as the user would write it: `deploy/web.yaml`. Where it is not UTF-8, this is as near as text comes.
    pub shown: Cow<'a, str>,
    /// What it is.
    pub what: What<'a>,
}

/// What the walk came to.
#[derive(Debug)]
pub enum What<'a> {
    /// A file, with its bytes. They may be taken out; what is left is used for the next file.
    File(&'a mut Vec<u8>),
    /// A template of a Helm chart, which was not read.
    Template,
    /// A file that could not be read, or a named path that is of no use.
    Problem(FileError),
    /// A folder that could not be read.
    Folder(FileError),
    /// A file of rules (`.gitignore`) that was not read, so that nothing is left out by it.
    Rules(FileError),
    /// Rules leave it out, and nobody can tell whether Git tracks it. It comes once for a repository.
    Unknown(GitError),
}

/// Why nothing was scanned at all: what was typed is wrong.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// A named path does not exist.
    #[error("there is no file or folder `{path}`")]
    Missing {
        /// The path as typed.
        path: String,
        /// One that is there and may have been meant.
        near: Option<String>,
    },
    /// A glob breaks the grammar.
    #[error("`{pattern}` is not a pattern for files: {reason}")]
    Glob {
        /// The glob as typed.
        pattern: String,
        /// What is wrong with it.
        reason: String,
    },
}

impl ScanError {
    /// One thing to do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Missing {
                near: Some(near), ..
            } => format!("did you mean `{near}`?"),
            Self::Missing { near: None, .. } => {
                "check the spelling; a relative path starts at the current folder".to_owned()
            }
            Self::Glob { .. } => {
                "write it as in .gitignore, in quotes: 'charts/**', '*.gen.yaml'".to_owned()
            }
        }
    }
}

/// Scans folders and files, and hands everything found to `visit`, which runs in several threads at once.
///
/// The values that it returns are sorted by the path as shown, component by component. Before anything is read, every named path is
/// checked for being there. A file named twice, or named and met in a named folder, is visited once. Beside the values come the globs that
/// matched nothing.
pub fn scan<T: Send>(
    request: Request<'_>,
    visit: impl Fn(Found<'_>) -> Option<T> + Sync,
) -> Result<(Vec<T>, Vec<IdleGlob>), ScanError> {
    scan_for(request, is_manifest, visit)
}

/// As [`scan`], of the files in folders whose path `takes` takes, whatever their extension.
pub fn scan_for<T: Send>(
    request: Request<'_>,
    takes: fn(&Path) -> bool,
    visit: impl Fn(Found<'_>) -> Option<T> + Sync,
) -> Result<(Vec<T>, Vec<IdleGlob>), ScanError> {
    let filter = PathFilter::new(request.include, request.exclude, request.other)?;
    let (plan, useless) = Plan::new(&request, filter, takes)?;
    let threads = plan.threads();
    let plan = Arc::new(plan);
    let charts = Charts::default();
    let entries = Mutex::new(
        useless
            .into_iter()
            .chain(Arc::clone(&plan).named_files())
            .chain(Arc::clone(&plan).walked())
            .enumerate(),
    );
    let kept = Mutex::new(Vec::new());
    let work = || {
        let (mut turn, mut buffer, mut mine) = (Vec::with_capacity(TURN), Vec::new(), Vec::new());
        loop {
            turn.extend(
                entries
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .by_ref()
                    .take(TURN),
            );
            if turn.is_empty() {
                break;
            }
            for (number, Entry { path, shown, kind }) in turn.drain(..) {
                let what = kind.look(&path, &charts, &mut buffer);
                if let Some(value) = visit(Found {
                    number,
                    path: &path,
                    shown: shown.to_string_lossy(),
                    what,
                }) {
                    mine.push((number, shown, value));
                }
            }
        }
        kept.lock()
            .unwrap_or_else(PoisonError::into_inner)
            .append(&mut mine);
    };
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(work);
        }
        work();
    });
    let mut kept = kept.into_inner().unwrap_or_else(PoisonError::into_inner);
    // The walk's own order first: where one folder is named it is that of the paths, and there is little left to do.
    kept.sort_unstable_by_key(|(number, ..)| *number);
    kept.sort_by(|(_, left, _), (_, right, _)| by_component(left, right));
    Ok((
        kept.into_iter().map(|(.., value)| value).collect(),
        plan.filter.idle(),
    ))
}

/// Whether a glob can be read.
pub fn check_glob(glob: &str) -> Result<(), ScanError> {
    PathFilter::new(&[glob.to_owned()], &[], None).map(drop)
}

/// The root of the repository that a folder is in: the nearest folder, itself or above it, with a `.git` in it.
pub fn repository_root(folder: &Path) -> Option<PathBuf> {
    folder
        .ancestors()
        .find(|above| above.join(".git").exists())
        .map(Path::to_path_buf)
}

/// Something to be looked at.
struct Entry {
    path: PathBuf,
    shown: PathBuf,
    kind: Kind,
}

/// What is known of it so far.
enum Kind {
    /// A file, and where its spelling is that of a template, its path from the root without links.
    File { maybe_template: Option<PathBuf> },
    /// A named path that is of no use.
    Useless(FileError),
    /// A folder that could not be read.
    Folder(FileError),
    /// A file of rules that was not read.
    Rules(FileError),
    /// Left out, and perhaps tracked.
    Unknown(GitError),
}

impl Kind {
    /// Reads it, where it is to be read.
    fn look<'b>(self, path: &Path, charts: &Charts, buffer: &'b mut Vec<u8>) -> What<'b> {
        match self {
            Self::File {
                maybe_template: Some(real),
            } if charts.have(&real) => What::Template,
            Self::File { .. } => match files::read_into(path, buffer) {
                Ok(()) => What::File(buffer),
                Err(error) => What::Problem(error),
            },
            Self::Useless(error) => What::Problem(error),
            Self::Folder(error) => What::Folder(error),
            Self::Rules(error) => What::Rules(error),
            Self::Unknown(error) => What::Unknown(error),
        }
    }
}

/// Compares paths component by component.
fn by_component(left: &Path, right: &Path) -> Ordering {
    fn components(path: &Path) -> impl Iterator<Item = &[u8]> {
        path.as_os_str().as_bytes().split(|byte| *byte == b'/')
    }
    components(left).cmp(components(right))
}
