//! Runs kubectl against the tests' API server. If kubectl accepts the server, other clients may, too.

use serde_json::json;

use crate::support::apiserver::access::Account;
use crate::support::apiserver::{ADMIN, ApiServer, workload};
use crate::support::binary::Workplace;
use crate::support::programs::find;

#[test]
fn kubectl_reads_and_patches_through_the_tests_server() {
    let Some(kubectl) = find("kubectl") else {
        return;
    };
    let web = workload(
        "Deployment",
        "shop",
        "web",
        &[("web", "registry.example.test/shop/web:1.4")],
    );
    let server = ApiServer::start()
        .with(&[web])
        .account("token-of-the-weak", Account::new("weak"));
    let place = Workplace::new();
    let run = |token: &str, arguments: &[&str], code: i32| {
        let config = server.kubeconfig_file_of(token, Some("shop"));
        let kubeconfig = [
            "--kubeconfig".to_owned(),
            config.to_str().unwrap().to_owned(),
        ];
        let arguments = kubeconfig
            .into_iter()
            .chain(arguments.iter().map(|&argument| argument.to_owned()));
        place.program(&kubectl, arguments).finish_with(code)
    };
    assert_eq!(
        run(ADMIN, &["get", "deploy", "-n", "shop", "-o", "name"], 0).stdout,
        "deployment.apps/web\n"
    );
    assert!(run(ADMIN, &["get", "deploy"], 0).stdout.contains("web"));
    let patch = json!([{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "other:2"}]).to_string();
    run(
        ADMIN,
        &["patch", "deployment", "web", "--type", "json", "-p", &patch],
        0,
    );
    assert_eq!(
        server.object("deployments", "shop", "web")["spec"]["template"]["spec"]["containers"][0]["image"],
        "other:2"
    );
    let refused = run("token-of-the-weak", &["get", "deploy"], 1).stderr;
    assert!(
        refused.contains(r#"User "weak" cannot list resource "deployments" in API group "apps""#),
        "{refused}"
    );
}
