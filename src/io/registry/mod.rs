//! OCI registries: which digest has a tag now, what does a digest stand for, and which tags has a repository.
//!
//! Follows the OCI distribution specification and what registries do beside it. A digest
//! in the answer to HEAD is believed when it is well-formed, or read first (`NewDigests`); bytes count when they have the digest that was
//! asked for. Credentials go to the host they
//! belong to. Each question ends in one answer or one refusal, within the limits of `Settings`, and costs other questions
//! nothing.
//!
//! The parts: `map` and `destination` say who is asked, and `detours` whether that was the repository's choice, `ask` signs in, `in_turn` tries several pull secrets, `token` keeps
//! tokens, `trial` keeps wrong passwords from being tried often, `retry` tries again, `host` knows what a run has learnt of a
//! host, `shared` is what those have in common who ask side by side, `transport` sends one request, `addresses` and `proxies`
//! say where and how it may go, `challenge`, `manifest`, `tags`, `pushes` and
//! `link_header` read what comes, `client_error`, `fault` and `refusal` say what went wrong, `trace`
//! notes the way.
//!
//! # Why not `oci-client`
//!
//! Read at version 0.17.0 (commit 7f82006); it checks digests and has time limits for connecting and reading by now. What is left:
//!
//! - `src/client.rs:794` asks `/v2/` before each repository is signed in to. Here a host is asked for the image at once.
//! - `src/client.rs:807` reads the first `WWW-Authenticate` header alone, and Basic only where that is no Bearer challenge.
//! - `src/client.rs:846` sends the credentials to whatever realm the challenge names, over plain http too.
//! - `src/secrets.rs:7` knows nobody, Basic and Bearer: no identity tokens, which Azure's registries hand out.
//! - `src/client.rs` has neither "redirect" nor a retry: a redirect may lead to a private address, and a 429 ends the question.
//! - `src/client.rs:344` limits a connection and a silence, not a question or a run; a body is read whole, whatever its size.
//! - `Cargo.toml:30` brings in aws-lc beside ring.
//!
//! Manifests and indexes are our own types too. `oci-spec` 0.10 adds 17 crates (`derive_builder`, `getset`, `strum` and theirs), and it
//! refuses a descriptor without `mediaType` or `size`, which registries hand out and runtimes take.

pub(in crate::io) mod addresses;
mod ask;
mod challenge;
pub(in crate::io) mod client_error;
mod destination;
mod detours;
pub(in crate::io) mod fault;
mod host;
mod in_turn;
pub(in crate::io) mod link_header;
mod manifest;
mod map;
mod proxies;
mod pushes;
mod refusal;
pub(in crate::io) mod retry;
mod settings;
mod shared;
mod tags;
mod token;
mod trace;
pub(in crate::io) mod transport;
mod trial;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, OnceLock};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use tokio::time::Instant;

use ask::Answered;
use destination::Destination;
use manifest::{Malformed, Parsed};
use map::Target;
use refusal::{of_status, passes, refusal};
use retry::Asked;
use shared::Shared;
use trace::Way;

pub use detours::{Detour, Detours};
pub use map::{Map, MapError};
pub use settings::{Limits, NewDigests, RegistryError, Settings};
pub use trace::{Step, Trace};

use super::credentials::{Credentials, Known, Secret, Store};
use super::once::Once;
use crate::engine::answer::{Details, Index, Manifest, Refusal};
use crate::engine::code::Code;
use crate::engine::image::{Digest, Lookup};
use crate::engine::version::TagList;

