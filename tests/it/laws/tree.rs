//! An object before it becomes text: nodes, and marks on those that the program is expected to change.

/// A node.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// The name of its anchor.
    pub(super) anchor: Option<String>,
    /// The kind and content of the node.
    pub(super) kind: Kind,
}

/// The kind and content of a node.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Null,
    /// A null in place of annotations that will be added.
    NullToFill,
    /// A value that is written as it is: `3`, `true`.
    Bare(&'static str),
    Text(Text),
    /// An alias, and the mark of the text that it refers to.
    Alias(String, Option<Mark>),
    Map(Vec<(String, Node)>),
    List(Vec<Node>),
}

/// A string.
#[derive(Clone, Debug)]
pub(super) struct Text {
    pub(super) value: String,
    pub(super) mark: Option<Mark>,
}

/// What the program is expected to do with a string.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mark {
    /// The expected text; `None` means that it stays.
    pub(super) new: Option<String>,
    /// A comment on its line says to leave it.
    pub(super) ignored: bool,
    /// It is an image, in a form that a restore can write again.
    pub(super) image: bool,
}

impl Node {
    pub(super) fn text(value: impl Into<String>) -> Self {
        Kind::Text(Text {
            value: value.into(),
            mark: None,
        })
        .into()
    }

    pub(super) fn marked(value: impl Into<String>, mark: Mark) -> Self {
        Kind::Text(Text {
            value: value.into(),
            mark: Some(mark),
        })
        .into()
    }

    pub(super) fn map(entries: impl IntoIterator<Item = (&'static str, Node)>) -> Self {
        Kind::Map(
            entries
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value))
                .collect(),
        )
        .into()
    }

    pub(super) fn list(items: Vec<Node>) -> Self {
        Kind::List(items).into()
    }

    /// Whether a comment ignores an image in it. The comment needs its own line.
    pub(super) fn needs_lines(&self) -> bool {
        match &self.kind {
            Kind::Text(text) => text.mark.as_ref().is_some_and(|mark| mark.ignored),
            Kind::Map(entries) => entries.iter().any(|(_, value)| value.needs_lines()),
            Kind::List(items) => items.iter().any(Self::needs_lines),
            Kind::Null | Kind::NullToFill | Kind::Bare(_) | Kind::Alias(..) => false,
        }
    }

    /// Calls `visit` for each image that is written as a string, in the order of the text.
    pub(super) fn images(&mut self, visit: &mut impl FnMut(&mut Node)) {
        let is_image =
            matches!(&self.kind, Kind::Text(Text { mark: Some(mark), .. }) if mark.image);
        if is_image {
            return visit(self);
        }
        match &mut self.kind {
            Kind::Map(entries) => entries
                .iter_mut()
                .for_each(|(_, value)| value.images(visit)),
            Kind::List(items) => items.iter_mut().for_each(|item| item.images(visit)),
            Kind::Null | Kind::NullToFill | Kind::Bare(_) | Kind::Text(_) | Kind::Alias(..) => {}
        }
    }
}

impl From<Kind> for Node {
    fn from(kind: Kind) -> Self {
        Self { anchor: None, kind }
    }
}
