//! What is read, what is refused, and where.

use super::*;
use crate::engine::marks::Mark;
use crate::engine::tree::{Scalar, Tree};

fn fault(text: &str) -> (&'static str, u32, u32) {
    let error = File::parse(text).unwrap_err();
    (error.fault.code().as_str(), error.line, error.column)
}

#[test]
fn what_can_be_read_in_two_ways_is_refused_where_it_stands() {
    for (text, place) in [
        ("a: [", ("yaml-syntax", 1, 4)),
        ("a: {{ .x }}\n", ("template", 1, 4)),
        ("a: 'x {{ y'\nb: [", ("yaml-syntax", 2, 4)),
        ("a: 1\nb: 2\n\"a\": 3\n", ("duplicate-key", 3, 1)),
        ("1: a\n0x1: b\n", ("duplicate-key", 2, 1)),
        ("a: {1: b, +1: c}\n", ("duplicate-key", 1, 11)),
        ("0b11: a\n3: b\n", ("duplicate-key", 2, 1)),
        ("1e3: a\n1000.0: b\n", ("duplicate-key", 2, 1)),
        (".inf: a\n.Inf: b\n", ("duplicate-key", 2, 1)),
        ("true: a\nb: c\nTrue: d\n", ("duplicate-key", 3, 1)),
        ("~: a\nnull: b\n", ("duplicate-key", 2, 1)),
        (
            "&x 1: a\nb: {1: c, d: e}\n0x1: f\n",
            ("duplicate-key", 3, 1),
        ),
        ("a: &x 1\n*x : b\n0x1: c\n", ("duplicate-key", 3, 1)),
        ("? [a]\n: b\n", ("complex-key", 1, 3)),
        ("? {a: 1}\n: b\n", ("complex-key", 1, 3)),
        ("x: {{a: b}: c}\n", ("complex-key", 1, 5)),
        ("x: {{a: {b: c}}: d}\ny: {z: {}}\n", ("complex-key", 1, 5)),
        ("x: { {a: b} }\n", ("complex-key", 1, 6)),
        ("a: 1\n<<: ~\n", ("yaml-syntax", 2, 1)),
        ("<<: [{a: 1}, 2]\n", ("yaml-syntax", 1, 1)),
        ("a: &a [*a]\n", ("recursive-alias", 1, 8)),
        ("a: b\rc: d\n", ("ambiguous-line-break", 1, 5)),
        ("a: b # \u{2028}\n", ("ambiguous-line-break", 1, 8)),
        ("a: \u{85}\n", ("ambiguous-line-break", 1, 4)),
    ] {
        assert_eq!(fault(text), place, "{text:?}");
    }
    let many: String = (0..20).map(|key| format!("{key}: a\n")).collect();
    let twice = many.clone() + "0x7: b\n";
    assert_eq!(fault(&twice), ("duplicate-key", 21, 1));
    for text in [
        &*many,
        "1: a\n'0x1': b\n\"~\": c\nnull: d\n1.5: e\n!!str 0x1f: f\n31: g\n",
    ] {
        assert!(File::parse(text).is_ok(), "{text}");
    }
    assert!(File::parse("a: 'b\u{2028}c'\r\nd: \"\u{85}\"\r\n").is_ok());
}

#[test]
fn the_keys_on_the_way_to_a_value_have_a_limit() {
    let key = |count: usize| "k".repeat(count);
    let nested = |last| format!("{}:\n  {}:\n    {}: x\n", key(1000), key(1000), key(last));
    let flow = |last| {
        format!(
            "{{{}: {{{}: [{{{}: x}}]}}}}",
            key(1000),
            key(1000),
            key(last)
        )
    };
    let alias = |last| {
        let (long, last) = (key(1000), key(last));
        format!("a: &a\n  {long}: [x]\n{long}:\n  {last}: *a\n")
    };
    let alias_of_key = |last| {
        format!(
            "a: &a {}\n{}:\n  *a : {{{}: x}}\n",
            key(1000),
            key(1000),
            key(last)
        )
    };
    for text in [
        &nested as &dyn Fn(usize) -> String,
        &flow,
        &alias,
        &alias_of_key,
    ] {
        assert!(File::parse(&text(48)).is_ok(), "{}", text(48));
        assert_eq!(fault(&text(49)).0, "too-deep", "{}", text(49));
    }
    // It stands for one document.
    let two = format!("{}---\na: 1\n", nested(49));
    assert!(File::parse(&two).unwrap().is_refused(0));
}

