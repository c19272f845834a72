//! Takes an entry out of a mapping: the reverse of `insert`, byte for byte. Comments on and between its lines stay.

use std::ops::Range;

use crate::engine::code::Code;
use crate::engine::path::{Path, Step};
use crate::engine::yaml::{CommentedFile, Layout, Style, YamlNode};

use super::insert::{end_of_line, entry_end, is_bare, line_start, stands_where_new_ones_do};
use super::{Edit, Refused, refused};

/// The depth, among the nodes on a path, of the mapping that loses an entry: the last one, or one further up where those below hold
/// nothing else and `insert` may have made them. What it did not make stays, as empty as it was.
pub(super) fn outermost(
    file: &CommentedFile<'_>,
    nodes: &[YamlNode<'_, '_>],
    path: &Path,
) -> usize {
    let is_key = |depth: usize| matches!(path.steps()[depth], Step::Key(_));
    let alone = |depth: usize| {
        nodes[depth]
            .target()
            .written_entries()
            .is_some_and(|(_, entries)| entries.len() == 1)
    };
    let mut depth = path.steps().len() - 1;
    while depth > 0
        && is_key(depth - 1)
        && alone(depth)
        && came_with_its_entry(file, nodes[depth - 1], nodes[depth])
    {
        depth -= 1;
    }
    depth
}

/// Whether a mapping of one entry is what `insert` makes where there is none: the last entry around it, in the form of
///
/// ```yaml
/// metadata:               metadata: {name: web, annotations: {imago-config-spec: …}}
///   annotations:
///     imago-config-spec: …
/// ```
///
/// Where `annotations` was there, it is not the last, or has its braces in a block, or has something behind its colon, blanks between its
/// braces, or quotes around the key.
fn came_with_its_entry(
    file: &CommentedFile<'_>,
    around: YamlNode<'_, '_>,
    mapping: YamlNode<'_, '_>,
) -> bool {
    let text = file.text();
    let (outer, inner) = (
        around.target().written_entries(),
        mapping.target().written_entries(),
    );
    let (Some((outer, entries)), Some((inner, inside))) = (outer, inner) else {
        return true;
    };
    let (Some((key, _)), [(first, value)]) = (
        entries.iter().find(|(_, value)| value.id() == mapping.id()),
        inside.as_slice(),
    ) else {
        return false;
    };
    let as_new = match outer {
        Layout::Block => stands_where_new_ones_do(file, &entries, mapping),
        Layout::Flow => entries
            .last()
            .is_some_and(|(_, last)| last.id() == mapping.id()),
    };
    match (outer, inner) {
        (Layout::Block, Layout::Block) => {
            let explicit = !text[key.span().end..].starts_with(':');
            let plain = matches!(first.styled(), Some((_, Style::Plain)));
            // A tag cannot stand before nothing.
            explicit || has_tag(text, *key, mapping) || as_new && plain && is_bare(file, *key)
        }
        (Layout::Block, Layout::Flow) => false,
        (Layout::Flow, _) => {
            let braces = mapping.target().span();
            let before = &text[braces.start + 1..first.span().start.max(braces.start + 1)];
            let after = &text[entry_end(file, (*first, *value))..braces.end - 1];
            as_new && (before.is_empty() && after.is_empty() || before.starts_with(['\r', '\n']))
        }
    }
}

/// Whether a tag stands between a key and its mapping.
fn has_tag(text: &str, key: YamlNode<'_, '_>, mapping: YamlNode<'_, '_>) -> bool {
    let line = text[key.span().end..]
        .split('\n')
        .next()
        .unwrap_or_default();
    let end = mapping
        .target()
        .span()
        .start
        .saturating_sub(key.span().end)
        .min(line.len());
    line.get(..end).is_some_and(|between| {
        between
            .split('#')
            .next()
            .is_some_and(|properties| properties.contains('!'))
    })
}

/// Takes the entry of a key out of a mapping.
pub(super) fn entry(
    file: &CommentedFile<'_>,
    mapping: YamlNode<'_, '_>,
    key: &str,
) -> Result<Vec<Edit>, Refused> {
    let Some((layout, entries)) = mapping.written_entries() else {
        return Ok(Vec::new());
    };
    let Some(at) = entries
        .iter()
        .position(|(name, _)| name.target().styled().is_some_and(|(text, _)| text == key))
    else {
        return Err(refused(
            Code::NotEditable,
            mapping,
            format!("`{key}` comes from somewhere else by a merge key"),
        ));
    };
    Ok(match layout {
        Layout::Block => block(file, &entries, at),
        Layout::Flow => flow(file, mapping, &entries, at),
    })
}

