//! The digests that were asked for, and how each was found.

use std::fmt::Write;

use super::TAKES_ALL;
use crate::app::digest::ImageDigest;
use crate::app::report::{Place, Problem};
use crate::cli::render::{Printable, Styles, masked};

/// The digests that were found, one a line, in the order of the images. Where several were asked for, the image stands beside its digest:
/// one that has none would shift the others.
pub fn digests(found: &[ImageDigest]) -> String {
    let line = |image: &ImageDigest| {
        let digest = image.digest.as_ref().ok()?;
        Some(if found.len() > 1 {
            format!("{digest}  {}\n", Printable(&image.image))
        } else {
            format!("{digest}\n")
        })
    };
    found.iter().filter_map(line).collect()
}

/// How each answer was found, for a person who wants to know why.
pub fn ways<'a>(
    ways: impl IntoIterator<Item = (&'a str, &'a [String])>,
    styles: &Styles,
) -> String {
    let Styles { strong, faint, .. } = styles;
    let mut text = String::new();
    for (asked, steps) in ways {
        writeln!(text, "{strong}asking for {}:{strong:#}", Printable(asked)).expect(TAKES_ALL);
        for step in steps {
            let step = masked::sentence(step);
            writeln!(text, "  {faint}{}{faint:#}", Printable(&step)).expect(TAKES_ALL);
        }
    }
    text
}

/// Why the other images have none.
pub fn digest_problems(found: &[ImageDigest]) -> Vec<Problem> {
    let problem = |found: &ImageDigest| {
        let refusal = found.digest.as_ref().err()?.clone();
        let what = format!("cannot resolve `{}`", found.image);
        Some(Problem {
            code: refusal.code,
            what,
            place: Place::default(),
            cause: refusal.cause,
            hint: refusal.hint,
        })
    };
    found.iter().filter_map(problem).collect()
}
