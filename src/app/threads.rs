//! Work on many items at once, on all cores, with the results in the order of the items.

use std::sync::OnceLock;

use rayon::prelude::*;

/// Fewer items than these are not worth a thread.
const WORTH_A_THREAD: usize = 8;

/// At most so many threads work on so many items.
pub(super) fn count(items: usize) -> usize {
    match items < 2 * WORTH_A_THREAD {
        true => 1,
        false => rayon::current_num_threads(),
    }
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
    if count(items.len()) == 1 {
        let mut own = begin();
        return items.iter().map(|item| work(&mut own, item)).collect();
    }
    let split = items.par_iter().with_min_len(WORTH_A_THREAD);
    split.map_init(&begin, &work).collect()
}

/// As [`map`], where the work takes the items.
pub(super) fn consume<T: Send, R: Send>(items: Vec<T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    if count(items.len()) == 1 {
        return items.into_iter().map(work).collect();
    }
    items.into_par_iter().map(&work).collect()
}

/// As [`map`], where `feed` says which items are ready, and with what. `feed` runs on the caller's thread while others work on what is
/// ready, and is never held up by them; few items are done after it. Returns what `feed` returns. An item that was never ready has no
/// result.
pub(super) fn map_ready<T: Sync, W: Send, R: Send + Sync, O>(
    items: &[T],
    work: impl Fn(&T, W) -> R + Sync,
    feed: impl FnOnce(&mut dyn FnMut(usize, W)) -> O,
) -> (O, Vec<Option<R>>) {
    let results: Vec<OnceLock<R>> = items.iter().map(|_| OnceLock::new()).collect();
    let finish = |index: usize, with| {
        results[index].get_or_init(|| work(&items[index], with));
    };
    let fed = if count(items.len()) == 1 {
        let mut ready = Vec::new();
        let fed = feed(&mut |index, with| ready.push((index, with)));
        ready
            .into_iter()
            .for_each(|(index, with)| finish(index, with));
        fed
    } else {
        let finish = &finish;
        rayon::in_place_scope(|scope| {
            feed(&mut |index, with| scope.spawn(move |_| finish(index, with)))
        })
    };
    (fed, results.into_iter().map(OnceLock::into_inner).collect())
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
