//! Images in the values of a Helm chart: a file of values, a HelmRelease, an Application of Argo CD.
//!
//! ```yaml
//! image:
//!   registry: registry.example.com       # before the repository
//!   repository: shop/web                 # or `repo`, `image`, `name`
//!   tag: "1.4"                           # or `imageTag`, `version`
//!   digest: ""                           # or `sha`; the digest goes here where there is such a key
//! sidecar:
//!   image: registry.example.com/shop/proxy:2@sha256:…
//! ```
//!
//! Where no key for a digest is, the digest may go behind the tag, if the chart takes it there: [`settle`] says so, or a comment does.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::engine::code::Code;
use crate::engine::helm::{Chart, DefaultImage, Settings, Takes};
use crate::engine::hold::Hold;
use crate::engine::image::{Digest, ImageRef, is_placeholder};
use crate::engine::marks::Mark;
use crate::engine::path::{Path, Step, dotted};
use crate::engine::site::{IgnoreMark, Image, Memory, Parts, Role, Site, Slot, Slots};
use crate::engine::tree::{Scalar, Tree};

/// Keys beside a tag by which charts choose another tag or another name.
const VARIANTS: [&str; 10] = [
    "chroot",
    "distroless",
    "fips",
    "flavor",
    "flavour",
    "hardened",
    "os",
    "suffix",
    "tagSuffix",
    "variant",
];
/// The digest of what a chart runs with `chroot`, under the name with this suffix.
const CHROOT: (&str, &str, &str) = ("chroot", "digestChroot", "-chroot");
/// The algorithm of every digest here.
const ALGORITHM: &str = "sha256:";

/// Adds the images in values. `defaults` are those in the chart's own values. None is freed by what else is known of a chart: that is the
/// business of [`settle`].
pub(super) fn sites<'a, T: Tree<'a>>(
    values: T,
    at: &Path,
    defaults: Option<&Defaults>,
    sites: &mut Vec<Site>,
) {
    let mut walk = Walk {
        defaults,
        registry: global_registry(values),
        outside: at.steps().len(),
        steps: at.steps().to_vec(),
        sites,
        anchored: BTreeMap::new(),
        anchors_above: 0,
        below_anchors: Vec::new(),
        has_merged: false,
    };
    walk.below(values, "");
    walk.free_anchored();
}

/// The images of a chart, by their places in its values.
type Defaults = BTreeMap<Path, DefaultImage>;

/// What the own values of a chart say of its images.
pub fn defaults<'a, T: Tree<'a>>(values: T) -> Defaults {
    let mut found = Vec::new();
    sites(values, &Path::root(), None, &mut found);
    let image = |site: Site| {
        let Slots::Parts(parts) = &site.slots else {
            return None;
        };
        let is_digest = |slot: &Slot| slot.steps == [Step::from("digest")];
        let image = DefaultImage {
            name: ImageRef::parse(site.image.text()?).ok()?.name().to_owned(),
            has_digest: parts.digest.as_ref().is_some_and(is_digest),
        };
        Some((site.at, image))
    };
    let mut defaults = Defaults::new();
    for (at, image) in found.into_iter().filter_map(image) {
        // The second one at a place is what the chart may run instead.
        defaults.entry(at).or_insert(image);
    }
    defaults
}

/// Frees the images of values of which it is known how the chart takes their digests, and holds those of which it is known that it does
/// not. `values` are where these begin in the object.
pub fn settle(values: &Path, chart: Option<&Chart>, settings: &Settings, sites: &mut [Site]) {
    for site in sites {
        let Some(at) = site.at.steps().strip_prefix(values.steps()) else {
            continue;
        };
        let Slots::Parts(_) = &site.slots else {
            continue;
        };
        let takes = settings.takes(chart, at);
        match &site.hold {
            None if takes == [Takes::Nothing] => site.hold = Some(Hold::chart_unproven()),
            None => {}
            Some(hold) => {
                let code = hold.code;
                if takes
                    .into_iter()
                    .any(|takes| free(&mut site.slots, code, takes))
                {
                    site.hold = None;
                }
            }
        }
    }
}

