//! What running pods say of a workload's containers: read from their status, and held against the digest of a tag.
//!
//! Only a running container with a digest says something. One that waits, a pod that is being deleted, an `imageID` without a repository
//! digest (CRI-O's opaque ids, the bare digest of a configuration) say nothing, and nothing is changed for them.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::answer::Index;
use super::image::Digest;
use super::live::Live;
use super::workload::{Container, Group, RESTARTED_AT};

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
    group: Group,
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
        let finished = matches!(status.get("phase").and_then(Value::as_str), Some("Succeeded" | "Failed"));
        if finished || metadata.get("deletionTimestamp").is_some() {
            return None;
        }
        let containers = [
            (Group::Containers, status.get("containerStatuses"), &["running"][..]),
            // They are done before the others run.
            (Group::InitContainers, status.get("initContainerStatuses"), &["running", "terminated"][..]),
        ];
        let spec = pod.get("spec")?;
        let ran = |(group, statuses, states): (Group, Option<&Value>, &[&str])| -> Vec<Ran> {
            let statuses = statuses.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
            let runs =
                |status: &&Value| status.get("state").is_some_and(|state| states.iter().any(|name| state.get(name).is_some()));
            statuses.iter().filter(runs).filter_map(|status| Ran::read(status, group, spec)).collect()
        };
        Some(Self {
            namespace: metadata.get("namespace").and_then(Value::as_str).unwrap_or_default().to_owned(),
            controller: controller(metadata)?.to_owned(),
            annotations: texts(metadata.get("annotations")),
            containers: containers.into_iter().flat_map(ran).collect(),
        })
    }
}

impl Ran {
    fn read(status: &Value, group: Group, spec: &Value) -> Option<Self> {
        let name = status.get("name")?.as_str()?;
        let asked = spec.get(group.key()).and_then(Value::as_array).into_iter().flatten();
        let image = asked.filter(|container| container["name"] == *name).find_map(|container| container["image"].as_str());
        let digest = status.get("imageID").and_then(Value::as_str).and_then(repository_digest);
        Some(Self { group, name: name.to_owned(), image: image.unwrap_or_default().to_owned(), digest })
    }
}

/// The digest in an `imageID`: `repository@digest`, with or without `docker-pullable://`. What has no repository is no manifest's digest.
fn repository_digest(image_id: &str) -> Option<Digest> {
    let (repository, digest) = image_id.rsplit_once('@')?;
    (!repository.is_empty()).then(|| Digest::parse(digest).ok()).flatten()
}

/// The uid of the controller of an object.
pub fn controller(metadata: &Value) -> Option<&str> {
    let owners = metadata.get("ownerReferences")?.as_array()?;
    owners.iter().find(|owner| owner["controller"] == true)?.get("uid")?.as_str()
}

