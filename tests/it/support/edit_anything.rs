//! Edits any bytes, and checks the result without trusting the engine. It is the body of `fuzz/fuzz_targets/edit.rs` and of the
//! test `mutations`. It panics if the engine panics, or if a new text is wrong.

use imago::engine::answer::{Answer, Answers};
use imago::engine::image::Digest;
use imago::engine::plan::{self, Rules, TagChoice};
use imago::engine::policy::{TagForm, Track};
use imago::engine::selector::ImageFilter;
use imago::engine::shape;
use imago::engine::splice::{DocumentChanges, splice};
use imago::engine::yaml::{CommentedFile, File};
use serde::Deserialize as _;
use serde_yaml::{Mapping, Value};

/// Whether an edit was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// There is a new text, and it is correct.
    Edited,
    /// The text stays.
    Left,
}

/// Updates and restores a text in which every tag has the same digest.
pub(crate) fn edit_anything(bytes: &[u8]) -> Outcome {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return Outcome::Left;
    };
    let Some(new) = edit(text, Action::Update) else {
        if let Some(restored) = edit(text, Action::Restore) {
            differs_at_images_alone(text, &restored);
        }
        return Outcome::Left;
    };
    differs_at_images_alone(text, &new);
    assert_eq!(
        edit(&new, Action::Update),
        None,
        "a second run changes something"
    );
    if let Some(restored) = edit(&new, Action::Restore) {
        differs_at_images_alone(&new, &restored);
    }
    Outcome::Edited
}

#[derive(Clone, Copy)]
enum Action {
    Update,
    Restore,
}

fn edit(text: &str, action: Action) -> Option<String> {
    let images = ImageFilter::new(&[], &[]).expect("no pattern is no wrong pattern");
    let rules = Rules {
        tags: TagChoice::ByPolicy,
        track: Track::Annotation,
        form: TagForm::Keep,
        images,
    };
    let digest =
        Digest::parse(&format!("sha256:{}", "1".repeat(64))).expect("it is 64 digits long");
    let file = CommentedFile::parse(text).ok()?;
    let mut wanted = Vec::new();
    for document in 0..file.len() {
        let workloads = shape::find(file.document(document)).objects;
        let questions = plan::wanted(&workloads, &rules);
        let answers: Answers = questions
            .into_keys()
            .map(|lookup| (lookup, Ok(Answer::new(digest.clone()))))
            .collect();
        let plans = workloads.iter().filter_map(|workload| match action {
            Action::Update => plan::update(workload, &rules, &answers).ok(),
            Action::Restore => plan::restore(workload, &rules).ok(),
        });
        let changes: Vec<_> = plans.flat_map(|plan| plan.changes).collect();
        if !changes.is_empty() {
            wanted.push(DocumentChanges { document, changes });
        }
    }
    if wanted.is_empty() {
        None
    } else {
        splice(file, wanted).ok()
    }
}

fn differs_at_images_alone(old: &str, new: &str) {
    assert_ne!(old, new, "an edit that changes nothing");
    let (before, after) = (documents(old), documents(new));
    assert_eq!(before.len(), after.len(), "another number of documents");
    for (before, after) in before.iter().zip(&after) {
        same(Some(before), Some(after), &mut Vec::new());
    }
}

/// The documents as another reader sees them; of a refused document, its bytes.
fn documents(text: &str) -> Vec<Value> {
    let file = File::parse(text).expect("it was edited");
    if file.refused().is_empty() {
        return documents_of(text);
    }
    let read = |document| {
        let bytes = &text[file.region(document)];
        match file.is_refused(document) {
            true => vec![Value::from(bytes)],
            false => documents_of(bytes),
        }
    };
    (0..file.len()).flat_map(read).collect()
}

fn documents_of(text: &str) -> Vec<Value> {
    let text = text.trim_start_matches('\u{feff}');
    if let Ok(value) = serde_json::from_str::<Value>(text) {
        return vec![value];
    }
    let read = |document| {
        let value = Value::deserialize(document)?;
        let mut merged = value.clone();
        // A document that cannot be merged is compared as it is written.
        Ok(if merged.apply_merge().is_ok() {
            merged
        } else {
            value
        })
    };
    let documents = serde_yaml::Deserializer::from_str(text).map(read);
    let documents: Vec<Result<_, serde_yaml::Error>> = documents.collect();
    let parts: Vec<&str> = text.split("\n---").collect();
    let is_split = parts.len() == documents.len();
    let told = |(at, document): (usize, Result<Value, serde_yaml::Error>)| {
        document.or_else(|error| match error.to_string() {
            // Two keys have one value, such as `1` and `0x1`. Such a document has to stay as it is.
            told if told.contains("duplicate entry") && is_split => Ok(Value::from(parts[at])),
            // A scalar does not fit its tag, such as `!!bool yes`. What the document says is told by our own readers alone.
            told if told.contains("invalid value") => Err(()),
            // serde_yaml has no whole numbers beyond 64 bits. A fixture compares those.
            told if told.contains("expected any YAML value") => Err(()),
            told => panic!("an edit of what another reader does not take: {told}"),
        })
    };
    let documents: Result<_, ()> = documents.into_iter().enumerate().map(told).collect();
    documents.unwrap_or_default()
}

