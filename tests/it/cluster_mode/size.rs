//! How much a large cluster costs: requests, and memory.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Scene;
use crate::support::apiserver::workload;

const NAMESPACES: usize = 20;

/// So many Deployments with a ReplicaSet each, and pods that run what they should.
fn large(workloads: usize, pods: usize, images: usize) -> Scene {
    let scene = Scene::new();
    let images: Vec<(String, String)> = (0..images).map(|number| scene.image(&format!("shop/app-{number}"), "1")).collect();
    // What an object of a cluster carries beside what matters: an environment, and the server's own notes.
    let environment: Vec<Value> =
        (0..20).map(|number| json!({"name": format!("VARIABLE_{number}"), "value": "x".repeat(40)})).collect();
    for number in 0..workloads {
        let (image, _) = &images[number % images.len()];
        let (namespace, name) = (format!("team-{}", number % NAMESPACES), format!("app-{number}"));
        let mut object = workload("Deployment", &namespace, &name, &[("app", image)]);
        object["spec"]["template"]["spec"]["containers"][0]["env"] = environment.clone().into();
        object["status"] = json!({"observedGeneration": 100});
        scene.server.add(&object);
    }
    for number in 0..pods {
        let app = number % workloads;
        let (image, digest) = &images[app % images.len()];
        let (namespace, name) = (format!("team-{}", app % NAMESPACES), format!("app-{app}"));
        let metadata = |name: &str, owner: &str, uid: &Value| {
            json!({"name": name, "namespace": namespace,
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": owner, "name": "x", "uid": uid, "controller": true}]})
        };
        let set = format!("{name}-5d9c");
        if number == app {
            let uid = scene.server.object("deployments", &namespace, &name)["metadata"]["uid"].clone();
            scene
                .server
                .add(&json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata(&set, "Deployment", &uid),
                "spec": {"template": {"spec": {"containers": [{"name": "app", "image": image, "env": environment}]}}}}));
        }
        let uid = scene.server.object("replicasets", &namespace, &set)["metadata"]["uid"].clone();
        scene.server.add(
            &json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata(&format!("{set}-{number}"), "ReplicaSet", &uid),
            "spec": {"containers": [{"name": "app", "image": image, "env": environment}]},
            "status": {"phase": "Running", "containerStatuses":
                [{"name": "app", "imageID": format!("r.test/app@{digest}"), "state": {"running": {}}}]}}),
        );
    }
    scene
}

#[test]
fn a_thousand_workloads_with_their_pods_are_few_requests_and_little_memory() {
    let scene = large(1000, 1400, 200);
    let finished = scene.imago("-A --update --check-pods").finish_with(0);
    let said: String = finished.stdout.lines().last().unwrap_or_default().chars().take(80).collect();
    assert_eq!(said, "all 1000 images in 1000 workloads are up to date");
    let asked = scene.server.asked();
    let mut kinds = String::new();
    for request in &asked {
        writeln!(kinds, "{request}").unwrap();
    }
    assert!(asked.len() <= 40, "{kinds}");
    assert!(finished.peak <= 64 * 1024, "{} KiB", finished.peak);
}

#[test]
fn a_report_of_five_thousand_workloads_needs_little_memory() {
    let scene = large(5000, 0, 200);
    let finished = scene.imago("-A").finish_with(0);
    assert!(finished.peak <= 96 * 1024, "{} KiB", finished.peak);
}
