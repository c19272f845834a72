//! Checks `docs/action.md`: its tables, and its workflows, which are run as written.

use std::fs;
use std::path::Path;

use serde_yaml::Value;

use super::runner::{JOB_TOKEN, Runner, Step};
use super::{IMAGE, check_out, deployment, git, runner};
use crate::support::binary::Workplace;
use crate::support::forge::{Flavour, Forge};
use crate::support::programs;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The page on the action.
fn section() -> String {
    fs::read_to_string(root().join("docs/action.md")).unwrap()
}

/// Its workflows, as text.
fn workflows() -> Vec<String> {
    let section = section();
    section
        .split("```yaml\n")
        .skip(1)
        .map(|block| block.split("```").next().unwrap().to_owned())
        .collect()
}

/// Runs the step of a workflow that uses this action, in a repository, with the inputs of the workflow. Asks no registry.
fn run(workflow: &str) -> (Runner, Forge, Step) {
    let workflow: Value = serde_yaml::from_str(workflow).unwrap();
    let job = workflow["jobs"]
        .as_mapping()
        .unwrap()
        .values()
        .next()
        .unwrap();
    let step = job["steps"].as_sequence().unwrap().iter().find(|step| {
        step["uses"]
            .as_str()
            .is_some_and(|uses| uses == "OWNER/imago@COMMIT")
    });
    let mut runner = runner();
    runner.place.write("apps/api.yaml", deployment(IMAGE));
    let forge = Forge::of_repository(Flavour::GitHub, &runner.place.beside("remote.git"));
    forge.state().token = Some(JOB_TOKEN.to_owned());
    runner = runner.env("GITHUB_SERVER_URL", &forge.url());
    let mut arguments = "--offline\n".to_owned();
    for (name, value) in step.unwrap()["with"].as_mapping().unwrap() {
        let value = match (value.as_str(), value.as_bool()) {
            (Some("${{ secrets.PUSH_TOKEN }}"), _) => "a-token",
            (Some("${{ secrets.DOCKER_CONFIG }}"), _) => "{\"auths\":{}}",
            (Some(text), _) => text,
            (None, Some(true)) => "true",
            other => panic!("{other:?}"),
        };
        match name.as_str().unwrap() {
            "arguments" => arguments.push_str(value),
            "pull-request" => {
                let url = forge.url();
                arguments +=
                    &format!("--forge=github\n--forge-url={url}\n--forge-project=shop/deploy\n");
                runner = runner.input("pull-request", value);
            }
            name => runner = runner.input(name, value),
        }
    }
    let runner = runner.input("arguments", &arguments);
    check_out(&runner);
    let step = runner.run();
    (runner, forge, step)
}

#[test]
fn its_workflows_do_what_they_are_for() {
    if programs::find("git").is_none() {
        return;
    }
    let workflows = workflows();
    let [nightly, check, private] = &workflows[..] else {
        panic!("{} workflows", workflows.len())
    };

    let (runner, forge, step) = run(nightly);
    let step = step.ended_with(0);
    let pushed = |branch: &str| git(&runner, &["ls-remote", "origin", branch]);
    assert!(
        pushed("refs/heads/imago/update").starts_with(&step.outputs["commit"])
            && !step.outputs["commit"].is_empty()
    );
    assert_eq!(step.outputs["branch"], "imago/update");
    let state = forge.state();
    let [pull] = &state.open()[..] else {
        panic!("{} requests", state.open().len())
    };
    assert_eq!((&*pull.head, &*pull.base), ("imago/update", "main"));
    assert_eq!(step.outputs["pull-request-number"], "1");
    assert!(
        step.outputs["pull-request-url"].ends_with("/1"),
        "{:?}",
        step.outputs
    );
    drop(state);

    let (_, _, step) = run(check);
    let step = step.ended_with(1);
    assert_eq!(
        step.outputs["changed-files"],
        r#"["apps/api.yaml","deploy/web.yaml"]"#
    );
    assert_eq!(step.told("error").len(), 2, "{}", step.log);

    let (runner, _, step) = run(private);
    let step = step.ended_with(0);
    assert!(
        git(&runner, &["ls-remote", "origin", "refs/heads/main"])
            .starts_with(&step.outputs["commit"])
    );
    assert_eq!(git(&runner, &["status", "--porcelain"]), "");
}

#[test]
fn its_workflows_are_what_github_describes() {
    let Some(program) = programs::find("check-jsonschema") else {
        return;
    };
    let place = Workplace::new();
    for (number, workflow) in workflows().iter().enumerate() {
        let name = format!("{number}.yaml");
        place.write(&name, workflow);
        let checked = place
            .program(
                &program,
                ["--builtin-schema", "vendor.github-workflows", &name],
            )
            .finish();
        assert_eq!(checked.code, 0, "{workflow}{}", checked.stdout);
    }
}

#[test]
fn its_tables_name_every_input_and_output_and_no_other() {
    let action: Value =
        serde_yaml::from_str(&fs::read_to_string(root().join("action.yml")).unwrap()).unwrap();
    let section = section();
    for (kind, head) in [("inputs", "| input | "), ("outputs", "| output | ")] {
        let table = section
            .split(head)
            .nth(1)
            .unwrap_or_else(|| panic!("no table begins with {head}"));
        let rows = table
            .lines()
            .skip(2)
            .take_while(|line| line.starts_with('|'));
        let cells = rows.flat_map(|line| line.split('|').nth(1).unwrap().split(','));
        let mut told: Vec<&str> = cells.map(|name| name.trim().trim_matches('`')).collect();
        told.sort_unstable();
        let mut names: Vec<&str> = action[kind]
            .as_mapping()
            .unwrap()
            .keys()
            .map(|name| name.as_str().unwrap())
            .collect();
        names.sort_unstable();
        assert_eq!(told, names, "{kind}");
    }
}
