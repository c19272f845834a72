//! The flags as they are typed, grouped by purpose.
//!
//! Nothing is decided here: which flags go together, and what a value means, is the business of `settings`.

mod spelling;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgAction, Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use super::config::Mistake;
use super::settings::UsageError;
use crate::io::scan::Globs;

/// As clap's own, with one empty line less.
const TEMPLATE: &str = "{about}\n{usage-heading} {usage}\n\n{all-args}{after-help}";

// At most 80 columns, so that the whole help stands on a terminal of 80 by 24.
const EXAMPLES: &str = "\
Examples:
  imago files --update deploy/    pin the images of these: name:tag@digest
  imago files --check             exit 1 when something is outdated, for CI
  imago -A --update --check-pods  in a cluster, where a running pod is behind
Exit codes: 0 done, 1 --check found something, 2 could not run, 3 some problems";

const FILES_EXAMPLES: &str = "\
Examples:
  imago files --update --lock imago.lock    pin all images, and record their digests
  imago files --diff deploy/ | git apply    make the change by way of a diff
  imago files --update --push deploy/       commit the change, and push it";

const CLUSTER_EXAMPLES: &str = "\
Examples:
  imago cluster                           say what is outdated in the context's namespace
  imago cluster -A --update --dry-run     what the server would keep of an update everywhere
  imago cluster -n shop --restart         replace the pods that are behind their tags";

const DIGEST_EXAMPLES: &str = "\
Examples:
  imago digest nginx:1.25 registry.example.com/shop/web:1.4
  imago digest -v nginx:1.25    show whom it asked, and with what credentials";

/// What was typed.
#[derive(Debug, Parser)]
#[command(
    name = "imago",
    version,
    about = "Keeps every container image on the digest that its tag points to today.",
    after_help = EXAMPLES,
    help_template = TEMPLATE,
    disable_help_flag = true,
    disable_version_flag = true,
    max_term_width = 110
)]
pub struct Typed {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How to say it.
    #[command(flatten)]
    pub voice: Voice,
    /// Print the version
    #[arg(short = 'V', long, action = ArgAction::Version, help_heading = "Output")]
    pub version: Option<bool>,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Pin the images of manifests in files
    #[command(after_help = FILES_EXAMPLES, help_template = TEMPLATE)]
    Files(Box<Files>),
    /// Keep the images of a live cluster on their digests (the default)
    #[command(after_help = CLUSTER_EXAMPLES, help_template = TEMPLATE)]
    Cluster(Box<Cluster>),
    /// Print the digest that each image's tag points to
    #[command(after_help = DIGEST_EXAMPLES, help_template = TEMPLATE)]
    Digest(Box<Digest>),
    /// Print the completions for a shell
    #[command(help_template = TEMPLATE)]
    Completions {
        /// bash, zsh, fish, elvish or powershell
        #[arg(value_name = "SHELL", hide_possible_values = true)]
        shell: Shell,
    },
    /// Print a page of the manual
    #[command(help_template = TEMPLATE)]
    Man {
        /// The command that the page is about [default: imago itself]
        #[arg(value_name = "COMMAND")]
        page: Option<String>,
    },
}

/// The flags of `imago files`.
#[derive(Args, Debug)]
pub struct Files {
    /// Folders to scan, files to read [default: .]
    #[arg(value_name = "PATH", help_heading = "Files", display_order = 0)]
    pub paths: Vec<PathBuf>,
    /// Read only the files that match (repeats)
    #[arg(long, value_name = "GLOB", help_heading = "Files", display_order = 1)]
    pub include: Vec<String>,
    /// Leave out the files that match (repeats)
    #[arg(long, value_name = "GLOB", help_heading = "Files", display_order = 2)]
    pub exclude: Vec<String>,

    /// Write every outdated image with its tag's digest
    #[arg(long, help_heading = "Action (without one nothing is written)")]
    pub update: bool,
    /// Put back the images as they were before --update
    #[arg(long, help_heading = "Action (without one nothing is written)")]
    pub restore: bool,
    /// Exit 1 when something is outdated
    #[arg(long, help_heading = "Action (without one nothing is written)")]
    pub check: bool,
    /// Print the change as a diff for `git apply`
    #[arg(long, help_heading = "Action (without one nothing is written)")]
    pub diff: bool,
    /// Do all of the action but write
    #[arg(long, help_heading = "Action (without one nothing is written)")]
    pub dry_run: bool,
    /// Write nothing when more images would change
    #[arg(long, value_name = "N", help_heading = "Action (without one nothing is written)")]
    pub max_changes: Option<usize>,

