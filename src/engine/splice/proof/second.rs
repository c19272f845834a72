//! The second parser's half of the proof: libyaml, which kubectl's reader follows; for JSON a JSON parser.
//!
//! It reads both texts on its own. It must find the same workloads in each as we did, and no difference between the two but the changes. Only
//! where the old text is plain, so that no two readers differ on it, ours is taken for its reading of that one.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::Deserialize as _;

use super::value::Value;
use crate::engine::object::{Object, RECORD};
use crate::engine::shape;
use crate::engine::splice::{DocumentChanges, Refused, unproven};
use crate::engine::tree::{Scalar, Tree as _};
use crate::engine::yaml::{File, YamlNode};

/// How many lines of a file may begin with `%TAG`. The second parser compares each with all before it, and each tag with all of them.
const MAX_TAG_DIRECTIVES: usize = 100;

/// Proves the second reading of the two texts, whose first readings these are.
pub(super) fn prove(
    old: &File<'_>,
    new: &File<'_>,
    wanted: &[DocumentChanges],
) -> Result<(), Refused> {
    let new_values = read(new).map_err(|refused| where_it_stands(refused, old))?;
    finds_the_same(new, &new_values)?;
    let old_values = match old.is_plain() {
        true => (0..old.len())
            .map(|document| plain_value(old.document(document)))
            .collect(),
        false => {
            let values = read(old)?;
            finds_the_same(old, &values)?;
            values
        }
    };
    let planned: HashSet<Difference<'_>> = wanted
        .iter()
        .flat_map(|document| &document.changes)
        .map(|change| difference(change.from.as_deref(), change.to.as_deref()))
        .collect();
    let allowed = |key: &str, from: Option<&str>, to: Option<&str>| {
        matches!(key, "image" | RECORD) && planned.contains(&difference(from, to))
    };
    if old_values.len() == new_values.len()
        && old_values
            .iter()
            .zip(&new_values)
            .all(|(old, new)| alike(old, new, "", &allowed))
    {
        Ok(())
    } else {
        Err(unproven(
            "kubectl's YAML reader sees more changes in it than the wanted ones".to_owned(),
        ))
    }
}

/// What a text is before and after a change.
type Difference<'a> = (Option<&'a str>, Option<&'a str>);

/// A block scalar may end in line breaks, which a change does not name.
fn difference<'a>(from: Option<&'a str>, to: Option<&'a str>) -> Difference<'a> {
    let bare = |text: &'a str| text.trim_end_matches('\n');
    (from.map(bare), to.map(bare))
}

/// What the second parser does not take, told where it stands in the file: the edit may have moved it. What it takes in the old text alone
/// stands nowhere in the file.
fn where_it_stands(in_new: Refused, old: &File<'_>) -> Refused {
    read(old).err().unwrap_or(Refused {
        line: None,
        message: format!("{}, once it is edited", in_new.message),
        ..in_new
    })
}

/// Refuses a text in which the two parsers see different workloads.
fn finds_the_same(file: &File<'_>, values: &[Value<'_>]) -> Result<(), Refused> {
    let ours = (0..file.len()).flat_map(|document| shape::find(file.document(document)).objects);
    let theirs = values.iter().flat_map(|value| shape::find(value).objects);
    match ours.map(essence).eq(theirs.map(essence)) {
        true => Ok(()),
        false => Err(unproven(
            "kubectl's YAML reader finds other workloads or images in it".to_owned(),
        )),
    }
}

/// What the second parser makes of a plain text, by our reading of it.
fn plain_value<'f>(node: YamlNode<'f, '_>) -> Value<'f> {
    match (node.written_entries(), node.written_items(), node.scalar()) {
        (Some((_, entries)), ..) => Value::Mapping(
            entries
                .into_iter()
                .map(|(key, value)| (plain_value(key), plain_value(value)))
                .collect(),
        ),
        (_, Some((_, items)), _) => Value::Sequence(items.into_iter().map(plain_value).collect()),
        (.., Scalar::Text(text)) => Value::Text(Cow::Borrowed(text)),
        (.., Scalar::Null) => Value::Null,
        // What a number or a word means hangs on its letters alone. One that is refused, such as a number over 64 bits, ends the proof
        // in the new text.
        (.., Scalar::Bool(_) | Scalar::Other(_)) => {
            let text = node.styled().map_or("", |(text, _)| text);
            Value::deserialize(serde_yaml::Deserializer::from_str(text))
                .unwrap_or(Value::Text(Cow::Borrowed(text)))
        }
    }
}

