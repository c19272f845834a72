//! The reports of a run: the one on stdout, and those that go to files.
//!
//! Files are written last, so that nothing that fails there takes the report from who reads stdout; but what can be seen of them is
//! looked at first, before the run does anything.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;

use super::args::{Format, ListFormat, TagsFormat};
use super::printer::{Form, Printer, To};
use super::render::basis::Basis;
use super::render::{
    Styles, counted, csv, docs, github, json, markdown, masked, problem, sarif, text,
};
use super::settings::{ReportFile, Reporting};
use super::verbosity::{Detail, Verbosity};
use crate::app::images::Inventory;
use crate::app::import::ImportReport;
use crate::app::report::{Place, Problem, Report, Skipped};
use crate::app::tags::{Tags, TagsRequest};
use crate::engine::code::Code;
use crate::io::files::{self, FileError};
use crate::io::links;
use crate::io::scan;

/// Whether every report can be expected to be written, each to a file of its own.
pub(super) fn prepare(reporting: &Reporting) -> anyhow::Result<()> {
    let root = basis().root;
    let mut taken = BTreeSet::new();
    for file in &reporting.files {
        let place = links::destination(&root, &file.path)
            .and_then(|place| files::puttable(&place).map(|()| place));
        let place = place.map_err(|error| unwritten(file, &error))?;
        if is_of_somebody(&place) {
            return Err(unwritten_because(
                file.path.display().to_string(),
                Code::Usage,
                "the file is a manifest or another YAML file, and no report of imago".to_owned(),
                Some("name another file, or remove that one first"),
            )
            .into());
        }
        if !is_special(&place) && !taken.insert(std::path::absolute(&place).unwrap_or(place)) {
            let name = file.path.display().to_string();
            let cause = "another report goes to the same file".to_owned();
            return Err(unwritten_because(
                name,
                Code::Usage,
                cause,
                Some("name another file for one of them"),
            )
            .into());
        }
    }
    Ok(())
}

/// Whether a pipe or a device is there, as may be behind `/dev/stdout`.
fn is_special(place: &Path) -> bool {
    place.metadata().is_ok_and(|metadata| !metadata.is_file())
}

/// Whether a file that no report of ours can be is at the place of one: a slip on the command line must not cost a manifest.
fn is_of_somebody(place: &Path) -> bool {
    let is_yaml = place.extension().is_some_and(|extension| {
        ["yaml", "yml"]
            .iter()
            .any(|yaml| extension.eq_ignore_ascii_case(yaml))
    });
    match files::read(place) {
        Ok(content) => !content.trim_ascii().is_empty() && (is_yaml || is_manifest(&content)),
        // It is new, or is no plain file.
        Err(_) => false,
    }
}

/// Whether a text has the two keys that every object of Kubernetes has. In a report they can stand within a line or a string alone.
fn is_manifest(content: &[u8]) -> bool {
    let has = |key: &[u8]| {
        content.split(|byte| b"\n\r{,".contains(byte)).any(|piece| {
            let piece = piece.trim_ascii_start();
            let piece = piece
                .strip_prefix(b"- ")
                .unwrap_or(piece)
                .trim_ascii_start();
            let piece = piece.strip_prefix(b"\"").unwrap_or(piece);
            piece
                .strip_prefix(key)
                .map(|rest| rest.strip_prefix(b"\"").unwrap_or(rest))
                .is_some_and(|rest| rest.trim_ascii_start().starts_with(b":"))
        })
    };
    has(b"apiVersion") && has(b"kind")
}

/// Prints the report and writes its files. `Err`: the first file that could not be written; all others are.
pub(super) fn write(
    report: &Report,
    reporting: &Reporting,
    verbosity: Verbosity,
    printer: &mut Printer,
) -> anyhow::Result<()> {
    let basis = match reporting.from_root {
        true => Basis::default(),
        false => basis(),
    };
    print(report, reporting.output, &basis, verbosity, printer);
    let mut outcome = Ok(());
    for file in &reporting.files {
        let rendered = rendered(
            report,
            file.format,
            &basis,
            Detail::Normal,
            &Styles::plain(),
        );
        outcome = outcome.and(put(file, &rendered, printer));
    }
    outcome
}

/// Ends the run, before anything is done, if a report would take the place of the lock.
pub(super) fn refuse_over_lock(reporting: &Reporting, lock: &Path) -> anyhow::Result<()> {
    let root = basis().root;
    let place = |path: &Path| {
        let place = links::destination(&root, path).ok()?;
        std::path::absolute(place).ok()
    };
    let lock = place(lock);
    match (reporting.files.iter()).find(|file| lock.is_some() && place(&file.path) == lock) {
        None => Ok(()),
        Some(file) => Err(unwritten_because(
            file.path.display().to_string(),
            Code::Usage,
            "it would replace the lock".to_owned(),
            Some("name another file for the report"),
        )
        .into()),
    }
}

