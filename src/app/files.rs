//! File mode, top to bottom.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::comments;
use super::commit::{self, Again, BareHead, PushOutcome, Session};
use super::copies;
use super::edits::{self, Edited, Wanted};
use super::globs;
use super::image_policies;
use super::kind_names;
use super::lock_check;
use super::manifest::ManifestFile;
use super::nothing;
use super::observer::{Event, Observer};
use super::pass::Pass;
use super::propose;
use super::proposer::Proposal;
use super::ready::{Awaiting, OwnAnswers};
use super::report::{Action, Place, Problem, Reach, Report};
use super::request::{FilesRequest, Input};
use super::source::{LockPlace, Registries, Source, Sourced, lock_problem};
use super::survey::{self, Sought, Survey};
use super::threads::{self, WhenReady, aside};
use super::workspace::{Workspace, WorkspaceKind};
use crate::engine::answer::Answers;
use crate::engine::code::Code;
use crate::engine::image::Lookup;
use crate::engine::object::Object;
use crate::engine::plan::{self, Question, Rules};
use crate::engine::selector::Verdict;
use crate::engine::shape::Kinds;
use crate::io::git::GitError;
use crate::io::links;
use crate::io::lock::Lock;

/// How often a push that somebody else forestalled is planned and tried again.
const OVERTAKEN_AT_MOST: usize = 3;

/// Runs file mode, on the runtime that it is called in. `Err`: it could not run, and nothing was written.
///
/// What computes or blocks goes on beside the runtime. The runtime needs no drivers where nobody is asked, and where one thread is all it
/// has, tags are asked for in the order of the files.
pub async fn run(
    request: &FilesRequest,
    at: &Workspace,
    observer: &dyn Observer,
) -> anyhow::Result<Report> {
    run_beside(request, at, &Arc::default(), observer).await
}

/// As [`run`], beside other runs that ask the same registries.
pub(super) async fn run_beside(
    request: &FilesRequest,
    at: &Workspace,
    registries: &Arc<Registries>,
    observer: &dyn Observer,
) -> anyhow::Result<Report> {
    let job = Arc::new(Job::new(request, at, registries)?);
    let mut session = None;
    let (mut overtaken, mut caught_up) = (0, 0);
    while overtaken <= OVERTAKEN_AT_MOST && caught_up <= OVERTAKEN_AT_MOST {
        let looking = Arc::clone(&job);
        let (opened, mut looked) = aside(move || looking.look(session)).await?;
        let lock = looked.lock.take();
        let (mut report, pass) = job.decide(looked, observer).await?;
        let pass = Arc::new(pass);
        let opened = match opened {
            Some(session) if report.reach() != Reach::Looked => {
                Some(propose::look_up(session, Arc::clone(&pass), &mut report).await?)
            }
            opened => opened,
        };
        let pass = Arc::into_inner(pass).expect("nobody else has kept it");
        if job.request.action == Action::Check && job.request.asks_registries() {
            let expected = pass.facts();
            lock_check::check(
                lock.as_ref(),
                &job.request,
                registries,
                &pass.answers,
                &expected,
                &mut report,
            )
            .await?;
        }
        let ending = Arc::clone(&job);
        match aside(move || ending.end(opened, pass, report)).await? {
            End::Reported(report, pass) => {
                threads::discard(pass);
                return Ok(*report);
            }
            End::Pushed(mut report, pass, session, proposals) => {
                threads::discard(pass);
                propose::settle(session, proposals, &mut report).await?;
                return Ok(*report);
            }
            End::Again(outdated, why) => {
                let count = match why {
                    Again::CaughtUp => &mut caught_up,
                    Again::Overtaken => &mut overtaken,
                };
                *count += 1;
                session = Some(*outdated);
            }
        }
    }
    match &job.request.git {
        Some(git) => Err(commit::overtaken(git).into()),
        None => unreachable!("only a commit is planned again"),
    }
}

/// What a lock shall hold of a run.
#[derive(Debug)]
pub(super) struct Facts {
    /// After the run.
    pub(super) noted: Lock,
    /// If nothing held an old digest.
    pub(super) answered: Lock,
}

