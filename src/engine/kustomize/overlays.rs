//! The kustomizations of a tree: which of them build on which file.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use super::compared::texts;
use super::delivery::Place;
use super::fate::{EntryId, Fate};
use super::field::Field;
use super::kustomization::{BoxedKustomization, Kustomization, unread};
use super::put::Directives;
use super::shift::Shifts;
use super::skaffold::Built;
use super::{MOST_STEPS, SHARED_STEPS, Target, parent, spend};
use crate::engine::hold::Hold;
use crate::engine::object::Object;
use crate::engine::site::Site;
use crate::engine::yaml::File;

/// So many reasons to doubt a kustomization are told.
const MOST_DOUBTS: usize = 8;

/// Why an entry is held that images may meet which are not followed.
const LOST: &str = "it may meet images that meet more entries than imago follows";

/// The kustomizations of a tree.
#[derive(Clone, Debug, Default)]
pub struct Overlays {
    pub(super) all: Vec<BoxedKustomization>,
    /// By folder: the kustomization in it.
    pub(super) folders: BTreeMap<String, usize>,
    /// By file: the kustomization that it is.
    pub(super) files: BTreeMap<String, usize>,
    /// By file: what of Flux and Argo CD stands in it, by its place.
    pub(super) deliveries: BTreeMap<String, BTreeMap<Place, usize>>,
    /// By file or folder: the kustomizations that build on it, and the step at which they take it in.
    pub(super) above: BTreeMap<String, Vec<(usize, usize)>>,
    /// By folder: what of Flux takes in every file below that no kustomization stands around.
    pub(super) generated: BTreeMap<String, Vec<(usize, usize)>>,
    /// The images that Skaffold builds.
    pub(super) built: Built,
    /// The files that are patches, each with the kustomizations that apply it, and its target there.
    pub(super) patches: BTreeMap<String, Vec<(usize, Target)>>,
    /// What holds an entry because of what it reaches.
    pub(super) bound: BTreeMap<EntryId, Hold>,
    /// Those that build on a file which cannot be read, and which the images of the run have to do with.
    pub(super) doubted: BTreeSet<usize>,
    /// Those whose entries meet images that are not followed.
    pub(super) lost: BTreeSet<usize>,
    /// By kustomization: the fields that it and those which it builds on name as images.
    pub(super) fields: BTreeMap<usize, Vec<Arc<[Field]>>>,
    /// Whether patches put in any image: then it counts by which names they find objects.
    pub(super) has_puts: bool,
    /// How many more images of patches in files of their own are followed.
    pub(super) puts_left: usize,
    /// How many more steps all images may take.
    pub(super) steps_left: Arc<AtomicUsize>,
}

impl Overlays {
    /// Links the kustomizations of a tree.
    pub fn new(all: Vec<BoxedKustomization>) -> Self {
        let mut above: BTreeMap<String, Vec<(usize, usize)>> = BTreeMap::new();
        let mut patches: BTreeMap<String, Vec<(usize, Target)>> = BTreeMap::new();
        for (index, kustomization) in all.iter().enumerate() {
            let mut note = |path: &String, step| {
                let above = above.entry(path.clone()).or_insert_with(single);
                if above.last().is_none_or(|(other, _)| *other != index) {
                    above.push((index, step));
                }
            };
            kustomization
                .resources
                .iter()
                .for_each(|path| note(path, 0));
            for (at, path) in kustomization.components.iter().enumerate() {
                note(path, at + 1);
            }
            for (path, target) in &kustomization.patches {
                note(path, kustomization.patched());
                patches
                    .entry(path.clone())
                    .or_insert_with(single)
                    .push((index, target.clone()));
            }
        }
        /// Most files are named by one kustomization, and a tree has many files.
        fn single<T>() -> Vec<T> {
            Vec::with_capacity(1)
        }
        let numbered = || all.iter().enumerate();
        let numbered = || numbered().filter(|(_, one)| one.delivery.is_none());
        let folders = numbered().map(|(index, one)| (parent(&one.file).to_owned(), index));
        let folders: BTreeMap<String, usize> = folders.collect();
        let files = numbered().map(|(index, one)| (one.file.clone(), index));
        let mut deliveries: BTreeMap<String, BTreeMap<Place, usize>> = BTreeMap::new();
        for (index, one) in all.iter().enumerate() {
            if let Some(place) = &one.delivery {
                let of_file = deliveries.entry(one.file.clone()).or_default();
                of_file.insert(place.clone(), index);
            }
        }
        let mut tree = Self {
            generated: generated(&all, &folders, &mut above),
            built: Built::of(&all),
            deliveries,
            files: files.collect(),
            folders,
            above,
            patches,
            has_puts: all.iter().any(|one| !one.puts.is_empty()),
            all,
            puts_left: MOST_STEPS,
            steps_left: Arc::new(AtomicUsize::new(SHARED_STEPS)),
            ..Self::default()
        };
        tree.hand_up_fields();
        tree
    }