/// Writes a text to the file of a report.
pub(super) fn put(file: &ReportFile, text: &str, printer: &Printer) -> anyhow::Result<()> {
    // Looked up again: a link may have taken its place while the run went on.
    let written = links::destination(&basis().root, &file.path).and_then(|place| {
        let text = match is_special(&place) {
            true => printer.guarded(text, form(file.format)),
            false => Cow::Borrowed(text),
        };
        files::put(&place, text.as_bytes())
    });
    written.map_err(|error| unwritten(file, &error).into())
}

/// Prints the policies that other tools' settings come to, and returns how many problems there were. What could not be brought over, and the
/// last line, go to stderr.
pub(super) fn import(report: &ImportReport, verbosity: Verbosity, printer: &mut Printer) -> usize {
    let policies = text::policies(&report.imported);
    printer.print_as(To::Stdout, &policies, Form::Own);
    let styles = printer.styles(To::Stderr);
    printer.print(To::Stderr, &text::remarks(&report.imported, &styles));
    let problems = problem::problems(&report.problems, verbosity.detail, &styles);
    printer.print(To::Stderr, &problems);
    let codes = report.problems.iter().map(|problem| problem.code);
    printer.print(To::Stderr, &docs::line(codes));
    if verbosity.detail != Detail::Quiet {
        let from = counted(report.files, "file");
        let rules = match report.imported.rules.len() {
            0 if report.files == 0 => {
                "no policy: no file has an ImagePolicy of Flux, annotations of Argo CD Image Updater or Keel, a Warehouse of Kargo, or settings of Renovate".to_owned()
            }
            0 => format!("no policy from {from}"),
            1 => format!("1 policy from {from}"),
            count => format!("{count} policies from {from}"),
        };
        let left = match report.imported.remarks.len() {
            0 => String::new(),
            count => format!("; {count} not brought over"),
        };
        printer.print(To::Stderr, &text::notes(&report.imported));
        printer.print(To::Stderr, &format!("{}{left}\n", rules));
    }
    report.problems.len()
}

/// Prints a repository's tags, and returns how many problems there were. Its last line, which only people need, goes to stderr.
pub(super) fn tags(
    tags: &Tags,
    request: &TagsRequest,
    format: TagsFormat,
    verbosity: Verbosity,
    printer: &mut Printer,
) -> usize {
    let mut problems = text::tags_problems(tags, request);
    problems.iter_mut().for_each(masked::problem);
    let styles = printer.styles(To::Stderr);
    if verbosity.detail >= Detail::More {
        let ways = tags.ways.iter();
        let ways = ways.map(|(asked, steps)| (asked.as_str(), steps.as_slice()));
        printer.print(To::Stderr, &text::ways(ways, &styles));
    }
    let (listed, form) = match format {
        TagsFormat::Text => {
            let styles = printer.styles(To::Stdout);
            (text::tags(tags, request, &styles), Form::Text)
        }
        TagsFormat::Json => (json::tags(tags, request, &problems), Form::Json),
    };
    printer.print_as(To::Stdout, &listed, form);
    printer.print(To::Stderr, &problem::warnings(&tags.warnings, &styles));
    printer.print(
        To::Stderr,
        &problem::problems(&problems, verbosity.detail, &styles),
    );
    let codes = problems.iter().map(|problem| problem.code);
    printer.print(To::Stderr, &docs::line(codes));
    if format == TagsFormat::Text && verbosity.detail != Detail::Quiet {
        let summary = text::tags_summary(tags, request, &styles);
        printer.print(To::Stderr, &summary);
    }
    problems.len()
}

/// Prints a list of images. Its last line, which only people need, goes to stderr.
pub(super) fn list(
    inventory: &Inventory,
    format: ListFormat,
    verbosity: Verbosity,
    printer: &mut Printer,
) {
    let styles = printer.styles(To::Stdout);
    let detail = verbosity.detail;
    let (listed, form) = match format {
        ListFormat::Text => (text::images(inventory, detail, &styles), Form::Text),
        ListFormat::Json => (json::images(inventory), Form::Json),
        ListFormat::Csv => (csv::images(inventory), Form::Text),
    };
    printer.print_as(To::Stdout, &listed, form);
    let styles = printer.styles(To::Stderr);
    let is_for_people = format == ListFormat::Text && detail != Detail::Quiet;
    if is_for_people && detail >= Detail::More {
        printer.print(To::Stderr, &text::aside(&inventory.report, &styles));
    }
    printer.print(To::Stderr, &problems(&inventory.report, detail, &styles));
    if is_for_people {
        printer.print(
            To::Stderr,
            &text::images_summary(inventory, detail, &styles),
        );
    }
}

