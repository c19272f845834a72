//! Flags and environment in, checked settings out.
//!
//! Every mistake that can be seen without looking at a file or a host is found here, before anything is contacted, and says what to
//! type in its place. Nothing here reads a file.

mod in_cluster;
mod reporting;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use super::args::{self, When};
use super::manual;
use crate::app::message::{FIELDS, Template};
use crate::app::report::Action;
use crate::app::resolve::PlatformLoss;
use crate::app::source::LockUse;
use crate::app::{cluster, commit, digest, files};
use crate::engine::image::ImageRef;
use crate::engine::policy::{TagForm, Track};
use crate::engine::selector::{FieldSelector, GlobError, ImageFilter, LabelSelector, Namespaces, Selection};
use crate::io::git::identity::Person;
use crate::io::git::is_branch_name;
use crate::io::registry::{self, Map};

pub use reporting::{ReportFile, Reporting};

/// The lock that is meant where `--lock` names none.
const DEFAULT_LOCK: &str = "imago.lock";
/// The remote that is meant where `--remote` names none.
const DEFAULT_REMOTE: &str = "origin";
/// How many requests are under way at once where `--concurrency` does not say.
const DEFAULT_CONCURRENCY: usize = 32;
/// How many of them go to one host at most.
const MOST_PER_HOST: usize = 16;
/// The longest name of a namespace, in bytes (RFC 1123 label).
const MAX_NAMESPACE: usize = 63;

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

impl Outside {
    fn variable(&self, name: &str) -> Option<&OsStr> {
        self.environment.get(OsStr::new(name)).map(OsString::as_os_str)
    }
}

/// A mistake on the command line, and what to type in its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct UsageError {
    /// What is wrong, in lower case and without a full stop.
    pub what: String,
    /// One thing to do.
    pub hint: String,
}

/// Something to run.
#[derive(Clone, Debug)]
pub enum Settings {
    /// `imago files`.
    Files {
        /// What to do.
        request: Box<files::Request>,
        /// The forms of its report, and where each goes.
        reporting: Reporting,
        /// How much is said.
        voice: Voice,
    },
    /// `imago digest`.
    Digest {
        /// What to ask.
        request: Box<digest::Request>,
        /// How much is said.
        voice: Voice,
    },
    /// `imago cluster`, and plain `imago`.
    Cluster {
        /// What to do.
        request: Box<cluster::Request>,
        /// The forms of its report, and where each goes.
        reporting: Reporting,
        /// How much is said.
        voice: Voice,
        /// What a person should know about the flags.
        warnings: Vec<String>,
    },
    /// A text that was asked for by name: the result.
    Text(String),
}

/// How much is said, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Voice {
    /// Whether colour is used.
    pub colour: Colour,
    /// How much is said.
    pub detail: Detail,
}

/// Whether colour is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colour {
    /// Where the stream is a terminal.
    #[default]
    OnTerminals,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

/// How much is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// Problems, and what was asked for by name.
    Quiet,
    /// The report.
    #[default]
    Normal,
    /// The files without a workload, and what was passed over and why, too.
    More,
    /// How each digest was found, too.
    Most,
}

/// Checks what was typed.
pub fn check(typed: args::Typed, outside: &Outside) -> Result<Settings, UsageError> {
    let voice = voice(typed.voice, outside)?;
    match typed.command {
        args::Command::Cluster(mut flags) => {
            let reporting = reporting::reporting(std::mem::take(&mut flags.reporting))?;
            let (request, warnings) = in_cluster::request(*flags, outside)?;
            Ok(Settings::Cluster { request: Box::new(request), reporting, voice, warnings })
        }
        args::Command::Files(mut flags) => {
            let reporting = reporting::reporting(std::mem::take(&mut flags.reporting))?;
            Ok(Settings::Files { request: Box::new(files_request(*flags, outside)?), reporting, voice })
        }
        args::Command::Completions { shell } => Ok(Settings::Text(manual::completions(shell))),
        args::Command::Man { page } => manual::page(page.as_deref()).map(Settings::Text),
        args::Command::Digest(flags) => Ok(Settings::Digest { request: Box::new(digest_request(*flags, outside)?), voice }),
    }
}

