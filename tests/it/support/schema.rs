//! Checks JSON against the schemas of `schema/`, with the few keywords that they use. An unknown keyword fails the test. So does
//! a property that the schema does not describe, because everything in the output must be documented.

use std::fs;
use std::path::Path;

use serde_json::Value;

/// A schema of this repository.
pub(crate) fn schema(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("schema")
        .join(name);
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

/// Every difference between the value and the schema, by path.
pub(crate) fn faults(schema: &Value, value: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    check(schema, schema, value, "", &mut faults);
    faults
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    let mut fault = |what: String| faults.push(format!("{at}: {what}"));
    for (keyword, says) in schema.as_object().unwrap() {
        match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" | "default" | "format" => {}
            "type" => {
                let names = says
                    .as_array()
                    .map_or_else(|| vec![says], |names| names.iter().collect());
                if !names.iter().any(|name| is(name.as_str().unwrap(), value)) {
                    fault(format!("{value} is not of type {says}"));
                }
            }
            "const" if says != value => fault(format!("{value} is not {says}")),
            "enum" if !says.as_array().unwrap().contains(value) => {
                fault(format!("{value} is not one of {says}"))
            }
            "minimum" if value.as_f64() < says.as_f64() => {
                fault(format!("{value} is less than {says}"))
            }
            "maximum" if value.as_f64() > says.as_f64() => {
                fault(format!("{value} is more than {says}"))
            }
            "pattern"
                if value
                    .as_str()
                    .is_some_and(|text| !matches(says.as_str().unwrap(), text)) =>
            {
                fault(format!("{value} does not match {says}"));
            }
            "required" if value.is_object() => {
                let missing = says
                    .as_array()
                    .unwrap()
                    .iter()
                    .filter(|key| value.get(key.as_str().unwrap()).is_none());
                missing.for_each(|key| fault(format!("{key} is missing")));
            }
            "const" | "enum" | "minimum" | "maximum" | "pattern" | "required" => {}
            "$ref" | "properties" | "additionalProperties" | "items" | "anyOf" | "oneOf" => {}
            other => panic!("the keyword `{other}` is not known here"),
        }
    }
    if let Some(reference) = schema.get("$ref") {
        let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
        check(root, root.pointer(pointer).unwrap(), value, at, faults);
    }
    if let Some(choices) = schema.get("anyOf").or(schema.get("oneOf")) {
        let fits = |choice| {
            let mut faults = Vec::new();
            check(root, choice, value, at, &mut faults);
            faults.is_empty()
        };
        if !choices.as_array().unwrap().iter().any(fits) {
            faults.push(format!("{at}: {value} is none of {choices}"));
        }
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        if let Some(items) = schema.get("items") {
            check(root, items, item, &format!("{at}/{index}"), faults);
        }
    }
    let described = schema
        .get("properties")
        .or(schema.get("additionalProperties"))
        .is_some();
    for (key, item) in value
        .as_object()
        .into_iter()
        .flatten()
        .filter(|_| described)
    {
        let of_key = schema
            .get("properties")
            .and_then(|properties| properties.get(key));
        match of_key.or(schema
            .get("additionalProperties")
            .filter(|more| more.is_object()))
        {
            Some(schema) => check(root, schema, item, &format!("{at}/{key}"), faults),
            None => faults.push(format!("{at}: `{key}` is not described")),
        }
    }
}

fn is(name: &str, value: &Value) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64() || value.is_i64(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the type `{other}` is not known here"),
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    let word = |text: &str| {
        !text.is_empty()
            && text
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    match pattern {
        "^sha(256|512):[0-9a-f]+$" => imago::engine::image::Digest::parse(text).is_ok(),
        "^[a-z0-9]+(-[a-z0-9]+)*$" => text.split('-').all(word),
        "<.*>" => text
            .split_once('<')
            .is_some_and(|(_, rest)| rest.contains('>')),
        other => panic!("the pattern `{other}` is not known here"),
    }
}

#[test]
fn a_value_that_is_not_as_described_is_seen() {
    let schema = schema("report.schema.json");
    let digest = serde_json::json!({"$ref": "#/$defs/digest", "$defs": schema["$defs"]});
    assert_eq!(faults(&digest, &Value::Null), Vec::<String>::new());
    assert_eq!(faults(&digest, &"sha256:x".into()).len(), 1);
    let git = serde_json::json!({"$ref": "#/$defs/git", "$defs": schema["$defs"]});
    let value = serde_json::json!({"commit": null, "branch": 7, "remote": null, "other": 1});
    let faults = faults(&git, &value);
    assert_eq!(faults.len(), 3, "{faults:?}");
}
