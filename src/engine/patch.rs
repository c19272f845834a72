//! Changes of a workload in a cluster as one JSON Patch (RFC 6902), which takes effect whole or not at all.
//!
//! Every text that a change relies on is tested first, so that what somebody else wrote meanwhile is never lost. That something is *not*
//! there cannot be tested by itself, and `add` replaces what is: such a patch holds for one version of the object alone.

use serde_json::{Map, Value, json};

use super::live::Live;
use super::path::{Path, Step};
use super::plan::Change;
use super::workload::Record;

/// The patch that makes the changes, and fails where the object is no longer the one they were planned on. Empty where there are none.
pub fn patch(live: &Live, changes: &[Change]) -> Vec<Value> {
    if changes.is_empty() {
        return Vec::new();
    }
    let workload = &live.workload;
    let mut tests = vec![test(&Path::root().keys(&["metadata", "uid"]), &live.uid)];
    if changes.iter().any(|change| change.from.is_none()) {
        tests.push(test(&Path::root().keys(&["metadata", "resourceVersion"]), &live.resource_version));
    }
    if let Record::Text(record) = &workload.record {
        tests.push(test(&workload.record_path(), record));
    }
    let mut operations = Vec::new();
    for change in changes {
        // An index says which container is meant only together with its name.
        let container = workload.containers.iter().find(|container| workload.image_path(container) == change.at);
        if let Some(container) = container {
            tests.push(test(&workload.container_path(container).join("name"), &container.name));
        }
        let is_record = change.at == workload.record_path();
        if let Some(from) = change.from.as_ref().filter(|_| !is_record) {
            tests.push(test(&change.at, from));
        }
        operations.push(match (&change.from, &change.to) {
            (_, None) => json!({"op": "remove", "path": change.at.pointer()}),
            (Some(_), Some(to)) => json!({"op": "replace", "path": change.at.pointer(), "value": to}),
            (None, Some(to)) => add(live, &change.at, to),
        });
    }
    tests.extend(operations);
    tests
}

fn test(at: &Path, value: &str) -> Value {
    json!({"op": "test", "path": at.pointer(), "value": value})
}

/// Adds a text, with the maps above it that are not there.
fn add(live: &Live, at: &Path, to: &str) -> Value {
    let Some(top) =
        live.absent.iter().filter(|absent| at.steps().starts_with(absent.steps())).min_by_key(|absent| absent.steps().len())
    else {
        return json!({"op": "add", "path": at.pointer(), "value": to});
    };
    let below = at.steps()[top.steps().len()..].iter().rev().filter_map(|step| match step {
        Step::Key(key) => Some(key.to_string()),
        Step::Index(_) => None,
    });
    let value = below.fold(Value::from(to), |value, key| Value::Object(Map::from_iter([(key, value)])));
    json!({"op": "add", "path": top.pointer(), "value": value})
}
