//! From changes to byte edits, to new text, and the proof that nothing else changed.
//!
//! An edit touches a scalar's token, or adds or removes the entry of a mapping; every other byte stays. What would change a second
//! place along with the first, because an anchor is shared, is refused. So is whatever the proof does not pass: this room never returns
//! text that differs from its input in anything but the changes.

mod difference;
mod insert;
pub(in crate::engine) mod locate;
mod proof;
mod remove;
mod scalar;
mod sharing;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

use super::change::Change;
use super::object::{Object, Record};
use super::path::{Path, Step};
use super::site::{Memory, Slots};
use super::tree::{Scalar, Tree};
use super::yaml::{CommentedFile, File, Layout, NodeId, Style, YamlNode};
use crate::engine::code::Code;
pub(in crate::engine) use difference::Leaf;
use difference::{Content, Differences};
use insert::Notations;
use locate::{Located, Locator};
pub(in crate::engine) use proof::resolved;
use sharing::Uses;

/// The changes of one document of a file.
#[derive(Clone, Debug)]
pub struct DocumentChanges {
    /// Which document, from 0.
    pub document: usize,
    /// Its changes, all of them.
    pub changes: Vec<Change>,
}

/// Why a file is left as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    /// The stable word for programs: `shared-anchor`, `not-editable`, `unproven`.
    pub code: Code,
    /// The line, from 1, where one is to blame.
    pub line: Option<u32>,
    /// What is in the way.
    pub message: String,
}

/// Replaces a range of the original bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Edit {
    range: Range<usize>,
    text: String,
}

/// What is done to a file: the edits, and what shall differ by them.
#[derive(Debug, Default)]
struct Effects {
    edits: Vec<Edit>,
    /// The scalars and aliases that are edited, with the value that each then has.
    replaced: BTreeMap<NodeId, String>,
    /// The differences of the current document.
    differences: Vec<(Path, (Content, Content))>,
    /// The block mappings that lose entries: where each stands, and how many it keeps.
    reduced: BTreeMap<NodeId, (Path, usize)>,
}

/// Makes the changes in the file's text. It takes the file and the changes, because neither is kept while the second parser reads both
/// texts.
///
/// A change is one of three operations, on the place of any string:
///
/// ```yaml
/// # { at: images[0].newTag, from: "1.4", to: "1.5" } puts another text into a scalar, in its style. The new text is in quotes where a
/// # reader would take it for something else than a string.
/// images:                      images:
/// - name: web                  - name: web
///   newTag: '1.4' # pinned       newTag: '1.5' # pinned
///
/// # { at: images[0].digest, from: None, to: "sha256:…" } adds an entry behind the last of its mapping, with the mappings around it that
/// # are not there.
/// images:                      images:
/// - name: web                  - name: web
///   newTag: "1.5"                newTag: "1.5"
///                                digest: sha256:…
///
/// # { at: images[0].digest, from: "sha256:…", to: None } takes an entry out, with the mappings around it that hold nothing else and look
/// # as if the second operation had made them.
/// images: [{name: web, digest: sha256:…}]
/// images: [{name: web}]
/// ```
///
/// `Err`: a change cannot be made without touching something else, or the proof does not pass.
pub fn splice(file: CommentedFile<'_>, wanted: Vec<DocumentChanges>) -> Result<String, Refused> {
    let (mut edits, differences) = edits(&file, wanted, splice)?;
    let text = apply(file.text(), &mut edits)?;
    drop(edits);
    proof::prove(file, &text, &differences)?;
    Ok(text)
}

/// The text that [`splice`] makes, without the proof: for telling what would change. It must not be written.
pub fn draft(file: CommentedFile<'_>, wanted: Vec<DocumentChanges>) -> Result<String, Refused> {
    let (mut edits, _) = edits(&file, wanted, draft)?;
    apply(file.text(), &mut edits)
}

/// Whether [`draft`] makes every update of an object's images, whatever their digests are: the file is so plain that each scalar stands in
/// one place, and each image, and the record, has the scalar on one line that the plan relies on, or a mapping that takes one. `false`: only the draft tells.
pub fn is_certain(file: &File<'_>, document: usize, object: &Object) -> bool {
    if !file.is_plain() {
        return false;
    }
    let mut locator = Locator::new(file, document);
    let mut takes = |path: &Path, from: Option<&str>| takes_text(&locator.locate(path), from);
    let mut is_recorded = false;
    let images = object.sites.iter();
    for (site, image) in images.filter_map(|site| Some((site, site.image.text()?))) {
        is_recorded |= site.memory == Memory::Annotation;
        let takes = match &site.slots {
            Slots::Whole(_) => takes(&site.written_at(), Some(image)),
            Slots::Behind(before) => takes(&site.written_at(), Some(&[before, image].concat())),
            Slots::Parts(parts) => {
                (parts.iter()).all(|slot| takes(&site.at.below(&slot.steps), slot.text.as_deref()))
            }
        };
        if !takes {
            return false;
        }
    }
    let record = match &object.record {
        Record::Text(text) => Some(&**text),
        _ => None,
    };
    !is_recorded || takes(&object.record_path(), record)
}

