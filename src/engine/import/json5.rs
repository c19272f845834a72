//! JSON5, as people write the settings of Renovate, as JSON on the same lines.

/// The same text as JSON: without comments and last commas, all keys and texts in double quotes. What it does not know stays as it is, so
/// that a reader of JSON refuses it.
pub fn to_json(text: &str) -> String {
    let mut json = String::with_capacity(text.len());
    // Where the last comma stands, while nothing but blanks has followed it.
    let mut comma = None;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if let Some(behind) = comment(rest) {
            let lines = rest[..rest.len() - behind.len()].matches('\n');
            json.extend(lines.map(|_| '\n'));
            rest = behind;
            continue;
        }
        let length = match first {
            '"' | '\'' => string(rest, &mut json),
            'A'..='Z' | 'a'..='z' | '$' | '_' => word(rest, &mut json),
            '0'..='9' | '-' => {
                let is_part =
                    |letter: char| letter.is_ascii_alphanumeric() || "+-.".contains(letter);
                let end = rest.find(|letter| !is_part(letter)).unwrap_or(rest.len());
                json.push_str(&rest[..end]);
                end
            }
            _ => {
                if let (']' | '}', Some(at)) = (first, comma) {
                    json.replace_range(at..=at, " ");
                }
                json.push(first);
                first.len_utf8()
            }
        };
        match first {
            ',' => comma = Some(json.len() - 1),
            _ if first.is_whitespace() => {}
            _ => comma = None,
        }
        rest = &rest[length..];
    }
    json
}

/// What stands behind the comment that a text begins with.
fn comment(text: &str) -> Option<&str> {
    if text.starts_with("//") {
        return Some(text.find('\n').map_or("", |end| &text[end..]));
    }
    let inner = text.strip_prefix("/*")?;
    Some(inner.split_once("*/").map_or("", |(_, behind)| behind))
}

/// Writes a text in either quotes in double ones. Returns how long it was.
fn string(text: &str, json: &mut String) -> usize {
    let quote = text.chars().next().unwrap_or('"');
    json.push('"');
    let mut letters = text.char_indices().skip(1);
    while let Some((at, letter)) = letters.next() {
        match letter {
            _ if letter == quote => {
                json.push('"');
                return at + 1;
            }
            '"' => json.push_str("\\\""),
            '\\' => match letters.next() {
                Some((_, '\'')) => json.push('\''),
                Some((_, next)) => json.extend(['\\', next]),
                None => {}
            },
            _ => json.push(letter),
        }
    }
    text.len()
}

/// Writes a key without quotes in quotes. Returns how long it was.
fn word(text: &str, json: &mut String) -> usize {
    let is_part = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '$' | '_');
    let end = text.find(|letter| !is_part(letter)).unwrap_or(text.len());
    let word = &text[..end];
    match word {
        "true" | "false" | "null" => json.push_str(word),
        _ => json.extend(["\"", word, "\""]),
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json5_is_json_on_the_same_lines() {
        for (json5, json) in [
            (
                r#"{"a": [1, 2.5, true, null]}"#,
                r#"{"a": [1, 2.5, true, null]}"#,
            ),
            ("{ // all of it\n  a_b: 'c', }", "{ \n  \"a_b\": \"c\"  }"),
            ("/* x\n y */ [\n1,\n2, // last\n]", "\n [\n1,\n2  \n]"),
            (
                r#"{'a"b': 'it\'s /^v1\\./ // no comment'}"#,
                r#"{"a\"b": "it's /^v1\\./ // no comment"}"#,
            ),
            (r#"{a: "x, }", b: 'y\n'}"#, r#"{"a": "x, }", "b": "y\n"}"#),
            ("[1,,]", "[1, ]"),
            ("['a", "[\"a"),
            ("{a: 0x10, é: -1.5e+3}", "{\"a\": 0x10, é: -1.5e+3}"),
        ] {
            assert_eq!(to_json(json5), json, "{json5}");
            assert_eq!(json.lines().count(), json5.lines().count());
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text in "[\\[\\]{},:'\"/*\\\\a-c0-9 \n]{0,40}") {
            drop(to_json(&text));
        }

        #[test]
        fn json_stays_what_it_is(number in 0u8..9, text in "[ -~]{0,12}") {
            let value = serde_json::json!({"a": [number, &text, {&text: null}], "b": {}});
            let read: serde_json::Value = serde_json::from_str(&to_json(&value.to_string())).unwrap();
            proptest::prop_assert_eq!(read, value);
        }
    }
}
