//! The flags of `imago digest`.

use clap::Args;

use super::{Configuration, Locking, Registries};

pub(super) const EXAMPLES: &str = "\
Examples:
  imago digest nginx:1.25 registry.example.com/shop/web:1.4
  imago digest -v nginx:1.25    show whom it asked, and with what credentials";

/// The flags of `imago digest`.
#[derive(Args, Debug)]
pub struct Digest {
    /// Images, as a manifest names them
    #[arg(value_name = "IMAGE", required = true)]
    pub images: Vec<String>,
    /// How registries are asked.
    #[command(flatten)]
    pub registries: Registries,
    /// Where settings come from.
    #[command(flatten)]
    pub configuration: Configuration,
    /// The lock.
    #[command(flatten)]
    pub locking: Locking,
}