/// Whether the scalar that a change relies on is there on one line, or may be added.
fn takes_text(located: &Located<'_, '_, '_>, from: Option<&str>) -> bool {
    let last = located.nodes[located.nodes.len() - 1];
    match (located.missing, last.styled()) {
        ([], Some((text, style))) => {
            let text = Some(text).filter(|_| last.scalar() != Scalar::Null);
            !last.is_absent() && style != Style::Block && text == from
        }
        ([], None) => false,
        (missing, _) => last.is_mapping() && keys_of(missing).is_some(),
    }
}

/// How the changes are made in a text that a scalar holds.
type Splice = fn(CommentedFile<'_>, Vec<DocumentChanges>) -> Result<String, Refused>;

/// The byte edits that make the changes, and what shall differ by them in each document that changes.
fn edits(
    file: &CommentedFile<'_>,
    wanted: Vec<DocumentChanges>,
    in_text: Splice,
) -> Result<(Vec<Edit>, BTreeMap<usize, Differences>), Refused> {
    let mut effects = Effects::default();
    let mut differences = BTreeMap::new();
    for document in wanted {
        let document = &outside(file, &document, in_text)?;
        let uses = Uses::of(file, document);
        let notations = Notations::of(file, document.document);
        let mut locator = Locator::new(file, document.document);
        for change in &document.changes {
            let located = locator.locate(&change.at);
            located_change(file, &notations, change, &located, &uses, &mut effects)?;
        }
        differences.insert(document.document, effects.take_differences());
    }
    Ok((effects.edits, differences))
}

/// The changes of a document, with one of the whole scalar in the place of those in a text that a scalar holds. That text is spliced and
/// proven by itself.
fn outside<'d>(
    file: &CommentedFile<'_>,
    document: &'d DocumentChanges,
    in_text: Splice,
) -> Result<Cow<'d, DocumentChanges>, Refused> {
    let is_inside = |step: &Step| matches!(step, Step::Inside(_));
    if !(document.changes.iter()).any(|change| change.at.steps().iter().any(is_inside)) {
        return Ok(Cow::Borrowed(document));
    }
    let mut plain = Vec::new();
    let mut texts: BTreeMap<Path, BTreeMap<usize, Vec<Change>>> = BTreeMap::new();
    for change in &document.changes {
        let steps = change.at.steps();
        let inside = steps.iter().enumerate().find_map(|(at, step)| match step {
            Step::Inside(document) => Some((at, *document)),
            Step::Key(_) | Step::Index(_) => None,
        });
        let Some((at, number)) = inside else {
            plain.push(change.clone());
            continue;
        };
        let of_text = texts.entry(steps[..at].iter().cloned().collect());
        of_text
            .or_default()
            .entry(number)
            .or_default()
            .push(Change {
                at: steps[at + 1..].iter().cloned().collect(),
                ..change.clone()
            });
    }
    let mut locator = Locator::new(file, document.document);
    for (at, changes) in texts {
        let located = locator.locate(&at);
        let node = located.nodes[located.nodes.len() - 1];
        let text = node.scalar().text().filter(|_| located.missing.is_empty());
        let what = |why: &str| refused(Code::NotEditable, node, format!("the text at {at} {why}"));
        let text = text.ok_or_else(|| what("is not there"))?;
        if !node.is_verbatim() {
            return Err(what("is folded or has escapes"));
        }
        let inner = CommentedFile::parse(text).map_err(|error| what(&error.to_string()))?;
        let of_document = |(document, changes)| DocumentChanges { document, changes };
        let changes = changes.into_iter().map(of_document).collect();
        let new_text = in_text(inner, changes).map_err(|inner| Refused {
            line: node.line(),
            ..inner
        })?;
        plain.push(Change {
            at: at.clone(),
            from: Some(text.to_owned()),
            to: Some(new_text),
        });
    }
    Ok(Cow::Owned(DocumentChanges {
        document: document.document,
        changes: plain,
    }))
}

impl Effects {
    fn differ(&mut self, at: Path, from: Content, to: Content) {
        self.differences.push((at, (from, to)));
    }

