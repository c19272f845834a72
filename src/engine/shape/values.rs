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

mod anchors;
mod names;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::num::NonZeroU32;

use anchors::Anchors;
use names::{
    Named, global_registry, is_group, is_image, is_set, name_keys, repository, tag_key, text,
};

use crate::engine::change::Change;
use crate::engine::code::Code;
use crate::engine::helm::{Chart, DefaultImage, Schema, Settings, Takes, VARIANTS};
use crate::engine::hold::Hold;
use crate::engine::image::{Digest, ImageRef, is_placeholder};
use crate::engine::kustomize;
use crate::engine::marks::Mark;
use crate::engine::path::{Path, Step, dotted};
use crate::engine::site::{
    Comments, IgnoreMark, Image, Memory, Parts, Role, Site, Slot, Slots, marks,
};
use crate::engine::tree::{Scalar, Tree};

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
        anchors: Anchors::default(),
    };
    walk.below(values, "");
    let Walk { anchors, sites, .. } = walk;
    anchors.settle(sites);
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
        let image = site.image.text().unwrap_or_default();
        let takes = settings.takes(chart, at, kustomize::split(image).0);
        match &site.hold {
            None if takes == [Takes::Nothing] => site.hold = Some(Hold::takes_no_digest()),
            None => {}
            Some(hold) => {
                let code = hold.code;
                if takes == [Takes::Nothing] && code == Code::ChartUnproven {
                    site.hold = Some(Hold::takes_no_digest());
                } else if takes
                    .into_iter()
                    .any(|takes| free(&mut site.slots, code, takes))
                {
                    site.hold = None;
                }
            }
        }
    }
}

