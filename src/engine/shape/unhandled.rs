//! Objects that hold images and are not edited: they are seen, and counted under a name of their own.

use super::pods::PodKind;

/// The name that a kustomization is counted under.
pub const KUSTOMIZATION: &str = "Kustomization";

/// Kinds that stand for pods, charts or kustomizations whatever their group is.
const OF_ANY_GROUP: [&str; 8] = [
    "HelmRelease",
    "Job",
    KUSTOMIZATION,
    "Pod",
    "PodTemplate",
    "ReplicaSet",
    "ReplicationController",
    "Rollout",
];

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
    (
        "serving.knative.dev",
        &[
            ("Configuration", "Knative Configuration"),
            ("Service", "Knative Service"),
        ],
    ),
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
    (
        "extensions/v1beta1",
        "DaemonSet",
        "extensions/v1beta1 DaemonSet",
    ),
    (
        "extensions/v1beta1",
        "Deployment",
        "extensions/v1beta1 Deployment",
    ),
];

/// The four kinds as they are miswritten: the kind, the names that it is counted under in other letters and in a version that its group
/// does not have, and the version to write.
const MISWRITTEN: [(&str, &str, &str, &str); 4] = [
    (
        "Deployment",
        "misspelt Deployment",
        "misversioned Deployment",
        "apps/v1",
    ),
    (
        "DaemonSet",
        "misspelt DaemonSet",
        "misversioned DaemonSet",
        "apps/v1",
    ),
    (
        "StatefulSet",
        "misspelt StatefulSet",
        "misversioned StatefulSet",
        "apps/v1",
    ),
    (
        "CronJob",
        "misspelt CronJob",
        "misversioned CronJob",
        "batch/v1",
    ),
];

/// A pod's specification without `containers`, and with a key that is meant for it.
pub(super) const MISSPELT_CONTAINERS: &str = "misspelt container list";
/// The same of `initContainers`.
pub(super) const MISSPELT_INIT_CONTAINERS: &str = "misspelt initContainer list";

/// What is wrong in a file, and what to write instead, where an object is counted under this name because of a slip.
pub fn slip(name: &str) -> Option<String> {
    let list = |right: &str| {
        format!(
            "has a pod template with `{right}` misspelt, so those images are not read: write `{right}:`"
        )
    };
    match name {
        MISSPELT_CONTAINERS => return Some(list("containers")),
        MISSPELT_INIT_CONTAINERS => return Some(list("initContainers")),
        _ => {}
    }
    MISWRITTEN.iter().find_map(|(kind, misspelt, misversioned, version)| match () {
        () if name == *misspelt => {
            Some(format!("has a {kind} whose kind is in other letters, so its images are not read: write `kind: {kind}`"))
        }
        () if name == *misversioned => {
            Some(format!("has a {kind} of an unknown version, so its images are not read: write `apiVersion: {version}`"))
        }
        () => None,
    })
}

/// The name of one of the four kinds that is miswritten. Groups of other people may have kinds of these names.
fn miswritten(kind: &str, version: &str) -> Option<&'static str> {
    let (right, misspelt, misversioned, _) = MISWRITTEN
        .iter()
        .find(|(right, ..)| right.eq_ignore_ascii_case(kind))?;
    let group = version.split_once('/').map_or("", |(group, _)| group);
    match matches!(group, "" | "apps" | "batch" | "extensions") {
        true if kind != *right => Some(misspelt),
        true if PodKind::of(version, kind).is_none() => Some(misversioned),
        _ => None,
    }
}

/// The name that an object is counted under, where it holds images and is not handled. `api_version` is asked for only where the kind
/// alone does not tell.
pub fn unhandled<'a>(
    kind: &str,
    api_version: impl FnOnce() -> Option<&'a str>,
) -> Option<&'static str> {
    if let Some(name) = OF_ANY_GROUP.into_iter().find(|name| *name == kind) {
        return Some(name);
    }
    let is_one_of_four = MISWRITTEN
        .iter()
        .any(|(right, ..)| right.eq_ignore_ascii_case(kind));
    if !is_one_of_four && !asks_for_group(kind) {
        return None;
    }
    let version = api_version()?;
    let old = OLD_VERSIONS
        .iter()
        .find(|(old_version, old, _)| (*old_version, *old) == (version, kind))
        .map(|(.., name)| *name);
    let group = version.split_once('/').map_or("", |(group, _)| group);
    let of_group = OF_GROUP
        .iter()
        .filter(|(own, _)| *own == group)
        .flat_map(|(_, kinds)| *kinds);
    let of_group = || {
        of_group
            .into_iter()
            .find(|(own, _)| *own == kind)
            .map(|(_, name)| *name)
    };
    old.or_else(of_group).or_else(|| miswritten(kind, version))
}

