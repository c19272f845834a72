//! Argo CD: what its Image Updater writes, and the files beside the manifests of an Application, which override what that says of its source.
//!
//! ```yaml
//! # apps/web/.argocd-source-web.yaml
//! helm:
//!   parameters:
//!   - {name: image.tag, value: "1.4"}
//! ```
//!
//! <https://argo-cd.readthedocs.io/en/stable/user-guide/parameters/#store-overrides-in-git>

use super::glob;
use super::object::Object;
use super::tree::Tree;

/// The API group of Argo CD.
pub const GROUP: &str = "argoproj.io";
/// The API group of its Image Updater.
pub const UPDATER_GROUP: &str = "argocd-image-updater.argoproj.io";
/// The version that such a file is read as. It names none.
pub const SOURCE_VERSION: &str = "argoproj.io/v1alpha1";
/// What such a file is called, as it has no kind.
pub const SOURCE: &str = "Argo CD source";
/// The name of such files for flags and settings.
pub const SOURCE_FILE: &str = "argocd-source";

/// Whether a file, by its name or path, is one for the source in its folder.
pub fn is_source_file(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let rest = name.strip_prefix(".argocd-source");
    let app = rest.and_then(|rest| rest.strip_suffix(".yaml"));
    app.is_some_and(|app| app.is_empty() || app.starts_with('-'))
}

/// Whether a template patches the values for charts in the Applications of an ApplicationSet
/// (<https://argo-cd.readthedocs.io/en/stable/operator-manual/applicationset/Template/#template-patch>).
pub fn has_helm_patch<'a, T: Tree<'a>>(object: T) -> bool {
    let patch = object
        .get("spec")
        .and_then(|spec| spec.get("templatePatch"));
    let text = patch.and_then(|patch| patch.scalar().text());
    text.is_some_and(|text| text.contains("helm"))
}

/// What an ImageUpdater says of the Applications whose images it writes
/// (<https://argocd-image-updater.readthedocs.io/en/stable/configuration/applications/>).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Updater {
    /// The file that it stands in.
    pub file: String,
    /// Their namespace. Empty: any, as what applies the files often sets it.
    namespace: String,
    /// A glob of their names.
    names: String,
    /// Labels that they have.
    labels: Vec<(String, String)>,
}

impl Updater {
    /// Reads an ImageUpdater.
    pub fn read<'a, T: Tree<'a>>(object: T, file: &str) -> Vec<Self> {
        let text = |of: Option<T>, key: &str| of?.get(key)?.scalar().text();
        let spec = object.get("spec");
        let namespace = text(spec, "namespace").or(text(object.get("metadata"), "namespace"));
        let references = spec.and_then(|spec| spec.get("applicationRefs"));
        let references = references.map(T::items).unwrap_or_default().into_iter();
        let one = |reference: T| {
            let selectors = reference.get("labelSelectors");
            let labels = selectors.and_then(|selectors| selectors.get("matchLabels"));
            let labels = labels.map(T::entries).unwrap_or_default().into_iter();
            let label =
                |(key, value): (&str, T)| Some((key.to_owned(), value.scalar().text()?.to_owned()));
            Some(Self {
                file: file.to_owned(),
                namespace: namespace.unwrap_or_default().to_owned(),
                names: text(Some(reference), "namePattern")?.to_owned(),
                labels: labels.filter_map(label).collect(),
            })
        };
        references.filter_map(one).collect()
    }

    /// Whether it writes the images of an Application. What it asks for by expressions on labels is taken for true.
    pub fn writes(&self, application: &Object) -> bool {
        let namespace = application.namespace.as_deref().unwrap_or_default();
        let is_there =
            self.namespace.is_empty() || namespace.is_empty() || self.namespace == namespace;
        let has = |label: &(String, String)| application.labels.contains(label);
        is_there && glob::matches(&self.names, &application.name) && self.labels.iter().all(has)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_for_a_source_is_known_by_its_name() {
        for (path, expected) in [
            (".argocd-source.yaml", true),
            ("apps/web/.argocd-source-web.yaml", true),
            ("apps/web/.argocd-source-argocd_web.yaml", true),
            ("argocd-source-web.yaml", false),
            (".argocd-sources.yaml", false),
            (".argocd-source-web.yml", false),
            (".argocd-source-web.yaml/web.yaml", false),
        ] {
            assert_eq!(is_source_file(path), expected, "{path}");
        }
    }
}
