//! The flags as they are typed, grouped by purpose.
//!
//! Nothing is decided here: which flags go together, and what a value means, is the business of `settings`.

mod after_check;
mod cluster;
mod command;
mod configuration;
mod digest;
mod files;
mod fleet;
mod git;
mod help;
mod images;
mod import;
mod init;
mod inventory;
mod mistake;
mod output;
mod registries;
mod remote;
mod requests;
mod spelling;
mod tags;
#[cfg(test)]
mod tests;
mod workloads;

use std::ffi::OsString;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, CommandFactory, FromArgMatches as _, Parser, Subcommand};
use clap_complete::Shell;

use super::refused::{Refused, UsageError, usage};
use spelling::Line;

pub use after_check::after_check;
pub use cluster::Cluster;
pub use configuration::Configuration;
pub use digest::Digest;
pub use files::Files;
pub use fleet::{Fleet, Resolve, Working};
pub use git::Git;
pub use images::{Images, Track};
pub use import::Import;
pub use init::Init;
pub use inventory::{Inventory, ListFormat};
pub use output::{Format, Reporting, Verbosity, When};
pub use registries::{Locking, Registries};
pub use remote::Remote;
pub use requests::{ForgeName, Grouping, Requests};
pub use tags::{Tags, TagsFormat};
pub use workloads::{Kinds, Selecting};

/// How many entries a list may have: each image, object or file is held against all.
pub const MOST_ENTRIES: usize = 1024;
/// What to do about a longer one.
pub const FEWER_ENTRIES: &str = "write entries that fit several: all are tried one after the other";

/// The most changes or requests that a flag may allow.
const MOST: usize = 1_000_000_000;

/// Reads a whole number of this range. The error says what the flag takes.
fn whole<N>(range: RangeInclusive<N>) -> impl Fn(&str) -> Result<N, String> + Clone
where
    N: Clone + Display + FromStr + PartialOrd,
{
    move |text| {
        let number = text.parse().ok().filter(|number| range.contains(number));
        let (least, most) = (range.start(), range.end());
        number.ok_or_else(|| format!("it takes a whole number from {least} to {most}"))
    }
}

/// As clap's own, with one empty line less.
const TEMPLATE: &str = "{about}\n{usage-heading} {usage}\n\n{all-args}{after-help}";

// At most 80 columns, so that the whole help stands on a terminal of 80 by 24.
const EXAMPLES: &str = "\
Example: imago files --update deploy/  pins the images of these: name:tag@digest
Exit codes: 0 done, 1 --check found something, 2 could not run, 3 some problems";

/// What was typed.
#[derive(Debug, Parser)]
#[command(
    name = "imago",
    version,
    about = "Keeps every container image on the digest that its tag points to today.",
    after_help = EXAMPLES,
    help_template = TEMPLATE,
    override_usage = "imago [OPTIONS] [COMMAND]",
    disable_help_flag = true,
    disable_help_subcommand = true,
    disable_version_flag = true,
    max_term_width = 80
)]
pub struct Typed {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How to say it.
    #[command(flatten)]
    pub verbosity: Verbosity,
    /// Print the version
    #[arg(short = 'V', long, action = ArgAction::Version, help_heading = "Output")]
    pub version: Option<bool>,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Pin the images of manifests in files
    #[command(after_help = files::EXAMPLES, help_template = TEMPLATE)]
    Files(Box<Files>),
    /// Run on many repositories, each named by its address in FILE
    #[command(after_help = fleet::EXAMPLES, help_template = TEMPLATE)]
    Fleet(Box<Fleet>),
    /// Write a lock with the digest of every image of a fleet
    #[command(after_help = fleet::EXAMPLES_OF_RESOLVE, help_template = TEMPLATE)]
    Resolve(Box<Resolve>),
    /// Keep the images of a live cluster on their digests (the default)
    #[command(after_help = cluster::EXAMPLES, help_template = TEMPLATE)]
    Cluster(Box<Cluster>),
    /// Set up a repository: settings, a workflow, a job or a hook
    #[command(after_help = init::EXAMPLES, help_template = TEMPLATE)]
    Init(Init),
    /// List every image with its place, tag, digest and state
    #[command(after_help = inventory::EXAMPLES, help_template = TEMPLATE)]
    Images(Box<Inventory>),
    /// Print the digest that each image's tag points to
    #[command(after_help = digest::EXAMPLES, help_template = TEMPLATE)]
    Digest(Box<Digest>),
    /// List a repository's tags, and which of them a policy takes
    #[command(after_help = tags::EXAMPLES, help_template = TEMPLATE)]
    Tags(Box<Tags>),
    /// Print the policies that other tools' settings come to
    #[command(after_help = import::EXAMPLES, help_template = TEMPLATE)]
    Import(Import),
    /// Print the completions for a shell; `imago man` prints the manual
    #[command(help_template = TEMPLATE)]
    Completions {
        /// bash, zsh, fish, elvish or powershell
        #[arg(value_name = "SHELL", hide_possible_values = true)]
        shell: Shell,
    },
    /// Print a page of the manual
    #[command(hide = true, help_template = TEMPLATE)]
    Man {
        /// The command that the page is about [default: imago itself]
        #[arg(value_name = "COMMAND")]
        page: Option<String>,
    },
    /// Print the help of a command
    #[command(hide = true)]
    Help {
        /// The command [default: imago itself]
        #[arg(value_name = "COMMAND")]
        command: Option<String>,
    },
}

