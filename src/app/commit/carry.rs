//! From the plan to the branch: the commit, the push, and then what this repository and its files follow.

use super::aim::{Aim, Content, Follower, Strategy};
use super::owner;
use super::stage::{Due, Stage};
use super::{
    Again, CHANGE_TRAILER, PushOutcome, Session, TRAILER, fault, fetch_contents, identity,
    not_pushed, refused,
};
use crate::app::message::Changes;
use crate::app::pass::Pass;
use crate::app::report::{Committed, Place, Problem, Report};
use crate::app::request::FilesRequest;
use crate::app::source::lock_problem;
use crate::engine::code::Code;
use crate::io::git::GitError;
use crate::io::git::change::{Made, Staged};
use crate::io::git::identity::Identity;
use crate::io::git::repository::CommitId;
use crate::io::git::transport::{Pushed, Replace, Transport, TransportError};
use crate::io::interrupt;

impl Session {
    /// Commits, pushes and writes what may be. `Err`: nothing was written, here or at the remote.
    pub(in crate::app) fn carry_out(
        &self,
        request: &FilesRequest,
        pass: &Pass,
        report: &mut Report,
    ) -> anyhow::Result<PushOutcome> {
        if self.proposer.is_some() {
            return self.carry_out_requests(request, pass, report);
        }
        // From here on a signal waits: what was pushed shall be here too, and what was committed in the files.
        let _held = interrupt::hold();
        let remote = self
            .transport
            .as_ref()
            .map(|transport| transport.remote().to_owned());
        let mut committed = Committed {
            branch: self.aim.branch.clone(),
            remote,
            ..Committed::default()
        };
        let carrier = Carrier {
            session: self,
            identity: identity(&self.request, &self.repository)?,
        };
        let stage = self
            .stage(
                request,
                pass,
                report,
                &pass.due().map(Due::from).collect::<Vec<_>>(),
            )
            .map_err(|error| refused(&error))?;
        if request.dry_run {
            carrier.rehearse(pass, &stage, &mut committed)?;
            self.note(committed, report);
            return Ok(PushOutcome::Out(stage.failures));
        }
        end_if_asked()?;
        let pushed = match &self.aim.strategy {
            Strategy::Here => Some(carrier.commit_here(request, pass, &stage, &mut committed)?),
            Strategy::Onward {
                follower,
                waiting,
                tips,
            } => carrier.push_onward(
                request,
                pass,
                &stage,
                &mut committed,
                (*follower, *waiting, tips),
            )?,
            Strategy::Replace(tips) => {
                Some(carrier.replace(request, pass, &stage, &mut committed, tips)?)
            }
        };
        let Some(pushed) = pushed else {
            end_if_asked()?;
            return Ok(PushOutcome::Again(Again::CaughtUp));
        };
        if pushed == Pushed::Moved {
            end_if_asked()?;
            return Ok(PushOutcome::Again(Again::Overtaken));
        }
        let is_committed = committed.commit.is_some();
        self.note(committed, report);
        let Stage {
            mut failures,
            drafts,
            lock,
            ..
        } = stage;
        if let Some(drafts) = drafts {
            for (index, problem) in drafts.put().map_err(|problem| *problem)? {
                match failures.contains_key(&index) || !is_committed {
                    true => drop(failures.insert(index, problem)),
                    // A hook has edited it, or it has no room.
                    false => report.problems.push(Problem {
                        what: format!("{}; the commit has its change", problem.what),
                        ..problem
                    }),
                }
            }
        }
        if let Some(lock) = lock {
            let path = lock.path().to_owned();
            if let Err(error) = lock.put() {
                report.problems.push(lock_problem("write", &path, &error));
            }
        }
        Ok(PushOutcome::Out(failures))
    }

    /// What became of the run, or would, and what a person should know of it.
    fn note(&self, committed: Committed, report: &mut Report) {
        let stale = committed.stale.then(|| stale(&committed));
        let behind = report.dry_run.then(|| behind(&committed)).flatten();
        report.warnings.extend(stale.into_iter().chain(behind));
        report.warnings.extend(self.aim.warning.clone());
        report.git = Some(committed);
    }
}

