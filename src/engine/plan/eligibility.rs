//! Where an image stands before anything is decided: what the user says of it, and what the record of its object does.

use super::{LeftOut, Rules, TagChoice};
use crate::engine::annotation::Original;
use crate::engine::answer::Refusal;
use crate::engine::code::Code;
use crate::engine::image::ImageRef;
use crate::engine::memory::{Ambiguous, Ledger};
use crate::engine::object::{IGNORE, Ignore, Object, RECORD, Record};
use crate::engine::policy::{self, Follow, Intent, Track};
use crate::engine::site::{IgnoreMark, Image, Memory, Site};

/// A site's image, once the user's own word on it is known.
pub(super) enum Eligibility<'w> {
    /// It is left out.
    LeftOut(LeftOut),
    /// It is this program's business.
    Taken(Intent<'w>),
}

/// A site of a object, before anything is decided.
pub(super) struct Considered<'w, 'r> {
    pub(super) site: &'w Site,
    pub(super) eligibility: Eligibility<'r>,
    /// Its entry of the record.
    pub(super) entry: Option<&'r Original<'r>>,
}

/// Each site of a object, in their order, with its eligibility.
pub(super) fn consider<'w: 'r, 'r>(
    object: &'w Object,
    ledger: Option<&'r Ledger<'_>>,
    rules: &Rules,
) -> Result<Vec<Considered<'w, 'r>>, Refusal> {
    let claimed = |ledger: &'r Ledger<'_>| {
        let claims = ledger.claim(&object.sites);
        claims.map_err(|error| ambiguous(&error, object, ledger))
    };
    let claims = ledger.map(claimed).transpose()?;
    let mut claims = claims.unwrap_or_default().into_iter();
    let considered = |site: &'w Site| {
        let entry = claims.next().flatten();
        Considered {
            site,
            eligibility: eligibility(object, site, entry.map(Original::image), rules),
            entry,
        }
    };
    Ok(object.sites.iter().map(considered).collect())
}

/// How many images and entries of an ambiguous record are named.
const NAMED: usize = 5;

/// Names both sides: the images in question, and the entries that they may have.
fn ambiguous(error: &Ambiguous, object: &Object, ledger: &Ledger<'_>) -> Refusal {
    let sites = || object.sites.iter();
    let site = sites().find(|site| *site.name == *error.container);
    let part = site.and_then(|site| last_part(site.image.text()?));
    let is_meant = |image: &str| last_part(image) == part;
    let images = sites().filter(|site| site.image.text().is_some_and(is_meant));
    let images = listed(images.map(|site| format!("`{}`", site.name)));
    let entries = ledger.entries().map(|(_, entry)| entry);
    let entries = entries.filter(|entry| is_meant(entry.image()));
    let entries = listed(entries.map(|it| format!("`{}` (`{}`)", it.name(), it.image())));
    let hint = format!(
        "correct the names in the annotation `{RECORD}`; or remove it, and take the digests off the images that follow their tags"
    );
    Refusal {
        code: Code::AmbiguousRecord,
        cause: format!("{error}: images of {images}; entries {entries}"),
        hint: Some(hint),
    }
}

/// The last part of an image's name.
pub(super) fn last_part(image: &str) -> Option<&str> {
    ImageRef::parse(image).ok().map(|image| image.last_part())
}

fn listed(mut names: impl Iterator<Item = String>) -> String {
    let first = Vec::from_iter(names.by_ref().take(NAMED)).join(", ");
    match names.count() {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

fn eligibility<'r>(
    object: &'r Object,
    site: &'r Site,
    recorded: Option<&'r str>,
    rules: &Rules,
) -> Eligibility<'r> {
    let Image::Text(image) = &site.image else {
        return marked(object, site)
            .map_or(Eligibility::Taken(Intent::Variable), Eligibility::LeftOut);
    };
    if let Some(marker) = &site.marker {
        let follow = Follow::marked(marker.lookup.clone(), image);
        return left_out(object, site, marker.name(), rules).map_or(
            Eligibility::Taken(Intent::Follow(follow)),
            Eligibility::LeftOut,
        );
    }
    let track = match site.memory {
        Memory::Annotation => rules.track,
        Memory::InPlace => Track::Tag,
    };
    let chosen_by = (site.policy.as_ref()).filter(|_| rules.tags == TagChoice::ByPolicy);
    match policy::decide(image, recorded, track, rules.form, chosen_by) {
        Intent::Variable => Eligibility::Taken(Intent::Variable),
        intent => left_out(object, site, image, rules)
            .map_or(Eligibility::Taken(intent), Eligibility::LeftOut),
    }
}

fn left_out(object: &Object, site: &Site, image: &str, rules: &Rules) -> Option<LeftOut> {
    // Globs see what a mark leaves out, too: they are not idle there.
    let by_glob = !rules.images.takes_all() && {
        let parsed = ImageRef::parse(image);
        let name = parsed.as_ref().map_or(image, ImageRef::name);
        !rules.images.takes(name)
    };
    marked(object, site)
        .or_else(|| by_glob.then(|| ignored("`--include-image` or `--exclude-image`".to_owned())))
}

/// The mark in the object itself that leaves a site out, whatever its image is.
fn marked(object: &Object, site: &Site) -> Option<LeftOut> {
    let by_annotation = match &object.ignore {
        Ignore::All => true,
        Ignore::Containers(names) => names.contains(&site.name),
        Ignore::Nothing | Ignore::NoText => false,
    };
    match (by_annotation, site.ignored) {
        (true, _) => Some(ignored(format!("annotation `{IGNORE}`"))),
        (false, Some(IgnoreMark::Comment)) => Some(ignored("comment `# imago: ignore`".to_owned())),
        (false, Some(IgnoreMark::NestedAnnotation)) => Some(ignored(format!(
            "annotation `{IGNORE}` of the nested object"
        ))),
        (false, Some(IgnoreMark::Policy)) => Some(ignored("the policy `ignore`".to_owned())),
        (false, Some(IgnoreMark::TagFromChart)) => Some(LeftOut {
            code: Code::TagFromChart,
            by: "the chart, which sets the tag".to_owned(),
        }),
        // Flux writes what stands there, whatever becomes of it.
        (false, None) if site.marker.is_some() => None,
        (false, None) => site.decided_by.as_ref().map(|by| LeftOut {
            code: Code::DecidedBy,
            by: format!("`{}`, which sets its tag or digest anew", by.file),
        }),
    }
}

fn ignored(by: String) -> LeftOut {
    LeftOut {
        code: Code::Ignored,
        by,
    }
}

/// Reads the record, where it is what the tags are known from. One that does not parse is none where the whole object is left out.
pub(super) fn recorded<'w>(
    object: &'w Object,
    rules: &Rules,
) -> Result<Option<Ledger<'w>>, Refusal> {
    let refuse = |cause| Refusal {
        code: Code::InvalidAnnotation,
        cause,
        hint: Some(format!(
            "correct the annotation `{RECORD}`, or remove it so that the images are recorded as they are written"
        )),
    };
    let ledger = match (&object.record, rules.track) {
        (_, Track::Tag) | (Record::Absent, _) => Ok(None),
        (Record::NoText, _) => Err(refuse("it is not a string".to_owned())),
        (Record::Text(text), _) => Ledger::parse(text)
            .map(Some)
            .map_err(|error| refuse(error.to_string())),
    };
    match ledger {
        Err(_) if object.ignore == Ignore::All => Ok(None),
        ledger => ledger,
    }
}
