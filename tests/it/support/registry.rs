//! An OCI registry inside the test process, with a token server. It counts requests and misbehaves on demand.
//!
//! It has only the part of the specification that reading needs: manifests by tag and digest, blobs, lists of tags, Basic and Bearer.
//! `demo/demo.rs` uses it too, so it depends on nothing else in the tests.

#![allow(
    unreachable_pub,
    dead_code,
    clippy::unwrap_used,
    reason = "each of those who use this file uses a part of it"
)]

#[path = "http.rs"]
pub mod http;
#[path = "tag_lists.rs"]
mod tag_lists;
#[path = "tokens.rs"]
mod tokens;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use http::{Request, Response, Server};
use tag_lists::{Lists, list_tags};
use tokens::give_token;

pub use tokens::Tokens;

pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// Who may read.
#[derive(Clone, Debug, Default)]
pub enum Access {
    /// Everybody.
    #[default]
    Open,
    /// Clients with this user and password.
    Basic { user: String, password: String },
    /// Clients with a token of the token server.
    Token(Tokens),
}

/// A repository, and a tag or digest in it.
type Reference = (String, String);
/// A media type and bytes.
type Typed = (String, Vec<u8>);
type Fault = dyn Fn(&Request, u32, Response) -> Response + Send + Sync;

#[derive(Default)]
struct State {
    manifests: Mutex<BTreeMap<Reference, Typed>>,
    blobs: Mutex<BTreeMap<String, Vec<u8>>>,
    requests: Mutex<Vec<Request>>,
    faults: Mutex<BTreeMap<String, (u32, Arc<Fault>)>>,
    tokens: Mutex<BTreeMap<String, String>>,
    used: Mutex<BTreeSet<String>>,
    lists: Mutex<Lists>,
}

/// A running registry at `address`.
pub struct TestRegistry {
    pub address: SocketAddr,
    server: Server,
    /// The token server, on its own port.
    token_server: Option<Server>,
    state: Arc<State>,
}

impl TestRegistry {
    /// An open registry over plain http.
    pub fn start() -> Self {
        Self::with(Access::Open, None)
    }

    /// A registry with this access, over TLS if a configuration is given.
    pub fn with(access: Access, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let state = Arc::new(State::default());
        let token_server = match &access {
            Access::Token(tokens) => {
                let (state, tokens) = (Arc::clone(&state), tokens.clone());
                Some(Server::start(tls.clone(), move |request| {
                    noted(&state, request, give_token(&state, &tokens, request))
                }))
            }
            _ => None,
        };
        let scheme = if tls.is_some() { "https" } else { "http" };
        let realm = token_server
            .as_ref()
            .map(|server| format!("{scheme}://{}/token", named(server.address)))
            .unwrap_or_default();
        let shared = Arc::clone(&state);
        let server = Server::start(tls, move |request| {
            let response = answer(&shared, &access, &realm, request);
            noted(&shared, request, response)
        });
        Self {
            address: server.address,
            server,
            token_server,
            state,
        }
    }

    /// The registry's part of an image name: `127.0.0.1:34567`.
    pub fn host(&self) -> String {
        self.address.to_string()
    }

