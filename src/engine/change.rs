//! What shall stand at a place of an object, for files and for clusters.

use super::path::Path;

/// The string at `at` shall be `to`; `None` is an entry that is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where.
    pub at: Path,
    /// What stands there now, as the plan relies on it.
    pub from: Option<String>,
    /// What shall stand there.
    pub to: Option<String>,
}
