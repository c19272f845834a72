//! Patches as an API server applies them: JSON Patch (RFC 6902) and JSON Merge Patch (RFC 7396).
//!
//! As in the server's own library, `add` needs its parent, `replace` and `remove` need their target, and a `test` for null passes
//! if nothing is there. If any operation fails, the whole patch is refused.

use serde_json::{Map, Value};

/// Applies a JSON Patch. `None` if an operation fails.
pub fn json(object: &Value, patch: &[Value]) -> Option<Value> {
    let mut object = object.clone();
    for operation in patch {
        let pointer = operation["path"].as_str()?;
        match operation["op"].as_str()? {
            "test" => {
                let wanted = operation.get("value").unwrap_or(&Value::Null);
                let holds = object
                    .pointer(pointer)
                    .map_or(wanted.is_null(), |found| found == wanted);
                if !holds {
                    return None;
                }
            }
            "add" => add(&mut object, pointer, operation.get("value")?.clone())?,
            "replace" => *object.pointer_mut(pointer)? = operation.get("value")?.clone(),
            "remove" => drop(remove(&mut object, pointer)?),
            "copy" => {
                let copied = object.pointer(operation["from"].as_str()?)?.clone();
                add(&mut object, pointer, copied)?;
            }
            "move" => {
                let moved = remove(&mut object, operation["from"].as_str()?)?;
                add(&mut object, pointer, moved)?;
            }
            _ => return None,
        }
    }
    Some(object)
}

fn add(object: &mut Value, pointer: &str, value: Value) -> Option<()> {
    let (parent, key) = split(pointer)?;
    match object.pointer_mut(parent)? {
        Value::Object(map) => drop(map.insert(key, value)),
        Value::Array(items) if key == "-" => items.push(value),
        Value::Array(items) => {
            let index = key.parse().ok().filter(|index| *index <= items.len())?;
            items.insert(index, value);
        }
        _ => return None,
    }
    Some(())
}

fn remove(object: &mut Value, pointer: &str) -> Option<Value> {
    let (parent, key) = split(pointer)?;
    match object.pointer_mut(parent)? {
        Value::Object(map) => map.remove(&key),
        Value::Array(items) => key
            .parse()
            .ok()
            .filter(|index| *index < items.len())
            .map(|index| items.remove(index)),
        _ => None,
    }
}

fn split(pointer: &str) -> Option<(&str, String)> {
    let (parent, key) = pointer.rsplit_once('/')?;
    Some((parent, key.replace("~1", "/").replace("~0", "~")))
}

/// Applies a JSON Merge Patch.
pub fn merge(object: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *object = patch.clone();
        return;
    };
    if !object.is_object() {
        *object = Value::Object(Map::new());
    }
    let map = object.as_object_mut().expect("it was made one");
    for (key, value) in patch {
        if value.is_null() {
            map.remove(key);
        } else {
            merge(map.entry(key).or_insert(Value::Null), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json as value;

    #[test]
    fn a_patch_holds_as_a_whole_or_not_at_all() {
        let object = value!({"a": {"b": [1, 2]}, "x/y": 1});
        let apply = |patch: Value| json(&object, patch.as_array().unwrap());
        assert_eq!(
            apply(value!([{"op": "add", "path": "/a/c", "value": 3}])).unwrap()["a"]["c"],
            3
        );
        assert_eq!(
            apply(value!([{"op": "add", "path": "/a/b/0", "value": 0}])).unwrap()["a"]["b"],
            value!([0, 1, 2])
        );
        assert_eq!(
            apply(value!([{"op": "remove", "path": "/x~1y"}])).unwrap(),
            value!({"a": {"b": [1, 2]}})
        );
        assert!(apply(value!([{"op": "test", "path": "/absent", "value": null}])).is_some());
        for refused in [
            value!([{"op": "add", "path": "/absent/c", "value": 3}]),
            value!([{"op": "add", "path": "/a/b/9", "value": 3}]),
            value!([{"op": "replace", "path": "/a/c", "value": 3}]),
            value!([{"op": "remove", "path": "/a/c"}]),
            value!([{"op": "test", "path": "/a/b/0", "value": "1"}]),
            value!([{"op": "replace", "path": "/a/b/0", "value": 7}, {"op": "test", "path": "/a/b/0", "value": 1}]),
        ] {
            assert_eq!(apply(refused.clone()), None, "{refused}");
        }
    }
}
