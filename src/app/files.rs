//! File mode, top to bottom.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::edits::{self, Edited};
use super::report::{Action, Place, Problem, Report};
use super::resolve::{Event, PlatformLoss, Wanted};
use super::source::{LockUse, Source, Sourced};
use super::survey::{self, Manifest, Survey};
use super::threads;
use crate::engine::answer::Answers;
use crate::engine::diff;
use crate::engine::image::Lookup;
use crate::engine::plan::{self, Rules};
use crate::engine::policy::{TagForm, Track};
use crate::engine::selector::{ImageFilter, Selection, Verdict};
use crate::io::files::{self, FileError};
use crate::io::lock::{self, Prune};
use crate::io::registry;
use crate::io::scan;

/// What `imago files` is asked, checked.
#[derive(Clone, Debug)]
pub struct Request {
    /// Folders and files, `.` where none was named.
    pub paths: Vec<PathBuf>,
    /// Globs that a found file has to match, where there are any.
    pub include: Vec<String>,
    /// Globs that a found file must not match.
    pub exclude: Vec<String>,
    /// What to do.
    pub action: Action,
    /// Do all but write.
    pub dry_run: bool,
    /// Fill `Report::diff`.
    pub diff: bool,
    /// Where a digest's tag is known from.
    pub track: Track,
    /// Whether the tag stays beside the digest.
    pub form: TagForm,
    /// Which images are taken, by name as written.
    pub images: ImageFilter,
    /// Which workloads are taken.
    pub selection: Selection,
    /// More changes than these are not carried out.
    pub max_changes: Option<usize>,
    /// The lock file.
    pub lock: LockUse,
    /// How registries are asked.
    pub registries: registry::Settings,
    /// What happens to a new digest that lacks a platform.
    pub platform_loss: PlatformLoss,
}

/// Runs file mode. `Err`: it could not run, and nothing was written.
pub fn run(request: &Request, on_event: impl FnMut(Event)) -> anyhow::Result<Report> {
    let mut report = Report { dry_run: request.dry_run, ..Report::new(request.action) };
    let source = match request.action {
        Action::Restore => None,
        Action::Report | Action::Check | Action::Update => Some(Source::open(&request.lock, &request.registries)?),
    };
    let current = std::env::current_dir().context("cannot tell the current folder")?;
    let root = scan::repository_root(&current).unwrap_or_else(|| current.clone());
    let mut survey = survey::survey(request.scan(&current, &root)).map_err(|error| wrong_paths(&error))?;
    report.select(&mut survey, &request.selection);
    let rules = Rules { track: request.track, form: request.form, images: request.images.clone() };
    let workloads = survey.manifests.iter().flat_map(|manifest| &manifest.workloads).map(|(_, workload)| workload);
    let wanted = if source.is_some() { plan::wanted(workloads, &rules) } else { Wanted::new() };
    let Sourced { answers, warnings, ways } =
        source.map_or_else(|| Ok(Sourced::default()), |source| source.ask(&wanted, request.platform_loss, on_event))?;
    report.warnings = warnings;
    report.ways = ways;
    let edited = threads::map(&survey.manifests, |manifest| edits::edit(manifest, request.action, &rules, &answers));
    let images: usize = edited.iter().map(|edited| edited.images).sum();
    let acts = matches!(request.action, Action::Update | Action::Restore);
    report.stopped_at = request.max_changes.filter(|most| acts && images > *most);
    if request.diff {
        report.diff = Some(diff(&root, &survey.manifests, &edited));
    }
    let writes = acts && !request.dry_run && report.stopped_at.is_none();
    let failures = if writes { write(&survey.manifests, &edited) } else { BTreeMap::new() };
    if writes && request.action == Action::Update {
        report.problems.extend(merge_lock(&request.lock, &answers));
    }
    report.take(survey, edited, failures);
    Ok(report)
}

impl Request {
    fn scan<'a>(&'a self, current: &'a Path, root: &'a Path) -> scan::Request<'a> {
        scan::Request { paths: &self.paths, include: &self.include, exclude: &self.exclude, current, root }
    }
}

fn wrong_paths(error: &scan::ScanError) -> Problem {
    Problem {
        code: "usage",
        what: error.to_string(),
        place: Place::default(),
        cause: String::new(),
        hint: Some(error.hint().to_owned()),
    }
}

