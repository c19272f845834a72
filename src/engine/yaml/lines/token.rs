//! What stands on one line: where a dash's content begins, where keys and scalars end.

use super::Style;

/// Whether a text has no character that a reader refuses, takes for a line break or strips: no tabs, controls, marks of byte order.
pub(super) fn has_only_text(text: &str) -> bool {
    let bytes = text.as_bytes();
    // Without a way out in the middle the compiler looks at many bytes at once.
    let (mut is_text, mut is_ascii) = (true, true);
    for byte in bytes {
        is_text &= matches!(byte, b' '..=b'~' | b'\n') | (*byte >= 0x80);
        is_ascii &= *byte < 0x80;
    }
    let is_letter = |at: usize| {
        !matches!(
            bytes[at..],
            // U+0080 to U+00A0, U+2028 and U+2029, U+FEFF, U+FFFE and U+FFFF.
            [0xC2, 0x80..=0xA0, ..]
                | [0xE2, 0x80, 0xA8 | 0xA9, ..]
                | [0xEF, 0xBB, 0xBF, ..]
                | [0xEF, 0xBF, 0xBE | 0xBF, ..]
        )
    };
    is_text && (is_ascii || memchr::memchr3_iter(0xC2, 0xE2, 0xEF, bytes).all(is_letter))
}

/// Where the content behind a dash begins.
pub(super) fn dash(line: &str, column: usize) -> Option<usize> {
    let rest = line[column..].strip_prefix("- ")?;
    let content = rest.trim_start_matches(' ');
    (!content.is_empty() && !content.starts_with('#')).then(|| line.len() - content.len())
}

/// Where a plain key ends and its colon stands.
pub(super) fn key_end(line: &str, column: usize) -> Option<usize> {
    let bytes = line.as_bytes();
    let inner =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'/' | b'-');
    let length = bytes[column..].iter().position(|byte| !inner(*byte))?;
    let end = column + length;
    let begins =
        bytes[column].is_ascii_alphanumeric() || matches!(bytes[column], b'_' | b'.' | b'/');
    (length > 0 && begins && bytes[end] == b':' && matches!(bytes.get(end + 1), None | Some(b' ')))
        .then_some(end)
}

/// How long a plain scalar is that ends on its line.
pub(super) fn plain_length(rest: &str) -> Option<usize> {
    let bytes = rest.as_bytes();
    let begins = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || matches!(byte, b'_' | b'.' | b'/' | b'$' | b'(' | b'+' | b'~')
    };
    if !(begins(bytes[0])
        || bytes[0] == b'-'
            && bytes
                .get(1)
                .is_some_and(|second| begins(*second) || *second == b'-'))
    {
        return None;
    }
    let mut end = rest.len();
    for (position, byte) in bytes.iter().enumerate() {
        match byte {
            // A colon before a blank would make it a key.
            b':' if matches!(bytes.get(position + 1), None | Some(b' ')) => return None,
            b'#' if bytes[position - 1] == b' ' => {
                end = position;
                break;
            }
            _ => {}
        }
    }
    Some(rest[..end].trim_end_matches(' ').len())
}

/// How long a scalar in quotes is, and in which quotes it stands. One with an escape is left out.
pub(super) fn quoted_length(rest: &str) -> Option<(usize, Style)> {
    let bytes = rest.as_bytes();
    let (quote, style) = match bytes[0] {
        b'"' => (b'"', Style::Double),
        _ => (b'\'', Style::Single),
    };
    let inner = memchr::memchr2(quote, b'\\', &bytes[1..])?;
    let is_end = bytes[inner + 1] == quote && bytes.get(inner + 2) != Some(&quote);
    is_end.then_some((inner + 2, style))
}

/// How long a plain scalar in a flow collection is: words of letters, digits and a few signs, on which no two readers differ.
pub(super) fn flow_plain_length(rest: &str) -> Option<usize> {
    let bytes = rest.as_bytes();
    let begins =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'/' | b'$' | b'~');
    let inner = |byte: u8| {
        begins(byte) || matches!(byte, b' ' | b'-' | b'+' | b'=' | b'(' | b')' | b'@' | b'*')
    };
    let first = match bytes[0] {
        b'-' => bytes.get(1).copied().filter(|second| *second != b' ')?,
        first => first,
    };
    if !(begins(first) || first == b'-') {
        return None;
    }
    let end = bytes.iter().enumerate().position(|(at, byte)| {
        // A colon before anything else would make it a key.
        let is_inner_colon = *byte == b':' && bytes.get(at + 1).is_some_and(|next| begins(*next));
        !(inner(*byte) || is_inner_colon)
    })?;
    matches!(bytes[end], b',' | b']' | b'}').then(|| rest[..end].trim_end_matches(' ').len())
}

pub(super) fn is_blank_or_comment(behind: &str) -> bool {
    let trimmed = behind.trim_start_matches(' ');
    trimmed.is_empty() || trimmed.starts_with('#') && trimmed.len() < behind.len()
}
