//! An API server inside the process: workloads and pods in memory, over TLS, with tokens and roles, that counts what it is asked and
//! misbehaves on demand. It is held against recorded exchanges with a real one (`fixtures/apiserver`).
//!
//! ```ignore
//! let server = ApiServer::start().with(&objects);
//! place.imago(["--kubeconfig", server.kubeconfig_file()]);
//! ```

#![allow(unreachable_pub, dead_code, clippy::unwrap_used, reason = "each of those who use this file uses a part of it")]

pub mod access;
mod fields;
pub mod kinds;
mod list;
mod patch;
pub mod status;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::support::registry::http::{Request, Response, Server};
use crate::support::tls::{Authority, Valid};

use access::Account;
use kinds::{Kind, Target};
use list::{Objects, Snapshots, parameters};
use status::{answer, bad_request, forbidden, invalid, not_found, not_served, patch_refused, unauthorized};

/// The token of who may do everything.
pub const ADMIN: &str = "token-of-the-admin";

type Fault = dyn Fn(&Request, u32, Response) -> Response + Send + Sync;
type Writer = dyn Fn(&mut Value) + Send + Sync;

#[derive(Default)]
struct State {
    objects: BTreeMap<&'static str, Objects>,
    version: u64,
    uids: u64,
    snapshots: Snapshots,
    accounts: BTreeMap<String, Account>,
    requests: Vec<Request>,
    faults: Vec<(String, u32, Arc<Fault>)>,
    writers: Vec<(String, u32, Arc<Writer>)>,
}

/// A running server.
pub struct ApiServer {
    server: Server,
    state: Arc<Mutex<State>>,
    authority: Authority,
    folder: tempfile::TempDir,
}

