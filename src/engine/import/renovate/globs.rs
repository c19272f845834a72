//! Renovate's lists of names and files, as globs.

use std::collections::BTreeMap;

use globset::{GlobBuilder, GlobMatcher};

use crate::engine::import::{name_of, pattern};

/// The glob of all images.
pub(in crate::engine::import) const ALL: &str = "**";

/// Names that match a list: one of the first globs, or any where there is none, and none of the second.
#[derive(Debug, Default)]
pub(super) struct Globs {
    pub(super) matched: Vec<Pattern>,
    left_out: Vec<Pattern>,
}

#[derive(Debug)]
pub(super) struct Pattern {
    text: String,
    matcher: Option<GlobMatcher>,
}

impl Pattern {
    pub(super) fn new(text: String) -> Self {
        let glob = text.contains(['*', '?', '[', '{', '\\']).then(|| {
            let mut glob = GlobBuilder::new(&text);
            glob.literal_separator(true).build()
        });
        let matcher = glob.and_then(Result::ok).map(|glob| glob.compile_matcher());
        Self { text, matcher }
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether it has all that another glob has.
    pub(super) fn has(&self, other: &Self) -> bool {
        let crosses = self.text.contains(ALL) || !other.text.contains(ALL);
        self.text == other.text
            || self.text == ALL
            || crosses
                && (self.matcher.as_ref()).is_some_and(|matcher| matcher.is_match(&other.text))
    }

    /// Whether something may fit both: both are globs, and neither the starts nor the ends of their names speak against it.
    pub(super) fn may_meet(&self, other: &Self) -> bool {
        const WILD: [char; 7] = ['*', '?', '[', ']', '{', '}', '\\'];
        let (one, two) = (&*self.text, &*other.text);
        let (Some(start), Some(end)) = (one.find(WILD), one.rfind(WILD)) else {
            return other.has(self);
        };
        let (Some(other_start), Some(other_end)) = (two.find(WILD), two.rfind(WILD)) else {
            return self.has(other);
        };
        let (start, other_start) = (&one[..start], &two[..other_start]);
        // An escaped letter ends no glob.
        let (end, other_end) = (&one[end + 1..], &two[other_end + 1..]);
        (start.starts_with(other_start) || other_start.starts_with(start))
            && (end.ends_with(other_end) || other_end.ends_with(end))
    }
}

/// How much of what a glob has matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    None,
    /// Perhaps a part of it.
    Part,
    All,
}

/// The places of globs in the order in which they are tried.
pub(super) type Places<'g> = BTreeMap<&'g str, usize>;

pub(super) fn placed<'g>(globs: impl Iterator<Item = &'g Pattern>) -> Places<'g> {
    let globs = globs.enumerate();
    globs.map(|(place, glob)| (glob.text(), place)).collect()
}

/// Patterns in an order in which none comes behind one that has all of it.
pub(super) fn nested_first<T>(items: Vec<T>, pattern: impl Fn(&T) -> &Pattern) -> Vec<T> {
    let mut ordered: Vec<T> = Vec::new();
    for item in items {
        let around = (ordered.iter()).position(|other| pattern(other).has(pattern(&item)));
        ordered.insert(around.unwrap_or(ordered.len()), item);
    }
    ordered
}

impl Globs {
    /// The images of a list of names, and the names whose images are not known.
    pub(super) fn of_images(names: &[String]) -> (Self, Vec<&str>) {
        let (mut globs, mut unknown) = (Self::default(), Vec::new());
        for name in names {
            let (list, plain) = globs.list_of(name);
            match images(plain) {
                Some(images) => list.extend(images.into_iter().map(Pattern::new)),
                None => unknown.push(&**name),
            }
        }
        (globs, unknown)
    }

