//! What a large cluster costs: requests and memory.

use crate::support::binary::{Finished, Workplace};
use crate::support::large::Large;

fn run(large: &Large, flags: &[&str]) -> Finished {
    let config = large.server.kubeconfig_file();
    Workplace::new()
        .imago(
            flags
                .iter()
                .copied()
                .chain(["--kubeconfig", config.to_str().unwrap()]),
        )
        .finish_with(0)
}

#[test]
fn a_thousand_workloads_with_their_pods_are_few_requests_and_little_memory() {
    let large = Large::new(1000, 1400, 200);
    let finished = run(&large, &["-A", "--update", "--check-pods"]);
    let said: String = finished
        .stdout
        .lines()
        .last()
        .unwrap_or_default()
        .chars()
        .take(80)
        .collect();
    assert_eq!(said, "all 1000 images in 1000 workloads are up to date");
    let asked = large.server.asked();
    assert!(asked.len() <= 40, "{asked:#?}");
    assert!(finished.peak <= 64 * 1024, "{} KiB", finished.peak);
}

#[test]
fn a_report_of_five_thousand_workloads_needs_little_memory() {
    let large = Large::new(5000, 0, 200);
    let finished = run(&large, &["-A"]);
    assert_eq!(large.server.asked().len(), 10 + 3, "pages of 500");
    assert!(finished.peak <= 96 * 1024, "{} KiB", finished.peak);
}
