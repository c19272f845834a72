//! A repository by its address: its clone, and the settings that its tree has.

use std::path::Path;

use super::args::{Configuration, Files};
use super::config;
use super::refused::Refused;
use crate::app::remote::{RemoteClone, RemoteRequest};

/// Opens the repository, and fills in what the flags leave open and its settings say.
pub(super) fn open(
    flags: &mut Files,
    request: &RemoteRequest,
    current: &Path,
) -> Result<RemoteClone, Refused> {
    let clone = RemoteClone::open(request, current).map_err(Refused::Failed)?;
    fill(flags, &clone, current)?;
    Ok(clone)
}

/// Fills in what the flags leave open and the settings of a clone say, or those of a file that is named.
pub(super) fn fill(flags: &mut Files, clone: &RemoteClone, current: &Path) -> Result<(), Refused> {
    let root = &clone.workspace().root;
    let read = match &flags.configuration {
        Configuration {
            no_config: true, ..
        } => Ok(None),
        Configuration {
            config: Some(named),
            ..
        } => config::read_for_clone(named, current, root),
        Configuration { config: None, .. } => config::read_of_head(root, true),
    };
    let read = read.map_err(|mistake| Refused::Setting(Box::new(mistake)))?;
    match read {
        Some(config) => config.fill_files(flags).map_err(Refused::Usage),
        None => Ok(()),
    }
}
