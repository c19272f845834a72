//! Which keys of a mapping name an image, and what they say.

use crate::engine::helm::DefaultImage;
use crate::engine::hold::Hold;
use crate::engine::image::{ImageRef, is_placeholder};
use crate::engine::tree::{Scalar, Tree};

/// The repository that a mapping names.
pub(super) fn repository<'a, T: Tree<'a>>(
    map: T,
    key: &str,
    global: Option<&str>,
    default: Option<&DefaultImage>,
) -> Named {
    let text = |key| text(map, key);
    let Some((name_key, name)) = name_key(map, key) else {
        let mut entries = map.entries().into_iter();
        return match (is_image(key), default) {
            (true, _) if entries.any(|(key, value)| is_whole(key, value)) => Named::Not,
            (_, Some(image)) => Named::Name(image.name.clone()),
            (true, None) => Named::Hold(Hold::name_missing()),
            (false, None) => Named::Not,
        };
    };
    if let Some(key) = other_registry(map, key) {
        return Named::Hold(Hold::registry_unknown(key));
    }
    let own = text("registry");
    let more = more(map, key, (name_key, name));
    if name_key == "repository" && more.is_none() && text("image").is_some() {
        return Named::Hold(Hold::name_missing());
    }
    let name = match more {
        Some((_, more)) => format!("{name}/{more}"),
        None => name.to_owned(),
    };
    let has_host = || {
        let first = name.split_once('/').map(|(first, _)| first);
        first.is_some_and(|first| first.contains(['.', ':']) || first == "localhost")
    };
    let registry = match (own, global) {
        (Some(own), Some(global)) if own != global && !name.starts_with("bitnami") => {
            return Named::Hold(Hold::two_registries());
        }
        (_, Some(global)) if own.is_some() || !has_host() => Some(global),
        (own, _) => own,
    };
    let whole = match registry.map(|registry| registry.trim_end_matches('/')) {
        Some(registry) if registry.contains("://") => return Named::Hold(Hold::name_missing()),
        Some(registry) => format!("{registry}/{name}"),
        None => name,
    };
    let is_name = match ImageRef::parse(&whole) {
        Ok(image) => image.tag().is_none() && !image.has_digest(),
        Err(_) => is_placeholder(&whole) && !whole.contains("://"),
    };
    match is_name {
        true => Named::Name(whole),
        false => Named::Not,
    }
}

/// The key and the text of what stands behind the name in a key of its own.
fn more<'a, T: Tree<'a>>(
    map: T,
    key: &str,
    (name_key, name): (&str, &str),
) -> Option<(&'static str, &'a str)> {
    let named = |key: &'static str| Some((key, text(map, key)?));
    let is_in_parts = || text(map, "registry").is_some() && is_group(key);
    let is_host = || !name.contains('/') && name.contains('.');
    if name_key != "repository" {
        return None;
    }
    let name = named("name").filter(|_| is_in_parts());
    name.or_else(|| named("image").filter(|_| is_host()))
}

/// The keys that the repository of a mapping is written in.
pub(super) fn name_keys<'a, T: Tree<'a>>(map: T, key: &str) -> [Option<&'static str>; 3] {
    let name = name_key(map, key);
    let more = name.and_then(|name| more(map, key, name));
    let registry = name.map(|_| "registry");
    [name.map(|(key, _)| key), more.map(|(key, _)| key), registry]
}

/// The key, other than `registry`, of what a chart may put before the repository: `hub`, `imageRegistry`, `registryUrl`, …
fn other_registry<'a, T: Tree<'a>>(map: T, group: &str) -> Option<&'a str> {
    let is_one = |key: &str| {
        let key = key.to_ascii_lowercase();
        key != "registry"
            && (key.ends_with("hub")
                || key.ends_with("registry")
                || key.starts_with("registryurl")
                || key.starts_with("registryhost")
                || is_group(group) && ["domain", "host", "org", "prefix"].contains(&&*key))
    };
    let mut entries = map.entries().into_iter();
    entries.find_map(|(key, value)| {
        let is_filled = matches!(value.scalar(), Scalar::Text(text) if !text.is_empty());
        (is_filled && is_one(key)).then_some(key)
    })
}

/// What a mapping says of its repository.
pub(super) enum Named {
    Name(String),
    /// It is meant for an image, and this is not known.
    Hold(Hold),
    /// It is no image.
    Not,
}

/// The values of all charts that say where images come from, as charts that come from one family read them.
pub(super) fn global_registry<'a, T: Tree<'a>>(values: T) -> Option<String> {
    let global = values.get("global")?;
    let registry = text(global, "imageRegistry").or_else(|| text(global.get("image")?, "registry"));
    registry.map(str::to_owned)
}

/// The key of the tag in a mapping that is meant for an image. The key need not be there.
pub(super) fn tag_key<'a, T: Tree<'a>>(map: T, key: &str) -> Option<&'static str> {
    let has = |key: &str| map.get(key).is_some();
    let names_one = || name_key(map, key).is_some();
    if let Some(written) = ["tag", "imageTag"].into_iter().find(|key| has(key)) {
        return Some(written);
    }
    if is_image(key) && has("version") && names_one() {
        return Some("version");
    }
    let is_meant = has("repository") && (is_group(key) || has("digest") || has("sha"));
    (is_meant && names_one()).then_some("tag")
}

/// The key and the text of a repository in a mapping.
pub(super) fn name_key<'a, T: Tree<'a>>(map: T, key: &str) -> Option<(&'static str, &'a str)> {
    let named = |key: &'static str| Some((key, text(map, key)?));
    named("repository")
        .or_else(|| named("repo").filter(|_| is_group(key)))
        .or_else(|| named("image").filter(|(_, text)| !is_reference(text)))
        .or_else(|| named("name").filter(|_| is_group(key)))
}

/// Whether a text is an image with a tag or a digest.
pub(super) fn is_reference(text: &str) -> bool {
    ImageRef::parse(text).is_ok_and(|image| image.tag().is_some() || image.has_digest())
}

/// Whether an entry is a whole image.
pub(super) fn is_whole<'a, T: Tree<'a>>(key: &str, value: T) -> bool {
    is_image(key) && value.scalar().text().is_some_and(is_reference)
}

/// `image`, `initImage`, …
pub(super) fn is_image(key: &str) -> bool {
    ends_with(key, "image")
}

/// The same, and `images`.
pub(super) fn is_group(key: &str) -> bool {
    is_image(key) || ends_with(key, "images")
}

fn ends_with(key: &str, end: &str) -> bool {
    let from = key.len().checked_sub(end.len());
    from.and_then(|from| key.get(from..))
        .is_some_and(|rest| rest.eq_ignore_ascii_case(end))
}

/// The text of a key that is not empty.
pub(super) fn text<'a, T: Tree<'a>>(map: T, key: &str) -> Option<&'a str> {
    map.get(key)?
        .scalar()
        .text()
        .filter(|text| !text.is_empty())
}

/// Whether a switch is on.
pub(super) fn is_set<'a, T: Tree<'a>>(map: T, key: &str) -> bool {
    match map.get(key).map(T::scalar) {
        Some(Scalar::Bool(is_on)) => is_on,
        // To a template, any text is true.
        Some(Scalar::Text(text)) => !text.is_empty(),
        _ => false,
    }
}
