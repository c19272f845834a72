//! What a tree says of its charts: which files are values, for which chart, and which chart a release is of.
//!
//! Paths begin at the root of the tree, and have `/`.

use std::collections::{BTreeMap, BTreeSet};

use memchr::memmem;

use super::Chart;
use crate::engine::kustomize::FILE_NAMES;
use crate::engine::object::group_of;
use crate::engine::path::{Path, Step};
use crate::engine::tree::Tree;
use crate::engine::yaml::File;

/// What one document says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clue {
    /// A source of Flux has a chart: its kind, its namespace, its name.
    Source(Named, Chart),
    /// A HelmRelease.
    Release(Release),
    /// A file may be the values of a chart.
    Values(String, Of),
    /// Values in an object choose images over those in a file of values: the object's file, the file of values, and the mappings.
    Over(String, String, Vec<Path>),
    /// Files of values lie over each other.
    Layers(Vec<String>),
    /// A kustomization makes a ConfigMap of a file: the ConfigMap's name, the key, and the file.
    Generated(String, String, String),
}

/// An object, as another one names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    kind: String,
    name: String,
    /// Empty where none is named.
    namespace: String,
}

/// A HelmRelease: which chart it is of, and where it has values from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The file that it stands in.
    pub file: String,
    /// Its name.
    pub name: String,
    chart: Of,
    /// ConfigMaps, each with a key.
    values_from: Vec<(String, String)>,
    /// The mappings at which its own values choose an image.
    chosen: Vec<Path>,
}

/// Which chart values are for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Of {
    /// This one.
    Chart(Chart),
    /// That of a source of Flux.
    Source(Named),
    /// That in a folder of the tree.
    Folder(String),
    /// One that is not known.
    Nothing,
}

/// Texts of which one stands in every file with a clue that is no kustomization.
const TELLING: [&[u8]; 4] = [
    b"HelmRelease",
    b"HelmChart",
    b"OCIRepository",
    b"Application",
];

/// Whether a clue may be in the bytes of a file that is no kustomization.
pub fn may_tell(bytes: &[u8]) -> bool {
    TELLING
        .into_iter()
        .any(|text| memmem::find(bytes, text).is_some())
}

/// Reads a document of a file.
pub fn read<'a, T: Tree<'a>>(document: T, file: &str) -> Vec<Clue> {
    let mut clues = Vec::new();
    look(document, file, &mut clues);
    clues
}

fn look<'a, T: Tree<'a>>(object: T, file: &str, clues: &mut Vec<Clue>) {
    let name = file.rsplit('/').next().unwrap_or(file);
    let (version, kind) = match (text_of(object, &["apiVersion"]), text_of(object, &["kind"])) {
        _ if FILE_NAMES.contains(&name) => return kustomization(object, file, clues),
        (Some(version), Some(kind)) => (version, kind),
        _ => return,
    };
    if kind == "List" {
        let items = object.get("items").map(T::items).unwrap_or_default();
        items.into_iter().for_each(|item| look(item, file, clues));
        return;
    }
    let own = |kind: &str| Named {
        kind: kind.to_owned(),
        name: text_of(object, &["metadata", "name"])
            .unwrap_or_default()
            .to_owned(),
        namespace: text_of(object, &["metadata", "namespace"])
            .unwrap_or_default()
            .to_owned(),
    };
    match (group_of(version), kind) {
        ("source.toolkit.fluxcd.io", "OCIRepository") => {
            let url = text_of(object, &["spec", "url"]).unwrap_or_default();
            let tag = text_of(object, &["spec", "ref", "tag"]);
            let chart = Chart::named(last(url), tag);
            clues.push(Clue::Source(own(kind), chart));
        }
        ("source.toolkit.fluxcd.io", "HelmChart") => {
            let chart = text_of(object, &["spec", "chart"]).unwrap_or_default();
            let chart = Chart::named(last(chart), text_of(object, &["spec", "version"]));
            clues.push(Clue::Source(own(kind), chart));
        }
        ("helm.toolkit.fluxcd.io", "HelmRelease") => {
            let release = release(object, own(kind), file);
            if let Of::Folder(folder) = &release.chart {
                let defaults = format!("{folder}/values.yaml");
                clues.push(Clue::Over(
                    file.to_owned(),
                    defaults,
                    release.chosen.clone(),
                ));
            }
            clues.push(Clue::Release(release));
        }
        ("argoproj.io", "Application") => sources(object.get("spec"), file, clues),
        ("argoproj.io", "ApplicationSet") => {
            sources(leaf(object, &["spec", "template", "spec"]), file, clues);
        }
        _ => {}
    }
}

