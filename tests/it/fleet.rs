//! `imago fleet` and `imago resolve`: many repositories by their addresses, with real git and a registry in the process.

mod page;

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::faults::{rounds, seed};
use crate::laws::random::Random;
use crate::support::binary::{Finished, Run, Workplace};
use crate::support::forge::{Flavour, Forge};
use crate::support::programs;
use crate::support::registry::http::Response;
use crate::support::registry::{Access, TestRegistry};
use crate::support::repositories::Bare;
use crate::support::schema::{faults, schema};
use crate::support::seeds::scale;

const BRANCH: &str = "imago/update";
const FILE: &str = "deploy/web.yaml";

/// Bare repositories, a list of them, and the registry of their images.
struct Fleet {
    place: Workplace,
    repositories: Vec<Bare>,
    registry: TestRegistry,
    digests: BTreeMap<String, String>,
}

impl Fleet {
    /// Repositories with two images each, of this many. `None` if there is no `git`.
    fn new(repositories: usize, images: usize) -> Option<Self> {
        programs::find("git")?;
        let registry = TestRegistry::start();
        let mut fleet = Self {
            place: Workplace::new(),
            repositories: Vec::new(),
            registry,
            digests: BTreeMap::new(),
        };
        (0..images).for_each(|number| fleet.push(number, "first"));
        std::fs::create_dir(fleet.place.beside("scratch")).unwrap();
        for number in 0..repositories {
            let folder = fleet.place.beside(&format!("team-{number}.git"));
            let text = fleet.manifest(number, images);
            let bare = Bare::new(&folder, &[(FILE, &text), ("note.txt", "a note\n")]);
            fleet.repositories.push(bare);
        }
        fleet.list("");
        Some(fleet)
    }

    /// Gives an image's tag new content.
    fn push(&mut self, number: usize, content: &str) {
        let name = format!("shop/app-{number}");
        let content = format!("{name} {content}");
        let digest = self
            .registry
            .push_index(&name, "1.4", &["linux/amd64"], &content);
        self.digests
            .insert(format!("{}/{name}:1.4", self.registry.host()), digest);
    }