/// Takes the slots that a chart has for the digest. Says whether this frees an image that is held with this code.
fn free(slots: &mut Slots, code: Code, takes: Takes) -> bool {
    let Slots::Parts(parts) = slots else {
        return false;
    };
    let digest = &mut parts.digest;
    let unwritten = match takes {
        Takes::ShaDigits => ALGORITHM,
        Takes::InTag | Takes::Digest | Takes::Sha | Takes::Nothing => "",
    };
    let has_no_key = matches!(code, Code::ChartUnproven | Code::AnchoredTag);
    match (takes, digest) {
        (Takes::InTag, None) => return code == Code::ChartUnproven,
        (Takes::Digest, digest @ None) if has_no_key => *digest = Some(Slot::absent("digest")),
        (Takes::Sha | Takes::ShaDigits, digest @ None) if has_no_key => {
            *digest = Some(Slot {
                unwritten,
                ..Slot::absent("sha")
            });
        }
        (Takes::Sha | Takes::ShaDigits, Some(slot))
            if code == Code::ShaForm && slot.text().is_none() =>
        {
            slot.unwritten = unwritten;
        }
        _ => return false,
    }
    true
}

struct Walk<'s> {
    defaults: Option<&'s Defaults>,
    /// What stands before every repository.
    registry: Option<String>,
    /// How many steps lead to the values.
    outside: usize,
    steps: Vec<Step>,
    sites: &'s mut Vec<Site>,
    /// The images of which the edited scalar has an anchor, by that anchor.
    anchored: BTreeMap<usize, Anchored>,
    /// How many mappings around have an anchor.
    anchors_above: usize,
    /// The images in such mappings.
    below_anchors: Vec<usize>,
    /// Whether a merge key brings in what an image would be edited at.
    has_merged: bool,
}

/// The images that share a scalar by its anchor.
struct Anchored {
    /// In how many places it is written.
    places: usize,
    /// The places of which each is that of an image.
    met: BTreeSet<usize>,
    /// Each among the sites, with what would hold it without the anchor.
    sites: Vec<(usize, Option<Hold>)>,
}

/// How many anchors are followed in values: each is a walk through the file.
const MOST_ANCHORS: usize = 64;

