//! The parts of a GitHub runner that this action needs: expressions, the files for outputs and summary, and commands in a step's
//! output.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::support::binary::{Finished, Workplace, files};

/// The runner's own token in the tests.
pub(super) const JOB_TOKEN: &str = "job-token-that-nobody-prints";

/// A workspace, and the action's own checkout beside it.
pub(super) struct Runner {
    pub(super) place: Workplace,
    inputs: BTreeMap<String, String>,
    environment: BTreeMap<String, String>,
}

/// The result of a step: its exit code and outputs.
pub(super) struct Step {
    pub(super) code: i32,
    /// Everything that it printed.
    pub(super) log: String,
    /// The action's outputs.
    pub(super) outputs: BTreeMap<String, String>,
    pub(super) summary: String,
    /// The commands that the runner obeyed: `error title=imago` and the text after it.
    pub(super) commands: Vec<(String, String)>,
}

impl Runner {
    /// The binary under test is the input `executable`.
    pub(super) fn new() -> Self {
        let place = Workplace::new();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        fs::create_dir_all(place.beside("checkout/action")).unwrap();
        fs::create_dir(place.beside("temp")).unwrap();
        for name in [
            "action.yml",
            "action/run",
            "action/checksums.txt",
            "Cargo.toml",
        ] {
            fs::copy(root.join(name), place.beside("checkout").join(name)).unwrap();
        }
        let runner = Self {
            place,
            inputs: BTreeMap::new(),
            environment: BTreeMap::new(),
        };
        runner.input("executable", env!("CARGO_BIN_EXE_imago"))
    }

    pub(super) fn input(mut self, name: &str, value: &str) -> Self {
        self.inputs.insert(name.to_owned(), value.to_owned());
        self
    }

    /// A variable of the job.
    pub(super) fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The action's own checkout.
    pub(super) fn checkout(&self) -> PathBuf {
        self.place.beside("checkout")
    }

    /// Every file that the action left in the runner's folder for temporary files.
    pub(super) fn left(&self) -> BTreeMap<String, Vec<u8>> {
        files(&self.place.beside("temp"))
    }

    /// Runs the action.
    pub(super) fn run(&self) -> Step {
        let action: serde_yaml::Value =
            serde_yaml::from_str(&fs::read_to_string(self.checkout().join("action.yml")).unwrap())
                .unwrap();
        let inputs = self.given(&action);
        assert_eq!(action["runs"]["using"], "composite");
        let steps = action["runs"]["steps"].as_sequence().unwrap();
        let [step] = &steps[..] else {
            panic!("this runner knows actions of one step")
        };
        let output = self.place.beside("output");
        let summary = self.place.beside("summary");
        fs::write(&output, "").unwrap();
        fs::write(&summary, "").unwrap();
        let finished = self.step(step, &inputs, &output, &summary);
        let set = read_outputs(&fs::read_to_string(&output).unwrap());
        let id = step["id"].as_str().unwrap();
        let outputs = action["outputs"]
            .as_mapping()
            .unwrap()
            .iter()
            .map(|(name, output)| {
                let expression = expression(output["value"].as_str().unwrap()).unwrap();
                let key = expression
                    .strip_prefix(&format!("steps.{id}.outputs."))
                    .unwrap()
                    .to_owned();
                (
                    name.as_str().unwrap().to_owned(),
                    set.get(&key).cloned().unwrap_or_default(),
                )
            });
        Step {
            code: finished.code,
            outputs: outputs.collect(),
            summary: fs::read_to_string(&summary).unwrap(),
            commands: obeyed(&format!("{}{}", finished.stdout, finished.stderr)),
            log: format!("{}{}", finished.stdout, finished.stderr),
        }
    }

    /// The inputs of the workflow; otherwise their defaults.
    fn given(&self, action: &serde_yaml::Value) -> BTreeMap<String, String> {
        let known = action["inputs"].as_mapping().unwrap();
        for name in self.inputs.keys() {
            assert!(
                known.contains_key(name.as_str()),
                "there is no input `{name}`"
            );
        }
        let value = |(name, input): (&serde_yaml::Value, &serde_yaml::Value)| {
            let name = name.as_str().unwrap().to_owned();
            let default = input["default"]
                .as_str()
                .unwrap_or_else(|| panic!("`{name}` has no default that is text"))
                .to_owned();
            (
                name.clone(),
                self.inputs.get(&name).cloned().unwrap_or(default),
            )
        };
        known.iter().map(value).collect()
    }

