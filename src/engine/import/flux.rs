//! Flux: ImagePolicies with their ImageRepositories, and ImageUpdateAutomations.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Importer, Remark, Rule, Source, at, file_alone, group, label, name_of, pattern, text_at,
};
use crate::engine::tree::{Scalar, Tree};
use crate::engine::version::{LONGEST, Piece, pieces};

/// `digestReflectionPolicy`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::engine) enum Reflection {
    /// No digest is written.
    #[default]
    Never,
    /// The digest is that of the time when the tag was first written.
    IfNotPresent,
    /// The digest is that of the tag.
    Always,
}

/// The API group of ImagePolicies and ImageRepositories.
pub const GROUP: &str = "image.toolkit.fluxcd.io";

/// A namespace, empty where none is written, and a name.
pub(in crate::engine) type Named = (String, String);

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::engine) struct Found {
    repositories: BTreeMap<Named, Repository>,
    policies: Vec<ImagePolicy>,
    /// The places of the policies of each name.
    places: BTreeMap<Named, Vec<usize>>,
}

/// An ImageRepository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine) struct Repository {
    pub(in crate::engine) image: String,
    pub(in crate::engine) exclusions: Vec<String>,
    /// Whether it says at all what is left out.
    pub(in crate::engine) has_exclusions: bool,
    /// Whether policies of other namespaces may refer to it.
    pub(in crate::engine) has_access: bool,
    pub(in crate::engine) is_suspended: bool,
    /// Whether another file says something else under the same name.
    pub(in crate::engine) is_doubtful: bool,
    source: Source,
}

/// An ImagePolicy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::engine) struct ImagePolicy {
    pub(in crate::engine) own: Named,
    pub(in crate::engine) repository: Named,
    /// The words, and the name of the group that they compare.
    pub(in crate::engine) policy: Option<(String, &'static str)>,
    pub(in crate::engine) pattern: Option<String>,
    pub(in crate::engine) extract: Option<String>,
    pub(in crate::engine) reflection: Reflection,
    pub(in crate::engine) is_suspended: bool,
    source: Source,
}

impl Found {
    /// The ImagePolicy of a namespace and a name. One without a namespace gets it from a kustomization. `Err`: why there is none.
    pub(in crate::engine) fn policy(
        &self,
        namespace: &str,
        name: &str,
    ) -> Result<&ImagePolicy, &'static str> {
        for namespace in [namespace, ""] {
            let places = self.places.get(&(namespace.to_owned(), name.to_owned()));
            match places.map(Vec::as_slice) {
                None | Some([]) => {}
                Some([place]) => return Ok(&self.policies[*place]),
                Some(_) => return Err("several ImagePolicies of this repository have this name"),
            }
        }
        Err("the ImagePolicy is not in this repository")
    }

    /// The ImageRepository of an ImagePolicy.
    pub(in crate::engine) fn repository(&self, policy: &ImagePolicy) -> Option<&Repository> {
        let (_, name) = &policy.repository;
        let without = (String::new(), name.clone());
        let found = self.repositories.get(&policy.repository);
        found.or_else(|| self.repositories.get(&without))
    }
}

