//! YAML as libyaml reads it, event by event. The only file that names the parser.

use std::io::{BufReader, Chain, Read as _};
use std::panic::{AssertUnwindSafe, catch_unwind};

use libyaml_safer::{Encoding, Error, EventData, Mark, Parser, ScalarStyle};

use super::builder::Builder;
use super::document::{Document, narrow};
use crate::engine::splice::{Refused, unproven};

/// How many bytes the parser takes at once: it holds four times as many.
const CHUNK: usize = 4096;

/// The documents of a text, read one at a time. The first fault ends them.
pub(super) struct Documents<'t> {
    text: &'t str,
    parser: Parser<BufReader<Chain<&'t [u8], &'t [u8]>>>,
    builder: Builder,
    /// Where the last scalar, alias or collection began: an end has the mark of what follows it.
    line: u64,
    is_done: bool,
}

impl<'t> Documents<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        // This port of libyaml panics where a block scalar ends without a line break.
        let end: &[u8] = if text.ends_with('\n') { b"" } else { b"\n" };
        let mut parser = Parser::new();
        parser.set_encoding(Encoding::Utf8);
        parser.set_input(BufReader::with_capacity(CHUNK, text.as_bytes().chain(end)));
        Self {
            text,
            parser,
            builder: Builder::default(),
            line: 1,
            is_done: false,
        }
    }

    /// Takes the line break that [`Documents::of`] adds out of a block scalar, which libyaml reads without.
    fn without_added_break(&self, value: &mut String, start: Mark, end: Mark) {
        if end.index <= self.text.len() as u64 || !value.ends_with('\n') {
            return;
        }
        let indicators = header(&self.text[start.index as usize..]);
        let last = self.text.rsplit('\n').next().unwrap_or_default();
        let last_of_value = value[..value.len() - 1].rsplit('\n').next();
        let is_blank = |line: &str| line.bytes().all(|byte| byte == b' ');
        // A line of blanks ends the scalar, or is its last where it is indented deeper.
        let is_content =
            !is_blank(last) || last_of_value.is_some_and(|line| !line.is_empty() && is_blank(line));
        if is_content || indicators.contains('+') {
            value.pop();
        }
    }

    fn next_document(&mut self) -> Result<Option<Document>, Refused> {
        loop {
            // A panic of the parser on a strange text is a refusal, and not the end of the run.
            let event = catch_unwind(AssertUnwindSafe(|| self.parser.parse()))
                .map_err(|_| not_taken(self.line, "it stops at this text"))?
                .map_err(|error| refused(&error, self.line))?;
            if !matches!(
                event.data,
                EventData::SequenceEnd | EventData::MappingEnd | EventData::DocumentEnd { .. }
            ) {
                self.line = event.start_mark.line + 1;
            }
            let taken = match event.data {
                EventData::StreamEnd => return Ok(None),
                EventData::DocumentEnd { .. } => return Ok(Some(self.builder.finish())),
                EventData::Alias { anchor } => self.builder.alias(&anchor),
                EventData::Scalar {
                    anchor,
                    tag,
                    mut value,
                    style,
                    ..
                } => {
                    if matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
                        self.without_added_break(&mut value, event.start_mark, event.end_mark);
                    }
                    let is_plain = style == ScalarStyle::Plain;
                    self.builder
                        .scalar(anchor, tag.as_deref(), &value, is_plain)
                }
                EventData::SequenceStart { anchor, tag, .. } => {
                    self.builder.start_sequence(anchor, tag.as_deref());
                    Ok(())
                }
                EventData::MappingStart { anchor, tag, .. } => {
                    self.builder.start_mapping(anchor, tag.as_deref());
                    Ok(())
                }
                EventData::SequenceEnd | EventData::MappingEnd => {
                    self.builder.end(narrow(self.line as usize))
                }
                EventData::StreamStart { .. } | EventData::DocumentStart { .. } => Ok(()),
            };
            taken.map_err(|what| not_taken(self.line, &what))?;
        }
    }
}

impl Iterator for Documents<'_> {
    type Item = Result<Document, Refused>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.is_done {
            return None;
        }
        let document = self.next_document().transpose();
        self.is_done = !matches!(document, Some(Ok(_)));
        document
    }
}

/// The indicators of a block scalar, such as `|+2`, by the text where its node begins.
fn header(text: &str) -> &str {
    text.lines()
        .find_map(|line| {
            let words = line.split_whitespace();
            let mut words = words.take_while(|word| !word.starts_with('#'));
            words.find(|word| word.starts_with(['|', '>']))
        })
        .unwrap_or_default()
}

fn refused(error: &Error, line: u64) -> Refused {
    let mut told = error.problem().to_owned();
    if let Some(context) = error.context() {
        told += &format!(", {context}");
    }
    not_taken(
        error.problem_mark().map_or(line, |place| place.line + 1),
        &told,
    )
}

