//! Flags in, text out.

pub mod args;
pub mod printer;
pub mod render;
pub mod settings;

use std::ffi::OsString;

use crate::app::report::{Action, Problem, Report};
use crate::app::resolve::Event;
use crate::app::{cluster, digest, files};
use crate::io::interrupt::{self, Interrupt};
use args::{Format, Refused, When};
use printer::{Printer, Progress, To};
use render::{json, problem, text};
use settings::{Detail, Outside, Settings, Voice};

/// It ran, whether or not something changed.
pub const DONE: u8 = 0;
/// `--check` found something outdated.
pub const OUTDATED: u8 = 1;
/// It could not run.
pub const COULD_NOT_RUN: u8 = 2;
/// It ran, and some workloads, files or images had problems.
pub const PROBLEMS: u8 = 3;

/// Runs the program and returns its exit code, which a signal that was waited with takes over. The arguments begin with the program's
/// name.
pub fn run(arguments: impl IntoIterator<Item = OsString>, outside: &Outside, printer: &mut Printer) -> u8 {
    printer.set_colour(settings::colour(When::Auto, outside));
    let code = match args::parse(arguments).and_then(|typed| settings::check(typed, outside).map_err(Refused::Usage)) {
        Ok(Settings::Files { request, format, voice }) => {
            run_report(format, voice, printer, |on_event| files::run(&request, on_event))
        }
        Ok(Settings::Cluster { request, format, voice, warnings }) => run_report(format, voice, printer, |on_event| {
            let mut report = cluster::run(&request, on_event)?;
            report.warnings.splice(0..0, warnings);
            Ok(report)
        }),
        Ok(Settings::Digest { request, voice }) => run_digest(&request, voice, printer),
        Err(Refused::Asked(text)) => {
            printer.print(To::Stdout, &styled(text, To::Stdout, printer));
            DONE
        }
        Err(Refused::Wrong(text)) => {
            let styles = printer.styles(To::Stderr);
            printer.print(To::Stderr, &problem::as_said(&text, &styles));
            COULD_NOT_RUN
        }
        Err(Refused::Usage(usage)) => {
            let styles = printer.styles(To::Stderr);
            printer.print(To::Stderr, &problem::failure(&usage.what, None, Some(&usage.hint), &styles));
            COULD_NOT_RUN
        }
    };
    let code = match printer.take_failure() {
        Some(error) => {
            let styles = printer.styles(To::Stderr);
            printer.print(To::Stderr, &problem::failure("cannot write the output", Some(&error.to_string()), None, &styles));
            COULD_NOT_RUN
        }
        None => code,
    };
    interrupt::noted().map_or(code, Interrupt::exit_code)
}

fn run_report(
    format: Format,
    voice: Voice,
    printer: &mut Printer,
    run: impl FnOnce(&mut dyn FnMut(Event)) -> anyhow::Result<Report>,
) -> u8 {
    printer.set_colour(voice.colour);
    let bar = bar(voice, printer);
    let result = run(&mut |event| bar.show(event));
    drop(bar);
    match result {
        Ok(report) => {
            print_report(&report, format, voice, printer);
            exit_code(&report)
        }
        Err(error) => fail(&error, printer),
    }
}

fn run_digest(request: &digest::Request, voice: Voice, printer: &mut Printer) -> u8 {
    printer.set_colour(voice.colour);
    let bar = bar(voice, printer);
    let result = digest::run(request, |event| bar.show(event));
    drop(bar);
    match result {
        Ok(digest::Digests { found, warnings }) => {
            let problems = text::digest_problems(&found);
            let styles = printer.styles(To::Stderr);
            if voice.detail >= Detail::More {
                let ways = found.iter().map(|found| (found.image.as_str(), found.way.as_slice()));
                printer.print(To::Stderr, &text::ways(ways, &styles));
            }
            printer.print(To::Stdout, &text::digests(&found));
            printer.print(To::Stderr, &problem::warnings(&warnings, &styles));
            printer.print(To::Stderr, &problem::problems(&problems, voice.detail, &styles));
            if problems.is_empty() { DONE } else { PROBLEMS }
        }
        Err(error) => fail(&error, printer),
    }
}

