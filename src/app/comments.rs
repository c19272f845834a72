//! What is said of comments and annotations for imago that are not understood. They hold their images, and a summary counts these alone.

use super::report::{Outcome, Report, Skipped};
use crate::engine::code::Code;
use crate::engine::misplaced;

/// One sentence for each, with its place.
pub(super) fn not_understood(report: &Report) -> Vec<String> {
    let misplaced = report.skipped.iter();
    let misplaced = misplaced.filter(|skipped| skipped.message == misplaced::REASON);
    let mut told: Vec<String> = misplaced
        .map(|Skipped { place, message, .. }| {
            let file = place.file.as_deref().unwrap_or_default();
            let line = place.line.unwrap_or_default();
            format!("{file}:{line}: {message}")
        })
        .collect();
    for object in &report.objects {
        for image in &object.images {
            let Outcome::Held(hold) = &image.outcome else {
                continue;
            };
            if hold.code != Code::BadComment {
                continue;
            }
            let line = image.line.map(|line| format!(":{line}"));
            let place = match (&object.place.file, &object.place.object) {
                (Some(file), _) => format!("{file}{}", line.unwrap_or_default()),
                (None, Some(object)) => object.clone(),
                (None, None) => object.kind.clone(),
            };
            let sentence = format!("{place}: {}", hold.reason);
            if told.last() != Some(&sentence) {
                told.push(sentence);
            }
        }
    }
    told
}
