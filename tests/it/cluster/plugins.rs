//! Credential plugins: what they get, what they return, and how they fail.

#![cfg(unix)]

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use imago::io::cluster::{Cluster, Limits, Query, Settings};
use serde_json::{Value, json};

use super::{DEPLOYMENTS, deployments, run, settings};
use crate::support::apiserver::access::Account;
use crate::support::apiserver::{ADMIN, ApiServer, workload};

fn server() -> ApiServer {
    ApiServer::start().with(&[workload(
        "Deployment",
        "shop",
        "web",
        &[("web", "registry.example.test/shop/web:1.4")],
    )])
}

/// Settings whose user is a plugin: a shell script beside the kubeconfig.
fn plugin(
    server: &ApiServer,
    folder: &Path,
    script: &str,
    change: impl FnOnce(&mut Value),
) -> Settings {
    use std::os::unix::fs::PermissionsExt as _;
    let program = folder.join("sign-in");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let mut config: Value = serde_json::from_str(&server.kubeconfig(ADMIN, None)).unwrap();
    let mut exec = json!({
        "apiVersion": "client.authentication.k8s.io/v1", "command": "./sign-in", "interactiveMode": "Never",
        "args": ["--for", "shop"], "env": [{"name": "REGION", "value": "north"}],
    });
    change(&mut exec);
    config["users"][0]["user"] = json!({"exec": exec});
    let path = folder.join("kubeconfig");
    std::fs::write(&path, config.to_string()).unwrap();
    let environment =
        [("PATH", "/usr/bin:/bin"), ("OWN", "1")].map(|(name, value)| (name.into(), value.into()));
    Settings {
        kubeconfig: Some(path.into()),
        environment: environment.into(),
        ..settings(server)
    }
}

fn answer(token: &str) -> String {
    format!(
        r#"echo '{{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{{"token":"{token}"}}}}'"#
    )
}

#[test]
fn a_plugin_gets_our_environment_and_is_told_of_the_cluster() {
    let (server, folder) = (server(), tempfile::tempdir().unwrap());
    let seen = folder.path().join("seen");
    let note = format!("env > {0}; echo \"args=$*\" >> {0}", seen.display());
    let script = format!("{note}\n{}", answer(ADMIN));
    let settings = plugin(&server, folder.path(), &script, |exec| {
        exec["provideClusterInfo"] = true.into()
    });
    assert_eq!(deployments(&settings).unwrap(), ["web"]);
    let seen = std::fs::read_to_string(seen).unwrap();
    assert!(
        seen.contains("OWN=1\n")
            && seen.contains("REGION=north\n")
            && seen.contains("args=--for shop\n"),
        "{seen}"
    );
    assert!(!seen.contains("CARGO"), "{seen}");
    let info = seen
        .lines()
        .find_map(|line| line.strip_prefix("KUBERNETES_EXEC_INFO="))
        .unwrap();
    let info: Value = serde_json::from_str(info).unwrap();
    assert_eq!(
        (&info["kind"], &info["spec"]["interactive"]),
        (&json!("ExecCredential"), &json!(false))
    );
    assert_eq!(info["spec"]["cluster"]["server"], server.url());
    assert!(info["spec"]["cluster"]["certificate-authority-data"].is_string());
}

#[test]
fn a_token_that_the_server_refuses_is_got_anew_once() {
    let server = server().account("fresh", Account::admin());
    let folder = tempfile::tempdir().unwrap();
    let count = folder.path().join("count");
    let script = format!(
        "echo x >> {0}\nif [ $(wc -l < {0}) = 1 ]; then {1}; else {2}; fi",
        count.display(),
        answer("stale"),
        answer("fresh")
    );
    let settings = plugin(&server, folder.path(), &script, |_| ());
    run(async {
        let cluster = Cluster::connect(&settings).await.unwrap();
        let query = Query::default();
        for _ in 0..2 {
            assert_eq!(
                cluster
                    .list(DEPLOYMENTS, Some("shop"), &query, Some)
                    .await
                    .unwrap()
                    .len(),
                1
            );
        }
    });
    assert_eq!(
        (
            std::fs::read_to_string(&count).unwrap().lines().count(),
            server.count("GET")
        ),
        (2, 3)
    );
    let settings = plugin(&server, folder.path(), &answer("wrong"), |_| ());
    let error = deployments(&settings).unwrap_err();
    assert_eq!(
        error.cause(),
        "the API server answered 401 Unauthorized to what the credential plugin gave"
    );
    assert_eq!(server.count("GET"), 5);
}

#[test]
fn a_plugin_that_gives_nothing_is_named_and_nothing_of_its_output_is_repeated() {
    let (server, folder) = (server(), tempfile::tempdir().unwrap());
    let program = folder.path().join("./sign-in");
    let program = program.display();
    let mut cases = vec![
        (
            "echo hunter2; exit 3",
            format!("the credential plugin `{program}` failed (exit status: 3)"),
        ),
        (
            "echo hunter2",
            format!("the credential plugin `{program}` did not answer with the expected JSON"),
        ),
        (
            "exit 0",
            format!("the credential plugin `{program}` did not answer with the expected JSON"),
        ),
        (
            "exec sleep 60",
            format!("the credential plugin `{program}` gave no answer within 0.3 s"),
        ),
    ];
    for (script, cause) in cases.drain(..) {
        let settings = plugin(&server, folder.path(), script, |_| ());
        let limits = Limits {
            plugin: Duration::from_millis(300),
            ..settings.limits
        };
        let limits = if script.contains("sleep") {
            limits
        } else {
            settings.limits
        };
        let error = deployments(&Settings { limits, ..settings }).unwrap_err();
        assert_eq!(
            (error.code().as_str(), error.cause()),
            ("credential-plugin", cause)
        );
        assert!(!format!("{error:?}").contains("hunter2"));
    }
    let settings = plugin(&server, folder.path(), "", |exec| {
        exec["command"] = "kube-sign-in".into();
        exec["installHint"] = "\nget it from https://tools.example.test\nsecond line".into();
    });
    let error = deployments(&settings).unwrap_err();
    assert_eq!(
        error.cause(),
        "the credential plugin `kube-sign-in` is not there"
    );
    assert_eq!(
        error.hint().unwrap(),
        "get it from https://tools.example.test"
    );
    let settings = plugin(&server, folder.path(), "", |exec| {
        exec["apiVersion"] = "client.authentication.k8s.io/v1alpha1".into()
    });
    assert_eq!(
        deployments(&settings).unwrap_err().code().as_str(),
        "credential-plugin"
    );
    assert!(server.requests().is_empty());
}

#[test]
fn a_bare_name_is_looked_for_on_the_path_of_the_settings() {
    let (server, folder) = (server(), tempfile::tempdir().unwrap());
    let settings = plugin(&server, folder.path(), &answer(ADMIN), |exec| {
        exec["command"] = "sign-in".into()
    });
    let path: OsString =
        std::env::join_paths([folder.path(), Path::new("/usr/bin"), Path::new("/bin")]).unwrap();
    let mut environment = settings.environment.clone();
    environment.insert("PATH".into(), path);
    assert_eq!(
        deployments(&Settings {
            environment,
            ..settings.clone()
        })
        .unwrap(),
        ["web"]
    );
    assert_eq!(
        deployments(&settings).unwrap_err().code().as_str(),
        "credential-plugin"
    );
}
