//! The command line as it is meant: without a command it is the cluster's, and flags of the Go program keep their one dash.
//!
//! What is typed is only spelled anew here; whether it makes sense is the parser's business, but for the slips of [`slip`], which the parser
//! would take for something else.

use std::ffi::{OsStr, OsString};

use clap::{Arg, Command};

use crate::cli::refused::UsageError;

/// The command that is meant where none is named.
const IMPLIED: &str = "cluster";

/// A command line.
pub(super) struct Line {
    /// The arguments as the parser takes them.
    pub(super) arguments: Vec<OsString>,
    /// Whether no command was named, and one was put in.
    pub(super) implied: bool,
    /// What the parser would misread.
    pub(super) slip: Option<UsageError>,
    /// Where the command stands.
    place: usize,
}

impl Line {
    /// The command as it is spelled, where there is one.
    pub(super) fn command(&self) -> Option<&str> {
        self.arguments.get(self.place)?.to_str()
    }

    /// The first argument behind the command that is no flag, such as a path. The value of a flag counts, too.
    pub(super) fn first_word(&self) -> Option<&str> {
        self.arguments
            .iter()
            .skip(self.place + 1)
            .filter_map(|word| word.to_str())
            .find(|word| !word.starts_with('-'))
    }
}

/// Spells a command line anew. `root` is the program's command, with its subcommands.
pub(super) fn read(mut arguments: Vec<OsString>, root: &Command) -> Line {
    if arguments.is_empty() {
        arguments.push(root.get_name().into());
    }
    let place = command_place(&arguments, root);
    let implied = match arguments
        .get(place)
        .map(|word| word.to_string_lossy().into_owned())
    {
        None => true,
        Some(word) if ["-h", "--help", "-help", "-V", "--version"].contains(&word.as_str()) => {
            false
        }
        Some(word) => word.starts_with('-') && word != "--",
    };
    if implied {
        arguments.insert(place, IMPLIED.into());
    }
    let cluster = root
        .find_subcommand(IMPLIED)
        .filter(|_| arguments.get(place).is_some_and(|word| word == IMPLIED));
    if let Some(cluster) = cluster {
        let rest = arguments.split_off(place + 1);
        arguments.extend(respelled(rest, root, cluster));
    }
    let command = arguments
        .get(place)
        .and_then(|word| root.find_subcommand(word));
    let commands: Vec<&Command> = command.into_iter().chain([root]).collect();
    let slip = slip(&arguments[1..], &commands);
    Line {
        arguments,
        implied,
        slip,
        place,
    }
}

/// A word that means one thing and would be read as another: a long flag with one dash (`-lock` is `-l ock` to the parser), and a flag and
/// its value in one argument.
fn slip(arguments: &[OsString], commands: &[&Command]) -> Option<UsageError> {
    let mut words = arguments.iter().take_while(|word| *word != "--");
    while let Some(word) = words.next() {
        let text = word.to_str().unwrap_or_default();
        if let Some((flag, value)) = text.split_once(char::is_whitespace)
            && let Some(flag) =
                Flag::read(OsStr::new(flag), commands).filter(|flag| flag.value.is_none())
        {
            let name = flag.name.to_string_lossy();
            let hint = match (flag.takes_next, value.trim()) {
                (true, value) if value.contains(char::is_whitespace) => {
                    format!("write `{name}='{value}'`")
                }
                (true, value) => format!("write `{name}={value}`"),
                (false, "") => format!("write `{name}`"),
                (false, _) => "write each flag as an argument of its own".to_owned(),
            };
            return Some(UsageError {
                what: format!("`{text}` is one argument"),
                hint,
            });
        }
        let Some(flag) = Flag::read(word, commands) else {
            continue;
        };
        if !text.starts_with("--") && flag.name.to_string_lossy().starts_with("--") {
            let (typed, meant) = (
                text.split('=').next().unwrap_or(text),
                flag.name.to_string_lossy(),
            );
            return Some(UsageError {
                what: format!("`{typed}` has one dash"),
                hint: format!("did you mean `{meant}`?"),
            });
        }
        if flag.takes_next {
            words.next();
        }
    }
    None
}

