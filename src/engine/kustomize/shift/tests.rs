//! Containers that patches move, and what finds others by their place.

use serde_json::{Value, json};

use crate::engine::kustomize::tests::*;
use crate::engine::shape;
use crate::engine::yaml::File;

/// What becomes of the images of a Deployment with the containers `a`, `b` and `c`, below these kustomizations on top of its own.
fn followed(above: &[(&str, Value)]) -> Vec<String> {
    let mut files = vec![base()];
    files.extend_from_slice(above);
    let mut tree = overlays(&files);
    for (file, document) in &files {
        if tree.shifting_files().contains(*file) {
            let text = document.to_string();
            tree.take_shifts(file, Some(&File::parse(&text).unwrap()));
        }
    }
    let containers =
        ["a", "b", "c"].map(|name| json!({"name": name, "image": format!("{name}:1")}));
    let object = shape::find(&deployed(json!(containers))).objects.remove(0);
    let sites = object.sites.iter();
    sites
        .map(|site| say(&tree.fate("base/web.yaml", &object, site)))
        .collect()
}

fn deployed(containers: Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"template": {"spec": {"containers": containers}}}})
}

/// An item of `patches` with a merge of these containers.
fn merge(containers: Value) -> Value {
    json!({"patch": deployed(containers).to_string()})
}

/// An item of `patches` with an operation: `from` may be a value.
fn operation(op: &str, path: &str, from: &str) -> Value {
    let list = "/spec/template/spec/containers";
    let key = match op {
        "move" | "copy" => "from",
        _ => "value",
    };
    let from = match op {
        "move" | "copy" => json!(format!("{list}/{from}")),
        _ if path.contains('/') => json!(from),
        _ => json!({"name": "new", "image": from}),
    };
    let patch = json!([{"op": op, "path": format!("{list}/{path}"), key: from}]);
    json!({"patch": patch.to_string(), "target": {"kind": "Deployment", "name": "web"}})
}

fn over(folder: &str, patches: &[Value]) -> (&'static str, Value) {
    let (file, below) = match folder {
        "over" => ("over/kustomization.yaml", "../base"),
        _ => ("top/kustomization.yaml", "../over"),
    };
    (file, json!({"resources": [below], "patches": patches}))
}

const SET: [&str; 3] = ["kept", "set by top", "kept"];
const HELD: &str = "kept, unfollowed";

#[test]
fn an_index_behind_a_patch_that_moves_the_container_decides_nothing() {
    let set = || over("top", &[operation("replace", "1/image", "x:1")]);
    let patched = |patch: Value| followed(&[over("over", &[patch]), set()]);
    // A merge puts its items first.
    for (containers, expected) in [
        (json!([{"name": "a"}]), SET),
        (json!([{"name": "a"}, {"name": "b"}]), SET),
        (json!([]), SET),
        (json!([{"name": "b"}]), [HELD, HELD, "kept"]),
        (json!([{"name": "b"}, {"name": "a"}]), [HELD, HELD, "kept"]),
        (json!([{"name": "new", "image": "x:1"}]), [HELD; 3]),
        (json!([{"name": "a", "$patch": "delete"}]), [HELD; 3]),
        (json!([{"image": "x:1"}]), [HELD; 3]),
        (json!(null), [HELD; 3]),
    ] {
        assert_eq!(patched(merge(containers.clone())), expected, "{containers}");
    }
    for (op, path, from, expected) in [
        ("replace", "0/args", "", SET),
        ("add", "-", "x:1", SET),
        ("add", "2", "x:1", ["kept", "set by top", HELD]),
        ("add", "1", "x:1", ["kept", HELD, HELD]),
        ("remove", "0", "", [HELD; 3]),
        ("move", "2", "0", [HELD; 3]),
        ("copy", "0", "2", [HELD; 3]),
        ("move", "0/image", "1/image", ["kept", HELD, "kept"]),
        ("replace", "0/name", "x", [HELD; 3]),
    ] {
        assert_eq!(patched(operation(op, path, from)), expected, "{op} {path}");
    }
    // What another object is for, or another list, moves nothing.
    let other = merge(json!([{"name": "new"}]))["patch"].to_string();
    let other = other.replace("web", "app");
    let other: String = serde_json::from_str(&other).unwrap();
    assert_eq!(patched(json!({"patch": other})), SET);
    let init = merge(json!([{"name": "new"}]))["patch"].to_string();
    let init: String = serde_json::from_str(&init.replace("containers", "initContainers")).unwrap();
    assert_eq!(patched(json!({"patch": init})), SET);
}

#[test]
fn an_index_in_the_same_kustomization_or_behind_a_component_decides_nothing() {
    let (moves, sets) = (
        || merge(json!([{"name": "new", "image": "x:1"}])),
        || operation("replace", "0/image", "x:1"),
    );
    let own = [HELD; 3];
    assert_eq!(followed(&[over("over", &[moves(), sets()])]), own);
    assert_eq!(followed(&[over("over", &[sets(), moves()])]), own);
    let part = json!({"kind": "Component", "patches": [moves()]});
    let mut with_part = over("over", &[sets()]);
    with_part.1["components"] = json!(["../part"]);
    assert_eq!(
        followed(&[with_part, ("part/kustomization.yaml", part)]),
        own
    );
    // What moves it later says nothing of the index.
    let told = followed(&[over("over", &[sets()]), over("top", &[moves()])]);
    assert_eq!(told, ["set by over", "kept", "kept"]);
}

