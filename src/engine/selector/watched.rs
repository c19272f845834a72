//! A set of globs that knows which of them have matched nothing so far.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use globset::Glob;

use super::globs::Globs;

/// Globs, each with its text as written. Clones record their matches together.
#[derive(Clone, Debug, Default)]
pub struct Watched {
    set: Globs,
    written: Vec<String>,
    seen: Arc<Seen>,
}

/// Which globs have matched.
#[derive(Debug, Default)]
struct Seen {
    matched: Vec<AtomicBool>,
    all: AtomicBool,
}

impl Watched {
    /// Takes globs, each with its text as written.
    pub fn new(globs: impl IntoIterator<Item = (Glob, String)>) -> Result<Self, globset::Error> {
        let (globs, written): (Vec<Glob>, Vec<String>) = globs.into_iter().unzip();
        let matched = written.iter().map(|_| AtomicBool::new(false)).collect();
        Ok(Self {
            set: Globs::new(&globs)?,
            written,
            seen: Arc::new(Seen {
                matched,
                all: AtomicBool::new(false),
            }),
        })
    }

    /// Whether there are no globs.
    pub fn is_empty(&self) -> bool {
        self.written.is_empty()
    }

    /// Whether every glob has matched, so that no match need be recorded any more.
    pub fn is_settled(&self) -> bool {
        self.is_empty() || self.seen.all.load(Ordering::Relaxed)
    }

    /// Whether any glob matches. Records the matches until every glob has matched.
    pub fn is_match(&self, path: impl AsRef<Path>) -> bool {
        let is_match = self.set.is_match(&path);
        if is_match && !self.is_settled() {
            for index in self.set.matches(&path) {
                self.seen.matched[index].store(true, Ordering::Relaxed);
            }
            let all = self
                .seen
                .matched
                .iter()
                .all(|matched| matched.load(Ordering::Relaxed));
            self.seen.all.store(all, Ordering::Relaxed);
        }
        is_match
    }

    /// The globs that have matched nothing, as written.
    pub fn idle(&self) -> impl Iterator<Item = &str> {
        let matched = self.written.iter().zip(&self.seen.matched);
        matched
            .filter(|(_, matched)| !matched.load(Ordering::Relaxed))
            .map(|(written, _)| written.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_glob_is_idle_until_it_matches_in_any_clone() {
        let globs = ["a*", "*b", "c"].map(|glob| (Glob::new(glob).unwrap(), format!("./{glob}")));
        let watched = Watched::new(globs).unwrap();
        let idle = |watched: &Watched| watched.idle().map(str::to_owned).collect::<Vec<_>>();
        assert!(!watched.is_match("x"));
        assert_eq!((idle(&watched).len(), watched.is_settled()), (3, false));
        assert!(watched.clone().is_match("ab"), "both that match are noted");
        assert_eq!(idle(&watched), ["./c"]);
        assert!(watched.is_match("c") && watched.is_settled() && watched.is_match("ab"));
        assert_eq!(idle(&watched), [""; 0]);
        assert!(Watched::default().is_settled() && !Watched::default().is_match("a"));
    }
}
