//! Text that must never be printed: passwords, tokens, and headers made of them.
//!
//! `Secret` has no `Display`, and its `Debug` hides the content, so no log, report or panic message can contain a secret by
//! accident. Only `expose` returns the text, where a secret is parsed or a request is built.

use std::fmt;
use std::sync::Mutex;

/// A text that cannot be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a secret.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself, for building a request.
    pub(in crate::io) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret")
    }
}

/// The secrets that a run has used. A host that echoes one must not get it printed.
#[derive(Debug, Default)]
pub(in crate::io) struct Known(Mutex<Vec<Secret>>);

impl Known {
    /// Shorter secrets are not searched for: hiding them would remove ordinary words and protect nobody.
    const SHORTEST: usize = 4;

    /// Records a secret that is about to be sent.
    pub(in crate::io) fn add(&self, secret: &Secret) {
        let mut known = self.0.lock().expect("no holder of this lock panics");
        if secret.0.len() >= Self::SHORTEST && !known.contains(secret) {
            known.push(secret.clone());
        }
    }

    /// Whether a text has a known secret in it, in any letter case.
    pub(in crate::io) fn is_in(&self, text: &str) -> bool {
        let known = self.0.lock().expect("no holder of this lock panics");
        let lower = text.to_ascii_lowercase();
        known
            .iter()
            .any(|secret| lower.contains(&secret.0.to_ascii_lowercase()))
    }

    /// Makes foreign text fit to print. Replaces it if it contains a known secret in any letter case; otherwise removes control
    /// characters and shortens it.
    pub(in crate::io) fn hide(&self, foreign: &str) -> String {
        const LONGEST: usize = 200;
        if self.is_in(foreign) {
            return "(hidden: it repeats a secret)".to_owned();
        }
        let mut text: String = foreign
            .chars()
            .filter(|character| !character.is_control())
            .take(LONGEST)
            .collect();
        if foreign.chars().count() > LONGEST {
            text.push('…');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_cannot_be_printed() {
        assert_eq!(format!("{:?}", Secret::new("hunter2")), "Secret");
    }

    #[test]
    fn an_echoed_secret_is_hidden_in_any_case() {
        let known = Known::default();
        known.add(&Secret::new("Hunter2"));
        assert_eq!(
            known.hide("x.hunter2.example.test"),
            "(hidden: it repeats a secret)"
        );
        assert_eq!(known.hide("cdn.example.test\r\n"), "cdn.example.test");
        assert_eq!(known.hide(&"x".repeat(900)).chars().count(), 201);
    }
}
