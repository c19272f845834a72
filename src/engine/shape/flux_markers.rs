//! The scalars that Flux writes, by the markers on their lines, where its ImagePolicies are carried out.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::find::object_of;
use super::scalar::scalar_site;
use crate::engine::code::Code;
use crate::engine::flux_policies::{FluxPolicies, Marker, Part};
use crate::engine::hold::Hold;
use crate::engine::marks::Mark;
use crate::engine::object::Object;
use crate::engine::path::{Path, Step, dotted};
use crate::engine::site::{Image, Memory, Role, Site, Slots};
use crate::engine::tree::{Scalar, Tree};

/// What an object is called that has nothing but markers, and no kind.
pub const FLUX_MARKERS: &str = "Flux markers";

/// Puts the sites of markers in the place of those that Flux's markers hold. A marker that cannot be carried out leaves its site held.
pub fn apply<'a, T: Tree<'a>>(document: T, policies: &FluxPolicies, objects: &mut Vec<Object>) {
    let mut found = Vec::new();
    let mut setters = Setters {
        policies,
        read: BTreeMap::new(),
    };
    walk(document, &Path::root(), &mut setters, &mut found);
    if found.is_empty() {
        return;
    }
    let places = found.iter().enumerate();
    let places: BTreeMap<Path, usize> = places
        .map(|(index, site)| (site.at.clone(), index))
        .collect();
    let mut is_said = vec![false; found.len()];
    let is_carried_out: Vec<bool> = found.iter().map(|site| site.marker.is_some()).collect();
    let is_replaced = |site: &Site| {
        let mut markers = written(site).filter_map(|place| places.get(&place));
        markers.any(|marker| is_carried_out[*marker])
    };
    for object in &mut *objects {
        object.sites.retain(|site| !is_replaced(site));
    }
    for site in objects.iter_mut().flat_map(|object| &mut object.sites) {
        let markers = written(site).filter_map(|place| places.get(&place).copied());
        let markers: Vec<usize> = markers.collect();
        if let Some(marker) = markers.iter().find(|marker| !is_carried_out[**marker]) {
            site.hold.clone_from(&found[*marker].hold);
            is_said[*marker] = true;
        }
    }
    let owners = objects.iter().enumerate();
    let mut owners: BTreeMap<Path, usize> = owners
        .map(|(index, object)| (object.at.clone(), index))
        .collect();
    for (site, _) in found
        .into_iter()
        .zip(is_said)
        .filter(|(_, is_said)| !is_said)
    {
        let around = (0..=site.at.steps().len()).rev();
        let mut around = around.map(|steps| site.at.steps()[..steps].iter().cloned().collect());
        let owner = around.find_map(|around: Path| owners.get(&around).copied());
        let owner = owner.unwrap_or_else(|| {
            objects.push(object_of(document, FLUX_MARKERS));
            owners.insert(Path::root(), objects.len() - 1);
            objects.len() - 1
        });
        objects[owner].sites.push(site);
    }
}

/// The places of the scalars that a site is written in.
fn written(site: &Site) -> impl Iterator<Item = Path> + '_ {
    let parts = match &site.slots {
        Slots::Parts(parts) => Some(parts.iter().map(|slot| site.at.below(&slot.steps))),
        Slots::Whole(_) | Slots::Behind(_) => None,
    };
    let whole = parts.is_none().then(|| site.written_at());
    parts.into_iter().flatten().chain(whole)
}

/// What the setters of a document come to. Each is read once: its expressions are compiled for that.
struct Setters<'p> {
    policies: &'p FluxPolicies,
    read: BTreeMap<String, Result<Marker, String>>,
}

impl Setters<'_> {
    fn find(&mut self, setter: &str) -> Result<Marker, String> {
        if let Some(read) = self.read.get(setter) {
            return read.clone();
        }
        let found = self.policies.find(setter);
        self.read.insert(setter.to_owned(), found.clone());
        found
    }
}

