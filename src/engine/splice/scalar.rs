//! Puts another text into a scalar, in the style in which it is written.

use crate::engine::tree::{Scalar, Tree};
use crate::engine::yaml::{File, Style, YamlNode, resolve_plain};

use super::{Edit, Refused, refused};

/// The edit, and the value that the node then has. An alias is replaced by a plain literal.
pub(super) fn rewrite(
    file: &File<'_>,
    node: YamlNode<'_, '_>,
    to: &str,
) -> Result<(Edit, String), Refused> {
    let span = node.span();
    let Some((value, style)) = node.styled() else {
        return Ok((
            Edit {
                range: span,
                text: plain(to),
            },
            to.to_owned(),
        ));
    };
    let written = match style {
        Style::Plain => plain(to),
        // Single quotes have no escapes, and fold a line break.
        Style::Single if !to.contains(char::is_control) => single_quoted(to),
        Style::Single | Style::Double => double_quoted(to),
        Style::Block => {
            // The header and the indentation stay, and with them the line breaks that the value ends with.
            let body = &file.text()[span.clone()];
            let start = span.start + (body.len() - body.trim_start().len());
            let end = span.start + body.trim_end().len();
            if start >= end || value.starts_with([' ', '\n']) {
                return Err(refused(
                    "not-editable",
                    node,
                    "a block scalar that begins with white space is not edited".to_owned(),
                ));
            }
            if to.is_empty() || to.trim() != to || to.contains(char::is_control) {
                return Err(refused(
                    "not-editable",
                    node,
                    "a block scalar takes one line without white space around it".to_owned(),
                ));
            }
            let breaks = &value[value.trim_end_matches('\n').len()..];
            let edit = Edit {
                range: start..end,
                text: to.to_owned(),
            };
            return Ok((edit, format!("{to}{breaks}")));
        }
    };
    let edit = Edit {
        range: span,
        text: written,
    };
    Ok((edit, to.to_owned()))
}

/// A text as a scalar of its own: plain where every reader takes it for the same string, else in quotes.
pub(super) fn plain(text: &str) -> String {
    let safe = |byte: u8| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'/' | b':' | b'@' | b'-')
    };
    let plain = text.bytes().all(safe)
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && !text.ends_with(':')
        && matches!(resolve_plain(text), Scalar::Text(_))
        && !is_time(text);
    if plain {
        text.to_owned()
    } else if text.contains(char::is_control) {
        double_quoted(text)
    } else {
        single_quoted(text)
    }
}

/// Whether readers of YAML 1.1 take the letters for a date, a time or a number of base 60: `2026-11-28`, `12:30:45`.
fn is_time(text: &str) -> bool {
    let is_part =
        |byte: u8| byte.is_ascii_digit() || matches!(byte, b'-' | b':' | b'.' | b'T' | b'Z');
    text.contains(['-', ':']) && text.bytes().all(is_part)
}

/// In single quotes, where a quote stands twice (YAML 1.2.2, section 7.3.2).
pub(super) fn single_quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// In double quotes, in escapes that JSON and YAML share.
pub(super) fn double_quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Whether a node is an explicit or an empty null.
pub(super) fn is_written_null(node: YamlNode<'_, '_>) -> bool {
    node.scalar() == Scalar::Null && !node.is_absent()
}
