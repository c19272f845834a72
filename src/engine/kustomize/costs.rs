//! What the images of a tree meet grows no faster than the tree: each shape is followed at one size and at twice that size.

use serde_json::{Value, json};

use super::*;
use crate::engine::object::Object;
use crate::engine::shape;
use crate::engine::yaml::steps;

const SIZE: usize = 1000;

/// The steps that it takes to follow the images of objects, and how many of these are followed.
fn followed(tree: &Overlays, objects: &[Object]) -> (usize, usize) {
    let before = steps::count();
    let sites = objects
        .iter()
        .flat_map(|object| object.sites.iter().map(move |site| (object, site)));
    let fates = sites.map(|(object, site)| tree.fate("k0/web.yaml", object, site));
    let known = fates.filter(|fate| fate.unfollowed.is_none()).count();
    ((steps::count() - before) as usize, known)
}

fn grows(name: &str, cost: impl Fn(usize) -> usize) {
    let (once, twice) = (cost(SIZE), cost(2 * SIZE));
    assert!(once >= SIZE, "{name}: only {once} steps are counted");
    assert!(
        2 * twice <= 5 * once,
        "{name}: {once} steps become {twice} when the input doubles"
    );
}

/// Kustomizations that all build on each other, each with these keys, too.
fn circle(count: usize, keys: &Value) -> Overlays {
    let one = |at: usize| {
        let others: Vec<String> = (0..count).map(|other| format!("../k{other}")).collect();
        let mut document = keys.clone();
        document["resources"] = [others, vec!["web.yaml".to_owned()]].concat().into();
        Kustomization::read(&document, &format!("k{at}/kustomization.yaml"))
    };
    Overlays::new((0..count).map(one).collect())
}

/// A kustomization with these keys on top of a file.
fn one(keys: Value) -> Overlays {
    let mut document = keys;
    document["resources"] = json!(["web.yaml"]);
    Overlays::new(vec![Kustomization::read(
        &document,
        "k0/kustomization.yaml",
    )])
}

/// A Deployment with containers of these numbers.
fn deployment(name: &str, containers: std::ops::Range<usize>) -> Object {
    let container = |at: usize| json!({"name": format!("c{at}"), "image": format!("web-{at}:1")});
    let containers: Vec<Value> = containers.map(container).collect();
    let object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name},
        "spec": {"template": {"spec": {"containers": containers}}}});
    shape::find(&object).objects.remove(0)
}

/// As many Deployments with a container each.
fn deployments(count: usize) -> Vec<Object> {
    let one = |at| deployment(&format!("d{at}"), at..at + 1);
    (0..count).map(one).collect()
}

const IMAGE: &str = "spec.template.spec.containers.0.image";

#[test]
fn kustomizations_that_build_on_each_other_cost_no_product_with_the_images() {
    let entries = json!({"images": [{"name": "other", "newTag": "2"}]});
    let tree = || circle(200, &entries);
    let all = 200 * 200;
    let (once, _) = followed(&tree(), &[deployment("web", 0..100)]);
    let (twice, _) = followed(&tree(), &[deployment("web", 0..200)]);
    assert!(once <= SHARED_STEPS + 100 * STEPS_OF_EACH, "{once}");
    assert!(twice <= SHARED_STEPS + 200 * STEPS_OF_EACH, "{twice}");
    // Without many images, or in small circles, all are followed.
    let (cost, known) = followed(&tree(), &[deployment("web", 0..10)]);
    assert_eq!(known, 10);
    assert!(cost >= 10 * all, "{cost}");
    let (_, known) = followed(&circle(20, &entries), &[deployment("web", 0..2000)]);
    assert_eq!(known, 2000);
}

