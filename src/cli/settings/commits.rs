//! What is committed and pushed, checked.

use super::{Outside, UsageError, usage};
use crate::app::message::{FIELDS, Template};
use crate::app::report::Action;
use crate::app::request::{CommitRequest, Push};
use crate::cli::args;
use crate::io::git::identity::Person;
use crate::io::git::is_branch_name;
use crate::io::git::limits::{TIMEOUT_VARIABLE, timeout};

/// The remote that is meant where `--remote` names none.
const DEFAULT_REMOTE: &str = "origin";

/// What is committed. A flag about commits without one would silently say nothing.
pub(super) fn request(
    flags: &args::Git,
    action: Action,
    outside: &Outside,
) -> Result<Option<CommitRequest>, UsageError> {
    let about_pushes = [
        ("--remote", flags.remote.is_some()),
        ("--push-option", !flags.push_option.is_empty()),
    ];
    if let Some((flag, _)) = about_pushes.iter().find(|(_, given)| *given && !flags.push) {
        return Err(usage(
            format!("`{flag}` needs a push"),
            format!("add `--push`, or leave out `{flag}`"),
        ));
    }
    let about = [
        ("--message", flags.message.is_some()),
        ("--author", flags.author.is_some()),
        ("--signoff", flags.signoff),
    ];
    let asks = [
        ("--push", flags.push),
        ("--branch", flags.branch.is_some()),
        ("--commit", flags.commit),
    ];
    let Some((asks, _)) = asks.iter().find(|(_, given)| *given) else {
        return match about.iter().find(|(_, given)| *given) {
            Some((flag, _)) => Err(usage(
                format!("`{flag}` needs a commit"),
                format!("add `--commit`, or leave out `{flag}`"),
            )),
            None => Ok(None),
        };
    };
    if !matches!(action, Action::Update | Action::Restore) {
        let hint = "add `--update` or `--restore`: without an action nothing is changed";
        return Err(usage(format!("`{asks}` needs an action"), hint));
    }
    check_timeout(outside)?;
    let remote = flags
        .remote
        .clone()
        .unwrap_or_else(|| DEFAULT_REMOTE.to_owned());
    let branch = flags
        .branch
        .as_deref()
        .map(|name| branch(name, &remote))
        .transpose()?;
    let message = flags
        .message
        .as_deref()
        .map_or(Ok(Template::default()), template)?;
    let author = flags.author.as_deref().map(author);
    Ok(Some(CommitRequest {
        branch,
        push: flags.push.then(|| Push {
            remote,
            options: flags.push_option.clone(),
        }),
        propose: None,
        author: author.transpose()?,
        signoff: flags.signoff,
        message,
        environment: outside.environment.clone(),
    }))
}

/// A time limit that cannot be read would silently be another one.
fn check_timeout(outside: &Outside) -> Result<(), UsageError> {
    match outside
        .variable(TIMEOUT_VARIABLE)
        .filter(|value| !value.is_empty())
    {
        Some(value) if timeout(value).is_none() => {
            let what = format!(
                "`{TIMEOUT_VARIABLE}={}` is not a time limit",
                value.display()
            );
            Err(usage(
                what,
                format!("write whole seconds: `{TIMEOUT_VARIABLE}=300`"),
            ))
        }
        _ => Ok(()),
    }
}

/// Reads `--branch`: the name alone, also where it is written in full.
fn branch(name: &str, remote: &str) -> Result<String, UsageError> {
    let short = name.strip_prefix("refs/heads/").unwrap_or(name);
    let of_remote = short.strip_prefix("refs/").unwrap_or(short);
    let of_remote = of_remote.strip_prefix("remotes/").unwrap_or(of_remote);
    let of_remote = [remote, DEFAULT_REMOTE]
        .iter()
        .find_map(|remote| of_remote.strip_prefix(remote)?.strip_prefix('/'));
    if let Some(rest) = of_remote.filter(|rest| is_branch_name(rest)) {
        let what = format!("`--branch {name}` names the remote as well");
        return Err(usage(
            what,
            format!("write `--branch {rest}`; `--push --remote NAME` says where it goes"),
        ));
    }
    if !is_branch_name(short) {
        return Err(usage(
            format!("`{name}` cannot be the name of a branch"),
            "name it like `imago/update`",
        ));
    }
    Ok(short.to_owned())
}

/// Reads `--message`.
pub(in crate::cli) fn template(text: &str) -> Result<Template, UsageError> {
    Template::parse(text).map_err(|error| {
        let hint = format!("the fields are {FIELDS}; `{{{{` and `}}}}` stand for braces");
        usage(format!("`--message` cannot be used: {error}"), hint)
    })
}

/// Reads `--author`.
pub(in crate::cli) fn author(text: &str) -> Result<Person, UsageError> {
    Person::parse(text).ok_or_else(|| {
        usage(
            format!("`--author {text}` is not NAME <MAIL>"),
            "write it like `Ada Lovelace <ada@example.com>`",
        )
    })
}
