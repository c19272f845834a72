//! Which images operations put in, and which of them are taken.

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
            "[9].value.containers[0].image web:2",
            "[9].value.initContainers[0].image web:2",
            "[10].value.spec.containers[0].image web:2",
            "[11].value.spec.jobTemplate.spec.template.spec.containers[0].image web:2",
            "[12].value.spec.containers[0].image web:2",
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
    assert!(!taken(image, &json!({"kind": "Shop"}), "") && !taken(image, &json!(null), ""));
}

/// What a kustomization takes of an operation on objects of a kind, `=` before what is held, and what is counted.
fn taken(target: &str, path: &str, value: Value) -> Vec<String> {
    let (group, kind) = target.split_once('/').unwrap_or(("", target));
    let patch = json!([{"op": "add", "path": path, "value": value}]).to_string();
    let target = json!({"group": group, "kind": kind});
    let kustomization = json!({"patches": [{"patch": patch, "target": target}]});
    let found = find_in("kustomization.yaml", &kustomization, &Kinds::default());
    let sites = found.objects.iter().flat_map(|object| &object.sites);
    let told = |site: &Site| {
        let held = site.hold.as_ref().map_or("", |_| "=");
        let at = site.written_at().to_string();
        let at = at.rsplit(" | ").next().unwrap().to_owned();
        format!("{held}{at} {}", site.image.text().unwrap())
    };
    let counted = found.unhandled.iter().map(|name| (*name).to_owned());
    sites.map(told).chain(counted).collect()
}

#[test]
fn an_operation_is_read_as_the_object_of_its_target_would_be() {
    let container = "/spec/template/spec/containers/0/image";
    let none: &[&str] = &[];
    let image: &[&str] = &["[0].value web:1"];
    let counted: &[&str] = &[JSON_PATCH];
    for (target, path, expected) in [
        ("", container, image),
        ("Deployment", container, image),
        ("apps/Deployment", container, image),
        ("Deployment|StatefulSet", container, image),
        ("Deploy.*", container, image),
        ("Shop", container, image),
        ("Rollout", container, image),
        ("DeploymentConfig", container, image),
        ("", "/spec/image", counted),
        ("Shop", "/spec/image", counted),
        ("example.com/Shop", "/spec/image", counted),
        ("Deployment", "/spec/image", counted),
        ("Server", "/spec/forProvider/image", counted),
        ("Prometheus", "/spec/image", &["Prometheus"]),
        ("Prometheus", "/spec/containers/0/image", image),
        ("ImageRepository", "/spec/image", none),
        (
            "image.toolkit.fluxcd.io/ImageRepository",
            "/spec/image",
            none,
        ),
        (
            "ClusterPolicy",
            "/spec/rules/0/validate/pattern/spec/containers/0/image",
            none,
        ),
        ("Policy|Deployment", container, none),
        ("ClusterPolicy", "/spec/rules/0/verifyImages/0/image", none),
        ("Warehouse", "/spec/subscriptions/0/image", none),
        ("ImageUpdater", "/spec/images/0/image", none),
        ("CustomResourceDefinition", container, none),
        ("Build", "/spec/output/image", counted),
        ("Image", "/spec/tag/image", counted),
        ("BuildConfig", "/spec/output/to/image", counted),
        ("Task", "/spec/steps/0/image", image),
        ("tekton.dev/Task", "/spec/steps/-1/image", image),
        ("Task", container, counted),
        ("Deployment", "/spec/steps/0/image", counted),
        ("", "/spec/steps/0/image", counted),
        ("Workflow", "/spec/templates/0/container/image", image),
        (
            "Workflow|CronWorkflow",
            "/spec/templates/0/script/image",
            image,
        ),
        ("HelmRelease", "/spec/values/image", image),
        ("HelmRelease", "/spec/values/controller/image/image", image),
        ("HelmRelease", container, counted),
        (
            "Application",
            "/spec/source/helm/valuesObject/sidecar/image",
            image,
        ),
        ("Application", "/spec/source/image", counted),
        ("Deployment", "/spec/values/image", counted),
    ] {
        assert_eq!(
            taken(target, path, json!("web:1")),
            expected,
            "{target} {path}"
        );
    }
    // A chart that has the tag elsewhere joins the two.
    for path in ["/spec/values/image", "/spec/values/controller/image/image"] {
        assert_eq!(taken("HelmRelease", path, json!("web")), counted, "{path}");
    }
    assert_eq!(
        taken("HelmRelease", "/spec/values/image/tag", json!("1")),
        ["=[0].value :1"]
    );
    let path = ["/spec/image"; 40].concat() + "/spec/containers/0/image";
    assert_eq!(taken("", &path, json!("web:1")), none);
}

