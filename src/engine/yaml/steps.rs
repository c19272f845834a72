//! Counts the steps of a test's thread, so that a test can tell how the cost of an input grows without a clock.

use std::cell::Cell;

thread_local! {
    static STEPS: Cell<u64> = const { Cell::new(0) };
}

/// Counts steps.
pub(in crate::engine) fn add(steps: u64) {
    STEPS.set(STEPS.get() + steps);
}

/// The steps of this thread so far.
pub(in crate::engine) fn count() -> u64 {
    STEPS.get()
}
