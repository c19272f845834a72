//! One entry of `images`, as kustomize applies it: which images it matches, and what it makes of them.
//!
//! The rules are those of kustomize 5 (`api/internal/image/image.go`, `api/filters/imagetag/updater.go`):
//!
//! ```text
//! {name: web, newTag: "2"}         web:1@sha256:…  ->  web:2          the digest is dropped
//! {name: web, digest: sha256:…}    web:1           ->  web@sha256:…   the tag is dropped
//! {name: web, newName: app}        web:1@sha256:…  ->  app:1@sha256:…
//! {name: web, tagSuffix: -x}       web:1@sha256:…  ->  web:1-x
//! ```

use super::pattern::{self, LONGEST, Limits, Pattern};
use crate::engine::tree::Tree;

/// No registry takes a longer tag. Without a limit, a circle of kustomizations would append a `tagSuffix` for ever.
const LONGEST_TAG: usize = 128;

/// An entry of `images`.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    name: Name,
    new_name: Option<String>,
    new_tag: Option<String>,
    digest: Option<String>,
    tag_suffix: Option<String>,
    /// The number of the list it stands in, and its place there.
    pub(super) at: (usize, usize),
}

/// What an entry does to an image that it matches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// The tag and the digest stay.
    Renames,
    /// What stands behind the name is set anew.
    Sets,
    /// The digest is dropped, and the tag gets a suffix.
    AddsSuffix,
}

impl Entry {
    /// Reads the item at a place of a list. `None`: it has no name, so it matches nothing.
    pub(super) fn read<'a, T: Tree<'a>>(
        item: T,
        at: (usize, usize),
        limits: &mut Limits,
    ) -> Option<Self> {
        let written = |key| {
            let text = item.get(key).and_then(|value| value.scalar().text());
            text.filter(|text| !text.is_empty())
        };
        let mut name = Name::read(written("name")?, limits);
        for key in ["newName", "newTag", "digest", "tagSuffix"] {
            if let Some(text) = written(key).filter(|text| text.len() > LONGEST) {
                limits.refuse(key, text);
                name = Name(Pattern::Unread);
            }
        }
        let text = |key| {
            let text = written(key).filter(|text| text.len() <= LONGEST);
            text.map(str::to_owned)
        };
        Some(Self {
            name,
            new_name: text("newName"),
            new_tag: text("newTag"),
            digest: text("digest"),
            tag_suffix: text("tagSuffix"),
            at,
        })
    }

    /// Reads an argument of `kustomize edit set image`: `[match=]name[:tag][@digest]`. `None`: it has no name.
    pub(super) fn of_argument(
        argument: &str,
        at: (usize, usize),
        limits: &mut Limits,
    ) -> Option<Self> {
        let (known, image) = match argument.split_once('=') {
            Some((known, image)) => (Some(known), image),
            None => (None, argument),
        };
        if image.len() > LONGEST {
            limits.refuse("image", image);
            return None;
        }
        let (name, tag, digest) = split(image);
        // `*` stands for the name in the kustomization.
        let new_name = known.and(Some(name).filter(|name| !matches!(*name, "" | "*")));
        let known = Some(known.unwrap_or(name)).filter(|name| !name.is_empty())?;
        Some(Self {
            name: Name::read(known, limits),
            new_name: new_name.map(str::to_owned),
            new_tag: tag.map(str::to_owned),
            digest: digest.map(str::to_owned),
            tag_suffix: None,
            at,
        })
    }

    /// Its name, where that is no pattern.
    pub(super) fn plain_name(&self) -> Option<&str> {
        match &self.name.0 {
            Pattern::Plain(name) => Some(name),
            Pattern::Regex(_) | Pattern::Unread => None,
        }
    }

    /// Whether it is for an image.
    pub(super) fn matches(&self, image: &str) -> bool {
        self.name.matches(image)
    }