    /// Pushes an image for several platforms under a tag, and returns its index's digest. Another `content` gives another digest.
    pub fn push_index(
        &self,
        repository: &str,
        tag: &str,
        platforms: &[&str],
        content: &str,
    ) -> String {
        let manifests: Vec<serde_json::Value> = platforms
            .iter()
            .map(|platform| {
                let digest = self.push_image(repository, &format!("{tag}-{}", platform.replace('/', "-")), platform, content);
                let mut parts = platform.split('/');
                let (os, architecture) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
                serde_json::json!({"mediaType": MANIFEST, "digest": digest, "size": 1, "platform": {"os": os, "architecture": architecture}})
            })
            .collect();
        let index =
            serde_json::json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests});
        self.push(repository, tag, INDEX, index.to_string().as_bytes())
    }

    /// Pushes an image for one platform under a tag, and returns its manifest's digest.
    pub fn push_image(&self, repository: &str, tag: &str, platform: &str, content: &str) -> String {
        let more = serde_json::json!({"author": content});
        self.push_image_with(repository, tag, platform, more, serde_json::json!({}))
    }

    /// The same, with more fields in its configuration, and annotations in its manifest.
    pub fn push_image_with(
        &self,
        repository: &str,
        tag: &str,
        platform: &str,
        more: serde_json::Value,
        annotations: serde_json::Value,
    ) -> String {
        let mut parts = platform.split('/');
        let (os, architecture) = (
            parts.next().unwrap_or_default(),
            parts.next().unwrap_or_default(),
        );
        let mut config = serde_json::json!({"os": os, "architecture": architecture});
        let more = more.as_object().cloned().unwrap_or_default();
        config.as_object_mut().unwrap().extend(more);
        let config = config.to_string();
        let digest = self.push_blob(config.as_bytes());
        let mut manifest = serde_json::json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": digest, "size": config.len()}, "layers": [],
        });
        if annotations.as_object().is_none_or(|some| !some.is_empty()) {
            manifest["annotations"] = annotations;
        }
        self.push(repository, tag, MANIFEST, manifest.to_string().as_bytes())
    }

    /// Stores bytes under a tag and under their digest, and returns the digest.
    pub fn push(&self, repository: &str, tag: &str, media_type: &str, bytes: &[u8]) -> String {
        let digest = digest(bytes);
        let mut manifests = self.state.manifests.lock().unwrap();
        for reference in [tag, &digest] {
            manifests.insert(
                (repository.to_owned(), reference.to_owned()),
                (media_type.to_owned(), bytes.to_vec()),
            );
        }
        digest
    }

    /// Stores a blob, and returns its digest.
    pub fn push_blob(&self, bytes: &[u8]) -> String {
        let digest = digest(bytes);
        self.state
            .blobs
            .lock()
            .unwrap()
            .insert(digest.clone(), bytes.to_vec());
        digest
    }

    /// The bytes of a manifest that was pushed.
    pub fn manifest(&self, repository: &str, reference: &str) -> Vec<u8> {
        self.state.manifests.lock().unwrap()[&(repository.to_owned(), reference.to_owned())]
            .1
            .clone()
    }

    /// Deletes a tag or a digest.
    pub fn remove(&self, repository: &str, reference: &str) {
        self.state
            .manifests
            .lock()
            .unwrap()
            .remove(&(repository.to_owned(), reference.to_owned()));
    }

    /// Gives a repository these tags beside those that were pushed. They are in its list, and have no manifest.
    pub fn list(&self, repository: &str, tags: impl IntoIterator<Item = String>) {
        let mut lists = self.state.lists.lock().unwrap();
        let listed = lists.tags.entry(repository.to_owned()).or_default();
        listed.extend(tags);
    }

    /// Answers with at most this many tags at once from now on.
    pub fn page(&self, size: usize) {
        self.state.lists.lock().unwrap().page = Some(size);
    }

    /// Makes a repository misbehave (`token` means the token server). The closure gets the request, the number of earlier ones,
    /// and the right answer.
    pub fn fault(
        &self,
        repository: &str,
        fault: impl Fn(&Request, u32, Response) -> Response + Send + Sync + 'static,
    ) {
        self.state
            .faults
            .lock()
            .unwrap()
            .insert(repository.to_owned(), (0, Arc::new(fault)));
    }

    /// Every request so far, including those to the token server.
    pub fn requests(&self) -> Vec<Request> {
        self.state.requests.lock().unwrap().clone()
    }

    /// `METHOD path` of every request.
    pub fn asked(&self) -> Vec<String> {
        self.requests()
            .iter()
            .map(|request| format!("{} {}", request.method, request.path))
            .collect()
    }

    /// How many connections the registry had.
    pub fn connections(&self) -> usize {
        self.server.connections()
    }

    /// The token server's host and port.
    pub fn token_host(&self) -> Option<String> {
        self.token_server
            .as_ref()
            .map(|server| server.address.to_string())
    }
}

