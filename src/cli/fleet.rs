//! `imago fleet` and `imago resolve`: the list of repositories in, one report or one lock out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::args::{self, Command};
use super::config::{self, Entry};
use super::printer::{Form, Printer, To};
use super::refused::{Mistake, Refused};
use super::render::fleet::{Counts, FleetForm, Part};
use super::render::{Printable, Styles, counted, masked};
use super::runtime::{Asks, block_on};
use super::settings::{self, Fleet, Outside, Purpose, Reporting, Settings};
use super::verbosity::{Detail, Verbosity};
use super::{DONE, OUTDATED, PROBLEMS, fail, remote, reports};
use crate::app::fleet::{self, FleetRequest, Prepare};
use crate::app::remote::RemoteClone;
use crate::app::report::{Place, Problem, Report};
use crate::app::request::FilesRequest;
use crate::app::source::LockUse;
use crate::app::workspace::Workspace;
use crate::engine::code::Code;
use crate::io::files::FileError;
use crate::io::interrupt;
use crate::io::links;
use crate::io::lock::{self, Lock, LockError};
use crate::io::registry::Limits;

/// Reads the list that the command names, and checks its flags.
pub(super) fn read(
    typed: args::Typed,
    outside: &Outside,
    current: &Path,
) -> Result<Settings, Refused> {
    let list = |path: &Path| -> Result<Vec<Entry>, Refused> {
        config::read_fleet(path, current).map_err(|mistake| Refused::List(Box::new(mistake)))
    };
    let verbosity = settings::verbosity(typed.verbosity, outside).map_err(Refused::Usage)?;
    let fleet = match typed.command {
        Command::Fleet(flags) => {
            let entries = list(&flags.file)?;
            settings::fleet::fleet(*flags, entries, outside, current)
        }
        Command::Resolve(flags) => {
            let entries = list(&flags.file)?;
            settings::fleet::resolve(*flags, entries, outside, current)
        }
        _ => unreachable!("no other command has a list of repositories"),
    };
    Ok(Settings::Fleet {
        fleet: Arc::new(fleet.map_err(Refused::Usage)?),
        verbosity,
    })
}

/// Runs it, and returns the worst exit code of its repositories.
pub(super) fn run(
    fleet: &Arc<Fleet>,
    current: &Path,
    verbosity: Verbosity,
    printer: &mut Printer,
) -> u8 {
    printer.set_colour(verbosity.colour);
    // After a signal, what is printed is ended, too.
    let _closing = interrupt::closing_run();
    let run = match &fleet.purpose {
        Purpose::Report(reporting) => report(fleet, reporting, current, verbosity, printer),
        Purpose::Lock(path) => resolve(fleet, path, current, verbosity, printer),
    };
    run.unwrap_or_else(|error| fail(&error, printer))
}

fn report(
    fleet: &Arc<Fleet>,
    reporting: &Reporting,
    current: &Path,
    verbosity: Verbosity,
    printer: &mut Printer,
) -> anyhow::Result<u8> {
    reports::prepare(reporting)?;
    let lock = shared_lock(fleet)?;
    if let Some((path, _)) = &lock {
        reports::refuse_over_lock(reporting, path)?;
    }
    let asks = match (
        fleet.flags.locking.offline,
        fleet.flags.requests.pull_request,
    ) {
        (true, false) => Asks::Nobody,
        (true, true) => Asks::Forge,
        (false, _) => Asks::Registries,
    };
    let request = request(
        fleet,
        current,
        Shared {
            lock: lock.map(|(_, lock)| lock),
            names_sources: reporting.names_sources(verbosity.detail),
        },
    );
    let (code, texts) = block_on(asks, async {
        // What is begun is ended: where there is no runtime, there is no report.
        let mut written = Written::new(fleet, reporting, verbosity, printer)?;
        let note = |number, outcome| written.take(number, outcome);
        fleet::run(&request, current, note).await;
        Ok(written.end())
    })?;
    let mut outcome = Ok(code);
    for (file, text) in reporting.files.iter().zip(texts) {
        let written = reports::put(file, &text, printer);
        outcome = outcome.and_then(|code| written.map(|()| code));
    }
    outcome
}

/// The lock that answers for all repositories, with its path: it is read once, so that all of them see the same.
fn shared_lock(fleet: &Fleet) -> anyhow::Result<Option<(PathBuf, Arc<Lock>)>> {
    let locking = &fleet.flags.locking;
    let Some(path) = locking.lock.as_ref().filter(|_| locking.offline) else {
        return Ok(None);
    };
    let problem = |cause: String, code| {
        anyhow::Error::new(Problem {
            code,
            what: format!("cannot read the lock `{}`", path.display()),
            place: Place::default(),
            cause,
            hint: Some("make it with `imago resolve FILE --lock FILE`".to_owned()),
        })
    };
    // What a pod mounts of a ConfigMap is a link.
    let read = match links::real(path) {
        Ok(real) => Lock::read(&real),
        Err(FileError::Vanished) => Ok(None),
        Err(error) => Err(error.into()),
    };
    match read {
        Ok(Some(lock)) => Ok(Some((path.clone(), Arc::new(lock)))),
        Ok(None) => Err(problem("there is none".to_owned(), Code::NoLock)),
        Err(error) => Err(problem(error.to_string(), error.code())),
    }
}

