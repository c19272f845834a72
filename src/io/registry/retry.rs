//! Trying again: how often, after which pause, and when it is better to stop.
//!
//! Only what may pass is tried again: lost connections, time-outs, 429 and 5xx. All tries of a host's questions together are bounded, and a
//! host that asks to be left alone for long is left alone by all of them.

use std::time::Duration;

use reqwest::Method;
use reqwest::header::{DATE, RETRY_AFTER};
use tokio::sync::MutexGuard;
use tokio::time::{Instant, sleep};

use super::Registry;
use super::fault::Fault;
use super::host::Host;
use super::refusal::{passes, refusal};
use super::trace::{Step, Way};
use super::transport::{Reply, Request};
use crate::engine::answer::Refusal;
use crate::engine::code::Code;

/// Tries of a HEAD that meet a server's error before GET takes over: some servers answer 500 to HEAD alone.
const HEAD_ERRORS: u32 = 2;
/// Tries that are not answered in time before a question is given up: each of them has taken long.
const SLOW_TRIES: u32 = 2;

/// One question and its tries.
pub(super) struct Asked<'a> {
    what: String,
    /// What is behind the `?`. People are not shown it: a registry may have written it.
    query: Option<String>,
    /// The largest answer, where it may be larger than a manifest.
    most: Option<usize>,
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
        Self {
            what,
            query: None,
            most: None,
            left: tries,
            made: 0,
            errors: 0,
            slow: 0,
            gate: None,
        }
    }

    /// A part of a list: `query` says which, and `most` how large it may be.
    pub(super) fn part(self, query: Option<String>, most: usize) -> Self {
        Self {
            query,
            most: Some(most),
            ..self
        }
    }

    /// What is asked for: `manifests/1.4`.
    pub(super) fn what(&self) -> &str {
        &self.what
    }

    /// What is behind the `?`.
    pub(super) fn query(&self) -> Option<&str> {
        self.query.as_deref()
    }

    /// The largest answer that is read, where it may be larger than a manifest.
    pub(super) fn most(&self) -> Option<usize> {
        self.most
    }

    /// Waits until the host lets this question in, and keeps its others out, where nothing is known of it yet.
    pub(super) async fn enter(&mut self, host: &'a Host) -> Result<(), Refusal> {
        if self.gate.is_none() {
            self.gate = host.enter().await;
        }
        host.check()
    }

    /// Lets the host's other questions in.
    pub(super) fn leave(&mut self) {
        self.gate = None;
    }

    /// Makes room for one more try: what was sent was not the whole question yet.
    pub(super) fn go_on(&mut self) {
        self.left = self.left.max(1);
    }

    /// Whether all tries were made.
    pub(super) fn is_over(&self) -> bool {
        self.left == 0
    }

    /// The same question in another way: it has the tries that are left, and one at least.
    pub(super) fn again(self) -> Self {
        Self {
            left: self.left.max(1),
            errors: 0,
            ..self
        }
    }
}

impl Registry {
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
                Err(fault) if fault.passes() && !fault.is_of_the_host() => {
                    asked.slow += u32::from(fault.is_slow());
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
            let enough = asked.slow >= SLOW_TRIES
                || (request.method == Method::HEAD && asked.errors >= HEAD_ERRORS);
            if asked.left == 0 || enough || !host.may_try_again() {
                return outcome.inspect(|_| host.answered()).map_err(|fault| {
                    let refusal = fault.refusal(&host.name);
                    host.failed(&fault, &refusal);
                    refusal
                });
            }
            way.note(Step::Paused {
                milliseconds: pause.as_millis(),
            });
            if matches!(&outcome, Ok(reply) if reply.status == 429) {
                host.pause(Instant::now() + pause);
            }
            sleep(pause).await;
        }
    }

    /// The pause after so many tries: twice as long each time, and a random part less, so that those who failed together do not come
    /// back together.
    fn pause(&self, made: u32) -> Duration {
        let doubled = self
            .limits
            .first_pause
            .saturating_mul(1 << made.saturating_sub(1).min(16));
        doubled
            .min(self.limits.longest_pause)
            .mul_f64(1.0 - self.random() / 2.0)
    }
}

/// How long the server wants to be left alone: seconds, or a date, which is read against the answer's own clock.
pub(in crate::io) fn retry_after(reply: &Reply) -> Option<Duration> {
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
    let phrase = if status == 429 {
        "429 Too Many Requests"
    } else {
        "that it is not available"
    };
    let code = if status == 429 {
        Code::RateLimited
    } else {
        Code::ServerError
    };
    let refusal = refusal(
        code,
        format!(
            "`{}` answered {phrase}, and to come back in {seconds} s",
            host.name
        ),
        &format!("try again in {seconds} s"),
    );
    if status == 429 {
        host.limited(&refusal);
    }
    refusal
}

fn step(
    host: &Host,
    request: &Request<'_>,
    asked: &Asked<'_>,
    outcome: &Result<Reply, Fault>,
) -> Step {
    let method = match request.method {
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        _ => "GET",
    };
    let outcome = match outcome {
        Ok(reply) if reply.direct => reply.status.to_string(),
        Ok(reply) => format!("{} after a redirect", reply.status),
        Err(fault) => fault.refusal(&host.name).code.to_string(),
    };
    Step::Asked {
        method,
        host: host.name.clone(),
        what: asked.what.clone(),
        outcome,
    }
}
