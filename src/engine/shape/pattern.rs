//! Paths to images, as kustomize's field specifications have them.
//!
//! ```text
//! spec/image                                             a key of a key
//! spec/components[]/image                                a key of every item
//! spec/*/image                                           a key of every entry
//! spec/env[name=RELATED_*]/value                         a key of each item whose `name` fits the glob
//! spec/images/example.com\/web                           `\/` is a slash within a key
//! ```

use std::fmt;
use std::str::FromStr;

use super::families::NEVER_BELOW;
use crate::engine::glob;
use crate::engine::path::Step;
use crate::engine::tree::Tree;

/// A path to images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Key(String),
    EveryKey,
    Items(Option<Only>),
}

/// The items of a sequence whose `key` fits a glob.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Only {
    key: String,
    glob: String,
}

/// Why a text is no path to images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPattern {
    /// A key is empty.
    #[error("a key is empty")]
    EmptyKey,
    /// What stands in brackets.
    #[error("brackets hold nothing, or `key=glob`")]
    Brackets,
    /// It leads below a key where no image of an object stands.
    #[error("nothing is edited below `{0}`")]
    Never(&'static str),
}

impl Pattern {
    /// The nodes that it leads to, each with the steps to it, and what stands around it. Below [`NEVER_BELOW`] there are none.
    pub(super) fn find<'a, T: Tree<'a>>(&self, object: T, mut found: impl FnMut(&[Step], T, T)) {
        walk(&self.0, object, object, &mut Vec::new(), &mut found);
    }

    /// Whether steps lead where it does, as far as keys and items tell.
    pub fn leads_to(&self, steps: &[Step]) -> bool {
        self.0.len() == steps.len()
            && self
                .0
                .iter()
                .zip(steps)
                .all(|(part, step)| match (part, step) {
                    (Part::Key(own), Step::Key(key)) => own == key,
                    (Part::EveryKey, Step::Key(_)) | (Part::Items(_), Step::Index(_)) => true,
                    (Part::Key(_) | Part::EveryKey, Step::Index(_))
                    | (Part::Items(_), Step::Key(_))
                    | (_, Step::Inside(_)) => false,
                })
    }
}

fn walk<'a, T: Tree<'a>>(
    parts: &[Part],
    node: T,
    around: T,
    steps: &mut Vec<Step>,
    found: &mut impl FnMut(&[Step], T, T),
) {
    let Some((part, rest)) = parts.split_first() else {
        return found(steps, node, around);
    };
    let mut below = |step: Step, child: T| {
        steps.push(step);
        walk(rest, child, node, steps, found);
        steps.pop();
    };
    match part {
        Part::Key(key) => {
            if let Some(child) = node.get(key) {
                below(Step::Key(key.clone().into()), child);
            }
        }
        Part::EveryKey => {
            for (key, child) in node.entries() {
                if !NEVER_BELOW.contains(&key) {
                    below(Step::Key(key.to_owned().into()), child);
                }
            }
        }
        Part::Items(only) => {
            for (index, child) in node.items().into_iter().enumerate() {
                let fits = |only: &Only| {
                    let value = child.get(&only.key);
                    value
                        .and_then(|value| value.scalar().text())
                        .is_some_and(|text| glob::matches(&only.glob, text))
                };
                if only.as_ref().is_none_or(fits) {
                    below(Step::Index(index), child);
                }
            }
        }
    }
}

impl FromStr for Pattern {
    type Err = NoPattern;