/// The result goes to stdout, which a diff has for itself; problems go to stderr, between what was looked at and what it comes to.
fn print(
    report: &Report,
    format: Format,
    basis: &Basis,
    verbosity: Verbosity,
    printer: &mut Printer,
) {
    let result = if report.diff.is_some() {
        To::Stderr
    } else {
        To::Stdout
    };
    if let Some(diff) = &report.diff {
        let styles = printer.styles(To::Stdout);
        if printer.is_terminal(To::Stdout) || styles != Styles::plain() {
            printer.print(To::Stdout, &text::diff_to_look_at(diff, &styles));
        } else {
            printer.print_as(To::Stdout, diff, Form::Diff);
        }
    }
    let loud = verbosity.detail != Detail::Quiet;
    // Annotations stand beside the text that a step's log is read for. A program that reads another form from stderr must find nothing
    // else there: the problems are in it.
    let stream = match format {
        Format::Text => Some(result),
        Format::Github => Some(To::Stderr),
        Format::Json | Format::Sarif | Format::Markdown => None,
    };
    let styles = printer.styles(stream.unwrap_or(result));
    match stream {
        // A person who sees the diff needs no list of the same.
        Some(_) if is_diff_seen(report, verbosity, printer) => {}
        Some(to) if loud => printer.print(to, &text::body(report, verbosity.detail, &styles)),
        Some(_) => {}
        None => {
            let rendered = rendered(report, format, basis, verbosity.detail, &styles);
            printer.print_as(result, &rendered, form(format));
        }
    }
    if stream.is_some() || result == To::Stdout {
        print_problems(report, verbosity, printer);
    }
    if let Some(to) = stream.filter(|_| loud) {
        printer.print(to, &text::summary(report, verbosity.detail, &styles));
        printer.print(to, &text::docs_of_requests(report));
    }
    if format == Format::Github {
        printer.print_as(
            result,
            &rendered(report, format, basis, verbosity.detail, &Styles::plain()),
            form(format),
        );
    }
}

fn form(format: Format) -> Form {
    match format {
        Format::Text | Format::Markdown => Form::Text,
        Format::Json | Format::Sarif => Form::Json,
        Format::Github => Form::Own,
    }
}

fn is_diff_seen(report: &Report, verbosity: Verbosity, printer: &Printer) -> bool {
    has_diff_all(report) && verbosity.detail < Detail::More && printer.is_terminal(To::Stdout)
}

/// Whether the diff shows all that the body would: it has neither what is held under `--strict` nor the lock.
fn has_diff_all(report: &Report) -> bool {
    let names_held = report.strict && report.skipped.iter().any(Skipped::is_held);
    report.diff.is_some() && report.lock.is_empty() && !names_held
}

fn print_problems(report: &Report, verbosity: Verbosity, printer: &mut Printer) {
    let styles = printer.styles(To::Stderr);
    if verbosity.detail == Detail::Most {
        let ways = report
            .ways
            .iter()
            .map(|(asked, steps)| (asked.as_str(), steps.as_slice()));
        printer.print(To::Stderr, &text::ways(ways, &styles));
    }
    printer.print(To::Stderr, &problems(report, verbosity.detail, &styles));
}

/// Warnings and problems, and where the documentation explains the problems.
fn problems(report: &Report, detail: Detail, styles: &Styles) -> String {
    let mut text = problem::warnings(&report.detours, styles)
        + &problem::warnings(&report.warnings, styles)
        + &problem::problems(&report.problems, detail, styles);
    if let Some(limit) = report.stopped_at {
        let what = format!("the plan has more changes than `--max-changes {limit}` allows");
        let hint = "look at what would change, then raise the limit or select less";
        text += &problem::failure(&what, None, Some(hint), styles);
    }
    if report.failed_empty {
        let hint = "check the paths and the selection, or leave out `--fail-on-empty`";
        text += &problem::failure(
            "no image was checked, which `--fail-on-empty` does not allow",
            None,
            Some(hint),
            styles,
        );
    }
    if detail == Detail::Quiet {
        return text;
    }
    let codes = report.problems.iter().map(|problem| problem.code);
    let stopped = report.stopped_at.map(|_| Code::MaxChanges);
    let empty = report.failed_empty.then_some(Code::Empty);
    text + &docs::line(codes.chain(stopped).chain(empty))
}

