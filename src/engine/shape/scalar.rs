//! A site whose image stands in one scalar.

use std::borrow::Cow;
use std::num::NonZeroU32;

use super::pods::IMAGE;
use crate::engine::path::Path;
use crate::engine::site::{Comments, Image, Memory, PullPolicy, Role, Site, Slots, marks};
use crate::engine::tree::{Scalar, Tree};

/// A site whose image stands in one scalar, under the key `image` of `item`.
pub(super) fn scalar_site<'a, T: Tree<'a>>(
    item: T,
    image: T,
    role: Role,
    at: Path,
    memory: Memory,
) -> Site {
    let said = Comments::read(marks([image], [item]));
    let text = |key| item.get(key).and_then(|value| value.scalar().text());
    Site {
        role,
        at,
        slots: Slots::Whole(Cow::Borrowed(&IMAGE)),
        memory,
        name: text("name").unwrap_or_default().to_owned(),
        image: match image.scalar() {
            Scalar::Null | Scalar::Text("") => Image::Absent,
            Scalar::Text(text) => Image::Text(text.to_owned()),
            Scalar::Bool(_) => Image::Other("a boolean"),
            Scalar::Other(what) => Image::Other(what),
        },
        pull_policy: text("imagePullPolicy").and_then(PullPolicy::of),
        line: image.line().and_then(NonZeroU32::new),
        commented: said.lines,
        ignored: said.ignored,
        decided_by: None,
        hold: said.hold,
        policy: said.policy,
        marker: None,
    }
}

/// The line in the file of a line of the text that a scalar has. The line of a block scalar is the first one that is not blank.
pub(super) fn line_in_text<'a, T: Tree<'a>>(
    scalar: T,
    text: &str,
    inner: Option<NonZeroU32>,
) -> Option<NonZeroU32> {
    let blank = text.len() - text.trim_start_matches('\n').len();
    let line = (scalar.line()? + inner?.get()).checked_sub(1 + u32::try_from(blank).ok()?);
    NonZeroU32::new(line?)
}
