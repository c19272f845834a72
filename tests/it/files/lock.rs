//! The lock file: a bad one stops a run, and a check compares its digests with the manifests and the registry.

use std::fs;

use super::deployment;
use crate::support::binary::Workplace;
use crate::support::registry::TestRegistry;
use crate::support::registry::http::Response;

#[test]
fn a_lock_that_cannot_be_read_stops_an_update_before_anything_is_written() {
    let registry = TestRegistry::start();
    registry.push_index("shop/web", "1.4", &["linux/amd64"], "first");
    let place = Workplace::new();
    place.write("imago.lock", "{");
    place.write(
        "web.yaml",
        deployment(&format!("{}/shop/web:1.4", registry.host())),
    );
    let before = place.files();
    let finished = place.imago(["files", "--update"]).finish_with(2);
    assert!(
        finished
            .stderr
            .starts_with("error: cannot read the lock `imago.lock`\n  in imago.lock\n"),
        "{}",
        finished.stderr
    );
    assert!(
        finished.stderr.contains("\n  hint: "),
        "{}",
        finished.stderr
    );
    assert_eq!(place.files(), before);
    assert_eq!(registry.asked(), [""; 0]);
}

#[test]
fn a_lock_that_cannot_be_written_stops_an_update_before_anything_is_written() {
    let registry = TestRegistry::start();
    registry.push_index("shop/web", "1.4", &["linux/amd64"], "first");
    let place = Workplace::new();
    place.write(
        "web.yaml",
        deployment(&format!("{}/shop/web:1.4", registry.host())),
    );
    let before = place.files();
    for more in [&[][..], &["--dry-run"]] {
        let line = [
            "files",
            "--update",
            "--lock",
            "nowhere/imago.lock",
            "web.yaml",
        ];
        let said = place.imago(line.iter().chain(more)).finish_with(2).stderr;
        assert!(
            said.starts_with("error: cannot write the lock `nowhere/imago.lock`\n"),
            "{said}"
        );
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
        let lines: Vec<String> = names
            .iter()
            .map(|name| format!("\n  \"{name}\":\"{digest}\""))
            .collect();
        format!("{{\"version\":1,\"images\":{{{}\n}}}}\n", lines.join(","))
    };
    let place = Workplace::new();
    place.write(
        "imago.lock",
        lock(&[
            &image,
            "registry.example.test/gone:1",
            "registry.example.test/other:1",
        ]),
    );
    place.write("web.yaml", deployment(&image));
    place.write(
        "other.yaml",
        deployment("registry.example.test/other:1")
            .replace("  name: web", "  name: web\n  namespace: other"),
    );
    place.write(
        "broken.yaml",
        "apiVersion: apps/v1\nkind: Deployment\n  a: [\n",
    );
    let now = || fs::read_to_string(place.path().join("imago.lock")).unwrap();
    let before = now();
    let finished = place
        .imago(["files", "--update", "--lock-prune", "-x", "other"])
        .finish_with(3);
    assert!(
        finished.stderr.contains("the lock is not pruned"),
        "{}",
        finished.stderr
    );
    assert_eq!(now(), before);
    fs::remove_file(place.path().join("broken.yaml")).unwrap();
    place
        .imago(["files", "--update", "--lock-prune", "-x", "other"])
        .finish_with(0);
    assert_eq!(now(), lock(&[&image, "registry.example.test/other:1"]));
}

#[test]
fn the_lock_has_the_digest_that_a_held_back_tag_keeps_and_the_new_one_once_anything_is_on_it() {
    let registry = TestRegistry::start();
    let old = registry.push_index("shop/web", "1.4", &["linux/amd64", "linux/arm64"], "first");
    let image = format!("{}/shop/web:1.4", registry.host());
    let place = Workplace::new();
    place.write("web.yaml", deployment(&image));
    let update = || {
        place
            .imago(["files", "--update", "--lock", "imago.lock"])
            .finish_with(0)
            .stdout
    };
    update();
    let new = registry.push_index("shop/web", "1.4", &["linux/amd64"], "second");
    let lock = || fs::read_to_string(place.path().join("imago.lock")).unwrap();
    let noted =
        |digest: &str| format!("{{\"version\":1,\"images\":{{\n  \"{image}\":\"{digest}\"\n}}}}\n");
    fs::remove_file(place.path().join("imago.lock")).unwrap();
    let told = update();
    assert!(told.contains("held back: 1 platform-lost"), "{told}");
    assert_eq!(lock(), noted(&old));
    let told = place
        .imago(["files", "--check", "--offline"])
        .finish_with(0)
        .stdout;
    assert!(told.contains("is up to date"), "{told}");
    place.write("other.yaml", deployment(&image));
    update();
    assert_eq!(lock(), noted(&new));
}

