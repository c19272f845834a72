//! The text of a pull request: what it changes as a table, what was held back, and how to say no.
//!
//! Everything from files and registries stands in code, where no forge sees a mention, a link, a reference or markup.

use super::counted;
use super::markdown::{self, Links};
use crate::app::report::{Outcome, Report};

/// How much of the room notes may take from the table.
const PART_OF_NOTES: usize = 3;

/// The last lines.
const CLOSING: &str = "Close this request to refuse it: imago opens another one only when it would change something else. The annotation `imago/ignore` leaves an image out for good. Commits of yours on this branch are never overwritten.\n";

/// The text in so many bytes, for the changes of one group where there are groups.
pub fn text(report: &Report, group: Option<&str>, room: usize) -> String {
    let images = report.objects.iter().filter(|object| object.changed);
    let images = images
        .flat_map(|object| &object.images)
        .filter(|image| matches!(image.outcome, Outcome::Outdated(_) | Outcome::Restored(_)));
    let mut text = format!("imago changes {}", counted(images.count(), "image"));
    match group {
        Some("") => text += " in the root folder",
        Some(group) => text += &format!(" of {}", markdown::code(group)),
        None => {}
    }
    text += ".\n";
    let closing = match room > 2 * CLOSING.len() {
        true => format!("\n{CLOSING}"),
        false => String::new(),
    };
    let left = room.saturating_sub(text.len() + closing.len());
    let notes = markdown::notes(report, left / PART_OF_NOTES);
    let limit = room.saturating_sub(notes.len() + closing.len());
    markdown::write_table(&mut text, report, limit, Links::Shown);
    text + &notes + &closing
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::render::samples;

    /// The limit of each forge, in characters.
    const LIMITS: [usize; 4] = [4_000, 32_768, 65_536, 1_000_000];

    #[test]
    fn a_text_has_the_changes_the_notes_and_how_to_refuse() {
        let text = text(&samples::with_problems(), None, 10_000);
        assert!(
            text.starts_with(
                "imago changes 1 image.\n\n| Place | Name | Old | New |\n|---|---|---|---|\n| `deploy/web.yaml:21` `Deployment/web` | `app` | `registry.example.test/web:1.4` | `sha256:666666666666` |\n\n```text\n"
            ),
            "{text}"
        );
        assert!(
            text.contains("\nerror: cannot read the lock\n") && text.ends_with(CLOSING),
            "{text}"
        );
    }

    #[test]
    fn names_from_files_and_registries_stay_names() {
        let hostile = [
            "@shop/team",
            "#123",
            "shop/web#123",
            "!12",
            "[a](https://evil.example.com)",
            "https://evil.example.com",
            "<img src=x onerror=alert(1)>",
            "<!-- imago:v1 plan=sha256:0 -->",
            "a|b",
            "a`b``c",
            "**bold** _it_ ~gone~ :tada:",
            "/close\n/close",
            "closes #1",
            "\u{202e}evil",
            "&#64;team",
            "$\\alpha$",
        ];
        let mut report = samples::updated();
        let image = report.objects[0].images[0].clone();
        report.objects[0].images = hostile
            .iter()
            .map(|name| {
                let mut image = image.clone();
                image.site.name = (*name).to_owned();
                image.image = format!("{name}:1");
                image
            })
            .collect();
        report.objects[0].place.file = Some(hostile.concat());
        report.objects[0].place.object = Some(hostile.concat());
        let text = text(&report, Some(&hostile.concat()), 60_000);
        assert_eq!(
            outside_of_code(&text),
            expected_outside(hostile.len()),
            "{text}"
        );
    }

    /// What stands outside of code, line by line, without the columns' bars.
    fn outside_of_code(text: &str) -> String {
        let mut outside = String::new();
        for line in text.lines() {
            let mut rest = line;
            loop {
                let span = rest.find('`').map(|at| (at, "`", "`"));
                let html = rest.find("<code>").map(|at| (at, "<code>", "</code>"));
                let first = span.into_iter().chain(html).min_by_key(|(at, ..)| *at);
                let Some((at, begin, end)) = first else { break };
                outside += &rest[..at];
                let inside = &rest[at + begin.len()..];
                let closed = inside.find(end).unwrap_or_else(|| panic!("{line}"));
                // Within HTML, nothing but letters, digits and references to characters.
                let is_safe = begin == "`"
                    || !inside[..closed]
                        .contains(['<', '>', '`', '|', '@', '[', ']', '*', '_', '\\', '/', ':']);
                assert!(is_safe, "{line}");
                rest = &inside[closed + end.len()..];
            }
            outside += rest;
            outside.push('\n');
        }
        outside
    }

    fn expected_outside(rows: usize) -> String {
        let mut outside = format!(
            "imago changes {rows} images of .\n\n| Place | Name | Old | New |\n|---|---|---|---|\n"
        );
        outside += &"|   |  |  |  |\n".repeat(rows);
        outside + "\n" + &CLOSING.replace("`imago/ignore`", "")
    }

    #[test]
    fn five_thousand_images_fit_every_forge() {
        let mut many = samples::with_problems();
        let image = many.objects[0].images[0].clone();
        many.objects[0].images = vec![image; 5_000];
        many.warnings = vec!["w".repeat(300); 100];
        for limit in LIMITS {
            let text = text(&many, None, limit);
            assert!(text.len() <= limit, "{limit}: {}", text.len());
            assert!(text.ends_with(CLOSING), "{limit}");
            let rows = text
                .lines()
                .filter(|line| line.starts_with("| `deploy"))
                .count();
            assert!(rows > 10, "{limit}: {rows}");
            let rest = 5_000 - rows;
            assert!(
                rest == 0 || text.contains(&format!("… and {rest} more images.")),
                "{limit}: {rows}"
            );
        }
        for room in [0, 100, 1_000] {
            assert!(text(&many, None, room).len() <= room.max(200), "{room}");
        }
    }
}
