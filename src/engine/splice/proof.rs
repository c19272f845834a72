//! The proof that an edited text says what it should and nothing else, by two parsers that know nothing of each other.
//!
//! Our own parser compares both texts node by node, as they are written, and comment by comment. A second one (libyaml, which kubectl's
//! reader follows; for JSON a JSON parser) reads both texts as well: it must find the same workloads in both as we did, and no difference
//! but the changes. A text that fails is not returned, let alone written.

use std::collections::BTreeMap;

use serde::Deserialize as _;
use serde_yaml::Value;

use crate::engine::tree::{Scalar, Tree};
use crate::engine::workload::{self, RECORD, Workload};
use crate::engine::yaml::{File, NodeId, YamlNode};

use super::{DocumentChanges, Effects, Refused, locate, refused, unproven};

/// Proves that `new_text` is `old` with the wanted changes, and that `effects` is all that happened to its nodes.
pub(super) fn prove(old: &File<'_>, new_text: &str, wanted: &[DocumentChanges], effects: &Effects) -> Result<(), Refused> {
    let new = File::parse_with_comments(new_text)
        .map_err(|error| unproven(format!("the edited text would not be read again (line {}: {error})", error.line)))?;
    if old.len() != new.len() {
        return Err(unproven("the edited text would have another number of documents".to_owned()));
    }
    if !old.comments().eq(new.comments()) {
        return Err(unproven("a comment would change".to_owned()));
    }
    let mut walk = Walk { effects, moved: BTreeMap::new() };
    for document in 0..old.len() {
        walk.same(old.document(document), new.document(document))?;
    }
    for (document, change) in wanted.iter().flat_map(|document| document.changes.iter().map(|change| (document.document, change)))
    {
        let located = locate(&new, document, &change.at);
        let value = located.missing.is_empty().then(|| located.nodes[located.nodes.len() - 1].scalar());
        let done = match (&change.to, value) {
            (None, None) => true,
            (Some(to), Some(Scalar::Text(text))) => text == to || text.trim_end_matches('\n') == to,
            _ => false,
        };
        if !done {
            return Err(unproven(format!("{} would not be what it should", change.at)));
        }
    }
    second_opinion(old, &new, wanted)
}

/// Compares two files as they are written.
struct Walk<'e> {
    effects: &'e Effects,
    /// The nodes of the old file that aliases name, in the new one.
    moved: BTreeMap<NodeId, NodeId>,
}

impl Walk<'_> {
    fn same(&mut self, old: YamlNode<'_, '_>, new: YamlNode<'_, '_>) -> Result<(), Refused> {
        self.moved.insert(old.id(), new.id());
        let differs = || Err(refused("unproven", old, "another value would change with it".to_owned()));
        if let Some(to) = self.effects.replaced.get(&old.id()) {
            let text = new.styled().map(|(text, _)| text);
            return if text == Some(to) && (old.is_alias() || old.has_tag_of(new)) { Ok(()) } else { differs() };
        }
        if let Some((chain, value)) = self.effects.extended.get(&old.id())
            && old.written_entries().is_none()
        {
            return if is_chain(new, chain, value) { Ok(()) } else { differs() };
        }
        if old.is_alias() || new.is_alias() {
            let same = old.is_alias() && new.is_alias() && self.moved.get(&old.target().id()) == Some(&new.target().id());
            return if same { Ok(()) } else { differs() };
        }
        match (old.written_entries(), new.written_entries(), old.written_items(), new.written_items()) {
            (Some((_, old_entries)), Some((_, new_entries)), ..) => self.same_entries(old, &old_entries, &new_entries),
            (_, _, Some((_, old_items)), Some((_, new_items))) if old_items.len() == new_items.len() => {
                old_items.into_iter().zip(new_items).try_for_each(|(old, new)| self.same(old, new))
            }
            (None, None, None, None) if old.styled() == new.styled() && old.has_tag_of(new) => Ok(()),
            _ => differs(),
        }
    }

    fn same_entries(
        &mut self,
        mapping: YamlNode<'_, '_>,
        old: &[(YamlNode<'_, '_>, YamlNode<'_, '_>)],
        new: &[(YamlNode<'_, '_>, YamlNode<'_, '_>)],
    ) -> Result<(), Refused> {
        let gone = self.effects.reduced.get(&mapping.id());
        let come = self.effects.extended.get(&mapping.id());
        let named = |node: YamlNode<'_, '_>, name: &str| node.target().styled().is_some_and(|(text, _)| text == name);
        let old: Vec<_> = old.iter().filter(|(key, _)| gone.is_none_or(|gone| !named(*key, gone))).collect();
        let (added, new): (Vec<_>, Vec<_>) = new
            .iter()
            .partition(|(key, _)| come.is_some_and(|(chain, _)| named(*key, chain.first().copied().unwrap_or_default())));
        let right = match (come, added.as_slice()) {
            (None, []) => true,
            (Some((chain, value)), [(_, inner)]) => is_chain(*inner, &chain[1..], value),
            _ => false,
        };
        if !right || old.len() != new.len() {
            return Err(refused("unproven", mapping, "another entry would come or go with it".to_owned()));
        }
        old.into_iter().zip(new).try_for_each(|(old, new)| {
            self.same(old.0, new.0)?;
            self.same(old.1, new.1)
        })
    }
}

