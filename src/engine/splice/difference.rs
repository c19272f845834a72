//! What differs between two readings of a document, place by place, and what shall differ.
//!
//! Both readings are seen as a reader of the object sees them: aliases followed, merge keys applied. No key is known by its name.
//!
//! ```yaml
//! # old                        # new
//! images:                      images:
//! - name: web                  - name: web
//!   newTag: 1.4                  newTag: "1.5"
//!                                digest: sha256:…
//! # images[0].newTag: Plain("1.4") -> Text("1.5"), images[0].digest: Absent -> Text("sha256:…")
//! ```

use std::borrow::Cow;

use crate::engine::path::{Path, Step};

/// What shall differ in a document: each place, with what it holds before and after. They are sorted by place, and small, because a file
/// may have thousands of documents.
#[derive(Clone, Debug, Default)]
pub(super) struct Differences(Vec<(Path, (Content, Content))>);

impl Differences {
    /// Whether nothing shall differ.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn get(&self, place: &Path) -> Option<&(Content, Content)> {
        let at = self.0.binary_search_by(|(known, _)| known.cmp(place));
        at.ok().map(|at| &self.0[at].1)
    }
}

impl From<Vec<(Path, (Content, Content))>> for Differences {
    fn from(mut differences: Vec<(Path, (Content, Content))>) -> Self {
        differences.sort_by(|(left, _), (right, _)| left.cmp(right));
        // Of two at one place the later one counts.
        differences.dedup_by(|later, earlier| {
            let is_same = later.0 == earlier.0;
            if is_same {
                std::mem::swap(later, earlier);
            }
            is_same
        });
        differences.shrink_to_fit();
        Self(differences)
    }
}

/// What a place shall hold. A mapping is told by its entries, which are places of their own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Nothing: no such entry.
    Absent,
    /// A mapping.
    Mapping,
    /// Null, written or not.
    Null,
    /// A string.
    Text(String),
    /// A scalar without quotes that is no string, such as a number.
    Plain(String),
}

