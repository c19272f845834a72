//! Committing: the order of steps from the plan to the branch.
//!
//! Everything that can fail is tried before anything is written. Then the commit is made of objects, and pushed; only what the remote has
//! taken moves this repository: index and branch first, and the files follow. A push that fails leaves everything as it was. A run that
//! is killed on the way leaves files as they were before: the next one brings the branch to what was pushed, finds that the files differ from
//! the commit by what it would change anyway, and goes on.

mod aim;
mod stage;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use self::aim::{Aim, Content, Way};
use self::stage::Stage;
use super::files::{self, Round};
use super::message::{Changes, Template};
use super::report::{Action, Committed, Place, Problem, Report};
use super::survey::{self, Survey};
use super::{runtime, threads};
use crate::io::files as disk;
use crate::io::git::GitError;
use crate::io::git::identity::{Identity, Person};
use crate::io::git::repository::{CommitId, Head, Listed, Repository};
use crate::io::git::staging::Staged;
use crate::io::git::transport::{Pushed, Replace, Transport, TransportError};
use crate::io::interrupt;
use crate::io::scan;

/// The trailer that our commits bear, with the branch that they were made for.
const TRAILER: &str = "Imago-Branch";

/// A look at a repository, or a `git` program, needs fewer open files than these. libgit2 that is refused one says something else, or
/// that there is no such object.
const OPEN_FILES: usize = 10;
/// Each thread that holds files against a commit needs fewer than these beside.
const OPEN_FILES_OF_A_THREAD: usize = 3;

/// What shall be committed, checked.
#[derive(Clone)]
pub struct Request {
    /// A branch of its own; `None` is the checked-out one.
    pub branch: Option<String>,
    /// Where it is pushed to, where it is.
    pub push: Option<Push>,
    /// The author, where it is not the one that Git knows.
    pub author: Option<Person>,
    /// Whether the message bears `Signed-off-by`.
    pub signoff: bool,
    /// The message.
    pub message: Template,
    /// The environment of the `git` program. It may hold secrets, and is never printed.
    pub environment: BTreeMap<OsString, OsString>,
}

impl std::fmt::Debug for Request {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { branch, push, author, signoff, message, environment: _ } = self;
        let mut shown = formatter.debug_struct("Request");
        shown.field("branch", branch).field("push", push).field("author", author);
        shown.field("signoff", signoff).field("message", message).finish_non_exhaustive()
    }
}

/// A push.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Push {
    /// The remote's name.
    pub remote: String,
    /// What the remote is told beside.
    pub options: Vec<String>,
}

/// A repository that can be committed to.
pub(super) struct Session<'r> {
    request: &'r Request,
    repository: Repository,
    head: Head,
    identity: Identity,
    transport: Option<Transport>,
    aim: Aim,
}

/// How far a session got.
pub(super) enum Carried {
    /// To its end; the files that were not taken are problems, by their places.
    Out(BTreeMap<usize, Problem>),
    /// Somebody else has pushed, or what is checked out had to catch up: the plan has to be made again.
    Overtaken,
}

impl<'r> Session<'r> {
    /// Looks at all that a commit and a push need. `Err` is always a [`Problem`].
    pub(super) fn open(request: &'r Request, root: &Path) -> anyhow::Result<Self> {
        disk::probe_open(OPEN_FILES + OPEN_FILES_OF_A_THREAD * threads::most())
            .map_err(|error| runtime::unstarted("cannot commit", error))?;
        let mut repository = Repository::open(root).map_err(|error| refused(&error))?;
        let head = repository.head().map_err(|error| refused(&error))?;
        let identity = Identity::of(&repository, request.author.as_ref()).map_err(|error| refused(&error))?;
        let transport = aim::transport(request, repository.root()).map_err(|problem| *problem)?;
        let aim = aim::aim(request, &mut repository, &head, transport.as_ref()).map_err(|problem| *problem)?;
        Ok(Self { request, repository, head, identity, transport, aim })
    }

    /// Looks at the remote once more, and at what is checked out.
    pub(super) fn look_again(&mut self) -> anyhow::Result<()> {
        self.head = self.repository.head().map_err(|error| refused(&error))?;
        self.aim =
            aim::aim(self.request, &mut self.repository, &self.head, self.transport.as_ref()).map_err(|problem| *problem)?;
        Ok(())
    }

