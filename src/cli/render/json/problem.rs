//! What was passed over, and what went wrong, in version 1.

use serde::Serialize;

use crate::app::report::{Place, Problem, Skipped};
use crate::cli::render::docs;
use crate::engine::code::CodeKind;

/// Something that was passed over on purpose.
#[derive(Debug, Serialize)]
pub(super) struct SkippedV1<'a> {
    /// A stable word: `template`, `variable`, …
    code: &'static str,
    /// The file.
    file: Option<&'a str>,
    /// The line, from 1.
    line: Option<u32>,
    /// The object: `Deployment/web`, in a cluster `default/Deployment/web`.
    object: Option<&'a str>,
    /// The image's path in its object.
    path: Option<&'a str>,
    /// The name of the image's site: a container's.
    name: Option<&'a str>,
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
    /// The object: `Deployment/web`, in a cluster `default/Deployment/web`.
    object: Option<&'a str>,
    /// The image's path in its object.
    path: Option<&'a str>,
    /// The name of the image's site: a container's.
    name: Option<&'a str>,
    /// What failed, for a person.
    message: &'a str,
    /// Why, for a person.
    cause: &'a str,
    /// One thing to do; null where nothing is known to help.
    hint: Option<&'a str>,
    /// The address of the page that explains the code.
    docs: String,
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
            object,
            site,
        } = place;
        Self {
            code: code.as_str(),
            file: file.as_deref(),
            line: *line,
            object: object.as_deref(),
            path: site.as_ref().map(|site| site.path.as_str()),
            name: site.as_ref().map(|site| site.name.as_str()),
            message,
            held: code.kind() == CodeKind::Held,
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
            object,
            site,
        } = place;
        Self {
            code: code.as_str(),
            file: file.as_deref(),
            line: *line,
            object: object.as_deref(),
            path: site.as_ref().map(|site| site.path.as_str()),
            name: site.as_ref().map(|site| site.name.as_str()),
            message: what,
            cause,
            hint: hint.as_deref(),
            docs: docs::code(*code),
        }
    }
}
