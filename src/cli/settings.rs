//! Flags and environment in, checked settings out.
//!
//! Every mistake that can be seen without looking at a file or a host is found here, before anything is contacted, and says what to
//! type in its place. Nothing here reads a file.

pub(super) mod commits;
pub(super) mod fleet;
pub(super) mod images;
mod in_cluster;
mod in_files;
mod inventory;
pub(super) mod kinds;
pub(super) mod registries;
pub(super) mod remote;
mod reporting;
mod requests;
#[cfg(test)]
mod tests;
mod workloads;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::sync::Arc;

use super::args::{self, ListFormat, TagsFormat, When};
use super::manual;
use super::printer::Runner;
use super::refused::{UsageError, usage};
use super::verbosity::{Colour, Detail, Verbosity};
use crate::app::init::{InitRequest, Target};
use crate::app::report::Action;
use crate::app::request::FilesRequest;
use crate::app::{cluster, digest, tags};
use crate::engine::image::{ImageRef, Lookup};
use crate::engine::version::{Policy, Strategy, Terms};

pub use fleet::{Fleet, Purpose};
pub use inventory::ImagesOf;
pub use reporting::{ReportFile, Reporting};

/// What surrounds the program beside its arguments.
#[derive(Clone, Default)]
pub struct Outside {
    /// The environment, by name. It may hold secrets, and is never printed.
    pub environment: BTreeMap<OsString, OsString>,
    /// A number that nobody can foresee.
    pub seed: u64,
    /// The time, in seconds since 1970-01-01 00:00 UTC.
    pub now: i64,
}

impl std::fmt::Debug for Outside {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut shown = formatter.debug_struct("Outside");
        shown.field("now", &self.now).finish_non_exhaustive()
    }
}

impl Outside {
    fn variable(&self, name: &str) -> Option<&OsStr> {
        self.environment
            .get(OsStr::new(name))
            .map(OsString::as_os_str)
    }
}

/// Something to run.
#[derive(Clone, Debug)]
pub enum Settings {
    /// `imago files`.
    Files {
        /// What to do.
        request: Box<FilesRequest>,
        /// The forms of its report, and where each goes.
        reporting: Reporting,
        /// How much is said.
        verbosity: Verbosity,
    },
    /// `imago images`.
    Images {
        /// Whose images.
        of: ImagesOf,
        /// How they are listed.
        format: ListFormat,
        /// How much is said.
        verbosity: Verbosity,
    },
    /// `imago init`.
    Init {
        /// What to look at.
        request: Box<InitRequest>,
        /// Whether to write without asking.
        consent: Consent,
        /// How much is said.
        verbosity: Verbosity,
    },
    /// `imago digest`.
    Digest {
        /// What to ask.
        request: Box<digest::DigestRequest>,
        /// How much is said.
        verbosity: Verbosity,
    },
    /// `imago import`.
    Import {
        /// Which files.
        request: Box<FilesRequest>,
        /// How much is said.
        verbosity: Verbosity,
    },
    /// `imago tags`.
    Tags {
        /// What to ask.
        request: Box<tags::TagsRequest>,
        /// How the tags are listed.
        format: TagsFormat,
        /// How much is said.
        verbosity: Verbosity,
    },
    /// `imago cluster`, and plain `imago`.
    Cluster {
        /// What to do.
        request: Box<cluster::ClusterRequest>,
        /// The forms of its report, and where each goes.
        reporting: Reporting,
        /// How much is said.
        verbosity: Verbosity,
        /// What a person should know about the flags.
        warnings: Vec<String>,
    },
    /// `imago fleet` and `imago resolve`.
    Fleet {
        /// Which repositories, and what is done.
        fleet: Arc<Fleet>,
        /// How much is said.
        verbosity: Verbosity,
    },
    /// A text that was asked for by name: the result.
    Text(String),
}

