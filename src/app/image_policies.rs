//! Flux's ImagePolicies and ImageRepositories, wherever in the repository they stand, for a run that carries them out.

use std::path::{Path, PathBuf};

use super::commit::Committed;
use super::survey;
use super::workspace::Workspace;
use crate::engine::flux_policies::{FluxPolicies, GROUP};
use crate::engine::yaml::File;
use crate::io::scan::{self, What};

/// Reads those of a work tree, or of a commit.
pub(super) fn read(
    at: &Workspace,
    committed: Option<&Committed<'_>>,
) -> anyhow::Result<FluxPolicies> {
    let mut policies = FluxPolicies::default();
    let files = match committed {
        Some(committed) => committed.manifests(tells)?,
        None => in_files(at)?,
    };
    for (path, bytes) in files {
        take(&path, &bytes, &mut policies);
    }
    Ok(policies)
}

fn in_files(at: &Workspace) -> anyhow::Result<Vec<(PathBuf, Vec<u8>)>> {
    let scope = scan::Scope {
        paths: std::slice::from_ref(&at.root),
        include: &[],
        exclude: &[],
        other: None,
        current: &at.current,
        opens_relative: false,
        root: &at.root,
    };
    let found = scan::scan(scope, |found| match found.what {
        What::File(bytes) if tells(bytes) => Some((found.path.to_owned(), std::mem::take(bytes))),
        _ => None,
    });
    Ok(found.map_err(|error| survey::wrong_paths(&error))?.0)
}

fn tells(bytes: &[u8]) -> bool {
    memchr::memmem::find(bytes, GROUP.as_bytes()).is_some()
}

/// What cannot be read is told by the run itself, if the file is one of its own.
fn take(path: &Path, bytes: &[u8], policies: &mut FluxPolicies) {
    let Some(Ok(file)) = std::str::from_utf8(bytes).ok().map(File::parse) else {
        return;
    };
    let name = path.display().to_string();
    for index in (0..file.len()).filter(|index| !file.is_refused(*index)) {
        policies.read(file.document(index), &name);
    }
}
