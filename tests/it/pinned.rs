//! `--check --pinned`: whether every image that can carry a digest has one. Nobody is asked.

use serde_json::{Value, json};

use crate::support::binary::{Finished, Workplace};

const DIGEST: &str = "sha256:1111111111111111111111111111111111111111111111111111111111111111";

fn object(kind: &str, images: &[(&str, &str)]) -> String {
    let api = match kind {
        "Job" => "batch/v1",
        _ => "apps/v1",
    };
    let containers: String = images
        .iter()
        .map(|(name, image)| format!("      - name: {name}\n        image: {image}\n"))
        .collect();
    format!(
        "apiVersion: {api}\nkind: {kind}\nmetadata:\n  name: web\nspec:\n  template:\n    spec:\n      containers:\n{containers}"
    )
}

fn at(image: &str) -> String {
    format!("{image}@{DIGEST}")
}

fn imago(place: &Workplace, line: &str, code: i32) -> Finished {
    place.imago(line.split(' ')).finish_with(code)
}

/// Each image's outcome, by its name.
fn outcomes(report: &Value) -> Value {
    let objects = report["objects"].as_array().unwrap();
    let images = objects
        .iter()
        .flat_map(|object| object["images"].as_array().unwrap());
    images
        .map(|image| {
            let name = image["name"].as_str().unwrap().to_owned();
            (name, image["outcome"].clone())
        })
        .collect()
}

#[test]
fn an_image_without_a_digest_fails_the_check_and_nobody_is_asked() {
    let place = Workplace::new();
    // No such host can be asked, and there is no lock.
    let web = [
        ("app", "registry.invalid/shop/web:1.4"),
        ("proxy", &at("registry.invalid/proxy:2")),
    ];
    place.write("deploy/web.yaml", object("Deployment", &web));
    let finished = imago(&place, "files --check --pinned", 1);
    assert_eq!(
        finished.stdout,
        "deploy/web.yaml:10  app  registry.invalid/shop/web:1.4 has no digest\n1 image in 1 of 1 file has no digest\n"
    );
    assert_eq!(finished.stderr, "next: `imago files --update`\n");
    let report = imago(&place, "files --check --pinned -o json", 1).json();
    assert_eq!(outcomes(&report), json!({"app": "unpinned", "proxy": "ok"}));
    assert_eq!(report["summary"]["unpinned"], 1);
    assert_eq!(report["objects"][0]["images"][0]["code"], "unpinned");
    let annotation = imago(&place, "files --check --pinned -o github", 1).stdout;
    assert_eq!(
        annotation,
        "::error file=deploy/web.yaml,line=10,title=Image without a digest::Deployment/web, container `app`: `registry.invalid/shop/web:1.4` has no digest\n"
    );
    let markdown = imago(&place, "files --check --pinned -o markdown", 1).stdout;
    assert!(
        markdown.contains("| `app` | `registry.invalid/shop/web:1.4` | `no digest` |"),
        "{markdown}"
    );
    let loud = imago(&place, "files --check --pinned -v", 1).stdout;
    assert!(
        loud.contains("  app has no digest: registry.invalid/shop/web:1.4\n  proxy ok\n"),
        "{loud}"
    );
    place.write("deploy/web.yaml", object("Deployment", &web[1..]));
    let finished = imago(&place, "files --check --pinned", 0);
    assert_eq!(finished.stdout, "the image in 1 file has a digest\n");
    assert_eq!(finished.stderr, "");
}

