//! Policies against a registry: which tag is taken, what is asked for it, and what the lock keeps of it.

use serde_json::{Value, json};

use crate::support::binary::{Finished, Workplace};
use crate::support::registry::TestRegistry;
use crate::support::registry::http::Response;

/// A registry and a folder with a manifest.
struct Scene {
    registry: TestRegistry,
    place: Workplace,
}

impl Scene {
    /// The repository `shop/web` has these tags.
    fn new(tags: &[&str]) -> Self {
        let scene = Self {
            registry: TestRegistry::start(),
            place: Workplace::new(),
        };
        tags.iter().for_each(|tag| drop(scene.push(tag)));
        scene
    }

    fn push(&self, tag: &str) -> String {
        self.registry
            .push_index("shop/web", tag, &["linux/amd64"], tag)
    }

    fn digest(&self, tag: &str) -> String {
        crate::support::registry::digest(&self.registry.manifest("shop/web", tag))
    }

    /// The image `shop/web` with a tag.
    fn web(&self, tag: &str) -> String {
        format!("{}/shop/web:{tag}", self.registry.host())
    }

    /// Writes a manifest with these images, as they stand behind `image: `.
    fn write(&self, images: &[String]) {
        let containers = images.iter().enumerate();
        let containers =
            containers.map(|(at, image)| format!("      - name: c{at}\n        image: {image}\n"));
        let text = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  template:\n    spec:\n      containers:\n{}",
            containers.collect::<String>()
        );
        self.place.write("web.yaml", text);
    }

    fn run(&self, flags: &[&str], code: i32) -> Finished {
        self.place
            .imago(["files"].iter().chain(flags))
            .finish_with(code)
    }

    /// The images that stand in the manifest.
    fn images(&self) -> Vec<String> {
        let text = String::from_utf8(self.place.files()["web.yaml"].clone()).unwrap();
        let images = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("image: "));
        images
            .map(|image| image.split(" #").next().unwrap().to_owned())
            .collect()
    }

    fn asked(&self, part: &str) -> usize {
        self.registry
            .asked()
            .iter()
            .filter(|asked| asked.contains(part))
            .count()
    }
}

fn image(report: &Value, index: usize) -> &Value {
    &report["objects"][0]["images"][index]
}

#[test]
fn tag_and_digest_change_together_after_one_list_and_one_head() {
    let scene = Scene::new(&["1.4.2", "1.4.3", "1.5.0", "2.0.0", "1.6.0-rc.1", "latest"]);
    let images = ["# imago: minor", "# imago: patch", "# imago: major", ""];
    scene.write(&images.map(|comment| format!("{} {comment}", scene.web("1.4.2"))));
    let report = scene.run(&["--output", "json"], 0).json();
    let asked = |part: &str| scene.asked(part);
    let parts = ["tags/list", "GET /v2/shop/web/manifests", "HEAD"];
    let before = parts.map(asked);
    scene.run(&["--update"], 0);
    let on = |tag: &str| format!("{}@{}", scene.web(tag), scene.digest(tag));
    assert_eq!(scene.images(), ["1.5.0", "1.4.3", "2.0.0", "1.4.2"].map(on));
    let asked = parts.map(asked);
    assert_eq!([0, 1, 2].map(|at| asked[at] - before[at]), [1, 0, 4]);
    let first = image(&report, 0);
    assert_eq!(
        (&first["tag"], &first["new_tag"]),
        (&json!("1.4.2"), &json!("1.5.0"))
    );
    // Pushing an index also pushes the tag of its only manifest.
    let expected = json!({"policy": "minor", "from": "1.4.2", "to": "1.5.0", "seen": 12, "allowed": 12, "understood": 10});
    assert_eq!(first["policy"], expected);
    assert_eq!(image(&report, 3)["policy"], Value::Null);
    let before = scene.place.files();
    assert!(scene.run(&["--check"], 0).stdout.contains("up to date"));
    scene.run(&["--update"], 0);
    assert_eq!(scene.place.files(), before);
    // The tag stays when the digest goes.
    scene.run(&["--restore"], 0);
    assert_eq!(
        scene.images(),
        ["1.5.0", "1.4.3", "2.0.0", "1.4.2"].map(|tag| scene.web(tag))
    );
}

