//! Lists: selectors, pages with `continue` tokens that keep a state, and metadata-only lists.

use std::collections::BTreeMap;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use imago::engine::selector::{FieldSelector, LabelSelector};
use serde_json::{Value, json};

use crate::support::registry::http::Response;

use super::kinds::Kind;
use super::status::{answer, bad_request, expired};

/// The parameters of a request, decoded.
pub fn parameters(query: &str) -> BTreeMap<String, String> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .map(|(name, value)| (decode(name), decode(value)))
        .collect()
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap());
            }
            _ => bytes.push(byte),
        }
    }
    String::from_utf8(bytes).unwrap()
}

/// Objects by namespace and name.
pub type Objects = BTreeMap<(String, String), Arc<Value>>;

/// The states that `continue` tokens refer to, by version.
pub type Snapshots = BTreeMap<u64, Objects>;

/// Answers a list.
pub fn list(
    kind: &Kind,
    namespace: Option<&str>,
    parameters: &BTreeMap<String, String>,
    accept: &str,
    (objects, version): (&Objects, u64),
    snapshots: &mut Snapshots,
) -> Response {
    let parameter = |name: &str| {
        parameters
            .get(name)
            .map(String::as_str)
            .filter(|value| !value.is_empty())
    };
    let (label, field) = (parameter("labelSelector"), parameter("fieldSelector"));
    let labels = match LabelSelector::parse(label.unwrap_or_default()) {
        Ok(labels) => labels,
        Err(error) => {
            return bad_request(&label_error(label.unwrap_or_default(), &error.to_string()));
        }
    };
    let fields = match FieldSelector::parse(field.unwrap_or_default()) {
        Ok(fields) => fields,
        Err(_) => return bad_request(&field_error(field.unwrap_or_default())),
    };
    let (start, version) = match parameter("continue").map(read_token) {
        None => (None, version),
        Some(Ok((version, start))) => (Some(start), version),
        Some(Err(message)) => return bad_request(&message),
    };
    let state = match &start {
        None => objects,
        Some(_) => match snapshots.get(&version) {
            Some(state) => state,
            None => return expired(),
        },
    };
    let mut taken: Vec<(&(String, String), &Arc<Value>)> = state
        .iter()
        .filter(|((place, name), object)| {
            let object_labels = object["metadata"]["labels"].as_object();
            let object_labels = object_labels.into_iter().flatten();
            let object_labels: Vec<_> = object_labels
                .map(|(key, value)| (key.clone(), value.as_str().unwrap().to_owned()))
                .collect();
            namespace.is_none_or(|namespace| namespace == place)
                && fields.matches(Some(place), name)
                && labels.matches(&object_labels)
        })
        .filter(|(key, _)| {
            start
                .as_ref()
                .is_none_or(|start| after(key, namespace) > *start)
        })
        .collect();
    // The order of a store whose keys are paths: `/a-b/` comes before `/a/`.
    taken.sort_by_cached_key(|(key, _)| after(key, namespace));
    let limit = parameter("limit").map_or(usize::MAX, |limit| limit.parse().unwrap());
    let limit = if limit == 0 { usize::MAX } else { limit };
    let mut metadata = json!({"resourceVersion": version.to_string()});
    if taken.len() > limit {
        metadata["continue"] = token(version, &after(taken[limit - 1].0, namespace)).into();
        if label.is_none() && field.is_none() {
            metadata["remainingItemCount"] = (taken.len() - limit).into();
        }
    }
    let partial = accept.contains("as=PartialObjectMetadataList");
    let items: Vec<Value> = taken
        .iter()
        .take(limit)
        .map(|(_, object)| item(object, partial))
        .collect();
    let more = metadata.get("continue").is_some();
    let body = match partial {
        true => {
            json!({"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1", "metadata": metadata, "items": items})
        }
        false => {
            json!({"kind": format!("{}List", kind.kind), "apiVersion": kind.version, "metadata": metadata, "items": items})
        }
    };
    if more && start.is_none() {
        snapshots.insert(version, objects.clone());
    }
    answer(200, &body)
}

/// An item of a list, which has no kind of its own.
fn item(object: &Value, partial: bool) -> Value {
    if partial {
        return json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]});
    }
    let mut item = object.clone();
    let fields = item.as_object_mut().unwrap();
    fields.remove("kind");
    fields.remove("apiVersion");
    item
}

/// The start of the page after an object.
fn after((place, name): &(String, String), namespace: Option<&str>) -> String {
    if namespace.is_some() {
        format!("/{name}\0")
    } else {
        format!("/{place}/{name}\0")
    }
}

fn token(version: u64, start: &str) -> String {
    let start = Value::from(start);
    URL_SAFE_NO_PAD.encode(format!(
        r#"{{"v":"meta.k8s.io/v1","rv":{version},"start":{start}}}"#
    ))
}

fn read_token(text: &str) -> Result<(u64, String), String> {
    let invalid = |why: &str| format!("invalid continue token: continue key is not valid: {why}");
    let bytes = URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| invalid("illegal base64 data"))?;
    let token: Value = serde_json::from_slice(&bytes).map_err(|_| {
        let first = char::from(*bytes.first().unwrap_or(&b' '));
        let shown = if first.is_control() {
            format!("\\u{:04x}", u32::from(first))
        } else {
            first.to_string()
        };
        invalid(&format!(
            "invalid character '{shown}' looking for beginning of value"
        ))
    })?;
    match (token["rv"].as_u64(), token["start"].as_str()) {
        (Some(version), Some(start)) => Ok((version, start.to_owned())),
        _ => Err(invalid("it lacks a part")),
    }
}

/// The server's own message for a selector that starts with an operator.
fn label_error(selector: &str, otherwise: &str) -> String {
    match ["==", "!=", "="]
        .into_iter()
        .find(|operator| selector.starts_with(operator))
    {
        Some(operator) => {
            format!("found '{operator}', expected: !, identifier, or 'end of string'")
        }
        None => otherwise.to_owned(),
    }
}

fn field_error(selector: &str) -> String {
    let field = selector.split(['=', '!']).next().unwrap_or_default();
    format!(
        "\"{field}\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
    )
}
