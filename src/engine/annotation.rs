//! The record of a workload's images as they were written: reads and writes the annotation `imago-config-spec`.
//!
//! It is read tolerantly, because people and older versions wrote it, and written in one form: compact JSON, both lists always there.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::site::Role;
use super::steering::steers;

/// The images of a workload as they were written, by container.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Originals<'t> {
    /// Of `containers`, in their order.
    #[serde(borrow, default, deserialize_with = "list")]
    containers: Vec<Original<'t>>,
    /// Of `initContainers`, in their order.
    #[serde(borrow, default, rename = "initContainers", deserialize_with = "list")]
    init_containers: Vec<Original<'t>>,
    /// Of image volumes, in their order; only where there is one.
    #[serde(
        borrow,
        default,
        deserialize_with = "list",
        skip_serializing_if = "Vec::is_empty"
    )]
    volumes: Vec<Original<'t>>,
}

/// One container's image as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Original<'t> {
    #[serde(borrow, default)]
    name: Cow<'t, str>,
    #[serde(borrow)]
    image: Cow<'t, str>,
}

/// The annotation's text is not the record it should be.
#[derive(Debug, thiserror::Error)]
pub enum NotARecord {
    /// It is no JSON, or not of the record's shape.
    #[error("it is not the JSON that imago writes: {0}")]
    Json(#[from] serde_json::Error),
    /// It is JSON, and no object.
    #[error("it is not a JSON object")]
    NoObject,
}

impl<'t> Originals<'t> {
    /// Reads the annotation's text; keys that this version does not know are passed over.
    pub fn parse(text: &'t str) -> Result<Self, NotARecord> {
        if !text.trim_ascii_start().starts_with('{') {
            return Err(NotARecord::NoObject);
        }
        Ok(serde_json::from_str(text)?)
    }

    /// Whether the annotation's text already says the same, as JSON: order of keys and white space aside.
    pub fn is_said_by(&self, text: &str) -> bool {
        match (
            serde_json::from_str::<serde_json::Value>(text),
            serde_json::to_value(self),
        ) {
            (Ok(said), Ok(wanted)) => said == wanted,
            _ => false,
        }
    }

    /// All entries, each with its list: those of `containers`, of `initContainers`, of `volumes`.
    pub fn entries(&self) -> impl Iterator<Item = (Role, &Original<'t>)> {
        let lists = [
            (Role::Container, &self.containers),
            (Role::InitContainer, &self.init_containers),
            (Role::Volume, &self.volumes),
        ];
        lists
            .into_iter()
            .flat_map(|(role, list)| list.iter().map(move |original| (role, original)))
    }

    /// Adds a container's image behind those of its list.
    pub fn push(&mut self, role: Role, name: &'t str, image: Cow<'t, str>) {
        let original = Original {
            name: name.into(),
            image,
        };
        match role {
            Role::Container => self.containers.push(original),
            Role::InitContainer => self.init_containers.push(original),
            Role::Volume => self.volumes.push(original),
            Role::Other => {}
        }
    }

    /// The annotation's text: compact JSON on one line, in characters that every YAML reader takes as they are, and that every person
    /// sees.
    pub fn to_text(&self) -> String {
        let json = serde_json::to_string(self).expect("strings in lists always serialise");
        let mut text = String::with_capacity(json.len());
        for character in json.chars() {
            if steers(character) || matches!(character, '\u{fffe}' | '\u{ffff}') {
                text.push_str(&format!("\\u{:04x}", u32::from(character)));
            } else {
                text.push(character);
            }
        }
        text
    }
}

impl Original<'_> {
    /// The name of the container.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its image.
    pub fn image(&self) -> &str {
        &self.image
    }
}

/// A list that may be null, as Go writes an empty one.
fn list<'de: 't, 't, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<Original<'t>>, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_read_tolerantly_and_written_in_one_form() {
        let text = r#" { "x": 1, "initContainers": null, "containers": [ {"image": "nginx:1.25", "name": "web", "y": []} ] } "#;
        let originals = Originals::parse(text).unwrap();
        let entries: Vec<_> = originals
            .entries()
            .map(|(role, original)| (role, original.name(), original.image()))
            .collect();
        assert_eq!(entries, [(Role::Container, "web", "nginx:1.25")]);
        assert_eq!(
            originals.to_text(),
            r#"{"containers":[{"name":"web","image":"nginx:1.25"}],"initContainers":[]}"#
        );
    }

    #[test]
    fn what_is_no_record_is_refused() {
        for text in [
            "",
            "nginx:1.25",
            "[]",
            "null",
            r#"{"containers":[{"name":"web"}]}"#,
            r#"{"containers":"web"}"#,
        ] {
            assert!(Originals::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn characters_that_some_readers_take_for_line_breaks_are_escaped() {
        let mut originals = Originals::default();
        originals.push(Role::Container, "a\u{2028}b\nc", "x".into());
        assert_eq!(
            originals.to_text(),
            r#"{"containers":[{"name":"a\u2028b\nc","image":"x"}],"initContainers":[]}"#
        );
        let text = originals.to_text();
        assert_eq!(Originals::parse(&text).unwrap(), originals);
    }

    #[test]
    fn nothing_in_a_record_steers_who_reads_it() {
        let steering: String = ('\0'..='\u{ffff}').filter(|it| steers(*it)).collect();
        let mut originals = Originals::default();
        originals.push(Role::Container, &steering, steering.as_str().into());
        let text = originals.to_text();
        assert!(steering.contains('\u{202e}') && text.is_ascii(), "{text}");
        assert!(!text.contains(steers), "{text:?}");
        assert_eq!(Originals::parse(&text).unwrap(), originals);
    }
}
