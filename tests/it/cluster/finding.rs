//! Finds the cluster: kubeconfigs and their merging, the pod's service account, TLS, proxies, and the messages for what is
//! missing.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};

use imago::io::cluster::{Cluster, ClusterError, Settings};
use serde_json::{Value, json};

use super::{deployments, run, settings};
use crate::support::apiserver::access::Account;
use crate::support::apiserver::{ADMIN, ApiServer, workload};
use crate::support::tls::Authority;

fn server() -> ApiServer {
    ApiServer::start().with(&[workload(
        "Deployment",
        "shop",
        "web",
        &[("web", "registry.example.test/shop/web:1.4")],
    )])
}

fn environment(pairs: &[(&str, &Path)]) -> BTreeMap<OsString, OsString> {
    pairs
        .iter()
        .map(|(name, value)| ((*name).into(), (*value).into()))
        .collect()
}

/// The settings of a run without flags.
fn bare(server: &ApiServer, pairs: &[(&str, &Path)]) -> Settings {
    Settings {
        kubeconfig: None,
        environment: environment(pairs),
        service_account: "/nowhere".into(),
        ..settings(server)
    }
}

fn failure(settings: &Settings) -> ClusterError {
    let Err(error) = run(Cluster::connect(settings)) else {
        panic!("it was found")
    };
    error
}

fn namespace(settings: &Settings) -> String {
    run(async {
        Cluster::connect(settings)
            .await
            .unwrap()
            .namespace()
            .to_owned()
    })
}

fn write(folder: &Path, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(&path, text).unwrap();
    path
}

/// The server's kubeconfig, changed.
fn changed(server: &ApiServer, folder: &Path, change: impl FnOnce(&mut Value)) -> Settings {
    let mut config: Value = serde_json::from_str(&server.kubeconfig(ADMIN, Some("shop"))).unwrap();
    change(&mut config);
    let path = write(folder, "changed.kubeconfig", config.to_string());
    Settings {
        kubeconfig: Some(path.into()),
        ..settings(server)
    }
}

#[test]
fn the_flag_wins_over_the_variable_and_that_over_the_home_folder() {
    let (server, folder) = (server(), tempfile::tempdir().unwrap());
    let flag = write(
        folder.path(),
        "flag",
        server.kubeconfig(ADMIN, Some("by-flag")),
    );
    let variable = write(
        folder.path(),
        "variable",
        server.kubeconfig(ADMIN, Some("by-variable")),
    );
    write(
        folder.path(),
        ".kube/config",
        server.kubeconfig(ADMIN, None),
    );
    let home = bare(&server, &[("HOME", folder.path())]);
    assert_eq!(namespace(&home), "default");
    let both = bare(
        &server,
        &[("HOME", folder.path()), ("KUBECONFIG", &variable)],
    );
    assert_eq!(namespace(&both), "by-variable");
    assert_eq!(
        namespace(&Settings {
            kubeconfig: Some(flag.into()),
            ..both
        }),
        "by-flag"
    );
    let nothing = failure(&bare(&server, &[("HOME", Path::new("/nowhere"))]));
    assert_eq!(
        (nothing.code().as_str(), nothing.cause().as_str()),
        (
            "no-cluster",
            "there is no kubeconfig at `/nowhere/.kube/config`"
        )
    );
    assert!(server.requests().is_empty());
}

#[test]
fn a_list_of_files_is_merged_and_its_missing_members_are_passed_over() {
    let (server, folder) = (server(), tempfile::tempdir().unwrap());
    let config: Value = serde_json::from_str(&server.kubeconfig(ADMIN, Some("shop"))).unwrap();
    let part = |name: &str, keys: &[&str]| {
        let part: serde_json::Map<String, Value> = keys
            .iter()
            .map(|key| ((*key).to_owned(), config[*key].clone()))
            .collect();
        write(folder.path(), name, Value::Object(part).to_string())
    };
    let first = part("first", &["clusters", "current-context"]);
    let second = part("second", &["users", "contexts"]);
    let other = json!({"current-context": "other", "users": [{"name": "test", "user": {"token": "wrong"}}]});
    let third = write(folder.path(), "third", other.to_string());
    let list =
        std::env::join_paths([&folder.path().join("missing"), &first, &second, &third]).unwrap();
    let by_flag = Settings {
        kubeconfig: Some(list.clone()),
        ..settings(&server)
    };
    assert_eq!(deployments(&by_flag).unwrap(), ["web"]);
    assert_eq!(
        deployments(&bare(&server, &[("KUBECONFIG", Path::new(&list))])).unwrap(),
        ["web"]
    );
    let missing = Settings {
        kubeconfig: Some("/nowhere/a:/nowhere/b".into()),
        ..settings(&server)
    };
    assert_eq!(
        failure(&missing).cause(),
        "there is no kubeconfig at `/nowhere/a`, `/nowhere/b`"
    );
}

