//! A report as Markdown, for a pull request's text or a job's summary: a table of what changes, and below it what else is to be known.
//!
//! Text from files and registries can neither leave its cell, nor become a link, a mention or HTML. A request's text has the lowest
//! limit of all places that take it (65 536 characters), so that is what is kept to; what is cut is counted.

use std::fmt::Write;

use super::{Printable, Styles, counted, left_undone, masked, problem, text};
use crate::app::report::{Outcome, Report};
use crate::app::short;
use crate::cli::verbosity::Detail;

/// The longest report, in bytes, with room for words around it.
const LIMIT: usize = 60_000;
/// How much of that problems may take from the table.
const LIMIT_OF_NOTES: usize = 20_000;
/// More backticks in a row than these become another sign.
const LONGEST_RUN: usize = 50;
/// Why a string takes what is written to it.
const TAKES_ALL: &str = "a string takes all";

/// What was done, a table of it, and what went wrong.
pub fn report(report: &Report) -> String {
    let mut markdown = format!(
        "**imago**: {}\n",
        escaped(text::summary(report, Detail::More, &Styles::plain()).trim_end())
            .replace('\n', "<br>\n")
    );
    // Who answered this run must not be what is cut.
    let detours = lines(problem::warnings(&report.detours, &Styles::plain()));
    let detours = block(&detours, LIMIT - LIMIT_OF_NOTES - markdown.len());
    let notes = notes(report, LIMIT_OF_NOTES);
    markdown.push_str(&detours);
    write_table(&mut markdown, report, LIMIT - notes.len(), Links::Followed);
    markdown + &notes
}

/// What addresses from registries become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Links {
    /// Links.
    Followed,
    /// Text that nobody can click on.
    Shown,
}

/// Adds the table of changes, as far as the text stays below a limit in bytes, and how many are left out.
pub(super) fn write_table(markdown: &mut String, report: &Report, limit: usize, links: Links) {
    let rows: Vec<String> = rows(report, links).collect();
    if rows.is_empty() {
        return;
    }
    markdown.push_str("\n| Place | Name | Old | New |\n|---|---|---|---|\n");
    for (index, row) in rows.iter().enumerate() {
        // The line that says what is cut has to find room too.
        if markdown.len() + row.len() + 100 > limit {
            writeln!(
                markdown,
                "\n… and {}.",
                counted(rows.len() - index, "more image")
            )
            .expect(TAKES_ALL);
            return;
        }
        markdown.push_str(row);
    }
}

fn rows(report: &Report, links: Links) -> impl Iterator<Item = String> {
    report.objects.iter().flat_map(move |object| {
        let undone = match left_undone(report.reach(), object) {
            "" => String::new(),
            undone => format!(" **{}**", undone.trim_start()),
        };
        object.images.iter().filter_map(move |image| {
            let (old, new) = match &image.outcome {
                Outcome::Outdated(new) | Outcome::Restored(new) => short::change(&image.image, new),
                Outcome::Stale {
                    running, digest, ..
                } => short::change(running.as_str(), digest.as_str()),
                Outcome::Unpinned { decided_by } => {
                    let missing = decided_by.as_deref().map_or_else(
                        || "no digest".to_owned(),
                        |by| format!("no digest, decided by {by}"),
                    );
                    (image.image.clone(), missing)
                }
                _ => return None,
            };
            let file = object.place.file.as_ref().map(|file| match image.line {
                Some(line) => format!("{file}:{line}"),
                None => file.clone(),
            });
            let place = file.iter().chain(&object.place.object);
            let place: Vec<String> = place.map(|part| code(part)).collect();
            let by = image
                .moved()
                .map(|choice| format!(" {}", code(&format!("({})", choice.brief()))));
            let source = image.source.as_ref().map(|source| {
                let revision = source.revision.iter();
                let revision = revision.map(|revision| format!(" at {}", code(revision)));
                let url = match links {
                    // Nothing in a link's parts means anything to Markdown.
                    Links::Followed => format!("[source]({})", source.url),
                    Links::Shown => format!("source {}", code(&source.url)),
                };
                format!(" {url}{}", revision.collect::<String>())
            });
            Some(format!(
                "| {} | {} | {} | {}{}{}{undone} |\n",
                place.join(" "),
                code(&image.site.name),
                code(&old),
                code(&new),
                by.unwrap_or_default(),
                source.unwrap_or_default()
            ))
        })
    })
}

