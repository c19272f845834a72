//! One place of one image: which scalars it is written in, where its tag is remembered, and what the comments there say.

use std::borrow::Cow;
use std::num::NonZeroU32;
use std::sync::Arc;

use super::change::Change;
use super::flux_policies::Marker;
use super::hold::Hold;
use super::image::ImageRef;
use super::marks::Mark;
use super::path::{Path, Step};
use super::tree::Tree;
use super::version::{Policy, Strategy};

/// A place where an image stands: a container's `image`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// What the image is for.
    pub role: Role,
    /// The name by which people and the record know it: a container's.
    pub name: String,
    /// The mapping or the sequence that the slots stand in: a container.
    pub at: Path,
    /// The scalars that it is written in.
    pub slots: Slots,
    /// What these scalars say.
    pub image: Image,
    /// Where the tag that it follows is kept.
    pub memory: Memory,
    /// Its `imagePullPolicy`; `None` where it says none, or none that there is.
    pub pull_policy: Option<PullPolicy>,
    /// The line of its image, from 1.
    pub line: Option<NonZeroU32>,
    /// The lines of the comments that it takes; most images take none, and a tree has many images.
    pub commented: Option<Box<Lines>>,
    /// The mark that leaves it out, beside that of its whole object.
    pub ignored: Option<IgnoreMark>,
    /// The file that decides its tag and its digest anew, whatever stands here.
    pub decided_by: Option<Box<Decider>>,
    /// What keeps it as it is written, whatever its tag points to.
    pub hold: Option<Hold>,
    /// What chooses its tag. `None`: nobody says anything of it.
    pub policy: Option<Arc<Policy>>,
    /// What Flux writes there, where that is carried out. Its slot is one scalar with a part of the image.
    pub marker: Option<Box<Marker>>,
}

/// A file that decides an image, whatever stands at its site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decider {
    /// The file.
    pub file: String,
    /// Whether the image has a digest in every build.
    pub has_digest: bool,
}

impl Site {
    /// Where the scalar stands that has the image, or the first of them.
    pub fn written_at(&self) -> Path {
        match &self.slots {
            Slots::Whole(steps) => self.at.below(steps),
            Slots::Behind(_) => self.at.clone(),
            Slots::Parts(parts) => {
                let first = parts.tag.as_ref().or(parts.digest.as_ref());
                first.map_or_else(|| self.at.clone(), |slot| self.at.below(&slot.steps))
            }
        }
    }

    /// The changes after which its slots say `image`.
    pub fn write(&self, image: &str) -> Vec<Change> {
        let (tag, digest) = match &self.slots {
            Slots::Whole(_) => {
                return vec![Change {
                    at: self.written_at(),
                    from: self.image.text().map(str::to_owned),
                    to: Some(image.to_owned()),
                }];
            }
            Slots::Behind(before) => {
                let whole = |image: &str| [before, image].concat();
                return vec![Change {
                    at: self.at.clone(),
                    from: self.image.text().map(whole),
                    to: Some(whole(image)),
                }];
            }
            Slots::Parts(parts) => (&parts.tag, &parts.digest),
        };
        let (named, new_digest) = match image.split_once('@') {
            Some((named, digest)) => (named, Some(digest)),
            None => (image, None),
        };
        let new_tag = ImageRef::parse(named).ok().and_then(|image| image.tag());
        let behind = new_digest.filter(|_| digest.is_none());
        let new_tag = new_tag.map(|tag| match behind {
            Some(digest) => format!("{tag}@{digest}"),
            None => tag.to_owned(),
        });
        let wanted = [(tag, new_tag), (digest, new_digest.map(str::to_owned))];
        let changed = wanted.into_iter().filter_map(|(slot, to)| {
            let (slot, to) = (slot.as_ref()?, to?);
            let to = match to.strip_prefix(slot.unwritten) {
                Some(rest) => rest.to_owned(),
                None => to,
            };
            (slot.text.as_deref() != Some(to.as_str())).then(|| Change {
                at: self.at.below(&slot.steps),
                from: slot.text.clone(),
                to: Some(to),
            })
        });
        changed.collect()
    }

