//! The charts of a tree: which files are values of which, and which images of theirs another layer chooses.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::clues::{Clue, Key, LOCAL, Named, Of, leaf, text_of};
use super::files::{defaults_of, folder_of};
use super::layers::{Chosen, DEEPEST, Layers, Part, Stack};
use super::{Chart, DefaultImage, GITHUB, Schema};
use crate::engine::argocd::Updater;
use crate::engine::image::Lookup;
use crate::engine::object::Object;
use crate::engine::path::{Path, Step};
use crate::engine::tree::Tree;

/// The most bytes of the places of images that charts have from those that they bring.
const MOST_HANDED_UP: usize = 4 << 20;

/// About the bytes of a place.
fn size(at: &Path) -> usize {
    let size = |step: &Step| match step {
        Step::Key(key) => 32 + key.len(),
        Step::Index(_) | Step::Inside(_) => 32,
    };
    at.steps().iter().map(size).sum()
}

/// How many repositories of a `Chart.yaml` count.
const MOST_ORIGINS: usize = 64;

/// How many HelmChartConfigs of one name are told apart. Each HelmChart is held against them.
const MOST_CONFIGS: usize = 64;
/// How many lines of ImageUpdaters are told apart. Each Application is held against them; where there are more, all are held.
const MOST_UPDATERS: usize = 1024;

/// The charts of a tree. Paths begin at its root.
#[derive(Clone, Debug, Default)]
pub struct Charts {
    sources: BTreeMap<(String, String), Vec<(String, Chart)>>,
    /// The charts of HelmReleases that do not name them themselves, by file and name.
    releases: BTreeMap<(String, String), Of>,
    /// Files of values, each with its chart, if that is one and known.
    values: BTreeMap<String, Of>,
    /// The charts in folders.
    folders: BTreeMap<String, Chart>,
    /// Files that may lie over the values of a chart beside them.
    beside: Vec<String>,
    layers: Layers,
    /// What gets each file of values: its file, and the name of a HelmRelease; `None`: it is a source of Argo CD.
    takers: BTreeMap<String, BTreeSet<(String, Option<String>)>>,
    updaters: Vec<Updater>,
    /// The HelmChartConfigs of k3s, by the name that they have in common with a HelmChart.
    configs: BTreeMap<String, Vec<(Named, String, Chosen)>>,
    /// What charts in folders ask of their values.
    schemas: BTreeMap<String, Schema>,
}

impl Charts {
    /// Puts together what the documents of a tree say.
    pub fn new(clues: Vec<Clue>) -> Self {
        let mut charts = Self::default();
        let mut generated: BTreeMap<Key, Vec<String>> = BTreeMap::new();
        let mut releases = Vec::new();
        for clue in clues {
            match clue {
                Clue::Source(source, chart) => {
                    let known = charts
                        .sources
                        .entry((source.kind, source.name))
                        .or_default();
                    known.push((source.namespace, chart));
                }
                Clue::Part(part) => charts.layers.parts.push(part),
                Clue::Release(release) => releases.push(release),
                Clue::Updater(updater) => {
                    if charts.updaters.len() <= MOST_UPDATERS {
                        charts.updaters.push(updater);
                    }
                }
                Clue::Configurable => {}
                Clue::Config(named, file, chosen) => {
                    let known = charts.configs.entry(named.name.clone()).or_default();
                    match known.len() < MOST_CONFIGS {
                        true => known.push((named, file, chosen)),
                        // Nobody looks at so many: they may choose any image.
                        false => {
                            known[0].0.namespace.clear();
                            known[0].2 = Chosen::Anywhere;
                        }
                    }
                }
                Clue::Values(path, chart) => charts.add(path, chart),
                Clue::Stack(stack) => {
                    charts.note_taker(&stack, None);
                    charts.layers.push(stack);
                }
                Clue::Beside(path) => charts.beside.push(path),
                Clue::Generated(key, path) => generated.entry(key).or_default().push(path),
            }
        }
        for release in releases {
            let (is_named_elsewhere, chart) = match release.chart {
                Of::Source(named) => (true, charts.source(&named).map_or(Of::Nothing, Of::Chart)),
                chart => (false, chart),
            };
            let from = release.values_from.iter();
            let files = from.flat_map(|from| generated.get(from).into_iter().flatten());
            let files: Vec<String> = files.cloned().collect();
            for path in &files {
                charts.add(path.clone(), chart.clone());
            }
            let stack = Stack {
                files,
                folder: chart.folder(),
                own: Some((release.file.clone(), release.chosen)),
            };
            charts.note_taker(&stack, Some(&release.name));
            charts.layers.push(stack);
            if is_named_elsewhere {
                charts.releases.insert((release.file, release.name), chart);
            }
        }
        charts
    }