    /// Commit the changed files, and nothing else
    #[arg(long, help_heading = "Git")]
    pub commit: bool,
    /// Commit to a branch of its own, and leave what is checked out alone
    #[arg(long, value_name = "NAME", help_heading = "Git")]
    pub branch: Option<String>,
    /// Push the commit
    #[arg(long, help_heading = "Git")]
    pub push: bool,
    /// Push to this remote [default: origin]
    #[arg(long, value_name = "NAME", help_heading = "Git")]
    pub remote: Option<String>,
    /// Tell the remote this with the push (repeats)
    #[arg(long, value_name = "OPTION", help_heading = "Git")]
    pub push_option: Vec<String>,
    /// The commit's message: {summary}, {changes}, {images}, …
    #[arg(long, value_name = "TEMPLATE", help_heading = "Git")]
    pub message: Option<String>,
    /// The commit's author, if it is not the one that Git knows
    #[arg(long, value_name = "NAME <MAIL>", help_heading = "Git")]
    pub author: Option<String>,
    /// Add Signed-off-by to the message
    #[arg(long, help_heading = "Git")]
    pub signoff: bool,

    /// Which images, and how they are written.
    #[command(flatten)]
    pub images: Images,
    /// Which workloads.
    #[command(flatten)]
    pub selecting: Selecting,
    /// How registries are asked.
    #[command(flatten)]
    pub registries: Registries,
    /// The lock.
    #[command(flatten)]
    pub locking: Locking,
    /// Drop what no workload names from the lock
    #[arg(long, help_heading = "Registries")]
    pub lock_prune: bool,
    /// The forms of the report.
    #[command(flatten)]
    pub reporting: Reporting,
    /// Where settings come from.
    #[command(flatten)]
    pub configuration: Configuration,
    /// The globs of the repository's settings, which begin at its root.
    #[arg(skip)]
    pub of_repository: Option<Globs>,
}

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

/// The flags of `imago cluster`.
#[derive(Args, Debug)]
pub struct Cluster {
    /// Put every outdated image on its tag's digest
    #[arg(long, help_heading = "Action (without one nothing is changed)")]
    pub update: bool,
    /// Replace pods that are behind, where that pulls
    #[arg(long, help_heading = "Action (without one nothing is changed)")]
    pub restart: bool,
    /// Put back the images as they were before --update
    #[arg(long, help_heading = "Action (without one nothing is changed)")]
    pub restore: bool,
    /// Exit 1 when something is outdated
    #[arg(long, help_heading = "Action (without one nothing is changed)")]
    pub check: bool,
    /// Have the server do all of the action but keep it
    #[arg(long, help_heading = "Action (without one nothing is changed)")]
    pub dry_run: bool,
    /// Change nothing when more images would change
    #[arg(long, value_name = "N", help_heading = "Action (without one nothing is changed)")]
    pub max_changes: Option<usize>,
    /// Change only what a running pod is behind on
    #[arg(short, long, help_heading = "Action (without one nothing is changed)")]
    pub check_pods: bool,
    /// Change also what Argo CD, Flux or an owner writes
    #[arg(long, help_heading = "Action (without one nothing is changed)")]
    pub managed: bool,

    /// The kubeconfig, or a list of them [default: KUBECONFIG, the pod's account, ~/.kube/config]
    #[arg(long, value_name = "FILE", help_heading = "Cluster")]
    pub kubeconfig: Option<OsString>,
    /// Take this context of the kubeconfig
    #[arg(long, value_name = "NAME", help_heading = "Cluster")]
    pub context: Option<String>,
    /// Use the pull secrets that the workloads name
    #[arg(long, help_heading = "Cluster")]
    pub image_pull_secrets: bool,

    /// Which workloads.
    #[command(flatten)]
    pub selecting: Selecting,
    /// Which images, and how they are written.
    #[command(flatten)]
    pub images: Images,
    /// How registries are asked.
    #[command(flatten)]
    pub registries: Registries,
    /// The forms of the report.
    #[command(flatten)]
    pub reporting: Reporting,
}

/// The flags about images; the same in every mode.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Images")]
pub struct Images {
    /// Where the tag is kept: annotation or tag
    #[arg(long, value_name = "HOW", hide_possible_values = true)]
    pub track: Option<Track>,
    /// Write name@digest, without the tag
    #[arg(long)]
    pub drop_tag: bool,
    /// Take only the images whose name matches (repeats)
    #[arg(long, value_name = "GLOB")]
    pub include_image: Vec<String>,
    /// Leave out the images whose name matches (repeats)
    #[arg(long, value_name = "GLOB")]
    pub exclude_image: Vec<String>,
    /// Take a digest that lacks a platform
    #[arg(long)]
    pub allow_platform_loss: bool,
}

