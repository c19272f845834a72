//! What of a policy's `allow` and `ignore` matches no tag of a list. Most often it is misspelt.

use regex::bytes::Regex;

use super::policy::{Allow, Policy};

impl Policy {
    /// One sentence for `allow`, and for each glob of `ignore`, if it matches none of these tags. An empty list says nothing.
    pub fn idle(&self, tags: &[String]) -> Vec<String> {
        if tags.is_empty() {
            return Vec::new();
        }
        let allow = self.allow.as_ref().and_then(|allow| idle(allow, tags));
        let ignore = (self.ignore.iter())
            .filter(|(_, glob)| !tags.iter().any(|tag| glob.is_match(tag)))
            .map(|(text, _)| {
                format!(
                    "`{text}` of `ignore` matches none of the tags; a glob is compared with the whole tag"
                )
            });
        allow.into_iter().chain(ignore).collect()
    }
}

fn idle(allow: &Allow, tags: &[String]) -> Option<String> {
    let matcher = allow.matcher();
    if tags.iter().any(|tag| matcher.is_match(tag)) {
        return None;
    }
    let similar = |part: Regex| tags.iter().find(|tag| part.is_match(tag.as_bytes()));
    Some(match allow.anywhere().and_then(similar) {
        Some(tag) => format!(
            "`allow` matches none of the tags, but a part of `{tag}`; it is compared with the whole tag, so write `.*` for the rest"
        ),
        None => "`allow` matches none of the tags".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::policy::Terms;
    use super::*;

    #[test]
    fn what_matches_no_tag_is_told() {
        let tags = ["1.4.2", "1.5.0-rc.1", "main-9f3c"].map(str::to_owned);
        let told = |allow: Option<&str>, ignore: &[&str], tags: &[String]| {
            let ignore: Vec<String> = ignore.iter().map(|glob| (*glob).to_owned()).collect();
            let terms = Terms {
                words: "minor",
                allow,
                ignore: &ignore,
                ..Terms::default()
            };
            Policy::new(terms).unwrap().idle(tags).join("\n")
        };
        for (allow, ignore, expected) in [
            (None, &[][..], ""),
            (Some(r"1\..*"), &["*-rc*"], ""),
            // A tag that `allow` leaves out counts for `ignore`, and so does one that an earlier glob leaves out.
            (Some(r"1\.\d+\.\d+"), &["*-rc*", "1.5.0-*", "main-*"], ""),
            (
                Some("v.*"),
                &["*-rc", "nightly"],
                "`allow` matches none of the tags\n\
                 `*-rc` of `ignore` matches none of the tags; a glob is compared with the whole tag\n\
                 `nightly` of `ignore` matches none of the tags; a glob is compared with the whole tag",
            ),
            (
                Some("^main-"),
                &[],
                "`allow` matches none of the tags, but a part of `main-9f3c`; it is compared with the whole tag, so write `.*` for the rest",
            ),
            (
                Some(r"rc\.\d"),
                &[],
                "`allow` matches none of the tags, but a part of `1.5.0-rc.1`; it is compared with the whole tag, so write `.*` for the rest",
            ),
        ] {
            assert_eq!(told(allow, ignore, &tags), expected, "{allow:?} {ignore:?}");
            assert_eq!(told(allow, ignore, &[]), "");
        }
    }
}