fn walk<'a, T: Tree<'a>>(node: T, at: &Path, setters: &mut Setters<'_>, found: &mut Vec<Site>) {
    let first = found.len();
    let entries = node.entries();
    let has_digest = entries.iter().any(|(key, value)| {
        *key == "digest" && value.scalar().text().is_some_and(|text| !text.is_empty())
    });
    for (key, value) in entries {
        step(
            value,
            Step::Key(Cow::Owned(key.to_owned())),
            at,
            setters,
            found,
        );
    }
    // A digest beside a tag of the same policy is that tag's.
    let depth = at.steps().len() + 1;
    let here = (found[first..].iter_mut()).filter(|site| site.at.steps().len() == depth);
    let mut here: Vec<&mut Marker> = here.filter_map(|site| site.marker.as_deref_mut()).collect();
    let tags = here.iter().filter(|marker| marker.part == Part::Tag);
    let tags: BTreeMap<String, Option<String>> = tags
        .map(|marker| (marker.policy.clone(), marker.tag_now.clone()))
        .collect();
    for marker in &mut here {
        match marker.part {
            Part::Tag => marker.is_pinned |= has_digest,
            Part::Digest => marker.tag_now = tags.get(&marker.policy).cloned().flatten(),
            Part::Whole | Part::Name => {}
        }
    }
    for (index, item) in node.items().into_iter().enumerate() {
        step(item, Step::from(index), at, setters, found);
    }
}

fn step<'a, T: Tree<'a>>(
    node: T,
    step: Step,
    at: &Path,
    setters: &mut Setters<'_>,
    found: &mut Vec<Site>,
) {
    let here = at.join(step);
    let is_inner = !node.entries().is_empty() || !node.items().is_empty();
    if is_inner {
        if !node.is_alias() {
            walk(node, &here, setters, found);
        }
        return;
    }
    let setter = node.marks().into_iter().find_map(|(_, mark)| match mark {
        Mark::Flux(setter) => Some(setter),
        _ => None,
    });
    if let Some(setter) = setter {
        found.push(site(node, here, &setter, setters));
    }
}

fn site<'a, T: Tree<'a>>(node: T, at: Path, setter: &str, setters: &mut Setters<'_>) -> Site {
    let found = match node.scalar() {
        _ if node.anchor().is_some() => Err(Hold::of(
            Code::AnchoredTag,
            "other places may share it by its anchor",
        )),
        Scalar::Null => Err(Hold::of(
            Code::TagNotString,
            "it is empty; write a text there",
        )),
        Scalar::Text(_) => setters
            .find(setter)
            .map_err(|why| Hold::flux_marker(setter, Some(&why))),
        Scalar::Bool(_) | Scalar::Other(_) => Err(Hold::of(
            Code::TagNotString,
            "it is not a string; put it in quotes",
        )),
    };
    let (marker, hold) = match found {
        Ok(marker) => (Some(with_now(marker, node)), None),
        Err(hold) => (None, Some(hold)),
    };
    let name = dotted(at.steps());
    Site {
        slots: Slots::Whole(Cow::Borrowed(&[])),
        name,
        image: match node.scalar() {
            Scalar::Text(text) => Image::Text(text.to_owned()),
            Scalar::Null => Image::Text(String::new()),
            Scalar::Bool(_) => Image::Other("a boolean"),
            Scalar::Other(what) => Image::Other(what),
        },
        hold,
        policy: None,
        marker: marker.map(Box::new),
        ..scalar_site(node, node, Role::Other, at, Memory::InPlace)
    }
}

fn with_now<'a, T: Tree<'a>>(mut marker: Marker, node: T) -> Marker {
    let text = node.scalar().text().unwrap_or_default();
    let (named, digest) = text.split_once('@').unwrap_or((text, ""));
    marker.is_pinned = match marker.part {
        Part::Whole => !digest.is_empty(),
        Part::Name => true,
        Part::Digest => !text.is_empty(),
        Part::Tag => false,
    };
    marker.tag_now = match marker.part {
        Part::Tag => Some(text.to_owned()),
        Part::Whole => {
            let image = crate::engine::image::ImageRef::parse(named).ok();
            image.and_then(|image| image.tag().map(str::to_owned))
        }
        Part::Name | Part::Digest => None,
    };
    marker
}
