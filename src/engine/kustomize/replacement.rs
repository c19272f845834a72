//! `replacements`: what a kustomization copies from one object into another, as far as images are concerned.
//!
//! ```yaml
//! replacements:
//! - source: {kind: Deployment, name: web, fieldPath: 'spec.template.spec.containers.0.image', options: {delimiter: ':', index: 1}}
//!   targets:                # `1.4` of `web:1.4`, and `1.4@sha256` of `web:1.4@sha256:…`
//!   - select: {kind: ConfigMap, name: versions}
//!     fieldPaths: [data.web]
//! ```

use std::collections::BTreeSet;

use super::pattern::{Limits, Pattern, is_pattern};
use super::shift::{Position, changed};
use super::touched;
use crate::engine::object::Object;
use crate::engine::path::Step;
use crate::engine::site::Site;
use crate::engine::tree::Tree;

/// In how many ways the steps to an image are compared with paths at once.
const MOST_WAYS: usize = 8;
/// The keys around the images that a source may have.
const CONTAINERS: [&str; 8] = [
    "container",
    "containers",
    "initContainers",
    "script",
    "sidecars",
    "stepTemplate",
    "steps",
    "volumes",
];

/// One replacement.
#[derive(Clone, Debug)]
pub(super) struct Replacement {
    source: Option<Fields>,
    targets: Vec<Target>,
    /// Whether it copies a whole text into an image.
    copies_to_image: bool,
    /// Whether its text is from a place that is no image, or is written in it.
    is_from_elsewhere: bool,
}

/// What of a replacement may mean an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Source,
    /// The target of this number.
    Target(usize),
}

#[derive(Clone, Debug)]
struct Target {
    fields: Fields,
    reject: Vec<Selector>,
}

/// Fields of the objects that are selected.
#[derive(Clone, Debug)]
struct Fields {
    of: Selector,
    /// The paths that lead to one place each.
    exact: BTreeSet<Vec<String>>,
    /// Those that may lead to many.
    open: Vec<Vec<String>>,
    /// Those of both that lead to an item of a list or to its name.
    of_items: Vec<Vec<String>>,
    /// Whether their text is taken apart, and one piece of it is meant.
    in_pieces: bool,
}

/// Regular expressions for whole texts. What is not said fits everything.
#[derive(Clone, Debug)]
struct Selector {
    group: Option<Pattern>,
    version: Option<Pattern>,
    kind: Option<Pattern>,
    name: Option<Pattern>,
    namespace: Option<Pattern>,
    /// Whether it selects by labels or annotations, too.
    by_metadata: bool,
}

/// What a replacement means to an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Meaning {
    /// A piece of it is copied, or replaced: a digest would be in the pieces.
    TakenApart,
    /// Another image takes its place.
    Replaced,
    /// A text takes its place that is not followed.
    Overwritten,
    /// Another text takes its place if it is where a path leads, or if a selector fits that is not followed.
    MayBeReplaced,
}

/// The image of a site, as replacements look for it.
pub(super) struct Image<'i> {
    object: &'i Object,
    /// Whether a kustomization may have moved the object.
    is_moved: bool,
    site: &'i Site,
    /// Where it is by now.
    pub(super) position: Position,
    /// The steps to it in its object.
    steps: Vec<Step>,
    /// How paths say these.
    said: Option<Vec<Vec<String>>>,
}

