//! The message of a commit: a template's fields filled from what the commit changes.
//!
//! What stands in manifests is foreign: no name in them can begin a line of the message, or put a trailer into it.

use std::fmt::Write as _;

use super::report::{Action, Choice, ObjectReport, Outcome};
use super::short;
use crate::engine::image::ImageRef;
use crate::engine::steering::steers;

/// Where `--message` gives none.
const DEFAULT: &str = "{summary}\n\n{changes}";

/// How long a message may be without its trailers, in bytes. A forge copies it into a request's text, which has a limit.
const LIMIT: usize = 60_000;

/// How much of it `{changes}` may take, in bytes: some hundred images.
const LIMIT_OF_CHANGES: usize = 10_000;

/// How long a line about one image may be, in bytes.
const LIMIT_OF_LINE: usize = 1_000;

/// The fields, for who has to name them.
pub const FIELDS: &str = "{summary}, {changes}, {images}, {objects} and {files}";

/// A message with fields, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

/// A template that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// There is no such field.
    #[error("there is no field `{{{0}}}`")]
    Unknown(String),
    /// A brace is not closed, or not opened.
    #[error("it has a single `{0}`")]
    Brace(char),
    /// Git takes no commit without a subject.
    #[error("its first line is empty")]
    Empty,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Summary,
    Changes,
    Images,
    Objects,
    Files,
}

/// What a commit changes.
pub struct Changes<'a> {
    /// What was done.
    pub action: Action,
    /// The objects that change, in order, each with its file's path from the repository's root.
    pub objects: Vec<(&'a str, &'a ObjectReport)>,
    /// How many files change, the lock among them.
    pub files: usize,
}

impl Default for Template {
    fn default() -> Self {
        Self::parse(DEFAULT).expect("the default is a template")
    }
}

impl Template {
    /// Reads a template; `{{` and `}}` stand for braces.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        if text.trim_start_matches([' ', '\t']).is_empty() || text.starts_with(['\n', '\r']) {
            return Err(TemplateError::Empty);
        }
        let mut parts = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let (brace, after) = rest[at..].split_at(1);
            if let Some(after) = after.strip_prefix(brace) {
                plain.push_str(brace);
                rest = after;
                continue;
            }
            let end = after.find('}').filter(|_| brace == "{");
            let Some(end) = end else {
                return Err(TemplateError::Brace(if brace == "{" { '{' } else { '}' }));
            };
            parts.push(Part::Text(std::mem::take(&mut plain)));
            parts.push(match &after[..end] {
                "summary" => Part::Summary,
                "changes" => Part::Changes,
                "images" => Part::Images,
                "objects" => Part::Objects,
                "files" => Part::Files,
                other => return Err(TemplateError::Unknown(other.to_owned())),
            });
            rest = &after[end + 1..];
        }
        plain.push_str(rest);
        parts.push(Part::Text(plain));
        Ok(Self(parts))
    }

    /// The message, with these trailers as its last paragraph.
    pub fn fill(&self, changes: &Changes<'_>, trailers: &[(&str, &str)]) -> String {
        let mut text = String::new();
        for part in &self.0 {
            match part {
                Part::Text(plain) => text.push_str(plain),
                Part::Summary => text.push_str(&cut(&changes.summary(), LIMIT_OF_LINE)),
                Part::Changes => text.push_str(changes.list().trim_end()),
                Part::Images => text.push_str(&changes.images().count().to_string()),
                Part::Objects => text.push_str(&changes.objects.len().to_string()),
                Part::Files => text.push_str(&changes.files.to_string()),
            }
        }
        let mut text = cut(text.trim_end(), LIMIT) + "\n";
        if !trailers.is_empty() && !ends_with_trailers(&text) {
            text.push('\n');
        }
        for (name, value) in trailers {
            text += &format!("{name}: {}\n", on_one_line(value));
        }
        text
    }
}

/// Whether a trailer keeps a value as it is.
pub fn is_kept_by_trailer(value: &str) -> bool {
    on_one_line(value).trim_end() == value
}