/// The result goes to stdout, which a diff has for itself; problems go to stderr, between what was looked at and what it comes to.
fn print_report(report: &Report, format: Format, voice: Voice, printer: &mut Printer) {
    let result = if report.diff.is_some() { To::Stderr } else { To::Stdout };
    if let Some(diff) = &report.diff {
        let styles = printer.styles(To::Stdout);
        if printer.is_terminal(To::Stdout) || styles != render::Styles::plain() {
            printer.print(To::Stdout, &text::diff_to_look_at(diff, &styles));
        } else {
            printer.print(To::Stdout, diff);
        }
    }
    let styles = printer.styles(result);
    let loud = voice.detail != Detail::Quiet;
    match format {
        Format::Json => printer.print(result, &json::report(report)),
        Format::Text if loud => printer.print(result, &text::body(report, voice.detail, &styles)),
        Format::Text => {}
    }
    // A program that reads JSON from stderr must find nothing else there: the problems are in it.
    if format == Format::Text || result == To::Stdout {
        let styles = printer.styles(To::Stderr);
        if voice.detail == Detail::Most {
            let ways = report.ways.iter().map(|(asked, steps)| (asked.as_str(), steps.as_slice()));
            printer.print(To::Stderr, &text::ways(ways, &styles));
        }
        printer.print(To::Stderr, &problem::warnings(&report.warnings, &styles));
        printer.print(To::Stderr, &problem::problems(&report.problems, voice.detail, &styles));
        if let Some(limit) = report.stopped_at {
            let what = format!("the plan has more changes than `--max-changes {limit}` allows");
            let hint = "look at what would change, then raise the limit or select less";
            printer.print(To::Stderr, &problem::failure(&what, None, Some(hint), &styles));
        }
    }
    if format == Format::Text && loud {
        printer.print(result, &text::summary(report, &styles));
    }
}

/// 2 before 3 before 1.
fn exit_code(report: &Report) -> u8 {
    match report {
        Report { stopped_at: Some(_), .. } => COULD_NOT_RUN,
        _ if !report.problems.is_empty() => PROBLEMS,
        Report { action: Action::Check, .. } if report.counts().outdated > 0 => OUTDATED,
        _ => DONE,
    }
}

/// Says why nothing could be done. A [`Problem`] brings its own hint.
fn fail(error: &anyhow::Error, printer: &mut Printer) -> u8 {
    let styles = printer.styles(To::Stderr);
    let text = match error.downcast_ref::<Problem>() {
        Some(problem) => problem::problems(std::slice::from_ref(problem), Detail::Normal, &styles),
        None => {
            let causes: Vec<String> = error.chain().skip(1).map(ToString::to_string).collect();
            problem::failure(&error.to_string(), Some(&causes.join(": ")), None, &styles)
        }
    };
    printer.print(To::Stderr, &text);
    COULD_NOT_RUN
}

fn bar(voice: Voice, printer: &Printer) -> Progress {
    if voice.detail == Detail::Quiet { Progress::hidden() } else { printer.progress() }
}

