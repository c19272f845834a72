//! Field selectors for `metadata.name` and `metadata.namespace`, which every kind has.
//!
//! Follows `fields.ParseSelector` of apimachinery: terms between commas; `\,`, `\=` and `\\` are escapes; spaces are kept. Any
//! other field is an error, because the API server refuses it for workloads, too.

use std::fmt;

/// Requirements on name and namespace, all of which must hold. The default has none, and matches everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldSelector(Vec<Term>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Term {
    field: Field,
    wanted: Wanted,
    value: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Name,
    Namespace,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wanted {
    Equal,
    Different,
}

/// The longer operators first, so that `==` is not read as `=` and a value that starts with `=`.
const OPERATORS: [(&str, Wanted); 3] = [
    ("!=", Wanted::Different),
    ("==", Wanted::Equal),
    ("=", Wanted::Equal),
];

impl FieldSelector {
    /// Parses a selector such as `metadata.namespace=shop,metadata.name!=web`. An empty text has no requirements.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        let mut at = 1;
        let mut terms = Vec::new();
        for term in split_terms(text) {
            if !term.is_empty() {
                terms.push(parse_term(term, at)?);
            }
            at += term.chars().count() + 1;
        }
        Ok(Self(terms))
    }

    /// Whether name and namespace meet every requirement. No namespace counts as an empty one.
    pub fn matches(&self, namespace: Option<&str>, name: &str) -> bool {
        self.0.iter().all(|term| {
            let value = match term.field {
                Field::Name => name,
                Field::Namespace => namespace.unwrap_or_default(),
            };
            match term.wanted {
                Wanted::Equal => value == term.value,
                Wanted::Different => value != term.value,
            }
        })
    }
}

/// The form that the API server takes as `fieldSelector`. Parsing it gives an equal selector.
impl fmt::Display for FieldSelector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (
            index,
            Term {
                field,
                wanted,
                value,
            },
        ) in self.0.iter().enumerate()
        {
            let comma = if index > 0 { "," } else { "" };
            let field = match field {
                Field::Name => "metadata.name",
                Field::Namespace => "metadata.namespace",
            };
            let operator = match wanted {
                Wanted::Equal => "=",
                Wanted::Different => "!=",
            };
            let value = value
                .replace('\\', r"\\")
                .replace(',', r"\,")
                .replace('=', r"\=");
            write!(formatter, "{comma}{field}{operator}{value}")?;
        }
        Ok(())
    }
}

/// What is wrong with a field selector, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// A term has no operator.
    #[error("`{term}` at character {at} has none of `=`, `==` and `!=`")]
    Operator {
        /// The character, from 1.
        at: usize,
        /// The term as written.
        term: String,
    },
    /// A field that workloads cannot be selected by.
    #[error(
        "`{field}` at character {at} is not a field to select by; use `metadata.name` or `metadata.namespace`"
    )]
    Field {
        /// The character, from 1.
        at: usize,
        /// The field as written.
        field: String,
    },
    /// A backslash before anything but `\`, `,` and `=`.
    #[error("the backslash at character {at} must come before `\\`, `,` or `=`")]
    Escape {
        /// The character, from 1.
        at: usize,
    },
    /// A value with an unescaped `=`.
    #[error("the `=` at character {at} is in a value; write it `\\=`")]
    Bare {
        /// The character, from 1.
        at: usize,
    },
}

/// Splits at the commas that are not escaped.
fn split_terms(text: &str) -> impl Iterator<Item = &str> {
    let mut escaped = false;
    text.split(move |character| {
        let splits = character == ',' && !escaped;
        escaped = character == '\\' && !escaped;
        splits
    })
}

fn parse_term(term: &str, at: usize) -> Result<Term, FieldError> {
    let found = term.char_indices().find_map(|(index, _)| {
        let (operator, wanted) = OPERATORS
            .into_iter()
            .find(|(operator, _)| term[index..].starts_with(operator))?;
        Some((&term[..index], wanted, &term[index + operator.len()..]))
    });
    let Some((field, wanted, value)) = found else {
        return Err(FieldError::Operator {
            at,
            term: term.to_owned(),
        });
    };
    let value = unescape(value, at + term[..term.len() - value.len()].chars().count())?;
    let field = match field {
        "metadata.name" => Field::Name,
        "metadata.namespace" => Field::Namespace,
        _ => {
            return Err(FieldError::Field {
                at,
                field: field.to_owned(),
            });
        }
    };
    Ok(Term {
        field,
        wanted,
        value,
    })
}

