//! The marker in a request's text, and the part of that text that is ours.
//!
//! A text is a person's too: what they write before and after our part stays.

use std::fmt::{self, Write as _};

use super::hash::{PlanHash, Scope};

/// What our part of a text ends with.
const END: &str = "<!-- imago:end -->";

/// Our part is never shorter than this for the sake of a person's words.
const LEAST: usize = 1_500;

/// What a request's text says for programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marker {
    /// The hash of what the request proposes.
    pub plan: PlanHash,
    /// The branch that it was made for.
    pub branch: String,
    /// The scope of the run that made it.
    pub scope: Scope,
}

impl fmt::Display for Marker {
    /// `<!-- imago:v1 plan=sha256:… branch=imago/update scope=… -->`
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "<!-- imago:v1 plan={} branch=", self.plan)?;
        for character in self.branch.chars() {
            match character {
                // They could end the comment, or the word.
                '<' | '>' | '%' | ' ' => write!(formatter, "%{:02X}", u32::from(character))?,
                _ => formatter.write_char(character)?,
            }
        }
        write!(formatter, " scope={} -->", self.scope)
    }
}

/// The marker of a text: the one line that is a marker and nothing else. A text with two of them says nothing.
pub fn marker(text: &str) -> Option<Marker> {
    let mut markers = text.lines().filter_map(Marker::parse);
    match (markers.next(), markers.next()) {
        (Some(marker), None) => Some(marker),
        _ => None,
    }
}

/// A request's text with our part in it: the marker, and what `ours` says in so many bytes. What stands around our part stays, as long
/// as the limit leaves room for ours.
pub fn with_section(
    text: &str,
    marker: &Marker,
    limit: usize,
    ours: impl FnOnce(usize) -> String,
) -> String {
    let frame = marker.to_string().len() + END.len() + "\n\n\n\n\n\n".len();
    let (mut before, mut after) = around(text);
    if before.len() + after.len() + frame + LEAST > limit {
        (before, after) = ("", "");
    }
    let room = limit.saturating_sub(frame + before.len() + after.len());
    let mut whole = String::new();
    if !before.is_empty() {
        whole = format!("{before}\n\n");
    }
    whole += &format!("{marker}\n{}\n{END}\n", ours(room).trim_end());
    if !after.is_empty() {
        whole += &format!("\n{after}\n");
    }
    whole
}

/// What stands before and after our part. Where there is none, all of it stands before.
fn around(text: &str) -> (&str, &str) {
    let mut at = 0;
    let mut begin = None;
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim_end();
        match begin {
            None if Marker::parse(trimmed).is_some() => begin = Some(at),
            Some(begin) if trimmed == END => {
                return (text[..begin].trim(), text[at + line.len()..].trim());
            }
            _ => {}
        }
        at += line.len();
    }
    match begin {
        // A person has removed its end: it cannot be told from their words, so all that follows is taken for ours.
        Some(begin) => (text[..begin].trim(), ""),
        None => (text.trim(), ""),
    }
}

impl Marker {
    /// Reads a line that `Display` has written, and nothing else.
    fn parse(line: &str) -> Option<Self> {
        let inside = line.strip_prefix("<!-- imago:v1 plan=")?;
        let inside = inside.strip_suffix(" -->")?;
        let (plan, rest) = inside.split_once(" branch=")?;
        let (branch, scope) = rest.split_once(" scope=")?;
        let marker = Self {
            plan: PlanHash::parse(plan)?,
            branch: decoded(branch)?,
            scope: Scope::parse(scope)?,
        };
        // Each marker has one spelling.
        (marker.to_string() == line).then_some(marker)
    }
}

fn decoded(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut branch = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = u8::from_str_radix(part.get(..2)?, 16).ok()?;
        branch.push(char::from(code));
        branch.push_str(&part[2..]);
    }
    Some(branch)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::engine::propose::Planned;

    fn sample(branch: &str) -> Marker {
        Marker {
            plan: PlanHash::of(vec![Planned {
                file: "a".to_owned(),
                place: "b".to_owned(),
                after: "c".to_owned(),
            }]),
            branch: branch.to_owned(),
            scope: Scope::of(vec!["path=.".to_owned()]),
        }
    }

    #[test]
    fn only_a_line_of_its_own_is_a_marker() {
        let ours = sample("imago/update");
        let line = ours.to_string();
        assert_eq!(
            marker(&format!("Hello\r\n{line}\r\nmore")),
            Some(ours.clone())
        );
        for text in [
            String::new(),
            format!("- `{line}`"),
            format!(" {line}"),
            format!("{line} "),
            format!("{line}\n{line}"),
            format!("{line}\n{}", sample("other")),
            line.replace("v1", "v2"),
            line.replace(" scope", "  scope"),
            line.replace("sha256:", "sha256:A"),
            line.replace("imago/update", "imago%2Fupdate"),
            line.replace("imago/update", "imago%"),
            line.replace("imago/update", "imago%é"),
            line.to_uppercase(),
        ] {
            assert_eq!(marker(&text), None, "{text}");
        }
    }

    #[test]
    fn a_persons_words_stay_around_our_part() {
        let (first, second) = (sample("one"), sample("two"));
        let text = with_section("", &first, 10_000, |_| "old".to_owned());
        assert_eq!(text, format!("{first}\nold\n{END}\n"));
        let edited = format!(
            "Please look.\r\n\r\n{}\r\nThanks!",
            text.replace('\n', "\r\n")
        );
        let text = with_section(&edited, &second, 10_000, |_| "new".to_owned());
        assert_eq!(
            text,
            format!("Please look.\n\n{second}\nnew\n{END}\n\nThanks!\n")
        );
        assert_eq!(marker(&text), Some(second.clone()));
        // Somebody's whole text, and one whose end was cut off.
        let text = with_section("Mine.", &first, 10_000, |_| "new".to_owned());
        assert_eq!(text, format!("Mine.\n\n{first}\nnew\n{END}\n"));
        let cut = format!("Mine.\n{first}\nold");
        let text = with_section(&cut, &second, 10_000, |_| "new".to_owned());
        assert_eq!(text, format!("Mine.\n\n{second}\nnew\n{END}\n"));
    }

    #[test]
    fn the_limit_holds_whatever_a_person_wrote() {
        let ours = sample("imago/update");
        for words in [0, 100, 2_000, 3_900, 4_000, 100_000] {
            let text = with_section(&"w".repeat(words), &ours, 4_000, |room| "x".repeat(room));
            assert!(text.len() <= 4_000, "{words}: {}", text.len());
            assert_eq!(marker(&text), Some(ours.clone()), "{words}");
        }
    }

    proptest! {
        #[test]
        fn a_marker_is_read_back_and_leaves_its_comment_to_nobody(branch in "[^\\n\\r]{1,40}") {
            let ours = sample(&branch);
            let line = ours.to_string();
            prop_assert_eq!(line.find("-->"), Some(line.len() - 3));
            prop_assume!(!branch.contains(['\u{85}', '\u{2028}']));
            prop_assert_eq!(marker(&line), Some(ours));
        }
    }
}
