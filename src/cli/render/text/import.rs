//! The policies that other tools' settings come to, as YAML for `.imago.yaml`, and what could not be brought over.

use std::fmt::Write;

use super::TAKES_ALL;
use crate::cli::render::{Printable, Styles, masked};
use crate::engine::import::{Imported, Remark, Rule, Source};

/// `policies:` with the source of each above it.
pub fn policies(imported: &Imported) -> String {
    if imported.rules.is_empty() {
        return String::new();
    }
    let mut text = "policies:\n".to_owned();
    for rule in &imported.rules {
        let Rule {
            image,
            files,
            policy,
            allow,
            ignore,
            source,
            ..
        } = rule;
        writeln!(text, "# {}", place(source)).expect(TAKES_ALL);
        writeln!(text, "- image: {}", scalar(image)).expect(TAKES_ALL);
        if let Some(files) = files {
            writeln!(text, "  files: {}", scalar(files)).expect(TAKES_ALL);
        }
        writeln!(text, "  policy: {}", scalar(policy)).expect(TAKES_ALL);
        if let Some(allow) = allow {
            writeln!(text, "  allow: {}", quoted(allow)).expect(TAKES_ALL);
        }
        if !ignore.is_empty() {
            let globs: Vec<String> = ignore.iter().map(|glob| quoted(glob)).collect();
            writeln!(text, "  ignore: [{}]", globs.join(", ")).expect(TAKES_ALL);
        }
    }
    text
}

/// What could not be brought over, a line each.
pub fn remarks(imported: &Imported, styles: &Styles) -> String {
    let Styles { change, .. } = styles;
    lines(
        &imported.remarks,
        &format!("{change}not brought over{change:#}"),
    )
}

/// What is done otherwise, and what else is to be done, a line each.
pub fn notes(imported: &Imported) -> String {
    let mut text = lines(&imported.hints, "note");
    for note in &imported.notes {
        writeln!(text, "note: {}", Printable(&masked::sentence(note))).expect(TAKES_ALL);
    }
    text
}

fn lines(remarks: &[Remark], before: &str) -> String {
    let line = |Remark { source, text }: &Remark| {
        let text = masked::sentence(text);
        format!("{before}: {}: {}\n", place(source), Printable(&text))
    };
    remarks.iter().map(line).collect()
}

/// `clusters/web.yaml:3, ImagePolicy shop/web`
fn place(source: &Source) -> String {
    let Source { file, line, what } = source;
    let line = line.map_or_else(String::new, |line| format!(":{line}"));
    Printable(&format!("{file}{line}, {what}")).to_string()
}

/// A string that YAML reads as it is, in quotes where it needs them.
fn scalar(text: &str) -> String {
    let starts_plainly = text.starts_with(|first: char| first.is_ascii_alphabetic());
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"./_- ".contains(&byte);
    match starts_plainly && text.bytes().all(is_plain) {
        true => text.to_owned(),
        false => quoted(text),
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
