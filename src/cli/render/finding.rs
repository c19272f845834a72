//! What a report comes to for services that mark lines: one finding for each thing that somebody has to look at.

use super::cause::{Failed, Group, groups};
use crate::app::report::{
    Action, ImageReport, Mode, ObjectReport, Outcome, Place, Problem, Reach, Report, STDIN,
};
use crate::app::short;
use crate::engine::code::Code;

/// How many of the images that fail for one reason are named.
const NAMED: usize = 5;

/// How much a finding weighs, the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// This run has carried it out.
    Done,
    /// Good to know.
    Note,
    /// To be done.
    Warning,
    /// It fails the run.
    Error,
}

/// One thing that somebody has to look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    /// A stable word: that of a problem or of what was passed over, `outdated`, `restored`, `stale`, `max-changes`, `empty`.
    pub(super) code: Code,
    /// Its weight.
    pub(super) level: Level,
    /// Where it is.
    pub(super) place: Place,
    /// What it is, in a few words.
    pub(super) title: String,
    /// The rest, a sentence a line.
    pub(super) message: String,
}

/// All findings of a run: those without a place first, the others by file and line. Each image that fails is one.
pub(super) fn findings(report: &Report) -> Vec<Finding> {
    with_problems(report, report.problems.iter().map(of_problem).collect())
}

/// The same, with one finding for all images that fail for one reason.
pub(super) fn findings_by_cause(report: &Report) -> Vec<Finding> {
    with_problems(
        report,
        groups(&report.problems).iter().flat_map(of_group).collect(),
    )
}

fn with_problems(report: &Report, problems: Vec<Finding>) -> Vec<Finding> {
    let images = report.objects.iter().flat_map(|object| {
        object
            .images
            .iter()
            .filter_map(|image| of_image(report, object, image))
    });
    let held = report
        .skipped
        .iter()
        .filter(|skipped| skipped.is_held())
        .map(|skipped| Finding {
            code: skipped.code,
            level: if report.strict {
                Level::Error
            } else {
                Level::Note
            },
            place: skipped.place.clone(),
            title: "Held back".to_owned(),
            message: with_subject(&skipped.place, &skipped.message),
        });
    let locked = report.lock.iter().map(|entry| Finding {
        code: Code::LockOutdated,
        level: Level::Error,
        place: entry.place.clone(),
        title: "Outdated lock".to_owned(),
        message: format!(
            "`{}` is locked on `{}`, and {} `{}`",
            entry.image,
            entry.locked,
            entry.taker(),
            entry.digest
        ),
    });
    let stopped = report.stopped_at.map(|limit| Finding {
        code: Code::MaxChanges,
        level: Level::Error,
        place: Place::default(),
        title: "Nothing was written".to_owned(),
        message: format!("the plan has more changes than `--max-changes {limit}` allows"),
    });
    let empty = report.failed_empty.then(|| Finding {
        code: Code::Empty,
        level: Level::Error,
        place: Place::default(),
        title: "No image was checked".to_owned(),
        message: "no image was checked, which `--fail-on-empty` does not allow".to_owned(),
    });
    let mut findings: Vec<Finding> = stopped
        .into_iter()
        .chain(empty)
        .chain(problems)
        .chain(images)
        .chain(locked)
        .chain(held)
        .collect();
    findings.sort_by(|left, right| left.place.cmp_in_files(&right.place));
    if report.mode == Mode::Stdin {
        findings.iter_mut().for_each(Finding::without_file);
    }
    findings
}

impl Finding {
    /// Says the line of standard input in words: a service that marks lines has no such file.
    fn without_file(&mut self) {
        if self.place.file.as_deref() != Some(STDIN) {
            return;
        }
        self.place.file = None;
        if let Some(line) = self.place.line.take() {
            self.message += &format!("\nline {line} of standard input");
        }
    }
}

fn of_problem(problem: &Problem) -> Finding {
    let message = why(problem).unwrap_or_else(|| problem.what.clone());
    Finding {
        code: problem.code,
        level: Level::Error,
        place: problem.place.clone(),
        title: problem.what.clone(),
        message: with_subject(&problem.place, &message),
    }
}

/// One finding for each place of a thing that failed by itself, and one at the first place of the images that failed together.
fn of_group(group: &Group<'_>) -> Vec<Finding> {
    let problem = group.problem;
    let first = |failed: &Failed<'_>| {
        failed
            .places
            .first()
            .map(|place| (*place).clone())
            .unwrap_or_default()
    };
    match &group.failed[..] {
        [one] => one
            .places
            .iter()
            .map(|place| {
                of_problem(&Problem {
                    place: (*place).clone(),
                    ..problem.clone()
                })
            })
            .collect(),
        images => {
            let names: Vec<String> = images
                .iter()
                .take(NAMED)
                .filter_map(Failed::image)
                .map(|image| format!("`{image}`"))
                .collect();
            let more = if images.len() > NAMED {
                format!(" and {} more", images.len() - NAMED)
            } else {
                String::new()
            };
            let lines = [Some(format!("{}{more}", names.join(", "))), why(problem)];
            vec![Finding {
                code: problem.code,
                level: Level::Error,
                place: images.first().map(first).unwrap_or_default(),
                title: group.title(),
                message: lines.into_iter().flatten().collect::<Vec<_>>().join("\n"),
            }]
        }
    }
}

