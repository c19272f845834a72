//! The settings one by one: what each takes, and what is said where it gets something else.
//!
//! A setting is a field of [`Values`]: its name in kebab case is the key, its doc comment the description in the schema, its type what it
//! takes. A text with a form of its own gets a row in [`Values::check`], and a list of mappings is a list of another struct like this one:
//!
//! ```text
//! /// Other kinds of objects that hold images.
//! kinds: Vec<Kind>,            // kinds: [{kind: Widget, images: [...]}]
//! /// How kustomizations are written.
//! kustomize: Kustomize,        // kustomize: {digest: field}
//! ```
//!
//! Unknown and double keys, wrong types and missing fields are refused with their place at any depth, without a line of code.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use serde::Deserialize;
use serde_saphyr::options::MergeKeyPolicy;

use super::explain::{MOST_ALIASES, MOST_REQUESTS, explain, requests};
use super::policies::TagPolicy;
pub(super) use super::written::{Setting, Written, Wrong};
use crate::cli::args::{FEWER_ENTRIES, MOST_ENTRIES, Track};
use crate::cli::refused::{UsageError, usage};
use crate::cli::settings;
use crate::engine::helm;
use crate::engine::shape::{Pattern, Shape, Split};
use crate::io::scan;

/// What `.imago.yaml` at the root of a repository may hold. Most are the flag of the same name; a flag that is given wins.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[cfg_attr(test, schemars(title = "Settings of imago", extend("type" = ["object", "null"])))]
pub(super) struct Values {
    /// Read only the files that match one of these globs, which begin at this file's folder, as those of .gitignore do.
    pub(super) include: Vec<Written<String>>,
    /// Leave out the files that match one of these globs.
    pub(super) exclude: Vec<Written<String>>,
    /// Take only the images whose name matches one of these globs.
    pub(super) include_image: Vec<Written<String>>,
    /// Leave out the images whose name matches one of these globs.
    pub(super) exclude_image: Vec<Written<String>>,
    /// Take only the objects of these kinds: KIND or KIND.GROUP.
    pub(super) kind: Vec<Written<String>>,
    /// Leave out the objects of these kinds.
    pub(super) exclude_kind: Vec<Written<String>>,
    /// Take also the objects of these kinds, which are off or held.
    pub(super) add_kind: Vec<Written<String>>,
    /// Other places of images, by the kind of the object.
    pub(super) kinds: Vec<Kind>,
    /// How kustomizations are written.
    pub(super) kustomize: Kustomize,
    /// Which files are values of Helm charts, and where these charts take a digest.
    pub(super) helm: Helm,
    /// Which tags images go to.
    pub(super) policies: Vec<TagPolicy>,
    /// Carry out Flux's ImagePolicies where its markers stand.
    pub(super) flux_policies: bool,
    /// Where the tag is kept.
    pub(super) track: Setting<Track>,
    /// Write name@digest, without the tag.
    pub(super) drop_tag: bool,
    /// Stop, writing nothing, when more images than this would change.
    pub(super) max_changes: Setting<usize>,
    /// The lock of digests, below this file's folder: a file that ends in `.lock` or `.json`.
    pub(super) lock: Setting<String>,
    /// FROM=TO: ask TO for the images that are written FROM.
    pub(super) registry_map: Vec<Written<String>>,
    /// Hosts that are asked over plain http. They get no credentials; the flag of the same name sends them.
    pub(super) insecure_registry: Vec<Written<String>>,
    /// Requests at once.
    #[cfg_attr(test, schemars(range(min = 1, max = MOST_REQUESTS)))]
    pub(super) concurrency: Setting<u16>,
    /// The commit's message, with {summary}, {changes} and the counts {images}, {objects} and {files}.
    pub(super) message: Setting<String>,
    /// The commit's author: NAME <MAIL>.
    #[cfg_attr(test, schemars(regex(pattern = "<.*>")))]
    pub(super) author: Setting<String>,
    /// Add Signed-off-by to the message.
    pub(super) signoff: bool,
}

