//! A report as text for people and as data for programs: one file for each form. Nothing here prints.

pub mod basis;
mod cause;
pub mod csv;
pub mod docs;
mod finding;
pub mod fleet;
pub mod github;
pub mod json;
pub mod markdown;
pub(super) mod masked;
pub mod problem;
pub mod request;
pub mod sarif;
pub mod text;

#[cfg(test)]
pub(super) mod samples;

use std::fmt::{self, Write};

use anstyle::{AnsiColor, Style};

use crate::app::report::{ObjectReport, Reach};

pub use crate::app::short::counted;
pub use crate::engine::steering::steers;

/// The styles of text for people; the plain ones add no byte.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Styles {
    /// What a line is about.
    pub strong: Style,
    /// Something to be done, or done.
    pub change: Style,
    /// Nothing to do.
    pub good: Style,
    /// Something went wrong.
    pub bad: Style,
    /// One thing to do about it.
    pub hint: Style,
    /// What matters less.
    pub faint: Style,
}

impl Styles {
    /// No colour at all.
    pub fn plain() -> Self {
        Self::default()
    }

    /// Colours that are readable on light and dark terminals.
    pub fn coloured() -> Self {
        let colour = |colour: AnsiColor| colour.on_default();
        Self {
            strong: Style::new().bold(),
            change: colour(AnsiColor::Yellow),
            good: colour(AnsiColor::Green),
            bad: colour(AnsiColor::Red).bold(),
            hint: colour(AnsiColor::Cyan),
            faint: Style::new().dimmed(),
        }
    }
}

/// Text from a file, a name or a registry, shown so that it cannot steer a terminal or pretend to be another line: control characters,
/// line ends and the marks that turn the direction of writing come out as escapes. A runner of GitHub's obeys a line of a log that begins
/// with `::`, or has `##[` in it: those come out as escapes too.
pub struct Printable<'a>(pub &'a str);

impl fmt::Display for Printable<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let starts_command = self.0.trim_start().starts_with("::");
        if !starts_command
            && self
                .0
                .bytes()
                .all(|byte| matches!(byte, b' '..=b'"' | b'$'..=b'~'))
        {
            return formatter.write_str(self.0);
        }
        let is_command = starts_command || self.0.contains("##[");
        for character in self.0.chars() {
            if steers(character) || is_command && matches!(character, ':' | '#') {
                write!(formatter, "{}", escape(character))?;
            } else {
                formatter.write_char(character)?;
            }
        }
        Ok(())
    }
}

fn escape(character: char) -> String {
    if character.is_ascii_punctuation() {
        character.escape_unicode().to_string()
    } else {
        character.escape_default().to_string()
    }
}

/// What stands beside the new image of an object that an action has left as it was. The problem says why.
pub(super) fn left_undone(reach: Reach, object: &ObjectReport) -> &'static str {
    match reach {
        Reach::Done if !object.changed => " (not changed)",
        Reach::Rehearsed if !object.changed => " (would not be changed)",
        Reach::Done | Reach::Rehearsed | Reach::Looked => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_a_command_to_a_runner() {
        assert_eq!(
            Printable(" ::error::x").to_string(),
            " \\u{3a}\\u{3a}error\\u{3a}\\u{3a}x"
        );
        assert_eq!(
            Printable("a ##[error]x").to_string(),
            "a \\u{23}\\u{23}[error]x"
        );
        assert_eq!(Printable("a::b #c").to_string(), "a::b #c");
    }

    #[test]
    fn nothing_that_steers_a_terminal_comes_through() {
        let hostile = "a\u{1b}[2Jb\u{9b}31m\rc\nd\u{7f}\u{202e}e\u{2028}\u{7}\tö";
        assert_eq!(
            Printable(hostile).to_string(),
            "a\\u{1b}[2Jb\\u{9b}31m\\rc\\nd\\u{7f}\\u{202e}e\\u{2028}\\u{7}\\tö"
        );
    }
}