    /// What shall differ in the current document.
    fn take_differences(&mut self) -> Differences {
        for (path, left) in std::mem::take(&mut self.reduced).into_values() {
            // Nothing is left behind the key of a block mapping.
            if left == 0 {
                self.differ(path, Content::Mapping, Content::Null);
            }
        }
        std::mem::take(&mut self.differences).into()
    }
}

fn located_change(
    file: &CommentedFile<'_>,
    notations: &Notations<'_, '_>,
    change: &Change,
    located: &Located<'_, '_, '_>,
    uses: &Uses<'_>,
    effects: &mut Effects,
) -> Result<(), Refused> {
    let last = located.nodes[located.nodes.len() - 1];
    match (&change.to, located.missing.is_empty()) {
        (Some(to), true) => {
            let from = last.target().styled().map(|(text, _)| text);
            let from = from.filter(|_| last.scalar() != Scalar::Null);
            if from != change.from.as_deref() {
                return Err(refused(
                    Code::NotEditable,
                    last,
                    format!("{} is not what the change relies on", change.at),
                ));
            }
            let node = uses.token_to_edit(last, to, &change.at)?;
            // Another place that shows this node has asked for the same: `token_to_edit` refuses two wishes.
            let value = match effects.replaced.get(&node.id()) {
                Some(value) => value.clone(),
                None => {
                    let (edit, value) = scalar::rewrite(file, node, to)?;
                    effects.edits.push(edit);
                    effects.replaced.insert(node.id(), value.clone());
                    value
                }
            };
            let (from, to) = (content(last), Content::Text(value));
            if from != to {
                effects.differ(change.at.clone(), from, to);
            }
        }
        (Some(to), false) => {
            let (node, chain) = (last.target(), located.missing);
            let path = located_path(change, located.missing.len());
            uses.stands_once(last, &path)?;
            let keys = keys_of(chain).ok_or_else(|| {
                let what = format!("{} has no such item", change.at);
                refused(Code::NotEditable, last, what)
            })?;
            let edits = match (node.written_entries(), node.scalar()) {
                (Some(_), _) => insert::entry(file, notations, &located.nodes, &keys, to)?,
                (None, Scalar::Null) => {
                    let edits =
                        insert::instead_of_null(file, notations, &located.nodes, &keys, to)?;
                    effects.differ(path.clone(), Content::Null, Content::Mapping);
                    edits
                }
                (None, _) => {
                    return Err(refused(
                        Code::NotEditable,
                        last,
                        format!("{path} is not a mapping, so no entry can be added to it"),
                    ));
                }
            };
            effects.edits.extend(edits);
            for above in 1..chain.len() {
                let made = located_path(change, above);
                effects.differ(made, Content::Absent, Content::Mapping);
            }
            let text = Content::Text(to.clone());
            effects.differ(change.at.clone(), Content::Absent, text);
        }
        (None, true) => {
            let depth = remove::outermost(file, &located.nodes, &change.at);
            let mapping = located.nodes[depth];
            let steps = change.at.steps().len();
            let path = located_path(change, steps - depth);
            uses.stands_once(mapping, &path)?;
            let Step::Key(key) = &change.at.steps()[depth] else {
                return Err(refused(
                    Code::NotEditable,
                    mapping,
                    format!("{} is an item of a sequence", change.at),
                ));
            };
            let target = mapping.target();
            effects.edits.extend(remove::entry(file, target, key)?);
            if let Some((Layout::Block, entries)) = target.written_entries() {
                let reduced = effects.reduced.entry(target.id());
                reduced.or_insert((path, entries.len())).1 -= 1;
            }
            for above in 1..steps - depth {
                let gone = located_path(change, above);
                effects.differ(gone, Content::Mapping, Content::Absent);
            }
            effects.differ(change.at.clone(), content(last), Content::Absent);
        }
        (None, false) => {}
    }
    Ok(())
}

/// What a scalar is to the proof.
fn content(node: YamlNode<'_, '_>) -> Content {
    let text = node.target().styled().map_or("", |(text, _)| text);
    match node.scalar() {
        Scalar::Text(text) => Content::Text(text.to_owned()),
        Scalar::Null => Content::Null,
        Scalar::Bool(_) | Scalar::Other(_) => Content::Plain(text.to_owned()),
    }
}

/// The steps as keys. `None`: one leads into a sequence.
fn keys_of<'s>(steps: &'s [Step]) -> Option<Vec<&'s str>> {
    let key = |step: &'s Step| match step {
        Step::Key(key) => Some(key.as_ref()),
        Step::Index(_) | Step::Inside(_) => None,
    };
    steps.iter().map(key).collect()
}