    /// What the commit is planned on, where that is not the working tree.
    ///
    /// What a partial clone left out of that is fetched first.
    pub(super) fn survey(&self, request: scan::Request<'_>, lock: &Path) -> anyhow::Result<Option<Survey>> {
        if self.aim.content == Content::WorkingTree {
            return Ok(None);
        }
        let named = |path: &Path| request.paths.iter().any(|named| request.current.join(named).ends_with(path));
        let mut listed = self.repository.files(self.aim.base).map_err(|error| refused(&error))?;
        let mut paths: Vec<PathBuf> = Vec::with_capacity(listed.len());
        let mut fault = None;
        listed.retain(|file| {
            let ignored = !named(&file.path)
                && self.repository.is_ignored(&file.path).unwrap_or_else(|error| {
                    fault = Some(error);
                    false
                });
            if !ignored {
                paths.push(file.path.clone());
            }
            !ignored
        });
        if let Some(error) = fault {
            return Err(refused(&error).into());
        }
        let request = scan::Request { root: self.repository.root(), ..request };
        let lock = listed.iter().filter(|file| request.current.join(lock).ends_with(&file.path));
        let read = |chosen: &[usize]| -> Result<Vec<Vec<u8>>, Box<Problem>> {
            let files: Vec<&Listed> = chosen.iter().map(|index| &listed[*index]).collect();
            self.bring_contents(files.iter().copied().chain(lock.clone()))?;
            let contents = files.into_iter().map(|file| self.repository.read(file));
            contents.collect::<Result<_, _>>().map_err(|error| Box::new(refused(&error)))
        };
        let survey = survey::survey_commit(request, &paths, read).map_err(|error| files::wrong_paths(&error))?;
        Ok(Some(survey.map_err(|problem| *problem)?))
    }

