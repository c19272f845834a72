//! File mode, top to bottom.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use super::report::{Action, Report};
use super::resolve::Event;
use crate::engine::policy::{TagForm, Track};
use crate::engine::selector::{ImageFilter, Selection};

/// What `imago files` is asked, checked.
#[derive(Clone, Debug)]
pub struct Request {
    /// Folders and files, `.` where none was named.
    pub paths: Vec<PathBuf>,
    /// Globs that a found file has to match, where there are any.
    pub include: Vec<String>,
    /// Globs that a found file must not match.
    pub exclude: Vec<String>,
    /// What to do.
    pub action: Action,
    /// Do all but write.
    pub dry_run: bool,
    /// Fill `Report::diff`.
    pub diff: bool,
    /// Where a digest's tag is known from.
    pub track: Track,
    /// Whether the tag stays beside the digest.
    pub form: TagForm,
    /// Which images are taken, by name as written.
    pub images: ImageFilter,
    /// Which workloads are taken.
    pub selection: Selection,
    /// More changes than these are not carried out.
    pub max_changes: Option<usize>,
    /// The lock file.
    pub lock: LockUse,
    /// How registries are asked.
    pub registries: Registries,
    /// What happens to a new digest that lacks a platform.
    pub platform_loss: PlatformLoss,
}

/// How the lock file is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockUse {
    /// Where it is.
    pub path: PathBuf,
    /// Whether `--lock` named it: then it is made where it is absent.
    pub named: bool,
    /// Read it and ask no registry.
    pub offline: bool,
    /// Drop what the run did not use.
    pub prune: bool,
}

/// How registries are asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Registries {
    /// Requests at once.
    pub concurrency: usize,
    /// Requests at once to one host.
    pub per_host: usize,
    /// Hosts that are asked over plain http.
    pub insecure: Vec<String>,
    /// PEM files of further certificate authorities.
    pub certificate_authorities: Vec<PathBuf>,
    /// `FROM=TO`, split.
    pub maps: Vec<(String, String)>,
    /// The docker config to read in place of the usual ones.
    pub docker_config: Option<PathBuf>,
    /// Where the random part of pauses begins.
    pub seed: u64,
    /// The environment.
    pub environment: BTreeMap<OsString, OsString>,
}

/// What happens to a new digest that lacks a platform which the old one had.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlatformLoss {
    /// It is held back.
    #[default]
    Hold,
    /// It is taken.
    Allow,
}

/// Runs file mode.
pub fn run(request: &Request, mut on_event: impl FnMut(Event)) -> anyhow::Result<Report> {
    on_event(Event::Wanted(request.paths.len()));
    anyhow::bail!("cannot run")
}
