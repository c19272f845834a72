//! Tags that are asked for as soon as a file names them, while other files are still being read.
//!
//! It asks nothing that the run would not ask, each tag once, in the order in which the files are found, and within a file in the order of
//! its images: until a host is settled, that order decides what becomes of its questions, so it must not hang on which thread was faster.
//! A runtime of one thread keeps that order. What becomes of an answer is not its business: the resolver keeps it for who asks again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::engine::image::Lookup;
use crate::io::resolver::Resolver;

/// Who answers, and what it is asked ahead.
pub(super) struct Ahead<R> {
    resolver: Arc<R>,
    runtime: Handle,
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
    under_way: UnderWay,
}

/// Questions that go on as long as this is there.
pub(super) type UnderWay = JoinSet<()>;

impl<R: Resolver> Ahead<R> {
    /// Asks nothing yet. It will ask on the runtime that this is called in.
    pub(super) fn new(resolver: Arc<R>) -> Self {
        Self {
            resolver,
            runtime: Handle::current(),
            line: Mutex::default(),
        }
    }

    /// Takes what the file with this number names, and asks for what is new of it, once each file before it was taken. Any thread may call it.
    pub(super) fn take<'l>(&self, number: usize, lookups: impl Iterator<Item = &'l Lookup>) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let Line {
            next,
            early,
            named,
            under_way,
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
            for lookup in lookups {
                if !named.insert(lookup.clone()) {
                    continue;
                }
                let resolver = Arc::clone(&self.resolver);
                // Such a future is large, and would be moved several times on its way.
                let question = Box::pin(async move { drop(resolver.resolve(&lookup).await) });
                under_way.spawn_on(question, &self.runtime);
            }
        }
    }

    /// Ends the asking ahead, and hands over what is under way.
    pub(super) fn hand_over(self) -> (Arc<R>, UnderWay) {
        let line = self.line.into_inner();
        let under_way = line.unwrap_or_else(PoisonError::into_inner).under_way;
        (self.resolver, under_way)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::resolve::{PlatformLoss, Wanted, resolve};
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
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(async {
            let ahead = Arc::new(Ahead::new(Arc::new(Teller(sender))));
            let reading = Arc::clone(&ahead);
            let read = tokio::task::spawn_blocking(move || {
                let take = |number, names: &[&str]| {
                    let lookups: Vec<_> = names.iter().map(|name| lookup(name)).collect();
                    reading.take(number, lookups.iter());
                };
                take(2, &["reg.test/last:1", "reg.test/web:1"]);
                take(1, &[]);
                take(0, &["reg.test/web:1", "reg.test/api:1"]);
                // Files are still being read.
                let told: Vec<String> = (0..3).map(|_| asked.recv().unwrap()).collect();
                assert_eq!(
                    told,
                    ["reg.test/web:1", "reg.test/api:1", "reg.test/last:1"]
                );
                take(4, &["reg.test/lost:1"]);
                asked
            });
            let asked = read.await.unwrap();
            let (resolver, _under_way) = Arc::into_inner(ahead).unwrap().hand_over();
            tokio::task::yield_now().await;
            assert!(asked.try_recv().is_err(), "the file before was never taken");
            let wanted = Wanted::from([(lookup("reg.test/web:1"), [].into())]);
            let answers = resolve(&resolver, &wanted, PlatformLoss::HoldBack, |_| {}).await;
            assert!(answers[&lookup("reg.test/web:1")].is_ok());
        });
    }
}
