//! JSON Patches that compare, and the images that they hold.

use serde_json::{Value, json};

use crate::engine::kustomize::tests::*;
use crate::engine::kustomize::*;
use crate::engine::shape;

/// A tree with an overlay that has a JSON Patch in a file of its own.
fn with_json_patch(over: &Value, operations: &Value) -> Overlays {
    let mut over = Kustomization::read(over, "over/kustomization.yaml");
    let named: Vec<String> = over.named_files().map(str::to_owned).collect();
    for file in named {
        over.take(&file, &NamedFile::read([operations].into_iter(), None));
    }
    let (file, document) = base();
    let mut tree = Overlays::new(vec![Kustomization::read(&document, file), over]);
    let objects = shape::find(operations).objects;
    tree.take_patch("over/patch.yaml", objects.iter());
    tree
}

#[test]
fn a_json_patch_that_compares_an_image_holds_it() {
    for (path, kind, expected) in [
        (
            "/spec/template/spec/containers/0/image",
            "Deployment",
            "unfollowed",
        ),
        ("/spec/template/spec/containers/0", "", "unfollowed"),
        ("/spec/template/spec", "Deploy.*", "unfollowed"),
        ("", "Deployment", "unfollowed"),
        ("/spec/replicas", "Deployment", "kept"),
        (
            "/spec/template/spec/containers/0/name",
            "Deployment",
            "kept",
        ),
        (
            "/spec/template/spec/initContainers/0/image",
            "Deployment",
            "kept",
        ),
        ("/spec/template/spec/containers/0/image", "Job", "kept"),
    ] {
        let operations = json!([{"op": "test", "path": path, "value": "x"}]);
        let over = |patch: Value| json!({"resources": ["../base"], "patches": [patch]});
        let target = json!({"kind": kind});
        let text = over(json!({"patch": operations.to_string(), "target": target}));
        let file = over(json!({"path": "patch.yaml", "target": target}));
        let older = json!({"resources": ["../base"], "patchesJson6902": [{"path": "patch.yaml", "target": target}]});
        for tree in [
            overlays(&[base(), ("over/kustomization.yaml", text)]),
            with_json_patch(&file, &operations),
            with_json_patch(&older, &operations),
        ] {
            let told = told(&tree, "base/web.yaml", "web:1");
            assert!(told.contains(expected), "{path} {kind}: {told}");
            assert_eq!(told.contains("unfollowed"), expected == "unfollowed");
        }
    }
}

#[test]
fn what_a_patch_puts_in_is_held_where_it_is_compared_afterwards() {
    let image = "/spec/template/spec/containers/0/image";
    let put = json!({"op": "replace", "path": image, "value": "web:1"});
    let pod = json!({"op": "add", "path": "/spec/template/spec", "value": {"containers": [{"name": "web", "image": "web:1"}]}});
    let test = json!({"op": "test", "path": image, "value": "web:1"});
    let other =
        json!({"op": "test", "path": "/spec/template/spec/containers/0/name", "value": "web"});
    for (operations, expected) in [
        (json!([put, test]), "unfollowed"),
        (json!([pod, test]), "unfollowed"),
        (json!([test, put]), ""),
        (json!([put, other]), ""),
    ] {
        let target = json!({"kind": "Deployment", "name": "web"});
        let over = json!({"resources": ["../base"], "patches": [{"path": "patch.yaml", "target": target}]});
        let tree = with_json_patch(&over, &operations);
        let object = shape::find(&operations).objects.remove(0);
        let fate = tree.fate("over/patch.yaml", &object, &object.sites[0]);
        assert_eq!(
            fate.unfollowed.is_some(),
            !expected.is_empty(),
            "{operations}"
        );
        let over = json!({"resources": ["../base"], "patches": [{"patch": operations.to_string(), "target": target}]});
        let tree = overlays(&[base(), ("over/kustomization.yaml", over.clone())]);
        let found = shape::find_in("kustomization.yaml", &over, &shape::Kinds::default());
        let own = tree.kustomization("over/kustomization.yaml").unwrap();
        let (fate, _) = tree
            .fate_in_kustomization(own, &found.objects[0].sites[0])
            .unwrap();
        assert_eq!(
            fate.unfollowed.is_some(),
            !expected.is_empty(),
            "{operations}"
        );
    }
    // Another patch compares what this one puts in, if both may be for one object.
    for (name, is_held) in [("web", true), ("w.*", true), ("app", false)] {
        let own = json!([put]).to_string();
        let patches = json!([
            {"patch": own, "target": {"kind": "Deployment", "name": "web"}},
            {"patch": json!([test]).to_string(), "target": {"kind": "Deployment", "name": name}},
        ]);
        let over = json!({"resources": ["../base"], "patches": patches});
        let tree = overlays(&[base(), ("over/kustomization.yaml", over.clone())]);
        let found = shape::find_in("kustomization.yaml", &over, &shape::Kinds::default());
        let own = tree.kustomization("over/kustomization.yaml").unwrap();
        let (fate, _) = tree
            .fate_in_kustomization(own, &found.objects[0].sites[0])
            .unwrap();
        assert_eq!(fate.unfollowed.is_some(), is_held, "{name}");
    }
}

