//! The scalars that Flux writes, by the markers on their lines, where its ImagePolicies are carried out.

use std::borrow::Cow;

use super::find::object_of;
use super::scalar::scalar_site;
use crate::engine::change::Change;
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
    walk(document, &mut Path::root(), policies, &mut found);
    for site in found {
        let at = site.at.clone();
        let is_it = |other: &Site| {
            let change = Change {
                at: at.clone(),
                from: None,
                to: None,
            };
            other.holds(&change)
        };
        let own = objects
            .iter_mut()
            .find(|object| at.steps().starts_with(object.at.steps()));
        let own = match own {
            Some(own) => own,
            None => {
                objects.push(object_of(document, FLUX_MARKERS));
                objects.last_mut().expect("it was just pushed")
            }
        };
        let is_held = |site: &Site| site.marker.is_none() && is_it(site);
        match &site.marker {
            // It cannot be carried out: a site that says so is enough.
            None if own.sites.iter().any(is_it) => {
                for other in own.sites.iter_mut().filter(|other| is_it(other)) {
                    other.hold.clone_from(&site.hold);
                }
            }
            None => own.sites.push(site),
            Some(_) => {
                own.sites.retain(|other| !is_held(other));
                own.sites.push(site);
            }
        }
    }
}

fn walk<'a, T: Tree<'a>>(node: T, at: &mut Path, policies: &FluxPolicies, found: &mut Vec<Site>) {
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
            policies,
            found,
        );
    }
    // A digest beside a tag of the same policy is that tag's.
    let tag = found[first..].iter().find_map(|site| {
        let marker = site
            .marker
            .as_deref()
            .filter(|marker| marker.part == Part::Tag)?;
        let is_here = site.at.steps().len() == at.steps().len() + 1;
        is_here.then(|| (marker.policy.clone(), site.image.text().map(str::to_owned)))
    });
    for site in &mut found[first..] {
        let is_here = site.at.steps().len() == at.steps().len() + 1;
        if let Some(marker) = site.marker.as_deref_mut().filter(|_| is_here) {
            marker.is_pinned |= marker.part == Part::Tag && has_digest;
            if let Some((_, text)) = tag
                .as_ref()
                .filter(|(policy, _)| *policy == marker.policy && marker.part == Part::Digest)
            {
                marker.tag_now.clone_from(text);
            }
        }
    }
    for (index, item) in node.items().into_iter().enumerate() {
        step(item, Step::from(index), at, policies, found);
    }
}

fn step<'a, T: Tree<'a>>(
    node: T,
    step: Step,
    at: &mut Path,
    policies: &FluxPolicies,
    found: &mut Vec<Site>,
) {
    let mut here = at.join(step);
    let is_inner = !node.entries().is_empty() || !node.items().is_empty();
    if is_inner {
        if !node.is_alias() {
            walk(node, &mut here, policies, found);
        }
        return;
    }
    let setter = node.marks().into_iter().find_map(|mark| match mark {
        Mark::Flux(setter) => Some(setter),
        _ => None,
    });
    if let Some(setter) = setter {
        found.push(site(node, here, &setter, policies));
    }
}

fn site<'a, T: Tree<'a>>(node: T, at: Path, setter: &str, policies: &FluxPolicies) -> Site {
    let found = match node.scalar() {
        _ if node.is_alias() || node.places() > 1 => Err(Hold::of(
            Code::AnchoredTag,
            "several places share it by an anchor",
        )),
        Scalar::Text(_) | Scalar::Null => policies
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
