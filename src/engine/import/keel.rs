//! Keel: annotations and labels of objects, and `keel:` in the values of a chart.

use super::{Importer, Remark, Rule, Source, at, file_alone, label, name_of, pattern, text_at};
use crate::engine::tree::Tree;
use regex::RegexBuilder;

const PREFIX: &str = "keel.sh/";
/// When Keel looks, which is for the schedule of a job to say, whom it tells, and what it notes for itself.
const SILENT: [&str; 9] = [
    "digest",
    "trigger",
    "pollSchedule",
    "match-tag",
    "matchTag",
    "matchPreRelease",
    "notify",
    "releaseNotes",
    "update-time",
];

/// Annotations that need no policy, and why.
const OTHERWISE: [(&str, &str); 3] = [
    (
        "approvals",
        "review what `--branch` or `--pull-request` proposes (docs/git.md)",
    ),
    (
        "approvalDeadline",
        "a branch or a pull request waits as long as you like",
    ),
    (
        "imagePullSecret",
        "registries get the credentials of `docker login` (docs/registries.md)",
    ),
];

/// How much memory a regular expression of a stranger's may take.
const LARGEST: usize = 256 * 1024;

/// Reads an object, or the values of a chart.
pub(super) fn read<'a, T: Tree<'a>>(object: T, file: &str, importer: &mut Importer) {
    if let Some(keel) = object.get("keel") {
        values(object, keel, file, importer);
    }
    // Where both have a policy, the annotation's counts.
    let said = ["annotations", "labels"].into_iter().find_map(|place| {
        let said = at(object, &["metadata", place])?;
        Some((said, said.get("keel.sh/policy")?))
    });
    if let Some((said, policy)) = said {
        let text = |name: &str| text_at(said, &[&format!("{PREFIX}{name}")]);
        let matches_tag = text("matchTag").or_else(|| text("match-tag")) == Some("true");
        let source = |node: T| Source {
            file: file.to_owned(),
            line: node.line(),
            what: label(object),
        };
        let monitored = text("monitorContainers").map(|regex| {
            let built = RegexBuilder::new(regex).size_limit(LARGEST).build();
            built.map_err(|_| regex)
        });
        let monitored = match monitored {
            Some(Err(regex)) => {
                let text = format!(
                    "the regular expression `{regex}` of `monitorContainers` is not read; write what its containers follow by hand"
                );
                return importer.remark(&source(policy), &text);
            }
            monitored => monitored.and_then(Result::ok),
        };
        let lists: &[&str] = match text("initContainers") {
            Some("true") => &["initContainers", "containers"],
            _ => &["containers"],
        };
        let images = images(object, lists)
            .into_iter()
            .filter(|(name, _)| monitored.as_ref().is_none_or(|regex| regex.is_match(name)));
        for (_, image) in images {
            take(
                policy.scalar().text(),
                matches_tag,
                image,
                source(policy),
                importer,
            );
        }
        for (key, node) in said.entries() {
            let name = key.strip_prefix(PREFIX).unwrap_or("policy");
            if SILENT.contains(&name)
                || matches!(name, "policy" | "monitorContainers" | "initContainers")
            {
                continue;
            }
            let source = source(node);
            match OTHERWISE.iter().find(|(known, _)| name == *known) {
                Some((_, text)) => importer.hint(&source, &format!("`{key}`: {text}")),
                None => importer.remark(&source, &format!("`{key}` has no counterpart")),
            }
        }
    }
}

/// The containers of an object with a pod template, each with its image.
fn images<'a, T: Tree<'a>>(object: T, lists: &[&str]) -> Vec<(&'a str, &'a str)> {
    let pods: [&[&str]; 3] = [
        &["spec", "template", "spec"],
        &["spec", "jobTemplate", "spec", "template", "spec"],
        &["spec"],
    ];
    let containers = pods
        .into_iter()
        .filter_map(|path| at(object, path))
        .flat_map(|pod| {
            lists
                .iter()
                .flat_map(move |list| pod.get(list).map(T::items).unwrap_or_default())
        });
    let named = |container: T| {
        let name = text_at(container, &["name"]).unwrap_or_default();
        Some((name, text_at(container, &["image"])?))
    };
    containers.filter_map(named).collect()
}

fn values<'a, T: Tree<'a>>(values: T, keel: T, file: &str, importer: &mut Importer) {
    let Some(policy) = keel.get("policy") else {
        return;
    };
    let matches_tag =
        keel.get("matchTag").map(T::scalar) == Some(crate::engine::tree::Scalar::Bool(true));
    for image in keel.get("images").map(T::items).unwrap_or_default() {
        let path = text_at(image, &["repository"]).unwrap_or_default();
        let path: Vec<&str> = path.split('.').collect();
        let source = Source {
            file: file.to_owned(),
            line: policy.line(),
            what: "keel.policy".to_owned(),
        };
        if let Some(name) = text_at(values, &path) {
            take(policy.scalar().text(), matches_tag, name, source, importer);
        }
    }
}

/// Keel's policy is that of an object, so the rule is for the object's file.
fn take(
    policy: Option<&str>,
    matches_tag: bool,
    image: &str,
    source: Source,
    importer: &mut Importer,
) {
    let mut refuse = |text: String| {
        importer.remarks.push(Remark {
            source: source.clone(),
            text,
        });
    };
    let Some(name) = name_of(image) else {
        return refuse(format!("`{image}` is not the name of an image"));
    };
    let policy = policy.unwrap_or_default();
    let (words, allow) = match policy {
        "all" | "major" => ("major", None),
        "minor" => ("minor", None),
        "patch" => ("patch", None),
        "never" => ("ignore", None),
        "force" if matches_tag => ("digest", None),
        "force" => {
            return refuse(format!(
                "the policy `force` for `{name}` takes any tag that is pushed; `digest` follows one tag"
            ));
        }
        _ => match (policy.strip_prefix("glob:"), policy.strip_prefix("regexp:")) {
            (Some(glob), _) => ("alphabetical", Some(pattern::of_glob(glob))),
            (_, Some(regex)) => {
                let compared = pattern::number_of(regex, "compare");
                let compared =
                    compared.and_then(|number| pattern::comparing(regex, number, "text"));
                let allow = compared.unwrap_or_else(|| pattern::whole(regex));
                ("alphabetical", Some(allow))
            }
            _ => return refuse(format!("the policy `{policy}` for `{name}` is unknown")),
        },
    };
    let rule = Rule {
        image: name,
        files: Some(file_alone(&source.file)),
        policy: words.to_owned(),
        allow,
        ignore: Vec::new(),
        source,
        folder: None,
    };
    importer.rules.push(rule);
}
