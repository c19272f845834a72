//! What other tools say about the tags of images, as policies of imago.
//!
//! [`Importer`] reads one document after the other: ImagePolicies of Flux, annotations and ImageUpdaters of Argo CD Image Updater,
//! annotations of Keel, Warehouses of Kargo, and the rules of Renovate. What has no counterpart is a [`Remark`] with its place, so that nothing is lost
//! unseen.

mod argocd;
pub(super) mod flux;
mod json5;
mod kargo;
mod keel;
mod pattern;
mod renovate;

use std::collections::{BTreeMap, BTreeSet};

use super::image::ImageRef;
use super::steering::steers;
use super::tree::Tree;
use super::version::{Policy, Terms};

pub use json5::to_json;

/// Where something is said.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Source {
    /// The file, as named to the user.
    pub file: String,
    /// The line, from 1.
    pub line: Option<u32>,
    /// What says it: `ImagePolicy shop/web`, `packageRules[2]`.
    pub what: String,
}

/// An entry of `policies`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    /// A glob on the whole name.
    pub image: String,
    /// A glob on files; `None` for all.
    pub files: Option<String>,
    /// The words.
    pub policy: String,
    /// A regular expression for the whole tag.
    pub allow: Option<String>,
    /// Globs of tags that are left out.
    pub ignore: Vec<String>,
    /// Who says so.
    pub source: Source,
    /// The folder that alone has such images, beside the file that says so, if it is in this repository.
    folder: Option<String>,
}

/// Something that is not among the rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remark {
    /// Where it is said.
    pub source: Source,
    /// What is meant, and why or what to do.
    pub text: String,
}

/// What came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    /// The rules, in the order in which they belong into the settings: the first that matches an image counts.
    pub rules: Vec<Rule>,
    /// What could not be brought over, by its place.
    pub remarks: Vec<Remark>,
    /// What is done in another way here, or by itself, by its place.
    pub hints: Vec<Remark>,
    /// What else is to be done, one sentence each.
    pub notes: Vec<String>,
}

/// Reads documents, and says at the end what they come to.
#[derive(Debug, Default)]
pub struct Importer {
    flux: flux::Found,
    /// The files whose lines name an ImagePolicy, by the policy's `namespace:name`.
    markers: BTreeMap<String, BTreeSet<String>>,
    /// The folders with manifests, by their paths with `/`.
    folders: BTreeSet<String>,
    rules: Vec<Rule>,
    renovate: renovate::Found,
    /// Whether Renovate writes digests beside tags.
    pins: bool,
    remarks: Vec<Remark>,
    hints: Vec<Remark>,
}

impl Importer {
    /// Reads a document of a file.
    pub fn read<'a, T: Tree<'a>>(&mut self, document: T, file: &str) {
        let items = document.get("items").map(T::items).unwrap_or_default();
        for item in items {
            self.read(item, file);
        }
        flux::read(document, file, &mut self.flux);
        flux::read_automation(document, file, self);
        argocd::read(document, file, self);
        keel::read(document, file, self);
        kargo::read(document, file, self);
    }

    /// Notes that a file is there, whatever it says.
    pub fn see(&mut self, file: &str) {
        let folders = file.match_indices('/').map(|(at, _)| &file[..at]);
        for folder in folders {
            if !self.folders.contains(folder) {
                self.folders.insert(folder.to_owned());
            }
        }
    }

    /// Reads the settings of Renovate.
    pub fn read_renovate<'a, T: Tree<'a>>(&mut self, settings: T, file: &str) {
        renovate::read(settings, file, self);
    }

    /// Notes which ImagePolicies the lines of a file name: `# {"$imagepolicy": "shop:web:tag"}`.
    pub fn read_markers(&mut self, text: &str, file: &str) {
        for line in text.lines() {
            let Some((_, rest)) = line.split_once("\"$imagepolicy\"") else {
                continue;
            };
            let name = rest.split('"').nth(1).unwrap_or_default();
            let mut parts = name.split(':');
            if let (Some(namespace), Some(name)) = (parts.next(), parts.next()) {
                let files = self
                    .markers
                    .entry(format!("{namespace}:{name}"))
                    .or_default();
                files.insert(file.to_owned());
            }
        }
    }

    /// Says what is lost.
    fn remark(&mut self, source: &Source, text: &str) {
        self.remarks.push(Remark::new(source, text));
    }

    /// Says what is done otherwise here, and nothing of it is lost.
    fn hint(&mut self, source: &Source, text: &str) {
        self.hints.push(Remark::new(source, text));
    }

