//! Images whose name, tag and digest stand in fields of their own: a digest must not stay where a kustomization above changes the others.

use super::graph::{decided, decided_in_commit, tree};

const WEB: &str = "registry.example.test/web:1.0.0";

/// An object with an image in parts, and the rest of what it says.
const RELEASE: &str = "apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: web}
spec:
  chart: {spec: {chart: web}}
  values:
    image:
      repository: registry.example.test/web
      tag: 1.0.0
      digest: ''
      pullPolicy: Always
    replicas: 1
";

const FLUX: &str = "apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: web}
spec:
  path: ./apps
  images:
  - {name: web, newName: registry.example.test/web, newTag: 1.0.0, digest: ''}
";

const APPLICATION: &str = "apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: web}
spec:
  source:
    chart: web
    helm:
      valuesObject:
        image: {repository: registry.example.test/web, tag: 1.0.0, digest: ''}
";

const ARGUMENT: &str = "apiVersion: argoproj.io/v1alpha1
kind: Application
metadata: {name: web}
spec:
  source:
    path: apps
    kustomize: {images: ['web=registry.example.test/web:1.0.0']}
";

const HELM_CHART: &str = "apiVersion: helm.cattle.io/v1
kind: HelmChart
metadata: {name: web}
spec:
  chart: web
  valuesContent: |-
    image: {repository: registry.example.test/web, tag: 1.0.0, digest: ''}
";

/// What a run makes of an object under an overlay: `None` if it is pinned.
fn held(object: &str, more: &[(&str, &str)]) -> Option<String> {
    let files = [
        ("base/object.yaml", object),
        ("base/kustomization.yaml", "resources: [object.yaml]\n"),
    ];
    let place = tree(&[&files, more].concat(), &[(WEB, '1')]);
    let all = decided_in_commit(&place, &["."]);
    for paths in [&["."][..], &["base/object.yaml"]] {
        let decided = match paths {
            ["."] => all.clone(),
            paths => decided(&place, paths),
        };
        let of_base = |line: &&String| line.starts_with("base/object.yaml");
        let skipped: Vec<&String> = decided.0.iter().filter(of_base).collect();
        let is_changed = decided.1.iter().any(|file| file == "base/object.yaml");
        assert_eq!(skipped.is_empty(), is_changed, "{more:?} {decided:?}");
        if paths != ["."] {
            return skipped.first().map(|line| (*line).clone());
        }
    }
    None
}

/// An overlay with a JSON Patch as a text.
fn operation(kind: &str, operation: &str) -> String {
    format!(
        "resources: [../base]\npatches:\n- target: {{kind: {kind}}}\n  patch: |-\n    - {{{operation}}}\n"
    )
}

