//! Renovate: `packageRules`, `ignoreDeps` and switches for all images, as far as they are about images in manifests.
//!
//! With Renovate all rules that match an image count, a later one over an earlier one. Of policies the first that matches counts. So each
//! policy has all that the rules say of its images, and the most special one comes first. Nothing is opened by what cannot be read: where
//! a rule holds updates back and no policy says the same, its images follow their tags (`digest`).

use std::collections::BTreeSet;

use globset::{GlobBuilder, GlobMatcher};

use super::{Importer, Remark, Rule, Source, at, name_of, pattern, text_at};
use crate::engine::tree::{Scalar, Tree};
use crate::engine::version::{self, Terms};

/// The glob of all images.
pub(super) const ALL: &str = "**";
/// What is said where images without a rule get what Renovate does then.
pub(super) const DEFAULT: &str = "`'**': major` is what Renovate does with every image it reads. It reads manifests of Kubernetes, Argo CD and Tekton only where `managerFilePatterns` names their files: where it does not, give the entry `files`, or leave it out";
/// The managers that update images in manifests.
const MANAGERS: [&str; 6] = [
    "kubernetes",
    "kustomize",
    "helm-values",
    "flux",
    "argocd",
    "tekton",
];
/// Keys that say nothing of tags, or what imago does anyway.
const SILENT: [&str; 30] = [
    "addLabels",
    "additionalBranchPrefix",
    "assignees",
    "automerge",
    "automergeType",
    "branchName",
    "branchTopic",
    "commitMessageAction",
    "commitMessagePrefix",
    "commitMessageSuffix",
    "commitMessageTopic",
    "description",
    "groupName",
    "groupSlug",
    "ignoreTests",
    "labels",
    "pinDigests",
    "platformAutomerge",
    "prBodyNotes",
    "prCreation",
    "prPriority",
    "prTitle",
    "rangeStrategy",
    "recreateWhen",
    "reviewers",
    "schedule",
    "semanticCommitScope",
    "semanticCommitType",
    "separateMajorMinor",
    "separateMinorPatch",
];
/// Presets that pin digests.
const PINNING: [&str; 2] = ["config:best-practices", "docker:pinDigests"];
/// Keys that are read, beside those of [`NAMES`].
const READ: [&str; 12] = [
    "allowedVersions",
    "dependencyDashboardApproval",
    "enabled",
    "major",
    "matchDatasources",
    "matchFileNames",
    "matchManagers",
    "matchPaths",
    "matchUpdateTypes",
    "minor",
    "patch",
    "versioning",
];
/// Keys with names of images, and how Renovate writes each in `matchPackageNames` when it migrates settings.
const NAMES: [(&str, &str, &str); 12] = [
    ("matchPackageNames", "", ""),
    ("matchDepNames", "", ""),
    ("matchPackagePatterns", "/", "/"),
    ("matchDepPatterns", "/", "/"),
    ("matchPackagePrefixes", "", "{/,}**"),
    ("matchDepPrefixes", "", "{/,}**"),
    ("excludePackageNames", "!", ""),
    ("excludeDepNames", "!", ""),
    ("excludePackagePatterns", "!/", "/"),
    ("excludeDepPatterns", "!/", "/"),
    ("excludePackagePrefixes", "!", "{/,}**"),
    ("excludeDepPrefixes", "!", "{/,}**"),
];
/// Presets that switch kinds of updates off.
const PRESETS: [(&str, Kinds); 4] = [
    (":approveMajorUpdates", MAJOR),
    (":disableMajorUpdates", MAJOR),
    ("docker:disableMajor", MAJOR),
    ("docker:disable", EVERY),
];
/// Keys outside of rules that have no counterpart, and what to do.
const OUTSIDE: [(&str, &str); 7] = [
    (
        "extends",
        "presets are not read; look at what they say of docker",
    ),
    ("ignorePaths", "write them into `exclude` of the settings"),
    ("includePaths", "name these files when imago runs"),
    (
        "registryAliases",
        "`registry-map` of the settings sends questions to another host",
    ),
    ("minimumReleaseAge", "it has no counterpart"),
    ("customManagers", "it has no counterpart"),
    ("regexManagers", "it has no counterpart"),
];
/// So many comparisons of a rule with images and files are made at most.
const MOST: usize = 4_000_000;

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    changes: Vec<Change>,
    /// What holds images back that it names in a way that is not read.
    unknown: Option<Source>,
}

