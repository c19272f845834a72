//! `imago init`: what it offers, that it asks, and that it overwrites nothing.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_yaml::Value;

use crate::support::binary::{Finished, Workplace};
use crate::support::programs;

const DIGEST: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

fn deployment(image: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  template:\n    spec:\n      containers:\n      - name: app\n        image: {image}\n"
    )
}

/// A repository with manifests in two folders.
fn shop() -> Workplace {
    let place = Workplace::new();
    fs::create_dir(place.path().join(".git")).unwrap();
    for folder in ["apps", "deploy"] {
        let file = format!("{folder}/web.yaml");
        place.write(&file, deployment("registry.example.test/web:1.4"));
    }
    place
}

fn init(place: &Workplace, line: &str, code: i32) -> Finished {
    let words = line.split_whitespace();
    place
        .imago(["init"].into_iter().chain(words))
        .finish_with(code)
}

fn names(place: &Workplace) -> Vec<String> {
    place.files().into_keys().collect()
}

fn yaml(place: &Workplace, name: &str) -> Value {
    let text = fs::read_to_string(place.path().join(name)).unwrap();
    serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn is_valid(place: &Workplace, schema: &str, name: &str) {
    if let Some(program) = programs::find("check-jsonschema") {
        let mut line = vec!["--builtin-schema", schema, name];
        if schema == "vendor.gitlab-ci" {
            line.splice(2..2, ["--data-transform", "gitlab-ci"]);
        }
        let checked = place.program(program, line).finish();
        assert_eq!(checked.code, 0, "{}{}", checked.stdout, checked.stderr);
    }
}

#[test]
fn without_a_terminal_it_shows_everything_writes_nothing_and_names_the_flag() {
    let place = shop();
    fs::create_dir(place.path().join(".github")).unwrap();
    let before = place.files();
    let shown = init(&place, "", 2);
    assert!(
        shown
            .stdout
            .starts_with(".github/workflows/imago.yaml (new):\n  # A branch"),
        "{}",
        shown.stdout
    );
    assert_eq!(
        shown.stderr,
        "error: 1 file not written: no terminal is there to ask\n  hint: add `--yes` to write without a question\n"
    );
    assert_eq!(place.files(), before);
}

#[test]
fn the_workflow_is_what_the_action_takes_and_comes_once() {
    let place = shop();
    fs::create_dir(place.path().join(".github")).unwrap();
    let wrote = init(&place, "--yes", 0);
    assert_eq!(
        wrote.stderr,
        "wrote .github/workflows/imago.yaml; now pin the images: `imago files --update`\nnext: allow Actions to create pull requests (Settings, Actions, General), and name the action by the commit of its release\n"
    );
    let name = ".github/workflows/imago.yaml";
    is_valid(&place, "vendor.github-workflows", name);
    let workflow = yaml(&place, name);
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| fs::read_to_string(root.join(name)).unwrap();
    let action: Value = serde_yaml::from_str(&read("action.yml")).unwrap();
    let own = read(".github/workflows/ci.yml");
    let own_checkout = own
        .lines()
        .find_map(|line| line.trim().strip_prefix("- uses: actions/checkout@"))
        .unwrap();
    assert!(
        wrote
            .stdout
            .contains(&format!("actions/checkout@{own_checkout}"))
    );
    for job in ["update", "check"] {
        let steps = workflow["jobs"][job]["steps"].as_sequence().unwrap();
        let of_action = |step: &&Value| {
            let uses = step["uses"].as_str().unwrap_or_default();
            uses == concat!("OWNER/imago@v", env!("CARGO_PKG_VERSION"))
        };
        let step = steps.iter().find(of_action).unwrap();
        let with = step["with"].as_mapping().unwrap();
        for input in with.keys() {
            assert!(action["inputs"].get(input).is_some(), "{input:?}");
        }
        assert_eq!(with["paths"].as_str().unwrap(), "apps\ndeploy\n");
    }
    let before = place.files();
    let again = init(&place, "--yes", 0);
    assert_eq!(
        again.stderr,
        "note: `.github/workflows/imago.yaml` is there already, and stays as it is\nnothing to write\n"
    );
    assert_eq!((again.stdout.as_str(), place.files()), ("", before));
}

#[test]
fn forgejo_and_gitea_have_workflows_of_their_own_without_an_action() {
    for (name, runner) in [("forgejo", "docker"), ("gitea", "ubuntu-latest")] {
        let place = shop();
        fs::create_dir(place.path().join(format!(".{name}"))).unwrap();
        let wrote = init(&place, "--yes", 0);
        let file = format!(".{name}/workflows/imago.yaml");
        assert_eq!(
            wrote.stderr,
            format!(
                "wrote {file}; now pin the images: `imago files --update`\nnext: create the secret IMAGO_GIT_TOKEN (Settings, Actions, Secrets), and write a label of your runners at `runs-on`\n"
            )
        );
        is_valid(&place, "vendor.github-workflows", &file);
        let workflow = yaml(&place, &file);
        for job in ["update", "check"] {
            let job = &workflow["jobs"][job];
            assert_eq!(job["runs-on"], runner);
            for step in job["steps"].as_sequence().unwrap() {
                assert!(step["uses"].is_null(), "{step:?}");
                let run = step["run"].as_str().unwrap();
                assert!(run.trim_end().ends_with(" -- apps deploy"), "{run}");
            }
        }
        let update = workflow["jobs"]["update"]["steps"][0]["run"].as_str();
        assert!(update.unwrap().contains(&format!(" --forge {name} ")));
        let again = init(&place, "--yes", 0);
        assert!(again.stderr.ends_with("stays as it is\nnothing to write\n"));
    }
}

#[test]
fn what_is_there_is_never_changed_and_what_belongs_into_it_is_shown() {
    let place = shop();
    place.write(".gitlab-ci.yml", "test: {script: [make]}\n");
    place.write(".pre-commit-config.yaml", "repos: []\n");
    let before = place.files();
    let wrote = init(&place, "-y", 0);
    assert!(wrote.stderr.starts_with("wrote .gitlab/imago.yml; "));
    for shown in [
        ".gitlab-ci.yml (add this by hand):\n  include:\n  - local: .gitlab/imago.yml\n",
        ".pre-commit-config.yaml (add this by hand):\n    - repo: https://github.com/OWNER/imago\n",
    ] {
        assert!(wrote.stdout.contains(shown), "{}", wrote.stdout);
    }
    let mut after = place.files();
    assert!(after.remove(".gitlab/imago.yml").is_some());
    assert_eq!(after, before);
    is_valid(&place, "vendor.gitlab-ci", ".gitlab/imago.yml");
    // What a person then adds by hand is not offered again.
    place.write(".gitlab-ci.yml", "include:\n- local: .gitlab/imago.yml\n");
    let hook = "repos:\n- repo: local\n  hooks:\n  - id: imago-check\n";
    place.write(".pre-commit-config.yaml", hook);
    let again = init(&place, "-y", 0);
    assert_eq!(again.stdout, "");
    assert_eq!(
        again.stderr,
        "note: `.gitlab/imago.yml` is there already, and stays as it is\nnote: `.gitlab-ci.yml` has `- local: .gitlab/imago.yml` already, and stays as it is\nnote: `.pre-commit-config.yaml` has `- id: imago-check` already, and stays as it is\nnothing to write\n"
    );
}

#[test]
fn its_own_jobs_and_its_own_check_fit_the_settings_that_it_wrote() {
    let place = shop();
    init(&place, "--yes --gitlab", 0);
    let again = init(&place, "--yes", 0);
    assert_eq!(
        again.stderr,
        "note: `.gitlab-ci.yml` has `imago:` already, and stays as it is\nnothing to write\n"
    );
    // An image that the settings leave alone fails no check.
    let ignored = "policies:\n- image: registry.example.test/**\n  policy: ignore\n";
    place.write(".imago.yaml", ignored);
    let job = yaml(&place, ".gitlab-ci.yml");
    let check = job["imago-check"]["script"][0].as_str().unwrap();
    place.imago(check.split_whitespace().skip(1)).finish_with(0);
}

#[test]
fn the_policies_of_other_tools_are_named() {
    let place = shop();
    place.write(".github/renovate.json5", "{}");
    place.write(
        "deploy/web.yaml",
        deployment("registry.example.test/web:1.4 # {\"$imagepolicy\": \"flux-system:web\"}"),
    );
    let said = init(&place, "--yes --github", 0).stderr;
    for what in [
        "note: `.github/renovate.json5` may have rules for images: `imago import` prints",
        "note: images have markers of Flux's image automation: `imago import` prints",
    ] {
        assert!(said.contains(what), "{said}");
    }
}

#[test]
fn each_file_can_be_named_and_only_what_is_due_is_written() {
    let place = shop();
    let none = init(&place, "--yes", 0);
    assert_eq!(
        none.stderr,
        "note: no CI found: add a check with `--github`, `--gitlab`, `--forgejo`, `--gitea` or `--pre-commit`\nnothing to write\n"
    );
    let before = names(&place);
    init(&place, "--yes --pre-commit --gitlab", 0);
    let new: Vec<String> = names(&place)
        .into_iter()
        .filter(|name| !before.contains(name))
        .collect();
    assert_eq!(new, [".gitlab-ci.yml", ".pre-commit-config.yaml"]);
    is_valid(&place, "vendor.gitlab-ci", ".gitlab-ci.yml");
    let hook = &yaml(&place, ".pre-commit-config.yaml")["repos"][0]["hooks"][0];
    assert_eq!(hook["id"], "imago-check");
    assert_eq!(hook["files"], "^(apps|deploy)/");
    if let Some(client) = programs::find("pre-commit") {
        place
            .program(client, ["validate-config", ".pre-commit-config.yaml"])
            .finish_with(0);
    }
    let job = yaml(&place, ".gitlab-ci.yml");
    let check = job["imago-check"]["script"][0].as_str().unwrap();
    place.imago(check.split_whitespace().skip(1)).finish_with(1);
}

#[test]
fn the_settings_hold_what_the_images_call_for() {
    let place = shop();
    place.write(
        "deploy/web.yaml",
        deployment(&format!("registry.example.test/web:1.4@{DIGEST}")),
    );
    let wrote = init(&place, "--yes", 0);
    assert!(wrote.stderr.contains("wrote .imago.yaml; "), "{wrote:?}");
    let settings = yaml(&place, ".imago.yaml");
    assert_eq!(
        settings,
        serde_yaml::from_str::<Value>("track: tag").unwrap()
    );
    let listed = place.imago(["images", "-v"]).finish_with(0);
    assert!(
        listed
            .stderr
            .starts_with("settings come from .imago.yaml\n")
    );
    assert!(listed.stdout.contains("  pinned\n"), "{listed:?}");
}

#[test]
fn a_remote_shows_the_forge_from_any_folder_below_the_root() {
    let Some(git) = programs::find("git") else {
        return;
    };
    for (url, name) in [
        (
            "git@github.com:shop/manifests.git",
            ".github/workflows/imago.yaml",
        ),
        (
            "https://user@gitlab.example.com/shop/manifests.git",
            ".gitlab-ci.yml",
        ),
        (
            "ssh://git@codeberg.org/shop/manifests.git",
            ".forgejo/workflows/imago.yaml",
        ),
        (
            "https://gitea.example.com:3000/shop/manifests.git",
            ".gitea/workflows/imago.yaml",
        ),
    ] {
        let place = shop();
        fs::remove_dir(place.path().join(".git")).unwrap();
        place.program(&git, ["init", "--quiet"]).finish_with(0);
        place
            .program(&git, ["remote", "add", "origin", url])
            .finish_with(0);
        place
            .imago(["init", "--yes"])
            .folder(&place.path().join("apps"))
            .finish_with(0);
        assert!(place.path().join(name).exists(), "{url}");
    }
}

#[test]
fn nothing_is_written_through_a_link_or_outside_a_repository() {
    let place = shop();
    fs::create_dir(place.beside("elsewhere")).unwrap();
    symlink(place.beside("elsewhere"), place.path().join(".github")).unwrap();
    let refused = init(&place, "--yes --github", 2);
    assert!(
        refused.stderr.starts_with(
            "error: cannot write `.github/workflows/imago.yaml`\n  cause: `.github` is a link"
        ),
        "{refused:?}"
    );
    assert_eq!(fs::read_dir(place.beside("elsewhere")).unwrap().count(), 0);
    let nowhere = Workplace::new();
    let refused = init(&nowhere, "--yes --github", 2);
    assert!(refused.stderr.contains("is not in a Git work tree"));
    assert!(
        refused
            .stderr
            .contains("hint: go to the repository, or run `git init`")
    );
}

#[test]
fn a_folder_that_would_need_quotes_is_not_named() {
    let place = shop();
    place.write(
        "$(touch x)'\n- uses: evil/web.yaml",
        deployment("registry.example.test/web:1.4"),
    );
    let wrote = init(&place, "--yes --github --gitlab --pre-commit", 0);
    assert!(!wrote.stdout.contains("evil"), "{}", wrote.stdout);
    let workflow = yaml(&place, ".github/workflows/imago.yaml");
    let step = &workflow["jobs"]["check"]["steps"][1];
    assert_eq!(step["with"]["paths"], ".\n");
}

#[test]
fn a_person_at_a_terminal_is_asked() {
    let Some(script) = programs::find("script") else {
        return;
    };
    for (answer, written) in [("y", true), ("yes", true), ("n", false), ("", false)] {
        let place = shop();
        let line = format!("{} init --github", env!("CARGO_BIN_EXE_imago"));
        let finished = place
            .program(&script, ["-qec", &line, "/dev/null"])
            .input(format!("{answer}\n"))
            .finish_with(0);
        assert!(
            finished.stdout.contains("write 1 file? [y/N]"),
            "{finished:?}"
        );
        let path = place.path().join(".github/workflows/imago.yaml");
        assert_eq!(path.exists(), written, "{answer}");
    }
}

#[test]
fn what_is_held_is_said_and_no_image_is_pinned_next() {
    let place = Workplace::new();
    fs::create_dir(place.path().join(".git")).unwrap();
    place.write(
        "web.yaml",
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: web}\nspec:\n  values:\n    image: {repository: registry.example.test/web, tag: 1.4.0}\n",
    );
    let said = init(&place, "--yes --pre-commit", 0).stderr;
    assert!(
        said.contains("note: 1 image held back: `imago files -v` says why, and what to do\n"),
        "{said}"
    );
    assert!(said.ends_with("wrote .pre-commit-config.yaml\n"), "{said}");
    place.write("api.yaml", deployment("registry.example.test/api:1.4"));
    let said = init(&place, "--yes --github", 0).stderr;
    assert!(
        said.contains("; now pin the images: `imago files --update`\n"),
        "{said}"
    );
}
