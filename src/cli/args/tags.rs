//! The flags of `imago tags`.

use clap::{Args, ValueEnum};

use super::{Configuration, Registries};
use crate::engine::shape::PolicyRules;

pub(super) const EXAMPLES: &str = "\
Examples:
  imago tags registry.example.com/shop/web
  imago tags registry.example.com/shop/web:1.4.2 --policy minor
  imago tags nginx:1.25-alpine --policy \"semver ~1.25\" --allow '^(?<version>.*)-alpine$'";

/// The flags of `imago tags`.
#[derive(Args, Debug)]
pub struct Tags {
    /// An image, as a manifest names it, with the tag that it is on
    #[arg(value_name = "IMAGE")]
    pub image: String,
    /// Use this policy, such as minor, not the settings'
    #[arg(long, value_name = "WORDS", help_heading = "Policy")]
    pub policy: Option<String>,
    /// Take only tags that match, as `allow` in the settings
    #[arg(long, value_name = "REGEX", help_heading = "Policy")]
    pub allow: Option<String>,
    /// Leave these tags out (repeats)
    #[arg(long, value_name = "GLOB", help_heading = "Policy")]
    pub ignore: Vec<String>,
    /// Take a lower tag, or leave one that is not a version
    #[arg(long, help_heading = "Policy")]
    pub allow_downgrade: bool,
    /// Print text or json
    #[arg(
        short,
        long,
        value_name = "FORMAT",
        hide_possible_values = true,
        help_heading = "Output",
        display_order = 0
    )]
    pub output: Option<TagsFormat>,
    /// List the tags alone, whatever the settings say
    #[arg(long, conflicts_with = "policy", help_heading = "Policy")]
    pub no_policy: bool,
    /// The policies of the settings.
    #[arg(skip)]
    pub policies: PolicyRules,
    /// How registries are asked.
    #[command(flatten)]
    pub registries: Registries,
    /// Where settings come from.
    #[command(flatten)]
    pub configuration: Configuration,
}

/// `--output` of `imago tags`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum TagsFormat {
    /// For people: a line for each tag.
    #[default]
    Text,
    /// For programs; versioned and stable.
    Json,
}
