//! One report of many repositories: a part for each, which is made as soon as its run is over, and what stands around them.

use std::collections::BTreeMap;

use super::{Printable, Styles, counted, docs, json, markdown, problem, text};
use crate::app::report::{Problem, Report};
use crate::cli::verbosity::Detail;
use crate::engine::code::Code;

/// The longest Markdown, in bytes: a summary of a job takes 1 MiB.
const LONGEST: usize = 900_000;

/// The form of a fleet's report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FleetForm {
    /// For people.
    Text,
    /// For programs.
    Json,
    /// For a job's summary.
    Markdown,
}

/// How the repositories of a fleet fared. Each is one of those that the last line names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// How many were worked on.
    pub repositories: usize,
    /// How many fared so, by what the last line says of them.
    fared: BTreeMap<Fared, usize>,
    /// Those that failed, with the reason, a line each.
    failures: Vec<String>,
    /// How many have something that changes, or is outdated or held.
    pub changed: usize,
    /// How many have a problem and a report.
    pub with_problems: usize,
    /// How many could not be worked on: exit code 2.
    pub failed: usize,
}

/// How a repository fared, in the order of the last line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Fared {
    /// This run has pushed to it.
    Pushed,
    /// It would be pushed to.
    Rehearsed,
    /// What there is to do waits on a branch of an earlier run.
    Unchanged,
    /// Something changes, or is outdated or held, and nothing was to be written.
    Changes,
    /// Nothing is to be done.
    UpToDate,
    /// It has a problem and a report.
    Problems,
    /// It could not be worked on.
    Failed,
    /// A signal came before it was done.
    NotDone,
}

/// How many failures are listed below the last line.
const MOST_FAILURES: usize = 100;

/// A repository of a fleet, and what became of it.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// Its address, as the list has it, with stars for an account.
    pub address: &'a str,
    /// Its branch, where the list names one.
    pub branch: Option<&'a str>,
    /// Its place in the list: `fleet.yaml:7`.
    pub place: &'a str,
    /// The exit code of a run on it alone.
    pub exit_code: u8,
    /// Its report, or why there is none.
    pub outcome: &'a Result<Report, Box<Problem>>,
}

impl Counts {
    /// Counts a repository.
    pub fn add(&mut self, part: &Part<'_>) {
        self.repositories += 1;
        let has_changes = part.outcome.as_ref().is_ok_and(has_changes);
        match part.exit_code {
            0 => self.changed += usize::from(has_changes),
            1 => self.changed += 1,
            3 => {
                self.changed += usize::from(has_changes);
                self.with_problems += 1;
            }
            _ => self.failed += 1,
        }
        *self.fared.entry(part.fared()).or_default() += 1;
        if part.fared() == Fared::Failed {
            let why = match part.outcome {
                Err(problem) if problem.cause.is_empty() => problem.what.clone(),
                Err(problem) => format!("{}: {}", problem.what, problem.cause),
                Ok(report) => text::verdict(report),
            };
            let line = format!("failed: {} ({}): {why}", part.address, part.place);
            self.failures.push(line);
        }
    }

    /// The last line of a fleet's report.
    pub fn sentence(&self) -> String {
        let all = match self.repositories {
            1 => "1 repository".to_owned(),
            count => format!("{count} repositories"),
        };
        let fared = self.fared.iter().map(|(fared, count)| {
            let what = match fared {
                Fared::Pushed => "pushed",
                Fared::Rehearsed => "would be pushed",
                Fared::Unchanged => "unchanged",
                Fared::Changes => "with changes",
                Fared::UpToDate => "up to date",
                Fared::Problems => "with problems",
                Fared::Failed => "failed",
                Fared::NotDone => "not done",
            };
            format!("{count} {what}")
        });
        let fared: Vec<String> = fared.collect();
        match fared.is_empty() {
            true => format!("{all}, nothing to do"),
            false => format!("{all}: {}", fared.join(", ")),
        }
    }

    /// Those that failed, where they stand among others.
    fn failures(&self) -> String {
        if self.repositories < 2 {
            return String::new();
        }
        let listed = self.failures.iter().take(MOST_FAILURES);
        let mut text: String = listed
            .map(|line| format!("{}\n", Printable(line)))
            .collect();
        let more = self.failures.len().saturating_sub(MOST_FAILURES);
        if more > 0 {
            text += &format!("and {more} more\n");
        }
        text
    }
}