#[test]
fn a_template_is_what_is_no_yaml_because_of_its_braces() {
    for text in [
        "a: {{ .x }}\n",
        "a: 1\n{{ x }}: b\n",
        "a: {b: 1, {{ .x }}: b}\n",
        "a: {{ x {'b': {}} }}\n",
        "a: {{ \"}\" }}\n",
        "{{ x }}: b\n",
        "{{- if .x }}\na: 1\n{{- end }}\n",
        "a:\n  {{- toYaml . | nindent 2 }}\nb: 1\n",
        "{{ include \"x\" . }}: y\na: [\n",
        "a: \"{{ .x | default \"y\" }}\"\n",
        "a: \"b\" {{/* why */}}\n",
        "{% if x %}\na: '{{ y }}'\n{% endif %}\n",
        "{% if x %}\na: 1\n{% endif %}\n",
        "a:\n{%- for x in y %}\n- {{ x }}\n{%- endfor %}\n",
        "{#- over\n   lines -#}\na: 1\n",
        "{% set x = {\n  'y': 1,\n} %}\na: 1\n",
        "<% if x %>\na: 1\n<% end %>\n",
        "a: @@X@@\n",
        "a: %X%\nb: 1\n",
        "a: %{ x }\n",
        "%{ if x ~}\na: 1\n%{ endif ~}\n",
        "<#if x>\na: 1\n</#if>\n",
        "a: 1\n<@macro b/>\n",
        "[[ if .x ]]\na: 1\n[[ end ]]\n",
        "a:\n[[- range .x ]]\n- b\n[[- end ]]\n",
        "a: [#{x}, #{y}]\n",
        "a: {{ dict\n\"x\" 1\n}}\nb: 1\n",
        "a:\n{{- if .x }}\n  b: 1\n{{- else }}\n    b: 2\n{{- end }}\n",
    ] {
        assert_eq!(fault(text).0, "template", "{text:?}");
    }
    for (text, line) in [
        ("# {{ x }}\na: 1\n  b: 2\n", 3),
        ("a: '{{ x }}'\n<<<<<<< ours\nb: 1\n=======\nb: 2\n", 2),
        ("# {% if x %}\na: 1\n  b: 2\n", 3),
        ("# <% x %> @@X@@\na: 1\n  b: 2\n", 3),
        ("# %{ x } <#if x> [[ .x ]] #{x}\na: 1\n  b: 2\n", 3),
        ("a: [[1, 2], [b: c: d]]\n", 1),
        ("a: [[b, c: d: e]]\n", 1),
        ("a: [<b>, c: d: e]\n", 1),
        ("a: @x\n", 1),
        ("a: %\n", 1),
        ("a: \"{{ x }}\nb: 1\n", 1),
        ("a: [\nb: '{{ x }}'\n", 1),
    ] {
        let (code, found, _) = fault(text);
        assert_eq!((code, found), ("yaml-syntax", line), "{text:?}");
    }
}

