//! Looks at the bytes of a file before anything is parsed, because most files of a manifests folder contain no workload.
//!
//! It may say yes where a parser would say no. It never errs the other way, with one exception: it does not see a kind's name
//! that a quoted scalar breaks over two lines. The count of other kinds is only for the summary.

use std::collections::BTreeMap;
use std::ops::Range;

use memchr::memmem;

use super::shape::{may_be_off, unhandled};

/// The byte-order mark that a UTF-8 text may start with.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The result for a file without workloads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// Kinds that have images and are not handled ([`unhandled`]): one name for each object, in order.
    Counted(Vec<&'static str>),
    /// It contains a list of objects, so only a parser can tell what they are.
    HasList,
}

/// Looks for objects that are not handled, without parsing the file.
///
/// In YAML a `kind:` at the start of a line counts, in JSON that of the outermost object.
pub fn look(bytes: &[u8]) -> Look {
    let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let is_json = text.trim_ascii_start().first() == Some(&b'{');
    let kinds: Vec<(usize, &[u8])> = match is_json {
        true => json_value(text, b"kind", word)
            .map(|kind| (0, kind))
            .into_iter()
            .collect(),
        false => yaml_kinds(text),
    };
    if kinds.iter().any(|(_, kind)| kind.ends_with(b"List")) {
        return Look::HasList;
    }
    let mut documents = Documents {
        text,
        current: 0..0,
        version: None,
    };
    let mut held: BTreeMap<&str, bool> = BTreeMap::new();
    let mut holds = |key: &'static str| {
        *(held.entry(key)).or_insert_with(|| memmem::find(text, key.as_bytes()).is_some())
    };
    let counted = kinds.into_iter().filter_map(|(at, kind)| {
        let kind = std::str::from_utf8(kind).ok()?;
        let mut version = || match is_json {
            true => std::str::from_utf8(json_value(text, b"apiVersion", until_blank)?).ok(),
            false => documents.version_at(at),
        };
        unhandled(kind, &mut version).or_else(|| may_be_off(kind, version, &mut holds))
    });
    let mut counted: Vec<&'static str> = counted.collect();
    // Most files have none, and a tree has many files.
    counted.shrink_to_fit();
    Look::Counted(counted)
}

/// The documents of a YAML text. Each is searched at most once, and only if needed.
struct Documents<'t> {
    text: &'t [u8],
    current: Range<usize>,
    version: Option<&'t str>,
}

impl<'t> Documents<'t> {
    /// The value of `apiVersion:` at the start of a line, in the document that contains the byte `at`. Call it with increasing
    /// offsets.
    fn version_at(&mut self, at: usize) -> Option<&'t str> {
        const MARKER: &[u8] = b"\n---";
        if !self.current.contains(&at) {
            let from = self.current.end;
            let start =
                memmem::rfind(&self.text[from..at], MARKER).map_or(from, |before| from + before);
            let end =
                memmem::find(&self.text[at..], MARKER).map_or(self.text.len(), |after| at + after);
            let values = yaml_values(&self.text[start..end], b"apiVersion", until_blank);
            self.version = values
                .first()
                .and_then(|(_, value)| std::str::from_utf8(value).ok());
            self.current = start..end;
        }
        self.version
    }
}

/// A value without its quotes, up to the first blank.
fn until_blank(value: &[u8]) -> &[u8] {
    let value = value
        .strip_prefix(b"\"")
        .or_else(|| value.strip_prefix(b"'"))
        .unwrap_or(value);
    let ends = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, b'"' | b'\'');
    &value[..value.iter().position(ends).unwrap_or(value.len())]
}

/// The value of each `kind:` at the start of a line, with its offset.
fn yaml_kinds(text: &[u8]) -> Vec<(usize, &[u8])> {
    yaml_values(text, b"kind", word)
}

fn yaml_values<'t>(
    text: &'t [u8],
    key: &[u8],
    read: fn(&'t [u8]) -> &'t [u8],
) -> Vec<(usize, &'t [u8])> {
    let value = |at: usize| {
        let (before, rest) = (&text[..at], &text[at + key.len()..]);
        let (before, rest) = match before.split_last() {
            Some((&quote @ (b'"' | b'\''), before)) => (before, rest.strip_prefix(&[quote])?),
            _ => (before, rest),
        };
        if !matches!(before.last(), None | Some(b'\n' | b'\r')) {
            return None;
        }
        Some((
            at,
            read(after_blanks(after_blanks(rest).strip_prefix(b":")?)),
        ))
    };
    memmem::find_iter(text, key).filter_map(value).collect()
}

/// The letters at the start of a value, quoted or bare. Empty if anything else follows them.
fn word(value: &[u8]) -> &[u8] {
    let (quote, value) = match value.split_first() {
        Some((quote @ (b'"' | b'\''), rest)) => (Some(quote), rest),
        _ => (None, value),
    };
    let end = value
        .iter()
        .position(|byte| !byte.is_ascii_alphanumeric())
        .unwrap_or(value.len());
    let ends = match (quote, value.get(end)) {
        (Some(quote), next) => next == Some(quote),
        (None, next) => next.is_none_or(u8::is_ascii_whitespace),
    };
    if ends { &value[..end] } else { b"" }
}

