//! Runs work beside the runtime: on many items at once, on all cores, with results in the order of the items; and work that
//! blocks.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;

use rayon::prelude::*;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

/// With fewer items than this, another thread is not worth its start.
const WORTH_A_THREAD: usize = 8;

/// How often a thread takes items where it needs a value for them. More turns would share the work better.
const TURNS: usize = 2;

/// The number of threads for this many items.
pub(super) fn count(items: usize) -> usize {
    match items < 2 * WORTH_A_THREAD {
        true => 1,
        false => rayon::current_num_threads(),
    }
}

/// Applies `work` to each item. Few items are done on the caller's thread.
pub(super) fn map<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    map_with(items, || (), |(), item| work(item))
}

/// Like [`map`]. Each thread calls `begin` twice at most for a value that its work needs and cannot share: a repository, whose index
/// costs as much as the tree is large.
pub(super) fn map_with<T: Sync, S, R: Send>(
    items: &[T],
    begin: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &T) -> R + Sync,
) -> Vec<R> {
    if count(items.len()) == 1 {
        let mut own = begin();
        return items.iter().map(|item| work(&mut own, item)).collect();
    }
    let turns = TURNS * count(items.len());
    let turn = |items: &[T]| {
        let mut own = begin();
        Vec::from_iter(items.iter().map(|item| work(&mut own, item)))
    };
    let split = items.par_chunks(items.len().div_ceil(turns));
    let done: Vec<Vec<R>> = split.map(turn).collect();
    done.into_iter().flatten().collect()
}

/// Like [`map`], but `work` takes the items by value.
pub(super) fn consume<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    if count(items.len()) == 1 {
        return items.into_iter().map(work).collect();
    }
    items.into_par_iter().map(&work).collect()
}

/// Runs work that computes or blocks on another thread. It runs to its end even if the future is dropped.
pub(super) async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(failed) => match failed.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            Err(_) => unreachable!("nobody aborts it, and a runtime that ends awaits nothing"),
        },
    }
}

/// Awaits something in work that runs [`aside`]: the runtime goes on meanwhile.
pub(super) fn awaited<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Handle::current().block_on(future)
}

/// Drops a large value on another thread, so that nobody waits for it.
pub(super) fn discard(value: impl Send + 'static) {
    drop(tokio::task::spawn_blocking(move || drop(value)));
}

/// The work on an item, with the value that it was ready with.
type Work<T, W, R> = dyn Fn(&mut T, W) -> R + Send + Sync;

/// How many items a thread is woken for. To wake one for each would cost more than most of the work.
const TURN: usize = 8;

/// An item that was worked on, with its place and what came of it.
type Done<T, R> = (usize, T, std::thread::Result<R>);

/// Items that are worked on beside the runtime, a few at a time, as soon as these are ready. Few items are worked on together, when all
/// are ready.
pub(super) struct WhenReady<T, W, R> {
    /// Those that are not worked on now.
    items: Vec<Option<T>>,
    work: Arc<Work<T, W, R>>,
    /// With few items: those that are ready.
    few: Option<Vec<(usize, T, W)>>,
    /// Those that are ready and wait for others.
    turn: Vec<(usize, T, W)>,
    /// What came of those that were worked on.
    done: Vec<Option<R>>,
    sender: UnboundedSender<Vec<Done<T, R>>>,
    receiver: UnboundedReceiver<Vec<Done<T, R>>>,
}

