//! The laws on generated manifests.
//!
//! `IMAGO_LAWS=1000000` sets how many are tried; `IMAGO_LAWS_FROM=500000` starts at that seed instead of 0; `IMAGO_LAWS_SEED=17`
//! tries only that seed, and prints its manifest.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use imago::engine::answer::Answers;
use imago::engine::object::Object;
use imago::engine::shape;
use imago::engine::yaml::File;
use serde::Deserialize as _;
use serde_yaml::{Mapping, Value};

use super::model::{Expected, Manifest, generate};
use crate::support::engine::{Action, Way, answers, carry_out, plain_rules, plan};
use crate::support::seeds;

/// How many manifests an ordinary run tries.
pub(super) const COUNT: u64 = 100_000;

#[test]
fn generated_manifests_keep_the_laws() {
    if let Some(seed) = number("IMAGO_LAWS_SEED") {
        let manifest = generate(seed);
        eprintln!("{}\n{:#?}", manifest.text, manifest.workloads);
        return check(&manifest)
            .map(|_| ())
            .unwrap_or_else(|fault| panic!("{fault}"));
    }
    let (count, from) = (
        number("IMAGO_LAWS").unwrap_or(COUNT),
        number("IMAGO_LAWS_FROM").unwrap_or(0),
    );
    let (changed, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    seeds::each(count, |seed| {
        let seed = from + seed;
        let manifest = generate(seed);
        let outcome = catch_unwind(AssertUnwindSafe(|| check(&manifest)))
            .unwrap_or_else(|_| Err("it panicked".to_owned()));
        match outcome {
            Ok(Seen::Changed) => changed.fetch_add(1, Ordering::Relaxed),
            Ok(Seen::Refused) => refused.fetch_add(1, Ordering::Relaxed),
            Ok(Seen::Same) => 0,
            Err(fault) => panic!(
                "IMAGO_LAWS_SEED={seed}: {fault}\n----\n{}----",
                manifest.text
            ),
        };
    });
    let (changed, refused) = (changed.into_inner() as u64, refused.into_inner() as u64);
    assert!(
        changed * 2 > count,
        "only {changed} of {count} manifests had something to change: the generator is at fault"
    );
    assert!(
        count < 1000 || refused > 0,
        "no manifest was one to refuse: the generator is at fault"
    );
}

enum Seen {
    Changed,
    Refused,
    Same,
}

pub(super) fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| {
        text.parse()
            .unwrap_or_else(|_| panic!("{variable}={text} is no number"))
    })
}

fn check(manifest: &Manifest) -> Result<Seen, String> {
    let text = manifest.text.as_str();
    let rules = plain_rules();
    let answers = answers(
        manifest
            .digests
            .iter()
            .map(|(image, digest)| (image.as_str(), digest.as_str())),
    );

    // Law 1: if nothing can be resolved, nothing changes.
    same(
        "law 1",
        &carry_out(text, &rules, Action::Update(&Answers::new())),
        Some(&Way::Same),
    )?;

    let updated = carry_out(text, &rules, Action::Update(&answers));
    match (&updated, manifest.refused) {
        (Way::Refused(code, _), Some(expected)) if *code == expected => return Ok(Seen::Refused),
        (Way::Refused(..), _) | (_, Some(_)) => {
            return Err(format!(
                "{updated:?}, where the model has {:?}",
                manifest.refused
            ));
        }
        (Way::Same, None)
            if manifest
                .workloads
                .iter()
                .all(|workload| workload.record.is_none())
                && manifest.edits.is_empty() =>
        {
            return Ok(Seen::Same);
        }
        _ => {}
    }
    let new = updated.text(text);
    other_bytes_are_the_same(manifest, new)?;
    values_are_as_wanted(manifest, new)?;
    same(
        "law 3",
        &carry_out(new, &rules, Action::Update(&answers)),
        Some(&Way::Same),
    )?;
    if !manifest.has_ignore_comment {
        another_form_has_the_same_plan(text, manifest, &answers)?;
    }
    if !manifest.has_record {
        let restored = carry_out(new, &rules, Action::Restore);
        let back = restored.text(new);
        if matches!(restored, Way::Refused(..)) {
            return Err(format!("law 6: {restored:?}, from\n{new}"));
        }
        if manifest.restorable && back != text {
            return Err(format!("law 6: the restore gives\n{back}\nfrom\n{new}"));
        }
        if without_what_is_empty(objects(manifest, back)?)
            != without_what_is_empty(objects(manifest, text)?)
        {
            return Err(format!("law 6: the restore gives another object\n{back}"));
        }
    }
    Ok(Seen::Changed)
}

fn same(law: &str, found: &Way, expected: Option<&Way>) -> Result<(), String> {
    if Some(found) == expected {
        Ok(())
    } else {
        Err(format!("{law}: {found:?}"))
    }
}

/// Law 2: with the wanted tokens in place, the old text is still there, in order. The added text is no longer than records are.
fn other_bytes_are_the_same(manifest: &Manifest, new: &str) -> Result<(), String> {
    let mut expected = manifest.text.clone();
    for (range, token) in manifest.edits.iter().rev() {
        expected.replace_range(range.clone(), token);
    }
    let mut rest = new.bytes();
    if let Some(at) = expected
        .bytes()
        .position(|byte| !rest.any(|other| other == byte))
    {
        return Err(format!(
            "law 2: what stands at byte {at} of\n{expected}\nis not in\n{new}"
        ));
    }
    // The record's text with its quotes doubled or escaped, two keys, and their indentation.
    let records = manifest
        .workloads
        .iter()
        .filter_map(|workload| workload.record.as_ref())
        .map(|record| 2 * record.len() + 200);
    if new.len() > expected.len() + records.sum::<usize>() {
        return Err(format!("law 2: more came than a record in\n{new}"));
    }
    Ok(())
}

