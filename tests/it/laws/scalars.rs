//! Writes strings in every style: plain, quoted, as a block, as an alias.

use super::tree::{Mark, Text};
use super::writer::Writer;

const RESERVED: [&str; 12] = [
    "true", "false", "null", "yes", "no", "on", "off", "y", "n", "inf", "nan", "list",
];

impl Writer<'_> {
    /// One token on one line.
    pub(super) fn scalar(&mut self, text: &Text, flow: bool) {
        let start = self.out.len();
        let value = &text.value;
        let style = self.random.below(if is_plain(value) { 10 } else { 4 });
        let replace: fn(&str) -> String = match style {
            0 | 1 if !value.chars().any(|letter| letter.is_control()) => {
                self.out.push('\'');
                self.out.push_str(&value.replace('\'', "''"));
                self.out.push('\'');
                |new| format!("'{}'", new.replace('\'', "''"))
            }
            0..=3 => {
                self.double(text, flow);
                |new| serde_json::Value::from(new).to_string()
            }
            _ => {
                self.out.push_str(value);
                str::to_owned
            }
        };
        if let Some(new) = text.mark.as_ref().and_then(|mark| mark.new.as_deref()) {
            self.edits.push((start..self.out.len(), replace(new)));
        }
    }

    fn double(&mut self, text: &Text, flow: bool) {
        let escapes = if self.random.percent(15) { 20 } else { 0 };
        self.out.push('"');
        for letter in text.value.chars() {
            if self.random.percent(escapes) {
                self.restorable &= text.mark.is_none();
                match u32::from(letter) {
                    code @ 0..=0xff if !flow || self.random.percent(50) => {
                        self.out.push_str(&format!("\\x{code:02x}"))
                    }
                    code @ 0..=0xffff => self.out.push_str(&format!("\\u{code:04X}")),
                    code => self.out.push_str(&format!("\\U{code:08x}")),
                }
                continue;
            }
            match letter {
                '"' => self.out.push_str("\\\""),
                '\\' => self.out.push_str("\\\\"),
                '\n' => self.out.push_str("\\n"),
                '\t' => self.out.push_str("\\t"),
                letter => self.out.push(letter),
            }
        }
        self.out.push('"');
    }

    pub(super) fn key(&mut self, key: &str) {
        if key == "<<" {
            return self.out.push_str(key);
        }
        let text = Text {
            value: key.to_owned(),
            mark: None,
        };
        match self.random.below(if is_plain(key) { 20 } else { 2 }) {
            0 => self.double(&text, true),
            1 => self.out.push_str(&format!("'{}'", key.replace('\'', "''"))),
            _ => self.out.push_str(key),
        }
    }

    pub(super) fn alias(&mut self, name: &str, mark: Option<&Mark>) {
        let start = self.out.len();
        self.out.push('*');
        self.out.push_str(name);
        if let Some(new) = mark.and_then(|mark| mark.new.clone()) {
            self.edits.push((start..self.out.len(), new));
            self.restorable = false;
        }
    }

    /// A literal or folded block after its header; `column` is that of its lines.
    pub(super) fn block_scalar(&mut self, text: &Text, column: usize) {
        let body = text.value.trim_end_matches('\n');
        let breaks = text.value.len() - body.len();
        let fold = !body.contains('\n') && self.random.percent(50);
        let chomping = match breaks {
            0 => "-",
            1 => "",
            _ => "+",
        };
        self.out.push_str(if fold { " >" } else { " |" });
        self.out.push_str(chomping);
        self.end_line(true);
        let start = self.out.len() + column;
        for line in body.split('\n') {
            if !line.is_empty() {
                self.spaces(column);
            }
            self.out.push_str(line);
            self.out.push_str(self.line_end);
        }
        let end = self.out.len() - self.line_end.len();
        for _ in 1..breaks {
            self.out.push_str(self.line_end);
        }
        if let Some(new) = text.mark.as_ref().and_then(|mark| mark.new.clone()) {
            self.edits.push((start..end, new));
            self.restorable &= text.mark.as_ref().is_some_and(|mark| mark.image);
        }
    }
}

/// Whether a string may be written without quotes, anywhere.
fn is_plain(value: &str) -> bool {
    value.starts_with(|first: char| first.is_alphabetic())
        && value.chars().all(|letter| {
            letter.is_alphanumeric() || matches!(letter, '.' | '_' | '/' | ':' | '@' | '-')
        })
        && !value.ends_with(':')
        && !RESERVED.contains(&value.to_lowercase().as_str())
}
