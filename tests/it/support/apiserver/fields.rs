//! `metadata.managedFields`: which manager wrote which field.
//!
//! It has what updates need: fields that a manager changes become its own and nobody else's. Lists of containers are keyed by
//! name, other lists are one field. Time stands still.

use serde_json::{Map, Value, json};

pub const TIME: &str = "2026-11-22T10:13:09Z";
/// The lists whose items have names.
const NAMED: [&str; 2] = ["containers", "initContainers"];

/// Records that a manager changed `old` to `new`.
pub fn record(old: &Value, new: &mut Value, manager: &str) {
    let (mut changed, nothing) = (Map::new(), json!({}));
    for key in ["metadata", "spec"] {
        let difference = difference(key, old.get(key).or(Some(&nothing)), new.get(key));
        if !difference.is_empty() {
            changed.insert(format!("f:{key}"), Value::Object(difference));
        }
    }
    if changed.is_empty() {
        return;
    }
    let version = new["apiVersion"].clone();
    let mut entries = new["metadata"]["managedFields"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    for entry in &mut entries {
        if entry["manager"] != manager
            && let Some(fields) = entry["fieldsV1"].as_object_mut()
        {
            take_away(fields, &changed);
        }
    }
    entries.retain(|entry| {
        entry["fieldsV1"]
            .as_object()
            .is_some_and(|fields| !fields.is_empty())
    });
    match entries
        .iter_mut()
        .find(|entry| entry["manager"] == manager && entry["operation"] == "Update")
    {
        Some(entry) => give(entry["fieldsV1"].as_object_mut().unwrap(), &changed),
        None => entries.push(json!({
            "manager": manager, "operation": "Update", "apiVersion": version, "time": TIME,
            "fieldsType": "FieldsV1", "fieldsV1": changed,
        })),
    }
    entries.sort_by_key(|entry| (entry["time"].to_string(), entry["manager"].to_string()));
    new["metadata"]["managedFields"] = entries.into();
}

/// The changed fields, as a tree of field names.
fn difference(key: &str, old: Option<&Value>, new: Option<&Value>) -> Map<String, Value> {
    let mut changed = Map::new();
    match new {
        Some(Value::Object(map)) => {
            if old.is_none() {
                changed.insert(".".to_owned(), json!({}));
            }
            for (key, value) in map {
                let before = old.and_then(|old| old.get(key));
                if before == Some(value) || is_the_servers(key) {
                    continue;
                }
                changed.insert(
                    format!("f:{key}"),
                    Value::Object(difference(key, before, Some(value))),
                );
            }
        }
        Some(Value::Array(items)) if NAMED.contains(&key) => {
            for item in items {
                let before = old
                    .and_then(Value::as_array)
                    .and_then(|old| old.iter().find(|one| one["name"] == item["name"]));
                if before != Some(item) {
                    let name = json!({"name": item["name"]}).to_string();
                    changed.insert(
                        format!("k:{name}"),
                        Value::Object(difference("", before, Some(item))),
                    );
                }
            }
        }
        _ => {}
    }
    changed
}

/// Whether a field of metadata belongs to no manager.
fn is_the_servers(key: &str) -> bool {
    matches!(
        key,
        "managedFields"
            | "resourceVersion"
            | "generation"
            | "uid"
            | "creationTimestamp"
            | "name"
            | "namespace"
    )
}

fn give(fields: &mut Map<String, Value>, more: &Map<String, Value>) {
    for (key, value) in more {
        let below = fields.entry(key).or_insert_with(|| json!({}));
        give(below.as_object_mut().unwrap(), value.as_object().unwrap());
    }
}

/// Removes the leaves of a tree, and the parents that become empty.
fn take_away(fields: &mut Map<String, Value>, taken: &Map<String, Value>) {
    for (key, value) in taken {
        let Some(below) = fields.get_mut(key).and_then(Value::as_object_mut) else {
            continue;
        };
        take_away(below, value.as_object().unwrap());
        if below.is_empty() {
            fields.remove(key);
        }
    }
}
