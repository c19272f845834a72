//! The rules of Renovate put together, as policies of which the first counts.

use std::collections::BTreeSet;

use super::effect::EVERY;
use super::globs::{ALL, Pattern, Places, Reach, nested_first, placed};
use super::range::below;
use super::{Change, Found};
use crate::engine::import::{Remark, Rule, Source, pattern};
use crate::engine::version::{self, Terms};

/// So many comparisons of a rule with images and files are made at most.
const MOST: usize = 4_000_000;

impl Change {
    /// How much of these images in these files it is for.
    fn reach(&self, (image, files): Cell<'_>, places: &[Places<'_>; 2]) -> Reach {
        let images = self.images.reach(Some(image), &places[0]);
        images.min(self.files.reach(files, &places[1]))
    }
}

/// The images of a glob in the files of another one; `None` are all files that no other glob has.
type Cell<'g> = (&'g Pattern, Option<&'g Pattern>);

/// The rules for the files that Renovate reads, the most special first.
pub(in crate::engine::import) fn rules(found: &Found, remarks: &mut Vec<Remark>) -> Vec<Rule> {
    let rules = together(found, remarks).into_iter();
    let read = rules.filter_map(|rule| found.managed.narrowed(rule, remarks));
    found.ignored.iter().cloned().chain(read).collect()
}

fn together(found: &Found, remarks: &mut Vec<Remark>) -> Vec<Rule> {
    let changes = &found.changes;
    let all = Pattern::new(ALL.to_owned());
    let (mut images, mut seen) = (Vec::<(&Pattern, &Source)>::new(), BTreeSet::new());
    let mut files: Vec<&Pattern> = Vec::new();
    let patterns: usize = (changes.iter())
        .map(|change| 1 + change.images.all().chain(change.files.all()).count())
        .sum();
    for change in changes.iter().rev() {
        let everything = change.images.matched.is_empty().then_some(&all);
        for image in change.images.all().chain(everything) {
            if seen.insert((true, image.text())) {
                images.push((image, &change.source));
            }
        }
        for glob in change.files.all() {
            if seen.insert((false, glob.text())) {
                files.push(glob);
            }
        }
        let work = images
            .len()
            .saturating_mul(files.len() + 1)
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
        && !images.iter().any(|(image, _)| image.text() == ALL)
    {
        images.push((&all, source));
    }
    let special = |glob: &Pattern| {
        let start = glob.text().find(['*', '?', '[', '{']);
        (start.is_some(), start.map(|start| usize::MAX - start))
    };
    images.sort_by_key(|(image, _)| special(image));
    files.sort_by_key(|glob| special(glob));
    let images = nested_first(images, |(image, _)| image);
    let files = nested_first(files, |glob| glob);
    let places = [
        placed(images.iter().map(|(image, _)| *image)),
        placed(files.iter().copied()),
    ];
    let (mut rules, mut overlaps) = (Vec::new(), BTreeSet::new());
    for (image, source) in images {
        let mut come_to =
            |files: Option<&Pattern>| match merged(changes, (image, files), &places, &mut overlaps)
            {
                Ok(policy) if policy.policy == "ignore" => policy,
                _ if image.text() == ALL && found.unknown.is_some() => Policy::of("digest"),
                Ok(policy) => policy,
                Err(text) => Policy {
                    remark: Some(format!("{text}, so it follows its tag (`digest`)")),
                    ..Policy::of("digest")
                },
            };
        let elsewhere = come_to(None);
        let concerned = |glob: &&Pattern| {
            let [here, elsewhere] = [Some(*glob), None].map(|files| (image, files));
            let is_for =
                |change: &Change| change.reach(here, &places) != change.reach(elsewhere, &places);
            changes.iter().any(is_for)
        };
        let within: Vec<&Pattern> = files.iter().copied().filter(concerned).collect();
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
                text: format!("`{}`: {text}", image.text()),
            }));
            rules.push(Rule {
                image: image.text().to_owned(),
                files: files.map(|files| files.text().to_owned()),
                policy: policy.policy,
                allow: policy.allow,
                ignore: Vec::new(),
                source: source.clone(),
                folder: None,
            });
        }
    }
    remarks.extend(overlaps.into_iter().map(|(index, glob)| Remark {
        source: changes[index].source.clone(),
        text: format!("it is for some of `{glob}` alone, which no policy can name: what it holds back is held back for all of `{glob}`"),
    }));
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

/// The policy that all rules for an image come to. Of one that is for a part of the images or files, only what it holds back counts, and it is
/// noted with the glob. `Err`: no policy says the same.
fn merged(
    changes: &[Change],
    cell: Cell<'_>,
    places: &[Places<'_>; 2],
    overlaps: &mut BTreeSet<(usize, String)>,
) -> Result<Policy, String> {
    let (mut on, mut allowed, mut is_partial) = (EVERY, None, false);
    for (index, change) in changes.iter().enumerate() {
        let (effect, is_part) = match change.reach(cell, places) {
            Reach::None => continue,
            reach => (&change.effect, reach == Reach::Part),
        };
        let before = (on, is_partial);
        is_partial |= match is_part {
            true => effect.holds_back() && (effect.is_partial || effect.allowed.is_some()),
            false => effect.is_partial,
        };
        for (kinds, is_on) in effect.enabled.iter().filter(|_| !effect.is_partial) {
            let set = |now: &mut bool, is_meant: bool| {
                *now = if is_meant && !(is_part && *is_on) {
                    *is_on
                } else {
                    *now
                };
            };
            set(&mut on.major, kinds.major);
            set(&mut on.minor, kinds.minor);
            set(&mut on.patch, kinds.patch);
            set(&mut on.digest, kinds.digest);
        }
        match is_part {
            false if effect.is_partial => {}
            false => allowed = effect.allowed.as_deref().or(allowed),
            true if before != (on, is_partial) => {
                let (image, files) = cell;
                let is_of_files = change.images.reach(Some(image), &places[0]) == Reach::All;
                let glob = files.filter(|_| is_of_files).unwrap_or(image);
                overlaps.insert((index, glob.text().to_owned()));
            }
            true => {}
        }
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