#[test]
fn a_merge_conflict_is_told_as_one() {
    for (text, line) in [
        (
            "a: 1\n<<<<<<< ours\nb: 1\n=======\nb: 2\n>>>>>>> theirs\n",
            2,
        ),
        (
            "<<<<<<< HEAD\r\na: 1\r\n||||||| base\r\na: 0\r\n=======\r\na: 2\r\n>>>>>>> x\r\n",
            1,
        ),
        (
            "{{ if x }}\n<<<<<<< ours\na: 1\n=======\na: 2\n>>>>>>> theirs\n{{ end }}\n",
            2,
        ),
        (
            "{\n<<<<<<< ours\n\"a\": 1\n=======\n\"a\": 2\n>>>>>>> theirs\n}\n",
            2,
        ),
    ] {
        assert_eq!(fault(text), ("merge-conflict", line, 1), "{text:?}");
    }
    assert_eq!(fault("a: [\n=======\n>>>>>>> theirs\n").0, "yaml-syntax");
    assert_eq!(
        fault("a: [\n <<<<<<< x\n=======\n>>>>>>> y\n").0,
        "yaml-syntax"
    );
    assert!(File::parse("a: |\n  <<<<<<< ours\n  =======\n  >>>>>>> theirs\n").is_ok());
}

#[test]
fn a_template_is_told_by_its_engine() {
    for (text, name) in [
        ("a: {{ .x }}\n", "Helm or Go"),
        ("{% if x %}\na: {{ y }}\n{% endif %}\n", "Jinja"),
        ("{{ x }}: 1\n{% if x %}\n", "Jinja"),
        ("<% if x %>\na: 1\n<% end %>\n", "ERB"),
        ("%{ if x }\na: 1\n%{ endif }\n", "Terraform"),
        ("<#if x>\na: 1\n</#if>\n", "FreeMarker"),
        ("a: [#{x}]\n", "Octopus"),
    ] {
        let message = File::parse(text).unwrap_err().to_string();
        assert!(message.contains(name), "{text:?}: {message}");
    }
}

#[test]
fn depth_counts_what_aliases_stand_for() {
    assert_eq!(fault(&format!("a: {}\n", "[".repeat(2000))).0, "too-deep");
    assert_eq!(
        fault(
            &(0..200)
                .map(|depth| format!("{}a:\n", " ".repeat(depth)))
                .collect::<String>()
        )
        .0,
        "too-deep"
    );
    let deep = |name: &str, inner: &str| {
        format!(
            "{name}: &{name} {}{inner}{}\n",
            "[".repeat(70),
            "]".repeat(70)
        )
    };
    assert_eq!(fault(&(deep("a", "x") + &deep("b", "*a"))).0, "too-deep");
}

#[test]
fn an_alias_bomb_is_refused_before_anything_is_expanded() {
    let mut text = "a0: &a0 [x]\n".to_owned();
    for level in 1..30 {
        let alias = format!("*a{}", level - 1);
        text += &format!(
            "a{level}: &a{level} [{}]\n",
            [alias.as_str(); 10].join(", ")
        );
    }
    assert_eq!(fault(&text).0, "alias-bomb");
}

#[test]
fn aliases_of_a_short_text_stand_for_little() {
    // Thousands of such texts make a repository.
    let entries = |count: usize| {
        format!(
            "a: &a [{}x]\nb: [{}*a]\n",
            "x,".repeat(200),
            "*a,".repeat(count)
        )
    };
    assert_eq!(fault(&entries(200)).0, "alias-bomb");
    let shared = "x-common: &common {restart: always, user: root, tty: true, init: true, cap_add: [ALL], logging: {driver: none}}\n";
    let services: String = (0..200)
        .map(|at| format!("  s{at}: {{<<: *common}}\n"))
        .collect();
    assert!(File::parse(&format!("{shared}services:\n{services}")).is_ok());
}

#[test]
fn merge_keys_bring_in_what_is_not_there() {
    let text = "base: &b {x: 1, y: b}\nmore: &m {y: m, z: m}\nall: {<<: [*b, *m], x: own}\n";
    let file = File::parse(text).unwrap();
    let all = file.document(0).get("all").unwrap();
    let entries: Vec<_> = all
        .entries()
        .into_iter()
        .map(|(key, value)| (key, value.styled().unwrap().0))
        .collect();
    assert_eq!(entries, [("x", "own"), ("y", "b"), ("z", "m")]);
    assert_eq!(all.get("z").unwrap().styled().unwrap().0, "m");
}

