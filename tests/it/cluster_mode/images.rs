//! `imago images` of a cluster.

use serde_json::{Value, json};

use super::Scene;
use crate::support::apiserver::workload;

#[test]
fn the_images_of_a_cluster_are_listed_with_those_that_something_else_writes() {
    let scene = Scene::new();
    let (image, digest) = scene.image("shop/web", "1.4");
    scene.add("Deployment", "shop", "web", &image);
    scene.add("CronJob", "ops", "job", &format!("{image}@{digest}"));
    let mut argo = workload("Deployment", "shop", "argo", &[("app", &image)]);
    argo["metadata"]["annotations"] =
        json!({"argocd.argoproj.io/tracking-id": "argo:apps/Deployment:shop/argo"});
    scene.server.add(&argo);
    let listed = |line: &str| {
        let report = scene.run(&format!("images -o json {line}"), 0).json();
        assert_eq!(report["mode"], "cluster");
        let images = report["images"].as_array().unwrap().iter();
        let keys = ["object", "namespace", "state", "code"];
        let images = images.map(|image| Value::from_iter(keys.map(|key| image[key].clone())));
        images.collect::<Vec<_>>()
    };
    let argo = json!(["shop/Deployment/argo", "shop", "unpinned", "managed"]);
    let web = json!(["shop/Deployment/web", "shop", "unpinned", null]);
    let job = json!(["ops/CronJob/job", "ops", "fixed", null]);
    assert_eq!(listed("-A"), [job, argo.clone(), web.clone()]);
    assert_eq!(listed(""), [argo, web.clone()]);
    assert_eq!(
        listed("-A -f metadata.name=web"),
        std::slice::from_ref(&web)
    );
    assert_eq!(
        listed("-n shop -f metadata.name=web --kind Deployment"),
        [web]
    );
    assert_eq!(
        listed("-n shop --exclude-kind Deployment"),
        [] as [Value; 0]
    );
    assert_eq!(listed("-x shop -x ops"), [] as [Value; 0]);
    let text = scene.run("images -n shop", 0);
    assert!(
        text.stdout.starts_with("OBJECT ")
            && text.stdout.contains("\nshop/Deployment/argo  app ")
            && text.stdout.contains("  unpinned (managed)\n"),
        "{}",
        text.stdout
    );
    assert_eq!(text.stderr, "2 images: 2 unpinned\n");
    assert!(scene.registry.asked().is_empty());
    assert_eq!(scene.server.count("PATCH"), 0);
}

#[test]
fn a_list_that_is_refused_is_a_problem_and_the_others_are_there() {
    let scene = Scene::new();
    let (image, _) = scene.image("shop/web", "1.4");
    scene.add("DaemonSet", "shop", "web", &image);
    scene.server.fault("/deployments", |_, _, _| {
        crate::support::registry::http::Response::new(403)
    });
    let finished = scene.run("images -o json", 3);
    let report = finished.json();
    assert_eq!(report["images"].as_array().unwrap().len(), 1);
    assert_eq!(report["problems"].as_array().unwrap().len(), 1);
    assert!(
        finished.stderr.starts_with("error: "),
        "{}",
        finished.stderr
    );
}