fn release<'a, T: Tree<'a>>(object: T, own: Named, file: &str) -> Release {
    let spec = |keys: &[&str]| text_of(object, &[&["spec"], keys].concat());
    let chart = match (
        spec(&["chart", "spec", "chart"]),
        spec(&["chartRef", "name"]),
    ) {
        (Some(chart), _)
            if spec(&["chart", "spec", "sourceRef", "kind"]) == Some("GitRepository") =>
        {
            folder_of(chart)
        }
        (Some(chart), _) => Of::Chart(Chart::named(
            last(chart),
            spec(&["chart", "spec", "version"]),
        )),
        (None, Some(name)) => Of::Source(Named {
            kind: spec(&["chartRef", "kind"]).unwrap_or_default().to_owned(),
            name: name.to_owned(),
            namespace: spec(&["chartRef", "namespace"])
                .unwrap_or(&own.namespace)
                .to_owned(),
        }),
        (None, None) => Of::Nothing,
    };
    let from = leaf(object, &["spec", "valuesFrom"])
        .map(T::items)
        .unwrap_or_default();
    let config_map = |item: T| {
        let is_whole = text_of(item, &["targetPath"]).is_none();
        let key = text_of(item, &["valuesKey"]).unwrap_or("values.yaml");
        let name = text_of(item, &["name"])?;
        (is_whole && text_of(item, &["kind"]) == Some("ConfigMap"))
            .then(|| (name.to_owned(), key.to_owned()))
    };
    let values = leaf(object, &["spec", "values"]);
    let mut chosen = values.map(tags_without_digest).unwrap_or_default();
    let targets = from
        .iter()
        .filter_map(|item| text_of(*item, &["targetPath"]));
    chosen.extend(chosen_by_names(targets));
    Release {
        file: file.to_owned(),
        name: own.name,
        chart,
        chosen,
        values_from: from.into_iter().filter_map(config_map).collect(),
    }
}

/// The files of values that the sources of an Application name.
fn sources<'a, T: Tree<'a>>(spec: Option<T>, own_file: &str, clues: &mut Vec<Clue>) {
    let Some(spec) = spec else {
        return;
    };
    let many = spec.get("sources").map(T::items).unwrap_or_default();
    for source in spec.get("source").into_iter().chain(many) {
        let folder = text_of(source, &["path"]).unwrap_or_default();
        let chart = match text_of(source, &["chart"]).filter(|name| !name.is_empty()) {
            Some(name) => Of::Chart(Chart::named(
                last(name),
                text_of(source, &["targetRevision"]),
            )),
            None => folder_of(folder),
        };
        let files = leaf(source, &["helm", "valueFiles"])
            .map(T::items)
            .unwrap_or_default();
        let mut named = Vec::new();
        for file in files.into_iter().filter_map(|file| file.scalar().text()) {
            // `$ref/path` is a path in another source, which may be this repository.
            let path = match (file.strip_prefix('$'), file.strip_prefix('/')) {
                _ if file.contains("{{") || folder.contains("{{") || file.contains("://") => None,
                (Some(rest), _) => rest.split_once('/').and_then(|(_, path)| within("", path)),
                (None, Some(path)) => within("", path),
                (None, None) => within(folder, file),
            };
            named.extend(path.clone());
            clues.extend(path.map(|path| Clue::Values(path, chart.clone())));
        }
        let own = chosen_by_application(source);
        let defaults = match &chart {
            Of::Folder(folder) => Some(format!("{folder}/values.yaml")),
            Of::Chart(_) | Of::Source(_) | Of::Nothing => None,
        };
        for file in named.iter().cloned().chain(defaults) {
            clues.push(Clue::Over(own_file.to_owned(), file, own.clone()));
        }
        clues.push(Clue::Layers(named));
    }
}

/// The mappings at which the values that a source has in itself choose an image.
fn chosen_by_application<'a, T: Tree<'a>>(source: T) -> Vec<Path> {
    let mut tags = Vec::new();
    let helm = |key: &str| leaf(source, &["helm", key]);
    if let Some(values) = helm("valuesObject") {
        tags.extend(tags_without_digest(values));
    }
    let text = helm("values").and_then(|values| values.scalar().text());
    if let Some(Ok(file)) = text.map(File::parse)
        && !file.is_empty()
        && !file.is_refused(0)
    {
        tags.extend(tags_without_digest(file.document(0)));
    }
    let parameters = helm("parameters").map(T::items).unwrap_or_default();
    let files = helm("fileParameters").map(T::items).unwrap_or_default();
    let names = parameters.into_iter().chain(files);
    tags.extend(chosen_by_names(
        names.filter_map(|item| text_of(item, &["name"])),
    ));
    tags
}