/// Writes every file that changes; the failures by the file's place.
fn write(manifests: &[Manifest], edited: &[Edited]) -> BTreeMap<usize, FileError> {
    let due: Vec<(usize, &Manifest, &str)> = manifests
        .iter()
        .zip(edited)
        .enumerate()
        .filter_map(|(index, (manifest, edited))| Some((index, manifest, edited.new_text.as_deref()?)))
        .collect();
    let written = threads::map(&due, |(index, manifest, new_text)| {
        (*index, files::replace(&manifest.path, manifest.text.as_bytes(), new_text.as_bytes()))
    });
    written.into_iter().filter_map(|(index, result)| Some((index, result.err()?))).collect()
}

/// Notes the run's digests in the lock, where it is named or there. A digest that was held back is not noted.
fn merge_lock(lock: &LockUse, answers: &Answers) -> Option<Problem> {
    if lock.offline || !(lock.named || lock.path.exists()) {
        return None;
    }
    let taken = answers.iter().filter_map(|(lookup, answer)| Some((lookup, answer.as_ref().ok()?)));
    let digests =
        taken.filter(|(_, answer)| answer.held.is_empty()).map(|(lookup, answer)| (lookup.clone(), answer.digest.clone()));
    let used: BTreeSet<Lookup> = answers.keys().cloned().collect();
    let prune = if lock.prune { Prune::Unused(&used) } else { Prune::Keep };
    let error = lock::merge(&lock.path, &digests.collect(), prune).err()?;
    let name = lock.path.display().to_string();
    Some(Problem {
        code: error.code(),
        what: format!("cannot write the lock `{name}`"),
        place: Place { file: Some(name), ..Place::default() },
        cause: error.to_string(),
        hint: error.hint().map(str::to_owned),
    })
}

/// All changes as one unified diff, with paths from the repository's root.
fn diff(root: &Path, manifests: &[Manifest], edited: &[Edited]) -> String {
    let pairs: Vec<_> = manifests.iter().zip(edited).filter_map(|(old, new)| Some((old, new.new_text.as_deref()?))).collect();
    let diffs = threads::map(&pairs, |(manifest, new_text)| {
        let real = manifest.path.canonicalize().unwrap_or_else(|_| manifest.path.clone());
        // A file outside of this repository is told from the root of its own, or of the file system.
        let other_root = || real.parent().and_then(scan::repository_root).unwrap_or_else(|| PathBuf::from("/"));
        let path = match real.strip_prefix(root) {
            Ok(path) => path.to_path_buf(),
            Err(_) => real.strip_prefix(other_root()).map(Path::to_path_buf).unwrap_or_default(),
        };
        diff::unified(path.as_os_str().as_encoded_bytes(), &manifest.text, new_text)
    });
    diffs.concat()
}

impl Report {
    /// Takes out of the survey what the user did not select, and counts it.
    fn select(&mut self, survey: &mut Survey, selection: &Selection) {
        for manifest in &mut survey.manifests {
            manifest.workloads.retain(|(_, workload)| {
                match selection.takes(workload.namespace.as_deref(), &workload.name, &workload.labels) {
                    Verdict::Taken => return true,
                    Verdict::WithoutNamespace => self.without_namespace += 1,
                    Verdict::NotSelected => self.not_selected += 1,
                }
                false
            });
        }
    }

    /// Puts together what was found, what was decided and what went wrong.
    fn take(&mut self, survey: Survey, edited: Vec<Edited>, mut failures: BTreeMap<usize, FileError>) {
        self.files_seen = survey.files;
        self.files_without_workload = survey.without_workload;
        self.skipped = survey.skipped;
        self.problems.splice(0..0, survey.problems);
        for kind in survey.unhandled {
            *self.unhandled.entry(kind.to_owned()).or_default() += 1;
        }
        for (index, (manifest, mut edited)) in survey.manifests.into_iter().zip(edited).enumerate() {
            match failures.remove(&index) {
                Some(error) => {
                    edited.workloads.iter_mut().for_each(|workload| workload.changed = false);
                    edited.problems.push(unwritten(&manifest, &error));
                }
                None if edited.new_text.is_some() => self.files_changed.push(manifest.name),
                None => {}
            }
            self.workloads.extend(edited.workloads);
            self.skipped.extend(edited.skipped);
            self.problems.extend(edited.problems);
        }
        self.skipped.sort_by(|left, right| left.place.cmp(&right.place));
        self.problems.sort_by(|left, right| left.place.cmp(&right.place));
    }
}

fn unwritten(manifest: &Manifest, error: &FileError) -> Problem {
    Problem {
        code: error.code(),
        what: format!("cannot write `{}`", manifest.name),
        place: Place { file: Some(manifest.name.clone()), ..Place::default() },
        cause: error.to_string(),
        hint: error.hint().map(str::to_owned),
    }
}
