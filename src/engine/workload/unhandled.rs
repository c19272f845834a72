//! Objects that hold images and are not edited: they are seen, and counted under a name of their own.

/// The name that a kustomization is counted under.
pub const KUSTOMIZATION: &str = "Kustomization";

/// Kinds that stand for pods, charts or kustomizations whatever their group is.
const OF_ANY_GROUP: [&str; 8] =
    ["HelmRelease", "Job", KUSTOMIZATION, "Pod", "PodTemplate", "ReplicaSet", "ReplicationController", "Rollout"];

/// Kinds whose name means something else in another group: the group, its kinds, and the names that they are counted under.
const OF_GROUP: [(&str, &[(&str, &str)]); 4] = [
    (
        "argoproj.io",
        &[
            ("ClusterWorkflowTemplate", "ClusterWorkflowTemplate"),
            ("CronWorkflow", "CronWorkflow"),
            ("Workflow", "Workflow"),
            ("WorkflowTemplate", "WorkflowTemplate"),
        ],
    ),
    ("kustomize.config.k8s.io", &[("Component", "Component")]),
    ("serving.knative.dev", &[("Configuration", "Knative Configuration"), ("Service", "Knative Service")]),
    (
        "tekton.dev",
        &[
            ("ClusterTask", "Tekton ClusterTask"),
            ("Pipeline", "Tekton Pipeline"),
            ("PipelineRun", "Tekton PipelineRun"),
            ("StepAction", "Tekton StepAction"),
            ("Task", "Tekton Task"),
            ("TaskRun", "Tekton TaskRun"),
        ],
    ),
];

/// The four kinds in the versions that API servers have dropped.
const OLD_VERSIONS: [(&str, &str, &str); 8] = [
    ("apps/v1beta1", "Deployment", "apps/v1beta1 Deployment"),
    ("apps/v1beta1", "StatefulSet", "apps/v1beta1 StatefulSet"),
    ("apps/v1beta2", "DaemonSet", "apps/v1beta2 DaemonSet"),
    ("apps/v1beta2", "Deployment", "apps/v1beta2 Deployment"),
    ("apps/v1beta2", "StatefulSet", "apps/v1beta2 StatefulSet"),
    ("batch/v2alpha1", "CronJob", "batch/v2alpha1 CronJob"),
    ("extensions/v1beta1", "DaemonSet", "extensions/v1beta1 DaemonSet"),
    ("extensions/v1beta1", "Deployment", "extensions/v1beta1 Deployment"),
];

/// The name that an object is counted under, where it holds images and is not handled. `api_version` is asked for only where the kind
/// alone does not tell.
pub fn unhandled<'a>(kind: &str, api_version: impl FnOnce() -> Option<&'a str>) -> Option<&'static str> {
    if let Some(name) = OF_ANY_GROUP.into_iter().find(|name| *name == kind) {
        return Some(name);
    }
    let is_old = || OLD_VERSIONS.iter().any(|(_, old, _)| *old == kind);
    if !asks_for_group(kind) && !is_old() {
        return None;
    }
    let version = api_version()?;
    let old = OLD_VERSIONS.iter().find(|(old_version, old, _)| (*old_version, *old) == (version, kind)).map(|(.., name)| *name);
    let group = version.split_once('/').map_or("", |(group, _)| group);
    let of_group = OF_GROUP.iter().filter(|(own, _)| *own == group).flat_map(|(_, kinds)| *kinds);
    old.or_else(|| of_group.into_iter().find(|(own, _)| *own == kind).map(|(_, name)| *name))
}

/// Whether a kind is counted only in one group.
pub fn asks_for_group(kind: &str) -> bool {
    OF_GROUP.iter().flat_map(|(_, kinds)| *kinds).any(|(own, _)| *own == kind)
}

/// Whether kustomize takes a file of this name for a kustomization, whatever stands in it.
pub fn is_kustomization_file(name: &str) -> bool {
    matches!(name, "kustomization.yaml" | "kustomization.yml" | "Kustomization")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_counted_in_the_groups_where_it_holds_images() {
        for (version, kind, name) in [
            ("v1", "Pod", Some("Pod")),
            ("serving.knative.dev/v1", "Service", Some("Knative Service")),
            ("v1", "Service", None),
            ("example.com/v1", "Service", None),
            ("serving.knative.dev/v1", "Configuration", Some("Knative Configuration")),
            ("argoproj.io/v1alpha1", "Workflow", Some("Workflow")),
            ("argoproj.io/v1alpha1", "CronWorkflow", Some("CronWorkflow")),
            ("example.com/v1", "Workflow", None),
            ("tekton.dev/v1beta1", "Task", Some("Tekton Task")),
            ("tekton.dev/v1", "PipelineRun", Some("Tekton PipelineRun")),
            ("tasks.example.com/v1", "Task", None),
            ("kustomize.config.k8s.io/v1alpha1", "Component", Some("Component")),
            ("core.oam.dev/v1beta1", "Component", None),
            ("extensions/v1beta1", "Deployment", Some("extensions/v1beta1 Deployment")),
            ("apps/v1beta1", "StatefulSet", Some("apps/v1beta1 StatefulSet")),
            ("apps/v1beta2", "DaemonSet", Some("apps/v1beta2 DaemonSet")),
            ("apps/v1", "Deployment", None),
            ("example.com/v1", "Deployment", None),
            ("v1", "ConfigMap", None),
        ] {
            assert_eq!(unhandled(kind, || Some(version)), name, "{version} {kind}");
        }
        assert_eq!(unhandled("Service", || None), None);
    }

    #[test]
    fn the_version_is_asked_for_only_where_it_decides() {
        for kind in ["Pod", "ConfigMap", "Rollout"] {
            unhandled(kind, || panic!("{kind}"));
        }
    }
}
