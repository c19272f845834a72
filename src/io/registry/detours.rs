//! What a repository's settings decide of who answers, and whether it came to that.
//!
//! Whoever opens a pull request can write those settings, so a report names each entry that sent a question elsewhere. Entries that
//! were not used are left out: a thousand of them must not hide the one that was.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use super::map::{Map, Target};

/// An entry of the settings that decides who answers, or how.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detour {
    /// Another registry is asked.
    Map(Map),
    /// A host is asked over plain http.
    Plain(String),
}

/// The entries, each with its sentence for a person. Clones share which of them were used.
#[derive(Clone, Debug, Default)]
pub struct Detours(Arc<Mutex<BTreeMap<Detour, Said>>>);

#[derive(Debug)]
struct Said {
    sentence: String,
    used: bool,
}

impl Detours {
    /// None of them is used yet.
    pub fn new(entries: impl IntoIterator<Item = (Detour, String)>) -> Self {
        let said = |(detour, sentence)| {
            (
                detour,
                Said {
                    sentence,
                    used: false,
                },
            )
        };
        Self(Arc::new(Mutex::new(
            entries.into_iter().map(said).collect(),
        )))
    }

    /// The sentences of those that were used, in the order of the entries.
    pub fn used(&self) -> Vec<String> {
        let entries = self.0.lock().expect("no holder of this lock panics");
        let used = entries.values().filter(|said| said.used);
        used.map(|said| said.sentence.clone()).collect()
    }

    /// The sentence of an entry, if it is one of these.
    pub(super) fn sentence_of(&self, detour: &Detour) -> Option<String> {
        let entries = self.0.lock().expect("no holder of this lock panics");
        entries.get(detour).map(|said| said.sentence.clone())
    }

    pub(super) fn mapped(&self, by: Option<&Map>) {
        if let Some(map) = by {
            self.note(&Detour::Map(map.clone()));
        }
    }

    pub(super) fn plain(&self, target: &Target) {
        self.note(&Detour::Plain(target.registry.to_ascii_lowercase()));
    }

    fn note(&self, detour: &Detour) {
        let mut entries = self.0.lock().expect("no holder of this lock panics");
        if let Some(said) = entries.get_mut(detour) {
            said.used = true;
        }
    }
}