#[test]
fn an_image_is_held_where_a_patch_may_change_a_part_of_it() {
    let unfollowed = Some("base/object.yaml unfollowed".to_owned());
    for (object, kind, path, is_held) in [
        (RELEASE, "HelmRelease", "/spec/values/image/tag", true),
        (RELEASE, "", "/spec/values/image/repository", true),
        (RELEASE, "Helm.*", "/spec/values/image/registry", true),
        (RELEASE, "HelmRelease", "/spec/values/image/variant", true),
        (RELEASE, "HelmRelease", "/spec/values/image", true),
        (RELEASE, "HelmRelease", "/spec/values", true),
        (
            RELEASE,
            "HelmRelease",
            "/spec/values/global/imageRegistry",
            true,
        ),
        (RELEASE, "HelmRelease", "/spec/valuesFrom", true),
        (RELEASE, "HelmRelease", "x/spec/values/image/tag", true),
        (
            RELEASE,
            "HelmRelease",
            "/spec/values/image/pullPolicy",
            false,
        ),
        (RELEASE, "HelmRelease", "/spec/values/replicas", false),
        (
            RELEASE,
            "HelmRelease",
            "/spec/values/proxy/image/tag",
            false,
        ),
        (RELEASE, "HelmRelease", "/spec/values/global/domain", false),
        (RELEASE, "HelmRelease", "/spec/interval", false),
        (RELEASE, "HelmRelease", "/spec/chart/spec/version", false),
        (RELEASE, "Deployment", "/spec/values/image/tag", false),
        (FLUX, "Kustomization", "/spec/images/0/newTag", true),
        (FLUX, "Kustomization", "/spec/images/-1/newName", true),
        (FLUX, "Kustomization", "/spec/images", true),
        (FLUX, "Kustomization", "/spec/path", false),
        (
            APPLICATION,
            "Application",
            "/spec/source/helm/valuesObject/image/tag",
            true,
        ),
        (
            APPLICATION,
            "Application",
            "/spec/source/helm/parameters",
            true,
        ),
        (
            APPLICATION,
            "Application",
            "/spec/source/helm/valuesObject/replicas",
            false,
        ),
        (
            APPLICATION,
            "Application",
            "/spec/source/targetRevision",
            false,
        ),
        (
            ARGUMENT,
            "Application",
            "/spec/source/kustomize/images/0",
            true,
        ),
        (ARGUMENT, "Application", "/spec/source/path", false),
        (HELM_CHART, "HelmChart", "/spec/valuesContent", true),
        (HELM_CHART, "HelmChart", "/spec/set", true),
        (HELM_CHART, "HelmChart", "/spec/version", false),
    ] {
        let over = operation(kind, &format!("op: add, path: {path}, value: []"));
        let told = held(object, &[("prod/kustomization.yaml", &over)]);
        assert_eq!(
            told,
            unfollowed.clone().filter(|_| is_held),
            "{kind} {path}"
        );
    }
    for operation_text in [
        "op: move, from: /spec/values/image/tag, path: /spec/values/tag",
        "op: copy, from: /spec/values/tag, path: /spec/values/image/tag",
        "op: remove, path: /spec/values/image/tag",
        r#""op": "repl\x61ce", path: /spec/values/image/tag, value: "2""#,
    ] {
        let over = operation("HelmRelease", operation_text);
        let told = held(RELEASE, &[("prod/kustomization.yaml", &over)]);
        assert_eq!(told, unfollowed, "{operation_text}");
    }
}

