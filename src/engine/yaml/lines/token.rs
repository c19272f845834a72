//! What stands on one line: where a dash's content begins, where a key and a plain scalar end.

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

pub(super) fn is_blank_or_comment(behind: &str) -> bool {
    let trimmed = behind.trim_start_matches(' ');
    trimmed.is_empty() || trimmed.starts_with('#') && trimmed.len() < behind.len()
}
