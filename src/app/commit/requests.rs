//! The branches of a run's requests: what each holds, what it shall hold, and the push.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::aim::{self, Strategy};
use super::carry::{Carrier, end_if_asked};
use super::stage::{Due, Stage};
use super::{Again, PushOutcome, Session, identity, not_pushed, refused};
use crate::app::edits::{self, Edited};
use crate::app::message::Changes;
use crate::app::pass::Pass;
use crate::app::proposer::{Proposal, Target};
use crate::app::report::{Committed, ObjectReport, Outcome, Problem, Report};
use crate::app::request::FilesRequest;
use crate::app::source::lock_problem;
use crate::engine::code::Code;
use crate::engine::image::ImageRef;
use crate::engine::plan::Rules;
use crate::engine::propose::{
    Act, Branch, GroupBy, Marker, PlanHash, Planned, Standing, State, branch_of_group, decide,
    marker,
};
use crate::engine::selector::ImageFilter;
use crate::io::forge::Request;
use crate::io::git::GitError;
use crate::io::git::change::Staged;
use crate::io::git::repository::CommitId;
use crate::io::git::transport::{Heads, Pushed, Replace, Side};
use crate::io::interrupt;

/// The trailer with the hash of what a commit proposes. The request's text has it too, and a run that was cut off has written one of the two.
const PLAN_TRAILER: &str = "Imago-Plan";

/// The trailer with the scope of the run that made a commit.
const SCOPE_TRAILER: &str = "Imago-Scope";

/// A group's key, and the places of its files. `None`: no file is in it any more.
type Group<'g> = Option<(&'g String, &'g BTreeSet<usize>)>;

/// What goes into one branch.
#[derive(Default)]
struct Part {
    files: Vec<Staged>,
    /// The objects that change, each with its file's path from the root.
    objects: Vec<(String, Box<ObjectReport>)>,
    /// What the lock gets, by lines.
    lock: Vec<Planned>,
}

impl Session {
    /// The branches of the run, and those of earlier runs of its scope that have an open request. `open` is what the forge has; `None`: it
    /// could not be asked.
    pub(in crate::app) fn targets(
        mut self,
        pass: &Pass,
        open: Option<Vec<Request>>,
    ) -> anyhow::Result<(Self, Vec<Target>)> {
        let is_known = open.is_some();
        let Some(proposer) = self.proposer() else {
            return Ok((self, Vec::new()));
        };
        let (open, elsewhere): (Vec<Request>, Vec<Request>) = open
            .into_iter()
            .flatten()
            .partition(|request| request.base == proposer.base());
        let by_head = |request: Request| (request.head.clone(), request);
        let mut open: BTreeMap<String, Request> = open.into_iter().map(by_head).collect();
        let name = self.branch().to_owned();
        let Some(group_by) = proposer.group_by() else {
            let tips = match &self.aim.strategy {
                Strategy::Replace(tips) => tips.clone(),
                Strategy::Here | Strategy::Onward { .. } => Vec::new(),
            };
            let target = Target {
                open: open.remove(&name),
                branch: name,
                group: None,
                closed: Vec::new(),
                elsewhere: elsewhere.into_iter().next(),
                is_known,
                is_over_limit: false,
                unusable: None,
                tips,
                foreign: self.aim.foreign.clone(),
            };
            return Ok((self, vec![target]));
        };
        let due: BTreeSet<usize> = pass.due().map(|(index, ..)| index).collect();
        let mut groups: BTreeMap<String, Option<String>> = self
            .groups(pass, group_by)
            .into_iter()
            .filter(|(_, files)| !files.is_disjoint(&due))
            .map(|(key, _)| (branch_of_group(&name, &key), Some(key)))
            .collect();
        for request in open.values().filter(|it| proposer.is_of_scope(it)) {
            groups.entry(request.head.clone()).or_insert(None);
        }
        let mut targets = Vec::new();
        for (branch, heads) in self.tips_of(groups.keys())? {
            let transport = self.transport.as_ref().expect("requests need a remote");
            let (request, repository) = (&self.request, &mut self.repository);
            let aim =
                aim::branch_of_ours(request, repository, &self.head, transport, &branch, &heads);
            // One branch that cannot be looked at stops no other.
            let (foreign, unusable) = match aim {
                Ok(aim) => (aim.foreign, None),
                Err(problem) => (None, Some(problem)),
            };
            targets.push(Target {
                group: groups.remove(&branch).flatten(),
                open: open.remove(&branch),
                branch,
                closed: Vec::new(),
                elsewhere: None,
                is_known,
                is_over_limit: false,
                unusable,
                tips: heads.iter().map(|heads| heads.tip).collect(),
                foreign,
            });
        }
        Ok((self, targets))
    }

