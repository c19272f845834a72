//! Entries of `images`, as kustomizations have them, and Flux in a Kustomization or a HelmRelease.
//!
//! ```yaml
//! images:
//! - name: registry.example.com/shop/web
//!   newTag: "1.4"             # becomes "1.4@sha256:…"
//! - name: proxy
//!   newName: registry.example.com/proxy
//!   newTag: v2
//!   digest: sha256:…          # is replaced, the tag stays
//! ```
//!
//! What an entry follows is `newName`, or `name`, with `newTag`. An entry without a tag sets none, and is no image.

use std::collections::BTreeSet;

use crate::engine::hold::Hold;
use crate::engine::kustomize::is_pattern;
use crate::engine::path::{Path, Step};
use crate::engine::site::{IgnoreMark, Image, Memory, Role, Site, Slot, Slots};
use crate::engine::tree::{Scalar, Tree};

/// Where lists of entries stand in an object: its group, its kinds, and the keys, with `*` for the items of a list.
const LISTS: [(&str, &[&str], &[&str]); 4] = [
    (
        "kustomize.config.k8s.io",
        &["Component", "Kustomization"],
        &["images"],
    ),
    (
        "kustomize.config.k8s.io",
        &["Component", "Kustomization"],
        &["imageTags"],
    ),
    (
        "kustomize.toolkit.fluxcd.io",
        &["Kustomization"],
        &["spec", "images"],
    ),
    (
        "helm.toolkit.fluxcd.io",
        &["HelmRelease"],
        &["spec", "postRenderers", "*", "kustomize", "images"],
    ),
];

/// The images of an object's entries. `None`: an object of this kind has none.
pub(super) fn sites<'a, T: Tree<'a>>(
    api_version: &str,
    kind: &str,
    object: T,
    at: &Path,
) -> Option<Vec<Site>> {
    let group = api_version.split_once('/').map_or("", |(group, _)| group);
    let mut lists = LISTS
        .iter()
        .filter(|(own, kinds, _)| *own == group && kinds.contains(&kind))
        .peekable();
    lists.peek()?;
    let mut sites = Vec::new();
    for (.., keys) in lists {
        below(object, keys, &mut at.steps().to_vec(), &mut sites);
    }
    Some(sites)
}

fn below<'a, T: Tree<'a>>(
    node: T,
    keys: &[&'static str],
    steps: &mut Vec<Step>,
    sites: &mut Vec<Site>,
) {
    match keys {
        [] => list(node, &steps.iter().cloned().collect(), sites),
        ["*", rest @ ..] => {
            for (index, item) in node.items().into_iter().enumerate() {
                steps.push(index.into());
                below(item, rest, steps, sites);
                steps.pop();
            }
        }
        [key, rest @ ..] => {
            if let Some(value) = node.get(key) {
                steps.push((*key).into());
                below(value, rest, steps, sites);
                steps.pop();
            }
        }
    }
}

fn list<'a, T: Tree<'a>>(node: T, at: &Path, sites: &mut Vec<Site>) {
    let items = node.items();
    let (mut names, mut twice) = (BTreeSet::new(), BTreeSet::new());
    for name in items.iter().filter_map(|item| text(*item, "name")) {
        if !names.insert(name) {
            twice.insert(name);
        }
    }
    for (index, item) in items.into_iter().enumerate() {
        let Some(mut site) = entry(item, at.join(index)) else {
            continue;
        };
        if text(item, "name").is_some_and(|name| twice.contains(name)) {
            site.hold = site.hold.or_else(|| Some(Hold::duplicate_name()));
        }
        sites.push(site);
    }
}

fn text<'a, T: Tree<'a>>(item: T, key: &str) -> Option<&'a str> {
    item.get(key)?.scalar().text()
}

