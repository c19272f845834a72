//! Helm charts: which take a digest, and where. What a chart does with its values is not known from the values alone.

mod charts;
mod clues;
mod facts;
mod files;
mod layers;
mod schema;
pub mod set;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use super::path::{Path, Step};

pub use charts::{Charts, chart_yaml};
pub use clues::{Clue, Of, may_tell, names_a_chart, read};
pub use facts::{FACTS, Row as KnownFact};
pub use files::{chart_in, folder_of, is_named_values, schema_in};
pub use layers::Chosen;
pub use schema::Schema;

/// Keys beside a tag by which charts run another image than the tag says.
pub const VARIANTS: [&str; 10] = [
    "chroot",
    "distroless",
    "fips",
    "flavor",
    "flavour",
    "hardened",
    "os",
    "suffix",
    "tagSuffix",
    "variant",
];

/// What the address of a repository at GitHub begins with.
const GITHUB: &str = "https://github.com/";

/// Keys that name an image, or its tag.
const NAMING: [&str; 8] = [
    "image",
    "imageTag",
    "name",
    "registry",
    "repo",
    "repository",
    "tag",
    "version",
];

/// Whether the value of a key may choose another image for a mapping.
fn chooses(key: &str) -> bool {
    NAMING.contains(&key) || VARIANTS.contains(&key)
}

/// A chart that values are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chart {
    /// Its name, without the repository that it comes from.
    pub name: String,
    /// Its version, or a range of versions. `None`: the newest.
    pub version: Option<String>,
    /// The repositories at GitHub that its `Chart.yaml` names: `argoproj/argo-helm`. `None`: only its name is known, as of a chart that a
    /// HelmRelease names.
    pub origins: Option<Vec<String>>,
    /// The charts that it brings, each by the key under which its values stand.
    pub parts: BTreeMap<String, Chart>,
    /// The images of its own values, where these are known, each by its place.
    pub defaults: BTreeMap<Path, DefaultImage>,
}

/// What the own values of a chart say of an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DefaultImage {
    /// The repository, with its registry.
    pub name: String,
    /// Whether there is a key `digest` for it.
    pub has_digest: bool,
}

/// How a chart takes the digest of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// Behind the tag: `tag: 1.4@sha256:…`.
    InTag,
    /// In `digest`, with its algorithm: `digest: sha256:…`.
    Digest,
    /// In `sha`, with its algorithm: `sha: sha256:…`.
    Sha,
    /// In `sha`, without its algorithm: `sha: 0f…`.
    ShaDigits,
    /// Not at all, or not the digest of this tag.
    Nothing,
}

/// What a person knows of charts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// Where a digest may go behind the tag, whatever the chart.
    digest_in_tag: Places,
    /// How charts take digests, by their names.
    charts: BTreeMap<String, Places>,
}

/// How digests are taken at paths of values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Places {
    all: Vec<Takes>,
    /// Their numbers by the keys that lead to one place.
    exact: BTreeMap<Vec<String>, Vec<usize>>,
    /// The numbers of those whose path may lead to many.
    open: Vec<(ValuesPath, usize)>,
}

/// How a chart takes the digests of some of its images.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fact {
    /// The chart's name.
    pub chart: String,
    /// Where in its values.
    pub path: ValuesPath,
    /// How.
    pub takes: Takes,
}

/// Places in values: `controller.image`, `*.image` (`*` is any key), `**.image` (`**` is any number of keys).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValuesPath(Vec<String>);

/// The text is no path in values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a path in values is keys with dots between them, such as `controller.image`, `*.image` or `**`, in at most {LONGEST_PATH} bytes"
)]
pub struct NoValuesPath;

/// The longest path in values, in bytes. Each image is held against it, and settings may be a stranger's.
const LONGEST_PATH: usize = 1024;

impl Chart {
    /// A chart of this name. The version may be a range; its first number counts then. Without one, the newest is meant.
    pub fn named(name: &str, version: Option<&str>) -> Self {
        Self {
            name: name.to_owned(),
            version: version
                .filter(|version| !version.is_empty())
                .map(str::to_owned),
            origins: None,
            parts: BTreeMap::new(),
            defaults: BTreeMap::new(),
        }
    }

