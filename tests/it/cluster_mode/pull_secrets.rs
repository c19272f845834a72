//! `--image-pull-secrets`: each workload's images are asked for with its own secrets, and with nobody else's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Scene, problems};
use crate::support::apiserver::{ApiServer, workload};
use crate::support::binary::Workplace;
use crate::support::registry::{Access, TestRegistry};

fn secret(namespace: &str, name: &str, host: &str, password: &str) -> Value {
    let config = json!({"auths": {host: {"username": "user", "password": password}}}).to_string();
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": namespace},
        "type": "kubernetes.io/dockerconfigjson", "data": {".dockerconfigjson": STANDARD.encode(config)}})
}

fn service_account(namespace: &str, secrets: &[&str]) -> Value {
    let secrets: Vec<Value> = secrets.iter().map(|name| json!({"name": name})).collect();
    json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": namespace}, "imagePullSecrets": secrets})
}

#[test]
fn each_namespace_signs_in_with_its_own_secret() {
    let access = Access::Basic { user: "user".to_owned(), password: "hunter2".to_owned() };
    let scene = Scene { registry: TestRegistry::with(access, None), server: ApiServer::start(), place: Workplace::new() };
    let (image, digest) = scene.image("shop/web", "1.4");
    let host = scene.registry.host();
    // `pay` has a password that is wrong: its images are its own problem.
    let mut named = workload("Deployment", "shop", "named", &[("app", &image)]);
    named["spec"]["template"]["spec"]["imagePullSecrets"] = json!([{"name": "pull"}]);
    scene.server.add(&named);
    scene.add("Deployment", "pay", "web", &image);
    scene.add("Deployment", "default", "web", &image);
    for object in [
        secret("shop", "pull", &host, "hunter2"),
        secret("pay", "pull", &host, "of-nobody"),
        secret("default", "pull", &host, "hunter2"),
        service_account("shop", &[]),
        service_account("pay", &["pull"]),
        service_account("default", &["pull", "missing"]),
    ] {
        scene.server.add(&object);
    }
    assert_eq!(problems(&scene.report("-A --update", 3)).len(), 3, "without the secrets nobody may read it");
    let finished = scene.run("-A --update --image-pull-secrets -vv", 3);
    assert_eq!(scene.deployed("deployments", "shop", "named"), format!("{image}@{digest}"));
    assert_eq!(scene.deployed("deployments", "default", "web"), format!("{image}@{digest}"));
    assert_eq!(scene.deployed("deployments", "pay", "web"), image);
    assert!(finished.stderr.contains("in pay/Deployment/web, container `app`"), "{}", finished.stderr);
    assert!(finished.stderr.contains("warning: ") && finished.stderr.contains("missing"), "{}", finished.stderr);
    for told in [&finished.stdout, &finished.stderr] {
        assert!(
            !told.contains("hunter2") && !told.contains("of-nobody") && !told.contains(&STANDARD.encode("user:hunter2")),
            "{told}"
        );
    }
}
