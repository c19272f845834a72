//! The warning for images whose digest some kustomizations drop.

use std::collections::BTreeMap;

/// How many examples a warning names.
const EXAMPLES: usize = 3;

/// Images of manifests whose digest a kustomization drops.
#[derive(Debug, Default)]
pub(super) struct Replaced {
    images: usize,
    /// Each manifest with a kustomization that does so.
    files: BTreeMap<String, String>,
}

impl Replaced {
    /// Counts an image of a manifest whose digest a kustomization drops.
    pub(super) fn note(&mut self, manifest: &str, by: &str) {
        self.images += 1;
        if !self.files.contains_key(manifest) {
            self.files.insert(manifest.to_owned(), by.to_owned());
        }
    }

    /// What a person should know.
    pub(super) fn warning(&self) -> Option<String> {
        let examples: Vec<String> = self
            .files
            .iter()
            .take(EXAMPLES)
            .map(|(file, by)| format!("`{file}` by `{by}`"))
            .collect();
        let more = self.files.len().saturating_sub(EXAMPLES);
        let more = if more > 0 {
            format!(", and {more} more files")
        } else {
            String::new()
        };
        let (images, their) = match self.images {
            0 => return None,
            1 => ("1 image".to_owned(), "its digest in the manifest does"),
            images => (
                format!("{images} images"),
                "their digests in the manifests do",
            ),
        };
        Some(format!(
            "some kustomizations set another tag or digest for {images}, so {their} not reach what they build: {}{more}",
            examples.join(", ")
        ))
    }
}