    /// Whether it is of this version or a later one.
    fn is_since(&self, since: Option<&str>) -> bool {
        match (self.version.as_deref(), since) {
            // What is only known to be older may be much older.
            (Some(version), Some(_)) if version.trim_start().starts_with('<') => false,
            (Some(version), Some(since)) => {
                let version = numbers(version);
                version.is_empty() || version >= numbers(since)
            }
            _ => true,
        }
    }

    /// Whether it may be the chart whose templates are at this address. A chart of the tree is written by anybody, whatever its name.
    fn is_from(&self, source: &str) -> bool {
        let repository = source.strip_prefix(GITHUB).unwrap_or_default();
        let is_it = |origin: &String| {
            let rest = repository.strip_prefix(origin.as_str());
            rest.is_some_and(|rest| rest.starts_with('/'))
        };
        self.origins
            .as_ref()
            .is_none_or(|origins| origins.iter().any(is_it))
    }

    /// The ways in which the chart takes the digest of the image of this name at this place of its values. None: nobody knows.
    fn takes(&self, at: &[Step], image: &str, settings: &Settings) -> Vec<Takes> {
        let own = settings.charts.get(&self.name).map(|of| of.takes(at));
        if let Some(own) = own.filter(|own| !own.is_empty()) {
            return own;
        }
        // A chart of one's own often has the name of the chart that it brings.
        if let Some((Step::Key(first), below)) = at.split_first()
            && let Some(part) = self.parts.get(&**first)
        {
            return part.takes(below, image, settings);
        }
        facts::of(self, at, image)
    }
}

impl Settings {
    /// `digest_in_tag`: the paths at which a digest may go behind the tag, whatever the chart.
    pub fn new(digest_in_tag: Vec<ValuesPath>, charts: Vec<Fact>) -> Self {
        let mut settings = Self::default();
        for path in digest_in_tag {
            settings.digest_in_tag.add(path, Takes::InTag);
        }
        for fact in charts {
            let of_chart = settings.charts.entry(fact.chart).or_default();
            of_chart.add(fact.path, fact.takes);
        }
        settings
    }

    /// The ways in which the image of this name at this place of a chart's values takes a digest. None: nobody knows.
    pub fn takes(&self, chart: Option<&Chart>, at: &[Step], image: &str) -> Vec<Takes> {
        let known = chart.map(|chart| chart.takes(at, image, self));
        let known = known.unwrap_or_default();
        match known.is_empty() {
            true => self.digest_in_tag.takes(at).into_iter().take(1).collect(),
            false => known,
        }
    }
}

impl Places {
    fn add(&mut self, path: ValuesPath, takes: Takes) {
        let number = self.all.len();
        self.all.push(takes);
        match path.0.iter().any(|key| key == "*" || key == "**") {
            true => self.open.push((path, number)),
            false => self.exact.entry(path.0).or_default().push(number),
        }
    }

    /// The ways at a place, in their order.
    fn takes(&self, at: &[Step]) -> Vec<Takes> {
        let mut keys: Vec<String> = keys(at).map(str::to_owned).collect();
        let mut found: BTreeSet<usize> = BTreeSet::new();
        found.extend(self.exact.get(&keys).into_iter().flatten());
        for last in BELOW {
            keys.push(last.to_owned());
            found.extend(self.exact.get(&keys).into_iter().flatten());
            keys.pop();
        }
        let open = self.open.iter().filter(|(path, _)| path.leads_to(at));
        found.extend(open.map(|(_, number)| number));
        found.into_iter().map(|number| self.all[number]).collect()
    }
}

/// The numbers of a version, or of the first one in a range: `^60.1.0`, `60.x`.
fn numbers(version: &str) -> Vec<u64> {
    let begins = version.find(|letter: char| letter.is_ascii_digit());
    let version = begins.map_or("", |at| &version[at..]);
    let parts = version.split('.').map(|part| {
        let digits = part.find(|letter: char| !letter.is_ascii_digit());
        (&part[..digits.unwrap_or(part.len())], digits.is_none())
    });
    let mut numbers = Vec::new();
    for (digits, is_whole) in parts {
        numbers.extend(digits.parse::<u64>());
        if !is_whole {
            break;
        }
    }
    numbers
}

impl ValuesPath {
    /// Whether it leads to these values, or to one below them. Positions in lists count for nothing.
    pub fn leads_to(&self, at: &[Step]) -> bool {
        let keys: Vec<&str> = keys(at).collect();
        fits(&self.0, &keys) || {
            let (last, above) = self.0.split_last().unwrap_or((&self.0[0], &[]));
            BELOW.contains(&last.as_str()) && fits(above, &keys)
        }
    }
}

