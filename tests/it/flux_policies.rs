//! `--flux-policies`: what stands at Flux's markers afterwards is what Flux's ImagePolicies come to. The cases are those of Flux's documentation
//! (image policies, image update automations), with names of our own.

use serde_json::{Value, json};

use crate::support::binary::{Finished, Workplace};
use crate::support::registry::TestRegistry;

/// A registry, and a repository with an ImageRepository and an ImagePolicy for `shop/web`.
struct Scene {
    registry: TestRegistry,
    place: Workplace,
}

impl Scene {
    /// `policy` is the rest of the ImagePolicy's `spec`, in flow style.
    fn new(tags: &[&str], policy: &str) -> Self {
        let scene = Self {
            registry: TestRegistry::start(),
            place: Workplace::new(),
        };
        for tag in tags {
            scene
                .registry
                .push_image("shop/web", tag, "linux/amd64", tag);
        }
        scene.policy(policy);
        scene
    }

    fn policy(&self, policy: &str) {
        let name = self.name();
        self.place.write(
            "clusters/images.yaml",
            format!(
                "\
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImageRepository
metadata: {{name: web, namespace: flux-system}}
spec: {{image: '{name}', interval: 5m}}
---
apiVersion: image.toolkit.fluxcd.io/v1
kind: ImagePolicy
metadata: {{name: web, namespace: flux-system}}
spec: {{imageRepositoryRef: {{name: web}}, {policy}}}
"
            ),
        );
    }

    fn name(&self) -> String {
        format!("{}/shop/web", self.registry.host())
    }

    fn digest(&self, tag: &str) -> String {
        crate::support::registry::digest(&self.registry.manifest("shop/web", tag))
    }

    fn run(&self, flags: &[&str], code: i32) -> Finished {
        self.place
            .imago(["files"].iter().chain(flags))
            .finish_with(code)
    }

    fn text(&self, file: &str) -> String {
        String::from_utf8(self.place.files()[file].clone()).unwrap()
    }

    /// What a file says after an update of its folder alone; a second run changes nothing.
    fn updated(&self, file: &str, text: &str) -> String {
        self.place.write(file, text);
        let folder = file.rsplit_once('/').map_or(".", |(folder, _)| folder);
        self.run(&[folder, "--update", "--flux-policies"], 0);
        let after = self.text(file);
        self.run(&[folder, "--check", "--flux-policies"], 0);
        self.run(&[folder, "--update", "--flux-policies"], 0);
        assert_eq!(self.text(file), after);
        after
    }
}

const MARKER: &str = "# {\"$imagepolicy\": \"flux-system:web\"}";

fn marker(part: &str) -> String {
    MARKER.replace(":web\"", &format!(":web:{part}\""))
}

fn pod(image: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: web\n    image: {image} {MARKER}\n"
    )
}

#[test]
fn each_kind_of_policy_writes_what_flux_writes() {
    let builds = [
        "main-af5b1c2-1700000003",
        "main-0c1d2e3-1700000010",
        "dev-ffffff0-1800000000",
    ];
    for (tags, policy, expected) in [
        (
            &["1.0.1", "1.0.10", "1.1.0", "1.0.11-rc.1", "v1.0.9", "1.0"][..],
            "policy: {semver: {range: '>=1.0.0 <1.1.0'}}",
            "1.0.10",
        ),
        (
            &["1.0.0-rc.1", "1.0.0-rc.2", "0.9.0"],
            "policy: {semver: {range: '>=1.0.0-0'}}",
            "1.0.0-rc.2",
        ),
        (
            &builds,
            "filterTags: {pattern: '^main-[a-f0-9]+-(?P<ts>[0-9]+)', extract: '$ts'}, policy: {numerical: {order: asc}}",
            "main-0c1d2e3-1700000010",
        ),
        (
            &builds,
            "filterTags: {pattern: '^main-[a-f0-9]+-(?P<ts>[0-9]+)', extract: '$ts'}, policy: {numerical: {order: desc}}",
            "main-af5b1c2-1700000003",
        ),
        (
            &["1.0.3-ubuntu", "1.0.12-ubuntu", "1.0.20"],
            r"filterTags: {pattern: '^(?P<semver>[0-9]*\.[0-9]*\.[0-9]*)-ubuntu$', extract: '$semver'}, policy: {semver: {range: 1.0.x}}",
            "1.0.12-ubuntu",
        ),
        (
            &["xenial", "zesty", "artful", "latest"],
            "policy: {alphabetical: {order: asc}}",
            "zesty",
        ),
        // It also goes to a lower tag, and leaves one that it cannot read.
        (
            &["0.9.0", "0.9.1"],
            "policy: {semver: {range: 0.9.x}}",
            "0.9.1",
        ),
    ] {
        let scene = Scene::new(tags, policy);
        let name = scene.name();
        assert_eq!(
            scene.updated("apps/web.yaml", &pod(&format!("{name}:0.0.1"))),
            pod(&format!("{name}:{expected}")),
            "{policy}"
        );
        assert_eq!(
            scene.updated(
                "apps/web.yaml",
                &pod(&format!("{name}:9.9.9@{}", scene.digest(expected)))
            ),
            pod(&format!("{name}:{expected}"))
        );
        // Whatever name stands there.
        assert_eq!(
            scene.updated("apps/web.yaml", &pod("image:v1.0.0")),
            pod(&format!("{name}:{expected}"))
        );
    }
}

