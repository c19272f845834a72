//! Renovate: `packageRules`, `ignoreDeps` and switches for all images, as far as they are about images in manifests.
//!
//! With Renovate all rules that match an image count, a later one over an earlier one. Of policies the first that matches counts. So each
//! policy has all that the rules say of its images, and the most special one comes first. Nothing is opened by what cannot be read: where
//! a rule holds updates back and no policy says the same, its images follow their tags (`digest`).

mod effect;
mod globs;
mod managed;
mod merge;
mod range;

use super::{Importer, Rule, Source, name_of, text_at};
use crate::engine::tree::{Scalar, Tree};
use effect::{EVERY, Effect, Kinds, MAJOR, TAGS};
use globs::{Globs, Pattern};
use managed::MANAGERS;

pub(super) use merge::rules;

/// What is said of the files of the policies.
pub(super) const OF_FILES: &str = "Renovate's policies are for the files that it reads. Leave `files` out of an entry that is to be for all manifests";
/// Keys that say nothing of tags, or what imago does anyway.
const SILENT: [&str; 20] = [
    "addLabels",
    "additionalBranchPrefix",
    "additionalReviewers",
    "changelogUrl",
    "description",
    "draftPR",
    "fetchChangeLogs",
    "fetchReleaseNotes",
    "ignoreTests",
    "internalChecksFilter",
    "keepUpdatedLabel",
    "milestone",
    "minimumGroupSize",
    "pinDigests",
    "platformAutomerge",
    "rangeStrategy",
    "recreateWhen",
    "schedule",
    "stopUpdatingLabel",
    "timezone",
];
/// What keys begin with that are about branches and pull requests.
const OF_REQUESTS: [&str; 11] = [
    "assignee",
    "automerge",
    "branch",
    "commit",
    "group",
    "label",
    "pr",
    "rebase",
    "reviewer",
    "semantic",
    "separate",
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
const PRESETS: [(&str, Kinds); 5] = [
    (":approveMajorUpdates", MAJOR),
    (":dependencyDashboardApproval", TAGS),
    (":disableMajorUpdates", MAJOR),
    ("docker:disableMajor", MAJOR),
    ("docker:disable", EVERY),
];
/// What presets begin with that say nothing of images in manifests, or are read.
const OTHER_PRESETS: [&str; 21] = [
    ":assign",
    ":automerge",
    ":configMigration",
    ":dependencyDashboard",
    ":disableMajorUpdates",
    ":git",
    ":ignoreModulesAndTests",
    ":label",
    ":maintainLockFiles",
    ":pr",
    ":rebase",
    ":reviewer",
    ":semantic",
    ":separate",
    ":timezone",
    "docker:",
    "group:",
    "helpers:",
    "mergeConfidence:",
    "npm:",
    "schedule:",
];
/// Keys outside of rules that have no counterpart, and what to do.
const OUTSIDE: [(&str, &str); 5] = [
    ("includePaths", "name these files when imago runs"),
    (
        "registryAliases",
        "if they are mirrors, use `registry-map` of the settings",
    ),
    ("minimumReleaseAge", "imago takes a new tag at once"),
    ("customManagers", "imago does not read what they find"),
    ("regexManagers", "imago does not read what they find"),
];
/// Keys that hold images back, and are read in the place of rules alone, or of the settings themselves.
const HOLDING: [&str; 5] = [
    "allowedVersions",
    "force",
    "ignoreDeps",
    "ignorePaths",
    "packageRules",
];
/// Those of them that are read in the settings themselves.
const READ_OUTSIDE: [&str; 3] = ["ignoreDeps", "ignorePaths", "packageRules"];

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    changes: Vec<Change>,
    managed: managed::Managed,
    /// Policies for the files that are left out.
    ignored: Vec<Rule>,
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

/// Reads the settings of a repository.
pub(super) fn read<'a, T: Tree<'a>>(settings: T, file: &str, importer: &mut Importer) {
    let ours = MANAGERS.map(|(name, _)| name);
    let managers = texts(settings, "enabledManagers");
    let no_managers = !managers.is_empty() && !names_ours(&managers, &ours);
    let docker = settings.get("docker");
    let is_off = |node: T| is(node, "enabled", false);
    if no_managers || is_off(settings) || docker.is_some_and(is_off) {
        return;
    }
    let source = |node: Option<T>, what: &str| Source {
        file: file.to_owned(),
        line: node.and_then(T::line),
        what: what.to_owned(),
    };
    managed::read(settings, file, importer);
    managed::read_ignored(settings, file, importer);
    let presets = texts(settings, "extends");
    let is_unread = |preset: &&str| {
        let is_known = PRESETS.iter().any(|(known, _)| preset == known);
        !is_known && !OTHER_PRESETS.iter().any(|start| preset.starts_with(start))
    };
    let unread: Vec<String> = presets
        .iter()
        .copied()
        .filter(is_unread)
        .map(|preset| format!("`{preset}`"))
        .collect();
    if !unread.is_empty() {
        let text = format!(
            "presets are not read; look at what {} of images in manifests",
            match &unread[..] {
                [one] => format!("{one} says"),
                several => format!("{} say", several.join(", ")),
            }
        );
        importer.remark(&source(settings.get("extends"), "extends"), &text);
    }
    for (key, advice) in OUTSIDE {
        if let Some(node) = settings.get(key) {
            importer.remark(&source(Some(node), key), advice);
        }
    }
    let for_all = |effect: Effect, source: Source| Change {
        images: Globs::default(),
        files: Globs::default(),
        effect,
        source,
    };
    for (preset, kinds) in PRESETS.iter().filter(|(name, _)| presets.contains(name)) {
        let source = source(settings.get("extends"), preset);
        importer
            .renovate
            .changes
            .push(for_all(Effect::off(*kinds), source));
    }
    let of_docker = docker.map(|docker| ("docker", docker));
    for (name, section) in [("the settings", settings)].into_iter().chain(of_docker) {
        let source = source(docker.filter(|_| name == "docker"), name);
        importer
            .renovate
            .changes
            .push(for_all(Effect::of(section, &[]), source));
    }
    for (name, section) in MANAGERS
        .iter()
        .filter_map(|(name, _)| Some((*name, settings.get(name)?)))
    {
        let source = source(Some(section), name);
        // A policy is for the files of all managers.
        let mut effect = Effect::of(section, &[]);
        effect.enabled.retain(|(_, is_on)| !is_on);
        importer.renovate.changes.push(for_all(effect, source));
    }
    let of_managers = MANAGERS.map(|(name, _)| name).into_iter();
    let sections = ["docker", "major", "minor", "patch"].into_iter();
    let sections = sections.chain(of_managers);
    let sections = sections.filter_map(|name| Some((name, settings.get(name)?)));
    for (name, section) in [("", settings)].into_iter().chain(sections) {
        let is_read = |key: &str| name.is_empty() && READ_OUTSIDE.contains(&key);
        for key in HOLDING.into_iter().filter(|key| !is_read(key)) {
            let Some(node) = section.get(key) else {
                continue;
            };
            let source = source(Some(node), key);
            importer.remark(
                &source,
                "is not read here, so all images follow their tags (`digest`)",
            );
            let change = for_all(Effect::off(TAGS), source);
            importer.renovate.changes.push(change);
        }
    }
    let rules = settings.get("packageRules").map(T::items);
    let rules = rules.unwrap_or_default();
    let mut parts = [settings]
        .into_iter()
        .chain(docker)
        .chain(rules.iter().copied());
    importer.pins |= parts.any(|part| is(part, "pinDigests", true))
        || presets.iter().any(|preset| PINNING.contains(preset));
    for (index, rule) in rules.into_iter().enumerate() {
        let first = rule.entries().first().map(|(_, node)| *node);
        let source = source(first, &format!("packageRules[{index}]"));
        read_rule(rule, &source, importer);
    }
    let matched = texts(settings, "ignoreDeps")
        .into_iter()
        .filter_map(name_of);
    let matched: Vec<Pattern> = matched.map(Pattern::new).collect();
    if !matched.is_empty() {
        let source = source(settings.get("ignoreDeps"), "ignoreDeps");
        let mut change = for_all(Effect::off(EVERY), source);
        change.images.matched = matched;
        importer.renovate.changes.push(change);
    }
}

fn read_rule<'a, T: Tree<'a>>(rule: T, source: &Source, importer: &mut Importer) {
    let managers = texts(rule, "matchManagers");
    let selected = [
        selects(&texts(rule, "matchDatasources"), &["docker"]),
        selects(&managers, &MANAGERS.map(|(name, _)| name)),
    ];
    if selected.contains(&Some(false)) {
        return;
    }
    let mut effect = Effect::of_rule(rule);
    let becomes = match effect.holds_back() {
        true => "so its images follow their tags (`digest`)",
        false => "so the rule is left out",
    };
    for key in unread(rule, selected) {
        // What is not known may narrow a rule that opens.
        let narrows =
            key.starts_with("match") || key.starts_with("exclude") || !effect.holds_back();
        effect.is_partial |= narrows;
        let text = match narrows {
            true => format!("`{key}` has no counterpart, {becomes}"),
            false => format!("`{key}` has no counterpart"),
        };
        importer.remark(source, &text);
    }
    remark_what_changes(rule, source, importer);
    let files = [texts(rule, "matchFileNames"), texts(rule, "matchPaths")].concat();
    let (files, no_globs) = Globs::of_files(&files);
    for file in no_globs {
        effect.is_partial = true;
        importer.remark(
            source,
            &format!("`{file}` is not a glob of files, {becomes}"),
        );
    }
    if effect.is_nothing() || effect.is_partial && !effect.holds_back() {
        return;
    }
    let names: Vec<String> = NAMES
        .iter()
        .flat_map(|(key, before, after)| {
            let names = texts(rule, key).into_iter();
            names.map(move |name| format!("{before}{name}{after}"))
        })
        .collect();
    if !managers.is_empty() && !effect.holds_back() {
        let text =
            "`matchManagers`: a policy is for the files of all managers, so the rule is left out";
        return importer.remark(source, text);
    }
    if managed::switches_managers_off(rule) {
        let text = "it switches these managers off, so what they read gets no policy";
        return importer.hint(source, text);
    }
    let has_names = names.iter().any(|name| !name.starts_with('!'));
    let (images, unknown) = Globs::of_images(&names);
    for name in &unknown {
        let becomes = match (name.starts_with('!'), effect.holds_back()) {
            (false, true) => "so images without an entry of their own follow their tags (`digest`)",
            (false, false) => "so it is left out",
            (true, true) => "so the rule is for these, too",
            (true, false) => "so the rule is left out",
        };
        importer.remark(
            source,
            &format!("`{name}` is not a name or a glob of images, {becomes}"),
        );
    }
    if effect.holds_back() && unknown.iter().any(|name| !name.starts_with('!')) {
        importer
            .renovate
            .unknown
            .get_or_insert_with(|| source.clone());
    }
    let opens_too_much = !effect.holds_back() && unknown.iter().any(|name| name.starts_with('!'));
    if opens_too_much || has_names && images.matched.is_empty() {
        return;
    }
    importer.renovate.changes.push(Change {
        images,
        files,
        effect,
        source: source.clone(),
    });
}

/// The keys of a rule that say something of tags or images which is not read.
fn unread<'a, T: Tree<'a>>(rule: T, [datasources, managers]: [Option<bool>; 2]) -> Vec<&'a str> {
    let keys = rule.entries().into_iter().map(|(key, _)| key);
    let is_unread = |key: &&str| match *key {
        "matchDatasources" => datasources.is_none(),
        "matchManagers" => managers.is_none(),
        // An image has to match both.
        "matchDepNames" => rule.get("matchPackageNames").is_some(),
        key => {
            !READ.contains(&key)
                && !SILENT.contains(&key)
                && !OF_REQUESTS.iter().any(|start| key.starts_with(start))
                && !NAMES.iter().any(|(name, ..)| *name == key)
        }
    };
    keys.filter(is_unread).collect()
}

