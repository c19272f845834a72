//! Writes nodes as JSON, pretty or compact, and records where the marked strings are.

use std::ops::Range;

use super::random::Random;
use super::tree::{Kind, Node, Text};

/// A text that is being written.
pub(super) struct JsonWriter<'r> {
    random: &'r mut Random,
    pub(super) out: String,
    /// What the marked strings become, in the order of the text.
    pub(super) edits: Vec<(Range<usize>, String)>,
    /// Whether a restore can write every changed image as it was.
    pub(super) restorable: bool,
    /// The indentation of a level; `None` writes everything on one line.
    unit: Option<&'static str>,
    line_end: &'static str,
    colon: &'static str,
    comma: &'static str,
}

impl<'r> JsonWriter<'r> {
    /// Starts a text in the style of a random program.
    pub(super) fn new(random: &'r mut Random) -> Self {
        let unit = *random.pick(&[Some("  "), Some("    "), Some("\t"), Some(" "), None, None]);
        let line_end = if random.percent(20) { "\r\n" } else { "\n" };
        let colon = *random.pick(&[": ", ": ", ":", " : "]);
        let comma = *random.pick(&[", ", ","]);
        Self {
            random,
            out: String::new(),
            edits: Vec::new(),
            restorable: true,
            unit,
            line_end,
            colon,
            comma,
        }
    }

    /// Writes the whole text.
    pub(super) fn document(&mut self, root: &Node) {
        self.node(root, 0);
        if self.random.percent(80) {
            self.out.push_str(self.line_end);
        }
    }

    fn node(&mut self, node: &Node, depth: usize) {
        match &node.kind {
            Kind::Null => self.out.push_str("null"),
            Kind::NullToFill => {
                self.out.push_str("null");
                self.edits
                    .push((self.out.len() - 4..self.out.len(), String::new()));
                self.restorable = false;
            }
            Kind::Bare(text) => self.out.push_str(text),
            Kind::Text(text) => self.text(text),
            Kind::Alias(..) => unreachable!("JSON has no aliases"),
            Kind::Map(entries) => {
                let unit = self.unit.filter(|_| self.random.percent(80));
                self.out.push('{');
                for (index, (key, value)) in entries.iter().enumerate() {
                    self.gap(index, depth + 1, unit);
                    self.text(&Text {
                        value: key.clone(),
                        mark: None,
                    });
                    self.out.push_str(self.colon);
                    self.node(value, depth + 1);
                }
                self.end(entries.is_empty(), depth, unit, '}');
            }
            Kind::List(items) => {
                let unit = self.unit.filter(|_| self.random.percent(80));
                self.out.push('[');
                for (index, item) in items.iter().enumerate() {
                    self.gap(index, depth + 1, unit);
                    self.node(item, depth + 1);
                }
                self.end(items.is_empty(), depth, unit, ']');
            }
        }
    }

    fn gap(&mut self, index: usize, depth: usize, unit: Option<&str>) {
        match unit {
            Some(unit) => {
                if index > 0 {
                    self.out.push(',');
                }
                self.out.push_str(self.line_end);
                self.out.push_str(&unit.repeat(depth));
            }
            None if index > 0 => self.out.push_str(self.comma),
            None => {}
        }
    }

    fn end(&mut self, empty: bool, depth: usize, unit: Option<&str>, bracket: char) {
        if let Some(unit) = unit.filter(|_| !empty) {
            self.out.push_str(self.line_end);
            self.out.push_str(&unit.repeat(depth));
        }
        self.out.push(bracket);
    }

    fn text(&mut self, text: &Text) {
        let start = self.out.len();
        let plain = serde_json::Value::from(text.value.as_str()).to_string();
        if self.random.percent(3)
            && text.value.is_ascii()
            && !text.value.is_empty()
            && plain.len() == text.value.len() + 2
        {
            let at = self.random.below(text.value.len());
            let letter = text.value.as_bytes()[at];
            self.restorable &= text.mark.is_none();
            self.out.push_str(&format!(
                "\"{}\\u{letter:04x}{}\"",
                &text.value[..at],
                &text.value[at + 1..]
            ));
        } else {
            self.out.push_str(&plain);
        }
        if let Some(new) = text.mark.as_ref().and_then(|mark| mark.new.as_deref()) {
            self.edits.push((
                start..self.out.len(),
                serde_json::Value::from(new).to_string(),
            ));
        }
    }
}
