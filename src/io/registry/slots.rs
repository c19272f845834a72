//! How many requests are under way at once: over all hosts, and to each of them, whoever makes them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::Semaphore;

/// The slots of a run. Those who ask side by side, each with credentials of its own, share them.
pub(super) struct Slots {
    pub(super) all: Semaphore,
    per_host: usize,
    hosts: Mutex<BTreeMap<String, Arc<Semaphore>>>,
}

impl Slots {
    /// So many in all, and so many for each host.
    pub(super) fn new(all: usize, per_host: usize) -> Self {
        let all = Semaphore::new(all.min(Semaphore::MAX_PERMITS));
        Self { all, per_host: per_host.min(Semaphore::MAX_PERMITS), hosts: Mutex::default() }
    }

    /// Those of one origin.
    pub(super) fn of(&self, origin: &str) -> Arc<Semaphore> {
        let mut hosts = self.hosts.lock().expect("no holder of this lock panics");
        Arc::clone(hosts.entry(origin.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(self.per_host))))
    }
}
