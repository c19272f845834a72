//! The policy `newest`: which image was built last, what is asked for it, and when nothing is said.

use serde_json::{Value, json};

use crate::support::binary::{Finished, Workplace};
use crate::support::registry::TestRegistry;
use crate::support::registry::http::{Body, Response};

/// A registry and a folder with a manifest.
struct Scene {
    registry: TestRegistry,
    place: Workplace,
}

impl Scene {
    /// The repository `shop/web` has these tags, each with the time in its configuration.
    fn new(tags: &[(&str, &str)]) -> Self {
        let scene = Self {
            registry: TestRegistry::start(),
            place: Workplace::new(),
        };
        tags.iter()
            .for_each(|(tag, created)| scene.push(tag, created));
        scene
    }

    fn push(&self, tag: &str, created: &str) {
        let config = match created {
            "" => json!({"author": tag}),
            _ => json!({"author": tag, "created": created}),
        };
        (self.registry).push_image_with("shop/web", tag, "linux/amd64", config, json!({}));
    }

    fn web(&self, tag: &str) -> String {
        format!("{}/shop/web:{tag}", self.registry.host())
    }

    fn on(&self, tag: &str) -> String {
        let digest = crate::support::registry::digest(&self.registry.manifest("shop/web", tag));
        format!("{}@{digest}", self.web(tag))
    }

    fn write(&self, tag: &str, comment: &str) {
        let image = format!("{} # imago: {comment}", self.web(tag));
        self.place.write("web.yaml", format!("apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec:\n  containers:\n  - name: web\n    image: {image}\n"));
    }

    fn run(&self, flags: &[&str], code: i32) -> Finished {
        let flags = ["files"].iter().chain(flags);
        self.place.imago(flags).finish_with(code)
    }

    /// What stands in the manifest after an update, and the image in the report; its problem, where it has one.
    fn updated(&self, code: i32) -> (String, Value) {
        let report = self.run(&["--update", "--output", "json"], code).json();
        let text = String::from_utf8(self.place.files()["web.yaml"].clone()).unwrap();
        let (_, image) = text.split_once("image: ").unwrap();
        let image = image.split(" #").next().unwrap().to_owned();
        let told = match code {
            0 => &report["objects"][0]["images"][0],
            _ => &report["problems"][0],
        };
        (image, told.clone())
    }

    fn asked(&self, part: &str) -> usize {
        let asked = self.registry.asked();
        asked.iter().filter(|asked| asked.contains(part)).count()
    }
}

const TAGS: [(&str, &str); 4] = [
    ("main-9f3c", "2026-01-05T10:00:00Z"),
    ("main-0a1b", "2026-01-07T10:00:00.123456789Z"),
    ("main-5d5e", "2026-01-06T23:30:00-02:00"),
    ("pr-77", "2026-02-01T00:00:00Z"),
];

#[test]
fn the_image_that_was_built_last_is_taken() {
    let scene = Scene::new(&TAGS);
    // The last build of all is not a candidate, and `latest` moves.
    scene.push("latest", "2026-01-07T10:00:00.123456789Z");
    scene.write("main-9f3c", "newest; allow=/main-.*/");
    let (image, told) = scene.updated(0);
    assert_eq!(image, scene.on("main-0a1b"));
    assert_eq!(
        told["policy"],
        json!({"policy": "newest; allow=/main-.*/", "from": "main-9f3c", "to": "main-0a1b", "seen": 5, "allowed": 3, "understood": 3})
    );
    // Each candidate is read once: its digest, its manifest, its configuration.
    assert_eq!(
        (
            scene.asked("tags/list"),
            scene.asked("HEAD"),
            scene.asked("GET /v2/shop/web/manifests"),
            scene.asked("/blobs/")
        ),
        (1, 3, 3, 3)
    );
    assert_eq!(scene.asked("pr-77"), 0);
    scene.run(&["--check"], 0);
}

