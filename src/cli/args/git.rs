//! The flags about commits and pushes.

use clap::Args;

/// What is committed and pushed.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Git")]
pub struct Git {
    /// Commit the changed files, and nothing else
    #[arg(long)]
    pub commit: bool,
    /// Commit to this branch, not the checked-out one
    #[arg(long, value_name = "NAME")]
    pub branch: Option<String>,
    /// Push the commit
    #[arg(long)]
    pub push: bool,
    /// Push to this remote [default: origin]
    #[arg(long, value_name = "NAME")]
    pub remote: Option<String>,
    /// Pass this option to the remote (repeats)
    #[arg(long, value_name = "OPTION")]
    pub push_option: Vec<String>,
    /// Commit message; {summary}, {changes} are filled in
    #[arg(long, value_name = "TEMPLATE")]
    pub message: Option<String>,
    /// Commit author [default: as Git is configured]
    #[arg(long, value_name = "NAME <MAIL>")]
    pub author: Option<String>,
    /// Add Signed-off-by to the message
    #[arg(long)]
    pub signoff: bool,
}
