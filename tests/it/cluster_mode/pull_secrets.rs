//! `--image-pull-secrets`: each workload's images are asked for with its own secrets only.

use std::sync::{Condvar, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::{Scene, problems};
use crate::support::apiserver::{ApiServer, workload};
use crate::support::binary::Workplace;
use crate::support::registry::http::Response;
use crate::support::registry::{Access, TestRegistry, Tokens};

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
fn each_of_several_secrets_for_one_host_is_tried_in_turn() {
    let (user, password) = ("user".to_owned(), "hunter2".to_owned());
    let tokens = Tokens {
        account: Some((user.clone(), password.clone())),
        ..Tokens::default()
    };
    for access in [Access::Basic { user, password }, Access::Token(tokens)] {
        let scene = Scene {
            registry: TestRegistry::with(access, None),
            server: ApiServer::start(),
            place: Workplace::new(),
        };
        let host = scene.registry.host();
        let (image, digest) = scene.image("shop/web", "1.4");
        scene.add("Deployment", "shop", "web", &image);
        scene.add("Deployment", "pay", "web", &image);
        scene
            .server
            .add(&service_account("shop", &["a-old", "b-older", "c-new"]));
        scene
            .server
            .add(&service_account("pay", &["a-old", "b-older"]));
        for (namespace, name, password) in [
            ("shop", "a-old", "old"),
            ("shop", "b-older", "older"),
            ("shop", "c-new", "hunter2"),
            ("pay", "a-old", "old"),
            ("pay", "b-older", "older"),
        ] {
            scene.server.add(&secret(namespace, name, &host, password));
        }
        let finished = scene.run("-A --update --image-pull-secrets", 3);
        assert_eq!(
            scene.deployed("deployments", "shop", "web"),
            format!("{image}@{digest}")
        );
        assert_eq!(scene.deployed("deployments", "pay", "web"), image);
        assert!(
            finished
                .stderr
                .contains("hint: renew the pull secret `pay/a-old`"),
            "{}",
            finished.stderr
        );
    }
}

#[test]
fn a_wrong_password_that_many_namespaces_have_is_tried_three_times_in_all() {
    let access = Access::Basic {
        user: "user".to_owned(),
        password: "hunter2".to_owned(),
    };
    let scene = Scene {
        registry: TestRegistry::with(access, None),
        server: ApiServer::start(),
        place: Workplace::new(),
    };
    let (image, _) = scene.image("shop/web", "1.4");
    for number in 0..9 {
        let namespace = format!("shop-{number}");
        scene.add("Deployment", &namespace, "web", &image);
        scene.server.add(&service_account(&namespace, &["pull"]));
        scene
            .server
            .add(&secret(&namespace, "pull", &scene.registry.host(), "old"));
    }
    let report = scene.report("-A --update --image-pull-secrets", 3);
    assert_eq!(problems(&report), ["credentials-refused"; 9]);
    let hints = report["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| problem["hint"].as_str().unwrap());
    assert!(
        hints
            .enumerate()
            .all(|(number, hint)| hint.contains(&format!("`shop-{number}/pull`"))),
        "{report}"
    );
    let tries = scene
        .registry
        .requests()
        .iter()
        .filter(|request| request.header("authorization").is_some())
        .count();
    assert_eq!(tries, 3);
}

#[test]
fn namespaces_with_secrets_of_their_own_are_asked_side_by_side() {
    let scene = Scene::new();
    let host = scene.registry.host();
    let (image, digest) = scene.image("shop/web", "1.4");
    for namespace in ["a", "b", "c"] {
        scene.add("Deployment", namespace, "web", &image);
        scene.server.add(&service_account(namespace, &["pull"]));
        scene
            .server
            .add(&secret(namespace, "pull", &host, namespace));
    }
    // Nobody gets an answer until all three have asked.
    let (asked, all) = (Mutex::new(0), Condvar::new());
    scene.registry.fault("shop/web", move |_, _, fine| {
        let mut asked = asked.lock().unwrap();
        *asked += 1;
        all.notify_all();
        let waited = all
            .wait_timeout_while(asked, Duration::from_secs(10), |asked| *asked < 3)
            .unwrap();
        if waited.1.timed_out() {
            Response::new(404)
        } else {
            fine
        }
    });
    scene.run("-A --update --image-pull-secrets", 0);
    for namespace in ["a", "b", "c"] {
        assert_eq!(
            scene.deployed("deployments", namespace, "web"),
            format!("{image}@{digest}")
        );
    }
}

#[test]
fn each_namespace_signs_in_with_its_own_secret() {
    let access = Access::Basic {
        user: "user".to_owned(),
        password: "hunter2".to_owned(),
    };
    let scene = Scene {
        registry: TestRegistry::with(access, None),
        server: ApiServer::start(),
        place: Workplace::new(),
    };
    let (image, digest) = scene.image("shop/web", "1.4");
    let host = scene.registry.host();
    // `pay` has a wrong password, which must be a problem of its own images only.
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
    assert_eq!(
        problems(&scene.report("-A --update", 3)).len(),
        3,
        "without the secrets nobody may read it"
    );
    let finished = scene.run("-A --update --image-pull-secrets -vv", 3);
    assert_eq!(
        scene.deployed("deployments", "shop", "named"),
        format!("{image}@{digest}")
    );
    assert_eq!(
        scene.deployed("deployments", "default", "web"),
        format!("{image}@{digest}")
    );
    assert_eq!(scene.deployed("deployments", "pay", "web"), image);
    assert!(
        finished
            .stderr
            .contains("in pay/Deployment/web, container `app`"),
        "{}",
        finished.stderr
    );
    assert!(
        finished
            .stderr
            .contains("to the credentials from the pull secret `pay/pull`"),
        "{}",
        finished.stderr
    );
    assert!(
        finished
            .stderr
            .contains("hint: renew the pull secret `pay/pull`"),
        "{}",
        finished.stderr
    );
    assert!(
        finished.stderr.contains("warning: ") && finished.stderr.contains("missing"),
        "{}",
        finished.stderr
    );
    for told in [&finished.stdout, &finished.stderr] {
        assert!(
            !told.contains("hunter2")
                && !told.contains("of-nobody")
                && !told.contains(&STANDARD.encode("user:hunter2")),
            "{told}"
        );
    }
}

#[test]
fn a_workload_with_pull_secrets_is_not_told_to_sign_in_but_to_use_them() {
    let access = Access::Basic {
        user: "user".to_owned(),
        password: "hunter2".to_owned(),
    };
    let scene = Scene {
        registry: TestRegistry::with(access, None),
        server: ApiServer::start(),
        place: Workplace::new(),
    };
    let (image, _) = scene.image("shop/web", "1.4");
    let mut with = workload("Deployment", "shop", "with", &[("app", &image)]);
    with["spec"]["template"]["spec"]["imagePullSecrets"] =
        json!([{"name": "registry-key"}, {"name": "other"}]);
    scene.server.add(&with);
    scene.add("Deployment", "shop", "without", &image);
    let report = scene.report("-A", 3);
    let hints: Vec<&str> = report["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| problem["hint"].as_str().unwrap())
        .collect();
    let own = "add `--image-pull-secrets`, which uses the workload's own: `shop/registry-key`, `shop/other`";
    assert_eq!(
        hints,
        [
            own,
            &format!("run `docker login {}`", scene.registry.host())
        ]
    );
    scene.server.add(&service_account("shop", &[]));
    scene.server.add(&secret(
        "shop",
        "registry-key",
        &scene.registry.host(),
        "hunter2",
    ));
    scene
        .server
        .add(&secret("shop", "other", "other.example.test", "hunter2"));
    let report = scene.report("-n shop --image-pull-secrets", 3);
    assert_eq!(
        report["problems"].as_array().unwrap().len(),
        1,
        "the one without secrets"
    );
}
