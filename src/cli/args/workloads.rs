//! The flags that take workloads.

use clap::Args;

use crate::app::kind_names::KindLists;
use crate::engine::helm;
use crate::engine::shape::{EntryDigest, PolicyRules, Shape};
use crate::io::scan::Globs;

/// The flags that take workloads; the same in every mode.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Objects")]
pub struct Selecting {
    /// Take this namespace only (repeats)
    #[arg(short, long = "namespace", value_name = "NS")]
    pub namespaces: Vec<String>,
    /// Take every namespace (files: the default)
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// Take all namespaces but this (repeats)
    #[arg(short = 'x', long = "exclude-namespace", value_name = "NS")]
    pub exclude_namespaces: Vec<String>,
    /// Take objects with these labels (app=web)
    #[arg(short = 'l', long, value_name = "LABELS")]
    pub selector: Option<String>,
    /// Take by metadata.name (metadata.name=web)
    #[arg(short = 'f', long, value_name = "FIELDS")]
    pub field_selector: Option<String>,
}

/// The flags that take objects by their kind.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Objects")]
pub struct Kinds {
    /// Take only this kind[.group] (repeats)
    #[arg(long, value_name = "KIND")]
    pub kind: Vec<String>,
    /// Leave out this kind[.group] (repeats)
    #[arg(long, value_name = "KIND")]
    pub exclude_kind: Vec<String>,
    /// Also take this kind[.group] (repeats)
    #[arg(long, value_name = "KIND")]
    pub add_kind: Vec<String>,
    /// Which of the lists are from the repository's settings.
    #[arg(skip)]
    pub of_repository: KindLists,
    /// The kinds that the repository's settings ignore.
    #[arg(skip)]
    pub ignored: Vec<String>,
    /// What the repository's settings say of kinds.
    #[arg(skip)]
    pub declared: Vec<Shape>,
    /// What the repository's settings say of entries in kustomizations.
    #[arg(skip)]
    pub entry_digests: EntryDigest,
    /// What the repository's settings say of Helm charts.
    #[arg(skip)]
    pub helm: helm::Settings,
    /// What the repository's settings say of tags.
    #[arg(skip)]
    pub policies: PolicyRules,
    /// Which files are values of Helm charts by the repository's settings.
    #[arg(skip)]
    pub values: Globs,
}
