//! The flags about what is said, and in which form.

use std::ffi::OsString;

use clap::{ArgAction, Args, ValueEnum};

/// The flags about what is said; before or after the subcommand.
#[derive(Args, Clone, Copy, Debug, Default)]
#[command(next_help_heading = "Output")]
pub struct Verbosity {
    /// Colour: auto, always or never
    #[arg(long, global = true, value_name = "WHEN", hide_possible_values = true)]
    pub color: Option<When>,
    /// Print only problems and requested output
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// -v names skips and holds, -vv each look-up
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// Print help: -h the common flags, --help all
    #[arg(short, long, global = true, action = ArgAction::HelpShort)]
    pub help: Option<bool>,
}

/// `--color`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum When {
    /// On a terminal, and where `NO_COLOR` is not set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The flags about the report; the same in every mode.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Output")]
pub struct Reporting {
    /// Print text, json, github, sarif or markdown
    #[arg(
        short,
        long,
        value_name = "FORMAT",
        hide_possible_values = true,
        display_order = 0
    )]
    pub output: Option<Format>,
    /// Also write the report to a file (repeats)
    #[arg(long, value_name = "FORMAT=FILE", display_order = 1)]
    pub report: Vec<OsString>,
}

/// `--output`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// For programs; versioned and stable.
    Json,
    /// Workflow commands of GitHub, which become annotations.
    Github,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// A table, for a pull request or a job's summary.
    Markdown,
}
