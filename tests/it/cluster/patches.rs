//! JSON Patches: kept, rehearsed, refused or overtaken, and never sent twice if they may have been carried out.

use imago::engine::shape::pods::KINDS;
use imago::io::cluster::{Cluster, ClusterError, Send, Settings};
use serde_json::{Value, json};

use super::{run, settings};
use crate::support::apiserver::access::Account;
use crate::support::apiserver::{ApiServer, status, workload};
use crate::support::registry::http::{Body, Response};

const OLD: &str = "registry.example.test/shop/web:1.4";
const NEW: &str = "registry.example.test/shop/web:1.4@sha256:1111111111111111111111111111111111111111111111111111111111111111";

fn server() -> ApiServer {
    ApiServer::start().with(&[workload("Deployment", "shop", "web", &[("web", OLD)])])
}

fn pin(image: &str) -> Value {
    let path = "/spec/template/spec/containers/0/image";
    json!([{"op": "test", "path": path, "value": OLD}, {"op": "replace", "path": path, "value": image}])
}

fn patch(settings: &Settings, patch: &Value, send: Send) -> Result<Value, ClusterError> {
    let operations = patch.as_array().unwrap();
    run(async {
        Cluster::connect(settings)
            .await?
            .patch(&KINDS[0], "shop", "web", operations, send)
            .await
    })
}

fn image(object: &Value) -> &Value {
    &object["spec"]["template"]["spec"]["containers"][0]["image"]
}

#[test]
fn a_patch_is_kept_under_our_name() {
    let server = server();
    let patched = patch(&settings(&server), &pin(NEW), Send::ForReal).unwrap();
    assert_eq!(
        (image(&patched), &patched["kind"]),
        (&json!(NEW), &json!("Deployment"))
    );
    assert!(patched["metadata"].get("managedFields").is_none());
    let kept = server.object("deployments", "shop", "web");
    assert_eq!(image(&kept), NEW);
    let ours = kept["metadata"]["managedFields"]
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["manager"] == "imago")
        .unwrap();
    let name = r#"k:{"name":"web"}"#;
    assert_eq!(
        ours["fieldsV1"],
        json!({"f:spec": {"f:template": {"f:spec": {"f:containers": {name: {"f:image": {}}}}}}})
    );
    assert_eq!(
        server.asked(),
        ["PATCH /apis/apps/v1/namespaces/shop/deployments/web?fieldManager=imago"]
    );
    assert_eq!(
        server.requests()[0].header("content-type"),
        Some("application/json-patch+json")
    );
}

#[test]
fn a_rehearsed_patch_is_answered_and_not_kept() {
    let server = server();
    let patched = patch(&settings(&server), &pin(NEW), Send::DryRun).unwrap();
    assert_eq!(
        (
            image(&patched),
            image(&server.object("deployments", "shop", "web"))
        ),
        (&json!(NEW), &json!(OLD))
    );
    assert_eq!(
        server.asked(),
        ["PATCH /apis/apps/v1/namespaces/shop/deployments/web?fieldManager=imago&dryRun=All"]
    );
}

#[test]
fn a_workload_that_somebody_changed_meanwhile_is_a_conflict_and_keeps_the_other_change() {
    let server = server();
    server.race("deployments/web", 1, |object| {
        object["spec"]["template"]["spec"]["containers"][0]["image"] = "other:2".into()
    });
    let error = patch(&settings(&server), &pin(NEW), Send::ForReal).unwrap_err();
    assert!(error.is_conflict());
    assert_eq!(error.to_string(), "cannot change shop/Deployment/web");
    assert_eq!(
        image(&server.object("deployments", "shop", "web")),
        "other:2"
    );
}

#[test]
fn a_patch_that_makes_an_invalid_object_says_which_field() {
    let server = server();
    let error = patch(&settings(&server), &pin(""), Send::ForReal).unwrap_err();
    assert_eq!(
        (error.code().as_str(), error.is_conflict()),
        ("invalid", false)
    );
    assert_eq!(
        error.cause(),
        "the API server refuses it: `spec.template.spec.containers[0].image`: Required value"
    );
}

#[test]
fn a_patch_that_may_have_been_carried_out_is_not_sent_again() {
    for (code, failure) in [
        (
            "connection-lost",
            Response::new(200).sent(|_| Body::Nothing),
        ),
        ("server-error", Response::new(500)),
        ("server-error", Response::new(503)),
    ] {
        let server = server();
        server.fault("deployments", move |_, _, _| failure.clone());
        let error = patch(&settings(&server), &pin(NEW), Send::ForReal).unwrap_err();
        assert_eq!(error.code().as_str(), code);
        let unknown =
            error.hint().as_deref() == Some("try again; what was sent may have been done");
        assert_eq!(unknown, code == "connection-lost", "{error:?}");
        assert_eq!(server.count("PATCH"), 1, "{code}");
    }
    let server = server();
    server.fault("deployments", |_, number, fine| {
        if number == 1 {
            Response::new(429)
        } else {
            fine
        }
    });
    // The tests' server has carried it out, unlike a real one that is busy. So the second try finds the object changed.
    assert!(
        patch(&settings(&server), &pin(NEW), Send::ForReal)
            .unwrap_err()
            .is_conflict()
    );
    assert_eq!(server.count("PATCH"), 2);
}

#[test]
fn a_refusal_says_whose_it_is() {
    let server = server().account(
        "token-of-the-weak",
        Account::new("system:serviceaccount:shop:weak"),
    );
    let weak = Settings {
        kubeconfig: Some(server.kubeconfig_file_of("token-of-the-weak", None).into()),
        ..settings(&server)
    };
    let error = patch(&weak, &pin(NEW), Send::ForReal).unwrap_err();
    assert_eq!(
        error.hint().unwrap(),
        "grant the verb `patch` on `deployments` of the API group `apps` in the namespace `shop`, as `deploy/one-namespace/role.yaml` does"
    );
    server.fault("deployments", |_, number, fine| match number {
        1 => status::failure(
            403,
            "Forbidden",
            "admission webhook \"pins.example.test\" denied the request: no",
            &Value::Null,
        ),
        _ => fine,
    });
    let error = patch(&settings(&server), &pin(NEW), Send::ForReal).unwrap_err();
    assert_eq!(
        (error.code().as_str(), error.cause().as_str()),
        (
            "denied",
            "the cluster's admission control refuses it: admission webhook \"pins.example.test\" denied the request: no"
        )
    );
    let unknown = Settings {
        kubeconfig: Some(server.kubeconfig_file_of("nobody", None).into()),
        ..settings(&server)
    };
    let error = patch(&unknown, &pin(NEW), Send::ForReal).unwrap_err();
    assert_eq!(
        error.cause(),
        "the API server answered 401 Unauthorized to the kubeconfig's credentials"
    );
    server.remove("deployments", "shop", "web");
    assert_eq!(
        patch(&settings(&server), &pin(NEW), Send::ForReal)
            .unwrap_err()
            .code()
            .as_str(),
        "not-found"
    );
}
