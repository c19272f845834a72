//! Answers requests: with the right answer, or with what a test makes of it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::Value;

use super::kinds::{self, Kind, Target};
use super::list::{self, parameters};
use super::object::{faults, write};
use super::status::{
    self, answer, bad_request, forbidden, invalid, not_found, not_served, patch_refused,
    unauthorized,
};
use super::{State, Writer, fields, patch};
use crate::support::registry::http::{Request, Response};

/// Records the request, and lets faults change the right answer.
pub(super) fn respond(state: &Mutex<State>, request: &Request) -> Response {
    let mut locked = state.lock().unwrap();
    locked.requests.push(request.clone());
    let mut response = right(&mut locked, request);
    let mut faults = Vec::new();
    for (path, number, fault) in &mut locked.faults {
        if request.path.contains(path.as_str()) {
            *number += 1;
            faults.push((*number, Arc::clone(fault)));
        }
    }
    // Unlock first: a fault may query the server itself, or take its time.
    drop(locked);
    for (number, fault) in faults {
        response = fault(request, number, response);
    }
    response
}

/// The right answer.
fn right(state: &mut State, request: &Request) -> Response {
    let token = request
        .header("authorization")
        .and_then(|header| header.strip_prefix("Bearer "));
    let Some(account) = token.and_then(|token| state.accounts.get(token)).cloned() else {
        return unauthorized();
    };
    let Some(Target {
        kind,
        namespace,
        name,
    }) = kinds::target(&request.path)
    else {
        return kinds::discover(request);
    };
    let verb = match (request.method.as_str(), &name) {
        ("GET", None) => "list",
        ("GET", Some(_)) => "get",
        ("PATCH", Some(_)) => "patch",
        _ => return not_served(),
    };
    if !account.can(verb, kind, namespace.as_deref()) {
        return forbidden(
            &account.user,
            verb,
            kind,
            namespace.as_deref(),
            name.as_deref(),
        );
    }
    let parameters = parameters(&request.query);
    let Some(name) = name else {
        let State {
            objects,
            version,
            snapshots,
            ..
        } = state;
        let accept = request.header("accept").unwrap_or_default();
        let objects = objects.entry(kind.plural).or_default();
        return list::list(
            kind,
            namespace.as_deref(),
            &parameters,
            accept,
            (objects, *version),
            snapshots,
        );
    };
    let key = (namespace.unwrap_or_default(), name);
    match verb {
        "patch" => patched(state, kind, &key, request, &parameters),
        _ => match state.objects.entry(kind.plural).or_default().get(&key) {
            Some(object) => answer(200, object),
            None => not_found(kind, &key.1),
        },
    }
}

fn patched(
    state: &mut State,
    kind: &'static Kind,
    key: &(String, String),
    request: &Request,
    parameters: &BTreeMap<String, String>,
) -> Response {
    let name = &key.1;
    let writers: Vec<Arc<Writer>> = state
        .writers
        .iter_mut()
        .filter(|(path, left, _)| *left > 0 && request.path.contains(path.as_str()))
        .map(|(_, left, writer)| {
            *left -= 1;
            Arc::clone(writer)
        })
        .collect();
    for writer in writers {
        write(state, kind, key, &*writer);
    }
    let Some(old) = state
        .objects
        .entry(kind.plural)
        .or_default()
        .get(key)
        .cloned()
    else {
        return not_found(kind, name);
    };
    let Ok(patch) = serde_json::from_str::<Value>(&request.body) else {
        return bad_request("the body of the request is no JSON");
    };
    let mut new = match (
        request.header("content-type").unwrap_or_default(),
        patch.as_array(),
    ) {
        ("application/json-patch+json", Some(operations)) => match patch::json(&old, operations) {
            Some(new) => new,
            None => return patch_refused(),
        },
        ("application/merge-patch+json", None) => {
            let mut new = Value::clone(&old);
            patch::merge(&mut new, &patch);
            new
        }
        _ => return bad_request("this is no patch of a kind that is known"),
    };
    if new["metadata"]["resourceVersion"] != old["metadata"]["resourceVersion"] {
        return status::conflict(kind, name);
    }
    let faults = faults(&new, kind);
    if !faults.is_empty() {
        return invalid(kind, name, &faults);
    }
    if new != *old {
        if new["spec"] != old["spec"] {
            new["metadata"]["generation"] =
                (old["metadata"]["generation"].as_u64().unwrap() + 1).into();
        }
        let agent = request
            .header("user-agent")
            .and_then(|agent| agent.split('/').next())
            .filter(|agent| !agent.is_empty());
        let manager = parameters
            .get("fieldManager")
            .map(String::as_str)
            .or(agent)
            .unwrap_or("unknown");
        fields::record(&old, &mut new, manager);
        if parameters.get("dryRun").is_none_or(|value| value != "All") {
            state.version += 1;
            new["metadata"]["resourceVersion"] = state.version.to_string().into();
            state
                .objects
                .entry(kind.plural)
                .or_default()
                .insert(key.clone(), Arc::new(new.clone()));
        }
    }
    answer(200, &new)
}
