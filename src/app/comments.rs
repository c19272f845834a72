//! What is said of comments and annotations for imago that are not understood. They hold their images, and a summary counts these alone.

use super::report::{Outcome, Report};
use crate::engine::code::Code;

/// One sentence for each, with its place.
pub(super) fn not_understood(report: &Report) -> Vec<String> {
    let mut told: Vec<String> = Vec::new();
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