/// What a rule says of the images and files that it is for.
#[derive(Debug)]
struct Change {
    images: Globs,
    /// None for all files.
    files: Globs,
    effect: Effect,
    source: Source,
}

/// Names that match a list: one of the first globs, or any where there is none, and none of the second.
#[derive(Debug, Default)]
struct Globs {
    matched: Vec<Pattern>,
    left_out: Vec<Pattern>,
}

#[derive(Debug)]
struct Pattern {
    text: String,
    matcher: Option<GlobMatcher>,
}

/// What a rule does to the updates of its images.
#[derive(Debug, Default)]
struct Effect {
    /// Whether these kinds of updates are made, a later entry over an earlier one.
    enabled: Vec<(Kinds, bool)>,
    allowed: Option<String>,
    /// Whether it is for some updates of its images alone, and nobody knows which.
    is_partial: bool,
}

/// Kinds of updates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kinds {
    major: bool,
    minor: bool,
    patch: bool,
    digest: bool,
}

const EVERY: Kinds = Kinds {
    major: true,
    minor: true,
    patch: true,
    digest: true,
};
const MAJOR: Kinds = Kinds {
    major: true,
    ..NONE
};
const NONE: Kinds = Kinds {
    major: false,
    minor: false,
    patch: false,
    digest: false,
};

/// Reads the settings of a repository.
pub(super) fn read<'a, T: Tree<'a>>(settings: T, file: &str, importer: &mut Importer) {
    let managers = texts(settings, "enabledManagers");
    let no_managers = !managers.is_empty() && !names_ours(&managers, &MANAGERS);
    let is_off = |path: &[&str]| at(settings, path).map(T::scalar) == Some(Scalar::Bool(false));
    if no_managers || is_off(&["enabled"]) || is_off(&["docker", "enabled"]) {
        return;
    }
    let source = |node: Option<T>, what: &str| Source {
        file: file.to_owned(),
        line: node.and_then(T::line),
        what: what.to_owned(),
    };
    importer.default = Some(Rule {
        image: ALL.to_owned(),
        files: None,
        policy: "major".to_owned(),
        allow: None,
        ignore: Vec::new(),
        source: source(None, "what Renovate does without a rule"),
        folder: None,
    });
    for (key, advice) in OUTSIDE {
        if let Some(node) = settings.get(key) {
            importer.remark(&source(Some(node), key), advice);
        }
    }
    let mut for_all = |effect: Effect, source: Source| {
        if !effect.is_nothing() {
            importer.renovate.changes.push(Change {
                images: Globs::default(),
                files: Globs::default(),
                effect,
                source,
            });
        }
    };
    for preset in texts(settings, "extends") {
        if let Some((_, kinds)) = PRESETS.iter().find(|(name, _)| *name == preset) {
            let enabled = vec![(*kinds, false)];
            for_all(
                Effect {
                    enabled,
                    ..Effect::default()
                },
                source(settings.get("extends"), preset),
            );
        }
    }
    let sections = ["docker"].iter().chain(&MANAGERS);
    let sections = sections.filter_map(|name| Some((*name, settings.get(name)?)));
    for (name, section) in [("the settings", settings)].into_iter().chain(sections) {
        let mut effect = Effect::of_kinds(section);
        if section.get("dependencyDashboardApproval").map(T::scalar) == Some(Scalar::Bool(true)) {
            let tags = Kinds {
                digest: false,
                ..EVERY
            };
            effect.enabled.insert(0, (tags, false));
        }
        if MANAGERS.contains(&name) {
            // A policy is for the files of all managers.
            effect.enabled.retain(|(_, is_on)| !is_on);
        }
        let place = (name != "the settings").then_some(section);
        for_all(effect, source(place, name));
    }
    for manager in MANAGERS {
        if is_off(&[manager, "enabled"]) {
            let source = source(settings.get(manager), manager);
            let text = "it is switched off, while policies are for all files, so images without a rule follow their tags (`digest`)";
            importer.remark(&source, text);
            importer.renovate.unknown.get_or_insert(source);
        }
    }
    let rules = settings.get("packageRules").map(T::items);
    let rules = rules.unwrap_or_default();
    let mut parts = [settings].into_iter().chain(settings.get("docker"));
    let pins = |part: T| part.get("pinDigests").map(T::scalar) == Some(Scalar::Bool(true));
    importer.pins |= parts.any(pins)
        || rules.iter().copied().any(pins)
        || (texts(settings, "extends").iter()).any(|preset| PINNING.contains(preset));
    for (index, rule) in rules.into_iter().enumerate() {
        let first = rule.entries().first().map(|(_, node)| *node);
        let source = source(first, &format!("packageRules[{index}]"));
        read_rule(rule, &source, importer);
    }
    let ignored = texts(settings, "ignoreDeps");
    let ignored = ignored.into_iter().filter_map(name_of);
    let matched: Vec<Pattern> = ignored.map(Pattern::new).collect();
    if !matched.is_empty() {
        importer.renovate.changes.push(Change {
            images: Globs {
                matched,
                left_out: Vec::new(),
            },
            files: Globs::default(),
            effect: Effect {
                enabled: vec![(EVERY, false)],
                ..Effect::default()
            },
            source: source(settings.get("ignoreDeps"), "ignoreDeps"),
        });
    }
}

