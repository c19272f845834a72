//! Entries of `images`, as kustomizations have them, Flux in a Kustomization or a HelmRelease, and Argo CD in an Application.
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
//! Argo CD has them as strings: `web=registry.example.com/shop/web:1.4`.
//!
//! What an entry follows is `newName`, or `name`, with `newTag`. An entry without a tag sets none, and is no image.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use super::releases::below;
use super::{Kinds, group_of};
use crate::engine::argocd::{self, GROUP as ARGO};
use crate::engine::hold::Hold;
use crate::engine::image::Digest;
use crate::engine::kustomize::{ENTRIES, is_pattern, split};
use crate::engine::marks::Mark;
use crate::engine::path::Path;
use crate::engine::site::{Comments, Image, Memory, Parts, Role, Site, Slot, Slots, marks};
use crate::engine::tree::{Scalar, Tree};

/// Where mappings with the keys of a kustomization stand in an object: its group, its kinds, and the keys, with `*` for the items of a
/// list.
const MAPPINGS: [(&str, &[&str], &[&str]); 8] = [
    (
        "kustomize.config.k8s.io",
        &["Component", "Kustomization"],
        &[],
    ),
    ("kustomize.toolkit.fluxcd.io", &["Kustomization"], &["spec"]),
    (
        "helm.toolkit.fluxcd.io",
        &["HelmRelease"],
        &["spec", "postRenderers", "*", "kustomize"],
    ),
    (ARGO, &["Application"], &["spec", "source", "kustomize"]),
    (
        ARGO,
        &["Application"],
        &["spec", "sources", "*", "kustomize"],
    ),
    (
        ARGO,
        &["ApplicationSet"],
        &["spec", "template", "spec", "source", "kustomize"],
    ),
    (
        ARGO,
        &["ApplicationSet"],
        &["spec", "template", "spec", "sources", "*", "kustomize"],
    ),
    (ARGO, &[argocd::SOURCE], &["kustomize"]),
];

/// Where the digest of an entry goes that has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EntryDigest {
    /// Behind the tag: `newTag: 1.4@sha256:…`.
    #[default]
    BehindTag,
    /// Into a field of its own: `digest: sha256:…`.
    Field,
}

/// What the annotations begin with by which Argo CD Image Updater is told what to write into an Application.
const UPDATER: &str = "argocd-image-updater.argoproj.io/";

/// The mappings with the keys of a kustomization in an object, each with its place. `None`: an object of this kind has none.
pub(super) fn mappings<'a, T: Tree<'a>>(
    api_version: &str,
    kind: &str,
    object: T,
    at: &Path,
) -> Option<Vec<(T, Path)>> {
    let group = group_of(api_version);
    let mut places = MAPPINGS
        .iter()
        .filter(|(own, kinds, _)| *own == group && kinds.contains(&kind))
        .peekable();
    places.peek()?;
    let mut found = Vec::new();
    for (.., keys) in places {
        below(object, keys, &mut at.steps().to_vec(), &mut found);
    }
    Some(found)
}

/// The groups that are known to have a kind of this name. No patch meets what `kustomize` builds from.
pub(super) fn groups(kind: &str) -> impl Iterator<Item = &str> {
    let rows = MAPPINGS.iter();
    rows.filter(move |(_, kinds, _)| kinds.contains(&kind))
        .map(|(group, ..)| *group)
        .filter(|group| *group != "kustomize.config.k8s.io")
}

/// The images of the entries in these mappings.
pub(super) fn sites<'a, T: Tree<'a>>(mappings: &[(T, Path)], digests: EntryDigest) -> Vec<Site> {
    let mut sites = Vec::new();
    for (mapping, at) in mappings {
        for key in ENTRIES {
            if let Some(entries) = mapping.get(key) {
                list(entries, &at.join(key), digests, &mut sites);
            }
        }
    }
    sites
}

/// What holds the images of an object because another program writes them.
pub(super) fn other_writer<'a, T: Tree<'a>>(
    (api_version, kind): (&str, &str),
    object: T,
    kinds: &Kinds,
) -> Option<Hold> {
    if group_of(api_version) != ARGO {
        return None;
    }
    if kind == argocd::SOURCE {
        let is_off = !kinds.add(api_version, kind);
        return is_off.then(Hold::source_file);
    }
    is_updated(object).then(Hold::other_writer)
}

