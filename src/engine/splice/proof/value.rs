//! A text as the second parser reads it: values without styles, comments or places, their strings borrowed from the text where they can be.
//!
//! It keeps what the comparison needs and no more. A mapping is a row of entries in their order, because an edit reorders nothing, and a
//! key that stands twice in one is refused.

use std::borrow::Cow;
use std::fmt;

use serde::de::{
    Deserialize, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess as _, Visitor,
};

use crate::engine::tree::{Scalar, Tree, with_merged};

/// A value, aliases expanded, merge keys as they are written.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Value<'t> {
    Null,
    Bool(bool),
    Number(Number),
    Text(Cow<'t, str>),
    Sequence(Vec<Self>),
    Mapping(Vec<(Self, Self)>),
    /// A value under a tag that the reader does not know.
    Tagged(Box<(String, Self)>),
}

/// A number; of a fraction its bits, so that what is no number equals itself. Whole numbers beyond 128 bits come as fractions too: our own
/// reading compares the digits of every scalar.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Number {
    Whole(u64),
    Negative(i64),
    Huge(u128),
    HugeNegative(i128),
    Fraction(u64),
}

impl Value<'_> {
    /// The text of a key; nothing for what is no text.
    pub(super) fn name(&self) -> &str {
        match self {
            Self::Text(text) => text,
            _ => "",
        }
    }

    fn untagged(&self) -> &Self {
        match self {
            Self::Tagged(tagged) => tagged.1.untagged(),
            value => value,
        }
    }

    fn mapping(&self) -> Option<&[(Self, Self)]> {
        match self.untagged() {
            Self::Mapping(entries) => Some(entries),
            _ => None,
        }
    }
}

/// The value of a key that is written in the mapping itself.
fn own<'v, 't>(mapping: &'v [(Value<'t>, Value<'t>)], key: &str) -> Option<&'v Value<'t>> {
    mapping
        .iter()
        .find(|(name, _)| matches!(name, Value::Text(text) if text == key))
        .map(|(_, value)| value)
}

/// What a merge key brings in, the strongest first.
fn merged<'v, 't>(mapping: &'v [(Value<'t>, Value<'t>)]) -> Vec<&'v Value<'t>> {
    match own(mapping, "<<").map(Value::untagged) {
        Some(Value::Sequence(mappings)) => mappings.iter().collect(),
        Some(mapping) => vec![mapping],
        None => Vec::new(),
    }
}

impl<'v> Tree<'v> for &'v Value<'_> {
    fn get(self, key: &str) -> Option<Self> {
        let mapping = self.mapping()?;
        own(mapping, key).or_else(|| {
            merged(mapping)
                .into_iter()
                .find_map(|mapping| mapping.get(key))
        })
    }

    fn items(self) -> Vec<Self> {
        match self.untagged() {
            Value::Sequence(items) => items.iter().collect(),
            _ => Vec::new(),
        }
    }

    fn entries(self) -> Vec<(&'v str, Self)> {
        let Some(mapping) = self.mapping() else {
            return Vec::new();
        };
        let text = |key: &'v Value<'_>| matches!(key, Value::Text(_)).then(|| key.name());
        let written = mapping
            .iter()
            .filter_map(|(key, value)| Some((text(key).filter(|key| *key != "<<")?, value)));
        let entries: Vec<(&'v str, Self)> = written.collect();
        with_merged(entries, merged(mapping).into_iter().map(Tree::entries))
    }

    fn scalar(self) -> Scalar<'v> {
        match self {
            Value::Null => Scalar::Null,
            Value::Text(text) => Scalar::Text(text),
            Value::Bool(value) => Scalar::Bool(*value),
            Value::Number(_) => Scalar::Other("a number"),
            Value::Sequence(_) => Scalar::Other("a sequence"),
            Value::Mapping(_) => Scalar::Other("a mapping"),
            Value::Tagged(_) => Scalar::Other("a value with a tag of its own"),
        }
    }
}

