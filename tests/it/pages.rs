//! Compares the pages of the project with the project: examples, commands, links, the help in `docs/flags.md`, and the paths in
//! SECURITY.md.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use crate::support::binary::{Run, Workplace};
use crate::support::forge::{Flavour, Forge};
use crate::support::programs;
use crate::support::registry::TestRegistry;

fn page(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

/// The text of a page's code blocks, each with its language.
fn blocks(name: &str) -> Vec<(String, String)> {
    let page = page(name);
    let fenced = page.split("```").skip(1).step_by(2);
    fenced
        .map(|block| block.split_once('\n').unwrap())
        .map(|(language, text)| (language.to_owned(), text.to_owned()))
        .collect()
}

/// The first block of code of a language.
fn block(name: &str, language: &str) -> String {
    let mut blocks = blocks(name).into_iter();
    blocks.find(|(found, _)| found == language).unwrap().1
}

/// Every page that a user reads, by its path.
fn pages() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = fs::read_dir(root.join("docs")).unwrap();
    let mut pages: Vec<String> = docs
        .map(|entry| format!("docs/{}", entry.unwrap().file_name().to_str().unwrap()))
        .filter(|name| name.ends_with(".md"))
        .collect();
    pages.extend(["README.md", "SECURITY.md", "CHANGELOG.md"].map(str::to_owned));
    pages.sort();
    pages
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
fn the_script_for_gitlab_pushes_a_branch_and_opens_the_merge_request() {
    let Some(shop) = Shop::open() else { return };
    let job: serde_yaml::Value = serde_yaml::from_str(&block("docs/gitlab.md", "yaml")).unwrap();
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
    let forge = Forge::of_repository(Flavour::GitLab, &shop.place.beside("remote.git"));
    forge.state().token = Some("project-token".to_owned());
    shop.shell(&lines.join("\n"))
        .env("CI_PROJECT_URL", url)
        .env("CI_API_V4_URL", format!("{}/api/v4", forge.url()))
        .env("CI_PROJECT_PATH", "shop/deploy")
        .env("IMAGO_GIT_TOKEN", "project-token")
        .finish_with(0);
    assert!(shop.pushed("imago/update").contains(&shop.digest));
    assert!(!shop.pushed("main").contains(&shop.digest));
    let state = forge.state();
    let open: Vec<_> = state.open();
    assert_eq!(open.len(), 1);
    assert_eq!(
        (&*open[0].title, &*open[0].head, &*open[0].base),
        ("Update images", "imago/update", "main")
    );
}

#[test]
fn the_workflow_for_forgejo_is_what_init_writes_and_its_scripts_do_what_it_says() {
    let Some(shop) = Shop::open() else { return };
    let text = block("docs/forgejo.md", "yaml");
    shop.place
        .imago(["init", "--forgejo", "--yes"])
        .finish_with(0);
    let written = shop.place.files();
    let written = String::from_utf8_lossy(&written[".forgejo/workflows/imago.yaml"]);
    // The first line says where it comes from, and images have small letters.
    let below = |text: &str| text.split_once('\n').unwrap().1.to_lowercase();
    assert_eq!(below(&written), below(&text));
    let workflow: serde_yaml::Value = serde_yaml::from_str(&text).unwrap();
    let script = |job: &str| {
        let step = &workflow["jobs"][job]["steps"][0];
        assert_eq!(step["shell"], "sh");
        step["run"].as_str().unwrap().to_owned()
    };
    let (server, remote) = (shop.place.beside(""), shop.place.beside("remote.git"));
    for folder in ["shop", "scratch"] {
        fs::create_dir(shop.place.beside(folder)).unwrap();
    }
    symlink(&remote, shop.place.beside("shop/deploy.git")).unwrap();
    let forge = Forge::of_repository(Flavour::Gitea, &remote);
    forge.state().token = Some("bot-token".to_owned());
    let run = |job: &str, reference: &str| {
        let run = shop.shell(&script(job)).env("GITHUB_SERVER_URL", &server);
        let run = run.env("GITHUB_REPOSITORY", "shop/deploy");
        let run = run.env("TMPDIR", shop.place.beside("scratch"));
        let run = run.env("GITHUB_API_URL", format!("{}/api/v1", forge.url()));
        run.env("GITHUB_REF", reference)
            .env("IMAGO_GIT_TOKEN", "bot-token")
    };
    run("update", "refs/heads/main").finish_with(0);
    assert!(shop.pushed("imago/update").contains(&shop.digest));
    assert!(!shop.pushed("main").contains(&shop.digest));
    let open: Vec<_> = forge.state().open().into_iter().cloned().collect();
    assert_eq!(open.len(), 1);
    assert_eq!((&*open[0].head, &*open[0].base), ("imago/update", "main"));
    for (number, branch, code) in [("1", "imago/update", 0), ("2", "main", 1)] {
        let reference = format!("refs/pull/{number}/head");
        let [from, to] = [format!("refs/heads/{branch}"), reference.clone()];
        shop.git(&["-C", "../remote.git", "update-ref", &to, &from]);
        run("check", &reference).finish_with(code);
    }
}

#[test]
fn the_job_for_gitlab_is_what_gitlab_describes() {
    let Some(program) = programs::find("check-jsonschema") else {
        return;
    };
    let place = Workplace::new();
    place.write("gitlab.yaml", block("docs/gitlab.md", "yaml"));
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
        shop.shell(&block("docs/gitlab.md", "sh"))
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
    let text = block("docs/pre-commit.md", "yaml");
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
fn the_readme_is_short() {
    assert!(page("README.md").lines().count() <= 150);
}

/// The fragment (`#…`) that GitHub makes of a heading.
fn anchor(heading: &str) -> String {
    let letters = heading.trim_matches(['#', ' ']).to_lowercase();
    let kept = letters
        .chars()
        .filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
    kept.map(|letter| if letter == ' ' { '-' } else { letter })
        .collect()
}

#[test]
fn links_lead_to_files_and_headings() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut linked = std::collections::BTreeSet::new();
    for name in pages() {
        let text = page(&name);
        for link in text.split("](").skip(1) {
            let link = link.split(')').next().unwrap();
            if link.contains("://") {
                continue;
            }
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let folder = root.join(&name).parent().unwrap().to_owned();
            let target = match path {
                "" => root.join(&name),
                path => folder.join(path),
            };
            assert!(target.exists(), "{name}: {link}");
            if !heading.is_empty() {
                let there = fs::read_to_string(&target).unwrap();
                let mut headings = there.lines().filter(|line| line.starts_with('#'));
                let marked = there.contains(&format!("<a id=\"{heading}\"></a>"));
                let found = marked || headings.any(|line| anchor(line) == heading);
                assert!(found, "{name}: {link}");
            }
            if name == "docs/README.md" {
                linked.insert(format!("docs/{path}"));
            }
        }
    }
    let mut pictures = 0;
    for name in pages() {
        let text = page(&name);
        let named = ["srcset=\"", "src=\""].map(|key| text.split(key).skip(1));
        for picture in named.into_iter().flatten() {
            let path = picture.split('"').next().unwrap();
            let folder = root.join(&name).parent().unwrap().to_owned();
            assert!(folder.join(path).exists(), "{name}: {path}");
            pictures += 1;
        }
    }
    assert!(pictures >= 6, "{pictures}");
    for name in pages().iter().filter(|name| name.starts_with("docs/")) {
        let listed = name == "docs/README.md" || linked.contains(name);
        assert!(listed, "docs/README.md does not list {name}");
    }
}

#[test]
fn commands_on_the_pages_have_flags_that_there_are() {
    let place = Workplace::new();
    let mut seen = 0;
    for name in pages().iter().filter(|name| *name != "docs/flags.md") {
        for (language, text) in blocks(name) {
            let lines = text.replace("\\\n", " ");
            let commands = lines
                .lines()
                .filter(|line| line.starts_with("imago") && matches!(&*language, "" | "sh"));
            for line in commands {
                let command = line.split(['#', '>', '|']).next().unwrap();
                let words = command.split_whitespace().skip(1);
                let words: Vec<String> = words.map(|word| word.replace('"', "")).collect();
                let run = place.imago(words.iter().map(String::as_str).chain(["--help"]));
                let finished = run.finish();
                assert_eq!(finished.code, 0, "{name}: {line}\n{}", finished.stderr);
                seen += 1;
            }
        }
    }
    assert!(seen > 25, "{seen}");
}

#[test]
fn yaml_on_the_pages_is_yaml() {
    for name in pages() {
        for (language, text) in blocks(&name) {
            if language == "yaml" {
                let read = serde_yaml::from_str::<serde_yaml::Value>(&text);
                assert!(read.is_ok(), "{name}:\n{text}");
            }
        }
    }
}

/// With `IMAGO_WRITE_PAGES=1` the page is written instead.
#[test]
fn the_page_of_flags_is_the_help_as_it_is() {
    let help = |command: &[&str]| {
        let place = Workplace::new();
        let run = place.imago(command.iter().copied().chain(["--help"]));
        let help = run.finish_with(0).stdout;
        let title = [&["imago"], command].concat().join(" ");
        format!("## {title}\n\n```text\n{help}```\n")
    };
    let commands: [&[&str]; 10] = [
        &[],
        &["files"],
        &["fleet"],
        &["resolve"],
        &["cluster"],
        &["images"],
        &["digest"],
        &["tags"],
        &["import"],
        &["init"],
    ];
    let text = format!(
        "# Flags\n\nThe help of each command, as the program prints it. [Settings](settings.md) have the same names.\n`imago files -h` and the like print the common flags alone.\n\n{}",
        commands.map(help).join("\n")
    );
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/flags.md");
    if std::env::var_os("IMAGO_WRITE_PAGES").is_some() {
        fs::write(path, text).unwrap();
    } else {
        let hint = "IMAGO_WRITE_PAGES=1 cargo test --test it the_page_of_flags";
        assert!(page("docs/flags.md") == text, "write it with: {hint}");
    }
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

/// With `IMAGO_WRITE_PAGES=1` the table is written instead.
#[test]
fn the_page_of_helm_has_a_row_for_each_known_chart() {
    use imago::engine::helm::{FACTS, Takes};

    let text = page("docs/helm.md");
    let head = "| chart | values | the digest goes | from version |\n|---|---|---|---|\n";
    let (before, table) = text.split_once(head).unwrap();
    let row = |fact: &imago::engine::helm::KnownFact| {
        let paths: Vec<String> = fact.paths.iter().map(|path| format!("`{path}`")).collect();
        let takes = match fact.takes {
            Takes::InTag => "behind the tag",
            Takes::Digest => "into `digest`",
            Takes::Sha => "into `sha`, with `sha256:`",
            Takes::ShaDigits => "into `sha`, without `sha256:`",
            Takes::Nothing => "nowhere: the chart's own values switch the image",
        };
        format!(
            "| [{}]({}) | {} | {takes} | {} |\n",
            fact.chart,
            fact.source,
            paths.join(", "),
            fact.since.unwrap_or("any"),
        )
    };
    let rows: String = FACTS.iter().map(row).collect();
    if std::env::var_os("IMAGO_WRITE_PAGES").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/helm.md");
        fs::write(path, [before, head, &rows].concat()).unwrap();
    } else {
        let hint = "IMAGO_WRITE_PAGES=1 cargo test --test it the_page_of_helm";
        assert!(table == rows, "write it with: {hint}");
    }
}

/// The policies on the page are settings, and its first manifest ends up as the first lines of the page say.
#[test]
fn the_page_of_versions_says_what_happens() {
    let mut seen = 0;
    for (language, text) in blocks("docs/versions.md") {
        if language == "yaml" && text.contains("policies:\n") {
            let place = Workplace::new();
            place.write(".imago.yaml", &text);
            place.write("imago.lock", "{\"version\":1,\"images\":{}}\n");
            place.write("web.yaml", "apiVersion: v1\nkind: Pod\n");
            place.imago(["files", "--offline"]).finish_with(0);
            seen += 1;
        }
    }
    assert!(seen >= 5, "{seen}");

    let registry = TestRegistry::start();
    for tag in ["1.4.2", "1.5.0", "1.6.0-rc.1", "2.0.0"] {
        registry.push_image("shop/web", tag, "linux/amd64", tag);
    }
    for tag in ["v2.3.0", "v2.3.1", "v2.4.0"] {
        registry.push_image("shop/proxy", tag, "linux/amd64", tag);
    }
    let map = format!("registry.example.com={}", registry.host());
    let manifest = block("docs/versions.md", "yaml");
    let place = Workplace::new();
    place.write("web.yaml", &manifest);
    place
        .imago(["files", "--update", "--registry-map", map.as_str()])
        .finish_with(0);
    let updated = fs::read_to_string(place.path().join("web.yaml")).unwrap();
    let digest = |name: &str, tag: &str| {
        crate::support::registry::digest(&registry.manifest(&format!("shop/{name}"), tag))
    };
    for (image, comment) in [
        (format!("web:1.5.0@{}", digest("web", "1.5.0")), "minor"),
        (
            format!("proxy:v2.3.1@{}", digest("proxy", "v2.3.1")),
            "semver ~2.3; allow=/v.*/",
        ),
    ] {
        let line = format!("image: registry.example.com/shop/{image} # imago: {comment}\n");
        assert!(updated.contains(&line), "{line}{updated}");
    }

    let console = block("docs/versions.md", "console");
    let (command, output) = console.split_once('\n').unwrap();
    let words = command.strip_prefix("$ imago ").unwrap().split(' ');
    let finished = place
        .imago(words.chain(["--registry-map", map.as_str()]))
        .finish_with(0);
    let printed = finished.stdout + &finished.stderr;
    let printed = printed.replace(&digest("web", "1.5.0"), "sha256:…");
    assert_eq!(printed, output);
}