    /// Fetches the contents that a partial clone has left at its remote, all at once.
    fn bring_contents<'f>(&self, files: impl Iterator<Item = &'f Listed>) -> Result<(), Box<Problem>> {
        let failed = |error: &GitError| Box::new(refused(error));
        let Some(remote) = self.repository.promisor().map_err(|error| failed(&error))? else { return Ok(()) };
        let absent = self.repository.absent(files).map_err(|error| failed(&error))?;
        if absent.is_empty() {
            return Ok(());
        }
        let fetched = match &self.transport {
            Some(transport) if transport.remote() == remote => transport.fetch_contents(&absent),
            _ => {
                // The token is meant for the remote that is pushed to, and for no other host.
                let mut environment = self.request.environment.clone();
                environment.retain(|name, _| name != "IMAGO_GIT_TOKEN" && name != "IMAGO_GIT_USERNAME");
                Transport::open(self.repository.root(), &remote, &environment)
                    .and_then(|transport| transport.fetch_contents(&absent))
            }
        };
        fetched.map_err(|error| {
            let what = format!("cannot fetch from `{remote}` what this partial clone left there; nothing was changed");
            Box::new(Problem {
                code: error.code(),
                what,
                place: Place::default(),
                cause: error.to_string(),
                hint: error.hint().map(str::to_owned),
            })
        })
    }

    /// Commits, pushes and writes what may be. `Err`: nothing was written, here or at the remote.
    pub(super) fn carry_out(&self, request: &files::Request, round: &Round, report: &mut Report) -> anyhow::Result<Carried> {
        // From here on a signal waits: what was pushed shall be here too, and what was committed in the files.
        let _held = interrupt::hold();
        let remote = self.transport.as_ref().map(|transport| transport.remote().to_owned());
        let mut committed = Committed { branch: self.aim.branch.clone(), remote, ..Committed::default() };
        let stage = self.stage(request, round, report).map_err(|error| refused(&error))?;
        if request.dry_run {
            report.git = Some(committed);
            return Ok(Carried::Out(stage.failures));
        }
        end_if_asked()?;
        let pushed = match self.aim.way {
            Way::Here => self.commit_here(request, round, &stage, &mut committed)?,
            Way::Onward { checked_out, waiting } => {
                self.push_onward(request, round, &stage, &mut committed, checked_out, waiting)?
            }
            Way::Replace(tip) => self.replace(request, round, &stage, &mut committed, tip)?,
        };
        if pushed == Pushed::Moved {
            end_if_asked()?;
            return Ok(Carried::Overtaken);
        }
        report.git = Some(committed);
        let Stage { mut failures, drafts, lock, .. } = stage;
        if let Some(drafts) = drafts {
            failures.extend(drafts.put().map_err(|problem| *problem)?);
        }
        if let Some(lock) = lock {
            let path = lock.path().to_owned();
            if let Err(error) = lock.put() {
                report.problems.push(files::unwritten_lock(&path, &error));
            }
        }
        Ok(Carried::Out(failures))
    }

    fn commit_here(
        &self,
        request: &files::Request,
        round: &Round,
        stage: &Stage<'_>,
        committed: &mut Committed,
    ) -> anyhow::Result<Pushed> {
        if let Some(commit) = self.commit(request, round, stage)? {
            self.advance(commit, &stage.files)?;
            committed.commit = Some(commit.to_string());
        }
        Ok(Pushed::Done)
    }

    fn push_onward(
        &self,
        request: &files::Request,
        round: &Round,
        stage: &Stage<'_>,
        committed: &mut Committed,
        checked_out: bool,
        waiting: bool,
    ) -> anyhow::Result<Pushed> {
        let transport = self.transport.as_ref().expect("only a session with a remote aims at it");
        if checked_out && self.catch_up(transport)? {
            return Ok(Pushed::Moved);
        }
        let commit = self.commit(request, round, stage)?;
        let Some(new) = commit.or(waiting.then_some(self.aim.base)) else { return Ok(Pushed::Done) };
        let follows = checked_out && self.aim.content == Content::Commit;
        if follows {
            transport.can_follow(self.head.commit, new).map_err(|error| *not_pushed(transport, &error))?;
        }
        if checked_out {
            self.repository.refuse_locked_index().map_err(|error| refused(&error))?;
        }
        if self.push(new, Replace::Never)? == Pushed::Moved {
            return Ok(Pushed::Moved);
        }
        committed.pushed = true;
        committed.commit = commit.map(|commit| commit.to_string());
        if commit.is_some() && checked_out {
            let files = if follows { &[] } else { stage.files.as_slice() };
            let moved = if follows { transport.follow(self.head.commit, new).map_err(|error| error.to_string()) } else { Ok(()) };
            let moved = moved.and_then(|()| {
                self.repository.advance(&self.head, new, files, &self.identity).map_err(|error| error.to_string())
            });
            moved.map_err(|cause| {
                let what = format!("pushed {new} to `{}`, but the branch here did not follow", transport.remote());
                *not_followed(what, cause)
            })?;
        }
        Ok(Pushed::Done)
    }

    /// Brings the branch here to commits of ours that the remote has and that are not here, as a run leaves it that was killed between the
    /// two. Where one of them is somebody else's, it is for a person to pull. Whether anything moved: the files may then still be those of
    /// before, because an index that was killed on its way to the commit hides them from Git.
    fn catch_up(&self, transport: &Transport) -> anyhow::Result<bool> {
        let (from, to) = (self.head.commit, self.aim.base);
        let Some(name) = self.head.branch.as_ref().filter(|_| from != to) else { return Ok(false) };
        let is_ours = || -> Result<bool, GitError> {
            let beyond = self.repository.beyond(from, to)?;
            Ok(self.repository.follows(to, from)? && aim::first_foreign(&self.repository, &beyond, name)?.is_none())
        };
        let is_ours = is_ours().map_err(|error| refused(&error))?;
        if is_ours {
            self.repository.refuse_locked_index().map_err(|error| refused(&error))?;
            let moved = transport
                .follow(from, to)
                .map_err(|error| error.to_string())
                .and_then(|()| self.repository.advance(&self.head, to, &[], &self.identity).map_err(|error| error.to_string()));
            moved.map_err(|cause| {
                let remote = transport.remote();
                let what =
                    format!("nothing was pushed: the branch here did not follow {to}, which `{remote}` has from an earlier run");
                *not_followed(what, cause)
            })?;
        }
        Ok(is_ours)
    }

    fn replace(
        &self,
        request: &files::Request,
        round: &Round,
        stage: &Stage<'_>,
        committed: &mut Committed,
        tip: Option<CommitId>,
    ) -> anyhow::Result<Pushed> {
        if let Some(tip) = tip
            && !stage.files.is_empty()
            && self.repository.is_same(tip, self.aim.base, &stage.files).map_err(|error| refused(&error))?
        {
            committed.commit = Some(tip.to_string());
            return Ok(Pushed::Done);
        }
        let Some(commit) = self.commit(request, round, stage)? else { return Ok(Pushed::Done) };
        let name = self.aim.branch.as_deref().expect("a branch that is replaced has a name");
        if self.transport.is_some() {
            if self.push(commit, Replace::Exactly(tip))? == Pushed::Moved {
                return Ok(Pushed::Moved);
            }
            committed.pushed = true;
        } else {
            self.repository.put_branch(name, tip, commit, &self.identity).map_err(|error| refused(&error))?;
        }
        committed.commit = Some(commit.to_string());
        Ok(Pushed::Done)
    }

    fn commit(&self, request: &files::Request, round: &Round, stage: &Stage<'_>) -> anyhow::Result<Option<CommitId>> {
        let message = self.message(request.action, round, stage);
        Ok(self.repository.commit(self.aim.base, &stage.files, &message, &self.identity).map_err(|error| refused(&error))?)
    }

    fn advance(&self, to: CommitId, files: &[Staged]) -> anyhow::Result<()> {
        Ok(self.repository.advance(&self.head, to, files, &self.identity).map_err(|error| refused(&error))?)
    }

    fn push(&self, commit: CommitId, replace: Replace) -> anyhow::Result<Pushed> {
        let (Some(transport), Some(push), Some(branch)) = (&self.transport, &self.request.push, &self.aim.branch) else {
            unreachable!("only a session with a remote and a branch pushes")
        };
        Ok(transport.push(commit, branch, replace, &push.options).map_err(|error| *not_pushed(transport, &error))?)
    }

    fn message(&self, action: Action, round: &Round, stage: &Stage<'_>) -> String {
        let taken = round.due().filter(|(index, _, _)| !stage.failures.contains_key(index));
        let workloads = taken.flat_map(|(index, _, _)| &round.edited[index].workloads);
        let changes =
            Changes { action, workloads: workloads.filter(|workload| workload.changed).collect(), files: stage.files.len() };
        let signer = self.identity.committer();
        let branch = self.aim.branch.as_deref().unwrap_or("HEAD");
        let mut trailers = vec![(TRAILER, branch)];
        if self.request.signoff {
            trailers.push(("Signed-off-by", &signer));
        }
        self.request.message.fill(&changes, &trailers)
    }
}

