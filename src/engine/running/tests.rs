//! Which states of a pod say something, and what.

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

fn say(live: &Live, pods: &[Value], purpose: Purpose) -> PodVerdict {
    let pods: Vec<Pod> = pods.iter().filter_map(Pod::read).collect();
    held_against(true, live, &pods, purpose)
}

/// The verdict, where the index `a` contains the manifest `b`.
fn held_against(whole: bool, live: &Live, pods: &[Pod], purpose: Purpose) -> PodVerdict {
    let index = Index {
        manifests: [(digest('b'), Platform("linux/amd64".to_owned()))].into(),
        whole,
    };
    let manifests = [(digest('a'), index)].into();
    Pods {
        live,
        pods: Ok(pods),
        manifests: &manifests,
    }
    .say(&live.workload.sites[0], &digest('a'), purpose)
}

#[test]
fn where_an_index_is_not_read_to_its_end_another_digest_says_nothing() {
    let live = live(false, json!({}));
    let read = |letters: &str| -> Vec<Pod> {
        letters
            .chars()
            .filter_map(|letter| Pod::read(&pod(&id(letter), "running")))
            .collect()
    };
    let nothing =
        PodVerdict::Nothing("its index has more manifests without a platform than are read");
    assert_eq!(
        held_against(false, &live, &read("c"), Purpose::Update),
        nothing
    );
    assert_eq!(
        held_against(false, &live, &read("cb"), Purpose::Update),
        PodVerdict::Agrees
    );
    assert_eq!(
        held_against(true, &live, &read("cb"), Purpose::Update),
        PodVerdict::Differs(digest('c'))
    );
}

#[test]
fn a_pod_on_the_index_or_on_one_of_its_manifests_agrees() {
    let live = live(false, json!({}));
    assert_eq!(
        say(
            &live,
            &[pod(&id('a'), "running"), pod(&id('b'), "running")],
            Purpose::Update
        ),
        PodVerdict::Agrees
    );
    let shim = format!("docker-pullable://{}", id('a'));
    assert_eq!(
        say(&live, &[pod(&shim, "running")], Purpose::Update),
        PodVerdict::Agrees
    );
    assert_eq!(
        say(
            &live,
            &[pod(&id('a'), "running"), pod(&id('c'), "running")],
            Purpose::Update
        ),
        PodVerdict::Differs(digest('c'))
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
        (vec![], "none of its pods is running"),
        (
            vec![deleted, finished, stray],
            "none of its pods is running",
        ),
        (
            vec![
                pod(&bare, "running"),
                pod("", "running"),
                pod("3f2a9c", "running"),
            ],
            "none of its pods reports which digest it runs",
        ),
        (
            vec![pod(&id('c'), "waiting")],
            "no pod of the current rollout runs it yet",
        ),
        (
            vec![pod(&id('c'), "terminated")],
            "no pod of the current rollout runs it yet",
        ),
    ] {
        assert_eq!(
            say(&live, &pods, Purpose::Update),
            PodVerdict::Nothing(reason)
        );
    }
    // A pod that says nothing does not hide one that does.
    assert_eq!(
        say(
            &live,
            &[pod(&bare, "running"), pod(&id('a'), "running")],
            Purpose::Update
        ),
        PodVerdict::Agrees
    );
    let unread = Pods {
        live: &live,
        pods: Err("its pods could not be read"),
        manifests: &BTreeMap::new(),
    };
    assert_eq!(
        unread.say(&live.workload.sites[0], &digest('a'), Purpose::Update),
        PodVerdict::Nothing("its pods could not be read")
    );
}

#[test]
fn a_pod_that_a_rollout_is_about_to_replace_says_nothing() {
    let old = pod(&id('c'), "running");
    assert_eq!(
        say(
            &live(false, json!({"note": "b"})),
            from_ref(&old),
            Purpose::Update
        ),
        PodVerdict::Differs(digest('c'))
    );
    let waiting = PodVerdict::Nothing("no pod of the current rollout runs it yet");
    assert_eq!(
        say(
            &live(true, json!({"note": "b"})),
            from_ref(&old),
            Purpose::Update
        ),
        waiting
    );
    assert_eq!(
        say(
            &live(true, json!({"note": "a"})),
            from_ref(&old),
            Purpose::Update
        ),
        PodVerdict::Differs(digest('c'))
    );
    let mut other_image = old;
    other_image["spec"]["containers"][0]["image"] = "reg.test/web:0".into();
    assert_eq!(
        say(&live(true, json!({})), &[other_image], Purpose::Update),
        waiting
    );
}

#[test]
fn a_pod_from_before_the_last_restart_is_no_reason_for_another() {
    let mut restarted = pod(&id('c'), "running");
    let live = live(false, json!({RESTARTED_AT: "2026-01-01T00:00:00Z"}));
    assert!(matches!(
        say(&live, &[restarted.clone()], Purpose::Restart),
        PodVerdict::Nothing(_)
    ));
    assert_eq!(
        say(&live, &[restarted.clone()], Purpose::Update),
        PodVerdict::Differs(digest('c'))
    );
    restarted["metadata"]["annotations"][RESTARTED_AT] = "2026-01-01T00:00:00Z".into();
    assert_eq!(
        say(&live, &[restarted], Purpose::Restart),
        PodVerdict::Differs(digest('c'))
    );
}

#[test]
fn finished_init_containers_count() {
    let mut pod = pod("", "waiting");
    pod["spec"]["initContainers"] = json!([{"name": "app", "image": "reg.test/web:1"}]);
    pod["status"]["initContainerStatuses"] =
        json!([{"name": "app", "imageID": id('c'), "state": {"terminated": {}}}]);
    let mut live = live(false, json!({}));
    live.workload.sites[0].role = Role::InitContainer;
    assert_eq!(
        say(&live, &[pod], Purpose::Update),
        PodVerdict::Differs(digest('c'))
    );
}
