//! Reads comments on an image's line: `# imago: ignore`, and Flux's marker, `# {"$imagepolicy": "shop:web"}`.
//!
//! ```text
//! # imago: ignore because of the licence          leaves the image out
//! # imago: digest-in-tag                          the chart takes `tag: 1.4@sha256:…`
//! # imago: image=registry.example.com/shop/web    the repository of a tag whose values name none
//! # imago: minor; allow=/[0-9.]+/                 the policy that chooses the tag
//! ```
//!
//! A comment is addressed to this program if it starts with `imago:`, after `#` and blanks. Then come words, separated by `;`;
//! prose may follow `ignore`. Anything else in such a comment is a mistake and holds the image: a misspelt `ingore` must not pin
//! it. In the middle of prose, `imago: ignore` counts too, and so do near misses of it.

use std::collections::BTreeMap;

use memchr::memmem;

use std::sync::Arc;

use super::hold::Hold;
use super::image::ImageRef;
use super::version::{self, Policy};
use crate::engine::code::Code;

/// The known words.
const WORDS: [&str; 3] = [IGNORE, DIGEST_IN_TAG, IMAGE];
const IGNORE: &str = "ignore";
const DIGEST_IN_TAG: &str = "digest-in-tag";
/// A name follows it.
const IMAGE: &str = "image=";
/// A regular expression follows it.
const ALLOW: &str = "allow=";

/// The word that starts a comment for this program.
const NAME: &str = "imago";

/// The key of Flux's marker.
const FLUX: &str = "$imagepolicy";

/// The longest comment that is read for this program. Its parts are looked at more than once.
const LONGEST: usize = 1024;

/// How many letters may differ for a misspelt word.
const NEAR: usize = 2;

/// How many bytes of a comment have its first two words at most, if these are meant for this program.
const NEAREST: usize = 64;

/// Signs before which a name is another one's: `my-imago`, `registry.example.com/imago`.
const OF_A_NAME: [char; 5] = ['-', '_', '.', '/', '$'];

/// What a comment asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mark {
    /// Leave the image out.
    Ignore,
    /// Keep the image as it is: a person has to look.
    Hold(Hold),
    /// The chart takes a digest behind the tag.
    DigestInTag,
    /// The tag is of this repository.
    Image(String),
    /// Another program is told that the tag is of this repository.
    Repository(String),
    /// This chooses the tag.
    Policy(Arc<Policy>),
    /// Flux writes it, by this image policy: `shop:web:tag`.
    Flux(String),
}

/// Whether a text may contain a mark in a comment. It may return true for a text without one.
pub fn may_be_in(text: &[u8]) -> bool {
    let is_name = |at: usize| {
        let rest = &text[at + 4..];
        !rest.starts_with(b"-config-spec")
            && rest
                .first()
                .is_some_and(|next| !next.is_ascii_alphanumeric())
    };
    let is_misspelt = |at: usize| {
        let begin = &text[at..text.len().min(at + NEAREST)];
        let valid = begin.utf8_chunks().next().map(|chunk| chunk.valid());
        valid.and_then(misspelt_name).is_some()
    };
    memmem::find(text, FLUX.as_bytes()).is_some()
        || ["mago", "MAGO"]
            .iter()
            .any(|name| memmem::find_iter(text, name.as_bytes()).any(is_name))
        || memchr::memchr_iter(b'#', text).any(is_misspelt)
}