fn read_rule<'a, T: Tree<'a>>(rule: T, source: &Source, importer: &mut Importer) {
    let managers = texts(rule, "matchManagers");
    let selected = [
        selects(&texts(rule, "matchDatasources"), &["docker"]),
        selects(&managers, &MANAGERS),
    ];
    if selected.contains(&Some(false)) {
        return;
    }
    let mut effect = Effect::of_rule(rule);
    let holds_back = effect.holds_back();
    let mut remark = |text: &str| importer.remark(source, text);
    let names_twice =
        rule.get("matchPackageNames").is_some() && rule.get("matchDepNames").is_some();
    let keys = rule.entries();
    let unread = keys.iter().map(|(key, _)| *key).filter(|key| {
        let is_unclear = match *key {
            "matchDatasources" => selected[0].is_none(),
            "matchManagers" => selected[1].is_none(),
            "matchDepNames" => names_twice,
            key => !READ.contains(&key) && !NAMES.iter().any(|(name, ..)| *name == key),
        };
        is_unclear && !SILENT.contains(key)
    });
    for key in unread {
        let narrows = key.starts_with("match") || key.starts_with("exclude");
        effect.is_partial |= narrows;
        remark(&match (narrows, holds_back) {
            (false, _) => format!("`{key}` has no counterpart"),
            (true, false) => format!("`{key}` has no counterpart, so the rule is left out"),
            (true, true) => {
                format!("`{key}` has no counterpart, so its images follow their tags (`digest`)")
            }
        });
    }
    if rule.get("dependencyDashboardApproval").map(T::scalar) == Some(Scalar::Bool(true)) {
        remark(
            "`dependencyDashboardApproval`: nobody is asked here, so these updates are left out",
        );
    }
    match text_at(rule, &["versioning"]) {
        None | Some("docker") => {}
        Some(versioning) if versioning.starts_with("regex:") => remark(&format!(
            "`versioning: {versioning}`: a suffix stays as it is; write as `allow` with a group `version` what else moves"
        )),
        Some(versioning) => remark(&format!(
            "`versioning: {versioning}` has no counterpart: a tag keeps its shape"
        )),
    }
    let types = texts(rule, "matchUpdateTypes");
    let is_off = rule.get("enabled").map(T::scalar) == Some(Scalar::Bool(false));
    if is_off && !kinds(&types).moves_tags() {
        remark(&format!(
            "`matchUpdateTypes: [{}]` with `enabled: false` has no counterpart",
            types.join(", ")
        ));
    }
    if effect.is_nothing() || effect.is_partial && !holds_back {
        return;
    }
    let names = NAMES.iter().flat_map(|(key, before, after)| {
        let names = texts(rule, key).into_iter();
        names.map(move |name| format!("{before}{name}{after}"))
    });
    let names: Vec<String> = names.collect();
    let files = [texts(rule, "matchFileNames"), texts(rule, "matchPaths")].concat();
    let is_for_managers = names.is_empty() && files.is_empty() && !managers.is_empty();
    if is_for_managers && effect.enabled == [(EVERY, false)] {
        return remark("it switches Renovate off, which is right beside imago");
    }
    if !managers.is_empty() && !holds_back {
        return remark(
            "`matchManagers`: a policy is for the files of all managers, so the rule is left out",
        );
    }
    let mut is_unknown = false;
    let mut images = Globs::default();
    for name in &names {
        let (is_left_out, name) = negated(name);
        let list = match is_left_out {
            true => &mut images.left_out,
            false => &mut images.matched,
        };
        match self::images(name) {
            Some(globs) => list.extend(globs.into_iter().map(Pattern::new)),
            None => {
                remark(&format!(
                    "`{name}` is not a name or a glob of images{}",
                    match (is_left_out, holds_back) {
                        (false, true) =>
                            ", so images without an entry of their own follow their tags (`digest`)",
                        (false, false) => "",
                        (true, true) => ", so the rule is for these, too",
                        (true, false) => ", so the rule is left out",
                    }
                ));
                is_unknown |= !is_left_out;
                if is_left_out && !holds_back {
                    return;
                }
            }
        }
    }
    if is_unknown && holds_back {
        importer
            .renovate
            .unknown
            .get_or_insert_with(|| source.clone());
    }
    let has_names = names.iter().any(|name| !negated(name).0);
    if has_names && images.matched.is_empty() {
        return;
    }
    let mut in_files = Globs::default();
    for file in files {
        let (is_left_out, glob) = negated(file);
        if glob.starts_with('/') || !is_short(glob) {
            effect.is_partial = true;
            importer.remark(
                source,
                &match holds_back {
                    true => format!(
                        "`{file}` is no glob of files, so its images follow their tags (`digest`)"
                    ),
                    false => format!("`{file}` is no glob of files, so the rule is left out"),
                },
            );
            if !holds_back {
                return;
            }
            in_files = Globs::default();
            break;
        }
        let list = match is_left_out {
            true => &mut in_files.left_out,
            false => &mut in_files.matched,
        };
        // Without a `/` it is a file of the topmost folder, which policies write so.
        list.push(Pattern::new(match glob.contains('/') || glob == ALL {
            true => glob.to_owned(),
            false => format!("/{glob}"),
        }));
    }
    importer.renovate.changes.push(Change {
        images,
        files: in_files,
        effect,
        source: source.clone(),
    });
}

