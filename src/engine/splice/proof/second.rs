//! The second parser's half of the proof: libyaml, which kubectl's reader follows; for JSON a JSON parser.
//!
//! It reads the new text on its own, and must find the same workloads in it as we did. Where both texts are plain it must see every node as
//! we did, and then the old one, of which ours is nobody's opinion, is known as well. Any other old text is read by the second parser, too,
//! which must find no difference between the two but the changes.

use serde::Deserialize as _;

use super::value::Value;
use crate::engine::splice::{DocumentChanges, Refused, unproven};
use crate::engine::tree::Tree as _;
use crate::engine::workload::{self, RECORD, Workload};
use crate::engine::yaml::{File, YamlNode};

/// Proves the second reading of the new text, whose first reading is `new` and has been held against `old`.
pub(super) fn prove(old: &File<'_>, new: &File<'_>, wanted: &[DocumentChanges]) -> Result<(), Refused> {
    let new_values = read(new.text())?;
    finds_the_same(new, &new_values)?;
    if old.is_plain() && new.is_plain() {
        let same = new.len() == new_values.len()
            && new_values.iter().enumerate().all(|(document, value)| reads_alike(new.document(document), value));
        return if same { Ok(()) } else { Err(unproven("kubectl's YAML reader reads it in another way".to_owned())) };
    }
    let old_values = read(old.text())?;
    finds_the_same(old, &old_values)?;
    let planned: Vec<_> = wanted.iter().flat_map(|document| &document.changes).collect();
    let allowed = |key: &str, from: Option<&str>, to: Option<&str>| {
        let same = |text: Option<&str>, change: &Option<String>| {
            text.map(|text| text.trim_end_matches('\n')) == change.as_deref().map(|text| text.trim_end_matches('\n'))
        };
        let known = matches!(key, "image" | RECORD);
        known && planned.iter().any(|change| same(from, &change.from) && same(to, &change.to))
    };
    if old_values.len() == new_values.len() && old_values.iter().zip(&new_values).all(|(old, new)| alike(old, new, "", &allowed))
    {
        Ok(())
    } else {
        Err(unproven("kubectl's YAML reader sees more changes in it than the wanted ones".to_owned()))
    }
}

/// Refuses a text in which the two parsers see different workloads.
fn finds_the_same(file: &File<'_>, values: &[Value<'_>]) -> Result<(), Refused> {
    let ours = (0..file.len()).flat_map(|document| workload::find(file.document(document)).workloads);
    let theirs = values.iter().flat_map(|value| workload::find(value).workloads);
    match ours.map(essence).eq(theirs.map(essence)) {
        true => Ok(()),
        false => Err(unproven("kubectl's YAML reader finds other workloads or images in it".to_owned())),
    }
}

/// Whether both readings of a plain text have the same keys, items and texts, in the same order.
fn reads_alike(node: YamlNode<'_, '_>, value: &Value<'_>) -> bool {
    match (value, node.written_entries(), node.written_items()) {
        (Value::Mapping(theirs), Some((_, ours)), _) => {
            ours.len() == theirs.len()
                && ours.iter().zip(theirs).all(|(ours, theirs)| reads_alike(ours.0, &theirs.0) && reads_alike(ours.1, &theirs.1))
        }
        (Value::Sequence(theirs), _, Some((_, ours))) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| reads_alike(*ours, theirs))
        }
        (Value::Text(theirs), ..) => node.styled().is_some_and(|(ours, _)| ours == theirs),
        (Value::Null | Value::Bool(_) | Value::Number(_), ..) => node.scalar() == value.scalar(),
        _ => false,
    }
}

/// What both parsers must agree on. (Readers of YAML differ on whether `on` is a boolean; where a name or a label needs it to be text,
/// the API server is the judge.)
fn essence(workload: Workload) -> impl PartialEq {
    let images: Vec<_> =
        workload.containers.into_iter().map(|container| (container.group, container.index, container.image)).collect();
    (workload.kind, workload.at, workload.record, workload.ignore, images)
}

fn read(text: &str) -> Result<Vec<Value<'_>>, Refused> {
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with('{')
        && let Ok(value) = serde_json::from_str(text)
    {
        return Ok(vec![value]);
    }
    serde_yaml::Deserializer::from_str(text)
        .map(|document| {
            Value::deserialize(document).map_err(|error| Refused {
                line: error.location().and_then(|place| u32::try_from(place.line()).ok()),
                ..unproven(format!("kubectl's YAML reader does not take the file: {error}"))
            })
        })
        .collect()
}

/// A difference that was asked for: of the key it stands under, from a text to a text.
type Allowed<'a> = dyn Fn(&str, Option<&str>, Option<&str>) -> bool + 'a;

