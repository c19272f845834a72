//! Reports, updates, rehearsals and restores.

use serde_json::json;

use super::{Scene, by_people, outcomes, pod, problems};
use crate::support::apiserver::workload;
use crate::support::registry::http::{Body, Response};

#[test]
fn without_an_action_it_reports_and_changes_nothing() {
    let scene = Scene::new();
    let (image, digest) = scene.image("shop/web", "1.4");
    scene.add("Deployment", "shop", "web", &image);
    let finished = scene.run("", 0);
    assert_eq!(
        finished.stdout,
        format!(
            "checking shop/Deployment/web:\n  app has to be updated from {image} to {image}@{digest}\n1 image in 1 of 1 workload has to be updated\n"
        )
    );
    assert_eq!(
        (finished.stderr.as_str(), scene.server.count("PATCH")),
        ("", 0)
    );
    scene.run("--check", 1);
}

#[test]
fn an_update_changes_the_image_and_the_record_and_nothing_else() {
    let scene = Scene::new();
    let (image, digest) = scene.image("shop/web", "1.4");
    let mut web = workload("Deployment", "shop", "web", &[("app", &image)]);
    web["metadata"]["annotations"] = json!({"note": "kept", "app.kubernetes.io/version": "7"});
    web["spec"]["template"]["spec"]["fieldOfTomorrow"] = json!({"kept": [1, 2]});
    scene.server.add(&web);
    let before = scene.server.object("deployments", "shop", "web");
    let finished = scene.run("--update", 0);
    assert!(
        finished
            .stdout
            .contains("\nupdate shop/Deployment/web\nupdated 1 image in 1 of 1 workload\n"),
        "{}",
        finished.stdout
    );
    let after = scene.server.object("deployments", "shop", "web");
    let mut expected = by_people(before);
    let record =
        format!(r#"{{"containers":[{{"name":"app","image":"{image}"}}],"initContainers":[]}}"#);
    expected["metadata"]["annotations"]["imago-config-spec"] = record.into();
    expected["spec"]["template"]["spec"]["containers"][0]["image"] =
        format!("{image}@{digest}").into();
    assert_eq!(by_people(after.clone()), expected);
    let managers = after["metadata"]["managedFields"].as_array().unwrap();
    let of = |name: &str| {
        managers
            .iter()
            .find(|manager| manager["manager"] == name)
            .map(ToString::to_string)
    };
    let ours = of("imago").unwrap();
    assert!(
        ours.contains("f:image")
            && ours.contains("imago-config-spec")
            && !ours.contains("fieldOfTomorrow"),
        "{ours}"
    );
    assert!(
        of("kubectl-client-side-apply")
            .unwrap()
            .contains("fieldOfTomorrow"),
        "the others keep what is theirs"
    );
    // A second run has nothing to do.
    assert!(
        scene
            .run("--update", 0)
            .stdout
            .ends_with("the image in 1 workload is up to date\n")
    );
    assert_eq!(scene.server.count("PATCH"), 1);
}

#[test]
fn all_four_kinds_and_their_init_containers_are_kept() {
    let scene = Scene::new();
    let (image, digest) = scene.image("shop/web", "1.4");
    for (kind, plural) in [
        ("Deployment", "deployments"),
        ("DaemonSet", "daemonsets"),
        ("StatefulSet", "statefulsets"),
        ("CronJob", "cronjobs"),
    ] {
        let mut object = workload(kind, "shop", "web", &[("app", &image)]);
        let at = if kind == "CronJob" {
            "/spec/jobTemplate/spec/template/spec"
        } else {
            "/spec/template/spec"
        };
        object.pointer_mut(at).unwrap()["initContainers"] =
            json!([{"name": "init", "image": image}]);
        scene.server.add(&object);
        let before = by_people(scene.server.object(plural, "shop", "web"));
        scene.run("--update", 0);
        let after = scene.server.object(plural, "shop", "web");
        for list in ["containers", "initContainers"] {
            assert_eq!(
                pod(&after)[list][0]["image"],
                format!("{image}@{digest}"),
                "{kind}"
            );
        }
        scene.run("--restore", 0);
        assert_eq!(
            by_people(scene.server.object(plural, "shop", "web")),
            before,
            "{kind}"
        );
    }
    let finished = scene.run("", 0);
    let checked: Vec<&str> = finished
        .stdout
        .lines()
        .filter(|line| line.starts_with("checking"))
        .collect();
    let order = ["Deployment", "DaemonSet", "StatefulSet", "CronJob"]
        .map(|kind| format!("checking shop/{kind}/web:"));
    assert_eq!(checked, order);
}

#[test]
fn a_rehearsal_is_the_servers_and_keeps_nothing() {
    let scene = Scene::new();
    let (image, _) = scene.image("shop/web", "1.4");
    scene.add("Deployment", "shop", "web", &image);
    let before = scene.server.object("deployments", "shop", "web");
    let finished = scene.run("--update --dry-run", 0);
    assert!(
        finished.stdout.ends_with(
            "would update shop/Deployment/web\nwould update 1 image in 1 of 1 workload\n"
        ),
        "{}",
        finished.stdout
    );
    assert_eq!(scene.server.object("deployments", "shop", "web"), before);
    let patches: Vec<String> = scene
        .server
        .asked()
        .into_iter()
        .filter(|asked| asked.starts_with("PATCH"))
        .collect();
    assert_eq!(
        patches,
        ["PATCH /apis/apps/v1/namespaces/shop/deployments/web?fieldManager=imago&dryRun=All"]
    );
}

#[test]
fn what_a_webhook_rewrites_is_told() {
    let scene = Scene::new();
    let (image, digest) = scene.image("shop/web", "1.4");
    scene.add("Deployment", "shop", "web", &image);
    let rewritten = format!("mirror.example.test/web@{digest}");
    let (from, to) = (format!("{image}@{digest}"), rewritten.clone());
    scene
        .server
        .fault("/deployments/web", move |_, _, response: Response| {
            let Body::Whole(bytes) = &response.body else {
                return response;
            };
            let text = String::from_utf8(bytes.clone())
                .unwrap()
                .replace(&from, &to);
            response.body(text)
        });
    for line in ["--update --dry-run", "--update"] {
        let finished = scene.run(line, 0);
        assert!(
            finished
                .stderr
                .contains(&format!("warning: the server kept `{rewritten}`")),
            "{}",
            finished.stderr
        );
    }
}

#[test]
fn a_plan_with_too_many_changes_is_not_carried_out() {
    let scene = Scene::new();
    let (image, _) = scene.image("shop/web", "1.4");
    scene.add("Deployment", "shop", "web", &image);
    scene.add("Deployment", "shop", "api", &image);
    scene.run("--update --max-changes 1", 2);
    assert_eq!(scene.server.count("PATCH"), 0);
    scene.run("--update --max-changes 2", 0);
}

#[test]
fn what_fails_for_one_workload_is_told_and_the_others_go_on() {
    let scene = Scene::new();
    let (image, digest) = scene.image("shop/web", "1.4");
    let missing = format!("{}/shop/none:1", scene.registry.host());
    scene.add("Deployment", "shop", "bad", &missing);
    scene.add("Deployment", "shop", "web", &image);
    let mut unreadable = workload("Deployment", "shop", "unreadable", &[("app", &image)]);
    unreadable["metadata"]["annotations"] = json!({"imago-config-spec": "{"});
    scene.server.add(&unreadable);
    let finished = scene.run("--update", 3);
    let expected = format!(
        "error: cannot resolve `{missing}`\n  in shop/Deployment/bad, container `app`\n  cause: "
    );
    assert!(finished.stderr.contains(&expected), "{}", finished.stderr);
    assert!(
        finished
            .stderr
            .contains("cannot read the annotation `imago-config-spec` of `unreadable`"),
        "{}",
        finished.stderr
    );
    assert_eq!(
        scene.deployed("deployments", "shop", "web"),
        format!("{image}@{digest}")
    );
    assert_eq!(scene.deployed("deployments", "shop", "unreadable"), image);
}

#[test]
fn workloads_that_something_else_writes_are_passed_over() {
    let scene = Scene::new();
    let (image, digest) = scene.image("shop/web", "1.4");
    let mut owned = workload("Deployment", "shop", "owned", &[("app", &image)]);
    owned["metadata"]["ownerReferences"] = json!([{"apiVersion": "v1", "kind": "Database", "name": "main", "uid": "7", "controller": true}]);
    let mut argo = workload("Deployment", "shop", "argo", &[("app", &image)]);
    argo["metadata"]["annotations"] =
        json!({"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:shop/argo"});
    let mut flux = workload("Deployment", "shop", "flux", &[("app", &image)]);
    flux["metadata"]["labels"]["kustomize.toolkit.fluxcd.io/name"] = "shop".into();
    for object in [&owned, &argo, &flux] {
        scene.server.add(object);
    }
    let report = scene.report("--update", 0);
    assert_eq!(outcomes(&report), []);
    let skipped = report["skipped"].as_array().unwrap();
    assert_eq!(skipped.len(), 3);
    assert!(
        skipped.iter().all(|skipped| skipped["code"] == "managed"),
        "{skipped:?}"
    );
    assert_eq!(scene.server.count("PATCH"), 0);
    let text = scene.run("-v", 0).stdout;
    assert!(
        text.contains(
            "passed over shop/Deployment/owned (managed): the controller `Database/main` writes it"
        ),
        "{text}"
    );
    let line = "every workload was passed over; 3 workloads managed by something else (`--managed` takes them)\n";
    assert_eq!(scene.run("--update", 0).stdout, line);
    scene.run("--update --managed", 0);
    let kept = scene.server.object("deployments", "shop", "argo");
    assert_eq!(
        kept["metadata"]["annotations"]["argocd.argoproj.io/tracking-id"],
        "shop:apps/Deployment:shop/argo"
    );
    assert_eq!(
        scene.deployed("deployments", "shop", "flux"),
        format!("{image}@{digest}")
    );
}

#[test]
fn a_list_that_fails_is_told_and_the_others_go_on() {
    let scene = Scene::new();
    let (image, _) = scene.image("shop/web", "1.4");
    scene.add("Deployment", "shop", "web", &image);
    let gone = || {
        Response::new(404).body(r#"{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"NotFound","code":404}"#)
    };
    scene.server.fault("/daemonsets", move |_, _, _| gone());
    let report = scene.report("", 3);
    assert_eq!(
        (outcomes(&report).len(), problems(&report)),
        (1, vec!["not-found"])
    );
    // If no list can be read, the run cannot work.
    for path in ["/deployments", "/statefulsets", "/cronjobs"] {
        scene.server.fault(path, move |_, _, _| gone());
    }
    assert!(
        scene
            .run("--update", 2)
            .stderr
            .contains("error: cannot list `deployments` in the namespace `shop`")
    );
}
