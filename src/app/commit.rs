//! Committing: the order of steps from the plan to the branch.
//!
//! Everything that can fail is tried before anything is written. Then the commit is made of objects, index and branch move, and the
//! files follow. A run that is killed on the way leaves files as they were before: the next one finds that they differ from the commit by
//! what it would change anyway, and goes on.

use std::collections::BTreeMap;
use std::path::Path;

use super::files::{self, Round};
use super::message::{Changes, Template};
use super::report::{Action, Committed, Place, Problem, Report};
use crate::io::files as disk;
use crate::io::git::GitError;
use crate::io::git::identity::{Identity, Person};
use crate::io::git::repository::{Head, Repository, Staged, Staging, Unfit};
use crate::io::lock;

/// The trailer that our commits bear, with the branch that they were made for.
const TRAILER: &str = "Imago-Branch";

/// What shall be committed, checked.
#[derive(Clone, Debug)]
pub struct Request {
    /// The author, where it is not the one that Git knows.
    pub author: Option<Person>,
    /// Whether the message bears `Signed-off-by`.
    pub signoff: bool,
    /// The message.
    pub message: Template,
}

/// A repository that can be committed to.
pub(super) struct Session<'r> {
    request: &'r Request,
    repository: Repository,
    head: Head,
    identity: Identity,
}

impl<'r> Session<'r> {
    /// Looks at all that a commit needs. `Err` is always a [`Problem`].
    pub(super) fn open(request: &'r Request, root: &Path) -> anyhow::Result<Self> {
        let repository = Repository::open(root).map_err(|error| refused(&error))?;
        let head = repository.head().map_err(|error| refused(&error))?;
        let identity = Identity::of(&repository, request.author.as_ref()).map_err(|error| refused(&error))?;
        Ok(Self { request, repository, head, identity })
    }

    /// Commits and writes what may be; a file that may not is a problem, by its place. `Err`: nothing was written.
    pub(super) fn carry_out(
        &self,
        request: &files::Request,
        round: &Round,
        report: &mut Report,
    ) -> anyhow::Result<BTreeMap<usize, Problem>> {
        report.git = Some(Committed { branch: self.head.branch.clone(), ..Committed::default() });
        if request.dry_run {
            self.repository.rehearse().map_err(|error| refused(&error))?;
        }
        let Stage { files, mut failures, lock } = self.stage(request, round, report).map_err(|error| refused(&error))?;
        if request.dry_run {
            return Ok(failures);
        }
        let taken = |index: usize| !failures.contains_key(&index);
        let message = self.message(request.action, round, &files, taken);
        let made = self.repository.commit(self.head.commit, &files, &message, &self.identity);
        if let Some(commit) = made.map_err(|error| refused(&error))? {
            self.repository.advance(&self.head, commit, &files, &self.identity).map_err(|error| refused(&error))?;
            report.git =
                Some(Committed { commit: Some(commit.to_string()), branch: self.head.branch.clone(), ..Committed::default() });
        }
        let unwritten = round.write_files(taken);
        failures.extend(unwritten);
        if let Some(draft) = lock
            && let Err(error) = draft.write()
        {
            report.problems.push(files::unwritten_lock(&draft.path, &error));
        }
        Ok(failures)
    }

    /// Holds every file that changes against what is committed, and the lock.
    fn stage(&self, request: &files::Request, round: &Round, report: &mut Report) -> Result<Stage, GitError> {
        let staging = self.repository.staging(self.head.commit)?;
        let mut stage = Stage::default();
        for (index, manifest, new_text) in round.due() {
            let again = |content: &[u8]| round.edit_again(request, manifest, content);
            let problem = match disk::writable(&manifest.path) {
                Err(error) => files::unwritten(manifest, &error),
                Ok(()) => match staging.stage(&manifest.path, manifest.text.as_bytes(), new_text.as_bytes(), again)? {
                    Ok(staged) => {
                        stage.files.push(staged);
                        continue;
                    }
                    Err(unfit) => unfit_problem(&manifest.name, unfit),
                },
            };
            stage.failures.insert(index, problem);
        }
        match round.lock_draft(request) {
            Ok(Some(draft)) => stage.take_lock(&staging, draft, report)?,
            Ok(None) => {}
            Err(problem) => report.problems.push(*problem),
        }
        Ok(stage)
    }

    fn message(&self, action: Action, round: &Round, files: &[Staged], taken: impl Fn(usize) -> bool) -> String {
        let workloads =
            round.due().filter(|(index, _, _)| taken(*index)).flat_map(|(index, _, _)| &round.edited[index].workloads);
        let changes = Changes { action, workloads: workloads.filter(|workload| workload.changed).collect(), files: files.len() };
        let signer = self.identity.committer();
        let branch = self.head.branch.as_deref().unwrap_or("HEAD");
        let mut trailers = vec![(TRAILER, branch)];
        if self.request.signoff {
            trailers.push(("Signed-off-by", &signer));
        }
        self.request.message.fill(&changes, &trailers)
    }
}

/// What goes into a commit, and what does not.
#[derive(Default)]
struct Stage {
    files: Vec<Staged>,
    failures: BTreeMap<usize, Problem>,
    lock: Option<lock::Draft>,
}

impl Stage {
    /// A lock outside the repository is written and not committed.
    fn take_lock(&mut self, staging: &Staging<'_>, draft: lock::Draft, report: &mut Report) -> Result<(), GitError> {
        let new = draft.new.as_bytes();
        let staged = match &draft.old {
            Some(old) => staging.stage(&draft.path, old, new, |_| None)?,
            None => staging.stage_new(&draft.path, new)?,
        };
        match staged {
            Ok(staged) => self.files.push(staged),
            Err(Unfit::Elsewhere) => {}
            Err(unfit) => {
                report.problems.push(unfit_problem(&draft.path.display().to_string(), unfit));
                return Ok(());
            }
        }
        self.lock = Some(draft);
        Ok(())
    }
}

fn unfit_problem(name: &str, unfit: Unfit) -> Problem {
    Problem {
        code: unfit.code(),
        what: format!("cannot commit `{name}`, so it was not written"),
        place: Place { file: Some(name.to_owned()), ..Place::default() },
        cause: unfit.to_string(),
        hint: Some(unfit.hint().to_owned()),
    }
}

/// Git's refusal, as what ends the run.
fn refused(error: &GitError) -> Problem {
    Problem {
        code: error.code(),
        what: "cannot commit".to_owned(),
        place: Place::default(),
        cause: error.to_string(),
        hint: error.hint(),
    }
}
