//! The actions of a template engine in a text, such as `{{ … }}`, `{% … %}`, `%{ … }` and `@@WORD@@`, and the text without them: what is
//! no YAML without them either is a mistake, and must not be passed over as a template. Nothing is made of an action here, and nothing is
//! edited by what is found.

use std::fmt;
use std::ops::Range;

use memchr::memmem;

/// Which engine an action is written for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// Helm and Go: `{{ … }}`, or `[[ … ]]` where Helm has the braces.
    Go,
    /// Jinja, of Ansible and Salt: `{% … %}` and `{# … #}`; its expressions are written as Go's.
    Jinja,
    /// ERB and EJS: `<% … %>`.
    Erb,
    /// Terraform's `%{ if … }`.
    Terraform,
    /// FreeMarker's `<#if …>` and `<@macro …>`.
    FreeMarker,
    /// Octopus Deploy's `#{ … }`.
    Octopus,
    /// Words that a plain search replaces: `@@WORD@@`, `%WORD%`.
    Marks,
}

impl fmt::Display for Engine {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Go => "a Helm or Go template (`{{ … }}` or `[[ … ]]` outside quotes)",
            Self::Jinja => "a Jinja template (`{% … %}`)",
            Self::Erb => "an ERB template (`<% … %>`)",
            Self::Terraform => "a Terraform template (`%{ … }`)",
            Self::FreeMarker => "a FreeMarker template (`<#if …>`)",
            Self::Octopus => "an Octopus Deploy template (`#{ … }`)",
            Self::Marks => "a template (`@WORD@` or `%WORD%` outside quotes)",
        })
    }
}

/// Whether a mapping in braces that is the key of another is an expression: `{{ .x }}`, and not `{{a: b}: c}`. The outer one begins at
/// `start`.
pub(super) fn is_expression(text: &str, start: usize) -> bool {
    /// Each document of a file may have such a key, and braces that nothing closes.
    const LONGEST: usize = 1024;
    let bytes = &text.as_bytes()[start..text.len().min(start + LONGEST)];
    if !bytes.starts_with(b"{{") {
        return false;
    }
    let (mut at, mut depth) = (0, 0);
    while let Some(found) = bytes[at..]
        .iter()
        .position(|byte| matches!(byte, b'{' | b'}' | b'"' | b'`'))
    {
        at += found + 1;
        match bytes[at - 1] {
            b'{' => depth += 1,
            b'}' if depth == 2 => return bytes.get(at) == Some(&b'}'),
            b'}' => depth -= 1,
            quote => at += quoted(quote, &bytes[at..]),
        }
    }
    false
}

/// Where the actions of a text stand, in order.
pub(super) struct Actions(Vec<(Range<usize>, Engine)>);

impl Actions {
    /// Finds them. An action that is never closed is none: no template engine takes it.
    pub(super) fn of(text: &str) -> Self {
        let mut actions = Vec::new();
        let mut unclosed: Vec<Opener> = Vec::new();
        let mut from = 0;
        while let Some((start, opener)) = begin(text.as_bytes(), from) {
            from = start + 1;
            // Behind an action that nothing closes there is no other of its form that something closes.
            if unclosed.contains(&opener) {
                continue;
            }
            match opener.end(text, start) {
                End::At(end) => {
                    actions.push((start..end, opener.engine()));
                    from = end;
                }
                End::NotBefore(other) => from = other,
                End::Nowhere => unclosed.push(opener),
            }
        }
        Self(actions)
    }

    /// Where the first one begins, and which engine the text is for: Jinja also has the expressions of Go.
    pub(super) fn first(&self) -> Option<(usize, Engine)> {
        let (first, engine) = self.0.first()?;
        let is_jinja = self.0.iter().any(|(_, engine)| *engine == Engine::Jinja);
        Some((first.start, if is_jinja { Engine::Jinja } else { *engine }))
    }

    /// Whether a byte is part of one.
    pub(super) fn hold(&self, offset: usize) -> bool {
        let at = self.0.partition_point(|(action, _)| action.end <= offset);
        self.0
            .get(at)
            .is_some_and(|(action, _)| action.start <= offset)
    }

