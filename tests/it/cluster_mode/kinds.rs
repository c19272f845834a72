//! Kinds beyond the four: taken by name, as the server's discovery has them.

use serde_json::{Value, json};

use super::{Scene, outcomes};
use crate::support::apiserver::workload;
use crate::support::registry::http::Response;

fn of(version: &str, kind: &str, name: &str, image: &str) -> Value {
    let mut object = workload(kind, "shop", name, &[("app", image)]);
    object["apiVersion"] = version.into();
    object
}

fn scene() -> (Scene, String) {
    let scene = Scene::new();
    let (image, _) = scene.image("shop/web", "1.4");
    scene.add("Deployment", "shop", "web", &image);
    scene
        .server
        .add(&of("argoproj.io/v1alpha1", "Rollout", "ro", &image));
    scene
        .server
        .add(&of("example.com/v1", "Rollout", "other", &image));
    scene
        .server
        .add(&of("apps.kruise.io/v1alpha1", "CloneSet", "clone", &image));
    (scene, image)
}

fn names(report: &Value) -> Vec<String> {
    let objects = report["objects"].as_array().unwrap().iter();
    let name = |object: &Value| object["name"].as_str().unwrap().to_owned();
    objects.map(name).collect()
}

#[test]
fn the_four_kinds_are_taken_and_others_once_they_are_added() {
    let (scene, _) = scene();
    for (flags, expected) in [
        ("", &["web"][..]),
        ("--add-kind Rollout.argoproj.io", &["web", "ro"]),
        ("--add-kind Rollout", &["web", "other", "ro"]),
        (
            "--add-kind Rollout --add-kind CloneSet",
            &["web", "clone", "other", "ro"],
        ),
        ("--add-kind Rollout --kind Rollout", &["other", "ro"]),
        (
            "--add-kind Rollout --exclude-kind Rollout.example.com",
            &["web", "ro"],
        ),
        ("--add-kind Deployment", &["web"]),
        ("--exclude-kind CronJob", &["web"]),
    ] {
        assert_eq!(names(&scene.report(flags, 0)), expected, "{flags}");
    }
    // Without the flag nothing is asked but the four lists.
    let before = scene.server.asked().len();
    scene.report("", 0);
    assert_eq!(scene.server.asked().len(), before + 4);
}

#[test]
fn a_group_that_does_not_answer_is_told_where_a_bare_name_may_be_in_it() {
    let (scene, _) = scene();
    let asked = "/apis/example.com/v1";
    scene
        .server
        .fault(asked, move |request, _, fine| match request.path == asked {
            true => Response::new(503),
            false => fine,
        });
    let told = scene.run("--add-kind Rollout", 0);
    let said = "warning: cannot list the kinds of `example.com/v1`: ";
    assert!(
        told.stderr.contains(said)
            && told
                .stderr
                .contains("`--add-kind KIND.GROUP` asks one group"),
        "{}",
        told.stderr
    );
    assert!(
        !scene
            .run("--add-kind Rollout.argoproj.io", 0)
            .stderr
            .contains(said)
    );
}

#[test]
fn an_added_kind_is_updated_and_restored() {
    let (scene, image) = scene();
    scene.run("--update --add-kind Rollout.argoproj.io", 0);
    let pinned = scene.deployed("rollouts", "shop", "ro");
    assert!(pinned.starts_with(&format!("{image}@sha256:")), "{pinned}");
    scene.run("--restore --add-kind Rollout.argoproj.io", 0);
    assert_eq!(scene.deployed("rollouts", "shop", "ro"), image);
    assert_eq!(scene.deployed("deployments", "shop", "web"), image);
}

#[test]
fn a_kind_that_cannot_be_taken_is_a_usage_error() {
    let (scene, _) = scene();
    for (flags, said) in [
        (
            "--add-kind Rolout",
            "`--add-kind Rolout` fits no kind of context",
        ),
        (
            "--add-kind Rollout.apps",
            "`--add-kind Rollout.apps` fits no kind of",
        ),
        ("--add-kind Job", "nobody change its pod template"),
        ("--add-kind Pod", "it has no pod template"),
        (
            "--kind Rollout",
            "`--kind Rollout` fits no kind of this run",
        ),
        (
            "--exclude-kind Job",
            "`--exclude-kind Job` fits no kind of this run",
        ),
        ("--add-kind a/b", "`a/b` is not a kind"),
    ] {
        let told = scene.run(flags, 2).stderr;
        assert!(told.contains(said), "{flags}: {told}");
    }
}

#[test]
fn pods_are_found_through_replica_sets_and_elsewhere_unknown() {
    let (scene, image) = scene();
    let uid = |plural: &str, name: &str| {
        let object = scene.server.object(plural, "shop", name);
        object["metadata"]["uid"].as_str().unwrap().to_owned()
    };
    let owned = |version: &str, kind: &str, name: &str, owner: &str| {
        json!({"apiVersion": version, "kind": kind,
            "metadata": {"name": name, "namespace": "shop",
                "ownerReferences": [{"apiVersion": "v1", "kind": "x", "name": "x", "uid": owner, "controller": true}]},
            "spec": {"containers": [{"name": "app", "image": image}], "template": {"spec": {"containers": []}}},
            "status": {"phase": "Running", "containerStatuses": [{"name": "app",
                "imageID": format!("r.test/web@sha256:{}", "d".repeat(64)), "state": {"running": {}}}]}})
    };
    scene.server.add(&owned(
        "apps/v1",
        "ReplicaSet",
        "ro-1",
        &uid("rollouts", "ro"),
    ));
    scene
        .server
        .add(&owned("v1", "Pod", "ro-1-a", &uid("replicasets", "ro-1")));
    scene
        .server
        .add(&owned("v1", "Pod", "clone-a", &uid("clonesets", "clone")));
    let line = "--check-pods --update --add-kind Rollout.argoproj.io --add-kind CloneSet";
    let said = outcomes(&scene.report(line, 0));
    let outcome = |name: &str| {
        let found = said
            .iter()
            .find(|(object, _)| object == &format!("shop/{name}"));
        found.unwrap().1.clone()
    };
    assert_eq!(
        (outcome("ro"), outcome("clone")),
        ("outdated".into(), "unchecked".into())
    );
    assert_eq!(scene.deployed("clonesets", "shop", "clone"), image);
    assert_ne!(scene.deployed("rollouts", "shop", "ro"), image);
    let told = scene.run(line, 0).stdout;
    assert!(
        told.contains("no ReplicaSet and no Job is its own"),
        "{told}"
    );
}

#[test]
fn an_added_kind_without_pod_templates_is_told() {
    let (scene, _) = scene();
    scene
        .server
        .add(&json!({"apiVersion": "example.com/v1", "kind": "Rollout",
        "metadata": {"name": "bare", "namespace": "shop"}, "spec": {}}));
    let told = scene
        .run("--add-kind Rollout.example.com -f metadata.name=bare", 0)
        .stderr;
    assert!(
        told.contains("no Rollout.example.com has its only containers"),
        "{told}"
    );
}