/// The keys in a mapping for an image that a path may end with.
const BELOW: [&str; 3] = ["tag", "digest", "sha"];

fn keys(at: &[Step]) -> impl Iterator<Item = &str> {
    at.iter().filter_map(|step| match step {
        Step::Key(key) => Some(&**key),
        Step::Index(_) | Step::Inside(_) => None,
    })
}

/// Whether keys fit a path. Takes as long as both lengths multiplied, at most, and no time where the path has more keys.
fn fits(path: &[String], keys: &[&str]) -> bool {
    #[cfg(test)]
    super::yaml::steps::add(1);
    if path
        .iter()
        .filter(|part| *part != "**")
        .nth(keys.len())
        .is_some()
    {
        return false;
    }
    #[cfg(test)]
    super::yaml::steps::add((path.len() * keys.len()) as u64);
    let mut reached = vec![false; keys.len() + 1];
    reached[0] = true;
    for part in path {
        match part.as_str() {
            "**" => {
                let first = reached.iter().position(|is| *is).unwrap_or(reached.len());
                reached[first..].fill(true);
            }
            part => {
                for at in (0..keys.len()).rev() {
                    reached[at + 1] = reached[at] && (part == "*" || part == keys[at]);
                }
                reached[0] = false;
            }
        }
    }
    reached[keys.len()]
}

impl FromStr for ValuesPath {
    type Err = NoValuesPath;

    fn from_str(text: &str) -> Result<Self, NoValuesPath> {
        let mut keys = vec![String::new()];
        let mut letters = text.chars();
        while let Some(letter) = letters.next() {
            let last = keys.last_mut().ok_or(NoValuesPath)?;
            match letter {
                '.' => keys.push(String::new()),
                '\\' => last.extend(letters.next()),
                letter => last.push(letter),
            }
        }
        // One is as good as many.
        keys.dedup_by(|key, before| key == "**" && before == "**");
        let is_wrong = |key: &String| key.is_empty() || key.contains([' ', '/', '[', ']']);
        match text.len() > LONGEST_PATH || keys.iter().any(is_wrong) {
            true => Err(NoValuesPath),
            false => Ok(Self(keys)),
        }
    }
}