fn resolve(
    fleet: &Arc<Fleet>,
    path: &Path,
    current: &Path,
    verbosity: Verbosity,
    printer: &mut Printer,
) -> anyhow::Result<u8> {
    let at = Workspace::of_the_process(current.to_owned());
    let named = LockUse {
        path: path.to_owned(),
        named: true,
        offline: false,
        prune: false,
        given: None,
    };
    let place = named.place(&at.root).map_err(|problem| *problem)?;
    let failed = |act: &str, error: &LockError| {
        anyhow::Error::new(crate::app::source::lock_problem(act, path, error))
    };
    // A lock that cannot be read or written must not cost a thousand questions.
    Lock::read(&place).map_err(|error| failed("read", &error))?;
    Lock::writable(&place).map_err(|error| failed("write", &error))?;
    let request = request(fleet, current, Shared::default());
    let reporting = Reporting::default();
    let quiet = Verbosity {
        detail: verbosity.detail.min(Detail::Normal),
        ..verbosity
    };
    let mut written = Written::new(fleet, &reporting, quiet, printer)?;
    written.only_problems = true;
    let lock = block_on(Asks::Registries, async {
        let note = |number, outcome| written.take(number, outcome);
        Ok(fleet::resolve(&request, current, note).await)
    })?;
    let done = written.counts.repositories - written.counts.failed;
    let (code, _) = written.end();
    if let Some(signal) = interrupt::noted() {
        // What some repositories say is not what all of them say.
        let name = path.display().to_string();
        let said = format!(
            "interrupted by {signal}: {} stays as it was\n",
            Printable(&name)
        );
        printer.print(To::Stderr, &said);
        return Ok(code);
    }
    lock::fill(&place, &lock).map_err(|error| failed("write", &error))?;
    if verbosity.detail != Detail::Quiet {
        let images = counted(lock.images.len(), "image");
        let of = match done {
            1 => "1 repository".to_owned(),
            count => format!("{count} repositories"),
        };
        let name = path.display().to_string();
        let said = format!("{images} of {of} in {}\n", Printable(&name));
        printer.print(To::Stdout, &said);
    }
    Ok(code)
}

/// What the runs on all repositories have in common.
#[derive(Default)]
struct Shared {
    /// The lock that answers instead of registries.
    lock: Option<Arc<Lock>>,
    /// Whether the report names the sources of what is updated.
    names_sources: bool,
}

fn request(fleet: &Arc<Fleet>, current: &Path, shared: Shared) -> FleetRequest {
    let (own, current) = (Arc::clone(fleet), current.to_owned());
    let prepare: Arc<Prepare> =
        Arc::new(move |number, clone| prepare(&own, number, clone, &current, &shared));
    FleetRequest {
        remotes: fleet.remotes.clone(),
        jobs: fleet.jobs,
        prepare,
    }
}

/// The request for a repository, with the settings of its tree.
fn prepare(
    fleet: &Fleet,
    number: usize,
    clone: &RemoteClone,
    current: &Path,
    shared: &Shared,
) -> Result<FilesRequest, Box<Problem>> {
    let mut flags = fleet.flags_of(number);
    remote::fill(&mut flags, clone, current).map_err(|refused| refusal(&refused))?;
    let outside = Outside {
        environment: fleet.remotes[number].environment.as_ref().clone(),
        ..fleet.outside.clone()
    };
    let request = settings::files_request(flags, &outside);
    let mut request = request.map_err(|usage| refusal(&Refused::Usage(usage)))?;
    request.reading.sources = shared.names_sources;
    // Registries have their time for each repository, and not for all of them together.
    request.lock.given = shared.lock.clone();
    let limits = &mut request.registries.limits;
    let repositories = u32::try_from(fleet.entries.len()).unwrap_or(u32::MAX);
    limits.run = Limits::default()
        .run
        .checked_mul(repositories)
        .unwrap_or(Duration::MAX / 4);
    Ok(request)
}

/// A mistake in what a repository's settings say, as what keeps it from being worked on.
fn refusal(refused: &Refused) -> Box<Problem> {
    let problem = |what: &str, cause: &str, hint: &str, place| {
        Box::new(Problem {
            code: Code::Usage,
            what: what.to_owned(),
            place,
            cause: cause.to_owned(),
            hint: Some(hint.to_owned()),
        })
    };
    match refused {
        Refused::Usage(usage) => problem(&usage.what, "", &usage.hint, Place::default()),
        Refused::Setting(mistake) | Refused::List(mistake) => {
            let Mistake {
                what,
                file,
                spot,
                hint,
            } = &**mistake;
            let line = spot.as_ref().map(|spot| spot.line);
            let place = Place {
                file: Some(file.clone()),
                line,
                ..Place::default()
            };
            let at = line.map_or_else(|| file.clone(), |line| format!("{file}:{line}"));
            problem(
                &format!("cannot use the settings `{at}`"),
                what,
                hint,
                place,
            )
        }
        Refused::Failed(problem) => problem.clone(),
        Refused::Asked(_) => problem("cannot work on the repository", "", "", Place::default()),
    }
}

