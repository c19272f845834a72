//! The flags of `imago images`.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{Cluster, Configuration, Files, Images, Kinds, Selecting, Track};

pub(super) const EXAMPLES: &str = "\
Examples:
  imago images deploy/             every image: where, which tag and digest
  imago images -A --context prod   the same of a cluster
  imago images -o json | jq -r '.images[].image' | sort -u";

/// The flags of `imago images`.
#[derive(Args, Debug)]
pub struct Inventory {
    /// Folders, files, or - for standard input [default: .]
    #[arg(value_name = "PATH", help_heading = "Files", display_order = 0)]
    pub paths: Vec<PathBuf>,
    /// Read only the files that match (repeats)
    #[arg(long, value_name = "GLOB", help_heading = "Files", display_order = 1)]
    pub include: Vec<String>,
    /// Leave out the files that match (repeats)
    #[arg(long, value_name = "GLOB", help_heading = "Files", display_order = 2)]
    pub exclude: Vec<String>,

    /// List a cluster, as -A, --context and --kubeconfig do
    #[arg(long, help_heading = "Cluster")]
    pub cluster: bool,
    /// The kubeconfig [default: as kubectl, or the pod's]
    #[arg(long, value_name = "FILE", help_heading = "Cluster")]
    pub kubeconfig: Option<OsString>,
    /// Take this context of the kubeconfig
    #[arg(long, value_name = "NAME", help_heading = "Cluster")]
    pub context: Option<String>,

    /// Which kinds.
    #[command(flatten)]
    pub kinds: Kinds,
    /// Which objects.
    #[command(flatten)]
    pub selecting: Selecting,
    /// Where tags are kept: annotation, or tag (in place)
    #[arg(
        long,
        value_name = "HOW",
        hide_possible_values = true,
        help_heading = "Images"
    )]
    pub track: Option<Track>,
    /// Print text, json or csv
    #[arg(
        short,
        long,
        value_name = "FORMAT",
        hide_possible_values = true,
        help_heading = "Output",
        display_order = 0
    )]
    pub output: Option<ListFormat>,
    /// Where settings come from.
    #[command(flatten)]
    pub configuration: Configuration,
    /// The flags of `imago files` that say the same, filled in by the repository's settings.
    #[arg(skip)]
    pub filled: Option<Files>,
}

/// `--output` of a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// A table for people.
    #[default]
    Text,
    /// For programs; versioned and stable.
    Json,
    /// For spreadsheets.
    Csv,
}

impl Inventory {
    /// The first flag that names a cluster.
    pub fn cluster_flag(&self) -> Option<&'static str> {
        [
            (self.cluster, "--cluster"),
            (self.context.is_some(), "--context"),
            (self.kubeconfig.is_some(), "--kubeconfig"),
            (self.selecting.all_namespaces, "--all-namespaces"),
        ]
        .into_iter()
        .find_map(|(given, flag)| given.then_some(flag))
    }

    /// The flags of `imago files` that say the same.
    pub fn files(&self) -> Files {
        Files {
            paths: self.paths.clone(),
            include: self.include.clone(),
            exclude: self.exclude.clone(),
            kinds: self.kinds.clone(),
            selecting: self.selecting.clone(),
            images: self.images(),
            ..Files::default()
        }
    }

    /// The flags of `imago cluster` that say the same.
    pub fn cluster(&self) -> Cluster {
        Cluster {
            kubeconfig: self.kubeconfig.clone(),
            context: self.context.clone(),
            kinds: self.kinds.clone(),
            selecting: self.selecting.clone(),
            images: self.images(),
            ..Cluster::default()
        }
    }

    fn images(&self) -> Images {
        Images {
            track: self.track,
            ..Images::default()
        }
    }
}