/// The flags that take workloads; the same in every mode.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Workloads")]
pub struct Selecting {
    /// Take this namespace only (repeats)
    #[arg(short, long = "namespace", value_name = "NS")]
    pub namespaces: Vec<String>,
    /// Take every namespace (in files, as without -n)
    #[arg(short = 'A', long)]
    pub all_namespaces: bool,
    /// Take all namespaces but this (repeats)
    #[arg(short = 'x', long = "exclude-namespace", value_name = "NS")]
    pub exclude_namespaces: Vec<String>,
    /// Take the workloads with these labels: app=web,tier!=cache
    #[arg(short = 'l', long, value_name = "LABELS")]
    pub selector: Option<String>,
    /// Take by metadata.name or metadata.namespace
    #[arg(short = 'f', long, value_name = "FIELDS")]
    pub field_selector: Option<String>,
}

/// The flags about registries; the same in every mode.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Registries")]
pub struct Registries {
    /// Ask TO for the images that are written FROM (repeats)
    #[arg(long, value_name = "FROM=TO")]
    pub registry_map: Vec<String>,
    /// Ask this host over plain http (repeats)
    #[arg(long, value_name = "HOST")]
    pub insecure_registry: Vec<String>,
    /// Hosts that the repository's settings allow plain http for.
    #[arg(skip)]
    pub insecure_of_repository: Vec<String>,
    /// Trust these certificates too, PEM (repeats)
    #[arg(long, value_name = "FILE")]
    pub registry_ca: Vec<PathBuf>,
    /// Take credentials from this docker config
    #[arg(long, value_name = "FILE")]
    pub docker_config: Option<PathBuf>,
    /// Requests at once [default: 32], at most 16 to one host
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub concurrency: Option<u16>,
}

/// The flags about the lock.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Registries")]
pub struct Locking {
    /// The lock of digests [default: imago.lock]
    #[arg(long, value_name = "FILE")]
    pub lock: Option<PathBuf>,
    /// Take digests from the lock, ask no registry
    #[arg(long)]
    pub offline: bool,
}

/// The flags about what is said; before or after the subcommand.
#[derive(Args, Clone, Copy, Debug, Default)]
#[command(next_help_heading = "Output")]
pub struct Voice {
    /// Colour: auto, always or never
    #[arg(long, global = true, value_name = "WHEN", hide_possible_values = true)]
    pub color: Option<When>,
    /// Say nothing but problems and what was asked for by name
    #[arg(short, long, global = true)]
    pub quiet: bool,
    /// Say more: -v what was passed over, -vv how it was found
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
    /// Print this help
    #[arg(short, long, global = true, action = ArgAction::HelpShort)]
    pub help: Option<bool>,
}

/// The flags about the settings that a repository keeps.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Settings")]
pub struct Configuration {
    /// Take settings from this file [default: .imago.yaml of the repository]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Take settings from no file
    #[arg(long, conflicts_with = "config")]
    pub no_config: bool,
}

/// The flags about the report; the same in every mode.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Output")]
pub struct Reporting {
    /// Print text, json, github, sarif or markdown
    #[arg(long, value_name = "FORMAT", hide_possible_values = true, display_order = 0)]
    pub output: Option<Format>,
    /// Write the report to a file too (repeats)
    #[arg(long, value_name = "FORMAT=FILE", display_order = 1)]
    pub report: Vec<OsString>,
}

/// `--track`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Track {
    /// The annotation `imago-config-spec` records the image as it was written.
    Annotation,
    /// The tag beside the digest is all that is needed.
    Tag,
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

/// Why there is nothing to run.
#[derive(Debug)]
pub enum Refused {
    /// Help or the version was asked for: a result.
    Asked(StyledStr),
    /// What was typed is wrong, as the parser says it.
    Wrong(String),
    /// What was typed is wrong, as this program says it.
    Usage(UsageError),
    /// What the repository's settings say is wrong.
    Setting(Box<Mistake>),
}

/// Reads the command line, the program's name first. Without a command, the cluster is meant.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Typed, Refused> {
    let line = spelling::read(arguments.into_iter().collect(), &Typed::command());
    Typed::try_parse_from(&line.arguments).map_err(|error| match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => Refused::Asked(error.render()),
        _ => match meant_for_files(&error, line.implied) {
            Some(usage) => Refused::Usage(usage),
            None => Refused::Wrong(error.render().to_string()),
        },
    })
}

