//! The forms of a report, and the files to which they are written.

use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::binary::Workplace;
use crate::support::schema::{faults, schema};

const FORMS: [&str; 5] = ["text", "json", "github", "sarif", "markdown"];

/// Three files: an outdated workload, one that is not in the lock, one that is not YAML. And a template.
fn shop() -> Workplace {
    let place = Workplace::new();
    let deployment = |name: &str, image: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\nspec:\n  template:\n    spec:\n      containers:\n      - name: \"a|`b\"\n        image: {image}\n"
        )
    };
    place.write(
        "shop/web, 100%.yaml",
        deployment("web", "registry.example.test/web:1.4"),
    );
    place.write(
        "shop/api.yaml",
        deployment("api", "registry.example.test/api:2"),
    );
    place.write(
        "shop/broken.yaml",
        "apiVersion: apps/v1\n  kind: Deployment\n",
    );
    place.write("shop/chart/Chart.yaml", "name: x\n");
    place.write("shop/chart/templates/x.yaml", "kind: {{ .x }}\n");
    let digest = format!("sha256:{}", "1".repeat(64));
    place.write(
        "imago.lock",
        format!(
            "{{\"version\":1,\"images\":{{\"registry.example.test/web:1.4\":\"{digest}\"}}}}\n"
        ),
    );
    fs::create_dir(place.path().join(".git")).unwrap();
    place
}

fn read(place: &Workplace, name: &str) -> String {
    fs::read_to_string(place.beside(name)).unwrap()
}

#[test]
fn one_run_gives_every_form_and_a_second_one_the_same() {
    let place = shop();
    let mut rounds = BTreeSet::new();
    for round in 0..2 {
        let reports = FORMS.map(|form| {
            format!(
                "--report={form}={}",
                place.beside(&format!("{form}.{round}")).display()
            )
        });
        let finished = place
            .imago(
                ["files", "--check", "--offline", "shop"]
                    .into_iter()
                    .chain(reports.iter().map(String::as_str)),
            )
            .finish_with(3);
        assert!(
            finished
                .stdout
                .starts_with("shop/web, 100%.yaml:10  a|`b  registry.example.test/web:1.4 -> "),
            "{}",
            finished.stdout
        );
        rounds.insert(FORMS.map(|form| read(&place, &format!("{form}.{round}"))));
    }
    assert_eq!(rounds.len(), 1);
    for form in FORMS {
        let printed = place
            .imago(["files", "--check", "--offline", "--output", form, "shop"])
            .finish_with(3);
        if form != "text" {
            assert_eq!(printed.stdout, read(&place, &format!("{form}.0")));
        }
    }
}

#[test]
fn annotations_stand_on_the_lines_of_the_repository_wherever_the_run_stands() {
    let place = shop();
    let from_below = place
        .imago([
            "files",
            "--check",
            "--offline",
            "--lock",
            "../imago.lock",
            "--output",
            "github",
        ])
        .folder(&place.path().join("shop"));
    let below = from_below
        .finish_with(3)
        .stdout
        .replace("../imago.lock", "imago.lock");
    assert_eq!(
        below,
        place
            .imago([
                "files",
                "--check",
                "--offline",
                "--output",
                "github",
                "shop"
            ])
            .finish_with(3)
            .stdout
            .replace("shop/broken.yaml`", "broken.yaml`")
    );
    let places: Vec<_> = below
        .lines()
        .map(|line| line.split(",title=").next().unwrap())
        .collect();
    assert_eq!(
        places,
        [
            "::error file=shop/api.yaml,line=10",
            "::error file=shop/broken.yaml,line=2",
            "::error file=shop/web%2C 100%25.yaml,line=10"
        ]
    );
}

#[test]
fn sarif_has_what_the_standard_and_its_readers_ask_for() {
    let place = shop();
    let log = place
        .imago(["files", "--offline", "--output", "sarif", "shop"])
        .finish_with(3)
        .json();
    assert_eq!(log["version"], "2.1.0");
    let run = &log["runs"][0];
    let rules: Vec<&Value> = run["tool"]["driver"]["rules"]
        .as_array()
        .unwrap()
        .iter()
        .collect();
    assert_eq!(run["tool"]["driver"]["name"], "imago");
    let bases: Vec<&String> = run["originalUriBaseIds"]
        .as_object()
        .unwrap()
        .keys()
        .collect();
    assert_eq!(bases, ["%SRCROOT%"]);
    let results = run["results"].as_array().unwrap();
    let places: Vec<_> = results
        .iter()
        .map(|result| {
            let physical = &result["locations"][0]["physicalLocation"];
            let rule = rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
            assert_eq!(rule["id"], result["ruleId"]);
            assert!(
                !rule["shortDescription"]["text"]
                    .as_str()
                    .unwrap()
                    .is_empty()
            );
            assert!(!result["message"]["text"].as_str().unwrap().is_empty());
            assert_eq!(physical["artifactLocation"]["uriBaseId"], "%SRCROOT%");
            let uri = physical["artifactLocation"]["uri"].as_str().unwrap();
            assert!(
                uri.bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || b"-._~/%".contains(&byte)),
                "{uri}"
            );
            format!(
                "{} {} {uri}:{}",
                result["level"].as_str().unwrap(),
                result["ruleId"].as_str().unwrap(),
                physical["region"]["startLine"]
            )
        })
        .collect();
    assert_eq!(
        places,
        [
            "error not-in-lock shop/api.yaml:10",
            "error yaml-syntax shop/broken.yaml:2",
            "warning outdated shop/web%2C%20100%25.yaml:10"
        ]
    );
}