/// The place of the command: behind the flags that stand before it.
fn command_place(arguments: &[OsString], root: &Command) -> usize {
    let mut place = 1;
    while let Some(flag) = arguments
        .get(place)
        .and_then(|word| Flag::read(word, &[root]))
    {
        if matches!(flag.known.get_id().as_str(), "help" | "version") {
            break;
        }
        place += if flag.takes_next { 2 } else { 1 };
    }
    place.min(arguments.len())
}

/// Gives old spellings two dashes, and understands `-update=true`, `-update=false`. Values stay as they are.
fn respelled(arguments: Vec<OsString>, root: &Command, cluster: &Command) -> Vec<OsString> {
    let mut respelled = Vec::with_capacity(arguments.len());
    let mut rest = arguments.into_iter();
    while let Some(word) = rest.next() {
        let Some(flag) = Flag::read(&word, &[cluster, root]) else {
            let end = word == "--";
            respelled.push(word);
            if end {
                break;
            }
            continue;
        };
        let takes_value = flag.known.get_action().takes_values();
        match flag.value.as_ref().and_then(|value| value.to_str()) {
            Some("false" | "0" | "f" | "F" | "FALSE" | "False") if !takes_value => {}
            Some("true" | "1" | "t" | "T" | "TRUE" | "True") if !takes_value => {
                respelled.push(flag.name)
            }
            _ => {
                let takes_next = flag.takes_next;
                respelled.push(flag.whole());
                respelled.extend(takes_next.then(|| rest.next()).flatten());
            }
        }
    }
    respelled.extend(rest);
    respelled
}

/// A word that is a known flag.
struct Flag<'c> {
    known: &'c Arg,
    /// With the dashes that it has today.
    name: OsString,
    value: Option<OsString>,
    /// Whether the next word is its value.
    takes_next: bool,
}

