//! Writes nodes as YAML in every style that a manifest may have, and records where the marked strings are.
//!
//! It never writes texts that readers disagree on. Those are cases of `fixtures/rewrite`.

use std::ops::Range;

use super::random::Random;
use super::tree::{Kind, Node, Text};

/// A text that is being written.
pub(super) struct Writer<'r> {
    pub(super) random: &'r mut Random,
    pub(super) out: String,
    /// What the marked strings become, in the order of the text.
    pub(super) edits: Vec<(Range<usize>, String)>,
    /// Whether a restore can write every changed image as it was.
    pub(super) restorable: bool,
    pub(super) line_end: &'static str,
    pub(super) step: usize,
    /// How much white space and how many comments are between the lines, in percent.
    pub(super) noise: usize,
}

const COMMENTS: [&str; 8] = [
    "# note",
    "#",
    "# image: registry.example.test/web:1.4",
    "# {{ .Values.image }}",
    "# käse — 日本 🚀",
    "#- it's \"quoted\"",
    "# metadata: {annotations: {}}",
    "# imago updates it",
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum After {
    Key,
    Dash,
}

impl<'r> Writer<'r> {
    /// Starts a text in the style of a random author.
    pub(super) fn new(random: &'r mut Random) -> Self {
        let line_end = if random.percent(20) { "\r\n" } else { "\n" };
        let step = *random.pick(&[2, 2, 2, 2, 4, 4, 1, 3, 5]);
        let noise = *random.pick(&[0, 5, 25]);
        Self {
            random,
            out: String::new(),
            edits: Vec::new(),
            restorable: true,
            line_end,
            step,
            noise,
        }
    }

    /// Writes one document without its markers.
    pub(super) fn document(&mut self, root: &Node) {
        match &root.kind {
            Kind::Map(entries) if root.needs_lines() || self.random.percent(95) => {
                self.between(0);
                self.block_map(entries, 0, false);
            }
            _ => {
                self.flow(root, 0, false);
                self.end_line(true);
            }
        }
    }

    /// Adds a line that the caller provides.
    pub(super) fn line(&mut self, text: &str) {
        self.out.push_str(text);
        self.out.push_str(self.line_end);
    }

    fn block_map(&mut self, entries: &[(String, Node)], column: usize, on_this_line: bool) {
        for (index, (key, value)) in entries.iter().enumerate() {
            if index > 0 || !on_this_line {
                self.between(column);
                self.spaces(column);
            }
            let simple = matches!(&value.kind, Kind::Text(text) if !text.value.contains('\n'))
                && value.anchor.is_none();
            if simple && !value.needs_lines() && self.random.percent(2) {
                self.out.push_str("? ");
                self.key(key);
                self.end_line(true);
                self.spaces(column);
                self.out.push(':');
            } else {
                self.key(key);
                self.out.push(':');
            }
            self.value(value, column, After::Key);
        }
    }

    fn list(&mut self, items: &[Node], column: usize) {
        for item in items {
            self.between(column);
            self.spaces(column);
            self.out.push('-');
            self.value(item, column, After::Dash);
        }
    }

    /// Writes what follows a key's colon or an item's dash, to the end of its last line.
    fn value(&mut self, node: &Node, column: usize, after: After) {
        let step = if self.random.percent(5) {
            1 + self.random.below(6)
        } else {
            self.step
        };
        match &node.kind {
            Kind::Null | Kind::NullToFill => {
                let word = *self.random.pick(&["", " ~", " null"]);
                self.out.push_str(word);
                if matches!(node.kind, Kind::NullToFill) && !word.is_empty() {
                    self.edits.push((
                        self.out.len() - word.len() + 1..self.out.len(),
                        String::new(),
                    ));
                    self.restorable = false;
                }
                self.end_line(true);
            }
            Kind::Bare(text) => {
                self.out.push(' ');
                self.out.push_str(text);
                self.end_line(true);
            }
            Kind::Alias(name, mark) => {
                self.out.push(' ');
                self.alias(name, mark.as_ref());
                self.end_line(true);
            }
            Kind::Text(text) => self.text(node, text, column + step, after),
            Kind::Map(entries) if entries.is_empty() => self.one_line(node, "{}"),
            Kind::List(items) if items.is_empty() => self.one_line(node, "[]"),
            Kind::Map(_) | Kind::List(_) if !node.needs_lines() && self.random.percent(15) => {
                self.properties(node);
                self.out.push(' ');
                self.flow(node, column, true);
                self.end_line(true);
            }
            Kind::Map(entries) => {
                let properties = self.properties(node);
                if after == After::Dash && !properties && self.random.percent(90) {
                    let gap = if self.random.percent(90) {
                        1
                    } else {
                        1 + self.random.below(4)
                    };
                    self.spaces(gap);
                    self.block_map(entries, column + 1 + gap, true);
                } else {
                    self.end_line(true);
                    self.block_map(entries, column + step, false);
                }
            }
            Kind::List(items) => {
                self.properties(node);
                self.end_line(true);
                let column = if after == After::Key && self.random.percent(40) {
                    column
                } else {
                    column + step
                };
                self.list(items, column);
            }
        }
    }

    fn one_line(&mut self, node: &Node, text: &str) {
        self.properties(node);
        self.out.push(' ');
        self.out.push_str(text);
        self.end_line(true);
    }

    /// Writes anchor and tag, each after a space. Returns whether there are any.
    fn properties(&mut self, node: &Node) -> bool {
        let tag = match &node.kind {
            Kind::Text(text) if !text.value.is_empty() => "!!str",
            Kind::Map(_) => "!!map",
            Kind::List(_) => "!!seq",
            _ => "",
        };
        let tag = (!tag.is_empty() && self.random.percent(2)).then_some(tag);
        let anchor = node.anchor.as_ref().map(|name| format!("&{name}"));
        let any = tag.is_some() || anchor.is_some();
        let anchor_first = self.random.percent(50);
        let parts = [anchor.as_deref(), tag];
        let parts = if anchor_first {
            parts
        } else {
            [parts[1], parts[0]]
        };
        for part in parts.into_iter().flatten() {
            self.out.push(' ');
            self.out.push_str(part);
        }
        any
    }

    fn text(&mut self, node: &Node, text: &Text, column: usize, after: After) {
        let ignored = text.mark.as_ref().is_some_and(|mark| mark.ignored);
        self.properties(node);
        let lines = text.value.trim_end_matches('\n');
        let blocky = !lines.is_empty()
            && !lines.starts_with([' ', '\n', '#'])
            && lines.split('\n').all(|line| line.trim_end() == line)
            && text
                .value
                .chars()
                .all(|letter| letter == '\n' || !letter.is_control());
        let chance = if text.value.contains('\n') { 70 } else { 4 };
        if blocky && !ignored && self.random.percent(chance) {
            return self.block_scalar(text, column);
        }
        if after == After::Key && !ignored && self.random.percent(3) {
            // On a line of its own, below its key.
            self.end_line(true);
            self.between(column);
            self.spaces(column);
        } else {
            let gap = if self.random.percent(95) { 1 } else { 3 };
            self.spaces(gap);
        }
        self.scalar(text, false);
        if ignored {
            let comment = *self
                .random
                .pick(&[" # imago: ignore", "   # imago: ignore"]);
            self.out.push_str(comment);
        }
        self.end_line(!ignored);
    }

    pub(super) fn spaces(&mut self, count: usize) {
        self.out.extend(std::iter::repeat_n(' ', count));
    }

    /// Ends a line, now and then with white space or a comment before.
    pub(super) fn end_line(&mut self, comment: bool) {
        // After an indicator, some readers would take a tab for indentation.
        let tabs = !self.out.ends_with(['-', '?', ':']);
        if self.random.percent(self.noise / 3) {
            let white = *self.random.pick(&[" ", "   ", "\t"]);
            self.out.push_str(if tabs { white } else { " " });
        }
        if comment && self.random.percent(self.noise / 2) {
            let gap = *self.random.pick(&[" ", "   ", " \t"]);
            let comment = *self.random.pick(&COMMENTS);
            self.out.push_str(if tabs { gap } else { " " });
            self.out.push_str(comment);
        }
        self.out.push_str(self.line_end);
    }

    /// Comments and blank lines before an entry of a mapping or an item of a list in this column.
    fn between(&mut self, column: usize) {
        while self.random.percent(self.noise / 2) {
            if self.random.percent(40) {
                let blank = if self.random.percent(80) { "" } else { " " };
                self.line(blank);
            } else {
                let indentation = if self.random.percent(80) {
                    column
                } else {
                    self.random.below(column + 1)
                };
                self.spaces(indentation);
                let comment = *self.random.pick(&COMMENTS);
                self.line(comment);
            }
        }
    }
}
