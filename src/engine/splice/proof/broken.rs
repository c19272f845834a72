//! Edits that err on purpose: none of them passes the proof, in any notation.

use std::collections::BTreeMap;

use super::second::{self, Before, Source};
use super::{CommentedFile, Differences, first, prove};
use crate::engine::change::Change;
use crate::engine::path::Path;
use crate::engine::splice::{DocumentChanges, Edit, apply, edits, splice};

const BLOCK: &str = "metadata:
  name: web # kept
  annotations:
    team: shop
    port: \"80\"
spec:
  containers:
  - image: registry.example.test/web:1.4 # followed
    name: app
  - image: registry.example.test/proxy:2.1
    name: side
";

/// Each notation of one object: what the second reader takes our reading for, what both read on their own, and JSON.
fn notations() -> Vec<(&'static str, String)> {
    let flow = "metadata: {name: web, annotations: {team: shop, port: \"80\"}} # kept
spec: {containers: [{image: registry.example.test/web:1.4, name: app}, {image: registry.example.test/proxy:2.1, name: side}]}
";
    let anchors = BLOCK
        .replace("web: 1", "web:1")
        .replace(
            "image: registry.example.test/web:1.4",
            "image: &web registry.example.test/web:1.4",
        )
        .replace("name: web", "name: &name web")
        + "more: [*web, *name]\n";
    let value: serde_json::Value = serde_json::json!({
        "metadata": {"name": "web", "annotations": {"team": "shop", "port": "80"}},
        "spec": {"containers": [
            {"image": "registry.example.test/web:1.4", "name": "app"},
            {"image": "registry.example.test/proxy:2.1", "name": "side"},
        ]},
    });
    vec![
        ("plain", BLOCK.to_owned()),
        (
            "single quotes",
            BLOCK
                .replace("image: ", "image: '")
                .replace(":1.4", ":1.4'")
                .replace(":2.1", ":2.1'"),
        ),
        (
            "double quotes behind an accent",
            BLOCK
                .replace("shop", "caf\u{e9}")
                .replace("image: ", "image: \"")
                .replace(":1.4", ":1.4\"")
                .replace(":2.1", ":2.1\""),
        ),
        ("lines that end in CRLF", BLOCK.replace('\n', "\r\n")),
        ("documents", format!("{BLOCK}---\n{BLOCK}")),
        (
            "documents with braces",
            format!("{BLOCK}---\n{BLOCK}empty: {{a: b}}\n"),
        ),
        ("braces", flow.to_owned()),
        ("anchors", anchors),
        ("JSON", value.to_string()),
    ]
}

/// What is wanted of the first document: two images and a record.
fn changes(text: &str) -> DocumentChanges {
    let image = |index: usize, from: &str, digit: &str| Change {
        at: Path::root()
            .keys(&["spec", "containers"])
            .join(index)
            .keys(&["image"]),
        from: Some(from.to_owned()),
        to: Some(format!("{from}@sha256:{}", digit.repeat(64))),
    };
    let web = image(0, "registry.example.test/web:1.4", "1");
    // The alias shows the image in a second place, which is to change with it.
    let shown = text.contains("*web").then(|| Change {
        at: Path::root().keys(&["more"]).join(0),
        ..web.clone()
    });
    let record = Change {
        at: Path::root().keys(&["metadata", "annotations", "record"]),
        from: None,
        to: Some("{\"app\":\"registry.example.test/web:1.4\"}".to_owned()),
    };
    let side = image(1, "registry.example.test/proxy:2.1", "2");
    DocumentChanges {
        document: 0,
        changes: [web, side, record].into_iter().chain(shown).collect(),
    }
}

/// Which of the edits a splice gets wrong, by the place of the edit.
type Erring = fn(&str, Vec<Edit>, usize) -> Option<String>;

fn spliced(text: &str, mut edits: Vec<Edit>) -> Option<String> {
    apply(text, &mut edits).ok()
}

fn moved(text: &str, mut edits: Vec<Edit>, at: usize, start: isize, end: isize) -> Option<String> {
    let range = edits.get(at)?.range.clone();
    let (start, end) = (
        range.start.checked_add_signed(start)?,
        range.end.checked_add_signed(end)?,
    );
    edits[at].range = start..end;
    (start <= end && text.get(start..end).is_some()).then(|| spliced(text, edits))?
}