#[test]
fn the_image_for_linux_amd64_says_when_an_index_was_built() {
    let scene = Scene::new(&[("main-1", "2026-01-05T10:00:00Z")]);
    let manifests = [
        ("linux/arm64", "2026-03-01T00:00:00Z"),
        ("linux/amd64", "2026-01-06T00:00:00Z"),
    ];
    let manifests = manifests.map(|(platform, created)| {
        let config = json!({"created": created});
        let digest = (scene.registry).push_image_with("shop/web", "part", platform, config, json!({}));
        let (os, architecture) = platform.split_once('/').unwrap();
        json!({"digest": digest, "mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 1, "platform": {"os": os, "architecture": architecture}})
    });
    scene.registry.remove("shop/web", "part");
    let index = json!({"schemaVersion": 2, "manifests": manifests}).to_string();
    let index_type = "application/vnd.oci.image.index.v1+json";
    scene
        .registry
        .push("shop/web", "main-2", index_type, index.as_bytes());
    scene.push("main-3", "2026-01-05T23:00:00Z");
    scene.write("main-1", "newest");
    assert_eq!(scene.updated(0).0, scene.on("main-2"));
}

#[test]
fn what_is_no_image_or_gone_is_no_candidate() {
    let scene = Scene::new(&TAGS);
    let chart = json!({"schemaVersion": 2, "config": {"digest": format!("sha256:{:064x}", 1), "mediaType": "application/vnd.cncf.helm.config.v1+json"}});
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    scene.registry.push(
        "shop/web",
        "main-chart",
        media_type,
        chart.to_string().as_bytes(),
    );
    scene.registry.list("shop/web", ["main-gone".to_owned()]);
    scene.write("main-9f3c", "newest; allow=/main-.*/");
    let (image, told) = scene.updated(0);
    assert_eq!(image, scene.on("main-0a1b"));
    assert_eq!(
        (&told["policy"]["allowed"], &told["policy"]["understood"]),
        (&json!(5), &json!(3))
    );
    // A tag that was cleaned away is left for the newest one.
    scene.write("main-gone", "newest; allow=/main-.*/");
    assert_eq!(scene.updated(0).0, scene.on("main-0a1b"));
}

#[test]
fn a_time_that_cannot_be_believed_ends_it_and_says_which_tag() {
    for (created, why) in [
        (
            "1970-01-01T00:00:00Z",
            "1970-01-01T00:00:00Z is what a build without a clock writes",
        ),
        (
            "0001-01-01T00:00:00Z",
            "is what a build without a clock writes",
        ),
        ("2199-01-01T00:00:00Z", "is in the future"),
        ("soon", "`soon` is not a time"),
        ("", "its configuration has none"),
    ] {
        let scene = Scene::new(&TAGS);
        scene.push("main-odd", created);
        scene.write("main-9f3c", "newest; allow=/main-.*/");
        let (image, told) = scene.updated(3);
        assert_eq!(image, scene.web("main-9f3c"));
        assert_eq!(told["code"], "no-build-time");
        let reason = told["cause"].as_str().unwrap();
        assert!(
            reason.contains("the tag `main-odd`") && reason.contains(why),
            "{reason}"
        );
        scene.write("main-9f3c", "newest; allow=/main-[0-9a-f]{4}/");
        assert_eq!(scene.updated(0).0, scene.on("main-0a1b"));
    }
}

#[test]
fn more_candidates_than_are_read_are_too_many() {
    let tags: Vec<String> = (0..21).map(|number| format!("main-{number}")).collect();
    let times: Vec<String> = (0..21)
        .map(|number| format!("2026-01-{:02}T00:00:00Z", number + 1))
        .collect();
    let tags: Vec<(&str, &str)> = (tags.iter())
        .zip(&times)
        .map(|(tag, time)| (tag.as_str(), time.as_str()))
        .collect();
    let scene = Scene::new(&tags);
    scene.write("main-3", "newest");
    let (image, told) = scene.updated(3);
    assert_eq!(
        (image, &told["code"]),
        (scene.web("main-3"), &json!("too-many-candidates"))
    );
    assert_eq!(
        told["cause"],
        "`newest` leaves 21 of 21 tags, and `newest` compares 20 at the most"
    );
    assert_eq!(scene.asked("/manifests/"), 0);
    scene.write("main-3", "newest; allow=/main-[0-9]|main-1.*/");
    assert_eq!(scene.updated(0).0, scene.on("main-19"));
}

#[test]
fn the_times_of_pushes_decide_where_the_registry_lists_them() {
    let scene = Scene::new(&TAGS);
    let pushed = |time: u64, tags: Value| json!({"tag": tags, "timeUploadedMs": time.to_string(), "timeCreatedMs": "0"});
    let list = move |all: bool| {
        let mut manifests = json!({
            "sha256:1": pushed(1_780_000_000_000, json!(["main-9f3c"])),
            "sha256:2": pushed(1_780_000_000_002, json!(["main-5d5e", "old"])),
        });
        if all {
            manifests["sha256:3"] = pushed(1_780_000_000_001, json!(["main-0a1b"]));
        }
        json!({"name": "shop/web", "tags": ["main-0a1b", "main-5d5e", "main-9f3c"], "manifest": manifests}).to_string()
    };
    for (all, expected) in [(true, "main-5d5e"), (false, "main-0a1b")] {
        scene.registry.fault("shop/web", move |request, _, fine| {
            match request.path.ends_with("/tags/list") {
                true => Response {
                    body: Body::Whole(list(all).into_bytes()),
                    ..fine
                },
                false => fine,
            }
        });
        scene.write("main-9f3c", "newest");
        let read = scene.asked("/blobs/");
        scene.run(&["--update"], 0);
        let text = String::from_utf8(scene.place.files()["web.yaml"].clone()).unwrap();
        assert!(text.contains(&scene.on(expected)), "{text}");
        assert_eq!(scene.asked("/blobs/") - read, if all { 0 } else { 3 });
    }
}

#[test]
fn the_lock_decides_offline_as_the_times_did() {
    for (now, comment, code) in [
        ("main-9f3c", "newest; allow=/main-.*/", json!("outdated")),
        ("main-0a1b", "newest; allow=/main-.*/", json!("outdated")),
        (
            "pr-77",
            "newest; allow=/main-.*/",
            json!("newer-than-policy"),
        ),
        ("main-9f3c", "newest; allow=/none/", json!("no-version")),
        ("latest", "newest", json!("no-version")),
    ] {
        let scene = Scene::new(&TAGS);
        scene.push("latest", "2026-01-01T00:00:00Z");
        let outcome = |flags: &[&str]| {
            scene.write(now, comment);
            let report = scene.run(flags, 0).json();
            let image = &report["objects"][0]["images"][0];
            let told = ["outcome", "code", "reason", "new_image"].map(|key| image[key].clone());
            (told, image["policy"]["to"].clone(), scene.place.files())
        };
        let online = outcome(&["--update", "--lock", "imago.lock", "--output", "json"]);
        let asked = scene.registry.asked().len();
        let offline = outcome(&["--update", "--offline", "--output", "json"]);
        assert_eq!(offline, online);
        assert_eq!(
            (&online.0[1], scene.registry.asked().len()),
            (&code, asked),
            "{now} {comment}"
        );
        scene.run(&["--check", "--offline"], 0);
        scene.run(&["--check"], 0);
    }
}

#[test]
fn tags_shows_the_winner_first() {
    let scene = Scene::new(&TAGS);
    let line = [
        "tags",
        &scene.web("main-9f3c"),
        "--policy",
        "newest",
        "--ignore",
        "pr-*",
    ];
    let finished = scene.place.imago(line).finish_with(0);
    let lines: Vec<&str> = finished.stdout.lines().collect();
    assert_eq!(
        lines,
        [
            "main-0a1b  wins",
            "main-9f3c  candidate, the tag now",
            "main-5d5e  candidate",
            "pr-77      no: `ignore` leaves it out, by `pr-*`",
        ]
    );
    assert!(
        finished
            .stderr
            .contains("`newest; ignore=pr-*` goes from main-9f3c to main-0a1b"),
        "{}",
        finished.stderr
    );
}