impl fmt::Display for ValuesPath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.0.iter().map(|key| key.replace('.', "\\."));
        formatter.write_str(&keys.collect::<Vec<_>>().join("."))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> ValuesPath {
        text.parse().unwrap()
    }

    fn steps(keys: &[&str]) -> Vec<Step> {
        let step = |key: &&str| match key.parse() {
            Ok(index) => Step::Index(index),
            Err(_) => Step::Key((*key).to_owned().into()),
        };
        keys.iter().map(step).collect()
    }

    #[test]
    fn a_path_leads_to_values() {
        for (text, keys, leads) in [
            ("image", &["image"][..], true),
            ("image", &["web", "image"], false),
            ("image.tag", &["image"], true),
            ("*.image", &["web", "image"], true),
            ("*.image", &["image"], false),
            ("**.image", &["image"], true),
            ("**.image", &["a", "b", "image"], true),
            ("**", &["a", "b"], true),
            ("**", &[], true),
            ("a.**.image", &["a", "image"], true),
            ("a.**.image", &["b", "image"], false),
            ("a.image", &["a", "3", "image"], true),
            (r"a\.b.image", &["a.b", "image"], true),
        ] {
            assert_eq!(path(text).leads_to(&steps(keys)), leads, "{text} {keys:?}");
            assert_eq!(path(text).to_string(), text);
        }
        for text in ["", ".", "a..b", "a b", "a/b", "a[0]", "image."] {
            assert_eq!(text.parse::<ValuesPath>(), Err(NoValuesPath), "{text}");
        }
    }

    #[test]
    fn a_path_of_many_stars_costs_little() {
        let counted = |text: &str, keys: &[&str]| {
            let (path, at) = (path(text), steps(keys));
            let before = crate::engine::yaml::steps::count();
            let leads = path.leads_to(&at);
            (leads, crate::engine::yaml::steps::count() - before)
        };
        let keys = |count: usize| [vec!["a"; count], vec!["tag"]].concat();
        // More keys than the values have are not even tried.
        assert_eq!(
            counted(&format!("{}a", "*.".repeat(400)), &["a"]),
            (false, 1)
        );
        let many = |count: usize| format!("{}tag", "**.a.".repeat(count));
        for (count, depth) in [(20, 40), (40, 80)] {
            let (leads, steps) = counted(&many(count), &keys(depth));
            assert!(leads && steps <= (4 * count * depth) as u64, "{steps}");
            let (leads, steps) = counted(&many(count), &keys(count / 2));
            assert!(!leads && steps <= 2, "{steps}");
        }
        assert_eq!(
            counted(&format!("{}image", "**.".repeat(300)), &["image"]),
            (true, 3)
        );
        assert!(
            format!("{}a", "*.".repeat(600))
                .parse::<ValuesPath>()
                .is_err()
        );
    }

    #[test]
    fn settings_go_before_what_is_known_and_parts_before_the_whole() {
        let fact = |chart: &str, at: &str, takes| Fact {
            chart: chart.to_owned(),
            path: path(at),
            takes,
        };
        let of_proxy = || fact("proxy", "image", Takes::ShaDigits);
        let settings = Settings::new(
            vec![path("web.image")],
            vec![fact("shop", "**", Takes::Nothing), of_proxy()],
        );
        let shop = Chart {
            parts: BTreeMap::from([("front".to_owned(), Chart::named("proxy", None))]),
            ..Chart::named("shop", Some("1.2.3"))
        };
        let takes = |chart, keys: &[&str]| settings.takes(chart, &steps(keys), "web");
        assert_eq!(takes(None, &["web", "image"]), [Takes::InTag]);
        assert!(takes(None, &["image"]).is_empty());
        assert_eq!(takes(Some(&shop), &["image"]), [Takes::Nothing]);
        // What is said of a chart is said of it alone.
        assert_eq!(takes(Some(&shop), &["web", "image"]), [Takes::Nothing]);
        assert_eq!(
            takes(Some(&Chart::named("proxy", None)), &["image"]),
            [Takes::ShaDigits]
        );
        let other = Settings::new(Vec::new(), vec![of_proxy()]);
        assert_eq!(
            other.takes(Some(&shop), &steps(&["front", "image"]), "web"),
            [Takes::ShaDigits]
        );
    }

    #[test]
    fn what_settings_say_of_many_charts_and_places_is_found_by_name() {
        let fact = |chart: String, at: &str| Fact {
            chart,
            path: path(at),
            takes: Takes::Digest,
        };
        let compared = |count: usize| {
            let charts = (0..count).map(|at| fact(format!("chart-{at}"), "**"));
            let places =
                (0..count).map(|at| fact("shop".to_owned(), &format!("web-{at}.image.tag")));
            let settings = Settings::new(
                (0..count)
                    .map(|at| path(&format!("api-{at}.image")))
                    .collect(),
                charts.chain(places).collect(),
            );
            let before = crate::engine::yaml::steps::count();
            for at in 0..count {
                let takes = |chart: &str, key: &str| {
                    let chart = Chart::named(chart, None);
                    settings.takes(Some(&chart), &steps(&[key, "image"]), "web")
                };
                assert_eq!(takes("shop", &format!("web-{at}")), [Takes::Digest]);
                assert_eq!(takes(&format!("chart-{at}"), "web"), [Takes::Digest]);
                assert_eq!(takes("other", &format!("api-{at}")), [Takes::InTag]);
                assert!(takes("other", &format!("web-{at}")).is_empty());
            }
            crate::engine::yaml::steps::count() - before
        };
        let (once, twice) = (compared(200), compared(400));
        assert!(2 * twice <= 5 * once.max(200), "{once} become {twice}");
    }

    #[test]
    fn a_range_counts_as_its_first_number() {
        for (version, is_since) in [
            (Some("1.2.3"), true),
            (Some("v1.2.4-rc.1"), true),
            (Some("1.2.2"), false),
            (Some("1.x"), false),
            (Some("2.x"), true),
            (Some("^1.3"), true),
            (Some(">=1.2.3 <2"), true),
            (Some("<2.0.0"), false),
            (Some("*"), true),
            (Some(""), true),
            (Some("0.9.12"), false),
            (None, true),
        ] {
            let chart = Chart::named("web", version);
            assert_eq!(chart.is_since(Some("1.2.3")), is_since, "{version:?}");
        }
    }
}
