//! Compares the tests' API server with recorded exchanges of a real one. Other tests may rely on what it answers in the same way.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::support::apiserver::access::Account;
use crate::support::apiserver::{ADMIN, ApiServer};

const READER: &str = "token-of-the-reader";

/// The exchanges by file name, in order.
fn recorded() -> BTreeMap<String, Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/apiserver");
    std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (
                name,
                serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap(),
            )
        })
        .collect()
}

/// Sends the request of an exchange, and returns the status and the body.
async fn replay(
    client: &reqwest::Client,
    server: &ApiServer,
    name: &str,
    request: &Value,
) -> (u16, Value) {
    let text = |key: &str| request[key].as_str().unwrap();
    // The tokens of the recordings, by their rights.
    let token = match name {
        name if name.contains("unauthorized") => "token-of-nobody",
        name if name.contains("forbidden") => READER,
        _ => ADMIN,
    };
    let method = text("method").parse().unwrap();
    let mut sent = client
        .request(method, server.url() + text("path"))
        .bearer_auth(token);
    if let Some(media_type) = request["content_type"].as_str() {
        sent = sent
            .header("content-type", media_type)
            .body(request["body"].to_string());
    }
    let reply = sent.send().await.unwrap();
    assert_eq!(reply.headers()["content-type"], "application/json");
    (
        reply.status().as_u16(),
        serde_json::from_slice(&reply.bytes().await.unwrap()).unwrap(),
    )
}

#[test]
fn the_tests_server_answers_every_recorded_request_as_the_real_one_did() {
    let recorded = recorded();
    assert!(recorded.len() >= 29, "the recordings were not found");
    let body = |name: &str| &recorded[name]["response"]["body"];
    let reader =
        Account::new("system:serviceaccount:rec:reader").may("list", "deployments", Some("rec"));
    let server = ApiServer::start().account(READER, reader);
    for name in [
        "01-list-deployments-page-1",
        "02-list-deployments-page-2",
        "09-list-statefulsets",
        "10-list-daemonsets",
    ] {
        server.add(body(name));
    }
    for name in ["11-list-cronjobs", "28-list-replicasets", "29-list-pods"] {
        server.add(body(name));
    }
    server.set_version(4774);
    // Another test may have installed it already, which is fine.
    rustls::crypto::ring::default_provider()
        .install_default()
        .unwrap_or(());
    let authority =
        reqwest::Certificate::from_pem(&std::fs::read(server.authority()).unwrap()).unwrap();
    let client = reqwest::Client::builder()
        .tls_certs_only([authority])
        .no_proxy()
        .build()
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for (name, exchange) in &recorded {
        if name.starts_with("28") {
            // The recordings created pods and replica sets later than the rest.
            server.set_version(4788);
        }
        let (status, body) = runtime.block_on(replay(&client, &server, name, &exchange["request"]));
        assert_eq!(
            json!(status),
            exchange["response"]["status"],
            "{name}: {body}"
        );
        assert_eq!(body, exchange["response"]["body"], "{name}");
    }
}
