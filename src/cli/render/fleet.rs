//! One report of many repositories: a part for each, which is made as soon as its run is over, and what stands around them.

use super::{Printable, Styles, counted, docs, json, markdown, problem, text};
use crate::app::report::{Problem, Report};
use crate::cli::verbosity::Detail;

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

/// How the repositories of a fleet fared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// How many were worked on.
    pub repositories: usize,
    /// How many have something that changes, or is outdated or held.
    pub changed: usize,
    /// How many have a problem and a report.
    pub with_problems: usize,
    /// How many could not be worked on: exit code 2.
    pub failed: usize,
}

/// A repository of a fleet, and what became of it.
#[derive(Clone, Copy, Debug)]
pub struct Part<'a> {
    /// Its address, as the list has it.
    pub address: &'a str,
    /// Its branch, where the list names one.
    pub branch: Option<&'a str>,
    /// The exit code of a run on it alone.
    pub exit_code: u8,
    /// Its report, or why there is none.
    pub outcome: &'a Result<Report, Box<Problem>>,
}

impl Counts {
    /// Counts a repository, by the exit code of a run on it alone.
    pub fn add(&mut self, exit_code: u8, outcome: &Result<Report, Box<Problem>>) {
        self.repositories += 1;
        match exit_code {
            0 => self.changed += usize::from(outcome.as_ref().is_ok_and(has_changes)),
            1 => self.changed += 1,
            3 => {
                self.changed += usize::from(outcome.as_ref().is_ok_and(has_changes));
                self.with_problems += 1;
            }
            _ => self.failed += 1,
        }
    }

    /// The last line of a fleet's report.
    pub fn sentence(&self) -> String {
        let all = match self.repositories {
            1 => "1 repository".to_owned(),
            count => format!("{count} repositories"),
        };
        let parts = [
            (self.changed, "with changes"),
            (self.with_problems, "with problems"),
            (self.failed, "failed"),
        ];
        let parts = parts.iter().filter(|(count, _)| *count > 0);
        let parts: Vec<String> = parts
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        match parts.is_empty() {
            true => format!("{all}, nothing to do"),
            false => format!("{all}: {}", parts.join(", ")),
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
            Self::Text => counts.sentence() + "\n",
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
        Err(error) => {
            let said = problem::problems(std::slice::from_ref(&**error), detail, styles);
            format!("{name}\n{said}{}\n", docs::line([error.code]))
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