fn unescape(text: &str, at: usize) -> Result<String, FieldError> {
    let mut value = String::with_capacity(text.len());
    let mut characters = text.chars().zip(at..);
    while let Some((character, at)) = characters.next() {
        match character {
            '\\' => match characters.next() {
                Some((escaped @ ('\\' | ',' | '='), _)) => value.push(escaped),
                _ => return Err(FieldError::Escape { at }),
            },
            '=' => return Err(FieldError::Bare { at }),
            other => value.push(other),
        }
    }
    Ok(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matches(selector: &str, namespace: Option<&str>, name: &str) -> bool {
        FieldSelector::parse(selector)
            .unwrap()
            .matches(namespace, name)
    }

    #[test]
    fn name_and_namespace_are_compared_whole() {
        assert!(matches("", None, "web"));
        assert!(matches("metadata.name=web", Some("shop"), "web"));
        assert!(matches("metadata.name==web", None, "web"));
        assert!(!matches("metadata.name=web", None, "web-2"));
        assert!(matches(
            "metadata.name!=web,metadata.namespace=shop",
            Some("shop"),
            "api"
        ));
        assert!(!matches(
            "metadata.name!=web,metadata.namespace=shop",
            Some("shop"),
            "web"
        ));
        assert!(!matches("metadata.namespace=shop", None, "web"));
        assert!(matches("metadata.namespace!=shop", None, "web"));
        assert!(matches("metadata.namespace=", None, "web"));
        assert!(matches(",metadata.name=web,", None, "web"));
    }

    #[test]
    fn a_backslash_keeps_the_next_character() {
        assert!(matches(r"metadata.name=a\,b\=c\\", None, r"a,b=c\"));
    }

    #[test]
    fn what_is_no_field_selector_is_refused_where_it_stands() {
        for (text, error) in [
            (
                "metadata.name",
                FieldError::Operator {
                    at: 1,
                    term: "metadata.name".to_owned(),
                },
            ),
            (
                "metadata.name=a,x",
                FieldError::Operator {
                    at: 17,
                    term: "x".to_owned(),
                },
            ),
            (
                "metadata.name=a, x=y",
                FieldError::Field {
                    at: 17,
                    field: " x".to_owned(),
                },
            ),
            (
                "status.phase=Running",
                FieldError::Field {
                    at: 1,
                    field: "status.phase".to_owned(),
                },
            ),
            (r"metadata.name=a\b", FieldError::Escape { at: 16 }),
            (r"metadata.name=ä\", FieldError::Escape { at: 16 }),
            ("metadata.name=a=b", FieldError::Bare { at: 16 }),
            ("metadata.name===b", FieldError::Bare { at: 16 }),
        ] {
            assert_eq!(FieldSelector::parse(text), Err(error), "{text}");
        }
        let error = FieldSelector::parse("spec.x=1").unwrap_err().to_string();
        assert!(
            error.contains("`metadata.name` or `metadata.namespace`"),
            "{error}"
        );
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_as_the_same_selector(
            terms in prop::collection::vec((any::<bool>(), any::<bool>(), any::<String>()), 0..4),
        ) {
            let selector = FieldSelector(terms.into_iter().map(|(name, equal, value)| Term {
                field: if name { Field::Name } else { Field::Namespace },
                wanted: if equal { Wanted::Equal } else { Wanted::Different },
                value,
            }).collect());
            prop_assert_eq!(FieldSelector::parse(&selector.to_string()), Ok(selector));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in r"(metadata\.name|[=!,\\ aä])*") {
            if let Ok(selector) = FieldSelector::parse(&text) {
                prop_assert_eq!(FieldSelector::parse(&selector.to_string()), Ok(selector));
            }
        }
    }
}
