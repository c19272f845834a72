//! Finds fixed images that are copies: the same image follows its tag in another object.
//!
//! A container that was copied into another object has a digest without a record there, so it counts as a pin. That is easily not
//! what was meant, so a report names both objects. It also does so if the first object has lost the container and only its record
//! is left, and if an object has both an unknown pin and a record's entry without a container.

use std::collections::{BTreeMap, BTreeSet};

use super::report::{Action, ObjectReport, Outcome, Place, Report};
use crate::engine::image::{ImageRef, Lookup};

/// The most pairs of objects that are named.
const NAMED: usize = 3;

/// One sentence for each pair of objects, in the order of the objects. The cost grows with the number of images.
pub(super) fn notes(report: &Report) -> Vec<String> {
    if matches!(report.action, Action::Restore) {
        return Vec::new();
    }
    let images = |object: usize| report.objects[object].images.iter();
    let all = || {
        (0..report.objects.len())
            .flat_map(|object| images(object).map(move |image| (object, image)))
    };
    let fixed = || all().filter(|(_, image)| matches!(image.outcome, Outcome::Fixed));
    let digests: BTreeSet<&str> = fixed()
        .filter_map(|(_, image)| Some(image.image.split_once('@')?.1))
        .collect();
    if digests.is_empty() {
        return Vec::new();
    }
    let mut followed: BTreeMap<(Lookup, bool, &str), usize> = BTreeMap::new();
    for (object, reported) in all().filter(|(_, image)| follows(&image.outcome)) {
        if let Some(image) = whole(&reported.image).filter(|(.., digest)| digests.contains(digest))
        {
            followed.entry(image).or_insert(object);
        }
    }
    let mut left: BTreeMap<Lookup, usize> = BTreeMap::new();
    for (at, object) in report.objects.iter().enumerate() {
        for entry in &object.unclaimed.entries {
            if let Ok(image) = ImageRef::parse(entry) {
                left.entry(image.lookup()).or_insert(at);
            }
        }
    }
    if followed.is_empty() && left.is_empty() {
        return Vec::new();
    }
    let mut moved: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    let mut pairs: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for (object, image) in fixed() {
        let other = whole(&image.image).and_then(|image| followed.get(&image).copied());
        if let Some(other) = other.filter(|other| *other != object) {
            *pairs.entry((object, other)).or_default() += 1;
        } else if let Some((lookup, true, _)) = whole(&image.image)
            && let Some(other) = left.get(&lookup).filter(|other| **other != object)
        {
            *moved.entry((object, *other)).or_default() += 1;
        }
    }
    let said = |((fixed, followed), count): (&(usize, usize), &usize)| {
        let (fixed, followed) = (
            name(&report.objects[*fixed]),
            name(&report.objects[*followed]),
        );
        match count {
            1 => format!("1 fixed image of {fixed} follows its tag in {followed}"),
            _ => format!("{count} fixed images of {fixed} follow their tags in {followed}"),
        }
    };
    let said_of_moved = |((fixed, left), count): (&(usize, usize), &usize)| {
        let (fixed, left) = (name(&report.objects[*fixed]), name(&report.objects[*left]));
        format!(
            "{} of {fixed} stands in the record of {left}, where no container has it now; remove its digest to follow its tag",
            match count {
                1 => "1 fixed image".to_owned(),
                _ => format!("each of {count} fixed images"),
            }
        )
    };
    let mut notes: Vec<String> = pairs.iter().take(NAMED).map(said).collect();
    notes.extend(moved.iter().take(NAMED).map(said_of_moved));
    match pairs.values().skip(NAMED).sum::<usize>() {
        0 => {}
        1 => notes.push("1 more fixed image follows its tag in another object".to_owned()),
        more => notes.push(format!(
            "{more} more fixed images follow their tags in other objects"
        )),
    }
    notes
}

/// One sentence for each object with both a record's entry without a container and a pin that the record does not know. Such a
/// container was renamed and got another image at once.
pub(super) fn unclaimed(report: &Report) -> Vec<String> {
    let said = |object: &ObjectReport| {
        let (entries, pins) = (&object.unclaimed.entries, &object.unclaimed.pins);
        format!(
            "unclaimed record: the record of {} has `{}`, which no container has now, and nothing for `{}`, whose digest stays; to follow \
             the tag, remove that digest; to keep the digest, name the container in `imago/ignore`",
            name(object),
            entries.join("`, `"),
            pins.join("`, `")
        )
    };
    let objects = report.objects.iter().map(|object| &**object);
    (objects
        .filter(|object| object.unclaimed.is_told())
        .map(said))
    .collect()
}

/// Whether the image follows a tag, even if the tag was not asked for.
fn follows(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Ok
        | Outcome::Outdated(_)
        | Outcome::Unpinned { .. }
        | Outcome::Stale { .. }
        | Outcome::Unchecked(_)
        | Outcome::Failed(_) => true,
        Outcome::Held(hold) => hold.digest.is_some(),
        Outcome::Fixed
        | Outcome::Restored(_)
        | Outcome::Kept(_)
        | Outcome::Ignored(_)
        | Outcome::Variable => false,
    }
}

