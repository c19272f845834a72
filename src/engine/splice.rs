//! From changes to byte edits, to new text, and the proof that nothing else changed.
//!
//! An edit touches a scalar's token, or adds or removes the entry of the annotation; every other byte stays. What would change a second
//! place along with the first, because an anchor is shared, is refused. So is whatever the proof does not pass: this room never returns
//! text that differs from its input in anything but the changes.

mod insert;
mod locate;
mod proof;
mod remove;
mod scalar;
mod sharing;

use std::collections::BTreeMap;
use std::ops::Range;

use super::path::Path;
use super::plan::Change;
use super::tree::{Scalar, Tree};
use super::yaml::{File, NodeId, YamlNode};
use insert::Notations;
use locate::{Located, Locator};
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
    pub code: &'static str,
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

/// What the edits do to the nodes of the file, as the proof checks it.
#[derive(Debug, Default)]
struct Effects {
    edits: Vec<Edit>,
    /// Scalars and aliases that get this text.
    replaced: BTreeMap<NodeId, String>,
    /// Mappings that get this entry (a chain of keys, and the text under the last), or empty nodes that become one.
    extended: BTreeMap<NodeId, (Vec<&'static str>, String)>,
    /// Mappings that lose this entry.
    reduced: BTreeMap<NodeId, &'static str>,
}

/// Makes the changes in the file's text. The file must have been read with all its comments.
pub fn splice(file: &File<'_>, wanted: &[DocumentChanges]) -> Result<String, Refused> {
    let mut effects = Effects::default();
    for document in wanted {
        let uses = Uses::of(file, document);
        let notations = Notations::of(file, document.document);
        let mut locator = Locator::new(file, document.document);
        for change in &document.changes {
            let located = locator.locate(&change.at);
            located_change(file, &notations, change, &located, &uses, &mut effects)?;
        }
    }
    let text = apply(file.text(), &mut effects.edits)?;
    proof::prove(file, &text, wanted, &effects)?;
    Ok(text)
}

fn located_change(
    file: &File<'_>,
    notations: &Notations<'_, '_>,
    change: &Change,
    located: &Located<'_, '_>,
    uses: &Uses<'_>,
    effects: &mut Effects,
) -> Result<(), Refused> {
    let last = located.nodes[located.nodes.len() - 1];
    match (&change.to, located.missing.is_empty()) {
        (Some(to), true) => {
            let from = last.target().styled().map(|(text, _)| text);
            if from != change.from.as_deref() {
                return Err(refused(
                    "not-editable",
                    last,
                    format!("{} is not what the change relies on", change.at),
                ));
            }
            let node = uses.token_to_edit(last, to, &change.at)?;
            // Another place that shows this node has asked for the same: `token_to_edit` refuses two wishes.
            if !effects.replaced.contains_key(&node.id()) {
                let (edit, value) = scalar::rewrite(file, node, to)?;
                effects.edits.push(edit);
                effects.replaced.insert(node.id(), value);
            }
        }
        (Some(to), false) => {
            let (node, chain) = (last.target(), &located.missing);
            uses.stands_once(last, &located_path(change, located.missing.len()))?;
            let edits = match (node.written_entries(), node.scalar()) {
                (Some(_), _) => insert::entry(file, notations, &located.nodes, chain, to)?,
                (None, Scalar::Null) => {
                    insert::instead_of_null(file, notations, &located.nodes, chain, to)?
                }
                (None, _) => {
                    let path = located_path(change, located.missing.len());
                    return Err(refused(
                        "not-editable",
                        last,
                        format!("{path} is not a mapping, so no annotation can be added to it"),
                    ));
                }
            };
            effects.edits.extend(edits);
            effects
                .extended
                .insert(node.id(), (chain.clone(), to.clone()));
        }
        (None, true) => {
            let (key, depth) = remove::outermost(file, &located.nodes, &change.at);
            let mapping = located.nodes[depth];
            uses.stands_once(
                mapping,
                &located_path(change, change.at.steps().len() - depth),
            )?;
            effects
                .edits
                .extend(remove::entry(file, mapping.target(), key)?);
            effects.reduced.insert(mapping.target().id(), key);
        }
        (None, false) => {}
    }
    Ok(())
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

fn refused(code: &'static str, node: YamlNode<'_, '_>, message: String) -> Refused {
    Refused {
        code,
        line: node.line(),
        message,
    }
}

fn unproven(message: String) -> Refused {
    Refused {
        code: "unproven",
        line: None,
        message,
    }
}