impl Effect {
    /// What `major: {enabled: false}` and its like say, in a rule or outside.
    fn of_kinds<'a, T: Tree<'a>>(node: T) -> Self {
        let mut effect = Self::default();
        for kind in ["major", "minor", "patch"] {
            let is = |key: &str| match at(node, &[kind, key]).map(T::scalar) {
                Some(Scalar::Bool(is)) => Some(is),
                _ => None,
            };
            let waits = is("dependencyDashboardApproval").and_then(|waits| waits.then_some(false));
            if let Some(is_on) = is("enabled").into_iter().chain(waits).last() {
                effect.enabled.push((kinds(&[kind]), is_on));
            }
        }
        effect
    }

    fn of_rule<'a, T: Tree<'a>>(rule: T) -> Self {
        let meant = kinds(&texts(rule, "matchUpdateTypes"));
        let mut effect = Self::of_kinds(rule);
        let is = |key: &str| match rule.get(key).map(T::scalar) {
            Some(Scalar::Bool(is)) if meant.moves_tags() => Some(is),
            _ => None,
        };
        let waits = is("dependencyDashboardApproval").and_then(|waits| {
            waits.then_some(Kinds {
                digest: false,
                ..meant
            })
        });
        if let Some(is_on) = is("enabled") {
            effect.enabled.insert(0, (meant, is_on));
        }
        effect.enabled.extend(waits.map(|kinds| (kinds, false)));
        effect.allowed = text_at(rule, &["allowedVersions"]).map(str::to_owned);
        effect
    }

    fn is_nothing(&self) -> bool {
        self.enabled.is_empty() && self.allowed.is_none()
    }

    fn holds_back(&self) -> bool {
        self.allowed.is_some() || self.enabled.iter().any(|(_, is_on)| !is_on)
    }
}

impl Kinds {
    fn moves_tags(self) -> bool {
        self.major || self.minor || self.patch
    }
}

/// The kinds of a list; all of them where it is empty.
fn kinds(types: &[&str]) -> Kinds {
    let has = |kind: &str| types.is_empty() || types.contains(&kind);
    Kinds {
        major: has("major"),
        minor: has("minor"),
        patch: has("patch"),
        digest: has("digest"),
    }
}

