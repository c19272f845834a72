//! A workload in a cluster: the workload itself, and what only the API server's object has.

mod writer;

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;

use super::object::{Object, RESTARTED_AT};
use super::path::Path;
use super::shape::{self, PodKind, Template};
use super::site::Site;

/// A workload in a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Live {
    /// The part that a workload in a file has, too.
    pub workload: Object,
    /// The row of its kind in the table.
    pub kind: Cow<'static, PodKind>,
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.resourceVersion`. It changes with every change of the object.
    pub resource_version: String,
    /// `metadata.generation`. It changes with the object's spec, and not with its status.
    pub generation: Option<i64>,
    /// What else writes it, if anything does: ``the controller `ReplicaSet/web` ``.
    pub managed: Option<String>,
    /// The Helm release that it belongs to, `shop/web`. The release's next upgrade may put its images back.
    pub helm_release: Option<String>,
    /// Whether a rollout is replacing its pods now.
    pub rollout_under_way: bool,
    /// Why a new pod template replaces no pod, if so.
    pub pods_stay: Option<&'static str>,
    /// The annotations of its pod template.
    pub template_annotations: BTreeMap<String, String>,
    /// The maps that are missing on the paths to its annotations and to those of its pod template.
    pub absent: Vec<Path>,
    /// The service account of its pods.
    pub service_account: String,
    /// The pull secrets that its pod template names.
    pub pull_secrets: Vec<String>,
}

impl Live {
    /// Reads an object. Returns `None` if it is not a workload.
    pub fn read(object: &Value) -> Option<Self> {
        let text = |key: &str| object.get(key)?.as_str();
        Self::read_as(object, PodKind::of(text("apiVersion")?, text("kind")?)?)
    }

    /// Reads an object of a kind. `None`: it has no pod template, or images elsewhere than there.
    pub fn read_as(object: &Value, kind: &PodKind) -> Option<Self> {
        let workload = shape::find(object).objects.into_iter().next()?;
        let metadata = object.get("metadata")?;
        let text = |key: &str| {
            metadata
                .get(key)
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned()
        };
        let kind = match PodKind::named(&kind.kind).filter(|row| *row == kind) {
            Some(row) => Cow::Borrowed(row),
            None => Cow::Owned(kind.clone()),
        };
        let template = kind
            .template
            .at
            .iter()
            .try_fold(object, |object, key| object.get(key));
        let inside = kind.template.path(&workload.at);
        let is_outside = |site: &Site| !site.at.steps().starts_with(inside.steps());
        if workload.sites.iter().any(is_outside) {
            return None;
        }
        let template_metadata = template.and_then(|template| template.get("metadata"));
        let pod = template.and_then(|template| template.get("spec"));
        let pull_secrets = pod
            .and_then(|pod| pod.get("imagePullSecrets"))
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let service_account = pod
            .and_then(|pod| pod.get("serviceAccountName"))
            .and_then(Value::as_str);
        Some(Self {
            namespace: text("namespace"),
            uid: text("uid"),
            resource_version: text("resourceVersion"),
            generation: metadata.get("generation").and_then(Value::as_i64),
            managed: writer::writer(metadata),
            helm_release: writer::helm_release(metadata),
            rollout_under_way: rollout_under_way(&kind.template, object),
            pods_stay: pods_stay(object),
            template_annotations: texts(
                template_metadata.and_then(|metadata| metadata.get("annotations")),
            ),
            absent: absent(&kind.template, object),
            service_account: service_account
                .filter(|name| !name.is_empty())
                .unwrap_or("default")
                .to_owned(),
            pull_secrets: pull_secrets
                .filter_map(|secret| Some(secret.get("name")?.as_str()?.to_owned()))
                .collect(),
            workload,
            kind,
        })
    }

    /// The path of the annotation [`RESTARTED_AT`], whether it exists or not.
    pub fn restarted_path(&self) -> Path {
        self.kind
            .template
            .path(&self.workload.at)
            .keys(&["metadata", "annotations", RESTARTED_AT])
    }

    /// The time of the last restart by this program, from the pod template.
    pub fn restarted_at(&self) -> Option<&str> {
        self.template_annotations
            .get(RESTARTED_AT)
            .map(String::as_str)
    }

    /// `default/Deployment/web`
    pub fn name(&self) -> String {
        format!(
            "{}/{}/{}",
            self.namespace, self.workload.kind, self.workload.name
        )
    }
}

/// The entries of a map whose values are strings.
pub(super) fn texts(map: Option<&Value>) -> BTreeMap<String, String> {
    let entries = map.and_then(Value::as_object).into_iter().flatten();
    entries
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

/// Decided by the numbers in its status. With `OnDelete` a person replaces the pods, so no rollout runs by itself.
fn rollout_under_way(template: &Template, object: &Value) -> bool {
    let number = |map: &str, key: &str| object[map][key].as_i64().unwrap_or_default();
    let Some([updated, wanted]) = template.rolled_out.filter(|_| !is_on_delete(object)) else {
        return false;
    };
    let unseen = object["metadata"]["generation"]
        .as_i64()
        .unwrap_or_default()
        > number("status", "observedGeneration");
    unseen || number("status", updated) < number("status", wanted)
}

fn is_on_delete(object: &Value) -> bool {
    object["spec"]["updateStrategy"]["type"] == "OnDelete"
}

fn pods_stay(object: &Value) -> Option<&'static str> {
    match object["spec"]["paused"] == true {
        true => Some("its rollout is paused"),
        false => is_on_delete(object).then_some("its update strategy is OnDelete"),
    }
}

fn absent(template: &Template, object: &Value) -> Vec<Path> {
    let template = template.path(&Path::root());
    let maps = [
        Path::root().keys(&["metadata", "annotations"]),
        template.keys(&["metadata"]),
        template.keys(&["metadata", "annotations"]),
    ];
    maps.into_iter()
        .filter(|path| {
            !object
                .pointer(&path.pointer())
                .is_some_and(Value::is_object)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn deployment(metadata: Value, status: Value) -> Live {
        let mut object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "status": status,
            "spec": {"template": {"spec": {"containers": [{"name": "app", "image": "web"}]}}}});
        object["metadata"]["name"] = "web".into();
        object["metadata"]["namespace"] = "shop".into();
        Live::read(&object).unwrap()
    }

    #[test]
    fn an_object_says_who_else_writes_it_and_which_release_it_came_with() {
        let live = deployment(
            json!({"labels": {"argocd.argoproj.io/instance": "shop"}}),
            json!({}),
        );
        assert_eq!(
            live.managed.as_deref(),
            Some("Argo CD (`argocd.argoproj.io/instance: shop`)")
        );
        let live = deployment(
            json!({"annotations": {"meta.helm.sh/release-name": "web"}}),
            json!({}),
        );
        assert_eq!(
            (live.managed, live.helm_release.as_deref()),
            (None, Some("web"))
        );
    }

    #[test]
    fn a_rollout_is_under_way_until_its_status_says_otherwise() {
        for (status, under_way) in [
            (
                json!({"observedGeneration": 4, "replicas": 2, "updatedReplicas": 2}),
                false,
            ),
            (
                json!({"observedGeneration": 3, "replicas": 2, "updatedReplicas": 2}),
                true,
            ),
            (
                json!({"observedGeneration": 4, "replicas": 3, "updatedReplicas": 2}),
                true,
            ),
            (json!({"observedGeneration": 4}), false),
        ] {
            assert_eq!(
                deployment(json!({"generation": 4}), status.clone()).rollout_under_way,
                under_way,
                "{status}"
            );
        }
        let pods = json!({"template": {"spec": {"containers": []}}, "updateStrategy": {"type": "OnDelete"}});
        let object = json!({"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"generation": 4}, "spec": pods,
            "status": {"observedGeneration": 4, "desiredNumberScheduled": 3, "updatedNumberScheduled": 1}});
        assert!(
            !Live::read(&object).unwrap().rollout_under_way,
            "a person replaces these pods"
        );
    }

    #[test]
    fn the_service_account_is_the_default_one_where_none_is_named() {
        assert_eq!(deployment(json!({}), json!({})).service_account, "default");
        assert_eq!(
            deployment(json!({}), json!({})).name(),
            "shop/Deployment/web"
        );
    }
}
