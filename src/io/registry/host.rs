//! One host of a run: how many may ask it at once, how it wants us to sign in, and whether it is worth asking at all.
//!
//! Until a host has given one answer that is no refusal of our credentials, its questions go one after the other: one challenge
//! is enough for all, a host that is down costs one question's tries, and the order of the questions alone decides which of them
//! try credentials.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;

use super::challenge::Challenge;
use super::fault::Fault;
use super::refusal::SignedAs;
use super::shared::SharedOfHost;
use crate::engine::answer::Refusal;
use crate::io::credentials::Secret;

/// Questions in a row that get no answer before the host counts as down.
const SILENT: u32 = 3;
/// Questions in a row that are put off for longer than we wait before no more are asked.
const LIMITED: u32 = 3;
/// Second and later tries that a host gets beyond those that its answers earn it.
const RETRIES: u32 = 64;

/// What became of a repository's token.
pub(super) struct Kept {
    pub(super) generation: u32,
    /// Whether it stands for one that was refused.
    pub(super) renewed: bool,
    pub(super) outcome: Result<Token, Refusal>,
}

/// A token, as the header that carries it.
#[derive(Clone)]
pub(super) struct Token {
    pub(super) header: Secret,
    pub(super) until: Instant,
    pub(super) signed: SignedAs,
    /// Whether the registry has answered a question that it came with.
    pub(super) taken: Arc<AtomicBool>,
}

/// Where a token is put; whoever holds it asks for one.
type TokenPlace = Arc<tokio::sync::Mutex<Option<Kept>>>;

/// What a run knows of a host.
pub(super) struct Host {
    /// The host as shown to people: with its port where that is not the usual one.
    pub(super) name: String,
    pub(super) shared: Arc<SharedOfHost>,
    gate: tokio::sync::Mutex<()>,
    state: Mutex<State>,
    tokens: Mutex<BTreeMap<(String, usize), TokenPlace>>,
}

struct State {
    offer: Option<Challenge>,
    settled: bool,
    answered: bool,
    silent: u32,
    limited: u32,
    retries: u32,
    down: Option<Refusal>,
    not_before: Option<Instant>,
}

impl Host {
    pub(super) fn new(name: String, shared: Arc<SharedOfHost>) -> Self {
        let state = State {
            offer: None,
            settled: false,
            answered: false,
            silent: 0,
            limited: 0,
            retries: RETRIES,
            down: None,
            not_before: None,
        };
        let (gate, tokens) = (tokio::sync::Mutex::new(()), Mutex::default());
        Self {
            name,
            shared,
            gate,
            state: Mutex::new(state),
            tokens,
        }
    }

    /// Lets questions in: one at a time until the host is settled, then all.
    pub(super) async fn enter(&self) -> Option<tokio::sync::MutexGuard<'_, ()>> {
        if self.state().settled {
            return None;
        }
        let gate = self.gate.lock().await;
        (!self.state().settled).then_some(gate)
    }

    /// The refusal of all questions, where the host is not worth asking any more.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        self.state().down.clone().map_or(Ok(()), Err)
    }

    /// How the host wants us to sign in, as far as it has said.
    pub(super) fn offer(&self) -> Option<Challenge> {
        self.state().offer.clone()
    }

    /// Remembers how the host wants us to sign in. When that is news, what follows goes one after the other again: it may be our
    /// credentials' first use.
    pub(super) fn wants(&self, offer: Challenge) {
        let mut state = self.state();
        state.settled &= state.offer.is_some();
        state.offer = Some(offer);
    }

    /// A question was answered or given up, and not for our credentials: where the host has said anything at all, the others may
    /// come.
    pub(super) fn settle(&self) {
        let mut state = self.state();
        state.settled = state.settled || state.answered;
    }

    /// An answer came, of whatever status.
    pub(super) fn answered(&self) {
        let mut state = self.state();
        state.answered = true;
        state.silent = 0;
        state.limited = 0;
        state.retries = state.retries.saturating_add(2);
    }

    /// A question was given up without an answer.
    pub(super) fn failed(&self, fault: &Fault, refusal: &Refusal) {
        if matches!(fault, Fault::Beyond(..)) {
            return;
        }
        let mut state = self.state();
        state.silent += 1;
        if fault.is_of_the_host() || state.silent >= SILENT {
            state.down = Some(refusal.clone());
            state.settled = true;
        }
    }

    /// The host wants to be left alone for longer than we wait. One repository's limit is not the host's; several in a row are.
    pub(super) fn limited(&self, refusal: &Refusal) {
        let mut state = self.state();
        state.limited += 1;
        if state.limited >= LIMITED {
            state.down = Some(refusal.clone());
            state.settled = true;
        }
    }

    /// Nothing more is to be asked of this host in this run, for this reason.
    pub(super) fn close(&self, refusal: &Refusal) {
        let mut state = self.state();
        state.down = Some(refusal.clone());
        state.settled = true;
    }

    /// Whether a question may be tried once more: the tries of all a host's questions together are bounded.
    pub(super) fn may_try_again(&self) -> bool {
        let mut state = self.state();
        let may = state.retries > 0;
        state.retries = state.retries.saturating_sub(1);
        may
    }

    /// Nobody asks this host before this time.
    pub(super) fn pause(&self, until: Instant) {
        let mut state = self.state();
        state.not_before = state.not_before.max(Some(until));
    }

    /// How long the host wants to be left alone.
    pub(super) fn wait(&self, now: Instant) -> Option<Duration> {
        self.state()
            .not_before
            .and_then(|until| until.checked_duration_since(now))
            .filter(|wait| !wait.is_zero())
    }

    /// The place of a repository's token, for this one of its pull secrets.
    pub(super) fn token(&self, repository: &str, secret: usize) -> TokenPlace {
        let mut tokens = self.tokens.lock().expect("no holder of this lock panics");
        Arc::clone(tokens.entry((repository.to_owned(), secret)).or_default())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no holder of this lock panics")
    }
}