impl Pattern {
    fn new(text: String) -> Self {
        let glob = text.contains(['*', '?', '[', '{', '\\']).then(|| {
            let mut glob = GlobBuilder::new(&text);
            glob.literal_separator(true).build()
        });
        let matcher = glob.and_then(Result::ok).map(|glob| glob.compile_matcher());
        Self { text, matcher }
    }

    /// Whether it has all that another glob has.
    fn has(&self, other: &str) -> bool {
        let crosses = self.text.contains(ALL) || !other.contains(ALL);
        self.text == other
            || self.text == ALL
            || crosses && (self.matcher.as_ref()).is_some_and(|matcher| matcher.is_match(other))
    }
}

impl Globs {
    /// Whether all that a glob has matches, or all else where it is none.
    fn has(&self, other: Option<&str>) -> bool {
        let has = |list: &[Pattern]| {
            other.is_some_and(|other| list.iter().any(|pattern| pattern.has(other)))
        };
        (self.matched.is_empty() || has(&self.matched)) && !has(&self.left_out)
    }

    fn all(&self) -> impl Iterator<Item = &str> {
        let all = self.matched.iter().chain(&self.left_out);
        all.map(|pattern| &*pattern.text)
    }
}

impl Change {
    /// Whether it is for all images of a glob in these files; `None` are all files that no other glob has.
    fn is_for(&self, image: &str, files: Option<&str>) -> bool {
        self.images.has(Some(image)) && self.files.has(files)
    }
}

