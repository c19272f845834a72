//! The message for a run that checked no image, so that it does not look like a success.

use super::report::{Mode, Report};
use crate::engine::code::Code;

/// Why no image was checked, and what to do, in one sentence. `None` if one was checked, or if a problem or the list of empty
/// namespaces says it already.
pub(super) fn checked(report: &Report) -> Option<String> {
    if report
        .objects
        .iter()
        .any(super::report::ObjectReport::is_checked)
        || !report.problems.is_empty()
    {
        return None;
    }
    let why = match (report.mode, report.objects.is_empty()) {
        (_, false) => of_workloads(report),
        (Mode::Cluster, true) => of_cluster(report)?,
        (Mode::Files, true) => of_files(report),
    };
    Some(format!("no image was checked: {why}"))
}

/// There were workloads, but none of their images was taken.
fn of_workloads(report: &Report) -> String {
    let counts = report.counts();
    let workloads = counted(report.objects.len(), "workload");
    match (counts.ignored, counts.variable) {
        (0, 0) => {
            format!("no image is in {workloads}; look at `containers` in their pod templates")
        }
        (ignored, 0) => format!(
            "{} in {workloads} {} left out; check the globs and the marks for images",
            counted(ignored, "image"),
            verb(ignored)
        ),
        (0, 1) => format!("1 image in {workloads} is a variable; check what fills it in"),
        (0, variables) => {
            format!("{variables} images in {workloads} are variables; check what fills them in")
        }
        (ignored, variables) => {
            format!(
                "the images in {workloads} are left out ({ignored}) or variables ({variables}); check both"
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

fn of_files(report: &Report) -> String {
    let files = counted(report.files_seen, "file");
    let templates = report
        .skipped
        .iter()
        .filter(|skipped| skipped.code == Code::Template)
        .count();
    let left_out = report.not_selected + report.without_namespace;
    let unhandled: Vec<String> = report
        .unhandled
        .iter()
        .map(|(kind, count)| counted(*count, kind))
        .collect();
    match () {
        () if report.files_seen == 0 && report.narrowed => {
            "no manifest (*.yaml, *.yml, *.json) passes `include` and `exclude`; check the globs"
                .to_owned()
        }
        () if report.files_seen == 0 => {
            "no manifest was found (*.yaml, *.yml, *.json); name the folder that holds them"
                .to_owned()
        }
        () if left_out > 0 && report.not_selected == 0 => {
            format!(
                "{} without a namespace, which `-n` does not take; leave out `-n`",
                are(left_out, "workload")
            )
        }
        () if left_out > 0 => {
            format!(
                "`-n`, `-x`, `-l` and `-f` take none of {}; check their values",
                counted(left_out, "workload")
            )
        }
        () if templates == report.files_seen => {
            "every file is a template; check what it renders, as from `helm template`".to_owned()
        }
        () if unhandled.is_empty() => {
            format!("{files} without an object that has images; name the folder that holds them")
        }
        () => format!(
            "{files} without an object that has images, and imago does not edit what is there: {}",
            unhandled.join(", ")
        ),
    }
}

/// `1 image is`, `2 images are`.
fn are(count: usize, noun: &str) -> String {
    format!("{} {}", counted(count, noun), verb(count))
}

fn verb(count: usize) -> &'static str {
    if count == 1 { "is" } else { "are" }
}

fn counted(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::report::{
        Action, ImageReport, LeftOut, ObjectReport, Outcome, Place, Problem, SiteName, Skipped,
    };

    fn files() -> Report {
        Report {
            files_seen: 2,
            ..Report::new(Mode::Files, Action::Check)
        }
    }

    fn workload(outcomes: impl IntoIterator<Item = Outcome>) -> ObjectReport {
        let container = |outcome| ImageReport {
            site: SiteName::container("app"),
            line: None,
            image: "registry.example.test/web:1.4".into(),
            outcome,
        };
        ObjectReport {
            place: Place::default(),
            shape: "Deployment".into(),
            kind: "Deployment".into(),
            namespace: None,
            name: "web".into(),
            images: outcomes.into_iter().map(container).collect(),
            changed: false,
            unclaimed: Default::default(),
        }
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
            objects: vec![workload(outcomes)],
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
                "`-n`, `-x`, `-l` and `-f` take none of 3 workloads",
            ),
            (
                Report {
                    without_namespace: 1,
                    ..files()
                },
                "1 workload is without a namespace, which `-n` does not take",
            ),
            (
                Report {
                    skipped: vec![skipped(Code::Template); 2],
                    ..files()
                },
                "every file is a template; check what it renders",
            ),
            (
                Report {
                    unhandled,
                    ..files()
                },
                "2 files without an object that has images, and imago does",
            ),
            (files(), "2 files without an object that has images; name"),
            (
                of(vec![]),
                "no image is in 1 workload; look at `containers`",
            ),
            (
                of(vec![ignored(), ignored()]),
                "2 images in 1 workload are left out",
            ),
            (
                of(vec![Outcome::Variable]),
                "1 image in 1 workload is a variable",
            ),
            (
                of(vec![Outcome::Variable, ignored()]),
                "the images in 1 workload are left out (1) or variables (1)",
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
            objects: vec![workload([Outcome::Variable]), workload([Outcome::Ok])],
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
