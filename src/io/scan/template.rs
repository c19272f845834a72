//! Which files are templates of a Helm chart: all that is below `templates/` of a folder with `Chart.yaml`.
//!
//! A template is text that becomes YAML later. Editing it by what it looks like now would be a guess.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

const TEMPLATES: &str = "templates";

/// Whether a path can be a template's, judged by its spelling alone and quickly.
pub(super) fn may_be(path: &Path) -> bool {
    let text = path.as_os_str().as_bytes();
    memchr::memmem::find_iter(text, TEMPLATES).any(|at| {
        let before = at.checked_sub(1).and_then(|before| text.get(before));
        matches!(before, None | Some(b'/'))
            && matches!(text.get(at + TEMPLATES.len()), None | Some(b'/'))
    })
}

/// What is known of the folders named `templates`: whether a chart's file stands beside them.
#[derive(Default)]
pub(super) struct Charts {
    known: Mutex<BTreeMap<PathBuf, bool>>,
}

impl Charts {
    /// Whether a file, by its real path, is a template.
    pub(super) fn have(&self, real: &Path) -> bool {
        real.ancestors()
            .skip(1)
            .filter(|folder| {
                folder
                    .file_name()
                    .is_some_and(|name| name.as_bytes() == TEMPLATES.as_bytes())
            })
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
