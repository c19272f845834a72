//! The proof that an edited text says what it should and nothing else, by two parsers that know nothing of each other.
//!
//! Each parser reads the old and the new text, and must see the wanted differences, place by place, and no others. Our own reading also
//! compares the comments, and the bytes of documents that are refused. A text that fails is not returned, let alone written.

#[cfg(test)]
mod broken;
mod builder;
mod document;
mod json;
mod libyaml;
mod resolve;
mod second;

use std::collections::BTreeMap;

use crate::engine::code::Code;
use crate::engine::tree::{Scalar, Tree as _};
use crate::engine::yaml::{CommentedFile, YamlNode};

use super::difference::{Differences, Leaf, Reading, Shape, compare};
use super::{Refused, refused, unproven};
pub(in crate::engine) use resolve::resolved;
use second::{Before, Source};

/// Proves that `new_text` differs from `old` in the wanted places alone. `wanted` has the documents that change, by their numbers.
pub(super) fn prove(
    old: CommentedFile<'_>,
    new_text: &str,
    wanted: &BTreeMap<usize, Differences>,
) -> Result<(), Refused> {
    let none = Differences::default();
    let wanted = |document: usize| wanted.get(&document).unwrap_or(&none);
    // Our readings are not kept while the second parser has its own.
    let source = first(&old, new_text, wanted)?;
    second::prove(&Before::from(old), source, wanted)
}

/// Our own reading's half.
fn first<'t, 'w>(
    old: &CommentedFile<'_>,
    new_text: &'t str,
    wanted: impl Fn(usize) -> &'w Differences,
) -> Result<Source<'t>, Refused> {
    let new = CommentedFile::parse(new_text).map_err(|error| {
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
        let root = old.document(document);
        compare(root, new.document(document), wanted(document)).map_err(|path| {
            refused(
                Code::Unproven,
                root,
                format!("{path} would not be what it should"),
            )
        })?;
    }
    Ok(Source::of(&new))
}

impl<'f> Reading<'f> for YamlNode<'f, '_> {
    fn shape(self) -> Shape<'f, Self> {
        if self.is_mapping() {
            let text = |(key, value)| (Leaf::Text(key), value);
            return Shape::Mapping(Box::new(self.each_entry().map(text)));
        }
        match (self.target().styled(), self.scalar()) {
            (None, _) => Shape::Sequence(Box::new(self.target().each_item())),
            (_, Scalar::Text(text)) => Shape::Leaf(Leaf::Text(text)),
            (_, Scalar::Null) => Shape::Leaf(Leaf::Null),
            (Some((text, _)), _) => Shape::Leaf(Leaf::Written(text, self.has_own_tag())),
        }
    }

    fn is_plain(leaf: Leaf<'f>, letters: &str) -> bool {
        leaf == Leaf::Written(letters, false)
    }
}
