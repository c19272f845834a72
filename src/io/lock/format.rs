//! The text of a lock file: read strictly, and written with one image a line.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, Visitor};

use super::{Lock, LockError};
use crate::engine::image::{Digest, ImageRef, Lookup};

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
                _ => malformed(&error),
            }
        })?;
        match content.version {
            VERSION => Ok(Self {
                images: content.images.0,
            }),
            other => Err(LockError::Version(other.to_string())),
        }
    }
}

/// One image a line, with a newline at the end.
impl fmt::Display for Lock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{{\"version\":{VERSION},\"images\":{{")?;
        for (index, (lookup, digest)) in self.images.iter().enumerate() {
            // Neither image references nor digests can have characters that JSON escapes.
            write!(
                formatter,
                "{}\n  \"{lookup}\":\"{digest}\"",
                if index > 0 { "," } else { "" }
            )?;
        }
        formatter.write_str(if self.images.is_empty() {
            "}}\n"
        } else {
            "\n}}\n"
        })
    }
}

/// The parser's message without the line and column, which `LockError` adds.
fn malformed(error: &serde_json::Error) -> LockError {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    LockError::Malformed {
        line: error.line().max(1),
        reason: text.strip_suffix(&place).unwrap_or(&text).to_owned(),
    }
}

/// The part that all versions have in common.
#[derive(Deserialize)]
struct Header {
    version: Option<serde_json::Number>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u64,
    images: Images,
}

/// Reads entry by entry, so that an error has the line of its entry, and a repeated key is noticed.
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
