//! An API server inside the test process: workloads and pods in memory, over TLS, with tokens and roles. It counts requests and
//! misbehaves on demand. Tests compare it with recorded exchanges of a real one (`fixtures/apiserver`).
//!
//! ```ignore
//! let server = ApiServer::start().with(&objects);
//! place.imago(["--kubeconfig", server.kubeconfig_file()]);
//! ```

#![allow(
    unreachable_pub,
    dead_code,
    clippy::unwrap_used,
    reason = "each of those who use this file uses a part of it"
)]

pub mod access;
mod fields;
pub mod kinds;
mod list;
mod object;
mod patch;
mod respond;
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
use kinds::Kind;
use list::{Objects, Snapshots};
use object::{filled, key, write};
use respond::respond;

/// The token of an account that may do everything.
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
    /// An empty server on which [`ADMIN`] may do everything.
    pub fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::new(folder.path());
        let accounts = BTreeMap::from([(ADMIN.to_owned(), Account::admin())]);
        let state = Arc::new(Mutex::new(State {
            accounts,
            version: 1,
            ..State::default()
        }));
        let shared = Arc::clone(&state);
        let tls = authority
            .identity(&["127.0.0.1", "kube.example.test"], Valid::Now)
            .config;
        let server = Server::start(Some(tls), move |request| respond(&shared, request));
        Self {
            server,
            state,
            authority,
            folder,
        }
    }

    /// Adds objects, each alone or in a list, and fills in what a server fills in.
    pub fn with(self, objects: &[Value]) -> Self {
        for object in objects {
            self.add(object);
        }
        self
    }

    /// Adds an object, or all of a list.
    pub fn add(&self, object: &Value) {
        if let Some(items) = object["items"].as_array() {
            let kind = object["kind"]
                .as_str()
                .unwrap()
                .strip_suffix("List")
                .unwrap();
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
        state
            .objects
            .entry(kind.plural)
            .or_default()
            .insert(key, Arc::new(object));
    }

    /// Adds an account.
    pub fn account(self, token: &str, account: Account) -> Self {
        self.state().accounts.insert(token.to_owned(), account);
        self
    }

    /// Sets the current version. The next change gets the one after it.
    pub fn set_version(&self, version: u64) {
        self.state().version = version;
    }

    /// The current object.
    pub fn object(&self, plural: &str, namespace: &str, name: &str) -> Value {
        let state = self.state();
        let found = state
            .objects
            .get(plural)
            .and_then(|objects| objects.get(&(namespace.to_owned(), name.to_owned())));
        Value::clone(found.unwrap_or_else(|| panic!("there is no {plural} {namespace}/{name}")))
    }

    /// Changes an object as another writer would.
    pub fn change(&self, plural: &str, namespace: &str, name: &str, change: impl Fn(&mut Value)) {
        write(
            &mut self.state(),
            Kind::named(plural),
            &(namespace.to_owned(), name.to_owned()),
            &change,
        );
    }

    /// Deletes an object.
    pub fn remove(&self, plural: &str, namespace: &str, name: &str) {
        self.state()
            .objects
            .get_mut(plural)
            .unwrap()
            .remove(&(namespace.to_owned(), name.to_owned()))
            .unwrap();
    }

    /// Before each of the next `times` patches whose path contains this text, changes the object, as a racing writer would.
    pub fn race(
        &self,
        path: &str,
        times: u32,
        change: impl Fn(&mut Value) + Send + Sync + 'static,
    ) {
        self.state()
            .writers
            .push((path.to_owned(), times, Arc::new(change)));
    }

    /// Changes the answer to requests whose path contains this text. The closure gets the request's number, from 1, and the right
    /// answer.
    pub fn fault(
        &self,
        path: &str,
        fault: impl Fn(&Request, u32, Response) -> Response + Send + Sync + 'static,
    ) {
        self.state()
            .faults
            .push((path.to_owned(), 0, Arc::new(fault)));
    }

    /// Expires all `continue` tokens.
    pub fn expire(&self) {
        self.state().snapshots.clear();
    }

    /// Every request so far.
    pub fn requests(&self) -> Vec<Request> {
        self.state().requests.clone()
    }

    /// Every request so far, in short form: `GET /api/v1/pods?limit=500`.
    pub fn asked(&self) -> Vec<String> {
        let short = |request: &Request| {
            let query = if request.query.is_empty() {
                String::new()
            } else {
                format!("?{}", request.query)
            };
            format!("{} {}{query}", request.method, request.path)
        };
        self.requests().iter().map(short).collect()
    }

    /// How many requests of a method there were.
    pub fn count(&self, method: &str) -> usize {
        self.state()
            .requests
            .iter()
            .filter(|request| request.method == method)
            .count()
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
        let path = self.folder.path().join(format!(
            "{token}-{}.kubeconfig",
            namespace.unwrap_or_default()
        ));
        std::fs::write(&path, self.kubeconfig(token, namespace)).unwrap();
        path
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }
}

/// A minimal Deployment; its containers are given by name and image.
pub fn workload(kind: &str, namespace: &str, name: &str, containers: &[(&str, &str)]) -> Value {
    let version = if kind == "CronJob" {
        "batch/v1"
    } else {
        "apps/v1"
    };
    let containers: Vec<Value> = containers
        .iter()
        .map(|(name, image)| json!({"name": name, "image": image}))
        .collect();
    let template =
        json!({"metadata": {"labels": {"app": name}}, "spec": {"containers": containers}});
    let spec = match kind {
        "CronJob" => {
            json!({"schedule": "0 4 * * *", "jobTemplate": {"spec": {"template": template}}})
        }
        _ => json!({"selector": {"matchLabels": {"app": name}}, "template": template}),
    };
    let metadata = json!({"name": name, "namespace": namespace, "labels": {"app": name}});
    json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec})
}
