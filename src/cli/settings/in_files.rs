//! The flags of `imago files`, checked.

use std::path::PathBuf;

use super::{Outside, UsageError, commits, images, kinds, registries, requests, usage, workloads};
use crate::app::report::Action;
use crate::app::request::{FilesRequest, Input};
use crate::cli::args;

/// What is asked of the files.
pub(super) fn request(flags: args::Files, outside: &Outside) -> Result<FilesRequest, UsageError> {
    let input = input(&flags)?;
    let action = action(&flags)?;
    let track = images::track(&flags.images, action)?;
    let prune = lock_prune(&flags)?;
    let lock = registries::lock(&flags.locking, prune);
    let mut git = commits::request(&flags.git, action, outside)?;
    let scope = scope(&flags);
    let registries = registries::settings(flags.registries, outside)?;
    let propose = requests::request(&flags.requests, &flags.git, scope, &registries)?;
    if let Some(git) = &mut git {
        git.propose = propose;
    }
    Ok(FilesRequest {
        paths: match input {
            Input::Stdin => Vec::new(),
            Input::Paths if flags.paths.is_empty() => vec![PathBuf::from(".")],
            Input::Paths => flags.paths,
        },
        input,
        include: flags.include,
        exclude: flags.exclude,
        of_repository: flags.of_repository.filter(|_| input == Input::Paths),
        action,
        dry_run: flags.dry_run,
        strict: super::strict(flags.strict, action)?,
        pinned: super::pinned(flags.pinned, action)?,
        fail_on_empty: flags.fail_on_empty,
        kinds: kinds::kinds(&flags.kinds)?,
        values: flags.kinds.values,
        kinds_of_repository: flags.kinds.of_repository,
        diff: flags.diff,
        track,
        form: images::form(&flags.images),
        tags: images::tags(&flags.images),
        flux_policies: flags.flux_policies && !flags.images.digests_only,
        images: images::filter(&flags.images.include_image, &flags.images.exclude_image)?,
        images_of_repository: flags.images.of_repository,
        selection: workloads::selection(&flags.selecting)?,
        max_changes: flags.max_changes,
        lock,
        registries,
        reading: images::reading(&flags.images),
        git,
        reports: Vec::new(),
    })
}

/// What the run looks at, flag by flag, as typed: requests of another scope are another run's to close.
fn scope(flags: &args::Files) -> Vec<String> {
    let mut scope = Vec::new();
    let mut add = |flag: &str, values: &mut dyn Iterator<Item = String>| {
        scope.extend(values.map(|value| format!("{flag}={value}")));
    };
    let paths = flags.paths.iter().map(|path| {
        let path = path.display().to_string();
        match path.trim_start_matches("./").trim_end_matches('/') {
            "" => ".".to_owned(),
            path => path.to_owned(),
        }
    });
    let here = flags.paths.is_empty().then(|| ".".to_owned());
    add("path", &mut paths.chain(here));
    add("include", &mut flags.include.iter().cloned());
    add("exclude", &mut flags.exclude.iter().cloned());
    add(
        "include-image",
        &mut flags.images.include_image.iter().cloned(),
    );
    add(
        "exclude-image",
        &mut flags.images.exclude_image.iter().cloned(),
    );
    add("namespace", &mut flags.selecting.namespaces.iter().cloned());
    add(
        "exclude-namespace",
        &mut flags.selecting.exclude_namespaces.iter().cloned(),
    );
    add("selector", &mut flags.selecting.selector.iter().cloned());
    add(
        "field-selector",
        &mut flags.selecting.field_selector.iter().cloned(),
    );
    add("kind", &mut flags.kinds.kind.iter().cloned());
    add(
        "group-by",
        &mut flags.requests.group_by.iter().map(|by| format!("{by:?}")),
    );
    scope
}

/// Reads `-`, which is standard input: it stands alone, and nothing is written to it.
fn input(flags: &args::Files) -> Result<Input, UsageError> {
    if !flags.paths.iter().any(|path| path.as_os_str() == "-") {
        return Ok(Input::Paths);
    }
    if flags.paths.len() > 1 {
        return Err(usage(
            "`-` is standard input, and no other path goes with it",
            "name `-` alone; a file of this name is `./-`",
        ));
    }
    let git = &flags.git;
    let writes = [
        (flags.update, "--update"),
        (flags.restore, "--restore"),
        (flags.diff, "--diff"),
        (git.commit, "--commit"),
        (git.branch.is_some(), "--branch"),
        (git.push, "--push"),
    ];
    let narrows = [
        (!flags.include.is_empty(), "--include"),
        (!flags.exclude.is_empty(), "--exclude"),
    ];
    let given = |flags: &[(bool, &'static str)]| {
        let given = flags.iter().find(|(given, _)| *given);
        given.map(|(_, flag)| *flag)
    };
    match (given(&writes), given(&narrows)) {
        (Some(flag), _) => Err(usage(
            format!("`{flag}` changes files, and `-` is standard input, which imago only reads"),
            "change the files that it is made of: `imago files --update FOLDER`",
        )),
        (None, Some(flag)) => Err(usage(
            format!("`{flag}` chooses files, and `-` is standard input"),
            format!("leave out `{flag}`; `--kind`, `-n` and `-l` choose objects"),
        )),
        (None, None) => Ok(Input::Stdin),
    }
}

fn action(flags: &args::Files) -> Result<Action, UsageError> {
    match (flags.update, flags.restore, flags.check) {
        (true, true, _) => Err(usage(
            "`--update` and `--restore` exclude each other",
            "run one action at a time",
        )),
        (true, _, true) => Err(usage(
            "`--check` and `--update` exclude each other",
            "leave out `--check` to write, or `--update` to look",
        )),
        (_, true, true) => Err(usage(
            "`--check` and `--restore` exclude each other",
            "leave one of them out",
        )),
        (false, false, _) if flags.dry_run => Err(usage(
            "`--dry-run` needs an action",
            "add `--update` or `--restore`, or leave out `--dry-run`: without an action nothing is written",
        )),
        (true, false, false) => Ok(Action::Update),
        (false, true, false) => Ok(Action::Restore),
        (false, false, true) => Ok(Action::Check),
        (false, false, false) => Ok(Action::Report),
    }
}

fn lock_prune(flags: &args::Files) -> Result<bool, UsageError> {
    match (flags.lock_prune, flags.update, flags.locking.offline) {
        (false, _, _) => Ok(false),
        (true, _, true) => Err(usage(
            "`--lock-prune` and `--offline` exclude each other: `--offline` does not write the lock",
            "leave out `--offline`",
        )),
        (true, false, false) => Err(usage(
            "`--lock-prune` needs `--update`, which writes the lock",
            "add `--update`",
        )),
        (true, true, false) => Ok(true),
    }
}