/// The parts of an image with a digest, so that another spelling of it is equal.
fn whole(image: &str) -> Option<(Lookup, bool, &str)> {
    let (_, digest) = image.split_once('@')?;
    let image = ImageRef::parse(image).ok()?;
    Some((image.lookup(), image.tag().is_some(), digest))
}

fn name(reported: &ObjectReport) -> String {
    let Place { file, object, .. } = &reported.place;
    file.iter()
        .chain(object)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::report::{ImageReport, Mode, SiteName};

    fn report(workloads: &[(&str, &[(&str, Outcome)])]) -> Report {
        let container = |(image, outcome): &(&str, Outcome)| ImageReport {
            choice: None,
            source: None,
            site: SiteName::container("app"),
            line: None,
            image: image.replace("OLD", &format!("sha256:{}", "0".repeat(64))),
            outcome: outcome.clone(),
        };
        let workload = |(file, containers): &(&str, &[(&str, Outcome)])| {
            Box::new(ObjectReport {
                place: Place {
                    file: Some((*file).into()),
                    object: Some("Deployment/web".into()),
                    ..Place::default()
                },
                shape: "Deployment".into(),
                kind: "Deployment".into(),
                namespace: None,
                name: "web".into(),
                images: containers.iter().map(container).collect(),
                changed: false,
                unclaimed: Default::default(),
            })
        };
        Report {
            objects: workloads.iter().map(workload).collect(),
            ..Report::new(Mode::Files, Action::Report)
        }
    }

    #[test]
    fn a_fixed_image_that_follows_elsewhere_names_both_objects() {
        let (fixed, ok) = (Outcome::Fixed, Outcome::Ok);
        let web: &[(&str, Outcome)] = &[("web:1@OLD", ok.clone())];
        for (copy, note) in [
            (
                "web:1@OLD",
                Some(
                    "1 fixed image of b.yaml Deployment/web follows its tag in a.yaml Deployment/web",
                ),
            ),
            (
                "docker.io/library/web:1@OLD",
                Some(
                    "1 fixed image of b.yaml Deployment/web follows its tag in a.yaml Deployment/web",
                ),
            ),
            ("web:2@OLD", None),
            ("web@OLD", None),
            ("other:1@OLD", None),
        ] {
            let report = report(&[("a.yaml", web), ("b.yaml", &[(copy, fixed.clone())])]);
            assert_eq!(notes(&report).first().map(String::as_str), note, "{copy}");
        }
        let nobody: &[(&str, Outcome)] = &[("web:1@OLD", fixed.clone())];
        assert!(notes(&report(&[("a.yaml", nobody), ("b.yaml", nobody)])).is_empty());
        assert!(
            notes(&report(&[(
                "a.yaml",
                &[("web:1@OLD", ok), ("web:1@OLD", fixed)]
            )]))
            .is_empty(),
            "one object knows its own"
        );
    }

    #[test]
    fn many_copies_are_counted() {
        let copies: Vec<(String, Vec<(&str, Outcome)>)> = (0..9)
            .map(|number| {
                (
                    format!("b{number}.yaml"),
                    vec![("web:1@OLD", Outcome::Fixed); 2],
                )
            })
            .collect();
        let mut all: Vec<(&str, &[(&str, Outcome)])> =
            vec![("a.yaml", &[("web:1@OLD", Outcome::Ok)])];
        all.extend(
            copies
                .iter()
                .map(|(file, containers)| (file.as_str(), containers.as_slice())),
        );
        let notes = notes(&report(&all));
        assert_eq!(notes.len(), NAMED + 1);
        assert_eq!(
            notes[0],
            "2 fixed images of b0.yaml Deployment/web follow their tags in a.yaml Deployment/web"
        );
        assert_eq!(
            notes[NAMED],
            "12 more fixed images follow their tags in other objects"
        );
    }

    #[test]
    fn a_container_that_moved_to_another_object_is_named_by_the_record_that_it_left() {
        let mut report = report(&[
            ("a.yaml", &[("side:1@OLD", Outcome::Ok)]),
            ("b.yaml", &[("docker.io/library/web:1@OLD", Outcome::Fixed)]),
            ("c.yaml", &[("web:2@OLD", Outcome::Fixed)]),
        ]);
        assert!(notes(&report).is_empty());
        report.objects[0].unclaimed.entries = vec!["web:1".to_owned()];
        assert_eq!(
            notes(&report),
            [
                "1 fixed image of b.yaml Deployment/web stands in the record of a.yaml Deployment/web, where no container has it now; remove its digest to follow its tag"
            ]
        );
        assert!(unclaimed(&report).is_empty(), "there is no pin beside it");
    }
}