/// Asks all that an update of these files asks, and returns what a lock shall hold then. Nothing is written.
pub(super) async fn resolve(
    request: &FilesRequest,
    at: &Workspace,
    registries: &Arc<Registries>,
) -> anyhow::Result<(Report, Facts)> {
    let job = Arc::new(Job::new(request, at, registries)?);
    let looking = Arc::clone(&job);
    let (_, looked) = aside(move || looking.look(None)).await?;
    let (mut report, mut pass) = job.decide(looked, &|_| {}).await?;
    let detours = report.detours.clone();
    pass.answers
        .retain(|lookup, _| job.request.registries.detour_of(lookup).is_none());
    report.problems.extend(detours.into_iter().map(not_for_all));
    let facts = Facts {
        noted: pass.facts(),
        answered: pass.answered(),
    };
    report.take(&mut pass, BTreeMap::new());
    threads::discard(pass);
    Ok((report, facts))
}

/// A repository may decide who answers for its own images, and for nobody else's.
fn not_for_all(detour: String) -> Problem {
    Problem {
        code: Code::Settings,
        what: "some images of the repository are left out of the lock".to_owned(),
        place: Place::default(),
        cause: detour,
        hint: Some(
            "if that registry shall answer for all repositories, name it with `--registry-map` or `--insecure-registry`"
                .to_owned(),
        ),
    }
}

/// A request in its workspace.
struct Job {
    /// The request, with paths that can be opened.
    request: FilesRequest,
    at: Workspace,
    rules: Arc<Rules>,
    registries: Arc<Registries>,
    /// The file that the lock is read from and written to. `None`: it is one of the commit.
    lock: Option<PathBuf>,
    /// Each report as it was named, and the file that it goes to.
    reports: Vec<(PathBuf, PathBuf)>,
}

/// What one look at the files has brought, before anybody is asked.
struct Looked {
    survey: Survey,
    questions: Vec<Vec<Question>>,
    named: Option<BTreeSet<Lookup>>,
    /// The lock that a check compares.
    lock: Option<Lock>,
    source: Option<Source>,
    report: Report,
}

/// How a pass over the files ends.
enum End {
    /// The report is complete.
    Reported(Box<Report>, Box<Pass>),
    /// Branches were pushed, and their requests are next.
    Pushed(Box<Report>, Box<Pass>, Box<Session>, Vec<Proposal>),
    /// It has to be planned anew.
    Again(Box<Session>, Again),
}

impl Job {
    fn new(
        request: &FilesRequest,
        at: &Workspace,
        registries: &Arc<Registries>,
    ) -> anyhow::Result<Self> {
        let typed = request;
        let reach = |path: &Path| at.reach(path);
        let content = at.of_paths(&typed.paths).map_err(|problem| *problem)?;
        let is_rehearsed = typed.dry_run && content.origin().is_some();
        if content.kind == WorkspaceKind::Bare && !is_rehearsed {
            typed.refuse_bare(&content.root)?;
        }
        let in_commit = content.in_commit(&typed.lock.path);
        let is_in_commit = in_commit.is_some();
        let request = FilesRequest {
            lock: (typed.lock).at(in_commit.unwrap_or_else(|| reach(&typed.lock.path))),
            registries: typed.registries.reached(reach),
            reports: typed.reports.iter().map(|path| reach(path)).collect(),
            ..typed.clone()
        };
        let lock = match is_in_commit {
            true => None,
            false => Some(request.lock.place(&at.root).map_err(|problem| *problem)?),
        };
        // A path that cannot be judged fails when it is written.
        let places = request.reports.iter().zip(&typed.reports);
        let places = places.filter_map(|(path, typed)| {
            let place = links::destination(&at.root, path).ok()?;
            Some((typed.clone(), absolute(&place)))
        });
        let job = Self {
            reports: places.collect(),
            rules: Arc::new(request.rules()),
            registries: Arc::clone(registries),
            at: content,
            request,
            lock,
        };
        let lock = job.lock.as_deref().map(absolute);
        job.refuse_report_over("the lock", |place| Some(place) == lock.as_deref())?;
        Ok(job)
    }

    /// Ends the run, before anything is written, if a report would take the place of `what`.
    fn refuse_report_over(&self, what: &str, is_it: impl Fn(&Path) -> bool) -> anyhow::Result<()> {
        let Some((named, _)) = self.reports.iter().find(|(_, place)| is_it(place)) else {
            return Ok(());
        };
        Err(Problem {
            code: Code::Usage,
            what: format!("cannot write the report `{}`", named.display()),
            place: Place::default(),
            cause: format!("it would replace {what}"),
            hint: Some("name another file for the report".to_owned()),
        }
        .into())
    }

