//! Objects as a server stores them: with uid, version, managers and defaults.

use std::sync::Arc;

use serde_json::{Value, json};

use super::kinds::Kind;
use super::{State, fields};

/// Namespace and name.
pub(super) fn key(object: &Value) -> (String, String) {
    let text = |key: &str| {
        object["metadata"][key]
            .as_str()
            .unwrap_or_else(|| panic!("no {key} in {object}"))
            .to_owned()
    };
    (text("namespace"), text("name"))
}

/// Adds what a server adds to a new object: uid, version, managers, the default pull policy.
pub(super) fn filled(mut object: Value, kind: &Kind, state: &mut State) -> Value {
    state.uids += 1;
    let uid = format!("00000000-0000-4000-8000-{:012x}", state.uids);
    if object["metadata"]["resourceVersion"].is_null() {
        state.version += 1;
        object["metadata"]["resourceVersion"] = state.version.to_string().into();
    }
    for (key, value) in [
        ("uid", json!(uid)),
        ("generation", json!(1)),
        ("creationTimestamp", json!(fields::TIME)),
    ] {
        if object["metadata"][key].is_null() {
            object["metadata"][key] = value;
        }
    }
    if let Some(pod) = object.pointer_mut(kind.pod()) {
        for list in ["containers", "initContainers"] {
            for container in pod[list].as_array_mut().into_iter().flatten() {
                let image = container["image"].as_str().unwrap_or_default();
                let name = image.rsplit('/').next().unwrap_or_default();
                let moves =
                    !name.contains('@') && (!name.contains(':') || name.ends_with(":latest"));
                if container["imagePullPolicy"].is_null() {
                    container["imagePullPolicy"] =
                        if moves { "Always" } else { "IfNotPresent" }.into();
                }
            }
        }
        // Reading an absent list with `[]` has made a null of it.
        pod.as_object_mut()
            .unwrap()
            .retain(|_, value| !value.is_null());
    }
    if object["metadata"]["managedFields"].is_null() {
        fields::record(&json!({}), &mut object, "kubectl-client-side-apply");
    }
    object
}

/// Stores a change as a new version of the object.
pub(super) fn write(
    state: &mut State,
    kind: &'static Kind,
    key: &(String, String),
    change: &dyn Fn(&mut Value),
) {
    state.version += 1;
    let version = state.version.to_string();
    let object = state
        .objects
        .get_mut(kind.plural)
        .and_then(|objects| objects.get_mut(key));
    let object =
        Arc::make_mut(object.unwrap_or_else(|| panic!("there is no {} {key:?}", kind.plural)));
    let old = object.clone();
    change(object);
    fields::record(&old, object, "somebody-else");
    object["metadata"]["resourceVersion"] = version.into();
}

/// What is invalid in an object: field, reason, message.
pub(super) fn faults(object: &Value, kind: &Kind) -> Vec<(String, &'static str, &'static str)> {
    let mut faults = Vec::new();
    let pod = kind.pod().trim_start_matches('/').replace('/', ".");
    for list in ["initContainers", "containers"] {
        let containers = object
            .pointer(&format!("{}/{list}", kind.pod()))
            .and_then(Value::as_array);
        for (index, container) in containers.into_iter().flatten().enumerate() {
            let (field, image) = (
                format!("{pod}.{list}[{index}].image"),
                container["image"].as_str().unwrap_or_default(),
            );
            if image.is_empty() {
                faults.push((field, "FieldValueRequired", "Required value"));
            } else if image.trim() != image {
                faults.push((
                    field,
                    "FieldValueInvalid",
                    "Invalid value: must not have leading or trailing whitespace",
                ));
            }
        }
    }
    faults
}
