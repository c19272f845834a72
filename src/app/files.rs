//! File mode, top to bottom.

mod round;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use super::commit::{self, Carried, Session};
use super::copies;
use super::edits::{self, Edited};
use super::globs;
use super::lock_check;
use super::nothing;
use super::ready::Awaiting;
use super::report::{Action, Mode, Place, Problem, Reach, Report, WorkloadReport};
use super::resolve::{Event, PlatformLoss};
use super::source::{LockUse, Source, Sourced, lock_problem};
use super::survey::{self, Manifest, Survey};
use super::threads;
use crate::engine::answer::Answers;
use crate::engine::code::Code;
use crate::engine::object::Object;
use crate::engine::plan::{self, Question, Rules};
use crate::engine::policy::{TagForm, Track};
use crate::engine::selector::{ImageFilter, Selection, Verdict};
use crate::io::links;
use crate::io::lock::Lock;
use crate::io::registry;
use crate::io::scan;

pub(super) use round::Round;

/// What `imago files` is asked, checked.
#[derive(Clone, Debug)]
pub struct Request {
    /// Folders and files, `.` where none was named.
    pub paths: Vec<PathBuf>,
    /// Globs that a found file has to match, where there are any.
    pub include: Vec<String>,
    /// Globs that a found file must not match.
    pub exclude: Vec<String>,
    /// The same, from the repository's own settings.
    pub of_repository: Option<scan::Globs>,
    /// What to do.
    pub action: Action,
    /// Do all but write.
    pub dry_run: bool,
    /// Whether a check fails on what is held, too.
    pub strict: bool,
    /// Whether a run that checks no image fails, and writes nothing.
    pub fail_on_empty: bool,
    /// Fill `Report::diff`.
    pub diff: bool,
    /// Where a digest's tag is known from.
    pub track: Track,
    /// Whether the tag stays beside the digest.
    pub form: TagForm,
    /// Which images are taken, by name as written.
    pub images: ImageFilter,
    /// Which of their globs come from the repository's own settings.
    pub images_of_repository: ImageGlobs,
    /// Which workloads are taken.
    pub selection: Selection,
    /// More changes than these are not carried out.
    pub max_changes: Option<usize>,
    /// The lock file.
    pub lock: LockUse,
    /// How registries are asked.
    pub registries: registry::Settings,
    /// What happens to a new digest that lacks a platform.
    pub platform_loss: PlatformLoss,
    /// What is committed, where anything is.
    pub git: Option<commit::Request>,
    /// The files that the report goes to: none of them may be a manifest or the lock.
    pub reports: Vec<PathBuf>,
}

/// The two lists of globs for images: what is true of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ImageGlobs {
    /// Of `--include-image`.
    pub include: bool,
    /// Of `--exclude-image`.
    pub exclude: bool,
}

/// How often a push that somebody else forestalled is planned and tried again.
const OVERTAKEN_AT_MOST: usize = 3;

/// Runs file mode. `Err`: it could not run, and nothing was written.
///
/// It is a process's last work: what it has read of the files is not given back, because the process does so at once, and sooner.
pub fn run(request: &Request, mut on_event: impl FnMut(Event)) -> anyhow::Result<Report> {
    let current = std::env::current_dir().context("cannot tell the current folder")?;
    let root = scan::repository_root(&current).unwrap_or_else(|| current.clone());
    let lock = request.lock.place(&root).map_err(|problem| *problem)?;
    let reports = request.places_of_reports(&root);
    request
        .refuse_report_over(
            reports
                .iter()
                .filter(|(_, place)| **place == absolute(&lock)),
            "the lock",
        )
        .map_err(|problem| *problem)?;
    let mut session = request
        .git
        .as_ref()
        .map(|git| Session::open(git, &root))
        .transpose()?;
    let (mut overtaken, mut caught_up) = (0, 0);
    while overtaken <= OVERTAKEN_AT_MOST && caught_up <= OVERTAKEN_AT_MOST {
        let rules = request.rules();
        let source = request.source(&lock)?;
        let questions = |workloads: &[(usize, Object)]| request.questions(workloads, &rules);
        let of_commit = session
            .as_ref()
            .map(|session| {
                session.survey(request.scan(&current, &root), &request.lock.path, questions)
            })
            .transpose()?
            .flatten();
        let ask_ahead = |number, questions: &[Question]| {
            source
                .iter()
                .for_each(|source| source.ask_ahead(number, questions))
        };
        let survey = of_commit.map_or_else(
            || survey::survey(request.scan(&current, &root), questions, ask_ahead),
            Ok,
        );
        let survey = survey.map_err(|error| wrong_paths(&error))?;
        request
            .refuse_report_over(
                reports.iter().filter(|(_, place)| survey.has(place)),
                "a manifest",
            )
            .map_err(|problem| *problem)?;
        let (mut report, mut round) =
            request.decide(survey, source, rules, &root, &mut on_event)?;
        if request.action == Action::Check && !request.lock.offline {
            lock_check::check(
                &lock,
                request,
                &round.answers,
                &round.digests(),
                &mut report,
            )?;
        }
        if request.diff {
            // A plan that is not to be carried out is not handed to `git apply` either.
            report.diff = Some(if report.stopped_at.is_none() {
                round.diff()
            } else {
                String::new()
            });
        }
        let failures = match (&mut session, report.reach()) {
            (_, Reach::Looked) => BTreeMap::new(),
            (None, Reach::Rehearsed) => round.rehearse(),
            (None, Reach::Done) => round
                .write(request, &mut report)
                .map_err(|problem| *problem)?,
            (Some(session), _) => match session.carry_out(request, &round, &mut report)? {
                Carried::Out(failures) => failures,
                again => {
                    let count = if matches!(again, Carried::CaughtUp) {
                        &mut caught_up
                    } else {
                        &mut overtaken
                    };
                    *count += 1;
                    session.look_again()?;
                    continue;
                }
            },
        };
        let idle_globs = std::mem::take(&mut round.survey.idle_globs);
        report.take(&mut round, failures);
        report
            .warnings
            .extend(globs::idle(request, &report, idle_globs, &current));
        report.warnings.extend(nothing::checked(&report));
        std::mem::forget(round);
        return Ok(report);
    }
    Err(commit::overtaken().into())
}

