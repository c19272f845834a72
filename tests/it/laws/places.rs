//! The edits of one place, whatever it holds: a text is replaced, an entry comes, an entry goes. What another reader sees before and after
//! differs in that place alone, and an entry that came goes again without a trace.

use std::collections::BTreeMap;
use std::sync::Mutex;

use imago::engine::path::{Path, Step};
use imago::engine::plan::Change;
use imago::engine::splice::{DocumentChanges, splice};
use imago::engine::tree::{Scalar, Tree as _};
use imago::engine::yaml::{File, Style, YamlNode};
use serde::Deserialize as _;
use serde_yaml::{Mapping, Value};

use super::model::generate;
use super::random::Random;
use crate::support::seeds;

/// Texts and keys that readers could take for something else.
const TEXTS: [&str; 34] = [
    "b",
    "1.5",
    "1.25.4",
    "1",
    "-1",
    "1e3",
    "0x1f",
    "0o17",
    "1_000",
    ".inf",
    "true",
    "False",
    "yes",
    "on",
    "n",
    "null",
    "~",
    "",
    " lead",
    "trail ",
    "a: b",
    "a #b",
    "#a",
    "- a",
    "-",
    "it's",
    "say \"x\"",
    "back\\slash",
    "k\u{e4}se",
    "{}",
    "[a, b]",
    "2026-11-28",
    "sha256:1a",
    "@x",
];

#[derive(Default)]
struct Seen {
    done: BTreeMap<&'static str, u64>,
    refused: BTreeMap<&'static str, u64>,
}

#[test]
fn an_edit_of_any_place_is_seen_in_that_place_alone() {
    let count = std::env::var("IMAGO_LAWS").map_or(10_000, |count| count.parse().unwrap());
    let seen = Mutex::new(Seen::default());
    seeds::each(count, |seed| {
        let mut random = Random::new(seed);
        let text = generate(seed).text;
        let file = File::parse_with_comments(&text).unwrap();
        let document = random.below(file.len().max(1));
        if file.is_empty() {
            return;
        }
        // What an alias shows stands in several places.
        if file.has_aliases(document) || text.contains("<<") {
            return;
        }
        let mut places = Vec::new();
        collect(file.document(document), &mut Vec::new(), &mut places);
        if places.is_empty() {
            return;
        }
        let place = random.pick(&places).clone();
        let (operation, change, breaks) = choose(&mut random, place);
        let outcome = edit(&text, document, change.clone());
        let mut seen = seen.lock().unwrap();
        let new = match outcome {
            Ok(new) => new,
            Err("not-editable" | "unproven") => {
                return *seen.refused.entry(operation).or_default() += 1;
            }
            Err(code) => panic!("seed {seed}: {code} {change:?}\n{text}"),
        };
        *seen.done.entry(operation).or_default() += 1;
        drop(seen);
        let mut expected = documents(&text);
        let to = change.to.clone().map(|to| to + &breaks);
        put(&mut expected[document], change.at.steps(), to.as_deref());
        assert_eq!(
            bare(documents(&new)),
            bare(expected),
            "seed {seed}: {change:?}\n{text}\n{new}"
        );
        if operation == "insert" {
            let back = edit(
                &new,
                document,
                Change {
                    from: change.to,
                    to: None,
                    at: change.at,
                },
            )
            .unwrap();
            assert_eq!(
                back, text,
                "seed {seed}: an entry that came and went\n{new}"
            );
        }
    });
    let Seen { done, refused } = seen.into_inner().unwrap();
    for operation in ["replace", "insert", "insert below null", "remove"] {
        let done = done.get(operation).copied().unwrap_or_default();
        let refused = refused.get(operation).copied().unwrap_or_default();
        assert!(
            (count < 3000 || done > 0) && refused * 20 < done + 20,
            "{operation}: {done} done, {refused} refused"
        );
        eprintln!("{operation}: {done} done, {refused} refused");
    }
}

/// A place, and what stands there.
#[derive(Clone)]
enum Place {
    Text(Path, String, Style),
    Mapping(Path),
    Null(Path),
}

