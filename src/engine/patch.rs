//! Makes one JSON Patch (RFC 6902) of a workload's changes in a cluster. It takes effect as a whole or not at all.
//!
//! The patch first tests every text that a change relies on, so nothing that somebody else wrote meanwhile is lost. JSON Patch
//! cannot test that something is *absent*, such as another writer's mark, and `add` replaces an existing value. So a patch is
//! valid for one version of the object. Where the version changes all the time, because of the status, a patch that adds nothing
//! may be valid for the texts alone. A decision by pods is valid only for the pod template that they were made from: for one
//! generation of the object.

use serde_json::{Map, Value, json};

use super::change::Change;
use super::live::Live;
use super::object::Record;
use super::path::{Path, Step};

/// What the changes were decided by, apart from the workload's own texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Nothing else.
    Texts,
    /// The digests that its pods run.
    Pods,
}

/// For which later states of the object a patch is valid, if the tested texts are unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValidFor {
    /// Only for the version that was read.
    Version,
    /// For all, if the patch adds nothing. Other fields that were added or changed go unnoticed.
    Texts,
}

/// The patch that makes the changes. It fails if the object is no longer the one that they were planned on. Empty if there are no
/// changes.
pub fn patch(live: &Live, changes: &[Change], basis: Basis, valid_for: ValidFor) -> Vec<Value> {
    if changes.is_empty() {
        return Vec::new();
    }
    let workload = &live.workload;
    let mut tests = vec![test(&Path::root().keys(&["metadata", "uid"]), &live.uid)];
    if valid_for == ValidFor::Version || changes.iter().any(|change| change.from.is_none()) {
        tests.push(test(
            &Path::root().keys(&["metadata", "resourceVersion"]),
            &live.resource_version,
        ));
    }
    if let (Basis::Pods, Some(generation)) = (basis, live.generation) {
        tests.push(json!({"op": "test", "path": "/metadata/generation", "value": generation}));
    }
    if let Record::Text(record) = &workload.record {
        tests.push(test(&workload.record_path(), record));
    }
    let mut operations = Vec::new();
    for change in changes {
        // An index identifies a container only together with its name.
        let container = workload.sites.iter().find(|site| site.holds(change));
        if let Some(container) = container {
            tests.push(test(&container.at.join("name"), &container.name));
        }
        let is_record = change.at == workload.record_path();
        if let Some(from) = change.from.as_ref().filter(|_| !is_record) {
            tests.push(test(&change.at, from));
        }
        operations.push(match (&change.from, &change.to) {
            (_, None) => json!({"op": "remove", "path": change.at.pointer()}),
            (Some(_), Some(to)) => {
                json!({"op": "replace", "path": change.at.pointer(), "value": to})
            }
            (None, Some(to)) => add(live, &change.at, to),
        });
    }
    tests.extend(operations);
    tests
}

fn test(at: &Path, value: &str) -> Value {
    json!({"op": "test", "path": at.pointer(), "value": value})
}