/// Problems, warnings and what was held back, in a fence of so many bytes.
pub(super) fn notes(report: &Report, limit: usize) -> String {
    block(&all_notes(report), limit)
}

/// Problems, warnings and what was held back, in the words that a person at a terminal reads.
fn all_notes(report: &Report) -> Vec<String> {
    let mut notes = lines(problem::warnings(&report.warnings, &Styles::plain()));
    // One problem is several lines, of which the first alone is not indented.
    for line in
        problem::problems(&report.problems, Detail::Normal, &Styles::plain()).split_inclusive('\n')
    {
        match notes.last_mut().filter(|_| line.starts_with(' ')) {
            Some(last) => last.push_str(line),
            None => notes.push(line.to_owned()),
        }
    }
    notes.extend(report.lock.iter().map(|entry| {
        let (image, place) = (
            Printable(&entry.image),
            problem::where_it_is(&entry.place).unwrap_or_default(),
        );
        format!(
            "outdated lock: {image} is on {}, and {} {}\n  in {}\n",
            entry.locked,
            entry.taker(),
            entry.digest,
            Printable(&place)
        )
    }));
    let held = report.skipped.iter().filter(|skipped| skipped.is_held());
    notes.extend(held.map(|skipped| {
        let place = problem::where_it_is(&skipped.place).unwrap_or_default();
        format!(
            "held back ({}): {}\n  in {}\n",
            skipped.code,
            Printable(&masked::sentence(&skipped.message)),
            Printable(&place)
        )
    }));
    notes.retain(|note| !note.is_empty());
    notes
}

fn lines(text: String) -> Vec<String> {
    text.split_inclusive('\n').map(str::to_owned).collect()
}

/// Notes as they are, in a fence of their own; those for which the limit has no room are counted.
fn block(notes: &[String], limit: usize) -> String {
    if notes.is_empty() {
        return String::new();
    }
    let mut text = String::new();
    for (index, note) in notes.iter().enumerate() {
        if text.len() + note.len() > limit {
            writeln!(text, "… and {}", counted(notes.len() - index, "more note")).expect(TAKES_ALL);
            break;
        }
        text.push_str(note);
    }
    // The fence is longer than the longest run of its own signs.
    if longest_run(&text) > LONGEST_RUN {
        text = text.replace(&"`".repeat(LONGEST_RUN + 1), &"'".repeat(LONGEST_RUN + 1));
    }
    let fence = "`".repeat(longest_run(&text).max(2) + 1);
    format!("\n{fence}text\n{text}{fence}\n")
}

/// Text as code in a table's cell. What ends a code span, a cell or a line is written in HTML.
pub(super) fn code(text: &str) -> String {
    let text = Printable(text).to_string();
    let plain = |character: char| !matches!(character, '`' | '|' | '\\' | '<' | '>' | '&');
    match text.chars().all(plain) && !text.is_empty() && text.trim() == text {
        true => format!("`{text}`"),
        false => format!("<code>{}</code>", escaped(&text)),
    }
}

/// Text that stays text: every sign that Markdown or HTML could see something in is a character reference.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            ' ' | '\n' | ',' | '.' | ';' | '-' | '(' | ')' => safe.push(character),
            _ if !character.is_ascii() || character.is_ascii_alphanumeric() => safe.push(character),
            _ => write!(safe, "&#{};", u32::from(character)).expect(TAKES_ALL),
        }
    }
    safe
}

