//! Kustomizations and pins: a digest does not go to another repository, and a dropped digest is reported.

use std::fs;
use std::process::Command;

use super::deployment;
use crate::support::binary::{Finished, Workplace};

const IMAGE: &str = "registry.example.test/web:1.4";
const LOCK: &str = r#"{"version":1,"images":{"registry.example.test/web:1.4":"sha256:1111111111111111111111111111111111111111111111111111111111111111"}}"#;

/// A repository with a base, and an overlay with these entries.
fn tree(entries: &str) -> Workplace {
    let place = Workplace::new();
    fs::create_dir(place.path().join(".git")).unwrap();
    place.write("imago.lock", LOCK);
    place.write("base/web.yaml", deployment(IMAGE));
    place.write("base/kustomization.yaml", "resources: [web.yaml]\n");
    place.write(
        "overlay/kustomization.yaml",
        format!("resources: [../base]\nimages:\n{entries}"),
    );
    place
}

fn update(place: &Workplace, more: &[&str]) -> Finished {
    place
        .imago(
            ["files", "--update", "--offline", "--output", "json"]
                .iter()
                .chain(more),
        )
        .finish_with(0)
}

#[test]
fn an_image_that_an_overlay_renames_is_held_whatever_the_run_names() {
    let place =
        tree("- name: registry.example.test/web\n  newName: registry.example.test/hardened/web\n");
    let before = place.files();
    for more in [
        &[][..],
        &["base"],
        &["base/web.yaml"],
        &["--exclude", "overlay/**"],
        &["--include", "base/web.yaml"],
    ] {
        let report = update(&place, more).json();
        assert_eq!(report["summary"]["held"], 1, "{more:?}");
        let skipped = &report["skipped"][0];
        assert_eq!(
            (&skipped["code"], &skipped["held"]),
            (&"renamed-by".into(), &true.into()),
            "{more:?}"
        );
        let told = skipped["message"].as_str().unwrap();
        assert!(
            told.contains(
                "`overlay/kustomization.yaml` renames it to `registry.example.test/hardened/web`"
            ),
            "{told}"
        );
        assert_eq!(place.files(), before, "{more:?}");
    }
    place
        .imago(["files", "--check", "--offline"])
        .finish_with(0);
    place
        .imago(["files", "--check", "--strict", "--offline", "base/web.yaml"])
        .finish_with(1);
}

/// A lock that knows two tags of one image.
const TAGS: &str = r#"{"version":1,"images":{"registry.example.test/web:1.4":"sha256:1111111111111111111111111111111111111111111111111111111111111111","registry.example.test/web:1.5":"sha256:2222222222222222222222222222222222222222222222222222222222222222"}}"#;

#[test]
fn what_an_overlay_decides_is_pinned_in_the_overlay() {
    let place = tree("- name: registry.example.test/web # ours\n  newTag: \"1.5\"\n");
    place.write("imago.lock", TAGS);
    let base = place.files()["base/web.yaml"].clone();
    // A file gets the same decision, named alone or with its folder.
    for more in [&["--dry-run"][..], &["--dry-run", "base/web.yaml"]] {
        let report = update(&place, more).json();
        let skipped = &report["skipped"][0];
        assert_eq!(
            (&skipped["code"], &skipped["held"]),
            (&"decided-by".into(), &false.into()),
            "{more:?}"
        );
        assert_eq!(skipped["file"], "base/web.yaml", "{more:?}");
    }
    update(&place, &[]);
    let files = place.files();
    assert_eq!(files["base/web.yaml"], base);
    let overlay = String::from_utf8(files["overlay/kustomization.yaml"].clone()).unwrap();
    let pinned = format!("  newTag: \"1.5@sha256:{}\"\n", "2".repeat(64));
    assert_eq!(
        overlay,
        format!(
            "resources: [../base]\nimages:\n- name: registry.example.test/web # ours\n{pinned}"
        )
    );
    place
        .imago(["files", "--check", "--offline"])
        .finish_with(0);
    update(&place, &[]);
    assert_eq!(place.files(), files, "a second run changes nothing");
}

