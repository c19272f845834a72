//! `imago images` over files: every image with its place and its state, in each form, and nothing is asked or written.

use std::fs;

use serde_json::{Value, json};

use crate::support::binary::{Finished, Workplace, most_seen};
use crate::support::registry::TestRegistry;
use crate::support::schema::schema;

const DIGEST: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

/// A repository that has an image of each state. `host` stands in the names of those that follow a tag.
fn shop(host: &str) -> Workplace {
    let place = Workplace::new();
    fs::create_dir(place.path().join(".git")).unwrap();
    let record = format!(
        r#"{{"containers":[{{"name":"app","image":"{host}/web:1.4"}}],"initContainers":[]}}"#
    );
    place.write(
        "base/web.yaml",
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  namespace: shop\n  labels: {{app: web}}\n  annotations:\n    \
             imago-config-spec: '{record}'\nspec:\n  template:\n    spec:\n      containers:\n      - name: app\n        image: {host}/web:1.4@{DIGEST}\n      \
             - name: pin\n        image: {host}/pin:2@{DIGEST}\n      - name: later\n        image: ${{IMAGE}}\n      - name: left\n        \
             image: {host}/left:1 # imago: ignore\n      - name: slip\n        image: {host}/slip:1 # imago: ingore\n      initContainers:\n      - name: init\n        \
             image: {host}/init:3\n"
        ),
    );
    place.write(
        "base/job.yaml",
        format!(
            "apiVersion: batch/v1\nkind: Job\nmetadata: {{name: once}}\nspec: {{template: {{spec: {{containers: [{{name: job, image: \"{host}/db:1\"}}]}}}}}}\n"
        ),
    );
    place.write(
        "overlay/kustomization.yaml",
        format!("images:\n- name: {host}/other\n  newTag: \"5\"\n"),
    );
    place
}

fn images(place: &Workplace, line: &str, code: i32) -> Finished {
    place
        .imago(format!("images {line}").split_whitespace())
        .finish_with(code)
}

/// Place, name, state and code of each.
fn listed(report: &Value) -> Vec<Value> {
    let images = report["images"].as_array().unwrap().iter();
    let keys = ["file", "line", "name", "state", "code"];
    images
        .map(|image| Value::from_iter(keys.map(|key| image[key].clone())))
        .collect()
}

#[test]
fn every_image_has_its_place_and_its_state_and_no_registry_is_asked() {
    let registry = TestRegistry::start();
    let host = registry.host();
    let place = shop(&host);
    let before = place.files();
    let report = images(&place, "-o json", 0).json();
    assert_eq!(
        listed(&report),
        [
            json!(["base/job.yaml", 4, "job", "held", "job-immutable"]),
            json!(["base/web.yaml", 14, "app", "pinned", null]),
            json!(["base/web.yaml", 16, "pin", "fixed", null]),
            json!(["base/web.yaml", 18, "later", "variable", "variable"]),
            json!(["base/web.yaml", 20, "left", "ignored", "ignored"]),
            json!(["base/web.yaml", 22, "slip", "held", "bad-comment"]),
            json!(["base/web.yaml", 25, "init", "unpinned", null]),
            json!([
                "overlay/kustomization.yaml",
                3,
                format!("images[{host}/other]"),
                "unpinned",
                null
            ]),
        ]
    );
    let app = &report["images"][1];
    assert_eq!(
        (&app["tag"], &app["digest"], &app["object"], &app["path"]),
        (
            &json!("1.4"),
            &json!(DIGEST),
            &json!("Deployment/web"),
            &json!("spec.template.spec.containers[0].image")
        )
    );
    // With the tag beside the digest, a pin follows its tag.
    let tracked = images(&place, "-o json --track tag", 0).json();
    assert_eq!(tracked["images"][2]["state"], "pinned");
    assert!(registry.asked().is_empty());
    assert_eq!(place.files(), before);
}

#[test]
fn text_is_a_table_whose_columns_stand_below_each_other() {
    let place = shop("registry.example.test");
    let finished = images(&place, "base/web.yaml", 0);
    assert_eq!(
        finished.stdout,
        "\
PLACE             OBJECT          NAME   IMAGE                       TAG  DIGEST               STATE
base/web.yaml:14  Deployment/web  app    registry.example.test/web   1.4  sha256:111111111111  pinned
base/web.yaml:16  Deployment/web  pin    registry.example.test/pin   2    sha256:111111111111  fixed
base/web.yaml:18  Deployment/web  later  ${IMAGE}                    -    -                    variable
base/web.yaml:20  Deployment/web  left   registry.example.test/left  1    -                    ignored
base/web.yaml:22  Deployment/web  slip   registry.example.test/slip  1    -                    held (bad-comment)
base/web.yaml:25  Deployment/web  init   registry.example.test/init  3    -                    unpinned
"
    );
    assert_eq!(
        finished.stderr,
        "6 images in 1 file: 1 unpinned, 1 pinned, 1 fixed, 1 held, 1 ignored, 1 variable\n"
    );
    let more = images(&place, "-v base/web.yaml", 0).stdout;
    assert!(
        more.contains(DIGEST) && more.contains("held (bad-comment): the comment `ingore`"),
        "{more}"
    );
    let quiet = images(&place, "-q base/web.yaml", 0);
    assert_eq!(
        (quiet.stdout, quiet.stderr),
        (finished.stdout, String::new())
    );
}

