//! The files that Renovate reads. It says nothing of others, so its policies are for these alone.

use super::globs::{ALL, Pattern, is_short};
use super::{is, texts};
use crate::engine::import::pattern::without_end;
use crate::engine::import::{Importer, Remark, Rule, Source};
use crate::engine::tree::Tree;

/// The managers that update images in manifests, and what each reads where the settings name no files.
pub(super) const MANAGERS: [(&str, &[&str]); 6] = [
    ("kubernetes", &[]),
    (
        "kustomize",
        &["**/kustomization.yaml", "**/kustomization.yml"],
    ),
    ("helm-values", &["**/values.yaml", "**/values.yml"]),
    ("flux", &[]),
    ("argocd", &[]),
    ("tekton", &[]),
];
/// Presets that leave folders out.
const RECOMMENDED: [&str; 6] = [
    ":ignoreModulesAndTests",
    "config:base",
    "config:best-practices",
    "config:js-app",
    "config:js-lib",
    "config:recommended",
];
/// The folders that they leave out.
const LEFT_OUT: &str =
    "**/{__fixtures__,__tests__,bower_components,examples,node_modules,test,tests,vendor}/**";

/// Globs of the files that are read.
#[derive(Debug, Default)]
pub(super) struct Managed(Vec<Pattern>);

/// What of the files of a policy is read.
enum Part {
    Glob(String),
    Nothing,
    Unknown,
}

/// Reads which files the managers read.
pub(super) fn read<'a, T: Tree<'a>>(settings: T, file: &str, importer: &mut Importer) {
    let enabled = texts(settings, "enabledManagers");
    let rules = settings.get("packageRules").map(T::items);
    let rules = rules.unwrap_or_default().into_iter();
    let off = rules.filter(|rule| switches_managers_off(*rule));
    let off: Vec<&str> = off.flat_map(|rule| texts(rule, "matchManagers")).collect();
    for (name, read) in MANAGERS {
        let section = settings.get(name);
        let is_off = section.is_some_and(|section| is(section, "enabled", false));
        let is_off = is_off || off.contains(&name);
        if is_off || !enabled.is_empty() && !enabled.contains(&name) {
            continue;
        }
        let read = read.iter().map(|glob| Pattern::new((*glob).to_owned()));
        importer.renovate.managed.0.extend(read);
        for key in ["managerFilePatterns", "fileMatch"] {
            let patterns = section.map(|section| texts(section, key));
            for pattern in patterns.unwrap_or_default() {
                let slashed = pattern.strip_prefix('/');
                let slashed = slashed.and_then(|pattern| pattern.strip_suffix('/'));
                let glob = match slashed.or_else(|| (key == "fileMatch").then_some(pattern)) {
                    Some(regex) => of_regex(regex),
                    None => is_plain(pattern).then(|| pattern.to_owned()),
                };
                if let Some(glob) = glob {
                    importer.renovate.managed.0.push(Pattern::new(glob));
                    continue;
                }
                let source = Source {
                    file: file.to_owned(),
                    line: section.and_then(|section| section.get(key)?.line()),
                    what: name.to_owned(),
                };
                let text = format!(
                    "`{pattern}` of `{key}` is not a simple pattern, so its files get no policy; write entries with `files` for them"
                );
                importer.remark(&source, &text);
            }
        }
    }
}

/// Whether a rule is about managers alone, and says of them that they do nothing.
pub(super) fn switches_managers_off<'a, T: Tree<'a>>(rule: T) -> bool {
    let is_about_managers = |(key, _): &(_, T)| match *key {
        "matchManagers" | "enabled" | "description" => true,
        // Images have no other.
        key => key == "matchDatasources" && texts(rule, key).contains(&"docker"),
    };
    !texts(rule, "matchManagers").is_empty()
        && is(rule, "enabled", false)
        && rule.entries().iter().all(is_about_managers)
}

