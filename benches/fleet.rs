//! What a fleet costs: time, peak memory, `git` programs and requests to registries, of 1 000 repositories with 2 000 images.
//!
//! `cargo bench --bench fleet` prints a line for each run: a report, an update with a branch for each repository, the same again, and a
//! report and an update with a cache. `cargo bench --bench fleet -- 100` takes 100 repositories. It needs `git`; `TMPDIR` says on which file
//! system it works.

#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "it is for a person, and what it meets unexpectedly ends it"
)]

#[path = "../tests/it/support/registry.rs"]
mod registry;
#[path = "../tests/it/support/repositories.rs"]
mod repositories;

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use registry::TestRegistry;
use repositories::Bare;

fn main() {
    let count = std::env::args().find_map(|argument| argument.parse().ok());
    let repositories: usize = count.unwrap_or(1000);
    let images = 2 * repositories;
    let place = tempfile::tempdir().unwrap();
    let registry = TestRegistry::start();
    let host = registry.host();
    for number in 0..images {
        let name = format!("shop/app-{number}");
        registry.push_index(&name, "1.4", &["linux/amd64"], &name);
    }
    let mut list = "repositories:\n".to_owned();
    for number in 0..repositories {
        let folder = place.path().join(format!("team-{number}.git"));
        // Two images of their own, and ten that all have.
        let own = [2 * number, 2 * number + 1];
        let shared = (0..10).map(|number| number * images / 10);
        let names: BTreeSet<usize> = own.into_iter().chain(shared).collect();
        let file = |image: &usize| {
            let text = format!(
                "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: app\n    image: {host}/shop/app-{image}:1.4\n"
            );
            (format!("deploy/{image}.yaml"), text)
        };
        let files: Vec<(String, String)> = names.iter().map(file).collect();
        let files: Vec<(&str, &str)> = files
            .iter()
            .map(|(name, text)| (&**name, &**text))
            .collect();
        let bare = Bare::new(&folder, &files);
        list += &format!("- repository: {}\n", bare.address());
    }
    std::fs::write(place.path().join("fleet.yaml"), list).unwrap();
    let bin = place.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let calls = place.path().join("calls");
    let git = Command::new("sh")
        .args(["-c", "command -v git"])
        .output()
        .unwrap()
        .stdout;
    let git = String::from_utf8(git).unwrap();
    let script = format!(
        "#!/bin/sh\nprintf x >>{}\nexec {} \"$@\"\n",
        calls.display(),
        git.trim()
    );
    std::fs::write(bin.join("git"), script).unwrap();
    std::fs::set_permissions(bin.join("git"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let update = ["--update", "--push", "--branch", "imago/update"];
    let cached = ["--cache", "cache"];
    println!("{repositories} repositories, {images} images");
    println!(
        "{:<24}{:>10}{:>12}{:>14}{:>12}",
        "", "seconds", "peak MiB", "git programs", "requests"
    );
    for (name, flags) in [
        ("report", &[][..]),
        ("update", &update),
        ("update again", &update),
        ("report, into a cache", &cached),
        ("report, from the cache", &cached),
    ] {
        std::fs::write(&calls, "").unwrap();
        let asked = registry.requests().len();
        let (time, peak) = run(place.path(), &bin, flags);
        println!(
            "{name:<24}{:>10.1}{:>12}{:>14}{:>12}",
            time.as_secs_f64(),
            peak / 1024,
            std::fs::metadata(&calls).unwrap().len(),
            registry.requests().len() - asked
        );
    }
}

/// The time of a run, and its peak memory in KiB.
fn run(place: &Path, bin: &Path, flags: &[&str]) -> (Duration, u64) {
    let path = std::env::var("PATH").unwrap();
    let begin = Instant::now();
    let mut child = Command::new(env!("CARGO_BIN_EXE_imago"))
        .args(["fleet", "fleet.yaml", "--quiet", "--jobs", "8"])
        .args(flags)
        .current_dir(place)
        .env("PATH", format!("{}:{path}", bin.display()))
        .env("HOME", place)
        .envs([("GIT_AUTHOR_NAME", "Ada"), ("GIT_COMMITTER_NAME", "Ada")])
        .envs([
            ("GIT_AUTHOR_EMAIL", "a@example.test"),
            ("GIT_COMMITTER_EMAIL", "a@example.test"),
        ])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let ended = loop {
        if let Ok(text) = std::fs::read_to_string(&status) {
            let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let now = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
            peak = peak.max(now.unwrap_or(0));
        }
        match child.try_wait().unwrap() {
            Some(ended) => break ended,
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    assert!(ended.success(), "{flags:?}: {ended}");
    (begin.elapsed(), peak)
}