impl Walk<'_> {
    /// Looks at what stands under a key. Items of a list are under the key of the list.
    fn below<'a, T: Tree<'a>>(&mut self, node: T, key: &str) {
        let entries = node.entries();
        let anchors = usize::from(!entries.is_empty() && node.anchor().is_some());
        self.anchors_above += anchors;
        self.group(node, key);
        for (name, value) in entries {
            self.steps.push(Step::Key(name.to_owned().into()));
            match value.scalar() {
                Scalar::Text(text) if is_image(name) => self.whole(value, text),
                _ => self.below(value, name),
            }
            self.steps.pop();
        }
        for (index, item) in node.items().into_iter().enumerate() {
            self.steps.push(index.into());
            self.below(item, key);
            self.steps.pop();
        }
        self.anchors_above -= anchors;
    }

    fn name(&self) -> String {
        dotted(&self.steps[self.outside..])
    }

    /// An image in one text.
    fn whole<'a, T: Tree<'a>>(&mut self, node: T, text: &str) {
        let is_whole = match ImageRef::parse(text) {
            Ok(image) => image.tag().is_some() || image.has_digest(),
            Err(_) => is_placeholder(text),
        };
        let Some((last, around)) = self.steps.split_last().filter(|_| is_whole) else {
            return;
        };
        let at = around.iter().cloned().collect();
        let slots = Slots::Whole(Cow::Owned(vec![last.clone()]));
        // An alias can be written out.
        let hold = self.unless_shared(node, None).filter(|_| !node.is_alias());
        self.sites.push(Site {
            at,
            slots,
            image: Image::Text(text.to_owned()),
            ..self.blank(node, node.marks(), hold)
        });
    }

    /// A site without slots and an image.
    fn blank<'a, T: Tree<'a>>(&self, written: T, marks: Vec<Mark>, hold: Option<Hold>) -> Site {
        let is_ignored = marks.contains(&Mark::Ignore);
        let held = marks.into_iter().find_map(|mark| match mark {
            Mark::Hold(hold) => Some(hold),
            Mark::Ignore | Mark::DigestInTag | Mark::Image(_) => None,
        });
        Site {
            role: Role::Other,
            name: self.name(),
            at: self.steps.iter().cloned().collect(),
            slots: Slots::Behind(String::new()),
            image: Image::Absent,
            memory: Memory::InPlace,
            pull_policy: None,
            line: written.line(),
            ignored: is_ignored.then_some(IgnoreMark::Comment),
            decided_by: None,
            hold: held.or(hold),
        }
    }

    /// The image of a mapping that has its parts.
    fn group<'a, T: Tree<'a>>(&mut self, map: T, key: &str) {
        let Some(tag_key) = tag_key(map, key) else {
            return;
        };
        let digest_key = ["digest", "sha"]
            .into_iter()
            .find(|key| map.get(key).is_some());
        let tag_node = map.get(tag_key);
        let digest_node = digest_key.and_then(|key| map.get(key));
        let shown = tag_node.or(digest_node).unwrap_or(map);
        let mut marks = Vec::new();
        for node in [Some(map), tag_node, digest_node].into_iter().flatten() {
            for mark in node.marks() {
                if !marks.contains(&mark) {
                    marks.push(mark);
                }
            }
        }
        let written = marks.iter().find_map(|mark| match mark {
            Mark::Image(name) => Some(name.clone()),
            Mark::Ignore | Mark::Hold(_) | Mark::DigestInTag => None,
        });
        let is_allowed = marks.contains(&Mark::DigestInTag);
        let name = match written {
            Some(name) => Named::Name(name),
            None => self.repository(map, key),
        };
        let (name, hold) = match name {
            Named::Not => return,
            Named::Name(name) => (name, None),
            Named::Hold(hold) => (String::new(), Some(hold)),
        };
        let slot = |key: &'static str, node: Option<T>| {
            let text = node.and_then(|node| node.scalar().text());
            Slot {
                text: text.map(str::to_owned),
                ..Slot::absent(key)
            }
        };
        let tag_slot = Some(slot(tag_key, tag_node)).filter(|slot| slot.text().is_some());
        let has_key = || self.default().is_some_and(|image| image.has_digest);
        let is_added = digest_key.is_none() && tag_slot.is_some() && has_key();
        let digest_slot = digest_key.or(is_added.then_some("digest")).map(|key| {
            let slot = slot(key, digest_node);
            let is_bare = slot.text().is_some_and(|text| !text.starts_with(ALGORITHM));
            Slot {
                unwritten: if key == "sha" && is_bare {
                    ALGORITHM
                } else {
                    ""
                },
                ..slot
            }
        });
        let has_digest = digest_slot
            .as_ref()
            .is_some_and(|slot| slot.text().is_some());
        let number = match tag_node.map(T::scalar) {
            Some(Scalar::Bool(_)) => Some("a boolean"),
            Some(Scalar::Other(what)) => Some(what),
            _ => None,
        };
        if tag_slot.is_none() && number.is_none() && !has_digest {
            if hold.is_none() && is_group(key) {
                self.sites.push(Site {
                    image: Image::Text(name),
                    slots: Slots::Parts(Box::new(Parts {
                        tag: None,
                        digest: digest_slot,
                    })),
                    ignored: Some(IgnoreMark::TagFromChart),
                    ..self.blank(shown, marks, None)
                });
            }
            return;
        }
        let tag_text = tag_slot.as_ref().and_then(Slot::text).unwrap_or_default();
        // Some charts take a digest for a tag, with or without the `@`.
        let bare = tag_text.strip_prefix('@').unwrap_or(tag_text);
        if hold.is_none() && Digest::parse(bare).is_ok() {
            self.sites.push(Site {
                image: Image::Text(format!("{name}@{bare}")),
                ..self.blank(shown, marks, None)
            });
            return;
        }
        let is_behind = tag_text.contains('@');
        let goes_behind = is_behind || digest_key.is_none() && !is_added;
        let (edited_key, edited) = match goes_behind {
            true => (tag_key, tag_node),
            false => (digest_key.unwrap_or_default(), digest_node),
        };
        let is_merged = edited.is_some() && !map.has_own(edited_key);
        self.has_merged |= is_merged;
        let variant = VARIANTS.into_iter().find(|variant| {
            let is_own = *variant == CHROOT.0 && map.get(CHROOT.1).is_some();
            !is_own && is_set(map, variant)
        });
        let wrong_digest = digest_slot.as_ref().filter(|slot| {
            let text = slot.text().map(|text| [slot.unwritten, text].concat());
            text.is_some_and(|text| Digest::parse(&text).is_err() && !is_placeholder(&text))
        });
        let key_of = digest_key.unwrap_or_default();
        let hold = if hold.is_some() {
            hold
        } else if let Some(what) = number {
            Some(Hold::tag_not_string(what))
        } else if is_behind && has_digest || key_of == "digest" && text(map, "sha").is_some() {
            Some(Hold::two_digests(key_of))
        } else if wrong_digest.is_some() {
            Some(Hold::no_digest(key_of))
        } else if let Some(variant) = variant.filter(|_| tag_slot.is_some()) {
            Some(Hold::variant_switch(variant))
        } else if is_merged {
            Some(Hold::anchored_tag())
        } else if is_behind || has_digest || is_added || digest_key == Some("digest") {
            None
        } else if digest_key == Some("sha") {
            Some(Hold::sha_form_unknown(key_of))
        } else {
            (!is_allowed).then(Hold::chart_unproven)
        };
        let is_free = hold
            .as_ref()
            .is_none_or(|hold| hold.code == Code::ChartUnproven);
        let hold = match edited.filter(|_| is_free) {
            Some(edited) => self.unless_shared(edited, hold),
            None => hold,
        };
        if self.anchors_above > 0 {
            self.below_anchors.push(self.sites.len());
        }
        let digest_slot = digest_slot.filter(|_| !is_behind || has_digest);
        let image = match is_behind {
            true => format!("{name}:{tag_text}"),
            false => Slot::whole(&name, tag_slot.as_ref(), digest_slot.as_ref()),
        };
        let chroot = self.chroot(map, &name, tag_text, &marks, hold.as_ref());
        self.sites.push(Site {
            slots: Slots::Parts(Box::new(Parts {
                tag: tag_slot,
                digest: digest_slot,
            })),
            image: Image::Text(image),
            ..self.blank(shown, marks, hold)
        });
        self.sites.extend(chroot);
    }

    /// What holds the next image, whose edited scalar may have an anchor.
    fn unless_shared<'a, T: Tree<'a>>(&mut self, edited: T, hold: Option<Hold>) -> Option<Hold> {
        let Some((anchor, place)) = edited.anchor() else {
            return hold;
        };
        let is_last = self.anchored.len() >= MOST_ANCHORS;
        if !is_last || self.anchored.contains_key(&anchor) {
            let shared = self.anchored.entry(anchor).or_insert_with(|| Anchored {
                places: edited.places(),
                met: BTreeSet::new(),
                sites: Vec::new(),
            });
            shared.met.insert(place);
            shared.sites.push((self.sites.len(), hold));
        }
        Some(Hold::anchored_tag())
    }

    /// A scalar may be written once for several images, if these are one and the same, and nothing else has it. What stands in a mapping with
    /// an anchor is held where a merge key may bring it elsewhere.
    fn free_anchored(&mut self) {
        for at in std::mem::take(&mut self.below_anchors) {
            if self.has_merged {
                self.sites[at].hold.get_or_insert_with(Hold::anchored_tag);
            }
        }
        for shared in std::mem::take(&mut self.anchored).into_values() {
            let Anchored { places, met, sites } = shared;
            let image = |(at, _): &(usize, Option<Hold>)| self.sites[*at].image.clone();
            let are_one = sites
                .windows(2)
                .all(|pair| image(&pair[0]) == image(&pair[1]));
            if are_one && met.len() == places {
                for (at, hold) in sites {
                    let own = &mut self.sites[at].hold;
                    // What a comment says stays.
                    if own
                        .as_ref()
                        .is_some_and(|own| own.code == Code::AnchoredTag)
                    {
                        *own = hold;
                    }
                }
            }
        }
    }

    /// The image that the chart runs instead, with a digest of its own.
    fn chroot<'a, T: Tree<'a>>(
        &self,
        map: T,
        name: &str,
        tag: &str,
        marks: &[Mark],
        hold: Option<&Hold>,
    ) -> Option<Site> {
        let (_, key, suffix) = CHROOT;
        let node = map.get(key)?;
        if tag.is_empty() || tag.contains('@') {
            return None;
        }
        let digest = Slot {
            text: node.scalar().text().map(str::to_owned),
            ..Slot::absent(key)
        };
        let name = format!("{name}{suffix}");
        let written = Slot {
            text: Some(tag.to_owned()),
            ..Slot::absent("tag")
        };
        let site = Site {
            image: Image::Text(Slot::whole(&name, Some(&written), Some(&digest))),
            slots: Slots::Parts(Box::new(Parts {
                tag: None,
                digest: Some(digest),
            })),
            ..self.blank(node, marks.to_vec(), hold.cloned())
        };
        Some(Site {
            name: format!("{}{suffix}", site.name),
            ..site
        })
    }

    /// What the chart's own values say of the image here.
    fn default(&self) -> Option<&DefaultImage> {
        let at: Path = self.steps[self.outside..].iter().cloned().collect();
        self.defaults?.get(&at)
    }

    /// The repository that a mapping names.
    fn repository<'a, T: Tree<'a>>(&self, map: T, key: &str) -> Named {
        let text = |key| text(map, key);
        let Some((name_key, name)) = name_key(map, key) else {
            let mut entries = map.entries().into_iter();
            return match (is_image(key), self.default()) {
                (true, _) if entries.any(|(key, value)| is_whole(key, value)) => Named::Not,
                (_, Some(image)) => Named::Name(image.name.clone()),
                (true, None) => Named::Hold(Hold::name_missing()),
                (false, None) => Named::Not,
            };
        };
        let own = text("registry");
        let is_host = || name_key == "repository" && !name.contains('/') && name.contains('.');
        let more = text("name")
            .filter(|_| name_key == "repository" && own.is_some() && is_group(key))
            .or_else(|| text("image").filter(|_| is_host()));
        if name_key == "repository" && more.is_none() && text("image").is_some() {
            return Named::Hold(Hold::name_missing());
        }
        let name = match more {
            Some(more) => format!("{name}/{more}"),
            None => name.to_owned(),
        };
        let has_host = || {
            let first = name.split_once('/').map(|(first, _)| first);
            first.is_some_and(|first| first.contains(['.', ':']) || first == "localhost")
        };
        let registry = match (own, self.registry.as_deref()) {
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
}

/// What a mapping says of its repository.
enum Named {
    Name(String),
    /// It is meant for an image, and this is not known.
    Hold(Hold),
    /// It is no image.
    Not,
}

/// The values of all charts that say where images come from, as charts that come from one family read them.
fn global_registry<'a, T: Tree<'a>>(values: T) -> Option<String> {
    let global = values.get("global")?;
    let registry = text(global, "imageRegistry").or_else(|| text(global.get("image")?, "registry"));
    registry.map(str::to_owned)
}

/// The key of the tag in a mapping that is meant for an image. The key need not be there.
fn tag_key<'a, T: Tree<'a>>(map: T, key: &str) -> Option<&'static str> {
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
fn name_key<'a, T: Tree<'a>>(map: T, key: &str) -> Option<(&'static str, &'a str)> {
    let named = |key: &'static str| Some((key, text(map, key)?));
    named("repository")
        .or_else(|| named("repo").filter(|_| is_group(key)))
        .or_else(|| named("image").filter(|(_, text)| !is_reference(text)))
        .or_else(|| named("name").filter(|_| is_group(key)))
}

/// Whether a text is an image with a tag or a digest.
fn is_reference(text: &str) -> bool {
    ImageRef::parse(text).is_ok_and(|image| image.tag().is_some() || image.has_digest())
}

/// Whether an entry is a whole image.
fn is_whole<'a, T: Tree<'a>>(key: &str, value: T) -> bool {
    is_image(key) && value.scalar().text().is_some_and(is_reference)
}

/// `image`, `initImage`, …
fn is_image(key: &str) -> bool {
    ends_with(key, "image")
}

/// The same, and `images`.
fn is_group(key: &str) -> bool {
    is_image(key) || ends_with(key, "images")
}

fn ends_with(key: &str, end: &str) -> bool {
    let from = key.len().checked_sub(end.len());
    from.and_then(|from| key.get(from..))
        .is_some_and(|rest| rest.eq_ignore_ascii_case(end))
}

/// The text of a key that is not empty.
fn text<'a, T: Tree<'a>>(map: T, key: &str) -> Option<&'a str> {
    map.get(key)?
        .scalar()
        .text()
        .filter(|text| !text.is_empty())
}