/// Reads a comment, including its `#`.
pub fn read(comment: &str) -> Vec<Mark> {
    if comment.contains(FLUX)
        && let Some(mark) = flux(comment)
    {
        return vec![mark];
    }
    let places = comment.char_indices().filter(|(at, _)| {
        let is_name = comment.as_bytes()[*at..]
            .get(..5)
            .is_some_and(|name| name.eq_ignore_ascii_case(b"imago"));
        let before = comment[..*at].chars().next_back();
        let is_of_a_name = |before: char| before.is_alphanumeric() || OF_A_NAME.contains(&before);
        is_name && (is_begin(&comment[..*at]) || !before.is_some_and(is_of_a_name))
    });
    let mut places = places.peekable();
    if comment.len() > LONGEST && (places.peek().is_some() || misspelt_name(comment).is_some()) {
        return vec![too_long()];
    }
    let mut found: Vec<Mark> = misspelt_name(comment).into_iter().collect();
    for (at, _) in places {
        let before = &comment[..at];
        let begins = is_begin(before) || before.trim_end().ends_with('#');
        let read = words(&comment[at..at + 5], &comment[at + 5..], begins);
        if read.contains(&Mark::Ignore) {
            return vec![Mark::Ignore];
        }
        if found.is_empty() {
            found = read;
        }
    }
    found
}

/// Whether nothing but signs stands before a word of a comment: `# @`.
fn is_begin(before: &str) -> bool {
    !before.contains(char::is_alphanumeric)
}

/// `# imgao: ignore`: a name one typing error away from this program's, before a word that it knows, or nearly so.
fn misspelt_name(comment: &str) -> Option<Mark> {
    let is_sign = |letter: char| !letter.is_alphanumeric();
    let text = comment.trim_start_matches(is_sign);
    let (name, behind) = text.split_at(text.find(is_sign)?);
    if !is_nearly_the_name(name) {
        return None;
    }
    let word = first_word(behind.trim_start_matches(is_sign));
    let signs = &behind[..behind.len() - behind.trim_start_matches(is_sign).len()];
    let policy = version::WORDS.into_iter().find(|known| *known == word);
    let policy = policy.filter(|_| signs.trim_start().starts_with(':'));
    let meant = near(word).or(policy)?;
    Some(bad(&format!("{name}{signs}{word}"), Some(meant)))
}

/// One typing error away: `imgao`, `imagoo`. `image` is an ordinary word.
fn is_nearly_the_name(name: &str) -> bool {
    !name.eq_ignore_ascii_case(NAME)
        && !name.eq_ignore_ascii_case("image")
        && name.len().abs_diff(NAME.len()) <= 1
        && strsim::osa_distance(&name.to_ascii_lowercase(), NAME) == 1
}

/// Whether a comment is addressed to this program, and is not just prose that mentions it.
pub fn is_addressed(comment: &str) -> bool {
    if misspelt_name(comment).is_some() {
        return true;
    }
    let text = comment.trim_start_matches(|sign: char| !sign.is_alphanumeric());
    let Some(name) = text
        .get(..5)
        .filter(|name| name.eq_ignore_ascii_case("imago"))
    else {
        return false;
    };
    if comment.len() > LONGEST {
        return true;
    }
    // `# imago/ignore: "true"` is an annotation that somebody commented out.
    !text[5..].starts_with('/') && !words(name, &text[5..], true).is_empty()
}

