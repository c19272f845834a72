//! Reading an object, whatever it came from: a YAML or JSON file (`yaml`), or the API server.
//!
//! Finding workloads, policy and planning see objects through this trait alone, so that they exist once.

use std::collections::HashSet;
use std::hash::Hash;

use serde_json::Value;

use super::marks::Mark;

/// A node of an object: cheap to copy, alive as long as the object.
pub trait Tree<'a>: Copy {
    /// The value of a mapping's key, as a reader of the object sees it (aliases followed, merge keys applied).
    fn get(self, key: &str) -> Option<Self>;
    /// The items of a sequence; none for anything else.
    fn items(self) -> Vec<Self>;
    /// The entries of a mapping, as a reader of the object sees them; none for anything else.
    fn entries(self) -> Vec<(&'a str, Self)>;
    /// What the node is when a string is expected.
    fn scalar(self) -> Scalar<'a>;
    /// The line it stands on in its file, from 1.
    fn line(self) -> Option<u32> {
        None
    }
    /// Whether a line of the text in it can change and all else stays as it is written: it is no folded text.
    fn is_verbatim(self) -> bool {
        true
    }
    /// Whether it is a block scalar, whose lines are those of its text.
    fn is_block(self) -> bool {
        false
    }
    /// What the comments on its line say, and on that of its key, each with its line.
    fn marks(self) -> Vec<(u32, Mark)> {
        Vec::new()
    }
    /// The same of the line of a mapping's key alone.
    fn key_marks(self) -> Vec<(u32, Mark)> {
        Vec::new()
    }
    /// Whether a mapping has a key itself, and not by a merge key.
    fn has_own(self, key: &str) -> bool {
        self.get(key).is_some()
    }
    /// What tells the node with an anchor from others, and this place from others, if it has an anchor or is such a place.
    fn anchor(self) -> Option<(usize, usize)> {
        None
    }
    /// Whether it is such a place, which can be written out.
    fn is_alias(self) -> bool {
        false
    }
    /// Whether it is of what a patch puts in: more may stand beside it, such as the name of a container.
    fn is_of_patch(self) -> bool {
        false
    }
    /// In how many places it is written, as itself and by its anchor. It takes as long as the file has nodes.
    fn places(self) -> usize {
        1
    }
}

/// The entries of a mapping, and behind them what merge keys bring in from other mappings and it does not have itself. The first of equal
/// keys counts. `read` says which entries a mapping has itself, and which mappings its merge key names, the strongest first.
///
/// Each mapping of a chain of merge keys is read once, so that what the last one brings in is not listed anew at each one above it.
pub(super) fn with_merged<N: Copy + Eq + Hash, T>(
    mapping: T,
    read: impl Fn(T) -> (Vec<(N, T)>, Vec<T>),
) -> Vec<(N, T)> {
    let (mut entries, mut weaker) = read(mapping);
    if weaker.is_empty() {
        return entries;
    }
    let mut names: HashSet<N> = entries.iter().map(|(name, _)| *name).collect();
    weaker.reverse();
    while let Some(mapping) = weaker.pop() {
        let (own, below) = read(mapping);
        weaker.extend(below.into_iter().rev());
        entries.extend(own.into_iter().filter(|(name, _)| {
            #[cfg(test)]
            super::yaml::steps::add(1);
            names.insert(*name)
        }));
    }
    entries
}

/// A node where a string is expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scalar<'a> {
    /// Nothing: null, or an empty node.
    Null,
    /// A string.
    Text(&'a str),
    /// A boolean, as the readers of manifests know it.
    Bool(bool),
    /// Something that the API server refuses in a string's place: what it is, with its article.
    Other(&'static str),
}

impl<'a> Scalar<'a> {
    /// The string, where it is one.
    pub fn text(self) -> Option<&'a str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::Other(_) => None,
        }
    }
}

impl<'a> Tree<'a> for &'a Value {
    fn get(self, key: &str) -> Option<Self> {
        Value::get(self, key)
    }

    fn items(self) -> Vec<Self> {
        self.as_array()
            .map(|items| items.iter().collect())
            .unwrap_or_default()
    }

    fn entries(self) -> Vec<(&'a str, Self)> {
        self.as_object()
            .map(|map| {
                map.iter()
                    .map(|(key, value)| (key.as_str(), value))
                    .collect()
            })
            .unwrap_or_default()
    }

    fn scalar(self) -> Scalar<'a> {
        match self {
            Value::Null => Scalar::Null,
            Value::String(text) => Scalar::Text(text),
            Value::Bool(value) => Scalar::Bool(*value),
            Value::Number(_) => Scalar::Other("a number"),
            Value::Array(_) => Scalar::Other("a sequence"),
            Value::Object(_) => Scalar::Other("a mapping"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::hash::Hasher;

    use super::*;

    thread_local! {
        static COMPARISONS: Cell<usize> = const { Cell::new(0) };
    }

    /// A name that counts how often it is compared.
    #[derive(Clone, Copy)]
    struct Name(usize);

    impl PartialEq for Name {
        fn eq(&self, other: &Self) -> bool {
            COMPARISONS.set(COMPARISONS.get() + 1);
            self.0 == other.0
        }
    }

    impl Eq for Name {}

    impl Hash for Name {
        fn hash<H: Hasher>(&self, state: &mut H) {
            self.0.hash(state);
        }
    }

    #[test]
    fn merging_compares_no_name_with_all_others() {
        let count = 4000;
        let entries = with_merged("own", |mapping| match mapping {
            "own" => {
                let own = (0..count).map(|name| (Name(2 * name), mapping));
                (own.collect(), vec!["merged"])
            }
            _ => {
                let merged = (0..2 * count).map(|name| (Name(name), mapping));
                (merged.collect(), Vec::new())
            }
        });
        assert_eq!(entries.len(), 2 * count);
        assert_eq!(
            entries.iter().filter(|(_, from)| *from == "own").count(),
            count
        );
        assert!(
            COMPARISONS.get() < 20 * count,
            "{} comparisons",
            COMPARISONS.get()
        );
    }
}
