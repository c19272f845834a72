//! The actions of a template engine in a text, `{{ … }}` and Jinja's `{% … %}`, and the text without them: what is no YAML without
//! them either is a mistake, and must not be passed over as a template. Nothing is made of an action here, and nothing is edited by
//! what is found.

use std::ops::Range;

use memchr::memmem;

/// Where the actions of a text stand, in order.
pub(super) struct Actions(Vec<Range<usize>>);

impl Actions {
    /// Finds them. Braces that are never closed are none: no template engine takes them.
    pub(super) fn of(text: &str) -> Self {
        let mut actions = Vec::new();
        let mut from = 0;
        while let Some(start) = begin(text.as_bytes(), from) {
            let is_jinja = text.as_bytes()[start + 1] == b'%';
            match if is_jinja { end_of_statement(text.as_bytes(), start) } else { end(text, start) } {
                End::At(end) => {
                    actions.push(start..end);
                    from = end;
                }
                End::NotBefore(other) => from = other,
                End::Nowhere => break,
            }
        }
        Self(actions)
    }

    /// Whether a byte is part of one.
    pub(super) fn hold(&self, offset: usize) -> bool {
        let at = self.0.partition_point(|action| action.end <= offset);
        self.0.get(at).is_some_and(|action| action.start <= offset)
    }

    /// The text with a letter for each character of an action, and with nothing on lines that have nothing but actions, as
    /// `{{- end }}`. All that is left has the line and the column that it had.
    pub(super) fn taken_out_of(&self, text: &str) -> String {
        let mut without = String::with_capacity(text.len());
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let characters = || line.char_indices().map(|(at, character)| (character, self.hold(start + at)));
            let first_left = characters().find(|(character, is_action)| !is_action && !character.is_whitespace());
            let stand_in = if first_left.is_some_and(|(character, _)| character != '#') { 'x' } else { ' ' };
            without.extend(characters().map(|(character, is_action)| match character {
                '\r' | '\n' => character,
                _ if is_action => stand_in,
                _ => character,
            }));
            start += line.len();
        }
        without
    }
}

/// Where the action ends that begins with two braces.
enum End {
    /// Behind the two that close it.
    At(usize),
    /// It is none, because two others open here first.
    NotBefore(usize),
    /// It is none, and there is none behind it.
    Nowhere,
}

/// Where the next one begins.
fn begin(text: &[u8], from: usize) -> Option<usize> {
    memchr::memchr_iter(b'{', &text[from..])
        .map(|at| from + at)
        .find(|at| text.get(at + 1).is_some_and(|next| matches!(next, b'{' | b'%')))
}

/// The end of `{% … %}`, which stands on one line: what only looks like a beginning must not reach far.
fn end_of_statement(text: &[u8], start: usize) -> End {
    let mut at = start + 2;
    while let Some(found) = text[at..].iter().position(|byte| matches!(byte, b'{' | b'%' | b'\n')) {
        at += found;
        match &text[at..] {
            [b'%', b'}', ..] => return End::At(at + 2),
            [b'{', b'{' | b'%', ..] | [b'\n', ..] => return End::NotBefore(at),
            _ => at += 1,
        }
    }
    End::Nowhere
}

/// Braces in a comment of the engine, and in quoted text, are not the engine's.
fn end(text: &str, start: usize) -> End {
    let bytes = text.as_bytes();
    let mut at = start + 2;
    let inner = text[at..].trim_start_matches('-').trim_start();
    if inner.starts_with("/*") {
        let begin = text.len() - inner.len();
        let Some(length) = memmem::find(inner.as_bytes(), b"*/") else { return End::Nowhere };
        at = begin + length + 2;
    }
    while let Some(found) = bytes[at..].iter().position(|byte| matches!(byte, b'{' | b'}' | b'"' | b'`')) {
        at += found;
        match &bytes[at..] {
            [b'}', b'}', ..] => return End::At(at + 2),
            [b'{', b'{', ..] => return End::NotBefore(at),
            [quote @ (b'"' | b'`'), rest @ ..] => at += 1 + quoted(*quote, rest),
            _ => at += 1,
        }
    }
    End::Nowhere
}

/// How many bytes of quoted text stand behind a quote, with the one that ends it; none where no other does. Only what stands in
/// backquotes goes on over lines.
fn quoted(quote: u8, rest: &[u8]) -> usize {
    let ends = |byte: &u8| *byte == quote || *byte == b'\n' && quote != b'`';
    rest.iter().position(ends).filter(|end| rest[*end] == quote).map_or(0, |end| end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_take_the_place_of_actions_and_lines_of_nothing_else_are_blank() {
        for (text, without) in [
            ("a: {{ .x }}:1 # {{y}}\n", "a: xxxxxxxx:1 # xxxxx\n"),
            ("  {{- if .x }}\r\n  a: 1\r\n  {{ end }} # to here\r\n", "              \r\n  a: 1\r\n            # to here\r\n"),
            ("a: {{ \"ö\" }}: b\n", "a: xxxxxxxxx: b\n"),
            ("a: {{ dict\n  1 }}\nb: 2\n", "a: xxxxxxx\n      \nb: 2\n"),
            ("{{/* see {{ x }} */}}a: b\n", "xxxxxxxxxxxxxxxxxxxxxa: b\n"),
            ("{{ \"{{\" }} $a {{ `}}` }}\n", "xxxxxxxxxx $a xxxxxxxxxx\n"),
            ("# don't {{ x\na: '{{ y }}' # and }}\n", "# don't {{ x\na: 'xxxxxxx' # and }}\n"),
            ("a: {{ x isn't }}\n", "a: xxxxxxxxxxxxx\n"),
            ("a: {{ x }\n", "a: {{ x }\n"),
            ("{% if x %}\na: {{ y }}\n{% endif %}\n", "          \na: xxxxxxx\n           \n"),
            ("a: {%\nb: {{ y }} %}\n", "a: {%\nb: xxxxxxx %}\n"),
            ("a: {% {% x {1} %} {{ y }} {%", "a: {% xxxxxxxxxxx xxxxxxx {%"),
            ("{{/* a", "{{/* a"),
            ("{{", "{{"),
        ] {
            assert_eq!(Actions::of(text).taken_out_of(text), without, "{text:?}");
        }
    }
}
