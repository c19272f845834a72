//! A repository that is named by its address, checked.

use std::path::Path;

use super::{Outside, UsageError, usage};
use crate::app::remote::RemoteRequest;
use crate::cli::args;
use crate::io::git::address::Address;
use crate::io::git::clone::Environments;
use crate::io::git::is_branch_name;

/// The repository, if one is named. What a clone cannot do is refused before it is made.
pub(in crate::cli) fn request(
    flags: &args::Files,
    outside: &Outside,
    current: &Path,
) -> Result<Option<RemoteRequest>, UsageError> {
    check(flags)?;
    of(
        &flags.remote,
        &Environments::of(&outside.environment),
        current,
    )
}

/// The repository, if one is named.
pub(super) fn of(
    remote: &args::Remote,
    environments: &Environments,
    current: &Path,
) -> Result<Option<RemoteRequest>, UsageError> {
    let Some(address) = &remote.repository else {
        return Ok(None);
    };
    let address = self::address(address, current)?;
    Ok(Some(RemoteRequest {
        branch: remote.reference.as_deref().map(branch).transpose()?,
        cache: remote.cache.clone(),
        environment: environments.of_address(&address),
        address,
    }))
}

/// Checks the flags that have to do with a repository that is named, or is not.
pub(super) fn check(flags: &args::Files) -> Result<(), UsageError> {
    let remote = &flags.remote;
    if remote.repository.is_none() {
        let about = [
            (remote.reference.is_some(), "--ref"),
            (remote.cache.is_some(), "--cache"),
        ];
        return match about.iter().find(|(given, _)| *given) {
            Some((_, flag)) => Err(usage(
                format!("`{flag}` needs `--repository`"),
                format!("name the repository with `--repository URL`, or leave out `{flag}`"),
            )),
            None => Ok(()),
        };
    }
    if flags.paths.iter().any(|path| path.as_os_str() == "-") {
        return Err(usage(
            "`-` is standard input, and `--repository` has the files",
            "leave one of them out",
        ));
    }
    if flags.git.remote.is_some() {
        return Err(usage(
            "`--remote` does not go with `--repository`, which says where a push goes",
            "leave out `--remote`",
        ));
    }
    let writes = [
        (flags.update, "--update"),
        (flags.restore, "--restore"),
        (flags.git.commit, "--commit"),
    ];
    if let Some((_, flag)) = writes.iter().find(|(given, _)| *given)
        && !flags.git.push
    {
        return Err(usage(
            format!(
                "`{flag}` of a repository by its address needs `--push`: there is no checkout to change"
            ),
            format!(
                "add `--push`, and `--branch NAME` for a branch of its own; without `{flag}` it reports"
            ),
        ));
    }
    Ok(())
}

/// Reads the address of a repository.
pub(in crate::cli) fn address(text: &str, current: &Path) -> Result<Address, UsageError> {
    Address::parse(text, current)
        .map_err(|error| usage(format!("the address cannot be used: {error}"), error.hint()))
}

/// Reads the branch of a repository.
pub(in crate::cli) fn branch(text: &str) -> Result<String, UsageError> {
    let short = text.strip_prefix("refs/heads/").unwrap_or(text);
    match is_branch_name(short) {
        true => Ok(short.to_owned()),
        false => Err(usage(
            format!("`{text}` cannot be the name of a branch"),
            "name a branch of the repository, such as `main`",
        )),
    }
}
