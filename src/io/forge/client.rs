//! One request to a forge's API and its answer: the token, trying again, pages, and what is read.
//!
//! The token goes to the origin of the API alone: no redirect is followed, and a next page is at the same origin or none.

use std::sync::Mutex;
use std::time::Duration;

use reqwest::header::DATE;
use reqwest::{Method, Url};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::time::{Instant, sleep, timeout};

use super::app::GitHubApp;
use super::error::{self, ForgeError};
use super::location::{ForgeKind, Location};
use super::source::Source;
use super::token;
use super::{Limits, Settings};
use crate::engine::code::Code;
use crate::io::credentials::{Known, Secret};
use crate::io::registry;
use crate::io::registry::fault::Fault;
use crate::io::registry::link_header::{self, Next};
use crate::io::registry::retry::retry_after;
use crate::io::registry::transport::{Reply, Request, Transport};

/// The largest answer: a page of a hundred requests, each with a text as long as may be.
const MOST: usize = 32 * 1024 * 1024;
/// How many first pauses, which are seconds, GitHub's secondary limit wants at least.
const SECONDARY: u32 = 60;
/// How long a token of an app is used: it lasts an hour.
const APP_TOKEN: Duration = Duration::from_secs(50 * 60);
/// How many pages of a list are read.
const MOST_PAGES: usize = 50;

/// What requests go through.
pub(super) struct Client {
    pub(super) location: Location,
    api: Url,
    transport: Transport,
    known: Known,
    signed: Signed,
    source: Source,
    limits: Limits,
    random: Mutex<fastrand::Rng>,
    /// The time that questions have taken. What goes on between them does not count.
    spent: Mutex<Duration>,
}

/// With what requests are signed.
enum Signed {
    /// An `Authorization` header.
    Header(Secret),
    /// A token of this app, once it is needed.
    App(GitHubApp, tokio::sync::Mutex<Option<AppToken>>),
}

/// A token of a GitHub App.
#[derive(Clone)]
struct AppToken {
    token: Secret,
    header: Secret,
    until: Instant,
}

/// A page of a list of Bitbucket.
#[derive(Deserialize)]
struct Page<T> {
    values: Vec<T>,
    next: Option<String>,
    #[serde(rename = "isLastPage")]
    is_last: Option<bool>,
    #[serde(rename = "nextPageStart")]
    next_start: Option<u64>,
}

/// A list of Azure.
#[derive(Deserialize)]
struct List<T> {
    value: Vec<T>,
}

#[derive(Deserialize)]
struct Installation {
    id: u64,
}

#[derive(Deserialize)]
struct NewToken {
    token: String,
}

/// A request that is to be sent.
#[derive(Clone)]
pub(super) struct Call {
    act: String,
    method: Method,
    url: Url,
    body: Option<Secret>,
    /// Whether it may be sent twice.
    is_repeatable: bool,
}

impl Call {
    /// Adds to what is behind the `?`.
    pub(super) fn query(mut self, pairs: &[(&str, &str)]) -> Self {
        self.url.query_pairs_mut().extend_pairs(pairs);
        self
    }

    /// Sends this as JSON.
    pub(super) fn json(mut self, body: &impl Serialize) -> Self {
        let text = serde_json::to_string(body).expect("names and texts are JSON");
        self.body = Some(Secret::new(text));
        self
    }

    /// What it is for, after `cannot`.
    pub(super) fn act(&self) -> &str {
        &self.act
    }

    /// Lets it be sent twice, though it is a POST.
    pub(super) fn repeatable(mut self) -> Self {
        self.is_repeatable = true;
        self
    }
}

