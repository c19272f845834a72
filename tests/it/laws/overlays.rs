//! The laws of kustomizations, on generated trees of overlays.
//!
//! - A file gets the same decisions alone as in its folder.
//! - 9. What kustomize builds before and after an update differs in the intended digests and in `imago-config-spec` alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Deserialize as _;
use serde_json::{Value, json};

use super::generated::{COUNT, number};
use super::random::Random;
use crate::support::binary::Workplace;
use crate::support::{programs, seeds};

/// The names of images. The last one is a placeholder: no registry has it.
const NAMES: [&str; 4] = [
    "registry.example.test/web",
    "registry.example.test/mirror/web",
    "registry.example.test:5000/app",
    "controller",
];
const TAGS: [&str; 3] = ["1", "2.0", "v3"];

/// A tree of kustomizations, as files.
struct Overlays {
    files: BTreeMap<String, String>,
    /// The folders that kustomize can build.
    builds: Vec<String>,
    lock: Value,
}

/// A folder that was made, and what a kustomization above it builds on.
struct Folder {
    path: String,
    is_component: bool,
    /// The objects that it builds, each with its kind and the number of its containers.
    objects: BTreeMap<String, (&'static str, usize)>,
}

impl Overlays {
    fn generate(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut made = Self {
            files: BTreeMap::new(),
            builds: Vec::new(),
            lock: lock(),
        };
        let mut folders: Vec<Folder> = Vec::new();
        for number in 0..2 + random.below(5) {
            let folder = made.folder(&mut random, number, &folders);
            if !folder.is_component {
                made.builds.push(folder.path.clone());
            }
            folders.push(folder);
        }
        made.flux(&mut random);
        made
    }

    fn folder(&mut self, random: &mut Random, number: usize, below: &[Folder]) -> Folder {
        let mut folder = Folder {
            path: if random.percent(30) {
                format!("apps/f{number}")
            } else {
                format!("f{number}")
            },
            is_component: number > 0 && random.percent(20),
            objects: BTreeMap::new(),
        };
        let up = "../".repeat(folder.path.split('/').count());
        let (mut resources, mut components, mut lines) = (Vec::new(), Vec::new(), String::new());
        for other in below.iter().filter(|_| random.percent(60)) {
            // kustomize takes no object twice into one build.
            if other
                .objects
                .keys()
                .any(|name| folder.objects.contains_key(name))
            {
                continue;
            }
            match (other.is_component, folder.is_component) {
                (true, _) => components.push(format!("{up}{}", other.path)),
                (false, true) => continue,
                (false, false) => resources.push(format!("{up}{}", other.path)),
            }
            folder.objects.extend(other.objects.clone());
        }
        for file in 0..random.below(3) {
            let name = format!("o{number}{file}");
            let kind = *random.pick(&["Deployment", "StatefulSet", "Job", "CronJob"]);
            let containers = 1 + random.below(2);
            let text = object(random, kind, &name, containers);
            self.files
                .insert(format!("{}/{name}.yaml", folder.path), text);
            folder.objects.insert(name.clone(), (kind, containers));
            resources.push(format!("{name}.yaml"));
        }
        lines.push_str(if folder.is_component {
            "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\n"
        } else {
            let heads: [&str; 2] = [
                "",
                "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n",
            ];
            heads[random.below(2)]
        });
        let list = |key: &str, items: &[String]| match items {
            [] => String::new(),
            items => format!(
                "{key}:\n{}",
                items
                    .iter()
                    .map(|item| format!("- {item}\n"))
                    .collect::<String>()
            ),
        };
        lines.push_str(&list("resources", &resources));
        lines.push_str(&list("components", &components));
        lines.push_str(&self.patches(random, &folder));
        lines.push_str(&entries(random));
        lines.push_str(&replacements(random, &folder));
        let name = *random.pick(&["kustomization.yaml", "kustomization.yml", "Kustomization"]);
        self.files.insert(format!("{}/{name}", folder.path), lines);
        folder
    }