fn longest_run(text: &str) -> usize {
    text.split(|character| character != '`')
        .map(str::len)
        .max()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::report::Action;
    use crate::cli::render::samples;

    #[test]
    fn a_table_has_what_changes_and_below_it_is_what_went_wrong() {
        assert_eq!(
            report(&samples::with_problems()),
            "\
**imago**: updated 1 image in 1 of 214 files; 3 Helm templates passed over; 3 problems

| Place | Name | Old | New |
|---|---|---|---|
| `deploy/web.yaml:21` `Deployment/web` | `app` | `registry.example.test/web:1.4` | `sha256:666666666666` |

```text
warning: the lock is not pruned
error: cannot read the lock
  cause: it is empty
error: cannot read `a,b:100%.yaml`
  in a,b:100%.yaml:3
  cause: a tab\\n::error::forged
  hint: correct it
error: cannot resolve `registry.example.test/side:1`
  in deploy/web.yaml:24, Deployment/web, container `side`
  cause: the registry answered 401 Unauthorized
  hint: run `docker login registry.example.test`
```
"
        );
    }

    #[test]
    fn a_change_that_was_refused_is_not_shown_as_made() {
        let mut refused = samples::updated();
        refused.objects[0].changed = false;
        for (dry_run, action, end) in [
            (false, Action::Update, "6` **(not changed)** |"),
            (true, Action::Update, "6` **(would not be changed)** |"),
            (false, Action::Check, "6` |"),
        ] {
            let report = report(&Report {
                dry_run,
                action,
                ..refused.clone()
            });
            let row = report
                .lines()
                .find(|line| line.starts_with("| `deploy"))
                .unwrap();
            assert!(row.ends_with(end), "{row}");
        }
    }

    #[test]
    fn nothing_to_say_is_one_line() {
        let mut fine = samples::updated();
        fine.objects[0].images.remove(0);
        fine.objects[0].changed = false;
        fine.files_changed.clear();
        assert_eq!(
            report(&fine),
            "**imago**: the image in 214 files is up to date; 3 Helm templates passed over\n"
        );
    }

    #[test]
    fn no_text_leaves_its_cell() {
        for (hostile, cell) in [
            ("app", "`app`"),
            ("a|b", "<code>a&#124;b</code>"),
            ("a\\|b", "<code>a&#92;&#124;b</code>"),
            ("a`b", "<code>a&#96;b</code>"),
            ("<img src=x>", "<code>&#60;img src&#61;x&#62;</code>"),
            ("a\nb", "<code>a&#92;nb</code>"),
            ("", "<code></code>"),
            (" a", "<code> a</code>"),
            ("@shop/team #1", "`@shop/team #1`"),
        ] {
            assert_eq!(code(hostile), cell, "{hostile:?}");
        }
        assert_eq!(
            escaped("[a](b) *c* @d #1 ~e~ _f_"),
            "&#91;a&#93;(b) &#42;c&#42; &#64;d &#35;1 &#126;e&#126; &#95;f&#95;"
        );
    }

    #[test]
    fn a_fence_is_longer_than_what_it_holds() {
        let report = Report {
            warnings: vec!["a ````` b".into()],
            ..samples::updated()
        };
        assert!(super::report(&report).ends_with("\n``````text\nwarning: a ````` b\n``````\n"));
        let report = Report {
            warnings: vec!["`".repeat(15_000)],
            ..samples::updated()
        };
        let markdown = super::report(&report);
        assert!(markdown.len() < 16_000, "{}", markdown.len());
        assert!(longest_run(&markdown) <= LONGEST_RUN + 1);
    }

    #[test]
    fn what_is_too_long_is_cut_and_counted() {
        let mut many = samples::with_problems();
        let image = many.objects[0].images[0].clone();
        many.objects[0].images = vec![image; 2_000];
        many.warnings = vec!["w".repeat(100); 10];
        many.problems = (0..2_000)
            .map(|number| {
                let mut problem = many.problems[0].clone();
                problem.what = format!("cannot read `{number}`");
                problem
            })
            .collect();
        let markdown = report(&many);
        assert!(
            (55_000..=LIMIT).contains(&markdown.len()),
            "{}",
            markdown.len()
        );
        let rows = markdown
            .lines()
            .filter(|line| line.starts_with("| `deploy"))
            .count();
        assert!(
            markdown.contains(&format!("\n\n… and {} more images.\n", 2_000 - rows)),
            "{rows}"
        );
        assert!(
            markdown.ends_with(" more notes\n```\n"),
            "{}",
            &markdown[markdown.len() - 100..]
        );
    }
}
