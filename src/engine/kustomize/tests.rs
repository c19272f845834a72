//! What kustomizations make of images, told in a few words for each tree.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::*;
use crate::engine::hold::Hold;
use crate::engine::image::Lookup;
use crate::engine::object::Object;
use crate::engine::shape;

pub(super) fn overlays(files: &[(&str, Value)]) -> Overlays {
    let read = |(file, document): &(&str, Value)| Kustomization::read(document, file);
    Overlays::new(files.iter().map(read).collect())
}

pub(super) fn base() -> (&'static str, Value) {
    (
        "base/kustomization.yaml",
        json!({"resources": ["web.yaml"]}),
    )
}

pub(super) fn with(entries: Value) -> Value {
    json!({"resources": ["../base"], "images": entries})
}

pub(super) fn deployment(image: &str) -> Object {
    let pod = json!({"containers": [{"name": "web", "image": image}]});
    let object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"template": {"spec": pod}}});
    shape::find(&object).objects.remove(0)
}

/// What becomes of the image of a Deployment in this file.
pub(super) fn told(tree: &Overlays, manifest: &str, image: &str) -> String {
    let object = deployment(image);
    say(&tree.fate(manifest, &object, &object.sites[0]))
}

pub(super) fn say(fate: &Fate) -> String {
    let short = |file: &str| parent(file).to_owned();
    let kept = fate.kept.then(|| "kept".to_owned());
    let renamed = fate.renamed.iter();
    let renamed = renamed.map(|(to, by)| format!("{to} by {}", short(by)));
    let replaced = fate.replaced.iter();
    let replaced = replaced.map(|by| format!("set by {}", short(by)));
    let suffixed = fate.suffixed.iter();
    let suffixed = suffixed.map(|by| format!("suffixed by {}", short(by)));
    let apart = fate.taken_apart.iter();
    let apart = apart.map(|by| format!("apart by {}", short(by)));
    let unfollowed = fate.unfollowed.iter().map(|_| "unfollowed".to_owned());
    let all = kept
        .into_iter()
        .chain(renamed)
        .chain(replaced)
        .chain(suffixed)
        .chain(apart)
        .chain(unfollowed);
    Vec::from_iter(all).join(", ")
}

/// The same below one overlay.
pub(super) fn below(overlay: Value, image: &str) -> String {
    let tree = overlays(&[base(), ("over/kustomization.yml", overlay)]);
    told(&tree, "base/web.yaml", image)
}

#[test]
fn a_name_alone_takes_the_digest_to_another_repository() {
    let rename = with(json!([{"name": "shop/web", "newName": "hardened/web"}]));
    for (image, expected) in [
        ("shop/web", "hardened/web by over"),
        ("shop/web:1.4", "hardened/web:1.4 by over"),
        ("shop/web:1.4@sha256:11", "hardened/web:1.4 by over"),
        ("web:1.4", "kept"),
    ] {
        assert_eq!(below(rename.clone(), image), expected);
    }
    let empty = json!([{"name": "web", "newName": "x"}, {"name": "shop/web", "newName": ""}]);
    assert_eq!(below(with(empty), "shop/web"), "kept");
    let same = json!([{"name": "web", "newName": "web"}]);
    assert_eq!(below(with(same), "web:1"), "kept");
}

#[test]
fn entries_and_kustomizations_apply_one_after_the_other() {
    let there_and_back = json!([{"name": "web", "newName": "x"}, {"name": "x", "newName": "web"}]);
    assert_eq!(below(with(there_and_back), "web:1"), "kept");
    let chain = json!([{"name": "web", "newName": "x"}, {"name": "x", "newTag": "3"}]);
    assert_eq!(below(with(chain), "web:1"), "set by over");
    let too_late = json!([{"name": "x", "newTag": "3"}, {"name": "web", "newName": "x"}]);
    assert_eq!(below(with(too_late), "web:1"), "x:1 by over");
    let rename = with(json!([{"name": "web", "newName": "mirror/web"}]));
    let top = json!({"bases": ["../middle/"], "images": [{"name": "mirror/web", "newTag": "2"}]});
    let tree = overlays(&[
        base(),
        ("middle/kustomization.yaml", rename),
        ("top/Kustomization", top),
    ]);
    assert_eq!(told(&tree, "base/web.yaml", "web:1"), "set by top");
}