    fn manifest(&self, number: usize, images: usize) -> String {
        let host = self.registry.host();
        let (first, second) = (2 * number % images, (2 * number + 1) % images);
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: a\n    image: {host}/shop/app-{first}:1.4\n  - name: b\n    image: {host}/shop/app-{second}:1.4\n"
        )
    }

    /// Writes the list, with these lines in each entry.
    fn list(&self, lines: &str) {
        let entry = |bare: &Bare| format!("- repository: {}\n{lines}", bare.address());
        let entries: String = self.repositories.iter().map(entry).collect();
        self.place
            .write("fleet.yaml", format!("repositories:\n{entries}"));
    }

    fn run(&self, line: &str) -> Run {
        let words = line.split(' ').filter(|word| !word.is_empty());
        let run = self.place.imago(words);
        run.env("TMPDIR", self.place.beside("scratch"))
            .env("GIT_AUTHOR_NAME", "Ada")
            .env("GIT_AUTHOR_EMAIL", "ada@example.test")
            .env("GIT_COMMITTER_NAME", "Ada")
            .env("GIT_COMMITTER_EMAIL", "ada@example.test")
    }

    fn imago(&self, line: &str, code: i32) -> Finished {
        self.run(line).finish_with(code)
    }

    /// The images that the registry was asked for, in order of their names.
    fn asked(&self) -> Vec<String> {
        let mut asked = self.registry.asked();
        asked.sort();
        asked
    }

    /// Whether a branch of a repository has both images on their digests.
    fn is_pinned(&self, number: usize, branch: &str) -> bool {
        let text = self.repositories[number].file(branch, FILE);
        text.is_some_and(|text| {
            let images = text
                .lines()
                .filter_map(|line| line.trim().strip_prefix("image: "));
            let mut images = images.map(|image| image.split_once('@'));
            images.all(|image| image.is_some_and(|(name, digest)| self.digests[name] == digest))
        })
    }

    fn assert_clean(&self) {
        let left: Vec<_> = std::fs::read_dir(self.place.beside("scratch"))
            .unwrap()
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// The report of a fleet, held against its schema and those of its parts.
fn report(finished: &Finished) -> Value {
    let json: Value = serde_json::from_str(&finished.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}", finished.stdout));
    assert_eq!(faults(&schema("fleet-report.schema.json"), &json), [""; 0]);
    let of_one = schema("report.schema.json");
    for one in json["repositories"].as_array().unwrap() {
        if !one["report"].is_null() {
            assert_eq!(faults(&of_one, &one["report"]), [""; 0]);
        }
    }
    json
}

#[test]
fn each_image_of_a_hundred_repositories_is_asked_once_and_each_gets_its_branch() {
    let (repositories, images) = (100 * scale(), 200 * scale());
    let Some(fleet) = Fleet::new(repositories, images) else {
        return;
    };
    let update = format!("fleet fleet.yaml --jobs 8 --update --push --branch {BRANCH} -o json");
    let finished = fleet.imago(&update, 0);
    let asked = fleet.asked();
    assert_eq!(asked.len(), images, "{asked:?}");
    assert_eq!(asked.iter().collect::<BTreeSet<_>>().len(), images);
    assert!(finished.peak < 256 * 1024, "{} KiB", finished.peak);
    let json = report(&finished);
    let counts = serde_json::json!({"repositories": repositories, "changed": repositories, "with_problems": 0, "failed": 0});
    assert_eq!(json["summary"], counts);
    for (number, bare) in fleet.repositories.iter().enumerate() {
        let one = &json["repositories"][number];
        assert_eq!(one["repository"], bare.address());
        assert_eq!(one["report"]["git"]["pushed"], true, "{one}");
        assert!(fleet.is_pinned(number, BRANCH), "{number}");
        assert_eq!((bare.commits(BRANCH), bare.commits("main")), (2, 1));
        assert_eq!(bare.file(BRANCH, "note.txt").as_deref(), Some("a note\n"));
    }
    fleet.assert_clean();
}

#[test]
fn one_that_is_gone_locked_slow_or_badly_set_stops_no_other() {
    let Some(fleet) = Fleet::new(8, 4) else {
        return;
    };
    let at = |number: usize| &fleet.repositories[number];
    std::fs::rename(&at(1).folder, fleet.place.beside("gone.git")).unwrap();
    let locks = at(2).folder.join("refs/heads/imago");
    std::fs::create_dir(&locks).unwrap();
    std::fs::write(locks.join("update.lock"), "").unwrap();
    at(3).commit("settings", &[(".imago.yaml", "exclude: [x]\nlok: x\n")]);
    let broken = [(
        "deploy/broken.yaml",
        "apiVersion: v1\nkind: Pod\nspec:\n  containers: [{image: web:1\n",
    )];
    at(4).commit("broken", &broken);
    std::fs::remove_file(at(5).folder.join("refs/heads/main")).unwrap();
    // Whoever connects here waits.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = silent.local_addr().unwrap();
    let entry = |number: usize| match number {
        6 => format!("- repository: http://{host}/slow.git\n"),
        7 => format!("- repository: {}\n  ref: nowhere\n", at(7).address()),
        number => format!("- repository: {}\n", at(number).address()),
    };
    let entries: String = (0..8).map(entry).collect();
    fleet
        .place
        .write("fleet.yaml", format!("repositories:\n{entries}"));
    let line = format!("fleet fleet.yaml --update --push --branch {BRANCH}");
    let run = |more: &str| {
        let run = fleet.run(&format!("{line} {more}"));
        run.env("IMAGO_GIT_TIMEOUT", "4").finish_with(2)
    };
    let json = report(&run(
        "-o json --report markdown=fleet.md --report text=fleet.txt",
    ));
    let codes: Vec<Value> = (json["repositories"].as_array().unwrap().iter())
        .map(|one| match &one["error"] {
            Value::Null => one["exit_code"].clone(),
            error => error["code"].clone(),
        })
        .collect();
    let wanted = serde_json::json!([
        0,
        "git-unreachable",
        "git-overtaken",
        "usage",
        3,
        "git-no-commit",
        "git-timeout",
        "git-no-commit"
    ]);
    assert_eq!(Value::from(codes), wanted, "{json:#}");
    let counts =
        serde_json::json!({"repositories": 8, "changed": 2, "with_problems": 1, "failed": 6});
    assert_eq!(json["summary"], counts);
    assert!(fleet.is_pinned(0, BRANCH) && fleet.is_pinned(4, BRANCH));
    let read = |name: &str| String::from_utf8(fleet.place.files()[name].clone()).unwrap();
    let (markdown, text) = (read("fleet.md"), read("fleet.txt"));
    let wanted = "8 repositories: 1 pushed, 1 with problems, 6 failed\n";
    assert!(
        text.contains(wanted) && text.contains(".imago.yaml:2"),
        "{text}"
    );
    // Each that failed stands below, with its place in the list and its reason.
    let (_, below) = text.split_once(wanted).unwrap();
    assert_eq!(below.lines().count(), 6, "{below}");
    assert!(
        below.lines().all(|line| line.starts_with("failed: ")),
        "{below}"
    );
    assert!(below.contains("(fleet.yaml:3): cannot clone `"), "{below}");
    assert!(markdown.contains(wanted), "{markdown}");
    assert!(
        markdown.contains("| Place | Name | Old | New |"),
        "{markdown}"
    );
    // The order is that of the list, whoever is ready first.
    let places = fleet.repositories.iter().take(6);
    let places: Vec<_> = places
        .map(|bare| text.find(&bare.address()).unwrap())
        .collect();
    assert!(places.is_sorted(), "{text}");
    std::fs::remove_file(locks.join("update.lock")).unwrap();
    let text = run("").stdout;
    assert!(
        text.contains("\n8 repositories: 1 pushed, 1 unchanged, 1 with problems, 5 failed\n"),
        "{text}"
    );
    assert!(fleet.is_pinned(2, BRANCH));
    fleet.assert_clean();
}

#[test]
fn a_fleet_that_is_killed_anywhere_is_made_good_by_the_next_run() {
    let Some(mut fleet) = Fleet::new(8, 6) else {
        return;
    };
    let cache = fleet.place.beside("cache");
    let line = format!(
        "fleet fleet.yaml --update --push --branch {BRANCH} --cache {}",
        cache.display()
    );
    fleet.imago(&line, 0);
    (0..6).for_each(|number| fleet.push(number, "second"));
    // As long as those that follow: the clones are there.
    let begin = Instant::now();
    fleet.imago(&line, 0);
    let whole = begin.elapsed();
    let (points, seed) = (rounds(10), seed());
    let mut random = Random::new(seed);
    let mut interrupted = 0;
    for point in 0..points {
        let place = format!("point {point} of IMAGO_FAULTS={points} IMAGO_FAULTS_SEED={seed}");
        (0..6).for_each(|number| fleet.push(number, &place));
        let after = whole * u32::try_from(random.below(1000)).unwrap() / 1000;
        interrupted += u32::from(fleet.run(&line).killed_after(after));
        // A program that the killed run started, such as a push, ends by itself.
        std::thread::sleep(Duration::from_millis(150));
        for bare in &fleet.repositories {
            let folder = bare.folder.to_str().unwrap();
            let check = ["-C", folder, "fsck", "--strict", "--no-dangling"];
            let said = fleet.place.program("git", check).finish_with(0).stdout;
            assert_eq!(said, "", "{place}");
            assert_eq!(
                (bare.commits(BRANCH), bare.commits("main")),
                (2, 1),
                "{place}"
            );
        }
    }
    fleet.imago(&line, 0);
    assert!((0..8).all(|number| fleet.is_pinned(number, BRANCH)));
    eprintln!("{interrupted} of {points} runs were killed before their end");
    // How many depends on the load of the machine.
    assert!(2 * interrupted > points, "{interrupted} of {points}");
}

#[test]
fn shards_share_the_work_and_one_alone_writes_the_same() {
    let Some(fleet) = Fleet::new(12, 10) else {
        return;
    };
    // All ask once; then nobody is asked.
    let said = fleet
        .imago("resolve fleet.yaml --lock digests.lock", 0)
        .stdout;
    assert_eq!(said, "10 images of 12 repositories in digests.lock\n");
    // As a pod mounts it: by a link.
    let link = fleet.place.beside("mounted.lock");
    std::os::unix::fs::symlink(fleet.place.path().join("digests.lock"), &link).unwrap();
    let line = format!("fleet fleet.yaml --offline --lock {}", link.display());
    fleet.imago(&line, 0);
    assert_eq!(fleet.asked().len(), 10);
    let line = format!(
        "fleet fleet.yaml --offline --lock digests.lock --update --push --branch {BRANCH} -o json"
    );
    let mut seen = Vec::new();
    for index in 0..3 {
        let run = fleet.run(&line).env("IMAGO_SHARDS", "3");
        let run = run.env("JOB_COMPLETION_INDEX", index.to_string());
        let json = report(&run.finish_with(0));
        let names = json["repositories"].as_array().unwrap().iter();
        let names: Vec<_> = names
            .map(|one| one["repository"].as_str().unwrap().to_owned())
            .collect();
        let same = fleet.imago(&format!("{line} --shard {}/3 --dry-run", index + 1), 0);
        assert_eq!(
            report(&same)["repositories"].as_array().unwrap().len(),
            names.len()
        );
        // The others have not been there yet.
        for (number, bare) in fleet.repositories.iter().enumerate() {
            let is_done = names.contains(&bare.address()) || seen.contains(&bare.address());
            assert_eq!(fleet.is_pinned(number, BRANCH), is_done);
        }
        seen.extend(names);
    }
    assert_eq!(fleet.asked().len(), 10);
    assert_eq!(seen.len(), 12);
    // The last part alone, in repositories that no other part has been to.
    let written = |bare: &Bare| bare.file(BRANCH, FILE).unwrap();
    let before: Vec<String> = fleet.repositories.iter().map(written).collect();
    for bare in &fleet.repositories {
        let folder = bare.folder.to_str().unwrap();
        let delete = [
            "-C",
            folder,
            "update-ref",
            "-d",
            &format!("refs/heads/{BRANCH}"),
        ];
        fleet.place.program("git", delete).finish_with(0);
    }
    let alone = report(&fleet.imago(&format!("{line} --shard 3/3"), 0));
    let names = alone["repositories"].as_array().unwrap().iter();
    let names: BTreeSet<&str> = names
        .map(|one| one["repository"].as_str().unwrap())
        .collect();
    assert!(!names.is_empty());
    for (bare, before) in fleet.repositories.iter().zip(before) {
        let is_of_it = names.contains(&*bare.address());
        assert_eq!(bare.file(BRANCH, FILE), is_of_it.then_some(before));
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 12);
    fleet.assert_clean();
}

#[test]
fn a_repository_that_cannot_be_resolved_keeps_no_other_out_of_the_lock() {
    let Some(fleet) = Fleet::new(3, 4) else {
        return;
    };
    std::fs::rename(
        &fleet.repositories[1].folder,
        fleet.place.beside("gone.git"),
    )
    .unwrap();
    fleet.registry.remove("shop/app-0", "1.4");
    let finished = fleet.imago("resolve fleet.yaml --lock digests.lock", 2);
    let said = &finished.stdout;
    assert!(said.contains("cannot clone `file://"), "{said}");
    assert!(said.contains("shop/app-0:1.4"), "{said}");
    assert!(
        said.ends_with("1 image of 2 repositories in digests.lock\n"),
        "{said}"
    );
    let lock = String::from_utf8(fleet.place.files()["digests.lock"].clone()).unwrap();
    assert!(
        lock.contains("shop/app-1:1.4") && !lock.contains("shop/app-0:1.4"),
        "{lock}"
    );
    fleet.place.write("digests.lock", "{");
    let before = fleet.asked().len();
    let said = fleet
        .imago("resolve fleet.yaml --lock digests.lock", 2)
        .stderr;
    assert!(
        said.contains("cannot read the lock `digests.lock`"),
        "{said}"
    );
    assert_eq!(fleet.asked().len(), before);
}

#[test]
fn the_settings_of_one_repository_decide_nothing_for_another() {
    let Some(fleet) = Fleet::new(3, 2) else {
        return;
    };
    // A mirror that answers with something else.
    let mirror = TestRegistry::start();
    let other = mirror.push_index("shop/app-0", "1.4", &["linux/amd64"], "another");
    mirror.push_index("shop/app-1", "1.4", &["linux/amd64"], "another");
    let settings = format!(
        "registry-map: ['{}={}']\nconcurrency: 1\n",
        fleet.registry.host(),
        mirror.host()
    );
    fleet.repositories[1].commit("settings", &[(".imago.yaml", &settings)]);
    let line = format!("fleet fleet.yaml --jobs 1 --update --push --branch {BRANCH}");
    let said = fleet.imago(&line, 0).stdout;
    assert_eq!(said.matches("answer for images of").count(), 1, "{said}");
    assert!(fleet.is_pinned(0, BRANCH) && fleet.is_pinned(2, BRANCH));
    let text = fleet.repositories[1].file(BRANCH, FILE).unwrap();
    assert!(text.contains(&other), "{text}");
    assert_eq!((fleet.asked().len(), mirror.asked().len()), (2, 2));
}

#[test]
fn the_settings_of_one_repository_decide_nothing_of_the_lock_of_all() {
    for who in [0, 2] {
        let Some(fleet) = Fleet::new(3, 2) else {
            return;
        };
        let mirror = TestRegistry::start();
        let evil = ["shop/app-0", "shop/app-1"]
            .map(|name| mirror.push_index(name, "1.4", &["linux/amd64"], "another"));
        let map = format!(
            "registry-map: ['{}={}']\n",
            fleet.registry.host(),
            mirror.host()
        );
        fleet.repositories[who].commit("settings", &[(".imago.yaml", &map)]);
        let line = "resolve fleet.yaml --lock digests.lock";
        let said = fleet.imago(line, 3).stdout;
        assert!(
            said.contains("some images of the repository are left out of the lock"),
            "{said}"
        );
        assert!(said.contains("answer for images of"), "{said}");
        let lock = String::from_utf8(fleet.place.files()["digests.lock"].clone()).unwrap();
        assert!(
            fleet.digests.values().all(|digest| lock.contains(digest)),
            "{lock}"
        );
        assert!(evil.iter().all(|digest| !lock.contains(digest)), "{lock}");
    }
}

#[test]
fn a_repository_is_told_of_its_own_images_alone() {
    let Some(fleet) = Fleet::new(2, 4) else {
        return;
    };
    let (host, mirror) = (fleet.registry.host(), TestRegistry::start());
    mirror.push_index("shop/app-0", "1.4", &["linux/amd64"], "another");
    let map = format!(
        "registry-map: ['{host}/shop/app-0={}/shop/app-0']\n",
        mirror.host()
    );
    for bare in &fleet.repositories {
        bare.commit("settings", &[(".imago.yaml", &map)]);
    }
    // The second one has no image that the mirror answers for.
    let said = fleet.imago("fleet fleet.yaml --jobs 1", 0).stdout;
    assert_eq!(said.matches("answer for images of").count(), 1, "{said}");
    let second = fleet.repositories[1].address();
    assert!(
        said.find("answer for images of") < said.find(&second),
        "{said}"
    );
}

#[test]
fn a_repository_of_a_stranger_costs_bounded_memory() {
    let Some(fleet) = Fleet::new(3, 2) else {
        return;
    };
    let huge = "#".repeat(17 * 1024 * 1024);
    fleet.repositories[0].commit("huge", &[("deploy/huge.yaml", &huge)]);
    fleet.repositories[1].bomb();
    let line = format!("fleet fleet.yaml --update --push --branch {BRANCH} -o json");
    let finished = fleet.imago(&line, 2);
    assert!(finished.peak < 256 * 1024, "{} KiB", finished.peak);
    let json = report(&finished);
    let one = |number: usize| &json["repositories"][number];
    let problem = &one(0)["report"]["problems"][0];
    assert_eq!(
        (problem["code"].as_str(), &problem["file"]),
        (Some("too-large"), &"deploy/huge.yaml".into())
    );
    let cause = one(1)["error"]["cause"].as_str().unwrap();
    assert!(
        cause.contains("more than 1000000 files and folders"),
        "{cause}"
    );
    assert!(fleet.is_pinned(0, BRANCH) && fleet.is_pinned(2, BRANCH));
    // Where the repository is, a run that only looks speaks of no commit of its own.
    let run = fleet
        .run("files --check")
        .folder(&fleet.repositories[1].folder);
    let said = run.finish_with(2).stderr;
    assert!(
        said.starts_with(
            "error: cannot read the files of a commit\n  cause: the commit has more than"
        ),
        "{said}"
    );
    // Settings that are no settings, too.
    fleet.repositories[2].commit("huge", &[(".imago.yaml", &huge)]);
    let json = report(&fleet.imago(&line, 2));
    let cause = json["repositories"][2]["error"]["cause"].as_str();
    let cause = cause.unwrap_or_default();
    assert!(cause.contains("17825792 bytes"), "{cause}");
}

#[test]
fn an_account_in_an_address_is_in_no_form_of_the_report() {
    let Some(fleet) = Fleet::new(1, 1) else {
        return;
    };
    let list = "repositories:\n- repository: https://hunter2@127.0.0.1:1/x\n";
    fleet.place.write("fleet.yaml", list);
    for form in ["text", "json", "markdown"] {
        let told = fleet.imago(
            &format!("fleet fleet.yaml -o {form} --report json=r.json"),
            2,
        );
        let written = fleet.place.files().remove("r.json").unwrap_or_default();
        let said = told.stdout + &told.stderr + &String::from_utf8_lossy(&written);
        assert!(said.contains("@127.0.0.1:1/x"), "{form}: {said}");
        assert!(!said.contains("hunter2"), "{form}: {said}");
    }
}

#[test]
fn an_entry_that_leads_elsewhere_ends_its_own_repository_alone() {
    for name in ["..", "."] {
        let Some(fleet) = Fleet::new(3, 2) else {
            return;
        };
        for file in ["a.yaml", ".gitattributes"] {
            fleet.repositories[1].put_in_folder(name, file, "kind: Pod\n");
            for update in ["", "--update --push --branch b"] {
                let json = report(&fleet.imago(&format!("fleet fleet.yaml {update} -o json"), 2));
                let error = &json["repositories"][1]["error"];
                let cause = error["cause"].as_str().unwrap_or_default();
                assert!(
                    cause.contains(&format!("has an entry `{name}`")),
                    "{name}/{file}: {error}"
                );
            }
        }
        assert!(fleet.is_pinned(0, "b") && fleet.is_pinned(2, "b"));
    }
}

#[test]
fn json_and_markdown_name_the_sources_of_what_is_updated_and_each_image_is_read_once() {
    let Some(fleet) = Fleet::new(3, 2) else {
        return;
    };
    let push = |content: &str| {
        let source = "https://github.com/acme/app";
        let labels = serde_json::json!({"org.opencontainers.image.source": source});
        let config = serde_json::json!({"author": content, "config": {"Labels": labels}});
        let annotations = serde_json::json!({});
        let pushed = &fleet.registry;
        pushed.push_image_with("shop/app-0", "1.4", "linux/amd64", config, annotations)
    };
    let (first, host) = (push("first"), fleet.registry.host());
    push("second");
    let text = format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: a\n    image: {host}/shop/app-0:1.4@{first} # imago: minor\n"
    );
    for bare in &fleet.repositories {
        bare.commit("pinned", &[(FILE, &text)]);
    }
    let json = report(&fleet.imago("fleet fleet.yaml -o json --report markdown=fleet.md", 0));
    for one in json["repositories"].as_array().unwrap() {
        let image = &one["report"]["objects"][0]["images"][0];
        assert_eq!(
            image["source"]["url"], "https://github.com/acme/app",
            "{image}"
        );
    }
    let markdown = String::from_utf8(fleet.place.files()["fleet.md"].clone()).unwrap();
    assert_eq!(
        markdown.matches("https://github.com/acme/app").count(),
        3,
        "{markdown}"
    );
    let asked = fleet.registry.asked();
    let read = asked.iter().filter(|line| line.starts_with("GET "));
    let read: Vec<&String> = read.collect();
    assert_eq!(
        read.iter().collect::<BTreeSet<_>>().len(),
        read.len(),
        "{asked:?}"
    );
}

