//! Runs the commands for Argo CD and Flux of `docs/git.md` against a bare repository. The action's tests cover the pull request.
//!
//! Two things are replaced: `imago` is the built binary with the lock instead of a registry, and the clone is what
//! `actions/checkout` makes, one commit deep and without an identity.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::Tree;
use super::push::Two;
use crate::support::binary::Finished;
use crate::support::programs;

/// The page's code blocks, each with its language.
fn blocks() -> Vec<(String, String)> {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/git.md");
    let chapter = std::fs::read_to_string(page).unwrap();
    let fenced = chapter.split("\n```").skip(1).step_by(2);
    fenced
        .map(|block| block.split_once('\n').unwrap())
        .map(|(language, text)| (language.to_owned(), text.to_owned()))
        .collect()
}

/// The shell lines of the YAML block that contains this text.
fn steps(mark: &str) -> Vec<String> {
    let blocks: Vec<String> = blocks()
        .into_iter()
        .filter(|(language, text)| language == "yaml" && text.contains(mark))
        .map(|(_, text)| text)
        .collect();
    assert_eq!(blocks.len(), 1, "{mark}");
    let value: serde_yaml::Value = serde_yaml::from_str(&blocks[0]).unwrap();
    let steps = if value.is_sequence() {
        &value
    } else {
        &value["jobs"]["imago"]["steps"]
    };
    let runs = steps
        .as_sequence()
        .unwrap()
        .iter()
        .filter_map(|step| step.get("run"));
    runs.map(|run| run.as_str().unwrap().to_owned()).collect()
}

struct Runner {
    two: Two,
}

impl Runner {
    fn new() -> Option<Self> {
        programs::find("sh")?;
        let Two { ours, theirs } = Two::new()?;
        let bare = ours.place.beside("bare.git");
        ours.git(&format!(
            "clone --quiet --depth 1 file://{} checkout",
            bare.display()
        ));
        let runner = Self {
            two: Two {
                ours: Tree {
                    place: ours.place,
                    folder: "checkout".to_owned(),
                },
                theirs,
            },
        };
        std::fs::create_dir(runner.at("bin")).unwrap();
        let (binary, lock) = (env!("CARGO_BIN_EXE_imago"), runner.at("digests.lock"));
        runner.program(
            "imago",
            &format!("shift\nexec {binary} files --offline --lock {lock} \"$@\"\n"),
        );
        Some(runner)
    }

    fn at(&self, name: &str) -> String {
        self.two
            .ours
            .place
            .beside(name)
            .to_str()
            .unwrap()
            .to_owned()
    }

    fn program(&self, name: &str, script: &str) {
        let path = self.at(&format!("bin/{name}"));
        std::fs::write(&path, format!("#!/bin/sh\n{script}")).unwrap();
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn run(&self, line: &str) -> Finished {
        let place = &self.two.ours.place;
        let path = format!("{}:{}", self.at("bin"), std::env::var("PATH").unwrap());
        let run = place.program("sh", ["-e", "-c", line]).env("PATH", path);
        run.folder(&place.path().join("checkout")).finish_with(0)
    }
}

const UPDATE: &str = "Update 2 images in 2 objects";

#[test]
fn the_job_pushes_to_the_branch_that_argo_cd_and_flux_watch() {
    let Some(runner) = Runner::new() else { return };
    let lines = steps("schedule:");
    assert_eq!(lines.len(), 1, "{lines:?}");
    for (digit, commits) in [("1", 2), ("1", 2), ("2", 3)] {
        runner.two.ours.moved(digit);
        runner.run(&lines[0]);
        let log = runner.two.remote_log("main");
        assert_eq!((log.len(), log[0].as_str()), (commits, UPDATE));
    }
    let author = runner.two.ours.git("log -1 --format=%an|%ae|%cn");
    assert_eq!(author, "imago|imago@example.com|imago\n");
}

#[test]
fn the_three_lines_at_the_head_of_the_page_do_what_stands_behind_them() {
    let mark = "imago files --update --commit deploy/";
    let block = blocks()
        .into_iter()
        .map(|(_, text)| text)
        .find(|text| text.contains(mark))
        .unwrap();
    let expected = [("--commit", 1, 0), ("--push", 2, 0), ("--branch", 1, 2)];
    let lines: Vec<&str> = block
        .lines()
        .filter(|line| !line.trim().is_empty())
        .collect();
    assert_eq!(lines.len(), expected.len(), "{block}");
    for (line, (flag, on_main, on_branch)) in lines.iter().zip(expected) {
        let Some(runner) = Runner::new() else { return };
        runner.two.ours.identify();
        assert!(line.contains(flag), "{line}");
        runner.run(line);
        assert_eq!(runner.two.remote_log("main").len(), on_main, "{line}");
        let branches = runner
            .two
            .ours
            .git("ls-remote --heads origin imago/update")
            .lines()
            .count();
        assert_eq!(branches, usize::from(on_branch > 0), "{line}");
    }
}