    /// Looks at the files, and at the repository where a commit is wanted. What the files ask is asked ahead meanwhile.
    fn look(&self, outdated: Option<Session>) -> anyhow::Result<(Option<Session>, Looked)> {
        let request = &self.request;
        let session = match (&request.git, outdated) {
            (_, Some(outdated)) => Some(outdated.look_again()?),
            (Some(git), None) => Some(Session::open(git, &self.at)?),
            (None, None) => None,
        };
        let bare = match (&session, self.at.kind) {
            (None, WorkspaceKind::Bare) => Some(BareHead::open(&self.at)?),
            _ => None,
        };
        let of_session = session.as_ref().and_then(Session::committed);
        let committed = of_session.or(bare.as_ref().map(BareHead::committed));
        let place = match (&self.lock, &committed) {
            (None, Some(committed)) if request.reads_lock() => LockPlace::Commit(
                committed
                    .file(&request.lock.path)
                    .map_err(|problem| *problem)?,
            ),
            (None, _) => LockPlace::Commit(None),
            (Some(path), _) => LockPlace::File(path.clone()),
        };
        let (source, lock) = request.source(&place, &self.registries)?;
        let questions = |objects: &[(usize, Object)]| request.questions(objects, &self.rules);
        let mut kinds = request.kinds.clone();
        if request.flux_policies && request.input == Input::Paths {
            kinds.flux = Some(Arc::new(image_policies::read(
                &self.at,
                committed.as_ref(),
            )?));
        }
        let sought = Sought {
            kinds: &kinds,
            ..request.sought()
        };
        let of_commit = committed.map(|committed| {
            committed.survey(
                request.scope(&self.at),
                &request.lock.path,
                sought,
                questions,
            )
        });
        let ask_ahead = |number, questions: &[Question]| {
            source
                .iter()
                .for_each(|source| source.ask_ahead(number, questions))
        };
        let mut survey = match (of_commit.transpose()?, request.input) {
            (Some(survey), _) => survey,
            (None, Input::Stdin) => survey::survey_stdin(&request.kinds, questions, ask_ahead),
            (None, Input::Paths) => {
                survey::survey(request.scope(&self.at), sought, questions, ask_ahead)
                    .map_err(|error| survey::wrong_paths(&error))?
            }
        };
        self.refuse_report_over("a manifest", |place| survey.has(place))?;
        let mut report = Report {
            dry_run: request.dry_run,
            strict: request.strict,
            pinned: request.pinned,
            ..Report::new(request.input.mode(), request.action)
        };
        let prunable = request.lock.prune && survey.problems.is_empty();
        let mut named = prunable.then(|| plan::named(survey.objects())).flatten();
        if let Some(named) = &mut named {
            let asked = plan::questions(survey.objects(), &self.rules).into_iter();
            let by_policy = asked
                .map(|(lookup, _)| lookup)
                .filter(|lookup| lookup.policy().is_some());
            named.extend(by_policy);
        }
        report.select(&mut survey, request, &self.at.current);
        let questions = survey.manifests.iter_mut();
        let questions = questions.map(|manifest| std::mem::take(&mut manifest.questions));
        Ok((
            session,
            Looked {
                questions: questions.collect(),
                survey,
                named,
                lock,
                source,
                report,
            },
        ))
    }

    /// Asks for every digest that is wanted, and plans the changes. Nothing is written.
    async fn decide(
        &self,
        looked: Looked,
        observer: &dyn Observer,
    ) -> anyhow::Result<(Report, Pass)> {
        let Looked {
            mut survey,
            questions,
            named,
            lock: _,
            source,
            mut report,
        } = looked;
        let request = &self.request;
        let idle = idle_annotations(&survey);
        let manifests = std::mem::take(&mut survey.manifests);
        let (sourced, (manifests, edited)) = self
            .edit_while_asking(manifests, questions, source, observer)
            .await;
        survey.manifests = manifests;
        let Sourced {
            answers,
            warnings,
            ways,
        } = sourced;
        report.narrowed = request.narrows();
        report.warnings = std::mem::take(&mut survey.warnings);
        report.warnings.extend(warnings);
        report.ways = ways;
        if !request.lock.offline {
            let detours = answers.keys();
            let detours = detours.filter_map(|lookup| request.registries.detour_of(lookup));
            report.detours = Vec::from_iter(BTreeSet::from_iter(detours));
        }
        let images: usize = edited.iter().map(|edited| edited.images).sum();
        report.stopped_at = request.max_changes.filter(|most| images > *most);
        report.failed_empty = request.fail_on_empty
            && !edited
                .iter()
                .flat_map(|edited| &edited.objects)
                .any(|object| object.is_checked());
        let pass = Pass {
            survey,
            edited,
            answers,
            rules: Arc::clone(&self.rules),
            root: self.at.root.clone(),
            named,
            idle,
        };
        Ok((report, pass))
    }

