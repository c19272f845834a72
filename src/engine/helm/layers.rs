//! Values that lie over each other: a digest in a lower layer must not stay with the tag of a higher one.
//!
//! ```yaml
//! # charts/web/values.yaml               # env/prod.yaml
//! image:                                 image:
//!   repository: registry.example.com/web   tag: "1.3"      # the chart runs 1.3 with the digest of 1.4
//!   tag: "1.4"
//!   digest: sha256:…
//! ```

use std::collections::{BTreeMap, BTreeSet};

use super::files::defaults_of;
use super::{chooses, set};
use crate::engine::image::Lookup;
use crate::engine::path::{Path, Step};
use crate::engine::tree::{Scalar, Tree};
use crate::engine::yaml::File;

/// Where values choose images, and say nothing of their digests.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Chosen {
    /// In these mappings. `true`: it has a tag, so that a digest may come beside it.
    At(BTreeMap<Path, bool>),
    /// Nobody knows: the values cannot be read.
    Anywhere,
}

impl Default for Chosen {
    fn default() -> Self {
        Self::At(BTreeMap::new())
    }
}

impl Chosen {
    /// Reads values.
    pub fn of<'a, T: Tree<'a>>(values: T) -> Self {
        let mut found = BTreeMap::new();
        walk(values, &mut Vec::new(), &mut found);
        Self::At(found)
    }

    /// Reads a text of values. Helm puts its documents over each other.
    pub fn of_text(text: &str) -> Self {
        let file = match File::parse(text) {
            Ok(file) if file.refused().is_empty() && !text.contains("{{") => file,
            _ => return Self::Anywhere,
        };
        let mut chosen = Self::default();
        for document in 0..file.len() {
            chosen.add(Self::of(file.document(document)));
        }
        chosen
    }

    /// Reads the names of single values.
    pub fn by_names<'n>(names: impl Iterator<Item = &'n str>) -> Self {
        Self::At(
            set::chosen(names)
                .into_iter()
                .map(|at| (at, false))
                .collect(),
        )
    }

    /// Adds what other values of the same layer choose.
    pub fn add(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::At(own), Self::At(other)) => own.extend(other),
            (_, Self::Anywhere) => *self = Self::Anywhere,
            (Self::Anywhere, _) => {}
        }
    }
}

fn walk<'a, T: Tree<'a>>(node: T, steps: &mut Vec<Step>, found: &mut BTreeMap<Path, bool>) {
    let entries = node.entries();
    let says_digest = || ["digest", "sha"].iter().any(|key| node.get(key).is_some());
    if entries.iter().any(|(key, _)| chooses(key)) && !says_digest() {
        let tag = node
            .get("tag")
            .or_else(|| node.get("imageTag"))
            .map(T::scalar);
        let has_tag = matches!(tag, Some(Scalar::Text(tag)) if !tag.is_empty());
        found.insert(steps.iter().cloned().collect(), has_tag);
    }
    for (key, value) in entries {
        steps.push(Step::Key(key.to_owned().into()));
        walk(value, steps, found);
        steps.pop();
    }
    for (index, item) in node.items().into_iter().enumerate() {
        steps.push(index.into());
        walk(item, steps, found);
        steps.pop();
    }
}

/// Values of one release, the lowest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stack {
    /// The folder of the chart, whose own values lie below all.
    pub folder: Option<String>,
    /// Files of values.
    pub files: Vec<String>,
    /// What an object itself puts over them, and the file of the object.
    pub own: Option<(String, Chosen)>,
}

/// A chart that another one brings. Its values stand below a key of that one's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The folder of the chart that brings it.
    pub outer: String,
    /// The key.
    pub key: String,
    /// Its own folder.
    pub folder: String,
}

/// How many charts may be around one. Each of them is looked at for each.
pub(super) const DEEPEST: usize = 8;
/// How many values of outer charts are put over those of inner ones.
const MOST_OUTER: usize = 16_384;

/// The most files of a stack. Each of them is compared with those above it.
const HIGHEST: usize = 64;

/// How many choices of files that lie over one are kept by their places, where more than [`HIGHEST`] do.
const MOST_CHOICES: usize = 250_000;

/// What lies over each file of values.
#[derive(Clone, Debug, Default)]
pub(super) struct Layers {
    over: BTreeMap<String, Over>,
    /// The stacks over the own values of charts, by the folder of the chart.
    of_charts: BTreeMap<String, Vec<Stack>>,
    pub(super) parts: Vec<Part>,
    /// What each file chooses.
    chosen: BTreeMap<String, Chosen>,
}

