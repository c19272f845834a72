//! Work on many items at once, on all cores, with the results in the order of the items.

use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError, mpsc};

/// Fewer items than these are not worth a thread.
const WORTH_A_THREAD: usize = 8;

/// Of the items that are ready a thread takes so many at once at most: one by one, the threads would often wait for each other.
const TURN: usize = 4;

/// So many threads work on so many items, the caller's own for fewer than two.
pub(super) fn count(items: usize) -> usize {
    std::thread::available_parallelism()
        .map_or(1, NonZero::get)
        .min(items / WORTH_A_THREAD)
        .max(1)
}

/// Does the same with each item. Few items are done on the caller's thread.
pub(super) fn map<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    map_with(items, || (), |(), item| work(item))
}

/// As [`map`], where each thread begins by making something that its work needs and cannot share.
pub(super) fn map_with<T: Sync, S, R: Send>(
    items: &[T],
    begin: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &T) -> R + Sync,
) -> Vec<R> {
    let threads = count(items.len());
    if threads < 2 {
        let mut own = begin();
        return items.iter().map(|item| work(&mut own, item)).collect();
    }
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(items.len()));
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut own = begin();
                let mine: Vec<(usize, R)> = std::iter::from_fn(|| {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    items.get(index).map(|item| (index, work(&mut own, item)))
                })
                .collect();
                done.lock()
                    .expect("no thread panics while it holds the lock")
                    .extend(mine);
            });
        }
    });
    let mut done = done
        .into_inner()
        .expect("no thread panics while it holds the lock");
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

/// As [`map`], where the work on an item begins when `feed`, which runs on the caller's thread meanwhile, says that it is ready, and with
/// what; a few that are ready at once may wait for each other. `feed` is never held up by it. Returns what `feed` returns. An item that was
/// never ready has no result.
pub(super) fn map_ready<T: Sync, W: Send, R: Send, O>(
    items: &[T],
    work: impl Fn(&T, W) -> R + Sync,
    feed: impl FnOnce(&mut dyn FnMut(usize, W)) -> O,
) -> (O, Vec<Option<R>>) {
    let threads = count(items.len());
    let (sender, receiver) = mpsc::channel::<(usize, W)>();
    let receiver = Mutex::new(receiver);
    let done = Mutex::new(Vec::with_capacity(items.len()));
    let fed = std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let (mut turn, mut mine) = (Vec::with_capacity(TURN), Vec::new());
                loop {
                    {
                        let receiver = receiver.lock().unwrap_or_else(PoisonError::into_inner);
                        turn.extend(receiver.recv());
                        turn.extend(receiver.try_iter().take(TURN - 1));
                    }
                    if turn.is_empty() {
                        break;
                    }
                    mine.extend(
                        turn.drain(..)
                            .map(|(index, with)| (index, work(&items[index], with))),
                    );
                }
                done.lock()
                    .expect("no thread panics while it holds the lock")
                    .extend(mine);
            });
        }
        // The receiver outlives this scope, so nothing that is sent is refused.
        let fed = feed(&mut |index, with| {
            sender
                .send((index, with))
                .expect("the receiver is there until the scope ends")
        });
        drop(sender);
        fed
    });
    let mut results: Vec<Option<R>> = items.iter().map(|_| None).collect();
    for (index, result) in done
        .into_inner()
        .expect("no thread panics while it holds the lock")
    {
        results[index] = Some(result);
    }
    (fed, results)
}

/// As [`map`], where the work takes the items.
pub(super) fn consume<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let items: Vec<Mutex<Option<T>>> = items
        .into_iter()
        .map(|item| Mutex::new(Some(item)))
        .collect();
    map(&items, |item| {
        let mut item = item
            .lock()
            .expect("no thread panics while it holds the lock");
        let item = item.take().expect("each item is met once");
        work(item)
    })
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
    fn work_begins_when_an_item_is_ready_and_results_are_in_order() {
        for count in [0, 3, 1000] {
            let items: Vec<usize> = (0..count).collect();
            let (fed, results) = super::map_ready(
                &items,
                |item, with: usize| item + with,
                |ready| {
                    (0..count)
                        .rev()
                        .filter(|index| index % 3 > 0)
                        .for_each(|index| ready(index, 7));
                    "fed"
                },
            );
            assert_eq!(fed, "fed");
            let expected: Vec<_> = (0..count)
                .map(|index| (index % 3 > 0).then_some(index + 7))
                .collect();
            assert_eq!(results, expected);
        }
    }
}
