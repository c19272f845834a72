//! Reads one page of a list, object by object. Fields that are not needed are skipped, and no page is in memory as a tree.
//!
//! Items of a list have no `kind` and no `apiVersion` of their own. They get those of the resource.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::resource::Names;

/// This field of `metadata` is as large as the rest of the object, and not needed here.
const MANAGED_FIELDS: &str = "managedFields";

/// Passes each object of a page to `take`. Returns the token of the next page, which is empty after the last one.
pub(super) fn read(
    bytes: &[u8],
    names: Names<'_>,
    mut take: impl FnMut(Value),
) -> Result<String, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let next = List {
        names,
        take: &mut take,
    }
    .deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(next)
}

/// Parses one object, without the fields that `read` leaves out.
pub(super) fn object(bytes: &[u8], names: Names) -> Result<Value, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let object = Object { names }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(object)
}

struct List<'a> {
    names: Names<'a>,
    take: &'a mut dyn FnMut(Value),
}

impl<'de> DeserializeSeed<'de> for List<'_> {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for List<'_> {
    type Value = String;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of the API")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<String, A::Error> {
        #[derive(Default, serde::Deserialize)]
        struct Metadata {
            #[serde(default, rename = "continue")]
            next: String,
        }
        let (mut next, mut has_items) = (String::new(), false);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "metadata" => {
                    next = map
                        .next_value::<Option<Metadata>>()?
                        .unwrap_or_default()
                        .next
                }
                "items" => {
                    map.next_value_seed(Items {
                        names: self.names,
                        take: &mut *self.take,
                    })?;
                    has_items = true;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        if has_items {
            Ok(next)
        } else {
            Err(serde::de::Error::missing_field("items"))
        }
    }
}

struct Items<'a> {
    names: Names<'a>,
    take: &'a mut dyn FnMut(Value),
}

impl<'de> DeserializeSeed<'de> for Items<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Items<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the items of a list")
    }

    /// Some servers send `null` for an empty list.
    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<(), A::Error> {
        while let Some(object) = sequence.next_element_seed(Object { names: self.names })? {
            (self.take)(object);
        }
        Ok(())
    }
}

struct Object<'a> {
    names: Names<'a>,
}

impl<'de> DeserializeSeed<'de> for Object<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Object<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object of the API")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            let value = if key == "metadata" {
                map.next_value_seed(Metadata)?
            } else {
                map.next_value()?
            };
            object.insert(key, value);
        }
        object.insert("kind".to_owned(), self.names.kind.into());
        object.insert("apiVersion".to_owned(), self.names.version.into());
        Ok(Value::Object(object))
    }
}

struct Metadata;

impl<'de> DeserializeSeed<'de> for Metadata {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Metadata {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object's metadata")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut metadata = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if key == MANAGED_FIELDS {
                map.next_value::<IgnoredAny>()?;
            } else {
                metadata.insert(key, map.next_value()?);
            }
        }
        Ok(Value::Object(metadata))
    }
}

#[cfg(test)]
mod tests {
    use super::super::resource::Resource;
    use super::*;
    use serde_json::json;

    fn page(text: &str) -> Result<(Vec<Value>, String), serde_json::Error> {
        let mut items = Vec::new();
        let next = read(text.as_bytes(), Resource::Pods.names(), |item| {
            items.push(item)
        })?;
        Ok((items, next))
    }

    #[test]
    fn an_item_gets_its_kind_and_loses_its_managed_fields_alone() {
        let text = r#"{"kind":"PodList","items":[{"metadata":{"name":"a","managedFields":[{"x":[{}]}],"uid":"1"},
            "spec":{"managedFields":1}}],"metadata":{"continue":"t"}}"#;
        let (items, next) = page(text).unwrap();
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "uid": "1"}, "spec": {"managedFields": 1}});
        assert_eq!((items, next.as_str()), (vec![pod], "t"));
    }

    #[test]
    fn an_empty_list_is_a_list_and_another_answer_is_none() {
        assert_eq!(
            page(r#"{"items":[],"metadata":{}}"#).unwrap(),
            (Vec::new(), String::new())
        );
        assert_eq!(
            page(r#"{"items":null}"#).unwrap(),
            (Vec::new(), String::new())
        );
        for text in [
            r#"{"kind":"Status"}"#,
            "[]",
            "<html>",
            r#"{"items":[]} x"#,
            r#"{"items":[{"metadata":7}]}"#,
        ] {
            assert!(page(text).is_err(), "{text}");
        }
    }
}
