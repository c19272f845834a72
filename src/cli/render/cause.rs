//! Problems by what causes them: images that fail for one reason at one host are one thing to a person.
//!
//! A registry that is down, or that limits us, fails each of its images with the same words. What stands in one group has one code, cause
//! and hint; the cause names the host. The report as data keeps each problem.

use std::collections::BTreeMap;

use super::counted;
use crate::app::report::{Place, Problem};
use crate::engine::code::Code;

/// Problems with one cause.
pub(super) struct Group<'a> {
    /// The first of them, whose words are those of all.
    pub(super) problem: &'a Problem,
    /// What failed, each with the places where it stands.
    pub(super) failed: Vec<Failed<'a>>,
}

/// One thing that failed.
pub(super) struct Failed<'a> {
    what: &'a str,
    pub(super) places: Vec<&'a Place>,
}

impl Group<'_> {
    /// What failed, in one line.
    pub(super) fn title(&self) -> String {
        match self.failed.len() {
            1 => self.problem.what.clone(),
            images => format!("cannot resolve {}", counted(images, "image")),
        }
    }
}

impl Failed<'_> {
    /// The image, where that is what failed.
    pub(super) fn image(&self) -> Option<&str> {
        image(self.what)
    }
}

/// The problems by cause, in the order in which each cause was met first.
pub(super) fn groups(problems: &[Problem]) -> Vec<Group<'_>> {
    let mut groups: Vec<Group<'_>> = Vec::new();
    let mut known = BTreeMap::new();
    let mut things = BTreeMap::new();
    for problem in problems {
        let group = *known.entry(key(problem)).or_insert_with(|| {
            groups.push(Group {
                problem,
                failed: Vec::new(),
            });
            groups.len() - 1
        });
        let failed = &mut groups[group].failed;
        let thing = *things
            .entry((group, problem.what.as_str()))
            .or_insert_with(|| {
                failed.push(Failed {
                    what: &problem.what,
                    places: Vec::new(),
                });
                failed.len() - 1
            });
        failed[thing].places.push(&problem.place);
    }
    groups
}

/// What problems of one group have in common.
fn key(problem: &Problem) -> (Code, String, Option<&str>, Option<&str>) {
    let Problem {
        code,
        what,
        cause,
        hint,
        ..
    } = problem;
    let hint = hint.as_deref();
    let Some(_) = image(what) else {
        return (*code, cause.clone(), hint, Some(what));
    };
    // The first images are refused with credentials, the others because those were refused. The hint names the host.
    if *code == Code::CredentialsRefused && hint.is_some_and(|hint| hint.contains('`')) {
        return (*code, String::new(), hint, None);
    }
    // How long a registry wants to be left alone differs from answer to answer, and the hint repeats it.
    if *code == Code::RateLimited {
        return (*code, without_seconds(cause), None, None);
    }
    (*code, cause.clone(), hint, None)
}

fn image(what: &str) -> Option<&str> {
    what.strip_prefix("cannot resolve `")?.strip_suffix('`')
}

/// The text without what follows `, and to come back in`.
fn without_seconds(cause: &str) -> String {
    cause
        .split(", and to come back in")
        .next()
        .unwrap_or(cause)
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(code: Code, image: &str, cause: &str, hint: &str) -> Problem {
        let what = format!("cannot resolve `{image}`");
        Problem {
            code,
            what,
            place: Place::default(),
            cause: cause.into(),
            hint: Some(hint.into()),
        }
    }

    fn titles(problems: &[Problem]) -> Vec<String> {
        groups(problems).iter().map(Group::title).collect()
    }

    #[test]
    fn images_with_one_cause_at_one_host_are_one_group() {
        let refused = |host: &str, image: &str| {
            problem(
                Code::ConnectionRefused,
                image,
                &format!("no connection to `{host}`"),
                "check that the registry is running",
            )
        };
        let problems = [
            refused("a.test", "a.test/x:1"),
            refused("b.test", "b.test/x:1"),
            refused("a.test", "a.test/y:1"),
        ];
        assert_eq!(
            titles(&problems),
            ["cannot resolve 2 images", "cannot resolve `b.test/x:1`"]
        );
        let other = Problem {
            what: "cannot read `a.yaml`".into(),
            ..problems[0].clone()
        };
        let more = Problem {
            what: "cannot read `b.yaml`".into(),
            ..problems[0].clone()
        };
        assert_eq!(
            titles(&[other, more]),
            ["cannot read `a.yaml`", "cannot read `b.yaml`"]
        );
    }

    #[test]
    fn credentials_that_were_refused_are_one_cause_with_those_that_are_not_tried_again() {
        let hint = "run `docker login reg.test`";
        let first = problem(
            Code::CredentialsRefused,
            "reg.test/a:1",
            "`reg.test` answered 401 Unauthorized",
            hint,
        );
        let later = problem(
            Code::CredentialsRefused,
            "reg.test/b:1",
            "the credentials were refused 3 times",
            hint,
        );
        assert_eq!(titles(&[first, later]), ["cannot resolve 2 images"]);
    }

    #[test]
    fn a_wait_that_differs_is_no_other_cause() {
        let wait = |image: &str, seconds: u32| {
            let cause = format!(
                "`reg.test` answered 429 Too Many Requests, and to come back in {seconds} s"
            );
            problem(
                Code::RateLimited,
                image,
                &cause,
                &format!("try again in {seconds} s"),
            )
        };
        assert_eq!(
            titles(&[wait("reg.test/a:1", 61), wait("reg.test/b:1", 60)]),
            ["cannot resolve 2 images"]
        );
    }
}