    /// Whether its digest has a key of its own, or gets one.
    pub fn has_digest_key(&self) -> bool {
        matches!(&self.slots, Slots::Parts(parts) if parts.digest.is_some())
    }

    /// Whether a change is one of its own.
    pub fn holds(&self, change: &Change) -> bool {
        let Some(below) = change.at.steps().strip_prefix(self.at.steps()) else {
            return false;
        };
        match &self.slots {
            Slots::Whole(steps) => below == &**steps,
            Slots::Behind(_) => below.is_empty(),
            Slots::Parts(parts) => parts.iter().any(|slot| below == slot.steps),
        }
    }
}

/// Lines of a file, from 1.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lines(pub Vec<u32>);

/// What comments on the lines of an image say, each with its line: on those of the scalars that it is written in, and of their keys, and on
/// those of the keys of the mappings around these. The nearest come first.
pub fn marks<'a, T: Tree<'a>>(
    scalars: impl IntoIterator<Item = T>,
    mappings: impl IntoIterator<Item = T>,
) -> Vec<(u32, Mark)> {
    let scalars = scalars.into_iter().flat_map(T::marks);
    let mappings = mappings.into_iter().flat_map(T::key_marks);
    let mut found = Vec::new();
    for mark in scalars.chain(mappings) {
        // Parts that stand on one line have the same comments.
        if !found.contains(&mark) {
            found.push(mark);
        }
    }
    found
}

/// What the comments on the lines of an image say of it.
#[derive(Clone, Debug, Default)]
pub struct Comments {
    /// Their lines.
    pub lines: Option<Box<Lines>>,
    /// Whether one leaves the image out.
    pub ignored: Option<IgnoreMark>,
    /// Why one holds it.
    pub hold: Option<Hold>,
    /// The policy that one gives it.
    pub policy: Option<Arc<Policy>>,
}

impl Comments {
    /// Reads marks with their lines; the first of a kind counts. The words for the values of a chart say nothing elsewhere.
    pub fn read(marks: impl IntoIterator<Item = (u32, Mark)>) -> Self {
        let marks = marks.into_iter().map(|(line, mark)| match mark {
            Mark::Image(_) => (line, Mark::Hold(Hold::for_values_alone("image=NAME"))),
            Mark::DigestInTag => (line, Mark::Hold(Hold::for_values_alone("digest-in-tag"))),
            mark => (line, mark),
        });
        Self::read_in_values(marks)
    }

    /// The same of an image in the values of a chart.
    pub fn read_in_values(marks: impl IntoIterator<Item = (u32, Mark)>) -> Self {
        let mut comments = Self::default();
        for (line, mark) in marks {
            comments.lines.get_or_insert_default().0.push(line);
            match mark {
                Mark::Ignore => comments.ignored = Some(IgnoreMark::Comment),
                Mark::Hold(hold) => comments.hold = comments.hold.or(Some(hold)),
                Mark::Policy(policy) => comments.policy = comments.policy.or(Some(policy)),
                Mark::Flux(policy) => {
                    let hold = || Hold::flux_marker(&policy, None);
                    comments.hold.get_or_insert_with(hold);
                }
                Mark::DigestInTag | Mark::Image(_) | Mark::Repository(_) => {}
            }
        }
        comments
    }
}

impl Site {
    /// Gives it a policy, if no place nearer to it has given one. `ignore` counts from wherever it comes.
    pub fn follow(&mut self, policy: &Arc<Policy>) {
        if matches!(policy.strategy, Strategy::Ignore) {
            self.ignored = self.ignored.or(Some(IgnoreMark::Policy));
        }
        self.policy.get_or_insert_with(|| Arc::clone(policy));
    }
}

/// What leaves one image out: a mark of a person, or that there is nothing to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IgnoreMark {
    /// The comment `# imago: ignore` on its line.
    Comment,
    /// The annotation `imago/ignore` of an object that stands inside the image's object, as a template has it.
    NestedAnnotation,
    /// The policy `ignore`, of the annotation or of the settings.
    Policy,
    /// The values of a chart leave its tag to the chart.
    TagFromChart,
}

