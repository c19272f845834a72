//! Tags that are asked for as soon as one file names them, while others are still being read.
//!
//! It asks nothing that the run would not ask: it is told what is wanted of each file, and each tag is asked for once. What becomes of an
//! answer is not its business: the resolver keeps it for who asks again. Where the system gives no thread or no runtime, nothing is asked
//! ahead, and who asks later is told why.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::runtime::Runtime;
use tokio::sync::mpsc::{self, UnboundedSender};

use super::runtime;
use crate::engine::image::Lookup;
use crate::io::resolver::Resolver;

/// A thread that asks.
pub(super) struct Ahead {
    asked: Mutex<BTreeSet<Lookup>>,
    lookups: UnboundedSender<Lookup>,
    thread: JoinHandle<Option<Runtime>>,
}

impl Ahead {
    /// Begins to wait for the first lookup. `None`: the system gives no thread.
    pub(super) fn begin<R: Resolver>(resolver: Arc<R>) -> Option<Self> {
        let (lookups, mut receiver) = mpsc::unbounded_channel::<Lookup>();
        let work = move || {
            let first = receiver.blocking_recv()?;
            let runtime = runtime::start().ok()?;
            runtime.block_on(async {
                let mut next = Some(first);
                while let Some(lookup) = next {
                    let resolver = Arc::clone(&resolver);
                    // Such a future is large, and would be moved several times on its way.
                    tokio::spawn(Box::pin(async move { resolver.resolve(&lookup).await }));
                    next = receiver.recv().await;
                }
            });
            Some(runtime)
        };
        let thread = thread::Builder::new().name("ahead".to_owned()).spawn(work).ok()?;
        Some(Self { asked: Mutex::default(), lookups, thread })
    }

    /// Asks for it, where it has not been asked for yet.
    pub(super) fn ask(&self, lookup: Lookup) {
        if self.asked.lock().unwrap_or_else(PoisonError::into_inner).insert(lookup.clone()) {
            // Where the thread could not start its runtime it is gone, and the lookup is asked for later.
            self.lookups.send(lookup).unwrap_or(());
        }
    }

    /// Ends the asking ahead. The runtime, if any, goes on with what is under way as soon as somebody runs it.
    pub(super) fn hand_over(self) -> Option<Runtime> {
        drop(self.lookups);
        self.thread.join().ok().flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::resolve::{PlatformLoss, Wanted, resolve_on};
    use crate::engine::answer::{Manifest, Refusal};
    use crate::engine::image::{Digest, ImageRef};

    /// Says which tag it was asked for.
    struct Teller(std::sync::mpsc::Sender<String>);

    impl Resolver for Teller {
        async fn resolve(&self, lookup: &Lookup) -> Result<Digest, Refusal> {
            self.0.send(lookup.to_string()).unwrap();
            tokio::task::yield_now().await;
            Ok(Digest::parse(&format!("sha256:{:064x}", 1)).unwrap())
        }

        async fn manifest(&self, _: &Lookup, _: &Digest) -> Result<Option<Manifest>, Refusal> {
            Ok(None)
        }
    }

    fn lookup(image: &str) -> Lookup {
        ImageRef::parse(image).unwrap().lookup()
    }

    #[test]
    fn a_tag_is_asked_for_at_once_and_once() {
        let (sender, asked) = std::sync::mpsc::channel();
        let resolver = Arc::new(Teller(sender));
        let ahead = Ahead::begin(Arc::clone(&resolver)).unwrap();
        for image in ["reg.test/web:1", "reg.test/web:1", "reg.test/api:1"] {
            ahead.ask(lookup(image));
        }
        // Nobody has handed over yet.
        assert_eq!([asked.recv().unwrap(), asked.recv().unwrap()], ["reg.test/web:1", "reg.test/api:1"]);
        let runtime = ahead.hand_over().unwrap();
        assert!(asked.try_recv().is_err());
        let wanted = Wanted::from([(lookup("reg.test/web:1"), [].into())]);
        let answers = resolve_on(runtime, &resolver, &wanted, PlatformLoss::HoldBack, |_| {});
        assert!(answers[&lookup("reg.test/web:1")].is_ok());
    }

    #[test]
    fn where_nothing_was_asked_there_is_no_runtime() {
        let (sender, _) = std::sync::mpsc::channel();
        assert!(Ahead::begin(Arc::new(Teller(sender))).unwrap().hand_over().is_none());
    }
}