/// Keys that choose an image, or another one.
const CHOOSING: [&str; 16] = [
    "chroot",
    "distroless",
    "fips",
    "flavor",
    "flavour",
    "hardened",
    "image",
    "imageTag",
    "name",
    "registry",
    "repo",
    "repository",
    "suffix",
    "tag",
    "variant",
    "version",
];

/// The mappings in which values of these names, as `helm --set` has them, choose an image and no digest.
pub fn chosen_by_names<'n>(names: impl Iterator<Item = &'n str>) -> BTreeSet<Path> {
    let (mut chosen, mut digests) = (BTreeSet::new(), BTreeSet::new());
    for name in names {
        let (above, last) = name.rsplit_once('.').unwrap_or(("", name));
        let keys = above.split('.').filter(|key| !key.is_empty());
        let steps = keys.map(|key| Step::Key(key.to_owned().into()));
        match last {
            "digest" | "sha" => drop(digests.insert(steps.collect::<Path>())),
            last if CHOOSING.contains(&last) => drop(chosen.insert(steps.collect())),
            _ => {}
        }
    }
    &chosen - &digests
}

/// The mappings that choose an image and have no digest.
fn tags_without_digest<'a, T: Tree<'a>>(values: T) -> Vec<Path> {
    fn walk<'a, T: Tree<'a>>(node: T, steps: &mut Vec<Step>, found: &mut Vec<Path>) {
        let entries = node.entries();
        let has = |key: &str| text_of(node, &[key]).is_some_and(|text| !text.is_empty());
        if entries.iter().any(|(key, _)| CHOOSING.contains(key)) && !has("digest") && !has("sha") {
            found.push(steps.iter().cloned().collect());
        }
        for (key, value) in entries {
            steps.push(Step::Key(key.to_owned().into()));
            walk(value, steps, found);
            steps.pop();
        }
    }
    let mut found = Vec::new();
    walk(values, &mut Vec::new(), &mut found);
    found
}

/// The same of a document of values.
pub fn chosen<'a, T: Tree<'a>>(values: T) -> Vec<Path> {
    tags_without_digest(values)
}

fn kustomization<'a, T: Tree<'a>>(object: T, own_file: &str, clues: &mut Vec<Clue>) {
    let (folder, _) = own_file.rsplit_once('/').unwrap_or(("", own_file));
    for item in object.get("helmCharts").map(T::items).unwrap_or_default() {
        let chart = text_of(item, &["name"]).map_or(Of::Nothing, |name| {
            Of::Chart(Chart::named(name, text_of(item, &["version"])))
        });
        let more = item
            .get("additionalValuesFiles")
            .map(T::items)
            .unwrap_or_default();
        let mut named = Vec::new();
        let more = more.into_iter().filter_map(|file| file.scalar().text());
        for file in text_of(item, &["valuesFile"]).into_iter().chain(more) {
            let path = within(folder, file);
            named.extend(path.clone());
            clues.extend(path.map(|path| Clue::Values(path, chart.clone())));
        }
        if let Some(own) = item.get("valuesInline").map(tags_without_digest) {
            let over = |file: &String| Clue::Over(own_file.to_owned(), file.clone(), own.clone());
            clues.extend(named.iter().map(over));
        }
        clues.push(Clue::Layers(named));
    }
    for item in object
        .get("configMapGenerator")
        .map(T::items)
        .unwrap_or_default()
    {
        let Some(name) = text_of(item, &["name"]) else {
            continue;
        };
        let files = item.get("files").map(T::items).unwrap_or_default();
        for file in files.into_iter().filter_map(|file| file.scalar().text()) {
            let (key, path) = file.split_once('=').unwrap_or((last(file), file));
            let path = within(folder, path);
            let generated = |path| Clue::Generated(name.to_owned(), key.to_owned(), path);
            clues.extend(path.map(generated));
        }
    }
}

/// The chart in a folder of the tree.
fn folder_of(path: &str) -> Of {
    match within("", path).filter(|_| !path.contains("{{")) {
        Some(folder) => Of::Folder(folder),
        None => Of::Nothing,
    }
}

/// A path from a folder, without `.` and `..`. `None`: it leads out of the tree.
fn within(folder: &str, path: &str) -> Option<String> {
    let mut plain: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(plain.pop()?),
            part => plain.push(part),
        }
    }
    (!plain.is_empty()).then(|| plain.join("/"))
}

/// What stands behind the last slash.
fn last(path: &str) -> &str {
    path.trim_end_matches('/')
        .rsplit('/')
        .next()
        .unwrap_or(path)
}

fn leaf<'a, T: Tree<'a>>(node: T, keys: &[&str]) -> Option<T> {
    keys.iter().try_fold(node, |node, key| node.get(key))
}

