//! What the `values.schema.json` of a chart refuses. Helm holds the values against it before it renders (<https://helm.sh/docs/topics/charts/>).
//!
//! Only what says something of a text or a key is read: `properties`, `items`, `additionalProperties`, `$ref` within the schema, `allOf`,
//! `anyOf`, `oneOf`, `type`, `enum`, `const`, `pattern`, `maxLength`. The rest refuses nothing here.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use regex::{Regex, RegexBuilder};
use serde_json::Value;

use crate::engine::path::Step;

/// How many schemas, and how many texts of an `enum`, are looked at for one text. A schema may lead in circles.
const MOST: usize = 1024;
/// How much memory a compiled pattern may take.
const LARGEST: usize = 1024 * 1024;
/// The longest pattern that is compiled.
const LONGEST: usize = 1024;
/// How many patterns of a schema are compiled.
const MOST_PATTERNS: usize = 64;

/// The schema of a chart's values.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema(Value);

impl Schema {
    /// Reads the text of a `values.schema.json`. `None`: it is no JSON, which Helm refuses whatever the values are.
    pub fn read(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(text).ok().map(Self)
    }

    /// What holds texts against it.
    pub fn judge(&self) -> Judge<'_> {
        Judge {
            whole: &self.0,
            patterns: RefCell::default(),
        }
    }
}

/// Holds texts against a schema, and compiles each pattern once.
pub struct Judge<'s> {
    whole: &'s Value,
    /// `None`: it cannot be read.
    patterns: RefCell<BTreeMap<&'s str, Option<Regex>>>,
}

impl<'s> Judge<'s> {
    /// Whether the schema refuses a text at a place of the values. A pattern that cannot be read refuses.
    pub fn refuses(&self, at: &[Step], text: &str) -> bool {
        self.refuses_below(self.whole, at, text, &Cell::new(MOST))
    }

    fn refuses_below(
        &self,
        schema: &'s Value,
        at: &[Step],
        text: &str,
        left: &Cell<usize>,
    ) -> bool {
        let Some(less) = left.get().checked_sub(1) else {
            return false;
        };
        left.set(less);
        if schema == &Value::Bool(false) {
            return true;
        }
        let refuses = |schema: &'s Value| self.refuses_below(schema, at, text, left);
        let list = |key: &str| {
            schema
                .get(key)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
        };
        let named = schema.get("$ref").and_then(Value::as_str);
        let named = named.and_then(|name| self.whole.pointer(name.strip_prefix('#')?));
        let one_of = |key: &str| list(key).next().is_some() && list(key).all(refuses);
        if named.is_some_and(refuses)
            || list("allOf").any(refuses)
            || one_of("anyOf")
            || one_of("oneOf")
        {
            return true;
        }
        let Some((first, below)) = at.split_first() else {
            return self.refuses_text(schema, text);
        };
        let next = match first {
            Step::Key(key) => {
                let known = schema.get("properties").and_then(|all| all.get(&**key));
                let other = || match schema.get("patternProperties") {
                    Some(_) => None,
                    None => schema.get("additionalProperties"),
                };
                known.or_else(other)
            }
            Step::Index(_) | Step::Inside(_) => {
                schema.get("items").filter(|items| !items.is_array())
            }
        };
        next.is_some_and(|next| self.refuses_below(next, below, text, left))
    }

    /// Whether a schema that is for a text refuses it.
    fn refuses_text(&self, schema: &'s Value, text: &str) -> bool {
        let types = match schema.get("type") {
            Some(Value::String(one)) => vec![one.as_str()],
            Some(Value::Array(many)) => many.iter().filter_map(Value::as_str).collect(),
            _ => vec!["string"],
        };
        let is = |one: &Value| one.as_str() == Some(text);
        let is_among = |all: &Vec<Value>| all.iter().take(MOST).any(is);
        let texts = schema.get("enum").and_then(Value::as_array);
        let length = schema.get("maxLength").and_then(Value::as_u64);
        let pattern = schema.get("pattern").and_then(Value::as_str);
        !types.contains(&"string")
            || schema.get("const").is_some_and(|one| !is(one))
            || texts.is_some_and(|all| !is_among(all))
            || length.is_some_and(|most| text.chars().count() as u64 > most)
            || pattern.is_some_and(|pattern| !self.matches(pattern, text))
    }