impl<'i> Image<'i> {
    pub(super) fn new(
        (object, is_moved): (&'i Object, bool),
        site: &'i Site,
        position: Position,
    ) -> Self {
        let at = site.written_at();
        let steps = at.steps().get(object.at.steps().len()..);
        let steps = steps.unwrap_or_default().to_vec();
        Self {
            object,
            is_moved,
            site,
            position,
            said: said(&steps, &site.name),
            steps,
        }
    }
}

impl Replacement {
    pub(super) fn read<'a, T: Tree<'a>>(replacement: T, limits: &mut Limits) -> Self {
        let source = replacement.get("source").map(|source| {
            let path = text(source, "fieldPath").unwrap_or("metadata.name");
            Fields::read(source, source, [path].into_iter(), limits)
        });
        let targets = replacement.get("targets").map(T::items).unwrap_or_default();
        let targets = targets.into_iter();
        let targets = targets.filter_map(|target| Target::read(target, limits));
        let targets: Vec<Target> = targets.collect();
        let is_whole = source.as_ref().is_some_and(|source| !source.in_pieces);
        let mut fields = targets.iter().map(|target| &target.fields);
        let is_elsewhere = |source: &Fields| !source.paths().all(|path| is_of_container(path));
        let is_value = replacement.get("sourceValue").is_some();
        Self {
            copies_to_image: is_whole && fields.any(Fields::has_image),
            is_from_elsewhere: is_value || source.as_ref().is_some_and(is_elsewhere),
            source,
            targets,
        }
    }

    /// Its parts, each with the name of the objects that it may mean; `None`: that may be any.
    pub(super) fn parts(&self) -> impl Iterator<Item = (Part, Option<&str>)> {
        let is_due = |source: &&Fields| source.in_pieces || self.copies_to_image;
        let source = self.source.iter().filter(is_due);
        let source = source.map(|source| (Part::Source, source.of.plain_name()));
        let targets = self.targets.iter().enumerate();
        source.chain(
            targets.map(|(number, target)| (Part::Target(number), target.fields.of.plain_name())),
        )
    }

    /// How much [`Self::meaning`] and [`Self::after`] compare at most.
    pub(super) fn steps(&self, part: Part, image: &Image<'_>) -> usize {
        match part {
            Part::Source => 1,
            Part::Target(number) => {
                let target = &self.targets[number];
                let fields = &target.fields;
                let exact = match fields.is_scanned(image) {
                    true => fields.exact.len(),
                    false => 0,
                };
                1 + exact + fields.open.len() + fields.of_items.len() + target.reject.len()
            }
        }
    }

    /// What a part of it means to an image. `None`: nothing, or the image is copied whole.
    pub(super) fn meaning(&self, part: Part, image: &Image<'_>) -> Option<Meaning> {
        let (fields, fits) = self.part(part, image)?;
        match part {
            Part::Source if !fields.in_pieces => return None,
            Part::Target(_) if touched::is_split(image.site) => {
                let at = image.site.at.steps().get(image.object.at.steps().len()..);
                let touches = fields.touch(at.unwrap_or_default(), image.site);
                return (fits != Some(false) && touches).then_some(Meaning::MayBeReplaced);
            }
            Part::Source | Part::Target(_) => {}
        }
        // Where the image stands in another place, too, that one may keep it.
        let is_sure = |leads: &bool| !leads || image.position < Position::Unknown;
        match all([fits, fields.lead_to(part, image).filter(is_sure)]) {
            Some(false) => None,
            _ if fields.in_pieces => Some(Meaning::TakenApart),
            Some(true) if self.is_from_elsewhere => Some(Meaning::Overwritten),
            Some(true) => Some(Meaning::Replaced),
            None => Some(Meaning::MayBeReplaced),
        }
    }

    /// Where an image is after a part of it.
    pub(super) fn after(&self, part: Part, image: &Image<'_>) -> Position {
        let is_due = match part {
            Part::Source => self.copies_to_image,
            Part::Target(number) => !self.targets[number].fields.of_items.is_empty(),
        };
        let part_of = is_due.then(|| self.part(part, image)).flatten();
        let Some((fields, None | Some(true))) = part_of else {
            return image.position;
        };
        match part {
            Part::Source => match fields.lead_to(part, image) {
                Some(false) => image.position,
                _ => Position::Unknown,
            },
            Part::Target(_) => {
                let paths = fields.of_items.iter();
                paths.fold(image.position, |position, path| {
                    position.max(changed(path, &image.steps, position, Position::Shifted))
                })
            }
        }
    }

    /// How much [`Self::touches`] compares.
    pub(super) fn all_steps(&self) -> usize {
        let targets = self.targets.iter();
        targets.map(|target| target.fields.paths().count()).sum()
    }

