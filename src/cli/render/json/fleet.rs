//! A fleet for programs: version 1 of its format, under the rules of the report's.

use serde::Serialize;

use super::problem::ProblemV1;
use super::{ReportV1, escaped};
use crate::app::report::{Problem, Report};
use crate::cli::render::fleet::Counts;

/// What the object of a fleet begins with, up to its first repository.
pub const BEGIN: &str = "{\n  \"version\": 1,\n  \"repositories\": [\n";

/// One repository.
#[derive(Debug, Serialize)]
struct RepositoryV1<'a> {
    /// Its address, as the list has it.
    repository: &'a str,
    /// Its branch, where the list names one.
    r#ref: Option<&'a str>,
    /// The exit code of a run on it alone.
    exit_code: u8,
    /// Why there is no report.
    error: Option<ProblemV1<'a>>,
    /// The report of the run, in version 1 of its own format.
    report: Option<ReportV1<'a>>,
}

/// Counts of a fleet.
#[derive(Debug, Serialize)]
struct SummaryV1 {
    /// How many repositories were worked on.
    repositories: usize,
    /// How many have something that changes.
    changed: usize,
    /// How many have a problem and a report.
    with_problems: usize,
    /// How many have no report.
    failed: usize,
}

/// One repository of a fleet, indented, without what stands between two.
pub fn repository(
    (address, branch): (&str, Option<&str>),
    exit_code: u8,
    outcome: &Result<Report, Box<Problem>>,
) -> String {
    let repository = RepositoryV1 {
        repository: address,
        r#ref: branch,
        exit_code,
        error: outcome.as_ref().err().map(|problem| ProblemV1::of(problem)),
        report: outcome.as_ref().ok().map(ReportV1::of),
    };
    indented(&repository, "    ")
}

/// What the object of a fleet ends with.
pub fn end(counts: &Counts) -> String {
    let summary = SummaryV1 {
        repositories: counts.repositories,
        changed: counts.changed,
        with_problems: counts.with_problems,
        failed: counts.failed,
    };
    let summary = indented(&summary, "  ");
    format!("\n  ],\n  \"summary\": {}\n}}\n", summary.trim_start())
}

/// No string of JSON has a line break in it.
fn indented(value: &impl Serialize, by: &str) -> String {
    let text = serde_json::to_string_pretty(value)
        .expect("plain structures with string keys always serialize");
    let lines: Vec<String> = escaped(&text)
        .lines()
        .map(|line| format!("{by}{line}"))
        .collect();
    lines.join("\n")
}
