//! Runs the GitHub Action step by step, as a runner would. Tests what it passes to `imago`, where it gets `imago` from, and that
//! it prints no secret.

mod get;
mod page;
mod runner;

use std::path::Path;

use crate::support::programs;
use runner::{JOB_TOKEN, Runner, Step};

const IMAGE: &str = "registry.example.test/web:1.4";

fn deployment(image: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  template:\n    spec:\n      containers:\n      - name: app\n        image: {image}\n"
    )
}

fn digest() -> String {
    format!("sha256:{}", "1".repeat(64))
}

/// A runner whose workspace has one outdated manifest and a lock that knows its digest.
fn runner() -> Runner {
    let runner = Runner::new().input("arguments", "--offline");
    runner.place.write("deploy/web.yaml", deployment(IMAGE));
    runner.place.write(
        "imago.lock",
        format!(
            "{{\"version\":1,\"images\":{{\n\"{IMAGE}\":\"{}\"\n}}}}\n",
            digest()
        ),
    );
    runner
}

fn git(runner: &Runner, arguments: &[&str]) -> String {
    runner
        .place
        .program("git", arguments)
        .finish_with(0)
        .stdout
        .trim()
        .to_owned()
}

/// Makes the workspace look as `actions/checkout` leaves it: a commit on `main`, a remote, no identity.
fn check_out(runner: &Runner) {
    let remote = runner.place.beside("remote.git");
    git(
        runner,
        &[
            "init",
            "--quiet",
            "--bare",
            "--initial-branch=main",
            remote.to_str().unwrap(),
        ],
    );
    git(runner, &["init", "--quiet", "--initial-branch=main"]);
    git(runner, &["add", "."]);
    git(
        runner,
        &[
            "-c",
            "user.name=Ada",
            "-c",
            "user.email=ada@example.test",
            "commit",
            "--quiet",
            "--message=first",
        ],
    );
    git(
        runner,
        &["remote", "add", "origin", remote.to_str().unwrap()],
    );
    git(runner, &["push", "--quiet", "origin", "main"]);
}

fn paths(step: &Step) -> Vec<String> {
    serde_json::from_str(&step.outputs["changed-files"]).unwrap()
}

#[test]
fn an_update_is_written_and_told_to_the_workflow() {
    let runner = runner()
        .input("action", "update")
        .input("paths", "deploy\n\n");
    let step = runner.run().ended_with(0);
    assert_eq!(
        runner.place.files()["deploy/web.yaml"],
        deployment_after(&format!("{IMAGE}@{}", digest())).as_bytes()
    );
    assert_eq!(
        (step.outputs["changed"].as_str(), paths(&step)),
        ("true", vec!["deploy/web.yaml".to_owned()])
    );
    assert_eq!(
        (
            step.outputs["commit"].as_str(),
            step.outputs["branch"].as_str()
        ),
        ("", "")
    );
    let report: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&step.outputs["json"]).unwrap()).unwrap();
    assert_eq!(report["summary"]["outdated"], 1);
    assert!(step.log.contains("\ndeploy/web.yaml:"), "{}", step.log);
    assert!(
        step.summary.contains("deploy/web.yaml") && step.summary.contains('|'),
        "{}",
        step.summary
    );

    let step = runner.run().ended_with(0);
    assert_eq!(
        (step.outputs["changed"].as_str(), paths(&step)),
        ("false", Vec::new())
    );
}

/// The manifest with its new image and the record of the old one.
fn deployment_after(image: &str) -> String {
    let record = format!(
        "'{{\"containers\":[{{\"name\":\"app\",\"image\":\"{IMAGE}\"}}],\"initContainers\":[]}}'"
    );
    deployment(image).replace(
        "  name: web\n",
        &format!("  name: web\n  annotations:\n    imago-config-spec: {record}\n"),
    )
}

#[test]
fn a_check_fails_after_all_is_told_and_annotates_the_images_line() {
    let runner = runner();
    let before = runner.place.files();
    let step = runner.run().ended_with(1);
    assert_eq!(runner.place.files(), before);
    assert_eq!(
        (step.outputs["changed"].as_str(), paths(&step)),
        ("true", vec!["deploy/web.yaml".to_owned()])
    );
    assert!(
        Path::new(&step.outputs["json"]).is_file() && step.summary.contains(IMAGE),
        "{}",
        step.summary
    );
    let place: Vec<&String> = step
        .commands
        .iter()
        .map(|(name, _)| name)
        .filter(|name| name.contains("file=deploy/web.yaml"))
        .collect();
    assert!(
        place.len() == 1 && place[0].contains("line=10"),
        "{:?}",
        step.commands
    );

    let quiet = runner
        .input("summary", "false")
        .input("annotations", "false")
        .run()
        .ended_with(1);
    assert_eq!((quiet.summary.as_str(), quiet.commands.len()), ("", 0));
    assert_eq!(quiet.outputs["changed"], "true");
}

