//! Hostile text. Whatever a manifest, a registry, an API server, a remote or a settings file contains: no form of the report lets
//! it steer a terminal, and no link leads a write out of the repository.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use imago::cli::render::steers;

use super::{Tag, deployment};
use crate::support::apiserver::{ApiServer, workload};
use crate::support::binary::{Finished, Workplace};
use crate::support::programs;
use crate::support::registry::TestRegistry;
use crate::support::registry::http::Response;

const FORMS: [&str; 5] = ["text", "json", "github", "sarif", "markdown"];
/// An escape, a one-character escape, a bell, a line that runners obey, and characters that reverse the direction of text.
const EVIL: &str =
    "a\u{1b}[2J\u{9b}31m\u{7}\r::error::b\u{202e}\u{2066}\u{200f}\u{61c}c\u{2028}d\u{7f}";
/// The same in a quoted YAML scalar.
const EVIL_YAML: &str = r#""a\e[2J\x9b31m\a\r::error::b\u202e\u2066\u200f\u061cc\u2028d\x7f""#;

fn assert_harmless(ended: &Finished, place: &str) {
    for (stream, text) in [("stdout", &ended.stdout), ("stderr", &ended.stderr)] {
        let bad: Vec<char> = text
            .chars()
            .filter(|character| *character != '\n' && steers(*character))
            .collect();
        assert!(bad.is_empty(), "{place}: {bad:?} on {stream}: {text:?}");
    }
}

#[test]
fn nothing_in_a_manifest_or_of_a_registry_steers_a_terminal() {
    let registry = TestRegistry::start();
    let body = serde_json::json!({"errors": [{"code": EVIL, "message": EVIL, "detail": EVIL}]})
        .to_string();
    registry.fault("shop/web", move |_, _, _| {
        Response::new(403)
            .header("x-request", "\u{9b}31m")
            .body(body.clone())
    });
    registry.fault("shop/raw", |_, _, _| {
        Response::new(403)
            .header("content-type", "text/plain")
            .body(EVIL)
    });
    let place = Workplace::new();
    for repository in ["web", "raw"] {
        let image = format!("{}/shop/{repository}:1.4", registry.host());
        let text =
            deployment(EVIL_YAML, &image).replace("name: app", &format!("name: {EVIL_YAML}"));
        place.write(
            &format!("{repository}-{}.yaml", EVIL.replace('/', "")),
            text,
        );
    }
    place.write("image.yaml", deployment("web", EVIL_YAML));
    place.write(
        "kind.yaml",
        format!(
            "apiVersion: {EVIL_YAML}\nkind: {EVIL_YAML}\nspec: {{containers: [{{image: a}}]}}\n"
        ),
    );
    place.write(
        "ignored.yaml",
        deployment("web", &format!("{}/shop/web:1.4", registry.host())).replace(
            "metadata:\n",
            &format!("metadata:\n  annotations: {{imago/ignore: {EVIL_YAML}}}\n"),
        ),
    );
    place.write(
        "record.yaml",
        deployment("web", &format!("{}/shop/web:1.4", registry.host())).replace(
            "metadata:\n",
            &format!("metadata:\n  annotations: {{imago-config-spec: {EVIL_YAML}}}\n"),
        ),
    );
    place.write("broken.yaml", format!("kind: Deployment\n{EVIL}: [\n"));
    for form in FORMS {
        for more in [&[][..], &["--update", "--dry-run", "-v"]] {
            let ended = place
                .imago(["files", "--output", form].iter().chain(more))
                .finish_with(3);
            assert_harmless(&ended, &format!("{form} {more:?}"));
        }
    }
    let diffed = place
        .imago(["files", "--update", "--dry-run", "--diff"])
        .finish_with(3);
    assert!(!diffed.stderr.contains('\u{1b}'), "{diffed:?}");
    let digest = format!("{}/shop/web:1.4", registry.host());
    assert_harmless(
        &place.imago(["digest", &digest, "-v"]).finish_with(3),
        "digest",
    );
}