#[test]
fn entries_cost_no_product_with_the_images() {
    let tree = |name: &dyn Fn(usize) -> String, count| {
        let entry = |at| json!({"name": name(at), "newTag": "2"});
        one(json!({"images": (0..count).map(entry).collect::<Vec<Value>>()}))
    };
    for (shape, name) in [
        (
            "the same names",
            &(|at| format!("web-{at}")) as &dyn Fn(usize) -> String,
        ),
        ("other names", &|at| format!("r.example.com/shop/api-{at}")),
    ] {
        grows(shape, |count| {
            let (cost, known) = followed(&tree(name, count), &[deployment("web", 0..count)]);
            assert_eq!(known, count);
            cost
        });
        grows(&format!("{shape}, followed themselves"), |count| {
            let entry = |at| json!({"name": name(at), "newTag": "2"});
            let document = json!({"images": (0..count).map(entry).collect::<Vec<Value>>()});
            let found = shape::find_in("kustomization.yaml", &document, &shape::Kinds::default());
            let tree = tree(name, count);
            let before = steps::count();
            for site in &found.objects[0].sites {
                tree.fate_in_kustomization(0, site).unwrap();
            }
            (steps::count() - before) as usize
        });
    }
}

#[test]
fn replacements_cost_no_product_with_the_images() {
    let target = |at: usize| json!({"select": {"kind": "Deployment", "name": format!("d{at}")}, "fieldPaths": [IMAGE]});
    let all = |count: usize, one: &dyn Fn(usize) -> Value| -> Vec<Value> {
        (0..count).map(one).collect()
    };
    grows("as many replacements", |count| {
        let replacements = all(count, &|at| json!({"targets": [target(at)]}));
        followed(
            &one(json!({"replacements": replacements})),
            &deployments(count),
        )
        .0
    });
    grows("as many targets", |count| {
        let targets = all(count, &target);
        followed(
            &one(json!({"replacements": [{"targets": targets}]})),
            &deployments(count),
        )
        .0
    });
    grows("as many paths", |count| {
        let paths: Vec<String> = (0..count)
            .map(|at| format!("spec.template.spec.containers.[name=c{at}].image"))
            .collect();
        let target = json!({"select": {"kind": "Deployment"}, "fieldPaths": paths});
        let tree = one(json!({"replacements": [{"targets": [target]}]}));
        let object = deployment("web", 0..count);
        let fate = tree.fate("k0/web.yaml", &object, &object.sites[0]);
        assert_eq!(fate.replaced.len(), 1);
        followed(&tree, &[object]).0
    });
}

#[test]
fn patches_cost_no_product_with_the_images() {
    let all = |count: usize, operation: &str| {
        let operation = json!([{"op": operation, "path": "/spec/template/spec/containers/0/image", "value": "web:2"}]).to_string();
        let patch = |at: usize| json!({"patch": operation, "target": {"kind": "Deployment", "name": format!("d{at}")}});
        one(json!({"patches": (0..count).map(patch).collect::<Vec<Value>>()}))
    };
    grows("that compare", |count| {
        let (cost, known) = followed(&all(count, "test"), &deployments(count));
        assert_eq!(known, 0);
        cost
    });
    grows("that put in", |count| {
        followed(&all(count, "replace"), &deployments(count)).0
    });
}

#[test]
fn what_many_configurations_name_is_handed_up_within_a_limit() {
    let file = json!({"images": [{"path": "spec/image"}]});
    let tree = |count: usize| {
        let one = |at: usize| {
            let others: Vec<String> = (0..count).map(|other| format!("../k{other}")).collect();
            let document = json!({"resources": others, "configurations": ["fields.yaml"]});
            let mut one = Kustomization::read(&document, &format!("k{at}/kustomization.yaml"));
            let named: Vec<String> = one.named_files().map(str::to_owned).collect();
            for name in named {
                one.take(&name, &NamedFile::read([&file].into_iter(), None));
            }
            one
        };
        Overlays::new((0..count).map(one).collect())
    };
    assert!(!tree(40).has_doubts());
    assert!(tree(150).has_doubts());
}