/// Checks what was typed.
pub fn check(typed: args::Typed, outside: &Outside) -> Result<Settings, UsageError> {
    let verbosity = verbosity(typed.verbosity, outside)?;
    match typed.command {
        args::Command::Cluster(mut flags) => {
            let reporting = reporting::reporting(std::mem::take(&mut flags.reporting))?;
            let (mut request, warnings) = in_cluster::request(*flags, outside)?;
            request.reading.sources = reporting.names_sources(verbosity.detail);
            Ok(Settings::Cluster {
                request: Box::new(request),
                reporting,
                verbosity,
                warnings,
            })
        }
        args::Command::Files(mut flags) => {
            let reporting = reporting::reporting(std::mem::take(&mut flags.reporting))?;
            let reports = reporting
                .files
                .iter()
                .map(|file| file.path.clone())
                .collect();
            let mut request = FilesRequest {
                reports,
                ..in_files::request(*flags, outside)?
            };
            request.reading.sources = reporting.names_sources(verbosity.detail);
            Ok(Settings::Files {
                request: Box::new(request),
                reporting,
                verbosity,
            })
        }
        args::Command::Completions { shell } => Ok(Settings::Text(manual::completions(shell))),
        // Are checked with the list of repositories, which is a file.
        args::Command::Fleet(_) | args::Command::Resolve(_) => Ok(Settings::Text(String::new())),
        // Was answered when it was read.
        args::Command::Help { .. } => Ok(Settings::Text(String::new())),
        args::Command::Man { page } => manual::page(page.as_deref()).map(Settings::Text),
        args::Command::Images(flags) => Ok(Settings::Images {
            format: flags.output.unwrap_or_default(),
            of: inventory::images_of(*flags, outside)?,
            verbosity,
        }),
        args::Command::Init(flags) => Ok(Settings::Init {
            consent: match flags.yes {
                true => Consent::Given,
                false => Consent::Asked,
            },
            request: Box::new(init_request(&flags, outside)?),
            verbosity,
        }),
        args::Command::Digest(flags) => Ok(Settings::Digest {
            request: Box::new(digest_request(*flags, outside)?),
            verbosity,
        }),
        args::Command::Import(flags) => {
            let flags = args::Files {
                paths: flags.paths,
                include: flags.include,
                exclude: flags.exclude,
                ..args::Files::default()
            };
            Ok(Settings::Import {
                request: Box::new(in_files::request(flags, outside)?),
                verbosity,
            })
        }
        args::Command::Tags(flags) => Ok(Settings::Tags {
            format: flags.output.unwrap_or_default(),
            request: Box::new(tags_request(*flags, outside)?),
            verbosity,
        }),
    }
}

/// The request of the flags of `imago files`, for a repository of a fleet.
pub(super) fn files_request(
    flags: args::Files,
    outside: &Outside,
) -> Result<FilesRequest, UsageError> {
    in_files::request(flags, outside)
}

/// Checks the flags of `imago files` alone.
pub(super) fn check_files(flags: &args::Files, outside: &Outside) -> Result<(), UsageError> {
    reporting::reporting(flags.reporting.clone())?;
    in_files::request(flags.clone(), outside).map(drop)
}

/// Whether a person has agreed to what is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Consent {
    /// By a flag.
    Given,
    /// Not yet.
    Asked,
}

fn init_request(flags: &args::Init, outside: &Outside) -> Result<InitRequest, UsageError> {
    let targets = [
        (flags.github, Target::Github),
        (flags.gitlab, Target::Gitlab),
        (flags.forgejo, Target::Forgejo),
        (flags.gitea, Target::Gitea),
        (flags.pre_commit, Target::PreCommit),
    ];
    let named = targets.into_iter().filter(|(named, _)| *named);
    Ok(InitRequest {
        files: in_files::request(args::Files::default(), outside)?,
        targets: named.map(|(_, target)| target).collect(),
    })
}

/// Reads `--strict`, which only a check knows.
fn strict(given: bool, action: Action) -> Result<bool, UsageError> {
    match (given, action) {
        (true, action) if action != Action::Check => Err(usage(
            "`--strict` needs `--check`, whose exit code it decides",
            "add `--check`, or leave out `--strict`",
        )),
        (given, _) => Ok(given),
    }
}

/// Reads `--pinned`, which only a check knows.
fn pinned(given: bool, action: Action) -> Result<bool, UsageError> {
    match (given, action) {
        (true, action) if action != Action::Check => Err(usage(
            "`--pinned` needs `--check`: it says what the check asks for",
            "add `--check`, or leave out `--pinned`; `imago images` lists every image with its state",
        )),
        (given, _) => Ok(given),
    }
}

/// Whether colour is used where nothing but the environment is known: `NO_COLOR` (no-color.org) and a terminal that has none.
pub fn colour(when: When, outside: &Outside) -> Colour {
    let refused = outside
        .variable("NO_COLOR")
        .is_some_and(|value| !value.is_empty());
    let dumb = outside
        .variable("TERM")
        .is_some_and(|value| value == "dumb");
    match when {
        When::Always => Colour::Always,
        When::Auto if !refused && !dumb => Colour::OnTerminals,
        When::Auto | When::Never => Colour::Never,
    }
}