/// A map of texts.
pub(super) fn texts(map: Option<&Value>) -> BTreeMap<String, String> {
    let entries = map.and_then(Value::as_object).into_iter().flatten();
    entries.filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect()
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
pub enum Word {
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
    pub fn say(&self, container: &Container, digest: &Digest, purpose: Purpose) -> Word {
        let pods = match self.pods {
            Ok(pods) => pods,
            Err(reason) => return Word::Nothing(reason),
        };
        if pods.is_empty() {
            return Word::Nothing("no pod of it is running");
        }
        let heard: Vec<_> = pods
            .iter()
            .filter_map(|pod| Some((pod, pod.ran(container)?)))
            .filter(|(pod, ran)| self.counts(pod, ran, container, purpose))
            .collect();
        if heard.is_empty() {
            return Word::Nothing("it runs in no pod of the present rollout yet");
        }
        let known: BTreeSet<&Digest> = heard.iter().filter_map(|(_, ran)| ran.digest.as_ref()).collect();
        let index = self.manifests.get(digest);
        let agrees =
            |running: &&&Digest| **running == digest || index.is_some_and(|index| index.manifests.contains_key(**running));
        match known.iter().find(|running| !agrees(running)) {
            Some(other) if index.is_none_or(|index| index.whole) => Word::Differs((*other).clone()),
            _ if known.iter().any(|running| agrees(&running)) => Word::Agrees,
            Some(_) => Word::Nothing("its index has more manifests without a platform than are read"),
            None => Word::Nothing("no pod of it tells which digest it runs"),
        }
    }

    /// The digests that run in a container.
    pub fn running(&self, container: &'a Container) -> impl Iterator<Item = &'a Digest> {
        self.pods.unwrap_or_default().iter().filter_map(|pod| pod.ran(container)?.digest.as_ref())
    }

    /// A pod that is about to be replaced says nothing: neither one that a rollout under way has not reached, nor one from before the
    /// last restart.
    fn counts(&self, pod: &Pod, ran: &Ran, container: &Container, purpose: Purpose) -> bool {
        let template = &self.live.template_annotations;
        let bears = |(key, value): (&String, &String)| pod.annotations.get(key) == Some(value);
        let image = container.image.text();
        let replaced_soon = self.live.rollout_under_way && !(image == Some(ran.image.as_str()) && template.iter().all(bears));
        let before_restart = purpose == Purpose::Restart && !template.get_key_value(RESTARTED_AT).is_none_or(bears);
        !replaced_soon && !before_restart
    }
}

impl Pod {
    fn ran(&self, container: &Container) -> Option<&Ran> {
        self.containers.iter().find(|ran| ran.group == container.group && ran.name == container.name)
    }
}

#[cfg(test)]
mod tests {
    use std::slice::from_ref;

    use super::*;
    use crate::engine::answer::Platform;
    use serde_json::json;

    fn digest(letter: char) -> Digest {
        Digest::parse(&format!("sha256:{}", letter.to_string().repeat(64))).unwrap()
    }

    fn id(letter: char) -> String {
        format!("reg.test/web@{}", digest(letter))
    }

    fn pod(image_id: &str, state: &str) -> Value {
        json!({
            "metadata": {"ownerReferences": [{"uid": "rs1", "controller": true}], "annotations": {"note": "a"}},
            "spec": {"containers": [{"name": "app", "image": "reg.test/web:1"}]},
            "status": {"phase": "Running", "containerStatuses": [{"name": "app", "imageID": image_id, "state": {state: {}}}]},
        })
    }

    fn live(under_way: bool, template: Value) -> Live {
        let generation = if under_way { 2 } else { 1 };
        Live::read(&json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "shop", "generation": generation}, "status": {"observedGeneration": 1},
            "spec": {"template": {"metadata": {"annotations": template}, "spec": {"containers": [{"name": "app", "image": "reg.test/web:1"}]}}},
        }))
        .unwrap()
    }

    fn say(live: &Live, pods: &[Value], purpose: Purpose) -> Word {
        let pods: Vec<Pod> = pods.iter().filter_map(Pod::read).collect();
        held_against(true, live, &pods, purpose)
    }

    /// The index `a` has the manifest `b`.
    fn held_against(whole: bool, live: &Live, pods: &[Pod], purpose: Purpose) -> Word {
        let index = Index { manifests: [(digest('b'), Platform("linux/amd64".to_owned()))].into(), whole };
        let manifests = [(digest('a'), index)].into();
        Pods { live, pods: Ok(pods), manifests: &manifests }.say(&live.workload.containers[0], &digest('a'), purpose)
    }

    #[test]
    fn where_an_index_is_not_read_to_its_end_another_digest_says_nothing() {
        let live = live(false, json!({}));
        let read = |letters: &str| -> Vec<Pod> {
            letters.chars().filter_map(|letter| Pod::read(&pod(&id(letter), "running"))).collect()
        };
        let nothing = Word::Nothing("its index has more manifests without a platform than are read");
        assert_eq!(held_against(false, &live, &read("c"), Purpose::Update), nothing);
        assert_eq!(held_against(false, &live, &read("cb"), Purpose::Update), Word::Agrees);
        assert_eq!(held_against(true, &live, &read("cb"), Purpose::Update), Word::Differs(digest('c')));
    }

    #[test]
    fn a_pod_on_the_index_or_on_one_of_its_manifests_agrees() {
        let live = live(false, json!({}));
        assert_eq!(say(&live, &[pod(&id('a'), "running"), pod(&id('b'), "running")], Purpose::Update), Word::Agrees);
        let shim = format!("docker-pullable://{}", id('a'));
        assert_eq!(say(&live, &[pod(&shim, "running")], Purpose::Update), Word::Agrees);
        assert_eq!(
            say(&live, &[pod(&id('a'), "running"), pod(&id('c'), "running")], Purpose::Update),
            Word::Differs(digest('c'))
        );
    }

    #[test]
    fn what_says_nothing_changes_nothing() {
        let live = live(false, json!({}));
        let bare = digest('c').to_string();
        let mut deleted = pod(&id('c'), "running");
        deleted["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        let mut finished = pod(&id('c'), "running");
        finished["status"]["phase"] = "Succeeded".into();
        let mut stray = pod(&id('c'), "running");
        stray["metadata"]["ownerReferences"][0]["controller"] = false.into();
        for (pods, reason) in [
            (vec![], "no pod of it is running"),
            (vec![deleted, finished, stray], "no pod of it is running"),
            (
                vec![pod(&bare, "running"), pod("", "running"), pod("3f2a9c", "running")],
                "no pod of it tells which digest it runs",
            ),
            (vec![pod(&id('c'), "waiting")], "it runs in no pod of the present rollout yet"),
            (vec![pod(&id('c'), "terminated")], "it runs in no pod of the present rollout yet"),
        ] {
            assert_eq!(say(&live, &pods, Purpose::Update), Word::Nothing(reason));
        }
        // One that says nothing takes nothing away from one that does.
        assert_eq!(say(&live, &[pod(&bare, "running"), pod(&id('a'), "running")], Purpose::Update), Word::Agrees);
        let unread = Pods { live: &live, pods: Err("its pods could not be read"), manifests: &BTreeMap::new() };
        assert_eq!(
            unread.say(&live.workload.containers[0], &digest('a'), Purpose::Update),
            Word::Nothing("its pods could not be read")
        );
    }

    #[test]
    fn a_pod_that_a_rollout_is_about_to_replace_says_nothing() {
        let old = pod(&id('c'), "running");
        assert_eq!(say(&live(false, json!({"note": "b"})), from_ref(&old), Purpose::Update), Word::Differs(digest('c')));
        let waiting = Word::Nothing("it runs in no pod of the present rollout yet");
        assert_eq!(say(&live(true, json!({"note": "b"})), from_ref(&old), Purpose::Update), waiting);
        assert_eq!(say(&live(true, json!({"note": "a"})), from_ref(&old), Purpose::Update), Word::Differs(digest('c')));
        let mut other_image = old;
        other_image["spec"]["containers"][0]["image"] = "reg.test/web:0".into();
        assert_eq!(say(&live(true, json!({})), &[other_image], Purpose::Update), waiting);
    }

    #[test]
    fn a_pod_from_before_the_last_restart_is_no_reason_for_another() {
        let mut restarted = pod(&id('c'), "running");
        let live = live(false, json!({RESTARTED_AT: "2026-01-01T00:00:00Z"}));
        assert!(matches!(say(&live, &[restarted.clone()], Purpose::Restart), Word::Nothing(_)));
        assert_eq!(say(&live, &[restarted.clone()], Purpose::Update), Word::Differs(digest('c')));
        restarted["metadata"]["annotations"][RESTARTED_AT] = "2026-01-01T00:00:00Z".into();
        assert_eq!(say(&live, &[restarted], Purpose::Restart), Word::Differs(digest('c')));
    }

    #[test]
    fn finished_init_containers_count() {
        let mut pod = pod("", "waiting");
        pod["spec"]["initContainers"] = json!([{"name": "app", "image": "reg.test/web:1"}]);
        pod["status"]["initContainerStatuses"] = json!([{"name": "app", "imageID": id('c'), "state": {"terminated": {}}}]);
        let mut live = live(false, json!({}));
        live.workload.containers[0].group = Group::InitContainers;
        assert_eq!(say(&live, &[pod], Purpose::Update), Word::Differs(digest('c')));
    }
}
