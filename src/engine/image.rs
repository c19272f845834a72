//! Parses image references, and keeps them as written.
//!
//! Follows the grammar of the distribution project's `reference` package: `[registry/]path[:tag][@digest]`. Names are compared in
//! normalised form (`nginx` is `docker.io/library/nginx:latest`) but never written so: what a person typed is kept byte for byte.
//! This file does not decide what should happen to an image; `policy` does.

mod grammar;
mod lookup;
mod placeholder;

use std::fmt;
use std::sync::Arc;

use grammar::Name;
pub use grammar::is_tag;
pub use lookup::Lookup;
pub use placeholder::is_placeholder;

/// The registry of a name without one.
pub const DEFAULT_REGISTRY: &str = "docker.io";
/// The tag of a reference without one.
pub const DEFAULT_TAG: &str = "latest";

/// A content digest: `sha256:` with 64 or `sha512:` with 128 lower-case hex digits (OCI image spec, "Digests").
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(Arc<str>);

impl Digest {
    /// Parses a digest. Anything malformed is an error, because it must never reach a manifest.
    pub fn parse(text: &str) -> Result<Self, ImageError> {
        Self::check(text).map(|()| Self(text.into()))
    }

    fn check(text: &str) -> Result<(), ImageError> {
        let hex = match text.split_once(':') {
            Some(("sha256", hex)) if hex.len() == 64 => hex,
            Some(("sha512", hex)) if hex.len() == 128 => hex,
            Some(("sha256" | "sha512", _)) | None => return Err(ImageError::Digest),
            Some(_) => return Err(ImageError::Algorithm),
        };
        // Without a way out in the middle the compiler looks at many bytes at once.
        let is_hex = hex.bytes().fold(true, |is_hex, byte| {
            is_hex & matches!(byte, b'0'..=b'9' | b'a'..=b'f')
        });
        match is_hex {
            true => Ok(()),
            false => Err(ImageError::Digest),
        }
    }

    /// The whole text, algorithm included.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// What is wrong with an image reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// The text is empty.
    #[error("it is empty")]
    Empty,
    /// The repository path breaks the grammar.
    #[error("the name is not a repository name (lower-case letters, digits and single separators)")]
    Name,
    /// The registry's host or port breaks the grammar.
    #[error("the registry is not a host name with an optional port")]
    Registry,
    /// The name is longer than 255 bytes.
    #[error("the name is longer than 255 characters")]
    Length,
    /// 64 hex digits are the id of a local image, which registries do not know.
    #[error("64 hex digits are an image id, not a name")]
    Identifier,
    /// The tag breaks the grammar.
    #[error("the tag is not made of up to 128 letters, digits, `_`, `.` and `-`")]
    Tag,
    /// The digest has the wrong length or digits.
    #[error("the digest is not `sha256:` with 64 or `sha512:` with 128 lower-case hex digits")]
    Digest,
    /// The digest's algorithm is not one of the two that registries use.
    #[error("the digest's algorithm is neither sha256 nor sha512")]
    Algorithm,
}

/// An image reference, as offsets into the text that a person wrote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ImageRef<'t> {
    written: &'t str,
    name_end: usize,
    tag_end: Option<usize>,
    digest_at: Option<usize>,
}

impl<'t> ImageRef<'t> {
    /// Parses a reference. Every part that it has must follow the grammar.
    pub fn parse(text: &'t str) -> Result<Self, ImageError> {
        if text.is_empty() {
            return Err(ImageError::Empty);
        }
        let (rest, digest_at) = match text.split_once('@') {
            Some((rest, digest)) => {
                Digest::check(digest)?;
                (rest, Some(rest.len() + 1))
            }
            None => (text, None),
        };
        let last_component = rest.rfind('/').map_or(0, |slash| slash + 1);
        let name_end = rest[last_component..]
            .find(':')
            .map_or(rest.len(), |colon| last_component + colon);
        let tag_end = (name_end < rest.len()).then_some(rest.len());
        if tag_end.is_some() && !is_tag(&rest[name_end + 1..]) {
            return Err(ImageError::Tag);
        }
        Name::new(&rest[..name_end]).check()?;
        Ok(Self {
            written: text,
            name_end,
            tag_end,
            digest_at,
        })
    }

