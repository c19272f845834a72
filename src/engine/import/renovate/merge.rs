//! The rules of Renovate put together, as policies of which the first counts.

use std::collections::BTreeSet;

use super::effect::EVERY;
use super::globs::ALL;
use super::range::below;
use super::{Change, Found};
use crate::engine::import::{Remark, Rule, Source, pattern};
use crate::engine::version::{self, Terms};

/// So many comparisons of a rule with images and files are made at most.
const MOST: usize = 4_000_000;

impl Change {
    /// Whether it is for all images of a glob in these files; `None` are all files that no other glob has.
    fn is_for(&self, image: &str, files: Option<&str>) -> bool {
        self.images.has(Some(image)) && self.files.has(files)
    }
}

/// The rules, the most special first.
pub(in crate::engine::import) fn rules(found: &Found, remarks: &mut Vec<Remark>) -> Vec<Rule> {
    let changes = &found.changes;
    let (mut images, mut seen) = (Vec::<(&str, &Source)>::new(), BTreeSet::new());
    let mut files: Vec<Option<&str>> = vec![None];
    let patterns: usize = (changes.iter())
        .map(|change| 1 + change.images.all().chain(change.files.all()).count())
        .sum();
    for change in changes.iter().rev() {
        let everything = change.images.matched.is_empty().then_some(ALL);
        for image in change.images.all().chain(everything) {
            if seen.insert((true, image)) {
                images.push((image, &change.source));
            }
        }
        for glob in change.files.all() {
            if seen.insert((false, glob)) {
                files.push(Some(glob));
            }
        }
        let work = images
            .len()
            .saturating_mul(files.len())
            .saturating_mul(patterns);
        if work > MOST {
            remarks.push(Remark {
                source: change.source.clone(),
                text: format!(
                    "{} rules with {patterns} names are too many to put together; write policies by hand, until then images follow their tags (`digest`)",
                    changes.len()
                ),
            });
            return vec![Rule {
                image: ALL.to_owned(),
                files: None,
                policy: "digest".to_owned(),
                allow: None,
                ignore: Vec::new(),
                source: change.source.clone(),
                folder: None,
            }];
        }
    }
    if let Some(source) = &found.unknown
        && !images.iter().any(|(image, _)| *image == ALL)
    {
        images.push((ALL, source));
    }
    let special = |glob: &str| {
        let start = glob.find(['*', '?', '[', '{']);
        (start.is_some(), start.map(|start| usize::MAX - start))
    };
    images.sort_by_key(|(image, _)| special(image));
    files.sort_by_key(|glob| (glob.is_none(), glob.map(special)));
    let mut rules = Vec::new();
    for (image, source) in images {
        let come_to = |files: Option<&str>| match merged(changes, image, files) {
            Ok(policy) if policy.policy == "ignore" => policy,
            _ if image == ALL && found.unknown.is_some() => Policy::of("digest"),
            Ok(policy) => policy,
            Err(text) => Policy {
                remark: Some(format!("{text}, so it follows its tag (`digest`)")),
                ..Policy::of("digest")
            },
        };
        let elsewhere = come_to(None);
        let concerned = |glob: &&str| {
            let is_for =
                |change: &Change| change.is_for(image, Some(*glob)) != change.is_for(image, None);
            changes.iter().any(is_for)
        };
        let within: Vec<&str> = files.iter().flatten().copied().filter(concerned).collect();
        let within = within
            .into_iter()
            .map(|glob| (Some(glob), come_to(Some(glob))));
        let mut within: Vec<_> = within.collect();
        // One before a wider one says something, even if it says what holds elsewhere.
        while within
            .last()
            .is_some_and(|(_, policy)| *policy == elsewhere)
        {
            within.pop();
        }
        for (files, policy) in within.into_iter().chain([(None, elsewhere)]) {
            remarks.extend(policy.remark.map(|text| Remark {
                source: source.clone(),
                text: format!("`{image}`: {text}"),
            }));
            rules.push(Rule {
                image: image.to_owned(),
                files: files.map(str::to_owned),
                policy: policy.policy,
                allow: policy.allow,
                ignore: Vec::new(),
                source: source.clone(),
                folder: None,
            });
        }
    }
    rules
}

/// What the rules for an image come to.
#[derive(Debug, PartialEq, Eq)]
struct Policy {
    policy: String,
    allow: Option<String>,
    remark: Option<String>,
}

impl Policy {
    fn of(policy: &str) -> Self {
        Self {
            policy: policy.to_owned(),
            allow: None,
            remark: None,
        }
    }
}

/// The policy that all rules for an image come to. `Err`: no policy says the same.
fn merged(changes: &[Change], image: &str, files: Option<&str>) -> Result<Policy, String> {
    let (mut on, mut allowed, mut is_partial) = (EVERY, None, false);
    for change in changes.iter().filter(|change| change.is_for(image, files)) {
        is_partial |= change.effect.is_partial;
        if change.effect.is_partial {
            continue;
        }
        for (kinds, is_on) in &change.effect.enabled {
            let set = |now: &mut bool, is_meant: bool| *now = if is_meant { *is_on } else { *now };
            set(&mut on.major, kinds.major);
            set(&mut on.minor, kinds.minor);
            set(&mut on.patch, kinds.patch);
            set(&mut on.digest, kinds.digest);
        }
        allowed = change.effect.allowed.as_deref().or(allowed);
    }
    let word = match (on.major, on.minor, on.patch) {
        (false, false, false) if !on.digest => return Ok(Policy::of("ignore")),
        _ if is_partial => return Ok(Policy::of("digest")),
        (true, true, true) => "major",
        (false, true, true) => "minor",
        (false, false, true) => "patch",
        (false, false, false) => "digest",
        _ => {
            let text = "no policy takes some kinds of updates and leaves smaller ones out";
            return Err(text.to_owned());
        }
    };
    let Some(allowed) = allowed.filter(|_| word != "digest") else {
        return Ok(Policy::of(word));
    };
    let unsaid = || format!("no policy is `{word}` within `allowedVersions: {allowed}`");
    let readable = |policy: Policy| {
        let read = version::Policy::new(Terms {
            words: &policy.policy,
            allow: policy.allow.as_deref(),
            ..Terms::default()
        });
        match read {
            Ok(_) => Ok(policy),
            Err(error) => Err(format!("{}: {error}", unsaid())),
        }
    };
    let allow = match allowed.strip_prefix('/') {
        Some(regex) => match (regex.strip_suffix('/'), regex.strip_suffix("/i")) {
            (Some(regex), _) => Some(pattern::whole(regex)),
            (_, Some(regex)) => Some(format!("(?i){}", pattern::whole(regex))),
            _ => return Err(unsaid()),
        },
        None if allowed.starts_with('!') || allowed.contains("{{") => return Err(unsaid()),
        None => match (below(allowed), word) {
            (Some(allow), _) => allow,
            (None, "major") => {
                return readable(Policy {
                    remark: Some(format!(
                        "`semver {allowed}` reads versions of three numbers alone; a tag with a suffix loses it, and other tags are held"
                    )),
                    ..Policy::of(&format!("semver {allowed}"))
                });
            }
            (None, _) => return Err(unsaid()),
        },
    };
    readable(Policy {
        allow,
        ..Policy::of(word)
    })
}
