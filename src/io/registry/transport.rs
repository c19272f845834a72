//! One request and its answer: connections, TLS, proxies, addresses, redirects, time and size limits.
//!
//! Redirects are followed here, never by the HTTP client, so that credentials stay with the host they were meant for: once a redirect has
//! left that host they are not sent again, whoever it leads back to. Nothing leads from https to plain http, nor from outside to a private
//! address.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, OnceLock};

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION};
use reqwest::{Method, Url};
use tokio::time::timeout;

use super::addresses::{Addresses, SharedAddresses, may_lead};
use super::client_error;
use super::fault::Fault;
use super::host::Host;
use super::proxies::{Between, Proxies};
use super::settings::{Limits, Settings};
use super::shared::Shared;
use crate::engine::code::Code;
use crate::io::credentials::{Known, Secret};

/// How many redirects in a row are followed.
const MAX_REDIRECTS: usize = 5;
/// How much of an error's body is read: error codes stand at its beginning.
const MAX_ERROR: usize = 64 * 1024;

/// A request.
pub(in crate::io) struct Request<'a> {
    pub(in crate::io) method: Method,
    pub(in crate::io) url: Url,
    /// The whole `Authorization` header; for the URL's own origin alone.
    pub(in crate::io) authorization: Option<&'a Secret>,
    pub(in crate::io) accept: Option<&'static str>,
    /// Other headers, none of them secret.
    pub(in crate::io) headers: &'a [(&'static str, &'static str)],
    /// The media type of the body, and the body.
    pub(in crate::io) body: Option<(&'static str, &'a Secret)>,
    /// The largest answer that is read, in bytes.
    pub(in crate::io) most: usize,
}

/// An answer, whatever its status.
pub(in crate::io) struct Reply {
    pub(in crate::io) status: u16,
    pub(in crate::io) headers: HeaderMap,
    /// Empty for HEAD; the beginning alone where the status is an error's.
    pub(in crate::io) body: Vec<u8>,
    /// Whether it came from the host that was asked, and not from one that a redirect named.
    pub(super) direct: bool,
}

impl Reply {
    /// A header's text, where it is there once, filled, and text.
    pub(in crate::io) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::trim)
            .filter(|text| !text.is_empty())
    }

    /// The media type without its parameters, in lower case.
    pub(super) fn media_type(&self) -> String {
        let text = self.header(CONTENT_TYPE.as_str()).unwrap_or_default();
        text.split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase()
    }
}

/// What requests go through.
pub(in crate::io) struct Transport {
    limits: Limits,
    per_host: usize,
    authorities: Vec<PathBuf>,
    proxies: Proxies,
    addresses: Arc<Addresses>,
    shared: Arc<Shared>,
    hosts: std::sync::Mutex<BTreeMap<String, Arc<Host>>>,
    plain: OnceLock<Result<reqwest::Client, Fault>>,
    tls: OnceLock<Result<reqwest::Client, Fault>>,
}

impl Transport {
    pub(super) fn new(settings: &Settings, shared: Arc<Shared>) -> Self {
        Self {
            limits: settings.limits,
            per_host: settings.per_host,
            authorities: settings.certificate_authorities.clone(),
            proxies: Proxies::of_environment(&settings.environment),
            addresses: Arc::new(Addresses::new(settings.addresses.clone())),
            shared,
            hosts: std::sync::Mutex::default(),
            plain: OnceLock::new(),
            tls: OnceLock::new(),
        }
    }

    /// One for who asks no registry, and shares nothing with those who do.
    pub(in crate::io) fn alone(settings: &Settings) -> Self {
        let shared = Arc::new(Shared::new(settings.concurrency, settings.per_host));
        Self::new(settings, shared)
    }

    /// What it shares with those who ask beside it.
    pub(super) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// What the run knows of a URL's host, which is shown to people under this name from now on.
    pub(super) fn host(&self, url: &Url, name: String) -> Arc<Host> {
        let mut hosts = self.hosts.lock().expect("no holder of this lock panics");
        let origin = url.origin().ascii_serialization();
        Arc::clone(
            hosts
                .entry(origin.clone())
                .or_insert_with(|| Arc::new(Host::new(name, self.shared.of(&origin)))),
        )
    }