#[test]
fn a_problem_lets_the_rest_be_told_and_fails_with_its_own_code() {
    let runner = runner().input("action", "update").input("paths", "deploy");
    runner.place.write(
        "deploy/bad.yaml",
        "apiVersion: apps/v1\nkind: Deployment\n  x: [\n",
    );
    let step = runner.run().ended_with(3);
    assert_eq!(paths(&step), ["deploy/web.yaml"]);
    assert!(
        step.commands
            .iter()
            .any(|(name, _)| name.starts_with("error ") && name.contains("file=deploy/bad.yaml")),
        "{}",
        step.log
    );
}

#[test]
fn an_action_that_has_written_nothing_has_changed_nothing() {
    for (arguments, code) in [
        ("--offline\n--max-changes=0", 2),
        ("--offline\n--dry-run", 0),
    ] {
        let runner = runner()
            .input("action", "update")
            .input("arguments", arguments);
        let before = runner.place.files();
        let step = runner.run().ended_with(code);
        assert_eq!(runner.place.files(), before);
        assert_eq!(
            (
                step.outputs["changed"].as_str(),
                step.outputs["changed-files"].as_str()
            ),
            ("false", "[]"),
            "{arguments}"
        );
        let report: serde_json::Value =
            serde_json::from_slice(&std::fs::read(&step.outputs["json"]).unwrap()).unwrap();
        assert_eq!(
            report["files_changed"][0], "deploy/web.yaml",
            "the report still says what would be"
        );
    }
}

#[test]
fn what_cannot_run_fails_and_its_outputs_say_that_nothing_changed() {
    let step = runner().input("paths", "nowhere").run().ended_with(2);
    assert_eq!(
        (
            step.outputs["changed"].as_str(),
            step.outputs["changed-files"].as_str()
        ),
        ("false", "[]")
    );
    assert_eq!(step.outputs["json"], "");
    let told = step.told("error")[0];
    assert!(
        told.starts_with(
            "imago could not run (exit code 2): there is no file or folder `nowhere`%0A  hint: "
        ),
        "{told}"
    );
    let step = runner()
        .input("arguments", "--max-changes 50")
        .run()
        .ended_with(2);
    let told = step.told("error")[0];
    let expected = "imago could not run (exit code 2): `--max-changes 50` is one argument%0A  hint: write `--max-changes=50`";
    assert_eq!(told, expected);
    for (input, value, says) in [
        (
            "action",
            "destroy",
            "the input `action` is none of check, report, update and restore: destroy",
        ),
        (
            "commit",
            "yes",
            "the input `commit` is neither `true` nor `false`: yes",
        ),
        (
            "executable",
            "no/such",
            "the input `executable` is not a program: no/such",
        ),
        (
            "executable",
            "no-such-program",
            "the input `executable` is not on the PATH: no-such-program",
        ),
        (
            "working-directory",
            "nowhere",
            "the input `working-directory` is not a folder of the workspace: nowhere",
        ),
        (
            "version",
            "1.0",
            "the inputs `executable` and `version` exclude each other",
        ),
    ] {
        let step = runner().input(input, value).run().ended_with(2);
        assert_eq!(step.told("error"), [says]);
        assert_eq!(step.outputs["changed"], "false");
    }
}