#[test]
fn a_digest_that_one_build_keeps_is_not_dropped_everywhere() {
    for (key, word) in [
        ("newTag", "set"),
        ("digest", "set"),
        ("tagSuffix", "suffixed"),
    ] {
        let over = (
            "over/kustomization.yaml",
            with(json!([{"name": "web", key: "x"}])),
        );
        let told_in = |files: &[_]| told(&overlays(files), "base/web.yaml", "web:1");
        let expected = format!("{word} by over");
        assert_eq!(told_in(&[base(), over.clone()]), expected);
        let dev = ("dev/kustomization.yaml", with(json!([])));
        assert_eq!(told_in(&[base(), over, dev]), format!("kept, {expected}"));
    }
}

#[test]
fn what_holds_an_image_and_what_decides_it() {
    let held = |entries: Value, image: &str| {
        let tree = overlays(&[base(), ("over/kustomization.yaml", with(entries))]);
        let object = deployment(image);
        let fate = tree.fate("base/web.yaml", &object, &object.sites[0]);
        let hold = fate.hold(image);
        let unless = hold.iter().flat_map(|hold| &hold.unless);
        let unless: Vec<String> = unless.map(Lookup::to_string).collect();
        let code = hold.as_ref().map_or("", |hold| hold.code.as_str());
        let by = fate.decided_by().map(|by| by.file).unwrap_or_default();
        [code, &unless.join(" "), &by].join("|")
    };
    let rename = json!([{"name": ".*/?web", "newName": "mirror.example.com/web"}]);
    // Nobody asks Docker Hub for a name that is none anywhere.
    assert_eq!(held(rename.clone(), "web:1"), "renamed-by||");
    let mirror = "renamed-by|mirror.example.com/web:1|";
    assert_eq!(held(rename, "r.example.com/web:1"), mirror);
    let named = json!([{"name": "web", "newName": "r.example.com/web", "newTag": "1"}]);
    assert_eq!(held(named, "web:1"), "||over/kustomization.yaml");
    let suffix = json!([{"name": "web", "tagSuffix": "-x"}]);
    assert_eq!(held(suffix, "web:1"), "tag-suffix||");
    assert_eq!(held(json!([]), "web:1"), "||");
}

#[test]
fn an_entry_passes_through_those_after_it() {
    let entries = json!([
        {"name": "controller", "newTag": "1"},
        {"name": "controller", "newName": "r.example.com/shop"},
        {"name": "other", "newTag": "1"},
    ]);
    let over = json!({"resources": ["../base"], "images": entries});
    let tree = overlays(&[base(), ("over/kustomization.yaml", over.clone())]);
    let found = shape::find_in("kustomization.yaml", &over, &shape::Kinds::default());
    let over = tree.kustomization("over/kustomization.yaml").unwrap();
    let said = |site| say(&tree.fate_in_kustomization(over, site).unwrap().0);
    let sites = &found.objects[0].sites;
    assert_eq!(said(&sites[0]), "r.example.com/shop:1 by over");
    assert_eq!(said(&sites[1]), "kept");
    let base = tree.kustomization("base/kustomization.yaml").unwrap();
    assert!(tree.fate_in_kustomization(base, &sites[0]).is_none());
    assert!(tree.kustomization("web.yaml").is_none());
}

#[test]
fn an_entry_is_held_where_it_decides_what_may_not_change() {
    let entries = |tag: &str| json!([{"name": "web", "newTag": tag}]);
    let mut tree = overlays(&[
        (
            "base/kustomization.yaml",
            json!({"resources": ["web.yaml"], "images": entries("1")}),
        ),
        ("over/kustomization.yaml", with(entries("2"))),
    ]);
    let object = deployment("web:0");
    let fate = tree.fate("base/web.yaml", &object, &object.sites[0]);
    tree.bind(&fate, Some(&Hold::reaches_job("Job/web", "base/web.yaml")));
    let held = |file: &str| {
        let document = json!({"images": entries("2")});
        let kinds = shape::Kinds::default();
        let found = shape::find_in("kustomization.yaml", &document, &kinds);
        let index = tree.kustomization(file).unwrap();
        let site = &found.objects[0].sites[0];
        let (_, hold) = tree.fate_in_kustomization(index, site).unwrap();
        hold.is_some()
    };
    assert!(held("over/kustomization.yaml") && !held("base/kustomization.yaml"));
}

