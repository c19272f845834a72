//! From a tree to the objects with images in it: a document, an item of a `List` or of a `DeploymentList`, an object of the API server.

use super::pods::{IMAGE, LISTS, PodKind};
use super::unhandled::{MISSPELT_CONTAINERS, MISSPELT_INIT_CONTAINERS};
use super::{Found, unhandled};
use crate::engine::object::{IGNORE, Ignore, Object, PREFIX, RECORD, RESTARTED_AT, Record};
use crate::engine::path::Path;
use crate::engine::site::{Image, Memory, PullPolicy, Role, Site, Slots};
use crate::engine::tree::{Scalar, Tree};

/// Finds the objects with images of a document, in its order.
pub fn find<'a, T: Tree<'a>>(document: T) -> Found {
    let mut found = Found::default();
    look(document, Path::root(), None, &mut found);
    found
}

/// Whether a document of a file that is named as a kustomization is one because no kind says otherwise.
pub fn is_unnamed_kustomization<'a, T: Tree<'a>>(document: T) -> bool {
    document
        .get("kind")
        .is_none_or(|kind| kind.scalar() == Scalar::Null)
}

/// Whether SOPS has signed all values of the document, so that any edit breaks it (its `mac`, unless `mac_only_encrypted`).
pub fn is_encrypted<'a, T: Tree<'a>>(document: T) -> bool {
    document.get("sops").is_some_and(|sops| {
        let only_encrypted =
            sops.get("mac_only_encrypted").map(T::scalar) == Some(Scalar::Bool(true));
        !only_encrypted
            && sops
                .get("mac")
                .is_some_and(|mac| mac.scalar().text().is_some())
    })
}

/// `inherited` is what a typed list says of items that do not say it themselves.
fn look<'a, T: Tree<'a>>(
    object: T,
    at: Path,
    inherited: Option<(&'a str, &'a str)>,
    found: &mut Found,
) {
    let text = |key| object.get(key).and_then(|value| value.scalar().text());
    let (Some(api_version), Some(kind)) = (
        text("apiVersion").or(inherited.map(|(version, _)| version)),
        text("kind").or(inherited.map(|(_, kind)| kind)),
    ) else {
        return;
    };
    if let Some(item_kind) = kind.strip_suffix("List") {
        let inherited = (!item_kind.is_empty()).then_some((api_version, item_kind));
        for (index, item) in object
            .get("items")
            .map(T::items)
            .unwrap_or_default()
            .into_iter()
            .enumerate()
        {
            look(item, at.join("items").join(index), inherited, found);
        }
    } else if let Some(kind) = PodKind::of(api_version, kind) {
        let pod = kind
            .template
            .at
            .iter()
            .chain(&["spec"])
            .try_fold(object, |object, key| object.get(key));
        found
            .unhandled
            .extend(pod.into_iter().flat_map(misspelt_lists));
        found.objects.push(read(object, pod, kind, at));
    } else {
        found
            .unhandled
            .extend(unhandled(kind, || Some(api_version)));
    }
}

/// The lists of containers that a pod has under another name. Most pods have no `initContainers`, so few names are tried there.
fn misspelt_lists<'a, T: Tree<'a>>(pod: T) -> impl Iterator<Item = &'static str> {
    let is_meant =
        |key: &str| key.eq_ignore_ascii_case("containers") || key.eq_ignore_ascii_case("container");
    let containers =
        pod.get("containers").is_none() && pod.entries().iter().any(|(key, _)| is_meant(key));
    let has_other = || {
        ["initContainer", "initcontainers"]
            .iter()
            .any(|key| pod.get(key).is_some())
    };
    let init_containers = pod.get("initContainers").is_none() && has_other();
    let lists = [
        (containers, MISSPELT_CONTAINERS),
        (init_containers, MISSPELT_INIT_CONTAINERS),
    ];
    lists
        .into_iter()
        .filter(|(misspelt, _)| *misspelt)
        .map(|(_, name)| name)
}

