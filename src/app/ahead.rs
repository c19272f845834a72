//! Tags that are asked for as soon as a file names them, while other files are still being read.
//!
//! It asks nothing that the run would not ask, each tag once, in the order in which the files are found, and within a file in the order of
//! its images: until a host is settled, that order decides what becomes of its questions, so it must not hang on which thread was faster.
//! What becomes of an answer is not its business: the resolver keeps it for who asks again. Where the system gives no thread or no runtime,
//! nothing is asked ahead, and who asks later is told why.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use tokio::runtime::Runtime;
use tokio::sync::mpsc::{self, UnboundedSender};

use super::runtime;
use crate::engine::image::Lookup;
use crate::io::resolver::Resolver;

/// Who answers, and what it is asked ahead.
pub(super) struct Ahead<R> {
    resolver: Arc<R>,
    line: Mutex<Line>,
}

/// What the files name, brought into their order.
#[derive(Default)]
struct Line {
    /// The file that is waited for.
    next: usize,
    /// What the files after it name, which were faster.
    early: BTreeMap<usize, Vec<Lookup>>,
    named: BTreeSet<Lookup>,
    asker: Option<Asker>,
}

/// A thread that asks. `None`: the system gave none.
type Asker = Option<(UnboundedSender<Lookup>, JoinHandle<Option<Runtime>>)>;

impl<R: Resolver> Ahead<R> {
    /// Asks nothing yet, and needs no thread until it does.
    pub(super) fn new(resolver: Arc<R>) -> Self {
        Self {
            resolver,
            line: Mutex::default(),
        }
    }

    /// Takes what the file with this number names, and asks for what is new of it, once each file before it was taken.
    pub(super) fn take<'l>(&self, number: usize, lookups: impl Iterator<Item = &'l Lookup>) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let Line {
            next,
            early,
            named,
            asker,
        } = &mut *line;
        early.insert(
            number,
            lookups
                .filter(|lookup| !named.contains(lookup))
                .cloned()
                .collect(),
        );
        while let Some(lookups) = early.remove(next) {
            *next += 1;
            for lookup in lookups
                .into_iter()
                .filter(|lookup| named.insert(lookup.clone()))
            {
                if let Some((sender, _)) = asker.get_or_insert_with(|| begin(&self.resolver)) {
                    // A thread that could not start its runtime is gone, and the lookup is asked for later.
                    sender.send(lookup).unwrap_or(());
                }
            }
        }
    }

    /// Ends the asking ahead. The runtime, if there is one, goes on with what is under way as soon as somebody runs it.
    pub(super) fn hand_over(self) -> (Arc<R>, Option<Runtime>) {
        let asker = self
            .line
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
            .asker
            .flatten();
        let runtime = asker.and_then(|(sender, thread)| {
            drop(sender);
            thread.join().ok().flatten()
        });
        (self.resolver, runtime)
    }
}

fn begin<R: Resolver>(resolver: &Arc<R>) -> Asker {
    let (sender, mut receiver) = mpsc::unbounded_channel::<Lookup>();
    let resolver = Arc::clone(resolver);
    let work = move || {
        let runtime = runtime::start().ok()?;
        runtime.block_on(async {
            while let Some(lookup) = receiver.recv().await {
                let resolver = Arc::clone(&resolver);
                // Such a future is large, and would be moved several times on its way.
                tokio::spawn(Box::pin(async move { resolver.resolve(&lookup).await }));
            }
        });
        Some(runtime)
    };
    let thread = thread::Builder::new()
        .name("ahead".to_owned())
        .spawn(work)
        .ok()?;
    Some((sender, thread))
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
    fn tags_are_asked_for_at_once_and_once_in_the_order_of_the_files() {
        let (sender, asked) = std::sync::mpsc::channel();
        let ahead = Ahead::new(Arc::new(Teller(sender)));
        let take = |number, names: &[&str]| {
            ahead.take(
                number,
                names
                    .iter()
                    .map(|name| lookup(name))
                    .collect::<Vec<_>>()
                    .iter(),
            )
        };
        take(2, &["reg.test/last:1", "reg.test/web:1"]);
        take(1, &[]);
        take(0, &["reg.test/web:1", "reg.test/api:1"]);
        // Nobody has handed over yet.
        let told: Vec<String> = (0..3).map(|_| asked.recv().unwrap()).collect();
        assert_eq!(
            told,
            ["reg.test/web:1", "reg.test/api:1", "reg.test/last:1"]
        );
        take(4, &["reg.test/lost:1"]);
        let (resolver, runtime) = ahead.hand_over();
        assert!(asked.try_recv().is_err(), "the file before was never taken");
        let wanted = Wanted::from([(lookup("reg.test/web:1"), [].into())]);
        let answers = resolve_on(
            runtime.unwrap(),
            &resolver,
            &wanted,
            PlatformLoss::HoldBack,
            |_| {},
        );
        assert!(answers[&lookup("reg.test/web:1")].is_ok());
    }

    #[test]
    fn where_nothing_was_asked_there_is_no_runtime() {
        let (sender, _asked) = std::sync::mpsc::channel();
        let ahead = Ahead::new(Arc::new(Teller(sender)));
        ahead.take(0, std::iter::empty());
        assert!(ahead.hand_over().1.is_none());
    }
}