/// Whether colour is used where nothing but the environment is known: `NO_COLOR` (no-color.org) and a terminal that has none.
pub fn colour(when: When, outside: &Outside) -> Colour {
    let refused = outside.variable("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = outside.variable("TERM").is_some_and(|value| value == "dumb");
    match when {
        When::Always => Colour::Always,
        When::Auto if !refused && !dumb => Colour::OnTerminals,
        When::Auto | When::Never => Colour::Never,
    }
}

fn voice(typed: args::Voice, outside: &Outside) -> Result<Voice, UsageError> {
    let detail = match (typed.quiet, typed.verbose) {
        (true, 0) => Detail::Quiet,
        (true, _) => return Err(usage("`--quiet` and `--verbose` exclude each other", "leave one of them out")),
        (false, 0) => Detail::Normal,
        (false, 1) => Detail::More,
        (false, _) => Detail::Most,
    };
    Ok(Voice { colour: colour(typed.color.unwrap_or_default(), outside), detail })
}

fn files_request(flags: args::Files, outside: &Outside) -> Result<files::Request, UsageError> {
    let action = action(&flags)?;
    let track = track(&flags.images, action)?;
    let prune = lock_prune(&flags)?;
    let git = git(&flags, action, outside)?;
    let lock = lock(&flags.locking, prune);
    Ok(files::Request {
        paths: if flags.paths.is_empty() { vec![PathBuf::from(".")] } else { flags.paths },
        include: flags.include,
        exclude: flags.exclude,
        of_repository: flags.of_repository,
        action,
        dry_run: flags.dry_run,
        diff: flags.diff,
        track,
        form: digest_form(&flags.images),
        images: images(&flags.images.include_image, &flags.images.exclude_image)?,
        selection: selection(&flags.selecting)?,
        max_changes: flags.max_changes,
        lock,
        registries: registries(flags.registries, outside)?,
        platform_loss: platform_loss(&flags.images),
        git,
    })
}

/// What is committed. A flag about commits without one would silently say nothing.
fn git(flags: &args::Files, action: Action, outside: &Outside) -> Result<Option<commit::Request>, UsageError> {
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
    Ok(Some(commit::Request {
        branch: flags.branch.clone(),
        push: flags.push.then(|| commit::Push { remote, options: flags.push_option.clone() }),
        author: author.transpose()?,
        signoff: flags.signoff,
        message,
        environment: outside.environment.clone(),
    }))
}

pub(super) fn template(text: &str) -> Result<Template, UsageError> {
    Template::parse(text).map_err(|error| {
        let hint = format!("the fields are {FIELDS}; `{{{{` and `}}}}` stand for braces");
        usage(format!("`--message` cannot be used: {error}"), hint)
    })
}

pub(super) fn author(text: &str) -> Result<Person, UsageError> {
    Person::parse(text)
        .ok_or_else(|| usage(format!("`--author {text}` is not NAME <MAIL>"), "write it like `Ada Lovelace <ada@example.com>`"))
}

fn digest_request(flags: args::Digest, outside: &Outside) -> Result<digest::Request, UsageError> {
    let images = flags.images.iter().map(|text| image(text)).collect::<Result<_, _>>()?;
    let lock = lock(&flags.locking, false);
    Ok(digest::Request { images, lock, registries: registries(flags.registries, outside)? })
}

fn action(flags: &args::Files) -> Result<Action, UsageError> {
    match (flags.update, flags.restore, flags.check) {
        (true, true, _) => Err(usage("`--update` and `--restore` exclude each other", "run one action at a time")),
        (true, _, true) => {
            Err(usage("`--check` and `--update` exclude each other", "leave out `--check` to write, or `--update` to look"))
        }
        (_, true, true) => Err(usage("`--check` and `--restore` exclude each other", "leave one of them out")),
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

fn track(flags: &args::Images, action: Action) -> Result<Track, UsageError> {
    match flags.track {
        None | Some(args::Track::Annotation) => Ok(Track::Annotation),
        Some(args::Track::Tag) if flags.drop_tag => Err(usage(
            "`--track tag` and `--drop-tag` exclude each other: the tag is what is tracked",
            "leave out `--drop-tag`, or track by the annotation",
        )),
        Some(args::Track::Tag) if action == Action::Restore => Err(usage(
            "`--track tag` and `--restore` exclude each other: only the annotation records what to restore",
            "leave out `--track tag`",
        )),
        Some(args::Track::Tag) if action == Action::Restart => Err(usage(
            "`--track tag` and `--restart` exclude each other: an image with a digest is not pulled anew",
            "leave out `--track tag`, or run `--update`",
        )),
        Some(args::Track::Tag) => Ok(Track::Tag),
    }
}

fn lock_prune(flags: &args::Files) -> Result<bool, UsageError> {
    match (flags.lock_prune, flags.update, flags.locking.offline) {
        (false, _, _) => Ok(false),
        (true, _, true) => Err(usage(
            "`--lock-prune` and `--offline` exclude each other: `--offline` does not write the lock",
            "leave out `--offline`",
        )),
        (true, false, false) => Err(usage("`--lock-prune` needs `--update`, which writes the lock", "add `--update`")),
        (true, true, false) => Ok(true),
    }
}

fn selection(flags: &args::Selecting) -> Result<Selection, UsageError> {
    Ok(Selection { namespaces: selected_namespaces(flags)?, labels: selected_labels(flags)?, fields: selected_fields(flags)? })
}

fn selected_namespaces(flags: &args::Selecting) -> Result<Namespaces, UsageError> {
    let only = !flags.namespaces.is_empty();
    let except = !flags.exclude_namespaces.is_empty();
    for name in flags.namespaces.iter().chain(&flags.exclude_namespaces) {
        check_namespace(name)?;
    }
    match (only, flags.all_namespaces, except) {
        (true, true, _) => Err(usage("`--namespace` and `--all-namespaces` exclude each other", "leave one of them out")),
        (true, false, true) => Err(usage(
            "`--namespace` and `--exclude-namespace` exclude each other",
            "name the namespaces to take, or those to leave out",
        )),
        (true, false, false) => Ok(Namespaces::Only(flags.namespaces.iter().cloned().collect())),
        (false, _, true) => Ok(Namespaces::AllBut(flags.exclude_namespaces.iter().cloned().collect())),
        (false, _, false) => Ok(Namespaces::All),
    }
}

fn selected_labels(flags: &args::Selecting) -> Result<LabelSelector, UsageError> {
    flags.selector.as_ref().map_or(Ok(LabelSelector::default()), |text| {
        LabelSelector::parse(text).map_err(|error| {
            usage(
                format!("`--selector {text}` cannot be read: {error}"),
                "write it as kubectl has it: `app=web,tier in (front,back),!canary`",
            )
        })
    })
}

fn selected_fields(flags: &args::Selecting) -> Result<FieldSelector, UsageError> {
    flags.field_selector.as_ref().map_or(Ok(FieldSelector::default()), |text| {
        FieldSelector::parse(text).map_err(|error| {
            usage(
                format!("`--field-selector {text}` cannot be read: {error}"),
                "write it as kubectl has it: `metadata.name!=web`",
            )
        })
    })
}

fn digest_form(flags: &args::Images) -> TagForm {
    if flags.drop_tag { TagForm::Drop } else { TagForm::Keep }
}

fn platform_loss(flags: &args::Images) -> PlatformLoss {
    if flags.allow_platform_loss { PlatformLoss::Allow } else { PlatformLoss::HoldBack }
}

pub(super) fn images(include: &[String], exclude: &[String]) -> Result<ImageFilter, UsageError> {
    ImageFilter::new(include, exclude).map_err(|error| {
        let hint = match error {
            GlobError::Syntax { .. } => "`*` and `?` stand for any text and any character: `registry.example.com/*`",
            GlobError::Tagged { .. } => "leave out the tag: images are taken by name",
            GlobError::TooLong { .. } => "shorten it: one `*` stands for any text",
        };
        usage(error.to_string(), hint)
    })
}

/// A name that no namespace can have would silently select nothing.
fn check_namespace(name: &str) -> Result<(), UsageError> {
    let label = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !name.is_empty()
        && name.len() <= MAX_NAMESPACE
        && name.bytes().all(label)
        && !name.starts_with('-')
        && !name.ends_with('-')
    {
        return Ok(());
    }
    let hint = if name.contains([',', ' ']) {
        "repeat the flag for each namespace"
    } else {
        "a namespace is made of up to 63 lower-case letters, digits and `-`"
    };
    Err(usage(format!("`{name}` cannot be the name of a namespace"), hint))
}

fn lock(flags: &args::Locking, prune: bool) -> LockUse {
    LockUse {
        path: flags.lock.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_LOCK)),
        named: flags.lock.is_some(),
        offline: flags.offline,
        prune,
    }
}

fn registries(flags: args::Registries, outside: &Outside) -> Result<registry::Settings, UsageError> {
    let concurrency = flags.concurrency.map_or(DEFAULT_CONCURRENCY, usize::from);
    flags.insecure_registry.iter().try_for_each(|host| check_host(host))?;
    Ok(registry::Settings {
        concurrency,
        per_host: concurrency.min(MOST_PER_HOST),
        insecure: flags.insecure_registry,
        insecure_as_nobody: flags.insecure_of_repository,
        certificate_authorities: flags.registry_ca,
        maps: maps(&flags.registry_map)?,
        docker_config: flags.docker_config,
        seed: outside.seed,
        environment: outside.environment.clone(),
        ..registry::Settings::default()
    })
}

pub(super) fn check_host(host: &str) -> Result<(), UsageError> {
    let what = || format!("`--insecure-registry {host}` names no host");
    match host.split_once("://") {
        Some((_, rest)) => Err(usage(what(), format!("leave out the scheme: `--insecure-registry {rest}`"))),
        None if host.contains('/') => Err(usage(what(), "leave out the path: plain http is allowed for a whole host")),
        None if host.is_empty() || host.contains(char::is_whitespace) => {
            Err(usage(what(), "name a host with its port: `--insecure-registry registry.example.com:5000`"))
        }
        None => Ok(()),
    }
}

/// A `FROM` that is given twice has one meaning only where both say the same.
pub(super) fn maps(texts: &[String]) -> Result<Vec<Map>, UsageError> {
    let mut targets: BTreeMap<&str, &str> = BTreeMap::new();
    for text in texts {
        if text.contains("://") {
            let what = format!("`--registry-map {text}` is not FROM=TO");
            return Err(usage(what, "leave out `https://`: both are names as images have them"));
        }
        let (from, to) = text.split_once('=').unwrap_or((text, ""));
        match targets.insert(from, to) {
            Some(other) if other != to => {
                return Err(usage(format!("`{from}` is mapped to `{other}` and to `{to}`"), "map it once"));
            }
            _ => {}
        }
    }
    texts
        .iter()
        .map(|text| {
            let hint = "write it like `--registry-map docker.io=mirror.example.com/hub`";
            Map::parse(text).map_err(|error| usage(format!("`--registry-map {text}` cannot be used: {error}"), hint))
        })
        .collect()
}

fn image(text: &str) -> Result<ImageRef, UsageError> {
    let image = ImageRef::parse(text).map_err(|error| {
        usage(format!("`{text}` is no image: {error}"), "write it as a manifest does: `registry.example.com/shop/web:1.4`")
    })?;
    match (image.tag(), image.digest()) {
        (None, Some(_)) => {
            Err(usage(format!("`{text}` has no tag to look up"), format!("name a tag: `{}:latest`", image.name())))
        }
        _ => Ok(image),
    }
}

fn usage(what: impl Into<String>, hint: impl Into<String>) -> UsageError {
    UsageError { what: what.into(), hint: hint.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(line: &str) -> Result<Settings, UsageError> {
        settings_in(line, &[])
    }

    fn settings_in(line: &str, environment: &[(&str, &str)]) -> Result<Settings, UsageError> {
        let environment = environment.iter().map(|(name, value)| (name.into(), value.into())).collect();
        check(args::parse(line.split(' ').map(OsString::from)).unwrap(), &Outside { environment, seed: 1, now: 0 })
    }

    fn request(line: &str) -> files::Request {
        match settings(line) {
            Ok(Settings::Files { request, .. }) => *request,
            other => panic!("{line}: {other:?}"),
        }
    }

    #[test]
    fn a_clock_that_is_far_off_still_gives_a_time() {
        let typed = || args::parse("imago cluster --restart --kubeconfig a".split(' ').map(OsString::from)).unwrap();
        for (now, time) in [
            (0, "1970-01-01T00:00:00Z"),
            (4_102_444_800, "2100-01-01T00:00:00Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (i64::MAX, "1970-01-01T00:00:00Z"),
            (i64::MIN, "1970-01-01T00:00:00Z"),
        ] {
            let outside = Outside { environment: BTreeMap::new(), seed: 1, now };
            let Ok(Settings::Cluster { request, .. }) = check(typed(), &outside) else { panic!("{now}") };
            assert_eq!(request.now, time);
        }
    }

    #[test]
    fn what_does_not_go_together_is_refused_with_a_hint() {
        for (line, what) in [
            ("files --update --restore", "`--update` and `--restore` exclude each other"),
            ("files --check --update", "`--check` and `--update` exclude each other"),
            ("files --check --restore", "`--check` and `--restore` exclude each other"),
            ("files --check --update --restore", "`--update` and `--restore` exclude each other"),
            ("files --dry-run", "`--dry-run` needs an action"),
            ("files --dry-run --check", "`--dry-run` needs an action"),
            ("files --dry-run --diff", "`--dry-run` needs an action"),
            ("files --track tag --drop-tag", "`--track tag` and `--drop-tag` exclude each other: the tag is what is tracked"),
            (
                "files --track tag --restore",
                "`--track tag` and `--restore` exclude each other: only the annotation records what to restore",
            ),
            ("files -n a -A", "`--namespace` and `--all-namespaces` exclude each other"),
            ("files -n a -x b", "`--namespace` and `--exclude-namespace` exclude each other"),
            ("files -n a,b", "`a,b` cannot be the name of a namespace"),
            ("files -x Shop", "`Shop` cannot be the name of a namespace"),
            ("files --namespace=", "`` cannot be the name of a namespace"),
            ("files -l app=web,=x", "`--selector app=web,=x` cannot be read: found `=` at character 9, expected a label's key"),
            (
                "files -f spec.x=1",
                "`--field-selector spec.x=1` cannot be read: `spec.x` at character 1 is not a field to select by: there are `metadata.name` and `metadata.namespace`",
            ),
            ("files --exclude-image web:1.4", "the pattern `web:1.4` has a tag or a digest, but is held against names alone"),
            ("files --lock-prune", "`--lock-prune` needs `--update`, which writes the lock"),
            ("files --lock-prune --restore", "`--lock-prune` needs `--update`, which writes the lock"),
            (
                "files --lock-prune --update --offline",
                "`--lock-prune` and `--offline` exclude each other: `--offline` does not write the lock",
            ),
            ("files --commit", "`--commit` needs an action"),
            ("files --commit --check", "`--commit` needs an action"),
            ("files --push", "`--push` needs an action"),
            ("files --branch x --check", "`--branch` needs an action"),
            ("files --update --commit --remote x", "`--remote` needs a push"),
            ("files --update --branch x --push-option x", "`--push-option` needs a push"),
            ("files --update --branch a..b", "`a..b` cannot be the name of a branch"),
            ("files --update --branch=-x", "`-x` cannot be the name of a branch"),
            ("files --update --message x", "`--message` needs a commit"),
            ("files --update --author x", "`--author` needs a commit"),
            ("files --signoff", "`--signoff` needs a commit"),
            ("files --update --commit --message {nope}", "`--message` cannot be used: there is no field `{nope}`"),
            ("files --update --commit --author Ada", "`--author Ada` is not NAME <MAIL>"),
            ("files -q -v", "`--quiet` and `--verbose` exclude each other"),
            ("files --registry-map docker.io", "`--registry-map docker.io` cannot be used: `docker.io` is not FROM=TO"),
            (
                "files --registry-map docker.io=",
                "`--registry-map docker.io=` cannot be used: `` is not a registry with an optional path, such as `docker.io` or `registry.example.test:5000/hub`",
            ),
            ("files --registry-map a=https://b", "`--registry-map a=https://b` is not FROM=TO"),
            ("files --registry-map a=b --registry-map a=c", "`a` is mapped to `b` and to `c`"),
            ("files --insecure-registry http://a:5000", "`--insecure-registry http://a:5000` names no host"),
            ("files --insecure-registry a:5000/b", "`--insecure-registry a:5000/b` names no host"),
            (
                "digest Web",
                "`Web` is no image: the name is not a repository name (lower-case letters, digits and single separators)",
            ),
        ] {
            let error = settings(&format!("imago {line}")).expect_err(line);
            assert_eq!(error.what, what, "{line}");
            assert!(!error.hint.is_empty(), "{line}");
        }
    }

    #[test]
    fn what_goes_together_is_taken() {
        for line in [
            "files --update --diff",
            "files --check --diff",
            "files --restore --diff --dry-run",
            "files --update --dry-run",
            "files --update --offline",
            "files --update --commit --signoff --message {summary} --author a<b>",
            "files --restore --commit --dry-run",
            "files --update --push --remote upstream --push-option ci.skip",
            "files --update --branch imago/update --push",
            "files --update --branch imago/update --message x",
            "files --update --lock-prune",
            "files --update --track tag",
            "files --update --track annotation --drop-tag",
            "files --restore --track annotation",
            "files -A -x b",
            "files -x a -x b",
            "files --include-image a* --exclude-image ab*",
            "files --max-changes 0",
            "digest nginx nginx:1.25",
        ] {
            assert!(settings(&format!("imago {line}")).is_ok(), "{line}");
        }
    }

    #[test]
    fn an_action_is_what_its_flag_says() {
        for (line, action) in [
            ("imago files", Action::Report),
            ("imago files --check", Action::Check),
            ("imago files --update", Action::Update),
            ("imago files --restore", Action::Restore),
        ] {
            assert_eq!(request(line).action, action, "{line}");
        }
    }

    #[test]
    fn defaults_are_the_current_folder_and_its_lock() {
        let request = request("imago files");
        assert_eq!(request.paths, [PathBuf::from(".")]);
        assert_eq!(request.lock, LockUse { path: "imago.lock".into(), named: false, offline: false, prune: false });
        assert_eq!((request.registries.concurrency, request.registries.per_host), (32, 16));
        assert_eq!(request.selection, Selection::default());
    }

    #[test]
    fn one_host_never_gets_more_than_all_hosts_together() {
        let registries = request("imago files --concurrency 4").registries;
        assert_eq!((registries.concurrency, registries.per_host), (4, 4));
    }

    #[test]
    fn a_map_may_be_said_twice() {
        let maps = request(
            "imago files --registry-map docker.io=mirror.example.test/hub/ --registry-map a.test=b.test --registry-map a.test=b.test",
        );
        assert_eq!(maps.registries.maps[1], Map::parse("a.test=b.test").unwrap());
    }

    #[test]
    fn a_digest_without_a_tag_has_nothing_to_look_up() {
        let error = settings(&format!("imago digest nginx@sha256:{}", "a".repeat(64))).unwrap_err();
        assert_eq!(error.hint, "name a tag: `nginx:latest`");
        assert!(settings(&format!("imago digest nginx:1@sha256:{}", "a".repeat(64))).is_ok());
    }

    #[test]
    fn colour_follows_the_flag_before_the_environment() {
        for (line, environment, colour) in [
            ("imago files", &[][..], Colour::OnTerminals),
            ("imago files", &[("NO_COLOR", "1")][..], Colour::Never),
            ("imago files", &[("NO_COLOR", "")][..], Colour::OnTerminals),
            ("imago files", &[("TERM", "dumb")][..], Colour::Never),
            ("imago files --color always", &[("NO_COLOR", "1")][..], Colour::Always),
            ("imago files --color never", &[][..], Colour::Never),
            ("imago --color auto files", &[("NO_COLOR", "1")][..], Colour::Never),
        ] {
            match settings_in(line, environment).unwrap() {
                Settings::Files { voice, .. } => assert_eq!(voice.colour, colour, "{line} {environment:?}"),
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn no_command_asks_for_help() {
        assert!(matches!(settings("imago -v"), Ok(Settings::Cluster { .. })));
    }
}