/// Whether Argo CD Image Updater writes the images of an Application, or of those that an ApplicationSet makes.
fn is_updated<'a, T: Tree<'a>>(object: T) -> bool {
    let template = object.get("spec").and_then(|spec| spec.get("template"));
    [Some(object), template]
        .into_iter()
        .flatten()
        .any(|object| {
            let metadata = object.get("metadata");
            let annotations = metadata.and_then(|metadata| metadata.get("annotations"));
            let annotations = annotations.map(T::entries).unwrap_or_default();
            annotations
                .iter()
                .any(|(name, _)| name.starts_with(UPDATER))
        })
}

fn list<'a, T: Tree<'a>>(node: T, at: &Path, digests: EntryDigest, sites: &mut Vec<Site>) {
    let items = node.items();
    let mut last = BTreeMap::new();
    for (index, item) in items.iter().enumerate() {
        if let Some(name) = text(*item, "name") {
            let count = last.get(name).map_or(0, |(_, count)| *count);
            last.insert(name, (index, count + 1));
        }
    }
    for (index, item) in items.iter().enumerate() {
        let at = at.join(index);
        if let Some(argument) = item.scalar().text() {
            sites.extend(self::argument(*item, argument, at));
            continue;
        }
        let Some(mut site) = entry(*item, at, digests) else {
            continue;
        };
        let of_name = text(*item, "name").and_then(|name| last.get(name));
        let is_whole = |at: usize| {
            let has = |key| text(items[at], key).is_some_and(|text| !text.is_empty());
            has("newTag") && has("digest")
        };
        match of_name {
            Some((last, count)) if *count > 1 && !(*last == index && is_whole(index)) => {
                site.hold.get_or_insert_with(Hold::duplicate_name);
            }
            _ => {}
        }
        sites.push(site);
    }
}

fn text<'a, T: Tree<'a>>(item: T, key: &str) -> Option<&'a str> {
    item.get(key)?.scalar().text()
}

/// An image as an argument of `kustomize edit set image`: `[match=]name[:tag][@digest]`. `None`: it sets no tag.
fn argument<'a, T: Tree<'a>>(item: T, argument: &str, at: Path) -> Option<Site> {
    let (before, image) = match argument.split_once('=') {
        Some((_, image)) => argument.split_at(argument.len() - image.len()),
        None => ("", argument),
    };
    let (name, tag, digest) = split(image);
    tag.or(digest)?;
    let known = before.strip_suffix('=').unwrap_or(name);
    // `*` stands for the name in the kustomization.
    let hold = (name == "*").then(|| Hold::name_is_pattern(name));
    Some(Site {
        name: format!("images[{known}]"),
        slots: Slots::Behind(before.to_owned()),
        image: Image::Text(image.to_owned()),
        ..blank(item, marks([item], []), at, hold)
    })
}

/// A site without a name, slots and an image.
fn blank<'a, T: Tree<'a>>(
    written: T,
    marks: Vec<(u32, Mark)>,
    at: Path,
    hold: Option<Hold>,
) -> Site {
    let said = Comments::read(marks);
    Site {
        role: Role::Other,
        name: String::new(),
        at,
        slots: Slots::Behind(String::new()),
        image: Image::Absent,
        memory: Memory::InPlace,
        pull_policy: None,
        line: written.line().and_then(NonZeroU32::new),
        commented: said.lines,
        ignored: said.ignored,
        decided_by: None,
        hold: said.hold.or(hold),
        policy: said.policy,
        marker: None,
    }
}

/// The keys of an entry that an image is written in.
const SLOTS: [&str; 4] = ["newTag", "digest", "newName", "name"];

/// The keys of an entry.
const KEYS: [&str; 5] = ["digest", "name", "newName", "newTag", "tagSuffix"];

