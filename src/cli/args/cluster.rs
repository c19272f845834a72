//! The flags of `imago cluster`, and of plain `imago`.

use std::ffi::OsString;

use clap::Args;

use super::{Images, Kinds, MOST, Registries, Reporting, Selecting, whole};

pub(super) const EXAMPLES: &str = "\
Examples:
  imago cluster                         what is outdated in the namespace
  imago cluster -A --update --dry-run   what the server would take
  imago -A --update --check-pods        where a running pod is behind
  imago cluster -n shop --restart       replace the pods that are behind";

/// The flags of `imago cluster`.
#[derive(Args, Debug, Default)]
pub struct Cluster {
    /// Put every outdated image on its tag's digest
    #[arg(long, help_heading = "Action (without one nothing is changed)")]
    pub update: bool,
    /// Replace pods that run an old digest of their tag
    #[arg(long, help_heading = "Action (without one nothing is changed)")]
    pub restart: bool,
    /// Take off the digests that imago recorded; tags stay
    #[arg(long, help_heading = "Action (without one nothing is changed)")]
    pub restore: bool,
    /// Exit 1 when something is outdated
    #[arg(long, help_heading = "Action (without one nothing is changed)")]
    pub check: bool,
    /// With --check, exit 1 also when an image is held
    #[arg(long, help_heading = "Action (without one nothing is changed)")]
    pub strict: bool,
    /// With --check, ask only whether each image has a digest
    #[arg(long, help_heading = "Action (without one nothing is changed)")]
    pub pinned: bool,
    /// Exit 2 when no image was checked
    #[arg(long, help_heading = "Action (without one nothing is changed)")]
    pub fail_on_empty: bool,
    /// Have the server check the changes, and keep none
    #[arg(long, help_heading = "Action (without one nothing is changed)")]
    pub dry_run: bool,
    /// Change nothing when more than N images would change
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        value_parser = whole(0..=MOST),
        help_heading = "Action (without one nothing is changed)"
    )]
    pub max_changes: Option<usize>,
    /// Change an image only if a running pod is behind
    #[arg(short, long, help_heading = "Action (without one nothing is changed)")]
    pub check_pods: bool,
    /// Also change what Argo CD, Flux or an owner writes
    #[arg(long, help_heading = "Action (without one nothing is changed)")]
    pub managed: bool,

    /// The kubeconfig [default: as kubectl, or the pod's]
    #[arg(long, value_name = "FILE", help_heading = "Cluster")]
    pub kubeconfig: Option<OsString>,
    /// Take this context of the kubeconfig
    #[arg(long, value_name = "NAME", help_heading = "Cluster")]
    pub context: Option<String>,
    /// Use the pull secrets that the workloads name
    #[arg(long, help_heading = "Cluster")]
    pub image_pull_secrets: bool,

    /// Which workloads.
    #[command(flatten)]
    pub selecting: Selecting,
    /// Which kinds.
    #[command(flatten)]
    pub kinds: Kinds,
    /// Which images, and how they are written.
    #[command(flatten)]
    pub images: Images,
    /// How registries are asked.
    #[command(flatten)]
    pub registries: Registries,
    /// The forms of the report.
    #[command(flatten)]
    pub reporting: Reporting,
}
