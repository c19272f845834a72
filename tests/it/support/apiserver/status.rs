//! The refusals of an API server.

use serde_json::{Value, json};

use crate::support::registry::http::Response;

use super::kinds::Kind;

/// An answer with a body.
pub fn answer(status: u16, body: &Value) -> Response {
    Response::new(status)
        .header("Content-Type", "application/json")
        .body(body.to_string())
}

/// A `Status`. Details that are null are left out.
pub fn failure(code: u16, reason: &str, message: &str, details: &Value) -> Response {
    let mut body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code,
    });
    if !details.is_null() {
        body["details"] = details.clone();
    }
    answer(code, &body)
}

pub fn unauthorized() -> Response {
    failure(401, "Unauthorized", "Unauthorized", &Value::Null)
}

pub fn not_served() -> Response {
    failure(
        404,
        "NotFound",
        "the server could not find the requested resource",
        &json!({}),
    )
}

pub fn bad_request(message: &str) -> Response {
    failure(400, "BadRequest", message, &Value::Null)
}

pub fn expired() -> Response {
    failure(
        410,
        "Expired",
        "The provided continue parameter is too old to display a consistent list result.",
        &Value::Null,
    )
}

/// A JSON Patch that fails. The server does not say which part of it failed.
pub fn patch_refused() -> Response {
    failure(
        422,
        "Invalid",
        "the server rejected our request due to an error in our request",
        &json!({}),
    )
}

pub fn not_found(kind: &Kind, name: &str) -> Response {
    failure(
        404,
        "NotFound",
        &format!("{} \"{name}\" not found", kind.qualified()),
        &details(kind, Some(name)),
    )
}

pub fn conflict(kind: &Kind, name: &str) -> Response {
    let message = format!(
        "Operation cannot be fulfilled on {} \"{name}\": the object has been modified; please apply your changes to the latest \
         version and try again",
        kind.qualified()
    );
    failure(409, "Conflict", &message, &details(kind, Some(name)))
}

/// The answer when a role lacks a verb.
pub fn forbidden(
    user: &str,
    verb: &str,
    kind: &Kind,
    namespace: Option<&str>,
    name: Option<&str>,
) -> Response {
    let what = name.map_or_else(
        || kind.qualified(),
        |name| format!("{} \"{name}\"", kind.qualified()),
    );
    let place = namespace.map_or_else(
        || "at the cluster scope".to_owned(),
        |namespace| format!("in the namespace \"{namespace}\""),
    );
    let message = format!(
        "{what} is forbidden: User \"{user}\" cannot {verb} resource \"{}\" in API group \"{}\" {place}",
        kind.plural, kind.group
    );
    failure(403, "Forbidden", &message, &details(kind, name))
}

/// The answer for an invalid object: for each field, its reason and message.
pub fn invalid(kind: &Kind, name: &str, causes: &[(String, &str, &str)]) -> Response {
    let said: Vec<String> = causes
        .iter()
        .map(|(field, _, message)| format!("{field}: {message}"))
        .collect();
    let said = if said.len() == 1 {
        said[0].clone()
    } else {
        format!("[{}]", said.join(", "))
    };
    let object = if kind.group.is_empty() {
        kind.kind.to_owned()
    } else {
        format!("{}.{}", kind.kind, kind.group)
    };
    let causes: Vec<Value> =
        causes.iter().map(|(field, reason, message)| json!({"reason": reason, "message": message, "field": field})).collect();
    let details = json!({"name": name, "group": kind.group, "kind": kind.kind, "causes": causes});
    failure(
        422,
        "Invalid",
        &format!("{object} \"{name}\" is invalid: {said}"),
        &details,
    )
}

fn details(kind: &Kind, name: Option<&str>) -> Value {
    let mut details = json!({"kind": kind.plural});
    if !kind.group.is_empty() {
        details["group"] = kind.group.into();
    }
    if let Some(name) = name {
        details["name"] = name.into();
    }
    details
}