/// What both parsers must agree on. (Readers of YAML differ on whether `on` is a boolean; where a name or a label needs it to be text,
/// the API server is the judge.)
fn essence(workload: Object) -> impl PartialEq {
    let images: Vec<_> = workload
        .sites
        .into_iter()
        .map(|container| (container.at, container.image))
        .collect();
    (
        workload.kind,
        workload.at,
        workload.record,
        workload.ignore,
        images,
    )
}

/// Reads the documents that are not refused. Where one is, each of the others is read from its own bytes and must be one document there,
/// so that both parsers agree on where documents begin and end.
fn read<'t>(file: &File<'t>) -> Result<Vec<Value<'t>>, Refused> {
    if file.refused().is_empty() {
        return read_text(file.text());
    }
    let mut values = Vec::new();
    let (mut lines, mut counted) = (0, 0);
    for document in (0..file.len()).filter(|document| !file.is_refused(*document)) {
        let region = file.region(document);
        let between = &file.text().as_bytes()[counted..region.start];
        lines += memchr::memchr_iter(b'\n', between).count();
        counted = region.start;
        let in_file = |line: u32| line.saturating_add(u32::try_from(lines).unwrap_or(u32::MAX));
        let mut read = read_text(&file.text()[region]).map_err(|refused| Refused {
            line: refused.line.map(in_file),
            ..refused
        })?;
        match (read.pop(), read.is_empty()) {
            (Some(value), true) => values.push(value),
            _ => {
                return Err(unproven(
                    "kubectl's YAML reader finds another number of documents in it".to_owned(),
                ));
            }
        }
    }
    Ok(values)
}

fn read_text(text: &str) -> Result<Vec<Value<'_>>, Refused> {
    let text = text.trim_start_matches('\u{feff}');
    if text.trim_start().starts_with('{')
        && let Ok(value) = serde_json::from_str(text)
    {
        return Ok(vec![value]);
    }
    within_tag_directives(text)?;
    serde_yaml::Deserializer::from_str(text)
        .map(|document| {
            Value::deserialize(document).map_err(|error| Refused {
                line: error
                    .location()
                    .and_then(|place| u32::try_from(place.line()).ok()),
                ..unproven(format!(
                    "kubectl's YAML reader does not take the file: {error}"
                ))
            })
        })
        .collect()
}

fn within_tag_directives(text: &str) -> Result<(), Refused> {
    let begins_a_line = |at: &usize| *at == 0 || matches!(text.as_bytes()[at - 1], b'\n' | b'\r');
    let Some(at) = memchr::memmem::find_iter(text.as_bytes(), b"%TAG")
        .filter(begins_a_line)
        .nth(MAX_TAG_DIRECTIVES)
    else {
        return Ok(());
    };
    let line = 1 + memchr::memchr_iter(b'\n', &text.as_bytes()[..at]).count();
    Err(Refused {
        line: u32::try_from(line).ok(),
        ..unproven(format!(
            "the file has more than {MAX_TAG_DIRECTIVES} `%TAG` directives"
        ))
    })
}

/// A difference that was asked for: of the key it stands under, from a text to a text.
type Allowed<'a> = dyn Fn(&str, Option<&str>, Option<&str>) -> bool + 'a;

