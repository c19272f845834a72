//! Tries many seeds in parallel.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

/// Tries the seeds from 0 to `count` on two threads. A panic ends the test.
pub(crate) fn each(count: u64, body: impl Fn(u64) + Sync) {
    let next = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= count {
                        return;
                    }
                    body(seed);
                }
            });
        }
    });
}

/// How many times larger than usual the large cases are: `IMAGO_SCALE`.
pub(crate) fn scale() -> usize {
    std::env::var("IMAGO_SCALE").map_or(1, |count| count.parse().expect("IMAGO_SCALE is a number"))
}
