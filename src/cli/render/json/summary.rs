//! The counts of a run, in version 1.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::app::report::{Reach, Report};

/// Counts of the whole run.
#[derive(Debug, Serialize)]
pub(super) struct SummaryV1<'a> {
    /// Files that were read.
    files: usize,
    /// Files that were changed (where nothing was written: would be).
    files_changed: usize,
    /// Files that hold no object with images and have no problem; templates are not among them.
    files_without_objects: usize,
    /// Objects that were taken.
    objects: usize,
    /// Images of these objects.
    images: usize,
    /// Images with the outcome `ok`.
    ok: usize,
    /// Images with the outcome `fixed`.
    fixed: usize,
    /// Images with the outcome `outdated`.
    outdated: usize,
    /// Images with the outcome `restored`.
    restored: usize,
    /// Images with the outcome `stale`.
    stale: usize,
    /// Images with the outcome `unchecked`.
    unchecked: usize,
    /// Images with the outcome `kept`.
    kept: usize,
    /// Images with the outcome `ignored`.
    ignored: usize,
    /// Images with the outcome `variable`.
    variable: usize,
    /// Images with the outcome `held`.
    held: usize,
    /// Images with the outcome `failed`.
    failed: usize,
    /// Entries of `skipped`.
    skipped: usize,
    /// Objects with images that this program does not edit, by kind.
    unhandled: &'a BTreeMap<String, usize>,
    /// Objects that were not taken because namespaces were named and they are in none.
    without_namespace: usize,
    /// Objects that namespaces or selectors left out for another reason.
    not_selected: usize,
    /// Entries of `problems`.
    problems: usize,
    /// Whether the action's changes were written, where nothing failed: false for a report, a check, a rehearsal and a stopped run.
    written: bool,
    /// The limit of changes that the plan exceeded, for which reason nothing was written; null where it did not.
    stopped_at: Option<usize>,
    /// Images with the outcome `fixed` that name their tag beside the digest: `--track tag` would follow these.
    fixed_with_tag: usize,
    /// Images with the outcome `unpinned`.
    unpinned: usize,
}

impl<'a> SummaryV1<'a> {
    pub(super) fn of(report: &'a Report) -> Self {
        let counts = report.counts();
        Self {
            files: report.files_seen,
            files_changed: report.files_changed.len(),
            files_without_objects: report.files_without_objects.len(),
            objects: report.objects.len(),
            images: counts.images,
            ok: counts.ok,
            fixed: counts.fixed,
            outdated: counts.outdated,
            restored: counts.restored,
            stale: counts.stale,
            unchecked: counts.unchecked,
            kept: counts.kept,
            ignored: counts.ignored,
            variable: counts.variable,
            held: counts.held,
            failed: counts.failed,
            skipped: report.skipped.len(),
            unhandled: &report.unhandled,
            without_namespace: report.without_namespace,
            not_selected: report.not_selected,
            problems: report.problems.len(),
            written: report.reach() == Reach::Done,
            stopped_at: report.stopped_at,
            fixed_with_tag: report.fixed_with_tag(),
            unpinned: counts.unpinned,
        }
    }
}