/// A path or a flag of file mode where no command was named: the command is missing, not the flag unknown.
fn meant_for_files(error: &clap::Error, implied: bool) -> Option<UsageError> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        _ => None,
    };
    match error.kind() {
        ErrorKind::InvalidSubcommand => {
            let word = text(ContextKind::InvalidSubcommand)?;
            let slip = |name: &str| name.len().abs_diff(word.len()) <= 1 && name.as_bytes().first() == word.as_bytes().first();
            let suggested = match error.get(ContextKind::SuggestedSubcommand) {
                Some(ContextValue::Strings(names)) => names.iter().any(|name| slip(name)),
                Some(ContextValue::String(name)) => slip(name),
                _ => false,
            };
            (!suggested || word.contains(['/', '\\', '.'])).then(|| UsageError {
                what: format!("`{word}` is no command"),
                hint: format!("run `imago files {word}` for the manifests of a file or folder"),
            })
        }
        ErrorKind::UnknownArgument if implied => {
            let word = text(ContextKind::InvalidArg)?;
            let word = word.split([' ', '=']).next().unwrap_or(&word);
            let root = Typed::command();
            let known = root.find_subcommand("files")?.get_arguments().any(|known| {
                known.get_long().is_some_and(|long| word.strip_prefix("--") == Some(long))
                    || known.get_short().is_some_and(|short| word.strip_prefix('-') == Some(short.encode_utf8(&mut [0; 4])))
            });
            let what = match word.starts_with('-') {
                true if known => format!("`{word}` is a flag for files, and without a command the cluster is meant"),
                true => return None,
                false => format!("`{word}` looks like a path, and without a command the cluster is meant"),
            };
            Some(UsageError { what, hint: format!("run `imago files {word}` for manifests in files") })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(line: &str) -> Refused {
        parse(line.split(' ').map(OsString::from)).unwrap_err()
    }

    #[test]
    fn the_flags_are_well_defined() {
        Typed::command().debug_assert();
    }

    #[test]
    fn a_path_or_a_flag_of_file_mode_without_a_command_hints_at_files() {
        for (line, hint) in [
            ("imago deploy/", "run `imago files deploy/` for the manifests of a file or folder"),
            ("imago ./digest", "run `imago files ./digest` for the manifests of a file or folder"),
            ("imago manifests --update", "run `imago files manifests` for the manifests of a file or folder"),
            ("imago --update --commit", "run `imago files --commit` for manifests in files"),
            ("imago -q --offline", "run `imago files --offline` for manifests in files"),
            ("imago -n shop --include=a", "run `imago files --include` for manifests in files"),
            ("imago --update deploy/", "run `imago files deploy/` for manifests in files"),
        ] {
            match refused(line) {
                Refused::Usage(usage) => assert_eq!(usage.hint, hint, "{line}"),
                other => panic!("{line}: {other:?}"),
            }
        }
    }

    #[test]
    fn a_slip_of_the_finger_is_answered_with_the_right_word() {
        for (line, right) in [
            ("imago flies", "'files'"),
            ("imago files --upadte", "'--update'"),
            ("imago files --output jsn", "'json'"),
            ("imago files --track tags", "'tag'"),
            ("imago files --color allways", "'always'"),
            ("imago --updat", "'--update'"),
            ("imago cluster --offline", "unexpected argument '--offline'"),
        ] {
            match refused(line) {
                Refused::Wrong(text) => assert!(text.contains(right), "{line}: {text}"),
                other => panic!("{line}: {other:?}"),
            }
        }
    }

    #[test]
    fn help_and_version_are_results() {
        for line in [
            "imago --help",
            "imago -h",
            "imago help",
            "imago help files",
            "imago --version",
            "imago files --help",
            "imago digest --help",
        ] {
            assert!(matches!(refused(line), Refused::Asked(_)), "{line}");
        }
    }

    #[test]
    fn help_fits_a_screen() {
        for (line, most, width) in [
            ("imago --help", 24, 80),
            ("imago files --help", 72, 100),
            ("imago cluster --help", 66, 100),
            ("imago digest --help", 34, 100),
        ] {
            let Refused::Asked(text) = refused(line) else { panic!("{line}") };
            let text = text.to_string();
            assert!(text.lines().count() <= most, "{line}: {} lines\n{text}", text.lines().count());
            assert!(text.lines().all(|line| line.chars().count() <= width), "{line}\n{text}");
        }
    }

    #[test]
    fn flags_of_the_voice_stand_before_or_after_the_command() {
        for line in ["imago -v files", "imago files -v"] {
            assert_eq!(parse(line.split(' ').map(OsString::from)).unwrap().voice.verbose, 1, "{line}");
        }
    }
}
