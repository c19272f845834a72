//! File mode with the input that it meets in practice: files that are not manifests, and a real registry.

mod globs;
mod graph;
mod kinds;
mod kustomize;
mod left_out;
mod lock;
mod nothing;
mod parts;
mod size;
mod words;

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::Command;

use crate::support::binary::{Finished, Workplace};
use crate::support::distribution::{self, Distribution};
use crate::support::registry::{Access, TestRegistry, Tokens};

const LOCK: &str = r#"{"version":1,"images":{"registry.example.test/web:1.4":"sha256:1111111111111111111111111111111111111111111111111111111111111111"}}"#;

fn deployment(image: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  template:\n    spec:\n      containers:\n        - name: app\n          image: {image}\n"
    )
}

/// A folder with a good file, which must not suffer from its neighbours.
fn shop() -> Workplace {
    let place = Workplace::new();
    place.write("imago.lock", LOCK);
    place.write("good.yaml", deployment("registry.example.test/web:1.4"));
    place
}

fn good(place: &Workplace) -> String {
    fs::read_to_string(place.path().join("good.yaml")).unwrap()
}

/// Checks that the good file was updated, and that there is one problem, with this code.
fn assert_one_problem(place: &Workplace, paths: &[&str], code: &str) -> Finished {
    let arguments = ["files", "--update", "--offline", "--output", "json"]
        .iter()
        .chain(paths);
    let finished = place.imago(arguments).finish_with(3);
    let problems = finished.json()["problems"].as_array().unwrap().clone();
    assert_eq!(
        problems
            .iter()
            .map(|problem| problem["code"].as_str().unwrap())
            .collect::<Vec<_>>(),
        [code]
    );
    assert!(problems[0]["hint"].is_string(), "{problems:?}");
    assert!(good(place).contains("@sha256:1111"), "the rest goes on");
    finished
}

#[test]
fn a_folder_with_a_files_name_is_a_folder() {
    let place = shop();
    fs::create_dir(place.path().join("x.yaml")).unwrap();
    place.write(
        "x.yaml/inner.yaml",
        deployment("registry.example.test/web:1.4"),
    );
    let finished = place
        .imago(["files", "--update", "--offline"])
        .finish_with(0);
    assert!(
        finished
            .stdout
            .ends_with("updated 2 images in 2 of 2 files\n"),
        "{}",
        finished.stdout
    );
    place
        .imago(["files", "--check", "--offline", "x.yaml"])
        .finish_with(0);
}

#[test]
fn what_is_only_told_is_planned_and_not_proven() {
    let place = Workplace::new();
    place.write("imago.lock", LOCK);
    let web = deployment("registry.example.test/web:1.4");
    // The second reader refuses a line of one tab, and no plan meets it.
    place.write("tab.yaml", web.replacen("spec:", "\t\nspec:", 1));
    let code = |arguments: &[&str]| {
        let all = ["files", "--offline", "--output", "json"];
        let finished = place.imago(all.iter().chain(arguments)).finish();
        // With a diff on stdout, the report is on stderr.
        let report = match arguments.contains(&"--diff") {
            true => &finished.stderr,
            false => &finished.stdout,
        };
        let json: serde_json::Value = serde_json::from_str(report).unwrap();
        let problems = json["problems"].as_array().unwrap().clone();
        let codes = problems
            .iter()
            .map(|problem| problem["code"].as_str().unwrap());
        (
            codes.collect::<Vec<_>>().concat(),
            json["files_changed"].clone(),
        )
    };
    let told = (String::new(), serde_json::json!(["tab.yaml"]));
    assert_eq!(code(&["tab.yaml"]), told);
    assert_eq!(code(&["--check", "tab.yaml"]), told);
    let refused = ("unproven".to_owned(), serde_json::json!([]));
    for proven in [
        &["--diff"][..],
        &["--check", "--diff"],
        &["--update", "--dry-run"],
        &["--update"],
    ] {
        assert_eq!(
            code(&[proven, &["tab.yaml"]].concat()),
            refused,
            "{proven:?}"
        );
    }
    // What no edit can do is told all the same.
    let shared = web
        .replace("    spec:\n", "    spec: &pod\n")
        .replace("image: ", "image: &image ")
        + "other: *pod\n";
    place.write("shared.yaml", shared);
    assert_eq!(code(&["--check", "shared.yaml"]).0, "shared-anchor");
}

