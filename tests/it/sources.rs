//! Links to the sources of what is updated: read from the images alone, and shown where there is room for them.

use serde_json::{Value, json};

use crate::support::binary::{Finished, Workplace};
use crate::support::registry::TestRegistry;

const SOURCE: &str = "org.opencontainers.image.source";
const REVISION: &str = "org.opencontainers.image.revision";

/// A registry and a folder with one pinned image, whose tag has moved.
struct Scene {
    registry: TestRegistry,
    place: Workplace,
    old: String,
}

impl Scene {
    fn new() -> Self {
        let registry = TestRegistry::start();
        let old = registry.push_image("shop/web", "1.4", "linux/amd64", "old");
        let scene = Self {
            registry,
            place: Workplace::new(),
            old,
        };
        let image = format!("{}/shop/web:1.4@{}", scene.registry.host(), scene.old);
        scene.place.write("web.yaml", format!("apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: web\n    image: {image} # imago: minor\n"));
        scene
    }

    /// Moves the tag to an image with these labels and annotations.
    fn push(&self, labels: Value, annotations: Value) -> String {
        let config = json!({"author": "new", "config": {"Labels": labels}});
        (self.registry).push_image_with("shop/web", "1.4", "linux/amd64", config, annotations)
    }

    /// Moves the tag to an index of that image, with annotations of its own.
    fn push_index(&self, labels: Value, annotations: Value) {
        let digest = self.push(labels, json!({}));
        let index = json!({"schemaVersion": 2, "annotations": annotations, "manifests": [
            {"digest": digest, "mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 1, "platform": {"os": "linux", "architecture": "amd64"}}
        ]});
        let media_type = "application/vnd.oci.image.index.v1+json";
        self.registry
            .push("shop/web", "1.4", media_type, index.to_string().as_bytes());
    }

    fn run(&self, flags: &[&str]) -> Finished {
        self.place
            .imago(["files"].iter().chain(flags))
            .finish_with(0)
    }

    fn source(&self) -> Value {
        let report = self.run(&["--output", "json"]).json();
        report["objects"][0]["images"][0]["source"].clone()
    }

    fn read(&self, part: &str) -> usize {
        self.registry
            .asked()
            .iter()
            .filter(|asked| asked.contains(part))
            .count()
    }
}

fn labels(source: &str) -> Value {
    json!({SOURCE: source, REVISION: "3f2a9c1"})
}

#[test]
fn annotations_of_an_index_or_a_manifest_and_labels_say_where_the_source_is() {
    let of = |url: &str| json!({"url": url, "revision": "3f2a9c1"});
    let scene = Scene::new();
    scene.push(labels("https://github.com/acme/label.git"), json!({}));
    assert_eq!(scene.source(), of("https://github.com/acme/label"));
    scene.push(
        labels("https://github.com/acme/label"),
        labels("https://github.com/acme/manifest"),
    );
    assert_eq!(scene.source(), of("https://github.com/acme/manifest"));
    scene.push_index(labels("https://github.com/acme/label"), json!({}));
    assert_eq!(scene.source(), of("https://github.com/acme/label"));
    let read = scene.read("/blobs/");
    scene.push_index(
        labels("https://github.com/acme/label"),
        labels("https://github.com/acme/index"),
    );
    assert_eq!(scene.source(), of("https://github.com/acme/index"));
    // The image of an index that says it itself is not read for it; one blob is that of the old image.
    assert_eq!(scene.read("/blobs/") - read, 1);
    scene.push(json!({SOURCE: "https://github.com/acme/web"}), json!({}));
    assert_eq!(
        scene.source(),
        json!({"url": "https://github.com/acme/web", "revision": null})
    );
}

#[test]
fn the_forms_with_room_show_it_and_only_they_read_it() {
    let scene = Scene::new();
    scene.push_index(labels("https://github.com/acme/web"), json!({}));
    let shown = "source https://github.com/acme/web at 3f2a9c1";
    let told = scene.run(&["-v"]).stdout;
    assert!(told.contains(shown), "{told}");
    let table = scene.run(&["--output", "markdown"]).stdout;
    assert!(
        table.contains("[source](https://github.com/acme/web) at `3f2a9c1`"),
        "{table}"
    );
    for form in ["text", "sarif", "github"] {
        let (asked, blobs) = (scene.registry.asked().len(), scene.read("/blobs/"));
        let told = scene.run(&["--output", form]).stdout;
        assert!(!told.contains("github.com/acme"), "{told}");
        // The gate reads both manifests, and the platform of the old one.
        assert_eq!(
            (
                scene.registry.asked().len() - asked,
                scene.read("/blobs/") - blobs
            ),
            (5, 1),
            "{form}"
        );
    }
    // What is on its digest is not read.
    scene.run(&["--update"]);
    let asked = scene.registry.asked().len();
    assert_eq!(scene.source(), Value::Null);
    assert_eq!(scene.registry.asked().len() - asked, 2);
}

#[test]
fn what_an_image_says_of_itself_can_do_no_harm() {
    for hostile in [
        json!("javascript:alert(1)"),
        json!("https://user:secret@github.com/acme/web"),
        json!("https://github.com/a) [x](https://evil.example.com"),
        json!("https://github.com/a\n::set-output name=x::y"),
        json!("https://github.com/\u{1b}[2J"),
        json!("file:///etc/passwd"),
        json!(["https://github.com/acme/web"]),
        json!({"url": "https://github.com/acme/web"}),
        json!(7),
        Value::Null,
    ] {
        let scene = Scene::new();
        scene.push(
            json!({SOURCE: hostile, REVISION: {}}),
            json!({SOURCE: hostile}),
        );
        assert_eq!(scene.source(), Value::Null, "{hostile}");
        for flags in [&["-v"][..], &["--output", "markdown"]] {
            let told = scene.run(flags).stdout;
            assert!(
                !told.contains("source") && !told.contains('\u{1b}'),
                "{told}"
            );
        }
        // The update goes on.
        assert!(
            scene
                .run(&["--update", "-v"])
                .stdout
                .contains("updated 1 image")
        );
    }
    // Labels of another form spoil neither the platform nor the update.
    let scene = Scene::new();
    scene.push(json!("none"), json!({}));
    assert_eq!(scene.source(), Value::Null);
    let scene = Scene::new();
    scene.push(json!({}), json!("none"));
    assert_eq!(scene.source(), Value::Null);
}
