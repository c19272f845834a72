//! Every case once more in other styles: what a file means does not hang on how it is written.
//!
//! A style that keeps the lines is held to the byte: the update of a file in that style is the updated file in that style. A style that
//! lays the whole file out anew is held by its objects.

use std::collections::BTreeMap;

use serde::Deserialize as _;
use serde_json::Value;

use super::{carry_out, codes, for_each_case, objects, place, same_files};
use crate::support::cases::Mark;

/// An alias gives way to its text: that line has no value of its own before.
const WITH_ALIASES: [&str; 2] = ["alias-to-an-argument", "two-aliases-to-an-annotation"];

/// The same, and a text over two lines that is written on one.
const WITH_OTHER_LINES: [&str; 3] = [
    "alias-to-an-argument",
    "two-aliases-to-an-annotation",
    "double-quotes-and-escapes",
];

/// What two readers read in two ways is certain when it is laid out anew.
const CERTAIN_ANEW: [&str; 3] = [
    "ambiguous-break-before-a-marker",
    "next-line-in-plain-text",
    "paragraph-separator-in-a-literal",
];

/// Keys whose values are images, or parts of them. `digest` is not among them: an update may insert that line.
const KEYS: [&str; 7] = [
    "image",
    "newTag",
    "newName",
    "tag",
    "repository",
    "registry",
    "name",
];

#[test]
fn every_case_holds_with_windows_line_ends() {
    every_case_holds_in(
        |_, text| (!text.contains('\r')).then(|| text.replace('\n', "\r\n")),
        &[],
    );
}

#[test]
fn every_case_holds_with_a_comment_behind_each_value() {
    every_case_holds_in(
        |name, text| {
            lines(name, text, |value, _| {
                format!("{value}  # kept: {{as}} 'it' \"is\"")
            })
        },
        &WITH_OTHER_LINES,
    );
}

#[test]
fn every_case_holds_with_an_anchor_before_each_value() {
    every_case_holds_in(
        |name, text| lines(name, text, |value, count| format!("&own{count} {value}")),
        &WITH_OTHER_LINES,
    );
}

#[test]
fn every_case_holds_with_values_in_double_quotes() {
    every_case_holds_in(
        |name, text| lines(name, text, |value, _| quoted(value, '"')),
        &WITH_ALIASES,
    );
}

#[test]
fn every_case_holds_with_values_in_single_quotes() {
    every_case_holds_in(
        |name, text| lines(name, text, |value, _| quoted(value, '\'')),
        &WITH_ALIASES,
    );
}

#[test]
fn every_case_holds_on_one_line() {
    every_case_gives_the_objects_of(
        |documents| {
            let mut text = String::new();
            for document in documents {
                text += &format!("---\n{document}\n");
            }
            Some(text)
        },
        &CERTAIN_ANEW,
    );
}

#[test]
fn every_case_holds_as_a_list() {
    every_case_gives_the_objects_of(
        |documents| {
            let is_object = |document: &Value| {
                document["apiVersion"].is_string()
                    && document["kind"].as_str().is_some_and(|kind| {
                        // Kustomize takes these for its own files, which are no lists.
                        !kind.ends_with("List") && kind != "Kustomization" && kind != "Component"
                    })
            };
            documents.iter().all(is_object).then(|| {
                let list =
                    serde_json::json!({"apiVersion": "v1", "kind": "List", "items": documents});
                format!("{list:#}\n")
            })
        },
        // SOPS signs whole documents, and no item of a list.
        &[&CERTAIN_ANEW[..], &["sops-with-a-mac"]].concat(),
    );
}

/// Holds each case to the byte in another style. `style` gives a file in that style, or `None` for a file that stays as it is.
fn every_case_holds_in(style: fn(&str, &str) -> Option<String>, but: &[&str]) {
    for_each_case(|case| {
        if but.contains(&&*case.name) {
            return Ok(());
        }
        let place = place(case);
        let (before, is_other) = styled(&place.files(), style);
        if !is_other {
            return Ok(());
        }
        for (name, bytes) in &before {
            place.write(name, bytes);
        }
        let finished = carry_out(case, &place);
        same_files(&place.files(), &styled(&case.after(), style).0)?;
        codes(&finished, "problems", &case.terms.problems)?;
        codes(&finished, "skipped", &case.terms.skipped)
    });
}

fn styled(
    files: &BTreeMap<String, Vec<u8>>,
    style: fn(&str, &str) -> Option<String>,
) -> (BTreeMap<String, Vec<u8>>, bool) {
    let mut is_other = false;
    let styled = files.iter().map(|(name, bytes)| {
        let text = std::str::from_utf8(bytes)
            .ok()
            .and_then(|text| style(name, text));
        is_other |= text.as_ref().is_some_and(|text| text.as_bytes() != bytes);
        (
            name.clone(),
            text.map_or_else(|| bytes.clone(), String::into_bytes),
        )
    });
    (styled.collect(), is_other)
}

