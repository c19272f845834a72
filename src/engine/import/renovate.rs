//! Renovate: `packageRules` and `ignoreDeps`, as far as they are about images in manifests.
//!
//! With Renovate all rules that match an image count, a later one over an earlier one. Of policies the first that matches counts. So each
//! policy has all that the rules say of its images, and the most special one comes first.

use globset::Glob;

use super::{Importer, Remark, Rule, Source, at, name_of, pattern, text_at};
use crate::engine::tree::{Scalar, Tree};

/// The glob of all images.
pub(super) const ALL: &str = "**";
/// The managers that update images in manifests.
const MANAGERS: [&str; 7] = [
    "kubernetes",
    "kustomize",
    "helm-values",
    "flux",
    "argocd",
    "tekton",
    "helmv3",
];
/// Keys that say nothing of tags, or what imago does anyway.
const SILENT: [&str; 32] = [
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
    "dependencyDashboardApproval",
    "description",
    "groupName",
    "groupSlug",
    "ignoreTests",
    "ignoreUnstable",
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
/// Keys that are read.
const READ: [&str; 9] = [
    "allowedVersions",
    "enabled",
    "matchDatasources",
    "matchFileNames",
    "matchManagers",
    "matchPackageNames",
    "matchPaths",
    "matchUpdateTypes",
    "versioning",
];

/// What a rule says of the images and files that it is for.
#[derive(Clone, Debug)]
pub(super) struct Change {
    images: Vec<String>,
    /// Globs; none for all files.
    files: Vec<String>,
    /// Whether these kinds of updates are made, or whether any is.
    enabled: Option<(Kinds, bool)>,
    allowed: Option<String>,
    source: Source,
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

/// Reads the settings of a repository.
pub(super) fn read<'a, T: Tree<'a>>(settings: T, file: &str, importer: &mut Importer) {
    let managers = texts(settings, "enabledManagers");
    let no_managers = !managers.is_empty() && !names_ours(&managers, &MANAGERS);
    let is_off = |path: &[&str]| at(settings, path).map(T::scalar) == Some(Scalar::Bool(false));
    if no_managers || is_off(&["enabled"]) || is_off(&["docker", "enabled"]) {
        return;
    }
    let source = |node: Option<T>, what: String| Source {
        file: file.to_owned(),
        line: node.and_then(T::line),
        what,
    };
    importer.default = Some(Rule {
        image: ALL.to_owned(),
        files: None,
        policy: "major".to_owned(),
        allow: None,
        ignore: Vec::new(),
        source: source(None, "what Renovate does without a rule".to_owned()),
        folder: None,
    });
    let rules = settings.get("packageRules").map(T::items);
    let rules = rules.unwrap_or_default();
    let mut parts = [settings].into_iter().chain(settings.get("docker"));
    let pins = |part: T| part.get("pinDigests").map(T::scalar) == Some(Scalar::Bool(true));
    importer.pins |= parts.any(pins)
        || rules.iter().copied().any(pins)
        || (texts(settings, "extends").iter()).any(|preset| PINNING.contains(preset));
    for (index, rule) in rules.into_iter().enumerate() {
        let first = rule.entries().first().map(|(_, node)| *node);
        let source = source(first, format!("packageRules[{index}]"));
        read_rule(rule, &source, importer);
    }
    for name in texts(settings, "ignoreDeps") {
        let node = settings.get("ignoreDeps");
        if let Some(image) = name_of(name) {
            importer.renovate.push(Change {
                images: vec![image],
                files: Vec::new(),
                enabled: Some((EVERY, false)),
                allowed: None,
                source: source(node, "ignoreDeps".to_owned()),
            });
        }
    }
    for key in ["extends", "ignorePaths", "customManagers", "regexManagers"] {
        if let Some(node) = settings.get(key) {
            importer.remarks.push(Remark {
                source: source(Some(node), key.to_owned()),
                text: match key {
                    "extends" => "presets are not read; look at what they say of docker".to_owned(),
                    "ignorePaths" => "write them into `exclude` of the settings".to_owned(),
                    _ => "it has no counterpart".to_owned(),
                },
            });
        }
    }
}

fn read_rule<'a, T: Tree<'a>>(rule: T, source: &Source, importer: &mut Importer) {
    let (datasources, managers) = (
        texts(rule, "matchDatasources"),
        texts(rule, "matchManagers"),
    );
    if !datasources.is_empty() && !names_ours(&datasources, &["docker"])
        || !managers.is_empty() && !names_ours(&managers, &MANAGERS)
    {
        return;
    }
    let mut refuse = |text: String| {
        importer.remarks.push(Remark {
            source: source.clone(),
            text,
        });
    };
    let keys = rule.entries();
    let unread = keys
        .iter()
        .map(|(key, _)| *key)
        .filter(|key| !READ.contains(key) && !SILENT.contains(key));
    let mut narrows = false;
    for key in unread {
        narrows |= key.starts_with("match");
        refuse(match key.starts_with("match") {
            true => format!("`{key}` has no counterpart, so the rule is left out"),
            false => format!("`{key}` has no counterpart"),
        });
    }
    if narrows {
        return;
    }
    let (enabled, allowed) = match effect(rule) {
        Ok((None, None)) => return,
        Ok(effect) => effect,
        Err(text) => return refuse(text),
    };
    let names = texts(rule, "matchPackageNames");
    let files = [texts(rule, "matchFileNames"), texts(rule, "matchPaths")].concat();
    if names.is_empty()
        && files.is_empty()
        && !managers.is_empty()
        && enabled == Some((EVERY, false))
    {
        return refuse("it switches Renovate off, which is right beside imago".to_owned());
    }
    let mut images = Vec::new();
    for name in &names {
        match image(name) {
            Some(image) => images.push(image),
            None => refuse(format!(
                "`{name}` of `matchPackageNames` is not a name or a glob of images"
            )),
        }
    }
    if names.is_empty() {
        images.push(ALL.to_owned());
    }
    importer.renovate.push(Change {
        images,
        files: files.into_iter().map(str::to_owned).collect(),
        enabled,
        allowed,
        source: source.clone(),
    });
}

/// What a rule switches on or off, and `allowedVersions`.
type Effect = (Option<(Kinds, bool)>, Option<String>);

fn effect<'a, T: Tree<'a>>(rule: T) -> Result<Effect, String> {
    let types = texts(rule, "matchUpdateTypes");
    let has = |kind: &str| types.is_empty() || types.contains(&kind);
    let kinds = Kinds {
        major: has("major"),
        minor: has("minor"),
        patch: has("patch"),
        digest: has("digest"),
    };
    let is_none = !(kinds.major || kinds.minor || kinds.patch);
    let enabled = match rule.get("enabled").map(T::scalar) {
        Some(Scalar::Bool(false)) if is_none => {
            return Err(format!(
                "`matchUpdateTypes: [{}]` with `enabled: false` has no counterpart",
                types.join(", ")
            ));
        }
        Some(Scalar::Bool(is_on)) if !is_none => Some((kinds, is_on)),
        _ => None,
    };
    let versions = text_at(rule, &["allowedVersions"]);
    if let Some(versions) = versions.filter(|versions| versions.starts_with('!')) {
        return Err(format!(
            "`allowedVersions: {versions}`: write as globs into `ignore` what it leaves out"
        ));
    }
    match text_at(rule, &["versioning"]) {
        Some(versioning) if versioning.starts_with("regex:") => Err(format!(
            "`versioning: {versioning}`: write it as `allow` with a group `version`"
        )),
        _ => Ok((enabled, versions.map(str::to_owned))),
    }
}

/// The rules, the most special first.
pub(super) fn rules(changes: &[Change], remarks: &mut Vec<Remark>) -> Vec<Rule> {
    let mut targets: Vec<(&str, Option<&str>, &Source)> = Vec::new();
    for change in changes.iter().rev() {
        for image in &change.images {
            for files in change.files() {
                if !targets.iter().any(|it| (it.0, it.1) == (image, files)) {
                    targets.push((image, files, &change.source));
                }
            }
        }
    }
    targets.sort_by_key(|(image, files, _)| {
        let start = image.find(['*', '?', '[', '{']);
        (
            start.is_some(),
            start.map(|start| usize::MAX - start),
            files.is_none(),
        )
    });
    let rule = |(image, files, source): (&str, Option<&str>, &Source)| {
        let (policy, allow) = merged(changes, image, files).unwrap_or_else(|text| {
            let source = source.clone();
            remarks.push(Remark { source, text });
            ("digest".to_owned(), None)
        });
        Rule {
            image: image.to_owned(),
            files: files.map(str::to_owned),
            policy,
            allow,
            ignore: Vec::new(),
            source: source.clone(),
            folder: None,
        }
    };
    targets.into_iter().map(rule).collect()
}

impl Change {
    fn files(&self) -> impl Iterator<Item = Option<&str>> {
        let all = self.files.is_empty().then_some(None);
        all.into_iter()
            .chain(self.files.iter().map(|files| Some(&**files)))
    }

    /// Whether it is for all images of a glob in these files.
    fn is_for(&self, image: &str, files: Option<&str>) -> bool {
        let has = |glob: &String| {
            let matcher = Glob::new(glob).map(|glob| glob.compile_matcher());
            glob == image || glob == ALL || matcher.is_ok_and(|glob| glob.is_match(image))
        };
        self.images.iter().any(has) && self.files().any(|own| own.is_none() || own == files)
    }
}

/// The policy that all rules for an image come to, and its `allow`. `Err`: there is none.
fn merged(
    changes: &[Change],
    image: &str,
    files: Option<&str>,
) -> Result<(String, Option<String>), String> {
    let (mut on, mut allowed) = (EVERY, None);
    for change in changes.iter().filter(|change| change.is_for(image, files)) {
        if let Some((kinds, is_on)) = change.enabled {
            let set = |now: &mut bool, is_meant: bool| *now = if is_meant { is_on } else { *now };
            set(&mut on.major, kinds.major);
            set(&mut on.minor, kinds.minor);
            set(&mut on.patch, kinds.patch);
            set(&mut on.digest, kinds.digest);
        }
        allowed = change.allowed.as_deref().or(allowed);
    }
    let (word, parts) = match (on.major, on.minor, on.patch) {
        (true, true, true) => ("major", 0),
        (false, true, true) => ("minor", 1),
        (false, false, true) => ("patch", 2),
        (false, false, false) if on.digest => ("digest", 3),
        (false, false, false) => return Ok(("ignore".to_owned(), None)),
        _ => {
            return Err(format!(
                "no policy takes some kinds of updates and leaves smaller ones out; `{image}` gets `digest`"
            ));
        }
    };
    let regex = allowed.and_then(|text| text.strip_prefix('/')?.strip_suffix('/'));
    match (word, allowed, regex) {
        ("digest", ..) | (_, None, _) => Ok((word.to_owned(), None)),
        (_, _, Some(regex)) => Ok((word.to_owned(), Some(pattern::whole(regex)))),
        ("major", Some(range), None) => Ok((format!("semver {range}"), None)),
        (_, Some(range), None) if is_whole(range, parts) => Ok((word.to_owned(), None)),
        (_, Some(range), None) => Err(format!(
            "no policy is `{word}` within `allowedVersions: {range}`; `{image}` gets `digest`"
        )),
    }
}

/// Whether a range takes all versions that have the same first numbers, so many of them, or none: `<4` and `3.x` by one number.
fn is_whole(range: &str, parts: usize) -> bool {
    let is_whole = |comparison: &str| {
        let numbers = comparison.trim_start_matches(['<', '>', '=', '~', '^', 'v']);
        let operator = comparison[..comparison.len() - numbers.len()].trim_end_matches('v');
        let numbers: Vec<&str> = numbers.split('.').collect();
        let is_any = |number: &&&str| matches!(**number, "x" | "X" | "*");
        let written = numbers
            .iter()
            .position(|number| is_any(&number))
            .unwrap_or(numbers.len());
        match operator {
            "<" | ">=" => numbers
                .iter()
                .skip(parts)
                .all(|number| *number == "0" || is_any(&number)),
            "^" => numbers[0] != "0" && written <= parts,
            _ => written <= parts,
        }
    };
    let comparisons = range.split(['|', ',', ' ']);
    comparisons
        .filter(|comparison| !comparison.is_empty())
        .all(is_whole)
}

/// A name or a glob of Renovate's as one on whole names. `None`: it is a regular expression, or leaves out.
fn image(name: &str) -> Option<String> {
    if name == "*" || name == ALL {
        return Some(ALL.to_owned());
    }
    if name.starts_with(['/', '!']) {
        return None;
    }
    if let Some(name) = name_of(name) {
        return Some(name);
    }
    let first = name.split('/').next().unwrap_or_default();
    let is_registry = first.contains(['.', ':']) || first == "localhost" || first.contains('*');
    match (is_registry, name.contains('/')) {
        (true, true) => Some(name.to_owned()),
        (false, true) => Some(format!("docker.io/{name}")),
        (_, false) => Some(format!("docker.io/library/{name}")),
    }
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
