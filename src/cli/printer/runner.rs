//! What a CI runner would obey in what is printed. Names and context lines come from manifests that strangers may have written.
//!
//! - GitHub reads both streams of a step: `::error::text` at the start of a line behind any white space, and `##[error]text` anywhere in
//!   it; a carriage return ends a line, too.
//! - Azure Pipelines reads `##vso[task.setvariable …]` and `##[error]` anywhere in a line, TeamCity `##teamcity[setParameter …]`.
//!
//! Other runners know no command that does more than fold the log: GitLab's `section_start` needs an escape character, which no form of
//! a report prints and no YAML holds; Buildkite folds at `---` and `+++`, which begin a diff's files anyway.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::engine::steering::steers;

/// Whose runner reads what is printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Runner {
    /// GitHub's, or one that is made like it. It passes over what stands between two commands with this word, which nobody may foresee.
    Github(String),
    /// One of Azure Pipelines or TeamCity. Nothing stops its obedience for good.
    OfHashes,
}

impl Runner {
    /// A diff that the runner does not obey, and in which a person who reads the log sees every character. Where that takes escapes, it no
    /// longer applies, which `git apply` says.
    pub(super) fn guarded<'t>(&self, diff: &'t str) -> Cow<'t, str> {
        let guard = |diff: &'t str| match self {
            Self::Github(word) => fenced(diff, word),
            Self::OfHashes => without_hashes(diff, "#\\u{23}"),
        };
        match seen(diff) {
            Cow::Borrowed(diff) => guard(diff),
            Cow::Owned(diff) => Cow::Owned(self.guarded(&diff).into_owned()),
        }
    }
}

/// The diff with an escape for each character that steers, but tabs and line ends.
fn seen(diff: &str) -> Cow<'_, str> {
    let steering = |(at, character): &(usize, char)| match character {
        '\n' | '\t' => false,
        '\r' => !diff[at + 1..].starts_with('\n'),
        other => steers(*other),
    };
    let mut steering = diff.char_indices().filter(steering).peekable();
    if steering.peek().is_none() {
        return Cow::Borrowed(diff);
    }
    let (mut seen, mut from) = (String::with_capacity(diff.len() + 16), 0);
    for (at, character) in steering {
        seen.push_str(&diff[from..at]);
        seen.extend(character.escape_default());
        from = at + character.len_utf8();
    }
    seen.push_str(&diff[from..]);
    Cow::Owned(seen)
}

/// Whether a runner would take something of the text for a command.
pub(super) fn obeys(text: &str) -> bool {
    hash_commands(text).next().is_some()
        || (text.contains("::") && lines(text).any(begins_a_command))
}

/// Where `##[`, `##vso[` and the like begin.
fn hash_commands(text: &str) -> impl Iterator<Item = usize> + '_ {
    let begins = |at: &usize| {
        text[at + 2..]
            .trim_start_matches(|letter: char| letter.is_ascii_alphabetic())
            .starts_with('[')
    };
    // Of many hashes, the last two begin it.
    memchr::memmem::find_iter(text.as_bytes(), b"##")
        .map(|at| {
            let hashes = text[at..].bytes().take_while(|byte| *byte == b'#').count();
            at + hashes - 2
        })
        .filter(begins)
}

/// The text with this in place of the two hashes that begin a command.
fn without_hashes<'t>(text: &'t str, instead: &str) -> Cow<'t, str> {
    let mut commands = hash_commands(text).peekable();
    if commands.peek().is_none() {
        return Cow::Borrowed(text);
    }
    let (mut without, mut from) = (String::with_capacity(text.len() + 16), 0);
    for at in commands {
        // Of three hashes, two pairs lead to the same command.
        if at >= from {
            without.push_str(&text[from..at]);
            without.push_str(instead);
            from = at + 2;
        }
    }
    without.push_str(&text[from..]);
    Cow::Owned(without)
}

/// The text as a person may read it, with an escape in place of what begins a command.
pub(super) fn defused(text: &str) -> Cow<'_, str> {
    if !obeys(text) {
        return Cow::Borrowed(text);
    }
    let mut defused = String::with_capacity(text.len() + 16);
    for line in lines(text) {
        let line = without_hashes(line, "#\\u{23}");
        match begins_a_command(&line) {
            true => {
                let (blank, command) = line.split_at(line.len() - trimmed(&line).len());
                let _ = write!(defused, "{blank}\\u{{3a}}{}", &command[1..]);
            }
            false => defused.push_str(&line),
        }
    }
    Cow::Owned(defused)
}

/// JSON that says the same to a program, with nothing that the runner obeys: no line of it begins with a colon, and `#` stands in texts alone.
pub(super) fn defused_json(text: &str) -> Cow<'_, str> {
    without_hashes(text, "#\\u0023")
}

