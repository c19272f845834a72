//! What a tree says of its charts: which files are values, for which chart, and which chart a release is of.
//!
//! Paths begin at the root of the tree, and have `/`.

use memchr::memmem;

use super::Chart;
use super::files::CHART;
use super::layers::{Chosen, Part, Stack};
use crate::engine::argocd;
use crate::engine::kustomize::FILE_NAMES;
use crate::engine::object::group_of;
use crate::engine::tree::Tree;

/// What one document says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clue {
    /// A source of Flux has a chart: its kind, its namespace, its name.
    Source(Named, Chart),
    /// A HelmRelease.
    Release(Release),
    /// Argo CD Image Updater writes Applications.
    Updater(argocd::Updater),
    /// A chart brings another one that is a folder of the tree.
    Part(Part),
    /// A HelmChart of k3s, whose values a HelmChartConfig may change.
    Configurable,
    /// A HelmChartConfig: which HelmChart it is for, its file, and where its values choose an image.
    Config(Named, String, Chosen),
    /// A file may be the values of a chart.
    Values(String, Of),
    /// Values lie over each other.
    Stack(Stack),
    /// A file has the name of a chart's values, so that it may lie over those of a chart beside it.
    Beside(String),
    /// A kustomization makes a ConfigMap or a Secret of a file.
    Generated(Key, String),
}

/// An object, as another one names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    pub(super) kind: String,
    pub(super) name: String,
    /// Empty where none is named.
    pub(super) namespace: String,
}

/// A key of a ConfigMap or a Secret.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) key: String,
}

/// Kinds that a kustomization makes of files, each with the list that does so.
const GENERATORS: [(&str, &str); 2] = [
    ("ConfigMap", "configMapGenerator"),
    ("Secret", "secretGenerator"),
];

/// A HelmRelease: which chart it is of, and where it has values from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The file that it stands in.
    pub file: String,
    /// Its name.
    pub name: String,
    pub(super) chart: Of,
    /// Keys of ConfigMaps and Secrets, the lowest first.
    pub(super) values_from: Vec<Key>,
    /// Where its own values choose an image.
    pub(super) chosen: Chosen,
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

/// What the repository of a chart begins with that is a folder.
pub(super) const LOCAL: &str = "file://";

/// Whether a clue may be in the bytes of a file that is not known by its name.
pub fn may_tell(file_name: &str, bytes: &[u8]) -> bool {
    file_name == CHART && memmem::find(bytes, LOCAL.as_bytes()).is_some() || names_a_chart(bytes)
}

/// Whether a kind or a group that has to do with charts stands in the bytes.
pub fn names_a_chart(bytes: &[u8]) -> bool {
    // These letters are in the names, and all are rare in manifests: one pass finds every name.
    memchr::memchr3_iter(b'H', b'O', b'j', bytes).any(|at| {
        let (before, rest) = bytes.split_at(at);
        match rest[0] {
            b'H' => rest.starts_with(b"HelmRelease") || rest.starts_with(b"HelmChart"),
            b'O' => rest.starts_with(b"OCIRepository"),
            _ => rest.starts_with(b"j.io") && before.ends_with(b"argopro"),
        }
    })
}

/// Reads a document of a file.
pub fn read<'a, T: Tree<'a>>(document: T, file: &str) -> Vec<Clue> {
    let mut clues = Vec::new();
    look(document, file, &mut clues);
    clues
}

fn look<'a, T: Tree<'a>>(object: T, file: &str, clues: &mut Vec<Clue>) {
    let name = file.rsplit('/').next().unwrap_or(file);
    if argocd::is_source_file(name) {
        let folder = file.strip_suffix(name).unwrap_or_default();
        return source(object, folder, file, clues);
    }
    if name == CHART {
        let folder = file.strip_suffix(CHART).unwrap_or_default();
        let items = object.get("dependencies").map(T::items).unwrap_or_default();
        clues.extend(items.into_iter().filter_map(|item| part(item, folder)));
        return;
    }
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
            clues.push(Clue::Release(release(object, own(kind), file)));
        }
        ("helm.cattle.io", "HelmChartConfig") => {
            let values = text_of(object, &["spec", "valuesContent"]).unwrap_or_default();
            clues.push(Clue::Config(
                own(kind),
                file.to_owned(),
                Chosen::of_text(values),
            ));
        }
        ("helm.cattle.io", "HelmChart") => clues.push(Clue::Configurable),
        (argocd::UPDATER_GROUP, "ImageUpdater") => {
            clues.extend(
                argocd::Updater::read(object, file)
                    .into_iter()
                    .map(Clue::Updater),
            );
        }
        ("argoproj.io", "Application") => sources(object.get("spec"), file, clues),
        ("argoproj.io", "ApplicationSet") => {
            let begins = clues.len();
            sources(leaf(object, &["spec", "template", "spec"]), file, clues);
            if argocd::has_helm_patch(object) {
                for clue in &mut clues[begins..] {
                    if let Clue::Stack(stack) = clue {
                        stack.own = Some((file.to_owned(), Chosen::Anywhere));
                    }
                }
            }
        }
        _ => {}
    }
}

