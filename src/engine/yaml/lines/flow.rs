//! Flow collections that stand on one line: `["--port", 8000]`, `{cpu: 500m, memory: 128Mi}`, and one in the other.

use super::token::{flow_plain_length, key_end};
use super::{Layout, Line, Reader, Style};

impl<'t> Reader<'t> {
    /// Takes a flow collection, and says where it ends. The builder bounds how deep they stand in each other.
    pub(super) fn flow(&mut self, line: Line<'t>, column: usize) -> Option<usize> {
        let bytes = line.text.as_bytes();
        let is_mapping = bytes[column] == b'{';
        let begin = line.at(column, column + 1);
        let close = match is_mapping {
            true => {
                self.builder.start_mapping(Layout::Flow, 0, begin).ok()?;
                b'}'
            }
            false => {
                self.builder.start_sequence(Layout::Flow, 0, begin).ok()?;
                b']'
            }
        };
        let mut at = after_blanks(bytes, column + 1);
        while *bytes.get(at)? != close {
            if is_mapping {
                at = self.flow_key(line, at)?;
            }
            at = after_blanks(bytes, self.flow_value(line, at)?);
            if *bytes.get(at)? == b',' {
                at = after_blanks(bytes, at + 1);
                // The parsers differ on what stands behind a last comma.
                if *bytes.get(at)? == close {
                    return None;
                }
            } else if bytes[at] != close {
                return None;
            }
        }
        self.builder.end(line.at(at, at + 1)).ok()?;
        Some(at + 1)
    }

    /// Takes a key, and says where its value begins.
    fn flow_key(&mut self, line: Line<'t>, at: usize) -> Option<usize> {
        let bytes = line.text.as_bytes();
        let end = match bytes[at] {
            b'"' | b'\'' => self.quoted(line, at)?,
            _ => {
                let end = key_end(line.text, at)?;
                self.token(line, at, end, Style::Plain)?;
                end
            }
        };
        let is_key = end <= super::MAX_KEY_END && bytes.get(end..)?.starts_with(b": ");
        is_key.then(|| after_blanks(bytes, end + 1))
    }

    fn flow_value(&mut self, line: Line<'t>, at: usize) -> Option<usize> {
        match *line.text.as_bytes().get(at)? {
            b'"' | b'\'' => self.quoted(line, at),
            b'{' | b'[' => self.flow(line, at),
            _ => {
                let end = at + flow_plain_length(&line.text[at..])?;
                self.token(line, at, end, Style::Plain)?;
                Some(end)
            }
        }
    }
}

/// Where blanks end.
fn after_blanks(bytes: &[u8], from: usize) -> usize {
    let blanks = bytes[from..].iter().take_while(|byte| **byte == b' ');
    from + blanks.count()
}
