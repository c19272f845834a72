//! A large cluster, to measure the cost of a run.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    reason = "tests and a bench use it"
)]

use serde_json::{Value, json};

use super::apiserver::{ApiServer, workload};
use super::registry::TestRegistry;

const NAMESPACES: usize = 20;

/// A cluster, and the registry of its images.
pub struct Large {
    pub server: ApiServer,
    /// Runs as long as the cluster.
    _registry: TestRegistry,
}

impl Large {
    /// Creates this many Deployments in twenty namespaces, with pods that run what they should.
    pub fn new(workloads: usize, pods: usize, images: usize) -> Self {
        let (server, registry) = (ApiServer::start(), TestRegistry::start());
        let images: Vec<(String, String)> = (0..images)
            .map(|number| {
                let repository = format!("shop/app-{number}");
                let digest = registry.push_index(
                    &repository,
                    "1",
                    &["linux/amd64", "linux/arm64"],
                    &repository,
                );
                (format!("{}/{repository}:1", registry.host()), digest)
            })
            .collect();
        // The ballast of a real object: an environment, and the server's own fields.
        let environment: Vec<Value> = (0..20)
            .map(|number| json!({"name": format!("VARIABLE_{number}"), "value": "x".repeat(40)}))
            .collect();
        for number in 0..workloads {
            let (image, _) = &images[number % images.len()];
            let (namespace, name) = (
                format!("team-{}", number % NAMESPACES),
                format!("app-{number}"),
            );
            let mut object = workload("Deployment", &namespace, &name, &[("app", image)]);
            object["spec"]["template"]["spec"]["containers"][0]["env"] = environment.clone().into();
            object["status"] = json!({"observedGeneration": 100});
            server.add(&object);
        }
        for number in 0..pods {
            let app = number % workloads;
            let (image, digest) = &images[app % images.len()];
            let (namespace, name) = (format!("team-{}", app % NAMESPACES), format!("app-{app}"));
            let metadata = |name: &str, owner: &str, uid: &Value| {
                json!({"name": name, "namespace": namespace,
                "ownerReferences": [{"apiVersion": "apps/v1", "kind": owner, "name": "x", "uid": uid, "controller": true}]})
            };
            let set = format!("{name}-5d9c");
            if number == app {
                let uid =
                    server.object("deployments", &namespace, &name)["metadata"]["uid"].clone();
                server
                    .add(&json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": metadata(&set, "Deployment", &uid),
                "spec": {"template": {"spec": {"containers": [{"name": "app", "image": image, "env": environment}]}}}}));
            }
            let uid = server.object("replicasets", &namespace, &set)["metadata"]["uid"].clone();
            server.add(
                &json!({"apiVersion": "v1", "kind": "Pod", "metadata": metadata(&format!("{set}-{number}"), "ReplicaSet", &uid),
            "spec": {"containers": [{"name": "app", "image": image, "env": environment}]},
            "status": {"phase": "Running", "containerStatuses":
                [{"name": "app", "imageID": format!("r.test/app@{digest}"), "state": {"running": {}}}]}}),
            );
        }
        Self {
            server,
            _registry: registry,
        }
    }
}