impl<'de: 't, 't> Deserialize<'de> for Value<'t> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reader)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Value::Null)
    }

    fn visit_none<E>(self) -> Result<Self::Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Self::Value, E> {
        Ok(Value::Number(Number::Whole(number)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Self::Value, E> {
        Ok(Value::Number(Number::Negative(number)))
    }

    fn visit_u128<E>(self, number: u128) -> Result<Self::Value, E> {
        Ok(Value::Number(Number::Huge(number)))
    }

    fn visit_i128<E>(self, number: i128) -> Result<Self::Value, E> {
        Ok(Value::Number(Number::HugeNegative(number)))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Self::Value, E> {
        Ok(Value::Number(Number::Fraction(number.to_bits())))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut sequence: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = sequence.next_element()? {
            items.push(item);
        }
        Ok(Value::Sequence(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut mapping: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::with_capacity(4);
        while let Some(entry) = mapping.next_entry()? {
            entries.push(entry);
        }
        // Most mappings of a large file are small, and room for two more entries would be a quarter of their memory.
        if entries.len() <= 2 {
            entries.shrink_to_fit();
        }
        match has_twice(&entries) {
            true => Err(A::Error::custom("a key stands twice in one mapping")),
            false => Ok(Value::Mapping(entries)),
        }
    }

    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<Self::Value, A::Error> {
        let (tag, value) = tagged.variant::<String>()?;
        Ok(Value::Tagged(Box::new((tag, value.newtype_variant()?))))
    }
}

/// Whether two entries have the same key. Small mappings are the rule, and comparing each pair is quicker than sorting them.
fn has_twice(entries: &[(Value<'_>, Value<'_>)]) -> bool {
    if entries.len() <= 8 {
        return entries
            .iter()
            .enumerate()
            .any(|(at, (key, _))| entries[..at].iter().any(|(elder, _)| elder == key));
    }
    let mut keys: Vec<_> = entries.iter().map(|(key, _)| key).collect();
    keys.sort_unstable();
    keys.windows(2).any(|pair| pair[0] == pair[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Value<'_>, String> {
        Value::deserialize(serde_yaml::Deserializer::from_str(text))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_key_that_stands_twice_is_refused_in_every_spelling() {
        let many: String = (0..20)
            .map(|number| format!("k{number}: {number}\n"))
            .collect();
        assert!(read(&many).is_ok());
        for twice in ["k7: a\n", "\"k7\": a\n", "'k7': a\n"] {
            assert!(
                read(&format!("{many}{twice}"))
                    .unwrap_err()
                    .contains("stands twice"),
                "{twice}"
            );
        }
        assert!(read("1: a\n0x1: b\n").is_err());
        assert!(read("1: a\n'1': b\n~: c\ntrue: d\n").is_ok());
    }

    #[test]
    fn what_differs_in_value_differs_here() {
        let different = [
            "~", "true", "'true'", "1", "'1'", "-1", "1.0", ".nan", "[1]", "{a: 1}", "!a 1",
            "!b 1", "''", "[]", "{}",
        ];
        for (at, left) in different.iter().enumerate() {
            for (other, right) in different.iter().enumerate() {
                assert_eq!(
                    read(left).unwrap() == read(right).unwrap(),
                    at == other,
                    "{left} {right}"
                );
            }
        }
    }

    #[test]
    fn texts_are_borrowed_where_they_stand_as_they_are() {
        let Ok(Value::Sequence(items)) = read("[a b, 'c d', \"e\\n\"]") else {
            panic!("it is a sequence")
        };
        let borrowed: Vec<_> = items
            .iter()
            .map(|item| matches!(item, Value::Text(Cow::Borrowed(_))))
            .collect();
        assert_eq!(borrowed, [true, true, false]);
    }

    #[test]
    fn merge_keys_bring_in_what_is_not_there() {
        let value = read("base: &b {x: 1, y: b}\nall: {<<: [*b, {y: m, z: m}], x: own}\n").unwrap();
        let all = (&value).get("all").unwrap();
        let entries: Vec<_> = all
            .entries()
            .into_iter()
            .map(|(key, value)| (key, value.name()))
            .collect();
        assert_eq!(entries, [("x", "own"), ("y", "b"), ("z", "m")]);
        assert_eq!(all.get("z").unwrap().name(), "m");
    }
}
