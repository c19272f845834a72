//! The way that each answer went, for a person who wants to know why: hosts, statuses, and credentials by the name of their source.
//!
//! No step holds a secret, a query or a text of a registry's; what came from outside has been through `Known::hide`.

use std::collections::BTreeMap;
use std::fmt;

use super::Registry;
use crate::engine::image::Lookup;

/// What happened for each lookup, in order.
pub type Trace = BTreeMap<Lookup, Vec<Step>>;

/// One thing that happened on the way to an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A map changed who is asked.
    Mapped {
        /// The name that is asked for, without a tag.
        to: String,
    },
    /// A request was made.
    Asked {
        /// `HEAD`, `GET` or `POST`.
        method: &'static str,
        /// The host, with its port where that is not the usual one.
        host: String,
        /// What was asked: `manifests/1.4`, `token`.
        what: String,
        /// The status, or what went wrong.
        outcome: String,
    },
    /// Credentials were found and sent.
    SignedIn {
        /// The file or the helper, by name.
        source: String,
    },
    /// The registry is asked over plain http, which the user has not asked for: credentials are not looked for.
    Nobody,
    /// The registry wants a token, and there are no credentials: one for anybody is asked for.
    Anonymous,
    /// A pause before another try.
    Paused {
        /// How long, in milliseconds.
        milliseconds: u128,
    },
    /// Something that a person should know, though there is an answer.
    Warning(String),
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mapped { to } => write!(formatter, "mapped to {to}"),
            Self::Asked {
                method,
                host,
                what,
                outcome,
            } => write!(formatter, "{method} {what} at {host}: {outcome}"),
            Self::SignedIn { source } => write!(formatter, "with the credentials from {source}"),
            Self::Nobody => {
                formatter.write_str("without credentials: plain http, which is not the user's wish")
            }
            Self::Anonymous => formatter.write_str("without credentials: none were found"),
            Self::Paused { milliseconds } => write!(formatter, "paused for {milliseconds} ms"),
            Self::Warning(text) => write!(formatter, "warning: {text}"),
        }
    }
}

/// Notes what happens for one lookup.
pub(super) struct Way<'a> {
    pub(super) registry: &'a Registry,
    pub(super) lookup: &'a Lookup,
}

impl Way<'_> {
    pub(super) fn note(&self, step: Step) {
        let mut trace = self
            .registry
            .trace
            .lock()
            .expect("no holder of this lock panics");
        trace.entry(self.lookup.clone()).or_default().push(step);
    }
}