    fn step(
        &self,
        step: &serde_yaml::Value,
        inputs: &BTreeMap<String, String>,
        output: &Path,
        summary: &Path,
    ) -> Finished {
        assert_eq!(step["shell"], "bash");
        let script = self.place.beside("step.sh");
        let text = step["run"].as_str().unwrap();
        assert!(
            !text.contains("${{"),
            "an input would become a piece of a script: {text}"
        );
        fs::write(&script, text).unwrap();
        let mut run = self
            .place
            .program(
                "bash",
                [
                    "--noprofile",
                    "--norc",
                    "-e",
                    "-o",
                    "pipefail",
                    script.to_str().unwrap(),
                ],
            )
            .env("CI", "true")
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_WORKSPACE", self.place.path())
            .env("GITHUB_ACTION_PATH", self.checkout())
            .env("GITHUB_SERVER_URL", "https://github.example.test")
            .env("GITHUB_OUTPUT", output)
            .env("GITHUB_STEP_SUMMARY", summary)
            .env("RUNNER_TEMP", self.place.beside("temp"));
        for (name, value) in &self.environment {
            run = run.env(name, value);
        }
        for (name, value) in step["env"].as_mapping().unwrap() {
            let value = value.as_str().unwrap();
            let value = match expression(value) {
                None => value.to_owned(),
                Some("github.token") => JOB_TOKEN.to_owned(),
                Some("github.action_repository") => "shop/imago".to_owned(),
                Some(other) => inputs[other
                    .strip_prefix("inputs.")
                    .unwrap_or_else(|| panic!("no expression of ours: {other}"))]
                .clone(),
            };
            run = run.env(name.as_str().unwrap(), value);
        }
        run.finish()
    }
}

impl Step {
    /// The texts of the commands that have this name.
    pub(super) fn told(&self, command: &str) -> Vec<&str> {
        let named = |(name, _): &&(String, String)| name.split(' ').next() == Some(command);
        self.commands
            .iter()
            .filter(named)
            .map(|(_, text)| text.as_str())
            .collect()
    }

    #[track_caller]
    pub(super) fn ended_with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}", self.log);
        self
    }
}

/// The inside of `${{ … }}`, if that is the whole text.
fn expression(text: &str) -> Option<&str> {
    Some(text.strip_prefix("${{")?.strip_suffix("}}")?.trim())
}

/// `NAME=VALUE`, and `NAME<<WORD` with lines up to the word. The last value of a name counts.
fn read_outputs(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        match (line.find('='), line.find("<<")) {
            (Some(equals), here) if here.is_none_or(|here| equals < here) => {
                found.insert(line[..equals].to_owned(), line[equals + 1..].to_owned());
            }
            (_, Some(here)) => {
                let word = &line[here + 2..];
                let value: Vec<&str> = lines.by_ref().take_while(|line| *line != word).collect();
                found.insert(line[..here].to_owned(), value.join("\n"));
            }
            _ => panic!("no output: {line}"),
        }
    }
    found
}

/// The commands in a log that a runner obeys: `::name properties::text` after any white space, and `##[name]text` anywhere in a
/// line. Between `::stop-commands::WORD` and `::WORD::` it obeys none.
fn obeyed(log: &str) -> Vec<(String, String)> {
    let mut commands = Vec::new();
    let mut stopped: Option<String> = None;
    for line in log.lines() {
        let trimmed = line.trim_start();
        if let Some(word) = &stopped {
            if trimmed.starts_with(&format!("::{word}::")) {
                stopped = None;
            }
            continue;
        }
        if let Some((name, text)) = trimmed
            .strip_prefix("::")
            .and_then(|rest| rest.split_once("::"))
        {
            if name == "stop-commands" {
                stopped = Some(text.to_owned());
            } else {
                commands.push((name.to_owned(), text.to_owned()));
            }
        } else if let Some((name, text)) = line
            .split_once("##[")
            .and_then(|(_, rest)| rest.split_once(']'))
        {
            commands.push((name.to_owned(), text.to_owned()));
        }
    }
    commands
}

#[test]
fn this_runner_reads_outputs_and_commands_as_the_real_one() {
    let outputs = read_outputs("a=1\nb<<END\nx=1\ny\nEND\na=2<<3\n");
    assert_eq!(
        outputs,
        BTreeMap::from([("a".into(), "2<<3".into()), ("b".into(), "x=1\ny".into())])
    );
    let log = "::error file=a::b\n  ::notice::c\nx ::error::d\nx ##[debug]e\n::stop-commands::w\n::error::f\n##[error]g\n::w::\n::warning::h";
    let names: Vec<String> = obeyed(log)
        .into_iter()
        .map(|(name, text)| format!("{name} {text}"))
        .collect();
    assert_eq!(
        names,
        ["error file=a b", "notice c", "debug e", "warning h"]
    );
}