#[test]
fn a_digest_that_one_of_two_overlays_drops_is_told_and_its_image_is_still_pinned() {
    let place = tree("- name: registry.example.test/web\n  newTag: \"1.5\"\n");
    place.write("imago.lock", TAGS);
    place.write("other/kustomization.yaml", "resources: [../base]\n");
    for more in [&["--dry-run"][..], &["--dry-run", "base/web.yaml"], &[]] {
        let report = update(&place, more).json();
        let told = report["warnings"][0].as_str().unwrap();
        assert!(
            told.contains("`base/web.yaml` by `overlay/kustomization.yaml`"),
            "{told}"
        );
    }
    let base = String::from_utf8(place.files()["base/web.yaml"].clone()).unwrap();
    assert!(base.contains("web:1.4@sha256:1111"), "{base}");
}

#[test]
fn an_entry_that_an_outer_overlay_renames_or_decides_is_not_pinned() {
    for (outer, code) in [
        ("newName: registry.example.test/hardened", "renamed-by"),
        ("newTag: \"1.4\"", "decided-by"),
    ] {
        let place = tree("- name: registry.example.test/web\n  newTag: \"1.5\"\n");
        place.write("imago.lock", TAGS);
        let top = format!(
            "resources: [../overlay]\nimages:\n- name: registry.example.test/web\n  {outer}\n"
        );
        place.write("top/kustomization.yaml", top);
        let report = update(&place, &["--dry-run", "overlay"]).json();
        let codes: Vec<_> = report["skipped"]
            .as_array()
            .unwrap()
            .iter()
            .map(|skipped| &skipped["code"])
            .collect();
        assert_eq!(codes, [code], "{outer}");
    }
}

#[test]
fn a_patch_keeps_its_tag_in_place() {
    let place = tree("- name: other\n  newTag: \"1\"\n");
    place.write("imago.lock", TAGS);
    place.write(
        "overlay/kustomization.yaml",
        "resources: [../base]\npatches: [{path: patch.yaml}]\n",
    );
    let patch = |image: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec: {{template: {{spec: {{containers: [{{name: app, image: {image}}}]}}}}}}\n"
        )
    };
    place.write("overlay/patch.yaml", patch(IMAGE));
    update(&place, &["overlay/patch.yaml"]);
    let pinned = format!("{IMAGE}@sha256:{}", "1".repeat(64));
    assert_eq!(
        String::from_utf8(place.files()["overlay/patch.yaml"].clone()).unwrap(),
        patch(&pinned)
    );
    place.write(
        "overlay/patch.yaml",
        patch(&format!("{IMAGE}@sha256:{}", "0".repeat(64))),
    );
    update(&place, &["overlay/patch.yaml"]);
    assert_eq!(
        String::from_utf8(place.files()["overlay/patch.yaml"].clone()).unwrap(),
        patch(&pinned),
        "it follows its own tag"
    );
}

#[test]
fn what_no_overlay_names_is_as_before() {
    for entries in [
        "- name: registry.example.test/other\n  newName: x\n",
        "- name: web\n  newName: registry.example.test/hardened/web\n",
    ] {
        let report = update(&tree(entries), &[]).json();
        assert_eq!(
            (&report["summary"]["outdated"], &report["warnings"]),
            (&1.into(), &serde_json::json!([])),
            "{entries}"
        );
    }
}

#[test]
fn a_branch_of_its_own_is_decided_by_the_kustomizations_of_its_commit() {
    let place =
        tree("- name: registry.example.test/web\n  newName: registry.example.test/hardened/web\n");
    fs::remove_dir(place.path().join(".git")).unwrap();
    let git = |line: &[&str]| {
        let identity = [
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@example.com",
            "-c",
            "init.defaultBranch=main",
        ];
        let status = Command::new("git")
            .args(identity)
            .args(line)
            .current_dir(place.path())
            .output()
            .unwrap()
            .status;
        assert!(status.success(), "{line:?}");
    };
    git(&["init", "-q"]);
    git(&["add", "."]);
    git(&["commit", "-qm", "first"]);
    // The working tree differs from the commit.
    fs::remove_file(place.path().join("overlay/kustomization.yaml")).unwrap();
    let report = update(
        &place,
        &[
            "--branch",
            "imago/update",
            "--author",
            "a <a@example.com>",
            "base/web.yaml",
        ],
    )
    .json();
    assert_eq!(
        (&report["summary"]["held"], &report["skipped"][0]["code"]),
        (&1.into(), &"renamed-by".into())
    );
}

