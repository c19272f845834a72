//! The message for a run that checked no image, so that it does not look like a success.

use super::report::{ImageReport, Mode, Report};
use super::short::counted;
use crate::engine::code::Code;

/// Why no image was checked, and what to do, in one sentence. `None` if one was checked, or if a problem or the list of empty
/// namespaces says it already.
pub(super) fn checked(report: &Report) -> Option<String> {
    if report.objects.iter().any(|object| object.is_checked()) || !report.problems.is_empty() {
        return None;
    }
    let why = match (report.mode, report.objects.is_empty()) {
        (_, false) => of_objects(report),
        (Mode::Cluster, true) => of_cluster(report)?,
        (Mode::Files, true) => of_files(report),
        (Mode::Stdin, true) => of_stdin(report),
    };
    Some(format!("no image was checked: {why}"))
}

/// Why a list of the images of files has none. `None`: a problem, or the warning on an empty namespace, says it.
pub(super) fn found(report: &Report) -> Option<String> {
    let why = match report.mode {
        Mode::Cluster => return None,
        Mode::Files => of_files(report),
        Mode::Stdin => of_stdin(report),
    };
    let is_due = report.problems.is_empty();
    is_due.then(|| format!("no image was found: {why}"))
}

/// Objects were taken, and none of their images was looked up.
fn of_objects(report: &Report) -> String {
    let counts = report.counts();
    let objects = counted(report.objects.len(), report.mode.object());
    let codes = report.images().map(ImageReport::code);
    let decided = codes.filter(|code| *code == Some(Code::DecidedBy)).count();
    let reasons = [
        (
            decided,
            "decided by a kustomization",
            "name its folder, too",
        ),
        (
            counts.ignored - decided,
            "left out",
            "check the globs, annotations and comments that leave images out",
        ),
        (
            counts.variable,
            "not an image yet",
            "check what fills it in",
        ),
        (
            counts.fixed,
            "on a fixed digest",
            match report.fixed_with_tag() == counts.fixed {
                true => "`--track tag` follows the tag beside it",
                false => "write its tag before the digest, and `--track tag` follows it",
            },
        ),
        // The last line has the codes.
        (counts.held, "held back", ""),
    ];
    let given: Vec<_> = reasons
        .into_iter()
        .filter(|(count, ..)| *count > 0)
        .collect();
    match &given[..] {
        [] => format!("no image is in {objects}; look at their lists of containers"),
        [(count, what, hint)] => {
            let images = counted(*count, "image");
            let said = format!("{images} in {objects} {} {what}; {hint}", verb(*count));
            said.trim_end_matches("; ").to_owned()
        }
        several => {
            let listed: Vec<String> = several
                .iter()
                .map(|(count, what, _)| format!("{count} {} {what}", verb(*count)))
                .collect();
            format!(
                "of {} in {objects}, {}",
                counted(counts.images, "image"),
                listed.join(", ")
            )
        }
    }
}

/// An empty namespace has been reported when it was listed.
fn of_cluster(report: &Report) -> Option<String> {
    let managed = report
        .skipped
        .iter()
        .filter(|skipped| skipped.code == Code::Managed)
        .count();
    let workloads = counted(managed, "workload");
    (managed > 0)
        .then(|| format!("something else writes the {workloads} found; `--managed` takes them too"))
}

fn of_stdin(report: &Report) -> String {
    if let Some(why) = of_selection(report) {
        return why;
    }
    let unhandled = unhandled(report);
    match unhandled.is_empty() {
        true => "no object with images is in standard input; look at what the program before the pipe prints".to_owned(),
        false => format!("imago reads none of what is in standard input: {unhandled}"),
    }
}

fn of_files(report: &Report) -> String {
    if let Some(why) = of_selection(report) {
        return why;
    }
    let files = counted(report.files_seen, "file");
    let templates = report
        .skipped
        .iter()
        .filter(|skipped| skipped.code == Code::Template)
        .count();
    let unhandled = unhandled(report);
    match () {
        () if report.files_seen == 0 && report.narrowed => {
            "no manifest (*.yaml, *.yml, *.json) passes `include` and `exclude`; check the globs"
                .to_owned()
        }
        () if report.files_seen == 0 => {
            "no manifest was found (*.yaml, *.yml, *.json); name the folder that holds them"
                .to_owned()
        }
        () if templates == report.files_seen => {
            "every file is a template, which imago does not edit; render it first, as with `helm template`".to_owned()
        }
        () if unhandled.is_empty() => {
            format!("no object with images is in {files}; name the folder that holds them")
        }
        () => format!(
            "imago edits none of what is in {files}: {unhandled}"
        ),
    }
}

/// Flags took none of the objects that are there.
fn of_selection(report: &Report) -> Option<String> {
    let left_out = report.not_selected + report.without_namespace;
    (left_out > 0).then(|| match report.not_selected {
        0 => format!(
            "{} without a namespace, which `-n` does not take; leave out `-n`",
            are(left_out, "object")
        ),
        _ => format!(
            "`-n`, `-x`, `-l`, `-f` and the kinds take none of {}; check their values",
            counted(left_out, "object")
        ),
    })
}

