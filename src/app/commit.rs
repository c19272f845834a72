//! Committing: the order of steps from the plan to the branch.
//!
//! Everything that can fail is tried before anything is written. Then the commit is made of objects, and pushed; only what the remote has
//! taken moves this repository: index and branch first, and the files follow. A push that fails leaves everything as it was. A run that
//! is killed on the way leaves files as they were before: the next one brings the branch to what was pushed, finds that the files differ from
//! the commit by what it would change anyway, and goes on.

mod aim;
mod carry;
mod content;
mod owner;
mod requests;
mod stage;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use self::aim::{Aim, Content};
pub(super) use self::content::Committed;
use super::proposer::{self, Proposal, Proposer, Target};
use super::report::{Place, Problem};
use super::request::CommitRequest;
use super::threads::awaited;
use super::workspace::{Origin, Workspace, WorkspaceKind};
use crate::engine::code::Code;
use crate::io::files as disk;
use crate::io::git::GitError;
use crate::io::git::identity::Identity;
use crate::io::git::repository::{ContentId, Head, Repository};
use crate::io::git::transport::{Transport, TransportError};

/// The trailer that our commits bear, with the branch that they were made for.
const TRAILER: &str = "Imago-Branch";

/// The trailer that says what our commits change, so that one that was amended is told from one that was rebased.
const CHANGE_TRAILER: &str = "Imago-Change";

/// A look at a repository, or a `git` program, needs fewer open files than these. libgit2 that is refused one says something else, or
/// that there is no such object.
const OPEN_FILES: usize = 10;

/// A repository that can be committed to.
pub(super) struct Session {
    request: CommitRequest,
    repository: Repository,
    head: Head,
    transport: Option<Transport>,
    aim: Aim,
    /// Who opens requests, where any are wanted.
    proposer: Option<Arc<Proposer>>,
    /// The branches of the requests, once they were looked up.
    targets: Vec<Target>,
}

/// How far a session got.
pub(super) enum PushOutcome {
    /// To its end; the files that were not taken are problems, by their places.
    Out(BTreeMap<usize, Problem>),
    /// To the push of its branches. Their requests are next.
    Proposed {
        /// The files that were not taken are problems, by their places.
        failures: BTreeMap<usize, Problem>,
        /// The files that change, and are on no branch that was pushed.
        unpushed: Vec<usize>,
        /// What is to be done with the requests.
        proposals: Vec<Proposal>,
    },
    /// The plan has to be made again.
    Again(Again),
}

/// Why a plan has to be made again.
pub(super) enum Again {
    /// Somebody else has pushed.
    Overtaken,
    /// What is checked out had to catch up with what an earlier run has pushed: nobody was faster.
    CaughtUp,
}

impl Session {
    /// Looks at all that a commit and a push need. `Err` is always a [`Problem`].
    pub(super) fn open(request: &CommitRequest, at: &Workspace) -> anyhow::Result<Self> {
        disk::probe_open(OPEN_FILES)
            .map_err(|error| refused(&GitError::OpenFiles(error.to_string())))?;
        let opened = match (at.kind, at.origin()) {
            (WorkspaceKind::WorkingTree, _) => Repository::open(&at.root),
            (WorkspaceKind::Bare, None) => Repository::open_bare(&at.root),
            (WorkspaceKind::Bare, Some(_)) => Repository::open_own(&at.root),
        };
        let opened = match at.origin() {
            None => Repository::named(opened, &request.environment, &at.current),
            Some(_) => opened,
        };
        let mut repository = opened.map_err(|error| refused(&error))?;
        let head = repository.head().map_err(|error| refused(&error))?;
        let identity = identity(request, &repository)?;
        let mut request = request.clone();
        let mut transport =
            aim::transport(&request, repository.root()).map_err(|problem| *problem)?;
        let mut forge = None;
        if let (Some(propose), Some(remote)) = (&request.propose, &transport) {
            let address = remote.push_address();
            let found = proposer::connect(propose, address, |path| at.reach(path));
            let found = found.map_err(|problem| *problem)?;
            // A GitHub App pushes with its own token.
            if propose.app.is_some() {
                let environment = awaited(found.push_environment(address, &request.environment));
                request.environment = environment.map_err(|error| proposer::failed(&error))?;
                transport =
                    aim::transport(&request, repository.root()).map_err(|problem| *problem)?;
            }
            forge = Some(found);
        }
        let aim = aim::aim(
            &request,
            &mut repository,
            &head,
            &identity,
            transport.as_ref(),
        )
        .map_err(|problem| *problem)?;
        let proposer = match (&request.propose, forge, &aim.into) {
            (Some(propose), Some(forge), Some(into)) => {
                let folder = at.current.strip_prefix(&at.root).unwrap_or(Path::new(""));
                Some(Arc::new(Proposer::new(
                    forge,
                    propose,
                    into.clone(),
                    folder,
                )))
            }
            _ => None,
        };
        Ok(Self {
            request,
            repository,
            head,
            transport,
            aim,
            proposer,
            targets: Vec::new(),
        })
    }

