//! Flags in, text out.

pub mod args;
pub mod config;
mod fleet;
mod init;
mod manual;
pub mod printer;
pub mod refused;
mod remote;
pub mod render;
mod reports;
mod runtime;
pub mod settings;
#[cfg(test)]
mod tests;
pub mod verbosity;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;

use crate::app::observer::{Event, Observer};
use crate::app::remote::RemoteClone;
use crate::app::report::{Action, Problem, Report};
use crate::app::workspace::{Workspace, WorkspaceKind};
use crate::app::{cluster, digest, files, images, import, tags};
use crate::io::interrupt::{self, Interrupt};
use crate::io::registry::Detours;
use args::{Command, Configuration, Format, ListFormat, TagsFormat, When};
use printer::{Form, Printer, Progress, To};
use refused::{Mistake, Refused};
use render::{Printable, docs, masked, problem, text};
use runtime::{Asks, block_on};
use settings::{ImagesOf, Outside, Reporting, Settings};
use verbosity::{Detail, Verbosity};

/// It ran, whether or not something changed.
pub const DONE: u8 = 0;
/// `--check` found something outdated.
pub const OUTDATED: u8 = 1;
/// It could not run.
pub const COULD_NOT_RUN: u8 = 2;
/// It ran, and some objects, files or images had problems.
pub const PROBLEMS: u8 = 3;

/// Runs the program and returns its exit code, which a signal that was waited with takes over. The arguments begin with the program's
/// name.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    outside: &Outside,
    printer: &mut Printer,
) -> u8 {
    printer.set_colour(settings::colour(When::Auto, outside));
    if let Some(runner) = settings::runner(outside) {
        printer.guard_from(runner);
    }
    let current = std::env::current_dir();
    let typed_in = current.as_deref().unwrap_or(Path::new(""));
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let code = match read(arguments.clone(), typed_in, outside, printer) {
        Ok((
            Settings::Files {
                request,
                reporting,
                verbosity,
            },
            clone,
        )) => {
            let heading = Heading::Detours(request.registries.detours.clone());
            let asks = match (request.asks_registries(), request.opens_requests()) {
                (true, _) => Asks::Registries,
                (false, true) => Asks::Forge,
                (false, false) => Asks::Nobody,
            };
            let at = match &clone {
                Some(clone) => Ok(clone.workspace().clone()),
                None => current
                    .map(Workspace::of_the_process)
                    .context("cannot tell the current folder"),
            };
            // A bare repository has no files to update.
            let is_tree = |at: &Workspace| at.kind == WorkspaceKind::WorkingTree;
            let typed = at.as_ref().is_ok_and(is_tree).then_some(&arguments[..]);
            run_report(&reporting, verbosity, heading, typed, printer, |observer| {
                block_on(asks, files::run(&request, &at?, observer))
            })
        }
        Ok((
            Settings::Cluster {
                request,
                reporting,
                verbosity,
                warnings,
            },
            _,
        )) => run_report(
            &reporting,
            verbosity,
            Heading::Warnings(warnings),
            Some(&arguments),
            printer,
            |observer| {
                let at = Workspace::of_the_process(current.unwrap_or_default());
                block_on(Asks::ApiServer, cluster::run(&request, &at, observer))
            },
        ),
        Ok((
            Settings::Images {
                of,
                format,
                verbosity,
            },
            _,
        )) => {
            let at = current.context("cannot tell the current folder");
            run_images(
                &of,
                at.map(Workspace::of_the_process),
                format,
                verbosity,
                printer,
            )
        }
        Ok((
            Settings::Init {
                request,
                consent,
                verbosity,
            },
            _,
        )) => {
            printer.set_colour(verbosity.colour);
            let current = current.context("cannot tell the current folder");
            let set_up = current.and_then(|current| {
                let at = Workspace::of_the_process(current);
                init::run(&request, &at, consent, verbosity, printer)
            });
            match set_up {
                Ok(()) => DONE,
                Err(error) => fail(&error, printer),
            }
        }
        Ok((Settings::Digest { request, verbosity }, _)) => {
            let at = Workspace::of_the_process(current.unwrap_or_default());
            run_digest(&request, &at, verbosity, printer)
        }
        Ok((Settings::Import { request, verbosity }, _)) => {
            printer.set_colour(verbosity.colour);
            let current = current.context("cannot tell the current folder");
            let report = current
                .and_then(|current| import::run(&request, &Workspace::of_the_process(current)));
            match report {
                Ok(report) => match reports::import(&report, verbosity, printer) {
                    0 => DONE,
                    _ => PROBLEMS,
                },
                Err(error) => fail(&error, printer),
            }
        }
        Ok((
            Settings::Tags {
                request,
                format,
                verbosity,
            },
            _,
        )) => {
            let at = Workspace::of_the_process(current.unwrap_or_default());
            run_tags(&request, &at, format, verbosity, printer)
        }
        Ok((Settings::Fleet { fleet, verbosity }, _)) => {
            match current.context("cannot tell the current folder") {
                Ok(current) => fleet::run(&fleet, &current, verbosity, printer),
                Err(error) => fail(&error, printer),
            }
        }
        Ok((Settings::Text(text), _)) => {
            printer.print_as(To::Stdout, &text, Form::Own);
            DONE
        }
        Err(Refused::Asked(text)) => {
            printer.print(To::Stdout, &styled(text, To::Stdout, printer));
            DONE
        }
        Err(Refused::Usage(usage)) => {
            let styles = printer.styles(To::Stderr);
            printer.print(
                To::Stderr,
                &problem::failure(&usage.what, None, Some(&usage.hint), &styles),
            );
            COULD_NOT_RUN
        }
        Err(Refused::Setting(mistake)) => mistaken(&mistake, "settings.md", printer),
        Err(Refused::List(mistake)) => mistaken(&mistake, "fleet.md", printer),
        Err(Refused::Failed(problem)) => fail(&anyhow::Error::new(*problem), printer),
    };
    let code = match printer.take_failure() {
        Some(error) => {
            let styles = printer.styles(To::Stderr);
            printer.print(
                To::Stderr,
                &problem::failure(
                    "cannot write the output",
                    Some(&error.to_string()),
                    None,
                    &styles,
                ),
            );
            COULD_NOT_RUN
        }
        None => code,
    };
    interrupt::noted().map_or(code, Interrupt::exit_code)
}

