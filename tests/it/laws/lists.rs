//! The laws of kustomizations, on trees whose patches add, move, rename and remove containers, and find others by their place.
//!
//! - 9. What kustomize builds before and after an update differs in the intended digests and in `imago-config-spec` alone.
//! - What a build has without a digest afterwards, a report says of the image: no other place decides it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};

use super::generated::{COUNT, number};
use super::overlays::build;
use super::random::Random;
use crate::support::binary::Workplace;
use crate::support::{programs, seeds};

/// A tree of kustomizations, each on top of the one before it.
struct Lists {
    random: Random,
    files: BTreeMap<String, String>,
    /// How many images there are. Each is another one, so that it says where it is from.
    images: usize,
    /// How many names for containers there are.
    names: usize,
}

const KINDS: [(&str, &str); 3] = [
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("argoproj.io/v1alpha1", "Rollout"),
];
const POD: &str = "/spec/template/spec";
const NAMES: [&str; 4] = ["c0", "c1", "c2", "c0-x"];

impl Lists {
    fn generate(seed: u64) -> Self {
        let mut made = Self {
            random: Random::new(seed),
            files: BTreeMap::new(),
            images: 0,
            names: 0,
        };
        let objects = 1 + made.random.below(2);
        let mut resources = Vec::new();
        for number in 0..objects {
            let (version, kind) = *made.random.pick(&KINDS);
            let containers = 1 + made.random.below(NAMES.len());
            let containers: Vec<Value> = (NAMES.iter().take(containers))
                .map(|name| json!({"name": name, "image": made.image()}))
                .collect();
            let init = json!([{"name": "c0", "image": made.image()}]);
            let pod = json!({"initContainers": init, "containers": containers});
            let object = json!({"apiVersion": version, "kind": kind, "metadata": {"name": format!("o{number}")}, "spec": {"template": {"spec": pod}}});
            let file = format!("o{number}.yaml");
            made.files.insert(format!("k0/{file}"), object.to_string());
            resources.push(file);
        }
        let kinds: Vec<(String, String)> = (0..objects)
            .map(|number| {
                let object: Value =
                    serde_json::from_str(&made.files[&format!("k0/o{number}.yaml")]).unwrap();
                let text = |key: &str| object[key].as_str().unwrap().to_owned();
                (text("apiVersion"), text("kind"))
            })
            .collect();
        let levels = 2 + made.random.below(3);
        for level in 0..levels {
            let mut own = json!({});
            match level {
                0 => own["resources"] = json!(resources),
                _ => own["resources"] = json!([format!("../k{}", level - 1)]),
            }
            if made.random.percent(30) {
                let mut part =
                    json!({"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component"});
                made.fill(&mut part, &format!("p{level}"), &kinds);
                own["components"] = json!([format!("../p{level}")]);
            }
            made.fill(&mut own, &format!("k{level}"), &kinds);
        }
        made
    }

    fn image(&mut self) -> String {
        self.images += 1;
        format!("registry.example.test/i{}:1", self.images)
    }

    fn new_name(&mut self) -> String {
        self.names += 1;
        format!("n{}", self.names)
    }

    fn container(&mut self) -> Value {
        json!({"name": self.new_name(), "image": self.image()})
    }

    /// Puts patches and replacements into a kustomization, and writes it.
    fn fill(&mut self, own: &mut Value, folder: &str, kinds: &[(String, String)]) {
        let mut patches = Vec::new();
        for number in 0..self.random.below(3) {
            let object = self.random.below(kinds.len());
            let (version, kind) = &kinds[object];
            let name = format!("o{object}");
            let is_merge = self.random.percent(50);
            let document = match is_merge {
                true => {
                    let pod = self.merge();
                    json!({"apiVersion": version, "kind": kind, "metadata": {"name": name}, "spec": {"template": {"spec": pod}}})
                }
                false => {
                    let count = 1 + self.random.below(2);
                    let operations = (0..count).map(|_| self.operation()).collect::<Vec<_>>();
                    json!(operations)
                }
            };
            let mut patch = json!({});
            if !is_merge || self.random.percent(20) {
                patch["target"] = match self.random.below(3) {
                    0 => json!({"kind": kind}),
                    1 => json!({"name": "o.*", "kind": kind}),
                    _ => json!({"kind": kind, "name": name}),
                };
            }
            if self.random.percent(50) {
                let file = format!("patch{number}.yaml");
                self.files
                    .insert(format!("{folder}/{file}"), document.to_string());
                patch["path"] = json!(file);
            } else {
                // A text on lines of its own, as imago edits it.
                let text = serde_yaml::to_string(&document).unwrap();
                patch["patch"] = json!(text);
            }
            patches.push(patch);
        }
        own["patches"] = json!(patches);
        if self.random.percent(35) {
            own["replacements"] = json!([self.replacement(kinds)]);
        }
        let text = serde_yaml::to_string(own).unwrap();
        self.files
            .insert(format!("{folder}/kustomization.yaml"), text);
    }