#[test]
fn a_replacement_takes_apart_what_it_finds_at_its_turn() {
    let path = "spec.template.spec.containers.0.image";
    let source = json!({"kind": "Deployment", "fieldPath": path, "options": {"delimiter": ":"}});
    let replacements = json!([{"source": source}]);
    let over = json!({"resources": ["../base"], "replacements": replacements});
    assert_eq!(below(over.clone(), "web:1"), "kept, apart by over");
    // What an entry puts in is taken apart, not what stood there before.
    let mut with_entry = over;
    with_entry["images"] = json!([{"name": "web", "newTag": "2"}]);
    let mut tree = overlays(&[base(), ("over/kustomization.yaml", with_entry.clone())]);
    assert_eq!(told(&tree, "base/web.yaml", "web:1"), "set by over");
    let object = deployment("web:1");
    let fate = tree.fate("base/web.yaml", &object, &object.sites[0]);
    tree.bind(&fate, None);
    let kinds = shape::Kinds::default();
    let found = shape::find_in("kustomization.yaml", &with_entry, &kinds);
    let site = &found.objects[0].sites[0];
    let over = tree.kustomization("over/kustomization.yaml").unwrap();
    let (_, hold) = tree.fate_in_kustomization(over, site).unwrap();
    assert_eq!(hold.unwrap().code.as_str(), "taken-apart");
    let whole = json!({"select": {"kind": "Deployment"}, "fieldPaths": [path]});
    let over = json!({"resources": ["../base"], "replacements": [{"targets": [whole]}]});
    assert_eq!(below(over, "web:1"), "set by over");
}

#[test]
fn what_is_not_followed_is_told_where_it_stands_above_the_manifest() {
    let document = json!({"resources": ["../base"], "transformers": ["t.yaml"]});
    let top = json!({"resources": ["../over"]});
    let elsewhere = json!({"resources": ["x.yaml"], "transformers": ["t.yaml"]});
    let tree = overlays(&[
        base(),
        ("over/kustomization.yaml", document),
        ("top/kustomization.yaml", top),
        ("elsewhere/kustomization.yaml", elsewhere),
    ]);
    let mut found = BTreeSet::new();
    tree.add_met("base/web.yaml", &mut found);
    assert_eq!(
        tree.doubts(&found),
        [
            "what `over/kustomization.yaml` makes of images is not known: its `transformers` may change images"
        ]
    );
    let plain = with(json!([{"name": "registry.example.com/web", "newTag": "2"}]));
    assert!(!overlays(&[base(), ("over/kustomization.yaml", plain)]).has_doubts());
}

#[test]
fn circles_and_what_is_outside_end_the_way() {
    let tree = overlays(&[
        (
            "a/kustomization.yaml",
            json!({"resources": ["../b", "web.yaml", "https://example.com/x", "../../y", "/z", "."]}),
        ),
        (
            "b/kustomization.yaml",
            json!({"resources": ["../a"], "images": [{"name": "web", "tagSuffix": "x"}]}),
        ),
    ]);
    assert_eq!(told(&tree, "a/web.yaml", "web:1"), "");
    assert_eq!(told(&tree, "c/web.yaml", "web:1"), "kept");
    assert!(tree.reach("a/web.yaml") && !tree.reach("c/web.yaml"));
    let itself = json!({"components": ["."], "resources": ["."]});
    let tree = overlays(&[("kustomization.yaml", itself)]);
    assert_eq!(told(&tree, "", "web:1"), "");
}

#[test]
fn a_component_applies_to_all_that_includes_it() {
    let rename = json!([{"name": "web", "newName": "mirror/web"}]);
    let component = (
        "comp/kustomization.yaml",
        json!({"kind": "Component", "images": rename, "resources": ["own.yaml"]}),
    );
    let outer = (
        "outer/kustomization.yaml",
        json!({"kind": "Component", "components": ["../comp"]}),
    );
    let over = |document: Value| ("over/kustomization.yaml", document);
    let base_with = json!({"resources": ["web.yaml"], "components": ["../comp"]});
    for (overlay, base) in [
        (
            json!({"resources": ["../base"], "components": ["../comp"]}),
            base(),
        ),
        (
            json!({"resources": ["../base"], "components": ["../outer"]}),
            base(),
        ),
        (
            json!({"resources": ["../base"]}),
            ("base/kustomization.yaml", base_with),
        ),
    ] {
        let tree = overlays(&[base, over(overlay), component.clone(), outer.clone()]);
        assert_eq!(
            told(&tree, "base/web.yaml", "web:1"),
            "mirror/web:1 by comp"
        );
    }
    let own = json!({"resources": ["../base"], "components": ["../comp"], "images": [{"name": "mirror/web", "newTag": "2"}]});
    let tree = overlays(&[base(), over(own), component.clone()]);
    assert_eq!(told(&tree, "base/web.yaml", "web:1"), "set by over");
    // A component before it does not see what it brings; one after it does.
    let last = (
        "last/kustomization.yaml",
        json!({"images": [{"name": "web", "newTag": "3"}]}),
    );
    let first = (
        "first/kustomization.yaml",
        json!({"images": [{"name": "mirror/web", "newTag": "3"}]}),
    );
    let both = json!({"components": ["../first", "../comp", "../last"]});
    let tree = overlays(&[over(both), component, first, last]);
    assert_eq!(
        told(&tree, "comp/own.yaml", "web:1"),
        "mirror/web:1 by comp"
    );
    let met = json!({"resources": ["a.yaml"], "components": ["../outer"]});
    let tree = overlays(&[
        over(met),
        (
            "outer/kustomization.yaml",
            json!({"components": ["../comp"]}),
        ),
        (
            "comp/kustomization.yaml",
            json!({"resources": ["own.yaml"]}),
        ),
    ]);
    let files = tree.files_met(["comp/kustomization.yaml"]);
    assert_eq!(files, BTreeSet::from(["comp/own.yaml", "over/a.yaml"]));
}

