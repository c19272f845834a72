//! Finds the templates of Helm charts: every file below `templates/` beside a `Chart.yaml`.
//!
//! A template is text that becomes YAML later. Editing it by what it looks like now would be a guess.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

const TEMPLATES: &str = "templates";

/// Whether a path could be that of a template. Looks only at its spelling, which is quick.
pub(super) fn may_be(path: &Path) -> bool {
    let text = path.as_os_str().as_bytes();
    memchr::memmem::find_iter(text, TEMPLATES).any(|at| {
        let before = at.checked_sub(1).and_then(|before| text.get(before));
        matches!(before, None | Some(b'/'))
            && matches!(text.get(at + TEMPLATES.len()), None | Some(b'/'))
    })
}

/// For each folder that contains `templates`, whether it has a `Chart.yaml`.
#[derive(Default)]
pub(super) struct Charts {
    known: Mutex<BTreeMap<PathBuf, bool>>,
}

impl Charts {
    /// Whether a file is a template. `real` is its path without links.
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