/// The CI runner that reads what is printed, where it is one that would obey some of it.
pub fn runner(outside: &Outside) -> Option<Runner> {
    let says = |name, wanted: fn(&str) -> bool| {
        outside
            .variable(name)
            .and_then(|value| value.to_str())
            .is_some_and(wanted)
    };
    let is_true = |value: &str| value.eq_ignore_ascii_case("true");
    if says("GITHUB_ACTIONS", is_true) {
        return Some(Runner::Github(format!("imago-{:016x}", outside.seed)));
    }
    let of_hashes =
        says("TF_BUILD", is_true) || says("TEAMCITY_VERSION", |value| !value.is_empty());
    of_hashes.then_some(Runner::OfHashes)
}

pub(super) fn verbosity(
    typed: args::Verbosity,
    outside: &Outside,
) -> Result<Verbosity, UsageError> {
    let detail = match (typed.quiet, typed.verbose) {
        (true, 0) => Detail::Quiet,
        (true, _) => {
            return Err(usage(
                "`--quiet` and `--verbose` exclude each other",
                "leave one of them out",
            ));
        }
        (false, 0) => Detail::Normal,
        (false, 1) => Detail::More,
        (false, _) => Detail::Most,
    };
    Ok(Verbosity {
        colour: colour(typed.color.unwrap_or_default(), outside),
        detail,
    })
}

fn digest_request(
    flags: args::Digest,
    outside: &Outside,
) -> Result<digest::DigestRequest, UsageError> {
    let images = flags
        .images
        .iter()
        .map(|text| image(text))
        .collect::<Result<_, _>>()?;
    let lock = registries::lock(&flags.locking, false);
    Ok(digest::DigestRequest {
        images,
        lock,
        registries: registries::settings(flags.registries, outside)?,
    })
}

fn tags_request(flags: args::Tags, outside: &Outside) -> Result<tags::TagsRequest, UsageError> {
    let (image, lookup) = image(&flags.image)?;
    let typed = policy(&flags)?.map(Arc::new);
    let is_of_settings = typed.is_none() && !flags.no_policy;
    let of_settings = || {
        let policy = flags.policies.of_image(lookup.name());
        policy.filter(|policy| is_of_settings && !policy.keeps_tag())
    };
    let policy = typed.or_else(|| of_settings().cloned());
    Ok(tags::TagsRequest {
        image,
        is_of_settings: is_of_settings && policy.is_some(),
        policy,
        lookup,
        registries: registries::settings(flags.registries, outside)?,
    })
}

/// Reads `--policy` and the flags that belong to it.
fn policy(flags: &args::Tags) -> Result<Option<Policy>, UsageError> {
    let parts = [
        (flags.allow.is_some(), "--allow"),
        (!flags.ignore.is_empty(), "--ignore"),
        (flags.allow_downgrade, "--allow-downgrade"),
    ];
    let part = parts
        .into_iter()
        .find_map(|(given, flag)| given.then_some(flag));
    let policy = match (&flags.policy, part) {
        (None, None) => return Ok(None),
        (None, Some(flag)) => {
            return Err(usage(
                format!("`{flag}` is a part of a policy, and there is no `--policy`"),
                "add `--policy WORDS`, such as `--policy minor`",
            ));
        }
        (Some(text), None) => Policy::parse(text),
        (Some(words), Some(_)) => Policy::new(Terms {
            words,
            allow: flags.allow.as_deref(),
            ignore: &flags.ignore,
            allow_downgrade: flags.allow_downgrade,
        }),
    };
    let policy = policy.map_err(|error| usage(error.reason, error.hint))?;
    if policy.keeps_tag() {
        return Err(usage(
            format!(
                "`{}` keeps the tag, and compares it with no other",
                policy.text()
            ),
            "leave out `--policy` for a list of the tags; `imago digest` prints the digest of one",
        ));
    }
    let is_shaped = matches!(
        policy.strategy,
        Strategy::Patch | Strategy::Minor | Strategy::Major
    );
    let image = ImageRef::parse(&flags.image).ok();
    if let Some(image) = image.filter(|image| is_shaped && image.tag().is_none()) {
        return Err(usage(
            format!("`{}` needs the tag that the image is on now", policy.text()),
            format!("add it, as in `{}:1.4.2`", image.name()),
        ));
    }
    Ok(Some(policy))
}

/// An image as it was typed, and what it asks.
fn image(text: &str) -> Result<(String, Lookup), UsageError> {
    let image = ImageRef::parse(text).map_err(|error| {
        usage(
            format!("`{text}` is not an image: {error}"),
            "write it as a manifest does: `registry.example.com/shop/web:1.4`",
        )
    })?;
    if image.tag().is_none() && image.has_digest() {
        return Err(usage(
            format!("`{text}` has no tag to look up"),
            format!("name a tag: `{}:latest`", image.name()),
        ));
    }
    Ok((text.to_owned(), image.lookup()))
}