/// The report in one form, whole.
fn rendered(
    report: &Report,
    format: Format,
    basis: &Basis,
    detail: Detail,
    styles: &Styles,
) -> String {
    match format {
        Format::Text => {
            text::body(report, detail, styles)
                + &problems(report, detail, styles)
                + &text::summary(report, detail, styles)
        }
        Format::Json => json::report(report),
        Format::Github => github::report(report, basis),
        Format::Sarif => sarif::report(report, basis),
        Format::Markdown => markdown::report(report),
    }
}

/// Where the run stands. A folder that is gone has no name, and names then stay as they are.
fn basis() -> Basis {
    let current = std::env::current_dir().unwrap_or_default();
    let root = scan::repository_root(&current).unwrap_or_else(|| current.clone());
    Basis { current, root }
}

fn unwritten(file: &ReportFile, error: &FileError) -> Problem {
    let name = file.path.display().to_string();
    let hint = match error {
        FileError::NotRegular(_)
        | FileError::ReadOnly(_)
        | FileError::ReadOnlySystem
        | FileError::InsideGit => Some("name another file"),
        error => error.hint(),
    };
    unwritten_because(name, error.code(), error.to_string(), hint)
}

fn unwritten_because(name: String, code: Code, cause: String, hint: Option<&str>) -> Problem {
    let what = format!("cannot write the report `{name}`");
    Problem {
        code,
        what,
        place: Place::default(),
        cause,
        hint: hint.map(str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::printer::kept::Kept;
    use crate::cli::render::samples;

    fn printed(report: &Report, format: Format, detail: Detail) -> (String, String) {
        let (stdout, stderr) = (Kept::default(), Kept::default());
        let mut printer = Printer::to_writers(stdout.clone(), stderr.clone());
        print(
            report,
            format,
            &Basis::default(),
            Verbosity {
                detail,
                ..Verbosity::default()
            },
            &mut printer,
        );
        (stdout.text(), stderr.text())
    }

    #[test]
    fn problems_stand_on_stderr_beside_either_form() {
        let problem = format!(
            "error: cannot read `a.yaml`\n  cause: it is a folder\n{}",
            docs::line([Code::Io])
        );
        let (stdout, stderr) = printed(&samples::with_a_problem(), Format::Text, Detail::Normal);
        assert!(stdout.starts_with("deploy/web.yaml:21  app  "), "{stdout}");
        assert_eq!(stderr, problem);
        let (stdout, stderr) = printed(&samples::with_a_problem(), Format::Json, Detail::Normal);
        assert!(stdout.starts_with("{\n  \"version\": 1,"), "{stdout}");
        assert_eq!(stderr, problem);
    }

    #[test]
    fn warnings_are_always_told_and_ways_where_most_is_asked_for() {
        let mut report = samples::updated();
        report.warnings.push("look at\u{1b}this".into());
        report.ways.insert(
            "web:1".into(),
            vec!["HEAD manifests/1 at registry.example.test: 200 OK".into()],
        );
        let warning = "warning: look at\\u{1b}this\n";
        assert_eq!(printed(&report, Format::Text, Detail::Quiet).1, warning);
        assert_eq!(printed(&report, Format::Text, Detail::More).1, warning);
        let ways = "asking for web:1:\n  HEAD manifests/1 at registry.example.test: 200 OK\n";
        assert_eq!(
            printed(&report, Format::Json, Detail::Most).1,
            format!("{ways}{warning}")
        );
    }

    #[test]
    fn a_diff_has_stdout_for_itself_byte_for_byte() {
        let diff = "--- a/x\n+++ b/x\n+\u{1b}\r\n".to_owned();
        let report = Report {
            diff: Some(diff.clone()),
            ..samples::with_a_problem()
        };
        let (stdout, stderr) = printed(&report, Format::Text, Detail::Normal);
        assert_eq!(stdout, diff);
        assert!(
            stderr.starts_with("deploy/web.yaml:21  app  ")
                && stderr.contains("\nerror: cannot read"),
            "{stderr}"
        );
        assert!(stderr.ends_with("; 1 problem\n"), "{stderr}");
        let (stdout, stderr) = printed(&report, Format::Json, Detail::Normal);
        assert_eq!(stdout, diff);
        assert!(
            serde_json::from_str::<serde_json::Value>(&stderr).is_ok(),
            "{stderr}"
        );
    }

    #[test]
    fn quiet_leaves_problems_and_what_was_asked_for_by_name() {
        let problem = "error: cannot read `a.yaml`\n  cause: it is a folder\n";
        assert_eq!(
            printed(&samples::with_a_problem(), Format::Text, Detail::Quiet),
            (String::new(), problem.to_owned())
        );
        assert_ne!(
            printed(&samples::with_a_problem(), Format::Json, Detail::Quiet).0,
            ""
        );
        let report = Report {
            diff: Some("d\n".into()),
            ..samples::with_a_problem()
        };
        assert_eq!(
            printed(&report, Format::Text, Detail::Quiet),
            ("d\n".to_owned(), problem.to_owned())
        );
    }

    #[test]
    fn a_stopped_plan_is_shown_and_is_an_error() {
        let report = Report {
            stopped_at: Some(0),
            ..samples::updated()
        };
        let (stdout, stderr) = printed(&report, Format::Text, Detail::Normal);
        assert!(
            stdout.contains("  app  registry.example.test/web:1.4 -> sha256:666666666666\n"),
            "{stdout}"
        );
        assert!(
            stderr.starts_with(
                "error: the plan has more changes than `--max-changes 0` allows\n  hint: "
            ),
            "{stderr}"
        );
    }

    #[test]
    fn annotations_have_stdout_and_the_words_for_people_stderr() {
        let (stdout, stderr) = printed(&samples::with_a_problem(), Format::Github, Detail::Normal);
        assert!(
            stdout.lines().all(|line| line.starts_with("::")) && stdout.lines().count() == 2,
            "{stdout}"
        );
        assert!(
            stderr.starts_with("deploy/web.yaml:21  app  ") && stderr.ends_with("; 1 problem\n"),
            "{stderr}"
        );
        let (stdout, stderr) = printed(&samples::with_a_problem(), Format::Github, Detail::Quiet);
        assert!(
            stdout.starts_with("::error")
                && stderr.starts_with("error: ")
                && !stderr.contains("  app  "),
            "{stderr}"
        );
        let report = Report {
            diff: Some("d\n".into()),
            ..samples::with_a_problem()
        };
        let (stdout, stderr) = printed(&report, Format::Github, Detail::Normal);
        assert_eq!(stdout, "d\n");
        assert!(stderr.contains("\n::error "), "{stderr}");
    }

    #[test]
    fn what_a_program_reads_stands_alone_beside_a_diff() {
        let report = Report {
            diff: Some("d\n".into()),
            ..samples::with_a_problem()
        };
        for format in [Format::Json, Format::Sarif] {
            let (_, stderr) = printed(&report, format, Detail::Normal);
            assert!(
                serde_json::from_str::<serde_json::Value>(&stderr).is_ok(),
                "{stderr}"
            );
        }
        assert!(
            printed(&report, Format::Markdown, Detail::Normal)
                .1
                .starts_with("**imago**")
        );
    }

    #[test]
    fn a_report_that_cannot_be_written_takes_no_other_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| ReportFile {
            format: Format::Json,
            path: folder.path().join(name),
        };
        let reporting = Reporting {
            output: Format::Text,
            files: vec![file("none/a"), file("b")],
            from_root: false,
        };
        let error = prepare(&reporting).unwrap_err();
        assert_eq!(
            error.downcast::<Problem>().unwrap().cause,
            "its folder is not there"
        );
        let stdout = Kept::default();
        let mut printer = Printer::to_writers(stdout.clone(), Kept::default());
        let error = write(
            &samples::updated(),
            &reporting,
            Verbosity::default(),
            &mut printer,
        )
        .unwrap_err();
        assert!(
            error.to_string().starts_with("cannot write the report `"),
            "{error}"
        );
        assert!(stdout.text().starts_with("deploy/web.yaml:21  app  "));
        let path = folder.path().join("b");
        assert!(
            std::fs::read_to_string(path)
                .unwrap()
                .starts_with("{\n  \"version\": 1,")
        );
    }

    #[test]
    fn a_diff_does_not_show_what_is_held_or_what_the_lock_has() {
        let with = |strict: bool, code: Code| {
            let mut report = samples::updated();
            report.diff = Some(String::new());
            report.strict = strict;
            report.lock.clear();
            report.skipped = vec![Skipped {
                code,
                place: Place::default(),
                message: String::new(),
            }];
            report
        };
        assert!(has_diff_all(&with(true, Code::Template)));
        assert!(has_diff_all(&with(false, Code::JobImmutable)));
        assert!(!has_diff_all(&with(true, Code::JobImmutable)));
    }
}