#[test]
fn the_nearest_policy_wins_and_ignore_from_wherever() {
    let scene = Scene::new(&["1.4.2", "1.4.3", "1.5.0", "2.0.0"]);
    let comments = [
        "# imago: minor",
        "",
        "",
        "# imago: ignore",
        "# imago: minor",
    ];
    scene.write(&comments.map(|comment| format!("{} {comment}", scene.web("1.4.2"))));
    let text = String::from_utf8(scene.place.files()["web.yaml"].clone()).unwrap();
    let annotations =
        "\n  annotations:\n    imago/policy: c0=patch; c1=patch; c3=minor; c4=ignore\nspec:\n";
    scene
        .place
        .write("web.yaml", text.replacen("\nspec:\n", annotations, 1));
    scene.place.write("other.yaml", text);
    scene.place.write(
        ".imago.yaml",
        "policies:\n- {image: '**', files: other.yaml, policy: ignore}\n- {image: '**', policy: major}\n",
    );
    let other = scene.place.files()["other.yaml"].clone();
    scene.run(&["--update"], 0);
    let on = |tag: &str| match tag {
        "1.4.2" => scene.web(tag),
        _ => format!("{}@{}", scene.web(tag), scene.digest(tag)),
    };
    assert_eq!(
        scene.images(),
        ["1.5.0", "1.4.3", "2.0.0", "1.4.2", "1.4.2"].map(on)
    );
    assert_eq!(scene.place.files()["other.yaml"], other);
}

#[test]
fn a_tag_that_is_listed_and_gone_moves_on_to_the_next() {
    let scene = Scene::new(&["1.4.2", "1.5.0"]);
    scene
        .registry
        .list("shop/web", ["1.9.0".to_owned(), "1.8.0".to_owned()]);
    scene.write(&[format!("{} # imago: minor", scene.web("1.4.2"))]);
    scene.run(&["--update"], 0);
    assert_eq!(
        scene.images(),
        [format!("{}@{}", scene.web("1.5.0"), scene.digest("1.5.0"))]
    );
}

#[test]
fn any_other_refusal_stops_at_the_best_tag() {
    let scene = Scene::new(&["1.4.2", "1.5.0", "1.6.0"]);
    scene.registry.fault("shop/web", |request, _, fine| {
        match request.path.ends_with("/1.6.0") {
            true => Response::new(403),
            false => fine,
        }
    });
    scene.write(&[format!("{} # imago: minor", scene.web("1.4.2"))]);
    let before = scene.place.files();
    scene.run(&["--update"], 3);
    assert_eq!(scene.place.files(), before);
}

#[test]
fn a_list_that_breaks_off_is_a_problem_and_no_older_tag() {
    let scene = Scene::new(&["1.4.2", "1.5.0", "1.6.0"]);
    scene.registry.page(2);
    scene.registry.fault("shop/web", |request, _, fine| {
        match request.query.contains("last=") {
            true => Response::new(404),
            false => fine,
        }
    });
    scene.write(&[
        format!("{} # imago: minor", scene.web("1.4.2")),
        scene.web("1.4.2"),
    ]);
    let report = scene.run(&["--update", "--output", "json"], 3).json();
    assert_eq!(image(&report, 0)["outcome"], "failed");
    assert_eq!(
        scene.images()[1],
        format!("{}@{}", scene.web("1.4.2"), scene.digest("1.4.2"))
    );
}

#[test]
fn a_gate_holds_the_best_tag_and_shows_it() {
    let scene = Scene::new(&["1.5.0"]);
    let old =
        scene
            .registry
            .push_index("shop/web", "1.4.2", &["linux/amd64", "linux/arm64"], "old");
    scene.write(&[format!("{}@{old} # imago: minor", scene.web("1.4.2"))]);
    let before = scene.place.files();
    let report = scene
        .run(&["--update", "--lock", "imago.lock", "--output", "json"], 0)
        .json();
    let held = image(&report, 0);
    assert_eq!(
        (&held["outcome"], &held["code"]),
        (&json!("held"), &json!("platform-lost"))
    );
    assert_eq!(
        held["reason"],
        "with the tag `1.5.0`, it lacks linux/arm64, which the recorded digest has"
    );
    assert_eq!(held["policy"]["to"], "1.5.0");
    let mut after = scene.place.files();
    assert!(after.remove("imago.lock").is_some());
    assert_eq!(after, before);
    // Offline nothing changes either: the lock has what the image is held on.
    scene.run(&["--update", "--offline"], 0);
    assert_eq!(scene.place.files()["web.yaml"], before["web.yaml"]);
    scene.run(&["--update", "--allow-platform-loss"], 0);
    assert!(scene.images()[0].contains(":1.5.0@"));
}