#[test]
fn what_a_larger_value_of_an_operation_has_is_taken_as_in_its_object() {
    let volume = json!({"name": "data", "image": {"reference": "data:1"}});
    let (step, step_of) = (json!({"image": "web:1"}), "[0].value.image web:1");
    let first = "[0].value[0].image web:1";
    let of_volume = "[0].value.image.reference data:1";
    let pod = "/spec/template/spec";
    for (target, path, value, expected) in [
        (
            "Deployment",
            &*format!("{pod}/volumes"),
            json!([volume]),
            "[0].value[0].image.reference data:1",
        ),
        (
            "Deployment",
            &format!("{pod}/volumes/-"),
            volume.clone(),
            of_volume,
        ),
        ("", &format!("{pod}/volumes/0"), volume.clone(), of_volume),
        (
            "Deployment",
            &format!("{pod}/volumes/0/image"),
            volume["image"].clone(),
            "[0].value.reference data:1",
        ),
        (
            "Deployment",
            &format!("{pod}/volumes/0/image/reference"),
            json!("data:1"),
            "[0].value data:1",
        ),
        (
            "Deployment",
            pod,
            json!({"volumes": [volume]}),
            "[0].value.volumes[0].image.reference data:1",
        ),
        ("Task", "/spec/steps", json!([step]), first),
        ("Task", "/spec/steps/-", step.clone(), step_of),
        ("Task", "/spec/sidecars", json!([step]), first),
        ("Task", "/spec/stepTemplate", step.clone(), step_of),
        (
            "Pipeline",
            "/spec/tasks/0/taskSpec",
            json!({"steps": [step]}),
            "[0].value.steps[0].image web:1",
        ),
        ("StepAction", "/spec", step.clone(), step_of),
        (
            "WorkflowTemplate",
            "/spec/templates/0/container",
            step.clone(),
            step_of,
        ),
        (
            "WorkflowTemplate",
            "/spec/templates/-",
            json!({"script": step}),
            "[0].value.script.image web:1",
        ),
        ("HelmRelease", "/spec/values/sidecar", step.clone(), step_of),
        (
            "HelmRelease",
            "/spec/values/image",
            json!({"repository": "web", "tag": "1"}),
            "=[0].value.tag web:1",
        ),
        (
            "HelmRelease",
            "/spec/values",
            json!({"image": {"repository": "web", "tag": "1", "digest": ""}}),
            "[0].value.image.tag web:1",
        ),
        (
            "Application",
            "/spec/sources/1/helm/valuesObject",
            json!({"sidecar": step}),
            "[0].value.sidecar.image web:1",
        ),
        (
            "Kustomization.*",
            "/spec/images",
            json!([{"name": "web", "newTag": "1"}]),
            JSON_PATCH,
        ),
        (
            "kustomize.toolkit.fluxcd.io/Kustomization",
            "/spec/images",
            json!([{"name": "web", "newTag": "1"}]),
            "[0].value[0].newTag web:1",
        ),
        (
            "Deployment",
            "",
            json!({"spec": {"containers": [{"name": "web", "image": "web:1"}]}}),
            "[0].value.spec.containers[0].image web:1",
        ),
    ] {
        assert_eq!(taken(target, path, value), [expected], "{target} {path}");
    }
    // Nobody knows what is meant, so it is counted.
    assert_eq!(taken("", "/spec/steps", json!([step])), [JSON_PATCH]);
    assert_eq!(taken("Shop", "/spec/steps/-", step), [JSON_PATCH]);
}