/// The digest of bytes, as registries name them.
pub fn digest(bytes: &[u8]) -> String {
    format!(
        "sha256:{}",
        Sha256::digest(bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    )
}

/// `Basic` credentials as a header's value.
pub fn basic(user: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{user}:{password}")))
}

fn named(address: SocketAddr) -> String {
    format!("localhost:{}", address.port())
}

/// Records the request, and lets a fault change the answer.
fn noted(state: &State, request: &Request, response: Response) -> Response {
    state.requests.lock().unwrap().push(request.clone());
    let repository = split(&request.path).map_or("token", |(repository, ..)| repository);
    let fault = state
        .faults
        .lock()
        .unwrap()
        .get_mut(repository)
        .map(|(count, fault)| {
            *count += 1;
            (*count - 1, Arc::clone(fault))
        });
    match fault {
        Some((before, fault)) => fault(request, before, response),
        None => response,
    }
}

/// Splits `/v2/REPOSITORY/manifests/REFERENCE`.
fn split(path: &str) -> Option<(&str, &str, &str)> {
    let (rest, reference) = path.strip_prefix("/v2/")?.rsplit_once('/')?;
    let (repository, kind) = rest.rsplit_once('/')?;
    Some((repository, kind, reference))
}

fn answer(state: &State, access: &Access, realm: &str, request: &Request) -> Response {
    let Some((repository, kind, reference)) = split(&request.path) else {
        let is_known = match access {
            Access::Open => true,
            Access::Basic { user, password } => {
                request.header("authorization") == Some(basic(user, password).as_str())
            }
            Access::Token(_) => false,
        };
        let status = if is_known { 200 } else { 401 };
        return challenged(Response::new(status), access, realm);
    };
    let sent = request.header("authorization");
    let allowed = match access {
        Access::Open => true,
        Access::Basic { user, password } => sent == Some(basic(user, password).as_str()),
        Access::Token(tokens) => {
            let token = sent
                .and_then(|sent| sent.strip_prefix("Bearer "))
                .unwrap_or_default();
            let repository_of_token = state.tokens.lock().unwrap().get(token).cloned();
            let spent = tokens.once && !state.used.lock().unwrap().insert(token.to_owned());
            match (repository_of_token, &tokens.insufficient) {
                (Some(of), _) if of == repository && !spent => true,
                (Some(_), Some(challenge)) => {
                    return error(401, "UNAUTHORIZED")
                        .header("www-authenticate", challenge.clone());
                }
                _ => false,
            }
        }
    };
    if !allowed {
        return challenged(error(401, "UNAUTHORIZED"), access, realm);
    }
    if kind == "blobs" {
        let blobs = state.blobs.lock().unwrap();
        return blobs.get(reference).map_or_else(
            || error(404, "BLOB_UNKNOWN"),
            |bytes| Response::new(200).body(bytes.clone()),
        );
    }
    if kind == "tags" {
        return list_tags(state, repository, request);
    }
    let manifests = state.manifests.lock().unwrap();
    match manifests.get(&(repository.to_owned(), reference.to_owned())) {
        Some((media_type, bytes)) => {
            let response = Response::new(200)
                .header("content-type", media_type.as_str())
                .body(bytes.clone());
            response.header("docker-content-digest", digest(bytes))
        }
        None if manifests.keys().any(|(known, _)| known == repository) => {
            error(404, "MANIFEST_UNKNOWN")
        }
        None => error(404, "NAME_UNKNOWN"),
    }
}

fn challenged(mut response: Response, access: &Access, realm: &str) -> Response {
    match access {
        Access::Open => {}
        Access::Basic { .. } => {
            response = response.header("www-authenticate", r#"Basic realm="test""#)
        }
        Access::Token(tokens) => {
            let headers = tokens.challenges.iter().map(|text| {
                (
                    "www-authenticate".to_owned(),
                    text.replace("{realm}", realm),
                )
            });
            response.headers.extend(headers);
        }
    }
    response
}

fn error(status: u16, code: &str) -> Response {
    let body = serde_json::json!({"errors": [{"code": code, "message": "as a test wants it"}]});
    Response::new(status)
        .header("content-type", "application/json")
        .body(body.to_string())
}
