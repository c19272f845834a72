//! Policies by annotation, in a cluster.

use serde_json::json;

use super::Scene;
use crate::support::apiserver::workload;

/// A Deployment with this annotation and the image `shop/web:1.4.2`, of which there is a newer version.
fn scene(policy: &str) -> (Scene, String, String) {
    let scene = Scene::new();
    let (old, old_digest) = scene.image("shop/web", "1.4.2");
    let platforms = ["linux/amd64", "linux/arm64"];
    let new_digest = scene
        .registry
        .push_index("shop/web", "1.5.0", &platforms, "newer");
    let new = format!("{}/shop/web:1.5.0@{new_digest}", scene.registry.host());
    let mut object = workload("Deployment", "shop", "web", &[("app", &old)]);
    object["metadata"]["annotations"] = json!({"imago/policy": policy});
    scene.server.add(&object);
    (scene, format!("{old}@{old_digest}"), new)
}

#[test]
fn an_annotation_moves_the_tag() {
    for policy in ["minor", "app=semver ^1.4"] {
        let (scene, _, new) = scene(policy);
        scene.run("--update", 0);
        assert_eq!(scene.deployed("deployments", "shop", "web"), new);
        let patches = scene.server.count("PATCH");
        scene.run("--update", 0);
        assert_eq!(scene.server.count("PATCH"), patches);
    }
}

#[test]
fn digests_only_and_ignore_keep_it() {
    let (digests_only, old, _) = scene("minor");
    digests_only.run("--update --digests-only", 0);
    assert_eq!(digests_only.deployed("deployments", "shop", "web"), old);
    let (ignored, ..) = scene("ignore");
    let report = ignored.report("--update", 0);
    assert_eq!(report["objects"][0]["images"][0]["outcome"], "ignored");
}

#[test]
fn a_mistake_holds_it() {
    let (scene, ..) = scene("minro");
    let report = scene.report("--update", 0);
    let image = &report["objects"][0]["images"][0];
    assert_eq!(
        (&image["outcome"], &image["code"]),
        (&json!("held"), &json!("bad-comment"))
    );
    assert_eq!(scene.server.count("PATCH"), 0);
}