    /// What Flux puts on top of a folder, which may have no kustomization.
    fn flux(&mut self, random: &mut Random) {
        for number in 0..random.below(3) {
            let kind = *random.pick(&["Deployment", "Job"]);
            let folder = *random.pick(&["plain", "plain/deep", "apps"]);
            let name = format!("p{number}");
            let text = object(random, kind, &name, 1);
            self.files.insert(format!("{folder}/{name}.yaml"), text);
        }
        for number in 0..random.below(3) {
            let path = *random.pick(&["plain", "plain/deep", "apps", "f0"]);
            let images = entries(random);
            let images = images.lines().map(|line| format!("  {line}\n"));
            let images: String = images.collect();
            let text = format!(
                "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {{name: c{number}}}\nspec:\n  path: ./{path}\n{images}"
            );
            self.files.insert(format!("clusters/c{number}.yaml"), text);
        }
    }

    /// Patches of an object that the folder builds.
    fn patches(&mut self, random: &mut Random, folder: &Folder) -> String {
        let objects: Vec<_> = folder.objects.iter().collect();
        if objects.is_empty() || random.percent(60) {
            return String::new();
        }
        let (name, (kind, containers)) = *random.pick(&objects);
        let container = random.below(*containers);
        let image = image(random);
        if random.percent(50) {
            let (version, pod) = (version(kind), pod_path(kind));
            let pod = pod.trim_start_matches('/').split('/').rev();
            let spec = json!({"containers": [{"name": format!("c{container}"), "image": image}]});
            let spec = pod.fold(spec, |below, key| json!({key: below}));
            let mut patch =
                json!({"apiVersion": version, "kind": kind, "metadata": {"name": name}});
            patch["spec"] = spec["spec"].clone();
            self.files
                .insert(format!("{}/patch.yaml", folder.path), patch.to_string());
            return "patches:\n- path: patch.yaml\n".to_owned();
        }
        let at = format!("{}/containers/{container}/image", pod_path(kind));
        let patch = format!("- op: replace\n  path: {at}\n  value: {image}\n");
        let target = format!("  target: {{kind: {kind}, name: {name}}}\n");
        if random.percent(50) {
            self.files
                .insert(format!("{}/patch.json6902.yaml", folder.path), patch);
            return format!("patches:\n- path: patch.json6902.yaml\n{target}");
        }
        let inner: String = patch.lines().map(|line| format!("    {line}\n")).collect();
        format!("patches:\n- patch: |-\n{inner}{target}")
    }
}

/// The digest of each tag. Some tags of the mirror are other images.
fn lock() -> Value {
    let mut images = serde_json::Map::new();
    for (name, repository) in NAMES.iter().zip([0, 0, 2, 3]) {
        for (number, tag) in TAGS.iter().enumerate() {
            let differs = *name == NAMES[1] && number == 1;
            let digest = format!(
                "{:064x}",
                1 + repository * 10 + number + usize::from(differs) * 100
            );
            images.insert(
                asked(&format!("{name}:{tag}")),
                json!(format!("sha256:{digest}")),
            );
        }
    }
    json!({"version": 1, "images": images})
}

/// The question of an image.
fn asked(image: &str) -> String {
    match image.contains('/') {
        true => image.to_owned(),
        false => format!("docker.io/library/{image}"),
    }
}

fn image(random: &mut Random) -> String {
    format!("{}:{}", random.pick(&NAMES), random.pick(&TAGS))
}

fn version(kind: &str) -> &'static str {
    match kind {
        "Job" | "CronJob" => "batch/v1",
        _ => "apps/v1",
    }
}

fn pod_path(kind: &str) -> &'static str {
    match kind {
        "CronJob" => "/spec/jobTemplate/spec/template/spec",
        _ => "/spec/template/spec",
    }
}

