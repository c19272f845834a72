//! `.imago.yaml`, shell completions, and the manual.

use std::collections::BTreeSet;
use std::fs;

use crate::support::binary::Workplace;
use crate::support::registry::{Access, TestRegistry, basic};
use crate::support::schema::{faults, schema};

fn deployment(image: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  template:\n    spec:\n      containers:\n      - name: app\n        image: {image}\n"
    )
}

/// A repository with the same workload in three folders, and settings.
fn shop(settings: &str) -> Workplace {
    let place = Workplace::new();
    fs::create_dir(place.path().join(".git")).unwrap();
    for folder in ["apps", "apps/old", "base"] {
        place.write(
            &format!("{folder}/web.yaml"),
            deployment("registry.example.test/web:1.4"),
        );
    }
    let digest = format!("sha256:{}", "1".repeat(64));
    place.write(
        "locks/a.lock",
        format!(
            "{{\"version\":1,\"images\":{{\"registry.example.test/web:1.4\":\"{digest}\"}}}}\n"
        ),
    );
    place.write(".imago.yaml", settings);
    place
}

#[test]
fn settings_that_are_not_where_they_are_looked_for_are_missed() {
    let place = shop(SETTINGS);
    let said = place
        .imago(["files", "--offline", "--config", "nowhere.yaml"])
        .finish_with(2)
        .stderr;
    assert!(
        said.starts_with(
            "error: cannot read the settings: there is no such file\n  in nowhere.yaml\n  hint: "
        ),
        "{said}"
    );
    fs::rename(
        place.path().join(".imago.yaml"),
        place.path().join(".imago.yml"),
    )
    .unwrap();
    for folder in [".", "apps"] {
        let said = place
            .imago(["files", "--offline"])
            .folder(&place.path().join(folder))
            .finish_with(2)
            .stderr;
        assert!(
            said.contains("not read under this name, but as `.imago.yaml`")
                && said.contains("hint: rename it"),
            "{said}"
        );
    }
    place
        .imago([
            "files",
            "--offline",
            "--no-config",
            "--lock",
            "locks/a.lock",
        ])
        .finish_with(0);
}

const SETTINGS: &str = "exclude: [apps/old, base/]\nlock: locks/a.lock\n";