    /// Whether it may change a part of an image in parts, whatever objects it selects.
    pub(super) fn touches(&self, steps: &[Step], site: &Site) -> bool {
        let mut targets = self.targets.iter();
        targets.any(|target| target.fields.touch(steps, site))
    }

    /// The fields of a part, and whether its selectors fit the object of an image.
    fn part(&self, part: Part, image: &Image<'_>) -> Option<(&Fields, Option<bool>)> {
        let object = (image.object, image.is_moved);
        Some(match part {
            Part::Source => {
                let source = self.source.as_ref()?;
                (source, source.of.fits(object))
            }
            Part::Target(number) => {
                let target = &self.targets[number];
                (&target.fields, target.fits(object))
            }
        })
    }

    /// Whether a part of it finds an image by its place in a list.
    pub(super) fn depends_on_places(&self) -> bool {
        let targets = self.targets.iter().map(|target| &target.fields);
        let mut paths = self.source.iter().chain(targets).flat_map(Fields::paths);
        let is_number = |step: &String| step.bytes().all(|byte| byte.is_ascii_digit());
        paths.any(|path| is_image(path) && path.iter().any(is_number))
    }

    /// Whether it takes the image of some object apart.
    pub(super) fn takes_images_apart(&self) -> bool {
        let targets = self.targets.iter().map(|target| &target.fields);
        let mut fields = self.source.iter().chain(targets);
        fields.any(|fields| fields.in_pieces && fields.has_image())
    }
}

impl Target {
    /// `None`: it selects nothing.
    fn read<'a, T: Tree<'a>>(target: T, limits: &mut Limits) -> Option<Self> {
        let paths = target.get("fieldPaths").map(T::items).unwrap_or_default();
        let paths = paths.into_iter().filter_map(|path| path.scalar().text());
        let reject = target.get("reject").map(T::items).unwrap_or_default();
        Some(Self {
            fields: Fields::read(target.get("select")?, target, paths, limits),
            reject: reject
                .into_iter()
                .map(|reject| Selector::read(reject, limits))
                .collect(),
        })
    }

    /// Whether an object is meant. `None`: nobody knows.
    fn fits(&self, object: (&Object, bool)) -> Option<bool> {
        let rejects = self.reject.iter().map(|reject| reject.fits(object));
        let spared = rejects.map(|fits| fits.map(|fits| !fits));
        all(spared.chain([self.fields.of.fits(object)]))
    }
}

impl Fields {
    /// `of` selects objects, `with` has the options.
    fn read<'a, T: Tree<'a>>(
        of: T,
        with: T,
        paths: impl Iterator<Item = &'a str>,
        limits: &mut Limits,
    ) -> Self {
        let is_open = |step: &String| match step.strip_prefix('[') {
            Some(condition) => !(condition.starts_with("name=") && condition.ends_with(']')),
            None => matches!(&**step, "*" | "-") || step.len() > 1 && step.starts_with(['0', '+']),
        };
        let (open, exact): (Vec<_>, Vec<_>) =
            paths.map(steps).partition(|path| path.iter().any(is_open));
        let is_of_item = |path: &&Vec<String>| match path.as_slice() {
            [_, .., item, name] if name == "name" => is_item(item),
            [_, .., item] => is_item(item),
            _ => false,
        };
        Self {
            of: Selector::read(of, limits),
            of_items: (exact.iter().chain(&open).filter(is_of_item))
                .cloned()
                .collect(),
            exact: exact.into_iter().collect(),
            open,
            in_pieces: is_in_pieces(with),
        }
    }

    fn paths(&self) -> impl Iterator<Item = &Vec<String>> {
        self.exact.iter().chain(&self.open)
    }

    /// Whether one of the paths leads to the image of some object.
    fn has_image(&self) -> bool {
        self.paths().any(|path| is_image(path))
    }

    /// Whether each exact path is held against the image, because the forms in which it may be said are not all known.
    fn is_scanned(&self, image: &Image<'_>) -> bool {
        let is_open = image.position != Position::Exact || image.said.is_none();
        self.in_pieces || is_open || touched::is_split(image.site)
    }

