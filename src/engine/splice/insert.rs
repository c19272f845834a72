//! Adds an entry to a mapping, in the way its neighbours are written.
//!
//! In a block mapping it goes behind the last entry, in a flow mapping behind the last value, and JSON stays JSON.

use std::cell::OnceCell;

use crate::engine::code::Code;
use crate::engine::yaml::{CommentedFile, File, Layout, Style, YamlNode};

use super::scalar::{double_quoted, is_written_null, plain, single_quoted};
use super::{Edit, Refused};

/// How keys and values are written in a document.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Notation {
    Yaml,
    Json,
}

/// The notation of a document. Telling it reads the whole document, so that is done once, and only where it matters.
pub(super) struct Notations<'f, 't> {
    file: &'f File<'t>,
    document: usize,
    known: OnceCell<Notation>,
}

impl<'f, 't> Notations<'f, 't> {
    pub(super) fn of(file: &'f File<'t>, document: usize) -> Self {
        Self {
            file,
            document,
            known: OnceCell::new(),
        }
    }

    fn get(&self) -> Notation {
        *self.known.get_or_init(|| {
            let root = &self.file.text()[self.file.document(self.document).span()];
            if serde_json::from_str::<serde::de::IgnoredAny>(root).is_ok() {
                Notation::Json
            } else {
                Notation::Yaml
            }
        })
    }
}

type Entry<'f, 't> = (YamlNode<'f, 't>, YamlNode<'f, 't>);

/// Adds `chain[0]: {chain[1]: … value}` to the last of `nodes`, which is a mapping; the others lead to it.
pub(super) fn entry(
    file: &CommentedFile<'_>,
    notations: &Notations<'_, '_>,
    nodes: &[YamlNode<'_, '_>],
    chain: &[&str],
    value: &str,
) -> Result<Vec<Edit>, Refused> {
    let mapping = nodes[nodes.len() - 1].target();
    let Some((layout, entries)) = mapping.written_entries() else {
        return Ok(Vec::new());
    };
    Ok(match layout {
        Layout::Block => vec![block(file, mapping, &entries, step(nodes), chain, value)],
        Layout::Flow if entries.is_empty() => {
            let inside = inline(chain, value, notations.get(), colon_above(file, nodes));
            let after = mapping.span().start + 1;
            // Where `annotations: {}` ends a flow mapping, blanks tell its braces from those that come with an entry.
            let text = if ends_flow_mapping(nodes) && mapping.span().len() == 2 {
                format!(" {inside} ")
            } else {
                inside
            };
            vec![Edit {
                range: after..after,
                text,
            }]
        }
        Layout::Flow => flow(file, &entries, mapping, notations.get(), chain, value),
    })
}

/// Puts a mapping of one entry where null is written, or where nothing is.
pub(super) fn instead_of_null(
    file: &CommentedFile<'_>,
    notations: &Notations<'_, '_>,
    nodes: &[YamlNode<'_, '_>],
    chain: &[&str],
    value: &str,
) -> Result<Vec<Edit>, Refused> {
    let notation = notations.get();
    let null = nodes[nodes.len() - 1];
    let mapping = format!(
        "{{{}}}",
        inline(chain, value, notation, colon_above(file, nodes))
    );
    if is_written_null(null) {
        return Ok(vec![Edit {
            range: null.span(),
            text: mapping,
        }]);
    }
    let parent = nodes[nodes.len().saturating_sub(2)].target();
    let Some((layout, entries)) = parent.written_entries() else {
        return Err(super::refused(
            Code::NotEditable,
            null,
            "an empty document gets no entry".to_owned(),
        ));
    };
    let Some((key, _)) = entries.iter().find(|(_, value)| value.id() == null.id()) else {
        return Err(super::refused(
            Code::NotEditable,
            null,
            "its key is not where it should be".to_owned(),
        ));
    };
    Ok(match layout {
        Layout::Block => {
            let step = step(&nodes[..nodes.len() - 1]);
            let column = parent.column() + step;
            let mut lines = block_lines(
                column,
                step,
                chain,
                value,
                line_end_at(file, key.span().end),
            );
            let as_new = stands_where_new_ones_do(file, &entries, null) && is_bare(file, *key);
            if let (true, Some(first)) = (as_new, chain.first()) {
                // The lines would be those that come where no `annotations:` is: the quotes tell that it was there.
                lines.replace_range(column..column + plain(first).len(), &single_quoted(first));
            }
            vec![after_line(file, key.span().end, &lines)]
        }
        Layout::Flow => {
            let end = entry_end(file, (*key, null));
            let text = if end == key.span().end {
                format!(": {mapping}")
            } else {
                format!(" {mapping}")
            };
            vec![Edit {
                range: end..end,
                text,
            }]
        }
    })
}

