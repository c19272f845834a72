//! Completions for shells and pages of the manual, made from the flags when they are asked for, so that they cannot fall behind.

use std::io::{self, Write};

use clap::builder::StyledStr;
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
    let codes = root.get_after_help().map(StyledStr::to_string);
    let codes = codes.as_deref().and_then(|text| text.lines().last());
    let codes = codes.map_or_else(String::new, examples);
    let of = match command {
        None => return Ok(roff(root)),
        Some(name) => root.find_subcommand(name).cloned().ok_or_else(|| {
            let names: Vec<_> = root
                .get_subcommands()
                .map(|command| format!("`{}`", command.get_name()))
                .collect();
            UsageError {
                what: format!("`{name}` is not a command"),
                hint: format!("the commands are {}", names.join(", ")),
            }
        })?,
    };
    Ok(roff(of) + &codes)
}

fn roff(mut command: Command) -> String {
    let version = concat!("imago ", env!("CARGO_PKG_VERSION"));
    let manual = Man::new(command.clone()).source(version).manual("imago");
    let section = |render: fn(&Man, &mut dyn Write) -> io::Result<()>| {
        let mut page = Vec::new();
        render(&manual, &mut page).expect("a vector takes all");
        text(page)
    };
    let mut page = section(Man::render_title)
        + &section(Man::render_name_section)
        + &synopsis(&command.render_usage().to_string())
        + &section(Man::render_description_section)
        + &section(Man::render_options_section);
    if command.has_subcommands() {
        page += &section(Man::render_subcommands_section);
    }
    let after_help = command.get_after_help().map(StyledStr::to_string);
    page + &after_help.map_or_else(String::new, |text| examples(&text))
}

/// The line of the help. That of `clap_mangen` has each flag, in no order and without its value.
fn synopsis(usage: &str) -> String {
    let usage = usage.strip_prefix("Usage: ").unwrap_or(usage);
    format!(".SH SYNOPSIS\n{}\n", escaped(usage))
}

fn escaped(line: &str) -> String {
    line.replace('\\', r"\e").replace('-', r"\-")
}

/// The examples below the help, line by line as they stand there.
fn examples(after_help: &str) -> String {
    let mut page = String::new();
    for line in after_help.lines() {
        let escaped = escaped(line);
        match escaped.as_str() {
            "Examples:" => page.push_str(".SH EXAMPLES\n.nf\n"),
            line => match (
                line.strip_prefix("Example: "),
                line.strip_prefix("Exit codes: "),
            ) {
                (Some(example), _) => page.push_str(&format!(".SH EXAMPLES\n.nf\n  {example}\n")),
                (_, Some(codes)) => page.push_str(&format!(".fi\n.SH EXIT STATUS\n.nf\n{codes}\n")),
                _ => page.push_str(&format!("{line}\n")),
            },
        }
    }
    page + ".fi\n"
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
            for word in [
                "files",
                "digest",
                "tags",
                "max-changes",
                "registry-map",
                "markdown",
            ] {
                assert!(script.contains(word), "{shell}: {word}");
            }
        }
    }

    #[test]
    fn each_command_has_a_page() {
        let root = page(None).unwrap();
        assert!(root.contains("imago\\-files(1)") && root.contains("imago\\-init(1)"));
        assert!(root.contains("\n.SH EXIT STATUS\n.nf\n0 done, "), "{root}");
        let files = page(Some("files")).unwrap();
        assert!(
            files.contains(".TH imago\\-files 1") || files.contains(".TH imago-files 1"),
            "{files}"
        );
        assert!(files.contains("\\-\\-max\\-changes"), "{files}");
        assert!(
            files.contains("\"imago 0.1.0\"") && !files.contains("EXTRA"),
            "{files}"
        );
        // Examples stand as they are, one a line.
        let example = "\n.SH EXAMPLES\n.nf\n  imago files \\-\\-update \\-\\-lock imago.lock ";
        assert!(
            files.contains(example) && files.ends_with("3 some problems\n.fi\n"),
            "{files}"
        );
        assert_eq!(examples(r"a\b -c"), "a\\eb \\-c\n.fi\n");
        for (command, usage) in [
            (None, "imago [OPTIONS] [COMMAND]"),
            (Some("fleet"), "imago fleet [OPTIONS] <FILE>"),
            (
                Some("resolve"),
                r"imago resolve [OPTIONS] \-\-lock <FILE> <FILE>",
            ),
            (Some("digest"), "imago digest [OPTIONS] <IMAGE>..."),
        ] {
            let page = page(command).unwrap();
            let wanted = format!("\n.SH SYNOPSIS\n{usage}\n");
            assert!(page.contains(&wanted), "{wanted} {page}");
        }
        assert_eq!(
            page(Some("fils")).unwrap_err().what,
            "`fils` is not a command"
        );
    }
}
