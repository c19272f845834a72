//! Which files are the values of Helm charts. Nothing in such a file says so: evidence elsewhere does.
//!
//! A file is values by a `Chart.yaml` beside it, by an Application or a kustomization that names it, by a HelmRelease that gets it as a
//! ConfigMap, or by the setting `helm.values`. Evidence is read from the whole work tree, as that of kustomizations is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::examine::{Examined, Questions, examine_values};
use super::manifest::{Manifest, ManifestFile};
use super::overlays::{Base, KnownOverlays, ReadEvidence};
use super::threads;
use crate::engine::argocd;
use crate::engine::helm::{self, Chart, Charts, Chosen, Clue, DefaultImage, Of, Schema};
use crate::engine::hold::Hold;
use crate::engine::image::{ImageRef, Lookup};
use crate::engine::object::Object;
use crate::engine::path::{self, Step};
use crate::engine::shape::{self, Kinds};
use crate::engine::site::Site;
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
    /// The tags in files over others that get a digest beside them, by file and place.
    pinned: BTreeMap<(String, path::Path), Lookup>,
    /// Folders of charts that are parts of another chart.
    vendored: BTreeSet<String>,
}

/// Whether evidence from files that were not found by what was named may matter.
pub(super) fn is_wanted(seen: &[Seen], clues: &[Clue]) -> bool {
    let may_be_values = |seen: &Seen| match &seen.examined {
        Examined::Nothing { may_be_values, .. } => *may_be_values,
        examined => examined.is_not_yaml(),
    };
    clues.iter().any(Clue::needs_another) || seen.iter().any(may_be_values)
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
            pinned: BTreeMap::new(),
        };
        let name = |seen: &Seen| match &seen.examined {
            Examined::Nothing { .. } => known.base.within(&seen.path),
            examined if examined.is_not_yaml() => known.base.within(&seen.path),
            _ => None,
        };
        let names: Vec<Option<String>> = seen.iter().map(name).collect();
        known.take_charts(names.iter().flatten(), &read)?;
        known.take_settings(names.iter().flatten(), by_settings);
        let is_values = |name: &&String| known.charts.values(name).is_some();
        let chosen: BTreeSet<&String> = names.iter().flatten().filter(is_values).collect();
        if chosen.is_empty() {
            return Ok(known);
        }
        let deciding: BTreeSet<String> = known.charts.deciding().collect();
        let files = chosen.iter().map(|name| (*name).clone());
        let schemas = known.charts.known_folders().map(helm::schema_in);
        let files = files.chain(deciding.iter().cloned()).chain(schemas);
        let files: BTreeSet<String> = files.collect();
        let contents: BTreeMap<String, Result<Vec<u8>, String>> =
            read(&Vec::from_iter(files))?.into_iter().collect();
        let decide: Vec<&String> = contents
            .keys()
            .filter(|file| deciding.contains(*file))
            .collect();
        for folder in Vec::from_iter(known.charts.known_folders().map(str::to_owned)) {
            let content = contents.get(&helm::schema_in(&folder));
            let content = content.and_then(|content| content.as_ref().ok());
            if let Some(schema) = content.and_then(|content| Schema::read(content)) {
                known.charts.add_schema(&folder, schema);
            }
        }
        let said = threads::map(&decide, |file| said(contents[*file].as_deref()));
        let said = decide.into_iter().cloned().zip(said).collect();
        known.charts.settle(said);
        let todo: Vec<(usize, &String)> = (names.iter().enumerate())
            .filter_map(|(index, name)| {
                Some((index, name.as_ref().filter(|name| chosen.contains(name))?))
            })
            .collect();
        let examined = threads::map(&todo, |(index, name)| match contents.get(*name) {
            Some(Ok(content)) => {
                known.examine_alone(name, &seen[*index].path, content, kinds, questions)
            }
            // It was read before, so it changed meanwhile.
            Some(Err(_)) | None => None,
        });
        let over = todo.iter().zip(&examined);
        for ((_, name), examined) in over.filter(|((_, name), _)| deciding.contains(*name)) {
            if let Some(Examined::Manifest(manifest)) = examined {
                let sites = manifest
                    .objects
                    .iter()
                    .flat_map(|(_, object)| &object.sites);
                let pinned = sites.filter_map(|site| Some((site.at.clone(), pinned(site)?)));
                let named = pinned.map(|(at, tag)| (((*name).clone(), at), tag));
                known.pinned.extend(named);
            }
        }
        for ((index, name), examined) in todo.into_iter().zip(examined) {
            let Some(mut examined) = examined else {
                continue;
            };
            if let Examined::Manifest(manifest) = &mut examined {
                known.settle_layers(name, manifest, questions);
            }
            seen[index].examined = examined;
        }
        Ok(known)
    }

    /// What a content of a file is, if the file is values.
    pub(super) fn examine(
        &self,
        name: &str,
        path: &Path,
        content: &[u8],
        kinds: &Kinds,
        questions: &impl Questions,
    ) -> Option<Examined> {
        let mut examined = self.examine_alone(name, path, content, kinds, questions)?;
        if let Examined::Manifest(manifest) = &mut examined {
            self.settle_layers(name, manifest, questions);
        }
        Some(examined)
    }

    /// As [`Self::examine`], whatever the layers over the file say.
    fn examine_alone(
        &self,
        name: &str,
        path: &Path,
        content: &[u8],
        kinds: &Kinds,
        questions: &impl Questions,
    ) -> Option<Examined> {
        let chart = self.charts.values(name)?;
        let mut examined = examine_values(path, content, chart, kinds, questions);
        if let Examined::Manifest(manifest) = &mut examined {
            if self.vendored.contains(helm::folder_of(name)) {
                return Some(Examined::Vendored);
            }
            if let Some(schema) = self.charts.schema(name) {
                for (_, object) in &mut manifest.objects {
                    shape::hold_refused(&path::Path::root(), schema, &mut object.sites);
                }
                manifest.questions = questions(&manifest.objects);
            }
        }
        Some(examined)
    }

    /// Holds what other layers choose, and asks for what is left.
    fn settle_layers(&self, name: &str, manifest: &mut Manifest, questions: &impl Questions) {
        if self.hold_overridden(name, &mut manifest.objects) {
            manifest.questions = questions(&manifest.objects);
        }
    }

    /// Holds the images with a key for the digest that another layer chooses anew: a digest here would stay with that layer's tag. Says
    /// whether there are any.
    fn hold_overridden(&self, name: &str, objects: &mut [(usize, Object)]) -> bool {
        let sites = objects.iter_mut().flat_map(|(_, object)| &mut object.sites);
        let mut is_held = false;
        for site in sites.filter(|site| site.has_digest_key()) {
            let tag = |file: &str, at: &path::Path| {
                self.pinned.get(&(file.to_owned(), at.clone())).cloned()
            };
            if let Some((file, after)) = self.charts.chosen_by(name, &site.at, tag) {
                site.hold.get_or_insert_with(|| {
                    let mut hold = Hold::chosen_by(&format!("`{file}`"));
                    hold.after = after;
                    hold
                });
                is_held = true;
            }
        }
        is_held
    }

    /// As [`Self::hold_overridden`], of a HelmChart under the values of a HelmChartConfig.
    fn hold_configured(&self, chart: &mut Object) -> bool {
        let place = |site: &Site| {
            let steps = site.at.steps();
            let inside = steps
                .iter()
                .position(|step| matches!(step, Step::Inside(_)))?;
            Some(path::Path::from_iter(steps[inside + 1..].iter().cloned()))
        };
        let sites = chart.sites.iter();
        let by = |site: &Site| Some(self.charts.configured_by(chart, &place(site)?)?.to_owned());
        let by = sites.map(|site| by(site).filter(|_| site.has_digest_key()));
        let by: Vec<Option<String>> = by.collect();
        let mut is_held = false;
        for (site, file) in chart.sites.iter_mut().zip(by) {
            if let Some(file) = file {
                site.hold
                    .get_or_insert_with(|| Hold::chosen_by(&format!("`{file}`")));
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
        self.examine(&self.base.within(path)?, path, content, kinds, questions)
    }

    /// Takes the charts that files of values may be for, and those files that have a `Chart.yaml` beside them.
    fn take_charts<'n, E>(
        &mut self,
        names: impl Iterator<Item = &'n String>,
        read: &impl ReadEvidence<E>,
    ) -> Result<(), E> {
        let values: Vec<&String> = names.filter(|name| helm::is_named_values(name)).collect();
        let own = values.iter().map(|name| helm::folder_of(name));
        let outer = values.iter().filter_map(|name| around(name));
        let folders: BTreeSet<&str> = own.chain(outer).chain(self.charts.folders()).collect();
        if folders.is_empty() {
            return Ok(());
        }
        let files: Vec<String> = folders.into_iter().map(helm::chart_in).collect();
        let mut charts: BTreeSet<String> = BTreeSet::new();
        for (file, content) in read(&files)? {
            let chart = content.ok().and_then(|content| chart(&content));
            let folder = helm::folder_of(&file);
            // A chart whose file cannot be read is a chart of which nothing is known.
            self.charts
                .add_folder(folder, chart.unwrap_or_else(|| Chart::named("", None)));
            charts.insert(folder.to_owned());
        }
        for name in values {
            let folder = helm::folder_of(name);
            if charts.contains(folder) {
                self.charts.add(name.clone(), Of::Folder(folder.to_owned()));
                if around(name).is_some_and(|outer| charts.contains(outer)) {
                    self.vendored.insert(folder.to_owned());
                }
            }
        }
        self.charts.stack_folders();
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

    /// Holds images of values where kustomizations may put others over them, by patches of what gets the values. Says whether there are any.
    pub(super) fn hold_patched(
        &self,
        manifest: &mut ManifestFile,
        overlays: &KnownOverlays,
    ) -> bool {
        let Some(name) = self.base.within(&manifest.path) else {
            return false;
        };
        let takers = self.charts.takers(&name);
        let takers = Vec::from_iter(takers.filter(|(by, _)| overlays.reach(by)));
        if takers.is_empty() {
            return false;
        }
        let objects = &mut manifest.content.objects;
        let sites = objects.iter_mut().flat_map(|(_, object)| &mut object.sites);
        let mut is_held = false;
        for site in sites.filter(|site| site.hold.is_none()) {
            site.hold = overlays.hold_of_values(&takers, site);
            is_held |= site.hold.is_some();
        }
        is_held
    }

    /// Frees the images of HelmReleases whose chart is named elsewhere, and holds those of Applications that an ImageUpdater names. Says
    /// whether there are any.
    pub(super) fn settle(&self, manifest: &mut ManifestFile, kinds: &Kinds) -> bool {
        let mut is_settled = false;
        let mut path = None;
        for (_, object) in &mut manifest.content.objects {
            if object.sites.is_empty() {
                continue;
            }
            if (object.group(), &*object.kind) == (argocd::GROUP, "Application")
                && let Some(file) = self.charts.updater_of(object)
            {
                for site in &mut object.sites {
                    site.hold = Some(Hold::updated_by(file));
                }
                is_settled = true;
            }
            if (object.group(), &*object.kind) == ("helm.cattle.io", "HelmChart") {
                is_settled |= self.hold_configured(object);
            }
            if object.kind != "HelmRelease" {
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

/// The tag of an image that gets a digest in a key of its own.
fn pinned(site: &Site) -> Option<Lookup> {
    let is_due = site.has_digest_key() && site.hold.is_none() && site.ignored.is_none();
    let image = site.image.text().filter(|_| is_due)?;
    let image = ImageRef::parse(image).ok()?;
    image.tag()?;
    Some(image.lookup())
}

/// The folder of the chart around that of a file of values: `shop/charts/web/values.yaml` is in the chart `shop`.
fn around(name: &str) -> Option<&str> {
    match helm::folder_of(helm::folder_of(name)) {
        "charts" => Some(""),
        above => above.strip_suffix("/charts"),
    }
}

/// What a file of values says that decides what becomes of others.
fn said(content: Result<&[u8], &String>) -> (BTreeMap<path::Path, DefaultImage>, Chosen) {
    let Ok(Ok(text)) = content.map(std::str::from_utf8) else {
        return (BTreeMap::new(), Chosen::Anywhere);
    };
    let defaults = first_document(text, |values| shape::default_images(values));
    (defaults.unwrap_or_default(), Chosen::of_text(text))
}

/// The chart that a `Chart.yaml` describes.
fn chart(content: &[u8]) -> Option<Chart> {
    let text = std::str::from_utf8(content).ok()?;
    first_document(text, |document| helm::chart_yaml(document)).flatten()
}

fn first_document<T>(text: &str, read: impl Fn(YamlNode<'_, '_>) -> T) -> Option<T> {
    let file = File::parse(text).ok()?;
    let is_readable = !file.is_empty() && !file.is_refused(0);
    is_readable.then(|| read(file.document(0)))
}