#[test]
fn a_patch_is_there_for_the_entries_beside_it_and_not_for_components() {
    let comp = (
        "comp/kustomization.yaml",
        json!({"images": [{"name": "web", "newTag": "2"}]}),
    );
    let over = json!({"components": ["../comp"], "patches": [{"path": "patch.yaml"}]});
    let tree = overlays(&[comp, ("over/kustomization.yaml", over.clone())]);
    assert_eq!(told(&tree, "over/patch.yaml", "web:1"), "kept");
    assert!(tree.is_patch("over/patch.yaml"));
    let mut with_entries = over;
    with_entries["images"] = json!([{"name": "web", "newTag": "3"}]);
    let tree = overlays(&[("over/kustomization.yaml", with_entries)]);
    assert_eq!(told(&tree, "over/patch.yaml", "web:1"), "set by over");
}

#[test]
fn a_tree_of_many_ways_is_walked_once() {
    // Each level is reached twice from the one above it: 2^40 ways, and no more states than levels.
    let level = |at: usize| {
        let below = if at == 0 {
            json!(["web.yaml"])
        } else {
            json!([format!("../l{}a", at - 1), format!("../l{}b", at - 1)])
        };
        [("a", below.clone()), ("b", below)].map(|(side, below)| {
            let document =
                json!({"resources": below, "images": [{"name": "other", "newTag": "1"}]});
            Kustomization::read(&document, &format!("l{at}{side}/kustomization.yaml"))
        })
    };
    let tree = Overlays::new((0..40).flat_map(level).collect());
    assert_eq!(told(&tree, "l0a/web.yaml", "web:1"), "kept");
    let files = tree.files_met(["l39a/kustomization.yaml"]);
    assert_eq!(files, BTreeSet::from(["l0a/web.yaml", "l0b/web.yaml"]));
}

#[test]
fn an_image_that_meets_too_much_is_held() {
    // Each entry changes the image, and each kustomization passes it on to all others.
    let file = |at: usize| {
        let others: Vec<String> = (0..60).map(|other| format!("../k{other}")).collect();
        let entries: Vec<Value> = (0..60)
            .map(|tag| json!({"name": "web", "newTag": format!("{at}-{tag}")}))
            .collect();
        let resources = [others, vec!["web.yaml".to_owned()]].concat();
        let document = json!({"resources": resources, "images": entries});
        Kustomization::read(&document, &format!("k{at}/kustomization.yaml"))
    };
    let entries = json!([{"name": "web", "newTag": "2"}]);
    let on_top = |folder: &str, document: Value| {
        Kustomization::read(&document, &format!("{folder}/kustomization.yaml"))
    };
    let over = json!({"resources": ["../k0"], "components": ["../part"], "images": entries});
    let mut all: Vec<BoxedKustomization> = (0..60).map(file).collect();
    all.push(on_top("over", over.clone()));
    all.push(on_top("part", json!({"images": entries})));
    all.push(on_top("other", json!({"images": entries})));
    let mut tree = Overlays::new(all);
    let object = deployment("web:1");
    let fate = tree.fate("k0/web.yaml", &object, &object.sites[0]);
    assert_eq!(say(&fate), "unfollowed");
    let hold = fate.hold("web:1").unwrap();
    assert_eq!(
        (hold.code.as_str(), fate.decided_by()),
        ("unfollowed", None)
    );
    // Nobody knows which of the entries above it meets.
    assert!(fate.is_lost());
    tree.lose("k0/web.yaml");
    let found = shape::find_in("kustomization.yaml", &over, &shape::Kinds::default());
    let entry = &found.objects[0].sites[0];
    for (own, is_held) in [(60, true), (61, true), (62, false)] {
        let (fate, hold) = tree.fate_in_kustomization(own, entry).unwrap();
        assert_eq!((fate.unfollowed, hold.is_some()), (None, is_held), "{own}");
    }
}