/// Holds the images whose digest a chart's schema refuses. `values` are where these begin in the object.
pub fn hold_refused(values: &Path, schema: &Schema, sites: &mut [Site]) {
    let some_digest = format!("@{ALGORITHM}{}", "0".repeat(64));
    let judge = schema.judge();
    for site in sites {
        let Some(tagged) = site.image.text().and_then(|image| image.split('@').next()) else {
            continue;
        };
        let is_due = site.hold.is_none() && site.ignored.is_none();
        let refuses = |change: Change| {
            let at = change.at.steps().strip_prefix(values.steps());
            let to = change.to.as_deref();
            at.zip(to).is_some_and(|(at, to)| judge.refuses(at, to))
        };
        let mut changes = site.write(&[tagged, &some_digest].concat()).into_iter();
        if is_due && changes.any(refuses) {
            site.hold = Some(Hold::schema_refuses());
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
    anchors: Anchors,
}

impl Walk<'_> {
    /// Looks at what stands under a key. Items of a list are under the key of the list.
    fn below<'a, T: Tree<'a>>(&mut self, node: T, key: &str) {
        let entries = node.entries();
        let anchors = self.anchors.enter(node, !entries.is_empty());
        self.group(node, key);
        for (name, value) in entries {
            self.steps.push(Step::Key(name.to_owned().into()));
            match value.scalar() {
                Scalar::Text(text) if is_image(name) => self.whole(node, value, text),
                _ => self.below(value, name),
            }
            self.steps.pop();
        }
        for (index, item) in node.items().into_iter().enumerate() {
            self.steps.push(index.into());
            self.below(item, key);
            self.steps.pop();
        }
        self.anchors.leave(anchors);
    }

    /// An image in one text of a mapping.
    fn whole<'a, T: Tree<'a>>(&mut self, map: T, node: T, text: &str) {
        let is_whole = match ImageRef::parse(text) {
            Ok(image) => image.tag().is_some() || image.has_digest(),
            Err(_) => is_placeholder(text),
        };
        let Some((last, around)) = self.steps.split_last().filter(|_| is_whole) else {
            return;
        };
        let hold = self.anchors.hold(self.sites.len(), node, None);
        let site = Site {
            at: around.iter().cloned().collect(),
            slots: Slots::Whole(Cow::Owned(vec![last.clone()])),
            image: Image::Text(text.to_owned()),
            // An alias can be written out.
            ..self.blank(
                node,
                marks([node], [map]),
                hold.filter(|_| !node.is_alias()),
            )
        };
        self.sites.push(site);
    }

    /// A site without slots and an image.
    fn blank<'a, T: Tree<'a>>(
        &self,
        written: T,
        marks: Vec<(u32, Mark)>,
        hold: Option<Hold>,
    ) -> Site {
        let said = Comments::read_in_values(marks);
        Site {
            role: Role::Other,
            name: dotted(&self.steps[self.outside..]),
            at: self.steps.iter().cloned().collect(),
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

    /// The image of a mapping that has its parts.
    fn group<'a, T: Tree<'a>>(&mut self, map: T, key: &str) {
        let default = self.default();
        let Some(group) = Group::read(map, key, self.registry.as_deref(), default) else {
            return;
        };
        let Group { tag, digest, .. } = &group;
        if !group.has_tag() && !group.has_digest() {
            if group.unnamed.is_none() && is_group(key) {
                let parts = Parts {
                    tag: None,
                    digest: digest.clone(),
                };
                self.sites.push(Site {
                    image: Image::Text(group.name),
                    slots: Slots::Parts(Box::new(parts)),
                    ignored: Some(IgnoreMark::TagFromChart),
                    ..self.blank(group.shown, group.marks, None)
                });
            }
            return;
        }
        let text = tag.as_ref().and_then(Slot::text).unwrap_or_default();
        // Some charts take a digest for a tag, with or without the `@`.
        let bare = text.strip_prefix('@').unwrap_or(text);
        if group.unnamed.is_none() && Digest::parse(bare).is_ok() {
            self.sites.push(Site {
                image: Image::Text(format!("{}@{bare}", group.name)),
                ..self.blank(group.shown, group.marks, None)
            });
            return;
        }
        let (edited_key, edited) = group.edited();
        let is_merged = edited.is_some() && !map.has_own(edited_key);
        self.anchors.has_merged |= is_merged;
        let hold = group.hold(map, is_merged);
        let is_free = hold
            .as_ref()
            .is_none_or(|hold| hold.code == Code::ChartUnproven);
        let next = self.sites.len();
        let hold = match edited.filter(|_| is_free) {
            Some(edited) => self.anchors.hold(next, edited, hold),
            None => hold,
        };
        self.anchors.note(next);
        let image = match group.is_behind() {
            true => format!("{}:{text}", group.name),
            false => {
                let digest = digest.as_ref().filter(|_| !group.has_wrong_digest());
                Slot::whole(&group.name, tag.as_ref(), digest)
            }
        };
        let chroot = self.chroot(map, &group, hold.as_ref());
        let digest = match group.is_behind() && !group.has_digest() {
            true => None,
            false => group.digest,
        };
        let parts = Parts {
            tag: group.tag,
            digest,
        };
        self.sites.push(Site {
            slots: Slots::Parts(Box::new(parts)),
            image: Image::Text(image),
            ..self.blank(group.shown, group.marks, hold)
        });
        self.sites.extend(chroot);
    }

    /// The image that the chart runs instead, with a digest of its own.
    fn chroot<'a, T: Tree<'a>>(
        &self,
        map: T,
        group: &Group<T>,
        hold: Option<&Hold>,
    ) -> Option<Site> {
        let (_, key, suffix) = CHROOT;
        let node = map.get(key)?;
        let tag = group.tag.as_ref().filter(|_| !group.is_behind())?;
        let digest = slot(key, Some(node));
        let name = format!("{}{suffix}", group.name);
        let mut marks = marks([node], []);
        marks.extend(group.marks.iter().cloned());
        let is_no_text = matches!(node.scalar(), Scalar::Bool(_) | Scalar::Other(_));
        let no_digest = is_no_text.then(|| Hold::no_digest(key));
        let site = Site {
            image: Image::Text(Slot::whole(&name, Some(tag), Some(&digest))),
            slots: Slots::Parts(Box::new(Parts {
                tag: None,
                digest: Some(digest),
            })),
            ..self.blank(node, marks, hold.cloned().or(no_digest))
        };
        Some(Site {
            name: format!("{}{suffix}", site.name),
            ..site
        })
    }

    /// What the chart's own values say of the image here.
    fn default(&self) -> Option<&DefaultImage> {
        let defaults = self.defaults?;
        let at: Path = self.steps[self.outside..].iter().cloned().collect();
        defaults.get(&at)
    }
}

/// An image in parts, as its mapping has it.
struct Group<T> {
    /// The repository; empty if it is not known.
    name: String,
    /// Why the repository is not known.
    unnamed: Option<Hold>,
    tag_key: &'static str,
    tag_node: Option<T>,
    /// The tag, if it has a text.
    tag: Option<Slot>,
    /// What the tag is, if it is no string.
    no_string: Option<&'static str>,
    digest_key: Option<&'static str>,
    digest_node: Option<T>,
    /// Its text may be empty or absent. `None`: there is no key for it.
    digest: Option<Slot>,
    /// What comments say on its lines, each with its line.
    marks: Vec<(u32, Mark)>,
    /// Where its line is.
    shown: T,
}

impl<'a, T: Tree<'a>> Group<T> {
    /// Reads the mapping under a key. `None`: it is no image.
    fn read(
        map: T,
        key: &str,
        registry: Option<&str>,
        default: Option<&DefaultImage>,
    ) -> Option<Self> {
        let tag_key = tag_key(map, key)?;
        let digest_key = digest_key(map);
        let tag_node = map.get(tag_key);
        let digest_node = digest_key.and_then(|key| map.get(key));
        let names = name_keys(map, key).into_iter().flatten();
        let names = names.filter_map(|key| map.get(key));
        let scalars = [tag_node, digest_node].into_iter().flatten();
        let marks = marks(scalars.chain(names), [map]);
        let named = match repository(map, key, registry, default) {
            Named::Not if marks.iter().any(|(_, mark)| matches!(mark, Mark::Image(_))) => {
                Named::Hold(Hold::name_missing())
            }
            named => named,
        };
        let (name, unnamed) = match named {
            Named::Not => return None,
            Named::Name(name) => {
                let is_other = |mark: &Mark| matches!(mark, Mark::Image(other) if *other != name);
                let mut said = marks.iter().map(|(_, mark)| mark);
                let hold = said.any(is_other).then(Hold::name_known);
                (name, hold)
            }
            Named::Hold(hold) if hold.code == Code::NameMissing => match said(&marks) {
                Some(name) => (name, None),
                None => (String::new(), Some(hold)),
            },
            Named::Hold(hold) => (String::new(), Some(hold)),
        };
        let tag = Some(slot(tag_key, tag_node)).filter(|slot| slot.text().is_some());
        let has_key = default.is_some_and(|image| image.has_digest);
        let added = (tag.is_some() && has_key).then_some("digest");
        let digest = digest_key.or(added).map(|key| {
            let slot = slot(key, digest_node);
            let is_bare = |text: &str| key == "sha" && !text.starts_with(ALGORITHM);
            Slot {
                unwritten: if slot.text().is_some_and(is_bare) {
                    ALGORITHM
                } else {
                    ""
                },
                ..slot
            }
        });
        Some(Self {
            name,
            unnamed,
            tag_key,
            tag_node,
            tag,
            no_string: match tag_node.map(T::scalar) {
                Some(Scalar::Bool(_)) => Some("a boolean"),
                Some(Scalar::Other(what)) => Some(what),
                _ => None,
            },
            digest_key,
            digest_node,
            digest,
            marks,
            shown: tag_node.or(digest_node).unwrap_or(map),
        })
    }

    fn says(&self, mark: &Mark) -> bool {
        self.marks.iter().any(|(_, said)| said == mark)
    }

    fn has_tag(&self) -> bool {
        self.tag.is_some() || self.no_string.is_some()
    }

    fn has_digest(&self) -> bool {
        self.digest
            .as_ref()
            .is_some_and(|slot| slot.text().is_some())
    }

    /// Whether the tag has a digest behind it.
    fn is_behind(&self) -> bool {
        let text = self.tag.as_ref().and_then(Slot::text);
        text.is_some_and(|text| text.contains('@'))
    }

    /// The key whose scalar gets the digest, and that scalar.
    fn edited(&self) -> (&'static str, Option<T>) {
        match self.is_behind() || self.digest.is_none() {
            true => (self.tag_key, self.tag_node),
            false => (self.digest_key.unwrap_or_default(), self.digest_node),
        }
    }

    /// Why it stays as it is written, as far as the values tell.
    fn hold(&self, map: T, is_merged: bool) -> Option<Hold> {
        if let Some(hold) = &self.unnamed {
            return Some(hold.clone());
        }
        if let Some(what) = self.no_string {
            return Some(Hold::tag_not_string(what));
        }
        let has = |key| text(map, key).is_some();
        match self.digest_key {
            Some("digest") if has("digest") && has("sha") => {
                return Some(Hold::two_digests("`digest` and `sha`"));
            }
            Some(key) if self.is_behind() && self.has_digest() => {
                return Some(Hold::two_digests(&format!("its tag and `{key}`")));
            }
            Some(key) if self.has_wrong_digest() || self.has_no_text() => {
                return Some(Hold::no_digest(key));
            }
            _ => {}
        }
        let is_switched = |variant: &&'static str| {
            let has_own_digest = *variant == CHROOT.0 && map.get(CHROOT.1).is_some();
            !has_own_digest && is_set(map, variant)
        };
        match VARIANTS.into_iter().find(is_switched) {
            Some(variant) if self.tag.is_some() => return Some(Hold::variant_switch(variant)),
            _ if is_merged => return Some(Hold::anchored_tag()),
            _ if self.is_behind() || self.has_digest() => return None,
            _ => {}
        }
        match (&self.digest, self.digest_key) {
            (Some(_), Some("sha")) => Some(Hold::sha_form_unknown("sha")),
            (Some(_), _) => None,
            (None, _) if self.says(&Mark::DigestInTag) => None,
            (None, _) => Some(Hold::chart_unproven()),
        }
    }

    fn has_wrong_digest(&self) -> bool {
        let text = |slot: &Slot| Some([slot.unwritten, slot.text()?].concat());
        let Some(text) = self.digest.as_ref().and_then(text) else {
            return false;
        };
        let is_meant = || Digest::parse(&text.to_lowercase()).is_ok();
        Digest::parse(&text).is_err() && (is_meant() || !is_placeholder(&text))
    }

    /// Whether something stands in the key of the digest that is no text.
    fn has_no_text(&self) -> bool {
        let scalar = self.digest_node.map(T::scalar);
        matches!(scalar, Some(Scalar::Bool(_) | Scalar::Other(_)))
    }
}

/// The repository that comments name: those for imago, and then those for others.
fn said(marks: &[(u32, Mark)]) -> Option<String> {
    let own = marks.iter().find_map(|(_, mark)| match mark {
        Mark::Image(name) => Some(name),
        _ => None,
    });
    let others = marks.iter().find_map(|(_, mark)| match mark {
        Mark::Repository(name) => Some(name),
        _ => None,
    });
    own.or(others).cloned()
}

/// The key for the digest: one with a text, or else one that is there.
fn digest_key<'a, T: Tree<'a>>(map: T) -> Option<&'static str> {
    let keys = ["digest", "sha"];
    let filled = keys.into_iter().find(|key| text(map, key).is_some());
    filled.or_else(|| keys.into_iter().find(|key| map.get(key).is_some()))
}

/// The scalar of a key.
fn slot<'a, T: Tree<'a>>(key: &'static str, node: Option<T>) -> Slot {
    let text = node.and_then(|node| node.scalar().text());
    Slot {
        text: text.map(str::to_owned),
        ..Slot::absent(key)
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
                "image web:1 sha-form-unknown",
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
            let fact = crate::engine::helm::Fact {
                chart: "shop".to_owned(),
                path: "web.image".parse().unwrap(),
                takes,
            };
            let settings = Settings::new(Vec::new(), vec![fact]);
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
        for none in [json!(false), json!(1)] {
            let image = json!({"registry": "r.test", "image": "web", "tag": "1", "digest": d, "digestChroot": none});
            let found = find(&json!({"controller": {"image": image}}));
            let chroot = "controller.image-chroot r.test/web-chroot:1 sha-form-unknown";
            assert_eq!(told(&found)[1], chroot);
        }
    }
}