    /// Takes over what was looked up of the branches.
    pub(in crate::app) fn take_targets(&mut self, targets: Vec<Target>) {
        self.targets = targets;
    }

    /// Where these branches are, at each place that is pushed to.
    fn tips_of<'b>(
        &self,
        branches: impl Iterator<Item = &'b String>,
    ) -> anyhow::Result<Vec<(String, Vec<Heads>)>> {
        let transport = self.transport.as_ref().expect("requests need a remote");
        let failed = |error| *not_pushed(transport, &error);
        if transport.has_two_sides() {
            let looked = branches.map(|branch| {
                let places = 0..transport.places();
                let heads = places.map(|place| transport.look(branch, Side::Pushed(place)));
                Ok((branch.clone(), heads.collect::<Result<_, _>>()?))
            });
            return Ok(looked.collect::<Result<_, _>>().map_err(failed)?);
        }
        let references = transport.references().map_err(failed)?;
        let tips: BTreeMap<&str, CommitId> = references
            .iter()
            .filter_map(|one| Some((one.name.strip_prefix("refs/heads/")?, one.commit)))
            .collect();
        let heads = |branch: &String| Heads {
            default: None,
            default_tip: None,
            tip: tips.get(branch.as_str()).copied(),
        };
        Ok(branches
            .map(|branch| (branch.clone(), vec![heads(branch)]))
            .collect())
    }

    /// The files of each group, by their places.
    fn groups(&self, pass: &Pass, group_by: GroupBy) -> BTreeMap<String, BTreeSet<usize>> {
        let root = self.repository.root();
        let mut groups: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        let manifests = pass.survey.manifests.iter().zip(&pass.edited);
        for (index, (manifest, edited)) in manifests.enumerate() {
            let keys = match group_by {
                GroupBy::Folder => {
                    let path = manifest.path.strip_prefix(root);
                    vec![folder(path.unwrap_or(&manifest.path))]
                }
                GroupBy::Image => images_of(edited),
            };
            for key in keys {
                groups.entry(key).or_default().insert(index);
            }
        }
        groups
    }

    /// Commits and pushes the branches that shall be, and says what is to be done with their requests. `Err`: nothing more is to be done.
    pub(in crate::app) fn carry_out_requests(
        &self,
        request: &FilesRequest,
        pass: &Pass,
        report: &mut Report,
    ) -> anyhow::Result<PushOutcome> {
        let proposer = self
            .proposer()
            .expect("only a run with requests comes here");
        let _held = interrupt::hold();
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
        end_if_asked()?;
        let has_problems =
            pass.has_problems() || !stage.failures.is_empty() || !report.problems.is_empty();
        let is_troubled = has_problems || request.lock.offline;
        let groups = proposer
            .group_by()
            .map(|group_by| (group_by, self.groups(pass, group_by)));
        let staged: BTreeMap<usize, &Staged> =
            stage.paths.keys().copied().zip(&stage.files).collect();
        let mut proposals = Vec::new();
        let mut committed = Committed {
            branch: proposer
                .group_by()
                .is_none()
                .then(|| self.branch().to_owned()),
            remote: self.transport.as_ref().map(|it| it.remote().to_owned()),
            ..Committed::default()
        };
        let mut open = self
            .targets
            .iter()
            .filter(|target| target.open.is_some())
            .count();
        let mut unpushed: BTreeMap<&str, usize> = stage
            .paths
            .iter()
            .map(|(index, path)| (&**path, *index))
            .collect();
        for target in &self.targets {
            let of_group = groups.as_ref().map(|(group_by, groups)| {
                let key = target.group.as_ref();
                (*group_by, key.and_then(|key| groups.get_key_value(key)))
            });
            let part = self
                .part(of_group, &staged, request, pass, &stage)
                .map_err(|error| refused(&error))?;
            let plan = (!part.files.is_empty()).then(|| part.plan());
            let marker = plan.map(|plan| Marker {
                plan,
                branch: target.branch.clone(),
                scope: proposer.scope(),
                merge: None,
            });
            let state = self
                .state(target, &part, plan, (is_troubled, request.lock.offline))
                .map_err(|error| refused(&error))?;
            let mut act = match &target.unusable {
                Some(_) => Act::Wait,
                None => decide(&state),
            };
            let mut proposal = Proposal {
                target: target.clone(),
                act,
                marker,
                commit: None,
                part: None,
                files: of_group
                    .and_then(|(_, group)| group)
                    .into_iter()
                    .flat_map(|(_, files)| files)
                    .map(|index| pass.survey.manifests[*index].name.clone())
                    .collect(),
                is_troubled: has_problems,
                is_over_limit: false,
                refused: target.unusable.as_deref().map(of_branch),
            };
            if let Some(other) = &target.elsewhere {
                proposal.refused = Some(proposer.proposed_elsewhere(&target.branch, other));
            }
            match act {
                Act::Refuse => match &target.foreign {
                    Some(problem) if target.group.is_none() => {
                        return Err((**problem).clone().into());
                    }
                    problem => proposal.refused = problem.as_deref().map(of_branch),
                },
                Act::Create { .. } if target.is_over_limit || open >= proposer.limit() => {
                    proposal.is_over_limit = true;
                    act = Act::Nothing;
                }
                Act::Create { .. } => open += 1,
                Act::Close { .. } => open -= 1,
                _ => {}
            }
            let mut tip = target.tips.first().copied().flatten();
            if act.pushes() && !request.dry_run {
                let message = carrier.message(
                    &Changes {
                        action: request.action,
                        objects: (part.objects.iter())
                            .map(|(path, it)| (&**path, &**it))
                            .collect(),
                        files: part.files.len(),
                    },
                    &part.files,
                    &target.branch,
                    &[
                        (
                            PLAN_TRAILER,
                            plan.map(|it| it.to_string()).unwrap_or_default(),
                        ),
                        (SCOPE_TRAILER, proposer.scope().to_string()),
                    ],
                );
                if let Some(commit) = carrier.commit(&part.files, &message)? {
                    let pushed =
                        carrier.push(&target.branch, commit, &target.tips, Replace::Exactly);
                    match pushed {
                        Ok(Pushed::Done) => {
                            tip = Some(commit);
                            committed.pushed = true;
                        }
                        Ok(Pushed::Moved) => {
                            end_if_asked()?;
                            return Ok(PushOutcome::Again(Again::Overtaken));
                        }
                        // The other groups go on.
                        Err(error) if target.group.is_some() => {
                            proposal.refused = Some(of_branch(&error.downcast::<Problem>()?));
                            act = Act::Wait;
                        }
                        Err(error) => return Err(error),
                    }
                }
            }
            proposal.act = act;
            let is_ours = act.pushes() || matches!(state.branch, Branch::Ours { is_current: true });
            if is_ours && plan.is_some() {
                proposal.commit = tip.map(|tip| tip.to_string());
            }
            if act.pushes() {
                for (path, _) in &part.objects {
                    unpushed.remove(&**path);
                }
            }
            if target.group.is_some() {
                proposal.part = Some(Report {
                    objects: part.objects.into_iter().map(|(_, object)| object).collect(),
                    ..Report::part_of(report)
                });
            }
            proposals.push(proposal);
        }
        if let Some(lock) = stage.lock {
            let path = lock.path().to_owned();
            if let Err(error) = lock.put() {
                report.problems.push(lock_problem("write", &path, &error));
            }
        }
        let is_one = proposer.group_by().is_none();
        if !is_one && stage.files.len() > stage.paths.len() {
            report.warnings.push(
                "the lock is on no branch of a group, because each would change it".to_owned(),
            );
        }
        committed.commit = proposals
            .iter()
            .find_map(|it| it.commit.clone())
            .filter(|_| is_one);
        let is_any_pushed = proposals.iter().any(|it| it.act.pushes());
        committed.already = !stage.files.is_empty() && !is_any_pushed;
        report.warnings.extend(self.aim.warning.clone());
        report.git = Some(committed);
        Ok(PushOutcome::Proposed {
            failures: stage.failures,
            unpushed: unpushed.into_values().filter(|_| is_any_pushed).collect(),
            proposals,
        })
    }

    /// What is found, and what is planned, for one branch.
    fn state(
        &self,
        target: &Target,
        part: &Part,
        plan: Option<PlanHash>,
        (is_troubled, is_offline): (bool, bool),
    ) -> Result<State, GitError> {
        let closed = || {
            let mut closed = target.closed.iter();
            closed.find(|it| marked(it, &target.branch).is_some_and(|it| Some(it.plan) == plan))
        };
        let of_scope = |request: &Request| {
            let marker = marked(request, &target.branch)?;
            let scope = self.proposer.as_ref().map(|it| it.scope());
            (Some(marker.scope) == scope).then_some(marker.plan)
        };
        let standing = match &target.open {
            _ if !target.is_known => Standing::Unknown,
            // A text with another scope is written anew.
            Some(request) => Standing::Open(of_scope(request)),
            None => closed().map_or(Standing::NotOpen, |it| Standing::Closed(it.number)),
        };
        let first = target.tips.first().copied().flatten();
        let is_same_everywhere = target.tips.iter().all(|tip| *tip == first);
        let branch = match (&target.foreign, first) {
            (Some(_), _) => Branch::Foreign,
            (None, None) if is_same_everywhere => Branch::Absent,
            (None, None) => Branch::Ours { is_current: false },
            (None, Some(tip)) => Branch::Ours {
                is_current: is_same_everywhere
                    && self.is_current(tip, part, plan)?
                    && !self.is_merged(tip, standing)?,
            },
        };
        // Without what the run has not seen, this plan may be one that a person has refused with more in it.
        let is_refused = |request: &Request| {
            marked(request, &target.branch).is_some_and(|marker| !marker.is_spent())
        };
        let mut shrinks = !is_offline && target.closed.iter().any(is_refused);
        for tip in target
            .tips
            .iter()
            .flatten()
            .filter(|_| is_troubled && target.foreign.is_none())
        {
            let repository = &self.repository;
            shrinks |= match repository
                .made_on(*tip)?
                .filter(|from| repository.has(*from))
            {
                Some(from) => repository.brings_back(*tip, from, self.aim.base, &part.files)?,
                None => true,
            };
        }
        Ok(State {
            standing,
            branch,
            plan,
            troubled: is_troubled,
            shrinks,
            is_group: target.group.is_some(),
            is_elsewhere: target.elsewhere.is_some(),
        })
    }

    /// Whether a branch of ours holds a plan, made from files that are the base's still.
    fn is_current(
        &self,
        tip: CommitId,
        part: &Part,
        plan: Option<PlanHash>,
    ) -> Result<bool, GitError> {
        let repository = &self.repository;
        let from = repository
            .made_on(tip)?
            .filter(|from| repository.has(*from));
        let (Some(plan), Some(from)) = (plan, from) else {
            return Ok(false);
        };
        if !repository.has_same_base(from, &part.files)? {
            return Ok(false);
        }
        match repository.trailer(tip, PLAN_TRAILER)? {
            Some(noted) => Ok(PlanHash::parse(&noted) == Some(plan)),
            None => repository.holds(tip, from, &part.files),
        }
    }

    /// Whether the base has all commits of a branch, and somebody has reverted them there. Where a shallow clone does not show it, a branch
    /// without a request is made anew, which costs nobody an approval.
    fn is_merged(&self, tip: CommitId, standing: Standing) -> Result<bool, GitError> {
        let is_part = self.repository.is_part_of(self.aim.base, tip)?;
        Ok(is_part.unwrap_or(standing == Standing::NotOpen))
    }

    /// What goes into one branch.
    fn part(
        &self,
        of_group: Option<(GroupBy, Group<'_>)>,
        staged: &BTreeMap<usize, &Staged>,
        request: &FilesRequest,
        pass: &Pass,
        stage: &Stage<'_>,
    ) -> Result<Part, GitError> {
        let objects_of = |index: usize, path: &String| {
            let objects = pass.edited[index].objects.iter();
            let changed = objects.filter(|object| object.changed);
            changed
                .map(|object| (path.clone(), object.clone()))
                .collect::<Vec<_>>()
        };
        let (group_by, key, files) = match of_group {
            Some((group_by, Some((key, files)))) => (group_by, key, files),
            // Nothing is left of this group.
            Some((_, None)) => return Ok(Part::default()),
            None => {
                let paths = stage.paths.iter();
                return Ok(Part {
                    files: stage.files.clone(),
                    objects: paths
                        .flat_map(|(index, path)| objects_of(*index, path))
                        .collect(),
                    lock: stage.lock_lines.clone(),
                });
            }
        };
        let mut part = Part::default();
        match group_by {
            GroupBy::Folder => {
                for (index, file) in files.iter().filter_map(|it| staged.get_key_value(it)) {
                    part.files.push((*file).clone());
                    part.objects.extend(objects_of(*index, &stage.paths[index]));
                }
            }
            GroupBy::Image => {
                let Ok(images) = ImageFilter::only(key) else {
                    return Ok(part);
                };
                let rules = Rules {
                    images,
                    ..(*pass.rules).clone()
                };
                let mut edited = BTreeMap::new();
                let manifests = &pass.survey.manifests;
                for index in files.iter().filter(|index| staged.contains_key(index)) {
                    let manifest = &manifests[*index];
                    let one = edits::edit(manifest, request.wanted(), &rules, &pass.answers);
                    edited.insert(*index, one);
                }
                let due: Vec<Due<'_>> = edited
                    .iter()
                    .filter_map(|(index, one)| {
                        Some(Due {
                            index: *index,
                            manifest: &manifests[*index],
                            text: one.new_text.as_deref()?,
                        })
                    })
                    .collect();
                let staged = self.stage_files(request, pass, &due)?;
                for (index, path) in &staged.paths {
                    let changed = edited[index].objects.iter();
                    let changed = changed.filter(|object| object.changed);
                    part.objects.extend(changed.map(|object| {
                        let images = object.images.iter();
                        let images = images.filter(|image| image.outcome.new_image().is_some());
                        let mut object = object.clone();
                        object.images = images.cloned().collect();
                        (path.clone(), object)
                    }));
                }
                part.files = staged.files;
            }
        }
        Ok(part)
    }

    /// Deletes branches of ours that nobody needs any more. One that somebody has moved since stays.
    pub(in crate::app) fn delete(&self, targets: &[Target]) -> Vec<Problem> {
        let Some(transport) = &self.transport else {
            return Vec::new();
        };
        let mut problems = Vec::new();
        for target in targets {
            for (place, tip) in target.tips.iter().enumerate() {
                let Some(tip) = tip else { continue };
                if let Err(error) = transport.delete(place, &target.branch, *tip) {
                    let what = format!(
                        "cannot delete the branch `{}` at `{}`",
                        target.branch,
                        transport.remote()
                    );
                    problems.push(Problem {
                        what,
                        ..of_branch(&not_pushed(transport, &error))
                    });
                }
            }
        }
        problems
    }
}