fn object(random: &mut Random, kind: &str, name: &str, containers: usize) -> String {
    let hook = kind == "Job" && random.percent(30);
    let annotations = if hook {
        "  annotations: {helm.sh/hook: pre-install}\n"
    } else {
        ""
    };
    let mut text = format!(
        "apiVersion: {}\nkind: {kind}\nmetadata:\n  name: {name}\n{annotations}",
        version(kind)
    );
    let mut indent = String::new();
    for key in pod_path(kind).trim_start_matches('/').split('/') {
        text.push_str(&format!("{indent}{key}:\n"));
        indent.push_str("  ");
    }
    text.push_str(&format!("{indent}containers:\n"));
    for container in 0..containers {
        text.push_str(&format!(
            "{indent}- name: c{container}\n{indent}  image: {}\n",
            image(random)
        ));
    }
    text
}

fn entries(random: &mut Random) -> String {
    let mut text = String::new();
    for _ in 0..random.below(4) {
        let name = if random.percent(10) {
            "registry.example.test/.*web"
        } else {
            *random.pick(&NAMES)
        };
        text.push_str(&format!("- name: {name}\n"));
        if random.percent(35) {
            text.push_str(&format!("  newName: {}\n", random.pick(&NAMES)));
        }
        match random.below(10) {
            0..6 => text.push_str(&format!("  newTag: \"{}\"\n", random.pick(&TAGS))),
            6 => text.push_str("  tagSuffix: -x\n"),
            7 => text.push_str(&format!("  digest: sha256:{}\n", "f".repeat(64))),
            _ => {}
        }
    }
    if text.is_empty() {
        text
    } else {
        format!("images:\n{text}")
    }
}

fn replacements(random: &mut Random, folder: &Folder) -> String {
    let objects: Vec<_> = folder.objects.iter().collect();
    if objects.is_empty() || random.percent(80) {
        return String::new();
    }
    let (name, (kind, _)) = *random.pick(&objects);
    let field = format!(
        "{}.containers.0.image",
        pod_path(kind).trim_start_matches('/').replace('/', ".")
    );
    let options = *random.pick(&["", ", options: {delimiter: ':', index: 1}"]);
    format!(
        "replacements:\n- source: {{kind: {kind}, name: {name}, fieldPath: {field}{options}}}\n  targets:\n  - select: {{kind: {kind}, name: {name}}}\n    fieldPaths: [metadata.annotations.copy]\n    options: {{create: true}}\n"
    )
}

fn place(tree: &Overlays) -> Workplace {
    let place = Workplace::new();
    fs::create_dir(place.path().join(".git")).unwrap();
    for (path, text) in &tree.files {
        place.write(path, text);
    }
    place.write("imago.lock", tree.lock.to_string());
    place
}

/// A tree for so many manifests of the other laws: each is several runs of the program.
fn count() -> u64 {
    number("IMAGO_LAWS").unwrap_or(COUNT) / 4000 + 10
}

/// What was decided for each image of a file.
fn decisions(report: &Value, file: &str) -> BTreeSet<String> {
    let objects = report["objects"].as_array().unwrap().iter();
    let own = objects.filter(|object| object["file"] == file);
    let images = own.flat_map(|object| object["images"].as_array().unwrap());
    images
        .map(|image| {
            format!(
                "{} {} {} {}",
                image["path"], image["outcome"], image["code"], image["new_image"]
            )
        })
        .collect()
}

#[test]
fn a_file_gets_the_same_decisions_alone_as_in_its_folder() {
    let seen = AtomicUsize::new(0);
    seeds::each(count(), |seed| {
        let tree = Overlays::generate(seed);
        let place = place(&tree);
        let report = |paths: &[&str]| {
            let line = ["files", "--offline", "--output", "json"];
            place.imago(line.iter().chain(paths)).finish().json()
        };
        let whole = report(&["."]);
        for file in tree.files.keys() {
            let decided = decisions(&whole, file);
            seen.fetch_add(decided.len(), Ordering::Relaxed);
            assert_eq!(
                decisions(&report(&[file]), file),
                decided,
                "seed {seed}, {file}\n{:#?}",
                tree.files
            );
        }
        let without = report(&[".", "--exclude", "apps"]);
        for file in tree.files.keys().filter(|file| !file.starts_with("apps")) {
            assert_eq!(
                decisions(&without, file),
                decisions(&whole, file),
                "seed {seed}, {file}"
            );
        }
    });
    assert!(seen.into_inner() > 20);
}

