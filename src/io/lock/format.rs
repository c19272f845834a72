//! The text of a lock file: what is known is read strictly, and written with one image or tag a line. What is not known is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, Visitor};

use super::{Lock, LockError};
use crate::engine::image::{Digest, ImageRef, Lookup, is_tag};
use crate::engine::version::OLDER;

/// The only version of the format.
pub(super) const VERSION: u64 = 1;

impl Lock {
    /// Reads the content of a lock file.
    pub fn parse(bytes: &[u8]) -> Result<Self, LockError> {
        let content: Content = serde_json::from_slice(bytes).map_err(|error| {
            // A lock of a later version gets an error about its version, not about an unknown field.
            match serde_json::from_slice(bytes) {
                Ok(Header {
                    version: Some(version),
                }) if version.as_u64() != Some(VERSION) => LockError::Version(version.to_string()),
                _ if bytes.trim_ascii().is_empty() => LockError::Malformed {
                    line: 1,
                    reason: "it is empty".to_owned(),
                },
                _ => malformed(&error),
            }
        })?;
        match content.version {
            Some(VERSION) => Ok(Self {
                images: content.images.0,
                tags: content.tags.0,
                other: content.other,
            }),
            None => Err(LockError::Malformed {
                line: 1,
                reason: "missing field `version`".to_owned(),
            }),
            Some(other) => Err(LockError::Version(other.to_string())),
        }
    }
}

/// One image or tag a line, with a newline at the end.
impl fmt::Display for Lock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{{\"version\":{VERSION},\"images\":{{")?;
        // Neither image references nor digests can have characters that JSON escapes.
        let images = self.images.iter();
        let images = images.map(|(lookup, digest)| format!("\"{lookup}\":\"{digest}\""));
        lines(formatter, images)?;
        if !self.tags.is_empty() {
            formatter.write_str(",\"tags\":{")?;
            let text = |text: &str| serde_json::Value::from(text).to_string();
            let tags = self.tags.iter();
            lines(
                formatter,
                tags.map(|(key, tag)| format!("{}:{}", text(key), text(tag))),
            )?;
        }
        for (key, value) in &self.other {
            write!(
                formatter,
                ",{}:{value}",
                serde_json::Value::from(key.as_str())
            )?;
        }
        formatter.write_str("}\n")
    }
}

/// The entries of a map, and its end.
fn lines(formatter: &mut fmt::Formatter<'_>, entries: impl Iterator<Item = String>) -> fmt::Result {
    let mut before = "";
    for entry in entries {
        write!(formatter, "{before}\n  {entry}")?;
        before = ",";
    }
    formatter.write_str(if before.is_empty() { "}" } else { "\n}" })
}

/// The parser's message without the line and column, which `LockError` adds.
fn malformed(error: &serde_json::Error) -> LockError {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    let reason = match error.is_eof() {
        true => "it ends before it is complete",
        false => text.strip_suffix(&place).unwrap_or(&text),
    };
    LockError::Malformed {
        line: error.line().max(1),
        reason: reason.to_owned(),
    }
}

/// The part that all versions have in common.
#[derive(Deserialize)]
struct Header {
    version: Option<serde_json::Number>,
}

/// A lock of this version. It is read key by key: what stands in `images` is an error at its line.
#[derive(Default)]
struct Content {
    version: Option<u64>,
    images: Images,
    tags: Tags,
    other: BTreeMap<String, serde_json::Value>,
}

impl<'de> Deserialize<'de> for Content {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ContentVisitor)
    }
}

struct ContentVisitor;

impl<'de> Visitor<'de> for ContentVisitor {
    type Value = Content;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a lock")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Content, A::Error> {
        let mut content = Content::default();
        let mut seen = BTreeSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if !seen.insert(key.clone()) {
                return Err(de::Error::custom(format_args!("`{key}` occurs twice")));
            }
            match key.as_str() {
                "version" => content.version = Some(map.next_value()?),
                "images" => content.images = map.next_value()?,
                "tags" => content.tags = map.next_value()?,
                _ => {
                    content.other.insert(key, map.next_value()?);
                }
            }
        }
        match seen.contains("images") {
            true => Ok(content),
            false => Err(de::Error::missing_field("images")),
        }
    }
}

/// What policies have chosen.
#[derive(Default)]
struct Tags(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Tags {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let tags = BTreeMap::<String, String>::deserialize(deserializer)?;
        let is_choice = |tag: &str| is_tag(tag.strip_suffix(OLDER).unwrap_or(tag));
        match (tags.values()).find(|tag| !tag.is_empty() && !is_choice(tag)) {
            Some(tag) => Err(de::Error::custom(format_args!("`{tag}` is not a tag"))),
            None => Ok(Self(tags)),
        }
    }
}

/// Reads entry by entry, so that an error has the line of its entry, and a repeated key is noticed.
#[derive(Default)]
struct Images(BTreeMap<Lookup, Digest>);

impl<'de> Deserialize<'de> for Images {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ImagesVisitor)
    }
}

struct ImagesVisitor;

impl<'de> Visitor<'de> for ImagesVisitor {
    type Value = Images;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a map of images to digests")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Images, A::Error> {
        let mut images = BTreeMap::new();
        while let Some(key) = map.next_key::<String>()? {
            map.next_value_seed(Entry {
                key,
                images: &mut images,
            })?;
        }
        Ok(Images(images))
    }
}

/// The value of an entry. It is checked while the parser is at it, so that the error has its line.
struct Entry<'a> {
    key: String,
    images: &'a mut BTreeMap<Lookup, Digest>,
}

impl<'de> DeserializeSeed<'de> for Entry<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Entry<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a digest")
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<(), E> {
        let Self { key, images } = self;
        let image = ImageRef::parse(&key)
            .map_err(|error| E::custom(format_args!("`{key}` is not an image: {error}")))?;
        if image.has_digest() {
            return Err(E::custom(format_args!(
                "`{key}` has a digest, but a lock records what a tag points to"
            )));
        }
        let digest = Digest::parse(value)
            .map_err(|error| E::custom(format_args!("`{value}` is not a digest: {error}")))?;
        match images.insert(image.lookup(), digest.clone()) {
            Some(other) if other != digest => Err(E::custom(format_args!(
                "`{key}` occurs twice, with different digests"
            ))),
            _ => Ok(()),
        }
    }
}