impl Client {
    pub(super) fn new(location: Location, settings: &Settings) -> Result<Self, ForgeError> {
        let act = format!("sign in to `{}`", location.host);
        let known = Known::default();
        let api = Url::parse(&location.api)
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
            .ok_or_else(|| {
                ForgeError::new(
                    Code::ForgeUnknown,
                    &act,
                    "the address of its API is not an http or https address",
                    "correct `--forge-url`",
                )
            })?;
        if api.scheme() == "http" && !may_be_plain(&api, &settings.insecure) {
            return Err(ForgeError::new(
                Code::PlainHttp,
                &act,
                format!("a token must not go to `{}` over plain http", location.host),
                format!(
                    "name its https address with `--forge-url`, or add `--insecure-registry {}`",
                    registry::transport::authority(&api)
                ),
            ));
        }
        let (signed, source) = match &settings.app {
            Some(app) if location.kind == ForgeKind::GitHub => {
                let source = Source::App(app.id.clone());
                (
                    Signed::App(app.clone(), tokio::sync::Mutex::default()),
                    source,
                )
            }
            Some(_) => {
                return Err(ForgeError::new(
                    Code::ForgeToken,
                    &act,
                    format!("{} has no GitHub Apps", location.kind.name()),
                    "give a token in IMAGO_FORGE_TOKEN instead",
                ));
            }
            None => {
                let (header, source) =
                    token::of_environment(&location, &settings.environment, &known)?;
                (Signed::Header(header), source)
            }
        };
        let transport = Transport::alone(&registry::Settings {
            concurrency: 4,
            per_host: 4,
            certificate_authorities: settings.certificate_authorities.clone(),
            environment: settings.environment.clone(),
            limits: settings.limits,
            addresses: settings.addresses.clone(),
            ..registry::Settings::default()
        });
        Ok(Self {
            location,
            api,
            transport,
            known,
            signed,
            source,
            limits: settings.limits,
            random: Mutex::new(fastrand::Rng::with_seed(settings.seed)),
            spent: Mutex::default(),
        })
    }

