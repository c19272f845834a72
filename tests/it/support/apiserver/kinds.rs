//! The kinds that the server has, and its discovery answers.

use serde_json::{Value, json};

use crate::support::registry::http::{Request, Response};

use super::status::{answer, not_served};

/// A kind of object.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Kind {
    pub group: &'static str,
    /// With its group.
    pub version: &'static str,
    pub kind: &'static str,
    pub plural: &'static str,
    short: &'static str,
}

pub static KINDS: [Kind; 13] = [
    Kind {
        group: "",
        version: "v1",
        kind: "ConfigMap",
        plural: "configmaps",
        short: "cm",
    },
    Kind {
        group: "",
        version: "v1",
        kind: "Pod",
        plural: "pods",
        short: "po",
    },
    Kind {
        group: "",
        version: "v1",
        kind: "Secret",
        plural: "secrets",
        short: "",
    },
    Kind {
        group: "",
        version: "v1",
        kind: "ServiceAccount",
        plural: "serviceaccounts",
        short: "sa",
    },
    Kind {
        group: "apps",
        version: "apps/v1",
        kind: "DaemonSet",
        plural: "daemonsets",
        short: "ds",
    },
    Kind {
        group: "apps",
        version: "apps/v1",
        kind: "Deployment",
        plural: "deployments",
        short: "deploy",
    },
    Kind {
        group: "apps",
        version: "apps/v1",
        kind: "ReplicaSet",
        plural: "replicasets",
        short: "rs",
    },
    Kind {
        group: "apps",
        version: "apps/v1",
        kind: "StatefulSet",
        plural: "statefulsets",
        short: "sts",
    },
    Kind {
        group: "batch",
        version: "batch/v1",
        kind: "CronJob",
        plural: "cronjobs",
        short: "cj",
    },
    Kind {
        group: "batch",
        version: "batch/v1",
        kind: "Job",
        plural: "jobs",
        short: "",
    },
    Kind {
        group: "argoproj.io",
        version: "argoproj.io/v1alpha1",
        kind: "Rollout",
        plural: "rollouts",
        short: "ro",
    },
    Kind {
        group: "example.com",
        version: "example.com/v1",
        kind: "Rollout",
        plural: "examplerollouts",
        short: "",
    },
    Kind {
        group: "apps.kruise.io",
        version: "apps.kruise.io/v1alpha1",
        kind: "CloneSet",
        plural: "clonesets",
        short: "",
    },
];

impl Kind {
    /// `deployments.apps`
    pub fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.plural.to_owned()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    /// The kind of an object.
    pub fn of(object: &Value) -> &'static Self {
        let found = KINDS
            .iter()
            .find(|kind| object["kind"] == kind.kind && object["apiVersion"] == kind.version);
        found.unwrap_or_else(|| {
            panic!(
                "this server knows no {} of {}",
                object["kind"], object["apiVersion"]
            )
        })
    }

    /// The kind of a plural.
    pub fn named(plural: &str) -> &'static Self {
        KINDS
            .iter()
            .find(|kind| kind.plural == plural)
            .unwrap_or_else(|| panic!("this server knows no {plural}"))
    }

    /// The keys from an object down to its pod's specification.
    pub fn pod(&self) -> &'static str {
        match self.kind {
            "CronJob" => "/spec/jobTemplate/spec/template/spec",
            "Pod" => "/spec",
            _ => "/spec/template/spec",
        }
    }
}

/// What a path names.
pub struct Target {
    pub kind: &'static Kind,
    pub namespace: Option<String>,
    pub name: Option<String>,
}

/// Parses `/apis/GROUP/VERSION[/namespaces/NAMESPACE]/PLURAL[/NAME]`, and the core group's shorter form.
pub fn target(path: &str) -> Option<Target> {
    let rest = path
        .strip_prefix("/apis/")
        .or_else(|| path.strip_prefix("/api/"))?;
    let kind = KINDS
        .iter()
        .find_map(|kind| Some((kind, rest.strip_prefix(kind.version)?.strip_prefix('/')?)));
    let (first, rest) = kind?;
    let parts: Vec<&str> = rest.split('/').collect();
    let (namespace, plural, name) = match parts[..] {
        ["namespaces", namespace, plural] => (Some(namespace), plural, None),
        ["namespaces", namespace, plural, name] => (Some(namespace), plural, Some(name)),
        [plural] => (None, plural, None),
        _ => return None,
    };
    let kind = KINDS
        .iter()
        .find(|kind| kind.version == first.version && kind.plural == plural)?;
    Some(Target {
        kind,
        namespace: namespace.map(str::to_owned),
        name: name.map(str::to_owned),
    })
}

/// The answer to a discovery request.
pub fn discover(request: &Request) -> Response {
    let group = |(name, version): (&str, &str)| {
        let (_, short) = version.split_once('/').expect("it is no core group");
        let version = json!({"groupVersion": version, "version": short});
        json!({"name": name, "versions": [version], "preferredVersion": version})
    };
    let with_group = KINDS.iter().filter(|kind| !kind.group.is_empty());
    let mut groups: Vec<_> = with_group.map(|kind| (kind.group, kind.version)).collect();
    groups.dedup();
    match request.path.as_str() {
        "/version" => answer(
            200,
            &json!({"major": "1", "minor": "36", "gitVersion": "v1.36.0", "platform": "linux/amd64"}),
        ),
        "/api" => answer(
            200,
            &json!({"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}),
        ),
        "/apis" => answer(
            200,
            &json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": groups.into_iter().map(group).collect::<Vec<_>>()}),
        ),
        "/api/v1" => resources("v1"),
        path => match path.strip_prefix("/apis/") {
            Some(version) if groups.iter().any(|(_, own)| *own == version) => resources(version),
            _ => not_served(),
        },
    }
}

fn resources(version: &str) -> Response {
    let resources: Vec<Value> = KINDS
        .iter()
        .filter(|kind| kind.version == version)
        .map(|kind| {
            let short: Vec<&str> = Some(kind.short).filter(|short| !short.is_empty()).into_iter().collect();
            json!({"name": kind.plural, "singularName": kind.kind.to_lowercase(), "namespaced": true, "kind": kind.kind,
                "shortNames": short, "verbs": ["get", "list", "patch"]})
        })
        .collect();
    answer(
        200,
        &json!({"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources}),
    )
}