/// The images that a build has, by object and place; and all of the build without them and without the annotation.
pub(super) fn build(
    kubectl: &Path,
    place: &Workplace,
    folder: &str,
) -> Option<(BTreeMap<String, String>, Vec<Value>)> {
    let built = place.program(kubectl, ["kustomize", folder]).finish();
    if built.code != 0 {
        return None;
    }
    let mut images = BTreeMap::new();
    let documents = serde_yaml::Deserializer::from_str(&built.stdout);
    let documents = documents.map(|document| {
        let mut object = Value::deserialize(document).unwrap();
        let name = object["metadata"]["name"].to_string();
        take_out(&mut object, &name, &mut images);
        object
    });
    let documents = documents.collect();
    Some((images, documents))
}

fn take_out(node: &mut Value, at: &str, images: &mut BTreeMap<String, String>) {
    match node {
        Value::Object(entries) => {
            if let Some(Value::Object(annotations)) = entries.get_mut("annotations") {
                annotations.remove("imago-config-spec");
                if annotations.is_empty() {
                    entries.remove("annotations");
                }
            }
            for (key, value) in entries {
                match value {
                    Value::String(text) if key == "image" || key == "copy" => {
                        images.insert(format!("{at}.{key}"), std::mem::take(text));
                    }
                    value => take_out(value, &format!("{at}.{key}"), images),
                }
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                take_out(item, &format!("{at}.{index}"), images);
            }
        }
        _ => {}
    }
}

#[test]
fn what_kustomize_builds_differs_in_the_intended_digests_alone() {
    let Some(kubectl) = programs::kubectl_with_kustomize() else {
        return;
    };
    let (pinned, left) = (AtomicUsize::new(0), AtomicUsize::new(0));
    seeds::each(count(), |seed| {
        let tree = Overlays::generate(seed);
        let place = place(&tree);
        let builds = || {
            let built = tree
                .builds
                .iter()
                .map(|folder| build(&kubectl, &place, folder));
            built.collect::<Vec<_>>()
        };
        let before = builds();
        place.imago(["files", "--update", "--offline"]).finish();
        for ((folder, before), after) in tree.builds.iter().zip(before).zip(builds()) {
            let why = || {
                format!(
                    "seed {seed}, {folder}\n{:#?}\n{:#?}",
                    tree.files,
                    place
                        .files()
                        .into_iter()
                        .map(|(file, text)| (file, String::from_utf8(text).unwrap()))
                        .collect::<Vec<_>>()
                )
            };
            // kustomize refuses some trees, such as a patch of what a component brings.
            let Some((images, rest)) = before else {
                continue;
            };
            let (new_images, new_rest) = after.unwrap_or_else(|| panic!("{}", why()));
            assert_eq!(rest, new_rest, "{}", why());
            assert!(images.keys().eq(new_images.keys()), "{}", why());
            for (image, new) in images.values().zip(new_images.values()) {
                let digest = tree.lock["images"][asked(image)].as_str();
                if image == new {
                    left.fetch_add(1, Ordering::Relaxed);
                } else {
                    pinned.fetch_add(1, Ordering::Relaxed);
                    assert_eq!(
                        Some(new.as_str()),
                        digest.map(|digest| format!("{image}@{digest}")).as_deref(),
                        "{}",
                        why()
                    );
                }
            }
        }
    });
    let (pinned, left) = (pinned.into_inner(), left.into_inner());
    assert!(
        pinned > left / 2 && pinned > 20,
        "{pinned} pinned, {left} left"
    );
}