#[test]
fn a_table_keeps_every_name_in_its_cell() {
    let place = shop();
    let markdown = place
        .imago(["files", "--offline", "--output", "markdown", "shop"])
        .finish_with(3)
        .stdout;
    let rows: Vec<_> = markdown
        .lines()
        .filter(|line| line.starts_with("| `shop/"))
        .collect();
    assert_eq!(
        rows,
        [
            "| `shop/web, 100%.yaml:10` `Deployment/web` | <code>a&#124;&#96;b</code> | `registry.example.test/web:1.4` | `sha256:111111111111` |"
        ]
    );
}

#[test]
fn a_report_that_cannot_be_written_is_known_before_anything_is() {
    let place = shop();
    let before = place.files();
    for (report, cause) in [
        ("json=none/a.json", "its folder is not there"),
        ("json=shop", "it is a folder, not a regular file"),
    ] {
        let finished = place
            .imago(["files", "--update", "--offline", "--report", report, "shop"])
            .finish_with(2);
        assert!(
            finished
                .stderr
                .starts_with("error: cannot write the report `"),
            "{}",
            finished.stderr
        );
        assert!(
            finished
                .stderr
                .contains(&format!("\n  cause: {cause}\n  hint: ")),
            "{}",
            finished.stderr
        );
    }
    assert_eq!(place.files(), before);
    if cfg!(target_os = "linux") {
        let finished = place
            .imago(["files", "--offline", "--report", "json=/dev/full", "shop"])
            .finish_with(2);
        assert!(
            finished.stdout.starts_with("shop/web, 100%.yaml:10  "),
            "what can be told is told: {}",
            finished.stdout
        );
        assert!(
            finished
                .stderr
                .contains("error: cannot write the report `/dev/full`\n  cause: "),
            "{}",
            finished.stderr
        );
    }
}

#[test]
fn a_report_waits_for_no_pipe_and_goes_where_the_shell_says() {
    let place = shop();
    let before = place.files();
    let outside = place.beside("pipe");
    let made = std::process::Command::new("mkfifo")
        .args([&place.path().join("pipe"), &outside])
        .status()
        .unwrap();
    assert!(made.success());
    let _socket = std::os::unix::net::UnixListener::bind(place.path().join("socket")).unwrap();
    for name in ["pipe", outside.to_str().unwrap(), "socket"] {
        let report = format!("json={name}");
        let finished = place
            .imago([
                "files",
                "--update",
                "--offline",
                "--report",
                &report,
                "shop",
            ])
            .finish_with(2);
        assert!(
            finished.stderr.starts_with(&format!(
                "error: cannot write the report `{name}`\n  cause: it is a "
            )) && finished
                .stderr
                .contains(", not a regular file\n  hint: name another file\n"),
            "{}",
            finished.stderr
        );
    }
    for name in ["pipe", "socket"] {
        std::fs::remove_file(place.path().join(name)).unwrap();
    }
    assert_eq!(place.files(), before);
    // An anonymous pipe, and a named one that the shell has opened.
    for script in [
        r#""$0" files --offline --report json=/dev/fd/3 shop 3>&1 >/dev/null 2>&1 | cat"#,
        r#"cat ../pipe & exec 3>../pipe; "$0" files --offline --report json=/dev/fd/3 shop >/dev/null 2>&1; exec 3>&-; wait"#,
    ] {
        let told = place
            .program("sh", ["-c", script, env!("CARGO_BIN_EXE_imago")])
            .finish_with(0)
            .stdout;
        assert!(told.starts_with("{\n  \"version\": 1,"), "{script}: {told}");
    }
    // The other end is closed.
    let script = r#"exec 3<>../pipe; exec 4>../pipe; exec 3<&-; "$0" files --offline --report json=/dev/fd/4 shop >/dev/null; echo $?"#;
    let told = place
        .program("sh", ["-c", script, env!("CARGO_BIN_EXE_imago")])
        .finish_with(0);
    assert_eq!(told.stdout, "2\n", "{}", told.stderr);
}

