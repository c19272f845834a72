//! The grammar of names and tags: what they are made of, and what a short name means.

use super::{DEFAULT_REGISTRY, ImageError};

/// The longest name, registry included, that the grammar allows, in bytes.
const MAX_NAME: usize = 255;
/// The longest tag that the grammar allows, in bytes.
const MAX_TAG: usize = 128;

/// Registry and repository of a name, with what is left out in writing.
pub(super) fn normalise(name: &str) -> (String, String) {
    match split_registry(name) {
        (Some("index.docker.io") | Some(DEFAULT_REGISTRY) | None, path) if !path.contains('/') => {
            (DEFAULT_REGISTRY.to_owned(), format!("library/{path}"))
        }
        (Some("index.docker.io") | None, path) => (DEFAULT_REGISTRY.to_owned(), path.to_owned()),
        (Some(registry), path) => (registry.to_owned(), path.to_owned()),
    }
}

/// Holds a name against the grammar.
pub(super) fn check_name(name: &str) -> Result<(), ImageError> {
    // As it is asked for: what is left out in writing counts.
    let (registry, repository) = normalise(name);
    if registry.len() + 1 + repository.len() > MAX_NAME {
        return Err(ImageError::Length);
    }
    let (registry, path) = split_registry(name);
    if registry.is_some_and(|registry| !is_registry(registry)) {
        return Err(ImageError::Registry);
    }
    if !path.split('/').all(is_path_component) {
        return Err(ImageError::Name);
    }
    if registry.is_none() && path.len() == 64 && path.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Err(ImageError::Identifier);
    }
    Ok(())
}

/// Holds a tag against the grammar.
pub(super) fn is_tag(text: &str) -> bool {
    (1..=MAX_TAG).contains(&text.len())
        && !text.starts_with(['.', '-'])
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

/// The first component is a registry only with a `.` or a `:` in it, with an upper-case letter, or when it is `localhost`.
fn split_registry(name: &str) -> (Option<&str>, &str) {
    match name.split_once('/') {
        Some((first, path))
            if first == "localhost" || first.contains(['.', ':']) || first.bytes().any(|byte| byte.is_ascii_uppercase()) =>
        {
            (Some(first), path)
        }
        _ => (None, name),
    }
}

fn is_registry(text: &str) -> bool {
    let (host, port) = match text.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, "")) => (Host::V6(address), None),
            Some((address, port)) => match port.strip_prefix(':') {
                Some(port) => (Host::V6(address), Some(port)),
                None => return false,
            },
            None => return false,
        },
        None => match text.split_once(':') {
            Some((host, port)) => (Host::Name(host), Some(port)),
            None => (Host::Name(text), None),
        },
    };
    let host = match host {
        Host::V6(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        Host::Name(name) => name.split('.').all(|label| {
            !label.is_empty()
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        }),
    };
    host && port.is_none_or(|port| port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok())
}

enum Host<'a> {
    Name(&'a str),
    V6(&'a str),
}

/// Lower-case letters and digits, with `.`, `_`, `__` or any number of `-` between them.
fn is_path_component(text: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = text.as_bytes();
    let (Some(&first), Some(&last)) = (bytes.first(), bytes.last()) else {
        return false;
    };
    alphanumeric(first)
        && alphanumeric(last)
        && text
            .split(|character: char| character.is_ascii_lowercase() || character.is_ascii_digit())
            .all(|separator| matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|byte| byte == b'-'))
}