    /// Asks, and edits each file beside that as soon as its own tags are answered, while others still wait.
    async fn edit_while_asking(
        &self,
        manifests: Vec<ManifestFile>,
        questions: Vec<Vec<Question>>,
        source: Option<Source>,
        observer: &dyn Observer,
    ) -> (Sourced, (Vec<ManifestFile>, Vec<Edited>)) {
        let rules = Arc::clone(&self.rules);
        let wanted = self.request.wanted();
        // A check compares the lock with what the objects say once more.
        let is_over = wanted == Wanted::Told && self.request.action == Action::Report;
        let mut editing = WhenReady::new(manifests, move |manifest: &mut ManifestFile, answers| {
            let answers: OwnAnswers = answers;
            let planned = edits::plan(manifest, wanted, &rules, &Answers::from(answers));
            // What nobody reads again is given up.
            if is_over {
                manifest.objects = Vec::new();
            }
            let edited = planned.written(manifest);
            if wanted == Wanted::Told {
                manifest.text = String::new();
            }
            edited
        });
        let (mut awaiting, all) = Awaiting::new(questions);
        let mut ready = |index, answers| editing.ready(index, answers);
        let sourced = match source {
            None => Sourced::default(),
            Some(source) => {
                let note = |event| {
                    if let Event::Answered { lookup, answer, .. } = &event {
                        awaiting.answered(lookup, answer, &mut ready);
                    }
                    observer.note(event);
                };
                source.ask(&all, self.request.reading, note).await
            }
        };
        awaiting.finish(&sourced.answers, &mut ready);
        (sourced, editing.finish().await)
    }

    /// Writes what shall be written, and puts the report together.
    fn end(
        &self,
        session: Option<Session>,
        mut pass: Pass,
        mut report: Report,
    ) -> anyhow::Result<End> {
        let request = &self.request;
        report.warnings.append(&mut pass.idle);
        if request.lock.prune && pass.named.is_none() {
            report.warnings.push(
                "the lock is not pruned, because not every file and record could be read"
                    .to_owned(),
            );
        }
        if request.diff {
            // A plan that is not to be carried out is not handed to `git apply` either.
            report.diff = Some(match report.stopped_at {
                None => pass.diff(),
                Some(_) => String::new(),
            });
        }
        let mut to_settle = None;
        let failures = match (session, report.reach()) {
            (_, Reach::Looked) => BTreeMap::new(),
            (None, Reach::Rehearsed) => pass.rehearse(),
            (None, Reach::Done) => pass
                .write(request, &mut report)
                .map_err(|problem| *problem)?,
            (Some(session), _) => match session.carry_out(request, &pass, &mut report)? {
                PushOutcome::Out(failures) => failures,
                PushOutcome::Proposed {
                    failures,
                    unpushed,
                    proposals,
                } => {
                    pass.leave(&unpushed);
                    to_settle = Some((session, proposals));
                    failures
                }
                PushOutcome::Again(why) => return Ok(End::Again(Box::new(session), why)),
            },
        };
        let idle_globs = std::mem::take(&mut pass.survey.idle_globs);
        report.take(&mut pass, failures);
        let idle = globs::idle(request, &report, idle_globs, &self.at.current);
        report.warnings.extend(idle);
        report.warnings.extend(comments::not_understood(&report));
        report.warnings.extend(nothing::checked(&report));
        let (report, pass) = (Box::new(report), Box::new(pass));
        Ok(match to_settle {
            None => End::Reported(report, pass),
            Some((session, proposals)) => End::Pushed(report, pass, Box::new(session), proposals),
        })
    }
}

impl FilesRequest {
    /// A bare repository has no files to write.
    fn refuse_bare(&self, root: &Path) -> anyhow::Result<()> {
        let writes = matches!(self.action, Action::Update | Action::Restore);
        if !writes || self.git.is_some() {
            return Ok(());
        }
        let error = GitError::Bare;
        Err(Problem {
            code: error.code(),
            what: format!("cannot write files in `{}`", root.display()),
            place: Place::default(),
            cause: error.to_string(),
            hint: Some(
                "add `--commit` to commit to the branch that HEAD names, or `--branch NAME`"
                    .to_owned(),
            ),
        }
        .into())
    }

    /// What the plan of a file is for.
    pub(super) fn wanted(&self) -> Wanted {
        match (self.action, self.input) {
            (Action::Restore, _) => Wanted::Restored,
            (Action::Check, _) if self.pinned => Wanted::Pinned,
            (Action::Report | Action::Check, Input::Paths) if !self.diff => Wanted::Told,
            (_, Input::Paths) => Wanted::Updated,
            (_, Input::Stdin) => Wanted::Compared,
        }
    }