/// Where the objects of a kind have images.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Kind {
    /// The API group, empty for the core group. Any, if absent.
    #[serde(default)]
    pub(super) group: Setting<String>,
    /// The kind.
    pub(super) kind: Written<String>,
    /// Paths to images in the syntax of kustomize: `spec/image`, `spec/items[]/image`, `spec/*/image`, `spec/env[name=IMAGE_*]/value`.
    #[serde(default)]
    pub(super) paths: Vec<Written<String>>,
    /// How an image is written if its parts have keys of their own; the paths lead to the mappings around these.
    #[serde(default)]
    pub(super) split: Option<Keys>,
    /// Leave the objects of this kind alone.
    #[serde(default)]
    pub(super) ignore: bool,
}

/// The keys of an image's parts; `/` leads further down.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Keys {
    /// The key of the repository.
    pub(super) name: String,
    /// The key of the tag.
    pub(super) tag: String,
    /// The key of the digest, which is added if it is absent. Without it, the digest goes behind the tag.
    #[serde(default)]
    pub(super) digest: Setting<String>,
}

/// How kustomizations are written.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Kustomize {
    /// Where the digest of an entry of `images` goes that has none.
    pub(super) digest: Setting<DigestPlace>,
}

/// Where a digest goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) enum DigestPlace {
    /// Behind the tag, in `newTag`.
    Tag,
    /// Into a line `digest:` of its own.
    Field,
}

/// Which files are values of Helm charts, and where these charts take a digest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct Helm {
    /// Files that match one of these globs are values of a chart, as far as nothing else says so.
    pub(super) values: Vec<Written<String>>,
    /// Where in values a digest may go behind the tag: `image`, `controller.image`, `*.image` for any key, `**.image` for any keys.
    pub(super) digest_in_tag: Vec<Written<String>>,
    /// How charts take digests.
    pub(super) charts: Vec<ChartFact>,
}

/// How a chart takes the digests of some of its images.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) struct ChartFact {
    /// The chart's name.
    pub(super) chart: String,
    /// Where in its values, as `digest-in-tag` has it.
    pub(super) path: Written<String>,
    /// Where it takes a digest.
    pub(super) takes: ChartTakes,
}

/// Where a chart takes a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(super) enum ChartTakes {
    /// Behind the tag: `tag: 1.4@sha256:…`.
    Tag,
    /// In `digest: sha256:…`.
    Digest,
    /// In `sha: sha256:…`.
    Sha,
    /// In `sha: …`, without `sha256:`.
    ShaDigits,
    /// Nowhere.
    Nothing,
}

/// Reads and checks the text of a file.
pub(super) fn read(text: &str) -> Result<Values, Wrong> {
    let options = serde_saphyr::options! {
        budget: serde_saphyr::budget! { max_aliases: MOST_ALIASES },
        merge_keys: MergeKeyPolicy::AsOrdinary,
        no_schema: true,
        reject_unsupported_tags: true,
        with_snippet: false,
    };
    let values: Option<Values> = serde_saphyr::from_str_with_options(text, options)
        .map_err(|error| (explain(&error), error.location()))?;
    let values = values.unwrap_or_default();
    values.check()?;
    Ok(values)
}

