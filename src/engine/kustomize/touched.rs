//! What changes a part of an image whose parts have scalars of their own: a digest must not stay with another tag or another name.
//!
//! ```yaml
//! values:
//!   image: {repository: registry.example.com/shop/web, tag: "1.4", digest: "sha256:…"}
//! ```

use crate::engine::helm;
use crate::engine::path::Step;
use crate::engine::site::{Site, Slots};
use crate::engine::tree::Tree;

use super::place::{any_item, keys};

/// The most places of one merge that are told apart, and the most keys to one.
const MOST: usize = 10_000;
const DEEPEST: usize = 32;

/// The keys of an object of which each says values of a chart.
const LAYERS: [&str; 9] = [
    "fileParameters",
    "parameters",
    "set",
    "valueFiles",
    "values",
    "valuesContent",
    "valuesFrom",
    "valuesObject",
    "valuesSecrets",
];

/// What is in the names of keys that may say a part of an image.
const PARTS: [&str; 15] = [
    "digest", "domain", "host", "hub", "image", "name", "org", "prefix", "registry", "repo",
    "semver", "sha", "tag", "url", "version",
];

/// Whether the parts of an image have scalars of their own, or other text is beside it.
pub(super) fn is_split(site: &Site) -> bool {
    !matches!(site.slots, Slots::Whole(_))
}

/// Whether a change at a path may change a part of the image of a site, or what is around it. `steps` lead to the site in its object. A
/// key `#` or `*` is any item.
pub(super) fn touches(path: &[String], steps: &[Step], site: &Site) -> bool {
    // An operation has its path for its name.
    if let [Step::Index(_), ..] = steps {
        let own = keys(&any_item(&site.name));
        return path.iter().zip(&own).all(|(key, own)| key == own);
    }
    match &site.slots {
        Slots::Whole(_) => false,
        Slots::Behind(_) => is_around(path, steps.iter()),
        Slots::Parts(parts) => {
            let around = parts.iter().filter_map(|slot| slot.steps.split_last());
            let mut around = around.map(|(_, around)| around).chain([&[][..]]);
            around.any(|around| is_around(path, steps.iter().chain(around)))
        }
    }
}

/// Whether a path leads to what is around a mapping with parts of an image, or to another part in it.
fn is_around<'s>(path: &[String], mapping: impl Iterator<Item = &'s Step>) -> bool {
    let (mut before, mut rest) = ("", path);
    for step in mapping {
        let [key, below @ ..] = rest else {
            return true;
        };
        let is_any = matches!(&**key, "#" | "*");
        match step {
            Step::Inside(_) => return true,
            Step::Key(own) if !is_any && own != key => return is_layer(before, rest),
            Step::Index(_) if !is_any => return false,
            Step::Key(_) | Step::Index(_) => {}
        }
        (before, rest) = (key, below);
    }
    rest.first().is_none_or(|key| is_part(key))
}

/// Whether other values at a path may say a part of any image: those of another layer, or the registry of all.
fn is_layer(before: &str, path: &[String]) -> bool {
    let is_registry = |key: &String| key.to_ascii_lowercase().contains("registry");
    match &*path[0] {
        "global" => path.len() == 1 || path.iter().any(is_registry),
        key => matches!(before, "helm" | "spec") && LAYERS.contains(&key),
    }
}

fn is_part(key: &str) -> bool {
    let lower = key.to_ascii_lowercase();
    let names_a_part = || PARTS.iter().any(|part| lower.contains(part));
    !lower.contains("pull")
        && (names_a_part() || helm::VARIANTS.contains(&key) || matches!(key, "#" | "*" | "value"))
}

/// The steps to the values of a HelmRelease, or to a place beside those of each source of Argo CD.
pub(super) fn values(of_release: bool) -> Vec<Vec<Step>> {
    let keys = |keys: &[&'static str]| Vec::from_iter(keys.iter().map(|key| Step::from(*key)));
    if of_release {
        return vec![keys(&["spec", "values"])];
    }
    let specs = [&["spec"][..], &["spec", "template", "spec"]];
    let sources = [
        keys(&["source"]),
        [keys(&["sources"]), vec![0.into()]].concat(),
    ];
    let all = specs
        .iter()
        .flat_map(|spec| sources.iter().map(|source| (keys(spec), source)));
    all.map(|(spec, source)| [&spec, &**source, &keys(&["helm", ""])].concat())
        .collect()
}

/// The objects of a document: itself, or the items of a list.
pub(super) fn objects<'a, T: Tree<'a>>(document: T) -> Vec<T> {
    let kind = document.get("kind").and_then(|kind| kind.scalar().text());
    let is_list = kind.is_some_and(|kind| kind.ends_with("List"));
    let items = document.get("items").filter(|_| is_list);
    items.map_or_else(|| vec![document], T::items)
}

/// The places that a merge changes, as pointers.
pub(super) fn merged<'a, T: Tree<'a>>(object: T) -> Vec<String> {
    let mut found = Vec::new();
    let directive = object.get("$patch").and_then(|value| value.scalar().text());
    // What is not built keeps no digest.
    if directive == Some("delete") {
        return found;
    }
    let mut due = vec![(object, String::new(), 0)];
    while let Some((node, at, depth)) = due.pop() {
        if found.len() + due.len() > MOST {
            return vec![String::new()];
        }
        for (key, value) in node.entries() {
            let is_outside = depth == 0 && matches!(key, "apiVersion" | "kind" | "metadata");
            if is_outside {
                continue;
            }
            let place = || format!("{at}/{}", key.replace('~', "~0").replace('/', "~1"));
            match value.entries().is_empty() || depth == DEEPEST {
                _ if key.starts_with('$') => found.push(at.clone()),
                true => found.push(any_item(&place())),
                false => due.push((value, place(), depth + 1)),
            }
        }
    }
    found
}
