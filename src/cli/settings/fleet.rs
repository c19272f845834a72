//! The flags of `imago fleet` and `imago resolve`, checked.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use super::{Outside, Reporting, UsageError, remote, reporting, usage};
use crate::app::remote::RemoteRequest;
use crate::cli::args::{self, Format};
use crate::cli::config::Entry;
use crate::cli::render::fleet::FleetForm;
use crate::engine::shard::Shard;
use crate::io::git::clone::Environments;

/// How many repositories are worked on at once where `--jobs` does not say.
const DEFAULT_JOBS: usize = 4;
/// The number of this pod in an Indexed Job, from 0.
const INDEX_VARIABLE: &str = "JOB_COMPLETION_INDEX";
/// How many pods the Indexed Job has.
const COUNT_VARIABLE: &str = "IMAGO_SHARDS";

/// The repositories of a run, and how they are worked on.
#[derive(Clone, Debug)]
pub struct Fleet {
    /// The list's name.
    pub list: String,
    /// The repositories of this shard.
    pub entries: Vec<Entry>,
    /// The same, where each is found.
    pub remotes: Vec<RemoteRequest>,
    /// The flags of `imago files` for all of them.
    pub flags: args::Files,
    /// How many are worked on at once.
    pub jobs: usize,
    /// What surrounds the run.
    pub outside: Outside,
    /// What becomes of it.
    pub purpose: Purpose,
}

/// What a fleet is run for.
#[derive(Clone, Debug)]
pub enum Purpose {
    /// `imago fleet`: the forms of the report, and where each goes.
    Report(Reporting),
    /// `imago resolve`: the lock that is written.
    Lock(PathBuf),
}

/// Checks the flags of `imago fleet` for the entries of its list.
pub(in crate::cli) fn fleet(
    flags: args::Fleet,
    entries: Vec<Entry>,
    outside: &Outside,
    current: &Path,
) -> Result<Fleet, UsageError> {
    let shard = shard(flags.shard.as_deref(), outside)?;
    let taken = |entry: &Entry| shard.is_none_or(|shard| shard.takes(entry.address()));
    let writes = [
        (flags.update, "--update"),
        (flags.restore, "--restore"),
        (flags.git.commit, "--commit"),
    ];
    if let Some((_, flag)) = writes.iter().find(|(given, _)| *given)
        && !flags.git.push
    {
        return Err(usage(
            format!("`imago fleet {flag}` needs `--push`: there is no checkout to change"),
            format!(
                "add `--push`, and `--branch NAME` for a branch of its own; without `{flag}` it reports"
            ),
        ));
    }
    let mut locking = flags.locking;
    match (&mut locking.lock, locking.offline) {
        (Some(lock), true) => *lock = current.join(&lock),
        (Some(_), false) => {
            return Err(usage(
                "`--lock` of a fleet needs `--offline`: each repository keeps its own lock",
                "write one for all with `imago resolve FILE --lock FILE`, then add `--offline`",
            ));
        }
        (None, _) => {}
    }
    let files = args::Files {
        update: flags.update,
        restore: flags.restore,
        check: flags.check,
        strict: flags.strict,
        pinned: flags.pinned,
        flux_policies: flags.flux_policies,
        dry_run: flags.dry_run,
        max_changes: flags.max_changes,
        git: flags.git,
        requests: flags.requests,
        images: flags.images,
        registries: flags.registries,
        locking,
        configuration: flags.configuration,
        ..args::Files::default()
    };
    let reporting = reporting::reporting(flags.reporting)?;
    let formats = reporting.files.iter().map(|file| file.format);
    for format in formats.chain([reporting.output]) {
        form(format)?;
    }
    let purpose = Purpose::Report(reporting);
    refuse_same_branch(&entries, &files, current)?;
    refuse_token_for_many(&entries, outside, current)?;
    Fleet::new(
        &flags.file,
        entries.into_iter().filter(taken),
        files,
        flags.working,
        purpose,
        outside,
        current,
    )
}