/// The header that names a manifest's digest.
const DIGEST_HEADER: &str = "docker-content-digest";
/// How deep indexes may stand in indexes.
const MAX_DEPTH: usize = 3;
/// How many of an index's entries without a platform are read.
const MAX_UNNAMED: usize = 16;
/// All registries of a run.
pub struct Registry {
    limits: Limits,
    maps: Vec<Map>,
    insecure: Vec<String>,
    insecure_as_nobody: Vec<String>,
    detours: Detours,
    new_digests: NewDigests,
    store: Store,
    known: Known,
    transport: transport::Transport,
    /// Questions that have begun.
    questions: Shared,
    /// How many more bytes of tags are kept.
    tags_left: AtomicUsize,
    schemes: Once<String, bool>,
    digests: Once<Lookup, Result<Digest, Refusal>>,
    manifests: Once<(Target, Digest), Result<Option<Manifest>, Refusal>>,
    tags: Once<Target, Result<Arc<TagList>, Refusal>>,
    pushes: Once<pushes::Question, Result<pushes::Pushes, Refusal>>,
    /// What the manifests and configurations that were read say of themselves.
    details: Mutex<BTreeMap<(Target, Digest), Details>>,
    trace: Mutex<Trace>,
    random: Mutex<fastrand::Rng>,
    deadline: OnceLock<Instant>,
    /// How many of a repository's pull secrets were of no use.
    secrets: Mutex<BTreeMap<Target, usize>>,
}

impl Registry {
    /// Checks the settings. Nothing is read or connected before the first question.
    pub fn new(settings: Settings) -> Result<Self, RegistryError> {
        let shared = Arc::new(Shared::new(settings.concurrency, settings.per_host));
        Self::within(settings, shared)
    }

    /// As [`Registry::new`], for who is asked beside this one: both together are within the limits of this one.
    pub fn beside(&self, settings: Settings) -> Result<Self, RegistryError> {
        Self::within(settings, Arc::clone(self.transport.shared()))
    }

    fn within(settings: Settings, shared: Arc<Shared>) -> Result<Self, RegistryError> {
        settings.check()?;
        let transport = transport::Transport::new(&settings, shared);
        Ok(Self {
            limits: settings.limits,
            maps: settings.maps,
            insecure: settings.insecure,
            insecure_as_nobody: settings.insecure_as_nobody,
            detours: settings.detours,
            new_digests: settings.new_digests,
            store: Store::new(
                settings.pull_secrets,
                settings.docker_config,
                settings.environment,
                settings.limits.helper,
            ),
            known: Known::default(),
            transport,
            questions: in_turn::begun(settings.concurrency, settings.per_host),
            tags_left: AtomicUsize::new(settings.limits.all_tags),
            schemes: Once::default(),
            digests: Once::default(),
            manifests: Once::default(),
            tags: Once::default(),
            pushes: Once::default(),
            details: Mutex::default(),
            trace: Mutex::default(),
            random: Mutex::new(fastrand::Rng::with_seed(settings.seed)),
            deadline: OnceLock::new(),
            secrets: Mutex::default(),
        })
    }

    /// What happened so far, for each lookup.
    pub fn trace(&self) -> Trace {
        self.trace
            .lock()
            .expect("no holder of this lock panics")
            .clone()
    }

    /// What happened so far for these lookups.
    pub fn trace_of(&self, asked: &BTreeSet<Lookup>) -> Trace {
        let trace = self.trace.lock().expect("no holder of this lock panics");
        let named = asked.iter().filter_map(|lookup| {
            let steps = trace.get(lookup)?;
            Some((lookup.clone(), steps.clone()))
        });
        named.collect()
    }

    /// What a person should know though there is an answer, for each lookup that has such a thing.
    pub fn warnings(&self) -> BTreeMap<Lookup, Vec<String>> {
        let mut warnings: BTreeMap<Lookup, Vec<String>> = BTreeMap::new();
        for (lookup, steps) in self.trace() {
            for step in steps {
                if let Step::Warning(text) = step {
                    warnings.entry(lookup.clone()).or_default().push(text);
                }
            }
        }
        warnings
    }

