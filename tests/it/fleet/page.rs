//! Runs what `docs/fleet.md` and `deploy/fleet/` say, against a registry, a forge and a Git server in this process.
//!
//! Two things are replaced: the host of the repositories, and the paths that the pods mount.

use std::path::{Path, PathBuf};

use serde_yaml::Value;

use super::{Fleet, report};
use crate::support::binary::{Finished, Run, Workplace};
use crate::support::forge::{Flavour, Forge, PullState};
use crate::support::programs;
use crate::support::registry::TestRegistry;
use crate::support::remote::{Door, HttpRemote};
use crate::support::repositories::Bare;

const BRANCH: &str = "imago/update";
const TOKEN: &str = "hunter2hunter2";
const LIST: &str = "/etc/imago/fleet.yaml";
/// The repositories of `deploy/fleet/fleet.yaml`, with a file that each of them updates.
const REPOSITORIES: [(&str, &str); 2] = [
    ("shop/deploy", "web.yaml"),
    ("shop/clusters", "production/web.yaml"),
];

fn read(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    std::fs::read_to_string(path).unwrap()
}

/// The blocks of the page.
fn blocks() -> Vec<String> {
    let page = read("docs/fleet.md");
    let blocks = page.split("```").skip(1).step_by(2);
    blocks.map(str::to_owned).collect()
}

/// The one YAML block that has this text.
fn yaml(mark: &str) -> Value {
    let blocks = blocks();
    let mut found = blocks
        .iter()
        .filter_map(|block| block.strip_prefix("yaml\n"));
    let block = found.find(|block| block.contains(mark)).unwrap();
    serde_yaml::from_str(block).unwrap()
}