/// The report as far as it is made: the parts in the order of the list, whichever run is over first.
struct Written<'w> {
    fleet: &'w Fleet,
    /// The form on stdout, how long it is, and how many repositories it has no room for.
    output: (FleetForm, usize, usize),
    /// The same of the files, with their texts.
    files: Vec<(FleetForm, String, usize)>,
    /// The reports that wait for one before them.
    waiting: BTreeMap<usize, Outcome>,
    next: usize,
    counts: Counts,
    worst: u8,
    verbosity: Verbosity,
    /// Whether a repository without problems is passed over.
    only_problems: bool,
    printer: &'w mut Printer,
}

type Outcome = Result<Report, Box<Problem>>;

impl<'w> Written<'w> {
    fn new(
        fleet: &'w Fleet,
        reporting: &Reporting,
        verbosity: Verbosity,
        printer: &'w mut Printer,
    ) -> anyhow::Result<Self> {
        let form = |format| settings::fleet::form(format).map_err(anyhow::Error::new);
        let output = form(reporting.output)?;
        let files = reporting.files.iter().map(|file| {
            let form = form(file.format)?;
            Ok((form, form.begin(), 0))
        });
        let files = files.collect::<anyhow::Result<_>>()?;
        let begin = output.begin();
        let mut written = Self {
            fleet,
            output: (output, 0, 0),
            files,
            waiting: BTreeMap::new(),
            next: 0,
            counts: Counts::default(),
            worst: DONE,
            verbosity,
            only_problems: false,
            printer,
        };
        written.print(&begin);
        Ok(written)
    }

    fn print(&mut self, text: &str) {
        let form = match self.output.0 {
            FleetForm::Json => Form::Json,
            FleetForm::Text | FleetForm::Markdown => Form::Text,
        };
        self.output.1 += text.len();
        self.printer.print_as(To::Stdout, text, form);
    }

    /// Takes what became of a repository.
    fn take(&mut self, number: usize, outcome: Outcome) {
        self.waiting.insert(number, outcome);
        while let Some(outcome) = self.waiting.remove(&self.next) {
            self.write(self.next, outcome);
            self.next += 1;
        }
    }

    fn write(&mut self, number: usize, mut outcome: Outcome) {
        match &mut outcome {
            Ok(report) => masked::report(report),
            Err(problem) => masked::problem(problem),
        }
        let code = match &outcome {
            Ok(report) if self.only_problems => match report.problems.is_empty() {
                true => DONE,
                false => PROBLEMS,
            },
            Ok(report) => super::exit_code(report),
            Err(_) => super::COULD_NOT_RUN,
        };
        self.worst = worse(self.worst, code);
        let entry = &self.fleet.entries[number];
        let branch = entry.branch();
        let place = format!("{}:{}", self.fleet.list, entry.line());
        let address = masked::sentence(entry.address());
        let part = Part {
            address: &address,
            branch: branch.as_deref(),
            place: &place,
            exit_code: code,
            outcome: &outcome,
        };
        self.counts.add(&part);
        if self.only_problems && code == DONE {
            return;
        }
        let styles = self.printer.styles(To::Stdout);
        let detail = match self.only_problems {
            true => Detail::Quiet,
            false => self.verbosity.detail,
        };
        let (form, written, _) = self.output;
        match form.part(&part, written, detail, &styles) {
            Some(text) => self.print(&text),
            None => self.output.2 += 1,
        }
        for (form, text, left_out) in &mut self.files {
            match form.part(&part, text.len(), Detail::Normal, &Styles::plain()) {
                Some(part) => text.push_str(&part),
                None => *left_out += 1,
            }
        }
    }

    /// Ends the report, and returns the worst exit code and the texts of the files.
    fn end(mut self) -> (u8, Vec<String>) {
        let is_said = self.verbosity.detail != Detail::Quiet && !self.only_problems;
        let (form, _, left_out) = self.output;
        if is_said || form != FleetForm::Text {
            let end = form.end(&self.counts, left_out);
            self.print(&end);
        }
        let texts = self.files.into_iter().map(|(form, text, left_out)| {
            let end = form.end(&self.counts, left_out);
            text + &end
        });
        (self.worst, texts.collect())
    }
}

/// 2 before 3 before 1.
fn worse(one: u8, other: u8) -> u8 {
    let rank = |code: u8| match code {
        DONE => 0,
        OUTDATED => 1,
        PROBLEMS => 2,
        _ => 3,
    };
    match rank(other) > rank(one) {
        true => other,
        false => one,
    }
}
