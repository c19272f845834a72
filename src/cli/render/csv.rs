//! A list of images as CSV (RFC 4180), for spreadsheets: a header, then a record for each image, with the fields of the JSON.
//!
//! The fields are names from manifests that strangers may have written. One that a spreadsheet would take for a formula begins with an
//! apostrophe, and a character that steers a terminal, or ends a line, is an escape: a program that needs each byte reads the JSON.

use super::Printable;
use super::json::ListedV1;
use crate::app::images::Inventory;

/// The names of the fields.
const HEADER: [&str; 14] = [
    "file",
    "line",
    "shape",
    "kind",
    "namespace",
    "object",
    "name",
    "path",
    "image",
    "tag",
    "digest",
    "state",
    "code",
    "reason",
];

/// What begins a formula.
const FORMULA: [char; 4] = ['=', '+', '-', '@'];

/// The header and the records.
pub fn images(inventory: &Inventory) -> String {
    let mut text = record(HEADER.map(str::to_owned));
    for listed in &inventory.images {
        let ListedV1 {
            file,
            line,
            shape,
            kind,
            namespace,
            object,
            name,
            path,
            image,
            tag,
            digest,
            state,
            code,
            reason,
        } = ListedV1::of(listed);
        let line = line.map(|line| line.to_string());
        let fields = [
            file,
            line.as_deref(),
            Some(shape),
            Some(kind),
            namespace,
            object,
            Some(name),
            Some(path),
            Some(image),
            tag,
            digest.as_deref(),
            Some(state),
            code,
            reason,
        ];
        text += &record(fields.map(|field| safe(field.unwrap_or_default())));
    }
    text
}

/// The fields with what RFC 4180 puts around and between them. A semicolon parts fields where the comma is a decimal point.
fn record(fields: [String; HEADER.len()]) -> String {
    let quoted = fields.map(|field| match field.contains([',', ';', '"']) {
        true => format!("\"{}\"", field.replace('"', "\"\"")),
        false => field,
    });
    quoted.join(",") + "\r\n"
}

fn safe(field: &str) -> String {
    let apostrophe = if field.starts_with(FORMULA) { "'" } else { "" };
    format!("{apostrophe}{}", Printable(field))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_quoted_where_it_has_to_be_and_is_never_a_formula() {
        for (field, written) in [
            ("web", "web"),
            ("a,b", "\"a,b\""),
            ("a;b", "\"a;b\""),
            ("say \"x\"", "\"say \"\"x\"\"\""),
            ("=1+1", "'=1+1"),
            ("@@IMAGE@@", "'@@IMAGE@@"),
            ("-x,y", "\"'-x,y\""),
            ("a\r\nb\u{1b}[2J", "a\\r\\nb\\u{1b}[2J"),
            ("\t=1", "\\t=1"),
            ("::error::x", "\\u{3a}\\u{3a}error\\u{3a}\\u{3a}x"),
        ] {
            let mut fields = [const { String::new() }; HEADER.len()];
            fields[0] = safe(field);
            let commas = ",".repeat(HEADER.len() - 1);
            assert_eq!(record(fields), format!("{written}{commas}\r\n"));
        }
    }
}