#[test]
fn plain_text_is_a_string_only_where_all_readers_say_so() {
    for text in ["1", "-1.5", "1e3", "0x1f", "0o17", "1_000", ".inf", "+.5"] {
        assert_eq!(resolve_plain(text), Scalar::Other("a number"), "{text}");
    }
    for text in [
        "1.25.4", "nginx", "1-2", "0x", "x1", ".", "1.2e", "nan", "inf", "1:2",
    ] {
        assert_eq!(resolve_plain(text), Scalar::Text(text));
    }
    assert_eq!(
        (resolve_plain("~"), resolve_plain("Yes")),
        (Scalar::Null, Scalar::Bool(true))
    );
}

#[test]
fn a_comment_asks_to_ignore_its_line_and_no_other() {
    let text = "a: x # imago: ignore\nb: y # imago: ignored\nc: # imago: ignore, for now\n  z\nd: w # see imago: ignore\n";
    let file = File::parse(text).unwrap();
    let ignored: Vec<_> = file
        .document(0)
        .entries()
        .into_iter()
        .filter(|(_, value)| value.marks().iter().any(|(_, mark)| *mark == Mark::Ignore))
        .map(|(key, _)| key)
        .collect();
    assert_eq!(ignored, ["a", "c", "d"]);
}

#[test]
fn a_document_is_refused_alone_where_all_readers_agree_on_its_bytes() {
    let regions = |text: &'static str| -> Vec<(&str, bool)> {
        let file = File::parse(text).unwrap();
        let documents = 0..file.len();
        documents
            .map(|document| (&text[file.region(document)], file.is_refused(document)))
            .collect()
    };
    assert_eq!(
        regions("# x\na: 1\na: 2\n--- # y\nb: c\n"),
        [("# x\na: 1\na: 2\n", true), ("--- # y\nb: c\n", false)]
    );
    assert_eq!(
        regions("b: c\r\n...\r\n# x\r\na: 1\r\na: 2\r\n---\r\n"),
        [
            ("b: c\r\n...", false),
            ("\r\n# x\r\na: 1\r\na: 2\r\n", true),
            ("---\r\n", false)
        ]
    );
    assert_eq!(
        regions("%YAML 1.2\n---\na: 'b\n c'\n...\n%YAML 1.2\n---\n? [a]\n: b\n"),
        [
            ("%YAML 1.2\n---\na: 'b\n c'\n...", false),
            ("\n%YAML 1.2\n---\n? [a]\n: b\n", true)
        ]
    );
    assert_eq!(
        regions("a: b\u{85}c\n---\nd: 'e\u{85}f'\n---\ng: h # \u{2029}\n"),
        [
            ("a: b\u{85}c\n", true),
            ("---\nd: 'e\u{85}f'\n", false),
            ("---\ng: h # \u{2029}\n", true)
        ]
    );
    for (text, place) in [
        // Each document is refused.
        ("a: 1\na: 2\n---\nb: 1\nb: 2\n", ("duplicate-key", 2, 1)),
        // Some readers see another document behind the break.
        (
            "a: b\r---\nc: d\n---\ne: f\n",
            ("ambiguous-line-break", 1, 5),
        ),
        (
            "a: b\n---\nc: \u{85}\u{2028}... x\n",
            ("ambiguous-line-break", 3, 4),
        ),
        // A syntax error is one of the whole file.
        ("a: 1\na: 2\n---\nb: [\n", ("yaml-syntax", 4, 4)),
    ] {
        let error = File::parse(text).map(|_| ()).unwrap_err();
        assert_eq!(
            (error.fault.code().as_str(), error.line, error.column),
            place,
            "{text:?}"
        );
    }
}
