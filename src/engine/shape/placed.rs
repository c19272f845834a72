//! What an operation of a JSON Patch puts in, read as the object that it is for.
//!
//! ```yaml
//! {op: add, path: /spec/steps/-, value: {image: web:1}}      # spec: {steps: [{image: web:1}]}
//! ```

use crate::engine::marks::Mark;
use crate::engine::tree::{Scalar, Tree};

/// What an operation puts in, as the object that it is for, of which nothing else is known: the keys and items of its path, and below them
/// its value.
#[derive(Clone, Copy)]
pub(super) struct Placed<'a, T> {
    /// What is left of the path. It is empty at the value, and in it.
    pub(super) path: &'a str,
    pub(super) value: T,
}

impl<'a, T: Tree<'a>> Placed<'a, T> {
    /// The next key or number of the path, and what is there. `None`: the path ends here.
    fn next(self) -> Option<(&'a str, Self)> {
        let path = self.path.strip_prefix('/')?;
        let (next, path) = path.split_at(path.find('/').unwrap_or(path.len()));
        Some((next, Self { path, ..self }))
    }

    fn in_value(self) -> Option<T> {
        self.path.is_empty().then_some(self.value)
    }
}

/// Whether a step of a path is one to an item: `0`, or `-` behind the last one.
pub(super) fn is_item(step: &str) -> bool {
    let is_sign = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'-' | b'+');
    !step.is_empty() && step.bytes().all(is_sign)
}

impl<'a, T: Tree<'a>> Tree<'a> for Placed<'a, T> {
    fn get(self, key: &str) -> Option<Self> {
        match self.next() {
            Some((next, below)) => (next == key && !is_item(next)).then_some(below),
            None => self.value.get(key).map(|value| Self { value, ..self }),
        }
    }

    fn items(self) -> Vec<Self> {
        let Some((next, below)) = self.next() else {
            let items = self.value.items().into_iter();
            return items.map(|value| Self { value, ..self }).collect();
        };
        Vec::from_iter(is_item(next).then_some(below))
    }

    fn entries(self) -> Vec<(&'a str, Self)> {
        let Some((next, below)) = self.next() else {
            let entries = self.value.entries().into_iter();
            let placed = |(key, value)| (key, Self { value, ..self });
            return entries.map(placed).collect();
        };
        Vec::from_iter((!is_item(next)).then_some((next, below)))
    }

    fn scalar(self) -> Scalar<'a> {
        match self.path {
            "" => self.value.scalar(),
            _ => Scalar::Other("a mapping"),
        }
    }

    fn line(self) -> Option<u32> {
        self.value.line()
    }

    fn is_verbatim(self) -> bool {
        self.value.is_verbatim()
    }

    fn is_block(self) -> bool {
        self.value.is_block()
    }

    fn marks(self) -> Vec<(u32, Mark)> {
        self.in_value().map(T::marks).unwrap_or_default()
    }

    fn key_marks(self) -> Vec<(u32, Mark)> {
        self.in_value().map(T::key_marks).unwrap_or_default()
    }

    fn has_own(self, key: &str) -> bool {
        match self.in_value() {
            Some(value) => value.has_own(key),
            None => self.get(key).is_some(),
        }
    }

    fn anchor(self) -> Option<(usize, usize)> {
        self.in_value()?.anchor()
    }

    fn is_alias(self) -> bool {
        self.in_value().is_some_and(T::is_alias)
    }

    fn is_of_patch(self) -> bool {
        true
    }

    fn places(self) -> usize {
        self.value.places()
    }
}
