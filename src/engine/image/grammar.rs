//! The grammar of names and tags, and what a short name stands for.

use super::{DEFAULT_REGISTRY, ImageError};

/// The longest name, registry included, that the grammar allows, in bytes.
const MAX_NAME: usize = 255;
/// The longest tag that the grammar allows, in bytes.
const MAX_TAG: usize = 128;

/// A name without tag and digest, split where its registry ends.
pub(super) struct Name<'t> {
    registry: Option<&'t str>,
    path: &'t str,
}

impl<'t> Name<'t> {
    pub(super) fn new(name: &'t str) -> Self {
        let (registry, path) = split_registry(name);
        Self { registry, path }
    }

    /// Its registry; [`DEFAULT_REGISTRY`] if it names none.
    pub(super) fn registry(&self) -> &'t str {
        match self.registry {
            Some("index.docker.io") | None => DEFAULT_REGISTRY,
            Some(registry) => registry,
        }
    }

    /// Its repository: the part that may be left out (`library/`), and the part that is written.
    pub(super) fn repository(&self) -> [&'t str; 2] {
        let is_official = self.registry() == DEFAULT_REGISTRY && !self.path.contains('/');
        [if is_official { "library/" } else { "" }, self.path]
    }

    /// Checks it against the grammar.
    pub(super) fn check(&self) -> Result<(), ImageError> {
        // Measure the full name, with the parts that are left out.
        let [omitted, path] = self.repository();
        if self.registry().len() + 1 + omitted.len() + path.len() > MAX_NAME {
            return Err(ImageError::Length);
        }
        if self.registry.is_some_and(|registry| !is_registry(registry)) {
            return Err(ImageError::Registry);
        }
        if !path.split('/').all(is_path_component) {
            return Err(ImageError::Name);
        }
        if self.registry.is_none()
            && path.len() == 64
            && path.bytes().all(|byte| byte.is_ascii_hexdigit())
        {
            return Err(ImageError::Identifier);
        }
        Ok(())
    }

    /// Whether both are the same repository.
    pub(super) fn means_same(&self, other: &Name<'_>) -> bool {
        let (own, others) = (self.repository(), other.repository());
        self.registry() == other.registry()
            && own
                .iter()
                .flat_map(|part| part.bytes())
                .eq(others.iter().flat_map(|part| part.bytes()))
    }
}

/// Whether a text is a valid tag.
pub fn is_tag(text: &str) -> bool {
    (1..=MAX_TAG).contains(&text.len())
        && !text.starts_with(['.', '-'])
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
}

/// The first component is a registry only if it has a `.` or a `:`, or is `localhost`. Docker also takes one with an upper-case
/// letter for a registry. Here a bare `REGISTRY/` is a placeholder, because a reachable host has a `.` or a port.
fn split_registry(name: &str) -> (Option<&str>, &str) {
    match name.split_once('/') {
        Some((first, path))
            if first == "localhost" || first.bytes().any(|byte| matches!(byte, b'.' | b':')) =>
        {
            (Some(first), path)
        }
        _ => (None, name),
    }
}

/// Whether a text is a valid registry: a host with an optional port.
pub(super) fn is_registry(text: &str) -> bool {
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
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        }),
    };
    host && port.is_none_or(|port| {
        port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok()
    })
}

enum Host<'a> {
    Name(&'a str),
    V6(&'a str),
}

/// Lower-case letters and digits, separated by `.`, `_`, `__` or any number of `-`.
fn is_path_component(text: &str) -> bool {
    let is_alphanumeric = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let mut rest = text.as_bytes();
    loop {
        let word = rest.iter().position(|byte| !is_alphanumeric(byte));
        let (word, behind) = rest.split_at(word.unwrap_or(rest.len()));
        if word.is_empty() || behind.is_empty() {
            return !word.is_empty();
        }
        let separator = behind.iter().position(is_alphanumeric);
        let (separator, next) = behind.split_at(separator.unwrap_or(behind.len()));
        if !matches!(separator, b"." | b"_" | b"__") && separator.iter().any(|byte| *byte != b'-') {
            return false;
        }
        rest = next;
    }
}