    /// A request to a path below the API's address. Each segment is encoded as a whole.
    pub(super) fn call<'a>(
        &self,
        method: Method,
        act: impl Into<String>,
        path: impl IntoIterator<Item = &'a str>,
    ) -> Call {
        let mut url = self.api.clone();
        url.path_segments_mut()
            .expect("a web address has a path")
            .pop_if_empty()
            .extend(path);
        Call {
            act: act.into(),
            is_repeatable: method != Method::POST,
            method,
            url,
            body: None,
        }
    }

    /// A request to another path of the API's host: where GraphQL is.
    pub(super) fn call_at(&self, method: Method, act: impl Into<String>, path: &str) -> Call {
        let mut url = self.api.clone();
        url.set_path(path);
        Call {
            act: act.into(),
            is_repeatable: method != Method::POST,
            method,
            url,
            body: None,
        }
    }

    /// The path of the API's address.
    pub(super) fn api_path(&self) -> &str {
        self.api.path().trim_end_matches('/')
    }

    /// Sends a request, and reads an answer that is a success.
    pub(super) async fn ask<T: DeserializeOwned>(&self, call: &Call) -> Result<T, ForgeError> {
        let reply = self.send(call).await?;
        self.read(call, &reply)
    }

    /// Sends a request whose answer says nothing but that it is done.
    pub(super) async fn tell(&self, call: &Call) -> Result<(), ForgeError> {
        let reply = self.send(call).await?;
        match reply.status {
            200..=202 | 204 => Ok(()),
            _ => Err(self.refused(call, &reply)),
        }
    }

    /// Sets names by one request, and where the forge refuses that, adds one name after the other. Returns the last answer.
    pub(super) async fn set(
        &self,
        names: &[String],
        call: impl Fn(&[&String]) -> Call,
        warnings: &mut Vec<String>,
    ) -> Option<Reply> {
        let all: Vec<&String> = names.iter().collect();
        if all.is_empty() {
            return None;
        }
        let set = async |names: &[&String]| {
            let call = call(names);
            let reply = self.send(&call).await.map_err(|error| (0, error))?;
            match reply.status {
                200..=202 | 204 => Ok(reply),
                _ => Err((reply.status, self.refused(&call, &reply))),
            }
        };
        let failed = match set(&all).await {
            Ok(reply) => return Some(reply),
            Err(failed) => failed,
        };
        if !matches!(failed.0, 400 | 404 | 422) || all.len() == 1 {
            warnings.push(failed.1.warning());
            return None;
        }
        let (mut taken, mut last) = (Vec::new(), None);
        for name in all {
            taken.push(name);
            match set(&taken).await {
                Ok(reply) => last = Some(reply),
                Err((_, error)) => {
                    warnings.push(format!("{} (`{name}`)", error.warning()));
                    taken.pop();
                }
            }
        }
        last
    }

    /// Reads all pages of a list that a `Link` header goes on with.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        call: &Call,
        pages: usize,
    ) -> Result<Vec<T>, ForgeError> {
        let mut found = Vec::new();
        let mut call = call.clone();
        let pages = pages.min(MOST_PAGES);
        for page in 1..=pages {
            let reply = self.send(&call).await?;
            found.extend(self.read::<Vec<T>>(&call, &reply)?);
            call = match link_header::next(&reply.headers) {
                Next::Last => break,
                _ if page == pages => break,
                Next::At(next) => self.next_of(&call, next)?,
                Next::Unreadable => self.next_of(&call, "unreadable:")?,
            };
        }
        Ok(found)
    }

    /// Reads all pages of a list of Bitbucket, whose answers say where the next one is: an address, or a number.
    pub(super) async fn values<T: DeserializeOwned>(
        &self,
        call: &Call,
        pages: usize,
    ) -> Result<Vec<T>, ForgeError> {
        let mut found = Vec::new();
        let mut next = call.clone();
        for _ in 0..pages.min(MOST_PAGES) {
            let page: Page<T> = self.ask(&next).await?;
            found.extend(page.values);
            next = match (page.next, page.next_start) {
                (Some(url), _) => self.next_of(call, &url)?,
                (None, Some(start)) if page.is_last == Some(false) => {
                    call.clone().query(&[("start", &start.to_string())])
                }
                _ => return Ok(found),
            };
        }
        Ok(found)
    }

    /// Reads all pages of a list of Azure, which are asked for by how many requests are skipped.
    pub(super) async fn skipped<T: DeserializeOwned>(
        &self,
        call: &Call,
        size: usize,
        pages: usize,
    ) -> Result<Vec<T>, ForgeError> {
        let mut found = Vec::new();
        for page in 0..pages.min(MOST_PAGES) {
            let (top, skip) = (size.to_string(), (page * size).to_string());
            let part: Vec<T> = self
                .value(&call.clone().query(&[("$top", &*top), ("$skip", &*skip)]))
                .await?;
            let is_last = part.len() < size;
            found.extend(part);
            if is_last {
                break;
            }
        }
        Ok(found)
    }

    /// Reads a list of Azure.
    pub(super) async fn value<T: DeserializeOwned>(
        &self,
        call: &Call,
    ) -> Result<Vec<T>, ForgeError> {
        Ok(self.ask::<List<T>>(call).await?.value)
    }

    /// The same request for its next page. Only the query of the next address is taken: the token stays at the API's host, and a forge
    /// that is asked at an internal address names its public one there.
    fn next_of(&self, call: &Call, next: &str) -> Result<Call, ForgeError> {
        let next = call.url.join(next).ok();
        let query = next.as_ref().and_then(|next| next.query());
        let query = query.ok_or_else(|| {
            let host = &self.location.host;
            self.wrong(call, format!("`{host}` names no next page of its own list"))
        })?;
        let mut call = call.clone();
        call.url.set_query(Some(query));
        Ok(call)
    }

    /// An address for people below that of the API.
    pub(super) fn page<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> String {
        let url = self.call(Method::GET, "show", path).url;
        self.shown(url.as_str())
    }

    /// Reads an answer that is a success.
    pub(super) fn read<T: DeserializeOwned>(
        &self,
        call: &Call,
        reply: &Reply,
    ) -> Result<T, ForgeError> {
        if !matches!(reply.status, 200..=202) {
            return Err(self.refused(call, reply));
        }
        serde_json::from_slice(&reply.body).map_err(|_| {
            let cause = format!(
                "`{}` answered with something that {}'s API does not say",
                self.location.host,
                self.location.kind.name()
            );
            let error = self.wrong(call, cause);
            if call.is_repeatable {
                error
            } else {
                error.uncertain()
            }
        })
    }

    /// Why a status is no success.
    pub(super) fn refused(&self, call: &Call, reply: &Reply) -> ForgeError {
        let said = self.said(reply);
        ForgeError::of_status(
            self.location.kind,
            &call.act,
            &self.location.host,
            reply,
            said.as_deref(),
            &self.source,
            call.method != Method::GET,
        )
    }

    /// What the forge says of a refusal, fit to print.
    pub(super) fn said(&self, reply: &Reply) -> Option<String> {
        error::said(&reply.body).map(|said| self.known.hide(&said))
    }

    /// An answer that no such forge gives.
    pub(super) fn wrong(&self, call: &Call, cause: String) -> ForgeError {
        ForgeError::new(
            Code::ForgeAnswer,
            &call.act,
            cause,
            "check `--forge` and `--forge-url`",
        )
    }

    /// Foreign text, fit to print.
    pub(super) fn hide(&self, foreign: &str) -> String {
        self.known.hide(foreign)
    }

    /// An address for people, where it is one of this forge's host.
    pub(super) fn shown(&self, url: &str) -> String {
        let own = self.location.own_address(url);
        own.map(String::from)
            .filter(|url| !self.known.is_in(url))
            .unwrap_or_default()
    }

    /// Waits before something is asked again that the forge was not ready for.
    pub(super) async fn pause(&self, made: u32) {
        sleep(self.backoff(made)).await;
    }

    /// How often something is tried.
    pub(super) fn tries(&self) -> u32 {
        self.limits.tries
    }

    /// Sends a request until there is an answer that another try would not change, or the tries or the time are over.
    pub(super) async fn send(&self, call: &Call) -> Result<Reply, ForgeError> {
        let spent = || self.spent.lock().expect("no holder of this lock panics");
        let left = self.limits.run.saturating_sub(*spent());
        let begin = Instant::now();
        let work = async {
            let header = match &self.signed {
                Signed::Header(header) => header.clone(),
                Signed::App(app, kept) => self.app_token(app, kept).await?.header,
            };
            self.until_answered(call, &header).await
        };
        let outcome = timeout(left, work).await;
        *spent() += begin.elapsed();
        outcome.unwrap_or_else(|_| {
            let cause = format!(
                "`{}` took more than {} s in all",
                self.location.host,
                self.limits.run.as_secs_f64()
            );
            let error = ForgeError::new(Code::Timeout, &call.act, cause, "try again later");
            Err(error.uncertain())
        })
    }

    /// The app's own token, for a push over https; `None` where another one signs in.
    pub(super) async fn push_token(&self) -> Result<Option<Secret>, ForgeError> {
        match &self.signed {
            Signed::Header(_) => Ok(None),
            Signed::App(app, kept) => Ok(Some(self.app_token(app, kept).await?.token)),
        }
    }

    /// The token that the app has for this repository: the kept one, or a new one.
    async fn app_token(
        &self,
        app: &GitHubApp,
        kept: &tokio::sync::Mutex<Option<AppToken>>,
    ) -> Result<AppToken, ForgeError> {
        let mut kept = kept.lock().await;
        if let Some(kept) = kept.as_ref().filter(|kept| Instant::now() < kept.until) {
            return Ok(kept.clone());
        }
        let project = &self.location.project;
        let act = format!("sign in to `{project}` as {}", self.source);
        let proof = app
            .proof(std::time::SystemTime::now())
            .map_err(|cause| ForgeError::new(Code::ForgeToken, &act, cause, "name another key"))?;
        self.known.add(&proof);
        let proof = Secret::new(format!("Bearer {}", proof.expose()));
        let path = ["repos"].into_iter().chain(project.split('/'));
        let call = self.call(Method::GET, &*act, path.chain(["installation"]));
        let reply = self.until_answered(&call, &proof).await?;
        let found: Installation = match reply.status {
            200 => self.read(&call, &reply)?,
            _ => return Err(self.app_refused(&call, &reply)),
        };
        let number = found.id.to_string();
        let name = project.split('/').next_back().unwrap_or_default();
        let call = self
            .call(
                Method::POST,
                &*act,
                ["app", "installations", &number, "access_tokens"],
            )
            .json(&json!({
                "repositories": [name],
                "permissions": { "contents": "write", "pull_requests": "write" },
            }));
        let reply = self.until_answered(&call, &proof).await?;
        let made: NewToken = match reply.status {
            201 => self.read(&call, &reply)?,
            _ => return Err(self.app_refused(&call, &reply)),
        };
        if made.token.is_empty() || !made.token.bytes().all(|byte| byte.is_ascii_graphic()) {
            let cause = format!("`{}` answered without a token", self.location.host);
            return Err(self.wrong(&call, cause));
        }
        self.known.add(&Secret::new(&*made.token));
        let token = AppToken {
            header: Secret::new(format!("Bearer {}", made.token)),
            token: Secret::new(made.token),
            until: Instant::now() + APP_TOKEN,
        };
        *kept = Some(token.clone());
        Ok(token)
    }

    fn app_refused(&self, call: &Call, reply: &Reply) -> ForgeError {
        let error = self.refused(call, reply);
        let said = self.said(reply).unwrap_or_default().to_ascii_lowercase();
        let (code, hint) = match reply.status {
            401 if said.contains("claim") => (
                Code::ForgeSignIn,
                "check the clock of this machine, and `--github-app-id`".to_owned(),
            ),
            404 if said.contains("integration not found") => (
                Code::ForgeSignIn,
                "correct the app's id in `--github-app-id`".to_owned(),
            ),
            404 => (
                Code::ForgeAbsent,
                format!("install the app on `{}`", self.location.project),
            ),
            422 => (
                Code::ForgeRight,
                "give the app the permissions `contents: write` and `pull_requests: write`, and accept them where it is installed".to_owned(),
            ),
            _ => return error,
        };
        ForgeError::new(code, call.act(), error.cause(), hint)
    }

    async fn until_answered(&self, call: &Call, header: &Secret) -> Result<Reply, ForgeError> {
        let mut made = 0;
        loop {
            made += 1;
            let outcome = self.once(call, header).await;
            let mut pause = self.backoff(made);
            let again = match &outcome {
                Ok(reply) if is_limited(reply) => {
                    let wanted = wanted_pause(reply).or_else(|| {
                        is_secondary(reply).then(|| self.limits.first_pause * SECONDARY)
                    });
                    if let Some(wanted) = wanted {
                        if wanted > self.limits.longest_pause {
                            return Err(self.limited(call, wanted));
                        }
                        pause = pause.max(wanted);
                    }
                    true
                }
                Ok(reply) => matches!(reply.status, 408 | 500 | 502..=504) && call.is_repeatable,
                Err(fault) => fault.passes() && (call.is_repeatable || nothing_was_sent(fault)),
            };
            if !again || made >= self.limits.tries {
                return match outcome {
                    Ok(reply) if is_limited(&reply) => Err(self.limited(call, pause)),
                    Ok(reply) => Ok(reply),
                    Err(fault) => {
                        let error = ForgeError::of_fault(&fault, &call.act, &self.location.host);
                        Err(match nothing_was_sent(&fault) {
                            true => error,
                            false => error.uncertain(),
                        })
                    }
                };
            }
            sleep(pause).await;
        }
    }

    async fn once(&self, call: &Call, header: &Secret) -> Result<Reply, Fault> {
        let headers: &[(&str, &str)] = match self.location.kind {
            ForgeKind::GitHub => &[("x-github-api-version", "2022-11-28")],
            _ => &[],
        };
        let request = Request {
            method: call.method.clone(),
            url: call.url.clone(),
            authorization: Some(header),
            accept: Some(match self.location.kind {
                ForgeKind::GitHub => "application/vnd.github+json, application/json",
                _ => "application/json",
            }),
            headers,
            body: call.body.as_ref().map(|body| ("application/json", body)),
            most: MOST,
        };
        self.transport
            .send_once(&request, &call.url, request.authorization, &self.known)
            .await
    }

    fn limited(&self, call: &Call, wanted: Duration) -> ForgeError {
        let seconds = wanted.as_secs_f64().ceil();
        ForgeError::new(
            Code::RateLimited,
            &call.act,
            format!(
                "`{}` answers no more requests for {seconds} s",
                self.location.host
            ),
            format!("try again in {seconds} s"),
        )
    }

    /// Twice as long each time, and a random part less, so that those who failed together do not come back together.
    fn backoff(&self, made: u32) -> Duration {
        let doubled = self
            .limits
            .first_pause
            .saturating_mul(1 << made.saturating_sub(1).min(16));
        let random = self
            .random
            .lock()
            .expect("no holder of this lock panics")
            .f64();
        doubled
            .min(self.limits.longest_pause)
            .mul_f64(1.0 - random / 2.0)
    }
}