    /// The name as written, without tag and digest.
    pub fn name(&self) -> &'t str {
        &self.written[..self.name_end]
    }

    /// The tag as written, if there is one.
    pub fn tag(&self) -> Option<&'t str> {
        self.tag_end
            .map(|end| &self.written[self.name_end + 1..end])
    }

    /// Whether there is a digest.
    pub fn has_digest(&self) -> bool {
        self.digest_at.is_some()
    }

    /// The digest, if there is one. It was checked by `parse`.
    pub fn digest(&self) -> Option<Digest> {
        self.digest_at.map(|at| Digest(self.written[at..].into()))
    }

    /// Name and tag as written, without the digest.
    pub fn without_digest(&self) -> &'t str {
        &self.written[..self.tag_end.unwrap_or(self.name_end)]
    }

    /// The same image without the digest.
    pub fn undigested(&self) -> Self {
        Self {
            written: self.without_digest(),
            digest_at: None,
            ..*self
        }
    }

    /// The question to ask: its normalised name and its tag, `latest` if it has none. The digest is not part of it.
    pub fn lookup(&self) -> Lookup {
        Lookup::new(&Name::new(self.name()), self.asked_tag())
    }

    /// Whether both name the same repository, whatever the tag.
    pub fn same_name(&self, other: &ImageRef<'_>) -> bool {
        self.name() == other.name() || Name::new(self.name()).means_same(&Name::new(other.name()))
    }

    /// The last part of the name: of `registry.example.com/shop/web:1`, `web`.
    pub fn last_part(&self) -> &'t str {
        let name = self.name();
        name.rsplit_once('/').map_or(name, |(_, last)| last)
    }

    /// Whether both have the same [`Lookup`].
    pub fn same_lookup(&self, other: &ImageRef<'_>) -> bool {
        self.asked_tag() == other.asked_tag() && self.same_name(other)
    }

    /// The tag, or `latest` if there is none.
    pub fn asked_tag(&self) -> &'t str {
        self.tag().unwrap_or(DEFAULT_TAG)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lookup(text: &str) -> String {
        ImageRef::parse(text).unwrap().lookup().to_string()
    }

    #[test]
    fn names_are_compared_normalised() {
        for (written, normalised) in [
            ("nginx", "docker.io/library/nginx:latest"),
            ("nginx:1.25", "docker.io/library/nginx:1.25"),
            ("docker.io/nginx:1.25", "docker.io/library/nginx:1.25"),
            (
                "index.docker.io/library/nginx:1.25",
                "docker.io/library/nginx:1.25",
            ),
            ("shop/web", "docker.io/shop/web:latest"),
            ("localhost/web:1", "localhost/web:1"),
            ("reg:5000/a", "reg:5000/a:latest"),
            (
                "registry.example.test/shop/web:1.4",
                "registry.example.test/shop/web:1.4",
            ),
            ("Registry:5000/web:1", "Registry:5000/web:1"),
            ("[::1]:5000/web:1", "[::1]:5000/web:1"),
        ] {
            assert_eq!(lookup(written), normalised, "{written}");
        }
    }

    #[test]
    fn two_references_ask_the_same_however_they_are_written() {
        let texts = [
            "nginx",
            "nginx:latest",
            "docker.io/nginx",
            "index.docker.io/library/nginx:1.25",
            "library/nginx:1.25",
            "docker.io/librarynginx",
            "librarynginx",
            "shop/web:1",
            "docker.io/shop/web",
            "r.test/nginx",
            "r.test/library/nginx",
            "r.test:80/nginx",
        ];
        for (left, right) in texts
            .iter()
            .flat_map(|left| texts.iter().map(move |right| (left, right)))
        {
            let (one, other) = (
                ImageRef::parse(left).unwrap(),
                ImageRef::parse(right).unwrap(),
            );
            assert_eq!(
                one.same_lookup(&other),
                one.lookup() == other.lookup(),
                "{left} {right}"
            );
            assert_eq!(
                one.same_name(&other),
                one.lookup().name() == other.lookup().name(),
                "{left} {right}"
            );
        }
    }

    #[test]
    fn a_reference_is_split_where_its_parts_stand() {
        let digest = format!("sha256:{}", "a".repeat(64));
        let text = format!("reg:5000/shop/web:1.4@{digest}");
        let image = ImageRef::parse(&text).unwrap();
        assert_eq!(image.name(), "reg:5000/shop/web");
        assert_eq!(image.tag(), Some("1.4"));
        assert_eq!(image.digest().unwrap().as_str(), digest);
        assert_eq!(image.without_digest(), "reg:5000/shop/web:1.4");
        let text = format!("nginx@{digest}");
        let image = ImageRef::parse(&text).unwrap();
        assert_eq!(
            (image.name(), image.tag(), image.without_digest()),
            ("nginx", None, "nginx")
        );
    }

    #[test]
    fn what_breaks_the_grammar_is_refused_with_its_reason() {
        for (text, reason) in [
            ("", ImageError::Empty),
            ("Nginx", ImageError::Name),
            ("nginx ", ImageError::Name),
            ("a//b", ImageError::Name),
            ("a..b", ImageError::Name),
            ("a___b", ImageError::Name),
            ("-a", ImageError::Name),
            ("nginx:", ImageError::Tag),
            ("nginx:.x", ImageError::Tag),
            ("nginx:a b", ImageError::Tag),
            ("reg.example.test:port/a", ImageError::Registry),
            ("reg.example.test:99999/a", ImageError::Registry),
            ("[::1/a:1", ImageError::Registry),
            ("nginx@sha256:12", ImageError::Digest),
            ("nginx@", ImageError::Digest),
            ("nginx@md5:12", ImageError::Algorithm),
        ] {
            assert_eq!(ImageRef::parse(text), Err(reason), "{text}");
        }
        assert_eq!(
            ImageRef::parse(&"a".repeat(64)),
            Err(ImageError::Identifier)
        );
        assert_eq!(
            ImageRef::parse(&format!("{}/x", "a".repeat(255))),
            Err(ImageError::Length)
        );
        assert_eq!(
            ImageRef::parse(&"a".repeat(240)),
            Err(ImageError::Length),
            "docker.io/library/ is a part of it"
        );
        assert!(ImageRef::parse(&"a".repeat(237)).is_ok());
        assert_eq!(
            ImageRef::parse(&format!("nginx:{}", "a".repeat(129))),
            Err(ImageError::Tag)
        );
    }

    #[test]
    fn digests_are_sha256_or_sha512_in_lower_case() {
        assert!(Digest::parse(&format!("sha512:{}", "0".repeat(128))).is_ok());
        assert_eq!(
            Digest::parse(&format!("sha256:{}", "A".repeat(64))),
            Err(ImageError::Digest)
        );
        assert_eq!(Digest::parse(&"0".repeat(64)), Err(ImageError::Digest));
    }
}