/// A diff between the two commands that stop and start the runner's obedience, where it needs them. `git apply` and `patch` pass over lines
/// before the first header and behind the last hunk. The word must be one that the diff's author could not foresee.
fn fenced<'t>(diff: &'t str, word: &str) -> Cow<'t, str> {
    if !obeys(diff) {
        return Cow::Borrowed(diff);
    }
    let end = if diff.ends_with('\n') { "" } else { "\n" };
    Cow::Owned(format!("::stop-commands::{word}\n{diff}{end}::{word}::\n"))
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive(['\n', '\r'])
}

fn begins_a_command(line: &str) -> bool {
    trimmed(line).starts_with("::")
}

/// Without what the runner passes over at the begin of a line, and what other programs take for white space.
fn trimmed(line: &str) -> &str {
    line.trim_start_matches(|character: char| {
        character.is_whitespace() || matches!(character, '\u{feff}' | '\u{200b}')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lines that a runner obeys, or may.
    const COMMANDS: [&str; 13] = [
        "::error::forged\n",
        " ::set-output name=changed::true\n",
        "\t \u{a0}::add-mask::a\n",
        "  ::stop-commands::x has to be updated\n",
        "checking\n::warning::x",
        "a\r::error::x\n",
        "+  image: web:1 ##[add-mask]x\n",
        "##[group]x\n",
        "  image: a ##vso[task.setvariable variable=x]y\n",
        "###VSO[task.complete]\n",
        "a ##teamcity[buildStop comment='x']\n",
        "# ## ####teamcity[x]\n",
        "\u{feff}::debug::x\n",
    ];

    #[test]
    fn what_begins_a_command_is_escaped_and_nothing_else() {
        for text in COMMANDS {
            assert!(obeys(text), "{text:?}");
            let defused = defused(text);
            assert!(!obeys(&defused), "{text:?}: {defused:?}");
            assert_eq!(
                defused.replace("\\u{3a}", ":").replace("\\u{23}", "#"),
                text
            );
        }
        assert_eq!(
            defused(" ::error::x ##[y]\n::z\n"),
            " \\u{3a}:error::x #\\u{23}[y]\n\\u{3a}:z\n"
        );
        for text in [
            "",
            "a ::error::x\n",
            "name::1\n",
            ": :x\n",
            "## [x]\n",
            "+::error::x\n",
            "#[x]\n",
            "##vso [x]\n",
            "## [x]\n",
        ] {
            assert!(!obeys(text), "{text:?}");
            assert!(matches!(defused(text), Cow::Borrowed(_)));
        }
    }

    #[test]
    fn json_says_the_same_and_is_not_obeyed() {
        let value = serde_json::json!({"name": "##[add-mask]x", "other": "::error::x", "many": "###[#[", "vso": "##vso[x] ###teamcity[y]"});
        let text = serde_json::to_string_pretty(&value).unwrap();
        let defused = defused_json(&text);
        assert!(obeys(&text) && !obeys(&defused), "{defused}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&defused).unwrap(),
            value
        );
    }

    #[test]
    fn a_diff_has_escapes_where_nothing_stops_the_runner_and_only_there() {
        let plain = "--- a/x\n ::error::x\n+## [x]\n";
        assert_eq!(Runner::OfHashes.guarded(plain), plain);
        assert_eq!(
            Runner::OfHashes.guarded(" ###vso[x]\n"),
            " ##\\u{23}vso[x]\n"
        );
    }

    #[test]
    fn a_diff_hides_nothing_from_who_reads_the_log() {
        let diff = " a: b\t# c\r\n-d\re\n+\u{202e}f\u{2066}\n \u{200f}::error::x\n";
        let shown = " a: b\t# c\r\n-d\\re\n+\\u{202e}f\\u{2066}\n \\u{200f}::error::x\n";
        assert_eq!(Runner::OfHashes.guarded(diff), shown);
        assert_eq!(Runner::Github("w".to_owned()).guarded(diff), shown);
    }

    #[test]
    fn a_diff_is_fenced_only_where_it_has_a_command() {
        let plain = "--- a/x\n+++ b/x\n@@ -1 +1 @@\n-::a\n+::b\n";
        assert_eq!(fenced(plain, "w"), plain);
        let diff = "--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n ::error::x\n-a\n+b\n\\ No newline at end of file\n";
        assert_eq!(
            fenced(diff, "w"),
            format!("::stop-commands::w\n{diff}::w::\n")
        );
        assert_eq!(fenced(" ::x", "w"), "::stop-commands::w\n ::x\n::w::\n");
    }
}