#[test]
fn it_does_not_matter_where_such_a_patch_stands() {
    let unfollowed = Some("base/object.yaml unfollowed".to_owned());
    let merge = |values: &str| {
        format!(
            "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: web}}\nspec: {{values: {{{values}}}}}\n"
        )
    };
    let indented = |text: &str| text.replace('\n', "\n    ");
    let text = |keys: &str, patch: &str| {
        format!(
            "resources: [../base]\n{keys}:\n- {{}}\n- patch: |-\n    {}\n",
            indented(patch)
        )
    };
    let flux = |keys: &str| {
        format!(
            "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: apps}}\nspec:\n  path: ./prod\n{keys}"
        )
    };
    let plain = "resources: [../base]\n";
    let tag = merge("image: {tag: 1.1.0}");
    let operation_text = "- {op: replace, path: /spec/values/image/tag, value: 1.1.0}\n";
    let component = "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\npatches: [{path: patch.yaml}]\n";
    let replacement = |path: &str| {
        format!(
            "resources: [../base]\nreplacements:\n- sourceValue: '2'\n  targets: [{{select: {{kind: HelmRelease}}, fieldPaths: [{path}]}}]\n"
        )
    };
    for (more, is_held) in [
        (vec![("prod/kustomization.yaml", text("patches", &tag))], true),
        (vec![("prod/kustomization.yaml", text("patches", &merge("replicas: 2")))], false),
        (vec![("prod/kustomization.yaml", text("patches", &merge("image: {pullPolicy: Never}")))], false),
        (vec![("prod/kustomization.yaml", text("patches", &merge("image: null")))], true),
        (vec![("prod/kustomization.yaml", text("patches", &format!("$patch: delete\n{}", merge("replicas: 2"))))], false),
        (vec![("prod/kustomization.yaml", text("patches", &merge("image: {repository: a, tag: '2'}")))], true),
        (vec![("prod/kustomization.yaml", text("patches", &tag.replace("name: web", "name: api")))], false),
        (vec![("prod/kustomization.yaml", text("patches", "{\n"))], true),
        (
            vec![("prod/kustomization.yaml", format!("resources: [../base]\npatchesStrategicMerge:\n- |-\n    {}\n", indented(&tag)))],
            true,
        ),
        (
            vec![
                ("prod/kustomization.yaml", "resources: [../base]\npatches: [{path: patch.yaml}]\n".to_owned()),
                ("prod/patch.yaml", tag.clone()),
            ],
            true,
        ),
        (
            vec![
                ("prod/kustomization.yaml", "resources: [../base]\npatches: [{path: patch.yaml}]\n".to_owned()),
                ("prod/patch.yaml", merge("replicas: 2")),
            ],
            false,
        ),
        (
            vec![
                ("prod/kustomization.yaml", "resources: [../base]\npatches: [{path: patch.txt, target: {kind: HelmRelease}}]\n".to_owned()),
                ("prod/patch.txt", operation_text.to_owned()),
            ],
            true,
        ),
        // Somebody may make it before the build, or it is elsewhere.
        (vec![("prod/kustomization.yaml", "resources: [../base]\npatches: [{path: patch.yaml}]\n".to_owned())], true),
        (vec![("prod/kustomization.yaml", "resources: [../base]\npatches: [{path: 'https://example.test/p'}]\n".to_owned())], true),
        (vec![("prod/kustomization.yaml", "resources: [../base]\npatches: [{path: a.yaml, target: {kind: Job}}]\n".to_owned())], false),
        (
            vec![
                ("prod/kustomization.yaml", "resources: [../base]\ncomponents: [../part]\n".to_owned()),
                ("part/kustomization.yaml", component.to_owned()),
                ("part/patch.yaml", merge("image: {repository: other}")),
            ],
            true,
        ),
        (
            vec![
                ("prod/kustomization.yaml", plain.to_owned()),
                ("flux.yaml", flux(&format!("  patches:\n  - target: {{kind: HelmRelease}}\n    patch: |-\n      {operation_text}"))),
            ],
            true,
        ),
        (
            vec![
                ("prod/kustomization.yaml", plain.to_owned()),
                ("flux.yaml", flux(&format!("  patchesJson6902:\n  - target: {{kind: HelmRelease}}\n    patch:\n    {operation_text}"))),
            ],
            true,
        ),
        (
            vec![
                ("prod/kustomization.yaml", plain.to_owned()),
                ("flux.yaml", flux("  patchesStrategicMerge:\n  - {apiVersion: helm.toolkit.fluxcd.io/v2, kind: HelmRelease, metadata: {name: web}, spec: {values: {image: {tag: '2'}}}}\n")),
            ],
            true,
        ),
        (
            vec![
                ("prod/kustomization.yaml", plain.to_owned()),
                ("part/kustomization.yaml", component.to_owned()),
                ("part/patch.yaml", tag.clone()),
                ("flux.yaml", flux("  components: [../part]\n")),
            ],
            true,
        ),
        (
            vec![
                ("prod/kustomization.yaml", plain.to_owned()),
                ("prod/patch.yaml", tag.clone()),
                ("argo.yaml", "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: apps}\nspec: {source: {path: prod, kustomize: {patches: [{path: patch.yaml}]}}}\n".to_owned()),
            ],
            true,
        ),
        (vec![("prod/kustomization.yaml", replacement("spec.values.image.tag"))], true),
        (vec![("prod/kustomization.yaml", replacement("spec.values.image.repository"))], true),
        (vec![("prod/kustomization.yaml", replacement("spec.values.image"))], true),
        (vec![("prod/kustomization.yaml", replacement("spec.values.replicas"))], false),
    ] {
        let files: Vec<(&str, &str)> = more.iter().map(|(path, text)| (*path, &**text)).collect();
        let told = held(RELEASE, &files);
        assert_eq!(told, unfollowed.clone().filter(|_| is_held), "{more:?}");
    }
}