/// Reads an object, whatever it is.
pub(in crate::engine) fn read<'a, T: Tree<'a>>(object: T, file: &str, found: &mut Found) {
    let kind = text_at(object, &["kind"]).unwrap_or_default();
    if group(object) != GROUP || !matches!(kind, "ImageRepository" | "ImagePolicy") {
        return;
    }
    let text = |path: &[&str]| text_at(object, path).unwrap_or_default().to_owned();
    let own = (
        text(&["metadata", "namespace"]),
        text(&["metadata", "name"]),
    );
    let source = Source {
        file: file.to_owned(),
        line: at(object, &["apiVersion"]).and_then(T::line),
        what: label(object),
    };
    let is_suspended = at(object, &["spec", "suspend"]).map(T::scalar) == Some(Scalar::Bool(true));
    if kind == "ImageRepository" {
        let exclusions = at(object, &["spec", "exclusionList"]).map(T::items);
        // An empty list is as none.
        let has_exclusions = (exclusions.as_ref()).is_some_and(|list| !list.is_empty());
        let exclusions = exclusions.unwrap_or_default().into_iter();
        let mut repository = Repository {
            image: text(&["spec", "image"]),
            exclusions: exclusions
                .filter_map(|item| item.scalar().text().map(str::to_owned))
                .collect(),
            has_exclusions,
            has_access: at(object, &["spec", "accessFrom"]).is_some(),
            is_suspended,
            is_doubtful: false,
            source,
        };
        let said = |it: &Repository| {
            let flags = (it.has_exclusions, it.has_access, it.is_suspended);
            (it.image.clone(), it.exclusions.clone(), flags)
        };
        repository.is_doubtful = (found.repositories.get(&own))
            .is_some_and(|other| other.is_doubtful || said(other) != said(&repository));
        found.repositories.insert(own, repository);
        return;
    }
    let order = |name: &str| {
        let order = text_at(object, &["spec", "policy", name, "order"]).unwrap_or_default();
        match order.to_ascii_lowercase().as_str() {
            "" | "asc" => name.to_owned(),
            order => format!("{name}:{order}"),
        }
    };
    let has = |name: &str| at(object, &["spec", "policy", name]).is_some();
    let policy = match text_at(object, &["spec", "policy", "semver", "range"]) {
        Some(range) => Some((format!("semver {range}"), "version")),
        None if has("alphabetical") => Some((order("alphabetical"), "text")),
        None if has("numerical") => Some((order("numerical"), "number")),
        None => None,
    };
    let filter = |key: &str| text_at(object, &["spec", "filterTags", key]).map(str::to_owned);
    let extract = filter("extract");
    // Without a pattern, each tag matches the empty one.
    let pattern = filter("pattern").or_else(|| extract.as_ref().map(|_| String::new()));
    let namespace = text_at(object, &["spec", "imageRepositoryRef", "namespace"]);
    let places = found.places.entry(own.clone()).or_default();
    places.push(found.policies.len());
    found.policies.push(ImagePolicy {
        repository: (
            namespace.map_or_else(|| own.0.clone(), str::to_owned),
            text(&["spec", "imageRepositoryRef", "name"]),
        ),
        own,
        policy,
        pattern,
        extract,
        reflection: match text_at(object, &["spec", "digestReflectionPolicy"]) {
            Some("Always") => Reflection::Always,
            Some("IfNotPresent") => Reflection::IfNotPresent,
            _ => Reflection::Never,
        },
        is_suspended,
        source,
    });
}

/// The rules: for all files, or where an image has several policies, for the files whose lines name each.
pub(super) fn rules(
    found: Found,
    markers: &BTreeMap<String, BTreeSet<String>>,
    remarks: &mut Vec<Remark>,
) -> Vec<Rule> {
    let mut rules = Vec::new();
    for policy in &found.policies {
        match rule(policy, &found, remarks) {
            Ok(rule) => rules.push((policy.own.clone(), rule)),
            Err(text) => remarks.push(Remark {
                source: policy.source.clone(),
                text,
            }),
        }
    }
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for (_, rule) in &rules {
        *counts.entry(rule.image.clone()).or_default() += 1;
    }
    let in_files = |(own, rule): (Named, Rule)| {
        let mut files = markers
            .get(&format!("{}:{}", own.0, own.1))
            .cloned()
            .unwrap_or_default();
        if own.0.is_empty() {
            // A kustomization says the namespace.
            let named =
                (markers.iter()).filter(|(marker, _)| marker.ends_with(&format!(":{}", own.1)));
            files.extend(named.flat_map(|(_, files)| files.iter().cloned()));
        }
        match counts[&rule.image] > 1 && !files.is_empty() {
            false => vec![rule],
            true => {
                let within = |file: &String| Rule {
                    files: Some(file_alone(file)),
                    ..rule.clone()
                };
                files.iter().map(within).collect()
            }
        }
    };
    rules.into_iter().flat_map(in_files).collect()
}