/// Reads which files nothing reads: they are left as they are.
pub(super) fn read_ignored<'a, T: Tree<'a>>(settings: T, file: &str, importer: &mut Importer) {
    let (paths, presets) = (settings.get("ignorePaths"), texts(settings, "extends"));
    let recommended = || presets.iter().find(|preset| RECOMMENDED.contains(preset));
    let source = |node: Option<T>, what: &str| Source {
        file: file.to_owned(),
        line: node.and_then(T::line),
        what: what.to_owned(),
    };
    let (source, globs) = match (paths, recommended()) {
        (Some(_), _) => {
            let source = source(paths, "ignorePaths");
            let mut globs = Vec::new();
            for path in texts(settings, "ignorePaths") {
                match path.contains(['*', '?', '[', '{']) {
                    _ if !is_plain(path) => {
                        importer.remark(&source, &format!("`{path}` is not a glob of files; write it into `exclude` of the settings"));
                    }
                    true => globs.push(path.to_owned()),
                    // It may stand anywhere in a path.
                    false if path.ends_with('/') => globs.push(format!("**/*{path}**")),
                    false => globs.push(format!("**/*{path}*")),
                }
            }
            (source, globs)
        }
        (None, Some(preset)) => (
            source(settings.get("extends"), preset),
            vec![LEFT_OUT.to_owned()],
        ),
        (None, None) => return,
    };
    if !globs.is_empty() {
        importer.renovate.ignored.push(Rule {
            image: ALL.to_owned(),
            files: Some(joined(&globs)),
            policy: "ignore".to_owned(),
            allow: None,
            ignore: Vec::new(),
            source,
            folder: None,
        });
    }
}

impl Managed {
    /// A policy for the part of its files that is read. `None`: none of them is.
    pub(super) fn narrowed(&self, mut rule: Rule, remarks: &mut Vec<Remark>) -> Option<Rule> {
        // What leaves an image as it is opens nothing.
        if rule.policy == "ignore" {
            return Some(rule);
        }
        match self.part_of(rule.files.as_deref().unwrap_or(ALL)) {
            Part::Glob(files) => rule.files = Some(files),
            Part::Nothing => return None,
            Part::Unknown => {
                let files = rule.files.as_deref().unwrap_or_default();
                let text = format!(
                    "`{files}`: no glob says which of these files Renovate reads, so their images follow their tags (`digest`)"
                );
                remarks.push(Remark::new(&rule.source, &text));
                rule.policy = "digest".to_owned();
                rule.allow = None;
            }
        }
        Some(rule)
    }

    fn part_of(&self, files: &str) -> Part {
        let glob = Pattern::new(files.to_owned());
        if self.0.iter().any(|read| read.has(&glob)) {
            return Part::Glob(files.to_owned());
        }
        let folder = files.strip_suffix(ALL);
        let folder = folder.filter(|folder| folder.is_empty() || folder.ends_with('/'));
        let (mut parts, mut is_known) = (Vec::new(), true);
        for read in &self.0 {
            match (folder, read.text().starts_with("**/")) {
                (Some(folder), true) => parts.push(format!("{folder}{}", read.text())),
                _ if glob.has(read) => parts.push(read.text().to_owned()),
                _ => is_known &= !glob.may_meet(read),
            }
        }
        match parts.is_empty() {
            _ if !is_known => Part::Unknown,
            true => Part::Nothing,
            false => Part::Glob(joined(&parts)),
        }
    }
}

/// Globs as one.
fn joined(globs: &[String]) -> String {
    let [first, others @ ..] = globs else {
        return String::new();
    };
    let is_common = |at: &usize| {
        others
            .iter()
            .all(|glob| glob.get(..*at) == first.get(..*at))
    };
    let common = first.match_indices('/').map(|(at, _)| at + 1);
    let mut common = common.filter(|_| !globs.iter().any(|glob| glob.contains('{')));
    let common = common.rfind(is_common).unwrap_or(0);
    let ends: Vec<&str> = globs.iter().map(|glob| &glob[common..]).collect();
    let glob = match others.is_empty() {
        true => first.clone(),
        false => format!("{}{{{}}}", &first[..common], ends.join(",")),
    };
    // Without a `/` it would be for the files of any folder.
    match glob.contains('/') {
        true => glob,
        false => format!("/{glob}"),
    }
}

fn is_plain(glob: &str) -> bool {
    is_short(glob) && !glob.starts_with(['/', '!']) && !glob.contains([',', '(', '\\'])
}

