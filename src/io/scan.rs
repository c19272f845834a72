//! The walk: which files a run reads, and their bytes.
//!
//! One walk finds the files in the order of their names. Several threads take the next files in turn. The thread that reads a
//! file also calls `visit` on it, while its bytes are still in the cache. Each file carries its number in the walk's order, and
//! the results come in path order, whichever thread was first.
//!
//! The walk never follows a link that it meets, never waits for a named pipe, and never reads a Helm template.

mod filter;
pub mod listed;
mod near;
mod plan;
mod rules;
mod template;
#[cfg(test)]
mod tests;
mod walk;

use std::cmp::Ordering;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use self::filter::PathFilter;
use self::plan::Plan;
use self::template::Charts;
pub use self::walk::is_manifest;
use super::files::{self, FileError};
use super::git::GitError;
use crate::engine::kustomize::{FILE_NAMES, SKAFFOLD};

/// How many files a thread takes from the walk at a time. One by one, the threads would often wait for each other.
const TURN: usize = 8;

/// What to scan.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// Files and folders as typed; none means the current folder.
    pub paths: &'a [PathBuf],
    /// Globs; if there are any, a file must match one of them.
    pub include: &'a [String],
    /// Globs; a file that matches one is left out, whatever `include` says.
    pub exclude: &'a [String],
    /// More globs, relative to another folder, such as that of the settings. A file must pass both lists.
    pub other: Option<&'a Globs>,
    /// The current folder, absolute. Relative paths and globs start here.
    pub current: &'a Path,
    /// Whether `current` is the working directory of the process. If so, the walk opens relative paths, which is faster.
    pub opens_relative: bool,
    /// Named links may not lead out of this folder: the repository, or the current folder where there is no repository.
    pub root: &'a Path,
}

/// Globs that start at their own folder, as those of `.gitignore` do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Globs {
    /// Globs; if there are any, a file must match one of them.
    pub include: Vec<String>,
    /// Globs; a file that matches one is left out.
    pub exclude: Vec<String>,
    /// The folder, absolute and without links.
    pub base: PathBuf,
}

/// Says of files whether one of the included globs matches them.
pub struct GlobMatcher<'g> {
    filter: PathFilter,
    base: &'g Path,
}

impl<'g> GlobMatcher<'g> {
    /// `None`: there are no globs, or one of them is wrong.
    pub fn new(globs: &'g Globs) -> Option<Self> {
        let filter = PathFilter::new(&globs.include, &[], None).ok()?;
        filter.narrows().then_some(Self {
            filter,
            base: &globs.base,
        })
    }

    /// Whether a file, by its absolute path without links, is matched.
    pub fn matches(&self, real: &Path) -> bool {
        let path = real.strip_prefix(self.base);
        path.is_ok_and(|path| self.filter.takes(&[path], real))
    }
}

/// A glob that matched nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdleGlob {
    /// `include` or `exclude`.
    pub list: &'static str,
    /// The glob as it was written.
    pub glob: String,
    /// Whether the glob comes from [`Scope::other`].
    pub of_other: bool,
}

/// The names of files that may say of the files below them which images they get.
const DECIDING: [&str; 4] = [FILE_NAMES[0], FILE_NAMES[1], FILE_NAMES[2], SKAFFOLD];

/// A file, folder or problem that the walk found.
#[derive(Debug)]
pub struct Found<'a> {
    /// Its position in the walk. It depends only on the named paths and on what is on the disk.
    pub number: usize,
    /// The path to open. For a named link this is the link's target.
    pub path: PathBuf,
    /// The path as the user would write it: `deploy/web.yaml`. Bytes that are not UTF-8 are replaced.
    pub shown: String,
    /// Whether a kustomization or a file of Skaffold stands in its folder or in one above, up to the repository's root: most that they take
    /// is there.
    pub kustomized: bool,
    /// What it is.
    pub what: What<'a>,
}

/// The kinds of things that the walk finds.
#[derive(Debug)]
pub enum What<'a> {
    /// A file, with its bytes. `visit` may take them out; the buffer that is left is reused for the next file.
    File(&'a mut Vec<u8>),
    /// A template of a Helm chart. It was not read.
    Template,
    /// A file that could not be read, or a named path that cannot be used.
    Problem(FileError),
    /// A folder that could not be read.
    Folder(FileError),
    /// A `.gitignore` that could not be read. Its rules are not applied.
    Rules(FileError),
    /// Rules leave it out, but whether Git tracks it is unknown. Reported once per repository.
    Unknown(GitError),
}

/// Why nothing was scanned: the command line is wrong.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// A named path does not exist.
    #[error("there is no file or folder `{path}`")]
    Missing {
        /// The path as typed.
        path: String,
        /// An existing path with a similar name.
        near: Option<String>,
    },
    /// A named path is a link, or leads over one, to a place where nothing is.
    #[error("the link `{link}` leads to `{target}`, where nothing is")]
    LinkToNothing {
        /// The link.
        link: String,
        /// Where it leads, as it is written.
        target: String,
    },
    /// A glob has a syntax error.
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
            Self::LinkToNothing { .. } => "make what it leads to, or name another path".to_owned(),
            Self::Glob { .. } => {
                "write it as in .gitignore, in quotes: 'charts/**', '*.gen.yaml'".to_owned()
            }
        }
    }
}

