//! The flags of `imago files`.

use std::path::PathBuf;

use clap::Args;

use super::{
    Configuration, Git, Images, Kinds, Locking, MOST, Registries, Remote, Reporting, Requests,
    Selecting, whole,
};
use crate::io::scan::Globs;

pub(super) const EXAMPLES: &str = "\
Examples:
  imago files --update --lock imago.lock      pin all, and record the digests
  imago files --diff deploy/ | git apply      make the change as a diff
  imago files --update --push deploy/         commit the change, and push it
  kustomize build . | imago files --check -   check what a program prints";

/// The flags of `imago files`.
#[derive(Args, Clone, Debug, Default)]
pub struct Files {
    /// Folders, files, or - for standard input [default: .]
    #[arg(value_name = "PATH", help_heading = "Files", display_order = 0)]
    pub paths: Vec<PathBuf>,
    /// Read only the files that match (repeats)
    #[arg(long, value_name = "GLOB", help_heading = "Files", display_order = 1)]
    pub include: Vec<String>,
    /// Leave out the files that match (repeats)
    #[arg(long, value_name = "GLOB", help_heading = "Files", display_order = 2)]
    pub exclude: Vec<String>,

    /// Write every outdated image with its tag's digest
    #[arg(long, help_heading = "Action (without one nothing is written)")]
    pub update: bool,
    /// Take off the digests that imago recorded; tags stay
    #[arg(long, help_heading = "Action (without one nothing is written)")]
    pub restore: bool,
    /// Exit 1 when something is outdated
    #[arg(long, help_heading = "Action (without one nothing is written)")]
    pub check: bool,
    /// With --check, exit 1 also when an image is held
    #[arg(long, help_heading = "Action (without one nothing is written)")]
    pub strict: bool,
    /// With --check, ask only whether each image has a digest
    #[arg(long, help_heading = "Action (without one nothing is written)")]
    pub pinned: bool,
    /// Exit 2 when no image was checked
    #[arg(long, help_heading = "Action (without one nothing is written)")]
    pub fail_on_empty: bool,
    /// Print the change as a diff for `git apply`
    #[arg(long, help_heading = "Action (without one nothing is written)")]
    pub diff: bool,
    /// Show what would be written
    #[arg(long, help_heading = "Action (without one nothing is written)")]
    pub dry_run: bool,
    /// Write nothing when more than N images would change
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        value_parser = whole(0..=MOST),
        help_heading = "Action (without one nothing is written)"
    )]
    pub max_changes: Option<usize>,

    /// Which repository is worked in.
    #[command(flatten)]
    pub remote: Remote,
    /// What is committed and pushed.
    #[command(flatten)]
    pub git: Git,
    /// What is opened for what was pushed.
    #[command(flatten)]
    pub requests: Requests,
    /// Which images, and how they are written.
    #[command(flatten)]
    pub images: Images,
    /// Carry out Flux's ImagePolicies at its markers
    #[arg(long, help_heading = "Images")]
    pub flux_policies: bool,
    /// Which workloads.
    #[command(flatten)]
    pub selecting: Selecting,
    /// Which kinds.
    #[command(flatten)]
    pub kinds: Kinds,
    /// How registries are asked.
    #[command(flatten)]
    pub registries: Registries,
    /// The lock.
    #[command(flatten)]
    pub locking: Locking,
    /// Drop entries that no object uses
    #[arg(long, help_heading = "Registries")]
    pub lock_prune: bool,
    /// The forms of the report.
    #[command(flatten)]
    pub reporting: Reporting,
    /// Where settings come from.
    #[command(flatten)]
    pub configuration: Configuration,
    /// The globs of the repository's settings, which begin at its root.
    #[arg(skip)]
    pub of_repository: Option<Globs>,
}