/// Whether a message's last paragraph is one of trailers already, which ours then join: Git takes no paragraph before the last for one.
fn ends_with_trailers(text: &str) -> bool {
    let is_trailer = |line: &str| {
        line.split_once(": ").is_some_and(|(name, value)| {
            !value.trim().is_empty()
                && !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
        })
    };
    text.trim_end()
        .rsplit_once("\n\n")
        .is_some_and(|(_, last)| last.lines().all(is_trailer))
}

impl<'a> Changes<'a> {
    /// The images that change.
    fn images(&self) -> impl Iterator<Item = Image<'a>> {
        self.objects.iter().flat_map(|(file, object)| {
            object
                .images
                .iter()
                .filter_map(|image| match &image.outcome {
                    Outcome::Outdated(new) | Outcome::Restored(new) => Some(Image {
                        file,
                        object,
                        site: &image.site.name,
                        old: &image.image,
                        new,
                        by: image.moved(),
                    }),
                    _ => None,
                })
        })
    }

    fn summary(&self) -> String {
        let verb = if self.action == Action::Restore {
            "Restore"
        } else {
            "Update"
        };
        let count = |count: usize, noun: &str| {
            format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
        };
        let mut images = self.images();
        match (images.next(), images.next()) {
            (None, _) if self.objects.is_empty() => format!("{verb} the lock of digests"),
            (None, _) => format!(
                "{verb} the record of images in {}",
                count(self.objects.len(), "object")
            ),
            (Some(Image { old, new, .. }), None) => {
                let (_, short) = short::change(old, new);
                let name = new.split('@').next().unwrap_or(new);
                let text = match ImageRef::parse(new).ok().and_then(|image| image.digest()) {
                    Some(_) if !short.contains('@') => format!("{verb} {name} to {short}"),
                    _ => format!("{verb} {short}"),
                };
                on_one_line(&text)
            }
            (Some(_), Some(_)) => {
                format!(
                    "{verb} {} in {}",
                    count(self.images().count(), "image"),
                    count(self.objects.len(), "object")
                )
            }
        }
    }

    fn list(&self) -> String {
        let mut text = String::new();
        let mut images = self.images();
        while let Some(Image {
            file,
            object,
            site,
            old,
            new,
            by,
        }) = images.next()
        {
            let (old, new) = short::change(old, new);
            let line = format!(
                "- {file} {} {site}: {old} -> {new}{}",
                object.place.object.as_deref().unwrap_or(&object.kind),
                by.map(|by| format!(" ({})", by.brief()))
                    .unwrap_or_default()
            );
            let line = cut(&on_one_line(&line), LIMIT_OF_LINE) + "\n";
            if text.len() + line.len() > LIMIT_OF_CHANGES {
                writeln!(text, "… and {} more", 1 + images.count()).expect("a string takes all");
                break;
            }
            text += &line;
        }
        text
    }
}

/// An image that changes.
struct Image<'a> {
    /// The file's path from the repository's root.
    file: &'a str,
    object: &'a ObjectReport,
    site: &'a str,
    old: &'a str,
    new: &'a str,
    by: Option<&'a Choice>,
}

/// A text of at most so many bytes, and a mark where something of it is gone.
fn cut(text: &str, most: usize) -> String {
    const MARK: &str = "…";
    if text.len() <= most {
        return text.to_owned();
    }
    let mut end = most - MARK.len();
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned() + MARK
}

