//! The flags about registries, and about the lock that stands in for them.

use std::path::PathBuf;

use clap::Args;

use super::whole;
use crate::io::registry::Detour;

/// The flags about registries; the same in every mode.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Registries")]
pub struct Registries {
    /// Ask TO for images written FROM (repeats)
    #[arg(long, value_name = "FROM=TO")]
    pub registry_map: Vec<String>,
    /// Ask this host over plain http (repeats)
    #[arg(long, value_name = "HOST")]
    pub insecure_registry: Vec<String>,
    /// Hosts that the repository's settings allow plain http for.
    #[arg(skip)]
    pub insecure_of_repository: Vec<String>,
    /// What the repository's settings say of who is asked, each with its sentence for a person.
    #[arg(skip)]
    pub detours_of_repository: Vec<(Detour, String)>,
    /// Trust these certificates too, PEM (repeats)
    #[arg(long, value_name = "FILE")]
    pub registry_ca: Vec<PathBuf>,
    /// Take credentials from this docker config
    #[arg(long, value_name = "FILE")]
    pub docker_config: Option<PathBuf>,
    /// Read and hash each new manifest
    #[arg(long)]
    pub read_manifests: bool,
    /// Requests at once [default: 32]
    #[arg(long, value_name = "N", allow_negative_numbers = true, value_parser = whole(1..=1024_u16))]
    pub concurrency: Option<u16>,
}

/// The flags about the lock.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Registries")]
pub struct Locking {
    /// The lock of digests [default: imago.lock]
    #[arg(long, value_name = "FILE")]
    pub lock: Option<PathBuf>,
    /// Take digests from the lock, ask no registry
    #[arg(long)]
    pub offline: bool,
}
