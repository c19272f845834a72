//! What patches move in a list: the number of an item means another one from then on.
//!
//! ```yaml
//! # containers: [{name: web}, {name: proxy}]       becomes [{name: proxy}, {name: web}]
//! containers: [{name: proxy, resources: {}}]
//! ```
//!
//! As in kustomize 5, a merge puts its items first, in its own order (`MergeOptionsListPrepend` of kyaml). A merge of a kind without a
//! schema leaves no others: what has been first still is. JSON Patches add, remove and move items by their number.

use std::collections::BTreeSet;

use super::place::keys;
use super::target::{Target, Targeted};
use super::touched;
use crate::engine::object::Object;
use crate::engine::path::Step;
use crate::engine::site::Site;
use crate::engine::tree::{Scalar, Tree};

/// Where an image is by now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Position {
    /// Where it is written.
    #[default]
    Exact,
    /// Its list may have another order: no number leads to it for sure.
    Shifted,
    /// Its container may have another name, or the image may stand in another place, too.
    Unknown,
}

/// What one document of a patch does to lists, as far as it may matter to an image.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Edit {
    /// A merge puts the items of these names first in a list. `None`: it does more than that.
    First(Vec<String>, Option<Vec<String>>),
    /// What stands at a path is added, replaced or removed.
    Change(Vec<String>),
    /// What stands at a path is moved or copied.
    Take(Vec<String>),
}

/// What the patches of a kustomization do to lists.
#[derive(Clone, Debug, Default)]
pub(super) struct Shifts(Targeted<Vec<Edit>>);

impl Shifts {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes what a document of a patch does. `target` is that of the patch.
    pub(super) fn take<'a, T: Tree<'a>>(&mut self, target: &Target, document: T) {
        let operations = document.items();
        if !operations.is_empty() {
            let edits = operations.into_iter().flat_map(operation).collect();
            return self.0.take(target, edits);
        }
        for object in touched::objects(document) {
            let edits = merge(object);
            match target.is_any() {
                true => self.0.take(&Target::of_document(object), edits),
                false => self.0.take(target, edits),
            }
        }
    }

    /// Takes a patch that cannot be read: it may do anything.
    pub(super) fn take_unread(&mut self, target: &Target) {
        self.0.take(target, vec![Edit::Take(Vec::new())]);
    }

    /// How much [`Self::after`] compares.
    pub(super) fn steps(&self, objects: &[Target], is_moved: bool) -> usize {
        let edits = self.0.named_for(objects, is_moved);
        let names = |edit: &Edit| match edit {
            Edit::First(_, Some(names)) => 1 + names.len(),
            Edit::First(_, None) | Edit::Change(_) | Edit::Take(_) => 1,
        };
        edits.flat_map(|(_, edits)| edits).map(names).sum()
    }

    /// Where the image of a site is after all of them. `objects` may have it, and a kustomization may have moved these.
    pub(super) fn after(
        &self,
        before: Position,
        (objects, is_moved): (&[Target], bool),
        object: &Object,
        site: &Site,
    ) -> Position {
        let meets = |target: &Target| objects.iter().any(|one| target.may_meet(one, is_moved));
        let patches = self.0.named_for(objects, is_moved);
        let mut edits = patches.filter(|(target, _)| meets(target)).peekable();
        if edits.peek().is_none() {
            return before;
        }
        let at = site.written_at();
        let steps = at.steps().get(object.at.steps().len()..);
        let steps = steps.unwrap_or_default();
        let ahead = names_ahead(object, site);
        let edits = edits.flat_map(|(_, edits)| edits);
        edits.fold(before, |position, edit| {
            position.max(match edit {
                Edit::First(list, names) => {
                    merged((list, names.as_deref()), steps, &site.name, &ahead)
                }
                Edit::Change(path) => changed(path, steps, position, Position::Shifted),
                Edit::Take(path) => changed(path, steps, position, Position::Unknown),
            })
        })
    }
}

/// The list that the container of an image stands in, and its name.
pub(super) fn contained<'o>(object: &Object, site: &'o Site) -> Option<(&'o [Step], &'o str)> {
    match site.at.steps().get(object.at.steps().len()..)? {
        [list @ .., Step::Index(_)] if !site.name.is_empty() => Some((list, &site.name)),
        _ => None,
    }
}

/// The names in the list of a container that stand before it.
fn names_ahead<'o>(object: &'o Object, site: &Site) -> BTreeSet<&'o str> {
    let (Some((list, _)), Some(Step::Index(own))) =
        (contained(object, site), site.at.steps().last())
    else {
        return BTreeSet::new();
    };
    let others = object.sites.iter().filter(|other| {
        matches!(other.at.steps().last(), Some(Step::Index(index)) if index < own)
            && contained(object, other).is_some_and(|(of, _)| of == list)
    });
    others.map(|other| &*other.name).collect()
}