#[test]
fn a_branch_is_pushed_once_by_the_bot_and_its_commit_is_told() {
    if programs::find("git").is_none() {
        return;
    }
    let runner = runner()
        .input("action", "update")
        .input("branch", "imago/update")
        .input("push", "true");
    check_out(&runner);
    let head = git(&runner, &["rev-parse", "HEAD"]);
    let step = runner.run().ended_with(0);
    let remote = runner.place.beside("remote.git");
    let there = |what: &str| {
        git(
            &runner,
            &[
                "-C",
                remote.to_str().unwrap(),
                "log",
                "-1",
                what,
                "imago/update",
            ],
        )
    };
    assert_eq!(step.outputs["commit"], there("--format=%H"));
    assert_eq!(step.outputs["branch"], "imago/update");
    let bot = "github-actions[bot] <41898282+github-actions[bot]@users.noreply.github.com>";
    assert_eq!(
        there("--format=%an <%ae>/%cn <%ce>"),
        format!("{bot}/{bot}")
    );
    assert_eq!(
        (
            git(&runner, &["rev-parse", "HEAD"]),
            git(&runner, &["status", "--porcelain"])
        ),
        (head, String::new())
    );

    let again = runner.run().ended_with(0);
    assert_eq!(
        there("--format=%H"),
        step.outputs["commit"],
        "{}",
        again.log
    );
    let told = |step: &Step| {
        [
            &step.outputs["changed"],
            &step.outputs["changed-files"],
            &step.outputs["commit"],
        ]
        .map(String::clone)
    };
    let commit = there("--format=%H");
    assert_eq!(
        told(&step),
        [
            "true".to_owned(),
            "[\"deploy/web.yaml\"]".to_owned(),
            commit.clone()
        ]
    );
    assert_eq!(
        told(&again),
        ["false".to_owned(), "[]".to_owned(), commit],
        "{}",
        again.log
    );
}

#[test]
fn hostile_names_and_inputs_are_text_and_nothing_else() {
    if programs::find("git").is_none() {
        return;
    }
    let names = [
        "deploy/$(touch pwned)`touch pwned`.yaml",
        "deploy/' ; touch pwned ; '.yaml",
        "deploy/\"${IFS}\".yaml",
        "deploy/a\n::error::forged.yaml",
        "deploy/b\n::set-output name=changed::forged\r\n.yaml",
        "deploy/##[error]forged%0A.yaml",
        "deploy/--update=x.yaml",
        "-q.yaml",
        "deploy/a|b`<img src=x>.yaml",
    ];
    let branch = "bot/\"$(touch${IFS}pwned)\"'`id`&%0A";
    let message =
        "Pin \"it\" $(touch pwned) `touch pwned` %0A\n\n::error::forged\n{changes}\nchanged=forged";
    let runner = runner()
        .input("action", "update")
        .input("paths", "deploy\n-q.yaml")
        .input(
            "exclude",
            "$(touch pwned)\n`touch pwned`\n'; touch pwned; '",
        )
        .input("branch", branch)
        .input("message", message)
        .input("author", "$(touch pwned) \"'` <a@example.test>")
        .input("push", "true");
    let hostile =
        deployment(IMAGE).replace("name: web", "name: \"w\\n::error::forged ##[error]forged\"");
    for name in names {
        runner.place.write(name, &hostile);
    }
    check_out(&runner);
    let step = runner.run().ended_with(0);
    let mut changed: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    changed.push("deploy/web.yaml".to_owned());
    changed.sort();
    let mut told = paths(&step);
    told.sort();
    assert_eq!(told, changed);
    assert_eq!(
        (
            step.outputs["changed"].as_str(),
            step.outputs["branch"].as_str()
        ),
        ("true", branch)
    );
    let remote = runner.place.beside("remote.git");
    let message = git(
        &runner,
        &[
            "-C",
            remote.to_str().unwrap(),
            "log",
            "-1",
            "--format=%B",
            branch,
        ],
    );
    assert!(
        message.starts_with("Pin \"it\" $(touch pwned) `touch pwned` %0A\n\n::error::forged\n"),
        "{message}"
    );
    assert!(
        !runner.place.path().join("pwned").exists() && !runner.checkout().join("pwned").exists()
    );
    for (name, text) in &step.commands {
        let ours = ["error ", "warning ", "notice "]
            .iter()
            .any(|kind| name.starts_with(kind));
        assert!(ours && text != "forged", "{name}: {text}");
    }
    assert!(
        !step.summary.contains("<img") && !step.summary.contains("\n::"),
        "{}",
        step.summary
    );
}

