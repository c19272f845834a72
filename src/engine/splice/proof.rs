//! The proof that an edited text says what it should and nothing else, by two parsers that know nothing of each other.
//!
//! Our own reading compares both texts node by node, as they are written, and comment by comment. A second parser (libyaml, which
//! kubectl's reader follows; for JSON a JSON parser) must find the same workloads as we did, and no difference but the changes. A text that
//! fails is not returned, let alone written.

mod second;
mod value;

use std::collections::{HashMap, HashSet};

use crate::engine::tree::{Scalar, Tree as _};
use crate::engine::yaml::{File, Layout, NodeId, YamlNode};

use super::locate::Locator;
use super::{DocumentChanges, Effects, Refused, refused, unproven};

/// Proves that `new_text` is `old` with the wanted changes, and that `effects` is all that happened to its nodes.
pub(super) fn prove(
    old: &File<'_>,
    new_text: &str,
    wanted: &[DocumentChanges],
    effects: &Effects,
) -> Result<(), Refused> {
    let new = File::parse_with_comments(new_text).map_err(|error| {
        unproven(format!(
            "the edited text would not be read again (line {}: {error})",
            error.line
        ))
    })?;
    if old.len() != new.len() {
        return Err(unproven(
            "the edited text would have another number of documents".to_owned(),
        ));
    }
    if !old.comments().eq(new.comments()) {
        return Err(unproven("a comment would change".to_owned()));
    }
    let mut walk = Walk {
        effects,
        moved: HashMap::new(),
        named: old.alias_targets().collect(),
    };
    for document in 0..old.len() {
        if old.is_refused(document) || new.is_refused(document) {
            let both = old.is_refused(document) && new.is_refused(document);
            if both && old.text()[old.region(document)] == new.text()[new.region(document)] {
                continue;
            }
            return Err(unproven(
                "a document that cannot be read would change".to_owned(),
            ));
        }
        walk.same(old.document(document), new.document(document))?;
    }
    for document in wanted {
        let mut locator = Locator::new(&new, document.document);
        for change in &document.changes {
            let located = locator.locate(&change.at);
            let value = located
                .missing
                .is_empty()
                .then(|| located.nodes[located.nodes.len() - 1].scalar());
            let done = match (&change.to, value) {
                (None, None) => true,
                (Some(to), Some(Scalar::Text(text))) => {
                    text == to || text.trim_end_matches('\n') == to
                }
                _ => false,
            };
            if !done {
                return Err(unproven(format!(
                    "{} would not be what it should",
                    change.at
                )));
            }
        }
    }
    second::prove(old, &new, wanted)
}

/// Compares two files as they are written.
struct Walk<'e> {
    effects: &'e Effects,
    /// The nodes of the old file that aliases may name, in the new one.
    moved: HashMap<NodeId, NodeId>,
    /// Those nodes of the old file.
    named: HashSet<NodeId>,
}