/// What a place holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::engine) enum Leaf<'a> {
    Absent,
    Mapping,
    Sequence,
    Null,
    Bool(bool),
    Number(Number),
    Text(&'a str),
    /// A scalar that is no string, as it is written, and whether it has a tag of its own.
    Written(&'a str, bool),
    /// A value under a tag that the reader does not know.
    Tagged(&'a str),
}

/// A number; of a fraction its bits, so that what is no number equals itself. Whole numbers beyond 128 bits come as fractions too: our own
/// reading compares the digits of every scalar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::engine) enum Number {
    Whole(u64),
    Negative(i64),
    Huge(u128),
    HugeNegative(i128),
    Fraction(u64),
}

/// A node and what is below it.
pub(super) enum Shape<'a, N> {
    /// Entries in their order, no key twice. They are not listed first, because a file may be one mapping of millions.
    Mapping(Box<dyn Iterator<Item = (Leaf<'a>, N)> + 'a>),
    /// Items in their order, as entries are.
    Sequence(Box<dyn Iterator<Item = N> + 'a>),
    Tagged(&'a str, N),
    Leaf(Leaf<'a>),
}

/// A node of one reading.
pub(super) trait Reading<'a>: Copy + 'a {
    fn shape(self) -> Shape<'a, Self>;
    /// Whether a scalar of this reading is what a reader makes of these letters without quotes.
    fn is_plain(leaf: Leaf<'a>, letters: &str) -> bool;
}

/// Compares two readings. `Err`: the first place that differs and should not, or should and does not.
pub(super) fn compare<'a, A: Reading<'a>, B: Reading<'a>>(
    old: A,
    new: B,
    wanted: &Differences,
) -> Result<(), Path> {
    let mut walk = Walk {
        wanted,
        found: 0,
        steps: Vec::new(),
        is_old: A::is_plain,
        is_new: B::is_plain,
    };
    walk.compare(old, new)?;
    if walk.found == wanted.0.len() {
        return Ok(());
    }
    // Each place is met once, so one that is wanted has not been met.
    let first = wanted.0.first();
    Err(first.map(|(place, _)| place.clone()).unwrap_or_default())
}

struct Walk<'w, 'a> {
    wanted: &'w Differences,
    found: usize,
    steps: Vec<Below<'a>>,
    is_old: fn(Leaf<'a>, &str) -> bool,
    is_new: fn(Leaf<'a>, &str) -> bool,
}

/// One step down.
#[derive(Clone, Copy)]
enum Below<'a> {
    Key(Leaf<'a>),
    Index(usize),
}

impl<'a> Walk<'_, 'a> {
    fn compare<A: Reading<'a>, B: Reading<'a>>(&mut self, old: A, new: B) -> Result<(), Path> {
        #[cfg(test)]
        crate::engine::yaml::steps::add(1);
        match (old.shape(), new.shape()) {
            (Shape::Leaf(old), Shape::Leaf(new)) if old == new => Ok(()),
            (Shape::Leaf(old), Shape::Leaf(new)) => self.differs(old, new),
            (Shape::Mapping(old), Shape::Mapping(new)) => self.entries(old, new),
            (Shape::Sequence(mut old), Shape::Sequence(mut new)) => {
                let mut index = 0;
                loop {
                    match (old.next(), new.next()) {
                        (None, None) => return Ok(()),
                        (Some(old), Some(new)) => {
                            self.below(Below::Index(index), |walk| walk.compare(old, new))?;
                        }
                        _ => return Err(self.path()),
                    }
                    index += 1;
                }
            }
            (Shape::Tagged(tag, old), Shape::Tagged(other, new)) if tag == other => {
                self.compare(old, new)
            }
            (Shape::Mapping(mut entries), Shape::Leaf(leaf)) => {
                self.differs(Leaf::Mapping, leaf)?;
                entries.try_for_each(|entry| self.went(entry))
            }
            (Shape::Leaf(leaf), Shape::Mapping(mut entries)) => {
                self.differs(leaf, Leaf::Mapping)?;
                entries.try_for_each(|entry| self.came(entry))
            }
            _ => Err(self.path()),
        }
    }

    /// Compares two mappings in step: an edit adds and removes entries, and moves none.
    fn entries<A: Reading<'a>, B: Reading<'a>>(
        &mut self,
        mut old: impl Iterator<Item = (Leaf<'a>, A)>,
        mut new: impl Iterator<Item = (Leaf<'a>, B)>,
    ) -> Result<(), Path> {
        // Only from the first entry on that differs are they listed.
        let (old, new) = loop {
            match (old.next(), new.next()) {
                (None, None) => return Ok(()),
                (Some((key, old)), Some((other, new))) if key == other => {
                    self.below(Below::Key(key), |walk| walk.compare(old, new))?;
                }
                (first, other) => {
                    break (
                        Vec::from_iter(first.into_iter().chain(old)),
                        Vec::from_iter(other.into_iter().chain(new)),
                    );
                }
            }
        };
        let (mut before, mut after) = (0, 0);
        loop {
            match (old.get(before), new.get(after)) {
                (None, None) => return Ok(()),
                (Some((key, old)), Some((other, new))) if key == other => {
                    self.below(Below::Key(*key), |walk| walk.compare(*old, *new))?;
                    before += 1;
                    after += 1;
                }
                (Some((key, _)), Some(entry)) if new[after..].iter().any(|(new, _)| new == key) => {
                    self.came(*entry)?;
                    after += 1;
                }
                (Some(entry), _) => {
                    self.went(*entry)?;
                    before += 1;
                }
                (None, Some(entry)) => {
                    self.came(*entry)?;
                    after += 1;
                }
            }
        }
    }

    fn came<N: Reading<'a>>(&mut self, (key, value): (Leaf<'a>, N)) -> Result<(), Path> {
        self.below(Below::Key(key), |walk| match value.shape() {
            Shape::Leaf(leaf) => walk.differs(Leaf::Absent, leaf),
            Shape::Mapping(mut entries) => {
                walk.differs(Leaf::Absent, Leaf::Mapping)?;
                entries.try_for_each(|entry| walk.came(entry))
            }
            Shape::Sequence(_) | Shape::Tagged(..) => Err(walk.path()),
        })
    }

    fn went<N: Reading<'a>>(&mut self, (key, value): (Leaf<'a>, N)) -> Result<(), Path> {
        self.below(Below::Key(key), |walk| match value.shape() {
            Shape::Leaf(leaf) => walk.differs(leaf, Leaf::Absent),
            Shape::Mapping(mut entries) => {
                walk.differs(Leaf::Mapping, Leaf::Absent)?;
                entries.try_for_each(|entry| walk.went(entry))
            }
            Shape::Sequence(_) | Shape::Tagged(..) => Err(walk.path()),
        })
    }

    fn below(
        &mut self,
        step: Below<'a>,
        act: impl FnOnce(&mut Self) -> Result<(), Path>,
    ) -> Result<(), Path> {
        self.steps.push(step);
        act(self)?;
        self.steps.pop();
        Ok(())
    }

    /// Takes note of a difference, which must be a wanted one.
    fn differs(&mut self, old: Leaf<'a>, new: Leaf<'a>) -> Result<(), Path> {
        let path = self.path();
        match self.wanted.get(&path) {
            Some((from, to)) if from.is(old, self.is_old) && to.is(new, self.is_new) => {
                self.found += 1;
                Ok(())
            }
            _ => Err(path),
        }
    }

    fn path(&self) -> Path {
        let step = |step: &Below<'a>| match *step {
            Below::Index(index) => Step::Index(index),
            Below::Key(key) => Step::Key(key.name().into_owned().into()),
        };
        self.steps.iter().map(step).collect()
    }
}

impl Content {
    fn is<'a>(&self, leaf: Leaf<'a>, is_plain: fn(Leaf<'a>, &str) -> bool) -> bool {
        match self {
            Self::Absent => leaf == Leaf::Absent,
            Self::Mapping => leaf == Leaf::Mapping,
            Self::Null => leaf == Leaf::Null,
            Self::Text(text) => leaf == Leaf::Text(text),
            Self::Plain(letters) => is_plain(leaf, letters),
        }
    }
}

impl<'a> Leaf<'a> {
    /// A key's name in a path. A number has the digits that most people write.
    fn name(self) -> Cow<'a, str> {
        match self {
            Self::Text(text) | Self::Written(text, _) => Cow::Borrowed(text),
            Self::Number(Number::Whole(number)) => number.to_string().into(),
            Self::Number(Number::Negative(number)) => number.to_string().into(),
            Self::Bool(value) => value.to_string().into(),
            other => format!("{other:?}").into(),
        }
    }
}
