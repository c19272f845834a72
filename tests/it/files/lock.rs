//! The lock of digests beside the files: what cannot be used stops a run, and what it holds is what the manifests have.

use std::fs;

use super::deployment;
use crate::support::binary::Workplace;
use crate::support::registry::TestRegistry;

#[test]
fn a_lock_that_cannot_be_read_stops_an_update_before_anything_is_written() {
    let registry = TestRegistry::start();
    registry.push_index("shop/web", "1.4", &["linux/amd64"], "first");
    let place = Workplace::new();
    place.write("imago.lock", "{");
    place.write("web.yaml", deployment(&format!("{}/shop/web:1.4", registry.host())));
    let before = place.files();
    let finished = place.imago(["files", "--update"]).finish_with(2);
    assert!(finished.stderr.starts_with("error: cannot read the lock `imago.lock`\n  in imago.lock\n"), "{}", finished.stderr);
    assert!(finished.stderr.contains("\n  hint: "), "{}", finished.stderr);
    assert_eq!(place.files(), before);
    assert_eq!(registry.asked(), [""; 0]);
}

#[test]
fn a_lock_that_cannot_be_written_stops_an_update_before_anything_is_written() {
    let registry = TestRegistry::start();
    registry.push_index("shop/web", "1.4", &["linux/amd64"], "first");
    let place = Workplace::new();
    place.write("web.yaml", deployment(&format!("{}/shop/web:1.4", registry.host())));
    let before = place.files();
    for more in [&[][..], &["--dry-run"]] {
        let line = ["files", "--update", "--lock", "nowhere/imago.lock", "web.yaml"];
        let said = place.imago(line.iter().chain(more)).finish_with(2).stderr;
        assert!(said.starts_with("error: cannot write the lock `nowhere/imago.lock`\n"), "{said}");
        assert!(said.contains("\n  hint: make the folder first"), "{said}");
        assert_eq!(place.files(), before);
    }
    assert_eq!(registry.asked(), [""; 0]);
}

#[test]
fn pruning_keeps_what_any_workload_names_and_waits_until_every_file_can_be_read() {
    let registry = TestRegistry::start();
    let digest = registry.push_index("shop/web", "1.4", &["linux/amd64"], "first");
    let image = format!("{}/shop/web:1.4", registry.host());
    let lock = |names: &[&str]| {
        let lines: Vec<String> = names.iter().map(|name| format!("\n  \"{name}\":\"{digest}\"")).collect();
        format!("{{\"version\":1,\"images\":{{{}\n}}}}\n", lines.join(","))
    };
    let place = Workplace::new();
    place.write("imago.lock", lock(&[&image, "registry.example.test/gone:1", "registry.example.test/other:1"]));
    place.write("web.yaml", deployment(&image));
    place.write(
        "other.yaml",
        deployment("registry.example.test/other:1").replace("  name: web", "  name: web\n  namespace: other"),
    );
    place.write("broken.yaml", "kind: Deployment\n  a: [\n");
    let now = || fs::read_to_string(place.path().join("imago.lock")).unwrap();
    let before = now();
    let finished = place.imago(["files", "--update", "--lock-prune", "-x", "other"]).finish_with(3);
    assert!(finished.stderr.contains("the lock is not pruned"), "{}", finished.stderr);
    assert_eq!(now(), before);
    fs::remove_file(place.path().join("broken.yaml")).unwrap();
    place.imago(["files", "--update", "--lock-prune", "-x", "other"]).finish_with(0);
    assert_eq!(now(), lock(&[&image, "registry.example.test/other:1"]));
}

#[test]
fn the_lock_has_the_digest_that_a_held_back_tag_keeps_and_the_new_one_once_anything_is_on_it() {
    let registry = TestRegistry::start();
    let old = registry.push_index("shop/web", "1.4", &["linux/amd64", "linux/arm64"], "first");
    let image = format!("{}/shop/web:1.4", registry.host());
    let place = Workplace::new();
    place.write("web.yaml", deployment(&image));
    let update = || place.imago(["files", "--update", "--lock", "imago.lock"]).finish_with(0).stdout;
    update();
    let new = registry.push_index("shop/web", "1.4", &["linux/amd64"], "second");
    let lock = || fs::read_to_string(place.path().join("imago.lock")).unwrap();
    let noted = |digest: &str| format!("{{\"version\":1,\"images\":{{\n  \"{image}\":\"{digest}\"\n}}}}\n");
    fs::remove_file(place.path().join("imago.lock")).unwrap();
    let told = update();
    assert!(told.contains("1 image held back"), "{told}");
    assert_eq!(lock(), noted(&old));
    let told = place.imago(["files", "--check", "--offline"]).finish_with(0).stdout;
    assert!(told.contains("is up to date"), "{told}");
    place.write("other.yaml", deployment(&image));
    update();
    assert_eq!(lock(), noted(&new));
}