#[test]
fn nothing_in_the_settings_steers_a_terminal() {
    for text in [
        format!("{EVIL}: 1\n"),
        format!("{EVIL_YAML}: 1\n"),
        format!("track: {EVIL_YAML}\n"),
        format!("exclude: [{EVIL_YAML}, '[']\n"),
        format!("message: {EVIL_YAML}\nx: [\n"),
        format!("registry-map: [{EVIL_YAML}]\n"),
    ] {
        let place = Workplace::new();
        fs::create_dir(place.path().join(".git")).unwrap();
        place.write(".imago.yaml", &text);
        assert_harmless(&place.imago(["files"]).finish_with(2), &text);
    }
}

#[test]
fn nothing_of_an_api_server_steers_a_terminal() {
    let (tag, server, place) = (Tag::new(), ApiServer::start(), Workplace::new());
    server.add(&workload(
        "Deployment",
        "shop",
        EVIL,
        &[(EVIL, &tag.image())],
    ));
    server.add(&workload(
        "Deployment",
        "shop",
        "web",
        &[("app", &tag.image())],
    ));
    let status = serde_json::json!({
        "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": EVIL, "reason": EVIL, "code": 403,
        "details": {"name": EVIL, "causes": [{"reason": EVIL, "message": EVIL, "field": EVIL}]}
    });
    let refusal = status.to_string();
    server.fault("/daemonsets", move |_, _, _| {
        Response::new(403)
            .header("content-type", "application/json")
            .body(refusal.clone())
    });
    let invalid = status.to_string();
    server.fault("/deployments/", move |_, _, _| {
        Response::new(422)
            .header("content-type", "application/json")
            .body(invalid.clone())
    });
    server.fault("/statefulsets", |_, _, _| {
        Response::new(400)
            .header("content-type", "text/plain")
            .body(EVIL)
    });
    let config = server.kubeconfig_file();
    for form in FORMS {
        for action in [&[][..], &["--update"], &["-v"]] {
            let line = ["--output", form, "--kubeconfig", config.to_str().unwrap()];
            let ended = place.imago(line.iter().chain(action)).finish();
            assert_eq!(ended.code, 3, "{ended:?}");
            assert_harmless(&ended, &format!("{form} {action:?}"));
        }
    }
}

#[test]
fn nothing_of_a_remote_steers_a_terminal() {
    if programs::find("git").is_none() {
        return;
    }
    let (tag, place) = (Tag::new(), Workplace::new());
    let bare = place.beside("bare.git");
    let git = |line: &str| place.program("git", line.split(' ')).finish_with(0);
    git(&format!(
        "init --quiet --bare --initial-branch=main {}",
        bare.display()
    ));
    git("init --quiet --initial-branch=main");
    git("config user.name Ada");
    git("config user.email ada@example.test");
    place.write("web.yaml", deployment("web", &tag.image()));
    git("add .");
    git("commit --quiet --message first");
    git(&format!("remote add origin {}", bare.display()));
    git("push --quiet origin main");
    let hook = bare.join("hooks/pre-receive");
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(
        &hook,
        format!("#!/bin/sh\ncat >/dev/null\nprintf '%s\\n' '{EVIL}' >&2\nexit 1\n"),
    )
    .unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    for form in FORMS {
        let ended = place
            .imago(["files", "--update", "--push", "--output", form])
            .finish_with(2);
        assert!(
            ended.stderr.contains("error::b") || ended.stderr.contains("error\\u{3a}"),
            "{ended:?}"
        );
        assert_harmless(&ended, form);
    }
}