impl Values {
    /// Checks what the types do not say. The words are those for the flag of the same name.
    fn check(&self) -> Result<(), Wrong> {
        type Check = fn(&str) -> Result<(), UsageError>;
        let texts: [(&str, &[Written<String>], Check); 14] = [
            ("include", &self.include, glob),
            ("exclude", &self.exclude, glob),
            ("helm.values", &self.helm.values, glob),
            ("helm.digest-in-tag", &self.helm.digest_in_tag, values_path),
            ("include-image", &self.include_image, image_glob),
            ("exclude-image", &self.exclude_image, image_glob),
            ("kind", &self.kind, kind),
            ("exclude-kind", &self.exclude_kind, kind),
            ("add-kind", &self.add_kind, kind),
            ("lock", self.lock.0.as_slice(), lock),
            ("registry-map", &self.registry_map, |text| {
                settings::registries::maps(&[text.to_owned()]).map(drop)
            }),
            (
                "insecure-registry",
                &self.insecure_registry,
                settings::registries::check_host,
            ),
            ("message", self.message.0.as_slice(), |text| {
                settings::commits::template(text).map(drop)
            }),
            ("author", self.author.0.as_slice(), |text| {
                settings::commits::author(text).map(drop)
            }),
        ];
        let policies = self.policies.get(MOST_ENTRIES);
        let kinds = self.kinds.get(MOST_ENTRIES);
        let mut paths = self.kinds.iter().flat_map(|kind| &kind.paths);
        let path = paths.nth(MOST_ENTRIES);
        let charts = self.helm.charts.get(MOST_ENTRIES);
        let lists = texts.iter().map(|(name, list, _)| {
            let one_more = list.get(MOST_ENTRIES);
            (*name, one_more.map(|Written(text)| text.referenced))
        });
        let lists = lists.chain([
            ("policies", policies.map(|policy| policy.image.place())),
            ("kinds", kinds.map(|kind| kind.kind.0.referenced)),
            ("kinds.paths", path.map(|Written(path)| path.referenced)),
            ("helm.charts", charts.map(|fact| fact.path.0.referenced)),
        ]);
        for (name, one_more) in lists {
            if let Some(place) = one_more {
                let what = format!("`{name}` has more than {MOST_ENTRIES} entries");
                return Err((usage(what, FEWER_ENTRIES), Some(place)));
            }
        }
        for (_, texts, check) in texts {
            for Written(text) in texts {
                let plain = |text: String| text.replace("`--", "`");
                check(&text.value).map_err(|UsageError { what, hint }| {
                    (usage(plain(what), plain(hint)), Some(text.referenced))
                })?;
            }
        }
        self.kinds.iter().try_for_each(Kind::check)?;
        (self.policies.iter()).try_for_each(|policy| policy.rule().map(drop))?;
        let mut takes = BTreeMap::new();
        for fact in &self.helm.charts {
            let path = &fact.path.0;
            values_path(&path.value).map_err(|usage| (usage, Some(path.referenced)))?;
            let known = takes.insert((&fact.chart, &path.value), fact.takes);
            if known.is_some_and(|known| known != fact.takes) {
                let what = format!(
                    "`helm.charts` says two things of `{}` in the chart `{}`",
                    path.value, fact.chart
                );
                return Err((usage(what, "leave one of them out"), Some(path.referenced)));
            }
        }
        if let Some(Written(number)) = &self.concurrency.0
            && !(1..=MOST_REQUESTS).contains(&number.value)
        {
            return Err((requests(), Some(number.referenced)));
        }
        match &self.track.0 {
            Some(Written(track)) if self.drop_tag && track.value == Track::Tag => Err((
                usage(
                    "`track: tag` and `drop-tag` exclude each other: the tag is what is tracked",
                    "leave one of them out",
                ),
                Some(track.referenced),
            )),
            _ => Ok(()),
        }
    }
}

impl Helm {
    /// What it says as data.
    pub(super) fn settings(&self) -> helm::Settings {
        let paths = self.digest_in_tag.iter();
        let fact = |fact: &ChartFact| {
            let takes = match fact.takes {
                ChartTakes::Tag => helm::Takes::InTag,
                ChartTakes::Digest => helm::Takes::Digest,
                ChartTakes::Sha => helm::Takes::Sha,
                ChartTakes::ShaDigits => helm::Takes::ShaDigits,
                ChartTakes::Nothing => helm::Takes::Nothing,
            };
            Some(helm::Fact {
                chart: fact.chart.clone(),
                path: fact.path.value().parse().ok()?,
                takes,
            })
        };
        helm::Settings::new(
            paths.filter_map(|path| path.value().parse().ok()).collect(),
            self.charts.iter().filter_map(fact).collect(),
        )
    }
}

