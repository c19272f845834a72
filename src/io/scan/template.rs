//! Which files are templates of a Helm chart: all that is below `templates/` of a folder with `Chart.yaml`.
//!
//! A template is text that becomes YAML later. Editing it by what it looks like now would be a guess.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, PoisonError};

const TEMPLATES: &str = "templates";

/// What is known of the folders named `templates`: whether a chart's file stands beside them.
#[derive(Default)]
pub(super) struct Charts {
    known: Mutex<BTreeMap<PathBuf, bool>>,
}

impl Charts {
    /// Whether a path can be a template at all, judged by its spelling alone.
    pub(super) fn may_have(&self, folder: &Path, inner: &Path) -> bool {
        has_templates(inner) || has_templates(folder)
    }

    /// Whether a file, by its real path, is a template.
    pub(super) fn have(&self, real: &Path) -> bool {
        real.ancestors()
            .skip(1)
            .filter(|folder| folder.file_name().is_some_and(|name| name == TEMPLATES))
            .filter_map(Path::parent)
            .any(|chart| self.is_chart(chart))
    }

    fn is_chart(&self, folder: &Path) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&is_chart) = known.get(folder) {
            return is_chart;
        }
        let is_chart = folder.join("Chart.yaml").exists();
        known.insert(folder.to_owned(), is_chart);
        is_chart
    }
}

fn has_templates(path: &Path) -> bool {
    memchr::memmem::find(path.as_os_str().as_encoded_bytes(), TEMPLATES.as_bytes()).is_some()
        && path.components().any(|component| component == Component::Normal(TEMPLATES.as_ref()))
}