fn styled(text: clap::builder::StyledStr, to: To, printer: &Printer) -> String {
    let text = if printer.styles(to) == render::Styles::plain() { text.to_string() } else { text.ansi().to_string() };
    if text.ends_with('\n') { text } else { text + "\n" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::report::{Outcome, Place};
    use printer::kept::Kept;
    use render::samples;

    fn typed(line: &str) -> (u8, String, String) {
        let (stdout, stderr) = (Kept::default(), Kept::default());
        let mut printer = Printer::to_writers(stdout.clone(), stderr.clone());
        let code = run(line.split(' ').map(OsString::from), &Outside::default(), &mut printer);
        (code, stdout.text(), stderr.text())
    }

    fn printed(report: &Report, format: Format, detail: Detail) -> (String, String) {
        let (stdout, stderr) = (Kept::default(), Kept::default());
        let mut printer = Printer::to_writers(stdout.clone(), stderr.clone());
        print_report(report, format, Voice { detail, ..Voice::default() }, &mut printer);
        (stdout.text(), stderr.text())
    }

    fn with_a_problem() -> Report {
        let what = "cannot read `a.yaml`".into();
        let problem = Problem { code: "io", what, place: Place::default(), cause: "it is a folder".into(), hint: None };
        Report { problems: vec![problem], ..samples::updated() }
    }

    #[test]
    fn without_a_command_and_without_a_cluster_the_hint_names_both_modes() {
        let (code, stdout, stderr) = typed("imago");
        assert_eq!((code, stdout.as_str()), (COULD_NOT_RUN, ""));
        assert!(stderr.contains("--kubeconfig FILE") && stderr.contains("imago files"), "{stderr}");
    }

    #[test]
    fn help_and_version_are_a_result() {
        let (code, stdout, stderr) = typed("imago --version");
        assert_eq!((code, stdout, stderr), (DONE, format!("imago {}\n", env!("CARGO_PKG_VERSION")), String::new()));
        let (code, stdout, stderr) = typed("imago files --help");
        assert_eq!((code, stderr.as_str()), (DONE, ""));
        assert!(stdout.contains("--lock-prune") && stdout.ends_with('\n'), "{stdout}");
    }

    #[test]
    fn a_mistake_is_told_on_stderr_and_nothing_runs() {
        for (line, first) in [
            ("imago deploy/", "error: `deploy/` is no command\n"),
            ("imago files --dry-run", "error: `--dry-run` needs an action\n"),
            ("imago files --updat", "error: unexpected argument '--updat' found\n"),
            ("imago digest", "error: the following required arguments were not provided:\n"),
            ("imago files \u{1b}[2J --x", "error: unexpected argument '--x' found\n"),
        ] {
            let (code, stdout, stderr) = typed(line);
            assert_eq!((code, stdout.as_str()), (COULD_NOT_RUN, ""), "{line}");
            assert!(stderr.starts_with(first), "{line}: {stderr}");
        }
        assert!(!typed("imago files --\u{1b}[2J").2.contains('\u{1b}'));
    }

    #[test]
    fn problems_stand_on_stderr_beside_either_form() {
        let problem = "error: cannot read `a.yaml`\n  cause: it is a folder\n";
        let (stdout, stderr) = printed(&with_a_problem(), Format::Text, Detail::Normal);
        assert!(stdout.starts_with("checking deploy/web.yaml"), "{stdout}");
        assert_eq!(stderr, problem);
        let (stdout, stderr) = printed(&with_a_problem(), Format::Json, Detail::Normal);
        assert!(stdout.starts_with("{\n  \"version\": 1,"), "{stdout}");
        assert_eq!(stderr, problem);
    }

    #[test]
    fn warnings_are_always_told_and_ways_where_most_is_asked_for() {
        let mut report = samples::updated();
        report.warnings.push("look at\u{1b}this".into());
        report.ways.insert("web:1".into(), vec!["HEAD manifests/1 at registry.example.test: 200 OK".into()]);
        let warning = "warning: look at\\u{1b}this\n";
        assert_eq!(printed(&report, Format::Text, Detail::Quiet).1, warning);
        assert_eq!(printed(&report, Format::Text, Detail::More).1, warning);
        let ways = "asking for web:1:\n  HEAD manifests/1 at registry.example.test: 200 OK\n";
        assert_eq!(printed(&report, Format::Json, Detail::Most).1, format!("{ways}{warning}"));
    }

    #[test]
    fn a_diff_has_stdout_for_itself_byte_for_byte() {
        let diff = "--- a/x\n+++ b/x\n+\u{1b}\r\n".to_owned();
        let report = Report { diff: Some(diff.clone()), ..with_a_problem() };
        let (stdout, stderr) = printed(&report, Format::Text, Detail::Normal);
        assert_eq!(stdout, diff);
        assert!(stderr.starts_with("checking deploy/web.yaml") && stderr.contains("\nerror: cannot read"), "{stderr}");
        assert!(stderr.ends_with("; 1 problem\n"), "{stderr}");
        let (stdout, stderr) = printed(&report, Format::Json, Detail::Normal);
        assert_eq!(stdout, diff);
        assert!(serde_json::from_str::<serde_json::Value>(&stderr).is_ok(), "{stderr}");
    }

    #[test]
    fn quiet_leaves_problems_and_what_was_asked_for_by_name() {
        let problem = "error: cannot read `a.yaml`\n  cause: it is a folder\n";
        assert_eq!(printed(&with_a_problem(), Format::Text, Detail::Quiet), (String::new(), problem.to_owned()));
        assert_ne!(printed(&with_a_problem(), Format::Json, Detail::Quiet).0, "");
        let report = Report { diff: Some("d\n".into()), ..with_a_problem() };
        assert_eq!(printed(&report, Format::Text, Detail::Quiet), ("d\n".to_owned(), problem.to_owned()));
    }

    #[test]
    fn a_stopped_plan_is_shown_and_is_an_error() {
        let report = Report { stopped_at: Some(0), ..samples::updated() };
        let (stdout, stderr) = printed(&report, Format::Text, Detail::Normal);
        assert!(stdout.contains("app has to be updated"), "{stdout}");
        assert!(stderr.starts_with("error: the plan has more changes than `--max-changes 0` allows\n  hint: "), "{stderr}");
    }

    #[test]
    fn exit_codes_are_2_before_3_before_1() {
        let updated = samples::updated();
        let mut fine = updated.clone();
        fine.workloads[0].containers[0].outcome = Outcome::Ok;
        let check = |report: &Report| Report { action: Action::Check, ..report.clone() };
        for (report, code) in [
            (updated.clone(), DONE),
            (check(&updated), OUTDATED),
            (check(&fine), DONE),
            (check(&with_a_problem()), PROBLEMS),
            (with_a_problem(), PROBLEMS),
            (Report { stopped_at: Some(0), ..with_a_problem() }, COULD_NOT_RUN),
        ] {
            assert_eq!(exit_code(&report), code, "{report:?}");
        }
    }

    #[test]
    fn what_stops_the_run_has_its_causes_and_its_hint() {
        let told = |error: anyhow::Error| {
            let stderr = Kept::default();
            let code = fail(&error, &mut Printer::to_writers(Kept::default(), stderr.clone()));
            (code, stderr.text())
        };
        let error = anyhow::anyhow!("it is a folder").context("cannot read it").context("cannot use `imago.lock`");
        let text = "error: cannot use `imago.lock`\n  cause: cannot read it: it is a folder\n";
        assert_eq!(told(error), (COULD_NOT_RUN, text.to_owned()));
        let problem = Problem { hint: Some("run it".into()), ..with_a_problem().problems.remove(0) };
        let text = "error: cannot read `a.yaml`\n  cause: it is a folder\n  hint: run it\n";
        assert_eq!(told(problem.into()), (COULD_NOT_RUN, text.to_owned()));
    }
}
