//! Asks for a tag as soon as a file names it, while other files are still read.
//!
//! It asks nothing that the run would not ask anyway, and each tag once. The order is that of the files, and within a file that
//! of its images. It must not depend on which thread was faster: until a host is settled, the order decides what happens to its
//! queries. A runtime with one thread keeps the order. The resolver keeps the answers for when the run asks again.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::runtime::Handle;
use tokio::task::JoinSet;

use super::choose;
use super::threads::aside;
use crate::engine::image::Lookup;
use crate::io::resolver::Resolver;

/// The resolver, and the queries that are sent ahead.
pub(super) struct Ahead<R> {
    resolver: Arc<R>,
    runtime: Handle,
    line: Mutex<Line>,
}

/// The lookups of the files, put in order.
#[derive(Default)]
struct Line {
    /// The number of the next file in order.
    next: usize,
    /// The lookups of later files, which were read faster.
    early: BTreeMap<usize, Vec<Lookup>>,
    named: BTreeSet<Lookup>,
    under_way: UnderWay,
}

/// Queries under way. Dropping it cancels them.
pub(super) type UnderWay = JoinSet<()>;

impl<R: Resolver> Ahead<R> {
    /// Asks nothing yet. Later it will ask on the current runtime.
    pub(super) fn new(resolver: Arc<R>) -> Self {
        Self {
            resolver,
            runtime: Handle::current(),
            line: Mutex::default(),
        }
    }

    /// Takes the lookups of the file with this number. Asks for the new ones as soon as all earlier files were taken. Any thread
    /// may call it.
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
                // The future is large, and without a box it would be moved several times.
                let question =
                    Box::pin(async move { drop(choose::answer(&*resolver, &lookup).await) });
                under_way.spawn_on(question, &self.runtime);
            }
        }
    }

    /// Stops asking ahead, and returns the queries under way when all of them have begun. What a runtime's own thread spawns would overtake
    /// what waits there from other threads, so one more of these comes last.
    pub(super) async fn hand_over(self) -> (Arc<R>, UnderWay) {
        let runtime = self.runtime.clone();
        // It does nothing, so it cannot fail.
        drop(aside(move || runtime.spawn(async {})).await.await);
        let line = self.line.into_inner();
        let under_way = line.unwrap_or_else(PoisonError::into_inner).under_way;
        (self.resolver, under_way)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::gate::PlatformLoss;
    use crate::app::resolve::{Wanted, resolve};
    use crate::engine::answer::{Details, Manifest, Refusal};
    use crate::engine::image::{Digest, ImageRef};
    use crate::engine::version::TagList;

    /// A resolver that sends each tag that it is asked for.
    struct Teller(std::sync::mpsc::Sender<String>);

    impl Resolver for Teller {
        async fn resolve(&self, lookup: &Lookup) -> Result<Digest, Refusal> {
            self.0.send(lookup.to_string()).unwrap();
            tokio::task::yield_now().await;
            Ok(Digest::parse(&format!("sha256:{:064x}", 1)).unwrap())
        }

        async fn tags(&self, _: &Lookup) -> Result<Arc<TagList>, Refusal> {
            Ok(Arc::default())
        }

        async fn details(
            &self,
            _: &Lookup,
            _: &Digest,
            _: fn(&Details) -> bool,
        ) -> Result<Option<Details>, Refusal> {
            Ok(None)
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
                // Other files are still being read.
                let told: Vec<String> = (0..3).map(|_| asked.recv().unwrap()).collect();
                assert_eq!(
                    told,
                    ["reg.test/web:1", "reg.test/api:1", "reg.test/last:1"]
                );
                take(4, &["reg.test/lost:1"]);
                asked
            });
            let asked = read.await.unwrap();
            let (resolver, _under_way) = Arc::into_inner(ahead).unwrap().hand_over().await;
            assert!(asked.try_recv().is_err(), "the file before was never taken");
            let wanted = Wanted::from([(lookup("reg.test/web:1"), [].into())]);
            let answers = resolve(&resolver, &wanted, PlatformLoss::HoldBack, |_| {}).await;
            assert!(answers[&lookup("reg.test/web:1")].is_ok());
        });
    }

    #[test]
    fn what_was_asked_ahead_comes_before_what_is_asked_later() {
        let (sender, asked) = std::sync::mpsc::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        runtime.unwrap().block_on(async {
            let ahead = Ahead::new(Arc::new(Teller(sender)));
            let files = ["reg.test/web:1", "reg.test/last:1"];
            // All files are read before the runtime comes to ask.
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    for (number, name) in files.iter().enumerate() {
                        ahead.take(number, [lookup(name)].iter());
                    }
                });
            });
            let (resolver, _under_way) = ahead.hand_over().await;
            let wanted: Wanted = files.map(|name| (lookup(name), [].into())).into();
            drop(resolve(&resolver, &wanted, PlatformLoss::HoldBack, |_| {}).await);
            let told: Vec<String> = asked.try_iter().take(2).collect();
            assert_eq!(told, files);
        });
    }
}