#[test]
fn what_one_image_is_compared_with_has_a_limit() {
    let half = MOST_STEPS / 2;
    let object = deployment("web:1");
    let found = |tree: &Overlays| say(&tree.fate("base/web.yaml", &object, &object.sites[0]));
    // Paths of one target.
    let replaced = |paths: usize| {
        let target = json!({"select": {"kind": "Deployment"}, "fieldPaths": vec!["*"; paths]});
        let over = json!({"resources": ["../base"], "replacements": [{"targets": [target]}]});
        found(&overlays(&[base(), ("over/kustomization.yaml", over)]))
    };
    assert_eq!(replaced(half), "kept");
    assert_eq!(replaced(MOST_STEPS), "unfollowed");
    // Patches for objects of the same name and of another kind.
    let pod = json!({"containers": [{"name": "web", "image": "web:2"}]});
    let other = json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "web"}, "spec": {"template": {"spec": pod}}});
    let others = shape::find(&other).objects;
    let patched = |patches: usize| {
        let over = json!({"resources": ["../base"], "patches": [{"path": "patch.yaml"}]});
        let mut tree = overlays(&[base(), ("over/kustomization.yaml", over)]);
        let all = std::iter::repeat_n(&others[0], patches);
        tree.take_patch("over/patch.yaml", all);
        let mut met = BTreeSet::new();
        tree.add_met("base/web.yaml", &mut met);
        (found(&tree), tree.doubts(&met).concat())
    };
    assert_eq!(patched(half), ("kept".to_owned(), String::new()));
    assert_eq!(patched(MOST_STEPS).0, "unfollowed");
    let (_, doubt) = patched(MOST_STEPS + 1);
    assert!(
        doubt.ends_with("put in more images than imago follows"),
        "{doubt}"
    );
}

#[test]
fn fields_of_configurations_have_a_limit() {
    let task = json!({"apiVersion": "tekton.dev/v1", "kind": "Task", "spec": {"steps": [{"image": "web:1"}]}});
    let object = shape::find(&task).objects.remove(0);
    let fate = |fields: usize| {
        let own = json!({"resources": ["task.yaml"], "configurations": ["fields.yaml"]});
        let mut own = Kustomization::read(&own, "kustomization.yaml");
        let fields = json!({"images": vec![json!({"path": "a"}); fields]});
        own.take("fields.yaml", &NamedFile::read([&fields].into_iter(), None));
        let tree = Overlays::new(vec![own]);
        say(&tree.fate("task.yaml", &object, &object.sites[0]))
    };
    assert_eq!(fate(MOST_STEPS / 2), "kept");
    assert_eq!(fate(MOST_STEPS), "unfollowed");
}

#[test]
fn what_cannot_be_read_is_a_doubt() {
    let told = |overlay: Value| {
        let tree = overlays(&[base(), ("over/kustomization.yaml", overlay)]);
        let mut met = BTreeSet::new();
        tree.add_met("base/web.yaml", &mut met);
        tree.doubts(&met).concat()
    };
    let entry = |key: &str, text: &str| {
        let mut entry = json!({"name": "web", "newTag": "2"});
        entry[key] = text.into();
        with(json!([entry]))
    };
    let said = told(entry("name", "web("));
    assert!(
        said.ends_with("not known: its pattern `web(` cannot be read"),
        "{said}"
    );
    assert!(told(entry("newName", &"a".repeat(600))).contains("its newName `aaa"));
    assert_eq!(told(entry("name", "web.*")), "");
    let select = json!({"select": {"kind": "["}, "fieldPaths": ["spec.image"]});
    let over = json!({"resources": ["../base"], "replacements": [{"targets": [select]}]});
    assert!(told(over).contains("its pattern `[` cannot be read"));
}

#[test]
fn a_merge_patch_as_a_text_is_no_path() {
    let text = "apiVersion: apps/v1\nkind: Deployment\n";
    let one = json!({"patchesStrategicMerge": [text, "web.yaml"]});
    let one = Kustomization::read(&one, "kustomization.yaml");
    let paths: Vec<_> = one.patches.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["web.yaml"]);
    assert_eq!(one.texts.len(), 1);
}

