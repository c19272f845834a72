//! What the pages of the project promise, held against the project: the README's other examples, and the places that SECURITY.md names.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::support::binary::{Run, Workplace};
use crate::support::programs;
use crate::support::registry::TestRegistry;

fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The first block of code of a language in a section of the README.
fn block(section: &str, language: &str) -> String {
    let readme = page("README.md");
    let section = readme
        .split("\n## ")
        .find(|text| text.starts_with(&format!("{section}\n")))
        .unwrap();
    section
        .split(&format!("```{language}\n"))
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap()
        .to_owned()
}

/// A registry with one image, and a repository on a remote whose manifest names it.
struct Shop {
    place: Workplace,
    digest: String,
    _registry: TestRegistry,
}

impl Shop {
    fn open() -> Option<Self> {
        programs::find("git")?;
        let place = Workplace::new();
        let registry = TestRegistry::start();
        let digest = registry.push_image("shop/web", "1.4", "linux/amd64", "a");
        let image = format!("{}/shop/web:1.4", registry.host());
        fs::create_dir(place.beside("programs")).unwrap();
        symlink(env!("CARGO_BIN_EXE_imago"), place.beside("programs/imago")).unwrap();
        let shop = Self {
            place,
            digest,
            _registry: registry,
        };
        shop.git(&[
            "init",
            "--quiet",
            "--bare",
            "--initial-branch=main",
            "../remote.git",
        ]);
        shop.git(&[
            "-C",
            "../remote.git",
            "config",
            "receive.advertisePushOptions",
            "true",
        ]);
        let hook = "#!/bin/sh\nfor number in 0 1 2; do eval \"echo \\$GIT_PUSH_OPTION_$number\"; done >options\n";
        fs::write(shop.place.beside("remote.git/hooks/post-receive"), hook).unwrap();
        shop.git(&["init", "--quiet", "--initial-branch=main"]);
        let pod = format!("      containers:\n      - name: app\n        image: {image}\n");
        let head = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  template:\n    spec:\n";
        shop.place.write("deploy/web.yaml", format!("{head}{pod}"));
        shop.git(&["add", "."]);
        shop.git(&[
            "-c",
            "user.name=Ada",
            "-c",
            "user.email=ada@example.test",
            "commit",
            "--quiet",
            "--message=first",
        ]);
        shop.git(&["push", "--quiet", "../remote.git", "main"]);
        Some(shop)
    }

    fn git(&self, arguments: &[&str]) -> String {
        self.place
            .program("git", arguments)
            .finish_with(0)
            .stdout
            .trim()
            .to_owned()
    }

    fn shell(&self, script: &str) -> Run {
        let path = format!(
            "{}:{}",
            self.place.beside("programs").display(),
            std::env::var("PATH").unwrap()
        );
        self.place
            .program("bash", ["-e", "-o", "pipefail", "-c", script])
            .env("PATH", path)
    }

    /// The manifest that a branch of the remote has.
    fn pushed(&self, branch: &str) -> String {
        self.git(&[
            "-C",
            "../remote.git",
            "show",
            &format!("{branch}:deploy/web.yaml"),
        ])
    }
}

#[test]
fn the_script_for_gitlab_pushes_a_branch_and_asks_for_the_merge_request() {
    let Some(shop) = Shop::open() else { return };
    make_executable(&shop.place.beside("remote.git/hooks/post-receive"));
    let job: serde_yaml::Value = serde_yaml::from_str(&block("GitLab CI", "yaml")).unwrap();
    let lines: Vec<&str> = job["imago"]["script"]
        .as_sequence()
        .unwrap()
        .iter()
        .map(|line| line.as_str().unwrap())
        .collect();
    // As GitLab leaves it: the job's token in the address, and no branch checked out.
    shop.git(&[
        "remote",
        "add",
        "origin",
        "https://gitlab-ci-token:secret@gitlab.example.test/shop/manifests.git",
    ]);
    shop.git(&["checkout", "--quiet", "--detach"]);
    let url = shop.place.beside("remote").to_str().unwrap().to_owned();
    shop.shell(&lines.join("\n"))
        .env("CI_PROJECT_URL", url)
        .env("CI_DEFAULT_BRANCH", "main")
        .finish_with(0);
    assert!(shop.pushed("imago/update").contains(&shop.digest));
    assert!(!shop.pushed("main").contains(&shop.digest));
    let options = fs::read_to_string(shop.place.beside("remote.git/options")).unwrap();
    assert_eq!(
        options,
        "merge_request.create\nmerge_request.target=main\nmerge_request.title=Update images\n"
    );
}

#[test]
fn the_job_for_gitlab_is_what_gitlab_describes() {
    let Some(program) = programs::find("check-jsonschema") else {
        return;
    };
    let place = Workplace::new();
    place.write("gitlab.yaml", block("GitLab CI", "yaml"));
    let line = [
        "--builtin-schema",
        "vendor.gitlab-ci",
        "--data-transform",
        "gitlab-ci",
        "gitlab.yaml",
    ];
    let checked = place.program(program, line).finish();
    assert_eq!(checked.code, 0, "{}{}", checked.stdout, checked.stderr);
}

#[test]
fn the_script_for_any_other_place_updates_the_branch() {
    let Some(shop) = Shop::open() else { return };
    let url = format!("file://{}", shop.place.beside("remote.git").display());
    for _ in 0..2 {
        let home = tempfile::tempdir().unwrap();
        shop.shell(&block("GitLab CI", "sh"))
            .folder(home.path())
            .env("REPOSITORY", &url)
            .finish_with(0);
        assert!(shop.pushed("main").contains(&shop.digest));
        assert_eq!(
            shop.git(&["-C", "../remote.git", "rev-list", "--count", "main"]),
            "2"
        );
    }
}

#[test]
fn the_configuration_for_pre_commit_is_one_and_names_a_hook() {
    let Some(client) = programs::find("pre-commit") else {
        return;
    };
    let place = Workplace::new();
    let text = block("pre-commit", "yaml");
    place.write("config.yaml", &text);
    place
        .program(client, ["validate-config", "config.yaml"])
        .finish_with(0);
    let config: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
    let hooks: serde_yaml::Value = serde_yaml::from_str(&page(".pre-commit-hooks.yaml")).unwrap();
    let id = &config["repos"][0]["hooks"][0]["id"];
    assert!(
        hooks
            .as_sequence()
            .unwrap()
            .iter()
            .any(|hook| hook["id"] == *id),
        "{id:?}"
    );
}

#[test]
fn what_holds_the_promises_on_security_is_there() {
    let text = page("SECURITY.md");
    let table = text.split("| promise | held by |").nth(1).unwrap();
    let rows: Vec<&str> = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .collect();
    assert!(rows.len() > 10);
    for row in rows {
        let held = row.split('|').nth(2).unwrap();
        let paths: Vec<&str> = held
            .split('`')
            .skip(1)
            .step_by(2)
            .filter(|path| path.contains('/') || path.contains(".toml"))
            .collect();
        assert!(!paths.is_empty(), "{row}");
        for path in paths {
            assert!(
                Path::new(env!("CARGO_MANIFEST_DIR")).join(path).exists(),
                "{path}"
            );
        }
    }
}

fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