#[test]
fn a_name_is_found_wherever_it_stands_unless_it_is_another_ones() {
    let set = || over("top", &[merge(json!([{"name": "b", "image": "x:1"}]))]);
    let patched = |patch: Value| followed(&[over("over", &[patch]), set()]);
    for (op, path, from, expected) in [
        ("add", "0", "x:1", SET),
        ("remove", "0", "", SET),
        ("replace", "1/name", "x", ["kept", HELD, "kept"]),
        ("copy", "0", "1", ["kept", HELD, "kept"]),
        ("copy", "0/image", "1/image", ["kept", HELD, "kept"]),
    ] {
        assert_eq!(patched(operation(op, path, from)), expected, "{op} {path}");
    }
    assert_eq!(
        patched(merge(json!([{"name": "new", "image": "x:1"}]))),
        SET
    );
}

#[test]
fn a_replacement_finds_no_index_that_a_patch_moves() {
    let path = |item: &str| format!("spec.template.spec.containers.{item}.image");
    let replaced = |item: &str, options: Value, patches: &[Value]| {
        let target = json!({"select": {"kind": "Deployment"}, "fieldPaths": [path(item)], "options": options});
        let mut over = over("over", patches);
        over.1["replacements"] = json!([{"targets": [target]}]);
        followed(&[over])
    };
    let moves = [merge(json!([{"name": "new", "image": "x:1"}]))];
    let apart = "kept, apart by over";
    let by = |item| replaced(item, json!(null), &[]);
    assert_eq!(by("1"), ["kept", "set by over", "kept"]);
    assert_eq!(by("-"), [HELD; 3]);
    assert_eq!(by("[image=b:1]"), [HELD; 3]);
    let by = |item| replaced(item, json!(null), &moves);
    assert_eq!(by("1"), [HELD; 3]);
    assert_eq!(by("[name=b]"), ["kept", "set by over", "kept"]);
    assert_eq!(by("*"), ["set by over"; 3]);
    let pieces = json!({"delimiter": ":"});
    assert_eq!(replaced("1", pieces.clone(), &moves), [apart; 3]);
    assert_eq!(replaced("1", pieces, &[]), ["kept", apart, "kept"]);
    // A copy of an image onto itself leaves it.
    let all = json!({"select": {"kind": "Deployment"}, "fieldPaths": [path("*")]});
    let source = json!({"kind": "Deployment", "fieldPath": path("1")});
    let mut itself = over("over", &[]);
    itself.1["replacements"] = json!([{"source": source, "targets": [all]}]);
    let by = "set by over";
    assert_eq!(followed(&[itself]), [by, HELD, by]);
    // It renames a container, or copies its image.
    let set = over("top", &[merge(json!([{"name": "b", "image": "x:1"}]))]);
    for (source, target, expected) in [
        (json!(null), "spec.template.spec.containers.1.name", HELD),
        (
            json!(null),
            "spec.template.spec.containers.1.tty",
            "set by top",
        ),
        (
            source.clone(),
            "spec.template.spec.containers.2.image",
            HELD,
        ),
        (source, "metadata.annotations.copy", "set by top"),
    ] {
        let target = json!({"select": {"kind": "Deployment"}, "fieldPaths": [target]});
        let mut over = over("over", &[]);
        over.1["replacements"] = json!([{"source": source, "targets": [target]}]);
        assert_eq!(followed(&[over, set.clone()])[1], expected);
    }
}

#[test]
fn no_index_leads_above_transformers() {
    let by = |path: &str| {
        let mut below = over("over", &[]);
        below.1["transformers"] = json!(["t.yaml"]);
        followed(&[below, over("top", &[operation("replace", path, "x:1")])])
    };
    assert_eq!(by("1/image"), [HELD; 3]);
    assert_eq!(by("2/args"), ["kept"; 3]);
}

#[test]
fn a_condition_of_a_target_is_a_pattern_for_a_part_of_the_name() {
    let apart = |wanted: &str| {
        let path = format!("spec.template.spec.containers.[name={wanted}].image");
        let target = json!({"select": {"kind": "Deployment"}, "fieldPaths": [path], "options": {"delimiter": ":"}});
        below(
            json!({"resources": ["../base"], "replacements": [{"targets": [target]}]}),
            "web:1",
        )
    };
    for (wanted, is_apart) in [("web", true), ("we", true), ("w.*", true), ("app", false)] {
        assert_eq!(apart(wanted).contains("apart"), is_apart, "{wanted}");
    }
}

#[test]
fn patches_are_read_again_only_where_something_is_found_by_its_place() {
    let files = |patch: Value| {
        let over = json!({"resources": ["../base"], "patches": [patch, {"path": "patch.yaml"}]});
        overlays(&[base(), ("over/kustomization.yaml", over)]).shifting_files()
    };
    let none = Vec::<&str>::new();
    assert!(
        files(merge(json!([{"name": "b", "image": "x:1"}])))
            .into_iter()
            .eq(none)
    );
    let both = ["over/kustomization.yaml", "over/patch.yaml"];
    assert!(
        files(operation("replace", "1/image", "x:1"))
            .into_iter()
            .eq(both)
    );
    assert!(
        files(operation("replace", "1/name", "x"))
            .into_iter()
            .eq(both)
    );
}