/// Reads the command line, the program's name first. Without a command, the cluster is meant.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Typed, Refused> {
    let line = spelling::read(arguments.into_iter().collect(), &Typed::command());
    if let Some(slip) = line.slip {
        return Err(Refused::Usage(slip));
    }
    let refused = |error: clap::Error| match error.kind() {
        ErrorKind::DisplayHelp => Refused::Asked(help::asked(&line, error.render())),
        ErrorKind::DisplayVersion => Refused::Asked(error.render()),
        _ => Refused::Usage(
            meant_for_another(&error, &line).unwrap_or_else(|| mistake::mistake(&error, &line)),
        ),
    };
    let matches = Typed::command()
        .try_get_matches_from(&line.arguments)
        .map_err(refused)?;
    if let Some(flag) = too_often(&matches) {
        let what = format!("`--{flag}` is given more than {MOST_ENTRIES} times");
        return Err(Refused::Usage(usage(what, FEWER_ENTRIES)));
    }
    let typed = Typed::from_arg_matches(&matches).map_err(refused)?;
    match typed.command {
        Command::Help { command } => {
            let of = command.as_deref().into_iter();
            parse(
                ["imago"]
                    .into_iter()
                    .chain(of)
                    .chain(["--help"])
                    .map(OsString::from),
            )
        }
        _ => Ok(typed),
    }
}

/// The flag that has more values than the settings may have.
fn too_often(matches: &ArgMatches) -> Option<String> {
    let (name, given) = matches.subcommand()?;
    let root = Typed::command();
    let mut flags = root.find_subcommand(name)?.get_opts();
    let is_one = |flag: &&Arg| {
        let values = given.get_raw(flag.get_id().as_str());
        values.is_some_and(|values| values.len() > MOST_ENTRIES)
    };
    flags.find(is_one)?.get_long().map(str::to_owned)
}

/// What another command takes: that one is meant, and what this one has of a similar spelling may do something else altogether.
fn meant_for_another(error: &clap::Error, line: &Line) -> Option<UsageError> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    match error.kind() {
        ErrorKind::InvalidSubcommand => Some(command::unknown(
            &text(ContextKind::InvalidSubcommand)?,
            line,
        )),
        ErrorKind::UnknownArgument => {
            let word = text(ContextKind::InvalidArg)?;
            let word = word.split([' ', '=']).next().unwrap_or(&word);
            let (here, other) = match line.command()? {
                "files" => ("and `imago files` is for manifests in files", OF_CLUSTER),
                "cluster" if line.implied => {
                    ("and without a command the cluster is meant", OF_FILES)
                }
                "cluster" => (
                    "and `imago cluster` is for the workloads of a cluster",
                    OF_FILES,
                ),
                _ => return None,
            };
            let (name, flags_for, act_on) = other;
            let run = format!("run `imago {name} {word}` for {act_on}");
            let (what, hint) = match (word.starts_with('-'), named_workload(word, line.implied)) {
                (true, _) if word == "-" => (
                    format!("`-` is standard input, {here}"),
                    "run `imago files -` for what a program prints".to_owned(),
                ),
                (true, _) if has(name, word) => {
                    (format!("`{word}` is a flag for {flags_for}, {here}"), run)
                }
                (false, Some(workload)) if other == OF_FILES => (
                    format!("`{word}` is not a flag, {here}"),
                    match line.implied {
                        true => format!(
                            "take one workload with `-f metadata.name={workload}`, or {run}"
                        ),
                        false => format!("take one workload with `-f metadata.name={workload}`"),
                    },
                ),
                (false, _) if other == OF_FILES => {
                    (format!("`{word}` looks like a path, {here}"), run)
                }
                _ => return None,
            };
            Some(UsageError { what, hint })
        }
        _ => None,
    }
}

/// The name in `web`, and where the cluster was named, in `deployment/web` as kubectl has it. What else holds a `/` or a `.` is a path.
fn named_workload(word: &str, implied: bool) -> Option<&str> {
    const KINDS: [&str; 12] = [
        "cj",
        "cronjob",
        "cronjobs",
        "daemonset",
        "daemonsets",
        "deploy",
        "deployment",
        "deployments",
        "ds",
        "statefulset",
        "statefulsets",
        "sts",
    ];
    let name = match word.split_once('/') {
        Some((kind, name)) if !implied && KINDS.contains(&kind.to_ascii_lowercase().as_str()) => {
            name
        }
        Some(_) => return None,
        None => word,
    };
    let is_label = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (!name.is_empty() && name.bytes().all(is_label)).then_some(name)
}

/// A command that acts on workloads: its name, what its flags are for, and what it acts on.
type Other = (&'static str, &'static str, &'static str);
const OF_FILES: Other = ("files", "files", "manifests in files");
const OF_CLUSTER: Other = ("cluster", "clusters", "the workloads of a cluster");

/// Whether there is a command of this name.
fn is_command(name: &str) -> bool {
    Typed::command().find_subcommand(name).is_some()
}

/// Whether a command has a flag.
fn has(command: &str, flag: &str) -> bool {
    let root = Typed::command();
    root.find_subcommand(command).is_some_and(|command| {
        command.get_arguments().any(|known| {
            known
                .get_long()
                .is_some_and(|long| flag.strip_prefix("--") == Some(long))
                || known.get_short().is_some_and(|short| {
                    flag.strip_prefix('-') == Some(short.encode_utf8(&mut [0; 4]))
                })
        })
    })
}
