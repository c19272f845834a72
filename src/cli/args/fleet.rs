//! The flags of `imago fleet` and `imago resolve`.

use std::path::PathBuf;

use clap::Args;

use super::{Configuration, Git, Images, Locking, MOST, Registries, Reporting, Requests, whole};

pub(super) const EXAMPLES: &str = "\
Examples:
  imago fleet fleet.yaml                               report on all of them
  imago fleet fleet.yaml --update --push --branch imago/update
  imago fleet fleet.yaml --shard 2/4 --check           the second of four parts
  imago fleet fleet.yaml --offline --lock digests.lock --update --push";

pub(super) const EXAMPLES_OF_RESOLVE: &str = "\
Examples:
  imago resolve fleet.yaml --lock digests.lock     ask registries once";

/// How the repositories of a fleet are worked on.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Fleet")]
pub struct Working {
    /// Work on N repositories at once [default: 4]
    #[arg(long, value_name = "N", display_order = 1, allow_negative_numbers = true, value_parser = whole(1..=256_u16))]
    pub jobs: Option<u16>,
    /// Keep the clones in this folder for the next run
    #[arg(long, value_name = "DIR", display_order = 2)]
    pub cache: Option<PathBuf>,
}

/// The flags of `imago fleet`.
#[derive(Args, Debug, Default)]
#[command(mut_arg("output", |flag| flag.help("Print text, json or markdown")))]
pub struct Fleet {
    /// The list of repositories, YAML
    #[arg(value_name = "FILE", help_heading = "Fleet", display_order = 0)]
    pub file: PathBuf,
    /// How the repositories are worked on.
    #[command(flatten)]
    pub working: Working,
    /// Take the I-th of N parts, as 1/4
    #[arg(long, value_name = "I/N", help_heading = "Fleet", display_order = 3)]
    pub shard: Option<String>,

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
    /// Do everything except push
    #[arg(long, help_heading = "Action (without one nothing is written)")]
    pub dry_run: bool,
    /// Leave a repository when more than N images would change
    #[arg(
        long,
        value_name = "N",
        allow_negative_numbers = true,
        value_parser = whole(0..=MOST),
        help_heading = "Action (without one nothing is written)"
    )]
    pub max_changes: Option<usize>,
    /// What is committed and pushed.
    #[command(flatten)]
    pub git: Git,
    /// What is opened for a branch that was pushed.
    #[command(flatten)]
    pub requests: Requests,
    /// Which images, and how they are written.
    #[command(flatten)]
    pub images: Images,
    /// Carry out Flux's ImagePolicies at its markers
    #[arg(long, help_heading = "Images")]
    pub flux_policies: bool,
    /// How registries are asked.
    #[command(flatten)]
    pub registries: Registries,
    /// The lock.
    #[command(flatten)]
    pub locking: Locking,
    /// The forms of the report.
    #[command(flatten)]
    pub reporting: Reporting,
    /// Where settings come from.
    #[command(flatten)]
    pub configuration: Configuration,
}

/// The flags of `imago resolve`.
#[derive(Args, Debug, Default)]
pub struct Resolve {
    /// The list of repositories, YAML
    #[arg(value_name = "FILE", help_heading = "Fleet", display_order = 0)]
    pub file: PathBuf,
    /// How the repositories are worked on.
    #[command(flatten)]
    pub working: Working,
    /// Write the digests to this file
    #[arg(long, value_name = "FILE", required = true, help_heading = "Fleet")]
    pub lock: PathBuf,
    /// Which images, and how they are written.
    #[command(flatten)]
    pub images: Images,
    /// How registries are asked.
    #[command(flatten)]
    pub registries: Registries,
    /// Where settings come from.
    #[command(flatten)]
    pub configuration: Configuration,
}
