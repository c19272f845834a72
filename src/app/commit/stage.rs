//! What goes into a commit: every file that changes is held against what is committed, before anything is written.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::aim::{Content, Follower, Strategy};
use super::{CHANGE_TRAILER, Session};
use crate::app::manifest::ManifestFile;
use crate::app::pass::Pass;
use crate::app::report::{Place, Problem, Report};
use crate::app::request::FilesRequest;
use crate::app::source::lock_problem;
use crate::app::threads;
use crate::app::write::{self, Drafts, Signals};
use crate::engine::propose::Planned;
use crate::io::files as disk;
use crate::io::git::GitError;
use crate::io::git::change::Staged;
use crate::io::git::repository::Objects;
use crate::io::git::staging::{Basis, Side, Staging, Unfit};
use crate::io::lock;

/// Each thread that holds files against a commit has fewer files open than these.
const OPEN_FILES_OF_A_THREAD: usize = 3;

impl Session {
    /// Holds every file that changes against what is committed, and the lock.
    ///
    /// What the working tree shall hold is written beside its files before anything is committed: a file that has no room for that is not
    /// in the commit either.
    pub(super) fn stage<'r>(
        &self,
        request: &FilesRequest,
        pass: &Pass,
        report: &mut Report,
        due: &[Due<'r>],
    ) -> Result<Stage<'r>, GitError> {
        let (mut stage, mut staging) = self.hold(request, pass, due)?;
        match (self.aim.content, staging.within(&request.lock.path)) {
            (Content::Commit, Some(path)) => {
                stage.take_lock_of_commit(&staging, &path, request, pass, report)?
            }
            (Content::Commit, None) | (Content::WorkingTree, _) => {
                stage.take_lock(&mut staging, request, pass, report)?
            }
        }
        Ok(stage)
    }

    /// The same without the lock.
    pub(super) fn stage_files<'r>(
        &self,
        request: &FilesRequest,
        pass: &Pass,
        due: &[Due<'r>],
    ) -> Result<Stage<'r>, GitError> {
        self.hold(request, pass, due).map(|(stage, _)| stage)
    }

    fn hold<'r>(
        &self,
        request: &FilesRequest,
        pass: &Pass,
        due: &[Due<'r>],
    ) -> Result<(Stage<'r>, Staging), GitError> {
        let objects = match request.dry_run {
            true => Objects::Rehearsed,
            false => Objects::Written,
        };
        let (content, root) = (self.aim.content, self.repository.root());
        // Where the working tree follows, what is changed there stays, and is not committed under its feet.
        let follows = matches!(
            self.aim.strategy,
            Strategy::Onward {
                follower: Follower::WorkingTree,
                ..
            }
        );
        let side = match content {
            Content::WorkingTree => Side::WorkingTree,
            Content::Commit => Side::Commit {
                followed: follows.then_some(self.head.commit),
            },
        };
        let basis = Basis::new(&self.repository, objects, self.aim.base, side)?;
        let open = || Staging::open(&basis);
        let staging = open()?;
        disk::probe_open(OPEN_FILES_OF_A_THREAD * threads::count(due.len()))
            .map_err(|error| GitError::OpenFiles(error.to_string()))?;
        let outcomes = threads::map_with(due, open, |staging, due| {
            let staging = staging.as_mut().map_err(|error| error.clone())?;
            stage_file(
                staging,
                (content, root),
                request,
                pass,
                due.manifest,
                due.text.as_bytes(),
            )
        });
        let mut stage = Stage::default();
        let mut fit = BTreeMap::new();
        for (Due { index, .. }, outcome) in due.iter().zip(outcomes) {
            match outcome? {
                Ok(staged) => drop(fit.insert(*index, staged)),
                Err(problem) => drop(stage.failures.insert(*index, *problem)),
            }
        }
        if content == Content::WorkingTree && !request.dry_run {
            let drafts = write::draft(
                due.iter()
                    .filter(|due| fit.contains_key(&due.index))
                    .map(|due| (due.index, due.manifest, due.text)),
                Signals::Deferred,
            );
            fit.retain(|index, _| !drafts.failures().contains_key(index));
            stage.failures.extend(drafts.failures().clone());
            stage.drafts = Some(drafts);
        }
        stage.paths = fit
            .iter()
            .map(|(index, staged)| (*index, staged.path().display().to_string()))
            .collect();
        stage.files.extend(fit.into_values());
        Ok((stage, staging))
    }
}

/// Holds one file against what is committed.
fn stage_file(
    staging: &mut Staging,
    (content, root): (Content, &Path),
    request: &FilesRequest,
    pass: &Pass,
    manifest: &ManifestFile,
    new: &[u8],
) -> Result<Result<Staged, Box<Problem>>, GitError> {
    let staged = match content {
        Content::Commit => {
            let path = manifest.path.strip_prefix(root).unwrap_or(&manifest.path);
            match staging.is_untouched(path)? {
                false => Err(Unfit::Uncommitted),
                true => staging.stage_in_commit(path, manifest.text.as_bytes(), new)?,
            }
        }
        Content::WorkingTree => {
            if let Err(error) = disk::writable(&manifest.path) {
                return Ok(Err(Box::new(write::unwritten(manifest, &error))));
            }
            let again = |content: &[u8]| pass.edit_again(request, manifest, content);
            staging.stage(
                &manifest.path,
                manifest.text.as_bytes(),
                new,
                CHANGE_TRAILER,
                again,
            )?
        }
    };
    Ok(staged.map_err(|unfit| Box::new(unfit_problem(&manifest.name, &unfit))))
}