    /// Whether the lock is read: it answers, or it is compared with what registries answer.
    fn reads_lock(&self) -> bool {
        self.asks() && (self.lock.offline || self.action != Action::Report)
    }

    /// Who answers, where the action asks anything, and the lock that a check compares with the answers. Nothing is asked yet.
    fn source(
        &self,
        place: &LockPlace,
        registries: &Registries,
    ) -> anyhow::Result<(Option<Source>, Option<Lock>)> {
        let source = self
            .asks()
            .then(|| Source::open(&self.lock, place, &self.registries, registries))
            .transpose()?;
        if self.lock.offline || !self.reads_lock() {
            return Ok((source, None));
        }
        // A lock that cannot be read or written must not be left behind the manifests.
        let lock = place.read(&self.lock).map_err(|problem| *problem)?;
        // A branch of its own has a lock of its own, which is made of objects.
        let is_written = self.action == Action::Update
            && self.git.as_ref().is_none_or(|git| git.branch.is_none());
        if let LockPlace::File(path) = place
            && is_written
            && (lock.is_some() || self.lock.named)
        {
            Lock::writable(path).map_err(|error| lock_problem("write", &self.lock.path, &error))?;
        }
        Ok((source, lock))
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

/// A warning for each annotation that says nothing.
pub(super) fn idle_annotations(survey: &Survey) -> Vec<String> {
    let objects = survey.manifests.iter().flat_map(|manifest| {
        let objects = manifest.objects.iter();
        objects.map(move |(_, object)| (manifest, object))
    });
    let warnings = objects.flat_map(|(manifest, object)| {
        let name = format!("{} {}", manifest.name, object.label());
        edits::idle_annotations(object, &name)
    });
    warnings.collect()
}

impl Report {
    /// Takes out of the survey what the user did not select, and counts it. Kinds that fit nothing are warnings.
    pub(super) fn select(&mut self, survey: &mut Survey, request: &FilesRequest, current: &Path) {
        if request.kinds != Kinds::default() {
            let objects: Vec<&Object> = survey.objects().collect();
            let whole = globs::whole(request, current);
            let lists = &request.kinds_of_repository;
            let notes = kind_names::notes(&request.kinds, lists, whole, &objects);
            self.kinds = notes.several;
            survey.warnings.extend(notes.warnings);
        }
        for manifest in &mut survey.manifests {
            manifest.objects.retain(|(_, object)| {
                match request.takes(object) {
                    Verdict::Taken => return true,
                    Verdict::WithoutNamespace => self.without_namespace += 1,
                    Verdict::NotSelected => self.not_selected += 1,
                }
                false
            });
        }
    }

    /// Takes over what the survey counted, passed over and could not read.
    pub(super) fn take_survey(&mut self, survey: &mut Survey) {
        self.files_seen = survey.files;
        self.files_without_objects = std::mem::take(&mut survey.without_objects);
        self.skipped = std::mem::take(&mut survey.skipped);
        self.problems.splice(0..0, survey.problems.drain(..));
        for kind in &survey.unhandled {
            *self.unhandled.entry((*kind).to_owned()).or_default() += 1;
        }
    }

    /// Puts together what was found, what was decided and what went wrong.
    fn take(&mut self, pass: &mut Pass, mut failures: BTreeMap<usize, Problem>) {
        let Pass { survey, edited, .. } = pass;
        self.take_survey(survey);
        let objects = edited.iter().map(|edited| edited.objects.len()).sum();
        self.objects.reserve_exact(objects);
        for (index, (manifest, mut edited)) in
            survey.manifests.iter().zip(edited.drain(..)).enumerate()
        {
            match failures.remove(&index) {
                Some(problem) => {
                    edited
                        .objects
                        .iter_mut()
                        .for_each(|object| object.changed = false);
                    edited.problems.push(problem);
                }
                None if edited.changes => self.files_changed.push(manifest.name.clone()),
                None => {}
            }
            self.objects.extend(edited.objects);
            self.skipped.extend(edited.skipped);
            self.problems.extend(edited.problems);
        }
        self.skipped
            .sort_by(|left, right| left.place.cmp(&right.place));
        self.problems
            .sort_by(|left, right| left.place.cmp(&right.place));
        self.notes = copies::notes(self);
        self.notes.append(&mut survey.notes);
        self.warnings.extend(copies::unclaimed(self));
    }
}
