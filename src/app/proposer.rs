//! The requests of a run at the forge: what is known of each, and how one is made, changed and closed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::report::{Action, Place, Problem, Proposed, ProposedState, Report, Skipped};
use super::request::ProposeRequest;
use crate::engine::code::Code;
use crate::engine::propose::{Act, GroupBy, Marker, Merge, Scope, marker, with_section};
use crate::engine::steering::steers;
use crate::io::forge::{
    Created, Draft, Forge, ForgeError, GitHubApp, LocateError, Request, locate,
};
use crate::io::git::repository::CommitId;

/// The comment on a request whose branch has a person's commits, for programs.
const PAUSED: &str = "<!-- imago:paused -->";

/// The same for people.
const PAUSED_TEXT: &str = "This branch has commits that are not imago's, so imago no longer changes it. Merge or close this request and delete the branch, or remove those commits, and imago goes on.";

/// A space without a width: a name behind it is not resolved.
const NOTHING: char = '\u{200b}';

/// The comment on a request that is closed, for programs.
const CLOSED: &str = "<!-- imago:nothing-left -->";

/// The same for people.
const CLOSED_TEXT: &str =
    "Nothing is left to change: the base has all of it. imago closes this request.";

/// Opens, changes and closes the requests of a run.
pub(super) struct Proposer {
    forge: Forge,
    request: ProposeRequest,
    /// The branch that requests go into.
    base: String,
    scope: Scope,
}

/// A branch that may be proposed, and what the forge has for it.
#[derive(Clone)]
pub(super) struct Target {
    /// The branch.
    pub(super) branch: String,
    /// The folder or the image that it is for, where the run is split.
    pub(super) group: Option<String>,
    /// Its open request.
    pub(super) open: Option<Request>,
    /// Its requests that a person has closed, as far as they were looked up.
    pub(super) closed: Vec<Request>,
    /// Its open request into another base.
    pub(super) elsewhere: Option<Request>,
    /// Whether the forge could be asked.
    pub(super) is_known: bool,
    /// Whether closed requests were not looked up, because enough requests are open.
    pub(super) is_over_limit: bool,
    /// Why nothing can be done with the branch.
    pub(super) unusable: Option<Box<Problem>>,
    /// Where the branch is at each place that is pushed to.
    pub(super) tips: Vec<Option<CommitId>>,
    /// Why it is not replaced, where it has a person's commits.
    pub(super) foreign: Option<Box<Problem>>,
}

/// What was done with a branch, and what is to be done with its request.
pub(super) struct Proposal {
    /// The branch and its request.
    pub(super) target: Target,
    /// What is to be done.
    pub(super) act: Act,
    /// The marker of the request's text.
    pub(super) marker: Option<Marker>,
    /// The commit that the branch is on, where it is ours.
    pub(super) commit: Option<String>,
    /// What the request proposes, where that is not the whole report.
    pub(super) part: Option<Report>,
    /// The files that it is about, as named to the user, where that is not all of them.
    pub(super) files: BTreeSet<String>,
    /// Whether the run has problems, so that a request may lack something.
    pub(super) is_troubled: bool,
    /// Whether it was not opened because enough requests are open.
    pub(super) is_over_limit: bool,
    /// Why nothing was done with the branch.
    pub(super) refused: Option<Problem>,
}

impl Proposal {
    /// Takes over what is held back or went wrong in its part of the run.
    pub(super) fn take_notes(&mut self, report: &Report) {
        let Some(part) = &mut self.part else { return };
        let is_of_part = |place: &Place| match &place.file {
            Some(file) => self.files.contains(file),
            None => true,
        };
        let problems = report.problems.iter();
        let skipped = report.skipped.iter();
        part.problems = problems
            .filter(|it| is_of_part(&it.place))
            .cloned()
            .collect();
        part.skipped = skipped
            .filter(|it| is_of_part(&it.place))
            .cloned()
            .collect();
    }
}