    async fn digest(
        &self,
        to: &Destination,
        lookup: &Lookup,
        way: &Way<'_>,
    ) -> Result<Digest, Refusal> {
        let mut asked = Asked::new(format!("manifests/{}", lookup.tag()), self.limits.tries);
        let head = self
            .ask(to, &Method::HEAD, &mut asked, Some(manifest::ACCEPT), way)
            .await?;
        if head.reply.status == 200 {
            let media_type = head.reply.media_type();
            if manifest::is_schema_1(&media_type) {
                return Err(schema_1(to));
            }
            let digest = head
                .reply
                .header(DIGEST_HEADER)
                .and_then(|text| Digest::parse(text).ok())
                .filter(|digest| !manifest::is_of_nothing(digest));
            if let (Some(digest), true) = (digest, manifest::is_accepted(&media_type)) {
                return Ok(digest);
            }
        } else if (head.reply.status == 401 && challenge::offered(&head.reply.headers).is_some())
            || (passes(head.reply.status) && asked.is_over())
        {
            return Err(self.refused(to, &head));
        }
        // HEAD did not tell, or is refused, or is an error without a reason: GET has the bytes, the reason, or a way to sign in.
        let get = self
            .ask(
                to,
                &Method::GET,
                &mut asked.again(),
                Some(manifest::ACCEPT),
                way,
            )
            .await?;
        self.digest_of_bytes(to, &get, way)
    }

    fn digest_of_bytes(
        &self,
        to: &Destination,
        get: &Answered,
        way: &Way<'_>,
    ) -> Result<Digest, Refusal> {
        if get.reply.status != 200 {
            return Err(self.refused(to, get));
        }
        match manifest::parse(&get.reply.body) {
            Err(Malformed::Schema1) => return Err(schema_1(to)),
            Err(Malformed::NotAManifest) => return Err(not_a_manifest(to)),
            Ok(_) => {}
        }
        let Some(header) = get.reply.header(DIGEST_HEADER) else {
            return Ok(manifest::sha256(&get.reply.body));
        };
        let claimed = Digest::parse(header).ok();
        let digest = claimed.as_ref().map_or_else(
            || manifest::sha256(&get.reply.body),
            |it| manifest::digest_like(it, &get.reply.body),
        );
        if claimed.as_ref() == Some(&digest) {
            return Ok(digest);
        }
        let digest = manifest::sha256(&get.reply.body);
        way.note(Step::Warning(format!(
            "`{}` names a digest that is not that of the bytes it sends; the bytes are believed: {digest}",
            to.host.name
        )));
        Ok(digest)
    }

    async fn read(
        &self,
        to: &Destination,
        digest: &Digest,
        depth: usize,
        way: &Way<'_>,
    ) -> Result<Option<Manifest>, Refusal> {
        let Some(bytes) = self
            .bytes(
                to,
                &format!("manifests/{digest}"),
                digest,
                Some(manifest::ACCEPT),
                way,
            )
            .await?
        else {
            return Ok(None);
        };
        self.note(to, digest, manifest::annotated(&bytes));
        let parsed = match manifest::parse(&bytes) {
            // Somebody pinned one long ago: it has no platform to lose.
            Err(Malformed::Schema1) => {
                return Ok(Some(Manifest::Other(manifest::SCHEMA_1.to_owned())));
            }
            Err(Malformed::NotAManifest) => return Err(not_a_manifest(to)),
            Ok(parsed) => parsed,
        };
        match parsed {
            Parsed::Other(media_type) => Ok(Some(Manifest::Other(self.known.hide(&media_type)))),
            Parsed::Image { config } => {
                let Some(bytes) = self
                    .bytes(to, &format!("blobs/{config}"), &config, None, way)
                    .await?
                else {
                    return Ok(None);
                };
                self.note(to, digest, manifest::configured(&bytes));
                manifest::platform(&bytes)
                    .map(|platform| Some(Manifest::Image(platform)))
                    .map_err(|_| not_a_manifest(to))
            }
            Parsed::Index {
                mut platforms,
                unnamed,
            } => {
                let mut whole =
                    unnamed.is_empty() || (depth < MAX_DEPTH && unnamed.len() <= MAX_UNNAMED);
                for digest in unnamed
                    .iter()
                    .take(MAX_UNNAMED)
                    .filter(|_| depth < MAX_DEPTH)
                {
                    match Box::pin(self.read(to, digest, depth + 1, way)).await? {
                        Some(Manifest::Image(platform)) => {
                            drop(platforms.insert(digest.clone(), platform))
                        }
                        Some(Manifest::Index(inner)) => {
                            platforms.extend(inner.manifests);
                            whole &= inner.whole;
                        }
                        Some(Manifest::Other(_)) | None => {}
                    }
                }
                Ok(Some(Manifest::Index(Index {
                    manifests: platforms,
                    whole,
                })))
            }
        }
    }