impl<T, W, R> WhenReady<T, W, R>
where
    T: Send + 'static,
    W: Send + 'static,
    R: Send + 'static,
{
    /// Starts with no item ready.
    pub(super) fn new(
        items: Vec<T>,
        work: impl Fn(&mut T, W) -> R + Send + Sync + 'static,
    ) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        Self {
            few: (count(items.len()) == 1).then(Vec::new),
            done: items.iter().map(|_| None).collect(),
            items: items.into_iter().map(Some).collect(),
            work: Arc::new(work),
            turn: Vec::new(),
            sender,
            receiver,
        }
    }

    /// Takes an item for work, with this value. Returns at once.
    pub(super) fn ready(&mut self, index: usize, with: W) {
        if self.done[index].is_some() {
            return;
        }
        let Some(item) = self.items[index].take() else {
            return;
        };
        if let Some(few) = &mut self.few {
            few.push((index, item, with));
            return;
        }
        self.turn.push((index, item, with));
        if self.turn.len() == TURN {
            self.start();
        }
    }

    /// Starts the work on those that are ready.
    fn start(&mut self) {
        let turn = std::mem::take(&mut self.turn);
        let (work, sender) = (Arc::clone(&self.work), self.sender.clone());
        // What is done by now makes room.
        while let Ok(turn) = self.receiver.try_recv() {
            self.take(turn);
        }
        rayon::spawn(move || {
            let one = |(index, mut item, with)| {
                let made = catch_unwind(AssertUnwindSafe(|| work(&mut item, with)));
                (index, item, made)
            };
            let done = turn.into_iter().map(one).collect();
            // After the run was cancelled, there is no receiver.
            sender.send(done).unwrap_or(());
        });
    }

    fn take(&mut self, turn: Vec<Done<T, R>>) {
        for (index, item, made) in turn {
            self.items[index] = Some(item);
            self.done[index] = Some(made.unwrap_or_else(|panic| resume_unwind(panic)));
        }
    }

    /// Waits for the work, and returns the items and results in order. Items that were never ready are missing.
    pub(super) async fn finish(mut self) -> (Vec<T>, Vec<R>) {
        if !self.turn.is_empty() {
            self.start();
        }
        if let Some(few) = self.few.take() {
            let work = Arc::clone(&self.work);
            let one = move |(index, mut item, with)| {
                let made = work(&mut item, with);
                (index, item, made)
            };
            let made = aside(move || few.into_iter().map(one).collect::<Vec<_>>()).await;
            for (index, item, made) in made {
                self.items[index] = Some(item);
                self.done[index] = Some(made);
            }
        }
        // Each turn has a sender of its own: the last one to end closes the channel.
        self.sender = mpsc::unbounded_channel().0;
        while let Some(turn) = self.receiver.recv().await {
            self.take(turn);
        }
        let pairs = self.items.iter_mut().zip(&self.done);
        let never = pairs.filter(|(_, made)| made.is_none());
        never.for_each(|(item, _)| *item = None);
        (known(self.items), known(self.done))
    }
}

/// Those of a list that are there.
fn known<T>(all: Vec<Option<T>>) -> Vec<T> {
    #[expect(
        clippy::filter_map_identity,
        reason = "unlike `flatten`, it leaves the list in its place, where an item is as large without `Some`"
    )]
    all.into_iter().filter_map(|item| item).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn results_come_in_the_order_of_the_items() {
        for count in [0, 1, 7, 1000] {
            let items: Vec<usize> = (0..count).collect();
            let doubled: Vec<usize> = items.iter().map(|item| item * 2).collect();
            assert_eq!(super::map(&items, |item| item * 2), doubled);
            assert_eq!(super::consume(items, |item| item * 2), doubled);
        }
    }

    #[test]
    fn a_value_that_cannot_be_shared_is_made_twice_a_thread_at_most() {
        let made = std::sync::atomic::AtomicUsize::new(0);
        let items: Vec<usize> = (0..20_000).collect();
        let begin = || made.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let done = super::map_with(&items, begin, |_, item| *item);
        assert_eq!(done, items);
        assert!(made.into_inner() <= 2 * rayon::current_num_threads());
    }

    #[test]
    fn work_begins_when_an_item_is_ready_and_results_are_in_order() {
        let runtime = tokio::runtime::Builder::new_current_thread().build();
        let runtime = runtime.unwrap();
        for count in [0, 3, 1000] {
            let mut items =
                super::WhenReady::new((0..count).collect(), |item: &mut usize, with| *item + with);
            (0..count)
                .rev()
                .filter(|index| index % 3 > 0)
                .for_each(|index| items.ready(index, 7));
            let expected: Vec<_> = (0..count).filter(|index| index % 3 > 0).collect();
            let made = expected.iter().map(|index| index + 7).collect();
            assert_eq!(runtime.block_on(items.finish()), (expected, made));
        }
    }

    #[test]
    fn a_panic_beside_the_runtime_reaches_who_awaits_it() {
        for count in [1, 1000] {
            let caught = std::panic::catch_unwind(|| {
                let runtime = tokio::runtime::Builder::new_current_thread().build();
                let mut items =
                    super::WhenReady::new((0..count).collect(), |item: &mut usize, ()| {
                        assert!(*item > 0)
                    });
                (0..count).for_each(|index| items.ready(index, ()));
                runtime.unwrap().block_on(items.finish())
            });
            assert!(caught.is_err());
        }
    }
}
