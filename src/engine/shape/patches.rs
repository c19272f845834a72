//! Images in patches of a kustomization: the operations of a JSON Patch (RFC 6902), and the texts in which a kustomization has patches.
//!
//! ```yaml
//! patches:
//! - target: {kind: Deployment}
//!   patch: |-
//!     - op: replace
//!       path: /spec/template/spec/containers/0/image
//!       value: registry.example.com/shop/web:1.4
//! ```

use std::borrow::Cow;
use std::num::NonZeroU32;

use super::families::{self, NEVER_BELOW};
use super::pods::IMAGE;
use super::{Kinds, fields, jobs};
use crate::engine::hold::Hold;
use crate::engine::kustomize::{PATCHES, Target};
use crate::engine::object::kept_name;
use crate::engine::path::{Path, Step};
use crate::engine::site::{Comments, Image, Memory, Role, Site, Slots, marks};
use crate::engine::tree::{Scalar, Tree};

/// What a file with a JSON Patch is called, as it has no kind.
pub const JSON_PATCH: &str = "JSON6902 patch";

/// Where an operation has what it puts in.
static VALUE: [Step; 1] = [Step::Key(Cow::Borrowed("value"))];

const CONTAINERS: &str = "containers";
const INIT_CONTAINERS: &str = "initContainers";

/// What stands above the containers of a pod.
const ABOVE: [&str; 3] = ["spec", "template", "jobTemplate"];

/// How deep these stand in each other at most: `spec.jobTemplate.spec.template.spec`.
const MOST_ABOVE: usize = 5;

/// The images that the operations of a JSON Patch put in. `None`: the document is no JSON Patch.
pub(super) fn operations<'a, T: Tree<'a>>(document: T, at: &Path) -> Option<Vec<Site>> {
    let items = document.items();
    let text = |item: T, key| item.get(key).and_then(|value| value.scalar().text());
    let is_operation = |item: &T| text(*item, "op").is_some() && text(*item, "path").is_some();
    if items.is_empty() || !items.iter().all(is_operation) {
        return None;
    }
    let mut sites = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        let puts_in = matches!(text(item, "op"), Some("add" | "replace"));
        let (Some(path), Some(value), true) = (text(item, "path"), item.get("value"), puts_in)
        else {
            continue;
        };
        if path.split('/').any(|key| NEVER_BELOW.contains(&key)) {
            continue;
        }
        let at = at.join(index);
        match path.rsplit('/').collect::<Vec<_>>().as_slice() {
            ["image", ..] | ["reference", "image", ..] => {
                sites.extend(site((item, value), path, at, &VALUE));
            }
            [CONTAINERS | INIT_CONTAINERS, ..] => {
                sites.extend(listed(value, path, &at.join("value")));
            }
            [_, CONTAINERS | INIT_CONTAINERS, ..] => {
                let image = value.get("image");
                let at = at.join("value");
                sites.extend(image.and_then(|image| site((value, image), path, at, &IMAGE)));
            }
            [last, ..] if last.is_empty() || ABOVE.contains(last) => {
                around(value, path, &at.join("value"), MOST_ABOVE, &mut sites);
            }
            _ => {}
        }
    }
    Some(sites)
}

/// The images of a list of containers.
fn listed<'a, T: Tree<'a>>(list: T, path: &str, at: &Path) -> Vec<Site> {
    let containers = list.items().into_iter().enumerate();
    let site = |(index, container): (usize, T)| {
        let image = container.get("image")?;
        site((container, image), path, at.join(index), &IMAGE)
    };
    containers.filter_map(site).collect()
}

/// The images of the pods in what an operation puts in above their containers, at most so many keys below it.
fn around<'a, T: Tree<'a>>(value: T, path: &str, at: &Path, left: usize, sites: &mut Vec<Site>) {
    for list in [INIT_CONTAINERS, CONTAINERS] {
        if let Some(containers) = value.get(list) {
            sites.extend(listed(
                containers,
                &format!("{path}/{list}"),
                &at.join(list),
            ));
        }
    }
    for key in ABOVE {
        if let Some(below) = value.get(key).filter(|_| left > 0) {
            let (path, at) = (format!("{path}/{key}"), at.join(key));
            around(below, &path, &at, left - 1, sites);
        }
    }
}

/// The image at a slot of a mapping.
fn site<'a, T: Tree<'a>>(
    (around, image): (T, T),
    path: &str,
    at: Path,
    slot: &'static [Step],
) -> Option<Site> {
    let Scalar::Text(text) = image.scalar() else {
        return None;
    };
    let said = Comments::read(marks([image], [around]));
    Some(Site {
        role: Role::Other,
        name: kept_name(path),
        at,
        slots: Slots::Whole(Cow::Borrowed(slot)),
        image: Image::Text(text.to_owned()),
        memory: Memory::InPlace,
        pull_policy: None,
        line: image.line().and_then(NonZeroU32::new),
        commented: said.lines,
        ignored: said.ignored,
        decided_by: None,
        hold: said.hold,
        policy: said.policy,
        marker: None,
    })
}

