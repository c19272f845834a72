//! What `--commit` adds to a first update of 2 000 files among 6 000: the built program, with it and without it in turn, each time on the
//! same commit.
//!
//! `cargo bench --bench commit` prints the medians of five pairs, and of their ratios. It needs `git`; `TMPDIR` says on which file system
//! it works.

use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const FILES: usize = 6000;
const IMAGES: usize = 200;
const PAIRS: usize = 5;

fn main() {
    let place = tempfile::tempdir().expect("the temporary folder can be written");
    let folder = place.path().join("deploy");
    fill(&folder);
    std::fs::write(place.path().join("digests.lock"), lock()).expect("a new file can be written");
    for line in [
        "init --quiet",
        "config user.name Ada",
        "config user.email ada@example.test",
        "add .",
        "commit --quiet -m first",
    ] {
        git(&folder, line);
    }
    git(&folder, "tag first");
    let (mut without, mut with, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..PAIRS {
        let pair = (run(&folder, &[]), run(&folder, &["--commit"]));
        without.push(pair.0.as_secs_f64());
        with.push(pair.1.as_secs_f64());
        ratios.push(pair.1.as_secs_f64() / pair.0.as_secs_f64());
    }
    git(&folder, "fsck --strict --no-dangling");
    let (without, with, ratio) = (median(without), median(with), median(ratios));
    #[expect(clippy::print_stdout, reason = "a bench prints its figures")]
    {
        println!(
            "first update of {} files among {FILES}: {without:.2} s, with --commit {with:.2} s, ratio {ratio:.2}",
            FILES / 3
        );
    }
}

/// Times one run on the first commit.
fn run(folder: &Path, flags: &[&str]) -> Duration {
    git(folder, "reset --quiet --hard first");
    let mut command = Command::new(env!("CARGO_BIN_EXE_imago"));
    command
        .args([
            "files",
            "--update",
            "--offline",
            "--lock",
            "../digests.lock",
        ])
        .args(flags)
        .current_dir(folder);
    let begin = Instant::now();
    let status = command
        .stdout(Stdio::null())
        .status()
        .expect("the program that was just built starts");
    let time = begin.elapsed();
    assert!(status.success(), "{command:?}");
    time
}

fn git(folder: &Path, line: &str) {
    let status = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(line.split(' '))
        .status()
        .expect("there is a git on the PATH");
    assert!(status.success(), "git {line}");
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn image(number: usize) -> String {
    format!("registry.example.test/team/app{:03}:1.4", number % IMAGES)
}

fn lock() -> String {
    let line = |number| format!("\"{}\":\"sha256:{:064x}\"", image(number), number + 1);
    format!(
        "{{\"version\":1,\"images\":{{\n{}\n}}}}\n",
        (0..IMAGES).map(line).collect::<Vec<_>>().join(",\n")
    )
}

/// Sixty folders; a third of the files are Deployments, the rest ConfigMaps.
fn fill(folder: &Path) {
    for number in 0..FILES {
        let folder = folder.join(format!("apps/{:02}", number % 60));
        std::fs::create_dir_all(&folder).expect("a new folder can be made");
        let text = if number % 3 == 0 {
            deployment(number)
        } else {
            settings(number)
        };
        std::fs::write(folder.join(format!("{number:04}.yaml")), text)
            .expect("a new file can be written");
    }
}

fn deployment(number: usize) -> String {
    let mut text = format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app-{number}\nspec:\n  template:\n    spec:\n      containers:\n        \
         - name: app\n          image: {}\n          env:\n",
        image(number / 3)
    );
    for key in 0..28 {
        write!(
            text,
            "            - name: SETTING_{key}\n              value: \"the value {key}\"\n"
        )
        .expect("a String takes every text");
    }
    text + &format!(
        "        - name: side\n          image: {}\n",
        image(number / 3 * 7)
    )
}

fn settings(number: usize) -> String {
    let line = |key| format!("  key{key}: a value for the setting {key} of file {number}\n");
    let lines: String = (0..42).map(line).collect();
    format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings-{number}\ndata:\n{lines}")
}