#[test]
fn a_name_a_tag_and_a_digest_are_written_where_their_markers_stand() {
    let scene = Scene::new(
        &["1.4.2", "1.5.0"],
        "digestReflectionPolicy: Always, policy: {semver: {range: 1.x}}",
    );
    let [name, tag, digest] = ["name", "tag", "digest"].map(marker);
    let release = |image: [&str; 3]| {
        format!(
            "\
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata:
  name: web
spec:
  values:
    image:
      repository: {} {name}
      tag: {} {tag}
      digest: {} {digest}
",
            image[0], image[1], image[2]
        )
    };
    let new = scene.digest("1.5.0");
    let wanted = [&*scene.name(), "1.5.0", &new];
    let old = scene.digest("1.4.2");
    assert_eq!(
        scene.updated(
            "apps/web.yaml",
            &release(["r.example.com/old/web", "1.4.2", &old])
        ),
        release(wanted)
    );
    let entry = |tag_now: &str| {
        format!(
            "\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: [web.yaml]
images:
- name: web
  newName: {} {name}
  newTag: {tag_now} {tag}
",
            scene.name()
        )
    };
    scene
        .place
        .write("apps/base/kustomization.yaml", entry("1.4.2"));
    assert_eq!(
        scene.updated("apps/base/kustomization.yaml", &entry("1.4.2")),
        entry("1.5.0")
    );
    // Fields of which imago knows nothing else, as Flux writes them.
    let map = |tag_now: &str| {
        format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: web}}\ndata:\n  WEB_VERSION: {tag_now} {tag}\n  other: 1.4.2\n"
        )
    };
    assert_eq!(
        scene.updated("apps/map/map.yaml", &map("1.4.2")),
        map("1.5.0")
    );
    let values = |tag_now: &str| format!("web:\n  version: {tag_now} {tag}\n");
    assert_eq!(
        scene.updated("apps/values/values.yaml", &values("1.4.2")),
        values("1.5.0")
    );
}

#[test]
fn the_digest_is_reflected_as_the_policy_says() {
    for (reflection, moved, expected) in [
        ("Never", false, None),
        ("IfNotPresent", false, Some("old")),
        ("Always", false, Some("new")),
        ("IfNotPresent", true, Some("new")),
    ] {
        let scene = Scene::new(
            &["1.4.2", "1.5.0"],
            &format!(
                "digestReflectionPolicy: {reflection}, interval: 10m, policy: {{semver: {{range: 1.x}}}}"
            ),
        );
        let old = scene.digest("1.5.0");
        scene
            .registry
            .push_image("shop/web", "1.5.0", "linux/amd64", "again");
        let new = scene.digest("1.5.0");
        let (name, tag_now) = (scene.name(), if moved { "1.4.2" } else { "1.5.0" });
        let of = |digest: &str| match digest {
            "old" => format!("@{old}"),
            "new" => format!("@{new}"),
            _ => String::new(),
        };
        let wanted = pod(&format!("{name}:1.5.0{}", of(expected.unwrap_or_default())));
        assert_eq!(
            scene.updated("apps/web.yaml", &pod(&format!("{name}:{tag_now}@{old}"))),
            wanted,
            "{reflection}"
        );
        if reflection != "Never" {
            let [tag, digest] = ["tag", "digest"].map(marker);
            let entry = |tag_now: &str, now: &str| {
                format!(
                    "kind: Kustomization\nimages:\n- name: {name}\n  newTag: {tag_now} {tag}\n  digest: {now} {digest}\n"
                )
            };
            let wanted = entry("1.5.0", &of(expected.unwrap()).replace('@', ""));
            assert_eq!(
                scene.updated("apps/e/kustomization.yaml", &entry(tag_now, &old)),
                wanted,
                "{reflection}"
            );
        }
    }
}

