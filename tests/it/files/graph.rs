//! Images that pass through several kustomizations: what holds them, what decides them, and what is asked.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::deployment;
use crate::support::binary::Workplace;
use crate::support::registry::TestRegistry;

/// A repository with these files, and a lock of tags and the digit that each digest repeats.
pub(super) fn tree(files: &[(&str, &str)], lock: &[(&str, char)]) -> Workplace {
    let place = Workplace::new();
    fs::create_dir(place.path().join(".git")).unwrap();
    for (path, text) in files {
        place.write(path, text);
    }
    let digest = |digit: &char| format!("sha256:{}", digit.to_string().repeat(64));
    let images = lock
        .iter()
        .map(|(tag, digit)| ((*tag).to_owned(), json!(digest(digit))));
    let images: serde_json::Map<String, Value> = images.collect();
    let lock = json!({"version": 1, "images": images});
    place.write("imago.lock", lock.to_string());
    place
}

/// The JSON report of an update of these paths that writes nothing.
fn report(place: &Workplace, paths: &[&str]) -> Value {
    let line = ["files", "--update", "--offline", "--dry-run"];
    let json = ["--output", "json"];
    let line = line.iter().chain(&json).chain(paths);
    place.imago(line).finish_with(0).json()
}

/// The codes of what a run on these paths leaves alone, each behind its file, and the files that it would change.
pub(super) fn decided(place: &Workplace, paths: &[&str]) -> (Vec<String>, Vec<String>) {
    let report = report(place, paths);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let skipped = report["skipped"].as_array().unwrap().iter();
    let skipped = skipped.map(|one| format!("{} {}", text(&one["file"]), text(&one["code"])));
    let changed = report["files_changed"].as_array().unwrap().iter();
    (skipped.collect(), changed.map(text).collect())
}

pub(super) fn text(place: &Workplace, file: &str) -> String {
    fs::read_to_string(place.path().join(file)).unwrap()
}

const WEB: &str = "registry.example.test/web:1.4";
const MIRROR: &str = "registry.example.test/mirror/web:1.4";
const RENAME: &str = "resources: [../base]\nimages: [{name: registry.example.test/web, newName: registry.example.test/mirror/web}]\n";

#[test]
fn a_renamed_image_is_pinned_where_its_new_name_has_the_same_digest() {
    let files = [
        ("base/web.yaml", &*deployment(WEB)),
        ("base/kustomization.yaml", "resources: [web.yaml]\n"),
        ("over/kustomization.yaml", RENAME),
    ];
    let held = (vec!["base/web.yaml renamed-by".to_owned()], vec![]);
    let pinned = (vec![], vec!["base/web.yaml".to_owned()]);
    for (lock, expected) in [
        (&[(WEB, '1'), (MIRROR, '1')][..], &pinned),
        (&[(WEB, '1'), (MIRROR, '2')], &held),
        (&[(WEB, '1')], &held),
        (&[], &held),
    ] {
        let place = tree(&files, lock);
        for paths in [&[][..], &["base/web.yaml"]] {
            assert_eq!(decided(&place, paths), *expected, "{lock:?} {paths:?}");
        }
    }
}

#[test]
fn both_names_of_a_renamed_image_are_asked_in_one_round_and_the_lock_keeps_both() {
    let registry = TestRegistry::start();
    let host = registry.host();
    let rename = format!(
        "resources: [../base]\nimages: [{{name: {host}/web, newName: {host}/mirror/web}}]\n"
    );
    let files = [
        ("base/web.yaml", &*deployment(&format!("{host}/web:1.4"))),
        ("base/kustomization.yaml", "resources: [web.yaml]\n"),
        ("over/kustomization.yaml", &rename),
    ];
    let place = tree(&files, &[]);
    let digest = registry.push_index("web", "1.4", &["linux/amd64"], "a");
    let update = ["files", "--update", "--lock-prune"];
    // Nobody has copied it yet: that is no problem of the run.
    let told = place.imago(update).finish_with(0);
    assert!(
        !text(&place, "base/web.yaml").contains("@sha256"),
        "{}",
        told.stderr
    );
    registry.push_index("mirror/web", "1.4", &["linux/amd64"], "a");
    place.imago(update).finish_with(0);
    assert!(text(&place, "base/web.yaml").contains(&format!("web:1.4@{digest}")));
    let lock = text(&place, "imago.lock");
    assert_eq!(lock.matches(&digest).count(), 2, "{lock}");
    place
        .imago(["files", "--check", "--offline"])
        .finish_with(0);
}

#[test]
fn a_placeholder_that_an_overlay_names_is_never_asked_at_a_registry() {
    let registry = TestRegistry::start();
    let host = registry.host();
    let name = format!("  newName: {host}/shop\n");
    for (entry, shown) in [
        // The tag of the overlay decides.
        (
            format!("- name: controller\n{name}  newTag: v2\n"),
            "decided-by",
        ),
        // Only the name: it takes the tag of the placeholder.
        (format!("- name: controller\n{name}"), "renamed-by"),
        // One entry sets the tag of the placeholder, the next its name.
        (
            format!("- name: controller\n  newTag: v2\n- name: controller\n{name}"),
            "duplicate-name",
        ),
        (
            format!("- name: controller\n  newTag: v2\n- name: controlle.\n{name}"),
            "renamed-by",
        ),
    ] {
        let kustomization = format!("resources: [manager.yaml]\nimages:\n{entry}");
        let files = [
            ("manager/manager.yaml", &*deployment("controller:latest")),
            ("manager/kustomization.yaml", &kustomization),
            ("default/kustomization.yaml", "resources: [../manager]\n"),
        ];
        let place = tree(&files, &[]);
        registry.push_index("shop", "v2", &["linux/amd64"], "a");
        for paths in [
            &["."][..],
            &["manager/manager.yaml"],
            &["manager/kustomization.yaml"],
        ] {
            let map = format!("docker.io={host}");
            let line = ["files", "--output", "json", "--registry-map", &map];
            let report = place.imago(line.iter().chain(paths)).finish_with(0).json();
            let skipped = report["skipped"].to_string();
            assert!(
                paths != ["."] || skipped.contains(shown),
                "{entry}: {report}"
            );
        }
        let asked = registry.asked();
        assert!(
            !asked.iter().any(|asked| asked.contains("controller")),
            "{entry}: {asked:?}"
        );
    }
}