    /// Sends a request, follows redirects, and reads the answer. One try.
    pub(super) async fn send(&self, request: &Request<'_>, known: &Known) -> Result<Reply, Fault> {
        let (mut url, mut authorization) = (request.url.clone(), request.authorization);
        let mut direct = true;
        for _ in 0..=MAX_REDIRECTS {
            let mut reply = self
                .send_once(request, &url, authorization, known)
                .await
                .map_err(|fault| match direct {
                    true => fault,
                    false => Fault::Beyond(Box::new(fault), known.hide(&authority(&url))),
                })?;
            reply.direct = direct;
            let location = match reply.status {
                301 | 302 | 303 | 307 | 308 => reply.header(LOCATION.as_str()),
                _ => None,
            };
            let Some(location) = location else {
                return Ok(reply);
            };
            let next = url.join(location).map_err(|_| {
                Fault::Redirect("redirects to something that is not a URL".to_owned())
            })?;
            let shown = known.hide(&authority(&next));
            if !matches!(next.scheme(), "http" | "https") || !next.has_host() {
                return Err(Fault::Redirect(
                    "redirects to something that is not a web address".to_owned(),
                ));
            }
            if url.scheme() == "https" && next.scheme() != "https" {
                return Err(Fault::Redirect(format!(
                    "redirects from https to plain http at `{shown}`"
                )));
            }
            if request.body.is_some() {
                return Err(Fault::Redirect(format!(
                    "redirects credentials to `{shown}`"
                )));
            }
            if next.origin() != url.origin() {
                match self.may_lead(&url, &next).await {
                    Ok(true) => {}
                    Ok(false) => {
                        return Err(Fault::Redirect(format!(
                            "redirects to `{shown}`, a private address"
                        )));
                    }
                    Err(fault) => return Err(Fault::Beyond(Box::new(fault), shown)),
                }
                (authorization, direct) = (None, false);
            }
            url = next;
        }
        Err(Fault::Redirect(format!(
            "redirects more than {MAX_REDIRECTS} times"
        )))
    }

    /// Whether one host may send us on to another: see [`may_lead`]. A name behind a proxy is the proxy's to resolve. A name that cannot be
    /// looked up now is not asked: it may have any address the next time.
    pub(super) async fn may_lead(&self, from: &Url, to: &Url) -> Result<bool, Fault> {
        if from.host_str() == to.host_str() {
            return Ok(true);
        }
        let to = self.addresses_of(to).await?;
        Ok(may_lead(
            &self.addresses_of(from).await.unwrap_or_default(),
            &to,
        ))
    }

    /// The proxy on the way to this URL that may itself be what a refusal with this code tells of: it is the one that asks the host, or
    /// nothing proves that what its tunnel brought, or that it ended, is the host's doing.
    pub(super) fn spokesman(&self, url: &Url, code: Code) -> Option<String> {
        let proxy = self.proxies.on_the_way_to(url).ok().flatten()?;
        let between = Between { proxy, target: url };
        let is_unproven = matches!(code, Code::PlainHttp | Code::ConnectionLost);
        (is_unproven || !between.has_tunnel()).then(|| between.shown())
    }