/// The path of a change without its last steps.
fn located_path(change: &Change, without: usize) -> Path {
    let steps = change.at.steps();
    steps[..steps.len() - without]
        .iter()
        .fold(Path::root(), |path, step| path.join(step.clone()))
}

fn apply(text: &str, edits: &mut [Edit]) -> Result<String, Refused> {
    edits.sort_by_key(|edit| (edit.range.start, edit.range.end));
    let mut new_text =
        String::with_capacity(text.len() + edits.iter().map(|edit| edit.text.len()).sum::<usize>());
    let mut done = 0;
    for edit in edits.iter() {
        let kept = text
            .get(done..edit.range.start)
            .ok_or_else(|| unproven("two edits overlap".to_owned()))?;
        new_text.push_str(kept);
        new_text.push_str(&edit.text);
        done = edit.range.end;
    }
    new_text.push_str(&text[done..]);
    Ok(new_text)
}

fn refused(code: Code, node: YamlNode<'_, '_>, message: String) -> Refused {
    Refused {
        code,
        line: node.line(),
        message,
    }
}

fn unproven(message: String) -> Refused {
    Refused {
        code: Code::Unproven,
        line: None,
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::shape;

    /// A Deployment with this metadata and these lines of a container.
    fn deployment(metadata: &str, container: &str) -> String {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:{metadata}\nspec:\n  template:\n    spec:\n      containers:\n        - name: app\n          {container}\n"
        )
    }

    #[test]
    fn a_tag_that_does_not_fit_keeps_no_edit_back() {
        let text = "image: web:1\nx: [!!bool yes, !!null '']\n---\n!!int x: !!float y\n";
        let changes = vec![Change {
            at: Path::root().keys(&["image"]),
            from: Some("web:1".to_owned()),
            to: Some("web:2".to_owned()),
        }];
        let document = 0;
        let file = CommentedFile::parse(text).unwrap();
        let edited = splice(file, vec![DocumentChanges { document, changes }]);
        assert_eq!(edited.unwrap(), text.replace("web:1", "web:2"));
    }

    #[test]
    fn an_update_is_certain_where_scalars_on_one_line_change_or_are_added() {
        let named = "\n  name: web";
        for (is_certain, metadata, container) in [
            (true, named, "image: web:1 # pinned"),
            (true, named, "image: \"web:1\""),
            (true, named, "image: 'web:1'"),
            (true, named, "command: [a, b]\n          image: web:1"),
            (true, " {name: web}", "image: web:1"),
            (true, "\n  annotations: {}", "image: web:1"),
            (
                true,
                "\n  annotations:\n    imago-config-spec: '{}'",
                "image: web:1",
            ),
            (true, named, "image: 7"),
            (false, named, "image: |\n            web:1"),
            (false, named, "image: &it web:1\n        - image: *it"),
            (
                false,
                "\n  annotations:\n    imago-config-spec: |\n      {}",
                "image: web:1",
            ),
            (false, "\n  annotations: web", "image: web:1"),
            (false, "\n  annotations:", "image: web:1"),
            (false, " web", "image: web:1"),
            (false, "", "image: web:1"),
        ] {
            let text = deployment(metadata, container);
            let file = File::parse(&text).unwrap();
            let objects = shape::find(file.document(0)).objects;
            assert_eq!(
                self::is_certain(&file, 0, &objects[0]),
                is_certain,
                "{text}"
            );
        }
        let source = |digest: &str| {
            format!(
                "apiVersion: source.toolkit.fluxcd.io/v1\nkind: OCIRepository\nmetadata:\n  name: web\nspec:\n  url: oci://reg.test/web\n  ref:\n    tag: \"1\"\n{digest}"
            )
        };
        let kinds = shape::Kinds {
            added: vec!["OCIRepository".parse().unwrap()],
            ..shape::Kinds::default()
        };
        for (is_certain, digest) in [(true, ""), (false, "    digest: false\n")] {
            let text = source(digest);
            let file = File::parse(&text).unwrap();
            let objects = shape::find_in("", file.document(0), &kinds).objects;
            let found = self::is_certain(&file, 0, &objects[0]);
            assert_eq!(found, is_certain, "{text}");
        }
        let inside = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\npatches:\n  - patch: |\n      apiVersion: v1\n      kind: Pod\n      metadata: {name: web}\n      spec: {containers: [{name: app, image: web:1}]}\n";
        let file = File::parse(inside).unwrap();
        let objects = shape::find(file.document(0)).objects;
        assert_eq!(objects[0].sites.len(), 1);
        assert!(!self::is_certain(&file, 0, &objects[0]));
    }
}