/// Carries a session's plan out, as somebody.
pub(super) struct Carrier<'s> {
    pub(super) session: &'s Session,
    pub(super) identity: Identity,
}

impl Carrier<'_> {
    fn commit_here(
        &self,
        request: &FilesRequest,
        pass: &Pass,
        stage: &Stage<'_>,
        committed: &mut Committed,
    ) -> anyhow::Result<Pushed> {
        let Some(commit) = self.commit_of(request, pass, stage)? else {
            return Ok(Pushed::Done);
        };
        let Session {
            repository, head, ..
        } = self.session;
        // A bare repository has no index, and others push to it.
        let files = match repository.is_bare() {
            true => &[],
            false => &*stage.files,
        };
        match repository.advance(head, commit, files, &self.identity) {
            Err(GitError::Moved) if repository.is_bare() => return Ok(Pushed::Moved),
            advanced => advanced.map_err(|error| refused(&error))?,
        }
        committed.commit = Some(commit.to_string());
        Ok(Pushed::Done)
    }

    /// `None`: what is checked out had to catch up first.
    fn push_onward(
        &self,
        request: &FilesRequest,
        pass: &Pass,
        stage: &Stage<'_>,
        committed: &mut Committed,
        (follower, waiting, tips): (Follower, bool, &[Option<CommitId>]),
    ) -> anyhow::Result<Option<Pushed>> {
        let transport = self
            .session
            .transport
            .as_ref()
            .expect("only a session with a remote aims at it");
        let checked_out = follower == Follower::WorkingTree;
        if checked_out && self.catch_up(transport)? {
            return Ok(None);
        }
        let commit = self.commit_of(request, pass, stage)?;
        let new = commit.unwrap_or(self.session.aim.base);
        // The report is about what the remote has, so the files here become that also where nothing has to be pushed.
        let follows = checked_out && self.session.aim.content == Content::Commit;
        if follows {
            self.make_way(transport, self.session.head.commit, new)?
                .map_err(|error| *not_pushed(transport, &error))?;
        }
        let branch_follows = follower == Follower::Branch && new != self.session.head.commit;
        if commit.is_none() && !waiting && !follows && !branch_follows {
            return Ok(Some(Pushed::Done));
        }
        if checked_out {
            self.session
                .repository
                .refuse_locked_index()
                .map_err(|error| refused(&error))?;
        }
        if commit.is_some() || waiting {
            if self.push(self.session.branch(), new, tips, |_| Replace::Never)? == Pushed::Moved {
                return Ok(Some(Pushed::Moved));
            }
            committed.pushed = true;
            committed.commit = Some(new.to_string());
            committed.waited = commit.is_none();
        }
        let noted = self.session.repository.note_pushed(transport.remote(), new);
        noted.map_err(|error| self.not_followed_to(new, transport, error.to_string()))?;
        if follows || commit.is_some() && checked_out {
            let files = if follows { &[] } else { stage.files.as_slice() };
            let moved = if follows {
                transport
                    .follow(self.session.head.commit, new)
                    .map_err(|error| error.to_string())
            } else {
                Ok(())
            };
            let moved = moved.and_then(|()| {
                self.session
                    .repository
                    .advance(&self.session.head, new, files, &self.identity)
                    .map_err(|error| error.to_string())
            });
            moved.map_err(|cause| self.not_followed_to(new, transport, cause))?;
            committed.followed = follows.then(|| new.to_string());
        }
        if branch_follows {
            let Session {
                repository,
                head,
                aim,
                ..
            } = self.session;
            let name = head.branch.as_deref().unwrap_or_default();
            let moved = repository.put_branch(name, Some(head.commit), new, &self.identity);
            moved.map_err(|error| self.not_followed_to(new, transport, error.to_string()))?;
            committed.followed = (aim.base != head.commit).then(|| new.to_string());
        }
        Ok(Some(Pushed::Done))
    }

    /// Brings the branch here to commits of ours that the remote has and that are not here, as a run leaves it that was killed between the
    /// two. Where one of them is somebody else's, it is for a person to pull. Whether anything moved: the files may then still be those of
    /// before, because an index that was killed on its way to the commit hides them from Git.
    fn catch_up(&self, transport: &Transport) -> anyhow::Result<bool> {
        let (from, to) = (self.session.head.commit, self.session.aim.base);
        let Some(name) = self.session.head.branch.as_ref().filter(|_| from != to) else {
            return Ok(false);
        };
        let is_ours = || -> Result<bool, GitError> {
            let beyond = self.session.repository.beyond(&[from], to)?;
            Ok(self.session.repository.follows(to, from)?
                && owner::first_foreign(&self.session.repository, &beyond, name)?.is_none())
        };
        let is_ours = is_ours().map_err(|error| refused(&error))?;
        if is_ours {
            self.session
                .repository
                .refuse_locked_index()
                .map_err(|error| refused(&error))?;
            let moved = self
                .make_way(transport, from, to)?
                .and_then(|()| transport.follow(from, to))
                .map_err(|error| error.to_string())
                .and_then(|()| {
                    let repository = &self.session.repository;
                    let noted = repository.note_pushed(transport.remote(), to);
                    noted.map_err(|error| error.to_string())?;
                    repository
                        .advance(&self.session.head, to, &[], &self.identity)
                        .map_err(|error| error.to_string())
                });
            moved.map_err(|cause| {
                let remote = transport.remote();
                let what =
                    format!("nothing was pushed: the branch here did not follow {to}, which `{remote}` has from an earlier run");
                *not_followed(what, cause)
            })?;
        }
        Ok(is_ours)
    }

    /// Whether the working tree can follow from one commit to another without loss.
    fn make_way(
        &self,
        transport: &Transport,
        from: CommitId,
        to: CommitId,
    ) -> anyhow::Result<Result<(), TransportError>> {
        self.bring_what_follows(transport, from, to)?;
        if let Err(error) = transport.can_follow(from, to) {
            return Ok(Err(error));
        }
        let untracked = self.session.repository.untracked_in_the_way(from, to);
        let untracked = untracked.map_err(|error| refused(&error))?;
        Ok(untracked.map_or(Ok(()), |path| {
            let said = format!("`{}` is not tracked here", path.display());
            Err(TransportError::InTheWay(said))
        }))
    }

    /// Fetches what a partial clone lacks of the files that follow. Git does so by itself, but with the address as it stands.
    fn bring_what_follows(
        &self,
        transport: &Transport,
        from: CommitId,
        to: CommitId,
    ) -> anyhow::Result<()> {
        if !transport.has_account() {
            return Ok(());
        }
        let absent = self
            .session
            .repository
            .absent_between(from, to)
            .map_err(|error| refused(&error))?;
        fetch_contents(
            &self.session.request.environment,
            &self.session.repository,
            Some(transport),
            &absent,
        )
        .map_err(|problem| *problem)?;
        Ok(())
    }

    fn replace(
        &self,
        request: &FilesRequest,
        pass: &Pass,
        stage: &Stage<'_>,
        committed: &mut Committed,
        tips: &[Option<CommitId>],
    ) -> anyhow::Result<Pushed> {
        let made = self.made_already(stage, tips)?;
        if let Some(tip) = made
            && tips.iter().all(|other| *other == made)
        {
            committed.commit = Some(tip.to_string());
            committed.already = true;
            return Ok(Pushed::Done);
        }
        let made =
            made.map_or_else(|| self.commit_of(request, pass, stage), |tip| Ok(Some(tip)))?;
        let Some(commit) = made else {
            committed.stale = self.is_stale(pass, stage, tips)?;
            return Ok(Pushed::Done);
        };
        let name = self
            .session
            .aim
            .branch
            .as_deref()
            .expect("a branch that is replaced has a name");
        if self.session.transport.is_some() {
            if self.push(name, commit, tips, Replace::Exactly)? == Pushed::Moved {
                return Ok(Pushed::Moved);
            }
            committed.pushed = true;
        } else {
            let tip = tips.first().copied().flatten();
            self.session
                .repository
                .put_branch(name, tip, commit, &self.identity)
                .map_err(|error| refused(&error))?;
        }
        committed.commit = Some(commit.to_string());
        Ok(Pushed::Done)
    }

    /// The tip that is what this run would commit.
    fn made_already(
        &self,
        stage: &Stage<'_>,
        tips: &[Option<CommitId>],
    ) -> anyhow::Result<Option<CommitId>> {
        let Session {
            repository, aim, ..
        } = self.session;
        for tip in tips.iter().flatten() {
            let is_same = repository.is_same(*tip, aim.base, &stage.files);
            if !stage.files.is_empty() && is_same.map_err(|error| refused(&error))? {
                return Ok(Some(*tip));
            }
        }
        Ok(None)
    }

    /// Whether a branch of ours has commits of an earlier run, where this run has nothing to commit.
    fn is_stale(
        &self,
        pass: &Pass,
        stage: &Stage<'_>,
        tips: &[Option<CommitId>],
    ) -> anyhow::Result<bool> {
        let mut is_left = false;
        for tip in tips.iter().flatten() {
            let is_merged = self.session.repository.follows(self.session.aim.base, *tip);
            is_left |= !is_merged.map_err(|error| refused(&error))?;
        }
        Ok(is_left && stage.failures.is_empty() && !pass.has_problems())
    }

    /// Notes what the run would do beside a commit, and fails where files are in the way of it. Nothing moves.
    fn rehearse(
        &self,
        pass: &Pass,
        stage: &Stage<'_>,
        committed: &mut Committed,
    ) -> anyhow::Result<()> {
        let Session { head, aim, .. } = self.session;
        match (&aim.strategy, &self.session.transport) {
            (
                Strategy::Onward {
                    follower, waiting, ..
                },
                Some(transport),
            ) => {
                committed.waited = *waiting && stage.files.is_empty();
                if *follower == Follower::Nothing || aim.base == head.commit {
                    return Ok(());
                }
                if *follower == Follower::WorkingTree {
                    self.make_way(transport, head.commit, aim.base)?
                        .map_err(|error| *not_pushed(transport, &error))?;
                }
                committed.followed = Some(aim.base.to_string());
            }
            (Strategy::Replace(tips), _) => {
                let made = self.made_already(stage, tips)?;
                committed.already = made.is_some() && tips.iter().all(|tip| *tip == made);
                committed.commit = made
                    .filter(|_| committed.already)
                    .map(|tip| tip.to_string());
                committed.stale = stage.files.is_empty() && self.is_stale(pass, stage, tips)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn commit_of(
        &self,
        request: &FilesRequest,
        pass: &Pass,
        stage: &Stage<'_>,
    ) -> anyhow::Result<Option<CommitId>> {
        let taken = stage.paths.iter().flat_map(|(index, path)| {
            let objects = pass.edited[*index]
                .objects
                .iter()
                .filter(|object| object.changed);
            objects.map(move |object| (path.as_str(), &**object))
        });
        let changes = Changes {
            action: request.action,
            objects: taken.collect(),
            files: stage.files.len(),
        };
        let branch = self.session.aim.branch.as_deref().unwrap_or("HEAD");
        let message = self.message(&changes, &stage.files, branch, &[]);
        self.commit(&stage.files, &message)
    }

    /// Makes a commit of these files on the base. `None`: they change nothing.
    pub(super) fn commit(
        &self,
        files: &[Staged],
        message: &str,
    ) -> anyhow::Result<Option<CommitId>> {
        let base = self.session.aim.base;
        let commit = self
            .session
            .repository
            .commit(base, files, message, &self.identity);
        Ok(commit.map_err(|error| refused(&error))?)
    }

    fn not_followed_to(&self, to: CommitId, transport: &Transport, cause: String) -> Problem {
        let remote = transport.remote();
        let problem = *not_followed(
            format!("`{remote}` has {to}, but the branch here did not follow"),
            cause,
        );
        match (&self.session.head.branch, self.session.repository.is_bare()) {
            (Some(name), true) => Problem {
                hint: Some(format!("run `git fetch {remote} {name}:{name}`")),
                ..problem
            },
            _ => problem,
        }
    }

    /// Pushes to each place that does not have the commit. One that fails keeps it from no other.
    pub(super) fn push(
        &self,
        branch: &str,
        commit: CommitId,
        tips: &[Option<CommitId>],
        replace: fn(Option<CommitId>) -> Replace,
    ) -> anyhow::Result<Pushed> {
        let (Some(transport), Some(push)) = (&self.session.transport, &self.session.request.push)
        else {
            unreachable!("only a session with a remote pushes")
        };
        let outcomes: Vec<_> = tips
            .iter()
            .enumerate()
            .filter(|(_, tip)| **tip != Some(commit))
            .map(|(place, tip)| transport.push(place, commit, branch, replace(*tip), &push.options))
            .collect();
        let mut pushed = Pushed::Done;
        let has_it = |outcome: &&Result<_, _>| matches!(outcome, Ok(Pushed::Done));
        let missed = outcomes.len() - outcomes.iter().filter(has_it).count();
        let have = tips.len() - missed;
        for outcome in outcomes {
            let outcome = outcome.map_err(|error| {
                let mut problem = *not_pushed(transport, &error);
                if have > 0 {
                    problem.what = format!(
                        "cannot push to all places of `{}`: {have} of {} has {commit}; nothing was changed here",
                        transport.remote(),
                        tips.len(),
                    );
                }
                problem
            });
            if outcome? == Pushed::Moved {
                pushed = Pushed::Moved;
            }
        }
        Ok(pushed)
    }

    /// The message of a commit, with `more` among its trailers.
    pub(super) fn message(
        &self,
        changes: &Changes<'_>,
        files: &[Staged],
        branch: &str,
        more: &[(&str, String)],
    ) -> String {
        let signer = self.identity.committer();
        let Aim { base, strategy, .. } = &self.session.aim;
        let made = match strategy {
            // What it stands on is at the remote, and was made for no such branch. On this machine a person's commit may be there.
            Strategy::Replace(_) if self.session.transport.is_some() => base.made_apart(),
            // A default branch goes on here from where it is.
            Strategy::Replace(tips) if *tips != [Some(*base)] => Made::Apart,
            _ => Made::Onward,
        };
        let repository = &self.session.repository;
        let change = repository.change(made, files, &self.identity).to_string();
        let mut trailers = vec![(TRAILER, branch), (CHANGE_TRAILER, &change)];
        trailers.extend(more.iter().map(|(name, value)| (*name, value.as_str())));
        if self.session.request.signoff {
            trailers.push(("Signed-off-by", &signer));
        }
        self.session.request.message.fill(changes, &trailers)
    }
}

/// Ends the run where a signal asked for it and nothing has moved yet.
pub(super) fn end_if_asked() -> anyhow::Result<()> {
    let Some(signal) = interrupt::noted() else {
        return Ok(());
    };
    let what = format!("ended by {signal}; nothing was changed");
    Err(Problem {
        code: Code::Interrupted,
        what,
        place: Place::default(),
        cause: String::new(),
        hint: None,
    }
    .into())
}

/// A branch of ours that has commits of an earlier run, and for which this run has nothing.
fn stale(committed: &Committed) -> String {
    let branch = committed.branch.as_deref().unwrap_or_default();
    match &committed.remote {
        Some(remote) => {
            format!(
                "the branch `{branch}` at `{remote}` is stale: nothing is left to change; close its request and delete it"
            )
        }
        None => format!("the branch `{branch}` is stale: nothing is left to change; delete it"),
    }
}

/// A rehearsal is about what the remote has, and that is not what is checked out.
fn behind(committed: &Committed) -> Option<String> {
    let (branch, remote) = (committed.branch.as_ref()?, committed.remote.as_ref()?);
    let commit = committed.followed.as_ref()?;
    Some(format!(
        "`{branch}` here is behind `{remote}`: the report is about the commit {commit} there, which a run without `--dry-run` brings here"
    ))
}

/// The remote has a commit, and something here was in the way.
fn not_followed(what: String, cause: String) -> Box<Problem> {
    fault(
        Code::GitNotFollowed,
        what,
        cause,
        "run `git status`, then `git pull --ff-only`",
    )
}