    /// Whether one of the paths leads to a part of an image in parts, or around it.
    fn touch(&self, steps: &[Step], site: &Site) -> bool {
        let any = |step: &String| match is_item(step) {
            true => "#".to_owned(),
            false => step.clone(),
        };
        let mut paths = self.paths().map(|path| path.iter().map(any).collect());
        paths.any(|path: Vec<String>| touched::touches(&path, steps, site))
    }

    /// Whether one of the paths leads to an image. `None`: nobody knows.
    ///
    /// A condition of a target is a regular expression for a part of the name. One for another whole name than its own may mean the image,
    /// too: that is looked for where the image would be taken apart.
    fn lead_to(&self, part: Part, image: &Image<'_>) -> Option<bool> {
        let is_said = |said: &Vec<Vec<String>>| said.iter().any(|path| self.exact.contains(path));
        let is_exact = image.position == Position::Exact;
        if is_exact && image.said.as_ref().is_some_and(is_said) {
            return Some(true);
        }
        let is_scanned = self.is_scanned(image);
        let exact = self.exact.iter().filter(|_| is_scanned);
        let mut known = Some(false);
        for path in self.open.iter().chain(exact) {
            let pairs = image.steps.iter().zip(path);
            let leads = pairs.map(|(step, wanted)| leads(wanted, step, part, image));
            match all(leads.chain([Some(path.len() == image.steps.len())])) {
                Some(true) => return Some(true),
                Some(false) => {}
                None => known = None,
            }
        }
        known
    }
}

/// How paths say these steps: an item of a list by its number or by its name. `None`: in too many ways.
fn said(steps: &[Step], name: &str) -> Option<Vec<Vec<String>>> {
    let mut said = vec![Vec::with_capacity(steps.len())];
    for step in steps {
        let names = match step {
            Step::Key(key) => vec![key.to_string()],
            Step::Index(index) => vec![index.to_string(), format!("[name={name}]")],
            Step::Inside(_) => return Some(Vec::new()),
        };
        let longer = |path: &Vec<String>| {
            let path = path.clone();
            names
                .iter()
                .map(move |name| [&path[..], std::slice::from_ref(name)].concat())
                .collect::<Vec<_>>()
        };
        said = said.iter().flat_map(longer).collect();
        if said.len() > MOST_WAYS {
            return None;
        }
    }
    Some(said)
}

impl Selector {
    fn read<'a, T: Tree<'a>>(of: T, limits: &mut Limits) -> Self {
        let is_set = |key| text(of, key).is_some_and(|text| !text.is_empty());
        let mut pattern = |key| {
            let text = text(of, key).filter(|text| !text.is_empty())?;
            Some(Pattern::whole(text, limits))
        };
        Self {
            group: pattern("group"),
            version: pattern("version"),
            kind: pattern("kind"),
            name: pattern("name"),
            namespace: pattern("namespace"),
            by_metadata: is_set("labelSelector") || is_set("annotationSelector"),
        }
    }

    /// The name of the objects that are meant; `None`: it may be any. A dot stands for any character.
    fn plain_name(&self) -> Option<&str> {
        match &self.name {
            Some(Pattern::Plain(name)) if !name.contains('.') => Some(name),
            _ => None,
        }
    }

    /// Whether an object is meant, which a kustomization may have moved: its name is longer then. `None`: nobody knows.
    fn fits(&self, (object, is_moved): (&Object, bool)) -> Option<bool> {
        let is = |own: &Option<Pattern>, text: &str| match own {
            Some(own) => own.matches(text),
            None => Some(true),
        };
        // A kustomization may put the object into another namespace.
        let namespace = object.namespace.as_deref().unwrap_or("default");
        let in_namespace = is(&self.namespace, namespace).filter(|fits| *fits);
        let of_name = is(&self.name, &object.name);
        let may_be_longer = match &self.name {
            Some(Pattern::Plain(name)) => name.contains(&object.name),
            name => name.is_some(),
        };
        let of_name = of_name.filter(|fits| *fits || !(is_moved && may_be_longer));
        all([
            is(&self.group, object.group()),
            is(&self.version, object.version()),
            is(&self.kind, &object.kind),
            of_name,
            in_namespace,
            (!self.by_metadata).then_some(true),
        ])
    }
}

/// Whether all of these hold. `None`: nobody knows.
fn all(parts: impl IntoIterator<Item = Option<bool>>) -> Option<bool> {
    let mut known = Some(true);
    for part in parts {
        match part {
            Some(false) => return part,
            Some(true) => {}
            None => known = None,
        }
    }
    known
}

fn text<'a, T: Tree<'a>>(of: T, key: &str) -> Option<&'a str> {
    of.get(key)?.scalar().text()
}