fn block(
    file: &CommentedFile<'_>,
    mapping: YamlNode<'_, '_>,
    entries: &[Entry<'_, '_>],
    step: usize,
    chain: &[&str],
    value: &str,
) -> Edit {
    let end = entries
        .last()
        .map_or(mapping.span().start, |last| entry_end(file, *last));
    let line_end = line_end_at(file, end);
    let lines = block_lines(mapping.column(), step, chain, value, line_end);
    if entries.last().is_some_and(|last| goes_before(file, *last)) {
        let start = mapping.span().start;
        let indentation = " ".repeat(mapping.column());
        return Edit {
            range: start..start,
            text: format!("{}{line_end}{indentation}", lines.trim_start()),
        };
    }
    after_line(file, end, &lines)
}

/// Whether the last of the nodes is the last entry of a flow mapping.
fn ends_flow_mapping(nodes: &[YamlNode<'_, '_>]) -> bool {
    let [.., around, node] = nodes else {
        return false;
    };
    match around.target().written_entries() {
        Some((Layout::Flow, entries)) => entries
            .last()
            .is_some_and(|(_, value)| value.id() == node.id()),
        _ => false,
    }
}

/// Whether a value of a block mapping stands where a new entry would.
pub(super) fn stands_where_new_ones_do(
    file: &CommentedFile<'_>,
    entries: &[Entry<'_, '_>],
    value: YamlNode<'_, '_>,
) -> bool {
    match entries {
        [.., (_, last)] if last.id() == value.id() => true,
        [(_, first), .., last] if first.id() == value.id() => goes_before(file, *last),
        _ => false,
    }
}

/// Whether a new entry goes before the first because of the last: a line break behind a block scalar that ends the file would become part
/// of it for some readers.
fn goes_before(file: &CommentedFile<'_>, last: Entry<'_, '_>) -> bool {
    end_of_line(file, entry_end(file, last)).is_none() && ends_in_block_scalar(last.1)
}

/// Whether a key is written as `insert` writes it: without double quotes, with its colon alone behind it on its line.
pub(super) fn is_bare(file: &CommentedFile<'_>, key: YamlNode<'_, '_>) -> bool {
    let behind = &file.text()[key.span().end..];
    let line = behind.split('\n').next().unwrap_or_default();
    matches!(key.styled(), Some((_, Style::Plain | Style::Single)))
        && line.trim_end_matches('\r') == ":"
}

/// Inserts lines behind the line on which a byte stands, or behind a last line that has no end.
fn after_line(file: &CommentedFile<'_>, offset: usize, lines: &str) -> Edit {
    let line_end = line_end_at(file, offset);
    match end_of_line(file, offset) {
        Some(next) => Edit {
            range: next..next,
            text: format!("{lines}{line_end}"),
        },
        None => Edit {
            range: file.text().len()..file.text().len(),
            text: format!("{line_end}{lines}"),
        },
    }
}

/// The lines of a nested entry, without the last line's end.
fn block_lines(column: usize, step: usize, chain: &[&str], value: &str, line_end: &str) -> String {
    let mut lines = String::new();
    for (depth, key) in chain.iter().enumerate() {
        let indentation = " ".repeat(column + depth * step);
        if depth + 1 < chain.len() {
            lines.push_str(&format!("{indentation}{}:{line_end}", plain(key)));
        } else {
            let (key, value) = (plain(key), plain(value));
            lines.push_str(&format!("{indentation}{key}: {value}"));
        }
    }
    lines
}

