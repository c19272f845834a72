//! Literal texts: `|`, `|-` and `|+`, and the lines below them.
//!
//! Lines of blanks alone, and empty ones before the first that is not, are left to the parser.

use super::{At, Line, narrow};

/// A literal text whose end has not come yet.
pub(super) struct Literal {
    chomping: Chomping,
    /// The indentation of the collection that it is in; its lines stand deeper.
    around: usize,
    /// Where its first line begins behind its indentation.
    first: Option<At>,
    text: String,
    /// How many empty lines came last.
    empty: usize,
}

/// What becomes of the line breaks at the end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chomping {
    /// `|`: one stays.
    Clip,
    /// `|-`: none stays.
    Strip,
    /// `|+`: all stay.
    Keep,
}

impl Literal {
    /// Begins one by its header.
    pub(super) fn new(header: &str, around: usize) -> Option<Self> {
        let chomping = match header {
            "|" => Chomping::Clip,
            "|-" => Chomping::Strip,
            "|+" => Chomping::Keep,
            _ => return None,
        };
        Some(Self {
            chomping,
            around,
            first: None,
            text: String::new(),
            empty: 0,
        })
    }

    /// Takes a line, or says that it is none of its lines.
    pub(super) fn take(&mut self, line: Line<'_>, indentation: usize) -> Option<bool> {
        if indentation == line.text.len() {
            self.empty += 1;
            return (indentation == 0 && self.first.is_some()).then_some(true);
        }
        let column = match self.first {
            Some(first) if indentation < first.column as usize => return Some(false),
            Some(first) => {
                let breaks = std::iter::repeat_n('\n', self.empty + 1);
                self.text.extend(breaks);
                self.empty = 0;
                first.column as usize
            }
            None if indentation > self.around => {
                self.first = Some(line.at(indentation, indentation));
                indentation
            }
            None => return None,
        };
        self.text.push_str(&line.text[column..]);
        Some(true)
    }

    /// The text has ended here. What has no line break there is left to the parser.
    pub(super) fn end_of_text(&mut self, text: &str) -> Option<()> {
        // What stands behind the last line break was taken for an empty line.
        self.empty = self.empty.checked_sub(1)?;
        text.ends_with('\n').then_some(())
    }

    /// The value, and where it stands.
    pub(super) fn ended(self, end: usize) -> Option<(String, At)> {
        let mut text = self.text;
        let breaks = match self.chomping {
            Chomping::Strip => 0,
            Chomping::Clip => 1,
            Chomping::Keep => 1 + self.empty,
        };
        text.extend(std::iter::repeat_n('\n', breaks));
        let at = At {
            end: narrow(end),
            ..self.first?
        };
        Some((text, at))
    }
}
