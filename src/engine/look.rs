//! A look at the bytes of a file before anything is parsed: most files of a manifests folder hold no workload.
//!
//! It may say yes where a parser would say no. The other way round it errs in one place alone: a kind's name that a quoted scalar
//! breaks over two lines is not seen. What it counts of other kinds is for the summary and decides nothing.

use memchr::memmem;

use super::workload::UNHANDLED;

/// The byte-order mark that UTF-8 texts may begin with.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Whether the name of one of the four kinds stands anywhere in the bytes, or an escape (`\x`, `\u`, `\U`) that could spell one.
pub fn names_a_kind(bytes: &[u8]) -> bool {
    // These letters begin the names (`J` is the rarest of `CronJob`), and all are rare in manifests: one pass finds every name.
    memchr::memchr3_iter(b'D', b'J', b'S', bytes).any(|at| {
        let (before, rest) = bytes.split_at(at);
        match rest[0] {
            b'D' => rest.starts_with(b"Deployment") || rest.starts_with(b"DaemonSet"),
            b'S' => rest.starts_with(b"StatefulSet"),
            _ => rest.starts_with(b"Job") && before.ends_with(b"Cron"),
        }
    }) || has_escape(bytes)
}

fn has_escape(bytes: &[u8]) -> bool {
    memchr::memchr_iter(b'\\', bytes).any(|at| matches!(bytes.get(at + 1), Some(b'x' | b'u' | b'U')))
}

/// The [`UNHANDLED`] kinds of the objects in a file that is not parsed, one for each object, in order.
///
/// In YAML a `kind:` at the begin of a line counts, in JSON the outermost object's. A kustomization may leave its kind out: then the
/// file's name (`kustomization.yaml`) stands for it.
pub fn unhandled(file_name: &str, bytes: &[u8]) -> Vec<&'static str> {
    let text = bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes);
    let kinds = match text.trim_ascii_start().first() {
        Some(b'{') => json_kind(text).into_iter().collect(),
        _ => yaml_kinds(text),
    };
    if kinds.is_empty() && matches!(file_name, "kustomization.yaml" | "kustomization.yml") {
        return vec!["Kustomization"];
    }
    kinds.into_iter().filter_map(|kind| UNHANDLED.into_iter().find(|name| name.as_bytes() == kind)).collect()
}

/// What stands after each `kind:` at the begin of a line.
fn yaml_kinds(text: &[u8]) -> Vec<&[u8]> {
    let value = |at: usize| {
        let (before, rest) = (&text[..at], &text[at + b"kind".len()..]);
        let (before, rest) = match before.split_last() {
            Some((&quote @ (b'"' | b'\''), before)) => (before, rest.strip_prefix(&[quote])?),
            _ => (before, rest),
        };
        if !matches!(before.last(), None | Some(b'\n' | b'\r')) {
            return None;
        }
        Some(word(after_blanks(after_blanks(rest).strip_prefix(b":")?)))
    };
    memmem::find_iter(text, "kind").filter_map(value).collect()
}

/// The letters at the begin of a value, within quotes or bare; nothing when something else follows them.
fn word(value: &[u8]) -> &[u8] {
    let (quote, value) = match value.split_first() {
        Some((quote @ (b'"' | b'\''), rest)) => (Some(quote), rest),
        _ => (None, value),
    };
    let end = value.iter().position(|byte| !byte.is_ascii_alphanumeric()).unwrap_or(value.len());
    let ends = match (quote, value.get(end)) {
        (Some(quote), next) => next == Some(quote),
        (None, next) => next.is_none_or(u8::is_ascii_whitespace),
    };
    if ends { &value[..end] } else { b"" }
}

/// The `kind` of the outermost object, found without building anything.
fn json_kind(text: &[u8]) -> Option<&[u8]> {
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
                    && &text[start..at] == b"kind"
                    && let Some(value) = after.strip_prefix(b":")
                {
                    return Some(word(value.trim_ascii_start()));
                }
                at += 1;
            }
            _ => {}
        }
    }
    None
}

/// Where the quote stands that ends the string whose first byte is at `from`.
fn string_end(text: &[u8], mut from: usize) -> Option<usize> {
    loop {
        let at = from + memchr::memchr2(b'"', b'\\', text.get(from..)?)?;
        if text[at] == b'"' {
            return Some(at);
        }
        from = at + 2;
    }
}

