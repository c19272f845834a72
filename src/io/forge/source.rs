//! Where a token is from.

use std::fmt;

/// Where a token is from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// `IMAGO_FORGE_TOKEN`
    Forge,
    /// `IMAGO_GIT_TOKEN`
    Git,
    /// `GITHUB_TOKEN` of a runner.
    Runner,
    /// The GitHub App with this id.
    App(String),
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forge => formatter.write_str("IMAGO_FORGE_TOKEN"),
            Self::Git => formatter.write_str("IMAGO_GIT_TOKEN"),
            Self::Runner => formatter.write_str("GITHUB_TOKEN"),
            Self::App(id) => write!(formatter, "the GitHub App {id}"),
        }
    }
}