fn rule(policy: &ImagePolicy, found: &Found, remarks: &mut Vec<Remark>) -> Result<Rule, String> {
    let (namespace, name) = &policy.repository;
    let repository = found.repository(policy).ok_or_else(|| {
        format!("its ImageRepository `{namespace}/{name}` is in none of the files")
    })?;
    if policy.is_suspended || repository.is_suspended {
        return Err("it or its ImageRepository is suspended: Flux keeps its images as they are, and here they follow their tags; to keep them, write a policy `ignore`".to_owned());
    }
    let image = name_of(&repository.image).ok_or_else(|| {
        format!(
            "`{}` of its ImageRepository is not the name of an image",
            repository.image
        )
    })?;
    let (words, group) = policy
        .policy
        .clone()
        .ok_or("it has no `semver`, `alphabetical` or `numerical`")?;
    let extract = policy.extract.as_deref().unwrap_or_default();
    let allow = (policy.pattern.as_deref()).map(|pattern| allow(pattern, extract, group));
    let mut ignore = Vec::new();
    for exclusion in &repository.exclusions {
        match pattern::glob(exclusion) {
            Some(glob) => ignore.push(glob),
            None => remarks.push(Remark {
                source: repository.source.clone(),
                text: format!("`{exclusion}` of `exclusionList`: write it as a glob into `ignore`"),
            }),
        }
    }
    Ok(Rule {
        image,
        files: None,
        policy: words,
        allow: allow.transpose()?,
        ignore,
        source: policy.source.clone(),
        folder: None,
    })
}

/// `allow` with a group for what `extract` takes from a tag. `Err`: why there is none.
fn allow(pattern: &str, extract: &str, group: &str) -> Result<String, String> {
    let number = match pieces(extract)[..] {
        [] => return Ok(pattern::whole(pattern)),
        // Its length is what is wrong with it.
        _ if pattern.len() > LONGEST => return Ok(pattern.to_owned()),
        [Piece::Number(number)] => Some(number),
        [Piece::Name(name)] => pattern::number_of(pattern, name),
        _ => {
            return Err(format!(
                "`extract: {extract}` is not one group, and a policy compares one group of `allow`; keep this ImagePolicy and use `--flux-policies`"
            ));
        }
    };
    let allow = number.and_then(|number| pattern::comparing(pattern, number, group));
    allow.ok_or_else(|| {
        format!("`extract: {extract}` names a group that `pattern` does not have, so Flux compares nothing")
    })
}

/// Says what to name where Flux is not to write any more: an ImageUpdateAutomation has the folder and the branch.
pub(super) fn read_automation<'a, T: Tree<'a>>(object: T, file: &str, importer: &mut Importer) {
    if group(object) != GROUP || text_at(object, &["kind"]) != Some("ImageUpdateAutomation") {
        return;
    }
    let source = |node: Option<T>| Source {
        file: file.to_owned(),
        line: node.and_then(T::line),
        what: label(object),
    };
    let text = |path: &[&str]| {
        let text = text_at(object, path).map(|text| text.trim_start_matches("./"));
        text.filter(|text| !matches!(*text, "" | "."))
    };
    let path = text(&["spec", "update", "path"]);
    let suspend = at(object, &["spec", "suspend"]);
    if suspend.map(T::scalar) == Some(Scalar::Bool(true)) {
        let below = path.map_or_else(String::new, |path| format!(" below `{path}`"));
        let text = format!(
            "it is suspended: Flux writes nothing{below} now, and `imago files --update` would; leave it out with `--exclude`, or run nothing yet"
        );
        return importer.remark(&source(suspend), &text);
    }
    for (key, advice) in [
        ("policySelector", "imago carries out every ImagePolicy"),
        ("refspec", "imago pushes to a branch"),
    ] {
        let place = [&["spec", key][..], &["spec", "git", "push", key]];
        if let Some(node) = place.into_iter().find_map(|path| at(object, path)) {
            let text = format!("`{key}` has no counterpart: {advice}");
            importer.remark(&source(Some(node)), &text);
        }
    }
    let mut names = Vec::new();
    names.extend(path.map(|path| format!("the folder `{path}`")));
    names.push("`--push`".to_owned());
    let branch = text(&["spec", "git", "push", "branch"]);
    let checkout = text(&["spec", "git", "checkout", "ref", "branch"]);
    let branch = branch.filter(|branch| Some(*branch) != checkout);
    names.extend(branch.map(|branch| format!("`--branch {branch}`")));
    let text = format!(
        "in its place: `imago files --update` with {}",
        names.join(", ")
    );
    importer.hint(&source(object.get("apiVersion")), &text);
}
