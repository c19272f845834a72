//! How registries are asked, and the lock that stands in for them, checked.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Outside, UsageError, usage};
use crate::app::source::LockUse;
use crate::cli::args;
use crate::io::registry::{Detours, Map, NewDigests, Settings};

/// The lock that is meant where `--lock` names none.
const DEFAULT_LOCK: &str = "imago.lock";
/// How many requests are under way at once where `--concurrency` does not say.
pub(super) const DEFAULT_CONCURRENCY: usize = 32;
/// How many of them go to one host at most.
const MOST_PER_HOST: usize = 16;

/// What registries are asked with.
pub(super) fn settings(flags: args::Registries, outside: &Outside) -> Result<Settings, UsageError> {
    let concurrency = flags.concurrency.map_or(DEFAULT_CONCURRENCY, usize::from);
    flags
        .insecure_registry
        .iter()
        .try_for_each(|host| check_host(host))?;
    Ok(Settings {
        concurrency,
        per_host: concurrency.min(MOST_PER_HOST),
        insecure: flags.insecure_registry,
        insecure_as_nobody: flags.insecure_of_repository,
        detours: Detours::new(flags.detours_of_repository),
        certificate_authorities: flags.registry_ca,
        maps: maps(&flags.registry_map)?,
        docker_config: flags.docker_config,
        new_digests: if flags.read_manifests {
            NewDigests::Read
        } else {
            NewDigests::Trust
        },
        seed: outside.seed,
        environment: outside.environment.clone(),
        ..Settings::default()
    })
}

/// Which lock is used, and for what.
pub(super) fn lock(flags: &args::Locking, prune: bool) -> LockUse {
    LockUse {
        path: flags
            .lock
            .clone()
            .unwrap_or_else(|| PathBuf::from(DEFAULT_LOCK)),
        named: flags.lock.is_some(),
        offline: flags.offline,
        prune,
        given: None,
    }
}

/// Refuses what `--insecure-registry` cannot mean.
pub(in crate::cli) fn check_host(host: &str) -> Result<(), UsageError> {
    let what = || format!("`--insecure-registry {host}` names no host");
    match host.split_once("://") {
        Some((_, rest)) => Err(usage(
            what(),
            format!("leave out the scheme: `--insecure-registry {rest}`"),
        )),
        None if host.contains('/') => Err(usage(
            what(),
            "leave out the path: plain http is allowed for a whole host",
        )),
        None if host.is_empty() || host.contains(char::is_whitespace) => Err(usage(
            what(),
            "name a host with its port: `--insecure-registry registry.example.com:5000`",
        )),
        None => Ok(()),
    }
}

/// Reads `--registry-map`. A `FROM` that is given twice has one meaning only where both say the same.
pub(in crate::cli) fn maps(texts: &[String]) -> Result<Vec<Map>, UsageError> {
    let mut targets: BTreeMap<&str, &str> = BTreeMap::new();
    for text in texts {
        if text.contains("://") {
            let what = format!("`--registry-map {text}` is not FROM=TO");
            return Err(usage(
                what,
                "leave out `https://`: both are names as images have them",
            ));
        }
        let (from, to) = text.split_once('=').unwrap_or((text, ""));
        match targets.insert(from, to) {
            Some(other) if other != to => {
                return Err(usage(
                    format!("`{from}` is mapped to `{other}` and to `{to}`"),
                    "map it once",
                ));
            }
            _ => {}
        }
    }
    texts
        .iter()
        .map(|text| {
            let hint = "write it like `--registry-map docker.io=mirror.example.com/hub`";
            Map::parse(text).map_err(|error| {
                usage(
                    format!("`--registry-map {text}` cannot be used: {error}"),
                    hint,
                )
            })
        })
        .collect()
}