/// Where an image is after a merge of a list.
fn merged(
    (list, names): (&[String], Option<&[String]>),
    steps: &[Step],
    name: &str,
    ahead: &BTreeSet<&str>,
) -> Position {
    let (above, below) = steps.split_at(list.len().min(steps.len()));
    let is_key = |(step, key): (&Step, &String)| matches!(step, Step::Key(own) if own == key);
    let [Step::Index(index), below @ ..] = below else {
        return Position::Exact;
    };
    if !above.iter().zip(list).all(is_key) {
        return Position::Exact;
    }
    let is_nested = below.iter().any(|step| matches!(step, Step::Index(_)));
    let Some(names) = names.filter(|_| !is_nested) else {
        return Position::Shifted;
    };
    let first = match names.iter().position(|first| first == name) {
        Some(at) if at != *index => return Position::Shifted,
        Some(at) => &names[..at],
        None => names,
    };
    match first.iter().all(|first| ahead.contains(&**first)) {
        true => Position::Exact,
        false => Position::Shifted,
    }
}

/// Where an image is after something happens to what stands at a path. `own` is the answer where the path leads to what is around it.
pub(super) fn changed(
    path: &[String],
    steps: &[Step],
    before: Position,
    own: Position,
) -> Position {
    let mut is_item = false;
    for (depth, step) in steps.iter().enumerate() {
        let [key, below @ ..] = &path[depth.min(path.len())..] else {
            return own;
        };
        match step {
            Step::Inside(_) => return Position::Exact,
            Step::Key(known) if known == key || key == "*" => is_item = false,
            Step::Key(_) if is_item && key == "name" && below.is_empty() => {
                return Position::Unknown;
            }
            Step::Key(_) => return Position::Exact,
            Step::Index(index) => {
                is_item = true;
                match key.parse::<usize>() {
                    // It is added behind all others.
                    _ if key == "-" => return Position::Exact,
                    Ok(number) if number != *index && before == Position::Exact => {
                        let is_whole = below.is_empty() || *below == ["name"];
                        return match number < *index && is_whole {
                            true => Position::Shifted,
                            false => Position::Exact,
                        };
                    }
                    _ => {}
                }
            }
        }
    }
    // It leads to the image itself, or below.
    match path.len() == steps.len() && own == Position::Unknown {
        true => own,
        false => Position::Exact,
    }
}

/// What an operation of a JSON Patch does.
fn operation<'a, T: Tree<'a>>(operation: T) -> Vec<Edit> {
    let path = |key| text(operation, key).map(keys);
    let (path, from) = (path("path"), path("from"));
    match text(operation, "op") {
        Some("add" | "replace" | "remove") => path.map(Edit::Change).into_iter().collect(),
        Some("move" | "copy") => {
            let edits = [from.map(Edit::Take), path.map(Edit::Change)];
            edits.into_iter().flatten().collect()
        }
        _ => Vec::new(),
    }
}

/// What a merge does: to the outermost lists that have mappings, and where it removes.
fn merge<'a, T: Tree<'a>>(document: T) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut due = vec![(document, Vec::new())];
    while let Some((node, at)) = due.pop() {
        for (key, value) in node.entries() {
            let path = [&at[..], &[key.to_owned()]].concat();
            let items = value.items();
            if key.starts_with('$') {
                edits.push(Edit::Change(at.clone()));
            } else if value.scalar() == Scalar::Null {
                edits.push(Edit::Change(path));
            } else if items.is_empty() {
                due.push((value, path));
            } else if items.iter().any(|item| !item.entries().is_empty()) {
                let is_merged =
                    |item: &T| !item.entries().iter().any(|(key, _)| key.starts_with('$'));
                let name =
                    |item: T| Some(text(item, "name").filter(|_| is_merged(&item))?.to_owned());
                edits.push(Edit::First(path, items.into_iter().map(name).collect()));
            }
        }
    }
    edits
}

fn text<'a, T: Tree<'a>>(of: T, key: &str) -> Option<&'a str> {
    of.get(key)?.scalar().text()
}

/// Whether a JSON Patch finds an image by its place, or moves or renames what another patch may find.
pub(super) fn depends_on_places<'a, T: Tree<'a>>(document: T) -> bool {
    document.items().into_iter().any(|operation| {
        let ends = |path: &str| {
            ["/image", "/reference", "/name"]
                .iter()
                .any(|end| path.ends_with(end))
        };
        matches!(text(operation, "op"), Some("move" | "copy"))
            || text(operation, "path").is_some_and(ends)
    })
}

#[cfg(test)]
mod tests;