#[test]
fn an_entry_is_held_where_a_patch_further_up_compares_what_it_puts_in() {
    let test =
        json!([{"op": "test", "path": "/spec/template/spec/containers/0/image", "value": "web:2"}]);
    let entries = json!([{"name": "web", "newTag": "2"}]);
    let base = json!({"resources": ["web.yaml"], "images": entries});
    let over = |name: &str| json!({"resources": ["../base"], "patches": [{"patch": test.to_string(), "target": {"name": name}}]});
    for (name, is_held) in [("web", true), ("app", false)] {
        let mut tree = overlays(&[
            ("base/kustomization.yaml", base.clone()),
            ("over/kustomization.yaml", over(name)),
        ]);
        let object = deployment("web:1");
        let fate = tree.fate("base/web.yaml", &object, &object.sites[0]);
        assert_eq!(fate.unfollowed, None);
        tree.bind(&fate, None);
        let found = shape::find_in("kustomization.yaml", &base, &shape::Kinds::default());
        let own = tree.kustomization("base/kustomization.yaml").unwrap();
        let (_, hold) = tree
            .fate_in_kustomization(own, &found.objects[0].sites[0])
            .unwrap();
        assert_eq!(hold.is_some(), is_held, "{name}");
    }
}

#[test]
fn what_flux_compares_on_top_of_a_folder_holds_its_images() {
    let test =
        json!([{"op": "test", "path": "/spec/template/spec/containers/0/image", "value": "web:1"}]);
    let flux = json!({"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
        "spec": {"path": "./base", "patches": [{"patch": test.to_string(), "target": {"kind": "Deployment"}}]}});
    assert!(may_deliver("flux.yaml", flux.to_string().as_bytes()));
    let (file, document) = base();
    let mut all = deliveries(&flux, 0, "clusters/flux.yaml");
    all.push(Kustomization::read(&document, file));
    let tree = Overlays::new(all);
    assert_eq!(told(&tree, "base/web.yaml", "web:1"), "kept, unfollowed");
}

#[test]
fn an_object_that_a_kustomization_moved_is_meant_by_its_new_name_and_namespace() {
    let test =
        json!([{"op": "test", "path": "/spec/template/spec/containers/0/image", "value": "web:1"}]);
    let over = |target: Value| json!({"resources": ["../base"], "patches": [{"patch": test.to_string(), "target": target}]});
    let apart = |name: &str| {
        json!({"resources": ["../base"], "replacements": [{
            "source": {"kind": "Deployment", "name": name, "fieldPath": "spec.template.spec.containers.0.image", "options": {"delimiter": ":", "index": 1}},
            "targets": [{"select": {"kind": "ConfigMap"}, "fieldPaths": ["data.web"]}]}]})
    };
    let prefix = json!({"resources": ["web.yaml"], "namePrefix": "dev-"});
    let space = json!({"resources": ["web.yaml"], "namespace": "shop"});
    let plain = json!({"resources": ["web.yaml"]});
    let new_name = || over(json!({"kind": "Deployment", "name": "dev-web"}));
    let new_space = || over(json!({"namespace": "shop"}));
    for (base, over, is_held) in [
        (&prefix, new_name(), true),
        (
            &prefix,
            over(json!({"kind": "Deployment", "name": "web"})),
            true,
        ),
        (
            &prefix,
            over(json!({"kind": "Deployment", "name": "dev-app"})),
            false,
        ),
        (
            &prefix,
            over(json!({"kind": "StatefulSet", "name": "dev-web"})),
            false,
        ),
        (&plain, new_name(), false),
        (&space, new_space(), true),
        (&prefix, apart("dev-web"), true),
        (&prefix, apart("dev-app"), false),
        (&plain, apart("dev-web"), false),
    ] {
        let tree = overlays(&[
            ("base/kustomization.yaml", base.clone()),
            ("over/kustomization.yaml", over.clone()),
        ]);
        let mut object = deployment("web:1");
        object.namespace = Some("old".to_owned());
        let fate = tree.fate("base/web.yaml", &object, &object.sites[0]);
        let held = fate.unfollowed.or(fate.taken_apart);
        assert_eq!(held.is_some(), is_held, "{base} {over}");
    }
}
