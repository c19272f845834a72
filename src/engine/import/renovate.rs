//! Renovate: `packageRules` and `ignoreDeps`, as far as they are about images in manifests.

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
    });
    let rules = settings.get("packageRules").map(T::items);
    for (index, rule) in rules.unwrap_or_default().into_iter().enumerate() {
        let first = rule.entries().first().map(|(_, node)| *node);
        let source = source(first, format!("packageRules[{index}]"));
        read_rule(rule, &source, importer);
    }
    for name in texts(settings, "ignoreDeps") {
        let node = settings.get("ignoreDeps");
        if let Some(image) = name_of(name) {
            importer.renovate.push(Rule {
                image,
                files: None,
                policy: "ignore".to_owned(),
                allow: None,
                ignore: Vec::new(),
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
    let (policy, allow) = match effect(rule) {
        Ok(Some(effect)) => effect,
        Ok(None) => return,
        Err(text) => return refuse(text),
    };
    let names = texts(rule, "matchPackageNames");
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
    let mut files: Vec<Option<&str>> = [texts(rule, "matchFileNames"), texts(rule, "matchPaths")]
        .concat()
        .into_iter()
        .map(Some)
        .collect();
    if files.is_empty() {
        files.push(None);
    }
    for image in &images {
        for file in &files {
            importer.renovate.push(Rule {
                image: image.clone(),
                files: file.map(str::to_owned),
                policy: policy.clone(),
                allow: allow.clone(),
                ignore: Vec::new(),
                source: source.clone(),
            });
        }
    }
}

/// The policy of a rule and its `allow`. `Ok(None)`: it says nothing of tags.
fn effect<'a, T: Tree<'a>>(rule: T) -> Result<Option<(String, Option<String>)>, String> {
    let is_off = rule.get("enabled").map(T::scalar) == Some(Scalar::Bool(false));
    let kinds = texts(rule, "matchUpdateTypes");
    let versions = text_at(rule, &["allowedVersions"]);
    if is_off {
        let has = |kind: &str| kinds.contains(&kind);
        return match (has("major"), has("minor"), has("patch")) {
            _ if kinds.is_empty() => Ok(Some(("ignore".to_owned(), None))),
            (true, true, true) => Ok(Some(("digest".to_owned(), None))),
            (true, true, false) => Ok(Some(("patch".to_owned(), None))),
            (true, false, false) => Ok(Some(("minor".to_owned(), None))),
            _ => Err(format!(
                "`matchUpdateTypes: [{}]` with `enabled: false` has no counterpart",
                kinds.join(", ")
            )),
        };
    }
    if let Some(versions) = versions {
        if let Some(regex) = versions
            .strip_prefix('/')
            .and_then(|regex| regex.strip_suffix('/'))
        {
            return Ok(Some(("major".to_owned(), Some(pattern::whole(regex)))));
        }
        if versions.starts_with('!') {
            return Err(format!(
                "`allowedVersions: {versions}`: write as globs into `ignore` what it leaves out"
            ));
        }
        return Ok(Some((format!("semver {versions}"), None)));
    }
    match text_at(rule, &["versioning"]) {
        Some(versioning) if versioning.starts_with("regex:") => Err(format!(
            "`versioning: {versioning}`: write it as `allow` with a group `version`"
        )),
        _ => Ok(None),
    }
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