    async fn addresses_of(&self, url: &Url) -> Result<Vec<IpAddr>, Fault> {
        let host = url.host_str().unwrap_or_default();
        match host.trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(address) => Ok(vec![address]),
            Err(_) if !matches!(self.proxies.on_the_way_to(url), Ok(None)) => Ok(Vec::new()),
            Err(_) => match timeout(self.limits.connect, self.addresses.of(host)).await {
                Ok(found) => found.map_err(|unresolved| unresolved.fault()),
                Err(_) => Err(Fault::LookUp),
            },
        }
    }

    /// Sends a request, and reads the answer, which may be a redirect. One try.
    pub(in crate::io) async fn send_once(
        &self,
        request: &Request<'_>,
        url: &Url,
        authorization: Option<&Secret>,
        known: &Known,
    ) -> Result<Reply, Fault> {
        let between = self
            .proxies
            .on_the_way_to(url)?
            .map(|proxy| Between { proxy, target: url });
        let client = self.client(url.scheme())?;
        let mut built = client.request(request.method.clone(), url.clone());
        if let Some(secret) = authorization {
            let mut value = HeaderValue::from_str(secret.expose()).map_err(|_| {
                Fault::Settings(
                    "the credentials contain characters that an HTTP header may not have"
                        .to_owned(),
                )
            })?;
            value.set_sensitive(true);
            built = built.header(AUTHORIZATION, value);
        }
        if let Some(accept) = request.accept {
            built = built.header(ACCEPT, accept);
        }
        for (name, value) in request.headers {
            built = built.header(*name, *value);
        }
        if let Some((media_type, body)) = request.body {
            built = built
                .header(CONTENT_TYPE, media_type)
                .body(body.expose().to_owned());
        }
        // The host's slot first: who waits for a busy host must not hold a slot that another host's question could use.
        let host = self.host(url, known.hide(&authority(url)));
        let _host_slot = host
            .shared
            .slots
            .acquire()
            .await
            .expect("it is never closed");
        let slot = self
            .shared
            .slots
            .acquire()
            .await
            .expect("it is never closed");
        // Boxed here, because most questions of a large run wait for a slot, and need not have room for an answer meanwhile.
        let answer = Box::pin(self.perform(built, request, between.as_ref()));
        let mut work = pin!(timeout(self.limits.answer, answer));
        let outcome = match timeout(self.limits.patience, work.as_mut()).await {
            Ok(outcome) => outcome,
            Err(_) => {
                drop(slot);
                work.await
            }
        };
        let outcome = outcome.unwrap_or(Err(Fault::AnswerTimeout(self.limits.answer)));
        match (outcome, &between) {
            (Ok(reply), Some(between)) if reply.status == 407 => Err(between.refused(407)),
            (Err(Fault::OfProxy(fault, shown)), Some(between)) if *fault == Fault::Proxy => {
                let status = between.status(self.limits.connect).await;
                Err(status.map_or(Fault::OfProxy(fault, shown), |status| {
                    between.refused(status)
                }))
            }
            (outcome, _) => outcome,
        }
    }

    async fn perform(
        &self,
        built: reqwest::RequestBuilder,
        request: &Request<'_>,
        between: Option<&Between<'_>>,
    ) -> Result<Reply, Fault> {
        let fault = |error: reqwest::Error| client_error::sort(&error, &self.limits, between);
        let mut response = built.send().await.map_err(fault)?;
        let mut reply = Reply {
            status: response.status().as_u16(),
            headers: std::mem::take(response.headers_mut()),
            body: Vec::new(),
            direct: true,
        };
        if request.method == Method::HEAD {
            return Ok(reply);
        }
        let failed = !(200..300).contains(&reply.status);
        loop {
            match response.chunk().await {
                Ok(Some(chunk)) if failed => {
                    reply
                        .body
                        .extend_from_slice(&chunk[..chunk.len().min(MAX_ERROR - reply.body.len())]);
                    if reply.body.len() == MAX_ERROR {
                        return Ok(reply);
                    }
                }
                Ok(Some(chunk)) if reply.body.len() + chunk.len() > request.most => {
                    return Err(Fault::TooLarge(request.most));
                }
                Ok(Some(chunk)) => reply.body.extend_from_slice(&chunk),
                Ok(None) => return Ok(reply),
                // The status says enough, where the explanation of an error breaks off.
                Err(_) if failed => return Ok(reply),
                Err(error) => return Err(fault(error)),
            }
        }
    }

    /// The client for a scheme, made when it is first needed: reading the system's certificates takes longer than most runs without them.
    fn client(&self, scheme: &str) -> Result<reqwest::Client, Fault> {
        let (slot, with_tls) = if scheme == "https" {
            (&self.tls, true)
        } else {
            (&self.plain, false)
        };
        slot.get_or_init(|| self.build_client(with_tls)).clone()
    }

    fn build_client(&self, with_tls: bool) -> Result<reqwest::Client, Fault> {
        // Another part of the program may have installed it already, which is as well.
        rustls::crypto::ring::default_provider()
            .install_default()
            .unwrap_or(());
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("imago/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(self.limits.connect)
            .pool_max_idle_per_host(self.per_host)
            .tcp_nodelay(true)
            .dns_resolver(Arc::new(SharedAddresses(Arc::clone(&self.addresses))))
            .no_proxy()
            .proxy(self.proxy());
        if with_tls {
            builder = builder.tls_certs_merge(self.authorities()?);
        } else {
            builder = builder.tls_certs_only([]);
        }
        builder.build().map_err(|_| {
            Fault::Settings(
                "the TLS settings or the system's certificates cannot be used".to_owned(),
            )
        })
    }

    /// The one proxy that the client knows: for each URL the environment's, or none.
    fn proxy(&self) -> reqwest::Proxy {
        let proxies = self.proxies.clone();
        // One that cannot be used has been refused before the client was asked.
        reqwest::Proxy::custom(move |url| proxies.on_the_way_to(url).ok().flatten().cloned())
    }

    fn authorities(&self) -> Result<Vec<reqwest::Certificate>, Fault> {
        let mut certificates = Vec::new();
        for path in &self.authorities {
            let failed = |reason: &str| {
                Fault::Settings(format!(
                    "cannot read the certificates in `{}`: {reason}",
                    path.display()
                ))
            };
            let pem = std::fs::read(path).map_err(|error| failed(&error.to_string()))?;
            let found =
                reqwest::Certificate::from_pem_bundle(&pem).map_err(|_| failed("it is not PEM"))?;
            if found.is_empty() {
                return Err(failed("there are none in it"));
            }
            certificates.extend(found);
        }
        Ok(certificates)
    }
}

/// The host as shown to people, with its port where that is not the scheme's.
pub(in crate::io) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
