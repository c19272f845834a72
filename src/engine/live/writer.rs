//! Which other program writes a workload, by the marks that it leaves on it.
//!
//! A mark counts if its writer documents both that it sets the mark on what it applies, and that it applies again. Then it undoes
//! what imago writes, or the other way round. Weaker evidence is no mark:
//!
//! - `app.kubernetes.io/instance`: Argo CD before 3.0 tracks by it, but most Helm charts set it for themselves.
//! - `metadata.managedFields`: it names who has written once, not who will write again, and anybody may choose the name.
//! - `applyset.kubernetes.io/part-of`: `kubectl apply --prune` sets it, but applies only when a person runs it.
//! - `kubernetes.io/cluster-service`: deprecated, and copied into manifests that no addon manager knows.
//! - Helm's release annotation: Helm writes only when a person upgrades, see [`helm_release`].

use serde_json::Value;

/// A label or annotation that a writer sets on what it applies.
struct Mark {
    writer: &'static str,
    key: Key,
    value: Wanted,
}

/// Which keys are a mark.
enum Key {
    /// Exactly this key.
    Is(&'static str),
    /// Any longer key that starts with this.
    Below(&'static str),
}

/// Which values are a mark.
enum Wanted {
    /// Any value except the empty one.
    Filled,
    /// Any value.
    Any,
    /// Exactly this value.
    Is(&'static str),
}

const fn mark(writer: &'static str, key: &'static str) -> Mark {
    Mark {
        writer,
        key: Key::Is(key),
        value: Wanted::Filled,
    }
}

const fn valued(writer: &'static str, key: &'static str, value: &'static str) -> Mark {
    Mark {
        writer,
        key: Key::Is(key),
        value: Wanted::Is(value),
    }
}

const fn below(writer: &'static str, prefix: &'static str) -> Mark {
    Mark {
        writer,
        key: Key::Below(prefix),
        value: Wanted::Any,
    }
}

const ADDON_MANAGER: &str = "the addon manager";
const ARGO_CD: &str = "Argo CD";
const CONFIG_SYNC: &str = "Config Sync";
const FLEET: &str = "Fleet";
const FLUX: &str = "Flux";
const FLUX_OPERATOR: &str = "Flux Operator";
const GARDENER: &str = "Gardener";
const KAPP: &str = "kapp";
const KARMADA: &str = "Karmada";
const KUBEVELA: &str = "KubeVela";
const OLM: &str = "the Operator Lifecycle Manager";
const RANCHER: &str = "Rancher (Fleet or k3s)";
const SVELTOS: &str = "Sveltos";

/// The first match is reported.
const MARKS: [Mark; 25] = [
    mark(ARGO_CD, "argocd.argoproj.io/tracking-id"),
    // Label tracking, with the label from its documentation.
    mark(ARGO_CD, "argocd.argoproj.io/instance"),
    mark(FLUX, "kustomize.toolkit.fluxcd.io/name"),
    mark(FLUX, "helm.toolkit.fluxcd.io/name"),
    // Of a FluxInstance, and of a ResourceSet.
    mark(FLUX_OPERATOR, "fluxcd.controlplane.io/name"),
    mark(FLUX_OPERATOR, "resourceset.fluxcd.controlplane.io/name"),
    below(FLEET, "fleet.cattle.io/"),
    mark(RANCHER, "objectset.rio.cattle.io/id"),
    mark(RANCHER, "objectset.rio.cattle.io/hash"),
    mark(RANCHER, "objectset.rio.cattle.io/owner-name"),
    mark(KAPP, "kapp.k14s.io/app"),
    valued(CONFIG_SYNC, "configmanagement.gke.io/managed", "enabled"),
    valued(
        CONFIG_SYNC,
        "app.kubernetes.io/managed-by",
        "configmanagement.gke.io",
    ),
    mark(CONFIG_SYNC, "configsync.gke.io/resource-id"),
    mark(CONFIG_SYNC, "configsync.gke.io/declared-version"),
    // With `EnsureExists`, the addon manager leaves existing objects alone.
    valued(
        ADDON_MANAGER,
        "addonmanager.kubernetes.io/mode",
        "Reconcile",
    ),
    mark(OLM, "olm.owner"),
    valued(OLM, "olm.managed", "true"),
    mark(OLM, "olm.operatorframework.io/owner-name"),
    // `operators.coreos.com/PACKAGE.NAMESPACE`, with an empty value.
    below(OLM, "operators.coreos.com/"),
    mark(SVELTOS, "projectsveltos.io/owner-name"),
    mark(SVELTOS, "projectsveltos.io/reference-name"),
    valued(KARMADA, "karmada.io/managed", "true"),
    mark(GARDENER, "resources.gardener.cloud/managed-by"),
    mark(KUBEVELA, "app.oam.dev/name"),
];

/// Keys and values (in any letter case) that tell a writer to leave the object alone, although it has the writer's marks.
const LEFT_ALONE: [(&str, &str, &str); 8] = [
    (FLUX, "kustomize.toolkit.fluxcd.io/reconcile", "disabled"),
    (FLUX, "kustomize.toolkit.fluxcd.io/ssa", "Ignore"),
    (FLUX, "kustomize.toolkit.fluxcd.io/ssa", "IfNotPresent"),
    (CONFIG_SYNC, "configmanagement.gke.io/managed", "disabled"),
    (
        CONFIG_SYNC,
        "client.lifecycle.config.k8s.io/mutation",
        "ignore",
    ),
    (KAPP, "kapp.k14s.io/update-strategy", "skip"),
    (GARDENER, "resources.gardener.cloud/ignore", "true"),
    (GARDENER, "resources.gardener.cloud/mode", "Ignore"),
];

/// The other writer of the object: ``Argo CD (`argocd.argoproj.io/instance: shop`)``. A controller in its owner references comes
/// first.
pub(super) fn writer(metadata: &Value) -> Option<String> {
    let owners = metadata
        .get("ownerReferences")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    if let Some(owner) = owners.into_iter().find(|owner| owner["controller"] == true) {
        let text = |key| owner.get(key).and_then(Value::as_str).unwrap_or_default();
        return Some(format!(
            "the controller `{}/{}`",
            text("kind"),
            text("name")
        ));
    }
    MARKS.iter().find_map(|mark| {
        let (key, value) = mark.on(metadata)?;
        let shown = if value.is_empty() {
            key.to_owned()
        } else {
            format!("{key}: {value}")
        };
        (!leaves_alone(mark.writer, metadata)).then(|| format!("{} (`{shown}`)", mark.writer))
    })
}

/// The Helm release of the object. Its next upgrade may put an image back, but nothing writes it before that.
pub(super) fn helm_release(metadata: &Value) -> Option<String> {
    let text = |key| {
        metadata
            .get("annotations")?
            .get(key)?
            .as_str()
            .filter(|text| !text.is_empty())
    };
    let name = text("meta.helm.sh/release-name")?;
    Some(match text("meta.helm.sh/release-namespace") {
        Some(namespace) => format!("{namespace}/{name}"),
        None => name.to_owned(),
    })
}

impl Mark {
    fn on<'o>(&self, metadata: &'o Value) -> Option<(&'o str, &'o str)> {
        let is_wanted = |value: &str| match self.value {
            Wanted::Filled => !value.is_empty(),
            Wanted::Any => true,
            Wanted::Is(wanted) => value == wanted,
        };
        let mut maps = maps(metadata);
        match self.key {
            Key::Is(key) => maps.find_map(|map| {
                let (key, value) = map.get_key_value(key)?;
                Some((
                    key.as_str(),
                    value.as_str().filter(|value| is_wanted(value))?,
                ))
            }),
            Key::Below(prefix) => maps.flatten().find_map(|(key, value)| {
                let is_below = key
                    .strip_prefix(prefix)
                    .is_some_and(|rest| !rest.is_empty());
                Some((
                    key.as_str(),
                    value
                        .as_str()
                        .filter(|value| is_below && is_wanted(value))?,
                ))
            }),
        }
    }
}

fn leaves_alone(writer: &str, metadata: &Value) -> bool {
    let says = |key: &str, wanted: &str| {
        maps(metadata)
            .filter_map(|map| map.get(key)?.as_str())
            .any(|value| value.eq_ignore_ascii_case(wanted))
    };
    LEFT_ALONE
        .iter()
        .any(|(who, key, value)| *who == writer && says(key, value))
}

fn maps(metadata: &Value) -> impl Iterator<Item = &serde_json::Map<String, Value>> {
    ["annotations", "labels"]
        .into_iter()
        .filter_map(|map| metadata.get(map)?.as_object())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// An object with labels or annotations (`map`) from these pairs.
    fn marked(map: &str, pairs: &[(&str, &str)]) -> Value {
        let pairs: serde_json::Map<String, Value> = pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), Value::from(*value)))
            .collect();
        json!({map: pairs})
    }

    #[test]
    fn a_controller_among_the_owners_writes_what_it_owns() {
        let owner = |controller| json!({"ownerReferences": [{"kind": "Database", "name": "main", "uid": "1", "controller": controller}]});
        assert_eq!(
            writer(&owner(true)).as_deref(),
            Some("the controller `Database/main`")
        );
        assert_eq!(writer(&owner(false)), None);
        assert_eq!(writer(&json!({})), None);
    }

    #[test]
    fn every_mark_tells_its_writer_as_a_label_and_as_an_annotation() {
        for mark in &MARKS {
            let key = match mark.key {
                Key::Is(key) => key.to_owned(),
                Key::Below(prefix) => format!("{prefix}web.shop"),
            };
            let (value, others): (&str, &[&str]) = match mark.value {
                Wanted::Is(value) => (value, &["", "other"]),
                Wanted::Filled => ("shop", &[""]),
                Wanted::Any => ("", &[]),
            };
            let shown = if value.is_empty() {
                key.clone()
            } else {
                format!("{key}: {value}")
            };
            for map in ["labels", "annotations"] {
                let found = writer(&marked(map, &[(&key, value), ("app", "web")]));
                assert_eq!(found, Some(format!("{} (`{shown}`)", mark.writer)), "{map}");
                for other in others {
                    assert_eq!(
                        writer(&marked(map, &[(&key, other)])),
                        None,
                        "{key}: {other}"
                    );
                }
            }
            if let Key::Below(prefix) = mark.key {
                assert_eq!(
                    writer(&marked(
                        "labels",
                        &[(prefix, "x"), (&format!("x.{prefix}a"), "x")]
                    )),
                    None
                );
            }
        }
    }

    #[test]
    fn weaker_evidence_is_not_a_mark() {
        for (map, key, value) in [
            ("labels", "app.kubernetes.io/instance", "shop"),
            ("labels", "app.kubernetes.io/managed-by", "Helm"),
            ("labels", "app.kubernetes.io/managed-by", "argocd"),
            ("labels", "helm.sh/chart", "web-1.2.3"),
            ("labels", "addonmanager.kubernetes.io/mode", "EnsureExists"),
            ("labels", "kubernetes.io/cluster-service", "true"),
            ("labels", "applyset.kubernetes.io/part-of", "applyset-1"),
            ("labels", "olm.managed", "false"),
            ("annotations", "argocd.argoproj.io/sync-wave", "1"),
            ("annotations", "configmanagement.gke.io/managed", "disabled"),
            (
                "annotations",
                "kustomize.toolkit.fluxcd.io/prune",
                "disabled",
            ),
            (
                "annotations",
                "kubectl.kubernetes.io/last-applied-configuration",
                "{}",
            ),
            ("annotations", "meta.helm.sh/release-name", "web"),
        ] {
            assert_eq!(writer(&marked(map, &[(key, value)])), None, "{key}");
        }
        assert_eq!(
            writer(
                &json!({"managedFields": [{"manager": "argocd-controller"}], "labels": null, "annotations": []})
            ),
            None
        );
    }

    #[test]
    fn a_writer_that_is_told_to_leave_an_object_alone_does() {
        for (who, key, value) in LEFT_ALONE {
            let mark = MARKS.iter().find(|mark| mark.writer == who).unwrap();
            let (Key::Is(marked_by) | Key::Below(marked_by)) = mark.key;
            let marked_with = match mark.value {
                Wanted::Is(value) => value,
                Wanted::Filled | Wanted::Any => "shop",
            };
            // If a key has two values, the later one counts.
            let pairs = [(marked_by, marked_with), (key, value)];
            assert_eq!(
                writer(&marked("annotations", &pairs)),
                None,
                "{key}: {value}"
            );
            let shouted = value.to_uppercase();
            assert_eq!(
                writer(&marked(
                    "annotations",
                    &[(marked_by, marked_with), (key, &shouted)]
                )),
                None,
                "{key}: {shouted}"
            );
            if marked_by != key {
                let found = writer(&marked(
                    "annotations",
                    &[(marked_by, marked_with), (key, "other")],
                ));
                assert!(
                    found.is_some_and(|found| found.starts_with(who)),
                    "{key}: other"
                );
            }
        }
        // One writer's opt-out does not count for another writer: Flux Operator sets this one itself.
        let both = [
            ("kustomize.toolkit.fluxcd.io/ssa", "Ignore"),
            ("fluxcd.controlplane.io/name", "flux"),
        ];
        assert!(
            writer(&marked("labels", &both))
                .is_some_and(|found| found.starts_with("Flux Operator"))
        );
        let both = [
            ("kustomize.toolkit.fluxcd.io/reconcile", "disabled"),
            ("argocd.argoproj.io/instance", "shop"),
        ];
        assert!(writer(&marked("labels", &both)).is_some_and(|found| found.starts_with("Argo CD")));
    }

    #[test]
    fn a_helm_release_has_a_name_and_may_have_a_namespace() {
        let of = |pairs: &[(&str, &str)]| helm_release(&marked("annotations", pairs));
        assert_eq!(
            of(&[("meta.helm.sh/release-name", "web")]).as_deref(),
            Some("web")
        );
        let both = [
            ("meta.helm.sh/release-name", "web"),
            ("meta.helm.sh/release-namespace", "shop"),
        ];
        assert_eq!(of(&both).as_deref(), Some("shop/web"));
        assert_eq!(of(&[("meta.helm.sh/release-name", "")]), None);
        assert_eq!(helm_release(&marked("labels", &both)), None);
    }
}