/// The rules, the most special first.
pub(super) fn rules(found: &Found, remarks: &mut Vec<Remark>) -> Vec<Rule> {
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
        let work = images.len() * files.len() * patterns;
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

/// A range as a regular expression for the tags that are below its end, with any suffix; none where it has no end. Where it starts says
/// nothing more, as nothing goes down. `None`: its end is not at a first or second number.
fn below(range: &str) -> Option<Option<String>> {
    let mut end: Option<(u32, u32)> = None;
    let comparisons = range.split([',', ' ']).filter(|text| !text.is_empty());
    for comparison in comparisons {
        let numbers = comparison.trim_start_matches(['<', '>', '=', '~', '^', 'v']);
        let operator = comparison[..comparison.len() - numbers.len()].trim_end_matches('v');
        let mut parts = [None; 3];
        for (index, text) in numbers.split('.').enumerate() {
            let number = match text {
                "x" | "X" | "*" => None,
                _ => Some(text.parse::<u32>().ok()?),
            };
            *parts.get_mut(index)? = number;
        }
        let this = match (operator, parts) {
            (">" | ">=", _) | ("" | "=", [None, ..]) => continue,
            ("<", [Some(major), minor, None | Some(0)]) => (major, minor.unwrap_or(0)),
            ("<=" | "" | "=" | "~", [Some(major), None, None]) => (major.checked_add(1)?, 0),
            ("^", [Some(major), ..]) if major > 0 => (major.checked_add(1)?, 0),
            ("<=" | "" | "=", [Some(major), Some(minor), None])
            | ("~", [Some(major), Some(minor), _]) => (major, minor.checked_add(1)?),
            _ => return None,
        };
        end = Some(end.map_or(this, |end| end.min(this)));
    }
    let Some((major, minor)) = end else {
        return Some(None);
    };
    let lower = major.checked_sub(1).map(up_to);
    let same = minor.checked_sub(1).map(up_to);
    let numbers = match (lower, same) {
        (None, None) => return None,
        (Some(lower), None) => lower?,
        (None, Some(same)) => format!("{major}\\.{}", same?),
        (Some(lower), Some(same)) => format!("(?:{}|{major}\\.{})", lower?, same?),
    };
    Some(Some(format!("v?{numbers}(?:[^0-9].*)?")))
}

/// A regular expression for the numbers from 0 to this one. `None`: it has more than two digits.
fn up_to(most: u32) -> Option<String> {
    match (most / 10, most % 10) {
        (0, 0) => Some("0".to_owned()),
        (0, ones) => Some(format!("[0-{ones}]")),
        (tens @ 1..=9, ones) => {
            let below = match tens - 1 {
                0 => String::new(),
                1 => "1[0-9]|".to_owned(),
                below => format!("[1-{below}][0-9]|"),
            };
            let last = match ones {
                0 => format!("{tens}0"),
                _ => format!("{tens}[0-{ones}]"),
            };
            Some(format!("(?:[0-9]|{below}{last})"))
        }
        _ => None,
    }
}

/// The globs of images that a name of a list stands for; none if no image has such a name. `None`: it is not known.
fn images(name: &str) -> Option<Vec<String>> {
    if name == "*" || name == ALL {
        return Some(vec![ALL.to_owned()]);
    }
    if !is_short(name) {
        return None;
    }
    let names = match (name.strip_prefix('/'), name.strip_suffix("{/,}**")) {
        (Some(regex), _) => of_regex(regex)?,
        (None, Some(start)) => vec![format!("{start}/**"), format!("{start}*")],
        (None, None) => vec![name.to_owned()],
    };
    Some(names.iter().filter_map(|name| image(name)).collect())
}

/// A glob of images. `None`: no image has such a name.
fn image(name: &str) -> Option<String> {
    if let Some(name) = name_of(name) {
        return Some(name);
    }
    let (first, rest) = name.split_once('/').unwrap_or((name, ""));
    // `@angular/**` is a package of npm, `org.example:**` one of Maven.
    if name.contains('@') || rest.contains(':') || rest.is_empty() && first.contains(':') {
        return None;
    }
    let is_registry = first.contains(['.', ':']) || first == "localhost" || first.contains('*');
    Some(match (is_registry, name.contains('/')) {
        (true, true) => name.to_owned(),
        (false, true) => format!("docker.io/{name}"),
        (_, false) => format!("docker.io/library/{name}"),
    })
}

/// Whether a glob is one that a person writes: a stranger's may cost more than its length.
fn is_short(glob: &str) -> bool {
    glob.len() <= 512 && glob.matches('{').count() <= 32
}

/// `^ghcr\.io\/shop\//` is `ghcr.io/shop/**`, `^nginx$/` is `nginx`. `None`: it says more than a name or the start of one that has its
/// registry.
fn of_regex(regex: &str) -> Option<Vec<String>> {
    let regex = regex
        .strip_suffix('/')
        .or_else(|| regex.strip_suffix("/i"))?;
    let regex = regex.strip_prefix('^')?;
    let (regex, is_whole) = match regex.strip_suffix('$') {
        Some(regex) => (regex, !regex.ends_with(".*")),
        None => (regex, false),
    };
    let regex = regex.strip_suffix(".*").unwrap_or(regex);
    let mut name = String::new();
    let mut letters = regex.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => name.push(letters.next().filter(|next| "./-_".contains(*next))?),
            '/' | '-' | '_' | ':' => name.push(letter),
            _ if letter.is_ascii_alphanumeric() => name.push(letter),
            _ => return None,
        }
    }
    match (is_whole, name.contains('/')) {
        (true, _) => Some(vec![name]),
        (false, true) if name.ends_with('/') => Some(vec![name + ALL]),
        (false, true) => Some(vec![format!("{name}*"), format!("{name}*/**")]),
        (false, false) => None,
    }
}

/// Whether a name of a list leaves out what it matches, and the name.
fn negated(name: &str) -> (bool, &str) {
    match name.strip_prefix('!') {
        Some(name) => (true, name),
        None => (false, name),
    }
}

/// Whether a list of names takes in one of ours, as an empty one does. `None`: nobody knows.
fn selects(names: &[&str], ours: &[&str]) -> Option<bool> {
    if names.is_empty() || names_ours(names, ours) {
        return Some(true);
    }
    let is_plain = |name: &&str| !name.contains(['!', '/', '*']);
    names.iter().all(is_plain).then_some(false)
}

fn names_ours(names: &[&str], ours: &[&str]) -> bool {
    names.iter().any(|name| ours.contains(name))
}

/// The texts of a list, or the one text in its place.
fn texts<'a, T: Tree<'a>>(node: T, key: &str) -> Vec<&'a str> {
    let Some(list) = node.get(key) else {
        return Vec::new();
    };
    match list.scalar() {
        Scalar::Text(text) => vec![text],
        _ => list
            .items()
            .into_iter()
            .filter_map(|item| item.scalar().text())
            .collect(),
    }
}
