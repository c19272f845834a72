//! `--pull-request` and the flags about it, checked.

use super::{UsageError, usage};
use crate::app::request::ProposeRequest;
use crate::cli::args::{self, ForgeName, Grouping};
use crate::cli::render::request;
use crate::engine::propose::GroupBy;
use crate::io::forge::{self, ForgeKind};
use crate::io::registry;

/// How many requests of groups are open at once where `--pr-limit` does not say.
const LIMIT: usize = 10;

/// What is opened. A flag about requests without one would silently say nothing.
pub(super) fn request(
    flags: &args::Requests,
    git: &args::Git,
    scope: Vec<String>,
    registries: &registry::Settings,
) -> Result<Option<ProposeRequest>, UsageError> {
    if !flags.pull_request {
        return match given(flags) {
            Some(flag) => Err(usage(
                format!("`{flag}` needs a pull request"),
                format!("add `--pull-request`, or leave out `{flag}`"),
            )),
            None => Ok(None),
        };
    }
    if !git.push || git.branch.is_none() {
        return Err(usage(
            "`--pull-request` needs `--push` and `--branch`",
            "add `--push --branch imago/update`: the request is opened for that branch",
        ));
    }
    if flags.pr_limit.is_some() && flags.group_by.is_none() {
        return Err(usage(
            "`--pr-limit` needs `--group-by`: otherwise there is one request",
            "add `--group-by folder`, or leave out `--pr-limit`",
        ));
    }
    if flags.pr_draft && flags.pr_auto_merge {
        return Err(usage(
            "`--pr-draft` and `--pr-auto-merge` exclude each other: a forge merges no draft",
            "leave one of them out",
        ));
    }
    if flags
        .pr_title
        .as_ref()
        .is_some_and(|title| title.trim().is_empty())
    {
        return Err(usage(
            "`--pr-title` is empty",
            "write a title, or leave it out for `Update images`",
        ));
    }
    let app = match (&flags.github_app_id, &flags.github_app_key) {
        (Some(id), Some(key)) => Some((id.clone(), key.clone())),
        (None, None) => None,
        (Some(_), None) => {
            return Err(usage(
                "`--github-app-id` needs `--github-app-key`",
                "name the file with the App's private key: `--github-app-key app.pem`",
            ));
        }
        (None, Some(_)) => {
            return Err(usage(
                "`--github-app-key` needs `--github-app-id`",
                "add the App's id: `--github-app-id 12345`",
            ));
        }
    };
    Ok(Some(ProposeRequest {
        app,
        kind: flags.forge.map(kind),
        api: flags.forge_url.clone(),
        project: flags.forge_project.clone(),
        settings: forge::Settings::like(registries),
        title: flags.pr_title.clone(),
        labels: flags.pr_label.clone(),
        reviewers: flags.pr_reviewer.clone(),
        assignees: flags.pr_assignee.clone(),
        is_draft: flags.pr_draft,
        merges: flags.pr_auto_merge,
        group_by: flags.group_by.map(|by| match by {
            Grouping::Folder => GroupBy::Folder,
            Grouping::Image => GroupBy::Image,
        }),
        limit: flags.pr_limit.unwrap_or(LIMIT),
        scope,
        text: request::text,
    }))
}

/// The first flag about requests that was given beside `--pull-request`.
fn given(flags: &args::Requests) -> Option<&'static str> {
    let given = [
        ("--pr-title", flags.pr_title.is_some()),
        ("--pr-label", !flags.pr_label.is_empty()),
        ("--pr-reviewer", !flags.pr_reviewer.is_empty()),
        ("--pr-assignee", !flags.pr_assignee.is_empty()),
        ("--pr-draft", flags.pr_draft),
        ("--pr-auto-merge", flags.pr_auto_merge),
        ("--group-by", flags.group_by.is_some()),
        ("--pr-limit", flags.pr_limit.is_some()),
        ("--forge", flags.forge.is_some()),
        ("--forge-url", flags.forge_url.is_some()),
        ("--forge-project", flags.forge_project.is_some()),
        ("--github-app-id", flags.github_app_id.is_some()),
        ("--github-app-key", flags.github_app_key.is_some()),
    ];
    let first = given.iter().find(|(_, given)| *given);
    first.map(|(flag, _)| *flag)
}

fn kind(name: ForgeName) -> ForgeKind {
    match name {
        ForgeName::GitHub => ForgeKind::GitHub,
        ForgeName::GitLab => ForgeKind::GitLab,
        ForgeName::Gitea | ForgeName::Forgejo => ForgeKind::Gitea,
        ForgeName::Bitbucket => ForgeKind::BitbucketCloud,
        ForgeName::BitbucketServer => ForgeKind::BitbucketServer,
        ForgeName::Azure => ForgeKind::Azure,
    }
}
