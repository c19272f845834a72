//! One question to one repository: signing in as the registry wants it, and trying again where that may help.
//!
//! A host's first question finds out how it wants us to sign in; the others use what was learnt. Whoever is refused is refused after one
//! more try with fresh credentials, never in a circle.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{DATE, RETRY_AFTER};
use reqwest::{Method, Url};
use tokio::sync::MutexGuard;
use tokio::time::{Instant, sleep};

use super::challenge::{self, Challenge};
use super::fault::{self, Fault, SignedAs, of_credentials, refusal};
use super::host::Host;
use super::map::{self, Target};
use super::trace::Step;
use super::transport::{Reply, Request, authority};
use super::{Registry, basic};
use crate::engine::answer::Refusal;
use crate::engine::image::Lookup;
use crate::io::credentials::{Freshness, Kind, Secret};

/// Tries of a HEAD that meet a server's error before GET takes over: some servers answer 500 to HEAD alone.
const HEAD_ERRORS: u32 = 2;
/// Tries that are not answered in time before a question is given up: each of them has taken long.
const SLOW_TRIES: u32 = 2;

/// Where a question goes.
pub(super) struct Destination {
    pub(super) target: Target,
    /// Scheme, host and port.
    pub(super) base: Url,
    pub(super) host: Arc<Host>,
}

/// One question and its tries.
pub(super) struct Asked<'a> {
    what: String,
    left: u32,
    made: u32,
    /// Tries that met a server's error.
    errors: u32,
    /// Tries that were not answered in time.
    slow: u32,
    /// Keeps the host's other questions out, while nothing is known of the host.
    gate: Option<MutexGuard<'a, ()>>,
}

impl<'a> Asked<'a> {
    pub(super) fn new(what: String, tries: u32) -> Self {
        Self { what, left: tries, made: 0, errors: 0, slow: 0, gate: None }
    }

    /// Whether all tries were made.
    pub(super) fn is_over(&self) -> bool {
        self.left == 0
    }

    /// The same question in another way: it has the tries that are left, and one at least.
    pub(super) fn again(self) -> Self {
        Self { left: self.left.max(1), errors: 0, ..self }
    }
}

/// An answer, and who we were when it was given.
pub(super) struct Answered {
    pub(super) reply: Reply,
    pub(super) signed: SignedAs,
}

/// Notes what happens for one lookup.
pub(super) struct Way<'a> {
    pub(super) registry: &'a Registry,
    pub(super) lookup: &'a Lookup,
}

impl Way<'_> {
    pub(super) fn note(&self, step: Step) {
        let mut trace = self.registry.trace.lock().expect("no holder of this lock panics");
        trace.entry(self.lookup.clone()).or_default().push(step);
    }
}

/// How we sign in for one request.
struct Pass {
    header: Option<Secret>,
    signed: SignedAs,
    /// Which token of its repository it is, where it is one.
    generation: Option<u32>,
}

impl Registry {
    /// Where a lookup's questions go: through the maps, to the host that answers for the registry, over the scheme that it speaks.
    pub(super) async fn destination(&self, lookup: &Lookup, way: &Way<'_>) -> Result<Destination, Refusal> {
        let target = map::target(&self.maps, lookup);
        if target.registry != lookup.registry || target.repository != lookup.repository {
            way.note(Step::Mapped { to: format!("{}/{}", target.registry, target.repository) });
        }
        let host = map::host(&target.registry);
        let not_a_host = || refusal("name-not-resolved", format!("`{host}` is not a host"), "check the registry's name");
        let url = |scheme: &str| Url::parse(&format!("{scheme}://{host}/")).map_err(|_| not_a_host());
        let plain = url("http")?;
        let insecure = self.insecure.iter().any(|insecure| insecure.eq_ignore_ascii_case(&target.registry));
        let base = if insecure {
            plain
        } else if is_loopback(&plain) {
            let port = plain.port_or_known_default().unwrap_or(80);
            let look = || self.transport.speaks_tls(plain.host_str().unwrap_or_default(), port);
            if self.schemes.ask(host.to_owned(), look).await { url("https")? } else { plain }
        } else {
            url("https")?
        };
        let host = self.transport.host(&base, authority(&base));
        Ok(Destination { target, base, host })
    }