/// The value of a key of the outermost object, found without allocating.
fn json_value<'t>(text: &'t [u8], key: &[u8], read: fn(&'t [u8]) -> &'t [u8]) -> Option<&'t [u8]> {
    let mut depth = 0;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        at += 1;
        match byte {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b'"' => {
                let start = at;
                at = string_end(text, start)?;
                let after = text[at + 1..].trim_ascii_start();
                if depth == 1
                    && &text[start..at] == key
                    && let Some(value) = after.strip_prefix(b":")
                {
                    return Some(read(value.trim_ascii_start()));
                }
                at += 1;
            }
            _ => {}
        }
    }
    None
}

/// The offset of the quote that ends the string whose first byte is at `from`.
fn string_end(text: &[u8], mut from: usize) -> Option<usize> {
    loop {
        let at = from + memchr::memchr2(b'"', b'\\', text.get(from..)?)?;
        if text[at] == b'"' {
            return Some(at);
        }
        from = at + 2;
    }
}

/// Strips leading spaces and tabs.
fn after_blanks(text: &[u8]) -> &[u8] {
    let begin = text
        .iter()
        .position(|byte| !matches!(byte, b' ' | b'\t'))
        .unwrap_or(text.len());
    &text[begin..]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn counted(text: &str) -> Vec<&'static str> {
        match look(text.as_bytes()) {
            Look::Counted(kinds) => kinds,
            Look::HasList => vec!["a list"],
        }
    }

    #[test]
    fn unhandled_kinds_at_a_line_start_are_counted() {
        let one = "apiVersion: v1\nkind: deployment\n";
        let three = format!(
            "{one}spec:\n  kind: deployment\n---\napiVersion: v1\nkind: \"deployment\" # x\n---\nkind:\tdeployment\r\napiVersion: v1\r\n"
        );
        assert_eq!(counted(&three), ["misspelt Deployment"; 3]);
        assert_eq!(
            counted("\"apiVersion\": v1\n\"kind\": 'deployment'"),
            ["misspelt Deployment"]
        );
        assert_eq!(counted(&format!("\u{feff}{one}")), ["misspelt Deployment"]);
        for text in [
            "kind: deployments",
            "kind: deployment-x",
            "kind: 'deployment",
            "kinds: deployment",
            "mankind: deployment",
            "kind",
            "'kind: deployment",
            "# kind: deployment",
            "kind:\ndeployment",
        ] {
            assert_eq!(
                counted(&format!("apiVersion: v1\n{text}")),
                [""; 0],
                "{text}"
            );
        }
    }

    #[test]
    fn the_outermost_kind_of_json_is_counted() {
        assert_eq!(
            counted("{\"apiVersion\":\"v1\",\"kind\":\"deployment\"}"),
            ["misspelt Deployment"]
        );
        assert_eq!(
            counted(
                "{\n  \"metadata\": {\"kind\": \"Job\", \"x\": \"a\\\"}\"},\n  \"kind\" : \"deployment\", \"apiVersion\": \"v1\"\n}\n"
            ),
            ["misspelt Deployment"]
        );
        for text in [
            "{",
            "{\"kind",
            "{\"kind\"",
            "{\"kind\":",
            "{\"kind\":\"deployment",
            "{\"x\":\"kind\",\"a\":[\"kind\"]}",
            "{\"a\\",
        ] {
            assert_eq!(counted(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn a_kind_of_several_groups_is_told_by_the_version_of_its_document() {
        let odd = "apiVersion: v1 # x\nkind: Deployment\n";
        let plain = "kind: Deployment\nspec:\n  apiVersion: v1\napiVersion: apps/v1\n";
        assert_eq!(counted(odd), ["misversioned Deployment"]);
        assert_eq!(counted(plain), [""; 0]);
        let both = format!(
            "{plain}---\n{odd}--- # x\n{plain}---\nkind: CronJob\r\napiVersion: 'apps/v1'\r\n"
        );
        assert_eq!(
            counted(&both),
            ["misversioned Deployment", "misversioned CronJob"]
        );
        let json = r#"{"kind":"Deployment","metadata":{"apiVersion":"apps/v1"},"apiVersion":"v1"}"#;
        assert_eq!(counted(json), ["misversioned Deployment"]);
    }

    #[test]
    fn a_kind_in_other_letters_is_counted_as_misspelt() {
        assert_eq!(
            counted("apiVersion: apps/v1\nkind: deployment\n"),
            ["misspelt Deployment"]
        );
        assert_eq!(
            counted("kind: Cronjob\napiVersion: batch/v1\n---\nkind: HelmRelease\n"),
            ["misspelt CronJob"]
        );
        assert_eq!(
            counted(r#"{"kind":"statefulset","apiVersion":"apps/v1"}"#),
            ["misspelt StatefulSet"]
        );
        for text in [
            "kind: deployment\n",
            "apiVersion: example.com/v1\nkind: deployment\n",
            "x:\n  kind: deployment\napiVersion: apps/v1\n",
        ] {
            assert_eq!(counted(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn what_stands_in_a_list_is_left_to_a_parser() {
        for text in [
            "kind: List\nitems:\n- kind: Pod\n",
            "kind: PodList\n",
            r#"{"kind": "List", "items": []}"#,
        ] {
            assert_eq!(look(text.as_bytes()), Look::HasList, "{text}");
        }
        assert_eq!(
            counted("kind: CustomResourceDefinition\nspec:\n  names:\n    listKind: PodList\n"),
            [""; 0]
        );
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_count_panic(text in "([{}\\[\\]\":,\\\\' \n]|kind|Pod)*") {
            look(text.as_bytes());
        }
    }
}