fn read<'a, T: Tree<'a>>(object: T, pod: Option<T>, kind: &'static PodKind, at: Path) -> Object {
    let metadata = object.get("metadata");
    let text = |key| {
        metadata
            .and_then(|metadata| metadata.get(key))
            .and_then(|value| value.scalar().text())
    };
    let annotation = |key| {
        metadata
            .and_then(|metadata| metadata.get("annotations"))
            .and_then(|annotations| annotations.get(key))
    };
    let labels = metadata
        .and_then(|metadata| metadata.get("labels"))
        .map(T::entries)
        .unwrap_or_default();
    let pod_at = kind.template.path(&at).join("spec");
    Object {
        kind: kind.kind.into(),
        runs: Some(kind),
        namespace: text("namespace").map(str::to_owned),
        name: text("name")
            .or_else(|| text("generateName"))
            .unwrap_or_default()
            .to_owned(),
        labels: labels
            .into_iter()
            .filter_map(|(key, value)| Some((key.to_owned(), value.scalar().text()?.to_owned())))
            .collect(),
        record: match annotation(RECORD).map(T::scalar) {
            None => Record::Absent,
            Some(Scalar::Text(text)) => Record::Text(text.to_owned()),
            Some(Scalar::Null | Scalar::Bool(_) | Scalar::Other(_)) => Record::NoText,
        },
        record_line: annotation(RECORD).and_then(T::line),
        unknown_annotations: metadata
            .and_then(|metadata| metadata.get("annotations"))
            .map(unknown)
            .unwrap_or_default(),
        ignore: annotation(IGNORE).map_or(Ignore::Nothing, |value| ignore(value.scalar())),
        sites: LISTS
            .into_iter()
            .flat_map(|role| {
                let list = pod
                    .and_then(|pod| pod.get(role.list()))
                    .map(T::items)
                    .unwrap_or_default();
                let list_at = pod_at.join(role.list());
                list.into_iter()
                    .enumerate()
                    .map(move |(index, item)| container(item, role, list_at.join(index)))
            })
            .collect(),
        line: object.line(),
        at,
    }
}

fn container<'a, T: Tree<'a>>(item: T, role: Role, at: Path) -> Site {
    let image = item.get("image");
    let pull_policy = item
        .get("imagePullPolicy")
        .and_then(|policy| policy.scalar().text());
    Site {
        role,
        at,
        slots: Slots::Whole(std::borrow::Cow::Borrowed(&IMAGE)),
        memory: Memory::Annotation,
        name: item
            .get("name")
            .and_then(|name| name.scalar().text())
            .unwrap_or_default()
            .to_owned(),
        image: match image.map(T::scalar) {
            None | Some(Scalar::Null | Scalar::Text("")) => Image::Absent,
            Some(Scalar::Text(text)) => Image::Text(text.to_owned()),
            Some(Scalar::Bool(_)) => Image::Other("a boolean"),
            Some(Scalar::Other(what)) => Image::Other(what),
        },
        pull_policy: pull_policy.and_then(PullPolicy::of),
        line: image.and_then(T::line),
        ignored: image.is_some_and(T::ignored),
        hold: image.and_then(T::held),
    }
}

/// The annotations that look like ours and are not.
fn unknown<'a, T: Tree<'a>>(annotations: T) -> Vec<String> {
    let ours = |name: &&str| {
        name.get(..PREFIX.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
    };
    let names = annotations
        .entries()
        .into_iter()
        .map(|(name, _)| name)
        .filter(ours);
    names
        .filter(|name| ![IGNORE, RESTARTED_AT].contains(name))
        .map(str::to_owned)
        .collect()
}

/// `"true"` leaves all out (so does the boolean that people write by mistake), a list of names those containers.
fn ignore(value: Scalar<'_>) -> Ignore {
    match value {
        Scalar::Text("true") | Scalar::Bool(true) => Ignore::All,
        Scalar::Text("false" | "") | Scalar::Bool(false) | Scalar::Null => Ignore::Nothing,
        Scalar::Other(_) => Ignore::NoText,
        Scalar::Text(names) => Ignore::Containers(
            names
                .split(',')
                .map(str::trim)
                .filter(|name| !name.is_empty())
                .map(str::to_owned)
                .collect(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        assert_eq!(
            found.unhandled,
            ["Pod", "extensions/v1beta1 Deployment", "Knative Service"]
        );
        assert_eq!(found.objects.len(), 1);
        let web = &found.objects[0];
        assert_eq!((&*web.kind, web.name.as_str()), ("Deployment", "web"));
        assert_eq!(
            web.sites[0].written_at().to_string(),
            "items[1].items[0].spec.template.spec.containers[0].image"
        );
    }

    #[test]
    fn a_cron_job_has_its_pod_further_down() {
        let pod =
            json!({"containers": [{"name": "a"}], "initContainers": [{"name": "b", "image": 7}]});
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
}