/// Splices that err, and whether the second reader can tell: it knows of no comment.
const ERRING: [(&str, bool, Erring); 19] = [
    (
        "a span that begins a byte early",
        true,
        |text, edits, at| moved(text, edits, at, -1, 0),
    ),
    ("a span that begins a byte late", true, |text, edits, at| {
        let range = edits.get(at)?.range.clone();
        (!range.is_empty()).then(|| moved(text, edits, at, 1, 0))?
    }),
    ("a span that ends a byte early", true, |text, edits, at| {
        moved(text, edits, at, 0, -1)
    }),
    (
        "a span that ends two bytes late",
        true,
        |text, edits, at| moved(text, edits, at, 0, 2),
    ),
    (
        "a place that is three bytes early",
        true,
        |text, edits, at| moved(text, edits, at, -3, -3),
    ),
    (
        "lines that are indented deeper",
        true,
        |text, mut edits, at| {
            let edit = edits.get_mut(at)?;
            let deeper = edit.text.strip_prefix("    record")?;
            edit.text = format!("     record{deeper}");
            spliced(text, edits)
        },
    ),
    (
        "lines that are indented less",
        true,
        |text, mut edits, at| {
            let edit = edits.get_mut(at)?;
            let less = edit.text.strip_prefix("    record")?;
            edit.text = format!("   record{less}");
            spliced(text, edits)
        },
    ),
    (
        "lines that are an entry of the mapping around",
        true,
        |text, mut edits, at| {
            let edit = edits.get_mut(at)?;
            let less = edit.text.strip_prefix("    record")?;
            edit.text = format!("  record{less}");
            spliced(text, edits)
        },
    ),
    ("a lost comment", false, |text, edits, at| {
        let new = spliced(text, edits)?;
        let lost = [" # kept", " # followed"].get(at)?;
        new.contains(lost).then(|| new.replacen(lost, "", 1))
    }),
    ("a comment that is another", false, |text, edits, at| {
        let new = spliced(text, edits)?;
        let lost = ["# kept", "# followed"].get(at)?;
        new.contains(lost).then(|| new.replacen(lost, "# other", 1))
    }),
    ("an anchor that is gone", true, |text, edits, at| {
        let new = spliced(text, edits)?;
        let anchor = ["&web ", "&name "].get(at)?;
        new.contains(anchor).then(|| new.replacen(anchor, "", 1))
    }),
    ("an anchor that is another", true, |text, edits, at| {
        let new = spliced(text, edits)?;
        let anchors = [("&web ", "&name "), ("*web", "*name"), ("*name", "*web")];
        let (from, to) = anchors.get(at)?;
        new.contains(from).then(|| new.replacen(from, to, 1))
    }),
    ("an alias that is written out", true, |text, edits, at| {
        let new = spliced(text, edits)?;
        let alias = ["*web", "*name"].get(at)?;
        new.contains(alias).then(|| new.replacen(alias, "other", 1))
    }),
    ("a neighbour's value", true, |text, mut edits, at| {
        let (from, to) = [("app", "side"), ("shop", "caf"), ("web", "app")].get(at)?;
        let start = text
            .find(&format!(" {from}"))
            .or_else(|| text.find(&format!("\"{from}\"")))?
            + 1;
        edits.push(Edit {
            range: start..start + from.len(),
            text: (*to).to_owned(),
        });
        spliced(text, edits)
    }),
    ("another document", true, |text, mut edits, at| {
        let second = text.find("---\n")? + 4;
        let edit = edits.get_mut(at)?;
        edit.range = edit.range.start + second..edit.range.end + second;
        spliced(text, edits)
    }),
    ("a swapped pair", true, |text, mut edits, at| {
        let other = (at + 1) % edits.len();
        let (left, right) = (edits.get(at)?.text.clone(), edits[other].text.clone());
        (edits[at].text, edits[other].text) = (right, left);
        spliced(text, edits)
    }),
    ("an edit that is left out", true, |text, mut edits, at| {
        (at < edits.len()).then(|| edits.remove(at))?;
        spliced(text, edits)
    }),
    ("an entry that comes twice", true, |text, mut edits, at| {
        let edit = edits.get(at)?.clone();
        edit.range.is_empty().then(|| edits.push(edit))?;
        spliced(text, edits)
    }),
    (
        "a string that becomes a number, and one that is lost",
        true,
        |text, edits, at| {
            let new = spliced(text, edits)?;
            let (from, to) = [("\"80\"", "80"), ("name: side", "")].get(at)?;
            new.contains(from).then(|| new.replacen(from, to, 1))
        },
    ),
];

/// Whether our reading refuses the new text, and whether the second parser does so alone.
fn refused_by(old: &str, new: &str, wanted: &BTreeMap<usize, Differences>) -> (bool, bool) {
    let none = Differences::default();
    let wanted = |document: usize| wanted.get(&document).unwrap_or(&none);
    let file = CommentedFile::parse(old).unwrap();
    let ours = first(&file, new, wanted).is_err();
    let source = Source::Whole(new, file.len());
    (
        ours,
        second::prove(&Before::from(file), source, wanted).is_err(),
    )
}

#[test]
fn an_edit_that_errs_is_refused_by_each_reader() {
    let mut tried: BTreeMap<&str, usize> = BTreeMap::new();
    for (notation, text) in notations() {
        let file = || CommentedFile::parse(&text).unwrap();
        let (right, wanted) = edits(&file(), vec![changes(&text)], splice).unwrap();
        let new = spliced(&text, right.clone()).unwrap();
        prove(file(), &new, &wanted).unwrap_or_else(|refused| panic!("{notation}: {refused}"));
        for (name, second_tells, erring) in ERRING {
            for at in 0..right.len() {
                let Some(broken) = erring(&text, right.clone(), at) else {
                    continue;
                };
                assert_ne!(broken, new, "{notation}: {name}");
                assert!(
                    prove(file(), &broken, &wanted).is_err(),
                    "{notation}: {name} is taken:\n{broken}"
                );
                // To the second reader a lone carriage return is a line break, so the values are right.
                let tells = second_tells && !broken.replace("\r\n", "").contains('\r');
                assert_eq!(
                    refused_by(&text, &broken, &wanted),
                    (true, tells),
                    "{notation}: {name}\n{broken}"
                );
                *tried.entry(name).or_default() += 1;
            }
        }
    }
    for (name, ..) in ERRING {
        assert!(tried.get(name).is_some_and(|count| *count >= 2), "{name}");
    }
}
