//! Puts another text into a scalar, in the style in which it is written.

use crate::engine::code::Code;
use crate::engine::tree::{Scalar, Tree};
use crate::engine::yaml::{File, Style, YamlNode, resolve_plain, verbatim};

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
    match style {
        // Nothing is written behind the key, and what is not written has no place.
        Style::Plain if node.is_absent() => {
            let Some(key_end) = node.key_end() else {
                let what = "nothing is written where the value shall be".to_owned();
                return Err(refused(Code::NotEditable, node, what));
            };
            let behind = &file.text()[key_end..];
            let blanks = behind.len() - behind.trim_start_matches([' ', '\t']).len();
            let (at, colon) = match behind[blanks..].starts_with(':') {
                true => (key_end + blanks + 1, ""),
                false => (key_end, ":"),
            };
            let text = format!("{colon} {}", plain(to));
            Ok((
                Edit {
                    range: at..at,
                    text,
                },
                to.to_owned(),
            ))
        }
        Style::Plain => Ok((
            Edit {
                range: span,
                text: plain(to),
            },
            to.to_owned(),
        )),
        Style::Single => Ok((
            Edit {
                range: span,
                text: single_quoted(to),
            },
            to.to_owned(),
        )),
        Style::Double => Ok((
            Edit {
                range: span,
                text: double_quoted(to),
            },
            to.to_owned(),
        )),
        Style::Block if to.matches('\n').count() == value.matches('\n').count() => {
            let body = node.written();
            let Some(lines) = verbatim::lines(body, value) else {
                return Err(refused(
                    Code::NotEditable,
                    node,
                    "a folded text is not edited".to_owned(),
                ));
            };
            let (mut text, mut done) = (String::with_capacity(body.len() + to.len()), 0);
            for (line, to) in lines.into_iter().zip(to.split('\n')) {
                text.push_str(&body[done..line.start]);
                text.push_str(to);
                done = line.end;
            }
            text.push_str(&body[done..]);
            Ok((Edit { range: span, text }, to.to_owned()))
        }
        Style::Block => {
            // The header and the indentation stay, and with them the line breaks that the value ends with.
            let body = &file.text()[span.clone()];
            let start = span.start + (body.len() - body.trim_start().len());
            let end = span.start + body.trim_end().len();
            if start >= end || value.starts_with([' ', '\n']) {
                return Err(refused(
                    Code::NotEditable,
                    node,
                    "a block scalar that begins with white space is not edited".to_owned(),
                ));
            }
            let breaks = &value[value.trim_end_matches('\n').len()..];
            Ok((
                Edit {
                    range: start..end,
                    text: to.to_owned(),
                },
                format!("{to}{breaks}"),
            ))
        }
    }
}

/// A text as a scalar of its own: plain where every reader takes it for the same string, else in quotes.
pub(super) fn plain(text: &str) -> String {
    let safe = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'.' | b'_' | b'/' | b':' | b'@' | b'-' | b'=')
    };
    let plain = text.bytes().all(safe)
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && !text.ends_with(':')
        && matches!(resolve_plain(text), Scalar::Text(_));
    if plain {
        text.to_owned()
    } else {
        single_quoted(text)
    }
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
