//! What a run comes to, in the words that begin its last line.

use std::collections::BTreeSet;

use super::change::LISTED;
use crate::app::report::{
    Action, Mode, ObjectReport, Outcome, Proposed, ProposedState, Reach, Report,
};
use crate::cli::render::{Printable, counted};
use crate::engine::code::Code;

/// What was done, what there is to do, or why there is nothing to do.
pub(super) fn verdict(report: &Report) -> String {
    let counts = report.counts();
    let due = counts.outdated + counts.restored + counts.stale;
    if let Some(limit) = report.stopped_at {
        return format!(
            "nothing was written: {} would change, and `--max-changes` allows {limit}",
            counted(due, "image")
        );
    }
    let verb = match (report.reach(), report.action) {
        (Reach::Looked, _) | (_, Action::Report | Action::Check) => return outlook(report),
        (Reach::Rehearsed, Action::Update) => "would update",
        (Reach::Rehearsed, Action::Restore) => "would restore",
        (Reach::Rehearsed, Action::Restart) => "would restart",
        (Reach::Done, Action::Update) => "updated",
        (Reach::Done, Action::Restore) => "restored",
        (Reach::Done, Action::Restart) => "restarted",
    };
    let changed = report.objects.iter().filter(|object| object.changed);
    let changed: Vec<&ObjectReport> = changed.map(Box::as_ref).collect();
    let images = changed.iter().flat_map(|object| &object.images);
    let images = images.filter(|image| is_due(&image.outcome)).count();
    let places = match report.mode {
        Mode::Files | Mode::Stdin => report.files_changed.len(),
        Mode::Cluster => changed.len(),
    };
    match (images, places) {
        (0, 0) if due > 0 => format!("{verb} no image in {}", everything(report)),
        (0, 0) => nothing_to_do(report),
        (0, _) => format!(
            "{verb} no image, and removed the record in {places} of {}",
            everything(report)
        ),
        _ => format!(
            "{verb} {} in {places} of {}",
            counted_images(report, images),
            everything(report)
        ),
    }
}

/// Whether the verdict is that all images have a fixed digest.
pub(super) fn is_of_fixed_images(report: &Report) -> bool {
    let counts = report.counts();
    counts.fixed > 0
        && counts.fixed == counts.images
        && report.action != Action::Restore
        && report.stopped_at.is_none()
}

/// What was looked at: files, or the objects of a cluster.
fn everything(report: &Report) -> String {
    match report.mode {
        Mode::Files => counted(report.files_seen, "file"),
        Mode::Stdin => "standard input".to_owned(),
        Mode::Cluster => counted(report.objects.len(), report.mode.object()),
    }
}

fn is_due(outcome: &Outcome) -> bool {
    matches!(
        outcome,
        Outcome::Outdated(_)
            | Outcome::Unpinned { .. }
            | Outcome::Restored(_)
            | Outcome::Stale { .. }
    )
}

/// What there is to do, where nothing was to be written.
fn outlook(report: &Report) -> String {
    let due = |object: &&ObjectReport| object.images.iter().any(|image| is_due(&image.outcome));
    let due = report.objects.iter().map(|object| &**object).filter(due);
    let places = match report.mode {
        Mode::Files | Mode::Stdin => due
            .map(|object| &object.place.file)
            .collect::<BTreeSet<_>>()
            .len(),
        Mode::Cluster => due.count(),
    };
    let place = match report.mode {
        Mode::Stdin => format!("in {}", everything(report)),
        Mode::Files | Mode::Cluster => format!("in {places} of {}", everything(report)),
    };
    let counts = report.counts();
    if report.pinned && counts.unpinned > 0 {
        let verb = if counts.unpinned == 1 { "has" } else { "have" };
        return format!(
            "{} {place} {verb} no digest",
            counted(counts.unpinned, "image")
        );
    }
    let (images, act) = match report.action {
        Action::Restore => (counts.restored, "restored"),
        _ => (counts.outdated, "updated"),
    };
    let waits = waits_in(report);
    match (images, waits) {
        (0, _) => nothing_to_do(report),
        (1, Some(branch)) => format!("1 image {place} waits {branch}"),
        (images, Some(branch)) => {
            format!("{} {place} wait {branch}", counted_images(report, images))
        }
        (1, None) => format!("1 image {place} has to be {act}"),
        (images, None) => format!(
            "{} {place} have to be {act}",
            counted_images(report, images)
        ),
    }
}

