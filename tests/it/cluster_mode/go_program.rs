//! Behaviour of the Go program that people rely on, its bugs, and command lines that mean files.

use serde_json::json;

use super::{Scene, pod};
use crate::support::apiserver::workload;
use crate::support::registry::http::Response;

const RECORD: &str = "/metadata/annotations/imago-config-spec";

/// The objects in the cluster before and after `--update`. `{host}`, `{a}` and `{b}` are the registry and the digests of
/// `shop/a:1` and `shop/a:2`.
struct Case {
    what: &'static str,
    images: &'static [(&'static str, &'static str)],
    record: Option<&'static str>,
    after: &'static [&'static str],
    record_after: Option<&'static str>,
}

const CASES: [Case; 6] = [
    Case {
        what: "the record is compact JSON, with both lists, in the order of the containers (there it was random)",
        images: &[
            ("z", "{host}/shop/a:1"),
            ("y", "{host}/shop/a:2"),
            ("x", "{host}/shop/a:1"),
        ],
        record: None,
        after: &[
            "{host}/shop/a:1@{a}",
            "{host}/shop/a:2@{b}",
            "{host}/shop/a:1@{a}",
        ],
        record_after: Some(
            r#"{"containers":[{"name":"z","image":"{host}/shop/a:1"},{"name":"y","image":"{host}/shop/a:2"},{"name":"x","image":"{host}/shop/a:1"}],"initContainers":[]}"#,
        ),
    },
    Case {
        what: "an image that it has written, name and digest without the tag, is refreshed from its record in the same form",
        images: &[("app", "{host}/shop/a@{old}")],
        record: Some(
            r#"{"containers":[{"name":"app","image":"{host}/shop/a:1"}],"initContainers":[]}"#,
        ),
        after: &["{host}/shop/a@{a}"],
        record_after: Some(
            r#"{"containers":[{"name":"app","image":"{host}/shop/a:1"}],"initContainers":[]}"#,
        ),
    },
    Case {
        what: "a digest that a person wrote stays",
        images: &[("app", "{host}/shop/a@{old}")],
        record: None,
        after: &["{host}/shop/a@{old}"],
        record_after: None,
    },
    Case {
        what: "a newer tag wins over the record (there the stale record took it back)",
        images: &[("app", "{host}/shop/a:2@{old}")],
        record: Some(
            r#"{"containers":[{"name":"app","image":"{host}/shop/a:1"}],"initContainers":[]}"#,
        ),
        after: &["{host}/shop/a:2@{b}"],
        record_after: Some(
            r#"{"containers":[{"name":"app","image":"{host}/shop/a:2"}],"initContainers":[]}"#,
        ),
    },
    Case {
        what: "an image without a digest wins over the record",
        images: &[("app", "{host}/shop/a:2")],
        record: Some(
            r#"{"containers":[{"name":"app","image":"{host}/shop/a:1"}],"initContainers":[]}"#,
        ),
        after: &["{host}/shop/a:2@{b}"],
        record_after: Some(
            r#"{"containers":[{"name":"app","image":"{host}/shop/a:2"}],"initContainers":[]}"#,
        ),
    },
    Case {
        what: "a container that is gone leaves the record",
        images: &[("app", "{host}/shop/a:1")],
        record: Some(
            r#"{"containers":[{"name":"gone","image":"{host}/shop/a:2"}],"initContainers":[]}"#,
        ),
        after: &["{host}/shop/a:1@{a}"],
        record_after: Some(
            r#"{"containers":[{"name":"app","image":"{host}/shop/a:1"}],"initContainers":[]}"#,
        ),
    },
];