/// Cause and hint, where there is either.
fn why(problem: &Problem) -> Option<String> {
    let hint = problem.hint.iter().map(|hint| format!("hint: {hint}"));
    let lines: Vec<String> = Some(&problem.cause)
        .filter(|cause| !cause.is_empty())
        .cloned()
        .into_iter()
        .chain(hint)
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

fn of_image(report: &Report, object: &ObjectReport, reported: &ImageReport) -> Option<Finding> {
    let done = report.reach() == Reach::Done && object.changed;
    let change = |new: &str| short::change(&reported.image, new);
    let by = reported
        .moved()
        .map(|choice| format!(", {}", choice.told()))
        .unwrap_or_default();
    let (code, title, message) = match (&reported.outcome, done) {
        (Outcome::Outdated(new), true) => {
            let (old, new) = change(new);
            let message = format!("`{old}` is updated to `{new}`{by}");
            (Code::Outdated, "Updated image", message)
        }
        (Outcome::Outdated(new), false) => {
            let (old, new) = change(new);
            let message = format!("`{old}` has to be updated to `{new}`{by}");
            (Code::Outdated, "Outdated image", message)
        }
        (Outcome::Unpinned { decided_by }, _) => {
            let by = decided_by.as_ref().map(|by| format!(", decided by `{by}`"));
            let message = format!(
                "`{}` has no digest{}",
                reported.image,
                by.unwrap_or_default()
            );
            (Code::Unpinned, "Image without a digest", message)
        }
        (Outcome::Restored(new), true) => {
            let (old, new) = change(new);
            let message = format!("`{old}` is restored to `{new}`");
            (Code::Restored, "Restored image", message)
        }
        (Outcome::Restored(new), false) => {
            let (old, new) = change(new);
            let message = format!("`{old}` goes back to `{new}`");
            (Code::Restored, "Image to restore", message)
        }
        (
            Outcome::Stale {
                running, digest, ..
            },
            done,
        ) => {
            let title = if done { "Restarted" } else { "Stale pod" };
            let (running, digest) = short::change(running.as_str(), digest.as_str());
            let image = short::image(&reported.image);
            let message =
                format!("a pod runs `{running}`, and the tag of `{image}` is on `{digest}`");
            (Code::Stale, title, message)
        }
        _ => return None,
    };
    let level = match (done, report.action) {
        (true, _) => Level::Done,
        (false, Action::Check) => Level::Error,
        (false, _) => Level::Warning,
    };
    let place = Place {
        line: reported.line,
        site: Some(Box::new(reported.site.clone())),
        ..object.place.clone()
    };
    Some(Finding {
        code,
        level,
        message: with_subject(&place, &message),
        title: title.to_owned(),
        place,
    })
}

/// The message with the object and the image that it is about.
fn with_subject(place: &Place, message: &str) -> String {
    match (&place.object, &place.site) {
        (Some(object), Some(site)) => {
            format!("{object}, {site}: {message}")
        }
        (Some(object), None) => format!("{object}: {message}"),
        (None, _) => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::render::samples;

    #[test]
    fn what_is_outdated_weighs_what_the_action_makes_of_it() {
        let updated = samples::updated();
        for (report, level) in [
            (updated.clone(), Level::Done),
            (
                Report {
                    action: Action::Check,
                    ..updated.clone()
                },
                Level::Error,
            ),
            (
                Report {
                    action: Action::Report,
                    ..updated.clone()
                },
                Level::Warning,
            ),
            (
                Report {
                    dry_run: true,
                    ..updated.clone()
                },
                Level::Warning,
            ),
        ] {
            let findings = findings(&report);
            assert_eq!(
                findings
                    .iter()
                    .map(|finding| finding.level)
                    .collect::<Vec<_>>(),
                [level]
            );
            assert_eq!(findings[0].place.line, Some(21));
        }
    }

    #[test]
    fn a_change_that_failed_is_not_done() {
        let mut report = samples::updated();
        report.objects[0].changed = false;
        assert_eq!(findings(&report)[0].level, Level::Warning);
    }

    #[test]
    fn images_that_fail_for_one_reason_are_one_finding_where_that_is_asked_for() {
        let mut report = samples::with_problems();
        let one = report.problems.remove(2);
        let numbered = |number: u32| Problem {
            what: format!("cannot resolve `registry.example.test/shop{number}:1`"),
            place: Place {
                line: Some(100 + number),
                ..one.place.clone()
            },
            ..one.clone()
        };
        let report = Report {
            problems: (0..61).map(numbered).collect(),
            objects: Vec::new(),
            ..report
        };
        assert_eq!(findings(&report).len(), 61);
        let [finding] = &findings_by_cause(&report)[..] else {
            panic!("more than one")
        };
        assert_eq!(
            (finding.title.as_str(), finding.place.line),
            ("cannot resolve 61 images", Some(100))
        );
        assert!(
            finding
                .message
                .starts_with("`registry.example.test/shop0:1`, `registry.example.test/shop1:1`, ")
        );
        assert!(
            finding.message.contains(
                "shop4:1` and 56 more\nthe registry answered 401 Unauthorized\nhint: run"
            )
        );
    }

    #[test]
    fn findings_stand_by_file_and_line() {
        let report = Report {
            stopped_at: Some(0),
            ..samples::with_problems()
        };
        let codes: Vec<_> = findings(&report)
            .into_iter()
            .map(|finding| (finding.code.as_str(), finding.place.line))
            .collect();
        let lines = [
            ("max-changes", None),
            ("lock-syntax", None),
            ("yaml-syntax", Some(3)),
            ("outdated", Some(21)),
            ("unauthorized", Some(24)),
        ];
        assert_eq!(codes, lines);
    }
}