#[test]
fn an_image_of_a_patch_that_stands_as_a_text_is_taken_apart() {
    let patch = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec: {template: {spec: {containers: [{name: web, image: web:2}]}}}\n";
    let fate = |path: &str, delimiter: &str| {
        let options = json!({"delimiter": delimiter});
        let source = json!({"kind": "Deployment", "fieldPath": path, "options": options});
        let over = json!({"resources": ["../base"], "patches": [{"patch": patch}], "replacements": [{"source": source}]});
        let tree = overlays(&[base(), ("over/kustomization.yaml", over.clone())]);
        let found = shape::find_in("kustomization.yaml", &over, &shape::Kinds::default());
        let index = tree.kustomization("over/kustomization.yaml").unwrap();
        let site = &found.objects[0].sites[0];
        say(&tree.fate_in_kustomization(index, site).unwrap().0)
    };
    let image = "spec.template.spec.containers.[name=web].image";
    assert_eq!(fate(image, ":"), "kept, apart by over");
    assert_eq!(fate(image, ""), "kept");
    assert_eq!(fate("metadata.name", ":"), "kept");
}

#[test]
fn a_container_may_be_named_like_a_path() {
    let mut object = deployment("web:1");
    object.sites[0].name = "/web".to_owned();
    let over = with(json!([{"name": "web", "newTag": "2"}]));
    let tree = overlays(&[base(), ("over/kustomization.yaml", over)]);
    let fate = tree.fate("base/web.yaml", &object, &object.sites[0]);
    assert_eq!(say(&fate), "set by over");
}

#[test]
fn a_patch_sets_the_image_of_the_object_that_it_is_for() {
    let patch = |kind: &str, name: &str, container: &str| {
        let pod = json!({"containers": [{"name": container, "image": "web:2"}]});
        json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": name}, "spec": {"template": {"spec": pod}}})
    };
    let operation = |path: &str| json!([{"op": "replace", "path": path, "value": "web:2"}]);
    let image = "/spec/template/spec/containers/0/image";
    let own = patch("Deployment", "web", "web");
    for (document, target, expected) in [
        (own.clone(), json!(null), "set by over"),
        (patch("StatefulSet", "web", "web"), json!(null), "kept"),
        (patch("Deployment", "app", "web"), json!(null), "kept"),
        (patch("Deployment", "web", "app"), json!(null), "kept"),
        (
            patch("Deployment", "any", "web"),
            json!({"kind": "Deployment"}),
            "set by over",
        ),
        (
            own.clone(),
            json!({"group": "apps", "version": "v1", "kind": "Deployment", "name": "web"}),
            "set by over",
        ),
        (own.clone(), json!({"version": "v2", "name": "web"}), "kept"),
        (own.clone(), json!({"name": "app"}), "kept"),
        (own.clone(), json!({"labelSelector": "app=web"}), "kept"),
        (own.clone(), json!({"name": "w.*"}), "kept"),
        (
            operation(image),
            json!({"kind": "Deployment", "name": "web"}),
            "set by over",
        ),
        (
            operation(image),
            json!({"kind": "Deployment", "name": "app"}),
            "kept",
        ),
        (operation(image), json!(null), "kept"),
        (
            operation("/spec/template/spec/containers/1/image"),
            json!({"name": "web"}),
            "kept",
        ),
    ] {
        let by_text = json!({"patch": document.to_string(), "target": target});
        let over = |patch: Value| json!({"resources": ["../base"], "patches": [patch]});
        let said = below(over(by_text), "web:1");
        assert_eq!(said, expected, "{document} {target}");
        let by_path = json!({"path": "patch.yaml", "target": target});
        let mut tree = overlays(&[base(), ("over/kustomization.yaml", over(by_path))]);
        let objects = shape::find(&document).objects;
        tree.take_patch("over/patch.yaml", objects.iter());
        assert_eq!(
            told(&tree, "base/web.yaml", "web:1"),
            expected,
            "{document}"
        );
        // It sets none in itself.
        let site = &objects[0].sites[0];
        let fate = tree.fate("over/patch.yaml", &objects[0], site);
        assert_eq!(say(&fate), "kept", "{document}");
    }
}

