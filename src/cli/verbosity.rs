//! How much is said, and whether in colour.

/// How much is said, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Verbosity {
    /// Whether colour is used.
    pub colour: Colour,
    /// How much is said.
    pub detail: Detail,
}

/// Whether colour is used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Colour {
    /// Where the stream is a terminal.
    #[default]
    OnTerminals,
    /// Everywhere.
    Always,
    /// Nowhere.
    Never,
}

/// How much is said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// Problems, and what was asked for by name.
    Quiet,
    /// The report.
    #[default]
    Normal,
    /// The files without an object, and what was passed over and why, too.
    More,
    /// How each digest was found, too.
    Most,
}
