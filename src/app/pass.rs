//! One look at the files, and what carries it out: what changes, what the lock shall hold, and the writing of both.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::edits::{self, Edited};
use super::manifest::ManifestFile;
use super::report::{Action, Problem, Report};
use super::request::FilesRequest;
use super::source::lock_problem;
use super::survey::Survey;
use super::threads;
use super::write::{self, Signals, unwritten};
use crate::engine::answer::{Answer, Answers};
use crate::engine::diff;
use crate::engine::image::{Digest, Lookup};
use crate::engine::plan::{self, Rules};
use crate::engine::selector::Verdict;
use crate::engine::version::recorded;
use crate::io::files as disk;
use crate::io::lock::{self, Lock, LockError, Prune, choice_key};
use crate::io::scan;

/// One look at the files: what is in them, and what shall become of it.
pub(super) struct Pass {
    /// What was found, without what was not selected.
    pub(super) survey: Survey,
    /// What was decided, manifest by manifest.
    pub(super) edited: Vec<Edited>,
    /// What the decisions go by.
    pub(super) answers: Answers,
    pub(super) rules: Arc<Rules>,
    /// The repository, or the current folder where there is none.
    pub(super) root: PathBuf,
    /// The tags that an image or a record of any object names, selected or not. `None`: the lock is not to be pruned, or not every
    /// file and record could be read.
    pub(super) named: Option<BTreeSet<Lookup>>,
    /// A warning for each annotation that says nothing.
    pub(super) idle: Vec<String>,
}

impl Pass {
    /// The files that change, each with its number among the manifests and its new text.
    pub(super) fn due(&self) -> impl Iterator<Item = (usize, &ManifestFile, &str)> {
        let files = self.survey.manifests.iter().zip(&self.edited).enumerate();
        files.filter_map(|(index, (manifest, edited))| {
            Some((index, manifest, edited.new_text.as_deref()?))
        })
    }

    /// Takes back that these files change.
    pub(super) fn leave(&mut self, files: &[usize]) {
        for index in files {
            let edited = &mut self.edited[*index];
            edited.changes = false;
            edited
                .objects
                .iter_mut()
                .for_each(|object| object.changed = false);
        }
    }

    /// Whether a file, an object or an image has a problem, so that this is not all there is to change.
    pub(super) fn has_problems(&self) -> bool {
        !self.survey.problems.is_empty()
            || self.edited.iter().any(|edited| !edited.problems.is_empty())
    }

    /// All changes as one unified diff, with paths from the repository's root.
    pub(super) fn diff(&self) -> String {
        let due: Vec<_> = self.due().collect();
        let diffs = threads::map(&due, |(_, manifest, new_text)| {
            let real = manifest
                .path
                .canonicalize()
                .unwrap_or_else(|_| manifest.path.clone());
            // A file outside of this repository is told from the root of its own, or of the file system.
            let other_root = || {
                real.parent()
                    .and_then(scan::repository_root)
                    .unwrap_or_else(|| PathBuf::from("/"))
            };
            let path = match real.strip_prefix(&self.root) {
                Ok(path) => path.to_path_buf(),
                Err(_) => real
                    .strip_prefix(other_root())
                    .map(Path::to_path_buf)
                    .unwrap_or_default(),
            };
            diff::unified(
                path.as_os_str().as_encoded_bytes(),
                &manifest.text,
                new_text,
            )
        });
        diffs.concat()
    }

    /// What this pass's decisions make of another content of a file. `None` where it cannot be read or edited.
    pub(super) fn edit_again(
        &self,
        request: &FilesRequest,
        manifest: &ManifestFile,
        content: &[u8],
    ) -> Option<Vec<u8>> {
        let mut other = self.survey.another(manifest, content)?;
        other
            .objects
            .retain(|(_, object)| request.takes(object) == Verdict::Taken);
        let edited = edits::edit(&other, request.wanted(), &self.rules, &self.answers);
        edited
            .problems
            .is_empty()
            .then(|| edited.new_text.unwrap_or(other.content.text).into_bytes())
    }

    /// What the lock shall hold after this pass, where it is kept and changes.
    pub(super) fn lock_draft(
        &self,
        request: &FilesRequest,
    ) -> Result<Option<lock::Draft>, Box<Problem>> {
        self.with_lock(request, lock::Draft::new)
            .map(Option::flatten)
    }

    /// The same for a lock that holds `old` in a commit.
    pub(super) fn lock_text(
        &self,
        request: &FilesRequest,
        old: Option<&[u8]>,
    ) -> Result<Option<String>, Box<Problem>> {
        if !keeps_lock(request, old.is_some()) {
            return Ok(None);
        }
        lock::merged(old, &self.facts(), self.prune())
            .map_err(|error| Box::new(lock_problem("write", &request.lock.path, &error)))
    }

