//! Argo CD Image Updater: annotations of Applications and ApplicationSets, and the kind ImageUpdater.

use std::collections::{BTreeMap, BTreeSet};

use super::{Importer, Rule, Source, at, group, label, name_of, pattern, text_at};
use crate::engine::tree::{Scalar, Tree};

const PREFIX: &str = "argocd-image-updater.argoproj.io/";
const GROUP: &str = "argocd-image-updater.argoproj.io";
/// Annotations of an image that are read.
const READ: [&str; 3] = ["update-strategy", "allow-tags", "ignore-tags"];
/// Annotations that need no policy, and why.
const OTHERWISE: [(&str, &str); 3] = [
    (
        "git-branch",
        "write to a branch with `--branch` (docs/git.md)",
    ),
    (
        "platforms",
        "a tag without a platform that the image has now is held",
    ),
    (
        "pull-secret",
        "registries get the credentials of `docker login` (docs/registries.md)",
    ),
];
/// Says only where the image is written, which imago finds by itself, or how, which flags say.
const SILENT: [&str; 8] = [
    "force-update",
    "helm.image-name",
    "helm.image-tag",
    "helm.image-spec",
    "kustomize.image-name",
    "write-back-method",
    "write-back-target",
    "git-repository",
];

/// What is said of one image's tags.
#[derive(Clone, Default)]
struct Settings {
    strategy: Option<String>,
    allow: Option<String>,
    ignore: Vec<String>,
    /// The only folder of its repository that the Application takes manifests from.
    folder: Option<String>,
}

/// Reads an object, whatever it is.
pub(super) fn read<'a, T: Tree<'a>>(object: T, file: &str, importer: &mut Importer) {
    let kind = text_at(object, &["kind"]).unwrap_or_default();
    match (group(object), kind) {
        ("argoproj.io", "Application") => annotated(object, object, file, importer),
        ("argoproj.io", "ApplicationSet") => {
            if let Some(template) = at(object, &["spec", "template"]) {
                annotated(object, template, file, importer);
            }
        }
        (GROUP, "ImageUpdater") => updater(object, file, importer),
        _ => {}
    }
}

fn annotated<'a, T: Tree<'a>>(object: T, template: T, file: &str, importer: &mut Importer) {
    let annotations = at(template, &["metadata", "annotations"]).map(T::entries);
    let annotations: BTreeMap<&str, T> = annotations
        .unwrap_or_default()
        .into_iter()
        .filter_map(|(key, value)| Some((key.strip_prefix(PREFIX)?, value)))
        .collect();
    let value = |key: &str| annotations.get(key)?.scalar().text();
    let Some(list) = annotations.get("image-list").copied() else {
        return;
    };
    let source = |node: T| Source {
        file: file.to_owned(),
        line: node.line(),
        what: label(object),
    };
    let folder = folder(template);
    let mut used = BTreeSet::from(["image-list".to_owned()]);
    let images = list.scalar().text().unwrap_or_default().split(',');
    for image in images.map(str::trim).filter(|image| !image.is_empty()) {
        let (alias, image) = match image.split_once('=') {
            Some((alias, image)) if !alias.contains([':', '/']) => (alias.trim(), image.trim()),
            _ => ("", image),
        };
        let mut of = |key: &str| {
            let own = format!("{alias}.{key}");
            let both = [value(&own), value(key)].into_iter().flatten();
            let found = both.map(str::trim).find(|text| !text.is_empty());
            used.extend([own, key.to_owned()]);
            found
        };
        let ignore = of("ignore-tags").unwrap_or_default().split(',');
        let settings = Settings {
            strategy: of("update-strategy").map(str::to_owned),
            allow: of("allow-tags").map(str::to_owned),
            ignore: ignore
                .map(str::trim)
                .filter(|glob| !glob.is_empty())
                .map(str::to_owned)
                .collect(),
            folder: folder.clone(),
        };
        take(image, settings, source(list), importer);
    }
    for (key, node) in &annotations {
        let is = |name: &str| *key == name || key.ends_with(&format!(".{name}"));
        if used.contains(*key) || SILENT.into_iter().any(is) {
            continue;
        }
        let source = source(*node);
        match OTHERWISE.into_iter().find(|(name, _)| is(name)) {
            Some((_, text)) => importer.hint(&source, &format!("`{key}`: {text}")),
            None if READ.into_iter().any(is) => {
                let text = format!("`{key}` is for no image of `image-list`, so nothing reads it");
                importer.hint(&source, &text);
            }
            None => importer.remark(&source, &format!("`{key}` has no counterpart")),
        }
    }
}

