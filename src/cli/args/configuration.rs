//! The flags about the settings that a repository keeps.

use std::path::PathBuf;

use clap::Args;

/// Where settings come from.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Settings")]
pub struct Configuration {
    /// Take settings from this file [default: .imago.yaml]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Take settings from no file
    #[arg(long, conflicts_with = "config")]
    pub no_config: bool,
}
