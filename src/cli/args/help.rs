//! The help: `-h` has the flags that most people need, `--help` has all of them.

use std::ffi::OsString;

use clap::builder::StyledStr;
use clap::{Command, CommandFactory};

use super::{Line, Typed};

/// The flags that `-h` has, by command. A command that is not here has few.
const COMMON: [(&str, &[&str]); 7] = [
    (
        "files",
        &[
            "paths", "exclude", "update", "check", "diff", "restore", "branch", "push", "offline",
            "output", "verbose", "help",
        ],
    ),
    (
        "fleet",
        &[
            "file",
            "jobs",
            "shard",
            "update",
            "check",
            "branch",
            "push",
            "pull_request",
            "offline",
            "output",
            "verbose",
            "help",
        ],
    ),
    (
        "resolve",
        &["file", "lock", "jobs", "cache", "verbose", "help"],
    ),
    (
        "cluster",
        &[
            "update",
            "check",
            "restart",
            "restore",
            "dry_run",
            "check_pods",
            "context",
            "namespaces",
            "all_namespaces",
            "output",
            "verbose",
            "help",
        ],
    ),
    (
        "images",
        &[
            "paths",
            "exclude",
            "context",
            "namespaces",
            "all_namespaces",
            "kind",
            "output",
            "verbose",
            "help",
        ],
    ),
    (
        "digest",
        &["images", "docker_config", "registry_map", "verbose", "help"],
    ),
    (
        "tags",
        &[
            "image",
            "policy",
            "allow",
            "ignore",
            "docker_config",
            "output",
            "verbose",
            "help",
        ],
    ),
];

/// The help that a line asks for. `whole` is that of `--help`.
pub(super) fn asked(line: &Line, whole: StyledStr) -> StyledStr {
    let has = |word: &str| line.arguments.iter().any(|argument| argument == word);
    let command = line.command().unwrap_or_default();
    let common = COMMON.iter().find(|(name, _)| *name == command);
    match common.filter(|_| has("-h") && !has("--help")) {
        Some((name, common)) => short(name, common, &line.arguments).unwrap_or(whole),
        None => whole,
    }
}

fn short(name: &str, common: &[&str], arguments: &[OsString]) -> Option<StyledStr> {
    let root = Typed::command().mut_subcommand(name, |command| {
        let more = format!(
            "{}\n`imago {name} --help` has all flags.",
            command.get_after_help().cloned().unwrap_or_default()
        );
        let command = command.after_help(more);
        command.mut_args(|flag| {
            let hides = !common.contains(&flag.get_id().as_str());
            flag.hide(hides)
        })
    });
    let root = hidden_voice(root);
    Some(root.try_get_matches_from(arguments).err()?.render())
}

/// Hides the flags of all commands that few need.
fn hidden_voice(root: Command) -> Command {
    let hides = ["color", "quiet"];
    hides.iter().fold(root, |root, name| {
        root.mut_arg(*name, |flag| flag.hide(true))
    })
}
