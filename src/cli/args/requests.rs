//! The flags about pull requests.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Deserialize;

use super::{MOST, whole};

/// What is opened for a branch that was pushed.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Pull requests (GitLab: merge requests)")]
pub struct Requests {
    /// Open one for the branch, keep it up to date
    #[arg(long)]
    pub pull_request: bool,
    /// Its title [default: Update images]
    #[arg(long, value_name = "TITLE")]
    pub pr_title: Option<String>,
    /// Give a new one this label (repeats)
    #[arg(long, value_name = "LABEL")]
    pub pr_label: Vec<String>,
    /// Ask this account to review a new one (repeats)
    #[arg(long, value_name = "NAME")]
    pub pr_reviewer: Vec<String>,
    /// Assign a new one to this account (repeats)
    #[arg(long, value_name = "NAME")]
    pub pr_assignee: Vec<String>,
    /// Open a new one as a draft
    #[arg(long)]
    pub pr_draft: bool,
    /// Let the forge merge it once it may be merged
    #[arg(long)]
    pub pr_auto_merge: bool,
    /// Open one for each folder, or each image
    #[arg(long, value_name = "WHAT", hide_possible_values = true)]
    pub group_by: Option<Grouping>,
    /// Have at most N groups open at once [default: 10]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = whole(1..=MOST))]
    pub pr_limit: Option<usize>,
    /// github, gitlab, gitea, forgejo; experimental: …
    #[arg(long, value_name = "KIND", hide_possible_values = true)]
    pub forge: Option<ForgeName>,
    /// Address of its API [default: by the remote]
    #[arg(long, value_name = "URL")]
    pub forge_url: Option<String>,
    /// Repository there [default: by the remote]
    #[arg(long, value_name = "PATH")]
    pub forge_project: Option<String>,
    /// Sign in to GitHub as this App
    #[arg(long, value_name = "ID")]
    pub github_app_id: Option<String>,
    /// Its private key, in PEM
    #[arg(long, value_name = "FILE")]
    pub github_app_key: Option<PathBuf>,
}

/// `--group-by`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Grouping {
    /// By the folder that a file is in.
    Folder,
    /// By the image's name.
    Image,
}

/// `--forge`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum ForgeName {
    /// GitHub and GitHub Enterprise.
    #[value(name = "github")]
    #[serde(rename = "github")]
    GitHub,
    /// GitLab.
    #[value(name = "gitlab")]
    #[serde(rename = "gitlab")]
    GitLab,
    /// Gitea.
    Gitea,
    /// Forgejo.
    Forgejo,
    /// Bitbucket Cloud.
    Bitbucket,
    /// Bitbucket Data Center.
    BitbucketServer,
    /// Azure DevOps.
    Azure,
}
