//! Cluster mode through the binary, against an API server and a registry.

mod conflicts;
mod go_program;
mod images;
mod kinds;
mod nothing;
mod pins;
mod pods;
mod policies;
mod pull_secrets;
mod selecting;
mod size;
mod updates;
mod writers;

use serde_json::{Value, json};

use crate::support::apiserver::{ApiServer, workload};
use crate::support::binary::{Finished, Workplace};
use crate::support::registry::TestRegistry;

/// A registry and a cluster with an account that may do everything. The context's namespace is `shop`.
struct Scene {
    registry: TestRegistry,
    server: ApiServer,
    place: Workplace,
}

impl Scene {
    fn new() -> Self {
        Self {
            registry: TestRegistry::start(),
            server: ApiServer::start(),
            place: Workplace::new(),
        }
    }

    /// Pushes an image. Returns its name with the tag, and its digest.
    fn image(&self, repository: &str, tag: &str) -> (String, String) {
        let digest =
            self.registry
                .push_index(repository, tag, &["linux/amd64", "linux/arm64"], repository);
        (
            format!("{}/{repository}:{tag}", self.registry.host()),
            digest,
        )
    }

    /// Adds a workload with one container `app`.
    fn add(&self, kind: &str, namespace: &str, name: &str, image: &str) {
        self.server
            .add(&workload(kind, namespace, name, &[("app", image)]));
    }

    fn imago(&self, line: &str) -> crate::support::binary::Run {
        let config = self.server.kubeconfig_file();
        let arguments = line.split_whitespace().map(str::to_owned).chain([
            "--kubeconfig".to_owned(),
            config.to_str().unwrap().to_owned(),
        ]);
        self.place.imago(arguments)
    }

    fn run(&self, line: &str, code: i32) -> Finished {
        self.imago(line).finish_with(code)
    }

    /// The report as JSON.
    fn report(&self, line: &str, code: i32) -> Value {
        self.run(&format!("{line} --output json"), code).json()
    }

    /// The image of the first container.
    fn deployed(&self, plural: &str, namespace: &str, name: &str) -> String {
        let object = self.server.object(plural, namespace, name);
        pod(&object)["containers"][0]["image"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

/// The pod's specification in a workload.
fn pod(object: &Value) -> &Value {
    let template = object
        .pointer("/spec/jobTemplate/spec/template")
        .or_else(|| object.pointer("/spec/template"));
    &template.unwrap()["spec"]
}

/// The object without the fields that only the server writes.
fn by_people(mut object: Value) -> Value {
    let metadata = object["metadata"].as_object_mut().unwrap();
    for key in ["resourceVersion", "managedFields", "generation"] {
        metadata.remove(key);
    }
    if metadata.get("annotations") == Some(&json!({})) {
        metadata.remove("annotations");
    }
    object
}

/// The outcomes of all containers, by workload.
fn outcomes(report: &Value) -> Vec<(String, String)> {
    let workloads = report["objects"].as_array().unwrap().iter();
    let name = |workload: &Value| {
        format!(
            "{}/{}",
            workload["namespace"].as_str().unwrap(),
            workload["name"].as_str().unwrap()
        )
    };
    let each = |workload: &Value| -> Vec<(String, String)> {
        let containers = workload["images"].as_array().unwrap().iter();
        containers
            .map(|container| {
                (
                    name(workload),
                    container["outcome"].as_str().unwrap().to_owned(),
                )
            })
            .collect()
    };
    workloads.flat_map(each).collect()
}

/// The codes of all problems.
fn problems(report: &Value) -> Vec<&str> {
    report["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| problem["code"].as_str().unwrap())
        .collect()
}