/// What an image is for. The lists of the record, and what running pods call it, go by this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// A container of `containers`.
    Container,
    /// A container of `initContainers`.
    InitContainer,
    /// A volume of a pod.
    Volume,
    /// Something that no record names.
    Other,
}

impl Role {
    /// The key of the list that such images stand in.
    pub fn list(self) -> &'static str {
        match self {
            Self::Container => "containers",
            Self::InitContainer => "initContainers",
            Self::Volume => "volumes",
            Self::Other => "",
        }
    }
}

/// The scalars that an image is written in, from the site's `at`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Slots {
    /// One scalar has the whole reference, `web:1.4@sha256:…`; these steps lead to it.
    Whole(Cow<'static, [Step]>),
    /// The scalar at the site itself has this text and then the reference: `web=web:1.4@sha256:…`.
    Behind(String),
    /// The tag and the digest have scalars of their own, beside a name that is not written.
    Parts(Box<Parts>),
}

/// The scalars of a tag and of a digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// `1.4`, or `1.4@sha256:…`
    pub tag: Option<Slot>,
    /// `sha256:…`; its text may be empty, or absent. `None`: the digest goes behind the tag.
    pub digest: Option<Slot>,
}

impl Parts {
    /// Those that there are.
    pub fn iter(&self) -> impl Iterator<Item = &Slot> {
        self.tag.iter().chain(&self.digest)
    }
}

/// A scalar below the site's `at`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// The steps that lead to it.
    pub steps: Vec<Step>,
    /// What is written there. `None`: its key is absent, and is added where a text is written, or it has no value.
    pub text: Option<String>,
    /// What is not written there, and stands before it in the reference: `sha256:`, where a chart wants the digits alone.
    pub unwritten: &'static str,
}

impl Slot {
    /// The text of a key of the site's mapping.
    pub fn written(key: &'static str, text: String) -> Self {
        Self {
            steps: vec![Step::from(key)],
            text: Some(text),
            unwritten: "",
        }
    }

    /// A key of the site's mapping that is absent, and is added where a text is written.
    pub fn absent(key: &'static str) -> Self {
        Self {
            steps: vec![Step::from(key)],
            text: None,
            unwritten: "",
        }
    }

    /// Its text, where there is one.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref().filter(|text| !text.is_empty())
    }

    /// The reference that a name, a tag and a digest make.
    pub fn whole(name: &str, tag: Option<&Self>, digest: Option<&Self>) -> String {
        let mut image = name.to_owned();
        for (mark, slot) in [(':', tag), ('@', digest)] {
            if let Some(text) = slot.and_then(Self::text) {
                image.push(mark);
                image.extend(slot.map(|slot| slot.unwritten));
                image.push_str(text);
            }
        }
        image
    }
}

/// Where the tag of a site is kept while its image has a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Memory {
    /// In the annotation `imago-config-spec` of its object.
    Annotation,
    /// Beside the digest.
    InPlace,
}

/// When a node pulls a container's image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PullPolicy {
    /// `Always`
    Always,
    /// `IfNotPresent`
    IfNotPresent,
    /// `Never`
    Never,
}

impl PullPolicy {
    /// The name in a manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Always => "Always",
            Self::IfNotPresent => "IfNotPresent",
            Self::Never => "Never",
        }
    }

    /// The policy of a name.
    pub(super) fn of(name: &str) -> Option<Self> {
        [Self::Always, Self::IfNotPresent, Self::Never]
            .into_iter()
            .find(|policy| policy.name() == name)
    }
}

/// What stands where an image is expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Image {
    /// Nothing, null or an empty string: something else puts an image in.
    Absent,
    /// A string.
    Text(String),
    /// Something else: what, with its article.
    Other(&'static str),
}

impl Image {
    /// The string, where it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Absent | Self::Other(_) => None,
        }
    }
}
