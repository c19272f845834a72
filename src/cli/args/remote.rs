//! The flags about a repository that is named by its address.

use std::path::PathBuf;

use clap::Args;

/// Which repository is worked in.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Repository")]
pub struct Remote {
    /// Work on this repository, without a checkout
    #[arg(long, value_name = "URL")]
    pub repository: Option<String>,
    /// Its branch [default: its default branch]
    #[arg(long = "ref", value_name = "BRANCH")]
    pub reference: Option<String>,
    /// Keep its clone in this folder for the next run
    #[arg(long, value_name = "DIR")]
    pub cache: Option<PathBuf>,
}