#[test]
fn a_patch_finds_an_object_by_each_name_and_namespace_that_it_has_had() {
    let patch = |name: &str, namespace: Value| {
        let pod = json!({"containers": [{"name": "web", "image": "web:2"}]});
        let metadata = json!({"name": name, "namespace": namespace});
        json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata, "spec": {"template": {"spec": pod}}})
    };
    let operation = json!([{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": "web:2"}]);
    let mut object = deployment("web:1");
    object.namespace = Some("old".to_owned());
    // A patch that names its object finds it by each pair, a target by the first and the last name and namespace, one by one.
    for (name, namespace, named, expected) in [
        ("web", json!(null), true, "set by over"),
        ("dev-web", json!(null), true, "kept"),
        ("dev-web-v1", json!(null), true, "set by over"),
        ("web-v1", json!(null), false, "kept"),
        ("dev-web-v2", json!(null), false, "kept"),
        ("web", json!("old"), true, "set by over"),
        ("dev-web", json!("shop"), true, "kept"),
        ("dev-web-v1", json!("old"), false, "set by over"),
        ("dev-web-v1", json!("other"), false, "kept"),
    ] {
        let target = json!({"kind": "Deployment", "name": name, "namespace": namespace});
        let document = patch(name, namespace);
        let text = json!({"patch": document.to_string()});
        let aimed = json!({"patch": operation.to_string(), "target": target});
        let file = json!({"path": "patch.yaml"});
        let named = if named { "set by over" } else { "kept" };
        for (patch, expected) in [(text, named), (aimed, expected), (file, named)] {
            let over = json!({"resources": ["../middle"], "patches": [patch]});
            let mut tree = overlays(&[
                (
                    "base/kustomization.yaml",
                    json!({"resources": ["web.yaml"], "namePrefix": "dev-", "namespace": "shop"}),
                ),
                (
                    "middle/kustomization.yaml",
                    json!({"resources": ["../base"], "nameSuffix": "-v1"}),
                ),
                ("over/kustomization.yaml", over.clone()),
            ]);
            let objects = shape::find(&document).objects;
            tree.take_patch("over/patch.yaml", objects.iter());
            let fate = tree.fate("base/web.yaml", &object, &object.sites[0]);
            assert_eq!(say(&fate), expected, "{name} {over}");
        }
    }
    // Patches come before the names of their own kustomization.
    let own = json!({"resources": ["../base"], "namePrefix": "dev-", "patches": [{"patch": patch("dev-web", json!(null)).to_string()}]});
    assert_eq!(below(own, "web:1"), "kept");
    // A circle, and a chain of many names, end.
    let circle =
        json!({"resources": ["web.yaml", "../base"], "namePrefix": "a-", "namespace": "shop"});
    let tree = overlays(&[("base/kustomization.yaml", circle)]);
    told(&tree, "base/web.yaml", "web:1");
}

#[test]
fn an_entry_beside_a_patch_finds_what_the_patch_sets() {
    let pod = json!({"containers": [{"name": "web", "image": "shop:2"}]});
    let patch = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {"template": {"spec": pod}}});
    let over = |entry: Value| json!({"resources": ["../base"], "images": [entry], "patches": [{"patch": patch.to_string()}]});
    let set = |name: &str| over(json!({"name": name, "newTag": "3"}));
    let tree = overlays(&[base(), ("over/kustomization.yaml", set("shop"))]);
    let object = deployment("web:1");
    let fate = tree.fate("base/web.yaml", &object, &object.sites[0]);
    assert_eq!(fate.deciding.len(), 1);
    assert_eq!(below(set("web"), "web:1"), "set by over");
    let tree = overlays(&[base(), ("over/kustomization.yaml", set("web"))]);
    let fate = tree.fate("base/web.yaml", &object, &object.sites[0]);
    assert!(fate.deciding.is_empty());
}

#[test]
fn what_kustomize_takes_for_no_image_is_left_as_it_is() {
    let task = json!({"apiVersion": "tekton.dev/v1", "kind": "Task", "spec": {"steps": [{"image": "web:1"}]}});
    let object = shape::find(&task).objects.remove(0);
    let fate = |configurations: Value, written: Value| {
        let base = json!({"resources": ["task.yaml"], "configurations": configurations});
        let over = json!({"resources": ["../base"], "images": [{"name": "web", "newTag": "2"}]});
        let mut base = Kustomization::read(&base, "base/kustomization.yaml");
        let named: Vec<String> = base.named_files().map(str::to_owned).collect();
        for file in named {
            base.take(&file, &NamedFile::read([&written].into_iter(), None));
        }
        let over = Kustomization::read(&over, "over/kustomization.yaml");
        let tree = Overlays::new(vec![base, over]);
        say(&tree.fate("base/task.yaml", &object, &object.sites[0]))
    };
    let steps = |kind: &str| json!({"images": [{"path": "spec/steps[]/image", "kind": kind}]});
    let names = json!({"nameReference": [{"kind": "Secret", "fieldSpecs": [{"path": "spec/steps/image"}]}]});
    let file = json!(["fields.yaml"]);
    assert_eq!(fate(json!(null), steps("Task")), "kept");
    assert_eq!(fate(file.clone(), names), "kept");
    assert_eq!(fate(file.clone(), steps("Pipeline")), "kept");
    // What a base configures holds above it, too.
    assert_eq!(fate(file, steps("Task")), "set by over");
}

