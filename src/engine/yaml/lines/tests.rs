//! Both readings are held against each other.

use std::cell::Cell;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::*;
use crate::engine::yaml::events::{self, Comments};

/// Whether the text was read here. Then the parser must read the same.
fn agrees(text: &str) -> bool {
    let Some(ours) = read(text) else { return false };
    match events::read(text, Comments::Keep) {
        Ok(theirs) => assert_eq!(ours, theirs, "{text}"),
        Err(error) => panic!(
            "the parser refuses it ({error}, line {}):\n{text}",
            error.line
        ),
    }
    true
}

#[test]
fn what_is_plain_is_read_as_the_parser_reads_it() {
    for text in [
        "a: b\n",
        "a: b",
        "# c\n\na:\n  b: c # d\n  e:\nf: \"g h\" # i\nj: 'k'\n",
        "a:\n- x\n- b: 1\n  c:\n  - d\n  - - e\n    - f\ne:\n  f: {}\n  g: []\n",
        "---\na: b\n---\n- c\n-   d: e\n    f: -1\n",
        "a:\n    - b\n    - --flag=x:y\nc: nginx:1.25\n",
        "  a: b\n  c:\n   d: ~\n",
        "a: [b, \"c\", 'd e', 5, -f, --g=h, i:j, http://k/l, m n ]  # o\nq: {r: s}\n",
        "a: {b: c, \"d\": 'e', f: {g: [h, [], {}]}, i-j/k.l: ~}\nm:\n- {n: o}\n- - [p]\n",
        "a: [[b, c], [d]]\ne: [ ]\nf: { }\n",
        "a: cr\u{e8}me # \u{2713}\nb: \"\u{2713}\" # \u{1f680}\nc:\n- '\u{3000}'\n# \u{e9}\n",
        "a: |\n  b\n",
        "a: |\n  b\n\n",
        "a: |-\n    b\n      c\n\n    # d\n\n\ne: f\n",
        "a:\n- |+\n b\n\n\n- c\n- |\n b: c\n# d\n- e\n",
        "a:\n  b: |\n    \u{2713} c\n   # d\n  e:\n  - f: |\n     g\n    h: i\n---\nj: |-\n k\n---\nl: m\n",
        "a:\n- - |\n    b\n  - c\n",
    ] {
        assert!(agrees(text), "{text}");
    }
}

#[test]
fn what_is_not_plain_is_left_to_the_parser() {
    for text in [
        "",
        "# c\n",
        "---\n",
        "a: b\n---\n",
        "a: b\n...\n",
        "a\n",
        "a: b: c\n",
        "a: |\n",
        "a: |\n  b",
        "a: |\n\n  b\n",
        "a: |\n  b\n \n",
        "a: |\nb: c\n",
        "a: |\n    b\n  c\n",
        "a: |2\n  b\n",
        "a: | # b\n  c\n",
        "a: >\n  b\n",
        "a: &b c\n",
        "a: !!str b\n",
        "a: [b\n",
        "a: [b,]\n",
        "a: [b, ]\n",
        "a: [, b]\n",
        "a: [b c: d]\n",
        "a: [b: c]\n",
        "a: [b] c\n",
        "a: [b]#c\n",
        "a: [b #c]\n",
        "a: [?b]\n",
        "a: [b:, c]\n",
        "a: [\u{e9}, b]\n",
        "a: {b}\n",
        "a: {b: }\n",
        "a: {b:c}\n",
        "a: {\"b\":c}\n",
        "a: {b: c, b: d}\n",
        "a: {<<: {}}\n",
        "a: {{ b }}\n",
        "a: {{b: c}: d}\n",
        "[a]\n",
        "{a: b}\n",
        "[a]: b\n",
        "{a: b}: c\n",
        "a: b\n  c\n",
        "a: b\n  c: d\n",
        "a:\n  b: c\n d: e\n",
        "- a\nb: c\n",
        "  a: b\nc: d\n",
        "a: b\na: c\n",
        "a: \"b\nc\"\n",
        "a: 'b''c'\n",
        "a: \"\\x41\"\n",
        "a:\tb\n",
        "a: b\r\n",
        "a: \u{a0}\n",
        "a: b\u{85}c\n",
        "a: \u{2028}\n",
        "\u{feff}a: b\n",
        "\u{e9}: a\n",
        "a: \u{e9}\n  b\n",
        "? a\n",
        "<<: a\n",
        "%YAML 1.2\n",
        "-\n",
        "--- a\n",
        "a: b \n c: d\n",
        "- a\n b: c\n",
    ] {
        assert!(!agrees(text), "{text:?}");
    }
}

#[test]
fn manifests_are_read_as_the_parser_reads_them() {
    let mut read_here = 0;
    let cases =
        std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/rewrite")).unwrap();
    for case in cases {
        for side in ["in", "out"] {
            let Ok(files) = std::fs::read_dir(case.as_ref().unwrap().path().join(side)) else {
                continue;
            };
            for file in files {
                let path = file.unwrap().path();
                let text = path
                    .is_file()
                    .then(|| std::fs::read_to_string(&path).ok())
                    .flatten();
                read_here += usize::from(text.is_some_and(|text| agrees(&text)));
            }
        }
    }
    assert!(read_here > 20, "only {read_here} manifests are plain");
}