const JOB: &str = "apiVersion: batch/v1\nkind: Job\nmetadata: {name: migrate}\nspec: {template: {spec: {containers: [{name: a, image: registry.example.test/web}]}}}\n";
const SET: &str =
    "resources: [../base]\nimages: [{name: registry.example.test/web, newTag: \"1.4\"}]\n";

#[test]
fn an_entry_that_reaches_a_job_is_held_with_the_jobs_place_unless_the_job_is_replaced() {
    let hook = JOB.replace(
        "{name: migrate}",
        "{name: migrate, annotations: {helm.sh/hook: pre-install}}",
    );
    let held = ["over/kustomization.yaml job-immutable"];
    for (job, over, expected) in [
        (JOB, SET, &held[..]),
        (&hook, SET, &[]),
        // It reaches another image.
        (JOB, &SET.replace("/web", "/app"), &[]),
    ] {
        let files = [
            ("base/job.yaml", job),
            ("base/kustomization.yaml", "resources: [job.yaml]\n"),
            ("over/kustomization.yaml", over),
        ];
        let place = tree(
            &files,
            &[(WEB, '1'), ("registry.example.test/app:1.4", '1')],
        );
        for paths in [
            &[][..],
            &["over"],
            &["over/kustomization.yaml"],
            &["--exclude", "base/**"],
        ] {
            let (skipped, changed) = decided(&place, paths);
            let own = skipped.iter().filter(|one| one.starts_with("over/"));
            assert_eq!(Vec::from_iter(own), expected, "{paths:?}");
            assert_eq!(
                changed.contains(&"over/kustomization.yaml".to_owned()),
                expected.is_empty()
            );
        }
        if !expected.is_empty() {
            let said = place
                .imago(["files", "--offline", "-v"])
                .finish_with(0)
                .stdout;
            assert!(said.contains("`Job/migrate` of `base/job.yaml`"), "{said}");
        }
    }
}

#[test]
fn what_a_replacement_takes_apart_is_held_where_it_is_written_and_where_it_is_decided() {
    let replacement = "source: {kind: Deployment, name: web, fieldPath: spec.template.spec.containers.0.image, options: {delimiter: ':', index: 1}}\ntargets: []\n";
    let inline = format!("replacements:\n- {}", replacement.replace('\n', "\n  "));
    let by_path = "replacements: [{path: versions.yaml}]\n".to_owned();
    for more in [inline, by_path] {
        let plain = format!("resources: [../base]\n{more}");
        let setting = format!("{SET}{more}");
        for (over, expected) in [
            (&plain, &["base/web.yaml taken-apart"][..]),
            (
                &setting,
                &[
                    "base/web.yaml decided-by",
                    "over/kustomization.yaml taken-apart",
                ],
            ),
        ] {
            let files = [
                ("base/web.yaml", &*deployment(WEB)),
                ("base/kustomization.yaml", "resources: [web.yaml]\n"),
                ("over/kustomization.yaml", over),
                (
                    "over/versions.yaml",
                    &format!("- {}", replacement.replace('\n', "\n  ")),
                ),
            ];
            let place = tree(&files, &[(WEB, '1')]);
            let (skipped, changed) = decided(&place, &[]);
            assert_eq!(
                (skipped.as_slice(), changed.len()),
                (
                    &*expected
                        .iter()
                        .map(|one| (*one).to_owned())
                        .collect::<Vec<_>>(),
                    0
                )
            );
            for one in expected {
                let (file, _) = one.split_once(' ').unwrap();
                assert_eq!(decided(&place, &[file]).0, [*one]);
            }
        }
    }
}

#[test]
fn a_digest_goes_into_a_line_of_its_own_where_the_settings_say_so() {
    let entries = "images:\n- name: registry.example.test/web # ours\n  newTag: \"1.4\" # keep\n- {name: web, newName: registry.example.test/web, newTag: \"1.4\"}\n";
    let place = tree(
        &[
            ("kustomization.yaml", entries),
            (".imago.yaml", "kustomize: {digest: field}\n"),
        ],
        &[(WEB, '1')],
    );
    let update = ["files", "--update", "--offline"];
    place.imago(update).finish_with(0);
    let digest = format!("sha256:{}", "1".repeat(64));
    let expected = entries
        .replace("# keep\n", &format!("# keep\n  digest: {digest}\n"))
        .replace("\"1.4\"}", &format!("\"1.4\", digest: {digest}}}"));
    assert_eq!(text(&place, "kustomization.yaml"), expected);
    place.imago(update).finish_with(0);
    assert_eq!(text(&place, "kustomization.yaml"), expected);
    // Somebody raises the tag and leaves the digest of the old one.
    place.write("kustomization.yaml", expected.replace("1.4", "1.5"));
    let digests = json!({"registry.example.test/web:1.5": format!("sha256:{}", "2".repeat(64))});
    let lock = json!({"version": 1, "images": digests});
    place.write("imago.lock", lock.to_string());
    place
        .imago(["files", "--check", "--offline"])
        .finish_with(1);
    place.imago(update).finish_with(0);
    let raised = expected
        .replace("1.4", "1.5")
        .replace(&"1".repeat(64), &"2".repeat(64));
    assert_eq!(text(&place, "kustomization.yaml"), raised);
}

/// As [`decided`], of the files of a commit.
pub(super) fn decided_in_commit(place: &Workplace, paths: &[&str]) -> (Vec<String>, Vec<String>) {
    fs::remove_dir(place.path().join(".git")).unwrap();
    for line in ["init -q -b main", "add .", "commit -q -m first"] {
        let identity = ["-c", "user.name=a", "-c", "user.email=a@example.com"];
        let mut git = Command::new("git");
        git.args(identity)
            .args(line.split(' '))
            .current_dir(place.path());
        assert!(git.status().unwrap().success(), "{line}");
    }
    let branch = ["--branch", "imago/update", "--author", "a <a@example.com>"];
    decided(place, &[&branch[..], paths].concat())
}

const APART: &str = "- source: {kind: Deployment, name: web, fieldPath: spec.template.spec.containers.0.image, options: {delimiter: ':', index: 1}}\n";

