//! Writes flow collections (in brackets), on one line or over several.

use super::tree::{Kind, Node};
use super::writer::Writer;

impl Writer<'_> {
    /// A value in brackets; `column` is that of the surrounding mapping.
    pub(super) fn flow(&mut self, node: &Node, column: usize, over_lines: bool) {
        let over_lines = over_lines && self.random.percent(20);
        match &node.kind {
            Kind::Null | Kind::NullToFill => {
                let word = if self.random.percent(50) { "null" } else { "~" };
                self.out.push_str(word);
                if matches!(node.kind, Kind::NullToFill) {
                    self.edits
                        .push((self.out.len() - word.len()..self.out.len(), String::new()));
                    self.restorable = false;
                }
            }
            Kind::Bare(text) => self.out.push_str(text),
            Kind::Alias(name, mark) => {
                self.alias(name, mark.as_ref());
                self.out.push(' ');
            }
            Kind::Text(text) => {
                if self.properties_in_flow(node) {
                    self.out.push(' ');
                }
                self.scalar(text, true);
            }
            Kind::Map(entries) => {
                self.out.push('{');
                for (index, (key, value)) in entries.iter().enumerate() {
                    self.flow_gap(index, column, over_lines);
                    self.key(key);
                    self.out.push_str(": ");
                    self.flow_item(value, column);
                }
                self.flow_end(entries.is_empty(), column, over_lines, '}');
            }
            Kind::List(items) => {
                self.out.push('[');
                for (index, item) in items.iter().enumerate() {
                    self.flow_gap(index, column, over_lines);
                    self.flow_item(item, column);
                }
                self.flow_end(items.is_empty(), column, over_lines, ']');
            }
        }
    }

    fn flow_item(&mut self, node: &Node, column: usize) {
        if !matches!(node.kind, Kind::Text(_)) && self.properties_in_flow(node) {
            self.out.push(' ');
        }
        self.flow(node, column, true);
    }

    fn properties_in_flow(&mut self, node: &Node) -> bool {
        if let Some(name) = &node.anchor {
            self.out.push('&');
            self.out.push_str(name);
        }
        node.anchor.is_some()
    }

    fn flow_gap(&mut self, index: usize, column: usize, over_lines: bool) {
        if index > 0 {
            self.out.push(',');
        }
        if over_lines && (index == 0 || self.random.percent(90)) {
            let comment = index > 0 && self.random.percent(self.noise);
            self.end_line(comment);
            self.spaces(column + self.step);
        } else if index > 0 && self.random.percent(90) {
            self.out.push(' ');
        } else if index > 0 {
            self.out.push_str("  ");
        }
    }

    fn flow_end(&mut self, empty: bool, column: usize, over_lines: bool, bracket: char) {
        if !empty && self.random.percent(10) {
            self.out.push(',');
        }
        if over_lines && !empty {
            self.end_line(false);
            self.spaces(column + 1);
        } else if !empty && self.random.percent(10) {
            self.out.push(' ');
        }
        self.out.push(bracket);
    }
}