/// Ends the run where a signal asked for it and nothing has moved yet.
fn end_if_asked() -> anyhow::Result<()> {
    let Some(signal) = interrupt::noted() else { return Ok(()) };
    let what = format!("ended by {signal}; nothing was changed");
    Err(Problem { code: "interrupted", what, place: Place::default(), cause: String::new(), hint: None }.into())
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

/// The remote's refusal, as what ends the run: this repository is as it was.
fn not_pushed(transport: &Transport, error: &TransportError) -> Box<Problem> {
    Box::new(Problem {
        code: error.code(),
        what: format!("cannot push to `{}`; nothing was changed here", transport.remote()),
        place: Place::default(),
        cause: error.to_string(),
        hint: error.hint().map(str::to_owned),
    })
}

/// The remote has a commit, and something here was in the way.
fn not_followed(what: String, cause: String) -> Box<Problem> {
    fault("git-not-followed", what, cause, "run `git status`, then `git pull --ff-only`")
}

fn fault(code: &'static str, what: String, cause: String, hint: &str) -> Box<Problem> {
    Box::new(Problem { code, what, place: Place::default(), cause, hint: Some(hint.to_owned()) })
}

/// Somebody else has pushed again and again.
pub(super) fn overtaken() -> Problem {
    *fault(
        "git-overtaken",
        "cannot push; nothing was changed".to_owned(),
        "others kept pushing to the branch while the change was made".to_owned(),
        "run again when it is quieter",
    )
}