    /// The pod of a merge.
    fn merge(&mut self) -> Value {
        let mut names = NAMES.map(str::to_owned).to_vec();
        self.random.shuffle(&mut names);
        names.truncate(1 + self.random.below(2));
        if self.random.percent(30) {
            let at = self.random.below(names.len() + 1);
            let name = self.new_name();
            names.insert(at, name);
        }
        let item = |name: String| {
            let mut item = json!({"name": name});
            match self.random.below(10) {
                0 => item["$patch"] = json!("delete"),
                1..6 => item["image"] = json!(self.image()),
                _ if name.starts_with('n') => item["image"] = json!(self.image()),
                _ => item["args"] = json!(["--fast"]),
            }
            item
        };
        let items: Vec<Value> = names.into_iter().map(item).collect();
        json!({"containers": items})
    }

    fn operation(&mut self) -> Value {
        let list = match self.random.percent(90) {
            true => format!("{POD}/containers"),
            false => format!("{POD}/initContainers"),
        };
        let (one, other) = (self.random.below(3), self.random.below(3));
        let at = format!("{list}/{one}");
        let to = format!("{list}/{other}");
        match self.random.below(16) {
            0..6 => {
                json!({"op": "replace", "path": format!("{at}/image"), "value": self.image()})
            }
            6 | 7 => json!({"op": "add", "path": at, "value": self.container()}),
            8 => json!({"op": "add", "path": format!("{list}/-"), "value": self.container()}),
            9 => json!({"op": "remove", "path": at}),
            10 => json!({"op": "move", "from": at, "path": to}),
            11 => json!({"op": "copy", "from": at, "path": to}),
            12 => {
                let (from, path) = (format!("{at}/image"), format!("{to}/image"));
                json!({"op": *self.random.pick(&["copy", "move"]), "from": from, "path": path})
            }
            13 => {
                let name = match self.random.percent(50) {
                    true => self.new_name(),
                    false => (*self.random.pick(&NAMES)).to_owned(),
                };
                json!({"op": "replace", "path": format!("{at}/name"), "value": name})
            }
            14 => json!({"op": "replace", "path": at, "value": self.container()}),
            _ => json!({"op": "replace", "path": list, "value": [self.container()]}),
        }
    }

    fn replacement(&mut self, kinds: &[(String, String)]) -> Value {
        let field = |random: &mut Random| {
            let item = match random.percent(60) {
                true => random.below(3).to_string(),
                false => format!("[name={}]", random.pick(&NAMES)),
            };
            format!("spec.template.spec.containers.{item}.image")
        };
        let (source, object) = (
            self.random.below(kinds.len()),
            self.random.below(kinds.len()),
        );
        let (from, to) = (field(&mut self.random), field(&mut self.random));
        let mut source =
            json!({"kind": kinds[source].1, "name": format!("o{source}"), "fieldPath": from});
        let mut target = json!({"select": {"kind": kinds[object].1, "name": format!("o{object}")}, "fieldPaths": [to]});
        match self.random.below(10) {
            0 => source["options"] = json!({"delimiter": ":", "index": 0}),
            1 => {
                source["fieldPath"] = json!("metadata.name");
                target["fieldPaths"] = json!(["spec.template.spec.containers.0.name"]);
            }
            2 => target["fieldPaths"] = json!(["spec.template.spec.containers.*.image"]),
            3 => {
                target["fieldPaths"] = json!(["metadata.annotations.copy"]);
                target["options"] = json!({"create": true});
            }
            _ => {}
        }
        json!({"source": source, "targets": [target]})
    }