    /// The rules and the remarks.
    pub fn finish(mut self) -> Imported {
        let flux = std::mem::take(&mut self.flux);
        let markers = std::mem::take(&mut self.markers);
        let mut rules = flux::rules(flux, &markers, &mut self.remarks);
        let marked: BTreeSet<&String> = markers.values().flatten().collect();
        let notes = (!rules.is_empty() && !marked.is_empty()).then(|| {
            let files = match marked.len() {
                1 => "1 file has markers".to_owned(),
                count => format!("{count} files have markers"),
            };
            format!(
                "{files} of Flux, whose images imago holds (`flux-marker`). Remove the markers, or keep them and run `imago files --update --flux-policies` without these policies"
            )
        });
        for mut rule in std::mem::take(&mut self.rules) {
            let folder = rule
                .folder
                .take()
                .filter(|path| self.folders.contains(path));
            let below = folder.map(|folder| Rule {
                files: Some(format!("{}/**", only(&folder))),
                ..rule.clone()
            });
            if below.is_some() {
                rule.files = Some(file_alone(&rule.source.file));
            }
            rules.extend(below);
            rules.push(rule);
        }
        // The first one that matches counts, so what is for some files alone comes before what is for all.
        rules.sort_by_key(|rule| rule.files.is_none());
        let of_renovate = renovate::rules(&self.renovate, &mut self.remarks);
        let of_files = (!of_renovate.is_empty()).then(|| renovate::OF_FILES.to_owned());
        rules.extend(of_renovate);
        let pins = self.pins.then(|| {
            "Renovate pins images here as NAME:TAG@DIGEST. With `track: tag` in the settings, imago goes on so, without an annotation"
                .to_owned()
        });
        let mut imported = Imported {
            rules: Vec::new(),
            remarks: self.remarks,
            hints: self.hints,
            notes: notes.into_iter().chain(of_files).chain(pins).collect(),
        };
        let mut places = BTreeMap::new();
        for rule in rules {
            imported.add(rule, &mut places);
        }
        for said in [&mut imported.remarks, &mut imported.hints] {
            said.sort_by(|left, right| left.source.cmp(&right.source));
            said.dedup();
        }
        imported
    }
}

impl Remark {
    fn new(source: &Source, text: &str) -> Self {
        Self {
            source: source.clone(),
            text: text.to_owned(),
        }
    }
}

impl Rule {
    fn is_printable(&self) -> bool {
        let texts = [Some(&self.image), self.files.as_ref(), self.allow.as_ref()];
        let mut texts = texts.into_iter().flatten().chain(&self.ignore);
        texts.all(|text| !text.chars().any(steers))
    }
}

impl Imported {
    /// Adds a rule, unless it is no policy, or never counts because one before it is for the same images.
    fn add(&mut self, rule: Rule, places: &mut BTreeMap<Place, usize>) {
        let policy = Policy::new(Terms {
            words: &rule.policy,
            allow: rule.allow.as_deref(),
            ignore: &rule.ignore,
            ..Terms::default()
        });
        let problem = match policy {
            Err(error) => Some(error.reason),
            Ok(_) if !rule.is_printable() => Some("it has control characters".to_owned()),
            Ok(_) => None,
        };
        if let Some(reason) = problem {
            let text = format!(
                "the policy `{}` for `{}`: {reason}",
                rule.policy, rule.image
            );
            let source = rule.source;
            self.remarks.push(Remark { source, text });
            return;
        }
        let place = (rule.image.clone(), rule.files.clone());
        let Some(index) = places.get(&place) else {
            places.insert(place, self.rules.len());
            return self.rules.push(rule);
        };
        let other = &mut self.rules[*index];
        if (&other.policy, &other.allow, &other.ignore) != (&rule.policy, &rule.allow, &rule.ignore)
        {
            let text = format!(
                "the policy `{}` for `{}`: {} has another one for the same images, so they follow their tags (`digest`); say with `files`, or with `imago/policy` at the objects, what each is for",
                rule.policy, rule.image, other.source.what
            );
            other.policy = "digest".to_owned();
            other.allow = None;
            other.ignore = Vec::new();
            let source = rule.source;
            self.remarks.push(Remark { source, text });
        }
    }
}

/// The images and the files that a rule is for.
type Place = (String, Option<String>);

/// The name of an image as policies match it, without its tag: `docker.io/library/nginx`.
fn name_of(image: &str) -> Option<String> {
    let image = ImageRef::parse(image).ok()?;
    Some(image.lookup().name().to_owned())
}

/// A file as a glob of policies that matches it alone: without a `/`, one would match the name in any folder.
fn file_alone(file: &str) -> String {
    let glob = only(file);
    match glob.contains('/') {
        true => glob,
        false => format!("/{glob}"),
    }
}

/// A text as a glob that matches it alone.
fn only(file: &str) -> String {
    let mut glob = String::with_capacity(file.len());
    for letter in file.chars() {
        if matches!(letter, '*' | '?' | '[' | ']' | '{' | '}' | '\\') {
            glob.push('\\');
        }
        glob.push(letter);
    }
    glob
}

/// The text at a path of keys.
fn text_at<'a, T: Tree<'a>>(node: T, path: &[&str]) -> Option<&'a str> {
    at(node, path)?.scalar().text()
}

fn at<'a, T: Tree<'a>>(node: T, path: &[&str]) -> Option<T> {
    path.iter().try_fold(node, |node, key| node.get(key))
}

/// `Application argocd/shop`, or without a namespace `Application shop`.
fn label<'a, T: Tree<'a>>(object: T) -> String {
    let kind = text_at(object, &["kind"]).unwrap_or("object");
    let name = text_at(object, &["metadata", "name"]).unwrap_or_default();
    match text_at(object, &["metadata", "namespace"]) {
        Some(namespace) => format!("{kind} {namespace}/{name}"),
        None => format!("{kind} {name}"),
    }
}

/// The group of an object's `apiVersion`.
fn group<'a, T: Tree<'a>>(object: T) -> &'a str {
    let version = text_at(object, &["apiVersion"]).unwrap_or_default();
    version.split_once('/').map_or("", |(group, _)| group)
}

#[cfg(test)]
pub(in crate::engine::import) mod tests;