/// The indentation that a mapping has against the one around it; two, where none shows it.
fn step(nodes: &[YamlNode<'_, '_>]) -> usize {
    let column = |node: &YamlNode<'_, '_>| match node.target().written_entries() {
        Some((Layout::Block, _)) => Some(node.target().column()),
        _ => None,
    };
    let (mapping, around) = (
        nodes.last().and_then(column),
        nodes
            .len()
            .checked_sub(2)
            .and_then(|parent| column(&nodes[parent])),
    );
    let below = || {
        let (_, entries) = nodes.last()?.target().written_entries()?;
        let inner = entries
            .iter()
            .find_map(|(_, value)| column(value).filter(|_| !value.is_alias()))?;
        inner.checked_sub(mapping?)
    };
    match (mapping, around) {
        (Some(mapping), Some(around)) => mapping.checked_sub(around),
        _ => below(),
    }
    .filter(|step| (1..=16).contains(step))
    .unwrap_or(2)
}

fn flow(
    file: &CommentedFile<'_>,
    entries: &[Entry<'_, '_>],
    mapping: YamlNode<'_, '_>,
    notation: Notation,
    chain: &[&str],
    value: &str,
) -> Vec<Edit> {
    let text = file.text();
    let Some(&(key, last)) = entries.last() else {
        return Vec::new();
    };
    let colon = colon(file, (key, last)).unwrap_or(": ");
    let end = entry_end(file, (key, last));
    let line = line_start(file, key.span().start);
    let indentation = &text[line..key.span().start];
    if mapping.span().start >= line || !indentation.trim_end().is_empty() {
        let separator =
            separator(file, entries).unwrap_or(if colon.ends_with(' ') { ", " } else { "," });
        return vec![Edit {
            range: end..end,
            text: format!("{separator}{}", inline(chain, value, notation, colon)),
        }];
    }
    let around = &text[line_start(file, mapping.span().start)..];
    let around = &around[..around.len() - around.trim_start_matches([' ', '\t']).len()];
    let unit = indentation
        .strip_prefix(around)
        .filter(|unit| !unit.is_empty())
        .unwrap_or("  ");
    let line_end = line_end_at(file, end);
    let entry = match notation {
        Notation::Yaml => inline(chain, value, notation, colon),
        Notation::Json => expanded(chain, value, colon, indentation, unit, line_end),
    };
    let here = end..end;
    let rest_end = end_of_line(file, end).map_or(text.len(), |next| next - 1);
    let rest_end = rest_end - usize::from(text[..rest_end].ends_with('\r'));
    let after_comma = text[end..rest_end]
        .trim_start()
        .strip_prefix(',')
        .map(str::trim_start);
    let there = rest_end..rest_end;
    let comment = file.has_comment_in(end..rest_end);
    match after_comma {
        Some(rest) if rest.is_empty() || rest.starts_with('#') => {
            vec![Edit {
                range: there,
                text: format!("{line_end}{indentation}{entry},"),
            }]
        }
        None if comment && text[end..rest_end].trim_start().starts_with('#') => vec![
            Edit {
                range: here,
                text: ",".to_owned(),
            },
            Edit {
                range: there,
                text: format!("{line_end}{indentation}{entry}"),
            },
        ],
        Some(_) | None => vec![Edit {
            range: here,
            text: format!(",{line_end}{indentation}{entry}"),
        }],
    }
}

/// An entry on one line: `"annotations": {"key": "value"}`.
fn inline(chain: &[&str], value: &str, notation: Notation, colon: &str) -> String {
    let key = |key: &str| {
        if notation == Notation::Json {
            double_quoted(key)
        } else {
            plain(key)
        }
    };
    // `{a:b}` is a key without a value to YAML, so only JSON may do without the space.
    let colon = if notation == Notation::Json {
        colon
    } else {
        ": "
    };
    let value = if notation == Notation::Json {
        double_quoted(value)
    } else {
        plain(value)
    };
    let innermost = chain
        .last()
        .map_or(String::new(), |last| format!("{}{colon}{value}", key(last)));
    chain.iter().rev().skip(1).fold(innermost, |inner, outer| {
        format!("{}{colon}{{{inner}}}", key(outer))
    })
}

/// An entry of JSON over several lines, the first without its indentation.
fn expanded(
    chain: &[&str],
    value: &str,
    colon: &str,
    indentation: &str,
    unit: &str,
    line_end: &str,
) -> String {
    match chain {
        [] => String::new(),
        [last] => format!("{}{colon}{}", double_quoted(last), double_quoted(value)),
        [outer, inner @ ..] => {
            let deeper = format!("{indentation}{unit}");
            let inner = expanded(inner, value, colon, &deeper, unit, line_end);
            format!(
                "{}{colon}{{{line_end}{deeper}{inner}{line_end}{indentation}}}",
                double_quoted(outer)
            )
        }
    }
}