#[test]
fn what_a_kubeconfig_lacks_is_named() {
    let (server, folder) = (server(), tempfile::tempdir().unwrap());
    let unknown = failure(&Settings {
        context: Some("prod".to_owned()),
        ..settings(&server)
    });
    assert_eq!(unknown.to_string(), "cannot find the cluster");
    assert_eq!(unknown.cause(), "the kubeconfig has no context `prod`");
    assert_eq!(unknown.hint().unwrap(), "its contexts are `test`");
    type Change = fn(&mut Value);
    let cases: [(Change, &str); 8] = [
        (
            |config| config["current-context"] = "".into(),
            "the kubeconfig has no current context",
        ),
        (
            |config| config["clusters"] = json!([]),
            "the context `test` names the cluster `test`, which the kubeconfig lacks",
        ),
        (
            |config| config["users"] = json!([]),
            "the context `test` names the user `test`, which the kubeconfig lacks",
        ),
        (
            |config| {
                config["clusters"][0]["cluster"]["server"] =
                    "ftp://user:hunter2@kube.example.test".into()
            },
            "the server's address cannot be used: it is not an http or https URL",
        ),
        (
            |config| {
                config["clusters"][0]["cluster"]["certificate-authority-data"] = "hunter2!".into()
            },
            "the kubeconfig's `certificate-authority-data` cannot be used: it is not base64",
        ),
        (
            |config| {
                config["clusters"][0]["cluster"]["certificate-authority-data"] =
                    "aHVudGVyMg==".into()
            },
            "the kubeconfig's `certificate-authority` cannot be used: there is no PEM certificate in it",
        ),
        (
            |config| {
                config["users"][0]["user"] = json!({"client-certificate-data": "aHVudGVyMg=="})
            },
            "the kubeconfig's user cannot be used: it has a client certificate without a key, or a key without one",
        ),
        (
            |config| {
                config["users"][0]["user"] = json!({"client-certificate-data": "aHVudGVyMg==", "client-key-data": "aHVudGVyMg=="});
            },
            "the client certificate cannot be used: certificate and key are not PEM, or do not belong together",
        ),
    ];
    for (change, cause) in cases {
        let error = failure(&changed(&server, folder.path(), change));
        assert_eq!(
            (error.code().as_str(), error.cause().as_str()),
            ("kubeconfig", cause)
        );
        assert!(error.hint().is_some() && !format!("{error:?}").contains("hunter2"));
    }
    for (key, name) in [
        ("certificate-authority", "ca.crt"),
        ("client-certificate", "user.crt"),
    ] {
        let missing = changed(&server, folder.path(), |config| {
            let part = if key == "certificate-authority" {
                &mut config["clusters"][0]["cluster"]
            } else {
                &mut config["users"][0]["user"]
            };
            *part =
                json!({"server": "https://kube.example.test", key: name, "client-key": "user.key"});
        });
        // Beside the kubeconfig, where a relative name points to.
        let path = folder.path().join(name);
        assert!(
            failure(&missing)
                .cause()
                .starts_with(&format!("cannot read `{}`: ", path.display())),
            "{}",
            failure(&missing).cause()
        );
    }
}

#[test]
fn a_file_that_is_no_kubeconfig_is_named_with_its_place_and_without_its_content() {
    let (server, folder) = (server(), tempfile::tempdir().unwrap());
    for text in [
        "users:\n- name: a\n  user: {token: hunter2\n",
        "users: hunter2\n",
        "hunter2",
    ] {
        let path = write(folder.path(), "broken", text);
        let error = failure(&Settings {
            kubeconfig: Some(path.clone().into()),
            ..settings(&server)
        });
        assert_eq!(error.code().as_str(), "kubeconfig");
        let place = format!("`{}` is not a kubeconfig, from line ", path.display());
        assert!(error.cause().starts_with(&place), "{}", error.cause());
        assert!(!format!("{error:?} {}", error.cause()).contains("hunter2"));
    }
}

