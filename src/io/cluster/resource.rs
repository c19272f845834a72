//! The resources of the API server that are read: their names, their paths, and how much of an object is requested.

use std::fmt::Display;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::engine::shape::PodKind;

/// A resource that is listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Resource<'k> {
    /// Workloads of one kind, with all fields.
    Workloads(&'k PodKind),
    /// Pods, with all fields: their status says which images run.
    Pods,
    /// Replica sets, metadata only: for their owners.
    ReplicaSets,
    /// Jobs, metadata only: for their owners.
    Jobs,
}

/// Which objects of a resource are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// A label selector in the API's syntax; empty means all.
    pub labels: String,
    /// A field selector in the API's syntax; empty means all.
    pub fields: String,
}

impl Query {
    /// Selects one object by name. A role that may `list` but not `get` reads an object this way.
    pub fn named(name: &str) -> Self {
        Self {
            labels: String::new(),
            fields: format!("metadata.name={name}"),
        }
    }
}

/// The names of a resource in the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Names<'k> {
    /// The API group; empty for the core group.
    pub(super) group: &'k str,
    /// The version with its group: `apps/v1`.
    pub(super) version: &'k str,
    /// `Deployment`
    pub(super) kind: &'k str,
    /// `deployments`
    pub(super) plural: &'k str,
}

pub(super) const SERVICE_ACCOUNTS: Names<'static> = Names {
    group: "",
    version: "v1",
    kind: "ServiceAccount",
    plural: "serviceaccounts",
};
pub(super) const SECRETS: Names<'static> = Names {
    group: "",
    version: "v1",
    kind: "Secret",
    plural: "secrets",
};

impl<'k> Resource<'k> {
    pub(super) fn names(self) -> Names<'k> {
        match self {
            Self::Workloads(kind) => Names {
                group: kind.group(),
                version: &kind.version,
                kind: &kind.kind,
                plural: &kind.plural,
            },
            Self::Pods => Names {
                group: "",
                version: "v1",
                kind: "Pod",
                plural: "pods",
            },
            Self::ReplicaSets => Names {
                group: "apps",
                version: "apps/v1",
                kind: "ReplicaSet",
                plural: "replicasets",
            },
            Self::Jobs => Names {
                group: "batch",
                version: "batch/v1",
                kind: "Job",
                plural: "jobs",
            },
        }
    }

    /// The `Accept` header of a list. If the metadata is enough, servers that can do so send nothing else.
    pub(super) fn accept(self) -> &'static str {
        match self {
            Self::Workloads(_) | Self::Pods => "application/json",
            Self::ReplicaSets | Self::Jobs => {
                "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1, application/json"
            }
        }
    }
}

impl Names<'_> {
    /// The path of the resource, in one namespace or in all.
    pub(super) fn path(&self, namespace: Option<&str>) -> String {
        let root = if self.group.is_empty() { "api" } else { "apis" };
        match namespace {
            Some(namespace) => format!(
                "/{root}/{}/namespaces/{}/{}",
                self.version,
                encode(namespace),
                self.plural
            ),
            None => format!("/{root}/{}/{}", self.version, self.plural),
        }
    }

    /// The path of one object.
    pub(super) fn object(&self, namespace: &str, name: &str) -> String {
        format!("{}/{}", self.path(Some(namespace)), encode(name))
    }
}

/// The parameters of a URL, with `?`. Parameters without a value are left out.
pub(super) fn query(parameters: &[(&str, &str)]) -> String {
    let filled = parameters.iter().filter(|(_, value)| !value.is_empty());
    let joined: Vec<String> = filled
        .map(|(name, value)| format!("{name}={}", encode(value)))
        .collect();
    if joined.is_empty() {
        String::new()
    } else {
        format!("?{}", joined.join("&"))
    }
}

/// Characters to escape in a path segment or a parameter: all but the unreserved ones of RFC 3986.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

fn encode(text: &str) -> impl Display {
    utf8_percent_encode(text, ESCAPED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_resource_has_a_path_in_a_namespace_and_in_all() {
        let names = Resource::Workloads(PodKind::named("CronJob").unwrap()).names();
        assert_eq!(
            names.path(Some("shop")),
            "/apis/batch/v1/namespaces/shop/cronjobs"
        );
        assert_eq!(Resource::Pods.names().path(None), "/api/v1/pods");
        assert_eq!(
            names.object("shop", "a/b?c"),
            "/apis/batch/v1/namespaces/shop/cronjobs/a%2Fb%3Fc"
        );
    }

    #[test]
    fn parameters_are_encoded_and_left_out_when_empty() {
        assert_eq!(
            query(&[
                ("limit", "2"),
                ("labelSelector", "app in (a,b)"),
                ("continue", "")
            ]),
            "?limit=2&labelSelector=app%20in%20%28a%2Cb%29"
        );
        assert_eq!(query(&[("continue", "")]), "");
    }
}