#[test]
fn credentials_that_are_refused_for_one_repository_are_good_for_the_others() {
    let Some(mut fleet) = Fleet::new(3, 2) else {
        return;
    };
    let (user, password) = ("user".to_owned(), "hunter2".to_owned());
    fleet.registry = TestRegistry::with(Access::Basic { user, password }, None);
    (0..2).for_each(|number| fleet.push(number, "first"));
    let host = fleet.registry.host();
    let image = |name: &str| format!("  - name: {name}\n    image: {host}/other/{name}:1\n");
    let head = "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n";
    let names: Vec<String> = (0..6).map(|number| format!("app-{number}")).collect();
    for name in &names {
        fleet.registry.fault(&format!("other/{name}"), |_, _, _| {
            Response::new(401).header("www-authenticate", r#"Basic realm="test""#)
        });
    }
    let images: String = names.iter().map(|name| image(name)).collect();
    let config = |password: &str| {
        format!(r#"{{"auths":{{"{host}":{{"username":"user","password":"{password}"}}}}}}"#)
    };
    fleet.place.write("config.json", config("hunter2"));
    fleet.repositories[0].commit("other", &[(FILE, &format!("{head}{images}"))]);
    for number in [1, 2] {
        let text = fleet.manifest(number, 2);
        fleet.repositories[number].commit("own", &[(FILE, &text)]);
    }
    let line = format!("fleet fleet.yaml --jobs 1 --update --push --branch {BRANCH} -o json");
    let run = |code| {
        let run = fleet.run(&line).env("DOCKER_CONFIG", fleet.place.path());
        report(&run.finish_with(code))
    };
    let json = run(3);
    let code = |json: &Value, number: usize| json["repositories"][number]["exit_code"].clone();
    assert_eq!(
        [0, 1, 2].map(|number| code(&json, number)),
        [3, 0, 0],
        "{json:#}"
    );
    assert!(fleet.is_pinned(1, BRANCH) && fleet.is_pinned(2, BRANCH));
    // A wrong password is tried three times for all of them together.
    fleet.place.write("config.json", config("wrong"));
    let sent = || {
        let requests = fleet.registry.requests();
        let signed = requests
            .iter()
            .filter(|one| one.header("authorization").is_some());
        signed.count()
    };
    let before = sent();
    let json = run(3);
    assert_eq!([0, 1, 2].map(|number| code(&json, number)), [3, 3, 3]);
    assert_eq!(sent() - before, 3);
}

#[test]
fn two_entries_of_one_repository_share_its_clone_and_a_person_stops_one_alone() {
    let Some(fleet) = Fleet::new(1, 2) else {
        return;
    };
    let bare = &fleet.repositories[0];
    let other = "deploy/other.yaml";
    bare.commit("other", &[(other, &fleet.manifest(0, 2))]);
    let address = bare.address();
    let entry = |branch: &str, path: &str| {
        format!("- repository: {address}\n  branch: {branch}\n  paths: [{path}]\n")
    };
    let list = entry("imago/one", FILE) + &entry("imago/other", other);
    (fleet.place).write("fleet.yaml", format!("repositories:\n{list}"));
    let cache = fleet.place.beside("cache");
    let line = format!(
        "fleet fleet.yaml --jobs 2 --update --push --cache {}",
        cache.display()
    );
    let said = fleet.imago(&line, 0).stdout;
    assert!(said.ends_with("\n2 repositories: 2 pushed\n"), "{said}");
    assert_eq!(std::fs::read_dir(&cache).unwrap().count(), 1);
    let has = |branch: &str, path: &str| bare.file(branch, path).unwrap().contains("@sha256:");
    assert!(has("imago/one", FILE) && !has("imago/one", other));
    assert!(has("imago/other", other) && !has("imago/other", FILE));
    let said = fleet.imago(&line, 0).stdout;
    assert!(said.ends_with("\n2 repositories: 2 unchanged\n"), "{said}");
    assert!(
        said.contains("2 images in 1 of 1 file wait on imago/other\n"),
        "{said}"
    );
    // Somebody's branch of this name is theirs.
    let folder = bare.folder.to_str().unwrap();
    let theirs = ["-C", folder, "update-ref", "refs/heads/imago/one", "main~0"];
    fleet.place.program("git", theirs).finish_with(0);
    bare.commit("theirs", &[("note.txt", "theirs\n")]);
    fleet.place.program("git", theirs).finish_with(0);
    let back = ["-C", folder, "update-ref", "refs/heads/main", "main~1"];
    fleet.place.program("git", back).finish_with(0);
    let said = fleet.imago(&line, 2).stdout;
    assert!(
        said.contains("\n2 repositories: 1 unchanged, 1 failed\nfailed: "),
        "{said}"
    );
    assert_eq!(
        bare.file("imago/one", "note.txt").as_deref(),
        Some("theirs\n")
    );
    fleet.assert_clean();
}

#[test]
fn the_counts_follow_the_exit_codes() {
    let Some(fleet) = Fleet::new(2, 4) else {
        return;
    };
    let line = format!("fleet fleet.yaml --update --push --branch {BRANCH} --max-changes 1");
    let said = fleet.imago(&line, 2).stdout;
    assert!(
        said.contains("\n2 repositories: 2 failed\nfailed: "),
        "{said}"
    );
    assert!(said.contains("`--max-changes` allows 1\n"), "{said}");
    let said = fleet.imago("fleet fleet.yaml --check", 1).stdout;
    assert!(said.ends_with("2 repositories: 2 with changes\n"), "{said}");
    let said = fleet.imago("fleet fleet.yaml --check --pinned", 1).stdout;
    assert!(
        said.contains("2 images in 1 of 1 file have no digest"),
        "{said}"
    );
    // A lock that is outdated is one thing more that a check finds.
    let pinned = "fleet fleet.yaml --update --push --message pinned";
    let said = fleet.imago(&format!("{pinned} --dry-run"), 0).stdout;
    assert!(
        said.contains("\nwould commit on main and push to origin\n"),
        "{said}"
    );
    assert!(
        said.ends_with("2 repositories: 2 would be pushed\n"),
        "{said}"
    );
    let said = fleet.imago(pinned, 0).stdout;
    assert!(said.ends_with("2 repositories: 2 pushed\n"), "{said}");
    // What is up to date is named only if more is asked for.
    let said = fleet.imago(pinned, 0).stdout;
    assert_eq!(said, "2 repositories: 2 up to date\n");
    let said = fleet.imago(&format!("{pinned} -v"), 0).stdout;
    assert!(said.contains("team-1.git"), "{said}");
    let (image, _) = fleet.digests.iter().next().unwrap();
    let lock = format!(
        "{{\"version\":1,\"images\":{{\n\"{image}\":\"sha256:{}\"\n}}}}\n",
        "9".repeat(64)
    );
    fleet.repositories[0].commit("lock", &[("imago.lock", &lock)]);
    let line = "fleet fleet.yaml --check --report markdown=fleet.md";
    let finished = fleet.run(line).finish();
    assert_ne!(finished.code, 0, "{}", finished.stdout);
    let text = String::from_utf8(fleet.place.files()["fleet.md"].clone()).unwrap();
    assert!(
        text.contains("team-0") && !text.contains("nothing to do"),
        "{text}"
    );
}

#[test]
fn pull_requests_are_opened_in_a_fleet_and_by_an_address() {
    let Some(fleet) = Fleet::new(2, 4) else {
        return;
    };
    let forge = |bare: &Bare| {
        let forge = Forge::of_repository(Flavour::GitHub, &bare.folder);
        forge.state().token = Some("forge-token".to_owned());
        forge
    };
    let forges: Vec<Forge> = fleet.repositories.iter().map(forge).collect();
    let entry = |(bare, forge): (&Bare, &Forge)| {
        format!(
            "- repository: {}\n  forge: github\n  forge-url: {}\n  forge-project: shop/deploy\n  pr-label: [deps]\n",
            bare.address(),
            forge.url()
        )
    };
    let pairs = fleet.repositories.iter().zip(&forges);
    let entries: String = pairs.map(entry).collect();
    let list = format!("repositories:\n{entries}");
    fleet.place.write("fleet.yaml", list);
    let run = |line: &str| {
        let run = fleet.run(line).env("IMAGO_FORGE_TOKEN", "forge-token");
        run.finish_with(0)
    };
    let line = format!("fleet fleet.yaml --update --push --branch {BRANCH} --pull-request");
    run(&line);
    for forge in &forges {
        let pull = forge.state().pull(1).clone();
        assert_eq!((&*pull.head, &*pull.base), (BRANCH, "main"));
        assert_eq!(pull.labels, ["deps"]);
    }
    let changes = |forge: &Forge| {
        let asked = forge.asked().into_iter();
        asked.filter(|line| !line.starts_with("GET ")).count()
    };
    let before: Vec<usize> = forges.iter().map(changes).collect();
    // An unchanged plan pushes nothing, and changes no request.
    let tips = || {
        fleet
            .repositories
            .iter()
            .map(|bare| bare.tip(BRANCH))
            .collect::<Vec<_>>()
    };
    let at = tips();
    run(&line);
    assert_eq!(tips(), at);
    assert_eq!(forges.iter().map(changes).collect::<Vec<_>>(), before);
    let said = run(&format!(
        "files --repository {} --update --push --branch imago/other --pull-request --forge github --forge-url {} --forge-project shop/deploy",
        fleet.repositories[0].address(),
        forges[0].url()
    ));
    assert!(said.stdout.contains("opened "), "{}", said.stdout);
    assert_eq!(forges[0].state().pull(2).head, "imago/other");
    fleet.assert_clean();
}

#[test]
fn a_signal_ends_a_fleet_keeps_what_is_done_and_leaves_no_clone() {
    let Some(fleet) = Fleet::new(3, 2) else {
        return;
    };
    // Whoever connects here waits.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let host = silent.local_addr().unwrap();
    let addresses = [
        fleet.repositories[0].address(),
        format!("http://{host}/slow.git"),
        fleet.repositories[1].address(),
        format!("http://{host}/slower.git"),
        fleet.repositories[2].address(),
    ];
    let entries = addresses
        .iter()
        .map(|address| format!("- repository: {address}\n"));
    let list = format!("repositories:\n{}", entries.collect::<String>());
    fleet.place.write("fleet.yaml", list);
    let update = format!("fleet fleet.yaml --update --push --branch {BRANCH}");
    let mut most = 0;
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        // One at a time: the second one hangs. Two at a time: the fourth one does, too.
        for (jobs, done) in [(1, 1), (2, 2)] {
            let line = format!(
                "{update} --jobs {jobs} -o json --report=json=a.json --report=markdown=a.md"
            );
            let mut expected = vec!["done"];
            expected.extend(["interrupted"; 4]);
            if done == 2 {
                expected[2] = "done";
            }
            // A busy machine gets more time.
            let mut tried = [2_500, 20_000].into_iter().map(|time| {
                let run = fleet.run(&line);
                let finished = run.signalled_after(signal, Duration::from_millis(time));
                assert_eq!(finished.code, code, "{}", finished.stderr);
                // Whoever was done has its report, in the order of the list.
                let whole = report(&finished);
                let fared = whole["repositories"].as_array().unwrap().iter();
                let fared = fared.map(|one| match one["report"].is_null() {
                    false => "done".to_owned(),
                    true => one["error"]["code"].as_str().unwrap().to_owned(),
                });
                (finished, fared.collect::<Vec<_>>())
            });
            let finished = tried.find(|(_, fared)| *fared == expected);
            let (finished, _) = finished.expect("whoever can be done is done");
            let files = fleet.place.files();
            assert_eq!(files["a.json"], finished.stdout.as_bytes());
            let last = format!("\n{} not done\n", 5 - done);
            let markdown = String::from_utf8_lossy(&files["a.md"]);
            assert!(markdown.replace(", ", "\n").ends_with(&last), "{markdown}");
            let pinned = (0..3).filter(|number| fleet.is_pinned(*number, BRANCH));
            most = most.max(done);
            assert_eq!(pinned.count(), most);
            fleet.assert_clean();
        }
    }
    let run = fleet.run(&format!("{update} --jobs 2"));
    let said = run
        .signalled_after("INT", Duration::from_millis(2500))
        .stdout;
    assert!(
        said.contains("5 repositories: ") && said.ends_with(" not done\n"),
        "{said}"
    );
}

#[test]
fn a_signal_ends_resolve_and_leaves_the_lock_as_it_was() {
    let Some(fleet) = Fleet::new(1, 2) else {
        return;
    };
    // Whoever connects here waits.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let list = format!(
        "repositories:\n- repository: {}\n- repository: http://{}/slow.git\n",
        fleet.repositories[0].address(),
        silent.local_addr().unwrap()
    );
    fleet.place.write("fleet.yaml", list);
    let lock = "{\"version\":1,\"images\":{}}\n";
    fleet.place.write("digests.lock", lock);
    for (signal, code) in [("INT", 130), ("TERM", 143)] {
        let run = fleet.run("resolve fleet.yaml --lock digests.lock --jobs 2");
        let finished = run.signalled_after(signal, Duration::from_millis(2_500));
        assert_eq!(finished.code, code, "{finished:?}");
        let said = format!("interrupted by SIG{signal}: digests.lock stays as it was\n");
        assert_eq!(
            (&*finished.stdout, &*finished.stderr),
            ("", &*said),
            "{finished:?}"
        );
        let files = fleet.place.files();
        assert_eq!(files["digests.lock"], lock.as_bytes());
        fleet.assert_clean();
    }
}