/// A chart that the one in a folder brings, if it is a folder too.
fn part<'a, T: Tree<'a>>(item: T, outer: &str) -> Option<Clue> {
    let path = text_of(item, &["repository"])?.strip_prefix(LOCAL)?;
    let key = text_of(item, &["alias"]).or_else(|| text_of(item, &["name"]))?;
    Some(Clue::Part(Part {
        outer: outer.trim_end_matches('/').to_owned(),
        key: key.to_owned(),
        folder: within(outer, path)?,
    }))
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
    let whole = |item: T| {
        let is_whole = text_of(item, &["targetPath"]).is_none();
        let kind = text_of(item, &["kind"]).filter(|_| is_whole)?;
        let (kind, _) = GENERATORS.into_iter().find(|(known, _)| *known == kind)?;
        Some(Key {
            kind,
            name: text_of(item, &["name"])?.to_owned(),
            key: (text_of(item, &["valuesKey"]).unwrap_or("values.yaml")).to_owned(),
        })
    };
    let mut chosen = leaf(object, &["spec", "values"]).map_or_else(Chosen::default, Chosen::of);
    let targets = from
        .iter()
        .filter_map(|item| text_of(*item, &["targetPath"]));
    chosen.add(Chosen::by_names(targets));
    Release {
        file: file.to_owned(),
        name: own.name,
        chart,
        chosen,
        values_from: from.into_iter().filter_map(whole).collect(),
    }
}

/// The files of values that the sources of an Application name.
fn sources<'a, T: Tree<'a>>(spec: Option<T>, own_file: &str, clues: &mut Vec<Clue>) {
    let Some(spec) = spec else {
        return;
    };
    let many = spec.get("sources").map(T::items).unwrap_or_default();
    for one in spec.get("source").into_iter().chain(many) {
        let folder = text_of(one, &["path"]).unwrap_or_default();
        source(one, folder, own_file, clues);
    }
}

/// The files of values that a source names, and what it puts over them. `folder` is its folder in the repository.
fn source<'a, T: Tree<'a>>(source: T, folder: &str, own_file: &str, clues: &mut Vec<Clue>) {
    let chart = match text_of(source, &["chart"]).filter(|name| !name.is_empty()) {
        Some(name) => Of::Chart(Chart::named(
            last(name),
            text_of(source, &["targetRevision"]),
        )),
        None if argocd::is_source_file(own_file) => {
            Of::Folder(folder.trim_end_matches('/').to_owned())
        }
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
    clues.push(Clue::Stack(Stack {
        files: named,
        folder: chart.folder(),
        own: Some((own_file.to_owned(), chosen_by_application(source))),
    }));
}

/// Where the values that a source has in itself choose an image.
fn chosen_by_application<'a, T: Tree<'a>>(source: T) -> Chosen {
    let helm = |key: &str| leaf(source, &["helm", key]);
    let mut chosen = helm("valuesObject").map_or_else(Chosen::default, Chosen::of);
    if let Some(text) = helm("values").and_then(|values| values.scalar().text()) {
        chosen.add(Chosen::of_text(text));
    }
    let list = |key| helm(key).map(T::items).unwrap_or_default();
    let parameters = list("parameters").into_iter().chain(list("fileParameters"));
    let names = parameters.filter_map(|item| text_of(item, &["name"]));
    chosen.add(Chosen::by_names(names));
    chosen
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
        let own = item.get("valuesInline").map(Chosen::of);
        clues.push(Clue::Stack(Stack {
            files: named,
            folder: None,
            own: own.map(|chosen| (own_file.to_owned(), chosen)),
        }));
    }
    let generators = GENERATORS.into_iter().flat_map(|(kind, list)| {
        let items = object.get(list).map(T::items).unwrap_or_default();
        items.into_iter().map(move |item| (kind, item))
    });
    for (kind, item) in generators {
        let Some(name) = text_of(item, &["name"]) else {
            continue;
        };
        let files = item.get("files").map(T::items).unwrap_or_default();
        for file in files.into_iter().filter_map(|file| file.scalar().text()) {
            let (key, path) = file.split_once('=').unwrap_or((last(file), file));
            let path = within(folder, path);
            let key = || Key {
                kind,
                name: name.to_owned(),
                key: key.to_owned(),
            };
            clues.extend(path.map(|path| Clue::Generated(key(), path)));
        }
    }
}

impl Clue {
    /// Whether another document may say more of it.
    pub fn needs_another(&self) -> bool {
        match self {
            Self::Release(release) => matches!(release.chart, Of::Source(_)),
            // An ImageUpdater elsewhere may write the Application that has it.
            Self::Stack(stack) => stack.own.is_some(),
            Self::Configurable => true,
            _ => false,
        }
    }
}

impl Of {
    /// The folder of the chart, if it is in the tree.
    pub(super) fn folder(&self) -> Option<String> {
        match self {
            Self::Folder(folder) => Some(folder.clone()),
            Self::Chart(_) | Self::Source(_) | Self::Nothing => None,
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

pub(super) fn leaf<'a, T: Tree<'a>>(node: T, keys: &[&str]) -> Option<T> {
    keys.iter().try_fold(node, |node, key| node.get(key))
}

pub(super) fn text_of<'a, T: Tree<'a>>(node: T, keys: &[&str]) -> Option<&'a str> {
    leaf(node, keys)?.scalar().text()
}