#[test]
fn what_carries_no_digest_passes_and_what_is_held_fails_a_strict_check_alone() {
    let place = Workplace::new();
    let passed = [
        ("pinned", at("registry.invalid/web:1.4")),
        ("placeholder", "${IMAGE}".to_owned()),
        ("left", "registry.invalid/left:1 # imago: ignore".to_owned()),
    ];
    let passed: Vec<(&str, &str)> = passed
        .iter()
        .map(|(name, image)| (*name, image.as_str()))
        .collect();
    place.write("web.yaml", object("Deployment", &passed));
    // A pin in a Job is a pin.
    place.write(
        "once.yaml",
        object("Job", &[("once", &at("registry.invalid/db:1"))]),
    );
    let finished = imago(&place, "files --check --pinned --strict", 0);
    assert!(
        finished
            .stdout
            .starts_with("2 of 4 images in 2 files have a digest; "),
        "{finished:?}"
    );
    place.write(
        "later.yaml",
        object("Job", &[("later", "registry.invalid/db:1")]),
    );
    let report = imago(&place, "files --check --pinned -o json", 0).json();
    let expected = json!({
        "pinned": "ok", "placeholder": "variable", "left": "ignored", "once": "ok", "later": "held",
    });
    assert_eq!(outcomes(&report), expected);
    imago(&place, "files --check --pinned --strict", 1);
    place.write(
        "bad.yaml",
        object("Deployment", &[("bad", "no image at all")]),
    );
    imago(&place, "files --check --pinned", 3);
}

#[test]
fn a_digest_where_the_image_is_decided_counts_and_its_absence_is_seen_from_either_file() {
    let place = Workplace::new();
    std::fs::create_dir(place.path().join(".git")).unwrap();
    place.write("base/kustomization.yaml", "resources: [web.yaml]\n");
    place.write(
        "base/web.yaml",
        object("Deployment", &[("app", "registry.invalid/web:1.4")]),
    );
    let overlay = |entry: &str| {
        let text = format!("resources: [../base]\nimages:\n- name: registry.invalid/web\n{entry}");
        place.write("overlay/kustomization.yaml", text);
    };
    overlay(&format!("  digest: {DIGEST}\n"));
    for line in [
        "files --check --pinned",
        "files --check --pinned base/web.yaml",
    ] {
        imago(&place, line, 0);
    }
    overlay("  newTag: '2'\n");
    let alone = imago(&place, "files --check --pinned base/web.yaml", 1);
    let base = "base/web.yaml:10  app  registry.invalid/web:1.4 has no digest, decided by overlay/kustomization.yaml\n";
    assert!(alone.stdout.starts_with(base), "{alone:?}");
    let whole = imago(&place, "files --check --pinned", 1);
    assert!(whole.stdout.starts_with(base), "{whole:?}");
    assert!(whole.stdout.contains("\noverlay/kustomization.yaml:4  images[registry.invalid/web]  registry.invalid/web:2 has no digest\n"), "{whole:?}");
    overlay(&format!("  newTag: 2@{DIGEST}\n"));
    imago(&place, "files --check --pinned", 0);
}

#[test]
fn it_is_a_check_and_says_so_where_it_checks_nothing() {
    let place = Workplace::new();
    let finished = imago(&place, "files --pinned", 2);
    assert!(
        finished
            .stderr
            .starts_with("error: `--pinned` needs `--check`"),
        "{finished:?}"
    );
    imago(&place, "cluster --pinned", 2);
    imago(&place, "cluster --check --pinned --check-pods", 2);
    let finished = imago(&place, "files --check --pinned", 0);
    assert!(
        finished.stderr.contains("no image was checked"),
        "{finished:?}"
    );
    imago(&place, "files --check --pinned --fail-on-empty", 2);
    place.write(
        "web.yaml",
        object("Deployment", &[("app", &at("registry.invalid/web:1"))]),
    );
    imago(&place, "files --check --pinned --fail-on-empty", 0);
}

#[test]
fn many_images_without_a_digest_are_listed_by_image() {
    let place = Workplace::new();
    for number in 0..51 {
        place.write(
            &format!("web-{number:02}.yaml"),
            object("Deployment", &[("app", "registry.invalid/web:1.4")]),
        );
    }
    let finished = imago(&place, "files --check --pinned", 1);
    assert_eq!(
        finished.stdout,
        "registry.invalid/web:1.4 has no digest  in 51 places, first web-00.yaml:10\n51 images in 51 of 51 files have no digest\n"
    );
}
