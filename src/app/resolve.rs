//! What a person is told while digests are looked up.

/// A step of the look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// So many lookups will be asked.
    Wanted(usize),
    /// One of them has its answer.
    Answered,
}