    /// Looks at the remote once more, and at what is checked out.
    pub(super) fn look_again(mut self) -> anyhow::Result<Self> {
        self.head = self.repository.head().map_err(|error| refused(&error))?;
        let identity = identity(&self.request, &self.repository)?;
        let aim = aim::aim(
            &self.request,
            &mut self.repository,
            &self.head,
            &identity,
            self.transport.as_ref(),
        );
        self.aim = aim.map_err(|problem| *problem)?;
        Ok(self)
    }

    /// The branch that is committed to; empty on a detached HEAD.
    pub(super) fn branch(&self) -> &str {
        self.aim.branch.as_deref().unwrap_or_default()
    }

    /// Who opens requests, where any are wanted.
    pub(super) fn proposer(&self) -> Option<Arc<Proposer>> {
        self.proposer.clone()
    }

    /// What the commit is planned on, where that is not the working tree.
    pub(super) fn committed(&self) -> Option<Committed<'_>> {
        (self.aim.content == Content::Commit).then_some(Committed {
            repository: &self.repository,
            commit: self.aim.base,
            fetch: Some((&self.request.environment, self.transport.as_ref())),
        })
    }
}

/// A bare repository that is only looked at.
pub(super) struct BareHead {
    repository: Repository,
    head: Head,
    origin: Option<Origin>,
}

impl BareHead {
    /// Opens it. `Err` is always a [`Problem`].
    pub(super) fn open(at: &Workspace) -> anyhow::Result<Self> {
        let root = &at.root;
        let opened = match at.origin() {
            Some(_) => Repository::open_own(root),
            None => Repository::open_bare(root),
        };
        let opened = opened.and_then(|repository| Ok((repository.head()?, repository)));
        let (head, repository) = opened.map_err(|error| Problem {
            what: format!("cannot read the files of `{}`", root.display()),
            ..refused(&error)
        })?;
        Ok(Self {
            repository,
            head,
            origin: at.origin().cloned(),
        })
    }

    /// The commit that HEAD names.
    pub(super) fn committed(&self) -> Committed<'_> {
        Committed {
            repository: &self.repository,
            commit: self.head.commit,
            fetch: (self.origin.as_ref()).map(|origin| (&*origin.environment, None)),
        }
    }
}

/// Who commits. libgit2's own form of that stays on the thread that asks for it.
fn identity(request: &CommitRequest, repository: &Repository) -> anyhow::Result<Identity> {
    let identity = repository.identity(request.author.as_ref(), &request.environment);
    Ok(identity.map_err(|error| refused(&error))?)
}

/// Fetches contents that a partial clone has left at its remote, all at once. Other clones have all that they need.
fn fetch_contents(
    environment: &BTreeMap<OsString, OsString>,
    repository: &Repository,
    transport: Option<&Transport>,
    absent: &BTreeSet<ContentId>,
) -> Result<(), Box<Problem>> {
    if absent.is_empty() {
        return Ok(());
    }
    let Some(remote) = repository
        .promisor()
        .map_err(|error| Box::new(refused(&error)))?
    else {
        return Ok(());
    };
    let fetched = match transport {
        Some(transport) if transport.remote() == remote => transport.fetch_contents(absent),
        _ => {
            // The token is meant for the remote that is pushed to, and for no other host.
            let mut environment = environment.clone();
            if !repository.is_own() {
                environment
                    .retain(|name, _| name != "IMAGO_GIT_TOKEN" && name != "IMAGO_GIT_USERNAME");
            }
            Transport::open(repository.root(), &remote, &environment)
                .and_then(|transport| transport.fetch_contents(absent))
        }
    };
    fetched.map_err(|error| {
        let what = format!(
            "cannot fetch from `{remote}` what this partial clone left there; nothing was changed"
        );
        Box::new(Problem {
            code: error.code(),
            what,
            place: Place::default(),
            cause: error.to_string(),
            hint: error.hint().map(str::to_owned),
        })
    })
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
        what: format!(
            "cannot push to `{}`; nothing was changed here",
            transport.remote()
        ),
        place: Place::default(),
        cause: error.to_string(),
        hint: error.hint().map(str::to_owned),
    })
}

fn fault(code: Code, what: String, cause: String, hint: &str) -> Box<Problem> {
    Box::new(Problem {
        code,
        what,
        place: Place::default(),
        cause,
        hint: Some(hint.to_owned()),
    })
}

/// Somebody else has pushed again and again: to the remote, or to the bare repository that is committed to.
pub(super) fn overtaken(request: &CommitRequest) -> Problem {
    let act = if request.push.is_some() {
        "push"
    } else {
        "commit"
    };
    *fault(
        Code::GitOvertaken,
        format!("cannot {act}"),
        "others kept pushing to the branch while the change was made".to_owned(),
        "run again when it is quieter",
    )
}