fn collect(node: YamlNode<'_, '_>, steps: &mut Vec<Step>, places: &mut Vec<Place>) {
    let path: Path = steps.iter().cloned().collect();
    if node.is_mapping() {
        places.push(Place::Mapping(path));
        for (key, value) in node.entries() {
            steps.push(Step::Key(key.to_owned().into()));
            collect(value, steps, places);
            steps.pop();
        }
    } else if let Scalar::Text(text) = node.scalar() {
        let style = node.styled().map_or(Style::Plain, |(_, style)| style);
        places.push(Place::Text(path, text.to_owned(), style));
    } else if node.scalar() == Scalar::Null && !steps.is_empty() {
        places.push(Place::Null(path));
    }
    for (index, item) in node.items().into_iter().enumerate() {
        steps.push(Step::Index(index));
        collect(item, steps, places);
        steps.pop();
    }
}

/// An operation, its change, and the line breaks that a block scalar keeps behind its new text.
fn choose(random: &mut Random, place: Place) -> (&'static str, Change, String) {
    let to = Some((*random.pick(&TEXTS)).to_owned());
    let mut below = |path: Path| {
        let count = 1 + random.below(3);
        (0..count).fold(path, |path, step| {
            let key = format!("new{step} {}", random.pick(&TEXTS));
            path.join(Step::Key(key.into()))
        })
    };
    let (operation, at, from) = match place {
        Place::Mapping(path) => ("insert", below(path), None),
        Place::Null(path) => ("insert below null", below(path), None),
        Place::Text(at, text, style) => {
            let is_entry = matches!(at.steps().last(), Some(Step::Key(_)));
            if is_entry && random.percent(50) {
                let (from, to) = (Some(text), None);
                return ("remove", Change { at, from, to }, String::new());
            }
            let breaks = match style {
                Style::Block => text[text.trim_end_matches('\n').len()..].to_owned(),
                Style::Plain | Style::Single | Style::Double => String::new(),
            };
            let from = Some(text);
            return ("replace", Change { at, from, to }, breaks);
        }
    };
    (operation, Change { at, from, to }, String::new())
}

fn edit(text: &str, document: usize, change: Change) -> Result<String, &'static str> {
    let file = File::parse_with_comments(text).unwrap();
    let changes = DocumentChanges {
        document,
        changes: vec![change],
    };
    splice(&file, &[changes]).map_err(|refused| refused.code)
}

fn documents(text: &str) -> Vec<Value> {
    serde_yaml::Deserializer::from_str(text.trim_start_matches('\u{feff}'))
        .map(|document| Value::deserialize(document).unwrap())
        .collect()
}

fn put(value: &mut Value, steps: &[Step], to: Option<&str>) {
    match (steps, value) {
        ([], value) => *value = Value::from(to.unwrap_or_default()),
        ([Step::Index(index), rest @ ..], Value::Sequence(items)) => {
            put(&mut items[*index], rest, to)
        }
        ([Step::Key(key), rest @ ..], value) => {
            if !value.is_mapping() {
                *value = Value::Mapping(Mapping::new());
            }
            let mapping = value.as_mapping_mut().unwrap();
            let known = mapping.keys().find(|known| name(known) == **key).cloned();
            let known = known.unwrap_or_else(|| Value::from(key.as_ref()));
            match (rest, to) {
                ([], None) => drop(mapping.remove(&known)),
                _ => put(mapping.entry(known).or_insert(Value::Null), rest, to),
            }
        }
        (steps, value) => panic!("{steps:?} leads nowhere in {value:?}"),
    }
}

fn name(key: &Value) -> String {
    match key {
        Value::String(text) => text.clone(),
        other => serde_yaml::to_string(other).unwrap().trim_end().to_owned(),
    }
}

/// Without what an entry that goes may leave empty, or take along.
fn bare(values: Vec<Value>) -> Vec<Value> {
    values.into_iter().map(without_what_is_empty).collect()
}

fn without_what_is_empty(value: Value) -> Value {
    let is_empty =
        |value: &Value| value.is_null() || value.as_mapping().is_some_and(Mapping::is_empty);
    match value {
        Value::Mapping(mapping) => {
            let entries = mapping
                .into_iter()
                .map(|(key, value)| (key, without_what_is_empty(value)));
            let left: Mapping = entries.filter(|(_, value)| !is_empty(value)).collect();
            match left.is_empty() {
                true => Value::Null,
                false => Value::Mapping(left),
            }
        }
        Value::Sequence(items) => {
            Value::Sequence(items.into_iter().map(without_what_is_empty).collect())
        }
        Value::Tagged(mut tagged) => {
            tagged.value = without_what_is_empty(tagged.value);
            Value::Tagged(tagged)
        }
        scalar => scalar,
    }
}