#[test]
fn a_commit_is_decided_like_the_work_tree_whatever_its_folders_are_called() {
    // Git sorts folders as if they ended with `/`, and so `web-x/` and `web.yaml` come before `web/`.
    let over = "resources: [../web-x, ../web.yaml, ../job.yaml]\nreplacements: [{path: ../web/versions.yaml}]\n";
    let files = [
        ("web-x/kustomization.yaml", "resources: [other.yaml]\n"),
        ("web-x/other.yaml", "kind: ConfigMap\n"),
        ("web.yaml", &*deployment(WEB)),
        ("web.d/x.yaml", "kind: ConfigMap\n"),
        ("web/versions.yaml", APART),
        ("over/kustomization.yaml", over),
        ("job.yaml", JOB),
    ];
    let held = (vec!["web.yaml taken-apart".to_owned()], vec![]);
    for paths in [&["web.yaml"][..], &["web.yaml", "web-x"]] {
        let place = tree(&files, &[(WEB, '1')]);
        assert_eq!(decided(&place, paths), held, "{paths:?}");
        assert_eq!(decided_in_commit(&place, paths), held, "{paths:?}");
    }
    // The entry reaches a Job that stands beside a folder of nearly the same name.
    let files = [
        ("job-x/kustomization.yaml", "resources: [a.yaml]\n"),
        ("job.d/a.yaml", "kind: ConfigMap\n"),
        ("job/kustomization.yaml", "resources: [job.yaml]\n"),
        ("job/job.yaml", JOB),
        ("over/kustomization.yaml", &SET.replace("base", "job")),
    ];
    let held = (
        vec!["over/kustomization.yaml job-immutable".to_owned()],
        vec![],
    );
    let place = tree(&files, &[(WEB, '1')]);
    assert_eq!(decided(&place, &["over"]), held);
    assert_eq!(decided_in_commit(&place, &["over"]), held);
}

#[test]
fn a_file_that_cannot_be_read_is_told_where_a_kustomization_names_it() {
    let replacing = "resources: [../base]\nreplacements: [{path: versions.yaml}]\n";
    let not_utf8 = |place: &Workplace, file: &str| {
        fs::write(place.path().join(file), b"kind: Job # \xff\n").unwrap();
    };
    let told = |place: &Workplace, path: &str| report(place, &[path])["warnings"].to_string();
    for (versions, expected) in [
        (
            None,
            "`over/versions.yaml` cannot be read (it is not there)",
        ),
        (
            Some("a: [\n"),
            "`over/versions.yaml` cannot be read (line 1: ",
        ),
        (
            Some("a: 1\na: 1\n"),
            "`over/versions.yaml` cannot be read (line 2: ",
        ),
        (
            Some(""),
            "`over/versions.yaml` cannot be read (it is not UTF-8)",
        ),
        (Some(APART), ""),
    ] {
        let files = [
            ("base/web.yaml", &*deployment(WEB)),
            ("base/kustomization.yaml", "resources: [web.yaml]\n"),
            ("over/kustomization.yaml", replacing),
            ("over/versions.yaml", versions.unwrap_or_default()),
        ];
        let place = tree(&files, &[(WEB, '1')]);
        match versions {
            None => fs::remove_file(place.path().join("over/versions.yaml")).unwrap(),
            Some("") => not_utf8(&place, "over/versions.yaml"),
            Some(_) => {}
        }
        let said = told(&place, "base/web.yaml");
        assert!(said.contains(expected), "{versions:?}: {said}");
        assert_eq!(said.contains("not known"), !expected.is_empty(), "{said}");
    }
    // What an entry reaches is not known either.
    let files = [
        ("base/kustomization.yaml", "resources: [job.yaml]\n"),
        ("over/kustomization.yaml", SET),
    ];
    let place = tree(&files, &[(WEB, '1')]);
    not_utf8(&place, "base/job.yaml");
    let said = told(&place, "over");
    let expected = "what `base/kustomization.yaml` makes of images is not known: `base/job.yaml` cannot be read";
    assert!(said.contains(expected), "{said}");
}

#[test]
fn a_json_patch_that_no_kustomization_applies_is_never_asked_at_a_registry() {
    let registry = TestRegistry::start();
    let host = registry.host();
    let place = tree(&[], &[]);
    let operation =
        |path: &str| format!("- {{op: replace, path: {path}, value: {host}/stranger:1}}\n");
    let operations = [
        operation("/spec/image"),
        operation("/spec/containers/0/image"),
    ]
    .concat();
    place.write("patch.yaml", &operations);
    place.write("elsewhere/kustomization.yaml", "resources: [x.yaml]\n");
    place.write("elsewhere/patch.yaml", &operations);
    place.write("web.yaml", deployment(&format!("{host}/web:1.4")));
    registry.push_index("web", "1.4", &["linux/amd64"], "a");
    place.imago(["files", "."]).finish_with(0);
    let asked = registry.asked();
    assert!(
        asked.iter().any(|asked| asked.contains("/web/"))
            && !asked.iter().any(|asked| asked.contains("stranger")),
        "{asked:?}"
    );
}

#[test]
fn a_patch_whose_target_may_be_a_job_is_held_as_a_file_and_as_a_text() {
    let operations = "- {op: replace, path: /spec/template/spec/containers/0/image, value: registry.example.test/web:1.4}\n";
    let merge = "apiVersion: batch/v1\nkind: Any\nmetadata: {name: any}\nspec: {template: {spec: {containers: [{name: a, image: 'registry.example.test/web:1.4'}]}}}\n";
    for (target, more, is_held) in [
        ("{kind: Job}", &[][..], true),
        ("{kind: Job|CronJob}", &[], true),
        ("{kind: RayJob}", &[], true),
        ("{kind: PyTorchJob}", &[], true),
        ("{kind: Job, group: example.com}", &[], false),
        ("{kind: Job}", &["--add-kind", "Job"], false),
        ("{kind: CronJob}", &[], false),
    ] {
        for patch in [operations, merge] {
            let by_path = format!("patches:\n- path: patch.yaml\n  target: {target}\n");
            let inner = patch.replace('\n', "\n    ");
            let as_text = format!(
                "patches:\n- target: {target}\n  patch: |-\n    {}\n",
                inner.trim()
            );
            for (kustomization, file) in [(by_path, "patch.yaml"), (as_text, "kustomization.yaml")]
            {
                let place = tree(
                    &[
                        ("kustomization.yaml", &kustomization),
                        ("patch.yaml", patch),
                    ],
                    &[(WEB, '1')],
                );
                let (skipped, changed) = decided(&place, &[&[file], more].concat());
                let held = [format!("{file} job-immutable")];
                let expected = if is_held { &held[..] } else { &[] };
                assert_eq!(skipped, expected, "{kustomization}");
                assert_eq!(changed.len(), usize::from(!is_held), "{kustomization}");
            }
        }
    }
}