#[test]
fn no_link_leads_a_lock_or_a_report_out_of_the_repository() {
    let (tag, place) = (Tag::new(), Workplace::new());
    fs::create_dir(place.path().join(".git")).unwrap();
    place.write("web.yaml", deployment("web", &tag.image()));
    let digest = format!("sha256:{}", "1".repeat(64));
    let lock = format!(
        "{{\"version\":1,\"images\":{{\"{}\":\"{digest}\"}}}}\n",
        tag.image()
    );
    fs::create_dir(place.beside("outside")).unwrap();
    for (name, text) in [("a.lock", lock.as_str()), ("secret", "secret\n")] {
        fs::write(place.beside("outside").join(name), text).unwrap();
    }
    symlink("../outside/a.lock", place.path().join("imago.lock")).unwrap();
    symlink("../outside/secret", place.path().join("report.json")).unwrap();
    symlink("../outside", place.path().join("folder")).unwrap();
    for line in [
        "--update",
        "--update --lock imago.lock",
        "--offline",
        "--update --lock folder/new.lock",
        "--update --lock other.lock --report json=report.json",
        "--update --lock other.lock --report json=folder/new.json",
        "--update --lock other.lock --report json=./folder/../report.json",
    ] {
        let ended = place
            .imago(["files"].into_iter().chain(line.split(' ')))
            .finish_with(2);
        assert!(ended.stderr.contains("is a link"), "{line}: {ended:?}");
        assert!(
            !place.files()["web.yaml"]
                .windows(3)
                .any(|window| window == b"sha"),
            "{line}"
        );
        let mut names: Vec<_> = fs::read_dir(place.beside("outside"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        names.sort();
        assert_eq!(names, ["a.lock", "secret"], "{line}");
        assert_eq!(
            fs::read_to_string(place.beside("outside/a.lock")).unwrap(),
            lock,
            "{line}"
        );
        assert_eq!(
            fs::read_to_string(place.beside("outside/secret")).unwrap(),
            "secret\n",
            "{line}"
        );
    }
}

#[test]
fn a_link_that_takes_the_place_of_a_folder_leads_no_write_outside() {
    let (registry, place) = (TestRegistry::start(), Workplace::new());
    let digest = registry.push_index("shop/web", "1.4", &["linux/amd64"], "first");
    let text = deployment("web", &format!("{}/shop/web:1.4", registry.host()));
    for name in ["a/deploy/web.yaml", "b/web.yaml", "c/web.yaml", "web.yaml"] {
        place.write(name, &text);
    }
    fs::create_dir(place.path().join("locks")).unwrap();
    let outside = place.beside("outside");
    fs::create_dir_all(outside.join("deploy")).unwrap();
    fs::write(outside.join("web.yaml"), &text).unwrap();
    fs::write(outside.join("deploy/web.yaml"), &text).unwrap();
    // While the registry is asked, links take the place of a folder, of one above it, and of the lock's folder.
    let (work, to) = (place.path(), outside.clone());
    registry.fault("shop/web", move |_, before, fine| {
        for name in ["a", "b", "locks"].iter().filter(|_| before == 0) {
            fs::rename(work.join(name), work.join(format!("{name}-before"))).unwrap();
            symlink(&to, work.join(name)).unwrap();
        }
        fine
    });
    let report = place
        .imago("files --update --lock locks/imago.lock --output json".split(' '))
        .finish_with(3)
        .json();
    assert_eq!(
        report["files_changed"],
        serde_json::json!(["c/web.yaml", "web.yaml"])
    );
    let problems = report["problems"].as_array().unwrap();
    let told = |problem: &serde_json::Value| format!("{} {}", problem["code"], problem["file"]);
    let expected = [
        "\"changed-meanwhile\" \"a/deploy/web.yaml\"",
        "\"changed-meanwhile\" \"b/web.yaml\"",
        "\"link\" \"locks/imago.lock\"",
    ];
    assert_eq!(problems.iter().map(told).collect::<Vec<_>>(), expected);
    for name in ["web.yaml", "deploy/web.yaml"] {
        assert_eq!(
            fs::read_to_string(outside.join(name)).unwrap(),
            text,
            "{name}"
        );
    }
    assert_eq!(
        fs::read_dir(&outside).unwrap().count()
            + fs::read_dir(outside.join("deploy")).unwrap().count(),
        3
    );
    assert!(
        fs::read_to_string(place.path().join("c/web.yaml"))
            .unwrap()
            .contains(&digest)
    );
}

/// A repository with an outdated manifest.
fn repository(tag: &Tag) -> Workplace {
    let place = Workplace::new();
    fs::create_dir_all(place.path().join(".git/hooks")).unwrap();
    place.write(".git/HEAD", "ref: refs/heads/main\n");
    place.write(".git/config", "[core]\n");
    place.write("deploy/web.yaml", deployment("web", &tag.image()));
    place
}

fn below_git(place: &Workplace) -> Vec<(String, Vec<u8>)> {
    crate::support::binary::files(&place.path().join(".git"))
        .into_iter()
        .collect()
}

#[test]
fn no_report_and_no_lock_reaches_a_hook_or_the_settings_of_git() {
    let tag = Tag::new();
    let place = repository(&tag);
    let hook = place.path().join(".git/hooks/post-commit");
    fs::write(&hook, "#!/bin/sh\n").unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    for (target, link) in [
        (".git/hooks/post-commit", "imago.sarif"),
        (".git/hooks/pre-push", "dangling.sarif"),
        ("imago.sarif", "chain.sarif"),
        ("../.git/config", "deploy/config.sarif"),
        (".git/hooks", "hooks"),
        (".git", "meta"),
        ("deploy", "plain"),
    ] {
        symlink(target, place.path().join(link)).unwrap();
    }
    let before = below_git(&place);
    for file in [
        "imago.sarif",
        "./imago.sarif",
        "dangling.sarif",
        "chain.sarif",
        "deploy/config.sarif",
        "deploy/../imago.sarif",
        "hooks/post-commit",
        "hooks/pre-push",
        "meta/config",
        "meta/new",
        "plain/new.sarif",
        ".git/hooks/post-commit",
        ".git/new",
        ".GIT/new",
        "deploy/../.git/config",
    ] {
        let absolute = place.path().join(file);
        for named in [file, absolute.to_str().unwrap()] {
            for flag in [
                ["--report".to_owned(), format!("sarif={named}")],
                ["--lock".to_owned(), named.to_owned()],
            ] {
                let ended = place
                    .imago(
                        ["files", "--update"]
                            .map(str::to_owned)
                            .into_iter()
                            .chain(flag.clone()),
                    )
                    .finish_with(2);
                let told = ended.stderr.contains("is a link")
                    || ended.stderr.contains("inside Git's own folder");
                assert!(
                    told && !ended.stderr.contains("something else writes"),
                    "{flag:?}: {ended:?}"
                );
                assert_eq!(below_git(&place), before, "{flag:?}");
            }
        }
        if !file.starts_with('.') || file.contains(".git") {
            place.write(".imago.yaml", format!("lock: {file}\n"));
            place.imago(["files", "--update"]).finish_with(2);
            place
                .imago(["files", "--check", "--offline"])
                .finish_with(2);
            assert_eq!(below_git(&place), before, "{file}");
            fs::remove_file(place.path().join(".imago.yaml")).unwrap();
        }
    }
    let text = fs::read_to_string(place.path().join("deploy/web.yaml")).unwrap();
    assert_eq!(
        text,
        deployment("web", &tag.image()),
        "a run that cannot write what it was asked for writes nothing"
    );
}

#[test]
fn a_folder_of_git_with_another_name_is_gits_too() {
    let tag = Tag::new();
    let place = repository(&tag);
    fs::rename(place.path().join(".git"), place.path().join("meta")).unwrap();
    for folder in [
        "meta/objects",
        "meta/refs",
        "meta/modules/sub/objects",
        "meta/modules/sub/refs",
    ] {
        fs::create_dir_all(place.path().join(folder)).unwrap();
    }
    place.write("meta/modules/sub/HEAD", "ref: refs/heads/main\n");
    place.write(".git", "gitdir: meta\n");
    for file in [
        "meta/hooks/post-commit",
        "meta/modules/sub/hooks/post-commit",
    ] {
        let ended = place
            .imago(["files", "--report", &format!("json={file}")])
            .finish_with(2);
        assert!(
            ended.stderr.contains("inside Git's own folder"),
            "{file}: {ended:?}"
        );
    }
    // A named manifest below Git's folder is not edited, either.
    place.write("meta/web.yaml", deployment("web", &tag.image()));
    symlink("meta/web.yaml", place.path().join("web.yaml")).unwrap();
    for named in ["web.yaml", "meta", "meta/web.yaml"] {
        let ended = place.imago(["files", "--update", named]).finish_with(3);
        assert!(
            ended.stderr.contains("inside Git's own folder"),
            "{named}: {ended:?}"
        );
    }
    assert!(
        !fs::read_to_string(place.path().join("meta/web.yaml"))
            .unwrap()
            .contains("sha256")
    );
}

#[test]
fn a_report_takes_the_place_of_no_manifest_no_lock_and_no_other_report() {
    let tag = Tag::new();
    let place = repository(&tag);
    let before = place.files();
    for line in [
        "--report json=deploy/web.yaml",
        "--report json=deploy/../deploy/web.yaml",
        "--report json=imago.lock",
        "--report json=a.lock --lock a.lock",
        "--report json=a.lock --lock ./a.lock",
        "--report json=a.json --report sarif=deploy/../a.json",
        "--report json=a.json --report sarif=./a.json",
        "--report json=.imago.yaml",
    ] {
        let ended = place
            .imago(["files", "--update"].into_iter().chain(line.split(' ')))
            .finish_with(2);
        let told = [
            "it would replace",
            "another report",
            "two reports",
            "would replace the settings",
            "the file is a manifest or another YAML file",
        ];
        assert!(
            told.iter().any(|told| ended.stderr.contains(told)),
            "{line}: {ended:?}"
        );
        assert_eq!(place.files(), before, "{line}");
    }
}

#[test]
fn a_report_goes_where_its_flag_says_and_runs_nothing() {
    let tag = Tag::new();
    let place = repository(&tag);
    place.write("run.sh", "#!/bin/sh\n");
    fs::set_permissions(
        place.path().join("run.sh"),
        fs::Permissions::from_mode(0o755),
    )
    .unwrap();
    fs::write(place.path().join(".git/hooks/post-commit"), "#!/bin/sh\n").unwrap();
    fs::hard_link(
        place.path().join(".git/hooks/post-commit"),
        place.path().join("hard.json"),
    )
    .unwrap();
    let summary = place.beside("summary.md");
    symlink("summary.md", place.beside("link.md")).unwrap();
    let outside = |name: &str| format!("markdown={}", place.beside(name).display());
    for report in [
        "json=run.sh".to_owned(),
        "json=hard.json".to_owned(),
        outside("link.md"),
        "json=/dev/stdout".to_owned(),
    ] {
        place.imago(["files", "--report", &report]).finish_with(0);
    }
    let mode = fs::metadata(place.path().join("run.sh"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o644);
    assert_eq!(
        fs::read_to_string(place.path().join(".git/hooks/post-commit")).unwrap(),
        "#!/bin/sh\n"
    );
    assert!(
        fs::read_to_string(place.path().join("hard.json"))
            .unwrap()
            .starts_with('{')
    );
    assert!(
        fs::read_to_string(summary)
            .unwrap()
            .starts_with("**imago**")
    );
    assert!(
        place
            .beside("link.md")
            .symlink_metadata()
            .unwrap()
            .is_symlink()
    );
}
