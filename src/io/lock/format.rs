//! The text of a lock file: read strictly, and written with one image a line.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{self, DeserializeSeed, Deserializer, MapAccess, Visitor};

use super::{Lock, LockError};
use crate::engine::image::{Digest, ImageRef, Lookup};

/// The only version of the format that there is.
pub(super) const VERSION: u64 = 1;

impl Lock {
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, LockError> {
        let content: Content = serde_json::from_slice(bytes).map_err(|error| {
            // What a later version has in it must not be called an error of this one.
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

/// As it stands in the file: one image a line, with a last newline.
impl fmt::Display for Lock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{{\"version\":{VERSION},\"images\":{{")?;
        for (index, (lookup, digest)) in self.images.iter().enumerate() {
            // Neither the grammar of references nor that of digests has a character that JSON escapes.
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

/// The parser's own words without the place, which `LockError` tells.
fn malformed(error: &serde_json::Error) -> LockError {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    LockError::Malformed {
        line: error.line().max(1),
        reason: text.strip_suffix(&place).unwrap_or(&text).to_owned(),
    }
}

/// As much as every version has.
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

/// Read entry by entry, so that a wrong one is told with its own line, and none hides another.
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

/// The value of an entry. All its checks are made while the parser stands there, so that their errors have its line.
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
                "`{key}` is there a second time, with another digest"
            ))),
            _ => Ok(()),
        }
    }
}