/// Refuses two entries that push to one branch of a repository: each night either would replace what the other has made.
fn refuse_same_branch(
    entries: &[Entry],
    flags: &args::Files,
    current: &Path,
) -> Result<(), UsageError> {
    if !flags.git.push {
        return Ok(());
    }
    let mut lines = BTreeMap::new();
    for entry in entries {
        let filled = entry.fill(flags.clone());
        let branch = filled.git.branch.or(filled.remote.reference);
        let short = branch.map(|name| name.trim_start_matches("refs/heads/").to_owned());
        let shown = short
            .clone()
            .unwrap_or_else(|| "its default branch".to_owned());
        let address = remote::address(entry.address(), current)?;
        let key = (address.identity(), short);
        if let Some(first) = lines.insert(key, entry.line()) {
            return Err(usage(
                format!(
                    "lines {first} and {} of the fleet push to the same branch of `{}`: {shown}",
                    entry.line(),
                    entry.address()
                ),
                "give one of them another `branch`, or write all `paths` in one entry",
            ));
        }
    }
    Ok(())
}

/// Refuses to give one token to several hosts: it is one host's, and the others would learn it.
fn refuse_token_for_many(
    entries: &[Entry],
    outside: &Outside,
    current: &Path,
) -> Result<(), UsageError> {
    const TOKEN: &str = "IMAGO_GIT_TOKEN";
    if outside.variable(TOKEN).is_none_or(OsStr::is_empty) {
        return Ok(());
    }
    let mut first: Option<(String, u64)> = None;
    for entry in entries {
        let Some(host) = remote::address(entry.address(), current)?.token_host() else {
            continue;
        };
        let (known, line) = first.get_or_insert_with(|| (host.clone(), entry.line()));
        if *known != host {
            return Err(usage(
                format!(
                    "`{TOKEN}` would go to two hosts: `{known}` of line {line} and `{host}` of line {}",
                    entry.line()
                ),
                "list the repositories of each host in a fleet of its own, or leave the token to Git's credential helpers",
            ));
        }
    }
    Ok(())
}

/// Checks the flags of `imago resolve` for the entries of its list.
pub(in crate::cli) fn resolve(
    flags: args::Resolve,
    entries: Vec<Entry>,
    outside: &Outside,
    current: &Path,
) -> Result<Fleet, UsageError> {
    let files = args::Files {
        images: flags.images,
        registries: flags.registries,
        configuration: flags.configuration,
        ..args::Files::default()
    };
    refuse_token_for_many(&entries, outside, current)?;
    let purpose = Purpose::Lock(flags.lock);
    let mut fleet = Fleet::new(
        &flags.file,
        entries.into_iter(),
        files,
        flags.working,
        purpose,
        outside,
        current,
    )?;
    // What an update asks is asked, and nothing is written.
    fleet.flags.update = true;
    fleet.flags.dry_run = true;
    Ok(fleet)
}

/// The form of a fleet's report.
pub(in crate::cli) fn form(format: Format) -> Result<FleetForm, UsageError> {
    match format {
        Format::Text => Ok(FleetForm::Text),
        Format::Json => Ok(FleetForm::Json),
        Format::Markdown => Ok(FleetForm::Markdown),
        Format::Github | Format::Sarif => Err(usage(
            "the report of a fleet has no such form: its files are in many repositories",
            "the forms are text, json and markdown",
        )),
    }
}

impl Fleet {
    fn new(
        list: &Path,
        entries: impl Iterator<Item = Entry>,
        flags: args::Files,
        working: args::Working,
        purpose: Purpose,
        outside: &Outside,
        current: &Path,
    ) -> Result<Self, UsageError> {
        let environments = Environments::of(&outside.environment);
        let mut fleet = Self {
            list: list.display().to_string(),
            entries: entries.collect(),
            remotes: Vec::new(),
            flags: args::Files {
                remote: args::Remote {
                    cache: working.cache,
                    ..args::Remote::default()
                },
                ..flags
            },
            jobs: working.jobs.map_or(DEFAULT_JOBS, usize::from),
            outside: outside.clone(),
            purpose,
        };
        // A mistake in one entry must not be found when half of the others are done.
        for number in 0..fleet.entries.len() {
            let flags = fleet.flags_of(number);
            remote::check(&flags)?;
            super::check_files(&flags, outside)?;
            let remote = remote::of(&flags.remote, &environments, current)?;
            fleet.remotes.extend(remote);
        }
        Ok(fleet)
    }

