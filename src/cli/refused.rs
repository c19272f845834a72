//! Why there is nothing to run: a mistake on the command line or in the settings, and what to do about it.

use clap::builder::StyledStr;

use crate::app::report::Problem;

/// Why there is nothing to run.
#[derive(Debug)]
pub enum Refused {
    /// Help or the version was asked for: a result.
    Asked(StyledStr),
    /// What was typed is wrong.
    Usage(UsageError),
    /// What the repository's settings say is wrong.
    Setting(Box<Mistake>),
    /// The list of a fleet is wrong.
    List(Box<Mistake>),
    /// The repository that is named by its address cannot be worked in.
    Failed(Box<Problem>),
}

/// A mistake on the command line, and what to type in its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct UsageError {
    /// What is wrong, in lower case and without a full stop.
    pub what: String,
    /// One thing to do.
    pub hint: String,
}

/// A mistake on the command line, said.
pub(super) fn usage(what: impl Into<String>, hint: impl Into<String>) -> UsageError {
    UsageError {
        what: what.into(),
        hint: hint.into(),
    }
}

/// Why a file of settings is not used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// What is wrong, in lower case and without a full stop.
    pub what: String,
    /// The file, as shown to the user.
    pub file: String,
    /// Where in it, where that is known.
    pub spot: Option<Spot>,
    /// One thing to do.
    pub hint: String,
}

/// A place in a file, with what stands there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spot {
    /// The line, from 1.
    pub line: u32,
    /// The column, in characters from 1.
    pub column: usize,
    /// How many characters are meant, at least 1.
    pub width: usize,
    /// The whole line.
    pub text: String,
}
