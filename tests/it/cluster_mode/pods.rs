//! What running pods say: `--check-pods` and `--restart`.

use serde_json::{Value, json};

use super::{Scene, outcomes};
use crate::support::apiserver::workload;

/// The digest of no image.
const OTHER: &str = "sha256:dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd";

/// A pod with a container `app`.
fn pod(name: &str, owner: &str, uid: &str, image: &str, image_id: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": "shop", "labels": {"app": "web"},
            "ownerReferences": [{"apiVersion": "v1", "kind": owner, "name": "x", "uid": uid, "controller": true}]},
        "spec": {"containers": [{"name": "app", "image": image}]},
        "status": {"phase": "Running", "containerStatuses": [{"name": "app", "imageID": image_id, "state": {"running": {}}}]}})
}

fn uid(scene: &Scene, plural: &str, name: &str) -> String {
    scene.server.object(plural, "shop", name)["metadata"]["uid"]
        .as_str()
        .unwrap()
        .to_owned()
}

fn between(kind: &str, version: &str, name: &str, owner: &str, uid: &str) -> Value {
    json!({"apiVersion": version, "kind": kind, "metadata": {"name": name, "namespace": "shop",
        "ownerReferences": [{"apiVersion": "v1", "kind": owner, "name": "web", "uid": uid, "controller": true}]},
        "spec": {"template": {"spec": {"containers": []}}}})
}

/// A scene with a workload of a kind, whose rollout is complete, and a pod that runs `image_id`.
fn running(
    kind: &str,
    policy: &str,
    image_id: impl FnOnce(&str, &str) -> String,
) -> (Scene, String, String) {
    let scene = Scene::new();
    let (image, digest) = scene.image("shop/web", "1.4");
    let plural = format!("{}s", kind.to_lowercase());
    let mut object = workload(kind, "shop", "web", &[("app", &image)]);
    let at = if kind == "CronJob" {
        "/spec/jobTemplate/spec/template/spec"
    } else {
        "/spec/template/spec"
    };
    object.pointer_mut(at).unwrap()["containers"][0]["imagePullPolicy"] = policy.into();
    object["status"] = json!({"observedGeneration": 100});
    scene.server.add(&object);
    let owner = uid(&scene, &plural, "web");
    let (owner_kind, owner) = match kind {
        "Deployment" => {
            scene.server.add(&between(
                "ReplicaSet",
                "apps/v1",
                "web-1",
                "Deployment",
                &owner,
            ));
            ("ReplicaSet", uid(&scene, "replicasets", "web-1"))
        }
        "CronJob" => {
            scene
                .server
                .add(&between("Job", "batch/v1", "web-1", "CronJob", &owner));
            ("Job", uid(&scene, "jobs", "web-1"))
        }
        _ => (kind, owner),
    };
    scene.server.add(&pod(
        "web-1-a",
        owner_kind,
        &owner,
        &image,
        &image_id(&image, &digest),
    ));
    (scene, image, digest)
}

fn outcome(scene: &Scene, line: &str) -> String {
    outcomes(&scene.report(line, 0))[0].1.clone()
}

#[test]
fn only_what_a_pod_is_behind_on_is_updated() {
    for kind in ["Deployment", "DaemonSet", "StatefulSet", "CronJob"] {
        let (scene, image, _) = running(kind, "IfNotPresent", |_, digest| {
            format!("r.test/web@{digest}")
        });
        assert_eq!(outcome(&scene, "--update --check-pods"), "ok", "{kind}");
        assert_eq!(scene.server.count("PATCH"), 0);
        assert_eq!(
            outcome(&scene, "--update"),
            "outdated",
            "{kind}: {image} is not pinned"
        );
        let (scene, ..) = running(kind, "IfNotPresent", |_, _| format!("r.test/web@{OTHER}"));
        assert_eq!(outcome(&scene, "-c"), "outdated", "{kind}");
        assert_eq!(
            outcome(&scene, "--update --check-pods"),
            "outdated",
            "{kind}"
        );
        assert_eq!(scene.server.count("PATCH"), 1, "{kind}");
    }
}

