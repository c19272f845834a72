//! How registries are asked: everything that a person, the environment or a test may set, as values.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::detours::{Detour, Detours};
use super::map::{self, Map};
use crate::engine::image::Lookup;
use crate::io::credentials::PullSecret;

/// How registries are asked.
#[derive(Clone)]
pub struct Settings {
    /// How many requests are under way at once, over all hosts.
    pub concurrency: usize,
    /// How many requests are under way at once to one host.
    pub per_host: usize,
    /// Registries (`host` or `host:port`, as names have them) that are asked over plain http. Loopback needs no entry.
    pub insecure: Vec<String>,
    /// Such registries that the user has not named: they are asked as nobody, whatever credentials there are for them.
    pub insecure_as_nobody: Vec<String>,
    /// Which of the two above the repository's settings brought, and what a person is told once it was used.
    pub detours: Detours,
    /// Files of PEM certificates that are trusted beside the system's.
    pub certificate_authorities: Vec<PathBuf>,
    /// Who is asked for whose images.
    pub maps: Vec<Map>,
    /// Credentials that a cluster has, looked into before any file.
    pub pull_secrets: Vec<PullSecret>,
    /// The docker config to use, and no other; without one, the usual places.
    pub docker_config: Option<PathBuf>,
    /// Whether a digest is believed that a header has named, and no bytes have.
    pub new_digests: NewDigests,
    /// The process's environment: home folder, docker's and containers' variables, proxies, and what credential helpers need.
    pub environment: BTreeMap<OsString, OsString>,
    /// Times, sizes and counts that keep a bad host from costing much.
    pub limits: Limits,
    /// Where the random part of pauses begins.
    pub seed: u64,
    /// Names whose addresses are known, and not asked of the DNS.
    pub addresses: BTreeMap<String, Vec<IpAddr>>,
}

/// What is done with a digest that is not recorded yet.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NewDigests {
    /// It is believed: one HEAD is all that is asked, as crane and others do. The runtime checks the bytes when it pulls.
    #[default]
    Trust,
    /// Its manifest is read and hashed. Docker Hub counts that as a pull.
    Read,
}

/// Times, sizes and counts.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For making a connection, name look-up and TLS included.
    pub connect: Duration,
    /// For one request, to the last byte of its answer.
    pub answer: Duration,
    /// For all questions together, from the first.
    pub run: Duration,
    /// For one call of a credential helper.
    pub helper: Duration,
    /// How often one question is tried in all.
    pub tries: u32,
    /// The first pause before another try; each further one is twice as long.
    pub first_pause: Duration,
    /// The longest pause, and the longest `Retry-After` that is waited for.
    pub longest_pause: Duration,
    /// A request that takes longer than this no longer counts against `concurrency`, so that slow hosts do not hold the others up.
    pub patience: Duration,
    /// The largest manifest, configuration or token answer, in bytes.
    pub body: usize,
    /// The largest answer with tags, and the most that all tags of a repository may have together, in bytes.
    pub tags: usize,
    /// The most that the tags of all lists of a run may take, in bytes of memory.
    pub all_tags: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            answer: Duration::from_secs(20),
            run: Duration::from_secs(300),
            helper: Duration::from_secs(20),
            tries: 4,
            first_pause: Duration::from_millis(500),
            longest_pause: Duration::from_secs(30),
            patience: Duration::from_secs(2),
            body: 4 * 1024 * 1024,
            tags: 16 * 1024 * 1024,
            all_tags: 256 * 1024 * 1024,
        }
    }
}

impl Settings {
    /// What is to be said because the repository's settings decide who answers for a lookup.
    pub fn detour_of(&self, lookup: &Lookup) -> Option<String> {
        let (target, map) = map::target(&self.maps, lookup);
        let of_map = map.and_then(|map| self.detours.sentence_of(&Detour::Map(map.clone())));
        let is_plain =
            map::names(&self.insecure_as_nobody, &target) && !map::names(&self.insecure, &target);
        let plain = Detour::Plain(target.registry.to_ascii_lowercase());
        let of_plain = || self.detours.sentence_of(&plain).filter(|_| is_plain);
        of_map.or_else(of_plain)
    }