#[test]
fn a_fleet_in_which_all_fail_and_parts_without_a_repository_end_as_they_should() {
    let Some(fleet) = Fleet::new(1, 2) else {
        return;
    };
    // More parts than repositories: one has it, the others have nothing to do.
    let line = format!("fleet fleet.yaml --update --push --branch {BRANCH}");
    let mut said: Vec<String> = (1..=4)
        .map(|part| fleet.imago(&format!("{line} --shard {part}/4"), 0).stdout)
        .collect();
    said.sort();
    let nothing = "0 repositories, nothing to do\n";
    assert_eq!(said[..3], [nothing; 3]);
    assert!(said[3].ends_with("1 repository: 1 pushed\n"), "{said:?}");
    // The flag goes before the environment.
    let run = fleet.run("fleet fleet.yaml --shard 1/1");
    let run = run
        .env("JOB_COMPLETION_INDEX", "3")
        .env("IMAGO_SHARDS", "4");
    let said = run.finish_with(0).stdout;
    assert!(said.contains("1 repository"), "{said}");
    let list = "repositories:\n- repository: /nowhere/a.git\n- repository: /nowhere/b.git\n";
    fleet.place.write("fleet.yaml", list);
    for form in ["text", "json", "markdown"] {
        let said = fleet.imago(&format!("{line} -o {form}"), 2).stdout;
        assert!(said.contains("a.git"), "{said}");
        assert!(
            said.contains("git-unreachable") || form == "markdown",
            "{said}"
        );
    }
    let said = fleet.imago("fleet fleet.yaml --quiet", 2).stdout;
    assert!(
        said.contains("/nowhere/b.git") && !said.contains("2 repositories"),
        "{said}"
    );
    let said = fleet.imago("resolve fleet.yaml --lock all.lock", 2).stdout;
    let wanted = "0 images of 0 repositories in all.lock\n";
    assert!(said.ends_with(wanted), "{said}");
    // A lock that has nothing is one, too: without a repository that can be reached the parts have nothing to do.
    let part = "fleet fleet.yaml --offline --lock all.lock -o json";
    let json = report(&fleet.imago(part, 2));
    assert_eq!(json["summary"]["failed"], 2);
    fleet.assert_clean();
}

