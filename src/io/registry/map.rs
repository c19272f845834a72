//! Who is asked: `--registry-map FROM=TO`, and Docker Hub's other name.
//!
//! A map changes whom we ask (and whose credentials are used), never what a manifest says.

use crate::engine::image::{ImageRef, Lookup};

/// `FROM=TO`: images whose normalised name begins with FROM are asked of TO.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Map {
    from: String,
    to: String,
}

/// Why a text is no map.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MapError {
    /// There is no `=`.
    #[error("`{0}` is not FROM=TO")]
    Shape(String),
    /// A side is no registry with an optional path.
    #[error(
        "`{0}` is not a registry with an optional path, such as `docker.io` or `registry.example.test:5000/hub`"
    )]
    Side(String),
}

impl Map {
    /// Takes `FROM=TO` apart. Both sides begin with a registry.
    pub fn parse(text: &str) -> Result<Self, MapError> {
        let (from, to) = text
            .split_once('=')
            .ok_or_else(|| MapError::Shape(text.to_owned()))?;
        Ok(Self {
            from: side(from)?,
            to: side(to)?,
        })
    }

    /// The components of FROM, where the name begins with them, and the rest of the name.
    fn matches<'a>(&self, name: &'a str) -> Option<(usize, &'a str)> {
        let rest = name.strip_prefix(&self.from)?;
        (rest.is_empty() || rest.starts_with('/')).then_some((self.from.len(), rest))
    }
}

fn side(text: &str) -> Result<String, MapError> {
    let text = text.trim().trim_end_matches('/');
    let text = text
        .strip_prefix("index.docker.io")
        .map_or_else(|| text.to_owned(), |rest| format!("docker.io{rest}"));
    let registry = text.split('/').next().unwrap_or_default();
    // With a last component put behind it, it must be an image's name whose registry is the first component.
    let example = format!("{text}/image");
    match ImageRef::parse(&example) {
        Ok(image)
            if image.tag().is_none()
                && !image.has_digest()
                && image.lookup().registry() == registry =>
        {
            Ok(text)
        }
        _ => Err(MapError::Side(text)),
    }
}

/// Who is asked for a lookup: the registry as names have it, and the repository's path there.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Target {
    pub(super) registry: String,
    pub(super) repository: String,
}

/// Applies the map with the longest FROM, and says which; without one, the lookup's own registry is asked.
pub(super) fn target<'m>(maps: &'m [Map], lookup: &Lookup) -> (Target, Option<&'m Map>) {
    let name = lookup.name();
    let longest = maps
        .iter()
        .filter_map(|map| map.matches(name).map(|found| (found, map)))
        .max_by_key(|((length, _), _)| *length);
    let Some(((_, rest), map)) = longest else {
        let own = Target {
            registry: lookup.registry().to_owned(),
            repository: lookup.repository().to_owned(),
        };
        return (own, None);
    };
    let mapped = format!("{}{rest}", map.to);
    let (registry, repository) = mapped.split_once('/').unwrap_or((&mapped, ""));
    let target = Target {
        registry: registry.to_owned(),
        repository: repository.to_owned(),
    };
    (target, Some(map))
}

/// Whether one of these hosts is a target's registry.
pub(super) fn names(hosts: &[String], target: &Target) -> bool {
    hosts
        .iter()
        .any(|host| host.eq_ignore_ascii_case(&target.registry))
}

/// The host that answers for a registry's name.
pub(super) fn host(registry: &str) -> &str {
    if registry == "docker.io" {
        "registry-1.docker.io"
    } else {
        registry
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(maps: &[&str], image: &str) -> String {
        let maps: Vec<Map> = maps.iter().map(|map| Map::parse(map).unwrap()).collect();
        let (target, _) = target(&maps, &ImageRef::parse(image).unwrap().lookup());
        format!("{} {}", target.registry, target.repository)
    }

    #[test]
    fn a_map_matches_at_component_boundaries_and_the_longest_wins() {
        let maps = [
            "docker.io=mirror.example.test/hub",
            "docker.io/shop=shop.example.test",
            "docker.io/shop/web=localhost:5000/one/two/",
        ];
        assert_eq!(
            asked(&maps, "nginx:1.25"),
            "mirror.example.test hub/library/nginx"
        );
        assert_eq!(asked(&maps, "shop/api"), "shop.example.test api");
        assert_eq!(
            asked(&maps, "shopping/api"),
            "mirror.example.test hub/shopping/api"
        );
        assert_eq!(asked(&maps, "shop/web:2"), "localhost:5000 one/two");
        assert_eq!(asked(&maps, "shop/website"), "shop.example.test website");
        assert_eq!(
            asked(&maps, "registry.example.test/shop/web"),
            "registry.example.test shop/web"
        );
        assert_eq!(
            asked(&["index.docker.io=mirror.example.test"], "nginx"),
            "mirror.example.test library/nginx"
        );
    }

    #[test]
    fn a_map_without_registries_is_refused() {
        assert_eq!(
            Map::parse("docker.io"),
            Err(MapError::Shape("docker.io".to_owned()))
        );
        for text in [
            "nginx=mirror.example.test",
            "docker.io=mirror",
            "=a.test",
            "a.test=",
            "a.test=https://b.test",
            "a.test:x=b.test",
            "a.test/b:1=c.test",
        ] {
            assert!(matches!(Map::parse(text), Err(MapError::Side(_))), "{text}");
        }
    }
}
