//! A report for programs: version 1 of a format that does not change.
//!
//! A field that is here stays, with its meaning and its place; new ones may be added at the end of their object. What cannot be said so
//! becomes version 2 beside this one. The types are their own, so that a change of the report cannot change the format unseen.

pub mod fleet;
mod images;
mod object;
mod problem;
mod summary;
mod tags;
#[cfg(test)]
mod tests;

use std::fmt::Write;

use serde::Serialize;

use super::steers;
use crate::app::report::{Action, Committed, LockedEntry, Mode, Proposed, Report};
pub(super) use images::ListedV1;
pub use images::images;
use object::ObjectV1;
use problem::{ProblemV1, SkippedV1};
use summary::SummaryV1;
pub use tags::tags;

/// The report as one JSON object, indented, with a newline at its end. Characters that steer terminals are escaped, which JSON allows.
pub fn report(report: &Report) -> String {
    escaped(
        &serde_json::to_string_pretty(&ReportV1::of(report))
            .expect("plain structures with string keys always serialize"),
    )
}

/// JSON with a newline at its end, in which characters that steer terminals are escaped.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len() + 1);
    for character in text.chars() {
        if character != '\n' && steers(character) {
            // Every such character is in the basic plane, and stands inside a string.
            write!(safe, "\\u{:04x}", u32::from(character)).expect("a string takes all");
        } else {
            safe.push(character);
        }
    }
    safe.push('\n');
    safe
}

/// One run.
#[derive(Debug, Serialize)]
struct ReportV1<'a> {
    /// The version of this format: 1.
    version: u8,
    /// Where the objects are: `files` or `cluster`.
    mode: &'static str,
    /// What was asked: `report`, `check`, `update`, `restore` or `restart`.
    action: &'static str,
    /// Whether the action was rehearsed: everything was done but the writing.
    dry_run: bool,
    /// Counts of the whole run.
    summary: SummaryV1<'a>,
    /// Every object that was taken: files by path, then as they stand in the file.
    objects: Vec<ObjectV1<'a>>,
    /// The files that were changed (where nothing was written: would be), by path.
    files_changed: &'a [String],
    /// What was committed and pushed; null where nothing was to be committed.
    git: Option<GitV1<'a>>,
    /// Entries of the lock that a check found to be outdated.
    lock: Vec<LockedV1<'a>>,
    /// What was passed over on purpose.
    skipped: Vec<SkippedV1<'a>>,
    /// What went wrong with one file, object or image, and did not stop the rest.
    problems: Vec<ProblemV1<'a>>,
    /// What a person should know although it went on, one sentence each.
    warnings: Vec<&'a String>,
    /// The pull requests of the run; one where the run is not split.
    requests: Vec<RequestV1<'a>>,
}

/// A pull or merge request.
#[derive(Debug, Serialize)]
struct RequestV1<'a> {
    /// Its address; null where there is none.
    url: Option<&'a str>,
    /// Its number; null where there is none.
    number: Option<u64>,
    /// `open` or `closed`; null where there is none, or it is not known.
    state: Option<&'static str>,
    /// What was done: `opened`, `updated`, `unchanged`, `closed`, `stays-closed` (a person closed it), `foreign-commits` (its branch has a person's), `pushed` (the forge could not be asked), `waits` (the run has problems), `over-limit`, `failed` or `nothing`.
    action: &'static str,
    /// The branch with the changes.
    branch: &'a str,
    /// The branch that they go into.
    base: &'a str,
    /// The folder or the image that it is for; null where the run is not split.
    group: Option<&'a str>,
    /// The commit that its branch is on; null where that is not this run's.
    commit: Option<&'a str>,
}

impl<'a> RequestV1<'a> {
    fn of(request: &'a Proposed) -> Self {
        Self {
            url: request.url.as_deref(),
            number: request.number,
            state: request.state.is_open().map(|is_open| match is_open {
                true => "open",
                false => "closed",
            }),
            action: request.state.as_str(),
            branch: &request.branch,
            base: &request.base,
            group: request.group.as_deref(),
            commit: request.commit.as_deref(),
        }
    }
}

/// An entry of the lock that is outdated.
#[derive(Debug, Serialize)]
struct LockedV1<'a> {
    /// The lock.
    file: Option<&'a str>,
    /// The image with its tag, as the lock has it.
    image: &'a str,
    /// The digest that the lock has; null for the choice of a policy.
    locked: Option<&'a str>,
    /// The digest that the tag has now; null for the choice of a policy.
    tag_digest: Option<&'a str>,
    /// The tag that the lock has as the choice of a policy; null for a digest, and where no tag fits.
    locked_tag: Option<&'a str>,
    /// The tag that the policy takes now; null for a digest, and where no tag fits.
    tag: Option<&'a str>,
}

impl<'a> LockedV1<'a> {
    fn of(entry: &'a LockedEntry) -> Self {
        let is_choice = entry.is_choice();
        let digest = |text: &'a String| (!is_choice).then_some(text.as_str());
        let tag =
            |text: &'a String| Some(text.as_str()).filter(|text| is_choice && !text.is_empty());
        Self {
            file: entry.place.file.as_deref(),
            image: &entry.image,
            locked: digest(&entry.locked),
            tag_digest: digest(&entry.digest),
            locked_tag: tag(&entry.locked),
            tag: tag(&entry.digest),
        }
    }
}

/// What became of the run in Git.
#[derive(Debug, Serialize)]
struct GitV1<'a> {
    /// The commit's name in full; null where there was nothing to commit.
    commit: Option<&'a str>,
    /// The branch that it is on; null on a detached HEAD.
    branch: Option<&'a str>,
    /// The remote that it was to be pushed to; null where it was to stay here.
    remote: Option<&'a str>,
    /// Whether this run has pushed.
    pushed: bool,
}

impl<'a> ReportV1<'a> {
    fn of(report: &'a Report) -> Self {
        Self {
            version: 1,
            mode: match report.mode {
                Mode::Files | Mode::Stdin => "files",
                Mode::Cluster => "cluster",
            },
            action: match report.action {
                Action::Report => "report",
                Action::Check => "check",
                Action::Update => "update",
                Action::Restore => "restore",
                Action::Restart => "restart",
            },
            dry_run: report.dry_run,
            summary: SummaryV1::of(report),
            objects: report
                .objects
                .iter()
                .map(|object| ObjectV1::of(object))
                .collect(),
            files_changed: &report.files_changed,
            git: report.git.as_ref().map(GitV1::of),
            lock: report.lock.iter().map(LockedV1::of).collect(),
            skipped: report.skipped.iter().map(SkippedV1::of).collect(),
            problems: report.problems.iter().map(ProblemV1::of).collect(),
            warnings: [&report.detours, &report.warnings, &report.notes]
                .into_iter()
                .flatten()
                .collect(),
            requests: report.proposed.iter().map(RequestV1::of).collect(),
        }
    }
}

impl<'a> GitV1<'a> {
    fn of(
        Committed {
            commit,
            branch,
            remote,
            pushed,
            ..
        }: &'a Committed,
    ) -> Self {
        Self {
            commit: commit.as_deref(),
            branch: branch.as_deref(),
            remote: remote.as_deref(),
            pushed: *pushed,
        }
    }
}