fn text_of<'a, T: Tree<'a>>(node: T, keys: &[&str]) -> Option<&'a str> {
    leaf(node, keys)?.scalar().text()
}

/// The charts of a tree.
#[derive(Clone, Debug, Default)]
pub struct Charts {
    sources: BTreeMap<(String, String), Vec<(String, Chart)>>,
    releases: BTreeMap<(String, String), Of>,
    /// Files of values, each with its chart, if that is one and known.
    values: BTreeMap<String, Of>,
    /// The charts in folders.
    folders: BTreeMap<String, Chart>,
    /// The mappings of files of values at which an object chooses another image, each with the object's file.
    over: BTreeMap<String, BTreeMap<Path, String>>,
    /// Files of values that lie over each other.
    layers: Vec<Vec<String>>,
}

impl Charts {
    /// Puts together what the documents of a tree say.
    pub fn new(clues: Vec<Clue>) -> Self {
        let mut charts = Self::default();
        let mut generated: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        let mut releases = Vec::new();
        for clue in clues {
            match clue {
                Clue::Source(
                    Named {
                        kind,
                        name,
                        namespace,
                    },
                    chart,
                ) => {
                    let known = charts.sources.entry((kind, name)).or_default();
                    known.push((namespace, chart));
                }
                Clue::Release(release) => releases.push(release),
                Clue::Values(path, chart) => charts.add(path, chart),
                Clue::Over(file, over, chosen) => charts.add_over(&file, &over, chosen),
                Clue::Layers(files) if files.len() > 1 => charts.layers.push(files),
                Clue::Layers(_) => {}
                Clue::Generated(name, key, path) => {
                    generated.entry((name, key)).or_default().push(path);
                }
            }
        }
        for release in releases {
            let chart = match release.chart {
                Of::Source(named) => charts.source(&named).map_or(Of::Nothing, Of::Chart),
                chart => chart,
            };
            for from in release.values_from {
                for path in generated.get(&from).into_iter().flatten() {
                    charts.add_over(&release.file, path, release.chosen.clone());
                    charts.add(path.clone(), chart.clone());
                }
            }
            let place = (release.file, release.name);
            charts.releases.insert(place, chart);
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

    /// Takes note of the chart in a folder.
    pub fn add_folder(&mut self, folder: &str, chart: Chart) {
        self.folders.insert(folder.to_owned(), chart);
    }

    /// Whether a file is the values of a chart, and of which, if that is known.
    pub fn values(&self, path: &str) -> Option<Option<&Chart>> {
        self.values.get(path).map(|chart| self.chart(chart))
    }

    /// The folders whose charts are asked for.
    pub fn folders(&self) -> impl Iterator<Item = &str> {
        let named = self.values.values().chain(self.releases.values());
        named.filter_map(|chart| match chart {
            Of::Folder(folder) => Some(folder.as_str()),
            Of::Chart(_) | Of::Source(_) | Of::Nothing => None,
        })
    }

    /// Takes note of the mappings of a file of values at which another file chooses another image.
    pub fn add_over(&mut self, by: &str, file: &str, chosen: Vec<Path>) {
        let known = self.over.entry(file.to_owned()).or_default();
        known.extend(chosen.into_iter().map(|at| (at, by.to_owned())));
    }

    /// The files of values that lie over each other.
    pub fn layers(&self) -> &[Vec<String>] {
        &self.layers
    }

    /// The mappings of a file of values at which another file chooses another image, each with that file.
    pub fn over(&self, file: &str) -> Option<&BTreeMap<Path, String>> {
        self.over.get(file)
    }

    /// The chart of a HelmRelease.
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
    let parts = document
        .get("dependencies")
        .map(T::items)
        .unwrap_or_default();
    let part = |item: T| {
        let name = text_of(item, &["name"])?;
        let key = text_of(item, &["alias"]).unwrap_or(name);
        Some((
            key.to_owned(),
            Chart::named(name, text_of(item, &["version"])),
        ))
    };
    Some(Chart {
        parts: parts.into_iter().filter_map(part).collect(),
        ..Chart::named(name, text_of(document, &["version"]))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

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
            {"name": "proxy", "version": "^2"}, {"name": "database", "alias": "db", "version": "3.0.1"}, {}]});
        let chart = chart_yaml(&chart).unwrap();
        let parts: Vec<_> = chart
            .parts
            .iter()
            .map(|(key, part)| (key.as_str(), part.name.as_str(), part.version.as_deref()))
            .collect();
        assert_eq!(
            parts,
            [
                ("proxy", "proxy", Some("^2")),
                ("db", "database", Some("3.0.1"))
            ]
        );
        assert_eq!(chart_yaml(&json!({})), None);
    }
}
