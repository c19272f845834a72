//! Renovate: `packageRules`, `ignoreDeps` and switches for all images, as far as they are about images in manifests.
//!
//! With Renovate all rules that match an image count, a later one over an earlier one. Of policies the first that matches counts. So each
//! policy has all that the rules say of its images, and the most special one comes first. Nothing is opened by what cannot be read: where
//! a rule holds updates back and no policy says the same, its images follow their tags (`digest`).

mod effect;
mod globs;
mod merge;
mod range;

use super::{Importer, Rule, Source, name_of, text_at};
use crate::engine::tree::{Scalar, Tree};
use effect::{EVERY, Effect, Kinds, MAJOR};
use globs::{Globs, Pattern};

pub(super) use globs::ALL;
pub(super) use merge::rules;

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

/// Reads the settings of a repository.
pub(super) fn read<'a, T: Tree<'a>>(settings: T, file: &str, importer: &mut Importer) {
    let managers = texts(settings, "enabledManagers");
    let no_managers = !managers.is_empty() && !names_ours(&managers, &MANAGERS);
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
    let for_all = |effect: Effect, source: Source| Change {
        images: Globs::default(),
        files: Globs::default(),
        effect,
        source,
    };
    let presets = texts(settings, "extends");
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
        .filter_map(|name| Some((*name, settings.get(name)?)))
    {
        let source = source(Some(section), name);
        // A policy is for the files of all managers.
        let mut effect = Effect::of(section, &[]);
        effect.enabled.retain(|(_, is_on)| !is_on);
        importer
            .renovate
            .changes
            .push(for_all(effect, source.clone()));
        if is_off(section) {
            let text = "it is switched off, while policies are for all files, so images without a rule follow their tags (`digest`)";
            importer.remark(&source, text);
            importer.renovate.unknown.get_or_insert(source);
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
        selects(&managers, &MANAGERS),
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
        let narrows = key.starts_with("match") || key.starts_with("exclude");
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
        importer.remark(source, &format!("`{file}` is no glob of files, {becomes}"));
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
    let is_for_all = names.is_empty() && files.all().next().is_none();
    if is_for_all && !managers.is_empty() && effect.enabled == [(EVERY, false)] {
        let text = "it switches Renovate off, which is right beside imago";
        return importer.remark(source, text);
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
                && !NAMES.iter().any(|(name, ..)| *name == key)
        }
    };
    keys.filter(is_unread).collect()
}

/// What keys that are read mean here, where that is not what Renovate makes of them.
fn remark_what_changes<'a, T: Tree<'a>>(rule: T, source: &Source, importer: &mut Importer) {
    if is(rule, "dependencyDashboardApproval", true) {
        let text =
            "`dependencyDashboardApproval`: nobody is asked here, so these updates are left out";
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

#[cfg(test)]
mod tests;
