//! What libyaml's readers make of letters without quotes: null, a boolean, a number or a string, as `serde_yaml` tells them. The words of
//! YAML 1.1 (`yes`, `on`) are strings here; our own reading tells those apart.

use std::num::ParseIntError;

use crate::engine::splice::difference::{Leaf, Number};

/// The value of a plain scalar without a tag. It hangs on the letters alone.
pub(in crate::engine) fn resolved(letters: &str) -> Leaf<'_> {
    match letters {
        "" | "~" | "null" | "Null" | "NULL" => return Leaf::Null,
        "true" | "True" | "TRUE" => return Leaf::Bool(true),
        "false" | "False" | "FALSE" => return Leaf::Bool(false),
        _ => {}
    }
    // Nothing else begins a number, and most scalars begin with something else.
    if !letters
        .starts_with(|first: char| first.is_ascii_digit() || matches!(first, '+' | '-' | '.'))
    {
        return Leaf::Text(letters);
    }
    let number = whole(letters).or_else(|| {
        let fraction = fraction(letters).filter(|_| !is_text_of_digits(letters));
        fraction.map(|fraction| Number::Fraction(fraction.to_bits()))
    });
    number.map_or(Leaf::Text(letters), Leaf::Number)
}

/// The letters as a whole number of at most 128 bits.
pub(super) fn whole(letters: &str) -> Option<Number> {
    unsigned(letters, u64::from_str_radix)
        .map(Number::Whole)
        .or_else(|| negative(letters, i64::from_str_radix).map(Number::Negative))
        .or_else(|| unsigned(letters, u128::from_str_radix).map(Number::Huge))
        .or_else(|| negative(letters, i128::from_str_radix).map(Number::HugeNegative))
}

/// The letters as a number with a fraction, or as one that is none.
pub(super) fn fraction(letters: &str) -> Option<f64> {
    let unsigned = letters.strip_prefix('+').unwrap_or(letters);
    match (unsigned, letters) {
        (".inf" | ".Inf" | ".INF", _) => return Some(f64::INFINITY),
        (_, "-.inf" | "-.Inf" | "-.INF") => return Some(f64::NEG_INFINITY),
        (_, ".nan" | ".NaN" | ".NAN") => return Some(f64::NAN.copysign(1.0)),
        _ => {}
    }
    if unsigned.len() < letters.len() && unsigned.starts_with(['+', '-']) {
        return None;
    }
    unsigned
        .parse()
        .ok()
        .filter(|number: &f64| number.is_finite())
}

type Parse<T> = fn(&str, u32) -> Result<T, ParseIntError>;

const RADIXES: [(&str, u32); 3] = [("0x", 16), ("0o", 8), ("0b", 2)];

fn unsigned<T>(letters: &str, parse: Parse<T>) -> Option<T> {
    let digits = letters.strip_prefix('+').unwrap_or(letters);
    let radix = RADIXES
        .iter()
        .find_map(|(prefix, radix)| Some((digits.strip_prefix(prefix)?, *radix)));
    let (digits, radix) = radix.unwrap_or((digits, 10));
    if digits.starts_with(['+', '-']) || radix == 10 && is_text_of_digits(letters) {
        return None;
    }
    parse(digits, radix).ok()
}

fn negative<T>(letters: &str, parse: Parse<T>) -> Option<T> {
    let digits = letters.strip_prefix('-')?;
    let radix = RADIXES
        .iter()
        .find_map(|(prefix, radix)| Some((digits.strip_prefix(prefix)?, *radix)));
    match radix {
        Some((digits, radix)) => parse(&format!("-{digits}"), radix).ok(),
        None if is_text_of_digits(letters) => None,
        None => parse(letters, 10).ok(),
    }
}

/// Whether digits behind a zero are a string, as in YAML 1.2.
fn is_text_of_digits(letters: &str) -> bool {
    let digits = letters.strip_prefix(['-', '+']).unwrap_or(letters);
    digits.len() > 1 && digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_yaml::Value;

    use super::*;

    fn by_another_reader(letters: &str) -> String {
        match serde_yaml::from_str(letters) {
            Ok(Value::Number(number)) if number.is_f64() => {
                format!("{:?}", number.as_f64().unwrap_or_default().to_bits())
            }
            Ok(Value::Number(number)) => number.to_string(),
            Ok(value) => format!("{value:?}"),
            // Its values have no whole numbers beyond 64 bits.
            Err(_) => "beyond".to_owned(),
        }
    }

    fn by_this_one(letters: &str) -> String {
        match resolved(letters) {
            Leaf::Null => format!("{:?}", Value::Null),
            Leaf::Bool(value) => format!("{:?}", Value::Bool(value)),
            Leaf::Text(text) => format!("{:?}", Value::String(text.to_owned())),
            Leaf::Number(Number::Whole(number)) => number.to_string(),
            Leaf::Number(Number::Negative(number)) => number.to_string(),
            Leaf::Number(Number::Fraction(bits)) => format!("{bits:?}"),
            Leaf::Number(Number::Huge(_) | Number::HugeNegative(_)) => "beyond".to_owned(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn letters_are_what_another_reader_makes_of_them() {
        let listed = [
            "~",
            "null",
            "Null",
            "nULL",
            "true",
            "TRUE",
            "yes",
            "on",
            "False",
            "0",
            "-0",
            "+0",
            "00",
            "-00",
            "007",
            "1_000",
            "0x1F",
            "-0x1f",
            "+0x1f",
            "0x-1",
            "0x",
            "0o17",
            "-0o17",
            "0b101",
            "-0b2",
            "1.5",
            "+1.5",
            "-1.5",
            "+-1",
            "-+1",
            "++1",
            "1e3",
            "1e400",
            ".5",
            "5.",
            ".",
            "-.",
            ".inf",
            "-.INF",
            "+.Inf",
            ".nan",
            "-.nan",
            "inf",
            "-inf",
            "nan",
            "infinity",
            "+nan",
            "18446744073709551615",
            "18446744073709551616",
            "-9223372036854775808",
            "-9223372036854775809",
            "340282366920938463463374607431768211456",
            "1.25.4",
            "1:2",
            "a",
            "-a",
            "2026-11-28",
        ];
        for letters in listed {
            assert_eq!(
                by_this_one(letters),
                by_another_reader(letters),
                "{letters}"
            );
        }
        let digits =
            "[-+]{0,2}(0x|0o|0b|0)?[0-9a-f._e]{0,4}([-+][0-9])?|[0-9]{18,21}|-[0-9]{18,20}";
        let config = ProptestConfig {
            cases: 5_000,
            failure_persistence: None,
            ..ProptestConfig::default()
        };
        proptest!(config, |(letters in digits)| {
            // A dash alone begins a sequence, three dots end a document.
            if !["-", "..."].contains(&letters.as_str()) {
                prop_assert_eq!(by_this_one(&letters), by_another_reader(&letters), "{}", letters);
            }
        });
    }
}
