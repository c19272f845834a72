//! `replacements`: what a kustomization copies from one object into another, as far as images are concerned.
//!
//! ```yaml
//! replacements:
//! - source: {kind: Deployment, name: web, fieldPath: 'spec.template.spec.containers.0.image', options: {delimiter: ':', index: 1}}
//!   targets:                # `1.4` of `web:1.4`, and `1.4@sha256` of `web:1.4@sha256:…`
//!   - select: {kind: ConfigMap, name: versions}
//!     fieldPaths: [data.web]
//! ```

use crate::engine::object::Object;
use crate::engine::path::Step;
use crate::engine::site::Site;
use crate::engine::tree::Tree;

/// One replacement.
#[derive(Clone, Debug)]
pub(super) struct Replacement {
    source: Option<Field>,
    targets: Vec<Target>,
}

#[derive(Clone, Debug)]
struct Target {
    fields: Vec<Field>,
    reject: Vec<Selector>,
}

/// A field of the objects that are selected.
#[derive(Clone, Debug)]
struct Field {
    of: Selector,
    path: Vec<String>,
    /// Whether its text is taken apart, and one piece of it is meant.
    in_pieces: bool,
}

/// What is not said fits everything.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Selector {
    group: Option<String>,
    kind: Option<String>,
    name: Option<String>,
}

/// What a replacement means to an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// A piece of it is copied, or replaced: a digest would be in the pieces.
    TakenApart,
    /// Another text takes its place.
    Replaced,
}

impl Replacement {
    pub(super) fn read<'a, T: Tree<'a>>(replacement: T) -> Self {
        let source = replacement.get("source");
        let field = |source: T| Field {
            of: Selector::read(source),
            path: steps(text(source, "fieldPath").unwrap_or("metadata.name")),
            in_pieces: is_in_pieces(source),
        };
        let targets = replacement.get("targets").map(T::items).unwrap_or_default();
        Self {
            source: source.map(field),
            targets: targets.into_iter().map(Target::read).collect(),
        }
    }

    /// What it means to the image of this site. `None`: nothing, or the image is copied whole.
    pub(super) fn meaning(&self, object: &Object, site: &Site) -> Option<Meaning> {
        let source = self.source.iter().filter(|field| field.in_pieces);
        if source.into_iter().any(|field| field.is(object, site)) {
            return Some(Meaning::TakenApart);
        }
        let targets = self.targets.iter().filter(|target| !target.rejects(object));
        let mut fields = targets.flat_map(|target| &target.fields);
        let field = fields.find(|field| field.is(object, site))?;
        Some(match field.in_pieces {
            true => Meaning::TakenApart,
            false => Meaning::Replaced,
        })
    }
}

impl Target {
    fn read<'a, T: Tree<'a>>(target: T) -> Self {
        let selector = target.get("select").map(Selector::read);
        let in_pieces = is_in_pieces(target);
        let paths = target.get("fieldPaths").map(T::items).unwrap_or_default();
        let paths = paths.into_iter().filter_map(|path| path.scalar().text());
        let field = |path| {
            Some(Field {
                of: selector.clone()?,
                path: steps(path),
                in_pieces,
            })
        };
        let reject = target.get("reject").map(T::items).unwrap_or_default();
        Self {
            fields: paths.filter_map(field).collect(),
            reject: reject.into_iter().map(Selector::read).collect(),
        }
    }

    fn rejects(&self, object: &Object) -> bool {
        self.reject.iter().any(|reject| reject.fits(object))
    }
}

impl Field {
    fn is(&self, object: &Object, site: &Site) -> bool {
        let at = site.written_at();
        let below = at
            .steps()
            .get(object.at.steps().len()..)
            .unwrap_or_default();
        self.of.fits(object)
            && below.len() == self.path.len()
            && below
                .iter()
                .zip(&self.path)
                .all(|(step, wanted)| leads(wanted, step, &site.name))
    }
}

impl Selector {
    fn read<'a, T: Tree<'a>>(of: T) -> Self {
        let owned = |key| {
            text(of, key)
                .filter(|text| !text.is_empty())
                .map(str::to_owned)
        };
        Self {
            group: owned("group"),
            kind: owned("kind"),
            name: owned("name"),
        }
    }

    fn fits(&self, object: &Object) -> bool {
        let group = object
            .api_version
            .split_once('/')
            .map_or("", |(group, _)| group);
        let is = |own: &Option<String>, text: &str| own.as_deref().is_none_or(|own| own == text);
        is(&self.group, group) && is(&self.kind, &object.kind) && is(&self.name, &object.name)
    }
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
        Replacement::read(&replacement).meaning(&found.objects[0], &found.objects[0].sites[0])
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
