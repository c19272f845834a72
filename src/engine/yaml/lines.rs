//! The plainest YAML, line by line: block mappings and sequences of scalars and flow collections that stand on their line, and literal
//! texts. Nothing else.
//!
//! Most manifests are no more than that, and reading them so costs a tenth of what the parser does. Whatever is not on the short list
//! below, valid or not, is left to the parser ([`read`] says `None`), and so is every fault. What is read here is node for node what the
//! parser makes of it, comments included; the tests hold both readings against each other, and against the second parser of the proof, on
//! every fixture and on generated and damaged text.

mod flow;
mod literal;
#[cfg(test)]
mod tests;
mod token;

use std::borrow::Cow;

use literal::Literal;
use token::{dash, is_blank_or_comment, key_end, plain_length, quoted_length};

use super::build::{At, Builder};
use super::fault::narrow;
use super::{Comment, File, Layout, Style, Tag};

/// No key that ends further behind the begin of its line is a simple key (YAML 1.2.2, section 7.4.2).
const MAX_KEY_END: usize = 1000;

/// Reads a text in which every line is blank, a comment, `---`, of a literal text (`|`), or `- ` any number of times and then `key:`,
/// `key: value` or a value: a scalar, or a flow collection of such.
pub(super) fn read(text: &str) -> Option<File<'_>> {
    if !token::has_only_text(text) {
        return None;
    }
    let mut reader = Reader {
        builder: Builder::new(text),
        levels: Vec::new(),
        literal: None,
        text,
        marker: Marker::None,
    };
    let mut start = 0;
    for (index, end) in memchr::memchr_iter(b'\n', text.as_bytes())
        .chain([text.len()])
        .enumerate()
    {
        reader.line(Line {
            text: &text[start..end],
            start,
            number: narrow(index + 1),
        })?;
        start = end + 1;
    }
    reader.finish()
}

struct Reader<'t> {
    builder: Builder<'t>,
    levels: Vec<Level>,
    /// The literal text that is being read.
    literal: Option<Literal>,
    text: &'t str,
    marker: Marker,
}

/// What the text has shown of documents.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Marker {
    /// Nothing yet.
    None,
    /// `---`, and no content after it yet.
    Open,
    /// Content.
    Content,
}

/// A block collection whose end has not come yet.
#[derive(Clone, Copy)]
struct Level {
    indentation: usize,
    kind: LevelKind,
}

#[derive(Clone, Copy)]
enum LevelKind {
    /// A mapping; the end of its last key where the value has not come yet.
    Mapping(Option<At>),
    /// A sequence.
    Sequence,
    /// A sequence that is indented no deeper than the mapping around it.
    Indentless,
}

#[derive(Clone, Copy)]
struct Line<'t> {
    text: &'t str,
    start: usize,
    number: u32,
}

impl Line<'_> {
    fn at(self, start: usize, end: usize) -> At {
        At {
            start: narrow(self.start + start),
            end: narrow(self.start + end),
            line: self.number,
            column: narrow(start),
        }
    }
}

impl<'t> Reader<'t> {
    fn line(&mut self, line: Line<'t>) -> Option<()> {
        let indentation = line.text.len() - line.text.trim_start_matches(' ').len();
        if let Some(literal) = &mut self.literal {
            if literal.take(line, indentation)? {
                return Some(());
            }
            self.end_literal(line.start + indentation)?;
        }
        let content = &line.text[indentation..];
        match content.as_bytes().first() {
            None => return Some(()),
            Some(b'#') => {
                self.comment(line, indentation);
                return Some(());
            }
            Some(_) if line.text == "---" => return self.marker(),
            Some(_) if line.text.starts_with("---") => return None,
            Some(_) => {}
        }
        if self.marker == Marker::Content {
            self.close_to(indentation)?;
            if self.levels.is_empty() {
                return None;
            }
        } else {
            self.builder.start_document();
            self.marker = Marker::Content;
        }
        let mut column = indentation;
        let mut opened = false;
        while let Some(after) = dash(line.text, column) {
            if !opened {
                self.open_sequence(line, column, after)?;
            } else {
                self.builder
                    .start_sequence(Layout::Block, 0, line.at(column, column))
                    .ok()?;
                self.levels.push(Level {
                    indentation: column,
                    kind: LevelKind::Sequence,
                });
            }
            opened = true;
            column = after;
        }
        match key_end(line.text, column) {
            Some(end) => {
                self.key(line, column, end, opened)?;
                let value = end
                    + 1
                    + (line.text[end + 1..].len()
                        - line.text[end + 1..].trim_start_matches(' ').len());
                if value < line.text.len() && !line.text[value..].starts_with('#') {
                    self.settle(None)?;
                    self.value(line, value)?;
                } else if line.text.len() > end + 1 {
                    // Blanks or a comment behind the key: rare, and not worth a rule.
                    return None;
                }
                Some(())
            }
            None if opened => self.value(line, column),
            None => None,
        }
    }

    /// `---` ends what is open. A document with nothing in it is left to the parser.
    fn marker(&mut self) -> Option<()> {
        if self.marker == Marker::Open {
            return None;
        }
        self.close_all()?;
        self.marker = Marker::Open;
        Some(())
    }

