//! A text as the second parser reads it: values without styles, comments or places, their strings borrowed from the text where they can be.
//!
//! It keeps what the comparison needs and no more. A mapping is a row of entries in their order, because an edit reorders nothing, and a
//! key that stands twice in one is refused.

use std::borrow::Cow;
use std::fmt;

use serde::de::{
    Deserialize, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess as _, Visitor,
};

use crate::engine::splice::difference::{Leaf, Number, Reading, Shape};
use crate::engine::tree::with_merged;

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

impl Value<'_> {
    fn mapping(&self) -> Option<&[(Self, Self)]> {
        match self {
            Self::Tagged(tagged) => tagged.1.mapping(),
            Self::Mapping(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value as a leaf of the comparison.
    fn leaf(&self) -> Leaf<'_> {
        match self {
            Self::Null => Leaf::Null,
            Self::Bool(value) => Leaf::Bool(*value),
            Self::Number(number) => Leaf::Number(*number),
            Self::Text(text) => Leaf::Text(text),
            Self::Sequence(_) => Leaf::Sequence,
            Self::Mapping(_) => Leaf::Mapping,
            Self::Tagged(tagged) => Leaf::Tagged(&tagged.0),
        }
    }
}

/// What a merge key brings in, the strongest first. `None`: there is none, or it names something else than mappings.
fn merged<'v, 't>(
    mapping: &'v [(Value<'t>, Value<'t>)],
) -> Option<Vec<&'v [(Value<'t>, Value<'t>)]>> {
    match &mapping.iter().find(|(key, _)| is_merge_key(key))?.1 {
        Value::Sequence(mappings) => mappings.iter().map(Value::mapping).collect(),
        value => Some(vec![value.mapping()?]),
    }
}

fn is_merge_key(key: &Value<'_>) -> bool {
    matches!(key, Value::Text(text) if text == "<<")
}

/// The entries of a mapping as a reader of the object sees them.
fn entries<'v, 't>(mapping: &'v [(Value<'t>, Value<'t>)]) -> Vec<(Leaf<'v>, &'v Value<'t>)> {
    let leaves = |(key, value): &'v (Value<'t>, Value<'t>)| (key.leaf(), value);
    match merged(mapping) {
        None => mapping.iter().map(leaves).collect(),
        Some(merged) => {
            let own = mapping.iter().filter(|(key, _)| !is_merge_key(key));
            with_merged(own.map(leaves).collect(), merged.into_iter().map(entries))
        }
    }
}

impl<'v> Reading<'v> for &'v Value<'_> {
    fn shape(self) -> Shape<'v, Self> {
        match self {
            Value::Mapping(mapping) => Shape::Mapping(entries(mapping)),
            Value::Sequence(items) => Shape::Sequence(items.iter().collect()),
            Value::Tagged(tagged) => Shape::Tagged(&tagged.0, &tagged.1),
            scalar => Shape::Leaf(scalar.leaf()),
        }
    }

    fn is_plain(leaf: Leaf<'v>, letters: &str) -> bool {
        resolved(letters) == leaf
    }
}

/// What this parser makes of letters without quotes. What that means hangs on them alone.
pub(super) fn resolved(letters: &str) -> Leaf<'_> {
    match Value::deserialize(serde_yaml::Deserializer::from_str(letters)) {
        Ok(Value::Null) => Leaf::Null,
        Ok(Value::Bool(value)) => Leaf::Bool(value),
        Ok(Value::Number(number)) => Leaf::Number(number),
        // One that is refused ends the proof in the new text.
        _ => Leaf::Text(letters),
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
        let Value::Mapping(roots) = &value else {
            panic!("it is a mapping")
        };
        let all = entries(roots[1].1.mapping().unwrap());
        let seen: Vec<_> = all
            .iter()
            .map(|(key, value)| (*key, value.leaf()))
            .collect();
        let text = Leaf::Text;
        assert_eq!(
            seen,
            [
                (text("x"), text("own")),
                (text("y"), text("b")),
                (text("z"), text("m"))
            ]
        );
    }

    #[test]
    fn what_cannot_be_merged_is_an_entry_as_any_other() {
        for scalar in ["<<: a", "'<<': [{}, b]"] {
            let Ok(Value::Mapping(mapping)) = read(scalar) else {
                panic!("it is a mapping")
            };
            assert_eq!(entries(&mapping).len(), 1, "{scalar}");
        }
    }
}
