//! The images of fields that are known by name.

use super::*;
use crate::engine::shape::find_in;
use serde_json::{Value, json};

/// The images of an object whose kind is added, `=` before those that are held.
fn images(object: Value, added: bool) -> Vec<String> {
    let kinds = Kinds {
        added: match added {
            true => vec![object["kind"].as_str().unwrap().parse().unwrap()],
            false => Vec::new(),
        },
        ..Kinds::default()
    };
    let found = find_in("", &object, &kinds);
    let sites = found.objects.into_iter().flat_map(|object| object.sites);
    sites
        .map(|site| {
            assert_eq!(site.memory, Memory::InPlace);
            let held = site.hold.as_ref().map_or("", |_| "=");
            format!("{held}{}", site.image.text().unwrap_or("none"))
        })
        .collect()
}

#[test]
fn each_row_finds_the_images_of_its_kinds_once_these_are_added() {
    let split = json!({"repository": "web", "tag": "1"});
    let rows = ROWS.iter().map(|row| (row, json!("web:1")));
    for ((group, kinds, paths), leaf) in
        rows.chain(SPLIT_ROWS.iter().map(|row| (row, split.clone())))
    {
        for kind in *kinds {
            for path in *paths {
                assert_eq!(path.parse::<Pattern>().unwrap().to_string(), *path);
                let object = path.rsplit('/').fold(leaf.clone(), |inner, key| {
                    match key.strip_suffix("[]") {
                        Some(key) => json!({key: [inner]}),
                        None if key == "*" => json!({"any": inner}),
                        None => json!({key: inner}),
                    }
                });
                let mut object = object;
                object["apiVersion"] = format!("{group}/v1").into();
                object["kind"] = (*kind).into();
                assert_eq!(images(object.clone(), true), ["web:1"], "{kind} {path}");
                assert_eq!(images(object.clone(), false), [""; 0], "{kind} {path}");
                assert_eq!(find_in("", &object, &Kinds::default()).unhandled, [*kind]);
                object["apiVersion"] = "example.com/v1".into();
                assert_eq!(images(object, true), [""; 0], "{kind} {path}");
            }
        }
    }
}

#[test]
fn what_chooses_its_image_itself_is_held() {
    let catalog = |spec: Value| json!({"apiVersion": "operators.coreos.com/v1alpha1", "kind": "CatalogSource", "spec": spec});
    assert_eq!(images(catalog(json!({"image": "web:1"})), true), ["web:1"]);
    let polled = json!({"image": "web:1", "updateStrategy": {"registryPoll": {"interval": "10m"}}});
    assert_eq!(images(catalog(polled), true), ["=web:1"]);
    let oci = |reference: Value| {
        json!({"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "OCIRepository",
        "spec": {"url": "oci://registry.example.com/shop/web", "ref": reference}})
    };
    for (reference, expected) in [
        (
            json!({"tag": "1"}),
            &["registry.example.com/shop/web:1"][..],
        ),
        (
            json!({"tag": "1", "digest": "sha256:00"}),
            &["registry.example.com/shop/web:1@sha256:00"],
        ),
        (
            json!({"tag": "1@sha256:00"}),
            &["registry.example.com/shop/web:1@sha256:00"],
        ),
        (
            json!({"digest": "sha256:00"}),
            &["registry.example.com/shop/web@sha256:00"],
        ),
        (
            json!({"tag": "1", "semver": ">= 1"}),
            &["=registry.example.com/shop/web:1"],
        ),
        (
            json!({"tag": "1", "digest": false}),
            &["=registry.example.com/shop/web:1"],
        ),
        (json!({"tag": 1}), &["none"]),
        (json!({}), &[]),
        (json!(null), &[]),
    ] {
        assert_eq!(
            images(oci(reference.clone()), true),
            expected,
            "{reference}"
        );
    }
}

#[test]
fn after_a_write_the_parts_say_the_image() {
    for (reference, to) in [
        (
            json!({"tag": "1"}),
            json!({"tag": "1", "digest": "sha256:11"}),
        ),
        (
            json!({"tag": "1", "digest": ""}),
            json!({"tag": "1", "digest": "sha256:11"}),
        ),
        (
            json!({"tag": "1", "digest": "sha256:00"}),
            json!({"tag": "1", "digest": "sha256:11"}),
        ),
        (json!({"tag": "1@sha256:00"}), json!({"tag": "1@sha256:11"})),
    ] {
        let mut object = json!({"url": "oci://web", "ref": reference});
        let split = TABLE.last().unwrap().split.clone().unwrap();
        let site = parts(&split, &object, &Path::root(), &[]).unwrap();
        assert!(site.write(site.image.text().unwrap()).is_empty());
        for change in site.write("web:1@sha256:11") {
            assert!(site.holds(&change));
            let Some((Step::Key(key), _)) = change.at.steps().split_last() else {
                panic!()
            };
            assert_eq!(object["ref"][&**key].as_str(), change.from.as_deref());
            object["ref"][&**key] = change.to.unwrap().into();
        }
        assert_eq!(object["ref"], to);
        assert_eq!(
            parts(&split, &object, &Path::root(), &[])
                .unwrap()
                .image
                .text(),
            Some("web:1@sha256:11")
        );
    }
}

#[test]
fn settings_reach_neither_outputs_nor_what_is_never_edited() {
    let declared = |group: Option<&'static str>, kind: &'static str, paths: &[&str]| Kinds {
        declared: vec![Shape {
            group: group.map(Into::into),
            kind: kind.into(),
            paths: paths.iter().map(|path| path.parse().unwrap()).collect(),
            split: None,
        }],
        ..Kinds::default()
    };
    let spec = json!({"image": "web:1", "tag": "web:2", "output": {"image": "web:3"}, "build": {"output": {"image": "web:4"}},
        "status": {"image": "web:5"}});
    let paths = [
        "spec/image",
        "spec/tag",
        "spec/*/image",
        "spec/build/output/image",
    ];
    for (api_version, kind, expected) in [
        (
            "example.com/v1",
            "Shop",
            &["web:1", "web:2", "web:3", "web:4"][..],
        ),
        (
            "kafka.strimzi.io/v1",
            "KafkaConnect",
            &["web:1", "web:2", "web:3"],
        ),
        ("kpack.io/v1", "Image", &["web:1", "web:3", "web:4"]),
        ("shipwright.io/v1", "Build", &["web:1", "web:2", "web:4"]),
        ("image.toolkit.fluxcd.io/v1", "ImageRepository", &[]),
        ("kyverno.io/v1", "ClusterPolicy", &[]),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition", &[]),
    ] {
        let object = json!({"apiVersion": api_version, "kind": kind, "spec": spec});
        let kinds = declared(None, kind, &paths);
        let found = find_in("", &object, &kinds).objects;
        let images = found
            .iter()
            .flat_map(|object| &object.sites)
            .filter_map(|site| site.image.text());
        assert!(images.eq(expected.iter().copied()), "{kind}");
    }
    assert!(declared(Some("kyverno.io"), "ClusterPolicy", &paths).declared[0].never());
    assert!(!declared(None, "ClusterPolicy", &paths).declared[0].never());
    let owned = json!({"apiVersion": "example.com/v1", "kind": "Shop", "metadata": {"ownerReferences": [{"kind": "Shops"}]}, "spec": spec});
    assert!(
        find_in("", &owned, &declared(None, "Shop", &paths))
            .objects
            .is_empty()
    );
}
