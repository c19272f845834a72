//! What was passed over, and what went wrong, in version 1.

use serde::Serialize;

use crate::app::report::{Place, Problem, Skipped};
use crate::engine::code::Kind;

/// Something that was passed over on purpose.
#[derive(Debug, Serialize)]
pub(super) struct SkippedV1<'a> {
    /// A stable word: `template`, `variable`, …
    code: &'static str,
    /// The file.
    file: Option<&'a str>,
    /// The line, from 1.
    line: Option<u32>,
    /// The workload: `Deployment/web`, in a cluster `default/Deployment/web`.
    workload: Option<&'a str>,
    /// The container's name.
    container: Option<&'a str>,
    /// Why, for a person.
    message: &'a str,
    /// Whether it is held: somebody has to look, and `--check --strict` fails.
    held: bool,
}

/// Something that went wrong.
#[derive(Debug, Serialize)]
pub(super) struct ProblemV1<'a> {
    /// A stable word: `yaml-syntax`, `unauthorized`, …
    code: &'static str,
    /// The file.
    file: Option<&'a str>,
    /// The line, from 1.
    line: Option<u32>,
    /// The workload: `Deployment/web`.
    workload: Option<&'a str>,
    /// The container's name.
    container: Option<&'a str>,
    /// What failed, for a person.
    message: &'a str,
    /// Why, for a person.
    cause: &'a str,
    /// One thing to do; null where nothing is known to help.
    hint: Option<&'a str>,
}

impl<'a> SkippedV1<'a> {
    pub(super) fn of(
        Skipped {
            code,
            place,
            message,
        }: &'a Skipped,
    ) -> Self {
        let Place {
            file,
            line,
            workload,
            container,
        } = place;
        Self {
            code: code.as_str(),
            file: file.as_deref(),
            line: *line,
            workload: workload.as_deref(),
            container: container.as_deref(),
            message,
            held: code.kind() == Kind::Held,
        }
    }
}

impl<'a> ProblemV1<'a> {
    pub(super) fn of(
        Problem {
            code,
            what,
            place,
            cause,
            hint,
        }: &'a Problem,
    ) -> Self {
        let Place {
            file,
            line,
            workload,
            container,
        } = place;
        Self {
            code: code.as_str(),
            file: file.as_deref(),
            line: *line,
            workload: workload.as_deref(),
            container: container.as_deref(),
            message: what,
            cause,
            hint: hint.as_deref(),
        }
    }
}
