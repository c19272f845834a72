//! Runs the hooks with the real pre-commit client, in a repository of their own.
//!
//! They are the hooks of `.pre-commit-hooks.yaml` with the one change that `docs/pre-commit.md` names, `language: system`, so
//! that the binary under test runs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use crate::support::binary::{Finished, Workplace};
use crate::support::programs;

const IMAGE: &str = "registry.example.test/web:1.4";

fn deployment(name: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\nspec:\n  template:\n    spec:\n      containers:\n      - name: app\n        image: {IMAGE}\n"
    )
}

/// A repository whose commits a hook checks.
struct Repository {
    place: Workplace,
    client: PathBuf,
}

impl Repository {
    /// `None` if the client or `git` is missing.
    fn with(hook: &str) -> Option<Self> {
        let (client, _) = (programs::find("pre-commit")?, programs::find("git")?);
        let place = Workplace::new();
        let hooks = place.beside("hooks");
        fs::create_dir(&hooks).unwrap();
        fs::copy(
            Path::new(env!("CARGO_MANIFEST_DIR")).join(".pre-commit-hooks.yaml"),
            hooks.join(".pre-commit-hooks.yaml"),
        )
        .unwrap();
        fs::create_dir(place.beside("programs")).unwrap();
        symlink(env!("CARGO_BIN_EXE_imago"), place.beside("programs/imago")).unwrap();
        let repository = Self { place, client };
        repository.commit_all(&hooks);
        let revision = repository.git(&hooks, &["rev-parse", "HEAD"]);
        let lock = repository.place.beside("digests.lock");
        fs::write(
            &lock,
            format!(
                "{{\"version\":1,\"images\":{{\n\"{IMAGE}\":\"sha256:{}\"\n}}}}\n",
                "1".repeat(64)
            ),
        )
        .unwrap();
        let config = format!(
            "repos:\n- repo: {}\n  rev: {revision}\n  hooks:\n  - id: {hook}\n    language: system\n    args: [--offline, --lock={}]\n",
            hooks.display(),
            lock.display()
        );
        repository.place.write(".pre-commit-config.yaml", config);
        repository.git(
            &repository.place.path(),
            &["init", "--quiet", "--initial-branch=main"],
        );
        Some(repository)
    }

    fn commit_all(&self, folder: &Path) {
        self.git(folder, &["init", "--quiet", "--initial-branch=main"]);
        self.git(folder, &["add", "."]);
        self.git(
            folder,
            &[
                "-c",
                "user.name=Ada",
                "-c",
                "user.email=ada@example.test",
                "commit",
                "--quiet",
                "--message=hooks",
            ],
        );
    }

    fn git(&self, folder: &Path, arguments: &[&str]) -> String {
        self.place
            .program("git", arguments)
            .folder(folder)
            .finish_with(0)
            .stdout
            .trim()
            .to_owned()
    }

    /// Stages everything and runs the hooks on it.
    fn run(&self, arguments: &[&str]) -> Finished {
        self.git(&self.place.path(), &["add", "."]);
        let path = format!(
            "{}:{}",
            self.place.beside("programs").display(),
            std::env::var("PATH").unwrap()
        );
        let line = ["run", "--verbose", "--color=never"]
            .iter()
            .chain(arguments);
        self.place
            .program(&self.client, line)
            .env("PATH", path)
            .env("PRE_COMMIT_HOME", self.place.beside("cache"))
            .finish()
    }

    fn read(&self, name: &str) -> String {
        String::from_utf8(self.place.files()[name].clone()).unwrap()
    }
}