    /// The image after the entry, and what the entry did. `None`: it does not match the image, or changes nothing.
    pub(super) fn apply(&self, image: &str) -> Option<(String, Effect)> {
        if !self.matches(image) {
            return None;
        }
        let (name, mut tag, mut digest) = split(image);
        let effect = match (&self.new_tag, &self.digest, &self.tag_suffix) {
            (None, None, None) => Effect::Renames,
            (None, None, Some(_)) => Effect::AddsSuffix,
            _ => Effect::Sets,
        };
        let with_suffix;
        match effect {
            Effect::Renames => {}
            Effect::Sets => {
                tag = self.new_tag.as_deref();
                digest = self.digest.as_deref();
            }
            Effect::AddsSuffix => {
                let suffix = self.tag_suffix.as_deref().unwrap_or_default();
                with_suffix = [tag.unwrap_or_default(), suffix].concat();
                if with_suffix.len() <= LONGEST_TAG {
                    tag = Some(&with_suffix);
                }
                digest = None;
            }
        }
        let mut made = self.new_name.as_deref().unwrap_or(name).to_owned();
        for (mark, part) in [(':', tag), ('@', digest)] {
            if let Some(part) = part {
                made.push(mark);
                made.push_str(part);
            }
        }
        Some((made, effect))
    }
}

/// The name of an entry, which kustomize puts into a regular expression as it is.
#[derive(Clone, Debug)]
struct Name(Pattern);

impl Name {
    fn read(name: &str, limits: &mut Limits) -> Self {
        let image = |name: &str| {
            format!("^{name}(:[a-zA-Z0-9_.{{}}-]*)?(@[a-z0-9]+:[a-zA-Z0-9_.{{}}-]*)?$")
        };
        Self(Pattern::read(name, image, limits))
    }

    /// What is not read matches nothing: it is a reason to doubt.
    fn matches(&self, image: &str) -> bool {
        match &self.0 {
            Pattern::Plain(name) => pattern::behind(name, image).is_some_and(is_tag_and_digest),
            other => other.matches(image).unwrap_or_default(),
        }
    }
}

/// What may stand behind the name of an image: nothing, `:tag`, `@sha256:…`, or both.
fn is_tag_and_digest(rest: &str) -> bool {
    let in_tag = |character: char| {
        character.is_ascii_alphanumeric() || matches!(character, '_' | '.' | '{' | '}' | '-')
    };
    let rest = match rest.strip_prefix(':') {
        Some(rest) => rest.trim_start_matches(in_tag),
        None => rest,
    };
    match rest
        .strip_prefix('@')
        .and_then(|digest| digest.split_once(':'))
    {
        Some((algorithm, encoded)) => {
            let in_algorithm =
                |character: char| character.is_ascii_lowercase() || character.is_ascii_digit();
            !algorithm.is_empty()
                && algorithm.chars().all(in_algorithm)
                && encoded.chars().all(in_tag)
        }
        None => rest.is_empty(),
    }
}

