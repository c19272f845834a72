//! An image that is left out is reported with its reason: an annotation, a comment, or a kustomization that decides it.

use std::fs;

use crate::support::binary::Workplace;

const NESTED: &str = r#"apiVersion: triggers.tekton.dev/v1beta1
kind: TriggerTemplate
metadata: {name: release}
spec:
  resourcetemplates:
    - apiVersion: v1
      kind: Pod
      metadata: {name: once, annotations: {imago/ignore: "true"}}
      spec:
        containers:
          - name: a
            image: registry.example.test/web:1.4
          - name: b
            image: registry.example.test/web:1.5 # imago: ignore
"#;

/// Each skipped image's code and message, and the code of the image itself.
fn left_out(place: &Workplace) -> Vec<(String, String, String)> {
    let report = place
        .imago([
            "files",
            "--offline",
            "--output",
            "json",
            "--add-kind",
            "all",
            "--add-kind",
            "kustomization-file",
        ])
        .finish_with(0)
        .json();
    let objects = report["objects"].as_array().unwrap();
    let images = objects
        .iter()
        .flat_map(|object| object["images"].as_array().unwrap());
    let skipped = report["skipped"].as_array().unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    images
        .filter(|image| image["outcome"] == "ignored")
        .zip(skipped)
        .map(|(image, skipped)| {
            (
                text(&skipped["code"]),
                text(&skipped["message"]),
                text(&image["code"]),
            )
        })
        .collect()
}

#[test]
fn an_annotation_of_a_nested_object_is_not_taken_for_a_comment() {
    let place = Workplace::new();
    place.write("imago.lock", r#"{"version":1,"images":{}}"#);
    place.write("release.yaml", NESTED);
    let ignored = |image: &str, by: &str| {
        (
            "ignored".to_owned(),
            format!("`registry.example.test/web:{image}` is left out by {by}"),
            "ignored".to_owned(),
        )
    };
    assert_eq!(
        left_out(&place),
        [
            ignored("1.4", "annotation `imago/ignore` of the nested object"),
            ignored("1.5", "comment `# imago: ignore`"),
        ]
    );
}

#[test]
fn an_image_that_an_overlay_decides_is_ignored_where_a_person_says_so() {
    for (annotations, code) in [
        ("", "decided-by"),
        (", annotations: {imago/ignore: \"true\"}", "ignored"),
    ] {
        let place = Workplace::new();
        fs::create_dir(place.path().join(".git")).unwrap();
        let lock = format!(
            r#"{{"version":1,"images":{{"registry.example.test/web:1.5":"sha256:{}"}}}}"#,
            "1".repeat(64)
        );
        place.write("imago.lock", lock);
        place.write(
            "base/web.yaml",
            format!(
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web{annotations}}}\nspec:\n  template:\n    spec:\n      \
                 containers: [{{name: app, image: \"registry.example.test/web:1.4\"}}]\n"
            ),
        );
        place.write("base/kustomization.yaml", "resources: [web.yaml]\n");
        place.write(
            "overlay/kustomization.yaml",
            "resources: [../base]\nimages: [{name: registry.example.test/web, newTag: \"1.5\"}]\n",
        );
        let [(skipped, _, image)] = &left_out(&place)[..] else {
            panic!("one image is left out")
        };
        assert_eq!((skipped.as_str(), image.as_str()), (code, code));
    }
}

#[test]
fn a_comment_is_taken_or_told_and_never_both() {
    let place = Workplace::new();
    place.write("Chart.yaml", "apiVersion: v2\nname: shop\nversion: 1.0.0\n");
    let values = "image:\n  registry: registry.example.test # imago: ignore\n  repository: web\n  tag: \"1\"\n";
    place.write("values.yaml", values);
    let check = |code| {
        let line = ["files", "--check", "--pinned", "--strict"];
        place.imago(line).finish_with(code)
    };
    let said = check(0).stderr;
    assert!(!said.contains("values.yaml"), "{said}");
    place.write(
        "values.yaml",
        values.replace("image:\n", "image:\n  pullPolicy: Always # imago: ignore\n"),
    );
    let told = "values.yaml:2: a comment for imago is not on the line of an image";
    assert_eq!(
        check(1).stderr.matches(told).count(),
        1,
        "{}",
        check(1).stderr
    );
    place.write("values.yaml", values.replace("ignore", "ingore"));
    let told = check(1).stderr;
    assert_eq!(told.matches("values.yaml:").count(), 1, "{told}");
}
