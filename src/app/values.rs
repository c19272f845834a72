//! Which files are the values of Helm charts. Nothing in such a file says so: evidence elsewhere does.
//!
//! A file is values by a `Chart.yaml` beside it, by an Application or a kustomization that names it, by a HelmRelease that gets it as a
//! ConfigMap, or by the setting `helm.values`. Evidence is read from the whole work tree, as that of kustomizations is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::examine::{Examined, Questions, examine_values};
use super::manifest::ManifestFile;
use super::overlays::{Base, ReadEvidence};
use super::threads;
use crate::engine::helm::{self, Charts, Clue, Of};
use crate::engine::hold::Hold;
use crate::engine::object::Object;
use crate::engine::path;
use crate::engine::shape::{self, Kinds};
use crate::engine::site::Slots;
use crate::engine::yaml::{File, YamlNode};
use crate::io::scan::{GlobMatcher, Globs};

/// A file that was found.
pub(super) struct Seen {
    pub(super) path: PathBuf,
    /// As named to the user.
    pub(super) name: String,
    pub(super) examined: Examined,
}

/// The charts of a tree, and what their values are.
#[derive(Debug, Default)]
pub(super) struct KnownCharts {
    base: Base,
    charts: Charts,
    /// Folders of charts that are parts of another chart.
    vendored: BTreeSet<String>,
}

/// Whether evidence from files that were not found by what was named may matter.
pub(super) fn is_wanted(seen: &[Seen], clues: &[Clue]) -> bool {
    let may_be_values = |seen: &Seen| match &seen.examined {
        Examined::Nothing { may_be_values, .. } => *may_be_values,
        Examined::NotYaml { .. } => true,
        _ => false,
    };
    clues.iter().any(|clue| matches!(clue, Clue::Release(_))) || seen.iter().any(may_be_values)
}

impl KnownCharts {
    /// Reads the files that are values, and says of each what it is. `read` reads files by their paths from the tree's root.
    pub(super) fn follow<E>(
        base: Base,
        clues: Vec<Clue>,
        by_settings: &Globs,
        seen: &mut [Seen],
        kinds: &Kinds,
        questions: &impl Questions,
        read: impl ReadEvidence<E>,
    ) -> Result<Self, E> {
        let mut known = Self {
            charts: Charts::new(clues),
            base,
            vendored: BTreeSet::new(),
        };
        let names: Vec<Option<String>> = (seen.iter())
            .map(|seen| match seen.examined {
                Examined::Nothing { .. } | Examined::NotYaml { .. } => {
                    known.base.within(&seen.path)
                }
                _ => None,
            })
            .collect();
        known.take_charts(names.iter().flatten(), &read)?;
        known.take_settings(names.iter().flatten(), by_settings);
        known.take_layers(&read)?;
        let is_values = |name: &String| known.charts.values(name).is_some();
        let chosen: Vec<String> = names
            .iter()
            .flatten()
            .filter(|name| is_values(name))
            .cloned()
            .collect();
        if chosen.is_empty() {
            return Ok(known);
        }
        let contents: BTreeMap<String, Result<Vec<u8>, String>> =
            read(&chosen)?.into_iter().collect();
        let todo: Vec<(usize, &String)> = (names.iter().enumerate())
            .filter_map(|(index, name)| Some((index, name.as_ref()?)))
            .filter(|(_, name)| contents.contains_key(*name))
            .collect();
        let examined = threads::map(&todo, |(_, name)| match &contents[*name] {
            Ok(content) => Some(known.examine(name, content, kinds, questions)?),
            // It was read before, so it changed meanwhile.
            Err(_) => None,
        });
        for ((index, _), examined) in todo.into_iter().zip(examined) {
            if let Some(examined) = examined {
                seen[index].examined = examined;
            }
        }
        Ok(known)
    }

    /// What a content of a file is, if the file is values.
    pub(super) fn examine(
        &self,
        name: &str,
        content: &[u8],
        kinds: &Kinds,
        questions: &impl Questions,
    ) -> Option<Examined> {
        let chart = self.charts.values(name)?;
        let mut examined = examine_values(content, chart, kinds, questions);
        if let Examined::Manifest {
            objects,
            questions: due,
            ..
        } = &mut examined
        {
            if self.vendored.contains(folder(name)) {
                return Some(Examined::Vendored);
            }
            if self.hold_overridden(name, objects) {
                *due = questions(objects);
            }
        }
        Some(examined)
    }

    /// Holds the images in a chart's own values over which an object sets another tag: a digest here would go with that tag. Says whether
    /// there are any.
    fn hold_overridden(&self, name: &str, objects: &mut [(usize, Object)]) -> bool {
        let Some(tags) = self.charts.over(name) else {
            return false;
        };
        let sites = objects.iter_mut().flat_map(|(_, object)| &mut object.sites);
        let mut is_held = false;
        for site in sites {
            let has_digest_key = match &site.slots {
                Slots::Parts(parts) => parts.digest.is_some(),
                Slots::Whole(_) | Slots::Behind(_) => false,
            };
            if let Some(file) = tags.get(&site.at).filter(|_| has_digest_key) {
                site.hold.get_or_insert_with(|| Hold::tag_set_by(file));
                is_held = true;
            }
        }
        is_held
    }

    /// As [`Self::examine`], of the file at a path.
    pub(super) fn examine_at(
        &self,
        path: &Path,
        content: &[u8],
        kinds: &Kinds,
        questions: &impl Questions,
    ) -> Option<Examined> {
        self.examine(&self.base.within(path)?, content, kinds, questions)
    }