#[test]
fn a_patch_of_what_is_not_taken_is_left_alone_as_a_file_and_as_a_text() {
    let image = "/spec/image";
    let step = "/spec/steps/0/image";
    let container = "/spec/rules/0/validate/pattern/spec/containers/0/image";
    for (target, path, taken, counted) in [
        ("{kind: Prometheus}", image, false, &["Prometheus"][..]),
        (
            "{kind: ClusterPolicy, group: kyverno.io}",
            container,
            false,
            &[],
        ),
        ("{kind: ClusterPolicy}", container, false, &[]),
        ("{kind: Shop}", image, false, &["JSON6902 patch"]),
        ("{kind: Task}", step, true, &[]),
        ("{kind: Deployment}", step, false, &["JSON6902 patch"]),
    ] {
        let patch: &str =
            &format!("- {{op: replace, path: {path}, value: registry.example.test/web:1.4}}\n");
        let by_path = format!("patches:\n- path: patch.yaml\n  target: {target}\n");
        let as_text = format!("patches:\n- target: {target}\n  patch: |-\n    {patch}");
        for (kustomization, patch) in [(by_path, patch), (as_text, "a: 1\n")] {
            let files = [
                ("kustomization.yaml", &*kustomization),
                ("patch.yaml", patch),
            ];
            let place = tree(&files, &[(WEB, '1')]);
            let (skipped, changed) = decided(&place, &["."]);
            assert_eq!(
                (skipped.len(), changed.len()),
                (0, usize::from(taken)),
                "{kustomization}"
            );
            let told = report(&place, &["."])["summary"]["unhandled"].clone();
            let counted = counted.iter().map(|kind| ((*kind).to_owned(), 1.into()));
            assert_eq!(told, Value::Object(counted.collect()), "{kustomization}");
        }
    }
}

#[test]
fn an_image_that_a_replacement_may_replace_is_held() {
    let (other, either) = (
        "source: {kind: StatefulSet, fieldPath: spec.template.spec.containers.0.image}",
        "{kind: Deployment|StatefulSet}",
    );
    for (source, select, expected) in [
        (
            other,
            "{kind: Deployment, labelSelector: app=web}",
            "unfollowed",
        ),
        (other, either, "decided-by"),
        (other, "{kind: StatefulSet, labelSelector: app=web}", ""),
        // Nothing pins what stands there.
        (
            "source: {kind: ConfigMap, fieldPath: data.image}",
            either,
            "unfollowed",
        ),
        (
            "source: {kind: Shop, fieldPath: spec.image}",
            either,
            "unfollowed",
        ),
        (
            "source: {kind: Deployment, fieldPath: metadata.annotations.image}",
            either,
            "unfollowed",
        ),
        ("sourceValue: other:1", either, "unfollowed"),
    ] {
        let over = format!(
            "resources: [../base]\nreplacements:\n- {source}\n  targets:\n  - select: {select}\n    fieldPaths: [spec.template.spec.containers.0.image]\n"
        );
        let files = [
            ("base/web.yaml", &*deployment(WEB)),
            ("base/kustomization.yaml", "resources: [web.yaml]\n"),
            ("over/kustomization.yaml", &over),
        ];
        let place = tree(&files, &[(WEB, '1')]);
        let (skipped, changed) = decided(&place, &[]);
        match expected {
            "" => assert_eq!((skipped.len(), changed.len()), (0, 1)),
            code => assert_eq!(skipped, [format!("base/web.yaml {code}")]),
        }
    }
}

#[test]
fn an_entry_decides_a_field_where_a_configuration_names_it_as_an_image() {
    let task = "apiVersion: tekton.dev/v1\nkind: Task\nmetadata: {name: build}\nspec: {steps: [{name: build, image: 'registry.example.test/web:1.4'}]}\n";
    let base = "resources: [task.yaml]\nconfigurations: [fields.yaml]\n";
    let names = "nameReference: [{kind: Secret, fieldSpecs: [{path: spec/steps/image}]}]\n";
    let decided_by = (
        vec!["base/task.yaml decided-by".to_owned()],
        vec!["over/kustomization.yaml".to_owned()],
    );
    let both = (
        vec![],
        vec![
            "base/task.yaml".to_owned(),
            "over/kustomization.yaml".to_owned(),
        ],
    );
    for (fields, expected) in [
        (
            "images: [{kind: Task, path: 'spec/steps[]/image'}]\n",
            &decided_by,
        ),
        ("images: [{path: spec/steps/image}]\n", &decided_by),
        (
            "{\"images\": [{\"path\": \"spec/steps/image\"}]}\n",
            &decided_by,
        ),
        ("images: [{kind: Step, path: spec/steps/image}]\n", &both),
        (names, &both),
    ] {
        let files = [
            ("base/task.yaml", task),
            ("base/kustomization.yaml", base),
            ("base/fields.yaml", fields),
            ("over/kustomization.yaml", SET),
        ];
        let place = tree(&files, &[(WEB, '1')]);
        assert_eq!(decided(&place, &["."]), *expected, "{fields}");
        let alone = decided(&place, &["base/task.yaml"]);
        assert_eq!(alone.0, expected.0, "{fields}");
        assert_eq!(decided_in_commit(&place, &["."]), *expected, "{fields}");
    }
}