#[test]
fn a_digest_of_the_index_agrees_and_the_index_is_read_once() {
    let scene = Scene::new();
    let (_, index) = scene.image("shop/web", "1.4");
    let read = scene.registry.manifest("shop/web", &index);
    let manifest: Value = serde_json::from_slice(&read).unwrap();
    let platform = manifest["manifests"][0]["digest"]
        .as_str()
        .unwrap()
        .to_owned();
    let (scene, ..) = running("Deployment", "Always", |_, _| {
        format!("r.test/web@{platform}")
    });
    assert_eq!(outcome(&scene, "--update --check-pods"), "ok");
    assert_eq!(outcome(&scene, "--restart"), "ok");
    let asked = scene.registry.asked();
    assert_eq!(
        asked.iter().filter(|asked| asked.contains(&index)).count(),
        2,
        "once in a run: {asked:?}"
    );
    assert_eq!(scene.server.count("PATCH"), 0);
}

#[test]
fn pods_that_say_nothing_change_nothing_and_the_report_says_so() {
    for image_id in [
        "sha256:6666666666666666666666666666666666666666666666666666666666666666",
        "",
        "3f2a9c",
    ] {
        let (scene, image, _) = running("Deployment", "Always", |_, _| image_id.to_owned());
        assert_eq!(outcome(&scene, "--restart"), "unchecked");
        let text = scene.run("--update --check-pods", 0).stdout;
        assert!(
            text.contains(&format!(
                "app stays as it is on {image}: none of its pods reports which digest it runs"
            )),
            "{text}"
        );
        assert!(text.ends_with("; 1 image not checked by a pod\n"), "{text}");
        assert_eq!(scene.server.count("PATCH"), 0);
    }
    let (scene, ..) = running("Deployment", "Always", |_, _| format!("r.test/web@{OTHER}"));
    scene.server.remove("pods", "shop", "web-1-a");
    assert!(
        scene
            .run("--restart", 0)
            .stdout
            .contains(": none of its pods is running")
    );
}

#[test]
fn a_restart_sets_the_time_once_and_leaves_the_images_alone() {
    for kind in ["Deployment", "DaemonSet", "StatefulSet"] {
        let (scene, image, _) = running(kind, "Always", |_, _| format!("r.test/web@{OTHER}"));
        let plural = format!("{}s", kind.to_lowercase());
        let finished = scene.run("--restart", 0);
        assert!(
            finished
                .stdout
                .contains("app has to be restarted: a pod runs sha256:dddd"),
            "{}",
            finished.stdout
        );
        assert!(
            finished.stdout.contains(&format!(
                "\nrestart shop/{kind}/web\nrestarted 1 image in 1 of 1 workload\n"
            )),
            "{}",
            finished.stdout
        );
        let object = scene.server.object(&plural, "shop", "web");
        let time = object
            .pointer("/spec/template/metadata/annotations/imago~1restartedAt")
            .unwrap()
            .as_str()
            .unwrap()
            .to_owned();
        assert!(
            time.len() == 20
                && time.starts_with("20")
                && time.ends_with('Z')
                && time.as_bytes()[10] == b'T',
            "{time}"
        );
        assert_eq!(scene.deployed(&plural, "shop", "web"), image);
        assert!(object["metadata"]["annotations"].is_null());
        // The old pod is still there. It must not cause a second restart.
        assert_eq!(outcome(&scene, "--restart"), "unchecked");
        assert_eq!(scene.server.count("PATCH"), 1);
    }
}

#[test]
fn a_restart_that_would_not_pull_is_not_done_and_that_is_said() {
    let (scene, ..) = running("Deployment", "IfNotPresent", |_, _| {
        format!("r.test/web@{OTHER}")
    });
    let text = scene.run("--restart", 0).stdout;
    assert!(
        text.contains("but a restart would not pull: the pull policy of `app` is IfNotPresent"),
        "{text}"
    );
    let (job, ..) = running("CronJob", "Always", |_, _| format!("r.test/web@{OTHER}"));
    let text = job.run("--restart", 0).stdout;
    assert!(
        text.contains("but a CronJob is not restarted: its next run pulls by itself"),
        "{text}"
    );
    assert_eq!(
        (scene.server.count("PATCH"), job.server.count("PATCH")),
        (0, 0)
    );
}