/// A file that changes.
#[derive(Clone, Copy)]
pub(super) struct Due<'r> {
    /// Its place among the manifests.
    pub(super) index: usize,
    pub(super) manifest: &'r ManifestFile,
    /// Its new text.
    pub(super) text: &'r str,
}

impl<'r> From<(usize, &'r ManifestFile, &'r str)> for Due<'r> {
    fn from((index, manifest, text): (usize, &'r ManifestFile, &'r str)) -> Self {
        Self {
            index,
            manifest,
            text,
        }
    }
}

/// What goes into a commit, and what does not.
#[derive(Default)]
pub(super) struct Stage<'r> {
    pub(super) files: Vec<Staged>,
    /// The paths from the root of the files that change, by their places.
    pub(super) paths: BTreeMap<usize, String>,
    pub(super) failures: BTreeMap<usize, Problem>,
    /// The files that the working tree shall hold, where it follows.
    pub(super) drafts: Option<Drafts<'r>>,
    /// The lines that change in the lock, where it is a file of the commit.
    pub(super) lock_lines: Vec<Planned>,
    /// The lock, where it is a file of the working tree that has to be written.
    pub(super) lock: Option<lock::Ready>,
}

impl Stage<'_> {
    /// A lock outside the repository is written and not committed. One that has no room on the disk is neither.
    fn take_lock(
        &mut self,
        staging: &mut Staging,
        request: &FilesRequest,
        pass: &Pass,
        report: &mut Report,
    ) -> Result<(), GitError> {
        let draft = match pass.lock_draft(request) {
            Ok(Some(draft)) => draft,
            Ok(None) => return Ok(()),
            Err(problem) => {
                report.problems.push(*problem);
                return Ok(());
            }
        };
        let new = draft.new.as_bytes();
        let staged = match &draft.old {
            Some(old) => staging.stage(&draft.path, old, new, CHANGE_TRAILER, |_| None)?,
            None => staging.stage_new(&draft.path, new)?,
        };
        let staged = match staged {
            Ok(staged) => Some(staged),
            Err(Unfit::Elsewhere) => None,
            Err(unfit) => {
                report
                    .problems
                    .push(unfit_problem(&draft.path.display().to_string(), &unfit));
                return Ok(());
            }
        };
        if !request.dry_run {
            let path = draft.path.clone();
            match draft.prepare() {
                Ok(ready) => self.lock = Some(ready),
                Err(error) => {
                    report.problems.push(lock_problem("write", &path, &error));
                    return Ok(());
                }
            }
        }
        self.files.extend(staged);
        Ok(())
    }

    /// The lock as the commit has it.
    fn take_lock_of_commit(
        &mut self,
        staging: &Staging,
        path: &Path,
        request: &FilesRequest,
        pass: &Pass,
        report: &mut Report,
    ) -> Result<(), GitError> {
        let old = staging.content(path)?;
        match pass.lock_text(request, old.as_deref()) {
            Ok(Some(new)) => match staging.stage_in_commit(
                path,
                old.as_deref().unwrap_or_default(),
                new.as_bytes(),
            )? {
                Ok(staged) => {
                    self.files.push(staged);
                    self.lock_lines = changed_lines(path, old.as_deref(), &new);
                }
                Err(unfit) => report
                    .problems
                    .push(unfit_problem(&path.display().to_string(), &unfit)),
            },
            Ok(None) => {}
            Err(problem) => report.problems.push(*problem),
        }
        Ok(())
    }
}

/// The lines that a file gets and loses. The lock has one fact a line.
fn changed_lines(path: &Path, old: Option<&[u8]>, new: &str) -> Vec<Planned> {
    let old = String::from_utf8_lossy(old.unwrap_or_default()).into_owned();
    let (old, new): (BTreeSet<&str>, BTreeSet<&str>) =
        (old.lines().collect(), new.lines().collect());
    let planned = |place: &str, line: &&str| Planned {
        file: path.display().to_string(),
        place: place.to_owned(),
        after: (*line).to_owned(),
    };
    let gained = new.difference(&old).map(|line| planned("+", line));
    let lost = old.difference(&new).map(|line| planned("-", line));
    gained.chain(lost).collect()
}

fn unfit_problem(name: &str, unfit: &Unfit) -> Problem {
    Problem {
        code: unfit.code(),
        what: format!("cannot commit `{name}`, so it was not written"),
        place: Place {
            file: Some(name.to_owned()),
            ..Place::default()
        },
        cause: unfit.to_string(),
        hint: Some(unfit.hint().to_owned()),
    }
}