#[test]
fn a_very_large_file_is_a_problem_and_is_not_read() {
    let place = shop();
    File::create(place.path().join("large.yaml"))
        .unwrap()
        .set_len(200 * 1024 * 1024)
        .unwrap();
    let arguments = ["files", "--update", "--offline", "--output", "json", "."];
    // A memory limit of a quarter of the file: reading it whole would fail.
    let limited = Command::new("sh")
        .args([
            "-c",
            "ulimit -v 300000; exec \"$0\" \"$@\"",
            env!("CARGO_BIN_EXE_imago"),
        ])
        .args(arguments)
        .current_dir(place.path())
        .output()
        .unwrap();
    let json: serde_json::Value = serde_json::from_slice(&limited.stdout).unwrap();
    assert_eq!(
        (limited.status.code(), json["problems"][0]["code"].as_str()),
        (Some(3), Some("too-large"))
    );
    assert!(good(&place).contains("@sha256:1111"));
}

#[test]
fn a_file_that_may_not_be_read_is_a_problem() {
    let place = shop();
    let secret = place.path().join("secret.yaml");
    place.write("secret.yaml", deployment("registry.example.test/web:1.4"));
    fs::set_permissions(&secret, Permissions::from_mode(0o000)).unwrap();
    // Root may read everything.
    if secret.metadata().unwrap().uid() != 0 {
        assert_one_problem(&place, &["."], "permission");
    }
}

#[test]
fn links_that_lead_in_circles_or_away_are_not_followed() {
    let place = shop();
    fs::create_dir(place.path().join("folder")).unwrap();
    symlink("..", place.path().join("folder/up")).unwrap();
    symlink("b.yaml", place.path().join("a.yaml")).unwrap();
    symlink("a.yaml", place.path().join("b.yaml")).unwrap();
    fs::write(
        place.beside("outside.yaml"),
        deployment("registry.example.test/web:1.4"),
    )
    .unwrap();
    symlink(place.beside("outside.yaml"), place.path().join("away.yaml")).unwrap();
    let finished = place
        .imago(["files", "--update", "--offline"])
        .finish_with(0);
    assert!(
        finished
            .stdout
            .ends_with("updated 1 image in 1 of 1 file\n"),
        "{}",
        finished.stdout
    );
    assert_one_problem(&place, &["good.yaml", "away.yaml"], "link-outside");
    assert!(
        !fs::read_to_string(place.beside("outside.yaml"))
            .unwrap()
            .contains("sha256")
    );
    place.imago(["files", "--offline", "a.yaml"]).finish_with(3);
}

#[test]
fn a_named_pipe_is_never_waited_for() {
    let place = shop();
    let made = Command::new("mkfifo")
        .arg(place.path().join("pipe.yaml"))
        .status();
    if made.is_ok_and(|status| status.success()) {
        place
            .imago(["files", "--update", "--offline", "."])
            .finish_with(0);
        assert_one_problem(&place, &["good.yaml", "pipe.yaml"], "not-a-file");
    }
}

#[test]
fn a_path_that_does_not_exist_stops_the_run_before_anything_is_written() {
    let place = shop();
    let before = place.files();
    let finished = place
        .imago(["files", "--update", "--offline", "good.yaml", "deplyo"])
        .finish_with(2);
    assert!(
        finished
            .stderr
            .starts_with("error: there is no file or folder `deplyo`\n"),
        "{}",
        finished.stderr
    );
    assert!(finished.stderr.contains("  hint: "), "{}", finished.stderr);
    assert_eq!(place.files(), before);
}

