//! What is committed and pushed, checked.

use super::{Outside, UsageError, usage};
use crate::app::commit::{Push, Request};
use crate::app::message::{FIELDS, Template};
use crate::app::report::Action;
use crate::cli::args;
use crate::io::git::identity::Person;
use crate::io::git::is_branch_name;

/// The remote that is meant where `--remote` names none.
const DEFAULT_REMOTE: &str = "origin";

/// What is committed. A flag about commits without one would silently say nothing.
pub(super) fn request(flags: &args::Git, action: Action, outside: &Outside) -> Result<Option<Request>, UsageError> {
    let about_pushes = [("--remote", flags.remote.is_some()), ("--push-option", !flags.push_option.is_empty())];
    if let Some((flag, _)) = about_pushes.iter().find(|(_, given)| *given && !flags.push) {
        return Err(usage(format!("`{flag}` needs a push"), format!("add `--push`, or leave out `{flag}`")));
    }
    let about = [("--message", flags.message.is_some()), ("--author", flags.author.is_some()), ("--signoff", flags.signoff)];
    let asks = [("--push", flags.push), ("--branch", flags.branch.is_some()), ("--commit", flags.commit)];
    let Some((asks, _)) = asks.iter().find(|(_, given)| *given) else {
        return match about.iter().find(|(_, given)| *given) {
            Some((flag, _)) => Err(usage(format!("`{flag}` needs a commit"), format!("add `--commit`, or leave out `{flag}`"))),
            None => Ok(None),
        };
    };
    if !matches!(action, Action::Update | Action::Restore) {
        let hint = "add `--update` or `--restore`: without an action nothing is changed";
        return Err(usage(format!("`{asks}` needs an action"), hint));
    }
    if let Some(name) = flags.branch.as_ref().filter(|name| !is_branch_name(name)) {
        return Err(usage(format!("`{name}` cannot be the name of a branch"), "name it like `imago/update`"));
    }
    let message = flags.message.as_deref().map_or(Ok(Template::default()), template)?;
    let author = flags.author.as_deref().map(author);
    let remote = flags.remote.clone().unwrap_or_else(|| DEFAULT_REMOTE.to_owned());
    Ok(Some(Request {
        branch: flags.branch.clone(),
        push: flags.push.then(|| Push { remote, options: flags.push_option.clone() }),
        author: author.transpose()?,
        signoff: flags.signoff,
        message,
        environment: outside.environment.clone(),
    }))
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
    Person::parse(text)
        .ok_or_else(|| usage(format!("`--author {text}` is not NAME <MAIL>"), "write it like `Ada Lovelace <ada@example.com>`"))
}