    /// Takes the files of values beside a `Chart.yaml`.
    fn take_charts<'n, E>(
        &mut self,
        names: impl Iterator<Item = &'n String>,
        read: &impl ReadEvidence<E>,
    ) -> Result<(), E> {
        let values: Vec<&String> = names.filter(|name| is_named_values(name)).collect();
        // `shop/charts/web/values.yaml` is in the chart `shop`.
        let around = |name: &str| match folder(folder(name)) {
            "charts" => Some(String::new()),
            above => above.strip_suffix("/charts").map(str::to_owned),
        };
        let chart_of = |folder: &str| match folder {
            "" => "Chart.yaml".to_owned(),
            folder => format!("{folder}/Chart.yaml"),
        };
        let values_of = |folder: &str| chart_of(folder).replace("Chart.yaml", DEFAULTS);
        let mut files: BTreeSet<String> = BTreeSet::new();
        for name in &values {
            files.insert(chart_of(folder(name)));
            files.extend(around(name).map(|folder| chart_of(&folder)));
        }
        files.extend(self.charts.folders().map(chart_of));
        let values_beside = files.iter().map(|file| values_of(folder(file)));
        files.extend(values_beside.collect::<Vec<_>>());
        if files.is_empty() {
            return Ok(());
        }
        let contents: BTreeMap<String, Vec<u8>> = read(&Vec::from_iter(files))?
            .into_iter()
            .filter_map(|(file, content)| Some((file, content.ok()?)))
            .collect();
        let chart = |(file, content): (&String, &Vec<u8>)| {
            let folder = folder(file);
            let mut chart =
                first_document(content, |document| helm::chart_yaml(document)).flatten();
            if let (Some(chart), Some(values)) = (&mut chart, contents.get(&values_of(folder))) {
                let defaults = first_document(values, |values| shape::default_images(values));
                chart.defaults = defaults.unwrap_or_default();
            }
            (file.clone(), chart)
        };
        let is_chart = |(file, _): &(&String, &Vec<u8>)| file.ends_with("Chart.yaml");
        for (file, chart) in contents.iter().filter(is_chart).map(chart) {
            if let Some(chart) = chart {
                self.charts.add_folder(folder(&file), chart);
            }
        }
        for name in values {
            if contents.contains_key(&chart_of(folder(name))) {
                let chart = Of::Folder(folder(name).to_owned());
                self.charts.add(name.clone(), chart);
                let is_part =
                    around(name).is_some_and(|folder| contents.contains_key(&chart_of(&folder)));
                if is_part {
                    self.vendored.insert(folder(name).to_owned());
                }
            }
        }
        Ok(())
    }

    /// Takes note of where files of values choose images over each other.
    fn take_layers<E>(&mut self, read: &impl ReadEvidence<E>) -> Result<(), E> {
        let layers = self.charts.layers().to_vec();
        let files: BTreeSet<String> = layers.iter().flatten().cloned().collect();
        if files.is_empty() {
            return Ok(());
        }
        let chosen: BTreeMap<String, Vec<path::Path>> = read(&Vec::from_iter(files))?
            .into_iter()
            .filter_map(|(file, content)| {
                Some((
                    file,
                    first_document(&content.ok()?, |values| helm::chosen(values))?,
                ))
            })
            .collect();
        for layer in &layers {
            for file in layer {
                for (other, chosen) in layer
                    .iter()
                    .filter_map(|other| Some((other, chosen.get(other)?)))
                {
                    if other != file {
                        self.charts.add_over(other, file, chosen.clone());
                    }
                }
            }
        }
        Ok(())
    }

    /// Takes the files that settings name.
    fn take_settings<'n>(&mut self, names: impl Iterator<Item = &'n String>, globs: &Globs) {
        let Some(matcher) = GlobMatcher::new(globs) else {
            return;
        };
        for name in names {
            if self.charts.values(name).is_none() && matcher.matches(&self.base.root.join(name)) {
                self.charts.add(name.clone(), Of::Nothing);
            }
        }
    }

    /// Frees the images of HelmReleases whose chart is named elsewhere. Says whether there are any.
    pub(super) fn settle(&self, manifest: &mut ManifestFile, kinds: &Kinds) -> bool {
        let mut is_settled = false;
        let mut path = None;
        for (_, object) in &mut manifest.objects {
            if object.kind != "HelmRelease" || object.sites.is_empty() {
                continue;
            }
            let path =
                path.get_or_insert_with(|| self.base.within(&manifest.path).unwrap_or_default());
            if let Some(chart) = self.charts.release(path, &object.name) {
                let values = shape::release_values(&object.at);
                shape::settle_values(&values, Some(chart), &kinds.helm, &mut object.sites);
                is_settled = true;
            }
        }
        is_settled
    }
}

/// What the first document of a file says.
fn first_document<T>(content: &[u8], read: impl Fn(YamlNode<'_, '_>) -> T) -> Option<T> {
    let file = File::parse(std::str::from_utf8(content).ok()?).ok()?;
    let is_readable = !file.is_empty() && !file.is_refused(0);
    is_readable.then(|| read(file.document(0)))
}

/// The file with the own values of a chart.
const DEFAULTS: &str = "values.yaml";

/// `values.yaml`, `values-prod.yaml`, …
fn is_named_values(name: &str) -> bool {
    let name = name.rsplit('/').next().unwrap_or(name);
    name.starts_with("values") && (name.ends_with(".yaml") || name.ends_with(".yml"))
}

fn folder(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(folder, _)| folder)
}