fn texts(list: &Value) -> Vec<String> {
    let list = list.as_sequence().unwrap().iter();
    list.map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// The container of the deployment.
fn container() -> Value {
    let job: Value = serde_yaml::from_str(&read("deploy/fleet/cronjob.yaml")).unwrap();
    job["spec"]["jobTemplate"]["spec"]["template"]["spec"]["containers"][0].clone()
}

/// What the deployment works with: a Git server that has a forge's API at the same address, and the registry of the images.
struct Nights {
    place: Workplace,
    registry: TestRegistry,
    repositories: Vec<Bare>,
    forges: Vec<Forge>,
    remote: HttpRemote,
}

impl Nights {
    /// `None` if there is no `git`.
    fn new() -> Option<Self> {
        programs::find("git")?;
        let (place, registry) = (Workplace::new(), TestRegistry::start());
        let served = place.beside("served");
        std::fs::create_dir_all(served.join("shop")).unwrap();
        std::fs::create_dir(place.beside("tmp")).unwrap();
        let host = registry.host();
        let text = format!(
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: web\n    image: {host}/shop/web:1.4\n"
        );
        let repositories: Vec<Bare> = REPOSITORIES
            .iter()
            .map(|(name, file)| Bare::new(&served.join(format!("{name}.git")), &[(*file, &*text)]))
            .collect();
        let forges: Vec<Forge> = REPOSITORIES
            .iter()
            .zip(&repositories)
            .map(|((name, _), bare)| {
                let forge = Forge::of_repository(Flavour::GitLab, &bare.folder);
                forge.state().token = Some(TOKEN.to_owned());
                (*name).clone_into(&mut forge.state().project);
                forge
            })
            .collect();
        let apis: Vec<(String, String)> = REPOSITORIES
            .iter()
            .zip(&forges)
            .map(|((name, _), forge)| {
                let path = format!("/api/v4/projects/{}/", name.replace('/', "%2F"));
                let host = forge.url().trim_start_matches("http://").to_owned();
                (path, host)
            })
            .collect();
        let door = Door::Account("x-access-token", TOKEN);
        let remote = HttpRemote::start_beside(&served, door, &apis);
        let nights = Self {
            place,
            registry,
            repositories,
            forges,
            remote,
        };
        let list = nights.here(&read("deploy/fleet/fleet.yaml"));
        // As Kubernetes mounts a ConfigMap: each file is a link into a folder, which a link names.
        let mounted = nights.place.path().join("deploy/fleet");
        (nights.place).write("deploy/fleet/..2026_11_29/fleet.yaml", list);
        for (link, to) in [
            ("..data", "..2026_11_29"),
            ("fleet.yaml", "..data/fleet.yaml"),
        ] {
            std::os::unix::fs::symlink(to, mounted.join(link)).unwrap();
        }
        nights.push("first");
        Some(nights)
    }

    /// A text with the host of this machine.
    fn here(&self, text: &str) -> String {
        text.replace(
            "https://git.example.com",
            self.remote.url("").trim_end_matches('/'),
        )
    }

    fn list(&self) -> PathBuf {
        self.place.path().join("deploy/fleet/fleet.yaml")
    }

    fn push(&self, content: &str) {
        let platforms = ["linux/amd64"];
        (self.registry).push_index("shop/web", "1.4", &platforms, content);
    }

    /// The image that a branch of a repository has.
    fn image(&self, number: usize, branch: &str) -> Option<String> {
        let text = self.repositories[number].file(branch, REPOSITORIES[number].1)?;
        let line = text.lines().find(|line| line.contains("image: ")).unwrap();
        Some(line.trim().to_owned())
    }

    /// Runs one pod of the deployment, with the environment that Kubernetes gives it.
    fn pod(&self, index: u64) -> Run {
        let container = container();
        let words = texts(&container["args"]).into_iter();
        let list = self.list().display().to_string();
        let words: Vec<String> = words.map(|word| word.replace(LIST, &list)).collect();
        let mut run = self.place.imago(&words);
        for variable in container["env"].as_sequence().unwrap() {
            let name = variable["name"].as_str().unwrap();
            run = match variable["value"].as_str() {
                Some(value) => run.env(name, value),
                None => run.env(name, self.secret(&variable["valueFrom"]["secretKeyRef"])),
            };
        }
        let index = index.to_string();
        run.env("JOB_COMPLETION_INDEX", index)
            .env("TMPDIR", self.place.beside("tmp"))
    }

    /// What the secret has that the page makes.
    fn secret(&self, wanted: &Value) -> String {
        let blocks = blocks();
        let mut lines = blocks.iter().flat_map(|block| block.lines());
        let line = lines.find(|line| line.contains("create secret generic"));
        let line = line
            .unwrap()
            .trim()
            .split_once("create secret generic ")
            .unwrap();
        let (name, literal) = line.1.split_once(" --from-literal=").unwrap();
        assert_eq!((name, literal), ("imago-fleet", "git-token=\"$TOKEN\""));
        assert_eq!(
            (wanted["name"].as_str(), wanted["key"].as_str()),
            (Some(name), Some("git-token"))
        );
        TOKEN.to_owned()
    }

    /// Runs all pods of a night, and returns what they print.
    fn night(&self) -> String {
        let job: Value = serde_yaml::from_str(&read("deploy/fleet/cronjob.yaml")).unwrap();
        let pods = job["spec"]["jobTemplate"]["spec"]["completions"]
            .as_u64()
            .unwrap();
        let said = (0..pods).map(|index| {
            let Finished {
                stdout,
                stderr,
                code,
                ..
            } = self.pod(index).finish();
            assert_eq!((code, stderr.as_str()), (0, ""), "{index}: {stdout}");
            stdout
        });
        let said = said.collect();
        let left: Vec<_> = std::fs::read_dir(self.place.beside("tmp"))
            .unwrap()
            .collect();
        assert!(left.is_empty(), "{left:?}");
        said
    }

    fn pushes(&self) -> Vec<usize> {
        let branches = self.repositories.iter();
        branches.map(|bare| bare.commits(BRANCH)).collect()
    }
}

#[test]
fn the_cron_job_as_it_is_written_keeps_one_request_in_each_repository() {
    let Some(nights) = Nights::new() else { return };
    // The line to try the list with. Reading needs the token, too, here.
    let blocks = blocks();
    let mut lines = blocks.iter().flat_map(|block| block.lines());
    let tried = lines
        .find(|line| line.contains("deploy/fleet/fleet.yaml"))
        .unwrap();
    let tried = tried.trim().strip_prefix("imago ").unwrap();
    let run = nights
        .place
        .imago(tried.split(' '))
        .env("IMAGO_GIT_TOKEN", TOKEN);
    let said = run
        .env("TMPDIR", nights.place.beside("tmp"))
        .finish_with(0)
        .stdout;
    assert!(said.ends_with("2 repositories: 2 with changes\n"), "{said}");
    assert_eq!(nights.pushes(), [0, 0]);
    // The first night opens a request in each.
    let said = nights.night();
    assert_eq!(said.matches("opened ").count(), 2, "{said}");
    for (number, forge) in nights.forges.iter().enumerate() {
        let pull = forge.state().pull(1).clone();
        assert_eq!(
            (&*pull.head, &*pull.base, pull.state),
            (BRANCH, "main", PullState::Open)
        );
        let image = nights.image(number, BRANCH).unwrap();
        assert!(image.contains("/shop/web:1.4@sha256:"), "{image}");
    }
    // The next one finds nothing new, and the one after it brings the same requests up to date.
    let tips = |nights: &Nights| {
        let tips = nights.repositories.iter();
        tips.map(|bare| bare.tip(BRANCH)).collect::<Vec<_>>()
    };
    let before = tips(&nights);
    let said = nights.night();
    assert_eq!(tips(&nights), before);
    let waits = "1 image in 1 of 1 file waits in merge request !1\n";
    assert_eq!(said.matches(waits).count(), 2, "{said}");
    // Which part a repository is in depends on its address, and so on the port.
    assert!(
        said.contains(" unchanged\n") && !said.contains(" pushed\n"),
        "{said}"
    );
    nights.push("second");
    nights.night();
    for (number, forge) in nights.forges.iter().enumerate() {
        assert_ne!(tips(&nights)[number], before[number]);
        assert_eq!(forge.state().open().len(), 1);
    }
    assert_eq!(nights.pushes(), [2, 2]);
    // Somebody writes one of them by hand: nothing is left of that request.
    let (name, image) = (REPOSITORIES[0].1, nights.image(0, BRANCH).unwrap());
    let text = nights.repositories[0].file(BRANCH, name).unwrap();
    assert!(text.contains(&image));
    nights.repositories[0].commit("by hand", &[(name, &text)]);
    nights.night();
    assert!(nights.forges[0].state().open().is_empty());
    assert_eq!(nights.forges[1].state().open().len(), 1);
    assert_eq!(nights.repositories[0].tip(BRANCH), None);
}

#[test]
fn a_forge_that_refuses_the_token_for_one_repository_keeps_no_other_from_its_request() {
    let Some(nights) = Nights::new() else { return };
    nights.forges[1].state().token = Some("another".to_owned());
    let mut codes: Vec<i32> = (0..4)
        .map(|index| nights.pod(index).finish().code)
        .collect();
    codes.sort_unstable();
    assert_eq!(codes, [0, 0, 0, 3]);
    let open = |number: usize| nights.forges[number].state().open().len();
    assert_eq!((open(0), open(1)), (1, 0));
    assert_eq!(nights.pushes(), [2, 2]);
    nights.forges[1].state().token = Some(TOKEN.to_owned());
    nights.night();
    assert_eq!((open(0), open(1)), (1, 1));
}

#[test]
fn the_workflow_of_the_page_writes_one_digest_from_one_lock() {
    let Some(fleet) = Fleet::new(5, 4) else {
        return;
    };
    let workflow = yaml("kind: Workflow");
    let templates = workflow["spec"]["templates"].as_sequence().unwrap();
    let lock = fleet.place.beside("digests.lock");
    let list = fleet.place.path().join("fleet.yaml");
    let run = |name: &str, part: &str| {
        let template = templates.iter().find(|one| one["name"] == name).unwrap();
        let words = texts(&template["container"]["args"]).into_iter();
        let words = words.map(|word| {
            word.replace(LIST, list.to_str().unwrap())
                .replace("/tmp/digests.lock", lock.to_str().unwrap())
                .replace("{{inputs.parameters.part}}", part)
        });
        fleet.imago(&words.collect::<Vec<_>>().join(" "), 0)
    };
    run("resolve", "");
    let asked = fleet.asked().len();
    let steps = templates[0]["steps"].as_sequence().unwrap();
    let parts = &steps[1][0]["withSequence"];
    let number = |key: &str| parts[key].as_str().unwrap().parse::<usize>().unwrap();
    for part in number("start")..=number("end") {
        run("part", &part.to_string());
    }
    assert_eq!((asked, fleet.asked().len()), (4, 4));
    assert!((0..5).all(|number| fleet.is_pinned(number, BRANCH)));
}

#[test]
fn the_workflow_of_the_matrix_is_what_github_describes() {
    let Some(check) = programs::find("check-jsonschema") else {
        return;
    };
    let place = Workplace::new();
    let workflow = serde_yaml::to_string(&yaml("strategy:")).unwrap();
    place.write("fleet.yaml", workflow);
    let schema = ["--builtin-schema", "vendor.github-workflows", "fleet.yaml"];
    place.program(check, schema).finish_with(0);
}

#[test]
fn the_jobs_of_the_matrix_share_the_fleet() {
    let Some(fleet) = Fleet::new(5, 4) else {
        return;
    };
    let job = yaml("strategy:")["jobs"]["fleet"].clone();
    let steps = job["steps"].as_sequence().unwrap();
    let step = steps.iter().find(|step| step["env"]["PART"].is_string());
    let step = step.unwrap();
    let line = step["run"].as_str().unwrap();
    let binary = env!("CARGO_BIN_EXE_imago");
    let line = line.replacen("imago ", &format!("{binary} "), 1);
    let summary = fleet.place.beside("summary.md");
    for part in job["strategy"]["matrix"]["part"].as_sequence().unwrap() {
        let part = part.as_u64().unwrap().to_string();
        let mut run = fleet.place.program("sh", ["-e", "-c", &line]);
        for (name, value) in step["env"].as_mapping().unwrap() {
            let value = value.as_str().unwrap();
            let value = value.replace("${{ matrix.part }}", &part);
            run = run.env(name.as_str().unwrap(), value);
        }
        let run = run.env("GITHUB_STEP_SUMMARY", &summary);
        run.env("TMPDIR", fleet.place.beside("scratch"))
            .finish_with(0);
    }
    assert!((0..5).all(|number| fleet.is_pinned(number, BRANCH)));
    assert!(summary.exists());
}

/// The commands of the page, as they are written there, on repositories of our own.
#[test]
fn the_commands_of_the_page_run() {
    let Some(fleet) = Fleet::new(4, 4) else {
        return;
    };
    let blocks = blocks();
    let list = blocks
        .iter()
        .find_map(|block| block.strip_prefix("yaml\n"))
        .unwrap();
    fleet.place.write("page.yaml", list);
    let run = fleet.run("fleet page.yaml -o json").env("PATH", "/nowhere");
    let json = report(&run.finish_with(2));
    let parts = json["repositories"].as_array().unwrap();
    assert!(
        parts.len() == 2
            && parts
                .iter()
                .all(|one| one["error"]["code"] == "git-program")
    );
    let cache = fleet.place.beside("cache");
    let mut ran = 0;
    for line in blocks.iter().flat_map(|block| block.lines()) {
        let line = line.split(" #").next().unwrap().trim();
        let Some(line) = line.strip_prefix("imago ") else {
            continue;
        };
        // Forges and the list of the deployment have tests of their own.
        if line.contains("--pull-request") || line.contains("deploy/") {
            continue;
        }
        let line = line.replace("/var/cache/imago", cache.to_str().unwrap());
        let finished = fleet.run(&line).finish();
        let wanted = i32::from(line.contains("--check"));
        assert_eq!(
            finished.code, wanted,
            "{line}: {}{}",
            finished.stdout, finished.stderr
        );
        ran += 1;
    }
    assert_eq!(ran, 6);
}
