//! Fields that `configurations` of a kustomization name as images, beside those that kustomize knows.
//!
//! ```yaml
//! images:                                           # a file that `configurations` names
//! - {kind: WorkflowTemplate, path: 'spec/templates[]/container/image'}
//! ```
//!
//! As in kustomize 5 (`api/filters/fieldspec/fieldspec.go`), a path leads through every item of a list, with `[]` or without.

use crate::engine::object::Object;
use crate::engine::path::Step;
use crate::engine::shape::JSON_PATCH;
use crate::engine::site::{Site, Slots};
use crate::engine::tree::Tree;

/// A field of the objects of a kind. What is empty fits everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Field {
    group: String,
    version: String,
    kind: String,
    /// The keys that lead to it.
    path: Vec<String>,
}

impl Field {
    /// `None`: it has no path.
    pub(super) fn read<'a, T: Tree<'a>>(item: T) -> Option<Self> {
        let text = |key| {
            let text = item.get(key).and_then(|value| value.scalar().text());
            text.unwrap_or_default().to_owned()
        };
        Some(Self {
            group: text("group"),
            version: text("version"),
            kind: text("kind"),
            path: keys(item.get("path")?.scalar().text()?),
        })
    }

    /// Whether the image of a site stands in this field. What object a patch is for is not known.
    pub(super) fn is_of(&self, object: Option<&Object>, steps: &[Step], site: &Site) -> bool {
        let is_operation = matches!(steps, [Step::Index(_), ..]);
        let fits = |own: &str, text: &str| own.is_empty() || own == text;
        let is_selected = object.is_none_or(|object| {
            object.kind == JSON_PATCH
                || fits(&self.group, object.group())
                    && fits(&self.version, object.version())
                    && fits(&self.kind, &object.kind)
        });
        is_selected
            && match &site.slots {
                Slots::Whole(_) if is_operation => self.is_path(&site.name),
                Slots::Whole(below) => self.leads_to(steps.iter().chain(&**below)),
                Slots::Parts(_) | Slots::Behind(_) => false,
            }
    }

    fn leads_to<'s>(&self, steps: impl Iterator<Item = &'s Step>) -> bool {
        let keys = steps.filter_map(|step| match step {
            Step::Key(key) => Some(&**key),
            Step::Index(_) | Step::Inside(_) => None,
        });
        keys.eq(self.path.iter().map(String::as_str))
    }

    /// Whether the path of an operation of a JSON Patch leads here.
    fn is_path(&self, pointer: &str) -> bool {
        let is_index = |key: &&str| key.bytes().all(|byte| byte.is_ascii_digit()) || *key == "-";
        let keys = pointer.split('/').filter(|key| !is_index(key));
        let keys = keys.map(|key| key.replace("~1", "/").replace("~0", "~"));
        keys.eq(self.path.iter().map(String::as_str))
    }
}

/// The keys of a path: `spec/templates[]/container/image`, where `\/` is a slash of a key.
fn keys(path: &str) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    let mut goes_on = false;
    for part in path.strip_prefix('/').unwrap_or(path).split('/') {
        let (part, is_cut) = match part.strip_suffix('\\') {
            Some(part) => (part, true),
            None => (part, false),
        };
        match keys.last_mut().filter(|_| goes_on) {
            Some(last) => last.extend(["/", part]),
            None => keys.push(part.to_owned()),
        }
        goes_on = is_cut;
    }
    for key in &mut keys {
        if let Some(list) = key.strip_suffix("[]") {
            *key = list.to_owned();
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::engine::shape;

    fn is_of(field: Value, document: &Value) -> bool {
        let object = shape::find(document).objects.remove(0);
        let site = &object.sites[0];
        Field::read(&field)
            .unwrap()
            .is_of(Some(&object), site.at.steps(), site)
    }

    #[test]
    fn a_field_is_that_of_a_kind_and_leads_through_lists() {
        let step = json!({"image": "web:1"});
        let task =
            json!({"apiVersion": "tekton.dev/v1", "kind": "Task", "spec": {"steps": [step]}});
        for (field, expected) in [
            (json!({"path": "spec/steps[]/image"}), true),
            (json!({"path": "/spec/steps/image", "kind": "Task"}), true),
            (
                json!({"path": "spec/steps/image", "group": "tekton.dev", "version": "v1", "kind": "Task"}),
                true,
            ),
            (json!({"path": "spec/steps/image", "version": "v2"}), false),
            (json!({"path": "spec/steps/image", "group": "apps"}), false),
            (json!({"path": "spec/steps/image", "kind": "Tas"}), false),
            (json!({"path": "spec/steps"}), false),
            (json!({"path": "spec/steps/image/x"}), false),
            (json!({"path": "image"}), false),
        ] {
            assert_eq!(is_of(field.clone(), &task), expected, "{field}");
        }
        assert_eq!(Field::read(&json!({"kind": "Task"})), None);
    }

    #[test]
    fn an_operation_is_compared_by_its_path() {
        let patch =
            json!([{"op": "replace", "path": "/spec/steps/0/a~1b/image", "value": "web:1"}]);
        assert!(is_of(
            json!({"path": r"spec/steps[]/a\/b/image", "kind": "Task"}),
            &patch
        ));
        assert!(!is_of(json!({"path": "spec/steps/image"}), &patch));
    }

    #[test]
    fn a_slash_of_a_key_is_escaped() {
        assert_eq!(
            keys(r"spec/a\/b\/c/d[]"),
            ["spec", "a/b/c", "d"].map(str::to_owned)
        );
        assert_eq!(keys("/spec"), ["spec"]);
    }
}
