//! The hash of a plan, which a rebase keeps, and of the scope of a run.

use std::fmt;

use sha2::{Digest as _, Sha256};

/// What a hash begins with, as digests of images do.
const PREFIX: &str = "sha256:";

/// How many bytes of a scope's hash are kept.
const KEPT: usize = 6;

/// One change of a plan, relative to the base.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Planned {
    /// The file's path from the repository's root.
    pub file: String,
    /// The place in the file: an object and a site, never a line.
    pub place: String,
    /// What stands there afterwards.
    pub after: String,
}

/// The hash of a plan: of what it changes, and of no commit and no time.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PlanHash([u8; 32]);

impl PlanHash {
    /// The hash of these changes. Their order does not count.
    pub fn of(mut changes: Vec<Planned>) -> Self {
        changes.sort();
        let mut hash = Sha256::new();
        for Planned { file, place, after } in &changes {
            [file, place, after]
                .iter()
                .for_each(|text| add(&mut hash, text));
        }
        Self(hash.finalize().into())
    }

    /// Reads what `Display` has written, and nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        read(text.strip_prefix(PREFIX)?.as_bytes()).map(Self)
    }
}

impl fmt::Display for PlanHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(PREFIX)?;
        hex(formatter, &self.0)
    }
}

impl fmt::Debug for PlanHash {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// What a run looks at, as a short hash: its paths and its selection. A run closes requests of its own scope alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Scope([u8; KEPT]);

impl Scope {
    /// The scope of these texts. Their order does not count.
    pub fn of(mut parts: Vec<String>) -> Self {
        parts.sort();
        let mut hash = Sha256::new();
        parts.iter().for_each(|part| add(&mut hash, part));
        let whole = hash.finalize();
        Self(std::array::from_fn(|index| whole[index]))
    }

    /// Reads what `Display` has written, and nothing else.
    pub(super) fn parse(text: &str) -> Option<Self> {
        read(text.as_bytes()).map(Self)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(formatter, &self.0)
    }
}

/// The first three bytes of a text's hash, for a name.
pub(super) fn short(text: &str) -> String {
    let whole = Sha256::digest(text.as_bytes());
    format!("{:02x}{:02x}{:02x}", whole[0], whole[1], whole[2])
}

fn hex(formatter: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes
        .iter()
        .try_for_each(|byte| write!(formatter, "{byte:02x}"))
}

/// Reads bytes as [`hex`] has written them.
fn read<const BYTES: usize>(digits: &[u8]) -> Option<[u8; BYTES]> {
    let mut bytes = [0; BYTES];
    if digits.len() != 2 * BYTES {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

fn digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// With its length, so that no two lists of texts make the same bytes.
fn add(hash: &mut Sha256, text: &str) {
    hash.update((text.len() as u64).to_be_bytes());
    hash.update(text);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn planned(file: &str, place: &str, after: &str) -> Planned {
        Planned {
            file: file.to_owned(),
            place: place.to_owned(),
            after: after.to_owned(),
        }
    }

    #[test]
    fn the_order_does_not_count_and_everything_else_does() {
        let one = planned("a.yaml", "Deployment/web app", "web:1@sha256:1");
        let two = planned("b.yaml", "Deployment/web app", "web:1@sha256:1");
        let hash = PlanHash::of(vec![one.clone(), two.clone()]);
        assert_eq!(PlanHash::of(vec![two, one.clone()]), hash);
        assert_ne!(PlanHash::of(vec![one.clone()]), hash);
        for other in [
            planned("c.yaml", "Deployment/web app", "web:1@sha256:1"),
            planned("b.yaml", "Deployment/api app", "web:1@sha256:1"),
            planned("b.yaml", "Deployment/web app", "web:1@sha256:2"),
            // The same letters, cut elsewhere.
            planned("b.yamlD", "eployment/web app", "web:1@sha256:1"),
        ] {
            assert_ne!(
                PlanHash::of(vec![one.clone(), other.clone()]),
                hash,
                "{other:?}"
            );
        }
    }

    #[test]
    fn what_is_no_hash_is_not_read() {
        let hash = PlanHash::of(Vec::new()).to_string();
        assert!(PlanHash::parse(&hash).is_some());
        for text in [
            "",
            "sha256:",
            &hash[1..],
            &hash[..hash.len() - 1],
            &hash.to_uppercase(),
            &format!("{hash} "),
            &format!("sha256:{}", "é".repeat(32)),
        ] {
            assert_eq!(PlanHash::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_hash_is_read_back(file in ".*", place in ".*", after in ".*") {
            let hash = PlanHash::of(vec![planned(&file, &place, &after)]);
            prop_assert_eq!(PlanHash::parse(&hash.to_string()), Some(hash));
        }
    }
}
