//! Both readings are held against each other.

use proptest::prelude::*;

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
        "a: |\n  b\n",
        "a: &b c\n",
        "a: !!str b\n",
        "a: [b]\n",
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
        "a: \u{e9}\n",
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
    ]);
    (0_usize..5, head, key, value).prop_map(|(indentation, head, key, value)| {
        format!("{}{head}{key}{value}", " ".repeat(indentation))
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_is_read_in_another_way(lines in prop::collection::vec(prop_oneof![8 => line(), 1 => Just("---".to_owned()), 1 => Just(String::new())], 1..9)) {
        agrees(&(lines.join("\n") + "\n"));
        agrees(&lines.join("\n"));
    }
}