    fn from_str(text: &str) -> Result<Self, NoPattern> {
        let mut parts = Vec::new();
        for segment in segments(text.strip_prefix('/').unwrap_or(text)) {
            let (key, brackets) = match segment.find('[') {
                Some(at) => segment.split_at(at),
                None => (segment.as_str(), ""),
            };
            if key.is_empty() && (brackets.is_empty() || parts.is_empty()) {
                return Err(NoPattern::EmptyKey);
            }
            if !key.is_empty() {
                if let Some(never) = NEVER_BELOW.iter().find(|never| **never == key) {
                    return Err(NoPattern::Never(never));
                }
                parts.push(match key {
                    "*" => Part::EveryKey,
                    key => Part::Key(key.to_owned()),
                });
            }
            let mut rest = brackets;
            while !rest.is_empty() {
                let inside = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
                let (inside, after) = inside.ok_or(NoPattern::Brackets)?;
                parts.push(Part::Items(match (inside, inside.split_once('=')) {
                    ("" | "*", _) => None,
                    (_, Some((key, glob))) if !key.is_empty() => Some(Only {
                        key: key.to_owned(),
                        glob: glob.to_owned(),
                    }),
                    _ => return Err(NoPattern::Brackets),
                }));
                rest = after;
            }
        }
        Ok(Self(parts))
    }
}

/// The text between slashes, where `\/` is a slash that belongs to it, and so is one in brackets.
fn segments(text: &str) -> Vec<String> {
    let mut segments = vec![String::new()];
    let (mut is_inside, mut letters) = (false, text.chars().peekable());
    while let Some(letter) = letters.next() {
        match letter {
            '\\' if letters.peek() == Some(&'/') => {
                letters.next();
                segments.last_mut().expect("there is one").push('/');
            }
            '/' if !is_inside => segments.push(String::new()),
            letter => {
                is_inside = (is_inside || letter == '[') && letter != ']';
                segments.last_mut().expect("there is one").push(letter);
            }
        }
    }
    segments
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.0.iter().enumerate() {
            let slash = if index == 0 { "" } else { "/" };
            match part {
                Part::Key(key) => write!(formatter, "{slash}{}", key.replace('/', "\\/"))?,
                Part::EveryKey => write!(formatter, "{slash}*")?,
                Part::Items(None) => formatter.write_str("[]")?,
                Part::Items(Some(Only { key, glob })) => write!(formatter, "[{key}={glob}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(path: &str) -> Vec<String> {
        let object = json!({
            "a": {"image": "1", "status": {"image": "2"}, "b": {"image": "3", "x/y": {"image": "4"}}},
            "list": [{"name": "web", "image": "5"}, {"name": "api", "image": "6"}, "7", [{"image": "8"}]],
        });
        let mut found = Vec::new();
        let pattern: Pattern = path.parse().unwrap();
        assert_eq!(pattern.to_string(), path);
        pattern.find(&object, |steps, node, _| {
            assert!(pattern.leads_to(steps), "{path} {steps:?}");
            found.extend(node.as_str().map(str::to_owned));
        });
        found
    }

    #[test]
    fn a_path_leads_to_keys_items_and_entries() {
        for (path, expected) in [
            ("a/image", &["1"][..]),
            ("a/b/image", &["3"]),
            ("a/*/image", &["3"]),
            ("*/image", &["1"]),
            ("a/b/x\\/y/image", &["4"]),
            ("list[]/image", &["5", "6"]),
            ("list[]", &["7"]),
            ("list[][]/image", &["8"]),
            ("list[name=web]/image", &["5"]),
            ("list[name=*p?]/image", &["6"]),
            ("list[name=*]/image", &["5", "6"]),
            ("list[name=w]/image", &[]),
            ("nope/image", &[]),
        ] {
            assert_eq!(found(path), expected, "{path}");
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for (path, why) in [
            ("", NoPattern::EmptyKey),
            ("a//b", NoPattern::EmptyKey),
            ("a/", NoPattern::EmptyKey),
            ("[]/a", NoPattern::EmptyKey),
            ("a[", NoPattern::Brackets),
            ("a[b]", NoPattern::Brackets),
            ("a[]b", NoPattern::Brackets),
            ("a[=x]", NoPattern::Brackets),
            ("status/image", NoPattern::Never("status")),
            ("a/metadata/image", NoPattern::Never("metadata")),
            ("data[]/x", NoPattern::Never("data")),
        ] {
            assert_eq!(path.parse::<Pattern>(), Err(why), "{path}");
        }
        assert_eq!("/a/b".parse::<Pattern>().unwrap().0.len(), 2);
        assert_eq!("list[name=a/b]".parse::<Pattern>().unwrap().0.len(), 2);
    }
}
