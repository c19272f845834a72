//! JSON as a JSON parser reads it, which is what kubectl does with a text that begins with a brace.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::builder::Builder;
use super::document::Document;

/// The document, where the whole text is one of JSON.
pub(super) fn read(text: &str) -> Option<Document> {
    let mut builder = Builder::default();
    let mut json = serde_json::Deserializer::from_str(text);
    Into(&mut builder).deserialize(&mut json).ok()?;
    json.end().ok()?;
    let document = builder.finish();
    // kubectl's YAML reader then says where it stands.
    document.twice.is_none().then_some(document)
}

/// Adds a value to what is being built.
struct Into<'b>(&'b mut Builder);

impl Into<'_> {
    fn plain<E: Error>(self, letters: &str) -> Result<(), E> {
        self.0.scalar(None, None, letters, true).map_err(E::custom)
    }
}

impl<'de> DeserializeSeed<'de> for Into<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Into<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.plain("null")
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.plain(if value { "true" } else { "false" })
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<(), E> {
        self.plain(&number.to_string())
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<(), E> {
        self.plain(&number.to_string())
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<(), E> {
        self.plain(&format!("{number:?}"))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.0.scalar(None, None, text, false).map_err(E::custom)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        self.0.start_sequence(None, None);
        while sequence.next_element_seed(Into(&mut *self.0))?.is_some() {}
        self.0.end(0).map_err(A::Error::custom)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut mapping: A) -> Result<(), A::Error> {
        self.0.start_mapping(None, None);
        while mapping.next_key_seed(Into(&mut *self.0))?.is_some() {
            mapping.next_value_seed(Into(&mut *self.0))?;
        }
        self.0.end(0).map_err(A::Error::custom)
    }
}
