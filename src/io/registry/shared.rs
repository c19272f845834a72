//! What those share who ask side by side, each with credentials of its own: how many requests are under way at once, over all hosts and
//! to each of them, and which credentials a host has refused. The same password may stand in the pull secrets of many namespaces.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use tokio::sync::Semaphore;

use super::trial::Trials;

/// What is shared.
pub(super) struct Shared {
    /// Requests under way, or questions that have begun.
    pub(super) slots: Semaphore,
    per_host: usize,
    hosts: Mutex<BTreeMap<String, Arc<SharedOfHost>>>,
}

/// What is shared of one host.
pub(super) struct SharedOfHost {
    /// The same of this host.
    pub(super) slots: Semaphore,
    pub(super) trials: Trials,
}

impl Shared {
    /// So many in all, and so many for each host.
    pub(super) fn new(all: usize, per_host: usize) -> Self {
        let slots = Semaphore::new(all.min(Semaphore::MAX_PERMITS));
        Self {
            slots,
            per_host: per_host.min(Semaphore::MAX_PERMITS),
            hosts: Mutex::default(),
        }
    }

    /// What is shared of one origin.
    pub(super) fn of(&self, origin: &str) -> Arc<SharedOfHost> {
        let mut hosts = self.hosts.lock().expect("no holder of this lock panics");
        let new = || {
            Arc::new(SharedOfHost {
                slots: Semaphore::new(self.per_host),
                trials: Trials::default(),
            })
        };
        Arc::clone(hosts.entry(origin.to_owned()).or_insert_with(new))
    }
}