impl Part {
    /// The hash of what it changes.
    fn plan(&self) -> PlanHash {
        let mut changes = self.lock.clone();
        for (path, object) in &self.objects {
            let namespace = object.namespace.as_deref().unwrap_or_default();
            let name = format!("{namespace}/{}/{}", object.kind, object.name);
            let mut images = object
                .images
                .iter()
                .filter_map(|image| Some((image, image.outcome.new_image()?)))
                .peekable();
            if images.peek().is_none() {
                // Its record alone changes.
                changes.push(Planned {
                    file: path.clone(),
                    place: name.clone(),
                    after: String::new(),
                });
            }
            changes.extend(images.map(|(image, new)| Planned {
                file: path.clone(),
                place: format!("{name}/{}", image.site.path),
                after: new.to_owned(),
            }));
        }
        PlanHash::of(changes)
    }
}

/// What ends a run of one branch, as a problem of a run that goes on.
fn of_branch(problem: &Problem) -> Problem {
    Problem {
        code: Code::RequestBranch,
        ..problem.clone()
    }
}

/// The marker of a request's text, where it is of this branch.
fn marked(request: &Request, branch: &str) -> Option<Marker> {
    marker(&request.body).filter(|marker| marker.branch == branch)
}

/// The folder of a file, with `/`; empty for the root.
fn folder(path: &Path) -> String {
    path.parent().unwrap_or(Path::new("")).display().to_string()
}

/// The names of the images that change in a file.
fn images_of(edited: &Edited) -> Vec<String> {
    let objects = edited.objects.iter().filter(|object| object.changed);
    let images = objects.flat_map(|object| &object.images);
    let due =
        images.filter(|image| matches!(image.outcome, Outcome::Outdated(_) | Outcome::Restored(_)));
    due.map(|image| {
        let parsed = ImageRef::parse(&image.image);
        parsed
            .as_ref()
            .map_or(&*image.image, ImageRef::name)
            .to_owned()
    })
    .collect()
}