/// What lies over a file.
#[derive(Clone, Debug, Default)]
struct Over {
    files: BTreeSet<Above>,
    /// Mappings for which objects choose images, each with the object's file.
    own: BTreeMap<Path, String>,
    /// A file that may choose any image.
    anywhere: Option<String>,
    /// Which of more than [`HIGHEST`] files choose the image at a place, and whether with a tag.
    choices: Option<BTreeMap<Path, Vec<(Above, bool)>>>,
}

/// A file over another one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Above {
    file: String,
    /// The keys below which it has the values of the other file.
    keys: Vec<String>,
}

impl Above {
    /// Where the file has what the other one has at a place.
    fn place(&self, at: &Path) -> Path {
        let keys = self.keys.iter().map(|key| Step::Key(key.clone().into()));
        keys.chain(at.steps().iter().cloned()).collect()
    }
}

impl Layers {
    pub(super) fn push(&mut self, stack: Stack) {
        if let Some(folder) = &stack.folder {
            let stacks = self.of_charts.entry(folder.clone()).or_default();
            stacks.push(stack.clone());
        }
        let Stack { folder, files, own } = stack;
        let defaults = folder.as_deref().map(defaults_of);
        let files: Vec<String> = defaults.into_iter().chain(files).collect();
        let is_too_high = files.len() > HIGHEST;
        for (height, file) in files.iter().enumerate() {
            let over = self.over.entry(file.clone()).or_default();
            if is_too_high {
                over.anywhere = files.last().cloned();
                continue;
            }
            let above = files[height + 1..].iter().filter(|above| *above != file);
            let above = above.map(|above| Above {
                file: above.clone(),
                keys: Vec::new(),
            });
            over.files.extend(above);
            match &own {
                None => {}
                Some((by, Chosen::Anywhere)) => over.anywhere = Some(by.clone()),
                Some((by, Chosen::At(places))) => {
                    let choices = places.keys().map(|at| (at.clone(), by.clone()));
                    over.own.extend(choices);
                }
            }
        }
    }

    /// Puts the values of charts, and what lies over these, over the values of the charts that they bring.
    pub(super) fn stack_parts(&mut self) {
        let parts = std::mem::take(&mut self.parts);
        let mut around: BTreeMap<&str, Vec<&Part>> = BTreeMap::new();
        for part in &parts {
            around.entry(&part.folder).or_default().push(part);
        }
        let mut left = MOST_OUTER;
        for folder in around.keys() {
            let mut over = Over::default();
            let mut due: Vec<(&Part, Vec<String>)> = Vec::new();
            let outer = |folder: &str, keys: &[String]| {
                let parts = around.get(folder).into_iter().flatten();
                let keys = |part: &Part| [std::slice::from_ref(&part.key), keys].concat();
                let outer: Vec<(&Part, Vec<String>)> =
                    parts.map(|part| (*part, keys(part))).collect();
                outer
            };
            due.extend(outer(folder, &[]));
            while let Some((part, keys)) = due.pop() {
                let stacks = self.of_charts.get(&part.outer).map_or(0, Vec::len);
                left = left.saturating_sub(1 + stacks);
                if keys.len() > DEEPEST || left == 0 {
                    over.anywhere = Some(defaults_of(&part.outer));
                    break;
                }
                over.add_outer(&part.outer, &keys, &self.of_charts);
                due.extend(outer(&part.outer, &keys));
            }
            let own = self.over.entry(defaults_of(folder)).or_default();
            own.files.extend(over.files);
            own.own.extend(over.own);
            own.anywhere = own.anywhere.take().or(over.anywhere);
        }
        self.parts = parts;
    }

    /// The files that lie over others.
    pub(super) fn files(&self) -> impl Iterator<Item = &str> {
        let above = self.over.values().flat_map(|over| &over.files);
        let above: BTreeSet<&str> = above.map(|above| above.file.as_str()).collect();
        above.into_iter()
    }

    /// The folders of charts with values over theirs.
    pub(super) fn folders(&self) -> impl Iterator<Item = &str> {
        let parts = self.parts.iter().map(|part| &*part.folder);
        self.of_charts.keys().map(String::as_str).chain(parts)
    }

    /// Takes what the files of [`Layers::files`] choose. One that is missing is not there.
    pub(super) fn settle(&mut self, chosen: BTreeMap<String, Chosen>) {
        let mut left = MOST_CHOICES;
        let many = |over: &&mut Over| over.files.len() > HIGHEST;
        for over in self.over.values_mut().filter(many) {
            over.sort_choices(&chosen, &mut left);
        }
        self.chosen = chosen;
    }

