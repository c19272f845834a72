//! Which workloads are selected, and which lists that needs.

use serde_json::Value;

use super::Scene;
use crate::support::apiserver::ADMIN;

/// The same three workloads in two namespaces.
fn scene() -> Scene {
    let scene = Scene::new();
    let (image, _) = scene.image("shop/web", "1.4");
    for namespace in ["shop", "pay", "default"] {
        for name in ["api", "web"] {
            scene.add("Deployment", namespace, name, &image);
        }
    }
    scene
}

fn taken(report: &Value) -> String {
    let workloads = report["objects"].as_array().unwrap().iter();
    let names: Vec<String> = workloads
        .map(|workload| {
            format!(
                "{}/{}",
                workload["namespace"].as_str().unwrap(),
                workload["name"].as_str().unwrap()
            )
        })
        .collect();
    names.join(" ")
}

#[test]
fn namespaces_and_selectors_take_what_they_say() {
    let scene = scene();
    for (line, expected) in [
        ("", "shop/api shop/web"),
        (
            "-A",
            "default/api default/web pay/api pay/web shop/api shop/web",
        ),
        ("-n pay", "pay/api pay/web"),
        (
            "-n pay -n default",
            "default/api default/web pay/api pay/web",
        ),
        ("-x pay", "default/api default/web shop/api shop/web"),
        ("-x pay -x shop", "default/api default/web"),
        ("-A -x pay", "default/api default/web shop/api shop/web"),
        ("-n nowhere", ""),
        ("-l app=web", "shop/web"),
        ("-A -l app!=web", "default/api pay/api shop/api"),
        ("-A --selector app=web,app", "default/web pay/web shop/web"),
        ("-f metadata.name=web", "shop/web"),
        (
            "-A -f metadata.namespace!=shop,metadata.name=api",
            "default/api pay/api",
        ),
        ("-field-selector metadata.name=api", "shop/api"),
        (
            "-all-namespaces -field-selector=metadata.name=api",
            "default/api pay/api shop/api",
        ),
    ] {
        assert_eq!(taken(&scene.report(line, 0)), expected, "{line}");
    }
}

#[test]
fn named_namespaces_are_listed_by_themselves() {
    let scene = scene();
    scene.run("-n pay", 0);
    let asked = scene.server.asked();
    assert_eq!(asked.len(), 4);
    assert!(
        asked.iter().all(|asked| asked.contains("/namespaces/pay/")),
        "{asked:?}"
    );
}

#[test]
fn without_a_namespace_the_contexts_is_meant_and_else_the_default_one() {
    let scene = scene();
    let config = scene.server.kubeconfig_file_of(ADMIN, None);
    let finished = scene
        .place
        .imago([
            "cluster",
            "--output",
            "json",
            "--kubeconfig",
            config.to_str().unwrap(),
        ])
        .finish_with(0);
    assert_eq!(taken(&finished.json()), "default/api default/web");
    let listed = format!(
        "{}:{}",
        scene.place.beside("none").display(),
        scene.server.kubeconfig_file().display()
    );
    let finished = scene
        .place
        .imago(["--output", "json"])
        .env("KUBECONFIG", &listed)
        .finish_with(0);
    assert_eq!(
        taken(&finished.json()),
        "shop/api shop/web",
        "a list, of which one is missing"
    );
    let finished = scene
        .place
        .imago(["--context", "other"])
        .env("KUBECONFIG", &listed)
        .finish_with(2);
    assert!(
        finished.stderr.contains("no context `other`") && finished.stderr.contains("`test`"),
        "{}",
        finished.stderr
    );
}

#[test]
fn an_empty_selection_is_reported() {
    let scene = scene();
    assert_eq!(scene.run("-n nowhere", 0).stdout, "no workload was found\n");
}