    /// Writes every file that changes, and the lock; the failures by the file's place. `Err`: a signal ended it before the end.
    pub(super) fn write(
        &self,
        request: &FilesRequest,
        report: &mut Report,
    ) -> Result<BTreeMap<usize, Problem>, Box<Problem>> {
        let failures = write::draft(self.due(), Signals::Obeyed).put()?;
        if let Err(problem) = self.with_lock(request, lock::merge) {
            report.problems.push(*problem);
        }
        Ok(failures)
    }

    /// Finds out which files [`Pass::write`] would fail at, as far as that can be seen beforehand.
    pub(super) fn rehearse(&self) -> BTreeMap<usize, Problem> {
        let due: Vec<_> = self.due().collect();
        let failures = threads::map(&due, |(index, manifest, _)| {
            let error = disk::writable(&manifest.path).err()?;
            Some((*index, unwritten(manifest, &error)))
        });
        failures.into_iter().flatten().collect()
    }

    /// Hands what the run has found to the lock, where it is named or there.
    fn with_lock<T>(
        &self,
        request: &FilesRequest,
        act: impl Fn(&Path, &Lock, Prune<'_>) -> Result<T, LockError>,
    ) -> Result<Option<T>, Box<Problem>> {
        let lock = &request.lock;
        if !keeps_lock(request, lock.path.exists()) {
            return Ok(None);
        }
        // A link may have taken the place of its folder since the run began.
        let path = lock.place(&self.root)?;
        act(&path, &self.facts(), self.prune())
            .map(Some)
            .map_err(|error| Box::new(lock_problem("write", &lock.path, &error)))
    }

    fn prune(&self) -> Prune<'_> {
        self.named.as_ref().map_or(Prune::Keep, Prune::Unused)
    }

    /// What the lock shall hold: the digest that the manifests have of each tag after this pass, and which tags policies took. A digest is the
    /// tag's new one, unless all that use the tag were held back from it, on one old digest.
    pub(super) fn facts(&self) -> Lock {
        let answers = self
            .answers
            .iter()
            .filter_map(|(lookup, answer)| Some((lookup, answer.as_ref().ok()?)));
        let answers: BTreeMap<&Lookup, &Answer> = answers.collect();
        let kept = self.kept(&answers);
        Self::noted(answers, &kept)
    }

    /// The same if nothing were held back.
    pub(super) fn answered(&self) -> Lock {
        let answers = self.answers.iter();
        let answers = answers.filter_map(|(lookup, answer)| Some((lookup, answer.as_ref().ok()?)));
        Self::noted(answers.collect(), &BTreeMap::new())
    }

    fn noted(answers: BTreeMap<&Lookup, &Answer>, kept: &BTreeMap<Lookup, Digest>) -> Lock {
        let mut facts = Lock::default();
        for (lookup, answer) in answers {
            let kept = kept.get(lookup);
            let digest = kept.unwrap_or(&answer.digest).clone();
            let (Some(policy), Some(chosen)) = (lookup.policy(), &answer.chosen) else {
                facts.images.insert(lookup.clone(), digest);
                continue;
            };
            let key = |now: &str| choice_key(lookup.name(), policy, now);
            let now = lookup.tag();
            // What a gate has held back stays on its tag.
            let obstacle = chosen.obstacle.as_ref();
            let (tag, best) = match (kept, &chosen.best) {
                (Some(_), _) => (now, now.to_owned()),
                (None, best) => (&*chosen.tag, recorded(policy, best.as_deref(), obstacle)),
            };
            facts.images.insert(lookup.at(tag), digest);
            facts.tags.insert(key(now), best);
            if tag != now {
                facts.tags.insert(key(tag), tag.to_owned());
            }
        }
        facts
    }

    /// The old digests that all images of a question are held on.
    fn kept(&self, answers: &BTreeMap<&Lookup, &Answer>) -> BTreeMap<Lookup, Digest> {
        if answers.values().all(|answer| answer.held.is_empty()) {
            return BTreeMap::new();
        }
        let mut in_use: BTreeMap<Lookup, BTreeSet<Option<Digest>>> = BTreeMap::new();
        for (lookup, digest) in plan::questions(self.survey.objects(), &self.rules) {
            let Some(answer) = answers.get(&lookup) else {
                continue;
            };
            let held = digest.filter(|digest| answer.held.contains_key(digest));
            in_use.entry(lookup).or_default().insert(held);
        }
        let kept = in_use.into_iter().filter(|(_, in_use)| in_use.len() == 1);
        kept.filter_map(|(lookup, in_use)| Some((lookup, in_use.into_iter().next()??)))
            .collect()
    }
}

/// Whether a run writes the lock: where it is named or there.
fn keeps_lock(request: &FilesRequest, is_there: bool) -> bool {
    let lock = &request.lock;
    request.action == Action::Update && !lock.offline && (lock.named || is_there)
}
