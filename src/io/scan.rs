//! The walk: which files a run reads, and their bytes.
//!
//! Folders are walked and files read by several threads at once, and what is made of a file is made in the thread that read it, while
//! its bytes are still in the cache. The results come back in the order of their names, whatever the threads did. The walk never
//! follows a link that it meets, never waits for a named pipe, and never reads a Helm template.

mod filter;
pub mod listed;
mod near;
mod template;
#[cfg(test)]
mod tests;
mod walk;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use self::filter::PathFilter;
use self::template::Charts;
use super::files::{self, FileError};
use super::links::Links;

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

/// Something that the walk came to.
#[derive(Debug)]
pub struct Found<'a> {
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
            Self::Missing { near: Some(near), .. } => format!("did you mean `{near}`?"),
            Self::Missing { near: None, .. } => "check the spelling; a relative path starts at the current folder".to_owned(),
            Self::Glob { .. } => "write it as in .gitignore, in quotes: 'charts/**', '*.gen.yaml'".to_owned(),
        }
    }
}

/// Scans folders and files, and hands everything found to `visit`, which runs in several threads at once.
///
/// The values that it returns are sorted by the path as shown, component by component. Before anything is read, every named path is
/// checked for being there. A file named twice, or named and met in a named folder, is visited once.
pub fn scan<T: Send>(request: Request<'_>, visit: impl Fn(Found<'_>) -> Option<T> + Sync) -> Result<Vec<T>, ScanError> {
    let filter = PathFilter::new(request.include, request.exclude, request.other)?;
    let results = Results { visit, kept: Mutex::new(Vec::new()) };
    let plan = Plan::new(&request, filter, &results)?;
    plan.read_files(&results);
    plan.walk_folders(&results);
    let mut kept = results.kept.into_inner().unwrap_or_else(PoisonError::into_inner);
    kept.sort_unstable_by(|(left, _), (right, _)| left.cmp(right));
    Ok(kept.into_iter().map(|(_, value)| value).collect())
}

/// Whether a glob can be read.
pub fn check_glob(glob: &str) -> Result<(), ScanError> {
    PathFilter::new(&[glob.to_owned()], &[], None).map(drop)
}

/// The root of the repository that a folder is in: the nearest folder, itself or above it, with a `.git` in it.
pub fn repository_root(folder: &Path) -> Option<PathBuf> {
    folder.ancestors().find(|above| above.join(".git").exists()).map(Path::to_path_buf)
}

/// The visitor, and what it made of things, with the keys to sort by.
struct Results<T, V> {
    visit: V,
    kept: Mutex<Vec<(Vec<u8>, T)>>,
}

impl<T, V: Fn(Found<'_>) -> Option<T>> Results<T, V> {
    fn add(&self, path: &Path, shown: &Path, what: What<'_>) {
        if let Some(value) = (self.visit)(Found { path, shown: shown.to_string_lossy(), what }) {
            self.kept.lock().unwrap_or_else(PoisonError::into_inner).push((sort_key(shown), value));
        }
    }

    fn read(&self, path: &Path, shown: &Path, buffer: &mut Vec<u8>) {
        match files::read_into(path, buffer) {
            Ok(()) => self.add(path, shown, What::File(buffer)),
            Err(error) => self.add(path, shown, What::Problem(error)),
        }
    }
}

/// Bytes that compare as the path's components do: a slash before everything else that a name can have in it.
fn sort_key(path: &Path) -> Vec<u8> {
    path.as_os_str().as_bytes().iter().map(|&byte| if byte == b'/' { 0 } else { byte }).collect()
}

/// What was named, sorted into files and folders, each once.
struct Plan<'a> {
    current: &'a Path,
    filter: PathFilter,
    charts: Charts,
    files: Vec<Named>,
    folders: Vec<Named>,
    /// The real paths of all that is named: the walk leaves them to their own names.
    real: BTreeSet<PathBuf>,
}

/// A file or folder that was named.
struct Named {
    /// As typed, without `./` and doubled slashes.
    shown: PathBuf,
    /// How to open it.
    path: PathBuf,
    /// Absolute and without links.
    real: PathBuf,
    /// Whether what is below can be a template for what stands above.
    has_templates: bool,
    /// Its path from each other named folder that it stands in.
    within: Vec<PathBuf>,
}

