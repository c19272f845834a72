//! Fixed images that are copies: the very same image follows its tag in another object.
//!
//! A container that was copied into another object is a person's pin there. That is what was asked for, and easily not what was meant, so a
//! report names both objects.

use std::collections::{BTreeMap, BTreeSet};

use super::report::{Action, Outcome, Place, Report, WorkloadReport};
use crate::engine::image::{ImageRef, Lookup};

/// How many pairs of objects are named.
const NAMED: usize = 3;

/// One sentence for each pair of objects, in the order of the workloads. Costs as much as there are images.
pub(super) fn notes(report: &Report) -> Vec<String> {
    if matches!(report.action, Action::Restore) {
        return Vec::new();
    }
    let images = |workload: usize| report.workloads[workload].containers.iter();
    let all = || {
        (0..report.workloads.len())
            .flat_map(|workload| images(workload).map(move |container| (workload, container)))
    };
    let fixed = || all().filter(|(_, container)| matches!(container.outcome, Outcome::Fixed));
    let digests: BTreeSet<&str> = fixed()
        .filter_map(|(_, container)| Some(container.image.split_once('@')?.1))
        .collect();
    if digests.is_empty() {
        return Vec::new();
    }
    let mut followed: BTreeMap<(Lookup, bool, &str), usize> = BTreeMap::new();
    for (workload, container) in all().filter(|(_, container)| follows(&container.outcome)) {
        if let Some(image) = whole(&container.image).filter(|(.., digest)| digests.contains(digest))
        {
            followed.entry(image).or_insert(workload);
        }
    }
    if followed.is_empty() {
        return Vec::new();
    }
    let mut pairs: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    for (workload, container) in fixed() {
        let other = whole(&container.image).and_then(|image| followed.get(&image).copied());
        if let Some(other) = other.filter(|other| *other != workload) {
            *pairs.entry((workload, other)).or_default() += 1;
        }
    }
    let said = |((fixed, followed), count): (&(usize, usize), &usize)| {
        let (fixed, followed) = (
            name(&report.workloads[*fixed]),
            name(&report.workloads[*followed]),
        );
        match count {
            1 => format!("1 fixed image of {fixed} follows its tag in {followed}"),
            _ => format!("{count} fixed images of {fixed} follow their tags in {followed}"),
        }
    };
    let mut notes: Vec<String> = pairs.iter().take(NAMED).map(said).collect();
    match pairs.values().skip(NAMED).sum::<usize>() {
        0 => {}
        1 => notes.push("1 more fixed image follows its tag in another object".to_owned()),
        more => notes.push(format!(
            "{more} more fixed images follow their tags in other objects"
        )),
    }
    notes
}

/// Whether a tag is followed: it was asked for, or would have been.
fn follows(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Ok
        | Outcome::Outdated(_)
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

/// An image with a digest, as another spelling of it is too.
fn whole(image: &str) -> Option<(Lookup, bool, &str)> {
    let (_, digest) = image.split_once('@')?;
    let image = ImageRef::parse(image).ok()?;
    Some((image.lookup(), image.tag().is_some(), digest))
}

fn name(workload: &WorkloadReport) -> String {
    let Place { file, workload, .. } = &workload.place;
    file.iter()
        .chain(workload)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::report::{ContainerReport, Mode};

    fn report(workloads: &[(&str, &[(&str, Outcome)])]) -> Report {
        let container = |(image, outcome): &(&str, Outcome)| ContainerReport {
            init: false,
            name: "app".into(),
            line: None,
            image: image.replace("OLD", &format!("sha256:{}", "0".repeat(64))),
            outcome: outcome.clone(),
        };
        let workload = |(file, containers): &(&str, &[(&str, Outcome)])| WorkloadReport {
            place: Place {
                file: Some((*file).into()),
                workload: Some("Deployment/web".into()),
                ..Place::default()
            },
            kind: "Deployment".into(),
            namespace: None,
            name: "web".into(),
            containers: containers.iter().map(container).collect(),
            changed: false,
        };
        Report {
            workloads: workloads.iter().map(workload).collect(),
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
}
