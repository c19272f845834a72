//! Where an image stands before anything is decided: what the user says of it, and what the record of its workload does.

use super::Rules;
use crate::engine::answer::Refusal;
use crate::engine::image::ImageRef;
use crate::engine::memory::{Ambiguous, Ledger};
use crate::engine::policy::{self, Track, Wish};
use crate::engine::workload::{Container, IGNORE, Ignore, Image, RECORD, Record, Workload};

/// A container's image, once the user's own word on it is known.
pub(super) enum Standing<'w> {
    /// The user left it out, in this way.
    LeftOut(String),
    /// It is this program's business.
    Taken(Wish<'w>),
}

/// A container of a workload, before anything is decided.
pub(super) struct Considered<'w, 'r> {
    pub(super) container: &'w Container,
    pub(super) standing: Standing<'r>,
    /// The image that the record has for it.
    pub(super) recorded: Option<&'r str>,
}

/// Each container of a workload, in their order, with its standing.
pub(super) fn consider<'w: 'r, 'r>(
    workload: &'w Workload,
    ledger: Option<&'r Ledger<'_>>,
    rules: &Rules,
) -> Result<Vec<Considered<'w, 'r>>, Refusal> {
    let claims = ledger
        .map(|ledger| ledger.claim(&workload.containers))
        .transpose()
        .map_err(ambiguous)?;
    let mut claims = claims.unwrap_or_default().into_iter();
    let considered = |container: &'w Container| {
        let recorded = claims.next().flatten().map(|original| original.image());
        Considered {
            container,
            standing: standing(workload, container, recorded, rules),
            recorded,
        }
    };
    Ok(workload.containers.iter().map(considered).collect())
}

fn ambiguous(error: Ambiguous) -> Refusal {
    let hint = format!(
        "write the tag of `{}` beside its digest, or correct the names in the annotation `{RECORD}`, or remove it",
        error.container
    );
    Refusal {
        code: "ambiguous-record",
        cause: error.to_string(),
        hint: Some(hint),
    }
}

fn standing<'r>(
    workload: &'r Workload,
    container: &'r Container,
    recorded: Option<&'r str>,
    rules: &Rules,
) -> Standing<'r> {
    let Image::Text(image) = &container.image else {
        return marked(workload, container)
            .map_or(Standing::Taken(Wish::Variable), Standing::LeftOut);
    };
    match policy::decide(image, recorded, rules.track, rules.form) {
        Wish::Variable => Standing::Taken(Wish::Variable),
        wish => left_out(workload, container, image, rules)
            .map_or(Standing::Taken(wish), Standing::LeftOut),
    }
}

fn left_out(
    workload: &Workload,
    container: &Container,
    image: &str,
    rules: &Rules,
) -> Option<String> {
    // Globs see what a mark leaves out, too: they are not idle there.
    let by_glob = !rules.images.takes_all() && {
        let parsed = ImageRef::parse(image);
        let name = parsed.as_ref().map_or(image, ImageRef::name);
        !rules.images.takes(name)
    };
    marked(workload, container)
        .or_else(|| by_glob.then(|| "`--include-image` or `--exclude-image`".to_owned()))
}

/// The mark in the workload itself that leaves a container out, whatever its image is.
fn marked(workload: &Workload, container: &Container) -> Option<String> {
    let by_annotation = match &workload.ignore {
        Ignore::All => true,
        Ignore::Containers(names) => names.contains(&container.name),
        Ignore::Nothing | Ignore::NoText => false,
    };
    match by_annotation {
        true => Some(format!("annotation `{IGNORE}`")),
        false => container
            .ignored
            .then(|| "comment `# imago: ignore`".to_owned()),
    }
}

/// Reads the record, where it is what the tags are known from. One that does not parse is none where the whole workload is left out.
pub(super) fn recorded<'w>(
    workload: &'w Workload,
    rules: &Rules,
) -> Result<Option<Ledger<'w>>, Refusal> {
    let refuse = |cause| Refusal {
        code: "invalid-annotation",
        cause,
        hint: Some(format!(
            "correct the annotation `{RECORD}`, or remove it so that the images are recorded as they are written"
        )),
    };
    let ledger = match (&workload.record, rules.track) {
        (_, Track::Tag) | (Record::Absent, _) => Ok(None),
        (Record::NoText, _) => Err(refuse("it is not a string".to_owned())),
        (Record::Text(text), _) => Ledger::parse(text)
            .map(Some)
            .map_err(|error| refuse(error.to_string())),
    };
    match ledger {
        Err(_) if workload.ignore == Ignore::All => Ok(None),
        ledger => ledger,
    }
}
