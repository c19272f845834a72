//! A site whose image stands in one scalar.

use std::borrow::Cow;
use std::num::NonZeroU32;

use super::pods::IMAGE;
use crate::engine::marks::Mark;
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

/// The lines in the file of lines of the text that a scalar has.
pub(super) fn lines_in_text<'a, T: Tree<'a>>(
    scalar: T,
    text: &str,
    inner: Vec<u32>,
) -> impl Iterator<Item = u32> {
    let lines = inner.into_iter().map(NonZeroU32::new);
    let lines = lines.filter_map(move |line| line_in_text(scalar, text, line));
    lines.map(NonZeroU32::get)
}

/// The line in the file of a line of the text that a scalar has. The line of a block scalar is the first one that is not blank; another
/// scalar, and an alias, have their own line alone.
fn line_in_text<'a, T: Tree<'a>>(
    scalar: T,
    text: &str,
    inner: Option<NonZeroU32>,
) -> Option<NonZeroU32> {
    if !scalar.is_block() {
        return scalar.line().and_then(NonZeroU32::new);
    }
    let blank = text.len() - text.trim_start_matches('\n').len();
    let line = (scalar.line()? + inner?.get()).checked_sub(1 + u32::try_from(blank).ok()?);
    NonZeroU32::new(line?)
}

/// What the file says of the images in the text of a scalar: their lines, and the comments outside the text that are on these.
pub(super) struct InText<'a, T> {
    scalar: T,
    text: &'a str,
    said: Comments,
}

impl<'a, T: Tree<'a>> InText<'a, T> {
    /// `read` reads comments as they are meant in such a text.
    pub(super) fn of(scalar: T, text: &'a str, read: fn(Vec<(u32, Mark)>) -> Comments) -> Self {
        // No comment outside a block scalar is on one of its lines.
        let outside = match scalar.is_block() {
            true => Vec::new(),
            false => marks([scalar], []),
        };
        let said = read(outside);
        Self { scalar, text, said }
    }

    /// Tells it of an image of the text.
    pub(super) fn tell(&self, site: &mut Site) {
        site.line = line_in_text(self.scalar, self.text, site.line);
        let said = self.said.clone();
        site.commented = said.lines;
        site.ignored = said.ignored.or(site.ignored);
        site.hold = said.hold.or(site.hold.take());
        site.policy = site.policy.take().or(said.policy);
    }
}