/// What keys that are read mean here, where that is not what Renovate makes of them.
fn remark_what_changes<'a, T: Tree<'a>>(rule: T, source: &Source, importer: &mut Importer) {
    if effect::waits(rule) {
        let text = "nobody is asked for an approval here, so these updates are left out";
        importer.remark(source, text);
    }
    match text_at(rule, &["versioning"]) {
        None | Some("docker") => {}
        Some(versioning) => importer.remark(
            source,
            &match versioning.starts_with("regex:") {
                true => format!(
                    "`versioning: {versioning}`: a suffix stays as it is; write as `allow` with a group `version` what else moves"
                ),
                false => format!("`versioning: {versioning}` has no counterpart: a tag keeps its shape"),
            },
        ),
    }
    let types = texts(rule, "matchUpdateTypes");
    if is(rule, "enabled", false) && !Kinds::of(&types).moves_tags() {
        let types = types.join(", ");
        let text =
            format!("`matchUpdateTypes: [{types}]` with `enabled: false` has no counterpart");
        importer.remark(source, &text);
    }
}

/// Whether a key has this value.
fn is<'a, T: Tree<'a>>(node: T, key: &str, value: bool) -> bool {
    node.get(key).map(T::scalar) == Some(Scalar::Bool(value))
}

/// Whether a list of names takes in one of ours, as an empty one does. `None`: nobody knows.
fn selects(names: &[&str], ours: &[&str]) -> Option<bool> {
    if names.is_empty() || names_ours(names, ours) {
        return Some(true);
    }
    let is_plain = |name: &&str| !name.contains(['!', '/', '*', '?', '[', '{']);
    names.iter().all(is_plain).then_some(false)
}

/// Renovate compares names whatever their case.
fn names_ours(names: &[&str], ours: &[&str]) -> bool {
    let is_ours = |name: &&str| ours.iter().any(|own| own.eq_ignore_ascii_case(name));
    names.iter().any(is_ours)
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

#[cfg(test)]
mod tests;