/// Without the spaces and tabs at its begin.
fn after_blanks(text: &[u8]) -> &[u8] {
    let begin = text.iter().position(|byte| !matches!(byte, b' ' | b'\t')).unwrap_or(text.len());
    &text[begin..]
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_kind_and_each_escape_is_seen_wherever_it_stands() {
        for text in [
            "kind: Deployment\n",
            "Deployment",
            "x: [DaemonSet]",
            "- kind: StatefulSet",
            "CronJob",
            "kind: DeploymentList",
            "a: \"\\x44\"",
            "\\u0044",
            "\\U00000044",
        ] {
            assert!(names_a_kind(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn what_only_resembles_a_kind_is_passed_over() {
        for text in [
            "",
            "kind: Job",
            "deployment",
            "Deploymen",
            "Cron Job",
            "DaemonSe",
            "StatefulSe",
            "Stateful",
            "\\",
            "\\n\\\"",
            "D",
            "J",
            "S",
        ] {
            assert!(!names_a_kind(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn unhandled_kinds_at_a_line_start_are_counted() {
        let kinds = |text: &str| unhandled("x.yaml", text.as_bytes());
        assert_eq!(
            kinds("kind: Rollout\nspec:\n  kind: Pod\n---\nkind: \"Pod\" # x\n---\nkind:\tJob\r\n"),
            ["Rollout", "Pod", "Job"]
        );
        assert_eq!(kinds("\"kind\": 'HelmRelease'"), ["HelmRelease"]);
        assert_eq!(kinds("\u{feff}kind: ReplicaSet\n"), ["ReplicaSet"]);
        assert_eq!(kinds("apiVersion: v1\r\nkind: ReplicationController\r\n"), ["ReplicationController"]);
        for text in [
            "kind: Pods",
            "kind: Pod-x",
            "kind: 'Pod",
            "kinds: Pod",
            "mankind: Pod",
            "kind",
            "'kind: Pod",
            "# kind: Pod",
            "kind:\nPod",
        ] {
            assert_eq!(kinds(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn the_outermost_kind_of_json_is_counted() {
        let kinds = |text: &str| unhandled("x.json", text.as_bytes());
        assert_eq!(kinds("{\"apiVersion\":\"v1\",\"kind\":\"Pod\"}"), ["Pod"]);
        assert_eq!(
            kinds("{\n  \"metadata\": {\"kind\": \"Job\", \"x\": \"a\\\"}\"},\n  \"kind\" : \"Rollout\"\n}\n"),
            ["Rollout"]
        );
        for text in ["{", "{\"kind", "{\"kind\"", "{\"kind\":", "{\"kind\":\"Pod", "{\"x\":\"kind\",\"a\":[\"kind\"]}", "{\"a\\"]
        {
            assert_eq!(kinds(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn a_kustomization_is_known_by_its_name_where_no_kind_stands() {
        assert_eq!(unhandled("kustomization.yaml", b"resources: []\n"), ["Kustomization"]);
        assert_eq!(unhandled("kustomization.yml", b""), ["Kustomization"]);
        assert_eq!(unhandled("kustomization.yaml", b"kind: Kustomization\n"), ["Kustomization"]);
        assert_eq!(unhandled("kustomization.yaml", b"kind: Component\n"), [""; 0]);
        assert_eq!(unhandled("web.yaml", b"resources: []\n"), [""; 0]);
    }

    proptest! {
        #[test]
        fn the_look_agrees_with_a_plain_search(text in "(Deploy|ment|Daemon|Set|State|fulSet|Cron|Job|[DSJ\\\\xuU \n])*") {
            let names = ["Deployment", "DaemonSet", "StatefulSet", "CronJob", "\\x", "\\u", "\\U"];
            prop_assert_eq!(names_a_kind(text.as_bytes()), names.iter().any(|name| text.contains(name)), "{}", text);
        }

        #[test]
        fn no_bytes_make_the_count_panic(text in "([{}\\[\\]\":,\\\\' \n]|kind|Pod)*") {
            unhandled("x", text.as_bytes());
        }
    }
}