#[test]
fn settings_of_the_root_hold_in_every_folder_of_the_repository() {
    let place = shop(SETTINGS);
    let files = |place: &Workplace, folder: &str, more: &[&str]| {
        let arguments = ["files", "--offline", "--output", "json"]
            .iter()
            .chain(more);
        let json = place
            .imago(arguments)
            .folder(&place.path().join(folder))
            .finish_with(0)
            .json();
        json["files_changed"]
            .as_array()
            .unwrap()
            .iter()
            .map(|name| name.as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(files(&place, ".", &[]), ["apps/web.yaml"]);
    assert_eq!(files(&place, "apps", &[]), ["web.yaml"]);
    assert_eq!(files(&place, "apps", &[".."]), ["../apps/web.yaml"]);
    assert_eq!(
        files(&place, "apps", &["--exclude", "web.yaml"]),
        [] as [&str; 0]
    );
    assert_eq!(
        files(&place, ".", &["--exclude", "apps"]),
        ["base/web.yaml"],
        "a flag wins"
    );
    assert_eq!(
        files(&place, ".", &["--no-config", "--lock", "locks/a.lock"]).len(),
        3
    );
    place.write("other.yml", "lock: locks/a.lock\ninclude: ['base/**']\n");
    assert_eq!(
        files(&place, "apps", &["--config", "../other.yml", ".."]),
        ["../base/web.yaml"]
    );
}

#[test]
fn more_detail_says_which_settings_were_read() {
    let place = shop(SETTINGS);
    let finished = place.imago(["files", "--offline", "-v"]).finish_with(0);
    assert!(
        finished
            .stderr
            .starts_with("settings come from .imago.yaml\n"),
        "{}",
        finished.stderr
    );
    assert_eq!(
        place.imago(["files", "--offline"]).finish_with(0).stderr,
        ""
    );
}

#[test]
fn a_wrong_setting_is_shown_where_it_stands_and_nothing_runs() {
    let place = shop("lock: locks/a.lock\nexclud: [apps]\n");
    let before = place.files();
    let finished = place
        .imago(["files", "--update", "--offline"])
        .finish_with(2);
    assert_eq!(
        finished.stderr,
        "\
error: `exclud` is not a setting
 --> .imago.yaml:2:1
  |
2 | exclud: [apps]
  | ^^^^^^
  |
  = hint: did you mean `exclude`?
docs: https://github.com/OWNER/imago/blob/v0.1.0/docs/settings.md
"
    );
    assert_eq!((finished.stdout.as_str(), place.files()), ("", before));
    place.imago(["digest", "--offline", "x"]).finish_with(2);
    place.imago(["--version"]).finish_with(0);
    place
        .imago([
            "files",
            "--offline",
            "--no-config",
            "--lock",
            "locks/a.lock",
        ])
        .finish_with(0);
}

#[test]
fn settings_cannot_show_a_file_of_the_machine() {
    let place = shop("");
    fs::write(place.beside("secret"), "password: hunter2\n").unwrap();
    fs::remove_file(place.path().join(".imago.yaml")).unwrap();
    std::os::unix::fs::symlink(place.beside("secret"), place.path().join(".imago.yaml")).unwrap();
    let finished = place.imago(["files", "--offline"]).finish_with(2);
    assert!(
        finished.stderr.contains("outside the repository") && !finished.stderr.contains("hunter2"),
        "{}",
        finished.stderr
    );
}

#[test]
fn a_host_that_settings_allow_plain_http_for_gets_no_credentials() {
    let registry = TestRegistry::with(
        Access::Basic {
            user: "ada".into(),
            password: "hunter2".into(),
        },
        None,
    );
    registry.push_index("shop/web", "1.4", &["linux/amd64"], "first");
    let image = format!("{}/shop/web:1.4", registry.host());
    let place = shop(&format!("insecure-registry: ['{}']\n", registry.host()));
    let auth = basic("ada", "hunter2").replace("Basic ", "");
    fs::write(
        place.beside("docker.json"),
        format!(
            "{{\"auths\":{{\"{}\":{{\"auth\":\"{auth}\"}}}}}}",
            registry.host()
        ),
    )
    .unwrap();
    let config = place.beside("docker.json");
    let config = config.to_str().unwrap();
    let finished = place
        .imago(["digest", "-v", "--docker-config", config, &image])
        .finish_with(3);
    assert!(
        finished.stderr.contains("without credentials: plain http"),
        "{}",
        finished.stderr
    );
    assert!(
        registry
            .requests()
            .iter()
            .all(|request| request.header("authorization").is_none())
    );
    let host = registry.host();
    place
        .imago([
            "digest",
            "--docker-config",
            config,
            "--insecure-registry",
            &host,
            &image,
        ])
        .finish_with(0);
}

#[test]
fn the_schema_knows_the_settings_and_no_others() {
    let all = "include: [apps]\nexclude: [apps/old]\ninclude-image: ['*']\nexclude-image: [a]\nkind: [Deployment]\nexclude-kind: [Job]\nadd-kind: [Job]\ntrack: annotation\ndrop-tag: false\nkinds: [{kind: Shop, paths: [spec/image]}]\nkustomize: {digest: field}\npolicies: [{image: '**', policy: digest}]\nflux-policies: false\nhelm: {values: [env/*.yaml], digest-in-tag: [web.image], charts: [{chart: shop, path: image, takes: sha-digits}]}\nmax-changes: 9\nlock: locks/a.lock\nregistry-map: [docker.io=mirror.example.test/hub]\ninsecure-registry: ['registry.example.test:5000']\nconcurrency: 8\nmessage: '{summary}'\nauthor: Ada <ada@example.test>\nsignoff: false\n";
    let value: serde_json::Value = serde_yaml::from_str(all).unwrap();
    let schema = schema("imago.schema.json");
    assert_eq!(faults(&schema, &value), Vec::<String>::new());
    let keys = |value: &serde_json::Value| {
        value
            .as_object()
            .unwrap()
            .keys()
            .cloned()
            .collect::<BTreeSet<_>>()
    };
    assert_eq!(keys(&schema["properties"]), keys(&value));
    let place = shop(all);
    place.imago(["files", "--offline"]).finish_with(0);
    place.write(".imago.yaml", "nothing: 1\n");
    let told = place.imago(["files", "--offline"]).finish_with(2).stderr;
    let told: BTreeSet<String> = told
        .split_once("the settings are ")
        .unwrap()
        .1
        .lines()
        .next()
        .unwrap()
        .split(", ")
        .map(str::to_owned)
        .collect();
    assert_eq!(told, keys(&value));
}

#[test]
fn completions_and_the_manual_are_printed_and_nothing_else_is() {
    let place = shop("wrong: 1\n");
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let finished = place.imago(["completions", shell]).finish_with(0);
        assert!(
            finished.stdout.contains("max-changes") && finished.stderr.is_empty(),
            "{shell}"
        );
    }
    assert!(
        place
            .imago(["man"])
            .finish_with(0)
            .stdout
            .contains(".TH imago 1")
    );
    assert!(
        place
            .imago(["man", "digest"])
            .finish_with(0)
            .stdout
            .contains("IMAGE")
    );
    let finished = place.imago(["man", "fils"]).finish_with(2);
    assert!(
        finished
            .stderr
            .starts_with("error: `fils` is not a command\n  hint: "),
        "{}",
        finished.stderr
    );
    place.imago(["completions", "tcsh"]).finish_with(2);
}

#[test]
fn whom_the_settings_send_questions_to_is_said_in_every_form_of_the_report() {
    let registry = TestRegistry::start();
    let digest = registry.push_index("hub/web", "1.4", &["linux/amd64"], "first");
    let host = registry.host();
    let unused: String = (0..1_000)
        .map(|number| format!("- a{number}.test=b.test\n"))
        .collect();
    let plain_unused: String = (0..400)
        .map(|number| format!("- c{number}.test\n"))
        .collect();
    let place = shop(&format!(
        "exclude: [apps/old, base/]\nregistry-map:\n{unused}- registry.example.test={host}/hub\ninsecure-registry:\n{plain_unused}- '{host}'\n"
    ));
    let map = format!(
        "`.imago.yaml` has `{host}/hub` answer for images of `registry.example.test` (`registry-map`)"
    );
    let plain = &format!(
        "`.imago.yaml` has `{host}` asked over plain http, where anybody on the way can answer (`insecure-registry`)"
    );
    let once = |said: &str| {
        said.contains(&map)
            && said.contains(plain)
            && said.matches("`.imago.yaml` has").count() == 2
    };
    for more in [
        &[][..],
        &["-q"],
        &["--check"],
        &["--update", "--dry-run"],
        &["--diff"],
    ] {
        let arguments = ["files"].iter().chain(more);
        let code = if more == ["--check"] { 1 } else { 0 };
        let said = place.imago(arguments).finish_with(code).stderr;
        assert!(
            once(&said)
                && said.contains(&format!("warning: {map}\n"))
                && said.contains(&format!("warning: {plain}\n")),
            "{more:?}: {said}"
        );
    }
    for form in ["json", "github", "sarif", "markdown"] {
        let said = place
            .imago(["files", "--output", form])
            .finish_with(0)
            .stdout;
        assert!(once(&said), "{form}: {said}");
    }
    let said = place
        .imago(["digest", "registry.example.test/web:1.4"])
        .finish_with(0);
    assert_eq!(said.stdout, format!("{digest}\n"));
    assert!(once(&said.stderr), "{}", said.stderr);
    // A run that fails says so, too. If the settings decide nothing, nothing is said.
    let said = place
        .imago(["files", "--update", "--max-changes", "0"])
        .finish_with(2)
        .stderr;
    assert!(once(&said), "{said}");
    registry.fault("hub/web", |_, _, _| {
        crate::support::registry::http::Response::new(404)
    });
    let said = place.imago(["files"]).finish_with(3).stderr;
    assert!(once(&said), "{said}");
    registry.fault("hub/web", |_, _, fine| fine);
    let own = format!("registry.example.test={host}/hub");
    let flags = [
        "files",
        "--registry-map",
        own.as_str(),
        "--insecure-registry",
        "other.example.test",
    ];
    assert_eq!(place.imago(flags).finish_with(0).stderr, "");
}

#[test]
fn new_digests_are_read_in_both_modes_and_by_digest_where_that_is_asked_for() {
    let registry = TestRegistry::start();
    registry.push_index("shop/web", "1.4", &["linux/amd64"], "first");
    let lie = format!("sha256:{}", "1".repeat(64));
    let told = lie.clone();
    registry.fault("shop/web", move |request, _, fine| {
        match request.method.as_str() {
            "HEAD" => fine.header("docker-content-digest", told.clone()),
            _ => fine,
        }
    });
    let place = Workplace::new();
    let image = format!("{}/shop/web:1.4", registry.host());
    place.write("web.yaml", deployment(&image));
    let before = place.files();
    let said = place
        .imago(["files", "--update", "--read-manifests"])
        .finish_with(3)
        .stderr;
    assert!(
        said.contains(&format!(
            "cause: the registry names {lie} for this tag, but lacks its manifest or its configuration"
        )),
        "{said}"
    );
    assert_eq!(place.files(), before);
    place
        .imago(["digest", "--read-manifests", &image])
        .finish_with(3);
    assert_eq!(
        place.imago(["digest", &image]).finish_with(0).stdout,
        format!("{lie}\n")
    );
}