    /// What a kustomization configures holds in all that build on it.
    fn hand_up_fields(&mut self) {
        let mut left = MOST_STEPS;
        for index in 0..self.all.len() {
            if self.all[index].fields.is_empty() {
                continue;
            }
            let fields = self.all[index].fields.clone();
            let mut met = BTreeSet::from([index]);
            let looked_at = match left {
                0 => 0,
                _ => self.add_above(parent(&self.all[index].file), &mut met),
            };
            if spend(&mut left, looked_at + met.len() * fields.len()).is_none() {
                left = 0;
                let why = "its `configurations` reach more kustomizations than imago follows";
                self.all[index].doubts.push(why.to_owned());
                continue;
            }
            for one in met {
                (self.fields.entry(one).or_default()).extend(fields.iter().cloned());
            }
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Whether any file is a patch.
    pub fn has_patches(&self) -> bool {
        !self.patches.is_empty()
    }

    /// Whether a kustomization takes the manifest for a patch.
    pub fn is_patch(&self, manifest: &str) -> bool {
        self.patches.contains_key(manifest)
    }

    /// The targets of a manifest that kustomizations take for a patch.
    pub fn targets(&self, manifest: &str) -> impl Iterator<Item = &Target> + Clone {
        let patches = self.patches.get(manifest).into_iter().flatten();
        patches.map(|(_, target)| target)
    }

    /// The files of patches that may put an image into these manifests.
    pub fn patches_above<'m>(
        &self,
        manifests: impl IntoIterator<Item = &'m str>,
    ) -> BTreeSet<&str> {
        let mut met = BTreeSet::new();
        manifests
            .into_iter()
            .for_each(|manifest| self.add_met(manifest, &mut met));
        let patches = met.iter().flat_map(|index| &self.all[*index].patches);
        patches.map(|(path, _)| path.as_str()).collect()
    }

    /// Takes note of what a file puts in that is a patch.
    pub fn take_patch<'o>(
        &mut self,
        file: &str,
        objects: impl Iterator<Item = &'o Object> + Clone,
    ) {
        let images = objects.clone().map(|object| object.sites.len()).sum();
        let none = Directives::default();
        for (index, target) in self.patches.get(file).into_iter().flatten() {
            let one = &mut self.all[*index];
            if spend(&mut self.puts_left, images).is_none() {
                let why = "its patches put in more images than imago follows";
                if one.doubts.last().is_none_or(|last| last != why) {
                    one.doubts.push(why.to_owned());
                }
                continue;
            }
            let directives = one.directives.get(file).unwrap_or(&none);
            for object in objects.clone() {
                one.puts.take(file, target, object, directives);
            }
            self.has_puts |= !one.puts.is_empty();
        }
    }

    /// The files with patches that may move what a kustomization above them finds by its place in a list: patches, and kustomizations that
    /// have some as texts. There are none in most trees.
    pub fn shifting_files(&self) -> BTreeSet<String> {
        let about_places = self.all.iter().filter(|one| one.is_about_places());
        let about_places = about_places.map(|one| &*one.file);
        let mut met = self.files_met(about_places);
        met.retain(|file| self.is_patch(file) || self.kustomization(file).is_some());
        met.into_iter().map(str::to_owned).collect()
    }

    /// Takes note of what the patches in one of [`Self::shifting_files`] do to lists. `None`: it cannot be read.
    pub fn take_shifts(&mut self, file: &str, read: Option<&File<'_>>) {
        for (index, target) in self.patches.get(file).into_iter().flatten() {
            take_shifts(&mut self.all[*index].shifts, target, read);
        }
        let Some((index, read)) = self.kustomization(file).zip(read) else {
            return;
        };
        if !read.is_empty() && !read.is_refused(0) {
            for (_, item, text) in texts(read.document(0)) {
                let (shifts, target) = (&mut self.all[index].shifts, Target::read(item));
                take_shifts(shifts, &target, File::parse(text).ok().as_ref());
            }
        }
    }

    /// Takes note that a file cannot be read which kustomizations build on, and whose images the entries of the run may meet.
    pub fn doubt(&mut self, file: &str, why: &str) {
        for (index, _) in self.takers(file).into_owned() {
            let doubts = &mut self.all[index].doubts;
            match doubts.len() {
                0..MOST_DOUBTS => doubts.push(unread(file, why)),
                MOST_DOUBTS => doubts.push("more files of it cannot be read".to_owned()),
                _ => {}
            }
            self.doubted.insert(index);
        }
    }

    /// Whether a kustomization builds on the manifest.
    pub fn reach(&self, manifest: &str) -> bool {
        !self.takers(manifest).is_empty() || self.built.reach(manifest)
    }

