//! The flags of `imago import`.

use std::path::PathBuf;

use clap::Args;

pub(super) const EXAMPLES: &str = "\
Examples:
  imago import >> .imago.yaml    from all files of the current folder
  imago import clusters/prod     from those of a folder";

/// The flags of `imago import`.
#[derive(Args, Debug, Default)]
pub struct Import {
    /// Folders or files [default: .]
    #[arg(value_name = "PATH", help_heading = "Files", display_order = 0)]
    pub paths: Vec<PathBuf>,
    /// Read only the files that match (repeats)
    #[arg(long, value_name = "GLOB", help_heading = "Files", display_order = 1)]
    pub include: Vec<String>,
    /// Leave out the files that match (repeats)
    #[arg(long, value_name = "GLOB", help_heading = "Files", display_order = 2)]
    pub exclude: Vec<String>,
}