/// A folder whose image is on its tag's digest, and whose lock has `digest`.
fn locked(registry: &TestRegistry, digest: &str) -> Workplace {
    let image = format!("{}/shop/web:1.4", registry.host());
    let place = Workplace::new();
    place.write("web.yaml", deployment(&image));
    place.imago(["files", "--update"]).finish_with(0);
    place.write(
        "imago.lock",
        format!(r#"{{"version":1,"images":{{"{image}":"{digest}"}}}}"#),
    );
    place
}

#[test]
fn a_check_holds_the_lock_against_the_registry() {
    let registry = TestRegistry::start();
    let old = registry.push_index("shop/web", "1.4", &["linux/amd64"], "first");
    let now = registry.push_index("shop/web", "1.4", &["linux/amd64"], "second");
    let check = |place: &Workplace, code| place.imago(["files", "--check"]).finish_with(code);
    check(&locked(&registry, &now), 0);

    let stale = locked(&registry, &old);
    let said = check(&stale, 1).stdout;
    assert!(
        said.contains(&format!(
            "imago.lock  {}/shop/web:1.4  {} -> {}\n",
            registry.host(),
            &old[..19],
            &now[..19]
        )),
        "{said}"
    );
    assert!(said.ends_with("; 1 entry of the lock outdated\n"), "{said}");
    let report = stale
        .imago(["files", "--check", "--output", "json"])
        .finish_with(1)
        .json();
    assert_eq!(
        (
            &report["lock"][0]["locked"],
            &report["lock"][0]["tag_digest"]
        ),
        (&old.as_str().into(), &now.as_str().into())
    );
    for form in ["github", "sarif", "markdown"] {
        let told = stale
            .imago(["files", "--check", "--output", form])
            .finish_with(1)
            .stdout;
        assert!(told.contains(&old) && told.contains(&now), "{form}: {told}");
    }
    // Nothing is compared without a check and without a registry.
    stale.imago(["files"]).finish_with(0);
    stale
        .imago(["files", "--check", "--offline"])
        .finish_with(1);

    let foreign = format!("sha256:{}", "7".repeat(64));
    let said = check(&locked(&registry, &foreign), 3).stderr;
    assert!(
        said.contains(&format!(
            "the registry does not have {foreign}, which the lock names"
        )),
        "{said}"
    );
}

#[test]
fn a_lock_is_compared_in_what_the_run_uses_alone() {
    let registry = TestRegistry::start();
    let now = registry.push_index("shop/web", "1.4", &["linux/amd64"], "first");
    let place = locked(&registry, &now);
    let other = format!("{}/shop/other:1", registry.host());
    place.write(
        "imago.lock",
        format!(r#"{{"version":1,"images":{{"{other}":"{now}"}}}}"#),
    );
    place.imago(["files", "--check"]).finish_with(0);
    assert!(
        !registry.asked().iter().any(|asked| asked.contains("other")),
        "{:?}",
        registry.asked()
    );
    // A lock that cannot be read is an error.
    place.write("imago.lock", "{");
    place.imago(["files", "--check"]).finish_with(2);
}

#[test]
fn the_lock_may_have_the_digest_that_all_are_held_on_and_no_other() {
    let registry = TestRegistry::start();
    let older = registry.push_index("shop/web", "1.4", &["linux/amd64", "linux/arm64"], "zero");
    let old = registry.push_index("shop/web", "1.4", &["linux/amd64", "linux/arm64"], "first");
    let place = locked(&registry, &old);
    let new = registry.push_index("shop/web", "1.4", &["linux/amd64"], "second");
    let lock = |digest: &str| {
        place.write(
            "imago.lock",
            format!(
                r#"{{"version":1,"images":{{"{}/shop/web:1.4":"{digest}"}}}}"#,
                registry.host()
            ),
        );
    };
    for (digest, code) in [(&old, 0), (&new, 0), (&older, 1)] {
        lock(digest);
        place.imago(["files", "--check"]).finish_with(code);
    }
}

#[test]
fn a_registry_that_does_not_say_whether_it_has_a_digest_is_a_problem() {
    let registry = TestRegistry::start();
    let old = registry.push_index("shop/web", "1.4", &["linux/amd64"], "first");
    registry.push_index("shop/web", "1.4", &["linux/amd64"], "second");
    let place = locked(&registry, &old);
    let asked = old.clone();
    registry.fault("shop/web", move |request, _, fine| {
        if request.path.contains(&asked) {
            Response::new(403)
        } else {
            fine
        }
    });
    let said = place.imago(["files", "--check"]).finish_with(3).stderr;
    assert!(said.contains("error: cannot confirm `"), "{said}");
}