    fn matches(&self, pattern: &'s str, text: &str) -> bool {
        let mut patterns = self.patterns.borrow_mut();
        let is_due = patterns.len() < MOST_PATTERNS && pattern.len() <= LONGEST;
        let compile = || {
            let mut builder = RegexBuilder::new(pattern);
            builder.size_limit(LARGEST).dfa_size_limit(LARGEST);
            builder.build().ok()
        };
        let regex = match patterns.get(pattern) {
            Some(regex) => regex.as_ref(),
            None if is_due => patterns.entry(pattern).or_insert_with(compile).as_ref(),
            None => None,
        };
        regex.is_some_and(|regex| regex.is_match(text))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const DIGEST: &str =
        "1.4@sha256:1111111111111111111111111111111111111111111111111111111111111111";

    fn refuses(schema: Value, at: &[&'static str]) -> bool {
        let schema = Schema::read(schema.to_string().as_bytes()).unwrap();
        let steps: Vec<Step> = at.iter().map(|key| Step::from(*key)).collect();
        schema.judge().refuses(&steps, DIGEST)
    }

    #[test]
    fn what_a_schema_says_of_a_text_refuses_it() {
        for (says, expected) in [
            (json!({"type": "string"}), false),
            (json!({"type": ["string", "null"]}), false),
            (json!({"type": "integer"}), true),
            (json!({"pattern": "^[a-zA-Z0-9_.-]*$"}), true),
            (
                json!({"pattern": "^[0-9.]+(@sha256:[0-9a-f]{64})?$"}),
                false,
            ),
            (json!({"pattern": "(?<!a)b"}), true),
            (json!({"maxLength": 63}), true),
            (json!({"maxLength": 128}), false),
            (json!({"enum": ["1.4", "1.5"]}), true),
            (json!({"enum": ["1.4", DIGEST]}), false),
            (json!({"const": "1.4"}), true),
            (json!(false), true),
            (json!(true), false),
            (json!({"format": "semver"}), false),
        ] {
            let schema = json!({"properties": {"image": {"properties": {"tag": says}}}});
            assert_eq!(refuses(schema, &["image", "tag"]), expected, "{says}");
        }
    }

    #[test]
    fn patterns_are_compiled_once_and_not_without_end() {
        let tag = |number: usize| json!({"pattern": format!("^{number}")});
        let tags: serde_json::Map<String, Value> = (0..100)
            .map(|number| (number.to_string(), tag(number)))
            .collect();
        let schema = Schema(json!({"properties": tags}));
        let judge = schema.judge();
        let refuses = |number: usize| {
            let step = Step::Key(number.to_string().into());
            judge.refuses(&[step], &number.to_string())
        };
        for _ in 0..2 {
            let refused = (0..100).filter(|number| refuses(*number)).count();
            assert_eq!(refused, 100 - MOST_PATTERNS);
            assert_eq!(judge.patterns.borrow().len(), MOST_PATTERNS);
        }
    }

    #[test]
    fn a_schema_is_found_by_keys_and_references() {
        let short = json!({"maxLength": 63});
        for (schema, expected) in [
            (json!({}), false),
            (json!({"additionalProperties": false}), true),
            (
                json!({"properties": {"image": {"additionalProperties": false, "properties": {"repository": {}}}}}),
                true,
            ),
            (
                json!({"additionalProperties": false, "patternProperties": {"^i": {}}}),
                false,
            ),
            (
                json!({"$defs": {"tag": short}, "properties": {"image": {"properties": {"tag": {"$ref": "#/$defs/tag"}}}}}),
                true,
            ),
            (
                json!({"allOf": [{}, {"properties": {"image": {"properties": {"tag": short}}}}]}),
                true,
            ),
            (
                json!({"properties": {"image": {"properties": {"tag": {"anyOf": [short, {}]}}}}}),
                false,
            ),
            (
                json!({"properties": {"image": {"properties": {"tag": {"oneOf": [short, short]}}}}}),
                true,
            ),
            (json!({"$ref": "#"}), false),
            (json!({"anyOf": [{"$ref": "#"}, {"$ref": "#"}]}), false),
        ] {
            assert_eq!(
                refuses(schema.clone(), &["image", "tag"]),
                expected,
                "{schema}"
            );
        }
    }
}