#[test]
fn a_link_to_a_folder_is_followed_within_the_repository() {
    let own = "resources: [web.yaml]\n";
    for (link, target, resources) in [
        ("link", "base", "[../link]"),
        ("over/link", "../base", "[link]"),
        ("over/link", "../x/../base/", "[./link]"),
        ("over/link", "..", "[link/base]"),
        ("over/link", "other", "[link/again]"),
    ] {
        let over = SET.replace("[../base]", resources);
        let files = [
            ("base/web.yaml", &*deployment(WEB)),
            ("base/kustomization.yaml", own),
            ("over/kustomization.yaml", &over),
            ("over/other/a.yaml", "a: 1\n"),
            ("x/a.yaml", "a: 1\n"),
        ];
        let place = tree(&files, &[(WEB, '1')]);
        let at = |path: &str| place.path().join(path);
        symlink(target, at(link)).unwrap();
        symlink("../../base", at("over/other/again")).unwrap();
        let expected = (
            vec!["base/web.yaml decided-by".to_owned()],
            vec!["over/kustomization.yaml".to_owned()],
        );
        assert_eq!(decided(&place, &["."]), expected, "{link} {resources}");
        let alone = decided(&place, &["base/web.yaml"]);
        assert_eq!(alone.0, expected.0, "{link} {resources}");
        assert_eq!(decided_in_commit(&place, &["."]), expected, "{link}");
    }
    // Nothing is read where a link leads out of the repository, or in a circle.
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("kustomization.yaml"), own).unwrap();
    fs::write(outside.path().join("web.yaml"), deployment(WEB)).unwrap();
    for target in [outside.path(), Path::new("../circle"), Path::new("../..")] {
        let over = SET.replace("[../base]", "[circle, circle/web.yaml, ../web.yaml]");
        let files = [
            ("web.yaml", &*deployment(WEB)),
            ("over/kustomization.yaml", &over),
        ];
        let place = tree(&files, &[(WEB, '1')]);
        symlink(target, place.path().join("over/circle")).unwrap();
        symlink("over/circle", place.path().join("circle")).unwrap();
        let (skipped, changed) = decided(&place, &["."]);
        assert_eq!(skipped, ["web.yaml decided-by"]);
        assert_eq!(changed, ["over/kustomization.yaml"]);
    }
}

#[test]
fn a_file_in_a_linked_folder_is_the_file_where_the_link_leads() {
    let over = "resources: [link/web.yaml]\npatches: [{path: link/patch.yaml}]\nreplacements: [{path: link/versions.yaml}]\nimages: [{name: registry.example.test/web, newTag: \"1.4\"}]\n";
    let files = [
        ("over/sub/web.yaml", &*deployment(WEB)),
        ("over/sub/patch.yaml", &deployment(WEB)),
        ("over/sub/versions.yaml", APART),
        ("over/kustomization.yaml", over),
    ];
    let place = tree(&files, &[(WEB, '1')]);
    symlink("sub", place.path().join("over/link")).unwrap();
    let expected = [
        "over/kustomization.yaml taken-apart",
        "over/sub/patch.yaml decided-by",
        "over/sub/web.yaml decided-by",
    ];
    let expected = (expected.map(str::to_owned).to_vec(), vec![]);
    assert_eq!(decided(&place, &["."]), expected);
    assert_eq!(decided_in_commit(&place, &["."]), expected);
}

#[test]
fn what_skaffold_builds_is_never_asked_at_a_registry() {
    let registry = TestRegistry::start();
    let skaffold =
        "apiVersion: skaffold/v4beta1\nkind: Config\nbuild: {artifacts: [{image: web}]}\n";
    let files = [
        ("shop/skaffold.yaml", skaffold),
        ("shop/k8s/web.yaml", &*deployment("web")),
    ];
    let place = tree(&files, &[]);
    let map = format!("docker.io={}", registry.host());
    for paths in [&["."][..], &["shop/k8s"], &["shop/k8s/web.yaml"]] {
        let line = ["files", "--output", "json", "--registry-map", &map];
        let report = place.imago(line.iter().chain(paths)).finish_with(0).json();
        let skipped = &report["skipped"][0];
        assert_eq!(skipped["code"], "decided-by", "{paths:?}");
        let told = skipped["message"].as_str().unwrap();
        assert!(told.contains("`shop/skaffold.yaml`"), "{told}");
    }
    assert_eq!(registry.asked(), [""; 0]);
}

#[test]
fn a_placeholder_that_a_patch_names_is_decided_there_and_never_asked_at_a_registry() {
    let registry = TestRegistry::start();
    let host = registry.host();
    registry.push_index("shop", "v2", &["linux/amd64"], "a");
    let image = format!("{host}/shop:v2");
    let inline = |patch: &str, target: &str| {
        let patch = patch.trim_end().replace('\n', "\n    ");
        format!("resources: [../manager]\npatches:\n- patch: |-\n    {patch}\n  {target}\n")
    };
    let operation = format!(
        "- op: replace\n  path: /spec/template/spec/containers/0/image\n  value: {image}\n"
    );
    let by_path = "resources: [../manager]\npatchesStrategicMerge: [patch.yaml]\n";
    for (over, decider) in [
        (by_path.to_owned(), "default/patch.yaml"),
        (
            inline(&deployment(&image), ""),
            "default/kustomization.yaml",
        ),
        (
            inline(&operation, "target: {kind: Deployment, name: web}"),
            "default/kustomization.yaml",
        ),
    ] {
        let files = [
            ("manager/manager.yaml", &*deployment("controller:latest")),
            ("manager/kustomization.yaml", "resources: [manager.yaml]\n"),
            ("default/kustomization.yaml", &over),
            ("default/patch.yaml", &deployment(&image)),
        ];
        let place = tree(&files, &[]);
        for paths in [&["."][..], &["manager/manager.yaml"]] {
            let map = format!("docker.io={host}");
            let line = ["files", "--output", "json", "--registry-map", &map];
            let report = place.imago(line.iter().chain(paths)).finish_with(0).json();
            let skipped = report["skipped"].as_array().unwrap();
            let skipped = skipped
                .iter()
                .find(|one| one["file"] == "manager/manager.yaml");
            let skipped = skipped.unwrap_or_else(|| panic!("{paths:?} {report}"));
            assert_eq!(skipped["code"], "decided-by", "{over}");
            let told = skipped["message"].as_str().unwrap();
            assert!(told.contains(decider), "{told}");
        }
        let asked = registry.asked();
        let is_asked = |asked: &String| asked.contains("controller");
        assert!(!asked.iter().any(is_asked), "{over}: {asked:?}");
    }
}