fn unhandled(report: &Report) -> String {
    let kinds = report.unhandled.iter();
    let kinds: Vec<String> = kinds.map(|(kind, count)| counted(*count, kind)).collect();
    kinds.join(", ")
}

/// `1 image is`, `2 images are`.
fn are(count: usize, noun: &str) -> String {
    format!("{} {}", counted(count, noun), verb(count))
}

fn verb(count: usize) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::report::{
        Action, Hold, ImageReport, LeftOut, ObjectReport, Outcome, Place, Problem, SiteName,
        Skipped,
    };

    fn files() -> Report {
        Report {
            files_seen: 2,
            ..Report::new(Mode::Files, Action::Check)
        }
    }

    fn object(outcomes: impl IntoIterator<Item = Outcome>) -> Box<ObjectReport> {
        let image = |outcome| ImageReport {
            choice: None,
            source: None,
            site: SiteName::container("app"),
            line: None,
            image: "registry.example.test/web:1.4".into(),
            outcome,
        };
        Box::new(ObjectReport {
            place: Place::default(),
            shape: "Deployment".into(),
            kind: "Deployment".into(),
            namespace: None,
            name: "web".into(),
            images: outcomes.into_iter().map(image).collect(),
            changed: false,
            unclaimed: Default::default(),
        })
    }

    fn skipped(code: Code) -> Skipped {
        Skipped {
            code,
            place: Place::default(),
            message: String::new(),
        }
    }

    #[test]
    fn each_way_to_check_nothing_has_its_own_sentence() {
        let of = |outcomes: Vec<Outcome>| Report {
            objects: vec![object(outcomes)],
            ..files()
        };
        let ignored = || {
            Outcome::Ignored(LeftOut {
                code: Code::Ignored,
                by: "a glob".into(),
            })
        };
        let unhandled = [("HelmRelease".to_owned(), 2)].into();
        for (report, said) in [
            (
                Report {
                    files_seen: 0,
                    ..files()
                },
                "no manifest was found (*.yaml, *.yml, *.json); name",
            ),
            (
                Report {
                    files_seen: 0,
                    narrowed: true,
                    ..files()
                },
                "no manifest (*.yaml, *.yml, *.json) passes `include`",
            ),
            (
                Report {
                    not_selected: 3,
                    ..files()
                },
                "`-n`, `-x`, `-l`, `-f` and the kinds take none of 3 objects",
            ),
            (
                Report {
                    without_namespace: 1,
                    ..files()
                },
                "1 object is without a namespace, which `-n` does not take",
            ),
            (
                Report {
                    skipped: vec![skipped(Code::Template); 2],
                    ..files()
                },
                "every file is a template, which imago",
            ),
            (
                Report {
                    unhandled,
                    ..files()
                },
                "imago edits none of what is in 2 files: 2 HelmReleases",
            ),
            (files(), "no object with images is in 2 files; name"),
            (of(vec![]), "no image is in 1 object; look at their"),
            (
                of(vec![ignored(), ignored()]),
                "2 images in 1 object are left out; check the globs",
            ),
            (
                of(vec![Outcome::Variable]),
                "1 image in 1 object is not an image yet; check what",
            ),
            (
                of(vec![Outcome::Variable, ignored()]),
                "of 2 images in 1 object, 1 is left out, 1 is not an image yet",
            ),
            (
                of(vec![Outcome::Fixed, Outcome::Fixed]),
                "2 images in 1 object are on a fixed digest; `--track tag` follows",
            ),
            (
                of(vec![Outcome::Held(Hold::duplicate_name())]),
                "1 image in 1 object is held back",
            ),
            (
                Report {
                    skipped: vec![skipped(Code::Managed)],
                    ..Report::new(Mode::Cluster, Action::Check)
                },
                "something else writes the 1 workload found; `--managed`",
            ),
        ] {
            let warning =
                checked(&report).unwrap_or_else(|| panic!("nothing is said where this is: {said}"));
            assert!(
                warning.starts_with(&format!("no image was checked: {said}")),
                "{warning}"
            );
        }
    }

    #[test]
    fn a_checked_image_a_problem_and_an_empty_namespace_need_no_sentence() {
        let checked_one = Report {
            objects: vec![object([Outcome::Variable]), object([Outcome::Ok])],
            ..files()
        };
        let problem = Problem {
            code: Code::Io,
            what: String::new(),
            place: Place::default(),
            cause: String::new(),
            hint: None,
        };
        let failed = Report {
            problems: vec![problem],
            ..files()
        };
        for report in [
            checked_one,
            failed,
            Report::new(Mode::Cluster, Action::Check),
        ] {
            assert_eq!(checked(&report), None);
        }
    }
}
