//! The flags of `imago init`.

use clap::Args;

pub(super) const EXAMPLES: &str = "\
Examples:
  imago init                  what fits the repository, after a question
  imago init --github --yes   the workflow, without a question";

/// The flags of `imago init`.
#[derive(Args, Debug, Default)]
pub struct Init {
    /// A workflow: a nightly branch, and a check of requests
    #[arg(long, help_heading = "Files [default: what the repository shows]")]
    pub github: bool,
    /// Two jobs: a scheduled branch, and a check of requests
    #[arg(long, help_heading = "Files [default: what the repository shows]")]
    pub gitlab: bool,
    /// A workflow as for GitHub, for Forgejo such as Codeberg
    #[arg(long, help_heading = "Files [default: what the repository shows]")]
    pub forgejo: bool,
    /// The same for Gitea
    #[arg(long, help_heading = "Files [default: what the repository shows]")]
    pub gitea: bool,
    /// A hook that checks the files of a commit
    #[arg(long, help_heading = "Files [default: what the repository shows]")]
    pub pre_commit: bool,
    /// Write without asking
    #[arg(short, long, help_heading = "Action")]
    pub yes: bool,
}