/// A simple regular expression that is looked for in paths, as a glob: `(^|/)deploy\.ya?ml$` is `**/deploy.{yaml,yml}`. `None`: it is not
/// simple.
fn of_regex(regex: &str) -> Option<String> {
    let regex = regex.replace("\\/", "/").replace("(?:", "(");
    let (start, rest) = match (regex.strip_prefix('^'), regex.strip_prefix("(^|/)")) {
        (Some(rest), _) => ("", rest),
        (None, Some(rest)) => ("**/", rest),
        (None, None) => ("**/*", &*regex),
    };
    let (mut rest, end) = match without_end(rest, "$") {
        Some(rest) => (rest, ""),
        None if rest.ends_with('/') => (rest, ALL),
        None => (rest, "*"),
    };
    let mut glob = start.to_owned();
    while let Some(letter) = rest.chars().next() {
        let strip = |starts: &[&str]| starts.iter().find_map(|start| rest.strip_prefix(start));
        let (part, left) =
            if let Some(left) = strip(&["ya?ml", "y(a)?ml", "(yaml|yml)", "(yml|yaml)"]) {
                ("{yaml,yml}".to_owned(), left)
            } else if let Some(left) = strip(&[".+", ".*"]) {
                // It crosses folders.
                match glob.is_empty() || glob.ends_with('/') {
                    true => ("**/*".to_owned(), left),
                    false if glob == "**/*" => (String::new(), left),
                    false => return None,
                }
            } else if let Some(left) = strip(&["[^/]+", "[^/]*"]) {
                ("*".to_owned(), left)
            } else if let Some(left) = strip(&["\\.", "\\-"]) {
                (rest[1..2].to_owned(), left)
            } else if letter.is_ascii_alphanumeric() || matches!(letter, '/' | '-' | '_') {
                (letter.to_string(), &rest[1..])
            } else {
                return None;
            };
        if left.starts_with(['?', '*', '+', '{', '|']) {
            return None;
        }
        glob.push_str(&part);
        rest = left;
    }
    let is_all = end == "*" && glob == "**/*";
    Some(if is_all { glob } else { glob + end })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn simple_expressions_of_paths_are_globs() {
        for (regex, expected) in [
            (r"(^|/)values\.ya?ml$", Some("**/values.{yaml,yml}")),
            (r"(?:^|\/)values\.ya?ml$", Some("**/values.{yaml,yml}")),
            (r"\.yaml$", Some("**/*.yaml")),
            (
                r"^clusters/.+\.(?:yaml|yml)$",
                Some("clusters/**/*.{yaml,yml}"),
            ),
            (r"^clusters/", Some("clusters/**")),
            (r"^apps/[^/]+/web\.yaml$", Some("apps/*/web.yaml")),
            (r"^.+\.yaml$", Some("**/*.yaml")),
            (r".+\.yaml$", Some("**/*.yaml")),
            (r"^web", Some("web*")),
            (r"k8s/.*\.yaml$", Some("**/*k8s/**/*.yaml")),
            // They say more than a glob.
            (r"k8s.+\.yaml$", None),
            (r"^(a|b)/", None),
            (r"^ab?/", None),
            (r"^[a-z]+/", None),
            (r"^a\d/", None),
            (r"^a{2}/", None),
            (r"^a/|^b/", None),
        ] {
            assert_eq!(of_regex(regex).as_deref(), expected, "{regex}");
        }
    }

    #[test]
    fn a_policy_is_for_the_files_that_are_read() {
        let managed = |globs: &[&str]| {
            Managed(
                globs
                    .iter()
                    .map(|glob| Pattern::new((*glob).to_owned()))
                    .collect(),
            )
        };
        let usual = managed(&["**/kustomization.yaml", "**/values.yaml", "**/values.yml"]);
        let some = managed(&["clusters/*/x.yaml", "values.yaml"]);
        for (managed, files, expected) in [
            (
                &usual,
                "**",
                "**/{kustomization.yaml,values.yaml,values.yml}",
            ),
            (
                &usual,
                "a/**",
                "a/**/{kustomization.yaml,values.yaml,values.yml}",
            ),
            (&usual, "a/*/values.yaml", "a/*/values.yaml"),
            (&usual, "/values.yaml", "/values.yaml"),
            (&usual, "**/*.yaml", "**/{kustomization.yaml,values.yaml}"),
            (&usual, "a/web.yaml", "nothing"),
            (&usual, "**/web.yaml", "nothing"),
            (&usual, "a/*", "unknown"),
            (&some, "**", "{clusters/*/x.yaml,values.yaml}"),
            (&some, "clusters/**", "clusters/*/x.yaml"),
            (&some, "clusters/prod/**", "unknown"),
            (&some, "apps/**", "nothing"),
            (&managed(&[]), "**", "nothing"),
            (&managed(&["values.yaml"]), "**", "/values.yaml"),
        ] {
            let found = match managed.part_of(files) {
                Part::Glob(glob) => glob,
                Part::Nothing => "nothing".to_owned(),
                Part::Unknown => "unknown".to_owned(),
            };
            assert_eq!(found, expected, "{files}");
        }
    }
}