/// The words after the name. In prose (`begins` is false) only `ignore` and near misses of it count.
fn words(name: &str, rest: &str, begins: bool) -> Vec<Mark> {
    let after_blanks = rest.trim_start();
    let Some(words) = after_blanks.strip_prefix(':') else {
        // `# imago ignore`, `# imago/ignore`. With other words, it is prose about this program.
        let after_signs = rest.trim_start_matches(|sign: char| !sign.is_alphanumeric());
        let (word, signs) = (first_word(after_signs), rest.len() - after_signs.len());
        let near = near(word).filter(|near| *near != IMAGE);
        let near = near.or_else(|| policy_alone(after_signs));
        return match signs > 0 && begins && near.is_some() {
            true => vec![bad(&format!("{name}{}{word}", &rest[..signs]), near)],
            false => Vec::new(),
        };
    };
    let is_exact = name == "imago" && rest.starts_with(':');
    let mut marks = Vec::new();
    let mut policy = Vec::new();
    let mut left = words;
    loop {
        let text = left.trim_start();
        let word = first_word(text);
        if begins && is_exact && is_of_policy(word) {
            let own = text.split(" #").next().unwrap_or_default();
            let (part, next) = version::next_segment(own);
            policy.push(part);
            match next {
                Some(next) => left = next,
                None => return with_policy(marks, policy),
            }
            continue;
        }
        let mark = match begins || word == IGNORE {
            true => mark(word, text),
            false => None,
        };
        let is_near = || near(word) == Some(IGNORE);
        match mark {
            Some(Mark::Ignore) if is_exact => return vec![Mark::Ignore],
            Some(mark) if is_exact => marks.push(mark),
            Some(_) => {
                let signs = &rest[..rest.len() - after_blanks.len()];
                let written = format!("{name}{signs}: {}", whole_word(text));
                return vec![bad(&written, near(word))];
            }
            None if begins && is_of_policy(word) => {
                let signs = &rest[..rest.len() - after_blanks.len()];
                let written = format!("{name}{signs}: {}", whole_word(text));
                return vec![bad(
                    &written,
                    Some(near_policy(word).unwrap_or("minor; allow=/REGEX/")),
                )];
            }
            None if begins || is_near() => return vec![unknown(text)],
            None => {}
        }
        match left.split_once(';') {
            Some((_, next)) => left = next,
            None => return with_policy(marks, policy),
        }
    }
}

/// Whether a part of a comment that begins so says which tag is taken.
fn is_of_policy(word: &str) -> bool {
    word.starts_with(ALLOW) || is_policy(word)
}

fn is_policy(word: &str) -> bool {
    word != IGNORE && version::WORDS.contains(&word)
}

/// The word of a policy, where nothing but a policy follows the name: `# imago minor` is no prose.
fn policy_alone(text: &str) -> Option<&'static str> {
    let word = first_word(text);
    let known = version::WORDS.into_iter().find(|known| *known == word)?;
    let behind = text[word.len()..].trim();
    let has_range =
        word == "semver" && behind.starts_with(['~', '^', '<', '>', '=', '*', '0', '1', '2']);
    (behind.is_empty() || behind.starts_with(';') || has_range).then_some(known)
}

/// The marks, and the policy that the parts make.
fn with_policy(mut marks: Vec<Mark>, mut parts: Vec<&str>) -> Vec<Mark> {
    if parts.is_empty() {
        return marks;
    }
    parts.sort_by_key(|part| first_word(part).starts_with(ALLOW));
    let written = parts.join("; ");
    marks.push(match Policy::parse(&written) {
        Ok(policy) => Mark::Policy(Arc::new(policy)),
        Err(_) if first_word(&written).starts_with(ALLOW) => mistake(
            &written,
            "write a policy before it: `# imago: minor; allow=/REGEX/`",
        ),
        Err(error) => mistake(&written, &format!("{}; {}", error.reason, error.hint)),
    });
    marks
}

/// What a word of the grammar asks for, with what stands behind it up to the next one.
fn mark(word: &str, text: &str) -> Option<Mark> {
    let (own, _) = text.split_once(';').unwrap_or((text, ""));
    if word == IGNORE {
        return Some(Mark::Ignore);
    }
    let own = own.split(" #").next().unwrap_or_default().trim_end();
    if own == DIGEST_IN_TAG {
        return Some(Mark::DigestInTag);
    }
    let name = own.strip_prefix(IMAGE)?;
    let is_name = ImageRef::parse(name)
        .is_ok_and(|image| image.tag().is_none() && !image.has_digest() && image.name() == name);
    is_name.then(|| Mark::Image(name.to_owned()))
}

/// The mistake of a text that does not begin with a word of the grammar, or has more behind one.
fn unknown(text: &str) -> Mark {
    let written = whole_word(text);
    let behind = text[written.len()..].trim_start();
    // `policy: minor` is how the settings say it.
    let named = text
        .strip_prefix("policy")
        .map(|rest| rest.trim_start_matches([':', '=', ' ']));
    if let Some(policy) = named.filter(|rest| is_policy(first_word(rest))) {
        let written = text[..text.len() - policy.len()].to_owned() + whole_word(policy);
        return bad(&written, near_policy(first_word(policy)));
    }
    let known = near(first_word(text)).or_else(|| near_policy(first_word(text)));
    if mark(first_word(written), written).is_none() {
        return bad(written, known);
    }
    let both = format!("{written} {}", whole_word(behind));
    match near(first_word(behind)) {
        Some(_) => mistake(&both, "write a `;` between the two"),
        None => bad(&both, known),
    }
}