#[test]
fn a_digest_of_another_repository_is_not_kept() {
    let spec = "digestReflectionPolicy: IfNotPresent, policy: {semver: {range: 1.x}}";
    let scene = Scene::new(&["1.5.0"], spec);
    let old = format!(
        "registry.example.test/shop/old:1.5.0@sha256:{}",
        "0".repeat(64)
    );
    let wanted = format!("{}:1.5.0@{}", scene.name(), scene.digest("1.5.0"));
    assert_eq!(scene.updated("apps/web.yaml", &pod(&old)), pod(&wanted));
}

#[test]
fn where_all_that_a_policy_takes_is_gone_nothing_else_is_written() {
    let scene = Scene::new(&["latest"], "policy: {semver: {range: 1.x}}");
    let tags = ["1.5.0", "latest"].map(str::to_owned);
    scene.registry.list("shop/web", tags);
    let text = pod(&format!("{}:1.4.1", scene.name()));
    scene.place.write("apps/web.yaml", &text);
    let update = ["apps", "--update", "--flux-policies", "--output", "json"];
    let report = scene.run(&update, 3).json();
    assert_eq!(report["problems"][0]["code"], "not-found");
    assert_eq!(scene.text("apps/web.yaml"), text);
}

#[test]
fn what_cannot_be_carried_out_is_held_and_says_why() {
    let spec = "policy: {semver: {range: 1.x}}";
    let scene = Scene::new(&["1.4.2"], spec);
    let text =
        |setter: &str| pod(&format!("{}:1.4.1", scene.name())).replace("flux-system:web", setter);
    let held = |text: &str, why: &str| {
        scene.place.write("apps/web.yaml", text);
        let report = scene
            .run(
                &["apps", "--update", "--flux-policies", "--output", "json"],
                0,
            )
            .json();
        let image = &report["objects"][0]["images"][0];
        assert_eq!(
            (&image["outcome"], &image["code"]),
            (&json!("held"), &json!("flux-marker")),
            "{why}"
        );
        assert!(
            image["reason"].as_str().unwrap().contains(why),
            "{}: {why}",
            image["reason"]
        );
        assert_eq!(scene.text("apps/web.yaml"), text);
    };
    held(
        &text("flux-system:api"),
        "the ImagePolicy is not in this repository",
    );
    held(&text("flux-system:web:digest"), "reflects no digest");
    held(&text("flux-system:web:version"), "names no image policy");
    scene.policy("suspend: true, policy: {semver: {range: 1.x}}");
    held(&text("flux-system:web"), "the ImagePolicy is suspended");
    scene.policy("policy: {semver: {range: one}}");
    held(
        &text("flux-system:web"),
        "the range `one` is not understood",
    );
    scene.policy("filterTags: {pattern: '('}, policy: {semver: {range: 1.x}}");
    held(&text("flux-system:web"), "`(` is not a regular expression");
    scene.policy(spec);
    let other = |kind: &str, spec: &str| {
        let head = format!("apiVersion: image.toolkit.fluxcd.io/v1\nkind: {kind}\n");
        let rest = "metadata: {name: web, namespace: flux-system}\n";
        let object = format!("{head}{rest}spec: {{{spec}}}\n");
        scene.place.write("clusters/other.yaml", object);
    };
    other("ImageRepository", "image: registry.example.test/shop/other");
    held(&text("flux-system:web"), "several ImageRepositories");
    other("ImagePolicy", "imageRepositoryRef: {name: web}");
    held(&text("flux-system:web"), "several ImagePolicies");
    scene.place.write("clusters/other.yaml", "");
    let empty = text("flux-system:web").replace(&format!("{}:1.4.1", scene.name()), "null");
    scene.place.write("apps/web.yaml", &empty);
    scene.run(&["apps", "--update", "--flux-policies"], 0);
    assert_eq!(scene.text("apps/web.yaml"), empty);
    // Without the flag all markers are held, as ever.
    scene.policy(spec);
    scene.place.write("apps/web.yaml", text("flux-system:web"));
    scene.run(&["apps", "--update"], 0);
    assert_eq!(scene.text("apps/web.yaml"), text("flux-system:web"));
    // `--digests-only` leaves all policies aside.
    scene.run(
        &["apps", "--update", "--flux-policies", "--digests-only"],
        0,
    );
    assert_eq!(scene.text("apps/web.yaml"), text("flux-system:web"));
    // A policy that takes no tag is a problem, as it is Flux's.
    scene.policy("policy: {semver: {range: 9.x}}");
    let report = scene
        .run(&["apps", "--flux-policies", "--output", "json"], 3)
        .json();
    assert_eq!(report["problems"][0]["code"], "flux-policy");
}

