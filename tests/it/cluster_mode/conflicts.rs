//! Other writers at the same time, and servers that refuse.

use serde_json::json;

use super::{Scene, problems};
use crate::support::apiserver::access::Account;
use crate::support::apiserver::workload;
use crate::support::registry::http::Response;

const WEB: &str = "/deployments/web";

#[test]
fn a_change_that_came_between_is_kept_and_planned_on() {
    let scene = Scene::new();
    let (image, digest) = scene.image("shop/web", "1.4");
    scene.add("Deployment", "shop", "web", &image);
    scene.server.race(WEB, 1, |object| {
        object["metadata"]["annotations"] = json!({"other": "mine"})
    });
    scene.run("--update", 0);
    let object = scene.server.object("deployments", "shop", "web");
    assert_eq!(object["metadata"]["annotations"]["other"], "mine");
    assert!(object["metadata"]["annotations"]["imago-config-spec"].is_string());
    assert_eq!(
        scene.deployed("deployments", "shop", "web"),
        format!("{image}@{digest}")
    );
    assert_eq!(scene.server.count("PATCH"), 2);
}

#[test]
fn an_image_that_was_changed_between_is_looked_up_and_wins() {
    let scene = Scene::new();
    let (old, _) = scene.image("shop/web", "1.4");
    let (new, _) = scene.image("shop/web", "1.5");
    let other = scene
        .registry
        .push_index("shop/web", "1.5", &["linux/amd64"], "newer");
    scene.add("Deployment", "shop", "web", &old);
    let image = new.clone();
    scene.server.race(WEB, 1, move |object| {
        object["spec"]["template"]["spec"]["containers"][0]["image"] = image.clone().into()
    });
    let finished = scene.run("--update", 0);
    assert_eq!(
        scene.deployed("deployments", "shop", "web"),
        format!("{new}@{other}")
    );
    assert!(
        finished.stdout.contains(&format!(
            "app has to be updated from {new} to {new}@{other}"
        )),
        "{}",
        finished.stdout
    );
}

#[test]
fn a_change_that_the_server_made_but_refused_is_a_warning() {
    let scene = Scene::new();
    let (image, digest) = scene.image("shop/web", "1.4");
    scene.add("Deployment", "shop", "web", &image);
    scene.server.fault(WEB, |_, number, fine| {
        if number == 1 {
            Response::new(429)
        } else {
            fine
        }
    });
    let report = scene.report("--update", 0);
    assert_eq!(
        scene.deployed("deployments", "shop", "web"),
        format!("{image}@{digest}")
    );
    assert_eq!(
        (&report["objects"][0]["changed"], problems(&report).len()),
        (&json!(false), 0)
    );
    let warning = report["warnings"][0].as_str().unwrap();
    assert!(
        warning.contains("already had the wanted images when it was read again"),
        "{warning}"
    );
}

#[test]
fn five_conflicts_in_a_row_are_a_problem_and_the_others_go_on() {
    let scene = Scene::new();
    let (image, digest) = scene.image("shop/web", "1.4");
    scene.add("Deployment", "shop", "web", &image);
    scene.add("Deployment", "shop", "z", &image);
    scene.server.race(WEB, 100, |object| {
        object["metadata"]["labels"]["beat"] = "on".into()
    });
    let report = scene.report("--update", 3);
    assert_eq!(problems(&report), ["conflict"]);
    assert_eq!(
        (
            report["objects"][0]["changed"].as_bool(),
            scene.deployed("deployments", "shop", "web")
        ),
        (Some(false), image.clone())
    );
    assert_eq!(
        scene.deployed("deployments", "shop", "z"),
        format!("{image}@{digest}")
    );
    assert_eq!(scene.server.count("PATCH"), 5 + 1);
}

#[test]
fn four_conflicts_in_a_row_are_retried() {
    let scene = Scene::new();
    let (image, digest) = scene.image("shop/web", "1.4");
    scene.add("Deployment", "shop", "web", &image);
    scene.server.race(WEB, 4, |object| {
        object["metadata"]["labels"]["beat"] = "on".into()
    });
    scene.run("--update", 0);
    assert_eq!(
        scene.deployed("deployments", "shop", "web"),
        format!("{image}@{digest}")
    );
}

#[test]
fn a_workload_that_is_gone_or_taken_over_is_a_problem() {
    for (change, code) in [
        ("argocd.argoproj.io/tracking-id", "changed-meanwhile"),
        ("", "conflict"),
    ] {
        let scene = Scene::new();
        let (image, _) = scene.image("shop/web", "1.4");
        scene.add("Deployment", "shop", "web", &image);
        scene.server.race(WEB, 5, move |object| {
            object["metadata"]["annotations"] = json!({change: "x"})
        });
        assert_eq!(problems(&scene.report("--update", 3)), [code]);
        assert_eq!(scene.deployed("deployments", "shop", "web"), image);
    }
}

