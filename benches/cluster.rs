//! What a large cluster costs: requests to the API server, time, the binary's own CPU time, and the most memory that it holds.
//!
//! 1 000 workloads with 1 400 pods and 200 images under `--check-pods`, ten times as many, and a report of 5 000 workloads, as whole
//! processes against servers in this one. It fails where a run asks too often, or needs too much memory.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    dead_code,
    unused_imports,
    reason = "it is for a person, and takes a part of the tests' servers"
)]

#[path = "../tests/it/support"]
mod support {
    pub(crate) mod apiserver;
    pub(crate) mod binary;
    pub(crate) mod large;
    pub(crate) mod registry;
    pub(crate) mod schema;
    pub(crate) mod seeds;
    pub(crate) mod tls;
}

use std::time::Instant;

use support::binary::Workplace;
use support::large::Large;

/// Runs of each kind; the middle one counts.
const RUNS: usize = 5;

fn main() {
    let mut failed = false;
    for (what, large, flags, most_requests, most_memory) in [
        (
            "1000 workloads, 1400 pods, 200 images, --check-pods",
            Large::new(1000, 1400, 200),
            &["-A", "-q", "--check-pods"][..],
            40,
            64,
        ),
        (
            "10000 workloads, 14000 pods, 200 images, --check-pods",
            Large::new(10_000, 14_000, 200),
            &["-A", "-q", "--check-pods"][..],
            120,
            128,
        ),
        (
            "5000 workloads, 200 images, report",
            Large::new(5000, 0, 200),
            &["-A", "-q"][..],
            40,
            96,
        ),
    ] {
        let place = Workplace::new();
        let config = large.server.kubeconfig_file();
        let mut times = Vec::new();
        let (mut requests, mut peak) = (0, 0);
        let computing = computed_by_children();
        for _ in 0..RUNS {
            let before = large.server.asked().len();
            let started = Instant::now();
            let run = place.imago(
                flags
                    .iter()
                    .copied()
                    .chain(["--kubeconfig", config.to_str().unwrap()]),
            );
            let finished = run.finish_with(0);
            times.push(started.elapsed());
            requests = large.server.asked().len() - before;
            peak = peak.max(finished.peak);
        }
        times.sort();
        println!(
            "{what}: {requests} requests (at most {most_requests}), {} MiB (at most {most_memory}), {:.0} ms ({:.0} to {:.0}), {:.0} ms of CPU",
            peak / 1024,
            times[RUNS / 2].as_secs_f64() * 1e3,
            times[0].as_secs_f64() * 1e3,
            times[RUNS - 1].as_secs_f64() * 1e3,
            (computed_by_children() - computing) / RUNS as f64 * 1e3
        );
        failed |= requests > most_requests || peak > most_memory * 1024;
    }
    assert!(!failed, "a cluster of this size costs too much");
}

/// Seconds of CPU that finished child processes took, as Linux counts them (proc(5), `cutime` and `cstime` in hundredths); 0 elsewhere. The
/// servers are in this process: what they take is not in it.
fn computed_by_children() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ');
    let ticks: u32 = fields.skip(13).take(2).flat_map(str::parse::<u32>).sum();
    f64::from(ticks) / 100.0
}