    /// Takes note of a file of values. Two charts for one file are none that is known.
    pub fn add(&mut self, path: String, chart: Of) {
        let known = self.values.entry(path).or_insert_with(|| chart.clone());
        if *known != chart {
            *known = Of::Nothing;
        }
    }

    /// Takes note of what gets the values of a stack.
    fn note_taker(&mut self, stack: &Stack, release: Option<&str>) {
        let Some((by, _)) = &stack.own else {
            return;
        };
        let defaults = stack.folder.as_deref().map(defaults_of);
        for file in stack.files.iter().cloned().chain(defaults) {
            let takers = self.takers.entry(file).or_default();
            takers.insert((by.clone(), release.map(str::to_owned)));
        }
    }

    /// What gets the values in a file: each with its file, and with its name if it is a HelmRelease.
    pub fn takers(&self, file: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
        let takers = self.takers.get(file).into_iter().flatten();
        takers.map(|(by, release)| (&**by, release.as_deref()))
    }

    /// Takes note of the chart in a folder.
    pub fn add_folder(&mut self, folder: &str, chart: Chart) {
        self.folders.insert(folder.to_owned(), chart);
    }

    /// Takes note of what the chart in a folder asks of its values.
    pub fn add_schema(&mut self, folder: &str, schema: Schema) {
        self.schemas.insert(folder.to_owned(), schema);
    }

    /// What the chart asks of its values that a file is for.
    pub fn schema(&self, path: &str) -> Option<&Schema> {
        match self.values.get(path)? {
            Of::Folder(folder) => self.schemas.get(folder),
            Of::Chart(_) | Of::Source(_) | Of::Nothing => None,
        }
    }

    /// The folders with a chart.
    pub fn known_folders(&self) -> impl Iterator<Item = &str> {
        self.folders.keys().map(String::as_str)
    }

    /// Whether a file is the values of a chart, and of which, if that is known.
    pub fn values(&self, path: &str) -> Option<Option<&Chart>> {
        self.values.get(path).map(|chart| self.chart(chart))
    }