#[test]
fn csv_has_the_fields_of_the_json() {
    let place = shop("registry.example.test");
    let csv = images(&place, "-o csv", 0);
    assert_eq!(csv.stderr, "");
    let schema = schema("images.schema.json");
    let keys = schema["$defs"]["image"]["required"].as_array().unwrap();
    let keys: Vec<&str> = keys.iter().map(|key| key.as_str().unwrap()).collect();
    let mut records = csv.stdout.split("\r\n");
    assert_eq!(records.next().unwrap(), keys.join(","));
    assert_eq!(
        records.next().unwrap(),
        "base/job.yaml,4,Job,Job,,Job/once,job,spec.template.spec.containers[0].image,registry.example.test/db:1,1,,held,job-immutable,\
         \"the template of a Job cannot change, so applying a new image fails; delete the Job first, or let it be replaced\""
    );
    assert_eq!((records.clone().count(), records.last()), (8, Some("")));
}

#[test]
fn filters_are_those_of_the_files() {
    let place = shop("registry.example.test");
    let count = |line: &str| {
        images(&place, &format!("-o json {line}"), 0).json()["images"]
            .as_array()
            .unwrap()
            .len()
    };
    for (line, expected) in [
        ("", 8),
        ("base", 7),
        ("--exclude base/job.yaml", 7),
        ("--include **/kustomization.yaml", 1),
        ("--kind Deployment", 6),
        ("--exclude-kind Deployment", 2),
        ("-n shop", 6),
        ("-x shop", 2),
        ("-l app=web", 6),
        ("-f metadata.name=once", 1),
    ] {
        assert_eq!(count(line), expected, "{line}");
    }
    place.write(".imago.yaml", "exclude: [base]\ntrack: tag\n");
    assert_eq!((count(""), count("--no-config")), (1, 8));
    let empty = images(&place, "-n nope", 0);
    assert_eq!(empty.stdout, "");
    assert!(
        empty.stderr.starts_with("warning: no image was found: ")
            && empty.stderr.contains("\nno image in "),
        "{}",
        empty.stderr
    );
}

#[test]
fn a_problem_is_told_and_the_rest_is_listed() {
    let place = shop("registry.example.test");
    place.write(
        "bad/broken.yaml",
        "apiVersion: apps/v1\nkind: Deployment\n  name: x\n",
    );
    place.write(
        "bad/images.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: pod\nspec:\n  containers: [{name: a, image: \"web:1:2\"}, {name: b, image: \"web:1\"}]\n",
    );
    place.write(
        "bad/record.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: other, annotations: {imago-config-spec: nonsense}}\nspec:\n  containers: [{name: c, image: \"web:1\"}]\n",
    );
    let finished = images(&place, "-o json bad", 3);
    let report = finished.json();
    assert_eq!(
        listed(&report),
        [
            json!(["bad/images.yaml", 6, "a", "failed", "invalid-image"]),
            json!(["bad/images.yaml", 6, "b", "unpinned", null]),
            json!(["bad/record.yaml", 5, "c", "failed", "invalid-annotation"]),
        ]
    );
    let codes = report["problems"].as_array().unwrap().iter();
    let codes: Vec<&str> = codes
        .map(|problem| problem["code"].as_str().unwrap())
        .collect();
    assert_eq!(
        codes,
        ["yaml-syntax", "invalid-image", "invalid-annotation"]
    );
    assert!(
        finished
            .stderr
            .contains("error: cannot read `bad/broken.yaml`\n"),
        "{}",
        finished.stderr
    );
    let text = images(&place, "bad", 3);
    assert!(text.stderr.ends_with("; 3 problems\n"), "{}", text.stderr);
}

#[test]
fn no_name_leaves_its_cell_its_field_or_its_line() {
    let place = Workplace::new();
    let name = r#"=cmd|' /C x'!A1,\n::error::x\e[2J##[error]\u202e"#;
    place.write(
        "web.json",
        format!(
            r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"@SUM(1)"}},"spec":{{"containers":[{{"name":"{}","image":"web:1"}}]}}}}"#,
            name.replace(r"\e", r"\u001b")
        ),
    );
    place.write(
        "::warning::a,b.yaml",
        fs::read(place.path().join("web.json")).unwrap(),
    );
    for (form, lines) in [("text", 3), ("csv", 3)] {
        let told = place
            .imago(["images", "-o", form])
            .env("GITHUB_ACTIONS", "true")
            .finish_with(0)
            .stdout;
        assert_eq!(told.lines().count(), lines, "{told}");
        let steers = |character: char| {
            character.is_control() && !matches!(character, '\n' | '\r') || character == '\u{202e}'
        };
        assert!(!told.chars().any(steers), "{told:?}");
        let obeyed = told
            .lines()
            .any(|line| line.trim_start().starts_with("::") || line.contains("##["));
        assert!(!obeyed, "{told}");
    }
    let csv = place.imago(["images", "-o", "csv"]).finish_with(0).stdout;
    assert!(csv.contains(",\"'=cmd|' /C x'!A1,"), "{csv}");
    let json = place.imago(["images", "-o", "json"]).finish_with(0);
    assert!(!json.stdout.contains('\u{1b}'));
    assert_eq!(json.json()["images"].as_array().unwrap().len(), 2);
}