    /// Asks for a manifest or a blob (`what` is `manifests/1.4`), signed in as needed. The status may still be an error's.
    pub(super) async fn ask<'a>(
        &self,
        to: &'a Destination,
        method: &Method,
        asked: &mut Asked<'a>,
        accept: Option<&'static str>,
        way: &Way<'_>,
    ) -> Result<Answered, Refusal> {
        asked.gate = to.host.enter().await;
        to.host.check()?;
        let outcome = self.ask_signed_in(to, method, asked, accept, way).await;
        match &outcome {
            Err(refusal) if refusal.code == "credentials-refused" => to.host.refused(refusal),
            Ok(answered) if answered.reply.status == 401 && answered.signed != SignedAs::Nobody => {
                let reply = &answered.reply;
                to.host.refused(&fault::of_status(
                    reply.status,
                    &reply.body,
                    &to.host.name,
                    &to.target.registry,
                    &answered.signed,
                ));
            }
            _ => to.host.settle(),
        }
        asked.gate = None;
        outcome
    }

    async fn ask_signed_in(
        &self,
        to: &Destination,
        method: &Method,
        asked: &mut Asked<'_>,
        accept: Option<&'static str>,
        way: &Way<'_>,
    ) -> Result<Answered, Refusal> {
        let url = to.base.join(&format!("v2/{}/{}", to.target.repository, asked.what)).map_err(|_| {
            refusal("name-not-resolved", format!("`{}` is not a host", to.target.registry), "check the registry's name")
        })?;
        let mut pass = match to.host.offer() {
            Some(offer) => self.sign_in(to, &offer, None, way).await?,
            None => None,
        };
        let mut renewed = false;
        loop {
            let authorization = pass.as_ref().and_then(|pass| pass.header.as_ref());
            let request = Request { method: method.clone(), url: url.clone(), authorization, accept, form: None };
            let reply = self.until_answered(&to.host, &request, asked, way).await?;
            let refused = matches!(reply.status, 401 | 403) && reply.direct && !renewed;
            let signed = pass.as_ref().map_or(SignedAs::Nobody, |pass| pass.signed.clone());
            if !refused {
                return Ok(Answered { reply, signed });
            }
            let next = match &pass {
                None => match self.offer(to, &reply, way).await? {
                    Some(offer) => self.sign_in(to, &offer, None, way).await?,
                    None => None,
                },
                Some(pass) => {
                    renewed = true;
                    match Self::offer_again(to, &reply) {
                        Some(offer) => self.sign_in(to, &offer, Some(pass), way).await?,
                        None => None,
                    }
                }
            };
            let Some(next) = next else { return Ok(Answered { reply, signed }) };
            // Signing in is not another try of the question.
            asked.left = asked.left.max(1);
            pass = Some(next);
        }
    }

    /// How a host that refused an unsigned question wants us to sign in. One that says 403 without a word is asked where it must say.
    async fn offer(&self, to: &Destination, reply: &Reply, way: &Way<'_>) -> Result<Option<Challenge>, Refusal> {
        let mut offer = challenge::offered(&reply.headers);
        if offer.is_none() && reply.status == 403 {
            let url = to.base.join("v2/").expect("a path can be joined to a host");
            let request = Request { method: Method::GET, url, authorization: None, accept: None, form: None };
            let reply =
                self.until_answered(&to.host, &request, &mut Asked::new("v2/".to_owned(), self.limits.tries), way).await?;
            offer = challenge::offered(&reply.headers).filter(|_| reply.direct && reply.status == 401);
        }
        match &offer {
            Some(offer) => to.host.wants(offer.clone()),
            None if reply.status == 401 => {
                let cause = format!("`{}` answered 401 Unauthorized without a way to sign in that can be used", to.host.name);
                return Err(refusal(
                    "challenge",
                    cause,
                    "check the registry's name; Basic and Bearer with a URL as realm can be used",
                ));
            }
            None => {}
        }
        Ok(offer)
    }

    /// The way to sign in after a refusal, for this question alone: what one repository says must not mislead the host's others. A token
    /// server stays, even if the refusal (Harbor's) names Basic alone.
    fn offer_again(to: &Destination, reply: &Reply) -> Option<Challenge> {
        let offered = challenge::offered(&reply.headers);
        offered.filter(|offer| matches!(offer, Challenge::Bearer { .. })).or_else(|| to.host.offer())
    }

    /// What to send, by the host's offer. `None`: there are no credentials, or none but those that were refused.
    async fn sign_in(
        &self,
        to: &Destination,
        offer: &Challenge,
        refused: Option<&Pass>,
        way: &Way<'_>,
    ) -> Result<Option<Pass>, Refusal> {
        let freshness = if refused.is_some() { Freshness::Fresh } else { Freshness::Kept };
        let direct = match offer {
            Challenge::Basic => self.credentials(to, freshness, way).await?,
            Challenge::Bearer { .. } => {
                let found = self.store.find(&to.target.registry, &to.target.repository, freshness).await;
                found.map_err(|error| of_credentials(&error))?.filter(|credentials| credentials.kind == Kind::RegistryToken)
            }
        };
        if let Some(credentials) = direct {
            self.known.add(&credentials.secret);
            let header = match credentials.kind {
                Kind::RegistryToken => Secret::new(format!("Bearer {}", credentials.secret.expose())),
                Kind::Password | Kind::IdentityToken => basic(&credentials, &self.known),
            };
            let same = refused.is_some_and(|pass| pass.header.as_ref() == Some(&header));
            let signed = SignedAs::Source(credentials.source);
            return Ok((!same).then_some(Pass { header: Some(header), signed, generation: None }));
        }
        let Challenge::Bearer { realm, service } = offer else { return Ok(None) };
        let generation = refused.and_then(|pass| pass.generation);
        let granted = self.token(to, realm, service.as_deref(), generation, way).await?;
        Ok(granted.map(|token| Pass { header: Some(token.header), signed: token.signed, generation: Some(token.generation) }))
    }

    /// Sends a request until there is an answer that another try would not change, or the tries are over.
    pub(super) async fn until_answered(
        &self,
        host: &Host,
        request: &Request<'_>,
        asked: &mut Asked<'_>,
        way: &Way<'_>,
    ) -> Result<Reply, Refusal> {
        loop {
            while let Some(wait) = host.wait(Instant::now()) {
                sleep(wait).await;
            }
            host.check()?;
            asked.left = asked.left.saturating_sub(1);
            asked.made += 1;
            let outcome = self.transport.send(request, &self.known).await;
            way.note(step(host, request, asked, &outcome));
            let mut pause = self.pause(asked.made);
            match &outcome {
                Ok(reply) if !passes(reply.status) => {
                    host.answered();
                    return outcome.map_err(|fault| fault.refusal(&host.name));
                }
                Ok(reply) => {
                    if let Some(wanted) = retry_after(reply) {
                        if wanted > self.limits.longest_pause {
                            return Err(give_up(host, reply.status, wanted));
                        }
                        pause = pause.max(wanted);
                    }
                    asked.errors += u32::from(reply.status >= 500);
                    asked.gate = None;
                }
                Err(Fault::AnswerTimeout(_) | Fault::Lost) => {
                    asked.slow += u32::from(matches!(outcome, Err(Fault::AnswerTimeout(_))));
                    asked.gate = None;
                }
                Err(fault) if fault.passes() => {}
                Err(fault) => {
                    let refusal = fault.refusal(&host.name);
                    if fault.is_of_the_host() {
                        host.close(&refusal);
                    }
                    return Err(refusal);
                }
            }
            let enough = asked.slow >= SLOW_TRIES || (request.method == Method::HEAD && asked.errors >= HEAD_ERRORS);
            if asked.left == 0 || enough || !host.may_try_again() {
                return outcome.inspect(|_| host.answered()).map_err(|fault| {
                    let refusal = fault.refusal(&host.name);
                    host.failed(&fault, &refusal);
                    refusal
                });
            }
            way.note(Step::Paused { milliseconds: pause.as_millis() });
            if matches!(&outcome, Ok(reply) if reply.status == 429) {
                host.pause(Instant::now() + pause);
            }
            sleep(pause).await;
        }
    }

    /// The pause after so many tries: twice as long each time, and a random part less, so that those who failed together do not come
    /// back together.
    fn pause(&self, made: u32) -> Duration {
        let doubled = self.limits.first_pause.saturating_mul(1 << made.saturating_sub(1).min(16));
        doubled.min(self.limits.longest_pause).mul_f64(1.0 - self.random() / 2.0)
    }
}

