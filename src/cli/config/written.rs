//! A value of the settings with its place, and what is said where it is wrong.

use serde::{Deserialize, Deserializer};
use serde_saphyr::{Location, Spanned};

use crate::cli::refused::UsageError;

/// A value, and where it is written.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(transparent)]
pub(super) struct Written<T>(pub(super) Spanned<T>);

/// A value that may be absent. A key without a value is a mistake: `max-changes:` would silently set no limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting<T>(pub(super) Option<Written<T>>);

impl<T> Written<T> {
    pub(super) fn value(&self) -> &T {
        &self.0.value
    }

    /// Where it is written.
    pub(super) fn place(&self) -> Location {
        self.0.referenced
    }
}

impl<T: Clone> Setting<T> {
    /// What is written, if anything is.
    pub(super) fn value(&self) -> Option<T> {
        self.0.as_ref().map(|written| written.0.value.clone())
    }

    /// Where it is written, if it is.
    pub(super) fn place(&self) -> Option<Location> {
        self.0.as_ref().map(Written::place)
    }
}

impl<T> Default for Setting<T> {
    fn default() -> Self {
        Self(None)
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Setting<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Written::deserialize(deserializer).map(|written| Self(Some(written)))
    }
}

/// What is wrong at a place of the file. Some places are not known.
pub(super) type Wrong = (UsageError, Option<Location>);