#[test]
fn an_index_behind_a_patch_that_moves_containers_decides_nothing() {
    let pod = |containers: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec: {{template: {{spec: {{containers: [{containers}]}}}}}}\n"
        )
    };
    let (app, proxy) = (
        "registry.example.test/app:1.4",
        "registry.example.test/proxy:1.4",
    );
    let base = pod(&format!(
        "{{name: app, image: '{app}'}}, {{name: proxy, image: '{proxy}'}}"
    ));
    let operation =
        format!("- {{op: replace, path: /spec/template/spec/containers/0/image, value: '{WEB}'}}");
    let over = format!(
        "resources: [../base]\npatches:\n- target: {{kind: Deployment, name: web}}\n  patch: |-\n    {operation}\n"
    );
    let base_of = |keys: &str| format!("resources: [web.yaml]\n{keys}\n");
    let in_file = base_of("patches: [{path: patch.yaml}]");
    for (kustomization, patch, held) in [
        // What it does stands in no file with an image.
        (&in_file, pod("{name: app, $patch: delete}"), 2),
        (&in_file, pod("{name: proxy, args: [-v]}"), 2),
        (&in_file, "{".to_owned(), 2),
        (
            &base_of("patchesStrategicMerge: [patch.yaml]"),
            pod("{name: proxy, args: [-v]}"),
            2,
        ),
        (
            &base_of("patches: [{path: patch.yaml, target: {kind: Deployment}}]"),
            "- {op: remove, path: /spec/template/spec/containers/0}\n".to_owned(),
            2,
        ),
        (&in_file, pod("{name: app, args: [-v]}"), 0),
        (&base_of(""), String::new(), 0),
    ] {
        let files = [
            ("base/web.yaml", &*base),
            ("base/kustomization.yaml", kustomization),
            ("base/patch.yaml", &patch),
            ("over/kustomization.yaml", &over),
        ];
        let place = tree(&files, &[(WEB, '1'), (app, '2'), (proxy, '3')]);
        let code = if held > 0 { "unfollowed" } else { "decided-by" };
        let expected = vec![format!("base/web.yaml {code}"); held.max(1)];
        for paths in [&["."][..], &["base/web.yaml"]] {
            let (skipped, _) = decided(&place, paths);
            assert_eq!(skipped, expected, "{kustomization} {patch} {paths:?}");
        }
        let (skipped, _) = decided_in_commit(&place, &["."]);
        assert_eq!(skipped, expected, "{kustomization} {patch}");
    }
}

#[test]
fn a_patch_that_replaces_a_list_of_containers_decides_its_images() {
    for (version, kind) in [
        ("v1", "Pod"),
        ("argoproj.io/v1alpha1", "Rollout"),
        ("apps/v1", "Deployment"),
    ] {
        let object = |first: &str, image: &str| {
            let list = format!("containers: [{first}{{name: app, image: '{image}'}}]");
            let spec = match kind {
                "Pod" => list,
                _ => format!("template: {{spec: {{{list}}}}}"),
            };
            format!(
                "apiVersion: {version}\nkind: {kind}\nmetadata: {{name: web}}\nspec: {{{spec}}}\n"
            )
        };
        let files = [
            ("base/web.yaml", &*object("", MIRROR)),
            ("over/patch.yaml", &object("{$patch: replace}, ", WEB)),
            (
                "over/kustomization.yaml",
                "resources: [../base/web.yaml]\npatches: [{path: patch.yaml}]\n",
            ),
        ];
        let place = tree(&files, &[(WEB, '1'), (MIRROR, '2')]);
        let (skipped, changed) = decided(&place, &["."]);
        assert_eq!(skipped, ["base/web.yaml decided-by"], "{kind}");
        assert_eq!(changed, ["over/patch.yaml"], "{kind}");
    }
}

#[test]
fn a_container_with_a_directive_of_a_merge_patch_decides_nothing() {
    let object = |containers: &str, more: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\n{more}spec: {{template: {{spec: {{containers: [{containers}]}}}}}}\n"
        )
    };
    let web = |more: &str| format!("{{name: web, image: '{WEB}'{more}}}");
    let base = object(&format!("{{name: web, image: '{MIRROR}'}}"), "");
    for (patch, is_decided) in [
        (object(&web(""), ""), true),
        (object(&web(", $patch: replace"), ""), false),
        (object(&web(", \"\\x24patch\": delete"), ""), false),
        (object(&web(""), "$patch: replace\n"), false),
        // This is for the list, and another one for another container.
        (
            object(&format!("{{$patch: replace}}, {}", web("")), ""),
            true,
        ),
        (
            object(&format!("{}, {{name: proxy, $patch: delete}}", web("")), ""),
            true,
        ),
    ] {
        let text = format!(
            "resources: [../base/web.yaml]\npatches:\n- patch: |-\n    {}\n",
            patch.replace('\n', "\n    ")
        );
        let file = "resources: [../base/web.yaml]\npatches: [{path: patch.yaml}]\n";
        for (over, patch, pinned) in [
            (&*text, "{}", "over/kustomization.yaml"),
            (file, &patch, "over/patch.yaml"),
        ] {
            let files = [
                ("base/web.yaml", &*base),
                ("over/kustomization.yaml", over),
                ("over/patch.yaml", patch),
            ];
            let place = tree(&files, &[(WEB, '1'), (MIRROR, '2')]);
            let (skipped, changed) = decided(&place, &["."]);
            let expected: (&[&str], &[&str]) = match is_decided {
                true => (&["base/web.yaml decided-by"], &[pinned]),
                false => (&[], &["base/web.yaml", pinned]),
            };
            assert_eq!(
                (skipped, changed),
                (to_owned(expected.0), to_owned(expected.1)),
                "{patch}"
            );
        }
    }
}

