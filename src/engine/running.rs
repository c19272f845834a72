//! What running pods say of a workload's containers: read from their status, and held against the digest of a tag.
//!
//! Only a running container with a digest says something. One that waits, a pod that is being deleted, an `imageID` without a repository
//! digest (CRI-O's opaque ids, the bare digest of a configuration) say nothing, and nothing is changed for them.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::answer::Index;
use super::image::Digest;
use super::live::Live;
use super::object::RESTARTED_AT;
use super::site::{Role, Site};

/// A pod that runs, as far as its workload is concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Its namespace: an owner is always in the same one.
    pub namespace: String,
    /// The uid of its controller: a workload, or the ReplicaSet or Job of one.
    pub controller: String,
    annotations: BTreeMap<String, String>,
    containers: Vec<Ran>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Ran {
    role: Role,
    name: String,
    /// The image that the pod asks for.
    image: String,
    /// The digest that runs. `None`: nobody knows.
    digest: Option<Digest>,
}

impl Pod {
    /// Reads a pod of the API server. `None`: it is finished or being deleted, or no controller made it.
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
            // They are done before the others run.
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

/// The digest in an `imageID`: `repository@digest`, with or without `docker-pullable://`. What has no repository is no manifest's digest.
fn repository_digest(image_id: &str) -> Option<Digest> {
    let (repository, digest) = image_id.rsplit_once('@')?;
    (!repository.is_empty())
        .then(|| Digest::parse(digest).ok())
        .flatten()
}

/// The uid of the controller of an object.
pub fn controller(metadata: &Value) -> Option<&str> {
    let owners = metadata.get("ownerReferences")?.as_array()?;
    owners
        .iter()
        .find(|owner| owner["controller"] == true)?
        .get("uid")?
        .as_str()
}

/// A map of texts.
pub(super) fn texts(map: Option<&Value>) -> BTreeMap<String, String> {
    let entries = map.and_then(Value::as_object).into_iter().flatten();
    entries
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())))
        .collect()
}

/// What is asked of the pods.
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
    /// Every pod that says something is on the digest.
    Agrees,
    /// This one is on another.
    Differs(Digest),
    /// None says anything, for this reason.
    Nothing(&'static str),
}

/// The pods of a workload.
#[derive(Clone, Copy, Debug)]
pub struct Pods<'a> {
    /// The workload.
    pub live: &'a Live,
    /// Its pods. `Err`: they are not known, for this reason.
    pub pods: Result<&'a [Pod], &'static str>,
    /// The manifests that an index has, by the index's digest.
    pub manifests: &'a BTreeMap<Digest, Index>,
}

impl<'a> Pods<'a> {
    /// Holds what runs in a container against the digest that it should be on: that of an index, or of one of its manifests.
    pub fn say(&self, container: &Site, digest: &Digest, purpose: Purpose) -> PodVerdict {
        let pods = match self.pods {
            Ok(pods) => pods,
            Err(reason) => return PodVerdict::Nothing(reason),
        };
        if pods.is_empty() {
            return PodVerdict::Nothing("no pod of it is running");
        }
        if container.role == Role::Volume {
            return PodVerdict::Nothing("pods do not tell what an image volume has");
        }
        let heard: Vec<_> = pods
            .iter()
            .filter_map(|pod| Some((pod, pod.ran(container)?)))
            .filter(|(pod, ran)| self.counts(pod, ran, container, purpose))
            .collect();
        if heard.is_empty() {
            return PodVerdict::Nothing("it runs in no pod of the present rollout yet");
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
            None => PodVerdict::Nothing("no pod of it tells which digest it runs"),
        }
    }

    /// The digests that run in a container.
    pub fn running(&self, container: &'a Site) -> impl Iterator<Item = &'a Digest> {
        self.pods
            .unwrap_or_default()
            .iter()
            .filter_map(|pod| pod.ran(container)?.digest.as_ref())
    }

    /// A pod that is about to be replaced says nothing: neither one that a rollout under way has not reached, nor one from before the
    /// last restart.
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