pub(super) fn not_taken(line: u64, why: &str) -> Refused {
    Refused {
        line: Some(narrow(line as usize)),
        ..unproven(format!(
            "the second YAML reader does not take the file: {why}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use proptest::prelude::*;
    use proptest::test_runner::TestRunner;
    use serde::Deserialize as _;
    use serde_yaml::Value;

    use super::super::document::tests::told;
    use super::*;

    /// The pieces of YAML, put together rightly and wrongly.
    const PIECES: &str = "(  ){0,2}(- )?((a|'b'|\"c\"|d e|7|null): ?)?((!t|!!str|!!int|!!float|!!bool|!!null|!|&x|\\*x) )?(f|g # h|'i\n  j'|\"k\\\\n\\\\x41é\\u{2028}\"|\\[l, \\{m: n\\}, \\]|\\{o, p: [q, r]\\}|[|>][-+]?[12]?( # s)?\n(   ?t\n| {0,4}\n|   u v\n)(    x)?( {0,4})|-1.5|~|)?(\n|\r\n)?|---\n|\\.\\.\\.\n|# y\n|%YAML 1.1\n|, |: |\t";

    /// What another port of libyaml makes of a value.
    fn by_another(value: &Value) -> String {
        match value {
            Value::Tagged(tagged) => {
                let tag = tagged.tag.to_string();
                let tag = tag.strip_prefix('!').filter(|tag| !tag.is_empty());
                format!("{} of {}", tag.unwrap_or("!"), by_another(&tagged.value))
            }
            Value::Sequence(items) => {
                let items: Vec<_> = items.iter().map(by_another).collect();
                format!("[{}]", items.join(", "))
            }
            Value::Mapping(entries) => {
                let name = |key: &Value| match key {
                    Value::Tagged(_) => "a tag".to_owned(),
                    key => by_another(key),
                };
                let entry = |(key, value)| format!("{}: {}", name(key), by_another(value));
                let entries: Vec<_> = entries.iter().map(entry).collect();
                format!("{{{}}}", entries.join(", "))
            }
            Value::Null => "Null".to_owned(),
            Value::Bool(value) => format!("Bool({value})"),
            Value::String(text) => format!("Text({text:?})"),
            Value::Number(number) => format!("Number({number})"),
        }
    }

    fn agree(text: &str) -> bool {
        let ours: Result<Vec<_>, _> = Documents::of(text)
            .map(|document| document.map(|document| told(document.root())))
            .collect();
        let theirs: Result<Vec<_>, _> = serde_yaml::Deserializer::from_str(text)
            .map(|document| Value::deserialize(document).map(|value| by_another(&value)))
            .collect();
        match (ours, theirs) {
            (Ok(ours), Ok(theirs)) => {
                // An empty text is an empty document there, and none here.
                let theirs = if ours.is_empty() { Vec::new() } else { theirs };
                assert_eq!(ours, theirs, "{text:?}");
                true
            }
            (Err(_), Err(_)) => false,
            // It does not know which of two anchors of one name it has met last.
            (_, _) if text.matches("&x").count() > 1 => false,
            (Err(refused), _) if refused.message.contains("a collection") => false,
            // A key that stands twice is told elsewhere, with its place.
            (Ok(_), Err(refused)) if refused.to_string().contains("duplicate entry") => false,
            // So is one of YAML's own types that its letters do not fit.
            (Ok(_), Err(refused)) if refused.to_string().contains("invalid value") => false,
            (ours, theirs) => panic!("{text:?}: {ours:?} {theirs:?}"),
        }
    }

    #[test]
    fn another_port_of_libyaml_reads_the_same() {
        for text in [
            "a: |\n  b",
            "a: |-\n  b",
            "a: |+\n  b",
            "a: |\n  b\n ",
            "a: |+\n  b\n ",
            "a: |+\n  b\n    ",
            "a: |\n  b\n    ",
            "a: >\n  b\n  c",
            "a: >+\n  b\n\n",
            "a: |",
            "a: |+",
            "a: |\n",
            "a: |+\n ",
            "a: &x !t\n  # |-\n  |+\n  b",
            "- |\n a\n- >-\n b\n c",
            "a: \"b\\\n  c\"",
            "\u{ff5e}: a",
            "",
            "# a",
            "--- a\n--- b\n...\n--- c",
            "a: 'b\n\n  c'",
            "[a, b: c]",
            "{a, b: }",
            "? a\n: b",
            "-105: ",
            "1.5: ",
            "a: !<tag:x> b",
            "- \"c\": \n  \"c\": ",
        ] {
            agree(text);
        }
        let pieces = prop::string::string_regex(PIECES).unwrap();
        let read = Cell::new(0);
        let mut runner = TestRunner::new(ProptestConfig {
            cases: 5_000,
            failure_persistence: None,
            ..ProptestConfig::default()
        });
        let outcome = runner.run(&prop::collection::vec(pieces, 1..7), |pieces| {
            read.set(read.get() + u32::from(agree(&pieces.concat())));
            Ok(())
        });
        outcome.unwrap();
        assert!(read.get() > 300, "only {} texts were read", read.get());
    }

    #[test]
    fn a_text_on_which_the_parser_fails_is_refused() {
        let refused = Documents::of("[!a, b]").find_map(Result::err);
        assert_eq!(
            refused.map(|refused| refused.message),
            Some("the second YAML reader does not take the file: it stops at this text".to_owned())
        );
    }
}