    /// The file that chooses the image at a place of a file, and gives it no digest. `gets_digest`: the tag at a place of a file that gets a
    /// digest beside it in the same run. Where all that choose the image do, these tags are there too.
    pub(super) fn chosen_by(
        &self,
        file: &str,
        at: &Path,
        gets_digest: impl Fn(&str, &Path) -> Option<Lookup>,
    ) -> Option<(&str, Vec<Lookup>)> {
        let over = self.over.get(file)?;
        if let Some(own) = over.own.get(at).or(over.anywhere.as_ref()) {
            return Some((own, Vec::new()));
        }
        let mut first = None;
        let mut tags = Vec::new();
        for (above, has_tag) in over.choosing(at, &self.chosen) {
            match gets_digest(&above.file, &above.place(at)).filter(|_| has_tag) {
                Some(tag) if tags.len() < HIGHEST => tags.push(tag),
                _ => return Some((&above.file, Vec::new())),
            }
            first.get_or_insert(&*above.file);
        }
        first.map(|file| (file, tags))
    }
}

impl Over {
    /// Sorts by places what the files over this one choose. A file with more than `left` may choose any image.
    fn sort_choices(&mut self, chosen: &BTreeMap<String, Chosen>, left: &mut usize) {
        let mut choices: BTreeMap<Path, Vec<(Above, bool)>> = BTreeMap::new();
        for above in &self.files {
            let places = match chosen.get(&above.file) {
                None => continue,
                Some(Chosen::At(places)) if places.len() <= *left => places,
                Some(_) => {
                    self.anywhere.get_or_insert_with(|| above.file.clone());
                    continue;
                }
            };
            *left -= places.len();
            let prefix = above.place(&Path::root());
            for (place, has_tag) in places {
                if let Some(at) = place.steps().strip_prefix(prefix.steps()) {
                    let of_place = choices.entry(at.iter().cloned().collect()).or_default();
                    of_place.push((above.clone(), *has_tag));
                }
            }
        }
        self.choices = Some(choices);
    }