#[test]
fn a_signal_leaves_every_report_whole_or_absent() {
    let place = Workplace::new();
    let digest = "1".repeat(64);
    // More than a pipe holds.
    let pods: String = (0..1_000)
        .map(|number| format!("---\napiVersion: v1\nkind: Pod\nmetadata: {{name: web-{number}}}\nspec: {{containers: [{{name: app, image: 'registry.example.test/web@sha256:{digest}'}}]}}\n"))
        .collect();
    place.write("web.yaml", pods);
    let second = Duration::from_secs(1);
    let file = place.beside("a");
    let sarif = format!("--report=sarif={}", file.display());
    for (signal, code, line) in [
        ("INT", 130, ["files", "-ojson", &sarif]),
        ("TERM", 143, ["files", "-q", "--report=json=/dev/stdout"]),
        ("INT", 130, ["images", "-ojson", "."]),
    ] {
        let run = place.imago(line);
        let finished = run.signalled(signal, 2 * second, 3 * second);
        assert_eq!(finished.code, code, "{}", finished.stderr);
        assert!(finished.stdout.len() > 128 * 1024, "{line:?}");
        finished.json();
        if let Ok(text) = fs::read_to_string(&file) {
            serde_json::from_str::<Value>(&text).unwrap();
        }
    }
    // A registry that does not answer: there is no report yet.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let image = format!("{}/web:1", silent.local_addr().unwrap());
    let pod = format!(
        "apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec: {{containers: [{{name: app, image: '{image}'}}]}}\n"
    );
    place.write("web.yaml", pod);
    let file = place.beside("b");
    let json = format!("--report=json={}", file.display());
    let run = place.imago(["files", "-ojson", &json]);
    let finished = run.signalled_after("INT", second);
    assert_eq!((finished.code, &*finished.stdout), (130, ""));
    assert!(!file.exists());
}

#[test]
fn a_report_replaces_its_own_and_no_manifest() {
    let place = shop();
    let manifests = [
        ("other/web.yaml", "apiVersion: v1\nkind: Pod\n"),
        ("other/kustomization.yml", "resources: [web.yaml]\n"),
        (
            "other/web.json",
            "{\n  \"kind\": \"Pod\",\n  \"apiVersion\": \"v1\"\n}\n",
        ),
        (
            "other/line.json",
            "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[]}",
        ),
        ("other/list", "items:\n- apiVersion: v1\n  kind: Pod\n"),
        ("other/crlf.txt", "apiVersion: v1\r\nkind: Pod\r\n"),
    ];
    for (name, text) in manifests {
        place.write(name, text);
    }
    let before = place.files();
    for (name, _) in manifests {
        for form in ["json", "text"] {
            let report = format!("{form}={name}");
            let finished = place
                .imago([
                    "files",
                    "--update",
                    "--offline",
                    "--no-config",
                    "--report",
                    &report,
                    "shop",
                ])
                .finish_with(2);
            assert!(
                finished.stderr.starts_with(&format!(
                    "error: cannot write the report `{name}`\n  cause: the file is a manifest or "
                )),
                "{name}: {}",
                finished.stderr
            );
        }
    }
    assert_eq!(place.files(), before);
    // A file that it has written itself, and one that was created for it.
    place.write("made", "");
    place.write("made.yaml", "");
    place.write("old.json", "{}\n");
    for (form, name) in [
        ("json", "report.json"),
        ("sarif", "imago.sarif"),
        ("markdown", "report.md"),
        ("text", "report.txt"),
        ("github", "report"),
        ("json", "made"),
        ("json", "made.yaml"),
        ("sarif", "old.json"),
    ] {
        for round in 0..2 {
            if (name, round) == ("made.yaml", 1) {
                continue;
            }
            let report = format!("{form}={name}");
            place
                .imago(["files", "--offline", "--report", &report, "shop"])
                .finish_with(3);
        }
    }
}

#[test]
fn the_json_is_as_its_schema_describes_it() {
    let place = shop();
    let schema = schema("report.schema.json");
    for line in [
        "files shop",
        "files --check shop",
        "files --update --dry-run --max-changes 0 shop",
        "files --restore shop",
        "files none.yaml",
    ] {
        place.write("none.yaml", "");
        let finished = place
            .imago(line.split(' ').chain(["--offline", "--output", "json"]))
            .finish();
        assert_eq!(
            faults(&schema, &finished.json()),
            Vec::<String>::new(),
            "{line}"
        );
    }
}