impl<'a> Plan<'a> {
    /// Looks at every named path. What is there and cannot be used is a result; what is not there ends the run.
    fn new<T, V>(request: &Request<'a>, filter: PathFilter, results: &Results<T, V>) -> Result<Self, ScanError>
    where
        V: Fn(Found<'_>) -> Option<T>,
    {
        let Request { current, root, .. } = *request;
        // The system opens a relative path faster; it means the same only while both have the same current folder.
        let is_ours = std::env::current_dir().is_ok_and(|folder| folder == current);
        let mut links = Links::new(root).map_err(|_| ScanError::Missing { path: root.display().to_string(), near: None })?;
        let here = [PathBuf::from(".")];
        let mut problems = Vec::new();
        let mut plan =
            Self { current, filter, charts: Charts::default(), files: Vec::new(), folders: Vec::new(), real: BTreeSet::new() };
        for typed in if request.paths.is_empty() { &here } else { request.paths } {
            let missing = || ScanError::Missing { path: typed.display().to_string(), near: near::near(typed, current) };
            if typed.as_os_str().is_empty() {
                return Err(missing());
            }
            let shown: PathBuf = typed.components().filter(|component| *component != Component::CurDir).collect();
            let absolute = current.join(&shown);
            let (real, metadata) = match links.resolve(&absolute) {
                Ok(found) => found,
                Err(FileError::Vanished) => return Err(missing()),
                Err(error) => {
                    problems.push((absolute, shown, error));
                    continue;
                }
            };
            if !plan.real.insert(real.clone()) {
                continue;
            }
            let path = match () {
                () if real != absolute => real.clone(),
                () if is_ours && shown.as_os_str().is_empty() => PathBuf::from("."),
                () if is_ours => shown.clone(),
                () => absolute,
            };
            let has_templates = template::may_be(&real);
            let named = Named { shown, path, real, has_templates, within: Vec::new() };
            if metadata.is_dir() { plan.folders.push(named) } else { plan.files.push(named) }
        }
        plan.nest();
        for (path, shown, error) in problems {
            results.add(&path, &shown, What::Problem(error));
        }
        Ok(plan)
    }

    /// Notes what stands in a named folder, so that globs from there hold for it too.
    fn nest(&mut self) {
        let outer: Vec<PathBuf> = self.folders.iter().map(|folder| folder.real.clone()).collect();
        for named in self.files.iter_mut().chain(&mut self.folders) {
            let within =
                outer.iter().filter(|folder| **folder != named.real).filter_map(|folder| named.real.strip_prefix(folder).ok());
            named.within = within.map(Path::to_owned).collect();
        }
    }

    fn read_files<T: Send, V>(&self, results: &Results<T, V>)
    where
        V: Fn(Found<'_>) -> Option<T> + Sync,
    {
        let next = AtomicUsize::new(0);
        let work = || {
            let mut buffer = Vec::new();
            while let Some(file) = self.files.get(next.fetch_add(1, Ordering::Relaxed)) {
                if self.filter.narrows() && !self.filter.takes(&self.places_of_file(file), &file.real) {
                    continue;
                }
                if self.charts.have(&file.real) {
                    results.add(&file.path, &file.shown, What::Template);
                } else {
                    results.read(&file.path, &file.shown, &mut buffer);
                }
            }
        };
        // A thread takes longer to begin than a few files take to be read.
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(self.files.len() / 16 + 1);
        std::thread::scope(|scope| {
            for _ in 1..threads {
                scope.spawn(work);
            }
            work();
        });
    }

    /// A named file as seen from everywhere that globs begin.
    fn places_of_file<'n>(&self, file: &'n Named) -> Vec<&'n Path> {
        let name = file.shown.file_name().map(Path::new);
        self.in_current(&file.shown).into_iter().chain(name).chain(file.within.iter().map(PathBuf::as_path)).collect()
    }

    /// The path as seen from the current folder, where it is below it or relative to it.
    fn in_current<'p>(&self, shown: &'p Path) -> Option<&'p Path> {
        if shown.is_absolute() { shown.strip_prefix(self.current).ok() } else { Some(shown) }
    }
}