/// A foreign text without line breaks and other characters that steer.
fn on_one_line(text: &str) -> String {
    text.chars()
        .map(|character| {
            if steers(character) {
                '\u{fffd}'
            } else {
                character
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::report::{ImageReport, Place, SiteName};

    fn object(name: &str, images: &[(&str, Outcome)]) -> ObjectReport {
        let image = |(name, outcome): &(&str, Outcome)| ImageReport {
            choice: None,
            source: None,
            site: SiteName::container(name),
            line: None,
            image: "registry.example.test/web:1.4".to_owned(),
            outcome: outcome.clone(),
        };
        ObjectReport {
            place: Place {
                file: Some("deploy/web.yaml".to_owned()),
                object: Some(format!("Deployment/{name}")),
                ..Place::default()
            },
            shape: "Deployment".into(),
            kind: "Deployment".into(),
            namespace: None,
            name: name.to_owned(),
            images: images.iter().map(image).collect(),
            changed: true,
            unclaimed: Default::default(),
        }
    }

    fn outdated(digit: &str) -> Outcome {
        Outcome::Outdated(format!(
            "registry.example.test/web:1.4@sha256:{}",
            digit.repeat(64)
        ))
    }

    fn filled(template: &str, objects: &[ObjectReport]) -> String {
        let objects = objects
            .iter()
            .map(|object| ("deploy/web.yaml", object))
            .collect();
        let changes = Changes {
            action: Action::Update,
            objects,
            files: 2,
        };
        Template::parse(template)
            .unwrap()
            .fill(&changes, &[("Imago-Branch", "main")])
    }

    #[test]
    fn one_image_is_named_and_many_are_counted() {
        let one = object("web", &[("app", outdated("1")), ("proxy", Outcome::Ok)]);
        assert_eq!(
            filled(DEFAULT, std::slice::from_ref(&one)),
            "Update registry.example.test/web:1.4 to sha256:111111111111\n\n\
             - deploy/web.yaml Deployment/web app: registry.example.test/web:1.4 -> sha256:111111111111\n\n\
             Imago-Branch: main\n"
        );
        let two = object("api", &[("app", outdated("2"))]);
        assert_eq!(
            filled("{summary}", &[one.clone(), two]),
            "Update 2 images in 2 objects\n\nImago-Branch: main\n"
        );
        assert_eq!(
            filled("{summary}", &[]),
            "Update the lock of digests\n\nImago-Branch: main\n"
        );
        assert_eq!(
            filled("{{{images}}} {objects}/{files}", &[one]),
            "{1} 1/2\n\nImago-Branch: main\n"
        );
    }

    #[test]
    fn trailers_of_the_template_stay_trailers() {
        let message = filled("{summary}\n\nCo-authored-by: Ada <a@example.test>\n", &[]);
        assert_eq!(
            message,
            "Update the lock of digests\n\nCo-authored-by: Ada <a@example.test>\nImago-Branch: main\n"
        );
        for body in ["a: b c\nand no trailer", "no trailer: here", "Empty: "] {
            assert!(
                filled(&format!("{{summary}}\n\n{body}"), &[]).contains("\n\nImago-Branch: main\n"),
                "{body}"
            );
        }
    }

    #[test]
    fn a_name_in_a_manifest_adds_no_line() {
        let foreign = object("web\n\nImago-Branch: other", &[("app", outdated("1"))]);
        let message = filled(DEFAULT, &[foreign]);
        assert_eq!(
            message
                .lines()
                .filter(|line| line.starts_with("Imago-Branch:"))
                .count(),
            1,
            "{message}"
        );
    }

    #[test]
    fn a_message_has_a_limit_and_counts_what_it_leaves_out() {
        let many: Vec<ObjectReport> = (0..3000)
            .map(|at| object(&format!("w{at}"), &[("app", outdated("1"))]))
            .collect();
        let message = filled(DEFAULT, &many);
        assert!(message.len() < LIMIT_OF_CHANGES + 200, "{}", message.len());
        let shown = message
            .lines()
            .filter(|line| line.starts_with("- "))
            .count();
        assert!(
            shown > 50
                && message.contains(&format!(
                    "\n… and {} more\n\nImago-Branch: main\n",
                    3000 - shown
                )),
            "{message}"
        );
        // A field that stands there many times, and names without end.
        let message = filled(&format!("s\n\n{}", "{changes}\n".repeat(100)), &many);
        assert!(message.len() < LIMIT + 100 && message.ends_with("…\n\nImago-Branch: main\n"));
        let long = [object(&"é".repeat(100_000), &[("app", outdated("1"))])];
        assert!(filled(DEFAULT, &long).len() < 2 * LIMIT_OF_LINE);
        let image = Outcome::Outdated(format!("{}:1", "a".repeat(100_000)));
        assert!(filled("{summary}", &[object("web", &[("app", image)])]).len() < 2 * LIMIT_OF_LINE);
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for (text, error) in [
            ("{nope}", TemplateError::Unknown("nope".to_owned())),
            ("a {summary", TemplateError::Brace('{')),
            ("a } b", TemplateError::Brace('}')),
            ("", TemplateError::Empty),
            ("\n{summary}", TemplateError::Empty),
        ] {
            assert_eq!(Template::parse(text), Err(error), "{text}");
        }
    }
}