impl Proposer {
    /// Requests at this forge, into this branch. `folder` is the one of the repository that the paths of the run begin in.
    pub(super) fn new(forge: Forge, request: &ProposeRequest, base: String, folder: &Path) -> Self {
        let folder = folder.display().to_string();
        Self {
            forge,
            scope: Scope::of([&request.scope[..], &[folder]].concat()),
            request: request.clone(),
            base,
        }
    }

    /// The scope of the run.
    pub(super) fn scope(&self) -> Scope {
        self.scope
    }

    /// How the changes are split.
    pub(super) fn group_by(&self) -> Option<GroupBy> {
        self.request.group_by
    }

    /// How many requests of groups are open at once.
    pub(super) fn limit(&self) -> usize {
        match self.request.group_by {
            Some(_) => self.request.limit,
            None => usize::MAX,
        }
    }

    /// A request as the report has it, before anything is done with it.
    pub(super) fn reported(&self, proposal: &Proposal) -> Proposed {
        let target = &proposal.target;
        Proposed {
            branch: target.branch.clone(),
            base: self.base.clone(),
            group: target.group.clone(),
            noun: self.forge.location().kind.noun(),
            state: match proposal.is_over_limit {
                true => ProposedState::OverLimit,
                false => Proposed::of(proposal.act),
            },
            reference: None,
            number: None,
            url: None,
            commit: proposal.commit.clone(),
        }
    }

    /// The branch that requests go into.
    pub(super) fn base(&self) -> &str {
        &self.base
    }

    /// What it means that a branch has an open request into another base.
    pub(super) fn proposed_elsewhere(&self, branch: &str, other: &Request) -> Problem {
        Problem {
            code: Code::OtherBase,
            what: format!("cannot propose `{branch}` into `{}`", self.base),
            place: Place::default(),
            cause: format!(
                "{} {} proposes it into `{}`",
                self.forge.location().kind.noun(),
                self.reference(other.number),
                other.base
            ),
            hint: Some("name another branch with `--branch`, or close that request".to_owned()),
        }
    }

    /// Whether an open request belongs to a group of this run.
    pub(super) fn is_of_scope(&self, request: &Request) -> bool {
        marker(&request.body)
            .is_some_and(|marker| marker.branch == request.head && marker.scope == self.scope)
    }

    /// The open requests from the run's branches.
    pub(super) async fn open_from(&self, branch: &str) -> Result<Vec<Request>, ForgeError> {
        match self.request.group_by {
            None => self.forge.open_from(branch).await,
            Some(_) => {
                let prefix = format!("{branch}-");
                self.forge.open_below(&prefix, &self.base).await
            }
        }
    }

    /// Looks up what a person has closed, for the branches without an open request.
    pub(super) async fn look_up_closed(&self, targets: &mut [Target]) -> Result<(), ForgeError> {
        let mut open = targets
            .iter()
            .filter(|target| target.open.is_some())
            .count();
        for target in targets.iter_mut().filter(|target| target.open.is_none()) {
            if open >= self.limit() {
                target.is_over_limit = true;
                continue;
            }
            let closed = self.forge.closed_requests(&target.branch, &self.base);
            target.closed = closed.await?;
            // One that nobody has refused is going to be opened.
            open += usize::from(target.closed.is_empty());
        }
        Ok(())
    }