#[test]
fn the_setting_the_report_and_the_lock() {
    let scene = Scene::new(
        &["1.4.2", "1.5.0", "v1.9.0"],
        "filterTags: {pattern: '^1'}, policy: {semver: {range: 1.x}}",
    );
    let image = pod(&format!("{}:1.4.2", scene.name()));
    scene.place.write("apps/web.yaml", &image);
    scene.place.write(".imago.yaml", "flux-policies: true\n");
    let told = |flags: &[&str], code: i32| -> Value {
        let report = scene
            .run(&[&["apps", "--output", "json"], flags].concat(), code)
            .json();
        report["objects"][0]["images"][0].clone()
    };
    let online = told(&[], 0);
    assert_eq!(
        online["policy"],
        json!({"policy": "flux-system:web", "from": "1.4.2", "to": "1.5.0", "seen": 3, "allowed": 2, "understood": 2})
    );
    assert_eq!(online["path"], "spec.containers[0].image");
    scene.run(&["apps", "--check"], 1);
    scene.run(&["apps", "--update", "--lock", "imago.lock"], 0);
    let after = scene.text("apps/web.yaml");
    assert_eq!(after, image.replace("1.4.2", "1.5.0"));
    let asked = scene.registry.asked().len();
    scene.place.write("apps/web.yaml", &image);
    scene.run(&["apps", "--update", "--offline"], 0);
    assert_eq!(
        (scene.text("apps/web.yaml"), scene.registry.asked().len()),
        (after, asked)
    );
    scene.run(&["apps", "--update", "--lock-prune"], 0);
    scene.run(&["apps", "--check", "--offline"], 0);
    // What a person leaves out is left out.
    scene.place.write(
        "apps/web.yaml",
        image.replace(
            "metadata:\n",
            "metadata:\n  annotations: {imago/ignore: \"true\"}\n",
        ),
    );
    assert_eq!(told(&[], 0)["outcome"], "ignored");
}

#[test]
fn of_two_markers_one_is_carried_out_and_the_other_says_why_not() {
    let scene = Scene::new(&["1.4.2", "1.5.0"], "policy: {semver: {range: 1.x}}");
    let [tag, digest] = ["tag", "digest"].map(marker);
    let entry = |tag_now: &str| {
        format!(
            "kind: Kustomization\nimages:\n- name: {}\n  newTag: {tag_now} {tag}\n  digest: {} {digest}\n",
            scene.name(),
            scene.digest("1.4.2")
        )
    };
    scene.place.write("apps/kustomization.yaml", entry("1.4.2"));
    let report = scene
        .run(
            &["apps", "--update", "--flux-policies", "--output", "json"],
            0,
        )
        .json();
    let images = report["objects"][0]["images"].as_array().unwrap();
    let codes: Vec<&Value> = images.iter().map(|image| &image["code"]).collect();
    assert_eq!(codes, ["outdated", "flux-marker"]);
    assert_eq!(scene.text("apps/kustomization.yaml"), entry("1.5.0"));
}
