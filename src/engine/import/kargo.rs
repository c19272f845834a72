//! Kargo: the images that Warehouses subscribe to.

use super::{Importer, Remark, Rule, Source, at, group, label, name_of, pattern, text_at};
use crate::engine::tree::{Scalar, Tree};

const GROUP: &str = "kargo.akuity.io";
/// Where several names of one field are known, the newest comes first.
const CONSTRAINTS: [&str; 2] = ["constraint", "semverConstraint"];

/// Reads an object, whatever it is.
pub(super) fn read<'a, T: Tree<'a>>(object: T, file: &str, importer: &mut Importer) {
    if group(object) != GROUP || text_at(object, &["kind"]) != Some("Warehouse") {
        return;
    }
    let subscriptions = at(object, &["spec", "subscriptions"]).map(T::items);
    for subscription in subscriptions.unwrap_or_default() {
        let Some(image) = subscription.get("image") else {
            continue;
        };
        let source = Source {
            file: file.to_owned(),
            line: image.get("repoURL").and_then(T::line),
            what: label(object),
        };
        take(image, &source, importer);
    }
}

fn take<'a, T: Tree<'a>>(image: T, source: &Source, importer: &mut Importer) {
    let mut refuse = |text: String| {
        importer.remarks.push(Remark {
            source: source.clone(),
            text,
        });
    };
    let text = |key: &str| text_at(image, &[key]).filter(|text| !text.is_empty());
    let list = |key: &str| -> Vec<&str> {
        let items = image.get(key).map(T::items).unwrap_or_default();
        items
            .into_iter()
            .filter_map(|item| item.scalar().text())
            .collect()
    };
    let url = text("repoURL").unwrap_or_default();
    let Some(name) = name_of(url) else {
        return refuse(format!("`{url}` is not the name of an image"));
    };
    let constraint = CONSTRAINTS.into_iter().find_map(text);
    let policy = match text("imageSelectionStrategy").unwrap_or("SemVer") {
        // Without a constraint pre-releases are taken, too.
        "SemVer" => format!("semver {}", constraint.unwrap_or("*-0")),
        "Lexical" => "alphabetical".to_owned(),
        "NewestBuild" => "newest".to_owned(),
        "Digest" => "digest".to_owned(),
        strategy => {
            return refuse(format!(
                "the strategy `{strategy}` for `{name}` is not known"
            ));
        }
    };
    if image.get("strictSemvers").map(T::scalar) == Some(Scalar::Bool(false)) {
        refuse(format!(
            "`strictSemvers: false` for `{name}`: `semver` reads x.y.z alone; use `minor` or `major` for other tags"
        ));
    }
    // A tag has to match one of them.
    let patterns: Vec<&str> = text("allowTags")
        .into_iter()
        .chain(list("allowTagsRegexes"))
        .collect();
    let allow = match patterns[..] {
        [] => None,
        [one] => Some(pattern::whole(one)),
        _ => Some(pattern::whole(&patterns.join("|"))),
    };
    let mut ignore: Vec<String> = list("ignoreTags").into_iter().map(super::only).collect();
    for pattern in list("ignoreTagsRegexes") {
        match pattern::glob(pattern) {
            Some(glob) => ignore.push(glob),
            None => refuse(format!(
                "`{pattern}` of `ignoreTagsRegexes` for `{name}`: write it as a glob into `ignore`"
            )),
        }
    }
    importer.rules.push(Rule {
        image: name,
        files: None,
        policy,
        allow,
        ignore,
        source: source.clone(),
        folder: None,
    });
}