/// Compares two values; a leaf may differ where it is allowed, and an entry of the record's key may come or go with its mapping.
fn alike(old: &Value<'_>, new: &Value<'_>, key: &str, allowed: &Allowed<'_>) -> bool {
    match (old, new) {
        (Value::Text(from), Value::Text(to)) => from == to || allowed(key, Some(from), Some(to)),
        (Value::Mapping(old), Value::Mapping(new)) => alike_entries(old, new, allowed),
        (Value::Sequence(old), Value::Sequence(new)) => {
            old.len() == new.len() && old.iter().zip(new).all(|(old, new)| alike(old, new, "", allowed))
        }
        (Value::Null, Value::Mapping(_)) => is_only_record(key, new, &|text| allowed(RECORD, None, Some(text))),
        (Value::Mapping(_), Value::Null) => is_only_record(key, old, &|text| allowed(RECORD, Some(text), None)),
        (Value::Tagged(old), Value::Tagged(new)) => old.0 == new.0 && alike(&old.1, &new.1, key, allowed),
        _ => old == new,
    }
}

/// Compares two mappings in step: an edit adds and removes entries, and moves none.
fn alike_entries(old: &[(Value<'_>, Value<'_>)], new: &[(Value<'_>, Value<'_>)], allowed: &Allowed<'_>) -> bool {
    let came =
        |(name, value): &(Value<'_>, Value<'_>)| is_only_record(name.name(), value, &|text| allowed(RECORD, None, Some(text)));
    let went =
        |(name, value): &(Value<'_>, Value<'_>)| is_only_record(name.name(), value, &|text| allowed(RECORD, Some(text), None));
    let (mut old, mut new) = (old.iter().peekable(), new.iter().peekable());
    loop {
        match (old.peek(), new.peek()) {
            (None, None) => return true,
            (Some(before), Some(after)) if before.0 == after.0 => {
                if !alike(&before.1, &after.1, after.0.name(), allowed) {
                    return false;
                }
                old.next();
                new.next();
            }
            (_, Some(after)) if came(after) => drop(new.next()),
            (Some(before), _) if went(before) => drop(old.next()),
            _ => return false,
        }
    }
}

/// Whether an entry is the record, or mappings around nothing but it.
fn is_only_record(key: &str, value: &Value<'_>, allowed: &dyn Fn(&str) -> bool) -> bool {
    match value {
        Value::Text(text) => key == RECORD && allowed(text),
        Value::Mapping(entries) if matches!(key, "annotations" | "metadata") => match entries.as_slice() {
            [(name, value)] => is_only_record(name.name(), value, allowed),
            _ => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::path::PathBuf;

    use proptest::prelude::*;
    use proptest::test_runner::TestRunner;

    use super::*;

    /// The pieces of plain lines, put together rightly and wrongly.
    const LINE: &str = "(  ){0,3}(- ){0,2}((a|b-c|image|d.e/f|7|yes|null):|((a|b-c|7): )?(g|h:i|x/y:1|1|0x1f|017|-1.5|1e3|~|null|yes|on|'j'|\"k # l\"|\\{\\}|\\[\\]|-m|)( # n)?)\n|---\n";

    /// Whether the text is plain. Then both parsers must agree on it, which lets the proof do without a second reading of an old text.
    fn agrees(text: &str) -> bool {
        let Ok(file) = File::parse(text) else { return false };
        if !file.is_plain() {
            return false;
        }
        let values = read(text).unwrap_or_else(|refused| panic!("{refused}\n{text}"));
        assert_eq!(file.len(), values.len(), "{text}");
        for (document, value) in values.iter().enumerate() {
            assert!(reads_alike(file.document(document), value), "{text}");
        }
        true
    }

    #[test]
    fn on_a_plain_text_both_parsers_agree() {
        let line = prop::string::string_regex(LINE).unwrap();
        let plain = Cell::new(0);
        let mut runner =
            TestRunner::new(ProptestConfig { cases: 10_000, failure_persistence: None, ..ProptestConfig::default() });
        let outcome = runner.run(&prop::collection::vec(line, 1..9), |lines| {
            plain.set(plain.get() + u32::from(agrees(&lines.concat())));
            Ok(())
        });
        outcome.unwrap();
        assert!(plain.get() > 1000, "only {} texts were plain", plain.get());
    }

    #[test]
    fn on_a_plain_manifest_both_parsers_agree() {
        let folder = |path: PathBuf| std::fs::read_dir(path).into_iter().flatten().map(|entry| entry.unwrap().path());
        let cases = folder(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/rewrite").into());
        let files = cases.flat_map(|case| ["in", "out"].map(|side| case.join(side))).flat_map(folder);
        let texts = files.filter(|path| path.is_file()).filter_map(|path| std::fs::read_to_string(path).ok());
        let plain = texts.filter(|text| agrees(text)).count();
        assert!(plain > 20, "only {plain} manifests are plain");
    }

    #[test]
    fn a_text_that_is_read_otherwise_is_told() {
        let file = File::parse("a: b\nc: [d, 1]\n").unwrap();
        let alike = |text: &str| reads_alike(file.document(0), &read(text).unwrap()[0]);
        assert!(alike("a: b\nc: [d, 1]\n") && alike("{\"a\": 'b', c: [d, 2]}"));
        for other in [
            "a: x\nc: [d, 1]\n",
            "c: [d, 1]\na: b\n",
            "a: b\nc: [d]\n",
            "a: b\nc: [d, [1]]\n",
            "a: b\n",
            "a: b\nc: {d: 1}\n",
            "a: !x b\nc: [d, 1]\n",
            "a: b\nc: [[d], 1]\n",
        ] {
            assert!(!alike(other), "{other}");
        }
    }
}