#[test]
fn a_real_registry_is_followed_and_what_it_lacks_is_a_problem_of_that_image_alone() {
    if !distribution::is_installed() {
        return;
    }
    let storage = tempfile::tempdir().unwrap();
    let registry = Distribution::start(storage.path(), "", "");
    let host = registry.address;
    let old = registry.push("shop/web", "1.4", &["linux/amd64", "linux/arm64"], "first");
    let place = Workplace::new();
    place.write("web.yaml", deployment(&format!("{host}/shop/web:1.4")));
    place.write("tag.yaml", deployment(&format!("{host}/shop/web:9")));
    place.write("name.yaml", deployment(&format!("{host}/shop/gone:1")));
    // Nothing listens on port 1 of loopback.
    place.write("down.yaml", deployment("127.0.0.1:1/shop/web:1.4"));
    let update = || place.imago(["files", "--update"]).finish_with(3);
    let finished = update();
    assert!(
        finished
            .stdout
            .ends_with("updated 1 image in 1 of 4 files; 3 problems\n"),
        "{}",
        finished.stdout
    );
    // Problems with the same cause are reported once, with all their images.
    for (told, causes) in [
        (
            format!(
                "error: cannot resolve 2 images\n  `{host}/shop/gone:1` in name.yaml:10, Deployment/web, container `app`\n  `{host}/shop/web:9` in tag.yaml:10, Deployment/web, container `app`\n  cause: "
            ),
            "404 Not Found",
        ),
        (
            "error: cannot resolve `127.0.0.1:1/shop/web:1.4`\n  in down.yaml:10, Deployment/web, container `app`\n  cause: "
                .to_owned(),
            "refused",
        ),
    ] {
        let rest = finished.stderr.split_once(&told).unwrap_or_else(|| panic!("{told}\nnot in\n{}", finished.stderr)).1;
        assert!(rest.lines().next().unwrap().contains(causes), "{rest}");
        assert!(rest.lines().nth(1).unwrap().starts_with("  hint: "), "{rest}");
    }
    let web = |digest: &str| format!("          image: {host}/shop/web:1.4@{digest}\n");
    let text = || String::from_utf8(place.files()["web.yaml"].clone()).unwrap();
    assert!(text().ends_with(&web(&old)), "{}", text());
    let new = registry.push("shop/web", "1.4", &["linux/amd64", "linux/arm64"], "second");
    let before = text();
    update();
    assert_eq!(text(), before.replace(&old, &new));
    update();
    assert_eq!(text(), before.replace(&old, &new));
}

#[test]
fn each_tag_of_what_is_selected_is_asked_for_once_and_no_other() {
    let registry = TestRegistry::with(Access::Token(Tokens::default()), None);
    let place = Workplace::new();
    for number in 0..120 {
        let (repository, tag) = (
            format!("shop/web-{}", number % 10),
            format!("1.{}", number % 40),
        );
        registry.push_image(&repository, &tag, "linux/amd64", &tag);
        let wanted = deployment(&format!("{}/{repository}:{tag}", registry.host()));
        let excluded = deployment(&format!("{}/other/web:{number}", registry.host()));
        let elsewhere = excluded.replace("  name: web", "  name: web\n  namespace: other");
        let ignored = excluded.replace(
            "  name: web",
            "  name: web\n  annotations: {imago/ignore: \"true\"}",
        );
        for (name, text) in [
            ("wanted", wanted),
            ("excluded", excluded),
            ("elsewhere", elsewhere),
            ("ignored", ignored),
        ] {
            place.write(&format!("{name}/{number}.yaml"), text);
        }
    }
    let not_these = format!("{}/other/*", registry.host());
    place
        .imago([
            "files",
            "--update",
            "--exclude-image",
            &not_these,
            "-x",
            "other",
            "wanted",
            "excluded",
        ])
        .finish_with(0);
    place
        .imago(["files", "--update", "-x", "other", "elsewhere", "ignored"])
        .finish_with(0);
    let asked = registry.asked();
    let count = |method: &str, path: &str| {
        asked
            .iter()
            .filter(|line| line.starts_with(method) && line.contains(path))
            .count()
    };
    assert_eq!(
        (count("GET", "/token"), count("HEAD", "/shop/"), asked.len()),
        (10, 41, 51),
        "{asked:#?}"
    );
}

#[test]
fn the_order_of_lookups_depends_only_on_the_names_of_files() {
    // The password is wrong, and after two repositories and the registry itself nothing else is asked. If questions came in the order of the threads, other repositories
    // would sometimes come first: the first two files are long.
    let registry = TestRegistry::with(
        Access::Basic {
            user: "user".to_owned(),
            password: "hunter2".to_owned(),
        },
        None,
    );
    let place = Workplace::new();
    let config = serde_json::json!({"auths": {registry.host(): {"username": "user", "password": "hunter3"}}});
    place.write("docker/config.json", config.to_string());
    let mut first = Vec::new();
    for number in (0..60).rev() {
        let repository = format!("shop/web-{number}");
        registry.push_image(&repository, "1.4", "linux/amd64", &repository);
        let image = deployment(&format!("{}/{repository}:1.4", registry.host()));
        match number {
            0..3 => first.push(image),
            _ => place.write(&format!("deploy/b{number:02}.yaml"), image),
        }
    }
    // The images are not in the order of their names.
    place.write(
        "deploy/a1.yaml",
        "# a comment\n".repeat(20_000) + &first[..2].join("---\n"),
    );
    place.write("deploy/a2.yaml", "# a comment\n".repeat(20_000) + &first[2]);
    let mut seen = BTreeSet::new();
    for _ in 0..20 {
        let before = registry.asked().len();
        let finished = place
            .imago([
                "files",
                "--docker-config",
                "docker/config.json",
                "--output",
                "json",
                "deploy",
            ])
            .finish_with(3);
        seen.insert((registry.asked().split_off(before), finished.stdout));
    }
    let asked: Vec<_> = seen.iter().map(|(asked, _)| asked).collect();
    assert_eq!(seen.len(), 1, "{asked:#?}");
    let mut order: Vec<&str> = asked[0]
        .iter()
        .filter_map(|line| line.split_once("/shop/")?.1.split('/').next())
        .collect();
    order.dedup();
    assert_eq!(order, ["web-2", "web-1"], "{asked:#?}");
}

