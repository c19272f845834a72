//! Which objects are found in a document, and which images in them.

use super::*;
use crate::engine::site::Image;
use serde_json::json;

#[test]
fn workloads_stand_in_lists_of_lists_and_in_typed_lists() {
    let pod = json!({"template": {"spec": {"containers": [{"name": "web", "image": "registry.example.test/web:1.4"}]}}});
    let document = json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "Pod"},
        {"apiVersion": "apps/v1", "kind": "DeploymentList", "items": [{"metadata": {"name": "web"}, "spec": pod}]},
        {"apiVersion": "example.test/v1", "kind": "Deployment", "spec": pod},
        {"apiVersion": "extensions/v1beta1", "kind": "Deployment", "spec": pod},
        {"apiVersion": "v1", "kind": "Service"},
        {"apiVersion": "serving.knative.dev/v1", "kind": "ServiceList", "items": [{"metadata": {"name": "a"}}]},
    ]});
    let found = find(&document);
    assert_eq!(found.unhandled, [""; 0]);
    let kinds = found.objects.iter().map(Object::label);
    assert!(kinds.eq(["Deployment/web", "Deployment", "Deployment"]));
    let web = &found.objects[0];
    assert_eq!((&*web.kind, web.name.as_str()), ("Deployment", "web"));
    assert_eq!(
        web.sites[0].written_at().to_string(),
        "items[1].items[0].spec.template.spec.containers[0].image"
    );
}

#[test]
fn a_cron_job_has_its_pod_further_down() {
    let pod = json!({"containers": [{"name": "a"}], "initContainers": [{"name": "b", "image": 7}]});
    for version in ["batch/v1", "batch/v1beta1"] {
        let spec = json!({"jobTemplate": {"spec": {"template": {"spec": pod}}}});
        let found = find(&json!({"apiVersion": version, "kind": "CronJob", "spec": spec}));
        let containers = &found.objects[0].sites;
        assert_eq!(containers[0].image, Image::Absent);
        assert_eq!(
            (containers[1].role, &containers[1].image),
            (Role::InitContainer, &Image::Other("a number"))
        );
    }
}

#[test]
fn a_list_of_containers_under_another_name_is_seen() {
    let seen = |pod: serde_json::Value| {
        find(&json!({"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"template": {"spec": pod}}})).unhandled
    };
    assert_eq!(seen(json!({"container": []})), ["misspelt container list"]);
    assert_eq!(
        seen(json!({"Containers": [], "initcontainers": []})),
        ["misspelt container list", "misspelt initContainer list"]
    );
    assert_eq!(
        seen(json!({"containers": [], "initContainer": []})),
        ["misspelt initContainer list"]
    );
    for pod in [
        json!({}),
        json!({"nodeSelector": {}}),
        json!({"containers": [], "container": []}),
        json!({"containers": null}),
    ] {
        assert_eq!(seen(pod.clone()), [""; 0], "{pod}");
    }
}

/// The images of an object with this text, `-` before those that are ignored, and `=` before those that are held.
fn images(document: serde_json::Value) -> Vec<String> {
    let sites = find(&document)
        .objects
        .into_iter()
        .flat_map(|object| object.sites);
    sites
        .map(|site| {
            let mark = match (site.ignored.is_some(), &site.hold) {
                (true, _) => "-",
                (false, Some(_)) => "=",
                (false, None) => "",
            };
            format!("{mark}{}", site.image.text().unwrap_or("none"))
        })
        .collect()
}

#[test]
fn an_object_in_an_object_is_of_its_own_family() {
    let pod = |image: &str| json!({"containers": [{"name": "a", "image": image}]});
    let objects = json!([
        {"apiVersion": "apps/v1", "kind": "Deployment", "spec": pod("web:1")},
        {"apiVersion": "apps/v1", "kind": "Deployment", "spec": pod("web:2"),
         "metadata": {"annotations": {"imago/ignore": "true"}}},
        {"apiVersion": "v1", "kind": "Pod", "spec": pod("web:3"),
         "metadata": {"annotations": {"imago/ignore": "b, a"}}},
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "a"}, "spec": pod("web:4")},
        {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"generateName": "a"}, "spec": pod("web:5")},
        {"apiVersion": "kyverno.io/v1", "kind": "ClusterPolicy", "spec": pod("web:6")},
        {"apiVersion": "tekton.dev/v1", "kind": "TaskRun", "spec": {"taskSpec": {"steps": [{"image": "web:7"}]}}},
        {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "spec": {"templates": [{"steps": [[{"inline": {"container": {"image": "web:8"}}}]]}]}},
    ]);
    let template =
        json!({"apiVersion": "template.openshift.io/v1", "kind": "Template", "objects": objects});
    let found = find(&template);
    let memories = found.objects[0].sites.iter().map(|site| site.memory);
    let in_place = memories.filter(|memory| *memory == Memory::InPlace);
    assert_eq!(in_place.count(), 2);
    let mut images = images(template);
    images.sort();
    assert_eq!(
        images,
        [
            "-web:2", "-web:3", "=web:4", "web:1", "web:5", "web:7", "web:8"
        ]
    );
}

