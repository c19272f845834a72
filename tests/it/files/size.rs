//! The memory for a large file: a multiple of its size, and at most twice as much for twice the size.

use super::{LOCK, deployment};
use crate::support::binary::Workplace;

/// The memory of a run that reads nothing, in KiB.
const FLOOR: u64 = 24 * 1024;
/// The most memory while a run proves an edit, as a multiple of the file. It has our own reading and, of one document, the second
/// parser's events and its values before and after.
const TIMES: u64 = 90;

/// The size of the file and the peak memory of a run, both in KiB.
fn cost(text: &str) -> (u64, u64) {
    let place = Workplace::new();
    place.write("imago.lock", LOCK);
    place.write("large.yaml", text);
    let finished = place
        .imago(["files", "--offline", "--update", "--quiet", "large.yaml"])
        .finish_with(0);
    (text.len() as u64 / 1024, finished.peak)
}

fn costs_a_multiple(name: &str, shape: impl Fn(usize) -> String) {
    let ((_, once), (size, twice)) = (cost(&shape(3000)), cost(&shape(6000)));
    assert!(
        twice <= FLOOR + TIMES * size,
        "{name}: {twice} KiB for a file of {size} KiB"
    );
    assert!(
        2 * twice <= 5 * once.max(FLOOR),
        "{name}: {once} KiB become {twice} KiB when the file doubles"
    );
}

#[test]
fn memory_grows_with_the_file() {
    let web = || deployment("registry.example.test/web:1.4");
    costs_a_multiple("workloads of one list", |count| {
        let item = format!("- {}\n", web().trim_end().replace('\n', "\n  "));
        format!("apiVersion: v1\nkind: List\nitems:\n{}", item.repeat(count))
    });
    costs_a_multiple("documents", |count| (web() + "---\n").repeat(count));
    costs_a_multiple("small mappings beside an alias", |count| {
        format!(
            "{}x: &x y\nz: *x\nmany:\n{}",
            web(),
            "- key: value\n".repeat(10 * count)
        )
    });
}