/// Changes the values of [`KEYS`] that stand on one line.
fn lines(name: &str, text: &str, change: fn(&str, usize) -> String) -> Option<String> {
    if !(name.ends_with(".yaml") || name.ends_with(".yml")) {
        return None;
    }
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut count = 0;
    let changed = lines.iter().enumerate().map(|(index, line)| {
        let next = lines[index + 1..]
            .iter()
            .find(|line| !line.trim().is_empty());
        match value(line, next.copied()) {
            Some((from, to)) => {
                count += 1;
                format!(
                    "{}{}{}",
                    &line[..from],
                    change(&line[from..to], count),
                    &line[to..]
                )
            }
            None => (*line).to_owned(),
        }
    });
    Some(changed.collect())
}

/// Where a line has the value of one of [`KEYS`] and nothing behind it.
fn value(line: &str, next: Option<&str>) -> Option<(usize, usize)> {
    let column = line.len() - line.trim_start_matches([' ', '-']).len();
    let key = &line[column..];
    let (key, value) = key.split_once(": ")?;
    KEYS.contains(&key).then_some(())?;
    let text = value.trim_end();
    let from = line.len() - value.len();
    let is_plain = |text: &str| {
        text.starts_with(|first: char| first.is_ascii_alphanumeric())
            && text
                .chars()
                .all(|each| each.is_ascii_alphanumeric() || "./:@_-".contains(each))
            && !text.ends_with(':')
    };
    let is_quoted = |quote: char| {
        text.strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote))
            .is_some_and(is_plain)
    };
    // The value goes on where the next line is indented deeper.
    let goes_on = next.is_some_and(|next| next.len() - next.trim_start().len() > column);
    (!goes_on && (is_plain(text) || is_quoted('"') || is_quoted('\'')))
        .then_some((from, from + text.len()))
}

/// A plain text in quotes. What would be no text without them stays as it is.
fn quoted(value: &str, quote: char) -> String {
    let is_text = value.contains(['/', ':'])
        || matches!(serde_yaml::from_str(value), Ok(serde_yaml::Value::String(text)) if text == value);
    match is_text && value.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        true => format!("{quote}{value}{quote}"),
        false => value.to_owned(),
    }
}

/// Holds each case by its objects, where a file's documents are laid out anew. Comments and anchors get lost on that way: files that
/// have some stay as they are.
fn every_case_gives_the_objects_of(layout: fn(&[Value]) -> Option<String>, but: &[&str]) {
    for_each_case(|case| {
        if but.contains(&&*case.name) {
            return Ok(());
        }
        let place = place(case);
        let before = place.files();
        let other: BTreeMap<&String, String> = before
            .iter()
            .filter_map(|(name, bytes)| Some((name, layout(&documents(name, bytes)?)?)))
            .collect();
        if other.is_empty() {
            return Ok(());
        }
        for (name, text) in &other {
            place.write(name, text);
        }
        let finished = carry_out(case, &place);
        for (name, expected) in case.after() {
            let found = &place.files()[&name];
            if !other.contains_key(&name) {
                if *found != expected {
                    return Err(format!("{name}, which stands beside, is another"));
                }
                continue;
            }
            let (found, expected) = (apart(objects(found)), apart(objects(&expected)));
            if found != expected {
                return Err(format!(
                    "{name}: other objects\n    found    {found:?}\n    expected {expected:?}"
                ));
            }
        }
        codes(&finished, "problems", &without_lines(&case.terms.problems))?;
        codes(&finished, "skipped", &without_lines(&case.terms.skipped))
    });
}

/// The documents of a file that can be laid out anew.
fn documents(name: &str, bytes: &[u8]) -> Option<Vec<Value>> {
    let text = std::str::from_utf8(bytes).ok()?;
    let is_yaml = name.ends_with(".yaml") || name.ends_with(".yml");
    if !is_yaml || text.contains(['&', '*', '#', '!', '\r']) || text.contains("<<") {
        return None;
    }
    let documents: Option<Vec<Value>> = serde_yaml::Deserializer::from_str(text)
        .map(|document| {
            // This reader refuses a key that stands twice, JSON's takes the last.
            let document = serde_yaml::Value::deserialize(document).ok()?;
            serde_json::to_value(document).ok()
        })
        .collect();
    let documents = documents?;
    documents.iter().all(Value::is_object).then_some(documents)
}

/// The documents, and the items of lists in their place, as deep as they stand.
fn apart(documents: Vec<serde_yaml::Value>) -> Vec<serde_yaml::Value> {
    documents
        .into_iter()
        .flat_map(
            |document| match document.get("items").and_then(|items| items.as_sequence()) {
                Some(items) if document["kind"] == "List" => apart(items.clone()),
                _ => vec![document],
            },
        )
        .collect()
}

fn without_lines(marks: &[Mark]) -> Vec<Mark> {
    marks
        .iter()
        .map(|mark| Mark {
            line: None,
            ..mark.clone()
        })
        .collect()
}
