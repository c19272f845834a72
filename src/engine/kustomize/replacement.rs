//! `replacements`: what a kustomization copies from one object into another, as far as images are concerned.
//!
//! ```yaml
//! replacements:
//! - source: {kind: Deployment, name: web, fieldPath: 'spec.template.spec.containers.0.image', options: {delimiter: ':', index: 1}}
//!   targets:                # `1.4` of `web:1.4`, and `1.4@sha256` of `web:1.4@sha256:…`
//!   - select: {kind: ConfigMap, name: versions}
//!     fieldPaths: [data.web]
//! ```

use std::cell::LazyCell;

use super::pattern::{Limits, Pattern};
use crate::engine::object::Object;
use crate::engine::path::{Path, Step};
use crate::engine::site::Site;
use crate::engine::tree::Tree;

/// One replacement.
#[derive(Clone, Debug)]
pub(super) struct Replacement {
    source: Option<Fields>,
    targets: Vec<Target>,
    /// How many selectors and paths it has.
    steps: usize,
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
    paths: Vec<Vec<String>>,
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
    /// Another text takes its place.
    Replaced,
    /// Another text takes its place if a selector fits that is not followed.
    MayBeReplaced,
}

impl Replacement {
    pub(super) fn read<'a, T: Tree<'a>>(replacement: T, limits: &mut Limits) -> Self {
        let source = replacement.get("source").map(|source| Fields {
            of: Selector::read(source, limits),
            paths: vec![steps(text(source, "fieldPath").unwrap_or("metadata.name"))],
            in_pieces: is_in_pieces(source),
        });
        let targets = replacement.get("targets").map(T::items).unwrap_or_default();
        let targets = targets.into_iter();
        let targets = targets.filter_map(|target| Target::read(target, limits));
        let targets: Vec<Target> = targets.collect();
        let of_targets = targets.iter();
        let of_targets =
            of_targets.map(|target| 1 + target.fields.paths.len() + target.reject.len());
        Self {
            steps: 1 + of_targets.sum::<usize>(),
            source,
            targets,
        }
    }

    /// How much [`Self::meaning`] compares at most.
    pub(super) fn steps(&self) -> usize {
        self.steps
    }

    /// What it means to the image of this site. `None`: nothing, or the image is copied whole.
    pub(super) fn meaning(&self, object: &Object, site: &Site) -> Option<Meaning> {
        let at = LazyCell::new(|| site.written_at());
        let place = |fields: &Fields| {
            let steps = Path::steps(&at).get(object.at.steps().len()..);
            fields.lead_to(steps.unwrap_or_default(), &site.name)
        };
        let may_fit = |fits: Option<bool>| fits != Some(false);
        let mut source = self.source.iter().filter(|source| source.in_pieces);
        if source.any(|source| may_fit(source.of.fits(object)) && place(source)) {
            return Some(Meaning::TakenApart);
        }
        let targets = self.targets.iter();
        let targets = targets.map(|target| (&target.fields, target.fits(object)));
        let targets = targets.filter(|(fields, fits)| may_fit(*fits) && place(fields));
        let meanings = targets.map(|(fields, fits)| match fits {
            _ if fields.in_pieces => Meaning::TakenApart,
            Some(_) => Meaning::Replaced,
            None => Meaning::MayBeReplaced,
        });
        meanings.min()
    }

    /// Whether it takes the image of some object apart.
    pub(super) fn takes_images_apart(&self) -> bool {
        let targets = self.targets.iter().map(|target| &target.fields);
        let mut fields = self.source.iter().chain(targets);
        let is_image = |path: &Vec<String>| path.last().is_some_and(|last| last == "image");
        fields.any(|fields| fields.in_pieces && fields.paths.iter().any(is_image))
    }
}

impl Target {
    /// `None`: it selects nothing.
    fn read<'a, T: Tree<'a>>(target: T, limits: &mut Limits) -> Option<Self> {
        let paths = target.get("fieldPaths").map(T::items).unwrap_or_default();
        let paths = paths.into_iter().filter_map(|path| path.scalar().text());
        let reject = target.get("reject").map(T::items).unwrap_or_default();
        Some(Self {
            fields: Fields {
                of: Selector::read(target.get("select")?, limits),
                paths: paths.map(steps).collect(),
                in_pieces: is_in_pieces(target),
            },
            reject: reject
                .into_iter()
                .map(|reject| Selector::read(reject, limits))
                .collect(),
        })
    }

    /// Whether an object is meant. `None`: nobody knows.
    fn fits(&self, object: &Object) -> Option<bool> {
        let rejects = self.reject.iter().map(|reject| reject.fits(object));
        let spared = rejects.map(|fits| fits.map(|fits| !fits));
        all(spared.chain([self.fields.of.fits(object)]))
    }
}

impl Fields {
    /// Whether one of the paths leads to an image of this name.
    fn lead_to(&self, steps: &[Step], name: &str) -> bool {
        self.paths.iter().any(|path| {
            let mut pairs = steps.iter().zip(path);
            path.len() == steps.len() && pairs.all(|(step, wanted)| leads(wanted, step, name))
        })
    }
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

    /// Whether an object is meant. `None`: nobody knows.
    fn fits(&self, object: &Object) -> Option<bool> {
        let is = |own: &Option<Pattern>, text: &str| match own {
            Some(own) => own.matches(text),
            None => Some(true),
        };
        // A kustomization may put the object into another namespace.
        let namespace = object.namespace.as_deref().unwrap_or("default");
        let in_namespace = is(&self.namespace, namespace).filter(|fits| *fits);
        all([
            is(&self.group, object.group()),
            is(&self.version, object.version()),
            is(&self.kind, &object.kind),
            is(&self.name, &object.name),
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

/// Whether a step of a path is this one. Of the conditions for an item, `[name=…]` is looked at; another may hold.
fn leads(wanted: &str, step: &Step, name: &str) -> bool {
    if wanted == "*" {
        return true;
    }
    match step {
        Step::Key(key) => key == wanted,
        Step::Inside(_) => false,
        Step::Index(index) => match wanted.strip_prefix('[') {
            Some(condition) => {
                let named = condition.trim_end_matches(']').strip_prefix("name=");
                named.is_none_or(|wanted| wanted == name)
            }
            None => wanted == "-" || wanted.parse() == Ok(*index),
        },
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::engine::shape;

    fn meaning(replacement: Value) -> Option<Meaning> {
        let object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "shop"}, "spec": {"template": {"spec": {
            "containers": [{"name": "web", "image": "web:1"}],
        }}}});
        let found = shape::find(&object);
        Replacement::read(&replacement, &mut Limits::default())
            .meaning(&found.objects[0], &found.objects[0].sites[0])
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
