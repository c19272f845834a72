//! What is said of the kinds that a run names: those that fit nothing are most often misspelt, and a bare name may fit several groups.

use crate::engine::object::Object;
use crate::engine::shape::{KindName, Kinds, Pattern, Shape};
use crate::engine::site::Site;

/// The three lists of [`Kinds`]: what is true of each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KindLists {
    /// Of `--kind`.
    pub only: bool,
    /// Of `--exclude-kind`.
    pub excluded: bool,
    /// Of `--add-kind`.
    pub added: bool,
    /// Where the settings write each path of each declared shape: `.imago.yaml:12`.
    pub places: Vec<Vec<String>>,
}

/// The sentences for the names of a run.
#[derive(Debug, Default)]
pub(super) struct KindNotes {
    /// For each name that fits nothing.
    pub(super) warnings: Vec<String>,
    /// For each name that fits the kinds of several groups.
    pub(super) several: Vec<String>,
}

/// Looks for the objects of each name among all that were read. Names of the repository's settings that fit nothing are told only if
/// the `whole` repository was read: a run over single files says nothing of them.
pub(super) fn notes(
    kinds: &Kinds,
    of_repository: &KindLists,
    whole: bool,
    objects: &[&Object],
) -> KindNotes {
    let mut notes = KindNotes::default();
    for (list, names, is_setting) in [
        ("kind", &kinds.only, of_repository.only),
        ("exclude-kind", &kinds.excluded, of_repository.excluded),
        ("kinds", &kinds.ignored, true),
        ("add-kind", &kinds.added, of_repository.added),
    ] {
        for name in names {
            let shown = match is_setting {
                true => format!("`{list}: {name}` of the settings"),
                false => format!("`--{list} {name}`"),
            };
            let fitting = name.fitting(objects.iter().copied());
            if fitting.len() > 1 {
                let counted = fitting
                    .iter()
                    .map(|(kind, count)| format!("{count} {kind}"));
                let counted: Vec<String> = counted.collect();
                notes
                    .several
                    .push(format!("{shown} fits {}", counted.join(", ")));
            } else if fitting.is_empty() && (whole || !is_setting) {
                notes.warnings.push(format!(
                    "{shown} fits no object with an image; {}",
                    hint(name, objects)
                ));
            }
        }
    }
    if whole {
        let places = of_repository.places.iter();
        let idle = places.zip(&kinds.declared).flat_map(|(places, shape)| {
            let paths = shape.paths.iter().zip(places);
            let idle = paths.filter(|(path, _)| !leads_somewhere(shape, path, objects));
            idle.map(|(path, place)| {
                format!(
                    "{place}: the path `{path}` leads to no image of a {} in any file; check its spelling",
                    shape.kind
                )
            })
        });
        notes.warnings.extend(idle);
    }
    notes
}

fn leads_somewhere(shape: &Shape, path: &Pattern, objects: &[&Object]) -> bool {
    objects.iter().any(|object| {
        let leads = |site: &Site| {
            let place = match shape.split {
                Some(_) => site.at.clone(),
                None => site.written_at(),
            };
            let below = place.steps().strip_prefix(object.at.steps());
            below.is_some_and(|steps| shape.finds(path, &object.api_version, &object.kind, steps))
        };
        object.sites.iter().any(leads)
    })
}

fn hint(name: &KindName, objects: &[&Object]) -> String {
    match objects.iter().find(|object| name.is_near(object)) {
        Some(near) => format!("write it as the manifests do: `{}`", near.kind),
        None => "check its spelling".to_owned(),
    }
}
