//! Completions for shells and pages of the manual, made from the flags when they are asked for, so that they cannot fall behind.

use clap::{Command, CommandFactory};
use clap_complete::Shell;
use clap_mangen::Man;

use super::args::Typed;
use super::refused::UsageError;

/// The script that teaches a shell the flags.
pub(super) fn completions(shell: Shell) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Typed::command(), "imago", &mut script);
    text(script)
}

/// The page of the whole program, or of one command, as `man` reads it.
pub(super) fn page(command: Option<&str>) -> Result<String, UsageError> {
    let mut root = Typed::command();
    root.build();
    let of = match command {
        None => root,
        Some(name) => root.find_subcommand(name).cloned().ok_or_else(|| {
            let names: Vec<_> = root
                .get_subcommands()
                .map(|command| format!("`{}`", command.get_name()))
                .collect();
            UsageError {
                what: format!("`{name}` is no command"),
                hint: format!("the commands are {}", names.join(", ")),
            }
        })?,
    };
    Ok(roff(of))
}

fn roff(command: Command) -> String {
    let mut page = Vec::new();
    Man::new(command)
        .render(&mut page)
        .expect("a vector takes all");
    text(page)
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("the flags and their texts are UTF-8")
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn every_shell_learns_the_commands_and_their_flags() {
        for shell in Shell::value_variants() {
            let script = completions(*shell);
            for word in ["files", "digest", "max-changes", "registry-map", "markdown"] {
                assert!(script.contains(word), "{shell}: {word}");
            }
        }
    }

    #[test]
    fn each_command_has_a_page() {
        assert!(page(None).unwrap().contains("imago\\-files(1)"));
        let files = page(Some("files")).unwrap();
        assert!(
            files.contains(".TH imago\\-files 1") || files.contains(".TH imago-files 1"),
            "{files}"
        );
        assert!(files.contains("\\-\\-max\\-changes"), "{files}");
        assert_eq!(page(Some("fils")).unwrap_err().what, "`fils` is no command");
    }
}