#[test]
fn an_image_is_told_by_its_path_from_the_root_of_its_object() {
    let place = shop();
    place.write(
        "shop/list.yaml",
        "apiVersion: v1\nkind: List\nitems:\n- {}\n- apiVersion: batch/v1\n  kind: CronJob\n  metadata: {name: job}\n  spec:\n    jobTemplate:\n      spec:\n        template:\n          spec:\n            initContainers:\n            - name: first\n              image: registry.example.test/none:2\n            - name: second\n              image: ${IMAGE}\n",
    );
    let report = place
        .imago(["files", "--offline", "--output", "json", "shop/list.yaml"])
        .finish_with(3)
        .json();
    let [object] = &report["objects"].as_array().unwrap()[..] else {
        panic!("{report}");
    };
    assert_eq!(
        (&object["shape"], &object["kind"]),
        (&json!("CronJob"), &json!("CronJob"))
    );
    let told = |entry: &Value| {
        let keys = ["path", "name", "line", "code"];
        Value::from_iter(keys.map(|key| entry[key].clone()))
    };
    let path = |index| format!("spec.jobTemplate.spec.template.spec.initContainers[{index}].image");
    let first = json!([path(0), "first", 15, "not-in-lock"]);
    let second = json!([path(1), "second", 17, "variable"]);
    assert_eq!(told(&object["images"][0]), first);
    assert_eq!(told(&object["images"][1]), second);
    assert_eq!(told(&report["problems"][0]), first);
    assert_eq!(told(&report["skipped"][0]), second);
    assert_eq!(report["problems"][0]["object"], "CronJob/job");
    let image = &object["images"][0];
    assert_eq!(
        (&image["tag"], &image["new_tag"]),
        (&json!("2"), &Value::Null)
    );
}

#[test]
fn an_image_that_people_know_by_no_name_is_told_by_its_path() {
    let place = shop();
    place.write(
        "shop/task.yaml",
        "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: build}\nspec:\n  stepTemplate:\n    image: registry.example.test/none:2\n",
    );
    let run = |form: &str| {
        place
            .imago([
                "files",
                "--offline",
                "-v",
                "--output",
                form,
                "shop/task.yaml",
            ])
            .finish_with(3)
    };
    let text = run("text");
    assert!(
        text.stdout
            .contains("\n  spec.stepTemplate has a problem\n"),
        "{}",
        text.stdout
    );
    let problem = "in shop/task.yaml:6, Task/build, `spec.stepTemplate`\n";
    assert!(text.stderr.contains(problem), "{}", text.stderr);
    let image = &run("json").json()["objects"][0]["images"][0];
    assert_eq!(image["path"], "spec.stepTemplate.image");
    assert_eq!(image["name"], "spec.stepTemplate");
}

#[test]
fn every_list_of_a_report_has_the_files_in_one_order() {
    let place = Workplace::new();
    place.write("imago.lock", "{\"version\":1,\"images\":{}}\n");
    let containers = "[{name: a, image: registry.example.test/web:1.4}, {name: b, image: $IMAGE}]";
    for folder in ["b.d", "b", "b-c"] {
        place.write(
            &format!("{folder}/web.yaml"),
            format!(
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec: {{template: {{spec: {{containers: {containers}}}}}}}\n"
            ),
        );
    }
    let report = place
        .imago(["files", "--offline", "--output", "json"])
        .finish_with(3)
        .json();
    for list in ["objects", "problems", "skipped"] {
        let files: Vec<_> = report[list]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["file"].as_str().unwrap())
            .collect();
        assert_eq!(
            files,
            ["b/web.yaml", "b-c/web.yaml", "b.d/web.yaml"],
            "{list}"
        );
    }
}

#[test]
fn a_table_tells_what_was_refused_from_what_was_done() {
    let place = shop();
    place.write(
        "shop/shared.yaml",
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: shared}\nspec:\n  template:\n    spec:\n      containers:\n      - name: a\n        image: &i registry.example.test/web:1.4\n        env: [{name: X, value: *i}]\n",
    );
    let arguments = [
        "files",
        "--update",
        "--offline",
        "--output",
        "markdown",
        "shop",
    ];
    let markdown = place.imago(arguments).finish_with(3).stdout;
    let row = |name: &str| {
        markdown
            .lines()
            .find(|line| line.starts_with(&format!("| `shop/{name}")))
            .unwrap()
    };
    assert!(
        row("shared").ends_with(
            "`registry.example.test/web:1.4` | `sha256:111111111111` **(not changed)** |"
        ),
        "{markdown}"
    );
    assert!(
        row("web").ends_with("`sha256:111111111111` |"),
        "{markdown}"
    );
}
