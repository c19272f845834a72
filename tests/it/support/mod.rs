//! The base of the tests: the built binary in a clean environment, the cases of `fixtures/`, servers in and beside the process,
//! and optional programs.

#![allow(
    unreachable_pub,
    reason = "the parts are for every module of this one binary"
)]

use std::sync::Arc;

use imago::app::gate::PlatformLoss;
use imago::app::observer::Event;
use imago::app::resolve::{self, Wanted};
use imago::engine::answer::Answers;
use imago::io::resolver::Resolver;

pub mod apiserver;
pub(crate) mod binary;
pub(crate) mod cases;
pub mod distribution;
pub(crate) mod edit_anything;
pub(crate) mod engine;
pub(crate) mod forge;
pub(crate) mod large;
pub(crate) mod programs;
pub mod registry;
pub(crate) mod remote;
pub mod repositories;
pub(crate) mod schema;
pub(crate) mod seeds;
pub mod tls;
pub(crate) mod tunnel;

/// Awaits a future on a new runtime.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let result = runtime.block_on(work);
    runtime.shutdown_background();
    result
}

/// Resolves all lookups, and waits for the answers.
pub(crate) fn resolve<R: Resolver>(
    resolver: &Arc<R>,
    wanted: &Wanted,
    platform_loss: PlatformLoss,
    on_event: impl FnMut(Event),
) -> Answers {
    block_on(resolve::resolve(resolver, wanted, platform_loss, on_event))
}