/// Whether a kind is counted only in one group.
fn asks_for_group(kind: &str) -> bool {
    OF_GROUP
        .iter()
        .flat_map(|(_, kinds)| *kinds)
        .any(|(own, _)| *own == kind)
}

/// Whether kustomize takes a file of this name for a kustomization, whatever stands in it.
pub fn is_kustomization_file(name: &str) -> bool {
    matches!(
        name,
        "kustomization.yaml" | "kustomization.yml" | "Kustomization"
    )
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
            (
                "serving.knative.dev/v1",
                "Configuration",
                Some("Knative Configuration"),
            ),
            ("argoproj.io/v1alpha1", "Workflow", Some("Workflow")),
            ("argoproj.io/v1alpha1", "CronWorkflow", Some("CronWorkflow")),
            ("example.com/v1", "Workflow", None),
            ("tekton.dev/v1beta1", "Task", Some("Tekton Task")),
            ("tekton.dev/v1", "PipelineRun", Some("Tekton PipelineRun")),
            ("tasks.example.com/v1", "Task", None),
            (
                "kustomize.config.k8s.io/v1alpha1",
                "Component",
                Some("Component"),
            ),
            ("core.oam.dev/v1beta1", "Component", None),
            (
                "extensions/v1beta1",
                "Deployment",
                Some("extensions/v1beta1 Deployment"),
            ),
            (
                "apps/v1beta1",
                "StatefulSet",
                Some("apps/v1beta1 StatefulSet"),
            ),
            ("apps/v1beta2", "DaemonSet", Some("apps/v1beta2 DaemonSet")),
            ("apps/v1", "Deployment", None),
            ("example.com/v1", "Deployment", None),
            ("v1", "ConfigMap", None),
            ("apps/v1", "deployment", Some("misspelt Deployment")),
            (
                "extensions/v1beta1",
                "Daemonset",
                Some("misspelt DaemonSet"),
            ),
            ("batch/v1", "Cronjob", Some("misspelt CronJob")),
            ("v1", "STATEFULSET", Some("misspelt StatefulSet")),
            ("example.com/v1", "deployment", None),
            ("v1", "Deployment", Some("misversioned Deployment")),
            ("apps/v1", "CronJob", Some("misversioned CronJob")),
            ("batch/v1beta1", "CronJob", None),
        ] {
            assert_eq!(unhandled(kind, || Some(version)), name, "{version} {kind}");
        }
        assert_eq!(unhandled("Service", || None), None);
    }

    #[test]
    fn a_slip_says_what_to_write_and_a_kind_of_its_own_is_none() {
        let named = MISWRITTEN
            .iter()
            .flat_map(|(kind, misspelt, misversioned, version)| {
                [
                    (*misspelt, format!("`kind: {kind}`")),
                    (*misversioned, format!("`apiVersion: {version}`")),
                ]
            });
        let lists = [
            (MISSPELT_CONTAINERS, "`containers:`"),
            (MISSPELT_INIT_CONTAINERS, "`initContainers:`"),
        ];
        for (name, write) in named.chain(lists.map(|(name, write)| (name, write.to_owned()))) {
            assert!(
                slip(name).is_some_and(|slip| slip.ends_with(&format!(": write {write}"))),
                "{name}"
            );
        }
        for name in OF_ANY_GROUP
            .into_iter()
            .chain(OLD_VERSIONS.map(|(.., name)| name))
        {
            assert_eq!(slip(name), None, "{name}");
        }
    }

    #[test]
    fn the_version_is_asked_for_only_where_it_decides() {
        for kind in ["Pod", "ConfigMap", "Rollout"] {
            unhandled(kind, || panic!("{kind}"));
        }
    }
}