fn to_owned(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

#[test]
fn an_image_volume_is_pinned_with_the_entry_that_some_versions_of_kustomize_apply_to_it() {
    let (data, other) = (
        "registry.example.test/data:1",
        "registry.example.test/data:2",
    );
    for (entry, expected) in [
        (
            "newTag: '2'",
            (&[][..], &["kustomization.yaml", "web.yaml"][..]),
        ),
        (
            "newName: registry.example.test/other",
            (&["web.yaml renamed-by"], &[]),
        ),
    ] {
        for (kind, before, behind) in [
            ("apps/v1, kind: Deployment", "template: {spec: ", "}"),
            (
                "batch/v1, kind: CronJob",
                "jobTemplate: {spec: {template: {spec: ",
                "}}}",
            ),
        ] {
            let spec = format!(
                "{{containers: [], volumes: [{{name: v, image: {{reference: '{data}'}}}}]}}"
            );
            let object = format!(
                "{{apiVersion: {kind}, metadata: {{name: web}}, spec: {{{before}{spec}{behind}}}}}\n"
            );
            let over = format!(
                "resources: [web.yaml]\nimages: [{{name: registry.example.test/data, {entry}}}]\n"
            );
            let files = [("web.yaml", &*object), ("kustomization.yaml", &*over)];
            let place = tree(&files, &[(data, '1'), (other, '2')]);
            let expected = (to_owned(expected.0), to_owned(expected.1));
            assert_eq!(decided(&place, &["."]), expected, "{kind} {entry}");
        }
    }
}

#[test]
fn a_test_of_a_json_patch_is_found_however_it_is_written() {
    let path = "/spec/template/spec/containers";
    for (text, is_held) in [
        (
            format!("- {{op: test, path: {path}/0/image, value: '{WEB}'}}"),
            true,
        ),
        (
            format!("- {{op: test, path: {path}/-1/image, value: '{WEB}'}}"),
            true,
        ),
        (
            format!("- {{op: test, path: {path}/+0/image, value: '{WEB}'}}"),
            true,
        ),
        (
            format!("- {{op: test, path: {path}/-1, value: {{}}}}"),
            true,
        ),
        (
            format!("- {{op: test, path: x{path}/0/image, value: '{WEB}'}}"),
            true,
        ),
        (
            format!("%YAML 1.1\n---\n- {{op: test, path: {path}/0/image, value: '{WEB}'}}"),
            true,
        ),
        (
            format!("---\n- {{op: test, path: {path}/0/image, value: '{WEB}'}}"),
            true,
        ),
        (
            format!("!!seq [{{op: test, path: {path}/0/image, value: '{WEB}'}}]"),
            true,
        ),
        (
            format!("- {{op: \"te\\x73t\", path: {path}/0/image, value: '{WEB}'}}"),
            true,
        ),
        (
            format!("- {{op: test, path: {path}/-1/name, value: app}}"),
            false,
        ),
    ] {
        let over = format!(
            "resources: [web.yaml]\npatches:\n- target: {{kind: Deployment}}\n  patch: |-\n    {}\n",
            text.replace('\n', "\n    ")
        );
        let in_file =
            "resources: [web.yaml]\npatches: [{target: {kind: Deployment}, path: patch.yaml}]\n";
        for (over, patch) in [(&*over, ""), (in_file, &*text)] {
            let files = [
                ("web.yaml", &*deployment(WEB)),
                ("kustomization.yaml", over),
                ("patch.yaml", patch),
            ];
            let place = tree(&files, &[(WEB, '1')]);
            let (skipped, changed) = decided(&place, &["."]);
            assert_eq!(skipped.is_empty(), !is_held, "{text} {skipped:?}");
            assert_eq!(changed.is_empty(), is_held, "{text}");
        }
    }
}

#[test]
fn an_image_of_a_text_has_the_line_that_it_stands_on() {
    for (before, line) in [("|-\n", 6), ("|\n", 6), ("|-\n\n", 7), ("|-\n\n\n", 8)] {
        let patch =
            format!("    - op: add\n      path: /spec/containers/0/image\n      value: {WEB}\n");
        let over = format!("patches:\n- target: {{kind: Shop}}\n  patch: {before}{patch}");
        let place = tree(&[("kustomization.yaml", &over)], &[(WEB, '1')]);
        let changed = (vec![], vec!["kustomization.yaml".to_owned()]);
        assert_eq!(decided(&place, &[]), changed, "{before:?}");
        let line_of = over
            .lines()
            .position(|line| line.contains("value:"))
            .unwrap()
            + 1;
        assert_eq!(line_of, line);
        let listed = place
            .imago(["images", "--output", "json"])
            .finish_with(0)
            .json();
        assert_eq!(listed["images"][0]["line"], line, "{before:?}");
    }
}

/// A Flux Kustomization of a folder with these entries.
fn flux(more: &str, images: &str) -> String {
    format!(
        "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: shop}}\nspec:\n  {more}\n  images: {images}\n"
    )
}

/// The same as an Application, which has them as texts, in this field of `spec`.
fn argo(source: &str) -> String {
    format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: shop}}\nspec: {source}\n"
    )
}

#[test]
fn what_flux_and_argo_cd_rename_on_top_of_a_folder_is_held() {
    let renames = "[{name: registry.example.test/web, newName: registry.example.test/mirror/web}]";
    let argument = "registry.example.test/web=registry.example.test/mirror/web";
    let in_git =
        |path: &str| format!("path: {path}\n  sourceRef: {{kind: GitRepository, name: a}}");
    let source = |path: &str| format!("{{path: {path}, kustomize: {{images: ['{argument}']}}}}");
    let set = format!(
        "{{\"apiVersion\": \"v1\", \"kind\": \"List\", \"items\": [{{}}, {{\"apiVersion\": \"argoproj.io/v1alpha1\", \"kind\": \"ApplicationSet\", \"spec\": {{\"template\": {{\"spec\": {{\"source\": {{\"path\": \"apps/prod\", \"kustomize\": {{\"images\": [\"{argument}\"]}}}}}}}}}}}}]}}"
    );
    for (delivery, is_held) in [
        (flux(&in_git("./apps/prod"), renames), true),
        (flux("path: apps/prod/", renames), true),
        (argo(&format!("{{source: {}}}", source("apps/prod"))), true),
        (
            argo(&format!(
                "{{sources: [{{chart: a}}, {}]}}",
                source("/apps/prod")
            )),
            true,
        ),
        (set, true),
        // Every repository has a root, so it may be that of another one.
        (flux(&in_git("./"), renames), false),
        (flux(&in_git("./other"), renames), false),
        (flux(&in_git("./apps/${ENV}"), renames), false),
        (
            flux(
                "path: ./apps/prod\n  sourceRef: {kind: OCIRepository, name: a}",
                renames,
            ),
            false,
        ),
        (flux(&in_git("./apps/prod"), "[]"), false),
        (argo(&format!("{{source: {}}}", source("apps/dev"))), false),
    ] {
        let files = [
            ("base/web.yaml", &*deployment(WEB)),
            ("base/kustomization.yaml", "resources: [web.yaml]\n"),
            ("apps/prod/kustomization.yaml", "resources: [../../base]\n"),
            ("clusters/prod/shop.yaml", &delivery),
            (
                "clusters/prod/kustomization.yaml",
                "resources: [shop.yaml]\n",
            ),
        ];
        let place = tree(&files, &[(WEB, '1')]);
        let held = ["base/web.yaml renamed-by".to_owned()];
        let expected = if is_held { &held[..] } else { &[] };
        for paths in [&["."][..], &["base/web.yaml"], &["--exclude", "clusters"]] {
            let (skipped, changed) = decided(&place, paths);
            assert_eq!(skipped, expected, "{delivery} {paths:?}");
            assert_eq!(changed.len(), usize::from(!is_held), "{delivery} {paths:?}");
        }
        assert_eq!(
            decided_in_commit(&place, &["base/web.yaml"]).0,
            expected,
            "{delivery}"
        );
    }
}