    /// Notes what an image or an index says of itself, for who asks for its details.
    fn note(&self, to: &Destination, digest: &Digest, mut details: Details) {
        let texts = [
            &mut details.source,
            &mut details.revision,
            &mut details.created,
        ];
        for text in texts.into_iter().flatten() {
            *text = self.known.hide(text);
        }
        if details != Details::default() {
            let mut noted = self.details.lock().expect("no holder of this lock panics");
            let noted = noted
                .entry((to.target.clone(), digest.clone()))
                .or_default();
            noted.or(details);
        }
    }

    /// What was noted of a digest that was read.
    fn noted(&self, lookup: &Lookup, digest: &Digest) -> Details {
        let question = (map::target(&self.maps, lookup).0, digest.clone());
        let noted = self.details.lock().expect("no holder of this lock panics");
        noted.get(&question).cloned().unwrap_or_default()
    }

    /// The bytes of a digest, which are checked against it; `None` when the repository has them no more.
    async fn bytes(
        &self,
        to: &Destination,
        what: &str,
        digest: &Digest,
        accept: Option<&'static str>,
        way: &Way<'_>,
    ) -> Result<Option<Vec<u8>>, Refusal> {
        let mut asked = Asked::new(what.to_owned(), self.limits.tries);
        let answered = self.ask(to, &Method::GET, &mut asked, accept, way).await?;
        match answered.reply.status {
            200 if manifest::digest_like(digest, &answered.reply.body) == *digest => {
                Ok(Some(answered.reply.body))
            }
            // Its digest is that of its bytes without the signatures in them; nothing but its form is used.
            200 if manifest::parse(&answered.reply.body) == Err(Malformed::Schema1) => {
                Ok(Some(answered.reply.body))
            }
            200 => Err(refusal(
                Code::DigestMismatch,
                format!(
                    "`{}` answered with other bytes than those of {digest}",
                    to.host.name
                ),
                "tell the registry's administrator; nothing of it is used",
            )),
            404 => Ok(None),
            _ => Err(self.refused(to, &answered)),
        }
    }

    fn refused(&self, to: &Destination, answered: &Answered) -> Refusal {
        let reply = &answered.reply;
        if matches!(reply.status, 401 | 403) && !reply.direct {
            let cause = format!(
                "`{}` redirects to a host that answered {}",
                to.host.name, reply.status
            );
            return refusal(
                Code::Redirect,
                cause,
                "name that host with `--registry-map`; credentials are not sent along a redirect",
            );
        }
        of_status(
            reply.status,
            &reply.body,
            &to.host.name,
            &to.target.registry,
            &answered.signed,
        )
    }

    /// A number in 0..1.
    fn random(&self) -> f64 {
        self.random
            .lock()
            .expect("no holder of this lock panics")
            .f64()
    }
}

/// Credentials as a Basic header.
fn basic(credentials: &Credentials, known: &Known) -> Secret {
    let encoded = STANDARD.encode(format!(
        "{}:{}",
        credentials.username,
        credentials.secret.expose()
    ));
    known.add(&Secret::new(encoded.clone()));
    Secret::new(format!("Basic {encoded}"))
}

fn schema_1(to: &Destination) -> Refusal {
    refusal(
        Code::Schema1,
        format!(
            "`{}` has this tag only as a schema 1 manifest, whose digest cannot be pinned",
            to.host.name
        ),
        "push the image again with a current tool",
    )
}

fn not_a_manifest(to: &Destination) -> Refusal {
    refusal(
        Code::NotARegistry,
        format!(
            "`{}` answered with something that is not a manifest",
            to.host.name
        ),
        "check the registry's name and port; the sign-in page of a proxy answers like this",
    )
}