#[test]
fn a_pod_uses_its_service_account_and_reads_its_token_as_it_rotates() {
    let account = || {
        Account::new("system:serviceaccount:shop:imago").may("list", "deployments", Some("shop"))
    };
    let server = server()
        .account("first", account())
        .account("second", account());
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "token", "first\n");
    write(folder.path(), "namespace", "shop\n");
    std::fs::copy(server.authority(), folder.path().join("ca.crt")).unwrap();
    let url = server.url();
    let (host, port) = url
        .strip_prefix("https://")
        .unwrap()
        .rsplit_once(':')
        .unwrap();
    let pod = [
        ("KUBERNETES_SERVICE_HOST", Path::new(host)),
        ("KUBERNETES_SERVICE_PORT", Path::new(port)),
    ];
    let settings = Settings {
        service_account: folder.path().to_owned(),
        ..bare(&server, &pod)
    };
    assert_eq!(namespace(&settings), "shop");
    run(async {
        let cluster = Cluster::connect(&settings).await.unwrap();
        let query = imago::io::cluster::Query::default();
        let list = || cluster.list(super::DEPLOYMENTS, Some("shop"), &query, Some);
        assert_eq!(list().await.unwrap().len(), 1);
        std::fs::write(folder.path().join("token"), "second\n").unwrap();
        assert_eq!(list().await.unwrap().len(), 1);
        std::fs::write(folder.path().join("token"), "third\n").unwrap();
        assert_eq!(
            list().await.unwrap_err().cause(),
            "the API server answered 401 Unauthorized to the pod's service account"
        );
    });
    let tokens: Vec<String> = server
        .requests()
        .iter()
        .map(|request| request.header("authorization").unwrap().to_owned())
        .collect();
    assert_eq!(tokens, ["Bearer first", "Bearer second", "Bearer third"]);
    // A user who names a context wants a kubeconfig.
    let named = Settings {
        context: Some("test".to_owned()),
        ..settings
    };
    assert_eq!(failure(&named).code().as_str(), "no-cluster");
}

#[test]
fn a_certificate_is_taken_only_when_it_is_right_or_a_person_says_so() {
    let (server, folder) = (server(), tempfile::tempdir().unwrap());
    let other = Authority::new(folder.path());
    let unknown = changed(&server, folder.path(), |config| {
        config["clusters"][0]["cluster"] =
            json!({"server": server.url(), "certificate-authority": other.file});
    });
    let error = deployments(&unknown).unwrap_err();
    let cause = format!(
        "the certificate of `{}` is not trusted: it is signed by an unknown authority",
        server.url()
    );
    assert_eq!(
        (error.code().as_str(), error.cause()),
        ("certificate", cause)
    );
    let insecure = changed(&server, folder.path(), |config| {
        config["clusters"][0]["cluster"] =
            json!({"server": server.url(), "insecure-skip-tls-verify": true});
    });
    assert_eq!(deployments(&insecure).unwrap(), ["web"]);
    for (name, code) in [
        ("kube.example.test", None),
        ("other.example.test", Some("certificate")),
    ] {
        let named = changed(&server, folder.path(), |config| {
            config["clusters"][0]["cluster"]["tls-server-name"] = name.into()
        });
        assert_eq!(
            deployments(&named).err().map(|error| error.code().as_str()),
            code,
            "{name}"
        );
    }
}

#[test]
fn a_server_that_is_not_there_is_not_waited_for() {
    let (server, folder) = (server(), tempfile::tempdir().unwrap());
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let settings = changed(&server, folder.path(), |config| {
        config["clusters"][0]["cluster"]["server"] = format!("https://{closed}").into();
    });
    // A pause would outlast every test.
    let limits = imago::io::cluster::Limits {
        first_pause: std::time::Duration::from_secs(3600),
        ..settings.limits
    };
    let error = deployments(&Settings { limits, ..settings }).unwrap_err();
    let cause = format!("no connection to `https://{closed}`: it is refused or has no route");
    assert_eq!(
        (error.code().as_str(), error.cause()),
        ("connection-refused", cause)
    );
}

#[test]
fn credentials_are_not_sent_over_plain_http() {
    let folder = tempfile::tempdir().unwrap();
    let (server, plain) = (server(), TcpListener::bind("127.0.0.1:0").unwrap());
    let address = plain.local_addr().unwrap();
    let asked = std::thread::spawn(move || {
        let mut client = plain.accept().unwrap().0;
        let head = head(&mut client);
        client
            .write_all(b"HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n")
            .unwrap();
        head
    });
    let settings = changed(&server, folder.path(), |config| {
        config["clusters"][0]["cluster"] = json!({"server": format!("http://{address}")});
    });
    let error = deployments(&settings).unwrap_err();
    assert_eq!(
        error.cause(),
        "the API server answered 401 Unauthorized: no credentials are sent over plain http"
    );
    assert!(!asked.join().unwrap().contains(ADMIN));
    let tls = changed(&server, folder.path(), |config| {
        config["clusters"][0]["cluster"]["server"] = plain_server().into()
    });
    let error = deployments(&tls).unwrap_err();
    assert_eq!(error.code().as_str(), "plain-http", "{}", error.cause());
}