    /// The kustomizations that take in a file or a folder, and the step at which they do.
    pub(super) fn takers(&self, path: &str) -> Cow<'_, [(usize, usize)]> {
        let named = self.above.get(path).map_or(&[][..], Vec::as_slice);
        let generated = generating(path, &self.generated, &self.folders);
        match generated.is_empty() {
            true => Cow::Borrowed(named),
            false => Cow::Owned([named, &generated].concat()),
        }
    }

    /// The kustomization that a file is.
    pub fn kustomization(&self, file: &str) -> Option<usize> {
        self.files.get(file).copied()
    }

    /// Whether something of Flux or Argo CD stands in a file that puts entries on top of a kustomization.
    pub fn delivers(&self, file: &str) -> bool {
        self.deliveries.contains_key(file)
    }

    /// The files whose images the entries in these files may meet, and the folders of which Flux takes in all manifests.
    pub fn files_met<'f>(&self, files: impl IntoIterator<Item = &'f str>) -> BTreeSet<&str> {
        let mut due: Vec<usize> = Vec::new();
        for file in files {
            due.extend(self.files.get(file));
            due.extend(
                self.deliveries
                    .get(file)
                    .into_iter()
                    .flat_map(BTreeMap::values),
            );
        }
        let mut seen: BTreeSet<usize> = due.iter().copied().collect();
        // The entries of a component apply to all that those have gathered which include it.
        let mut components = due.clone();
        while let Some(index) = components.pop() {
            let above = self.above_one(index);
            let included = above.iter().filter(|(_, step)| *step > 0);
            for (includer, _) in included {
                if seen.insert(*includer) {
                    components.push(*includer);
                    due.push(*includer);
                }
            }
        }
        let mut below = BTreeSet::new();
        while let Some(index) = due.pop() {
            let one = &self.all[index];
            let patches = one.patches.iter().map(|(path, _)| path);
            if !one.texts.is_empty() {
                below.insert(one.file.as_str());
            }
            for path in one.resources.iter().chain(&one.components).chain(patches) {
                if self.generates(path) && !below.contains(path.as_str()) {
                    let inner = self.folders.range(format!("{path}/")..);
                    let inner = inner.take_while(|(folder, _)| is_below(folder, path));
                    due.extend(
                        inner
                            .map(|(_, inner)| *inner)
                            .filter(|inner| seen.insert(*inner)),
                    );
                }
                match self.folders.get(path) {
                    Some(folder) if seen.insert(*folder) => due.push(*folder),
                    Some(_) => {}
                    None => drop(below.insert(path.as_str())),
                }
            }
        }
        below
    }

    /// Whether Flux takes in all manifests of a folder, which has no kustomization.
    pub fn generates(&self, folder: &str) -> bool {
        self.generated.contains_key(folder)
    }

    /// What holds an entry of Flux or Argo CD in a document of a file because of what it reaches.
    pub fn hold_in_delivery(&self, file: &str, document: usize, site: &Site) -> Option<Hold> {
        let (mapping, at) = site.at.steps().split_last_chunk::<2>()?;
        let place = Place::new(document, mapping);
        let index = self.deliveries.get(file)?.get(&place)?;
        self.hold_of((*index, self.all[*index].entry_at(at)?))
    }

    /// What holds an entry because of what it reaches.
    pub(super) fn hold_of(&self, entry: EntryId) -> Option<Hold> {
        let lost = || self.lost.contains(&entry.0).then(|| Hold::unfollowed(LOST));
        self.bound.get(&entry).cloned().or_else(lost)
    }

    /// Takes note that not all images of a manifest are followed: every entry is held that they may meet.
    pub fn lose(&mut self, manifest: &str) {
        let mut lost = std::mem::take(&mut self.lost);
        let takers = self.takers(manifest).into_owned().into_iter();
        let takers = takers.map(|(index, _)| index);
        let mut due: Vec<usize> = takers.chain(self.kustomization(manifest)).collect();
        while let Some(index) = due.pop() {
            if lost.insert(index) {
                let components = self.all[index].components.iter();
                due.extend(components.filter_map(|folder| self.folders.get(folder)));
                due.extend(self.above_one(index).iter().map(|(above, _)| above));
            }
        }
        self.lost = lost;
    }

    /// Holds the entries that decide an image, or put in what is taken apart or compared further up. `hold` is what holds the image itself.
    pub fn bind(&mut self, fate: &Fate, hold: Option<&Hold>) {
        for entry in &fate.deciding {
            if let Some(hold) = hold {
                self.bound.entry(*entry).or_insert_with(|| hold.clone());
            }
        }
        for (entry, hold) in &fate.held {
            self.bound.entry(*entry).or_insert_with(|| hold.clone());
        }
    }

    /// Adds the kustomizations above a manifest, or the manifest itself and those above, to those that are known to be met.
    pub fn add_met(&self, manifest: &str, met: &mut BTreeSet<usize>) {
        if let Some(index) = self.kustomization(manifest)
            && met.insert(index)
        {
            self.add_above(parent(manifest), met);
        }
        self.add_above(manifest, met);
    }

    /// Adds the kustomizations above a file or a folder. Says how many were looked at.
    fn add_above(&self, path: &str, met: &mut BTreeSet<usize>) -> usize {
        let mut looked_at = 0;
        let first = self.takers(path);
        let mut due: Vec<&[(usize, usize)]> = vec![&first];
        while let Some(above) = due.pop() {
            looked_at += above.len();
            for (index, _) in above {
                if met.insert(*index) {
                    due.push(self.above_one(*index));
                }
            }
        }
        looked_at
    }

    /// The kustomizations that build on one, and the step at which they take it in.
    pub(super) fn above_one(&self, index: usize) -> &[(usize, usize)] {
        let one = &self.all[index];
        let above = self.above.get(parent(&one.file));
        match one.delivery {
            None => above.map_or(&[], Vec::as_slice),
            Some(_) => &[],
        }
    }

    /// Whether any kustomization has patches or replacements that may change an image.
    pub fn have_patches(&self) -> bool {
        let has_any =
            |one: &BoxedKustomization| !one.compared.is_empty() || !one.replacements.is_empty();
        self.all.iter().any(has_any)
    }

    /// Whether something of any kustomization is not followed.
    pub fn has_doubts(&self) -> bool {
        self.all.iter().any(|one| !one.doubts.is_empty())
    }

    /// One sentence for each of these kustomizations that is not followed, and for each other such one that builds on nothing that is
    /// known, or on what cannot be read.
    pub fn doubts(&self, met: &BTreeSet<usize>) -> Vec<String> {
        let builds_on_nothing = |one: &Kustomization| {
            one.resources.is_empty() && one.components.is_empty() && one.patches.is_empty()
        };
        let doubted = self.all.iter().enumerate().filter(|(index, one)| {
            let is_meant = met.contains(index) || self.doubted.contains(index);
            !one.doubts.is_empty() && (is_meant || builds_on_nothing(one))
        });
        let said = |(_, one): (usize, &BoxedKustomization)| {
            format!(
                "what `{}` makes of images is not known: {}",
                one.file,
                one.doubts.join(", and ")
            )
        };
        doubted.map(said).collect()
    }
}