#[test]
fn a_mistake_is_found_before_a_repository_is_looked_at() {
    let Some(fleet) = Fleet::new(2, 2) else {
        return;
    };
    let log = fleet.place.beside("calls");
    let bin = fleet.place.beside("bin");
    std::fs::create_dir(&bin).unwrap();
    std::fs::write(
        bin.join("git"),
        format!("#!/bin/sh\necho >>{}\n", log.display()),
    )
    .unwrap();
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(bin.join("git"), mode).unwrap();
    let said = |line: &str, environment: &[(&str, &str)]| {
        let run = fleet.run(line).env("PATH", &bin);
        let run = environment
            .iter()
            .fold(run, |run, (name, value)| run.env(name, value));
        run.finish_with(2).stderr
    };
    fleet
        .place
        .write("all.lock", "{\"version\":1,\"images\":{\n}}\n");
    let index = ("JOB_COMPLETION_INDEX", "1");
    for (line, environment, wanted) in [
        ("fleet none.yaml", &[][..], "there is no file `none.yaml`"),
        (
            "fleet fleet.yaml --update",
            &[],
            "`imago fleet --update` needs `--push`: there is no checkout to change",
        ),
        (
            "fleet fleet.yaml --strict",
            &[],
            "`--strict` needs `--check`",
        ),
        (
            "fleet fleet.yaml -o sarif",
            &[],
            "the report of a fleet has no such form",
        ),
        (
            "fleet fleet.yaml --lock x.lock",
            &[],
            "`--lock` of a fleet needs `--offline`",
        ),
        (
            "fleet fleet.yaml --shard 0/2",
            &[],
            "`--shard 0/2` is not I/N",
        ),
        ("fleet fleet.yaml --jobs 0", &[], "--jobs"),
        (
            "fleet fleet.yaml --push --update --message {x}",
            &[],
            "`--message` cannot be used",
        ),
        (
            "fleet fleet.yaml",
            &[index],
            "`JOB_COMPLETION_INDEX=1` is set, and `IMAGO_SHARDS` is not",
        ),
        (
            "fleet fleet.yaml",
            &[index, ("IMAGO_SHARDS", "1")],
            "is not below `IMAGO_SHARDS=1`",
        ),
        (
            "fleet fleet.yaml",
            &[("IMAGO_SHARDS", "2")],
            "and `JOB_COMPLETION_INDEX` is not",
        ),
        ("resolve fleet.yaml", &[], "--lock"),
        (
            "fleet fleet.yaml --offline --lock none.lock",
            &[],
            "cannot read the lock",
        ),
        (
            "fleet fleet.yaml --offline --lock all.lock --report json=all.lock",
            &[],
            "it would replace the lock",
        ),
    ] {
        let said = said(line, environment);
        assert!(
            said.starts_with("error: ") && said.contains(wanted),
            "{line}: {said}"
        );
        assert!(said.contains("\n  hint: "), "{line}: {said}");
    }
    for list in [
        "",
        "repositories:\n",
        "repositories: []\n",
        "repositories: x\n",
    ] {
        fleet.place.write("fleet.yaml", list);
        let said = said("fleet fleet.yaml", &[]);
        let example = "\n      repositories:\n      - repository: https://git.example.com/shop/deploy.git\ndocs: ";
        assert!(
            said.contains(&format!("hint: write it like this:{example}")),
            "{said}"
        );
    }
    // Each would replace what the other has made.
    let address = fleet.repositories[0].address();
    let other = address.trim_end_matches(".git");
    for entries in [
        format!("- repository: {address}\n  ref: main\n- repository: {address}\n  ref: release\n"),
        format!("- repository: {address}\n  branch: {BRANCH}\n- repository: {address}\n"),
        format!("- repository: {address}\n  ref: main\n- repository: {other}/\n"),
    ] {
        fleet
            .place
            .write("fleet.yaml", format!("repositories:\n{entries}"));
        let line = format!("fleet fleet.yaml --update --push --branch {BRANCH} --shard 1/9");
        let said = said(&line, &[]);
        assert!(
            said.contains("of the fleet push to the same branch"),
            "{said}"
        );
    }
    // The token of one host is not for another.
    let list = "- repository: https://git.example.com/a\n- repository: git@git.example.org:b\n- repository: https://git.example.org/c\n";
    (fleet.place).write("fleet.yaml", format!("repositories:\n{list}"));
    for line in ["fleet fleet.yaml", "resolve fleet.yaml --lock x.lock"] {
        let text = said(line, &[("IMAGO_GIT_TOKEN", "hunter2hunter2")]);
        let wanted =
            "would go to two hosts: `git.example.com` of line 2 and `git.example.org` of line 4";
        assert!(text.contains(wanted) && !text.contains("hunter2"), "{text}");
    }
    // What a person writes into it by mistake is not shown, whichever mistake is told.
    for line in [
        "- repository: https://bot:hunter2@git.example.com/a",
        "- repository: https://hunter2@git.example.com/a\n  pats: []",
        "- repository: bot:hunter2@git.example.com/a",
        "- repository: https://git.example.com/a?private_token=hunter2",
        "- repository: git@git.example.com:a?private_token=hunter2\n  pats: []",
        "- {repository: x, git-token: hunter2}",
        "- {repository: x, \"apiKey\":\"hunter2\"}",
        "- repository: x\n  pass: of three hunter2",
        "- repository: x\n  auth:\n    ? hunter2",
        "- repository: x\n  password: 'of\n    two: hunter2",
        "- repository: x\n  auth:\n  - ? hunter2",
        "- repository: x\n  auth:\n  # of two\n    a:\n      ? hunter2",
        "- repository: x\n  forge-url: [https://bot:hunter2@git.example.com]",
    ] {
        (fleet.place).write("fleet.yaml", format!("repositories:\n{line}\n"));
        let text = said("fleet fleet.yaml", &[]);
        assert!(
            text.contains("fleet.yaml:") && text.contains("docs/fleet.md"),
            "{text}"
        );
        assert!(!text.contains("hunter2"), "{text}");
    }
    let settings = "registry-map: ['a.test=https://bot:hunter2@b.test']\nlok: x\n";
    fleet.place.write(".imago.yaml", settings);
    let text = said("files --registry-map https://bot:hunter2@b.test .", &[]);
    assert!(!text.contains("hunter2"), "{text}");
    fleet.list("  pats: [deploy]\n");
    let text = said("fleet fleet.yaml", &[]);
    assert!(text.contains("fleet.yaml:3:3"), "{text}");
    assert!(text.contains("did you mean `paths`?"), "{text}");
    assert!(!Path::new(&log).exists());
}