/// What stands up to a blank or a `;`.
fn whole_word(text: &str) -> &str {
    let end = text.find(|end: char| end.is_whitespace() || end == ';');
    &text[..end.unwrap_or(text.len())]
}

/// Letters, digits, `-` and `_`, and `=`, which a word of the grammar may start with.
fn first_word(text: &str) -> &str {
    let end = text
        .find(|next: char| !(next.is_alphanumeric() || matches!(next, '-' | '_' | '=')))
        .unwrap_or(text.len());
    &text[..end]
}

/// The known word that is meant.
fn near(word: &str) -> Option<&'static str> {
    let lower = word.to_lowercase();
    if lower.starts_with(IMAGE) {
        return Some(IMAGE);
    }
    let mut known = WORDS.into_iter().filter(|known| *known != IMAGE);
    known.find(|known| strsim::osa_distance(&lower, known) <= NEAR)
}

/// The policy that is meant.
fn near_policy(word: &str) -> Option<&'static str> {
    let lower = word.to_lowercase();
    let distance = |known: &&str| strsim::osa_distance(&lower, known);
    let nearest = version::WORDS.into_iter().min_by_key(distance)?;
    (distance(&nearest) <= NEAR).then_some(nearest)
}

fn bad(written: &str, near: Option<&str>) -> Mark {
    let hint = match near {
        Some(IMAGE) => "write `# imago: image=NAME`, with a name without a tag".to_owned(),
        Some("semver") => "write `# imago: semver RANGE`".to_owned(),
        Some(near) => format!("write `# imago: {near}`"),
        None => format!(
            "`# imago:` takes `{IGNORE}`, a policy such as `minor`, `{DIGEST_IN_TAG}` and `{IMAGE}NAME`"
        ),
    };
    mistake(written, &hint)
}

fn mistake(written: &str, hint: &str) -> Mark {
    let reason = match written {
        "" => format!("a comment for imago says nothing; {hint}"),
        _ => format!("the comment `{written}` is not understood; {hint}"),
    };
    Mark::Hold(Hold::of(Code::BadComment, &reason))
}

fn too_long() -> Mark {
    let reason = format!(
        "a comment that names imago has more than {LONGEST} bytes; write what is meant for imago in a comment of its own"
    );
    Mark::Hold(Hold::of(Code::BadComment, &reason))
}