#[test]
fn what_of_a_kustomization_is_not_followed_is_one_warning_that_names_it() {
    let place = tree("- name: other\n  newTag: \"2\"\n");
    place.write("overlay/kustomization.yaml", "resources: [../base]\n");
    place.write(
        "top/kustomization.yaml",
        "resources: [../overlay]\ntransformers: [names.yaml]\n",
    );
    place.write("broken/kustomization.yaml", "resources: [../base\n");
    place.write(
        "other/kustomization.yaml",
        "resources: [x.yaml]\ntransformers: [names.yaml]\n",
    );
    for more in [&["--dry-run"][..], &["--dry-run", "base/web.yaml"]] {
        let finished = place
            .imago(
                ["files", "--update", "--offline", "--output", "json"]
                    .iter()
                    .chain(more),
            )
            .finish();
        let warnings = finished.json()["warnings"].to_string();
        for (file, told) in [
            ("top", "its `transformers` may change images"),
            ("broken", "it cannot be read (line "),
        ] {
            let start =
                format!("what `{file}/kustomization.yaml` makes of images is not known: {told}");
            assert_eq!(warnings.matches(&start).count(), 1, "{more:?}: {warnings}");
        }
        assert!(!warnings.contains("other/"), "{warnings}");
    }
}

#[test]
fn a_persons_pin_below_a_new_name_is_fixed_and_fails_no_strict_check() {
    let place =
        tree("- name: registry.example.test/web\n  newName: registry.example.test/hardened/web\n");
    let pin = format!("{IMAGE}@sha256:{}", "2".repeat(64));
    place.write("base/web.yaml", deployment(&pin));
    let finished = place
        .imago([
            "files",
            "--check",
            "--strict",
            "--offline",
            "--output",
            "json",
        ])
        .finish_with(0);
    let summary = &finished.json()["summary"];
    assert_eq!(
        (&summary["fixed"], &summary["held"]),
        (&1.into(), &0.into())
    );
    // A comment that is not understood may have been meant to free it.
    place.write(
        "base/web.yaml",
        deployment(&format!("{pin} # imago: ingore")),
    );
    place
        .imago(["files", "--check", "--strict", "--offline"])
        .finish_with(1);
}

#[test]
fn a_record_from_before_its_object_became_a_patch_is_put_back_or_stays() {
    for (renamed, flag) in [
        (false, "-q"),
        (true, "-q"),
        (false, "--drop-tag"),
        (true, "--drop-tag"),
    ] {
        let place = Workplace::new();
        fs::create_dir(place.path().join(".git")).unwrap();
        place.write("imago.lock", LOCK);
        place.write("web.yaml", deployment(IMAGE));
        place
            .imago(["files", "--update", "--offline", flag])
            .finish_with(0);
        place.write("base.yaml", deployment("registry.example.test/other:1"));
        place.write(
            "kustomization.yaml",
            "resources: [base.yaml]\npatches: [{path: web.yaml}]\n",
        );
        let read = || String::from_utf8(place.files()["web.yaml"].clone()).unwrap();
        if renamed {
            place.write("web.yaml", read().replace("name: app", "name: side"));
        }
        let before = read();
        assert!(before.contains("imago-config-spec") && before.contains("@sha256:"));
        let restored = place.imago(["files", "--restore", "--offline"]);
        let said = restored.finish_with(0).stderr;
        let expected = if renamed { before } else { deployment(IMAGE) };
        assert_eq!(read(), expected, "{renamed} {flag}");
        assert!(renamed || !said.contains("unclaimed"), "{said}");
    }
}