/// Says a mistake in a file, and which page describes the file.
fn mistaken(mistake: &Mistake, page: &str, printer: &mut Printer) -> u8 {
    let styles = printer.styles(To::Stderr);
    printer.print(To::Stderr, &problem::mistake(mistake, &styles));
    if mistake.hint == config::LIKE_THIS {
        printer.print(To::Stderr, config::EXAMPLE);
    }
    printer.print(To::Stderr, &format!("docs: {}\n", docs::page(page)));
    COULD_NOT_RUN
}

/// The command line, with the repository's settings for what it leaves open, and the clone of a repository that is named by its address.
fn read(
    arguments: impl IntoIterator<Item = OsString>,
    current: &Path,
    outside: &Outside,
    printer: &mut Printer,
) -> Result<(Settings, Option<RemoteClone>), Refused> {
    let mut typed = args::parse(arguments)?;
    if matches!(typed.command, Command::Fleet(_) | Command::Resolve(_)) {
        return Ok((fleet::read(typed, outside, current)?, None));
    }
    if let Command::Files(flags) = &mut typed.command
        && let Some(request) =
            settings::remote::request(flags, outside, current).map_err(Refused::Usage)?
    {
        // A mistake in the flags must not cost a clone.
        settings::check_files(flags, outside).map_err(Refused::Usage)?;
        let clone = remote::open(flags, &request, current)?;
        let outside = Outside {
            environment: request.environment.as_ref().clone(),
            ..outside.clone()
        };
        let mut settings = settings::check(typed, &outside).map_err(Refused::Usage)?;
        if let Settings::Files { reporting, .. } = &mut settings {
            reporting.from_root = true;
        }
        return Ok((settings, Some(clone)));
    }
    let settings = read_here(typed, current, outside, printer)?;
    Ok((settings, None))
}

