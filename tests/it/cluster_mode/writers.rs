//! Workloads that something else writes, and the message that names the cluster.

use serde_json::json;

use super::Scene;
use crate::support::apiserver::workload;

/// A scene with a Deployment for each map of labels or annotations, named by its number.
fn scene_with(marks: &[(&str, &str, &str)]) -> (Scene, String) {
    let scene = Scene::new();
    let (image, digest) = scene.image("shop/web", "1.4");
    for (number, (map, key, value)) in marks.iter().enumerate() {
        let mut object = workload(
            "Deployment",
            "shop",
            &format!("web-{number}"),
            &[("app", &image)],
        );
        object["metadata"][*map][*key] = json!(value);
        scene.server.add(&object);
    }
    (scene, format!("{image}@{digest}"))
}

#[test]
fn the_marks_of_every_writer_are_passed_over_and_managed_takes_them() {
    let marks = [
        ("labels", "argocd.argoproj.io/instance", "shop"),
        ("annotations", "objectset.rio.cattle.io/id", "default-shop"),
        ("labels", "kapp.k14s.io/app", "1700000000"),
        ("annotations", "configmanagement.gke.io/managed", "enabled"),
        ("labels", "addonmanager.kubernetes.io/mode", "Reconcile"),
        ("labels", "olm.owner", "web.v1.0.0"),
    ];
    let (scene, pinned) = scene_with(&marks);
    let report = scene.report("--update", 0);
    let skipped = report["skipped"].as_array().unwrap();
    assert_eq!(skipped.len(), marks.len(), "{skipped:?}");
    for ((_, key, value), skipped) in marks.iter().zip(skipped) {
        assert_eq!(skipped["code"], "managed");
        let message = skipped["message"].as_str().unwrap();
        assert!(
            message.contains(&format!("(`{key}: {value}`) writes it"))
                && message.contains("`--managed`"),
            "{message}"
        );
    }
    assert_eq!(scene.server.count("PATCH"), 0);
    scene.run("--update --managed", 0);
    for number in 0..marks.len() {
        assert_eq!(
            scene.deployed("deployments", "shop", &format!("web-{number}")),
            pinned
        );
    }
}

#[test]
fn what_helm_or_an_argo_cd_without_proof_has_set_is_changed_and_helms_is_told() {
    let release = ("annotations", "meta.helm.sh/release-name", "web");
    let (scene, pinned) = scene_with(&[
        release,
        ("labels", "app.kubernetes.io/instance", "shop"),
        release,
        release,
        release,
    ]);
    let looked = scene.run("", 0).stderr;
    assert!(
        looked.contains("warning: 4 workloads that would change came with Helm releases, whose"),
        "{looked}"
    );
    let told = scene.run("--update", 0).stderr;
    let sentence = "warning: 4 workloads that were changed came with Helm releases, whose next upgrades may put their images back; set \
         the digests in the releases' values too: shop/Deployment/web-0 (release `web`), shop/Deployment/web-2 (release `web`), \
         shop/Deployment/web-3 (release `web`) and 1 more\n";
    assert!(told.contains(sentence), "{told}");
    for number in 0..5 {
        assert_eq!(
            scene.deployed("deployments", "shop", &format!("web-{number}")),
            pinned
        );
    }
    let again = scene.run("--update", 0).stderr;
    assert!(!again.contains("Helm"), "nothing changed: {again}");
}

#[test]
fn the_cluster_and_the_namespaces_are_told_first() {
    let (scene, _) = scene_with(&[("labels", "app", "web")]);
    let cluster = format!("context `test` ({})", scene.server.url());
    for (line, namespaces) in [
        ("--update --dry-run", "namespace `shop`"),
        ("--restart -A --dry-run", "all namespaces"),
        ("--restore -n shop", "namespace `shop`"),
        (
            "--update --dry-run -n shop -n pay",
            "namespaces `pay`, `shop`",
        ),
        (
            "--update --dry-run -x pay",
            "all namespaces but namespace `pay`",
        ),
        ("--update --dry-run --output json", "namespace `shop`"),
    ] {
        let stderr = scene.run(line, 0).stderr;
        assert_eq!(
            stderr.lines().next(),
            Some(format!("{cluster}, {namespaces}").as_str()),
            "{line}"
        );
    }
    for line in ["--update --dry-run -q", ""] {
        assert_eq!(
            scene.run(line, 0).stderr,
            "",
            "nothing is changed, or nothing is to be said: {line}"
        );
    }
    let checked = scene.run("--check -A", 1).stderr;
    assert!(
        checked.starts_with("next: `imago cluster --update "),
        "{checked}"
    );
    assert_eq!(checked.lines().count(), 1, "{checked}");
    scene.server.fault("/deployments", |_, _, _| {
        crate::support::registry::http::Response::new(403)
    });
    let refused = scene.run("--update", 3).stderr;
    assert!(
        refused.starts_with(&cluster),
        "before anything can fail: {refused}"
    );
}

#[test]
fn a_selection_that_is_empty_is_a_warning_with_its_namespace_and_cluster() {
    let (scene, _) = scene_with(&[("labels", "app", "web")]);
    let cluster = format!("context `test` ({})", scene.server.url());
    for (line, warnings) in [
        ("", vec![]),
        ("-A", vec![]),
        (
            "-n shop -n defaul",
            vec!["no workload was found in namespace `defaul`"],
        ),
        (
            "--update -n shopp",
            vec!["no workload was found in namespace `shopp`"],
        ),
        (
            "-x shop",
            vec!["no workload was found in all namespaces but namespace `shop`"],
        ),
        (
            "-l app=wbe",
            vec!["no workload matches the selectors in namespace `shop`"],
        ),
        (
            "-A -f metadata.name=wbe",
            vec!["no workload matches the selectors in all namespaces"],
        ),
    ] {
        let stderr = scene.run(line, 0).stderr;
        let told: Vec<&str> = stderr
            .lines()
            .filter_map(|line| line.strip_prefix("warning: "))
            .collect();
        assert_eq!(told.len(), warnings.len(), "{line}: {stderr}");
        for (told, warning) in told.iter().zip(&warnings) {
            assert!(
                told.starts_with(&format!("{warning}, {cluster}: check ")),
                "{line}: {told}"
            );
        }
    }
    // A namespace that could not be read is not reported as empty.
    scene.server.fault("/cronjobs", |_, _, _| {
        crate::support::registry::http::Response::new(403)
    });
    let stderr = scene.run("-n shopp", 3).stderr;
    assert!(!stderr.contains("no workload was found in"), "{stderr}");
}
