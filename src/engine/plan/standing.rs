//! Where an image stands before anything is decided: what the user says of it, and what the record of its workload does.

use super::Rules;
use crate::engine::annotation::Originals;
use crate::engine::answer::Refusal;
use crate::engine::image::ImageRef;
use crate::engine::policy::{self, Track, Wish};
use crate::engine::workload::{Container, IGNORE, Ignore, Image, RECORD, Record, Workload};

/// A container's image, once the user's own word on it is known.
pub(super) enum Standing<'w> {
    /// The user left it out, in this way.
    LeftOut(String),
    /// It is this program's business.
    Taken(Wish<'w>),
}

/// The standing of each container of a workload, in their order.
pub(super) fn consider<'w: 'r, 'r>(
    workload: &'w Workload,
    recorded: &'r Recorded<'_>,
    rules: &Rules,
) -> Vec<(&'w Container, Standing<'r>)> {
    let standing = |container: &'w Container| {
        let Image::Text(image) = &container.image else {
            return marked(workload, container).map_or(Standing::Taken(Wish::Variable), Standing::LeftOut);
        };
        match policy::decide(image, recorded.image(container), rules.track, rules.form) {
            Wish::Variable => Standing::Taken(Wish::Variable),
            wish => left_out(workload, container, image, rules).map_or(Standing::Taken(wish), Standing::LeftOut),
        }
    };
    workload.containers.iter().map(|container| (container, standing(container))).collect()
}

fn left_out(workload: &Workload, container: &Container, image: &str, rules: &Rules) -> Option<String> {
    marked(workload, container).or_else(|| {
        if rules.images.takes_all() {
            return None;
        }
        let parsed = ImageRef::parse(image);
        let name = parsed.as_ref().map_or(image, ImageRef::name);
        (!rules.images.takes(name)).then(|| "`--include-image` or `--exclude-image`".to_owned())
    })
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
        false => container.ignored.then(|| "comment `# imago: ignore`".to_owned()),
    }
}

/// The record of a workload, with the place of each container among those of its name.
pub(super) struct Recorded<'w> {
    workload: &'w Workload,
    pub(super) originals: Option<Originals<'w>>,
}

impl Recorded<'_> {
    /// The image that is recorded for a container.
    pub(super) fn image(&self, container: &Container) -> Option<&str> {
        // What is not recorded has no place among those of its name.
        let is_recorded = |image: &Image| matches!(image, Image::Text(image) if !policy::is_variable(image));
        let elders =
            self.workload.containers.iter().filter(|other| {
                (other.group, &other.name) == (container.group, &container.name) && other.index < container.index
            });
        let nth = elders.filter(|elder| is_recorded(&elder.image)).count();
        self.originals.as_ref()?.image(container.group, &container.name, nth)
    }
}

/// Reads the record, where it is what the tags are known from. One that does not parse is none where the whole workload is left out.
pub(super) fn recorded<'w>(workload: &'w Workload, rules: &Rules) -> Result<Recorded<'w>, Refusal> {
    let refuse = |cause| Refusal {
        code: "invalid-annotation",
        cause,
        hint: Some(format!(
            "correct the annotation `{RECORD}`, or remove it so that the images are recorded as they are written"
        )),
    };
    let originals = match (&workload.record, rules.track) {
        (_, Track::Tag) | (Record::Absent, _) => Ok(None),
        (Record::NoText, _) => Err(refuse("it is not a string".to_owned())),
        (Record::Text(text), _) => Originals::parse(text).map(Some).map_err(|error| refuse(error.to_string())),
    };
    match originals {
        Err(_) if workload.ignore == Ignore::All => Ok(Recorded { workload, originals: None }),
        originals => Ok(Recorded { workload, originals: originals? }),
    }
}