impl ApiServer {
    /// An empty server, for whom [`ADMIN`] may do everything.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(folder.path());
        let accounts = BTreeMap::from([(ADMIN.to_owned(), Account::admin())]);
        let state = Arc::new(Mutex::new(State { accounts, version: 1, ..State::default() }));
        let shared = Arc::clone(&state);
        let tls = authority.identity(&["127.0.0.1", "kube.example.test"], Valid::Now).config;
        let server = Server::start(Some(tls), move |request| respond(&shared, request));
        Self { server, state, authority, folder }
    }

    /// Adds objects: each one by itself, or all of a list. What a server fills in is filled in.
    pub fn with(self, objects: &[Value]) -> Self {
        for object in objects {
            self.add(object);
        }
        self
    }

    /// Adds an object, or all of a list.
    pub fn add(&self, object: &Value) {
        if let Some(items) = object["items"].as_array() {
            let kind = object["kind"].as_str().unwrap().strip_suffix("List").unwrap();
            for item in items {
                let mut item = item.clone();
                if !kind.is_empty() {
                    item["kind"] = kind.into();
                    item["apiVersion"] = object["apiVersion"].clone();
                }
                self.add(&item);
            }
            return;
        }
        let mut state = self.state();
        let kind = Kind::of(object);
        let object = filled(object.clone(), kind, &mut state);
        let key = key(&object);
        state.objects.entry(kind.plural).or_default().insert(key, Arc::new(object));
    }

    /// Lets an account in.
    pub fn account(self, token: &str, account: Account) -> Self {
        self.state().accounts.insert(token.to_owned(), account);
        self
    }

    /// Sets the version that the next change follows.
    pub fn set_version(&self, version: u64) {
        self.state().version = version;
    }

    /// An object as it is now.
    pub fn object(&self, plural: &str, namespace: &str, name: &str) -> Value {
        let state = self.state();
        let found = state.objects.get(plural).and_then(|objects| objects.get(&(namespace.to_owned(), name.to_owned())));
        Value::clone(found.unwrap_or_else(|| panic!("there is no {plural} {namespace}/{name}")))
    }

    /// Changes an object as somebody else would.
    pub fn change(&self, plural: &str, namespace: &str, name: &str, change: impl Fn(&mut Value)) {
        write(&mut self.state(), Kind::named(plural), &(namespace.to_owned(), name.to_owned()), &change);
    }

    /// Takes an object away.
    pub fn remove(&self, plural: &str, namespace: &str, name: &str) {
        self.state().objects.get_mut(plural).unwrap().remove(&(namespace.to_owned(), name.to_owned())).unwrap();
    }

    /// Changes what is patched under a path (a part of it is enough) before each of the next `times` patches, as a writer that races would.
    pub fn race(&self, path: &str, times: u32, change: impl Fn(&mut Value) + Send + Sync + 'static) {
        self.state().writers.push((path.to_owned(), times, Arc::new(change)));
    }

    /// Answers requests whose path contains this otherwise. The closure gets their number, from 1, and the answer that would be right.
    pub fn fault(&self, path: &str, fault: impl Fn(&Request, u32, Response) -> Response + Send + Sync + 'static) {
        self.state().faults.push((path.to_owned(), 0, Arc::new(fault)));
    }

    /// Forgets the states of lists that are being read: their `continue` tokens have expired.
    pub fn expire(&self) {
        self.state().snapshots.clear();
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Request> {
        self.state().requests.clone()
    }

    /// Every request so far in short: `GET /api/v1/pods?limit=500`.
    pub fn asked(&self) -> Vec<String> {
        let short = |request: &Request| {
            let query = if request.query.is_empty() { String::new() } else { format!("?{}", request.query) };
            format!("{} {}{query}", request.method, request.path)
        };
        self.requests().iter().map(short).collect()
    }

    /// How many requests of a method there were.
    pub fn count(&self, method: &str) -> usize {
        self.state().requests.iter().filter(|request| request.method == method).count()
    }

    /// How many connections there were.
    pub fn connections(&self) -> usize {
        self.server.connections()
    }

    /// `https://127.0.0.1:PORT`
    pub fn url(&self) -> String {
        format!("https://{}", self.server.address)
    }

    /// The certificate of the server's authority, as PEM.
    pub fn authority(&self) -> &Path {
        &self.authority.file
    }

    /// A kubeconfig (JSON is YAML too) with one context `test`.
    pub fn kubeconfig(&self, token: &str, namespace: Option<&str>) -> String {
        let authority = STANDARD.encode(std::fs::read(self.authority()).unwrap());
        let mut context = json!({"cluster": "test", "user": "test"});
        if let Some(namespace) = namespace {
            context["namespace"] = namespace.into();
        }
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": {"server": self.url(), "certificate-authority-data": authority}}],
            "contexts": [{"name": "test", "context": context}],
            "users": [{"name": "test", "user": {"token": token}}],
        });
        config.to_string()
    }

    /// A file with the admin's kubeconfig, in the namespace `shop`.
    pub fn kubeconfig_file(&self) -> PathBuf {
        self.kubeconfig_file_of(ADMIN, Some("shop"))
    }

    /// A file with a kubeconfig.
    pub fn kubeconfig_file_of(&self, token: &str, namespace: Option<&str>) -> PathBuf {
        let path = self.folder.path().join(format!("{token}-{}.kubeconfig", namespace.unwrap_or_default()));
        std::fs::write(&path, self.kubeconfig(token, namespace)).unwrap();
        path
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// A Deployment as short as it gets: its containers by name and image.
pub fn workload(kind: &str, namespace: &str, name: &str, containers: &[(&str, &str)]) -> Value {
    let version = if kind == "CronJob" { "batch/v1" } else { "apps/v1" };
    let containers: Vec<Value> = containers.iter().map(|(name, image)| json!({"name": name, "image": image})).collect();
    let template = json!({"metadata": {"labels": {"app": name}}, "spec": {"containers": containers}});
    let spec = match kind {
        "CronJob" => json!({"schedule": "0 4 * * *", "jobTemplate": {"spec": {"template": template}}}),
        _ => json!({"selector": {"matchLabels": {"app": name}}, "template": template}),
    };
    let metadata = json!({"name": name, "namespace": namespace, "labels": {"app": name}});
    json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec})
}

fn key(object: &Value) -> (String, String) {
    let text = |key: &str| object["metadata"][key].as_str().unwrap_or_else(|| panic!("no {key} in {object}")).to_owned();
    (text("namespace"), text("name"))
}

/// What a server adds to an object that is new: identity, version, managers, the default pull policy.
fn filled(mut object: Value, kind: &Kind, state: &mut State) -> Value {
    state.uids += 1;
    let uid = format!("00000000-0000-4000-8000-{:012x}", state.uids);
    if object["metadata"]["resourceVersion"].is_null() {
        state.version += 1;
        object["metadata"]["resourceVersion"] = state.version.to_string().into();
    }
    for (key, value) in [("uid", json!(uid)), ("generation", json!(1)), ("creationTimestamp", json!(fields::TIME))] {
        if object["metadata"][key].is_null() {
            object["metadata"][key] = value;
        }
    }
    if let Some(pod) = object.pointer_mut(kind.pod()) {
        for list in ["containers", "initContainers"] {
            for container in pod[list].as_array_mut().into_iter().flatten() {
                let image = container["image"].as_str().unwrap_or_default();
                let name = image.rsplit('/').next().unwrap_or_default();
                let moves = !name.contains('@') && (!name.contains(':') || name.ends_with(":latest"));
                if container["imagePullPolicy"].is_null() {
                    container["imagePullPolicy"] = if moves { "Always" } else { "IfNotPresent" }.into();
                }
            }
        }
        // Reading an absent list has made a null of it.
        pod.as_object_mut().unwrap().retain(|_, value| !value.is_null());
    }
    if object["metadata"]["managedFields"].is_null() {
        fields::record(&json!({}), &mut object, "kubectl-client-side-apply");
    }
    object
}