/// A scene in which the tag has moved since the workload got its digest, and the workload's image. Changing it adds nothing.
fn moved_on() -> (Scene, String) {
    let scene = Scene::new();
    let (image, _) = scene.image("shop/web", "1.4");
    scene.add("Deployment", "shop", "web", &image);
    scene.run("--update", 0);
    let before = scene.deployed("deployments", "shop", "web");
    scene
        .registry
        .push_index("shop/web", "1.4", &["linux/amd64", "linux/arm64"], "newer");
    (scene, before)
}

#[test]
fn a_mark_that_came_between_is_heeded_also_where_nothing_is_added() {
    let owner = json!([{"apiVersion": "shop.test/v1", "kind": "Shop", "name": "main", "uid": "7", "controller": true}]);
    for (at, value, code, expected) in [
        (
            "/metadata/annotations/imago~1ignore",
            json!("true"),
            0,
            vec![],
        ),
        (
            "/metadata/annotations/argocd.argoproj.io~1tracking-id",
            json!("a"),
            3,
            vec!["changed-meanwhile"],
        ),
        (
            "/metadata/labels/kustomize.toolkit.fluxcd.io~1name",
            json!("shop"),
            3,
            vec!["changed-meanwhile"],
        ),
        (
            "/metadata/ownerReferences",
            owner,
            3,
            vec!["changed-meanwhile"],
        ),
    ] {
        let (scene, before) = moved_on();
        scene.server.race(WEB, 1, move |object| {
            let (map, key) = at.rsplit_once('/').unwrap();
            object.pointer_mut(map).unwrap()[key.replace("~1", "/")] = value.clone();
        });
        assert_eq!(problems(&scene.report("--update", code)), expected, "{at}");
        assert_eq!(scene.deployed("deployments", "shop", "web"), before, "{at}");
    }
}

#[test]
fn a_status_that_is_written_all_the_time_stops_no_update() {
    let (scene, before) = moved_on();
    scene.server.race(WEB, 100, |object| {
        object["status"]["beat"] = (object["status"]["beat"].as_u64().unwrap_or(0) + 1).into()
    });
    scene.run("--update", 0);
    assert_ne!(scene.deployed("deployments", "shop", "web"), before);
    assert_eq!(scene.server.count("PATCH"), 1 + 4);
}

#[test]
fn a_workload_that_was_made_anew_is_a_problem() {
    let scene = Scene::new();
    let (image, _) = scene.image("shop/web", "1.4");
    scene.add("Deployment", "shop", "web", &image);
    scene.server.race(WEB, 1, |object| {
        object["metadata"]["uid"] = "another".into()
    });
    assert_eq!(
        problems(&scene.report("--update", 3)),
        ["changed-meanwhile"]
    );
    assert_eq!(scene.deployed("deployments", "shop", "web"), image);
}

#[test]
fn an_object_that_would_be_invalid_is_refused_once_with_the_servers_reason() {
    let scene = Scene::new();
    let (image, _) = scene.image("shop/web", "1.4");
    // An object that the server refuses with any change: it became invalid when the rules changed.
    let mut web = workload(
        "Deployment",
        "shop",
        "web",
        &[("app", &image), ("second", "")],
    );
    web["spec"]["template"]["spec"]["containers"][1]["image"] = "".into();
    scene.server.add(&web);
    let finished = scene.run("--update", 3);
    assert!(
        finished
            .stderr
            .contains("`spec.template.spec.containers[1].image`: Required value"),
        "{}",
        finished.stderr
    );
    assert_eq!(scene.server.count("PATCH"), 1);
}

#[test]
fn who_may_not_patch_is_told_the_verb_and_the_file_that_grants_it() {
    let scene = Scene::new();
    let (image, _) = scene.image("shop/web", "1.4");
    let reader = ["deployments", "daemonsets", "statefulsets", "cronjobs"]
        .iter()
        .fold(
            Account::new("system:serviceaccount:shop:reader"),
            |account, plural| account.may("list", plural, Some("shop")),
        );
    let scene = Scene {
        server: scene.server.account("token-of-the-reader", reader),
        ..scene
    };
    scene.add("Deployment", "shop", "web", &image);
    let config = scene
        .server
        .kubeconfig_file_of("token-of-the-reader", Some("shop"));
    let run = |line: &[&str], code| {
        let arguments = line.iter().map(|&word| word.to_owned()).chain([
            "--kubeconfig".to_owned(),
            config.to_str().unwrap().to_owned(),
        ]);
        scene.place.imago(arguments).finish_with(code).stderr
    };
    assert_eq!(run(&[], 0), "");
    let refused = run(&["--update"], 3);
    for word in [
        "shop/Deployment/web",
        "may not patch",
        "verb `patch` on `deployments`",
        "deploy/one-namespace/role.yaml",
    ] {
        assert!(refused.contains(word), "{word}: {refused}");
    }
    let pods = run(&["--check-pods"], 3);
    for word in [
        "may not list `pods`",
        "may not list `replicasets.apps`",
        "deploy/one-namespace/role.yaml",
    ] {
        assert!(pods.contains(word), "{word}: {pods}");
    }
    let everywhere = run(&["-A"], 2);
    assert!(
        everywhere.contains("in all namespaces") && everywhere.contains("deploy/clusterrole.yaml"),
        "{everywhere}"
    );
    assert!(!refused.contains("token-of-the-reader"));
}