impl<'c> Flag<'c> {
    fn read(word: &OsStr, commands: &[&'c Command]) -> Option<Self> {
        let text = word.to_str()?;
        let (spelled, value) = text.split_once('=').map_or((text, None), |(name, value)| {
            (name, Some(OsString::from(value)))
        });
        let name = spelled
            .strip_prefix("--")
            .or_else(|| spelled.strip_prefix('-'))?;
        let is_long = |known: &&Arg| known.get_long() == Some(name) && name.len() > 1;
        let is_short = |known: &&Arg| {
            !spelled.starts_with("--")
                && known
                    .get_short()
                    .is_some_and(|short| name == short.encode_utf8(&mut [0; 4]) as &str)
        };
        let all = || commands.iter().flat_map(|command| command.get_arguments());
        let long = all()
            .find(is_long)
            .map(|known| (known, format!("--{name}")));
        let (known, name) = long.or_else(|| {
            all()
                .find(is_short)
                .map(|known| (known, format!("-{name}")))
        })?;
        let takes_next = value.is_none() && known.get_action().takes_values();
        Some(Self {
            known,
            name: name.into(),
            value,
            takes_next,
        })
    }

    fn whole(self) -> OsString {
        let mut whole = self.name;
        if let Some(value) = self.value {
            whole.push("=");
            whole.push(value);
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::args::Typed;

    fn spelled(line: &str) -> String {
        let line = read(
            line.split(' ').map(OsString::from).collect(),
            &Typed::command(),
        );
        line.arguments
            .iter()
            .map(|word| word.to_string_lossy())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn without_a_command_the_cluster_is_meant() {
        for (line, meant) in [
            ("imago", "imago cluster"),
            ("imago --update", "imago cluster --update"),
            ("imago -v --update", "imago -v cluster --update"),
            ("imago --color never -A", "imago --color never cluster -A"),
            ("imago --color=never files", "imago --color=never files"),
            ("imago files -update", "imago files -update"),
            ("imago -q digest web", "imago -q digest web"),
            ("imago --help", "imago --help"),
            ("imago --version", "imago --version"),
            ("imago deploy/", "imago deploy/"),
            ("imago --nonsense", "imago cluster --nonsense"),
        ] {
            assert_eq!(spelled(line), meant, "{line}");
        }
    }

    #[test]
    fn a_slip_that_the_parser_would_misread_is_seen() {
        let slip = |words: &[&str]| {
            let arguments = ["imago"].iter().chain(words).map(OsString::from).collect();
            read(arguments, &Typed::command())
                .slip
                .map(|usage| format!("{}; {}", usage.what, usage.hint))
        };
        for (words, said) in [
            (
                &["files", "-update"][..],
                "`-update` has one dash; did you mean `--update`?",
            ),
            (
                &["files", "-update=true", "deploy"],
                "`-update` has one dash; did you mean `--update`?",
            ),
            // To the parser these are `-l ock`, `-n amespace` and `-v -e …`.
            (
                &["files", "-lock", "a.lock"],
                "`-lock` has one dash; did you mean `--lock`?",
            ),
            (
                &["files", "--check", "-namespace", "shop"],
                "`-namespace` has one dash; did you mean `--namespace`?",
            ),
            (
                &["digest", "-verbose", "web"],
                "`-verbose` has one dash; did you mean `--verbose`?",
            ),
            (
                &["files", "--max-changes 50"],
                "`--max-changes 50` is one argument; write `--max-changes=50`",
            ),
            (
                &["--update", "--max-changes\t50"],
                "`--max-changes\t50` is one argument; write `--max-changes=50`",
            ),
            (
                &["-field-selector metadata.name=web"],
                "`-field-selector metadata.name=web` is one argument; write `--field-selector=metadata.name=web`",
            ),
            (
                &["files", "-n shop"],
                "`-n shop` is one argument; write `-n=shop`",
            ),
            (
                &["files", "--message Update {images} images"],
                "`--message Update {images} images` is one argument; write `--message='Update {images} images'`",
            ),
            (
                &["files", "--update --commit"],
                "`--update --commit` is one argument; write each flag as an argument of its own",
            ),
            (
                &["files", "--update "],
                "`--update ` is one argument; write `--update`",
            ),
            (
                &["--color never", "files"],
                "`--color never` is one argument; write `--color=never`",
            ),
        ] {
            assert_eq!(slip(words).as_deref(), Some(said), "{words:?}");
        }
        for words in [
            &["-update", "-check-pods"][..],
            &["cluster", "-field-selector", "metadata.name=web"],
            &["files", "--message", "-update the images"],
            &["files", "--message", "--update --commit"],
            &[
                "files",
                "--message=a b",
                "--author=imago <imago@example.com>",
            ],
            &[
                "files",
                "-l",
                "app in (a, b)",
                "-lapp in (a, b)",
                "-vv",
                "-qv",
            ],
            &["files", "--", "-update", "--max-changes 50"],
            &["files", "a folder/x.yaml", "-nope 50", "--nope 50"],
        ] {
            assert_eq!(slip(words), None, "{words:?}");
        }
    }

    #[test]
    fn old_spellings_work_with_the_cluster() {
        for (line, meant) in [
            ("imago -update", "imago cluster --update"),
            (
                "imago -update=true -restart=false -check-pods",
                "imago cluster --update --check-pods",
            ),
            ("imago --update=true", "imago cluster --update"),
            ("imago -A=true -n=a -n b", "imago cluster -A -n=a -n b"),
            (
                "imago -field-selector metadata.name=web",
                "imago cluster --field-selector metadata.name=web",
            ),
            (
                "imago -field-selector=metadata.name=web",
                "imago cluster --field-selector=metadata.name=web",
            ),
            (
                "imago -kubeconfig -update -docker-config f",
                "imago cluster --kubeconfig -update --docker-config f",
            ),
            ("imago -l -update -x b", "imago cluster -l -update -x b"),
            (
                "imago cluster -all-namespaces",
                "imago cluster --all-namespaces",
            ),
            (
                "imago -update -- -restart",
                "imago cluster --update -- -restart",
            ),
        ] {
            assert_eq!(spelled(line), meant, "{line}");
        }
    }
}