fn updater<'a, T: Tree<'a>>(object: T, file: &str, importer: &mut Importer) {
    let Some(spec) = object.get("spec") else {
        return;
    };
    let common = settings(spec, &Settings::default());
    verification(object, spec, file, importer);
    let applications = spec.get("applicationRefs").map(T::items);
    for application in applications.unwrap_or_default() {
        verification(object, application, file, importer);
        if application.get("useAnnotations").map(T::scalar) == Some(Scalar::Bool(true)) {
            // The annotations of the Applications count, and nothing that stands here.
            continue;
        }
        let common = settings(application, &common);
        for image in application.get("images").map(T::items).unwrap_or_default() {
            verification(object, image, file, importer);
            let name = image.get("imageName");
            let source = Source {
                file: file.to_owned(),
                line: name.and_then(T::line),
                what: label(object),
            };
            let name = name.and_then(|name| name.scalar().text());
            let settings = settings(image, &common);
            take(name.unwrap_or_default(), settings, source, importer);
        }
    }
}

/// Says that signatures are verified no more.
fn verification<'a, T: Tree<'a>>(object: T, part: T, file: &str, importer: &mut Importer) {
    if let Some(node) = part.get("imagesVerification") {
        let source = Source {
            file: file.to_owned(),
            line: node.line(),
            what: label(object),
        };
        importer.remark(
            &source,
            "`imagesVerification`: imago verifies no signatures",
        );
    }
}

/// The settings of a part of an ImageUpdater, where it has some, over those around it.
fn settings<'a, T: Tree<'a>>(part: T, around: &Settings) -> Settings {
    let text = |key: &str| text_at(part, &["commonUpdateSettings", key]).map(str::to_owned);
    let ignore = at(part, &["commonUpdateSettings", "ignoreTags"]).map(T::items);
    Settings {
        strategy: text("updateStrategy").or_else(|| around.strategy.clone()),
        allow: text("allowTags").or_else(|| around.allow.clone()),
        ignore: match ignore {
            Some(globs) => globs
                .into_iter()
                .filter_map(|glob| glob.scalar().text().map(str::to_owned))
                .collect(),
            None => around.ignore.clone(),
        },
        folder: None,
    }
}

/// The path of an Application's only source that has one.
fn folder<'a, T: Tree<'a>>(application: T) -> Option<String> {
    let one = at(application, &["spec", "source"]);
    let several = at(application, &["spec", "sources"]).map(T::items);
    let sources = one.into_iter().chain(several.unwrap_or_default());
    let mut paths = sources.filter_map(|source| text_at(source, &["path"]));
    let path = paths.next().filter(|_| paths.next().is_none())?;
    Some(path.trim_start_matches("./").trim_matches('/').to_owned())
}

/// Takes an image of a list: `r.test/web:~1.4`.
fn take(image: &str, settings: Settings, source: Source, importer: &mut Importer) {
    let start = image.rfind('/').map_or(0, |slash| slash + 1);
    let (name, constraint) = match image[start..].split_once(':') {
        Some((last, constraint)) => (&image[..start + last.len()], constraint.trim()),
        None => (image, ""),
    };
    let Some(name) = name_of(name) else {
        return importer.remark(&source, &format!("`{image}` is not the name of an image"));
    };
    let word = settings.strategy.unwrap_or_else(|| "semver".to_owned());
    let policy = match word.to_ascii_lowercase().as_str() {
        "alphabetical" | "name" => "alphabetical".to_owned(),
        "digest" if constraint.is_empty() => {
            let text = format!(
                "the strategy `digest` for `{name}` names no tag, so Image Updater does not update it"
            );
            return importer.remark(&source, &text);
        }
        "digest" => "digest".to_owned(),
        "newest-build" | "latest" => "newest".to_owned(),
        known => {
            if known != "semver" {
                let text = format!(
                    "the strategy `{word}` for `{name}` is unknown, and Image Updater takes it for `semver`, as this policy does"
                );
                importer.hint(&source, &text);
            }
            let range = if constraint.is_empty() {
                "*"
            } else {
                constraint
            };
            format!("semver {range}")
        }
    };
    let allow = settings.allow.unwrap_or_default();
    let allow = match allow.split_once(':') {
        None if allow.is_empty() || allow.eq_ignore_ascii_case("any") => None,
        Some((function, regex)) if function.eq_ignore_ascii_case("regexp") => {
            Some(pattern::whole(regex))
        }
        _ => {
            let text = format!(
                "`{allow}` of `allow-tags` for `{name}` is not understood: Image Updater allows no tag then"
            );
            return importer.remark(&source, &text);
        }
    };
    importer.rules.push(Rule {
        image: name,
        files: None,
        policy,
        allow,
        ignore: settings.ignore,
        source,
        folder: settings.folder,
    });
}