#[test]
fn the_lock_decides_offline_as_the_registry_did() {
    let scene = Scene::new(&["1.4.2", "1.5.0", "1.6.0", "latest"]);
    let comments = [
        ("1.4.2", "# imago: minor"),
        ("latest", "# imago: minor"),
        ("1.6.0", "# imago: semver ~1.4"),
        ("1.6.0", "# imago: semver ~7"),
        (
            "1.5.0",
            "# imago: numerical; allow=/1\\.(?<number>[0-9]+)\\.0/",
        ),
        ("latest", ""),
    ];
    let images = comments.map(|(tag, comment)| format!("{} {comment}", scene.web(tag)));
    scene.write(&images);
    let before = scene.place.files();
    let outcomes = |report: &Value| -> Vec<Value> {
        let images = report["objects"][0]["images"].as_array().unwrap();
        images
            .iter()
            .map(|image| {
                json!([
                    image["outcome"],
                    image["code"],
                    image["new_image"],
                    image["reason"],
                    image["policy"]["to"]
                ])
            })
            .collect()
    };
    let online = scene
        .run(&["--update", "--lock", "imago.lock", "--output", "json"], 0)
        .json();
    let after = scene.place.files();
    let asked = scene.registry.asked().len();
    scene.write(&images);
    assert_eq!(scene.place.files()["web.yaml"], before["web.yaml"]);
    let offline = scene
        .run(&["--update", "--offline", "--output", "json"], 0)
        .json();
    assert_eq!(scene.place.files(), after);
    assert_eq!(outcomes(&offline), outcomes(&online));
    let codes: Vec<_> = outcomes(&online)
        .iter()
        .map(|outcome| outcome[1].clone())
        .collect();
    assert_eq!(
        codes,
        [
            "outdated",
            "no-version",
            "newer-than-policy",
            "no-version",
            "outdated",
            "outdated"
        ]
    );
    // What was written is decided alike too, and the lock is pruned of nothing that is needed for it.
    scene.run(&["--check", "--offline"], 0);
    assert_eq!(scene.registry.asked().len(), asked);
    scene.run(&["--update", "--lock-prune"], 0);
    scene.run(&["--check", "--offline"], 0);
    let lock = String::from_utf8(scene.place.files()["imago.lock"].clone()).unwrap();
    let name = format!("{}/shop/web", scene.registry.host());
    assert!(
        lock.contains(&format!("\n  \"{name} | minor | 1.6.0\":\"1.6.0\"")),
        "{lock}"
    );
    assert!(!lock.contains("| minor | 1.4.2"), "{lock}");
    // A newer tag makes the entry outdated.
    scene.push("1.7.0");
    let report = scene.run(&["--check", "--output", "json"], 1).json();
    assert_eq!(
        report["lock"][0]["image"],
        format!("{name} | minor | 1.6.0")
    );
    assert_eq!(
        (&report["lock"][0]["locked_tag"], &report["lock"][0]["tag"]),
        (&json!("1.6.0"), &json!("1.7.0"))
    );
}

#[test]
fn digests_only_leaves_policies_aside() {
    let scene = Scene::new(&["1.4.2", "1.5.0"]);
    let pin = format!("{}@{}", scene.web("1.4.2"), scene.digest("1.5.0"));
    scene.write(&[
        format!("{} # imago: minor", scene.web("1.4.2")),
        format!("{pin} # imago: minor"),
    ]);
    scene.run(&["--update", "--digests-only"], 0);
    assert_eq!(
        scene.images(),
        [
            format!("{}@{}", scene.web("1.4.2"), scene.digest("1.4.2")),
            pin
        ]
    );
    assert_eq!(scene.asked("tags/list"), 0);
}