    /// Whether who asks with these settings gets the answers that one with the others gets.
    pub fn answers_like(&self, other: &Self) -> bool {
        // Pull secrets belong to one cluster.
        let is_alone = |settings: &Self| !settings.pull_secrets.is_empty();
        self.insecure == other.insecure
            && self.insecure_as_nobody == other.insecure_as_nobody
            && self.certificate_authorities == other.certificate_authorities
            && self.maps == other.maps
            && self.docker_config == other.docker_config
            && self.new_digests == other.new_digests
            && !is_alone(self)
            && !is_alone(other)
    }

    /// The same, each file by the path that `reach` makes of its own.
    #[must_use]
    pub fn reached(&self, reach: impl Fn(&Path) -> PathBuf) -> Self {
        let authorities = self.certificate_authorities.iter();
        Self {
            certificate_authorities: authorities.map(|path| reach(path)).collect(),
            docker_config: self.docker_config.as_deref().map(reach),
            ..self.clone()
        }
    }
}

impl fmt::Debug for Settings {
    /// Without the environment, which holds secrets of all sorts.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Settings")
            .field("concurrency", &self.concurrency)
            .field("per_host", &self.per_host)
            .field("insecure", &self.insecure)
            .field("insecure_as_nobody", &self.insecure_as_nobody)
            .field("detours", &self.detours)
            .field("certificate_authorities", &self.certificate_authorities)
            .field("maps", &self.maps)
            .field("pull_secrets", &self.pull_secrets)
            .field("docker_config", &self.docker_config)
            .field("new_digests", &self.new_digests)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            concurrency: 32,
            per_host: 16,
            insecure: Vec::new(),
            insecure_as_nobody: Vec::new(),
            detours: Detours::default(),
            certificate_authorities: Vec::new(),
            maps: Vec::new(),
            pull_secrets: Vec::new(),
            docker_config: None,
            new_digests: NewDigests::Trust,
            environment: BTreeMap::new(),
            limits: Limits::default(),
            seed: 0,
            addresses: BTreeMap::new(),
        }
    }
}

/// Why registries cannot be asked at all.
#[derive(Debug, thiserror::Error)]
pub enum RegistryError {
    /// A limit of zero would wait for ever.
    #[error("cannot ask registries with {0} at 0")]
    NoSlots(&'static str),
    /// A certificate file is not there.
    #[error("cannot read the certificates in `{}`", .0.display())]
    CertificateAuthority(PathBuf),
    /// A docker config that was named is not there.
    #[error("cannot read the docker config `{}`", .0.display())]
    DockerConfig(PathBuf),
}

impl Settings {
    /// Refuses what cannot work, by looking at names and sizes alone: no file is read.
    pub(super) fn check(&self) -> Result<(), RegistryError> {
        for (name, value) in [
            ("concurrency", self.concurrency),
            ("per_host", self.per_host),
            ("tries", self.limits.tries as usize),
        ] {
            if value == 0 {
                return Err(RegistryError::NoSlots(name));
            }
        }
        if let Some(path) = self
            .certificate_authorities
            .iter()
            .find(|path| !path.is_file())
        {
            return Err(RegistryError::CertificateAuthority(path.clone()));
        }
        match &self.docker_config {
            Some(path) if !path.is_file() => Err(RegistryError::DockerConfig(path.clone())),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_refused_before_anything_is_asked() {
        let settings = Settings {
            concurrency: 0,
            ..Settings::default()
        };
        assert!(matches!(
            settings.check(),
            Err(RegistryError::NoSlots("concurrency"))
        ));
        let settings = Settings {
            certificate_authorities: vec!["/nowhere/ca.pem".into()],
            ..Settings::default()
        };
        assert!(matches!(
            settings.check(),
            Err(RegistryError::CertificateAuthority(_))
        ));
    }
}