impl Walk<'_> {
    fn same(&mut self, old: YamlNode<'_, '_>, new: YamlNode<'_, '_>) -> Result<(), Refused> {
        if self.named.contains(&old.id()) {
            self.moved.insert(old.id(), new.id());
        }
        let differs = || {
            Err(refused(
                "unproven",
                old,
                "another value would change with it".to_owned(),
            ))
        };
        if let Some(to) = self.effects.replaced.get(&old.id()) {
            let text = new.styled().map(|(text, _)| text);
            return if text == Some(to) && (old.is_alias() || old.has_tag_of(new)) {
                Ok(())
            } else {
                differs()
            };
        }
        if let Some((chain, value)) = self.effects.extended.get(&old.id())
            && old.written_entries().is_none()
        {
            return if is_chain(new, chain, value) {
                Ok(())
            } else {
                differs()
            };
        }
        if let Some(gone) = self.effects.reduced.get(&old.id())
            && new.is_absent()
        {
            let alone = match old.written_entries() {
                Some((Layout::Block, entries)) => {
                    matches!(entries.as_slice(), [(key, _)] if is_named(*key, gone))
                }
                _ => false,
            };
            return if alone && old.has_tag_of(new) {
                Ok(())
            } else {
                differs()
            };
        }
        if old.is_alias() || new.is_alias() {
            let same = old.is_alias()
                && new.is_alias()
                && self.moved.get(&old.target().id()) == Some(&new.target().id());
            return if same { Ok(()) } else { differs() };
        }
        match (
            old.written_entries(),
            new.written_entries(),
            old.written_items(),
            new.written_items(),
        ) {
            (Some((_, old_entries)), Some((_, new_entries)), ..) => {
                self.same_entries(old, &old_entries, &new_entries)
            }
            (_, _, Some((_, old_items)), Some((_, new_items)))
                if old_items.len() == new_items.len() =>
            {
                old_items
                    .into_iter()
                    .zip(new_items)
                    .try_for_each(|(old, new)| self.same(old, new))
            }
            (None, None, None, None) if old.styled() == new.styled() && old.has_tag_of(new) => {
                Ok(())
            }
            _ => differs(),
        }
    }

    fn same_entries(
        &mut self,
        mapping: YamlNode<'_, '_>,
        old: &[(YamlNode<'_, '_>, YamlNode<'_, '_>)],
        new: &[(YamlNode<'_, '_>, YamlNode<'_, '_>)],
    ) -> Result<(), Refused> {
        let gone = self.effects.reduced.get(&mapping.id());
        let come = self.effects.extended.get(&mapping.id());
        if gone.is_none() && come.is_none() {
            return match old.len() == new.len() {
                true => old
                    .iter()
                    .zip(new)
                    .try_for_each(|(old, new)| self.same_entry(old, new)),
                false => Err(refused(
                    "unproven",
                    mapping,
                    "another entry would come or go with it".to_owned(),
                )),
            };
        }
        let old: Vec<_> = old
            .iter()
            .filter(|(key, _)| gone.is_none_or(|gone| !is_named(*key, gone)))
            .collect();
        let (added, new): (Vec<_>, Vec<_>) = new.iter().partition(|(key, _)| {
            come.is_some_and(|(chain, _)| {
                is_named(*key, chain.first().copied().unwrap_or_default())
            })
        });
        let right = match (come, added.as_slice()) {
            (None, []) => true,
            (Some((chain, value)), [(_, inner)]) => is_chain(*inner, &chain[1..], value),
            _ => false,
        };
        if !right || old.len() != new.len() {
            return Err(refused(
                "unproven",
                mapping,
                "another entry would come or go with it".to_owned(),
            ));
        }
        old.into_iter()
            .zip(&new)
            .try_for_each(|(old, new)| self.same_entry(old, new))
    }

    fn same_entry(
        &mut self,
        old: &(YamlNode<'_, '_>, YamlNode<'_, '_>),
        new: &(YamlNode<'_, '_>, YamlNode<'_, '_>),
    ) -> Result<(), Refused> {
        self.same(old.0, new.0)?;
        self.same(old.1, new.1)
    }
}

fn is_named(key: YamlNode<'_, '_>, name: &str) -> bool {
    key.target().styled().is_some_and(|(text, _)| text == name)
}

/// Whether a node is nothing but a row of one-entry mappings with the text below them.
fn is_chain(node: YamlNode<'_, '_>, chain: &[&str], value: &str) -> bool {
    match (chain, node.written_entries()) {
        ([], None) => node.styled().is_some_and(|(text, _)| text == value),
        ([first, rest @ ..], Some((_, entries))) => match entries.as_slice() {
            [(key, inner)] => {
                key.styled().is_some_and(|(text, _)| text == *first)
                    && is_chain(*inner, rest, value)
            }
            _ => false,
        },
        _ => false,
    }
}