#[test]
fn what_an_overlay_decides_has_a_state_of_its_own() {
    let place = Workplace::new();
    fs::create_dir(place.path().join(".git")).unwrap();
    place.write("base/pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: r.test/web:1}]}\n");
    place.write("base/kustomization.yaml", "resources: [pod.yaml]\n");
    place.write(
        "prod/kustomization.yaml",
        "resources: [../base]\nimages: [{name: r.test/web, newTag: \"2\"}]\n",
    );
    let report = images(&place, "-o json base", 0).json();
    assert_eq!(
        listed(&report),
        [json!(["base/pod.yaml", 4, "a", "decided-by", "decided-by"])]
    );
}

#[test]
fn a_list_needs_no_lock_and_names_with_v_what_was_passed_over() {
    let place = Workplace::new();
    fs::create_dir(place.path().join(".git")).unwrap();
    place.write(
        ".imago.yaml",
        "lock: none/imago.lock\nkinds: [{kind: Shoq, ignore: true}]\n",
    );
    place.write("pod.yaml", "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {containers: [{name: a, image: r.test/web:1}]}\n");
    place.write(
        "web.yaml",
        "apiVersion: v1\nkind: Pod\nspec:\n  containers:\n  - name: a\n    image: {{ .Values.image }}\n",
    );
    let quiet = images(&place, "--exclude-kind Job", 0).stderr;
    assert!(
        quiet.contains("warning: `kinds: Shoq` of the settings fits no object"),
        "{quiet}"
    );
    assert!(!quiet.contains("web.yaml"), "{quiet}");
    let loud = images(&place, "-v", 0).stderr;
    assert!(loud.contains("passed over web.yaml:6 (template)"), "{loud}");
}

#[test]
fn files_and_a_cluster_do_not_go_together() {
    let place = shop("registry.example.test");
    for (line, what) in [
        (
            "-A base",
            "error: `--all-namespaces` names a cluster, and the path `base` is for files\n",
        ),
        (
            "--context prod --exclude x",
            "error: `--context` names a cluster, and `--exclude` is for files\n",
        ),
        (
            "--kubeconfig x --config y",
            "error: `--kubeconfig` names a cluster, and `--config` is for files\n",
        ),
        (
            "-n shop -A",
            "error: `--namespace` and `--all-namespaces` exclude each other\n",
        ),
        (
            "-o yaml",
            "error: `--output <FORMAT>` cannot be `yaml`\n  hint: it is one of `text`, `json`, `csv`\n",
        ),
    ] {
        let finished = images(&place, line, 2);
        assert!(
            finished.stderr.starts_with(what),
            "{line}: {}",
            finished.stderr
        );
        assert_eq!(finished.stdout, "");
    }
}

#[test]
fn what_two_schemas_describe_is_one_thing() {
    let (report, images) = (schema("report.schema.json"), schema("images.schema.json"));
    for name in ["line", "text", "digest", "code", "skipped", "problem"] {
        assert_eq!(report["$defs"][name], images["$defs"][name], "{name}");
    }
}

#[test]
fn twice_the_images_cost_at_most_twice_the_memory() {
    let peak = |count: usize| {
        let place = Workplace::new();
        let mut text =
            String::from("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n");
        for index in 0..count {
            text += &format!("  - {{name: c{index}, image: \"web:{index}\"}}\n");
        }
        place.write("web.yaml", text);
        images(&place, "", 0).peak
    };
    let two = peak(20_000);
    let is_within = |one| two * 2 <= one * 5;
    let one = most_seen(is_within, || peak(10_000));
    assert!(is_within(one), "{one} KiB, then {two} KiB");
}

#[test]
fn what_waits_for_the_digest_of_another_layer_alone_is_not_held() {
    let place = Workplace::new();
    place.write("Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n");
    place.write(
        "values.yaml",
        "image:\n  repository: r.example.com/shop/web\n  tag: \"1.4\"\n  digest: \"\"\n",
    );
    place.write("values-prod.yaml", "image:\n  tag: \"1.5\"\n");
    let told = place
        .imago(["images", "--output", "csv"])
        .finish_with(0)
        .stdout;
    assert!(
        !told.contains("held") && told.matches("unpinned").count() == 2,
        "{told}"
    );
}
