//! Where the source of an image is, by its own word: whoever pushed the image wrote it, so only a plain https address is taken.

/// An address of a source, which can stand in a terminal, in JSON and in Markdown as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceLink {
    /// `https://github.com/acme/web`, without a query and a fragment.
    pub url: String,
    /// The commit or the tag that the image was built from.
    pub revision: Option<String>,
}

/// The longest address.
const LONGEST: usize = 200;
/// The longest revision: a SHA-256 in hexadecimal digits.
const LONGEST_REVISION: usize = 64;
/// What may stand in a revision beside letters and digits.
const OF_REVISIONS: [char; 4] = ['.', '_', '-', '/'];
/// What may stand in a path beside letters and digits.
const OF_PATHS: [char; 6] = ['/', '.', '_', '-', '~', '+'];

impl SourceLink {
    /// Reads what an image says of itself. `None`: the source has a form that is not taken.
    pub fn of(written: &str, revision: Option<&str>) -> Option<Self> {
        let address = written.split(['?', '#']).next()?.trim_end_matches('/');
        let (host, path) = address.strip_prefix("https://")?.split_once('/')?;
        let is_plain = |text: &str, more: &[char]| {
            text.chars()
                .all(|sign| sign.is_ascii_alphanumeric() || more.contains(&sign))
        };
        let is_host = host.contains('.')
            && is_plain(host, &['.', '-'])
            && host.split('.').all(|label| !label.is_empty());
        let is_path = is_plain(path, &OF_PATHS)
            && (path.split('/')).all(|part| !part.is_empty() && part.chars().any(|c| c != '.'));
        let is_revision = |revision: &&str| {
            (1..=LONGEST_REVISION).contains(&revision.len()) && is_plain(revision, &OF_REVISIONS)
        };
        let revision = revision.filter(is_revision);
        (is_host && is_path && address.len() <= LONGEST).then(|| Self {
            url: address.trim_end_matches(".git").to_owned(),
            revision: revision.map(str::to_owned),
        })
    }

    /// Both in one line: `https://github.com/acme/web at 3f2a9c1`.
    pub fn told(&self) -> String {
        match &self.revision {
            Some(revision) => format!("{} at {revision}", self.url),
            None => self.url.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(source: &str, revision: &str) -> Option<String> {
        let link = SourceLink::of(source, Some(revision));
        link.map(|link| link.told())
    }

    #[test]
    fn only_a_plain_address_is_taken() {
        for (source, expected) in [
            ("https://github.com/acme/web", "https://github.com/acme/web"),
            (
                "https://github.com/acme/web.git",
                "https://github.com/acme/web",
            ),
            (
                "https://github.com/acme/web/",
                "https://github.com/acme/web",
            ),
            (
                "https://github.com/nginx/docker.git#f5d2:mainline/alpine",
                "https://github.com/nginx/docker",
            ),
            (
                "https://git.example.com/a/b?token=x",
                "https://git.example.com/a/b",
            ),
            (
                "https://gitlab.com/a/b/-/tree/main",
                "https://gitlab.com/a/b/-/tree/main",
            ),
        ] {
            assert_eq!(told(source, "").as_deref(), Some(expected), "{source}");
        }
        for source in [
            "",
            "http://github.com/acme/web",
            "git@github.com:acme/web.git",
            "javascript:alert(1)",
            "https://user:secret@github.com/acme/web",
            "https://github.com@evil.example.com/acme",
            "https://github.com:8443/acme/web",
            "https://github.com",
            "https://github.com/",
            "https://localhost/acme",
            "https://github..com/acme",
            "https://github.com/acme/../..",
            "https://github.com//acme",
            "https://github.com/a)[x](https://evil.example.com",
            "https://github.com/a b",
            "https://github.com/a\nb",
            "https://github.com/\u{1b}[2J",
            "https://github.com/%0aSet-Output",
            "https://gıthub.com/acme/web",
            "https://github.com/<script>",
            " https://github.com/acme/web",
            &format!("https://github.com/{}", "a".repeat(300)),
        ] {
            assert_eq!(told(source, ""), None, "{source}");
        }
    }

    #[test]
    fn a_revision_is_a_word() {
        let source = "https://github.com/acme/web";
        assert_eq!(
            told(source, "3f2a9c1").unwrap(),
            format!("{source} at 3f2a9c1")
        );
        assert_eq!(
            told(source, "refs/tags/v1.4").unwrap(),
            format!("{source} at refs/tags/v1.4")
        );
        for revision in ["", "a b", "`x`", "a\u{7}", &"a".repeat(65)] {
            assert_eq!(
                told(source, revision).as_deref(),
                Some(source),
                "{revision}"
            );
        }
    }
}
