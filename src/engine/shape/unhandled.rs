//! Objects that hold images and are not edited: they are seen, and counted under a name of their own.

/// The name that a kustomization is counted under.
pub const KUSTOMIZATION: &str = "Kustomization";

/// Kinds that stand for charts or kustomizations, whatever their group is.
const OF_ANY_GROUP: [&str; 2] = ["HelmRelease", KUSTOMIZATION];

/// A kind whose name means something else in other groups.
const COMPONENT: &str = "Component";

/// A pod's specification without `containers`, and with a key that is meant for it.
pub(super) const MISSPELT_CONTAINERS: &str = "misspelt container list";
/// The same of `initContainers`.
pub(super) const MISSPELT_INIT_CONTAINERS: &str = "misspelt initContainer list";

/// What is wrong in a file, and what to write instead, where an object is counted under this name because of a slip.
pub fn slip(name: &str) -> Option<String> {
    let right = match name {
        MISSPELT_CONTAINERS => "containers",
        MISSPELT_INIT_CONTAINERS => "initContainers",
        _ => return None,
    };
    Some(format!(
        "has a pod template with `{right}` misspelt, so those images are not read: write `{right}:`"
    ))
}

/// The name that an object is counted under, where it holds images and is not handled. `api_version` is asked for only where the kind
/// alone does not tell.
pub fn unhandled<'a>(
    kind: &str,
    api_version: impl FnOnce() -> Option<&'a str>,
) -> Option<&'static str> {
    let of_any_group = OF_ANY_GROUP.into_iter().find(|name| *name == kind);
    let is_component = || {
        kind == COMPONENT
            && api_version().is_some_and(|version| version.starts_with("kustomize.config.k8s.io/"))
    };
    of_any_group.or_else(|| is_component().then_some(COMPONENT))
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
            (
                "helm.toolkit.fluxcd.io/v2",
                "HelmRelease",
                Some("HelmRelease"),
            ),
            (
                "kustomize.config.k8s.io/v1alpha1",
                "Component",
                Some("Component"),
            ),
            ("core.oam.dev/v1beta1", "Component", None),
            ("v1", "ConfigMap", None),
        ] {
            assert_eq!(unhandled(kind, || Some(version)), name, "{version} {kind}");
        }
        for kind in ["ConfigMap", "HelmRelease"] {
            unhandled(kind, || panic!("{kind}"));
        }
    }

    #[test]
    fn a_slip_says_what_to_write() {
        for (name, write) in [
            (MISSPELT_CONTAINERS, "write `containers:`"),
            (MISSPELT_INIT_CONTAINERS, "write `initContainers:`"),
        ] {
            assert!(slip(name).is_some_and(|slip| slip.ends_with(write)));
        }
        assert_eq!(slip(KUSTOMIZATION), None);
    }
}
