//! Objects that hold images and are not edited: they are seen, and counted under a name of their own. And those that are miswritten.

use super::group_of;
use super::pods::PodKind;
use crate::engine::kustomize::FILE_NAMES;

/// The four kinds in the versions that API servers have dropped.
const OLD_VERSIONS: [(&str, &str); 8] = [
    ("apps/v1beta1", "Deployment"),
    ("apps/v1beta1", "StatefulSet"),
    ("apps/v1beta2", "DaemonSet"),
    ("apps/v1beta2", "Deployment"),
    ("apps/v1beta2", "StatefulSet"),
    ("batch/v2alpha1", "CronJob"),
    ("extensions/v1beta1", "DaemonSet"),
    ("extensions/v1beta1", "Deployment"),
];

/// The four kinds as they are miswritten: the kind, the names that it has in other letters and in a version that its group does not have,
/// and the version to write.
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

/// Values for a chart in a text that is no YAML.
pub(super) const BROKEN_VALUES: &str = "broken Helm values text";
/// The same that a template engine makes YAML.
pub(super) const TEMPLATED_VALUES: &str = "templated Helm values text";

/// What is wrong in a file, and what to write instead, where an object is counted under this name because of a slip.
pub fn slip(name: &str) -> Option<String> {
    let list = |right: &str| {
        format!(
            "has a pod template with `{right}` misspelt, so those images are not read: write `{right}:`"
        )
    };
    match name {
        BROKEN_VALUES => {
            let what = "has Helm values in a text that is not YAML, so their images are not read";
            return Some(format!("{what}: correct the text"));
        }
        MISSPELT_CONTAINERS => return Some(list("containers")),
        MISSPELT_INIT_CONTAINERS => return Some(list("initContainers")),
        _ => {}
    }
    MISWRITTEN.iter().find_map(|(kind, misspelt, misversioned, version)| match () {
        () if name == *misspelt => {
            Some(format!("has a {kind} whose kind is in other letters, which no API server takes: write `kind: {kind}`"))
        }
        () if name == *misversioned => {
            Some(format!("has a {kind} of an unknown version, which no API server takes: write `apiVersion: {version}`"))
        }
        () => None,
    })
}

/// Whether a name stands for a slip in the kind or the version of an object, whose images are read all the same.
pub fn is_miswritten(name: &str) -> bool {
    MISWRITTEN
        .iter()
        .any(|(_, misspelt, misversioned, _)| [misspelt, misversioned].contains(&&name))
}

/// The name of one of the four kinds that is miswritten. Groups of other people may have kinds of these names.
fn miswritten(kind: &str, version: &str) -> Option<&'static str> {
    let (right, misspelt, misversioned, _) = MISWRITTEN
        .iter()
        .find(|(right, ..)| right.eq_ignore_ascii_case(kind))?;
    let group = group_of(version);
    let is_known =
        || PodKind::of(version, kind).is_some() || OLD_VERSIONS.contains(&(version, kind));
    match matches!(group, "" | "apps" | "batch" | "extensions") {
        true if kind != *right => Some(misspelt),
        true if !is_known() => Some(misversioned),
        _ => None,
    }
}

/// The name that an object is counted under, where it holds images and is not handled, or is miswritten. `api_version` is asked for only
/// where the kind alone does not tell.
pub fn unhandled<'a>(
    kind: &str,
    api_version: impl FnOnce() -> Option<&'a str>,
) -> Option<&'static str> {
    let is_one_of_four = MISWRITTEN
        .iter()
        .any(|(right, ..)| right.eq_ignore_ascii_case(kind));
    is_one_of_four
        .then(|| miswritten(kind, api_version()?))
        .flatten()
}

/// Whether kustomize takes a file of this name for a kustomization, whatever stands in it.
pub fn is_kustomization_file(name: &str) -> bool {
    FILE_NAMES.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_handled_and_what_is_miswritten_have_a_name() {
        for (version, kind, name) in [
            ("helm.toolkit.fluxcd.io/v2", "HelmRelease", None),
            ("v1", "Pod", None),
            ("extensions/v1beta1", "Deployment", None),
            ("apps/v1beta2", "DaemonSet", None),
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
    fn a_slip_says_what_to_write() {
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
        assert!(!is_miswritten(MISSPELT_CONTAINERS) && is_miswritten(MISWRITTEN[0].1));
        assert_eq!(slip("Prometheus"), None);
    }

    #[test]
    fn the_version_is_asked_for_only_where_it_decides() {
        for kind in ["HelmRelease", "ConfigMap", "Rollout"] {
            unhandled(kind, || panic!("{kind}"));
        }
    }
}