/// What holds the images of a patch with this target, as it may be one of Jobs.
pub fn patch_hold(target: &Target, kinds: &Kinds) -> Option<Hold> {
    jobs::targeted(target, kinds).map(Hold::job_immutable)
}

/// Whether the images of operations are taken in a patch with this target, those of pods or others: in objects of that kind they would be.
pub fn patch_takes(target: &Target, of_pod: bool, kinds: &Kinds) -> bool {
    let Some((group, kind)) = target.named() else {
        return true;
    };
    families::of(&format!("{group}/"), kind).is_some()
        && (of_pod || !fields::may_be_off(group, kind, kinds))
}

/// Whether the image of an operation is that of a pod.
pub fn is_of_pod(operation: &Site) -> bool {
    let is_container = |key: &str| matches!(key, CONTAINERS | INIT_CONTAINERS);
    operation.name.split('/').any(is_container)
}

/// A patch that stands as a text in a kustomization.
pub(super) struct Text<'a, T> {
    /// The scalar with the text.
    pub(super) node: T,
    /// What stands in it.
    pub(super) text: &'a str,
    /// Where it stands.
    pub(super) at: Path,
    pub(super) target: Target,
}

/// The patches that stand as texts in a mapping with the keys of a kustomization, if an image may be in them.
pub(super) fn texts<'a, T: Tree<'a>>(mapping: T, at: &Path) -> Vec<Text<'a, T>> {
    let mut texts = Vec::new();
    for list in PATCHES {
        let items = mapping.get(list).map(T::items).unwrap_or_default();
        for (index, item) in items.into_iter().enumerate() {
            let patch = item.get("patch");
            let node = patch.unwrap_or(item);
            let Some(text) = node.scalar().text().filter(|text| text.contains("image")) else {
                continue;
            };
            let at = at.join(list).join(index);
            let at = patch.map_or_else(|| at.clone(), |_| at.join("patch"));
            let target = Target::read(item);
            texts.push(Text {
                node,
                text,
                at,
                target,
            });
        }
    }
    texts
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::engine::shape::{find, find_in};

    fn images(document: &Value) -> Vec<String> {
        let found = find(document);
        let sites = found.objects.iter().flat_map(|object| &object.sites);
        let told = |site: &Site| format!("{} {}", site.written_at(), site.image.text().unwrap());
        sites.map(told).collect()
    }

    #[test]
    fn an_operation_puts_in_an_image_or_containers() {
        let containers = "/spec/template/spec/containers";
        let image = |op: &str, path: &str| json!({"op": op, "path": path, "value": "web:1"});
        let container = json!({"name": "a", "image": "web:2"});
        let document = json!([
            image("replace", &format!("{containers}/0/image")),
            image("add", "/spec/image"),
            image("test", "/spec/image"),
            image("replace", "/spec/imagePullPolicy"),
            image("replace", "/spec/volumes/0/image/reference"),
            {"op": "remove", "path": "/spec/image"},
            {"op": "replace", "path": "/spec/image", "value": {"repository": "web"}},
            {"op": "add", "path": format!("{containers}/-"), "value": container},
            {"op": "add", "path": "/spec/initContainers", "value": [container, {"name": "b"}]},
            {"op": "replace", "path": "/spec/template/spec", "value": {"initContainers": [container], "containers": [container]}},
            {"op": "replace", "path": "/spec/template", "value": {"spec": {"containers": [container]}}},
            {"op": "replace", "path": "", "value": {"spec": {"jobTemplate": {"spec": {"template": {"spec": {"containers": [container]}}}}}}},
            {"op": "replace", "path": "/spec/replicas", "value": {"spec": {"containers": [container]}}},
        ]);
        assert_eq!(
            images(&document),
            [
                "[0].value web:1",
                "[1].value web:1",
                "[4].value web:1",
                "[7].value.image web:2",
                "[8].value[0].image web:2",
                "[9].value.initContainers[0].image web:2",
                "[9].value.containers[0].image web:2",
                "[10].value.spec.containers[0].image web:2",
                "[11].value.spec.jobTemplate.spec.template.spec.containers[0].image web:2",
            ]
        );
        for document in [
            json!([]),
            json!([{"op": "add"}]),
            json!([{"path": "/image"}, 1]),
        ] {
            assert_eq!(images(&document), [""; 0], "{document}");
        }
    }

    #[test]
    fn a_patch_may_be_a_text_of_the_kustomization() {
        let merge = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n      containers:\n      - name: web\n        image: web:1\n";
        let operations =
            "- op: replace\n  path: /spec/template/spec/containers/0/image\n  value: web:2\n";
        let patches = json!([{"patch": merge}, {"path": "image.yaml"}, {"patch": operations}]);
        let expected = |at: &str| {
            [
                format!("{at}patches[0].patch | spec.template.spec.containers[0].image web:1"),
                format!("{at}patches[2].patch | [0].value web:2"),
            ]
        };
        let told = |api_version: &str, kind: &str, spec: Value| {
            images(&json!({"apiVersion": api_version, "kind": kind, "spec": spec}))
        };
        let flux = told(
            "kustomize.toolkit.fluxcd.io/v1",
            "Kustomization",
            json!({"patches": patches}),
        );
        assert_eq!(flux, expected("spec."));
        let renderers = json!({"postRenderers": [{"kustomize": {"patches": patches}}]});
        let helm = told("helm.toolkit.fluxcd.io/v2", "HelmRelease", renderers);
        assert_eq!(helm, expected("spec.postRenderers[0].kustomize."));
        let two = format!("{merge}---\n{merge}");
        let own = json!({"patches": patches, "patchesStrategicMerge": ["image.yaml", two]});
        let found = find_in("kustomization.yaml", &own, &Kinds::default());
        let sites = &found.objects[0].sites;
        assert!(sites.iter().all(|site| site.memory == Memory::InPlace));
        let places: Vec<_> = sites.iter().map(|site| site.at.to_string()).collect();
        assert_eq!(
            places[2..],
            [
                "patchesStrategicMerge[1] | spec.template.spec.containers[0]",
                "patchesStrategicMerge[1] | (1) spec.template.spec.containers[0]",
            ]
        );
    }

    #[test]
    fn a_patch_of_jobs_is_held() {
        let operations =
            "- {op: replace, path: /spec/template/spec/containers/0/image, value: web:2}\n";
        let held = |target: Value| {
            let object = json!({"patches": [{"patch": operations, "target": target}]});
            let found = find_in("kustomization.yaml", &object, &Kinds::default());
            found.objects[0].sites[0].hold.is_some()
        };
        assert!(held(json!({"kind": "Job"})) && held(json!({"kind": "JobSet"})));
        assert!(held(json!({"group": "batch", "kind": "Job"})));
        assert!(!held(json!({"kind": "CronJob"})) && !held(json!({"name": "web"})));
        assert!(!held(json!({"group": "example.com", "kind": "Job"})));
        for kind in ["Job|CronJob", ".*Job", "Deployment|Job", "Job["] {
            assert!(held(json!({"kind": kind})), "{kind}");
        }
        assert!(!held(json!({"kind": "Deployment|StatefulSet"})));
        assert!(!held(
            json!({"kind": "Job|CronJob", "group": "example.com"})
        ));
        assert!(held(json!({"kind": "Job|CronJob", "group": "batch|apps"})));
    }

    #[test]
    fn what_an_operation_puts_where_no_image_is_read_is_none() {
        for path in [
            "/data/image",
            "/metadata/annotations/image",
            "/status/image",
            "/stringData/image",
            "/spec/template/metadata/labels/image",
        ] {
            let document = json!([{"op": "add", "path": path, "value": "web:1"}]);
            assert_eq!(images(&document), [""; 0], "{path}");
        }
    }

    #[test]
    fn an_operation_on_a_kind_whose_images_are_not_taken_is_not_taken() {
        let taken = |path: &str, target: &Value, added: &str| {
            let patch = format!("- {{op: replace, path: {path}, value: web:2}}\n");
            let object = json!({"patches": [{"patch": patch, "target": target}]});
            let added = (!added.is_empty()).then(|| added.parse().unwrap());
            let kinds = Kinds {
                added: added.into_iter().collect(),
                ..Kinds::default()
            };
            !find_in("kustomization.yaml", &object, &kinds)
                .objects
                .is_empty()
        };
        let image = "/spec/image";
        let operator = json!({"group": "monitoring.coreos.com", "kind": "Prometheus"});
        let bare = json!({"kind": "Prometheus"});
        let policy = json!({"group": "kyverno.io", "kind": "ClusterPolicy"});
        for target in [&operator, &bare] {
            assert!(!taken(image, target, ""), "{target}");
            assert!(taken(image, target, "Prometheus"), "{target}");
            let named = "Prometheus.monitoring.coreos.com";
            assert!(taken(image, target, named), "{target}");
            assert!(taken("/spec/containers/0/image", target, ""), "{target}");
        }
        assert!(!taken("/spec/containers/0/image", &policy, ""));
        assert!(taken(image, &json!({"kind": "Shop"}), "") && taken(image, &json!(null), ""));
    }
}
