//! Pull secrets of a workload and its service account, taken as the kubelet takes them, and used at a registry.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use imago::app::gate::PlatformLoss;
use imago::app::resolve::Wanted;
use imago::engine::image::ImageRef;
use imago::io::cluster::{Cluster, Pulled, Settings};
use imago::io::registry::{self, Registry};
use serde_json::{Value, json};

use super::{run, settings};
use crate::support::apiserver::ApiServer;
use crate::support::apiserver::access::Account;
use crate::support::registry::{Access, TestRegistry};

fn secret(name: &str, kind: &str, key: &str, content: &str) -> Value {
    let data = json!({key: STANDARD.encode(content)});
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": "shop"}, "type": kind, "data": data})
}

fn service_account(name: &str, secrets: &[&str]) -> Value {
    let secrets: Vec<Value> = secrets.iter().map(|name| json!({"name": name})).collect();
    let metadata = json!({"name": name, "namespace": "shop"});
    json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata, "imagePullSecrets": secrets})
}

fn pull(settings: &Settings, account: &str, names: &[&str]) -> Pulled {
    let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
    run(async {
        Cluster::connect(settings)
            .await
            .unwrap()
            .pull_secrets("shop", account, &names)
            .await
    })
}

/// A registry that needs a password, and the `auths` of a docker config for it.
fn private() -> (TestRegistry, String) {
    let access = Access::Basic {
        user: "user".to_owned(),
        password: "hunter2".to_owned(),
    };
    let registry = TestRegistry::with(access, None);
    let auths = json!({registry.host(): {"username": "user", "password": "hunter2"}});
    (registry, auths.to_string())
}

#[test]
fn a_registry_is_asked_with_the_pull_secrets_of_either_form() {
    let (registry, auths) = private();
    let digest = registry.push_image("shop/web", "1.4", "linux/amd64", "first");
    let new = secret(
        "new",
        "kubernetes.io/dockerconfigjson",
        ".dockerconfigjson",
        &format!(r#"{{"auths":{auths}}}"#),
    );
    let old = secret("old", "kubernetes.io/dockercfg", ".dockercfg", &auths);
    let server = ApiServer::start().with(&[
        new,
        old,
        service_account("default", &["old"]),
        service_account("web", &[]),
    ]);
    for (account, names) in [
        ("", &[][..]),
        ("web", &["new"][..]),
        ("web", &["old", "old"][..]),
    ] {
        let pulled = pull(&settings(&server), account, names);
        assert!(
            pulled.problems.is_empty() && pulled.secrets.len() == 1,
            "{pulled:?}"
        );
        assert!(!format!("{pulled:?}").contains("hunter2"));
        let asked = Registry::new(registry::Settings {
            pull_secrets: pulled.secrets,
            ..registry::Settings::default()
        })
        .unwrap();
        let lookup = ImageRef::parse(&format!("{}/shop/web:1.4", registry.host()))
            .unwrap()
            .lookup();
        let wanted = Wanted::from([(lookup.clone(), Default::default())]);
        let answers = crate::support::resolve(
            &std::sync::Arc::new(asked),
            &wanted,
            PlatformLoss::HoldBack,
            |_| {},
        );
        assert_eq!(
            answers[&lookup].as_ref().unwrap().digest.as_str(),
            digest,
            "{account} {names:?}"
        );
    }
}

#[test]
fn a_secret_that_cannot_be_used_is_said_and_the_others_are_used() {
    let (_registry, auths) = private();
    let fine = secret("fine", "kubernetes.io/dockercfg", ".dockercfg", &auths);
    let opaque = secret("opaque", "Opaque", "password", "hunter2");
    let broken = secret("broken", "kubernetes.io/dockercfg", ".dockercfg", "hunter2");
    let server = ApiServer::start().with(&[fine, opaque, broken]);
    let pulled = pull(
        &settings(&server),
        "gone",
        &["missing", "opaque", "broken", "fine"],
    );
    assert_eq!(pulled.secrets.len(), 1);
    let said: Vec<(String, &str)> = pulled
        .problems
        .iter()
        .map(|error| (error.to_string(), error.code().as_str()))
        .collect();
    assert_eq!(
        said,
        [
            (
                "cannot read the service account `shop/gone`".to_owned(),
                "not-found"
            ),
            (
                "cannot read the pull secret `shop/missing`".to_owned(),
                "not-found"
            ),
            (
                "cannot read the pull secret `shop/opaque`".to_owned(),
                "pull-secret"
            ),
            (
                "cannot read the pull secret `shop/broken`".to_owned(),
                "pull-secret"
            ),
        ]
    );
    assert!(!format!("{:?}", pulled.problems).contains("hunter2"));
}

#[test]
fn who_may_not_read_secrets_is_told_which_file_grants_it() {
    let server = ApiServer::start().account(
        "token-of-the-weak",
        Account::new("system:serviceaccount:shop:weak"),
    );
    let settings = Settings {
        kubeconfig: Some(server.kubeconfig_file_of("token-of-the-weak", None).into()),
        ..settings(&server)
    };
    let pulled = pull(&settings, "default", &["fine"]);
    let hints: Vec<String> = pulled
        .problems
        .iter()
        .map(|error| error.hint().unwrap())
        .collect();
    assert_eq!(
        hints,
        [
            "grant the verb `get` on `serviceaccounts` of the core API group in the namespace `shop`, as `deploy/secrets.yaml` does",
            "grant the verb `get` on `secrets` of the core API group in the namespace `shop`, as `deploy/secrets.yaml` does",
        ]
    );
}