    /// The flags of `imago files` for a repository.
    pub(in crate::cli) fn flags_of(&self, number: usize) -> args::Files {
        let mut flags = self.entries[number].fill(self.flags.clone());
        // Requests at once are counted for the whole fleet, so that no repository decides that.
        let concurrency = super::registries::DEFAULT_CONCURRENCY as u16;
        flags.registries.concurrency.get_or_insert(concurrency);
        flags
    }
}

/// Which part of the fleet is worked on: by the flag, or by the Indexed Job that this is a pod of.
fn shard(flag: Option<&str>, outside: &Outside) -> Result<Option<Shard>, UsageError> {
    if let Some(text) = flag {
        let parts = text.split_once('/').and_then(|(index, count)| {
            let number = |text: &str| text.parse::<u64>().ok();
            Shard::new(number(index)?.checked_sub(1)?, number(count)?)
        });
        return match parts {
            Some(shard) => Ok(Some(shard)),
            None => Err(usage(
                format!("`--shard {text}` is not I/N with I from 1 to N"),
                "write it like `--shard 1/4`",
            )),
        };
    }
    let set = |name: &str| outside.variable(name).filter(|value| !value.is_empty());
    let number = |name: &str| -> Result<Option<u64>, UsageError> {
        let Some(value) = set(name) else {
            return Ok(None);
        };
        match value.to_str().and_then(|text| text.parse().ok()) {
            Some(number) => Ok(Some(number)),
            None => Err(usage(
                format!("`{name}={}` is not a whole number", value.display()),
                format!("correct {name}, or name the part with `--shard I/N`"),
            )),
        }
    };
    match (number(INDEX_VARIABLE)?, number(COUNT_VARIABLE)?) {
        (None, None) => Ok(None),
        (Some(index), Some(count)) => match Shard::new(index, count) {
            Some(shard) => Ok(Some(shard)),
            None => Err(usage(
                format!(
                    "`{INDEX_VARIABLE}={index}` is not below `{COUNT_VARIABLE}={count}`, so a part of the fleet has no pod or two"
                ),
                format!("set {COUNT_VARIABLE} to the `completions` of the Job"),
            )),
        },
        (Some(index), None) => Err(usage(
            format!("`{INDEX_VARIABLE}={index}` is set, and `{COUNT_VARIABLE}` is not"),
            format!(
                "set {COUNT_VARIABLE} to the `completions` of the Job, or take everything with `--shard 1/1`"
            ),
        )),
        (None, Some(count)) => Err(usage(
            format!("`{COUNT_VARIABLE}={count}` is set, and `{INDEX_VARIABLE}` is not"),
            "set `completionMode: Indexed` of the Job, or name the part with `--shard I/N`",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(flag: Option<&str>, environment: &[(&str, &str)]) -> Result<Option<Shard>, String> {
        let environment = environment.iter();
        let environment = environment.map(|(name, value)| (name.into(), value.into()));
        let outside = Outside {
            environment: environment.collect(),
            ..Outside::default()
        };
        shard(flag, &outside).map_err(|error| error.what)
    }

    #[test]
    fn a_part_is_named_from_1_by_the_flag_and_from_0_by_the_job() {
        let index = ("JOB_COMPLETION_INDEX", "2");
        let count = ("IMAGO_SHARDS", "4");
        assert_eq!(read(None, &[]), Ok(None));
        assert_eq!(read(Some("3/4"), &[]), Ok(Shard::new(2, 4)));
        assert_eq!(read(None, &[index, count]), Ok(Shard::new(2, 4)));
        assert_eq!(read(Some("1/1"), &[index]), Ok(Shard::new(0, 1)));
        for (flag, environment) in [
            (Some("0/4"), &[][..]),
            (Some("5/4"), &[]),
            (Some("1"), &[]),
            (Some("a/b"), &[]),
            (Some("1/0"), &[]),
            (None, &[index]),
            (None, &[count]),
            (None, &[index, ("IMAGO_SHARDS", "2")]),
            (None, &[index, ("IMAGO_SHARDS", "four")]),
        ] {
            assert!(read(flag, environment).is_err(), "{flag:?} {environment:?}");
        }
    }
}
