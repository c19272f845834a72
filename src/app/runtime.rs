//! The runtime in which registries and the API server are asked, started when there is something to ask.

use std::io;

use tokio::runtime::{Builder, Runtime};

use super::report::{Place, Problem};
use crate::io::files::{self, FileError};

/// A runtime, a look-up of a name and a connection need fewer open files than these.
const OPEN_FILES: usize = 12;

/// Starts a runtime on this thread.
///
/// Fails where the system gives no runtime, or too few open files to ask anything: the runtime breaks off where it is refused some of its
/// own, and what is refused one later often says something else.
pub(super) fn start() -> io::Result<Runtime> {
    files::probe_open(OPEN_FILES)?;
    Builder::new_current_thread().enable_all().build()
}

/// Why there is no runtime, as what ends the run. `what` names the act: `cannot start to ask registries`.
pub(super) fn unstarted(what: &str, error: io::Error) -> Problem {
    let error = FileError::from(error);
    Problem {
        code: error.code(),
        what: what.to_owned(),
        place: Place::default(),
        cause: error.to_string(),
        hint: error.hint().map(str::to_owned),
    }
}
