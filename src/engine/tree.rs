//! Reading an object, whatever it came from: a YAML or JSON file (`yaml`), or the API server.
//!
//! Finding workloads, policy and planning see objects through this trait alone, so that they exist once.

use serde_json::Value;

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
    /// Whether a comment on its line asks to leave it alone: `# imago: ignore`.
    fn ignored(self) -> bool {
        false
    }
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
        self.as_array().map(|items| items.iter().collect()).unwrap_or_default()
    }

    fn entries(self) -> Vec<(&'a str, Self)> {
        self.as_object().map(|map| map.iter().map(|(key, value)| (key.as_str(), value)).collect()).unwrap_or_default()
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
