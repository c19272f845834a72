//! What text means to the readers of manifests, where they do not all agree: plain scalars, and line breaks.

use crate::engine::tree::Scalar;

/// What a plain scalar is to the readers of manifests: YAML 1.2's core schema, and YAML 1.1's words for booleans, which kubectl knows.
pub(in crate::engine) fn resolve_plain(text: &str) -> Scalar<'_> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "true" | "True" | "TRUE" | "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => {
            return Scalar::Bool(true);
        }
        "false" | "False" | "FALSE" | "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => {
            return Scalar::Bool(false);
        }
        _ => {}
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    // Nothing else begins a number, and most scalars begin with something else.
    if !unsigned.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '.' | '_')) {
        return Scalar::Text(text);
    }
    let digits = unsigned.replace('_', "");
    let radix = [("0x", 16), ("0o", 8), ("0b", 2)]
        .into_iter()
        .find_map(|(prefix, radix)| Some((digits.strip_prefix(prefix)?, radix)));
    let number = match radix {
        Some((digits, radix)) => {
            !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix))
        }
        None => {
            matches!(
                unsigned,
                ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN"
            ) || digits.starts_with(|first: char| first.is_ascii_digit() || first == '.')
                && digits.parse::<f64>().is_ok()
        }
    };
    if number {
        Scalar::Other("a number")
    } else {
        Scalar::Text(text)
    }
}

/// The places of line breaks that only some readers know, in order: a lone CR, U+0085, U+2028, U+2029.
pub(super) fn ambiguous_breaks(text: &str) -> impl Iterator<Item = (usize, &'static str)> {
    let bytes = text.as_bytes();
    memchr::memchr3_iter(b'\r', 0xC2, 0xE2, bytes).filter_map(|at| {
        let name = match bytes[at..] {
            [b'\r', b'\n', ..] => return None,
            [b'\r', ..] => "a lone carriage return",
            [0xC2, 0x85, ..] => "U+0085",
            [0xE2, 0x80, 0xA8, ..] => "U+2028",
            [0xE2, 0x80, 0xA9, ..] => "U+2029",
            _ => return None,
        };
        Some((at, name))
    })
}
