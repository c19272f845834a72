//! What running pods say of a workload's containers: read from their status, and compared with the digest of a tag.
//!
//! Only a running container with a digest counts. Nothing is known of a waiting container, of a pod that is being deleted, or of
//! an `imageID` without a repository digest (CRI-O's opaque ids, the bare digest of a configuration). Nothing is changed because
//! of them.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::answer::Index;
use super::image::Digest;
use super::live::{Live, texts};
use super::object::RESTARTED_AT;
use super::site::{Role, Site};

/// A running pod, as far as its workload is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Its namespace. An owner is always in the same one.
    pub namespace: String,
    /// The uid of its controller: a workload, or the ReplicaSet or Job of a workload.
    pub controller: String,
    annotations: BTreeMap<String, String>,
    containers: Vec<Ran>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Ran {
    role: Role,
    name: String,
    /// The image in the pod's spec.
    image: String,
    /// The digest that runs; `None` if it is unknown.
    digest: Option<Digest>,
}

impl Pod {
    /// Reads a pod. Returns `None` if it has finished, is being deleted, or has no controller.
    pub fn read(pod: &Value) -> Option<Self> {
        let metadata = pod.get("metadata")?;
        let status = pod.get("status")?;
        let finished = matches!(
            status.get("phase").and_then(Value::as_str),
            Some("Succeeded" | "Failed")
        );
        if finished || metadata.get("deletionTimestamp").is_some() {
            return None;
        }
        let containers = [
            (
                Role::Container,
                status.get("containerStatuses"),
                &["running"][..],
            ),
            // Init containers finish before the others run.
            (
                Role::InitContainer,
                status.get("initContainerStatuses"),
                &["running", "terminated"][..],
            ),
        ];
        let spec = pod.get("spec")?;
        let ran = |(role, statuses, states): (Role, Option<&Value>, &[&str])| -> Vec<Ran> {
            let statuses = statuses
                .and_then(Value::as_array)
                .map(Vec::as_slice)
                .unwrap_or_default();
            let runs = |status: &&Value| {
                status
                    .get("state")
                    .is_some_and(|state| states.iter().any(|name| state.get(name).is_some()))
            };
            statuses
                .iter()
                .filter(runs)
                .filter_map(|status| Ran::read(status, role, spec))
                .collect()
        };
        Some(Self {
            namespace: metadata
                .get("namespace")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned(),
            controller: controller(metadata)?.to_owned(),
            annotations: texts(metadata.get("annotations")),
            containers: containers.into_iter().flat_map(ran).collect(),
        })
    }
}

impl Ran {
    fn read(status: &Value, role: Role, spec: &Value) -> Option<Self> {
        let name = status.get("name")?.as_str()?;
        let asked = spec
            .get(role.list())
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        let image = asked
            .filter(|container| container["name"] == *name)
            .find_map(|container| container["image"].as_str());
        let digest = status
            .get("imageID")
            .and_then(Value::as_str)
            .and_then(repository_digest);
        Some(Self {
            role,
            name: name.to_owned(),
            image: image.unwrap_or_default().to_owned(),
            digest,
        })
    }
}

/// The digest in an `imageID`: `repository@digest`, with or without `docker-pullable://`. Without a repository, the digest is not
/// that of a manifest.
fn repository_digest(image_id: &str) -> Option<Digest> {
    let (repository, digest) = image_id.rsplit_once('@')?;
    (!repository.is_empty())
        .then(|| Digest::parse(digest).ok())
        .flatten()
}

/// The uid of an object's controller.
pub fn controller(metadata: &Value) -> Option<&str> {
    let owners = metadata.get("ownerReferences")?.as_array()?;
    owners
        .iter()
        .find(|owner| owner["controller"] == true)?
        .get("uid")?
        .as_str()
}

/// What the pods are checked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Whether an image has to be updated.
    Update,
    /// Whether the pods have to be replaced.
    Restart,
}

/// What the pods say of a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PodVerdict {
    /// All pods that say anything are on the digest.
    Agrees,
    /// A pod is on this other digest.
    Differs(Digest),
    /// No pod says anything, for this reason.
    Nothing(&'static str),
}

/// The pods of a workload.
#[derive(Clone, Copy, Debug)]
pub struct Pods<'a> {
    /// The workload.
    pub live: &'a Live,
    /// Its pods, or the reason why they are unknown.
    pub pods: Result<&'a [Pod], &'static str>,
    /// The manifests of an index, by the index's digest.
    pub manifests: &'a BTreeMap<Digest, Index>,
}

impl<'a> Pods<'a> {
    /// Compares what a container runs with the digest that it should be on: that of an index, or of one of its manifests.
    pub fn say(&self, container: &Site, digest: &Digest, purpose: Purpose) -> PodVerdict {
        let pods = match self.pods {
            Ok(pods) => pods,
            Err(reason) => return PodVerdict::Nothing(reason),
        };
        if pods.is_empty() {
            return PodVerdict::Nothing("none of its pods is running");
        }
        if container.role == Role::Volume {
            return PodVerdict::Nothing("pods do not report the image of a volume");
        }
        let heard: Vec<_> = pods
            .iter()
            .filter_map(|pod| Some((pod, pod.ran(container)?)))
            .filter(|(pod, ran)| self.counts(pod, ran, container, purpose))
            .collect();
        if heard.is_empty() {
            return PodVerdict::Nothing("no pod of the current rollout runs it yet");
        }
        let known: BTreeSet<&Digest> = heard
            .iter()
            .filter_map(|(_, ran)| ran.digest.as_ref())
            .collect();
        let index = self.manifests.get(digest);
        let agrees = |running: &Digest| {
            running == digest || index.is_some_and(|index| index.manifests.contains_key(running))
        };
        match known.iter().find(|running| !agrees(running)) {
            Some(other) if index.is_none_or(|index| index.whole) => {
                PodVerdict::Differs((*other).clone())
            }
            _ if known.iter().any(|running| agrees(running)) => PodVerdict::Agrees,
            Some(_) => {
                PodVerdict::Nothing("its index has more manifests without a platform than are read")
            }
            None => PodVerdict::Nothing("none of its pods reports which digest it runs"),
        }
    }

    /// The digests that run in a container.
    pub fn running(&self, container: &'a Site) -> impl Iterator<Item = &'a Digest> {
        self.pods
            .unwrap_or_default()
            .iter()
            .filter_map(|pod| pod.ran(container)?.digest.as_ref())
    }

    /// Whether a pod counts. A pod that is about to be replaced does not: one that the current rollout has not reached, or one
    /// from before the last restart.
    fn counts(&self, pod: &Pod, ran: &Ran, container: &Site, purpose: Purpose) -> bool {
        let template = &self.live.template_annotations;
        let bears = |(key, value): (&String, &String)| pod.annotations.get(key) == Some(value);
        let image = container.image.text();
        let replaced_soon = self.live.rollout_under_way
            && !(image == Some(ran.image.as_str()) && template.iter().all(bears));
        let before_restart =
            purpose == Purpose::Restart && !template.get_key_value(RESTARTED_AT).is_none_or(bears);
        !replaced_soon && !before_restart
    }
}

impl Pod {
    fn ran(&self, container: &Site) -> Option<&Ran> {
        self.containers
            .iter()
            .find(|ran| ran.role == container.role && ran.name == container.name)
    }
}