/// Flux accepts only a comment that is one JSON object of strings.
fn flux(comment: &str) -> Option<Mark> {
    let fields: BTreeMap<String, String> =
        serde_json::from_str(comment.trim_start_matches('#')).ok()?;
    let policy = fields.get(FLUX).filter(|policy| !policy.is_empty())?;
    Some(Mark::Flux(policy.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(comment: &str) -> String {
        let told = |mark: &Mark| match mark {
            Mark::Ignore => "ignore".to_owned(),
            Mark::Hold(hold) => format!("{}: {}", hold.code, hold.reason),
            Mark::DigestInTag => "tag".to_owned(),
            Mark::Image(name) | Mark::Repository(name) => format!("of {name}"),
            Mark::Policy(policy) => policy.to_string(),
            Mark::Flux(policy) => {
                let hold = Hold::flux_marker(policy, None);
                format!("{}: {}", hold.code, hold.reason)
            }
        };
        match read(comment).as_slice() {
            [] => "prose".to_owned(),
            marks => marks.iter().map(told).collect::<Vec<_>>().join(", "),
        }
    }

    #[test]
    fn words_say_where_a_digest_goes_and_of_what_a_tag_is() {
        for (comment, expected) in [
            ("# imago: digest-in-tag", "tag"),
            ("# imago: digest-in-tag # as the wiki says", "tag"),
            (
                "# imago: image=r.test:5000/shop/web",
                "of r.test:5000/shop/web",
            ),
            ("# imago: image=web; digest-in-tag", "of web, tag"),
            ("# imago: digest-in-tag; ignore for now", "ignore"),
            ("# see imago: digest-in-tag", "prose"),
            ("# see imago: images are pinned", "prose"),
            ("# imago images", "prose"),
        ] {
            assert_eq!(told(comment), expected, "{comment}");
        }
        for (comment, hint) in [
            ("# imago: digest-in-tags", "write `# imago: digest-in-tag`"),
            (
                "# imago: digest-in-tag please",
                "write `# imago: digest-in-tag`",
            ),
            ("# imago: image=web:1", "with a name without a tag"),
            ("# imago: image=", "with a name without a tag"),
            ("# imago: image=a b", "with a name without a tag"),
            (
                "# imago: image=web; tiny",
                "`digest-in-tag` and `image=NAME`",
            ),
        ] {
            let told = told(comment);
            assert!(
                told.starts_with("bad-comment: ") && told.ends_with(hint),
                "{told}"
            );
        }
    }

    #[test]
    fn a_policy_says_which_tag_is_taken() {
        for (comment, expected) in [
            ("# imago: minor", "minor"),
            ("#imago:patch", "patch"),
            ("# imago: semver >=1.2 <2", "semver >=1.2 <2"),
            (
                "# imago: alphabetical:desc # as the wiki says",
                "alphabetical:desc",
            ),
            (
                r"# imago: minor; allow=/1\.[0-9]+;?/",
                r"minor; allow=/1\.[0-9]+;?/",
            ),
            ("# imago: allow=/a/; minor", "minor; allow=/a/"),
            ("# imago: digest-in-tag; minor", "tag, minor"),
            ("# imago: minor; digest-in-tag", "tag, minor"),
            ("# imago: digest", "digest"),
            ("# imago: minor; ignore", "ignore"),
            ("# see imago: minor", "prose"),
            ("# imago minor releases are safe", "prose"),
            ("# imago digests", "prose"),
        ] {
            let mut told: Vec<_> = told(comment).split(", ").map(str::to_owned).collect();
            told.sort_unstable_by_key(|told| told != "tag");
            assert_eq!(told.join(", "), expected, "{comment}");
        }
        for (comment, expected) in [
            (
                "# imago: minro",
                "the comment `minro` is not understood; write `# imago: minor`",
            ),
            (
                "# imago: semvar ~1",
                "the comment `semvar` is not understood; write `# imago: semver RANGE`",
            ),
            (
                "# imago minor",
                "the comment `imago minor` is not understood; write `# imago: minor`",
            ),
            (
                "# imago semver ~1.4",
                "the comment `imago semver` is not understood; write `# imago: semver RANGE`",
            ),
            (
                "# imago: policy: minor",
                "the comment `policy: minor` is not understood; write `# imago: minor`",
            ),
            (
                "# imago: policy=patch",
                "the comment `policy=patch` is not understood; write `# imago: patch`",
            ),
            (
                "# imago: minor; allow=v.*",
                "the comment `minor; allow=v.*` is not understood; `allow=v.*` is not understood; put slashes around the expression: `allow=/v.*/`",
            ),
            (
                "# imago : minor",
                "the comment `imago : minor` is not understood; write `# imago: minor`",
            ),
            (
                "# IMAGO: minor",
                "the comment `IMAGO: minor` is not understood; write `# imago: minor`",
            ),
            (
                "# imago: semver ~1.x.",
                "the comment `semver ~1.x.` is not understood; the range `~1.x.` is not understood at `~1.x.`; write a range, as in `semver ~1.4` or `semver >=1.2 <2`",
            ),
            (
                "# imago: allow=/a/",
                "the comment `allow=/a/` is not understood; write a policy before it: `# imago: minor; allow=/REGEX/`",
            ),
            (
                "# imago: minor; allow=/(/",
                "the comment `minor; allow=/(/` is not understood; `allow` is not a regular expression: unclosed group; write a regular expression for the whole tag, as in `v?(?<version>\\d+\\.\\d+\\.\\d+)`",
            ),
            (
                "# imago: minor; patch",
                "the comment `minor; patch` is not understood; `patch` is not understood; write `POLICY; allow=/REGEX/`",
            ),
        ] {
            assert_eq!(told(comment), format!("bad-comment: {expected}"));
        }
    }

    #[test]
    fn a_comment_of_any_length_is_read_in_short() {
        let of = |begin: &str, part: &str| begin.to_owned() + &part.repeat(LONGEST);
        for (comment, is_held) in [
            (of("# imago: ", "minor; "), true),
            (of("# imago: minor; ", "allow=/a/; "), true),
            (of("# ", "imago: x; "), true),
            (of("# imgao: ignore ", "; "), true),
            (of("# a very long story ", "(imago: ignore) "), true),
            (of("# a very long story ", "of images "), false),
        ] {
            let told = told(&comment);
            let expected = [
                "prose",
                "bad-comment: a comment that names imago has more than 1024 bytes",
            ];
            assert!(told.starts_with(expected[usize::from(is_held)]), "{told}");
            assert!(told.len() < 300);
        }
        assert!(is_addressed(&of("# imago: ", "minor; ")));
    }

    #[test]
    fn a_mistake_is_shown_whole() {
        for (comment, expected) in [
            (
                "# imago: image=r.example.com/shop/web digest-in-tag",
                "the comment `image=r.example.com/shop/web digest-in-tag` is not understood; write a `;` between the two",
            ),
            (
                "# imago: digest-in-tag image=r.example.com/shop/web # note",
                "the comment `digest-in-tag image=r.example.com/shop/web` is not understood; write a `;` between the two",
            ),
            (
                "# imago: digest-in-tag please",
                "the comment `digest-in-tag please` is not understood; write `# imago: digest-in-tag`",
            ),
            (
                "# imago: image=r.example.com/web:1.2; digest-in-tag",
                "the comment `image=r.example.com/web:1.2` is not understood; write `# imago: image=NAME`, with a name without a tag",
            ),
            (
                "# IMAGO: image=r.example.com/web",
                "the comment `IMAGO: image=r.example.com/web` is not understood; write `# imago: image=NAME`, with a name without a tag",
            ),
            (
                "# imago: allow=/a.b/; ignored",
                "the comment `ignored` is not understood; write `# imago: ignore`",
            ),
        ] {
            assert_eq!(told(comment), format!("bad-comment: {expected}"));
        }
    }

    #[test]
    fn a_marker_of_flux_beside_a_mark_cancels_neither() {
        for comment in [
            r##"# {"$imagepolicy": "a:b"} # imago: ignore"##,
            r##"# imago: ignore {"$imagepolicy": "a:b"}"##,
        ] {
            assert_eq!(told(comment), "ignore", "{comment}");
        }
        assert!(
            told(r##"# {"$imagepolicy": "a:b"} # imago: ingore"##).starts_with("bad-comment: ")
        );
    }

    #[test]
    fn ignore_may_be_followed_by_prose() {
        for comment in [
            "# imago: ignore",
            "#imago:ignore",
            "# imago:  ignore, for now",
            "# imago: ignore because of the licence",
            "# imago: ignore; see the wiki",
            "# see imago: ignore",
            "# pinned by hand # imago: ignore",
            "## imago: ignore",
            "# built by hand (imago: ignore)",
            "# nolint;imago: ignore",
            "# @imago: ignore",
            "#:imago: ignore",
            "# - imago: ignore",
            "# see `imago: ignore`",
        ] {
            assert_eq!(told(comment), "ignore", "{comment}");
        }
    }

    #[test]
    fn what_is_addressed_to_imago_and_not_known_holds() {
        for comment in [
            "# imago: ingore",
            "# imago: ignored",
            "# imago: Ignore",
            "#imago:ignor",
            "# IMAGO: ignore",
            "# imago : ignore",
            "# imago ignore",
            "# imago ingore",
            "# see imago: ingore",
            "# see (imago: ingore)",
            "# imago/ignore",
            "# imago/ignore: true",
            "# imago.ignore",
            "# imago-ignore",
            "# imago; ignore",
            "# imago = ignore",
            "# imago - ingore",
            "# imago\u{ff1a}ignore",
            "# imgao: ignore",
            "#imagoo:ignore",
            "# Imag0: ignore",
            "# imagos: ignore",
            "# @imago ignore",
            "#:imago ignore",
            "# *imago* ignore",
            "# @imgao: ignore",
            "# imaago: ingore",
            "# imgao ignore",
        ] {
            assert!(may_be_in(comment.as_bytes()), "{comment}");
            let told = told(comment);
            assert!(
                told.starts_with("bad-comment: ") && told.ends_with("write `# imago: ignore`"),
                "{comment}: {told}"
            );
        }
        for comment in [
            "# imago:",
            "# imago: ;",
            "# imago:: ignore",
            "# x # imago: allow=/a/",
            "# imgao: minor",
            "# imgao: digest-in-tags",
        ] {
            assert!(
                told(comment).starts_with("bad-comment: "),
                "{comment}: {}",
                told(comment)
            );
        }
    }

    #[test]
    fn prose_about_imago_is_passed_over() {
        for comment in [
            "# imago updates this",
            "# by imago",
            "# imago",
            "# as imago: see the wiki",
            "# imago-config-spec",
            "# imago/restartedAt",
            "# imago/ignored-by-us",
            "# see imago/ignore",
            "# imago. We ignore this",
            "# my-imgao: ignore",
            "# web-imago: ignore",
            "# lmagos: ignore",
            "# imagos: see the wiki",
            "# imgao minor versions",
            "# image: ignore",
            "# images: ignored by hand",
            "# ghcr.io/shop/imago:ignore",
            "#",
            "# ö imagö: ignore",
        ] {
            assert_eq!(told(comment), "prose", "{comment}");
        }
    }

    #[test]
    fn a_marker_of_flux_is_one_object_of_strings() {
        for comment in [
            r##"# {"$imagepolicy": "shop:web"}"##,
            r##"#{"$imagepolicy":"shop:web:tag"}"##,
            r##"#   { "$imagepolicy" : "shop:web:digest" }  "##,
            r##"## {"$imagepolicy": "shop:web:name", "note": "x"}"##,
        ] {
            assert!(
                told(comment)
                    .starts_with("flux-marker: Flux writes it, by the image policy `shop:web"),
                "{comment}"
            );
        }
        for comment in [
            r##"# {"$imagepolicy": "shop:web"} # note"##,
            r##"# see {"$imagepolicy": "shop:web"}"##,
            "# {$imagepolicy: shop:web}",
            r##"# {'$imagepolicy': 'shop:web'}"##,
            r##"# {"$imagepolicy": ""}"##,
            r##"# {"$imagepolicy": 1}"##,
        ] {
            assert_eq!(told(comment), "prose", "{comment}");
        }
    }

    #[test]
    fn a_text_that_may_contain_a_mark_is_recognised() {
        for text in [
            "a: b # imago: x",
            "# imago ignore",
            "# IMAGO: x",
            r##"# {"$imagepolicy": "a:b"}"##,
        ] {
            assert!(may_be_in(text.as_bytes()), "{text}");
        }
        assert!(!may_be_in(
            b"imago-config-spec: image # imagos: see, imagoes ignore, image: ignore"
        ));
    }

    #[test]
    fn an_annotation_that_was_taken_out_is_addressed_to_nobody() {
        assert!(!is_addressed(r#"# imago/ignore: "true""#));
        assert!(is_addressed("# imago: ignore") && is_addressed("# imago ignore"));
    }
}
