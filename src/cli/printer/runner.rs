//! What a GitHub runner would obey in what is printed.
//!
//! A step's log is read for commands, on both streams: `::error::text` at the begin of a line behind any white space, and `##[error]text`
//! anywhere in it; a carriage return ends a line, too. Names and context lines come from manifests that strangers may have written.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Whether the runner would take something of the text for a command.
pub(super) fn obeys(text: &str) -> bool {
    text.contains("##[") || (text.contains("::") && lines(text).any(begins_a_command))
}

/// The text as a person may read it, with an escape in place of what begins a command.
pub(super) fn defused(text: &str) -> Cow<'_, str> {
    if !obeys(text) {
        return Cow::Borrowed(text);
    }
    let mut defused = String::with_capacity(text.len() + 16);
    for line in lines(text) {
        let line = line.replace("##[", "#\\u{23}[");
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
    match text.contains("##[") {
        true => Cow::Owned(text.replace("##[", "#\\u0023[")),
        false => Cow::Borrowed(text),
    }
}

/// A diff between the two commands that stop and start the runner's obedience, where it needs them. `git apply` and `patch` pass over lines
/// before the first header and behind the last hunk. The word must be one that the diff's author could not foresee.
pub(super) fn fenced<'t>(diff: &'t str, word: &str) -> Cow<'t, str> {
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
    const COMMANDS: [&str; 9] = [
        "::error::forged\n",
        " ::set-output name=changed::true\n",
        "\t \u{a0}::add-mask::a\n",
        "  ::stop-commands::x has to be updated\n",
        "checking\n::warning::x",
        "a\r::error::x\n",
        "+  image: web:1 ##[add-mask]x\n",
        "##[group]x\n",
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
        ] {
            assert!(!obeys(text), "{text:?}");
            assert!(matches!(defused(text), Cow::Borrowed(_)));
        }
    }

    #[test]
    fn json_says_the_same_and_is_not_obeyed() {
        let value =
            serde_json::json!({"name": "##[add-mask]x", "other": "::error::x", "many": "###[#["});
        let text = serde_json::to_string_pretty(&value).unwrap();
        let defused = defused_json(&text);
        assert!(obeys(&text) && !obeys(&defused), "{defused}");
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&defused).unwrap(),
            value
        );
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