/// A line of the pieces that decide how lines belong together.
fn line() -> impl Strategy<Value = String> {
    let head = prop::sample::select(vec!["", "", "", "- ", "- - ", "-  ", "# ", "--- "]);
    let key = prop::sample::select(vec!["a:", "b:", "c-d:", "image:", "e.f/g:", "", "-x:", "h"]);
    let value = prop::sample::select(vec![
        "",
        "",
        " i",
        " j:k",
        " \"l\"",
        " 'm'  # n",
        " {}",
        " []",
        " o # p",
        "  q ",
        " r: s",
        " # t",
        " -u",
        " -",
        " ~",
        " - v",
        " \"w",
        " |",
        " {x: y}",
        ":",
        " a#b",
        " |",
        " |-",
        " |+",
        " [x, 'y', {z: \"1\"}]  # 2",
        " {x: [y]}",
        " [x, ",
        " \u{e9} \u{2713}",
        " '\u{1f680}'",
    ]);
    (0_usize..5, head, key, value).prop_map(|(indentation, head, key, value)| {
        format!("{}{head}{key}{value}", " ".repeat(indentation))
    })
}

/// Holds both readings against each other on many texts, of which so many must be read here.
fn agree_often(texts: impl Strategy<Value = String>, at_least: usize) {
    let read_here = Cell::new(0);
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 20_000,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let outcome = runner.run(&texts, |text| {
        read_here.set(read_here.get() + usize::from(agrees(&text)));
        Ok(())
    });
    outcome.unwrap();
    assert!(
        read_here.get() > at_least,
        "only {} texts were plain",
        read_here.get()
    );
}

#[test]
fn no_text_is_read_in_another_way() {
    let lines = prop_oneof![8 => line(), 1 => Just("---".to_owned()), 1 => Just(String::new())];
    let end = prop::sample::select(vec!["\n", "\n", ""]);
    let texts = (prop::collection::vec(lines, 1..9), end);
    agree_often(texts.prop_map(|(lines, end)| lines.join("\n") + end), 500);
}

#[test]
fn no_literal_text_is_read_in_another_way() {
    let header = prop::sample::select(vec![
        "a: |",
        "- |-",
        "- - |+",
        "a:\n- |",
        "a:\n  b: |+",
        "- a: |-",
        "a: |\n\n",
    ]);
    let line = prop::sample::select(vec![
        "b", "# c", "", "", "d: e", "- f", "\u{e9}", "---", "\"g",
    ]);
    let lines = (0_usize..6, line).prop_map(|(depth, line)| match line {
        "" | "---" => line.to_owned(),
        line => " ".repeat(depth) + line,
    });
    let lines = prop::collection::vec(lines, 0..6);
    let end = prop::sample::select(vec!["\n", "\n", "\n\n", ""]);
    let texts = (header, lines, end);
    agree_often(
        texts.prop_map(|(header, lines, end)| format!("{header}\n{}{end}", lines.join("\n"))),
        500,
    );
}

#[test]
fn no_flow_collection_is_read_in_another_way() {
    let right = prop::sample::select(vec![
        ", b", ", c-d e", ", --f", ", /g", ", \"h\"", ", 'i'", ", {j: k}", ", [l]", ", {}", ", m:n",
    ]);
    let pair = prop::sample::select(vec![
        ", b: c",
        ", \"d\": [e]",
        ", f.g/h: {}",
        ", 'i': ~",
        ", j: k l",
    ]);
    let any = prop::sample::select(vec![
        "[", "]", "{", "}", ", ", ",", ": ", ":", " ", "-", "1", "~", "'", "\"", "#", " #", "*",
        "&", "?", "!", "|", "%", "@", "=", "$", "(", ".", "\u{e9}", "null",
    ]);
    let pieces = |right| prop::collection::vec(prop_oneof![5 => right, 1 => any.clone()], 0..6);
    let of = |open, pieces, close| {
        let texts = (
            prop::sample::select(vec!["a: ", "- ", "a: {b: c, d: ", "- [e, "]),
            pieces,
        );
        texts.prop_map(move |(before, pieces): (&str, Vec<&str>)| {
            let after = match before {
                "a: {b: c, d: " => "}",
                "- [e, " => "]",
                _ => "",
            };
            format!("{before}{open}{}{close}{after}\n", pieces.concat())
        })
    };
    agree_often(of("[a", pieces(right), "]"), 2000);
    agree_often(of("{a: b", pieces(pair), "}"), 2000);
}

#[test]
fn a_key_may_not_stand_far_behind_the_begin_of_its_line_and_a_value_may() {
    let long = "x".repeat(2000);
    for text in [
        format!("a: '{long}'\n"),
        format!("a: {long}\n"),
        format!("- {long}\n- '{long}'\n"),
        format!("a: [{long}, '{long}']\n"),
        format!("a: {{b: {long}}}\n"),
        format!("a: |\n {long}\nb: c\n"),
    ] {
        assert!(agrees(&text), "{text}");
    }
    for text in [format!("{long}: a\n"), format!("a: {{b: {long}, c: d}}\n")] {
        assert!(!agrees(&text), "{text}");
    }
}