#[test]
fn the_report_says_from_where_to_where_and_by_what() {
    let scene = Scene::new(&["1.4.2", "1.5.0"]);
    scene.write(&[format!("{} # imago: minor", scene.web("1.4.2"))]);
    let told = "by the policy `minor`, of 4 tags, 4 allowed and 4 understood";
    let line = scene.run(&[], 0).stdout;
    assert!(line.contains("  (minor)\n"), "{line}");
    let line = scene.run(&["-v"], 0).stdout;
    assert!(line.contains(&format!(", {told}\n")), "{line}");
    for format in ["sarif", "github"] {
        let said = scene.run(&["--output", format], 0).stdout;
        assert!(said.contains(told), "{said}");
    }
    let table = scene.run(&["--output", "markdown"], 0).stdout;
    assert!(
        table.contains("(minor)") && !table.contains("allowed"),
        "{table}"
    );
}

#[test]
fn a_policy_of_the_settings_is_checked_where_it_stands() {
    let scene = Scene::new(&["1.4.2"]);
    scene.write(&[scene.web("1.4.2")]);
    for (policy, line, what) in [
        (
            "{image: '**', policy: minro}",
            ":1:34",
            "the policy `minro` is unknown",
        ),
        (
            "{image: '**', policy: major, allow: '('}",
            ":1:",
            "`allow` is not a regular expression: unclosed group",
        ),
        (
            "{image: '**', policy: major, ignore: [a, '[']}",
            ":1:",
            "`[` is not a glob: ",
        ),
        ("{image: '[', policy: major}", ":1:", "`[` is not a glob: "),
        (
            "{image: '**', files: '[', policy: major}",
            ":1:",
            "`[` is not a glob: ",
        ),
        (
            "{image: '**', policy: major, allow-downgrade: true}",
            ":1:",
            "`allow-downgrade` has no meaning with `major`",
        ),
        ("{policy: major}", ":1:", "`image` is missing"),
    ] {
        scene
            .place
            .write(".imago.yaml", format!("policies: [{policy}]\n"));
        let said = scene.run(&[], 2).stderr;
        assert!(
            said.contains(what) && said.contains(line),
            "{policy}: {said}"
        );
    }
}

#[test]
fn a_policy_of_the_settings_that_chooses_for_no_image_is_told() {
    let scene = Scene::new(&["1.4.2"]);
    scene.write(&[scene.web("1.4.2")]);
    let host = scene.registry.host();
    scene.place.write(
        ".imago.yaml",
        format!(
            "policies:\n- {{image: '{host}/shop/wbe', policy: minor}}\n- {{image: '{host}/shop/*', policy: minor}}\n- {{image: '{host}/shop/web', policy: major}}\n"
        ),
    );
    let said = scene.run(&[], 0).stderr;
    for glob in ["shop/wbe", "shop/web"] {
        let told = format!("the policy for `{host}/{glob}` in the settings chooses for no image");
        assert!(said.contains(&told), "{said}");
    }
    assert!(!said.contains("shop/*"), "{said}");
    // One file, or one kind, says nothing of the others.
    for flags in [&["web.yaml"][..], &[".", "--kind", "Deployment"]] {
        assert!(!scene.run(flags, 0).stderr.contains("chooses for no image"));
    }
}

#[test]
fn a_tag_that_moves_without_a_digest_says_why() {
    let scene = Scene::new(&["1.4.2", "1.5.0"]);
    let name = format!("{}/shop/web", scene.registry.host());
    let release = format!(
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: web}}\nspec:\n  chart: {{spec: {{chart: web, sourceRef: {{kind: HelmRepository, name: shop}}}}}}\n  values:\n    image:\n      repository: {name}\n      tag: 1.4.2 # imago: minor\n"
    );
    scene.place.write("release.yaml", &release);
    let line = scene.run(&["--update"], 0).stdout;
    assert!(
        line.contains("  (minor; no digest: chart-unproven)\n"),
        "{line}"
    );
    let text = String::from_utf8(scene.place.files()["release.yaml"].clone()).unwrap();
    assert_eq!(text, release.replace("1.4.2", "1.5.0"));
}

#[test]
fn a_comment_that_is_not_understood_is_told_with_its_line() {
    let scene = Scene::new(&["1.4.2"]);
    scene.write(&[
        format!("{} # imago: mnior", scene.web("1.4.2")),
        format!("{} # imago minor", scene.web("1.4.2")),
    ]);
    let said = scene.run(&[], 0).stderr;
    for sentence in [
        "warning: web.yaml:10: the comment `mnior` is not understood; write `# imago: minor`\n",
        "warning: web.yaml:12: the comment `imago minor` is not understood; write `# imago: minor`\n",
    ] {
        assert!(said.contains(sentence), "{said}");
    }
}