    /// The folders whose charts are asked for.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        let beside = self.beside.iter().map(|path| folder_of(path));
        let named = self.values.values().filter_map(|chart| match chart {
            Of::Folder(folder) => Some(folder.as_str()),
            Of::Chart(_) | Of::Source(_) | Of::Nothing => None,
        });
        named.chain(self.layers.folders()).chain(beside)
    }

    /// Puts the values beside charts over those of the chart, and the values of charts over those of the charts that they bring. All charts
    /// have to be known by now.
    pub fn stack_folders(&mut self) {
        for path in std::mem::take(&mut self.beside) {
            let folder = folder_of(&path).to_owned();
            if self.folders.contains_key(&folder) && path != defaults_of(&folder) {
                self.layers.push(Stack {
                    files: vec![path],
                    folder: Some(folder),
                    own: None,
                });
            }
        }
        self.layers.stack_parts();
    }

    /// The files whose content decides what becomes of other files: the own values of charts, and what lies over others.
    pub fn deciding(&self) -> impl Iterator<Item = String> {
        let defaults = self.folders.keys().map(|folder| defaults_of(folder));
        defaults.chain(self.layers.files().map(str::to_owned))
    }

    /// Takes what the files of [`Charts::deciding`] say, as far as they are there: their images, and where they choose images.
    pub fn settle(&mut self, mut said: BTreeMap<String, (BTreeMap<Path, DefaultImage>, Chosen)>) {
        for (folder, chart) in &mut self.folders {
            if let Some((defaults, _)) = said.get_mut(&defaults_of(folder)) {
                chart.defaults = std::mem::take(defaults);
            }
        }
        self.hand_up_defaults();
        let chosen = said.into_iter().map(|(file, (_, chosen))| (file, chosen));
        self.layers.settle(chosen.collect());
    }

    /// Gives the images of charts to those that bring them, below their keys, over [`DEEPEST`] charts at most.
    fn hand_up_defaults(&mut self) {
        let mut left = MOST_HANDED_UP;
        let parts = &self.layers.parts;
        let own = |folder: &String| {
            let defaults = self.folders.get(folder)?.defaults.clone();
            Some((folder.clone(), Vec::from_iter(defaults)))
        };
        // What a chart has got in one round it may have to hand up in the next.
        let mut got: BTreeMap<String, Vec<(Path, DefaultImage)>> =
            parts.iter().filter_map(|part| own(&part.folder)).collect();
        for _ in 0..DEEPEST {
            let mut next: BTreeMap<String, Vec<(Path, DefaultImage)>> = BTreeMap::new();
            for Part { outer, key, folder } in parts {
                let images = got.get(folder).map_or(&[][..], Vec::as_slice);
                let Some(taker) = self.folders.get_mut(outer) else {
                    continue;
                };
                let key = Path::root().join(Step::Key(key.clone().into()));
                for (at, image) in images {
                    let at = key.below(at.steps());
                    let Some(rest) = left.checked_sub(size(&at)) else {
                        return;
                    };
                    left = rest;
                    if let Entry::Vacant(place) = taker.defaults.entry(at) {
                        let handed = (place.key().clone(), image.clone());
                        next.entry(outer.clone()).or_default().push(handed);
                        place.insert(image.clone());
                    }
                }
            }
            if next.is_empty() {
                return;
            }
            got = next;
        }
    }

    /// The file that chooses the image at a place of a file of values anew, and gives it no digest. `gets_digest`: the tag at a
    /// place of a file that gets a digest beside it in the same run. Where all that choose the image do, these tags are there too.
    pub fn chosen_by(
        &self,
        file: &str,
        at: &Path,
        gets_digest: impl Fn(&str, &Path) -> Option<Lookup>,
    ) -> Option<(&str, Vec<Lookup>)> {
        self.layers.chosen_by(file, at, gets_digest)
    }

    /// The file of a HelmChartConfig that chooses the image at a place of a HelmChart's values, and gives it no digest.
    pub fn configured_by(&self, chart: &Object, at: &Path) -> Option<&str> {
        let namespace = chart.namespace.as_deref().unwrap_or_default();
        let mut configs = self.configs.get(&*chart.name)?.iter();
        let config = configs.find(|(named, _, chosen)| {
            let own = &*named.namespace;
            let is_meant = own.is_empty() || namespace.is_empty() || own == namespace;
            is_meant
                && match chosen {
                    Chosen::Anywhere => true,
                    Chosen::At(places) => places.contains_key(at),
                }
        });
        config.map(|(_, file, _)| file.as_str())
    }

    /// The file of what has Argo CD Image Updater write the images of an Application.
    pub fn updater_of(&self, application: &Object) -> Option<&str> {
        let mut updaters = self.updaters.iter();
        let updater = updaters.find(|updater| updater.writes(application));
        Some(&updater.or(self.updaters.get(MOST_UPDATERS))?.file)
    }

    /// The chart of a HelmRelease that does not name it itself.
    pub fn release(&self, file: &str, name: &str) -> Option<&Chart> {
        let place = (file.to_owned(), name.to_owned());
        self.chart(self.releases.get(&place)?)
    }

    fn chart<'c>(&'c self, of: &'c Of) -> Option<&'c Chart> {
        match of {
            Of::Chart(chart) => Some(chart),
            Of::Folder(folder) => self.folders.get(folder),
            Of::Source(_) | Of::Nothing => None,
        }
    }

    /// The chart of a source, where only one can be meant: namespaces are often set by what applies the files.
    fn source(&self, named: &Named) -> Option<Chart> {
        let kind = match named.kind.as_str() {
            "" => "OCIRepository",
            kind => kind,
        };
        let known = self.sources.get(&(kind.to_owned(), named.name.clone()))?;
        let is_meant = |namespace: &str| {
            namespace.is_empty() || named.namespace.is_empty() || namespace == named.namespace
        };
        let mut meant = known.iter().filter(|(namespace, _)| is_meant(namespace));
        let (_, first) = meant.next()?;
        meant
            .all(|(_, other)| other == first)
            .then(|| first.clone())
    }
}

/// The chart that the text of a `Chart.yaml` describes. `None`: it names none.
pub fn chart_yaml<'a, T: Tree<'a>>(document: T) -> Option<Chart> {
    let name = text_of(document, &["name"])?;
    let parts = leaf(document, &["dependencies"])
        .map(T::items)
        .unwrap_or_default();
    let part = |item: T| {
        let name = text_of(item, &["name"])?;
        let key = text_of(item, &["alias"]).unwrap_or(name);
        // One of the tree is written by anybody.
        let is_own = text_of(item, &["repository"]).is_some_and(|from| from.starts_with(LOCAL));
        let part = Chart {
            origins: is_own.then(Vec::new),
            ..Chart::named(name, text_of(item, &["version"]))
        };
        Some((key.to_owned(), part))
    };
    Some(Chart {
        // The first of a key counts.
        parts: parts.into_iter().rev().filter_map(part).collect(),
        origins: Some(origins(document)),
        ..Chart::named(name, text_of(document, &["version"]))
    })
}