/// As [`read`], with the settings of the repository that the process stands in.
fn read_here(
    mut typed: args::Typed,
    current: &Path,
    outside: &Outside,
    printer: &mut Printer,
) -> Result<Settings, Refused> {
    let configuration = match &typed.command {
        Command::Files(flags) => &flags.configuration,
        Command::Digest(flags) => &flags.configuration,
        Command::Tags(flags) => &flags.configuration,
        Command::Images(flags) if flags.cluster_flag().is_none() => &flags.configuration,
        Command::Images(_)
        | Command::Cluster(_)
        | Command::Fleet(_)
        | Command::Resolve(_)
        | Command::Import(_)
        | Command::Init(_)
        | Command::Completions { .. }
        | Command::Help { .. }
        | Command::Man { .. } => {
            return settings::check(typed, outside).map_err(Refused::Usage);
        }
    };
    let config = match configuration {
        Configuration {
            no_config: true, ..
        } => None,
        Configuration { config: named, .. } => {
            let here = [PathBuf::from(".")];
            let paths = match &typed.command {
                Command::Files(flags) if !flags.paths.is_empty() => &flags.paths,
                Command::Images(flags) if !flags.paths.is_empty() => &flags.paths,
                _ => &here[..],
            };
            let at = Workspace::at(current.to_owned()).of_paths(paths);
            let read = match (named, at) {
                (None, Ok(at)) if at.kind == WorkspaceKind::Bare => {
                    config::read_of_head(&at.root, false)
                }
                _ => config::read(named.as_deref(), current),
            };
            read.map_err(|mistake| Refused::Setting(Box::new(mistake)))?
        }
    };
    if let Some(config) = config {
        match &mut typed.command {
            Command::Files(flags) => config.fill_files(flags).map_err(Refused::Usage)?,
            Command::Digest(flags) => config.fill_digest(flags).map_err(Refused::Usage)?,
            Command::Tags(flags) => config.fill_tags(flags),
            Command::Images(flags) => {
                let mut files = flags.files();
                config.fill_selection(&mut files).map_err(Refused::Usage)?;
                flags.filled = Some(files);
            }
            Command::Cluster(_)
            | Command::Fleet(_)
            | Command::Resolve(_)
            | Command::Import(_)
            | Command::Init(_)
            | Command::Completions { .. }
            | Command::Help { .. }
            | Command::Man { .. } => {}
        }
        if typed.verbosity.verbose > 0 {
            printer.print(
                To::Stderr,
                &format!("settings come from {}\n", Printable(&config.name)),
            );
        }
    }
    settings::check(typed, outside).map_err(Refused::Usage)
}

/// What a report says before all else.
enum Heading {
    /// Which of these entries of the settings came to decide who answered.
    Detours(Detours),
    /// What a person should know about the flags.
    Warnings(Vec<String>),
}

impl Heading {
    fn warnings(self) -> Vec<String> {
        match self {
            Self::Detours(detours) => detours.used(),
            Self::Warnings(warnings) => warnings,
        }
    }
}

/// Runs, and says what was found. A check of the line `typed` that fails says what to type next.
fn run_report(
    reporting: &Reporting,
    verbosity: Verbosity,
    heading: Heading,
    typed: Option<&[OsString]>,
    printer: &mut Printer,
    run: impl FnOnce(&dyn Observer) -> anyhow::Result<Report>,
) -> u8 {
    printer.set_colour(verbosity.colour);
    if let Err(error) = reports::prepare(reporting) {
        return fail(&error, printer);
    }
    let bar = bar(verbosity, printer);
    let result = {
        let printer = Mutex::new(&mut *printer);
        run(&|event| match event {
            Event::Connected { to } if verbosity.detail != Detail::Quiet => {
                let mut printer = printer.lock().unwrap_or_else(PoisonError::into_inner);
                let to = masked::sentence(&to);
                printer.print(To::Stderr, &format!("{}\n", Printable(&to)));
            }
            event => bar.show(event),
        })
    };
    drop(bar);
    let report = match result {
        Ok(mut report) => {
            match heading {
                Heading::Detours(detours) => report.detours = detours.used(),
                Heading::Warnings(warnings) => drop(report.warnings.splice(0..0, warnings)),
            }
            masked::report(&mut report);
            report
        }
        Err(error) => return fail_with(&heading.warnings(), &error, printer),
    };
    let code = match reports::write(&report, reporting, verbosity, printer) {
        Ok(()) => exit_code(&report),
        Err(error) => fail(&error, printer),
    };
    let is_read = matches!(reporting.output, Format::Text | Format::Github)
        && verbosity.detail != Detail::Quiet;
    if code == OUTDATED
        && is_read
        && has_to_be_updated(&report)
        && let Some(next) = typed.and_then(args::after_check)
    {
        let next = masked::sentence(&next);
        printer.print(To::Stderr, &format!("next: {}\n", Printable(&next)));
    }
    // The process is about to end, and freeing the report of many thousand objects would take longer.
    std::mem::forget(report);
    code
}

fn run_images(
    of: &ImagesOf,
    at: anyhow::Result<Workspace>,
    format: ListFormat,
    verbosity: Verbosity,
    printer: &mut Printer,
) -> u8 {
    printer.set_colour(verbosity.colour);
    let listed = at.and_then(|at| match of {
        ImagesOf::Files(request) => images::in_files(request, &at),
        ImagesOf::Cluster(request) => block_on(Asks::ApiServer, images::in_cluster(request, &at)),
    });
    match listed {
        Ok(mut inventory) => {
            masked::report(&mut inventory.report);
            reports::list(&inventory, format, verbosity, printer);
            match inventory.report.problems.is_empty() {
                true => DONE,
                false => PROBLEMS,
            }
        }
        Err(error) => fail(&error, printer),
    }
}

