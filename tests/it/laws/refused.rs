//! A refused document changes nothing for its neighbours in the file, and they change nothing for it.

use std::sync::atomic::{AtomicUsize, Ordering};

use imago::engine::yaml::File;

use super::model::generate;
use crate::support::engine::{Action, Way, answers, carry_out, plain_rules};
use crate::support::seeds;

/// Documents that are refused, each with its code.
fn refused_documents() -> Vec<(&'static str, String)> {
    let bomb: String = (1..30)
        .map(|level| {
            let alias = format!("*a{}", level - 1);
            format!(
                "a{level}: &a{level} [{}]\n",
                [alias.as_str(); 10].join(", ")
            )
        })
        .collect();
    let deployment = "apiVersion: apps/v1\nkind: Deployment\nspec:\n  template:\n    spec:\n      containers:\n      - name: a\n        image: b:1\n        image: c:1\n";
    vec![
        ("duplicate-key", "a: 1\na: 2\n".to_owned()),
        ("duplicate-key", deployment.to_owned()),
        (
            "duplicate-key",
            "{\"a\": [{\"b\": 1, \"b\": 2}]} # x\n".to_owned(),
        ),
        (
            "duplicate-key",
            "a: |+\n  b\n\nc: 'd'\nc: \"e\n\n  f\"\n\n".to_owned(),
        ),
        ("complex-key", "? [a]\n: b\n".to_owned()),
        ("complex-key", "? - a\n: - b: c\n".to_owned()),
        ("recursive-alias", "a: &a [*a]\n".to_owned()),
        ("recursive-alias", "&a\nb: {c: *a}\n".to_owned()),
        ("alias-bomb", format!("a0: &a0 [x]\n{bomb}")),
        (
            "too-deep",
            format!("a: {}{}\n", "[".repeat(300), "]".repeat(300)),
        ),
        ("yaml-syntax", "a: 1\n<<: ~\n".to_owned()),
        ("yaml-syntax", "- <<: [{a: 1}, 2]\n".to_owned()),
        ("ambiguous-line-break", "a: b\u{85}c\n".to_owned()),
        ("ambiguous-line-break", "a: b\rc: d # \u{2028}\n".to_owned()),
    ]
}

#[test]
fn a_refused_document_stays_and_its_neighbours_are_edited_as_without_it() {
    let count = std::env::var("IMAGO_LAWS").map_or(20_000, |count| count.parse().unwrap());
    let refused = refused_documents();
    let changed = AtomicUsize::new(0);
    seeds::each(count, |seed| {
        let manifest = generate(seed);
        let text = manifest.text.as_str();
        if manifest.refused.is_some()
            || !text.ends_with('\n')
            || text.starts_with(['\u{feff}', '%'])
        {
            return;
        }
        let digests = manifest.digests.iter();
        let answers = answers(digests.map(|(image, digest)| (image.as_str(), digest.as_str())));
        let update = |text: &str| carry_out(text, &plain_rules(), Action::Update(&answers));
        let Way::Changed(alone) = update(text) else {
            return;
        };
        let (code, bad) = &refused[seed as usize % refused.len()];
        let bad = match text.contains("\r\n") {
            true => bad.replace('\n', "\r\n"),
            false => bad.clone(),
        };
        // A document without a marker before the next one ends with the line end of its last line.
        let marker = |next: &str| if next.starts_with("---") { "" } else { "---\n" };
        let end = ["", "...\n", "# c\n", "\n"][seed as usize / refused.len() % 4];
        let around = |good: &str| {
            let (good, next) = (good, marker(good));
            format!("{bad}{end}{next}{good}---\n{bad}{end}---\n{bad}{end}{next}{good}---\n{bad}")
        };
        let together = around(text);
        let file = File::parse(&together).unwrap_or_else(|error| panic!("{error}\n{together}"));
        let codes: Vec<_> = file
            .refused()
            .iter()
            .map(|refused| refused.why.fault.code().as_str())
            .collect();
        assert_eq!(codes, [*code; 4], "{together}");
        match update(&together) {
            Way::Changed(new) => assert_eq!(new, around(&alone), "seed {seed}"),
            way => panic!("seed {seed}: {way:?}\n{together}"),
        }
        changed.fetch_add(1, Ordering::Relaxed);
    });
    let changed = changed.into_inner() as u64;
    assert!(changed * 4 > count, "only {changed} of {count} were edited");
}
