//! Programs that a test calls and a machine may lack.
//!
//! A test that needs a program asks here first. If it is missing, the test is skipped and says so. But if `IMAGO_TEST_REQUIRE`
//! names the program (or is `all`, as in CI), a missing program is a failure, so that no test is skipped silently.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The path of a program; `None` if the test may be skipped. Panics if the program is required.
#[allow(
    clippy::print_stderr,
    reason = "what a run leaves out must be seen in its log"
)]
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&folders)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|folder| folder.join(name))
        .find(|program| is_executable(program));
    let required = std::env::var("IMAGO_TEST_REQUIRE").unwrap_or_default();
    assert!(
        found.is_some() || !asks_for(&required, name),
        "`{name}` is required (IMAGO_TEST_REQUIRE={required}) and not on the PATH"
    );
    if found.is_none() {
        eprintln!("LEFT OUT: there is no `{name}`");
    }
    found
}

/// A `kubectl` whose kustomize takes pinned images: before 4.5.3 it passes over `name:tag@digest`. Debian 12 has an older one.
#[allow(
    clippy::print_stderr,
    reason = "what a run leaves out must be seen in its log"
)]
pub(crate) fn kubectl_with_kustomize() -> Option<PathBuf> {
    let program = find("kubectl")?;
    let line = ["version", "--client", "--output", "json"];
    let told = Command::new(&program).args(line).output().ok()?;
    let told: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap_or_default();
    let version = told["kustomizeVersion"].as_str().unwrap_or_default();
    let parts = version.trim_start_matches('v').split('.');
    let parts: Vec<u32> = parts.map_while(|part| part.parse().ok()).collect();
    if parts.as_slice() >= [4, 5, 3].as_slice() {
        return Some(program);
    }
    eprintln!("LEFT OUT: the kustomize of `kubectl` is too old: `{version}`");
    None
}

fn asks_for(required: &str, name: &str) -> bool {
    required
        .split(',')
        .map(str::trim)
        .any(|word| word == "all" || word == name)
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata()
        .is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(path: &Path) -> bool {
    path.is_file()
}

#[test]
fn a_required_program_is_one_that_the_list_names() {
    assert!(asks_for("git, sshd", "sshd") && asks_for("all", "sshd"));
    assert!(!asks_for("", "sshd") && !asks_for("ssh", "sshd"));
}