fn entry<'a, T: Tree<'a>>(item: T, at: Path) -> Option<Site> {
    let name = text(item, "name")?;
    let new_name = text(item, "newName").filter(|name| !name.is_empty());
    let repository = new_name.unwrap_or(name);
    let slot = |key: &'static str| {
        let text = text(item, key)?.to_owned();
        Some(Slot::written(key, text))
    };
    let is_set = |key| {
        item.get(key)
            .is_some_and(|value| !matches!(value.scalar(), Scalar::Null | Scalar::Text("")))
    };
    let (tag, digest) = (
        slot("newTag").filter(|slot| slot.text().is_some()),
        slot("digest"),
    );
    let written = item.get("newTag").or_else(|| item.get("digest"));
    let image = match item.get("newTag").map(T::scalar) {
        Some(Scalar::Bool(_)) => Image::Other("a boolean"),
        Some(Scalar::Other(what)) => Image::Other(what),
        _ if tag.is_none() && !is_set("digest") && !is_set("tagSuffix") => return None,
        _ => Image::Text(Slot::whole(repository, tag.as_ref(), digest.as_ref())),
    };
    let hold = if is_set("tagSuffix") {
        Some(Hold::tag_suffix())
    } else if repository
        .rsplit('/')
        .next()
        .is_some_and(|last| last.contains([':', '@']))
    {
        Some(Hold::invalid_entry("its name has a tag or a digest"))
    } else if tag
        .as_ref()
        .and_then(Slot::text)
        .is_some_and(|tag| tag.contains('@'))
        && is_set("digest")
    {
        Some(Hold::invalid_entry("it has a digest twice"))
    } else if new_name.is_none() && is_pattern(name) {
        Some(Hold::name_is_pattern(name))
    } else {
        None
    };
    let written = written.unwrap_or(item);
    Some(Site {
        role: Role::Other,
        name: format!("images[{name}]"),
        at,
        slots: Slots::Parts { tag, digest },
        image,
        memory: Memory::InPlace,
        pull_policy: None,
        line: written.line(),
        ignored: written.ignored().then_some(IgnoreMark::Comment),
        decided_by: None,
        hold: written.held().or(hold),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(entries: Value) -> Vec<Site> {
        let object = json!({"images": entries});
        sites(
            "kustomize.config.k8s.io/v1beta1",
            "Kustomization",
            &object,
            &Path::root(),
        )
        .unwrap()
    }

    /// What an entry follows, and what holds it.
    fn told(entry: Value) -> String {
        match read(json!([entry])).as_slice() {
            [] => "none".to_owned(),
            [site] => {
                let image = site.image.text().unwrap_or("no text");
                let code = site.hold.as_ref().map_or("", |hold| hold.code.as_str());
                format!("{image} {code}").trim().to_owned()
            }
            _ => panic!("two"),
        }
    }

    #[test]
    fn an_entry_follows_its_new_name_or_its_name_with_its_new_tag() {
        for (entry, expected) in [
            (json!({"name": "web", "newTag": "1.4"}), "web:1.4"),
            (
                json!({"name": "web", "newName": "r.test/web", "newTag": "1"}),
                "r.test/web:1",
            ),
            (
                json!({"name": "web", "newTag": "1@sha256:00"}),
                "web:1@sha256:00",
            ),
            (
                json!({"name": "web", "newTag": "1", "digest": "sha256:00"}),
                "web:1@sha256:00",
            ),
            (json!({"name": "web", "newTag": "1", "digest": ""}), "web:1"),
            (
                json!({"name": "web", "digest": "sha256:00"}),
                "web@sha256:00",
            ),
            (json!({"name": "web", "newName": "r.test/web"}), "none"),
            (json!({"name": "web"}), "none"),
            (json!({"newTag": "1"}), "none"),
            (json!({"name": "web", "newTag": 1.4}), "no text"),
            (json!({"name": "web", "tagSuffix": "-x"}), "web tag-suffix"),
            (
                json!({"name": "web", "newTag": "1@sha256:00", "digest": "sha256:00"}),
                "web:1@sha256:00@sha256:00 invalid-entry",
            ),
            (
                json!({"name": "web", "newName": "web:2", "newTag": "1"}),
                "web:2:1 invalid-entry",
            ),
            (
                json!({"name": "shop/.*", "newTag": "1"}),
                "shop/.*:1 name-is-pattern",
            ),
            (
                json!({"name": "shop/.*", "newName": "r.test/web", "newTag": "1"}),
                "r.test/web:1",
            ),
        ] {
            assert_eq!(told(entry.clone()), expected, "{entry}");
        }
        let twice = read(json!([{"name": "web", "newTag": "1"}, {"name": "web", "newTag": "2"}]));
        let codes = twice
            .iter()
            .map(|site| site.hold.as_ref().unwrap().code.as_str());
        assert!(codes.eq(["duplicate-name", "duplicate-name"]));
    }

    #[test]
    fn after_a_write_an_entry_says_the_image() {
        for (entry, to) in [
            (
                json!({"name": "web", "newTag": "1"}),
                json!({"name": "web", "newTag": "1@sha256:11"}),
            ),
            (
                json!({"name": "web", "newTag": "1@sha256:00"}),
                json!({"name": "web", "newTag": "1@sha256:11"}),
            ),
            (
                json!({"name": "web", "newTag": "1", "digest": "sha256:00"}),
                json!({"name": "web", "newTag": "1", "digest": "sha256:11"}),
            ),
            (
                json!({"name": "web", "newTag": "1", "digest": ""}),
                json!({"name": "web", "newTag": "1", "digest": "sha256:11"}),
            ),
        ] {
            let mut entries = json!({"images": [entry]});
            let site = &read(entries["images"].clone())[0];
            for change in site.write("web:1@sha256:11") {
                assert!(site.holds(&change));
                let at = entries.pointer_mut(&change.at.pointer()).unwrap();
                assert_eq!(at.as_str(), change.from.as_deref());
                *at = change.to.unwrap().into();
            }
            assert_eq!(entries["images"][0], to);
            assert_eq!(
                read(entries["images"].clone())[0].image.text(),
                Some("web:1@sha256:11")
            );
            // What was read, written again, changes nothing.
            assert!(
                site.write(site.image.text().unwrap())
                    .iter()
                    .all(|change| change.from == change.to)
            );
        }
    }
}
