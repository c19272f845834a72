//! Which kinds of objects a run takes: what is on, what is held, and the flags and settings that say otherwise.

use super::{LOCK, deployment};
use crate::support::binary::Workplace;

const IMAGE: &str = "registry.example.test/web:1.4";

fn pod(api_version: &str, kind: &str, name: &str) -> String {
    format!(
        "apiVersion: {api_version}\nkind: {kind}\nmetadata: {{name: {name}}}\nspec:\n  containers:\n  - {{name: app, image: {IMAGE}}}\n"
    )
}

/// A repository with objects of several kinds, each in a file of its own.
fn place() -> Workplace {
    let place = Workplace::new();
    std::fs::create_dir(place.path().join(".git")).unwrap();
    place.write("imago.lock", LOCK);
    place.write("web.yaml", deployment(IMAGE));
    place.write("pod.yaml", pod("v1", "Pod", "pod"));
    place.write("own.yaml", pod("example.com/v1", "Pod", "own"));
    place.write("job.yaml", pod("batch/v1", "Job", "job"));
    place.write(
        "kustomization.yaml",
        "images:\n- name: registry.example.test/web\n  newTag: \"1.4\"\n",
    );
    place
}

/// The files that an update changes, and what the warnings say.
fn changed(place: &Workplace, line: &str) -> (Vec<String>, String) {
    let flags = format!("files --update --dry-run --offline --output json {line}");
    let report = place.imago(flags.split_whitespace()).finish_with(0).json();
    let files = report["files_changed"].as_array().unwrap().iter();
    let files = files.map(|file| file.as_str().unwrap().to_owned());
    (files.collect(), report["warnings"].to_string())
}

#[test]
fn kinds_are_narrowed_left_out_and_added() {
    let all = ["kustomization.yaml", "own.yaml", "pod.yaml", "web.yaml"];
    for (line, expected) in [
        ("", &all[..]),
        ("--kind Deployment", &["web.yaml"]),
        ("--kind Pod", &["own.yaml", "pod.yaml"]),
        ("--kind Pod.", &["pod.yaml"]),
        ("--kind Pod.example.com", &["own.yaml"]),
        ("--kind Pod --exclude-kind Pod.example.com", &["pod.yaml"]),
        ("--kind Pod. --kind Deployment", &["pod.yaml", "web.yaml"]),
        ("--kind kustomization-file", &["kustomization.yaml"]),
        ("--exclude-kind kustomization-file", &all[1..]),
        ("--kind Job", &[]),
        ("--kind Job --add-kind Job", &["job.yaml"]),
        ("--add-kind Job --exclude-kind Job", &all),
    ] {
        let (files, warnings) = changed(&place(), line);
        assert_eq!(files, expected, "{line}");
        assert!(!warnings.contains("fits no object"), "{line}: {warnings}");
    }
    // What all overlays decide is not pinned below them, whatever is taken.
    let overlaid = place();
    overlaid.write(
        "kustomization.yaml",
        "resources: [web.yaml]\nimages:\n- name: registry.example.test/web\n  newTag: \"1.4\"\n",
    );
    assert!(changed(&overlaid, "--kind Deployment").0.is_empty());
}

#[test]
fn the_settings_have_the_same_three_lists_and_a_flag_wins() {
    let place = place();
    place.write(
        ".imago.yaml",
        "kind: [Pod, Job]\nadd-kind: [Job]\nexclude-kind: [Pod.example.com]\n",
    );
    assert_eq!(changed(&place, "").0, ["job.yaml", "pod.yaml"]);
    assert_eq!(changed(&place, "--kind Deployment").0, ["web.yaml"]);
    place.write(".imago.yaml", "kind: [apps/v1/Deployment]\n");
    let refused = place.imago(["files"]).finish_with(2).stderr;
    assert!(
        refused.contains("`apps/v1/Deployment` is not a kind") && refused.contains(".imago.yaml:1"),
        "{refused}"
    );
}

#[test]
fn a_kind_that_fits_nothing_is_told() {
    let place = place();
    for flag in ["--kind", "--exclude-kind", "--add-kind"] {
        let (_, warnings) = changed(&place, &format!("{flag} Rolout"));
        let told = format!("`{flag} Rolout` fits no object with an image; check its spelling");
        assert!(warnings.contains(&told), "{warnings}");
    }
    for kind in ["deployments", "deployment", "DEPLOYMENT"] {
        let (_, warnings) = changed(&place, &format!("--kind {kind}"));
        assert!(
            warnings.contains("write it as the manifests do: `Deployment`"),
            "{warnings}"
        );
    }
    // Of a repository's settings, only a run over all of it can say so.
    place.write(".imago.yaml", "exclude-kind: [Rolout]\n");
    let told = "`exclude-kind: Rolout` of the settings fits no object";
    assert!(changed(&place, "").1.contains(told));
    assert!(!changed(&place, "web.yaml").1.contains(told));
}