#[test]
fn policies_and_their_tests_are_never_edited() {
    for group in [
        "kyverno.io",
        "policies.kyverno.io",
        "chainsaw.kyverno.io",
        "cli.kyverno.io",
        "constraints.gatekeeper.sh",
        "expansion.gatekeeper.sh",
        "policy.open-cluster-management.io",
    ] {
        let object = json!({"apiVersion": format!("{group}/v1"), "kind": "Test", "steps": [
            {"resource": {"apiVersion": "apps/v1", "kind": "Deployment", "spec": {"containers": [{"name": "a", "image": "web:1"}]}}},
        ]});
        assert_eq!(images(object), [""; 0], "{group}");
    }
    let other = json!({"apiVersion": "mykyverno.io/v1", "kind": "Test", "containers": [{"name": "a", "image": "web:1"}]});
    assert_eq!(images(other), ["web:1"]);
}

#[test]
fn a_list_has_containers_where_some_are_none_or_have_no_name() {
    let parts = json!({"apiVersion": "example.com/v1", "kind": "Shop", "spec": {
        "initContainers": [{"name": "a", "image": {"repository": "web", "tag": "1"}}, {"name": "b", "image": "web:2"}],
    }});
    assert_eq!(images(parts), ["web:2"]);
    for (other, expected) in [
        (json!({"$patch": "replace"}), &["none", "web:1"][..]),
        (json!({"args": []}), &["none", "web:1"]),
        (json!("a"), &[]),
    ] {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "spec": {"containers": [other, {"name": "a", "image": "web:1"}]}});
        assert_eq!(images(pod), expected, "{other}");
    }
    let task = json!({"apiVersion": "tekton.dev/v1", "kind": "Task", "spec": {"steps": [{"ref": {"name": "a"}}, {"image": "web:1"}]}});
    assert_eq!(images(task), ["none", "web:1"]);
    let action = json!({"apiVersion": "tekton.dev/v1beta1", "kind": "StepAction", "spec": {"image": "web:1", "script": "true"}});
    assert_eq!(images(action), ["web:1"]);
    let service = json!({"apiVersion": "serving.knative.dev/v1", "kind": "Service", "spec": {"template": {"spec": {
        "containers": [{"image": "web:1"}],
    }}}});
    assert_eq!(images(service), ["web:1"]);
}

#[test]
fn a_mac_over_all_values_forbids_edits() {
    assert!(is_encrypted(&json!({"sops": {"mac": "ENC[…]"}})));
    assert!(!is_encrypted(
        &json!({"sops": {"mac": "ENC[…]", "mac_only_encrypted": true}})
    ));
    assert!(is_encrypted(
        &json!({"sops": {"mac": "ENC[…]", "mac_only_encrypted": false}})
    ));
    assert!(!is_encrypted(&json!({"sops": {}})));
}