/// A server that answers TLS with plain http, as an https URL.
fn plain_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        let mut client = listener.accept().unwrap().0;
        client
            .write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .unwrap();
        // Read first: closing with unread bytes would reset the connection, and the client would lose the answer.
        drop(client.read(&mut [0; 4096]));
    });
    url
}

fn head(client: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        client.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    String::from_utf8(head).unwrap()
}

#[test]
fn a_proxy_that_fails_is_named_with_what_it_said() {
    let (server, folder) = (server(), tempfile::tempdir().unwrap());
    for (user, said, cause, hint) in [
        (
            "",
            "HTTP/1.1 407 No\r\n\r\n",
            "answered 407 Proxy Authentication Required",
            "give the proxy's address a user and a password",
        ),
        (
            "ada:hunter2@",
            "HTTP/1.1 407 No\r\n\r\n",
            "answered 407 Proxy Authentication Required",
            "correct the user and the password in `proxy-url`",
        ),
        (
            "",
            "HTTP/1.1 503 No\r\n\r\n",
            "does not connect to `https://kube.example.test:6443`",
            "check `proxy-url`",
        ),
        (
            "",
            "SSH-2.0-x\r\n\r\n",
            "does not connect to `https://kube.example.test:6443`",
            "check `proxy-url`",
        ),
        (
            "",
            "HTTP/1.1 200 OK\r\n\r\n",
            "on the way to `https://kube.example.test:6443` broke the connection off",
            "check `proxy-url`",
        ),
    ] {
        let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = proxy.local_addr().unwrap();
        std::thread::spawn(move || {
            for client in proxy.incoming() {
                let mut client = client.unwrap();
                head(&mut client);
                client.write_all(said.as_bytes()).unwrap();
            }
        });
        let settings = changed(&server, folder.path(), |config| {
            let cluster = &mut config["clusters"][0]["cluster"];
            cluster["server"] = "https://kube.example.test:6443".into();
            cluster["proxy-url"] = format!("http://{user}{address}").into();
        });
        let error = deployments(&settings).unwrap_err();
        assert!(
            error.code().as_str() == "proxy"
                && error
                    .cause()
                    .starts_with(&format!("the proxy `{address}` "))
                && error.cause().ends_with(cause)
                && error.hint().unwrap().starts_with(hint),
            "{error:?}"
        );
    }
}

#[test]
fn a_proxy_of_the_kubeconfig_or_of_the_environment_is_used() {
    let (server, folder) = (server(), tempfile::tempdir().unwrap());
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = proxy.local_addr().unwrap();
    let to = server.url().strip_prefix("https://").unwrap().to_owned();
    let heads = std::thread::spawn(move || {
        let connect = || {
            let mut client = proxy.accept().unwrap().0;
            let head = head(&mut client);
            let server = TcpStream::connect(&to).unwrap();
            client.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").unwrap();
            let (mut from_client, mut to_server) =
                (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || std::io::copy(&mut from_client, &mut to_server));
            std::thread::spawn(move || std::io::copy(&mut { server }, &mut client));
            head.lines().next().unwrap().to_owned()
        };
        [connect(), connect()]
    });
    let behind = |proxy_url: Option<String>| {
        changed(&server, folder.path(), |config| {
            config["clusters"][0]["cluster"]["server"] = "https://kube.example.test:6443".into();
            if let Some(url) = proxy_url {
                config["clusters"][0]["cluster"]["proxy-url"] = url.into();
            }
        })
    };
    assert_eq!(
        deployments(&behind(Some(format!("http://{address}")))).unwrap(),
        ["web"]
    );
    let variable = environment(&[("HTTPS_PROXY", Path::new(&format!("http://{address}")))]);
    assert_eq!(
        deployments(&Settings {
            environment: variable,
            ..behind(None)
        })
        .unwrap(),
        ["web"]
    );
    assert_eq!(
        heads.join().unwrap(),
        ["CONNECT kube.example.test:6443 HTTP/1.1"; 2]
    );
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let error = deployments(&behind(Some(format!("http://user:hunter2@{closed}")))).unwrap_err();
    assert_eq!(
        (
            error.code().as_str(),
            format!("{error:?}").contains("hunter2")
        ),
        ("proxy", false)
    );
    assert_eq!(
        error.cause(),
        format!(
            "no connection to the proxy `{closed}` on the way to `https://kube.example.test:6443`: it is refused or has no route"
        )
    );
    let error = failure(&behind(Some("gopher://user:hunter2@proxy.test".to_owned())));
    assert_eq!(
        error.cause(),
        "the proxy in `proxy-url` cannot be used: it is not an http, https or socks5 URL"
    );
}