/// Whether another try may be answered otherwise.
fn passes(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504)
}

/// How long the registry wants to be left alone: seconds, or a date, which is read against the answer's own clock.
fn retry_after(reply: &Reply) -> Option<Duration> {
    let wanted = reply.header(RETRY_AFTER.as_str())?;
    if let Ok(seconds) = wanted.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let until = httpdate::parse_http_date(wanted).ok()?;
    let now = httpdate::parse_http_date(reply.header(DATE.as_str())?).ok()?;
    Some(until.duration_since(now).unwrap_or_default())
}

fn give_up(host: &Host, status: u16, wanted: Duration) -> Refusal {
    let seconds = wanted.as_secs();
    let phrase = if status == 429 { "429 Too Many Requests" } else { "that it is not available" };
    let code = if status == 429 { "rate-limited" } else { "server-error" };
    let refusal = refusal(
        code,
        format!("`{}` answered {phrase}, and to come back in {seconds} s", host.name),
        &format!("try again in {seconds} s"),
    );
    host.close(&refusal);
    refusal
}

fn step(host: &Host, request: &Request<'_>, asked: &Asked<'_>, outcome: &Result<Reply, Fault>) -> Step {
    let method = match request.method {
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        _ => "GET",
    };
    let outcome = match outcome {
        Ok(reply) if reply.direct => reply.status.to_string(),
        Ok(reply) => format!("{} after a redirect", reply.status),
        Err(fault) => fault.refusal(&host.name).code.to_owned(),
    };
    Step::Asked { method, host: host.name.clone(), what: asked.what.clone(), outcome }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost"
        || host.ends_with(".localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
