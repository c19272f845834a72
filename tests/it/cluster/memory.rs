//! What a large cluster costs: requests and memory of the whole program.

#![cfg(target_os = "linux")]

use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::support::apiserver::{ApiServer, workload};
use crate::support::binary::Workplace;
use crate::support::registry::TestRegistry;

/// The most that the program may have in memory at any time, in KiB.
const MOST: u64 = 96 * 1024;

#[test]
fn a_report_of_five_thousand_workloads_needs_little_memory_and_few_requests() {
    let (registry, server) = (TestRegistry::start(), ApiServer::start());
    registry.push_image("shop/web", "1.4", "linux/amd64", "first");
    let image = format!("{}/shop/web:1.4", registry.host());
    for number in 0..5000 {
        let mut web = workload(
            "Deployment",
            &format!("shop-{}", number % 50),
            &format!("web-{number}"),
            &[("web", &image), ("log", &image)],
        );
        // About as much as people have: environment, probes and notes.
        let environment: Vec<_> =
            (0..20).map(|index| json!({"name": format!("VARIABLE_{index}"), "value": "a value of some length"})).collect();
        web["spec"]["template"]["spec"]["containers"][0]["env"] = environment.into();
        web["metadata"]["annotations"] = json!({"note": "x".repeat(500)});
        server.add(&web);
    }
    let (place, config) = (Workplace::new(), server.kubeconfig_file());
    let mut child = Command::new(env!("CARGO_BIN_EXE_imago"))
        .args(["cluster", "-A", "-q", "--kubeconfig", config.to_str().unwrap()])
        .env_clear()
        .env("HOME", place.beside("home"))
        .current_dir(place.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut peak = 0;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        peak = peak.max(high_water(child.id()));
        std::thread::sleep(Duration::from_millis(1));
    };
    assert!(status.success(), "{status}");
    let requests = server.asked().len();
    assert!(peak > 0 && peak <= MOST, "{peak} KiB");
    assert_eq!(requests, 10 + 3, "{:?}", server.asked());
    eprintln!("5000 workloads: {peak} KiB, {requests} requests");
}

/// The most memory that a process has had so far, in KiB; 0 once it has ended.
fn high_water(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