    /// The files that choose the image at a place, and whether with a tag.
    fn choosing<'o>(
        &'o self,
        at: &Path,
        chosen: &BTreeMap<String, Chosen>,
    ) -> impl Iterator<Item = (&'o Above, bool)> {
        let sorted = self.choices.as_ref().and_then(|choices| choices.get(at));
        let sorted = sorted
            .into_iter()
            .flatten()
            .map(|(above, has_tag)| (above, *has_tag));
        let others = self.files.iter().filter(|_| self.choices.is_none());
        sorted.chain(others.filter_map(move |above| {
            #[cfg(test)]
            crate::engine::yaml::steps::add(1);
            match chosen.get(&above.file)? {
                Chosen::Anywhere => Some((above, false)),
                Chosen::At(places) => Some((above, *places.get(&above.place(at))?)),
            }
        }))
    }

    /// Adds the values of an outer chart, and what lies over these, which have those of the inner one below keys.
    fn add_outer(&mut self, outer: &str, keys: &[String], stacks: &BTreeMap<String, Vec<Stack>>) {
        let above = |file: String| Above {
            file,
            keys: keys.to_vec(),
        };
        self.files.insert(above(defaults_of(outer)));
        for stack in stacks.get(outer).into_iter().flatten() {
            self.files.extend(stack.files.iter().cloned().map(above));
            match &stack.own {
                None => {}
                Some((by, Chosen::Anywhere)) => self.anywhere = Some(by.clone()),
                Some((by, Chosen::At(places))) => {
                    let prefix: Vec<Step> = keys
                        .iter()
                        .map(|key| Step::Key(key.clone().into()))
                        .collect();
                    let below = |at: &Path| {
                        let below = at.steps().strip_prefix(&*prefix)?;
                        Some((below.iter().cloned().collect(), by.clone()))
                    };
                    self.own.extend(places.keys().filter_map(below));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::engine::image::ImageRef;

    use super::*;

    fn at(path: &str) -> Path {
        path.split('.')
            .map(|key| Step::Key(key.to_owned().into()))
            .collect()
    }

    /// Which file chooses the image at `image` over a file, in a stack of these.
    fn by(files: &[(&str, Chosen)], own: Option<Chosen>, file: &str) -> Option<String> {
        let mut layers = Layers::default();
        layers.push(Stack {
            folder: None,
            files: files.iter().map(|(file, _)| (*file).to_owned()).collect(),
            own: own.map(|own| ("own".to_owned(), own)),
        });
        let chosen = files
            .iter()
            .map(|(file, chosen)| ((*file).to_owned(), chosen.clone()));
        layers.settle(chosen.collect());
        let by = layers.chosen_by(file, &at("image"), |_, _| None);
        by.map(|(file, _)| file.to_owned())
    }

    #[test]
    fn values_choose_images_unless_they_say_the_digest_too() {
        for (values, chosen) in [
            (json!({"image": {"tag": "1"}}), Some(true)),
            (json!({"image": {"tag": 1}}), Some(false)),
            (json!({"image": {"tag": ""}}), Some(false)),
            (json!({"image": {"repository": "web"}}), Some(false)),
            (json!({"image": {"fips": true}}), Some(false)),
            (json!({"image": {"tag": "1", "digest": ""}}), None),
            (json!({"image": {"tag": "1", "sha": null}}), None),
            (json!({"image": {"pullPolicy": "Always"}}), None),
        ] {
            let Chosen::At(found) = Chosen::of(&values) else {
                panic!()
            };
            assert_eq!(found.get(&at("image")).copied(), chosen, "{values}");
        }
        assert_eq!(Chosen::of_text("a: [\n"), Chosen::Anywhere);
        assert_eq!(Chosen::of_text("a: '{{ x }}'\n"), Chosen::Anywhere);
        assert_ne!(
            Chosen::of_text("x: 1\n---\nimage: {tag: a}\n"),
            Chosen::default()
        );
    }

    #[test]
    fn the_layers_above_choose_and_those_below_do_not() {
        let tag = || Chosen::of(&json!({"image": {"tag": "1"}}));
        let other = || Chosen::of(&json!({"api": {"tag": "1"}}));
        let two = [("a", tag()), ("b", tag())];
        assert_eq!(by(&two, None, "a").as_deref(), Some("b"));
        assert_eq!(by(&two, None, "b"), None);
        assert_eq!(by(&two, Some(tag()), "b").as_deref(), Some("own"));
        assert_eq!(by(&[("a", tag()), ("b", other())], None, "a"), None);
        let unread = [("a", tag()), ("b", Chosen::Anywhere)];
        assert_eq!(by(&unread, None, "a").as_deref(), Some("b"));
        assert_eq!(
            by(&two[..1], Some(Chosen::Anywhere), "a").as_deref(),
            Some("own")
        );
    }

    #[test]
    fn values_over_which_many_lie_cost_no_product_with_their_images() {
        let compared = |count: usize| {
            let mut layers = Layers::default();
            for number in 0..count {
                layers.push(Stack {
                    files: vec!["common".to_owned(), format!("env-{number}")],
                    ..Stack::default()
                });
            }
            let chosen = |number: usize| Chosen::of(&json!({format!("i{number}"): {"tag": "1"}}));
            layers.settle(
                (0..count)
                    .map(|number| (format!("env-{number}"), chosen(number)))
                    .collect(),
            );
            let before = crate::engine::yaml::steps::count();
            for number in 0..count {
                let by = |key: &str| {
                    let by =
                        layers.chosen_by("common", &at(&format!("{key}{number}")), |_, _| None);
                    by.map(|(file, _)| file.to_owned())
                };
                assert_eq!(by("i"), Some(format!("env-{number}")));
                assert_eq!(by("other"), None);
            }
            crate::engine::yaml::steps::count() - before
        };
        let most = |count: usize| 2 * (count * HIGHEST) as u64;
        for count in [HIGHEST, 4 * HIGHEST] {
            assert!(compared(count) <= most(count));
        }
    }

    #[test]
    fn a_stack_that_is_too_high_is_not_followed() {
        let files: Vec<String> = (0..=HIGHEST).map(|file| file.to_string()).collect();
        let mut layers = Layers::default();
        layers.push(Stack {
            files,
            ..Stack::default()
        });
        assert_eq!(
            layers.chosen_by("0", &at("image"), |_, _| None),
            Some(("64", Vec::new()))
        );
    }

    #[test]
    fn a_tag_over_a_chart_that_has_a_key_for_the_digest_gets_one_of_its_own() {
        for (values, expected) in [
            (json!({"image": {"tag": "1"}}), None),
            (json!({"image": {"tag": ""}}), Some("env.yaml")),
            (json!({"image": {"repository": "api"}}), Some("env.yaml")),
        ] {
            let mut layers = Layers::default();
            layers.push(Stack {
                folder: Some("web".to_owned()),
                files: vec!["env.yaml".to_owned()],
                own: None,
            });
            layers.settle(BTreeMap::from([(
                "env.yaml".to_owned(),
                Chosen::of(&values),
            )]));
            let tag = ImageRef::parse("web:1").unwrap().lookup();
            let gets = |file: &str, _: &Path| (file == "env.yaml").then(|| tag.clone());
            let by = layers.chosen_by("web/values.yaml", &at("image"), gets);
            let waits = by.as_ref().is_some_and(|(_, tags)| *tags == [tag.clone()]);
            let by = by.filter(|(_, tags)| tags.is_empty());
            assert_eq!(by.map(|(file, _)| file), expected, "{values}");
            assert_eq!(waits, expected.is_none(), "{values}");
        }
    }
}