/// The repositories that a `Chart.yaml` names in `home`, `sources` and annotations, each as `owner/name`.
fn origins<'a, T: Tree<'a>>(document: T) -> Vec<String> {
    let sources = document.get("sources").map(T::items).unwrap_or_default();
    let annotations = document.get("annotations").map(T::entries);
    let annotations = annotations.unwrap_or_default().into_iter();
    let texts = document.get("home").into_iter().chain(sources);
    let texts = texts.chain(annotations.map(|(_, text)| text));
    let texts = texts.filter_map(|text| text.scalar().text());
    let repository = |rest: &str| {
        let (owner, rest) = rest.split_once('/')?;
        let is_end = |letter: char| !letter.is_ascii_alphanumeric() && !"-_.".contains(letter);
        let name = rest.split(is_end).next().unwrap_or_default();
        let is_one = !owner.contains(is_end) && !name.is_empty();
        is_one.then(|| format!("{owner}/{}", name.trim_end_matches(".git")))
    };
    let found = texts.flat_map(|text| text.split(GITHUB).skip(1));
    let found: BTreeSet<String> = found.filter_map(repository).take(MOST_ORIGINS).collect();
    found.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::engine::helm::read;

    fn charts(documents: &[(&str, Value)]) -> Charts {
        let clues = documents
            .iter()
            .flat_map(|(file, document)| read(document, file));
        Charts::new(clues.collect())
    }

    fn name(chart: Option<Option<&Chart>>) -> String {
        chart.map_or("no values".to_owned(), |chart| {
            chart.map_or("unknown".to_owned(), |chart| chart.name.clone())
        })
    }

    #[test]
    fn more_updaters_and_configs_than_are_told_apart_hold_what_they_may_mean() {
        let updater = |number: usize| json!({"apiVersion": "argocd-image-updater.argoproj.io/v1alpha1", "kind": "ImageUpdater", "spec": {"applicationRefs": [{"namePattern": format!("x-{number}")}]}});
        let config = |number: usize| json!({"apiVersion": "helm.cattle.io/v1", "kind": "HelmChartConfig", "metadata": {"name": "web", "namespace": format!("x-{number}")}, "spec": {"valuesContent": "a: 1"}});
        let all = |count: usize, object: &dyn Fn(usize) -> Value| {
            let clues = (0..count).flat_map(|number| read(&object(number), "all.yaml"));
            Charts::new(clues.collect())
        };
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "y"}, "spec": {"containers": [{"name": "a", "image": "web:1"}]}});
        let object = crate::engine::shape::find(&pod).objects.remove(0);
        let image: Path = [Step::from("image")].into_iter().collect();
        for (more, expected) in [(0, None), (1, Some("all.yaml"))] {
            let charts = all(MOST_UPDATERS + more, &updater);
            assert_eq!(charts.updater_of(&object), expected);
            let charts = all(MOST_CONFIGS + more, &config);
            assert_eq!(charts.configured_by(&object, &image), expected);
        }
    }

    #[test]
    fn applications_and_kustomizations_name_files_of_values() {
        let source = json!({"chart": "web", "targetRevision": "1.2.3", "path": "apps/web",
            "helm": {"valueFiles": ["values-prod.yaml", "../shared.yaml", "/env/prod.yaml", "$values/env/web.yaml",
                "https://r.test/values.yaml", "{{env}}.yaml", "../../../out.yaml"]}});
        let other =
            json!({"path": "apps/api", "helm": {"valueFiles": ["../shared.yaml", "a.yaml"]}});
        let argo = |kind: &str, spec: Value| json!({"apiVersion": "argoproj.io/v1alpha1", "kind": kind, "spec": spec});
        let kustomization = json!({"helmCharts": [{"name": "proxy", "valuesFile": "./values.yaml", "additionalValuesFiles": ["more.yaml"]}]});
        let charts = charts(&[
            ("app.yaml", argo("Application", json!({"source": source}))),
            (
                "set.yaml",
                argo(
                    "ApplicationSet",
                    json!({"template": {"spec": {"sources": [other]}}}),
                ),
            ),
            ("infra/kustomization.yaml", kustomization),
        ]);
        let files: Vec<_> = charts
            .values
            .keys()
            .map(|file| format!("{file} {}", name(charts.values(file))))
            .collect();
        assert_eq!(
            files,
            [
                "apps/api/a.yaml unknown",
                "apps/shared.yaml unknown",
                "apps/web/values-prod.yaml web",
                "env/prod.yaml web",
                "env/web.yaml web",
                "infra/more.yaml proxy",
                "infra/values.yaml proxy",
            ]
        );
        assert_eq!(charts.values("other.yaml"), None);
    }

    #[test]
    fn a_release_has_its_chart_from_a_source_and_its_values_from_a_file() {
        let source = |namespace: &str, url: &str| {
            json!({"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "OCIRepository",
            "metadata": {"name": "app", "namespace": namespace}, "spec": {"url": url, "ref": {"tag": "1.2.3"}}})
        };
        let release = |namespace: &str, chart: &str| {
            json!({"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
            "metadata": {"name": "web", "namespace": namespace}, "spec": {"chartRef": {"kind": "OCIRepository", "name": chart},
            "valuesFrom": [{"kind": "ConfigMap", "name": "web-values"}, {"kind": "Secret", "name": "s"}, {"kind": "ConfigMap", "name": "x", "targetPath": "a"}]}})
        };
        let generator = json!({"configMapGenerator": [{"name": "web-values", "files": ["values.yaml=./web.yaml", "values.yaml"]}]});
        let known = charts(&[
            ("a.yaml", source("", "oci://r.test/charts/app-template")),
            ("web/release.yaml", release("shop", "app")),
            ("web/kustomization.yaml", generator.clone()),
        ]);
        let chart = known.release("web/release.yaml", "web").unwrap();
        assert_eq!(
            (chart.name.as_str(), chart.version.as_deref()),
            ("app-template", Some("1.2.3"))
        );
        assert_eq!(name(known.values("web/web.yaml")), "app-template");
        assert_eq!(name(known.values("web/values.yaml")), "app-template");
        // A Secret of the same name is another object.
        let secret = json!({"secretGenerator": [{"name": "s", "files": ["values.yaml=secret.yaml"]}, {"name": "web-values", "files": ["values.yaml=other.yaml"]}]});
        let known = charts(&[
            ("a.yaml", source("", "oci://r.test/charts/app-template")),
            ("web/release.yaml", release("shop", "app")),
            ("web/kustomization.yaml", secret),
        ]);
        assert_eq!(name(known.values("web/secret.yaml")), "app-template");
        assert_eq!(known.values("web/other.yaml"), None);
        let two = [
            ("a.yaml", source("shop", "oci://r.test/charts/app-template")),
            ("b.yaml", source("other", "oci://r.test/charts/web")),
        ];
        let release_of = |namespace: &str, chart: &str| {
            let all = [&two[..], &[("r.yaml", release(namespace, chart))]].concat();
            charts(&all)
                .release("r.yaml", "web")
                .map(|chart| chart.name.clone())
        };
        assert_eq!(release_of("shop", "app").as_deref(), Some("app-template"));
        assert_eq!(release_of("", "app"), None);
        assert_eq!(release_of("shop", "else"), None);
    }

    #[test]
    fn a_chart_has_parts_by_their_names() {
        let chart = json!({"name": "shop", "version": "1.0.0", "dependencies": [
            {"name": "proxy", "version": "^2"}, {"name": "database", "alias": "db", "version": "3.0.1", "repository": "file://../db"}, {}]});
        let chart = chart_yaml(&chart).unwrap();
        let parts: Vec<_> = chart
            .parts
            .iter()
            .map(|(key, part)| (key.as_str(), part.name.as_str(), part.version.as_deref()))
            .collect();
        assert_eq!(
            parts,
            [
                ("db", "database", Some("3.0.1")),
                ("proxy", "proxy", Some("^2"))
            ]
        );
        let own = chart.parts.values().map(|part| part.origins.is_some());
        assert!(own.eq([true, false]));
        assert_eq!(chart_yaml(&json!({})), None);
    }

    #[test]
    fn a_chart_says_where_it_comes_from() {
        let links = "- name: Chart\n  url: https://github.com/shop/helm-charts\n- url: https://github.com/shop/web.git#x\n";
        let chart = json!({"name": "web", "home": "https://web.test", "sources": ["https://github.com/shop/web/tree/main", "https://github.com/shop", 3],
            "annotations": {"artifacthub.io/links": links}});
        let chart = chart_yaml(&chart).unwrap();
        assert_eq!(chart.origins.unwrap(), ["shop/helm-charts", "shop/web"]);
        let chart = chart_yaml(&json!({"name": "web"})).unwrap();
        assert_eq!(chart.origins, Some(Vec::new()));
    }
}