/// Law 4: read by another parser, old and new differ only in the wanted images and records.
fn values_are_as_wanted(manifest: &Manifest, new: &str) -> Result<(), String> {
    let mut expected = objects(manifest, &manifest.text)?;
    for workload in &manifest.workloads {
        set(&mut expected, workload)?;
    }
    let found = objects(manifest, new)?;
    match found
        .iter()
        .zip(&expected)
        .position(|(found, expected)| found != expected)
    {
        None if found.len() == expected.len() => Ok(()),
        at => Err(format!(
            "law 4: document {at:?} of\n{new}\nis\n{found:?}\nand should be\n{expected:?}"
        )),
    }
}

fn objects(manifest: &Manifest, text: &str) -> Result<Vec<Value>, String> {
    // libyaml counts a byte-order mark as a column.
    let text = text.trim_start_matches('\u{feff}');
    if manifest.json {
        let value =
            serde_json::from_str(text).map_err(|error| format!("no JSON: {error}\n{text}"))?;
        return Ok(vec![value]);
    }
    serde_yaml::Deserializer::from_str(text)
        .map(|document| {
            let mut value = Value::deserialize(document)?;
            value.apply_merge()?;
            Ok(value)
        })
        .collect::<Result<_, serde_yaml::Error>>()
        .map_err(|error| format!("no YAML: {error}\n{text}"))
}

fn set(documents: &mut [Value], workload: &Expected) -> Result<(), String> {
    let missing = || format!("the model has no such workload: {workload:?}");
    let mut object = documents.get_mut(workload.document).ok_or_else(missing)?;
    for item in &workload.items {
        object = object
            .get_mut("items")
            .and_then(|items| items.get_mut(item))
            .ok_or_else(missing)?;
    }
    if let Some(record) = &workload.record {
        let metadata = object
            .get_mut("metadata")
            .and_then(Value::as_mapping_mut)
            .ok_or_else(missing)?;
        let annotations = metadata.entry("annotations".into()).or_insert(Value::Null);
        if annotations.is_null() {
            *annotations = Value::Mapping(Mapping::new());
        }
        annotations
            .as_mapping_mut()
            .ok_or_else(missing)?
            .insert("imago-config-spec".into(), record.as_str().into());
    }
    for (list, index, image) in &workload.images {
        let pod = workload
            .pod
            .iter()
            .try_fold(&mut *object, |object, key| object.get_mut(*key))
            .ok_or_else(missing)?;
        let container = pod
            .get_mut(*list)
            .and_then(|list| list.get_mut(*index))
            .and_then(Value::as_mapping_mut);
        container
            .ok_or_else(missing)?
            .insert("image".into(), image.as_str().into());
    }
    Ok(())
}

/// Law 5: the objects as an API server has them, without anchors, quotes and comments, get the same plan.
fn another_form_has_the_same_plan(
    text: &str,
    manifest: &Manifest,
    answers: &Answers,
) -> Result<(), String> {
    let file = File::parse(text).map_err(|error| error.to_string())?;
    let rules = plain_rules();
    for (index, object) in objects(manifest, text)?.into_iter().enumerate() {
        let object: serde_json::Value =
            serde_json::to_value(&object).map_err(|error| format!("law 5: {error}"))?;
        let plans = |workloads: Vec<Object>| -> Vec<_> {
            workloads
                .iter()
                .map(|workload| plan(workload, &rules, Action::Update(answers)))
                .collect()
        };
        let (written, sent) = (
            plans(shape::find(file.document(index)).objects),
            plans(shape::find(&object).objects),
        );
        if written != sent {
            return Err(format!(
                "law 5: planned {written:?}\nand from JSON {sent:?}"
            ));
        }
    }
    Ok(())
}

/// Treats empty annotations as absent.
fn without_what_is_empty(mut values: Vec<Value>) -> Vec<Value> {
    fn clean(value: &mut Value) {
        match value {
            Value::Mapping(mapping) => {
                mapping.iter_mut().for_each(|(_, value)| clean(value));
                let empty = |value: &Value| {
                    value.is_null() || value.as_mapping().is_some_and(Mapping::is_empty)
                };
                if mapping.get("annotations").is_some_and(empty) {
                    mapping.remove("annotations");
                }
            }
            Value::Sequence(items) => items.iter_mut().for_each(clean),
            _ => {}
        }
    }
    values.iter_mut().for_each(clean);
    values
}

#[test]
fn the_generator_uses_every_style() {
    let texts: Vec<String> = (0..3000).map(|seed| generate(seed).text).collect();
    let counts: BTreeMap<&str, usize> = [
        "\r\n",
        "\u{feff}",
        "&image",
        "*image",
        "&base",
        "<<: *base",
        "*note",
        "image: |",
        "image: >",
        "image: '",
        "image: \"",
        "? image",
        "\\x",
        "# imago: ignore",
        "...",
        "annotations: {",
        "annotations: ~",
        "\t\"metadata\"",
        "DeploymentList",
        "imago/ignore",
        "{{ .Values.image }}",
        "sha512:",
        "|+",
    ]
    .into_iter()
    .map(|style| {
        (
            style,
            texts.iter().filter(|text| text.contains(style)).count(),
        )
    })
    .collect();
    let missing: Vec<_> = counts.iter().filter(|(_, count)| **count == 0).collect();
    assert!(missing.is_empty(), "{missing:?} in {counts:?}");
}
