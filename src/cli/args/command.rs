//! What is answered to a word that is not a command.

use clap::CommandFactory as _;

use super::{Line, Typed, has};
use crate::cli::config::nearest;
use crate::cli::refused::UsageError;

/// The flags that people type as commands.
const ACTIONS: [&str; 5] = ["check", "diff", "restart", "restore", "update"];

/// The words of other programs, with what does the same here.
const OTHER_WORDS: [(&[&str], &str); 7] = [
    (
        &["list", "ls", "get", "show", "scan", "inspect"],
        "`imago images` lists every image, `imago files` what is outdated",
    ),
    (
        &["status", "outdated", "plan", "report"],
        "`imago files` lists what is outdated, `imago files --diff` shows it as a diff",
    ),
    (
        &["lint", "validate", "verify", "audit"],
        "`imago files --check` exits with 1 when something is outdated",
    ),
    (
        &["pin", "fix", "bump", "upgrade", "apply", "run", "sync"],
        "`imago files --update` changes manifests in files, `imago cluster --update` the workloads of a cluster",
    ),
    (
        &["undo", "revert", "rollback", "unpin"],
        "`imago files --restore` takes the digests off again",
    ),
    (
        &["lock"],
        "`imago files --update --lock imago.lock` writes a lock",
    ),
    (&["version"], "run `imago --version`"),
];

/// The answer: the command or the flag that was meant, or else that a path needs `imago files`.
pub(super) fn unknown(word: &str, line: &Line) -> UsageError {
    let is_path = word.contains(['/', '\\', '.']);
    let hint = (!is_path).then(|| meant(word, line)).flatten();
    UsageError {
        what: format!("`{word}` is not a command"),
        hint: hint.unwrap_or_else(|| {
            format!("run `imago files {word}` for the manifests of a file or folder")
        }),
    }
}

fn meant(word: &str, line: &Line) -> Option<String> {
    const ALL: &str = "`imago --help` has all commands";
    if word.is_empty() {
        return Some(ALL.to_owned());
    }
    let other = OTHER_WORDS.iter().find(|(words, _)| words.contains(&word));
    if let Some((_, hint)) = other {
        return Some((*hint).to_owned());
    }
    let root = Typed::command();
    let commands = root.get_subcommands();
    let commands = commands.filter(|command| !command.is_hide_set());
    let mut names: Vec<&str> = commands.map(clap::Command::get_name).collect();
    names.extend(ACTIONS);
    let is_command = |name: &str| root.find_subcommand(name).is_some();
    flag(word, line).or_else(|| match nearest(word, &names)? {
        name if is_command(name) => Some(format!("did you mean `{name}`? {ALL}")),
        action => flag(action, line),
    })
}

/// The hint for a flag that is typed as a command: `imago update deploy/`.
fn flag(word: &str, line: &Line) -> Option<String> {
    let flag = format!("--{word}");
    let (files, cluster) = (has("files", &flag), has("cluster", &flag));
    let path = line.first_word().unwrap_or_default();
    match (files, cluster) {
        (true, true) if path.is_empty() => Some(format!(
            "run `imago files {flag}` for manifests in files, `imago cluster {flag}` for the workloads of a cluster"
        )),
        (true, _) => Some(format!(
            "run `{}` for manifests in files",
            format!("imago files {flag} {path}").trim_end()
        )),
        (false, true) => Some(format!(
            "run `imago cluster {flag}` for the workloads of a cluster"
        )),
        (false, false) => None,
    }
}