/// Compares two values; a leaf may differ where it is allowed, and an entry of the record's key may come or go with its mapping.
fn alike(old: &Value<'_>, new: &Value<'_>, key: &str, allowed: &Allowed<'_>) -> bool {
    #[cfg(test)]
    crate::engine::yaml::steps::add(1);
    match (old, new) {
        (Value::Text(from), Value::Text(to)) => from == to || allowed(key, Some(from), Some(to)),
        (Value::Mapping(old), Value::Mapping(new)) => alike_entries(old, new, allowed),
        (Value::Sequence(old), Value::Sequence(new)) => {
            old.len() == new.len()
                && old
                    .iter()
                    .zip(new)
                    .all(|(old, new)| alike(old, new, "", allowed))
        }
        (Value::Null, Value::Mapping(_)) => {
            is_only_record(key, new, &|text| allowed(RECORD, None, Some(text)))
        }
        (Value::Mapping(_), Value::Null) => {
            is_only_record(key, old, &|text| allowed(RECORD, Some(text), None))
        }
        (Value::Tagged(old), Value::Tagged(new)) => {
            old.0 == new.0 && alike(&old.1, &new.1, key, allowed)
        }
        _ => old == new,
    }
}

/// Compares two mappings in step: an edit adds and removes entries, and moves none.
fn alike_entries(
    old: &[(Value<'_>, Value<'_>)],
    new: &[(Value<'_>, Value<'_>)],
    allowed: &Allowed<'_>,
) -> bool {
    let came = |(name, value): &(Value<'_>, Value<'_>)| {
        is_only_record(name.name(), value, &|text| {
            allowed(RECORD, None, Some(text))
        })
    };
    let went = |(name, value): &(Value<'_>, Value<'_>)| {
        is_only_record(name.name(), value, &|text| {
            allowed(RECORD, Some(text), None)
        })
    };
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
        Value::Mapping(entries) if matches!(key, "annotations" | "metadata") => {
            match entries.as_slice() {
                [(name, value)] => is_only_record(name.name(), value, allowed),
                _ => false,
            }
        }
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

    /// Whether the text is plain. Then the second parser must make of it what we say it makes.
    fn agrees(text: &str) -> bool {
        let Ok(file) = File::parse(text) else {
            return false;
        };
        if !file.is_plain() {
            return false;
        }
        let theirs = read_text(text).unwrap_or_else(|refused| panic!("{refused}\n{text}"));
        let ours: Vec<_> = (0..file.len())
            .map(|document| plain_value(file.document(document)))
            .collect();
        assert_eq!(ours, theirs, "{text}");
        true
    }

    #[test]
    fn on_a_plain_text_both_parsers_agree() {
        let line = prop::string::string_regex(LINE).unwrap();
        let plain = Cell::new(0);
        let mut runner = TestRunner::new(ProptestConfig {
            cases: 10_000,
            failure_persistence: None,
            ..ProptestConfig::default()
        });
        let outcome = runner.run(&prop::collection::vec(line, 1..9), |lines| {
            plain.set(plain.get() + u32::from(agrees(&lines.concat())));
            Ok(())
        });
        outcome.unwrap();
        assert!(plain.get() > 1000, "only {} texts were plain", plain.get());
    }

    #[test]
    fn a_file_of_tag_directives_is_refused_before_the_second_parser_compares_them_all() {
        let text = |count: usize| {
            let directives: String = (0..count)
                .map(|number| format!("%TAG !t{number}! tag:example.com,2000:\n"))
                .collect();
            directives + "---\na: b # %TAG\n"
        };
        assert!(read_text(&text(MAX_TAG_DIRECTIVES)).is_ok());
        let refused = read_text(&text(MAX_TAG_DIRECTIVES + 1)).unwrap_err();
        assert_eq!((refused.code, refused.line), ("unproven", Some(101)));
        assert_eq!(
            refused.message,
            "the file has more than 100 `%TAG` directives"
        );
    }

    #[test]
    fn on_a_plain_manifest_both_parsers_agree() {
        let folder = |path: PathBuf| {
            std::fs::read_dir(path)
                .into_iter()
                .flatten()
                .map(|entry| entry.unwrap().path())
        };
        let cases = folder(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/rewrite").into());
        let files = cases
            .flat_map(|case| ["in", "out"].map(|side| case.join(side)))
            .flat_map(folder);
        let texts = files
            .filter(|path| path.is_file())
            .filter_map(|path| std::fs::read_to_string(path).ok());
        let plain = texts.filter(|text| agrees(text)).count();
        assert!(plain > 20, "only {plain} manifests are plain");
    }
}