/// Whether a token may go to this address over plain http: to this machine, or to a host that the user has named.
fn may_be_plain(url: &Url, insecure: &[String]) -> bool {
    let host = url.host_str().unwrap_or_default();
    let is_here = host == "localhost"
        || host.ends_with(".localhost")
        || host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback());
    is_here || insecure.contains(&registry::transport::authority(url))
}

/// Whether the connection was never made, so that the forge has not heard of the request.
fn nothing_was_sent(fault: &Fault) -> bool {
    match fault {
        Fault::OfProxy(fault, _) => nothing_was_sent(fault),
        fault => !matches!(
            fault,
            Fault::Lost | Fault::AnswerTimeout(_) | Fault::TooLarge(_) | Fault::NotHttp
        ),
    }
}

/// Whether the forge asks to be left alone: 429, or GitHub's 403 of its two limits.
fn is_limited(reply: &Reply) -> bool {
    reply.status == 429
        || (reply.status == 403
            && (reply.header("retry-after").is_some()
                || reply.header("x-ratelimit-remaining") == Some("0")
                || is_secondary(reply)))
}

/// Whether it is GitHub's limit for too much at once, which wants a minute of silence where it says no time.
fn is_secondary(reply: &Reply) -> bool {
    let body = String::from_utf8_lossy(&reply.body).to_ascii_lowercase();
    body.contains("secondary rate limit") || body.contains("abuse detection")
}

/// How long it wants to be left alone: `Retry-After`, or until its limit begins anew, read against the answer's own clock.
fn wanted_pause(reply: &Reply) -> Option<Duration> {
    retry_after(reply).or_else(|| {
        let is_used_up = ["x-ratelimit-remaining", "ratelimit-remaining"]
            .iter()
            .any(|name| reply.header(name) == Some("0"));
        let until: u64 = ["x-ratelimit-reset", "ratelimit-reset"]
            .iter()
            .find_map(|name| reply.header(name)?.parse().ok())
            .filter(|_| is_used_up)?;
        let now = httpdate::parse_http_date(reply.header(DATE.as_str())?).ok()?;
        let until = std::time::UNIX_EPOCH.checked_add(Duration::from_secs(until))?;
        Some(until.duration_since(now).unwrap_or_default())
    })
}