/// Takes what a patch does to lists. `None`: it cannot be read.
fn take_shifts(shifts: &mut Shifts, target: &Target, read: Option<&File<'_>>) {
    let Some(read) = read else {
        return shifts.take_unread(target);
    };
    for number in 0..read.len() {
        match read.is_refused(number) {
            true => shifts.take_unread(target),
            false => shifts.take(target, read.document(number)),
        }
    }
}

fn is_below(path: &str, folder: &str) -> bool {
    let rest = path.strip_prefix(folder);
    rest.is_some_and(|rest| rest.starts_with('/'))
}

/// Folders of Flux without a kustomization, each with what puts entries on top of what Flux makes of it: all manifests below it, and the
/// kustomizations below it, which it does not look into.
///
/// <https://fluxcd.io/flux/components/kustomize/kustomizations/#generating-a-kustomizationyaml-file>
fn generated(
    all: &[BoxedKustomization],
    folders: &BTreeMap<String, usize>,
    above: &mut BTreeMap<String, Vec<(usize, usize)>>,
) -> BTreeMap<String, Vec<(usize, usize)>> {
    let mut generated: BTreeMap<String, Vec<(usize, usize)>> = BTreeMap::new();
    for (index, one) in all.iter().enumerate().filter(|(_, one)| one.generates) {
        let folder = one
            .resources
            .iter()
            .find(|folder| !folders.contains_key(*folder));
        if let Some(folder) = folder {
            generated
                .entry(folder.clone())
                .or_default()
                .push((index, 0));
        }
    }
    if !generated.is_empty() {
        for folder in folders.keys() {
            let of_flux = generating(folder, &generated, folders);
            if !of_flux.is_empty() {
                above.entry(folder.clone()).or_default().extend(of_flux);
            }
        }
    }
    generated
}

/// What of Flux takes in a file or a folder with a kustomization: that of the folders above it, up to the next one with a kustomization.
fn generating(
    path: &str,
    generated: &BTreeMap<String, Vec<(usize, usize)>>,
    folders: &BTreeMap<String, usize>,
) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut folder = path;
    while !generated.is_empty() && !folder.is_empty() {
        folder = parent(folder);
        if folders.contains_key(folder) {
            break;
        }
        found.extend(generated.get(folder).into_iter().flatten());
    }
    found
}