/// What stands between a key and its value, where that is a colon with blanks.
fn colon<'t>(file: &CommentedFile<'t>, (key, value): Entry<'_, '_>) -> Option<&'t str> {
    let between = file.text().get(key.span().end..value.span().start)?;
    (between.trim_matches([' ', '\t']) == ":").then_some(between)
}

/// The colon before the last of the nodes, or the one that most JSON has.
fn colon_above<'t>(file: &CommentedFile<'t>, nodes: &[YamlNode<'_, '_>]) -> &'t str {
    let parent = nodes
        .len()
        .checked_sub(2)
        .map(|parent| nodes[parent].target());
    let entries = parent
        .and_then(YamlNode::written_entries)
        .map(|(_, entries)| entries)
        .unwrap_or_default();
    let above = nodes.last().and_then(|node| {
        entries
            .into_iter()
            .find(|(_, value)| value.id() == node.id())
    });
    above.and_then(|entry| colon(file, entry)).unwrap_or(": ")
}

/// What stands between the last two entries, where that is a comma with blanks.
fn separator<'t>(file: &CommentedFile<'t>, entries: &[Entry<'_, '_>]) -> Option<&'t str> {
    let [.., elder, (key, _)] = entries else {
        return None;
    };
    let between = file.text().get(entry_end(file, *elder)..key.span().start)?;
    (between.trim_end_matches([' ', '\t']) == ",").then_some(between)
}

/// The end of an entry's last byte that is no comment, blank or line end; behind the blank lines that a block scalar keeps.
pub(super) fn entry_end(file: &CommentedFile<'_>, (key, value): Entry<'_, '_>) -> usize {
    let text = file.text();
    if value.is_absent() {
        let after_key = key.span().end.max(value.span().end);
        let colon = text[after_key..].trim_start_matches([' ', '\t']);
        return if colon.starts_with(':') {
            text.len() - colon.len() + 1
        } else {
            after_key
        };
    }
    let innermost = match (value.written_entries(), value.written_items()) {
        (Some((Layout::Block, entries)), _) => entries.last().map(|last| entry_end(file, *last)),
        (_, Some((Layout::Block, items))) => {
            items.last().map(|last| entry_end(file, (*last, *last)))
        }
        _ => None,
    };
    innermost.unwrap_or_else(|| match value.styled() {
        Some((content, Style::Block)) => block_scalar_end(file, value, content),
        _ => value.span().end,
    })
}

/// A block scalar ends on the line of its last character, unless it keeps the line breaks behind it.
fn block_scalar_end(file: &CommentedFile<'_>, scalar: YamlNode<'_, '_>, content: &str) -> usize {
    let text = file.text();
    let span = scalar.span();
    let mut end = span.start + text[span.clone()].trim_end().len();
    let kept = content.len() - content.trim_end_matches('\n').len();
    for _ in 1..kept {
        match end_of_line(file, end) {
            Some(next) if next <= span.end => end = next,
            _ => break,
        }
    }
    end
}

fn ends_in_block_scalar(value: YamlNode<'_, '_>) -> bool {
    let last = match (value.written_entries(), value.written_items()) {
        (Some((Layout::Block, entries)), _) => entries.last().map(|(_, value)| *value),
        (_, Some((Layout::Block, items))) => items.last().copied(),
        _ => None,
    };
    match last {
        Some(last) => ends_in_block_scalar(last),
        None => matches!(value.styled(), Some((_, Style::Block))),
    }
}

pub(super) fn line_start(file: &CommentedFile<'_>, offset: usize) -> usize {
    file.line_start(offset)
}

/// The first byte of the next line, where the line has an end.
pub(super) fn end_of_line(file: &CommentedFile<'_>, offset: usize) -> Option<usize> {
    file.next_line(offset)
}

/// How the line of a byte ends, or the one before it where it has no end.
pub(super) fn line_end_at(file: &CommentedFile<'_>, offset: usize) -> &'static str {
    let text = file.text();
    let end = end_of_line(file, offset)
        .or_else(|| Some(file.line_start(text.len())).filter(|start| *start > 0));
    match end {
        Some(end) if text[..end].ends_with("\r\n") => "\r\n",
        _ => "\n",
    }
}