    fn place(&self) -> Workplace {
        let place = Workplace::new();
        fs::create_dir(place.path().join(".git")).unwrap();
        for (path, text) in &self.files {
            place.write(path, text);
        }
        let images = (1..=self.images).map(|number| {
            let digest = format!("sha256:{number:064x}");
            (format!("registry.example.test/i{number}:1"), json!(digest))
        });
        let images: serde_json::Map<String, Value> = images.collect();
        let lock = json!({"version": 1, "images": images});
        place.write("imago.lock", lock.to_string());
        place
    }

    /// The kustomization that no other one builds on.
    fn top(&self) -> String {
        let files = self.files.keys().filter(|file| file.starts_with('k'));
        let folders = files.filter_map(|file| file.strip_suffix("/kustomization.yaml"));
        folders.max().unwrap().to_owned()
    }
}

/// The images of a report of which it says something else than that another place decides them.
fn told(report: &Value) -> BTreeSet<String> {
    let objects = report["objects"].as_array().unwrap().iter();
    let images = objects.flat_map(|object| object["images"].as_array().unwrap());
    let told = images.filter(|image| !image["code"].is_null() && image["code"] != "decided-by");
    told.map(|image| image["image"].as_str().unwrap_or_default().to_owned())
        .collect()
}

#[test]
fn no_image_of_a_build_is_without_a_digest_in_silence() {
    let Some(kubectl) = programs::kubectl_with_kustomize() else {
        return;
    };
    let [pinned, left, untold] = [0; 3].map(AtomicUsize::new);
    let from = number("IMAGO_LAWS_FROM").unwrap_or(0);
    let count = number("IMAGO_LAWS").unwrap_or(COUNT) / 1000 + 40;
    seeds::each(count, |seed| {
        let seed = from + seed;
        let tree = Lists::generate(seed);
        let place = tree.place();
        let folder = &tree.top();
        // kustomize refuses some trees, such as an index behind the last container.
        if let Some((images, rest)) = build(&kubectl, &place, folder) {
            place.imago(["files", "--update", "--offline"]).finish();
            let line = ["files", "--offline", "--output", "json"];
            let told = told(&place.imago(line).finish().json());
            let why = |image: &str| {
                let files = place.files().into_iter();
                let files = files.filter(|(file, _)| !file.starts_with(".git"));
                let files = files.map(|(file, text)| (file, String::from_utf8(text).unwrap()));
                format!(
                    "seed {seed}, {folder}: {image}\n{told:#?}\n{:#?}",
                    Vec::from_iter(files)
                )
            };
            let (new_images, new_rest) =
                build(&kubectl, &place, folder).unwrap_or_else(|| panic!("{}", why("no build")));
            assert_eq!(rest, new_rest, "{}", why(""));
            for ((at, image), new) in images.iter().zip(new_images.values()) {
                let number = image.strip_prefix("registry.example.test/i");
                let number = number.and_then(|rest| rest.strip_suffix(":1")?.parse::<u64>().ok());
                let Some(number) = number else {
                    // It is a piece of one.
                    assert_eq!(image, new, "{}", why(at));
                    continue;
                };
                match image == new {
                    true => {
                        let is_told = told.contains(image);
                        assert!(is_told || at.ends_with(".copy"), "{}", why(image));
                        left.fetch_add(1, Ordering::Relaxed)
                    }
                    false => {
                        let digest = format!("{image}@sha256:{number:064x}");
                        assert_eq!(*new, digest, "{}", why(image));
                        pinned.fetch_add(1, Ordering::Relaxed)
                    }
                };
            }
            untold.fetch_add(usize::from(told.is_empty()), Ordering::Relaxed);
        }
    });
    let [pinned, left, untold] = [pinned, left, untold].map(AtomicUsize::into_inner);
    assert!(
        pinned > left && left > 5 && untold > 5,
        "{pinned} pinned, {left} left, {untold} trees with nothing held"
    );
}