    /// Brings one request to where it shall be.
    pub(super) async fn settle(
        &self,
        proposal: &Proposal,
        report: &Report,
    ) -> Result<Settled, ForgeError> {
        let target = &proposal.target;
        let told = proposal.part.as_ref().unwrap_or(report);
        let mut settled = Settled {
            request: target.open.clone(),
            done: Proposed::of(proposal.act),
            warnings: Vec::new(),
            problem: None,
        };
        let mut marker = proposal.marker.clone();
        if let (Some(marker), Some(request)) = (&mut marker, &target.open) {
            marker.merge = self::marker(&request.body).and_then(|it| it.merge);
            self.merge(request, proposal, told, marker, &mut settled)
                .await;
        }
        match (proposal.act, &target.open, &mut marker) {
            (Act::Create { .. }, _, Some(marker)) => {
                marker.merge = self.request.merges.then_some(Merge::Pending);
                let draft = Draft {
                    head: &target.branch,
                    base: &self.base,
                    title: &self.title(report.action, target.group.as_deref()),
                    body: &self.text("", marker, told, target.group.as_deref()),
                    labels: &self.request.labels,
                    reviewers: &self.request.reviewers,
                    assignees: &self.request.assignees,
                    is_draft: self.request.is_draft,
                };
                match self.forge.create(&draft).await? {
                    Created::Made { request, warnings } => {
                        settled.warnings = warnings;
                        self.merge(&request, proposal, told, marker, &mut settled)
                            .await;
                        if marker.merge == Some(Merge::Told) {
                            self.update(&request, marker, told, target).await?;
                        }
                        settled.request = Some(request);
                    }
                    Created::Exists(request) => {
                        settled.done = ProposedState::Updated;
                        let there = self::marker(&request.body);
                        if there.as_ref().map(|it| it.plan) != Some(marker.plan) {
                            marker.merge = there.and_then(|it| it.merge);
                            self.update(&request, marker, told, target).await?;
                        }
                        settled.request = Some(request);
                    }
                    Created::NothingBetween => settled.done = ProposedState::Nothing,
                }
            }
            (Act::Update { .. }, Some(request), Some(marker)) => {
                self.update(request, marker, told, target).await?;
            }
            (Act::Unchanged, Some(request), Some(marker))
                if self::marker(&request.body).as_ref() != Some(marker) =>
            {
                self.update(request, marker, told, target).await?;
            }
            (Act::Comment, Some(request), _) => {
                self.forge
                    .comment_once(request, PAUSED, PAUSED_TEXT)
                    .await?;
            }
            (Act::Close { .. }, Some(request), _) => {
                self.forge
                    .comment_once(request, CLOSED, CLOSED_TEXT)
                    .await?;
                // It is not a person who refuses this plan.
                let spent = Marker::spent(&target.branch, self.scope);
                let limit = self.forge.text_limit();
                let text = with_section(&request.body, &spent, limit, |_| CLOSED_TEXT.to_owned());
                self.forge.update(request, &request.title, &text).await?;
                self.forge.close(request).await?;
            }
            _ => {}
        }
        Ok(settled)
    }

    async fn update(
        &self,
        request: &Request,
        marker: &Marker,
        told: &Report,
        target: &Target,
    ) -> Result<(), ForgeError> {
        // A person may have changed it since it was looked up.
        let now = self.forge.open_requests(&request.head, &self.base).await?;
        let request = match &now {
            Some(now) if now.number == request.number => now,
            _ => request,
        };
        let text = self.text(&request.body, marker, told, target.group.as_deref());
        self.forge.update(request, &request.title, &text).await
    }

    /// Lets the forge merge a request that waits for it and has all of a plan. One that is held back in part is for a person.
    async fn merge(
        &self,
        request: &Request,
        proposal: &Proposal,
        told: &Report,
        marker: &mut Marker,
        settled: &mut Settled,
    ) {
        let is_act = matches!(
            proposal.act,
            Act::Create { .. } | Act::Update { .. } | Act::Unchanged
        );
        let is_wanted = self.request.merges && marker.merge == Some(Merge::Pending) && is_act;
        let Some(commit) = proposal.commit.as_ref().filter(|_| is_wanted) else {
            return;
        };
        if told.skipped.iter().any(Skipped::is_held) || proposal.is_troubled {
            settled.warnings.push(format!(
                "{} is not merged automatically: something is held back or has a problem",
                self.reference(request.number)
            ));
            return;
        }
        match self.forge.merge_when_ready(request, commit).await {
            Ok(()) => marker.merge = Some(Merge::Told),
            Err(error) => settled.problem = Some(failed(&error)),
        }
    }