#[test]
fn what_flux_and_argo_cd_set_is_pinned_there_and_in_the_folder() {
    let entries = "[{name: registry.example.test/web, newTag: \"1.4\"}]";
    let argument =
        "{source: {path: apps/prod, kustomize: {images: ['registry.example.test/web:1.4']}}}";
    for delivery in [flux("path: ./apps/prod", entries), argo(argument)] {
        let files = [
            ("apps/prod/web.yaml", &*deployment(WEB)),
            ("apps/prod/kustomization.yaml", "resources: [web.yaml]\n"),
            ("shop.yaml", &delivery),
        ];
        let place = tree(&files, &[(WEB, '1')]);
        // Somebody may apply the folder without it.
        let both = ["apps/prod/web.yaml", "shop.yaml"].map(str::to_owned);
        assert_eq!(decided(&place, &["."]), (vec![], both.to_vec()));
        let told = report(&place, &[])["warnings"].to_string();
        assert!(
            told.contains("`apps/prod/web.yaml` by `shop.yaml`"),
            "{told}"
        );
    }
}

#[test]
fn an_entry_of_flux_and_argo_cd_is_held_where_it_reaches_a_job() {
    let entries =
        "[{name: other, newTag: \"1\"}, {name: registry.example.test/web, newTag: \"1.4\"}]";
    let argument =
        "{source: {path: apps/prod, kustomize: {images: ['registry.example.test/web:1.4']}}}";
    let several = format!(
        "kind: ConfigMap\n---\n{}",
        flux("path: ./apps/prod", entries)
    );
    for delivery in [several, argo(argument)] {
        let files = [
            ("apps/prod/job.yaml", JOB),
            ("apps/prod/kustomization.yaml", "resources: [job.yaml]\n"),
            ("shop.yaml", &*delivery),
        ];
        let place = tree(&files, &[(WEB, '1'), ("docker.io/library/other:1", '1')]);
        for paths in [&["."][..], &["shop.yaml"]] {
            let (skipped, _) = decided(&place, paths);
            let own: Vec<_> = skipped
                .iter()
                .filter(|one| one.starts_with("shop"))
                .collect();
            assert_eq!(own, ["shop.yaml job-immutable"], "{delivery} {paths:?}");
        }
        let (skipped, _) = decided_in_commit(&place, &["shop.yaml"]);
        assert_eq!(skipped, ["shop.yaml job-immutable"], "{delivery}");
    }
}

#[test]
fn an_entry_of_flux_is_held_where_it_reaches_a_job_of_a_folder_without_a_kustomization() {
    let delivery = flux(
        "path: ./apps/prod",
        "[{name: registry.example.test/web, newTag: \"1.4\"}]",
    );
    let kustomization = (
        "apps/prod/inner/kustomization.yaml",
        "resources: [job.yaml]\n",
    );
    let other = ("apps/prod/kustomization.yaml", "resources: [inner]\n");
    for (job, more, is_reached) in [
        ("apps/prod/job.yaml", None, true),
        ("apps/prod/deep/er/job.yaml", None, true),
        ("apps/prod/inner/job.yaml", Some(kustomization), true),
        ("apps/prod/inner/other.yaml", Some(kustomization), false),
        ("apps/prod/job.yaml", Some(other), false),
        ("apps/production/job.yaml", None, false),
    ] {
        let mut files = vec![(job, JOB), ("clusters/shop.yaml", &*delivery)];
        files.extend(more);
        let place = tree(&files, &[(WEB, '1')]);
        let expected = match is_reached {
            true => vec!["clusters/shop.yaml job-immutable"],
            false => Vec::new(),
        };
        let own = |skipped: Vec<String>| -> Vec<String> {
            let own = skipped
                .into_iter()
                .filter(|one| one.starts_with("clusters"));
            own.collect()
        };
        for paths in [&["."][..], &["clusters"], &["clusters", job]] {
            assert_eq!(own(decided(&place, paths).0), expected, "{job} {paths:?}");
        }
        let (skipped, _) = decided_in_commit(&place, &["clusters/shop.yaml"]);
        assert_eq!(own(skipped), expected, "{job}");
    }
}

#[test]
fn an_entry_is_held_that_may_meet_images_that_are_not_followed() {
    // Each changes the image, and passes it on to all others.
    let count = 60;
    let middle = |at: usize| {
        let others: Vec<String> = (0..count).map(|other| format!("../k{other}")).collect();
        let entry =
            |tag| json!({"name": "registry.example.test/web", "newTag": format!("{at}-{tag}")});
        let entries: Vec<Value> = (0..count).map(entry).collect();
        let resources = [others, vec!["job.yaml".to_owned()]].concat();
        json!({"resources": resources, "images": entries}).to_string()
    };
    let over = "resources: [../k0]\nimages: [{name: registry.example.test/web, newTag: \"1.4\"}]\n";
    let place = tree(
        &[
            ("k0/job.yaml", JOB),
            ("k0/kustomization.yaml", "resources: [job.yaml]\n"),
            ("over/kustomization.yaml", over),
        ],
        &[(WEB, '1')],
    );
    let held = |code: &str| (vec![format!("over/kustomization.yaml {code}")], Vec::new());
    assert_eq!(decided(&place, &["over"]), held("job-immutable"));
    for at in 0..count {
        place.write(&format!("k{at}/kustomization.yaml"), middle(at));
    }
    assert_eq!(decided(&place, &["over"]), held("unfollowed"));
}