/// Where an earlier run has put what there is to do: in a request, or on a branch.
fn waits_in(report: &Report) -> Option<String> {
    let git = report.git.as_ref().filter(|git| git.already)?;
    let open = |request: &&Proposed| request.state == ProposedState::Unchanged;
    let request = report.proposed.iter().find(open);
    let named = request.and_then(|one| Some((one.noun, one.reference.as_deref()?)));
    Some(match (named, &git.branch) {
        (Some((noun, reference)), _) => format!("in {noun} {reference}"),
        (None, Some(branch)) => format!("on {}", Printable(branch)),
        (None, None) => return None,
    })
}

/// How many images change, and of many, how many are different: one image usually stands in many places.
fn counted_images(report: &Report, count: usize) -> String {
    let images = counted(count, "image");
    if report.mode == Mode::Cluster || count <= LISTED {
        return images;
    }
    let changes = report.images().filter_map(|image| {
        let new = image.outcome.new_image()?;
        Some((image.image.as_str(), new))
    });
    let different = changes.collect::<BTreeSet<_>>().len();
    format!("{images} ({different} different)")
}

/// Why nothing is to be done.
fn nothing_to_do(report: &Report) -> String {
    let counts = report.counts();
    let places = everything(report);
    // A fixed digest is not looked up, so nobody knows whether it is its tag's.
    let up_to_date = counts.ok;
    match (report.objects.len(), up_to_date) {
        (0, _)
            if report
                .skipped
                .iter()
                .any(|skipped| skipped.code == Code::Managed) =>
        {
            "every workload was passed over".to_owned()
        }
        (0, _) if report.mode == Mode::Cluster => "no workload was found".to_owned(),
        (0, _) if report.files_seen == 0 && report.narrowed => {
            "no manifest passes `include` and `exclude` (*.yaml, *.yml, *.json)".to_owned()
        }
        (0, _) if report.mode == Mode::Stdin => "no image in standard input".to_owned(),
        (0, _) if report.files_seen == 0 => "no manifest found (*.yaml, *.yml, *.json)".to_owned(),
        (0, _) if report.not_selected + report.without_namespace > 0 => {
            format!("no object in {places} is selected")
        }
        (0, _) => format!("no image in {places}"),
        _ if report.action == Action::Restore => format!("nothing to restore in {places}"),
        _ if report.pinned && up_to_date > 0 => all_pinned(up_to_date, counts.images, &places),
        _ if is_of_fixed_images(report) => format!(
            "{} with a fixed digest in {places}",
            counted(counts.fixed, "image")
        ),
        (_, 0) if counts.failed > 0 => format!("no image in {places} could be checked"),
        (_, 0) => format!("nothing to do in {places}"),
        (_, 1) if counts.images == 1 => format!("the image in {places} is up to date"),
        (_, _) if counts.images == up_to_date => {
            format!("all {up_to_date} images in {places} are up to date")
        }
        (_, 1) => format!("1 of {} images in {places} is up to date", counts.images),
        (_, _) => format!(
            "{up_to_date} of {} images in {places} are up to date",
            counts.images
        ),
    }
}

/// How many of the images have a digest, where none lacks one.
fn all_pinned(pinned: usize, images: usize, places: &str) -> String {
    match (pinned, images) {
        (1, 1) => format!("the image in {places} has a digest"),
        (pinned, images) if pinned == images => {
            format!("all {images} images in {places} have a digest")
        }
        (pinned, images) => format!("{pinned} of {images} images in {places} have a digest"),
    }
}