    /// `#12`, or `!12`.
    pub(super) fn reference(&self, number: u64) -> String {
        self.forge.location().kind.reference(number)
    }

    /// The title of a new request. It stays the same from run to run, whatever is proposed.
    fn title(&self, action: Action, group: Option<&str>) -> String {
        let verb = match action {
            Action::Restore => "Restore",
            _ => "Update",
        };
        let title = match &self.request.title {
            Some(title) => title.clone(),
            None => format!("{verb} images"),
        };
        match (group, self.request.group_by) {
            (Some(""), Some(GroupBy::Folder)) => format!("{title} in the root"),
            (Some(group), Some(GroupBy::Folder)) => format!("{title} in {}", named(group)),
            (Some(group), _) => format!("{title}: {}", named(group)),
            (None, _) => title,
        }
    }

    fn text(&self, old: &str, marker: &Marker, told: &Report, group: Option<&str>) -> String {
        let text = self.request.text;
        with_section(old, marker, self.forge.text_limit(), |room| {
            text(told, group, room)
        })
    }
}

/// How far a request was brought.
pub(super) struct Settled {
    /// The request, where there is one.
    pub(super) request: Option<Request>,
    /// What was done.
    pub(super) done: ProposedState,
    /// What could not be set, one sentence each.
    pub(super) warnings: Vec<String>,
    /// Why the forge does not merge it automatically.
    pub(super) problem: Option<Problem>,
}

impl Proposed {
    /// What an act comes to, where nothing fails.
    pub(super) fn of(act: Act) -> ProposedState {
        match act {
            Act::Nothing | Act::DeleteBranch => ProposedState::Nothing,
            Act::Create { .. } => ProposedState::Opened,
            Act::StaysClosed(_) => ProposedState::StaysClosed,
            Act::Unchanged => ProposedState::Unchanged,
            Act::Update { .. } => ProposedState::Updated,
            Act::Comment | Act::Refuse => ProposedState::Foreign,
            Act::Close { .. } => ProposedState::Closed,
            Act::Push => ProposedState::Pushed,
            Act::Wait => ProposedState::Waits,
        }
    }
}

/// A group's key in a title: no mention, no reference to a request, and on one line. Some forges resolve these also within backticks.
fn named(group: &str) -> String {
    let mut safe = String::new();
    for character in group.chars() {
        match character {
            '`' => safe.push('\''),
            '@' | '#' | '!' | '~' | '%' | '&' | '$' => safe.extend([character, NOTHING]),
            steering if steers(steering) => safe.push('\u{fffd}'),
            other => safe.push(other),
        }
    }
    format!("`{safe}`")
}

/// Finds out where the forge of a remote is, and whether there is a token. Nothing is asked yet.
pub(super) fn connect(
    request: &ProposeRequest,
    address: &str,
    reach: impl Fn(&Path) -> PathBuf,
) -> Result<Forge, Box<Problem>> {
    let location = locate(
        address,
        request.kind,
        request.api.as_deref(),
        request.project.as_deref(),
    )
    .map_err(|error| Box::new(unlocated(&error)))?;
    let mut settings = request.settings.clone();
    if let Some((id, key)) = &request.app {
        let app = GitHubApp::read(id, &reach(key)).map_err(|error| Box::new(failed(&error)))?;
        settings.app = Some(app);
    }
    Forge::open(location, &settings).map_err(|error| Box::new(failed(&error)))
}

/// The forge's refusal, as a problem.
pub(super) fn failed(error: &ForgeError) -> Problem {
    Problem {
        code: error.code(),
        what: error.what().to_owned(),
        place: Place::default(),
        cause: error.cause().to_owned(),
        hint: Some(error.hint().to_owned()),
    }
}

fn unlocated(error: &LocateError) -> Problem {
    Problem {
        code: Code::ForgeUnknown,
        what: "cannot tell where to open a pull request".to_owned(),
        place: Place::default(),
        cause: error.to_string(),
        hint: Some(error.hint().to_owned()),
    }
}