#[test]
fn records_are_read_and_written_as_people_know_them() {
    for case in CASES {
        let scene = Scene::new();
        let (_, a) = scene.image("shop/a", "1");
        let b = scene
            .registry
            .push_index("shop/a", "2", &["linux/amd64"], "second");
        let host = scene.registry.host();
        let old = format!("sha256:{}", "0".repeat(64));
        let filled = |text: &str| {
            text.replace("{host}", &host)
                .replace("{a}", &a)
                .replace("{b}", &b)
                .replace("{old}", &old)
        };
        let images: Vec<(&str, String)> = case
            .images
            .iter()
            .map(|(name, image)| (*name, filled(image)))
            .collect();
        let images: Vec<(&str, &str)> = images
            .iter()
            .map(|(name, image)| (*name, image.as_str()))
            .collect();
        let mut object = workload("Deployment", "shop", "web", &images);
        if let Some(record) = case.record {
            object["metadata"]["annotations"] = json!({"imago-config-spec": filled(record)});
        }
        scene.server.add(&object);
        scene.run("--update", 0);
        let object = scene.server.object("deployments", "shop", "web");
        let after: Vec<&str> = pod(&object)["containers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["image"].as_str().unwrap())
            .collect();
        assert_eq!(
            after,
            case.after
                .iter()
                .map(|image| filled(image))
                .collect::<Vec<_>>(),
            "{}",
            case.what
        );
        let record = object
            .pointer(RECORD)
            .map(|record| record.as_str().unwrap().to_owned());
        assert_eq!(record, case.record_after.map(filled), "{}", case.what);
    }
}

#[test]
fn a_registry_that_refuses_is_a_problem_and_no_line_in_a_log() {
    let scene = Scene::new();
    let (image, _) = scene.image("shop/web", "1.4");
    scene
        .registry
        .fault("shop/web", |_, _, _| Response::new(403));
    scene.add("Deployment", "shop", "web", &image);
    let finished = scene.run("--update", 3);
    assert!(
        finished.stderr.contains("403 Forbidden"),
        "{}",
        finished.stderr
    );
    assert_eq!(scene.deployed("deployments", "shop", "web"), image);
}

#[test]
fn a_kubeconfig_is_obeyed_inside_a_pod() {
    let scene = Scene::new();
    let (image, _) = scene.image("shop/web", "1.4");
    scene.add("Deployment", "shop", "web", &image);
    // These two variables alone would lead to another server.
    let run = scene
        .imago("")
        .env("KUBERNETES_SERVICE_HOST", "127.0.0.1")
        .env("KUBERNETES_SERVICE_PORT", "1");
    assert!(
        run.finish_with(0)
            .stdout
            .starts_with("checking shop/Deployment/web:\n")
    );
}

#[test]
fn two_hundred_images_are_asked_for_once_each() {
    let scene = Scene::new();
    for number in 0..200 {
        let (image, _) = scene.image(&format!("shop/app-{number}"), "1");
        for copy in ["a", "b"] {
            scene.add(
                "Deployment",
                "shop",
                &format!("app-{number}-{copy}"),
                &image,
            );
        }
    }
    let before = scene.registry.requests().len();
    scene.run("--update", 0);
    let heads = scene.registry.requests()[before..]
        .iter()
        .filter(|request| request.method == "HEAD")
        .count();
    assert_eq!(
        (
            heads,
            scene.server.count("PATCH"),
            scene.server.count("GET")
        ),
        (200, 400, 4)
    );
}

#[test]
fn command_lines_of_the_go_program_work() {
    for line in [
        "--update",
        "-update",
        "-update=true",
        "-update -A",
        "--update --all-namespaces",
        "-update -n shop",
        "-update -x pay",
        "-update -l app=web",
        "-update -field-selector metadata.name=web",
        "cluster --update",
    ] {
        let scene = Scene::new();
        let (image, digest) = scene.image("shop/web", "1.4");
        scene.add("Deployment", "shop", "web", &image);
        scene.run(line, 0);
        assert_eq!(
            scene.deployed("deployments", "shop", "web"),
            format!("{image}@{digest}"),
            "{line}"
        );
    }
    let scene = Scene::new();
    let (image, _) = scene.image("shop/web", "1.4");
    scene.add("Deployment", "shop", "web", &image);
    for line in ["", "-update=false", "-A", "-check-pods"] {
        scene.run(line, 0);
        assert_eq!(
            scene.deployed("deployments", "shop", "web"),
            image,
            "{line}"
        );
    }
}

#[test]
fn a_path_or_a_flag_for_files_is_refused_before_anything_is_contacted() {
    let scene = Scene::new();
    for line in [
        "deploy/",
        "--update deploy/",
        "--update --commit",
        "--offline",
        "--update --lock imago.lock",
        "--diff",
    ] {
        let stderr = scene.run(line, 2).stderr;
        assert!(
            stderr.contains("hint: run `imago files "),
            "{line}: {stderr}"
        );
    }
    assert_eq!(scene.server.connections(), 0);
}

#[test]
fn a_docker_config_signs_in() {
    let scene = Scene::new();
    let (image, _) = scene.image("shop/web", "1.4");
    scene.add("Deployment", "shop", "web", &image);
    let stderr = scene.run("-docker-config nowhere.json", 2).stderr;
    assert!(stderr.contains("nowhere.json"), "{stderr}");
    scene.place.write("config.json", r#"{"auths":{}}"#);
    scene.run("-docker-config config.json", 0);
}