/// Whether a switch is on.
fn is_set<'a, T: Tree<'a>>(map: T, key: &str) -> bool {
    match map.get(key).map(T::scalar) {
        Some(Scalar::Bool(is_on)) => is_on,
        // To a template, any text is true.
        Some(Scalar::Text(text)) => !text.is_empty(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn find(values: &Value) -> Vec<Site> {
        let mut found = Vec::new();
        sites(values, &Path::root(), None, &mut found);
        found
    }

    /// Name, image and code of each site.
    fn told(sites: &[Site]) -> Vec<String> {
        let short = |text: &str| text.replace(&"0".repeat(64), "00");
        let code = |site: &Site| match (&site.hold, site.ignored) {
            (Some(hold), _) => format!(" {}", hold.code),
            (None, Some(IgnoreMark::TagFromChart)) => " from chart".to_owned(),
            _ => String::new(),
        };
        let told = |site: &Site| {
            let image = short(site.image.text().unwrap_or("none"));
            format!("{} {image}{}", site.name, code(site))
        };
        sites.iter().map(told).collect()
    }

    fn digest() -> String {
        format!("sha256:{}", "0".repeat(64))
    }

    #[test]
    fn images_have_many_shapes() {
        let d = digest();
        let bare = "0".repeat(64);
        for (values, expected) in [
            (
                json!({"image": {"repository": "r.test/web", "tag": "1"}}),
                "image r.test/web:1 chart-unproven",
            ),
            (
                json!({"web": {"repository": "web", "tag": "1"}}),
                "web web:1 chart-unproven",
            ),
            (
                json!({"image": {"registry": "r.test", "repository": "web", "tag": "1", "digest": ""}}),
                "image r.test/web:1",
            ),
            (
                json!({"image": {"registry": "", "repository": "web", "tag": "1", "digest": null}}),
                "image web:1",
            ),
            (
                json!({"image": {"repository": "web", "tag": "1", "digest": d}}),
                "image web:1@sha256:00",
            ),
            (
                json!({"image": {"repository": "web", "tag": "1", "sha": bare}}),
                "image web:1@sha256:00",
            ),
            (
                json!({"image": {"repository": "web", "tag": "1", "sha": d}}),
                "image web:1@sha256:00",
            ),
            (
                json!({"image": {"repository": "web", "tag": "1", "sha": ""}}),
                "image web:1 sha-form-unknown",
            ),
            (
                json!({"image": {"repository": "web", "tag": format!("1@{d}")}}),
                "image web:1@sha256:00",
            ),
            (
                json!({"image": {"repository": "web", "tag": format!("1@{d}"), "digest": ""}}),
                "image web:1@sha256:00",
            ),
            (
                json!({"image": {"repository": "web", "tag": format!("1@{d}"), "digest": d}}),
                "image web:1@sha256:00 two-digests",
            ),
            (
                json!({"image": {"repository": "web", "tag": "1", "digest": "sha256:12"}}),
                "image web:1@sha256:12 sha-form-unknown",
            ),
            (
                json!({"image": {"repository": "web", "digest": d}}),
                "image web@sha256:00",
            ),
            (
                json!({"image": {"repository": "web", "tag": d}}),
                "image web@sha256:00",
            ),
            (
                json!({"image": {"registry": "r.test", "repository": "web", "tag": format!("@{d}"), "digest": ""}}),
                "image r.test/web@sha256:00",
            ),
            (
                json!({"kafkaImage": {"registry": "r.test", "repository": "shop", "name": "web", "tag": "1"}}),
                "kafkaImage r.test/shop/web:1 chart-unproven",
            ),
            (
                json!({"exporter": {"image": "r.test/web", "tag": "1"}}),
                "exporter r.test/web:1 chart-unproven",
            ),
            (
                json!({"image": {"registry": "r.test", "image": "shop/web", "tag": "1", "digest": d}}),
                "image r.test/shop/web:1@sha256:00",
            ),
            (
                json!({"image": {"name": "web", "tag": "1"}}),
                "image web:1 chart-unproven",
            ),
            (
                json!({"images": [{"name": "web", "tag": "1"}]}),
                "images[0] web:1 chart-unproven",
            ),
            (
                json!({"image": {"repo": "web", "version": "1"}}),
                "image web:1 chart-unproven",
            ),
            (
                json!({"image": "r.test/web", "imageTag": "1"}),
                " r.test/web:1 chart-unproven",
            ),
            (
                json!({"image": {"repository": "r.test", "image": "web", "tag": "1"}}),
                "image r.test/web:1 chart-unproven",
            ),
            (json!({"image": {"tag": "1"}}), "image :1 name-missing"),
            (
                json!({"image": {"repository": "web", "tag": 1}}),
                "image web tag-not-string",
            ),
            (
                json!({"image": {"repository": "web", "tag": true}}),
                "image web tag-not-string",
            ),
            (
                json!({"image": {"repository": "web", "tag": ""}}),
                "image web from chart",
            ),
            (
                json!({"image": {"repository": "web", "tag": null}}),
                "image web from chart",
            ),
            (
                json!({"image": {"repository": "web"}}),
                "image web from chart",
            ),
            (
                json!({"initImage": "r.test/web:1"}),
                "initImage r.test/web:1",
            ),
            (
                json!({"image": format!("web:1@{d}")}),
                "image web:1@sha256:00",
            ),
            (json!({"image": format!("web@{d}")}), "image web@sha256:00"),
            (
                json!({"image": "${REGISTRY}/web:1"}),
                "image ${REGISTRY}/web:1",
            ),
            (
                json!({"sidecars": [{"name": "a", "image": "web:1"}]}),
                "sidecars[0].image web:1",
            ),
            (
                json!({"global": {"imageRegistry": "g.test"}, "image": {"repository": "web", "tag": "1"}}),
                "image g.test/web:1 chart-unproven",
            ),
            (
                json!({"global": {"imageRegistry": "g.test"}, "image": {"repository": "r.test/web", "tag": "1"}}),
                "image r.test/web:1 chart-unproven",
            ),
            (
                json!({"global": {"imageRegistry": "g.test"}, "image": {"registry": "r.test", "repository": "web", "tag": "1"}}),
                "image :1 name-missing",
            ),
            (
                json!({"global": {"imageRegistry": "g.test"}, "image": {"registry": "r.test", "repository": "bitnami/web", "tag": "1", "digest": ""}}),
                "image g.test/bitnami/web:1",
            ),
            (
                json!({"image": {"repository": "web", "tag": "1", "digest": "", "distroless": true}}),
                "image web:1 variant-switch",
            ),
            (
                json!({"image": {"repository": "web", "tag": "1", "digest": "", "distroless": false}}),
                "image web:1",
            ),
            (
                json!({"image": {"repository": "web", "tag": "1", "digest": "", "suffix": "-x"}}),
                "image web:1 variant-switch",
            ),
        ] {
            assert_eq!(told(&find(&values)), [expected], "{values}");
        }
        for values in [
            json!({"image": "web"}),
            json!({"imagePullPolicy": "Always:x"}),
            json!({"source": {"repository": "https://git.test/shop", "tag": "v1"}}),
            json!({"source": {"repo": "shop/web", "tag": "v1"}}),
            json!({"image": {}}),
            json!({"image": null}),
            json!({"web": {"tag": "1"}}),
            json!({"web": {"name": "a", "tag": "1"}}),
            json!({"web": {"name": "a", "version": "1"}}),
            json!({"web": {"repository": "shop"}}),
            json!({"images": ["web:1"]}),
            json!(["a"]),
            json!("web:1"),
        ] {
            assert_eq!(told(&find(&values)), [""; 0], "{values}");
        }
    }

    #[test]
    fn what_is_known_of_a_chart_frees_an_image() {
        let values = |image: Value| json!({"web": {"image": image}});
        let plain = json!({"repository": "web", "tag": "1"});
        let with_sha = json!({"repository": "web", "tag": "1", "sha": ""});
        let with_variant = json!({"repository": "web", "tag": "1", "fips": true});
        for (takes, image, expected) in [
            (
                Takes::InTag,
                &plain,
                Some(r#"{"repository":"web","tag":"1@sha256:00"}"#),
            ),
            (
                Takes::Digest,
                &plain,
                Some(r#"{"digest":"sha256:00","repository":"web","tag":"1"}"#),
            ),
            (
                Takes::Sha,
                &plain,
                Some(r#"{"repository":"web","sha":"sha256:00","tag":"1"}"#),
            ),
            (
                Takes::ShaDigits,
                &plain,
                Some(r#"{"repository":"web","sha":"00","tag":"1"}"#),
            ),
            (Takes::Nothing, &plain, None),
            (Takes::InTag, &with_sha, None),
            (
                Takes::Sha,
                &with_sha,
                Some(r#"{"repository":"web","sha":"sha256:00","tag":"1"}"#),
            ),
            (
                Takes::ShaDigits,
                &with_sha,
                Some(r#"{"repository":"web","sha":"00","tag":"1"}"#),
            ),
            (Takes::InTag, &with_variant, None),
        ] {
            let settings = Settings {
                charts: vec![crate::engine::helm::Fact {
                    chart: "shop".to_owned(),
                    path: "web.image".parse().unwrap(),
                    takes,
                }],
                ..Settings::default()
            };
            let mut values = values(image.clone());
            let mut found = find(&values);
            let chart = Chart::named("shop", None);
            settle(&Path::root(), Some(&chart), &settings, &mut found);
            assert_eq!(
                found[0].hold.is_none(),
                expected.is_some(),
                "{takes:?} {image}"
            );
            let Some(expected) = expected else {
                continue;
            };
            for change in found[0].write(&format!("web:1@{}", digest())) {
                assert!(found[0].holds(&change));
                let last = change.at.pointer();
                let key = last.rsplit('/').next().unwrap();
                values["web"]["image"][key] = change.to.unwrap().into();
            }
            let written = values["web"]["image"].to_string();
            assert_eq!(written.replace(&"0".repeat(64), "00"), expected);
            let again = find(&values);
            assert_eq!(again[0].image.text(), Some(&*format!("web:1@{}", digest())));
            assert!(again[0].hold.is_none(), "{written}");
        }
    }

    #[test]
    fn a_chrooted_image_has_a_digest_of_its_own() {
        let d = digest();
        let image = json!({"registry": "r.test", "image": "web", "tag": "1", "digest": d, "digestChroot": d, "chroot": true});
        let found = find(&json!({"controller": {"image": image}}));
        assert_eq!(
            told(&found),
            [
                "controller.image r.test/web:1@sha256:00",
                "controller.image-chroot r.test/web-chroot:1@sha256:00",
            ]
        );
        let changes = found[1].write("r.test/web-chroot:1@sha256:11");
        assert_eq!(changes.len(), 1);
        assert_eq!(changes[0].at.to_string(), "controller.image.digestChroot");
    }
}