fn entry<'a, T: Tree<'a>>(item: T, at: Path, digests: EntryDigest) -> Option<Site> {
    let name = text(item, "name")?;
    let new_name = text(item, "newName").filter(|name| !name.is_empty());
    let repository = new_name.unwrap_or(split(name).0);
    let slot = |key: &'static str| {
        let text = text(item, key)?.to_owned();
        Some(Slot::written(key, text))
    };
    let is_set = |key| {
        item.get(key)
            .is_some_and(|value| !matches!(value.scalar(), Scalar::Null | Scalar::Text("")))
    };
    let entries = item.entries();
    let unknown = entries.iter().find(|(key, _)| !KEYS.contains(key));
    let (tag, digest) = (
        slot("newTag").filter(|slot| slot.text().is_some()),
        slot("digest"),
    );
    let has_no_digest = |tag: &Slot| !tag.text().is_some_and(|tag| tag.contains('@'));
    let is_added = digests == EntryDigest::Field && item.get("digest").is_none();
    let digest = match is_added && tag.as_ref().is_some_and(has_no_digest) {
        true => Some(Slot::absent("digest")),
        false => digest,
    };
    let written = item.get("newTag").or_else(|| item.get("digest"));
    let sets_none = tag.is_none() && !is_set("digest");
    let has_bare_name = new_name.is_none_or(|name| split(name).0 == name);
    let image = match item.get("newTag").map(T::scalar) {
        Some(Scalar::Bool(_)) => Image::Other("a boolean"),
        Some(Scalar::Other(what)) => Image::Other(what),
        _ if sets_none && !is_set("tagSuffix") && unknown.is_none() && has_bare_name => {
            return None;
        }
        _ => Image::Text(Slot::whole(repository, tag.as_ref(), digest.as_ref())),
    };
    let is_no_digest = |slot: &Slot| slot.text().is_some_and(|text| Digest::parse(text).is_err());
    let hold = if let Some((key, _)) = unknown {
        Some(Hold::invalid_entry(&format!("kustomize knows no `{key}`")))
    } else if sets_none && is_set("tagSuffix") {
        Some(Hold::tag_suffix())
    } else if !has_bare_name {
        Some(Hold::invalid_entry("its name has a tag or a digest"))
    } else if tag
        .as_ref()
        .and_then(Slot::text)
        .is_some_and(|tag| tag.contains('@'))
        && is_set("digest")
    {
        Some(Hold::invalid_entry("it has a digest twice"))
    } else if digest.as_ref().is_some_and(is_no_digest) {
        Some(Hold::invalid_entry("its `digest` is not a digest"))
    } else if new_name.is_none() && is_pattern(name) {
        Some(Hold::name_is_pattern(name))
    } else {
        None
    };
    let scalars = SLOTS.into_iter().filter_map(|key| item.get(key));
    Some(Site {
        name: format!("images[{name}]"),
        slots: Slots::Parts(Box::new(Parts { tag, digest })),
        image,
        ..blank(written.unwrap_or(item), marks(scalars, [item]), at, hold)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::change::Change;
    use serde_json::{Value, json};

    fn read(entries: Value) -> Vec<Site> {
        read_with(entries, EntryDigest::BehindTag)
    }

    fn read_with(entries: Value, digests: EntryDigest) -> Vec<Site> {
        sites(&[(&json!({"images": entries}), Path::root())], digests)
    }

    /// What an entry follows, and what holds it.
    fn told(entry: Value) -> String {
        let short = "sha256:00";
        let long = format!("sha256:{}", "0".repeat(64));
        let entry = entry.to_string().replace(short, &long);
        let entry: Value = serde_json::from_str(&entry).unwrap();
        let told = match read(json!([entry])).as_slice() {
            [] => "none".to_owned(),
            [site] => {
                let image = site.image.text().unwrap_or("no text");
                let code = site.hold.as_ref().map_or("", |hold| hold.code.as_str());
                format!("{image} {code}").trim().to_owned()
            }
            _ => panic!("two"),
        };
        told.replace(&long, short)
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
                json!({"name": "web", "newName": "h:5000/web:2"}),
                "h:5000/web:2 invalid-entry",
            ),
            (
                json!({"name": "web", "newName": "web@sha256:00"}),
                "web@sha256:00 invalid-entry",
            ),
            (json!({"name": "web", "newName": "h:5000/web"}), "none"),
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
    fn an_entry_that_kustomize_takes_in_another_way_is_held() {
        for (entry, expected) in [
            (json!({"name": "web:1", "newTag": "2"}), "web:2"),
            (json!({"name": "h:5000/web", "newTag": "2"}), "h:5000/web:2"),
            (
                json!({"name": "web", "newTag": "2", "tagSuffix": "-x"}),
                "web:2",
            ),
            (
                json!({"name": "web", "newTag": "2", "digest": "2222"}),
                "web:2@2222 invalid-entry",
            ),
            (
                json!({"name": "web", "newDigest": "sha256:00"}),
                "web invalid-entry",
            ),
        ] {
            assert_eq!(told(entry.clone()), expected, "{entry}");
        }
        let digest = format!("sha256:{}", "0".repeat(64));
        let whole = read(json!([
            {"name": "web", "newTag": "1"},
            {"name": "web", "newTag": "2", "digest": digest},
        ]));
        assert!(whole[0].hold.is_some() && whole[1].hold.is_none());
    }

    #[test]
    fn a_digest_may_go_into_a_field_of_its_own() {
        let written = |entry: Value| {
            let site = &read_with(json!([entry]), EntryDigest::Field)[0];
            let changes = site.write("web:1@sha256:11").into_iter();
            let told = |change: Change| format!("{} {:?} {:?}", change.at, change.from, change.to);
            changes.map(told).collect::<Vec<_>>().join(", ")
        };
        let added = r#"images[0].digest None Some("sha256:11")"#;
        assert_eq!(written(json!({"name": "web", "newTag": "1"})), added);
        let behind = r#"images[0].newTag Some("1@sha256:00") Some("1@sha256:11")"#;
        assert_eq!(
            written(json!({"name": "web", "newTag": "1@sha256:00"})),
            behind
        );
        let there = r#"images[0].digest Some("sha256:00") Some("sha256:11")"#;
        let both = json!({"name": "web", "newTag": "1", "digest": "sha256:00"});
        assert_eq!(written(both), there);
    }

    #[test]
    fn argo_cd_has_entries_as_strings() {
        let told = |spec: Value, kind: &str| {
            let object = json!({"spec": spec});
            let mappings = mappings("argoproj.io/v1alpha1", kind, &object, &Path::root());
            let of = |site: Site| {
                let hold = site.hold.as_ref().map_or("", |hold| hold.code.as_str());
                let image = site.image.text().unwrap_or_default().to_owned();
                let written = site.write(&format!("{image}@D")).remove(0).to.unwrap();
                format!("{} {image} {written} {hold}", site.written_at())
            };
            let sites = sites(&mappings.unwrap(), EntryDigest::BehindTag);
            sites.into_iter().map(of).collect::<Vec<_>>()
        };
        let images = json!({"kustomize": {"images": [
            "web=r.example.com/web:1", "app:2", "r.example.com:5000/db", "a=b", "web=*:3",
        ]}});
        let expected = |at: &str| {
            [
                format!("{at}.kustomize.images[0] r.example.com/web:1 web=r.example.com/web:1@D "),
                format!("{at}.kustomize.images[1] app:2 app:2@D "),
                format!("{at}.kustomize.images[4] *:3 web=*:3@D name-is-pattern"),
            ]
        };
        let one = json!({"source": images});
        assert_eq!(told(one.clone(), "Application"), expected("spec.source"));
        let several = json!({"sources": [{}, images]});
        assert_eq!(told(several, "Application"), expected("spec.sources[1]"));
        let set = json!({"template": {"spec": one}});
        assert_eq!(
            told(set, "ApplicationSet"),
            expected("spec.template.spec.source")
        );
        let updated = json!({"metadata": {"annotations": {"argocd-image-updater.argoproj.io/image-list": "web"}}, "spec": one});
        let kinds = Kinds::default();
        let hold = other_writer(("argoproj.io/v1alpha1", "Application"), &updated, &kinds);
        assert_eq!(hold.unwrap().code.as_str(), "other-writer");
        assert!(other_writer(("v1", "Application"), &updated, &kinds).is_none());
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
