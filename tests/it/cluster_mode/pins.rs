//! `--check --pinned` in a cluster: no registry is asked whether a digest is the tag's.

use super::Scene;

#[test]
fn a_workload_without_a_digest_fails_the_check_and_no_registry_is_asked() {
    let scene = Scene::new();
    // No such host can be asked.
    let image = "registry.invalid/shop/web:1.4";
    let pinned = format!("{image}@sha256:{}", "1".repeat(64));
    scene.add("Deployment", "shop", "web", image);
    scene.add("DaemonSet", "shop", "agent", &pinned);
    let finished = scene.run("cluster --check --pinned", 1);
    assert!(
        finished
            .stdout
            .contains(&format!("has no digest: {image}\n")),
        "{finished:?}"
    );
    let last = "1 image in 1 of 2 workloads has no digest\n";
    assert!(finished.stdout.ends_with(last), "{finished:?}");
    let next = "next: `imago cluster --update ";
    assert!(finished.stderr.starts_with(next), "{finished:?}");
    assert_eq!(finished.stderr.lines().count(), 1);
    let one = "cluster --check --pinned -f metadata.name=agent";
    let finished = scene.run(one, 0);
    assert!(
        finished
            .stdout
            .ends_with("the image in 1 workload has a digest\n"),
        "{finished:?}"
    );
}
