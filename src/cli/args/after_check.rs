//! What to type when a check has found something: the same line with `--update`.

use std::ffi::{OsStr, OsString};

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, CommandFactory};

use super::{Typed, spelling};

/// What belongs to the check, or only decides how its report looks.
const OF_CHECK: [&str; 8] = [
    "check",
    "strict",
    "pinned",
    "fail_on_empty",
    "diff",
    "dry_run",
    "output",
    "report",
];

/// A longer line helps nobody: a hook names every file of a commit.
const LONGEST: usize = 200;

/// The line that does what a check with this line asks for. `None`: standard input is checked, which nobody can write.
pub fn after_check(arguments: &[OsString]) -> Option<String> {
    let root = Typed::command();
    let line = spelling::read(arguments.to_vec(), &root);
    let matches = root.clone().try_get_matches_from(&line.arguments).ok()?;
    let (name, given) = matches.subcommand()?;
    let flags = root.find_subcommand(name)?.get_arguments();
    let is_kept = |flag: &&Arg| {
        let id = flag.get_id().as_str();
        given.value_source(id) == Some(ValueSource::CommandLine) && !OF_CHECK.contains(&id)
    };
    let (paths, flags): (Vec<&Arg>, Vec<&Arg>) =
        flags.filter(is_kept).partition(|flag| flag.is_positional());
    let mut words = vec![format!("imago {name} --update")];
    words.extend(flags.into_iter().flat_map(|flag| written(flag, given)));
    let paths = paths.into_iter().flat_map(|path| values(path, given));
    let paths: Vec<&OsStr> = paths.collect();
    if paths.contains(&OsStr::new("-")) {
        return None;
    }
    if paths
        .iter()
        .any(|path| path.as_encoded_bytes().starts_with(b"-"))
    {
        words.push("--".to_owned());
    }
    words.extend(paths.into_iter().map(word));
    let line = words.join(" ");
    Some(match line.len() > LONGEST {
        true => "the same with `--update` in place of `--check`".to_owned(),
        false => format!("`{line}`"),
    })
}

/// A flag as it is typed, once for each value.
fn written(flag: &Arg, given: &ArgMatches) -> Vec<String> {
    let name = format!("--{}", flag.get_long().unwrap_or_default());
    match flag.get_action().takes_values() {
        true => values(flag, given)
            .map(|value| format!("{name}={}", word(value)))
            .collect(),
        false => vec![name],
    }
}

fn values<'m>(flag: &Arg, given: &'m ArgMatches) -> impl Iterator<Item = &'m OsStr> {
    let values = given.get_raw(flag.get_id().as_str());
    values.into_iter().flatten()
}

/// A word as a shell takes it.
fn word(text: &OsStr) -> String {
    let text = text.to_string_lossy();
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_@%+=:,./-".contains(&byte);
    match !text.is_empty() && text.bytes().all(is_plain) {
        true => text.into_owned(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_keeps_what_is_checked_and_leaves_out_how() {
        for (typed, wanted) in [
            ("imago files --check", Some("`imago files --update`")),
            (
                "imago files --check --pinned -qv --strict -ogithub --report json=a deploy apps/web.yaml",
                Some("`imago files --update deploy apps/web.yaml`"),
            ),
            (
                "imago files -nshop --track tag --check --exclude=**/old/* --offline deploy",
                Some(
                    "`imago files --update --exclude='**/old/*' --track=tag --namespace=shop --offline deploy`",
                ),
            ),
            (
                "imago --check -A",
                Some("`imago cluster --update --all-namespaces`"),
            ),
            (
                "imago files --check -- -x.yaml",
                Some("`imago files --update -- -x.yaml`"),
            ),
            ("imago files --check -", None),
        ] {
            let arguments: Vec<OsString> = typed.split(' ').map(OsString::from).collect();
            assert_eq!(after_check(&arguments).as_deref(), wanted, "{typed}");
        }
        let many = ["imago", "files", "--check"].into_iter();
        let many = many.chain(["deploy/web.yaml"; 40]).map(OsString::from);
        let said = after_check(&Vec::from_iter(many)).unwrap();
        assert_eq!(said, "the same with `--update` in place of `--check`");
        assert_eq!(word(OsStr::new("it's")), r"'it'\''s'");
    }
}
