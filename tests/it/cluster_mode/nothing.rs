//! The messages for a cluster in which no image is checked, and `--fail-on-empty`.

use super::Scene;

#[test]
fn a_run_that_checks_no_image_of_a_cluster_warns_and_fails_where_that_is_asked_for() {
    let scene = Scene::new();
    let (image, _) = scene.image("shop/web", "1.4");
    scene.add("Deployment", "shop", "web", &image);
    let before = scene.server.object("deployments", "shop", "web");
    for (line, said) in [
        ("-n defaul", "no workload was found in namespace `defaul`"),
        (
            "-l app=nope",
            "no workload matches the selectors in namespace `shop`",
        ),
        (
            "--exclude-image *",
            "no image was checked: 1 image in 1 workload is left out",
        ),
    ] {
        let stderr = scene.run(line, 0).stderr;
        assert!(
            stderr.starts_with("warning: ") && stderr.contains(said),
            "{line}: {stderr}"
        );
        for action in ["", "--check", "--update", "--restart"] {
            let stderr = scene
                .run(&format!("{line} {action} --fail-on-empty"), 2)
                .stderr;
            assert!(
                stderr.contains(
                    "error: no image was checked, which `--fail-on-empty` does not allow\n"
                ),
                "{line}: {stderr}"
            );
        }
        let report = scene.report(&format!("cluster {line}"), 0);
        assert!(
            report["warnings"].to_string().contains(said),
            "{line}: {report}"
        );
    }
    assert_eq!(scene.server.object("deployments", "shop", "web"), before);
    assert_eq!(scene.run("--fail-on-empty", 0).stderr, "");
    let found = scene.run("cluster --check --fail-on-empty", 1).stderr;
    assert!(found.starts_with("next: `imago cluster --update ") && found.lines().count() == 1);
}

#[test]
fn a_glob_for_images_that_matches_none_of_the_cluster_is_told() {
    let scene = Scene::new();
    let (image, _) = scene.image("shop/web", "1.4");
    scene.add("Deployment", "shop", "web", &image);
    let said = scene
        .run(
            "--exclude-image team-0 --exclude-image *shop/web* --include-image *",
            0,
        )
        .stderr;
    assert!(
        said.starts_with("warning: `--exclude-image team-0` matches no image"),
        "{said}"
    );
    assert_eq!(said.matches("matches no image").count(), 1, "{said}");
    assert_eq!(scene.run("--include-image *shop/*", 0).stderr, "");
    assert_eq!(
        scene
            .run("-n shop --update --include-image *web", 0)
            .stderr
            .matches("warning")
            .count(),
        0
    );
}

#[test]
fn workloads_that_something_else_writes_are_no_checked_ones() {
    let scene = Scene::new();
    let (image, _) = scene.image("shop/web", "1.4");
    let mut web =
        crate::support::apiserver::workload("Deployment", "shop", "web", &[("app", &image)]);
    web["metadata"]["annotations"] =
        serde_json::json!({"argocd.argoproj.io/tracking-id": "web:apps/Deployment:shop/web"});
    scene.server.add(&web);
    let stderr = scene.run("--fail-on-empty", 2).stderr;
    assert!(
        stderr.contains(
            "no image was checked: something else writes the 1 workload found; `--managed`"
        ),
        "{stderr}"
    );
    assert_eq!(scene.run("--managed --fail-on-empty", 0).stderr, "");
}
