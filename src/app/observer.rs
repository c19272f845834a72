//! Who watches a run while it goes on.

use crate::engine::answer::{Answer, Refusal};
use crate::engine::image::Lookup;

/// Is told how far a run is, from the thread that awaits it. A closure that takes an [`Event`] is one.
pub trait Observer: Send + Sync {
    /// Takes note of a step.
    fn note(&self, event: Event);
}

impl<F: Fn(Event) + Send + Sync> Observer for F {
    fn note(&self, event: Event) {
        self(event);
    }
}

/// How far the run is, for a progress bar and for who goes on with what is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// The cluster is found, and nothing was asked there yet.
    Connected {
        /// Which one, and which of its namespaces are meant.
        to: String,
    },
    /// So many lookups were handed out.
    Started {
        /// How many.
        total: usize,
    },
    /// One of them is done. The order is that of the answers.
    Answered {
        /// Which.
        lookup: Lookup,
        /// Its answer, which is among those that are returned, too.
        answer: Result<Answer, Refusal>,
        /// How many are done now.
        done: usize,
        /// Of how many.
        total: usize,
    },
}