/// Makes a change, as a new version of the object.
fn write(state: &mut State, kind: &'static Kind, key: &(String, String), change: &dyn Fn(&mut Value)) {
    state.version += 1;
    let version = state.version.to_string();
    let object = state.objects.get_mut(kind.plural).and_then(|objects| objects.get_mut(key));
    let object = Arc::make_mut(object.unwrap_or_else(|| panic!("there is no {} {key:?}", kind.plural)));
    let old = object.clone();
    change(object);
    fields::record(&old, object, "somebody-else");
    object["metadata"]["resourceVersion"] = version.into();
}

fn respond(state: &Mutex<State>, request: &Request) -> Response {
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
    // A fault may ask the server itself, or take its time.
    drop(locked);
    for (number, fault) in faults {
        response = fault(request, number, response);
    }
    response
}

/// The right answer.
fn right(state: &mut State, request: &Request) -> Response {
    let token = request.header("authorization").and_then(|header| header.strip_prefix("Bearer "));
    let Some(account) = token.and_then(|token| state.accounts.get(token)).cloned() else { return unauthorized() };
    let Some(Target { kind, namespace, name }) = kinds::target(&request.path) else { return kinds::discover(request) };
    let verb = match (request.method.as_str(), &name) {
        ("GET", None) => "list",
        ("GET", Some(_)) => "get",
        ("PATCH", Some(_)) => "patch",
        _ => return not_served(),
    };
    if !account.can(verb, kind, namespace.as_deref()) {
        return forbidden(&account.user, verb, kind, namespace.as_deref(), name.as_deref());
    }
    let parameters = parameters(&request.query);
    let Some(name) = name else {
        let State { objects, version, snapshots, .. } = state;
        let accept = request.header("accept").unwrap_or_default();
        let objects = objects.entry(kind.plural).or_default();
        return list::list(kind, namespace.as_deref(), &parameters, accept, (objects, *version), snapshots);
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
    let Some(old) = state.objects.entry(kind.plural).or_default().get(key).cloned() else { return not_found(kind, name) };
    let Ok(patch) = serde_json::from_str::<Value>(&request.body) else {
        return bad_request("the body of the request is no JSON");
    };
    let mut new = match (request.header("content-type").unwrap_or_default(), patch.as_array()) {
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
            new["metadata"]["generation"] = (old["metadata"]["generation"].as_u64().unwrap() + 1).into();
        }
        let agent = request.header("user-agent").and_then(|agent| agent.split('/').next()).filter(|agent| !agent.is_empty());
        let manager = parameters.get("fieldManager").map(String::as_str).or(agent).unwrap_or("unknown");
        fields::record(&old, &mut new, manager);
        if parameters.get("dryRun").is_none_or(|value| value != "All") {
            state.version += 1;
            new["metadata"]["resourceVersion"] = state.version.to_string().into();
            state.objects.entry(kind.plural).or_default().insert(key.clone(), Arc::new(new.clone()));
        }
    }
    answer(200, &new)
}

/// What is not valid in an object: field, reason, message.
fn faults(object: &Value, kind: &Kind) -> Vec<(String, &'static str, &'static str)> {
    let mut faults = Vec::new();
    let pod = kind.pod().trim_start_matches('/').replace('/', ".");
    for list in ["initContainers", "containers"] {
        let containers = object.pointer(&format!("{}/{list}", kind.pod())).and_then(Value::as_array);
        for (index, container) in containers.into_iter().flatten().enumerate() {
            let (field, image) = (format!("{pod}.{list}[{index}].image"), container["image"].as_str().unwrap_or_default());
            if image.is_empty() {
                faults.push((field, "FieldValueRequired", "Required value"));
            } else if image.trim() != image {
                faults.push((field, "FieldValueInvalid", "Invalid value: must not have leading or trailing whitespace"));
            }
        }
    }
    faults
}