/// Scans folders and files, and calls `visit` for everything found, from several threads at once.
///
/// Returns the values of `visit`, those of files sorted by the shown path, component by component, and the globs that matched
/// nothing. A file that is named twice, or named and also found in a named folder, is visited once.
///
/// Fails before anything is read if a named path does not exist or a glob is wrong.
pub fn scan<T: Send>(
    request: Scope<'_>,
    visit: impl Fn(Found<'_>) -> Option<T> + Sync,
) -> Result<(Vec<T>, Vec<IdleGlob>), ScanError> {
    let filter = PathFilter::new(request.include, request.exclude, request.other)?;
    let (plan, useless) = Plan::new(&request, filter, is_manifest)?;
    let threads = plan.threads();
    // With one named path the files of the walk are in the order of their paths.
    let is_one = useless.len() + plan.named() <= 1;
    let plan = Arc::new(plan);
    let charts = Charts::default();
    let entries = Mutex::new(
        useless
            .into_iter()
            .chain(Arc::clone(&plan).named_files())
            .chain(Arc::clone(&plan).walked())
            .enumerate(),
    );
    // Turn by turn, because one list of everything would be copied while it grows.
    let kept = Mutex::new(Vec::new());
    let work = || {
        let (mut turn, mut buffer) = (Vec::with_capacity(TURN), Vec::new());
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
            let first = turn[0].0;
            let mut mine = Vec::with_capacity(turn.len());
            for (number, entry) in turn.drain(..) {
                let Entry {
                    path,
                    shown,
                    kustomized,
                    kind,
                } = entry;
                let what = kind.look(&path, &charts, &mut buffer);
                let order = (!is_one).then(|| shown.clone());
                let shown = shown.into_os_string().into_string();
                if let Some(value) = visit(Found {
                    number,
                    path,
                    shown: shown.unwrap_or_else(|shown| shown.to_string_lossy().into_owned()),
                    kustomized,
                    what,
                }) {
                    mine.push((order, value));
                }
            }
            kept.lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push((first, mine));
        }
    };
    match threads {
        1 => work(),
        // The threads that plan later on: each finds the memory again that it has left free here.
        _ => rayon::scope(|scope| (0..threads).for_each(|_| scope.spawn(|_| work()))),
    }
    let mut kept = kept.into_inner().unwrap_or_else(PoisonError::into_inner);
    kept.sort_unstable_by_key(|(first, _)| *first);
    let count = kept.iter().map(|(_, turn)| turn.len()).sum();
    let kept = kept.into_iter().flat_map(|(_, turn)| turn);
    let mut values = Vec::with_capacity(count);
    if is_one {
        values.extend(kept.map(|(_, value)| value));
    } else {
        let mut kept = Vec::from_iter(kept);
        kept.sort_by(|(left, _), (right, _)| match (left, right) {
            (Some(left), Some(right)) => by_component(left, right),
            _ => left.cmp(right),
        });
        values.extend(kept.into_iter().map(|(_, value)| value));
    }
    Ok((values, plan.filter.idle()))
}

/// Checks the syntax of a glob.
pub fn check_glob(glob: &str) -> Result<(), ScanError> {
    PathFilter::new(&[glob.to_owned()], &[], None).map(drop)
}

/// The root of the repository that contains `folder`: the nearest folder, from itself upwards, that has a `.git`.
pub fn repository_root(folder: &Path) -> Option<PathBuf> {
    folder
        .ancestors()
        .find(|above| above.join(".git").exists())
        .map(Path::to_path_buf)
}

/// A step of the walk, before anything is read.
struct Entry {
    path: PathBuf,
    shown: PathBuf,
    kustomized: bool,
    kind: EntryKind,
}

impl Entry {
    /// What is no file, and was not read.
    fn told(path: PathBuf, shown: PathBuf, kind: EntryKind) -> Self {
        Self {
            path,
            shown,
            kustomized: false,
            kind,
        }
    }
}

/// Whether a kustomization stands in one of these folders.
fn have_kustomization<'a>(folders: impl IntoIterator<Item = &'a Path>) -> bool {
    folders
        .into_iter()
        .any(|folder| DECIDING.iter().any(|name| folder.join(name).exists()))
}

enum EntryKind {
    /// A file. If its path looks like that of a Helm template, also its absolute path without links.
    File { maybe_template: Option<PathBuf> },
    /// A path that cannot be used: a named one, or a file in a repository's own folder.
    Useless(FileError),
    /// A folder that could not be read.
    Folder(FileError),
    /// A `.gitignore` that could not be read.
    Rules(FileError),
    /// Left out by rules, but perhaps tracked by Git.
    Unknown(GitError),
}

impl EntryKind {
    /// Reads the file, unless it is a template.
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