fn run_digest(
    request: &digest::DigestRequest,
    at: &Workspace,
    verbosity: Verbosity,
    printer: &mut Printer,
) -> u8 {
    printer.set_colour(verbosity.colour);
    let bar = bar(verbosity, printer);
    let asks = match request.lock.offline {
        true => Asks::Nobody,
        false => Asks::Registries,
    };
    let result = block_on(asks, digest::run(request, at, &|event| bar.show(event)));
    drop(bar);
    let mut warnings = request.registries.detours.used();
    match result {
        Ok(digest::Digests {
            found,
            warnings: more,
        }) => {
            let problems = text::digest_problems(&found);
            let styles = printer.styles(To::Stderr);
            if verbosity.detail >= Detail::More {
                let ways = found
                    .iter()
                    .map(|found| (found.image.as_str(), found.way.as_slice()));
                printer.print(To::Stderr, &text::ways(ways, &styles));
            }
            printer.print(To::Stdout, &text::digests(&found));
            warnings.extend(more);
            printer.print(To::Stderr, &problem::warnings(&warnings, &styles));
            printer.print(
                To::Stderr,
                &problem::problems(&problems, verbosity.detail, &styles),
            );
            let codes = problems.iter().map(|problem| problem.code);
            printer.print(To::Stderr, &docs::line(codes));
            if problems.is_empty() { DONE } else { PROBLEMS }
        }
        Err(error) => fail_with(&warnings, &error, printer),
    }
}

fn run_tags(
    request: &tags::TagsRequest,
    at: &Workspace,
    format: TagsFormat,
    verbosity: Verbosity,
    printer: &mut Printer,
) -> u8 {
    printer.set_colour(verbosity.colour);
    let bar = bar(verbosity, printer);
    let result = block_on(
        Asks::Registries,
        tags::run(request, at, &|event| bar.show(event)),
    );
    drop(bar);
    let detours = request.registries.detours.used();
    match result {
        Ok(mut tags) => {
            tags.warnings.splice(0..0, detours);
            masked::sentences(&mut tags.warnings);
            match reports::tags(&tags, request, format, verbosity, printer) {
                0 => DONE,
                _ => PROBLEMS,
            }
        }
        Err(error) => fail_with(&detours, &error, printer),
    }
}

/// Whether a check has found what an update changes, and not only what is held.
fn has_to_be_updated(report: &Report) -> bool {
    let counts = report.counts();
    counts.outdated + counts.unpinned > 0 || !report.lock.is_empty()
}

/// 2 before 3 before 1.
fn exit_code(report: &Report) -> u8 {
    match report {
        Report {
            stopped_at: Some(_),
            ..
        }
        | Report {
            failed_empty: true, ..
        } => COULD_NOT_RUN,
        _ if !report.problems.is_empty() => PROBLEMS,
        Report {
            action: Action::Check,
            ..
        } if has_to_be_updated(report) => OUTDATED,
        Report { lock, .. } if !lock.is_empty() => OUTDATED,
        Report {
            strict: true,
            skipped,
            ..
        } if skipped.iter().any(|skipped| skipped.is_held()) => OUTDATED,
        _ => DONE,
    }
}

/// As [`fail`], of a run that may have asked somebody before it failed.
fn fail_with(warnings: &[String], error: &anyhow::Error, printer: &mut Printer) -> u8 {
    let styles = printer.styles(To::Stderr);
    printer.print(To::Stderr, &problem::warnings(warnings, &styles));
    fail(error, printer)
}

/// Says why nothing could be done. A [`Problem`] brings its own hint.
fn fail(error: &anyhow::Error, printer: &mut Printer) -> u8 {
    let styles = printer.styles(To::Stderr);
    let boxed = || error.downcast_ref::<Box<Problem>>().map(AsRef::as_ref);
    let text = match error.downcast_ref::<Problem>().or_else(boxed) {
        Some(problem) => {
            problem::problems(std::slice::from_ref(problem), Detail::Normal, &styles)
                + &docs::line([problem.code])
        }
        None => {
            let causes: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
            problem::failure(&error.to_string(), Some(&causes.join(": ")), None, &styles)
        }
    };
    printer.print(To::Stderr, &text);
    COULD_NOT_RUN
}

fn bar(verbosity: Verbosity, printer: &Printer) -> Progress {
    if verbosity.detail == Detail::Quiet {
        Progress::hidden()
    } else {
        printer.progress()
    }
}

fn styled(text: clap::builder::StyledStr, to: To, printer: &Printer) -> String {
    let text = if printer.styles(to) == render::Styles::plain() {
        text.to_string()
    } else {
        text.ansi().to_string()
    };
    if text.ends_with('\n') {
        text
    } else {
        text + "\n"
    }
}