#[test]
fn secrets_reach_imago_alone_and_only_where_they_are_needed() {
    let secret = r#"{"auths":{"registry.example.test":{"auth":"c2VjcmV0OnNlY3JldA=="}}}"#;
    let spy = "#!/usr/bin/env bash\n\
        for argument; do case $argument in --docker-config=*) file=${argument#*=} ;; esac; done\n\
        { printf 'argument %s\\n' \"$@\"; env; ls -l \"$file\"; } >seen\n\
        cp \"$file\" config\nexit 0\n";
    let run = |push: &str, token: &str| {
        let runner = Runner::new()
            .input("executable", "./spy")
            .input("docker-config", secret)
            .input("push", push)
            .input("token", token);
        runner.place.write("spy", spy);
        make_executable(&runner.place.path().join("spy"));
        let step = runner.run().ended_with(0);
        let files = runner.place.files();
        assert_eq!(files["config"], format!("{secret}\n").as_bytes());
        assert!(
            runner
                .left()
                .keys()
                .all(|name| !name.contains("docker-config")),
            "{:?}",
            runner.left()
        );
        for text in ["c2VjcmV0", "push-token", JOB_TOKEN] {
            assert!(!step.log.contains(text), "{}", step.log);
        }
        let seen = String::from_utf8(files["seen"].clone()).unwrap();
        assert!(seen.contains("\n-rw-------"), "{seen}");
        let arguments: Vec<&str> = seen
            .lines()
            .filter(|line| line.starts_with("argument "))
            .collect();
        assert!(
            arguments
                .iter()
                .all(|line| !line.contains("token-") && !line.contains("auths")),
            "{arguments:?}"
        );
        let holds = |text: &str| {
            seen.lines()
                .filter(|line| line.contains(text))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        (holds("push-token"), holds(JOB_TOKEN), holds("c2VjcmV0"))
    };
    let none = Vec::<String>::new;
    assert_eq!(run("false", "push-token-1"), (none(), none(), none()));
    assert_eq!(
        run("true", ""),
        (none(), vec![format!("GITHUB_TOKEN={JOB_TOKEN}")], none())
    );
    assert_eq!(
        run("true", "push-token-1"),
        (
            vec!["IMAGO_GIT_TOKEN=push-token-1".to_owned()],
            none(),
            none()
        )
    );
}

#[test]
fn outputs_stay_within_what_github_takes() {
    let name = |number: usize| format!("deploy/{number:06}-{}.yaml", "x".repeat(180));
    let list: Vec<String> = (0..10_000)
        .map(|number| format!("    \"{}\"", name(number)))
        .collect();
    let report = format!(
        "{{\n  \"version\": 1,\n  \"files_changed\": [\n{}\n  ],\n  \"git\": null\n}}\n",
        list.join(",\n")
    );
    let runner = Runner::new().input("executable", "./large");
    runner.place.write("report", report);
    let large = "#!/usr/bin/env bash\n\
        for argument; do case $argument in\n\
        --report=json=*) cp report \"${argument#--report=json=}\" ;;\n\
        esac; done\n";
    runner.place.write("large", large);
    make_executable(&runner.place.path().join("large"));
    let step = runner.run().ended_with(0);
    let kept = paths(&step);
    assert!(
        kept.len() > 2_000 && step.outputs["changed-files"].len() <= 524_288 + 2,
        "{}",
        kept.len()
    );
    assert_eq!(kept, (0..kept.len()).map(name).collect::<Vec<_>>());
    let says = format!(
        "the output `changed-files` has {} of 10000 files, which is as many as fit; the output `json` has them all",
        kept.len()
    );
    assert_eq!(step.told("warning"), [says]);
}

#[test]
fn the_action_and_the_workflows_are_what_github_describes() {
    let Some(program) = programs::find("check-jsonschema") else {
        return;
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let place = crate::support::binary::Workplace::new();
    let check = |schema: &str, file: &Path| {
        place
            .program(
                &program,
                [
                    "--builtin-schema".as_ref(),
                    schema.as_ref(),
                    file.as_os_str(),
                ],
            )
            .finish()
    };
    let action = check("vendor.github-actions", &root.join("action.yml"));
    assert_eq!(action.code, 0, "{}{}", action.stdout, action.stderr);
    let workflows: Vec<_> = std::fs::read_dir(root.join(".github/workflows"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(!workflows.is_empty());
    for file in &workflows {
        let checked = check("vendor.github-workflows", file);
        assert_eq!(checked.code, 0, "{}{}", checked.stdout, checked.stderr);
    }
    let wrong = place.path().join("wrong.yml");
    std::fs::write(&wrong, "name: x\nruns: {using: nothing}\n").unwrap();
    assert_ne!(check("vendor.github-actions", &wrong).code, 0);
}

#[test]
fn the_scripts_have_nothing_that_shellcheck_finds() {
    let Some(program) = programs::find("shellcheck") else {
        return;
    };
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let place = crate::support::binary::Workplace::new();
    for name in ["action/run", "tests/run", ".ci/run"] {
        let found = place.program(&program, [root.join(name)]).finish();
        assert_eq!(found.code, 0, "{}", found.stdout);
    }
}

fn make_executable(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}
