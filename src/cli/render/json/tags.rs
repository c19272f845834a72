//! The tags of a repository for programs: version 1 of its format, under the rules of the report's.

use serde::Serialize;

use super::escaped;
use super::problem::ProblemV1;
use crate::app::report::Problem;
use crate::app::tags::{Listed, Standing, Tags, TagsRequest};
use crate::engine::code::Code;
use crate::engine::hold::Hold;

/// The tags as one JSON object, indented, with a newline at its end.
pub fn tags(tags: &Tags, request: &TagsRequest, problems: &[Problem]) -> String {
    escaped(
        &serde_json::to_string_pretty(&TagsV1::of(tags, request, problems))
            .expect("plain structures with string keys always serialize"),
    )
}

/// One list.
#[derive(Debug, Serialize)]
struct TagsV1<'a> {
    /// The version of this format: 1.
    version: u8,
    /// The image as it was typed.
    image: &'a str,
    /// Its repository, in full.
    repository: &'a str,
    /// The tag that it is on now.
    tag: &'a str,
    /// The policy, with all that decides.
    policy: Option<&'a str>,
    /// What the policy comes to; null without one, and where it is not known.
    choice: Option<ChoiceV1<'a>>,
    /// Every tag; with a policy, the candidates first, best first.
    tags: Vec<TagV1<'a>>,
    /// Why there is no list, or no choice.
    problems: Vec<ProblemV1<'a>>,
    /// What a person should know although it went on, one sentence each.
    warnings: &'a [String],
}

/// What a policy comes to.
#[derive(Debug, Serialize)]
struct ChoiceV1<'a> {
    /// The tag that the image goes to, or stays on.
    tag: &'a str,
    /// The digest of that tag.
    digest: String,
    /// What keeps the image on its tag.
    code: Option<&'static str>,
    /// The same in words.
    reason: Option<String>,
    /// How many tags the repository has.
    seen: Option<usize>,
    /// How many of them `allow` and `ignore` leave.
    allowed: Option<usize>,
    /// How many of those the policy can compare.
    understood: Option<usize>,
}

/// One tag.
#[derive(Debug, Serialize)]
struct TagV1<'a> {
    tag: &'a str,
    state: Option<&'static str>,
    reason: Option<String>,
}

impl<'a> TagsV1<'a> {
    fn of(tags: &'a Tags, request: &'a TagsRequest, problems: &'a [Problem]) -> Self {
        let choice = match (&tags.taken, &request.policy) {
            (Some(Ok((chosen, digest))), Some(policy)) => {
                let hold = chosen
                    .obstacle
                    .as_ref()
                    .map(|obstacle| Hold::by_policy(obstacle, request.lookup.tag(), policy.text()));
                Some(ChoiceV1 {
                    tag: &chosen.tag,
                    digest: digest.to_string(),
                    code: hold.as_ref().map(|hold| Code::as_str(hold.code)),
                    reason: hold.map(|hold| hold.reason.clone()),
                    seen: chosen.counts.map(|counts| counts.seen),
                    allowed: chosen.counts.map(|counts| counts.allowed),
                    understood: chosen.counts.map(|counts| counts.understood),
                })
            }
            _ => None,
        };
        Self {
            version: 1,
            image: &request.image,
            repository: request.lookup.name(),
            tag: request.lookup.tag(),
            policy: request.policy.as_ref().map(|policy| policy.text()),
            choice,
            tags: tags.listed.iter().flatten().map(TagV1::of).collect(),
            problems: problems.iter().map(ProblemV1::of).collect(),
            warnings: &tags.warnings,
        }
    }
}

impl<'a> TagV1<'a> {
    fn of(Listed { tag, standing }: &'a Listed) -> Self {
        let (state, reason) = match standing {
            Standing::Unjudged => (None, None),
            Standing::Winner => (Some("winner"), None),
            Standing::Candidate => (Some("candidate"), None),
            Standing::Gone => (Some("gone"), None),
            Standing::Other(reason) => (Some("other"), Some(reason.to_string())),
        };
        Self { tag, state, reason }
    }
}