fn is_in_pieces<'a, T: Tree<'a>>(of: T) -> bool {
    let delimiter = of
        .get("options")
        .and_then(|options| text(options, "delimiter"));
    delimiter.is_some_and(|delimiter| !delimiter.is_empty())
}

/// The steps of a path: `spec.containers.[name=web].image`, where `\.` is a dot of a key.
fn steps(path: &str) -> Vec<String> {
    let mut steps = vec![String::new()];
    let (mut in_brackets, mut escaped) = (false, false);
    for character in path.chars() {
        match character {
            '\\' if !escaped => {
                escaped = true;
                continue;
            }
            '.' if !escaped && !in_brackets => {
                steps.push(String::new());
                continue;
            }
            '[' => in_brackets = true,
            ']' => in_brackets = false,
            _ => {}
        }
        escaped = false;
        if let Some(last) = steps.last_mut() {
            last.push(character);
        }
    }
    steps
}

/// Whether a path leads to an image.
fn is_image(path: &[String]) -> bool {
    path.last()
        .is_some_and(|last| matches!(&**last, "image" | "reference"))
}

/// Whether a path leads to the image of a container, of a step or of a volume: others are not followed.
fn is_of_container(path: &[String]) -> bool {
    is_image(path) && path.iter().any(|key| CONTAINERS.contains(&&**key))
}

/// Whether a step of a path is that to an item of a list.
fn is_item(step: &str) -> bool {
    step.starts_with('[') || matches!(step, "*" | "-") || step.parse::<usize>().is_ok()
}