#[test]
fn the_groups_of_a_bare_name_are_listed_where_more_is_asked_for() {
    let place = place();
    let said = |more: &[&str]| {
        let line = ["files", "--offline", "--kind", "Pod"];
        place.imago(line.iter().chain(more)).finish_with(0).stdout
    };
    let listed = "`--kind Pod` fits 1 Pod, 1 Pod.example.com\n";
    assert!(said(&["-v"]).contains(listed), "{}", said(&["-v"]));
    assert!(!said(&[]).contains("fits"));
}

#[test]
fn a_job_is_held_and_fails_a_strict_check_alone() {
    let place = place();
    let check = ["files", "--check", "--offline", "job.yaml"];
    let held = place.imago(check).finish_with(0).stdout;
    assert!(held.contains("held back: 1 job-immutable"), "{held}");
    place
        .imago(check.iter().chain(&["--strict"]))
        .finish_with(1);
    place
        .imago(check.iter().chain(&["--add-kind", "Job"]))
        .finish_with(1);
}

#[test]
fn a_path_of_the_settings_that_leads_nowhere_is_told_with_its_line() {
    let place = place();
    let shop =
        format!("apiVersion: shop.example.com/v1\nkind: Shop\nspec: {{image: \"{IMAGE}\"}}\n");
    place.write("shop.yaml", shop);
    place.write(
        ".imago.yaml",
        "kinds:\n- kind: Shop\n  paths:\n  - spec/image\n  - spec/imagee\n- kind: Nope\n  paths: [\"spec/*/image\"]\n",
    );
    let (files, warnings) = changed(&place, "");
    assert!(files.contains(&"shop.yaml".to_owned()), "{files:?}");
    for told in [
        ".imago.yaml:5: the path `spec/imagee` leads to no image of a Shop",
        ".imago.yaml:7: the path `spec/*/image` leads to no image of a Nope",
    ] {
        assert!(warnings.contains(told), "{warnings}");
    }
    assert!(!warnings.contains("`spec/image`"), "{warnings}");
    assert!(!changed(&place, "shop.yaml").1.contains("leads to no image"));
}

#[test]
fn mistakes_in_kinds_of_the_settings_are_shown_where_they_stand() {
    let place = place();
    for (text, line, what) in [
        (
            "kinds:\n- kind: Shop\n  path: [spec]\n",
            3,
            "did you mean `paths`?",
        ),
        ("kinds:\n- paths: [spec]\n", 2, "`kind` is missing"),
        ("kinds:\n- kind: Shop\n", 2, "`Shop` has no `paths`"),
        (
            "kinds:\n- kind: Shop\n  ignore: true\n  paths: [spec]\n",
            2,
            "leaves nothing for `paths`",
        ),
        (
            "kinds:\n- kind: Shop\n  paths:\n  - spec//image\n",
            4,
            "a key is empty",
        ),
        (
            "kinds:\n- kind: ConfigMap\n  paths: [data/image]\n",
            3,
            "nothing is edited below `data`",
        ),
        (
            "kinds:\n- kind: Shop\n  paths: [spec]\n  split: {name: a}\n",
            4,
            "`tag` is missing",
        ),
        (
            "kinds:\n- group: kyverno.io\n  kind: Policy\n  paths: [spec/image]\n",
            3,
            "never edited",
        ),
        (
            "kinds:\n- group: image.toolkit.fluxcd.io\n  kind: ImageRepository\n  paths: [spec/image]\n",
            3,
            "never edited",
        ),
    ] {
        place.write(".imago.yaml", text);
        let said = place.imago(["files"]).finish_with(2).stderr;
        assert!(
            said.contains(what) && said.contains(&format!(".imago.yaml:{line}:")),
            "{text}\n{said}"
        );
    }
}

#[test]
fn an_object_whose_kind_is_off_is_counted_and_pinned_once_it_is_added() {
    let place = Workplace::new();
    place.write("imago.lock", LOCK);
    place.write(
        "main.yaml",
        format!(
            "apiVersion: monitoring.coreos.com/v1\nkind: Prometheus\nspec: {{image: \"{IMAGE}\"}}\n"
        ),
    );
    let off = place.imago(["files", "--offline"]).finish_with(0).stdout;
    assert!(off.contains("1 Prometheus not handled"), "{off}");
    assert!(changed(&place, "").0.is_empty());
    assert_eq!(changed(&place, "--add-kind Prometheus").0, ["main.yaml"]);
    assert!(
        changed(&place, "--add-kind Prometheus.example.com")
            .0
            .is_empty()
    );
}

#[test]
fn a_name_that_is_no_string_hides_no_container() {
    for name in ["1", "~", "true", "{a: b}", "[a]"] {
        let place = Workplace::new();
        place.write("imago.lock", LOCK);
        let object = pod("argoproj.io/v1alpha1", "Rollout", "web");
        let other = format!("  - {{name: {name}, image: {IMAGE}}}\n");
        place.write("main.yaml", object + &other);
        let json = place.imago("files --update --offline --output json".split(' '));
        let json = json.finish_with(0).json();
        assert_eq!(json["summary"]["outdated"], 2, "{name}: {json}");
    }
}