#[test]
fn the_rewriting_hook_fails_once_and_passes_then() {
    let Some(repository) = Repository::with("imago") else {
        return;
    };
    repository.place.write("deploy/web.yaml", deployment("web"));
    repository.place.write(
        "values.json",
        "{\"image\": \"registry.example.test/web:1.4\"}\n",
    );
    repository.place.write("note.txt", "kind: Deployment\n");
    let first = repository.run(&[]);
    assert_eq!(first.code, 1, "{}{}", first.stdout, first.stderr);
    assert!(
        first.stdout.contains("files were modified by this hook")
            && first.stdout.contains("deploy/web.yaml:"),
        "{}",
        first.stdout
    );
    let pinned = repository.read("deploy/web.yaml");
    assert!(
        pinned.contains(&format!("image: {IMAGE}@sha256:{}\n", "1".repeat(64))),
        "{pinned}"
    );
    let second = repository.run(&[]);
    assert_eq!(second.code, 0, "{}{}", second.stdout, second.stderr);
    assert_eq!(repository.read("deploy/web.yaml"), pinned);
}

#[test]
fn the_checking_hook_fails_and_changes_nothing() {
    let Some(repository) = Repository::with("imago-check") else {
        return;
    };
    repository.place.write("web.yaml", deployment("web"));
    let before = repository.read("web.yaml");
    let outdated = repository.run(&[]);
    assert_eq!(outdated.code, 1, "{}{}", outdated.stdout, outdated.stderr);
    assert!(
        outdated.stdout.contains("exit code: 1")
            && !outdated.stdout.contains("files were modified"),
        "{}",
        outdated.stdout
    );
    assert_eq!(repository.read("web.yaml"), before);
    repository.place.write(
        "web.yaml",
        before.replace(IMAGE, &format!("{IMAGE}@sha256:{}", "1".repeat(64))),
    );
    assert_eq!(repository.run(&[]).code, 0);
}

#[test]
fn a_file_that_cannot_be_read_fails_either_hook_and_is_named() {
    for hook in ["imago", "imago-check"] {
        let Some(repository) = Repository::with(hook) else {
            return;
        };
        repository.place.write(
            "bad.yaml",
            "apiVersion: apps/v1\nkind: Deployment\n  x: [\n",
        );
        let finished = repository.run(&[]);
        assert_eq!(finished.code, 1, "{}{}", finished.stdout, finished.stderr);
        assert!(
            finished.stdout.contains("exit code: 3") && finished.stdout.contains("bad.yaml:3"),
            "{}",
            finished.stdout
        );
    }
}

#[test]
fn many_files_are_one_run_and_every_one_is_changed() {
    let Some(repository) = Repository::with("imago") else {
        return;
    };
    for number in 0..300 {
        repository.place.write(
            &format!("deploy/{number}.yaml"),
            deployment(&format!("web-{number}")),
        );
    }
    let finished = repository.run(&["--all-files"]);
    assert_eq!(finished.code, 1, "{}{}", finished.stdout, finished.stderr);
    assert!(
        finished
            .stdout
            .contains("updated 300 images (1 different) in 300 of 301 files"),
        "{}",
        finished.stdout
    );
    let all = (0..300).all(|number| {
        repository
            .read(&format!("deploy/{number}.yaml"))
            .contains("@sha256:")
    });
    assert!(all);
}

#[test]
fn a_name_that_looks_like_a_flag_is_not_handed_over() {
    let Some(repository) = Repository::with("imago") else {
        return;
    };
    repository.place.write(
        "--registry-map=docker.io=registry.example.test.yaml",
        deployment("web"),
    );
    repository
        .place
        .write("deploy/--quiet.yaml", deployment("web"));
    let finished = repository.run(&["--all-files"]);
    assert_eq!(finished.code, 1, "{}{}", finished.stdout, finished.stderr);
    assert!(
        finished.stdout.contains("updated 1 image in 1 of "),
        "{}",
        finished.stdout
    );
    assert_eq!(
        repository.read("--registry-map=docker.io=registry.example.test.yaml"),
        deployment("web")
    );
}

#[test]
fn the_hooks_file_is_what_pre_commit_describes() {
    let Some(client) = programs::find("pre-commit") else {
        return;
    };
    let hooks = Path::new(env!("CARGO_MANIFEST_DIR")).join(".pre-commit-hooks.yaml");
    Workplace::new()
        .program(client, ["validate-manifest", hooks.to_str().unwrap()])
        .finish_with(0);
}