    fn finish(mut self) -> Option<File<'t>> {
        if self.marker != Marker::Content {
            return None;
        }
        if let Some(literal) = &mut self.literal {
            literal.end_of_text(self.text)?;
            self.end_literal(self.text.len())?;
        }
        self.close_all()?;
        Some(self.builder.file)
    }

    /// Adds the literal text, whose node ends here.
    fn end_literal(&mut self, end: usize) -> Option<()> {
        let (text, at) = self.literal.take()?.ended(end)?;
        self.builder
            .scalar(Cow::Owned(text), Style::Block, Tag::None, 0, at)
            .ok()
    }

    fn close_all(&mut self) -> Option<()> {
        while let Some(level) = self.levels.pop() {
            self.close(level)?;
        }
        Some(())
    }

    /// Ends what is indented deeper.
    fn close_to(&mut self, indentation: usize) -> Option<()> {
        while let Some(level) = self.levels.pop_if(|level| level.indentation > indentation) {
            self.close(level)?;
        }
        Some(())
    }

    fn close(&mut self, level: Level) -> Option<()> {
        if let LevelKind::Mapping(Some(key)) = level.kind {
            self.absent(key)?;
        }
        self.builder
            .end(At {
                start: 0,
                end: 0,
                line: 0,
                column: 0,
            })
            .ok()
    }

    /// The empty node of a key without a value.
    fn absent(&mut self, key: At) -> Option<()> {
        let width = key.end - key.start;
        let after = At {
            start: key.end,
            end: key.end,
            line: key.line,
            column: key.column + width,
        };
        self.builder.written_scalar(Style::Plain, after).ok()
    }

    /// Begins the sequence of a line's first dash, or goes on with it.
    fn open_sequence(&mut self, line: Line<'t>, column: usize, after: usize) -> Option<()> {
        let kind = match self.levels.last() {
            None => LevelKind::Sequence,
            Some(Level { indentation, kind }) => match kind {
                LevelKind::Sequence | LevelKind::Indentless if *indentation == column => {
                    return Some(());
                }
                LevelKind::Mapping(Some(_)) if *indentation == column => LevelKind::Indentless,
                LevelKind::Mapping(Some(_)) => LevelKind::Sequence,
                _ => return None,
            },
        };
        // The parser lets a sequence without an indentation of its own begin with its first item.
        let begin = if matches!(kind, LevelKind::Indentless) {
            after
        } else {
            column
        };
        self.settle(None)?;
        self.builder
            .start_sequence(Layout::Block, 0, line.at(begin, begin))
            .ok()?;
        self.levels.push(Level {
            indentation: column,
            kind,
        });
        Some(())
    }

    /// Takes a key, and begins its mapping where it is the first.
    fn key(&mut self, line: Line<'t>, column: usize, end: usize, in_item: bool) -> Option<()> {
        if end > MAX_KEY_END {
            return None;
        }
        let at = line.at(column, end);
        if !in_item {
            while let Some(level) = self.levels.pop_if(|level| {
                level.indentation == column && matches!(level.kind, LevelKind::Indentless)
            }) {
                self.close(level)?;
            }
        }
        let first = in_item
            || match self.levels.last() {
                None => true,
                Some(Level {
                    indentation,
                    kind: LevelKind::Mapping(awaited),
                }) if *indentation == column => {
                    if let Some(key) = *awaited {
                        self.absent(key)?;
                    }
                    false
                }
                Some(Level {
                    kind: LevelKind::Mapping(Some(_)),
                    ..
                }) => true,
                Some(_) => return None,
            };
        if first {
            if !in_item {
                self.settle(None)?;
            }
            self.builder
                .start_mapping(Layout::Block, 0, line.at(column, column))
                .ok()?;
            self.levels.push(Level {
                indentation: column,
                kind: LevelKind::Mapping(None),
            });
        }
        self.token(line, column, end, Style::Plain)?;
        self.settle(Some(at))
    }

    /// Says of the innermost mapping which key waits for its value.
    fn settle(&mut self, key: Option<At>) -> Option<()> {
        if let Some(Level {
            kind: LevelKind::Mapping(awaited),
            ..
        }) = self.levels.last_mut()
        {
            *awaited = key;
        }
        Some(())
    }

    /// Takes a scalar or a flow collection that stands on its line and has nothing behind it but a comment, or begins a literal text.
    fn value(&mut self, line: Line<'t>, column: usize) -> Option<()> {
        let rest = &line.text[column..];
        let end = match rest.as_bytes()[0] {
            b'"' | b'\'' => self.quoted(line, column)?,
            b'{' | b'[' => {
                let end = self.flow(line, column)?;
                // Columns are counted in characters, and taken for bytes here.
                line.text[..end].is_ascii().then_some(end)?
            }
            b'|' => {
                let around = self.levels.last().map_or(0, |level| level.indentation);
                self.literal = Some(Literal::new(rest, around)?);
                return Some(());
            }
            _ => {
                let end = column + plain_length(rest)?;
                self.comment(line, end);
                return self.token(line, column, end, Style::Plain);
            }
        };
        self.comment(line, end);
        is_blank_or_comment(&line.text[end..]).then_some(())
    }

    /// Takes a scalar in quotes, and says where it ends.
    fn quoted(&mut self, line: Line<'t>, column: usize) -> Option<usize> {
        let (length, style) = quoted_length(&line.text[column..])?;
        let end = column + length;
        self.token(line, column, end, style)?;
        Some(end)
    }

    /// Takes the scalar between two columns.
    fn token(&mut self, line: Line<'t>, column: usize, end: usize, style: Style) -> Option<()> {
        self.builder
            .written_scalar(style, line.at(column, end))
            .ok()
    }

    /// Keeps the comment, where there is one, that is all that stands on its line from here on.
    fn comment(&mut self, line: Line<'t>, from: usize) {
        let comment = line.text[from..].trim_start_matches(' ');
        if !comment.is_empty() {
            let end = line.start + line.text.len();
            self.builder.file.comments.push(Comment {
                span: end - comment.len()..end,
                line: line.number,
            });
        }
    }
}
