//! `io::cluster` against a good API server and a bad one; and the tests' server against recordings of a real one.

mod finding;
mod kubectl;
mod lists;
mod patches;
mod plugins;
mod recorded;
mod secrets;

use std::future::Future;
use std::time::Duration;

use imago::engine::shape::pods::KINDS;
use imago::io::cluster::{Cluster, ClusterError, Limits, Query, Resource, Settings};
use serde_json::Value;

use crate::support::apiserver::ApiServer;

const DEPLOYMENTS: Resource = Resource::Workloads(&KINDS[0]);

/// Settings with limits that suit a test.
fn settings(server: &ApiServer) -> Settings {
    let limits = Limits {
        connect: Duration::from_secs(5),
        answer: Duration::from_secs(10),
        first_pause: Duration::from_millis(1),
        longest_pause: Duration::from_secs(1),
        ..Limits::default()
    };
    Settings {
        kubeconfig: Some(server.kubeconfig_file().into()),
        limits,
        ..Settings::default()
    }
}

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(work)
}

/// The objects of the namespace `shop`.
fn list(
    settings: &Settings,
    resource: Resource,
    query: &Query,
) -> Result<Vec<Value>, ClusterError> {
    run(async {
        Cluster::connect(settings)
            .await?
            .list(resource, Some("shop"), query, Some)
            .await
    })
}

fn deployments(settings: &Settings) -> Result<Vec<String>, ClusterError> {
    Ok(list(settings, DEPLOYMENTS, &Query::default())?
        .iter()
        .map(name)
        .collect())
}

fn name(object: &Value) -> String {
    object["metadata"]["name"].as_str().unwrap().to_owned()
}
