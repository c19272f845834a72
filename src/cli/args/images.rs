//! The flags about images.

use clap::{Args, ValueEnum};
use serde::Deserialize;

use crate::app::request::ImageGlobs;

/// The flags about images; the same in every mode.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Images")]
pub struct Images {
    /// Where tags are kept: annotation, or tag (in place)
    #[arg(long, value_name = "HOW", hide_possible_values = true)]
    pub track: Option<Track>,
    /// Keep each image on its tag, whatever policies say
    #[arg(long)]
    pub digests_only: bool,
    /// Write name@digest, without the tag
    #[arg(long)]
    pub drop_tag: bool,
    /// Take only images whose name matches (repeats)
    #[arg(long, value_name = "GLOB")]
    pub include_image: Vec<String>,
    /// Leave out images whose name matches (repeats)
    #[arg(long, value_name = "GLOB")]
    pub exclude_image: Vec<String>,
    /// Which of these two lists come from the repository's settings.
    #[arg(skip)]
    pub of_repository: ImageGlobs,
    /// Take a digest that lacks a platform of the old one
    #[arg(long)]
    pub allow_platform_loss: bool,
}

/// `--track`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub enum Track {
    /// The annotation `imago-config-spec` records the image as it was written.
    Annotation,
    /// The tag beside the digest is all that is needed.
    Tag,
}
