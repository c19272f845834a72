//! Where a value stands in an object: one address for both modes, a span in a file and a JSON pointer in a cluster.

use std::borrow::Cow;
use std::fmt;

/// One step down from a mapping or a sequence.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Into the value of a key.
    Key(Cow<'static, str>),
    /// Into an item, counted from 0.
    Index(usize),
    /// Into a document of the YAML text in a scalar, counted from 0: `patch: |`.
    Inside(usize),
}

impl From<&'static str> for Step {
    fn from(key: &'static str) -> Self {
        Self::Key(Cow::Borrowed(key))
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Self::Index(index)
    }
}

/// The steps from the root of a document to a value.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(Vec<Step>);

impl Path {
    /// The document itself.
    pub fn root() -> Self {
        Self::default()
    }

    /// This path and one step more.
    pub fn join(&self, step: impl Into<Step>) -> Self {
        let mut steps = Vec::with_capacity(self.0.len() + 1);
        steps.extend_from_slice(&self.0);
        steps.push(step.into());
        Self(steps)
    }

    /// This path and a row of keys more.
    pub fn keys(&self, keys: &[&'static str]) -> Self {
        let mut steps = Vec::with_capacity(self.0.len() + keys.len());
        steps.extend_from_slice(&self.0);
        steps.extend(keys.iter().map(|key| Step::from(*key)));
        Self(steps)
    }

    /// This path and a row of steps more.
    pub fn below(&self, steps: &[Step]) -> Self {
        Self([&self.0, steps].concat())
    }

    /// The steps, from the root down.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// The same address as a JSON pointer (RFC 6901).
    pub fn pointer(&self) -> String {
        pointer(&self.0)
    }
}

impl FromIterator<Step> for Path {
    fn from_iter<I: IntoIterator<Item = Step>>(steps: I) -> Self {
        Self(steps.into_iter().collect())
    }
}

impl fmt::Display for Path {
    /// The dotted form of `kubectl explain` and JSONPath: `spec.template.spec.containers[0].image`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_dotted(&self.0, formatter)
    }
}

/// Steps as a JSON pointer (RFC 6901).
pub fn pointer(steps: &[Step]) -> String {
    let mut pointer = String::new();
    for step in steps {
        pointer.push('/');
        match step {
            Step::Key(key) => pointer.push_str(&key.replace('~', "~0").replace('/', "~1")),
            Step::Index(index) | Step::Inside(index) => pointer.push_str(&index.to_string()),
        }
    }
    pointer
}

/// Steps in the dotted form of a path.
pub fn dotted(steps: &[Step]) -> String {
    let mut text = String::with_capacity(DOTTED);
    write_dotted(steps, &mut text).expect("a String takes every text");
    text
}

/// About how long the dotted form of a container's path is.
const DOTTED: usize = 48;

fn write_dotted(steps: &[Step], to: &mut impl fmt::Write) -> fmt::Result {
    let is_sign = |byte: u8| matches!(byte, b'.' | b'[' | b']' | b'"');
    let mut is_first = true;
    for step in steps {
        match step {
            Step::Index(index) => write!(to, "[{index}]")?,
            Step::Inside(0) => to.write_str(" | ")?,
            Step::Inside(document) => write!(to, " | ({document}) ")?,
            Step::Key(key) if key.bytes().any(is_sign) || key.is_empty() => {
                write!(to, "[{key:?}]")?
            }
            Step::Key(key) => {
                if !is_first {
                    to.write_char('.')?;
                }
                to.write_str(key)?;
            }
        }
        is_first = matches!(step, Step::Inside(_));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_has_a_dotted_form_and_a_pointer() {
        let path = Path::root()
            .join("items")
            .join(2)
            .keys(&["metadata", "annotations"])
            .join("shop.example.test/a~b");
        assert_eq!(
            path.to_string(),
            "items[2].metadata.annotations[\"shop.example.test/a~b\"]"
        );
        assert_eq!(
            path.pointer(),
            "/items/2/metadata/annotations/shop.example.test~1a~0b"
        );
        assert_eq!(Path::root().pointer(), "");
        let inside = |document| {
            let patch = Path::root().join("patches").join(0).join("patch");
            patch.join(Step::Inside(document)).keys(&["spec", "image"])
        };
        assert_eq!(inside(0).to_string(), "patches[0].patch | spec.image");
        assert_eq!(inside(1).to_string(), "patches[0].patch | (1) spec.image");
    }
}