    /// The files of a list, and what of it is no glob. One of these may be for any file, so there is no glob beside it.
    pub(super) fn of_files<'f>(files: &[&'f str]) -> (Self, Vec<&'f str>) {
        let (mut globs, mut unknown) = (Self::default(), Vec::new());
        for file in files {
            let (list, plain) = globs.list_of(file);
            match plain.starts_with('/') || !is_short(plain) {
                true => unknown.push(*file),
                // Without a `/` it is a file of the topmost folder.
                false if plain.contains('/') || plain == ALL => {
                    list.push(Pattern::new(plain.to_owned()))
                }
                false => list.push(Pattern::new(format!("/{plain}"))),
            }
        }
        match unknown.is_empty() {
            true => (globs, unknown),
            false => (Self::default(), unknown),
        }
    }

    /// The list that a name of Renovate's belongs to, and the name without a `!` before it.
    fn list_of<'n>(&mut self, name: &'n str) -> (&mut Vec<Pattern>, &'n str) {
        match name.strip_prefix('!') {
            Some(name) => (&mut self.left_out, name),
            None => (&mut self.matched, name),
        }
    }

    /// How much of a glob matches, or of all else where it is none. What globs before it have is passed over.
    pub(super) fn reach(&self, other: Option<&Pattern>, places: &Places<'_>) -> Reach {
        let Some(other) = other else {
            return match self.matched.is_empty() {
                true => Reach::All,
                false => Reach::None,
            };
        };
        let have = |list: &[Pattern]| list.iter().any(|pattern| pattern.has(other));
        let touch = |list: &[Pattern]| {
            let is_behind =
                |pattern: &Pattern| places.get(pattern.text()) > places.get(other.text());
            list.iter()
                .any(|pattern| pattern.may_meet(other) && is_behind(pattern))
        };
        let matched = match self.matched.is_empty() || have(&self.matched) {
            true => Reach::All,
            false if touch(&self.matched) => Reach::Part,
            false => Reach::None,
        };
        match have(&self.left_out) {
            true => Reach::None,
            false if touch(&self.left_out) => matched.min(Reach::Part),
            false => matched,
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Pattern> {
        self.matched.iter().chain(&self.left_out)
    }
}

/// The globs of images that a name of a list stands for; none if no image has such a name. `None`: it is not known.
fn images(name: &str) -> Option<Vec<String>> {
    if name == "*" || name == ALL {
        return Some(vec![ALL.to_owned()]);
    }
    if !is_short(name) {
        return None;
    }
    let names = match (name.strip_prefix('/'), name.strip_suffix("{/,}**")) {
        (Some(regex), _) => of_regex(regex)?,
        (None, Some(start)) => vec![format!("{start}/**"), format!("{start}*")],
        (None, None) => vec![name.to_owned()],
    };
    // Images have no upper case, and Renovate asks for none.
    let names = names.iter().map(|name| name.to_ascii_lowercase());
    Some(names.filter_map(|name| image(&name)).collect())
}

/// A glob of images. `None`: no image has such a name.
fn image(name: &str) -> Option<String> {
    if let Some(name) = name_of(name) {
        return Some(name);
    }
    let (first, rest) = name.split_once('/').unwrap_or((name, ""));
    // `@angular/**` is a package of npm, `org.example:**` one of Maven.
    if name.contains('@') || rest.contains(':') || rest.is_empty() && first.contains(':') {
        return None;
    }
    let is_registry = first.contains(['.', ':']) || first == "localhost" || first.contains('*');
    Some(match (is_registry, name.contains('/')) {
        (true, true) => name.to_owned(),
        (false, true) => format!("docker.io/{name}"),
        (_, false) => format!("docker.io/library/{name}"),
    })
}

/// Whether a glob is one that a person writes: a stranger's may cost more than its length.
pub(super) fn is_short(glob: &str) -> bool {
    glob.len() <= 512 && glob.matches('{').count() <= 32
}

/// `^ghcr\.io\/shop\//` is `ghcr.io/shop/**`, `^nginx$/` is `nginx`. `None`: it says more than a name, or the start of one that has its
/// registry.
fn of_regex(regex: &str) -> Option<Vec<String>> {
    let ends = ["/", "/i"];
    let regex = ends.iter().find_map(|end| regex.strip_suffix(end))?;
    let glob = pattern::glob(regex)?;
    match glob.split_once('*') {
        None => Some(vec![glob]),
        Some((start, "")) if start.ends_with('/') => Some(vec![format!("{start}**")]),
        Some((start, "")) if start.contains('/') => {
            Some(vec![format!("{start}*"), format!("{start}*/**")])
        }
        Some(_) => None,
    }
}