#[test]
fn a_patch_with_an_image_in_parts_is_held_where_another_one_changes_it() {
    let merge = RELEASE.replace('\n', "\n    ");
    let own = format!("resources: [release.yaml]\npatches:\n- patch: |-\n    {merge}\n");
    let release = RELEASE.replace("1.0.0", "0.9.0");
    let over = |path: &str| operation("HelmRelease", &format!("op: add, path: {path}, value: '2'"));
    for (over, expected) in [
        (over("/spec/values/replicas"), &[][..]),
        (
            over("/spec/values/image/tag"),
            &["base/kustomization.yaml unfollowed"],
        ),
    ] {
        let files = [
            ("base/release.yaml", &*release),
            ("base/kustomization.yaml", &own),
            ("prod/kustomization.yaml", &over),
        ];
        let place = tree(&files, &[(WEB, '1')]);
        let (skipped, changed) = decided(&place, &["base/kustomization.yaml"]);
        assert_eq!(skipped, expected, "{over}");
        assert_eq!(changed.is_empty(), !expected.is_empty(), "{over}");
    }
}

#[test]
fn an_image_in_a_file_of_values_is_held_where_a_patch_may_put_others_over_it() {
    let values = "image:\n  repository: registry.example.test/web\n  tag: 1.0.0\n  digest: ''\n";
    let release = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: web}\nspec:\n  chart: {spec: {chart: web}}\n  valuesFrom: [{kind: ConfigMap, name: web}]\n";
    let generator =
        "resources: [release.yaml]\nconfigMapGenerator: [{name: web, files: [values.yaml]}]\n";
    let application = "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {name: web}\nspec:\n  source: {path: base, chart: web, helm: {valueFiles: [/base/values.yaml]}}\n";
    let merge = |values: &str| {
        format!(
            "resources: [../base]\npatches:\n- patch: |-\n    apiVersion: helm.toolkit.fluxcd.io/v2\n    kind: HelmRelease\n    metadata: {{name: web}}\n    spec: {{values: {{{values}}}}}\n"
        )
    };
    for (object, over, is_held) in [
        (release, merge("image: {tag: 1.1.0}"), true),
        (release, merge("replicas: 2"), false),
        (
            release,
            operation("HelmRelease", "op: add, path: /spec/values, value: {}"),
            true,
        ),
        (
            release,
            operation(
                "HelmRelease",
                "op: add, path: /spec/valuesFrom/-, value: {}",
            ),
            true,
        ),
        (
            release,
            merge("image: {tag: 1.1.0}").replace("name: web", "name: api"),
            false,
        ),
        (
            application,
            operation(
                "Application",
                "op: add, path: /spec/source/helm/parameters, value: []",
            ),
            true,
        ),
        (
            application,
            operation(
                "Application",
                "op: add, path: /spec/source/targetRevision, value: '2'",
            ),
            false,
        ),
        (
            application,
            operation("HelmRelease", "op: add, path: /spec/values, value: {}"),
            false,
        ),
        // Where others are taken apart, too.
        (
            release,
            "resources: [../base]\nreplacements:\n- source: {kind: Deployment, fieldPath: spec.template.spec.containers.0.image, options: {delimiter: ':', index: 1}}\n  targets: [{select: {kind: HelmRelease}, fieldPaths: [spec.values.image.tag], options: {create: true}}]\n".to_owned(),
            true,
        ),
    ] {
        let files = [
            ("base/release.yaml", object),
            ("base/values.yaml", values),
            ("base/kustomization.yaml", generator),
            ("prod/kustomization.yaml", &over),
        ];
        let place = tree(&files, &[(WEB, '1')]);
        for paths in [&["."][..], &["base/values.yaml"]] {
            let (skipped, changed) = decided(&place, paths);
            let is_skipped = skipped
                .iter()
                .any(|line| line == "base/values.yaml unfollowed");
            assert_eq!(is_skipped, is_held, "{over} {paths:?} {skipped:?}");
            let is_changed = changed.iter().any(|file| file == "base/values.yaml");
            assert_eq!(is_changed, !is_held, "{over} {paths:?}");
        }
    }
}