#[test]
fn a_plan_beyond_the_limit_is_no_diff_for_git_apply() {
    let place = shop();
    for arguments in [
        ["files", "--offline", "--diff", "--max-changes", "0"],
        ["files", "--offline", "--check", "--max-changes", "0"],
    ] {
        let finished = place.imago(arguments).finish_with(2);
        assert!(
            !finished.stdout.contains("+++") && finished.stderr.contains("--max-changes 0"),
            "{}",
            finished.stderr
        );
    }
    let finished = place
        .imago(["files", "--offline", "--diff", "--max-changes", "1"])
        .finish_with(0);
    assert!(
        finished.stdout.contains("+++ b/good.yaml"),
        "{}",
        finished.stdout
    );
}

#[test]
fn an_ignore_annotation_that_ignores_nothing_is_said() {
    for (value, said) in [
        (
            "apq",
            "`imago/ignore: apq` of good.yaml Deployment/web names none of its containers",
        ),
        (
            "[app]",
            "`imago/ignore` of good.yaml Deployment/web is not a string and ignores nothing",
        ),
        (
            "7",
            "`imago/ignore` of good.yaml Deployment/web is not a string and ignores nothing",
        ),
    ] {
        let place = shop();
        let annotated = format!("  name: web\n  annotations:\n    imago/ignore: {value}");
        place.write(
            "good.yaml",
            deployment("registry.example.test/web:1.4").replace("  name: web", &annotated),
        );
        let finished = place
            .imago(["files", "--update", "--offline"])
            .finish_with(0);
        assert!(finished.stderr.contains(said), "{}", finished.stderr);
        assert!(good(&place).contains("@sha256:1111"));
    }
}

#[test]
fn an_annotation_that_only_resembles_ours_is_said() {
    for (key, known) in [
        ("imago/ignore", true),
        ("imago/ingore", false),
        ("Imago/Ignore", false),
        ("imagoo/ignore", true),
    ] {
        let place = shop();
        let annotated = format!("  name: web\n  annotations:\n    {key}: \"false\"");
        place.write(
            "good.yaml",
            deployment("registry.example.test/web:1.4").replace("  name: web", &annotated),
        );
        let said = place.imago(["files", "--offline"]).finish_with(0).stderr;
        let told = said.contains(&format!(
            "the annotation `{key}` of good.yaml Deployment/web is not known"
        ));
        assert_eq!(told, !known, "{key}: {said}");
    }
}

#[test]
fn a_held_image_fails_a_strict_check_alone() {
    let registry = TestRegistry::start();
    let image = format!("{}/shop/web:1.4", registry.host());
    registry.push_index("shop/web", "1.4", &["linux/amd64", "linux/arm64"], "first");
    let place = Workplace::new();
    place.write("web.yaml", deployment(&image));
    place.imago(["files", "--update"]).finish_with(0);
    registry.push_index("shop/web", "1.4", &["linux/amd64"], "second");
    let before = place.files();
    for (line, code) in [
        (&["files"][..], 0),
        (&["files", "--update"], 0),
        (&["files", "--check"], 0),
        (&["files", "--check", "--strict"], 1),
        (
            &["files", "--check", "--strict", "--allow-platform-loss"],
            1,
        ),
        (&["files", "--check", "--strict", "--exclude-image", "*"], 0),
    ] {
        let finished = place.imago(line).finish_with(code);
        assert_eq!(place.files(), before, "{line:?}: {}", finished.stdout);
    }
    let strict = place
        .imago(["files", "--check", "--strict", "--output", "json"])
        .finish_with(1);
    let report: serde_json::Value = serde_json::from_str(&strict.stdout).unwrap();
    assert_eq!(
        (&report["skipped"][0]["code"], &report["skipped"][0]["held"]),
        (&"platform-lost".into(), &true.into())
    );
    let marked = place
        .imago(["files", "--check", "--strict", "--output", "github"])
        .finish_with(1);
    assert!(marked.stdout.starts_with("::error "), "{}", marked.stdout);
}