/// Whether a step of a path is this one of those to an image. `None`: nobody knows.
fn leads(wanted: &str, step: &Step, part: Part, image: &Image<'_>) -> Option<bool> {
    if wanted == "*" {
        return Some(true);
    }
    let index = match step {
        Step::Key(key) => return Some(key == wanted),
        Step::Inside(_) => return Some(false),
        Step::Index(index) => index,
    };
    let Some(condition) = wanted.strip_prefix('[') else {
        // The last item: nobody knows how many there are.
        let number = (wanted != "-").then(|| wanted.parse() == Ok(*index))?;
        return (image.position == Position::Exact).then_some(number);
    };
    let wanted = condition.trim_end_matches(']').strip_prefix("name=")?;
    let is_known = image.position < Position::Unknown;
    let name = &*image.site.name;
    match part {
        _ if wanted == name => is_known.then_some(true),
        Part::Target(_) if is_pattern(wanted) || wanted.contains('.') => None,
        Part::Target(_) => is_known.then_some(name.contains(wanted)),
        Part::Source => is_known.then_some(false),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::replacements::Replacements;
    use super::*;
    use crate::engine::shape;

    fn meaning(replacement: Value) -> Option<Meaning> {
        let object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop"}, "spec": {"template": {"spec": {
            "containers": [{"name": "web", "image": "web:1"}],
        }}}});
        let object = shape::find(&object).objects.remove(0);
        let all = Replacements::read([&replacement].into_iter(), &mut Limits::default());
        let meanings = all.meanings(
            &Image::new((&object, false), &object.sites[0], Position::Exact),
            &all.parts_for((&object, false)),
        );
        meanings.into_iter().next()
    }

    #[test]
    fn an_image_is_taken_apart_where_a_source_or_a_target_has_a_delimiter() {
        let pieces = json!({"delimiter": ":", "index": 1});
        for path in [
            "spec.template.spec.containers.0.image",
            "spec.template.spec.containers.[name=web].image",
            "spec.template.spec.containers.*.image",
        ] {
            let source =
                json!({"kind": "Deployment", "name": "shop", "fieldPath": path, "options": pieces});
            assert_eq!(
                meaning(json!({"source": source})),
                Some(Meaning::TakenApart),
                "{path}"
            );
            let select = json!({"kind": "Deployment"});
            for (options, expected) in [
                (pieces.clone(), Meaning::TakenApart),
                (json!(null), Meaning::Replaced),
            ] {
                let target = json!({"select": select, "fieldPaths": ["metadata.name", path], "options": options});
                assert_eq!(
                    meaning(json!({"targets": [target]})),
                    Some(expected),
                    "{path}"
                );
                let mut rejected = target;
                rejected["reject"] = json!([{"name": "shop"}]);
                assert_eq!(meaning(json!({"targets": [rejected]})), None, "{path}");
            }
        }
    }

    #[test]
    fn a_selector_is_a_pattern_for_whole_texts_and_what_it_leaves_open_is_unclear() {
        let path = "spec.template.spec.containers.0.image";
        let replaced = Some(Meaning::Replaced);
        let unclear = Some(Meaning::MayBeReplaced);
        for (select, expected) in [
            (json!({"kind": "Deployment|StatefulSet"}), replaced),
            (json!({"kind": "Deploy"}), None),
            (json!({"name": "sh.*"}), replaced),
            (json!({"name": "sho"}), None),
            (json!({"group": "apps", "version": "v1"}), replaced),
            (json!({"version": "v2"}), None),
            (json!({"namespace": "default"}), replaced),
            (json!({"namespace": "other"}), unclear),
            (json!({"labelSelector": "app=web"}), unclear),
            (json!({"annotationSelector": "app=web"}), unclear),
            (json!({"labelSelector": "app=web", "kind": "Job"}), None),
            (json!({"kind": "["}), unclear),
        ] {
            let target = json!({"select": select, "fieldPaths": [path]});
            assert_eq!(meaning(json!({"targets": [target]})), expected, "{select}");
            let apart =
                json!({"select": select, "fieldPaths": [path], "options": {"delimiter": ":"}});
            let is_apart = meaning(json!({"targets": [apart]})) == Some(Meaning::TakenApart);
            assert_eq!(is_apart, expected.is_some(), "{select}");
            let rejected = match expected {
                Some(Meaning::Replaced) => None,
                None => replaced,
                unclear => unclear,
            };
            let target =
                json!({"select": {"kind": "Deployment"}, "reject": [select], "fieldPaths": [path]});
            assert_eq!(meaning(json!({"targets": [target]})), rejected, "{select}");
        }
    }

    #[test]
    fn a_plain_copy_and_another_field_mean_nothing() {
        let pieces = json!({"delimiter": ":"});
        for source in [
            json!({"kind": "Deployment", "fieldPath": "spec.template.spec.containers.0.image"}),
            json!({"kind": "Deployment", "fieldPath": "spec.template.spec.containers.1.image", "options": pieces}),
            json!({"kind": "Deployment", "fieldPath": "spec.template.spec.containers.[name=app].image", "options": pieces}),
            json!({"kind": "Deployment", "fieldPath": "spec.template.spec.containers.0.name", "options": pieces}),
            json!({"kind": "StatefulSet", "fieldPath": "spec.template.spec.containers.0.image", "options": pieces}),
            json!({"group": "example.com", "fieldPath": "spec.template.spec.containers.0.image", "options": pieces}),
            json!({"kind": "Deployment", "name": "shop", "options": pieces}),
        ] {
            assert_eq!(meaning(json!({"source": source})), None, "{source}");
        }
    }

    #[test]
    fn a_dot_of_a_key_is_escaped() {
        assert_eq!(
            steps(r"metadata.annotations.example\.com/a"),
            ["metadata", "annotations", "example.com/a"]
        );
        assert_eq!(
            steps("spec.[image=a.b:1].image"),
            ["spec", "[image=a.b:1]", "image"]
        );
    }
}
