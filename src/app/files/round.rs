//! One look at the files, and what carries it out: what changes, what the lock shall hold, and the writing of both.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::{Request, takes};
use crate::app::edits::{self, Edited};
use crate::app::report::{Action, Problem, Report};
use crate::app::source::lock_problem;
use crate::app::survey::{self, Manifest, Survey};
use crate::app::threads;
use crate::app::write::{Signals, unwritten};
use crate::engine::answer::Answers;
use crate::engine::image::{Digest, Lookup};
use crate::engine::plan::Rules;
use crate::engine::selector::Verdict;
use crate::io::files as disk;
use crate::io::links;
use crate::io::lock::{self, LockError, Prune};

/// One look at the files: what is in them, and what shall become of it.
pub(in crate::app) struct Round {
    /// What was found, without what was not selected.
    pub(super) survey: Survey,
    /// What was decided, manifest by manifest.
    pub(in crate::app) edited: Vec<Edited>,
    /// What the decisions go by.
    pub(super) answers: Answers,
    pub(super) rules: Rules,
    /// The repository, or the current folder where there is none.
    pub(super) root: PathBuf,
    /// The tags that an image or a record of any workload names, selected or not. `None`: the lock is not to be pruned, or not every
    /// file and record could be read.
    pub(super) named: Option<BTreeSet<Lookup>>,
}

impl Round {
    /// The files that change, each with its number among the manifests and its new text.
    pub(in crate::app) fn due(&self) -> impl Iterator<Item = (usize, &Manifest, &str)> {
        let files = self.survey.manifests.iter().zip(&self.edited).enumerate();
        files.filter_map(|(index, (manifest, edited))| Some((index, manifest, edited.new_text.as_deref()?)))
    }

    /// What this round's decisions make of another content of a file. `None` where it cannot be read or edited.
    pub(in crate::app) fn edit_again(&self, request: &Request, manifest: &Manifest, content: &[u8]) -> Option<Vec<u8>> {
        let mut other = survey::manifest(manifest, content)?;
        other.workloads.retain(|(_, workload)| takes(&request.selection, workload) == Verdict::Taken);
        let edited = edits::edit(&other, request.action, &self.rules, &self.answers);
        edited.problems.is_empty().then(|| edited.new_text.unwrap_or(other.text).into_bytes())
    }

    /// What the lock shall hold after this round, where it is kept and changes.
    pub(in crate::app) fn lock_draft(&self, request: &Request) -> Result<Option<lock::Draft>, Box<Problem>> {
        self.with_lock(request, request.lock.path.exists(), lock::Draft::new).map(Option::flatten)
    }

    /// The same for a lock that holds `old` in a commit.
    pub(in crate::app) fn lock_text(&self, request: &Request, old: Option<&[u8]>) -> Result<Option<String>, Box<Problem>> {
        let merged = |_: &Path, digests: &_, prune: Prune<'_>| lock::merged(old, digests, prune);
        self.with_lock(request, old.is_some(), merged).map(Option::flatten)
    }

    /// Writes every file that changes, and the lock; the failures by the file's place. `Err`: a signal ended it before the end.
    pub(super) fn write(&self, request: &Request, report: &mut Report) -> Result<BTreeMap<usize, Problem>, Box<Problem>> {
        let failures = self.draft_files(|_| true, Signals::Obeyed).put()?;
        if let Err(problem) = self.with_lock(request, request.lock.path.exists(), lock::merge) {
            report.problems.push(*problem);
        }
        Ok(failures)
    }

    /// Finds out which files [`Round::write`] would fail at, as far as that can be seen beforehand.
    pub(super) fn rehearse(&self) -> BTreeMap<usize, Problem> {
        let due: Vec<_> = self.due().collect();
        let failures = threads::map(&due, |(index, manifest, _)| {
            let error = disk::writable(&manifest.path).err()?;
            Some((*index, unwritten(manifest, &error)))
        });
        failures.into_iter().flatten().collect()
    }

    /// Hands the run's digests to the lock, where it is named or there. A digest that was held back is not noted.
    fn with_lock<T>(
        &self,
        request: &Request,
        is_there: bool,
        act: impl Fn(&Path, &BTreeMap<Lookup, Digest>, Prune<'_>) -> Result<T, LockError>,
    ) -> Result<Option<T>, Box<Problem>> {
        let lock = &request.lock;
        if request.action != Action::Update || lock.offline || !(lock.named || is_there) {
            return Ok(None);
        }
        let taken = self.answers.iter().filter_map(|(lookup, answer)| Some((lookup, answer.as_ref().ok()?)));
        let digests =
            taken.filter(|(_, answer)| answer.held.is_empty()).map(|(lookup, answer)| (lookup.clone(), answer.digest.clone()));
        // A link may have taken the place of its folder since the run began.
        links::stays(&self.root, &lock.path).map_err(|error| lock_problem("use", &lock.path, &error.into()))?;
        let prune = self.named.as_ref().map_or(Prune::Keep, Prune::Unused);
        act(&lock.path, &digests.collect(), prune).map(Some).map_err(|error| Box::new(lock_problem("write", &lock.path, &error)))
    }
}