    /// The text with a letter for each character of an action, and with nothing on lines that have nothing but actions, as
    /// `{{- end }}`. All that is left has the line and the column that it had.
    pub(super) fn taken_out_of(&self, text: &str) -> String {
        let mut without = String::with_capacity(text.len());
        let mut start = 0;
        for line in text.split_inclusive('\n') {
            let characters = || {
                line.char_indices()
                    .map(|(at, character)| (character, self.hold(start + at)))
            };
            let first_left = characters()
                .find(|(character, is_action)| !is_action && !character.is_whitespace());
            let stand_in = if first_left.is_some_and(|(character, _)| character != '#') {
                'x'
            } else {
                ' '
            };
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

/// What an action begins with.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opener {
    Braces,
    Brackets,
    Statement,
    Comment,
    Erb,
    Directive,
    Macro,
    Variable,
    Mark,
}

impl Opener {
    fn engine(self) -> Engine {
        match self {
            Self::Braces | Self::Brackets => Engine::Go,
            Self::Statement | Self::Comment => Engine::Jinja,
            Self::Erb => Engine::Erb,
            Self::Directive => Engine::Terraform,
            Self::Macro => Engine::FreeMarker,
            Self::Variable => Engine::Octopus,
            Self::Mark => Engine::Marks,
        }
    }

    /// Where the action ends that begins at `start`.
    fn end(self, text: &str, start: usize) -> End {
        let closed_by = |close: &[u8]| match memmem::find(&text.as_bytes()[start + 2..], close) {
            Some(length) => End::At(start + 2 + length + close.len()),
            None => End::Nowhere,
        };
        match self {
            Self::Braces => end(text, start),
            Self::Statement => end_of_statement(text.as_bytes(), start),
            Self::Comment => closed_by(b"#}"),
            Self::Erb => closed_by(b"%>"),
            Self::Brackets => end_on_its_line(text.as_bytes(), start, b"]]", is_go),
            Self::Directive => end_on_its_line(text.as_bytes(), start, b"}", begins_word),
            Self::Macro => end_on_its_line(text.as_bytes(), start, b">", begins_word),
            Self::Variable => end_on_its_line(text.as_bytes(), start, b"}", begins_word),
            Self::Mark => end_of_word(text.as_bytes(), start),
        }
    }
}

/// Where an action ends.
enum End {
    /// Behind what closes it.
    At(usize),
    /// It is none; the next one begins no earlier than here.
    NotBefore(usize),
    /// It is none, and there is none behind it.
    Nowhere,
}

/// Where the next one begins, and with what.
fn begin(text: &[u8], from: usize) -> Option<(usize, Opener)> {
    text[from..].iter().enumerate().find_map(|(at, byte)| {
        let at = from + at;
        let next = text.get(at + 1)?;
        let opener = match (byte, next) {
            (b'{', b'{') => Opener::Braces,
            (b'{', b'%') => Opener::Statement,
            (b'{', b'#') => Opener::Comment,
            (b'<', b'%') => Opener::Erb,
            (b'[', b'[') => Opener::Brackets,
            (b'%', b'{') => Opener::Directive,
            (b'<', b'#' | b'@') => Opener::Macro,
            (b'<', b'/') if matches!(text.get(at + 2), Some(b'#' | b'@')) => Opener::Macro,
            (b'#', b'{') => Opener::Variable,
            (b'@' | b'%', _) => Opener::Mark,
            _ => return None,
        };
        Some((at, opener))
    })
}

/// The end of an action of one line and at most this many bytes, if what stands in it is one.
fn end_on_its_line(text: &[u8], start: usize, close: &[u8], is_one: fn(&[u8]) -> bool) -> End {
    const LONGEST: usize = 512;
    let inner = &text[start + 2..];
    let inner = &inner[..inner.len().min(LONGEST)];
    let line = &inner[..memchr::memchr(b'\n', inner).unwrap_or(inner.len())];
    match memmem::find(line, close) {
        Some(length) if is_one(&line[..length]) => End::At(start + 2 + length + close.len()),
        _ => End::NotBefore(start + 1),
    }
}

/// `.Values.x`, `- if $x` and `include "x" .`; a list of lists has commas.
fn is_go(inner: &[u8]) -> bool {
    let inner = inner.strip_prefix(b"-").unwrap_or(inner).trim_ascii_start();
    matches!(inner, [b'.' | b'$', ..]) || begins_word(inner) && !inner.contains(&b',')
}

/// `if x`, `~ endif ~`, `/if` and `Project.Image`
fn begins_word(inner: &[u8]) -> bool {
    let mut signs = inner.iter();
    let first = signs.find(|sign| !b"~/#@ ".contains(sign));
    first.is_some_and(u8::is_ascii_alphabetic)
}

/// The end of `{% … %}`. It may go on over lines only where it begins a line: what only looks like a beginning must not reach far.
fn end_of_statement(text: &[u8], start: usize) -> End {
    let line = text[..start]
        .iter()
        .rposition(|byte| *byte != b' ' && *byte != b'\t');
    let begins_a_line = line.is_none_or(|before| text[before] == b'\n');
    let mut at = start + 2;
    while let Some(found) = text[at..]
        .iter()
        .position(|byte| matches!(byte, b'{' | b'%' | b'\n'))
    {
        at += found;
        match &text[at..] {
            [b'%', b'}', ..] => return End::At(at + 2),
            [b'{', b'{' | b'%', ..] => return End::NotBefore(at),
            [b'\n', ..] if !begins_a_line => return End::NotBefore(at),
            _ => at += 1,
        }
    }
    End::Nowhere
}

/// The end of `@@WORD@@`: as many signs behind the word as before it, one or two. A word between single signs ends there: `%Y%m%d` is a
/// date, and `@john@example.com` a person.
fn end_of_word(text: &[u8], start: usize) -> End {
    let mark = text[start];
    let signs = if text.get(start + 1) == Some(&mark) {
        2
    } else {
        1
    };
    let word = &text[start + signs..];
    let length = word
        .iter()
        .position(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')));
    let (word, behind) = word.split_at(length.unwrap_or(word.len()));
    let begins = |first: &u8| first.is_ascii_alphabetic() || *first == b'_';
    let is_word = word.first().is_some_and(begins);
    let closing = behind.iter().take_while(|byte| **byte == mark).count();
    let goes_on = |next: &u8| next.is_ascii_alphanumeric();
    let closes = match signs {
        1 => closing == 1 && !behind.get(1).is_some_and(goes_on),
        _ => closing >= signs,
    };
    let end = start + signs + word.len();
    match is_word && closes {
        true => End::At(end + signs),
        false => End::NotBefore(end),
    }
}

/// Braces in a comment of the engine, and in quoted text, are not the engine's.
fn end(text: &str, start: usize) -> End {
    let bytes = text.as_bytes();
    let mut at = start + 2;
    let inner = text[at..].trim_start_matches('-').trim_start();
    if inner.starts_with("/*") {
        let begin = text.len() - inner.len();
        let Some(length) = memmem::find(inner.as_bytes(), b"*/") else {
            return End::Nowhere;
        };
        at = begin + length + 2;
    }
    while let Some(found) = bytes[at..]
        .iter()
        .position(|byte| matches!(byte, b'{' | b'}' | b'"' | b'`'))
    {
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
    rest.iter()
        .position(ends)
        .filter(|end| rest[*end] == quote)
        .map_or(0, |end| end + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_take_the_place_of_actions_and_lines_of_nothing_else_are_blank() {
        for (text, without) in [
            ("a: {{ .x }}:1 # {{y}}\n", "a: xxxxxxxx:1 # xxxxx\n"),
            (
                "  {{- if .x }}\r\n  a: 1\r\n  {{ end }} # to here\r\n",
                "              \r\n  a: 1\r\n            # to here\r\n",
            ),
            ("a: {{ \"ö\" }}: b\n", "a: xxxxxxxxx: b\n"),
            ("a: {{ dict\n  1 }}\nb: 2\n", "a: xxxxxxx\n      \nb: 2\n"),
            ("{{/* see {{ x }} */}}a: b\n", "xxxxxxxxxxxxxxxxxxxxxa: b\n"),
            ("{{ \"{{\" }} $a {{ `}}` }}\n", "xxxxxxxxxx $a xxxxxxxxxx\n"),
            (
                "# don't {{ x\na: '{{ y }}' # and }}\n",
                "# don't {{ x\na: 'xxxxxxx' # and }}\n",
            ),
            ("a: {{ x isn't }}\n", "a: xxxxxxxxxxxxx\n"),
            ("a: {{ x }\n", "a: {{ x }\n"),
            (
                "{% if x %}\na: {{ y }}\n{% endif %}\n",
                "          \na: xxxxxxx\n           \n",
            ),
            ("a: {%\nb: {{ y }} %}\n", "a: {%\nb: xxxxxxx %}\n"),
            (
                "{% set x = {\n  'y': 1 } %}\na: b\n",
                "            \n             \na: b\n",
            ),
            ("{# why\n#}\na: {# x #}\n", "      \n  \na: xxxxxxx\n"),
            (
                "<% if x %>\na: <%= y %>\n<% end %>\n",
                "          \na: xxxxxxxx\n         \n",
            ),
            (
                "a: @@X@@\nb: %Y.z%\nc: @x@ @ y@ a@b\n",
                "a: xxxxx\nb: xxxxx\nc: xxx @ y@ a@b\n",
            ),
            (
                "a: %Y%m%d %H%M%S %Y-%m-%d %d.%m.%Y %s%%\nb: @john@example.com @me@x\n",
                "a: %Y%m%d %H%M%S %Y-%m-%d %d.%m.%Y %s%%\nb: @john@example.com @me@x\n",
            ),
            ("a: @HOST@/web:%TAG%-x\n", "a: xxxxxx/web:xxxxx-x\n"),
            (
                "%{ if x ~}\na: [%{ y }, %{]\n%{~ endif }\n",
                "          \na: [xxxxxx, %{]\n           \n",
            ),
            (
                "<#if x>\na: [<@y z/>, <#, <b, </#b>]\n</#if>\n",
                "       \na: [xxxxxxx, <#, <b, xxxxx]\n      \n",
            ),
            (
                "[[- if .x ]]\na: [[.y]]\nb: [[1], [c, d]]\n[[ end ]]\n",
                "            \na: xxxxxx\nb: [[1], [c, d]]\n         \n",
            ),
            ("a: [#{x}, #{if y}]\nb: #{\n", "a: [xxxx, xxxxxxx]\nb: #{\n"),
            ("{# <% {% {{ x }}\n", "{# <% {% xxxxxxx\n"),
            (
                "a: {% {% x {1} %} {{ y }} {%",
                "a: {% xxxxxxxxxxx xxxxxxx {%",
            ),
            ("{{/* a", "{{/* a"),
            ("{{", "{{"),
        ] {
            assert_eq!(Actions::of(text).taken_out_of(text), without, "{text:?}");
        }
    }
}