impl Kind {
    fn check(&self) -> Result<(), Wrong> {
        let at = |what: String, hint: &str, text: &Written<String>| {
            Err((usage(what, hint), Some(text.0.referenced)))
        };
        let name = self.kind.value();
        kind(name).map_err(|usage| (usage, Some(self.kind.0.referenced)))?;
        match (self.ignore, self.paths.is_empty()) {
            (true, false) => {
                let what = format!("`ignore: true` of `{name}` leaves nothing for `paths`");
                return at(what, "leave one of them out", &self.kind);
            }
            (false, true) => {
                let what = format!("`{name}` has no `paths`");
                return at(
                    what,
                    "write them like `paths: [spec/image]`, or `ignore: true`",
                    &self.kind,
                );
            }
            _ => {}
        }
        for path in &self.paths {
            if let Err(error) = path.value().parse::<Pattern>() {
                let what = format!("`{}` is not a path to images: {error}", path.value());
                return at(what, "write it like `spec/items[]/image`", path);
            }
        }
        if self.shape().is_some_and(|shape| shape.never()) {
            let what = format!(
                "the images of `{name}` in this group are patterns or outputs, and never edited"
            );
            return at(what, "leave it out", &self.kind);
        }
        Ok(())
    }

    /// What it says as data. `None`: the kind is ignored.
    pub(super) fn shape(&self) -> Option<Shape> {
        let keys = |text: &str| text.split('/').map(|key| key.to_owned().into()).collect();
        let paths = self
            .paths
            .iter()
            .filter_map(|path| path.value().parse().ok());
        let split = self.split.as_ref().map(|split| Split {
            name: keys(&split.name),
            tag: keys(&split.tag),
            digest: split.digest.value().map(|digest| keys(&digest)),
        });
        (!self.ignore).then(|| Shape {
            group: self.group.value().map(Into::into),
            kind: self.kind.value().clone().into(),
            paths: paths.collect(),
            split,
        })
    }

    /// Its name as `--exclude-kind` has it.
    pub(super) fn name(&self) -> String {
        match self.group.value() {
            Some(group) => format!("{}.{group}", self.kind.value()),
            None => self.kind.value().clone(),
        }
    }

    /// The lines of its paths.
    pub(super) fn lines(&self) -> impl Iterator<Item = u64> {
        self.paths.iter().map(|path| path.0.referenced.line())
    }
}

pub(super) fn glob(text: &str) -> Result<(), UsageError> {
    scan::check_glob(text).map_err(|error| usage(error.to_string(), error.hint()))
}

fn values_path(text: &str) -> Result<(), UsageError> {
    let path = text.parse::<helm::ValuesPath>();
    let wrong = |error| {
        usage(
            format!("`{text}` is not a path of values: {error}"),
            "write it like `controller.image`",
        )
    };
    path.map(drop).map_err(wrong)
}

pub(super) fn image_glob(text: &str) -> Result<(), UsageError> {
    settings::images::filter(&[text.to_owned()], &[]).map(drop)
}

pub(super) fn kind(text: &str) -> Result<(), UsageError> {
    settings::kinds::name(text).map(drop)
}

/// A path that cannot leave the folder by its spelling, and that no other program reads: imago makes the file if it is not there.
fn lock(text: &str) -> Result<(), UsageError> {
    let path = Path::new(text);
    let is_of_git = |name: &[u8]| {
        let start = name.get(..4).unwrap_or_default();
        start.eq_ignore_ascii_case(b".git")
    };
    let plain = path.components().all(|part| match part {
        // `.git` is Git's alone, and a forge runs what is in `.github`.
        Component::Normal(name) => !is_of_git(name.as_encoded_bytes()),
        part => part == Component::CurDir,
    });
    if !plain || path.file_name().is_none() {
        return Err(usage(
            format!("`{text}` is not a path below the folder of these settings"),
            "a file elsewhere is named by the flag alone",
        ));
    }
    match path.extension() {
        Some(end) if end == "lock" || end == "json" => Ok(()),
        _ => Err(usage(
            format!("the lock `{text}` does not end in `.lock` or `.json`"),
            "name it like `lock: imago.lock`; a file with another name is named by the flag alone",
        )),
    }
}
