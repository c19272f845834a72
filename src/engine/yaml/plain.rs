//! What text means to the readers of manifests, where they do not all agree: plain scalars, and line breaks.

use memchr::memmem;

use crate::engine::tree::Scalar;

/// What a plain scalar is to the readers of manifests: YAML 1.2's core schema, and YAML 1.1's words for booleans, which kubectl knows.
pub(in crate::engine) fn resolve_plain(text: &str) -> Scalar<'_> {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Scalar::Null,
        "true" | "True" | "TRUE" | "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" => return Scalar::Bool(true),
        "false" | "False" | "FALSE" | "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" => return Scalar::Bool(false),
        _ => {}
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let digits = unsigned.replace('_', "");
    let radix =
        [("0x", 16), ("0o", 8), ("0b", 2)].into_iter().find_map(|(prefix, radix)| Some((digits.strip_prefix(prefix)?, radix)));
    let number = match radix {
        Some((digits, radix)) => !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(radix)),
        None => {
            matches!(unsigned, ".inf" | ".Inf" | ".INF" | ".nan" | ".NaN" | ".NAN")
                || digits.starts_with(|first: char| first.is_ascii_digit() || first == '.') && digits.parse::<f64>().is_ok()
        }
    };
    if number { Scalar::Other("a number") } else { Scalar::Text(text) }
}

/// The places of line breaks that only some readers know: a lone CR, U+0085, U+2028, U+2029.
pub(super) fn ambiguous_breaks(text: &str) -> Vec<(usize, &'static str)> {
    let bytes = text.as_bytes();
    let lone =
        memchr::memchr_iter(b'\r', bytes).filter(|at| bytes.get(at + 1) != Some(&b'\n')).map(|at| (at, "a lone carriage return"));
    let next_line = memmem::find_iter(bytes, "\u{85}").map(|at| (at, "U+0085"));
    let separators = memmem::find_iter(bytes, b"\xE2\x80").filter_map(|at| match bytes.get(at + 2) {
        Some(0xA8) => Some((at, "U+2028")),
        Some(0xA9) => Some((at, "U+2029")),
        _ => None,
    });
    let mut breaks: Vec<_> = lone.chain(next_line).chain(separators).collect();
    breaks.sort_unstable();
    breaks
}