/// The name, the tag and the digest of an image. The host, which may have a port, ends at the first slash.
pub(in crate::engine) fn split(image: &str) -> (&str, Option<&str>, Option<&str>) {
    let (named, digest) = match image.split_once('@') {
        Some((named, digest)) => (named, Some(digest)),
        None => (image, None),
    };
    let host = named.find('/').unwrap_or(0);
    match named[host..].find(':') {
        Some(colon) => {
            let colon = host + colon;
            (&named[..colon], Some(&named[colon + 1..]), digest)
        }
        None => (named, None, digest),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn made(entry: Value, image: &str) -> Option<String> {
        let entry = Entry::read(&entry, (0, 0), &mut Limits::default()).unwrap();
        entry.apply(image).map(|(image, _)| image)
    }

    #[test]
    fn an_entry_makes_of_an_image_what_kustomize_makes_of_it() {
        for (entry, image, expected) in [
            (
                json!({"name": "web", "newTag": "2"}),
                "web:1@sha256:00",
                "web:2",
            ),
            (
                json!({"name": "web", "newTag": "2", "digest": "sha256:11"}),
                "web",
                "web:2@sha256:11",
            ),
            (
                json!({"name": "web", "digest": "sha256:11"}),
                "web:1",
                "web@sha256:11",
            ),
            (
                json!({"name": "web", "newName": "app"}),
                "web:1@sha256:00",
                "app:1@sha256:00",
            ),
            (
                json!({"name": "web", "tagSuffix": "-x"}),
                "web:1@sha256:00",
                "web:1-x",
            ),
            (
                json!({"name": "web", "newTag": "2", "tagSuffix": "-x"}),
                "web:1",
                "web:2",
            ),
            (
                json!({"name": "web", "newTag": "2@sha256:11"}),
                "web:1",
                "web:2@sha256:11",
            ),
            (
                json!({"name": "host:5000/web", "newTag": "2"}),
                "host:5000/web:1",
                "host:5000/web:2",
            ),
            (json!({"name": "web:1", "newTag": "2"}), "web:1", "web:2"),
            (
                json!({"name": "shop/.*", "newTag": "2"}),
                "shop/web:1",
                "shop/web:2",
            ),
            (json!({"name": "web", "newName": ""}), "web:1", "web:1"),
        ] {
            assert_eq!(
                made(entry.clone(), image).as_deref(),
                Some(expected),
                "{entry} {image}"
            );
        }
    }

    #[test]
    fn an_argument_is_an_entry() {
        for (argument, image, expected) in [
            ("web:2", "web:1@sha256:00", Some("web:2")),
            ("web@sha256:11", "web:1", Some("web@sha256:11")),
            (
                "web=shop/web:2@sha256:11",
                "web:1",
                Some("shop/web:2@sha256:11"),
            ),
            (
                "web=shop/web",
                "web:1@sha256:00",
                Some("shop/web:1@sha256:00"),
            ),
            ("web=*:2", "web:1", Some("web:2")),
            ("web:2", "app:1", None),
        ] {
            let mut limits = Limits::default();
            let entry = Entry::of_argument(argument, (0, 0), &mut limits).unwrap();
            let made = entry.apply(image).map(|(image, _)| image);
            assert_eq!(made.as_deref(), expected, "{argument}");
        }
        for argument in ["", ":2", "=web:2"] {
            assert!(Entry::of_argument(argument, (0, 0), &mut Limits::default()).is_none());
        }
    }

    #[test]
    fn a_name_is_a_regular_expression_for_the_whole_image() {
        for (name, matched, other) in [
            (
                "n.inx",
                &["nginx", "n.inx:1", "nginx@sha256:00"][..],
                &["nginxx", "ninx", "nginx/a"][..],
            ),
            (
                "nginx",
                &["nginx:1@sha512:00", "nginx:", "nginx:{TAG}"],
                &["docker.io/library/nginx", "nginx:a b"],
            ),
            (
                "nginx:1",
                &["nginx:1", "nginx:1@sha256:00"],
                &["nginx:2", "nginx:11", "nginx"],
            ),
            ("(a|b)/web", &["a/web:1", "b/web"], &["c/web", "a/webs"]),
            ("a|b", &["ab", "a", "b:1"], &["cb:1/x"]),
            ("web(", &[], &["web(", "web"]),
        ] {
            let name_of = Name::read(name, &mut Limits::default());
            for image in matched {
                assert!(name_of.matches(image), "{name} {image}");
            }
            for image in other {
                assert!(!name_of.matches(image), "{name} {image}");
            }
        }
    }

    #[test]
    fn an_entry_with_a_field_that_is_too_long_is_told_and_matches_nothing() {
        for key in ["name", "newName", "newTag", "digest", "tagSuffix"] {
            let mut entry = json!({"name": "web", "newTag": "2"});
            entry[key] = "a".repeat(LONGEST + 1).into();
            let mut limits = Limits::default();
            let read = Entry::read(&entry, (0, 0), &mut limits).unwrap();
            assert!(limits.doubt.is_some(), "{key}");
            assert!(read.apply("web:1").is_none(), "{key}");
        }
    }

    #[test]
    fn a_suffix_ends_where_no_tag_is_longer() {
        let suffix = json!({"name": "web", "tagSuffix": "x".repeat(60)});
        let mut image = "web:1".to_owned();
        for _ in 0..5 {
            image = made(suffix.clone(), &image).unwrap();
        }
        assert_eq!(image.len(), "web:1".len() + 120);
    }

    #[test]
    fn a_host_with_a_port_is_part_of_the_name() {
        assert_eq!(split("reg:5000/web"), ("reg:5000/web", None, None));
        assert_eq!(
            split("reg:5000/web:1@sha256:22"),
            ("reg:5000/web", Some("1"), Some("sha256:22"))
        );
        assert_eq!(split("web@sha256:22"), ("web", None, Some("sha256:22")));
    }
}
