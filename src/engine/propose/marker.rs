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
    /// How far merging it automatically is, where that was asked for when it was made.
    pub merge: Option<Merge>,
}

/// How far merging a request automatically is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Merge {
    /// The forge was not told yet, or has refused.
    Pending,
    /// The forge was told once. What a person makes of it stays.
    Told,
}

impl Merge {
    fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Told => "told",
        }
    }
}

impl Marker {
    /// The marker of a request of which nothing is left: no plan has its hash, so that nobody takes it for one that a person refused.
    pub fn spent(branch: &str, scope: Scope) -> Self {
        Self {
            plan: PlanHash::of(Vec::new()),
            branch: branch.to_owned(),
            scope,
            merge: None,
        }
    }

    /// Whether nothing is left of its request.
    pub fn is_spent(&self) -> bool {
        self.plan == PlanHash::of(Vec::new())
    }
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
        write!(formatter, " scope={}", self.scope)?;
        if let Some(merge) = self.merge {
            write!(formatter, " merge={}", merge.as_str())?;
        }
        formatter.write_str(" -->")
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
        (before, after) = (String::new(), String::new());
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

/// What stands before and after our part. Where there is none, all of it stands before. A second part of ours, as somebody copies one, goes.
fn around(text: &str) -> (String, String) {
    let (mut before, mut after) = (String::new(), String::new());
    let (mut is_ours, mut is_behind) = (false, false);
    for line in text.split_inclusive('\n') {
        let trimmed = line.trim_end();
        match is_ours {
            true => is_ours = trimmed != END,
            // Where a person has removed the end, our part cannot be told from their words: all that follows goes.
            false if Marker::parse(trimmed).is_some() => (is_ours, is_behind) = (true, true),
            false if is_behind => after.push_str(line),
            false => before.push_str(line),
        }
    }
    (before.trim().to_owned(), after.trim().to_owned())
}

impl Marker {
    /// Reads a line that `Display` has written, and nothing else.
    fn parse(line: &str) -> Option<Self> {
        let inside = line.strip_prefix("<!-- imago:v1 plan=")?;
        let inside = inside.strip_suffix(" -->")?;
        let (plan, rest) = inside.split_once(" branch=")?;
        let (branch, rest) = rest.split_once(" scope=")?;
        let (scope, merge) = match rest.split_once(" merge=") {
            Some((scope, merge)) => {
                let known = [Merge::Pending, Merge::Told];
                let merge = known.into_iter().find(|it| it.as_str() == merge);
                (scope, Some(merge?))
            }
            None => (rest, None),
        };
        let marker = Self {
            plan: PlanHash::parse(plan)?,
            branch: decoded(branch)?,
            scope: Scope::parse(scope)?,
            merge,
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
            merge: None,
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
        let twice = format!("a\n{first}\nold\n{END}\nb\n{second}\nold\n{END}\nc");
        let text = with_section(&twice, &second, 10_000, |_| "new".to_owned());
        assert_eq!(text, format!("a\n\n{second}\nnew\n{END}\n\nb\nc\n"));
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
            let ours = Marker { merge: Some(Merge::Told), ..sample(&branch) };
            let line = ours.to_string();
            prop_assert_eq!(line.find("-->"), Some(line.len() - 3));
            prop_assume!(!branch.contains(['\u{85}', '\u{2028}']));
            prop_assert_eq!(marker(&line), Some(ours));
        }
    }
}