/// Whether a node is nothing but a row of one-entry mappings with the text below them.
fn is_chain(node: YamlNode<'_, '_>, chain: &[&str], value: &str) -> bool {
    match (chain, node.written_entries()) {
        ([], None) => node.styled().is_some_and(|(text, _)| text == value),
        ([first, rest @ ..], Some((_, entries))) => match entries.as_slice() {
            [(key, inner)] => key.styled().is_some_and(|(text, _)| text == *first) && is_chain(*inner, rest, value),
            _ => false,
        },
        _ => false,
    }
}

/// The second parser's reading of both texts.
fn second_opinion(old: &File<'_>, new: &File<'_>, wanted: &[DocumentChanges]) -> Result<(), Refused> {
    let (old_values, new_values) = (read(old.text())?, read(new.text())?);
    for (file, values) in [(old, &old_values), (new, &new_values)] {
        let ours = (0..file.len()).flat_map(|document| workload::find(file.document(document)).workloads);
        let theirs = values.iter().flat_map(|value| workload::find(value).workloads);
        if !ours.map(essence).eq(theirs.map(essence)) {
            return Err(unproven("kubectl's YAML reader finds other workloads or images in it".to_owned()));
        }
    }
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

/// What both parsers must agree on. (Readers of YAML differ on whether `on` is a boolean; where a name or a label needs it to be text,
/// the API server is the judge.)
fn essence(workload: Workload) -> impl PartialEq {
    let images: Vec<_> =
        workload.containers.into_iter().map(|container| (container.group, container.index, container.image)).collect();
    (workload.kind, workload.at, workload.record, workload.ignore, images)
}

fn read(text: &str) -> Result<Vec<Value>, Refused> {
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

/// Compares two values; a leaf may differ where it is allowed, and an entry of the record's key may come or go with its mapping.
fn alike(old: &Value, new: &Value, key: &str, allowed: &impl Fn(&str, Option<&str>, Option<&str>) -> bool) -> bool {
    match (old, new) {
        (Value::Mapping(old), Value::Mapping(new)) => {
            let kept = old.iter().all(|(name, value)| match new.get(name) {
                Some(new) => alike(value, new, name.as_str().unwrap_or_default(), allowed),
                None => is_only_record(name.as_str().unwrap_or_default(), value, |text| allowed(RECORD, Some(text), None)),
            });
            kept && new.iter().filter(|(name, _)| !old.contains_key(*name)).all(|(name, value)| {
                is_only_record(name.as_str().unwrap_or_default(), value, |text| allowed(RECORD, None, Some(text)))
            })
        }
        (Value::Sequence(old), Value::Sequence(new)) => {
            old.len() == new.len() && old.iter().zip(new).all(|(old, new)| alike(old, new, "", allowed))
        }
        (Value::String(from), Value::String(to)) => from == to || allowed(key, Some(from), Some(to)),
        (Value::Null, Value::Mapping(_)) => is_only_record(key, new, |text| allowed(RECORD, None, Some(text))),
        (Value::Mapping(_), Value::Null) => is_only_record(key, old, |text| allowed(RECORD, Some(text), None)),
        (Value::Tagged(old), Value::Tagged(new)) => old.tag == new.tag && alike(&old.value, &new.value, key, allowed),
        _ => old == new,
    }
}

/// Whether an entry is the record, or mappings around nothing but it.
fn is_only_record(key: &str, value: &Value, allowed: impl Fn(&str) -> bool) -> bool {
    match value {
        Value::String(text) => key == RECORD && allowed(text),
        Value::Mapping(mapping) if matches!(key, "annotations" | "metadata") => {
            mapping.len() == 1
                && mapping.iter().all(|(name, value)| {
                    is_only_record(name.as_str().unwrap_or_default(), value, &allowed as &dyn Fn(&str) -> bool)
                })
        }
        _ => false,
    }
}

impl<'a> Tree<'a> for &'a Value {
    fn get(self, key: &str) -> Option<Self> {
        let mapping = untagged(self).as_mapping()?;
        mapping.get(key).or_else(|| merged(mapping).into_iter().find_map(|mapping| Tree::get(mapping, key)))
    }

    fn items(self) -> Vec<Self> {
        untagged(self).as_sequence().map(|items| items.iter().collect()).unwrap_or_default()
    }

    fn entries(self) -> Vec<(&'a str, Self)> {
        let Some(mapping) = untagged(self).as_mapping() else { return Vec::new() };
        let own = mapping.iter().filter_map(|(key, value)| Some((key.as_str().filter(|key| *key != "<<")?, value)));
        let mut entries: Vec<(&'a str, Self)> = own.collect();
        for (name, value) in merged(mapping).into_iter().flat_map(Tree::entries) {
            if !entries.iter().any(|(own, _)| *own == name) {
                entries.push((name, value));
            }
        }
        entries
    }

    fn scalar(self) -> Scalar<'a> {
        match self {
            Value::Null => Scalar::Null,
            Value::String(text) => Scalar::Text(text),
            Value::Bool(value) => Scalar::Bool(*value),
            Value::Number(_) => Scalar::Other("a number"),
            Value::Sequence(_) => Scalar::Other("a sequence"),
            Value::Mapping(_) => Scalar::Other("a mapping"),
            Value::Tagged(_) => Scalar::Other("a value with a tag of its own"),
        }
    }
}

fn untagged(value: &Value) -> &Value {
    match value {
        Value::Tagged(tagged) => untagged(&tagged.value),
        value => value,
    }
}

fn merged(mapping: &serde_yaml::Mapping) -> Vec<&Value> {
    match mapping.get("<<").map(untagged) {
        Some(Value::Sequence(mappings)) => mappings.iter().collect(),
        Some(mapping) => vec![mapping],
        None => Vec::new(),
    }
}
