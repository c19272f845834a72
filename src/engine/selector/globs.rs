//! Many globs, matched at a cost that their number bounds.

use std::path::Path;

use globset::{Candidate, Glob, GlobSet};

/// How many globs one regular expression has. For a path that leads through many of them at once, it takes memory for each pair of a
/// state and a glob: 2000 globs in one took 3.5 GB.
pub const TOGETHER: usize = 32;

/// Globs that are matched together, a few in each set.
#[derive(Clone, Debug, Default)]
pub struct Globs(Vec<GlobSet>);

impl Globs {
    /// Compiles globs. `Err`: a set of them is too large.
    pub fn new(globs: &[Glob]) -> Result<Self, globset::Error> {
        let sets = globs.chunks(TOGETHER).map(GlobSet::new);
        Ok(Self(sets.collect::<Result<_, _>>()?))
    }

    /// Whether any glob matches.
    pub fn is_match(&self, path: impl AsRef<Path>) -> bool {
        let path = Candidate::new(&path);
        self.0.iter().any(|set| set.is_match_candidate(&path))
    }

    /// The index of each glob that matches, in order.
    pub fn matches(&self, path: impl AsRef<Path>) -> Vec<usize> {
        let path = Candidate::new(&path);
        let found = self.0.iter().enumerate().flat_map(|(set, globs)| {
            let found = globs.matches_candidate(&path).into_iter();
            found.map(move |glob| set * TOGETHER + glob)
        });
        found.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs_of_several_sets_are_found_by_their_index() {
        let of = |at: usize| Glob::new(&format!("{{*-{at},all}}")).unwrap();
        let globs = Globs::new(&Vec::from_iter((0..3 * TOGETHER).map(of))).unwrap();
        for at in [0, TOGETHER - 1, TOGETHER, 3 * TOGETHER - 1] {
            assert_eq!(globs.matches(format!("web-{at}")), [at]);
        }
        assert_eq!(globs.matches("all"), Vec::from_iter(0..3 * TOGETHER));
        assert!(globs.is_match(format!("web-{TOGETHER}")) && !globs.is_match("web"));
    }
}