impl Request {
    fn scan<'a>(&'a self, current: &'a Path, root: &'a Path) -> scan::Request<'a> {
        scan::Request {
            paths: &self.paths,
            include: &self.include,
            exclude: &self.exclude,
            other: self.of_repository.as_ref(),
            current,
            root,
        }
    }

    /// Each report as it was named, and the file that it goes to. What cannot be judged is told by who writes it.
    fn places_of_reports(&self, root: &Path) -> Vec<(&Path, PathBuf)> {
        let place = |path: &Path| {
            links::destination(root, path)
                .ok()
                .map(|place| absolute(&place))
        };
        self.reports
            .iter()
            .filter_map(|path| Some((path.as_path(), place(path)?)))
            .collect()
    }

    /// Ends the run, before anything is written, if a report would take the place of `what`.
    fn refuse_report_over<'r>(
        &self,
        mut reports: impl Iterator<Item = &'r (&'r Path, PathBuf)>,
        what: &str,
    ) -> Result<(), Box<Problem>> {
        let Some((named, _)) = reports.next() else {
            return Ok(());
        };
        Err(Box::new(Problem {
            code: Code::Usage,
            what: format!("cannot write the report `{}`", named.display()),
            place: Place::default(),
            cause: format!("it would replace {what}"),
            hint: Some("name another file for the report".to_owned()),
        }))
    }

    fn narrows(&self) -> bool {
        let of_repository =
            |globs: &scan::Globs| !globs.include.is_empty() || !globs.exclude.is_empty();
        !self.include.is_empty()
            || !self.exclude.is_empty()
            || self.of_repository.as_ref().is_some_and(of_repository)
    }

    fn rules(&self) -> Rules {
        Rules {
            track: self.track,
            form: self.form,
            images: self.images.clone(),
        }
    }

    fn asks(&self) -> bool {
        match self.action {
            Action::Restore | Action::Restart => false,
            Action::Report | Action::Check | Action::Update => true,
        }
    }

    /// What has to be asked for those workloads of a file that are selected.
    fn questions(&self, workloads: &[(usize, Object)], rules: &Rules) -> Vec<Question> {
        let taken = workloads.iter().map(|(_, workload)| workload);
        let taken = taken
            .filter(|workload| self.asks() && takes(&self.selection, workload) == Verdict::Taken);
        plan::questions(taken, rules)
    }

    /// Who answers, where the action asks anything. Nothing is asked yet.
    fn source(&self, lock: &Path) -> anyhow::Result<Option<Source>> {
        let source = self
            .asks()
            .then(|| Source::open(&self.lock, &self.registries))
            .transpose()?;
        if self.action == Action::Update && !self.lock.offline {
            // A lock that cannot be read or written must not be left behind the manifests.
            let old =
                Lock::read(lock).map_err(|error| lock_problem("read", &self.lock.path, &error))?;
            // A branch of its own has a lock of its own, which is made of objects.
            let is_written = self.git.as_ref().is_none_or(|git| git.branch.is_none());
            if is_written && (old.is_some() || self.lock.named) {
                Lock::writable(lock)
                    .map_err(|error| lock_problem("write", &self.lock.path, &error))?;
            }
        }
        Ok(source)
    }

    /// Asks for every digest that is wanted, and plans the changes. Nothing is written.
    fn decide(
        &self,
        mut survey: Survey,
        source: Option<Source>,
        rules: Rules,
        root: &Path,
        on_event: &mut impl FnMut(Event),
    ) -> anyhow::Result<(Report, Round)> {
        let mut report = Report {
            dry_run: self.dry_run,
            strict: self.strict,
            ..Report::new(Mode::Files, self.action)
        };
        let prunable = self.lock.prune && survey.problems.is_empty();
        let named = prunable
            .then(|| plan::named(all_workloads(&survey)))
            .flatten();
        report.select(&mut survey, &self.selection);
        let questions = survey
            .manifests
            .iter_mut()
            .map(|manifest| std::mem::take(&mut manifest.questions))
            .collect();
        let (sourced, edited) =
            self.edit_while_asking(&survey.manifests, questions, source, &rules, on_event);
        let Sourced {
            answers,
            warnings,
            ways,
        } = sourced?;
        report.narrowed = self.narrows();
        report.warnings = std::mem::take(&mut survey.warnings);
        report.warnings.extend(warnings);
        for manifest in &survey.manifests {
            for (_, workload) in &manifest.workloads {
                let name = format!("{} {}", manifest.name, workload.label());
                report
                    .warnings
                    .extend(edits::idle_annotations(workload, &name));
            }
        }
        if self.lock.prune && named.is_none() {
            report.warnings.push(
                "the lock is not pruned, because not every file and record could be read"
                    .to_owned(),
            );
        }
        report.ways = ways;
        let whole = "with the last answer every file has been handed out";
        let edited: Vec<Edited> = edited
            .into_iter()
            .map(|edited| edited.expect(whole))
            .collect();
        let images: usize = edited.iter().map(|edited| edited.images).sum();
        report.stopped_at = self.max_changes.filter(|most| images > *most);
        report.failed_empty = self.fail_on_empty
            && !edited
                .iter()
                .flat_map(|edited| &edited.workloads)
                .any(WorkloadReport::is_checked);
        Ok((
            report,
            Round {
                survey,
                edited,
                answers,
                rules,
                root: root.to_owned(),
                named,
            },
        ))
    }

    /// Asks all questions, and plans and edits each file as soon as its own are answered: most of the work is done while registries
    /// think.
    fn edit_while_asking(
        &self,
        manifests: &[Manifest],
        questions: Vec<Vec<Question>>,
        source: Option<Source>,
        rules: &Rules,
        on_event: &mut impl FnMut(Event),
    ) -> (anyhow::Result<Sourced>, Vec<Option<Edited>>) {
        let work =
            |manifest: &Manifest, answers| edits::edit(manifest, self.action, rules, &answers);
        threads::map_ready(manifests, work, |mut ready| {
            let (mut awaiting, all) = Awaiting::new(questions);
            let Some(source) = source else {
                awaiting.finish(&Answers::new(), &mut ready);
                return Ok(Sourced::default());
            };
            let sourced = source.ask(&all, self.platform_loss, |event| {
                if let Event::Answered { lookup, answer, .. } = &event {
                    awaiting.answered(lookup, answer, &mut ready);
                }
                on_event(event);
            })?;
            awaiting.finish(&sourced.answers, &mut ready);
            Ok(sourced)
        })
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn all_workloads(survey: &Survey) -> impl Iterator<Item = &Object> {
    survey
        .manifests
        .iter()
        .flat_map(|manifest| &manifest.workloads)
        .map(|(_, workload)| workload)
}

pub(super) fn wrong_paths(error: &scan::ScanError) -> Problem {
    Problem {
        code: Code::Usage,
        what: error.to_string(),
        place: Place::default(),
        cause: String::new(),
        hint: Some(error.hint()),
    }
}

impl Report {
    /// Takes out of the survey what the user did not select, and counts it.
    fn select(&mut self, survey: &mut Survey, selection: &Selection) {
        for manifest in &mut survey.manifests {
            manifest.workloads.retain(|(_, workload)| {
                match takes(selection, workload) {
                    Verdict::Taken => return true,
                    Verdict::WithoutNamespace => self.without_namespace += 1,
                    Verdict::NotSelected => self.not_selected += 1,
                }
                false
            });
        }
    }

    /// Puts together what was found, what was decided and what went wrong.
    fn take(&mut self, round: &mut Round, mut failures: BTreeMap<usize, Problem>) {
        let Round { survey, edited, .. } = round;
        self.files_seen = survey.files;
        self.files_without_workload = std::mem::take(&mut survey.without_workload);
        self.skipped = std::mem::take(&mut survey.skipped);
        self.problems.splice(0..0, survey.problems.drain(..));
        for kind in &survey.unhandled {
            *self.unhandled.entry((*kind).to_owned()).or_default() += 1;
        }
        for (index, (manifest, mut edited)) in
            survey.manifests.iter().zip(edited.drain(..)).enumerate()
        {
            match failures.remove(&index) {
                Some(problem) => {
                    edited
                        .workloads
                        .iter_mut()
                        .for_each(|workload| workload.changed = false);
                    edited.problems.push(problem);
                }
                None if edited.new_text.is_some() => self.files_changed.push(manifest.name.clone()),
                None => {}
            }
            self.workloads.extend(edited.workloads);
            self.skipped.extend(edited.skipped);
            self.problems.extend(edited.problems);
        }
        self.skipped
            .sort_by(|left, right| left.place.cmp(&right.place));
        self.problems
            .sort_by(|left, right| left.place.cmp(&right.place));
        self.notes = copies::notes(self);
        self.warnings.extend(copies::unclaimed(self));
    }
}

fn takes(selection: &Selection, workload: &Object) -> Verdict {
    selection.takes(
        workload.namespace.as_deref(),
        &workload.name,
        &workload.labels,
    )
}
