//! Damaged manifests: cases of `fixtures/rewrite` with bytes changed, removed, doubled, and spliced with each other.
//!
//! There must be no panic, no hang, no stack overflow, and no new text that fails a second check. The body is shared with the
//! fuzz target of `fuzz/`. `IMAGO_MUTATIONS=1000000` sets how many are tried; `IMAGO_MUTATIONS_SEED=17` tries only that seed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::laws::random::Random;
use crate::support::binary::files;
use crate::support::cases::Case;
use crate::support::edit_anything::{Outcome, edit_anything};
use crate::support::seeds;

/// How many inputs an ordinary run tries.
const COUNT: u64 = 50_000;
/// No manifest of these sizes takes this long, even on a busy machine, unless some cost grows faster than the input.
const PATIENCE: Duration = Duration::from_secs(20);

/// Texts with a meaning in YAML, in JSON, or to this program.
const PIECES: [&[u8]; 26] = [
    b"\n",
    b"\r",
    b"\t",
    b" ",
    b"  ",
    b"- ",
    b"? ",
    b": ",
    b"&a ",
    b"*a",
    b"<<: *a\n",
    b"---\n",
    b"...\n",
    b"# imago: ignore\n",
    b"{{ x }}",
    b"|+\n",
    b">-\n",
    b"'",
    b"\"",
    b"{",
    b"}",
    b"[",
    b"\\x",
    b"\0",
    b"\xff",
    "\u{2028}".as_bytes(),
];

#[test]
fn damaged_manifests_are_edited_rightly_or_left_alone() {
    let sources: Vec<Vec<u8>> = Case::all()
        .iter()
        .flat_map(|case| files(&case.before()).into_values())
        .filter(|bytes| bytes.len() < 20_000)
        .collect();
    if let Ok(seed) = std::env::var("IMAGO_MUTATIONS_SEED") {
        let bytes = mutate(seed.parse().unwrap(), &sources);
        eprintln!("{}", bytes.escape_ascii().to_string().replace("\\n", "\n"));
        edit_anything(&bytes);
        return;
    }
    let count = std::env::var("IMAGO_MUTATIONS").map_or(COUNT, |count| count.parse().unwrap());
    let edited = AtomicU64::new(0);
    seeds::each(count, |seed| {
        let bytes = mutate(seed, &sources);
        let start = Instant::now();
        match catch_unwind(AssertUnwindSafe(|| edit_anything(&bytes))) {
            Ok(Outcome::Edited) => edited.fetch_add(1, Ordering::Relaxed),
            Ok(Outcome::Left) => 0,
            Err(_) => panic!(
                "IMAGO_MUTATIONS_SEED={seed}\n{}",
                String::from_utf8_lossy(&bytes)
            ),
        };
        assert!(
            start.elapsed() < PATIENCE,
            "IMAGO_MUTATIONS_SEED={seed} took {:?}",
            start.elapsed()
        );
    });
    let edited = edited.into_inner();
    assert!(
        edited > count / 20,
        "only {edited} of {count} could still be edited: the damage is too great to show much"
    );
}

fn mutate(seed: u64, sources: &[Vec<u8>]) -> Vec<u8> {
    let mut random = Random::new(seed);
    let mut bytes = random.pick(sources).clone();
    for _ in 0..1 + random.below(3) {
        let at = random.below(bytes.len() + 1);
        let end = (at + 1 + random.below(60)).min(bytes.len());
        match random.below(8) {
            0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
            1 => bytes.truncate(at),
            2 => drop(bytes.drain(at..end)),
            3 => {
                let doubled = bytes[at..end].to_vec();
                bytes.splice(at..at, doubled);
            }
            4 => {
                let other = random.pick(sources);
                let from = random.below(other.len() + 1);
                let to = (from + random.below(400)).min(other.len());
                bytes.splice(at..at, other[from..to].iter().copied());
            }
            _ => {
                let piece = *random.pick(&PIECES);
                bytes.splice(at..at, piece.iter().copied());
            }
        }
    }
    bytes
}
