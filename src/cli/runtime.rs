//! The runtime in which a run is awaited, on the thread of the caller.

use std::future::Future;
use std::io;

use tokio::runtime::{Builder, Runtime};

use crate::app::report::{Place, Problem};
use crate::io::files::{self, FileError};

/// A runtime, a look-up of a name and a connection need fewer open files than these.
const OPEN_FILES: usize = 12;

/// Who is asked over the network, and so what a runtime needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asks {
    /// Nobody.
    Nobody,
    /// Registries.
    Registries,
    /// A forge.
    Forge,
    /// The API server, and registries.
    ApiServer,
}

/// Awaits a run.
///
/// Fails where the system gives no runtime, or too few open files to ask anything: the runtime breaks off where it is refused some of its
/// own, and what is refused one later often says something else.
pub(super) fn block_on<T>(
    asks: Asks,
    run: impl Future<Output = anyhow::Result<T>>,
) -> anyhow::Result<T> {
    let runtime = start(asks).map_err(|error| unstarted(asks, error))?;
    let result = runtime.block_on(run);
    // A name look-up that hangs must not hold up a run that is done.
    runtime.shutdown_background();
    result
}

fn start(asks: Asks) -> io::Result<Runtime> {
    if asks == Asks::Nobody {
        return Builder::new_current_thread().build();
    }
    files::probe_open(OPEN_FILES)?;
    Builder::new_current_thread().enable_all().build()
}

/// Why there is no runtime, as what ends the run.
fn unstarted(asks: Asks, error: io::Error) -> Problem {
    let error = FileError::from(error);
    Problem {
        code: error.code(),
        what: match asks {
            Asks::Nobody => "cannot start",
            Asks::Registries => "cannot start to ask registries",
            Asks::Forge => "cannot start to ask the forge",
            Asks::ApiServer => "cannot start to ask the API server",
        }
        .to_owned(),
        place: Place::default(),
        cause: error.to_string(),
        hint: error.hint().map(str::to_owned),
    }
}