/// Adds a text, and the missing maps above it.
fn add(live: &Live, at: &Path, to: &str) -> Value {
    let Some(top) = live
        .absent
        .iter()
        .filter(|absent| at.steps().starts_with(absent.steps()))
        .min_by_key(|absent| absent.steps().len())
    else {
        return json!({"op": "add", "path": at.pointer(), "value": to});
    };
    let below = at.steps()[top.steps().len()..]
        .iter()
        .rev()
        .filter_map(|step| match step {
            Step::Key(key) => Some(key.to_string()),
            Step::Index(_) | Step::Inside(_) => None,
        });
    let value = below.fold(Value::from(to), |value, key| {
        Value::Object(Map::from_iter([(key, value)]))
    });
    json!({"op": "add", "path": top.pointer(), "value": value})
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::object::RECORD;

    fn live(annotations: Value, template: Value) -> Live {
        Live::read(&json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": "web", "namespace": "shop", "uid": "u1", "resourceVersion": "7", "annotations": annotations},
            "spec": {"template": {"metadata": template, "spec": {"containers": [{"name": "app", "image": "reg.test/web:1"}]}}},
        }))
        .unwrap()
    }

    fn image(live: &Live) -> Change {
        let at = live.workload.sites[0].written_at();
        Change {
            at,
            from: Some("reg.test/web:1".into()),
            to: Some("reg.test/web:1@d".into()),
        }
    }

    fn record(live: &Live, from: Option<&str>, to: Option<&str>) -> Change {
        Change {
            at: live.workload.record_path(),
            from: from.map(str::to_owned),
            to: to.map(str::to_owned),
        }
    }

    const UID: &str = r#"{"op":"test","path":"/metadata/uid","value":"u1"}"#;
    const VERSION: &str = r#"{"op":"test","path":"/metadata/resourceVersion","value":"7"}"#;
    const NAME: &str =
        r#"{"op":"test","path":"/spec/template/spec/containers/0/name","value":"app"}"#;
    const OLD: &str =
        r#"{"op":"test","path":"/spec/template/spec/containers/0/image","value":"reg.test/web:1"}"#;
    const NEW: &str = r#"{"op":"replace","path":"/spec/template/spec/containers/0/image","value":"reg.test/web:1@d"}"#;

    fn operations(live: &Live, changes: &[Change]) -> Vec<String> {
        patch(live, changes, Basis::Texts, ValidFor::Texts)
            .iter()
            .map(Value::to_string)
            .collect()
    }

    #[test]
    fn every_text_that_is_relied_on_is_tested_before_anything_changes() {
        let live = live(json!({RECORD: "old", "note": "kept"}), json!({}));
        let changes = [image(&live), record(&live, Some("old"), Some("new"))];
        let test =
            r#"{"op":"test","path":"/metadata/annotations/imago-config-spec","value":"old"}"#;
        let replace =
            r#"{"op":"replace","path":"/metadata/annotations/imago-config-spec","value":"new"}"#;
        assert_eq!(
            operations(&live, &changes),
            [UID, test, NAME, OLD, NEW, replace]
        );
        // A record that stays is tested all the same.
        assert_eq!(
            operations(&live, &changes[..1]),
            [UID, test, NAME, OLD, NEW]
        );
    }

    #[test]
    fn what_is_added_holds_for_one_version_of_the_object_alone() {
        let with_map = live(json!({"note": "kept"}), json!({}));
        let add = r#"{"op":"add","path":"/metadata/annotations/imago-config-spec","value":"new"}"#;
        let changes = [image(&with_map), record(&with_map, None, Some("new"))];
        assert_eq!(
            operations(&with_map, &changes),
            [UID, VERSION, NAME, OLD, NEW, add]
        );
        let without_map = live(Value::Null, json!({}));
        let add =
            r#"{"op":"add","path":"/metadata/annotations","value":{"imago-config-spec":"new"}}"#;
        assert_eq!(
            operations(&without_map, &changes),
            [UID, VERSION, NAME, OLD, NEW, add]
        );
    }

    #[test]
    fn a_patch_may_hold_for_one_version_although_it_adds_nothing() {
        let live = live(json!({RECORD: "old"}), json!({}));
        let operations = |valid_for| -> Vec<String> {
            patch(&live, &[image(&live)], Basis::Texts, valid_for)
                .iter()
                .map(Value::to_string)
                .collect()
        };
        let (mut version, texts) = (operations(ValidFor::Version), operations(ValidFor::Texts));
        assert_eq!(version.remove(1), VERSION);
        assert_eq!(version, texts);
    }

    #[test]
    fn maps_that_are_absent_are_made_from_the_top() {
        let restart = |live: &Live| Change {
            at: live.restarted_path(),
            from: None,
            to: Some("now".into()),
        };
        for (template, add) in [
            (
                Value::Null,
                r#"{"op":"add","path":"/spec/template/metadata","value":{"annotations":{"imago/restartedAt":"now"}}}"#,
            ),
            (
                json!({}),
                r#"{"op":"add","path":"/spec/template/metadata/annotations","value":{"imago/restartedAt":"now"}}"#,
            ),
            (
                json!({"annotations": {}}),
                r#"{"op":"add","path":"/spec/template/metadata/annotations/imago~1restartedAt","value":"now"}"#,
            ),
        ] {
            let live = live(Value::Null, template);
            assert_eq!(operations(&live, &[restart(&live)]), [UID, VERSION, add]);
        }
    }

    #[test]
    fn a_record_that_goes_is_tested_and_removed() {
        let live = live(json!({RECORD: "old"}), json!({}));
        let operations = operations(&live, &[record(&live, Some("old"), None)]);
        assert_eq!(
            operations[2],
            r#"{"op":"remove","path":"/metadata/annotations/imago-config-spec"}"#
        );
        assert_eq!(operations.len(), 3);
        assert!(patch(&live, &[], Basis::Pods, ValidFor::Version).is_empty());
    }

    #[test]
    fn what_pods_have_decided_holds_for_one_generation() {
        let mut live = live(
            json!({}),
            json!({"annotations": {"imago/restartedAt": "then"}}),
        );
        live.generation = Some(3);
        let change = Change {
            at: live.restarted_path(),
            from: Some("then".into()),
            to: Some("now".into()),
        };
        let operations = patch(&live, &[change], Basis::Pods, ValidFor::Texts);
        assert_eq!(
            operations[1],
            json!({"op": "test", "path": "/metadata/generation", "value": 3})
        );
        assert_eq!(operations.len(), 4);
    }
}