fn same(old: Option<&Value>, new: Option<&Value>, path: &mut Vec<String>) {
    let empty = Mapping::new();
    let may_come = matches!(
        path.last().map(String::as_str),
        Some("metadata" | "annotations")
    );
    match (old, new) {
        _ if old == new => {}
        (Some(Value::Mapping(old)), Some(Value::Mapping(new))) => same_entries(old, new, path),
        (None | Some(Value::Null), Some(Value::Mapping(new))) if may_come => {
            same_entries(&empty, new, path)
        }
        (Some(Value::Mapping(old)), None | Some(Value::Null)) if may_come => {
            same_entries(old, &empty, path)
        }
        (None, Some(Value::Null)) | (Some(Value::Null), None) if may_come => {}
        (Some(Value::Sequence(old)), Some(Value::Sequence(new))) if old.len() == new.len() => {
            for (index, (old, new)) in old.iter().zip(new).enumerate() {
                path.push(index.to_string());
                same(Some(old), Some(new), path);
                path.pop();
            }
        }
        (Some(Value::Tagged(old)), Some(Value::Tagged(new))) if old.tag == new.tag => {
            same(Some(&old.value), Some(&new.value), path)
        }
        // Values of a chart in a text.
        (Some(Value::String(old)), Some(Value::String(new))) if is_values_text(path) => {
            let read = |text: &str| serde_yaml::from_str::<Value>(text).expect("it was edited");
            same(Some(&read(old)), Some(&read(new)), path);
        }
        // The tag and the digest of an entry of `images`, and of values.
        (Some(Value::String(old)), Some(Value::String(new)))
            if is_key(path, &["newTag", "tag", "imageTag"]) =>
        {
            let tag = |text: &str| text.split('@').next().unwrap_or_default().to_owned();
            assert_eq!(tag(old), tag(new.trim_end()), "another tag at {path:?}");
        }
        (None | Some(Value::Null | Value::String(_)), Some(Value::String(new)))
            if is_key(path, &["digest", "digestChroot", "sha"]) =>
        {
            let digits = new.strip_prefix("sha256:").unwrap_or(new);
            let are_digits = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            assert!(digits.len() == 64 && are_digits, "no digest at {path:?}");
        }
        (Some(Value::String(old)), Some(Value::String(new))) if is_parameter(path) => {
            let is_digest = old.starts_with("sha256:") && new.starts_with("sha256:");
            assert!(
                is_digest || old.is_empty() || without_digests(old) == without_digests(new),
                "another parameter at {path:?}"
            );
        }
        (Some(Value::String(old)), Some(Value::String(new))) if is_text(path) => {
            assert_eq!(
                without_digests(old),
                without_digests(new),
                "another text at {path:?}"
            );
        }
        (Some(Value::String(old)), Some(Value::String(new))) if is_image(path) => {
            let name = |image: &str| {
                image
                    .split(['@', ':'])
                    .next()
                    .unwrap_or_default()
                    .to_owned()
            };
            assert_eq!(name(old), name(new.trim_end()), "another image at {path:?}");
        }
        _ => panic!("another value at {path:?}: {old:?} and {new:?}"),
    }
}

fn same_entries(old: &Mapping, new: &Mapping, path: &mut Vec<String>) {
    for key in old
        .keys()
        .chain(new.keys().filter(|key| !old.contains_key(key)))
    {
        let name = key
            .as_str()
            .map_or_else(|| format!("{key:?}"), str::to_owned);
        if name == "imago-config-spec" && is_annotations(path) {
            continue;
        }
        path.push(name);
        same(old.get(key), new.get(key), path);
        path.pop();
    }
}

fn is_key(path: &[String], keys: &[&str]) -> bool {
    path.last()
        .is_some_and(|last| keys.contains(&last.as_str()))
}

fn is_values_text(path: &[String]) -> bool {
    is_key(path, &["values", "valuesContent"])
}

fn is_parameter(path: &[String]) -> bool {
    matches!(path, [.., list, _, value] if list == "parameters" && value == "value")
}

/// A patch in a kustomization, and an image of Argo CD behind the one that it takes the place of.
fn is_text(path: &[String]) -> bool {
    match path {
        [.., list, _] if list == "images" || list == "patchesStrategicMerge" => true,
        [.., key] => key == "patch",
        [] => false,
    }
}

fn without_digests(text: &str) -> String {
    let mut parts = text.split("@sha256:");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| {
        let rest = part.trim_start_matches(|digit: char| digit.is_ascii_hexdigit());
        (text + rest).replace(":latest", "")
    })
}

/// `…containers[N].image`, wherever a pod's specification may be, or in a mapping that is merged into a container.
fn is_image(path: &[String]) -> bool {
    let list = |name: &String| {
        matches!(
            name.as_str(),
            "containers" | "initContainers" | "sidecars" | "steps"
        )
    };
    let map = |name: &String| {
        matches!(
            name.as_str(),
            "container" | "script" | "spec" | "stepTemplate"
        )
    };
    let is_values = |name: &String| {
        let values = ["values", "valuesContent", "valuesInline", "valuesObject"];
        values.contains(&name.as_str())
    };
    match path {
        [above @ .., key] if above.iter().any(is_values) => {
            key.to_ascii_lowercase().ends_with("image")
        }
        [.., volume, key] if volume == "image" => key == "reference",
        // What an operation of a JSON Patch puts in.
        [_, key] if key == "value" => true,
        [_, value, .., key] if value == "value" => key == "image",
        [.., name, _, key] if list(name) => key == "image",
        [.., name, key] if map(name) => key == "image",
        [above @ .., key] => {
            key == "image" && above.iter().any(|name| name == "<<") && above.iter().any(list)
        }
        [] => false,
    }
}

/// Whether a path leads to the annotations of a document or a list's item. Those of a pod template do not count.
fn is_annotations(path: &[String]) -> bool {
    let [items @ .., metadata, annotations] = path else {
        return false;
    };
    metadata == "metadata"
        && annotations == "annotations"
        && items.chunks(2).all(|pair| pair[0] == "items")
}