#[test]
fn a_restart_puts_images_back_where_the_record_holds() {
    let (scene, image, digest) =
        running("Deployment", "Always", |_, _| format!("r.test/web@{OTHER}"));
    scene.run("--update", 0);
    assert_eq!(
        scene.deployed("deployments", "shop", "web"),
        format!("{image}@{digest}")
    );
    // The update's rollout would replace this pod. A restart sees it as the current pod, which is behind.
    let text = scene.run("--restart", 0).stdout;
    assert!(
        text.contains(&format!(", and goes back to {image}\n")),
        "{text}"
    );
    let object = scene.server.object("deployments", "shop", "web");
    assert_eq!(scene.deployed("deployments", "shop", "web"), image);
    assert!(
        object["metadata"]["annotations"]["imago-config-spec"].is_null(),
        "{object}"
    );
}

#[test]
fn an_update_and_a_restart_together_restart_with_a_warning() {
    let (scene, image, _) = running("Deployment", "Always", |_, _| format!("r.test/web@{OTHER}"));
    let finished = scene.run("-update -restart", 0);
    assert!(
        finished
            .stderr
            .contains("\nwarning: `--update` is ignored beside `--restart`"),
        "{}",
        finished.stderr
    );
    assert_eq!(scene.deployed("deployments", "shop", "web"), image);
    assert_eq!(scene.server.count("PATCH"), 1);
}

#[test]
fn a_rollout_that_came_between_is_not_disturbed() {
    for line in ["--update --check-pods", "--restart"] {
        let (scene, image, _) =
            running("Deployment", "Always", |_, _| format!("r.test/web@{OTHER}"));
        scene.server.race("/deployments/web", 1, |object| {
            object["metadata"]["generation"] = 2.into();
            object["spec"]["template"]["metadata"]["annotations"] =
                json!({"kubectl.kubernetes.io/restartedAt": "now"});
        });
        let text = scene.run(line, 0).stdout;
        assert!(
            text.contains(&format!(
                "app stays as it is on {image}: it was changed since its pods were read"
            )),
            "{line}: {text}"
        );
        let object = scene.server.object("deployments", "shop", "web");
        assert!(
            object
                .pointer("/spec/template/metadata/annotations/imago~1restartedAt")
                .is_none(),
            "{object}"
        );
        assert_eq!(scene.deployed("deployments", "shop", "web"), image);
    }
}

#[test]
fn a_restart_holds_back_a_digest_that_lacks_what_a_pod_runs() {
    let scene = Scene::new();
    let (_, old) = scene.image("shop/web", "1.4");
    let (scene, ..) = {
        let (inner, image, _) = running("Deployment", "Always", |_, _| format!("r.test/web@{old}"));
        // The pod's index has two platforms; the tag now has one.
        inner.registry.push_index(
            "shop/web",
            "1.4",
            &["linux/amd64", "linux/arm64"],
            "shop/web",
        );
        inner
            .registry
            .push_index("shop/web", "1.4", &["linux/amd64"], "being published");
        (inner, image, ())
    };
    assert_eq!(outcome(&scene, "--restart"), "held");
    assert_eq!(outcome(&scene, "--restart --allow-platform-loss"), "stale");
}

#[test]
fn pods_of_another_namespace_do_not_count() {
    let (scene, ..) = running("Deployment", "Always", |_, digest| {
        format!("r.test/web@{digest}")
    });
    let owner = uid(&scene, "replicasets", "web-1");
    let mut stranger = pod(
        "stranger",
        "ReplicaSet",
        &owner,
        "r.test/web",
        &format!("r.test/web@{OTHER}"),
    );
    stranger["metadata"]["namespace"] = "pay".into();
    scene.server.add(&stranger);
    assert_eq!(outcome(&scene, "-A --restart"), "ok");
}

#[test]
fn pods_that_cannot_be_read_change_nothing() {
    let (scene, ..) = running("Deployment", "Always", |_, _| format!("r.test/web@{OTHER}"));
    scene.server.fault("/replicasets", |_, _, _| {
        crate::support::registry::http::Response::new(404).body("{}")
    });
    let report = scene.report("--update --check-pods", 3);
    assert_eq!(outcomes(&report)[0].1, "unchecked");
    assert_eq!(scene.server.count("PATCH"), 0);
}