#[test]
fn flux_makes_a_kustomization_of_a_folder_without_one() {
    let flux = json!({"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
        "spec": {"path": "./apps", "images": [{"name": "web", "newName": "mirror/web"}]}});
    let with = |file: Option<(&str, Value)>| {
        let mut all = deliveries(&flux, 0, "clusters/shop.yaml");
        all.extend(file.map(|(file, document)| Kustomization::read(&document, file)));
        Overlays::new(all)
    };
    let kustomization = || json!({"resources": ["web.yaml"]});
    let (renamed, kept) = ("kept, mirror/web:1 by clusters", "kept");
    for (file, expected) in [
        (
            None,
            [
                ("apps/web.yaml", renamed),
                ("apps/shop/prod/web.yaml", renamed),
                ("apps.yaml", kept),
                ("other/web.yaml", kept),
            ],
        ),
        // It takes in a folder with one as that says, and looks no further.
        (
            Some(("apps/shop/kustomization.yaml", kustomization())),
            [
                ("apps/web.yaml", renamed),
                ("apps/shop/web.yaml", renamed),
                ("apps/shop/other.yaml", kept),
                ("apps/shop/prod/web.yaml", kept),
            ],
        ),
        (
            Some(("apps/kustomization.yaml", kustomization())),
            [
                ("apps/web.yaml", renamed),
                ("apps/other.yaml", kept),
                ("apps/shop/web.yaml", kept),
                ("other/web.yaml", kept),
            ],
        ),
    ] {
        let tree = with(file);
        for (manifest, expected) in expected {
            assert_eq!(told(&tree, manifest, "web:1"), expected, "{manifest}");
            assert_eq!(tree.reach(manifest), expected == renamed, "{manifest}");
        }
    }
    let tree = with(Some(("apps/shop/kustomization.yaml", kustomization())));
    let met = tree.files_met(["clusters/shop.yaml"]);
    assert_eq!(met, BTreeSet::from(["apps", "apps/shop/web.yaml"]));
    assert!(tree.generates("apps") && !tree.generates("apps/shop"));
    // Argo CD applies such a folder as it is.
    let argo = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "spec": {"source": {"path": "apps", "kustomize": {"images": ["web=mirror/web"]}}}});
    let tree = Overlays::new(deliveries(&argo, 0, "clusters/shop.yaml"));
    assert_eq!(told(&tree, "apps/web.yaml", "web:1"), kept);
}

#[test]
fn what_skaffold_builds_is_decided_by_it() {
    let config = |version: &str| {
        json!({"apiVersion": version, "kind": "Config",
            "build": {"artifacts": [{"image": "web"}, {"image": "r.test/api"}, {}]},
            "profiles": [{"build": {"artifacts": [{"image": "shop/job"}]}}, {}]})
    };
    let tree = Overlays::new(deliveries(
        &config("skaffold/v4beta1"),
        0,
        "shop/skaffold.yaml",
    ));
    for (manifest, image, is_built) in [
        ("shop/web.yaml", "web", true),
        ("shop/k8s/base/web.yaml", "web:1.4", true),
        ("shop/web.yaml", "shop/job", true),
        ("shop/web.yaml", "r.test/api", false),
        ("shop/web.yaml", "r.test/web", false),
        ("shop/web.yaml", "webs", false),
        ("shops/web.yaml", "web", false),
        ("web.yaml", "web", false),
    ] {
        let object = deployment(image);
        let by = tree.fate(manifest, &object, &object.sites[0]).decided_by();
        let expected = is_built.then_some("shop/skaffold.yaml");
        assert_eq!(
            by.as_ref().map(|by| &*by.file),
            expected,
            "{manifest} {image}"
        );
        assert_eq!(tree.reach(manifest), manifest.starts_with("shop/"));
    }
    for (version, file) in [("v1", "skaffold.yaml"), ("skaffold/v4beta1", "other.yaml")] {
        assert!(deliveries(&config(version), 0, file).is_empty());
    }
    assert!(may_deliver("skaffold.yaml", b"build: {artifacts: []}"));
}