type Entry<'f, 't> = (YamlNode<'f, 't>, YamlNode<'f, 't>);

fn block(file: &CommentedFile<'_>, entries: &[Entry<'_, '_>], at: usize) -> Vec<Edit> {
    let text = file.text();
    let (key, value) = entries[at];
    let first_line = line_start(file, key.span().start);
    let alone_on_line = text[first_line..key.span().start].trim_end().is_empty();
    if !alone_on_line && let Some((next, _)) = entries.get(at + 1) {
        return vec![cut(key.span().start..next.span().start)];
    }
    let last = entry_end(file, (key, value));
    let end = end_of_line(file, last);
    if end.is_none() && !file.has_comment_in(first_line..text.len()) {
        // The last line of the file has no end: the line before it keeps none either.
        let before = text[..first_line].strip_suffix('\n');
        return vec![cut(before.map_or(first_line, |before| {
            before.strip_suffix('\r').unwrap_or(before).len()
        })..text.len())];
    }
    let start = if alone_on_line {
        first_line
    } else {
        key.span().start
    };
    lines(file, start..end.unwrap_or(text.len()))
        .flat_map(|line| without_comment(file, line))
        .map(cut)
        .collect()
}

fn cut(range: Range<usize>) -> Edit {
    Edit {
        range,
        text: String::new(),
    }
}

fn lines(file: &CommentedFile<'_>, range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let mut next = range.start;
    std::iter::from_fn(move || {
        let start = next;
        next = end_of_line(file, start)
            .unwrap_or(file.text().len())
            .min(range.end);
        (start < range.end).then_some(start..next)
    })
}

/// What goes of a line: all of it, or what stands before its comment.
fn without_comment(file: &CommentedFile<'_>, line: Range<usize>) -> Option<Range<usize>> {
    match file.comment_in(line.clone()) {
        None => Some(line),
        Some(comment) => {
            let text = &file.text()[line.start..comment];
            let indentation = text.len() - text.trim_start().len();
            (indentation < text.len()).then_some(line.start + indentation..comment)
        }
    }
}

fn flow(
    file: &CommentedFile<'_>,
    mapping: YamlNode<'_, '_>,
    entries: &[Entry<'_, '_>],
    at: usize,
) -> Vec<Edit> {
    let text = file.text();
    let (key, value) = entries[at];
    let end = entry_end(file, (key, value));
    let Some(elder) = at
        .checked_sub(1)
        .map(|elder| entry_end(file, entries[elder]))
    else {
        // The first goes with the comma behind it, the only one alone. A comment behind it stays.
        let braces = mapping.span();
        let start = key.span().start.max(braces.start + 1);
        if entries.len() == 1 {
            let (before, after) = (&text[braces.start + 1..start], &text[end..braces.end - 1]);
            let blank = before.trim().is_empty()
                && after.trim_start().trim_start_matches(',').trim().is_empty();
            if blank && (!before.is_empty() || after.contains(',')) {
                return vec![cut(braces.start + 1..braces.end - 1)];
            }
        }
        let next = entries.get(1).map_or(end, |(next, _)| next.span().start);
        let Some(comment) = file.comment_in(end..next) else {
            return vec![cut(start..next)];
        };
        return match (text[end..comment].find(','), text[comment..next].rfind(',')) {
            (None, Some(comma)) => vec![
                cut(start..comment),
                cut(comment + comma..comment + comma + 1),
            ],
            _ => vec![cut(start..comment)],
        };
    };
    let line = line_start(file, key.span().start);
    let next_line = end_of_line(file, end).unwrap_or(text.len());
    let alone_on_line = text[line..key.span().start].trim_end().is_empty();
    if alone_on_line
        && text[end..next_line]
            .trim_start()
            .strip_prefix(',')
            .is_some_and(|rest| rest.trim().is_empty())
    {
        // Its comma goes with its line, the elder one's stays, and so does what stands behind that.
        return vec![cut(line..next_line)];
    }
    if !file.has_comment_in(elder..key.span().start) {
        return vec![cut(elder..end)];
    }
    // A comment stands between: the line goes, and the comma that made room for it.
    if text[end..next_line].trim_start().starts_with(',') {
        return vec![cut(line..next_line)];
    }
    let comma = text[elder..].find(',').map_or(elder, |comma| elder + comma);
    // Blanks behind it must not become the comment's.
    let end = if text[end..next_line].trim().is_empty() {
        next_line
    } else {
        end
    };
    vec![cut(comma..comma + 1), cut(line..end)]
}