impl Part<'_> {
    fn fared(&self) -> Fared {
        match (self.exit_code, self.outcome) {
            (_, Err(problem)) if problem.code == Code::Interrupted => Fared::NotDone,
            (2, _) | (_, Err(_)) => Fared::Failed,
            (3, _) => Fared::Problems,
            (_, Ok(report)) => match &report.git {
                Some(git) if git.pushed => Fared::Pushed,
                Some(git) if git.already && has_changes(report) => Fared::Unchanged,
                Some(_) if report.dry_run && !report.files_changed.is_empty() => Fared::Rehearsed,
                _ if self.exit_code == 1 || has_changes(report) => Fared::Changes,
                _ => Fared::UpToDate,
            },
        }
    }
}

impl FleetForm {
    /// What stands before the first part.
    pub fn begin(self) -> String {
        match self {
            Self::Text => String::new(),
            Self::Json => json::fleet::BEGIN.to_owned(),
            Self::Markdown => "**imago**, a fleet\n".to_owned(),
        }
    }

    /// A repository's part. `written` is how much is there already. `None`: there is no room for it.
    pub fn part(
        self,
        part: &Part<'_>,
        written: usize,
        detail: Detail,
        styles: &Styles,
    ) -> Option<String> {
        Some(match self {
            Self::Text => text_part(part, detail, styles),
            Self::Json => {
                let between = if written > self.begin().len() {
                    ",\n"
                } else {
                    ""
                };
                let place = (part.address, part.branch);
                between.to_owned() + &json::fleet::repository(place, part.exit_code, part.outcome)
            }
            Self::Markdown => match markdown_part(part) {
                text if written + text.len() > LONGEST => return None,
                text => text,
            },
        })
    }

    /// What stands after the last part. `left_out` is how many had no room.
    pub fn end(self, counts: &Counts, left_out: usize) -> String {
        match self {
            Self::Text => format!("{}\n{}", counts.sentence(), counts.failures()),
            Self::Json => json::fleet::end(counts),
            Self::Markdown => {
                let cut = match left_out {
                    0 => String::new(),
                    1 => "\n… and 1 more repository.\n".to_owned(),
                    count => format!("\n… and {count} more repositories.\n"),
                };
                format!("{cut}\n{}\n", counts.sentence())
            }
        }
    }
}

fn has_changes(report: &Report) -> bool {
    let counts = report.counts();
    counts.outdated + counts.unpinned > 0 || !report.files_changed.is_empty()
}

fn text_part(part: &Part<'_>, detail: Detail, styles: &Styles) -> String {
    let name = match part.branch {
        Some(branch) => format!("{} ({branch})", part.address),
        None => part.address.to_owned(),
    };
    let name = Printable(&name);
    match part.outcome {
        // The last line counts those of a signal.
        Err(_) if part.fared() == Fared::NotDone => String::new(),
        Err(error) => {
            let said = problem::problems(std::slice::from_ref(&**error), detail, styles);
            let docs = docs::line([error.code]);
            format!("{name} ({})\n{said}{docs}\n", Printable(part.place))
        }
        Ok(report) => {
            let quiet = detail == Detail::Quiet;
            let body = match quiet {
                true => String::new(),
                false => text::body(report, detail, styles),
            };
            let said = problem::warnings(&report.detours, styles)
                + &problem::warnings(&report.warnings, styles)
                + &problem::problems(&report.problems, detail, styles);
            let summary = text::summary(report, detail, styles);
            match (body.is_empty() && said.is_empty(), quiet) {
                (true, true) => String::new(),
                // The last line counts it.
                (true, false) if part.fared() == Fared::UpToDate && detail == Detail::Normal => {
                    String::new()
                }
                (true, false) => format!("{name}: {}\n", summary.trim_end()),
                (false, true) => format!("{name}\n{said}\n"),
                (false, false) => format!("{name}\n{body}{said}{summary}\n"),
            }
        }
    }
}

/// Repositories with nothing to say are in the last line's count alone.
fn markdown_part(part: &Part<'_>) -> String {
    let name = markdown::escaped(part.address);
    match part.outcome {
        Err(_) if part.fared() == Fared::NotDone => String::new(),
        Err(error) => {
            let said = problem::problems(
                std::slice::from_ref(&**error),
                Detail::Normal,
                &Styles::plain(),
            );
            let lines = said.lines().map(markdown::escaped);
            format!(
                "\n### {name}\n\n{}\n",
                lines.collect::<Vec<_>>().join("<br>\n")
            )
        }
        Ok(report) if has_changes(report) || part.exit_code != 0 => {
            format!("\n### {name}\n\n{}", markdown::report(report))
        }
        Ok(report) if !report.detours.is_empty() => {
            let detours = counted(report.detours.len(), "entry");
            format!("\n### {name}\n\n{detours} of the settings decide who answers\n")
        }
        Ok(_) => String::new(),
    }
}