#[test]
fn a_policy_that_leaves_no_tag_at_all_is_told_once() {
    let scene = Scene::new(&["1.4.2", "1.5.0"]);
    let host = scene.registry.host();
    (scene.registry).push_image("shop/api", "v1.0.0", "linux/amd64", "api");
    let web = |tag: &str, policy: &str| format!("{} # imago: {policy}", scene.web(tag));
    scene.write(&[
        web("1.4.2", "minor; allow=/v1.*/"),
        web("1.5.0", "minor; allow=/v1.*/"),
        web("1.4.2", "minor; allow=/1.*/"),
        // It is held, and says so itself.
        web("1.4.2", "semver ~3; allow=/w.*/"),
    ]);
    let told = |code: i32| -> Vec<String> {
        let said = scene.run(&["--check"], code).stderr;
        let told = said.lines().filter(|line| line.contains("leaves none"));
        told.map(str::to_owned).collect()
    };
    let sentence = |policy: &str| {
        format!(
            "warning: the policy `{policy}` leaves none of the tags of `{}`; `imago tags` says why",
            scene.web("1.4.2")
        )
    };
    assert_eq!(told(1), [sentence("minor; allow=/v1.*/")]);
    // A policy of the settings is for many repositories, and fits one of them.
    scene.place.write(
        ".imago.yaml",
        format!("policies: [{{image: '{host}/**', policy: minor, allow: 'v1.*'}}]\n"),
    );
    scene.write(&[scene.web("1.4.2"), format!("{host}/shop/api:v1.0.0")]);
    assert_eq!(told(1), [""; 0]);
    scene.write(&[scene.web("1.4.2")]);
    assert_eq!(told(1), [sentence("minor; allow=/v1.*/")]);
    // No list is read.
    assert!(
        !scene
            .run(&["--digests-only"], 0)
            .stderr
            .contains("leaves none")
    );
}

#[test]
fn a_tag_that_is_dropped_moves_in_the_record_though_the_digest_is_the_same() {
    let scene = Scene::new(&["1.4.2"]);
    let same = scene.registry.manifest("shop/web", "1.4.2");
    let index = "application/vnd.oci.image.index.v1+json";
    scene.registry.push("shop/web", "1.5.0", index, &same);
    scene.write(&[format!("{} # imago: minor", scene.web("1.4.2"))]);
    scene.run(&["--update", "--drop-tag", "--digests-only"], 0);
    let record = || String::from_utf8(scene.place.files()["web.yaml"].clone()).unwrap();
    assert!(record().contains("web:1.4.2\""), "{}", record());
    scene.run(&["--update", "--drop-tag"], 0);
    assert!(
        record().contains("web:1.5.0\"") && !record().contains("web:1.4.2"),
        "{}",
        record()
    );
    let before = scene.place.files();
    scene.run(&["--update", "--drop-tag"], 0);
    assert_eq!(scene.place.files(), before);
}

#[test]
fn images_that_share_a_text_and_want_different_tags_are_held_and_no_other() {
    let scene = Scene::new(&["1.4.2", "1.5.0"]);
    let web = scene.web("1.4.2");
    let text = |first: &str, second: &str| {
        format!(
            "apiVersion: v1\nkind: Pod\nmetadata: {{name: web}}\nspec:\n  containers:\n  - name: a\n    image: &web {web}{first}\n  - name: b\n    image: *web{second}\n  - name: c\n    image: {web}\n"
        )
    };
    for (first, second) in [(" # imago: minor", ""), ("", " # imago: minor")] {
        scene.place.write("web.yaml", text(first, second));
        let report = scene.run(&["--update", "--output", "json"], 0).json();
        let codes: Vec<&Value> = (0..3).map(|at| &image(&report, at)["code"]).collect();
        assert_eq!(codes, ["anchored-tag", "anchored-tag", "outdated"]);
    }
    scene
        .place
        .write("web.yaml", text(" # imago: minor", " # imago: minor"));
    scene.run(&["--update"], 0);
    let after = String::from_utf8(scene.place.files()["web.yaml"].clone()).unwrap();
    assert!(
        after.contains(&format!("&web {}@", scene.web("1.5.0"))),
        "{after}"
    );
}
